/* SPDX-License-Identifier: MIT
 *
 * bench_extract.c - what an extraction costs against only writing its answers, and how its memory
 * grows.
 *
 *   bench_extract [-m MODEL]... [-q QUESTIONS] [-t TOKENS] [-r ROUNDS] [-s SLOTS] [-j THREADS]
 *
 * Both sides write the same rollouts (same prompts, seeds and tokens, which is checked) in the same
 * session, in turn: plain, by the scheduler alone; with the mean of every block captured; and as an
 * extraction, which stores each answer in a job file, then filters and computes directions and
 * statistics. Printed is the median over rounds of plain time / time, in percent, with its range.
 *
 * Memory is the peak of a process of its own that extracts with 1 and with 5 rollouts per question.
 */
#include <sys/resource.h>
#include <sys/wait.h>

#include "bench.h"
#include "pipeline/extract/rollout.h"

typedef struct setting {
    int pairs, questions, tokens, rounds, slots, threads; /* pairs of instructions */
} setting;

/* Everything that is open for one model. */
typedef struct bench {
    persona_model *m;
    persona_session *s;
    persona_trait *trait;
    persona_questions *questions;
    size_t n_pairs; /* that the trait has */
    persona_extract_opts o;
    char job[512];
} bench;

static void must(persona_code rc, const persona_err *e)
{
    if (rc != PERSONA_OK) {
        bench_die(e->msg);
    }
}

static void bench_open(bench *b, const char *path, const setting *x)
{
    const char *tmp = getenv("TMPDIR");
    persona_err e = {.code = PERSONA_OK};
    persona_session_opts so = persona_session_defaults();
    so.n_slots = x->slots;
    so.n_ctx = 512;
    so.n_threads = x->threads;
    so.fixed_shape = true;
    must(persona_model_open(path, NULL, &b->m, &e), &e);
    must(persona_session_new(b->m, &so, &b->s, &e), &e);
    must(persona_trait_read(PERSONA_SOURCE_DIR "/traits/silly.json", &b->trait, &e), &e);
    must(persona_questions_read(PERSONA_SOURCE_DIR "/models/questions.json", &b->questions, &e),
         &e);
    b->n_pairs = b->trait->n_pairs;
    b->trait->n_pairs = (size_t)x->pairs < b->n_pairs ? (size_t)x->pairs : b->n_pairs;
    snprintf(b->job, sizeof b->job, "%s/persona-bench-%ld.db",
             tmp != NULL && *tmp != '\0' ? tmp : "/tmp", (long)getpid());
    b->o = persona_extract_defaults();
    b->o.n_questions = x->questions;
    b->o.max_tokens = x->tokens;
    b->o.choose_layer = false;
    b->o.calibrate = false;
    b->o.job = b->job;
    b->o.fresh = true;
}

static void bench_close(bench *b)
{
    (void)remove(b->job);
    persona_questions_free(b->questions);
    b->trait->n_pairs = b->n_pairs;
    persona_trait_free(b->trait);
    persona_session_free(b->s);
    persona_model_free(b->m);
}

/* ---- plain ----------------------------------------------------------------------------------- */

typedef struct plain_side {
    rollouts r;
    bool tapped;
    size_t n_tokens;
} plain_side;

static persona_code make_plain(void *ud, size_t i, ask *q, persona_err *e)
{
    plain_side *p = ud;
    persona_code rc = p->r.source.make(p->r.source.ud, i, q, e);
    if (!p->tapped) {
        q->tap = NULL;
    }
    return rc;
}

static persona_code count_plain(void *ud, size_t i, answer *a, persona_err *e)
{
    (void)i, (void)e;
    ((plain_side *)ud)->n_tokens += a->n_tokens;
    return PERSONA_OK;
}

/* Seconds for the answers, nothing kept; tapped: every block is captured. */
static double plain(const bench *b, bool tapped, size_t *n_answers, size_t *n_tokens)
{
    persona_err e = {.code = PERSONA_OK};
    plain_side p = {.r = {.s = b->s}, .tapped = tapped};
    const ask_stream stream = {.ud = &p, .make = make_plain, .done = count_plain};
    const double t0 = bench_now();
    must(rollouts_write(&p.r, b->trait, b->questions, (size_t)b->o.n_questions, &b->o, &e), &e);
    must(ask_each(b->s, p.r.n, &stream, "plain", NULL, &e), &e);
    *n_answers = p.r.n;
    *n_tokens = p.n_tokens;
    rollouts_free(&p.r);
    return bench_now() - t0;
}

/* ---- extract --------------------------------------------------------------------------------- */

/* When the answers were complete. */
static void on_progress(void *ud, const persona_progress *p)
{
    if (strncmp(p->stage, "extract", 7) == 0) {
        *(double *)ud = bench_now();
    }
}

static persona_code count_kept(void *ud, const job_answer *a, persona_err *e)
{
    (void)e;
    *(size_t *)ud += a->n_tokens;
    return PERSONA_OK;
}

static double extract(const bench *b, double *writing)
{
    persona_err e = {.code = PERSONA_OK};
    persona_vector *v = NULL;
    double written = 0;
    const persona_hooks hooks = {.ud = &written, .progress = on_progress};
    const double t0 = bench_now();
    must(persona_extract(b->s, b->trait, b->questions, &b->o, &hooks, &v, NULL, &e), &e);
    *writing = written - t0;
    persona_vector_free(v);
    return bench_now() - t0;
}

