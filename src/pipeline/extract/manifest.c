/* SPDX-License-Identifier: MIT
 *
 * manifest.c - what decides about the answers of an extraction, as JSON: two runs with equal
 * manifests give the same answers, bit for bit, so they share a job. Judge, thresholds, method and
 * steering are not in it: they work on the answers.
 *
 * Texts go in as hashes: of the instructions, of the questions that are asked, of the files that
 * are read (manifest_parts.h).
 */
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/try.h"
#include "core/measure/direction.h"
#include "persona/persona.h"
#include "pipeline/manifest_parts.h"
#include "pipeline/pipeline.h"
#include "store/job/job.h"

#define MAX_MANIFEST ((size_t)1 << 16)

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

static persona_code put_file(json_out *o, const char *key, const char *path, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char hex[65];
    TRY(sha256_file(&path, 1, NULL, hex, e));
    jo_string(o, key, hex);
out:
    return rc;
}

static persona_code put_files(json_out *o, const persona_extract_opts *x, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const struct {
        const char *key, *path;
    } files[] = {
        {"responses", x->responses},
        {"positive_file", x->positive_file},
        {"negative_file", x->negative_file},
    };
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        if (files[i].path != NULL) {
            TRY(put_file(o, files[i].key, files[i].path, e));
        }
    }
out:
    return rc;
}

persona_code persona_extract_manifest(persona_session *s, const persona_trait *trait,
                                      const persona_questions *questions,
                                      const persona_extract_opts *x, char **out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const persona_session_opts *shape = persona_session_opts_get(s);
    buf b;
    json_out o;
    buf_init(&b, MAX_MANIFEST);
    jo_init(&o, &b, false);
    *out = NULL;
    TRY(extract_check(trait, questions, x, e));
    jo_object(&o, NULL);
    jo_string(&o, "command", "extract");
    jo_string(&o, "trait", trait->name);
    TRY(manifest_model(&o, persona_session_model(s), e));
    if (extract_reads(x)) {
        TRY(put_files(&o, x, e));
        if (shape->n_batch < shape->n_ctx) { /* else every text is one call anyway */
            jo_int(&o, "batch", shape->n_batch);
        }
        manifest_versions(&o);
    } else {
        const size_t n = extract_questions(questions, x);
        manifest_instructions(&o, trait);
        manifest_texts(&o, "questions", questions->extraction, n);
        jo_int(&o, "n_questions", (long long)n);
        jo_int(&o, "rollouts", x->n_rollouts);
        jo_int(&o, "max_tokens", x->max_tokens);
        jo_number(&o, "temperature", (double)x->temperature);
        jo_int(&o, "seed", x->seed);
        manifest_shape(&o, s);
    }
    jo_end(&o);
    *out = buf_take(&b);
    TRY(*out != NULL ? PERSONA_OK : mem_err(e, "a manifest"));
out:
    buf_free(&b);
    return rc;
}

persona_code persona_extract_place(persona_session *s, const persona_trait *trait,
                                   const persona_questions *questions,
                                   const persona_extract_opts *x, char **out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char *manifest = NULL;
    *out = NULL;
    TRY(persona_extract_manifest(s, trait, questions, x, &manifest, e));
    TRY(job_place(manifest, out, e));
out:
    mem_free(manifest);
    return rc;
}
