/* SPDX-License-Identifier: MIT
 *
 * pairs.h - private view of persona_pairs: texts that both models have read.
 */
#ifndef PERSONA_PIPELINE_PAIRS_H
#define PERSONA_PIPELINE_PAIRS_H

#include "persona/transfer.h"

typedef struct pair_text {
    char *text;
    int trait;        /* index into names; -1: neutral */
    size_t question;  /* group of the leave-one-group-out search */
    float *from, *to; /* (blocks, width) means over the response, NULL when unusable */
} pair_text;

struct persona_pairs {
    pair_text *texts;
    size_t n, n_groups; /* groups: questions */
    char **names;
    size_t n_names;
    int n_layer_from, n_layer_to, d_from, d_to;
    float *h_to; /* n_layer_to: median ||h|| over answer tokens in the target */
};

/* Index of a trait's name, or -1. */
int pairs_trait(const persona_pairs *p, const char *name);

#endif
