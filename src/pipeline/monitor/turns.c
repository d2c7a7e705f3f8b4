/* SPDX-License-Identifier: MIT
 *
 * turns.c - where the answers of a file stand, each as a question, and reading them (turns.h).
 *
 * Answers are done in any order and handed over in the order of the file: one that is early waits.
 * Since a text is read in one call, few ever do.
 */
#include "pipeline/monitor/turns.h"

#include <string.h>

#include "base/mem.h"
#include "base/try.h"

#define MAX_TURNS ((size_t)1 << 26)

static persona_code open_file(turns *t, persona_err *e)
{
    text_item_free(t->item);
    t->item = NULL;
    text_reader_close(t->reader);
    t->reader = NULL;
    t->n_read = 0;
    return text_reader_open(t->path, NULL, &t->reader, e);
}

static persona_code read_next(turns *t, persona_err *e)
{
    text_item_free(t->item);
    t->item = NULL;
    t->n_read++;
    return text_reader_next(t->reader, &t->item, e);
}

static bool is_answer(const text_message *m)
{
    return strcmp(m->role, "assistant") == 0;
}

static persona_code add(turns *t, size_t *cap, turn x, persona_err *e)
{
    if (t->n == MAX_TURNS) {
        return persona_err_set(e, PERSONA_E_SHAPE, "%s: more than %zu answers", t->path, MAX_TURNS);
    }
    if (t->n == *cap) {
        const size_t grown = *cap > 0 ? *cap * 2 : 256;
        turn *list = mem_realloc(t->list, grown, sizeof *list);
        if (list == NULL) {
            return mem_err(e, "texts");
        }
        t->list = list;
        *cap = grown;
    }
    t->list[t->n++] = x;
    return PERSONA_OK;
}

/* Answer k of the item in hand: messages[k], or with k = n_messages the response. */
static bool is_wanted(const text_item *item, size_t k, bool every)
{
    if (k == item->n_messages) {
        return item->response != NULL;
    }
    const bool last = k + 1 == item->n_messages && item->response == NULL;
    return k > 0 && is_answer(&item->messages[k]) && (every || last);
}

static persona_code add_item(turns *t, bool every, size_t *cap, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const text_item *item = t->item;
    const size_t first = t->n;
    turn x = {.item = t->n_items++, .line = item->line, .polarity = item->polarity};
    for (size_t k = 0; k <= item->n_messages; k++) {
        if (is_wanted(item, k, every)) {
            x.message = k < item->n_messages ? k : SIZE_MAX;
            x.at = (int)(t->n - first);
            TRY(add(t, cap, x, e));
        }
    }
    if (t->n == first) {
        x.message = SIZE_MAX;
        TRY(add(t, cap, x, e));
        goto out;
    }
    for (size_t i = first; i < t->n; i++) {
        t->list[i].of = (int)(t->n - first);
    }
out:
    return rc;
}

persona_code turns_open(turns *t, const char *path, bool every, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    size_t cap = 0, most = 0;
    *t = (turns){.path = path};
    if (strcmp(path, "-") == 0) {
        rc = persona_err_set(e, PERSONA_E_USAGE,
                             "-: texts are read twice, so give a file and not standard input");
        goto out;
    }
    TRY(open_file(t, e));
    TRY(read_next(t, e));
    while (t->item != NULL) {
        most = t->item->n_messages > most ? t->item->n_messages : most;
        TRY(add_item(t, every, &cap, e));
        TRY(read_next(t, e));
    }
    if (t->n == 0) {
        rc = persona_err_set(e, PERSONA_E_FORMAT, "%s: holds no text", path);
        goto out;
    }
    t->messages = mem_calloc(most + 1, sizeof *t->messages);
    TRY(t->messages != NULL ? PERSONA_OK : mem_err(e, "a conversation"));
    TRY(open_file(t, e));
out:
    return rc;
}

persona_code turns_rewind(turns *t, persona_err *e)
{
    return open_file(t, e);
}

void turns_close(turns *t)
{
    text_item_free(t->item);
    text_reader_close(t->reader);
    mem_free(t->messages);
    mem_free(t->list);
    *t = (turns){0};
}

static persona_code go_to(turns *t, size_t item, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    while (t->n_read <= item) {
        TRY(read_next(t, e));
        if (t->item == NULL) {
            rc = persona_err_set(e, PERSONA_E_FORMAT,
                                 "%s: ended at text %zu; it was changed while it was read", t->path,
                                 t->n_read);
            goto out;
        }
    }
out:
    return rc;
}

