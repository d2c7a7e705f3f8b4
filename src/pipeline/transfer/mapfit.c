/* SPDX-License-Identifier: MIT
 *
 * mapfit.c - from paired texts to a map: which texts take part, which blocks are paired, one fit
 * each, and the same fit after shuffling which text belongs to which.
 *
 * The trait that is to be carried over is left out with all its texts, by its name, by the hashes
 * of the vector's own answers, and by what a judge sees of it in any text (lean.c); otherwise a map
 * only reproduces the target's own mean difference on the same texts (methods 5.2). Groups are
 * questions, so nothing predicts another answer to its question.
 */
#include <math.h>
#include <string.h>

#include "base/linalg.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/try.h"
#include "core/map/linmap.h"
#include "core/map/mapobject.h"
#include "core/map/textset.h"
#include "pipeline/transfer/mapblocks.h"
#include "pipeline/transfer/pairs_parts.h"

#define N_SHUFFLES 20
#define N_CANDIDATES 4   /* pairs of blocks that go to the behavioral test, in a deep model */
#define ALL_CANDIDATES 6 /* a model with up to so many target blocks has them all tried */

/* Below this many rows a second BLAS thread costs more than it brings (measured: 520 texts took
 * eight times as long with two threads on a busy machine). */
#define SMALL_FIT 1500

persona_fit_opts persona_fit_defaults(void)
{
    return (persona_fit_opts){
        .method = "ridge", .from = -1, .to = -1, .null = true, .leave = PERSONA_LEAVE_STRICT};
}

const char *persona_map_method(size_t i, const char **summary)
{
    const map_method *m = map_method_at(i);
    if (summary) {
        *summary = m ? m->summary : NULL;
    }
    return m ? m->name : NULL;
}

typedef struct fitting {
    const persona_pairs *p;
    const persona_fit_opts *o;
    const map_method *method;
    const persona_hooks *hooks;
    size_t *texts; /* (n_texts) those that take part, as often as they do */
    size_t n_texts, n_distinct;
    pairs_counts counts;
    pair_row *rows, *shuffled; /* (n_rows) */
    size_t *group;             /* (n_rows) */
    size_t n_rows;
    int *trait;        /* (n_rows) */
    size_t *pos, *neg; /* (n_contrasts) rows */
    size_t n_contrasts;
    float *x, *y; /* (n_rows, d): one block of each side */
    int x_block;  /* which one x holds; -1: none */
    persona_map *out;
} fitting;

/* ---- which texts ----------------------------------------------------------------------------- */

static persona_code choose_texts(fitting *f, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    unsigned *times = mem_calloc(f->p->n, sizeof *times);
    size_t n = 0;
    TRY(times ? pairs_left_over(f->p, f->o, f->o->leave, &f->counts, times, e)
              : mem_err(e, "the texts of a map"));
    for (size_t i = 0; i < f->p->n; i++) {
        n += times[i];
    }
    f->texts = mem_calloc(n, sizeof *f->texts);
    TRY(f->texts ? PERSONA_OK : mem_err(e, "the texts of a map"));
    for (size_t i = 0; i < f->p->n; i++) {
        f->n_distinct += times[i] > 0;
        for (unsigned k = 0; k < times[i]; k++) {
            f->texts[f->n_texts++] = i;
        }
    }
out:
    mem_free(times);
    return rc;
}

/* Which text meets which. */
static persona_code shuffle_rows(fitting *f, uint32_t seed, persona_err *e)
{
    size_t *order = mem_calloc(f->n_rows, sizeof *order);
    rng r;
    if (!order) {
        return mem_err(e, "the rows of a map");
    }
    rng_seed(&r, seed, 0x73687566);
    for (size_t i = 0; i < f->n_rows; i++) {
        order[i] = i;
    }
    rng_shuffle(&r, order, f->n_rows);
    for (size_t i = 0; i < f->n_rows; i++) {
        f->shuffled[i] = f->rows[order[i]];
    }
    mem_free(order);
    return PERSONA_OK;
}

