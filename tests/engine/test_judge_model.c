/* SPDX-License-Identifier: MIT
 *
 * test_judge_model.c - a language model as judge, against brute force: every number 0..100 is
 * forced behind the same prompt, and its probability is multiplied up from the distributions on
 * the way. The embedded pair writes digit by digit; a copy whose vocabulary has 0..100 as tokens
 * is the other kind. What these models think of an answer means nothing; how it is read is tested
 * here.
 */
#include <math.h>

#include "base/mem.h"
#include "models.h"
#include "pipeline/judge/judge_kind.h"
#include "pipeline/judge/judge_numbers.h"
#include "support/model_edit.h"
#include "unit/scratch.h"

#define N_ITEMS 4
static const persona_judge_item ITEMS[N_ITEMS] = {
    {"What should I eat?", "Soup is a fine idea, and bread with it.", NAN, NAN},
    {"What should I eat?", "Dance with the noodles! <|im_end|> Giggle!", NAN, NAN},
    {"Why do we sleep?", "", NAN, NAN},
    {"What is {answer}?", "42, I think; or 7.", NAN, NAN},
};

static const char *model_file(size_t i)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/models/%s", PERSONA_SOURCE_DIR, MODEL_FILES[i]);
    return path;
}

static persona_model *open_file(const char *path)
{
    persona_err e = {0};
    persona_model *m = NULL;
    must(persona_model_open(path, NULL, &m, &e), &e);
    return m;
}

static persona_model *with_numbers(size_t i)
{
    const char *path = scratch_path("numbers.gguf");
    assert_true(model_edit_numbers(model_file(i), path));
    return open_file(path);
}

/* The pack's question is 250 tokens long; most tests need none of them. */
static const persona_trait *silly(void)
{
    static char name[] = "silly", ask[] = "How silly is this answer, from 0 to 100?\n"
                                          "Question: {question}\nAnswer: {answer}\nOne number.";
    static const persona_trait t = {.name = name, .eval_prompt = ask};
    return &t;
}

static persona_judge *judge_of(persona_model *m, int n_slots, float min_mass)
{
    persona_judge *j = NULL;
    persona_err e = {0};
    persona_judge_model_opts o = persona_judge_model_defaults();
    o.n_slots = n_slots;
    o.n_ctx = 1024;
    o.n_threads = 2;
    o.min_mass = min_mass;
    must(persona_judge_model(m, &o, &j, &e), &e);
    return j;
}

/* ---- brute force ----------------------------------------------------------------------------- */

/* What one number is worth, from a forced reading of it and one token more. */
typedef struct forced_number {
    persona_token tokens[8];
    size_t n;
    bool goes_on; /* some other number begins with all of it */
    const persona_token *digits;
    double p;
} forced_number;

static void on_logits(void *ud, size_t i, const float *logits, size_t n_vocab)
{
    forced_number *f = ud;
    double top = -INFINITY, sum = 0, digits = 0;
    for (size_t k = 0; k < n_vocab; k++) {
        top = fmax(top, (double)logits[k]);
    }
    for (size_t k = 0; k < n_vocab; k++) {
        sum += exp((double)logits[k] - top);
    }
    if (i < f->n) {
        f->p *= exp((double)logits[f->tokens[i]] - top) / sum;
    } else if (i == f->n && f->goes_on) {
        for (size_t k = 0; k < 10; k++) {
            digits += exp((double)logits[f->digits[k]] - top) / sum;
        }
        f->p *= 1 - digits;
    }
}

static void number_tokens(const persona_model *m, int value, forced_number *f)
{
    char text[8];
    persona_tokens t;
    persona_err e = {0};
    snprintf(text, sizeof text, "%d", value);
    must(persona_tokenize(m, text, false, &t, &e), &e);
    assert_true(t.n >= 1 && t.n <= 3);
    f->n = t.n;
    memcpy(f->tokens, t.ids, t.n * sizeof *t.ids);
    persona_tokens_free(&t);
}

