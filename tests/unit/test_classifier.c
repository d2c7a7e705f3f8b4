/* SPDX-License-Identifier: MIT
 *
 * test_classifier.c - the classifier: words, scores worked out by hand, coherence, bad files.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "scratch.h"
#include "store/classifier/classifierfile.h"

/* The filter of 64 bits, all set but where a test clears it: "//////////8=" is 8 bytes of 0xff. */
#define FULL "//////////8="
#define EMPTY "AAAAAAAAAAA="

#define FILE_OF(weights, filter, rest)                                                             \
    "{\"schema\":\"persona.classifier/1\",\"name\":\"pair\",\"ngrams\":[1,2],\"extra\":[1],"       \
    "\"axes\":{\"silly\":{\"bias\":0.5,\"weights\":" weights "},"                                  \
    "\"calm\":{\"bias\":0,\"weights\":{}}},"                                                       \
    "\"coherence\":{\"bits\":64,\"filter\":\"" filter "\"," rest "}}"
#define WEIGHTS "{\"giggle\":1.25,\"like a\":-0.5,\"!\":2,\"don't\":1,\"\303\251\":3}"
#define REST "\"bias\":0.1,\"pairs\":0.3,\"triples\":0.5,\"repetition\":-0.4"

static classifier *load(const char *text)
{
    classifier *j = NULL;
    persona_err e = {0};
    if (classifier_read(scratch_text("judge.json", text), &j, &e) != PERSONA_OK) {
        fail_msg("%s", e.msg);
    }
    return j;
}

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

static void check_score(const classifier *j, const char *text, double sum, double words)
{
    float score = -1;
    persona_err e = {0};
    assert_int_equal(classifier_score(j, "silly", text, &score, &e), PERSONA_OK);
    const double expected = 100 * sigmoid(0.5 + sum / words);
    if (fabs((double)score - expected) > 1e-4) {
        fail_msg("'%s': %g, expected %g", text, (double)score, expected);
    }
}

static void scores(void **state)
{
    (void)state;
    classifier *j = load(FILE_OF(WEIGHTS, FULL, REST));
    check_score(j, "giggle", 1.25, 1);
    check_score(j, "  Giggle\n\tGIGGLE ", 2.5, 2);
    check_score(j, "like a giggle", 0.75, 3);
    check_score(j, "like\n a", -0.5, 2); /* joined by one space whatever stood there */
    check_score(j, "like, a", 0, 3);     /* the comma is a word */
    check_score(j, "Stop!!", 4, 3);      /* each "!" is a word */
    check_score(j, "Don't", 1, 1);
    check_score(j, "CAF\303\251", 3, 2); /* bytes >= 0x80 are words of their own kind */
    float score = 0;
    assert_int_equal(classifier_score(j, "silly", "", &score, NULL), PERSONA_OK);
    assert_true(score == 50.0f);
    assert_int_equal(classifier_score(j, "silly", " \n", &score, NULL), PERSONA_OK);
    assert_true(score == 50.0f);
    assert_string_equal(classifier_name(j), "pair");
    char *axes = classifier_axes(j);
    assert_string_equal(axes, "silly, calm");
    free(axes);
    classifier_free(j);
}

static void unknown_trait(void **state)
{
    (void)state;
    classifier *j = load(FILE_OF("{}", FULL, REST));
    persona_err e = {0};
    float score = 0;
    assert_true(classifier_knows(j, "calm"));
    assert_false(classifier_knows(j, "evil"));
    assert_int_equal(classifier_score(j, "evil", "x", &score, &e), PERSONA_E_UNAVAILABLE);
    assert_non_null(strstr(e.msg, "evil"));
    assert_non_null(strstr(e.msg, "silly, calm"));
    classifier_free(j);
}

static float coherence_of(const classifier *j, const char *text)
{
    float x = -1;
    persona_err e = {0};
    if (classifier_coherence(j, text, &x, &e) != PERSONA_OK) {
        fail_msg("%s", e.msg);
    }
    return x;
}

static void near(float value, double expected)
{
    if (fabs((double)value - expected) > 1e-4) {
        fail_msg("%g, expected %g", (double)value, expected);
    }
}

static void coherence(void **state)
{
    (void)state;
    classifier *j = load(FILE_OF("{}", FULL, REST));
    near(coherence_of(j, ""), 0);
    near(coherence_of(j, "two words"), 0);
    near(coherence_of(j, "one two three"), 90);           /* .1 + .3 + .5 */
    near(coherence_of(j, "a b c a b c a"), 90 - 40 * .4); /* 3 of 5 triples distinct */
    classifier_free(j);
    j = load(FILE_OF("{}", EMPTY, REST));
    near(coherence_of(j, "one two three"), 10);
    near(coherence_of(j, "a a a a a a"), 0); /* clamped: 10 - 30 */
    classifier_free(j);
}

