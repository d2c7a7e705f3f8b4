/* SPDX-License-Identifier: MIT
 *
 * plan.c - steering plans: a list of edits, merged and sorted so that applying one costs nothing
 * that could have been done before. What the operators are is operator.c's; edits that merge (equal
 * operator, block and phases) become one step here, and what does nothing (alpha 0) is dropped
 * here, so that it cannot change a single bit later.
 *
 * A token is in one of four phases (phase_of). The fingerprints, one per phase, tell whether keys
 * and values computed under one plan may be reused under another (a prompt prefix is only shared
 * between requests that steer it alike). What depends on the request, its windows, gates and loops,
 * has none that another request could have.
 */
#include <float.h>
#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "base/hash.h"
#include "base/linalg.h"
#include "base/mem.h"
#include "base/try.h"
#include "engine/plan_parts.h"

/* The bits of an edit's mask that each phase of a token answers to. */
static const unsigned PHASE_BITS[N_PHASES] = {
    [PHASE_PROMPT] = PERSONA_PHASE_PROMPT,
    [PHASE_RESPONSE] = PERSONA_PHASE_RESPONSE,
    [PHASE_ANALYSIS] = PERSONA_PHASE_RESPONSE | PERSONA_PHASE_ANALYSIS,
    [PHASE_FINAL] = PERSONA_PHASE_RESPONSE | PERSONA_PHASE_FINAL,
};
#define PHASE_BITS_ALL                                                                             \
    (PERSONA_PHASE_PROMPT | PERSONA_PHASE_RESPONSE | PERSONA_PHASE_ANALYSIS | PERSONA_PHASE_FINAL)

token_phase phase_of(token_at at)
{
    if (at.pos + 1 < at.n_prompt) {
        return PHASE_PROMPT;
    }
    if (at.pos < at.n_prompt) {
        return PHASE_RESPONSE;
    }
    return at.class == TOKEN_ANALYSIS ? PHASE_ANALYSIS
           : at.class == TOKEN_ANSWER ? PHASE_FINAL
                                      : PHASE_RESPONSE;
}

/* RESPONSE holds the two other phases of a reply; without a bit: everything. */
static unsigned normal_mask(unsigned phases)
{
    if (phases == 0) {
        return PERSONA_PHASE_ALL;
    }
    return (phases & PERSONA_PHASE_RESPONSE) != 0 ? phases & PERSONA_PHASE_ALL : phases;
}

/* A loop is over the tokens of one text: the answer, or the thoughts. 0: neither. */
static unsigned mask_of(const persona_edit *x)
{
    const unsigned phases = normal_mask(x->phases);
    if (!operator_row(x->op)->holds) {
        return phases;
    }
    return (phases & (PERSONA_PHASE_RESPONSE | PERSONA_PHASE_FINAL)) != 0
               ? PERSONA_PHASE_FINAL
               : phases & PERSONA_PHASE_ANALYSIS;
}

static size_t data_length(const persona_plan *p, const plan_operator *op)
{
    return op->n_vectors * (size_t)p->n_embd + op->n_numbers;
}

bool plan_acts(const plan_step *st, token_phase phase)
{
    return (st->phases & PHASE_BITS[phase]) != 0;
}

bool plan_step_is_fixed(const plan_step *st, token_phase phase)
{
    const plan_when *w = &st->when;
    return !plan_acts(st, phase) || phase == PHASE_PROMPT ||
           (w->first == 0 && w->after == 0 && !w->syntax_off && w->gates == 0 && !st->op->holds);
}

/* A step that acts on the prompt does so if no window or gate shuts it out. */
static bool acts_if_fixed(const plan_step *st, token_phase phase)
{
    return plan_acts(st, phase) &&
           (phase != PHASE_PROMPT || (st->when.after == 0 && st->when.gates == 0));
}

