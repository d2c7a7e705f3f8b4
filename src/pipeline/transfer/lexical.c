/* SPDX-License-Identifier: MIT
 *
 * lexical.c - the control that asks what the source model is needed for: rows of word frequencies
 * take the place of its activations, everything else stays (texts that are left out, ridge, its own
 * lambda by leaving questions out), and the trait is the difference of its poles' frequencies.
 *
 * If the vector that comes of it steers as well as the transferred one, the map has carried words
 * and not what a model makes of them.
 */
#include "pipeline/transfer/lexical.h"

#include "base/linalg.h"
#include "base/mem.h"
#include "base/try.h"
#include "core/map/linmap.h"
#include "core/text/ngrams.h"

enum { MIN_TEXTS = 3, MAX_WORDS = 4000 };

typedef struct lexicon {
    const persona_pairs *p;
    ngrams words;      /* of all usable texts */
    size_t *of;        /* (words.n_texts) text */
    unsigned *times;   /* (p->n) rows of the map */
    pair_row *rows;    /* (n) */
    size_t *group, n;  /* of rows */
    float *x, *y;      /* (n, words.n), (n, d of the target) */
    float *difference; /* (words.n) positive less negative */
} lexicon;

static void lexicon_free(lexicon *l)
{
    ngrams_clear(&l->words);
    mem_free(l->of);
    mem_free(l->times);
    mem_free(l->rows);
    mem_free(l->group);
    mem_free(l->x);
    mem_free(l->y);
    mem_free(l->difference);
}

static persona_code count_words(lexicon *l, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    static const int one_word[] = {1};
    const persona_pairs *p = l->p;
    size_t n = 0;
    const char **texts = mem_calloc(p->n, sizeof *texts);
    l->of = mem_calloc(p->n, sizeof *l->of);
    TRY(texts && l->of ? PERSONA_OK : mem_err(e, "word counts"));
    for (size_t i = 0; i < p->n; i++) {
        if (p->texts[i].usable) {
            texts[n] = p->texts[i].text;
            l->of[n++] = i;
        }
    }
    TRY(ngrams_build(texts, n, one_word, 1, MIN_TEXTS, MAX_WORDS, &l->words, e));
out:
    mem_free(texts);
    return rc;
}

/* out (words.n) += weight times the frequencies of text t. */
static void add_text(const lexicon *l, size_t t, double weight, float *out)
{
    const size_t n = l->words.texts[t].n;
    for (size_t k = l->words.row[t]; n > 0 && k < l->words.row[t + 1]; k++) {
        out[l->words.col[k]] += (float)(weight * (double)l->words.count[k] / (double)n);
    }
}

static persona_code fill_rows(lexicon *l, persona_err *e)
{
    size_t n = 0;
    for (size_t t = 0; t < l->words.n_texts; t++) {
        n += l->times[l->of[t]];
    }
    l->rows = mem_calloc(n, sizeof *l->rows);
    l->group = mem_calloc(n, sizeof *l->group);
    l->x = mem_calloc(n, l->words.n * sizeof *l->x);
    l->y = mem_calloc(n, (size_t)l->p->to.d * sizeof *l->y);
    l->difference = mem_calloc(l->words.n, sizeof *l->difference);
    if (!l->rows || !l->group || !l->x || !l->y || !l->difference) {
        return mem_err(e, "rows of word counts");
    }
    for (size_t t = 0; t < l->words.n_texts; t++) {
        for (unsigned k = 0; k < l->times[l->of[t]]; k++) {
            add_text(l, t, 1, l->x + l->n * l->words.n);
            l->group[l->n] = l->p->texts[l->of[t]].group;
            l->rows[l->n++] = (pair_row){l->of[t], -1};
        }
    }
    return PERSONA_OK;
}

static persona_code take_difference(lexicon *l, int trait, persona_err *e)
{
    size_t n[2] = {0, 0};
    for (int pass = 0; pass < 2; pass++) {
        for (size_t t = 0; t < l->words.n_texts; t++) {
            const pair_text *x = &l->p->texts[l->of[t]];
            const size_t side = x->polarity < 0;
            if (x->trait != trait || x->polarity == 0) {
                continue;
            }
            if (pass == 0) {
                n[side]++;
            } else {
                add_text(l, t, (side ? -1.0 : 1.0) / (double)n[side], l->difference);
            }
        }
    }
    return n[0] > 0 && n[1] > 0
               ? PERSONA_OK
               : persona_err_set(e, PERSONA_E_NEGATIVE,
                                 "%zu positive and %zu negative texts of the trait to count words "
                                 "of",
                                 n[0], n[1]);
}

/* One target block: fitted, applied, at the norm that `out` has there. */
static persona_code carry_block(lexicon *l, const persona_fit_opts *o, int block,
                                persona_vector *out, float *row, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const size_t d = (size_t)l->p->to.d;
    map_opts mo = map_defaults();
    map *m = NULL;
    double *middle = NULL;
    mo.n_shuffles = 0;
    mo.seed = o->seed;
    TRY(pairs_rows(l->p, true, block, l->rows, l->n, l->y, e));
    const map_data data = {.x = {l->x, l->n, l->words.n},
                           .y = {l->y, l->n, d},
                           .group = l->group,
                           .n_groups = l->p->n_groups};
    TRY(map_fit(map_method_find("ridge"), &data, &mo, &m, NULL, e));
    middle = mem_calloc(m->k, sizeof *middle);
    TRY(middle ? PERSONA_OK : mem_err(e, "word counts"));
    linalg_mul((mat){m->left, m->k, m->ds}, l->difference, middle);
    linalg_tmul((mat){m->right, m->k, m->dt}, middle, row);
    const double norm = vec_norm(row, d);
    TRY(norm > 0 ? PERSONA_OK
                 : persona_err_set(e, PERSONA_E_NUMERIC,
                                   "word counts say nothing about block %d of the target", block));
    vec_scale(row, (double)out->layers[block].norm / norm, d);
    TRY(persona_vector_set(out, block, row, e));
out:
    mem_free(middle);
    map_free(m);
    return rc;
}

persona_code lexical_carry(const persona_pairs *p, const persona_fit_opts *o, int trait,
                           const persona_vector *like, persona_vector **out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    lexicon l = {.p = p};
    persona_vector *v = NULL;
    float *row = mem_calloc((size_t)p->to.d, sizeof *row);
    *out = NULL;
    l.times = mem_calloc(p->n, sizeof *l.times);
    TRY(row && l.times ? PERSONA_OK : mem_err(e, "word counts"));
    TRY(pairs_left_over(p, o, o->leave, NULL, l.times, e));
    TRY(count_words(&l, e));
    TRY(fill_rows(&l, e));
    TRY(take_difference(&l, trait, e));
    TRY(persona_vector_clone(like, &v, e));
    for (int b = 0; b < v->n_layer; b++) {
        if (v->layers[b].present) {
            TRY(carry_block(&l, o, b, v, row, e));
        }
    }
    TRY(persona_vector_label(&v->from.method, "word counts of the texts through a map", e));
    *out = v;
    v = NULL;
out:
    persona_vector_free(v);
    mem_free(row);
    lexicon_free(&l);
    return rc;
}
