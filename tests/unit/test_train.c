/* SPDX-License-Identifier: MIT
 *
 * test_train.c - training a classifier: the optimum against numpy, held-out texts through the
 * written file, folds, coherence, labelled answers that are not what they should be, the same
 * bytes twice.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include "core/classify/classifier_train.h"
#include "core/classify/folds.h"
#include "core/classify/lbfgs.h"
#include "core/measure/stats.h"
#include "golden.h"
#include "scratch.h"
#include "store/classifier/classifierfile.h"
#include "store/classifier/classifierwrite.h"
#include "store/text/labelfile.h"

/* ---- a corpus -------------------------------------------------------------------------------- */

enum { N = 240, MAX_TEXT = 640 };

typedef struct made {
    char text[N][MAX_TEXT], question[N][32];
    train_text t[N];
} made;

static const char *const subjects[] = {"the soup",  "a garden",  "my train",
                                       "the music", "your plan", "this town"};
static const char *const verbs[] = {"needs", "brings", "shows", "wants", "hides", "keeps"};
static const char *const objects[] = {"some salt",  "old roses", "a late hour",
                                      "soft songs", "more care", "quiet streets"};
static const char *const high_words[] = {"giggle", "banana", "hooray", "!"};
static const char *const low_words[] = {"report", "hence", "formally", ";"};

static const char *pick(rng *r, const char *const *list, uint32_t n)
{
    return list[rng_below(r, n)];
}

/* Sentences in a fixed grammar; the side is in about every other one. */
static void make(made *m, uint32_t seed, double share_high)
{
    rng r;
    rng_seed(&r, seed, 0);
    for (size_t i = 0; i < N; i++) {
        const bool high = rng_unit(&r) < share_high;
        size_t used = 0;
        m->text[i][0] = '\0';
        for (int k = 0; k < 6; k++) {
            const char *style = "";
            if (rng_unit(&r) < 0.5) {
                style = rng_unit(&r) < (high ? 0.85 : 0.15) ? pick(&r, high_words, 4)
                                                            : pick(&r, low_words, 4);
            }
            used += (size_t)snprintf(m->text[i] + used, MAX_TEXT - used, "%s %s %s %s. ",
                                     pick(&r, subjects, 6), pick(&r, verbs, 6),
                                     pick(&r, objects, 6), style);
        }
        snprintf(m->question[i], sizeof m->question[i], "question %zu", i % 24);
        m->t[i] = (train_text){m->text[i], m->question[i], high ? 100 : 0};
    }
}

/* ---- the solver ------------------------------------------------------------------------------ */

/* sum_i (i+1) (x_i - i)^2 + sum_i (x_i - i)^4: the minimum is at x_i = i. */
static double bowl(void *ud, const double *x, double *g)
{
    double sum = 0;
    for (size_t i = 0; i < *(size_t *)ud; i++) {
        const double d = x[i] - (double)i, a = (double)(i + 1);
        sum += a * d * d + d * d * d * d;
        g[i] = 2 * a * d + 4 * d * d * d;
    }
    return sum;
}

static double not_finite(void *ud, const double *x, double *g)
{
    (void)ud;
    (void)x;
    g[0] = 1;
    return (double)NAN;
}

static void solver(void **state)
{
    (void)state;
    double x[50] = {0};
    size_t n = 50;
    lbfgs_result r;
    const persona_cancel c = {1};
    lbfgs_task task = {.fn = bowl, .ud = &n, .tolerance = 1e-9, .max_iterations = 500};
    assert_int_equal(lbfgs(&task, x, n, &r, NULL), PERSONA_OK);
    assert_true(r.gradient <= 1e-9 && r.n_iterations < 200 && r.value < 1e-12);
    for (size_t i = 0; i < n; i++) {
        assert_true(fabs(x[i] - (double)i) < 1e-8);
    }
    task.fn = not_finite;
    assert_int_equal(lbfgs(&task, x, 1, &r, NULL), PERSONA_E_NUMERIC);
    x[0] = 9;
    task.fn = bowl;
    task.cancel = &c;
    assert_int_equal(lbfgs(&task, x, n, &r, NULL), PERSONA_E_CANCELED);
}

/* ---- an axis --------------------------------------------------------------------------------- */

