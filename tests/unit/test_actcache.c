/* SPDX-License-Identifier: MIT
 *
 * test_actcache.c - readings come back bit for bit; what is damaged, of another shape or in
 * another file is not believed; the size has a limit.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"
#include "scratch.h"
#include "store/actcache.h"
#include "store/db.h"

enum { D = 5, ROWS = 3, TOKENS = 4, BLOCKS = 2 };
static const int blocks[BLOCKS] = {2, 7};

static actcache *open_cache(const char *path)
{
    actcache *c = NULL;
    persona_err e = {0};
    if (actcache_open(path, D, &c, &e) != PERSONA_OK) {
        fail_msg("%s", e.msg);
    }
    return c;
}

/* data (ROWS, BLOCKS, D), norms (TOKENS, BLOCKS) */
static void fill(float *data, float *norms, float first)
{
    for (int i = 0; i < ROWS * BLOCKS * D; i++) {
        data[i] = first + (float)i / 3.0f;
    }
    for (int i = 0; i < TOKENS * BLOCKS; i++) {
        norms[i] = first * 2 + (float)i / 7.0f;
    }
}

static void put(actcache *c, const char *key, float first)
{
    float data[ROWS * BLOCKS * D], norms[TOKENS * BLOCKS];
    fill(data, norms, first);
    const act_reading r = {key, blocks, BLOCKS, ROWS, TOKENS};
    assert_int_equal(actcache_put(c, &r, data, norms, NULL), PERSONA_OK);
}

static bool has(actcache *c, const char *key, size_t rows, size_t *stale)
{
    bool yes = false;
    size_t none = 0;
    act_reading r = {key, blocks, BLOCKS, rows, 0};
    persona_err e = {0};
    if (actcache_has(c, &r, &yes, stale ? stale : &none, &e) != PERSONA_OK) {
        fail_msg("%s", e.msg);
    }
    return yes;
}

static void round_trip(void **state)
{
    (void)state;
    const char *path = scratch_path("a/b/one.db");
    float data[ROWS * BLOCKS * D], norms[TOKENS * BLOCKS], row[D], out[TOKENS];
    size_t n = 0;
    actcache *c = open_cache(path);
    assert_false(has(c, "k1", ROWS, NULL));
    put(c, "k1", 1);
    put(c, "k2", 9);
    actcache_close(c);
    c = open_cache(path);
    assert_true(has(c, "k1", ROWS, NULL) && has(c, "k2", ROWS, NULL));
    assert_false(has(c, "k1", ROWS + 1, NULL));
    fill(data, norms, 9);
    for (int b = 0; b < BLOCKS; b++) {
        for (int r = 0; r < ROWS; r++) {
            assert_int_equal(actcache_row(c, "k2", blocks[b], (size_t)r, row, NULL), PERSONA_OK);
            assert_memory_equal(row, data + (r * BLOCKS + b) * D, sizeof row);
        }
        assert_int_equal(actcache_norms(c, "k2", blocks[b], out, TOKENS, &n, NULL), PERSONA_OK);
        assert_int_equal(n, TOKENS);
        for (int t = 0; t < TOKENS; t++) {
            assert_true(out[t] == norms[t * BLOCKS + b]);
        }
    }
    assert_int_equal(actcache_row(c, "k2", 3, 0, row, NULL), PERSONA_E_NOTFOUND);
    assert_int_equal(actcache_row(c, "k2", 2, ROWS, row, NULL), PERSONA_E_SHAPE);
    /* Another block later; the first ones stay. */
    const int more[1] = {4};
    act_reading other = {"k2", more, 1, ROWS, TOKENS};
    assert_int_equal(actcache_put(c, &other, data, norms, NULL), PERSONA_OK);
    assert_true(has(c, "k2", ROWS, NULL));
    /* The same text in another shape replaces all of it. */
    other.n_rows = 1;
    assert_int_equal(actcache_put(c, &other, data, norms, NULL), PERSONA_OK);
    assert_false(has(c, "k2", ROWS, NULL));
    assert_true(has(c, "k1", ROWS, NULL));
    actcache_close(c);
}

