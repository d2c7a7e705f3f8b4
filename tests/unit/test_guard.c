/* SPDX-License-Identifier: MIT
 *
 * test_guard.c - what watches the length of edits, and the loop that holds a coordinate: over the
 * fake engine, where every row is known.
 */
#include "dynamics.h"

/* ---- guard ----------------------------------------------------------------------------------- */

static seen guarded(persona_guard_mode mode, double ratio)
{
    persona_token prompt[N_PROMPT];
    const persona_edit x = adding(3);
    persona_plan *p = plan_of(&x, 1);
    fill(prompt, N_PROMPT, 1);
    assert_int_equal(persona_plan_guard(p, (persona_guard){mode, (float)ratio}, NULL), PERSONA_OK);
    persona_request r = ask(prompt, N_PROMPT, 20, NULL);
    r.plan = p;
    const persona_code code = mode == PERSONA_GUARD_REJECT ? PERSONA_E_NUMERIC : PERSONA_OK;
    const seen y = one(r, (seen){.code = code});
    persona_plan_free(p);
    return y;
}

static void the_guard_watches(void **state)
{
    (void)state;
    const seen off = guarded(PERSONA_GUARD_OFF, 0), warn = guarded(PERSONA_GUARD_WARN, 0.5);
    assert_string_equal(off.text, warn.text);
    assert_int_equal(off.n_over, 0);
    assert_true(warn.n_over > 5 && warn.ratio_most > 1);
    assert_int_equal(guarded(PERSONA_GUARD_WARN, 100).n_over, 0);
    const seen clamp = guarded(PERSONA_GUARD_CLAMP, 0.5);
    assert_true(clamp.n_over == 21 && fabs(clamp.ratio_most - 0.5) < 1e-9);
    assert_true(clamp.step.asked == 3 && clamp.step.measured < 2);
    assert_string_not_equal(clamp.text, off.text);
    const seen reject = guarded(PERSONA_GUARD_REJECT, 0.5);
    assert_int_equal(reject.n_tokens, 0);
    assert_int_equal(reject.code, PERSONA_E_NUMERIC);
    assert_non_null(strstr(reject.message, "block 1"));
    assert_non_null(strstr(reject.message, "limit is 0.5"));
}

/* Who steers too hard fails alone. */
static void the_guard_rejects_one(void **state)
{
    (void)state;
    persona_model *m = fake_model();
    persona_session *s = fake_session(m, 3, 256, 64, NULL);
    persona_token prompt[N_PROMPT];
    seen x[3] = {{.n_tokens = 0}};
    persona_request q[3];
    const persona_edit hard = adding(50), soft = adding(0.1);
    persona_plan *p[3] = {plan_of(&soft, 1), plan_of(&hard, 1), NULL};
    fill(prompt, N_PROMPT, 1);
    for (int i = 0; i < 3; i++) {
        const persona_guard guard = {PERSONA_GUARD_REJECT, 1};
        q[i] = ask(prompt, N_PROMPT, 9, &x[i]);
        q[i].plan = p[i];
        assert_true(p[i] == NULL || persona_plan_guard(p[i], guard, NULL) == PERSONA_OK);
    }
    assert_int_equal(persona_session_run_all(s, q, 3, NULL, NULL), PERSONA_E_NUMERIC);
    assert_int_equal(x[0].n_tokens, 9);
    assert_int_equal(x[1].n_tokens, 0);
    assert_int_equal(x[2].n_tokens, 9);
    assert_int_equal(x[2].code, PERSONA_OK);
    persona_plan_free(p[0]);
    persona_plan_free(p[1]);
    persona_session_free(s);
    fake_model_free(m);
}

/* A prompt that was rejected is measured again, whoever asks: nothing takes its rows over. */
static void the_guard_rejects_again(void **state)
{
    (void)state;
    persona_model *m = fake_model();
    persona_session *s = fake_session(m, 1, 256, 64, NULL);
    persona_token prompt[N_PROMPT];
    persona_edit hard = adding(50);
    hard.phases = PERSONA_PHASE_PROMPT;
    persona_plan *p = plan_of(&hard, 1), *open = plan_of(&hard, 1);
    fill(prompt, N_PROMPT, 1);
    assert_int_equal(persona_plan_guard(p, (persona_guard){PERSONA_GUARD_REJECT, 1}, NULL),
                     PERSONA_OK);
    assert_false(plan_same(p, open));
    for (int i = 0; i < 4; i++) { /* unguarded, then three times guarded */
        seen x = {.n_tokens = 0};
        persona_request r = ask(prompt, N_PROMPT, 9, &x);
        r.plan = i == 0 ? open : p;
        const persona_code code = i == 0 ? PERSONA_OK : PERSONA_E_NUMERIC;
        assert_int_equal(persona_session_run_all(s, &r, 1, NULL, NULL), code);
        assert_int_equal(x.n_tokens, i == 0 ? 9 : 0);
    }
    persona_plan_free(p);
    persona_plan_free(open);
    persona_session_free(s);
    fake_model_free(m);
}

