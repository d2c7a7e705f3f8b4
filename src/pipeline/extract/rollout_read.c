/* SPDX-License-Identifier: MIT
 *
 * rollout_read.c - rollouts that somebody else wrote: responses in a file are read by the model
 * (teacher forcing), each text in one call of its own, so that its activations equal those of any
 * program that decodes the text alone.
 *
 * The files are read twice: first all of it, so that a bad line is found before hours of work, then
 * item by item. Rows of two aligned files are pairs and are filtered as pairs; lines of one file
 * stand alone, unless there are as many of both poles: then the k-th of each are a pair for
 * methods that need pairs, but not for the filter.
 */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/try.h"
#include "pipeline/extract/rollout.h"
#include "store/text/textfile.h"

#define MAX_GROUPS 40 /* questions told apart; more share groups, which bounds the sums' memory */
#define MAX_TEXTS ((size_t)1 << 24)

typedef struct reading {
    const rollouts *x;
    const persona_trait *trait;
    const persona_extract_opts *o;
    text_reader *reader;
    text_item *item; /* the one in hand: number at - 1 */
    size_t at;
    persona_message *messages; /* view of item's */
    size_t cap_messages;
    uint64_t groups[MAX_GROUPS];
    size_t n_groups;
} reading;

static persona_code open_files(reading *w, persona_err *e)
{
    text_reader_opts opts = {.trait = w->trait->name};
    text_reader_close(w->reader);
    w->reader = NULL;
    w->at = 0;
    if (w->o->responses != NULL) {
        return text_reader_open(w->o->responses, &opts, &w->reader, e);
    }
    return text_reader_open_pair(w->o->positive_file, w->o->negative_file, &opts, &w->reader, e);
}

static const char *first_path(const reading *w)
{
    return w->o->responses != NULL ? w->o->responses : w->o->positive_file;
}

static persona_code read_next(reading *w, persona_err *e)
{
    text_item_free(w->item);
    w->item = NULL;
    w->at++;
    return text_reader_next(w->reader, &w->item, e);
}

/* ---- planning -------------------------------------------------------------------------------- */

static size_t group_of(reading *w, const text_item *item)
{
    uint64_t g = text_item_group(item);
    for (size_t i = 0; i < w->n_groups; i++) {
        if (w->groups[i] == g) {
            return i;
        }
    }
    if (w->n_groups < MAX_GROUPS) {
        w->groups[w->n_groups] = g;
        return w->n_groups++;
    }
    return (size_t)(g % MAX_GROUPS);
}

/* Stated, or what the label says. */
static persona_code pole_of(const reading *w, const text_item *item, signed char *out,
                            persona_err *e)
{
    if (item->polarity == 0 && isnan(item->label_trait)) {
        return persona_err_set(
            e, PERSONA_E_FORMAT,
            "%s:%zu: polarity: missing (\"positive\" or \"negative\", or a label "
            "0 to 100)",
            first_path(w), item->line);
    }
    *out = item->polarity != 0 ? (signed char)item->polarity : item->label_trait >= 50 ? 1 : -1;
    return PERSONA_OK;
}

static persona_code add(reading *w, rollouts *x, size_t *cap, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const text_item *item = w->item;
    if (x->n == MAX_TEXTS) {
        return persona_err_set(e, PERSONA_E_SHAPE, "%s: more than %zu texts", first_path(w),
                               MAX_TEXTS);
    }
    if (x->n == *cap) {
        size_t grown = *cap > 0 ? *cap * 2 : 256;
        rollout *r = mem_realloc(x->r, grown, sizeof *r);
        if (r == NULL) {
            return mem_err(e, "texts");
        }
        x->r = r;
        *cap = grown;
    }
    rollout *r = &x->r[x->n];
    *r = (rollout){.pair = item->pair_index,
                   .repeat = item->rollout_index,
                   .question = group_of(w, item),
                   .partner = ROLLOUT_ALONE,
                   .mate = ROLLOUT_ALONE};
    TRY(pole_of(w, item, &r->polarity, e));
    if (w->o->responses == NULL && x->n % 2 == 1) { /* two files take turns */
        r->partner = r->mate = x->n - 1;
        x->r[x->n - 1].partner = x->r[x->n - 1].mate = x->n;
    }
    x->n++;
out:
    return rc;
}

/* The k-th text of either pole, of as many. */
static void find_mates(rollouts *x)
{
    size_t j = 0;
    for (size_t i = 0; i < x->n; i++) {
        if (x->r[i].polarity > 0) {
            while (x->r[j].polarity > 0) {
                j++;
            }
            x->r[i].mate = j;
            x->r[j].mate = i;
            j++;
        }
    }
}

