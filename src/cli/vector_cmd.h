/* SPDX-License-Identifier: MIT
 *
 * vector_cmd.h - what the actions of `persona vector` share.
 */
#ifndef PERSONA_CLI_VECTOR_CMD_H
#define PERSONA_CLI_VECTOR_CMD_H

#include "cli/cli.h"

typedef struct vector_args {
    cli_state *c; /* first: the shared parsers rely on it */
    const char *model, *output, *to, *model_arch, *debias;
    int n_layer; /* 0: not given */
    int top;     /* tokens that explain tells */
    bool normalize;
    char **names;
    size_t n_names;
    int block;   /* to calibrate at; -1: the vector's best */
    rig *engine; /* where names are looked up; its model may be NULL */
} vector_args;

/* One vector that was asked for. */
typedef struct vector_input {
    const char *name, *format;
    persona_vector *v;
} vector_input;

/* A file, or with --model a name in the user's library. Errors: those of reading. */
PERSONA_CHECK persona_code vector_open(const vector_args *a, const char *name, vector_input *out,
                                       persona_err *e);

/* in: the n names of the command line, opened; the inputs stay the caller's. */
typedef persona_code (*vector_run)(const vector_args *a, vector_input *in, size_t n,
                                   persona_err *e);
persona_code vector_show(const vector_args *a, vector_input *in, size_t n, persona_err *e);
persona_code vector_explain(const vector_args *a, vector_input *in, size_t n, persona_err *e);
persona_code vector_calibrate(const vector_args *a, vector_input *in, size_t n, persona_err *e);
persona_code vector_compare(const vector_args *a, vector_input *in, size_t n, persona_err *e);
persona_code vector_convert(const vector_args *a, vector_input *in, size_t n, persona_err *e);
/* in is NULL: names[0] is an expression. */
persona_code vector_combine(const vector_args *a, vector_input *in, size_t n, persona_err *e);

#endif