persona_code turns_ask(turns *t, size_t i, ask *q, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const turn *x = &t->list[i];
    TRY(go_to(t, x->item, e));
    const text_item *item = t->item;
    *q = (ask){.sampling = persona_sampling_defaults()};
    q->forced = "";
    if (x->of > 0) {
        q->forced = x->message == SIZE_MAX ? item->response : item->messages[x->message].content;
    }
    if (item->prompt != NULL) {
        q->raw = item->prompt;
        goto out;
    }
    q->messages = t->messages;
    q->n_messages = x->message < item->n_messages ? x->message : item->n_messages;
    for (size_t k = 0; k < q->n_messages; k++) {
        t->messages[k] = (persona_message){item->messages[k].role, item->messages[k].content};
    }
out:
    return rc;
}

const text_item *turns_item(const turns *t)
{
    return t->item;
}

persona_code turns_blame(const turns *t, size_t i, persona_code rc, persona_err *e)
{
    if (rc != PERSONA_E_USAGE && rc != PERSONA_E_FORMAT) {
        return rc;
    }
    persona_err_wrap(e, "%s:%zu", t->path, t->list[i].line);
    if (e != NULL) {
        e->code = PERSONA_E_FORMAT; /* a line of a file is at fault */
    }
    return PERSONA_E_FORMAT;
}

/* ---- reading --------------------------------------------------------------------------------- */

typedef struct waiting {
    answer a;
    persona_token *prompt;
} waiting;

typedef struct in_order {
    turns *t;
    const turns_reader *r;
    waiting **list; /* (t->n); NULL: not read yet, or handed over */
    size_t at;      /* the next to be handed over */
} in_order;

static void drop(waiting **x)
{
    if (*x != NULL) {
        answer_clear(&(*x)->a);
        mem_free((*x)->prompt);
        mem_free(*x);
        *x = NULL;
    }
}

static persona_code make_one(void *ud, size_t i, ask *q, persona_err *e)
{
    in_order *w = ud;
    const persona_code rc = turns_ask(w->t, i, q, e);
    w->r->taps(w->r->ud, i, q);
    return rc;
}

/* The prompt is the session's only as long as the call. */
static persona_code keep(waiting **out, answer *a, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    waiting *x = *out = mem_calloc(1, sizeof *x);
    TRY(x != NULL ? PERSONA_OK : mem_err(e, "a text"));
    x->prompt = mem_calloc(a->n_prompt, sizeof *x->prompt);
    TRY(x->prompt != NULL ? PERSONA_OK : mem_err(e, "a text"));
    memcpy(x->prompt, a->prompt, a->n_prompt * sizeof *x->prompt);
    x->a = *a;
    x->a.prompt = x->prompt;
    memset(a, 0, sizeof *a);
out:
    return rc;
}

static bool is_next(const in_order *w)
{
    return w->at < w->t->n && (w->list[w->at] != NULL || (w->r->skip != NULL && w->r->skip[w->at]));
}

static persona_code done_one(void *ud, size_t i, answer *a, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    in_order *w = ud;
    TRY(keep(&w->list[i], a, e));
    while (is_next(w)) {
        const size_t k = w->at++;
        if (w->list[k] != NULL) {
            rc = w->r->take(w->r->ud, k, &w->list[k]->a, e);
            drop(&w->list[k]);
            TRY(rc);
        }
    }
out:
    return rc;
}

static persona_code blame_line(void *ud, size_t i, persona_code rc, persona_err *e)
{
    return turns_blame(((in_order *)ud)->t, i, rc, e);
}

persona_code turns_read(turns *t, persona_session *s, const turns_reader *r, const char *stage,
                        const persona_hooks *hooks, persona_err *e)
{
    in_order w = {.t = t, .r = r, .list = mem_calloc(t->n, sizeof(waiting *))};
    const ask_stream stream = {.ud = &w,
                               .make = make_one,
                               .done = done_one,
                               .skip = r->skip,
                               .n_others = r->n_others,
                               .blame = blame_line};
    if (w.list == NULL) {
        return mem_err(e, "texts");
    }
    const persona_code rc = ask_each(s, t->n, &stream, stage, hooks, e);
    for (size_t i = 0; i < t->n; i++) {
        drop(&w.list[i]);
    }
    mem_free(w.list);
    return rc;
}

persona_code turns_tokens(const answer *a, persona_token **out, persona_err *e)
{
    *out = mem_calloc(a->n_positions, sizeof **out);
    if (*out == NULL) {
        return mem_err(e, "tokens");
    }
    for (size_t k = 0; a->positions != NULL && k < a->n_positions; k++) {
        const size_t p = a->positions[k];
        (*out)[k] = p < a->n_prompt ? a->prompt[p] : a->tokens[p - a->n_prompt];
    }
    return PERSONA_OK;
}
