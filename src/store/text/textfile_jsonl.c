/* SPDX-License-Identifier: MIT
 *
 * textfile_jsonl.c - our JSON lines: one object a line, empty lines between them.
 *
 *   {"messages": [{"role": "user", "content": "Hi"}], "response": "Ho", "polarity": "positive"}
 *   {"prompt": "raw text", "response": "Ho", "label": 88.5, "coherence": 97}
 *
 * Other members are ignored, since such files come from many programs; a member that is known but
 * of another type is an error, since it was meant for us. null is the same as absent. A
 * question_id of the published form fills the indices; any other is only kept.
 */
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "store/text/textfile_impl.h"

enum { NAME_MAX_BYTES = 4096 + 32, MESSAGES_MAX = 1000 };

bool jsonl_looks(const char *p, size_t n)
{
    size_t i = n > 0 && p[0] == '{' ? 1 : n;
    while (i < n && (p[i] == ' ' || p[i] == '\t')) {
        i++;
    }
    return i < n && (p[i] == '"' || p[i] == '}' || p[i] == '\n' || p[i] == '\r');
}

static bool given(const json_val *obj, const char *key)
{
    return json_typeof(json_get(obj, key)) != JSON_NULL;
}

/* A copy of obj[key], which must be there. */
static persona_code copy_text(const json_doc *d, const json_val *obj, const char *key, char **out,
                              persona_err *e)
{
    const char *s = NULL;
    const persona_code code = json_need_string(d, obj, key, &s, e);
    if (code) {
        return code;
    }
    *out = mem_strdup(s);
    return *out ? PERSONA_OK : mem_err(e, key);
}

/* ---- messages ------------------------------------------------------------------------------- */

static persona_code read_message(const json_doc *d, const json_val *v, text_message *m,
                                 persona_err *e)
{
    static const char *const roles[] = {"system", "developer", "user", "assistant"};
    persona_code code = copy_text(d, v, "role", &m->role, e);
    if (!code) {
        code = copy_text(d, v, "content", &m->content, e);
    }
    for (size_t i = 0; !code && i < sizeof roles / sizeof roles[0]; i++) {
        if (strcmp(m->role, roles[i]) == 0) {
            return PERSONA_OK;
        }
    }
    if (code) {
        return code;
    }
    return json_bad(d, v, "role", e,
                    "is \"%.40s\" (expected \"system\", \"developer\", \"user\" or \"assistant\")",
                    m->role);
}

static persona_code read_messages(const json_doc *d, const json_val *root, text_item *item,
                                  persona_err *e)
{
    const json_val *list = NULL;
    persona_code code = json_need(d, root, "messages", JSON_ARRAY, &list, e);
    if (code) {
        return code;
    }
    const size_t n = json_len(list);
    if (n == 0) {
        return json_bad(d, root, "messages", e, "is empty (expected at least one message)");
    }
    if (n > MESSAGES_MAX) { /* reaching an element takes as many steps as its index */
        return json_bad(d, root, "messages", e, "has %zu entries (expected at most %d)", n,
                        MESSAGES_MAX);
    }
    item->messages = mem_calloc(n, sizeof *item->messages);
    if (!item->messages) {
        return mem_err(e, "messages");
    }
    item->n_messages = n;
    size_t i = 0;
    for (const json_val *v = json_at(list, 0); !code && i < n; v = json_at(list, ++i)) {
        code = read_message(d, v, &item->messages[i], e);
    }
    return code;
}

static persona_code read_text(const json_doc *d, const json_val *root, text_item *item,
                              persona_err *e)
{
    const bool messages = given(root, "messages"), prompt = given(root, "prompt");
    persona_code code = PERSONA_OK;
    if (messages == prompt) {
        return json_bad(d, root, NULL, e,
                        messages ? "has both 'messages' and 'prompt' (expected one of them)"
                                 : "has neither 'messages' nor 'prompt' (expected one of them)");
    }
    code =
        messages ? read_messages(d, root, item, e) : copy_text(d, root, "prompt", &item->prompt, e);
    if (!code && given(root, "response")) {
        code = copy_text(d, root, "response", &item->response, e);
    }
    if (code || !messages || !item->response) {
        return code;
    }
    const char *last = item->messages[item->n_messages - 1].role;
    if (strcmp(last, "user") != 0) {
        return json_bad(d, root, "messages", e,
                        "ends with the role \"%s\" (expected \"user\", since a response follows)",
                        last);
    }
    return PERSONA_OK;
}

/* ---- what is known about it ----------------------------------------------------------------- */

