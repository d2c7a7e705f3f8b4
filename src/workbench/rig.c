/* SPDX-License-Identifier: MIT
 *
 * rig.c - opening models, sessions and question sets (rig.h). Judges are opened in rig_judge.c.
 */
#include "workbench/rig.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/try.h"
#include "workbench/find.h"
#include "workbench/model_hash.h"

#define MAX_BATCH 65536 /* of a session */
#define SIDE_SLOTS 32
#define SIDE_CTX 512

persona_code rig_open_model(const rig_opts *o, const char *path, bool bulk, rig *out,
                            persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char *found = NULL;
    persona_model_opts opts = o->model;
    opts.bulk = bulk;
    opts.hash = model_hash_file;
    *out = (rig){0};
    TRY(find_model(path, &found, e));
    TRY(persona_model_open(found, &opts, &out->model, e));
    out->info = persona_model_info_get(out->model);
out:
    mem_free(found);
    return rc;
}

/* The option, else what the task prefers, else the library's. */
static void override(int *value, int preferred, int option)
{
    if (preferred > 0) {
        *value = preferred;
    }
    if (option > 0) {
        *value = option;
    }
}

persona_code rig_open_session(const rig_opts *o, rig *x, int n_slots, int n_ctx, persona_err *e)
{
    persona_session_opts opts = persona_session_defaults();
    override(&opts.n_slots, n_slots, o->n_slots);
    override(&opts.n_ctx, n_ctx, o->n_ctx);
    override(&opts.n_threads, 0, o->n_threads);
    if (opts.n_ctx > x->info->n_ctx_train && x->info->n_ctx_train > 0) {
        opts.n_ctx = x->info->n_ctx_train;
    }
    if (x->whole_texts) {
        opts.n_batch = opts.n_ctx < MAX_BATCH ? opts.n_ctx : MAX_BATCH;
    }
    opts.fixed_shape = true; /* same seed, same bytes, whatever else runs or ran */
    return persona_session_new(x->model, &opts, &x->session, e);
}

/* A number limits the set at hand, anything else names a file. */
static bool is_number(const char *text, long *out)
{
    char *end = NULL;
    *out = text != NULL ? strtol(text, &end, 10) : 0;
    return end != NULL && end != text && *end == '\0';
}

static persona_code open_questions(const rig_opts *o, rig *x, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char *path = NULL;
    long limit;
    const bool number = is_number(o->questions, &limit);
    const bool named = o->questions != NULL && !number;
    if (number && (limit < 1 || limit > 100000)) {
        return persona_err_set(e, PERSONA_E_USAGE, "--questions wants at least 1, not '%s'",
                               o->questions);
    }
    x->n_questions = number ? (int)limit : 0;
    if (named) {
        TRY(persona_questions_read(o->questions, &x->questions, e));
    } else if (x->info->questions != NULL) {
        TRY(find_beside(x->info->path, x->info->questions, &path, e));
        rc = persona_questions_read(path, &x->questions, e);
        if (rc != PERSONA_OK) {
            persona_err_wrap(e, "question set named by %s", x->info->path);
        }
    }
out:
    mem_free(path);
    return rc;
}

persona_code rig_open_judge_beside(const rig_opts *o, const rig *other, rig *x, persona_err *e)
{
    const persona_code rc = rig_judge_open(o, other, x, e);
    return rc == PERSONA_OK ? open_questions(o, x, e) : rc;
}

persona_code rig_open_judge(const rig_opts *o, rig *x, persona_err *e)
{
    return rig_open_judge_beside(o, NULL, x, e);
}

persona_code rig_open_side(const rig_opts *o, const char *path, const rig *other, rig *x,
                           persona_err *e)
{
    persona_code rc = PERSONA_OK;
    TRY(rig_open_model(o, path, true, x, e));
    TRY(rig_open_judge_beside(o, other, x, e));
    TRY(rig_open_session(o, x, SIDE_SLOTS, SIDE_CTX, e));
out:
    return rc;
}

void rig_warn(const rig *x, const talk_sink *t)
{
    if (x->judges_itself) {
        talk_say(t,
                 "warning: %s judges itself; that is weak evidence: a second model (--judge "
                 "FILE.gguf) does not share its blind spots",
                 x->info->name);
    }
}

persona_study_side rig_side(const rig *x)
{
    return (persona_study_side){
        .session = x->session, .judge = x->judge, .questions = x->questions, .select = x->select};
}

void rig_close(rig *x)
{
    persona_questions_free(x->questions);
    rig_judge_close(x);
    persona_session_free(x->session);
    persona_model_free(x->model);
    *x = (rig){0};
}
