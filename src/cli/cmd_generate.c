/* SPDX-License-Identifier: MIT
 *
 * cmd_generate.c - `persona generate`: answer a prompt, steered if you like.
 *
 * Steering edits activations; it never touches sampling or the prompt (house rule 13). What was
 * done is reported by the receipt: expression, unit, blocks and how far the residual stream was
 * moved.
 */
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/try.h"
#include "cli/cli.h"
#include "cli/generate_probe.h"
#include "cli/print_stream.h"
#include "core/measure/stats.h"
#include "pipeline/dose/kl.h"

enum { MAX_VECTORS = 32 };

typedef struct generate_args {
    cli_state *c;
    const char *model, *prompt, *prompt_file, *system, *steer, *effort;
    const char *vectors[MAX_VECTORS];
    char paths[MAX_VECTORS][PATH_MAX]; /* "F" cut from "F:S" */
    float scales[MAX_VECTORS];
    size_t n_vectors;
    int range_a, range_b, n_samples;
    opt_list probes;
    bool raw, skip_analysis, kl;
    bool ignore_eos;
} generate_args;

/* ---- options --------------------------------------------------------------------------------- */

static persona_code add_vector(const opt_call *x, size_t len, double scale, persona_err *e)
{
    generate_args *a = x->base;
    if (a->n_vectors == MAX_VECTORS) {
        return persona_err_set(e, PERSONA_E_USAGE, "more than %d control vectors", MAX_VECTORS);
    }
    if (len >= PATH_MAX) {
        return persona_err_set(e, PERSONA_E_USAGE,
                               "%s: the file's name has %zu bytes, more than %d", x->typed, len,
                               PATH_MAX - 1);
    }
    char *path = a->paths[a->n_vectors];
    memcpy(path, x->value, len);
    path[len] = '\0';
    a->vectors[a->n_vectors] = path;
    a->scales[a->n_vectors++] = (float)scale;
    return PERSONA_OK;
}

static persona_code set_vector(const opt_call *x, persona_err *e)
{
    return add_vector(x, strlen(x->value), 1, e);
}

/* "FILE SCALE" in two words, or "FILE:SCALE" in one. */
static persona_code set_scaled(const opt_call *x, persona_err *e)
{
    const char *colon = strrchr(x->value, ':');
    char *end = NULL;
    if (colon && colon[1]) {
        (void)strtod(colon + 1, &end);
    }
    const bool joined = end && *end == '\0' && !file_exists(x->value);
    const char *number = joined ? colon + 1 : opt_next_word(x);
    if (!number) {
        return persona_err_set(e, PERSONA_E_USAGE, "%s wants a file and a scale", x->typed);
    }
    double scale = 0;
    persona_code rc = PERSONA_OK;
    TRY(opt_real(x->typed, number, -1e6, 1e6, &scale, e));
    TRY(add_vector(x, joined ? (size_t)(colon - x->value) : strlen(x->value), scale, e));
out:
    return rc;
}

static persona_code set_range(const opt_call *x, persona_err *e)
{
    generate_args *a = x->base;
    const char *second = opt_next_word(x);
    if (!second) {
        return persona_err_set(e, PERSONA_E_USAGE, "%s wants two block numbers", x->typed);
    }
    persona_code rc = PERSONA_OK;
    TRY(opt_int(x->typed, x->value, 1, 10000, &a->range_a, e));
    TRY(opt_int(x->typed, second, a->range_a, 10000, &a->range_b, e));
out:
    return rc;
}

#define AT(member) offsetof(generate_args, member)

