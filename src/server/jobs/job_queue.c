/* SPDX-License-Identifier: MIT
 *
 * job_queue.c - the queue of jobs and what is asked of it (job_queue.h); job_run.c runs them.
 *
 * One lock; the runner waits on `work`, watchers on `news`. The database is asked outside of the
 * lock where it can be: it has its own. A job that is canceled while it runs is told by its flag
 * and ends when its task has seen it.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/cond.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/try.h"
#include "server/jobs/job_parts.h"

const char *job_state_name(job_state s)
{
    static const char *const NAMES[] = {"queued", "running", "done", "failed", "canceled"};
    return NAMES[s];
}

const job_kind *job_kind_named(const char *name)
{
    for (const job_kind *const *k = JOB_KINDS; *k != NULL; k++) {
        if (strcmp((*k)->name, name) == 0) {
            return *k;
        }
    }
    return NULL;
}

/* ---- the list -------------------------------------------------------------------------------- */

/* Wants the lock. */
static job_entry *find(jobs *j, const char *id, size_t *at)
{
    for (size_t i = 0; i < j->n; i++) {
        if (strcmp(j->list[i]->row.id, id) == 0) {
            if (at != NULL) {
                *at = i;
            }
            return j->list[i];
        }
    }
    return NULL;
}

static persona_code not_found(const char *id, persona_err *e)
{
    return persona_err_set(e, PERSONA_E_NOTFOUND, "no job '%.30s'", id);
}

static void job_entry_free(job_entry *x)
{
    mem_free(x->speed);
    mem_free(x);
}

void job_changed(jobs *j, job_entry *x)
{
    x->version++;
    pthread_cond_broadcast(&j->news);
}

static void take_member(const json_val *o, const char *key, char *to, size_t n)
{
    const json_val *v = json_get(o, key);
    const char *s = json_string(json_len(v) > 0 && json_string(v) == NULL ? json_at(v, 0) : v);
    if (s != NULL && *to == '\0') {
        snprintf(to, n, "%s", s);
    }
}

static job_subject subject_of(const char *args)
{
    job_subject x = {.model = ""};
    json_doc *doc = NULL;
    persona_err ignored;
    if (json_parse(args, strlen(args), "job", &doc, &ignored) == PERSONA_OK) {
        const json_val *o = json_root(doc);
        take_member(o, "model", x.model, sizeof x.model);
        take_member(o, "from", x.model, sizeof x.model);
        take_member(o, "to", x.to, sizeof x.to);
        take_member(o, "trait", x.what, sizeof x.what);
        take_member(o, "vector", x.what, sizeof x.what);
        take_member(o, "vectors", x.what, sizeof x.what);
        take_member(o, "source", x.what, sizeof x.what);
    }
    json_free(doc);
    return x;
}

static persona_code load_row(void *ud, const job_row *row, const char *args, persona_err *e)
{
    jobs *j = ud;
    job_entry *x = j->n < JOBS_MAX ? mem_calloc(1, sizeof *x) : NULL;
    const job_kind *kind = job_kind_named(row->kind);
    if (j->n == JOBS_MAX || kind == NULL) {
        mem_free(x);
        return PERSONA_OK; /* of a later version */
    }
    if (x == NULL) {
        return mem_err(e, "jobs");
    }
    x->row = *row;
    x->subject = subject_of(args);
    x->kind = kind;
    if (row->state == JOB_RUNNING || row->state == JOB_QUEUED) {
        x->resumed = row->state == JOB_RUNNING;
        x->row.state = JOB_QUEUED;
    }
    j->list[j->n++] = x;
    return PERSONA_OK;
}

static void init_sync(jobs *j)
{
    pthread_mutex_init(&j->lock, NULL);
    pthread_cond_init(&j->work, NULL);
    cond_init(&j->news);
}

