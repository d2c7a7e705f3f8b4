/* SPDX-License-Identifier: MIT
 *
 * test_monitor.c - projections of texts are those of their states; turns of a conversation are read
 * as they were asked; what is read before an answer foretells what the judge says of it.
 */
#include <math.h>

#include "base/linalg.h"
#include "core/measure/stats.h"
#include "models.h"
#include "pipeline/ask.h"
#include "unit/scratch.h"

#define MOST 64

static persona_vector *made; /* silly on the qwen2 model */
static persona_trait *silly;
static persona_questions *questions;

static persona_session *reader(persona_model *m)
{
    persona_session_opts o = small(4);
    o.n_ctx = o.n_batch = 512;
    o.fixed_shape = true;
    return session(m, o);
}

static int make_all(void **state)
{
    persona_err e = {0};
    persona_extract_opts o = persona_extract_defaults();
    o.n_questions = 8;
    o.max_tokens = 48;
    o.calibrate = false;
    must(persona_trait_read(PERSONA_SOURCE_DIR "/traits/silly.json", &silly, &e), &e);
    must(persona_questions_read(PERSONA_SOURCE_DIR "/models/questions.json", &questions, &e), &e);
    persona_model *m = open_model(0);
    persona_session *s = session(m, small(16));
    must(persona_extract(s, silly, questions, &o, NULL, &made, NULL, &e), &e);
    persona_session_free(s);
    persona_model_free(m);
    return scratch_open(state);
}

static int drop_all(void **state)
{
    persona_vector_free(made);
    persona_trait_free(silly);
    persona_questions_free(questions);
    return scratch_close(state);
}

static persona_probes *probes(persona_model *m, const int *blocks, size_t n)
{
    persona_probes *p = NULL;
    persona_err e = {0};
    must(persona_probes_new(m, &p, &e), &e);
    for (size_t i = 0; i < n; i++) {
        must(persona_probes_add(p, m, "silly", made, blocks[i], &e), &e);
    }
    return p;
}

/* ---- texts ----------------------------------------------------------------------------------- */

static const char LINES[] =
    "{\"messages\":[{\"role\":\"user\",\"content\":\"Tell me about soup.\"},{\"role\":"
    "\"assistant\",\"content\":\"Soup is warm.\"},{\"role\":\"user\",\"content\":\"And tea?\"}],"
    "\"response\":\"Oh no, a duck! Quack, quack, says the tea.\"}\n"
    "{\"messages\":[{\"role\":\"user\",\"content\":\"Why?\"}]}\n"
    "{\"messages\":[{\"role\":\"user\",\"content\":\"Tell me about soup.\"}],\"response\":\"Soup "
    "is "
    "warm.\"}\n";

typedef struct taken {
    size_t n, line[MOST], n_tokens[MOST];
    int turn[MOST], n_turns[MOST];
    double mean[MOST][3], forecast[MOST][3], by_token[MOST][3];
} taken;

static persona_code take(void *ud, const persona_projection *x, persona_err *e)
{
    taken *t = ud;
    (void)e;
    assert_true(t->n < MOST);
    t->line[t->n] = x->line;
    t->turn[t->n] = x->turn;
    t->n_turns[t->n] = x->n_turns;
    t->n_tokens[t->n] = x->n_tokens;
    for (size_t k = 0; k < 3; k++) {
        double sum = 0;
        for (size_t i = 0; i < x->n_tokens; i++) {
            sum += (double)x->per_token[i * 3 + k];
        }
        t->by_token[t->n][k] = sum / (double)x->n_tokens;
        t->mean[t->n][k] = x->mean[k];
        t->forecast[t->n][k] = x->forecast[k];
    }
    t->n++;
    return PERSONA_OK;
}

/* <mean state, u> of a text, from its states in a file. */
static double projected(persona_session *s, const char *texts, size_t line, int block)
{
    const persona_activations_opts o = {.mode = PERSONA_TAP_MEAN, .blocks = &block, .n_blocks = 1};
    persona_err e = {0};
    float h[1024];
    const size_t d = (size_t)made->n_embd;
    must(persona_activations(s, texts, &o, scratch_path("a.npy"), scratch_path("a.index.json"),
                             NULL, NULL, &e),
         &e);
    FILE *f = fopen(scratch_path("a.npy"), "rb");
    assert_non_null(f);
    assert_int_equal(fseek(f, (long)(192 + line * d * sizeof *h), SEEK_SET), 0);
    assert_int_equal(fread(h, sizeof *h, d, f), d);
    assert_int_equal(fclose(f), 0);
    const float *v = persona_vector_row(made, block);
    return vec_dot(h, v, d) / vec_norm(v, d);
}

