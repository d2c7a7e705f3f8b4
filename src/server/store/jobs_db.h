/* SPDX-License-Identifier: MIT
 *
 * jobs_db.h - jobs in the server's database: what they were asked and what came of them.
 */
#ifndef PERSONA_SERVER_JOBS_DB_H
#define PERSONA_SERVER_JOBS_DB_H

#include "server/jobs/job_queue.h"
#include "server/store/server_db.h"

/* A row; strings are owned by whoever reads it. */
typedef struct job_row {
    char id[JOB_ID_MAX], kind[32];
    job_state state;
    int64_t created, started, ended;
    char error[512];
} job_row;

PERSONA_CHECK persona_code jobs_db_insert(server_db *d, const job_row *row, const char *args,
                                          persona_err *e);
/* Writes state, times and error; result NULL: leaves what is there. */
PERSONA_CHECK persona_code jobs_db_update(server_db *d, const job_row *row, const char *result,
                                          persona_err *e);
PERSONA_CHECK persona_code jobs_db_delete(server_db *d, const char *id, persona_err *e);
/* Texts; mem_free them. result NULL: not wanted; *result NULL: none. Errors: NOTFOUND. */
PERSONA_CHECK persona_code jobs_db_texts(server_db *d, const char *id, char **args, char **result,
                                         persona_err *e);
/* Notes a file that answers are kept in, once. */
PERSONA_CHECK persona_code jobs_db_add_file(server_db *d, const char *id, const char *path,
                                            persona_err *e);
/* They, a line each; mem_free it. Errors: NOTFOUND. */
PERSONA_CHECK persona_code jobs_db_files(server_db *d, const char *id, char **out, persona_err *e);
/* A line of its log: the time and words. A log that has become long takes no more of them. */
PERSONA_CHECK persona_code jobs_db_note(server_db *d, const char *id, int64_t at, const char *words,
                                        persona_err *e);
/* They; mem_free it. Errors: NOTFOUND. */
PERSONA_CHECK persona_code jobs_db_log(server_db *d, const char *id, char **out, persona_err *e);
/* Oldest first; args lives for the call. */
PERSONA_CHECK persona_code jobs_db_each(server_db *d,
                                        persona_code (*fn)(void *ud, const job_row *row,
                                                           const char *args, persona_err *e),
                                        void *ud, persona_err *e);

#endif
