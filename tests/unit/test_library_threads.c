/* SPDX-License-Identifier: MIT
 *
 * test_library_threads.c - several threads look vectors up while their files change. `make tsan`
 * looks for races in it; test_library.c says what the library is to do.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "scratch.h"
#include "support/fake_compute.h"
#include "workbench/library.h"

/* cmocka's assertions belong to the main thread. */
#define ENSURE(fact)                                                                               \
    do {                                                                                           \
        if (!(fact)) {                                                                             \
            fprintf(stderr, "line %d: not so: %s\n", __LINE__, #fact);                             \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

enum { READERS = 4, HELD = 3, WRITES = 150, FILES = LIBRARY_MAX_VECTORS + 6 };

static persona_model *model;
static char paths[FILES][512];
static atomic_bool over;

/* Every number of the file is `value`, so that a vector of two states would show. */
static void write_file(int i, float value)
{
    persona_vector *v = NULL;
    float row[FAKE_EMBD];
    for (int k = 0; k < FAKE_EMBD; k++) {
        row[k] = value;
    }
    assert_int_equal(persona_vector_new(FAKE_LAYERS, FAKE_EMBD, &v, NULL), PERSONA_OK);
    for (int b = 1; b < FAKE_LAYERS; b++) {
        assert_int_equal(persona_vector_set(v, b, row, NULL), PERSONA_OK);
    }
    v->from.best_layer = 1;
    assert_int_equal(persona_vector_write(v, paths[i], NULL), PERSONA_OK);
    persona_vector_free(v);
}

static float value_of(const persona_vector *v)
{
    const float x = persona_vector_row(v, 1)[0];
    for (int b = 1; b < FAKE_LAYERS; b++) {
        for (int k = 0; k < FAKE_EMBD; k++) {
            ENSURE(persona_vector_row(v, b)[k] == x);
        }
    }
    return x;
}

typedef struct reader {
    pthread_t thread;
    library *l;
    unsigned seed;
    size_t n;
} reader;

static int draw(reader *r, int n)
{
    r->seed = r->seed * 1103515245u + 12345u;
    return (int)(r->seed >> 16) % n;
}

/* Holds some vectors at a time: none of them changes or goes while it is held. A file's values only
 * grow, so what is looked up later is never older. */
static void *read_often(void *ud)
{
    reader *r = ud;
    float newest[4] = {0};
    while (!atomic_load(&over) || r->n == 0) {
        persona_vector *v[HELD] = {NULL};
        float seen[HELD];
        for (int i = 0; i < HELD; i++) {
            const int file = draw(r, 8) == 0 ? draw(r, FILES) : draw(r, 4);
            ENSURE(library_vector(r->l, model, paths[file], &v[i], NULL) == PERSONA_OK);
            seen[i] = value_of(v[i]);
            ENSURE(file >= 4 || seen[i] >= newest[file]);
            newest[file % 4] = file < 4 ? seen[i] : newest[file % 4];
        }
        if (draw(r, 4) == 0) {
            char expression[600];
            persona_plan *p = NULL;
            snprintf(expression, sizeof expression, "0.5*raw:'%s'", paths[draw(r, 4)]);
            ENSURE(library_steer(r->l, model, expression, &p, NULL, NULL) == PERSONA_OK);
            persona_plan_free(p);
        }
        for (int i = 0; i < HELD; i++) {
            ENSURE(value_of(v[i]) == seen[i]);
            library_release(r->l, v[i]);
        }
        r->n++;
    }
    return NULL;
}

static void files_change_under_readers(void **state)
{
    (void)state;
    library *l = NULL;
    static reader readers[READERS];
    assert_int_equal(library_new(&l, NULL), PERSONA_OK);
    for (int i = 0; i < FILES; i++) {
        snprintf(paths[i], sizeof paths[i], "%s/%d.gguf", scratch_folder, i);
        write_file(i, 1);
    }
    for (unsigned i = 0; i < READERS; i++) {
        readers[i] = (reader){.l = l, .seed = i + 1};
        assert_int_equal(pthread_create(&readers[i].thread, NULL, read_often, &readers[i]), 0);
    }
    for (int i = 0; i < WRITES; i++) {
        write_file(i % 4, (float)(i + 2));
    }
    atomic_store(&over, true);
    for (size_t i = 0; i < READERS; i++) {
        assert_int_equal(pthread_join(readers[i].thread, NULL), 0);
        assert_true(readers[i].n > 0);
    }
    for (int i = 0; i < 4; i++) { /* the last state of each file */
        persona_vector *v = NULL;
        assert_int_equal(library_vector(l, model, paths[i], &v, NULL), PERSONA_OK);
        assert_true(value_of(v) >= (float)(WRITES - 4 + 2));
        library_release(l, v);
    }
    library_free(l);
}

static int setup(void **state)
{
    model = fake_model();
    return scratch_open(state);
}

static int teardown(void **state)
{
    fake_model_free(model);
    return scratch_close(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(files_change_under_readers)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
