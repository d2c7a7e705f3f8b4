/* SPDX-License-Identifier: MIT
 *
 * job_pull.c - the job `pull`: a model from the hub into the user's models folder, as `persona
 * models pull` fetches it. A client names a model, never an address: the server asks nobody but its
 * hub.
 *
 * Done and total are bytes. What is interrupted is gone on with by the same request.
 */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/try.h"
#include "server/jobs/job_queue.h"
#include "workbench/model_pull.h"
#include "workbench/model_source.h"

typedef struct pull_args {
    const char *source, *sha256;
} pull_args;
_Static_assert(sizeof(pull_args) <= JOB_ARGS_MAX, "JOB_ARGS_MAX");

#define AT(member) offsetof(pull_args, member)
const field job_pull_fields[] = {
    {.name = "source",
     .type = FIELD_STRING,
     .required = true,
     .min = 1,
     .max = 300,
     .at = AT(source),
     .help = "hf:OWNER/REPO[:FILE], or a name that `persona models pull` knows"},
    {.name = "sha256",
     .type = FIELD_STRING,
     .min = 64,
     .max = 64,
     .at = AT(sha256),
     .help = "Of a model in one file. Default: what the hub says"},
    FIELD_LAST,
};

static persona_code check(const void *p, const job_context *c, persona_err *e)
{
    (void)c;
    const pull_args *a = p;
    persona_code rc = PERSONA_OK;
    model_source s = {NULL, NULL, NULL};
    rc = model_source_parse(a->source, &s, e);
    if (rc != PERSONA_OK) {
        rc = persona_err_wrap(e, "source");
    } else if (s.url != NULL) {
        rc = persona_err_set(e, PERSONA_E_USAGE,
                             "source: an address is for the command line (`persona models pull`); "
                             "name a model or hf:OWNER/REPO[:FILE]");
    }
    model_source_free(&s);
    return rc;
}

static void on_progress(void *ud, const model_pull_progress *p)
{
    const persona_hooks *hooks = ud;
    static const char *const DOES[] = {
        [DOWNLOAD_FETCH] = "fetch", [DOWNLOAD_WAIT] = "wait for", [DOWNLOAD_CHECK] = "check"};
    char stage[300];
    snprintf(stage, sizeof stage, "%s %s", DOES[p->now.stage], p->name);
    const uint64_t total = p->total > 0 ? p->total : p->n_parts == 1 ? p->now.total : 0;
    const persona_progress told = {
        .stage = stage, .done = (size_t)(p->before + p->now.done), .total = (size_t)total};
    hooks->progress(hooks->ud, &told);
}

/* Without paths of the server. */
static void result_json(json_out *o, const model_pulled *got)
{
    jo_array(o, "files");
    for (size_t i = 0; i < got->n; i++) {
        const pulled_file *f = &got->files[i];
        jo_object(o, NULL);
        jo_string(o, "name", path_base(f->path));
        jo_double(o, "size_bytes", (double)f->got.size);
        jo_string(o, "sha256", f->got.sha256[0] != '\0' ? f->got.sha256 : NULL);
        jo_bool(o, "compared", f->got.compared);
        jo_bool(o, "present", f->got.present);
        jo_end(o);
    }
    jo_end(o);
}

static persona_code run(const void *p, const job_context *c, json_out *result, persona_err *e)
{
    const pull_args *a = p;
    persona_code rc = PERSONA_OK;
    persona_hooks hooks = c->hooks;
    model_pulled got = {NULL, 0};
    model_pull_opts o = model_pull_defaults();
    o.sha256 = a->sha256;
    o.ud = &hooks;
    o.progress = on_progress;
    o.cancel = hooks.cancel;
    TRY(check(p, c, e)); /* the name may have become another one's since it was asked for */
    TRY(model_pull(a->source, &o, &got, e));
    result_json(result, &got);
out:
    model_pulled_free(&got);
    return rc;
}

const job_kind job_kind_pull = {
    .name = "pull",
    .fields = job_pull_fields,
    .args_size = sizeof(pull_args),
    .check = check,
    .run = run,
    .summary = "Fetches a model from the hub into the models folder",
};
