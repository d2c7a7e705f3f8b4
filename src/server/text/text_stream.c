/* SPDX-License-Identifier: MIT
 *
 * text_stream.c - a running answer, piece by piece (text_stream.h). The connection's thread asks
 * for bytes; it waits for the next event, has the route's shape write it, and hands on what stands
 * there.
 */
#include "server/text/text_stream.h"

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/try.h"
#include "server/text/keep.h"

#define WAIT_S 0.25       /* between looks at the client's socket */
#define EARLY_S 0.1       /* what fails within it still gets its status */
#define KEEP_ALIVE_S 15.0 /* of silence */
#define TOGETHER (16 << 10)

typedef struct outflow {
    collected x;
    const stream_shape *shape;
    const http_request *request;
    buf out; /* from `sent` on it is to be sent */
    size_t sent;
    bool usage, over, lost;
    server *s;
    char *body;  /* of the request, if it is to be kept; else NULL */
    double last; /* when something was sent */
} outflow;

static void write_event(outflow *f, answer_event *event)
{
    persona_err e = {.code = PERSONA_OK};
    if (event->kind == ANSWER_CLOSED) {
        const persona_code rc = collected_failure(&f->x, &e);
        if (rc != PERSONA_OK) {
            f->shape->failed(&f->x, &e, &f->out);
        } else {
            f->shape->end(&f->x, f->usage, &f->out);
            if (f->body != NULL) {
                keep_run(f->s, f->request, f->body, &f->x);
            }
        }
        f->over = true;
        return;
    }
    f->shape->event(&f->x, event, &f->out);
    f->lost = collect_event(&f->x, event, &e) != PERSONA_OK;
}

static void wait_for_more(outflow *f)
{
    answer_event event;
    answer_next(f->x.a, WAIT_S, &event);
    if (event.kind != ANSWER_NOTHING) {
        write_event(f, &event);
        return;
    }
    f->lost = http_gone(f->request);
    if (f->shape->keep_alive != NULL && clock_now() - f->last > KEEP_ALIVE_S) {
        buf_puts(&f->out, f->shape->keep_alive);
    }
}

/* What has come meanwhile goes out with it: one turn of the socket for all. */
static void add_what_waits(outflow *f)
{
    answer_event event;
    while (!f->over && !f->lost && f->out.len < TOGETHER) {
        answer_next(f->x.a, 0, &event);
        if (event.kind == ANSWER_NOTHING) {
            return;
        }
        write_event(f, &event);
    }
}

static long read_stream(void *ud, char *to, size_t max)
{
    outflow *f = ud;
    if (f->sent == f->out.len) {
        buf_clear(&f->out);
        f->sent = 0;
    }
    /* also while tokens come: who has closed its side may still take them, and has gone all the
     * same */
    f->lost = f->lost || (!f->over && http_gone(f->request));
    while (f->out.len == 0 && !f->over && !f->lost) {
        wait_for_more(f);
        add_what_waits(f);
    }
    if (f->lost || f->out.failed != PERSONA_OK) {
        return -1;
    }
    const size_t left = f->out.len - f->sent, n = left < max ? left : max;
    if (n > 0) {
        memcpy(to, f->out.p + f->sent, n);
    }
    f->sent += n;
    f->last = clock_now();
    return (long)n;
}

static void close_stream(void *ud)
{
    outflow *f = ud;
    collected_free(&f->x);
    buf_free(&f->out);
    mem_free(f->body);
    mem_free(f);
}

static bool wants_usage(const ask *a)
{
    return json_bool(json_get(a->stream_options, "include_usage"), false);
}

persona_code stream_reply(call *c, const ask *request, answer *a, uint32_t seed,
                          const stream_shape *shape, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    answer_event first;
    outflow *f = mem_calloc(1, sizeof *f);
    if (f == NULL) {
        answer_free(a);
        return mem_err(e, "a stream");
    }
    *f = (outflow){.shape = shape,
                   .s = c->s,
                   .body = request->store ? mem_strdup(c->request->body) : NULL,
                   .request = c->request,
                   .usage = wants_usage(request),
                   .last = clock_now()};
    collected_init(&f->x, a, seed);
    buf_init(&f->out, (size_t)64 << 20);
    answer_next(a, EARLY_S, &first);
    if (first.kind == ANSWER_ENDED || first.kind == ANSWER_CLOSED) {
        TRY(collected_failure(&f->x, e));
    }
    shape->begin(&f->x, &f->out);
    if (first.kind != ANSWER_NOTHING) {
        write_event(f, &first);
    }
    c->reply->type = shape->type;
    http_reply_header(c->reply, "Cache-Control", "no-store");
    c->reply->stream = (http_stream){f, read_stream, close_stream};
    f = NULL;
out:
    if (f != NULL) {
        close_stream(f);
    }
    return rc;
}

void stream_error(const persona_err *e, buf *out)
{
    http_reply r = {.status = 0};
    buf_init(&r.body, 4096);
    error_reply(&r, ERRORS_OPENAI, error_status(e->code), e, NULL, NULL);
    buf_printf(out, "data: %s\n\n", buf_str(&r.body));
    buf_free(&r.body);
}
