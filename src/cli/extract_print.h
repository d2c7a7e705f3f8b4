/* SPDX-License-Identifier: MIT
 *
 * extract_print.h - the result of an extraction as text.
 */
#ifndef PERSONA_CLI_EXTRACT_PRINT_H
#define PERSONA_CLI_EXTRACT_PRINT_H

#include "cli/cli.h"

void extract_print(const cli_state *c, const extract_result *x);

#endif
