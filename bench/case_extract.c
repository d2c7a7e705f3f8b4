/* SPDX-License-Identifier: MIT
 *
 * case_extract.c - a whole extraction (answers written, every block captured, kept in a job file,
 * filtered, directions and statistics) beside libllama's batched decoding of the very same answers;
 * beside the scheduler that only writes them; and the search of a dose beside the reading of texts.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pipeline/extract/rollout.h"
#include "plain.h"

enum { SLOTS = 16, CONTEXT = 512, PAIRS = 5 };

/* ---- what is open for one model -------------------------------------------------------------- */

typedef struct work {
    persona_model *m;
    persona_session *s;
    struct llama_context *ctx;
    persona_trait *trait;
    persona_questions *questions;
    persona_extract_opts o;
    char job[512];
    plain_answer *known; /* what is written; n_known of them have come so far */
    size_t n_known, n_tokens, most;
} work;

static void open_work(const bench *b, work *w)
{
    const char *tmp = getenv("TMPDIR");
    persona_err e = {.code = PERSONA_OK};
    *w = (work){.m = bench_model(b)};
    w->s = bench_session(b, w->m, SLOTS, CONTEXT);
    bench_must(persona_trait_read(PERSONA_SOURCE_DIR "/traits/silly.json", &w->trait, &e), &e);
    bench_must(
        persona_questions_read(PERSONA_SOURCE_DIR "/models/questions.json", &w->questions, &e), &e);
    snprintf(w->job, sizeof w->job, "%s/persona-bench-%ld.db",
             tmp != NULL && *tmp != '\0' ? tmp : "/tmp", (long)getpid());
    w->o = persona_extract_defaults();
    w->o.choose_layer = false;
    w->o.calibrate = false;
    w->o.job = w->job;
    w->o.fresh = true;
}

static void close_work(work *w)
{
    (void)remove(w->job);
    for (size_t i = 0; i < w->n_known; i++) {
        free(w->known[i].prompt);
        free(w->known[i].reply);
    }
    free(w->known);
    persona_questions_free(w->questions);
    persona_trait_free(w->trait);
    if (w->ctx != NULL) {
        llama_free(w->ctx);
    }
    persona_session_free(w->s);
    persona_model_free(w->m);
}

/* ---- writing alone --------------------------------------------------------------------------- */

typedef struct writing {
    work *w;
    rollouts r;
    size_t n_tokens;
    bool keep;
} writing;

static persona_code make_bare(void *ud, size_t i, ask *q, persona_err *e)
{
    writing *x = ud;
    const persona_code rc = x->r.source.make(x->r.source.ud, i, q, e);
    q->tap = NULL;
    return rc;
}

static persona_token *copied(const persona_token *t, size_t n)
{
    persona_token *p = bench_room(n, sizeof *p);
    memcpy(p, t, n * sizeof *p);
    return p;
}

static persona_code count(void *ud, size_t i, answer *a, persona_err *e)
{
    writing *x = ud;
    (void)i, (void)e;
    x->n_tokens += a->n_tokens;
    if (x->keep && x->w->n_known < x->w->most) {
        x->w->known[x->w->n_known++] =
            (plain_answer){.prompt = copied(a->prompt, a->n_prompt),
                           .reply = copied(a->tokens, a->n_tokens),
                           .n_prompt = a->n_prompt,
                           .n_reply = a->n_tokens,
                           .n_feed = a->n_tokens - (a->finish == PERSONA_FINISH_LENGTH)};
    }
    return PERSONA_OK;
}

static bench_took write_them(work *w, bool keep)
{
    persona_err e = {.code = PERSONA_OK};
    writing x = {.w = w, .r = {.s = w->s}, .keep = keep};
    const ask_stream stream = {.ud = &x, .make = make_bare, .done = count};
    const bench_took since = bench_start();
    bench_must(rollouts_write(&x.r, w->trait, w->questions, (size_t)w->o.n_questions, &w->o, &e),
               &e);
    if (keep) {
        w->most = x.r.n;
        w->known = bench_room(x.r.n, sizeof *w->known);
    }
    bench_must(ask_each(w->s, x.r.n, &stream, "write", NULL, &e), &e);
    w->n_tokens = x.n_tokens;
    rollouts_free(&x.r);
    return bench_stop(since, (double)x.n_tokens);
}

static bench_took bare(void *ud)
{
    return write_them(ud, false);
}

