/* SPDX-License-Identifier: MIT
 *
 * conversation.c - a conversation as a tree (conversation.h), and its file.
 */
#include "workbench/conversation.h"

#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/try.h"

#define SCHEMA "persona.chat/1"
enum { MAX_FILE = 64 << 20 };

static persona_code set_text(char **field, const char *text, persona_err *e)
{
    char *copy = mem_strdup(text != NULL ? text : "");
    if (copy == NULL) {
        return mem_err(e, "a conversation");
    }
    mem_free(*field);
    *field = copy;
    return PERSONA_OK;
}

static void turn_clear(turn *t)
{
    mem_free(t->question);
    mem_free(t->answer);
    mem_free(t->analysis);
    mem_free(t->steering);
    mem_free(t->prompt);
}

persona_code conversation_init(conversation *c, persona_err *e)
{
    *c = (conversation){.at = CONVERSATION_ROOT};
    return set_text(&c->system, "", e);
}

void conversation_clear(conversation *c)
{
    for (size_t i = 0; i < c->n; i++) {
        turn_clear(&c->turns[i]);
    }
    mem_free(c->turns);
    mem_free(c->system);
    *c = (conversation){.at = CONVERSATION_ROOT};
}

persona_code conversation_set_system(conversation *c, const char *text, persona_err *e)
{
    return set_text(&c->system, text, e);
}

persona_code conversation_add(conversation *c, int parent, const turn_texts *t, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    turn own = {.parent = parent, .seed = t->seed};
    turn *grown = NULL;
    if (c->n >= CONVERSATION_MAX_TURNS) {
        return persona_err_set(e, PERSONA_E_USAGE, "a conversation has at most %d turns",
                               (int)CONVERSATION_MAX_TURNS);
    }
    TRY(set_text(&own.question, t->question, e));
    TRY(set_text(&own.answer, t->answer, e));
    TRY(set_text(&own.analysis, t->analysis, e));
    TRY(set_text(&own.steering, t->steering, e));
    TRY(set_text(&own.prompt, t->prompt, e));
    grown = mem_realloc(c->turns, c->n + 1, sizeof *grown);
    TRY(grown != NULL ? PERSONA_OK : mem_err(e, "a conversation"));
    c->turns = grown;
    c->at = (int)c->n;
    c->turns[c->n++] = own;
    own = (turn){0};
out:
    turn_clear(&own);
    return rc;
}

/* ---- moving ---------------------------------------------------------------------------------- */

size_t conversation_branches(const conversation *c, int parent, int of, size_t *which)
{
    size_t n = 0;
    *which = 0;
    for (size_t i = 0; i < c->n; i++) {
        if (c->turns[i].parent == parent) {
            n++;
            *which = (int)i == of ? n : *which;
        }
    }
    return n;
}

/* The last turn behind `parent` that was made; CONVERSATION_ROOT: none. */
static int last_child(const conversation *c, int parent)
{
    for (size_t i = c->n; i-- > 0;) {
        if (c->turns[i].parent == parent) {
            return (int)i;
        }
    }
    return CONVERSATION_ROOT;
}

bool conversation_go(conversation *c, size_t k)
{
    if (c->at == CONVERSATION_ROOT) {
        return false;
    }
    size_t n = 0;
    for (size_t i = 0; i < c->n; i++) {
        if (c->turns[i].parent != c->turns[c->at].parent || ++n != k) {
            continue;
        }
        c->at = (int)i;
        for (int next; (next = last_child(c, c->at)) != CONVERSATION_ROOT;) {
            c->at = next;
        }
        return true;
    }
    return false;
}

size_t conversation_path(const conversation *c, int at, int *out)
{
    size_t n = 0;
    for (int i = at; i != CONVERSATION_ROOT; i = c->turns[i].parent) {
        n++;
    }
    size_t k = n;
    for (int i = at; i != CONVERSATION_ROOT; i = c->turns[i].parent) {
        out[--k] = i;
    }
    return n;
}

persona_code conversation_messages(const conversation *c, int at, const char *question,
                                   persona_message **out, size_t *n, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    int *way = mem_calloc(c->n + 1, sizeof *way);
    persona_message *m = mem_calloc(2 * c->n + 2, sizeof *m);
    size_t length = 0, k = 0;
    TRY(way != NULL && m != NULL ? PERSONA_OK : mem_err(e, "a conversation"));
    length = conversation_path(c, at, way);
    if (c->system[0] != '\0') {
        m[k++] = (persona_message){"system", c->system};
    }
    for (size_t i = 0; i < length; i++) {
        m[k++] = (persona_message){"user", c->turns[way[i]].question};
        m[k++] = (persona_message){"assistant", c->turns[way[i]].answer};
    }
    if (question != NULL) {
        m[k++] = (persona_message){"user", question};
    }
    *out = m;
    *n = k;
    m = NULL;
out:
    mem_free(way);
    mem_free(m);
    return rc;
}

