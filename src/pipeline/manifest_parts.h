/* SPDX-License-Identifier: MIT
 *
 * manifest_parts.h - members that the manifests of jobs have in common. Texts and numbers too long
 * to be read go in as hashes.
 */
#ifndef PERSONA_PIPELINE_MANIFEST_PARTS_H
#define PERSONA_PIPELINE_MANIFEST_PARTS_H

#include "base/json.h"
#include "persona/session.h"
#include "persona/trait.h"
#include "persona/vector.h"

/* "model": name, sha256, template; the date, if that asks for it. Errors: those of hashing the
 * file. */
PERSONA_CHECK persona_code manifest_model(json_out *o, persona_model *m, persona_err *e);
/* "instructions" and "n_pairs". */
void manifest_instructions(json_out *o, const persona_trait *t);
/* KEY: the first n texts as one hash. */
void manifest_texts(json_out *o, const char *key, char *const *texts, size_t n);
/* "slots", "context", "batch", "engine", "version": results are exact for one shape only. */
void manifest_shape(json_out *o, const persona_session *s);
/* "engine", "version". */
void manifest_versions(json_out *o);
/* What steering with a vector depends on: directions, sizes, block, dose, owner. Errors: NOMEM. */
PERSONA_CHECK persona_code vector_digest(const persona_vector *v, char out[65], persona_err *e);

#endif
