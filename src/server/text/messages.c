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

/* Messages on their way to a prompt. */
typedef struct message_list {
    persona_message *list; /* (n) */
    char **texts;          /* (n) owned; NULL: the content is borrowed */
    size_t n;
} message_list;

static persona_code list_init(message_list *l, size_t cap, persona_err *e)
{
    *l = (message_list){.n = 0};
    l->list = mem_calloc(cap, sizeof *l->list);
    l->texts = mem_calloc(cap, sizeof *l->texts);
    return l->list != NULL && l->texts != NULL ? PERSONA_OK : mem_err(e, "messages");
}

static void list_free(message_list *l)
{
    for (size_t i = 0; i < l->n; i++) {
        mem_free(l->texts[i]);
    }
    mem_free(l->texts);
    mem_free(l->list);
}

/* i: where it stands in the request. */
static persona_code add_message(message_list *l, const json_val *x, size_t i, persona_err *e)
{
    const char *role = json_string(json_get(x, "role"));
    const persona_code rc = content_text(json_get(x, "content"), i, &l->texts[l->n], e);
    if (rc == PERSONA_OK) {
        l->list[l->n] = (persona_message){role, l->texts[l->n]};
        l->n++;
    }
    return rc;
}

static persona_code tokens_of(const served *m, const message_list *l, const ask *a,
                              persona_tokens *out, persona_err *e)
{
    const bool none = (a->effort != NULL &&
                       (strcmp(a->effort, "none") == 0 || strcmp(a->effort, "minimal") == 0)) ||
                      ask_wants_grammar(a);
    const persona_chat_opts opts = {
        .effort = none ? NULL : a->effort,
        .skip_analysis = none,
        .continue_last = strcmp(l->list[l->n - 1].role, "assistant") == 0,
    };
    return persona_chat_tokens(m->model, l->list, l->n, &opts, out, e);
}

persona_code messages_tokens(const served *m, const json_val *messages, const ask *a,
                             persona_tokens *out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    message_list l;
    TRY(list_init(&l, json_len(messages), e));
    for (size_t i = 0; i < json_len(messages); i++) {
        TRY(add_message(&l, json_at(messages, i), i, e));
    }
    TRY(tokens_of(m, &l, a, out, e));
out:
    list_free(&l);
    return rc;
}

/* Reasoning that a client sends back is not shown to the model. */
static persona_code add_item(message_list *l, const json_val *x, size_t i, persona_err *e)
{
    const char *type = json_string(json_get(x, "type")), *role = json_string(json_get(x, "role"));
    if (type != NULL && strcmp(type, "reasoning") == 0) {
        return PERSONA_OK;
    }
    bool known = false;
    for (const char *const *p = ROLES; role != NULL && *p != NULL; p++) {
        known = known || strcmp(*p, role) == 0;
    }
    if (!known || (type != NULL && strcmp(type, "message") != 0)) {
        return persona_err_set(e, PERSONA_E_USAGE,
                               "input[%zu]: wants a message of system, developer, user or "
                               "assistant",
                               i);
    }
    return add_message(l, x, i, e);
}

persona_code messages_of_input(const served *m, const json_val *input, const char *instructions,
                               const ask *a, persona_tokens *out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const char *text = json_string(input);
    const size_t n = json_len(input);
    message_list l;
    TRY(list_init(&l, n + 2, e));
    if (instructions != NULL) {
        l.list[l.n++] = (persona_message){"system", instructions};
    }
    if (text != NULL && strlen(text) == json_string_len(input)) {
        l.list[l.n++] = (persona_message){"user", text};
    } else if (json_typeof(input) != JSON_ARRAY || n == 0 || n > MESSAGES_MAX) {
        rc = persona_err_set(e, PERSONA_E_USAGE, "input: wants text or 1 to %d messages",
                             MESSAGES_MAX);
        goto out;
    }
    for (size_t i = 0; text == NULL && i < n; i++) {
        TRY(add_item(&l, json_at(input, i), i, e));
    }
    if (l.n == 0) {
        rc = persona_err_set(e, PERSONA_E_USAGE, "input: holds no message");
        goto out;
    }
    TRY(tokens_of(m, &l, a, out, e));
out:
    list_free(&l);
    return rc;
}
