/* SPDX-License-Identifier: MIT
 *
 * conditions.c - the table of conditions.
 */
#include "pipeline/evaluate/conditions.h"

#include <string.h>

static const condition_kind table[] = {
    {"unsteered", "no steering, no instruction", false, false, false},
    {"prompt", "the instruction as text", false, false, false},
    {"native", "extracted on the target itself", false, false, true},
    {"text-bridge", "the target's own reading of the source's texts", false, false, true},
    {"in-sample", "a map that has seen the trait's texts", false, false, true},
    {"transferred", "through a map that has not", false, false, true},
    {"other-trait", "another trait through the same map", false, false, true},
    {"sampling", "temperature, top_p, repetition penalty", false, false, false},
    {"shuffled", "a map of shuffled pairs", true, true, true},
    {"identity", "the source's numbers as they stand", true, false, true},
    {"random", "random directions", true, true, false},
};

const condition_kind *condition_at(size_t i)
{
    return i < sizeof table / sizeof *table ? &table[i] : NULL;
}

const condition_kind *condition_find(const char *name)
{
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (strcmp(table[i].name, name) == 0) {
            return &table[i];
        }
    }
    return NULL;
}
