/* SPDX-License-Identifier: MIT
 *
 * vector_convert.c - `persona vector convert IN OUT` and `persona vector combine EXPRESSION -o
 * OUT`.
 *
 * Both say on stderr (or in "notes") what a reader assumed, what a sum mixed and what the written
 * format cannot hold: a conversion that loses something in silence is worse than none.
 */
#include <string.h>

#include "base/mem.h"
#include "base/try.h"
#include "cli/vector_cmd.h"
#include "core/steer/expression.h"

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

/* The grammar is that of steering; here a coefficient multiplies the values as they are. */
static persona_code check_terms(const steer_expr *x, persona_err *e)
{
    for (size_t i = 0; i < x->n; i++) {
        const steer_term *t = &x->terms[i];
        if (t->op != STEER_ADD || t->v.kind != STEER_NAMED || t->joint > 0) {
            return persona_err_set(e, PERSONA_E_USAGE,
                                   "combine: column %zu: operators belong to steering, not to a "
                                   "vector",
                                   t->column);
        }
        if (t->unit == STEER_RATIO) {
            return persona_err_set(e, PERSONA_E_USAGE,
                                   "combine: 'ratio:%s' needs a model (coefficients here multiply "
                                   "the values as they are)",
                                   t->v.name);
        }
        if (t->phases != 0 || t->first > 0 || t->after > 0 || t->syntax_off || t->n_when > 0) {
            return persona_err_set(e, PERSONA_E_USAGE,
                                   "combine: a phase, window or condition after %s belongs to "
                                   "steering, not to a vector",
                                   t->v.name);
        }
    }
    return PERSONA_OK;
}

persona_code vector_combine(const vector_args *a, vector_input *in, size_t n, persona_err *e)
{
    steer_expr x = {0};
    persona_vector_term *terms = NULL;
    vector_input *inputs = NULL;
    persona_vector *sum = NULL;
    (void)in;
    (void)n;
    persona_code rc = PERSONA_OK;
    TRY(steer_parse(a->names[0], &x, e));
    TRY(check_terms(&x, e));
    inputs = cli_alloc(x.n, sizeof *inputs);
    terms = cli_alloc(x.n, sizeof *terms);
    for (size_t i = 0; i < x.n; i++) {
        const steer_term *t = &x.terms[i];
        TRY(vector_open(a, t->v.name, &inputs[i], e));
        terms[i] =
            (persona_vector_term){inputs[i].v, t->coefficient, t->block_a, t->block_b, t->v.name};
    }
    TRY(persona_vector_combine(terms, x.n, &sum, e));
    if (a->normalize) {
        TRY(persona_vector_normalize(sum, e));
    }
    result r = {.input = a->names[0], .output = a->output, .v = sum};
    TRY(write_result(a, &r, e));
out:
    persona_vector_free(sum);
    for (size_t i = 0; inputs && i < x.n; i++) {
        persona_vector_free(inputs[i].v);
    }
    mem_free(inputs);
    mem_free(terms);
    steer_expr_free(&x);
    return rc;
}
