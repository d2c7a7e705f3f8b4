/* SPDX-License-Identifier: MIT
 *
 * lexicon.h - words and phrases with a value each, and where a text has them. No files.
 *
 * Words are those of words.h, after lexicon_split has made typographic apostrophes plain and taken
 * away what is no part of a word: quotes around it, dashes between two.
 */
#ifndef PERSONA_CORE_LEXICON_H
#define PERSONA_CORE_LEXICON_H

#include "core/text/words.h"
#include "persona/error.h"

enum { LEXICON_ORDER = 8 }; /* words of a phrase, at most */

typedef struct lexicon lexicon;

lexicon *lexicon_new(void); /* NULL: no memory */
void lexicon_free(lexicon *l);
/* A phrase that comes again has the mean of its values. Errors: SHAPE (no word in it, more than
 * LEXICON_ORDER), NOMEM. */
PERSONA_CHECK persona_code lexicon_add(lexicon *l, const char *phrase, double value,
                                       persona_err *e);
size_t lexicon_size(const lexicon *l);
/* Words of the longest phrase that begins at word i, and its value; 0: none does. */
size_t lexicon_match(const lexicon *l, const words *w, size_t i, double *value);

/* words_split of the text as lexicons read it. False: out of memory. */
bool lexicon_split(const char *text, words *w);
/* Whether token i is a word, and no punctuation mark or picture. */
bool lexicon_is_word(const words *w, size_t i);

#endif
