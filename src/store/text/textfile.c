/* SPDX-License-Identifier: MIT
 *
 * textfile.c - readers of texts: which format a file has, one file, and two files as pairs.
 *
 * What the formats differ in is behind the table `formats`; what they share (items, lines, ids, the
 * alignment of pairs) is here and in textfile_lines.c. A pair is read together before any of it is
 * handed out, so that a misaligned row never reaches a caller.
 */
#include "store/text/textfile.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>
#include <strings.h>

#include "base/hash.h"
#include "base/mem.h"
#include "store/text/textfile_impl.h"

struct text_reader {
    text_source files[2];
    size_t n_files;
    text_item *held; /* the negative item whose positive one was handed out */
};

static const text_reading formats[] = {
    [TEXT_JSONL] = {"JSON lines", {".jsonl", ".ndjson", ".json"}, jsonl_looks, NULL, jsonl_next},
    [TEXT_CSV] = {"CSV", {".csv"}, csv_looks, csv_begin, csv_next},
    [TEXT_PROMPTS] = {"prompts", {".txt"}, NULL, NULL, prompts_next},
};

/* ---- items ---------------------------------------------------------------------------------- */

text_item text_item_defaults(void)
{
    return (text_item){.label_trait = (double)NAN,
                       .label_coherence = (double)NAN,
                       .question_index = -1,
                       .pair_index = -1,
                       .rollout_index = -1,
                       .coefficient = (double)NAN};
}

void text_item_free(text_item *item)
{
    if (!item) {
        return;
    }
    for (size_t i = 0; i < item->n_messages; i++) {
        mem_free(item->messages[i].role);
        mem_free(item->messages[i].content);
    }
    mem_free(item->messages);
    mem_free(item->prompt);
    mem_free(item->response);
    mem_free(item->trait);
    mem_free(item->question);
    mem_free(item->question_id);
    mem_free(item);
}

static const char *last_user(const text_item *item)
{
    for (size_t i = item->n_messages; i-- > 0;) {
        if (strcmp(item->messages[i].role, "user") == 0) {
            return item->messages[i].content;
        }
    }
    return NULL;
}

uint64_t text_item_group(const text_item *item)
{
    const char *text = item->question ? item->question : last_user(item);
    const uint64_t number =
        item->question_index >= 0 ? (uint64_t)item->question_index : (uint64_t)item->row;
    /* A letter in front keeps question 3, row 3 and the question "3" apart. */
    const char kind = item->question_index >= 0 ? 'i' : text ? 't' : 'r';
    const uint64_t h = hash_bytes(HASH_SEED, &kind, 1);
    return kind == 't' ? hash_bytes(h, text, strlen(text)) : hash_bytes(h, &number, sizeof number);
}

/* ---- ids ------------------------------------------------------------------------------------ */

/* The number of at most nine digits that ends at *end, with a '_' in front; moves *end there. */
static bool number_before(const char *id, size_t *end, int *out)
{
    size_t i = *end;
    int x = 0, unit = 1;
    while (i > 0 && id[i - 1] >= '0' && id[i - 1] <= '9' && *end - i < 9) {
        x += (id[--i] - '0') * unit;
        unit *= *end - i < 9 ? 10 : 1;
    }
    if (i == *end || i == 0 || id[i - 1] != '_') {
        return false;
    }
    *end = i - 1;
    *out = x;
    return true;
}

static bool long_id(const char *id, text_id *out)
{
    size_t n = strlen(id);
    if (!number_before(id, &n, &out->pair) || n < 4) {
        return false;
    }
    if (strncmp(id + n - 4, "_pos", 4) != 0 && strncmp(id + n - 4, "_neg", 4) != 0) {
        return false;
    }
    n -= 4;
    out->polarity = id[n + 1] == 'p' ? 1 : -1;
    return number_before(id, &n, &out->question) && (out->trait_len = n) > 0;
}

static bool short_id(const char *id, text_id *out)
{
    size_t n = strlen(id);
    out->pair = -1;
    out->polarity = 0;
    return number_before(id, &n, &out->question) && (out->trait_len = n) > 0;
}

bool text_id_parse(const char *id, const char *trait, text_id *out)
{
    *out = (text_id){0};
    if (!long_id(id, out) && !(trait && short_id(id, out))) {
        return false;
    }
    return !trait || (strlen(trait) == out->trait_len && memcmp(id, trait, out->trait_len) == 0);
}

persona_code text_bad(const text_source *s, size_t line, const char *field, persona_err *e,
                      const char *fmt, ...)
{
    char text[sizeof e->msg];
    buf b;
    va_list ap;
    buf_init(&b, sizeof text);
    va_start(ap, fmt);
    buf_vprintf(&b, fmt, ap);
    va_end(ap);
    const persona_code code = persona_err_set(e, PERSONA_E_FORMAT, "%s:%zu: field '%.60s' %s",
                                              s->in.name, line, field, buf_str(&b));
    buf_free(&b);
    return code;
}

