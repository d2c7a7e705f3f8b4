/* SPDX-License-Identifier: MIT
 *
 * engine.h - private types of the engine, the only layer that knows llama.cpp.
 *
 * Who owns what: persona_model owns the weights and never changes. persona_session owns what
 * computes (compute.h), its streams (one KV sequence each) and its slots (one running request
 * each). A feed is a source while its run lasts, a job is a request from the moment its source gave
 * it until its on_done has returned. A plan is immutable and shared; a tap state belongs to its
 * slot. eval.c is the only code that runs inside libllama's graph, and it touches nothing but the
 * rows it is told to.
 */
#ifndef PERSONA_ENGINE_H
#define PERSONA_ENGINE_H

#include <llama.h>
#include <pthread.h>

#include "base/buf.h"
#include "engine/channel.h"
#include "engine/compute.h"
#include "engine/mapped.h"
#include "engine/pace.h"
#include "engine/plan_parts.h"
#include "engine/syntax.h"
#include "engine/template.h"
#include "engine/tokens.h"
#include "persona/session.h"

/* ---- backend.c ------------------------------------------------------------------------------ */

/* Loads the compute backends once per process; narrow: those that suit models of narrow heads. The
 * first call decides. Errors: UNAVAILABLE. */
PERSONA_CHECK persona_code backend_init(bool narrow, persona_err *e);
/* The devices to offload to, ending with NULL; mem_free it. NULL: libllama's own choice. Errors:
 * USAGE (unknown name), UNAVAILABLE (a host of rpc), NOMEM. */
PERSONA_CHECK persona_code backend_devices(const persona_model_opts *o, ggml_backend_dev_t **out,
                                           persona_err *e);
/* Routes the errors that libllama and ggml log to backend_log_last. */
void backend_log_hook(void);
/* What libllama logged as errors in this thread since backend_log_reset, as one line without the
 * names of its functions; never empty. */
const char *backend_log_last(void);
void backend_log_reset(void);
int backend_physical_cores(void);

/* ---- harmony.c ------------------------------------------------------------------------------ */

/* Control tokens of the harmony format; -1 where the vocabulary lacks one. */
typedef struct harmony_ids {
    llama_token start, end, message, channel, ret, call;
} harmony_ids;

/* ---- model.c -------------------------------------------------------------------------------- */

/* What the engine asks of a vocabulary; the tests' fake model has its own. */
typedef struct model_words {
    bool (*is_end)(const persona_model *m, llama_token t);
    void (*piece)(const persona_model *m, llama_token t, bool special, buf *out);
} model_words;

struct persona_model {
    const model_words *words;
    struct llama_model *lm;
    const struct llama_vocab *vocab;
    persona_model_info info;
    char *path, *name, *arch, *quant, *judge, *questions;
    template_program *program; /* NULL: no template */
    struct prompt_memo *memo;  /* conversations that were tokens before */
    mapped_files *files;
    char chat_hash[65], sha256[65];
    const persona_cancel *cancel; /* of hashing */
    persona_code (*hash)(const char *const *paths, size_t n, const persona_cancel *cancel,
                         char out[65], persona_err *e);
    harmony_ids harmony;
    control_set controls;
    space_rule space;
    channel_kind channels;
    bool thinks; /* its template knows <think> */
};
/* The parts of a split file NAME-00001-of-00005.gguf, or the file itself; mem_free_list them.
 * Errors: NOMEM. */
PERSONA_CHECK persona_code model_parts(const persona_model *m, char ***out, size_t *n,
                                       persona_err *e);
/* A control token: never text of a reply. */
bool model_is_control(const persona_model *m, llama_token t);
/* End of generation: harmony's <|end|> closes a message, not the reply. */
bool model_is_end(const persona_model *m, llama_token t);
/* Appends the token's text. */
void model_piece(const persona_model *m, llama_token t, bool special, buf *out);

PERSONA_CHECK persona_code harmony_render(const persona_model *m, const persona_message *msgs,
                                          size_t n, const persona_chat_opts *opts, transcript *t,
                                          persona_err *e);
void harmony_find_ids(const struct llama_vocab *vocab, harmony_ids *ids);

/* ---- tap.c ---------------------------------------------------------------------------------- */

