/* SPDX-License-Identifier: MIT
 *
 * vecmath.c - arithmetic on persona vectors: cosine, weighted sums, unit length, another depth.
 *
 * A sum is of directions, so it needs one space: equal widths, and not two architectures where both
 * files come from models that we have hashed. Whatever else differs (the unit, the file of the
 * model, the blocks present) is no error but is said in from.note. What stays true of the result
 * stays in it: the best block if all agree, the norms of h, and for one vector times a positive
 * number everything, the dose divided by that number, so that one dose is the same edit as before.
 */
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "base/buf.h"
#include "base/linalg.h"
#include "base/mem.h"
#include "base/try.h"
#include "core/map/textset.h"
#include "persona/vector.h"

#define NOTE_MAX 65536

double persona_vector_cosine(const persona_vector *a, const persona_vector *b, int block)
{
    if (a->n_embd != b->n_embd || block < 0 || block >= a->n_layer || block >= b->n_layer ||
        !a->layers[block].present || !b->layers[block].present || !(a->layers[block].norm > 0) ||
        !(b->layers[block].norm > 0)) {
        return NAN;
    }
    return vec_cos(persona_vector_row(a, block), persona_vector_row(b, block), (size_t)a->n_embd);
}

/* ---- checking -------------------------------------------------------------------------------- */

static bool differ(const char *a, const char *b)
{
    return *a && *b && strcmp(a, b) != 0;
}

static persona_code check_pair(const persona_vector_term *s, const persona_vector_term *t,
                               buf *note, persona_err *e)
{
    const persona_provenance *f = &s->v->from, *g = &t->v->from;
    if (s->v->n_embd != t->v->n_embd) {
        return persona_err_set(e, PERSONA_E_SHAPE,
                               "%s is %d wide and %s is %d wide: vectors of different models have "
                               "no common space (carry one over with 'persona transfer')",
                               s->name, s->v->n_embd, t->name, t->v->n_embd);
    }
    if (*f->model_hash && *g->model_hash && differ(f->model_arch, g->model_arch)) {
        return persona_err_set(e, PERSONA_E_SHAPE,
                               "%s is of a %s model and %s of a %s model (carry one over with "
                               "'persona transfer')",
                               s->name, f->model_arch, t->name, g->model_arch);
    }
    if (strcmp(f->unit, g->unit) != 0) {
        buf_printf(note, "%sunits differ: %s is %s, %s is %s", note->len > 0 ? "; " : "", s->name,
                   *f->unit ? f->unit : "of an unknown unit", t->name,
                   *g->unit ? g->unit : "of an unknown unit");
    }
    if (differ(f->model_hash, g->model_hash)) {
        buf_printf(note, "%s%s and %s come from different model files", note->len > 0 ? "; " : "",
                   s->name, t->name);
    } else if (differ(f->model_arch, g->model_arch)) {
        buf_printf(note, "%s%s names its model %s, %s %s", note->len > 0 ? "; " : "", s->name,
                   f->model_arch, t->name, g->model_arch);
    }
    return PERSONA_OK;
}

static persona_code check_terms(const persona_vector_term *terms, size_t n, int *n_layer, buf *note,
                                persona_err *e)
{
    persona_code rc = PERSONA_OK;
    if (n == 0) {
        return persona_err_set(e, PERSONA_E_SHAPE, "a combination of no vectors");
    }
    *n_layer = terms[0].v->n_layer;
    for (size_t i = 0; i < n; i++) {
        TRY(persona_vector_addable(terms[i].v, terms[i].name, e));
        if (i > 0) {
            TRY(check_pair(&terms[0], &terms[i], note, e));
        }
        if (!isfinite(terms[i].coefficient)) {
            rc = persona_err_set(e, PERSONA_E_NUMERIC, "%s: the coefficient is not finite",
                                 terms[i].name);
            goto out;
        }
        if (terms[i].v->n_layer > *n_layer) {
            *n_layer = terms[i].v->n_layer;
        }
    }
out:
    return rc;
}

/* ---- summing --------------------------------------------------------------------------------- */

