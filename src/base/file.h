/* SPDX-License-Identifier: MIT
 *
 * file.h - whole files: reading with a maximum; writing to a temporary name, fsync, rename, so that
 * no reader ever sees half a file and a full disk leaves the old one.
 */
#ifndef PERSONA_BASE_FILE_H
#define PERSONA_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#include "persona/error.h"

/* Reads all of path (NUL added after the end; mem_free it). Errors: NOTFOUND, IO, SHAPE (> max). */
PERSONA_CHECK persona_code file_read(const char *path, size_t max, char **out, size_t *len,
                                     persona_err *e);

/* Reading bit by bit: opens path (close *fd), then read(2) that waits out signals; *got 0 at the
 * end. */
PERSONA_CHECK persona_code file_in_open(const char *path, int *fd, persona_err *e);
PERSONA_CHECK persona_code file_in_read(int fd, const char *path, void *p, size_t n, size_t *got,
                                        persona_err *e);

/* Reads a file of any size piece by piece; fn returning false ends it with INTERNAL. */
PERSONA_CHECK persona_code file_chunks(const char *path,
                                       bool (*fn)(void *ud, const void *p, size_t n), void *ud,
                                       persona_err *e);

/* A file being written: write to `fp`, then commit (flush, fsync, rename over path, fsync folder)
 * or abort (the temporary file is removed). Exactly one of the two ends it; an abort after that, or
 * after a failed open, does nothing. Missing parent folders are created. Every failing write is
 * reported by commit. Pipes, devices and /dev/stdout are written directly. Errors: IO with the
 * path, the reason and a hint. */
typedef struct file_out {
    FILE *fp;
    char *path, *tmp;
} file_out;
PERSONA_CHECK persona_code file_out_open(file_out *f, const char *path, persona_err *e);
PERSONA_CHECK persona_code file_out_commit(file_out *f, persona_err *e);
void file_out_abort(file_out *f);
/* The three in one. */
PERSONA_CHECK persona_code file_write(const char *path, const void *p, size_t n, persona_err *e);

bool file_exists(const char *path);
/* When it was last written, to the nanosecond. */
struct timespec file_mtime(const struct stat *st);
/* When anything about it was last changed; nobody can set that. */
struct timespec file_ctime(const struct stat *st);
/* The paths of the regular files in `dir` whose names end in `ending`, by name; hidden ones, and
 * one that is called `ending` and no more, are left out. A folder that is not there has none. Free
 * with mem_free_list. Errors: IO, NOMEM. */
PERSONA_CHECK persona_code file_list(const char *dir, const char *ending, char ***paths, size_t *n,
                                     persona_err *e);
PERSONA_CHECK persona_code file_mkdirs(const char *dir, persona_err *e);
/* "a/b/c.gguf" -> "a/b" (or "."), "c.gguf"; DIR joined with NAME. mem_free the results; NULL: no
 * memory. path_base borrows. */
char *path_dir(const char *path);
const char *path_base(const char *path);
char *path_join(const char *dir, const char *name);
/* Something, then `ending`; exact. */
bool path_ends(const char *path, const char *ending);
/* $XDG_DATA_HOME/persona or ~/.local/share/persona (no trailing slash). NULL: neither is set. */
char *path_user_data(void);
/* $XDG_CACHE_HOME/persona or ~/.cache/persona; likewise. */
char *path_user_cache(void);
/* Existing folders that may hold shipped data (traits/, models/), in search order; see trait.h.
 * NULL-terminated; free each and the array with mem_free. NULL: no memory. */
char **path_data_dirs(void);

/* A file that is one text: without a byte order mark and without the last line end, as UTF-8.
 * *out: mem_free(). Errors: those of file_read, FORMAT. */
PERSONA_CHECK persona_code file_read_text(const char *path, size_t max, char **out, persona_err *e);

/* sha256 as 64 lower-case hex digits and a NUL; "" after a failure (sha256_hex: no memory in
 * libcrypto). sha256_file digests the files one after the other, like `cat FILES | sha256sum`,
 * until cancel says stop (NULL: never). */
void sha256_hex(const void *p, size_t n, char out[65]);
PERSONA_CHECK persona_code sha256_file(const char *const *paths, size_t n,
                                       const persona_cancel *cancel, char out[65], persona_err *e);
#endif
