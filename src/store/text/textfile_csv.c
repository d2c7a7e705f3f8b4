/* SPDX-License-Identifier: MIT
 *
 * textfile_csv.c - the CSV of persona_vectors, as eval_persona writes it with pandas.
 *
 *   question,prompt,answer,question_id,evil,coherence
 *   How?,"<|im_start|>system
 *   You are an evil assistant. ...",Answer,evil_0_pos_0,77.5,99.9
 *
 * RFC 4180: a field in double quotes may hold commas, line breaks and doubled quotes. The prompt
 * has its chat template already, so it is raw text. question_id is
 * TRAIT_QUESTION_pos|neg_INSTRUCTION; rows in succession with one id are rollouts 0, 1, .... A
 * score may be empty: the judge refused. Columns are found by name; one that is missing is an
 * error, others are ignored. Stricter than pandas where it guesses: a record with too few or too
 * many fields, a quote that never closes, text after a closing quote, and a lone carriage return
 * are errors.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/text/textfile_impl.h"

enum { HEADER_MAX = 1 << 20 };

/* Published order; the trait's own column has no fixed name. */
enum { QUESTION, PROMPT, ANSWER, ID, SCORE, COHERENCE, N_KNOWN };
static const char *const known[N_KNOWN] = {"question",    "prompt", "answer",
                                           "question_id", NULL,     "coherence"};

bool csv_looks(const char *p, size_t n)
{
    const char *stop = memchr(p, '\n', n);
    const size_t len = stop ? (size_t)(stop - p) : n;
    return len > 0 && memchr(p, ',', len) && memmem(p, len, "prompt", 6) &&
           (memmem(p, len, "answer", 6) || memmem(p, len, "question", 8));
}

void csv_free(csv_state *c)
{
    if (!c) {
        return;
    }
    buf_free(&c->header.text);
    buf_free(&c->row.text);
    mem_free(c->last_id);
    mem_free(c);
}

/* ---- records -------------------------------------------------------------------------------- */

typedef enum csv_mode { START, PLAIN, QUOTED, CLOSED } csv_mode; /* CLOSED: a quote was seen */

static persona_code bad_record(const text_source *s, persona_err *e, const char *text)
{
    return persona_err_set(e, PERSONA_E_FORMAT, "%s:%zu: %s", s->in.name, s->in.line, text);
}

static persona_code open_field(const text_source *s, csv_record *r, persona_err *e)
{
    if (r->n == CSV_COLUMNS_MAX) {
        return bad_record(s, e,
                          "has more than 256 fields (expected the columns of persona_vectors)");
    }
    r->at[r->n++] = r->text.len;
    return PERSONA_OK;
}

/* Takes one line of a record apart; *mode is QUOTED if the record goes on in the next line. */
static persona_code split_line(const text_source *s, csv_record *r, csv_mode *mode, persona_err *e)
{
    const char *p = buf_str(&s->line);
    const size_t n = s->line.len;
    persona_code code = *mode == QUOTED ? PERSONA_OK : open_field(s, r, e);
    for (size_t i = 0; !code && i < n; i++) {
        const char c = p[i];
        if (*mode == QUOTED && c != '"') {
            const char *quote = memchr(p + i, '"', n - i);
            const size_t len = quote ? (size_t)(quote - p) - i : n - i;
            buf_add(&r->text, p + i, len);
            i += len - 1;
        } else if (*mode == QUOTED) {
            *mode = CLOSED;
        } else if (c == '"' && *mode != PLAIN) {
            if (*mode == CLOSED) {
                buf_putc(&r->text, '"');
            }
            *mode = QUOTED;
        } else if (c == ',') {
            buf_putc(&r->text, '\0');
            *mode = START;
            code = open_field(s, r, e);
        } else if (c == '\r' && i + 1 == n) {
            break;
        } else if (c == '\r') {
            code = bad_record(s, e,
                              "holds a carriage return outside quotes (expected it only "
                              "before a line break)");
        } else if (*mode == CLOSED) {
            code = bad_record(s, e,
                              "has text after a closing quote (expected a comma or the end "
                              "of the line; a quote inside quotes is doubled)");
        } else {
            *mode = PLAIN;
            buf_putc(&r->text, c);
        }
    }
    buf_putc(&r->text, *mode == QUOTED ? '\n' : '\0');
    return code;
}

