/* SPDX-License-Identifier: MIT
 *
 * study_print.h - a study as text, the same for `transfer` and `demo`.
 */
#ifndef PERSONA_CLI_STUDY_PRINT_H
#define PERSONA_CLI_STUDY_PRINT_H

#include <stdio.h>

#include "persona/study.h"

/* Table, samples, swings and verdict; colours follow f. */
void study_print(FILE *f, const persona_study *x);
/* Several studies together (n; NULL ones are skipped): one line each, and what moved what. */
void study_print_summary(FILE *f, persona_study *const *x, size_t n);
void study_print_matrix(FILE *f, persona_study *const *x, size_t n);
/* A text in `indent` spaces, wrapped to the terminal; `first` stands before the first line. */
void study_print_text(FILE *f, const char *first, const char *text, int indent);

#endif
