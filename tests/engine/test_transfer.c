/* SPDX-License-Identifier: MIT
 *
 * test_transfer.c - from paired texts to a verdict on the embedded pair: readings that last, maps
 * that have not seen the trait, and verdicts that turn when a null takes the place of the
 * transferred vector.
 */
#include <ftw.h>
#include <math.h>
#include <unistd.h>

#include "base/linalg.h"
#include "base/rng.h"
#include "core/text/chunks.h"
#include "models.h"
#include "persona/study.h"
#include "pipeline/ask.h"
#include "pipeline/transfer/pairs_parts.h"
#include "store/db.h"

/* The first is carried over; all of them teach the maps. */
static const char *const traits[] = {"silly",     "superficial", "inattentive", "anxious",
                                     "apathetic", "impolite",    "optimistic",  "poetic",
                                     "confident", "sycophantic"};
enum { N_TRAITS = 10 };
static char folder[] = "/tmp/persona-transfer-XXXXXX";

typedef struct pair {
    persona_model *m[2];
    persona_session *s[2];
    persona_judge *judge;
    persona_questions *q;
    persona_trait *t[N_TRAITS];
} pair;

/* Opened once. */
static pair the;

static void open_pair(pair *p)
{
    persona_err e = {0};
    for (size_t i = 0; i < 2; i++) {
        char path[512];
        persona_model_opts mo = persona_model_defaults();
        persona_session_opts o = persona_session_defaults();
        mo.bulk = true;
        snprintf(path, sizeof path, "%s/models/%s", PERSONA_SOURCE_DIR, MODEL_FILES[i]);
        must(persona_model_open(path, &mo, &p->m[i], &e), &e);
        o.n_ctx = 320;
        o.fixed_shape = true;
        must(persona_session_new(p->m[i], &o, &p->s[i], &e), &e);
    }
    must(persona_judge_read(PERSONA_SOURCE_DIR "/models/judge.json", &p->judge, &e), &e);
    must(persona_questions_read(PERSONA_SOURCE_DIR "/models/questions.json", &p->q, &e), &e);
    for (size_t i = 0; i < N_TRAITS; i++) {
        char path[512];
        snprintf(path, sizeof path, "%s/traits/%s.json", PERSONA_SOURCE_DIR, traits[i]);
        must(persona_trait_read(path, &p->t[i], &e), &e);
    }
}

static void close_pair(pair *p)
{
    for (size_t i = 0; i < N_TRAITS; i++) {
        persona_trait_free(p->t[i]);
    }
    persona_questions_free(p->q);
    persona_judge_free(p->judge);
    for (size_t i = 0; i < 2; i++) {
        persona_session_free(p->s[i]);
        persona_model_free(p->m[i]);
    }
}

static persona_pairs_opts small_texts(const char *cache)
{
    persona_pairs_opts o = persona_pairs_defaults();
    o.n_questions = 2;
    o.n_neutral = 12;
    o.max_tokens = 40;
    o.cache = cache;
    return o;
}

static persona_pairs *read_pairs(const pair *p, const persona_pairs_opts *o)
{
    persona_pairs_opts mine = *o;
    persona_pairs *out = NULL;
    persona_err e = {0};
    mine.questions = p->q;
    must(persona_pairs_new(p->s[0], p->s[1], p->t, N_TRAITS, &mine, NULL, &out, &e), &e);
    return out;
}

/* All whole-response rows of one block of one side. */
static float *rows_of(const persona_pairs *p, bool target, int block)
{
    const size_t d = (size_t)(target ? p->to.d : p->from.d);
    pair_row *rows = calloc(p->n, sizeof *rows);
    float *x = calloc(p->n * d, sizeof *x);
    size_t n = 0;
    persona_err e = {0};
    assert_true(rows && x);
    for (size_t i = 0; i < p->n; i++) {
        if (p->texts[i].usable) {
            rows[n++] = (pair_row){i, -1};
        }
    }
    must(pairs_rows(p, target, block, rows, n, x, &e), &e);
    free(rows);
    return x;
}