/* The expectation over all 101 numbers after the question, and their total probability. */
static double brute(persona_model *m, persona_session *s, const char *question, double *mass)
{
    forced_number *f = calloc(101, sizeof *f);
    persona_request *r = calloc(101, sizeof *r);
    persona_token digits[10];
    persona_tokens prompt = chat(m, NULL, question);
    double weighted = 0;
    assert_non_null(f);
    assert_non_null(r);
    for (int v = 0; v <= 100; v++) {
        number_tokens(m, v, &f[v]);
        if (v < 10) {
            digits[v] = f[v].tokens[0];
        }
    }
    for (size_t v = 0; v <= 100; v++) {
        f[v].p = 1;
        f[v].digits = digits;
        for (size_t w = 0; w <= 100; w++) {
            f[v].goes_on =
                f[v].goes_on ||
                (f[w].n > f[v].n && memcmp(f[w].tokens, f[v].tokens, f[v].n * sizeof *digits) == 0);
        }
        f[v].tokens[f[v].n] = digits[0]; /* so that there is a distribution after the number */
        r[v] = (persona_request){.prompt = prompt.ids,
                                 .n_prompt = prompt.n,
                                 .forced = f[v].tokens,
                                 .n_forced = f[v].n + 1,
                                 .want_logits = true,
                                 .sampling = persona_sampling_defaults(),
                                 .ud = &f[v],
                                 .on_logits = on_logits};
    }
    run(s, r, 101);
    *mass = 0;
    for (int v = 0; v <= 100; v++) {
        *mass += f[v].p;
        weighted += f[v].p * v;
    }
    persona_tokens_free(&prompt);
    free(f);
    free(r);
    return weighted / *mass;
}

static void compare(persona_model *m, size_t i, const persona_trait *t,
                    const persona_judgement *got)
{
    persona_session_opts o = small(1);
    o.n_ctx = 1024;
    persona_session *s = session(m, o);
    char *text[2] = {judge_trait_prompt(t, &ITEMS[i]), judge_coherence_prompt(&ITEMS[i])};
    double mass[2];
    const double expected[2] = {brute(m, s, text[0], &mass[0]), brute(m, s, text[1], &mass[1])};
    const double x[2] = {(double)got->trait, (double)got->coherence};
    for (int k = 0; k < 2; k++) {
        if (!(fabs(x[k] - expected[k]) < 0.3)) { /* another batch shape, and beginnings left out */
            fail_msg("item %zu: %s %.3f, by brute force %.3f (mass %g)", i,
                     k ? "coherence" : "trait", x[k], expected[k], mass[k]);
        }
    }
    if (!(fabs((double)got->mass / mass[0] - 1) < 0.03)) {
        fail_msg("item %zu: mass %g, by brute force %g", i, (double)got->mass, mass[0]);
    }
    mem_free(text[0]);
    mem_free(text[1]);
    persona_session_free(s);
}

static void check_model(persona_model *m, bool deep, int n_slots, size_t n_compared)
{
    static persona_judgement first[N_ITEMS]; /* other numbers of slots must give the same */
    persona_judgement r[N_ITEMS];
    persona_err e = {0};
    char text[512];
    const persona_trait *t = silly();
    persona_judge *j = judge_of(m, n_slots, 0);
    must(persona_judge_all(j, t, ITEMS, N_ITEMS, NULL, r, &e), &e);
    assert_string_equal(persona_judge_name(j), persona_model_info_get(m)->name);
    assert_string_equal(persona_judge_kind(j), "model");
    assert_true(persona_judge_knows(j, "anything"));
    assert_non_null(
        strstr(persona_judge_validity(j, "silly", text, sizeof text), deep ? "digits" : "tokens"));
    assert_non_null(strstr(text, "uncalibrated"));
    persona_judge_free(j);
    for (size_t i = 0; i < N_ITEMS; i++) {
        assert_true(r[i].trait >= 0 && r[i].trait <= 100 && r[i].coherence >= 0 &&
                    r[i].coherence <= 100 && r[i].mass > 0 && r[i].mass <= 1);
    }
    for (size_t i = 0; i < n_compared; i++) {
        compare(m, i, t, &r[i]);
    }
    for (size_t i = 0; n_compared == 0 && i < N_ITEMS; i++) {
        assert_true(fabsf(r[i].trait - first[i].trait) < 0.3F &&
                    fabsf(r[i].coherence - first[i].coherence) < 0.3F);
    }
    memcpy(first, r, sizeof first);
}

