/* SPDX-License-Identifier: MIT
 *
 * test_kept.c - scores that a job keeps: what is there is not asked again, what was said before a
 * failure stays, other traits' scores stand beside the own one's.
 */
#include <math.h>

#include "job_made.h"
#include "pipeline/judge/judge_kind.h"
#include "pipeline/kept.h"
#include "pipeline/manifest_parts.h"

enum { N = 7 };
static char silly_name[] = "silly", calm_name[] = "calm";
static const persona_trait silly = {.name = silly_name}, calm = {.name = calm_name};

/* A judge that scores by the length of the answer, and gives up after a number of them. */
typedef struct counter {
    size_t n_asked, limit;
} counter;

static void free_nothing(void *self)
{
    (void)self;
}

static bool knows_all(const void *self, const char *trait)
{
    (void)self, (void)trait;
    return true;
}

static void no_validity(const void *self, const char *trait, bool measured, char *out, size_t size)
{
    (void)self, (void)trait, (void)measured, (void)out, (void)size;
}

static persona_code by_length(void *self, const persona_trait *trait,
                              const persona_judge_item *items, size_t n, const persona_hooks *hooks,
                              persona_judge_sink sink, void *ud, persona_err *e)
{
    counter *c = self;
    (void)hooks;
    for (size_t i = n; i-- > 0;) { /* in any order */
        if (c->n_asked == c->limit) {
            return persona_err_set(e, PERSONA_E_UNAVAILABLE, "enough");
        }
        c->n_asked++;
        const persona_judgement r = {(float)strlen(items[i].answer) + (trait == &calm ? 50 : 0),
                                     i % 2 ? NAN : 90, 1};
        const persona_code rc = sink(ud, i, &r, e);
        if (rc != PERSONA_OK) {
            return rc;
        }
    }
    return PERSONA_OK;
}

static const judge_kind LENGTH = {.name = "length",
                                  .free = free_nothing,
                                  .knows = knows_all,
                                  .validity = no_validity,
                                  .run = by_length};

static const char *const texts[N] = {"a", "bb", NULL, "cccc", "ddddd", "eeeeee", "fffffff"};

static void check(const persona_judgement *got, float shift)
{
    for (size_t i = 0; i < N; i++) {
        if (texts[i] == NULL) {
            assert_true(isnan(got[i].trait) && isnan(got[i].coherence));
        } else {
            assert_true(got[i].trait == (float)strlen(texts[i]) + shift);
        }
    }
}

static void scores_are_kept(void **state)
{
    (void)state;
    persona_err e = {0};
    counter c = {.limit = 3};
    persona_judge *judge = NULL;
    persona_judge_item items[N];
    persona_judgement got[N];
    job *j = open_job("kept.db", true);
    const kept k = {.job = j, .stage = "evaluate/0", .trait = "silly"};
    ok(judge_new(&LENGTH, &c, "by length", NULL, &judge, &e), &e);
    for (size_t i = 0; i < N; i++) {
        put(j, "evaluate/0", (int64_t)i);
        items[i] = (persona_judge_item){"q", texts[i], NAN, NAN};
    }
    /* three scores, then a failure; the three are not asked for again */
    expect(kept_judge(&k, judge, &silly, items, NULL, N, got, &e), PERSONA_E_UNAVAILABLE, &e,
           "enough");
    c.limit = 100;
    ok(kept_judge(&k, judge, &silly, items, NULL, N, got, &e), &e);
    check(got, 0);
    assert_int_equal(c.n_asked, N - 1);
    ok(kept_judge(&k, judge, &silly, items, NULL, N, got, &e), &e);
    check(got, 0);
    assert_int_equal(c.n_asked, N - 1);

    /* the same answers for another trait; places in the stage need not be those of the list */
    const int64_t ids[2] = {3, 6};
    const persona_judge_item two[2] = {items[3], items[6]};
    persona_judgement other[2];
    ok(kept_judge(&k, judge, &calm, two, ids, 2, other, &e), &e);
    assert_true(other[0].trait == 54 && other[1].trait == 57 && c.n_asked == N + 1);
    ok(kept_judge(&k, judge, &calm, two, ids, 2, other, &e), &e);
    assert_true(other[0].trait == 54 && other[1].trait == 57 && c.n_asked == N + 1);
    ok(kept_judge(&k, judge, &silly, two, ids, 2, other, &e), &e);
    assert_true(other[0].trait == 4 && other[1].trait == 7 && c.n_asked == N + 1);

    /* without a job nothing is kept, and nothing is missed */
    const kept nowhere = {.stage = "evaluate/0", .trait = "silly"};
    ok(kept_judge(&nowhere, judge, &silly, items, NULL, N, got, &e), &e);
    check(got, 0);
    assert_int_equal(c.n_asked, 2 * N);
    persona_judge_free(judge);
    job_close(j);
}

/* Whatever steering depends on is in the digest of a vector. */
static void digests_tell_vectors_apart(void **state)
{
    (void)state;
    persona_err e = {0};
    persona_vector *v = NULL;
    const float row[3] = {1, 2, 3}, nudged[3] = {1, 2, 3.0000002F};
    char first[65], now[65];
    ok(persona_vector_new(4, 3, &v, &e), &e);
    ok(persona_vector_set(v, 1, row, &e), &e);
    ok(vector_digest(v, first, &e), &e);
    ok(vector_digest(v, now, &e), &e);
    assert_string_equal(first, now);
    v->from.dose = 2;
    ok(vector_digest(v, now, &e), &e);
    assert_string_not_equal(first, now);
    v->from.dose = NAN;
    v->from.best_layer = 2;
    ok(vector_digest(v, now, &e), &e);
    assert_string_not_equal(first, now);
    v->from.best_layer = -1;
    ok(vector_digest(v, now, &e), &e);
    assert_string_equal(first, now);
    ok(persona_vector_set(v, 1, nudged, &e), &e);
    ok(vector_digest(v, now, &e), &e);
    assert_string_not_equal(first, now);
    persona_vector_free(v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores_are_kept),
        cmocka_unit_test(digests_tell_vectors_apart),
    };
    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
