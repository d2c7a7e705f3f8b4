/* SPDX-License-Identifier: MIT
 *
 * sweep_print.h - a sweep for a person, and as a table of commas.
 */
#ifndef PERSONA_CLI_SWEEP_PRINT_H
#define PERSONA_CLI_SWEEP_PRINT_H

#include "persona/sweep.h"

void sweep_print(const persona_sweep *x);
/* A line per point, the header first (RFC 4180). Errors: NOMEM, IO. */
PERSONA_CHECK persona_code sweep_csv_write(const persona_sweep *x, const char *path,
                                           persona_err *e);

#endif
