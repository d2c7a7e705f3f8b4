/* SPDX-License-Identifier: MIT
 *
 * test_json.c - what the reader accepts and says, and that what the writer writes reads back.
 */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/rng.h"

static json_doc *parse(const char *text)
{
    json_doc *d = NULL;
    persona_err e = {0};
    if (json_parse(text, strlen(text), "F.json", &d, &e)) {
        fail_msg("%s", e.msg);
    }
    return d;
}

/* ---- reading -------------------------------------------------------------------------------- */

static void refuses_what_is_not_json(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        " ",
        "{",
        "[1,]",
        "{\"a\":1,}",
        "{a:1}",
        "'a'",
        "nul",
        "NaN",
        "Infinity",
        "01",
        "1.",
        ".5",
        "+1",
        "0x10",
        "1e999",
        "\"\\x\"",
        "\"a",
        "\"\\ud800\"",
        "\"\xFF\"",
        "\"\xC0\x80\"",
        "[1] [2]",
        "// c\n1",
        "[1 2]",
        "\"a\nb\"",
        "{\"a\" 1}",
        "\xEF\xBB\xBF",
        "{}\xEF\xBB\xBF",
        "]",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        persona_err e = {0};
        json_doc *d = NULL;
        if (json_parse(bad[i], strlen(bad[i]), "F.json", &d, &e) != PERSONA_E_FORMAT) {
            fail_msg("accepted: %s", bad[i]);
        }
        assert_null(d);
        assert_memory_equal(e.msg, "F.json: byte ", 13);
    }
}

static void says_where(void **state)
{
    (void)state;
    persona_err e = {0};
    json_doc *d = NULL;
    const char *text = "{\"a\": 1,\n \"b\": ?}";
    assert_int_equal(json_parse(text, strlen(text), "F.json", &d, &e), PERSONA_E_FORMAT);
    assert_memory_equal(e.msg, "F.json: byte 15 (line 2, column 7): unexpected character", 56);
    assert_int_equal(json_parse("", 0, "F.json", &d, &e), PERSONA_E_FORMAT);
    assert_string_equal(e.msg, "F.json: byte 0: is empty (expected JSON)");
}

static bool collect(void *ud, const char *key, const json_val *v)
{
    buf_printf(ud, "%s=%d ", key, (int)json_typeof(v));
    return strcmp(key, "o") != 0;
}

static void getters(void **state)
{
    (void)state;
    json_doc *d = parse("{\"n\":null,\"b\":true,\"x\":-2.5,\"s\":\"t\xC3\xA4\",\"a\":[1,[2],3],"
                        "\"o\":{\"k\":1},\"z\":0}");
    const json_val *r = json_root(d);
    assert_int_equal(json_typeof(r), JSON_OBJECT);
    assert_int_equal(json_len(r), 7);
    assert_int_equal(json_typeof(json_get(r, "n")), JSON_NULL);
    assert_true(json_bool(json_get(r, "b"), false));
    assert_true(json_bool(json_get(r, "x"), true));
    assert_double_equal(json_number(json_get(r, "x"), 0.0), -2.5, 0.0);
    assert_double_equal(json_number(json_get(r, "s"), 7.0), 7.0, 0.0);
    assert_string_equal(json_string(json_get(r, "s")), "t\xC3\xA4");
    assert_null(json_string(json_get(r, "x")));
    const json_val *a = json_get(r, "a");
    assert_int_equal(json_len(a), 3);
    assert_double_equal(json_number(json_at(a, 2), 0.0), 3.0, 0.0);
    assert_null(json_at(a, 3));
    assert_null(json_at(r, 0));
    assert_null(json_get(r, "none"));
    assert_null(json_get(a, "n"));
    assert_int_equal(json_len(json_get(r, "s")), 0);
    /* Everything takes the NULL of a missing member. */
    assert_int_equal(json_typeof(NULL), JSON_NULL);
    assert_null(json_get(json_get(NULL, "a"), "b"));
    assert_null(json_at(NULL, 0));
    assert_null(json_string(NULL));
    assert_int_equal(json_len(NULL), 0);
    buf b;
    buf_init(&b, 1000);
    json_each(r, collect, &b);
    json_each(a, collect, &b);
    json_each(NULL, collect, &b);
    assert_string_equal(buf_str(&b), "n=0 b=1 x=2 s=3 a=4 o=5 ");
    buf_free(&b);
    json_free(d);
    json_free(NULL);
}

