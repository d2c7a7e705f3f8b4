/* SPDX-License-Identifier: MIT
 *
 * fuzz_expression.c - bytes as a steering expression, a text or an object: what is accepted comes
 * back from both notations as it is.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "core/steer/expression.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
bool fuzz_accepted;

static void must(bool what)
{
    if (!what) {
        abort();
    }
}

static void comes_back(const steer_expr *x, void (*print)(const steer_expr *, buf *), size_t max)
{
    steer_expr y, z;
    buf first, second;
    buf_init(&first, max);
    buf_init(&second, max);
    print(x, &first);
    must(first.failed == PERSONA_OK);
    must(steer_parse_any(buf_str(&first), &y, NULL) == PERSONA_OK && steer_equal(x, &y));
    print(&y, &second);
    must(strcmp(buf_str(&first), buf_str(&second)) == 0);
    must(steer_parse_any(buf_str(&second), &z, NULL) == PERSONA_OK && steer_equal(&y, &z));
    steer_expr_free(&y);
    steer_expr_free(&z);
    buf_free(&first);
    buf_free(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    steer_expr x;
    persona_err e = {0};
    char *text = mem_strndup((const char *)data, size);
    if (!text) {
        return 0;
    }
    const persona_code rc = steer_parse_any(text, &x, &e);
    fuzz_accepted = rc == PERSONA_OK;
    if (rc == PERSONA_OK) {
        must(x.n > 0 && x.n <= STEER_TERMS_MAX);
        comes_back(&x, steer_print, STEER_TEXT_MAX);
        comes_back(&x, steer_print_object, STEER_OBJECT_MAX);
    } else {
        must(e.code == rc && *e.msg && !strchr(e.msg, '\n') && x.n == 0);
    }
    steer_expr_free(&x);
    mem_free(text);
    return 0;
}