static persona_code lay_out_rows(fitting *f, persona_err *e)
{
    const persona_pairs *p = f->p;
    size_t n = 0;
    for (size_t i = 0; i < f->n_texts; i++) {
        n += f->o->chunks ? p->texts[f->texts[i]].n_chunks : 1;
    }
    f->rows = mem_calloc(n, sizeof *f->rows);
    f->shuffled = mem_calloc(n, sizeof *f->shuffled);
    f->group = mem_calloc(n, sizeof *f->group);
    f->trait = mem_calloc(n, sizeof *f->trait);
    if (!f->rows || !f->shuffled || !f->group || !f->trait) {
        return mem_err(e, "the rows of a map");
    }
    for (size_t i = 0; i < f->n_texts; i++) {
        const pair_text *t = &p->texts[f->texts[i]];
        const size_t n_chunks = f->o->chunks ? t->n_chunks : 1;
        for (size_t k = 0; k < n_chunks; k++) {
            f->group[f->n_rows] = t->group;
            f->trait[f->n_rows] = t->trait;
            f->rows[f->n_rows++] = (pair_row){f->texts[i], f->o->chunks ? (int)k : -1};
        }
    }
    return shuffle_rows(f, f->o->seed, e);
}

/* The k-th positive of a trait and question meets the k-th negative; with chunks, chunk by
 * chunk. */
static persona_code pair_poles(fitting *f, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const persona_pairs *p = f->p;
    bool *taken = mem_calloc(f->n_rows, sizeof *taken);
    f->pos = mem_calloc(f->n_rows, sizeof *f->pos);
    f->neg = mem_calloc(f->n_rows, sizeof *f->neg);
    TRY(taken && f->pos && f->neg ? PERSONA_OK : mem_err(e, "the contrasts of a map"));
    for (size_t i = 0; i < f->n_rows; i++) {
        const pair_text *a = &p->texts[f->rows[i].text];
        for (size_t k = 0; a->trait >= 0 && a->polarity > 0 && k < f->n_rows; k++) {
            const pair_text *b = &p->texts[f->rows[k].text];
            if (taken[k] || b->trait != a->trait || b->group != a->group || b->polarity >= 0 ||
                f->rows[k].chunk != f->rows[i].chunk) {
                continue;
            }
            taken[k] = true;
            f->pos[f->n_contrasts] = i;
            f->neg[f->n_contrasts++] = k;
            break;
        }
    }
out:
    mem_free(taken);
    return rc;
}

/* ---- one pair of blocks ---------------------------------------------------------------------- */

static persona_code load(fitting *f, bool target, int block, const pair_row *rows, float *out,
                         persona_err *e)
{
    return pairs_rows(f->p, target, block, rows, f->n_rows, out, e);
}

