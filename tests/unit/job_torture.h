/* SPDX-License-Identifier: MIT
 *
 * job_torture.h - faults for the tests of jobs: SQLite's allocations and writes that fail on
 * demand, and answers whose every byte follows from their id.
 */
#ifndef PERSONA_TEST_JOB_TORTURE_H
#define PERSONA_TEST_JOB_TORTURE_H

#include <errno.h>
#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/rng.h"
#include "store/job/job.h"

/* ---- SQLite's memory ------------------------------------------------------------------------ */

static sqlite3_mem_methods real_memory;
static long memory_left = -1; /* allocations until the one that fails and all after it; -1: off */

static inline bool memory_out(void)
{
    if (memory_left > 0) {
        memory_left--;
    }
    return memory_left == 0;
}

static inline void *failing_malloc(int n)
{
    return memory_out() ? NULL : real_memory.xMalloc(n);
}

static inline void *failing_realloc(void *p, int n)
{
    return memory_out() ? NULL : real_memory.xRealloc(p, n);
}

/* Before any use of SQLite. */
static inline int torture_memory(void)
{
    if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real_memory) != SQLITE_OK) {
        return -1;
    }
    sqlite3_mem_methods m = real_memory;
    m.xMalloc = failing_malloc;
    m.xRealloc = failing_realloc;
    return sqlite3_config(SQLITE_CONFIG_MALLOC, &m) == SQLITE_OK ? 0 : -1;
}

/* ---- SQLite's writes ------------------------------------------------------------------------ */

static long writes_left = -1; /* writes until the one that fails and all after it; -1: off */
static int write_error;

static inline ssize_t failing_pwrite(int fd, const void *p, size_t n, off_t at)
{
    if (writes_left > 0) {
        writes_left--;
    }
    if (writes_left == 0) {
        errno = write_error;
        return -1;
    }
    return pwrite(fd, p, n, at);
}

static inline int torture_writes(void)
{
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
    const sqlite3_syscall_ptr f = (sqlite3_syscall_ptr)failing_pwrite;
    if (!vfs || vfs->iVersion < 3) {
        return -1;
    }
    const int a = vfs->xSetSystemCall(vfs, "pwrite", f),
              b = vfs->xSetSystemCall(vfs, "pwrite64", f);
    return a == SQLITE_OK || b == SQLITE_OK ? 0 : -1;
}

/* ---- answers -------------------------------------------------------------------------------- */

enum { MADE_MEAN = 3000, MADE_NORMS = 240 };

typedef struct made {
    job_answer a;
    char text[600], question[64], system[64];
    float mean[MADE_MEAN], norms[MADE_NORMS];
} made;

/* Of different sizes, with every kind of NULL. */
static inline void make_answer(made *m, const char *stage, int64_t id)
{
    rng r;
    rng_seed(&r, 7, (uint64_t)id);
    const size_t n = rng_below(&r, 500);
    size_t at = (size_t)snprintf(m->text, sizeof m->text, "answer %lld \xC3\xA4 ", (long long)id);
    for (size_t i = 0; i < n && at + 1 < sizeof m->text; i++) {
        m->text[at++] = (char)('a' + rng_below(&r, 26));
    }
    m->text[at] = '\0';
    snprintf(m->question, sizeof m->question, "question %lld?", (long long)(id % 20));
    snprintf(m->system, sizeof m->system, "You are %lld.", (long long)(id % 5));
    for (size_t i = 0; i < MADE_MEAN; i++) {
        m->mean[i] = (float)rng_normal(&r);
    }
    for (size_t i = 0; i < MADE_NORMS; i++) {
        m->norms[i] = (float)rng_unit(&r);
    }
    m->mean[17] = NAN;
    m->mean[18] = INFINITY;
    m->mean[19] = -0.0F;
    m->a = (job_answer){.stage = stage,
                        .id = id,
                        .text = m->text,
                        .analysis = id % 3 == 0 ? "thinking" : NULL,
                        .question = m->question,
                        .system = id % 4 == 0 ? NULL : m->system,
                        .prompt = id % 7 == 0 ? "raw" : NULL,
                        .polarity = (int)(id % 3) - 1,
                        .pair = (int)(id % 5) - 1,
                        .question_index = (int)(id % 20),
                        .rollout = (int)(id / 100),
                        .seed = rng_u32(&r),
                        .answered = id % 9 != 0,
                        .finish = id % 2 == 0 ? PERSONA_FINISH_STOP : PERSONA_FINISH_LENGTH,
                        .n_prompt = (size_t)id + 3,
                        .n_answer = n,
                        .n_tokens = n + 1,
                        .mean = id % 9 != 0 ? m->mean : NULL,
                        .norms = id % 9 != 0 ? m->norms : NULL,
                        .n_mean = id % 9 != 0 ? MADE_MEAN : 0,
                        .n_norms = id % 9 != 0 ? 24 * (size_t)(1 + id % 10) : 0};
}

