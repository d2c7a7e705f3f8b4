/* SPDX-License-Identifier: MIT
 *
 * call_parts.h - what handlers of routes have in common.
 */
#ifndef PERSONA_SERVER_CALL_PARTS_H
#define PERSONA_SERVER_CALL_PARTS_H

#include "server/routes/routes.h"
#include "workbench/shelf.h"

/* The model of that id (NULL: the default one), loaded and held: registry_release. Errors: those of
 * registry_acquire, told as the field "model". */
PERSONA_CHECK persona_code call_model(call *c, const char *id, served **out, persona_err *e);
/* The shelf of a model's vectors: by the model's id, which may not be loaded, or by the shelf's
 * own. Errors: NOTFOUND. */
PERSONA_CHECK persona_code call_shelf(call *c, const char *model, char out[SHELF_ID + 1],
                                      persona_err *e);
/* A parameter behind the question mark, a whole number. Errors: USAGE. */
PERSONA_CHECK persona_code call_query_int(const call *c, const char *name, int min, int max,
                                          int fallback, int *out, persona_err *e);

/* {"name": .., "error": ..}: a file of a list that cannot be read. */
void damaged_json(json_out *o, const char *name, const persona_err *why);
extern const field damaged_element[];

/* The reply {"id", "deleted": true}, and its members: what parts[0] names is gone. */
void call_deleted(call *c);
extern const field call_deleted_fields[];

/* A JSON text that the database has kept, as a value; NULL: null. Errors: FORMAT. */
PERSONA_CHECK persona_code call_kept(json_out *o, const char *key, const char *text,
                                     persona_err *e);

#endif
