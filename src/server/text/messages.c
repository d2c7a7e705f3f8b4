/* SPDX-License-Identifier: MIT
 *
 * messages.c - conversations as prompts (messages.h).
 */
#include "server/text/messages.h"

#include <string.h>

#include "base/mem.h"
#include "base/try.h"

static const char *const ROLES[] = {"system", "developer", "user", "assistant", NULL};

static const field message_fields[] = {
    {.name = "role",
     .type = FIELD_STRING,
     .required = true,
     .of_names = ROLES,
     .at = FIELD_NOWHERE,
     .help = "developer counts as system"},
    {.name = "content",
     .type = FIELD_ANY,
     .at = FIELD_NOWHERE,
     .schema = "string | {type: \"text\"; text: string}[]",
     .help = "Text, or a list of parts of the type text"},
    {.name = "name", .type = FIELD_IGNORED, .at = FIELD_NOWHERE, .help = "Without effect"},
    {.name = "refusal", .type = FIELD_IGNORED, .at = FIELD_NOWHERE, .help = "Without effect"},
    {.name = "annotations", .type = FIELD_IGNORED, .at = FIELD_NOWHERE, .help = "Without effect"},
    {.name = "audio", .type = FIELD_IGNORED, .at = FIELD_NOWHERE, .help = "Without effect"},
    {.name = "reasoning_content",
     .type = FIELD_IGNORED,
     .at = FIELD_NOWHERE,
     .help = "Without effect: earlier reasoning is not shown to the model"},
    FIELD_LAST,
};

const field messages_element[] = {{.name = "", .type = FIELD_OBJECT, .of = message_fields}};

static persona_code part_text(const json_val *part, size_t i, size_t k, buf *out, persona_err *e)
{
    const char *type = json_string(json_get(part, "type"));
    const json_val *text = json_get(part, "text");
    const char *s = json_string(text);
    if (type == NULL || (strcmp(type, "text") != 0 && strcmp(type, "input_text") != 0 &&
                         strcmp(type, "output_text") != 0)) {
        return persona_err_set(e, PERSONA_E_USAGE,
                               "messages[%zu].content[%zu].type: only text is supported", i, k);
    }
    if (s == NULL || strlen(s) != json_string_len(text)) {
        return persona_err_set(e, PERSONA_E_USAGE, "messages[%zu].content[%zu].text: wants text", i,
                               k);
    }
    buf_puts(out, s);
    return PERSONA_OK;
}

/* *out: mem_free it. */
static persona_code content_text(const json_val *v, size_t i, char **out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const char *s = json_string(v);
    buf b;
    buf_init(&b, (size_t)16 << 20);
    *out = NULL;
    if (s != NULL && strlen(s) == json_string_len(v)) {
        buf_puts(&b, s);
    } else if (json_typeof(v) == JSON_ARRAY) {
        for (size_t k = 0; k < json_len(v); k++) {
            TRY(part_text(json_at(v, k), i, k, &b, e));
        }
    } else {
        rc = persona_err_set(e, PERSONA_E_USAGE, "messages[%zu].content: wants text", i);
        goto out;
    }
    TRY(buf_ok(&b, "a message", e));
    *out = mem_strdup(buf_str(&b));
    rc = *out != NULL ? PERSONA_OK : mem_err(e, "a message");
out:
    buf_free(&b);
    return rc;
}

static const char *role_of(const char *role)
{
    return strcmp(role, "developer") == 0 ? "system" : role;
}

persona_code messages_tokens(call *c, const served *m, const json_val *messages, const ask *a,
                             persona_tokens *out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const size_t n = json_len(messages);
    persona_message *list = mem_calloc(n, sizeof *list);
    char **texts = mem_calloc(n, sizeof *texts);
    TRY(list != NULL && texts != NULL ? PERSONA_OK : mem_err(e, "messages"));
    for (size_t i = 0; i < n; i++) {
        const json_val *x = json_at(messages, i);
        TRY(content_text(json_get(x, "content"), i, &texts[i], e));
        list[i] = (persona_message){role_of(json_string(json_get(x, "role"))), texts[i]};
    }
    const bool none =
        a->effort != NULL && (strcmp(a->effort, "none") == 0 || strcmp(a->effort, "minimal") == 0);
    const persona_chat_opts opts = {.effort = none ? NULL : a->effort, .skip_analysis = none};
    if (strcmp(list[n - 1].role, "assistant") == 0) {
        rc = persona_err_set(e, PERSONA_E_USAGE,
                             "messages[%zu].role: the last message must not be the assistant's",
                             n - 1);
        goto out;
    }
    TRY(persona_chat_tokens(m->model, list, n, &opts, out, e));
out:
    (void)c;
    for (size_t i = 0; texts != NULL && i < n; i++) {
        mem_free(texts[i]);
    }
    mem_free(texts);
    mem_free(list);
    return rc;
}
