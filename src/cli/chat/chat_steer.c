/* SPDX-License-Identifier: MIT
 *
 * chat_steer.c - the steering of a chat, and the vectors that are read beside it.
 */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/try.h"
#include "cli/chat/chat.h"

persona_code chat_steer(chat *t, const char *expression, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    persona_plan *plan = NULL;
    persona_receipt receipt = {0};
    const bool off = expression[0] == '\0' || strcmp(expression, "off") == 0;
    if (!off) {
        TRY(persona_steer(t->x.model, expression, &plan, &receipt, e));
        TRY(cli_guard(t->c, plan, e));
    }
    persona_plan_free(t->plan);
    persona_receipt_free(&t->receipt);
    mem_free(t->steer);
    t->plan = plan;
    t->receipt = receipt;
    receipt_done_free(&t->done); /* of other steering */
    plan = NULL;
    receipt = (persona_receipt){0};
    t->steer = cli_strdup(off ? "" : expression);
    if (!off && t->receipt.note[0] != '\0') {
        cli_say(t->c, "note: %s", t->receipt.note);
    }
out:
    persona_plan_free(plan);
    persona_receipt_free(&receipt);
    return rc;
}

/* ---- probes ---------------------------------------------------------------------------------- */

size_t chat_n_probes(const chat *t)
{
    return t->probes != NULL ? t->probes->n : 0;
}

void chat_probes_clear(chat *t)
{
    persona_probes_free(t->probes);
    t->probes = NULL;
    for (size_t i = 0; i < CHAT_PROBES; i++) {
        mem_free(t->readings[i].values);
        t->readings[i] = (chat_reading){.forecast = (double)NAN};
    }
}

persona_code chat_probe_add(chat *t, const char *name, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    if (t->probes == NULL) {
        TRY(persona_probes_new(t->x.model, &t->probes, e));
    }
    rc = probe_add(t->probes, t->x.model, name, -1, e);
    if (t->probes->n > CHAT_PROBES) { /* also where a range was added in part */
        chat_probes_clear(t);
        rc = persona_err_set(e, PERSONA_E_USAGE, "more than %d probes: all are off now",
                             (int)CHAT_PROBES);
    }
    for (size_t i = 0; i < chat_n_probes(t); i++) { /* what was read belonged to another order */
        t->readings[i].n = 0;
        t->readings[i].forecast = (double)NAN;
    }
out:
    return rc;
}

static double standard(double x, double mean, double sd)
{
    return sd > 0 ? (x - mean) / sd : x;
}

bool chat_has_z(const chat *t, size_t i)
{
    return t->probes->list[i].sd > 0;
}

double chat_mean(const chat *t, size_t i)
{
    const chat_reading *r = &t->readings[i];
    double sum = 0;
    for (size_t k = 0; k < r->n; k++) {
        sum += r->values[k];
    }
    return r->n > 0 ? standard(sum / (double)r->n, t->probes->list[i].mean, t->probes->list[i].sd)
                    : (double)NAN;
}

double chat_token(const chat *t, size_t i, size_t token)
{
    const persona_probe *p = &t->probes->list[i];
    return standard(t->readings[i].values[token], p->token_mean, p->token_sd);
}
