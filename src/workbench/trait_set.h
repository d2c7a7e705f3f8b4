/* SPDX-License-Identifier: MIT
 *
 * trait_set.h - every trait pack that can be found, to learn a map from or to list.
 */
#ifndef PERSONA_WORKBENCH_TRAIT_SET_H
#define PERSONA_WORKBENCH_TRAIT_SET_H

#include "persona/trait.h"

typedef struct trait_set {
    persona_trait **p; /* n, owned */
    size_t n;
} trait_set;

/* wanted (may be NULL) comes first and stands for the pack of its name: it is read from its own
 * file. A pack that cannot be read is an error. */
PERSONA_CHECK persona_code trait_set_open(const persona_trait *wanted, trait_set *out,
                                          persona_err *e);
void trait_set_free(trait_set *t);

#endif
