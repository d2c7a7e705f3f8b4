/* SPDX-License-Identifier: MIT
 *
 * test_device.c - the same promises with the model on a device: steering and capture by copies
 * from its memory, the same bytes for the same request, neighbors that do not notice, and values
 * near the CPU's. Any device that ggml finds will do; `make test-device` brings one that computes
 * on the processor. Skipped (77) where there is none.
 */
#include <math.h>

#include <ggml-backend.h>

#include "engine/engine.h"
#include "models.h"

enum { N_TOKENS = 12, BLOCK = 2 };

/* All logits of a request, beside its record. */
typedef struct heard {
    record r;
    float *logits; /* (N_TOKENS, n_vocab) */
    size_t n_vocab;
} heard;

static void keep_logits(void *ud, size_t i, const float *logits, size_t n)
{
    heard *h = ud;
    h->n_vocab = n;
    h->logits = realloc(h->logits, (i + 1) * n * sizeof *logits);
    assert_non_null(h->logits);
    memcpy(h->logits + i * n, logits, n * sizeof *logits);
    record_logits(&h->r, i, logits, n);
}

static bool find_device(void)
{
    for (size_t i = 0; i < ggml_backend_dev_count(); i++) {
        const enum ggml_backend_dev_type type = ggml_backend_dev_type(ggml_backend_dev_get(i));
        if (type == GGML_BACKEND_DEVICE_TYPE_GPU || type == GGML_BACKEND_DEVICE_TYPE_IGPU) {
            printf("device: %s\n", ggml_backend_dev_description(ggml_backend_dev_get(i)));
            return true;
        }
    }
    return false;
}

static persona_model *open_on(size_t i, bool device)
{
    char path[512];
    persona_err e = {0};
    persona_model *m = NULL;
    persona_model_opts o = persona_model_defaults();
    o.n_gpu_layers = device ? -1 : 0;
    snprintf(path, sizeof path, "%s/models/%s", PERSONA_SOURCE_DIR, MODEL_FILES[i]);
    must(persona_model_open(path, &o, &m, &e), &e);
    return m;
}

static persona_plan *push(const persona_model *m, float alpha, float *v)
{
    const persona_model_info *info = persona_model_info_get(m);
    persona_plan *p = NULL;
    persona_err e = {0};
    noise(v, info->n_embd, 5, 1.0F);
    const persona_edit edit = {.block = BLOCK, .alpha = alpha, .v = v};
    must(persona_plan_new(info->n_layer, info->n_embd, &edit, 1, &p, &e), &e);
    return p;
}

/* Forced tokens, so that every run reads the same text, with the rows of the steered block and the
 * next. */
static heard read_text(persona_session *s, const persona_tokens *t, const persona_tokens *text,
                       persona_plan *plan)
{
    static const int blocks[2] = {BLOCK, BLOCK + 1};
    static const persona_tap tap = {.mode = PERSONA_TAP_ALL, .blocks = blocks, .n_blocks = 2};
    heard h = {.logits = NULL};
    persona_request q = request(t, &h.r, N_TOKENS);
    q.ud = &h;
    q.forced = text->ids;
    q.n_forced = text->n;
    q.want_logits = true;
    q.raw = true;
    q.plan = plan;
    q.taps = &tap;
    q.n_taps = 1;
    q.on_logits = keep_logits;
    run(s, &q, 1);
    assert_true(h.r.done && h.r.n_rows == text->n);
    return h;
}

static void heard_free(heard *h)
{
    free(h->logits);
    free(h->r.acts);
}

/* ||a - b|| / ||b|| */
static double far(const float *a, const float *b, size_t n)
{
    double diff = 0;
    double size = 0;
    for (size_t i = 0; i < n; i++) {
        const double x = (double)a[i] - (double)b[i];
        diff += x * x;
        size += (double)b[i] * (double)b[i];
    }
    assert_true(size > 0 && isfinite(diff));
    return sqrt(diff / size);
}

static void near_cpu(const heard *device, const heard *cpu, const char *what)
{
    const double logits = far(device->logits, cpu->logits, device->r.n_logits * device->n_vocab);
    const double acts = far(device->r.acts, cpu->r.acts, device->r.n_acts);
    printf("  %s: logits differ by %.5f, activations by %.5f\n", what, logits, acts);
    assert_int_equal(device->r.n_steered, cpu->r.n_steered);
    assert_true(logits < 0.05 && acts < 0.05);
}

/* What steering added to each row of its block is alpha * v: both rows were fetched from the
 * device. */
