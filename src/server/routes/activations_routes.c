/* SPDX-License-Identifier: MIT
 *
 * activations_routes.c - POST /api/v1/activations: the states of a model's blocks while it reads
 * given answers, many at once, as float32 in base64.
 */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/try.h"
#include "server/routes/call_parts.h"
#include "server/routes/given.h"
#include "server/text/messages.h"

enum { ITEMS_MAX = 256, BLOCKS_MAX = 512 };
#define FLOATS_MAX ((size_t)16 << 20) /* of all items together: 64 MiB */

typedef struct activations_args {
    const char *model, *mode;
    const json_val *items, *blocks;
} activations_args;

static const char *const MODES[] = {"mean", "last", "all", NULL};
static const field a_block[] = {{.name = "", .type = FIELD_INT, .max = 4095}};
static const field item_fields[] = {
    {.name = "messages",
     .type = FIELD_ARRAY,
     .min = 1,
     .max = MESSAGES_MAX,
     .of = messages_element,
     .at = FIELD_NOWHERE,
     .help = "The conversation that the answer follows; or prompt"},
    {.name = "prompt",
     .type = FIELD_STRING,
     .max = 1 << 20,
     .at = FIELD_NOWHERE,
     .help = "Text without a chat template, instead of messages"},
    {.name = "text",
     .type = FIELD_STRING,
     .min = 1,
     .max = 1 << 20,
     .at = FIELD_NOWHERE,
     .help = "The answer, whose tokens are read; or tokens"},
    {.name = "tokens",
     .type = FIELD_ARRAY,
     .min = 1,
     .max = 65536,
     .of = ask_token,
     .at = FIELD_NOWHERE,
     .help = "The answer's tokens, instead of text"},
    FIELD_LAST,
};
static const field an_item[] = {{.name = "", .type = FIELD_OBJECT, .of = item_fields}};
static const field fields[] = {
    {.name = "model",
     .type = FIELD_STRING,
     .max = SERVED_ID_MAX - 1,
     .at = offsetof(activations_args, model),
     .help = "Id of a model; without it the server's first"},
    {.name = "items",
     .type = FIELD_ARRAY,
     .required = true,
     .min = 1,
     .max = ITEMS_MAX,
     .of = an_item,
     .at = offsetof(activations_args, items),
     .help = "What is read"},
    {.name = "blocks",
     .type = FIELD_ARRAY,
     .min = 1,
     .max = BLOCKS_MAX,
     .of = a_block,
     .at = offsetof(activations_args, blocks),
     .help = "Ascending. Default: all but the last"},
    {.name = "mode",
     .type = FIELD_STRING,
     .of_names = MODES,
     .at = offsetof(activations_args, mode),
     .help = "mean over the answer's tokens (default), its last one, or all of them"},
    FIELD_LAST,
};

/* ---- reading --------------------------------------------------------------------------------- */

typedef struct item {
    given_text text;
    float *data; /* (n_rows, n_blocks, n_embd) */
    size_t n_rows, n_floats;
    persona_code code;
    char message[512];
    struct reading *owner;
} item;

typedef struct reading {
    served *m;   /* held */
    item *items; /* (n) */
    size_t n, at, n_floats;
    int *blocks; /* (n_blocks) */
    size_t n_blocks;
    persona_tap tap;
} reading;

static void on_done(void *ud, const persona_result *r)
{
    item *x = ud;
    const persona_acts *a = r->n_acts == 1 ? &r->acts[0] : NULL;
    x->code = r->code;
    snprintf(x->message, sizeof x->message, "%s", r->message);
    if (r->code != PERSONA_OK || a == NULL) {
        return;
    }
    x->n_rows = a->n_rows;
    x->n_floats = a->n_rows * a->n_blocks * a->width;
    x->owner->n_floats += x->n_floats;
    x->data =
        x->owner->n_floats <= FLOATS_MAX ? mem_calloc(x->n_floats + 1, sizeof *x->data) : NULL;
    if (x->data == NULL) {
        x->code = x->owner->n_floats <= FLOATS_MAX ? PERSONA_E_NOMEM : PERSONA_E_USAGE;
        snprintf(x->message, sizeof x->message,
                 "items: their states are more than %zu MiB: ask "
                 "for fewer items or blocks",
                 FLOATS_MAX * sizeof(float) >> 20);
        return;
    }
    memcpy(x->data, a->data, x->n_floats * sizeof *x->data);
}

