/* SPDX-License-Identifier: MIT
 *
 * job_run.c - the thread that runs jobs (job_queue.h), one after the other, and what it notes about
 * them while they run.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/try.h"
#include "server/jobs/job_parts.h"

#define RESULT_MAX ((size_t)64 << 20)

/* What cannot be noted is only not shown. */
void job_note(jobs *j, const char *id, const char *words)
{
    persona_err ignored;
    (void)!jobs_db_note(j->db, id, (int64_t)time(NULL), words, &ignored); /* only not shown */
}

/* Waits for another process that writes, as long as the server lives: the state of a job is not
 * lost for a database that is busy. */
static persona_code update_surely(jobs *j, const job_row *row, const char *result, persona_err *e)
{
    for (;;) {
        const persona_code rc = jobs_db_update(j->db, row, result, e);
        pthread_mutex_lock(&j->lock);
        const bool ending = j->ending;
        pthread_mutex_unlock(&j->lock);
        if (rc != PERSONA_E_UNAVAILABLE || ending) {
            return rc;
        }
    }
}

typedef struct running {
    jobs *j;
    job_entry *x;
} running;

static void on_progress(void *ud, const persona_progress *p)
{
    const running *r = ud;
    job_entry *x = r->x;
    const double now = clock_now();
    pthread_mutex_lock(&r->j->lock);
    const char *stage = p->stage != NULL ? p->stage : "";
    const bool next = strncmp(x->stage, stage, sizeof x->stage - 1) != 0;
    if (next) {
        snprintf(x->stage, sizeof x->stage, "%s", stage);
        x->stage_begun = now;
        x->stage_tokens = p->n_tokens;
    }
    const bool news = x->round.done != p->done || x->round.total != p->total;
    job_round_add(&x->round, now, next, p->done, p->total);
    x->n_tokens = p->n_tokens;
    job_speed_add(x->speed, now, (int64_t)time(NULL), p->n_tokens);
    if (news) {
        job_changed(r->j, x);
    }
    pthread_mutex_unlock(&r->j->lock);
    if (next) {
        job_note(r->j, x->row.id, stage);
    }
}

/* What cannot be noted is only not shown; the work goes on. */
static void on_file(void *ud, const char *path)
{
    const running *r = ud;
    persona_err ignored;
    if (jobs_db_add_file(r->j->db, r->x->row.id, path, &ignored) != PERSONA_OK) {
        return;
    }
    pthread_mutex_lock(&r->j->lock);
    job_changed(r->j, r->x);
    pthread_mutex_unlock(&r->j->lock);
}

static persona_code run_kind(jobs *j, job_entry *x, persona_cancel *cancel, buf *result,
                             persona_err *e)
{
    persona_code rc = PERSONA_OK;
    running r = {j, x};
    char *args_text = NULL, *old = NULL;
    json_doc *doc = NULL;
    json_out o;
    void *args = mem_calloc(1, x->kind->args_size + 1);
    TRY(args != NULL ? PERSONA_OK : mem_err(e, "a job"));
    job_note(j, x->row.id, x->resumed ? "goes on after a restart of the server" : "started");
    TRY(update_surely(j, &x->row, NULL, e));
    TRY(jobs_db_texts(j->db, x->row.id, &args_text, &old, e));
    TRY(json_parse(args_text, strlen(args_text), "job", &doc, e));
    if (x->kind->init != NULL) {
        x->kind->init(args);
    }
    TRY(fields_read(x->kind->fields, json_root(doc), "", args, e));
    const job_context c = {
        .models = j->models,
        .library = j->library,
        .hooks = {.ud = &r, .progress = on_progress, .cancel = cancel, .keeps = on_file},
        .doc = doc};
    jo_init(&o, result, false);
    jo_object(&o, NULL);
    TRY(x->kind->run(args, &c, &o, e));
    jo_end(&o);
    TRY(buf_ok(result, "the result", e));
out:
    json_free(doc);
    mem_free(args_text);
    mem_free(old);
    mem_free(args);
    return rc;
}

/* Wants the lock. The oldest that waits. */
static job_entry *next_job(jobs *j)
{
    for (size_t i = 0; i < j->n; i++) {
        if (j->list[i]->row.state == JOB_QUEUED) {
            return j->list[i];
        }
    }
    return NULL;
}

/* Wants the lock, which is given back meanwhile. A job that the server's end interrupted stays
 * RUNNING in the database, which is what the next start looks for. */
static void run_one(jobs *j, job_entry *x)
{
    persona_cancel cancel = {0};
    persona_err e = {.code = PERSONA_OK};
    buf result;
    buf_init(&result, RESULT_MAX);
    x->row.state = JOB_RUNNING;
    x->row.started = (int64_t)time(NULL);
    x->row.error[0] = '\0';
    x->stage[0] = '\0';
    x->round = (job_round){.total = 0};
    x->begun = clock_now();
    x->cancel = &cancel;
    x->canceling = false;
    job_changed(j, x);
    x->speed = x->speed != NULL ? x->speed : mem_calloc(1, sizeof *x->speed);
    pthread_mutex_unlock(&j->lock);
    persona_code rc =
        x->speed != NULL ? run_kind(j, x, &cancel, &result, &e) : mem_err(&e, "a job");
    pthread_mutex_lock(&j->lock);
    x->cancel = NULL;
    const bool interrupted = rc == PERSONA_E_CANCELED && !x->canceling;
    job_row row =
        x->row; /* told when the database has it: until then nobody may delete or resume */
    if (!interrupted) {
        row.state = rc == PERSONA_OK           ? JOB_DONE
                    : rc == PERSONA_E_CANCELED ? JOB_CANCELED
                                               : JOB_FAILED;
        row.ended = (int64_t)time(NULL);
        snprintf(row.error, sizeof row.error, "%s", rc == PERSONA_OK ? "" : e.msg);
    }
    pthread_mutex_unlock(&j->lock);
    job_note(j, row.id,
             interrupted               ? "interrupted by the end of the server"
             : row.state == JOB_FAILED ? row.error
                                       : job_state_name(row.state));
    rc = update_surely(j, &row, rc == PERSONA_OK ? buf_str(&result) : NULL, &e);
    pthread_mutex_lock(&j->lock);
    x->row = row;
    if (rc != PERSONA_OK) { /* it will be run again by the next server */
        x->row.state = JOB_FAILED;
        snprintf(x->row.error, sizeof x->row.error, "%s", e.msg);
    }
    job_changed(j, x);
    buf_free(&result);
}

static void *runner(void *ud)
{
    jobs *j = ud;
    pthread_mutex_lock(&j->lock);
    while (!j->ending) {
        job_entry *x = next_job(j);
        if (x != NULL) {
            run_one(j, x);
        } else {
            pthread_cond_wait(&j->work, &j->lock);
        }
    }
    pthread_mutex_unlock(&j->lock);
    return NULL;
}

persona_code jobs_start(jobs *j, persona_err *e)
{
    if (pthread_create(&j->runner, NULL, runner, j) != 0) {
        return persona_err_set(e, PERSONA_E_UNAVAILABLE, "the system gives no further thread");
    }
    j->running = true;
    return PERSONA_OK;
}
