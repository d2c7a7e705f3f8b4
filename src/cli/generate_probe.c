/* SPDX-License-Identifier: MIT
 *
 * generate_probe.c - what probes say of an answer that is being written (generate_probe.h). Read is
 * what the model itself holds: the state before the edits of the probe's own block, so that a
 * vector which is added there does not read itself. Edits of earlier blocks are in it.
 */
#include "cli/generate_probe.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/try.h"
#include "cli/plot.h"

persona_code probing_open(probing *p, persona_model *m, const opt_list *names, bool steered,
                          persona_err *e)
{
    persona_code rc = PERSONA_OK;
    *p = (probing){.n_taps = 0};
    if (names->n == 0) {
        return PERSONA_OK;
    }
    TRY(probe_add_all(m, names, -1, &p->probes, e));
    p->taps[p->n_taps++] = persona_probes_tap(p->probes, PERSONA_SPAN_RESPONSE, true);
    p->taps[p->n_taps++] = persona_probes_tap(p->probes, PERSONA_SPAN_LAST_PROMPT, true);
    if (steered) {
        p->taps[p->n_taps++] = persona_probes_tap(p->probes, PERSONA_SPAN_RESPONSE, false);
    }
out:
    return rc;
}

void probing_close(probing *p)
{
    persona_probes_free(p->probes);
    *p = (probing){.n_taps = 0};
}

static float *copy(const persona_acts *a)
{
    const size_t n = a->n_rows * a->n_blocks;
    float *out = n > 0 ? cli_alloc(n, sizeof *out) : NULL;
    if (out) {
        memcpy(out, a->data, n * sizeof *out);
    }
    return out;
}

void probed_take(const probing *p, const persona_result *r, probed *out)
{
    if (r->n_acts < 2 || r->n_acts != p->n_taps) {
        return;
    }
    out->before = copy(&r->acts[0]);
    out->forecast = copy(&r->acts[1]);
    out->n_tokens = r->acts[0].n_rows;
    if (r->n_acts > 2 && r->acts[2].n_rows == out->n_tokens) {
        out->after = copy(&r->acts[2]);
    }
}

void probed_free(probed *x)
{
    mem_free(x->before);
    mem_free(x->after);
    mem_free(x->forecast);
    *x = (probed){.n_tokens = 0};
}

static double mean_of(const float *x, size_t n_tokens, size_t n, size_t k)
{
    double sum = 0;
    for (size_t i = 0; i < n_tokens; i++) {
        sum += (double)x[i * n + k];
    }
    return n_tokens > 0 ? sum / (double)n_tokens : (double)NAN;
}

static void tokens_json(json_out *o, const char *key, const float *x, size_t n_tokens, size_t n,
                        size_t k)
{
    jo_array(o, key);
    for (size_t i = 0; i < n_tokens; i++) {
        jo_number(o, NULL, (double)x[i * n + k]);
    }
    jo_end(o);
}

static void one_json(json_out *o, const probing *p, const probed *x, size_t k)
{
    const persona_probe *probe = &p->probes->list[k];
    const size_t n = p->probes->n;
    jo_string(o, "vector", probe->name);
    jo_int(o, "block", probe->block);
    jo_number(o, "forecast", x->forecast ? (double)x->forecast[k] : (double)NAN);
    const double mean = mean_of(x->before, x->n_tokens, n, k);
    jo_number(o, "projection", mean);
    jo_number(o, "z", probe_z(mean, probe->mean, probe->sd));
    if (p->n_taps > 2) {
        jo_number(o, "after", x->after ? mean_of(x->after, x->n_tokens, n, k) : (double)NAN);
    }
    tokens_json(o, "per_token", x->before, x->n_tokens, n, k);
    if (x->after) {
        tokens_json(o, "after_per_token", x->after, x->n_tokens, n, k);
    }
    if (!(probe->token_sd > 0)) {
        jo_null(o, "z_per_token");
        return;
    }
    jo_array(o, "z_per_token");
    for (size_t i = 0; i < x->n_tokens; i++) {
        jo_number(o, NULL,
                  probe_z((double)x->before[i * n + k], probe->token_mean, probe->token_sd));
    }
    jo_end(o);
}

void probed_json(json_out *o, const probing *p, const probed *const *x, size_t n)
{
    jo_array(o, "probes");
    for (size_t i = 0; p->probes && i < n; i++) {
        for (size_t k = 0; k < p->probes->n; k++) {
            jo_object(o, NULL);
            if (n > 1) {
                jo_int(o, "sample", (long long)i);
            }
            one_json(o, p, x[i], k);
            jo_end(o);
        }
    }
    jo_end(o);
}

void probed_say(const cli_state *c, const probing *p, const probed *x)
{
    enum { MOST = 60 };
    for (size_t k = 0; p->probes && k < p->probes->n; k++) {
        const persona_probe *probe = &p->probes->list[k];
        const size_t n = p->probes->n, shown = x->n_tokens < MOST ? x->n_tokens : MOST;
        double z[MOST], low = (double)INFINITY, high = -(double)INFINITY;
        char picture[256] = "";
        for (size_t i = 0; i < shown; i++) {
            z[i] = (double)x->before[i * n + k];
            low = fmin(low, z[i]);
            high = fmax(high, z[i]);
        }
        plot_spark(picture, sizeof picture, z, shown, low, high);
        const double mean = mean_of(x->before, x->n_tokens, n, k);
        cli_say(c, "%s@%d: %s (z %s), forecast %s  %s", probe->name, probe->block,
                cli_number(mean, 1), cli_number(probe_z(mean, probe->mean, probe->sd), 1),
                cli_number(x->forecast ? (double)x->forecast[k] : (double)NAN, 1), picture);
    }
}
