/* SPDX-License-Identifier: MIT
 *
 * measured.c - what was measured of a judge, in and out of JSON.
 *
 *   {"schema": "persona.validity/1", "judge": "Qwen2.5-7B-Instruct", "kind": "model",
 *    "labels": {"by": "gpt-4.1-mini", "of": "Llama-3"},
 *    "traits": [{"trait": "silly", "key": "model:Qwen2.5-7B-Instruct@0123456789ab?0123456789ab",
 *                "n": 240, "n_groups": 20, "spearman": 0.79, "same_side": 0.84}]}
 *
 * A classifier's file holds the same numbers beside its weights; a model or a server has no file of
 * its own, so whoever measured it keeps them in one like this.
 */
#include "store/classifier/measured.h"

#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/try.h"

#define SCHEMA "persona.validity/1"
#define FILE_MAX ((size_t)16 << 20)

/* ---- shared with classifiers ----------------------------------------------------------------- */

persona_code measured_optional(const json_doc *d, const json_val *obj, const char *key, double min,
                               double max, double *out, persona_err *e)
{
    return json_typeof(json_get(obj, key)) == JSON_NULL
               ? PERSONA_OK
               : json_need_number(d, obj, key, min, max, out, e);
}

static persona_code read_count(const json_doc *d, const json_val *obj, const char *key, size_t *out,
                               persona_err *e)
{
    double x = 0;
    const persona_code rc = measured_optional(d, obj, key, 0, 1e12, &x, e);
    if (rc == PERSONA_OK && x > floor(x)) {
        return json_bad(d, obj, key, e, "is %g (expected a whole number)", x);
    }
    *out = (size_t)x;
    return rc;
}

persona_code measured_read(const json_doc *d, const json_val *obj, const char *side,
                           persona_judge_measure *out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    out->spearman = out->same_side = (double)NAN;
    TRY(read_count(d, obj, "n", &out->n, e));
    TRY(read_count(d, obj, "n_groups", &out->n_groups, e));
    TRY(measured_optional(d, obj, "spearman", -1, 1, &out->spearman, e));
    TRY(measured_optional(d, obj, side, 0, 1, &out->same_side, e));
out:
    return rc;
}

static persona_code read_who(const json_doc *d, const json_val *labels, const char *key,
                             char out[64], persona_err *e)
{
    const char *name = NULL;
    persona_code rc = PERSONA_OK;
    out[0] = '\0';
    if (!json_get(labels, key)) {
        return PERSONA_OK;
    }
    TRY(json_need_string(d, labels, key, &name, e));
    if (strlen(name) >= 64) {
        TRY(json_bad(d, labels, key, e, "is too long (expected at most 63 bytes)"));
    }
    memcpy(out, name, strlen(name) + 1);
out:
    return rc;
}

persona_code measured_read_labels(const json_doc *d, const json_val *root,
                                  persona_judge_measure *out, persona_err *e)
{
    const json_val *labels = NULL;
    persona_code rc = PERSONA_OK;
    if (json_get(root, "labels")) {
        TRY(json_need(d, root, "labels", JSON_OBJECT, &labels, e));
    }
    TRY(read_who(d, labels, "by", out->labels_by, e));
    TRY(read_who(d, labels, "of", out->labels_of, e));
out:
    return rc;
}

void measured_write_labels(json_out *o, const char *by, const char *of)
{
    const bool has_by = by && *by, has_of = of && *of;
    if (!has_by && !has_of) {
        return;
    }
    jo_object(o, "labels");
    if (has_by) {
        jo_string(o, "by", by);
    }
    if (has_of) {
        jo_string(o, "of", of);
    }
    jo_end(o);
}

/* ---- validity files -------------------------------------------------------------------------- */

void validity_clear(validity_file *f)
{
    for (size_t i = 0; i < f->n; i++) {
        mem_free(f->p[i].trait);
        mem_free(f->p[i].key);
    }
    mem_free(f->p);
    mem_free(f->judge);
    mem_free(f->kind);
    *f = (validity_file){.n = 0};
}

