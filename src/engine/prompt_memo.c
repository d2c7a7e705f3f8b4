/* SPDX-License-Identifier: MIT
 *
 * prompt_memo.c - conversations that were made into tokens a moment ago.
 *
 * Evaluations, sweeps and calibrations ask the same questions under dozens of plans, and
 * libllama's tokenizers match expressions letter by letter: that took a quarter of a demo. The key
 * is the whole conversation with its options, compared byte by byte, so a hit is exact. A fixed
 * number of places, one conversation each; a later one takes the place of an earlier one. Any
 * thread may ask.
 */
#include "engine/prompt_memo.h"

#include <pthread.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"

enum { PLACES = 512, MAX_KEY = 8192, MAX_TOKENS = 8192 };

typedef struct place {
    char *key;
    size_t n_key;
    persona_token *ids;
    size_t n;
} place;

struct prompt_memo {
    pthread_mutex_t lock;
    place places[PLACES];
};

prompt_memo *prompt_memo_new(void)
{
    prompt_memo *m = mem_calloc(1, sizeof *m);
    if (m != NULL && pthread_mutex_init(&m->lock, NULL) != 0) {
        mem_free(m);
        m = NULL;
    }
    return m;
}

static void empty(place *p)
{
    mem_free(p->key);
    mem_free(p->ids);
    *p = (place){.key = NULL};
}

void prompt_memo_free(prompt_memo *m)
{
    if (m == NULL) {
        return;
    }
    for (size_t i = 0; i < PLACES; i++) {
        empty(&m->places[i]);
    }
    pthread_mutex_destroy(&m->lock);
    mem_free(m);
}

static place *place_of(prompt_memo *m, const buf *key)
{
    return &m->places[hash_bytes(HASH_SEED, key->p, key->len) % PLACES];
}

static void *copy(const void *p, size_t n, size_t size)
{
    void *c = mem_calloc(n, size);
    if (c != NULL) {
        memcpy(c, p, n * size);
    }
    return c;
}

bool prompt_memo_find(prompt_memo *m, const buf *key, persona_tokens *out)
{
    bool found = false;
    if (m == NULL || key->len == 0 || key->len > MAX_KEY) {
        return false;
    }
    pthread_mutex_lock(&m->lock);
    const place *p = place_of(m, key);
    if (p->n_key == key->len && memcmp(p->key, key->p, key->len) == 0) {
        out->ids = copy(p->ids, p->n, sizeof *p->ids);
        out->n = p->n;
        found = out->ids != NULL;
    }
    pthread_mutex_unlock(&m->lock);
    return found;
}

void prompt_memo_keep(prompt_memo *m, const buf *key, const persona_tokens *tokens)
{
    if (m == NULL || key->len == 0 || key->len > MAX_KEY || tokens->n == 0 ||
        tokens->n > MAX_TOKENS) {
        return;
    }
    place mine = {.key = copy(key->p, key->len, 1),
                  .n_key = key->len,
                  .ids = copy(tokens->ids, tokens->n, sizeof *tokens->ids),
                  .n = tokens->n};
    if (mine.key == NULL || mine.ids == NULL) { /* then it is not kept */
        empty(&mine);
        return;
    }
    pthread_mutex_lock(&m->lock);
    place *p = place_of(m, key);
    empty(p);
    *p = mine;
    pthread_mutex_unlock(&m->lock);
}
