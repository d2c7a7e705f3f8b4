/* SPDX-License-Identifier: MIT
 *
 * steering.h - the parts of persona/steer.h that a cache of vectors needs: names to paths, and
 * plans from vectors that somebody else keeps.
 */
#ifndef PERSONA_PIPELINE_STEERING_H
#define PERSONA_PIPELINE_STEERING_H

#include "persona/steer.h"

/* Where a plan's vectors come from. What find hands out is read only, and given back by release
 * once the plan has copied it. Both are called from the thread that builds. */
typedef struct steering_vectors {
    void *ud;
    persona_code (*find)(void *ud, persona_model *m, const char *name, persona_vector **out,
                         persona_err *e);
    void (*release)(void *ud, persona_vector *v);
    bool recipes; /* names may also be those of recipes */
} steering_vectors;

/* As persona_steer, with vectors from `from`. */
PERSONA_CHECK persona_code steering_build(persona_model *m, const char *expression,
                                          const steering_vectors *from, persona_plan **plan,
                                          persona_receipt *receipt, persona_err *e);

void steering_free_grams(persona_receipt_gram *grams, size_t n);

/* The file behind a name or path, as persona_vector_find looks for it (mem_free it). Errors:
 * NOTFOUND (lists what is there), NOMEM. */
PERSONA_CHECK persona_code steering_path(persona_model *m, const char *name, char **out,
                                         persona_err *e);
/* Reads a vector that must fit the model. Errors: SHAPE, those of persona_vector_read. */
PERSONA_CHECK persona_code steering_read(persona_model *m, const char *path, persona_vector **out,
                                         persona_err *e);

#endif
