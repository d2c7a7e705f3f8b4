/* SPDX-License-Identifier: MIT
 *
 * model_source.h - what `models pull` may be given: a known name, a URL, hf:OWNER/REPO[:FILE]; and
 * the names of files that are parts of one model.
 */
#ifndef PERSONA_WORKBENCH_MODEL_SOURCE_H
#define PERSONA_WORKBENCH_MODEL_SOURCE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/json.h"
#include "persona/error.h"

enum { MODEL_NAME_MAX = 200, MODEL_PARTS_MAX = 512 };

/* Models that have a name here. Where they lie is known; their sums are the hub's to say. */
typedef struct model_known {
    const char *name, *repo, *file; /* file: a part of the file's name */
} model_known;
const model_known *model_known_at(size_t i); /* NULL past the end */

typedef struct model_source {
    char *url;  /* or NULL, then: */
    char *repo; /* "OWNER/REPO" */
    char *file; /* a file in it, or a part of its name; NULL: the only one */
} model_source;
/* Errors: USAGE, NOMEM. */
PERSONA_CHECK persona_code model_source_parse(const char *text, model_source *out, persona_err *e);
void model_source_free(model_source *s);

/* "x-00002-of-00003.gguf": 2 and 3. False: no part of several. */
bool model_split(const char *name, int *no, int *count);
/* The same path or URL with another part's number; the last such name before a '?' or '#' counts.
 * NULL: no memory, or no such name. */
char *model_split_other(const char *path, int no);
/* A name that a model in the user's folder may have: a plain one that ends in .gguf. */
bool model_name_ok(const char *name);

/* A file of a hub's repository. */
typedef struct hub_file {
    char *path;
    uint64_t size;   /* 0: not said */
    char sha256[65]; /* "": not said */
} hub_file;
typedef struct hub_files {
    hub_file *p;
    size_t n;
} hub_files;
/* The GGUF files of a listing ("/api/models/OWNER/REPO/tree/main"). Errors: FORMAT, NOMEM. */
PERSONA_CHECK persona_code hub_files_read(const char *text, size_t n, hub_files *out,
                                          persona_err *e);
void hub_files_free(hub_files *f);
/* The one that is meant; of a split model its first part. file: a path, a name, or a part of
 * either in any case; NULL: the only model there is. Errors: NOTFOUND, USAGE (several). */
PERSONA_CHECK persona_code hub_files_choose(const hub_files *f, const char *repo, const char *file,
                                            const hub_file **out, persona_err *e);
const hub_file *hub_files_find(const hub_files *f, const char *path); /* NULL: not there */

#endif
