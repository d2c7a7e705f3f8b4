/* SPDX-License-Identifier: MIT
 *
 * error.h - how every function of libpersona reports failure.
 *
 * A function that can fail returns a persona_code and takes a persona_err as its last argument. The
 * message is written once, where the fact is known: one line that names the file, the field, the
 * value and the fix. Callers may put context in front (persona_err_wrap); they never rewrite it.
 * One table makes the enum, the names and the exit codes of the command line.
 */
#ifndef PERSONA_ERROR_H
#define PERSONA_ERROR_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define PERSONA_CHECK __attribute__((warn_unused_result))
#define PERSONA_PRINTF(f, a) __attribute__((format(printf, f, a)))
#else
#define PERSONA_CHECK
#define PERSONA_PRINTF(f, a)
#endif

/* X(NAME, number, exit code, text). Numbers are stable; exit codes follow sysexits.h. */
#define PERSONA_ERR_MAP(X)                                                                         \
    X(NEGATIVE, 1, 1, "a check came out negative")                                                 \
    X(USAGE, 2, 64, "wrong usage")                                                                 \
    X(FORMAT, 3, 65, "bad data")                                                                   \
    X(SHAPE, 4, 65, "shapes do not match")                                                         \
    X(NUMERIC, 5, 65, "numbers are not usable")                                                    \
    X(NOTFOUND, 6, 66, "not found")                                                                \
    X(UNAVAILABLE, 7, 69, "unavailable")                                                           \
    X(NOMEM, 8, 70, "out of memory")                                                               \
    X(INTERNAL, 9, 70, "internal error")                                                           \
    X(IO, 10, 74, "input/output error")                                                            \
    X(CANCELED, 11, 130, "interrupted")

typedef enum persona_code {
    PERSONA_OK = 0,
#define X(name, number, exit_code, text) PERSONA_E_##name = number,
    PERSONA_ERR_MAP(X)
#undef X
} persona_code;

/* Caller-owned; every function accepts NULL. msg is one line without a final newline. */
typedef struct persona_err {
    persona_code code;
    char msg[512];
} persona_err;

/* "NOTFOUND" for PERSONA_E_NOTFOUND, "OK" for PERSONA_OK. */
const char *persona_code_name(persona_code code);
/* The documented exit code of the command line; 0 for PERSONA_OK. */
int persona_code_exit(persona_code code);

/* Sets code and message; returns code, so that `return persona_err_set(e, ...)` reads well. */
persona_code persona_err_set(persona_err *e, persona_code code, const char *fmt, ...)
    PERSONA_PRINTF(3, 4);
/* Puts "CONTEXT: " in front of the message that is there; returns the code that is there, and
 * INTERNAL if e is NULL: a caller that has the code at hand returns that one. */
persona_code persona_err_wrap(persona_err *e, const char *fmt, ...) PERSONA_PRINTF(2, 3);

/* ---- hooks: progress and cancellation of long work ---------------------------------------- */

/* A flag that a signal handler or another thread may set; long functions poll it. */
typedef struct persona_cancel {
    int requested; /* through the two functions, once others can see it */
} persona_cancel;
/* May be called from a signal handler. */
void persona_cancel_set(persona_cancel *c);
bool persona_canceled(const persona_cancel *c); /* NULL: never */

typedef struct persona_progress {
    const char *stage;  /* "extract silly", ... borrowed for the call */
    size_t done, total; /* total == 0: unknown */
    size_t n_tokens;    /* tokens processed in this stage so far (prompt and generated) */
} persona_progress;

/* Any member may be NULL. They are called from the thread that called the library. */
typedef struct persona_hooks {
    void *ud;
    void (*progress)(void *ud, const persona_progress *p);
    const persona_cancel *cancel;
    /* Answers are kept in that job file from here on; one task may have several. */
    void (*keeps)(void *ud, const char *path);
} persona_hooks;

#ifdef __cplusplus
}
#endif
#endif
