/* SPDX-License-Identifier: MIT
 *
 * verify.c - the engine's promises on the model and backend at hand (include/persona/verify.h).
 *
 * Every check asks for a few tokens and compares distributions, bit for bit where the shape of the
 * calls is the same, or rows before and after an edit with what its formula says. The prompt is
 * plain text, so that it works for every model.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/linalg.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/try.h"
#include "pipeline/verify/verifier.h"

#define PROMPT "A cup of tea in the morning is a good thing, because"
#define ROW_LIMIT 1e-4 /* of a row's length: float32 arithmetic on rows */

enum { MOST_CHECKS = 32, N_CHECKS = 18 };

persona_verify_opts persona_verify_defaults(void)
{
    return (persona_verify_opts){.block = -1};
}

void persona_verification_free(persona_verification *v)
{
    if (v != NULL) {
        mem_free(v->checks);
        mem_free(v);
    }
}

static void book(verifier *x, const char *name, const char *about, double value, double limit)
{
    persona_verification *out = x->out;
    if (out->n < MOST_CHECKS) {
        out->checks[out->n++] = (persona_check){name, about, value <= limit, value, limit};
    }
    if (x->hooks != NULL && x->hooks->progress != NULL) {
        const persona_progress p = {.stage = "verify", .done = out->n, .total = N_CHECKS};
        x->hooks->progress(x->hooks->ud, &p);
    }
}

static persona_code plan_of(const verifier *x, persona_edit edit, persona_plan **out,
                            persona_err *e)
{
    return persona_plan_new(x->info->n_layer, x->info->n_embd, &edit, 1, out, e);
}

static persona_code speak(verifier *x, persona_session *s, persona_plan *plan, said *to,
                          persona_err *e)
{
    persona_request r = verify_request(x, plan, to);
    const persona_code rc = verify_run(x, s, &r, 1, e);
    x->out->n_tokens += to->n;
    return rc;
}

/* ---- nothing is nothing ---------------------------------------------------------------------- */

static persona_code check_nothing(verifier *x, persona_session *s, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    persona_plan *zero = NULL, *shut = NULL, *strong = NULL;
    const persona_gate gate = {.block = x->block,
                               .v = x->v,
                               .sd = (float)x->h,
                               .above = true,
                               .open = 1e6F,
                               .close = 1e6F};
    persona_edit edit = verify_edit(x, PERSONA_OP_ADD);
    edit.alpha *= 4;
    TRY(plan_of(x, edit, &strong, e));
    edit.gates = &gate;
    edit.n_gates = 1;
    TRY(plan_of(x, edit, &shut, e));
    edit.n_gates = 0;
    edit.alpha = 0;
    TRY(plan_of(x, edit, &zero, e));
    TRY(speak(x, s, NULL, &x->said[0], e));
    TRY(speak(x, s, NULL, &x->said[1], e));
    book(x, "repeat", "the same request twice gives the same distributions, bit for bit",
         said_apart(&x->said[0], 0, &x->said[1], 0, VERIFY_TOKENS), 0);
    TRY(speak(x, s, zero, &x->said[1], e));
    book(x, "zero", "coefficient 0 equals no steering, bit for bit",
         said_apart(&x->said[0], 0, &x->said[1], 0, VERIFY_TOKENS), 0);
    TRY(speak(x, s, shut, &x->said[1], e));
    book(x, "condition", "a condition that never holds changes nothing, bit for bit",
         said_apart(&x->said[0], 0, &x->said[1], 0, VERIFY_TOKENS), 0);
    TRY(speak(x, s, strong, &x->said[1], e));
    /* whoever edits copies of the rows would say the same as without steering */
    book(x, "effect", "steering reaches the distributions (value: 1 where it does not)",
         said_apart(&x->said[0], 0, &x->said[1], 0, 1) > 0 ? 0 : 1, 0);
out:
    persona_plan_free(zero);
    persona_plan_free(shut);
    persona_plan_free(strong);
    return rc;
}

/* ---- slots ----------------------------------------------------------------------------------- */

