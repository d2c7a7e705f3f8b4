/* SPDX-License-Identifier: MIT
 *
 * rollout_write.c - rollouts that the model writes: both poles of every instruction pair on every
 * question, and one answer per question without an instruction.
 *
 * The order puts the two poles of a pair side by side (neighbors 2i and 2i+1), so that both run in
 * one batch, and keeps an instruction's questions together, so that its prefix is shared.
 */
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "base/try.h"
#include "pipeline/extract/rollout.h"

#define SEED_EXTRACT 0x65787472

typedef struct writing {
    const rollouts *x;
    const persona_trait *trait;
    const persona_questions *questions;
    const persona_extract_opts *o;
    char **systems; /* pair * 2 + (negative) */
    char *prompt;   /* of the answer being described */
} writing;

static const persona_tap TAP = {.mode = PERSONA_TAP_MEAN, .span = PERSONA_SPAN_RESPONSE};

static const char *system_of(const writing *w, const rollout *r)
{
    return r->polarity == 0 ? NULL : w->systems[r->pair * 2 + (r->polarity < 0)];
}

static uint32_t seed_of(const writing *w, size_t i)
{
    return rng_mix(w->o->seed, SEED_EXTRACT, i);
}

static persona_code make(void *ud, size_t i, ask *q, persona_err *e)
{
    const writing *w = ud;
    const rollout *r = &w->x->r[i];
    (void)e;
    *q = (ask){.system = system_of(w, r),
               .question = w->questions->extraction[r->question],
               .tap = &TAP,
               .sampling = persona_sampling_defaults()};
    q->sampling.temperature = w->o->temperature;
    q->sampling.max_tokens = w->o->max_tokens;
    q->sampling.seed = seed_of(w, i);
    return PERSONA_OK;
}

static persona_code describe(void *ud, size_t i, job_answer *a, job_score *label, persona_err *e)
{
    writing *w = ud;
    const rollout *r = &w->x->r[i];
    (void)label;
    a->question = w->questions->extraction[r->question];
    a->system = system_of(w, r);
    a->seed = seed_of(w, i);
    persona_message msgs[2];
    size_t n = 0;
    if (a->system != NULL) {
        msgs[n++] = (persona_message){"system", a->system};
    }
    msgs[n++] = (persona_message){"user", a->question};
    persona_chat_opts chat = {0};
    mem_free(w->prompt);
    w->prompt = NULL;
    persona_code rc =
        persona_chat_text(persona_session_model(w->x->s), msgs, n, &chat, &w->prompt, e);
    a->prompt = w->prompt;
    return rc;
}

static void free_writing(void *ud)
{
    writing *w = ud;
    for (size_t p = 0; w->systems != NULL && p < w->trait->n_pairs * 2; p++) {
        mem_free(w->systems[p]);
    }
    mem_free(w->systems);
    mem_free(w->prompt);
    mem_free(w);
}

static void plan(rollouts *x, const persona_trait *t, size_t n_questions, size_t n_repeats)
{
    size_t i = 0;
    for (size_t p = 0; p < t->n_pairs; p++) {
        for (size_t q = 0; q < n_questions; q++) {
            for (size_t k = 0; k < n_repeats * 2; k++, i++) {
                x->r[i] = (rollout){.polarity = k % 2 == 0 ? 1 : -1,
                                    .pair = (int)p,
                                    .question = q,
                                    .repeat = (int)(k / 2),
                                    .partner = i ^ 1,
                                    .mate = i ^ 1};
            }
        }
    }
    for (size_t q = 0; q < n_questions; q++, i++) {
        x->r[i] =
            (rollout){.pair = -1, .question = q, .partner = ROLLOUT_ALONE, .mate = ROLLOUT_ALONE};
    }
}

persona_code rollouts_write(rollouts *x, const persona_trait *trait,
                            const persona_questions *questions, size_t n_questions,
                            const persona_extract_opts *o, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    size_t n_repeats = (size_t)(o->n_rollouts > 0 ? o->n_rollouts : 1);
    writing *w = mem_calloc(1, sizeof *w);
    if (w == NULL) {
        return mem_err(e, "rollouts");
    }
    *w = (writing){.x = x, .trait = trait, .questions = questions, .o = o};
    x->source = (rollout_source){.ud = w, .make = make, .describe = describe, .free = free_writing};
    x->n_questions = n_questions;
    x->n = trait->n_pairs * n_questions * n_repeats * 2 + n_questions;
    x->r = mem_calloc(x->n, sizeof *x->r);
    w->systems = mem_calloc(trait->n_pairs * 2, sizeof *w->systems);
    if (x->r == NULL || w->systems == NULL) {
        return mem_err(e, "rollouts");
    }
    plan(x, trait, n_questions, n_repeats);
    for (size_t p = 0; p < trait->n_pairs * 2; p++) {
        TRY(persona_trait_system(trait, p / 2, p % 2 == 0, &w->systems[p], e));
    }
out:
    return rc;
}