typedef struct tap_state {
    persona_tap tap; /* blocks resolved */
    int *blocks;     /* owned copy */
    int *first;      /* n_layer + 1: block b is read into columns first[b] .. first[b+1]-1 */
    float *axes;     /* PROJECT: owned copy of the directions, (n_blocks, n_embd) */
    int n_layer, n_embd;
    size_t width;     /* floats per column: n_embd, or 1 for PROJECT */
    double *sum;      /* MEAN: (1 + n_ends, n_blocks, n_embd) */
    float *held;      /* MEAN: the last row of each block, not yet in the sum; (n_blocks, n_embd) */
    size_t *held_row; /* MEAN: n_blocks, its number + 1; 0: none */
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
/* Row numbers ascend; the same one again takes the place of the first. */
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
    persona_token token;
    size_t pos;
    int seq;
    const persona_plan *plan; /* NULL: leave it */
    plan_token at;
    plan_memory *memory; /* of the plan in this request */
    edit_tally *tally;
    size_t first_read, n_reads; /* in eval_state.reads */
    bool output;                /* logits requested: survives in the last block */
    bool edited;                /* some block of it was changed */
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
    double seconds;  /* spent on rows, all calls */
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
/* sampler_bias.c: samplers that change single logits; NULL: out of memory. */
struct llama_sampler *sampler_bias_new(const persona_logit_bias *bias, size_t n);
/* Told tokens that it was not asked about before (the prompt), it takes no notice. */
struct llama_sampler *sampler_penalties_new(int n_vocab, float presence, float frequency);

/* ---- stream.c: what is known to be in a sequence of the KV cache ----------------------------- */

#define STREAM_SPANS 16

typedef struct stream_span {
    size_t end;
    uint64_t id; /* fingerprint of the steering that acted on these rows; 0: none */
} stream_span;

typedef struct stream {
    persona_token *tokens; /* n_ctx */
    size_t n;              /* tokens whose keys and values are cached */
    stream_span spans[STREAM_SPANS];
    size_t n_spans;
    size_t n_prompt; /* of the tokens, computed in calls of the prompt */
    size_t n_prefix; /* of these, computed in calls of their own */
    bool forced;     /* the prompt shared its call with a forced response */
    int depth;       /* blocks whose keys and values are valid (early exit leaves the rest) */
    uint64_t used;   /* admissions when a request last got it; 0: never */
    int n_hole;      /* decodes for which it has been free between active ones */
} stream;
void stream_add(stream *st, persona_token t, uint64_t id);
void stream_cut(stream *st, size_t n);
/* dst becomes the first n tokens of src. */
void stream_take(stream *dst, const stream *src, size_t n);
/* Leading tokens of the prompt, at most limit, that st holds as the request's plan wants them. */
size_t stream_shared(const stream *st, const persona_request *r, size_t limit);

/* ---- the rest: sessions ---------------------------------------------------------------------- */

/* Rows of one decode call that may ask for logits, at least (memory is reserved for them). */
#define ENGINE_MIN_OUTPUTS 64
#define MESSAGE_MAX 512

typedef struct job job;
typedef struct feed feed;

/* What a request needs from its prefill. */
typedef struct prefill_need {
    size_t n_prompt, n_total;
    size_t first_read; /* nothing from here on may be reused */
    int depth;         /* blocks that must be computed */
    int stop_block;    /* -1: whole graph */
    bool logits;       /* some logits are wanted */
} prefill_need;

typedef struct slot {
    bool active;
    bool prefilling, begun; /* begun: its prefix has been taken over */
    bool draining;          /* its last token is fed only to be read */
    bool stalled;           /* its reader is slow, or its pace is: no token now */
    double due;             /* clock_now() from when its pace lets it have the next token */
    bool broken;            /* its last logits were no numbers */
    uint64_t order;         /* of admission */
    int stream;
    job *job;
    persona_request req;
    prefill_need need;
    size_t pos; /* of the prefill */
    void *sampler;
    channel_state channel;
    tap_state *taps;
    persona_acts *acts; /* n_taps, filled when it closes */
    size_t n_taps;
    persona_token *out; /* generated tokens, max_tokens */
    size_t n_out, max_out;
    size_t n_thought, max_thought, max_answer; /* tokens before the answer; max_thought 0: no limit
                                                * of its own */
    persona_token pending; /* next token to feed: the last one of the prompt, then of the reply */
    token_class pending_class;
    size_t n_answer, n_reused;
    size_t n_fed[N_PHASES]; /* reply tokens that have become rows, by phase */
    syntax_state syntax;    /* of the reply's text */
    plan_memory *memory;    /* of req.plan; NULL without */
    edit_tally tally;
    edit_tally tally_before; /* the row that is being decoded */
    bool answered;
    buf text, analysis;
    char held[4]; /* the beginning of a code point */
    size_t n_held;
    token_class held_class;
    persona_finish finish;
    persona_code code;
    char message[MESSAGE_MAX];
    double t_start, seconds;
} slot;

struct persona_session {
    persona_model *model;
    persona_session_opts opts;
    compute *compute;
    stream *streams;
    slot *slots;
    eval_state eval; /* the call that is being made */
    slot **row_slots;
    int n_rows; /* requests that run together; with fixed_shape also the rows of every decode */
    uint64_t cvec_id; /* fingerprint of the plan in the control-vector adapter; 0: none */
    uint64_t n_admitted, n_steps;
    int n_held; /* steps in which new answers waited for others to be prefilled */
    persona_session_stats stats;

    pthread_mutex_t lock; /* of everything below, and of what jobs and feeds say they share */
    pthread_cond_t work;  /* the model thread waits for it */
    pthread_t thread;
    bool running, stopping;
    bool threaded; /* has had a model thread: no caller computes any more */
    feed *feeds;
    feed *turn[2]; /* per priority: the feed that gave the last request */
    persona_session_stats stats_seen;
};

/* session.c: over anything that computes; the session owns it, also if this fails. */
PERSONA_CHECK persona_code session_new_over(persona_model *m, const persona_session_opts *opts,
                                            compute *c, persona_session **out, persona_err *e);
/* Makes sure the adapter matches the way plans are applied: true if plan is applied by it. */
bool session_use_cvec(persona_session *s, const persona_plan *plan);

/* prefill.c: decodes the prompt into a slot's stream: when generating, all but its last token,
 * which is fed with the batch of all slots; else all of it, with the forced tokens. */
#define PREFILL_MIN_SHARED 8 /* copying a stream costs about as much as a few tokens */
prefill_need prefill_need_of(const persona_session *s, const slot *sl);
/* Leading tokens of st that a request may take over. */
size_t prefill_reusable(const persona_session *s, const stream *st, const persona_request *r,
                        const prefill_need *need);
/* Takes over what a stream already holds. */
void prefill_begin(persona_session *s, slot *sl);
/* Tokens of the next call; 0: it is complete. */
size_t prefill_size(const persona_session *s, const slot *sl);
PERSONA_CHECK persona_code prefill_chunk(persona_session *s, slot *sl, bool cvec, persona_err *e);

/* seat.c: the stream of a slot that has been opened; one is free. */
int seat_for(persona_session *s, const slot *sl);
slot *slot_of_stream(persona_session *s, int seq);
/* Moves active streams together if a hole between them has stayed for some decodes. */
void seats_close_holes(persona_session *s);

/* slot.c: the life of one request. After a failure the slot is active and wants slot_fail. */
PERSONA_CHECK persona_code slot_open(persona_session *s, slot *sl, job *j, persona_err *e);
/* Books one reply token: its class, text, callbacks. False: the reply ends with it. */
bool slot_token(slot *sl, persona_token t);
/* Describes the next row of the call, which is the slot's token t at that place. */
PERSONA_CHECK persona_code slot_add_row(persona_session *s, slot *sl, token_at at, persona_token t,
                                        bool output, persona_err *e);
/* The reply token (or prompt token) at a place, as plans see it. */
plan_token slot_token_at(const slot *sl, token_at at);
/* Steers the request by p (NULL: not at all) from its next row on; what the plan before knew is
 * forgotten. Errors: NOMEM. */
PERSONA_CHECK persona_code slot_set_plan(slot *sl, persona_plan *p, persona_err *e);
/* After a decode: NUMERIC if the plan's guard rejects what was done to the request's rows. */
PERSONA_CHECK persona_code slot_check_guard(const slot *sl, persona_err *e);
/* After a decode: hands what the taps have read since the last time to the request. */
void slot_give_reads(slot *sl);
/* The last block that a tap reads; -1: no taps. */
int slot_last_tapped(const slot *sl);
/* Whether a tap of the request wants rows as they are before the edits. */
bool slot_reads_before(const slot *sl);
/* Samples from batch index `at` and books the token; sets finish when the reply is over. Returns
 * whether the slot has a token to feed next. */
bool slot_sample(persona_session *s, slot *sl, size_t at);
void slot_fail(slot *sl, persona_code code, const char *message);
/* Ends the request: frees the slot, and its result goes to the job. */
void slot_end(persona_session *s, slot *sl);
/* Calls on_done for what slot_end has kept, and frees it. Returns the code. */
persona_code slot_deliver(slot *sl, persona_err *e);

/* Whether a plan (NULL: yes) suits a request of the model: its shape, and no step that would never
 * act, as the reply (raw or not) has no channels. Errors: SHAPE, USAGE. */
PERSONA_CHECK persona_code plan_fits(const persona_model *m, bool raw, const persona_plan *p,
                                     persona_err *e);

/* broken.c: numbers that are none. */
bool logits_broken(const float *logits, size_t n);
/* Says which block spoils the row that the slot has just fed. */
void broken_explain(persona_session *s, slot *sl, bool cvec, char *out, size_t size);

/* ---- feed.c: requests and answers between the threads ---------------------------------------- */

#define MAIL_MAX 64 /* events of one request that wait for their reader */

typedef struct letter {
    persona_token token;
    persona_token_kind kind;
    size_t index, at, len; /* at: of its text in mailbag.text */
} letter;

typedef struct mailbag {
    letter *letters;
    size_t n, cap;
    buf text;
} mailbag;

struct job {
    persona_request req;
    feed *feed;
    job *next; /* of the feed's open ones */
    job *next_ready;
    job *next_mail;
    /* shared under the session's lock */
    bool canceled, stopped; /* stopped: its reader wants no more */
    bool replanned;
    persona_plan *plan; /* replanned: the new one */
    bool taken;         /* by a slot */
    bool in_mail, ended_mail;
    mailbag *mail; /* NULL: direct */
    slot ended;    /* what slot_end kept */
};

struct feed {
    persona_session *s;
    persona_source source;
    const persona_hooks *hooks;
    bool direct; /* the caller's thread computes */
    /* shared under the session's lock */
    feed *next;
    job *open, *ready, *last_ready, *mail, *last_mail;
    size_t n_open, n_ready, n_done;
    int n_slots; /* held by its requests */
    bool told;   /* of all its mail */
    bool ended, canceled;
    pthread_cond_t news; /* its thread waits for it */
    /* of the thread that asks it */
    uint64_t later_at; /* step in which it said LATER */
    bool later_idle;   /* with none of its requests open */
    persona_code rc;   /* the first failure of a request */
    persona_err err;
};
void feed_attach(feed *f, persona_session *s, const persona_source *source,
                 const persona_hooks *hooks, bool direct);
void feed_detach(feed *f);
/* Asks the source for a request and makes it a job. */
persona_next feed_ask(feed *f, job **out);
/* The next request for a free slot, or NULL: of the feeds of this priority, in turn. */
job *feeds_pull(persona_session *s, persona_priority priority);
/* An event of a reply. False: stop. */
bool feed_post(job *j, const persona_token_event *ev);
/* The job's request has ended: its result is delivered now, or mailed. */
void feed_ended(job *j);
/* What came for one job. */
typedef struct delivery {
    job *job;
    mailbag bag;
    bool ended; /* nothing comes after it */
} delivery;
/* Takes what came for the next job with mail; the lock is held. False: there is none. */
bool feed_take_mail(feed *f, delivery *out);
/* Delivers it; frees the job if that was all. */
void feed_read(feed *f, delivery *p);
/* Wakes the readers of new mail. */
void feeds_tell(persona_session *s);
/* Whether a job can take no more events than those of a token; the lock is held. */
bool mail_is_full(const job *j);
/* Ends the requests that were canceled before they got a slot. */
void feeds_drop_canceled(persona_session *s);
/* Cancels all that is open; the lock is held. */
void feed_cancel(feed *f);

/* scheduler.c: prefills, then decodes once; false: there was nothing to do. */
bool scheduler_step(persona_session *s);
/* Ends all that have a slot as CANCELED. */
void scheduler_end(persona_session *s);
/* Whether a step would do something; the lock is held. */
bool scheduler_has_work(const persona_session *s);
/* Seconds until a slot that waits for its pace alone has work; negative: there is none. */
double scheduler_pause(const persona_session *s);
/* runner.c */
bool runner_is_on(persona_session *s);

#endif