static void same_rows(const persona_pairs *a, const persona_pairs *b)
{
    assert_int_equal(a->n, b->n);
    for (int side = 0; side < 2; side++) {
        float *x = rows_of(a, side, 2), *y = rows_of(b, side, 2);
        const size_t d = (size_t)(side ? a->to.d : a->from.d);
        assert_memory_equal(x, y, persona_pairs_count(a, NULL) * d * sizeof *x);
        free(x);
        free(y);
    }
}

/* ---- readings -------------------------------------------------------------------------------- */

/* A second run asks and reads nothing, and has the same bytes; a damaged row is read again, to the
 * same bytes. */
static void kept(void **state)
{
    (void)state;
    const pair p = the;
    const persona_pairs_opts o = small_texts(folder);
    persona_pairs *one = read_pairs(&p, &o);
    assert_int_equal(one->n, N_TRAITS * 2 * 2 + 12);
    assert_int_equal(one->n_written, one->n);
    assert_int_equal(one->n_read, 2 * persona_pairs_count(one, NULL));
    persona_pairs *two = read_pairs(&p, &o);
    assert_int_equal(two->n_written, 0);
    assert_int_equal(two->n_read, 0);
    assert_int_equal(two->n_stale, 0);
    same_rows(one, two);
    persona_pairs_free(two);

    char path[512];
    static const db_schema schema = {"cache of readings", 0x70616331, NULL, 1};
    db *d = NULL;
    persona_err e = {0};
    snprintf(path, sizeof path, "%s/activations/%.16s.db", folder, one->to.hash);
    must(db_open(path, DB_WRITE, &schema, &d, &e), &e);
    must(db_exec(d, "UPDATE act SET data = zeroblob(length(data)) WHERE id = 3", &e), &e);
    db_close(d);
    two = read_pairs(&p, &o);
    assert_int_equal(two->n_stale, 1);
    assert_int_equal(two->n_read, 1);
    same_rows(one, two);
    persona_pairs_free(two);
    persona_pairs_free(one);
}

/* Stops at a chosen report of progress. */
typedef struct stopper {
    persona_cancel cancel;
    int left;
} stopper;

static void count_down(void *ud, const persona_progress *p)
{
    stopper *s = ud;
    (void)p;
    if (s->left-- == 0) {
        persona_cancel_set(&s->cancel);
    }
}

static void interrupted(void **state)
{
    (void)state;
    const pair p = the;
    char place[512];
    snprintf(place, sizeof place, "%s/interrupted", folder);
    persona_pairs_opts o = small_texts(place), elsewhere = small_texts(folder);
    o.questions = p.q;
    int n_stops = 0;
    persona_pairs *out = NULL;
    persona_code rc = PERSONA_E_CANCELED;
    for (int k = 0; rc == PERSONA_E_CANCELED; k++) {
        stopper s = {.left = 100 + 40 * k};
        const persona_hooks hooks = {.ud = &s, .progress = count_down, .cancel = &s.cancel};
        persona_err e = {0};
        rc = persona_pairs_new(p.s[0], p.s[1], p.t, N_TRAITS, &o, &hooks, &out, &e);
        n_stops += rc == PERSONA_E_CANCELED;
        assert_true(rc == PERSONA_OK || rc == PERSONA_E_CANCELED);
        assert_true(k < 200);
    }
    assert_true(n_stops > 0);
    persona_pairs *whole = read_pairs(&p, &elsewhere);
    same_rows(whole, out);
    persona_pairs_free(whole);
    persona_pairs_free(out);
}