static bool takes_part(const persona_vector_term *t, int block)
{
    return block < t->v->n_layer && t->v->layers[block].present &&
           (t->block_a < 0 || (block >= t->block_a && block <= t->block_b));
}

/* One block into row (n_embd); how many terms have a direction there. Sums are in double and begin
 * at
 * -0, which adds nothing even to -0: one term alone with coefficient 1 keeps its bits. */
static size_t sum_block(const persona_vector_term *terms, size_t n, int block, double *sum,
                        float *row, int n_embd)
{
    size_t have = 0;
    for (int k = 0; k < n_embd; k++) {
        sum[k] = -0.0;
    }
    for (size_t i = 0; i < n; i++) {
        if (!takes_part(&terms[i], block)) {
            continue;
        }
        const float *x = persona_vector_row(terms[i].v, block);
        for (int k = 0; k < n_embd; k++) {
            sum[k] += terms[i].coefficient * (double)x[k];
        }
        have++;
    }
    for (int k = 0; k < n_embd; k++) {
        row[k] = (float)sum[k];
    }
    return have;
}

static persona_code sum_blocks(const persona_vector_term *terms, size_t n, persona_vector *out,
                               buf *note, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const size_t width = (size_t)out->n_embd;
    size_t n_partial = 0, n_present = 0;
    double *sum = mem_calloc(width, sizeof *sum);
    float *row = mem_calloc(width, sizeof *row);
    if (!sum || !row) {
        rc = mem_err(e, "a combination of vectors");
        goto out;
    }
    for (int b = 0; b < out->n_layer; b++) {
        const size_t have = sum_block(terms, n, b, sum, row, out->n_embd);
        if (have == 0) {
            continue;
        }
        n_partial += have < n;
        n_present++;
        rc = persona_vector_set(out, b, row, e);
        if (rc != PERSONA_OK) {
            persona_err_wrap(e, "the combination");
            goto out;
        }
    }
    if (n_present == 0) {
        rc = persona_err_set(e, PERSONA_E_SHAPE, "%s: no direction in the blocks that are wanted",
                             terms[0].name);
        goto out;
    }
    if (n_partial > 0) {
        buf_printf(note, "%s%zu of %zu blocks are not in every vector (absent counts as zero)",
                   note->len > 0 ? "; " : "", n_partial, n_present);
    }
out:
    mem_free(row);
    mem_free(sum);
    return rc;
}

/* ---- what is known of the result ------------------------------------------------------------- */

/* "2*silly - 0.5*superficial@3-5" */
static void spell_terms(const persona_vector_term *terms, size_t n, buf *out)
{
    for (size_t i = 0; i < n; i++) {
        const double c = terms[i].coefficient;
        buf_puts(out, i == 0 ? (c < 0 ? "-" : "") : c < 0 ? " - " : " + ");
        if (fabs(c) < 1 || fabs(c) > 1) {
            buf_printf(out, "%g*", fabs(c));
        }
        buf_puts(out, terms[i].name);
        if (terms[i].block_a >= 0) {
            buf_printf(out, "@%d-%d", terms[i].block_a, terms[i].block_b);
        }
    }
}

/* Keeps a string that all terms agree on. */
static persona_code common_label(const persona_vector_term *terms, size_t n, size_t at,
                                 persona_provenance *to, persona_err *e)
{
    const char *first = *(char *const *)(const void *)((const char *)&terms[0].v->from + at);
    for (size_t i = 1; i < n; i++) {
        if (strcmp(first, *(char *const *)(const void *)((const char *)&terms[i].v->from + at)) !=
            0) {
            first = "";
        }
    }
    return persona_vector_label((char **)(void *)((char *)to + at), first, e);
}

static persona_code common_labels(const persona_vector_term *terms, size_t n, persona_vector *out,
                                  persona_err *e)
{
    static const size_t fields[] = {
        offsetof(persona_provenance, model_name), offsetof(persona_provenance, model_arch),
        offsetof(persona_provenance, model_hash), offsetof(persona_provenance, template_hash),
        offsetof(persona_provenance, library),    offsetof(persona_provenance, unit),
    };
    persona_code rc = PERSONA_OK;
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        TRY(common_label(terms, n, fields[i], &out->from, e));
    }
