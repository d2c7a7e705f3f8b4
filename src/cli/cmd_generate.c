/* SPDX-License-Identifier: MIT
 *
 * cmd_generate.c - `persona generate`: answer a prompt, steered if you like.
 *
 * Steering edits activations; it never touches sampling or the prompt (house rule 13). What was
 * done is reported by the receipt: expression, unit, blocks and how far the residual stream was
 * moved.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "cli/cli.h"
#include "cli/stream.h"

enum {
    KEY_PROMPT = 0x2000,
    KEY_PROMPT_FILE,
    KEY_SYSTEM,
    KEY_STEER,
    KEY_TEMP,
    KEY_TOP_K,
    KEY_TOP_P,
    KEY_MIN_P,
    KEY_PENALTY,
    KEY_RAW,
    KEY_VECTOR,
    KEY_VECTOR_SCALED,
    KEY_RANGE,
    KEY_SAMPLES,
    KEY_EFFORT,
    KEY_NO_ANALYSIS,
    KEY_IGNORE_EOS,
    KEY_N_PREDICT
};
enum { MAX_VECTORS = 32 };

typedef struct generate_args {
    cli_state *c;
    const char *model, *prompt, *prompt_file, *system, *steer, *effort;
    const char *vectors[MAX_VECTORS];
    char *owned[MAX_VECTORS]; /* "F" cut from "F:S" */
    float scales[MAX_VECTORS];
    size_t n_vectors;
    int range_a, range_b, n_samples;
    bool raw, skip_analysis;
    persona_sampling sampling;
} generate_args;

static const struct argp_option options[] = {
    {"model", 'm', "FILE", 0, "The model (GGUF)", 0},
    {"prompt", 'p', "TEXT", 0, "What to answer; - reads standard input", 0},
    {"file", 'f', "FILE", 0, "Read the prompt from a file", 0},
    {"system", KEY_SYSTEM, "TEXT", 0, "System message (gpt-oss: developer message)", 0},
    {"raw", KEY_RAW, NULL, 0, "No chat template: continue the text; <|...|> are control tokens", 0},
    {"effort", KEY_EFFORT, "LEVEL", 0, "gpt-oss: reasoning effort low, medium or high", 0},
    {"no-analysis", KEY_NO_ANALYSIS, NULL, 0, "gpt-oss: answer without reasoning first", 0},
    {0, 0, 0, 0, "Steering", 20},
    {"steer", KEY_STEER, "EXPR", 0, "For example '1.0*silly - 0.5*superficial@3-5'", 20},
    {"control-vector", KEY_VECTOR, "FILE", 0, "Add a control vector as llama.cpp does", 20},
    {"control-vector-scaled", KEY_VECTOR_SCALED, "FILE SCALE", 0,
     "The same, scaled; also FILE:SCALE", 20},
    {"control-vector-layer-range", KEY_RANGE, "A B", 0, "Blocks for control vectors, inclusive",
     20},
    {0, 0, 0, 0, "Sampling", 30},
    {"max-tokens", 'n', "N", 0, "Tokens to generate at most (default 256)", 30},
    {"n-predict", KEY_N_PREDICT, "N", OPTION_HIDDEN, NULL, 30}, /* llama.cpp's name for it */
    {"temp", KEY_TEMP, "X", 0, "Temperature; 0: greedy (default 1)", 30},
    {"top-k", KEY_TOP_K, "N", 0, "0: off (default)", 30},
    {"top-p", KEY_TOP_P, "X", 0, "1: off (default)", 30},
    {"min-p", KEY_MIN_P, "X", 0, "0: off (default)", 30},
    {"repeat-penalty", KEY_PENALTY, "X", 0, "1: off (default)", 30},
    {"ignore-eos", KEY_IGNORE_EOS, NULL, 0, "Go on past the end", 30},
    {"samples", KEY_SAMPLES, "N", 0, "Several answers, with seeds SEED, SEED+1, ...", 30},
    {0},
};

/* ---- options --------------------------------------------------------------------------------- */

static error_t add_vector(struct argp_state *state, const char *path, size_t len, double scale)
{
    generate_args *a = state->input;
    if (a->n_vectors == MAX_VECTORS) {
        return cli_usage(state, "more than %d control vectors", MAX_VECTORS);
    }
    a->owned[a->n_vectors] = cli_format("%.*s", (int)len, path);
    a->vectors[a->n_vectors] = a->owned[a->n_vectors];
    a->scales[a->n_vectors++] = (float)scale;
    return 0;
}

