/* SPDX-License-Identifier: MIT
 *
 * models_cmd.h - the parts of `persona models`.
 */
#ifndef PERSONA_CLI_MODELS_CMD_H
#define PERSONA_CLI_MODELS_CMD_H

#include "cli/cli.h"

typedef struct models_pull_opts {
    const char *sha256;
    bool force;
    int tries;
    double wait; /* seconds before the second one */
} models_pull_opts;
/* models_pull.c */
PERSONA_CHECK persona_code models_pull(cli_state *c, const char *what, const models_pull_opts *o,
                                       persona_err *e);
/* models_remove.c: asks unless yes */
PERSONA_CHECK persona_code models_remove(cli_state *c, const char *name, bool yes, persona_err *e);

#endif
