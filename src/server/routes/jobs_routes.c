/* SPDX-License-Identifier: MIT
 *
 * jobs_routes.c - /api/v1/jobs: long tasks, made, watched, canceled, resumed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/try.h"
#include "server/routes/call_parts.h"
#include "server/routes/routes.h"

/* ---- what is told ---------------------------------------------------------------------------- */

static void status_members(json_out *o, const job_status *x)
{
    char error[sizeof x->error];
    snprintf(error, sizeof error, "%s", x->error);
    error_redact(error);
    jo_string(o, "id", x->id);
    jo_string(o, "kind", x->kind->name);
    jo_string(o, "subject", *x->subject.what != '\0' ? x->subject.what : NULL);
    jo_string(o, "model", *x->subject.model != '\0' ? x->subject.model : NULL);
    jo_string(o, "to", *x->subject.to != '\0' ? x->subject.to : NULL);
    jo_string(o, "state", job_state_name(x->state));
    jo_int(o, "created", x->created);
    jo_int(o, "started", x->started);
    jo_int(o, "ended", x->ended);
    jo_int(o, "place", (long long)x->place);
    jo_string(o, "stage", x->stage);
    jo_int(o, "done", (long long)x->done);
    jo_int(o, "total", (long long)x->total);
    jo_int(o, "n_tokens", (long long)x->n_tokens);
    jo_number(o, "seconds", x->seconds);
    jo_number(o, "tokens_per_second", x->rate);
    jo_number(o, "eta_s", x->eta_s);
    jo_bool(o, "resumed", x->resumed);
    jo_string(o, "error", error[0] != '\0' ? error : NULL);
}

static void status_json(json_out *o, const job_status *x)
{
    jo_object(o, NULL);
    status_members(o, x);
    jo_end(o);
}

static const field note_fields[] = {
    {.name = "at", .type = FIELD_INT, .required = true},
    {.name = "words", .type = FIELD_STRING, .required = true},
    FIELD_LAST,
};
static const field note_element[] = {{.name = "", .type = FIELD_OBJECT, .of = note_fields}};
static const field speed_fields[] = {
    {.name = "at", .type = FIELD_INT, .required = true},
    {.name = "tokens_per_second", .type = FIELD_NUMBER, .required = true},
    FIELD_LAST,
};
static const field speed_element[] = {{.name = "", .type = FIELD_OBJECT, .of = speed_fields}};
static const field status_fields[] = {
    {.name = "id", .type = FIELD_STRING, .required = true},
    {.name = "kind", .type = FIELD_STRING, .required = true},
    {.name = "subject",
     .type = FIELD_STRING,
     .help = "Trait, vector or source; of several the first"},
    {.name = "model", .type = FIELD_STRING, .help = "As asked for; null: the default one"},
    {.name = "to", .type = FIELD_STRING, .help = "Model that a transfer goes to"},
    {.name = "state",
     .type = FIELD_STRING,
     .required = true,
     .help = "queued, running, done, failed or canceled"},
    {.name = "created", .type = FIELD_INT, .required = true},
    {.name = "started", .type = FIELD_INT, .required = true, .help = "0: not yet"},
    {.name = "ended", .type = FIELD_INT, .required = true, .help = "0: not yet"},
    {.name = "place",
     .type = FIELD_INT,
     .required = true,
     .help = "In the queue, from 1; 0: it does not wait"},
    {.name = "stage", .type = FIELD_STRING, .required = true, .help = "What it is doing"},
    {.name = "done",
     .type = FIELD_INT,
     .required = true,
     .help = "Of the stage: answers, or bytes"},
    {.name = "total", .type = FIELD_INT, .required = true, .help = "0: not known"},
    {.name = "n_tokens", .type = FIELD_INT, .required = true},
    {.name = "seconds", .type = FIELD_NUMBER, .required = true},
    {.name = "tokens_per_second", .type = FIELD_NUMBER, .help = "null: not known"},
    {.name = "eta_s", .type = FIELD_NUMBER, .help = "Of the stage; null: not known"},
    {.name = "resumed",
     .type = FIELD_BOOL,
     .required = true,
     .help = "It goes on after a restart of the server"},
    {.name = "error", .type = FIELD_STRING, .help = "null: none"},
    {.name = "request",
     .type = FIELD_ANY,
     .schema = "object",
     .help = "What was asked; not in the list if longer than 4 KiB"},
    {.name = "result",
     .type = FIELD_ANY,
     .schema = "object | null",
     .help = "Of one job: what came of it"},
    {.name = "log",
     .type = FIELD_ARRAY,
     .of = note_element,
     .help = "Of one job: what happened, oldest first"},
    {.name = "speed",
     .type = FIELD_ARRAY,
     .of = speed_element,
     .help = "Of one job: how fast it has been since the server began"},
    FIELD_LAST,
};
static const field status_element[] = {{.name = "", .type = FIELD_OBJECT, .of = status_fields}};
static const field list_fields[] = {
    {.name = "jobs", .type = FIELD_ARRAY, .required = true, .of = status_element},
    FIELD_LAST,
};