static void against_numpy(void **state)
{
    (void)state;
    json_doc *doc = golden_open("golden_classifier.json");
    const json_val *root = json_root(doc), *texts = json_get(root, "texts"), *fits;
    const json_val *names = json_get(root, "ngrams");
    train_text t[64];
    train_opts o = train_defaults();
    trained_axis a;
    persona_err e = {0};
    const size_t n = json_len(texts);
    for (size_t i = 0; i < n; i++) {
        t[i] = (train_text){json_string(json_at(texts, i)), NULL,
                            json_number(json_at(json_get(root, "labels"), i), -1)};
    }
    if (train_axis(t, n, &o, NULL, &a, &e) != PERSONA_OK) {
        fail_msg("%s", e.msg);
    }
    assert_int_equal(a.report.n_candidates, json_len(names));
    fits = json_get(root, "fits");
    bool found = false;
    for (size_t k = 0; k < json_len(fits); k++) {
        const json_val *f = json_at(fits, k);
        if (fabs(golden_number(f, "l2") / a.report.l2 - 1) > 1e-9) {
            continue;
        }
        found = true;
        golden_near("bias", a.bias, golden_number(f, "bias"), 2e-3);
        for (size_t i = 0, at = 0; i < json_len(names); i++) {
            const double w = json_number(json_at(json_get(f, "weights"), i), (double)NAN);
            const bool here = at < a.n && strcmp(a.grams[at], json_string(json_at(names, i))) == 0;
            if (fabs((here ? a.weights[at] : 0) - w) > 5e-3 + 1e-3 * fabs(w)) {
                fail_msg("weight of '%s': %g, expected %g", json_string(json_at(names, i)),
                         here ? a.weights[at] : 0, w);
            }
            at += here;
        }
    }
    assert_true(found);
    trained_axis_clear(&a);
    json_free(doc);
}

static persona_code train_file(const made *m, const train_opts *o, const char *path, axis_report *r,
                               coherence_report *cr, persona_err *e)
{
    static const char *const traits[] = {"silly"};
    trained_axis a;
    coherence_model c = {0};
    persona_code rc = train_axis(m->t, N, o, NULL, &a, e);
    if (rc == PERSONA_OK) {
        rc = train_coherence(m->t, N, o->seed, &c, cr, e);
    }
    static const double neutral[] = {0};
    const classifier_draft d = {.name = "mine",
                                .opts = o,
                                .traits = traits,
                                .axes = &a,
                                .neutral = neutral,
                                .n_axes = 1,
                                .labels_by = "G",
                                .texts = "0123456789abcdef",
                                .coherence = &c,
                                .report = cr};
    if (rc == PERSONA_OK) {
        rc = classifier_write(path, &d, e);
    }
    *r = a.report;
    trained_axis_clear(&a);
    mem_free(c.filter);
    return rc;
}

static void held_out(void **state)
{
    (void)state;
    static made m, other;
    static double high[N], low[N];
    size_t n_high = 0, n_low = 0, agree = 0;
    axis_report r;
    coherence_report cr;
    persona_err e = {0};
    classifier *c = NULL;
    train_opts o = train_defaults();
    float score = 0, clean = 0, salad = 0;
    make(&m, 1, 0.25); /* unbalanced */
    make(&other, 2, 0.5);
    const char *path = scratch_path("mine.json");
    if (train_file(&m, &o, path, &r, &cr, &e) != PERSONA_OK ||
        classifier_read(path, &c, &e) != PERSONA_OK) {
        fail_msg("%s", e.msg);
    }
    for (size_t i = 0; i < N; i++) {
        assert_int_equal(classifier_score(c, "silly", other.text[i], &score, &e), PERSONA_OK);
        const bool is_high = other.t[i].label > 50;
        agree += (score >= 50) == is_high;
        if (is_high) {
            high[n_high++] = (double)score;
        } else {
            low[n_low++] = (double)score;
        }
    }
    const double auroc = stat_auroc(high, n_high, low, n_low);
    /* what was promised on held-out questions arrives on other texts */
    if (!(auroc > 0.9 && fabs(auroc - r.auroc) < 0.06 && (double)agree / N > 0.8)) {
        fail_msg("auroc %g, promised %g; agreement %zu of %d", auroc, r.auroc, agree, N);
    }
    assert_int_equal(r.n, N);
    assert_int_equal(r.n_groups, 24);
    assert_true(r.n_high > 40 && r.n_high < 80 && r.accuracy > 0.8 && r.spearman > 0.5);
    assert_true(r.n_by_question > 12 && r.n_by_question <= 24 && r.by_question > 0.5);
    /* and the file says so */
    const axis_facts *f = classifier_facts(c, "silly");
    assert_true(f->n == N && f->n_groups == 24 && f->neutral == 0);
    assert_true(fabs(f->spearman - r.spearman) < 1e-6 && fabs(f->same_side - r.accuracy) < 1e-6);
    assert_string_equal(classifier_origin_of(c)->labels_by, "G");
    assert_string_equal(classifier_origin_of(c)->labels_of, "");
    assert_string_equal(classifier_origin_of(c)->texts, "0123456789abcdef");

    assert_true(cr.auroc > 0.95 && cr.clean > 85 && cr.shuffled < 50 && cr.looped < 50);
    assert_int_equal(classifier_coherence(c, other.text[0], &clean, &e), PERSONA_OK);
    assert_int_equal(classifier_coherence(
                         c, "roses the . giggle my needs train hour soft ; town old a", &salad, &e),
                     PERSONA_OK);
    assert_true(clean > 80 && salad < 40);
    classifier_free(c);
}

