/* SPDX-License-Identifier: MIT
 *
 * kernels.c - our own hot loops, each run a fixed number of times on fixed data, for counting
 * instructions (bench/instructions). Nothing of ggml is in it, so it can be linked with the host's
 * C library, under which valgrind runs.
 *
 *   kernels NAME      runs run_NAME once; callgrind counts inside that function only
 *   kernels           names them all
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/linalg.h"
#include "base/utf8.h"
#include "engine/engine.h"
#include "pipeline/dose/kl.h"

enum { WIDTH = 576, LAYERS = 8, BLOCK = 3, ROWS = 200, VOCAB = 8192 };

#define KERNEL __attribute__((noinline)) static void

static float row[WIDTH], axes[4 * WIDTH], logits[VOCAB];
static char text[1 << 16], clip[512];
static volatile double sink; /* keeps results alive */

static void fill(float *v, size_t n, uint32_t x)
{
    for (size_t i = 0; i < n; i++) {
        x = x * 1664525u + 1013904223u;
        v[i] = (float)(x >> 8) / (float)(1 << 23) - 1;
    }
}

static void must(persona_code rc)
{
    if (rc != PERSONA_OK) {
        exit(70);
    }
}

/* ---- steering -------------------------------------------------------------------------------- */

static struct {
    persona_plan *plan;
    plan_memory *memory;
    edit_tally tally;
} steering;

static void steer_by(const persona_edit *edits, size_t n)
{
    must(persona_plan_new(LAYERS, WIDTH, edits, n, &steering.plan, NULL));
    must(persona_plan_guard(steering.plan, (persona_guard){PERSONA_GUARD_WARN, 1}, NULL));
    steering.memory = plan_memory_new(steering.plan);
    must(steering.memory != NULL ? PERSONA_OK : PERSONA_E_NOMEM);
}

static void apply_all(void)
{
    plan_token t = {.phase = PHASE_FINAL, .replied = true};
    for (int i = 0; i < ROWS; i++) {
        plan_memory_next(steering.memory, steering.plan);
        for (int b = 0; b < LAYERS; b++) {
            if (plan_wants(steering.plan, b, &t, steering.memory)) {
                (void)plan_apply(steering.plan, b, &t, steering.memory, &steering.tally, row);
            }
        }
        t.before[PHASE_FINAL]++;
    }
}

static void set_add(void)
{
    const persona_edit x = {.op = PERSONA_OP_ADD, .block = BLOCK, .alpha = 0.01F, .v = axes};
    steer_by(&x, 1);
}

KERNEL run_add(void)
{
    apply_all();
}

static void set_several(void)
{
    const persona_gate gate = {
        .block = BLOCK - 1, .v = axes + WIDTH, .sd = 1, .above = true, .open = -50, .close = -50};
    const persona_edit x[] = {{.op = PERSONA_OP_ABLATE, .block = BLOCK, .alpha = 0.5F, .v = axes},
                              {.op = PERSONA_OP_KEEPNORM,
                               .block = BLOCK,
                               .alpha = 0.01F,
                               .v = axes + WIDTH,
                               .gates = &gate,
                               .n_gates = 1},
                              {.op = PERSONA_OP_HOLD,
                               .block = BLOCK + 1,
                               .phases = PERSONA_PHASE_RESPONSE,
                               .alpha = 0.5F,
                               .v = axes + 2 * (size_t)WIDTH,
                               .x = 1,
                               .band = 0.1F,
                               .limit = 2}};
    steer_by(x, 3);
}

KERNEL run_several(void)
{
    apply_all();
}

/* ---- reading --------------------------------------------------------------------------------- */

static tap_state tap;

static void read_all(void)
{
    for (size_t i = 0; i < ROWS; i++) {
        size_t at;
        must(tap_position(&tap, i, &at, NULL));
        for (int b = 0; b < LAYERS - 1; b++) {
            if (tap.first[b] < tap.first[b + 1]) {
                tap_row(&tap, b, at, row);
            }
        }
    }
    const persona_acts a = tap_acts(&tap);
    sink = (double)a.data[0];
}

static void set_mean(void)
{
    const persona_tap x = {.mode = PERSONA_TAP_MEAN};
    must(tap_begin(&tap, &x, LAYERS, WIDTH, NULL));
}

KERNEL run_mean(void)
{
    read_all();
}

static void set_probe(void)
{
    static const int blocks[] = {1, 1, 2, 5};
    const persona_tap x = {
        .mode = PERSONA_TAP_PROJECT, .blocks = blocks, .n_blocks = 4, .directions = axes};
    must(tap_begin(&tap, &x, LAYERS, WIDTH, NULL));
}

KERNEL run_probe(void)
{
    read_all();
}

/* ---- distributions, text --------------------------------------------------------------------- */

static kl_track track;

static void set_kl(void)
{
    static float logp[4 * VOCAB];
    static double kl[4];
    track = (kl_track){.cap = 4, .logp = logp, .kl = kl};
}

KERNEL run_kl(void)
{
    for (size_t i = 0; i < 4; i++) {
        kl_keep(&track, i, logits, VOCAB);
        kl_compare(&track, i, logits, VOCAB);
    }
    sink = track.kl[0];
}

static void set_text(void)
{
    static const char *const parts[] = {"soup ", "na\xc3\xafve \"quoted\" ", "\xe2\x82\xac 5\n",
                                        "\xf0\x9f\x98\x80 "};
    size_t n = 0;
    for (size_t i = 0; n + 32 < sizeof text; i++) {
        const size_t len = strlen(parts[i % 4]);
        memcpy(text + n, parts[i % 4], len);
        n += len;
    }
    text[n] = '\0';
    memcpy(clip, text, 416); /* thirteen times the parts */
}

KERNEL run_utf8(void)
{
    const size_t n = strlen(text);
    size_t sum = utf8_span(text, n);
    for (size_t i = 0; i < n; i += 64) {
        sum += utf8_unfinished(text, i);
    }
    sink = (double)sum;
}

KERNEL run_json(void)
{
    buf b;
    json_out o;
    buf_init(&b, 1 << 20);
    jo_init(&o, &b, false);
    jo_array(&o, NULL);
    for (size_t i = 0; i < 64; i++) {
        jo_object(&o, NULL);
        jo_string(&o, "text", clip);
        jo_int(&o, "index", (long long)i);
        jo_bool(&o, "done", false);
        jo_end(&o);
    }
    jo_end(&o);
    sink = (double)b.len;
    buf_free(&b);
}

/* ---- the program ----------------------------------------------------------------------------- */

static const struct kernel {
    const char *name;
    void (*set)(void), (*run)(void);
} KERNELS[] = {{"add", set_add, run_add},    {"several", set_several, run_several},
               {"mean", set_mean, run_mean}, {"probe", set_probe, run_probe},
               {"kl", set_kl, run_kl},       {"utf8", set_text, run_utf8},
               {"json", set_text, run_json}};

int main(int argc, char **argv)
{
    fill(row, WIDTH, 1);
    fill(axes, 4 * (size_t)WIDTH, 2);
    fill(logits, VOCAB, 3);
    for (size_t i = 0; i < sizeof KERNELS / sizeof KERNELS[0]; i++) {
        if (argc < 2) {
            puts(KERNELS[i].name);
        } else if (strcmp(argv[1], KERNELS[i].name) == 0) {
            KERNELS[i].set();
            KERNELS[i].run();
            return 0;
        }
    }
    return argc < 2 ? 0 : 64;
}
