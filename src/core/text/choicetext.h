/* SPDX-License-Identifier: MIT
 *
 * choicetext.h - the listed choices of a question; the same question with two of them exchanged.
 */
#ifndef PERSONA_CORE_CHOICETEXT_H
#define PERSONA_CORE_CHOICETEXT_H

#include "persona/error.h"

/* "(A)" at the beginning of an answer, or "A" alone, as a label; '\0': it is none. */
char choice_label(const char *answer);
/* Where the choice's text begins in the question: behind "(A)" at the beginning of a line (or
 * behind white space there); NULL: not listed. */
const char *choice_listed(const char *question, char label);
/* The question with the texts of both choices exchanged, mem_free it; NULL: one of them is not
 * listed, or no memory. */
char *choice_swap(const char *question, char a, char b);
/* A question that lists two answers as (A) and (B); NULL: no memory. */
char *choice_list_two(const char *question, const char *a, const char *b);

#endif
