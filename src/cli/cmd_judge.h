/* SPDX-License-Identifier: MIT
 *
 * cmd_judge.h - the three actions of `persona judge`, one file each.
 */
#ifndef PERSONA_CLI_CMD_JUDGE_H
#define PERSONA_CLI_CMD_JUDGE_H

#include "cli/cli.h"
#include "store/text/labelfile.h"

typedef struct judge_args {
    cli_state *c;
    const char *output, *name, *trait, *ngrams, *labels_by, *labels_of, *save;
    const char *neutral; /* "0", "50"; NULL: as the labels are */
    char **files;        /* n_files; of `test` without the judge, which is c->rig.judge */
    size_t n_files;
} judge_args;

PERSONA_CHECK persona_code judge_train(const judge_args *a, persona_err *e);
PERSONA_CHECK persona_code judge_show(const judge_args *a, persona_err *e);
PERSONA_CHECK persona_code judge_test(const judge_args *a, persona_err *e);

/* Errors: USAGE (--labels-by, --labels-of). */
PERSONA_CHECK persona_code judge_check_names(const judge_args *a, persona_err *e);
/* The labelled answers of all files, of one trait if --trait names one. Errors: those of the files;
 * FORMAT when there are none. */
PERSONA_CHECK persona_code judge_labels(const judge_args *a, labels *out, persona_err *e);
/* How many answers had no score, where there are such. */
void judge_say_unscored(const judge_args *a, const labels *l);
/* Different traits in the order of first appearance; borrowed from l, the array is to be freed. */
const char **judge_traits(const labels *l, size_t *n);

#endif
