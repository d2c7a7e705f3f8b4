/* SPDX-License-Identifier: MIT
 *
 * study_repeats.c - one study, or several of the same claim with everything drawn anew that might
 * have come out otherwise: the texts behind the map (study.c draws their questions again), the
 * block and the dose, the answers, random directions and shuffled maps.
 *
 * What does not change is shared: the readings, the source's vector, the native vector (settled
 * anew), what the judge sees in the texts. The draws of the nulls are dealt out over the repeats,
 * so that together there are as many as in one study. The verdict is that of all repeats together
 * (persona_evaluation_pool); no repeat has one of its own.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/try.h"
#include "pipeline/evaluate/study_parts.h"

enum { LEAST_DRAWS = 2, REPEATS_LEAST = 3, REPEATS_MOST = 50 };

/* Progress that says which repeat it is of. */
typedef struct telling {
    const persona_hooks *to;
    size_t k, n;
} telling;

static void tell(void *ud, const persona_progress *p)
{
    const telling *t = ud;
    persona_progress now = *p;
    char stage[160];
    snprintf(stage, sizeof stage, "%zu/%zu %s", t->k + 1, t->n, p->stage);
    now.stage = stage;
    t->to->progress(t->to->ud, &now);
}

static void tell_file(void *ud, const char *path)
{
    const telling *t = ud;
    t->to->keeps(t->to->ud, path);
}

static int share(int n, int usual, size_t n_repeats)
{
    const int all = n > 0 ? n : usual, repeats = (int)n_repeats;
    const int each = (all + repeats - 1) / repeats;
    return each > LEAST_DRAWS ? each : LEAST_DRAWS;
}

static persona_code numbered(const char *path, const char *between, size_t k, char **out,
                             persona_err *e)
{
    *out = path ? mem_printf("%s%s%zu", path, between, k + 1) : NULL;
    return *out || !path ? PERSONA_OK : mem_err(e, "the name of a repeat");
}

/* What the k-th repeat does otherwise. place: of its job. */
static persona_code vary(const persona_study_opts *o, size_t k, persona_study_opts *own,
                         char **place, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    *own = *o;
    own->seed = o->seed + (uint32_t)k;
    own->fit.seed = own->seed;
    own->n_random = share(o->n_random, STUDY_RANDOM, (size_t)o->n_repeats);
    own->n_draws = share(o->n_draws, STUDY_DRAWS, (size_t)o->n_repeats);
    if (k > 0) {
        own->fit.resample = (uint32_t)k;
        TRY(numbered(o->job, ".", k, place, e));
        own->job = *place;
    }
out:
    return rc;
}

/* Moves what a report says of each repeat. */
static persona_code remember(persona_study *all, persona_study *x, uint32_t seed, persona_err *e)
{
    persona_study_repeat *r = &all->repeats[all->n_repeats];
    *r = (persona_study_repeat){.seed = seed,
                                .layer_from = persona_study_layer_from(x),
                                .layer_to = persona_study_layer_to(x),
                                .n_texts = x->map.n_texts,
                                .r2_contrast = x->map.r2_contrast,
                                .dose = x->transferred ? (double)x->transferred->from.dose
                                                       : (double)NAN,
                                .cosine = x->n_arms > 0 ? x->arms[0].cosine : (double)NAN,
                                .seconds = x->seconds,
                                .job = x->job ? mem_strdup(x->job) : NULL,
                                .evaluation = x->evaluation};
    x->evaluation = NULL;
    all->n_repeats++;
    return r->job || !x->job ? PERSONA_OK : mem_err(e, "a repeat");
}

