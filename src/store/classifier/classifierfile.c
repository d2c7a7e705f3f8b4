/* SPDX-License-Identifier: MIT
 *
 * classifierfile.c - reads a classifier file (JSON, "persona.classifier/1").
 *
 *   {"schema": "persona.classifier/1", "name": "pair", "ngrams": [1, 2],
 *    "labels": {"by": "gpt-4.1-mini", "of": "Qwen2.5-7B-Instruct"}, "texts": "<hashes>",
 *    "axes": {"silly": {"bias": -0.3, "weights": {"giggle": 1.23, "like a": -0.4}, "neutral": 0,
 *             "heldout": {"n": 240, "n_groups": 20, "spearman": 0.79, "accuracy": 0.84}}},
 *    "coherence": {"bits": 8192, "filter": "<base64 of bits/8 bytes>",
 *                  "bias": 0.1, "pairs": 0.4, "triples": 0.6, "repetition": -0.5}}
 *
 * `labels`, `texts`, `neutral` and `heldout` may be absent, and so may the members of the first and
 * the last. Other members are ignored. What the numbers mean is in core/classify/classifier.c.
 * Weights that could never match are errors, since they would silently weaken an axis.
 */
#include "store/classifier/classifierfile.h"

#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/try.h"
#include "core/map/textset.h"
#include "store/classifier/measured.h"

#define FILE_MAX ((size_t)256 << 20)
#define BITS_MAX ((double)(UINT64_C(1) << 31))

/* ---- base64 --------------------------------------------------------------------------------- */

