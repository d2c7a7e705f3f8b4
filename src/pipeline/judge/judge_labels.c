/* SPDX-License-Identifier: MIT
 *
 * judge_labels.c - scores that came with the input, behind the same interface as any judge.
 */
#include <math.h>
#include <stdio.h>

#include "base/try.h"
#include "pipeline/judge/judge_kind.h"

static void free_self(void *self)
{
    (void)self;
}

static bool knows(const void *self, const char *trait)
{
    (void)self;
    (void)trait;
    return true;
}

static void validity(const void *self, const char *trait, bool measured, char *out, size_t size)
{
    (void)self;
    (void)measured;
    snprintf(out, size,
             "labels of '%s' that came with the answers: worth what their author is worth", trait);
}

/* A label outside 0..100 is no score, and a guess would hide that. */
static persona_code check(float x, size_t i, const char *what, persona_err *e)
{
    if (isnan(x) || (x >= 0 && x <= 100)) {
        return PERSONA_OK;
    }
    return persona_err_set(e, PERSONA_E_FORMAT, "item %zu: %s label is %g (expected 0 to 100)", i,
                           what, (double)x);
}

static persona_code run(void *self, const persona_trait *trait, const persona_judge_item *items,
                        size_t n, const persona_hooks *hooks, persona_judge_sink sink, void *ud,
                        persona_err *e)
{
    persona_code rc = PERSONA_OK;
    (void)self;
    (void)hooks;
    for (size_t i = 0; i < n; i++) {
        const persona_judge_item *it = &items[i];
        const persona_judgement r = {
            .trait = it->label_trait, .coherence = it->label_coherence, .mass = 1};
        TRY(check(r.trait, i, trait->name, e));
        TRY(check(r.coherence, i, "coherence", e));
        TRY(sink(ud, i, &r, e));
    }
out:
    return rc;
}

static const judge_kind LABELS = {
    .name = "labels", .free = free_self, .knows = knows, .validity = validity, .run = run};

persona_code persona_judge_labels(persona_judge **out, persona_err *e)
{
    return judge_new(&LABELS, NULL, "labels", NULL, out, e);
}
