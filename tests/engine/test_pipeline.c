/* SPDX-License-Identifier: MIT
 *
 * test_pipeline.c - the pipelines on the embedded pair, small: what they compute, not how large the
 * effects are (those are measured by `persona demo`).
 */
#include <math.h>

#include "base/linalg.h"
#include "core/measure/stats.h"
#include "models.h"
#include "persona/dose.h"
#include "pipeline/ask.h"
#include "pipeline/pipeline.h"

static persona_questions *questions(void)
{
    persona_questions *q = NULL;
    persona_err e = {0};
    must(persona_questions_read(PERSONA_SOURCE_DIR "/models/questions.json", &q, &e), &e);
    return q;
}

static persona_trait *trait(const char *name)
{
    char path[512];
    persona_trait *t = NULL;
    persona_err e = {0};
    snprintf(path, sizeof path, "%s/traits/%s.json", PERSONA_SOURCE_DIR, name);
    must(persona_trait_read(path, &t, &e), &e);
    return t;
}

static persona_vector *extract(persona_session *s, persona_extract_opts o,
                               persona_extract_report *rep)
{
    persona_vector *v = NULL;
    persona_err e = {0};
    persona_trait *t = trait("silly");
    persona_questions *q = questions();
    must(persona_extract(s, t, q, &o, NULL, &v, rep, &e), &e);
    if (rep != NULL) { /* only its numbers are looked at */
        const persona_extract_report numbers = *rep;
        persona_extract_report_clear(rep);
        *rep = numbers;
        rep->n_methods = 0;
    }
    persona_trait_free(t);
    persona_questions_free(q);
    return v;
}

static persona_extract_opts quick(void)
{
    persona_extract_opts o = persona_extract_defaults();
    o.n_questions = 2;
    o.max_tokens = 64; /* harmony: room for the analysis and an answer */
    o.seed = 5;
    o.choose_layer = false;
    o.calibrate = false;
    return o;
}

/* One vector of each model, made once for the tests that only want one. */
static persona_vector *made[N_MODELS];

static persona_vector *extract_from(size_t i)
{
    persona_model *m = open_model(i);
    persona_session *s = session(m, small(8));
    persona_vector *v = extract(s, quick(), NULL);
    persona_session_free(s);
    persona_model_free(m);
    return v;
}

static int make_vectors(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_MODELS; i++) {
        made[i] = extract_from(i);
    }
    return 0;
}

static int drop_vectors(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_MODELS; i++) {
        persona_vector_free(made[i]);
    }
    return 0;
}

static void same_seed_same_vector(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_MODELS; i++) {
        persona_vector *again = extract_from(i);
        const size_t n = (size_t)again->n_layer * (size_t)again->n_embd;
        assert_memory_equal(made[i]->data, again->data, n * sizeof(float));
        assert_true(again->layers[2].norm > 0);
        persona_vector_free(again);
    }
}

