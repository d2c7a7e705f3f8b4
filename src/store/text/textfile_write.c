/* SPDX-License-Identifier: MIT
 *
 * textfile_write.c - writes texts as JSON lines or as the published pair of CSV files.
 *
 * The CSV is two files, because generate_vec.py of persona_vectors reads --pos_path and --neg_path
 * with pandas and filters them with one mask: row i of one is the partner of row i of the other.
 * So the writer keeps the numbers of the rows (12 bytes each, never the texts) of the side that is
 * ahead and compares the other side with them; rows arrive in published order and interleave as the
 * caller likes. Lines end with "\n" and only fields that need it are quoted, as pandas writes.
 * pandas takes an empty answer (or one like "NA") for a missing one, whatever the quotes; nothing
 * can be done about it here.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "store/text/textfile.h"
#include "store/text/textfile_impl.h"

enum { KEYS_MAX = 10 * 1000 * 1000 };

typedef struct row_key {
    int question, pair, rollout;
} row_key;

struct text_writer {
    file_out files[2]; /* JSON lines: one; CSV: positive, negative */
    size_t n_files;
    char *trait;
    buf line;
    row_key *keys; /* of the side that is ahead */
    size_t n_keys, cap;
    size_t n_rows[2];
    row_key last[2];
    bool failed;
};

static const char *const side_name[2] = {"positive", "negative"};

/* ---- JSON lines ----------------------------------------------------------------------------- */

static void known_string(json_out *o, const char *key, const char *s)
{
    if (s) {
        jo_string(o, key, s);
    }
}

static void known_number(json_out *o, const char *key, double x)
{
    if (isfinite(x)) {
        jo_number(o, key, x);
    }
}

/* The id that an item has, or would have; false if too little is known. */
static bool item_id(const text_item *item, const char *trait, buf *id)
{
    if (item->question_id) {
        buf_puts(id, item->question_id);
    } else if (trait && item->question_index >= 0) {
        buf_printf(id, "%s_%d", trait, item->question_index);
        if (item->pair_index >= 0 && item->polarity != 0) {
            buf_printf(id, "_%s_%d", item->polarity > 0 ? "pos" : "neg", item->pair_index);
        }
    }
    return id->len > 0;
}

persona_code text_item_json(json_out *o, const text_item *item, const char *trait, persona_err *e)
{
    buf id;
    buf_init(&id, 1000);
    if (item->messages) {
        jo_array(o, "messages");
        for (size_t i = 0; i < item->n_messages; i++) {
            jo_object(o, NULL);
            jo_string(o, "role", item->messages[i].role);
            jo_string(o, "content", item->messages[i].content);
            jo_end(o);
        }
        jo_end(o);
    } else {
        jo_string(o, "prompt", item->prompt);
    }
    known_string(o, "response", item->response);
    if (item->polarity != 0) {
        jo_string(o, "polarity", side_name[item->polarity < 0]);
    }
    known_string(o, "trait", trait);
    known_number(o, "label", item->label_trait);
    known_number(o, "coherence", item->label_coherence);
    known_string(o, "question", item->question);
    if (item_id(item, trait, &id)) {
        jo_string(o, "question_id", buf_str(&id));
    }
    if (item->rollout_index >= 0) {
        jo_int(o, "index", item->rollout_index);
    }
    known_string(o, "condition", item->condition);
    known_number(o, "coefficient", item->coefficient);
    const persona_code rc = buf_ok(&id, "a question_id", e);
    buf_free(&id);
    return rc;
}

static persona_code write_json(text_writer *w, const text_item *item, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    json_out o;
    if (!item->messages == !item->prompt) {
        return persona_err_set(e, PERSONA_E_FORMAT,
                               "%s: a text needs either messages or a raw prompt",
                               w->files[0].path);
    }
    jo_init(&o, &w->line, false);
    jo_object(&o, NULL);
    rc = text_item_json(&o, item, item->trait ? item->trait : w->trait, e);
    jo_end(&o);
    buf_putc(&w->line, '\n');
    return rc;
}

/* ---- CSV ------------------------------------------------------------------------------------ */

/* What is not UTF-8 becomes U+FFFD, as in JSON: pandas refuses the whole file otherwise. */
static void csv_text(buf *b, const char *s)
{
    const bool quoted = s[strcspn(s, ",\"\r\n")] != '\0';
    if (quoted) {
        buf_putc(b, '"');
    }
    for (size_t n = strcspn(s, "\""); *s; s += n, n = strcspn(s, "\"")) {
        utf8_repair(b, s, n);
        if (s[n] == '"') {
            buf_puts(b, "\"\"");
            n++;
        }
    }
    if (quoted) {
        buf_putc(b, '"');
    }
}

/* The shortest text that reads back as x, with ".0" if it is whole, as Python prints it; nothing
 * if x is not known. */
