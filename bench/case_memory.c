/* SPDX-License-Identifier: MIT
 *
 * case_memory.c - peak memory of a process of its own: libllama alone with a model, a context and
 * 16 answers written in it; what a session that writes the same, steered and with every block
 * captured, takes beyond that; what an extraction takes beyond a session; and how little it grows
 * with five times the answers.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/engine.h"
#include "plain.h"

enum { SLOTS = 16, CONTEXT = 512, N_PROMPT = 24, TOKENS = 16, ROUNDS = 3 /* it hardly varies */ };

/* ---- what the processes do ------------------------------------------------------------------- */

static void do_plain(const bench *b, int n)
{
    persona_err e = {.code = PERSONA_OK};
    persona_model m = {.lm = NULL}; /* the yardstick needs nothing else of it */
    (void)n;
    backend_log_hook();
    bench_must(backend_init(false, &e), &e);
    m.lm = llama_model_load_from_file(b->path, llama_model_default_params());
    if (m.lm == NULL) {
        bench_die("libllama cannot load the model");
    }
    m.info.n_vocab = llama_vocab_n_tokens(llama_model_get_vocab(m.lm));
    struct llama_context *ctx = plain_context(&m, SLOTS, CONTEXT, b->threads);
    plain_decode(ctx, &m, SLOTS, N_PROMPT, TOKENS);
    llama_free(ctx);
    llama_model_free(m.lm);
}

static void do_steered(const bench *b, int n)
{
    static persona_request q[SLOTS];
    static persona_token prompts[SLOTS][N_PROMPT];
    persona_err e = {.code = PERSONA_OK};
    persona_plan *plan = NULL;
    persona_model *m = bench_model(b);
    persona_session *s = bench_session(b, m, SLOTS, CONTEXT);
    const persona_model_info *i = persona_model_info_get(m);
    const persona_tap tap = {.mode = PERSONA_TAP_MEAN, .span = PERSONA_SPAN_RESPONSE};
    float *v = bench_room((size_t)i->n_embd, sizeof *v);
    (void)n;
    bench_noise(v, (size_t)i->n_embd, 1);
    const persona_edit edit = {.block = i->n_layer / 2, .alpha = 0.05F, .v = v};
    bench_must(persona_plan_new(i->n_layer, i->n_embd, &edit, 1, &plan, &e), &e);
    for (int k = 0; k < SLOTS; k++) {
        for (int t = 0; t < N_PROMPT; t++) {
            prompts[k][t] = bench_token(m, k, t);
        }
        q[k] = (persona_request){.prompt = prompts[k],
                                 .n_prompt = N_PROMPT,
                                 .raw = true,
                                 .sampling = persona_sampling_defaults(),
                                 .plan = plan,
                                 .taps = &tap,
                                 .n_taps = 1};
        q[k].sampling.max_tokens = TOKENS;
        q[k].sampling.ignore_eos = true;
    }
    bench_must(persona_session_run_all(s, q, SLOTS, NULL, &e), &e);
    persona_plan_free(plan);
    persona_session_free(s);
    persona_model_free(m);
    free(v);
}

static void do_extract(const bench *b, int rollouts)
{
    persona_err e = {.code = PERSONA_OK};
    persona_model *m = bench_model(b);
    persona_session *s = bench_session(b, m, SLOTS, CONTEXT);
    persona_trait *trait = NULL;
    persona_questions *questions = NULL;
    persona_vector *v = NULL;
    persona_extract_opts o = persona_extract_defaults();
    bench_must(persona_trait_read(PERSONA_SOURCE_DIR "/traits/silly.json", &trait, &e), &e);
    bench_must(persona_questions_read(PERSONA_SOURCE_DIR "/models/questions.json", &questions, &e),
               &e);
    o.choose_layer = false;
    o.calibrate = false;
    o.n_questions = 2; /* 22 answers: every slot's memory is in use */
    o.n_rollouts = rollouts;
    o.max_tokens = TOKENS;
    bench_must(persona_extract(s, trait, questions, &o, NULL, &v, NULL, &e), &e);
    persona_vector_free(v);
    persona_questions_free(questions);
    persona_trait_free(trait);
    persona_session_free(s);
    persona_model_free(m);
}

/* ---- what that took -------------------------------------------------------------------------- */

/* Peak memory in MB of a process that does it. */
static double peak(const bench *b, void (*what)(const bench *b, int n), int n)
{
    struct rusage use;
    int status;
    const pid_t child = fork();
    if (child == 0) {
        what(b, n);
        _exit(0);
    }
    if (child < 0 || wait4(child, &status, 0, &use) != child || status != 0) {
        bench_die("a process that was measured has failed");
    }
    return (double)use.ru_maxrss / 1024;
}

void case_memory(bench *b)
{
    double alone[ROUNDS], steered[ROUNDS], extracting[ROUNDS], more[ROUNDS];
    for (int r = 0; r < ROUNDS; r++) { /* no thread has been started here: forking is safe */
        alone[r] = peak(b, do_plain, 0);
        steered[r] = peak(b, do_steered, 0);
        const double once = peak(b, do_extract, 1);
        extracting[r] = once - alone[r];
        more[r] = peak(b, do_extract, 5) - once;
        steered[r] -= alone[r];
    }
    bench_value(b,
                &(bench_row){"memory-plain", "libllama alone: model, cache, 16 slots of 512 tokens",
                             NULL, "MB", 0},
                alone, ROUNDS);
    bench_value(b,
                &(bench_row){"memory-steered",
                             "a session with the same, steered and captured: beyond",
                             "libllama alone", "MB", 0},
                steered, ROUNDS);
    bench_value(b,
                &(bench_row){"memory-extract", "an extraction of 22 answers: beyond",
                             "libllama alone", "MB", 0},
                extracting, ROUNDS);
    bench_value(b,
                &(bench_row){"memory-more", "an extraction of 102 answers: beyond", "the one of 22",
                             "MB", 0},
                more, ROUNDS);
}
