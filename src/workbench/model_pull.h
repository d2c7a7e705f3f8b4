/* SPDX-License-Identifier: MIT
 *
 * model_pull.h - a model from the network into the user's models folder; no printing, so that a
 * server can call it, too.
 */
#ifndef PERSONA_WORKBENCH_MODEL_PULL_H
#define PERSONA_WORKBENCH_MODEL_PULL_H

#include "base/json.h"
#include "store/fetch/download.h"

typedef struct model_pull_progress {
    const char *name; /* of the file at hand */
    size_t part, n_parts;
    uint64_t before;       /* bytes of the parts that are done */
    uint64_t total;        /* of all parts; 0: not known */
    download_progress now; /* of the file at hand */
} model_pull_progress;

typedef struct model_pull_opts {
    const char *hub, *token; /* HF_ENDPOINT (or the hub itself), HF_TOKEN (or NULL) */
    const char *folder;      /* NULL: the user's */
    const char *sha256;      /* 64 digits; of a model in one file; NULL: what the hub says */
    bool force;
    int tries;
    double wait, stall; /* seconds: before the second try; without a byte */
    void *ud;
    void (*progress)(void *ud, const model_pull_progress *p);
    const persona_cancel *cancel;
} model_pull_opts;
/* With the hub and the token of the environment. */
model_pull_opts model_pull_defaults(void);

typedef struct pulled_file {
    char *path;
    download_result got;
} pulled_file;
typedef struct model_pulled {
    pulled_file *files; /* (n) in the order of the parts; the first one opens the model */
    size_t n;
} model_pulled;

/* what: a known name, a URL, or hf:OWNER/REPO[:FILE] (model_source.h). After a failure, out holds
 * the files that are whole. Errors: USAGE, and those of download_run. */
PERSONA_CHECK persona_code model_pull(const char *what, const model_pull_opts *o, model_pulled *out,
                                      persona_err *e);
void model_pulled_free(model_pulled *p);
/* "files": [{name, path, size_bytes, sha256, compared, present, n_kept}] */
void model_pulled_json(json_out *o, const model_pulled *p);

/* The user's folder of models, which need not be there: mem_free it. Errors: NOTFOUND (no home),
 * NOMEM. */
PERSONA_CHECK persona_code model_folder(char **out, persona_err *e);

#endif
