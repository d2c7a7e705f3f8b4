/* SPDX-License-Identifier: MIT
 *
 * session.h - the heart: one continuous-batching scheduler for everything.
 *
 * A session owns n_slots sequences. Every feature (rollouts, judging, sweeps, reading texts, chat)
 * is a source of requests {tokens, sampling, plan, tap, sink}: the scheduler pulls the next request
 * whenever a slot is free, prefills it in chunks (sharing the longest prefix that some slot already
 * holds under the same steering), and decodes all slots together, one token each.
 *
 * Two ways to run it. (1) persona_session_run computes in the calling thread until its source has
 * ended. (2) persona_session_start gives the session a thread of its own, the model thread; then
 * persona_session_run may be called from any number of threads at once, each with its own source:
 * next, on_token, on_done and the hooks are called in the thread of that call, so tokenizing and
 * storing never hold up the model, and a slow reader only its own answer.
 *
 * A request fails alone: on_done says why, and the others go on.
 *
 * Exactness: same requests in the same order, same seeds, same options: same bytes. Results are
 * bit-exact only for the same batch shape (design fact 5).
 * Threads: persona_session_cancel and persona_session_replan at any time from any thread; without a
 * model thread all else from one thread at a time. Different sessions of one model may run in
 * parallel.
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

/* Added to a token's logit before everything else. */
typedef struct persona_logit_bias {
    persona_token token;
    float bias; /* -100..100; -100: the token is never drawn */
} persona_logit_bias;

#define PERSONA_LOGIT_BIAS_MAX 300

typedef struct persona_sampling {
    float temperature;        /* <= 0: greedy. Default 1 */
    int top_k;                /* 0: off (default) */
    float top_p;              /* 1: off (default) */
    float min_p;              /* 0: off (default) */
    float repetition_penalty; /* 1: off (default); over the last tokens, prompt included */
    int repetition_last;      /* how many these are, 0 .. 65536; default 64 */
    /* as OpenAI has them, -2..2, 0: off (default). From the logit of every token that the reply has
     * so far, the prompt not counted: presence once, frequency as often as it is there */
    float presence_penalty, frequency_penalty;
    int max_tokens; /* generated tokens at most; default 256 */
    /* where a model thinks first: so many tokens for that, and max_tokens for what follows; 0
     * (default): max_tokens for both together */
    int max_analysis;
    uint32_t seed;   /* default 0 */
    bool ignore_eos; /* go on past end-of-generation tokens (benchmarks) */
    /* GBNF with the start rule "root": only what it allows is generated, and the reply ends when it
     * is complete. Where the vocabulary cannot go on in it, the reply ends early: parse what came.
     * It holds from the first generated token, so on a harmony model the prompt must have opened
     * the final channel (skip_analysis). At most 64 KiB. Borrowed until done; NULL: none
     * (default) */
    const char *grammar;
    /* n_logit_bias, at most PERSONA_LOGIT_BIAS_MAX and fewer than the vocabulary has tokens; a
     * token that stands there twice gets both. Borrowed until done */
    const persona_logit_bias *logit_bias;
    size_t n_logit_bias;
} persona_sampling;

persona_sampling persona_sampling_defaults(void);

typedef enum persona_finish {
    PERSONA_FINISH_STOP,   /* end-of-generation token */
    PERSONA_FINISH_LENGTH, /* max_tokens or the slot's context is full */
    PERSONA_FINISH_FORCED, /* all forced tokens were read */
    PERSONA_FINISH_SINK,   /* the token callback returned false */
    PERSONA_FINISH_CANCELED,
    PERSONA_FINISH_FAILED, /* code and message say why */
} persona_finish;
/* "stop", "length", "forced", "sink", "canceled", "failed", as files have it; NULL after the
 * last. */
const char *persona_finish_name(int finish);