static persona_code fit_one(fitting *f, persona_map_block *b, bool null, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const persona_pairs *p = f->p;
    const persona_fit_opts *o = f->o;
    persona_map_factors *to = null ? &b->null : &b->map;
    map *m = NULL;
    map_report rep = {0};
    map_opts mo = map_defaults();
    mo.lambda = o->lambda; /* a null has the same right to its own */
    mo.rank = o->rank;
    mo.n_shuffles = null ? 0 : o->n_shuffles > 0 ? o->n_shuffles : N_SHUFFLES;
    mo.seed = o->seed;
    if (o->n_anchors > 0) {
        mo.n_anchors = o->n_anchors;
    }
    const map_data d = {.x = {f->x, f->n_rows, (size_t)p->from.d},
                        .y = {f->y, f->n_rows, (size_t)p->to.d},
                        .group = f->group,
                        .n_groups = p->n_groups,
                        .pos = f->pos,
                        .neg = f->neg,
                        .n_contrasts = f->n_contrasts,
                        .trait = null ? NULL : f->trait,
                        .n_traits = p->n_names};
    if (f->x_block != b->from) {
        f->x_block = -1;
        TRY(load(f, false, b->from, f->rows, f->x, e));
        f->x_block = b->from;
    }
    TRY(load(f, true, b->to, null ? f->shuffled : f->rows, f->y, e));
    TRY(map_fit(f->method, &d, &mo, &m, &rep, e));
    *to = (persona_map_factors){m->k, m->left, m->right};
    m->left = m->right = NULL;
    map_free(m);
    if (!null) {
        b->lambda = rep.lambda;
        b->rank = (int)rep.rank;
        b->r2_heldout = rep.r2_heldout;
        b->r2_contrast = rep.r2_contrast;
        b->r2_shuffled = rep.r2_shuffled;
        b->r2_shuffled_max = rep.r2_shuffled_max;
        b->by_trait = (persona_map_r2){rep.by_trait.rows, rep.by_trait.contrasts};
        b->by_both = (persona_map_r2){rep.by_both.rows, rep.by_both.contrasts};
        f->out->n_groups = rep.n_groups;
    }
out:
    if (rc != PERSONA_OK) {
        persona_err_wrap(e, "map of block %d to %d", b->from, b->to);
    }
    return rc;
}

/* ---- which blocks ---------------------------------------------------------------------------- */

static persona_code grid_load(void *ud, bool target, int block, float *out, persona_err *e)
{
    fitting *f = ud;
    return load(f, target, block, f->rows, out, e);
}

static bool grid_progress(void *ud, size_t done, size_t total)
{
    const fitting *f = ud;
    const persona_progress now = {.stage = "pair blocks", .done = done, .total = total};
    if (f->hooks && f->hooks->progress) {
        f->hooks->progress(f->hooks->ud, &now);
    }
    return !f->hooks || !persona_canceled(f->hooks->cancel);
}

