/* SPDX-License-Identifier: MIT
 *
 * judge_numbers.h - the numbers 0..100 in a model's own tokens, and what a distribution over tokens
 * says about them.
 */
#ifndef PERSONA_PIPELINE_JUDGE_NUMBERS_H
#define PERSONA_PIPELINE_JUDGE_NUMBERS_H

#include "persona/session.h"

#define NUMBERS_DEPTH 3                       /* tokens of a number at most */
#define NUMBERS_MAX (1 + 101 * NUMBERS_DEPTH) /* nodes */

/* Node 0 is the root: nothing written yet. */
typedef struct number_node {
    persona_token token;     /* written last */
    int value;               /* the number written so far, if it is one of 0..100 here; else -1 */
    int parent, child, next; /* child: first one; next: sibling; -1: none */
} number_node;

typedef struct numbers {
    number_node nodes[NUMBERS_MAX];
    persona_token digits[NUMBERS_MAX]; /* every token of the tree, once */
    int n, n_digits;
    bool deep; /* some number takes more than one token */
} numbers;

/* Errors: UNAVAILABLE (the tokenizer does not write numbers as tokens of digits), NOMEM. */
PERSONA_CHECK persona_code numbers_of(const persona_model *m, numbers *out, persona_err *e);

/* A node and the probability that the answer begins with what it spells. */
typedef struct number_branch {
    int node;
    double p;
} number_branch;

typedef struct number_sum {
    double mass, weighted; /* sum of p, and of p times the number */
} number_sum;

/* Takes in the distribution of the token after at->node: adds the numbers that are complete with it
 * to sum, and returns how many branches, now in `open` (NUMBERS_MAX), need a distribution of their
 * own. */
size_t numbers_read(const numbers *x, number_branch at, const float *logits, size_t n_vocab,
                    number_sum *sum, number_branch *open);
/* The tokens from the root to the node, into path; returns how many. */
size_t numbers_path(const numbers *x, int node, persona_token path[NUMBERS_DEPTH]);

#endif
