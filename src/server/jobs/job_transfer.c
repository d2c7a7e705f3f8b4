/* SPDX-License-Identifier: MIT
 *
 * job_transfer.c - the job `transfer`: a trait from one served model to another, with every
 * control, as `persona transfer` measures it; the vector goes into the target's library.
 */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/try.h"
#include "pipeline/dose/settle_sizes.h"
#include "pipeline/transfer/pairs_parts.h"
#include "server/jobs/job_plan.h"
#include "server/jobs/job_side.h"
#include "workbench/carry.h"
#include "workbench/results.h"

enum { COEFFICIENTS_MAX = 15 };

typedef struct transfer_args {
    const char *from, *to, *trait, *vector, *judge, *method, *pairing;
    const json_val *coefficients;
    int n_questions, n_answers, max_tokens, extract_tokens, text_tokens, n_rollouts, n_repeats;
    int n_random, n_draws, n_spread, n_settle, n_neutral, n_candidates, rank;
    double lambda;
    uint32_t seed;
    bool evaluate, all_controls;
} transfer_args;
_Static_assert(sizeof(transfer_args) <= JOB_ARGS_MAX, "JOB_ARGS_MAX");

static void init(void *p)
{
    const persona_study_opts o = persona_study_defaults();
    *(transfer_args *)p = (transfer_args){.n_answers = o.n_answers,
                                          .n_rollouts = o.n_rollouts,
                                          .n_repeats = 1,
                                          .evaluate = o.evaluate,
                                          .all_controls = o.all_controls};
}

static const char *const METHODS[] = {"ridge", "lowrank", "procrustes", "paired", "anchors", NULL};
static const char *const PAIRINGS[] = {"response", "chunk", NULL};
static const field a_number[] = {{.name = "", .type = FIELD_NUMBER, .min = -1000, .max = 1000}};

#define AT(member) offsetof(transfer_args, member)
#define NUMBER_OF(field_name, member, least, most, text)                                           \
    {                                                                                              \
        .name = field_name, .type = FIELD_INT, .min = least, .max = most, .at = AT(member),        \
        .help = text                                                                               \
    }
const field job_transfer_fields[] = {
    {.name = "from",
     .type = FIELD_STRING,
     .required = true,
     .min = 1,
     .max = SERVED_ID_MAX - 1,
     .at = AT(from),
     .help = "Id of the source model"},
    {.name = "to",
     .type = FIELD_STRING,
     .required = true,
     .min = 1,
     .max = SERVED_ID_MAX - 1,
     .at = AT(to),
     .help = "Id of the target model, into whose library the vector goes"},
    {.name = "trait",
     .type = FIELD_STRING,
     .required = true,
     .min = 1,
     .max = 64,
     .at = AT(trait),
     .help = "Name of a trait pack"},
    {.name = "vector",
     .type = FIELD_STRING,
     .min = 1,
     .max = 127,
     .at = AT(vector),
     .help = "Name of a vector of the source. Default: it is extracted"},
    {.name = "judge",
     .type = FIELD_STRING,
     .of_names = JOB_JUDGES,
     .at = AT(judge),
     .help = "Who scores the answers. Default auto: what the models name"},
    {.name = "evaluate",
     .type = FIELD_BOOL,
     .at = AT(evaluate),
     .help = "Measure it beside the controls. Default true"},
    {.name = "all_controls",
     .type = FIELD_BOOL,
     .at = AT(all_controls),
     .help = "False: only those that the verdict needs, and native. Default true"},
    {.name = "coefficients",
     .type = FIELD_ARRAY,
     .min = 2,
     .max = COEFFICIENTS_MAX,
     .of = a_number,
     .at = AT(coefficients),
     .help = "In doses, ascending, with -1 and 1. Default -2, -1, -0.5, 0, 0.5, 1, 2"},
    NUMBER_OF("questions", n_questions, 1, 100000, "At most so many of each half. Default: all"),
    NUMBER_OF("answers", n_answers, 1, 1000, "To each question and condition. Default 1"),
    NUMBER_OF("max_tokens", max_tokens, 1, 65536,
              "Length of an answer at most when the vector is evaluated. Default 96"),
    NUMBER_OF("extract_tokens", extract_tokens, 1, 65536,
              "Length of an answer at most when vectors are extracted. Default 128"),
    NUMBER_OF("text_tokens", text_tokens, 1, 65536,
              "Length of a text to map by at most. Default 96"),
    NUMBER_OF("rollouts", n_rollouts, 1, 1000,
              "Answers to each question, instruction and polarity of an extraction. Default 1"),
    NUMBER_OF("repeats", n_repeats, 1, 50,
              "1, or 3 and more with other seeds and texts; intervals cover them. Default 1"),
    NUMBER_OF("random", n_random, 2, 60, "Random directions to compare with. Default 20"),
    NUMBER_OF("draws", n_draws, 2, 60,
              "Shuffled maps, and random directions of the source. Default 5"),
    NUMBER_OF("draw_questions", n_spread, 1, 1000,
              "Questions that each of these answers. Default 8"),
    NUMBER_OF("settle_questions", n_settle, 1, 1000,
              "Questions that decide between the best two blocks. Default 20"),
    {.name = "method",
     .type = FIELD_STRING,
     .of_names = METHODS,
     .at = AT(method),
     .help = "Of the map. Default ridge"},
    {.name = "pairing",
     .type = FIELD_STRING,
     .of_names = PAIRINGS,
     .at = AT(pairing),
     .help = "What a row of the map is. Default response"},
    {.name = "lambda",
     .type = FIELD_NUMBER,
     .max = 1e6,
     .at = AT(lambda),
     .help = "Of a ridge. Default: chosen by cross-validation"},
    NUMBER_OF("rank", rank, 1, 65536, "Of a map of low rank. Default: chosen"),
    NUMBER_OF("neutral", n_neutral, 1, 100000, "Neutral texts to map by. Default: the program's"),
    NUMBER_OF("candidates", n_candidates, 1, 64,
              "Pairs of blocks that are tried by steering. Default 4"),
    {.name = "seed", .type = FIELD_SEED, .at = AT(seed), .help = "Default 0"},
    FIELD_LAST,
};