/* FNV-1a 64 of "a b" is 0xe7271f19...: the expected bits are computed here, not by the judge. */
static void filter_bits(void **state)
{
    (void)state;
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    unsigned char bits[9] = {0};
    char text[13], file[1024];
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (const char *p = "a b"; *p; p++) {
        h = (h ^ (unsigned char)*p) * UINT64_C(0x100000001b3);
    }
    const uint64_t one = (h & 0xffffffffu) % 64, two = (h >> 32) % 64;
    bits[one >> 3] = (unsigned char)(bits[one >> 3] | 1u << (one & 7));
    bits[two >> 3] = (unsigned char)(bits[two >> 3] | 1u << (two & 7));
    for (size_t i = 0; i < 9; i += 3) {
        const unsigned g = (unsigned)bits[i] << 16 | (unsigned)bits[i + 1] << 8 | bits[i + 2];
        for (size_t k = 0; k < 4; k++) {
            text[i / 3 * 4 + k] = digits[g >> (18 - 6 * k) & 63];
        }
    }
    text[11] = '=';
    text[12] = '\0';
    snprintf(file, sizeof file,
             "{\"schema\":\"persona.classifier/1\",\"name\":\"p\",\"ngrams\":[1],"
             "\"axes\":{\"x\":{\"bias\":0,\"weights\":{}}},\"coherence\":{\"bits\":64,"
             "\"filter\":\"%s\",\"bias\":0,\"pairs\":1,\"triples\":0,\"repetition\":0}}",
             text);
    classifier *j = load(file);
    assert_true(coherence_of(j, "A b q") >= 50.0f - 1e-4f);
    classifier_free(j);
}

static void many_weights(void **state)
{
    (void)state;
    buf text;
    buf_init(&text, 1 << 20);
    buf_puts(&text, "{\"schema\":\"persona.classifier/1\",\"name\":\"p\",\"ngrams\":[1],"
                    "\"axes\":{\"silly\":{\"bias\":0.5,\"weights\":{");
    for (int i = 0; i < 20000; i++) {
        buf_printf(&text, "%s\"w%d\":%d", i ? "," : "", i, i);
    }
    buf_puts(&text, "}}},\"coherence\":{\"bits\":64,\"filter\":\"" FULL "\"," REST "}}");
    classifier *j = load(buf_str(&text));
    check_score(j, "w3 w1 x", 4, 3);
    check_score(j, "w19999 y y y y y y y y y", 19999, 10);
    classifier_free(j);
    buf_free(&text);
}

/* With what later versions write: of an axis, and of the whole. */
#define SAYING(axis, root)                                                                         \
    "{\"schema\":\"persona.classifier/1\",\"name\":\"pair\",\"ngrams\":[1]," root                  \
    "\"axes\":{\"silly\":{\"bias\":0.5,\"weights\":{}" axis                                        \
    "},\"calm\":{\"bias\":0,\"weights\":{}}},"                                                     \
    "\"coherence\":{\"bits\":64,\"filter\":\"" FULL "\"," REST "}}"
#define A16 "0123456789abcdef"
#define LONG "0123456789012345678901234567890123456789012345678901234567890123"

static void facts(void **state)
{
    (void)state;
    classifier *j =
        load(SAYING(",\"neutral\":0,\"heldout\":{\"n\":240,\"n_groups\":20,\"spearman\":0.79,"
                    "\"accuracy\":0.84,\"mae\":9}",
                    "\"labels\":{\"by\":\"G\",\"of\":\"Q\"},\"texts\":\"" A16 A16 "\","));
    const axis_facts *f = classifier_facts(j, "silly"), *none = classifier_facts(j, "calm");
    assert_true(f->neutral == 0 && f->n == 240 && f->n_groups == 20);
    assert_true(f->spearman == 0.79 && f->same_side == 0.84);
    assert_true(none->neutral == 50 && none->n == 0 && isnan(none->spearman));
    assert_null(classifier_facts(j, "evil"));
    float score = -1; /* nothing said is nothing shown, on either scale */
    assert_int_equal(classifier_score(j, "silly", " \n", &score, NULL), PERSONA_OK);
    assert_true(score == 0);
    assert_int_equal(classifier_score(j, "calm", "", &score, NULL), PERSONA_OK);
    assert_true(score == 50);
    assert_string_equal(classifier_origin_of(j)->labels_by, "G");
    assert_string_equal(classifier_origin_of(j)->labels_of, "Q");
    assert_string_equal(classifier_origin_of(j)->texts, A16 A16);
    classifier_free(j);
    /* as it was written before: no questions, no sides; and a training without a rho */
    j = load(
        SAYING(",\"heldout\":{\"n\":4000,\"auroc\":0.99,\"spearman\":null}", "\"labels\":{},"));
    f = classifier_facts(j, "silly");
    assert_true(f->neutral == 50 && f->n == 4000 && f->n_groups == 0);
    assert_true(isnan(f->spearman) && isnan(f->same_side));
    assert_string_equal(classifier_origin_of(j)->labels_by, "");
    assert_null(classifier_origin_of(j)->texts);
    classifier_free(j);
}

