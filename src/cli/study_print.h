/* SPDX-License-Identifier: MIT
 *
 * study_print.h - a study as text and as JSON, the same for `transfer` and `demo`.
 */
#ifndef PERSONA_CLI_STUDY_PRINT_H
#define PERSONA_CLI_STUDY_PRINT_H

#include <stdio.h>

#include "base/json.h"
#include "pipeline/study.h"

/* Table, samples, swings and verdict; colours follow f. */
void study_print(FILE *f, const study *x);
/* Members of the object that is open: kept, layer_from, ..., rows, retained, swing, verdict, ... */
void study_json(json_out *o, const study *x);
/* A text in `indent` spaces, wrapped to the terminal; `first` stands before the first line. */
void study_print_text(FILE *f, const char *first, const char *text, int indent);

#endif