static bench_took replay(void *ud)
{
    const work *w = ud;
    return plain_replay(w->ctx, w->known, w->n_known, SLOTS);
}

/* ---- extracting ------------------------------------------------------------------------------ */

static bench_took extract(void *ud)
{
    work *w = ud;
    persona_err e = {.code = PERSONA_OK};
    persona_vector *v = NULL;
    const bench_took since = bench_start();
    bench_must(persona_extract(w->s, w->trait, w->questions, &w->o, NULL, &v, NULL, &e), &e);
    persona_vector_free(v);
    return bench_stop(since, (double)w->n_tokens);
}

/* So many questions and tokens that an extraction takes a second or two, but never fewer than three
 * batches of answers. */
static void choose_size(work *w)
{
    w->o.n_questions = 1;
    w->o.max_tokens = 16;
    write_them(w, false);
    const bench_took trial = write_them(w, false);
    const double rate = trial.work / trial.wall;
    w->o.max_tokens = rate > 500 ? 64 : 32;
    w->o.n_questions = bench_units((bench_took){.wall = 1, .work = rate}, 1.5, 0, 100000) /
                           (w->o.max_tokens * (2 * PAIRS + 1)) +
                       1;
    const int least = 3, most = 20;
    w->o.n_questions = w->o.n_questions < least  ? least
                       : w->o.n_questions > most ? most
                                                 : w->o.n_questions;
}

void case_extract(bench *b)
{
    work w;
    open_work(b, &w);
    choose_size(&w);
    write_them(&w, true);
    w.ctx = plain_context(w.m, SLOTS, CONTEXT, b->threads);
    bench_compare(b,
                  &(bench_row){"extract", "a whole extraction, 16 slots",
                               "llama_decode of the same answers", "tokens/s", 0.97},
                  (bench_side){extract, &w}, (bench_side){replay, &w});
    bench_compare(b,
                  &(bench_row){"extract-writing", "a whole extraction, 16 slots",
                               "the scheduler writing the same answers", "tokens/s", 0.97},
                  (bench_side){extract, &w}, (bench_side){bare, &w});
    close_work(&w);
}

/* ---- dose ------------------------------------------------------------------------------------ */

enum { TEXTS = 100, TEXT = 128, HEAD = 16 };

typedef struct dosing {
    work w;
    persona_vector *v;
    int block, next;
} dosing;

static bench_took calibrate(void *ud)
{
    dosing *x = ud;
    persona_err e = {.code = PERSONA_OK};
    const bench_took since = bench_start();
    bench_must(persona_calibrate(x->w.s, x->v, x->block, x->w.questions->extraction,
                                 x->w.questions->n_extraction, NULL, &e),
               &e);
    return bench_stop(since, 1);
}

static bench_took read_texts(void *ud)
{
    dosing *x = ud;
    static persona_request q[TEXTS];
    static persona_token t[TEXTS][TEXT];
    const persona_tap tap = {.mode = PERSONA_TAP_MEAN, .span = PERSONA_SPAN_RESPONSE};
    persona_err e = {.code = PERSONA_OK};
    const bench_took since = bench_start();
    for (int k = 0; k < TEXTS; k++, x->next++) {
        for (int i = 0; i < TEXT; i++) {
            t[k][i] = bench_token(x->w.m, x->next, i);
        }
        q[k] = (persona_request){.prompt = t[k],
                                 .n_prompt = HEAD,
                                 .forced = t[k] + HEAD,
                                 .n_forced = TEXT - HEAD,
                                 .raw = true,
                                 .sampling = persona_sampling_defaults(),
                                 .taps = &tap,
                                 .n_taps = 1};
    }
    bench_must(persona_session_run_all(x->w.s, q, TEXTS, NULL, &e), &e);
    return bench_stop(since, 1);
}

void case_dose(bench *b)
{
    persona_err e = {.code = PERSONA_OK};
    dosing x = {.v = NULL};
    open_work(b, &x.w);
    x.w.o.n_questions = 4;
    x.w.o.max_tokens = 24;
    bench_must(persona_extract(x.w.s, x.w.trait, x.w.questions, &x.w.o, NULL, &x.v, NULL, &e), &e);
    x.block = x.v->n_layer * 2 / 3;
    bench_compare(b,
                  &(bench_row){"dose", "the dose of a vector at one block",
                               "reading 100 texts of 128 tokens", "per second", 1},
                  (bench_side){calibrate, &x}, (bench_side){read_texts, &x});
    persona_vector_free(x.v);
    close_work(&x.w);
}
