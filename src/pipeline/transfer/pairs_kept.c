/* SPDX-License-Identifier: MIT
 *
 * pairs_kept.c - readings into a map, and paired texts out of one: what controls need of texts when
 * neither the source model nor the texts are at hand (core/map/readings.h).
 *
 * The texts and rows are those of the fit, in their order, so everything that is computed from them
 * comes out the same, bit for bit. Texts that were of no use (empty, equal to another) are left
 * behind.
 */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/try.h"
#include "core/map/readings.h"
#include "pipeline/transfer/pairs_parts.h"

/* ---- into a map ------------------------------------------------------------------------------ */

static persona_code keep_texts(const persona_pairs *p, const persona_lean *lean,
                               persona_map_readings *r, persona_err *e)
{
    r->texts = mem_calloc(p->n, sizeof *r->texts);
    r->names = mem_calloc(p->n_names, sizeof *r->names);
    if (!r->texts || !r->names) {
        return mem_err(e, "the readings of a map");
    }
    for (size_t i = 0; i < p->n; i++) {
        const pair_text *t = &p->texts[i];
        if (!t->usable) {
            continue;
        }
        readings_text *to = &r->texts[r->n++];
        *to = (readings_text){.question = mem_strdup(t->question),
                              .text = mem_strdup(t->text),
                              .hash = t->hash,
                              .trait = t->trait,
                              .polarity = t->polarity,
                              .group = t->group,
                              .n_chunks = t->n_chunks,
                              .score = lean ? (float)lean->score[i] : NAN};
        if (!to->question || !to->text) {
            return mem_err(e, "the readings of a map");
        }
    }
    for (; r->n_names < p->n_names; r->n_names++) {
        r->names[r->n_names] = mem_strdup(p->names[r->n_names]);
        if (!r->names[r->n_names]) {
            return mem_err(e, "the readings of a map");
        }
    }
    readings_lay_out(r);
    return PERSONA_OK;
}

static persona_code keep_rows(const persona_pairs *p, bool target, const persona_map *m,
                              persona_map_readings *r, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    readings_side *s = &r->side[target];
    const size_t d = (size_t)(target ? p->to.d : p->from.d);
    size_t n = 0;
    pair_row *rows = mem_calloc(r->n_rows, sizeof *rows);
    TRY(rows ? readings_side_new(m, target, s, e) : mem_err(e, "the readings of a map"));
    for (size_t i = 0; i < p->n; i++) {
        const size_t n_rows = p->texts[i].usable ? 1 + p->texts[i].n_chunks : 0;
        for (size_t k = 0; k < n_rows; k++) {
            rows[n++] = (pair_row){i, (int)k - 1};
        }
    }
    for (size_t k = 0; k < s->n_blocks; k++) {
        s->rows[k] = mem_calloc(n, d * sizeof **s->rows);
        TRY(s->rows[k] ? pairs_rows(p, target, s->blocks[k], rows, n, s->rows[k], e)
                       : mem_err(e, "the readings of a map"));
    }
out:
    mem_free(rows);
    return rc;
}

persona_code pairs_keep(const persona_pairs *p, const persona_fit_opts *o, persona_map *m,
                        persona_err *e)
{
    persona_code rc = PERSONA_OK;
    persona_map_readings *r = mem_calloc(1, sizeof *r);
    TRY(r ? PERSONA_OK : mem_err(e, "the readings of a map"));
    r->n_groups = p->n_groups;
    r->n_cut = p->n_cut;
    r->lambda = o->lambda;
    r->rank = o->rank > 0 ? (size_t)o->rank : 0;
    r->n_anchors = o->n_anchors > 0 ? (size_t)o->n_anchors : 0;
    if (o->lean) {
        r->neutral = o->lean->neutral;
        r->judge = mem_strdup(o->lean->judge);
        TRY(r->judge ? PERSONA_OK : mem_err(e, "the readings of a map"));
    }
    TRY(keep_texts(p, o->lean, r, e));
    TRY(keep_rows(p, false, m, r, e));
    TRY(keep_rows(p, true, m, r, e));
    m->readings = r;
    r = NULL;
out:
    readings_free(r);
    return rc;
}

/* ---- out of a map ---------------------------------------------------------------------------- */

