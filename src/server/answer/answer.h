/* SPDX-License-Identifier: MIT
 *
 * answer.h - one request for text while it runs: a prompt, 1 to n choices, one plan.
 *
 * A worker thread feeds the choices to the model's session and puts what comes back into a ring
 * that grows to a bound; the connection's thread reads it. A reader that lags by more than that
 * stalls its own answer, which keeps its slots of the model: so, after spec.patience_s without an
 * event taken, it counts as gone. When the reader goes (answer_free), decoding ends within a token.
 * Running answers are in a list by id, where another request may steer them anew or cancel them.
 *
 * Threads: answer_next, answer_choice_of and answer_free by the one reader; answers_steer,
 * answers_cancel and answers_each by anybody.
 */
#ifndef PERSONA_SERVER_ANSWER_H
#define PERSONA_SERVER_ANSWER_H

#include <pthread.h>

#include "core/measure/toplogits.h"
#include "core/text/stopwords.h"
#include "persona/monitor.h"
#include "server/serve/registry.h"
#include "workbench/results.h"

enum {
    ANSWER_ID_MAX = 48,
    ANSWER_CHOICES_MAX = 16,
    ANSWER_RING = 64, /* events, to begin with */
    ANSWER_RING_MAX = 8192,
    ANSWER_CHANGES_MAX = 1000,
    ANSWER_PROBE_MAX = 128,
    ANSWER_RECENT = 24, /* tokens */
    ANSWERS_ENDED_MAX = 50,
};

/* What an answer is steered by. */
typedef struct answer_steering {
    persona_plan *plan; /* owned; NULL: unsteered, or every edit is 0 */
    bool steered;       /* `receipt` says by what */
    persona_receipt receipt;
} answer_steering;
void answer_steering_free(answer_steering *x);

/* What is wanted. answer_start takes all of it over, also when it fails. */
typedef struct answer_spec {
    registry *registry;
    served *model; /* held */
    persona_tokens prompt;
    bool raw;
    persona_sampling sampling; /* grammar: grammar_text */
    char *grammar_text;        /* owned; NULL: none */
    int n_choices;
    persona_logit_bias *bias; /* (sampling.n_logit_bias) owned */
    double pace;              /* persona_request.pace */
    bool token_ids;           /* keep them */
    bool logprobs;            /* and of the n_top likeliest */
    size_t n_top;
    char **stops; /* (n_stops) owned */
    size_t n_stops;
    answer_steering steering;
    persona_probes *probes; /* owned; NULL: none */
    persona_probes
        *watched;      /* owned; read for the list of answers, not for the reply; NULL: none */
    double patience_s; /* with a reader that takes nothing; 0: for ever */
    const char *kind;  /* static: "chatcmpl", "cmpl", ...: what its id begins with */
    char route[40];    /* for the list of running answers */
} answer_spec;
void answer_spec_free(answer_spec *x);

typedef enum answer_event_kind {
    ANSWER_NOTHING, /* the time was up */
    ANSWER_TEXT,    /* text of the answer or of the analysis, maybe empty */
    ANSWER_PROBED,  /* values of the probes at one token */
    ANSWER_ENDED,   /* one choice has ended; answer_choice_of tells the rest */
    ANSWER_CLOSED,  /* all have; nothing comes any more */
} answer_event_kind;

typedef struct answer_event {
    answer_event_kind kind;
    int choice;
    bool analysis;       /* TEXT: of the analysis */
    persona_token token; /* TEXT: -1: held text only */
    size_t index;        /* TEXT, PROBED: of the token in the reply */
    char *text;          /* owned; mem_free */
    float *values;       /* PROBED: (n_probes) owned; mem_free */
    top_logits *logprob; /* TEXT: owned; mem_free; NULL: not wanted, or no token */
} answer_event;
void answer_event_free(answer_event *x);

/* A choice after its end. */
typedef struct answer_choice {
    bool ended, given; /* given: the session has been told */
    persona_finish finish;
    bool stopped; /* by a stop string */
    persona_code code;
    char message[512];
    size_t n_prompt, n_reused, n_tokens, n_answer;
    double seconds;
    persona_token *ids; /* (n_tokens) all that were generated; NULL: not wanted */
    receipt_done steering;
    uint64_t engine_id;
    struct answer *owner;
    stopwords *stops; /* NULL: none */
    buf released;     /* by them, of one token */
    /* readings of the probes: (n_read, n_probes), of which n_put are in the ring's past */
    float *read;
    size_t *read_at; /* (n_read) tokens of the reply */
    size_t n_read, n_put, read_cap;
    top_logits *logits; /* (n_logits) of tokens from the first that the worker has not had */
    size_t n_logits, logits_cap, logits_first;
} answer_choice;

