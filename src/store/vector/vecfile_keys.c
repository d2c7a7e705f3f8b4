/* SPDX-License-Identifier: MIT
 *
 * vecfile_keys.c - where a vector comes from, as keys: one table for every format that can hold it.
 *
 * GGUF has the keys as they stand here; safetensors, JSON and the sidecar of raw floats have one
 * object "persona" with the same keys less the prefix:
 *   {"version": 1, "n_layer": 24, "seed": 0, "counts": [200, 200, 180, 180], "trait": "silly", ...,
 *    "layers.auroc": [null, 0.98, ...]}
 * A key is absent when the fact is unknown; null in an array is NAN. Floats are written so that
 * they read back with the same bits.
 */
#include <limits.h>
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/try.h"
#include "core/map/textset.h"
#include "store/vector/vecfile.h"

#define AT(field) offsetof(persona_provenance, field)
#define LAYER(field) offsetof(persona_vector_layer, field)
#define PREFIX_LEN (sizeof "persona." - 1)
#define FILE_VERSION 1

const vecfile_key vecfile_strings[] = {
    {"persona.unit", AT(unit), 0},
    {"persona.source", AT(source), 0},
    {"persona.note", AT(note), 0},
    {"persona.trait", AT(trait), 0},
    {"persona.method", AT(method), 0},
    {"persona.model.name", AT(model_name), 0},
    {"persona.model.architecture", AT(model_arch), 0},
    {"persona.model.sha256", AT(model_hash), 0},
    {"persona.template.sha256", AT(template_hash), 0},
    {"persona.judge", AT(judge), 0},
    {"persona.library", AT(library), 0},
    {"persona.parent.sha256", AT(parent_hash), 0},
    {"persona.parent.model", AT(parent_model), 0},
    {"persona.map", AT(map), 0},
    {"persona.verdict", AT(verdict), 0},
    {"persona.transfer.sample", AT(sample), 0},
    {"persona.texts", AT(texts), 0},
    {"persona.unapplied", AT(unapplied), 0},
};
const size_t vecfile_n_strings = sizeof vecfile_strings / sizeof vecfile_strings[0];

/* NAN: unknown. */
const vecfile_key vecfile_reals[] = {
    {"persona.dose", AT(dose), 0},
    {"persona.dose_kl", AT(dose_kl), 0},
    {"persona.coefficient.safe_low", AT(safe_low), 0},
    {"persona.coefficient.safe_high", AT(safe_high), 0},
    {"persona.coefficient.promote", AT(promote), 0},
    {"persona.coefficient.suppress", AT(suppress), 0},
    {"persona.transfer.lambda", AT(lambda), 0},
    {"persona.transfer.r2_heldout", AT(r2_heldout), 0},
    {"persona.transfer.r2_contrast", AT(r2_contrast), 0},
    {"persona.transfer.r2_shuffled", AT(r2_shuffled), 0},
};
const size_t vecfile_n_reals = sizeof vecfile_reals / sizeof vecfile_reals[0];

const vecfile_key vecfile_ints[] = {
    {"persona.layer.best", AT(best_layer), -1},
    {"persona.transfer.layer_from", AT(layer_from), -1},
    {"persona.transfer.n_texts", AT(n_texts), 0},
};
const size_t vecfile_n_ints = sizeof vecfile_ints / sizeof vecfile_ints[0];

/* Arrays of n_layer floats; NAN: unknown. */
const vecfile_key vecfile_layers[] = {
    {"persona.layers.h_median", LAYER(h_median), 0},
    {"persona.layers.auroc", LAYER(auroc), 0},
    {"persona.layers.cohen_d", LAYER(cohen_d), 0},
    {"persona.layers.agreement", LAYER(agreement), 0},
    {"persona.layers.split_half", LAYER(split_half), 0},
    {"persona.layers.split_half_sd", LAYER(split_half_sd), 0},
    {"persona.layers.n_effective", LAYER(n_effective), 0},
    {"persona.layers.length_cosine", LAYER(length_cosine), 0},
    {"persona.layers.outlier_share", LAYER(outlier_share), 0},
    {"persona.layers.dose", LAYER(dose), 0},
    {"persona.layers.neutral_mean", LAYER(neutral_mean), 0},
    {"persona.layers.neutral_sd", LAYER(neutral_sd), 0},
    {"persona.layers.token_mean", LAYER(token_mean), 0},
    {"persona.layers.token_sd", LAYER(token_sd), 0},
    {"persona.layers.token_q1", LAYER(quantiles[0]), 0},
    {"persona.layers.token_q5", LAYER(quantiles[1]), 0},
    {"persona.layers.token_q10", LAYER(quantiles[2]), 0},
    {"persona.layers.token_q25", LAYER(quantiles[3]), 0},
    {"persona.layers.token_q50", LAYER(quantiles[4]), 0},
    {"persona.layers.token_q75", LAYER(quantiles[5]), 0},
    {"persona.layers.token_q90", LAYER(quantiles[6]), 0},
    {"persona.layers.token_q95", LAYER(quantiles[7]), 0},
    {"persona.layers.token_q99", LAYER(quantiles[8]), 0},
};
const size_t vecfile_n_layers = sizeof vecfile_layers / sizeof vecfile_layers[0];

