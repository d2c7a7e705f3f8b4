/* SPDX-License-Identifier: MIT
 *
 * neutral_set.c - neutral questions, and means over them (neutral_set.h).
 */
#include "cli/neutral_set.h"

#include <math.h>

#include "base/mem.h"
#include "base/try.h"
#include "core/measure/stats.h"

enum { USUAL = 20, N_DRAWS = 2000 };

/* One question of each pack, then the next one of each. */
static void in_turn(neutral_questions *q, size_t wanted)
{
    bool more = true;
    for (size_t round = 0; more && q->n < wanted; round++) {
        more = false;
        for (size_t i = 0; i < q->packs.n && q->n < wanted; i++) {
            const persona_trait *t = q->packs.p[i];
            const size_t at = t->n_questions / 2 + round;
            if (at < t->n_questions) {
                q->list[q->n++] = t->questions[at];
                more = true;
            }
        }
    }
}

persona_code neutral_open(const cli_state *c, rig *x, neutral_questions *out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    rig_opts o = c->rig;
    *out = (neutral_questions){.n = 0};
    o.judge = "none";
    TRY(rig_open_judge(&o, x, e));
    const size_t wanted = x->n_questions > 0 ? (size_t)x->n_questions : USUAL;
    out->list = cli_alloc(wanted, sizeof *out->list);
    if (x->questions) {
        for (; out->n < wanted && out->n < x->questions->n_evaluation; out->n++) {
            out->list[out->n] = x->questions->evaluation[out->n];
        }
        goto out;
    }
    TRY(trait_set_open(NULL, &out->packs, e));
    in_turn(out, wanted);
    if (out->n == 0) {
        rc = persona_err_set(e, PERSONA_E_NOTFOUND,
                             "no neutral questions: neither the model nor a trait pack has any "
                             "(--questions FILE)");
    }
out:
    return rc;
}

void neutral_close(neutral_questions *q)
{
    mem_free(q->list);
    trait_set_free(&q->packs);
    *q = (neutral_questions){.n = 0};
}

persona_code neutral_mean(const double *table, const size_t *line, size_t n, size_t columns,
                          size_t k, uint32_t seed, persona_interval *out, persona_err *e)
{
    double *x = cli_alloc(n, sizeof *x);
    size_t *group = cli_alloc(n, sizeof *group);
    size_t used = 0, n_groups = 0, last = 0;
    persona_code rc = PERSONA_OK;
    for (size_t i = 0; i < n; i++) {
        if (isfinite(table[i * columns + k])) {
            n_groups += n_groups == 0 || line == NULL || line[i] != last;
            last = line != NULL ? line[i] : 0;
            group[used] = n_groups - 1;
            x[used++] = table[i * columns + k];
        }
    }
    *out = (persona_interval){(double)NAN, (double)NAN, (double)NAN};
    if (used > 0) {
        const stat_sample sample = {x, group, used};
        const stat_draws draws = {N_DRAWS, n_groups, seed};
        rc = stat_bootstrap_mean(sample, draws, out, e);
    }
    mem_free(x);
    mem_free(group);
    return rc;
}
