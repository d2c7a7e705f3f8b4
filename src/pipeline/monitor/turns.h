/* SPDX-License-Identifier: MIT
 *
 * turns.h - a file of texts, answer by answer, as questions to a session that reads them.
 *
 * An answer is the `response` of a line and, where every turn is wanted, each assistant message of
 * its conversation, read behind the messages before it as the model would have been asked. A line
 * without any answer is its prompt alone. The file is read twice: first all of it, so that a bad
 * line is found before hours of work, then line by line; in memory is only where answers stand.
 */
#ifndef PERSONA_PIPELINE_TURNS_H
#define PERSONA_PIPELINE_TURNS_H

#include "pipeline/ask.h"
#include "store/text/textfile.h"

typedef struct turn {
    size_t item, line; /* item: of the file, from 0; line: from 1 */
    int at, of;        /* which answer of its line, of how many; of 0: a prompt without an answer */
    size_t message;    /* index of the assistant message; SIZE_MAX: it is the `response` */
    int polarity;      /* as the line says: +1, -1; 0: nothing is said */
} turn;

typedef struct turns {
    const char *path;
    turn *list; /* (n) */
    size_t n, n_items;
    text_reader *reader;
    text_item *item; /* the one in hand: number n_read - 1 */
    size_t n_read;
    persona_message *messages; /* view of item's */
} turns;

/* every: all turns of a conversation, not only the last one. Errors: USAGE (standard input), and
 * those of text files; FORMAT (no line). */
PERSONA_CHECK persona_code turns_open(turns *t, const char *path, bool every, persona_err *e);
void turns_close(turns *t);
/* Begins to ask from the first one again. */
PERSONA_CHECK persona_code turns_rewind(turns *t, persona_err *e);
/* Fills in q for answer i, in rising order; what it points to lives until the next call. */
PERSONA_CHECK persona_code turns_ask(turns *t, size_t i, ask *q, persona_err *e);
/* The line in hand, whose strings live until the next call of turns_ask. */
const text_item *turns_item(const turns *t);
/* Puts FILE:LINE in front of what answer i is to blame for (ask_stream.blame). */
persona_code turns_blame(const turns *t, size_t i, persona_code rc, persona_err *e);

/* Reading all of them: answers are handed over in the order of the file, one at a time. */
typedef struct turns_reader {
    void *ud;
    /* what to read of answer i */
    void (*taps)(void *ud, size_t i, ask *q);
    persona_code (*take)(void *ud, size_t i, const answer *a, persona_err *e);
    const bool *skip; /* (n) those that are not read; NULL: all are */
    size_t n_others;  /* of these: as in ask_stream */
} turns_reader;
/* Errors: those of sessions, with FILE:LINE where a line is to blame, and of take. */
PERSONA_CHECK persona_code turns_read(turns *t, persona_session *s, const turns_reader *r,
                                      const char *stage, const persona_hooks *hooks,
                                      persona_err *e);

/* The (n_positions) tokens that an ALL or PROJECT tap read; mem_free them. Errors: NOMEM. */
PERSONA_CHECK persona_code turns_tokens(const answer *a, persona_token **out, persona_err *e);

#endif