static void csv_number(buf *b, double x)
{
    char text[40] = "";
    for (int digits = 15; isfinite(x) && digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, x);
        const double y = strtod(text, NULL);
        if (y >= x && y <= x) {
            break;
        }
    }
    buf_puts(b, text);
    if (*text && !strpbrk(text, ".e")) {
        buf_puts(b, ".0");
    }
}

static const char *question_of(const text_item *item)
{
    if (item->question) {
        return item->question;
    }
    for (size_t i = item->n_messages; i-- > 0;) {
        if (strcmp(item->messages[i].role, "user") == 0) {
            return item->messages[i].content;
        }
    }
    return NULL;
}

static persona_code check_row(const text_writer *w, const text_item *item, persona_err *e)
{
    const struct {
        bool good;
        const char *what;
    } needs[] = {
        {item->prompt != NULL, "the prompt with its chat template applied"},
        {item->response != NULL, "a response"},
        {item->polarity == 1 || item->polarity == -1, "a polarity"},
        {item->question_index >= 0, "the index of its question"},
        {item->pair_index >= 0, "the index of its instruction"},
        {question_of(item) != NULL, "its question"},
        {!item->trait || strcmp(item->trait, w->trait) == 0, "the trait of the file"},
    };
    for (size_t i = 0; i < sizeof needs / sizeof needs[0]; i++) {
        if (!needs[i].good) {
            return persona_err_set(e, PERSONA_E_FORMAT, "%s: a row needs %s (text of line %zu)",
                                   w->files[0].path, needs[i].what, item->line);
        }
    }
    return PERSONA_OK;
}

static int compare_keys(row_key a, row_key b)
{
    if (a.question != b.question) {
        return a.question < b.question ? -1 : 1;
    }
    if (a.pair != b.pair) {
        return a.pair < b.pair ? -1 : 1;
    }
    return (a.rollout > b.rollout) - (a.rollout < b.rollout);
}

static persona_code add_key(text_writer *w, row_key key, persona_err *e)
{
    if (w->n_keys == KEYS_MAX) {
        return persona_err_set(e, PERSONA_E_SHAPE, "%s: has more than the allowed %d rows",
                               w->files[0].path, KEYS_MAX);
    }
    if (w->n_keys == w->cap) {
        const size_t cap = w->cap > 0 ? w->cap * 2 : 256;
        row_key *keys = mem_realloc(w->keys, cap, sizeof *keys);
        if (!keys) {
            return mem_err(e, w->files[0].path);
        }
        w->keys = keys;
        w->cap = cap;
    }
    w->keys[w->n_keys++] = key;
    return PERSONA_OK;
}

static persona_code check_order(text_writer *w, size_t side, row_key key, persona_err *e)
{
    const size_t row = w->n_rows[side];
    const char *path = w->files[side].path;
    if (row > 0 && compare_keys(w->last[side], key) >= 0) {
        return persona_err_set(e, PERSONA_E_FORMAT,
                               "%s: row %zu is question %d, instruction %d, rollout %d, not after "
                               "%d, %d, %d (expected ascending order)",
                               path, row + 1, key.question, key.pair, key.rollout,
                               w->last[side].question, w->last[side].pair, w->last[side].rollout);
    }
    if (row == w->n_keys) {
        return add_key(w, key, e);
    }
    const row_key other = w->keys[row];
    if (compare_keys(other, key) != 0) {
        return persona_err_set(e, PERSONA_E_FORMAT,
                               "%s: row %zu is question %d, instruction %d, rollout %d, but the "
                               "%s one is %d, %d, %d (both files must have the same rows)",
                               path, row + 1, key.question, key.pair, key.rollout,
                               side_name[1 - side], other.question, other.pair, other.rollout);
    }
    return PERSONA_OK;
}

static persona_code write_row(text_writer *w, const text_item *item, size_t *side, persona_err *e)
{
    persona_code code = check_row(w, item, e);
    if (code) {
        return code;
    }
    const row_key key = {item->question_index, item->pair_index, item->rollout_index};
    *side = item->polarity > 0 ? 0 : 1;
    code = check_order(w, *side, key, e);
    if (code) {
        return code;
    }
    w->last[*side] = key;
    w->n_rows[*side]++;
    const char *const texts[] = {question_of(item), item->prompt, item->response};
    for (size_t i = 0; i < 3; i++) {
        csv_text(&w->line, texts[i]);
        buf_putc(&w->line, ',');
    }
    buf_printf(&w->line, "%s_%d_%s_%d,", w->trait, key.question, *side == 0 ? "pos" : "neg",
               key.pair);
    csv_number(&w->line, item->label_trait);
    buf_putc(&w->line, ',');
    csv_number(&w->line, item->label_coherence);
    buf_putc(&w->line, '\n');
    return PERSONA_OK;
}

/* ---- opening and closing -------------------------------------------------------------------- */