static persona_code pool(persona_study *all, const char *void_reason, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const persona_evaluation **x = mem_calloc(all->n_repeats, sizeof *x);
    TRY(x ? PERSONA_OK : mem_err(e, "repeats"));
    for (size_t k = 0; k < all->n_repeats; k++) {
        x[k] = all->repeats[k].evaluation;
    }
    TRY(persona_evaluation_pool(x, all->n_repeats, void_reason[0] ? void_reason : NULL,
                                &all->evaluation, e));
    TRY(persona_vector_label(&all->transferred->from.verdict, persona_study_verdict(all), e));
out:
    mem_free(x);
    return rc;
}

static persona_code one_more(const study_task *task, size_t k, study_shared *shared,
                             persona_study **all, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    study_task own = *task;
    persona_study_opts opts;
    persona_study *x = NULL;
    char *place = NULL;
    telling t = {task->hooks, k, (size_t)task->o->n_repeats};
    const bool tells = task->hooks && task->hooks->progress;
    const persona_hooks hooks = {&t, tells ? tell : NULL, task->hooks ? task->hooks->cancel : NULL,
                                 task->hooks && task->hooks->keeps ? tell_file : NULL};
    TRY(vary(task->o, k, &opts, &place, e));
    own.o = &opts;
    own.hooks = &hooks;
    shared->repeat = k;
    TRY(study_once(&own, shared, &x, e));
    if (k == 0) {
        *all = x;
        x->repeats = mem_calloc((size_t)task->o->n_repeats, sizeof *x->repeats);
        TRY(x->repeats ? remember(x, x, opts.seed, e) : mem_err(e, "repeats"));
        x = NULL;
        shared->first = *all;
    } else {
        (*all)->seconds += x->seconds;
        (*all)->n_resumed += x->n_resumed;
        TRY(remember(*all, x, opts.seed, e));
    }
out:
    if (k > 0 || x != *all) {
        persona_study_free(x);
    }
    mem_free(place);
    return rc;
}

static persona_code check(const persona_study_opts *o, persona_err *e)
{
    if (o->shard.count > 0 && (o->n_repeats > 1 || !o->evaluate || !o->job)) {
        return persona_err_set(e, PERSONA_E_USAGE,
                               "a shard of a study is a part of one evaluation, in a job file");
    }
    if (o->n_repeats <= 1) {
        return PERSONA_OK;
    }
    if (o->n_repeats < REPEATS_LEAST || o->n_repeats > REPEATS_MOST) {
        return persona_err_set(e, PERSONA_E_USAGE,
                               "%d repeats: 1, or %d to %d, since fewer say too little about how "
                               "far they scatter",
                               o->n_repeats, REPEATS_LEAST, REPEATS_MOST);
    }
    return o->evaluate
               ? PERSONA_OK
               : persona_err_set(e, PERSONA_E_USAGE,
                                 "%d repeats of something that is not evaluated", o->n_repeats);
}

persona_code persona_study_trait(const persona_study_side *from, const persona_study_side *to,
                                 const persona_pairs *pairs, const persona_trait *trait,
                                 const persona_study_opts *opts, const persona_hooks *hooks,
                                 persona_study **out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const study_task task = {from, to, pairs, trait, opts, hooks};
    study_shared shared = {.lean = NULL};
    persona_study *x = NULL;
    *out = NULL;
    TRY(check(opts, e));
    if (opts->n_repeats <= 1) {
        TRY(study_once(&task, &shared, &x, e));
    }
    for (size_t k = 0; opts->n_repeats > 1 && k < (size_t)opts->n_repeats; k++) {
        TRY(one_more(&task, k, &shared, &x, e));
    }
    if (opts->n_repeats > 1) {
        TRY(pool(x, shared.void_reason, e));
    }
    *out = x;
    x = NULL;
out:
    persona_study_free(x);
    persona_lean_free(shared.lean);
    return rc;
}

void study_repeats_free(persona_study *x)
{
    for (size_t k = 0; x->repeats && k < x->n_repeats; k++) {
        persona_evaluation_free(x->repeats[k].evaluation);
        mem_free(x->repeats[k].job);
    }
    mem_free(x->repeats);
}