static persona_next next(void *ud, persona_request *r)
{
    reading *w = ud;
    if (w->at == w->n) {
        return PERSONA_NEXT_END;
    }
    item *x = &w->items[w->at++];
    r->prompt = x->text.prompt.ids;
    r->n_prompt = x->text.prompt.n;
    r->forced = x->text.reply.ids;
    r->n_forced = x->text.reply.n;
    r->raw = x->text.raw;
    r->taps = &w->tap;
    r->n_taps = 1;
    r->ud = x;
    r->on_done = on_done;
    return PERSONA_NEXT_REQUEST;
}

static persona_code take_blocks(const activations_args *a, reading *w, persona_err *e)
{
    const int n_layer = w->m->info->n_layer;
    const size_t n = a->blocks != NULL ? json_len(a->blocks) : (size_t)n_layer - 1;
    w->blocks = mem_calloc(n + 1, sizeof *w->blocks);
    if (w->blocks == NULL) {
        return mem_err(e, "blocks");
    }
    for (size_t i = 0; i < n; i++) {
        const int b = a->blocks != NULL ? (int)json_number(json_at(a->blocks, i), 0) : (int)i;
        if (b > n_layer - 2 || (i > 0 && b <= w->blocks[i - 1])) {
            return persona_err_set(e, PERSONA_E_USAGE,
                                   "blocks[%zu]: wants ascending blocks from 0 to %d", i,
                                   n_layer - 2);
        }
        w->blocks[i] = b;
    }
    w->n_blocks = n;
    return PERSONA_OK;
}

static persona_code prepare(const activations_args *a, reading *w, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    TRY(take_blocks(a, w, e));
    w->n = json_len(a->items);
    w->items = mem_calloc(w->n, sizeof *w->items);
    TRY(w->items != NULL ? PERSONA_OK : mem_err(e, "items"));
    for (size_t i = 0; i < w->n; i++) {
        w->items[i].owner = w;
        rc = given_read(w->m, json_at(a->items, i), &w->items[i].text, e);
        if (rc != PERSONA_OK) {
            persona_err_wrap(e, "items[%zu]", i);
            goto out;
        }
    }
    const bool all = a->mode != NULL && strcmp(a->mode, "all") == 0;
    const bool last = a->mode != NULL && strcmp(a->mode, "last") == 0;
    w->tap = (persona_tap){.mode = all    ? PERSONA_TAP_ALL
                                   : last ? PERSONA_TAP_LAST
                                          : PERSONA_TAP_MEAN,
                           .span = PERSONA_SPAN_RESPONSE,
                           .blocks = w->blocks,
                           .n_blocks = w->n_blocks};
out:
    return rc;
}

/* The first item that failed says why; the session's own words are the same. */
static persona_code read_items(reading *w, persona_err *e)
{
    const persona_source source = {.ud = w, .next = next, .priority = PERSONA_PRIORITY_INTERACTIVE};
    const persona_code rc = persona_session_feed(w->m->session, &source, NULL, e);
    for (size_t i = 0; i < w->n; i++) {
        if (w->items[i].code != PERSONA_OK) {
            return persona_err_set(e, w->items[i].code, "items[%zu]: %s", i, w->items[i].message);
        }
    }
    return rc;
}

/* ---- the reply ------------------------------------------------------------------------------- */

