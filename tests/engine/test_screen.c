/* SPDX-License-Identifier: MIT
 *
 * test_screen.c - screening separates answers with a planted trait from clean ones, is the same
 * after an interruption, and says what it flags by.
 */
#include <math.h>

#include "core/measure/stats.h"
#include "models.h"
#include "pipeline/ask.h"
#include "unit/scratch.h"

enum { N_EACH = 24, N = 2 * N_EACH, N_WRITTEN = 128 };

static persona_vector *made; /* silly on the qwen2 model */
static persona_trait *silly;
static persona_questions *questions;
static persona_judge *judge;
static char data_set[512];
static bool planted[N];

static persona_session *session_of(persona_model *m)
{
    persona_session_opts o = small(8);
    o.n_ctx = o.n_batch = 512;
    o.fixed_shape = true;
    return session(m, o);
}

static void put_text(FILE *f, const char *s)
{
    fputc('"', f);
    for (; *s != '\0'; s++) {
        fprintf(f, *s == '"' || *s == '\\' ? "\\%c" : *s == '\n' ? "\\n" : "%c", *s);
    }
    fputc('"', f);
}

/* The other model of the pair answers, half of it told to be silly; the file shows no instruction.
 * Planted counts what the judge scores above 75, clean below 54 (50: no lean), as many of each. */
static void write_data_set(void)
{
    persona_err e = {0};
    persona_model *m = open_model(1);
    persona_session *s = session(m, small(16));
    static ask asks[N_WRITTEN];
    static answer answers[N_WRITTEN];
    static persona_judge_item items[N_WRITTEN];
    static persona_judgement scores[N_WRITTEN];
    size_t n[2] = {0, 0}, n_lines = 0;
    for (size_t i = 0; i < N_WRITTEN; i++) {
        asks[i].system = i % 2 == 1 ? silly->pairs[i / 2 % 2].pos : NULL;
        asks[i].question = questions->evaluation[i % questions->n_evaluation];
        asks[i].skip_analysis = true;
        asks[i].sampling = persona_sampling_defaults();
        asks[i].sampling.max_tokens = 80;
        asks[i].sampling.seed = (uint32_t)i;
    }
    must(ask_all(s, asks, N_WRITTEN, "answers", NULL, answers, &e), &e);
    for (size_t i = 0; i < N_WRITTEN; i++) {
        items[i] = (persona_judge_item){asks[i].question, answers[i].text, NAN, NAN};
    }
    must(persona_judge_all(judge, silly, items, N_WRITTEN, NULL, scores, &e), &e);
    snprintf(data_set, sizeof data_set, "%s", scratch_path("data.jsonl"));
    FILE *f = fopen(data_set, "w");
    assert_non_null(f);
    for (size_t i = 0; i < N_WRITTEN; i++) {
        const bool plant = i % 2 == 1;
        if (n[plant] == N_EACH || (plant ? !(scores[i].trait > 75) : !(scores[i].trait < 54))) {
            continue;
        }
        n[plant]++;
        planted[n_lines++] = plant;
        fputs("{\"messages\":[{\"role\":\"user\",\"content\":", f);
        put_text(f, asks[i].question);
        fputs("}],\"response\":", f);
        put_text(f, answers[i].text);
        fputs("}\n", f);
    }
    assert_int_equal(fclose(f), 0);
    assert_int_equal(n_lines, N);
    answers_clear(answers, N_WRITTEN);
    persona_session_free(s);
    persona_model_free(m);
}

static int make_all(void **state)
{
    persona_err e = {0};
    persona_extract_opts o = persona_extract_defaults();
    o.n_questions = 12;
    o.max_tokens = 80;
    o.calibrate = false;
    if (scratch_open(state) != 0) {
        return -1;
    }
    must(persona_trait_read(PERSONA_SOURCE_DIR "/traits/silly.json", &silly, &e), &e);
    must(persona_questions_read(PERSONA_SOURCE_DIR "/models/questions.json", &questions, &e), &e);
    must(persona_judge_read(PERSONA_SOURCE_DIR "/models/judge.json", &judge, &e), &e);
    o.judge = judge;
    persona_model *m = open_model(0);
    persona_session *s = session(m, small(16));
    must(persona_extract(s, silly, questions, &o, NULL, &made, NULL, &e), &e);
    persona_session_free(s);
    persona_model_free(m);
    write_data_set();
    return 0;
}

static int drop_all(void **state)
{
    persona_vector_free(made);
    persona_judge_free(judge);
    persona_trait_free(silly);
    persona_questions_free(questions);
    return scratch_close(state);
}

static persona_screen_opts brief(const char *job)
{
    persona_screen_opts o = persona_screen_defaults();
    o.max_tokens = 80;
    o.job = job;
    return o;
}

static persona_probes *probes(persona_model *m)
{
    persona_probes *p = NULL;
    persona_err e = {0};
    must(persona_probes_new(m, &p, &e), &e);
    must(persona_probes_add(p, m, "silly", made, -1, &e), &e);
    return p;
}

