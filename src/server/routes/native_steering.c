/* SPDX-License-Identifier: MIT
 *
 * native_steering.c - POST /api/v1/steering/check: what an expression would do, or why not, without
 * doing it. What is wrong with an expression is the answer here, not an error of the request.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/try.h"
#include "core/steer/expression.h"
#include "server/routes/call_parts.h"
#include "server/text/text_ask.h"

typedef struct check_args {
    const char *model;
    const json_val *steering;
    const char *guard;
} check_args;

static const field check_fields[] = {
    {.name = "model",
     .type = FIELD_STRING,
     .max = 127,
     .at = offsetof(check_args, model),
     .help = "Id of a model; without it the server's first"},
    {.name = "steering",
     .type = FIELD_ANY,
     .required = true,
     .at = offsetof(check_args, steering),
     .schema = "string | object | null",
     .help = "As in a request for text"},
    {.name = "steering_guard",
     .type = FIELD_STRING,
     .of_names = ask_guards,
     .at = offsetof(check_args, guard),
     .help = "As in a request for text"},
    FIELD_LAST,
};

/* ---- what it would do ------------------------------------------------------------------------ */

/* "object": the canonical expression as the object that means the same. */
static persona_code object_json(json_out *o, const char *expression, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    steer_expr x = {0};
    json_doc *d = NULL;
    buf text;
    buf_init(&text, STEER_OBJECT_MAX);
    TRY(steer_parse(expression, &x, e));
    steer_print_object(&x, &text);
    TRY(buf_ok(&text, "a steering object", e));
    TRY(json_parse(buf_str(&text), text.len, "a steering object", &d, e));
    jo_value(o, "object", json_root(d));
out:
    json_free(d);
    buf_free(&text);
    steer_expr_free(&x);
    return rc;
}

/* The parts of a note, which are joined by "; ". */
static persona_code warnings_json(json_out *o, const char *note, persona_err *e)
{
    jo_array(o, "warnings");
    while (*note != '\0') {
        const char *end = strstr(note, "; ");
        const size_t n = end != NULL ? (size_t)(end - note) : strlen(note);
        char *part = mem_strndup(note, n);
        if (part == NULL) {
            return mem_err(e, "a note");
        }
        jo_string(o, NULL, part);
        mem_free(part);
        note += end != NULL ? n + 2 : n;
    }
    jo_end(o);
    return PERSONA_OK;
}

static persona_code receipt_of(json_out *o, const answer_steering *x, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const persona_receipt *r = &x->receipt;
    jo_bool(o, "ok", true);
    if (!x->steered) {
        jo_null(o, "expression");
        goto out;
    }
    jo_string(o, "expression", r->expression);
    TRY(object_json(o, r->expression, e));
    jo_string(o, "unit", r->unit);
    jo_array(o, "blocks");
    for (size_t i = 0; i < r->n_layers; i++) {
        jo_int(o, NULL, r->layers[i]);
    }
    jo_end(o);
    jo_number(o, "delta_projection", r->delta_projection);
    TRY(warnings_json(o, r->note, e));
    grams_json(o, r);
out:
    return rc;
}

/* ---- why not --------------------------------------------------------------------------------- */

/* "... expression, column 7: ...", "... object, terms[2]: ..." and "... object: field 'terms[2].op'
 * ..." say where. */
static void place_json(json_out *o, const char *message)
{
    static const struct {
        const char *before, *end;
    } FIELDS[] = {{"steering object, ", ": "}, {"steering object: field '", "'"}};
    static const char in_text[] = "expression, column ";
    const char *column = strstr(message, in_text);
    if (column != NULL) {
        jo_int(o, "column", strtol(column + sizeof in_text - 1, NULL, 10));
        return;
    }
    for (size_t i = 0; i < sizeof FIELDS / sizeof *FIELDS; i++) {
        const char *at = strstr(message, FIELDS[i].before);
        if (at != NULL) {
            char name[STEER_PLACE];
            at += strlen(FIELDS[i].before);
            snprintf(name, sizeof name, "%.*s", (int)strcspn(at, FIELDS[i].end), at);
            jo_string(o, "field", name);
            return;
        }
    }
}

