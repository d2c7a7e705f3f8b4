/* SPDX-License-Identifier: MIT
 *
 * fuzz_request.c - bytes as the body of a request, read by the tables of every route: it is taken,
 * or refused in one line. What counts as accepted is what a chat completion takes.
 */
#include <string.h>

#include "base/mem.h"
#include "fuzz.h"
#include "server/routes/routes.h"

bool fuzz_accepted;

static persona_code read_by(const route *r, const json_doc *doc)
{
    persona_err e = {.code = PERSONA_OK};
    void *args = mem_calloc(1, r->args_size + 1);
    if (args == NULL) {
        return PERSONA_E_NOMEM;
    }
    if (r->init != NULL) {
        r->init(args);
    }
    const persona_code rc = fields_read(r->body, json_root(doc), "", args, &e);
    if (rc != PERSONA_OK) {
        char param[128];
        FUZZ_CHECK(e.code == rc && *e.msg && !strchr(e.msg, '\n'));
        field_param(e.msg, param, sizeof param);
    }
    mem_free(args);
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_doc *doc = NULL;
    persona_err e = {.code = PERSONA_OK};
    const persona_code rc = json_parse((const char *)data, size, "body", &doc, &e);
    fuzz_accepted = rc == PERSONA_OK && read_by(routes_openai_chat, doc) == PERSONA_OK;
    FUZZ_CHECK(rc == PERSONA_OK || (e.code == rc && *e.msg && !strchr(e.msg, '\n')));
    for (const route *const *t = ROUTE_TABLES; rc == PERSONA_OK && *t != NULL; t++) {
        for (const route *r = *t; r->method != NULL; r++) {
            if (r->body != NULL) {
                (void)read_by(r, doc);
            }
        }
    }
    json_free(doc);
    return 0;
}
