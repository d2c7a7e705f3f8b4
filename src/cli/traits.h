/* SPDX-License-Identifier: MIT
 *
 * traits.h - what the two files of `persona traits` share.
 */
#ifndef PERSONA_CLI_TRAITS_H
#define PERSONA_CLI_TRAITS_H

#include "cli/cli.h"

typedef struct traits_args {
    cli_state *c;
    const char *name; /* of a trait, or a file */
    const char *model, *output;
    persona_import_opts import; /* positive, negative and description are those of `new`, too */
    persona_write_opts write;
    bool edit, force;
} traits_args;

/* cmd_traits_new.c */
persona_code traits_new(const traits_args *a, persona_err *e);
persona_code traits_check(const traits_args *a, persona_err *e);
persona_code traits_import(const traits_args *a, persona_err *e);

/* cmd_traits.c: the pack as text. */
void traits_show_text(const persona_trait *t);

/* edit.c: runs $VISUAL, $EDITOR or vi on a file and waits. Errors: UNAVAILABLE (none, or it
 * failed). */
PERSONA_CHECK persona_code cli_edit(const char *path, persona_err *e);

#endif
