/* SPDX-License-Identifier: MIT
 *
 * mapping.c - how maps between models are made, and the paired texts behind them (mapping.h).
 */
#include "workbench/mapping.h"

#include <string.h>

#include "base/try.h"
#include "pipeline/transfer/pairs_parts.h"

mapping_opts mapping_defaults(void)
{
    return (mapping_opts){.from = -1, .to = -1};
}

persona_fit_opts mapping_fit_opts(const mapping_opts *m)
{
    persona_fit_opts o = persona_fit_defaults();
    if (m->method) {
        o.method = m->method;
    }
    o.lambda = m->lambda;
    o.rank = m->rank;
    o.n_anchors = m->n_anchors;
    o.from = m->from;
    o.to = m->to;
    o.n_candidates = m->n_candidates;
    o.chunks = m->chunks;
    o.seed = m->seed;
    return o;
}

/* A model's own vectors need no map, and one to itself would be taken for a transfer. */
static persona_code check_models(const rig *from, const rig *to, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const char *a = NULL, *b = NULL;
    TRY(persona_model_sha256(from->model, &a, e));
    TRY(persona_model_sha256(to->model, &b, e));
    if (strcmp(a, b) == 0) {
        rc = persona_err_set(
            e, PERSONA_E_USAGE,
            "%.200s and %.200s are one model (sha256 %.12s): nothing would be carried over; its "
            "vectors steer it as they are ('generate --steer'), so name another target",
            from->info->path, to->info->path, a);
    }
out:
    return rc;
}

persona_code mapping_pairs(const mapping_opts *m, const mapping_texts *t,
                           const persona_hooks *hooks, persona_pairs **out, persona_err *e)
{
    persona_pairs_opts o = persona_pairs_defaults();
    const persona_code rc = check_models(t->from, t->to, e);
    if (rc != PERSONA_OK) {
        return rc;
    }
    o.questions = t->from->questions;
    o.seed = m->seed;
    o.chunks = m->chunks;
    o.files = m->n_texts > 0 ? m->texts : NULL;
    o.n_files = m->n_texts;
    o.cache = m->no_cache ? "" : m->cache;
    if (t->n_questions > 0) {
        o.n_questions = t->n_questions;
    }
    if (m->n_questions > 0) {
        o.n_questions = m->n_questions;
    }
    if (m->n_neutral > 0) {
        o.n_neutral = m->n_neutral;
    }
    if (t->text_tokens > 0) {
        o.max_tokens = t->text_tokens;
    }
    if (m->from >= 0) {
        o.blocks_from = &m->from;
        o.blocks_to = &m->to;
        o.n_blocks_from = o.n_blocks_to = 1;
    }
    if (t->packs->n == 0) {
        return persona_err_set(e, PERSONA_E_NOTFOUND, "no trait packs to learn a map from");
    }
    return persona_pairs_new(t->from->session, t->to->session, t->packs->p, t->packs->n, &o, hooks,
                             out, e);
}

void mapping_say_pairs(const talk_sink *t, const persona_pairs *p, const char *option)
{
    if (p->n_cut > 0) {
        talk_say(t, "%zu of %zu texts were cut at about %d tokens (%s changes that)", p->n_cut,
                 p->n, p->max_tokens, option);
    }
    if (p->n_reused > 0 || p->n_stale > 0) {
        talk_say(t, "%zu readings were kept from before, %zu are new%s", p->n_reused, p->n_read,
                 p->n_stale > 0 ? "; some that were damaged or out of date were read again" : "");
    }
}
