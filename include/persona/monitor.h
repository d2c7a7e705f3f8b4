/* SPDX-License-Identifier: MIT
 *
 * monitor.h - what a model's states say about texts: the states themselves, in a file.
 */
#ifndef PERSONA_MONITOR_H
#define PERSONA_MONITOR_H

#include "persona/session.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct persona_activations_opts {
    persona_tap_mode mode; /* MEAN (default), LAST or ALL, of the answer's tokens */
    const int *blocks;     /* (n_blocks) ascending, 0 .. n_layer-2; NULL (default): all of them */
    size_t n_blocks;
} persona_activations_opts;
persona_activations_opts persona_activations_defaults(void);

typedef struct persona_activations_report {
    size_t n_items, n_read; /* lines of the file; those that are in the output */
    size_t n_rows, n_empty; /* n_empty: lines without a token to read, which have no row */
    size_t n_tokens;
    bool complete; /* false: interrupted, and the first n_read lines are in the output */
} persona_activations_report;

/* Has the model read the texts of a file (FORMATS.md, "Texts") and writes float32 rows of (blocks,
 * n_embd) to output (.npy or .safetensors) in the order of the lines, and which row is what to
 * index. Read are the tokens of a line's last answer, or of its prompt (but for position 0) where
 * it has none. Memory does not grow with the file. An interrupted run keeps its first lines, unless
 * there is an older output, which stays. Errors: USAGE (mode, blocks, extension), SHAPE (a block
 * that the model lacks), those of text files (a text that does not fit the context is a FORMAT
 * error with its line), IO, CANCELED. */
PERSONA_CHECK persona_code persona_activations(persona_session *s, const char *texts,
                                               const persona_activations_opts *o,
                                               const char *output, const char *index,
                                               const persona_hooks *hooks,
                                               persona_activations_report *report, persona_err *e);

#ifdef __cplusplus
}
#endif
#endif
