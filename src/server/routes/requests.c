/* SPDX-License-Identifier: MIT
 *
 * requests.c - /api/v1/requests: the answers that run, steering them anew, ending them.
 */
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/try.h"
#include "server/routes/routes.h"
#include "server/text/text_ask.h"

/* ---- list ------------------------------------------------------------------------------------ */

/* What changes only when something happens. */
static void members(json_out *o, const answer_status *x)
{
    jo_string(o, "id", x->id);
    jo_string(o, "model", x->model);
    jo_string(o, "route", x->route);
    jo_int(o, "created", x->created);
    jo_int(o, "n_choices", x->n_choices);
    jo_int(o, "n_ended", x->n_ended);
    jo_int(o, "prompt_tokens", (long long)x->n_prompt);
    jo_int(o, "completion_tokens", (long long)x->n_tokens);
    jo_number(o, "first_token_s", x->first_token_s);
    jo_string(o, "expression", x->expression);
    jo_array(o, "probes");
    for (size_t i = 0; i < x->n_probed; i++) {
        const answer_probed *k = &x->probed[i];
        jo_object(o, NULL);
        jo_string(o, "vector", k->vector);
        jo_int(o, "block", k->block);
        jo_int(o, "tokens", (long long)k->n);
        jo_number(o, "projection", k->projection);
        jo_number(o, "z", k->z);
        jo_number(o, "recent", k->recent);
        jo_number(o, "last", k->last);
        jo_number(o, "highest", k->highest);
        jo_number(o, "lowest", k->lowest);
        jo_end(o);
    }
    jo_end(o);
}

static void counted(void *ud, const answer_status *x)
{
    json_out *o = ud;
    jo_object(o, NULL);
    members(o, x);
    jo_end(o);
}

static void entry(void *ud, const answer_status *x)
{
    json_out *o = ud;
    jo_object(o, NULL);
    members(o, x);
    jo_number(o, "seconds", x->seconds);
    jo_end(o);
}

static void ended_entry(void *ud, const answer_status *x)
{
    json_out *o = ud;
    jo_object(o, NULL);
    members(o, x);
    jo_number(o, "seconds", x->seconds);
    jo_string(o, "finish", x->finish);
    jo_int(o, "ended", x->ended);
    jo_end(o);
}

static persona_code list(call *c, persona_err *e)
{
    (void)e;
    jo_object(&c->out, NULL);
    jo_array(&c->out, "requests");
    answers_each(c->s->answers, entry, &c->out);
    jo_end(&c->out);
    jo_array(&c->out, "ended");
    answers_each_ended(c->s->answers, ended_entry, &c->out);
    jo_end(&c->out);
    jo_end(&c->out);
    return PERSONA_OK;
}

/* ---- a feed ---------------------------------------------------------------------------------- */

#define FEED_S 0.25       /* between two looks */
#define KEEP_ALIVE_S 15.0 /* of silence */

typedef struct request_feed {
    answers *answers;
    const http_request *request;
    buf out, last; /* last: what was told */
    size_t sent;
    double at; /* when something was sent */
    bool begun;
    uint64_t n_ended; /* that were told */
} request_feed;

/* What has ended is told when something has, so that a line stays short while answers grow. */
static void tell(request_feed *f, const char *running, uint64_t n_ended)
{
    json_out o;
    buf_printf(&f->out, "data: {\"requests\":%s", running);
    if (!f->begun || n_ended != f->n_ended) {
        buf_puts(&f->out, ",\"ended\":");
        jo_init(&o, &f->out, false);
        jo_array(&o, NULL);
        answers_each_ended(f->answers, ended_entry, &o);
        jo_end(&o);
    }
    buf_puts(&f->out, "}\n\n");
    f->begun = true;
    f->n_ended = n_ended;
}

static void look(request_feed *f)
{
    json_out o;
    buf now;
    buf_init(&now, (size_t)4 << 20);
    const uint64_t n_ended = answers_n_ended(f->answers); /* before the list: none is missed */
    jo_init(&o, &now, false);
    jo_array(&o, NULL);
    answers_each(f->answers, counted, &o);
    jo_end(&o);
    if (strcmp(buf_str(&now), buf_str(&f->last)) != 0 || n_ended != f->n_ended) {
        tell(f, buf_str(&now), n_ended);
        buf_clear(&f->last);
        buf_puts(&f->last, buf_str(&now));
    } else if (clock_now() - f->at > KEEP_ALIVE_S) {
        buf_puts(&f->out, ": waiting\n\n");
    }
    buf_free(&now);
}

