/* SPDX-License-Identifier: MIT
 *
 * trash.h - deleting that can be undone: files of the user's library are moved to
 * $XDG_DATA_HOME/persona/trash, from where they come back or, after some days, go for good.
 *
 * Each item is a file ID.item, with ID.json beside it (schema persona.trash/1) that says what it
 * was and when it was deleted. An ID.json without its file, as a crash can leave it, is no item.
 */
#ifndef PERSONA_WORKBENCH_TRASH_H
#define PERSONA_WORKBENCH_TRASH_H

#include <stdbool.h>
#include <stdint.h>

#include "workbench/shelf.h"

typedef enum trash_kind { TRASH_VECTOR, TRASH_TRAIT, TRASH_RECIPE, TRASH_N_KINDS } trash_kind;
/* "vector", "trait", "recipe". */
const char *trash_kind_name(trash_kind k);

enum { TRASH_ID_MAX = 40 };

typedef struct trash_item {
    char id[TRASH_ID_MAX];
    trash_kind kind;
    char shelf[SHELF_ID + 1]; /* of a vector; else "" */
    char name[SHELF_NAME_MAX + 1];
    int64_t deleted; /* seconds since 1970 */
    uint64_t size_bytes;
} trash_item;

/* Moves the user's file of that name into the trash. shelf: of a vector; else NULL. *out: what it
 * is now. Errors: NOTFOUND, USAGE (no such name can be), IO. */
PERSONA_CHECK persona_code trash_put(trash_kind kind, const char *shelf, const char *name,
                                     trash_item *out, persona_err *e);
/* All of it, the newest first; mem_free *out. */
PERSONA_CHECK persona_code trash_list(trash_item **out, size_t *n, persona_err *e);
/* Moves an item back. *taken: its place is (USAGE). Errors: NOTFOUND, IO. */
PERSONA_CHECK persona_code trash_restore(const char *id, trash_item *out, bool *taken,
                                         persona_err *e);
/* Removes what was deleted more than that many days ago; *n: how many items. */
PERSONA_CHECK persona_code trash_purge(int days, size_t *n, persona_err *e);

#endif
