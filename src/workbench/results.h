/* SPDX-License-Identifier: MIT
 *
 * results.h - results as members of the JSON object that is open: what `--json` prints and what a
 * server answers are the same (FORMATS.md).
 */
#ifndef PERSONA_WORKBENCH_RESULTS_H
#define PERSONA_WORKBENCH_RESULTS_H

#include "base/json.h"
#include "persona/extract.h"
#include "persona/monitor.h"
#include "persona/steer.h"
#include "persona/study.h"
#include "persona/sweep.h"
#include "workbench/rig.h"

/* An extraction; borrowed. */
typedef struct extract_result {
    const rig *rig;
    const persona_vector *v;
    const persona_extract_report *report;
    const char *path; /* of the vector */
    const char *job;  /* NULL: none was kept */
} extract_result;

/* trait, model, generated, kept, best_layer, layers, ..., seconds */
void extract_json(json_out *o, const extract_result *x);
/* kept, layer_from, ..., rows, retained, swing, verdict, ... */
void study_json(json_out *o, const persona_study *x);
/* {"value": .., "ci": [low, high]} */
void interval_json(json_out *o, const char *key, const persona_interval *x);
/* panel, length, second_judge, neutral, caution; NULL: not evaluated. Then "panel" of a row. */
void witness_json(json_out *o, const persona_witness *w);
void row_panel_json(json_out *o, const persona_row *r);
/* trait, unit, question, points, spearman, curves, ... */
void sweep_json(json_out *o, const persona_sweep *x);
/* "vectors": what a screening found along each; then elements of "items": those of item i. */
void screen_vectors_json(json_out *o, const persona_probes *p, const persona_screening *r);
void screen_item_json(json_out *o, const persona_probes *p, const persona_screening *r, size_t i);
/* "matrix": what moved what, over n studies (NULL ones are skipped). */
void study_json_matrix(json_out *o, persona_study *const *x, size_t n);
/* "r2": {"question": {rows, contrasts}, "trait": .., "both": ..} */
void map_r2_json(json_out *o, const persona_map_r2 *question, const persona_map_r2 *trait,
                 const persona_map_r2 *both);
/* "curve": the points of a response curve. */
void dose_curve_json(json_out *o, const persona_curve *curve);
/* key: {name, arch, path, quant, n_layer, n_embd} */
void model_json(json_out *o, const char *key, const persona_model_info *info);
/* What steering did to a request, outliving its on_done. */
typedef struct receipt_done {
    size_t n_steered;
    double moved;            /* persona_result's */
    persona_steered steered; /* steps and gates owned */
    bool has_kl;
    size_t n_kl; /* reply tokens read again without the plan */
    double kl_mean, kl_p95;
} receipt_done;
PERSONA_CHECK persona_code receipt_take(receipt_done *d, const persona_result *r, persona_err *e);
void receipt_done_free(receipt_done *d);
/* "steering": {expression, unit, layers, delta_projection, ..., note}; r NULL: null. */
void receipt_json(json_out *o, const persona_receipt *r, const receipt_done *d);
/* "joint": the vectors of joint groups, their cosines and the condition; nothing without. */
void grams_json(json_out *o, const persona_receipt *r);

#endif
