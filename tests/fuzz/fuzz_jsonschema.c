/* SPDX-License-Identifier: MIT
 *
 * fuzz_jsonschema.c - bytes as a JSON schema: a grammar whose rules are all there and whose
 * parentheses a session takes, or an error of one line.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "core/grammar/jsonschema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
bool fuzz_accepted;

static void must(bool what)
{
    if (!what) {
        abort();
    }
}

static bool is_defined(const char *grammar, const char *name, size_t n)
{
    buf b;
    buf_init(&b, 256);
    buf_puts(&b, "\n");
    buf_add(&b, name, n);
    buf_puts(&b, " ::= ");
    const bool found = strstr(grammar, buf_str(&b)) != NULL;
    buf_free(&b);
    return found;
}

/* Past "..." or [...]. */
static const char *past(const char *p)
{
    const char end = *p == '"' ? '"' : ']';
    for (p++; *p != end; p++) {
        must(*p != '\0' && *p != '\n');
        p += *p == '\\';
    }
    return p + 1;
}

static void check(const char *g)
{
    static const char NAME[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
    int depth = 0;
    must(strncmp(g, "root ::= ", 9) == 0 && strlen(g) <= JSON_GRAMMAR_MAX);
    for (const char *p = g; *p != '\0';) {
        const size_t n = strspn(p, NAME);
        if (*p == '"' || *p == '[') {
            p = past(p);
        } else if (*p == '{') {
            p += strcspn(p, "}");
        } else if (n > 0) {
            must(p == g || is_defined(g, p, n));
            p += n;
        } else {
            depth += (*p == '(') - (*p == ')');
            must(depth >= 0 && depth < 64 && (*p != '\n' || depth == 0));
            p++;
        }
    }
    must(depth == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_doc *d = NULL;
    persona_err e = {0};
    char *g = NULL;
    fuzz_accepted = false;
    if (json_parse((const char *)data, size, "schema", &d, &e) != PERSONA_OK) {
        return 0;
    }
    const persona_code rc = json_schema_grammar(json_root(d), "schema", &g, &e);
    fuzz_accepted = rc == PERSONA_OK;
    if (rc == PERSONA_OK) {
        check(g);
    } else {
        must(g == NULL && e.code == rc && strncmp(e.msg, "schema", 6) == 0 &&
             strchr(e.msg, '\n') == NULL);
    }
    mem_free(g);
    json_free(d);
    return 0;
}
