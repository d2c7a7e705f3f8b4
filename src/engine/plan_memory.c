/* SPDX-License-Identifier: MIT
 *
 * plan_memory.c - what a plan knows and did in one request (plan_parts.h): whether its gates are
 * open, what each of its steps has done so far, and where its loops stand. Nothing is allocated
 * after plan_memory_new.
 */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "engine/plan_parts.h"

struct plan_memory {
    size_t n_steps, n_gates;
    step_state *steps, *kept_steps; /* n_steps each, in one array */
    gate_state *gates, *kept_gates;
    persona_step_done *step_reports;
    persona_gate_done *gate_reports;
    float *row;
};

plan_memory *plan_memory_new(const persona_plan *p)
{
    plan_memory *m = mem_calloc(1, sizeof *m);
    if (m == NULL) {
        return NULL;
    }
    m->n_steps = p->n;
    m->n_gates = p->n_gates;
    m->steps = mem_calloc(2 * p->n, sizeof *m->steps);
    m->gates = mem_calloc(2 * p->n_gates + 1, sizeof *m->gates);
    m->step_reports = mem_calloc(p->n, sizeof *m->step_reports);
    m->gate_reports = mem_calloc(p->n_gates + 1, sizeof *m->gate_reports);
    m->row = mem_calloc((size_t)p->n_embd, sizeof *m->row);
    if (m->steps == NULL || m->gates == NULL || m->step_reports == NULL ||
        m->gate_reports == NULL || m->row == NULL) {
        plan_memory_free(m);
        return NULL;
    }
    m->kept_steps = m->steps + p->n;
    m->kept_gates = m->gates + p->n_gates;
    return m;
}

void plan_memory_free(plan_memory *m)
{
    if (m != NULL) {
        mem_free(m->steps);
        mem_free(m->gates);
        mem_free(m->step_reports);
        mem_free(m->gate_reports);
        mem_free(m->row);
        mem_free(m);
    }
}

void plan_memory_next(plan_memory *m, const persona_plan *p)
{
    for (size_t i = 0; i < m->n_gates; i++) {
        gate_state *g = &m->gates[i];
        const persona_gate *x = &p->gates[i].gate;
        if (g->read && g->open) {
            g->open = x->above ? !(g->z < (double)x->close) : !(g->z > (double)x->close);
        } else if (g->read) {
            g->open = x->above ? g->z > (double)x->open : g->z < (double)x->open;
        }
        g->read = false;
    }
}

void plan_memory_keep(plan_memory *m)
{
    memcpy(m->kept_steps, m->steps, m->n_steps * sizeof *m->steps);
    memcpy(m->kept_gates, m->gates, m->n_gates * sizeof *m->gates);
}

void plan_memory_undo(plan_memory *m)
{
    memcpy(m->steps, m->kept_steps, m->n_steps * sizeof *m->steps);
    memcpy(m->gates, m->kept_gates, m->n_gates * sizeof *m->gates);
}

gate_state *plan_memory_gates(plan_memory *m)
{
    return m->gates;
}

step_state *plan_memory_steps(plan_memory *m)
{
    return m->steps;
}

float *plan_memory_row(plan_memory *m)
{
    return m->row;
}

/* ---- the tally ------------------------------------------------------------------------------- */

void edit_tally_add(edit_tally *t, int block, double moved, double norm)
{
    t->n++;
    t->moved += moved;
    if (!(norm > 0)) {
        return;
    }
    const double ratio = moved / norm, at = RATIO_DECADE * log10(ratio / RATIO_LEAST);
    const double last = RATIO_BINS - 1;
    t->bins[(size_t)fmin(fmax(at, 0), last)]++;
    t->n_ratios++;
    t->ratios += ratio;
    if (ratio > t->most) {
        t->most = ratio;
        t->most_block = block;
    }
}

/* Within a bin the rows are taken to be spread evenly; no quantile is beyond the most. */
double edit_tally_quantile(const edit_tally *t, double q)
{
    const double rank = q * (double)t->n_ratios;
    double below = 0;
    size_t i = 0;
    if (t->n_ratios == 0) {
        return (double)NAN;
    }
    while (i + 1 < RATIO_BINS && below + t->bins[i] < rank) {
        below += t->bins[i++];
    }
    const double share = t->bins[i] > 0 ? (rank - below) / t->bins[i] : 0;
    return fmin(RATIO_LEAST * pow(10, ((double)i + share) / RATIO_DECADE), t->most);
}

/* ---- the report ------------------------------------------------------------------------------ */

static double mean_of(double sum, size_t n)
{
    return n > 0 ? sum / (double)n : (double)NAN;
}

static void report_step(const plan_step *st, const step_state *s, persona_step_done *out)
{
    const double sign = (double)st->sign;
    *out = (persona_step_done){.op = st->op->op,
                               .name = st->op->name,
                               .block = st->block,
                               .phases = st->phases,
                               .n = s->n,
                               .asked = sign * mean_of(s->asked, s->n),
                               .measured = sign * mean_of(s->measured, s->n),
                               .n_read = s->n_read,
                               .n_out = s->n_out,
                               .smooth = s->n_read > 0 ? s->smooth : (double)NAN,
                               .most = s->most};
}

void plan_memory_report(const persona_plan *p, plan_memory *m, const edit_tally *t,
                        persona_steered *out)
{
    *out = (persona_steered){.n_tokens = t->n_tokens,
                             .n_measured = t->n_ratios,
                             .ratio_mean = mean_of(t->ratios, t->n_ratios),
                             .ratio_p95 = edit_tally_quantile(t, 0.95),
                             .ratio_most = t->n_ratios > 0 ? t->most : (double)NAN,
                             .most_block = t->n_ratios > 0 ? t->most_block : -1,
                             .n_over = t->n_over};
    if (m == NULL) {
        return;
    }
    for (size_t i = 0; i < m->n_steps; i++) {
        report_step(&p->steps[i], &m->steps[i], &m->step_reports[i]);
    }
    for (size_t i = 0; i < m->n_gates; i++) {
        const gate_state *g = &m->gates[i];
        m->gate_reports[i] = (persona_gate_done){
            .block = p->gates[i].gate.block, .n_read = g->n_read, .n_open = g->n_open};
    }
    out->guard = p->guard;
    out->steps = m->step_reports;
    out->n_steps = m->n_steps;
    out->gates = m->gate_reports;
    out->n_gates = m->n_gates;
}
