/* SPDX-License-Identifier: MIT
 *
 * generate_probe.h - vectors that are read while `persona generate` writes.
 */
#ifndef PERSONA_CLI_GENERATE_PROBE_H
#define PERSONA_CLI_GENERATE_PROBE_H

#include "cli/probe.h"

/* What is read: at the answer's tokens before this block's edits, after them (where steered), and
 * at the last prompt token. */
typedef struct probing {
    persona_probes *probes; /* NULL: nothing */
    persona_tap taps[3];    /* (n_taps) before, forecast, after */
    size_t n_taps;
} probing;

/* Of one answer. */
typedef struct probed {
    float *before, *after; /* (n_tokens, n); NULL: not read */
    float *forecast;       /* (n) */
    size_t n_tokens;
} probed;

PERSONA_CHECK persona_code probing_open(probing *p, persona_model *m, const opt_list *names,
                                        bool steered, persona_err *e);
void probing_close(probing *p);
/* Copies what a result has. */
void probed_take(const probing *p, const persona_result *r, probed *out);
void probed_free(probed *x);
/* "probes": an object for each probe of each answer. */
void probed_json(json_out *o, const probing *p, const probed *const *x, size_t n);
/* A line for each probe on stderr, unless -q. */
void probed_say(const cli_state *c, const probing *p, const probed *x);

#endif
