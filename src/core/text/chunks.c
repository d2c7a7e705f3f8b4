/* SPDX-License-Identifier: MIT
 *
 * chunks.c - where a text is cut. The rule is part of what identifies a reading: change it and
 * raise CHUNKS_VERSION.
 */
#include "core/text/chunks.h"

#include <stdbool.h>
#include <string.h>

enum { LEAST = 8, MOST = 32, LONG_WORD = 12 };

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Whether the text before `end` ends a sentence: . ! ? or their ideographic kin, closing quotes
 * aside. */
static bool ends_sentence(const char *text, size_t end)
{
    static const char *const wide[] = {"\xe3\x80\x82", "\xef\xbc\x81", "\xef\xbc\x9f"};
    while (end > 0 && strchr("\"')]", text[end - 1])) {
        end--;
    }
    if (end > 0 && strchr(".!?", text[end - 1])) {
        return true;
    }
    for (size_t i = 0; end >= 3 && i < sizeof wide / sizeof *wide; i++) {
        if (memcmp(text + end - 3, wide[i], 3) == 0) {
            return true;
        }
    }
    return false;
}

/* Behind the next word from `at`, or the next LONG_WORD bytes of a long one, not within a
 * character. */
static size_t next_word(const char *text, size_t at)
{
    while (is_space(text[at])) {
        at++;
    }
    const size_t first = at;
    while (text[at] && !is_space(text[at])) {
        if (at - first >= LONG_WORD && ((unsigned char)text[at] & 0xC0) != 0x80 &&
            ((unsigned char)text[at - 1] & 0x80)) {
            break; /* only scripts without spaces are cut inside a run */
        }
        at++;
    }
    return at;
}

size_t chunk_ends(const char *text, size_t *ends)
{
    const size_t len = strlen(text);
    size_t n = 0, words = 0, at = 0, last = 0;
    while (at < len) {
        const size_t end = next_word(text, at);
        if (end == at || is_space(text[end - 1])) {
            break; /* white space up to the end */
        }
        words++;
        at = last = end;
        if (n + 1 < CHUNKS_MOST && ((words >= LEAST && ends_sentence(text, at)) || words >= MOST)) {
            ends[n++] = at;
            words = 0;
        }
    }
    if (last == 0) {
        return 0;
    }
    if (words >= LEAST || n == 0) {
        n++;
    }
    ends[n - 1] = len; /* a short rest, and white space, belong to the last one */
    return n;
}

void chunk_tokens(const size_t *ends, size_t n_ends, const size_t *length, size_t n, size_t *out)
{
    size_t token = 0, byte = 0;
    for (size_t s = 0; s < n_ends; s++) {
        while (token < n && byte + length[token] <= ends[s]) {
            byte += length[token++];
        }
        out[s] = s + 1 == n_ends ? n : token;
    }
}