persona_code jobs_new(server_db *d, registry *models, library *l, jobs **out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    jobs *j = mem_calloc(1, sizeof *j);
    *out = NULL;
    if (j == NULL) {
        return mem_err(e, "jobs");
    }
    j->db = d;
    j->models = models;
    j->library = l;
    init_sync(j);
    TRY(jobs_db_each(j->db, load_row, j, e));
    *out = j;
    j = NULL;
out:
    jobs_free(j);
    return rc;
}

void jobs_stop(jobs *j)
{
    if (j == NULL) {
        return;
    }
    pthread_mutex_lock(&j->lock);
    j->ending = true;
    for (size_t i = 0; i < j->n; i++) {
        if (j->list[i]->cancel != NULL) {
            persona_cancel_set(j->list[i]->cancel);
        }
    }
    pthread_cond_broadcast(&j->work);
    pthread_cond_broadcast(&j->news);
    pthread_mutex_unlock(&j->lock);
    if (j->running) {
        pthread_join(j->runner, NULL);
        j->running = false;
    }
}

void jobs_free(jobs *j)
{
    if (j == NULL) {
        return;
    }
    jobs_stop(j);
    for (size_t i = 0; i < j->n; i++) {
        job_entry_free(j->list[i]);
    }
    pthread_cond_destroy(&j->work);
    pthread_cond_destroy(&j->news);
    pthread_mutex_destroy(&j->lock);
    mem_free(j);
}

/* ---- what is asked --------------------------------------------------------------------------- */

/* Whether the arguments are right, and with plan what they would lead to. */
static persona_code check_args(jobs *j, const job_kind *kind, const char *args, job_plan *plan,
                               persona_err *e)
{
    persona_code rc = PERSONA_OK;
    json_doc *doc = NULL;
    void *into = mem_calloc(1, kind->args_size + 1);
    TRY(into != NULL ? PERSONA_OK : mem_err(e, "a job"));
    TRY(json_parse(args, strlen(args), "job", &doc, e));
    if (kind->init != NULL) {
        kind->init(into);
    }
    TRY(fields_read(kind->fields, json_root(doc), "", into, e));
    const job_context c = {.models = j->models, .library = j->library, .doc = doc};
    if (kind->check != NULL) {
        TRY(kind->check(into, &c, e));
    }
    if (plan != NULL) {
        TRY(kind->plan(into, &c, plan, e));
    }
out:
    json_free(doc);
    mem_free(into);
    return rc;
}

persona_code jobs_plan(jobs *j, const job_kind *kind, const char *args, job_plan *out,
                       persona_err *e)
{
    *out = (job_plan){.n_parts = 0};
    return check_args(j, kind, args, out, e);
}

static void make_id(char *out, size_t n)
{
    enum { BYTES = 8 };
    char hex[2 * BYTES + 1];
    (void)random_hex(hex, BYTES);
    snprintf(out, n, "job-%s", hex);
}

persona_code jobs_add(jobs *j, const job_kind *kind, const char *args, char *id, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    job_entry *x = mem_calloc(1, sizeof *x);
    TRY(x != NULL ? PERSONA_OK : mem_err(e, "a job"));
    TRY(check_args(j, kind, args, NULL, e));
    x->kind = kind;
    x->subject = subject_of(args);
    x->row = (job_row){.state = JOB_QUEUED, .created = (int64_t)time(NULL)};
    make_id(x->row.id, sizeof x->row.id);
    snprintf(x->row.kind, sizeof x->row.kind, "%s", kind->name);
    TRY(jobs_db_insert(j->db, &x->row, args, e));
    job_note(j, x->row.id, "asked for");
    memcpy(id, x->row.id, sizeof x->row.id);
    pthread_mutex_lock(&j->lock);
    const bool room = j->n < JOBS_MAX && !j->ending;
    if (room) {
        j->list[j->n++] = x;
        x = NULL;
        pthread_cond_signal(&j->work);
    }
    pthread_mutex_unlock(&j->lock);
    if (!room) {
        TRY(jobs_db_delete(j->db, x->row.id, e));
        rc = persona_err_set(e, PERSONA_E_UNAVAILABLE,
                             "the server keeps %d jobs already: delete some", JOBS_MAX);
    }
out:
    mem_free(x);
    return rc;
}

