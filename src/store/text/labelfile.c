/* SPDX-License-Identifier: MIT
 *
 * labelfile.c - reads labelled answers.
 *
 *   {"trait": "silly", "question": "…", "response": "…", "label": 0..100}
 *   {"trait": "silly", "messages": [{"role": "user", "content": "…"}], "response": "…",
 *    "polarity": "positive" | "negative"}
 *
 * The question is what groups answers; it is a `question`, the last user message, or a `prompt`.
 * Other members are ignored, so that files with more in them can be used as they are. The published
 * CSV goes through the reader that extraction reads it with (textfile_csv.c); its scores run from
 * absent to strongest, and an empty one is no label.
 */
#include "store/text/labelfile.h"

#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/try.h"
#include "store/text/textfile_impl.h"

#define FILE_MAX ((size_t)1 << 30)
enum { MAX_TRAIT = 200, FROM_ABSENT = 0, TWO_POLES = 50 };

void labels_clear(labels *l)
{
    for (size_t i = 0; i < l->n; i++) {
        mem_free(l->p[i].trait);
        mem_free(l->p[i].question);
        mem_free(l->p[i].response);
    }
    mem_free(l->p);
    *l = (labels){0};
}

static const char *question_of(const json_val *root)
{
    const json_val *messages = json_get(root, "messages");
    const char *q = json_string(json_get(root, "question"));
    for (size_t i = json_len(messages); !q && i-- > 0;) {
        const json_val *m = json_at(messages, i);
        const char *role = json_string(json_get(m, "role"));
        if (role && strcmp(role, "user") == 0) {
            q = json_string(json_get(m, "content"));
        }
    }
    return q ? q : json_string(json_get(root, "prompt"));
}

static persona_code read_label(const json_doc *doc, const json_val *root, float *out,
                               persona_err *e)
{
    double label = 0;
    const char *polarity = NULL;
    if (json_get(root, "label")) {
        const persona_code rc = json_need_number(doc, root, "label", 0, 100, &label, e);
        *out = (float)label;
        return rc;
    }
    if (!json_get(root, "polarity")) {
        return json_bad(doc, root, "label", e,
                        "is missing (expected 0 to 100, or a 'polarity' of \"positive\" or "
                        "\"negative\")");
    }
    const persona_code rc = json_need_string(doc, root, "polarity", &polarity, e);
    if (rc != PERSONA_OK) {
        return rc;
    }
    *out = strcmp(polarity, "positive") == 0 ? 100 : 0;
    if (*out < 50 && strcmp(polarity, "negative") != 0) {
        return json_bad(doc, root, "polarity", e,
                        "is \"%.40s\" (expected \"positive\" or \"negative\")", polarity);
    }
    return PERSONA_OK;
}

/* A new answer with copies of the strings; the caller sets its numbers. NULL: out of memory. */
static labelled *add(labels *l, const char *trait, const char *question, const char *response)
{
    if (l->n == l->cap) {
        const size_t cap = l->cap ? 2 * l->cap : 256;
        labelled *p = mem_realloc(l->p, cap, sizeof *p);
        if (!p) {
            return NULL;
        }
        l->p = p;
        l->cap = cap;
    }
    labelled *to = &l->p[l->n++]; /* also when a copy fails: labels_clear frees it */
    *to = (labelled){.trait = mem_strdup(trait),
                     .question = question ? mem_strdup(question) : NULL,
                     .response = mem_strdup(response)};
    return to->trait && to->response && (!question || to->question) ? to : NULL;
}

/* ---- JSON lines ------------------------------------------------------------------------------ */

static persona_code read_trait(const json_doc *doc, const json_val *root, const char *wanted,
                               const char **out, persona_err *e)
{
    *out = wanted;
    if (!json_get(root, "trait") && wanted) {
        return PERSONA_OK;
    }
    if (!json_get(root, "trait")) {
        return json_bad(doc, root, "trait", e, "is missing (add it, or say --trait)");
    }
    const persona_code rc = json_need_string(doc, root, "trait", out, e);
    if (rc == PERSONA_OK && (**out == '\0' || strlen(*out) > MAX_TRAIT)) {
        return json_bad(doc, root, "trait", e, "is no name (expected 1 to %d bytes)", MAX_TRAIT);
    }
    return rc;
}

