/* SPDX-License-Identifier: MIT
 *
 * answer_parts.h - what the files of this folder share of an answer.
 */
#ifndef PERSONA_SERVER_ANSWER_PARTS_H
#define PERSONA_SERVER_ANSWER_PARTS_H

#include "server/answer/answer.h"

struct answer {
    answers *list;
    answer *next;
    answer_spec spec;
    uint64_t number;
    char id[ANSWER_ID_MAX];
    int64_t created;
    double begun, first_token;
    persona_tap taps[2];             /* (n_taps) */
    const persona_probes *tap_of[2]; /* whose they are */
    size_t n_taps;
    answer_probed *probed; /* (n_probed): of spec.probes, then of spec.watched */
    size_t n_probed;
    pthread_t worker;
    pthread_mutex_t lock;
    pthread_cond_t news, room;
    answer_event *ring; /* (n_ring), of which n_events from first on */
    size_t n_ring, first, n_events;
    bool dead;   /* the reader has gone */
    bool closed; /* the worker has */
    answer_choice choices[ANSWER_CHOICES_MAX];
    persona_plan *lent[ANSWER_CHOICES_MAX];
    size_t n_lent, n_tokens;
    int n_given, n_ended;
    answer_change *changes; /* (n_changes) */
    size_t n_changes;
};

/* ring.c: waits for room; takes text and values over. False: the reader has gone. */
bool answer_put(answer *a, answer_event *x);
PERSONA_CHECK persona_code ring_init(answer *a, persona_err *e);
void ring_free(answer *a);

/* answer.c: its id, of its number and of chance. */
void answer_make_id(answer *a);

/* list.c: cancels all choices that have begun. */
void answer_cancel(answer *a);
PERSONA_CHECK persona_code answers_enter(answers *l, answer *a, bool *busy, persona_err *e);
void answers_leave(answers *l, answer *a);

/* probed.c: sums over what probes read, for lists; wants the answer's lock (probed_add). */
PERSONA_CHECK persona_code probed_init(answer *a, persona_err *e);
void probed_add(answer *a, const persona_probes *p, const float *values);

/* ended.c: what has ended, under the list's lock. */
typedef struct ended_answer {
    answer_status status; /* points to the two */
    char *expression;
    answer_probed *probed;
} ended_answer;
typedef struct ended_list {
    ended_answer list[ANSWERS_ENDED_MAX]; /* the newest at (n - 1) % ANSWERS_ENDED_MAX */
    uint64_t n;
} ended_list;
void ended_add(ended_list *l, const answer_status *x);
void ended_each(const ended_list *l, answers_fn fn, void *ud);
void ended_free(ended_list *l);

/* probe_readings.c: keeps a reading (model thread); hands what was kept to the reader (worker). */
void probe_readings_take(answer_choice *c, const persona_read *r);
bool probe_readings_flush(answer_choice *c);
void probe_readings_free(answer_choice *c);

/* token_logprobs.c: keeps what a token was drawn from (model thread); hands it out (worker;
 * mem_free). */
void logprobs_take(answer_choice *c, size_t i, persona_token t, const float *logits,
                   size_t n_vocab);
top_logits *logprobs_of(answer_choice *c, size_t i);

#endif
