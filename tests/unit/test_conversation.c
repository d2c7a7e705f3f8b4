/* SPDX-License-Identifier: MIT
 *
 * test_conversation.c - the tree of a chat: branches, ways, messages, its file and what is wrong
 * with other files.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "scratch.h"
#include "workbench/conversation.h"

static void must(persona_code rc, const persona_err *e)
{
    if (rc != PERSONA_OK) {
        fail_msg("%s", e->msg);
    }
}

static void add(conversation *c, int parent, const char *question, const char *answer)
{
    persona_err e = {0};
    const turn_texts t = {question, answer, NULL, "1*silly", "Be silly.", 7};
    must(conversation_add(c, parent, &t, &e), &e);
}

/*   a -> b, b' ; b' -> c   and a second beginning d */
static void grow(conversation *c)
{
    persona_err e = {0};
    must(conversation_init(c, &e), &e);
    must(conversation_set_system(c, "Be brief.", &e), &e);
    add(c, CONVERSATION_ROOT, "qa", "a");
    add(c, 0, "qb", "b");
    add(c, 0, "qb", "b'");
    add(c, 2, "qc", "c");
    add(c, CONVERSATION_ROOT, "qd", "d");
}

static void branches_and_ways(void **state)
{
    (void)state;
    conversation c;
    int way[8];
    size_t which;
    grow(&c);
    assert_int_equal(c.at, 4);
    assert_int_equal(conversation_branches(&c, CONVERSATION_ROOT, 4, &which), 2);
    assert_int_equal(which, 2);
    assert_true(conversation_go(&c, 1)); /* down to the last answer of the first branch */
    assert_int_equal(c.at, 3);
    assert_int_equal(conversation_path(&c, c.at, way), 3);
    assert_true(way[0] == 0 && way[1] == 2 && way[2] == 3);
    assert_false(conversation_go(&c, 2)); /* c has no sibling */
    c.at = 2;
    assert_true(conversation_go(&c, 1));
    assert_int_equal(c.at, 1);
    c.at = CONVERSATION_ROOT;
    assert_false(conversation_go(&c, 1));
    conversation_clear(&c);
}

static void messages(void **state)
{
    (void)state;
    conversation c;
    persona_err e = {0};
    persona_message *m = NULL;
    size_t n = 0;
    grow(&c);
    must(conversation_messages(&c, 2, "next", &m, &n, &e), &e);
    static const char *const want[][2] = {{"system", "Be brief."}, {"user", "qa"},
                                          {"assistant", "a"},      {"user", "qb"},
                                          {"assistant", "b'"},     {"user", "next"}};
    assert_int_equal(n, 6);
    for (size_t i = 0; i < n; i++) {
        assert_string_equal(m[i].role, want[i][0]);
        assert_string_equal(m[i].content, want[i][1]);
    }
    mem_free(m);
    conversation_clear(&c);
}

static void file(void **state)
{
    (void)state;
    conversation c, d;
    persona_err e = {0};
    const char *path = scratch_path("talk.json");
    grow(&c);
    must(conversation_save(&c, "model", path, &e), &e);
    must(conversation_init(&d, &e), &e);
    must(conversation_load(&d, path, &e), &e);
    assert_int_equal(d.n, c.n);
    assert_int_equal(d.at, c.at);
    assert_string_equal(d.system, c.system);
    for (size_t i = 0; i < c.n; i++) {
        assert_int_equal(d.turns[i].parent, c.turns[i].parent);
        assert_string_equal(d.turns[i].answer, c.turns[i].answer);
        assert_string_equal(d.turns[i].steering, "1*silly");
        assert_string_equal(d.turns[i].prompt, "Be silly.");
        assert_int_equal(d.turns[i].seed, 7);
    }
    conversation_clear(&c);
    conversation_clear(&d);
}

static void bad_files(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"{\"schema\": \"persona.trait/1\"}", "schema"},
        {"{\"schema\": \"persona.chat/1\", \"turns\": {}}", "turns"},
        {"{\"schema\": \"persona.chat/1\", \"turns\": [], \"at\": 0}", "at"},
        {"{\"schema\": \"persona.chat/1\", \"turns\": [{\"parent\": 0, \"seed\": 0}], \"at\": -1}",
         "parent"}, /* a turn cannot follow itself */
        {"{\"schema\": \"persona.chat/1\", \"turns\": [{\"parent\": -1, \"seed\": 0, "
         "\"answer\": 3}], \"at\": -1}",
         "answer"},
        {"{", "byte"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        conversation c;
        persona_err e = {0};
        grow(&c);
        const char *path = scratch_text("bad.json", cases[i].text);
        assert_int_equal(conversation_load(&c, path, &e), PERSONA_E_FORMAT);
        if (strstr(e.msg, cases[i].says) == NULL) {
            fail_msg("case %zu: %s", i, e.msg);
        }
        assert_int_equal(c.n, 5); /* as it was */
        conversation_clear(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(branches_and_ways),
        cmocka_unit_test(messages),
        cmocka_unit_test(file),
        cmocka_unit_test(bad_files),
    };
    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
