/* SPDX-License-Identifier: MIT
 *
 * evaluate_kept.c - the scores behind an evaluation, answer by answer, and what several evaluations
 * of the same questions come to together.
 *
 * A kept cell has lost what answers were made with (plans) and for (texts); what tables, intervals
 * and verdicts are made of stays. Pooling borrows the cells of all repeats for one board: what is
 * the same condition in each is compared question by question, what is drawn anew in each (random
 * directions, shuffled maps) makes one larger heap of draws.
 */
#include <string.h>

#include "base/mem.h"
#include "base/try.h"
#include "pipeline/evaluate/conditions.h"
#include "pipeline/evaluate/evaluate_parts.h"

enum { MAX_NAMES = 256 };

/* Notes belong to arms and traits until now, which may go first. */
static persona_code own_notes(persona_evaluation_kept *k, persona_err *e)
{
    k->notes = mem_calloc(k->board.n, sizeof *k->notes);
    for (size_t i = 0; k->notes && i < k->board.n; i++) {
        if (k->cells[i].note) {
            k->notes[i] = mem_strdup(k->cells[i].note);
            k->cells[i].note = k->notes[i];
            if (!k->notes[i]) {
                return mem_err(e, "the scores of an evaluation");
            }
        }
    }
    return k->notes ? PERSONA_OK : mem_err(e, "the scores of an evaluation");
}

persona_code evaluate_keep(evaluating *x, persona_evaluation *out, persona_err *e)
{
    persona_evaluation_kept *k = mem_calloc(1, sizeof *k);
    if (!k) {
        return mem_err(e, "the scores of an evaluation");
    }
    out->kept = k;
    for (size_t i = 0; i < x->n_cells; i++) {
        evaluate_cell_spend(&x->cells[i], x->n_each);
    }
    evaluate_judges(x, &k->judges);
    k->cells = x->cells;
    k->board = (verdict_board){.cells = k->cells,
                               .n = x->n_cells,
                               .n_questions = x->n_questions,
                               .n_repeats = 1,
                               .judge_kind = persona_judge_kind(x->judge),
                               .judges = &k->judges,
                               .seed = x->o->seed};
    x->cells = NULL;
    x->n_cells = 0;
    return own_notes(k, e);
}

void evaluate_kept_free(persona_evaluation_kept *k)
{
    for (size_t i = 0; k && i < k->board.n; i++) {
        evaluate_cell_free(&k->cells[i]);
        mem_free(k->notes ? k->notes[i] : NULL);
    }
    mem_free(k ? k->notes : NULL);
    mem_free(k ? k->cells : NULL);
    mem_free(k);
}

/* ---- pooling --------------------------------------------------------------------------------- */

/* Numbers draws over all repeats. */
typedef struct numbering {
    const char *name[MAX_NAMES]; /* of what is told apart by its note */
    size_t n_names;
    int drawn[64],
        most[64]; /* by condition: draws of earlier repeats, and with those of this one */
} numbering;

static size_t place_of(const char *condition)
{
    size_t i = 0;
    while (condition_at(i) && strcmp(condition_at(i)->name, condition) != 0) {
        i++;
    }
    return i;
}

/* Another trait is the same one in every repeat. */
static int number_by_note(numbering *all, const char *note)
{
    size_t i = 0;
    while (i < all->n_names && strcmp(all->name[i], note) != 0) {
        i++;
    }
    if (i == all->n_names && i < MAX_NAMES) {
        all->name[all->n_names++] = note;
    }
    return (int)i;
}

static void number(numbering *all, eval_cell *c)
{
    const condition_kind *kind = condition_find(c->condition);
    if (c->variant < 0 || !kind) {
        return;
    }
    if (kind->test == TEST_OWN && c->note) {
        c->variant = number_by_note(all, c->note);
        return;
    }
    const size_t i = place_of(c->condition);
    c->variant += all->drawn[i];
    all->most[i] = c->variant >= all->most[i] ? c->variant + 1 : all->most[i];
}

/* One board of all. */
static persona_code join(const persona_evaluation *const *x, size_t n, eval_cell *cells,
                         verdict_board *out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    numbering all = {.n_names = 0};
    *out = x[0]->kept->board;
    out->cells = cells;
    out->n = 0;
    out->n_repeats = n;
    for (size_t k = 0; k < n; k++) {
        const verdict_board *b = &x[k]->kept->board;
        TRY(b->n_questions == out->n_questions
                ? PERSONA_OK
                : persona_err_set(e, PERSONA_E_SHAPE,
                                  "evaluations of %zu and of %zu questions cannot be pooled",
                                  out->n_questions, b->n_questions));
        for (size_t i = 0; i < b->n; i++) {
            eval_cell *c = &cells[out->n++];
            *c = b->cells[i];
            c->repeat = k;
            number(&all, c);
        }
        memcpy(all.drawn, all.most, sizeof all.drawn);
    }
out:
    return rc;
}

persona_code persona_evaluation_pool(const persona_evaluation *const *x, size_t n,
                                     const char *void_reason, persona_evaluation **out,
                                     persona_err *e)
{
    persona_code rc = PERSONA_OK;
    persona_evaluation *r = NULL;
    eval_cell *cells = NULL;
    verdict_board board;
    size_t n_cells = 0;
    *out = NULL;
    for (size_t k = 0; k < n; k++) {
        TRY(x[k]->kept ? PERSONA_OK
                       : persona_err_set(e, PERSONA_E_USAGE, "what was pooled is pooled again"));
        n_cells += x[k]->kept->board.n;
    }
    TRY(n > 0 ? PERSONA_OK : persona_err_set(e, PERSONA_E_USAGE, "no evaluations to pool"));
    cells = mem_calloc(n_cells, sizeof *cells);
    r = mem_calloc(1, sizeof *r);
    TRY(cells && r ? join(x, n, cells, &board, e) : mem_err(e, "a pooled evaluation"));
    r->trait = mem_strdup(x[0]->trait);
    r->n_repeats = n;
    TRY(r->trait ? evaluate_rows(&board, r, e) : mem_err(e, "a pooled evaluation"));
    TRY(verdict_fill(&board, void_reason, r, e));
    *out = r;
    r = NULL;
out:
    persona_evaluation_free(r);
    mem_free(cells);
    return rc;
}
