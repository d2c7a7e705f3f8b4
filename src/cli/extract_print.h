/* SPDX-License-Identifier: MIT
 *
 * extract_print.h - the result of an extraction as text and as JSON.
 */
#ifndef PERSONA_CLI_EXTRACT_PRINT_H
#define PERSONA_CLI_EXTRACT_PRINT_H

#include "cli/cli.h"

/* Borrowed. */
typedef struct extract_result {
    const cli_engine *engine;
    const persona_vector *v;
    const persona_extract_report *report;
    const char *path; /* of the vector */
    const char *job;  /* NULL: none was kept */
} extract_result;

void extract_print(const cli_state *c, const extract_result *x);
PERSONA_CHECK persona_code extract_json(cli_state *c, const extract_result *x, persona_err *e);

#endif
