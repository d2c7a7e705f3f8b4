/* SPDX-License-Identifier: MIT
 *
 * evaluate_parts.h - what the files of an evaluation share.
 */
#ifndef PERSONA_PIPELINE_EVALUATE_PARTS_H
#define PERSONA_PIPELINE_EVALUATE_PARTS_H

#include "base/json.h"
#include "pipeline/evaluate/verdict.h"
#include "store/job/job.h"

#define EVALUATE_STAGE "evaluate/" /* and a digest of the vectors */

typedef struct evaluating {
    persona_session *s;
    persona_model *m;
    const persona_trait *trait;
    persona_judge *judge;
    persona_judge *second; /* looks at the answers, too; NULL: none */
    persona_panel *panel;
    const persona_questions *questions;
    const persona_evaluate_opts *o;
    const persona_hooks *hooks;
    job *job;            /* answers and scores are kept there */
    persona_shard shard; /* only these answers, and no result */
    persona_shard_report part;
    char stage[64];                         /* of the job */
    size_t n_questions, n_rollouts, n_each; /* n_each: answers per cell */
    eval_cell *cells;
    size_t n_cells, n_run; /* n_run: cells that are answered, not references */
    char **systems;        /* pair * 2 + negative */
    persona_vector *random[CELL_PLANS];
    size_t n_random;  /* drawn here */
    double unsteered; /* mean score: what an answer that is missing counts for */
} evaluating;

/* evaluate.c: all of it, with s .. hooks, job and shard filled in. *out is NULL for a shard. */
PERSONA_CHECK persona_code evaluate_run(evaluating *x, const persona_arm *arms, size_t n_arms,
                                        persona_evaluation **out, persona_err *e);
/* How many questions of the evaluation half are asked. */
size_t evaluate_questions(const persona_questions *q, const persona_evaluate_opts *o);

/* evaluate_rows.c: a row per condition and coefficient. */
PERSONA_CHECK persona_code evaluate_rows(const verdict_board *b, persona_evaluation *out,
                                         persona_err *e);

/* evaluate_kept.c: what came of an evaluation, answer by answer, so that it can be pooled with
 * others of its questions. Cells own what they hold, notes too; conditions are of the table. */
typedef struct persona_evaluation_kept {
    eval_cell *cells;
    verdict_judges judges;
    char **notes;        /* of the cells */
    verdict_board board; /* of the cells */
} persona_evaluation_kept;
/* Takes the scores of all cells over. */
PERSONA_CHECK persona_code evaluate_keep(evaluating *x, persona_evaluation *out, persona_err *e);
void evaluate_kept_free(persona_evaluation_kept *k);

/* evaluate_seen.c: words and second scores of the n answers of a run, into cells and answers. */
struct export_answer;
PERSONA_CHECK persona_code evaluate_see(evaluating *x, struct export_answer *all, size_t n,
                                        persona_err *e);
void evaluate_judges(const evaluating *x, verdict_judges *out);
/* Whether `other` is another judge that knows the trait. */
bool evaluate_second(const persona_judge *judge, const persona_judge *other,
                     const persona_trait *trait);

/* evaluate_job.c: "evaluation", the settings that decide about its answers. */
void evaluate_settings(json_out *o, const persona_trait *trait, const persona_questions *questions,
                       const persona_evaluate_opts *opts);
/* Opens the evaluation's own job (opts.job). Errors: those of jobs. */
PERSONA_CHECK persona_code evaluate_open(evaluating *x, const persona_arm *arms, size_t n_arms,
                                         persona_err *e);
/* Names the stage. */
PERSONA_CHECK persona_code evaluate_stage(evaluating *x, const persona_arm *arms, size_t n_arms,
                                          persona_err *e);
/* Notes in the job which condition and coefficient answer i is of: that of cell i mod n_run. */
PERSONA_CHECK persona_code evaluate_cells_note(const evaluating *x, persona_err *e);

/* evaluate_cells.c: every condition at every coefficient, before anything is asked. */
PERSONA_CHECK persona_code evaluate_cells(evaluating *x, const persona_arm *arms, size_t n_arms,
                                          persona_err *e);
void evaluate_cells_free(evaluating *x);
/* Frees what answers were made with, and kept texts (n_texts); then all of a cell. */
void evaluate_cell_spend(eval_cell *c, size_t n_texts);
void evaluate_cell_free(eval_cell *c);
/* Whether question q is asked in a cell: not in references, and draws have their share only. */
bool evaluate_asks(const evaluating *x, const eval_cell *c, size_t q);
/* evaluate_cross.c: the transferred answers at -1 and +1, scored for other traits: two more cells
 * each, for which there is room. */
PERSONA_CHECK persona_code evaluate_crosses(evaluating *x, persona_err *e);

#endif