/* Segments against all rows; both models have the same chunks, whatever their tokens. */
static void segments(void **state)
{
    (void)state;
    const pair p = the;
    static const size_t ends[3] = {2, 2, 6};
    static const int blocks[2] = {1, 3};
    for (size_t i = 0; i < 2; i++) {
        const persona_tap taps[2] = {
            {.mode = PERSONA_TAP_MEAN, .blocks = blocks, .n_blocks = 2, .ends = ends, .n_ends = 3},
            {.mode = PERSONA_TAP_ALL, .blocks = blocks, .n_blocks = 2}};
        ask asks[2];
        answer got[2];
        persona_err e = {0};
        for (size_t k = 0; k < 2; k++) {
            asks[k] = (ask){.question = "What is soup?",
                            .tap = &taps[k],
                            .forced = "Soup is warm and it is good for you, I think.",
                            .sampling = persona_sampling_defaults()};
        }
        must(ask_all(p.s[i], asks, 2, "read", NULL, got, &e), &e);
        const size_t d = (size_t)persona_model_info_get(p.m[i])->n_embd, n = got[1].n_positions;
        assert_true(n > 6 && got[0].n_positions == n);
        const size_t first[4] = {0, 0, 2, 2}, last[4] = {n, 2, 2, 6};
        for (size_t s = 0; s < 4; s++) {
            for (size_t j = 0; j < 2 * d; j++) {
                double sum = 0;
                for (size_t t = first[s]; t < last[s]; t++) {
                    sum += (double)got[1].mean[t * 2 * d + j];
                }
                const double want = last[s] > first[s] ? sum / (double)(last[s] - first[s]) : 0;
                assert_true(fabs((double)got[0].mean[s * 2 * d + j] - want) <
                            1e-5 * (1 + fabs(want)));
            }
        }
        answers_clear(got, 2);
    }
    persona_pairs_opts o = small_texts(folder); /* the texts of `kept` */
    o.chunks = true;
    persona_pairs *c = read_pairs(&p, &o);
    size_t n_many = 0;
    for (size_t i = 0; i < c->n; i++) {
        size_t at[CHUNKS_MOST];
        if (!c->texts[i].usable) {
            continue;
        }
        assert_int_equal(c->texts[i].n_chunks, chunk_ends(c->texts[i].text, at));
        n_many += c->texts[i].n_chunks > 1;
        const pair_row rows[2] = {{i, -1}, {i, 0}};
        float *x = calloc((size_t)2 * (size_t)c->to.d, sizeof *x);
        persona_err e = {0};
        must(pairs_rows(c, true, 2, rows, 2, x, &e), &e);
        const double cosine = vec_cos(x, x + c->to.d, (size_t)c->to.d);
        if (c->texts[i].n_chunks == 1) {
            assert_true(cosine > 0.999999);
        } else {
            assert_true(cosine < 0.99999);
        }
        free(x);
    }
    assert_true(n_many > 5);
    persona_pairs_free(c);
}

/* ---- maps ------------------------------------------------------------------------------------ */

static persona_pairs_opts enough_texts(void)
{
    persona_pairs_opts o = persona_pairs_defaults();
    o.n_questions = 6;
    o.n_neutral = 40;
    o.max_tokens = 64;
    o.cache = folder;
    return o;
}

/* Every method finds the pairing, none finds a shuffled one; the other direction works alike, shown
 * with the first method and fewer texts. */