/* Labels without any relation to texts: the report must say so, whatever was fitted. */
static void nothing_to_learn(void **state)
{
    (void)state;
    static made m;
    trained_axis a;
    rng r;
    persona_err e = {0};
    const train_opts o = train_defaults();
    make(&m, 5, 0.5);
    rng_seed(&r, 9, 9);
    for (size_t i = 0; i < N; i++) {
        m.t[i].label = rng_below(&r, 2) * 100;
    }
    assert_int_equal(train_axis(m.t, N, &o, NULL, &a, &e), PERSONA_OK);
    assert_true(a.report.auroc > 0.35 && a.report.auroc < 0.65);
    trained_axis_clear(&a);
}

/* An answer repeated under both questions would tell its label: groups must stay together. */
static void groups(void **state)
{
    (void)state;
    static const char *const keys[] = {"b", NULL, "a", "b", NULL, "a", "b"};
    static const size_t expected[] = {0, 1, 2, 0, 3, 2, 0};
    size_t group[7], fold[7];
    const signed char side[7] = {1, -1, -1, 1, 1, 0, -1};
    assert_int_equal(folds_group(keys, 7, group), 4);
    assert_memory_equal(group, expected, sizeof group);
    assert_int_equal(folds_deal(group, 4, side, 7, 2, 0, fold, NULL), PERSONA_OK);
    assert_true(fold[0] == fold[3] && fold[3] == fold[6] && fold[2] == fold[5]);
    const signed char one_sided[7] = {1, -1, -1, 1, 0, 0, -1};
    persona_err e = {0};
    assert_int_equal(folds_deal(group, 4, one_sided, 7, 2, 0, fold, &e), PERSONA_E_SHAPE);
}

static void same_bytes(void **state)
{
    (void)state;
    static made m;
    char *text[3] = {NULL};
    size_t len[3];
    axis_report r;
    coherence_report cr;
    persona_err e = {0};
    train_opts o = train_defaults();
    make(&m, 3, 0.5);
    for (size_t i = 0; i < 3; i++) {
        const char *path = scratch_path("same.json");
        o.seed = i == 2;
        assert_int_equal(train_file(&m, &o, path, &r, &cr, &e), PERSONA_OK);
        assert_int_equal(file_read(path, 1 << 24, &text[i], &len[i], &e), PERSONA_OK);
    }
    assert_true(len[0] == len[1] && memcmp(text[0], text[1], len[0]) == 0);
    assert_true(len[0] != len[2] || memcmp(text[0], text[2], len[0]) != 0); /* folds are seeded */
    for (size_t i = 0; i < 3; i++) {
        mem_free(text[i]);
    }
}

static void refusals(void **state)
{
    (void)state;
    static made m;
    trained_axis a;
    coherence_model c;
    coherence_report cr;
    persona_err e = {0};
    train_opts o = train_defaults();
    make(&m, 4, 0.5);
    assert_int_equal(train_axis(m.t, 4, &o, NULL, &a, &e), PERSONA_E_SHAPE);
    assert_int_equal(train_coherence(m.t, 19, 0, &c, &cr, &e), PERSONA_E_SHAPE);
    for (size_t i = 0; i < N; i++) {
        m.t[i].question = "one";
    }
    assert_int_equal(train_axis(m.t, N, &o, NULL, &a, &e), PERSONA_E_SHAPE);
    assert_non_null(strstr(e.msg, "question"));
    persona_cancel cancel = {1};
    const persona_hooks hooks = {.cancel = &cancel};
    for (size_t i = 0; i < N; i++) {
        m.t[i].question = NULL;
    }
    assert_int_equal(train_axis(m.t, N, &o, &hooks, &a, &e), PERSONA_E_CANCELED);
    trained_axis_clear(&a);
    o.orders[1] = 9;
    assert_int_equal(train_axis(m.t, N, &o, NULL, &a, &e), PERSONA_E_USAGE);
}

