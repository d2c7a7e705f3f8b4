/* SPDX-License-Identifier: MIT
 *
 * trials.c - successive halving over blocks. A few questions tell good blocks from bad ones, but
 * not the best from the second best: with four questions the largest of several swings is largely
 * noise. So few questions choose two, and many choose between them. Every vector that is settled,
 * the one that is carried over, the native one and every null, gets the same numbers of both.
 */
#include "pipeline/dose/trials.h"

#include "base/mem.h"
#include "base/try.h"

enum { FINALISTS = 2 };

double trial_value(const trial *t)
{
    return steered_value(&t->plus, &t->minus);
}

double trial_swing(const trial *t)
{
    return t->plus.score - t->minus.score;
}

/* The means over m more questions join those over n. */
static void join(steered_cell *to, const steered_cell *more, size_t n, size_t m)
{
    const double all = (double)(n + m);
    to->score = (to->score * (double)n + more->score * (double)m) / all;
    to->coherence = (to->coherence * (double)n + more->coherence * (double)m) / all;
}

persona_code trials_ask(const settling *x, trial *const *trials, size_t n, size_t count,
                        persona_err *e)
{
    persona_code rc = PERSONA_OK;
    settling now = *x;
    steered_cell *cells = mem_calloc(2 * n, sizeof *cells);
    TRY(cells ? PERSONA_OK : mem_err(e, "a sweep"));
    now.first_question = n > 0 ? trials[0]->n : 0;
    const size_t left = x->questions->n_extraction > now.first_question
                            ? x->questions->n_extraction - now.first_question
                            : 0;
    now.n_questions = count < left ? count : left;
    if (n == 0 || now.n_questions == 0) {
        goto out;
    }
    for (size_t i = 0; i < n; i++) {
        const trial *t = trials[i];
        cells[2 * i] = (steered_cell){.v = t->v, .block = t->block, .alpha = t->alpha};
        cells[2 * i + 1] = (steered_cell){.v = t->v, .block = t->block, .alpha = -t->alpha};
    }
    TRY(steered_run(&now, cells, 2 * n, false, "choose block", e));
    for (size_t i = 0; i < n; i++) {
        join(&trials[i]->plus, &cells[2 * i], trials[i]->n, now.n_questions);
        join(&trials[i]->minus, &cells[2 * i + 1], trials[i]->n, now.n_questions);
        trials[i]->n += now.n_questions;
    }
out:
    mem_free(cells);
    return rc;
}

/* ---- the decision ---------------------------------------------------------------------------- */

/* The best trial of a vector at a block other than `but`; NULL: none. */
static trial *best_of(trial *trials, size_t n, size_t of, const trial *but)
{
    trial *best = NULL;
    for (size_t i = 0; i < n; i++) {
        trial *t = &trials[i];
        if (t->of == of && t->n > 0 && !(but && t->block == but->block) &&
            (!best || trial_value(t) > trial_value(best))) {
            best = t;
        }
    }
    return best;
}

persona_code trials_decide(const settling *x, trial *trials, size_t n, size_t n_of,
                           const trial **winner, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    trial **left = mem_calloc(n_of, FINALISTS * sizeof *left);
    size_t m = 0;
    TRY(left ? PERSONA_OK : mem_err(e, "the best blocks"));
    for (size_t of = 0; of < n_of; of++) {
        trial *first = best_of(trials, n, of, NULL);
        trial *second = first ? best_of(trials, n, of, first) : NULL;
        winner[of] = first;
        if (second) {
            left[m++] = first;
            left[m++] = second;
        }
    }
    if (m > 0 && left[0]->n < x->n_decide) {
        TRY(trials_ask(x, left, m, x->n_decide - left[0]->n, e));
    }
    for (size_t i = 0; i + 1 < m; i += FINALISTS) {
        const bool overtaken = trial_value(left[i + 1]) > trial_value(left[i]);
        winner[left[i]->of] = left[i + overtaken];
    }
out:
    mem_free(left);
    return rc;
}
