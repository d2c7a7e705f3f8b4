/* SPDX-License-Identifier: MIT
 *
 * test_ask.c - the pipelines' way to the session: what an answer that is read is made of, and that
 * a model thread changes nothing but who computes.
 */
#include <math.h>
#include <pthread.h>

#include "engine/engine.h"
#include "models.h"
#include "pipeline/ask.h"
#include "pipeline/dose/nll.h"
#include "pipeline/judge/judge_kind.h"
#include "support/model_edit.h"
#include "unit/scratch.h"

/* The tokens of prompt and answer are those that libllama makes of both in one text, also where its
 * tokenizer puts a space in front of a text: behind a control token it does, behind words not. */
static void answers_continue_the_text(void **state)
{
    (void)state;
    static const char *const ENDS[] = {"<|im_start|>assistant\\n", "<|im_start|>", "Answer:"};
    static const char *const ANSWERS[] = {"Tea is a drink.", " Tea is a drink.", "\nTea", "7", "a"};
    const char *spm = scratch_path("spm.gguf");
    persona_err e = {0};
    assert_true(model_edit_spm(PERSONA_SOURCE_DIR "/models/persona-qwen2.gguf", spm));
    for (size_t i = 0; i < 6; i++) {
        char tmpl[256];
        persona_model *m = NULL;
        persona_model_opts o = persona_model_defaults();
        snprintf(tmpl, sizeof tmpl, "{{ messages[0].content }}<|im_end|>{{ '%s' }}", ENDS[i % 3]);
        o.chat_template = scratch_text("end.jinja", tmpl);
        must(persona_model_open(i < 3 ? spm : PERSONA_SOURCE_DIR "/models/persona-qwen2.gguf", &o,
                                &m, &e),
             &e);
        persona_session_opts so = small(1);
        persona_session *s = session(m, so);
        for (size_t k = 0; k < sizeof ANSWERS / sizeof *ANSWERS; k++) {
            if (i >= 3 && (i == 5 || ANSWERS[k][0] == '\n')) {
                continue; /* byte pairs may cross this border */
            }
            const persona_message x = {"user", "What is tea?"};
            const ask q = {.question = x.content,
                           .forced = ANSWERS[k],
                           .sampling = persona_sampling_defaults()};
            answer a;
            char *text = NULL, both[512];
            llama_token want[256];
            persona_tokens prompt;
            must(persona_chat_text(m, &x, 1, NULL, &text, &e), &e);
            must(persona_chat_tokens(m, &x, 1, NULL, &prompt, &e), &e);
            snprintf(both, sizeof both, "%s%s", text, ANSWERS[k]);
            const int n = llama_tokenize(m->vocab, both, (int)strlen(both), want, 256, false, true);
            must(ask_all(s, &q, 1, "reading", NULL, &a, &e), &e);
            assert_int_equal(n, prompt.n + a.n_tokens);
            if (i == 0) { /* what it would be by itself */
                persona_tokens other;
                must(persona_tokenize(m, ANSWERS[k], false, &other, &e), &e);
                assert_true(other.n != a.n_tokens ||
                            memcmp(other.ids, a.tokens, other.n * sizeof *want) != 0);
                persona_tokens_free(&other);
            }
            assert_memory_equal(want, prompt.ids, prompt.n * sizeof *want);
            assert_memory_equal(want + prompt.n, a.tokens, a.n_tokens * sizeof *want);
            answer_clear(&a);
            persona_tokens_free(&prompt);
            free(text);
        }
        persona_session_free(s);
        persona_model_free(m);
    }
}

/* ---- a model thread -------------------------------------------------------------------------- */

