/* SPDX-License-Identifier: MIT
 *
 * bench.c - runs one case of the benchmark on one model and prints what it measured as JSON.
 *
 *   persona-bench --case NAME [--model FILE] [--pairs N] [--seconds S] [--threads N]
 *   persona-bench --list
 *
 * One case is one process, so that its memory is its own and nothing is warm from another case.
 * `make bench` (bench/run.py) calls it for each case and model.
 */
#include "bench.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

static const struct bench_case {
    const char *name;
    void (*run)(bench *b);
    bool model; /* wants one */
} CASES[] = {
    {"decode", case_decode, true}, {"steer", case_steer, true},   {"probe", case_probe, true},
    {"prompt", case_prompt, true}, {"read", case_read, true},     {"extract", case_extract, true},
    {"dose", case_dose, true},     {"memory", case_memory, true}, {"map", case_map, false},
};
enum { N_CASES = sizeof CASES / sizeof CASES[0] };

void bench_die(const char *what)
{
    fprintf(stderr, "%s: %s\n", program_invocation_short_name, what);
    exit(70);
}

void bench_must(persona_code rc, const persona_err *e)
{
    if (rc != PERSONA_OK) {
        bench_die(e->msg);
    }
}

void *bench_room(size_t n, size_t size)
{
    void *p = calloc(n > 0 ? n : 1, size);
    if (p == NULL) {
        bench_die("out of memory");
    }
    return p;
}

/* ---- clocks ---------------------------------------------------------------------------------- */

bench_took bench_start(void)
{
    return (bench_took){clock_now(), clock_cpu(), 0};
}

bench_took bench_stop(bench_took since, double work)
{
    return (bench_took){clock_now() - since.wall, clock_cpu() - since.cpu, work};
}

int bench_units(bench_took trial, double seconds, int least, int most)
{
    const double n = seconds * trial.work / (trial.wall > 1e-9 ? trial.wall : 1e-9);
    return n < least ? least : n > most ? most : (int)n;
}

/* ---- statistics ------------------------------------------------------------------------------ */

