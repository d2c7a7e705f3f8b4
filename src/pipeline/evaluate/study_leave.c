/* SPDX-License-Identifier: MIT
 *
 * study_leave.c - what is left out of the map of a study, and what that comes to.
 *
 * Where the map is fitted here: the trait by its name, the texts behind the vector, and every text
 * that a judge sees the trait in (transfer/lean.c). A map from a file was fitted before, so nothing
 * is decided any more: its own texts take part, and what its judge saw of the trait, if it looked
 * for it, says how much leans.
 */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/try.h"
#include "core/map/mapobject.h"
#include "pipeline/evaluate/study_parts.h"
#include "pipeline/transfer/lean.h"

/* Texts that are not left out by name and that the judge gave no score. */
static persona_code count_open(const studying *s, const persona_fit_opts *o, size_t *n,
                               persona_err *e)
{
    persona_code rc = PERSONA_OK;
    unsigned *times = mem_calloc(s->pairs->n, sizeof *times);
    TRY(times ? pairs_left_over(s->pairs, o, PERSONA_LEAVE_NAME, NULL, times, e)
              : mem_err(e, "the texts of a map"));
    for (size_t i = 0; i < s->pairs->n; i++) {
        *n += times[i] > 0 && isnan(s->lean->score[i]);
    }
out:
    mem_free(times);
    return rc;
}

/* What each way of leaving out leaves, by the scores of s->lean. */
static persona_code count_left(studying *s, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    persona_study_left *left = &s->x->left;
    persona_fit_opts o = s->fit;
    o.only = NULL;
    o.resample = 0;
    left->judge = mem_strdup(s->lean->judge);
    left->neutral = s->lean->neutral;
    TRY(left->judge ? PERSONA_OK : mem_err(e, "the name of a judge"));
    for (persona_leave how = PERSONA_LEAVE_NAME; how <= PERSONA_LEAVE_STRICT; how++) {
        TRY(persona_map_texts_left(s->pairs, &o, how, &left->n_left[how], e));
    }
    TRY(count_open(s, &o, &left->n_open, e));
    left->decidable = left->n_left[PERSONA_LEAVE_STRICT] >= PERSONA_LEAVE_MIN_TEXTS;
out:
    return rc;
}

/* A map from a file: as it was fitted. */
static persona_code leave_as_fitted(studying *s, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const char *sample = NULL;
    size_t shared = 0;
    TRY(pairs_fit_of(s->map, &s->fit, &s->lean, e));
    TRY(persona_map_sample(s->map, s->x->source, &sample, &shared, e));
    s->fit.texts = shared == 0 ? s->x->source->from.texts : NULL;
    if (s->lean && !map_names_trait(s->map->without, s->trait->name)) {
        persona_lean_free(s->lean); /* it is about other traits */
        s->lean = NULL;
    }
    s->fit.lean = s->lean;
    TRY(s->lean ? count_left(s, e)
                : persona_map_texts_left(s->pairs, &s->fit, PERSONA_LEAVE_NAME,
                                         &s->x->left.n_left[PERSONA_LEAVE_NAME], e));
out:
    return rc;
}

/* What the texts show of the trait. Scores of a judge that is quick are not kept. */
static persona_code leave_by_judge(studying *s, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    persona_study_left *left = &s->x->left;
    persona_judge *judge = study_select(s->to, s->trait);
    if (!judge) {
        TRY(persona_map_texts_left(s->pairs, &s->fit, PERSONA_LEAVE_NAME, &left->n_left[0], e));
        return rc;
    }
    const bool quick = strcmp(persona_judge_kind(judge), "classifier") == 0;
    if (!s->shared->lean) {
        TRY(pairs_lean(s->pairs, judge, s->trait, quick ? NULL : s->job, s->hooks, &s->shared->lean,
                       e));
    }
    s->fit.lean = s->lean = s->shared->lean;
    TRY(count_left(s, e));
    s->fit.leave = left->decidable ? PERSONA_LEAVE_STRICT : PERSONA_LEAVE_NAME;
out:
    return rc;
}

persona_code study_leave(studying *s, persona_err *e)
{
    s->fit = s->o->fit;
    s->fit.without = s->trait->name;
    s->fit.texts = s->x->source->from.texts;
    s->fit.seed = s->o->seed;
    if (!s->pairs) {
        return PERSONA_OK;
    }
    s->x->left.n_texts = persona_pairs_count(s->pairs, NULL);
    return s->of_map ? leave_as_fitted(s, e) : leave_by_judge(s, e);
}
