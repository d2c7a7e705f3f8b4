/* SPDX-License-Identifier: MIT
 *
 * study_void.c - what makes a PASS impossible before any answer is scored: a map that has seen the
 * trait or may have, a judge that nobody has measured, texts that are used twice.
 */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/try.h"
#include "core/map/textset.h"
#include "pipeline/evaluate/conditions.h"
#include "pipeline/evaluate/study_parts.h"
#include "pipeline/transfer/pairs_parts.h"

#define VOID(s, ...) snprintf((s)->void_reason, sizeof(s)->void_reason, __VA_ARGS__)

static void void_judge(studying *s)
{
    persona_judge_measure m;
    const persona_judge *j = s->to->judge;
    if (!persona_judge_measured(j, s->trait->name, &m)) {
        VOID(s,
             "the judge '%.64s' was never compared with labels of '%.64s' that it had not seen "
             "(persona judge train, or judge test)",
             persona_judge_name(j), s->trait->name);
    } else if (!(m.spearman >= PERSONA_JUDGE_MIN_SPEARMAN)) {
        VOID(s,
             "the judge '%.64s' agrees too little with labels of '%.64s': Spearman %.2f on %zu "
             "answers, needs %.1f",
             persona_judge_name(j), s->trait->name, m.spearman, m.n, PERSONA_JUDGE_MIN_SPEARMAN);
    }
}

/* A judge that knows the map's texts by heart is no witness of what they carried over. */
static persona_code void_trained(studying *s, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    uint64_t *of_judge = NULL, *of_map = NULL;
    size_t n = 0, n_map = 0, both = 0;
    TRY(textset_parse(persona_judge_texts(s->to->judge), &of_judge, &n, e));
    for (size_t i = 0; s->pairs && i < s->pairs->n; i++) {
        both += s->pairs->texts[i].usable &&
                textset_overlap(&s->pairs->texts[i].hash, 1, of_judge, n) > 0;
    }
    if (!s->pairs) {
        TRY(textset_parse(s->map->texts, &of_map, &n_map, e));
        both = textset_overlap(of_map, n_map, of_judge, n);
    }
    if (both > 0) {
        VOID(s,
             "the judge '%.64s' was trained on %zu of the map's own texts: score with another one "
             "(--judge-score)",
             persona_judge_name(s->to->judge), both);
    }
out:
    mem_free(of_map);
    mem_free(of_judge);
    return rc;
}

static void void_sample(studying *s)
{
    const char *sample = s->x->transferred->from.sample;
    const persona_study_left *l = &s->x->left;
    if (strcmp(sample, PERSONA_SAMPLE_IN_SAMPLE) == 0) {
        VOID(s, "in-sample: the map was fitted on texts of this very trait, so this says nothing "
                "about transfer (methods 5.2); fit a map without it");
    } else if (strcmp(sample, PERSONA_SAMPLE_UNDECIDABLE) == 0 && l->judge &&
               l->n_left[PERSONA_LEAVE_STRICT] + l->n_open >= PERSONA_LEAVE_MIN_TEXTS) {
        VOID(s,
             "not decidable: the judge '%.64s' gave no score to %zu of the %zu texts that are not "
             "of "
             "'%.64s', so nobody knows what they show: choose with one that answers "
             "(--judge-select)",
             l->judge, l->n_open, l->n_left[PERSONA_LEAVE_NAME], s->trait->name);
    } else if (strcmp(sample, PERSONA_SAMPLE_UNDECIDABLE) == 0 && !l->judge) {
        VOID(s, "not decidable: the map was fitted on %zu texts only (%d are needed)",
             s->map->n_texts, PERSONA_LEAVE_MIN_TEXTS);
    } else if (strcmp(sample, PERSONA_SAMPLE_UNDECIDABLE) == 0) {
        VOID(s,
             "not decidable: of %zu texts that are not of '%.64s' only %zu do not show it "
             "(%d are needed): it cannot be left out of these texts",
             l->n_left[PERSONA_LEAVE_NAME], s->trait->name, l->n_left[PERSONA_LEAVE_STRICT],
             PERSONA_LEAVE_MIN_TEXTS);
    } else if (!*s->x->source->from.texts) {
        VOID(s, "unverified: the vector does not say which texts it comes from, so the map may "
                "have seen them");
    } else if (strcmp(sample, PERSONA_SAMPLE_UNVERIFIED) == 0) {
        VOID(s,
             "unverified: '%.64s' was left out of the map by its name only; no judge has looked "
             "for it in the other texts",
             s->trait->name);
    }
}

void study_void_control(studying *s, const char *condition, const char *why)
{
    const condition_kind *c = condition_find(condition);
    if (c && c->must_run && !s->no_control[0]) {
        snprintf(s->no_control, sizeof s->no_control, "the control '%s' could not be made: %s",
                 condition, why);
    }
}

persona_code study_void(studying *s, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    s->void_reason[0] = '\0';
    void_sample(s);
    if (!s->void_reason[0]) {
        void_judge(s);
    }
    if (!s->void_reason[0]) {
        TRY(void_trained(s, e));
    }
    if (!s->void_reason[0]) {
        VOID(s, "%s", s->no_control);
    }
out:
    return rc;
}

persona_code study_no_overlap(const studying *s, persona_err *e)
{
    const persona_pairs *p = s->pairs;
    for (size_t i = 0; p && s->o->evaluate && i < p->n; i++) {
        for (size_t q = 0; p->texts[i].usable && q < s->questions->n_evaluation; q++) {
            if (strcmp(p->texts[i].question, s->questions->evaluation[q]) == 0) {
                return persona_err_set(
                    e, PERSONA_E_USAGE,
                    "a text of the map answers a question of the evaluation, \"%.80s\": take it "
                    "out of the texts, or name other --questions",
                    p->texts[i].question);
            }
        }
    }
    return PERSONA_OK;
}