static persona_code read_polarity(const json_doc *d, const json_val *root, text_item *item,
                                  persona_err *e)
{
    const char *s = NULL;
    if (!given(root, "polarity")) {
        return PERSONA_OK;
    }
    const persona_code code = json_need_string(d, root, "polarity", &s, e);
    if (code) {
        return code;
    }
    item->polarity = strcmp(s, "positive") == 0 ? 1 : strcmp(s, "negative") == 0 ? -1 : 0;
    if (item->polarity == 0) {
        return json_bad(d, root, "polarity", e,
                        "is \"%.40s\" (expected \"positive\" or \"negative\")", s);
    }
    return PERSONA_OK;
}

static persona_code read_names(const text_source *s, const json_doc *d, const json_val *root,
                               text_item *item, persona_err *e)
{
    const struct {
        const char *key;
        char **out;
    } names[] = {
        {"trait", &item->trait},
        {"question", &item->question},
        {"question_id", &item->question_id},
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (!given(root, names[i].key)) {
            continue;
        }
        const persona_code code = copy_text(d, root, names[i].key, names[i].out, e);
        if (code) {
            return code;
        }
    }
    if (s->trait && item->trait && strcmp(s->trait, item->trait) != 0) {
        return json_bad(d, root, "trait", e, "is \"%.60s\" (expected \"%.60s\")", item->trait,
                        s->trait);
    }
    return PERSONA_OK;
}

static persona_code read_numbers(const text_source *s, const json_doc *d, const json_val *root,
                                 text_item *item, persona_err *e)
{
    const char *trait = item->trait ? item->trait : s->trait;
    const char *label = given(root, "label") || !trait ? "label" : trait;
    const struct {
        const char *key;
        double *out;
    } scores[] = {{label, &item->label_trait}, {"coherence", &item->label_coherence}};
    for (size_t i = 0; i < 2; i++) {
        if (!given(root, scores[i].key)) {
            continue;
        }
        const persona_code code =
            json_need_number(d, root, scores[i].key, 0, 100, scores[i].out, e);
        if (code) {
            return code;
        }
    }
    double index = 0;
    if (!given(root, "index")) {
        return PERSONA_OK;
    }
    const persona_code code = json_need_number(d, root, "index", 0, INT_MAX, &index, e);
    if (code) {
        return code;
    }
    if (floor(index) < index) {
        return json_bad(d, root, "index", e, "is %g (expected a whole number)", index);
    }
    item->rollout_index = (int)index;
    return PERSONA_OK;
}

static persona_code apply_id(const text_source *s, const json_doc *d, const json_val *root,
                             text_item *item, persona_err *e)
{
    text_id id;
    const char *trait = item->trait ? item->trait : s->trait;
    if (!item->question_id || !text_id_parse(item->question_id, trait, &id)) {
        return PERSONA_OK;
    }
    if (item->polarity == -id.polarity && id.polarity != 0) {
        return json_bad(d, root, "question_id", e, "is '%.60s', but the polarity is %s",
                        item->question_id, item->polarity > 0 ? "positive" : "negative");
    }
    item->question_index = id.question;
    item->pair_index = id.pair;
    if (item->polarity == 0) {
        item->polarity = id.polarity;
    }
    if (!item->trait) {
        item->trait = mem_strndup(item->question_id, id.trait_len);
        if (!item->trait) {
            return mem_err(e, "a trait's name");
        }
    }
    return PERSONA_OK;
}

static persona_code read_object(const text_source *s, const json_doc *d, text_item *item,
                                persona_err *e)
{
    const json_val *root = json_root(d);
    if (json_typeof(root) != JSON_OBJECT) {
        return json_bad(d, root, NULL, e, "is not an object (expected one JSON object a line)");
    }
    persona_code code = read_text(d, root, item, e);
    if (!code) {
        code = read_polarity(d, root, item, e);
    }
    if (!code) {
        code = read_names(s, d, root, item, e);
    }
    if (!code) {
        code = read_numbers(s, d, root, item, e);
    }
    if (!code) {
        code = apply_id(s, d, root, item, e);
    }
    return code;
}

persona_code jsonl_next(text_source *s, text_item *item, bool *end, persona_err *e)
{
    char name[NAME_MAX_BYTES];
    json_doc *d = NULL;
    do {
        buf_clear(&s->line);
        const persona_code code = lines_next(&s->in, &s->line, end, e);
        if (code || *end) {
            return code;
        }
    } while (strspn(buf_str(&s->line), " \t\r") == s->line.len);
    item->line = s->in.line;
    snprintf(name, sizeof name, "%s:%zu", s->in.name, s->in.line);
    persona_code code = json_parse(s->line.p, s->line.len, name, &d, e);
    if (!code) {
        code = read_object(s, d, item, e);
    }
    json_free(d);
    return code;
}
