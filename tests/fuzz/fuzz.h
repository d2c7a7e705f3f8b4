/* SPDX-License-Identifier: MIT
 *
 * fuzz.h - what the fuzzers of vector files share. An entry point takes bytes that anybody could
 * have written; it must end with a vector that keeps its promises or with an error of one line.
 */
#ifndef PERSONA_FUZZ_H
#define PERSONA_FUZZ_H

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "store/vector/vecfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
/* Whether the last input was taken for what it claims to be; defined beside the entry point. */
extern bool fuzz_accepted;

/* A check that stays in builds without assertions. */
#define FUZZ_CHECK(what)                                                                           \
    do {                                                                                           \
        if (!(what))                                                                               \
            abort();                                                                               \
    } while (0)

static inline void fuzz_check(persona_code rc, const persona_vector *v, const persona_err *e)
{
    fuzz_accepted = rc == PERSONA_OK;
    if (rc != PERSONA_OK) {
        FUZZ_CHECK(!v && e->code == rc && *e->msg && !strchr(e->msg, '\n'));
        return;
    }
    FUZZ_CHECK(v && v->n_layer > 0 && v->n_embd > 0 && v->from.best_layer < v->n_layer);
    int n = 0;
    for (int b = 0; b < v->n_layer; b++) {
        const float *row = persona_vector_row(v, b);
        n += v->layers[b].present;
        for (int i = 0; v->layers[b].present && i < v->n_embd; i++) {
            FUZZ_CHECK(isfinite(row[i]));
        }
    }
    FUZZ_CHECK(n > 0);
}

/* Bytes as a file of one format. */
static inline int fuzz_format(const vecfile_format *format, const uint8_t *data, size_t size)
{
    persona_vector *v = NULL;
    persona_err e = {0};
    const vecfile f = {.path = "file", .p = data, .len = size, .e = &e};
    fuzz_accepted = false;
    if (!format->sniff(&f)) {
        return 0;
    }
    const persona_code rc = format->read(&f, &v);
    fuzz_check(rc, v, &e);
    persona_vector_free(v);
    return 0;
}

#endif