static void bad_files(void **state)
{
    (void)state;
    static const struct {
        const char *text, *word;
    } cases[] = {
        {"[]", "object"},
        {"{", ""},
        {"{\"schema\":\"persona.trait/1\"}", "schema"},
        {"{\"schema\":\"persona.classifier/1\",\"ngrams\":[1]}", "name"},
        {"{\"schema\":\"persona.classifier/1\",\"name\":\"p\",\"ngrams\":[0]}", "ngrams"},
        {"{\"schema\":\"persona.classifier/1\",\"name\":\"p\",\"ngrams\":[1,1]}", "ngrams"},
        {"{\"schema\":\"persona.classifier/1\",\"name\":\"p\",\"ngrams\":[]}", "ngrams"},
        {"{\"schema\":\"persona.classifier/1\",\"name\":\"p\",\"ngrams\":[1.5]}", "ngrams"},
        {"{\"schema\":\"persona.classifier/1\",\"name\":\"p\",\"ngrams\":[1],\"axes\":{}}", "axes"},
        {FILE_OF("{\"Giggle\":1}", FULL, REST), "Giggle"},
        {FILE_OF("{\"a  b\":1}", FULL, REST), "a  b"},
        {FILE_OF("{\"a b c\":1}", FULL, REST), "a b c"},
        {FILE_OF("{\"\":1}", FULL, REST), "axes.silly"},
        {FILE_OF("{\"a\":\"1\"}", FULL, REST), "axes.silly.weights.a"},
        {FILE_OF("{\"a\":1,\"a\":2}", FULL, REST), "twice"},
        {FILE_OF("[]", FULL, REST), "weights"},
        {FILE_OF("{}", "////", REST), "filter"},
        {FILE_OF("{}", "//////////8A", REST), "filter"},
        {FILE_OF("{}", "/////*////8=", REST), "filter"},
        {FILE_OF("{}", FULL, "\"bias\":0"), "pairs"},
        {SAYING(",\"neutral\":25", ""), "'axes.silly.neutral' is 25"},
        {SAYING(",\"neutral\":\"0\"", ""), "axes.silly.neutral"},
        {SAYING(",\"heldout\":1", ""), "axes.silly.heldout"},
        {SAYING(",\"heldout\":{\"n\":-1}", ""), "axes.silly.heldout.n"},
        {SAYING(",\"heldout\":{\"n\":1.5}", ""), "axes.silly.heldout.n"},
        {SAYING(",\"heldout\":{\"n_groups\":true}", ""), "axes.silly.heldout.n_groups"},
        {SAYING(",\"heldout\":{\"spearman\":1.1}", ""), "axes.silly.heldout.spearman"},
        {SAYING(",\"heldout\":{\"accuracy\":84}", ""), "axes.silly.heldout.accuracy"},
        {SAYING("", "\"labels\":\"G\","), "labels"},
        {SAYING("", "\"labels\":{\"by\":1},"), "labels.by"},
        {SAYING("", "\"labels\":{\"of\":\"" LONG "\"},"), "labels.of"},
        {SAYING("", "\"texts\":7,"), "texts"},
        {SAYING("", "\"texts\":\"" A16 "0\","), "texts"},
        {SAYING("", "\"texts\":\"0123456789ABCDEF\","), "texts"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        classifier *j = NULL;
        persona_err e = {0};
        const char *path = scratch_text("bad.json", cases[i].text);
        const persona_code rc = classifier_read(path, &j, &e);
        if (rc != PERSONA_E_FORMAT || !strstr(e.msg, cases[i].word) || !strstr(e.msg, "bad.json")) {
            fail_msg("case %zu: code %d, \"%s\"", i, (int)rc, e.msg);
        }
        assert_null(j);
    }
    classifier *j = NULL;
    assert_int_equal(classifier_read(scratch_path("absent.json"), &j, NULL), PERSONA_E_NOTFOUND);
}

/* The judge that comes with the pair: answers in its own words read as the pole they are of. */
static void shipped(void **state)
{
    (void)state;
    classifier *j = NULL;
    persona_err e = {0};
    float score = -1;
    const persona_code rc = classifier_read(PERSONA_SOURCE_DIR "/models/judge.json", &j, &e);
    if (rc == PERSONA_E_NOTFOUND) {
        skip();
    }
    if (rc != PERSONA_OK) {
        fail_msg("%s", e.msg);
    }
    assert_true(classifier_knows(j, "silly"));
    assert_int_equal(classifier_score(j, "silly", "I will do it.", &score, &e), PERSONA_OK);
    assert_true(score >= 0 && score <= 100);
    classifier_free(j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores),      cmocka_unit_test(unknown_trait), cmocka_unit_test(coherence),
        cmocka_unit_test(filter_bits), cmocka_unit_test(many_weights),  cmocka_unit_test(bad_files),
        cmocka_unit_test(facts),       cmocka_unit_test(shipped),
    };
    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
