/* SPDX-License-Identifier: MIT
 *
 * fuzz_reply.c - bytes as the reply of a judging server: a score within the scale, or a refusal in
 * one line.
 */
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/judge/endpoint_reply.h"
#include "pipeline/judge/score_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
bool fuzz_accepted;

static void must(bool what)
{
    if (!what) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    endpoint_reply r = {0};
    persona_err e = {0};
    char words[80];
    const persona_code rc = endpoint_reply_read((const char *)data, size, 0.25F, &r, &e);
    fuzz_accepted = rc == PERSONA_OK;
    if (rc == PERSONA_OK) {
        must(isnan(r.score) || (r.score >= 0 && r.score <= 100));
    } else {
        must(e.code == rc && *e.msg && !strchr(e.msg, '\n'));
    }
    (void)endpoint_reply_names((const char *)data, size, "seed");
    char *text = calloc(size + 1, 1); /* the bytes as a judge's words, too */
    if (text && size > 0) {
        memcpy(text, data, size);
    }
    const double score = text ? score_of_text(text, NULL) : (double)NAN;
    must(isnan(score) || (score >= 0 && score <= 100));
    free(text);
    must(!strchr(endpoint_reply_words((const char *)data, size, words, sizeof words), '\n'));
    return 0;
}