static persona_code check_slots(verifier *x, persona_session *s, persona_err *e)
{
    static const persona_op OPS[VERIFY_SLOTS] = {PERSONA_OP_ADD, PERSONA_OP_ROTATE,
                                                 PERSONA_OP_CLAMP, PERSONA_OP_ADD};
    persona_plan *plans[VERIFY_SLOTS] = {NULL};
    persona_request r[VERIFY_SLOTS];
    said *alone = &x->said[VERIFY_SLOTS];
    persona_code rc = PERSONA_OK;
    double apart = 0;
    for (int i = 0; i < VERIFY_SLOTS - 1; i++) { /* the last one is not steered */
        TRY(plan_of(x, verify_edit(x, OPS[i]), &plans[i], e));
    }
    for (int i = 0; i < VERIFY_SLOTS; i++) {
        r[i] = verify_request(x, plans[i], &x->said[i]);
    }
    TRY(verify_run(x, s, r, VERIFY_SLOTS, e));
    for (int i = 0; i < VERIFY_SLOTS; i++) {
        TRY(speak(x, s, plans[i], alone, e));
        apart = fmax(apart, said_apart(alone, 0, &x->said[i], 0, VERIFY_TOKENS));
    }
    book(x, "slots", "four slots with other plans, one with none: each as if it were alone", apart,
         0);
    for (int i = 0; i < VERIFY_SLOTS; i++) { /* the other way round */
        r[i] = verify_request(x, plans[VERIFY_SLOTS - 1 - i], &x->said[i]);
    }
    TRY(verify_run(x, s, r, VERIFY_SLOTS, e));
    TRY(speak(x, s, plans[0], alone, e));
    book(x, "order", "the order of slots changes nothing, bit for bit",
         said_apart(alone, 0, &x->said[VERIFY_SLOTS - 1], 0, VERIFY_TOKENS), 0);
out:
    for (int i = 0; i < VERIFY_SLOTS; i++) {
        persona_plan_free(plans[i]);
    }
    return rc;
}

/* ---- operators ------------------------------------------------------------------------------- */

static double coordinate(const verifier *x, const float *row)
{
    return vec_dot(row, x->v, (size_t)x->info->n_embd) / x->length;
}

/* The most that a row's coordinate is from where the formula puts it, in lengths of the row; for
 * those that keep the norm, what they lose of it, too. */
static double off_formula(const verifier *x, const persona_edit *edit, const said *a)
{
    const size_t d = a->n_embd;
    const bool keeps = edit->op == PERSONA_OP_KEEPNORM || edit->op == PERSONA_OP_ROTATE;
    double most = a->n_rows >= VERIFY_ROWS ? 0 : (double)INFINITY;
    for (size_t i = 0; i < a->n_rows; i++) {
        const float *was = a->before + i * d, *is = a->after + i * d;
        const double norm = vec_norm(was, d), scale = fmax(norm, vec_norm(is, d));
        const double p = verify_expected(edit, x->length, coordinate(x, was), norm);
        const double off = fabs(coordinate(x, is) - p) / scale;
        const double lost = keeps ? fabs(vec_norm(is, d) - norm) / scale : 0;
        most = fmax(most, fmax(off, lost));
    }
    return most;
}

static double left_over(const verifier *x, const said *a)
{
    double most = a->n_rows >= VERIFY_ROWS ? 0 : (double)INFINITY;
    for (size_t i = 0; i < a->n_rows; i++) {
        const float *row = a->after + i * a->n_embd;
        most = fmax(most, fabs(coordinate(x, row)) / vec_norm(row, a->n_embd));
    }
    return most;
}

/* What the receipt says was asked and measured, in lengths of a row. */
static double off_receipt(const verifier *x, const said *a)
{
    const double off = fabs(a->step.asked - a->step.measured) / x->h;
    return a->step.n > 0 && isfinite(off) ? off : (double)INFINITY; /* fmax would drop a NAN */
}

static persona_code check_operator(verifier *x, persona_session *s, persona_op op, const char *name,
                                   const char *about, persona_err *e)
{
    const persona_edit edit = verify_edit(x, op);
    said *a = &x->said[0];
    persona_plan *p = NULL;
    persona_code rc = PERSONA_OK;
    TRY(plan_of(x, edit, &p, e));
    persona_request r = verify_request(x, p, a);
    verify_read_rows(x, &r);
    TRY(verify_run(x, s, &r, 1, e));
    x->out->n_tokens += a->n;
    const double off = op == PERSONA_OP_HOLD ? 0 : off_formula(x, &edit, a);
    book(x, name, about, fmax(off, off_receipt(x, a)), ROW_LIMIT);
    if (op == PERSONA_OP_ABLATE) {
        book(x, "ablated", "what ablation leaves of the direction, of a row's length",
             left_over(x, a), ROW_LIMIT);
    }
out:
    persona_plan_free(p);
    return rc;
}

