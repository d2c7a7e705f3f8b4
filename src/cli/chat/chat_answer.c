/* SPDX-License-Identifier: MIT
 *
 * chat_answer.c - one answer of a chat: the request, what is read while it is written, and the same
 * question unsteered beside it, in the same batch with the same seed.
 */
#include <math.h>
#include <signal.h>
#include <string.h>

#include "base/mem.h"
#include "base/try.h"
#include "cli/chat/chat.h"
#include "cli/chat/chat_screen.h"
#include "cli/study_print.h"
#include "pipeline/ask.h"

enum { INDENT = 12 };

/* One of the two requests. */
typedef struct asked {
    chat *t;
    chat_screen *screen; /* NULL: it is printed when it is there */
    char *text, *analysis;
    bool answered;
    persona_finish finish;
    receipt_done done;
} asked;

/* ---- interrupts ------------------------------------------------------------------------------ */

static persona_cancel *to_stop;

static void on_interrupt(int number)
{
    (void)number;
    if (to_stop != NULL) {
        persona_cancel_set(to_stop);
    }
}

void chat_catch_interrupt(chat *t)
{
    struct sigaction action = {.sa_handler = on_interrupt};
    sigemptyset(&action.sa_mask);
    to_stop = t != NULL ? &t->stop : NULL;
    if (t != NULL) {
        sigaction(SIGINT, &action, NULL);
    }
}

/* ---- while it is written --------------------------------------------------------------------- */

static bool on_token(void *ud, const persona_token_event *event)
{
    asked *a = ud;
    const bool thought =
        event->kind == PERSONA_TOKEN_ANALYSIS || event->kind == PERSONA_TOKEN_OTHER;
    if (event->kind == PERSONA_TOKEN_ANSWER || (thought && a->t->thinks)) {
        chat_screen_text(a->screen, event->text, event->len, thought);
        chat_screen_bars(a->screen);
    }
    return !a->screen->failed;
}

static void add_value(chat_reading *r, double value)
{
    if (r->n == r->cap) {
        r->cap = r->cap == 0 ? 256 : 2 * r->cap;
        r->values = cli_resize(r->values, r->cap, sizeof *r->values);
    }
    r->values[r->n++] = value;
}

/* Tap 0: tokens of the answer; tap 1: the last one of the prompt. */
static void on_read(void *ud, const persona_read *x)
{
    chat *t = ((asked *)ud)->t;
    for (size_t i = 0; i < chat_n_probes(t); i++) {
        if (x->tap == 0) {
            add_value(&t->readings[i], (double)x->data[i]);
        } else {
            t->readings[i].forecast = (double)x->data[i];
        }
    }
}

static void on_done(void *ud, const persona_result *r)
{
    asked *a = ud;
    a->text = cli_strdup(r->text);
    a->analysis = cli_strdup(r->analysis);
    a->answered = r->answered;
    a->finish = r->finish;
    cli_take_receipt(&a->done, r);
}

/* What the probes read of the next answer; the number of taps. */
static size_t taps_make(chat *t, persona_tap out[2])
{
    if (chat_n_probes(t) == 0) {
        return 0;
    }
    for (size_t i = 0; i < chat_n_probes(t); i++) {
        t->readings[i].n = 0;
        t->readings[i].forecast = (double)NAN;
    }
    out[0] = persona_probes_tap(t->probes, PERSONA_SPAN_RESPONSE, true);
    out[1] = persona_probes_tap(t->probes, PERSONA_SPAN_LAST_PROMPT, true);
    return 2;
}

/* ---- asking ---------------------------------------------------------------------------------- */

static persona_code prompt_tokens(chat *t, int parent, const char *question, persona_tokens *out,
                                  persona_err *e)
{
    persona_code rc = PERSONA_OK;
    persona_message *messages = NULL;
    size_t n = 0;
    TRY(conversation_messages(&t->talk, parent, question, &messages, &n, e));
    TRY(persona_chat_tokens(t->x.model, messages, n, NULL, out, e));
    const int room = persona_session_opts_get(t->x.session)->n_ctx;
    if (out->n + 8 > (size_t)room) {
        rc = persona_err_set(e, PERSONA_E_USAGE,
                             "the conversation has grown to %zu tokens, and the context holds %d: "
                             "/undo some of it, or start with --context N",
                             out->n, room);
    }
out:
    mem_free(messages);
    return rc;
}