static persona_code copy(const json_doc *d, const json_val *obj, const char *key, char **out,
                         persona_err *e)
{
    const char *text = NULL;
    persona_code rc = PERSONA_OK;
    TRY(json_need_string(d, obj, key, &text, e));
    *out = mem_strdup(text);
    TRY(*out ? PERSONA_OK : mem_err(e, key));
out:
    return rc;
}

static persona_code read_entry(const json_doc *d, const json_val *obj, validity_entry *to,
                               persona_err *e)
{
    persona_code rc = PERSONA_OK;
    double n = 0, spearman = 0;
    TRY(copy(d, obj, "trait", &to->trait, e));
    TRY(copy(d, obj, "key", &to->key, e));
    TRY(json_need_number(d, obj, "n", 1, 1e12, &n, e)); /* these two must be there */
    TRY(json_need_number(d, obj, "spearman", -1, 1, &spearman, e));
    TRY(measured_read(d, obj, "same_side", &to->m, e));
out:
    return rc;
}

static persona_code read_root(const json_doc *d, validity_file *f, persona_err *e)
{
    const json_val *root = json_root(d), *list = NULL;
    const char *schema = NULL;
    persona_judge_measure labels = {.n = 0};
    persona_code rc = PERSONA_OK;
    if (json_typeof(root) != JSON_OBJECT) {
        return json_bad(d, root, NULL, e, "is not an object");
    }
    TRY(json_need_string(d, root, "schema", &schema, e));
    if (strcmp(schema, SCHEMA) != 0) {
        TRY(json_bad(d, root, "schema", e, "is \"%.60s\" (expected \"" SCHEMA "\")", schema));
    }
    TRY(copy(d, root, "judge", &f->judge, e));
    TRY(copy(d, root, "kind", &f->kind, e));
    TRY(measured_read_labels(d, root, &labels, e));
    TRY(json_need(d, root, "traits", JSON_ARRAY, &list, e));
    if (json_len(list) == 0) {
        TRY(json_bad(d, root, "traits", e, "is empty (expected at least one)"));
    }
    f->p = mem_calloc(json_len(list), sizeof *f->p);
    TRY(f->p ? PERSONA_OK : mem_err(e, "a validity file"));
    for (size_t i = 0; i < json_len(list); i++) {
        validity_entry *to = &f->p[f->n++]; /* also when it fails: validity_clear frees it */
        to->m = labels;
        TRY(read_entry(d, json_at(list, i), to, e));
    }
out:
    return rc;
}

persona_code validity_read(const char *path, validity_file *out, persona_err *e)
{
    json_doc *d = NULL;
    persona_code rc = PERSONA_OK;
    *out = (validity_file){.n = 0};
    TRY(json_read(path, FILE_MAX, &d, e));
    rc = read_root(d, out, e);
out:
    if (rc != PERSONA_OK) {
        validity_clear(out);
    }
    json_free(d);
    return rc;
}

static void write_entry(json_out *o, const validity_entry *x)
{
    jo_object(o, NULL);
    jo_string(o, "trait", x->trait);
    jo_string(o, "key", x->key);
    jo_int(o, "n", (long long)x->m.n);
    jo_int(o, "n_groups", (long long)x->m.n_groups);
    jo_number(o, "spearman", (double)(float)x->m.spearman);
    jo_number(o, "same_side", (double)(float)x->m.same_side);
    jo_end(o);
}

persona_code validity_write(const char *path, const validity_file *f, persona_err *e)
{
    buf text;
    json_out o;
    persona_code rc = PERSONA_OK;
    buf_init(&text, FILE_MAX);
    jo_init(&o, &text, true);
    jo_object(&o, NULL);
    jo_string(&o, "schema", SCHEMA);
    jo_string(&o, "judge", f->judge);
    jo_string(&o, "kind", f->kind);
    if (f->n > 0) {
        measured_write_labels(&o, f->p[0].m.labels_by, f->p[0].m.labels_of);
    }
    jo_array(&o, "traits");
    for (size_t i = 0; i < f->n; i++) {
        write_entry(&o, &f->p[i]);
    }
    jo_end(&o);
    jo_end(&o);
    buf_putc(&text, '\n');
    TRY(buf_ok(&text, path, e));
    TRY(file_write(path, text.p, text.len, e));
out:
    buf_free(&text);
    return rc;
}