/* 0 when no step acts in the phase. */
static uint64_t fingerprint(const persona_plan *p, token_phase phase)
{
    uint64_t h = 0;
    for (size_t i = 0; i < p->n; i++) {
        const plan_step *st = &p->steps[i];
        if (!plan_step_is_fixed(st, phase)) {
            return PLAN_ALONE;
        }
        if (!acts_if_fixed(st, phase)) {
            continue;
        }
        if (h == 0) {
            h = HASH_SEED;
        }
        h = hash_bytes(h, st->op->name, strlen(st->op->name));
        h = hash_bytes(h, &st->block, sizeof st->block);
        h = hash_bytes(h, st->data, data_length(p, st->op) * sizeof *st->data);
    }
    if (h != 0 && p->guard.mode == PERSONA_GUARD_REJECT) {
        return PLAN_ALONE; /* rows that were taken over would not be measured */
    }
    if (h != 0 && p->guard.mode == PERSONA_GUARD_CLAMP) {
        h = hash_bytes(h, &p->guard.ratio, sizeof p->guard.ratio);
    }
    return h < PLAN_ALONE ? h : 1;
}

static void take_fingerprints(persona_plan *p)
{
    for (token_phase ph = 0; ph < N_PHASES; ph++) {
        p->ids[ph] = fingerprint(p, ph);
    }
}

/* ---- checks ---------------------------------------------------------------------------------- */

static persona_code check_gate(const persona_gate *g, int n_layer, int n_embd, persona_err *e)
{
    size_t bad;
    if (g->block < 0 || g->block >= n_layer - 1) {
        return persona_err_set(e, PERSONA_E_SHAPE, "plan: a gate at block %d is outside 0..%d",
                               g->block, n_layer - 2);
    }
    if (!isfinite(g->mean) || !isfinite(g->sd) || !isfinite(g->open) || !isfinite(g->close) ||
        !vec_finite(g->v, (size_t)n_embd, &bad) || !(vec_norm(g->v, (size_t)n_embd) > 0)) {
        return persona_err_set(e, PERSONA_E_NUMERIC,
                               "plan: a number of the gate at block %d is not finite, or its probe "
                               "has no direction",
                               g->block);
    }
    if (!(g->sd > 0)) {
        return persona_err_set(e, PERSONA_E_NUMERIC,
                               "plan: the gate at block %d has the standard deviation %g", g->block,
                               (double)g->sd);
    }
    if (g->above ? g->close > g->open : g->close < g->open) {
        return persona_err_set(e, PERSONA_E_USAGE,
                               "plan: a gate that opens %s %g cannot close at %g",
                               g->above ? "above" : "below", (double)g->open, (double)g->close);
    }
    return PERSONA_OK;
}

static persona_code check_loop(const persona_edit *x, persona_err *e)
{
    if (!(x->band >= 0) || !(x->limit > 0) || !isfinite(x->band) ||
        !((double)x->limit * (double)x->limit < (double)FLT_MAX)) {
        return persona_err_set(e, PERSONA_E_USAGE,
                               "plan: 'hold' at block %d wants a band of at least 0 and a limit "
                               "above 0, not %g and %g",
                               x->block, (double)x->band, (double)x->limit);
    }
    if (mask_of(x) == 0) {
        return persona_err_set(e, PERSONA_E_USAGE,
                               "plan: 'hold' at block %d acts on replies, not on prompts",
                               x->block);
    }
    return PERSONA_OK;
}

static persona_code check_edit(const persona_edit *x, int n_layer, int n_embd, persona_err *e)
{
    const plan_operator *op = operator_row(x->op);
    size_t bad;
    if (op == NULL) {
        return persona_err_set(e, PERSONA_E_USAGE, "plan: operator %d is unknown", (int)x->op);
    }
    if (x->block < 0 || x->block >= n_layer) {
        return persona_err_set(e, PERSONA_E_SHAPE, "plan: block %d is outside 0..%d", x->block,
                               n_layer - 1);
    }
    if ((x->phases & ~PHASE_BITS_ALL) != 0) {
        return persona_err_set(e, PERSONA_E_USAGE, "plan: phases 0x%x at block %d are unknown",
                               x->phases, x->block);
    }
    if (!isfinite(x->alpha) || !isfinite(x->x)) {
        return persona_err_set(e, PERSONA_E_NUMERIC,
                               "plan: the coefficient at block %d is not finite", x->block);
    }
    if (x->alpha < op->least || x->alpha > op->most) {
        return persona_err_set(
            e, PERSONA_E_USAGE, "plan: '%s' at block %d takes a strength of %g to %g, not %g",
            op->name, x->block, (double)op->least, (double)op->most, (double)x->alpha);
    }
    if (op->limits && !((double)x->x * (double)x->x < (double)FLT_MAX)) {
        return persona_err_set(e, PERSONA_E_NUMERIC,
                               "plan: '%s' at block %d wants the coordinate %g, too large for "
                               "float32 arithmetic",
                               op->name, x->block, (double)x->x);
    }
    if (!vec_finite(x->v, (size_t)n_embd, &bad)) {
        return persona_err_set(e, PERSONA_E_NUMERIC,
                               "plan: component %zu of the vector at block %d is not finite", bad,
                               x->block);
    }
    if (!op->merges && x->alpha != 0.0F && !(vec_norm(x->v, (size_t)n_embd) > 0)) {
        return persona_err_set(e, PERSONA_E_NUMERIC,
                               "plan: the vector at block %d, for '%s', has no direction", x->block,
                               op->name);
    }
    persona_code rc = PERSONA_OK;
    if (op->holds && x->alpha != 0.0F) {
        TRY(check_loop(x, e));
    }
    for (size_t i = 0; i < x->n_gates; i++) {
        TRY(check_gate(&x->gates[i], n_layer, n_embd, e));
    }
out:
    return rc;
}

