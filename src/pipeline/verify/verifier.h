/* SPDX-License-Identifier: MIT
 *
 * verifier.h - what the checks of persona_verify share: one short greedy answer with
 * everything that it produced.
 */
#ifndef PERSONA_PIPELINE_VERIFIER_H
#define PERSONA_PIPELINE_VERIFIER_H

#include "persona/verify.h"

/* tokens of an answer; where a plan is replaced; slots; rows that must have been read (a raw answer
 * may have tokens that are none of its text) */
enum { VERIFY_TOKENS = 8, VERIFY_SWITCH = 3, VERIFY_SLOTS = 4, VERIFY_ROWS = 3 };

/* What one request said. */
typedef struct said {
    size_t n_vocab, n_embd;
    persona_token tokens[VERIFY_TOKENS];
    size_t n, n_logits, n_rows, n_reused, n_steered;
    float *logits;         /* (VERIFY_TOKENS, n_vocab) */
    float *before, *after; /* (VERIFY_TOKENS, n_embd): rows of the answer's tokens at the block */
    persona_step_done step;
    /* the plan that replaces the request's after token VERIFY_SWITCH; NULL: none does */
    persona_session *session;
    persona_plan *to;
} said;

typedef struct verifier {
    persona_model *m;
    const persona_model_info *info;
    const persona_hooks *hooks;
    persona_verify_opts opts;
    persona_tokens prompt;
    int block;
    float *v;            /* the direction */
    double length;       /* its length */
    double h, p;         /* of unsteered rows: length, coordinate along it */
    said *said;          /* (VERIFY_SLOTS + 1) */
    persona_tap taps[2]; /* of verify_read_rows */
    persona_verification *out;
    size_t n_done; /* checks, for progress */
} verifier;

/* ---- verify_answer.c ------------------------------------------------------------------------- */

PERSONA_CHECK persona_code said_init(said *x, const persona_model_info *info, persona_err *e);
void said_free(said *x);
/* The same place for another request. */
void said_clear(said *x);
/* A session of n slots; exact: without reuse of prompts, in a fixed shape. */
PERSONA_CHECK persona_code verify_session(const verifier *x, int n_slots, bool exact, bool no_cvec,
                                          persona_session **out, persona_err *e);
/* A request for a greedy answer under the plan. */
persona_request verify_request(const verifier *x, persona_plan *plan, said *to);
/* Also reads the rows at the block, before and after their edits. */
void verify_read_rows(verifier *x, persona_request *r);
PERSONA_CHECK persona_code verify_run(const verifier *x, persona_session *s, persona_request *r,
                                      size_t n, persona_err *e);
/* The most that a logit of the answers' first n distributions, from a's distribution i and b's k
 * on, is apart; INFINITY where one is missing. */
double said_apart(const said *a, size_t i, const said *b, size_t k, size_t n);

/* ---- verify_operators.c ---------------------------------------------------------------------- */

/* Where the coordinate p of a row of length norm belongs after the edit, whose vector has this
 * length. */
double verify_expected(const persona_edit *x, double length, double p, double norm);
/* The edit of an operator with which it has something to do on most rows. */
persona_edit verify_edit(const verifier *x, persona_op op);

#endif