/* A name that is no folder, no quoting in CSV, and not one of the other columns. */
static bool trait_fits(const char *trait)
{
    static const char *const taken[] = {"question", "prompt", "answer", "question_id", "coherence"};
    for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++) {
        if (strcmp(trait, taken[i]) == 0) {
            return false;
        }
    }
    return *trait != '\0' && *trait != '.' && strlen(trait) <= 100 && !strpbrk(trait, "/,\"\r\n");
}

static void emit(text_writer *w, size_t side)
{
    if (w->files[side].fp) {
        (void)!fwrite(w->line.p, 1, w->line.len, w->files[side].fp); /* close reports it */
    }
}

static persona_code open_csv(text_writer *w, const char *folder, persona_err *e)
{
    if (text_name_ends(folder, ".csv")) {
        return persona_err_set(e, PERSONA_E_USAGE,
                               "'%s': the published CSV is two files; give the name of a folder",
                               folder);
    }
    if (!w->trait || !trait_fits(w->trait)) {
        return persona_err_set(e, PERSONA_E_USAGE,
                               "'%.60s' cannot be the trait of a CSV (expected a name that can be "
                               "that of a file and of a column)",
                               w->trait ? w->trait : "");
    }
    for (size_t side = 0; side < 2; side++) {
        char *path =
            mem_printf("%s%s%s_%s_instruct.csv", folder, text_name_ends(folder, "/") ? "" : "/",
                       w->trait, side == 0 ? "pos" : "neg");
        if (!path) {
            return mem_err(e, folder);
        }
        persona_code code = file_out_open(&w->files[side], path, e);
        mem_free(path);
        if (code) {
            return code;
        }
        w->n_files++;
        buf_clear(&w->line);
        buf_printf(&w->line, "question,prompt,answer,question_id,%s,coherence\n", w->trait);
        code = buf_ok(&w->line, folder, e);
        if (code) {
            return code;
        }
        emit(w, side);
    }
    return PERSONA_OK;
}

persona_code text_writer_open(const char *path, text_format format, const char *trait,
                              text_writer **out, persona_err *e)
{
    const bool standard = strcmp(path, "-") == 0;
    if (format == TEXT_AUTO) {
        format = standard || text_name_ends(path, ".jsonl") || text_name_ends(path, ".ndjson")
                     ? TEXT_JSONL
                     : TEXT_CSV;
    }
    if (format != TEXT_JSONL && format != TEXT_CSV) {
        return persona_err_set(e, PERSONA_E_USAGE, "'%s': prompt files are only read", path);
    }
    text_writer *w = mem_calloc(1, sizeof *w);
    if (!w) {
        return mem_err(e, path);
    }
    persona_code code = PERSONA_OK;
    buf_init(&w->line, TEXT_LINE_MAX + 1); /* a reader does not count the line's end */
    if (trait && !(w->trait = mem_strdup(trait))) {
        code = mem_err(e, path);
    } else if (format == TEXT_CSV) {
        code = open_csv(w, path, e);
    } else {
        code = file_out_open(&w->files[0], standard ? "/dev/stdout" : path, e);
        w->n_files = code ? 0 : 1;
    }
    if (code) {
        text_writer_abort(w);
        return code;
    }
    *out = w;
    return PERSONA_OK;
}

persona_code text_writer_write(text_writer *w, const text_item *item, persona_err *e)
{
    size_t side = 0;
    buf_clear(&w->line);
    persona_code code = w->n_files == 1 ? write_json(w, item, e) : write_row(w, item, &side, e);
    if (!code) {
        code = buf_ok(&w->line, "a text", e);
    }
    if (!code) {
        emit(w, side);
    }
    w->failed = w->failed || code;
    return code;
}

persona_code text_writer_close(text_writer *w, persona_err *e)
{
    persona_code code = PERSONA_OK;
    const size_t less = w->n_rows[0] < w->n_rows[1] ? 0 : 1;
    if (w->failed) {
        code = persona_err_set(e, PERSONA_E_INTERNAL, "%s: a text could not be written",
                               w->files[0].path);
    } else if (w->n_rows[0] != w->n_rows[1]) {
        code = persona_err_set(e, PERSONA_E_FORMAT,
                               "%s: has %zu rows, but the %s file has %zu (every row needs its "
                               "partner)",
                               w->files[less].path, w->n_rows[less], side_name[1 - less],
                               w->n_rows[1 - less]);
    }
    for (size_t i = 0; !code && i < w->n_files; i++) {
        code = file_out_commit(&w->files[i], e);
    }
    text_writer_abort(w);
    return code;
}

void text_writer_abort(text_writer *w)
{
    if (!w) {
        return;
    }
    for (size_t i = 0; i < 2; i++) {
        file_out_abort(&w->files[i]);
    }
    mem_free(w->keys);
    mem_free(w->trait);
    buf_free(&w->line);
    mem_free(w);
}
