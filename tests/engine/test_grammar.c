/* SPDX-License-Identifier: MIT
 *
 * test_grammar.c - replies under a grammar: only what it allows, on both architectures, with every
 * sampler in the chain, in a batch beside free replies; and what cannot work is an error, not an
 * end of the process.
 */
#include "base/json.h"
#include "models.h"

typedef struct reply {
    char text[2048];
    persona_finish finish;
    bool answered;
} reply;

static void keep(void *ud, const persona_result *r)
{
    reply *x = ud;
    snprintf(x->text, sizeof x->text, "%s", r->text);
    x->finish = r->finish;
    x->answered = r->answered;
}

static persona_request under(const persona_tokens *t, reply *x, const char *grammar, uint32_t seed)
{
    persona_request q = {.prompt = t->ids,
                         .n_prompt = t->n,
                         .sampling = persona_sampling_defaults(),
                         .ud = x,
                         .on_done = keep};
    q.sampling.grammar = grammar;
    q.sampling.seed = seed;
    q.sampling.max_tokens = 96;
    memset(x, 0, sizeof *x);
    return q;
}

static const char YES_NO[] = "root ::= (\"yes\" | \"no\")";

static void only_yes_or_no(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_MODELS; i++) {
        persona_model *m = open_model(i);
        persona_session *s = session(m, small(4));
        persona_tokens t = chat(m, NULL, "Is tea made of leaves?");
        reply replies[24];
        persona_request q[24];
        size_t n_yes = 0;
        for (size_t k = 0; k < 24; k++) {
            q[k] = under(&t, &replies[k], YES_NO, (uint32_t)k);
            q[k].sampling.temperature = k % 4 == 3 ? 0.0F : 2.0F;
            q[k].sampling.repetition_penalty = k % 2 == 1 ? 1.3F : 1.0F;
            q[k].sampling.top_k = k % 3 == 0 ? 2 : 0;
            q[k].sampling.top_p = k % 3 == 1 ? 0.5F : 1.0F;
            q[k].sampling.min_p = k % 3 == 2 ? 0.2F : 0.0F;
        }
        run(s, q, 24);
        for (size_t k = 0; k < 24; k++) {
            bool yes = strcmp(replies[k].text, "yes") == 0;
            n_yes += yes;
            if (!yes && strcmp(replies[k].text, "no") != 0) {
                fail_msg("model %zu, seed %zu: '%s'", i, k, replies[k].text);
            }
            assert_int_equal(replies[k].finish, PERSONA_FINISH_STOP);
            assert_true(replies[k].answered);
        }
        assert_true(n_yes > 0 && n_yes < 24);
        reply again[24];
        for (size_t k = 0; k < 24; k++) {
            q[k].ud = &again[k];
        }
        run(s, q, 24);
        for (size_t k = 0; k < 24; k++) {
            assert_string_equal(again[k].text, replies[k].text);
        }
        persona_tokens_free(&t);
        persona_session_free(s);
        persona_model_free(m);
    }
}

/* A neighbor under a grammar changes nothing in a free reply. */
static void neighbors_are_free(void **state)
{
    (void)state;
    persona_model *m = open_model(0);
    persona_session *s = session(m, small(2));
    persona_tokens t = chat(m, NULL, "How do I make soup?");
    reply free_alone[2], free_beside, bound;
    persona_request q[2] = {under(&t, &free_alone[0], NULL, 7), under(&t, &free_alone[1], NULL, 8)};
    run(s, q, 2);
    q[0] = under(&t, &free_beside, NULL, 7);
    q[1] = under(&t, &bound, "root ::= [a-z ]+", 8);
    run(s, q, 2);
    assert_string_equal(bound.text + strspn(bound.text, "abcdefghijklmnopqrstuvwxyz "), "");
    assert_true(strlen(bound.text) > 0);
    size_t same = 0; /* bit-exact while both shapes are alike: until either of the two has ended */
    while (free_alone[0].text[same] != '\0' && free_alone[0].text[same] == free_beside.text[same]) {
        same++;
    }
    assert_true(same > 20 || free_alone[0].text[same] == '\0');
    persona_tokens_free(&t);
    persona_session_free(s);
    persona_model_free(m);
}