static void base64(buf *out, const void *data, size_t n)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *p = data;
    for (size_t i = 0; i < n; i += 3) {
        const unsigned b1 = i + 1 < n ? p[i + 1] : 0u, b2 = i + 2 < n ? p[i + 2] : 0u;
        const unsigned x = (unsigned)p[i] << 16 | b1 << 8 | b2;
        const char four[4] = {letters[x >> 18], letters[x >> 12 & 63],
                              i + 1 < n ? letters[x >> 6 & 63] : '=',
                              i + 2 < n ? letters[x & 63] : '='};
        buf_add(out, four, sizeof four);
    }
}

static persona_code write_reply(json_out *o, const activations_args *a, const reading *w,
                                persona_err *e)
{
    persona_code rc = PERSONA_OK;
    buf text;
    buf_init(&text, FLOATS_MAX * sizeof(float) / 3 * 4 + 8);
    jo_object(o, NULL);
    jo_string(o, "model", w->m->id);
    jo_string(o, "mode", a->mode != NULL ? a->mode : "mean");
    jo_int(o, "n_embd", w->m->info->n_embd);
    jo_array(o, "blocks");
    for (size_t i = 0; i < w->n_blocks; i++) {
        jo_int(o, NULL, w->blocks[i]);
    }
    jo_end(o);
    jo_array(o, "items");
    for (size_t i = 0; i < w->n; i++) {
        const item *x = &w->items[i];
        buf_clear(&text);
        base64(&text, x->data, x->n_floats * sizeof *x->data);
        TRY(buf_ok(&text, "states", e));
        jo_object(o, NULL);
        jo_int(o, "n_tokens", (long long)x->text.reply.n);
        jo_int(o, "n_rows", (long long)x->n_rows);
        jo_string(o, "data", buf_str(&text));
        jo_end(o);
    }
    jo_end(o);
    jo_end(o);
out:
    buf_free(&text);
    return rc;
}

static persona_code run(call *c, persona_err *e)
{
    const activations_args *a = c->args;
    persona_code rc = PERSONA_OK;
    reading w = {.m = NULL};
    TRY(call_model(c, a->model, &w.m, e));
    TRY(prepare(a, &w, e));
    TRY(read_items(&w, e));
    TRY(write_reply(&c->out, a, &w, e));
out:
    for (size_t i = 0; w.items != NULL && i < w.n; i++) {
        given_free(&w.items[i].text);
        mem_free(w.items[i].data);
    }
    mem_free(w.items);
    mem_free(w.blocks);
    if (w.m != NULL) {
        registry_release(c->s->models, w.m);
    }
    return rc;
}

static const field read_fields[] = {
    {.name = "n_tokens", .type = FIELD_INT, .required = true},
    {.name = "n_rows", .type = FIELD_INT, .required = true},
    {.name = "data",
     .type = FIELD_STRING,
     .required = true,
     .help = "base64 of little-endian float32 (n_rows, blocks, n_embd)"},
    FIELD_LAST,
};
static const field read_element[] = {{.name = "", .type = FIELD_OBJECT, .of = read_fields}};
static const field answer_fields[] = {
    {.name = "model", .type = FIELD_STRING, .required = true},
    {.name = "mode", .type = FIELD_STRING, .required = true},
    {.name = "n_embd", .type = FIELD_INT, .required = true},
    {.name = "blocks", .type = FIELD_ARRAY, .required = true, .of = a_block},
    {.name = "items", .type = FIELD_ARRAY, .required = true, .of = read_element},
    FIELD_LAST,
};

const route routes_activations[] = {
    {.method = "POST",
     .path = "/api/v1/activations",
     .errors = ERRORS_OPENAI,
     .body = fields,
     .args_size = sizeof(activations_args),
     .run = run,
     .tag = "Steering",
     .summary = "The states of a model's blocks while it reads given answers",
     .answer = answer_fields},
    {.method = NULL},
};
