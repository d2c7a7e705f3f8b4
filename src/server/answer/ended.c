/* SPDX-License-Identifier: MIT
 *
 * ended.c - the answers that have ended last, so that who watches sees also those that were quicker
 * than his look. Numbers only, none of their text.
 */
#include <string.h>

#include "base/mem.h"
#include "server/answer/answer_parts.h"

static void forget(ended_answer *x)
{
    mem_free(x->expression);
    mem_free(x->probed);
    *x = (ended_answer){.expression = NULL};
}

/* Without memory for them the readings are left out: a list for people may lack something. */
void ended_add(ended_list *l, const answer_status *x)
{
    ended_answer *to = &l->list[l->n++ % ANSWERS_ENDED_MAX];
    forget(to);
    to->expression = x->expression != NULL ? mem_strdup(x->expression) : NULL;
    to->probed = x->n_probed > 0 ? mem_calloc(x->n_probed, sizeof *to->probed) : NULL;
    to->status = *x;
    to->status.expression = to->expression;
    to->status.probed = to->probed;
    to->status.n_probed = to->probed != NULL ? x->n_probed : 0;
    if (to->probed != NULL) {
        memcpy(to->probed, x->probed, x->n_probed * sizeof *to->probed);
    }
}

void ended_each(const ended_list *l, answers_fn fn, void *ud)
{
    const uint64_t n = l->n < ANSWERS_ENDED_MAX ? l->n : ANSWERS_ENDED_MAX;
    for (uint64_t i = 1; i <= n; i++) {
        fn(ud, &l->list[(l->n - i) % ANSWERS_ENDED_MAX].status);
    }
}

void ended_free(ended_list *l)
{
    for (size_t i = 0; i < ANSWERS_ENDED_MAX; i++) {
        forget(&l->list[i]);
    }
}
