/* SPDX-License-Identifier: MIT
 *
 * choices_run.c - two-choice questions as forced answers (persona/choices.h). Every question is up
 * to eight readings: two answers, two orders, unsteered and steered. Both answers follow one
 * prompt, which is computed once; what is read of them is the probability of each of their tokens.
 */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/try.h"
#include "core/measure/stats.h"
#include "core/text/choicetext.h"
#include "persona/choices.h"
#include "pipeline/ask.h"
#include "store/text/choicefile.h"

#define CONDITIONS ((size_t)2)
#define ORDERS ((size_t)2)
#define ANSWERS ((size_t)2)
#define PER_QUESTION (CONDITIONS * ORDERS * ANSWERS)
#define N_DRAWS 2000

/* A question in one order. */
typedef struct order {
    char *question;
    char *answers[ANSWERS]; /* matching, other */
    double first;           /* +1: the matching one stands first, -1: the other; NAN: none listed */
} order;

/* One forced answer in hand. */
typedef struct reading {
    double log_p;
    persona_token *tokens;
    size_t n;
} reading;

typedef struct choosing {
    const char *file; /* of the questions */
    const char *system;
    persona_plan *plan;
    choice_list list;
    order *orders;     /* (n, ORDERS); question NULL: not asked */
    reading *readings; /* (n, PER_QUESTION) */
    bool *skip;        /* likewise */
    persona_choices *x;
} choosing;

/* ---- questions ------------------------------------------------------------------------------- */

static char *labelled(char letter)
{
    return mem_printf("(%c)", letter);
}

/* Answers that are letters of listed choices: the other order exchanges the texts. */
static void by_letters(const choice *c, order o[ORDERS])
{
    const char a = choice_label(c->matching), b = choice_label(c->other);
    o[0].question = mem_strdup(c->question);
    o[0].answers[0] = mem_strdup(c->matching);
    o[0].answers[1] = mem_strdup(c->other);
    o[0].first = choice_listed(c->question, a) < choice_listed(c->question, b) ? 1 : -1;
    o[1].question = choice_swap(c->question, a, b);
    o[1].answers[0] = mem_strdup(c->other);
    o[1].answers[1] = mem_strdup(c->matching);
    o[1].first = -o[0].first;
}

/* Answers in words, listed as (A) and (B) here. */
static void by_list(const choice *c, order o[ORDERS])
{
    for (size_t k = 0; k < ORDERS; k++) {
        o[k].question = k == 0 ? choice_list_two(c->question, c->matching, c->other)
                               : choice_list_two(c->question, c->other, c->matching);
        o[k].answers[0] = labelled(k == 0 ? 'A' : 'B');
        o[k].answers[1] = labelled(k == 0 ? 'B' : 'A');
        o[k].first = k == 0 ? 1 : -1;
    }
}

static void as_it_is(const choice *c, order *o)
{
    o->question = mem_strdup(c->question);
    o->answers[0] = mem_strdup(c->matching);
    o->answers[1] = mem_strdup(c->other);
    o->first = (double)NAN;
}

static bool is_complete(const order *o)
{
    return o->question != NULL && o->answers[0] != NULL && o->answers[1] != NULL;
}

static persona_code prepare(choosing *w, size_t i, persona_err *e)
{
    const choice *c = &w->list.p[i];
    order *o = w->orders + i * ORDERS;
    const char a = choice_label(c->matching), b = choice_label(c->other);
    int n = (int)ORDERS;
    if (a != '\0' && b != '\0' && choice_listed(c->question, a) != NULL &&
        choice_listed(c->question, b) != NULL) {
        by_letters(c, o);
    } else if (c->listed) {
        by_list(c, o);
    } else {
        as_it_is(c, o);
        n = 1;
    }
    w->x->items[i] = (persona_choice_item){.line = c->line, .n_orders = n};
    for (int k = 0; k < n; k++) {
        if (!is_complete(&o[k])) {
            return mem_err(e, "a question");
        }
    }
    for (size_t k = 0; k < PER_QUESTION; k++) {
        const bool steered = k / (ORDERS * ANSWERS) == 1;
        w->skip[i * PER_QUESTION + k] =
            (steered && w->plan == NULL) || (int)(k / ANSWERS % ORDERS) >= n;
    }
    return PERSONA_OK;
}

