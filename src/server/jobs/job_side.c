/* SPDX-License-Identifier: MIT
 *
 * job_side.c - served models as rigs (job_side.h).
 */
#include "server/jobs/job_side.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/try.h"

const char *const JOB_JUDGES[] = {"auto", "none", "self", NULL};

persona_code job_side_open(const job_context *c, const job_side_opts *o, const job_side *other,
                           const persona_trait *trait, job_side *out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char number[16];
    rig_opts opts = {.model = persona_model_defaults(), .judge = o->judge};
    *out = (job_side){.models = c->models};
    if (o->n_questions > 0) {
        snprintf(number, sizeof number, "%d", o->n_questions);
        opts.questions = number;
    }
    TRY(registry_acquire(c->models, o->model, &out->m, e));
    out->x.model = out->m->model;
    out->x.session = out->m->session;
    out->x.info = out->m->info;
    TRY(rig_open_judge_beside(&opts, other != NULL ? &other->x : NULL, &out->x, e));
    if (trait != NULL) {
        TRY(persona_questions_for(out->x.questions, trait, &out->own, &out->questions, e));
    }
    out->shown = *out->m->info;
    out->shown.path = out->m->id;
    out->x.info = &out->shown;
out:
    if (rc != PERSONA_OK) {
        job_side_close(out);
    }
    return rc;
}

void job_side_close(job_side *s)
{
    persona_questions_free(s->own);
    persona_questions_free(s->x.questions);
    rig_judge_close(&s->x);
    if (s->m != NULL) {
        registry_release(s->models, s->m);
    }
    *s = (job_side){.m = NULL};
}

persona_code job_vector_place(const job_context *c, const job_side *s, const char *name,
                              char **path, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    persona_vector *shared = NULL;
    TRY(library_vector_named(c->library, s->x.model, name, &shared, e));
    library_release(c->library, shared);
    TRY(persona_vector_place(s->x.model, name, path, e));
out:
    return rc;
}

persona_code job_vector(const job_context *c, const job_side *s, const char *name,
                        persona_vector **out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char *path = NULL;
    TRY(job_vector_place(c, s, name, &path, e));
    TRY(persona_vector_read(path, out, e));
out:
    mem_free(path);
    return rc;
}

persona_code job_trait(const char *name, persona_trait **out, persona_err *e)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                  "_-";
    if (*name == '\0' || strspn(name, allowed) != strlen(name)) {
        return persona_err_set(e, PERSONA_E_NOTFOUND, "trait: '%.60s' is no name of a trait pack",
                               name);
    }
    return persona_trait_find(name, out, e);
}
