/* SPDX-License-Identifier: MIT
 *
 * neutral_set.h - what `persona audit` and `persona shift` share: questions that ask for no
 * trait, and means over them.
 */
#ifndef PERSONA_CLI_NEUTRAL_SET_H
#define PERSONA_CLI_NEUTRAL_SET_H

#include "cli/cli.h"

typedef struct neutral_questions {
    char **list; /* (n) borrowed */
    size_t n;
    trait_set packs; /* where they come from, if not from the rig's set */
} neutral_questions;

/* The evaluation half of the set that --questions or the model names, else of all trait packs in
 * turn; at most as many as --questions says, 20 without it. Errors: those of reading them. */
PERSONA_CHECK persona_code neutral_open(const cli_state *c, rig *x, neutral_questions *out,
                                        persona_err *e);
void neutral_close(neutral_questions *q);
/* The mean of column k of a table (n, columns), with an interval over rows, or over the lines that
 * they belong to (ascending; NULL: each its own): turns of one conversation say nearly the same.
 * NAN rows are left out. Errors: NOMEM. */
PERSONA_CHECK persona_code neutral_mean(const double *table, const size_t *line, size_t n,
                                        size_t columns, size_t k, uint32_t seed,
                                        persona_interval *out, persona_err *e);

#endif
