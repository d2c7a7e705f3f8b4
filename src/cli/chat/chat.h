/* SPDX-License-Identifier: MIT
 *
 * chat.h - what the files of `persona chat` share.
 *
 * One conversation with one model. The steering may change between answers; every answer keeps the
 * one that it was given under. Interactive means a terminal on both sides; otherwise lines come
 * from a pipe, answers go to stdout, and the first command that fails ends the program.
 */
#ifndef PERSONA_CLI_CHAT_H
#define PERSONA_CLI_CHAT_H

#include "cli/probe.h"
#include "workbench/conversation.h"

enum { CHAT_PROBES = 64 };

/* What one probe has read of the last answer, in units of h, before the edits of its own block. */
typedef struct chat_reading {
    double forecast; /* at the last prompt token; NAN */
    double *values;  /* (n) its tokens */
    size_t n, cap;
} chat_reading;

typedef struct chat {
    cli_state *c;
    rig x;
    conversation talk;
    char *steer; /* expression, "": none */
    persona_plan *plan;
    persona_receipt receipt;
    persona_probes *probes;             /* NULL: none */
    chat_reading readings[CHAT_PROBES]; /* (probes->n) */
    persona_sampling sampling;
    FILE *out; /* what commands say: stderr where stdout is for one JSON document */
    bool interactive;
    bool compare; /* every question also unsteered */
    bool thinks;  /* thoughts are shown */
    bool quit;
    persona_cancel stop; /* of the answer that is being written */
    receipt_done done;   /* what steering did to the last answer */
} chat;

/* ---- chat_steer.c: steering and probes ------------------------------------------------------- */

/* Steers the answers to come; "" or "off": not at all. On failure the old steering stays. */
PERSONA_CHECK persona_code chat_steer(chat *t, const char *expression, persona_err *e);
/* Adds a probe, NAME or NAME@A-B. Errors: USAGE (too many), those of probe_add. */
PERSONA_CHECK persona_code chat_probe_add(chat *t, const char *name, persona_err *e);
void chat_probes_clear(chat *t);
size_t chat_n_probes(const chat *t);
/* The mean of the last answer, and one token, as z-scores against neutral ones where these are
 * known; else in units of h. NAN: nothing was read. */
double chat_mean(const chat *t, size_t i);
double chat_token(const chat *t, size_t i, size_t token);
/* Whether probe i has neutral statistics for its mean. */
bool chat_has_z(const chat *t, size_t i);

/* ---- chat_answer.c --------------------------------------------------------------------------- */

/* Asks `question` behind turn `parent` with the present steering, prints the answer as it is
 * written, and adds the turn. Ctrl-C ends the answer and keeps what there is. */
PERSONA_CHECK persona_code chat_ask(chat *t, int parent, const char *question, uint32_t seed,
                                    persona_err *e);
/* SIGINT ends the answer that is being written, or does nothing. */
void chat_catch_interrupt(chat *t);

/* ---- chat_commands.c ------------------------------------------------------------------------- */

/* A line that begins with '/'. */
PERSONA_CHECK persona_code chat_command(chat *t, const char *line, persona_err *e);
/* Names of the commands, with the slash; NULL after the last. */
const char *chat_command_name(size_t i);

/* ---- chat_line.c: the only file that knows libedit ------------------------------------------- */

typedef struct chat_line chat_line;
/* history: a file that lines are kept in; NULL: none. Errors: NOMEM. */
PERSONA_CHECK persona_code chat_line_open(bool interactive, const char *history, chat_line **out,
                                          persona_err *e);
void chat_line_close(chat_line *l);
/* The next line without its end, new memory; a trailing backslash joins the next one. NULL at the
 * end of the input. An interrupted line is an empty one. */
char *chat_line_read(chat_line *l);

#endif
