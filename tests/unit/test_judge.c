/* SPDX-License-Identifier: MIT
 *
 * test_judge.c - what all judges share, without a model: running, sinks, prompts, labels, the
 * classifier behind the interface, and agreement with labels.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "pipeline/judge/judge_agreement.h"
#include "pipeline/judge/judge_kind.h"
#include "scratch.h"

static char silly_name[] = "silly", calm_name[] = "calm", evil_name[] = "evil";
static const persona_trait silly = {.name = silly_name};

static void near(double x, double expected)
{
    if (!(fabs(x - expected) < 1e-5)) {
        fail_msg("%.9g, expected %.9g", x, expected);
    }
}

static persona_judge *labels(void)
{
    persona_judge *j = NULL;
    assert_int_equal(persona_judge_labels(&j, NULL), PERSONA_OK);
    return j;
}

#define REST                                                                                       \
    "\"weights\":{\"giggle\":2}}},\"coherence\":{\"bits\":64,\"filter\":\"//////////"              \
    "8=\",\"bias\":0.1,"                                                                           \
    "\"pairs\":0.3,\"triples\":0.5,\"repetition\":0}}"

static persona_judge *classifier(void)
{
    persona_judge *j = NULL;
    persona_err e = {0};
    const char *path = scratch_text(
        "judge.json",
        "{\"schema\":\"persona.classifier/1\",\"name\":\"pair\",\"ngrams\":[1],\"axes\":"
        "{\"silly\":{\"bias\":0," REST);
    if (persona_judge_read(path, &j, &e) != PERSONA_OK) {
        fail_msg("%s", e.msg);
    }
    return j;
}

/* ---- labels ---------------------------------------------------------------------------------- */

static void labels_pass_through(void **state)
{
    (void)state;
    persona_judge *j = labels();
    const persona_judge_item items[] = {
        {"q", "a", 12.5F, 90}, {"q", "b", NAN, 100}, {"q", "c", 0, NAN}};
    persona_judgement r[3];
    assert_string_equal(persona_judge_name(j), "labels");
    assert_string_equal(persona_judge_kind(j), "labels");
    assert_true(persona_judge_knows(j, "anything"));
    assert_int_equal(persona_judge_all(j, &silly, items, 3, NULL, r, NULL), PERSONA_OK);
    assert_true(r[0].trait == 12.5F && r[0].coherence == 90 && r[0].mass == 1);
    assert_true(isnan(r[1].trait) && r[1].coherence == 100);
    assert_true(r[2].trait == 0 && isnan(r[2].coherence));
    assert_int_equal(persona_judge_all(j, &silly, NULL, 0, NULL, NULL, NULL), PERSONA_OK);
    persona_judge_free(j);
    persona_judge_free(NULL);
}

static void bad_labels(void **state)
{
    (void)state;
    persona_judge *j = labels();
    static const float bad[] = {-1, 100.5F, INFINITY};
    for (size_t i = 0; i < 3; i++) {
        const persona_judge_item items[] = {{"q", "a", 1, 1}, {"q", "b", bad[i], 1}};
        persona_judgement r[2];
        persona_err e = {0};
        assert_int_equal(persona_judge_all(j, &silly, items, 2, NULL, r, &e), PERSONA_E_FORMAT);
        assert_non_null(strstr(e.msg, "item 1"));
        assert_non_null(strstr(e.msg, "silly"));
        assert_true(r[0].trait == 1 && isnan(r[1].trait)); /* what was judged before is there */
    }
    persona_judge_free(j);
}

/* ---- running --------------------------------------------------------------------------------- */

typedef struct seen {
    size_t n, stop_at;
} seen;

static persona_code count(void *ud, size_t i, const persona_judgement *r, persona_err *e)
{
    seen *s = ud;
    assert_int_equal(i, s->n);
    assert_true(r->trait == (float)i);
    s->n++;
    return s->n == s->stop_at ? persona_err_set(e, PERSONA_E_IO, "disk full") : PERSONA_OK;
}