/* ---- the file -------------------------------------------------------------------------------- */

void conversation_json(json_out *o, const conversation *c)
{
    jo_string(o, "system", c->system);
    jo_array(o, "turns");
    for (size_t i = 0; i < c->n; i++) {
        const turn *t = &c->turns[i];
        jo_object(o, NULL);
        jo_int(o, "parent", t->parent);
        jo_string(o, "question", t->question);
        jo_string(o, "answer", t->answer);
        if (t->analysis[0] != '\0') {
            jo_string(o, "analysis", t->analysis);
        }
        jo_string(o, "steering", t->steering[0] != '\0' ? t->steering : NULL);
        if (t->prompt[0] != '\0') {
            jo_string(o, "prompt", t->prompt);
        }
        jo_int(o, "seed", t->seed);
        jo_end(o);
    }
    jo_end(o);
    jo_int(o, "at", c->at);
}

persona_code conversation_save(const conversation *c, const char *model, const char *path,
                               persona_err *e)
{
    persona_code rc = PERSONA_OK;
    json_out o;
    buf b;
    buf_init(&b, MAX_FILE);
    jo_init(&o, &b, true);
    jo_object(&o, NULL);
    jo_string(&o, "schema", SCHEMA);
    jo_string(&o, "model", model);
    conversation_json(&o, c);
    jo_end(&o);
    buf_putc(&b, '\n');
    TRY(buf_ok(&b, "the conversation", e));
    TRY(file_write(path, b.p, b.len, e));
out:
    buf_free(&b);
    return rc;
}

/* NULL where it is null or not there. */
static persona_code optional_text(const json_doc *d, const json_val *v, const char *key,
                                  const char **out, persona_err *e)
{
    const json_val *x = json_get(v, key);
    if (json_typeof(x) != JSON_NULL && json_typeof(x) != JSON_STRING) {
        return json_bad(d, v, key, e, "must be a text or null");
    }
    *out = json_string(x);
    return PERSONA_OK;
}

static persona_code load_turn(conversation *c, const json_doc *d, const json_val *v, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    double parent = 0, seed = 0;
    turn_texts t = {0};
    TRY(json_need_number(d, v, "parent", -1, (double)c->n - 1, &parent, e));
    TRY(json_need_number(d, v, "seed", 0, UINT32_MAX, &seed, e));
    TRY(optional_text(d, v, "question", &t.question, e));
    TRY(optional_text(d, v, "answer", &t.answer, e));
    TRY(optional_text(d, v, "analysis", &t.analysis, e));
    TRY(optional_text(d, v, "steering", &t.steering, e));
    TRY(optional_text(d, v, "prompt", &t.prompt, e));
    t.seed = (uint32_t)seed;
    TRY(conversation_add(c, (int)parent, &t, e));
out:
    return rc;
}

persona_code conversation_read(conversation *c, const json_doc *d, const json_val *root,
                               persona_err *e)
{
    persona_code rc = PERSONA_OK;
    conversation new = {.at = CONVERSATION_ROOT};
    const json_val *turns = NULL;
    const char *schema = NULL, *system = NULL;
    double at = 0;
    TRY(json_need_string(d, root, "schema", &schema, e));
    if (strcmp(schema, SCHEMA) != 0) {
        TRY(json_bad(d, root, "schema", e, "is '%.40s', not " SCHEMA, schema));
    }
    TRY(optional_text(d, root, "system", &system, e));
    TRY(set_text(&new.system, system, e));
    TRY(json_need(d, root, "turns", JSON_ARRAY, &turns, e));
    for (size_t i = 0; i < json_len(turns); i++) {
        TRY(load_turn(&new, d, json_at(turns, i), e));
    }
    TRY(json_need_number(d, root, "at", -1, (double)new.n - 1, &at, e));
    new.at = (int)at;
    conversation_clear(c);
    *c = new;
    new = (conversation){0};
out:
    conversation_clear(&new);
    return rc;
}

persona_code conversation_load(conversation *c, const char *path, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    json_doc *d = NULL;
    TRY(json_read(path, MAX_FILE, &d, e));
    TRY(conversation_read(c, d, json_root(d), e));
out:
    json_free(d);
    return rc;
}