static void digits_by_brute_force(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_MODELS; i++) {
        persona_model *m = open_model(i);
        check_model(m, true, 8, 1);
        check_model(m, true, i == 0 ? 1 : 3, 0);
        persona_model_free(m);
    }
}

/* On harmony this also says that the final channel is open already: brute force reads it there. */
static void tokens_by_brute_force(void **state)
{
    (void)state;
    persona_model *m = with_numbers(1);
    check_model(m, false, 8, 1);
    check_model(m, false, 2, 0);
    persona_model_free(m);
}

/* Qwen's way of cutting text keeps digits apart even where longer tokens exist. */
static void numbers_follow_the_tokenizer(void **state)
{
    (void)state;
    persona_err e = {0};
    numbers *x = calloc(1, sizeof *x);
    persona_token path[NUMBERS_DEPTH];
    assert_non_null(x);
    for (size_t i = 0; i < 3; i++) {
        persona_model *m = i < 2 ? with_numbers(i) : open_model(1);
        must(numbers_of(m, x, &e), &e);
        assert_int_equal(x->deep, i != 1);
        assert_int_equal(x->n, i == 1 ? 102 : 1 + 10 + 90 + 1);
        assert_int_equal(x->n_digits, i == 1 ? 101 : 10);
        int n_values = 0;
        for (int k = 0; k < x->n; k++) {
            const int value = x->nodes[k].value;
            forced_number f;
            if (value < 0) {
                continue;
            }
            n_values++;
            number_tokens(m, value, &f);
            assert_int_equal(numbers_path(x, k, path), f.n);
            assert_memory_equal(path, f.tokens, f.n * sizeof *path);
        }
        assert_int_equal(n_values, 101);
        persona_model_free(m);
    }
    free(x);
}

/* ---- reading distributions made by hand ------------------------------------------------------ */

static void distributions_by_hand(void **state)
{
    (void)state;
    persona_err e = {0};
    persona_model *m = open_model(0);
    numbers *x = calloc(1, sizeof *x);
    const size_t n_vocab = (size_t)persona_model_info_get(m)->n_vocab;
    float *logits = calloc(n_vocab, sizeof *logits);
    number_branch *open = calloc(NUMBERS_MAX, sizeof *open);
    persona_token digit[10];
    assert_true(x && logits && open);
    must(numbers_of(m, x, &e), &e);
    for (int d = 0; d < 10; d++) {
        forced_number f;
        number_tokens(m, d, &f);
        digit[d] = f.tokens[0];
    }
    /* first token: "1" .5, "0" .2, anything else .3 */
    for (size_t k = 0; k < n_vocab; k++) {
        logits[k] = -INFINITY;
    }
    logits[digit[1]] = logf(.5F);
    logits[digit[0]] = logf(.2F);
    logits[digit[0] + 40] = logf(.3F);
    number_sum sum = {0};
    size_t n = numbers_read(x, (number_branch){0, 1}, logits, n_vocab, &sum, open);
    assert_int_equal(n, 9);
    assert_true(fabs(sum.mass - .2) < 1e-6 && sum.weighted == 0);
    number_branch one = {-1, 0};
    for (size_t k = 0; k < n; k++) {
        one = x->nodes[open[k].node].value == 1 ? open[k] : one;
    }
    assert_true(fabs(one.p - .5) < 1e-6);
    /* after "1": "0" .4, "5" .4, no digit .2 */
    logits[digit[1]] = -INFINITY;
    logits[digit[0]] = logits[digit[5]] = logf(.4F);
    logits[digit[0] + 40] = logf(.2F);
    n = numbers_read(x, one, logits, n_vocab, &sum, open);
    assert_int_equal(n, 1); /* "10" may become "100" */
    assert_int_equal(x->nodes[open[0].node].value, 10);
    assert_true(fabs(sum.mass - (.2 + .5 * .2 + .5 * .4)) < 1e-6);
    assert_true(fabs(sum.weighted - (.5 * .2 * 1 + .5 * .4 * 15)) < 1e-5);
    /* after "10": "0" .5, "5" .25 (105 is no score), no digit .25 */
    logits[digit[0]] = logf(.5F);
    logits[digit[5]] = logits[digit[0] + 40] = logf(.25F);
    n = numbers_read(x, open[0], logits, n_vocab, &sum, open);
    assert_int_equal(n, 0);
    assert_true(fabs(sum.mass - (.5 + .2 * .75)) < 1e-6);
    assert_true(fabs(sum.weighted - (3.1 + .2 * .25 * 10 + .2 * .5 * 100)) < 1e-4);
    free(open);
    free(logits);
    free(x);
    persona_model_free(m);
}