static void required_members(void **state)
{
    (void)state;
    persona_err e;
    json_doc *d = parse("{\"instruction\":[{\"pos\":\"a\"},{\"pos\":\"b\"},{\"neg\":\"c\"}],"
                        "\"axes\":{\"silly\":{\"bias\":3,\"z\":\"\\u0000\"}},\"flag\":true}");
    const json_val *r = json_root(d), *v = NULL;
    const char *s = NULL;
    double x = 0.0;
    const double inf = (double)INFINITY;
    const json_val *third = json_at(json_get(r, "instruction"), 2);
    assert_int_equal(json_need_string(d, third, "neg", &s, &e), PERSONA_OK);
    assert_string_equal(s, "c");
    assert_int_equal(json_need_string(d, third, "pos", &s, &e), PERSONA_E_FORMAT);
    assert_string_equal(e.msg, "F.json: field 'instruction[2].pos' is missing (expected a string)");
    const json_val *silly = json_get(json_get(r, "axes"), "silly");
    assert_int_equal(json_need_string(d, silly, "bias", &s, &e), PERSONA_E_FORMAT);
    assert_string_equal(e.msg, "F.json: field 'axes.silly.bias' is a number (expected a string)");
    assert_int_equal(json_need_string(d, silly, "z", &s, &e), PERSONA_E_FORMAT);
    assert_non_null(strstr(e.msg, "'axes.silly.z' contains the character U+0000"));
    assert_int_equal(json_need_number(d, silly, "bias", 0.0, 3.0, &x, &e), PERSONA_OK);
    assert_double_equal(x, 3.0, 0.0);
    assert_int_equal(json_need_number(d, silly, "bias", 0.0, 1.0, &x, &e), PERSONA_E_FORMAT);
    assert_string_equal(e.msg, "F.json: field 'axes.silly.bias' is 3 (expected 0 to 1)");
    assert_int_equal(json_need_number(d, silly, "bias", 4.0, inf, &x, &e), PERSONA_E_FORMAT);
    assert_non_null(strstr(e.msg, "is 3 (expected at least 4)"));
    assert_int_equal(json_need_number(d, silly, "bias", -inf, 0.5, &x, &e), PERSONA_E_FORMAT);
    assert_non_null(strstr(e.msg, "is 3 (expected at most 0.5)"));
    assert_int_equal(json_need(d, r, "flag", JSON_ARRAY, &v, &e), PERSONA_E_FORMAT);
    assert_string_equal(e.msg, "F.json: field 'flag' is true or false (expected an array)");
    assert_int_equal(json_need(d, json_get(silly, "bias"), "q", JSON_NULL, &v, &e),
                     PERSONA_E_FORMAT);
    assert_string_equal(
        e.msg, "F.json: field 'axes.silly.bias' is a number (expected an object with 'q')");
    assert_int_equal(json_need(d, NULL, "q", JSON_NULL, &v, &e), PERSONA_E_FORMAT);
    assert_non_null(strstr(e.msg, "field 'q' is missing (expected null)"));
    json_bad(d, silly, NULL, &e, "has %d faults", 2);
    assert_string_equal(e.msg, "F.json: field 'axes.silly' has 2 faults");
    persona_mem_fail_at(1); /* without memory for the path: the key alone */
    assert_int_equal(json_need(d, silly, "q", JSON_NULL, &v, &e), PERSONA_E_FORMAT);
    persona_mem_fail_at(0);
    assert_string_equal(e.msg, "F.json: field 'q' is missing (expected null)");
    assert_int_equal(json_need(d, r, "flag", JSON_STRING, &v, NULL), PERSONA_E_FORMAT);
    json_free(d);
}

static void required_of_other_roots(void **state)
{
    (void)state;
    persona_err e;
    const json_val *v = NULL;
    json_doc *d = parse("[1]");
    assert_int_equal(json_need(d, json_root(d), "a", JSON_NULL, &v, &e), PERSONA_E_FORMAT);
    assert_string_equal(e.msg, "F.json: the document is an array (expected an object with 'a')");
    json_free(d);
    /* A long way down is walked, not recursed, and the message falls back to the key. */
    enum { DEEP = 100000 };
    char *text = mem_calloc(2 * DEEP + 3, 1);
    memset(text, '[', DEEP);
    memcpy(text + DEEP, "{}", 2);
    memset(text + DEEP + 2, ']', DEEP);
    d = parse(text);
    v = json_root(d);
    while (json_typeof(v) == JSON_ARRAY) {
        v = json_at(v, 0);
    }
    const json_val *deepest = v;
    assert_int_equal(json_need(d, deepest, "a", JSON_NULL, &v, &e), PERSONA_E_FORMAT);
    assert_string_equal(e.msg, "F.json: field 'a' is missing (expected null)");
    json_free(d);
    mem_free(text);
}