out:
    out->from.best_layer = terms[0].v->from.best_layer;
    for (size_t i = 1; i < n; i++) {
        if (terms[i].v->from.best_layer != out->from.best_layer) {
            out->from.best_layer = -1;
        }
    }
    if (out->from.best_layer >= 0 && !out->layers[out->from.best_layer].present) {
        out->from.best_layer = -1;
    }
    return rc;
}

/* Norms of h belong to the model; the statistics of a direction survive a positive factor. */
static void keep_statistics(const persona_vector_term *terms, size_t n, persona_vector *out)
{
    const persona_vector *v = terms[0].v;
    const bool scaled = n == 1 && terms[0].coefficient > 0;
    for (int b = 0; b < v->n_layer; b++) {
        persona_vector_layer *to = &out->layers[b];
        if (*out->from.model_hash || n == 1) {
            to->h_median = v->layers[b].h_median;
        }
        if (!scaled || !to->present) {
            continue;
        }
        const float norm = to->norm;
        *to = v->layers[b];
        to->norm = norm;
        to->dose = (float)((double)to->dose / terms[0].coefficient);
    }
    if (!scaled || out->from.best_layer < 0) {
        return;
    }
    out->from.safe_low = v->from.safe_low;
    out->from.safe_high = v->from.safe_high;
    out->from.promote = v->from.promote;
    out->from.suppress = v->from.suppress;
    out->from.dose = (float)((double)v->from.dose / terms[0].coefficient);
    out->from.dose_kl = v->from.dose_kl;
}

/* A sum of unit vectors has another length. */
static const char *unit_of(const persona_vector_term *terms, size_t n, const persona_vector *out)
{
    if (strcmp(out->from.unit, PERSONA_UNIT_ONE) != 0) {
        return out->from.unit;
    }
    if (n > 1) {
        return "sum of unit vectors";
    }
    return fabs(terms[0].coefficient) < 1 || fabs(terms[0].coefficient) > 1 ? "scaled unit vectors"
                                                                            : PERSONA_UNIT_ONE;
}

static persona_code describe(const persona_vector_term *terms, size_t n, persona_vector *out,
                             const buf *differences, persona_err *e)
{
    const bool same_trait = n == 1 && terms[0].coefficient > 0;
    buf text;
    buf_init(&text, NOTE_MAX);
    spell_terms(terms, n, &text);
    persona_code rc = PERSONA_OK;
    TRY(persona_vector_label(&out->from.unit, unit_of(terms, n, out), e));
    TRY(persona_vector_label(&out->from.trait, same_trait ? terms[0].v->from.trait : buf_str(&text),
                             e));
    TRY(persona_vector_label(&out->from.method, "combination", e));
    if (differences->len > 0) {
        buf_printf(&text, ": %s", buf_str(differences));
    }
    TRY(persona_vector_label(&out->from.note, buf_str(&text), e));
out:
    buf_free(&text);
    return rc;
}

/* The texts behind a sum are those behind its terms, as far as they are known. */
static persona_code join_texts(const persona_vector_term *terms, size_t n, persona_vector *out,
                               persona_err *e)
{
    uint64_t *all = NULL, *h = NULL;
    size_t n_all = 0;
    char *text = NULL;
    persona_code rc = PERSONA_OK;
    for (size_t i = 0; i < n; i++) {
        size_t k = 0;
        TRY(textset_parse(terms[i].v->from.texts, &h, &k, e));
        if (k > 0) {
            uint64_t *grown = mem_realloc(all, n_all + k, sizeof *all);
            if (!grown) {
                rc = mem_err(e, "the hashes of texts");
                goto out;
            }
            memcpy(grown + n_all, h, k * sizeof *h);
            all = grown;
            n_all += k;
        }
        mem_free(h);
        h = NULL;
    }
    n_all = textset_sort(all, n_all);
    TRY(textset_format(all, n_all, &text, e));
    TRY(persona_vector_label(&out->from.texts, text, e));
out:
    mem_free(h);
    mem_free(text);
    mem_free(all);
    return rc;
}

