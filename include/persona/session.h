/* SPDX-License-Identifier: MIT
 *
 * session.h - the heart: one continuous-batching scheduler for everything.
 *
 * A session owns one llama context with n_slots sequences. Every feature (rollouts, judging,
 * sweeps, reading texts, chat) is a stream of requests {tokens, sampling, plan, tap, sink}: the
 * scheduler pulls the next request whenever a slot is free, prefills it (sharing the longest
 * prefix that some slot already holds under the same steering), then decodes all slots together,
 * one token each.
 *
 * Exactness: same requests in the same order, same seeds, same options: same bytes. Results are
 * bit-exact only for the same batch shape (design fact 5).
 * Threads: one session, one thread at a time. Different sessions of one model may run in parallel.
 */
#ifndef PERSONA_SESSION_H
#define PERSONA_SESSION_H

#include "persona/model.h"
#include "persona/plan.h"
#include "persona/tap.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- requests ------------------------------------------------------------------------------- */

typedef struct persona_sampling {
    float temperature;        /* <= 0: greedy. Default 1 */
    int top_k;                /* 0: off (default) */
    float top_p;              /* 1: off (default) */
    float min_p;              /* 0: off (default) */
    float repetition_penalty; /* 1: off (default); last 64 tokens, prompt included */
    int max_tokens;           /* generated tokens at most; default 256 */
    uint32_t seed;            /* default 0 */
    bool ignore_eos;          /* go on past end-of-generation tokens (benchmarks) */
    /* GBNF with the start rule "root": only what it allows is generated, and the reply ends when it
     * is complete. Where the vocabulary cannot go on in it, the reply ends early: parse what came.
     * It holds from the first generated token, so on a harmony model the prompt must have opened
     * the final channel (skip_analysis). At most 64 KiB. Borrowed until done; NULL: none
     * (default) */
    const char *grammar;
} persona_sampling;

persona_sampling persona_sampling_defaults(void);

typedef enum persona_finish {
    PERSONA_FINISH_STOP,   /* end-of-generation token */
    PERSONA_FINISH_LENGTH, /* max_tokens or the slot's context is full */
    PERSONA_FINISH_FORCED, /* all forced tokens were read */
    PERSONA_FINISH_SINK,   /* the token callback returned false */
    PERSONA_FINISH_CANCELED,
} persona_finish;

typedef struct persona_result {
    persona_finish finish;
    const persona_token *tokens; /* generated (or forced) tokens, end marker not included */
    size_t n_prompt, n_reused, n_tokens;
    const char *text;     /* UTF-8 of the answer: harmony's final channel, else everything */
    const char *analysis; /* UTF-8 of harmony's analysis channel, "" if none */
    bool answered;        /* false: harmony reply without a final channel */
    size_t n_answer;      /* answer tokens (those a RESPONSE tap reads) */
    size_t n_steered;     /* (token, block) positions that the plan edited */
    /* sum over these of the length of the change, ||h after - h before||, in units of h; over
       n_steered it is the mean */
    double moved;
    const persona_acts *acts; /* n_acts, one for each tap of the request */
    size_t n_acts;
    double seconds; /* from start of prefill to the end */
} persona_result;

typedef struct persona_request persona_request;
struct persona_request {
    const persona_token *prompt; /* at least one token. Borrowed until done */
    size_t n_prompt;
    /* fixed_shape: leading prompt tokens that are computed on their own, so that other prompts
           may share them; below n_prompt; default 0 */
    size_t n_prefix;
    const persona_token *forced; /* response to read instead of generating; NULL: generate */
    size_t n_forced;
    bool raw;         /* response is plain text even on a harmony model */
    bool want_logits; /* forced only: call `logits` for every forced token */
    persona_sampling sampling;
    persona_plan *plan;      /* NULL: unsteered. The session refs it until done */
    const persona_tap *taps; /* n_taps. Borrowed until done */
    size_t n_taps;
    void *ud;
    /* One generated token; piece is its text. Return false to stop here. May be NULL. */
    bool (*on_token)(void *ud, persona_token token, const char *piece, size_t len);
    /* The distribution that predicts response token i (0-based), n_vocab raw logits. For generated
     * requests: before sampling token i; for forced ones with want_logits: for forced token i. */
    void (*on_logits)(void *ud, size_t i, const float *logits, size_t n_vocab);
    /* What ALL and PROJECT taps read, token by token, after the decode that computed it (never from
     * inside the graph). May be NULL. */
    void (*on_read)(void *ud, const persona_read *x);
    /* Always called once per request, unless persona_session_run itself fails. */
    void (*on_done)(void *ud, const persona_result *r);
};

typedef struct persona_session persona_session;

