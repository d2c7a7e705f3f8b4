/* SPDX-License-Identifier: MIT
 *
 * test_settle.c - how many questions settle a block: few for all, 20 for the best two, of the
 * vector that is carried over and of every null alike. Counted in the job.
 */
#include <math.h>

#include "base/mem.h"
#include "base/rng.h"
#include "models.h"
#include "pipeline/dose/trials.h"
#include "unit/scratch.h"

enum { TARGET = 1, MOST = 8 };

typedef struct place {
    persona_model *m;
    persona_session *s;
    persona_judge *judge;
    persona_questions *questions;
    persona_trait *trait;
    size_t n_blocks; /* that can be steered */
} place;

static void arrive(place *p)
{
    persona_err e = {0};
    char path[512];
    persona_model_opts mo = persona_model_defaults();
    persona_session_opts so = persona_session_defaults();
    mo.bulk = true;
    so.n_slots = 16;
    so.n_ctx = 512;
    so.n_threads = 1;
    so.fixed_shape = true;
    snprintf(path, sizeof path, "%s/models/%s", PERSONA_SOURCE_DIR, MODEL_FILES[TARGET]);
    must(persona_model_open(path, &mo, &p->m, &e), &e);
    p->s = session(p->m, so);
    must(persona_judge_read(PERSONA_SOURCE_DIR "/models/judge.json", &p->judge, &e), &e);
    must(persona_questions_read(PERSONA_SOURCE_DIR "/models/questions.json", &p->questions, &e),
         &e);
    must(persona_trait_read(PERSONA_SOURCE_DIR "/traits/silly.json", &p->trait, &e), &e);
    p->n_blocks = (size_t)persona_model_info_get(p->m)->n_layer - 2;
}

static void leave(place *p)
{
    persona_trait_free(p->trait);
    persona_questions_free(p->questions);
    persona_judge_free(p->judge);
    persona_session_free(p->s);
    persona_model_free(p->m);
}

static persona_vector *some_direction(const place *p, uint32_t seed)
{
    const persona_model_info *info = persona_model_info_get(p->m);
    persona_vector *v = NULL;
    persona_err e = {0};
    rng r;
    float *row = mem_calloc((size_t)info->n_embd, sizeof *row);
    assert_non_null(row);
    rng_seed(&r, seed, 0);
    must(persona_vector_new(info->n_layer, info->n_embd, &v, &e), &e);
    for (int b = 1; b < info->n_layer - 1; b++) {
        for (int i = 0; i < info->n_embd; i++) {
            row[i] = (float)rng_normal(&r);
        }
        must(persona_vector_set(v, b, row, &e), &e);
        v->layers[b].h_median = v->layers[b].norm;
    }
    mem_free(row);
    return v;
}

/* How many answers each sweep asked, as the job has it, rising. */
static size_t sweeps(const char *path, size_t *n_answers)
{
    job_info info;
    persona_err e = {0};
    size_t n = 0;
    must(job_info_read(path, &info, &e), &e);
    for (size_t i = 0; i < info.n_counts; i++) {
        const job_count *c = &info.counts[i];
        if (c->judge != NULL || strncmp(c->stage, "sweep/", 6) != 0) {
            continue;
        }
        assert_true(n < MOST);
        size_t at = n++;
        for (; at > 0 && n_answers[at - 1] > c->n; at--) {
            n_answers[at] = n_answers[at - 1];
        }
        n_answers[at] = c->n;
    }
    job_info_free(&info);
    return n;
}

static settling how(const place *p, persona_vector *v, const char *path, const char *tag)
{
    persona_err e = {0};
    settling x = settle_quickly(p->s, v);
    must(job_open(path, "{\"command\": \"test\"}", true, &x.job, &e), &e);
    x.calibrate = false;
    x.trait = p->trait;
    x.questions = p->questions;
    x.judge = p->judge;
    x.tag = tag;
    return x;
}