/* ---- readings -------------------------------------------------------------------------------- */

static persona_code keep_tokens(void *ud, const persona_tokens *t, persona_err *e)
{
    reading *r = ud;
    r->tokens = mem_calloc(t->n, sizeof *r->tokens);
    if (r->tokens == NULL) {
        return mem_err(e, "an answer");
    }
    memcpy(r->tokens, t->ids, t->n * sizeof *r->tokens);
    r->n = t->n;
    r->log_p = 0;
    return PERSONA_OK;
}

static void add_token(void *ud, size_t i, const float *logits, size_t n_vocab)
{
    reading *r = ud;
    if (i < r->n) {
        r->log_p += (double)logits[r->tokens[i]] - stat_log_sum(logits, n_vocab);
    }
}

static persona_code make(void *ud, size_t i, ask *q, persona_err *e)
{
    const choosing *w = ud;
    (void)e;
    const order *o = &w->orders[i / PER_QUESTION * ORDERS + i / ANSWERS % ORDERS];
    *q = (ask){.system = w->system,
               .question = o->question,
               .forced = o->answers[i % ANSWERS],
               .same_prompt = true,
               .sampling = persona_sampling_defaults(),
               .plan = i % PER_QUESTION >= ORDERS * ANSWERS ? w->plan : NULL,
               .ud = &w->readings[i],
               .take_forced = keep_tokens,
               .want_logits = true,
               .on_logits = add_token};
    return PERSONA_OK;
}

static persona_code done(void *ud, size_t i, answer *a, persona_err *e)
{
    reading *r = &((choosing *)ud)->readings[i];
    (void)a;
    (void)e;
    mem_free(r->tokens);
    r->tokens = NULL;
    return PERSONA_OK;
}

/* ---- what it comes to ------------------------------------------------------------------------ */

/* Values of the questions, one each. */
typedef struct columns {
    double *odds, *p;
    size_t *group;
} columns;

static persona_code interval(const double *x, const size_t *group, size_t n, uint32_t seed,
                             persona_interval *out, persona_err *e)
{
    const stat_sample sample = {x, group, n};
    const stat_draws draws = {N_DRAWS, n, seed};
    return stat_bootstrap_mean(sample, draws, out, e);
}

static persona_code summarize(choosing *w, size_t condition, uint32_t seed, const columns *c,
                              persona_choices_side *side, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    double above = 0, mass = 0, first = 0;
    size_t n_asked = 0, n_listed = 0;
    for (size_t i = 0; i < w->x->n; i++) {
        persona_choice_item *item = &w->x->items[i];
        c->odds[i] = c->p[i] = 0;
        for (int k = 0; k < item->n_orders; k++) {
            const reading *r =
                &w->readings[i * PER_QUESTION + condition * ORDERS * ANSWERS + (size_t)k * ANSWERS];
            const double odds = r[0].log_p - r[1].log_p;
            const order *o = &w->orders[i * ORDERS + (size_t)k];
            item->odds[condition][k] = odds;
            c->odds[i] += odds / item->n_orders;
            c->p[i] += 1 / (1 + exp(-odds)) / item->n_orders;
            above += (double)(odds > 0) / item->n_orders;
            mass += exp(r[0].log_p) + exp(r[1].log_p);
            n_asked++;
            if (isfinite(o->first)) {
                first += o->first * odds;
                n_listed++;
            }
        }
    }
    side->share = above / (double)w->x->n;
    side->mass = mass / (double)n_asked;
    side->first = n_listed > 0 ? first / (double)n_listed : (double)NAN;
    TRY(interval(c->odds, c->group, w->x->n, seed, &side->log_odds, e));
    TRY(interval(c->p, c->group, w->x->n, seed, &side->probability, e));
out:
    return rc;
}

static persona_code compare(choosing *w, uint32_t seed, const columns *unsteered,
                            const columns *steered, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    persona_choices *x = w->x;
    for (size_t i = 0; i < x->n; i++) {
        steered->odds[i] -= unsteered->odds[i];
        steered->p[i] -= unsteered->p[i];
        x->n_toward += steered->odds[i] > 0;
    }
    TRY(interval(steered->odds, steered->group, x->n, seed, &x->log_odds, e));
    TRY(interval(steered->p, steered->group, x->n, seed, &x->probability, e));
out:
    return rc;
}