static size_t tokens_kept(const bench *b)
{
    persona_err e = {.code = PERSONA_OK};
    job *j = NULL;
    size_t n = 0;
    must(job_read(b->job, &j, &e), &e);
    must(job_each_answer(j, ROLLOUT_STAGE, JOB_BY_ID, NULL, count_kept, &n, &e), &e);
    job_close(j);
    return n;
}

/* ---- comparison ------------------------------------------------------------------------------ */

static void print_rate(const char *what, double *rate, int n)
{
    const double middle = bench_median(rate, n);
    printf("  %-28s %5.1f %% of plain  [%.1f .. %.1f]  n=%d\n", what, 100 * middle, 100 * rate[0],
           100 * rate[n - 1], n);
}

static void compare(const char *path, const setting *x)
{
    bench b = {.m = NULL};
    double alone[BENCH_MAX_ROUNDS], tapped[BENCH_MAX_ROUNDS];
    double writing[BENCH_MAX_ROUNDS], whole[BENCH_MAX_ROUNDS];
    size_t n = 0, n_tokens = 0;
    bench_open(&b, path, x);
    plain(&b, false, &n, &n_tokens);
    extract(&b, &writing[0]);
    if (tokens_kept(&b) != n_tokens) {
        bench_die("the two sides wrote different answers");
    }
    for (int r = 0; r < x->rounds; r++) {
        double t;
        alone[r] = plain(&b, false, &n, &n_tokens);
        tapped[r] = alone[r] / plain(&b, true, &n, &n_tokens);
        whole[r] = alone[r] / extract(&b, &t);
        writing[r] = alone[r] / t;
    }
    const persona_model_info *i = persona_model_info_get(b.m);
    printf("%s: %s, %d blocks x %d, %d slots, %zu answers, %zu tokens; plain %.0f tok/s\n", path,
           i->quant, i->n_layer, i->n_embd, x->slots, n, n_tokens,
           (double)n_tokens / bench_median(alone, x->rounds));
    print_rate("every block captured", tapped, x->rounds);
    print_rate("+ stored in a job", writing, x->rounds);
    print_rate("+ filter and statistics", whole, x->rounds);
    bench_close(&b);
}

/* ---- memory ---------------------------------------------------------------------------------- */

/* Peak memory in MB of a process that extracts with so many rollouts. */
static double peak(const char *path, const setting *x, int n_rollouts)
{
    struct rusage use;
    int status;
    (void)fflush(NULL);
    const pid_t child = fork();
    if (child == 0) {
        bench b = {.m = NULL};
        double t;
        bench_open(&b, path, x);
        b.o.n_rollouts = n_rollouts;
        extract(&b, &t);
        bench_close(&b);
        _exit(0);
    }
    if (child < 0 || wait4(child, &status, 0, &use) != child || status != 0) {
        bench_die("no extraction in a process of its own");
    }
    return (double)use.ru_maxrss / 1024;
}

static void compare_memory(const char *path, const setting *x)
{
    const double one = peak(path, x, 1), five = peak(path, x, 5);
    printf("%s: peak memory %.1f MB with %d answers, %+.1f MB with %d\n", path, one,
           x->questions * (2 * x->pairs + 1), five - one, x->questions * (10 * x->pairs + 1));
}

/* What the command line leaves open. The large model writes one batch of answers; they are long
 * enough for the one token that capturing feeds again at the end of an answer not to count for
 * much. */
static setting complete(const setting *given, bool large)
{
    setting x = *given;
    x.pairs = large ? 3 : 5;
    x.questions = x.questions > 0 ? x.questions : large ? 2 : 3;
    x.tokens = x.tokens > 0 ? x.tokens : large ? 48 : 64;
    x.rounds = x.rounds > 0 ? x.rounds : large ? 3 : 5;
    return x;
}

int main(int argc, char **argv)
{
    bench_models models = {.n = 0};
    setting x = {.slots = 16, .threads = persona_session_defaults().n_threads};
    const bench_option options[] = {{'q', "QUESTIONS", &x.questions, 1, 20},
                                    {'t', "TOKENS", &x.tokens, 1, 400},
                                    {'r', "ROUNDS", &x.rounds, 1, BENCH_MAX_ROUNDS},
                                    {'s', "SLOTS", &x.slots, 1, 256},
                                    {'j', "THREADS", &x.threads, 1, 512}};
    bench_parse(argc, argv, options, sizeof options / sizeof options[0], &models);
    for (int i = 0; i < models.n; i++) { /* processes are forked before there are threads */
        setting brief = complete(&x, bench_is_large(&models, i));
        if (bench_is_large(&models, i)) {
            brief.pairs = 5; /* more answers than slots: every slot's memory is in use already */
            brief.tokens = brief.tokens > 16 ? 16 : brief.tokens;
        }
        compare_memory(models.paths[i], &brief);
    }
    for (int i = 0; i < models.n; i++) {
        const setting mine = complete(&x, bench_is_large(&models, i));
        compare(models.paths[i], &mine);
    }
    return 0;
}