/* ---- making ---------------------------------------------------------------------------------- */

static bool same_gate(const persona_plan *p, const plan_gate *a, const persona_gate *b)
{
    const persona_gate *g = &a->gate;
    return g->block == b->block && g->mean == b->mean && g->sd == b->sd && g->above == b->above &&
           g->open == b->open && g->close == b->close &&
           memcmp(g->v, b->v, (size_t)p->n_embd * sizeof *b->v) == 0;
}

/* Copies a gate that the plan does not have yet; equal ones share their state. */
static persona_code add_gate(persona_plan *p, const persona_gate *x, uint64_t *bits, persona_err *e)
{
    const size_t d = (size_t)p->n_embd;
    size_t i = 0;
    while (i < p->n_gates && !same_gate(p, &p->gates[i], x)) {
        i++;
    }
    if (i == PERSONA_PLAN_GATES) {
        return persona_err_set(e, PERSONA_E_USAGE, "plan: more than %d gates", PERSONA_PLAN_GATES);
    }
    *bits |= (uint64_t)1 << i;
    if (i < p->n_gates) {
        return PERSONA_OK;
    }
    plan_gate *grown = mem_realloc(p->gates, p->n_gates + 1, sizeof *grown);
    float *both = mem_calloc(2 * d, sizeof *both); /* u, then v as it was given */
    p->gates = grown != NULL ? grown : p->gates;
    if (grown == NULL || both == NULL) {
        mem_free(both);
        return mem_err(e, "a steering plan");
    }
    const double length = vec_norm(x->v, d);
    for (size_t k = 0; k < d; k++) {
        both[k] = (float)((double)x->v[k] / length);
    }
    memcpy(both + d, x->v, d * sizeof *both);
    p->gates[p->n_gates++] = (plan_gate){.gate = *x, .u = both};
    p->gates[i].gate.v = both + d;
    return PERSONA_OK;
}

static persona_code when_of(persona_plan *p, const persona_edit *x, plan_when *w, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    *w = (plan_when){.first = x->first, .after = x->after, .syntax_off = x->syntax_off};
    for (size_t i = 0; i < x->n_gates; i++) {
        TRY(add_gate(p, &x->gates[i], &w->gates, e));
    }
out:
    return rc;
}

static bool same_when(const plan_when *a, const plan_when *b)
{
    return a->first == b->first && a->after == b->after && a->syntax_off == b->syntax_off &&
           a->gates == b->gates;
}

/* Finds the step to merge with, or opens a new one; steps are sorted afterwards. */
static persona_code merge_edit(persona_plan *p, const persona_edit *x, persona_err *e)
{
    const plan_operator *op = operator_row(x->op);
    const unsigned phases = mask_of(x);
    const float sign = op->merges && x->alpha < 0 ? -1.0F : 1.0F;
    plan_step *st = NULL;
    plan_when when;
    const persona_code rc = when_of(p, x, &when, e);
    if (rc != PERSONA_OK) {
        return rc;
    }
    for (size_t i = 0; op->merges && i < p->n; i++) {
        plan_step *o = &p->steps[i];
        if (o->op == op && o->block == x->block && o->phases == phases &&
            same_when(&o->when, &when)) {
            st = o;
            st->sign = st->sign == sign ? sign : 1.0F;
        }
    }
    if (st == NULL) {
        st = &p->steps[p->n];
        st->data = mem_calloc(data_length(p, op), sizeof *st->data);
        if (st->data == NULL) {
            return mem_err(e, "a steering plan");
        }
        st->op = op;
        st->block = x->block;
        st->phases = phases;
        st->when = when;
        st->sign = sign;
        p->n++;
    }
    op->merge(st->data, x, (size_t)p->n_embd);
    return PERSONA_OK;
}

