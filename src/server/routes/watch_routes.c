/* SPDX-License-Identifier: MIT
 *
 * watch_routes.c - /api/v1/watch: vectors along which all answers of a model are read, for who
 * looks after a server. It holds until the server ends.
 */
#include <stdio.h>
#include <string.h>

#include "base/try.h"
#include "server/routes/call_parts.h"
#include "workbench/probe_spec.h"

static void entry(json_out *o, const watched *x)
{
    jo_string(o, "model", x->model);
    jo_array(o, "vectors");
    for (size_t i = 0; i < x->n; i++) {
        jo_string(o, NULL, x->names[i]);
    }
    jo_end(o);
}

static void listed(void *ud, const watched *x)
{
    json_out *o = ud;
    jo_object(o, NULL);
    entry(o, x);
    jo_end(o);
}

static persona_code list(call *c, persona_err *e)
{
    (void)e;
    jo_object(&c->out, NULL);
    jo_array(&c->out, "watch");
    watch_each(c->s->watch, listed, &c->out);
    jo_end(&c->out);
    jo_end(&c->out);
    return PERSONA_OK;
}

typedef struct put_args {
    const json_val *vectors;
} put_args;

/* A name that cannot be read along is told now, not to everybody who asks something later. */
static persona_code check(call *c, const served *m, const watched *x, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    persona_probes *p = NULL;
    TRY(persona_probes_new(m->model, &p, e));
    for (size_t i = 0; i < x->n; i++) {
        rc = probe_spec_add(p, m->model, c->s->library, x->names[i], -1, e);
        if (rc != PERSONA_OK) {
            persona_err_wrap(e, "vectors[%zu]", i);
            goto out;
        }
    }
out:
    persona_probes_free(p);
    return rc;
}

static persona_code put(call *c, persona_err *e)
{
    const put_args *a = c->args;
    persona_code rc = PERSONA_OK;
    served *m = NULL;
    watched x = {.n = json_len(a->vectors)};
    TRY(call_model(c, c->parts[0], &m, e));
    snprintf(x.model, sizeof x.model, "%s", m->id);
    for (size_t i = 0; i < x.n; i++) {
        snprintf(x.names[i], sizeof x.names[i], "%s", json_string(json_at(a->vectors, i)));
    }
    TRY(check(c, m, &x, e));
    TRY(watch_set(c->s->watch, &x, e));
    jo_object(&c->out, NULL);
    entry(&c->out, &x);
    jo_end(&c->out);
out:
    registry_release(c->s->models, m);
    return rc;
}

static const field a_name[] = {{.name = "",
                                .type = FIELD_STRING,
                                .min = 1,
                                .max = WATCH_NAME_MAX - 1,
                                .at = FIELD_NOWHERE,
                                .help = "NAME or NAME@BLOCK, as in probes"}};
static const field put_fields[] = {
    {.name = "vectors",
     .type = FIELD_ARRAY,
     .required = true,
     .max = WATCH_PROBES_MAX,
     .of = a_name,
     .at = offsetof(put_args, vectors),
     .help = "Of the model's library. []: none any more"},
    FIELD_LAST,
};
static const field a_string[] = {{.name = "", .type = FIELD_STRING}};
static const field watched_fields[] = {
    {.name = "model", .type = FIELD_STRING, .required = true},
    {.name = "vectors", .type = FIELD_ARRAY, .required = true, .of = a_string},
    FIELD_LAST,
};
static const field watched_element[] = {{.name = "", .type = FIELD_OBJECT, .of = watched_fields}};
static const field list_fields[] = {
    {.name = "watch", .type = FIELD_ARRAY, .required = true, .of = watched_element},
    FIELD_LAST,
};

const route routes_watch[] = {
    {.method = "GET",
     .path = "/api/v1/watch",
     .errors = ERRORS_OPENAI,
     .run = list,
     .tag = "Running answers",
     .summary = "Along which vectors all answers of a model are read",
     .answer = list_fields},
    {.method = "PUT",
     .path = "/api/v1/watch/{model}",
     .errors = ERRORS_OPENAI,
     .body = put_fields,
     .args_size = sizeof(put_args),
     .run = put,
     .tag = "Running answers",
     .summary = "Sets them; the readings stand in the list of answers",
     .answer = watched_fields},
    {.method = NULL},
};
