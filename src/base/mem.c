/* SPDX-License-Identifier: MIT
 *
 * mem.c - the only callers of malloc and free in the library.
 *
 * Every size is a checked product, and a size of 0 becomes 1, so that NULL always means failure.
 * `fail_in` counts down to the allocation that a test wants to fail; off, it is one relaxed load.
 */
#include "base/mem.h"

#include <assert.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static atomic_size_t fail_in;

void persona_mem_fail_at(size_t k)
{
    atomic_store(&fail_in, k);
}

static bool must_fail(void)
{
    size_t left = atomic_load_explicit(&fail_in, memory_order_relaxed);
    while (left > 0) {
        if (atomic_compare_exchange_weak(&fail_in, &left, left - 1)) {
            return left == 1;
        }
    }
    return false;
}

/* False when the product does not fit; objects above PTRDIFF_MAX break pointer arithmetic. */
static bool mul_size(size_t n, size_t size, size_t *out)
{
    if (__builtin_mul_overflow(n, size, out) || *out > PTRDIFF_MAX) {
        return false;
    }
    if (*out == 0) {
        *out = 1;
    }
    return true;
}

void *mem_calloc(size_t n, size_t size)
{
    size_t total;
    if (must_fail() || !mul_size(n, size, &total)) {
        return NULL;
    }
    return calloc(total, 1);
}

void *mem_realloc(void *p, size_t n, size_t size)
{
    size_t total;
    if (must_fail() || !mul_size(n, size, &total)) {
        return NULL;
    }
    return realloc(p, total);
}

void mem_free(void *p)
{
    free(p);
}

void mem_free_list(char **list, size_t n)
{
    for (size_t i = 0; list && i < n; i++) {
        mem_free(list[i]);
    }
    mem_free(list);
}

char *mem_strdup(const char *s)
{
    assert(s);
    return mem_strndup(s, strlen(s));
}

char *mem_strndup(const char *s, size_t n)
{
    assert(s);
    const size_t len = strnlen(s, n);
    char *p = mem_calloc(len + 1, 1);
    if (p) {
        memcpy(p, s, len);
    }
    return p;
}

char *mem_printf(const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    const int n = vsnprintf(NULL, 0, fmt, ap);
    char *p = n < 0 ? NULL : mem_calloc((size_t)n + 1, 1);
    if (p) {
        vsnprintf(p, (size_t)n + 1, fmt, again);
    }
    va_end(again);
    va_end(ap);
    return p;
}

persona_code mem_err(persona_err *e, const char *what)
{
    return persona_err_set(e, PERSONA_E_NOMEM, "out of memory for %s", what);
}