static long read_feed(void *ud, char *to, size_t max)
{
    request_feed *f = ud;
    if (f->sent == f->out.len) {
        buf_clear(&f->out);
        f->sent = 0;
    }
    while (f->out.len == 0) {
        if (http_gone(f->request) || answers_closed(f->answers)) {
            return 0;
        }
        look(f);
        if (f->out.len == 0) {
            const struct timespec t = {.tv_nsec = (long)(FEED_S * 1e9)};
            nanosleep(&t, NULL);
        }
    }
    const size_t left = f->out.len - f->sent, n = left < max ? left : max;
    memcpy(to, f->out.p + f->sent, n);
    f->sent += n;
    f->at = clock_now();
    return f->out.failed == PERSONA_OK ? (long)n : -1;
}

static void close_feed(void *ud)
{
    request_feed *f = ud;
    buf_free(&f->out);
    buf_free(&f->last);
    mem_free(f);
}

static persona_code events(call *c, persona_err *e)
{
    request_feed *f = mem_calloc(1, sizeof *f);
    if (f == NULL) {
        return mem_err(e, "a stream");
    }
    *f = (request_feed){.answers = c->s->answers, .request = c->request, .at = clock_now()};
    buf_init(&f->out, (size_t)8 << 20);
    buf_init(&f->last, (size_t)4 << 20);
    c->reply->type = "text/event-stream";
    http_reply_header(c->reply, "Cache-Control", "no-store");
    c->reply->stream = (http_stream){f, read_feed, close_feed};
    return PERSONA_OK;
}

/* ---- steering -------------------------------------------------------------------------------- */

typedef struct patch_args {
    const json_val *steering;
    const char *guard;
} patch_args;

static const field patch_fields[] = {
    {.name = "steering",
     .type = FIELD_ANY,
     .required = true,
     .at = offsetof(patch_args, steering),
     .schema = "string | object | null",
     .help = "An expression, a recipe's name or an object; null: none from here on"},
    {.name = "steering_guard",
     .type = FIELD_STRING,
     .of_names = ask_guards,
     .at = offsetof(patch_args, guard),
     .help = "As in the request. Default warn"},
    FIELD_LAST,
};

static persona_code steer(call *c, persona_err *e)
{
    const patch_args *a = c->args;
    persona_code rc = PERSONA_OK;
    answer_steering x = {.plan = NULL};
    size_t n_tokens = 0;
    static const receipt_done none;
    served *m = answers_model(c->s->answers, c->parts[0]);
    if (m == NULL) {
        return persona_err_set(e, PERSONA_E_NOTFOUND, "no answer '%.60s' is running", c->parts[0]);
    }
    const steer_wish wish = {.steering = a->steering, .guard = a->guard};
    TRY(server_steer(c->s, m, &wish, &x, e));
    jo_object(&c->out, NULL);
    jo_string(&c->out, "id", c->parts[0]);
    receipt_json(&c->out, x.steered ? &x.receipt : NULL, &none);
    TRY(answers_steer(c->s->answers, c->parts[0], &x, &n_tokens, e));
    jo_int(&c->out, "n_tokens", (long long)n_tokens);
    jo_end(&c->out);
out:
    answer_steering_free(&x);
    registry_release(c->s->models, m);
    return rc;
}

static persona_code cancel(call *c, persona_err *e)
{
    if (!answers_cancel(c->s->answers, c->parts[0])) {
        return persona_err_set(e, PERSONA_E_NOTFOUND, "no answer '%.60s' is running", c->parts[0]);
    }
    jo_object(&c->out, NULL);
    jo_string(&c->out, "id", c->parts[0]);
    jo_bool(&c->out, "canceled", true);
    jo_end(&c->out);
    return PERSONA_OK;
}

