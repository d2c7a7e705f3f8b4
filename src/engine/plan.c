/* SPDX-License-Identifier: MIT
 *
 * plan.c - steering plans: a list of edits, merged and sorted so that applying one costs nothing
 * that could have been done before. Additive edits of equal block and phase are summed once, here;
 * what does nothing (alpha 0) is dropped here, so that it cannot change a single bit later.
 *
 * Operators are a table: a name, how two steps merge, and what happens to one row. Adding one means
 * adding a row to the table (and its parameters to persona_edit).
 *
 * The fingerprints tell whether keys and values computed under one plan may be reused under another
 * (a prompt prefix is only shared between requests that steer it alike).
 */
#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "base/linalg.h"
#include "base/mem.h"
#include "engine/engine.h"

typedef struct operator_entry {
    const char *name;
    bool additive; /* equal block and phase: v sums up, and the control-vector API can do it */
    void (*apply)(const plan_step *step, float *row, size_t n);
} operator_entry;

/* Same order of operations as ggml_add in float32, hence the same bits as the control-vector
 * API. */
static void apply_add(const plan_step *step, float *restrict row, size_t n)
{
    const float *restrict v = step->v;
    for (size_t i = 0; i < n; i++) {
        row[i] = row[i] + v[i];
    }
}

static const operator_entry OPERATORS[] = {
    [PERSONA_OP_ADD] = {"add", true, apply_add},
};
#define N_OPERATORS (sizeof OPERATORS / sizeof OPERATORS[0])

static uint64_t fnv(uint64_t h, const void *p, size_t n)
{
    const unsigned char *b = p;
    for (size_t i = 0; i < n; i++) {
        h = (h ^ b[i]) * 1099511628211u;
    }
    return h;
}

/* 0 when no step acts in the phase. */
static uint64_t fingerprint(const persona_plan *p, unsigned phase)
{
    uint64_t h = 0;
    for (size_t i = 0; i < p->n; i++) {
        const plan_step *st = &p->steps[i];
        if ((st->phases & phase) == 0) {
            continue;
        }
        if (h == 0) {
            h = 14695981039346656037u;
        }
        h = fnv(h, &st->op, sizeof st->op);
        h = fnv(h, &st->block, sizeof st->block);
        h = fnv(h, st->v, (size_t)p->n_embd * sizeof *st->v);
    }
    return h;
}

static persona_code check_edit(const persona_edit *x, int n_layer, int n_embd, persona_err *e)
{
    size_t bad;
    if ((size_t)x->op >= N_OPERATORS) {
        return persona_err_set(e, PERSONA_E_USAGE, "plan: operator %d is unknown", (int)x->op);
    }
    if (x->block < 0 || x->block >= n_layer) {
        return persona_err_set(e, PERSONA_E_SHAPE, "plan: block %d is outside 0..%d", x->block,
                               n_layer - 1);
    }
    if (!isfinite(x->alpha)) {
        return persona_err_set(e, PERSONA_E_NUMERIC,
                               "plan: the coefficient at block %d is not finite", x->block);
    }
    if (!vec_finite(x->v, (size_t)n_embd, &bad)) {
        return persona_err_set(e, PERSONA_E_NUMERIC,
                               "plan: component %zu of the vector at block %d is not finite", bad,
                               x->block);
    }
    return PERSONA_OK;
}

/* Finds the step to merge with, or opens a new one; steps are sorted afterwards. */
static persona_code merge_edit(persona_plan *p, const persona_edit *x, persona_err *e)
{
    size_t d = (size_t)p->n_embd;
    unsigned phases = x->phases == 0 ? PERSONA_PHASE_ALL : x->phases & PERSONA_PHASE_ALL;
    plan_step *st = NULL;
    for (size_t i = 0; i < p->n; i++) {
        plan_step *o = &p->steps[i];
        if (o->op == x->op && o->block == x->block && o->phases == phases &&
            OPERATORS[x->op].additive) {
            st = o;
        }
    }
    if (st == NULL) {
        st = &p->steps[p->n];
        st->v = mem_calloc(d, sizeof *st->v);
        if (st->v == NULL) {
            return mem_err(e, "a steering plan");
        }
        st->op = x->op;
        st->block = x->block;
        st->phases = phases;
        p->n++;
    }
    for (size_t i = 0; i < d; i++) {
        st->v[i] += x->alpha * x->v[i];
    }
    return PERSONA_OK;
}

/* Stable insertion sort by block: steps of one block keep the order they were given in. */
static void sort_steps(persona_plan *p)
{
    for (size_t i = 1; i < p->n; i++) {
        plan_step key = p->steps[i];
        size_t j = i;
        for (; j > 0 && p->steps[j - 1].block > key.block; j--) {
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
        rc = check_edit(&edits[i], n_layer, n_embd, e);
        if (rc != PERSONA_OK) {
            goto out;
        }
        if (edits[i].alpha == 0.0F && OPERATORS[edits[i].op].additive) {
            continue;
        }
        rc = merge_edit(p, &edits[i], e);
        if (rc != PERSONA_OK) {
            goto out;
        }
    }
    sort_steps(p);
    p->prompt_id = fingerprint(p, PERSONA_PHASE_PROMPT);
    p->response_id = fingerprint(p, PERSONA_PHASE_RESPONSE);
    p->cvec = p->n > 0;
    for (size_t i = 0; i < p->n; i++) {
        const plan_step *st = &p->steps[i];
        p->cvec = p->cvec && OPERATORS[st->op].additive && st->block > 0 &&
                  st->phases == PERSONA_PHASE_ALL;
    }
out:
    if (rc == PERSONA_OK) {
        *out = p;
    } else {
        persona_plan_free(p);
    }
    return rc;
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
        mem_free(p->steps[i].v);
    }
    mem_free(p->steps);
    mem_free(p->first);
    mem_free(p);
}

bool plan_apply(const persona_plan *p, int block, unsigned phase, float *row)
{
    bool any = false;
    for (size_t i = p->first[block]; i < p->first[block + 1]; i++) {
        const plan_step *st = &p->steps[i];
        if ((st->phases & phase) != 0) {
            OPERATORS[st->op].apply(st, row, (size_t)p->n_embd);
            any = true;
        }
    }
    return any;
}