/* ---- what is not answered -------------------------------------------------------------------- */

static persona_code count(void *ud, size_t i, const persona_judgement *r, persona_err *e)
{
    size_t *n = ud;
    (void)i;
    (void)r;
    *n += 1;
    return *n == 3 ? persona_err_set(e, PERSONA_E_IO, "disk full") : PERSONA_OK;
}

static void little_mass_is_no_answer(void **state)
{
    (void)state;
    persona_model *m = open_model(0);
    const persona_trait *t = silly();
    persona_judgement r[N_ITEMS];
    persona_err e = {0};
    persona_judge *j = NULL;
    must(persona_judge_model(m, NULL, &j, &e), &e); /* the default: a quarter of the probability */
    must(persona_judge_all(j, t, ITEMS, N_ITEMS, NULL, r, &e), &e);
    for (size_t i = 0; i < N_ITEMS; i++) {
        assert_true(isnan(r[i].trait) && isnan(r[i].coherence) && r[i].mass > 0 &&
                    r[i].mass < .25F);
    }
    persona_judge_free(j);
    persona_model_free(m);
}

static void too_long_is_no_answer(void **state)
{
    (void)state;
    persona_model *m = open_model(0);
    const persona_trait *t = silly();
    persona_judgement r[N_ITEMS];
    persona_judge_item items[N_ITEMS];
    persona_err e = {0};
    char *long_answer = calloc(4001, 1);
    assert_non_null(long_answer);
    memset(long_answer, '%', 4000);
    memcpy(items, ITEMS, sizeof items);
    items[1].answer = long_answer;
    persona_judge *j = judge_of(m, 4, 0);
    must(persona_judge_all(j, t, items, N_ITEMS, NULL, r, &e), &e);
    for (size_t i = 0; i < N_ITEMS; i++) {
        assert_int_equal(isnan(r[i].trait) != 0, i == 1);
        assert_int_equal(isnan(r[i].coherence) != 0, i == 1);
    }
    assert_true(r[1].mass == 0);
    free(long_answer);
    persona_judge_free(j);
    persona_model_free(m);
}

static void run_can_end_early(void **state)
{
    (void)state;
    persona_model *m = open_model(1);
    const persona_trait *t = silly();
    persona_err e = {0};
    size_t n = 0;
    persona_judge *j = judge_of(m, 4, 0);
    assert_int_equal(persona_judge_run(j, t, ITEMS, N_ITEMS, NULL, count, &n, &e), PERSONA_E_IO);
    assert_string_equal(e.msg, "disk full");
    assert_int_equal(n, 3);
    persona_cancel cancel = {.requested = 1};
    const persona_hooks hooks = {.cancel = &cancel};
    n = 10;
    assert_int_equal(persona_judge_run(j, t, ITEMS, N_ITEMS, &hooks, count, &n, &e),
                     PERSONA_E_CANCELED);
    assert_int_equal(n, 10);
    persona_judgement r[N_ITEMS]; /* and the judge is as good as before */
    must(persona_judge_all(j, t, ITEMS, N_ITEMS, NULL, r, &e), &e);
    assert_true(r[3].coherence >= 0);
    const persona_trait bare = {.name = t->name};
    assert_int_equal(persona_judge_all(j, &bare, ITEMS, 1, NULL, r, &e), PERSONA_E_UNAVAILABLE);
    persona_judge_free(j);
    persona_model_free(m);
}

static void refuse(const char *path, const char *word)
{
    persona_err e = {0};
    persona_judge *j = NULL;
    persona_model *m = open_file(path);
    assert_int_equal(persona_judge_model(m, NULL, &j, &e), PERSONA_E_UNAVAILABLE);
    assert_null(j);
    if (!strstr(e.msg, word) || !strstr(e.msg, path)) {
        fail_msg("'%s' does not name %s and '%s'", e.msg, path, word);
    }
    persona_model_free(m);
}

