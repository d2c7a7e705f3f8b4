/* SPDX-License-Identifier: MIT
 *
 * test_taps.c - several taps on one request, projections, rows before and after an edit, reads
 * while the request runs; and the phases of a harmony reply.
 */
#include "models.h"

#include <math.h>

#define N_WRITTEN 40
#define MAX_D 512

/* What on_read was given, tap by tap, in order. */
typedef struct heard {
    size_t n[4], last[4];
    float data[4][N_WRITTEN * 4 * MAX_D];
    bool ordered;
    float *acts[4];
    persona_acts shape[4];
    size_t n_acts, n_tokens, n_steered;
    double moved;
    char *analysis, *text;
} heard;

static void on_read(void *ud, const persona_read *x)
{
    heard *h = ud;
    const size_t n = x->n_blocks * x->width;
    assert_true(h->n[x->tap] + n <= sizeof h->data[0] / sizeof h->data[0][0]);
    memcpy(h->data[x->tap] + h->n[x->tap], x->data, n * sizeof *x->data);
    h->ordered = h->ordered && (h->n[x->tap] == 0 || x->position > h->last[x->tap]);
    h->n[x->tap] += n;
    h->last[x->tap] = x->position;
}

static void on_done(void *ud, const persona_result *r)
{
    heard *h = ud;
    h->n_acts = r->n_acts;
    h->n_tokens = r->n_tokens;
    h->n_steered = r->n_steered;
    h->moved = r->moved;
    h->analysis = strdup(r->analysis);
    h->text = strdup(r->text);
    for (size_t i = 0; i < r->n_acts; i++) {
        const persona_acts *a = &r->acts[i];
        const size_t n = a->n_rows * a->n_blocks * a->width;
        h->shape[i] = *a;
        h->acts[i] = malloc((n + 1) * sizeof(float));
        assert_non_null(h->acts[i]);
        memcpy(h->acts[i], a->data, n * sizeof(float));
    }
}

static heard *ask_with(persona_model *m, persona_session_opts o, persona_plan *p,
                       const persona_tap *taps, size_t n_taps)
{
    heard *h = calloc(1, sizeof *h);
    assert_non_null(h);
    h->ordered = true;
    persona_session *s = session(m, o);
    persona_tokens t = chat(m, NULL, "What is rain?");
    persona_request q = {.prompt = t.ids,
                         .n_prompt = t.n,
                         .sampling = persona_sampling_defaults(),
                         .plan = p,
                         .taps = taps,
                         .n_taps = n_taps,
                         .ud = h,
                         .on_read = on_read,
                         .on_done = on_done};
    q.sampling.max_tokens = N_WRITTEN;
    q.sampling.ignore_eos = true;
    run(s, &q, 1);
    persona_tokens_free(&t);
    persona_session_free(s);
    return h;
}

static void forget(heard *h)
{
    for (size_t i = 0; i < h->n_acts; i++) {
        free(h->acts[i]);
    }
    free(h->analysis);
    free(h->text);
    free(h);
}

static persona_plan *one_edit(persona_model *m, int block, unsigned phases, const float *v)
{
    const persona_model_info *i = persona_model_info_get(m);
    const persona_edit edit = {.block = block, .phases = phases, .alpha = 1.0F, .v = v};
    persona_plan *p = NULL;
    persona_err e = {0};
    must(persona_plan_new(i->n_layer, i->n_embd, &edit, 1, &p, &e), &e);
    return p;
}

/* Four taps of one request agree with each other, and what is read does not depend on whether rows
 * lie in host memory. */
