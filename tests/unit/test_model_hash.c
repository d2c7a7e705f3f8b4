/* SPDX-License-Identifier: MIT
 *
 * test_model_hash.c - hashes of model files are remembered, and never of a file that has changed.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"
#include "scratch.h"
#include "workbench/model_hash.h"

static const char OTHER[] = "00000000000000000000000000000000000000000000000000000000000000ff";

static void wait_until_settled(void)
{
    const struct timespec t = {.tv_nsec = 60000000};
    assert_int_equal(nanosleep(&t, NULL), 0);
}

static void put(const char *path, const char *text)
{
    FILE *f = fopen(path, "r+");
    f = f ? f : fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static void hash(const char *path, char out[65])
{
    persona_err e = {.code = PERSONA_OK};
    assert_int_equal(model_hash_file(&path, 1, NULL, out, &e), PERSONA_OK);
}

static const char *cache(void)
{
    return scratch_path("persona/model-hashes.json");
}

static void cache_text(char **out)
{
    assert_int_equal(file_read_text(cache(), 1 << 20, out, NULL), PERSONA_OK);
}

/* What is remembered becomes another hash, so that it can be told from what is computed. */
static void forge(const char *sha)
{
    char *text = NULL;
    cache_text(&text);
    char *at = strstr(text, sha);
    assert_non_null(at);
    memcpy(at, OTHER, 64);
    assert_int_equal(file_write(cache(), text, strlen(text), NULL), PERSONA_OK);
    mem_free(text);
}

static void remembers(void **state)
{
    (void)state;
    const char *path = scratch_path("a.gguf");
    char first[65], again[65];
    put(path, "weights");
    wait_until_settled();
    hash(path, first);
    assert_string_equal(first, "9a129038d9a00aed0cf6a7ea059ca50a813449061ab87848cf1a13eafdf33b2c");
    forge(first);
    hash(path, again);
    assert_string_equal(again, OTHER);
}

static void sees_changes(void **state)
{
    (void)state;
    const char *path = scratch_path("b.gguf");
    char first[65], again[65], direct[65];
    struct stat st;
    put(path, "weights 1");
    wait_until_settled();
    hash(path, first);
    forge(first);
    assert_int_equal(stat(path, &st), 0);
    put(path, "weights 2"); /* the same inode, size and date */
    const struct timespec times[2] = {st.st_atim, st.st_mtim};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    wait_until_settled();
    hash(path, again);
    sha256_hex("weights 2", 9, direct);
    assert_string_equal(again, direct);
}

static void keeps_nothing_fresh(void **state)
{
    (void)state;
    const char *path = scratch_path("c.gguf");
    char sum[65], *text = NULL;
    put(path, "just written");
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    now.tv_sec += 3600; /* a clock that runs ahead: fresh until then */
    const struct timespec times[2] = {now, now};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    wait_until_settled();
    hash(path, sum);
    cache_text(&text);
    assert_null(strstr(text, sum));
    mem_free(text);
}

static void takes_what_was_written(void **state)
{
    (void)state;
    const char *path = scratch_path("d.gguf");
    char sum[65];
    put(path, "downloaded");
    model_hash_remember(&path, 1, OTHER);
    hash(path, sum);
    assert_string_equal(sum, OTHER);
}

static int open_cache(void **state)
{
    return scratch_open(state) != 0 || setenv("XDG_CACHE_HOME", scratch_folder, 1) != 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(remembers),
        cmocka_unit_test(sees_changes),
        cmocka_unit_test(keeps_nothing_fresh),
        cmocka_unit_test(takes_what_was_written),
    };
    return cmocka_run_group_tests(tests, open_cache, scratch_close);
}
