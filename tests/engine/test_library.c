/* SPDX-License-Identifier: MIT
 *
 * test_library.c - vectors that stay in memory: read once, read again when their file changes,
 * never pulled away from a user, and the same plans as without the library.
 */
#include "engine/models.h"
#include "unit/scratch.h"
#include "workbench/library.h"

#include <fcntl.h>
#include <pthread.h>

static persona_model *model;

static const char *write_vector(const char *name, float first)
{
    persona_err e = {0};
    const persona_model_info *info = persona_model_info_get(model);
    persona_vector *v = NULL;
    const char *path = scratch_path(name);
    float *row = calloc((size_t)info->n_embd, sizeof *row);
    assert_non_null(row);
    row[0] = first;
    must(persona_vector_new(info->n_layer, info->n_embd, &v, &e), &e);
    must(persona_vector_set(v, 2, row, &e), &e);
    v->from.best_layer = 2;
    free(row);
    must(persona_vector_write(v, path, &e), &e);
    persona_vector_free(v);
    return path;
}

static void is_read_once_and_again_when_changed(void **state)
{
    (void)state;
    persona_err e = {0};
    library *l = NULL;
    persona_vector *a = NULL, *b = NULL, *c = NULL;
    must(library_new(&l, &e), &e);
    const char *path = write_vector("a.gguf", 1.0F);
    must(library_vector(l, model, path, &a, &e), &e);
    must(library_vector(l, model, path, &b, &e), &e);
    assert_ptr_equal(a, b);
    assert_int_equal(library_reads(l), 1);
    /* a replaced file is another one, and the old vector stays with its users */
    path = write_vector("a.gguf", 5.0F);
    must(library_vector(l, model, path, &c, &e), &e);
    assert_ptr_not_equal(a, c);
    assert_true(persona_vector_row(a, 2)[0] == 1.0F);
    assert_true(persona_vector_row(c, 2)[0] == 5.0F);
    assert_int_equal(library_reads(l), 2);
    library_release(l, a);
    library_release(l, b);
    library_release(l, c);
    /* changed in place: same name, same inode */
    const struct timespec later[2] = {{4000000000, 0}, {4000000000, 0}};
    assert_int_equal(utimensat(AT_FDCWD, path, later, 0), 0);
    must(library_vector(l, model, path, &a, &e), &e);
    assert_int_equal(library_reads(l), 3);
    library_release(l, a);
    library_free(l);
}

static void refuses_as_without_it(void **state)
{
    (void)state;
    persona_err with = {0}, without = {0};
    library *l = NULL;
    persona_vector *v = NULL;
    must(library_new(&l, &with), &with);
    const char *const names[] = {"no-such-trait", "/no/such/file.gguf"};
    for (size_t i = 0; i < 2; i++) {
        const persona_code a = library_vector(l, model, names[i], &v, &with);
        const persona_code b = persona_vector_find(model, names[i], &v, &without);
        assert_int_equal(a, PERSONA_E_NOTFOUND);
        assert_int_equal(b, PERSONA_E_NOTFOUND);
        assert_null(v);
    }
    assert_non_null(strstr(with.msg, "/no/such/file.gguf"));
    /* cached for a model of another width */
    persona_err e = {0};
    persona_model *other = open_model(1);
    const char *path = write_vector("b.gguf", 1.0F);
    must(library_vector(l, model, path, &v, &e), &e);
    library_release(l, v);
    assert_int_equal(library_vector(l, other, path, &v, &e), PERSONA_E_SHAPE);
    assert_non_null(strstr(e.msg, path));
    persona_model_free(other);
    library_free(l);
}

static void forgets_what_was_not_used_for_longest(void **state)
{
    (void)state;
    persona_err e = {0};
    library *l = NULL;
    persona_vector *kept = NULL, *v = NULL;
    char name[32];
    must(library_new(&l, &e), &e);
    must(library_vector(l, model, write_vector("kept.gguf", 1.0F), &kept, &e), &e);
    for (int i = 0; i < LIBRARY_MAX_VECTORS + 3; i++) {
        snprintf(name, sizeof name, "v%d.gguf", i);
        must(library_vector(l, model, write_vector(name, 1.0F), &v, &e), &e);
        library_release(l, v);
    }
    const size_t before = library_reads(l);
    must(library_vector(l, model, scratch_path("v66.gguf"), &v, &e), &e); /* the last one */
    library_release(l, v);
    assert_int_equal(library_reads(l), before);
    must(library_vector(l, model, scratch_path("v0.gguf"), &v, &e), &e); /* the first one */
    library_release(l, v);
    assert_int_equal(library_reads(l), before + 1);
    assert_true(persona_vector_row(kept, 2)[0] == 1.0F); /* in use, so never forgotten */
    library_release(l, kept);
    library_free(l);
}

static void steers_as_without_it(void **state)
{
    (void)state;
    persona_err e = {0};
    library *l = NULL;
    char expression[600];
    must(library_new(&l, &e), &e);
    snprintf(expression, sizeof expression, "0.5*raw:'%s'", write_vector("c.gguf", 2.0F));
    persona_plan *a = NULL, *b = NULL;
    persona_receipt ra = {0}, rb = {0};
    must(library_steer(l, model, expression, &a, &ra, &e), &e);
    must(persona_steer(model, expression, &b, &rb, &e), &e);
    assert_string_equal(ra.unit, rb.unit);
    assert_int_equal(ra.n_layers, rb.n_layers);
    assert_true(ra.delta_projection == rb.delta_projection);
    persona_plan_free(a);
    must(library_steer(l, model, expression, &a, NULL, &e), &e);
    assert_int_equal(library_reads(l), 1);
    persona_plan_free(a);
    persona_plan_free(b);
    persona_receipt_free(&ra);
    persona_receipt_free(&rb);
    library_free(l);
}

typedef struct reader {
    library *l;
    char path[512];
    persona_code rc;
} reader;

static void *read_often(void *ud)
{
    reader *r = ud;
    for (int i = 0; i < 200 && r->rc == PERSONA_OK; i++) {
        persona_vector *v = NULL;
        r->rc = library_vector(r->l, model, r->path, &v, NULL);
        if (r->rc == PERSONA_OK) {
            library_release(r->l, v);
        }
    }
    return NULL;
}

static void serves_several_threads(void **state)
{
    (void)state;
    persona_err e = {0};
    library *l = NULL;
    reader readers[4];
    pthread_t threads[4];
    must(library_new(&l, &e), &e);
    const char *path = write_vector("d.gguf", 1.0F);
    for (size_t i = 0; i < 4; i++) {
        readers[i] = (reader){.l = l};
        snprintf(readers[i].path, sizeof readers[i].path, "%s", path);
        assert_int_equal(pthread_create(&threads[i], NULL, read_often, &readers[i]), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(readers[i].rc, PERSONA_OK);
    }
    assert_true(library_reads(l) >= 1 && library_reads(l) <= 4);
    library_free(l);
}

static int setup(void **state)
{
    model = open_model(0);
    return scratch_open(state);
}

static int teardown(void **state)
{
    persona_model_free(model);
    return scratch_close(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_read_once_and_again_when_changed),
        cmocka_unit_test(refuses_as_without_it),
        cmocka_unit_test(forgets_what_was_not_used_for_longest),
        cmocka_unit_test(steers_as_without_it),
        cmocka_unit_test(serves_several_threads),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