static void one_vector(void **state)
{
    (void)state;
    static const struct {
        size_t n_decide, n_questions, more; /* 0: as it comes; questions that decide beyond four */
    } cases[] = {{0, 0, 16}, {6, 0, 2}, {0, 10, 6}, {0, 4, 0}};
    place p;
    arrive(&p);
    assert_true(p.n_blocks > 2 && p.n_blocks <= SETTLE_CANDIDATES);
    const char *path = scratch_path("settle.db");
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        persona_vector *v = some_direction(&p, 1);
        persona_err e = {0};
        settle_report report;
        size_t asked[MOST];
        settling x = how(&p, v, path, "one");
        persona_questions few = *p.questions;
        if (cases[k].n_questions > 0) {
            few.n_extraction = cases[k].n_questions;
        }
        x.questions = &few;
        x.n_decide = cases[k].n_decide > 0 ? cases[k].n_decide : x.n_decide;
        must(settle(&x, &report, &e), &e);
        job_close(x.job);
        const size_t n = sweeps(path, asked), all = p.n_blocks * 2 * 4, two = 2 * 2 * cases[k].more;
        /* a random direction swings too little: all blocks were tried at two sizes */
        assert_int_equal(n, two > 0 ? 3 : 2);
        size_t at_all = 0, at_two = 0;
        for (size_t i = 0; i < n; i++) {
            at_all += asked[i] == all;
            at_two += asked[i] == two;
        }
        if (at_all != 2 || (two > 0 && at_two != 1)) {
            fail_msg("case %zu: %zu, %zu, %zu answers", k, asked[0], asked[1], asked[n - 1]);
        }
        assert_true(v->from.best_layer >= 1 && isfinite(report.swing));
        persona_vector_free(v);
    }
    leave(&p);
}

static void nulls_get_the_same(void **state)
{
    (void)state;
    place p;
    arrive(&p);
    const char *path = scratch_path("settle.db");
    persona_err e = {0};
    size_t asked[MOST];
    settle_draw draws[] = {{some_direction(&p, 1), -1, false},
                           {some_direction(&p, 2), -1, false},
                           {some_direction(&p, 3), 2, false}}; /* no choice: nothing is asked */
    settling x = how(&p, NULL, path, "nulls");
    must(settle_draws(&x, draws, 3, &e), &e);
    job_close(x.job);
    assert_int_equal(sweeps(path, asked), 2);
    const size_t all = 2 * p.n_blocks * 2 * 4, two = 2 * 2 * 2 * 16;
    assert_int_equal(asked[0] + asked[1], all + two);
    assert_true(asked[0] == all || asked[1] == all);
    assert_int_equal(draws[2].v->from.best_layer, 2);
    for (size_t i = 0; i < 3; i++) {
        assert_true(draws[i].v->from.best_layer >= 1);
        persona_vector_free(draws[i].v);
    }
    leave(&p);
}

/* Means over both parts are those over all questions at once, and the better of two wins. */
static void parts_join(void **state)
{
    (void)state;
    place p;
    arrive(&p);
    persona_vector *v = some_direction(&p, 1);
    persona_err e = {0};
    settling x = settle_quickly(p.s, v);
    x.trait = p.trait;
    x.questions = p.questions;
    x.judge = p.judge;
    x.n_decide = 10;
    trial t[2] = {{.block = 1, .alpha = 0.5}, {.block = 2, .alpha = 0.5}};
    trial *both[2] = {&t[0], &t[1]};
    const trial *winner = NULL;
    must(trials_ask(&x, both, 2, 4, &e), &e);
    assert_true(t[0].n == 4 && t[1].n == 4);
    must(trials_decide(&x, t, 2, 1, &winner, &e), &e);
    assert_true(t[0].n == 10 && t[1].n == 10);
    assert_ptr_equal(winner, trial_value(&t[1]) > trial_value(&t[0]) ? &t[1] : &t[0]);
    steered_cell cells[2] = {{.block = 1, .alpha = 0.5}, {.block = 1, .alpha = -0.5}};
    x.n_questions = 10;
    must(steered_run(&x, cells, 2, false, "at once", &e), &e);
    assert_true(fabs(cells[0].score - t[0].plus.score) < 1e-9);
    assert_true(fabs(cells[1].score - t[0].minus.score) < 1e-9);
    assert_true(fabs(cells[1].coherence - t[0].minus.coherence) < 1e-9);
    persona_vector_free(v);
    leave(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_vector),
        cmocka_unit_test(nulls_get_the_same),
        cmocka_unit_test(parts_join),
    };
    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