static void reading_files(void **state)
{
    (void)state;
    char path[] = "/tmp/persona-json-XXXXXX";
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    persona_err e = {0};
    json_doc *d = NULL;
    assert_int_equal(file_write(path, "{\"a\":[1,2]}", 11, &e), PERSONA_OK);
    size_t k = 1;
    for (; k < 20; k++) {
        persona_mem_fail_at(k);
        const persona_code code = json_read(path, 100, &d, &e);
        persona_mem_fail_at(0);
        if (!code) {
            break;
        }
        assert_int_equal(code, PERSONA_E_NOMEM);
        assert_null(d);
    }
    assert_true(k > 3 && k < 20);
    assert_int_equal(json_len(json_get(json_root(d), "a")), 2);
    json_free(d);
    assert_int_equal(json_read(path, 5, &d, &e), PERSONA_E_SHAPE);
    unlink(path);
    assert_int_equal(json_read(path, 5, &d, &e), PERSONA_E_NOTFOUND);
}

/* ---- writing -------------------------------------------------------------------------------- */

static void write_sample(json_out *o)
{
    jo_object(o, NULL);
    jo_string(o, "s", "q\"\\\b\f\n\r\t\x01\x7F\xC3\xA4");
    jo_string(o, "none", NULL);
    jo_array(o, "a");
    jo_int(o, NULL, -9007199254740993LL);
    jo_number(o, NULL, 0.5);
    jo_end(o);
    jo_array(o, "empty");
    jo_end(o);
    jo_object(o, "o");
    jo_bool(o, "t", true);
    jo_bool(o, "f", false);
    jo_end(o);
    jo_array(o, "list");
    jo_object(o, NULL);
    jo_null(o, "x");
    jo_end(o);
    jo_object(o, NULL);
    jo_end(o);
    jo_end(o);
    jo_number(o, "nan", (double)NAN);
    jo_number(o, "inf", (double)-INFINITY);
    jo_end(o);
}

static void writes_compact_and_pretty(void **state)
{
    (void)state;
    buf b;
    json_out o;
    buf_init(&b, 10000);
    jo_init(&o, &b, false);
    write_sample(&o);
    assert_string_equal(buf_str(&b),
                        "{\"s\":\"q\\\"\\\\\\b\\f\\n\\r\\t\\u0001\x7F\xC3\xA4\",\"none\":null,"
                        "\"a\":[-9007199254740993,0.5],\"empty\":[],\"o\":{\"t\":true,\"f\":false},"
                        "\"list\":[{\"x\":null},{}],\"nan\":null,\"inf\":null}");
    json_doc *d = parse(buf_str(&b));
    assert_string_equal(json_string(json_get(json_root(d), "s")),
                        "q\"\\\b\f\n\r\t\x01\x7F\xC3\xA4");
    json_free(d);
    buf_clear(&b);
    jo_init(&o, &b, true);
    write_sample(&o);
    assert_string_equal(buf_str(&b), "{\n"
                                     "  \"s\": \"q\\\"\\\\\\b\\f\\n\\r\\t\\u0001\x7F\xC3\xA4\",\n"
                                     "  \"none\": null,\n"
                                     "  \"a\": [-9007199254740993, 0.5],\n"
                                     "  \"empty\": [],\n"
                                     "  \"o\": {\n"
                                     "    \"t\": true,\n"
                                     "    \"f\": false\n"
                                     "  },\n"
                                     "  \"list\": [\n"
                                     "    {\n"
                                     "      \"x\": null\n"
                                     "    },\n"
                                     "    {}\n"
                                     "  ],\n"
                                     "  \"nan\": null,\n"
                                     "  \"inf\": null\n"
                                     "}");
    buf_free(&b);
}

