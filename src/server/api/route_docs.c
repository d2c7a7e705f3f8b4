/* SPDX-License-Identifier: MIT
 *
 * route_docs.c - the tables of routes as text, for docs/API.md (tools/check-api).
 */
#include <string.h>

#include "server/api/route.h"

/* Names of fields, those that must be there in bold. */
static void field_names(buf *out, const field *table)
{
    bool any = false;
    for (const field *f = table; f != NULL && f->type != FIELD_END; f++) {
        if (f->type == FIELD_IGNORED) {
            continue;
        }
        buf_printf(out, f->required ? "%s**`%s`**" : "%s`%s`", any ? ", " : "", f->name);
        any = true;
    }
}

/* A bar would end the cell. */
static void cell(buf *out, const char *text)
{
    for (const char *p = text; *p != '\0'; p++) {
        buf_printf(out, *p == '|' ? "\\%c" : "%c", *p);
    }
}

static void row(buf *out, const route *r)
{
    buf_printf(out, "| `%s %s` | ", r->method, r->path);
    cell(out, r->summary);
    buf_puts(out, " | ");
    field_names(out, r->body);
    buf_puts(out, r->bytes_max > 0 ? "the file" : "");
    if (r->query != NULL) {
        buf_puts(out, r->body != NULL || r->bytes_max > 0 ? "; ?" : "?");
        field_names(out, r->query);
    }
    buf_puts(out, " |\n");
}

/* Whether a route of this tag stands before r. */
static bool tag_seen(const route *r)
{
    for (const route *const *t = ROUTE_TABLES; *t != NULL; t++) {
        for (const route *q = *t; q->method != NULL; q++) {
            if (q == r) {
                return false;
            }
            if (strcmp(q->tag, r->tag) == 0) {
                return true;
            }
        }
    }
    return false;
}

static void section(buf *out, const char *tag)
{
    buf_printf(out, "\n### %s\n\n| route | what | fields |\n| --- | --- | --- |\n", tag);
    for (const route *const *t = ROUTE_TABLES; *t != NULL; t++) {
        for (const route *r = *t; r->method != NULL; r++) {
            if (strcmp(r->tag, tag) == 0) {
                row(out, r);
            }
        }
    }
}

void routes_markdown(buf *out)
{
    for (const route *const *t = ROUTE_TABLES; *t != NULL; t++) {
        for (const route *r = *t; r->method != NULL; r++) {
            if (!tag_seen(r)) {
                section(out, r->tag);
            }
        }
    }
}