static const opt prompt_options[] = {
    OPT_MODEL(AT(model)),
    {.name = "prompt",
     .key = 'p',
     .type = OPT_TEXT,
     .arg = "TEXT",
     .at = AT(prompt),
     .help = "What to answer; - reads standard input"},
    {.name = "file",
     .key = 'f',
     .type = OPT_FILE,
     .arg = "FILE",
     .at = AT(prompt_file),
     .help = "Read the prompt from a file"},
    OPT_SYSTEM(AT(system)),
    {.name = "raw",
     .type = OPT_ON,
     .at = AT(raw),
     .help = "No chat template: continue the text; <|...|> are control tokens"},
    {.name = "effort",
     .type = OPT_TEXT,
     .arg = "LEVEL",
     .at = AT(effort),
     .help = "gpt-oss: reasoning effort low, medium or high"},
    {.name = "no-analysis",
     .type = OPT_ON,
     .at = AT(skip_analysis),
     .help = "gpt-oss: answer without reasoning first"},
    {.name = NULL},
};
static const opt_group group_prompt = {NULL, false, prompt_options};

static const opt steering_options[] = {
    {.name = "steer",
     .type = OPT_TEXT,
     .arg = "EXPR",
     .at = AT(steer),
     .help = "For example '1.0*silly - 0.5*superficial@3-5', or a JSON object of the same"},
    {.name = "control-vector",
     .type = OPT_OWN,
     .set = set_vector,
     .arg = "FILE",
     .help = "Add a control vector as llama.cpp does"},
    {.name = "control-vector-scaled",
     .type = OPT_OWN,
     .set = set_scaled,
     .arg = "FILE SCALE",
     .help = "The same, scaled; also FILE:SCALE"},
    {.name = "control-vector-layer-range",
     .type = OPT_OWN,
     .set = set_range,
     .arg = "A B",
     .help = "Blocks for control vectors, inclusive"},
    {.name = "kl",
     .type = OPT_ON,
     .at = AT(kl),
     .help = "Read the answer again with and without steering, and say how far the distributions "
             "are apart (nats a token)"},
    {.name = "probe",
     .type = OPT_LIST,
     .arg = "NAME[@A-B]",
     .at = AT(probes),
     .help = "Read this vector while the model writes, token by token, before the edits of the "
             "block; may be repeated"},
    {.name = NULL},
};
static const opt_group group_steering = {"Steering", false, steering_options};

static const opt answers_options[] = {
    {.name = "ignore-eos", .type = OPT_ON, .at = AT(ignore_eos), .help = "Go on past the end"},
    {.name = "samples",
     .type = OPT_INT,
     .arg = "N",
     .min = 1,
     .max = 10000,
     .at = AT(n_samples),
     .help = "Several answers, with seeds SEED, SEED+1, ..."},
    {.name = NULL},
};
static const opt_group group_answers = {"Answers", false, answers_options};

static persona_code check(void *p, persona_err *e)
{
    const generate_args *a = p;
    const struct {
        bool wrong;
        const char *why;
    } rules[] = {
        {!a->prompt && !a->prompt_file, "--prompt is missing"},
        {a->prompt && a->prompt_file, "--prompt and --file are one too many"},
        {a->raw && a->system, "--raw has no system message: put it into the prompt"},
        {a->steer && a->n_vectors > 0,
         "--steer and --control-vector do not mix: name the file in the expression"},
        {a->range_b > 0 && a->n_vectors == 0,
         "--control-vector-layer-range without a control vector"},
        {a->kl && !a->steer && a->n_vectors == 0, "--kl without steering"},
    };
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        if (rules[i].wrong) {
            return persona_err_set(e, PERSONA_E_USAGE, "%s", rules[i].why);
        }
    }
    return PERSONA_OK;
}

static void init(void *p)
{
    generate_args *a = p;
    a->n_samples = 1;
}

/* ---- work ------------------------------------------------------------------------------------ */

typedef struct reply {
    print_stream stream;
    char *text, *analysis;
    persona_token *tokens; /* n_generated */
    size_t n_prompt, n_generated;
    receipt_done steering;
    bool answered;
    persona_finish finish;
    const probing *probing;
    probed probed;
} reply;

typedef struct work {
    rig x;
    persona_tokens prompt;
    persona_plan *plan;
    persona_receipt receipt;
    bool steered;
    reply *replies;
    probing probing;
    double seconds;
} work;