/* ---- what can be refused at once ------------------------------------------------------------- */

static persona_code check_coefficients(const json_val *list, persona_err *e)
{
    size_t ones = 0;
    double last = -(double)INFINITY;
    for (size_t i = 0; i < json_len(list); i++) {
        const double x = json_number(json_at(list, i), 0);
        if (!(x > last)) {
            return persona_err_set(e, PERSONA_E_USAGE, "coefficients[%zu]: must be ascending", i);
        }
        ones += fabs(fabs(x) - 1) < 1e-12 ? 1 : 0;
        last = x;
    }
    return list == NULL || ones == 2
               ? PERSONA_OK
               : persona_err_set(e, PERSONA_E_USAGE,
                                 "coefficients: must meet -1 and 1: the verdict compares them");
}

static persona_code check(const void *p, const job_context *c, persona_err *e)
{
    const transfer_args *a = p;
    persona_code rc = PERSONA_OK;
    persona_trait *trait = NULL;
    served_status m;
    TRY(registry_status(c->models, a->from, &m, e));
    TRY(registry_status(c->models, a->to, &m, e));
    TRY(job_trait(a->trait, &trait, e));
    TRY(check_coefficients(a->coefficients, e));
    const struct {
        bool wrong;
        const char *why;
    } rules[] = {
        {strcmp(a->from, a->to) == 0, "to: is the model it comes from; name another target"},
        {a->n_repeats == 2,
         "repeats: 1, or 3 to 50: two say too little about how far they scatter"},
        {a->n_repeats > 1 && !a->evaluate, "repeats: wants an evaluation"},
    };
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        if (rules[i].wrong) {
            rc = persona_err_set(e, PERSONA_E_USAGE, "%s", rules[i].why);
            goto out;
        }
    }
out:
    persona_trait_free(trait);
    return rc;
}

/* ---- the work -------------------------------------------------------------------------------- */

static const double DEFAULT_COEFFICIENTS[] = {-2, -1, -0.5, 0, 0.5, 1, 2};

static mapping_opts mapping_of(const transfer_args *a)
{
    mapping_opts m = mapping_defaults();
    m.method = a->method;
    m.chunks = a->pairing != NULL && strcmp(a->pairing, "chunk") == 0;
    m.lambda = a->lambda;
    m.rank = a->rank;
    m.n_neutral = a->n_neutral;
    m.n_candidates = a->n_candidates;
    m.seed = a->seed;
    return m;
}

