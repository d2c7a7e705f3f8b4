/* SPDX-License-Identifier: MIT
 *
 * plan_row.c - a plan on one row, inside the graph: gates are read, the steps that act are applied
 * in their order, and what came of it is measured, along each step's direction and as a share of
 * the row's length. Nothing is allocated.
 *
 * A gate's reading counts from the next token on, so the order of blocks does not matter. What is
 * measured is the row itself, before and after: with several steps at a block, or a guard that
 * scales an edit down, it may differ from what each step asked for.
 */
#include <math.h>
#include <string.h>

#include "base/linalg.h"
#include "engine/plan_parts.h"

/* The loop of HOLD. Smoothing as of drift charts (lambda 0.2); no action on the first token, which
 * tells little; the integral's gain per token; what begins out of the band ends at this share of
 * it, else the coordinate would stay at its edge; and what is left of the integral per token of
 * rest, so that a trait that drifts out again is met sooner. */
#define SMOOTHING 0.2
#define WARM_UP 1
#define GAIN 1
#define INNER 0.5
#define FADING 0.98

/* ---- conditions ------------------------------------------------------------------------------ */

/* Reply tokens before this one that the step's phases select. */
static size_t index_of(const plan_step *st, const plan_token *t)
{
    size_t n = 0;
    for (token_phase ph = PHASE_RESPONSE; ph < N_PHASES; ph++) {
        n += plan_acts(st, ph) ? t->before[ph] : 0;
    }
    return n;
}

static bool in_window(const plan_step *st, const plan_token *t)
{
    const plan_when *w = &st->when;
    if (w->first == 0 && w->after == 0) {
        return true;
    }
    const size_t i = index_of(st, t);
    return t->replied ? i >= w->after && (w->first == 0 || i - w->after < w->first) : w->after == 0;
}

static bool gates_are_open(const plan_step *st, const gate_state *gates)
{
    bool open = true;
    for (uint64_t left = st->when.gates, i = 0; left != 0 && open; left >>= 1, i++) {
        open = (left & 1) == 0 || gates[i].open;
    }
    return open;
}

static bool acts_now(const plan_step *st, const plan_token *t, plan_memory *m)
{
    return plan_acts(st, t->phase) && in_window(st, t) && !(st->when.syntax_off && t->code) &&
           gates_are_open(st, plan_memory_gates(m));
}

/* Gates and loops look at tokens on which they do not act, too. */
static bool reads_gates(const plan_token *t)
{
    return t->phase != PHASE_PROMPT;
}

static bool reads_loop(const plan_step *st, const plan_token *t)
{
    return st->op->holds && plan_acts(st, t->phase) && t->replied;
}

bool plan_wants(const persona_plan *p, int block, const plan_token *t, plan_memory *m)
{
    bool wants = false;
    for (size_t i = 0; i < p->n_gates && reads_gates(t); i++) {
        wants = wants || p->gates[i].gate.block == block;
    }
    for (size_t i = p->first[block]; i < p->first[block + 1] && !wants; i++) {
        wants = acts_now(&p->steps[i], t, m) || reads_loop(&p->steps[i], t);
    }
    return wants;
}

static void read_gates(const persona_plan *p, int block, plan_memory *m, const float *h)
{
    for (size_t i = 0; i < p->n_gates; i++) {
        const plan_gate *x = &p->gates[i];
        gate_state *g = &plan_memory_gates(m)[i];
        if (x->gate.block == block) {
            const double at = vec_dot(h, x->u, (size_t)p->n_embd);
            g->z = (at - (double)x->gate.mean) / (double)x->gate.sd;
            g->read = true;
            g->n_read++;
            g->n_open += g->open;
        }
    }
}

/* Takes the coordinate p of a token into the loop, which winds up only where it may act (s->acted:
 * window, conditions and syntax let it). True: s->integral is the shift to make. */
static bool loop_acts(const plan_step *st, step_state *s, size_t n, double p)
{
    const double gain = (double)st->data[n], aim = (double)st->data[n + 1];
    const double band = (double)st->data[n + 2], limit = (double)st->data[n + 3];
    s->smooth = s->n_read == 0 ? p : s->smooth + SMOOTHING * (p - s->smooth);
    s->n_read++;
    const double off = aim - s->smooth;
    const bool out = fabs(off) > band;
    s->n_out += out;
    s->holding = s->n_read > WARM_UP && (out || (s->holding && fabs(off) > INNER * band));
    if (!s->holding || !s->acted) {
        s->integral *= FADING;
        return false;
    }
    if (s->integral * off < 0) {
        s->integral = 0; /* what pushed the other way is over */
    }
    s->integral = fmin(fmax(s->integral + GAIN * gain * off, -limit), limit);
    return true;
}

