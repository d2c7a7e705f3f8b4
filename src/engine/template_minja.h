/* SPDX-License-Identifier: MIT
 *
 * template_minja.h - the C door to minja, the evaluator of chat templates. Only template_child.c
 * goes through it, inside a process with limits: minja crashes or runs on for ever on templates
 * that mean harm.
 */
#ifndef PERSONA_ENGINE_TEMPLATE_MINJA_H
#define PERSONA_ENGINE_TEMPLATE_MINJA_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct minja_program minja_program;

/* Parses; NULL with the reason in why. */
minja_program *minja_program_new(const char *text, size_t len, char *why, size_t n_why);
void minja_program_free(minja_program *p);
/* Evaluates with the members of the JSON object vars as variables; "now" among them is the clock of
 * strftime_now in seconds since 1970, UTC. The text is the caller's (mem_free); NULL with the
 * reason in why. */
char *minja_program_render(const minja_program *p, const char *vars, size_t n_vars, size_t *n_out,
                           char *why, size_t n_why);

#ifdef __cplusplus
}
#endif
#endif
