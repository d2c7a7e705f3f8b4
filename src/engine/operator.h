/* SPDX-License-Identifier: MIT
 *
 * operator.h - the operators of steering, as rows of a table: what an edit's parameters become when
 * a plan is made, and what that does to one row of the residual stream.
 *
 * A step keeps everything that its operator needs in one array: its vectors, then its numbers, all
 * float32. So a new operator's parameters are checked, fingerprinted and freed without a word here;
 * it adds a value of persona_op, what persona_edit lacks of its parameters, and a row.
 */
#ifndef PERSONA_ENGINE_OPERATOR_H
#define PERSONA_ENGINE_OPERATOR_H

#include "persona/plan.h"

#include <stddef.h>
#include <stdint.h>

typedef struct plan_operator plan_operator;

/* A row as a step finds it. */
typedef struct row_at {
    double p;     /* its coordinate along the step's u */
    double norm;  /* its length */
    double shift; /* HOLD: what the loop has come to */
} row_at;

/* On which of the tokens of its phases a step acts. */
typedef struct plan_when {
    size_t first, after; /* persona_edit's window */
    bool syntax_off;
    uint64_t gates; /* bit i: the plan's gate i must be open */
} plan_when;

/* What to do at one block in one mask of phases. */
typedef struct plan_step {
    const plan_operator *op;
    int block;
    unsigned phases;
    plan_when when;
    float sign;  /* -1: of coefficients below 0 alone, so that u points against the trait */
    float *data; /* op->n_vectors of n_embd, then op->n_numbers */
} plan_step;

struct plan_operator {
    persona_op op;
    const char *name;            /* as in a steering expression */
    int order;                   /* within a block; equal ones act as they were given */
    size_t n_vectors, n_numbers; /* of a step's data */
    /* Purely additive: data begins with the vector to add, then its length, whatever the row
     * holds. Libllama's control-vector adapter can do it. */
    bool additive;
    bool merges; /* edits of equal block and phases become one step; a sum of nothing vanishes */
    bool limits; /* has an x, which is a coordinate */
    bool holds;  /* a closed loop: reads every token of its phases, and row_at.shift is its doing */
    float least, most; /* of alpha */
    /* Takes an edit into a step's data, which begins as zeros. */
    void (*merge)(float *data, const persona_edit *x, size_t n_embd);
    /* After the last merge: what can be computed once. Not finite: the plan is refused. May be
     * NULL. */
    void (*finish)(float *data, size_t n_embd);
    /* How far a row that has the coordinate p along u and this length is to move along u. */
    double (*asked)(const plan_step *st, size_t n_embd, const row_at *at);
    /* Changes a row h of n_embd floats; returns how much it moved, ||h after - h before||. 0: not a
     * bit of it has changed. NULL: by `asked` along u. */
    double (*apply)(const plan_step *st, float *h, size_t n_embd, const row_at *at);
};

/* The coordinate of a row along the step's direction u. */
double step_project(const plan_step *st, const float *h, size_t n_embd);
/* Does what the step's operator does; returns how much the row moved. */
double step_apply(const plan_step *st, float *h, size_t n_embd, const row_at *at);
/* The operator's row, or NULL. */
const plan_operator *operator_row(persona_op op);

#endif
