/* SPDX-License-Identifier: MIT
 *
 * engine.h - private types of the engine, the only layer that knows llama.cpp.
 *
 * Who owns what: persona_model owns the weights and never changes. persona_session owns one llama
 * context, its streams (one KV sequence each) and its slots (one running request each). A plan is
 * immutable and shared; a tap state belongs to its slot. eval.c is the only code that runs inside
 * libllama's graph, and it touches nothing but the rows it is told to.
 */
#ifndef PERSONA_ENGINE_H
#define PERSONA_ENGINE_H

#include <llama.h>

#include "base/buf.h"
#include "engine/operator.h"
#include "engine/pace.h"
#include "persona/session.h"

/* ---- backend.c ------------------------------------------------------------------------------ */

/* Loads the compute backends once per process; narrow: those that suit models of narrow heads. The
 * first call decides. Errors: UNAVAILABLE. */
PERSONA_CHECK persona_code backend_init(bool narrow, persona_err *e);
/* Routes the errors that libllama and ggml log to backend_log_last. */
void backend_log_hook(void);
/* What libllama logged as errors in this thread since backend_log_reset, as one line without the names
 * of its functions; never empty. */
const char *backend_log_last(void);
void backend_log_reset(void);
int backend_physical_cores(void);

/* ---- harmony.c ------------------------------------------------------------------------------ */

/* Control tokens of the harmony format; -1 where the vocabulary lacks one. */
typedef struct harmony_ids {
    llama_token start, end, message, channel, ret, call;
} harmony_ids;

/* What a token of a reply is. */
typedef enum token_class {
    TOKEN_TEMPLATE, /* control tokens, roles, channel names */
    TOKEN_ANALYSIS,
    TOKEN_OTHER,  /* content of another channel */
    TOKEN_ANSWER, /* the final channel, or any token of a model without channels */
} token_class;

/* Follows a harmony transcript token by token; feed it the prompt first, then the reply. */
typedef struct channel_state {
    const persona_model *model;
    bool plain; /* no channels: everything is answer */
    enum { CHANNEL_HEADER, CHANNEL_NAME, CHANNEL_BODY } where;
    token_class kind;
    char name[32];
} channel_state;
void channel_init(channel_state *c, const persona_model *m, bool raw);
token_class channel_feed(channel_state *c, llama_token t);

/* ---- model.c -------------------------------------------------------------------------------- */

struct persona_model {
    struct llama_model *lm;
    const struct llama_vocab *vocab;
    persona_model_info info;
    char *path, *name, *arch, *quant, *judge, *questions;
    char *chat_template;  /* NULL: none */
    char *default_system; /* what the template inserts without a system message, or NULL */
    char chat_hash[65], sha256[65];
    const persona_cancel *cancel; /* of hashing */
    harmony_ids harmony;
};
/* End of generation: harmony's <|end|> closes a message, not the reply. */
bool model_is_end(const persona_model *m, llama_token t);
/* Appends the token's text. */
void model_piece(const persona_model *m, llama_token t, bool special, buf *out);

/* ---- chat.c --------------------------------------------------------------------------------- */

/* A rendered conversation: text cut into control tokens and plain pieces, so that content is never
 * parsed for control tokens. */
typedef struct transcript {
    buf text;
    struct piece {
        size_t at, len;
        bool special;
    } * pieces;
    size_t n, cap;
    persona_code failed;
} transcript;
void transcript_init(transcript *t);
void transcript_free(transcript *t);
void transcript_special(transcript *t, const char *token);
void transcript_text(transcript *t, const char *a, const char *b, const char *c);
/* harmony.c */
PERSONA_CHECK persona_code harmony_render(const persona_model *m, const persona_message *msgs,
                                          size_t n, const persona_chat_opts *opts, transcript *t,
                                          persona_err *e);
void harmony_find_ids(const struct llama_vocab *vocab, harmony_ids *ids);

/* ---- plan.c --------------------------------------------------------------------------------- */

/* One token's place in its request. */
typedef struct token_at {
    size_t pos, n_prompt; /* pos counts prompt and reply from 0 */
    token_class class;    /* of a reply's token */
} token_at;

/* What a plan tells apart. The phase RESPONSE of persona/plan.h covers the last three. */
typedef enum token_phase {
    PHASE_PROMPT,   /* every prompt token but the last */
    PHASE_RESPONSE, /* the last prompt token; of a reply what is neither of the next two */
    PHASE_ANALYSIS,
    PHASE_FINAL, /* the answer */
    N_PHASES,
} token_phase;
/* The one place that knows: scheduler, prefill and reuse of prefixes all ask it. */
token_phase phase_of(token_at at);

