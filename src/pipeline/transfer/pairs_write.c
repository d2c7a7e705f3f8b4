/* SPDX-License-Identifier: MIT
 *
 * pairs_write.c - the source model writes the texts: both poles of every trait on the same
 * questions, the instruction changing with the question, and answers without any instruction. An
 * answer is kept under a hash of all that decides about it, so that the next run finds it.
 */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/try.h"
#include "core/map/textset.h"
#include "pipeline/ask.h"
#include "pipeline/transfer/pairs_parts.h"

typedef struct writing {
    persona_pairs *p;
    persona_session *s;
    persona_trait *const *traits;
    size_t n_traits, n_each; /* questions per trait */
    const persona_questions *questions;
    const persona_pairs_opts *o;
    char **systems;  /* (p->n); NULL for neutral ones */
    uint32_t *seeds; /* (p->n): by trait and place, so that the company of a text does not matter */
    char (*keys)[65]; /* (p->n) */
    bool *skip;       /* (p->n) found in the cache */
} writing;

static const char *question_at(const writing *w, size_t trait, size_t q)
{
    return w->questions ? w->questions->extraction[q] : w->traits[trait]->questions[q];
}

/* How many questions every trait can be asked. */
static size_t questions_each(const writing *w)
{
    size_t n = w->questions ? w->questions->n_extraction : SIZE_MAX;
    for (size_t t = 0; !w->questions && t < w->n_traits; t++) {
        const size_t own = w->traits[t]->n_questions / 2;
        n = own < n ? own : n;
    }
    return w->o->n_questions > 0 && (size_t)w->o->n_questions < n ? (size_t)w->o->n_questions : n;
}

static persona_code add_trait(writing *w, size_t t, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    int name = -1;
    TRY(pairs_name(w->p, w->traits[t]->name, &name, e));
    for (size_t k = 0; k < w->n_each * 2; k++) {
        const size_t q = k / 2, i = w->p->n;
        const bool positive = k % 2 == 0;
        pair_text *text;
        TRY(pairs_add(w->p, question_at(w, t, q), name, positive ? 1 : -1,
                      w->questions ? q : t * w->n_each + q, &text, e));
        w->seeds[i] = rng_mix(w->o->seed, textset_hash(w->traits[t]->name), k);
        TRY(persona_trait_system(w->traits[t], q % w->traits[t]->n_pairs, positive, &w->systems[i],
                                 e));
    }
out:
    return rc;
}

static persona_code lay_out(writing *w, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    persona_pairs *p = w->p;
    const size_t n_neutral = w->o->n_neutral > 0 ? (size_t)w->o->n_neutral : 0;
    const size_t n = w->n_traits * w->n_each * 2 + n_neutral;
    p->n_groups = w->questions ? w->n_each : w->n_each * w->n_traits;
    w->systems = mem_calloc(n, sizeof *w->systems);
    w->seeds = mem_calloc(n, sizeof *w->seeds);
    w->keys = mem_calloc(n, sizeof *w->keys);
    w->skip = mem_calloc(n, sizeof *w->skip);
    if (!w->seeds || !w->systems || !w->keys || !w->skip) {
        return mem_err(e, "paired texts");
    }
    for (size_t t = 0; t < w->n_traits; t++) {
        TRY(add_trait(w, t, e));
    }
    for (size_t k = 0; k < n_neutral; k++) {
        const size_t group = k % p->n_groups;
        pair_text *text;
        w->seeds[p->n] = rng_mix(w->o->seed, 0x6e657574, k);
        const size_t trait = w->questions ? 0 : group / w->n_each;
        TRY(pairs_add(p, question_at(w, trait, w->questions ? group : group % w->n_each), -1, 0,
                      group, &text, e));
    }
out:
    return rc;
}

/* With a fixed shape an answer depends on this and nothing else (ADR 8). */
static persona_code make_key(writing *w, size_t i, persona_err *e)
{
    const persona_session_opts *so = persona_session_opts_get(w->s);
    const size_t width = w->p->n < (size_t)so->n_slots ? w->p->n : (size_t)so->n_slots;
    buf text;
    buf_init(&text, (size_t)8 << 20);
    buf_printf(&text, "text 1\n%s\n%s\n%zu %d %d\n%.9g %d %u\n%zu\n%s\n%s", w->p->from.hash,
               persona_engine_version(), width, so->n_ctx, so->n_batch, (double)w->o->temperature,
               w->o->max_tokens, w->seeds[i], strlen(w->systems[i] ? w->systems[i] : ""),
               w->systems[i] ? w->systems[i] : "", w->p->texts[i].question);
    const bool ok = !text.failed;
    if (ok) {
        sha256_hex(buf_str(&text), text.len, w->keys[i]);
    }
    buf_free(&text);
    return ok && *w->keys[i] ? PERSONA_OK : mem_err(e, "a text's key");
}

static persona_code find_known(writing *w, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    for (size_t i = 0; i < w->p->n; i++) {
        TRY(make_key(w, i, e));
        TRY(actcache_get_text(w->p->from.cache, w->keys[i], &w->p->texts[i].text, e));
        w->skip[i] = w->p->texts[i].text != NULL;
    }
out:
    return rc;
}

static persona_code make_ask(void *ud, size_t i, ask *q, persona_err *e)
{
    const writing *w = ud;
    (void)e;
    q->system = w->systems[i];
    q->question = w->p->texts[i].question;
    q->sampling = persona_sampling_defaults();
    q->sampling.temperature = w->o->temperature;
    q->sampling.max_tokens = w->o->max_tokens;
    q->sampling.seed = w->seeds[i];
    return PERSONA_OK;
}

static persona_code take_answer(void *ud, size_t i, answer *a, persona_err *e)
{
    writing *w = ud;
    w->p->texts[i].text = a->text;
    a->text = NULL;
    w->p->n_written++;
    return actcache_put_text(w->p->from.cache, w->keys[i], w->p->texts[i].text, e);
}

persona_code pairs_write(persona_pairs *p, persona_session *from, persona_trait *const *traits,
                         size_t n_traits, const persona_pairs_opts *o, const persona_hooks *hooks,
                         persona_err *e)
{
    persona_code rc = PERSONA_OK;
    persona_err ignored;
    writing w = {.p = p,
                 .s = from,
                 .traits = traits,
                 .n_traits = n_traits,
                 .questions = o->questions,
                 .o = o};
    w.n_each = n_traits > 0 ? questions_each(&w) : 0;
    if (w.n_each < 2) {
        return persona_err_set(e, PERSONA_E_USAGE,
                               "transfer: %zu extraction questions are too few to hold any out",
                               w.n_each);
    }
    TRY(lay_out(&w, e));
    TRY(find_known(&w, e));
    const ask_stream stream = {.ud = &w, .make = make_ask, .done = take_answer, .skip = w.skip};
    const persona_code wrote = ask_each(from, p->n, &stream, "write texts", hooks, e);
    /* also after a failure: what was written is kept */
    const persona_code flushed = actcache_flush(p->from.cache, wrote == PERSONA_OK ? e : &ignored);
    TRY(wrote);
    TRY(flushed);
out:
    for (size_t i = 0; w.systems && i < p->n; i++) {
        mem_free(w.systems[i]);
    }
    mem_free(w.systems);
    mem_free(w.seeds);
    mem_free(w.keys);
    mem_free(w.skip);
    return rc;
}