/* The mean difference, computed again from answers asked one by one here. */
static void vector_is_the_mean_difference(void **state)
{
    (void)state;
    persona_model *m = open_model(0);
    persona_session *s = session(m, small(8));
    persona_extract_report rep;
    persona_extract_opts o = quick();
    o.temperature = 0; /* greedy: the same answers whatever the seeds */
    persona_vector *v = extract(s, o, &rep);
    persona_trait *t = trait("silly");
    persona_questions *q = questions();
    persona_tap tap = {.mode = PERSONA_TAP_MEAN, .span = PERSONA_SPAN_RESPONSE};
    persona_err e = {0};
    size_t d = (size_t)v->n_embd, n_blocks = (size_t)v->n_layer - 1;
    double *sum = calloc(n_blocks * d, sizeof *sum);
    assert_non_null(sum);
    assert_int_equal(rep.n_generated_pos, 10);
    for (size_t k = 0; k < 20; k++) {
        char *system = NULL;
        must(persona_trait_system(t, k / 4, k % 2 == 0, &system, &e), &e);
        ask a = {.system = system,
                 .question = q->extraction[k / 2 % 2],
                 .tap = &tap,
                 .sampling = persona_sampling_defaults()};
        answer got;
        a.sampling.temperature = 0;
        a.sampling.max_tokens = o.max_tokens;
        must(ask_all(s, &a, 1, "test", NULL, &got, &e), &e);
        for (size_t j = 0; j < n_blocks * d; j++) {
            sum[j] += (k % 2 == 0 ? 0.1 : -0.1) * (double)got.mean[j];
        }
        answers_clear(&got, 1);
        free(system);
    }
    /* other batch shapes: float16 rounding flips a token now and then, so directions are
     * compared */
    for (size_t b = 1; b < n_blocks; b++) {
        double dot = 0, na = 0, nb = 0;
        for (size_t j = 0; j < d; j++) {
            double x = sum[b * d + j], y = (double)persona_vector_row(v, (int)b)[j];
            dot += x * y;
            na += x * x;
            nb += y * y;
        }
        assert_true(dot / sqrt(na * nb) > 0.98);
        assert_true(fabs(sqrt(nb / na) - 1) < 0.1);
    }
    free(sum);
    persona_vector_free(v);
    persona_trait_free(t);
    persona_questions_free(q);
    persona_session_free(s);
    persona_model_free(m);
}

/* A dose is what it says: the measured KL at it is one nat, within the tolerance of the search. */
static void dose_is_one_nat(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_MODELS; i++) {
        persona_model *m = open_model(i);
        persona_session *s = session(m, small(16));
        persona_vector *v = NULL;
        persona_questions *q = questions();
        persona_err e = {0};
        must(persona_vector_clone(made[i], &v, &e), &e);
        must(persona_calibrate(s, v, 2, q->extraction, 16, NULL, &e), &e);
        assert_true(v->from.dose > 0);
        assert_true(fabs((double)v->from.dose_kl - 1) < 0.3);
        assert_int_equal(persona_calibrate(s, v, 40, q->extraction, 4, NULL, &e), PERSONA_E_SHAPE);
        persona_questions_free(q);
        persona_vector_free(v);
        persona_session_free(s);
        persona_model_free(m);
    }
}

/* Percentiles of neutral tokens, computed again from whole rows of the same answers. */
static void neutral_tokens(void **state)
{
    (void)state;
    enum { N = 4, BLOCK = 2 };
    persona_model *m = open_model(0);
    persona_session *s = session(m, small(8));
    persona_vector *v = NULL;
    persona_questions *q = questions();
    persona_err e = {0};
    must(persona_vector_clone(made[0], &v, &e), &e);
    v->layers[BLOCK].h_median = NAN;
    must(persona_neutral(s, v, q->extraction, N, 9, NULL, &e), &e);
    const int block = BLOCK;
    const persona_tap tap = {.mode = PERSONA_TAP_ALL, .blocks = &block, .n_blocks = 1};
    ask asks[N];
    answer answers[N];
    double x[N * 64];
    size_t n = 0;
    for (size_t i = 0; i < N; i++) {
        asks[i] = (ask){.question = q->extraction[i],
                        .skip_analysis = true,
                        .tap = &tap,
                        .sampling = persona_sampling_defaults()};
        asks[i].sampling.temperature = 1;
        asks[i].sampling.max_tokens = 48;
        asks[i].sampling.seed = 9 + (uint32_t)i;
    }
    must(ask_all(s, asks, N, "test", NULL, answers, &e), &e);
    const size_t d = (size_t)v->n_embd;
    const float *row = persona_vector_row(v, BLOCK);
    for (size_t i = 0; i < N; i++) {
        for (size_t t = 0; t < answers[i].n_positions && n < sizeof x / sizeof *x; t++) {
            x[n++] = vec_dot(answers[i].mean + t * d, row, d) / vec_norm(row, d);
        }
    }
    const persona_vector_layer *l = &v->layers[BLOCK];
    const double sd = stat_sd(x, n);
    assert_true(n > 20 && sd > 0);
    assert_true(fabs((double)l->token_mean - stat_mean(x, n)) < 1e-3 * sd);
    assert_true(fabs((double)l->token_sd - sd) < 1e-3 * sd);
    for (size_t i = 0; i < PERSONA_N_QUANTILES; i++) {
        const double p = persona_quantile_percent(i);
        assert_true(fabs((double)l->quantiles[i] - stat_quantile(x, n, p / 100)) < 1e-3 * sd);
        assert_true(fabs(persona_vector_percentile(l, p) - (double)l->quantiles[i]) < 1e-6);
    }
    const double between = persona_vector_percentile(l, 60);
    assert_true(between > (double)l->quantiles[4] && between < (double)l->quantiles[5]);
    assert_true(isnan(persona_vector_percentile(l, 0.5)));
    assert_true(isnan(persona_vector_percentile(&made[0]->layers[BLOCK], 50)));
    assert_true(l->h_median > 0);
    answers_clear(answers, N);
    persona_questions_free(q);
    persona_vector_free(v);
    persona_session_free(s);
    persona_model_free(m);
}

