/* SPDX-License-Identifier: MIT
 *
 * probed.c - what the probes of an answer have read so far, as the list of answers shows it: the
 * mean over all tokens, that of the last ones, the last token, the extremes.
 */
#include <math.h>
#include <stdio.h>

#include "base/mem.h"
#include "server/answer/answer_parts.h"
#include "workbench/probe_spec.h"

static void begin(answer *a, const persona_probes *p)
{
    if (p == NULL || p->n == 0) {
        return;
    }
    a->taps[a->n_taps] = persona_probes_tap(p, PERSONA_SPAN_RESPONSE, true);
    a->tap_of[a->n_taps++] = p;
    for (size_t k = 0; k < p->n; k++) {
        answer_probed *x = &a->probed[a->n_probed++];
        *x = (answer_probed){.block = p->list[k].block,
                             .projection = (double)NAN,
                             .z = (double)NAN,
                             .last = (double)NAN,
                             .highest = (double)NAN,
                             .lowest = (double)NAN,
                             .recent = (double)NAN};
        snprintf(x->vector, sizeof x->vector, "%s", p->list[k].name);
    }
}

persona_code probed_init(answer *a, persona_err *e)
{
    const persona_probes *asked = a->spec.probes, *watched = a->spec.watched;
    const size_t n = (asked != NULL ? asked->n : 0) + (watched != NULL ? watched->n : 0);
    if (n > 0) {
        a->probed = mem_calloc(n, sizeof *a->probed);
        if (a->probed == NULL) {
            return mem_err(e, "readings of probes");
        }
        begin(a, asked);
        begin(a, watched);
    }
    return PERSONA_OK;
}

static double mean_of(const double *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += x[i];
    }
    return sum / (double)n;
}

void probed_add(answer *a, const persona_probes *p, const float *values)
{
    const size_t first = p == a->spec.watched && a->spec.probes != NULL ? a->spec.probes->n : 0;
    for (size_t k = 0; k < p->n; k++) {
        answer_probed *x = &a->probed[first + k];
        const double value = (double)values[k];
        const double sum = x->n > 0 ? x->projection * (double)x->n : 0;
        const size_t at = x->n++;
        x->projection = (sum + value) / (double)x->n;
        x->z = probe_z(x->projection, p->list[k].mean, p->list[k].sd);
        x->last = probe_z(value, p->list[k].token_mean, p->list[k].token_sd);
        x->highest = fmax(x->highest, x->last); /* fmax and fmin pass over NAN */
        x->lowest = fmin(x->lowest, x->last);
        x->window[at % ANSWER_RECENT] = x->last;
        x->recent = mean_of(x->window, x->n < ANSWER_RECENT ? x->n : ANSWER_RECENT);
    }
}
