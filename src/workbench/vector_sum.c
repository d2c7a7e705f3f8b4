/* SPDX-License-Identifier: MIT
 *
 * vector_sum.c - sums of vectors as expressions (vector_json.h).
 */
#include "base/mem.h"
#include "base/try.h"
#include "core/steer/expression.h"
#include "workbench/vector_json.h"

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

persona_code vector_sum(const char *expression, vector_opener open, void *ud, persona_vector **out,
                        persona_err *e)
{
    steer_expr x = {0};
    persona_vector_term *terms = NULL;
    persona_vector **inputs = NULL;
    persona_code rc = PERSONA_OK;
    *out = NULL;
    TRY(steer_parse(expression, &x, e));
    TRY(check_terms(&x, e));
    inputs = mem_calloc(x.n, sizeof(persona_vector *));
    terms = mem_calloc(x.n, sizeof *terms);
    TRY(inputs != NULL && terms != NULL ? PERSONA_OK : mem_err(e, "a sum of vectors"));
    for (size_t i = 0; i < x.n; i++) {
        const steer_term *t = &x.terms[i];
        TRY(open(ud, t->v.name, &inputs[i], e));
        terms[i] =
            (persona_vector_term){inputs[i], t->coefficient, t->block_a, t->block_b, t->v.name};
    }
    TRY(persona_vector_combine(terms, x.n, out, e));
out:
    for (size_t i = 0; inputs != NULL && i < x.n; i++) {
        persona_vector_free(inputs[i]);
    }
    mem_free(inputs);
    mem_free(terms);
    steer_expr_free(&x);
    return rc;
}
