/* SPDX-License-Identifier: MIT
 *
 * study_job.c - the job of a study: everything that the target answers after the map was fitted
 * (blocks tried by steering, doses, the evaluation, samples), and what the judge says about it.
 *
 * Its manifest holds what was given: source vector, texts and settings of the map, questions,
 * seeds, models, shapes. What is made of that on the way is in the names of stages, by its bytes.
 * Extractions have jobs of their own, the texts of the map a cache.
 */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/try.h"
#include "pipeline/evaluate/evaluate_parts.h"
#include "pipeline/evaluate/study_parts.h"
#include "pipeline/kept.h"
#include "pipeline/manifest_parts.h"
#include "pipeline/transfer/pairs_parts.h"

#define MAX_MANIFEST ((size_t)1 << 20)
#define MAX_DIGEST ((size_t)256 << 20)

persona_evaluate_opts study_evaluation(const studying *s)
{
    persona_evaluate_opts o = persona_evaluate_defaults();
    o.seed = s->o->seed;
    o.n_questions = s->o->n_evaluate;
    o.others = s->o->others;
    o.n_others = s->o->n_others;
    if (s->o->n_random > 0) {
        o.n_random = s->o->n_random;
    }
    if (s->o->n_spread > 0) {
        o.n_spread_questions = s->o->n_spread;
    }
    if (s->o->n_answers > 0) {
        o.n_rollouts = s->o->n_answers;
    }
    if (s->o->max_tokens > 0) {
        o.max_tokens = s->o->max_tokens;
    }
    if (s->o->n_coefficients > 0) {
        o.coefficients = s->o->coefficients;
        o.n_coefficients = s->o->n_coefficients;
    }
    return o;
}

/* ---- the manifest ---------------------------------------------------------------------------- */

static persona_code put_digest(json_out *o, const char *key, buf *b, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char hex[65];
    TRY(buf_ok(b, key, e));
    sha256_hex(buf_str(b), b->len, hex);
    TRY(hex[0] ? PERSONA_OK : mem_err(e, key));
    jo_string(o, key, hex);
out:
    buf_free(b);
    return rc;
}

static void add_factors(buf *b, const persona_map_factors *f, int d_from, int d_to)
{
    char left[65] = "", right[65] = "";
    if (f->k > 0) {
        sha256_hex(f->left, f->k * (size_t)d_from * sizeof *f->left, left);
        sha256_hex(f->right, f->k * (size_t)d_to * sizeof *f->right, right);
    }
    buf_printf(b, " %s %s", left, right);
}

/* A map that was given: its numbers. */
static persona_code put_map(json_out *o, const persona_map *m, persona_err *e)
{
    buf b;
    buf_init(&b, MAX_DIGEST);
    for (size_t i = 0; i < m->n_blocks; i++) {
        const persona_map_block *x = &m->blocks[i];
        buf_printf(&b, "%d %d", x->from, x->to);
        add_factors(&b, &x->map, m->from.n_embd, m->to.n_embd);
        add_factors(&b, &x->null, m->from.n_embd, m->to.n_embd);
    }
    return put_digest(o, "map", &b, e);
}

/* A map that will be fitted: how, and what both models have read. */
static persona_code put_fit(json_out *o, const persona_pairs *p, const persona_fit_opts *f,
                            persona_err *e)
{
    buf b;
    jo_object(o, "fit");
    jo_string(o, "method", f->method);
    jo_string(o, "pairing", f->chunks ? "chunk" : "response");
    jo_number(o, "lambda", f->lambda);
    jo_int(o, "rank", f->rank);
    jo_int(o, "anchors", f->n_anchors);
    jo_int(o, "from", f->from);
    jo_int(o, "to", f->to);
    jo_int(o, "candidates", f->n_candidates);
    if (f->resample != 0) {
        jo_int(o, "resample", f->resample);
    }
    buf_init(&b, MAX_DIGEST);
    for (size_t i = 0; i < p->n; i++) {
        const pair_text *t = &p->texts[i];
        const char *trait = t->trait >= 0 ? p->names[t->trait] : "";
        buf_printf(&b, "%016llx %d %d %zu %s %s %s\n", (unsigned long long)t->hash, t->usable,
                   t->polarity, t->group, trait, p->from.keys[i], p->to.keys[i]);
    }
    const persona_code rc = put_digest(o, "texts", &b, e);
    jo_end(o);
    return rc;
}

static persona_code study_manifest(const studying *s, buf *b, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const persona_evaluate_opts evaluation = study_evaluation(s);
    char hex[65];
    json_out o;
    jo_init(&o, b, false);
    jo_object(&o, NULL);
    jo_string(&o, "command", "transfer");
    jo_string(&o, "trait", s->trait->name);
    TRY(manifest_model(&o, persona_session_model(s->to->session), e));
    TRY(vector_digest(s->x->source, hex, e));
    jo_string(&o, "vector", hex);
    TRY(s->map ? put_map(&o, s->map, e) : put_fit(&o, s->pairs, &s->o->fit, e));
    evaluate_settings(&o, s->trait, s->questions, &evaluation);
    jo_bool(&o, "all_controls", s->o->all_controls);
    manifest_shape(&o, s->to->session);
    jo_end(&o);
    TRY(buf_ok(b, "a manifest", e));
out:
    return rc;
}

/* ---- the job --------------------------------------------------------------------------------- */

static persona_code count_answers(const studying *s, size_t *n, persona_err *e)
{
    job_info info;
    const persona_code rc = job_info_read(s->x->job, &info, e);
    *n = info.n_answers;
    job_info_free(&info);
    return rc;
}

persona_code study_open_job(studying *s, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    buf b;
    buf_init(&b, MAX_MANIFEST);
    TRY(study_manifest(s, &b, e));
    if (s->o->job) {
        s->x->job = mem_strdup(s->o->job);
        TRY(s->x->job ? PERSONA_OK : mem_err(e, s->o->job));
    } else if (s->o->keep_jobs) {
        TRY(job_place(b.p, &s->x->job, e));
    }
    TRY(job_open_shard(s->x->job, b.p, s->o->shard, s->o->fresh, &s->job, e));
    kept_tell(s->hooks, s->x->job);
    if (s->x->job) {
        TRY(count_answers(s, &s->x->n_resumed, e));
    }
out:
    buf_free(&b);
    return rc;
}

persona_code study_how_to_resume(const studying *s, persona_code rc, persona_err *e)
{
    size_t n = 0;
    if (rc != PERSONA_E_CANCELED || !s->x->job || count_answers(s, &n, NULL) != PERSONA_OK) {
        return rc;
    }
    return persona_err_set(e, rc,
                           "interrupted: %zu answers are kept in %s; the same command goes on from "
                           "there",
                           n, s->x->job);
}

persona_code persona_study_forget(const persona_study *x, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const char *const paths[] = {x->job, x->extract_jobs[0], x->extract_jobs[1]};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        if (paths[i] && file_exists(paths[i])) {
            TRY(job_remove(paths[i], e));
        }
    }
    for (size_t k = 1; k < x->n_repeats; k++) {
        if (x->repeats[k].job && file_exists(x->repeats[k].job)) {
            TRY(job_remove(x->repeats[k].job, e));
        }
    }
out:
    return rc;
}