/* "FILE SCALE" in two words, or "FILE:SCALE" in one. */
static error_t add_scaled(struct argp_state *state, const char *arg)
{
    static const char name[] = "--control-vector-scaled";
    const char *colon = strrchr(arg, ':');
    char *end = NULL;
    if (colon && colon[1]) {
        (void)strtod(colon + 1, &end);
    }
    const bool joined = end && *end == '\0' && !file_exists(arg);
    const char *number = joined ? colon + 1 : cli_next_word(state);
    if (!number) {
        return cli_usage(state, "%s wants a file and a scale", name);
    }
    double scale = 0;
    const error_t failed = cli_real(state, name, number, -1e6, 1e6, &scale);
    return failed ? failed
                  : add_vector(state, arg, joined ? (size_t)(colon - arg) : strlen(arg), scale);
}

static error_t set_range(struct argp_state *state, const char *arg)
{
    static const char name[] = "--control-vector-layer-range";
    generate_args *a = state->input;
    const char *second = cli_next_word(state);
    if (!second) {
        return cli_usage(state, "%s wants two block numbers", name);
    }
    const error_t failed = cli_int(state, name, arg, 1, 10000, &a->range_a);
    return failed ? failed : cli_int(state, name, second, a->range_a, 10000, &a->range_b);
}

static error_t set_float(struct argp_state *state, const char *name, const char *arg, double max,
                         float *out)
{
    double x = 0;
    const error_t failed = cli_real(state, name, arg, 0, max, &x);
    if (!failed) {
        *out = (float)x;
    }
    return failed;
}