static void quantiles_of_ratios(void **state)
{
    (void)state;
    edit_tally t = {.n = 0};
    assert_true(isnan(edit_tally_quantile(&t, 0.95)));
    for (int i = 1; i <= 1000; i++) {
        edit_tally_add(&t, i % 7, 0.002 * i, 1);
    }
    assert_true(fabs(edit_tally_quantile(&t, 0.95) / 1.9 - 1) < 0.04);
    assert_true(fabs(edit_tally_quantile(&t, 0.5) / 1.0 - 1) < 0.04);
    assert_true(edit_tally_quantile(&t, 1) <= 2.0 + 1e-12);
    edit_tally_add(&t, 3, 1e9, 1); /* beyond the bins */
    edit_tally_add(&t, 3, 0, 0);   /* a row of zeros has no ratio */
    assert_true(t.most == 1e9 && t.most_block == 3 && t.n_ratios == 1001 && t.n == 1002);
}

/* ---- hold ------------------------------------------------------------------------------------ */

/* Drives a plan with a coordinate that is pulled to `pull` and follows half of what is done to it,
 * as a text does. Returns on how many of the last 200 tokens it was, smoothed, out of the band. */
static size_t drive(double pull, double aim, double band, double limit, persona_steered *out,
                    double *largest)
{
    const persona_edit x = holding(aim, band, limit);
    persona_plan *p = plan_of(&x, 1);
    plan_memory *m = plan_memory_new(p);
    edit_tally tally = {.n = 0};
    double at = aim, smooth = aim;
    size_t n_off = 0;
    *largest = 0;
    assert_non_null(m);
    for (int t = 0; t < 400; t++) {
        const plan_token token = {.phase = PHASE_FINAL, .replied = true};
        float h[FAKE_EMBD] = {(float)at, 3, 1, 0};
        plan_memory_next(m, p);
        plan_apply(p, 0, &token, m, &tally, h);
        const double by = (double)h[0] - at;
        *largest = fmax(*largest, fabs(by));
        smooth += 0.2 * (at - smooth);
        n_off += t >= 200 && fabs(smooth - aim) > band;
        at += 0.1 * (pull - at) + 0.5 * by;
    }
    plan_memory_report(p, m, &tally, out);
    assert_int_equal(out->n_steps, 1);
    assert_int_equal(out->steps[0].n_read, 400);
    assert_int_equal(out->steps[0].n, out->n_measured);
    plan_memory_free(m);
    persona_plan_free(p);
    return n_off;
}

static void hold_keeps_a_drifting_coordinate(void **state)
{
    (void)state;
    persona_steered x;
    double largest;
    for (int sign = -1; sign <= 1; sign += 2) {
        /* left alone it would stay at the pull, far out of the band */
        const size_t n_off = drive(sign * 5, sign, 1, 10, &x, &largest);
        assert_true(n_off < 60);
        assert_true(x.n_measured > 10 && x.n_measured < 390); /* it rests, too */
    }
    /* nothing pulls: nothing is done */
    assert_int_equal(drive(1, 1, 0.5, 10, &x, &largest), 0);
    assert_int_equal(x.n_measured, 0);
    /* a limit too small for the pull is kept */
    assert_true(drive(5, 1, 0.5, 0.2, &x, &largest) == 200);
    assert_true(largest <= 0.2 + 1e-6 && largest > 0.19);
}

static void hold_acts_on_the_answer_alone(void **state)
{
    (void)state;
    persona_token reply[24];
    for (size_t i = 0; i < 24; i++) {
        reply[i] = i < 8 ? 32 : 64; /* the coordinate is 2, then 4 */
    }
    persona_edit x = holding(2, 0.5, 3);
    x.block = 0;
    const seen y = read_text(reply, 24, &x, 1);
    assert_int_equal(y.step.n_read, 24);
    assert_int_equal(y.step.n, y.step.n_out); /* nothing follows, so it is never back */
    assert_int_equal(y.step.n, y.n_touched);
    /* smoothed by 0.2 it passes 2.5 with the second token of the second part */
    assert_int_equal(y.step.n, 15);
    assert_true(y.step.measured < 0 && y.step.most <= 3 + 1e-6);
    assert_true(fabs(y.step.asked - y.step.measured) < 1e-5);
}

/* What the loop may not do yet it does not save up. */
static void hold_does_not_wind_up(void **state)
{
    (void)state;
    persona_edit x = holding(4, 0.5, 100);
    double first[2];
    x.syntax_off = true;
    for (int waits = 0; waits < 2; waits++) {
        persona_plan *p = plan_of(&x, 1);
        plan_memory *m = plan_memory_new(p);
        edit_tally tally = {.n = 0};
        assert_non_null(m);
        for (int t = 0; t < 60; t++) {
            const plan_token token = {
                .phase = PHASE_FINAL, .replied = true, .code = waits && t < 50};
            float h[FAKE_EMBD] = {1, 3, 1, 0};
            plan_memory_next(m, p);
            if (plan_apply(p, 0, &token, m, &tally, h)) {
                first[waits] = (double)h[0] - 1;
                break;
            }
        }
        plan_memory_free(m);
        persona_plan_free(p);
    }
    assert_true(first[0] > 0 && fabs(first[1] - first[0]) < 1e-6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_guard_watches),
        cmocka_unit_test(the_guard_rejects_one),
        cmocka_unit_test(the_guard_rejects_again),
        cmocka_unit_test(hold_does_not_wind_up),
        cmocka_unit_test(quantiles_of_ratios),
        cmocka_unit_test(hold_keeps_a_drifting_coordinate),
        cmocka_unit_test(hold_acts_on_the_answer_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
