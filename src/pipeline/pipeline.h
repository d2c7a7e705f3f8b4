/* SPDX-License-Identifier: MIT
 *
 * pipeline.h - private helpers that the pipelines share.
 */
#ifndef PERSONA_PIPELINE_H
#define PERSONA_PIPELINE_H

#include "persona/extract.h"

/* "VERB TRAIT" into out; returns out. */
const char *stage_name(char *out, size_t size, const char *verb, const char *trait);

/* Fills in which model, template and library a vector belongs to. */
PERSONA_CHECK persona_code vector_label_model(persona_vector *v, persona_model *m, persona_err *e);

#endif