static persona_code finish_steps(persona_plan *p, persona_err *e)
{
    for (size_t i = 0; i < p->n; i++) {
        plan_step *st = &p->steps[i];
        size_t bad;
        if (st->op->finish != NULL) {
            st->op->finish(st->data, (size_t)p->n_embd);
        }
        if (!vec_finite(st->data, data_length(p, st->op), &bad)) {
            return persona_err_set(e, PERSONA_E_NUMERIC,
                                   "plan: '%s' at block %d moves further than the model's float32 "
                                   "can compute with (use a smaller coefficient)",
                                   st->op->name, st->block);
        }
    }
    return PERSONA_OK;
}

/* Whether edits that merge have come to nothing. */
static bool vanished(const persona_plan *p, const plan_step *st)
{
    size_t i = 0;
    while (st->op->merges && i < (size_t)p->n_embd && st->data[i] == 0.0F) {
        i++;
    }
    return i == (size_t)p->n_embd;
}

static void drop_vanished(persona_plan *p)
{
    size_t kept = 0;
    for (size_t i = 0; i < p->n; i++) {
        if (vanished(p, &p->steps[i])) {
            mem_free(p->steps[i].data);
        } else {
            p->steps[kept++] = p->steps[i];
        }
    }
    p->n = kept;
}

/* Whether step a acts before step b. */
static bool acts_before(const plan_step *a, const plan_step *b)
{
    return a->block != b->block ? a->block < b->block : a->op->order < b->op->order;
}

/* Stable insertion sort by block, then by the operators' order. */
static void sort_steps(persona_plan *p)
{
    for (size_t i = 1; i < p->n; i++) {
        plan_step key = p->steps[i];
        size_t j = i;
        for (; j > 0 && acts_before(&key, &p->steps[j - 1]); j--) {
            p->steps[j] = p->steps[j - 1];
        }
        p->steps[j] = key;
    }
    size_t at = 0;
    for (int b = 0; b <= p->n_layer; b++) {
        while (at < p->n && p->steps[at].block < b) {
            at++;
        }
        p->first[b] = at;
    }
}

static bool fits_cvec(const persona_plan *p)
{
    bool fits = p->n > 0 && p->guard.mode == PERSONA_GUARD_OFF;
    for (size_t i = 0; i < p->n; i++) {
        const plan_step *st = &p->steps[i];
        fits = fits && st->op->additive && st->block > 0 && st->phases == PERSONA_PHASE_ALL &&
               plan_step_is_fixed(st, PHASE_FINAL) && st->when.after == 0;
    }
    return fits;
}

/* A norm squares: what its square does not hold ends as zeros behind it, not as steering. */
static persona_code check_step(const plan_step *st, int n_embd, persona_err *e)
{
    double square = 0;
    for (size_t i = 0; i < st->op->n_vectors * (size_t)n_embd; i++) {
        square += (double)st->data[i] * (double)st->data[i];
    }
    if (!(square < (double)FLT_MAX)) {
        return persona_err_set(e, PERSONA_E_NUMERIC,
                               "plan: the edit at block %d has length %g, too large for float32 "
                               "arithmetic: use a smaller coefficient",
                               st->block, sqrt(square));
    }
    return PERSONA_OK;
}

