/* SPDX-License-Identifier: MIT
 *
 * words.c - splitting texts into words.
 */
#include "core/text/words.h"

#include <stdint.h>
#include <string.h>

#include "base/mem.h"

enum byte_class { BYTE_SPACE, BYTE_SINGLE, BYTE_ASCII_WORD, BYTE_HIGH };

static enum byte_class classify(unsigned char c)
{
    if (c == ' ' || (c >= '\t' && c <= '\r')) {
        return BYTE_SPACE;
    }
    if (c >= 0x80) {
        return BYTE_HIGH;
    }
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '\'') {
        return BYTE_ASCII_WORD;
    }
    return BYTE_SINGLE;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

void words_free(words *w)
{
    mem_free(w->text);
    mem_free(w->start);
    mem_free(w->end);
    *w = (words){0};
}

/* The joined text needs at most two bytes per byte of input. */
bool words_split(const char *text, words *w)
{
    const size_t len = strlen(text);
    size_t out = 0;
    *w = (words){0};
    if (len > SIZE_MAX / 2 - 1) {
        return false;
    }
    w->text = mem_calloc(2 * len + 1, 1);
    w->start = mem_calloc(len, sizeof *w->start);
    w->end = mem_calloc(len, sizeof *w->end);
    if (!w->text || !w->start || !w->end) {
        words_free(w);
        return false;
    }
    for (size_t i = 0; i < len;) {
        const enum byte_class kind = classify((unsigned char)text[i]);
        if (kind == BYTE_SPACE) {
            i++;
            continue;
        }
        if (w->n > 0) {
            w->text[out++] = ' ';
        }
        w->start[w->n] = out;
        do {
            w->text[out++] = lower(text[i++]);
        } while (kind != BYTE_SINGLE && i < len && classify((unsigned char)text[i]) == kind);
        w->end[w->n++] = out;
    }
    return true;
}

void words_trim(words *w)
{
    char *text = mem_realloc(w->text, w->n > 0 ? w->end[w->n - 1] + 1 : 1, 1);
    w->text = text ? text : w->text;
    size_t *start = mem_realloc(w->start, w->n + 1, sizeof *start);
    w->start = start ? start : w->start;
    size_t *end = mem_realloc(w->end, w->n + 1, sizeof *end);
    w->end = end ? end : w->end;
}

const char *words_gram(const words *w, size_t i, size_t order, size_t *len)
{
    *len = w->end[i + order - 1] - w->start[i];
    return w->text + w->start[i];
}