static const field probed_fields[] = {
    {.name = "vector", .type = FIELD_STRING, .required = true},
    {.name = "block", .type = FIELD_INT, .required = true},
    {.name = "tokens", .type = FIELD_INT, .required = true, .help = "That were read"},
    {.name = "projection", .type = FIELD_NUMBER, .help = "The mean over them"},
    {.name = "z",
     .type = FIELD_NUMBER,
     .help = "That mean in standard deviations of neutral answers; null: they are not known"},
    {.name = "recent",
     .type = FIELD_NUMBER,
     .help = "The mean of the last 24 tokens, in standard deviations of neutral tokens"},
    {.name = "last",
     .type = FIELD_NUMBER,
     .help = "The last token, in standard deviations of neutral tokens"},
    {.name = "highest", .type = FIELD_NUMBER, .help = "Of all tokens so far"},
    {.name = "lowest", .type = FIELD_NUMBER, .help = "Likewise"},
    FIELD_LAST,
};
static const field probed_element[] = {{.name = "", .type = FIELD_OBJECT, .of = probed_fields}};
#define STATUS_FIELDS                                                                              \
    {.name = "id", .type = FIELD_STRING, .required = true},                                        \
        {.name = "model", .type = FIELD_STRING, .required = true},                                 \
        {.name = "route", .type = FIELD_STRING, .required = true},                                 \
        {.name = "created", .type = FIELD_INT, .required = true},                                  \
        {.name = "n_choices", .type = FIELD_INT, .required = true},                                \
        {.name = "n_ended", .type = FIELD_INT, .required = true},                                  \
        {.name = "prompt_tokens", .type = FIELD_INT, .required = true},                            \
        {.name = "completion_tokens", .type = FIELD_INT, .required = true},                        \
        {.name = "seconds", .type = FIELD_NUMBER, .required = true},                               \
        {.name = "first_token_s", .type = FIELD_NUMBER, .help = "null: none yet"},                 \
        {.name = "expression", .type = FIELD_STRING, .help = "null: unsteered"},                   \
    {                                                                                              \
        .name = "probes", .type = FIELD_ARRAY, .required = true, .of = probed_element,             \
        .help = "What the request reads along, and what the watch does"                            \
    }

static const field status_fields[] = {
    STATUS_FIELDS,
    FIELD_LAST,
};
static const char *const finishes[] = {"done", "failed", "canceled", NULL};
static const field ended_fields[] = {
    STATUS_FIELDS,
    {.name = "finish", .type = FIELD_STRING, .required = true, .of_names = finishes},
    {.name = "ended", .type = FIELD_INT, .required = true},
    FIELD_LAST,
};
static const field status_element[] = {{.name = "", .type = FIELD_OBJECT, .of = status_fields}};
static const field ended_element[] = {{.name = "", .type = FIELD_OBJECT, .of = ended_fields}};
static const field list_fields[] = {
    {.name = "requests", .type = FIELD_ARRAY, .required = true, .of = status_element},
    {.name = "ended",
     .type = FIELD_ARRAY,
     .required = true,
     .of = ended_element,
     .help = "The last 50 that have ended, the newest first"},
    FIELD_LAST,
};
static const field steered_fields[] = {
    {.name = "id", .type = FIELD_STRING, .required = true},
    {.name = "steering", .type = FIELD_ANY, .schema = "Receipt | null"},
    {.name = "n_tokens",
     .type = FIELD_INT,
     .required = true,
     .help = "Tokens that were written before"},
    FIELD_LAST,
};
static const field canceled_fields[] = {
    {.name = "id", .type = FIELD_STRING, .required = true},
    {.name = "canceled", .type = FIELD_BOOL, .required = true},
    FIELD_LAST,
};

const route routes_requests[] = {
    {.method = "GET",
     .path = "/api/v1/requests",
     .errors = ERRORS_OPENAI,
     .run = list,
     .tag = "Running answers",
     .summary = "The answers that are being written, and those that have ended last",
     .answer = list_fields},
    {.method = "GET",
     .path = "/api/v1/requests-events",
     .errors = ERRORS_OPENAI,
     .run = events,
     .tag = "Running answers",
     .summary = "The same whenever it changes, as server-sent events; `ended` where it has"},
    {.method = "PATCH",
     .path = "/api/v1/requests/{id}/steering",
     .errors = ERRORS_OPENAI,
     .body = patch_fields,
     .args_size = sizeof(patch_args),
     .run = steer,
     .tag = "Running answers",
     .summary = "Steers a running answer anew, from its next token on",
     .answer = steered_fields},
    {.method = "DELETE",
     .path = "/api/v1/requests/{id}",
     .errors = ERRORS_OPENAI,
     .run = cancel,
     .tag = "Running answers",
     .summary = "Ends a running answer",
     .answer = canceled_fields},
    {.method = NULL},
};