static persona_code plan(reading *w, rollouts *x, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    size_t cap = 0, n[2] = {0, 0};
    TRY(open_files(w, e));
    TRY(read_next(w, e));
    while (w->item != NULL) {
        TRY(add(w, x, &cap, e));
        TRY(read_next(w, e));
    }
    for (size_t i = 0; i < x->n; i++) {
        n[x->r[i].polarity < 0]++;
    }
    if (n[0] == 0 || n[1] == 0) {
        TRY(persona_err_set(e, PERSONA_E_FORMAT,
                            "%s: %zu positive and %zu negative texts: a difference needs both, so "
                            "add texts of the other pole",
                            first_path(w), n[0], n[1]));
    }
    if (n[0] == n[1] && w->o->responses != NULL) {
        find_mates(x);
    }
    x->n_questions = w->n_groups;
    TRY(open_files(w, e));
out:
    return rc;
}

/* ---- reading --------------------------------------------------------------------------------- */

static persona_code view_messages(reading *w, persona_err *e)
{
    const text_item *item = w->item;
    if (item->n_messages > w->cap_messages) {
        persona_message *grown = mem_realloc(w->messages, item->n_messages, sizeof *grown);
        if (grown == NULL) {
            return mem_err(e, "a conversation");
        }
        w->messages = grown;
        w->cap_messages = item->n_messages;
    }
    for (size_t i = 0; i < item->n_messages; i++) {
        w->messages[i] = (persona_message){item->messages[i].role, item->messages[i].content};
    }
    return PERSONA_OK;
}

/* Item i, reading on from where the file stands. */
static persona_code go_to(reading *w, size_t i, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    while (w->at <= i) {
        TRY(read_next(w, e));
        if (w->item == NULL) {
            TRY(persona_err_set(e, PERSONA_E_FORMAT,
                                "%s: ended at item %zu; it was changed while "
                                "it was read",
                                first_path(w), w->at));
        }
    }
out:
    return rc;
}

static persona_code make(void *ud, size_t i, ask *q, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    static const persona_tap RESPONSE = {.mode = PERSONA_TAP_MEAN, .span = PERSONA_SPAN_RESPONSE};
    static const persona_tap PROMPT = {.mode = PERSONA_TAP_MEAN, .span = PERSONA_SPAN_PROMPT};
    reading *w = ud;
    TRY(go_to(w, i, e));
    TRY(view_messages(w, e));
    const text_item *item = w->item;
    *q = (ask){.forced = item->response != NULL ? item->response : "",
               .tap = item->response != NULL ? &RESPONSE : &PROMPT,
               .sampling = persona_sampling_defaults()};
    if (item->prompt != NULL) {
        q->raw = item->prompt;
    } else {
        q->messages = w->messages;
        q->n_messages = item->n_messages;
    }
out:
    return rc;
}

static persona_code blame(void *ud, persona_code rc, persona_err *e)
{
    const reading *w = ud;
    if (w->item != NULL && (rc == PERSONA_E_USAGE || rc == PERSONA_E_FORMAT)) {
        persona_err_wrap(e, "%s:%zu", first_path(w), w->item->line);
        if (e != NULL) {
            e->code = PERSONA_E_FORMAT; /* a line of a file is at fault */
        }
        return PERSONA_E_FORMAT;
    }
    return rc;
}

static persona_code describe(void *ud, size_t i, job_answer *a, job_score *label, persona_err *e)
{
    const reading *w = ud;
    const text_item *item = w->item;
    (void)i, (void)e;
    a->question = item->question;
    for (size_t k = 0; k < item->n_messages; k++) {
        const char *role = item->messages[k].role;
        if (strcmp(role, "system") == 0 || strcmp(role, "developer") == 0) {
            a->system = item->messages[k].content;
        } else if (strcmp(role, "user") == 0 && item->question == NULL) {
            a->question = item->messages[k].content; /* the last one stays */
        }
    }
    a->prompt = item->prompt;
    if (a->question == NULL) {
        a->question = item->prompt;
    }
    if (item->response == NULL) { /* what was read is the text */
        a->text = item->prompt != NULL ? item->prompt : a->question;
    }
    label->trait = item->label_trait;
    label->coherence =
        isnan(item->label_coherence) && !isnan(item->label_trait) ? 100.0 : item->label_coherence;
    return PERSONA_OK;
}

static void free_reading(void *ud)
{
    reading *w = ud;
    text_item_free(w->item);
    text_reader_close(w->reader);
    mem_free(w->messages);
    mem_free(w);
}

persona_code rollouts_read(rollouts *x, const persona_trait *trait, const persona_extract_opts *o,
                           persona_err *e)
{
    reading *w = mem_calloc(1, sizeof *w);
    if (w == NULL) {
        return mem_err(e, "texts");
    }
    *w = (reading){.x = x, .trait = trait, .o = o};
    x->source = (rollout_source){
        .ud = w, .make = make, .describe = describe, .blame = blame, .free = free_reading};
    return plan(w, x, e);
}