static void moved_by_vector(const heard *steered, const heard *plain, const float *v, float alpha,
                            size_t d)
{
    for (size_t row = 0; row < steered->r.n_rows; row++) {
        double diff = 0;
        double size = 0;
        for (size_t k = 0; k < d; k++) {
            const size_t at = row * 2 * d + k;
            const double got = (double)steered->r.acts[at] - (double)plain->r.acts[at];
            const double want = (double)alpha * (double)v[k];
            diff += (got - want) * (got - want);
            size += want * want;
        }
        assert_true(sqrt(diff / size) < 1e-3);
    }
}

static void steering_and_capture(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_MODELS; i++) {
        heard h[2][4];
        float *v = NULL;
        float alpha = 20;
        for (int device = 0; device < 2; device++) {
            persona_model *m = open_on(i, device);
            persona_session *s = session(m, small(1));
            persona_tokens t = chat(m, NULL, "What is bread?");
            persona_tokens text;
            persona_err e = {0};
            must(persona_tokenize(m, "Bread is baked from flour and water.", false, &text, &e), &e);
            if (v == NULL) {
                v = malloc(sizeof *v * (size_t)persona_model_info_get(m)->n_embd);
                assert_non_null(v);
            }
            persona_plan *some = push(m, alpha, v);
            persona_plan *zero = push(m, 0, v);
            h[device][0] = read_text(s, &t, &text, NULL);
            h[device][1] = read_text(s, &t, &text, some);
            h[device][2] = read_text(s, &t, &text, zero);
            h[device][3] = read_text(s, &t, &text, some);
            /* the same bytes again; nothing added is nothing done */
            assert_true(h[device][0].r.hash == h[device][2].r.hash);
            assert_true(h[device][1].r.hash == h[device][3].r.hash);
            assert_true(h[device][0].r.hash != h[device][1].r.hash);
            assert_memory_equal(h[device][1].r.acts, h[device][3].r.acts,
                                h[device][1].r.n_acts * sizeof(float));
            moved_by_vector(&h[device][1], &h[device][0], v, alpha,
                            (size_t)persona_model_info_get(m)->n_embd);
            persona_plan_free(some);
            persona_plan_free(zero);
            persona_tokens_free(&text);
            persona_tokens_free(&t);
            persona_session_free(s);
            persona_model_free(m);
        }
        printf("%s\n", MODEL_FILES[i]);
        assert_true(h[1][0].r.hash != h[0][0].r.hash); /* it was not the CPU that computed */
        near_cpu(&h[1][0], &h[0][0], "unsteered");
        near_cpu(&h[1][1], &h[0][1], "steered");
        for (int k = 0; k < 8; k++) {
            heard_free(&h[k / 4][k % 4]);
        }
        free(v);
    }
}

/* Four answers in one batch, the second and the fourth steered; then none: 0 and 2 are the same.
 * And the fast path of a control vector, on the device, against rows that travel to the CPU and
 * back. */
static void rows_are_independent(void **state)
{
    static const char *const ask[] = {"What is tea?", "What is rain?", "What is chess?",
                                      "What is sleep?"};
    (void)state;
    for (size_t i = 0; i < N_MODELS; i++) {
        persona_model *m = open_on(i, true);
        float *v = malloc(sizeof *v * (size_t)persona_model_info_get(m)->n_embd);
        assert_non_null(v);
        persona_plan *p = push(m, 20, v);
        record r[3][4];
        for (int steered = 0; steered < 3; steered++) {
            persona_session *s = session(m, small(4));
            persona_tokens t[4];
            persona_request q[4];
            for (int k = 0; k < 4; k++) {
                t[k] = chat(m, NULL, ask[k]);
                q[k] = request(&t[k], &r[steered][k], N_TOKENS);
                q[k].plan = steered > 0 && k % 2 == 1 ? p : NULL;
            }
            run(s, q, 4);
            for (int k = 0; k < 4; k++) {
                persona_tokens_free(&t[k]);
            }
            persona_session_free(s);
        }
        for (int k = 0; k < 4; k++) {
            assert_true(r[1][k].hash == r[2][k].hash);
            assert_true((r[0][k].hash == r[1][k].hash) == (k % 2 == 0));
        }
        persona_plan_free(p);
        free(v);
        persona_model_free(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(steering_and_capture),
                                       cmocka_unit_test(rows_are_independent)};
    persona_err e = {0};
    if (backend_init(false, &e) != PERSONA_OK) {
        printf("%s\n", e.msg);
        return 1;
    }
    if (!find_device()) {
        printf("skipped: no device (make test-device brings one)\n");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
