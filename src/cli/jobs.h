/* SPDX-License-Identifier: MIT
 *
 * jobs.h - what cmd_jobs.c and jobs_export.c share.
 */
#ifndef PERSONA_CLI_JOBS_H
#define PERSONA_CLI_JOBS_H

#include "cli/cli.h"

typedef struct jobs_export_opts {
    const char *output;
    const char *stage; /* NULL: the only one */
    const char *judge; /* NULL: the only one; "none": no scores */
} jobs_export_opts;

/* Writes the answers of one stage into text files and says so. Errors: USAGE (which stage, which
 * judge?), those of reading the job and writing the files. */
PERSONA_CHECK persona_code jobs_export(cli_state *c, const char *path, const jobs_export_opts *opts,
                                       persona_err *e);

#endif
