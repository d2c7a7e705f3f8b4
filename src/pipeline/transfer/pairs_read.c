/* SPDX-License-Identifier: MIT
 *
 * pairs_read.c - a model reads the texts: what is in the cache is left there, the rest is read and
 * put there.
 *
 * The response is tokenized as the end of prompt and response, and follows the question in the
 * model's own template (harmony: in the final channel), so position 0 and template tokens are in no
 * mean. Chunks are cut in characters, before any tokenizer; a token belongs to the chunk that its
 * last byte lies in. Nothing but metadata stays in memory.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/try.h"
#include "core/measure/stats.h"
#include "core/text/chunks.h"
#include "pipeline/ask.h"
#include "pipeline/transfer/pairs_parts.h"

typedef struct reading reading;

/* One text while it is read. */
typedef struct in_hand {
    reading *of;
    size_t i;
    size_t ends[CHUNKS_MOST];
    persona_tap tap;
} in_hand;

struct reading {
    persona_pairs *p;
    pair_side *side;
    persona_session *s;
    in_hand **texts; /* (p->n); NULL: not being read */
    bool *skip;      /* (p->n) */
    size_t n_tokens; /* of all texts */
};

static size_t n_rows(const reading *r, size_t i)
{
    return 1 + r->p->texts[i].n_chunks;
}

static persona_code make_key(const reading *r, size_t i, persona_err *e)
{
    const persona_session_opts *so = persona_session_opts_get(r->s);
    const pair_text *t = &r->p->texts[i];
    char *key = r->side->keys[i];
    buf text;
    buf_init(&text, (size_t)32 << 20);
    buf_printf(&text, "reading 1\n%s\n%s\n%s\n%d %d\n%d\n%zu\n%s\n%s", r->side->hash,
               r->side->template_hash, persona_engine_version(), so->n_batch, so->kv_f32,
               r->p->chunks ? CHUNKS_VERSION : 0, strlen(t->question), t->question, t->text);
    if (r->side->date != 0) {
        buf_printf(&text, "\n%lld", (long long)r->side->date);
    }
    const bool ok = !text.failed;
    if (ok) {
        sha256_hex(buf_str(&text), text.len, key);
    }
    buf_free(&text);
    return ok && *key ? PERSONA_OK : mem_err(e, "a text's key");
}

static act_reading reading_of(const reading *r, size_t i)
{
    return (act_reading){.key = r->side->keys[i],
                         .blocks = r->side->blocks,
                         .n_blocks = r->side->n_blocks,
                         .n_rows = n_rows(r, i)};
}

/* What the cache has already. */
static persona_code find_known(reading *r, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    persona_pairs *p = r->p;
    for (size_t i = 0; i < p->n; i++) {
        pair_text *t = &p->texts[i];
        size_t ends[CHUNKS_MOST];
        r->skip[i] = true;
        if (!t->usable) {
            continue;
        }
        t->n_chunks = p->chunks ? chunk_ends(t->text, ends) : 0;
        TRY(make_key(r, i, e));
        act_reading one = reading_of(r, i);
        TRY(actcache_has(r->side->cache, &one, &r->skip[i], &p->n_stale, e));
        p->n_reused += r->skip[i];
        r->n_tokens += r->skip[i] ? one.n_tokens : 0;
    }
out:
    return rc;
}

/* ---- reading --------------------------------------------------------------------------------- */

/* Where the chunks end, in tokens. */
static persona_code align(void *ud, const persona_tokens *tokens, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    in_hand *h = ud;
    const persona_model *m = persona_session_model(h->of->s);
    const pair_text *t = &h->of->p->texts[h->i];
    size_t ends[CHUNKS_MOST];
    char *piece = NULL;
    size_t *length = mem_calloc(tokens->n, sizeof *length);
    TRY(length ? PERSONA_OK : mem_err(e, "the chunks of a text"));
    for (size_t k = 0; k < tokens->n; k++) {
        TRY(persona_detokenize(m, tokens->ids + k, 1, false, &piece, e));
        length[k] = strlen(piece);
        mem_free(piece);
        piece = NULL;
    }
    chunk_tokens(ends, chunk_ends(t->text, ends), length, tokens->n, h->ends);
    h->tap.ends = h->ends;
    h->tap.n_ends = t->n_chunks;
out:
    mem_free(piece);
    mem_free(length);
    return rc;
}

static void put_down(reading *r, size_t i)
{
    mem_free(r->texts[i]);
    r->texts[i] = NULL;
}

