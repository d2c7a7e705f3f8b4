/* SPDX-License-Identifier: MIT
 *
 * measured.h - what was measured of a judge, as it stands in files: in a classifier's own, and in
 * the validity file of any judge (FORMATS.md, "Classifier", "Validity").
 */
#ifndef PERSONA_STORE_MEASURED_H
#define PERSONA_STORE_MEASURED_H

#include "base/json.h"
#include "persona/judge.h"

/* Members of obj: n, n_groups, spearman and the share on the label's side, which is called `side`.
 * Absent and null are unknown: 0, 0, NAN, NAN. Labels stay. Errors: FORMAT (names the field). */
PERSONA_CHECK persona_code measured_read(const json_doc *d, const json_val *obj, const char *side,
                                         persona_judge_measure *out, persona_err *e);
/* Member `labels` of root: by, of; absent ones are "". Errors: FORMAT. */
PERSONA_CHECK persona_code measured_read_labels(const json_doc *d, const json_val *root,
                                                persona_judge_measure *out, persona_err *e);
/* Writes `labels` unless both are empty (NULL: empty). */
void measured_write_labels(json_out *o, const char *by, const char *of);

/* A number that may be absent or null: *out stays. */
PERSONA_CHECK persona_code measured_optional(const json_doc *d, const json_val *obj,
                                             const char *key, double min, double max, double *out,
                                             persona_err *e);

/* ---- validity files -------------------------------------------------------------------------- */

typedef struct validity_entry {
    char *trait, *key; /* key: whose scores, and of which question (judge_score_key) */
    persona_judge_measure m;
} validity_entry;

typedef struct validity_file {
    char *judge, *kind; /* for people */
    validity_entry *p;  /* (n) */
    size_t n;
} validity_file;

/* Labels are the same for all entries. Errors: NOTFOUND, IO, FORMAT (names the field), NOMEM. */
PERSONA_CHECK persona_code validity_read(const char *path, validity_file *out, persona_err *e);
/* Errors: IO, NOMEM. */
PERSONA_CHECK persona_code validity_write(const char *path, const validity_file *f, persona_err *e);
void validity_clear(validity_file *f);

#endif