static void projections_are_those_of_the_states(void **state)
{
    static const int blocks[] = {4, 2, 3}; /* probes sort themselves */
    (void)state;
    persona_err e = {0};
    persona_model *m = open_model(0);
    persona_session *s = reader(m);
    persona_probes *p = probes(m, blocks, 3);
    taken t = {0};
    const persona_project_sink sink = {&t, take};
    char texts[512];
    snprintf(texts, sizeof texts, "%s", scratch_text("t.jsonl", LINES));
    must(persona_project(s, texts, p, &sink, NULL, &e), &e);
    assert_int_equal(t.n, 4);
    assert_int_equal(t.line[1], 1);
    assert_int_equal(t.turn[1], 1);
    assert_int_equal(t.n_turns[0], 2);
    assert_int_equal(t.n_turns[2], 0);
    assert_true(t.n_tokens[2] == 0 && isnan(t.mean[2][0]) && isfinite(t.forecast[2][0]));
    for (size_t k = 0; k < 3; k++) {
        const int b = p->list[k].block;
        const double scale = (double)made->layers[b].h_median;
        assert_int_equal(b, 2 + (int)k);
        /* the first turn is the third line, asked alone */
        assert_true(t.mean[0][k] == t.mean[3][k] && t.forecast[0][k] == t.forecast[3][k]);
        assert_true(fabs(t.mean[1][k] - projected(s, texts, 0, b)) < 1e-5 * scale);
        assert_true(fabs(t.mean[3][k] - projected(s, texts, 2, b)) < 1e-5 * scale);
        assert_true(fabs(t.by_token[1][k] - t.mean[1][k]) < 1e-6 * scale);
    }
    persona_probes_free(p);
    persona_session_free(s);
    persona_model_free(m);
}

static void probes_that_cannot_be_read_are_refused(void **state)
{
    (void)state;
    persona_err e = {0};
    persona_model *m = open_model(0), *other = open_model(1);
    persona_probes *p = NULL, *q = NULL;
    must(persona_probes_new(m, &p, &e), &e);
    assert_int_equal(persona_probes_add(p, m, "x", made, 99, &e), PERSONA_E_SHAPE);
    assert_non_null(strstr(e.msg, "block 99"));
    must(persona_probes_new(other, &q, &e), &e);
    assert_int_equal(persona_probes_add(q, other, "x", made, 2, &e), PERSONA_E_SHAPE);
    assert_non_null(strstr(e.msg, "wide"));
    must(persona_probes_add(p, m, "silly", made, -1, &e), &e);
    assert_true(p->n == 1 && p->list[0].block == made->from.best_layer && p->list[0].sd > 0);
    made->from.model_hash[0] ^= 1; /* another file: its statistics say nothing here */
    must(persona_probes_add(p, m, "silly", made, -1, &e), &e);
    made->from.model_hash[0] ^= 1;
    assert_true(isnan(p->list[1].sd));
    persona_probes_free(p);
    persona_probes_free(q);
    persona_model_free(m);
    persona_model_free(other);
}

/* ---- the forecast ---------------------------------------------------------------------------- */

enum { N_KINDS = 5, N_ASKED = 20, N_ALL = N_KINDS * N_ASKED };

static double pearson(const double *x, const double *y, size_t n)
{
    const double mx = stat_mean(x, n), my = stat_mean(y, n);
    double xy = 0, xx = 0, yy = 0;
    for (size_t i = 0; i < n; i++) {
        xy += (x[i] - mx) * (y[i] - my);
        xx += (x[i] - mx) * (x[i] - mx);
        yy += (y[i] - my) * (y[i] - my);
    }
    return xy / sqrt(xx * yy);
}

/* The projection at the last prompt token, which is read before the answer, against the judge's
 * score of the answer: over a ladder of system prompts, and within each of them. */
