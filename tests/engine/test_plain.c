/* SPDX-License-Identifier: MIT
 *
 * test_plain.c - the plain frame of models without a chat template: how a question is asked in it,
 * where an answer ends, and what counts as answer.
 */
#include "models.h"

typedef struct reply {
    char text[256];
    persona_finish finish;
    size_t n_answer, n_tokens, n_read;
} reply;

static void keep(void *ud, const persona_result *r)
{
    reply *x = ud;
    snprintf(x->text, sizeof x->text, "%s", r->text);
    x->finish = r->finish;
    x->n_answer = r->n_answer;
    x->n_tokens = r->n_tokens;
    x->n_read = r->n_acts > 0 ? r->acts[0].n_positions : 0;
}

static persona_model *open_plain(void)
{
    persona_model *m = NULL;
    persona_err e = {0};
    persona_model_opts o = persona_model_defaults();
    o.chat_template = "plain";
    must(persona_model_open(PERSONA_SOURCE_DIR "/models/persona-qwen2.gguf", &o, &m, &e), &e);
    return m;
}

static void golden(void **state)
{
    (void)state;
    persona_model *m = open_plain();
    const persona_message talk[] = {
        {"system", "Be brief."}, {"user", "Hi"}, {"assistant", "Hello."}, {"user", "What is tea?"}};
    char *s = NULL;
    persona_err e = {0};
    assert_int_equal(persona_model_info_get(m)->chat, PERSONA_CHAT_PLAIN);
    assert_string_equal(persona_chat_name(PERSONA_CHAT_PLAIN), "plain");
    must(persona_chat_text(m, talk, 4, NULL, &s, &e), &e);
    assert_string_equal(s, "Be brief.\n\nQuestion: Hi\n\nAnswer:\nHello.\n\n"
                           "Question: What is tea?\n\nAnswer:\n");
    free(s);
    persona_model_free(m);
}

/* A file's own template comes first. */
static void only_where_there_is_none(void **state)
{
    (void)state;
    persona_model *m = NULL;
    persona_err e = {0};
    persona_model_opts o = persona_model_defaults();
    o.raw_prompts = true;
    must(persona_model_open(PERSONA_SOURCE_DIR "/models/persona-qwen2.gguf", &o, &m, &e), &e);
    assert_int_equal(persona_model_info_get(m)->chat, PERSONA_CHAT_TEMPLATE);
    persona_model_free(m);
}

/* What a model that is made to say something has said. */
static reply say(persona_session *s, persona_model *m, const char *grammar)
{
    persona_tokens t = chat(m, NULL, "Is tea made of leaves?");
    const persona_tap tap = {.mode = PERSONA_TAP_MEAN, .span = PERSONA_SPAN_RESPONSE};
    reply x = {.n_read = 0};
    persona_request q = {.prompt = t.ids,
                         .n_prompt = t.n,
                         .sampling = persona_sampling_defaults(),
                         .taps = &tap,
                         .n_taps = 1,
                         .ud = &x,
                         .on_done = keep};
    q.sampling.grammar = grammar;
    q.sampling.max_tokens = 64;
    run(s, &q, 1);
    persona_tokens_free(&t);
    return x;
}

static void a_question_ends_it(void **state)
{
    (void)state;
    persona_model *m = open_plain();
    persona_session *s = session(m, small(4));
    reply x = say(s, m, "root ::= \"It is.\\n\\nQuestion: And what is soup?\"");
    assert_string_equal(x.text, "It is.");
    assert_int_equal(x.finish, PERSONA_FINISH_STOP);
    assert_true(x.n_answer > 0 && x.n_answer < x.n_tokens && x.n_read == x.n_answer);
    x = say(s, m, "root ::= \"It is.\\nQuestions are many.\\n\\nQuest\"");
    assert_string_equal(x.text, "It is.\nQuestions are many.\n\nQuest");
    x = say(s, m, "root ::= \"A Question: of tea.\\n\"");
    assert_string_equal(x.text, "A Question: of tea.\n");
    persona_session_free(s);
    persona_model_free(m);
}

/* A text that is read is all answer, whatever it says. */
static void texts_are_whole(void **state)
{
    (void)state;
    persona_model *m = open_plain();
    persona_session *s = session(m, small(4));
    persona_tokens t = chat(m, NULL, "Is tea made of leaves?"), said = {0};
    const persona_tap tap = {.mode = PERSONA_TAP_MEAN, .span = PERSONA_SPAN_RESPONSE};
    persona_err e = {0};
    reply x = {.n_read = 0};
    must(persona_tokenize_reply(m, &t, "It is.\n\nQuestion: And soup?", &said, &e), &e);
    persona_request q = {.prompt = t.ids,
                         .n_prompt = t.n,
                         .forced = said.ids,
                         .n_forced = said.n,
                         .sampling = persona_sampling_defaults(),
                         .taps = &tap,
                         .n_taps = 1,
                         .ud = &x,
                         .on_done = keep};
    run(s, &q, 1);
    assert_string_equal(x.text, "It is.\n\nQuestion: And soup?");
    assert_int_equal(x.n_read, said.n);
    persona_tokens_free(&said);
    persona_tokens_free(&t);
    persona_session_free(s);
    persona_model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden),
        cmocka_unit_test(only_where_there_is_none),
        cmocka_unit_test(a_question_ends_it),
        cmocka_unit_test(texts_are_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