struct persona_plan {
    _Atomic size_t n_refs;
    int n_layer, n_embd;
    plan_step *steps; /* ascending by block */
    size_t n;
    size_t *first;          /* n_layer + 1: steps of block b are first[b] .. first[b+1]-1 */
    uint64_t ids[N_PHASES]; /* fingerprints of what happens in each phase; 0: nothing */
    bool cvec; /* additive, the same in all phases, no block 0: the control-vector API will do */
};

/* What plans did to a request's rows. */
typedef struct edit_tally {
    size_t n;     /* edited rows: (token, block) */
    double moved; /* sum of the lengths of their changes */
} edit_tally;

/* Applies every step of `block` that acts in the phase to one row; true if something was applied. */
bool plan_apply(const persona_plan *p, int block, token_phase phase, float *row, edit_tally *tally);
/* Books a row that the control-vector adapter edits. */
void plan_tally_cvec(const persona_plan *p, edit_tally *tally);
bool plan_acts(const plan_step *st, token_phase phase);
/* Fingerprint of what happens to a token of this phase; 0: nothing (NULL is no plan). */
uint64_t plan_id(const persona_plan *p, token_phase phase);
/* What all tokens behind the prompt see, or PLAN_MIXED. */
#define PLAN_MIXED UINT64_MAX
uint64_t plan_reply_id(const persona_plan *p);
/* Whether both do the same to every token. */
bool plan_same(const persona_plan *a, const persona_plan *b);
/* Whether a step of it would never act in a reply without an analysis channel. */
bool plan_needs_channels(const persona_plan *p);

/* ---- tap.c ---------------------------------------------------------------------------------- */

typedef struct tap_state {
    persona_tap tap; /* blocks resolved */
    int *blocks;     /* owned copy */
    int *first;      /* n_layer + 1: block b is read into columns first[b] .. first[b+1]-1 */
    float *axes;     /* PROJECT: owned copy of the directions, (n_blocks, n_embd) */
    int n_layer, n_embd;
    size_t width; /* floats per column: n_embd, or 1 for PROJECT */
    double *sum;  /* MEAN: (1 + n_ends, n_blocks, n_embd) */
    float *rows;  /* LAST: one row; ALL, PROJECT: n_rows; finished MEAN; (n_blocks, width) each */
    float *norms; /* MEAN: (n_positions, n_blocks) */
    size_t *at;   /* ALL, PROJECT: n_positions, where in the request each was */
    size_t n_positions, cap_rows;
    size_t n_given; /* positions that on_read has had */
    int last_block;
} tap_state;
PERSONA_CHECK persona_code tap_begin(tap_state *t, const persona_tap *tap, int n_layer, int n_embd,
                                     persona_err *e);
void tap_end(tap_state *t);
bool tap_wants(const tap_state *t, token_at at);
/* The first position that the tap reads of a prompt of n tokens; n: none. */
size_t tap_first_read(const tap_state *t, size_t n_prompt);
/* Announces the position pos; returns its row number for tap_row. Errors: NOMEM, SHAPE. */
PERSONA_CHECK persona_code tap_position(tap_state *t, size_t pos, size_t *row, persona_err *e);
void tap_row(tap_state *t, int block, size_t row, const float *h);
persona_acts tap_acts(tap_state *t);

/* ---- eval.c: inside the graph --------------------------------------------------------------- */

/* One tap that wants a row. */
typedef struct eval_read {
    tap_state *tap;
    size_t row; /* tap_row's */
} eval_read;

/* What to do with one row of the batch being decoded. */
typedef struct eval_row {
    const persona_plan *plan; /* NULL: leave it */
    token_phase phase;
    size_t first_read, n_reads; /* in eval_state.reads */
    edit_tally *tally;
    bool output; /* logits requested: survives in the last block */
} eval_row;

typedef struct eval_state {
    eval_row *rows;
    size_t n_rows, cap_rows;
    eval_read *reads;
    size_t n_reads, cap_reads;
    bool *want; /* n_layer: whether this decode touches the block */
    int n_layer, n_embd;
    int stop_block; /* stop the graph after this block; -1: run it all */
    bool no_host;   /* pretend that no tensor is in host memory */
    float *scratch; /* rows of a tensor that is not in host memory */
    size_t scratch_n;
    persona_err err; /* first failure inside the graph */
} eval_state;
PERSONA_CHECK persona_code eval_init(eval_state *x, int n_layer, int n_embd, size_t max_rows,
                                     persona_err *e);
