/* SPDX-License-Identifier: MIT
 *
 * textfile.h - files of texts with responses: read to be measured, written to be kept.
 *
 * Three formats come in (docs/FORMATS.md, "Texts"): our JSON lines, the published CSV of
 * persona_vectors, and llama.cpp's prompt files. Two go out: JSON lines, and the published CSV as
 * its two row-aligned files. Everything streams: one item is in memory at a time, a line or record
 * has at most TEXT_LINE_MAX bytes, and every error names FILE:LINE and the field.
 *
 * Two files that belong together (positive and negative) are one reader: it hands out positive and
 * negative items in turn and refuses the first row at which the files are about different things.
 */
#ifndef PERSONA_STORE_TEXTFILE_H
#define PERSONA_STORE_TEXTFILE_H

#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "persona/error.h"

#define TEXT_LINE_MAX ((size_t)10 << 20)

typedef struct text_message {
    char *role, *content;
} text_message;

typedef struct text_item {
    text_message *messages; /* n_messages; NULL: prompt is given */
    size_t n_messages;
    char *prompt;   /* raw: no chat template, no special tokens added; NULL: messages are given */
    char *response; /* NULL: there is none, and what is given is the whole text */
    int polarity;   /* +1, -1; 0: not stated */
    double label_trait, label_coherence;           /* 0 to 100; NAN: unknown */
    char *trait, *question, *question_id;          /* NULL: unknown */
    int question_index, pair_index, rollout_index; /* -1: unknown; pair: which instruction */
    /* how it was steered, in an evaluation; NULL and NAN: nothing is said. Only written */
    const char *condition;
    double coefficient;
    size_t line; /* where it begins in its file, from 1 */
    size_t row;  /* which item of its file, from 0; the two items of a pair share it */
} text_item;

/* Everything unknown. */
text_item text_item_defaults(void);
/* Frees an item that a reader made, and all it holds. */
void text_item_free(text_item *item);
/* Equal for items about the same question, whatever the instruction, polarity or response: by
 * question index, else the question's text, else the last user message, else the row. A hash. */
uint64_t text_item_group(const text_item *item);

typedef enum text_format {
    TEXT_AUTO,    /* by the end of the name, else by the first line */
    TEXT_JSONL,   /* {"messages": [...], "response": "...", "polarity": "positive"} */
    TEXT_CSV,     /* question,prompt,answer,question_id,TRAIT,coherence */
    TEXT_PROMPTS, /* one raw prompt a line, escapes as in llama.cpp */
} text_format;

/* ---- reading ------------------------------------------------------------------------------ */

typedef struct text_reader text_reader;

typedef struct text_reader_opts {
    text_format format;
    /* NULL: whatever the file says. Else another trait in it is an error, and * its member of a
       JSON line is the label. */
    const char *trait;
} text_reader_opts;

/* path "-" is standard input; o NULL: defaults. Errors: NOTFOUND, IO, FORMAT. */
PERSONA_CHECK persona_code text_reader_open(const char *path, const text_reader_opts *o,
                                            text_reader **out, persona_err *e);
/* Two row-aligned files. The format of a file that does not tell is TEXT_PROMPTS. */
PERSONA_CHECK persona_code text_reader_open_pair(const char *positive, const char *negative,
                                                 const text_reader_opts *o, text_reader **out,
                                                 persona_err *e);
/* n bytes that stay valid until the reader is closed; name is for messages. */
PERSONA_CHECK persona_code text_reader_open_bytes(const char *name, const void *p, size_t n,
                                                  const text_reader_opts *o, text_reader **out,
                                                  persona_err *e);
/* The next item (text_item_free it), or NULL at the end. After an error only close is allowed.
 * Errors: FORMAT, SHAPE (line too long), IO, NOMEM. */
PERSONA_CHECK persona_code text_reader_next(text_reader *r, text_item **item, persona_err *e);
void text_reader_close(text_reader *r);

/* An item as members of the object that is open, as in a line of TEXT_JSONL; trait is written where
 * it is not NULL. Errors: SHAPE (an id that is too long), NOMEM. */
PERSONA_CHECK persona_code text_item_json(json_out *o, const text_item *item, const char *trait,
                                          persona_err *e);

/* ---- writing ------------------------------------------------------------------------------ */

typedef struct text_writer text_writer;

/* TEXT_JSONL: path is the file ("-": standard output). TEXT_CSV: path is a folder, which gets
 * TRAIT_pos_instruct.csv and TRAIT_neg_instruct.csv. TEXT_AUTO: JSONL if path is "-" or ends in
 * .jsonl or .ndjson, else CSV. trait may be NULL with JSONL. Nothing is visible before close. */
PERSONA_CHECK persona_code text_writer_open(const char *path, text_format format, const char *trait,
                                            text_writer **out, persona_err *e);
/* CSV wants items with prompt, response, polarity, question and pair index, each polarity in the
 * published order: question, then pair, then rollout, both polarities the same rows. After an error
 * only abort is allowed. Errors: FORMAT (what the item lacks, or its order), SHAPE, NOMEM. */
PERSONA_CHECK persona_code text_writer_write(text_writer *w, const text_item *item, persona_err *e);
/* Makes the files visible; frees w in any case. Errors: FORMAT (rows without partner), IO. */
PERSONA_CHECK persona_code text_writer_close(text_writer *w, persona_err *e);
void text_writer_abort(text_writer *w);

#endif
