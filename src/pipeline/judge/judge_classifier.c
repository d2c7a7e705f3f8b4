/* SPDX-License-Identifier: MIT
 *
 * judge_classifier.c - a text classifier as judge: no model at run time, the same scores
 * everywhere. It is worth something only for texts like those it was trained on, and says so.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/try.h"
#include "core/classify/classifier.h"
#include "pipeline/judge/judge_kind.h"
#include "store/classifier/classifierfile.h"

static void free_self(void *self)
{
    classifier_free(self);
}

static bool knows(const void *self, const char *trait)
{
    return classifier_knows(self, trait);
}

static void validity(const void *self, const char *trait, bool measured, char *out, size_t size)
{
    const char *name = classifier_name(self);
    if (measured) {
        snprintf(out, size, "; '%.60s' counts words: valid for texts like these only", name);
    } else if (classifier_knows(self, trait)) {
        snprintf(out, size,
                 "classifier '%.60s' scores '%.60s', but its file does not say how well; it counts "
                 "words, so it is valid only for texts like those it was trained on",
                 name, trait);
    } else {
        char *axes = classifier_axes(self);
        snprintf(out, size, "classifier '%.60s' cannot score '%.60s' (axes: %s)", name, trait,
                 axes ? axes : "");
        mem_free(axes);
    }
}

static bool measured(const void *self, const char *trait, persona_judge_measure *out)
{
    const axis_facts *f = classifier_facts(self, trait);
    if (!f || f->n == 0 || isnan(f->spearman)) {
        return false;
    }
    const classifier_origin *from = classifier_origin_of(self);
    *out = (persona_judge_measure){
        .n = f->n, .n_groups = f->n_groups, .spearman = f->spearman, .same_side = f->same_side};
    memcpy(out->labels_by, from->labels_by, sizeof out->labels_by);
    memcpy(out->labels_of, from->labels_of, sizeof out->labels_of);
    return true;
}

static double neutral(const void *self, const char *trait)
{
    const axis_facts *f = classifier_facts(self, trait);
    return f ? f->neutral : 50;
}

static const char *texts(const void *self)
{
    const classifier_origin *from = classifier_origin_of(self);
    return from->texts ? from->texts : "";
}

static persona_code run(void *self, const persona_trait *trait, const persona_judge_item *items,
                        size_t n, const persona_hooks *hooks, persona_judge_sink sink, void *ud,
                        persona_err *e)
{
    persona_code rc = PERSONA_OK;
    for (size_t i = 0; i < n; i++) {
        persona_judgement r = {.mass = 1};
        if (hooks && persona_canceled(hooks->cancel)) {
            return persona_err_set(e, PERSONA_E_CANCELED, "interrupted");
        }
        TRY(classifier_score(self, trait->name, items[i].answer, &r.trait, e));
        TRY(classifier_coherence(self, items[i].answer, &r.coherence, e));
        TRY(sink(ud, i, &r, e));
    }
out:
    return rc;
}

static const judge_kind CLASSIFIER = {.name = "classifier",
                                      .free = free_self,
                                      .knows = knows,
                                      .validity = validity,
                                      .measured = measured,
                                      .neutral = neutral,
                                      .texts = texts,
                                      .run = run};

persona_code persona_judge_read(const char *path, persona_judge **out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    classifier *c = NULL;
    char hash[65];
    *out = NULL;
    TRY(classifier_read(path, &c, e));
    TRY(sha256_file(&path, 1, NULL, hash, e));
    return judge_new(&CLASSIFIER, c, classifier_name(c), hash, out, e);
out:
    classifier_free(c);
    return rc;
}
