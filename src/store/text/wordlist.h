/* SPDX-License-Identifier: MIT
 *
 * wordlist.h - published lists of words as lexicons.
 */
#ifndef PERSONA_STORE_WORDLIST_H
#define PERSONA_STORE_WORDLIST_H

#include "core/text/lexicon.h"

typedef enum wordlist_format {
    WORDLIST_PLAIN,   /* a phrase a line; '#' begins a comment, empty lines do not count */
    WORDLIST_VALUES,  /* phrase, tab, number, and what else there is behind another tab */
    WORDLIST_PATTERN, /* <word form="" subjectivity=""/>, one a line; other lines are skipped */
} wordlist_format;

/* Reads a list. Errors: FORMAT (line and what it should be; nothing in it), SHAPE (too long: 4096
 * bytes a line, 200000 lines), NOTFOUND, IO, NOMEM. */
PERSONA_CHECK persona_code wordlist_read(const char *path, wordlist_format format, lexicon **out,
                                         persona_err *e);
/* The same of bytes in memory; name stands in messages. */
PERSONA_CHECK persona_code wordlist_parse(const char *name, const void *p, size_t n,
                                          wordlist_format format, lexicon **out, persona_err *e);
/* DIR/words/NAME or DIR/words/fetched/NAME of the first data folder that has it; NULL in *out: none
 * has. Errors: NOMEM. */
PERSONA_CHECK persona_code wordlist_find(const char *name, char **out, persona_err *e);

#endif
