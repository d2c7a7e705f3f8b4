/* SPDX-License-Identifier: MIT
 *
 * conversation.h - a conversation as a tree of turns: every answer that was ever given stays, and
 * one of the leaves is where the conversation is.
 *
 * A turn is a question and its answer. Asking again adds a sibling, going back moves to the parent,
 * and nothing is lost. The file is FORMATS.md's "Conversation".
 */
#ifndef PERSONA_WORKBENCH_CONVERSATION_H
#define PERSONA_WORKBENCH_CONVERSATION_H

#include <stdint.h>

#include "base/json.h"
#include "persona/session.h"

enum { CONVERSATION_MAX_TURNS = 10000, CONVERSATION_ROOT = -1 };

typedef struct turn {
    int parent; /* index of a turn before it, or CONVERSATION_ROOT */
    char *question, *answer;
    char *analysis; /* "" if there is none */
    char *steering; /* expression; "": none */
    char *prompt;   /* what stood behind the system text for this answer alone; "": nothing */
    uint32_t seed;
} turn;

typedef struct conversation {
    char *system; /* "": none */
    turn *turns;  /* (n) in the order in which they were made */
    size_t n;
    int at; /* the turn that the next question follows */
} conversation;

PERSONA_CHECK persona_code conversation_init(conversation *c, persona_err *e);
void conversation_clear(conversation *c);
PERSONA_CHECK persona_code conversation_set_system(conversation *c, const char *text,
                                                   persona_err *e);
/* A turn that is to be made; NULL is "". */
typedef struct turn_texts {
    const char *question, *answer, *analysis, *steering, *prompt;
    uint32_t seed;
} turn_texts;
/* Appends a turn behind `parent` and goes there; texts are copied. Errors: USAGE (too many turns),
 * NOMEM. */
PERSONA_CHECK persona_code conversation_add(conversation *c, int parent, const turn_texts *t,
                                            persona_err *e);
/* How many turns follow `parent`, and which of them is turn `of` (1 ..; 0: none). */
size_t conversation_branches(const conversation *c, int parent, int of, size_t *which);
/* Goes to branch k (1 ..) beside the turn where it is, and from there down to the last answer that
 * was given. False: there is none. */
bool conversation_go(conversation *c, size_t k);
/* The way to turn `at`, root first, into out (room for c->n); its length. */
size_t conversation_path(const conversation *c, int at, int *out);
/* The messages that a question behind turn `at` follows, and the question: new memory for the array
 * only, mem_free it. question NULL: none is added. Errors: NOMEM. */
PERSONA_CHECK persona_code conversation_messages(const conversation *c, int at,
                                                 const char *question, persona_message **out,
                                                 size_t *n, persona_err *e);

/* "system", "turns", "at" as members of the object that is open. */
void conversation_json(json_out *o, const conversation *c);
/* Writes the file; model may be NULL. Errors: IO, NOMEM. */
PERSONA_CHECK persona_code conversation_save(const conversation *c, const char *model,
                                             const char *path, persona_err *e);
/* The same from a value of a document. Errors: FORMAT (names the field), NOMEM. */
PERSONA_CHECK persona_code conversation_read(conversation *c, const json_doc *d,
                                             const json_val *root, persona_err *e);
/* Replaces *c, whole or not at all. Errors: NOTFOUND, FORMAT (names the field), NOMEM. */
PERSONA_CHECK persona_code conversation_load(conversation *c, const char *path, persona_err *e);

#endif