/* ---- one file ------------------------------------------------------------------------------- */

bool text_name_ends(const char *s, const char *end)
{
    const size_t n = strlen(s), m = strlen(end);
    return n > m && strcasecmp(s + n - m, end) == 0;
}

static const text_reading *format_of_name(const char *name)
{
    for (size_t i = TEXT_JSONL; i < sizeof formats / sizeof formats[0]; i++) {
        for (size_t k = 0; k < 3 && formats[i].ends[k]; k++) {
            if (text_name_ends(name, formats[i].ends[k])) {
                return &formats[i];
            }
        }
    }
    return NULL;
}

static persona_code sniff(text_source *s, bool paired, persona_err *e)
{
    const char *p = NULL;
    size_t n = 0;
    s->format = format_of_name(s->in.name);
    if (s->format) {
        return PERSONA_OK;
    }
    const persona_code code = lines_peek(&s->in, &p, &n, e);
    if (code) {
        return code;
    }
    for (size_t i = TEXT_JSONL; !s->format && i < sizeof formats / sizeof formats[0]; i++) {
        if (formats[i].looks && formats[i].looks(p, n)) {
            s->format = &formats[i];
        }
    }
    if (!s->format && paired) {
        s->format = &formats[TEXT_PROMPTS];
    }
    if (!s->format) {
        return persona_err_set(e, PERSONA_E_FORMAT,
                               "%s: %s (expected JSON lines, the CSV of persona_vectors, or a name "
                               "ending in .txt for one prompt a line)",
                               s->in.name, n > 0 ? "is in no known format" : "is empty");
    }
    return PERSONA_OK;
}

/* The lines were opened. */
static persona_code source_begin(text_source *s, const text_reader_opts *o, bool paired,
                                 persona_err *e)
{
    buf_init(&s->line, TEXT_LINE_MAX);
    if (o && o->trait) {
        s->trait = mem_strdup(o->trait);
        if (!s->trait) {
            return mem_err(e, s->in.name);
        }
    }
    if (o && o->format != TEXT_AUTO) {
        s->format = &formats[o->format];
    } else {
        const persona_code code = sniff(s, paired, e);
        if (code) {
            return code;
        }
    }
    return s->format->begin ? s->format->begin(s, e) : PERSONA_OK;
}

static void source_free(text_source *s)
{
    csv_free(s->csv);
    mem_free(s->trait);
    buf_free(&s->line);
    lines_close(&s->in);
}

static persona_code source_next(text_source *s, text_item **out, persona_err *e)
{
    bool end = false;
    *out = NULL;
    text_item *item = mem_calloc(1, sizeof *item);
    if (!item) {
        return mem_err(e, s->in.name);
    }
    *item = text_item_defaults();
    const persona_code code = s->format->next(s, item, &end, e);
    if (code || end) {
        text_item_free(item);
        return code;
    }
    item->row = s->n_items++;
    *out = item;
    return PERSONA_OK;
}

/* ---- pairs ---------------------------------------------------------------------------------- */

static void describe(const text_item *item, char *out, size_t size)
{
    buf b;
    buf_init(&b, size - 1);
    if (item->question_index >= 0) {
        buf_printf(&b, " question %d", item->question_index);
    }
    if (item->pair_index >= 0) {
        buf_printf(&b, " instruction %d", item->pair_index);
    }
    if (item->rollout_index >= 0) {
        buf_printf(&b, " rollout %d", item->rollout_index);
    }
    if (b.len == 0 && item->question) {
        buf_printf(&b, " '%.50s'", item->question);
    }
    memcpy(out, buf_str(&b), b.len + 1);
    buf_free(&b);
}

static bool same_text(const char *a, const char *b)
{
    return !a || !b || strcmp(a, b) == 0;
}

static bool same_number(int a, int b)
{
    return a < 0 || b < 0 || a == b;
}

/* Both sides of one row: what both files know must be equal. */
static persona_code check_aligned(const text_reader *r, const text_item *pos, const text_item *neg,
                                  persona_err *e)
{
    const text_source *p = &r->files[0], *n = &r->files[1];
    char a[120], b[120];
    describe(pos, a, sizeof a);
    describe(neg, b, sizeof b);
    if (!same_number(pos->question_index, neg->question_index) ||
        !same_number(pos->pair_index, neg->pair_index) ||
        !same_number(pos->rollout_index, neg->rollout_index)) {
        return persona_err_set(e, PERSONA_E_FORMAT,
                               "%s:%zu: row %zu is%s, but in %s:%zu it is%s (the two files must "
                               "have the same rows in the same order)",
                               p->in.name, pos->line, pos->row + 1, a, n->in.name, neg->line, b);
    }
    if (!same_text(pos->question, neg->question) || !same_text(pos->trait, neg->trait)) {
        return persona_err_set(e, PERSONA_E_FORMAT,
                               "%s:%zu: row %zu has another %s than in %s:%zu (the two files must "
                               "be about the same questions)",
                               p->in.name, pos->line, pos->row + 1,
                               same_text(pos->trait, neg->trait) ? "question" : "trait", n->in.name,
                               neg->line);
    }
    return PERSONA_OK;
}