static void on_done(void *ud, const persona_result *r)
{
    reply *out = ud;
    out->text = cli_strdup(r->text);
    out->analysis = cli_strdup(r->analysis);
    out->n_prompt = r->n_prompt;
    out->n_generated = r->n_tokens;
    out->tokens = cli_alloc(r->n_tokens + 1, sizeof *out->tokens);
    memcpy(out->tokens, r->tokens, r->n_tokens * sizeof *r->tokens);
    cli_take_receipt(&out->steering, r);
    out->answered = r->answered;
    out->finish = r->finish;
    probed_take(out->probing, r, &out->probed);
}

static persona_code read_prompt(const generate_args *a, char **out, persona_err *e)
{
    const char *path = a->prompt_file;
    if (a->prompt && strcmp(a->prompt, "-") == 0) {
        path = "/dev/stdin";
    }
    if (!path) {
        *out = cli_strdup(a->prompt);
        return PERSONA_OK;
    }
    return file_read_text(path, 16 << 20, out, e);
}

static persona_code tokenize(const generate_args *a, work *w, persona_err *e)
{
    char *text = NULL;
    persona_code rc = PERSONA_OK;
    TRY(read_prompt(a, &text, e));
    if (a->raw) {
        TRY(persona_raw_tokens(w->x.model, text, false, &w->prompt, e));
    } else {
        const persona_message messages[] = {{"system", a->system}, {"user", text}};
        const persona_chat_opts chat = {.effort = a->effort, .skip_analysis = a->skip_analysis};
        const size_t skip = a->system ? 0 : 1;
        TRY(persona_chat_tokens(w->x.model, messages + skip, 2 - skip, &chat, &w->prompt, e));
    }
    if (w->prompt.n == 0) {
        rc = persona_err_set(e, PERSONA_E_USAGE, "the prompt is empty");
    }
out:
    mem_free(text);
    return rc;
}

static persona_code plan(const generate_args *a, work *w, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    if (a->steer) {
        TRY(persona_steer(w->x.model, a->steer, &w->plan, &w->receipt, e));
    } else if (a->n_vectors > 0) {
        const persona_control_vectors x = {.paths = a->vectors,
                                           .scales = a->scales,
                                           .n = a->n_vectors,
                                           .first = a->range_a,
                                           .last = a->range_b};
        TRY(persona_steer_files(w->x.model, &x, &w->plan, &w->receipt, e));
    }
    w->steered = a->steer || a->n_vectors > 0;
    TRY(cli_guard(a->c, w->plan, e));
    if (w->steered && w->receipt.note && *w->receipt.note) {
        cli_say(a->c, "note: %s", w->receipt.note);
    }
out:
    return rc;
}

/* A context that holds the prompt and the answer, and no more than the model was trained for. */
static int context_for(const generate_args *a, const work *w)
{
    const int wanted = (int)w->prompt.n + a->c->sampling.max_tokens;
    return wanted < 128 ? 128 : wanted;
}

/* A bare session knows neither a name for the work nor how much it will be. */
static void on_progress(void *ud, const persona_progress *p)
{
    const generate_args *a = ud;
    persona_progress named = *p;
    named.stage = "generate";
    named.total = (size_t)a->n_samples;
    a->c->hooks.progress(a->c->hooks.ud, &named);
}

static persona_code give_answers(generate_args *a, work *w, persona_err *e)
{
    const bool live = !a->c->json && a->n_samples == 1;
    persona_request *requests = cli_alloc((size_t)a->n_samples, sizeof *requests);
    const persona_hooks hooks = {
        .ud = a, .progress = live ? NULL : on_progress, .cancel = a->c->hooks.cancel};
    for (int i = 0; i < a->n_samples; i++) {
        reply *r = &w->replies[i];
        print_stream_init(&r->stream, a->c->verbosity > 0);
        r->probing = &w->probing;
        requests[i] = (persona_request){.prompt = w->prompt.ids,
                                        .n_prompt = w->prompt.n,
                                        .raw = a->raw,
                                        .sampling = a->c->sampling,
                                        .plan = w->plan,
                                        .taps = w->probing.taps,
                                        .n_taps = w->probing.n_taps,
                                        .ud = r,
                                        .on_done = on_done};
        requests[i].sampling.seed = a->c->seed + (uint32_t)i;
        requests[i].sampling.ignore_eos = a->ignore_eos;
        if (live) {
            requests[i].on_token = print_stream_token; /* the stream is the reply's first member */
        }
    }
    const double start = clock_now();
    const persona_code rc =
        persona_session_run_all(w->x.session, requests, (size_t)a->n_samples, &hooks, e);
    w->seconds = clock_now() - start;
    print_stream_end(&w->replies[0].stream);
    if (rc != PERSONA_OK && w->replies[0].stream.printed) {
        putchar('\n'); /* the error is a line of its own */
        (void)fflush(stdout);
    }
    mem_free(requests);
    return rc;
}

