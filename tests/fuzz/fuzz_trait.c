/* SPDX-License-Identifier: MIT
 *
 * fuzz_trait.c - bytes as a trait pack, and as a model's answer to each question of `traits new`. A
 * pack that is accepted must come back from writing as it is; a draft takes no more than a pack
 * holds.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "pipeline/trait/traitdraft.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
bool fuzz_accepted;

static void must(bool what)
{
    if (!what) {
        abort();
    }
}

static void as_answer(const char *text)
{
    static const draft_part parts[] = {DRAFT_DESCRIPTION, DRAFT_PAIRS, DRAFT_QUESTIONS};
    trait_draft d;
    must(draft_init(&d, "grumpy", "grumpy", "cheerful", NULL, NULL) == PERSONA_OK);
    for (size_t i = 0; i < 3; i++) {
        must(draft_take(&d, parts[i], text, NULL) == PERSONA_OK);
    }
    must(d.t->n_pairs <= TRAIT_N_PAIRS && d.t->n_questions <= TRAIT_N_QUESTIONS);
    draft_free(&d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    persona_trait *t = NULL;
    persona_err e = {0};
    const persona_code rc = persona_trait_parse((const char *)data, size, "file", &t, &e);
    fuzz_accepted = rc == PERSONA_OK;
    if (rc == PERSONA_OK) {
        must(t && persona_trait_check(t, "again", &e) == PERSONA_OK);
    } else {
        must(!t && e.code == rc && *e.msg && !strchr(e.msg, '\n'));
    }
    persona_trait_free(t);
    char *text = mem_strndup((const char *)data, size);
    if (text) {
        as_answer(text);
    }
    mem_free(text);
    return 0;
}