/* A vector of the source, mapped from the source onto itself, comes back (methods 5.5). */
static void map_to_itself_is_the_identity(void **state)
{
    (void)state;
    persona_model *m = open_model(0);
    persona_session *s = session(m, small(16));
    persona_trait *t[2] = {trait("silly"), trait("optimistic")};
    persona_questions *q = questions();
    persona_pairs_opts o = persona_pairs_defaults();
    persona_pairs *p = NULL;
    const persona_vector *v = made[0];
    persona_vector *w = NULL;
    persona_err e = {0};
    o.questions = q;
    o.n_questions = 12;
    o.n_neutral = 60;
    o.max_tokens = 32;
    o.cache = "";
    must(persona_pairs_new(s, s, t, 2, &o, NULL, &p, &e), &e);
    assert_int_equal(persona_pairs_count(p, NULL), 108);
    assert_int_equal(persona_pairs_count(p, "silly"), 84);
    persona_fit_opts f = persona_fit_defaults();
    persona_map *map = NULL;
    f.without = "silly";
    f.from = f.to = 3;
    must(persona_map_fit(p, &f, NULL, &map, &e), &e);
    assert_int_equal(map->n_texts, 84); /* its own trait's texts are left out */
    assert_int_equal(map->n_traits, 1);
    assert_true(map->blocks[0].r2_contrast > 0.5);
    assert_true(map->blocks[0].r2_shuffled < 0.1);
    must(persona_map_apply(map, v, NULL, &w, &e), &e);
    assert_string_equal(w->from.sample, PERSONA_SAMPLE_UNVERIFIED); /* left out by name only */
    double cos = vec_cos(persona_vector_row(v, 3), persona_vector_row(w, 3), (size_t)v->n_embd);
    assert_true(cos > 0.8); /* 84 texts do not span 192 dimensions */
    persona_vector_free(w);
    const persona_apply_opts null = {.null = true, .from = -1, .to = -1};
    must(persona_map_apply(map, v, &null, &w, &e), &e);
    assert_true(
        fabs(vec_cos(persona_vector_row(v, 3), persona_vector_row(w, 3), (size_t)v->n_embd)) < 0.5);
    persona_map_free(map);
    persona_vector_free(w);
    persona_pairs_free(p);
    persona_questions_free(q);
    persona_trait_free(t[0]);
    persona_trait_free(t[1]);
    persona_session_free(s);
    persona_model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_seed_same_vector),
        cmocka_unit_test(vector_is_the_mean_difference),
        cmocka_unit_test(dose_is_one_nat),
        cmocka_unit_test(neutral_tokens),
        cmocka_unit_test(map_to_itself_is_the_identity),
    };
    return cmocka_run_group_tests(tests, make_vectors, drop_vectors);
}
