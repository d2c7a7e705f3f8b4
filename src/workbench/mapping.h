/* SPDX-License-Identifier: MIT
 *
 * mapping.h - how maps between models are made, and the paired texts behind them.
 */
#ifndef PERSONA_WORKBENCH_MAPPING_H
#define PERSONA_WORKBENCH_MAPPING_H

#include "persona/map.h"
#include "persona/pairs.h"
#include "workbench/rig.h"
#include "workbench/talk.h"
#include "workbench/trait_set.h"

/* Everything borrowed. */
typedef struct mapping_opts {
    const char *method, *cache; /* NULL: the default */
    const char *const *texts;   /* (n_texts) files; NULL: the models' own answers */
    size_t n_texts;
    bool chunks, no_cache;
    double lambda;
    int rank, n_anchors, n_neutral, n_questions, n_candidates; /* 0: the default */
    int from, to;                                              /* blocks; -1: the best */
    uint32_t seed;
} mapping_opts;
mapping_opts mapping_defaults(void);

/* How to fit. */
persona_fit_opts mapping_fit_opts(const mapping_opts *m);
typedef struct mapping_texts {
    const rig *from, *to; /* from is not asked anything where there are files */
    const trait_set *packs;
    int n_questions; /* of each trait at most; 0: the default */
    int text_tokens; /* length of a text at most; 0: the default */
} mapping_texts;
/* Texts that both models read. Errors: USAGE (one model twice), NOTFOUND (no packs), those of
 * persona_pairs_new. */
PERSONA_CHECK persona_code mapping_pairs(const mapping_opts *m, const mapping_texts *t,
                                         const persona_hooks *hooks, persona_pairs **out,
                                         persona_err *e);
/* Says what was cut (option is where the length stands), what was read and what was found in the
 * cache. */
void mapping_say_pairs(const talk_sink *t, const persona_pairs *p, const char *option);

#endif
