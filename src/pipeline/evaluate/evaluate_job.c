/* SPDX-License-Identifier: MIT
 *
 * evaluate_job.c - what decides about the answers of an evaluation: settings, as members of the
 * job's manifest, and the vectors, by their bytes.
 *
 * The judge is in neither: scores by several judges stand beside each other. Vectors that are made
 * on the way (by a map, a judged sweep, a calibration) are part of the stage's name, so that other
 * vectors in the same job are other answers.
 */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/try.h"
#include "pipeline/evaluate/evaluate_parts.h"
#include "pipeline/kept.h"
#include "pipeline/manifest_parts.h"

enum { MAX_TEXT = 1 << 20, STAGE_DIGITS = 16 };

void evaluate_settings(json_out *o, const persona_trait *trait, const persona_questions *questions,
                       const persona_evaluate_opts *opts)
{
    jo_object(o, "evaluation");
    manifest_instructions(o, trait);
    manifest_texts(o, "questions", questions->evaluation, evaluate_questions(questions, opts));
    manifest_texts(o, "dose_questions", questions->extraction, questions->n_extraction);
    jo_int(o, "n_questions", (long long)evaluate_questions(questions, opts));
    jo_array(o, "coefficients");
    for (size_t i = 0; i < opts->n_coefficients; i++) {
        jo_number(o, NULL, opts->coefficients[i]);
    }
    jo_end(o);
    jo_int(o, "answers", opts->n_rollouts);
    jo_int(o, "random", opts->n_random);
    jo_int(o, "spread_questions", opts->n_spread_questions);
    jo_int(o, "max_tokens", opts->max_tokens);
    jo_number(o, "temperature", (double)opts->temperature);
    jo_array(o, "sampling");
    jo_number(o, NULL, (double)trait->d_temperature);
    jo_number(o, NULL, (double)trait->d_top_p);
    jo_number(o, NULL, (double)trait->d_repetition_penalty);
    jo_end(o);
    jo_int(o, "seed", opts->seed);
    jo_end(o);
}

static persona_code vectors_json(json_out *o, const persona_arm *arms, size_t n, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char hex[65];
    jo_object(o, "vectors");
    for (size_t i = 0; i < n; i++) {
        TRY(vector_digest(arms[i].vector, hex, e));
        jo_string(o, arms[i].condition, hex);
    }
    jo_end(o);
out:
    return rc;
}

persona_code evaluate_open(evaluating *x, const persona_arm *arms, size_t n_arms, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    json_out o;
    buf b;
    buf_init(&b, MAX_TEXT);
    jo_init(&o, &b, false);
    jo_object(&o, NULL);
    jo_string(&o, "command", "evaluate");
    jo_string(&o, "trait", x->trait->name);
    TRY(manifest_model(&o, x->m, e));
    TRY(vectors_json(&o, arms, n_arms, e));
    evaluate_settings(&o, x->trait, x->questions, x->o);
    manifest_shape(&o, x->s);
    jo_end(&o);
    TRY(buf_ok(&b, "a manifest", e));
    TRY(job_open(x->o->job, b.p, x->o->fresh, &x->job, e));
    kept_tell(x->hooks, x->o->job);
out:
    buf_free(&b);
    return rc;
}

persona_code evaluate_stage(evaluating *x, const persona_arm *arms, size_t n_arms, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char hex[65];
    buf b;
    buf_init(&b, MAX_TEXT);
    for (size_t i = 0; i < n_arms + x->n_random; i++) {
        const persona_vector *v = i < n_arms ? arms[i].vector : x->random[i - n_arms];
        TRY(vector_digest(v, hex, e));
        buf_printf(&b, "%s %s\n", i < n_arms ? arms[i].condition : "random", hex);
    }
    TRY(buf_ok(&b, "the name of a stage", e));
    sha256_hex(buf_str(&b), b.len, hex);
    TRY(hex[0] ? PERSONA_OK : mem_err(e, "the name of a stage"));
    snprintf(x->stage, sizeof x->stage, EVALUATE_STAGE "%.*s", STAGE_DIGITS, hex);
out:
    buf_free(&b);
    return rc;
}

persona_code evaluate_cells_note(const evaluating *x, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char key[96];
    json_out o;
    buf b;
    buf_init(&b, MAX_TEXT);
    jo_init(&o, &b, false);
    jo_array(&o, NULL);
    for (size_t c = 0; c < x->n_cells; c++) {
        const eval_cell *cell = &x->cells[c];
        if (cell->same_as >= 0) {
            continue;
        }
        jo_object(&o, NULL);
        jo_string(&o, "condition", cell->condition);
        jo_number(&o, "coefficient", cell->coefficient);
        if (cell->variant >= 0) {
            jo_int(&o, "variant", cell->variant);
        }
        jo_end(&o);
    }
    jo_end(&o);
    TRY(buf_ok(&b, "the cells of an evaluation", e));
    snprintf(key, sizeof key, "cells/%s", x->stage);
    TRY(job_put_value(x->job, key, b.p, e));
out:
    buf_free(&b);
    return rc;
}