/* list: room for the request's coefficients. */
static persona_study_opts study_of(const transfer_args *a, double *list)
{
    persona_study_opts o = persona_study_defaults();
    o.coefficients = DEFAULT_COEFFICIENTS;
    o.n_coefficients = sizeof DEFAULT_COEFFICIENTS / sizeof *DEFAULT_COEFFICIENTS;
    if (a->coefficients != NULL) {
        o.n_coefficients = json_len(a->coefficients);
        o.coefficients = list;
    }
    for (size_t i = 0; i < json_len(a->coefficients); i++) {
        list[i] = json_number(json_at(a->coefficients, i), 0);
    }
    o.n_questions = o.n_evaluate = a->n_questions;
    o.n_rollouts = a->n_rollouts;
    o.n_answers = a->n_answers;
    o.max_tokens = a->max_tokens;
    o.extract_tokens = a->extract_tokens;
    o.evaluate = a->evaluate;
    o.all_controls = a->all_controls;
    o.n_settle = a->n_settle;
    o.n_random = a->n_random;
    o.n_draws = a->n_draws;
    o.n_spread = a->n_spread;
    o.n_repeats = a->n_repeats;
    return o;
}

/* What `persona transfer --json` prints, without files. */
static void write_result(const transfer_args *a, const carry *x, json_out *o)
{
    persona_study *r = x->results[0];
    mem_free(r->job); /* where it lies is nobody's business */
    r->job = NULL;
    model_json(o, "from", x->source.info);
    model_json(o, "to", x->target.info);
    if (x->pairs != NULL) {
        jo_int(o, "n_texts_cut", (long long)x->pairs->n_cut);
    } else {
        jo_null(o, "n_texts_cut");
    }
    jo_string(o, "trait", r->trait);
    study_json(o, r);
    jo_string(o, "output", r->trait);
    jo_string(o, "judge", x->target.judge != NULL ? persona_judge_name(x->target.judge) : NULL);
    jo_int(o, "seed", (long long)a->seed);
    jo_number(o, "seconds", x->seconds);
}

static persona_code open_sides(const transfer_args *a, const job_context *c, job_side *from,
                               job_side *to, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const job_side_opts source = {a->from, a->judge, a->n_questions};
    const job_side_opts target = {a->to, a->judge, a->n_questions};
    TRY(job_side_open(c, &source, NULL, NULL, from, e));
    TRY(job_side_open(c, &target, from, NULL, to, e));
    if (a->evaluate && to->x.judge == NULL) {
        rc =
            persona_err_set(e, PERSONA_E_UNAVAILABLE,
                            "judge: no judge for %s: choose another one, or evaluate false", a->to);
    }
out:
    return rc;
}

static persona_code run(const void *p, const job_context *c, json_out *result, persona_err *e)
{
    static const rig_opts no_opts;
    const transfer_args *a = p;
    persona_code rc = PERSONA_OK;
    double coefficients[COEFFICIENTS_MAX];
    char *vector = NULL;
    job_side from = {.m = NULL}, to = {.m = NULL};
    carry x = {.rig = &no_opts,
               .mapping = mapping_of(a),
               .hooks = c->hooks,
               .from = a->from,
               .to = a->to,
               .borrowed = true,
               .trait = a->trait,
               .text_tokens = a->text_tokens,
               .writes_vectors = true,
               .judge_hint = "",
               .opts = study_of(a, coefficients)};
    TRY(open_sides(a, c, &from, &to, e));
    if (a->vector != NULL) {
        TRY(job_vector_place(c, &from, a->vector, &vector, e));
        x.vector = vector;
    }
    x.source = from.x;
    x.target = to.x;
    TRY(carry_run(&x, e));
    write_result(a, &x, result);
out:
    carry_free(&x);
    mem_free(vector);
    job_side_close(&to); /* its judge may be the other side's */
    job_side_close(&from);
    return rc;
}

/* ---- what it would take ---------------------------------------------------------------------- */

static size_t or_usual(int said, size_t usual)
{
    return said > 0 ? (size_t)said : usual;
}

/* All but 0, which is unsteered, too. */
static size_t steered_coefficients(const transfer_args *a)
{
    const size_t usual = sizeof DEFAULT_COEFFICIENTS / sizeof *DEFAULT_COEFFICIENTS;
    const size_t said = json_len(a->coefficients);
    size_t n = a->coefficients != NULL ? said : usual - 1;
    for (size_t i = 0; i < said; i++) {
        n -= json_number(json_at(a->coefficients, i), 1) == 0 ? 1 : 0;
    }
    return n;
}

