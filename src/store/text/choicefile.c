/* SPDX-License-Identifier: MIT
 *
 * choicefile.c - the forms that two-choice questions have in the field.
 *
 *   {"question": "... Choices:\n (A) Yes\n (B) No", "answer_matching_behavior": " (A)",
 *    "answer_not_matching_behavior": " (B)"}            Anthropic's evals (lines), CAA (an array)
 *   {"question": "...", "matching": "...", "not_matching": "..."}       ours: answers as texts
 *
 * Other members are ignored.
 */
#include "store/text/choicefile.h"

#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/try.h"
#include "base/utf8.h"
#include "core/text/choicetext.h"

#define FILE_MAX_BYTES ((size_t)256 << 20)

void choice_list_clear(choice_list *l)
{
    for (size_t i = 0; i < l->n; i++) {
        mem_free(l->p[i].question);
        mem_free(l->p[i].matching);
        mem_free(l->p[i].other);
    }
    mem_free(l->p);
    *l = (choice_list){0};
}

/* A copy without white space around it. */
static persona_code copy(const json_doc *d, const json_val *obj, const char *key, char **out,
                         persona_err *e)
{
    const char *s = NULL;
    persona_code rc = PERSONA_OK;
    TRY(json_need_string(d, obj, key, &s, e));
    s += strspn(s, " \t\r\n");
    size_t n = strlen(s);
    while (n > 0 && strchr(" \t\r\n", s[n - 1]) != NULL) {
        n--;
    }
    if (n == 0) {
        (void)json_bad(d, obj, key, e, "is empty");
        return PERSONA_E_FORMAT;
    }
    *out = mem_strndup(s, n);
    if (*out == NULL) {
        (void)mem_err(e, "a question");
        rc = PERSONA_E_NOMEM;
    }
out:
    return rc;
}

static bool has(const json_val *obj, const char *key)
{
    return json_typeof(json_get(obj, key)) != JSON_NULL;
}

static persona_code take(const json_doc *d, const json_val *obj, size_t line, choice_list *l,
                         persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const bool ours = has(obj, "matching") && !has(obj, "answer_matching_behavior");
    choice *grown = mem_realloc(l->p, l->n + 1, sizeof *grown);
    if (grown == NULL) {
        return mem_err(e, "questions");
    }
    l->p = grown;
    choice *c = &l->p[l->n++];
    *c = (choice){.line = line, .listed = ours};
    TRY(copy(d, obj, "question", &c->question, e));
    TRY(copy(d, obj, ours ? "matching" : "answer_matching_behavior", &c->matching, e));
    TRY(copy(d, obj, ours ? "not_matching" : "answer_not_matching_behavior", &c->other, e));
    const char label = choice_label(c->matching);
    if (strcmp(c->matching, c->other) == 0 || (label != '\0' && label == choice_label(c->other))) {
        rc = json_bad(d, obj, ours ? "not_matching" : "answer_not_matching_behavior", e,
                      "is the same as the matching answer");
    }
out:
    return rc;
}

static persona_code take_array(const char *path, const char *text, size_t len, choice_list *l,
                               persona_err *e)
{
    persona_code rc = PERSONA_OK;
    json_doc *d = NULL;
    TRY(json_parse(text, len, path, &d, e));
    const json_val *root = json_root(d);
    size_t i = 0;
    for (const json_val *v = json_at(root, 0); v != NULL; v = json_at(root, ++i)) {
        rc = take(d, v, i + 1, l, e);
        if (rc != PERSONA_OK) {
            persona_err_wrap(e, "question %zu", i + 1);
            goto out;
        }
    }
out:
    json_free(d);
    return rc;
}

static persona_code take_line(const char *path, const char *text, size_t len, size_t line,
                              choice_list *l, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    json_doc *d = NULL;
    char *name = mem_printf("%s:%zu", path, line);
    TRY(name != NULL ? PERSONA_OK : mem_err(e, path));
    TRY(json_parse(text, len, name, &d, e));
    TRY(take(d, json_root(d), line, l, e));
out:
    json_free(d);
    mem_free(name);
    return rc;
}

persona_code choice_list_parse(const char *name, const char *text, size_t len, choice_list *out,
                               persona_err *e)
{
    persona_code rc = PERSONA_OK;
    size_t line = 1;
    *out = (choice_list){0};
    TRY(utf8_check(name, text, len, e));
    const char *p = text + utf8_mark(text, len);
    if (p[strspn(p, " \t\r\n")] == '[') {
        TRY(take_array(name, p, strlen(p), out, e));
    } else {
        for (; *p != '\0'; line++) {
            const size_t n = strcspn(p, "\n");
            if (strspn(p, " \t\r") < n) {
                TRY(take_line(name, p, n, line, out, e));
            }
            p += n + (p[n] == '\n');
        }
    }
    if (out->n == 0) {
        rc = persona_err_set(e, PERSONA_E_FORMAT, "%s: holds no question", name);
    }
out:
    if (rc != PERSONA_OK) {
        choice_list_clear(out);
    }
    return rc;
}

persona_code choice_list_read(const char *path, choice_list *out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char *text = NULL;
    size_t len = 0;
    *out = (choice_list){0};
    TRY(file_read(path, FILE_MAX_BYTES, &text, &len, e));
    TRY(choice_list_parse(path, text, len, out, e));
out:
    mem_free(text);
    return rc;
}