void eval_free(eval_state *x);
/* Begins a batch without rows. */
void eval_clear(eval_state *x);
/* Adds the next row of the batch; n_taps taps see whether they want it. Errors: NOMEM, SHAPE. */
PERSONA_CHECK persona_code eval_add(eval_state *x, const eval_row *row, token_at at,
                                    tap_state *taps, size_t n_taps, persona_err *e);
/* Call after filling rows: works out which blocks are wanted. cvec: additive edits are already in
 * the graph, so plans are only counted. */
void eval_prepare(eval_state *x, bool cvec);
bool eval_callback(struct ggml_tensor *t, bool ask, void *ud);

/* ---- sampler.c ------------------------------------------------------------------------------ */

PERSONA_CHECK persona_code sampler_new(const persona_model *m, const persona_sampling *s,
                                       struct llama_sampler **out, persona_err *e);

/* ---- session.c and scheduler.c -------------------------------------------------------------- */

/* Rows of one decode call that may ask for logits, at least (memory is reserved for them). */
#define ENGINE_MIN_OUTPUTS 64

/* One KV sequence and what is known to be in it. */
typedef struct stream {
    llama_token *tokens; /* n_ctx */
    size_t n;            /* tokens whose keys and values are cached */
    size_t n_prompt;     /* of these, computed in the prompt phase */
    size_t n_prefix;     /* of these, computed in calls of their own */
    bool forced;         /* the prompt shared its call with a forced response */
    uint64_t prompt_id;
    uint64_t reply_id; /* what all tokens behind the prompt saw; PLAN_MIXED: not the same */
    int depth;         /* blocks whose keys and values are valid (early exit leaves the rest) */
} stream;

typedef struct slot {
    bool active, draining; /* draining: its last token is fed only to be read */
    int stream;
    persona_request req;
    struct llama_sampler *sampler;
    channel_state channel;
    tap_state *taps;
    persona_acts *acts; /* n_taps, filled when it closes */
    size_t n_taps;
    llama_token *out; /* generated tokens, max_tokens */
    size_t n_out, max_out;
    llama_token pending; /* next token to feed: the last one of the prompt, then of the reply */
    token_class pending_class;
    size_t n_answer, n_reused;
    edit_tally tally;
    bool answered;
    buf text, analysis;
    persona_finish finish;
    int64_t t_start;
} slot;

struct persona_session {
    persona_model *model;
    persona_session_opts opts;
    struct llama_context *ctx;
    struct llama_batch batch;
    stream *streams;
    slot *slots;
    eval_state eval;
    int n_rows; /* requests that run together; with fixed_shape also the rows of every decode */
    uint64_t cvec_id; /* fingerprint of the plan in the control-vector adapter; 0: none */
    float *cvec_data;
    pace pace;
    double wall, cpu; /* spent in computations, for the pace */
    int n_threads;    /* that libllama was told; 0: its own */
    persona_session_stats stats;
};

/* prefill.c: decodes the prompt into a slot's stream: when generating, all but its last token,
 * which is fed with the batch of all slots; else all of it, with the forced tokens. */
PERSONA_CHECK persona_code prefill_run(persona_session *s, slot *sl, bool cvec, persona_err *e);
/* slot.c: the life of one request. */
PERSONA_CHECK persona_code slot_open(persona_session *s, slot *sl, const persona_request *r,
                                     persona_err *e);
/* Books one reply token: its class, text, callbacks. False: the reply ends with it. */
bool slot_token(slot *sl, llama_token t);
/* Describes the next row of the batch, which is the slot's token at that place. */
PERSONA_CHECK persona_code slot_add_row(persona_session *s, slot *sl, token_at at, bool output,
                                        persona_err *e);
/* After a decode: hands what the taps have read since the last time to the request. */
void slot_give_reads(slot *sl);
/* Samples from batch index `at` and books the token; sets finish when the reply is over. Returns
 * whether the slot has a token to feed next. */
bool slot_sample(persona_session *s, slot *sl, int at);
void slot_close(persona_session *s, slot *sl);
/* The last block that a tap reads; -1: no taps. */
int slot_last_tapped(const slot *sl);
/* Whether a tap of the request wants rows as they are before the edits. */
bool slot_reads_before(const slot *sl);
/* Makes sure the adapter matches the way plans are applied: true if plan is applied by it. */
bool session_use_cvec(persona_session *s, const persona_plan *plan);
PERSONA_CHECK persona_code session_decode(persona_session *s, bool cvec, persona_err *e);

/* Batch building: one token of stream `seq` at position `pos`. */
void session_batch_add(persona_session *s, llama_token t, llama_pos pos, llama_seq_id seq,
                       bool logits);

#endif
