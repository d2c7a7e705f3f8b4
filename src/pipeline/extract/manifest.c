/* SPDX-License-Identifier: MIT
 *
 * manifest.c - what decides about the answers of an extraction, as JSON: two runs with equal
 * manifests give the same answers, bit for bit, so they share a job. Judge, thresholds, method and
 * steering are not in it: they work on the answers.
 *
 * Texts go in as hashes: of the instructions, of the questions that are asked, of the files that
 * are read. The shape of the batch is in it, because results are exact for one shape only.
 */
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "core/measure/direction.h"
#include "persona/persona.h"
#include "pipeline/pipeline.h"
#include "store/job/job.h"

#define MAX_MANIFEST ((size_t)1 << 16)
#define MAX_TEXTS ((size_t)64 << 20)

/* ---- what makes sense ------------------------------------------------------------------------ */

bool extract_reads(const persona_extract_opts *o)
{
    return o->responses != NULL || o->positive_file != NULL || o->negative_file != NULL;
}

static persona_code check_judge(const persona_trait *trait, const persona_extract_opts *o,
                                persona_err *e)
{
    if (o->judge == NULL) {
        return PERSONA_OK;
    }
    if (!persona_judge_knows(o->judge, trait->name)) {
        return persona_err_set(e, PERSONA_E_UNAVAILABLE,
                               "judge '%s' cannot score the trait '%s' (use another --judge, or "
                               "--judge none)",
                               persona_judge_name(o->judge), trait->name);
    }
    if (!extract_reads(o) && strcmp(persona_judge_kind(o->judge), "labels") == 0) {
        return persona_err_set(
            e, PERSONA_E_USAGE,
            "extract: labels come with texts that are read (--responses); answers "
            "that are written have none");
    }
    return PERSONA_OK;
}

persona_code extract_check(const persona_trait *trait, const persona_questions *questions,
                           const persona_extract_opts *o, persona_err *e)
{
    const bool pair = o->positive_file != NULL && o->negative_file != NULL;
    const bool half = (o->positive_file != NULL) != (o->negative_file != NULL);
    if (half || (pair && o->responses != NULL)) {
        return persona_err_set(e, PERSONA_E_USAGE,
                               "extract: give either one file of responses or a positive and a "
                               "negative file");
    }
    if (!extract_reads(o) &&
        (trait->n_pairs == 0 || questions == NULL || questions->n_extraction == 0)) {
        return persona_err_set(e, PERSONA_E_USAGE,
                               "extract: no instructions or no extraction questions for '%s'",
                               trait->name);
    }
    if (strcmp(o->method, "all") != 0 && direction_find(o->method) == NULL) {
        return persona_err_set(e, PERSONA_E_USAGE,
                               "extract: no method '%s' (mean, pca, logistic or all)", o->method);
    }
    return check_judge(trait, o, e);
}

/* ---- the manifest ---------------------------------------------------------------------------- */

/* Strings with their ends, so that no two lists have one hash. */
static void add_text(buf *b, const char *s)
{
    buf_add(b, s, strlen(s) + 1);
}

static void put_hash(json_out *o, const char *key, buf *b)
{
    char hex[65];
    sha256_hex(b->p, b->len, hex);
    jo_string(o, key, hex);
    buf_free(b);
}

static void put_instructions(json_out *o, const persona_trait *t)
{
    buf b;
    buf_init(&b, MAX_TEXTS);
    add_text(&b, t->positive);
    add_text(&b, t->negative);
    for (size_t i = 0; i < t->n_pairs; i++) {
        add_text(&b, t->pairs[i].pos);
        add_text(&b, t->pairs[i].neg);
    }
    put_hash(o, "instructions", &b);
    jo_int(o, "n_pairs", (long long)t->n_pairs);
}

