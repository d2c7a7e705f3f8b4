/* SPDX-License-Identifier: MIT
 *
 * test_httptext.c - values of HTTP fields, names of models and their parts, lists of a hub's files,
 * and where a token may go.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "store/fetch/fetch.h"
#include "store/fetch/httptext.h"
#include "store/fetch/web.h"
#include "workbench/model_source.h"

#define SUM "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define SUM_UPPER "0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef"

static void numbers_are_digits_only(void **state)
{
    static const char *const bad[] = {
        "", "-1", "+1", " 1", "1 ", "0x10", "1.0", "9007199254740993", "99999999999999999999"};
    uint64_t n = 7;
    (void)state;
    assert_true(http_number("0", &n) && n == 0);
    assert_true(http_number("9007199254740992", &n) && n == HTTP_SIZE_MAX);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(http_number(bad[i], &n));
    }
}

static void ranges_are_whole_and_in_order(void **state)
{
    static const char *const bad[] = {
        "",          "bytes",        "bytes 1-2",     "bytes 2-1/3",  "bytes 0-3/3", "bytes */*",
        "bytes */",  "bytes 1-/3",   "bytes -1/3",    "bytes 1-2/3x", "bits 1-2/3",  "bytes 1 -2/3",
        "bytes 1-2", "bytes  1-2/3", "bytes 1-2/3,5", "bytes=1-2/3"};
    http_range r;
    (void)state;
    assert_true(http_content_range("bytes 100-299/300", &r));
    assert_true(!r.unsatisfied && r.has_total && r.first == 100 && r.last == 299 && r.total == 300);
    assert_true(http_content_range("BYTES 0-0/*", &r));
    assert_true(!r.has_total && r.first == 0 && r.last == 0);
    assert_true(http_content_range("bytes */300", &r));
    assert_true(r.unsatisfied && r.has_total && r.total == 300);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(http_content_range(bad[i], &r));
    }
}

static void tags_and_sums(void **state)
{
    char out[65];
    (void)state;
    assert_true(http_strong_etag("\"abc-1\"") && http_strong_etag("\"\""));
    assert_false(http_strong_etag("W/\"abc\"") || http_strong_etag("abc") ||
                 http_strong_etag("\"a\"b\"") || http_strong_etag("\"a b\"") ||
                 http_strong_etag("\"") || http_strong_etag(""));
    assert_true(http_sha256("\"" SUM "\"", out));
    assert_string_equal(out, SUM);
    assert_true(http_sha256("W/\"" SUM_UPPER "\"", out) && strcmp(out, SUM) == 0);
    assert_true(http_sha256(SUM_UPPER, out) && strcmp(out, SUM) == 0);
    assert_false(http_sha256("\"" SUM, out) || http_sha256(SUM "\"", out) ||
                 http_sha256(SUM "0", out) || http_sha256("", out) || http_sha256("\"abc\"", out));
}

static void names_are_plain(void **state)
{
    static const char *const bad[] = {
        "",    "/",    "/a/",   "/.gguf", "/..",      "/%2e%2e", "/a%2fb", "/a%00b",  "/a%5Cb",
        "/a%", "/a%4", "/a%zz", "/a%0Ab", "/-a.gguf", "/a%ffb",  "/a\nb",  "/%2Egguf"};
    char name[32];
    (void)state;
    assert_true(http_file_name("/x/y/A%20b.gguf", name, sizeof name));
    assert_string_equal(name, "A b.gguf");
    assert_true(http_file_name("a%c3%a4.gguf", name, sizeof name));
    assert_string_equal(name, "aä.gguf");
    assert_false(http_file_name("/0123456789012345678901234567890123456789", name, sizeof name));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(http_file_name(bad[i], name, sizeof name));
    }
    assert_true(model_name_ok("a b.gguf"));
    assert_false(model_name_ok("a/b.gguf") || model_name_ok(".gguf") || model_name_ok("a.bin") ||
                 model_name_ok("..") || model_name_ok("a%20b.gguf"));
}

static void parts_of_a_model(void **state)
{
    int no = 0, count = 0;
    (void)state;
    assert_true(model_split("x-00002-of-00003.gguf", &no, &count) && no == 2 && count == 3);
    assert_false(model_split("x-00004-of-00003.gguf", &no, &count) ||
                 model_split("x-00000-of-00003.gguf", &no, &count) ||
                 model_split("x-00001-of-99999.gguf", &no, &count) ||
                 model_split("-00001-of-00003.gguf", &no, &count) ||
                 model_split("x-0001-of-00003.gguf", &no, &count) ||
                 model_split("x.gguf", &no, &count));
    char *other = model_split_other("http://h/x-00001-of-00012.gguf?a=y-00001-of-00012.gguf", 12);
    assert_string_equal(other, "http://h/x-00012-of-00012.gguf?a=y-00001-of-00012.gguf");
    mem_free(other);
    assert_null(model_split_other("x.gguf", 1));
}

static void addresses(void **state)
{
    (void)state;
    assert_true(fetch_same_origin("https://h/a", "https://H:443/b?c"));
    assert_false(fetch_same_origin("https://h/", "http://h/") ||
                 fetch_same_origin("https://h/", "https://h:8443/") ||
                 fetch_same_origin("https://h/", "https://h.evil/") ||
                 fetch_same_origin("https://h/", "https://sub.h/"));
    assert_true(fetch_is_https("HTTPS://h/") && !fetch_is_https("http://h/https://"));
    char *bare = fetch_url_bare("https://h/a.gguf?key=secret#x");
    assert_string_equal(bare, "https://h/a.gguf");
    mem_free(bare);
}