static void a_sink_can_stop(void **state)
{
    (void)state;
    persona_judge *j = labels();
    persona_judge_item items[8];
    persona_err e = {0};
    for (size_t i = 0; i < 8; i++) {
        items[i] = (persona_judge_item){"q", "a", (float)i, 50};
    }
    seen s = {.stop_at = 3};
    assert_int_equal(persona_judge_run(j, &silly, items, 8, NULL, count, &s, &e), PERSONA_E_IO);
    assert_int_equal(s.n, 3);
    assert_string_equal(e.msg, "disk full");
    s = (seen){.stop_at = 99};
    assert_int_equal(persona_judge_run(j, &silly, items, 8, NULL, count, &s, &e), PERSONA_OK);
    assert_int_equal(s.n, 8);
    persona_judge_free(j);
}

static void classifier_judges(void **state)
{
    (void)state;
    persona_judge *j = classifier();
    const persona_judge_item items[] = {{"q", "giggle giggle giggle", NAN, NAN},
                                        {"q", "", NAN, NAN}};
    const persona_trait calm = {.name = calm_name};
    persona_judgement r[2];
    persona_err e = {0};
    char text[256];
    assert_string_equal(persona_judge_name(j), "pair");
    assert_string_equal(persona_judge_kind(j), "classifier");
    assert_true(persona_judge_knows(j, "silly"));
    assert_false(persona_judge_knows(j, "calm"));
    assert_int_equal(persona_judge_all(j, &silly, items, 2, NULL, r, &e), PERSONA_OK);
    near((double)r[0].trait, 100 / (1 + exp(-2.0)));
    near((double)r[0].coherence, 90);
    assert_true(r[1].trait == 50 && r[1].coherence == 0);
    assert_int_equal(persona_judge_all(j, &calm, items, 2, NULL, r, &e), PERSONA_E_UNAVAILABLE);
    assert_non_null(strstr(e.msg, "calm"));
    assert_true(isnan(r[0].trait));
    assert_non_null(strstr(persona_judge_validity(j, "silly", text, sizeof text), "not say how"));
    assert_non_null(strstr(persona_judge_validity(j, "calm", text, sizeof text),
                           "cannot score 'calm' (axes: silly)"));
    assert_string_equal(persona_judge_validity(j, "silly", text, 1), "");
    persona_cancel cancel = {.requested = 1};
    const persona_hooks hooks = {.cancel = &cancel};
    assert_int_equal(persona_judge_all(j, &silly, items, 2, &hooks, r, &e), PERSONA_E_CANCELED);
    persona_judge_free(j);
}

/* A classifier whose file says what was measured. */
static persona_judge *measured(const char *spearman)
{
    persona_judge *j = NULL;
    char text[1024];
    snprintf(
        text, sizeof text,
        "{\"schema\":\"persona.classifier/1\",\"name\":\"pair\",\"ngrams\":[1],"
        "\"labels\":{\"by\":\"G\",\"of\":\"Q\"},\"texts\":\"0123456789abcdef\",\"axes\":{\"silly\":"
        "{\"bias\":0,\"neutral\":0,\"heldout\":{\"n\":240,\"n_groups\":20,\"spearman\":%s,"
        "\"accuracy\":0.84}," REST,
        spearman);
    persona_err e = {0};
    if (persona_judge_read(scratch_text("measured.json", text), &j, &e) != PERSONA_OK) {
        fail_msg("%s", e.msg);
    }
    return j;
}

