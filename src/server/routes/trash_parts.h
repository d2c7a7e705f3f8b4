/* SPDX-License-Identifier: MIT
 *
 * trash_parts.h - how replies tell what is in the trash.
 */
#ifndef PERSONA_SERVER_TRASH_PARTS_H
#define PERSONA_SERVER_TRASH_PARTS_H

#include "server/routes/routes.h"
#include "workbench/trash.h"

/* {"trash": {id, kind, ...}}: the whole reply of a route that deletes. */
void deleted_json(json_out *o, const trash_item *x);
extern const field deleted_fields[];

#endif