static void redirects_and_the_token(void **state)
{
    web w = {.hub = "https://hub", .token = "t"};
    (void)state;
    assert_true(web_may_follow("https://a/", "https://b/"));
    assert_true(web_may_follow("http://a/", "http://b/") &&
                web_may_follow("http://a/", "https://b/"));
    assert_false(web_may_follow("https://a/", "http://a/"));
    assert_false(web_may_follow("http://a/", "file:///etc/passwd") ||
                 web_may_follow("http://a/", "ftp://a/") ||
                 web_may_follow("http://a/", "https://me:you@b/") ||
                 web_may_follow("http://a/", ""));
    assert_true(web_may_have_token(&w, "https://hub/a") &&
                web_may_have_token(&w, "https://hub:443/a?b"));
    assert_false(
        web_may_have_token(&w, "http://hub/a") || web_may_have_token(&w, "https://hub:444/a") ||
        web_may_have_token(&w, "https://hub.evil/a") ||
        web_may_have_token(&w, "https://evil/hub") || web_may_have_token(&w, "https://sub.hub/"));
    w.hub = "http://far"; /* in the open: only to this machine */
    assert_false(web_may_have_token(&w, "http://far/a"));
    w.hub = "http://127.0.0.1:99";
    assert_true(web_may_have_token(&w, "http://127.0.0.1:99/a"));
    w.token = NULL;
    assert_false(web_may_have_token(&w, "http://127.0.0.1:99/a"));
}

/* Every allocation fails once: nothing is lost, nothing is half made. */
static void without_memory(void **state)
{
    static const char text[] = "[{\"type\": \"file\", \"path\": \"a.gguf\"}]";
    bool whole = false;
    (void)state;
    for (size_t k = 1; !whole; k++) {
        model_source s = {0};
        hub_files f = {0};
        persona_err e = {.code = PERSONA_OK};
        persona_mem_fail_at(k);
        persona_code rc = model_source_parse("hf:a/b:c", &s, &e);
        if (rc == PERSONA_OK) {
            rc = hub_files_read(text, sizeof text - 1, &f, &e);
        }
        persona_mem_fail_at(0);
        whole = rc == PERSONA_OK;
        assert_true(whole || (e.code == PERSONA_E_NOMEM && f.p == NULL));
        assert_true(k < 100);
        model_source_free(&s);
        hub_files_free(&f);
    }
}

static void what_may_be_fetched(void **state)
{
    model_source s;
    (void)state;
    for (size_t i = 0; model_known_at(i) != NULL; i++) {
        const model_known *k = model_known_at(i);
        assert_int_equal(model_source_parse(k->name, &s, NULL), PERSONA_OK);
        assert_string_equal(s.repo, k->repo);
        assert_string_equal(s.file, k->file);
        model_source_free(&s);
    }
    assert_int_equal(model_source_parse("GPT-oss-20B:f16", &s, NULL), PERSONA_OK);
    assert_string_equal(s.file, "f16");
    model_source_free(&s);
    assert_int_equal(model_source_parse("hf:a/b:c/d.gguf", &s, NULL), PERSONA_OK);
    assert_true(strcmp(s.repo, "a/b") == 0 && strcmp(s.file, "c/d.gguf") == 0 && s.url == NULL);
    model_source_free(&s);
    assert_int_equal(model_source_parse("https://h/p/a.gguf?x", &s, NULL), PERSONA_OK);
    assert_true(strcmp(s.url, "https://h/p/a.gguf?x") == 0 && s.repo == NULL);
    model_source_free(&s);
}

static void a_file_of_a_list(void **state)
{
    static const char *const names[] = {"README.md",
                                        "m-q4_k_m.gguf",
                                        "m-q4_0.gguf",
                                        "m-q4_0_4_4.gguf",
                                        "mmproj-m-f16.gguf",
                                        "big-q8_0-00002-of-00002.gguf",
                                        "big-q8_0-00001-of-00002.gguf"};
    static const char *const good[][2] = {{"m-q4_0.gguf", "m-q4_0.gguf"},
                                          {"q4_0", "m-q4_0.gguf"},
                                          {"Q4_K_M", "m-q4_k_m.gguf"},
                                          {"q8_0", "big-q8_0-00001-of-00002.gguf"},
                                          {"mmproj-m-f16.gguf", "mmproj-m-f16.gguf"}};
    static const char *const bad[] = {"q4", "f16", "m", "x", NULL};
    hub_files f;
    const hub_file *one = NULL;
    (void)state;
    char text[1024] = "";
    size_t len = 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        len += (size_t)snprintf(text + len, sizeof text - len,
                                "%c{\"type\":\"file\",\"path\":\"%s\"}", i ? ',' : '[', names[i]);
    }
    text[len++] = ']';
    assert_int_equal(hub_files_read(text, len, &f, NULL), PERSONA_OK);
    assert_int_equal(f.n, 6);
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_int_equal(hub_files_choose(&f, "a/b", good[i][0], &one, NULL), PERSONA_OK);
        assert_string_equal(one->path, good[i][1]);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_not_equal(hub_files_choose(&f, "a/b", bad[i], &one, NULL), PERSONA_OK);
    }
    hub_files_free(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_digits_only), cmocka_unit_test(ranges_are_whole_and_in_order),
        cmocka_unit_test(tags_and_sums),           cmocka_unit_test(names_are_plain),
        cmocka_unit_test(parts_of_a_model),        cmocka_unit_test(addresses),
        cmocka_unit_test(redirects_and_the_token), cmocka_unit_test(without_memory),
        cmocka_unit_test(what_may_be_fetched),     cmocka_unit_test(a_file_of_a_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