static void methods_and_directions(void **state)
{
    (void)state;
    const pair p = the;
    persona_pairs_opts o = enough_texts();
    persona_err e = {0};
    o.questions = p.q;
    for (int back = 0; back < 2; back++) {
        persona_pairs *c = NULL;
        if (back) { /* written for this test only */
            o.n_questions = 4;
            o.n_neutral = 24;
            o.max_tokens = 40;
        }
        must(persona_pairs_new(p.s[back], p.s[1 - back], p.t, N_TRAITS, &o, NULL, &c, &e), &e);
        for (size_t i = 0; persona_map_method(i, NULL) && (!back || i == 0); i++) {
            persona_fit_opts f = persona_fit_defaults();
            persona_map *m = NULL;
            f.method = persona_map_method(i, NULL);
            f.without = "silly";
            f.n_shuffles = 5;
            f.n_candidates = 1;
            must(persona_map_fit(c, &f, NULL, &m, &e), &e);
            const persona_map_block *b = &m->blocks[0];
            if (!(b->r2_contrast > 0.1 && b->r2_contrast > b->r2_shuffled_max + 0.1)) {
                fail_msg("%s: R2 %g, shuffled at most %g", f.method, b->r2_contrast,
                         b->r2_shuffled_max);
            }
            if (!(b->r2_shuffled < 0.05)) {
                fail_msg("%s: shuffled %g", f.method, b->r2_shuffled);
            }
            assert_int_equal(m->n_traits, N_TRAITS - 1);
            persona_map_free(m);
        }
        persona_pairs_free(c);
    }
}

/* ---- verdicts -------------------------------------------------------------------------------- */

enum { N_QUESTIONS = 24 };
static const double coefficients[] = {-1, 0, 1};

static persona_study_opts small_study(void)
{
    persona_study_opts o = persona_study_defaults();
    o.n_questions = 6;
    o.n_evaluate = N_QUESTIONS;
    o.max_tokens = o.extract_tokens = 64;
    o.seed = 3;
    o.coefficients = coefficients;
    o.n_coefficients = 3;
    o.own_blocks = false;
    o.n_random = 8;
    o.n_draws = 5;
    o.n_spread = 4;
    return o;
}

/* What a verdict cannot do without. */
static bool needed(const char *condition)
{
    static const char *const all[] = {"lexical", "shuffled", "random-source", "random"};
    bool found = false;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        found = found || strcmp(condition, all[i]) == 0;
    }
    return found;
}

/* The evaluation again, with another vector in the place of the transferred one. */
static persona_evaluation *evaluate(const pair *p, const persona_trait *t,
                                    const persona_vector *as_transferred, const persona_study *x)
{
    persona_evaluate_opts o = persona_evaluate_defaults();
    persona_arm *arms = calloc(x->n_arms, sizeof *arms);
    const persona_subject who = {p->s[1], t, p->q, p->judge};
    persona_evaluation *v = NULL;
    persona_err e = {0};
    size_t n = 0;
    assert_non_null(arms);
    for (size_t i = 0; i < x->n_arms; i++) {
        const persona_study_arm *a = &x->arms[i];
        const bool carried = strcmp(a->condition, "transferred") == 0;
        if (carried || needed(a->condition)) {
            arms[n++] = (persona_arm){a->condition, carried ? as_transferred : a->vector, a->note};
        }
    }
    o.n_questions = 10;
    o.max_tokens = 40;
    o.seed = 3;
    o.coefficients = coefficients;
    o.n_coefficients = 3;
    o.n_spread_questions = 4;
    must(persona_evaluate(&who, arms, n, &o, NULL, &v, &e), &e);
    free(arms);
    return v;
}

/* The vector of the first trait, for in_sample. */
static persona_vector *source_of_first;

static persona_study *steers(const pair *p, const persona_pairs *pairs, const persona_trait *t,
                             const persona_study_opts *o)
{
    const persona_study_side from = {p->s[0], p->judge, p->q, NULL},
                             to = {p->s[1], p->judge, p->q, NULL};
    persona_study *x = NULL;
    persona_err e = {0};
    must(persona_study_trait(&from, &to, pairs, t, o, NULL, &x, &e), &e);
    const persona_swing *s = persona_evaluation_swing(x->evaluation, "transferred");
    if (!s || !(s->swing.low > 0) || !*x->evaluation->reason) {
        fail_msg("%s: %s", t->name, x->evaluation->reason);
    }
    return x;
}

/* The transferred vector steers; in its place a shuffled map's vector, or a random one of its size,
 * fails. (Whether the vector passes takes more texts and questions than a test has; how a verdict
 * comes about is tests/unit/test_verdict.c.) */