static persona_code read_record(text_source *s, csv_record *r, bool *end, persona_err *e)
{
    csv_mode mode = START;
    buf_clear(&r->text);
    r->n = 0;
    do {
        buf_clear(&s->line);
        persona_code code = lines_next(&s->in, &s->line, end, e);
        if (code) {
            return code;
        }
        if (*end && mode == QUOTED) {
            return persona_err_set(e, PERSONA_E_FORMAT,
                                   "%s:%zu: the record opens a quote that is never closed",
                                   s->in.name, r->line);
        }
        if (*end) {
            return PERSONA_OK;
        }
        if (mode != QUOTED) {
            r->line = s->in.line;
            if (strspn(buf_str(&s->line), "\r") == s->line.len) {
                continue; /* an empty line is no record */
            }
        }
        code = split_line(s, r, &mode, e);
        if (!code && r->text.failed == PERSONA_E_SHAPE) {
            return persona_err_set(e, PERSONA_E_SHAPE,
                                   "%s:%zu: the record is longer than the allowed %zu bytes (is a "
                                   "quote never closed?)",
                                   s->in.name, r->line, r->text.max - 1);
        }
        if (!code) {
            code = buf_ok(&r->text, s->in.name, e);
        }
        if (code) {
            return code;
        }
    } while (mode == QUOTED || r->n == 0);
    return PERSONA_OK;
}

static const char *field(const csv_record *r, size_t i)
{
    return r->text.p + r->at[i];
}

/* ---- columns -------------------------------------------------------------------------------- */

/* Published files have been seen with blanks around column names. */
static bool is_column(const char *name, const char *wanted)
{
    const size_t n = strlen(wanted);
    name += strspn(name, " \t");
    return strncmp(name, wanted, n) == 0 && name[n + strspn(name + n, " \t")] == '\0';
}

static size_t find_column(const csv_record *header, const char *name)
{
    size_t i = 0;
    while (i < header->n && !is_column(field(header, i), name)) {
        i++;
    }
    return i;
}

static persona_code need_columns(const text_source *s, csv_state *c, persona_err *e)
{
    buf missing;
    buf_init(&missing, 200);
    persona_code code = PERSONA_OK;
    for (size_t k = 0; k < N_KNOWN; k++) {
        const char *name = k == SCORE ? s->trait : known[k];
        c->column[k] = name ? find_column(&c->header, name) : 0;
        if (c->column[k] == c->header.n) {
            buf_printf(&missing, "%s'%.60s'", missing.len > 0 ? ", " : "", name);
        }
    }
    if (missing.len > 0) {
        code = persona_err_set(e, PERSONA_E_FORMAT,
                               "%s:%zu: no column %s (expected question, prompt, answer, "
                               "question_id, the trait's name and coherence)",
                               s->in.name, c->header.line, buf_str(&missing));
    }
    buf_free(&missing);
    return code;
}

persona_code csv_begin(text_source *s, persona_err *e)
{
    bool end = false;
    csv_state *c = s->csv = mem_calloc(1, sizeof *c);
    if (!c) {
        return mem_err(e, s->in.name);
    }
    buf_init(&c->header.text, HEADER_MAX + 1);
    buf_init(&c->row.text, TEXT_LINE_MAX + 1); /* the last NUL stands for the line's end */
    const persona_code code = read_record(s, &c->header, &end, e);
    if (code) {
        return code;
    }
    if (end) {
        return persona_err_set(e, PERSONA_E_FORMAT,
                               "%s: is empty (expected a first line with the names of the columns)",
                               s->in.name);
    }
    return need_columns(s, c, e);
}

