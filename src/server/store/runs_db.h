/* SPDX-License-Identifier: MIT
 *
 * runs_db.h - runs in the server's database: answers that their clients wanted kept, whole.
 */
#ifndef PERSONA_SERVER_RUNS_DB_H
#define PERSONA_SERVER_RUNS_DB_H

#include "server/store/server_db.h"

typedef struct run_row {
    int64_t number; /* grows with time */
    const char *id, *model, *route;
    const char *expression; /* NULL: unsteered */
    int64_t created;
    uint32_t seed;
    const char *request, *response; /* JSON */
} run_row;

PERSONA_CHECK persona_code runs_db_insert(server_db *d, const run_row *row, persona_err *e);
/* Errors: NOTFOUND. */
PERSONA_CHECK persona_code runs_db_delete(server_db *d, const char *id, persona_err *e);

typedef struct run_filter {
    const char *id, *model; /* NULL: any */
    const char *text;       /* that stands in request or response; NULL: any */
    const char *expression; /* part of it; NULL: any, also none */
    int64_t before;         /* only numbers below; 0: any */
    int limit;
} run_filter;
/* Newest first; rows are valid inside fn. */
PERSONA_CHECK persona_code runs_db_each(server_db *d, const run_filter *f,
                                        persona_code (*fn)(void *ud, const run_row *row,
                                                           persona_err *e),
                                        void *ud, persona_err *e);

#endif