/* How far the first answer is from what the model would have said without steering. */
static persona_code measure_kl(const generate_args *a, work *w, persona_err *e)
{
    reply *r = &w->replies[0];
    receipt_done *d = &r->steering;
    const persona_request q = {
        .prompt = w->prompt.ids, .n_prompt = w->prompt.n, .raw = a->raw, .plan = w->plan};
    const persona_hooks hooks = {.cancel = a->c->hooks.cancel};
    double *kl = cli_alloc(r->n_generated + 1, sizeof *kl);
    const persona_code rc =
        kl_of_reply(w->x.session, &q, r->tokens, r->n_generated, &hooks, kl, &d->n_kl, e);
    d->has_kl = rc == PERSONA_OK;
    d->kl_mean = d->n_kl > 0 ? stat_mean(kl, d->n_kl) : (double)NAN;
    d->kl_p95 = d->n_kl > 0 ? stat_quantile(kl, d->n_kl, 0.95) : (double)NAN;
    mem_free(kl);
    return rc;
}

static persona_code run(generate_args *a, work *w, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    TRY(rig_open_model(&a->c->rig, a->model, false, &w->x, e));
    TRY(plan(a, w, e));
    TRY(probing_open(&w->probing, w->x.model, &a->probes, w->plan != NULL, e));
    TRY(tokenize(a, w, e));
    TRY(rig_open_session(&a->c->rig, &w->x, a->n_samples < 16 ? a->n_samples : 16,
                         context_for(a, w), e));
    TRY(give_answers(a, w, e));
    if (a->kl) {
        TRY(measure_kl(a, w, e));
    }
out:
    return rc;
}

/* ---- output ---------------------------------------------------------------------------------- */

static void put_probes(json_out *o, const generate_args *a, const work *w)
{
    if (a->probes.n == 0) {
        return;
    }
    const probed **all = cli_alloc((size_t)a->n_samples, sizeof *all);
    for (int i = 0; i < a->n_samples; i++) {
        all[i] = &w->replies[i].probed;
    }
    probed_json(o, &w->probing, all, (size_t)a->n_samples);
    mem_free(all);
}

static persona_code print_json(const generate_args *a, const work *w, persona_err *e)
{
    cli_json j;
    json_out *o = cli_json_begin(&j, "generate");
    const reply *r = &w->replies[0];
    jo_string(o, "model", w->x.info->path);
    jo_string(o, "chat", a->raw ? "none" : persona_chat_name(w->x.info->chat));
    jo_string(o, "text", r->text);
    if (r->analysis && *r->analysis) {
        jo_string(o, "analysis", r->analysis);
    }
    jo_bool(o, "answered", r->answered);
    jo_string(o, "finish", persona_finish_name((int)r->finish));
    jo_int(o, "n_prompt", (long long)r->n_prompt);
    jo_int(o, "n_generated", (long long)r->n_generated);
    jo_int(o, "seed", (long long)a->c->seed);
    jo_number(o, "seconds", w->seconds);
    receipt_json(o, w->steered ? &w->receipt : NULL, &r->steering);
    put_probes(o, a, w);
    if (a->n_samples > 1) {
        jo_array(o, "texts");
        for (int i = 0; i < a->n_samples; i++) {
            jo_string(o, NULL, w->replies[i].text);
        }
        jo_end(o);
    }
    return cli_json_end(a->c, &j, e);
}