/* Answers to one evaluation question. */
static size_t cells_of(const transfer_args *a)
{
    const size_t n = steered_coefficients(a);
    const size_t curves = a->all_controls ? 7 : 4, pairs = a->all_controls ? 2 : 0;
    return 3 + curves * n + 2 * pairs; /* 3: unsteered, and the instructions as text */
}

/* Answers that find a vector's block (settle.c): few questions at both signs of each candidate, for
 * a vector that is no draw at two steps and again around the best; then all for the two best. */
static size_t to_settle(const transfer_args *a, const job_plan_counts *to, bool drawn)
{
    const size_t usual = to->n_blocks <= SETTLE_CANDIDATES ? to->n_blocks : 4; /* mapfit.c */
    const size_t mapped = or_usual(a->n_candidates, usual);
    const size_t k = mapped < SETTLE_CANDIDATES ? mapped : SETTLE_CANDIDATES;
    const size_t all = or_usual(a->n_settle, SETTLE_DECIDE);
    const size_t few = all < SETTLE_FEW ? all : SETTLE_FEW;
    const size_t trials = drawn ? k : 2 * k + (k == SETTLE_CANDIDATES ? 4 : 0);
    return 2 * trials * few + 4 * (all - few);
}

/* n_others: traits whose vectors are controls, too. */
static void plan_evaluation(const transfer_args *a, const job_plan_counts *to, size_t n_others,
                            job_plan *out)
{
    const int most = a->max_tokens > 0 ? a->max_tokens : 96;
    const size_t repeats = (size_t)a->n_repeats, answers = or_usual(a->n_answers, 1);
    const size_t random = or_usual(a->n_random, 20), own = or_usual(a->n_draws, 5);
    const size_t others = a->all_controls ? n_others : 0;
    const size_t kinds = a->all_controls ? 4 : 3, vectors = a->all_controls ? 4 : 3;
    const size_t spread = or_usual(a->n_spread, 8), n = steered_coefficients(a);
    /* draws stand at both ends, one of each kind also between them */
    const size_t drawn = (2 * (random + 2 * own) + kinds * (n > 2 ? n - 2 : 0)) * spread;
    job_plan_add(out, "to settle blocks", to->model,
                 vectors * to_settle(a, to, false) * repeats +
                     (random + 2 * own + others) * to_settle(a, to, true),
                 most);
    job_plan_add(out, "evaluation", to->model, cells_of(a) * to->n_evaluate * answers * repeats,
                 most);
    job_plan_add(out, "drawn controls", to->model, (drawn + 2 * others * to->n_evaluate) * answers,
                 most);
}

static persona_code plan(const void *p, const job_context *c, job_plan *out, persona_err *e)
{
    const transfer_args *a = p;
    persona_code rc = PERSONA_OK;
    job_plan_counts from, to;
    char **names = NULL;
    size_t n_packs = 0;
    const int most = a->extract_tokens > 0 ? a->extract_tokens : 128;
    TRY(job_plan_size(c, a->from, a->trait, a->n_questions, &from, e));
    TRY(job_plan_size(c, a->to, a->trait, a->n_questions, &to, e));
    TRY(persona_trait_names(&names, &n_packs, e));
    const size_t per_pack = or_usual(a->n_questions, 20);
    if (a->vector == NULL) {
        job_plan_extract(out, "source vector", &from, a->n_rollouts, most);
    }
    job_plan_add(out, "texts to map by", from.model,
                 2 * n_packs * (per_pack < from.n_extract ? per_pack : from.n_extract) +
                     or_usual(a->n_neutral, 120),
                 a->text_tokens > 0 ? a->text_tokens : 96);
    if (a->evaluate) {
        job_plan_extract(out, "native vector", &to, a->n_rollouts, most);
        plan_evaluation(a, &to, n_packs > 0 ? n_packs - 1 : 0, out);
    }
out:
    persona_names_free(names, n_packs);
    return rc;
}

const job_kind job_kind_transfer = {
    .name = "transfer",
    .fields = job_transfer_fields,
    .args_size = sizeof(transfer_args),
    .init = init,
    .check = check,
    .run = run,
    .plan = plan,
    .summary = "Carries a trait to another model and measures what arrived",
};