static void texts(void **state)
{
    (void)state;
    const char *path = scratch_path("texts.db");
    char *text = NULL;
    actcache *c = open_cache(path);
    assert_int_equal(actcache_get_text(c, "t", &text, NULL), PERSONA_OK);
    assert_null(text);
    assert_int_equal(actcache_put_text(c, "t", "h\xc3\xa9llo\n", NULL), PERSONA_OK);
    actcache_close(c);
    c = open_cache(path);
    assert_int_equal(actcache_get_text(c, "t", &text, NULL), PERSONA_OK);
    assert_string_equal(text, "h\xc3\xa9llo\n");
    mem_free(text);
    actcache_close(c);
}

static void spoil(const char *path, const char *sql)
{
    static const db_schema schema = {"cache of readings", 0x70616331, NULL, 1};
    db *d = NULL;
    persona_err e = {0};
    if (db_open(path, DB_WRITE, &schema, &d, &e) || db_exec(d, sql, &e)) {
        fail_msg("%s", e.msg);
    }
    db_close(d);
}

/* A byte, a length, a value that is not finite with a checksum that fits: each is taken out,
 * counted, and may be put again. */
static void damage(void **state)
{
    (void)state;
    static const char *const how[] = {
        "UPDATE act SET data = zeroblob(length(data)) WHERE block = 2",
        "UPDATE act SET data = zeroblob(8) WHERE block = 7",
        "UPDATE act SET sum = sum + 1 WHERE block = 7",
        "UPDATE act SET norms = zeroblob(length(norms)) WHERE block = 2",
    };
    for (size_t i = 0; i < sizeof how / sizeof *how; i++) {
        char name[32];
        size_t stale = 0;
        snprintf(name, sizeof name, "spoiled%zu.db", i);
        const char *path = scratch_path(name);
        actcache *c = open_cache(path);
        put(c, "k", 3);
        actcache_close(c);
        spoil(path, how[i]);
        c = open_cache(path);
        assert_false(has(c, "k", ROWS, &stale));
        assert_int_equal(stale, 1);
        put(c, "k", 3);
        assert_true(has(c, "k", ROWS, &stale));
        assert_int_equal(stale, 1);
        actcache_close(c);
    }
    actcache *c = open_cache(NULL);
    float data[ROWS * BLOCKS * D], norms[TOKENS * BLOCKS];
    size_t stale = 0;
    fill(data, norms, 1);
    data[4] = (float)NAN;
    const act_reading bad = {"nan", blocks, BLOCKS, ROWS, TOKENS};
    assert_int_equal(actcache_put(c, &bad, data, norms, NULL), PERSONA_OK);
    assert_false(has(c, "nan", ROWS, &stale));
    assert_int_equal(stale, 1);
    actcache_close(c);
}

static void other_files(void **state)
{
    (void)state;
    actcache *c = NULL;
    persona_err e = {0};
    const char *path = scratch_bytes("not.db", "this is no database at all, but long enough", 43);
    assert_int_equal(actcache_open(path, D, &c, &e), PERSONA_E_FORMAT);
    assert_non_null(strstr(e.msg, "not.db"));
    assert_int_equal(actcache_open("/dev/null/x.db", D, &c, &e), PERSONA_E_IO);
    assert_null(c);
}

static void limit(void **state)
{
    (void)state;
    actcache *c = open_cache(scratch_path("limit.db"));
    enum { MANY = 1200, WIDE = 400 };
    float *data = mem_calloc((size_t)WIDE * D, sizeof *data), norms[1] = {1};
    const int one[1] = {1};
    assert_non_null(data);
    for (int i = 0; i < MANY; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%d", i);
        const act_reading r = {key, one, 1, WIDE, 1};
        assert_int_equal(actcache_put(c, &r, data, norms, NULL), PERSONA_OK);
    }
    assert_int_equal(actcache_limit(c, (uint64_t)4 << 20, NULL), PERSONA_OK);
    bool first = true, last = false;
    size_t stale = 0;
    act_reading oldest = {"k0", one, 1, WIDE, 0}, newest = {"k1199", one, 1, WIDE, 0};
    assert_int_equal(actcache_has(c, &oldest, &first, &stale, NULL), PERSONA_OK);
    assert_int_equal(actcache_has(c, &newest, &last, &stale, NULL), PERSONA_OK);
    assert_int_equal(newest.n_tokens, 1);
    assert_true(!first && last);                              /* the oldest go */
    assert_int_equal(actcache_limit(c, 0, NULL), PERSONA_OK); /* ends */
    mem_free(data);
    actcache_close(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),  cmocka_unit_test(texts), cmocka_unit_test(damage),
        cmocka_unit_test(other_files), cmocka_unit_test(limit),
    };
    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