static persona_code read_line(const json_doc *doc, const char *wanted, labels *out, persona_err *e)
{
    const json_val *root = json_root(doc);
    const char *trait = NULL, *response = NULL;
    double coherence = (double)NAN;
    float label = 0;
    labelled *to = NULL;
    persona_code rc = PERSONA_OK;
    if (json_typeof(root) != JSON_OBJECT) {
        return json_bad(doc, root, NULL, e, "is not an object");
    }
    TRY(read_trait(doc, root, wanted, &trait, e));
    if (wanted && strcmp(trait, wanted) != 0) {
        goto out;
    }
    TRY(json_need_string(doc, root, "response", &response, e));
    TRY(read_label(doc, root, &label, e));
    if (json_get(root, "coherence")) {
        TRY(json_need_number(doc, root, "coherence", 0, 100, &coherence, e));
    }
    to = add(out, trait, question_of(root), response);
    TRY(to ? PERSONA_OK : mem_err(e, "labelled answers"));
    to->label = label;
    to->coherence = (float)coherence;
    to->neutral = TWO_POLES;
out:
    return rc;
}

static persona_code read_lines(const char *path, const char *text, size_t len, const char *trait,
                               labels *out, persona_err *e)
{
    const char *end = text + len;
    char *name = NULL;
    size_t number = 0;
    persona_code rc = PERSONA_OK;
    for (const char *p = text; rc == PERSONA_OK && p < end;) {
        const char *stop = memchr(p, '\n', (size_t)(end - p));
        const size_t n = stop ? (size_t)(stop - p) : (size_t)(end - p);
        json_doc *doc = NULL;
        number++;
        mem_free(name);
        name = mem_printf("%s:%zu", path, number);
        if (!name) {
            rc = mem_err(e, path);
        } else if (strspn(p, " \t\r\n") < n) {
            rc = json_parse(p, n, name, &doc, e);
        }
        if (doc) {
            rc = read_line(doc, trait, out, e);
        }
        json_free(doc);
        p += n + 1;
    }
    mem_free(name);
    return rc;
}

/* ---- CSV ------------------------------------------------------------------------------------- */

static bool is_csv(const char *path, const char *text, size_t len)
{
    const size_t mark = len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    text += mark;
    len -= mark;
    return text_name_ends(path, ".csv") || (!jsonl_looks(text, len) && csv_looks(text, len));
}

static persona_code read_rows(const char *path, const char *text, size_t len, const char *trait,
                              labels *out, persona_err *e)
{
    const text_reader_opts opts = {.format = TEXT_CSV};
    text_reader *r = NULL;
    text_item *item = NULL;
    labelled *to = NULL;
    persona_code rc = PERSONA_OK;
    TRY(text_reader_open_bytes(path, text, len, &opts, &r, e));
    for (;;) {
        text_item_free(item);
        item = NULL;
        TRY(text_reader_next(r, &item, e));
        if (!item) {
            break;
        }
        if (trait && strcmp(item->trait, trait) != 0) {
            continue;
        }
        if (isnan(item->label_trait)) {
            out->n_unscored++;
            continue;
        }
        to = add(out, item->trait, item->question, item->response);
        TRY(to ? PERSONA_OK : mem_err(e, "labelled answers"));
        to->label = (float)item->label_trait;
        to->coherence = (float)item->label_coherence;
        to->neutral = FROM_ABSENT;
    }
out:
    text_item_free(item);
    text_reader_close(r);
    return rc;
}

persona_code labels_read(const char *path, const char *trait, labels *out, persona_err *e)
{
    char *text = NULL;
    size_t len = 0;
    persona_code rc = PERSONA_OK;
    TRY(file_read(path, FILE_MAX, &text, &len, e));
    rc = is_csv(path, text, len) ? read_rows(path, text, len, trait, out, e)
                                 : read_lines(path, text, len, trait, out, e);
out:
    mem_free(text);
    return rc;
}
