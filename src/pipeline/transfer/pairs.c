/* SPDX-License-Identifier: MIT
 *
 * pairs.c - paired activations (methods 5.3, 5.4): texts, and two models that read them.
 *
 * Where texts come from is pairs_write.c or pairs_files.c, how they are read pairs_read.c. The
 * trait that a text was written for is kept with it, so that a map for a trait can leave its texts
 * out; so is its hash, so that texts are known again under another name.
 */
#include "pipeline/transfer/pairs_parts.h"

#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/try.h"
#include "core/map/textset.h"
#include "pipeline/transfer/mapblocks.h"

#define MIN_TEXTS 8
#define MAX_TEXTS ((size_t)1 << 20)
#define CACHE_BYTES ((uint64_t)20 << 30)

persona_pairs_opts persona_pairs_defaults(void)
{
    return (persona_pairs_opts){
        .n_questions = 20, .n_neutral = 120, .max_tokens = 96, .temperature = 1.0F};
}

int pairs_trait(const persona_pairs *p, const char *name)
{
    for (size_t i = 0; i < p->n_names; i++) {
        if (strcmp(p->names[i], name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

size_t persona_pairs_count(const persona_pairs *p, const char *without_trait)
{
    const int skip = without_trait ? pairs_trait(p, without_trait) : -2;
    size_t n = 0;
    for (size_t i = 0; i < p->n; i++) {
        n += p->texts[i].usable && p->texts[i].trait != (skip < 0 ? -2 : skip);
    }
    return n;
}

void pairs_poles(const persona_pairs *p, int trait, size_t n[2])
{
    n[0] = n[1] = 0;
    for (size_t i = 0; i < p->n; i++) {
        const pair_text *t = &p->texts[i];
        if (t->usable && t->trait == trait && t->polarity != 0) {
            n[t->polarity < 0]++;
        }
    }
}

/* ---- growing --------------------------------------------------------------------------------- */

persona_code pairs_name(persona_pairs *p, const char *name, int *trait, persona_err *e)
{
    *trait = pairs_trait(p, name);
    if (*trait >= 0) {
        return PERSONA_OK;
    }
    char **grown = mem_realloc(p->names, p->n_names + 1, sizeof *grown);
    if (!grown) {
        return mem_err(e, "the traits of paired texts");
    }
    p->names = grown;
    p->names[p->n_names] = mem_strdup(name);
    if (!p->names[p->n_names]) {
        return mem_err(e, "the traits of paired texts");
    }
    *trait = (int)p->n_names++;
    return PERSONA_OK;
}

persona_code pairs_add(persona_pairs *p, const char *question, int trait, int polarity,
                       size_t group, pair_text **out, persona_err *e)
{
    if (p->n == MAX_TEXTS) {
        return persona_err_set(e, PERSONA_E_USAGE, "more than %zu texts to map by", MAX_TEXTS);
    }
    if ((p->n & (p->n - 1)) == 0) { /* full at powers of two */
        pair_text *grown = mem_realloc(p->texts, p->n > 0 ? 2 * p->n : 1, sizeof *grown);
        if (!grown) {
            return mem_err(e, "paired texts");
        }
        p->texts = grown;
    }
    pair_text *t = &p->texts[p->n];
    *t = (pair_text){
        .question = mem_strdup(question), .trait = trait, .polarity = polarity, .group = group};
    if (!t->question) {
        return mem_err(e, "paired texts");
    }
    p->n++;
    *out = t;
    return PERSONA_OK;
}

/* ---- sides ----------------------------------------------------------------------------------- */

static persona_code take_blocks(pair_side *s, const int *blocks, size_t n, persona_err *e)
{
    int found[MAPBLOCKS_MOST];
    if (!blocks) {
        n = mapblocks_candidates(s->n_layer, found);
        blocks = found;
    }
    for (size_t i = 0; i < n; i++) {
        if (blocks[i] < 1 || blocks[i] > s->n_layer - 2) {
            return persona_err_set(e, PERSONA_E_USAGE,
                                   "block %d of %s cannot be paired (1 to %d can: the last block's "
                                   "activations are out of reach)",
                                   blocks[i], s->name, s->n_layer - 2);
        }
    }
    s->blocks = mem_calloc(n, sizeof *s->blocks);
    s->n_blocks = n;
    if (!s->blocks) {
        return mem_err(e, "paired texts");
    }
    memcpy(s->blocks, blocks, n * sizeof *blocks);
    return n > 0 ? PERSONA_OK
                 : persona_err_set(e, PERSONA_E_USAGE, "%s has too few blocks to pair any (%d)",
                                   s->name, s->n_layer);
}

static persona_code open_limited(const char *path, pair_side *s, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    TRY(actcache_open(path, (size_t)s->d, &s->cache, e));
    TRY(actcache_limit(s->cache, CACHE_BYTES, e));
out:
    return rc;
}

/* The default place may be missing or read-only: then nothing is kept, and the note says why. A
 * folder that the user named must do. */
static persona_code open_cache(persona_pairs *p, pair_side *s, const char *folder, persona_err *e)
{
    char *place = folder ? mem_strdup(folder) : path_user_cache();
    char *path = place && *place ? mem_printf("%s/activations/%.16s.db", place, s->hash) : NULL;
    persona_err why = {.code = PERSONA_OK};
    persona_code rc = path ? open_limited(path, s, &why) : PERSONA_E_IO;
    if (rc != PERSONA_OK && path && folder) {
        rc = persona_err_set(e, rc, "%s", why.msg);
    } else if (rc != PERSONA_OK) {
        actcache_close(s->cache);
        s->cache = NULL;
        if (path) {
            snprintf(p->note, sizeof p->note, "nothing is kept for another run: %.200s", why.msg);
        }
        rc = actcache_open(NULL, (size_t)s->d, &s->cache, e);
    }
    mem_free(path);
    mem_free(place);
    return rc;
}

static persona_code open_side(persona_pairs *p, pair_side *s, persona_session *session,
                              const char *cache, const int *blocks, size_t n_blocks, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    persona_model *m = persona_session_model(session);
    const persona_model_info *info = persona_model_info_get(m);
    const char *sha = NULL;
    TRY(persona_model_sha256(m, &sha, e));
    s->name = mem_strdup(info->name);
    s->arch = mem_strdup(info->arch);
    s->hash = mem_strdup(sha);
    s->template_hash = mem_strdup(info->chat_hash);
    s->date = info->date;
    s->n_layer = info->n_layer;
    s->d = info->n_embd;
    s->h_median = mem_calloc((size_t)s->n_layer, sizeof *s->h_median);
    if (!s->name || !s->arch || !s->hash || !s->template_hash || !s->h_median) {
        return mem_err(e, "paired texts");
    }
    for (int b = 0; b < s->n_layer; b++) {
        s->h_median[b] = NAN;
    }
    TRY(take_blocks(s, blocks, n_blocks, e));
    TRY(open_cache(p, s, cache, e));
out:
    return rc;
}

static void side_free(pair_side *s)
{
    actcache_close(s->cache);
    mem_free(s->keys);
    mem_free(s->blocks);
    mem_free(s->h_median);
    mem_free(s->name);
    mem_free(s->arch);
    mem_free(s->hash);
    mem_free(s->template_hash);
}

void persona_pairs_free(persona_pairs *p)
{
    if (!p) {
        return;
    }
    for (size_t i = 0; i < p->n; i++) {
        mem_free(p->texts[i].question);
        mem_free(p->texts[i].text);
    }
    for (size_t i = 0; i < p->n_names; i++) {
        mem_free(p->names[i]);
    }
    mem_free(p->texts);
    mem_free(p->names);
    side_free(&p->from);
    side_free(&p->to);
    mem_free(p);
}

/* ---- what is of use -------------------------------------------------------------------------- */

/* Hashes the texts; empty ones and all but the first of equal ones are out. */
static persona_code mark_usable(persona_pairs *p, persona_err *e)
{
    uint64_t *seen = mem_calloc(2 * p->n + 1, sizeof *seen); /* open addressing */
    size_t size = 2 * p->n + 1;
    if (!seen) {
        return mem_err(e, "paired texts");
    }
    for (size_t i = 0; i < p->n; i++) {
        pair_text *t = &p->texts[i];
        if (!t->text || t->text[strspn(t->text, " \t\r\n")] == '\0') {
            continue;
        }
        t->hash = t->hash ? t->hash : textset_hash(t->text);
        size_t at = (size_t)(t->hash % size);
        while (seen[at] != 0 && seen[at] != t->hash) {
            at = (at + 1) % size;
        }
        t->usable = seen[at] == 0;
        p->n_duplicates += !t->usable;
        seen[at] = t->hash;
    }
    mem_free(seen);
    return PERSONA_OK;
}

static persona_code check_texts(const persona_pairs *p, persona_err *e)
{
    size_t n = 0, poles[2] = {0, 0};
    for (size_t i = 0; i < p->n; i++) {
        n += p->texts[i].usable;
        if (p->texts[i].usable && p->texts[i].polarity != 0) {
            poles[p->texts[i].polarity < 0]++;
        }
    }
    if (n < MIN_TEXTS) {
        return persona_err_set(
            e, PERSONA_E_USAGE,
            "%zu distinct texts to map by, of %zu (%zu are equal to another one, "
            "the rest is empty): at least %d are needed",
            n, p->n, p->n_duplicates, MIN_TEXTS);
    }
    if ((poles[0] == 0) != (poles[1] == 0)) {
        return persona_err_set(
            e, PERSONA_E_USAGE,
            "%zu texts show a trait (\"polarity\": \"positive\") and %zu its "
            "opposite (\"negative\"): a map is judged by contrasts, so add texts "
            "of the other pole, on the same questions",
            poles[0], poles[1]);
    }
    return PERSONA_OK;
}

persona_code persona_pairs_new(persona_session *from, persona_session *to,
                               persona_trait *const *traits, size_t n_traits,
                               const persona_pairs_opts *opts, const persona_hooks *hooks,
                               persona_pairs **out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const persona_pairs_opts o = opts ? *opts : persona_pairs_defaults();
    persona_pairs *p = mem_calloc(1, sizeof *p);
    *out = NULL;
    TRY(p ? PERSONA_OK : mem_err(e, "paired texts"));
    p->chunks = o.chunks;
    p->max_tokens = o.max_tokens;
    TRY(open_side(p, &p->from, from, o.cache, o.blocks_from, o.n_blocks_from, e));
    TRY(open_side(p, &p->to, to, o.cache, o.blocks_to, o.n_blocks_to, e));
    TRY(o.n_files > 0 ? pairs_load(p, &o, e)
                      : pairs_write(p, from, traits, n_traits, &o, hooks, e));
    TRY(mark_usable(p, e));
    TRY(check_texts(p, e));
    TRY(pairs_read(p, from, false, hooks, e));
    TRY(pairs_read(p, to, true, hooks, e));
    TRY(check_texts(p, e)); /* some may have had no tokens */
    *out = p;
    p = NULL;
out:
    persona_pairs_free(p);
    return rc;
}