static int digit64(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Decodes exactly n bytes of padded base64; false if the text is anything else. */
static bool base64_decode(const char *s, unsigned char *out, size_t n)
{
    if (strlen(s) != (n + 2) / 3 * 4) {
        return false;
    }
    for (size_t i = 0; i < n; i += 3, s += 4) {
        unsigned group = 0;
        const size_t have = n - i < 3 ? n - i : 3;
        for (size_t k = 0; k < 4; k++) {
            const int d = k > have ? (s[k] == '=' ? 0 : -1) : digit64(s[k]);
            if (d < 0) {
                return false;
            }
            group = group << 6 | (unsigned)d;
        }
        for (size_t k = 0; k < have; k++) {
            out[i + k] = (unsigned char)(group >> (16 - 8 * k) & 0xff);
        }
    }
    return true;
}

/* ---- axes ----------------------------------------------------------------------------------- */

typedef struct reader {
    const char *path;
    const json_doc *doc;
    const char *axis;
    classifier *made;
    persona_code rc;
    persona_err *e;
} reader;

static bool read_weight(void *ud, const char *key, const json_val *val)
{
    reader *r = ud;
    const double w = json_number(val, (double)NAN);
    if (json_typeof(val) != JSON_NUMBER || !isfinite(w)) {
        r->rc = persona_err_set(r->e, PERSONA_E_FORMAT,
                                "%s: field 'axes.%.60s.weights.%.60s' is not a number", r->path,
                                r->axis, key);
        return false;
    }
    r->rc = classifier_add_weight(r->made, key, w, r->e);
    if (r->rc != PERSONA_OK) {
        persona_err_wrap(r->e, "%s: field 'axes.%.60s.weights'", r->path, r->axis);
    }
    return r->rc == PERSONA_OK;
}

/* What was measured, and what the scale is. Files of earlier versions say neither. */
static persona_code read_facts(const reader *r, const json_val *axis)
{
    axis_facts f = {.neutral = 50, .spearman = (double)NAN, .same_side = (double)NAN};
    persona_judge_measure m = {.n = 0};
    const json_val *heldout = NULL;
    persona_code rc = PERSONA_OK;
    TRY(measured_optional(r->doc, axis, "neutral", 0, 100, &f.neutral, r->e));
    if (f.neutral > 0 && (f.neutral < 50 || f.neutral > 50)) {
        TRY(json_bad(r->doc, axis, "neutral", r->e, "is %g (expected 0 or 50)", f.neutral));
    }
    if (json_get(axis, "heldout")) {
        TRY(json_need(r->doc, axis, "heldout", JSON_OBJECT, &heldout, r->e));
        TRY(measured_read(r->doc, heldout, "accuracy", &m, r->e));
        f = (axis_facts){f.neutral, m.n, m.n_groups, m.spearman, m.same_side};
    }
    classifier_set_facts(r->made, &f);
out:
    return rc;
}

static bool read_axis(void *ud, const char *key, const json_val *val)
{
    reader *r = ud;
    const json_val *weights = NULL;
    double bias = 0;
    r->axis = key;
    if (json_typeof(val) != JSON_OBJECT) {
        r->rc = persona_err_set(r->e, PERSONA_E_FORMAT, "%s: field 'axes.%.60s' is not an object",
                                r->path, key);
        return false;
    }
    r->rc = json_need_number(r->doc, val, "bias", -1e6, 1e6, &bias, r->e);
    if (r->rc == PERSONA_OK) {
        r->rc = json_need(r->doc, val, "weights", JSON_OBJECT, &weights, r->e);
    }
    if (r->rc == PERSONA_OK) {
        r->rc = classifier_add_axis(r->made, key, bias, r->e);
        if (r->rc != PERSONA_OK) {
            persona_err_wrap(r->e, "%s: field 'axes'", r->path);
        }
    }
    if (r->rc == PERSONA_OK) {
        r->rc = read_facts(r, val);
    }
    if (r->rc == PERSONA_OK) {
        json_each(weights, read_weight, r);
    }
    return r->rc == PERSONA_OK;
}

static persona_code read_axes(reader *r, const json_val *root)
{
    const json_val *axes = NULL;
    r->rc = json_need(r->doc, root, "axes", JSON_OBJECT, &axes, r->e);
    if (r->rc != PERSONA_OK) {
        return r->rc;
    }
    if (json_len(axes) == 0) {
        return persona_err_set(r->e, PERSONA_E_FORMAT,
                               "%s: field 'axes' is empty (expected at least one)", r->path);
    }
    json_each(axes, read_axis, r);
    return r->rc;
}

/* ---- the rest ------------------------------------------------------------------------------- */

static persona_code read_head(reader *r, const json_val *root)
{
    const char *schema = NULL, *name = NULL;
    const json_val *list = NULL;
    int orders[CLASSIFIER_MAX_ORDER];
    persona_code rc = PERSONA_OK;
    TRY(json_need_string(r->doc, root, "schema", &schema, r->e));
    if (strcmp(schema, "persona.classifier/1") != 0) {
        rc = persona_err_set(r->e, PERSONA_E_FORMAT,
                             "%s: field 'schema' is \"%.60s\" (expected \"persona.classifier/1\")",
                             r->path, schema);
        goto out;
    }
    TRY(json_need_string(r->doc, root, "name", &name, r->e));
    TRY(json_need(r->doc, root, "ngrams", JSON_ARRAY, &list, r->e));
    const size_t n = json_len(list);
    for (size_t i = 0; i < n && i < CLASSIFIER_MAX_ORDER; i++) {
        const double x = json_number(json_at(list, i), 0);
        orders[i] = x == 1 || (x > 1 && x <= CLASSIFIER_MAX_ORDER && x == floor(x)) ? (int)x : 0;
    }
    rc = classifier_new(name, orders, n, &r->made, r->e);
    if (rc != PERSONA_OK) {
        persona_err_wrap(r->e, "%s: field 'ngrams'", r->path);
    }
out:
    return rc;
}

static persona_code read_coherence(reader *r, const json_val *root)
{
    const json_val *obj = NULL;
    const char *text = NULL;
    double bits = 0;
    coherence_model c = {0};
    persona_code rc = json_need(r->doc, root, "coherence", JSON_OBJECT, &obj, r->e);
    if (rc != PERSONA_OK ||
        (rc = json_need_number(r->doc, obj, "bits", 8, BITS_MAX, &bits, r->e)) ||
        (rc = json_need_string(r->doc, obj, "filter", &text, r->e)) ||
        (rc = json_need_number(r->doc, obj, "bias", -1e6, 1e6, &c.bias, r->e)) ||
        (rc = json_need_number(r->doc, obj, "pairs", -1e6, 1e6, &c.pairs, r->e)) ||
        (rc = json_need_number(r->doc, obj, "triples", -1e6, 1e6, &c.triples, r->e)) ||
        (rc = json_need_number(r->doc, obj, "repetition", -1e6, 1e6, &c.repetition, r->e))) {
        return rc;
    }
    c.bits = (uint64_t)bits;
    if ((double)c.bits != bits || c.bits % 8 != 0) {
        return persona_err_set(r->e, PERSONA_E_FORMAT,
                               "%s: field 'coherence.bits' is %g (expected a multiple of 8)",
                               r->path, bits);
    }
    c.filter = mem_calloc((size_t)(c.bits / 8), 1);
    if (!c.filter) {
        return mem_err(r->e, r->path);
    }
    if (!base64_decode(text, c.filter, (size_t)(c.bits / 8))) {
        mem_free(c.filter);
        return persona_err_set(r->e, PERSONA_E_FORMAT,
                               "%s: field 'coherence.filter' is not base64 of %zu bytes (bits/8)",
                               r->path, (size_t)(c.bits / 8));
    }
    classifier_set_coherence(r->made, &c);
    return PERSONA_OK;
}

static persona_code read_origin(const reader *r, const json_val *root)
{
    classifier_origin o = {.texts = NULL};
    persona_judge_measure labels = {.n = 0};
    const char *texts = NULL;
    uint64_t *set = NULL;
    size_t n = 0;
    persona_code rc = PERSONA_OK;
    TRY(measured_read_labels(r->doc, root, &labels, r->e));
    memcpy(o.labels_by, labels.labels_by, sizeof o.labels_by);
    memcpy(o.labels_of, labels.labels_of, sizeof o.labels_of);
    if (json_get(root, "texts")) {
        TRY(json_need_string(r->doc, root, "texts", &texts, r->e));
        rc = textset_parse(texts, &set, &n, r->e);
        if (rc != PERSONA_OK) {
            persona_err_wrap(r->e, "%s: field 'texts'", r->path);
            goto out;
        }
        o.texts = mem_strdup(texts);
        TRY(o.texts ? PERSONA_OK : mem_err(r->e, r->path));
    }
    classifier_set_origin(r->made, &o);
out:
    mem_free(set);
    return rc;
}

persona_code classifier_read(const char *path, classifier **out, persona_err *e)
{
    json_doc *doc = NULL;
    reader r = {.path = path, .e = e};
    *out = NULL;
    persona_code rc = json_read(path, FILE_MAX, &doc, e);
    if (rc != PERSONA_OK) {
        goto out;
    }
    r.doc = doc;
    const json_val *root = json_root(doc);
    if (json_typeof(root) != JSON_OBJECT) {
        rc = persona_err_set(e, PERSONA_E_FORMAT, "%s: is not a JSON object", path);
        goto out;
    }
    if ((rc = read_head(&r, root)) || (rc = read_axes(&r, root)) ||
        (rc = read_coherence(&r, root)) || (rc = read_origin(&r, root))) {
        goto out;
    }
    *out = r.made;
    r.made = NULL;
out:
    classifier_free(r.made);
    json_free(doc);
    return rc;
}
