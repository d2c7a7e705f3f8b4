/* SPDX-License-Identifier: MIT
 *
 * tap.h - what to read of the residual stream while a request runs, and what was read.
 */
#ifndef PERSONA_TAP_H
#define PERSONA_TAP_H

#include "persona/error.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum persona_tap_mode {
    PERSONA_TAP_MEAN, /* mean over the tapped positions, accumulated in double */
    PERSONA_TAP_LAST, /* the last tapped position */
    PERSONA_TAP_ALL,  /* every tapped position, in order */
} persona_tap_mode;

typedef enum persona_tap_span {
    /* generated or forced response tokens; for harmony the text of the final channel only; template
       tokens and end markers never */
    PERSONA_SPAN_RESPONSE,
    PERSONA_SPAN_PROMPT,      /* prompt tokens except position 0 */
    PERSONA_SPAN_LAST_PROMPT, /* the last prompt token */
} persona_tap_span;

typedef struct persona_tap {
    persona_tap_mode mode;
    persona_tap_span span;
    const int *blocks; /* ascending, 0 .. n_layer-2; NULL: all of them. Borrowed until done. */
    size_t n_blocks;
    /* MEAN: also the mean of each of n_ends segments: position i (0-based, of those that are read)
     * is in segment s if ends[s-1] <= i < ends[s]. Ascending; positions behind the last end are in
     * none. Borrowed until done. NULL: none */
    const size_t *ends;
    size_t n_ends;
} persona_tap;

/* What a tap read. data is (n_rows, n_blocks, n_embd), row-major: LAST has n_rows <= 1, MEAN 1 +
 * n_ends: the mean of all positions, then of each segment (an empty one is zeros).
 * n_positions counts the tokens that were read. Owned by the scheduler; valid inside `done`
 * only. */
typedef struct persona_acts {
    const float *data;
    const float *norms; /* MEAN: ||h|| of every position, (n_positions, n_blocks); else NULL */
    const int *blocks;
    size_t n_rows, n_blocks, n_embd, n_positions;
} persona_acts;

#ifdef __cplusplus
}
#endif
#endif