static persona_code conclude(choosing *w, uint32_t seed, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const size_t n = w->x->n;
    double *room = mem_calloc(4 * n, sizeof *room);
    size_t *group = mem_calloc(n, sizeof *group);
    if (room == NULL || group == NULL) {
        (void)mem_err(e, "questions");
        rc = PERSONA_E_NOMEM;
        goto out;
    }
    for (size_t i = 0; i < n; i++) {
        group[i] = i;
    }
    const columns a = {room, room + n, group}, b = {room + 2 * n, room + 3 * n, group};
    TRY(summarize(w, 0, seed, &a, &w->x->unsteered, e));
    if (w->plan != NULL) {
        TRY(summarize(w, 1, seed, &b, &w->x->steered, e));
        TRY(compare(w, seed, &a, &b, e));
    }
out:
    mem_free(room);
    mem_free(group);
    return rc;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static persona_code begin(choosing *w, const char *file, persona_err *e)
{
    const persona_interval unknown = {(double)NAN, (double)NAN, (double)NAN};
    const persona_choices_side none = {unknown, unknown, (double)NAN, (double)NAN, (double)NAN};
    persona_code rc = PERSONA_OK;
    TRY(choice_list_read(file, &w->list, e));
    const size_t n = w->list.n;
    w->x = mem_calloc(1, sizeof *w->x);
    w->orders = mem_calloc(n * ORDERS, sizeof *w->orders);
    w->readings = mem_calloc(n * PER_QUESTION, sizeof *w->readings);
    w->skip = mem_calloc(n * PER_QUESTION, sizeof *w->skip);
    TRY(w->x && w->orders && w->readings && w->skip ? PERSONA_OK : mem_err(e, "questions"));
    *w->x = (persona_choices){.n = n,
                              .items = mem_calloc(n, sizeof *w->x->items),
                              .unsteered = none,
                              .steered = none,
                              .log_odds = unknown,
                              .probability = unknown};
    TRY(w->x->items != NULL ? PERSONA_OK : mem_err(e, "questions"));
    for (size_t i = 0; i < n; i++) {
        TRY(prepare(w, i, e));
        for (size_t k = 0; k < CONDITIONS * ORDERS; k++) {
            w->x->items[i].odds[k / ORDERS][k % ORDERS] = (double)NAN;
        }
    }
out:
    return rc;
}

static void end(choosing *w)
{
    for (size_t i = 0; w->orders != NULL && i < w->list.n * ORDERS; i++) {
        mem_free(w->orders[i].question);
        mem_free(w->orders[i].answers[0]);
        mem_free(w->orders[i].answers[1]);
    }
    for (size_t i = 0; w->readings != NULL && i < w->list.n * PER_QUESTION; i++) {
        mem_free(w->readings[i].tokens);
    }
    mem_free(w->orders);
    mem_free(w->readings);
    mem_free(w->skip);
    choice_list_clear(&w->list);
    persona_choices_free(w->x);
}

/* A question that does not fit is the fault of its line. */
static persona_code blame_line(void *ud, size_t i, persona_code rc, persona_err *e)
{
    const choosing *w = ud;
    if (rc != PERSONA_E_USAGE && rc != PERSONA_E_FORMAT) {
        return rc;
    }
    persona_err_wrap(e, "%s:%zu", w->file, w->list.p[i / PER_QUESTION].line);
    if (e != NULL) {
        e->code = PERSONA_E_FORMAT;
    }
    return PERSONA_E_FORMAT;
}

persona_code persona_choices_run(persona_session *s, const char *file, const char *system,
                                 persona_plan *plan, uint32_t seed, const persona_hooks *hooks,
                                 persona_choices **out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    choosing w = {.file = file, .system = system, .plan = plan};
    *out = NULL;
    TRY(begin(&w, file, e));
    const ask_stream stream = {
        .ud = &w, .make = make, .done = done, .skip = w.skip, .blame = blame_line};
    TRY(ask_each(s, w.list.n * PER_QUESTION, &stream, "two-choice questions", hooks, e));
    TRY(conclude(&w, seed, e));
    *out = w.x;
    w.x = NULL;
out:
    end(&w);
    return rc;
}

void persona_choices_free(persona_choices *x)
{
    if (x != NULL) {
        mem_free(x->items);
        mem_free(x);
    }
}
