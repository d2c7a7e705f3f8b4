/* SPDX-License-Identifier: MIT
 *
 * choicefile.h - files of two-choice questions: JSON lines, or one JSON array.
 */
#ifndef PERSONA_STORE_CHOICEFILE_H
#define PERSONA_STORE_CHOICEFILE_H

#include <stdbool.h>
#include <stddef.h>

#include "persona/error.h"

typedef struct choice {
    char *question;
    char *matching, *other; /* answers, without white space around them */
    size_t line;            /* from 1: of the file, or its place in the array */
    bool listed;            /* the answers are texts that are to be listed as (A) and (B) */
} choice;

typedef struct choice_list {
    choice *p; /* (n) */
    size_t n;
} choice_list;

/* Errors, after which out is empty: NOTFOUND, IO, FORMAT (FILE:LINE and the field; none; answers
 * that are the same). */
PERSONA_CHECK persona_code choice_list_read(const char *path, choice_list *out, persona_err *e);
/* The same of bytes that a NUL follows; name: what errors call them. */
PERSONA_CHECK persona_code choice_list_parse(const char *name, const char *text, size_t len,
                                             choice_list *out, persona_err *e);
void choice_list_clear(choice_list *l);

#endif
