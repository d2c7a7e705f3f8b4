/* SPDX-License-Identifier: MIT
 *
 * textfile_impl.h - what the formats of textfile.h share: lines, a file being read, ids.
 */
#ifndef PERSONA_STORE_TEXTFILE_IMPL_H
#define PERSONA_STORE_TEXTFILE_IMPL_H

#include <stdbool.h>

#include "base/buf.h"
#include "store/text/textfile.h"

/* ---- lines (textfile_lines.c) ------------------------------------------------------------- */

typedef struct text_lines {
    char *name;
    int fd; /* -1: the bytes are all there */
    bool owns_fd;
    char *chunk;   /* what fd is read into */
    const char *p; /* chunk, or the caller's bytes; pos to len are not read yet */
    size_t pos, len;
    bool end;    /* nothing comes after len */
    size_t line; /* number of the line read last; 0 before the first */
} text_lines;

PERSONA_CHECK persona_code lines_open(text_lines *in, const char *path, persona_err *e);
PERSONA_CHECK persona_code lines_open_bytes(text_lines *in, const char *name, const void *p,
                                            size_t n, persona_err *e);
void lines_close(text_lines *in);
/* What the first line begins with, borrowed until the next call: past byte order mark and white
 * space, at most one chunk. Only before the first lines_next. */
PERSONA_CHECK persona_code lines_peek(text_lines *in, const char **p, size_t *n, persona_err *e);
/* Appends the next line without its "\n" (a "\r" before it stays); *end if there is none. It is
 * UTF-8 without NUL, and text stays within its maximum. */
PERSONA_CHECK persona_code lines_next(text_lines *in, buf *text, bool *end, persona_err *e);
/* The check of lines_next, for text that was decoded from a line; what: "decoded line". */
PERSONA_CHECK persona_code lines_check(const text_lines *in, const char *what, const char *p,
                                       size_t n, persona_err *e);

/* ---- one file being read ------------------------------------------------------------------ */

enum { CSV_COLUMNS_MAX = 256 };

typedef struct csv_record {
    buf text; /* fields, each ended by a NUL */
    size_t at[CSV_COLUMNS_MAX];
    size_t n;
    size_t line; /* where it begins */
} csv_record;

typedef struct csv_state {
    csv_record header, row;
    size_t column[6]; /* of the known names, in published order */
    char *last_id;    /* of the row before, which makes rows rollouts */
    int rollout;
} csv_state;

typedef struct text_source {
    text_lines in;
    buf line;
    char *trait; /* expected, or met first; NULL: not known */
    size_t n_items;
    const struct text_reading *format;
    csv_state *csv;
} text_source;

typedef struct text_reading {
    const char *name;
    const char *ends[3]; /* of file names */
    bool (*looks)(const char *p, size_t n);
    persona_code (*begin)(text_source *s, persona_err *e); /* NULL: nothing to do */
    /* Fills item, whose line and row are set by the caller after it; *end: there is none. */
    persona_code (*next)(text_source *s, text_item *item, bool *end, persona_err *e);
} text_reading;

bool jsonl_looks(const char *p, size_t n);
persona_code jsonl_next(text_source *s, text_item *item, bool *end, persona_err *e);
bool csv_looks(const char *p, size_t n);
persona_code csv_begin(text_source *s, persona_err *e);
persona_code csv_next(text_source *s, text_item *item, bool *end, persona_err *e);
void csv_free(csv_state *c);
persona_code prompts_next(text_source *s, text_item *item, bool *end, persona_err *e);

/* Something, then `end`, in any case. */
bool text_name_ends(const char *s, const char *end);

/* FORMAT with "FILE:LINE: field 'FIELD' TEXT". */
persona_code text_bad(const text_source *s, size_t line, const char *field, persona_err *e,
                      const char *fmt, ...) PERSONA_PRINTF(5, 6);

/* ---- question_id -------------------------------------------------------------------------- */

/* TRAIT_3_pos_1 (question 3, instruction 1), or TRAIT_3 (evaluation, without instruction). */
typedef struct text_id {
    size_t trait_len; /* bytes of the id that are the trait's name */
    int question, pair, polarity;
} text_id;
/* False if id is not of this form. trait NULL: any; a short id then belongs to nobody. */
bool text_id_parse(const char *id, const char *trait, text_id *out);

#endif