static void nulls_fail(const pair *p, const persona_pairs *pairs, const persona_trait *t)
{
    const persona_study_opts o = small_study();
    persona_study *x = steers(p, pairs, t, &o);
    persona_err e = {0};
    must(persona_vector_clone(x->source, &source_of_first, &e), &e);
    assert_string_equal(x->transferred->from.sample, PERSONA_SAMPLE_HELD_OUT);
    assert_string_equal(persona_study_vector(x, "in-sample")->from.sample,
                        PERSONA_SAMPLE_IN_SAMPLE);
    static const char *const all[] = {"native",   "text-bridge",   "in-sample", "other-trait",
                                      "shuffled", "identity",      "random",    "sampling",
                                      "prompt",   "random-source", "lexical",   "leave-name"};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        assert_non_null(persona_evaluation_swing(x->evaluation, all[i]));
    }

    persona_evaluation *v = evaluate(p, t, persona_study_vector(x, "shuffled"), x);
    assert_false(v->pass);
    persona_evaluation_free(v);
    persona_vector *noise = NULL;
    const int b = x->transferred->from.best_layer;
    const size_t d = (size_t)x->transferred->n_embd;
    float *row = calloc(d, sizeof *row);
    rng r;
    rng_seed(&r, 99, 0);
    for (size_t j = 0; j < d; j++) {
        row[j] = (float)rng_normal(&r);
    }
    vec_scale(row, (double)x->transferred->layers[b].norm / vec_norm(row, d), d);
    must(persona_vector_clone(x->transferred, &noise, &e), &e);
    must(persona_vector_set(noise, b, row, &e), &e);
    v = evaluate(p, t, noise, x);
    assert_false(v->pass);
    persona_evaluation_free(v);
    persona_vector_free(noise);
    free(row);
    persona_study_free(x);
}

static void verdicts(void **state)
{
    (void)state;
    const pair p = the;
    const persona_pairs_opts o = enough_texts();
    persona_pairs *c = read_pairs(&p, &o);
    nulls_fail(&p, c, p.t[0]);
    persona_pairs_free(c);
}

/* A map that has seen the trait: the result is called in-sample and cannot pass, however large. */
static void in_sample(void **state)
{
    (void)state;
    const pair p = the;
    const persona_pairs_opts o = enough_texts();
    persona_pairs *c = read_pairs(&p, &o);
    const persona_study_side from = {p.s[0], p.judge, p.q, NULL}, to = {p.s[1], p.judge, p.q, NULL};
    persona_study_opts so = small_study();
    persona_fit_opts f = persona_fit_defaults();
    persona_map *m = NULL;
    persona_study *x = NULL;
    persona_err e = {0};
    f.n_candidates = 3;
    f.n_shuffles = 1;
    must(persona_map_fit(c, &f, NULL, &m, &e), &e);
    must(persona_map_check(m, p.m[0], false, &e), &e);
    assert_int_equal(persona_map_check(m, p.m[0], true, &e), PERSONA_E_SHAPE);
    so.map = m;
    so.given = source_of_first; /* else extracted here */
    so.all_controls = false;
    so.n_evaluate = 12;
    must(persona_study_trait(&from, &to, NULL, p.t[0], &so, NULL, &x, &e), &e);
    assert_string_equal(persona_study_verdict(x), "FAIL");
    assert_non_null(strstr(x->evaluation->reason, "in-sample"));
    assert_true(persona_evaluation_swing(x->evaluation, "in-sample")->swing.value > 15);
    assert_null(persona_evaluation_swing(x->evaluation, "transferred"));
    persona_study_free(x);
    persona_map_free(m);
    persona_pairs_free(c);
}

/* ---- bad texts ------------------------------------------------------------------------------- */

