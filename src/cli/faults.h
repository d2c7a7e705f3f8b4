/* SPDX-License-Identifier: MIT
 *
 * faults.h - files of a list that cannot be read: they do not hide the others, and are named with
 * what is wrong with them.
 */
#ifndef PERSONA_CLI_FAULTS_H
#define PERSONA_CLI_FAULTS_H

#include "cli/cli.h"

typedef struct cli_fault {
    char *name, *why;
} cli_fault;

typedef struct cli_faults {
    cli_fault *list; /* (n) */
    size_t n;
} cli_faults;

/* Notes one failure. false: it is none of a file (memory), and should end the command. */
bool faults_add(cli_faults *f, const char *name, const persona_err *why);
/* "damaged": objects of name and error. */
void faults_json(json_out *o, const cli_faults *f);
/* After the list: a line for each, and FORMAT if there are any: "1 of 3 recipes cannot be read". */
PERSONA_CHECK persona_code faults_end(const cli_state *c, const cli_faults *f, size_t n_good,
                                      const char *what, persona_err *e);
void faults_free(cli_faults *f);

#endif
