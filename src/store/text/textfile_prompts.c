/* SPDX-License-Identifier: MIT
 *
 * textfile_prompts.c - llama.cpp's prompt files (--positive-file, --negative-file).
 *
 * One prompt a line, which is the whole text: whatever is to be read stands in it, chat template
 * included. As llama-cvector-generator does it: empty lines are skipped before escapes are decoded;
 * \n \r \t \' \" \\ and \xHH are decoded, and a backslash before anything else stays. Two things
 * differ: the "\r" of a line end of Windows is no part of the prompt (there, on Linux, it is), and
 * what decodes to a NUL or to bytes that are not UTF-8 is an error.
 */
#include <string.h>

#include "base/mem.h"
#include "store/text/textfile_impl.h"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    const char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* Decodes in place, since the result is never longer; returns its length. */
static size_t unescape(char *s, size_t n)
{
    static const char letters[] = "nrt'\"\\", values[] = "\n\r\t'\"\\";
    size_t out = 0;
    for (size_t i = 0; i < n; i++) {
        const char next = i + 1 < n ? s[i + 1] : '\0';
        const char *known = s[i] == '\\' && next ? strchr(letters, next) : NULL;
        if (known) {
            s[out++] = values[known - letters];
            i++;
        } else if (s[i] == '\\' && next == 'x' && i + 3 < n && hex_digit(s[i + 2]) >= 0 &&
                   hex_digit(s[i + 3]) >= 0) {
            s[out++] = (char)(unsigned char)(hex_digit(s[i + 2]) * 16 + hex_digit(s[i + 3]));
            i += 3;
        } else {
            s[out++] = s[i];
        }
    }
    return out;
}

persona_code prompts_next(text_source *s, text_item *item, bool *end, persona_err *e)
{
    buf *line = &s->line;
    do {
        buf_clear(line);
        const persona_code code = lines_next(&s->in, line, end, e);
        if (code || *end) {
            return code;
        }
        if (line->len > 0 && line->p[line->len - 1] == '\r') {
            line->p[--line->len] = '\0';
        }
    } while (line->len == 0);
    item->line = s->in.line;
    line->len = unescape(line->p, line->len);
    line->p[line->len] = '\0';
    const persona_code code = lines_check(&s->in, "decoded line", line->p, line->len, e);
    if (code) {
        return code;
    }
    item->prompt = mem_strndup(line->p, line->len);
    return item->prompt ? PERSONA_OK : mem_err(e, s->in.name);
}
