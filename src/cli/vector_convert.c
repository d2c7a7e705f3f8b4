/* SPDX-License-Identifier: MIT
 *
 * vector_convert.c - `persona vector convert IN OUT` and `persona vector combine EXPRESSION -o
 * OUT`.
 *
 * Both say on stderr (or in "notes") what a reader assumed, what a sum mixed and what the written
 * format cannot hold: a conversion that loses something in silence is worse than none.
 */
#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "base/try.h"
#include "cli/vector_cmd.h"
#include "workbench/vector_json.h"

/* ---- what both end with ---------------------------------------------------------------------- */

typedef struct result {
    const char *input, *from, *output;
    const persona_vector *v;
    char *written; /* the note of the writer */
} result;

/* The notes of reading and combining stand in the vector itself. */
static persona_code report_json(const vector_args *a, const result *r, const char *to,
                                persona_err *e)
{
    cli_json j;
    json_out *o = cli_json_begin(&j, "vector");
    int n = 0;
    for (int b = 0; b < r->v->n_layer; b++) {
        n += r->v->layers[b].present;
    }
    jo_string(o, r->from ? "input" : "expression", r->input);
    jo_string(o, "output", r->output);
    if (r->from) {
        jo_string(o, "from", r->from);
    }
    jo_string(o, "to", to);
    jo_string(o, "unit", r->v->from.unit);
    jo_string(o, "source", r->v->from.source);
    jo_int(o, "n_layer", r->v->n_layer);
    jo_int(o, "n_embd", r->v->n_embd);
    jo_int(o, "n_directions", n);
    jo_array(o, "notes");
    if (*r->v->from.note) {
        jo_string(o, NULL, r->v->from.note);
    }
    if (*r->written) {
        jo_string(o, NULL, r->written);
    }
    jo_end(o);
    return cli_json_end(a->c, &j, e);
}

static persona_code write_result(const vector_args *a, result *r, persona_err *e)
{
    const char *to = a->to ? a->to : persona_vector_format_of(r->output);
    if (!to) {
        return persona_err_set(e, PERSONA_E_USAGE,
                               "%s: the extension names no format; say --to gguf, safetensors, "
                               "json, f32 or pt",
                               r->output);
    }
    persona_code rc = persona_vector_write_as(r->v, r->output, to, &r->written, e);
    if (rc != PERSONA_OK) {
        return rc;
    }
    if (a->c->json) {
        rc = report_json(a, r, to, e);
    } else {
        if (*r->v->from.note) {
            cli_say(a->c, "note: %s", r->v->from.note);
        }
        if (*r->written) {
            cli_say(a->c, "note: %s", r->written);
        }
        printf("%s\n", r->output);
        rc = cli_flush(e);
    }
    mem_free(r->written);
    r->written = NULL;
    return rc;
}

/* ---- convert --------------------------------------------------------------------------------- */

/* Adds the vector that a part of a triple is relative to. */
static persona_code add_debias(const vector_args *a, vector_input *in, persona_err *e)
{
    vector_input base = {0};
    persona_vector *sum = NULL;
    persona_code rc = PERSONA_OK;
    TRY(vector_open(a, a->debias, &base, e));
    const persona_vector_term terms[] = {{base.v, 1, -1, -1, base.name},
                                         {in->v, 1, -1, -1, in->name}};
    TRY(persona_vector_combine(terms, 2, &sum, e));
    TRY(persona_vector_label(&sum->from.source, in->v->from.source, e));
    persona_vector_free(in->v);
    in->v = sum;
    sum = NULL;
out:
    persona_vector_free(sum);
    persona_vector_free(base.v);
    return rc;
}

static persona_code set_depth(const vector_args *a, vector_input *in, persona_err *e)
{
    persona_vector *other = NULL;
    const persona_code rc = persona_vector_resize(in->v, a->n_layer, &other, e);
    if (rc != PERSONA_OK) {
        persona_err_wrap(e, "%s", in->name);
        return rc;
    }
    persona_vector_free(in->v);
    in->v = other;
    return PERSONA_OK;
}

persona_code vector_convert(const vector_args *a, vector_input *in, size_t n, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    (void)n; /* one */
    if (a->debias) {
        TRY(add_debias(a, in, e));
    }
    if (a->n_layer > 0) {
        TRY(set_depth(a, in, e));
    }
    if (a->model_arch) {
        TRY(persona_vector_label(&in->v->from.model_arch, a->model_arch, e));
    }
    if (a->normalize) {
        TRY(persona_vector_normalize(in->v, e));
    }
    result r = {.input = in->name, .from = in->format, .output = a->names[1], .v = in->v};
    TRY(write_result(a, &r, e));
out:
    return rc;
}

/* ---- combine --------------------------------------------------------------------------------- */

static persona_code open_term(void *ud, const char *name, persona_vector **out, persona_err *e)
{
    vector_input in = {0};
    const persona_code rc = vector_open(ud, name, &in, e);
    *out = in.v;
    return rc;
}

persona_code vector_combine(const vector_args *a, vector_input *in, size_t n, persona_err *e)
{
    persona_vector *sum = NULL;
    persona_code rc = PERSONA_OK;
    (void)in;
    (void)n;
    TRY(vector_sum(a->names[0], open_term, (void *)(uintptr_t)a, &sum, e));
    if (a->normalize) {
        TRY(persona_vector_normalize(sum, e));
    }
    result r = {.input = a->names[0], .output = a->output, .v = sum};
    TRY(write_result(a, &r, e));
out:
    persona_vector_free(sum);
    return rc;
}
