/* SPDX-License-Identifier: MIT
 *
 * judge_classifier.c - a text classifier as judge: no model at run time, the same scores
 * everywhere. It is worth something only for texts like those it was trained on, and says so.
 */
#include <stdio.h>

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

static void validity(const void *self, const char *trait, char *out, size_t size)
{
    char *axes = classifier_axes(self);
    snprintf(
        out, size,
        "classifier '%s' %s '%s' (axes: %s): it counts words, so it is valid only for texts like "
        "those it was trained on",
        classifier_name(self), classifier_knows(self, trait) ? "scores" : "cannot score", trait,
        axes ? axes : "");
    mem_free(axes);
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

static const judge_kind CLASSIFIER = {"classifier", false, free_self, knows, validity, run};

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
