/* SPDX-License-Identifier: MIT
 *
 * talks_db.h - conversations in the server's database. Each has a version that grows with every
 * change, so that two pages that edit the same one find out.
 */
#ifndef PERSONA_SERVER_TALKS_DB_H
#define PERSONA_SERVER_TALKS_DB_H

#include "server/store/server_db.h"

typedef struct talk_row {
    const char *id, *title;
    int64_t created, updated, version;
    const char *body; /* JSON of the schema persona.chat/1; NULL in lists */
} talk_row;

/* created is also updated; version 1. */
PERSONA_CHECK persona_code talks_db_insert(server_db *d, const talk_row *row, persona_err *e);
/* Replaces title and body if the version is still row->version. *changed: false if it is not.
 * Errors: NOTFOUND. */
PERSONA_CHECK persona_code talks_db_update(server_db *d, const talk_row *row, bool *changed,
                                           persona_err *e);
PERSONA_CHECK persona_code talks_db_delete(server_db *d, const char *id, persona_err *e);
/* id NULL: all of them, the last changed first, without bodies. Rows are valid inside fn. Errors:
 * NOTFOUND (id). */
PERSONA_CHECK persona_code talks_db_each(server_db *d, const char *id,
                                         persona_code (*fn)(void *ud, const talk_row *row,
                                                            persona_err *e),
                                         void *ud, persona_err *e);

#endif
