/* SPDX-License-Identifier: MIT
 *
 * mapping.c - how maps between models are made: what the options of `transfer` and `map` mean, and
 * the paired texts behind them.
 */
#include <string.h>

#include "base/try.h"
#include "cli/cli.h"
#include "pipeline/transfer/pairs_parts.h"

persona_fit_opts cli_fit_opts(const cli_state *c)
{
    const cli_mapping *m = &c->mapping;
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
    o.chunks = m->pairing == 1;
    o.seed = c->seed;
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

persona_code cli_pairs(const cli_state *c, const rig *from, const rig *to, const trait_set *packs,
                       int n_questions, int text_tokens, persona_pairs **out, persona_err *e)
{
    const cli_mapping *m = &c->mapping;
    persona_pairs_opts o = persona_pairs_defaults();
    const persona_code rc = check_models(from, to, e);
    if (rc != PERSONA_OK) {
        return rc;
    }
    o.questions = from->questions;
    o.seed = c->seed;
    o.chunks = m->pairing == 1;
    o.files = m->texts.n > 0 ? m->texts.p : NULL;
    o.n_files = m->texts.n;
    o.cache = m->no_cache ? "" : m->cache;
    if (n_questions > 0) {
        o.n_questions = n_questions;
    }
    if (m->n_questions > 0) {
        o.n_questions = m->n_questions;
    }
    if (m->n_neutral > 0) {
        o.n_neutral = m->n_neutral;
    }
    if (text_tokens > 0) {
        o.max_tokens = text_tokens;
    }
    if (m->from >= 0) {
        o.blocks_from = &m->from;
        o.blocks_to = &m->to;
        o.n_blocks_from = o.n_blocks_to = 1;
    }
    if (packs->n == 0) {
        return persona_err_set(e, PERSONA_E_NOTFOUND, "no trait packs to learn a map from");
    }
    return persona_pairs_new(from->session, to->session, packs->p, packs->n, &o, &c->hooks, out, e);
}

void cli_say_pairs(const cli_state *c, const persona_pairs *p, const char *option)
{
    if (p->n_cut > 0) {
        cli_say(c, "%zu of %zu texts were cut at about %d tokens (%s changes that)", p->n_cut, p->n,
                p->max_tokens, option);
    }
    if (p->n_reused > 0 || p->n_stale > 0) {
        cli_say(c, "%zu readings were kept from before, %zu are new%s", p->n_reused, p->n_read,
                p->n_stale > 0 ? "; some that were damaged or out of date were read again" : "");
    }
}