/* Wants the lock. */
static job_status status_of(const jobs *j, const job_entry *x)
{
    job_status s = {.kind = x->kind,
                    .subject = x->subject,
                    .state = x->row.state,
                    .created = x->row.created,
                    .started = x->row.started,
                    .ended = x->row.ended,
                    .done = x->round.done,
                    .total = x->round.total,
                    .n_tokens = x->n_tokens,
                    .rate = (double)NAN,
                    .eta_s = (double)NAN,
                    .resumed = x->resumed,
                    .version = x->version};
    memcpy(s.id, x->row.id, sizeof s.id);
    memcpy(s.stage, x->stage, sizeof s.stage);
    memcpy(s.error, x->row.error, sizeof s.error);
    if (x->row.state == JOB_RUNNING) {
        const double in_stage = clock_now() - x->stage_begun;
        s.seconds = clock_now() - x->begun;
        s.rate = in_stage > 0.5 ? (double)(x->n_tokens - x->stage_tokens) / in_stage : (double)NAN;
        s.eta_s = job_round_left(&x->round, clock_now());
    } else if (x->row.ended > 0) {
        s.seconds = (double)(x->row.ended - x->row.started);
    }
    for (size_t i = 0; x->row.state == JOB_QUEUED && i < j->n; i++) {
        s.place += j->list[i]->row.state == JOB_QUEUED;
        if (j->list[i] == x) {
            break;
        }
    }
    return s;
}

persona_code jobs_list(jobs *j, job_status **out, size_t *n, persona_err *e)
{
    pthread_mutex_lock(&j->lock);
    *n = 0;
    *out = mem_calloc(j->n + 1, sizeof **out);
    for (size_t i = j->n; *out != NULL && i-- > 0;) {
        (*out)[(*n)++] = status_of(j, j->list[i]);
    }
    pthread_mutex_unlock(&j->lock);
    return *out != NULL ? PERSONA_OK : mem_err(e, "a list of jobs");
}

persona_code jobs_get(jobs *j, const char *id, job_status *out, persona_err *e)
{
    pthread_mutex_lock(&j->lock);
    const job_entry *x = find(j, id, NULL);
    if (x != NULL) {
        *out = status_of(j, x);
    }
    pthread_mutex_unlock(&j->lock);
    return x != NULL ? PERSONA_OK : not_found(id, e);
}

persona_code jobs_texts(jobs *j, const char *id, char **args, char **result, persona_err *e)
{
    return jobs_db_texts(j->db, id, args, result, e);
}

persona_code jobs_log(jobs *j, const char *id, char **out, persona_err *e)
{
    return jobs_db_log(j->db, id, out, e);
}

persona_code jobs_speed(jobs *j, const char *id, job_speed *out, persona_err *e)
{
    pthread_mutex_lock(&j->lock);
    const job_entry *x = find(j, id, NULL);
    *out = x != NULL && x->speed != NULL ? *x->speed : (job_speed){.n = 0};
    pthread_mutex_unlock(&j->lock);
    return x != NULL ? PERSONA_OK : not_found(id, e);
}

persona_code jobs_files(jobs *j, const char *id, char ***files, size_t *n, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char *text = NULL, *rest = NULL;
    *files = NULL;
    *n = 0;
    TRY(jobs_db_files(j->db, id, &text, e));
    *files = mem_calloc(strlen(text) + 1, sizeof **files);
    TRY(*files != NULL ? PERSONA_OK : mem_err(e, "files of a job"));
    for (char *p = strtok_r(text, "\n", &rest); p != NULL; p = strtok_r(NULL, "\n", &rest)) {
        (*files)[*n] = mem_strdup(p);
        TRY((*files)[*n] != NULL ? PERSONA_OK : mem_err(e, "files of a job"));
        ++*n;
    }
out:
    if (rc != PERSONA_OK) {
        mem_free_list(*files, *n);
        *files = NULL;
        *n = 0;
    }
    mem_free(text);
    return rc;
}

