/* SPDX-License-Identifier: MIT
 *
 * test_choices.c - files of two-choice questions, and the order of choices.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "core/text/choicetext.h"
#include "scratch.h"
#include "store/text/choicefile.h"

static void labels_and_lists(void **state)
{
    (void)state;
    const char *q = "Is (A) a letter?\n\nChoices:\n (A) Yes, it is\n (B) No\n";
    assert_int_equal(choice_label("(A)"), 'A');
    assert_int_equal(choice_label("B"), 'B');
    assert_int_equal(choice_label("(A) Yes"), 0);
    assert_int_equal(choice_label("Yes"), 0);
    assert_int_equal(choice_label(""), 0);
    assert_int_equal(strncmp(choice_listed(q, 'A'), " Yes, it is", 11), 0); /* not the one above */
    assert_null(choice_listed(q, 'C'));
    assert_null(choice_listed("Yes or (B) no?", 'B'));
}

static void swaps(void **state)
{
    (void)state;
    char *s = choice_swap("Q?\n\nChoices:\n (A) Yes, it is\n (B) No\n", 'A', 'B');
    assert_string_equal(s, "Q?\n\nChoices:\n (A) No\n (B) Yes, it is\n");
    char *back = choice_swap(s, 'B', 'A');
    assert_string_equal(back, "Q?\n\nChoices:\n (A) Yes, it is\n (B) No\n");
    mem_free(s);
    mem_free(back);
    s = choice_swap("(A) one\ntwo\n(B) three\n\n(C) four", 'C', 'A');
    assert_string_equal(s, "(A) four\n(B) three\n\n(C) one\ntwo");
    mem_free(s);
    assert_null(choice_swap("(A) one", 'A', 'B'));
    assert_null(choice_swap("(A) one (B) two", 'A', 'B'));
    s = choice_list_two("Q?", "x", "y");
    assert_string_equal(s, "Q?\n\nChoices:\n (A) x\n (B) y");
    mem_free(s);
}

static void forms_of_the_field(void **state)
{
    (void)state;
    persona_err e = {0};
    choice_list l;
    const char *lines = scratch_text(
        "a.jsonl", "\n{\"question\": \"Q?\\n (A) x\\n (B) y\", \"statement\": 3,"
                   " \"answer_matching_behavior\": \" (B)\", \"answer_not_matching_behavior\": \" "
                   "(A)\"}\n{\"question\":\"Tea?\",\"matching\":\"Yes\",\"not_matching\":\"No\"}");
    assert_int_equal(choice_list_read(lines, &l, &e), PERSONA_OK);
    assert_int_equal(l.n, 2);
    assert_string_equal(l.p[0].matching, "(B)");
    assert_string_equal(l.p[0].other, "(A)");
    assert_true(l.p[0].line == 2 && !l.p[0].listed && l.p[1].line == 3 && l.p[1].listed);
    choice_list_clear(&l);
    const char *array = scratch_text(
        "a.json", "\xEF\xBB\xBF [{\"question\":\"Q\",\"answer_matching_behavior\":\"(A)\","
                  "\"answer_not_matching_behavior\":\"(B)\"}]");
    assert_int_equal(choice_list_read(array, &l, &e), PERSONA_OK);
    assert_true(l.n == 1 && l.p[0].line == 1);
    choice_list_clear(&l);
}

static void refused(const char *text, const char *part)
{
    persona_err e = {0};
    choice_list l;
    assert_int_equal(choice_list_read(scratch_text("bad.json", text), &l, &e), PERSONA_E_FORMAT);
    if (!strstr(e.msg, part)) {
        fail_msg("'%s' does not say '%s'", e.msg, part);
    }
    assert_int_equal(l.n, 0);
}

static void what_is_wrong_is_named(void **state)
{
    (void)state;
    persona_err e = {0};
    choice_list l;
    refused("", "holds no question");
    refused("[]", "holds no question");
    refused("{\"question\":\"Q\"}", "bad.json:1");
    refused("{\"question\":\"Q\"}", "answer_matching_behavior");
    refused("\n{\"question\":\"\",\"matching\":\"a\",\"not_matching\":\"b\"}", "bad.json:2");
    refused("{\"question\":\"Q\",\"matching\":\"a\",\"not_matching\":\" a\"}", "the same");
    refused("{\"question\":\"Q\",\"matching\":1,\"not_matching\":\"b\"}", "matching");
    refused("[{\"question\":\"Q\"}]", "question 1");
    refused("[3", "bad.json");
    refused("\xff", "UTF-8");
    assert_int_equal(choice_list_read(scratch_path("none"), &l, &e), PERSONA_E_NOTFOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(labels_and_lists),
        cmocka_unit_test(swaps),
        cmocka_unit_test(forms_of_the_field),
        cmocka_unit_test(what_is_wrong_is_named),
    };
    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
