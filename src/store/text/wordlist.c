/* SPDX-License-Identifier: MIT
 *
 * wordlist.c - reads lists of words in the forms that they are published in.
 *
 * A list is read whole or not at all: an entry that cannot be read may mean another kind of file,
 * and a dimension that is counted with half a list is worse than none. Emoticons (":-)") and
 * wildcards are left out: nothing here reads those.
 */
#include "store/text/wordlist.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/try.h"
#include "store/text/textfile_impl.h"

enum { MAX_LINE = 4096, MAX_LINES = 200000 };

static bool is_wordlike(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c & 0x80);
}

/* Words, and no emoticon (":D", "8-)", "<3") or wildcard. */
static bool is_phrase(const char *s)
{
    const size_t n = strlen(s);
    return n > 1 && is_wordlike(s[0]) && is_wordlike(s[n - 1]);
}

/* Cuts white space from both ends. */
static char *trim(char *s)
{
    size_t n = strlen(s);
    while (n > 0 && (s[n - 1] == ' ' || s[n - 1] == '\t')) {
        s[--n] = '\0';
    }
    return s + strspn(s, " \t");
}

/* A number that ends where `end` points; false: it is none. */
static bool number(const char *s, char end, double *out)
{
    char *stop = NULL;
    *out = strtod(s, &stop);
    return stop != s && (*stop == end || *stop == '\0') && isfinite(*out);
}

/* The value of NAME="…", cut out of the line; NULL: it has none. */
static char *attribute(const char *line, const char *name, char *out, size_t size)
{
    char mark[32];
    const int n = snprintf(mark, sizeof mark, " %s=\"", name);
    const char *at = strstr(line, mark);
    const char *end = at ? strchr(at + n, '"') : NULL;
    if (!end || (size_t)(end - at - n) >= size) {
        return NULL;
    }
    memcpy(out, at + n, (size_t)(end - at - n));
    out[end - at - n] = '\0';
    return out;
}

/* One line as a phrase, "" if it has none, and a value. False: it is not what the format says. */
static bool parse(wordlist_format format, char *line, char *phrase, size_t size, double *value)
{
    char text[64];
    *phrase = '\0';
    *value = 1;
    if (format == WORDLIST_PLAIN) {
        line[strcspn(line, "#")] = '\0';
        return (size_t)snprintf(phrase, size, "%s", trim(line)) < size;
    }
    if (format == WORDLIST_VALUES) {
        char *tab = strchr(line, '\t');
        if (*line == '\0') {
            return true;
        }
        if (!tab || !number(tab + 1, '\t', value)) {
            return false;
        }
        *tab = '\0';
        return (size_t)snprintf(phrase, size, "%s", trim(line)) < size;
    }
    if (strncmp(line, "<word ", 6) != 0) {
        return true;
    }
    return attribute(line, "form", phrase, size) && *phrase &&
           attribute(line, "subjectivity", text, sizeof text) && number(text, '\0', value);
}

static persona_code add(lexicon *l, wordlist_format format, char *line, const char *place,
                        persona_err *e)
{
    static const char *const what[] = {"a phrase", "a phrase, a tab and a number",
                                       "a word with form=\"\" and subjectivity=\"\""};
    char phrase[512];
    double value = 0;
    persona_err why;
    if (!parse(format, line, phrase, sizeof phrase, &value)) {
        return persona_err_set(e, PERSONA_E_FORMAT, "%s: \"%.60s\" (expected %s)", place, line,
                               what[format]);
    }
    if (!is_phrase(phrase)) {
        return PERSONA_OK;
    }
    const persona_code rc = lexicon_add(l, phrase, value, &why);
    return rc ? persona_err_set(e, rc, "%s: %s", place, why.msg) : PERSONA_OK;
}

/* All lines of an input that is open. */
static persona_code read_all(text_lines *in, wordlist_format format, lexicon **out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    buf line;
    bool end = false;
    char place[512];
    lexicon *l = lexicon_new();
    *out = NULL;
    buf_init(&line, MAX_LINE);
    TRY(l ? PERSONA_OK : mem_err(e, in->name));
    for (;;) {
        buf_clear(&line);
        TRY(lines_next(in, &line, &end, e));
        if (end) {
            break;
        }
        snprintf(place, sizeof place, "%.480s:%zu", in->name, in->line);
        if (in->line > MAX_LINES) {
            TRY(persona_err_set(e, PERSONA_E_SHAPE, "%s: more than %d lines", place, MAX_LINES));
        }
        while (line.len > 0 && line.p[line.len - 1] == '\r') {
            line.p[--line.len] = '\0';
        }
        if (line.len > 0) {
            TRY(add(l, format, line.p, place, e));
        }
    }
    if (lexicon_size(l) == 0) {
        TRY(persona_err_set(e, PERSONA_E_FORMAT, "%s:%zu: no word in the whole file", in->name,
                            in->line));
    }
    *out = l;
    l = NULL;
out:
    buf_free(&line);
    lexicon_free(l);
    return rc;
}

persona_code wordlist_read(const char *path, wordlist_format format, lexicon **out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    text_lines in = {.fd = -1};
    *out = NULL;
    TRY(lines_open(&in, path, e));
    TRY(read_all(&in, format, out, e));
out:
    lines_close(&in);
    return rc;
}

persona_code wordlist_parse(const char *name, const void *p, size_t n, wordlist_format format,
                            lexicon **out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    text_lines in = {.fd = -1};
    *out = NULL;
    TRY(lines_open_bytes(&in, name, p, n, e));
    TRY(read_all(&in, format, out, e));
out:
    lines_close(&in);
    return rc;
}

persona_code wordlist_find(const char *name, char **out, persona_err *e)
{
    static const char *const folders[] = {"words", "words/fetched"};
    persona_code rc = PERSONA_OK;
    char **dirs = path_data_dirs();
    *out = NULL;
    TRY(dirs ? PERSONA_OK : mem_err(e, "the data folders"));
    for (size_t i = 0; dirs[i] && !*out; i++) {
        for (size_t k = 0; k < sizeof folders / sizeof *folders && !*out; k++) {
            char *path = mem_printf("%s/%s/%s", dirs[i], folders[k], name);
            TRY(path ? PERSONA_OK : mem_err(e, name));
            if (file_exists(path)) {
                *out = path;
            } else {
                mem_free(path);
            }
        }
    }
out:
    for (size_t i = 0; dirs && dirs[i]; i++) {
        mem_free(dirs[i]);
    }
    mem_free(dirs);
    return rc;
}