static void out_of_memory(void **state)
{
    (void)state;
    static made m;
    const train_opts o = train_defaults();
    make(&m, 6, 0.5);
    for (size_t k = 1; k < 4000; k += k < 60 ? 1 : 131) {
        trained_axis a;
        coherence_model c = {0};
        coherence_report cr;
        persona_err e = {0};
        persona_mem_fail_at(k);
        persona_code rc = train_axis(m.t, 40, &o, NULL, &a, &e);
        if (rc == PERSONA_OK) {
            rc = train_coherence(m.t, 40, 0, &c, &cr, &e);
        }
        persona_mem_fail_at(0);
        if (rc != PERSONA_OK && rc != PERSONA_E_NOMEM) {
            fail_msg("allocation %zu: code %d, %s", k, (int)rc, e.msg);
        }
        trained_axis_clear(&a);
        mem_free(c.filter);
    }
}

/* ---- labelled answers ------------------------------------------------------------------------ */

static void reads_labels(void **state)
{
    (void)state;
    labels l = {0};
    persona_err e = {0};
    const char *path = scratch_text(
        "l.jsonl", "{\"trait\":\"silly\",\"question\":\"Q\",\"response\":\"R\",\"label\":70.5}\n"
                   " \r\n\n"
                   "{\"trait\":\"evil\",\"messages\":[{\"role\":\"user\",\"content\":\"A\"},"
                   "{\"role\":\"user\",\"content\":\"B\"}],\"response\":\"\",\"polarity\":"
                   "\"negative\",\"coherence\":12,\"more\":{}}\r\n"
                   "{\"trait\":\"silly\",\"response\":\"R2\",\"polarity\":\"positive\"}");
    if (labels_read(path, NULL, &l, &e) != PERSONA_OK) {
        fail_msg("%s", e.msg);
    }
    assert_int_equal(l.n, 3);
    assert_string_equal(l.p[0].question, "Q");
    assert_true(l.p[0].label == 70.5F && isnan(l.p[0].coherence) && l.p[0].neutral == 50);
    assert_string_equal(l.p[1].question, "B");
    assert_true(l.p[1].label == 0 && l.p[1].coherence == 12);
    assert_null(l.p[2].question);
    assert_true(l.p[2].label == 100);
    assert_int_equal(labels_read(path, "evil", &l, &e), PERSONA_OK); /* adds */
    assert_int_equal(l.n, 4);
    labels_clear(&l);
    path = scratch_text("t.jsonl", "{\"response\":\"R\",\"label\":1}");
    assert_int_equal(labels_read(path, "calm", &l, &e), PERSONA_OK);
    assert_string_equal(l.p[0].trait, "calm");
    labels_clear(&l);
}

#define HEADER "question,prompt,answer,question_id,silly,coherence\n"
#define ROWS                                                                                       \
    HEADER "Soup?,raw,\"Yes, "                                                                     \
           "a\n\"\"soup\"\"\",silly_0_pos_0,88.5,99\nSoup?,raw,No,silly_0_neg_0,,97\n"             \
           "Tea?,raw,Hm,silly_1_neg_0,0,\n"

/* The published CSV, with or without its name, and a byte order mark before it. */
static void reads_csv_labels(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text;
    } files[] = {{"l.csv", ROWS}, {"l.txt", ROWS}, {"marked", "\xef\xbb\xbf" ROWS}};
    for (size_t i = 0; i < 3; i++) {
        labels l = {0};
        persona_err e = {0};
        const char *path = scratch_text(files[i].name, files[i].text);
        if (labels_read(path, NULL, &l, &e) != PERSONA_OK) {
            fail_msg("%s: %s", files[i].name, e.msg);
        }
        assert_true(l.n == 2 && l.n_unscored == 1);
        assert_string_equal(l.p[0].trait, "silly");
        assert_string_equal(l.p[0].question, "Soup?");
        assert_string_equal(l.p[0].response, "Yes, a\n\"soup\"");
        assert_true(l.p[0].label == 88.5F && l.p[0].coherence == 99 && l.p[0].neutral == 0);
        assert_true(l.p[1].label == 0 && isnan(l.p[1].coherence));
        assert_int_equal(labels_read(path, "silly", &l, &e), PERSONA_OK); /* adds */
        assert_true(l.n == 4 && l.n_unscored == 2);
        assert_int_equal(labels_read(path, "evil", &l, &e), PERSONA_OK); /* nothing is about it */
        assert_true(l.n == 4 && l.n_unscored == 2);
        labels_clear(&l);
    }
    /* an answer with both words in it is no header */
    labels l = {0};
    assert_int_equal(
        labels_read(scratch_text("marked", "\xef\xbb\xbf{\"prompt\":\"answer\",\"response\":"
                                           "\"R\",\"trait\":\"silly\",\"label\":1}"),
                    NULL, &l, NULL),
        PERSONA_OK);
    assert_true(l.n == 1 && l.p[0].neutral == 50);
    labels_clear(&l);
}