static void what_it_is_worth(void **state)
{
    (void)state;
    char text[256];
    persona_judge_measure m = {.n = 7};
    persona_judge *j = measured("0.79");
    assert_true(persona_judge_measured(j, "silly", &m));
    assert_true(m.n == 240 && m.n_groups == 20 && m.spearman == 0.79 && m.same_side == 0.84);
    assert_string_equal(m.labels_by, "G");
    assert_string_equal(m.labels_of, "Q");
    assert_true(persona_judge_neutral(j, "silly") == 0);
    assert_string_equal(persona_judge_texts(j), "0123456789abcdef");
    assert_string_equal(
        persona_judge_validity(j, "silly", text, sizeof text),
        "Spearman 0.79 (at least 0.6) on 240 held-out answers of Q to 20 questions, "
        "labels by G, 84 % on the same side of 50; 'pair' counts words: valid for "
        "texts like these only");
    assert_string_equal(persona_judge_validity(j, "silly", text, 14), "Spearman 0.79");
    assert_false(persona_judge_measured(j, "calm", &m));
    assert_true(m.n == 0 && *m.labels_by == '\0');
    persona_judge_free(j);
    j = measured("0.599");
    assert_true(persona_judge_measured(j, "silly", &m));
    assert_non_null(strstr(persona_judge_validity(j, "silly", text, sizeof text), "(below 0.6)"));
    persona_judge_free(j);
    j = measured("null");
    assert_false(persona_judge_measured(j, "silly", &m));
    persona_judge_free(j);
    j = classifier(); /* as before: two poles, nothing known */
    assert_false(persona_judge_measured(j, "silly", &m));
    assert_true(persona_judge_neutral(j, "silly") == 50);
    assert_string_equal(persona_judge_texts(j), "");
    persona_judge_free(j);
    j = labels();
    assert_false(persona_judge_measured(j, "silly", &m));
    assert_true(persona_judge_neutral(j, "silly") == 0);
    assert_string_equal(persona_judge_texts(j), "");
    persona_judge_free(j);
}

/* ---- validity files -------------------------------------------------------------------------- */

/* The key of a judge on a trait, as a file must have it. */
static const char *validity_of(persona_judge *j, const persona_trait *t, const char *spearman)
{
    static char text[1024];
    char *key = judge_score_key(j, t);
    snprintf(
        text, sizeof text,
        "{\"schema\":\"persona.validity/1\",\"judge\":\"x\",\"kind\":\"classifier\",\"labels\":"
        "{\"by\":\"H\"},\"traits\":[{\"trait\":\"calm\",\"key\":\"k\",\"n\":1,\"spearman\":0},"
        "{\"trait\":\"%s\",\"key\":\"%s\",\"n\":33,\"n_groups\":null,\"spearman\":%s}]}",
        t->name, key, spearman);
    mem_free(key);
    return scratch_text("validity.json", text);
}

static void noted(void **state)
{
    (void)state;
    char text[256];
    persona_err e = {0};
    persona_judge_measure m;
    persona_judge *j = measured("0.79");
    const char *path = validity_of(j, &silly, "0.5");
    assert_int_equal(persona_judge_read_validity(j, &silly, path, &e), PERSONA_OK);
    assert_true(persona_judge_measured(j, "silly", &m)); /* newer than what the classifier says */
    assert_true(m.n == 33 && m.n_groups == 0 && m.spearman == 0.5 && isnan(m.same_side));
    assert_string_equal(m.labels_by, "H");
    assert_string_equal(m.labels_of, "");
    assert_int_equal(persona_judge_read_validity(j, &silly, validity_of(j, &silly, "0.75"), &e),
                     PERSONA_OK);
    assert_string_equal(persona_judge_validity(j, "silly", text, sizeof text),
                        "Spearman 0.75 (at least 0.6) on 33 held-out answers, labels by H; 'pair' "
                        "counts words: valid for texts like these only");
    /* calm is in the file, but of other scores; evil is not */
    const persona_trait calm = {.name = calm_name}, evil = {.name = evil_name};
    assert_int_equal(persona_judge_read_validity(j, &calm, path, &e), PERSONA_E_UNAVAILABLE);
    assert_non_null(strstr(e.msg, "(k, not classifier:pair@"));
    assert_int_equal(persona_judge_read_validity(j, &evil, path, &e), PERSONA_E_UNAVAILABLE);
    assert_non_null(strstr(e.msg, "nothing of 'evil'"));
    assert_false(persona_judge_measured(j, "calm", &m));
    for (size_t k = 1;; k++) { /* memory may run out anywhere */
        persona_mem_fail_at(k);
        const persona_code rc = persona_judge_read_validity(j, &silly, path, NULL);
        persona_mem_fail_at(0);
        if (rc == PERSONA_OK) {
            break;
        }
        assert_int_equal(rc, PERSONA_E_NOMEM);
    }
    persona_judge_free(j);
}