static persona_code check_operators(verifier *x, persona_session *s, persona_err *e)
{
    static const struct {
        persona_op op;
        const char *name, *about;
    } OPS[] = {
        {PERSONA_OP_ADD, "add", "rows move along the vector by what was asked"},
        {PERSONA_OP_ABLATE, "ablate", "the direction is projected out"},
        {PERSONA_OP_CAP, "cap", "no row is above its ceiling, rows below it are untouched"},
        {PERSONA_OP_FLOOR, "floor", "no row is below its floor, rows above it are untouched"},
        {PERSONA_OP_CLAMP, "clamp", "every row has its target"},
        {PERSONA_OP_KEEPNORM, "keepnorm", "rows move along the vector and keep their length"},
        {PERSONA_OP_ROTATE, "rotate", "rows turn by their angle and keep their length"},
        {PERSONA_OP_HOLD, "hold", "the loop acts, and its receipt says by how much"},
    };
    persona_code rc = PERSONA_OK;
    for (size_t i = 0; i < sizeof OPS / sizeof *OPS; i++) {
        TRY(check_operator(x, s, OPS[i].op, OPS[i].name, OPS[i].about, e));
    }
out:
    return rc;
}

/* ---- libllama's own way ---------------------------------------------------------------------- */

static persona_code check_adapter(verifier *x, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    persona_session *s[2] = {NULL, NULL};
    persona_plan *p = NULL;
    bool went[2] = {false, false}; /* through the API */
    persona_edit edit = verify_edit(x, PERSONA_OP_ADD);
    edit.phases = PERSONA_PHASE_ALL;
    edit.block = edit.block > 0 ? edit.block : 1;
    TRY(plan_of(x, edit, &p, e));
    for (int i = 0; i < 2; i++) {
        TRY(verify_session(x, 1, true, i == 1, &s[i], e));
        TRY(speak(x, s[i], p, &x->said[i], e));
        went[i] = persona_session_stats_get(s[i]).n_cvec_switches > 0;
        persona_session_free(s[i]);
        s[i] = NULL;
    }
    /* two answers made the same way would prove nothing */
    const double apart = said_apart(&x->said[0], 0, &x->said[1], 0, VERIFY_TOKENS);
    book(x, "control-vector", "libllama's control-vector API gives the same, bit for bit",
         went[0] && !went[1] ? apart : (double)INFINITY, 0);
out:
    persona_session_free(s[0]);
    persona_session_free(s[1]);
    persona_plan_free(p);
    return rc;
}

/* ---- a plan that is replaced ----------------------------------------------------------------- */

/* The rest of an answer as a request of its own, which takes over the rows that are there. */
static persona_code speak_rest(verifier *x, persona_session *s, persona_plan *p, said *to,
                               persona_token *longer, persona_err *e)
{
    const size_t n = x->prompt.n, k = VERIFY_SWITCH + 1;
    persona_request r = verify_request(x, p, to);
    memcpy(longer, x->prompt.ids, n * sizeof *longer);
    memcpy(longer + n, x->said[1].tokens, k * sizeof *longer);
    r.prompt = longer;
    r.n_prompt = n + k;
    r.sampling.max_tokens = VERIFY_TOKENS - (int)k;
    return verify_run(x, s, &r, 1, e);
}

static persona_code check_replan(verifier *x, persona_err *e)
{
    const size_t k = VERIFY_SWITCH + 1;
    persona_code rc = PERSONA_OK;
    persona_session *s = NULL;
    persona_plan *p = NULL;
    persona_token *longer = mem_calloc(x->prompt.n + k, sizeof *longer);
    TRY(longer != NULL ? PERSONA_OK : mem_err(e, "a prompt"));
    TRY(plan_of(x, verify_edit(x, PERSONA_OP_ADD), &p, e));
    TRY(verify_session(x, 1, false, false, &s, e));
    TRY(speak(x, s, NULL, &x->said[0], e));
    persona_request r = verify_request(x, NULL, &x->said[1]);
    x->said[1].to = p;
    TRY(verify_run(x, s, &r, 1, e));
    TRY(speak_rest(x, s, p, &x->said[2], longer, e));
    x->out->n_tokens += x->said[1].n + x->said[2].n;
    book(x, "replan-before", "a plan replaced in mid-answer: the tokens before are the old plan's",
         said_apart(&x->said[0], 0, &x->said[1], 0, k), 0);
    const bool took_over = x->said[2].n_reused == x->prompt.n + VERIFY_SWITCH;
    const double after = said_apart(&x->said[1], k, &x->said[2], 0, VERIFY_TOKENS - k);
    book(x, "replan-after", "the tokens behind are those of a request under the new plan",
         took_over ? after : (double)INFINITY, 0);
out:
    persona_session_free(s);
    persona_plan_free(p);
    mem_free(longer);
    return rc;
}

/* ---- all ------------------------------------------------------------------------------------- */