/* Sets the pairs of blocks to fit. */
static persona_code choose_blocks(fitting *f, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const persona_pairs *p = f->p;
    const size_t n = p->from.n_blocks * p->to.n_blocks;
    const size_t most = f->o->n_candidates > 0             ? (size_t)f->o->n_candidates
                        : p->to.n_blocks <= ALL_CANDIDATES ? p->to.n_blocks
                                                           : N_CANDIDATES;
    const grid_task task = {.from = p->from.blocks,
                            .to = p->to.blocks,
                            .n_from = p->from.n_blocks,
                            .n_to = p->to.n_blocks,
                            .n = f->n_rows,
                            .ds = (size_t)p->from.d,
                            .dt = (size_t)p->to.d,
                            .group = f->group,
                            .n_groups = p->n_groups,
                            .pos = f->pos,
                            .neg = f->neg,
                            .n_contrasts = f->n_contrasts,
                            .n_shuffles = 3,
                            .seed = f->o->seed,
                            .rows = grid_load,
                            .ud = f,
                            .progress = grid_progress};
    grid_cell *cells = mem_calloc(n, sizeof *cells);
    size_t *chosen = mem_calloc(most, sizeof *chosen);
    f->out->blocks = mem_calloc(most, sizeof *f->out->blocks);
    TRY(cells && chosen && f->out->blocks ? PERSONA_OK : mem_err(e, "the blocks of a map"));
    if (f->o->from >= 0) {
        f->out->blocks[0].from = f->o->from;
        f->out->blocks[0].to = f->o->to;
        f->out->n_blocks = 1;
        goto out;
    }
    TRY(grid_run(&task, cells, e));
    f->out->n_blocks = mapblocks_choose(cells, n, p->from.n_layer, p->to.n_layer, most, chosen);
    for (size_t i = 0; i < f->out->n_blocks; i++) {
        f->out->blocks[i].from = cells[chosen[i]].from;
        f->out->blocks[i].to = cells[chosen[i]].to;
    }
    if (f->out->n_blocks == 0) {
        TRY(persona_err_set(e, PERSONA_E_NUMERIC,
                            "no pair of blocks of like depth can be mapped (%zu tried)", n));
    }
out:
    mem_free(chosen);
    mem_free(cells);
    return rc;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static persona_code copy_side(persona_map_side *to, const pair_side *s, persona_err *e)
{
    to->name = mem_strdup(s->name);
    to->arch = mem_strdup(s->arch);
    to->hash = mem_strdup(s->hash);
    to->template_hash = mem_strdup(s->template_hash);
    to->h_median = mem_calloc((size_t)s->n_layer, sizeof *to->h_median);
    if (!to->name || !to->arch || !to->hash || !to->template_hash || !to->h_median) {
        return mem_err(e, "a map");
    }
    to->n_layer = s->n_layer;
    to->n_embd = s->d;
    memcpy(to->h_median, s->h_median, (size_t)s->n_layer * sizeof *to->h_median);
    return PERSONA_OK;
}

/* Names of the traits that take part, and the hashes of all texts. */
static persona_code label_texts(fitting *f, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const persona_pairs *p = f->p;
    persona_map *m = f->out;
    uint64_t *h = mem_calloc(f->n_texts, sizeof *h);
    bool *seen = mem_calloc(p->n_names, sizeof *seen);
    m->traits = mem_calloc(p->n_names, sizeof *m->traits);
    TRY(h && seen && m->traits ? PERSONA_OK : mem_err(e, "a map"));
    for (size_t i = 0; i < f->n_texts; i++) {
        const pair_text *t = &p->texts[f->texts[i]];
        h[i] = t->hash;
        if (t->trait >= 0) {
            seen[t->trait] = true;
        }
    }
    for (size_t i = 0; i < p->n_names; i++) {
        if (!seen[i]) {
            continue;
        }
        m->traits[m->n_traits] = mem_strdup(p->names[i]);
        if (!m->traits[m->n_traits++]) {
            TRY(mem_err(e, "a map"));
        }
    }
    TRY(textset_format(h, textset_sort(h, f->n_texts), &m->texts, e));
out:
    mem_free(seen);
    mem_free(h);
    return rc;
}

static persona_code begin_map(fitting *f, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const persona_pairs *p = f->p;
    persona_map *m = f->out = mem_calloc(1, sizeof *m);
    if (!m) {
        return mem_err(e, "a map");
    }
    m->method = mem_strdup(f->method->name);
    m->pairing = mem_strdup(f->o->chunks ? "chunk" : "response");
    m->library = mem_strdup(persona_engine_version());
    m->seed = f->o->seed;
    m->n_texts = f->n_distinct;
    m->n_rows = f->n_rows;
    m->n_contrasts = f->n_contrasts;
    m->without = mem_strdup(f->o->without ? f->o->without : "");
    m->leave = f->o->lean ? f->o->leave : PERSONA_LEAVE_NAME;
    m->n_named = f->counts.named;
    m->n_leaning = f->counts.leaning;
    TRY(m->method && m->pairing && m->library && m->without ? PERSONA_OK : mem_err(e, "a map"));
    TRY(copy_side(&m->from, &p->from, e));
    TRY(copy_side(&m->to, &p->to, e));
    TRY(label_texts(f, e));
out:
    return rc;
}

static persona_code check_contrasts(const fitting *f, persona_err *e)
{
    if (f->n_distinct < 8) {
        return persona_err_set(e, PERSONA_E_USAGE,
                               "map: %zu texts are left%s%s (at least 8 are needed): more traits, "
                               "questions or neutral texts",
                               f->n_distinct, f->o->without ? " without " : "",
                               f->o->without ? f->o->without : "");
    }
    if (f->n_contrasts < 4) {
        return persona_err_set(
            e, PERSONA_E_USAGE,
            "map: %zu contrasts (a positive and a negative text of one trait and "
            "question) in %zu texts, at least 4 are needed to judge a map: add "
            "texts of both poles of other traits",
            f->n_contrasts, f->n_distinct);
    }
    return PERSONA_OK;
}

static void fitting_free(fitting *f)
{
    mem_free(f->texts);
    mem_free(f->rows);
    mem_free(f->shuffled);
    mem_free(f->group);
    mem_free(f->trait);
    mem_free(f->pos);
    mem_free(f->neg);
    mem_free(f->x);
    mem_free(f->y);
    persona_map_free(f->out);
}

static persona_code fit_all(fitting *f, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    linalg_threads(f->n_rows > SMALL_FIT ? 8 : 1);
    f->x = mem_calloc(f->n_rows, (size_t)f->p->from.d * sizeof *f->x);
    f->y = mem_calloc(f->n_rows, (size_t)f->p->to.d * sizeof *f->y);
    if (!f->x || !f->y) {
        TRY(mem_err(e, "paired activations"));
    }
    TRY(choose_blocks(f, e));
    for (size_t i = 0; i < f->out->n_blocks; i++) {
        const persona_progress now = {.stage = "fit maps", .done = i, .total = f->out->n_blocks};
        if (f->hooks && f->hooks->progress) {
            f->hooks->progress(f->hooks->ud, &now);
        }
        if (f->hooks && persona_canceled(f->hooks->cancel)) {
            TRY(persona_err_set(e, PERSONA_E_CANCELED, "interrupted while maps were fitted"));
        }
        TRY(fit_one(f, &f->out->blocks[i], false, e));
        if (f->o->null) {
            TRY(fit_one(f, &f->out->blocks[i], true, e));
        }
    }
out:
    linalg_threads(1);
    return rc;
}

persona_code persona_map_fit(const persona_pairs *p, const persona_fit_opts *opts,
                             const persona_hooks *hooks, persona_map **out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const persona_fit_opts o = opts ? *opts : persona_fit_defaults();
    fitting f = {.p = p, .o = &o, .hooks = hooks, .x_block = -1};
    *out = NULL;
    f.method = map_method_find(o.method ? o.method : "ridge");
    TRY(f.method
            ? PERSONA_OK
            : persona_err_set(e, PERSONA_E_USAGE, "no way of mapping is called '%s'", o.method));
    TRY(choose_texts(&f, e));
    TRY(lay_out_rows(&f, e));
    TRY(pair_poles(&f, e));
    TRY(check_contrasts(&f, e));
    TRY(begin_map(&f, e));
    TRY(fit_all(&f, e));
    TRY(o.keep ? pairs_keep(p, &o, f.out, e) : PERSONA_OK);
    *out = f.out;
    f.out = NULL;
out:
    fitting_free(&f);
    return rc;
}

persona_code pairs_reshuffle(const persona_pairs *p, const persona_fit_opts *o,
                             const persona_map *m, uint32_t seed, persona_map **out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    fitting f = {.p = p, .o = o, .method = map_method_find(m->method), .x_block = -1};
    *out = NULL;
    TRY(choose_texts(&f, e));
    TRY(lay_out_rows(&f, e));
    TRY(shuffle_rows(&f, seed, e));
    TRY(pair_poles(&f, e));
    TRY(begin_map(&f, e));
    f.x = mem_calloc(f.n_rows, (size_t)p->from.d * sizeof *f.x);
    f.y = mem_calloc(f.n_rows, (size_t)p->to.d * sizeof *f.y);
    f.out->blocks = mem_calloc(m->n_blocks, sizeof *f.out->blocks);
    TRY(f.x && f.y && f.out->blocks ? PERSONA_OK : mem_err(e, "paired activations"));
    for (size_t i = 0; i < m->n_blocks; i++) {
        const persona_map_block *b = &m->blocks[i];
        f.out->blocks[f.out->n_blocks++] =
            (persona_map_block){.from = b->from, .to = b->to, .lambda = b->lambda, .rank = b->rank};
        TRY(fit_one(&f, &f.out->blocks[i], true, e));
    }
    *out = f.out;
    f.out = NULL;
out:
    fitting_free(&f);
    return rc;
}