static persona_code print_text(const generate_args *a, const work *w, persona_err *e)
{
    for (int i = 0; a->n_samples > 1 && i < a->n_samples; i++) {
        printf("%s%s\n", i > 0 ? "\n" : "", w->replies[i].text);
    }
    if (a->n_samples == 1) {
        putchar('\n');
    }
    const persona_code rc = cli_flush(e);
    const reply *r = &w->replies[0];
    size_t n_generated = 0;
    for (int i = 0; i < a->n_samples; i++) {
        n_generated += w->replies[i].n_generated;
    }
    for (int i = 0; i < a->n_samples; i++) {
        probed_say(a->c, &w->probing, &w->replies[i].probed);
    }
    if (rc == PERSONA_OK && !r->answered) {
        cli_say(a->c,
                "note: the model stopped before it reached an answer (-n %d); -v shows its "
                "reasoning",
                a->c->sampling.max_tokens);
    }
    if (a->c->verbosity > 0) {
        cli_say(a->c, "%zu prompt tokens, %zu generated, %s (%.1f tokens/s)", r->n_prompt,
                n_generated, cli_duration(w->seconds), (double)n_generated / w->seconds);
    }
    if (w->steered) {
        cli_print_receipt(a->c, &w->receipt, &r->steering);
    }
    return rc;
}

static persona_code run_generate(void *p, persona_err *e)
{
    generate_args *a = p;
    work w = {.steered = false};
    persona_code rc = PERSONA_OK;
    w.replies = cli_alloc((size_t)a->n_samples, sizeof *w.replies);
    TRY(run(a, &w, e));
    tty_progress_clear(&a->c->progress);
    rc = a->c->json ? print_json(a, &w, e) : print_text(a, &w, e);
    for (int i = 0; w.steered && i < a->n_samples; i++) {
        cli_warn_steering(a->c, &w.replies[i].steering.steered, w.replies[i].steering.n_steered);
    }
out:
    for (int i = 0; i < a->n_samples; i++) {
        mem_free(w.replies[i].text);
        mem_free(w.replies[i].analysis);
        mem_free(w.replies[i].tokens);
        receipt_done_free(&w.replies[i].steering);
        probed_free(&w.replies[i].probed);
    }
    mem_free(w.replies);
    probing_close(&w.probing);
    persona_plan_free(w.plan);
    persona_receipt_free(&w.receipt);
    persona_tokens_free(&w.prompt);
    rig_close(&w.x);
    return rc;
}

const cli_command command_generate = {
    .name = "generate",
    .summary = "Answer a prompt, steered if you like",
    .usage = "--model FILE --prompt TEXT",
    .about = "Answers a prompt with MODEL and prints the answer on standard output.",
    .notes =
        "A steering expression adds vectors: COEFFICIENT*NAME, joined by + and -. NAME is a vector "
        "of the user's library for this model (what extract, transfer and vector calibrate made), "
        "a file, or a recipe. Coefficient 1.0 is one calibrated dose; raw: and ratio: in front of "
        "the name choose another unit. Behind it, @A-B steers blocks A to B; :prompt, :response, "
        ":analysis, :final only that part; :first=N and :after=N only these tokens; :syntax=off "
        "no code. ablate(V), cap(V, PERCENTILE), floor(V, PERCENTILE), clamp(V, Z), rotate(V, "
        "DEGREES), keepnorm(V) and hold(V, Z) do something else than adding, along(V, W) and "
        "without(V, W) are parts of V, and joint(SUM, BUDGET) moves several traits at once. A "
        "condition stands at the end: \"2*focused when inattentive > 0.5 until 0\". The same as a "
        "JSON object, and all the rest: FORMATS.md, \"Steering expression\".",
    .groups = {{&group_prompt, 0},
               {&group_steering, 0},
               {&opt_group_guard, 0},
               {&opt_group_sampling, 0},
               {&group_answers, 0},
               {&opt_group_model, 0},
               {&opt_group_running, 0},
               {&opt_group_output, 0}},
    .size = sizeof(generate_args),
    .init = init,
    .check = check,
    .run = run_generate,
};
