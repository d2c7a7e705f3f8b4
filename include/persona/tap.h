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
    /* every tapped position, in order, as its coordinates <h, directions[i]> (double sums): k
       floats a token instead of whole rows */
    PERSONA_TAP_PROJECT,
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
    /* Rows as they were before the plan's edits of this very block (edits of earlier blocks are in
     * them); false: after. Only the edits of eval callbacks can be told apart, so a request with
     * such a tap never takes the control-vector path. */
    bool before_edits;
    /* PROJECT: (n_blocks, n_embd), direction i at blocks[i]; a block may stand more than once. As
     * they are: a unit vector gives a coordinate in units of h. Copied when the request begins. */
    const float *directions;
    /* MEAN: also the mean of each of n_ends segments: position i (0-based, of those that are read)
     * is in segment s if ends[s-1] <= i < ends[s]. Ascending; positions behind the last end are in
     * none. Borrowed until done. NULL: none */
    const size_t *ends;
    size_t n_ends;
} persona_tap;

/* What a tap read. data is (n_rows, n_blocks, width), row-major; width is n_embd, for PROJECT 1.
 * LAST has n_rows <= 1, ALL and PROJECT n_positions, MEAN 1 + n_ends: the mean of all positions,
 * then of each segment (an empty one is zeros). n_positions counts the tokens that were read. Owned
 * by the session; valid inside `on_done` only. */
typedef struct persona_acts {
    const float *data;
    const float *norms; /* MEAN: ||h|| of every position, (n_positions, n_blocks); else NULL */
    /* ALL, PROJECT: where in the request each row's token stands, prompt and reply counted from 0
     * (n_positions); else NULL */
    const size_t *positions;
    const int *blocks;
    size_t n_rows, n_blocks, width, n_positions;
} persona_acts;

/* One token's row of an ALL or PROJECT tap, while the request runs: (n_blocks, width), valid inside
 * the callback. A generated token is read when it is fed, one step after its on_token. */
typedef struct persona_read {
    size_t tap;      /* index into the request's taps */
    size_t position; /* of the token, prompt and reply counted from 0 */
    const float *data;
    size_t n_blocks, width;
} persona_read;

#ifdef __cplusplus
}
#endif
#endif