/* cmocka's assertions belong to the main thread. */
#define ENSURE(fact)                                                                               \
    do {                                                                                           \
        if (!(fact)) {                                                                             \
            fprintf(stderr, "line %d: not so: %s\n", __LINE__, #fact);                             \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

enum { N_ASKS = 12, N_CLIENTS = 3 };
static const char *const TOPICS[] = {"tea", "rain", "chess", "sleep", "bread", "snow"};

/* What one thread asks, and what it gets. */
typedef struct client {
    pthread_t thread;
    persona_session *s;
    persona_judge *judge;
    unsigned shift;
    answer answers[N_ASKS];
    double nll[N_ASKS];
    persona_judgement judged[N_ASKS];
} client;

static void *ask_things(void *ud)
{
    client *c = ud;
    char questions[N_ASKS][64];
    const char *lines[N_ASKS], *texts[N_ASKS];
    ask asks[N_ASKS] = {0};
    persona_judge_item items[N_ASKS];
    static char name[] = "silly", prompt[] = "How silly is {answer} to {question}? A number.";
    const persona_trait t = {.name = name, .eval_prompt = prompt};
    persona_err e = {0};
    for (unsigned i = 0; i < N_ASKS; i++) {
        const unsigned k = (i + c->shift) % N_ASKS;
        snprintf(questions[i], sizeof questions[i], "What is %s, in %u words?", TOPICS[k % 6], k);
        lines[i] = questions[i];
        asks[i] = (ask){.question = questions[i],
                        .skip_analysis = true,
                        .sampling = persona_sampling_defaults()};
        asks[i].sampling.max_tokens = 12 + (int)(k % 5);
        asks[i].sampling.seed = k;
    }
    ENSURE(ask_all(c->s, asks, N_ASKS, "asking", NULL, c->answers, &e) == PERSONA_OK);
    for (size_t i = 0; i < N_ASKS; i++) {
        texts[i] = c->answers[i].text;
        items[i] = (persona_judge_item){lines[i], texts[i], NAN, NAN};
    }
    ENSURE(nll_measure(c->s, lines, texts, N_ASKS, "reading", NULL, c->nll, &e) == PERSONA_OK);
    ENSURE(persona_judge_all(c->judge, &t, items, N_ASKS, NULL, c->judged, &e) == PERSONA_OK);
    return NULL;
}

/* Answers, likelihoods and scores for three threads at once are those of one alone: the answers
 * bit for bit (fixed shape), the scores as close as batch shapes allow. */
static void three_threads_get_what_one_gets(void **state)
{
    (void)state;
    persona_err e = {0};
    persona_model *m = open_model(0);
    persona_session_opts o = small(4);
    persona_judge_model_opts jo = persona_judge_model_defaults();
    static client all[1 + N_CLIENTS];
    o.fixed_shape = true;
    jo.n_slots = 4;
    jo.n_ctx = 512;
    jo.n_threads = 1;
    jo.min_mass = 0;
    for (unsigned i = 0; i <= N_CLIENTS; i++) {
        all[i].shift = i == 0 ? 0 : i - 1;
    }
    all[0].s = session(m, o);
    must(persona_judge_model(m, &jo, &all[0].judge, &e), &e);
    (void)ask_things(&all[0]);
    all[1].s = session(m, o);
    must(persona_judge_model(m, &jo, &all[1].judge, &e), &e);
    must(persona_session_start(all[1].s, &e), &e);
    must(persona_session_start(judge_model_session(all[1].judge), &e), &e);
    for (unsigned i = 1; i <= N_CLIENTS; i++) {
        all[i].s = all[1].s;
        all[i].judge = all[1].judge;
        assert_int_equal(pthread_create(&all[i].thread, NULL, ask_things, &all[i]), 0);
    }
    for (unsigned i = 1; i <= N_CLIENTS; i++) {
        assert_int_equal(pthread_join(all[i].thread, NULL), 0);
    }
    for (unsigned i = 1; i <= N_CLIENTS; i++) {
        for (unsigned k = 0; k < N_ASKS; k++) {
            const unsigned w = (k + all[i].shift) % N_ASKS;
            assert_string_equal(all[i].answers[k].text, all[0].answers[w].text);
            assert_true(all[i].nll[k] == all[0].nll[w] ||
                        (isnan(all[i].nll[k]) && isnan(all[0].nll[w])));
            assert_true(fabsf(all[i].judged[k].trait - all[0].judged[w].trait) < 0.3F);
            assert_true(fabsf(all[i].judged[k].coherence - all[0].judged[w].coherence) < 0.3F);
        }
        answers_clear(all[i].answers, N_ASKS);
    }
    answers_clear(all[0].answers, N_ASKS);
    for (unsigned i = 0; i < 2; i++) {
        persona_judge_free(all[i].judge);
        persona_session_free(all[i].s);
    }
    persona_model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_continue_the_text),
        cmocka_unit_test(three_threads_get_what_one_gets),
    };
    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