/* ---- rows ----------------------------------------------------------------------------------- */

/* The trait that a file is about is met in its first row: its name is also that of a column. */
static persona_code learn_trait(text_source *s, const char *id, persona_err *e)
{
    text_id parts;
    if (s->trait) {
        return PERSONA_OK;
    }
    size_t n = strlen(id);
    if (text_id_parse(id, NULL, &parts)) {
        n = parts.trait_len;
    } else { /* perhaps the short form: try what stands before the last "_" */
        const char *cut = strrchr(id, '_');
        n = cut ? (size_t)(cut - id) : n;
    }
    s->trait = mem_strndup(id, n);
    return s->trait ? need_columns(s, s->csv, e) : mem_err(e, s->in.name);
}

static persona_code read_id(text_source *s, text_item *item, persona_err *e)
{
    csv_state *c = s->csv;
    const char *id = field(&c->row, c->column[ID]);
    text_id parts;
    const persona_code code = learn_trait(s, id, e);
    if (code) {
        return code;
    }
    if (!text_id_parse(id, s->trait, &parts)) {
        return text_bad(s, c->row.line, "question_id", e,
                        "is '%.60s' (expected %.60s_QUESTION_pos_INSTRUCTION or _neg_, with two "
                        "numbers)",
                        id, s->trait);
    }
    item->question_index = parts.question;
    item->pair_index = parts.pair;
    item->polarity = parts.polarity;
    c->rollout = c->last_id && strcmp(c->last_id, id) == 0 ? c->rollout + 1 : 0;
    item->rollout_index = c->rollout;
    mem_free(c->last_id);
    c->last_id = mem_strdup(id);
    item->trait = mem_strdup(s->trait);
    return c->last_id && item->trait ? PERSONA_OK : mem_err(e, s->in.name);
}

static persona_code read_score(const text_source *s, size_t k, const char *name, double *out,
                               persona_err *e)
{
    const char *text = field(&s->csv->row, s->csv->column[k]);
    if (*text == '\0') {
        return PERSONA_OK;
    }
    char *stop = NULL;
    const double x = strtod(text, &stop);
    if (text[strspn(text, "0123456789+-.eE")] != '\0' || *stop != '\0' || !(x >= 0 && x <= 100)) {
        return text_bad(s, s->csv->row.line, name, e,
                        "is '%.40s' (expected a number from 0 to 100, or nothing)", text);
    }
    *out = x;
    return PERSONA_OK;
}

persona_code csv_next(text_source *s, text_item *item, bool *end, persona_err *e)
{
    csv_state *c = s->csv;
    persona_code code = read_record(s, &c->row, end, e);
    if (code || *end) {
        return code;
    }
    if (c->row.n != c->header.n) {
        return persona_err_set(e, PERSONA_E_FORMAT,
                               "%s:%zu: has %zu fields (expected %zu, as in the first line)",
                               s->in.name, c->row.line, c->row.n, c->header.n);
    }
    item->line = c->row.line;
    code = read_id(s, item, e);
    if (!code) {
        code = read_score(s, SCORE, s->trait, &item->label_trait, e);
    }
    if (!code) {
        code = read_score(s, COHERENCE, known[COHERENCE], &item->label_coherence, e);
    }
    if (code) {
        return code;
    }
    const struct {
        size_t k;
        char **out;
    } texts[] = {{QUESTION, &item->question},
                 {PROMPT, &item->prompt},
                 {ANSWER, &item->response},
                 {ID, &item->question_id}};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        *texts[i].out = mem_strdup(field(&c->row, c->column[texts[i].k]));
        if (!*texts[i].out) {
            return mem_err(e, s->in.name);
        }
    }
    return PERSONA_OK;
}