persona_code vecfile_check_provenance(const vecfile *f, const persona_vector *v)
{
    const persona_provenance *from = &v->from;
    for (size_t i = 0; i < vecfile_n_reals; i++) {
        if (isinf(*(const float *)vecfile_member_const(from, vecfile_reals[i].at))) {
            return persona_err_set(f->e, PERSONA_E_NUMERIC, "%s: key '%s' is infinite", f->path,
                                   vecfile_reals[i].key);
        }
    }
    if (from->best_layer < -1 || from->best_layer >= v->n_layer) {
        return vecfile_bad(f, "key 'persona.layer.best' is %d (expected -1 to %d)",
                           from->best_layer, v->n_layer - 1);
    }
    uint64_t *texts = NULL;
    size_t n = 0;
    const persona_code rc = textset_parse(from->texts, &texts, &n, f->e);
    mem_free(texts);
    if (rc != PERSONA_OK) {
        persona_err_wrap(f->e, "%s: key 'persona.texts'", f->path);
    }
    return rc;
}

/* ---- writing an object ----------------------------------------------------------------------- */

static const char *bare(const vecfile_key *k)
{
    return k->key + PREFIX_LEN;
}

static void put_layers(json_out *o, const vecfile_key *k, const persona_vector *v)
{
    bool known = false;
    float x;
    for (int b = 0; b < v->n_layer; b++) {
        memcpy(&x, vecfile_member_const(&v->layers[b], k->at), sizeof x);
        known = known || !isnan(x);
    }
    if (!known) {
        return;
    }
    jo_array(o, bare(k));
    for (int b = 0; b < v->n_layer; b++) {
        memcpy(&x, vecfile_member_const(&v->layers[b], k->at), sizeof x);
        jo_number(o, NULL, (double)x);
    }
    jo_end(o);
}

void vecfile_put_json(json_out *o, const char *key, const persona_vector *v)
{
    const persona_provenance *from = &v->from;
    jo_object(o, key);
    jo_int(o, "version", FILE_VERSION);
    jo_int(o, "n_layer", v->n_layer);
    jo_int(o, "seed", (long long)from->seed);
    jo_array(o, "counts");
    jo_int(o, NULL, from->n_generated_pos);
    jo_int(o, NULL, from->n_generated_neg);
    jo_int(o, NULL, from->n_kept_pos);
    jo_int(o, NULL, from->n_kept_neg);
    jo_end(o);
    for (size_t i = 0; i < vecfile_n_strings; i++) {
        const char *s = *(char *const *)vecfile_member_const(from, vecfile_strings[i].at);
        if (s && *s) {
            jo_string(o, bare(&vecfile_strings[i]), s);
        }
    }
    for (size_t i = 0; i < vecfile_n_reals; i++) {
        const float x = *(const float *)vecfile_member_const(from, vecfile_reals[i].at);
        if (!isnan(x)) {
            jo_number(o, bare(&vecfile_reals[i]), (double)x);
        }
    }
    for (size_t i = 0; i < vecfile_n_ints; i++) {
        const int x = *(const int *)vecfile_member_const(from, vecfile_ints[i].at);
        if (x != vecfile_ints[i].unknown) {
            jo_int(o, bare(&vecfile_ints[i]), x);
        }
    }
    for (size_t i = 0; i < vecfile_n_layers; i++) {
        put_layers(o, &vecfile_layers[i], v);
    }
    jo_end(o);
}

/* ---- reading an object ----------------------------------------------------------------------- */

typedef struct object {
    const vecfile *f;
    const json_doc *d;
    const json_val *obj;
} object;

static persona_code whole(const object *o, const json_val *in, const char *key, double min,
                          double max, double *out)
{
    persona_code rc = PERSONA_OK;
    TRY(json_need_number(o->d, in, key, min, max, out, o->f->e));
    if (*out != floor(*out)) {
        rc = json_bad(o->d, in, key, o->f->e, "is %.9g (expected a whole number)", *out);
        goto out;
    }
out:
    return rc;
}

persona_code vecfile_json_n_layer(const json_doc *d, const json_val *obj, int highest, int *n_layer,
                                  persona_err *e)
{
    const vecfile f = {.e = e};
    const object o = {.f = &f, .d = d, .obj = obj};
    double n = highest + 1;
    persona_code rc = PERSONA_OK;
    if (json_get(obj, "n_layer")) {
        rc = whole(&o, obj, "n_layer", highest + 1, VECFILE_MAX_BLOCK + 2, &n);
    }
    *n_layer = (int)n;
    return rc;
}

