/* SPDX-License-Identifier: MIT
 *
 * manifest_parts.c - models, texts, vectors and shapes, as manifests of jobs name them.
 */
#include "pipeline/manifest_parts.h"

#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/try.h"
#include "persona/persona.h"
#include "store/job/job.h"

#define MAX_TEXTS ((size_t)64 << 20)

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

persona_code manifest_model(json_out *o, persona_model *m, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const persona_model_info *info = persona_model_info_get(m);
    const char *sha;
    TRY(persona_model_sha256(m, &sha, e));
    jo_object(o, "model");
    jo_string(o, "name", info->name);
    jo_string(o, "sha256", sha);
    jo_string(o, "template", info->chat_hash);
    if (info->date != 0) {
        jo_int(o, JOB_DATE, info->date);
    }
    jo_end(o);
out:
    return rc;
}

void manifest_instructions(json_out *o, const persona_trait *t)
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

void manifest_texts(json_out *o, const char *key, char *const *texts, size_t n)
{
    buf b;
    buf_init(&b, MAX_TEXTS);
    for (size_t i = 0; i < n; i++) {
        add_text(&b, texts[i]);
    }
    put_hash(o, key, &b);
}

void manifest_shape(json_out *o, const persona_session *s)
{
    const persona_session_opts *shape = persona_session_opts_get(s);
    jo_int(o, "slots", shape->n_slots);
    jo_int(o, "context", shape->n_ctx);
    jo_int(o, "batch", shape->n_batch);
    manifest_versions(o);
}

void manifest_versions(json_out *o)
{
    jo_string(o, "engine", persona_engine_version());
    jo_string(o, "version", persona_version());
}

persona_code vector_digest(const persona_vector *v, char out[65], persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char directions[65];
    buf b;
    buf_init(&b, MAX_TEXTS);
    sha256_hex(v->data, (size_t)v->n_layer * (size_t)v->n_embd * sizeof *v->data, directions);
    buf_printf(&b, "%s %d %d %d %a %s", directions, v->n_layer, v->n_embd, v->from.best_layer,
               (double)v->from.dose, v->from.model_hash);
    for (int i = 0; i < v->n_layer; i++) {
        const persona_vector_layer *l = &v->layers[i];
        buf_printf(&b, " %d %a", l->present, (double)l->h_median);
        if (l->token_sd > 0) { /* thresholds of operators and conditions */
            buf_printf(&b, " %a %a", (double)l->token_mean, (double)l->token_sd);
            for (size_t k = 0; k < PERSONA_N_QUANTILES; k++) {
                buf_printf(&b, " %a", (double)l->quantiles[k]);
            }
        }
    }
    TRY(buf_ok(&b, "the digest of a vector", e));
    sha256_hex(b.p, b.len, out);
    TRY(directions[0] && out[0] ? PERSONA_OK : mem_err(e, "the digest of a vector"));
out:
    buf_free(&b);
    return rc;
}