static void writes_valid_utf8_only(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        {"a\xFFz", "a\xEF\xBF\xBDz"},
        {"\xC3", "\xEF\xBF\xBD"},
        {"\xC0\x80", "\xEF\xBF\xBD\xEF\xBF\xBD"},
        {"\xED\xA0\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
        {"\xF4\x90\x80\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
        {"\xE2\x82\xAC\xF0\x9F\x98\x80", "\xE2\x82\xAC\xF0\x9F\x98\x80"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        buf b;
        json_out o;
        buf_init(&b, 100);
        jo_init(&o, &b, false);
        jo_string(&o, NULL, bad[i][0]);
        json_doc *d = parse(buf_str(&b));
        assert_string_equal(json_string(json_root(d)), bad[i][1]);
        json_free(d);
        buf_free(&b);
    }
}

/* What a number is written as, and the number that a reader gets. */
static double written(double x, char text[64])
{
    buf b;
    json_out o;
    buf_init(&b, 63);
    jo_init(&o, &b, false);
    jo_number(&o, NULL, x);
    assert_int_equal(buf_ok(&b, "number", NULL), PERSONA_OK);
    memcpy(text, buf_str(&b), b.len + 1);
    buf_free(&b);
    json_doc *d = parse(text);
    assert_int_equal(json_typeof(json_root(d)), JSON_NUMBER);
    const double y = json_number(json_root(d), (double)NAN);
    json_free(d);
    return y;
}

static void number_texts(void **state)
{
    (void)state;
    static const struct {
        double x;
        const char *text;
    } table[] = {
        {0.0, "0"},
        {-0.0, "-0.0"},
        {1.0, "1"},
        {1e6, "1000000"},
        {-123456789.0, "-123456789"},
        {999999999999999.0, "999999999999999"},
        {1e15, "1e+15"},
        {0.1, "0.1"},
        {(double)0.1F, "0.1"},
        {(double)(1.0F / 3.0F), "0.33333334"},
        {1.0 / 3.0, "0.3333333333333333"},
        {1e-7, "1e-07"},
        {(double)FLT_MAX, "3.4028235e+38"},
        {(double)FLT_TRUE_MIN, "1.4013e-45"},
        {DBL_MAX, "1.7976931348623157e+308"},
        {5e-324, "4.94066e-324"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        char text[64];
        assert_int_equal(!signbit(written(table[i].x, text)), !signbit(table[i].x));
        assert_string_equal(text, table[i].text);
    }
}

static void numbers_round_trip(void **state)
{
    (void)state;
    rng r;
    rng_seed(&r, 1, 1);
    for (int i = 0; i < 20000; i++) {
        char text[64];
        const uint32_t bits = rng_u32(&r);
        float f;
        memcpy(&f, &bits, sizeof f);
        if (isfinite(f)) {
            const float back = (float)written((double)f, text);
            assert_memory_equal(&back, &f, sizeof f);
            assert_true(strlen(text) <= 16); /* an integer of 15 digits and its sign */
        }
        const uint64_t wide = (uint64_t)rng_u32(&r) << 32 | bits;
        double x;
        memcpy(&x, &wide, sizeof x);
        if (isfinite(x)) {
            const double back = written(x, text);
            assert_memory_equal(&back, &x, sizeof x);
        }
    }
}

static void writer_without_room(void **state)
{
    (void)state;
    buf b;
    json_out o;
    buf_init(&b, 20);
    jo_init(&o, &b, true);
    write_sample(&o);
    assert_int_equal(buf_ok(&b, "json", NULL), PERSONA_E_SHAPE);
    buf_free(&b);
    for (size_t k = 1; k <= 3; k++) {
        buf_init(&b, 1000);
        jo_init(&o, &b, true);
        persona_mem_fail_at(k);
        write_sample(&o);
        persona_mem_fail_at(0);
        assert_int_equal(buf_ok(&b, "json", NULL), PERSONA_E_NOMEM);
        buf_free(&b);
    }
}

static void deep_writing(void **state)
{
    (void)state;
    buf b;
    json_out o;
    buf_init(&b, 1000);
    jo_init(&o, &b, false);
    for (int i = 0; i < 31; i++) {
        jo_array(&o, NULL);
    }
    for (int i = 0; i < 31; i++) {
        jo_end(&o);
    }
    assert_int_equal(b.len, 62);
    assert_int_equal(o.depth, 0);
    json_free(parse(buf_str(&b)));
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_what_is_not_json),
        cmocka_unit_test(says_where),
        cmocka_unit_test(getters),
        cmocka_unit_test(required_members),
        cmocka_unit_test(required_of_other_roots),
        cmocka_unit_test(reading_files),
        cmocka_unit_test(writes_compact_and_pretty),
        cmocka_unit_test(writes_valid_utf8_only),
        cmocka_unit_test(number_texts),
        cmocka_unit_test(numbers_round_trip),
        cmocka_unit_test(writer_without_room),
        cmocka_unit_test(deep_writing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