/* What a token of a reply is. */
typedef enum persona_token_kind {
    PERSONA_TOKEN_TEMPLATE, /* control tokens, roles, names of channels */
    PERSONA_TOKEN_ANALYSIS, /* thinking before the answer */
    PERSONA_TOKEN_OTHER,    /* content of another channel */
    PERSONA_TOKEN_ANSWER,
} persona_token_kind;

/* One token of a reply. text holds whole code points only: bytes that begin one wait for the tokens
 * that complete it. What never completes comes as U+FFFD in an event of its own, with token -1.
 * Events of one kind, put together, are persona_result.text and .analysis. */
typedef struct persona_token_event {
    persona_token token; /* -1: only text that was held back */
    persona_token_kind kind;
    const char *text; /* UTF-8, NUL-terminated, often empty; valid inside the callback */
    size_t len;
    size_t index; /* of the token in the reply, from 0 */
} persona_token_event;

/* What a step of a plan did: edits that were merged are one step. Coordinates are along u, or,
 * where all of its coefficients are negative, along -u: along what the user's vectors point to. */
typedef struct persona_step_done {
    persona_op op;
    const char *name; /* of the operator */
    int block;
    unsigned phases;
    size_t n;     /* tokens whose row it changed */
    double asked; /* mean over them of the change of <h,u> that the operator means; NAN: none */
    /* the same as it came out, all edits of the block and the guard included; NAN also where the
     * control-vector adapter did it */
    double measured;
    /* HOLD: tokens read, of these out of the band; the smoothed coordinate at the end (NAN: none
     * was read); the largest |shift| */
    size_t n_read, n_out;
    double smooth, most;
} persona_step_done;

typedef struct persona_gate_done {
    int block;
    size_t n_read, n_open; /* tokens read; of these, how many found it open */
} persona_gate_done;

/* What steering did to a request. Ratios are ||edit||/||h|| of a token's row at a block, all edits
 * there together; NAN where no row was measured (the control-vector adapter shows none). The steps
 * and gates are those of the plan at the end of the request. */
typedef struct persona_steered {
    size_t n_tokens;   /* tokens with an edited row */
    size_t n_measured; /* rows (token, block) in the ratios */
    double ratio_mean, ratio_p95, ratio_most;
    int most_block;      /* where ratio_most was; -1: nowhere */
    persona_guard guard; /* of the plan */
    size_t n_over;       /* rows beyond its ratio; CLAMP: before they were scaled down */
    const persona_step_done *steps;
    size_t n_steps;
    const persona_gate_done *gates;
    size_t n_gates;
} persona_steered;

typedef struct persona_result {
    persona_finish finish;
    persona_code code;           /* OK, CANCELED, or of the failure */
    const char *message;         /* one line, "" if code is OK */
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
    persona_steered steered;
    const persona_acts *acts; /* n_acts, one for each tap of the request */
    size_t n_acts;
    double seconds; /* from start of prefill to the end */
} persona_result;

