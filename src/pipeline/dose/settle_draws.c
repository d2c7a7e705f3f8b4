/* SPDX-License-Identifier: MIT
 *
 * settle_draws.c - block and dose of many vectors at once: controls that are drawn have the rights
 * of the vector that they are compared with, but there are dozens of them.
 *
 * Each gets as many questions as that vector: few for all its blocks, 20 for its best two. What
 * makes it cheap: one sweep holds every block of every vector, one calibration every vector, so
 * that batches are full; the sweep tries one step, the one that nearly every null needs anyway;
 * doses are good to a quarter of a nat.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/try.h"
#include "pipeline/dose/calibrate.h"
#include "pipeline/dose/settle.h"
#include "pipeline/dose/trials.h"

enum { DOSE_QUESTIONS = 8, EVALUATIONS = 6 };
#define STEP 2.0 /* of SETTLE_RATIO */
#define TOLERANCE 0.25

typedef struct tag {
    char text[CALIBRATE_TAG];
} tag;

static bool asks(const settling *x)
{
    return x->questions && x->questions->n_extraction > 0 &&
           persona_model_info_get(persona_session_model(x->s))->chat != PERSONA_CHAT_NONE;
}

static bool judged(const settling *x)
{
    return asks(x) && x->judge && persona_judge_knows(x->judge, x->trait->name) &&
           strcmp(persona_judge_kind(x->judge), "labels") != 0;
}

/* Names each vector, and all of them together. */
static void name_all(const settling *x, const settle_draw *draws, size_t n, tag *tags, tag *all)
{
    char hex[65];
    for (size_t i = 0; i < n; i++) {
        const calibration named = {.s = x->s,
                                   .v = draws[i].v,
                                   .questions = x->questions ? x->questions->extraction : NULL,
                                   .n_questions = x->questions ? x->questions->n_extraction : 0,
                                   .tag = x->tag};
        calibrate_tag(&named, x->seed, tags[i].text);
    }
    sha256_hex(tags, n * sizeof *tags, hex);
    snprintf(all->text, sizeof all->text, "%.32s-%.16s", x->tag, hex);
}

/* Every block that every draw may have. */
static size_t lay_out(const settle_draw *draws, size_t n, trial *trials, trial **all)
{
    size_t m = 0;
    for (size_t i = 0; i < n; i++) {
        int blocks[SETTLE_CANDIDATES];
        const size_t k = draws[i].block < 0 ? settle_candidates(draws[i].v, blocks) : 0;
        for (size_t b = 0; b < k; b++) {
            const persona_vector_layer *l = &draws[i].v->layers[blocks[b]];
            trials[m] =
                (trial){.v = draws[i].v,
                        .of = i,
                        .block = blocks[b],
                        .alpha = STEP * SETTLE_RATIO * (double)l->h_median / (double)l->norm};
            all[m] = &trials[m];
            m++;
        }
    }
    return m;
}

static persona_code choose_blocks(const settling *given, const char *named, settle_draw *draws,
                                  size_t n, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    settling x = *given;
    trial *trials = mem_calloc(n, SETTLE_CANDIDATES * sizeof *trials);
    trial **all = mem_calloc(n, SETTLE_CANDIDATES * sizeof *all);
    const trial **winner = mem_calloc(n, sizeof *winner);
    TRY(trials && all && winner ? PERSONA_OK : mem_err(e, "a sweep"));
    x.v = draws[0].v;
    x.tag = named;
    const size_t m = lay_out(draws, n, trials, all);
    if (m > 0) {
        TRY(trials_ask(&x, all, m, x.n_questions, e));
        TRY(trials_decide(&x, trials, m, n, winner, e));
    }
    for (size_t i = 0; i < n; i++) {
        draws[i].v->from.best_layer = winner[i] ? winner[i]->block : draws[i].block;
    }
out:
    mem_free(trials);
    mem_free(all);
    mem_free(winner);
    return rc;
}

static persona_code find_doses(const settling *x, const tag *tags, settle_draw *draws, size_t n,
                               persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const size_t n_q = x->questions->n_extraction;
    block_dose *doses = mem_calloc(n, sizeof *doses);
    const calibration c = {.s = x->s,
                           .v = draws[0].v,
                           .questions = x->questions->extraction,
                           .n_questions = n_q < DOSE_QUESTIONS ? n_q : DOSE_QUESTIONS,
                           .tolerance = TOLERANCE,
                           .max_evaluations = EVALUATIONS,
                           .job = x->job,
                           .tag = x->tag,
                           .hooks = x->hooks};
    size_t m = 0, *of = mem_calloc(n, sizeof *of); /* which dose is whose */
    TRY(doses && of ? PERSONA_OK : mem_err(e, "doses"));
    for (size_t i = 0; i < n; i++) {
        const int block = draws[i].v->from.best_layer;
        size_t k = 0;
        while (k < m && !(draws[i].alike && doses[k].block == block)) {
            k++;
        }
        of[i] = k;
        if (k == m) {
            doses[m++] = (block_dose){.block = block, .v = draws[i].v, .tag = tags[i].text};
        }
    }
    TRY(calibrate_blocks(&c, doses, m, e));
    for (size_t i = 0; i < n; i++) {
        persona_vector *v = draws[i].v;
        const block_dose *d = &doses[of[i]];
        v->from.dose = v->layers[d->block].dose =
            (float)(d->alpha * (double)d->v->layers[d->block].norm /
                    (double)v->layers[d->block].norm);
        v->from.dose_kl = (float)d->kl;
    }
out:
    mem_free(of);
    mem_free(doses);
    return rc;
}

persona_code settle_draws(const settling *x, settle_draw *draws, size_t n, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    tag all, *tags = mem_calloc(n, sizeof *tags);
    TRY(tags ? PERSONA_OK : mem_err(e, "vectors to settle"));
    if (n == 0) {
        goto out;
    }
    name_all(x, draws, n, tags, &all);
    for (size_t i = 0; i < n; i++) {
        draws[i].v->from.dose = draws[i].v->from.dose_kl = NAN;
        for (int b = 0; b < draws[i].v->n_layer; b++) {
            draws[i].v->layers[b].dose = NAN;
        }
        if (!judged(x) && draws[i].block < 0) {
            int blocks[SETTLE_CANDIDATES];
            const size_t k = settle_candidates(draws[i].v, blocks);
            draws[i].block = k > 0 ? blocks[k / 2] : -1;
        }
    }
    TRY(choose_blocks(x, all.text, draws, n, e));
    TRY(asks(x) ? find_doses(x, tags, draws, n, e) : PERSONA_OK);
out:
    mem_free(tags);
    return rc;
}