static bool is_the_wishs(persona_code rc)
{
    return rc == PERSONA_E_USAGE || rc == PERSONA_E_NOTFOUND || rc == PERSONA_E_SHAPE ||
           rc == PERSONA_E_FORMAT || rc == PERSONA_E_NUMERIC;
}

static void fault_json(json_out *o, const persona_err *why)
{
    char message[sizeof why->msg];
    snprintf(message, sizeof message, "%s", why->msg);
    error_redact(message);
    jo_bool(o, "ok", false);
    jo_object(o, "error");
    jo_string(o, "message", message);
    jo_string(o, "code", persona_code_name(why->code));
    place_json(o, message);
    jo_end(o);
}

static persona_code check(call *c, persona_err *e)
{
    const check_args *a = c->args;
    persona_code rc = PERSONA_OK;
    persona_err why = {.code = PERSONA_OK};
    served *m = NULL;
    answer_steering x = {.plan = NULL};
    TRY(call_model(c, a->model, &m, e));
    const steer_wish wish = {.steering = a->steering, .guard = a->guard};
    rc = server_steer(c->s, m, &wish, &x, &why);
    if (rc != PERSONA_OK && !is_the_wishs(rc)) {
        persona_err_set(e, rc, "%s", why.msg);
        goto out;
    }
    jo_object(&c->out, NULL);
    jo_string(&c->out, "model", m->id);
    if (rc != PERSONA_OK) {
        rc = PERSONA_OK;
        fault_json(&c->out, &why);
    } else {
        TRY(receipt_of(&c->out, &x, e));
    }
    jo_end(&c->out);
out:
    answer_steering_free(&x);
    registry_release(c->s->models, m);
    return rc;
}

static const field error_fields[] = {
    {.name = "message", .type = FIELD_STRING, .required = true},
    {.name = "code", .type = FIELD_STRING, .required = true},
    {.name = "column", .type = FIELD_INT, .help = "Of an expression, from 1"},
    {.name = "field", .type = FIELD_STRING, .help = "Of an object, such as terms[2]"},
    FIELD_LAST,
};
static const field block_element[] = {{.name = "", .type = FIELD_INT}};
static const field warning_element[] = {{.name = "", .type = FIELD_STRING}};
static const field answer_fields[] = {
    {.name = "model", .type = FIELD_STRING, .required = true},
    {.name = "ok", .type = FIELD_BOOL, .required = true},
    {.name = "error", .type = FIELD_OBJECT, .of = error_fields, .help = "Where ok is false"},
    {.name = "expression",
     .type = FIELD_STRING,
     .help = "In canonical form, recipes written out; null: no steering"},
    {.name = "object", .type = FIELD_ANY, .schema = "object", .help = "The same as an object"},
    {.name = "unit", .type = FIELD_STRING, .help = "dose, raw, ratio, mixed or none"},
    {.name = "blocks", .type = FIELD_ARRAY, .of = block_element},
    {.name = "delta_projection",
     .type = FIELD_NUMBER,
     .help = "What added vectors shift along themselves, per token"},
    {.name = "warnings",
     .type = FIELD_ARRAY,
     .of = warning_element,
     .help = "No calibration, outside of the safe range, vectors that nearly agree"},
    {.name = "joint",
     .type = FIELD_ANY,
     .schema = "object[]",
     .help = "Of joint groups: cosines and condition, block by block"},
    FIELD_LAST,
};

const route routes_native_steering[] = {
    {.method = "POST",
     .path = "/api/v1/steering/check",
     .errors = ERRORS_OPENAI,
     .body = check_fields,
     .args_size = sizeof(check_args),
     .run = check,
     .tag = "Steering",
     .summary = "What an expression would do, or what is wrong with it; nothing is run",
     .answer = answer_fields},
    {.method = NULL},
};
