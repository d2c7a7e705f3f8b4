/* SPDX-License-Identifier: MIT
 *
 * verify.h - what the engine promises of steering, measured on a model and its backend: the checks
 * that the tests make on the embedded pair, on whatever the user has.
 */
#ifndef PERSONA_VERIFY_H
#define PERSONA_VERIFY_H

#include "persona/session.h"
#include "persona/vector.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct persona_verify_opts {
    const persona_vector *vector; /* NULL (default): a direction drawn at random */
    int block;                    /* -1 (default): the vector's best, or the middle of the model */
    uint32_t seed;                /* of the direction */
    int n_threads;                /* 0 (default): as a session's */
} persona_verify_opts;
persona_verify_opts persona_verify_defaults(void);

typedef struct persona_check {
    const char *name;
    const char *about; /* one line: what is compared */
    bool ok;
    double value, limit; /* ok: the value, which is at least 0, is at most the limit */
} persona_check;

typedef struct persona_verification {
    persona_check *checks;
    size_t n;
    bool ok; /* all of them */
    int block;
    double row_norm; /* mean length of an unsteered answer's rows behind that block */
    size_t n_tokens; /* tokens generated and read for it */
    double seconds;
} persona_verification;
void persona_verification_free(persona_verification *v);

/* Makes all checks; that one fails is no error. Errors: SHAPE (the vector does not fit, or has no
 * direction at the block), UNAVAILABLE (a model of fewer than 3 blocks), those of sessions. */
PERSONA_CHECK persona_code persona_verify(persona_model *m, const persona_verify_opts *opts,
                                          const persona_hooks *hooks, persona_verification **out,
                                          persona_err *e);

#ifdef __cplusplus
}
#endif
#endif