static void models_that_cannot_judge(void **state)
{
    (void)state;
    const char *path = scratch_path("no-seven.gguf");
    assert_true(model_edit_token(model_file(0), path, "7", "QQQQ"));
    refuse(path, "7");
    path = scratch_path("no-template.gguf");
    assert_true(model_edit_drop(model_file(0), path, "tokenizer.chat_template"));
    refuse(path, "template");
}

/* ---- cost ------------------------------------------------------------------------------------ */

typedef struct cost {
    size_t first, n_tokens, done, total;
    bool started;
} cost;

static void on_progress(void *ud, const persona_progress *p)
{
    cost *c = ud;
    assert_string_equal(p->stage, "judge silly");
    c->n_tokens = p->n_tokens;
    c->done = p->done;
    c->total = p->total;
}

/* A beginning costs one token, not the prompt again; and a rubric is read once, not per answer. */
static void prompts_are_read_once(void **state)
{
    (void)state;
    for (int mode = 0; mode < 2; mode++) {
        persona_model *m = mode == 0 ? open_model(0) : with_numbers(1);
        persona_trait *t = NULL;
        persona_judgement r[N_ITEMS];
        persona_err e = {0};
        cost c = {0};
        const persona_hooks hooks = {.ud = &c, .progress = on_progress};
        size_t all = 0, coherence = 0;
        must(persona_trait_read(PERSONA_SOURCE_DIR "/traits/silly.json", &t, &e), &e);
        persona_judge *j = judge_of(m, 8, 0);
        must(persona_judge_all(j, t, ITEMS, N_ITEMS, &hooks, r, &e), &e);
        assert_int_equal(c.done, N_ITEMS);
        assert_int_equal(c.total, N_ITEMS);
        for (size_t i = 0; i < N_ITEMS; i++) {
            char *text[2] = {judge_trait_prompt(t, &ITEMS[i]), judge_coherence_prompt(&ITEMS[i])};
            for (int k = 0; k < 2; k++) {
                persona_tokens p = chat(m, NULL, text[k]);
                all += p.n;
                coherence += k == 1 && i == 0 ? p.n : 0;
                persona_tokens_free(&p);
                mem_free(text[k]);
            }
        }
        /* at most 10 beginnings of one token for each question; all rubrics but the first are
         * held */
        const size_t beginnings = mode == 0 ? 2 * N_ITEMS * 10 : 0;
        if (c.n_tokens > all + beginnings - (N_ITEMS - 1) * (coherence / 2)) {
            fail_msg("%zu tokens for %zu of prompts", c.n_tokens, all);
        }
        persona_judge_free(j);
        persona_trait_free(t);
        persona_model_free(m);
    }
}

/* Same model, same answers, same numbers; and what else is judged changes nothing that matters. */
static void same_input_same_scores(void **state)
{
    (void)state;
    persona_model *m = open_model(1);
    const persona_trait *t = silly();
    persona_judgement a[N_ITEMS], b[N_ITEMS];
    persona_err e = {0};
    for (int k = 0; k < 2; k++) {
        persona_judge *j = judge_of(m, 4, 0);
        must(persona_judge_all(j, t, ITEMS, N_ITEMS, NULL, k == 0 ? a : b, &e), &e);
        persona_judge_free(j);
    }
    assert_memory_equal(a, b, sizeof a);
    persona_judge *j = judge_of(m, 4, 0);
    must(persona_judge_all(j, t, ITEMS + 3, 1, NULL, b, &e), &e);
    assert_true(fabsf(a[3].trait - b[0].trait) < 0.3F);
    persona_judge_free(j);
    persona_model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_follow_the_tokenizer),
        cmocka_unit_test(distributions_by_hand),
        cmocka_unit_test(digits_by_brute_force),
        cmocka_unit_test(tokens_by_brute_force),
        cmocka_unit_test(little_mass_is_no_answer),
        cmocka_unit_test(too_long_is_no_answer),
        cmocka_unit_test(run_can_end_early),
        cmocka_unit_test(models_that_cannot_judge),
        cmocka_unit_test(prompts_are_read_once),
        cmocka_unit_test(same_input_same_scores),
    };
    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