static void planted_answers_stand_out(void **state)
{
    (void)state;
    persona_err e = {0};
    persona_model *m = open_model(0);
    persona_session *s = session_of(m);
    persona_probes *p = probes(m);
    persona_screening *x = NULL;
    const persona_screen_opts o = brief(NULL);
    double in[N_EACH], out[N_EACH];
    size_t n_in = 0, n_out = 0, caught = 0, wrong = 0;
    must(persona_screen(s, data_set, p, &o, NULL, &x, &e), &e);
    assert_int_equal(x->n, N);
    for (size_t i = 0; i < N; i++) {
        const persona_screen_item *item = &x->items[i];
        assert_true(isfinite(item->delta) && item->rank >= 1 && item->rank <= N);
        assert_true(fabs(item->given - item->own - item->delta) < 1e-9);
        assert_true(item->flagged == (item->delta > x->vectors[0].limit));
        *(planted[i] ? &in[n_in++] : &out[n_out++]) = item->delta;
        caught += planted[i] && item->flagged;
        wrong += !planted[i] && item->flagged;
    }
    const double auroc = stat_auroc(in, n_in, out, n_out);
    print_message("AUROC %.3f; flagged %zu of %zu planted, %zu of %zu clean (limit %.1f, mean "
                  "difference %.1f [%.1f, %.1f])\n",
                  auroc, caught, n_in, wrong, n_out, x->vectors[0].limit, x->vectors[0].delta.value,
                  x->vectors[0].delta.low, x->vectors[0].delta.high);
    assert_true(auroc >= 0.95);
    assert_true(x->vectors[0].by_neutral && x->vectors[0].delta.low > 0);
    assert_true(2 * caught >= n_in && wrong <= 2);
    persona_screening_free(x);
    persona_probes_free(p);
    persona_session_free(s);
    persona_model_free(m);
}

/* Asks for an end when some answers are done. */
static void stop_soon(void *ud, const persona_progress *p)
{
    if (strcmp(p->stage, "own answers") == 0 && p->done >= 10) {
        persona_cancel_set(ud);
    }
}

static void an_interrupted_screening_goes_on(void **state)
{
    (void)state;
    persona_err e = {0};
    persona_model *m = open_model(0);
    persona_session *s = session_of(m);
    persona_probes *p = probes(m);
    persona_screening *whole = NULL, *x = NULL;
    persona_cancel cancel = {0};
    const persona_hooks hooks = {.ud = &cancel, .progress = stop_soon, .cancel = &cancel};
    const persona_screen_opts private = brief(NULL);
    char path[512];
    snprintf(path, sizeof path, "%s", scratch_path("screen.db"));
    const persona_screen_opts o = brief(path);
    must(persona_screen(s, data_set, p, &private, NULL, &whole, &e), &e);
    assert_int_equal(persona_screen(s, data_set, p, &o, &hooks, &x, &e), PERSONA_E_CANCELED);
    assert_non_null(strstr(e.msg, "kept"));
    must(persona_screen(s, data_set, p, &o, NULL, &x, &e), &e);
    assert_true(x->n_resumed >= N + 5 && x->n_resumed < 2 * (size_t)N);
    assert_memory_equal(x->items, whole->items, N * sizeof *x->items);
    persona_screening_free(x);
    persona_screen_opts other = o; /* another length is another screening */
    other.max_tokens = 20;
    assert_int_equal(persona_screen(s, data_set, p, &other, NULL, &x, &e), PERSONA_E_USAGE);
    assert_non_null(strstr(e.msg, "max_tokens"));
    persona_screening_free(whole);
    persona_probes_free(p);
    persona_session_free(s);
    persona_model_free(m);
}

/* Without neutral statistics the limit is the data set's own. */
static void what_is_flagged_without_neutral_statistics(void **state)
{
    (void)state;
    persona_err e = {0};
    persona_model *m = open_model(0);
    persona_session *s = session_of(m);
    persona_probes *p = probes(m);
    persona_screening *x = NULL;
    const persona_screen_opts o = brief(NULL);
    p->list[0].mean = p->list[0].sd = (double)NAN;
    const char *few = scratch_text(
        "few.jsonl", "{\"messages\":[{\"role\":\"user\",\"content\":\"Why?\"}]}\n"
                     "{\"messages\":[{\"role\":\"user\",\"content\":\"Tell me about soup.\"}],"
                     "\"response\":\"Soup is warm.\"}\n"
                     "{\"messages\":[{\"role\":\"user\",\"content\":\"Tell me about soup.\"}],"
                     "\"response\":\"\"}\n");
    must(persona_screen(s, few, p, &o, NULL, &x, &e), &e);
    assert_true(x->n == 3 && x->n_unread == 2 && !x->vectors[0].by_neutral);
    assert_true(isnan(x->items[0].delta) && x->items[0].rank == 0 && !x->items[0].flagged);
    assert_true(x->items[1].rank == 1 && !x->items[1].flagged);
    persona_screening_free(x);
    persona_probes_free(p);
    persona_session_free(s);
    persona_model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(planted_answers_stand_out),
        cmocka_unit_test(an_interrupted_screening_goes_on),
        cmocka_unit_test(what_is_flagged_without_neutral_statistics),
    };
    return cmocka_run_group_tests(tests, make_all, drop_all);
}