static persona_code choose_direction(verifier *x, persona_err *e)
{
    const persona_vector *v = x->opts.vector;
    const size_t d = (size_t)x->info->n_embd;
    rng source;
    x->block = x->opts.block >= 0                    ? x->opts.block
               : v != NULL && v->from.best_layer > 0 ? v->from.best_layer
                                                     : x->info->n_layer / 2;
    if (x->info->n_layer < 3) {
        return persona_err_set(e, PERSONA_E_UNAVAILABLE, "verify: the model has %d blocks",
                               x->info->n_layer);
    }
    if (x->block >= x->info->n_layer - 1 ||
        (v != NULL && (v->n_embd != x->info->n_embd || x->block >= v->n_layer ||
                       !v->layers[x->block].present))) {
        return persona_err_set(e, PERSONA_E_SHAPE,
                               "verify: no direction at block %d for a model of %d blocks of width "
                               "%d",
                               x->block, x->info->n_layer, x->info->n_embd);
    }
    x->v = mem_calloc(d, sizeof *x->v);
    if (x->v == NULL) {
        return mem_err(e, "a direction");
    }
    rng_seed(&source, x->opts.seed, 0x7665726966);
    for (size_t i = 0; i < d; i++) {
        x->v[i] = v != NULL ? persona_vector_row(v, x->block)[i] : (float)rng_normal(&source);
    }
    x->length = vec_norm(x->v, d);
    return x->length > 0 ? PERSONA_OK
                         : persona_err_set(e, PERSONA_E_NUMERIC,
                                           "verify: the direction at block %d is zero", x->block);
}

/* Where the rows of an unsteered answer are. */
static persona_code measure_rows(verifier *x, persona_session *s, persona_err *e)
{
    const said *a = &x->said[0];
    persona_request r = verify_request(x, NULL, &x->said[0]);
    persona_code rc = PERSONA_OK;
    verify_read_rows(x, &r);
    TRY(verify_run(x, s, &r, 1, e));
    for (size_t i = 0; i < a->n_rows; i++) {
        const float *row = a->before + i * a->n_embd;
        x->h += vec_norm(row, a->n_embd) / (double)a->n_rows;
        x->p += coordinate(x, row) / (double)a->n_rows;
    }
    x->out->row_norm = x->h;
    x->out->block = x->block;
    if (!(x->h > 0)) {
        rc = persona_err_set(e, PERSONA_E_NUMERIC, "verify: rows at block %d have no length",
                             x->block);
    }
out:
    return rc;
}

static persona_code check_all(verifier *x, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    persona_session *s = NULL;
    TRY(verify_session(x, VERIFY_SLOTS, true, false, &s, e));
    TRY(measure_rows(x, s, e));
    TRY(check_nothing(x, s, e));
    TRY(check_slots(x, s, e));
    TRY(check_operators(x, s, e));
    persona_session_free(s);
    s = NULL;
    TRY(check_adapter(x, e));
    TRY(check_replan(x, e));
out:
    persona_session_free(s);
    return rc;
}

static persona_code prepare(verifier *x, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    x->out = mem_calloc(1, sizeof *x->out);
    x->said = mem_calloc(VERIFY_SLOTS + 1, sizeof *x->said);
    TRY(x->out != NULL && x->said != NULL ? PERSONA_OK : mem_err(e, "a verification"));
    x->out->checks = mem_calloc(MOST_CHECKS, sizeof *x->out->checks);
    TRY(x->out->checks != NULL ? PERSONA_OK : mem_err(e, "a verification"));
    for (int i = 0; i <= VERIFY_SLOTS; i++) {
        TRY(said_init(&x->said[i], x->info, e));
    }
    TRY(choose_direction(x, e));
    TRY(persona_raw_tokens(x->m, PROMPT, false, &x->prompt, e));
out:
    return rc;
}

persona_code persona_verify(persona_model *m, const persona_verify_opts *opts,
                            const persona_hooks *hooks, persona_verification **out, persona_err *e)
{
    verifier x = {.m = m,
                  .info = persona_model_info_get(m),
                  .hooks = hooks,
                  .opts = opts != NULL ? *opts : persona_verify_defaults()};
    const double start = clock_now();
    persona_code rc = PERSONA_OK;
    *out = NULL;
    TRY(prepare(&x, e));
    TRY(check_all(&x, e));
    x.out->ok = true;
    for (size_t i = 0; i < x.out->n; i++) {
        x.out->ok = x.out->ok && x.out->checks[i].ok;
    }
    x.out->seconds = clock_now() - start;
    *out = x.out;
    x.out = NULL;
out:
    for (int i = 0; x.said != NULL && i <= VERIFY_SLOTS; i++) {
        said_free(&x.said[i]);
    }
    mem_free(x.said);
    mem_free(x.v);
    persona_tokens_free(&x.prompt);
    persona_verification_free(x.out);
    return rc;
}