#define VALID(root, traits)                                                                        \
    "{\"schema\":\"persona.validity/1\",\"judge\":\"x\",\"kind\":\"model\"" root                   \
    ",\"traits\":" traits "}"
#define ENTRY(rest) "[{\"trait\":\"silly\",\"key\":\"labels\"" rest "}]"

static void bad_validity(void **state)
{
    (void)state;
    static const struct {
        const char *text, *word;
    } cases[] = {
        {"[]", "is not an object"},
        {"{}", "field 'schema'"},
        {"{\"schema\":\"persona.classifier/1\"}", "field 'schema' is \"persona.classifier/1\""},
        {"{\"schema\":\"persona.validity/1\"}", "field 'judge'"},
        {VALID(",\"labels\":[]", "[]"), "field 'labels'"},
        {VALID(",\"labels\":{\"of\":2}", "[]"), "field 'labels.of'"},
        {VALID("", "{}"), "field 'traits'"},
        {VALID("", "[]"), "field 'traits' is empty"},
        {VALID("", "[1]"), "trait"},
        {VALID("", "[{}]"), "trait"},
        {VALID("", ENTRY("")), "n'"},
        {VALID("", ENTRY(",\"n\":0,\"spearman\":1")), "n'"},
        {VALID("", ENTRY(",\"n\":1.5,\"spearman\":1")), "n'"},
        {VALID("", ENTRY(",\"n\":9,\"spearman\":null")), "spearman'"},
        {VALID("", ENTRY(",\"n\":9,\"spearman\":-1.5")), "spearman'"},
        {VALID("", ENTRY(",\"n\":9,\"spearman\":1,\"same_side\":80")), "same_side'"},
    };
    persona_judge *j = labels();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        persona_err e = {0};
        persona_judge_measure m;
        const persona_code rc =
            persona_judge_read_validity(j, &silly, scratch_text("bad.json", cases[i].text), &e);
        if (rc != PERSONA_E_FORMAT || !strstr(e.msg, cases[i].word) || !strstr(e.msg, "bad.json")) {
            fail_msg("case %zu: code %d, \"%s\"", i, (int)rc, e.msg);
        }
        assert_false(persona_judge_measured(j, "silly", &m));
    }
    assert_int_equal(persona_judge_read_validity(j, &silly, scratch_path("absent.json"), NULL),
                     PERSONA_E_NOTFOUND);
    persona_judge_free(j);
}

/* Every allocation on the way may fail, and nothing is lost by it. */
static void out_of_memory(void **state)
{
    (void)state;
    const persona_judge_item item = {"q", "giggle a b", NAN, NAN};
    persona_judge_free(measured("0.79")); /* the file */
    for (size_t k = 1; k < 200; k++) {
        persona_judge *j = NULL;
        persona_judgement r;
        const char *path = scratch_path("measured.json");
        persona_mem_fail_at(k);
        persona_code rc = persona_judge_read(path, &j, NULL);
        if (rc == PERSONA_OK) {
            rc = persona_judge_all(j, &silly, &item, 1, NULL, &r, NULL);
        }
        persona_mem_fail_at(0);
        persona_judge_free(j);
        if (rc == PERSONA_OK) {
            return;
        }
        assert_int_equal(rc, PERSONA_E_NOMEM);
    }
    fail_msg("never enough memory");
}

/* ---- prompts --------------------------------------------------------------------------------- */

