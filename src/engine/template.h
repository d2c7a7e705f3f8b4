/* SPDX-License-Identifier: MIT
 *
 * template.h - chat templates as programs from outside: capped, and evaluated under guard.
 */
#ifndef PERSONA_ENGINE_TEMPLATE_H
#define PERSONA_ENGINE_TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "persona/error.h"

/* Longer ones are refused; the longest published ones have about 30,000. */
#define TEMPLATE_MAX_BYTES ((size_t)128 << 10)
#define TEMPLATE_MAX_NESTING 100
/* Of one rendered conversation. */
#define TEMPLATE_MAX_TEXT ((size_t)16 << 20)

typedef struct template_program template_program;

/* Starts the process that parses and evaluates; name (a file) is for messages. A template that is
 * no good is told by template_render, so that a model can still be used without it.
 * Errors: NOMEM. */
PERSONA_CHECK persona_code template_new(const char *name, const char *text, template_program **out,
                                        persona_err *e);
void template_free(template_program *t);
const char *template_text(const template_program *t);
/* vars: a JSON object of variables; the text is the caller's (mem_free). Any thread.
 * Errors: FORMAT (the template cannot be read or evaluated), UNAVAILABLE (no process), NOMEM. */
PERSONA_CHECK persona_code template_render(template_program *t, const char *vars, size_t n_vars,
                                           char **out, size_t *n_out, persona_err *e);

#define TEMPLATE_PLAIN "plain" /* of base models: a question, an answer */
/* template_builtin.c: the text of a template that we bring, or NULL. */
const char *template_builtin(const char *name);
const char *template_builtin_names(void); /* "chatml, gemma, ..." */

/* ---- template_child.c ------------------------------------------------------------------------ */

typedef struct template_child {
    pid_t pid; /* 0: none */
    int fd;
} template_child;

/* A process that parses text and answers child_ask until its socket is closed. False: no
 * process. */
bool child_start(template_child *c, const char *text, size_t len);
/* Sends vars, waits for the answer. OK: out is the text (mem_free). FORMAT: out is the evaluator's
 * reason, or NULL, and why says how the process ended, which is then gone. Else NOMEM. */
persona_code child_ask(template_child *c, const char *vars, size_t n, char **out, size_t *n_out,
                       const char **why);
void child_end(template_child *c);

#endif