typedef struct persona_request persona_request;
struct persona_request {
    uint64_t
        id; /* for persona_session_cancel and _replan; the caller's choice; 0 (default): none */
    const persona_token *prompt; /* at least one token. Borrowed until done */
    size_t n_prompt;
    /* fixed_shape: leading prompt tokens that are computed on their own, so that other prompts
           may share them; below n_prompt; default 0 */
    size_t n_prefix;
    const persona_token *forced; /* response to read instead of generating; NULL: generate */
    size_t n_forced;
    bool raw;         /* response is plain text even on a harmony model */
    bool want_logits; /* forced only: call `logits` for every forced token */
    /* generated tokens a second at most, for a reader who steers while reading; the others go on.
     * 0 (default): as fast as they come. Only with a model thread */
    double pace;
    persona_sampling sampling;
    persona_plan *plan;      /* NULL: unsteered. The session refs it until done */
    const persona_tap *taps; /* n_taps. Borrowed until done */
    size_t n_taps;
    void *ud;
    /* One generated (or forced) token. Return false to stop here; a model thread may then be some
     * tokens ahead, which the result contains. May be NULL. */
    bool (*on_token)(void *ud, const persona_token_event *event);
    /* The distribution that predicts response token i (0-based), n_vocab raw logits. For generated
     * requests: before sampling token i; for forced ones with want_logits: for forced token i.
     * Called by the thread that computes: with a model thread that one, so be quick, and touch only
     * what belongs to this request until its on_done. */
    void (*on_logits)(void *ud, size_t i, const float *logits, size_t n_vocab);
    /* Generated requests: the token that was drawn as response token i, an end-of-generation token
     * included, with the logits that on_logits had. By the thread that computes, before on_token of
     * i: what is kept here per i may be read there without a lock. May be NULL. */
    void (*on_choice)(void *ud, size_t i, persona_token t, const float *logits, size_t n_vocab);
    /* What ALL and PROJECT taps read, token by token, after the decode that computed it (never from
     * inside the graph); by the thread that computes, as on_logits. May be NULL. */
    void (*on_read)(void *ud, const persona_read *x);
    /* Called exactly once for every request that a source gave, also if it failed or was canceled:
     * look at r->code. */
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
    double seconds;      /* inside persona_session_run */
    double edit_seconds; /* of these, in which rows were edited or read */
} persona_session_stats;

persona_session_opts persona_session_defaults(void);
/* The model must outlive the session. Errors: USAGE (limits), NOMEM, INTERNAL. */
PERSONA_CHECK persona_code persona_session_new(persona_model *m, const persona_session_opts *opts,
                                               persona_session **out, persona_err *e);
void persona_session_free(persona_session *s);
persona_model *persona_session_model(const persona_session *s);
const persona_session_opts *persona_session_opts_get(const persona_session *s);
persona_session_stats persona_session_stats_get(persona_session *s);
/* With fixed_shape: rows of every decode call of the following runs, 1 .. n_slots (clamped; at
 * first n_slots), and the number of requests that run together. Not to be called inside a run; does
 * nothing while there is a model thread, whose shape is everybody's. */
void persona_session_shape(persona_session *s, int n_rows);

typedef enum persona_next {
    PERSONA_NEXT_END,     /* no more requests, ever */
    PERSONA_NEXT_REQUEST, /* *r was filled in */
    /* none now: asked again when something has happened to the requests of this source; with none
       of them open the run returns OK (what streams hold stays), and the caller runs again when
       there is work */
    PERSONA_NEXT_LATER,
} persona_next;

typedef enum persona_priority {
    PERSONA_PRIORITY_BATCH,       /* jobs: take turns (default) */
    PERSONA_PRIORITY_INTERACTIVE, /* somebody waits: before all of the others */
} persona_priority;

/* Where requests come from; next fills in *r, which has defaults. */
typedef struct persona_source {
    void *ud;
    persona_next (*next)(void *ud, persona_request *r);
    persona_priority priority;
    int max_slots; /* slots that its requests may hold at once, so that others find one; 0: all */
} persona_source;

/* Runs until the source has ended (END, or LATER with nothing open) and all its requests are done.
 * On cancellation its running requests are finished as CANCELED and PERSONA_E_CANCELED is returned.
 * If requests failed, the first failure is returned when all are done. Errors: those of requests:
 * USAGE (a request that does not fit its slot is never cut silently), SHAPE (plan or tap does not
 * fit the model), NUMERIC (numbers that are not finite), INTERNAL (decode failed); CANCELED. */
PERSONA_CHECK persona_code persona_session_feed(persona_session *s, const persona_source *source,
                                                const persona_hooks *hooks, persona_err *e);
/* The same for a batch source without a limit. */
PERSONA_CHECK persona_code persona_session_run(persona_session *s,
                                               persona_next (*next)(void *ud, persona_request *r),
                                               void *ud, const persona_hooks *hooks,
                                               persona_err *e);
