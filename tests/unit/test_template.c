/* SPDX-License-Identifier: MIT
 *
 * test_template.c - chat templates in the form of real models' against Python's jinja2
 * (tools/gen_templates.py), and templates that mean harm.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "engine/template.h"

#define FOLDER PERSONA_SOURCE_DIR "/tests/fixtures/templates/"

static void must(persona_code rc, const persona_err *e)
{
    if (rc != PERSONA_OK) {
        fail_msg("%s: %s", persona_code_name(rc), e->msg);
    }
}

static template_program *program(const char *name, const char *text)
{
    template_program *t = NULL;
    persona_err e = {0};
    must(template_new(name, text, &t, &e), &e);
    return t;
}

static void write_vars(const json_val *x, double now, buf *b)
{
    json_out o;
    jo_init(&o, b, false);
    jo_object(&o, NULL);
    jo_array(&o, "messages");
    const json_val *messages = json_get(x, "messages");
    for (size_t i = 0; i < json_len(messages); i++) {
        jo_object(&o, NULL);
        jo_string(&o, "role", json_string(json_get(json_at(messages, i), "role")));
        jo_string(&o, "content", json_string(json_get(json_at(messages, i), "content")));
        jo_end(&o);
    }
    jo_end(&o);
    jo_bool(&o, "add_generation_prompt", true);
    jo_null(&o, "tools");
    jo_null(&o, "documents");
    jo_string(&o, "bos_token", "<s>");
    jo_string(&o, "eos_token", "</s>");
    if (json_bool(json_get(x, "skip"), false)) {
        jo_bool(&o, "enable_thinking", false);
        jo_bool(&o, "thinking", false);
    }
    jo_number(&o, "now", now);
    jo_end(&o);
}

static bool case_holds(template_program *t, const json_val *x, double now)
{
    buf vars;
    char *got = NULL;
    size_t n = 0;
    persona_err e = {0};
    const char *want = json_string(json_get(x, "text"));
    const char *refused = json_string(json_get(x, "error"));
    buf_init(&vars, 1 << 20);
    write_vars(x, now, &vars);
    const persona_code rc = template_render(t, vars.p, vars.len, &got, &n, &e);
    bool ok = refused != NULL ? rc == PERSONA_E_FORMAT && strstr(e.msg, refused) != NULL
                              : rc == PERSONA_OK && strcmp(got, want) == 0;
    if (!ok) {
        print_message("%s, %s: wanted\n[%s]\ngot %s\n[%s]\n", json_string(json_get(x, "template")),
                      json_string(json_get(x, "conversation")), refused != NULL ? refused : want,
                      e.msg, got != NULL ? got : "");
    }
    mem_free(got);
    buf_free(&vars);
    return ok;
}

static void jinja_oracle(void **state)
{
    (void)state;
    json_doc *d = NULL;
    persona_err e = {0};
    template_program *t = NULL;
    char open[64] = "";
    size_t wrong = 0, files = 0;
    must(json_read(FOLDER "expected.json", (size_t)4 << 20, &d, &e), &e);
    const double now = json_number(json_get(json_root(d), "now"), 0);
    const json_val *cases = json_get(json_root(d), "cases");
    assert_true(json_len(cases) > 100);
    for (size_t i = 0; i < json_len(cases); i++) {
        const json_val *x = json_at(cases, i);
        const char *name = json_string(json_get(x, "template"));
        if (strcmp(open, name) != 0) {
            char path[512], *text = NULL;
            size_t len = 0;
            template_free(t);
            snprintf(open, sizeof open, "%s", name);
            snprintf(path, sizeof path, FOLDER "%s", name);
            must(file_read(path, 1 << 20, &text, &len, &e), &e);
            t = program(name, text);
            mem_free(text);
            files++;
        }
        wrong += !case_holds(t, x, now);
    }
    template_free(t);
    json_free(d);
    assert_true(files >= 12);
    assert_int_equal(wrong, 0);
}

/* Says why, names the file, and the same process of ours goes on. */
static void refused(const char *text, const char *word)
{
    char *out = NULL;
    size_t n = 0;
    persona_err e = {0};
    template_program *t = program("evil.jinja", text);
    const double start = clock_now();
    for (int again = 0; again < 2; again++) {
        assert_int_equal(template_render(t, "{}", 2, &out, &n, &e), PERSONA_E_FORMAT);
        assert_non_null(strstr(e.msg, "evil.jinja"));
        assert_non_null(strstr(e.msg, "--chat-template"));
        if (strstr(e.msg, word) == NULL) {
            fail_msg("no '%s' in: %s", word, e.msg);
        }
        assert_null(out);
    }
    assert_true(clock_now() - start < 100);
    template_free(t);
}

static char *repeated(const char *a, const char *piece, size_t n, const char *b)
{
    buf s;
    buf_init(&s, (size_t)4 << 20);
    buf_puts(&s, a);
    for (size_t i = 0; i < n; i++) {
        buf_puts(&s, piece);
    }
    buf_puts(&s, b);
    return buf_take(&s);
}

static void hostile(void **state)
{
    (void)state;
    refused("{{ raise_exception('not with me') }}", "not with me");
    refused("a\n{% for m in messages %}", "row 2");
    refused("{% macro f(x) %}{{ f(x) }}{% endmacro %}{{ f(1) }}", "crashes");
    refused("{% for i in range(100000) %}{% for k in range(100000) %}{% endfor %}{% endfor %}",
            "3 seconds");
    static const struct {
        const char *a, *piece;
        size_t n;
        const char *b, *word;
    } LONG[] = {{"{#", "a", 200000, "#}x", "longer than"},
                {"{{ ", "(", 20000, "1 }}", "nested deeper"},
                {"\n{{ ", "[", 101, "1 }}", "line 2: nested deeper"},
                {"", "{% if 1 %}", 5000, "x", "nested deeper"}};
    for (size_t i = 0; i < sizeof LONG / sizeof LONG[0]; i++) {
        char *text = repeated(LONG[i].a, LONG[i].piece, LONG[i].n, LONG[i].b);
        refused(text, LONG[i].word);
        mem_free(text);
    }
}

/* An honest template may be as large as the largest published ones, and is fast. */
static void honest(void **state)
{
    (void)state;
    char *text = NULL, *out = NULL;
    size_t len = 0, n = 0;
    persona_err e = {0};
    must(file_read(FOLDER "qwen3.jinja", 1 << 20, &text, &len, &e), &e);
    template_program *t = program("qwen3.jinja", text);
    const char *vars = "{\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}],"
                       "\"add_generation_prompt\":true}";
    must(template_render(t, vars, strlen(vars), &out, &n, &e), &e);
    mem_free(out);
    const double start = clock_now();
    for (int i = 0; i < 200; i++) {
        must(template_render(t, vars, strlen(vars), &out, &n, &e), &e);
        mem_free(out);
    }
    print_message("a rendering takes %.0f us\n", (clock_now() - start) / 200 * 1e6);
    assert_int_equal(n, strlen("<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"));
    template_free(t);
    mem_free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(jinja_oracle), cmocka_unit_test(hostile),
                                       cmocka_unit_test(honest)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