static persona_code take_strings(const object *o, persona_provenance *from)
{
    persona_code rc = PERSONA_OK;
    for (size_t i = 0; i < vecfile_n_strings; i++) {
        const char *key = bare(&vecfile_strings[i]), *text = "";
        char **field = vecfile_member(from, vecfile_strings[i].at);
        if (json_get(o->obj, key)) {
            TRY(json_need_string(o->d, o->obj, key, &text, o->f->e));
        }
        TRY(vecfile_label(o->f, text, field));
    }
out:
    return rc;
}

static persona_code take_numbers(const object *o, persona_provenance *from)
{
    double x = 0;
    for (size_t i = 0; i < vecfile_n_reals; i++) {
        const char *key = bare(&vecfile_reals[i]);
        if (!json_get(o->obj, key)) {
            continue;
        }
        const persona_code rc = json_need_number(o->d, o->obj, key, -3.4e38, 3.4e38, &x, o->f->e);
        if (rc != PERSONA_OK) {
            return rc;
        }
        *(float *)vecfile_member(from, vecfile_reals[i].at) = (float)x;
    }
    for (size_t i = 0; i < vecfile_n_ints; i++) {
        const char *key = bare(&vecfile_ints[i]);
        if (!json_get(o->obj, key)) {
            continue;
        }
        const persona_code rc = whole(o, o->obj, key, -1, INT_MAX, &x);
        if (rc != PERSONA_OK) {
            return rc;
        }
        *(int *)vecfile_member(from, vecfile_ints[i].at) = (int)x;
    }
    if (!json_get(o->obj, "seed")) {
        return PERSONA_OK;
    }
    const persona_code rc = whole(o, o->obj, "seed", 0, UINT32_MAX, &x);
    from->seed = (uint32_t)x;
    return rc;
}

/* An array of exactly n numbers; NULL if it is absent. */
static persona_code find_array(const object *o, const char *key, size_t n, const json_val **out)
{
    *out = NULL;
    if (!json_get(o->obj, key)) {
        return PERSONA_OK;
    }
    const persona_code rc = json_need(o->d, o->obj, key, JSON_ARRAY, out, o->f->e);
    if (rc != PERSONA_OK || json_len(*out) == n) {
        return rc;
    }
    return json_bad(o->d, o->obj, key, o->f->e, "holds %zu values (expected %zu)", json_len(*out),
                    n);
}

static persona_code take_counts(const object *o, persona_provenance *from)
{
    int *const counts[4] = {&from->n_generated_pos, &from->n_generated_neg, &from->n_kept_pos,
                            &from->n_kept_neg};
    const json_val *a = NULL;
    persona_code rc = find_array(o, "counts", 4, &a);
    for (size_t i = 0; rc == PERSONA_OK && a && i < 4; i++) {
        const double x = json_number(json_at(a, i), -1);
        if (!(x >= 0 && x <= INT_MAX && x == floor(x))) {
            rc = json_bad(o->d, o->obj, "counts", o->f->e, "holds something else than counts");
        } else {
            *counts[i] = (int)x;
        }
    }
    return rc;
}

static persona_code take_layers(const object *o, persona_vector *v)
{
    for (size_t k = 0; k < vecfile_n_layers; k++) {
        const char *key = bare(&vecfile_layers[k]);
        const json_val *a = NULL;
        const persona_code rc = find_array(o, key, (size_t)v->n_layer, &a);
        if (rc != PERSONA_OK) {
            return rc;
        }
        for (int b = 0; a && b < v->n_layer; b++) {
            const json_val *item = json_at(a, (size_t)b);
            const double value = json_number(item, (double)NAN);
            if ((json_typeof(item) != JSON_NUMBER && json_typeof(item) != JSON_NULL) ||
                (isfinite(value) && !vecfile_fits(value))) {
                return json_bad(o->d, o->obj, key, o->f->e,
                                "holds something else than float32 numbers and null");
            }
            const float x = (float)value;
            memcpy(vecfile_member(&v->layers[b], vecfile_layers[k].at), &x, sizeof x);
        }
    }
    return PERSONA_OK;
}

persona_code vecfile_take_json(const vecfile *f, const json_doc *d, const json_val *obj,
                               persona_vector *v)
{
    const object o = {.f = f, .d = d, .obj = obj};
    persona_code rc;
    if (json_typeof(obj) != JSON_OBJECT) {
        return json_bad(d, obj, NULL, f->e, "is not an object (expected the provenance)");
    }
    if ((rc = take_strings(&o, &v->from)) || (rc = take_numbers(&o, &v->from)) ||
        (rc = take_counts(&o, &v->from)) || (rc = take_layers(&o, v))) {
        return rc;
    }
    const persona_code met = vecfile_meanings(f, v, "persona.", obj);
    return met == PERSONA_OK ? vecfile_check_provenance(f, v) : met;
}