static void json_parses(void **state)
{
    (void)state;
    static const char JSON[] = "root   ::= \"{\\\"answers\\\": [\" string (\", \" string){0,3} "
                               "\"], \\\"n\\\": \" [0-9]{1,4} \"}\"\n"
                               "string ::= \"\\\"\" [^\"\\\\\\x00-\\x1f]{1,40} \"\\\"\"\n";
    for (size_t i = 0; i < N_MODELS; i++) {
        persona_model *m = open_model(i);
        persona_session_opts o = small(4);
        o.n_ctx = 512;
        persona_session *s = session(m, o);
        persona_tokens t = chat(m, "Be brief.", "Name three kinds of soup.");
        reply replies[8];
        persona_request q[8];
        for (size_t k = 0; k < 8; k++) {
            q[k] = under(&t, &replies[k], JSON, (uint32_t)k);
            q[k].sampling.max_tokens = 300;
        }
        run(s, q, 8);
        for (size_t k = 0; k < 8; k++) {
            json_doc *d = NULL;
            persona_err e = {0};
            assert_int_equal(replies[k].finish, PERSONA_FINISH_STOP);
            if (json_parse(replies[k].text, strlen(replies[k].text), "reply", &d, &e) !=
                PERSONA_OK) {
                fail_msg("%s: %s", e.msg, replies[k].text);
            }
            assert_true(json_len(json_get(json_root(d), "answers")) >= 1);
            json_free(d);
        }
        persona_tokens_free(&t);
        persona_session_free(s);
        persona_model_free(m);
    }
}

/* No token begins with U+0000, so there is no way on: the reply ends cleanly. A grammar that is
 * complete at once gives nothing. */
static void dead_ends(void **state)
{
    (void)state;
    static const char *const GRAMMARS[] = {"root ::= \"yes\" [\\x00]", "root ::= \"\""};
    static const char *const TEXTS[] = {"yes", ""};
    for (size_t i = 0; i < N_MODELS; i++) {
        persona_model *m = open_model(i);
        persona_session *s = session(m, small(1));
        persona_tokens t = chat(m, NULL, "Hi");
        for (size_t k = 0; k < 2; k++) {
            for (int ignore = 0; ignore < 2; ignore++) {
                reply x;
                persona_request q = under(&t, &x, GRAMMARS[k], 1);
                q.sampling.ignore_eos = ignore == 1;
                q.sampling.repetition_penalty = 1.1F;
                run(s, &q, 1);
                assert_string_equal(x.text, TEXTS[k]);
                assert_int_equal(x.finish, ignore ? PERSONA_FINISH_LENGTH : PERSONA_FINISH_STOP);
            }
        }
        persona_tokens_free(&t);
        persona_session_free(s);
        persona_model_free(m);
    }
}

static void bad_grammars(void **state)
{
    (void)state;
    static char deep[256], huge[(64 << 10) + 2];
    memset(deep, '(', sizeof deep - 1);
    memcpy(deep, "root ::= ", 9);
    memset(huge, 'a', sizeof huge - 1);
    const struct {
        const char *grammar, *word;
    } cases[] = {
        {"", "empty"},
        {"root ::= (", "parse"},
        {"root ::= missing", "parse"},
        {"start ::= \"x\"", "root"},
        {"root ::= root \"x\"", "left recursion"},
        {"root ::= \"x\"{3000}", "parse"},
        {deep, "parentheses"},
        {huge, "65536"},
    };
    persona_model *m = open_model(0);
    persona_session *s = session(m, small(1));
    persona_tokens t = chat(m, NULL, "Hi");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        reply x;
        persona_err e = {0};
        persona_request q = under(&t, &x, cases[i].grammar, 0);
        persona_code rc = persona_session_run_all(s, &q, 1, NULL, &e);
        if (rc != PERSONA_E_USAGE || strstr(e.msg, cases[i].word) == NULL ||
            strchr(e.msg, '\n') != NULL) {
            fail_msg("case %zu: %s: %s", i, persona_code_name(rc), e.msg);
        }
    }
    reply x; /* the session is fit for more */
    persona_request q = under(&t, &x, YES_NO, 0);
    run(s, &q, 1);
    assert_true(strcmp(x.text, "yes") == 0 || strcmp(x.text, "no") == 0);
    persona_tokens_free(&t);
    persona_session_free(s);
    persona_model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_yes_or_no), cmocka_unit_test(neighbors_are_free),
        cmocka_unit_test(json_parses),    cmocka_unit_test(dead_ends),
        cmocka_unit_test(bad_grammars),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