static persona_code take_texts(const persona_map_readings *r, persona_pairs *p, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    for (size_t i = 0; i < r->n_names; i++) {
        int same = -1;
        TRY(pairs_name(p, r->names[i], &same, e));
    }
    for (size_t i = 0; i < r->n; i++) {
        const readings_text *t = &r->texts[i];
        pair_text *to = NULL;
        TRY(pairs_add(p, t->question, t->trait, t->polarity, t->group, &to, e));
        to->text = mem_strdup(t->text);
        to->hash = t->hash;
        to->n_chunks = t->n_chunks;
        to->usable = true;
        TRY(to->text ? PERSONA_OK : mem_err(e, "paired texts"));
    }
out:
    return rc;
}

static persona_code take_side(const persona_map *m, bool target, pair_side *to, persona_err *e)
{
    const persona_map_side *s = target ? &m->to : &m->from;
    const readings_side *r = &m->readings->side[target];
    *to = (pair_side){.name = mem_strdup(s->name),
                      .arch = mem_strdup(s->arch),
                      .hash = mem_strdup(s->hash),
                      .template_hash = mem_strdup(s->template_hash),
                      .n_layer = s->n_layer,
                      .d = s->n_embd,
                      .blocks = mem_calloc(r->n_blocks, sizeof *to->blocks),
                      .n_blocks = r->n_blocks,
                      .h_median = mem_calloc((size_t)s->n_layer, sizeof *to->h_median),
                      .kept = m->readings,
                      .held = r};
    if (!to->name || !to->arch || !to->hash || !to->template_hash || !to->blocks || !to->h_median) {
        return mem_err(e, "paired texts");
    }
    memcpy(to->blocks, r->blocks, r->n_blocks * sizeof *to->blocks);
    memcpy(to->h_median, s->h_median, (size_t)s->n_layer * sizeof *to->h_median);
    return PERSONA_OK;
}

persona_code pairs_of_map(const persona_map *m, persona_pairs **out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    persona_pairs *p = mem_calloc(1, sizeof *p);
    *out = NULL;
    TRY(p ? PERSONA_OK : mem_err(e, "paired texts"));
    p->chunks = strcmp(m->pairing, "chunk") == 0;
    p->n_groups = m->readings->n_groups;
    p->n_cut = m->readings->n_cut;
    TRY(take_side(m, false, &p->from, e));
    TRY(take_side(m, true, &p->to, e));
    TRY(take_texts(m->readings, p, e));
    *out = p;
    p = NULL;
out:
    persona_pairs_free(p);
    return rc;
}

persona_code pairs_fit_of(const persona_map *m, persona_fit_opts *o, persona_lean **lean,
                          persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const persona_map_readings *r = m->readings;
    persona_lean *x = NULL;
    *lean = NULL;
    *o = persona_fit_defaults();
    o->method = m->method;
    o->chunks = strcmp(m->pairing, "chunk") == 0;
    o->lambda = r->lambda;
    o->rank = (int)r->rank;
    o->n_anchors = (int)r->n_anchors;
    o->without = m->without;
    o->only = m->texts;
    o->leave = m->leave;
    o->seed = m->seed;
    if (!r->judge) {
        return PERSONA_OK;
    }
    x = mem_calloc(1, sizeof *x);
    TRY(x ? PERSONA_OK : mem_err(e, "scores of texts"));
    x->n = r->n;
    x->neutral = r->neutral;
    x->judge = mem_strdup(r->judge);
    x->score = mem_calloc(r->n, sizeof *x->score);
    TRY(x->judge && x->score ? PERSONA_OK : mem_err(e, "scores of texts"));
    for (size_t i = 0; i < r->n; i++) {
        x->score[i] = (double)r->texts[i].score;
    }
    *lean = x;
    x = NULL;
out:
    persona_lean_free(x);
    return rc;
}

persona_code pairs_rows_held(const pair_side *s, int block, const pair_row *rows, size_t n,
                             float *out, persona_err *e)
{
    const size_t d = (size_t)s->d;
    const float *all = readings_rows(s->held, block);
    if (!all) {
        return persona_err_set(e, PERSONA_E_NOTFOUND, "the map keeps no readings of block %d of %s",
                               block, s->name);
    }
    for (size_t i = 0; i < n; i++) {
        const size_t at = s->kept->texts[rows[i].text].first + (size_t)(rows[i].chunk + 1);
        memcpy(out + i * d, all + at * d, d * sizeof *out);
    }
    return PERSONA_OK;
}