static void bad_csv_labels(void **state)
{
    (void)state;
    static const struct {
        const char *text, *word;
    } cases[] = {
        {HEADER "Soup?,raw,A,silly_0_pos_0,101,9\n", "bad.csv:2: field 'silly' is '101'"},
        {HEADER "Soup?,raw,A,silly_0_pos_0,high,9\n", "bad.csv:2: field 'silly' is 'high'"},
        {HEADER "Soup?,raw,A,evil_0_pos_0,1,9\n", "no column 'evil'"},
        {HEADER "Soup?,raw,A,silly_0_pos_0,1\n", "bad.csv:2: has 5 fields"},
        {HEADER "Soup?,raw,A,silly_0_pos_0,1,9\nTea?,raw,A,evil_0_pos_0,1,9\n",
         "bad.csv:3: field 'question_id'"},
        {"question,prompt\n", "no column 'answer'"},
        {"", "is empty"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        labels l = {0};
        persona_err e = {0};
        const persona_code rc = labels_read(scratch_text("bad.csv", cases[i].text), NULL, &l, &e);
        labels_clear(&l);
        if (rc != PERSONA_E_FORMAT || !strstr(e.msg, cases[i].word)) {
            fail_msg("case %zu: code %d, \"%s\"", i, (int)rc, e.msg);
        }
    }
}

static void labels_out_of_memory(void **state)
{
    (void)state;
    const char *path = scratch_text("l.csv", ROWS);
    for (size_t k = 1; k < 400; k++) {
        labels l = {0};
        persona_mem_fail_at(k);
        const persona_code rc = labels_read(path, NULL, &l, NULL);
        persona_mem_fail_at(0);
        labels_clear(&l);
        if (rc == PERSONA_OK) {
            return;
        }
        assert_int_equal(rc, PERSONA_E_NOMEM);
    }
    fail_msg("never enough memory");
}

static void bad_labels(void **state)
{
    (void)state;
    static const struct {
        const char *line, *word;
    } cases[] = {
        {"{", ""},
        {"[]", "object"},
        {"{\"response\":\"R\",\"label\":1}", "trait"},
        {"{\"trait\":1,\"response\":\"R\",\"label\":1}", "trait"},
        {"{\"trait\":\"\",\"response\":\"R\",\"label\":1}", "trait"},
        {"{\"trait\":\"silly\",\"label\":1}", "response"},
        {"{\"trait\":\"silly\",\"response\":\"R\"}", "label"},
        {"{\"trait\":\"silly\",\"response\":\"R\",\"label\":101}", "label"},
        {"{\"trait\":\"silly\",\"response\":\"R\",\"label\":\"50\"}", "label"},
        {"{\"trait\":\"silly\",\"response\":\"R\",\"polarity\":\"yes\"}", "polarity"},
        {"{\"trait\":\"silly\",\"response\":\"R\",\"label\":1,\"coherence\":-1}", "coherence"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[400];
        labels l = {0};
        persona_err e = {0};
        snprintf(text, sizeof text,
                 "{\"trait\":\"a\",\"response\":\"R\",\"label\":1}\n\n%s\n{\"trait\":\"a\"}\n",
                 cases[i].line);
        const persona_code rc = labels_read(scratch_text("bad.jsonl", text), NULL, &l, &e);
        if (rc != PERSONA_E_FORMAT || !strstr(e.msg, "bad.jsonl:3") ||
            !strstr(e.msg, cases[i].word)) {
            fail_msg("case %zu: code %d, \"%s\"", i, (int)rc, e.msg);
        }
        labels_clear(&l);
    }
    labels l = {0};
    assert_int_equal(labels_read(scratch_path("absent"), NULL, &l, NULL), PERSONA_E_NOTFOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(solver),
        cmocka_unit_test(against_numpy),
        cmocka_unit_test(held_out),
        cmocka_unit_test(nothing_to_learn),
        cmocka_unit_test(groups),
        cmocka_unit_test(same_bytes),
        cmocka_unit_test(refusals),
        cmocka_unit_test(out_of_memory),
        cmocka_unit_test(reads_labels),
        cmocka_unit_test(bad_labels),
        cmocka_unit_test(reads_csv_labels),
        cmocka_unit_test(bad_csv_labels),
        cmocka_unit_test(labels_out_of_memory),
    };
    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
