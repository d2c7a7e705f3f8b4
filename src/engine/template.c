/* SPDX-License-Identifier: MIT
 *
 * template.c - a chat template from a model file or from the user. What can be told without
 * evaluating it is refused here (size, nesting); the rest happens in a process of its own
 * (template_child.c), which is started anew when a template has killed it. Every message names the
 * file and the way out.
 */
#include "engine/template.h"

#include <ctype.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

struct template_program {
    char *name, *text;
    size_t len;
    char refused[160]; /* why it is not evaluated at all; "" if it may be */
    pthread_mutex_t lock;
    template_child child;
};

#define WAY_OUT "pass --chat-template NAME|FILE, or --raw where the prompt is raw text"

typedef struct scan {
    const char *p, *end;
    size_t line;
    int brackets, blocks;
} scan;

static bool at_word(const scan *s, const char *word)
{
    const size_t n = strlen(word);
    return (size_t)(s->end - s->p) > n && memcmp(s->p, word, n) == 0 &&
           !isalnum((unsigned char)s->p[n]);
}

/* Behind "{%": counts blocks that are open. */
static void count_block(scan *s)
{
    static const char *const OPEN[] = {"if", "for", "macro", "call", "filter"};
    while (s->p < s->end && (isspace((unsigned char)*s->p) || *s->p == '-' || *s->p == '+')) {
        s->line += *s->p++ == '\n';
    }
    for (size_t i = 0; i < sizeof OPEN / sizeof OPEN[0]; i++) {
        s->blocks += at_word(s, OPEN[i]);
    }
    if ((size_t)(s->end - s->p) > 3 && memcmp(s->p, "end", 3) == 0 && s->blocks > 0) {
        s->blocks--;
    }
}

/* From behind "{{" or "{%" to its end; strings are passed over. */
static bool scan_code(scan *s, char close)
{
    char quote = '\0';
    s->brackets = 0;
    for (; s->p < s->end; s->p++) {
        const char c = *s->p;
        s->line += c == '\n';
        if (quote != '\0') {
            if (c == '\\' && s->p + 1 < s->end) {
                s->p++;
            } else if (c == quote) {
                quote = '\0';
            }
        } else if (c == '"' || c == '\'') {
            quote = c;
        } else if (c == close && s->brackets == 0 && s->p + 1 < s->end && s->p[1] == '}') {
            return true;
        } else if (strchr("([{", c) != NULL && ++s->brackets > TEMPLATE_MAX_NESTING) {
            return false;
        } else if (strchr(")]}", c) != NULL && s->brackets > 0) {
            s->brackets--;
        }
    }
    return true;
}

/* Whether nesting is within bounds; else s->line is where it is not. */
static bool scan_nesting(scan *s)
{
    for (; s->p + 1 < s->end; s->p++) {
        s->line += *s->p == '\n';
        if (s->p[0] != '{' || (s->p[1] != '{' && s->p[1] != '%')) {
            continue;
        }
        const char close = s->p[1] == '{' ? '}' : '%';
        s->p += 2;
        if (close == '%') {
            count_block(s);
        }
        if (s->blocks > TEMPLATE_MAX_NESTING || !scan_code(s, close)) {
            return false;
        }
    }
    return true;
}

static void check(template_program *t)
{
    scan s = {.p = t->text, .end = t->text + t->len, .line = 1};
    if (t->len > TEMPLATE_MAX_BYTES) {
        snprintf(t->refused, sizeof t->refused, "it is longer than %zu bytes", TEMPLATE_MAX_BYTES);
    } else if (!scan_nesting(&s)) {
        snprintf(t->refused, sizeof t->refused, "line %zu: nested deeper than %d", s.line,
                 TEMPLATE_MAX_NESTING);
    }
}

persona_code template_new(const char *name, const char *text, template_program **out,
                          persona_err *e)
{
    template_program *t = mem_calloc(1, sizeof *t);
    *out = NULL;
    if (t == NULL || (t->name = mem_strdup(name)) == NULL || (t->text = mem_strdup(text)) == NULL) {
        if (t != NULL) {
            mem_free(t->name);
            mem_free(t);
        }
        return mem_err(e, "a chat template");
    }
    t->len = strlen(text);
    t->child.fd = -1;
    (void)pthread_mutex_init(&t->lock, NULL);
    check(t);
    if (t->refused[0] == '\0') {
        (void)child_start(&t->child, t->text, t->len); /* else tried again when needed */
    }
    *out = t;
    return PERSONA_OK;
}

void template_free(template_program *t)
{
    if (t != NULL) {
        child_end(&t->child);
        (void)pthread_mutex_destroy(&t->lock);
        mem_free(t->name);
        mem_free(t->text);
        mem_free(t);
    }
}

const char *template_text(const template_program *t)
{
    return t->text;
}

/* One line of what minja says: "why at row 3, column 7:\n  source\n  ^". */
static persona_code failed(const template_program *t, const char *why, persona_err *e)
{
    return persona_err_set(e, PERSONA_E_FORMAT,
                           "%s: its chat template cannot be rendered: %.*s (%s)", t->name,
                           (int)strcspn(why, "\n"), why, WAY_OUT);
}

persona_code template_render(template_program *t, const char *vars, size_t n_vars, char **out,
                             size_t *n_out, persona_err *e)
{
    const char *why = "";
    persona_code rc;
    *out = NULL;
    if (t->refused[0] != '\0') {
        return failed(t, t->refused, e);
    }
    if (n_vars > TEMPLATE_MAX_TEXT) {
        return persona_err_set(e, PERSONA_E_USAGE, "a conversation of %zu bytes is too long",
                               n_vars);
    }
    (void)pthread_mutex_lock(&t->lock);
    if (t->child.pid > 0 || child_start(&t->child, t->text, t->len)) {
        rc = child_ask(&t->child, vars, n_vars, out, n_out, &why);
    } else {
        rc = persona_err_set(e, PERSONA_E_UNAVAILABLE,
                             "%s: no process for its chat template (out of processes or memory?)",
                             t->name);
    }
    (void)pthread_mutex_unlock(&t->lock);
    if (rc == PERSONA_E_FORMAT) {
        rc = failed(t, *out != NULL ? *out : why, e);
    } else if (rc == PERSONA_E_NOMEM) {
        rc = mem_err(e, "a rendered conversation");
    }
    if (rc != PERSONA_OK) {
        mem_free(*out);
        *out = NULL;
    }
    return rc;
}
