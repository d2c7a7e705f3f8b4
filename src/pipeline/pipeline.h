/* SPDX-License-Identifier: MIT
 *
 * pipeline.h - private helpers that the pipelines share.
 */
#ifndef PERSONA_PIPELINE_H
#define PERSONA_PIPELINE_H

#include "persona/extract.h"

/* "VERB TRAIT" into out; returns out. */
const char *stage_name(char *out, size_t size, const char *verb, const char *trait);

/* Whether texts are read instead of answers written. */
bool extract_reads(const persona_extract_opts *o);
/* How many questions of the extraction half are asked. */
size_t extract_questions(const persona_questions *q, const persona_extract_opts *o);
/* Whether an extraction makes sense at all: files, questions, method, judge. Errors: USAGE,
 * UNAVAILABLE. */
PERSONA_CHECK persona_code extract_check(const persona_trait *trait,
                                         const persona_questions *questions,
                                         const persona_extract_opts *o, persona_err *e);

/* Fills in which model, template and library a vector belongs to. */
PERSONA_CHECK persona_code vector_label_model(persona_vector *v, persona_model *m, persona_err *e);

#endif