static inline bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static inline bool same_floats(const float *a, size_t n_a, const float *b, size_t n_b)
{
    return n_a == n_b && (n_a == 0 ? !a : a && memcmp(a, b, n_a * sizeof *a) == 0);
}

/* NULL, or the name of the first member that is not as it was made. */
static inline const char *changed(const job_answer *a, const char *stage)
{
    static made m;
    make_answer(&m, stage, a->id);
    const job_answer *b = &m.a;
    const struct {
        const char *name;
        bool same;
    } members[] = {
        {"stage", same_text(a->stage, b->stage)},
        {"text", same_text(a->text, b->text)},
        {"analysis", same_text(a->analysis, b->analysis ? b->analysis : "")},
        {"question", same_text(a->question, b->question)},
        {"system", same_text(a->system, b->system)},
        {"prompt", same_text(a->prompt, b->prompt)},
        {"polarity", a->polarity == b->polarity},
        {"pair", a->pair == b->pair},
        {"question_index", a->question_index == b->question_index},
        {"rollout", a->rollout == b->rollout},
        {"seed", a->seed == b->seed},
        {"answered", a->answered == b->answered},
        {"finish", a->finish == b->finish},
        {"n_prompt", a->n_prompt == b->n_prompt},
        {"n_answer", a->n_answer == b->n_answer},
        {"n_tokens", a->n_tokens == b->n_tokens},
        {"mean", same_floats(a->mean, a->n_mean, b->mean, b->n_mean)},
        {"norms", same_floats(a->norms, a->n_norms, b->norms, b->n_norms)},
    };
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        if (!members[i].same) {
            return members[i].name;
        }
    }
    return NULL;
}

/* For job_each_answer: counts answers, and stops at the first that has changed. */
typedef struct checking {
    const char *stage;
    size_t n;
    int64_t last;
    bool *seen; /* (n_seen), may be NULL */
    size_t n_seen;
} checking;

static inline persona_code check_answer(void *ud, const job_answer *a, persona_err *e)
{
    checking *c = ud;
    const char *what = changed(a, c->stage);
    if (what) {
        return persona_err_set(e, PERSONA_E_NEGATIVE, "answer %lld: %s", (long long)a->id, what);
    }
    if (a->id <= c->last && c->n > 0) {
        return persona_err_set(e, PERSONA_E_NEGATIVE, "answer %lld after %lld", (long long)a->id,
                               (long long)c->last);
    }
    c->last = a->id;
    c->n++;
    if (c->seen && (size_t)a->id < c->n_seen) {
        c->seen[a->id] = true;
    }
    return PERSONA_OK;
}

/* Checks every answer of a stage; *n counts them. */
static inline persona_code check_stage(job *j, const char *stage, bool *seen, size_t n_seen,
                                       size_t *n, persona_err *e)
{
    static float mean[MADE_MEAN], norms[MADE_NORMS];
    const job_room room = {mean, norms, MADE_MEAN, MADE_NORMS};
    checking c = {.stage = stage, .seen = seen, .n_seen = n_seen};
    const persona_code rc = job_each_answer(j, stage, JOB_BY_ID, &room, check_answer, &c, e);
    *n = c.n;
    return rc;
}

#endif
