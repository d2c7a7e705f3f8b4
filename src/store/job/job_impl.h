/* SPDX-License-Identifier: MIT
 *
 * job_impl.h - what the files job*.c share.
 */
#ifndef PERSONA_STORE_JOB_IMPL_H
#define PERSONA_STORE_JOB_IMPL_H

#include "store/db.h"
#include "store/job/job.h"

struct job {
    db *d;
    char *path, *manifest;
    int lock;                        /* descriptor of PATH.lock; -1: opened for reading */
    db_stmt *put_answer, *put_score; /* kept from the first put on */
};

/* job_lock.c: the right to work on PATH. Errors: UNAVAILABLE (taken), IO, NOMEM. */
PERSONA_CHECK persona_code job_lock_take(const char *path, int *fd, persona_err *e);
/* Gives it back and removes the lock's file; -1 is fine. */
void job_lock_drop(const char *path, int fd);
/* Asks without taking it. *pid is 0 when it is not known. */
bool job_lock_held(const char *path, int *pid);
/* Removes the database's files; the lock must be held. Errors: IO, NOMEM. */
PERSONA_CHECK persona_code job_unlink(const char *path, persona_err *e);

/* job_manifest.c: OK if both say the same, in whatever order and spelling. Errors: USAGE (they
 * differ; names the first member that does), FORMAT (no JSON object), NOMEM. */
PERSONA_CHECK persona_code job_manifest_compare(const char *path, const char *stored,
                                                const char *given, persona_err *e);
PERSONA_CHECK persona_code job_manifest_check(const char *given, persona_err *e);
/* OK if both manifests are of the same job, whichever parts of it. Errors: USAGE (names the member
 * and both values), FORMAT, NOMEM. */
PERSONA_CHECK persona_code job_manifest_same(const char *path_a, const char *a, const char *path_b,
                                             const char *b, persona_err *e);
/* Which part a manifest is of; count 0: a whole. Errors: FORMAT, NOMEM. */
PERSONA_CHECK persona_code job_manifest_shard(const char *path, const char *manifest,
                                              persona_shard *out, persona_err *e);
/* The manifest of a part, and of the whole that a part's is of. mem_free it; NULL: no memory. */
char *job_manifest_of_shard(const char *manifest, persona_shard s);
char *job_manifest_of_whole(const char *manifest);

#endif