static error_t parse_sampling(int key, char *arg, struct argp_state *state)
{
    generate_args *a = state->input;
    switch (key) {
    case 'n':
    case KEY_N_PREDICT:
        return cli_int(state, "-n", arg, 1, 1 << 20, &a->sampling.max_tokens);
    case KEY_TEMP:
        return set_float(state, "--temp", arg, 100, &a->sampling.temperature);
    case KEY_TOP_K:
        return cli_int(state, "--top-k", arg, 0, 1 << 30, &a->sampling.top_k);
    case KEY_TOP_P:
        return set_float(state, "--top-p", arg, 1, &a->sampling.top_p);
    case KEY_MIN_P:
        return set_float(state, "--min-p", arg, 1, &a->sampling.min_p);
    case KEY_PENALTY:
        return set_float(state, "--repeat-penalty", arg, 10, &a->sampling.repetition_penalty);
    case KEY_IGNORE_EOS:
        a->sampling.ignore_eos = true;
        return 0;
    case KEY_SAMPLES:
        return cli_int(state, "--samples", arg, 1, 10000, &a->n_samples);
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static error_t check(struct argp_state *state)
{
    const generate_args *a = state->input;
    if (a->c->help) {
        return 0;
    }
    if (!a->model) {
        return cli_usage(state, "--model is missing");
    }
    if (!a->prompt && !a->prompt_file) {
        return cli_usage(state, "--prompt is missing");
    }
    if (a->prompt && a->prompt_file) {
        return cli_usage(state, "--prompt and --file are one too many");
    }
    if (a->raw && a->system) {
        return cli_usage(state, "--raw has no system message: put it into the prompt");
    }
    if (a->steer && a->n_vectors > 0) {
        return cli_usage(state, "--steer and --control-vector do not mix: name the file in the "
                                "expression");
    }
    if (a->range_b > 0 && a->n_vectors == 0) {
        return cli_usage(state, "--control-vector-layer-range without a control vector");
    }
    return 0;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    generate_args *a = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        cli_init_children(state);
        return 0;
    case 'm':
        a->model = arg;
        return 0;
    case 'p':
        a->prompt = arg;
        return 0;
    case 'f':
        a->prompt_file = arg;
        return 0;
    case KEY_SYSTEM:
        a->system = arg;
        return 0;
    case KEY_RAW:
        a->raw = true;
        return 0;
    case KEY_EFFORT:
        a->effort = arg;
        return 0;
    case KEY_NO_ANALYSIS:
        a->skip_analysis = true;
        return 0;
    case KEY_STEER:
        a->steer = arg;
        return 0;
    case KEY_VECTOR:
        return add_vector(state, arg, strlen(arg), 1);
    case KEY_VECTOR_SCALED:
        return add_scaled(state, arg);
    case KEY_RANGE:
        return set_range(state, arg);
    case ARGP_KEY_END:
        return check(state);
    default:
        return parse_sampling(key, arg, state);
    }
}

static const struct argp_child children[] = {CLI_CHILD_ENGINE, CLI_CHILD_OUTPUT, {0}};
static const struct argp argp = {
    options,
    parse,
    NULL,
    "Answers a prompt with MODEL and prints the answer on standard output.\v"
    "A steering expression adds vectors: COEFFICIENT*NAME, joined by + and -; @A-B steers blocks A "
    "to B, :prompt or :response only that part, raw: and ratio: before the name choose another "
    "unit. Coefficient 1.0 is one calibrated dose. NAME is a vector of the user's library for this "
    "model (what extract and transfer made) or a file.",
    children,
    NULL,
    NULL,
};

/* ---- work ------------------------------------------------------------------------------------ */

typedef struct reply {
    stream stream;
    char *text, *analysis;
    size_t n_prompt, n_generated, n_steered;
    bool answered;
    persona_finish finish;
} reply;

typedef struct work {
    rig x;
    persona_tokens prompt;
    persona_plan *plan;
    persona_receipt receipt;
    bool steered;
    reply *replies;
    double seconds;
} work;

static void on_done(void *ud, const persona_result *r)
{
    reply *out = ud;
    out->text = cli_strdup(r->text);
    out->analysis = cli_strdup(r->analysis);
    out->n_prompt = r->n_prompt;
    out->n_generated = r->n_tokens;
    out->n_steered = r->n_steered;
    out->answered = r->answered;
    out->finish = r->finish;
}

static persona_code check_text(const char *name, const char *text, size_t n, persona_err *e)
{
    const size_t good = utf8_span(text, n);
    if (good < n) {
        return persona_err_set(e, PERSONA_E_FORMAT, "%s: byte %zu is not UTF-8", name, good);
    }
    if (strlen(text) < n) {
        return persona_err_set(e, PERSONA_E_FORMAT, "%s: byte %zu is NUL, which no text has", name,
                               strlen(text));
    }
    return PERSONA_OK;
}

static persona_code read_prompt(const generate_args *a, char **out, persona_err *e)
{
    const char *path = a->prompt_file;
    if (a->prompt && strcmp(a->prompt, "-") == 0) {
        path = "/dev/stdin";
    }
    if (!path) {
        *out = cli_strdup(a->prompt);
        return check_text("--prompt", *out, strlen(*out), e);
    }
    size_t len = 0;
    const persona_code rc = file_read(path, 16 << 20, out, &len, e);
    return rc == PERSONA_OK ? check_text(path, *out, len, e) : rc;
}

static persona_code tokenize(const generate_args *a, work *w, persona_err *e)
{
    char *text = NULL;
    persona_code rc = read_prompt(a, &text, e);
    if (rc != PERSONA_OK) {
        return rc;
    }
    if (a->raw) {
        rc = persona_tokenize(w->x.model, text, true, &w->prompt, e);
    } else {
        const persona_message messages[] = {{"system", a->system}, {"user", text}};
        const persona_chat_opts chat = {.effort = a->effort, .skip_analysis = a->skip_analysis};
        const size_t skip = a->system ? 0 : 1;
        rc = persona_chat_tokens(w->x.model, messages + skip, 2 - skip, &chat, &w->prompt, e);
    }
    if (rc == PERSONA_OK && w->prompt.n == 0) {
        rc = persona_err_set(e, PERSONA_E_USAGE, "the prompt is empty");
    }
    mem_free(text);
    return rc;
}

static persona_code plan(const generate_args *a, work *w, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    if (a->steer) {
        rc = persona_steer(w->x.model, a->steer, &w->plan, &w->receipt, e);
    } else if (a->n_vectors > 0) {
        rc = persona_steer_files(w->x.model, a->vectors, a->scales, a->n_vectors, a->range_a,
                                 a->range_b, &w->plan, &w->receipt, e);
    }
    w->steered = rc == PERSONA_OK && (a->steer || a->n_vectors > 0);
    if (w->steered && w->receipt.note && *w->receipt.note) {
        cli_say(a->c, "note: %s", w->receipt.note);
    }
    return rc;
}

/* A context that holds the prompt and the answer, and no more than the model was trained for. */
static int context_for(const generate_args *a, const work *w)
{
    const int wanted = (int)w->prompt.n + a->sampling.max_tokens;
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

static persona_code answer(generate_args *a, work *w, persona_err *e)
{
    const bool live = !a->c->json && a->n_samples == 1;
    persona_request *requests = cli_alloc((size_t)a->n_samples, sizeof *requests);
    const persona_hooks hooks = {
        .ud = a, .progress = live ? NULL : on_progress, .cancel = a->c->hooks.cancel};
    for (int i = 0; i < a->n_samples; i++) {
        reply *r = &w->replies[i];
        stream_init(&r->stream, w->x.model, a->raw, a->c->verbosity > 0);
        if (a->skip_analysis) {
            r->stream.where = STREAM_FINAL;
        }
        requests[i] = (persona_request){.prompt = w->prompt.ids,
                                        .n_prompt = w->prompt.n,
                                        .raw = a->raw,
                                        .sampling = a->sampling,
                                        .plan = w->plan,
                                        .ud = r,
                                        .on_done = on_done};
        requests[i].sampling.seed = a->c->seed + (uint32_t)i;
        if (live) {
            requests[i].on_token = stream_token; /* the stream is the reply's first member */
        }
    }
    const double start = clock_now();
    const persona_code rc =
        persona_session_run_all(w->x.session, requests, (size_t)a->n_samples, &hooks, e);
    w->seconds = clock_now() - start;
    stream_end(&w->replies[0].stream);
    mem_free(requests);
    return rc;
}

static persona_code run(generate_args *a, work *w, persona_err *e)
{
    persona_code rc = rig_open_model(a->model, false, &w->x, e);
    if (rc == PERSONA_OK) {
        rc = plan(a, w, e);
    }
    if (rc == PERSONA_OK) {
        rc = tokenize(a, w, e);
    }
    if (rc == PERSONA_OK) {
        rc = rig_open_session(&a->c->rig, &w->x, a->n_samples < 16 ? a->n_samples : 16,
                              context_for(a, w), e);
    }
    return rc == PERSONA_OK ? answer(a, w, e) : rc;
}

/* ---- output ---------------------------------------------------------------------------------- */

static persona_code print_json(const generate_args *a, const work *w, persona_err *e)
{
    static const char *const finish[] = {"stop", "length", "forced", "sink", "canceled"};
    cli_json j;
    json_out *o = cli_json_begin(&j, "generate");
    const reply *r = &w->replies[0];
    jo_string(o, "model", w->x.info->path);
    jo_string(o, "text", r->text);
    if (r->analysis && *r->analysis) {
        jo_string(o, "analysis", r->analysis);
    }
    jo_bool(o, "answered", r->answered);
    jo_string(o, "finish", finish[r->finish]);
    jo_int(o, "n_prompt", (long long)r->n_prompt);
    jo_int(o, "n_generated", (long long)r->n_generated);
    jo_int(o, "seed", (long long)a->c->seed);
    jo_number(o, "seconds", w->seconds);
    receipt_json(o, w->steered ? &w->receipt : NULL, r->n_steered);
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
    if (rc == PERSONA_OK && !r->answered) {
        cli_say(a->c,
                "note: the model stopped before it reached an answer (-n %d); -v shows its "
                "reasoning",
                a->sampling.max_tokens);
    }
    if (a->c->verbosity > 0) {
        cli_say(a->c, "%zu prompt tokens, %zu generated, %s (%.1f tokens/s)", r->n_prompt,
                n_generated, cli_duration(w->seconds), (double)n_generated / w->seconds);
    }
    if (a->c->verbosity > 0 && w->steered) {
        cli_say(a->c, "steering %s, unit %s, first block %d, moved by %s", w->receipt.expression,
                w->receipt.unit, w->receipt.n_layers > 0 ? w->receipt.layers[0] : -1,
                cli_number(w->receipt.delta_projection, 2));
    }
    return rc;
}

persona_code cmd_generate(cli_state *c, int argc, char **argv, persona_err *e)
{
    generate_args a = {.c = c, .n_samples = 1, .sampling = persona_sampling_defaults()};
    work w = {.steered = false};
    bool go = false;
    persona_code rc = cli_parse(&argp, c, argc, argv, &a, &go, e);
    if (!go) {
        goto out;
    }
    w.replies = cli_alloc((size_t)a.n_samples, sizeof *w.replies);
    rc = run(&a, &w, e);
    tty_progress_clear(&c->progress);
    if (rc == PERSONA_OK) {
        rc = c->json ? print_json(&a, &w, e) : print_text(&a, &w, e);
    }
out:
    for (int i = 0; w.replies && i < a.n_samples; i++) {
        mem_free(w.replies[i].text);
        mem_free(w.replies[i].analysis);
    }
    mem_free(w.replies);
    persona_plan_free(w.plan);
    persona_receipt_free(&w.receipt);
    persona_tokens_free(&w.prompt);
    rig_close(&w.x);
    for (size_t i = 0; i < a.n_vectors; i++) {
        mem_free(a.owned[i]);
    }
    return rc;
}
