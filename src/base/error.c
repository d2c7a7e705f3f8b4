/* SPDX-License-Identifier: MIT
 *
 * error.c - the error table and the two ways to write a message.
 *
 * Invariant: msg is always one line of at most sizeof msg - 1 bytes. It ends up in terminals, log
 * lines and JSON, so control characters become spaces and a cut never splits a UTF-8 sequence.
 * Text is formatted into a local array first, because arguments may point into the message itself.
 */
#include "persona/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char cut_mark[] = "...";

const char *persona_code_name(persona_code code)
{
    switch (code) {
    case PERSONA_OK:
        return "OK";
#define X(name, number, exit_code, text)                                                           \
    case PERSONA_E_##name:                                                                         \
        return #name;
        PERSONA_ERR_MAP(X)
#undef X
    }
    return "UNKNOWN";
}

int persona_code_exit(persona_code code)
{
    switch (code) {
    case PERSONA_OK:
        return 0;
#define X(name, number, exit_code, text)                                                           \
    case PERSONA_E_##name:                                                                         \
        return exit_code;
        PERSONA_ERR_MAP(X)
#undef X
    }
    return persona_code_exit(PERSONA_E_INTERNAL);
}

static const char *code_text(persona_code code)
{
    switch (code) {
    case PERSONA_OK:
        return "no error";
#define X(name, number, exit_code, text)                                                           \
    case PERSONA_E_##name:                                                                         \
        return text;
        PERSONA_ERR_MAP(X)
#undef X
    }
    return "unknown error";
}

/* The greatest length <= len at which no UTF-8 sequence is open. Bytes that are not UTF-8 at all
 * (file names may hold anything) count as characters of their own. */
static size_t utf8_floor(const char *s, size_t len)
{
    for (size_t back = 1; back <= 4 && back <= len; back++) {
        const unsigned char c = (unsigned char)s[len - back];
        if ((c & 0xC0) == 0x80) {
            continue;
        }
        const size_t need = c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : c >= 0xC0 ? 2 : 1;
        return need > back ? len - back : len;
    }
    return len;
}

static void keep_one_line(char *s)
{
    for (; *s; s++) {
        if ((unsigned char)*s < 0x20 || *s == 0x7F) {
            *s = ' ';
        }
    }
}

/* s holds what fits of a text of `wanted` bytes; marks and repairs the end if it was cut. */
static void mend_cut(char *s, size_t size, size_t wanted)
{
    if (wanted < size) {
        return;
    }
    const size_t n = utf8_floor(s, size - sizeof cut_mark);
    memcpy(s + n, cut_mark, sizeof cut_mark);
}

persona_code persona_err_set(persona_err *e, persona_code code, const char *fmt, ...)
{
    if (!e) {
        return code;
    }
    char text[sizeof e->msg];
    va_list ap;
    va_start(ap, fmt);
    const int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (n < 0) {
        snprintf(text, sizeof text, "%s", code_text(code));
    } else {
        mend_cut(text, sizeof text, (size_t)n);
    }
    keep_one_line(text);
    memcpy(e->msg, text, sizeof text);
    e->code = code;
    return code;
}

persona_code persona_err_wrap(persona_err *e, const char *fmt, ...)
{
    if (!e) {
        return PERSONA_E_INTERNAL;
    }
    char context[sizeof e->msg], text[sizeof e->msg];
    va_list ap;
    va_start(ap, fmt);
    const int nc = vsnprintf(context, sizeof context, fmt, ap);
    va_end(ap);
    if (nc < 0) {
        return e->code;
    }
    mend_cut(context, sizeof context, (size_t)nc);
    const char *old = e->msg[0] ? e->msg : code_text(e->code);
    const size_t room = sizeof text - 1;
    size_t n = strlen(context), n_old = strlen(old), wanted = n + 2 + n_old;
    memcpy(text, context, n);
    for (const char *sep = ": "; *sep && n < room; sep++) {
        text[n++] = *sep;
    }
    if (n_old > room - n) {
        n_old = room - n;
    }
    memcpy(text + n, old, n_old);
    text[n + n_old] = '\0';
    mend_cut(text, sizeof text, wanted);
    keep_one_line(text);
    memcpy(e->msg, text, n + n_old + 1);
    return e->code;
}

/* ---- cancellation ---------------------------------------------------------------------------- */

/* Relaxed: nothing is handed over with the flag. The builtins keep the public header C++. */
void persona_cancel_set(persona_cancel *c)
{
    __atomic_store_n(&c->requested, 1, __ATOMIC_RELAXED);
}

bool persona_canceled(const persona_cancel *c)
{
    return c != NULL && __atomic_load_n(&c->requested, __ATOMIC_RELAXED) != 0;
}