/* The same over an array. */
PERSONA_CHECK persona_code persona_session_run_all(persona_session *s, const persona_request *r,
                                                   size_t n, const persona_hooks *hooks,
                                                   persona_err *e);

/* Starts the model thread, if there is none; not while a run computes. Errors: UNAVAILABLE. */
PERSONA_CHECK persona_code persona_session_start(persona_session *s, persona_err *e);
/* Ends it: open requests are finished as CANCELED, and runs in other threads return CANCELED, as
 * do later ones until the session is started again. */
void persona_session_stop(persona_session *s);
/* Finishes an open request as CANCELED, within a token or a chunk of its prompt. False: no open
 * request has this id. */
bool persona_session_cancel(persona_session *s, uint64_t id);
/* From its next token on the request is steered by plan (NULL: not at all), which the session refs.
 * Errors, which leave its plan as it was: NOTFOUND (no open request has this id), SHAPE, USAGE (an
 * edit of the phase analysis, and the reply has no channels). The plan is taken over between two
 * tokens; a request for which there is no memory then ends with NOMEM. */
PERSONA_CHECK persona_code persona_session_replan(persona_session *s, uint64_t id,
                                                  persona_plan *plan, persona_err *e);

/* ---- text and templates ---------------------------------------------------------------------- */

typedef struct persona_message {
    /* "system" (harmony: becomes the developer message), "user", "assistant"; "developer" is
     * "system". Several system messages at the beginning are one, with blank lines between */
    const char *role;
    const char *content;
} persona_message;

typedef struct persona_chat_opts {
    const char *effort; /* harmony reasoning effort: low, medium (default), high */
    /* the answer at once: harmony's final channel is opened, a think block closed */
    bool skip_analysis;
    /* the last message is the assistant's, and the reply goes on where it ends: no end of turn,
     * harmony's final channel opened before it, a think block closed */
    bool continue_last;
    /* seconds since 1970 for templates that ask for the date; 0: persona_model_info.date */
    int64_t now;
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
/* The same for a text that follows a prompt, as the end of both together: some tokenizers put a
 * space in front of a text, but not where words stand before it. */
PERSONA_CHECK persona_code persona_tokenize_reply(const persona_model *m,
                                                  const persona_tokens *prompt, const char *text,
                                                  persona_tokens *out, persona_err *e);
/* A raw prompt: control tokens are read, and BOS comes first where the tokenizer's metadata wants
 * it and the text has none. complete: nothing follows, so EOS ends it in the same way. */
PERSONA_CHECK persona_code persona_raw_tokens(const persona_model *m, const char *text,
                                              bool complete, persona_tokens *out, persona_err *e);
/* Renders messages with the model's chat template, ready for the assistant's reply; with harmony
 * the system text is the developer message. Contents stay text: none becomes a control token. BOS
 * as in persona_raw_tokens. Errors: UNAVAILABLE (the model has no template), FORMAT (it cannot be
 * rendered), USAGE (unknown role). */
PERSONA_CHECK persona_code persona_chat_tokens(const persona_model *m, const persona_message *msgs,
                                               size_t n, const persona_chat_opts *opts,
                                               persona_tokens *out, persona_err *e);
/* The same as text, for golden transcripts and hashes; free() it. */
PERSONA_CHECK persona_code persona_chat_text(const persona_model *m, const persona_message *msgs,
                                             size_t n, const persona_chat_opts *opts, char **out,
                                             persona_err *e);
/* The bytes of one token, which may be parts of code points, as persona_detokenize has them: writes
 * at most cap of them, no NUL, and returns how many there are; 0 for a token that is none. */
size_t persona_token_bytes(const persona_model *m, persona_token t, bool special, char *out,
                           size_t cap);
/* Detokenises; control tokens are shown if special. free() the result. */
PERSONA_CHECK persona_code persona_detokenize(const persona_model *m, const persona_token *ids,
                                              size_t n, bool special, char **out, persona_err *e);

#ifdef __cplusplus
}
#endif
#endif