persona_code persona_plan_new(int n_layer, int n_embd, const persona_edit *edits, size_t n,
                              persona_plan **out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    *out = NULL;
    if (n_layer <= 0 || n_embd <= 0) {
        return persona_err_set(e, PERSONA_E_SHAPE, "plan: %d blocks of width %d", n_layer, n_embd);
    }
    persona_plan *p = mem_calloc(1, sizeof *p);
    if (p == NULL) {
        return mem_err(e, "a steering plan");
    }
    p->n_refs = 1;
    p->n_layer = n_layer;
    p->n_embd = n_embd;
    p->steps = mem_calloc(n + 1, sizeof *p->steps);
    p->first = mem_calloc((size_t)n_layer + 1, sizeof *p->first);
    if (p->steps == NULL || p->first == NULL) {
        rc = mem_err(e, "a steering plan");
        goto out;
    }
    for (size_t i = 0; i < n; i++) {
        TRY(check_edit(&edits[i], n_layer, n_embd, e));
        if (edits[i].alpha != 0.0F) {
            TRY(merge_edit(p, &edits[i], e));
        }
    }
    TRY(finish_steps(p, e));
    drop_vanished(p);
    sort_steps(p);
    for (size_t i = 0; i < p->n; i++) {
        TRY(check_step(&p->steps[i], n_embd, e));
    }
    take_fingerprints(p);
    p->cvec = fits_cvec(p);
out:
    if (rc == PERSONA_OK) {
        *out = p;
    } else {
        persona_plan_free(p);
    }
    return rc;
}

const char *persona_guard_name(int mode)
{
    static const char *const names[] = {[PERSONA_GUARD_OFF] = "off",
                                        [PERSONA_GUARD_WARN] = "warn",
                                        [PERSONA_GUARD_CLAMP] = "clamp",
                                        [PERSONA_GUARD_REJECT] = "reject"};
    return mode >= 0 && (size_t)mode < sizeof names / sizeof *names ? names[mode] : NULL;
}

persona_code persona_plan_guard(persona_plan *p, persona_guard guard, persona_err *e)
{
    if ((unsigned)guard.mode > PERSONA_GUARD_REJECT) {
        return persona_err_set(e, PERSONA_E_USAGE, "plan: guard mode %d is unknown",
                               (int)guard.mode);
    }
    if (guard.mode != PERSONA_GUARD_OFF && (!(guard.ratio > 0) || !isfinite(guard.ratio))) {
        return persona_err_set(e, PERSONA_E_USAGE, "plan: a guard at the ratio %g",
                               (double)guard.ratio);
    }
    p->guard = guard;
    take_fingerprints(p);
    p->cvec = fits_cvec(p);
    return PERSONA_OK;
}

persona_plan *persona_plan_ref(persona_plan *p)
{
    if (p != NULL) {
        atomic_fetch_add_explicit(&p->n_refs, 1, memory_order_relaxed);
    }
    return p;
}

/* Acquire and release: what other owners did with the plan is over before it goes. */
void persona_plan_free(persona_plan *p)
{
    if (p == NULL || atomic_fetch_sub_explicit(&p->n_refs, 1, memory_order_acq_rel) > 1) {
        return;
    }
    for (size_t i = 0; p->steps != NULL && i < p->n; i++) {
        mem_free(p->steps[i].data);
    }
    for (size_t i = 0; i < p->n_gates; i++) {
        mem_free(p->gates[i].u);
    }
    mem_free(p->steps);
    mem_free(p->first);
    mem_free(p->gates);
    mem_free(p);
}

uint64_t plan_id(const persona_plan *p, token_phase phase)
{
    return p != NULL ? p->ids[phase] : 0;
}

bool plan_same(const persona_plan *a, const persona_plan *b)
{
    /* a guarded plan is applied row by row, and must not ride on a neighbor's adapter */
    bool same = a == b || (a != NULL && a->cvec) == (b != NULL && b->cvec);
    for (token_phase ph = 0; a != b && ph < N_PHASES; ph++) {
        same = same && plan_id(a, ph) == plan_id(b, ph) && plan_id(a, ph) != PLAN_ALONE;
    }
    return same;
}

bool plan_needs_channels(const persona_plan *p)
{
    bool needs = false;
    for (size_t i = 0; p != NULL && i < p->n; i++) {
        needs = needs || p->steps[i].phases == PERSONA_PHASE_ANALYSIS;
    }
    return needs;
}

int plan_last_gate(const persona_plan *p)
{
    int last = -1;
    for (size_t i = 0; p != NULL && i < p->n_gates; i++) {
        last = p->gates[i].gate.block > last ? p->gates[i].gate.block : last;
    }
    return last;
}