static void refused(const pair *p, const char *lines, persona_code code, const char *text)
{
    char path[512];
    snprintf(path, sizeof path, "%s/texts.jsonl", folder);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(lines, f);
    fclose(f);
    const char *files[1] = {path};
    persona_pairs_opts o = small_texts("");
    o.files = files;
    o.n_files = 1;
    persona_pairs *c = NULL;
    persona_err e = {0};
    const persona_code rc = persona_pairs_new(p->s[0], p->s[1], p->t, N_TRAITS, &o, NULL, &c, &e);
    if (rc != code || !strstr(e.msg, text)) {
        fail_msg("code %d (expected %d): %s (expected %s)", (int)rc, (int)code, e.msg, text);
    }
    assert_null(c);
}

static void bad_texts(void **state)
{
    (void)state;
    const pair p = the;
    char lines[8192] = "";
    size_t at = 0;
    for (int i = 0; i < 12; i++) {
        at += (size_t)snprintf(lines + at, sizeof lines - at,
                               "{\"messages\":[{\"role\":\"user\",\"content\":\"Why?\"}],"
                               "\"response\":\"Because.\"}\n");
    }
    refused(&p, lines, PERSONA_E_USAGE, "1 distinct texts to map by, of 12");
    at = 0;
    for (int i = 0; i < 12; i++) {
        at += (size_t)snprintf(lines + at, sizeof lines - at,
                               "{\"messages\":[{\"role\":\"user\",\"content\":\"Why %d?\"}],"
                               "\"response\":\"Because %d.\",\"trait\":\"silly\","
                               "\"polarity\":\"positive\"}\n",
                               i, i);
    }
    refused(&p, lines, PERSONA_E_USAGE, "12 texts show a trait (\"polarity\": \"positive\") and 0");
    refused(&p,
            "{\"messages\":[{\"role\":\"user\",\"content\":\"Why?\"}],\"response\":\"Yes.\","
            "\"polarity\":\"negative\"}\n",
            PERSONA_E_FORMAT, "polarity without \"trait\"");
    refused(&p, "{\"prompt\":\"Why?\",\"response\":\"Yes.\"}\n", PERSONA_E_FORMAT, "no question");
    refused(&p, "{\"messages\":1}\n", PERSONA_E_FORMAT, "texts.jsonl:1");
    persona_pairs_opts o = small_texts("");
    o.n_blocks_from = 1;
    persona_pairs *c = NULL;
    persona_err e = {0};
    const int edge = persona_model_info_get(p.m[0])->n_layer - 1;
    o.blocks_from = &edge;
    assert_int_equal(persona_pairs_new(p.s[0], p.s[1], p.t, N_TRAITS, &o, NULL, &c, &e),
                     PERSONA_E_USAGE);
    assert_non_null(strstr(e.msg, "cannot be paired"));
}

static int set_up(void **state)
{
    (void)state;
    open_pair(&the);
    return mkdtemp(folder) ? 0 : -1;
}

static int drop(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

static int tear_down(void **state)
{
    (void)state;
    persona_vector_free(source_of_first);
    close_pair(&the);
    return nftw(folder, drop, 8, FTW_DEPTH | FTW_PHYS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kept),      cmocka_unit_test(interrupted),
        cmocka_unit_test(segments),  cmocka_unit_test(methods_and_directions),
        cmocka_unit_test(verdicts),  cmocka_unit_test(in_sample),
        cmocka_unit_test(bad_texts),
    };
    /* What a vector is worth does not depend on sanitizers, and cli_transfer runs the same code. */
    const struct CMUnitTest quick[] = {
        cmocka_unit_test(kept),
        cmocka_unit_test(interrupted),
        cmocka_unit_test(segments),
        cmocka_unit_test(bad_texts),
    };
    return getenv("PERSONA_QUICK") ? cmocka_run_group_tests(quick, set_up, tear_down)
                                   : cmocka_run_group_tests(tests, set_up, tear_down);
}