static void many_taps_agree(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_MODELS; i++) {
        persona_model *m = open_model(i);
        const size_t d = (size_t)persona_model_info_get(m)->n_embd;
        assert_true(d <= MAX_D);
        static float v[MAX_D], axes[3 * MAX_D];
        const int blocks[] = {1, 2}, at[] = {1, 2, 2};
        noise(v, (int)d, 3, 0.3F);
        noise(axes, (int)(3 * d), 4, 1.0F);
        persona_plan *p = one_edit(m, 2, 0, v);
        const persona_tap taps[] = {
            {.mode = PERSONA_TAP_ALL, .blocks = blocks, .n_blocks = 2},
            {.mode = PERSONA_TAP_ALL, .blocks = blocks, .n_blocks = 2, .before_edits = true},
            {.mode = PERSONA_TAP_PROJECT, .blocks = at, .n_blocks = 3, .directions = axes},
            {.mode = PERSONA_TAP_MEAN, .blocks = blocks, .n_blocks = 2},
        };
        persona_session_opts o = small(1);
        heard *a = ask_with(m, o, p, taps, 4);
        o.no_host = true;
        heard *b = ask_with(m, o, p, taps, 4);
        assert_int_equal(a->n_acts, 4);
        assert_int_equal(a->n_tokens, N_WRITTEN);
        assert_true(a->ordered);
        assert_int_equal(a->n[3], 0); /* a mean has no tokens to give */
        assert_int_equal(a->shape[2].width, 1);
        assert_int_equal(a->shape[2].n_rows, N_WRITTEN);
        for (size_t k = 0; k < 3; k++) {
            const size_t n = a->shape[k].n_rows * a->shape[k].n_blocks * a->shape[k].width;
            assert_int_equal(a->n[k], n);
            assert_memory_equal(a->data[k], a->acts[k], n * sizeof(float));
            assert_memory_equal(a->acts[k], b->acts[k], n * sizeof(float));
        }
        double mean = 0, length = 0;
        for (size_t r = 0; r < N_WRITTEN; r++) {
            const float *after = a->acts[0] + r * 2 * d, *before = a->acts[1] + r * 2 * d;
            double dot[3] = {0};
            for (size_t k = 0; k < d; k++) {
                assert_true(after[k] == before[k]);
                assert_true(after[d + k] == before[d + k] + v[k]);
                for (size_t x = 0; x < 3; x++) {
                    dot[x] += (double)after[(x > 0 ? d : 0) + k] * (double)axes[x * d + k];
                }
            }
            for (size_t x = 0; x < 3; x++) {
                assert_true(fabs(dot[x] - (double)a->acts[2][r * 3 + x]) < 1e-3);
            }
            mean += (double)after[d] / N_WRITTEN;
        }
        for (size_t k = 0; k < d; k++) {
            length += (double)v[k] * (double)v[k];
        }
        assert_true(fabs(mean - (double)a->acts[3][d]) < 1e-4);
        assert_true(a->n_steered > N_WRITTEN);
        assert_true(fabs(a->moved / (double)a->n_steered - sqrt(length)) < 1e-4);
        assert_true(a->moved == b->moved);
        forget(a);
        forget(b);
        persona_plan_free(p);
        persona_model_free(m);
    }
}

/* The adapter moves a row as far as the callback does. */
static void both_ways_move_alike(void **state)
{
    (void)state;
    persona_model *m = open_model(0);
    static float v[MAX_D];
    noise(v, persona_model_info_get(m)->n_embd, 3, 0.3F);
    persona_plan *p = one_edit(m, 2, 0, v);
    persona_session_opts o = small(1);
    heard *a = ask_with(m, o, p, NULL, 0);
    o.no_cvec = true;
    heard *b = ask_with(m, o, p, NULL, 0);
    assert_int_equal(a->n_steered, b->n_steered);
    assert_true(a->moved == b->moved);
    assert_string_equal(a->text, b->text);
    forget(a);
    forget(b);
    persona_plan_free(p);
    persona_model_free(m);
}

/* ---- phases --------------------------------------------------------------------------------- */

/* Logits of every forced token of a harmony reply: hashed one by one. */
typedef struct traced {
    uint64_t hash[512];
    size_t n, n_steered;
} traced;

static void trace_logits(void *ud, size_t i, const float *logits, size_t n)
{
    traced *t = ud;
    record one = {.hash = 14695981039346656037u};
    record_logits(&one, i, logits, n);
    assert_true(i < 512);
    t->hash[i] = one.hash;
    t->n = i + 1;
}

