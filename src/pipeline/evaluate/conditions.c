/* SPDX-License-Identifier: MIT
 *
 * conditions.c - the table of conditions.
 */
#include "pipeline/evaluate/conditions.h"

#include <string.h>

static const condition_kind table[] = {
    {.name = "unsteered", .what = "no steering, no instruction"},
    {.name = "prompt", .what = "the instruction as text"},
    {.name = "native", .what = "extracted on the target itself", .is_vector = true},
    {.name = "text-bridge",
     .what = "the target's own reading of the source's texts",
     .is_vector = true},
    {.name = "in-sample", .what = "a map that has seen the trait's texts", .is_vector = true},
    {.name = "transferred", .what = "through a map that has not", .is_vector = true},
    {.name = "leave-loose",
     .what = "the same, leaving out clearly leaning texts",
     .is_vector = true,
     .only_ones = true},
    {.name = "leave-name",
     .what = "the same, leaving out by name only",
     .is_vector = true,
     .only_ones = true},
    {.name = "other-trait",
     .what = "other traits through the same map",
     .test = TEST_OWN,
     .is_vector = true,
     .drawn = true},
    {.name = "sampling", .what = "temperature, top_p, repetition penalty"},
    {.name = "lexical",
     .what = "word counts of the texts instead of the source's activations",
     .test = TEST_BEYOND,
     .must_run = true,
     .is_vector = true},
    {.name = "shuffled",
     .what = "maps of shuffled pairs",
     .test = TEST_SPREAD,
     .must_run = true,
     .is_vector = true,
     .drawn = true},
    {.name = "identity",
     .what = "the source's numbers as they stand",
     .test = TEST_BEYOND,
     .is_vector = true},
    {.name = "random-source",
     .what = "random directions of the source through the map",
     .test = TEST_SPREAD,
     .must_run = true,
     .is_vector = true,
     .drawn = true},
    {.name = "random",
     .what = "random directions of the target",
     .test = TEST_SPREAD,
     .must_run = true,
     .is_vector = true,
     .drawn = true},
};

const condition_kind *condition_at(size_t i)
{
    return i < sizeof table / sizeof *table ? &table[i] : NULL;
}

size_t condition_count(void)
{
    return sizeof table / sizeof *table;
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
