/* SPDX-License-Identifier: MIT
 *
 * leanings.c - a model's own answers on probes (persona/monitor.h): what it leans to, and, of two
 * models, what training has moved.
 */
#include <math.h>

#include "persona/monitor.h"
#include "pipeline/ask.h"

typedef struct leanings {
    const persona_leaning_asks *asks;
    size_t n_probes;
    persona_tap response, forecast;
    double *mean, *last;
} leanings;

static persona_code make(void *ud, size_t i, ask *q, persona_err *e)
{
    const leanings *w = ud;
    (void)e;
    *q = (ask){.system = w->asks->system,
               .question = w->asks->questions[i],
               .skip_analysis = true,
               .sampling = persona_sampling_defaults(),
               .tap = &w->response,
               .also = &w->forecast};
    q->sampling.temperature = 0;
    q->sampling.max_tokens = w->asks->max_tokens;
    return PERSONA_OK;
}

static persona_code done(void *ud, size_t i, answer *a, persona_err *e)
{
    const leanings *w = ud;
    const size_t n = w->n_probes, n_tokens = a->mean != NULL ? a->n_positions : 0;
    (void)e;
    for (size_t k = 0; k < n; k++) {
        double sum = 0;
        for (size_t j = 0; j < n_tokens; j++) {
            sum += (double)a->mean[j * n + k];
        }
        w->mean[i * n + k] = n_tokens > 0 ? sum / (double)n_tokens : (double)NAN;
        w->last[i * n + k] = a->n_also == n ? (double)a->also[k] : (double)NAN;
    }
    return PERSONA_OK;
}

persona_code persona_leanings(persona_session *s, const persona_leaning_asks *asks,
                              const persona_probes *p, const persona_hooks *hooks, double *mean,
                              double *forecast, persona_err *e)
{
    leanings w = {.asks = asks,
                  .n_probes = p->n,
                  .response = persona_probes_tap(p, PERSONA_SPAN_RESPONSE, false),
                  .forecast = persona_probes_tap(p, PERSONA_SPAN_LAST_PROMPT, false),
                  .mean = mean,
                  .last = forecast};
    const ask_stream stream = {.ud = &w, .make = make, .done = done};
    if (p->n == 0 || asks->n == 0) {
        return persona_err_set(e, PERSONA_E_USAGE, "leanings want a vector and a question");
    }
    return ask_each(s, asks->n, &stream, "neutral questions", hooks, e);
}
