/* SPDX-License-Identifier: MIT
 *
 * steer.c - from what a request, its key or the operator says to a plan.
 */
#include <string.h>

#include "base/mem.h"
#include "base/try.h"
#include "server/serve/server.h"

/* Of the operator: "MODEL=EXPR". */
static const char *default_of(const server *s, const served *m)
{
    for (size_t i = 0; i < s->opts.n_default_steering; i++) {
        const char *x = s->opts.default_steering[i];
        const size_t n = strcspn(x, "=");
        if (x[n] == '=' && strlen(m->id) == n && strncmp(x, m->id, n) == 0) {
            return x + n + 1;
        }
    }
    return NULL;
}

static persona_code guard_plan(persona_plan *plan, const char *guard, persona_err *e)
{
    persona_guard g = {.mode = PERSONA_GUARD_WARN, .ratio = 1};
    for (int m = 0; guard != NULL && persona_guard_name(m) != NULL; m++) {
        g.mode = strcmp(guard, persona_guard_name(m)) == 0 ? (persona_guard_mode)m : g.mode;
    }
    return plan != NULL ? persona_plan_guard(plan, g, e) : PERSONA_OK;
}

persona_code steering_text(const json_val *v, const char *field_name, char **out, persona_err *e)
{
    *out = NULL;
    switch (json_typeof(v)) {
    case JSON_NULL:
        return PERSONA_OK;
    case JSON_STRING:
        if (strlen(json_string(v)) != json_string_len(v)) {
            return persona_err_set(e, PERSONA_E_USAGE, "%s: holds the character U+0000",
                                   field_name);
        }
        *out = mem_strdup(json_string(v));
        break;
    case JSON_OBJECT: {
        buf b;
        json_out o;
        buf_init(&b, 64 << 10);
        jo_init(&o, &b, false);
        jo_value(&o, NULL, v);
        *out = buf_take(&b);
        buf_free(&b);
        break;
    }
    case JSON_BOOL:
    case JSON_NUMBER:
    case JSON_ARRAY:
        return persona_err_set(e, PERSONA_E_USAGE, "%s: wants an expression, an object or null",
                               field_name);
    }
    return *out != NULL ? PERSONA_OK : mem_err(e, "steering");
}

persona_code server_steer(server *s, served *m, const steer_wish *wish, answer_steering *out,
                          persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char *text = NULL;
    cvector set[CVECTORS_MAX];
    const char *expression = wish->key_steering;
    *out = (answer_steering){.plan = NULL};
    if (wish->steering != NULL) {
        TRY(steering_text(wish->steering, "steering", &text, e));
        expression = text;
    } else if (expression == NULL) { /* what was set under way, then what the operator said */
        TRY(cvectors_expression(set, cvectors_of(s->cvectors, m->id, set), &text, e));
        expression = text != NULL ? text : default_of(s, m);
    }
    if (expression == NULL) {
        goto out;
    }
    rc = library_steer_named(s->library, m->model, expression, &out->plan, &out->receipt, e);
    if (rc != PERSONA_OK) {
        persona_err_wrap(e, "steering");
        goto out;
    }
    out->steered = true;
    rc = guard_plan(out->plan, wish->guard, e);
out:
    mem_free(text);
    return rc;
}