/* Both requests in one batch; an interrupted answer is one that ended early. */
static persona_code run_requests(chat *t, const persona_request *r, size_t n, persona_err *e)
{
    /* from a pipe Ctrl-C ends the program, as it does everywhere */
    const persona_hooks hooks = {.cancel = t->interactive ? &t->stop : t->c->hooks.cancel};
    t->stop = (persona_cancel){0};
    const persona_code rc = persona_session_run_all(t->x.session, r, n, &hooks, e);
    return rc == PERSONA_E_CANCELED && t->interactive ? PERSONA_OK : rc;
}

static void print_unsteered(const asked *a)
{
    if (a->text != NULL) {
        fputs(tty_paint(stdout, TTY_DIM), stdout);
        study_print_text(stdout, "unsteered", a->text[0] != '\0' ? a->text : "(no answer)", INDENT);
        fputs(tty_paint(stdout, TTY_RESET), stdout);
        fflush(stdout);
    }
}

static persona_code add_turn(chat *t, int parent, const char *question, uint32_t seed,
                             const asked *a, persona_err *e)
{
    const turn_texts made = {question, a->text, a->analysis, t->steer, NULL, seed};
    return conversation_add(&t->talk, parent, &made, e);
}

static void say_end(const chat *t, const asked *a)
{
    if (!a->answered && a->finish != PERSONA_FINISH_CANCELED) {
        cli_say(t->c, "note: the model stopped before it reached an answer (/length %d)",
                t->sampling.max_tokens);
    } else if (a->finish == PERSONA_FINISH_LENGTH && t->interactive) {
        cli_say(t->c, "note: cut at %d tokens (/length N)", t->sampling.max_tokens);
    }
}

persona_code chat_ask(chat *t, int parent, const char *question, uint32_t seed, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    persona_tokens prompt = {NULL, 0};
    chat_screen screen;
    persona_tap taps[2];
    asked both[2] = {{.t = t, .screen = &screen}, {.t = t}};
    const size_t n = t->compare && t->plan != NULL ? 2 : 1;
    persona_request r[2] = {{0}};
    const size_t n_taps = taps_make(t, taps);
    TRY(prompt_tokens(t, parent, question, &prompt, e));
    chat_screen_begin(&screen, t);
    for (size_t i = 0; i < n; i++) {
        r[i] = (persona_request){.prompt = prompt.ids,
                                 .n_prompt = prompt.n,
                                 .sampling = t->sampling,
                                 .plan = i == 0 ? t->plan : NULL,
                                 .ud = &both[i],
                                 .on_done = on_done};
        r[i].sampling.seed = seed;
        r[i].sampling.max_analysis = ASK_THOUGHT * t->sampling.max_tokens;
    }
    r[0].taps = taps;
    r[0].n_taps = n_taps;
    r[0].on_token = t->c->json ? NULL : on_token;
    r[0].on_read = on_read;
    TRY(run_requests(t, r, n, e));
    if (!t->c->json) {
        chat_screen_end(&screen);
        print_unsteered(&both[1]);
    }
    say_end(t, &both[0]);
    if (t->plan != NULL) {
        cli_warn_steering(t->c, &both[0].done.steered, both[0].done.n_steered);
    }
    receipt_done_free(&t->done);
    t->done = both[0].done;
    both[0].done = (receipt_done){0};
    TRY(add_turn(t, parent, question, seed, &both[0], e));
out:
    for (size_t i = 0; i < 2; i++) {
        receipt_done_free(&both[i].done);
        mem_free(both[i].text);
        mem_free(both[i].analysis);
    }
    persona_tokens_free(&prompt);
    return rc;
}