static persona_code set_side(const text_source *s, text_item *item, int polarity, persona_err *e)
{
    if (item->polarity == -polarity) {
        return persona_err_set(e, PERSONA_E_FORMAT,
                               "%s:%zu: is a %s text (expected only %s ones in this file; are the "
                               "two files swapped?)",
                               s->in.name, item->line, polarity > 0 ? "negative" : "positive",
                               polarity > 0 ? "positive" : "negative");
    }
    item->polarity = polarity;
    return PERSONA_OK;
}

static persona_code next_pair(text_reader *r, text_item **out, persona_err *e)
{
    text_item *side[2] = {NULL, NULL};
    persona_code code = PERSONA_OK;
    for (int i = 0; !code && i < 2; i++) {
        code = source_next(&r->files[i], &side[i], e);
        if (!code && side[i]) {
            code = set_side(&r->files[i], side[i], i == 0 ? 1 : -1, e);
        }
    }
    if (!code && !side[0] != !side[1]) {
        const int longer = side[0] ? 0 : 1;
        code = persona_err_set(e, PERSONA_E_FORMAT,
                               "%s:%zu: row %zu has no partner: %s ends after %zu (the two files "
                               "must have the same rows)",
                               r->files[longer].in.name, side[longer]->line, side[longer]->row + 1,
                               r->files[1 - longer].in.name, r->files[1 - longer].n_items);
    }
    if (!code && side[0] && side[1]) {
        code = check_aligned(r, side[0], side[1], e);
    }
    if (code) {
        text_item_free(side[0]);
        text_item_free(side[1]);
        return code;
    }
    *out = side[0];
    r->held = side[1];
    return PERSONA_OK;
}

/* ---- readers -------------------------------------------------------------------------------- */

typedef struct input {
    const char *path;
    const void *bytes; /* NULL: path is opened */
    size_t n;
} input;

static persona_code reader_open(const input *inputs, size_t n_files, const text_reader_opts *o,
                                text_reader **out, persona_err *e)
{
    persona_code code = PERSONA_OK;
    text_reader *r = mem_calloc(1, sizeof *r);
    if (!r) {
        return mem_err(e, inputs[0].path);
    }
    r->n_files = n_files;
    for (size_t i = 0; !code && i < n_files; i++) {
        text_source *s = &r->files[i];
        code = inputs[i].bytes
                   ? lines_open_bytes(&s->in, inputs[i].path, inputs[i].bytes, inputs[i].n, e)
                   : lines_open(&s->in, inputs[i].path, e);
        if (!code) {
            code = source_begin(s, o, n_files > 1, e);
        }
    }
    if (code) {
        text_reader_close(r);
        return code;
    }
    *out = r;
    return PERSONA_OK;
}

persona_code text_reader_open(const char *path, const text_reader_opts *o, text_reader **out,
                              persona_err *e)
{
    return reader_open(&(input){.path = path}, 1, o, out, e);
}

persona_code text_reader_open_bytes(const char *name, const void *p, size_t n,
                                    const text_reader_opts *o, text_reader **out, persona_err *e)
{
    return reader_open(&(input){.path = name, .bytes = p ? p : "", .n = n}, 1, o, out, e);
}

persona_code text_reader_open_pair(const char *positive, const char *negative,
                                   const text_reader_opts *o, text_reader **out, persona_err *e)
{
    const input both[2] = {{.path = positive}, {.path = negative}};
    if (strcmp(positive, negative) == 0) {
        return persona_err_set(e, PERSONA_E_USAGE,
                               "'%s' is given as both the positive and the negative file (expected "
                               "two files)",
                               positive);
    }
    return reader_open(both, 2, o, out, e);
}

persona_code text_reader_next(text_reader *r, text_item **item, persona_err *e)
{
    *item = NULL;
    if (r->n_files == 1) {
        return source_next(&r->files[0], item, e);
    }
    if (!r->held) {
        return next_pair(r, item, e);
    }
    *item = r->held;
    r->held = NULL;
    return PERSONA_OK;
}

void text_reader_close(text_reader *r)
{
    if (!r) {
        return;
    }
    text_item_free(r->held);
    for (size_t i = 0; i < r->n_files; i++) {
        source_free(&r->files[i]);
    }
    mem_free(r);
}