enum { LISTED_REQUEST = 4096 }; /* bytes; a longer one is told of its job alone */

/* ---- the handlers ---------------------------------------------------------------------------- */

static persona_code add(call *c, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char id[JOB_ID_MAX];
    job_status x;
    const job_kind *kind = job_kind_named(strrchr(c->route->path, '/') + 1);
    TRY(jobs_add(c->s->jobs, kind, c->request->body, id, e));
    TRY(jobs_get(c->s->jobs, id, &x, e));
    status_json(&c->out, &x);
    c->reply->status = 202;
out:
    return rc;
}

/* A job that has been forgotten meanwhile is listed without what was asked. */
static persona_code listed(call *c, const job_status *x, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    persona_err gone;
    char *args = NULL;
    jo_object(&c->out, NULL);
    status_members(&c->out, x);
    if (jobs_texts(c->s->jobs, x->id, &args, NULL, &gone) == PERSONA_OK &&
        strlen(args) <= LISTED_REQUEST) {
        TRY(call_kept(&c->out, "request", args, e));
    }
    jo_end(&c->out);
out:
    mem_free(args);
    return rc;
}

static persona_code list(call *c, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    job_status *all = NULL;
    size_t n = 0;
    TRY(jobs_list(c->s->jobs, &all, &n, e));
    jo_object(&c->out, NULL);
    jo_array(&c->out, "jobs");
    for (size_t i = 0; i < n; i++) {
        TRY(listed(c, &all[i], e));
    }
    jo_end(&c->out);
    jo_end(&c->out);
out:
    mem_free(all);
    return rc;
}