static bool all_zero(const persona_vector *v)
{
    for (int b = 0; b < v->n_layer; b++) {
        if (v->layers[b].present && v->layers[b].norm > 0) {
            return false;
        }
    }
    return true;
}

persona_code persona_vector_combine(const persona_vector_term *terms, size_t n,
                                    persona_vector **out, persona_err *e)
{
    persona_vector *v = NULL;
    int n_layer = 0;
    buf note;
    buf_init(&note, NOTE_MAX);
    *out = NULL;
    persona_code rc = PERSONA_OK;
    TRY(check_terms(terms, n, &n_layer, &note, e));
    TRY(persona_vector_new(n_layer, terms[0].v->n_embd, &v, e));
    TRY(sum_blocks(terms, n, v, &note, e));
    if (all_zero(v)) {
        rc = persona_err_set(e, PERSONA_E_NUMERIC,
                             "the sum is zero in every block: nothing could be steered with it");
        goto out;
    }
    TRY(common_labels(terms, n, v, e));
    TRY(join_texts(terms, n, v, e));
    keep_statistics(terms, n, v);
    TRY(describe(terms, n, v, &note, e));
    *out = v;
    v = NULL;
out:
    persona_vector_free(v);
    buf_free(&note);
    return rc;
}

/* ---- length and depth ------------------------------------------------------------------------ */

persona_code persona_vector_normalize(persona_vector *v, persona_err *e)
{
    const int best = v->from.best_layer;
    for (int b = 0; b < v->n_layer; b++) {
        if (v->layers[b].present && !(v->layers[b].norm > 0)) {
            return persona_err_set(e, PERSONA_E_NUMERIC,
                                   "layer %d: a direction of zeros has no unit length", b);
        }
    }
    if (best >= 0 && best < v->n_layer && v->layers[best].present) {
        v->from.dose *= v->layers[best].norm;
    }
    for (int b = 0; b < v->n_layer; b++) {
        float *row = v->data + (size_t)b * (size_t)v->n_embd;
        if (!v->layers[b].present) {
            continue;
        }
        v->layers[b].dose *= v->layers[b].norm;
        vec_scale(row, 1 / vec_norm(row, (size_t)v->n_embd), (size_t)v->n_embd);
        v->layers[b].norm = (float)vec_norm(row, (size_t)v->n_embd);
    }
    return persona_vector_label(&v->from.unit, PERSONA_UNIT_ONE, e);
}

persona_code persona_vector_resize(const persona_vector *v, int n_layer, persona_vector **out,
                                   persona_err *e)
{
    persona_vector *copy = NULL, *r = NULL;
    *out = NULL;
    for (int b = n_layer > 0 ? n_layer : 0; b < v->n_layer; b++) {
        if (v->layers[b].present) {
            return persona_err_set(e, PERSONA_E_SHAPE,
                                   "there is a direction for block %d, so the model has at least "
                                   "%d blocks (not %d)",
                                   b, b + 1, n_layer);
        }
    }
    persona_code rc = PERSONA_OK;
    TRY(persona_vector_new(n_layer, v->n_embd, &r, e));
    TRY(persona_vector_clone(v, &copy, e));
    const size_t kept = (size_t)(n_layer < v->n_layer ? n_layer : v->n_layer);
    memcpy(r->data, v->data, kept * (size_t)v->n_embd * sizeof *v->data);
    memcpy(r->layers, v->layers, kept * sizeof *v->layers);
    const persona_provenance none = r->from; /* the copy's strings go to r, r's are freed with it */
    r->from = copy->from;
    copy->from = none;
    if (r->from.best_layer >= n_layer) {
        r->from.best_layer = -1;
    }
    *out = r;
    r = NULL;
out:
    persona_vector_free(copy);
    persona_vector_free(r);
    return rc;
}