/* ---- rows ------------------------------------------------------------------------------------ */

/* Which steps of the block act on this row; loops read it. Returns how many. */
static size_t choose(const persona_plan *p, int block, const plan_token *t, plan_memory *m,
                     const float *h)
{
    const size_t n = (size_t)p->n_embd;
    size_t n_acting = 0;
    for (size_t i = p->first[block]; i < p->first[block + 1]; i++) {
        const plan_step *st = &p->steps[i];
        step_state *s = &plan_memory_steps(m)[i];
        s->acted = acts_now(st, t, m);
        if (s->acted || reads_loop(st, t)) {
            s->before = step_project(st, h, n);
        }
        if (st->op->holds) {
            const bool acts = reads_loop(st, t) && loop_acts(st, s, n, s->before);
            s->acted = s->acted && acts;
        }
        n_acting += s->acted;
    }
    return n_acting;
}

/* Applies the chosen steps; returns the sum of their movements. */
static double act(const persona_plan *p, int block, plan_memory *m, double norm, float *h)
{
    const size_t n = (size_t)p->n_embd;
    double moved = 0;
    for (size_t i = p->first[block]; i < p->first[block + 1]; i++) {
        const plan_step *st = &p->steps[i];
        step_state *s = &plan_memory_steps(m)[i];
        if (!s->acted) {
            continue;
        }
        const bool fresh = moved == 0;
        const row_at at = {.p = fresh ? s->before : step_project(st, h, n),
                           .norm = fresh ? norm : vec_norm(h, n),
                           .shift = s->integral};
        const double asked = st->op->asked(st, n, &at), by = step_apply(st, h, n, &at);
        s->acted = by > 0;
        s->asked += s->acted ? asked : 0;
        moved += by;
    }
    return moved;
}

static double distance(const float *a, const float *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        const double d = (double)a[i] - (double)b[i];
        sum += d * d;
    }
    return sqrt(sum);
}

/* The guard over a row that moved this far; returns how far it has moved then. */
static double watch(const persona_plan *p, int block, plan_memory *m, edit_tally *tally,
                    double moved, double norm, float *h)
{
    const float *before = plan_memory_row(m);
    const double limit = (double)p->guard.ratio * norm;
    if (p->guard.mode == PERSONA_GUARD_OFF || !(moved > limit) || tally->rejected) {
        return moved;
    }
    tally->n_over++;
    if (p->guard.mode == PERSONA_GUARD_REJECT) {
        tally->rejected = true;
        tally->rejected_ratio = moved / norm;
        tally->rejected_block = block;
    }
    if (p->guard.mode != PERSONA_GUARD_CLAMP) {
        return moved;
    }
    const double scale = limit / moved;
    for (size_t i = 0; i < (size_t)p->n_embd; i++) {
        h[i] = (float)((double)before[i] + scale * ((double)h[i] - (double)before[i]));
    }
    return limit;
}

static void measure(const persona_plan *p, int block, plan_memory *m, const float *h)
{
    for (size_t i = p->first[block]; i < p->first[block + 1]; i++) {
        step_state *s = &plan_memory_steps(m)[i];
        if (s->acted) {
            const double by = step_project(&p->steps[i], h, (size_t)p->n_embd) - s->before;
            s->n++;
            s->measured += by;
            s->most = fmax(s->most, fabs(by));
        }
    }
}

bool plan_apply(const persona_plan *p, int block, const plan_token *t, plan_memory *m,
                edit_tally *tally, float *row)
{
    const size_t n = (size_t)p->n_embd;
    if (reads_gates(t)) {
        read_gates(p, block, m, row);
    }
    const size_t n_acting = choose(p, block, t, m, row);
    if (n_acting == 0) {
        return false;
    }
    const bool compare = n_acting > 1 || p->guard.mode == PERSONA_GUARD_CLAMP;
    const double norm = vec_norm(row, n);
    if (compare) {
        memcpy(plan_memory_row(m), row, n * sizeof *row);
    }
    double moved = act(p, block, m, norm, row);
    if (!(moved > 0)) {
        return false;
    }
    moved = n_acting > 1 ? distance(row, plan_memory_row(m), n) : moved;
    moved = watch(p, block, m, tally, moved, norm, row);
    edit_tally_add(tally, block, moved, norm);
    measure(p, block, m, row);
    return true;
}

void plan_tally_cvec(const persona_plan *p, plan_memory *m, edit_tally *tally)
{
    tally->n += p->n;
    for (size_t i = 0; i < p->n; i++) {
        step_state *s = &plan_memory_steps(m)[i];
        const double length = (double)p->steps[i].data[p->n_embd];
        tally->moved += length;
        s->n++;
        s->asked += length;
        s->measured = (double)NAN; /* nobody sees the row */
    }
}
