/* SPDX-License-Identifier: MIT
 *
 * pairs.c - paired activations (methods 5.3, 5.4): the source model writes texts, neutral ones and
 * both poles of every trait; then both models read the same texts, each in its own chat template and
 * without any persona instruction, and the mean over the response tokens is kept per block.
 *
 * The trait a text was written for is kept with it, so that a map for a trait can leave its texts
 * out. Reading stops the graph after the last block that is captured.
 */
#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "core/stats.h"
#include "pipeline/ask.h"
#include "pipeline/pairs.h"
#include "pipeline/pipeline.h"

persona_pairs_opts persona_pairs_defaults(void)
{
    return (persona_pairs_opts){
        .n_questions = 20, .n_neutral = 120, .max_tokens = 96, .temperature = 1.0F};
}

int pairs_trait(const persona_pairs *p, const char *name)
{
    for (size_t i = 0; i < p->n_names; i++) {
        if (strcmp(p->names[i], name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

size_t persona_pairs_count(const persona_pairs *p, const char *without_trait)
{
    int skip = without_trait != NULL ? pairs_trait(p, without_trait) : -2;
    size_t n = 0;
    for (size_t i = 0; i < p->n; i++) {
        const pair_text *t = &p->texts[i];
        n += t->from != NULL && t->to != NULL && t->trait != (skip < 0 ? -2 : skip);
    }
    return n;
}

void persona_pairs_free(persona_pairs *p)
{
    if (p == NULL) {
        return;
    }
    for (size_t i = 0; p->texts != NULL && i < p->n; i++) {
        mem_free(p->texts[i].text);
        mem_free(p->texts[i].from);
        mem_free(p->texts[i].to);
    }
    for (size_t i = 0; p->names != NULL && i < p->n_names; i++) {
        mem_free(p->names[i]);
    }
    mem_free(p->texts);
    mem_free(p->names);
    mem_free(p->h_to);
    mem_free(p);
}

/* Everything that lives only while pairs are made. */
typedef struct making {
    persona_pairs *p;
    persona_trait *const *traits;
    const persona_questions *questions; /* NULL: the packs' own */
    size_t n_each;                      /* questions per trait */
    const persona_pairs_opts *o;
    const persona_hooks *hooks;
    char **systems; /* one per text, NULL for neutral ones */
    ask *asks;
    answer *answers;
} making;

static const char *asked(const making *m, const pair_text *t)
{
    if (m->questions != NULL) {
        return m->questions->extraction[t->question];
    }
    return m->traits[t->question / m->n_each]->questions[t->question % m->n_each];
}

/* How many questions every trait can be asked. */
static size_t questions_each(const making *m, size_t n_traits)
{
    size_t n = m->questions != NULL ? m->questions->n_extraction : SIZE_MAX;
    for (size_t t = 0; m->questions == NULL && t < n_traits; t++) {
        size_t own = m->traits[t]->n_questions / 2;
        n = own < n ? own : n;
    }
    return m->o->n_questions > 0 && (size_t)m->o->n_questions < n ? (size_t)m->o->n_questions : n;
}

static persona_code lay_out(making *m, size_t n_traits, persona_err *e)
{
    persona_pairs *p = m->p;
    size_t n_neutral = m->o->n_neutral > 0 ? (size_t)m->o->n_neutral : 0;
    p->n = n_traits * m->n_each * 2 + n_neutral;
    p->names = mem_calloc(n_traits, sizeof *p->names);
    p->texts = mem_calloc(p->n, sizeof *p->texts);
    m->systems = mem_calloc(p->n, sizeof *m->systems);
    m->asks = mem_calloc(p->n, sizeof *m->asks);
    m->answers = mem_calloc(p->n, sizeof *m->answers);
    if (p->names == NULL || p->texts == NULL || m->systems == NULL || m->asks == NULL ||
        m->answers == NULL) {
        return mem_err(e, "paired texts");
    }
    size_t i = 0;
    for (size_t t = 0; t < n_traits; t++) {
        p->names[p->n_names] = mem_strdup(m->traits[t]->name);
        if (p->names[p->n_names++] == NULL) {
            return mem_err(e, "paired texts");
        }
        for (size_t k = 0; k < m->n_each * 2; k++, i++) {
            size_t q = k / 2;
            p->texts[i].trait = (int)t;
            p->texts[i].question = m->questions != NULL ? q : t * m->n_each + q;
            persona_code rc = persona_trait_system(m->traits[t], q % m->traits[t]->n_pairs,
                                                   k % 2 == 0, &m->systems[i], e);
            if (rc != PERSONA_OK) {
                return rc;
            }
        }
    }
    for (size_t k = 0; k < n_neutral; k++, i++) {
        p->texts[i].trait = -1;
        p->texts[i].question = k % p->n_groups;
    }
    return PERSONA_OK;
}

static persona_code write_texts(making *m, persona_session *from, persona_err *e)
{
    persona_pairs *p = m->p;
    for (size_t i = 0; i < p->n; i++) {
        ask *a = &m->asks[i];
        a->system = m->systems[i];
        a->question = asked(m, &p->texts[i]);
        a->sampling = persona_sampling_defaults();
        a->sampling.temperature = m->o->temperature;
        a->sampling.max_tokens = m->o->max_tokens;
        a->sampling.seed = rng_mix(m->o->seed, 0x70616972, i);
    }
    persona_code rc = ask_all(from, m->asks, p->n, "write texts", m->hooks, m->answers, e);
    for (size_t i = 0; rc == PERSONA_OK && i < p->n; i++) {
        p->texts[i].text = m->answers[i].text;
        m->answers[i].text = NULL;
    }
    answers_clear(m->answers, p->n);
    return rc;
}

/* Median over all answer tokens of ||h_b||. */
static persona_code median_norms(const making *m, int n_layer, float *out, persona_err *e)
{
    size_t total = 0;
    for (size_t i = 0; i < m->p->n; i++) {
        total += m->answers[i].n_positions;
    }
    double *x = mem_calloc(total, sizeof *x);
    if (x == NULL) {
        return mem_err(e, "norms");
    }
    for (int b = 0; b < n_layer - 1; b++) {
        size_t k = 0;
        for (size_t i = 0; i < m->p->n; i++) {
            const answer *a = &m->answers[i];
            for (size_t t = 0; a->norms != NULL && t < a->n_positions; t++) {
                x[k++] = (double)a->norms[t * a->n_blocks + (size_t)b];
            }
        }
        out[b] = (float)stat_median(x, k);
    }
    mem_free(x);
    return PERSONA_OK;
}

static persona_code read_texts(making *m, persona_session *s, bool target, persona_err *e)
{
    static const persona_tap TAP = {.mode = PERSONA_TAP_MEAN, .span = PERSONA_SPAN_RESPONSE};
    persona_pairs *p = m->p;
    for (size_t i = 0; i < p->n; i++) {
        m->asks[i] = (ask){.question = asked(m, &p->texts[i]),
                           .forced = p->texts[i].text,
                           .tap = &TAP,
                           .sampling = persona_sampling_defaults()};
    }
    persona_code rc =
        ask_all(s, m->asks, p->n, target ? "read texts (target)" : "read texts (source)", m->hooks,
                m->answers, e);
    if (rc == PERSONA_OK && target) {
        rc = median_norms(m, p->n_layer_to, p->h_to, e);
    }
    for (size_t i = 0; rc == PERSONA_OK && i < p->n; i++) {
        *(target ? &p->texts[i].to : &p->texts[i].from) = m->answers[i].mean;
        m->answers[i].mean = NULL;
    }
    answers_clear(m->answers, p->n);
    return rc;
}

persona_code persona_pairs_new(persona_session *from, persona_session *to,
                               persona_trait *const *traits, size_t n_traits,
                               const persona_questions *questions, const persona_pairs_opts *opts,
                               const persona_hooks *hooks, persona_pairs **out, persona_err *e)
{
    persona_pairs_opts o = opts != NULL ? *opts : persona_pairs_defaults();
    const persona_model_info *a = persona_model_info_get(persona_session_model(from));
    const persona_model_info *b = persona_model_info_get(persona_session_model(to));
    *out = NULL;
    persona_pairs *p = mem_calloc(1, sizeof *p);
    if (p == NULL) {
        return mem_err(e, "paired texts");
    }
    making m = {.p = p, .traits = traits, .questions = questions, .o = &o, .hooks = hooks};
    persona_code rc = PERSONA_OK;
    p->n_layer_from = a->n_layer;
    p->d_from = a->n_embd;
    p->n_layer_to = b->n_layer;
    p->d_to = b->n_embd;
    m.n_each = n_traits > 0 ? questions_each(&m, n_traits) : 0;
    p->n_groups = questions != NULL ? m.n_each : m.n_each * n_traits;
    p->h_to = mem_calloc((size_t)p->n_layer_to, sizeof *p->h_to);
    if (p->h_to == NULL) {
        rc = mem_err(e, "paired texts");
    } else if (m.n_each < 2) {
        rc = persona_err_set(e, PERSONA_E_USAGE,
                             "transfer: %zu extraction questions are too few to hold any out",
                             m.n_each);
    }
    if (rc == PERSONA_OK) {
        rc = lay_out(&m, n_traits, e);
    }
    if (rc == PERSONA_OK) {
        rc = write_texts(&m, from, e);
    }
    if (rc == PERSONA_OK) {
        rc = read_texts(&m, from, false, e);
    }
    if (rc == PERSONA_OK) {
        rc = read_texts(&m, to, true, e);
    }
    for (size_t i = 0; m.systems != NULL && i < p->n; i++) {
        mem_free(m.systems[i]);
    }
    mem_free(m.systems);
    mem_free(m.asks);
    answers_clear(m.answers, m.answers != NULL ? p->n : 0);
    mem_free(m.answers);
    if (rc == PERSONA_OK) {
        *out = p;
    } else {
        persona_pairs_free(p);
    }
    return rc;
}