persona_code jobs_wait(jobs *j, const char *id, uint64_t version, double seconds, job_status *out,
                       persona_err *e)
{
    const double until = clock_now() + seconds;
    bool late = false;
    pthread_mutex_lock(&j->lock);
    const job_entry *x = find(j, id, NULL);
    while (x != NULL && x->version <= version && x->row.state < JOB_DONE && !late && !j->ending) {
        late = !cond_wait_until(&j->news, &j->lock, until);
        x = find(j, id, NULL); /* it may have been deleted */
    }
    if (x != NULL) {
        *out = status_of(j, x);
    }
    const bool ending = j->ending;
    pthread_mutex_unlock(&j->lock);
    if (ending) {
        return persona_err_set(e, PERSONA_E_UNAVAILABLE, "the server is ending");
    }
    return x != NULL ? PERSONA_OK : not_found(id, e);
}

/* Wants the lock. What the database does not take has not happened. */
static persona_code set_row(jobs *j, job_entry *x, const job_row *row, const char *words,
                            persona_err *e)
{
    persona_code rc = PERSONA_OK;
    TRY(jobs_db_update(j->db, row, NULL, e));
    x->row = *row;
    job_note(j, row->id, words);
    job_changed(j, x);
out:
    return rc;
}

persona_code jobs_cancel(jobs *j, const char *id, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    pthread_mutex_lock(&j->lock);
    job_entry *x = find(j, id, NULL);
    if (x == NULL) {
        rc = not_found(id, e);
    } else if (x->row.state == JOB_QUEUED) {
        job_row row = x->row;
        row.state = JOB_CANCELED;
        row.ended = (int64_t)time(NULL);
        rc = set_row(j, x, &row, "canceled while it waited", e);
    } else if (x->cancel != NULL) {
        x->canceling = true;
        persona_cancel_set(x->cancel);
    }
    pthread_mutex_unlock(&j->lock);
    return rc;
}

persona_code jobs_resume(jobs *j, const char *id, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    pthread_mutex_lock(&j->lock);
    job_entry *x = find(j, id, NULL);
    if (x == NULL) {
        rc = not_found(id, e);
        goto out;
    }
    if (x->row.state != JOB_CANCELED && x->row.state != JOB_FAILED) {
        rc = persona_err_set(e, PERSONA_E_USAGE,
                             "job '%s' is %s: only one that was canceled or "
                             "failed can be resumed",
                             x->row.id, job_state_name(x->row.state));
        goto out;
    }
    job_row row = x->row;
    row.state = JOB_QUEUED;
    row.ended = 0;
    row.error[0] = '\0';
    TRY(set_row(j, x, &row, "asked to go on", e));
    x->resumed = false;
    pthread_cond_signal(&j->work);
out:
    pthread_mutex_unlock(&j->lock);
    return rc;
}

persona_code jobs_delete(jobs *j, const char *id, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    size_t at = 0;
    pthread_mutex_lock(&j->lock);
    job_entry *x = find(j, id, &at);
    if (x == NULL) {
        rc = not_found(id, e);
    } else if (x->row.state < JOB_DONE) {
        rc = persona_err_set(e, PERSONA_E_USAGE, "job '%s' is %s: cancel it first", x->row.id,
                             job_state_name(x->row.state));
    } else {
        rc = jobs_db_delete(j->db, id, e);
    }
    if (rc == PERSONA_OK) {
        memmove(j->list + at, j->list + at + 1, (j->n - at - 1) * sizeof(job_entry *));
        j->n--;
        job_entry_free(x);
        pthread_cond_broadcast(&j->news);
    }
    pthread_mutex_unlock(&j->lock);
    return rc;
}