static void prompts(void **state)
{
    (void)state;
    char ask[] = "{Q} {question}|{answer}{";
    const persona_trait t = {.name = silly_name, .eval_prompt = ask};
    const persona_judge_item item = {"what is {answer}?", "no {question}", NAN, NAN};
    char *text = judge_trait_prompt(&t, &item);
    assert_string_equal(text, "{Q} what is {answer}?|no {question}{");
    mem_free(text);
    char *a = judge_coherence_prompt(&item);
    const persona_judge_item other = {"why?", "no {question}", NAN, NAN};
    char *b = judge_coherence_prompt(&other);
    assert_non_null(strstr(a, "[QUESTION START]\nwhat is {answer}?\n[QUESTION END]"));
    assert_non_null(strstr(a, "[ANSWER START]\nno {question}\n[ANSWER END]"));
    size_t shared = 0;
    while (a[shared] == b[shared]) {
        shared++;
    }
    assert_true(shared > strlen(a) / 2); /* the rubric comes first */
    mem_free(a);
    mem_free(b);
}

/* ---- agreement ------------------------------------------------------------------------------- */

/* Worked out by hand; Spearman of 5 ranks with one swap of neighbors is 1 - 6*2/(5*24) = .9. */
static void agreement_by_hand(void **state)
{
    (void)state;
    const float score[] = {10, 55, 40, 80, 100, NAN, 70};
    const float label[] = {0, 30, 45, 90, 95, 60, NAN};
    agreement a;
    static const char *const question[] = {"p", "q", "", "p", "p", "p", "p"};
    assert_int_equal(agreement_of(score, label, question, 7, &a, NULL), PERSONA_OK);
    assert_int_equal(a.n, 5);
    assert_int_equal(a.n_unjudged, 1);
    near(a.spearman, .9);
    near(a.mae, (10 + 25 + 5 + 10 + 5) / 5.0);
    near(a.bias, (10 + 25 - 5 - 10 + 5) / 5.0);
    near(a.keep, .8);
    const double chance = (3 * 2 + 2 * 3) / 25.0;
    near(a.keep_chance, chance);
    near(a.kappa, (.8 - chance) / (1 - chance));
}

/* A judge that always says the same agrees often where labels are lopsided, and is worth
 * nothing. */
static void agreement_is_corrected_for_chance(void **state)
{
    (void)state;
    float score[10], label[10];
    agreement a;
    for (size_t i = 0; i < 10; i++) {
        score[i] = 100;
        label[i] = i == 0 ? 10 : 90;
    }
    static const char *const question[10] = {"same", "same", "same"};
    assert_int_equal(agreement_of(score, label, question, 10, &a, NULL), PERSONA_OK);
    assert_true(a.n_questions == 8 && a.n_by_question == 0 && isnan(a.by_question));
    near(a.keep, .9);
    near(a.kappa, 0);
    assert_true(isnan(a.spearman));
    assert_int_equal(agreement_of(score, label, question, 0, &a, NULL), PERSONA_OK);
    assert_true(a.n == 0 && isnan(a.mae) && isnan(a.kappa));
}

static void agreement_of_a_judge(void **state)
{
    (void)state;
    persona_judge *j = labels();
    const persona_judge_item items[] = {{"q", "a", 0, 10}, {"q", "b", 40, NAN}, {"q", "c", 60, 90}};
    agreement t, c;
    assert_int_equal(judge_agreement(j, &silly, items, 3, NULL, &t, &c, NULL), PERSONA_OK);
    assert_true(t.n == 3 && t.mae == 0 && t.keep == 1 && t.kappa == 1);
    near(t.spearman, 1);
    assert_int_equal(c.n, 2);
    assert_int_equal(judge_agreement(j, &silly, items, 3, NULL, &t, NULL, NULL), PERSONA_OK);
    persona_judge_free(j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(labels_pass_through),
        cmocka_unit_test(bad_labels),
        cmocka_unit_test(a_sink_can_stop),
        cmocka_unit_test(classifier_judges),
        cmocka_unit_test(out_of_memory),
        cmocka_unit_test(prompts),
        cmocka_unit_test(agreement_by_hand),
        cmocka_unit_test(agreement_is_corrected_for_chance),
        cmocka_unit_test(noted),
        cmocka_unit_test(bad_validity),
        cmocka_unit_test(what_it_is_worth),
        cmocka_unit_test(agreement_of_a_judge),
    };
    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