static void the_last_prompt_token_foretells_the_score(void **state)
{
    (void)state;
    persona_err e = {0};
    persona_model *m = open_model(0);
    persona_session *s = session(m, small(16));
    persona_judge *j = NULL;
    const int best = made->from.best_layer;
    persona_probes *p = probes(m, &best, 1);
    const persona_tap tap = persona_probes_tap(p, PERSONA_SPAN_LAST_PROMPT, false);
    const char *ladder[N_KINDS] = {silly->pairs[0].neg, silly->pairs[1].neg, NULL,
                                   silly->pairs[1].pos, silly->pairs[0].pos};
    ask asks[N_ALL];
    answer answers[N_ALL];
    persona_judge_item items[N_ALL];
    persona_judgement scores[N_ALL];
    double x[N_ALL], y[N_ALL], within = 0;
    memset(asks, 0, sizeof asks);
    for (size_t i = 0; i < N_ALL; i++) {
        asks[i].system = ladder[i / N_ASKED];
        asks[i].question = questions->evaluation[i % N_ASKED];
        asks[i].sampling = persona_sampling_defaults();
        asks[i].sampling.max_tokens = 48;
        asks[i].sampling.seed = (uint32_t)i;
        asks[i].tap = &tap;
    }
    must(ask_all(s, asks, N_ALL, "answers", NULL, answers, &e), &e);
    must(persona_judge_read(PERSONA_SOURCE_DIR "/models/judge.json", &j, &e), &e);
    for (size_t i = 0; i < N_ALL; i++) {
        items[i] = (persona_judge_item){asks[i].question, answers[i].text, NAN, NAN};
    }
    must(persona_judge_all(j, silly, items, N_ALL, NULL, scores, &e), &e);
    for (size_t i = 0; i < N_ALL; i++) {
        x[i] = (double)answers[i].mean[0];
        y[i] = (double)scores[i].trait;
        assert_true(isfinite(y[i]));
    }
    for (size_t k = 0; k < N_KINDS; k++) {
        const double r = pearson(x + k * N_ASKED, y + k * N_ASKED, N_ASKED);
        print_message("system prompt %zu: forecast %.1f, score %.1f, r %.2f within\n", k,
                      stat_mean(x + k * N_ASKED, N_ASKED), stat_mean(y + k * N_ASKED, N_ASKED), r);
        within += r / N_KINDS;
    }
    const double r = pearson(x, y, N_ALL);
    print_message("block %d: r %.3f over %d answers, %.2f on average within a prompt type\n", best,
                  r, (int)N_ALL, within);
    assert_true(r > 0.7);
    assert_true(stat_mean(x + 4 * (size_t)N_ASKED, N_ASKED) > stat_mean(x, N_ASKED));
    answers_clear(answers, N_ALL);
    persona_judge_free(j);
    persona_probes_free(p);
    persona_session_free(s);
    persona_model_free(m);
}

/* ---- neutral answers ------------------------------------------------------------------------- */

static void neutral_answers_teach_z_scores_and_alarms(void **state)
{
    (void)state;
    persona_err e = {0};
    persona_model *m = open_model(0);
    persona_session *s = reader(m);
    const int best = made->from.best_layer;
    persona_probes *p = probes(m, &best, 1);
    persona_watch all, w;
    char texts[512];
    snprintf(texts, sizeof texts, "%s", scratch_path("neutral.jsonl"));
    FILE *f = fopen(texts, "w");
    assert_non_null(f);
    for (int i = 0; i < 40; i++) {
        fprintf(f,
                "{\"messages\":[{\"role\":\"user\",\"content\":\"Tell me about soup.\"}],"
                "\"response\":\"Soup number %d is warm and has %d roots.\"}\n",
                i * 7, i);
    }
    assert_int_equal(fclose(f), 0);
    must(persona_watch_learn(s, texts, p, 0, NULL, &all, &e), &e);
    must(persona_watch_learn(s, texts, p, 0.05, NULL, &w, &e), &e);
    assert_int_equal(all.n_chosen, 40);
    assert_true(isinf(all.cusum));
    assert_true(w.n_chosen == 20 && w.n_measured == 20 && w.run == 20);
    assert_true(isfinite(w.cusum) && isfinite(w.ewma) && w.sd > 0);
    print_message("thresholds %.2f %.2f, false alarms %.3f\n", w.ewma, w.cusum, w.false_alarms);
    assert_true(w.false_alarms < 0.5);
    assert_true(isfinite(w.token_cusum) && isfinite(w.token_ewma) && w.token_sd > 0);
    assert_true(isinf(all.token_ewma) && w.token_length > 5 && w.token_false_alarms < 0.5);
    persona_chart c = {0};
    size_t n = 0;
    while (!c.alarm && n < 100) { /* three sd off: found within a few answers */
        persona_watch_step(&w, &c, 3);
        n++;
    }
    assert_true(n < 12 && c.high == 0);
    const char *few = scratch_text("few.jsonl", LINES);
    assert_int_equal(persona_watch_learn(s, few, p, 0.05, NULL, &w, &e), PERSONA_E_FORMAT);
    assert_non_null(strstr(e.msg, "few"));
    persona_probes_free(p);
    persona_session_free(s);
    persona_model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(projections_are_those_of_the_states),
        cmocka_unit_test(probes_that_cannot_be_read_are_refused),
        cmocka_unit_test(the_last_prompt_token_foretells_the_score),
        cmocka_unit_test(neutral_answers_teach_z_scores_and_alarms),
    };
    return cmocka_run_group_tests(tests, make_all, drop_all);
}