static void trace_done(void *ud, const persona_result *r)
{
    traced *t = ud;
    t->n_steered = r->n_steered;
}

static const char PROMPT[] = "<|start|>user<|message|>What is rain?<|end|><|start|>assistant";
static const char REPLY[] = "<|channel|>analysis<|message|>The user asks about rain.<|end|>"
                            "<|start|>assistant<|channel|>final<|message|>Rain is water.";

static void trace(persona_model *m, persona_plan *p, traced *t)
{
    persona_err e = {0};
    persona_tokens prompt, reply;
    persona_session *s = session(m, small(1));
    must(persona_tokenize(m, PROMPT, true, &prompt, &e), &e);
    must(persona_tokenize(m, REPLY, true, &reply, &e), &e);
    persona_request q = {.prompt = prompt.ids,
                         .n_prompt = prompt.n,
                         .forced = reply.ids,
                         .n_forced = reply.n,
                         .want_logits = true,
                         .plan = p,
                         .ud = t,
                         .on_logits = trace_logits,
                         .on_done = trace_done};
    *t = (traced){.n = 0};
    run(s, &q, 1);
    assert_int_equal(t->n, reply.n);
    persona_tokens_free(&prompt);
    persona_tokens_free(&reply);
    persona_session_free(s);
}

/* First token whose distribution a steering changed; n: none. */
static size_t first_change(const traced *a, const traced *b)
{
    size_t i = 0;
    while (i < a->n && a->hash[i] == b->hash[i]) {
        i++;
    }
    return i;
}

static size_t count(persona_model *m, const char *text)
{
    persona_tokens t;
    persona_err e = {0};
    must(persona_tokenize(m, text, true, &t, &e), &e);
    const size_t n = t.n;
    persona_tokens_free(&t);
    return n;
}

static void phases_of_a_harmony_reply(void **state)
{
    (void)state;
    persona_model *m = open_model(1);
    static float v[MAX_D];
    noise(v, persona_model_info_get(m)->n_embd, 5, 1.0F);
    static const struct {
        unsigned phases;
        const char *untouched; /* the reply up to the first steered token */
        const char *steered;
    } CASES[] = {
        {PERSONA_PHASE_FINAL,
         "<|channel|>analysis<|message|>The user asks about rain.<|end|>"
         "<|start|>assistant<|channel|>final<|message|>",
         "Rain is water."},
        {PERSONA_PHASE_ANALYSIS, "<|channel|>analysis<|message|>", "The user asks about rain."},
    };
    traced plain, steered;
    trace(m, NULL, &plain);
    for (size_t k = 0; k < 2; k++) {
        persona_plan *p = one_edit(m, 2, CASES[k].phases, v);
        trace(m, p, &steered);
        /* the distribution that predicts a token comes from the one before it */
        assert_int_equal(first_change(&plain, &steered), count(m, CASES[k].untouched) + 1);
        assert_int_equal(steered.n_steered, count(m, CASES[k].steered));
        persona_plan_free(p);
    }
    persona_plan *p = one_edit(m, 2, PERSONA_PHASE_RESPONSE | PERSONA_PHASE_FINAL, v);
    trace(m, p, &steered);
    assert_int_equal(first_change(&plain, &steered), 0);
    assert_int_equal(steered.n_steered, count(m, REPLY) + 1); /* the last prompt token */
    persona_plan_free(p);
    persona_model_free(m);
}