static void put_questions(json_out *o, const persona_questions *q, int limit)
{
    buf b;
    const size_t n = limit > 0 && (size_t)limit < q->n_extraction ? (size_t)limit : q->n_extraction;
    buf_init(&b, MAX_TEXTS);
    for (size_t i = 0; i < n; i++) {
        add_text(&b, q->extraction[i]);
    }
    put_hash(o, "questions", &b);
    jo_int(o, "n_questions", (long long)n);
}

static persona_code put_file(json_out *o, const char *key, const char *path, persona_err *e)
{
    char hex[65];
    persona_code rc = sha256_file(&path, 1, hex, e);
    if (rc == PERSONA_OK) {
        jo_string(o, key, hex);
    }
    return rc;
}

static persona_code put_files(json_out *o, const persona_extract_opts *x, persona_err *e)
{
    const struct {
        const char *key, *path;
    } files[] = {
        {"responses", x->responses},
        {"positive_file", x->positive_file},
        {"negative_file", x->negative_file},
    };
    persona_code rc = PERSONA_OK;
    for (size_t i = 0; rc == PERSONA_OK && i < sizeof files / sizeof files[0]; i++) {
        if (files[i].path != NULL) {
            rc = put_file(o, files[i].key, files[i].path, e);
        }
    }
    return rc;
}

static persona_code put_model(json_out *o, persona_model *m, persona_err *e)
{
    const persona_model_info *info = persona_model_info_get(m);
    const char *sha;
    persona_code rc = persona_model_sha256(m, &sha, e);
    if (rc == PERSONA_OK) {
        jo_object(o, "model");
        jo_string(o, "name", info->name);
        jo_string(o, "sha256", sha);
        jo_string(o, "template", info->chat_hash);
        jo_end(o);
    }
    return rc;
}

persona_code persona_extract_manifest(persona_session *s, const persona_trait *trait,
                                      const persona_questions *questions,
                                      const persona_extract_opts *x, char **out, persona_err *e)
{
    const persona_session_opts *shape = persona_session_opts_get(s);
    const bool reads = extract_reads(x);
    buf b;
    json_out o;
    buf_init(&b, MAX_MANIFEST);
    jo_init(&o, &b, false);
    *out = NULL;
    persona_code rc = extract_check(trait, questions, x, e);
    if (rc != PERSONA_OK) {
        return rc;
    }
    jo_object(&o, NULL);
    jo_string(&o, "command", "extract");
    jo_string(&o, "trait", trait->name);
    rc = put_model(&o, persona_session_model(s), e);
    if (rc == PERSONA_OK && reads) {
        rc = put_files(&o, x, e);
    } else if (rc == PERSONA_OK) {
        put_instructions(&o, trait);
        put_questions(&o, questions, x->n_questions);
        jo_int(&o, "rollouts", x->n_rollouts);
        jo_int(&o, "max_tokens", x->max_tokens);
        jo_number(&o, "temperature", (double)x->temperature);
        jo_int(&o, "seed", x->seed);
        jo_int(&o, "slots", shape->n_slots);
        jo_int(&o, "context", shape->n_ctx);
    }
    if (!reads || shape->n_batch < shape->n_ctx) { /* else every text is one call anyway */
        jo_int(&o, "batch", shape->n_batch);
    }
    jo_string(&o, "engine", persona_engine_version());
    jo_string(&o, "version", persona_version());
    jo_end(&o);
    if (rc == PERSONA_OK) {
        *out = buf_take(&b);
        rc = *out != NULL ? PERSONA_OK : mem_err(e, "a manifest");
    }
    buf_free(&b);
    return rc;
}

persona_code persona_extract_place(persona_session *s, const persona_trait *trait,
                                   const persona_questions *questions,
                                   const persona_extract_opts *x, char **out, persona_err *e)
{
    char *manifest = NULL;
    *out = NULL;
    persona_code rc = persona_extract_manifest(s, trait, questions, x, &manifest, e);
    if (rc == PERSONA_OK) {
        rc = job_place(manifest, out, e);
    }
    mem_free(manifest);
    return rc;
}