static persona_code make_ask(void *ud, size_t i, ask *q, persona_err *e)
{
    reading *r = ud;
    in_hand *h = r->texts[i] = mem_calloc(1, sizeof *h);
    if (!h) {
        return mem_err(e, "a text");
    }
    h->of = r;
    h->i = i;
    h->tap = (persona_tap){.mode = PERSONA_TAP_MEAN,
                           .span = PERSONA_SPAN_RESPONSE,
                           .blocks = r->side->blocks,
                           .n_blocks = r->side->n_blocks};
    q->question = r->p->texts[i].question;
    q->forced = r->p->texts[i].text;
    q->ud = h;
    q->take_forced = r->p->chunks ? align : NULL;
    q->skip_analysis = true;
    q->tap = &h->tap;
    q->sampling = persona_sampling_defaults();
    return PERSONA_OK;
}

static persona_code take_answer(void *ud, size_t i, answer *a, persona_err *e)
{
    reading *r = ud;
    persona_code rc = PERSONA_OK;
    if (!a->mean || a->n_positions == 0) {
        r->p->texts[i].usable = false;
    } else {
        act_reading one = reading_of(r, i);
        one.n_tokens = a->n_positions;
        rc = actcache_put(r->side->cache, &one, a->mean, a->norms, e);
        r->n_tokens += a->n_positions;
        r->p->n_read++;
    }
    put_down(r, i);
    return rc;
}

/* Median over all answer tokens of ||h_b||. */
static persona_code median_norms(const reading *r, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const persona_pairs *p = r->p;
    float *room = mem_calloc(r->n_tokens, sizeof *room);
    double *x = mem_calloc(r->n_tokens, sizeof *x);
    TRY(room && x ? PERSONA_OK : mem_err(e, "norms"));
    for (size_t k = 0; k < r->side->n_blocks; k++) {
        const int b = r->side->blocks[k];
        size_t total = 0;
        for (size_t i = 0; i < p->n; i++) {
            size_t n = 0;
            if (!p->texts[i].usable) {
                continue;
            }
            TRY(actcache_norms(r->side->cache, r->side->keys[i], b, room, r->n_tokens - total, &n,
                               e));
            for (size_t t = 0; t < n; t++) {
                x[total++] = (double)room[t];
            }
        }
        r->side->h_median[b] = (float)stat_median(x, total);
    }
out:
    mem_free(x);
    mem_free(room);
    return rc;
}

static persona_code read_unknown(reading *r, const char *stage, const persona_hooks *hooks,
                                 persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const ask_stream stream = {.ud = r, .make = make_ask, .done = take_answer, .skip = r->skip};
    TRY(r->texts && r->skip && r->side->keys ? PERSONA_OK : mem_err(e, "paired texts"));
    TRY(find_known(r, e));
    TRY(ask_each(r->s, r->p->n, &stream, stage, hooks, e));
out:
    return rc;
}

persona_code pairs_read(persona_pairs *p, persona_session *s, bool target,
                        const persona_hooks *hooks, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    persona_err ignored;
    reading r = {.p = p, .side = target ? &p->to : &p->from, .s = s};
    const char *stage = target ? "read texts (target)" : "read texts (source)";
    r.texts = mem_calloc(p->n, sizeof *r.texts);
    r.skip = mem_calloc(p->n, sizeof *r.skip);
    r.side->keys = mem_calloc(p->n, sizeof *r.side->keys);
    const persona_code read = read_unknown(&r, stage, hooks, e);
    /* also after a failure: what was read is kept */
    const persona_code flushed = actcache_flush(r.side->cache, read == PERSONA_OK ? e : &ignored);
    TRY(read);
    TRY(flushed);
    TRY(median_norms(&r, e));
out:
    if (rc == PERSONA_E_CANCELED) {
        persona_err_wrap(e, "%s: %zu of %zu texts are kept; the same command goes on from there",
                         stage, p->n_read + p->n_reused, p->n);
    }
    for (size_t i = 0; r.texts && i < p->n; i++) {
        put_down(&r, i);
    }
    mem_free(r.texts);
    mem_free(r.skip);
    return rc;
}

persona_code pairs_rows(const persona_pairs *p, bool target, int block, const pair_row *rows,
                        size_t n, float *out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const pair_side *s = target ? &p->to : &p->from;
    if (s->held) {
        return pairs_rows_held(s, block, rows, n, out, e);
    }
    for (size_t i = 0; i < n; i++) {
        const size_t row = rows[i].chunk < 0 ? 0 : (size_t)rows[i].chunk + 1;
        TRY(actcache_row(s->cache, s->keys[rows[i].text], block, row, out + i * (size_t)s->d, e));
    }
out:
    return rc;
}