/* Lines of a time, a space and words; the text is written into. */
static void log_json(json_out *o, char *text)
{
    char *rest = NULL, message[640];
    jo_array(o, "log");
    for (char *line = strtok_r(text, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        char *words = line;
        const long long at = strtoll(line, &words, 10);
        snprintf(message, sizeof message, "%s", *words == ' ' ? words + 1 : words);
        error_redact(message);
        jo_object(o, NULL);
        jo_int(o, "at", at);
        jo_string(o, "words", message);
        jo_end(o);
    }
    jo_end(o);
}

static void speed_json(json_out *o, const job_speed *s)
{
    jo_array(o, "speed");
    for (size_t i = 0; i < s->n; i++) {
        jo_object(o, NULL);
        jo_int(o, "at", s->points[i].at);
        jo_number(o, "tokens_per_second", s->points[i].rate);
        jo_end(o);
    }
    jo_end(o);
}

static persona_code show(call *c, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    job_status x;
    job_speed speed;
    char *args = NULL, *result = NULL, *log = NULL;
    TRY(jobs_get(c->s->jobs, c->parts[0], &x, e));
    TRY(jobs_texts(c->s->jobs, c->parts[0], &args, &result, e));
    TRY(jobs_log(c->s->jobs, c->parts[0], &log, e));
    TRY(jobs_speed(c->s->jobs, c->parts[0], &speed, e));
    jo_object(&c->out, NULL);
    status_members(&c->out, &x);
    TRY(call_kept(&c->out, "request", args, e));
    TRY(call_kept(&c->out, "result", result, e));
    log_json(&c->out, log);
    speed_json(&c->out, &speed);
    jo_end(&c->out);
out:
    mem_free(log);
    mem_free(args);
    mem_free(result);
    return rc;
}

static persona_code after(call *c, persona_code (*what)(jobs *, const char *, persona_err *),
                          persona_err *e)
{
    persona_code rc = PERSONA_OK;
    job_status x;
    TRY(what(c->s->jobs, c->parts[0], e));
    TRY(jobs_get(c->s->jobs, c->parts[0], &x, e));
    status_json(&c->out, &x);
out:
    return rc;
}

static persona_code cancel(call *c, persona_err *e)
{
    return after(c, jobs_cancel, e);
}

static persona_code resume(call *c, persona_err *e)
{
    return after(c, jobs_resume, e);
}

static persona_code forget(call *c, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    TRY(jobs_delete(c->s->jobs, c->parts[0], e));
    call_deleted(c);
out:
    return rc;
}

/* ---- watching -------------------------------------------------------------------------------- */

#define WAIT_S 1.0
#define PAUSE_S 0.1 /* between two events at least */

typedef struct watch {
    jobs *jobs;
    const http_request *request;
    char id[JOB_ID_MAX];
    uint64_t version;
    bool begun, over;
    double last;
    buf out;
    size_t sent;
} watch;

static void write_status(watch *w, const job_status *x)
{
    json_out o;
    buf_puts(&w->out, "data: ");
    jo_init(&o, &w->out, false);
    status_json(&o, x);
    buf_puts(&w->out, "\n\n");
    w->version = x->version;
    w->begun = true;
    w->over = x->state >= JOB_DONE;
    w->last = clock_now();
}

/* False: the client has gone, or the job has. */
static bool next_status(watch *w)
{
    job_status x;
    if (http_gone(w->request)) {
        return false;
    }
    const double since = clock_now() - w->last;
    const uint64_t seen =
        since < PAUSE_S ? UINT64_MAX : w->version; /* not more than ten a second */
    const double wait = since < PAUSE_S ? PAUSE_S - since : WAIT_S;
    if (jobs_wait(w->jobs, w->id, w->begun ? seen : 0, w->begun ? wait : 0, &x, NULL) !=
        PERSONA_OK) {
        return false;
    }
    if (!w->begun || (x.version > w->version && clock_now() - w->last >= PAUSE_S) ||
        x.state >= JOB_DONE) {
        write_status(w, &x);
    } else if (clock_now() - w->last > 15) {
        buf_puts(&w->out, ": waiting\n\n");
        w->last = clock_now();
    }
    return true;
}

static long read_watch(void *ud, char *to, size_t max)
{
    watch *w = ud;
    if (w->sent == w->out.len) {
        buf_clear(&w->out);
        w->sent = 0;
    }
    while (w->out.len == 0 && !w->over) {
        if (!next_status(w)) {
            return -1;
        }
    }
    const size_t left = w->out.len - w->sent, n = left < max ? left : max;
    if (n > 0) {
        memcpy(to, w->out.p + w->sent, n);
    }
    w->sent += n;
    return (long)n;
}

static void close_watch(void *ud)
{
    watch *w = ud;
    buf_free(&w->out);
    mem_free(w);
}

static persona_code events(call *c, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    job_status x;
    watch *w = mem_calloc(1, sizeof *w);
    TRY(w != NULL ? PERSONA_OK : mem_err(e, "a stream"));
    TRY(jobs_get(c->s->jobs, c->parts[0], &x, e));
    w->jobs = c->s->jobs;
    w->request = c->request;
    memcpy(w->id, x.id, sizeof w->id);
    buf_init(&w->out, 64 << 10);
    c->reply->type = "text/event-stream";
    http_reply_header(c->reply, "Cache-Control", "no-store");
    c->reply->stream = (http_stream){w, read_watch, close_watch};
    w = NULL;
out:
    mem_free(w);
    return rc;
}

#define ADD(kind, text)                                                                            \
    {                                                                                              \
        .method = "POST", .path = "/api/v1/jobs/" #kind, .errors = ERRORS_OPENAI,                  \
        .body = job_##kind##_fields, .args_size = JOB_ARGS_MAX, .run = add, .tag = "Jobs",         \
        .summary = text, .answer = status_fields                                                   \
    }

const route routes_jobs[] = {
    ADD(extract, "Extracts a persona vector from a model into the library"),
    ADD(transfer, "Carries a trait to another model and measures what arrived"),
    ADD(sweep, "Steers at many coefficients, judges the answers, and says how far one may go"),
    ADD(screen, "Finds the answers of a data set that would move a model along vectors"),
    ADD(pull, "Fetches a model from the hub into the models folder"),
    {.method = "GET",
     .path = "/api/v1/jobs",
     .errors = ERRORS_OPENAI,
     .run = list,
     .tag = "Jobs",
     .summary = "All jobs, the newest first",
     .answer = list_fields},
    {.method = "GET",
     .path = "/api/v1/jobs/{id}",
     .errors = ERRORS_OPENAI,
     .run = show,
     .tag = "Jobs",
     .summary = "One job, with what was asked and what came of it",
     .answer = status_fields},
    {.method = "GET",
     .path = "/api/v1/jobs/{id}/events",
     .errors = ERRORS_OPENAI,
     .run = events,
     .tag = "Jobs",
     .summary = "Its state as it changes, as server-sent events, until it has ended"},
    {.method = "POST",
     .path = "/api/v1/jobs/{id}/cancel",
     .errors = ERRORS_OPENAI,
     .run = cancel,
     .tag = "Jobs",
     .summary = "Ends it; what was computed stays, to be resumed",
     .answer = status_fields},
    {.method = "POST",
     .path = "/api/v1/jobs/{id}/resume",
     .errors = ERRORS_OPENAI,
     .run = resume,
     .tag = "Jobs",
     .summary = "Queues a canceled or failed job again",
     .answer = status_fields},
    {.method = "DELETE",
     .path = "/api/v1/jobs/{id}",
     .errors = ERRORS_OPENAI,
     .run = forget,
     .tag = "Jobs",
     .summary = "Forgets a job that has ended",
     .answer = call_deleted_fields},
    {.method = NULL},
};
