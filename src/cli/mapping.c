/* SPDX-License-Identifier: MIT
 *
 * mapping.c - how maps between models are made: the options that `transfer` and `map` share, and
 * the paired texts behind them.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "pipeline/transfer/pairs_parts.h"

enum {
    KEY_METHOD = 0x3000,
    KEY_PAIRING,
    KEY_LAMBDA,
    KEY_RANK,
    KEY_ANCHORS,
    KEY_TEXTS,
    KEY_NEUTRAL,
    KEY_MAP_QUESTIONS,
    KEY_BLOCKS,
    KEY_CANDIDATES,
    KEY_CACHE,
    KEY_NO_CACHE
};

static const struct argp_option options[] = {
    {"method", KEY_METHOD, "NAME", 0, "ridge (default), lowrank, procrustes, paired or anchors", 0},
    {"pairing", KEY_PAIRING, "WHAT", 0,
     "Rows of the map: a text's whole response (default), or every chunk of it", 0},
    {"lambda", KEY_LAMBDA, "X", 0,
     "Regularization, relative to the mean eigenvalue (default: by leaving questions out)", 0},
    {"rank", KEY_RANK, "K", 0, "Dimensions of lowrank and procrustes (default: searched)", 0},
    {"anchors", KEY_ANCHORS, "N", 0, "Texts that serve as anchors (default 100)", 0},
    {"texts", KEY_TEXTS, "FILE", 0,
     "Texts to map by, instead of having the source write them; may be repeated", 0},
    {"neutral", KEY_NEUTRAL, "N", 0, "Texts without an instruction to write (default 120)", 0},
    {"map-questions", KEY_MAP_QUESTIONS, "N", 0,
     "Questions per trait to write texts on (default 20)", 0},
    {"blocks", KEY_BLOCKS, "FROM:TO", 0, "Only this pair of blocks (default: found)", 0},
    {"candidates", KEY_CANDIDATES, "N", 0,
     "Pairs of blocks that are tried by steering (default 4; all of a shallow target)", 0},
    {"cache", KEY_CACHE, "FOLDER", 0,
     "Keeps what the models wrote and read (default $XDG_CACHE_HOME/persona)", 0},
    {"no-cache", KEY_NO_CACHE, NULL, 0, "Keep nothing", 0},
    {0},
};

static cli_mapping *mapping_of(const struct argp_state *state)
{
    return &(*(cli_state **)state->input)->mapping;
}

static error_t set_method(struct argp_state *state, char *arg)
{
    for (size_t i = 0; persona_map_method(i, NULL); i++) {
        if (strcmp(arg, persona_map_method(i, NULL)) == 0) {
            mapping_of(state)->method = arg;
            return 0;
        }
    }
    return cli_usage(state, "--method is ridge, lowrank, procrustes, paired or anchors, not '%s'",
                     arg);
}

static error_t set_pairing(struct argp_state *state, const char *arg)
{
    mapping_of(state)->chunks = strcmp(arg, "chunk") == 0;
    return mapping_of(state)->chunks || strcmp(arg, "response") == 0
               ? 0
               : cli_usage(state, "--pairing is response or chunk, not '%s'", arg);
}

static error_t set_blocks(struct argp_state *state, const char *arg)
{
    cli_mapping *m = mapping_of(state);
    char *rest = NULL;
    const long from = strtol(arg, &rest, 10);
    const long to = *rest == ':' && rest != arg ? strtol(rest + 1, &rest, 10) : -1;
    if (*rest || from < 1 || to < 1 || from > 4096 || to > 4096) {
        return cli_usage(state, "--blocks wants FROM:TO, such as 19:16, not '%s'", arg);
    }
    m->from = (int)from;
    m->to = (int)to;
    return 0;
}

static error_t add_texts(struct argp_state *state, const char *arg)
{
    cli_mapping *m = mapping_of(state);
    if (m->n_texts == CLI_TEXT_FILES) {
        return cli_usage(state, "more than %d --texts", CLI_TEXT_FILES);
    }
    m->texts[m->n_texts++] = arg;
    return 0;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    switch (key) {
    case ARGP_KEY_INIT:
        mapping_of(state)->from = mapping_of(state)->to = -1;
        return 0;
    case KEY_METHOD:
        return set_method(state, arg);
    case KEY_PAIRING:
        return set_pairing(state, arg);
    case KEY_LAMBDA:
        return cli_real(state, "--lambda", arg, 1e-9, 1e9, &mapping_of(state)->lambda);
    case KEY_RANK:
        return cli_int(state, "--rank", arg, 1, 4096, &mapping_of(state)->rank);
    case KEY_ANCHORS:
        return cli_int(state, "--anchors", arg, 8, 4096, &mapping_of(state)->n_anchors);
    case KEY_TEXTS:
        return add_texts(state, arg);
    case KEY_NEUTRAL:
        return cli_int(state, "--neutral", arg, 1, 100000, &mapping_of(state)->n_neutral);
    case KEY_MAP_QUESTIONS:
        return cli_int(state, "--map-questions", arg, 2, 10000, &mapping_of(state)->n_questions);
    case KEY_BLOCKS:
        return set_blocks(state, arg);
    case KEY_CANDIDATES:
        return cli_int(state, "--candidates", arg, 1, 64, &mapping_of(state)->n_candidates);
    case KEY_CACHE:
        mapping_of(state)->cache = arg;
        return 0;
    case KEY_NO_CACHE:
        mapping_of(state)->no_cache = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp cli_mapping_argp = {options, parse, NULL, NULL, NULL, NULL, NULL};

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
    o.chunks = m->chunks;
    o.seed = c->seed;
    return o;
}

persona_code cli_pairs(const cli_state *c, const rig *from, const rig *to, const trait_set *packs,
                       int n_questions, int text_tokens, persona_pairs **out, persona_err *e)
{
    const cli_mapping *m = &c->mapping;
    persona_pairs_opts o = persona_pairs_defaults();
    o.questions = from->questions;
    o.seed = c->seed;
    o.chunks = m->chunks;
    o.files = m->n_texts > 0 ? m->texts : NULL;
    o.n_files = m->n_texts;
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