/* Without channels there is no analysis; the answer is everything that is generated. */
static void phases_without_channels(void **state)
{
    (void)state;
    persona_model *m = open_model(0);
    static float v[MAX_D];
    noise(v, persona_model_info_get(m)->n_embd, 5, 1.0F);
    persona_plan *p = one_edit(m, 2, PERSONA_PHASE_ANALYSIS, v);
    persona_session *s = session(m, small(1));
    persona_tokens t = chat(m, NULL, "What is rain?");
    record r;
    persona_err e = {0};
    persona_request q = request(&t, &r, 4);
    q.plan = p;
    assert_int_equal(persona_session_run_all(s, &q, 1, NULL, &e), PERSONA_E_USAGE);
    assert_non_null(strstr(e.msg, "analysis"));
    persona_plan_free(p);
    p = one_edit(m, 2, PERSONA_PHASE_FINAL, v);
    q = request(&t, &r, 4);
    q.plan = p;
    run(s, &q, 1);
    assert_int_equal(r.n_steered, 3); /* the fourth token is never fed */
    persona_plan_free(p);
    persona_tokens_free(&t);
    persona_session_free(s);
    persona_model_free(m);
}

/* A reading shorter than what a stream holds takes the shared prompt over, but not its own last
 * token, which the longer prompt saw in another phase. */
static void last_prompt_token_is_not_borrowed(void **state)
{
    (void)state;
    persona_model *m = open_model(0);
    static float v[MAX_D];
    noise(v, persona_model_info_get(m)->n_embd, 5, 1.0F);
    persona_plan *p = one_edit(m, 1, PERSONA_PHASE_RESPONSE, v);
    const persona_tap tap = {.mode = PERSONA_TAP_LAST, .span = PERSONA_SPAN_RESPONSE};
    persona_tokens t = chat(m, NULL, "What is rain, and where does it come from?");
    float *want = NULL;
    for (int warm = 0; warm < 2; warm++) {
        persona_session *s = session(m, small(1));
        record first, r;
        persona_request q = request(&t, &first, 2);
        q.plan = p;
        if (warm == 1) {
            run(s, &q, 1);
        }
        q = request(&t, &r, 0);
        q.n_prompt = t.n - 4;
        q.forced = t.ids + t.n - 4;
        q.n_forced = 2;
        q.plan = p;
        q.taps = &tap;
        q.n_taps = 1;
        run(s, &q, 1);
        assert_int_equal(r.n_rows, 1);
        for (size_t k = 0; warm == 1 && k < r.n_acts; k++) {
            assert_true(fabsf(r.acts[k] - want[k]) < 1e-2F * (1.0F + fabsf(want[k])));
        }
        if (warm == 1) {
            free(r.acts);
        } else {
            want = r.acts;
        }
        persona_session_free(s);
    }
    free(want);
    persona_tokens_free(&t);
    persona_plan_free(p);
    persona_model_free(m);
}

static void bad_taps_are_refused(void **state)
{
    (void)state;
    persona_model *m = open_model(0);
    persona_session *s = session(m, small(1));
    persona_tokens t = chat(m, NULL, "What is rain?");
    static float axes[2 * MAX_D];
    const int down[] = {2, 1};
    record r;
    persona_err e = {0};
    persona_request q = request(&t, &r, 4);
    persona_tap taps[2] = {{.mode = PERSONA_TAP_MEAN},
                           {.mode = PERSONA_TAP_PROJECT, .blocks = down, .n_blocks = 2}};
    q.taps = taps;
    q.n_taps = 2;
    assert_int_equal(persona_session_run_all(s, &q, 1, NULL, &e), PERSONA_E_USAGE);
    assert_non_null(strstr(e.msg, "directions"));
    taps[1].directions = axes;
    assert_int_equal(persona_session_run_all(s, &q, 1, NULL, &e), PERSONA_E_SHAPE);
    axes[1] = NAN;
    assert_int_equal(persona_session_run_all(s, &q, 1, NULL, &e), PERSONA_E_NUMERIC);
    axes[1] = 0;
    q = request(&t, &r, 4);
    run(s, &q, 1);
    persona_tokens_free(&t);
    persona_session_free(s);
    persona_model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_taps_agree),
        cmocka_unit_test(both_ways_move_alike),
        cmocka_unit_test(phases_of_a_harmony_reply),
        cmocka_unit_test(phases_without_channels),
        cmocka_unit_test(last_prompt_token_is_not_borrowed),
        cmocka_unit_test(bad_taps_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