static int by_value(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* Between the neighbors; v is sorted. */
static double quantile(const double *v, int n, double q)
{
    const double at = q * (n - 1);
    const int i = (int)at;
    return i + 1 < n ? v[i] + (at - i) * (v[i + 1] - v[i]) : v[i];
}

static void put_spread(json_out *o, const char *key, double *v, int n)
{
    qsort(v, (size_t)n, sizeof *v, by_value);
    jo_object(o, key);
    jo_number(o, "median", quantile(v, n, 0.5));
    jo_number(o, "least", v[0]);
    jo_number(o, "q1", quantile(v, n, 0.25));
    jo_number(o, "q3", quantile(v, n, 0.75));
    jo_number(o, "most", v[n - 1]);
    jo_int(o, "n", n);
    jo_end(o);
}

static void begin_row(bench *b, const bench_row *row)
{
    jo_object(b->o, NULL);
    jo_string(b->o, "id", row->id);
    jo_string(b->o, "ours", row->ours);
    jo_string(b->o, "yardstick", row->yardstick);
    jo_string(b->o, "unit", row->unit);
    if (row->target > 0) {
        jo_number(b->o, "target", row->target);
    } else {
        jo_null(b->o, "target");
    }
}

void bench_compare(bench *b, const bench_row *row, bench_side ours, bench_side yardstick)
{
    double wall[BENCH_MOST], cpu[BENCH_MOST], mine[BENCH_MOST], other[BENCH_MOST];
    int n = 0;
    ours.run(ours.ud);
    yardstick.run(yardstick.ud);
    const double begun = clock_now();
    while (n < b->pairs || (n < BENCH_MOST && clock_now() - begun < b->seconds)) {
        bench_took x = {0}, y = {0};
        for (int k = 0; k < 2; k++) {
            if ((k == 0) == (n % 2 == 0)) {
                x = ours.run(ours.ud);
            } else {
                y = yardstick.run(yardstick.ud);
            }
        }
        mine[n] = x.work / x.wall;
        other[n] = y.work / y.wall;
        wall[n] = mine[n] / other[n];
        cpu[n] = (x.work / x.cpu) / (y.work / y.cpu);
        n++;
    }
    begin_row(b, row);
    put_spread(b->o, "share", wall, n);
    put_spread(b->o, "cpu_share", cpu, n);
    put_spread(b->o, "ours_rate", mine, n);
    put_spread(b->o, "yardstick_rate", other, n);
    jo_end(b->o);
    fprintf(stderr, "  %-22s %6.1f %% [%.1f, %.1f]  processor time %6.1f %%  n=%d  %.1f s\n",
            row->id, 100 * quantile(wall, n, 0.5), 100 * wall[0], 100 * wall[n - 1],
            100 * quantile(cpu, n, 0.5), n, clock_now() - begun);
}

void bench_value(bench *b, const bench_row *row, double *v, int n)
{
    begin_row(b, row);
    put_spread(b->o, "value", v, n);
    jo_end(b->o);
    fprintf(stderr, "  %-22s %8.3g %s [%.3g, %.3g]  n=%d\n", row->id, quantile(v, n, 0.5),
            row->unit, v[0], v[n - 1], n);
}

/* ---- what cases work with -------------------------------------------------------------------- */

void bench_noise(float *v, size_t n, unsigned seed)
{
    uint32_t x = seed * 2654435761u + 1;
    for (size_t i = 0; i < n; i++) {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        v[i] = ((float)(x % 2001) - 1000.0F) / 1000.0F;
    }
}

persona_token bench_token(const persona_model *m, int k, int i)
{
    const unsigned n_vocab = (unsigned)persona_model_info_get(m)->n_vocab;
    const unsigned x = (unsigned)k * 7919u + (unsigned)i * 104729u + 13u;
    return (persona_token)(n_vocab / 4 + x % (n_vocab / 2));
}

persona_model *bench_model(const bench *b)
{
    persona_err e = {.code = PERSONA_OK};
    persona_model *m = NULL;
    persona_model_opts o = persona_model_defaults();
    o.bulk = true; /* as every command that writes many answers */
    o.raw_prompts = true;
    bench_must(persona_model_open(b->path, &o, &m, &e), &e);
    return m;
}

persona_session *bench_session(const bench *b, persona_model *m, int slots, int n_ctx)
{
    persona_err e = {.code = PERSONA_OK};
    persona_session *s = NULL;
    persona_session_opts o = persona_session_defaults();
    const int n_ctx_train = persona_model_info_get(m)->n_ctx_train;
    o.n_slots = slots;
    o.n_ctx = n_ctx_train > 0 && n_ctx > n_ctx_train ? n_ctx_train : n_ctx;
    o.n_threads = b->threads;
    o.fixed_shape = true;
    bench_must(persona_session_new(m, &o, &s, &e), &e);
    return s;
}

/* ---- the program ----------------------------------------------------------------------------- */

/* As the program does: OpenMP's threads do not spin for long where something else wants the
 * core. */
static void calm_openmp(char **argv)
{
    if (getenv("OMP_WAIT_POLICY") == NULL && getenv("GOMP_SPINCOUNT") == NULL &&
        setenv("GOMP_SPINCOUNT", "50000", 0) == 0) {
        execv("/proc/self/exe", argv); /* on failure: go on as we are */
    }
}

static double number(const char *text, double least, double most)
{
    char *end;
    const double x = strtod(text, &end);
    if (end == text || *end != '\0' || !(x >= least && x <= most)) {
        fprintf(stderr, "%s: %s is outside %g..%g\n", program_invocation_short_name, text, least,
                most);
        exit(64);
    }
    return x;
}

static const struct bench_case *find(const char *name)
{
    for (size_t i = 0; name != NULL && i < N_CASES; i++) {
        if (strcmp(CASES[i].name, name) == 0) {
            return &CASES[i];
        }
    }
    fprintf(stderr,
            "usage: %s --case NAME [--model FILE] [--pairs N] [--seconds S] [--threads N]\n",
            program_invocation_short_name);
    exit(64);
}

static void measure(bench *b, const struct bench_case *c)
{
    buf text;
    json_out o;
    buf_init(&text, 1 << 20);
    jo_init(&o, &text, true);
    jo_object(&o, NULL);
    jo_string(&o, "case", c->name);
    jo_int(&o, "threads", b->threads);
    jo_string(&o, "persona", persona_version());
    jo_string(&o, "engine", persona_engine_version());
    jo_string(&o, "compiler", __VERSION__);
    jo_array(&o, "rows");
    b->o = &o;
    c->run(b);
    jo_end(&o);
    jo_end(&o);
    if (text.failed != PERSONA_OK || puts(text.p) < 0 || fflush(stdout) != 0) {
        bench_die("cannot write the result");
    }
    buf_free(&text);
}

int main(int argc, char **argv)
{
    static const struct option OPTIONS[] = {{"case", required_argument, NULL, 'c'},
                                            {"model", required_argument, NULL, 'm'},
                                            {"pairs", required_argument, NULL, 'p'},
                                            {"seconds", required_argument, NULL, 's'},
                                            {"threads", required_argument, NULL, 't'},
                                            {"list", no_argument, NULL, 'l'},
                                            {NULL, 0, NULL, 0}};
    bench b = {.pairs = 7, .seconds = 8, .threads = persona_session_defaults().n_threads};
    const char *name = NULL;
    int c;
    calm_openmp(argv);
    while ((c = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1) {
        switch (c) {
        case 'c':
            name = optarg;
            break;
        case 'm':
            b.path = optarg;
            break;
        case 'p':
            b.pairs = (int)number(optarg, 1, BENCH_MOST);
            break;
        case 's':
            b.seconds = number(optarg, 0, 3600);
            break;
        case 't':
            b.threads = (int)number(optarg, 1, 512);
            break;
        case 'l':
            for (size_t i = 0; i < N_CASES; i++) {
                puts(CASES[i].name);
            }
            return 0;
        default:
            find(NULL);
        }
    }
    const struct bench_case *x = find(name);
    if (x->model && b.path == NULL) {
        find(NULL);
    }
    measure(&b, x);
    return 0;
}
