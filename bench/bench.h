/* SPDX-License-Identifier: MIT
 *
 * bench.h - what benchmarks share: a clock, a median, the three models that are measured.
 */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "persona/persona.h"
#include "support/random_model.h"

#define BENCH_MAX_ROUNDS 64
#define BENCH_MAX_MODELS 8

/* As the program does: OpenMP's threads do not spin for long where something else wants the
 * core. */
static inline void bench_calm(char **argv)
{
    if (getenv("OMP_WAIT_POLICY") == NULL && getenv("GOMP_SPINCOUNT") == NULL &&
        setenv("GOMP_SPINCOUNT", "50000", 0) == 0) {
        execv("/proc/self/exe", argv); /* on failure: go on as we are */
    }
}

static inline double bench_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static inline void bench_die(const char *what)
{
    fprintf(stderr, "%s: %s\n", program_invocation_short_name, what);
    exit(70);
}

static inline int bench_by_value(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* Sorts; v[0] and v[n-1] are the range then. */
static inline double bench_median(double *v, int n)
{
    qsort(v, (size_t)n, sizeof *v, bench_by_value);
    return n % 2 == 1 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

/* The embedded pair, and a model of random weights some sixty times as large, where the time goes
 * into products of matrices as it does in models that people use. That one vanishes at exit. */
typedef struct bench_models {
    const char *paths[BENCH_MAX_MODELS];
    int n;
} bench_models;

static char bench_large[512];

static inline void bench_remove_large(void)
{
    (void)remove(bench_large);
}

static inline void bench_models_default(bench_models *b)
{
    const char *tmp = getenv("TMPDIR");
    random_model shape;
    persona_err e = {.code = PERSONA_OK};
    b->paths[b->n++] = PERSONA_SOURCE_DIR "/models/persona-qwen2.gguf";
    b->paths[b->n++] = PERSONA_SOURCE_DIR "/models/persona-gpt-oss.gguf";
    snprintf(bench_large, sizeof bench_large, "%s/persona-bench-%ld.gguf",
             tmp != NULL && *tmp != '\0' ? tmp : "/tmp", (long)getpid());
    if (!random_model_like("bench-qwen2", &shape) || atexit(bench_remove_large) != 0 ||
        random_model_write(&shape, bench_large, &e) != PERSONA_OK) {
        bench_die(e.msg);
    }
    b->paths[b->n++] = bench_large;
}

/* An option with a number; the value stays where it is not given. */
typedef struct bench_option {
    char letter;
    const char *name;
    int *value, min, max;
} bench_option;

static inline void bench_usage(const bench_option *o, size_t n)
{
    fprintf(stderr, "usage: %s [-m MODEL]...", program_invocation_short_name);
    for (size_t i = 0; i < n; i++) {
        fprintf(stderr, " [-%c %s]", o[i].letter, o[i].name);
    }
    fputc('\n', stderr);
    exit(64);
}

static inline void bench_set(const bench_option *o, const char *text)
{
    char *end;
    const long x = strtol(text, &end, 10);
    if (end == text || *end != '\0' || x < o->min || x > o->max) {
        fprintf(stderr, "%s: -%c = %s is outside %d..%d\n", program_invocation_short_name,
                o->letter, text, o->min, o->max);
        exit(64);
    }
    *o->value = (int)x;
}

/* Reads the options, and makes the models where none is given. */
static inline void bench_parse(int argc, char **argv, const bench_option *o, size_t n,
                               bench_models *models)
{
    char letters[64] = "m:";
    int c;
    bench_calm(argv);
    for (size_t i = 0; i < n; i++) {
        letters[2 + 2 * i] = o[i].letter;
        letters[3 + 2 * i] = ':';
    }
    while ((c = getopt(argc, argv, letters)) != -1) {
        size_t i = 0;
        while (i < n && o[i].letter != c) {
            i++;
        }
        if (i < n) {
            bench_set(&o[i], optarg);
        } else if (c == 'm' && models->n < BENCH_MAX_MODELS) {
            models->paths[models->n++] = optarg;
        } else {
            bench_usage(o, n);
        }
    }
    if (models->n == 0) {
        bench_models_default(models);
    }
}

static inline bool bench_is_large(const bench_models *b, int i)
{
    return b->paths[i] == bench_large;
}

#endif
