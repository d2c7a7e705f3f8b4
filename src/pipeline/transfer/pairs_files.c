/* SPDX-License-Identifier: MIT
 *
 * pairs_files.c - texts out of files, to map by: answers of the source model, or anything that
 * both models may read. Only question and answer are taken, since each model has its own template
 * and neither is to see an instruction. A text that shows a trait must say which, so that it can
 * be left out.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/try.h"
#include "core/map/textset.h"
#include "core/text/chunks.h"
#include "pipeline/transfer/pairs_parts.h"
#include "store/text/textfile.h"

enum { BYTES_PER_TOKEN = 4 };

static const char *question_of(const text_item *item)
{
    if (item->question) {
        return item->question;
    }
    for (size_t i = item->n_messages; i-- > 0;) {
        if (strcmp(item->messages[i].role, "user") == 0) {
            return item->messages[i].content;
        }
    }
    return NULL;
}

/* A long text ends at the last chunk that ends within max bytes, or with its first one. True: it
 * was one. */
static bool cut(char *text, size_t max)
{
    size_t ends[CHUNKS_MOST], keep = 0;
    const size_t n = strlen(text) > max ? chunk_ends(text, ends) : 0;
    for (size_t i = 0; i < n && ends[i] <= max; i++) {
        keep = ends[i];
    }
    keep = n > 0 && keep == 0 ? ends[0] : keep;
    if (n == 0 || text[keep] == '\0') {
        return false;
    }
    text[keep] = '\0';
    return true;
}

/* The number of a group's hash among those met. */
typedef struct groups {
    uint64_t *hash;
    size_t n;
} groups;

static persona_code group_of(groups *g, uint64_t hash, size_t *out, persona_err *e)
{
    for (*out = 0; *out < g->n; (*out)++) {
        if (g->hash[*out] == hash) {
            return PERSONA_OK;
        }
    }
    uint64_t *grown = mem_realloc(g->hash, g->n + 1, sizeof *grown);
    if (!grown) {
        return mem_err(e, "the questions of texts");
    }
    g->hash = grown;
    g->hash[g->n++] = hash;
    return PERSONA_OK;
}

static persona_code take(persona_pairs *p, groups *g, const char *path, const text_item *item,
                         const persona_pairs_opts *o, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const char *question = question_of(item);
    int trait = -1;
    size_t group = 0;
    pair_text *t = NULL;
    if (!question || !item->response) {
        return persona_err_set(
            e, PERSONA_E_FORMAT,
            "%s:%zu: no %s (texts to map by need both, since each model reads them "
            "in its own template)",
            path, item->line, question ? "response" : "question or user message");
    }
    if (item->polarity != 0 && !item->trait) {
        return persona_err_set(
            e, PERSONA_E_FORMAT,
            "%s:%zu: polarity without \"trait\": a map has to know what to leave "
            "out",
            path, item->line);
    }
    TRY(item->polarity != 0 ? pairs_name(p, item->trait, &trait, e) : PERSONA_OK);
    TRY(group_of(g, text_item_group(item), &group, e));
    TRY(pairs_add(p, question, trait, item->polarity, group, &t, e));
    t->text = mem_strdup(item->response);
    if (!t->text) {
        return mem_err(e, "paired texts");
    }
    t->hash = textset_hash(t->text); /* of the whole: what is cut is still known again */
    p->n_cut +=
        cut(t->text, (size_t)(o->max_tokens > 0 ? o->max_tokens : 1 << 20) * BYTES_PER_TOKEN);
out:
    return rc;
}

static persona_code load_file(persona_pairs *p, groups *g, const char *path,
                              const persona_pairs_opts *o, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    text_reader *r = NULL;
    text_item *item = NULL;
    TRY(text_reader_open(path, NULL, &r, e));
    TRY(text_reader_next(r, &item, e));
    while (item) {
        TRY(take(p, g, path, item, o, e));
        text_item_free(item);
        item = NULL;
        TRY(text_reader_next(r, &item, e));
    }
out:
    text_item_free(item);
    text_reader_close(r);
    return rc;
}

persona_code pairs_load(persona_pairs *p, const persona_pairs_opts *o, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    groups g = {NULL, 0};
    for (size_t i = 0; i < o->n_files; i++) {
        TRY(load_file(p, &g, o->files[i], o, e));
    }
    p->n_groups = g.n;
out:
    mem_free(g.hash);
    return rc;
}