typedef struct persona_session_opts {
    int n_slots; /* sequences decoded together; default 16 */
    int n_ctx;   /* tokens per slot (prompt + response); default 1024, at most the model's */
    int n_batch; /* tokens per prefill call; default 512 */
    /* at most; fewer while the machine is busy. Default: its physical cores, at most 8 */
    int n_threads;
    /* Every decode call has the same number of rows (idle ones are padded) and prompts are shared
     * only at n_prefix and as a whole, so that a result depends on its own request alone, bit for
     * bit: not on its neighbors, nor on what ran before. Jobs that resume need it. Costs the
     * padding at the end. */
    bool fixed_shape;
    /* KV cache in float32 instead of float16 (oracle tests; flash attention rounds it) */
    bool kv_f32;
    bool no_reuse; /* never share prompt prefixes (exact shapes in tests) */
    bool no_cvec;  /* never take the control-vector fast path (tests) */
    bool no_host;  /* reach activations by copies, as on a device, even in host memory (tests) */
} persona_session_opts;

typedef struct persona_session_stats {
    size_t n_decode, n_prefill; /* llama_decode calls of each kind */
    size_t n_tokens_decoded, n_tokens_prefilled, n_tokens_reused;
    size_t n_requests, n_cvec_switches;
    double seconds; /* inside persona_session_run */
} persona_session_stats;

persona_session_opts persona_session_defaults(void);
/* The model must outlive the session. Errors: USAGE (limits), NOMEM, INTERNAL. */
PERSONA_CHECK persona_code persona_session_new(persona_model *m, const persona_session_opts *opts,
                                               persona_session **out, persona_err *e);
void persona_session_free(persona_session *s);
persona_model *persona_session_model(const persona_session *s);
const persona_session_opts *persona_session_opts_get(const persona_session *s);
persona_session_stats persona_session_stats_get(const persona_session *s);
/* With fixed_shape: rows of every decode call of the following runs, 1 .. n_slots (clamped; at
 * first n_slots), and the number of requests that run together. Not to be called inside a run. */
void persona_session_shape(persona_session *s, int n_rows);

typedef enum persona_next {
    PERSONA_NEXT_END,     /* no more requests, ever */
    PERSONA_NEXT_REQUEST, /* *r was filled in */
    /* none now: asked again after the next step; with nothing running the run returns OK (what
       streams hold stays), and the caller runs again when there is work */
    PERSONA_NEXT_LATER,
} persona_next;

/* Where requests come from: called when a slot is free. */
typedef persona_next (*persona_source)(void *ud, persona_request *r);

/* Runs until the source ends and all requests are done. On cancellation the running requests are
 * finished as CANCELED and PERSONA_E_CANCELED is returned. A request that does not fit its slot is
 * an error (USAGE), never cut silently. Errors: USAGE, SHAPE (plan or tap does not fit the model),
 * INTERNAL (decode failed), CANCELED. */
PERSONA_CHECK persona_code persona_session_run(persona_session *s, persona_source next, void *ud,
                                               const persona_hooks *hooks, persona_err *e);
/* The same over an array. */
PERSONA_CHECK persona_code persona_session_run_all(persona_session *s, const persona_request *r,
                                                   size_t n, const persona_hooks *hooks,
                                                   persona_err *e);

/* ---- text and templates ---------------------------------------------------------------------- */

typedef struct persona_message {
    const char *role; /* "system" (harmony: becomes the developer message), "user", "assistant" */
    const char *content;
} persona_message;

typedef struct persona_chat_opts {
    const char *effort; /* harmony reasoning effort: low, medium (default), high */
    bool skip_analysis; /* harmony: open the final channel at once */
} persona_chat_opts;

/* Token lists are malloc'ed; free with persona_tokens_free. */
typedef struct persona_tokens {
    persona_token *ids;
    size_t n;
} persona_tokens;
void persona_tokens_free(persona_tokens *t);

/* Tokenises plain text. parse_special: text such as <|im_end|> becomes the control token (raw
 * prompts); otherwise it stays text, so that content cannot forge a turn. */
PERSONA_CHECK persona_code persona_tokenize(const persona_model *m, const char *text,
                                            bool parse_special, persona_tokens *out,
                                            persona_err *e);
/* Renders messages in the model's chat format, ready for the assistant's reply. The system text
 * becomes the system turn (ChatML) or the developer message (harmony). Errors: UNAVAILABLE (model
 * has no known template), USAGE (unknown role). */
PERSONA_CHECK persona_code persona_chat_tokens(const persona_model *m, const persona_message *msgs,
                                               size_t n, const persona_chat_opts *opts,
                                               persona_tokens *out, persona_err *e);
/* The same as text, for golden transcripts and hashes; free() it. */
PERSONA_CHECK persona_code persona_chat_text(const persona_model *m, const persona_message *msgs,
                                             size_t n, const persona_chat_opts *opts, char **out,
                                             persona_err *e);
/* Detokenises; control tokens are shown if special. free() the result. */
PERSONA_CHECK persona_code persona_detokenize(const persona_model *m, const persona_token *ids,
                                              size_t n, bool special, char **out, persona_err *e);

#ifdef __cplusplus
}
#endif
#endif
