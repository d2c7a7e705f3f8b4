/* SPDX-License-Identifier: MIT
 *
 * evaluate_figures.c - what stands beside the scores.
 *
 * Lengths: a score that rises with the length of answers, or a condition whose answers run into the
 * limit, is another finding than a trait. Counted are the tokens of the answer itself, without
 * thoughts. Cut is every reply that ran into a limit, in its thoughts too.
 *
 * Best: at equal doses conditions are compared; what one can do at most is another question. The
 * coefficient is chosen on the answers that it is reported of, so its gain is on the high side.
 */
#include "pipeline/evaluate/evaluate_figures.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"

/* ---- lengths --------------------------------------------------------------------------------- */

void lengths_add(cell_lengths *to, const answer *a)
{
    to->n_asked++;
    to->n_cut += a->finish == PERSONA_FINISH_LENGTH;
    if (a->answered) {
        const double tokens = (double)a->n_answer;
        to->n++;
        to->sum += tokens;
        to->squares += tokens * tokens; /* whole numbers: exact */
    }
}

void lengths_pool(cell_lengths *to, const cell_lengths *from)
{
    to->n_asked += from->n_asked;
    to->n_cut += from->n_cut;
    to->n += from->n;
    to->sum += from->sum;
    to->squares += from->squares;
}

void lengths_row(const cell_lengths *l, persona_row *r)
{
    const double n = (double)l->n;
    r->tokens = l->n > 0 ? l->sum / n : (double)NAN;
    r->tokens_sd =
        l->n > 1 ? sqrt(fmax(l->squares - l->sum * l->sum / n, 0) / (n - 1)) : (double)NAN;
    r->cut = l->n_asked > 0 ? (double)l->n_cut / (double)l->n_asked : (double)NAN;
}

/* ---- the best that stays coherent ------------------------------------------------------------ */

static persona_best *best_of(persona_evaluation *x, const char *condition)
{
    for (size_t i = 0; i < x->n_bests; i++) {
        if (strcmp(x->bests[i].condition, condition) == 0) {
            return &x->bests[i];
        }
    }
    const persona_best_point none = {(double)NAN, (double)NAN, (double)NAN};
    x->bests[x->n_bests] = (persona_best){.condition = condition, .plus = none, .minus = none};
    return &x->bests[x->n_bests++];
}

static const persona_row *unsteered(const persona_evaluation *x)
{
    for (size_t i = 0; i < x->n_rows; i++) {
        if (strcmp(x->rows[i].condition, "unsteered") == 0) {
            return &x->rows[i];
        }
    }
    return NULL;
}

const persona_best *persona_evaluation_best(const persona_evaluation *x, const char *condition)
{
    for (size_t i = 0; x != NULL && i < x->n_bests; i++) {
        if (strcmp(x->bests[i].condition, condition) == 0) {
            return &x->bests[i];
        }
    }
    return NULL;
}

persona_code evaluate_bests(persona_evaluation *x, persona_err *e)
{
    const persona_row *base = unsteered(x);
    x->bests = mem_calloc(x->n_rows, sizeof *x->bests);
    if (x->bests == NULL) {
        return mem_err(e, "the best coefficients");
    }
    for (size_t i = 0; base != NULL && i < x->n_rows; i++) {
        const persona_row *r = &x->rows[i];
        if (!(r->coefficient > 0) && !(r->coefficient < 0)) {
            continue;
        }
        persona_best *b = best_of(x, r->condition);
        const double sign = r->coefficient > 0 ? 1 : -1;
        const double gain = r->score.value - base->score.value;
        persona_best_point *p = sign > 0 ? &b->plus : &b->minus;
        if (r->coherence >= PERSONA_COHERENT && isfinite(gain) &&
            !(sign * gain <= sign * p->gain)) {
            *p = (persona_best_point){r->coefficient, gain, r->coherence};
        }
    }
    return PERSONA_OK;
}

/* Trait scores are compared with labels (persona_judge_measured); coherence never was for any judge
 * but one, whose numbers are in METHOD.md. */
const char *evaluate_coherence_validity(const char *kind)
{
    return kind && strcmp(kind, "labels") == 0 ? "labels that came with the answers"
           : kind && strcmp(kind, "classifier") == 0
               ? "not measured here: a classifier sees word salad and loops, not rambling"
               : "not measured: nobody compared this judge's coherence with labels";
}