/* The steering was changed under way. */
typedef struct answer_change {
    size_t n_tokens;  /* of all choices, when the new plan was given */
    char *expression; /* NULL: none from there on */
} answer_change;

typedef struct answers answers; /* the list of running ones */
typedef struct answer answer;

PERSONA_CHECK persona_code answers_new(size_t most, answers **out, persona_err *e);
/* None may be running. */
void answers_free(answers *l);
size_t answers_running(answers *l);
/* No new ones (UNAVAILABLE), for a server that is about to end. */
void answers_close(answers *l);
bool answers_closed(answers *l);
/* Cancels every one that runs. */
void answers_cancel_all(answers *l);

/* Errors: UNAVAILABLE (the queue is full: *busy true; or the server ends), NOMEM. */
PERSONA_CHECK persona_code answer_start(answers *l, answer_spec *spec, answer **out, bool *busy,
                                        persona_err *e);
const char *answer_id(const answer *a);
int64_t answer_created(const answer *a);
/* Seconds from its start to its first token; NAN: none yet. */
double answer_first_token_s(answer *a);
const answer_spec *answer_spec_of(const answer *a);
/* Waits at most that long for the next event. */
void answer_next(answer *a, double seconds, answer_event *out);
const answer_choice *answer_choice_of(const answer *a, int i);
/* "steering": the receipt of a choice, or null, as member of the open object: what is known while
 * it runs, everything after its end. */
void answer_steering_json(answer *a, json_out *o, int choice);
/* Cancels what still runs and waits for it. NULL is fine. */
void answer_free(answer *a);

/* From its next token on the answer is steered by x, which is taken over. Errors:
 * NOTFOUND (no such answer runs), those of replanning. */
PERSONA_CHECK persona_code answers_steer(answers *l, const char *id, answer_steering *x,
                                         size_t *n_tokens, persona_err *e);
/* The model of a running answer, held; NULL: no such answer. */
served *answers_model(answers *l, const char *id);
bool answers_cancel(answers *l, const char *id);

/* What one probe has read of an answer so far, over all choices; in standard deviations of neutral
 * answers, and of their tokens. NAN: not known. */
typedef struct answer_probed {
    char vector[ANSWER_PROBE_MAX];
    int block;
    size_t n;                     /* tokens */
    double projection, z;         /* the mean of them */
    double last, highest, lowest; /* of single tokens */
    double recent;                /* the mean of the last ANSWER_RECENT */
    double window[ANSWER_RECENT]; /* those: token i at i % ANSWER_RECENT */
} answer_probed;

/* One answer, for lists. */
typedef struct answer_status {
    char id[ANSWER_ID_MAX], model[SERVED_ID_MAX], route[40];
    int64_t created;
    int n_choices, n_ended;
    size_t n_prompt, n_tokens;
    double seconds, first_token_s; /* NAN: none yet */
    const char *expression;        /* NULL: unsteered. Pointers are valid inside fn */
    const answer_probed *probed;   /* (n_probed) */
    size_t n_probed;
    const char *finish; /* static; NULL: it runs */
    int64_t ended;      /* likewise 0 */
} answer_status;
typedef void (*answers_fn)(void *ud, const answer_status *x);
void answers_each(answers *l, answers_fn fn, void *ud);
/* The last ANSWERS_ENDED_MAX that have ended, the newest first. */
void answers_each_ended(answers *l, answers_fn fn, void *ud);
/* How many have ended: what that list was made of. */
uint64_t answers_n_ended(answers *l);

/* Sums over all answers that have ended. */
typedef struct answers_totals {
    uint64_t n_started, n_done, n_failed, n_canceled, n_refused, n_steered;
    uint64_t n_prompt_tokens, n_reused_tokens, n_tokens, n_steered_tokens;
    double first_token_s; /* sum over answers that had one */
    uint64_t n_first;
    double seconds;
} answers_totals;
answers_totals answers_totals_get(answers *l);

#endif
