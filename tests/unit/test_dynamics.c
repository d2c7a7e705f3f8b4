/* SPDX-License-Identifier: MIT
 *
 * test_dynamics.c - edits that depend on the request: windows, gates, code and tool calls, over the
 * fake engine. What was edited is seen by two taps at the edited block, before and after.
 */
#include "dynamics.h"

/* ---- windows --------------------------------------------------------------------------------- */

static void windows_count_reply_tokens(void **state)
{
    (void)state;
    static const struct {
        size_t first, after;
        const char *acts;
    } cases[] = {
        {0, 0, "111111111"}, {3, 0, "111100000"}, {0, 2, "000111111"}, {3, 2, "000111000"},
        {1, 7, "000000001"}, {1, 8, "000000000"}, {8, 0, "111111111"},
    };
    persona_token reply[8];
    fill(reply, 8, 3);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        persona_edit x = adding(0.5);
        x.first = cases[i].first;
        x.after = cases[i].after;
        const seen y = read_text(reply, 8, &x, 1);
        assert_string_equal(y.acts, cases[i].acts);
        size_t n = 0;
        for (const char *c = y.acts; *c != '\0'; c++) {
            n += *c == '1';
        }
        assert_int_equal(y.n_touched, n);
        assert_int_equal(y.step.n, n);
        if (n > 0) {
            assert_true(fabs(y.step.asked - 0.5) < 1e-6 && fabs(y.step.measured - 0.5) < 1e-6);
        }
    }
}

/* The tokens that an answer is written with are edited as those of the same answer that is read. */
static void writing_and_reading_agree(void **state)
{
    (void)state;
    persona_gate g = gate(2.5, 2);
    persona_edit edits[2] = {adding(0.4), adding(-0.3)};
    persona_token prompt[N_PROMPT];
    edits[0].first = 5;
    edits[0].after = 3;
    edits[1].gates = &g;
    edits[1].n_gates = 1;
    fill(prompt, N_PROMPT, 1);
    persona_plan *p = plan_of(edits, 2);
    persona_request r = ask(prompt, N_PROMPT, 40, NULL);
    r.plan = p;
    const seen wrote = one(r, (seen){.n_tokens = 0});
    const seen read = read_text(wrote.tokens, wrote.n_tokens, edits, 2);
    assert_int_equal(strlen(wrote.acts), 41); /* the last token is fed for the taps */
    assert_string_equal(wrote.acts, read.acts);
    assert_int_equal(wrote.gate_open, read.gate_open);
    assert_true(read.gate_open > 3 && read.gate_open < 38);
    assert_int_equal(read.gate_read, 41);
    persona_plan_free(p);
}

/* ---- gates ----------------------------------------------------------------------------------- */

static void gates_have_hysteresis(void **state)
{
    (void)state;
    /* the last prompt token is 2 + (7 + 33) % 80 = 42: z 2.6 */
    static const persona_token reply[8] = {64, 40, 33, 31, 40, 50, 8, 8};
    persona_gate g = gate(3, 2);
    persona_edit x = adding(0.5);
    x.gates = &g;
    x.n_gates = 1;
    seen y = read_text(reply, 8, &x, 1); /* z: 4, 2.5, 2.06, 1.9, 2.5, 3.1, .5, .5 */
    assert_string_equal(y.acts, "001110010");
    assert_int_equal(y.gate_read, 9);
    assert_int_equal(y.gate_open, 4);
    g.above = false; /* opens below 2, closes above 3 */
    g.open = 2;
    g.close = 3;
    y = read_text(reply, 8, &x, 1);
    assert_string_equal(y.acts, "000001101");
    /* both have to be open */
    persona_gate both[2] = {gate(1.5, 1.5), gate(3, 2)};
    x.gates = both;
    x.n_gates = 2;
    y = read_text(reply, 8, &x, 1);
    assert_string_equal(y.acts, "001110010");
    both[0] = gate(2.2, 2.2);
    y = read_text(reply, 8, &x, 1);
    assert_string_equal(y.acts, "001100010");
}

/* A gate reads the row before the edits of its own block: an edit does not open its own gate. */
static void gates_read_before_edits(void **state)
{
    (void)state;
    static const persona_token reply[4] = {8, 8, 8, 8};
    persona_gate g = gate(3, 2);
    persona_edit edits[2] = {adding(0.5), adding(50)};
    edits[0].gates = &g;
    edits[0].n_gates = 1;
    edits[1].block = 0;
    const seen y = read_text(reply, 4, edits, 2);
    assert_string_equal(y.acts, "00000");
    assert_int_equal(y.n_touched, 5); /* by the other edit */
}

static void a_plan_that_never_fires_is_no_error(void **state)
{
    (void)state;
    static const persona_token reply[4] = {8, 8, 8, 8};
    persona_gate g = gate(9, 9);
    persona_edit x = adding(0.5);
    x.gates = &g;
    x.n_gates = 1;
    const seen y = read_text(reply, 4, &x, 1);
    assert_int_equal(y.n_touched, 0);
    assert_int_equal(y.n_steered, 0);
    assert_int_equal(y.step.n, 0);
    assert_true(isnan(y.step.measured) && isnan(y.ratio_most));
}

/* ---- code and tool calls --------------------------------------------------------------------- */

static void spell(const char *text, persona_token *to, size_t *n)
{
    for (*n = 0; text[*n] != '\0'; (*n)++) {
        to[*n] = text[*n] == '\n' ? FAKE_LINE : text[*n] - 32;
    }
}

static void code_is_left_alone(void **state)
{
    (void)state;
    static const struct {
        const char *text, *acts; /* behind the last prompt token */
    } cases[] = {
        {"A\n```\nB\n```\nC", "1111000000011"},
        {"```A\n``\n```\nB``` C", "110000000001111111"},
        {"````\n```\n````\nA", "110000000000011"},
        {"A ``` B", "1111111"},
        {"```A``` B", "110011111"},
        {"  ```\nA", "1111000"},
    };
    persona_token reply[MOST];
    size_t n;
    persona_edit x = adding(0.5);
    x.syntax_off = true;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        spell(cases[i].text, reply, &n);
        const seen y = read_text(reply, n, &x, 1);
        if (strcmp(y.acts + 1, cases[i].acts) != 0) {
            fail_msg("case %zu: %s, expected %s", i, y.acts + 1, cases[i].acts);
        }
    }
}

static bool inside_after(const char *text)
{
    syntax_state s = {.n_tail = 0};
    syntax_feed(&s, text, strlen(text));
    return syntax_inside(&s);
}

static void tool_calls_are_syntax(void **state)
{
    (void)state;
    assert_false(inside_after("Let me see.\n<tool_call"));
    assert_true(inside_after("Let me see.\n<tool_call>{\"name\": 1}"));
    assert_false(inside_after("<tool_call>{}</tool_call> So"));
    assert_true(inside_after("<tool_call>{}</tool_call><tool_call>"));
    assert_true(inside_after("[TOOL_CALLS][{}] and"));
    assert_true(inside_after("<|python_tag|>print(1)"));
    assert_false(inside_after("a < b and [TOOLS]"));
    assert_true(inside_after("```\n</tool_call>"));
}

/* ---- requests do not touch each other -------------------------------------------------------- */

static size_t edits_of(int i, persona_edit *edits, persona_gate *gates)
{
    gates[0] = gate(1 + 0.2 * i, 0.5 + 0.2 * i);
    edits[0] = adding(0.1 * (i + 1));
    edits[1] = (persona_edit){.op = (persona_op)(i % (int)(PERSONA_OP_HOLD + 1)),
                              .block = i % FAKE_LAYERS,
                              .phases = PERSONA_PHASE_RESPONSE,
                              .alpha = 0.7F,
                              .v = ALONG,
                              .x = 1,
                              .band = 0.1F,
                              .limit = 2};
    if (i % 2 == 0) {
        edits[0].gates = gates;
        edits[0].n_gates = 1;
    }
    edits[1].first = i % 3 == 0 ? 6 : 0;
    edits[1].after = i % 5 == 0 ? 4 : 0;
    return 2;
}

static void neighbors_do_not_matter(void **state)
{
    (void)state;
    enum { N = 24 };
    static seen x[N];
    persona_token prompts[N][N_PROMPT];
    persona_request q[N];
    persona_plan *p[N];
    persona_model *m = fake_model();
    fake_compute *f;
    persona_session *s = fake_session(m, 5, 256, 64, &f);
    for (int i = 0; i < N; i++) {
        persona_edit edits[2];
        persona_gate gates[1];
        p[i] = plan_of(edits, edits_of(i, edits, gates));
        fill(prompts[i], N_PROMPT, i % 4);
        q[i] = ask(prompts[i], N_PROMPT, 8 + i, &x[i]);
        q[i].plan = p[i];
    }
    f->fail_call = 40; /* a common call fails after its rows were edited and read */
    f->fail_late = true;
    assert_int_equal(persona_session_run_all(s, q, N, NULL, NULL), PERSONA_OK);
    assert_true(f->n_calls > 40);
    size_t n_dynamic = 0;
    for (int i = 0; i < N; i++) {
        const seen y = one(q[i], (seen){.n_tokens = 0});
        assert_string_equal(x[i].text, y.text);
        assert_string_equal(x[i].acts, y.acts);
        assert_int_equal(x[i].n_steered, y.n_steered);
        assert_int_equal(x[i].n_touched, y.n_touched);
        assert_int_equal(x[i].gate_read, y.gate_read);
        assert_int_equal(x[i].gate_open, y.gate_open);
        assert_int_equal(x[i].step.n, y.step.n);
        assert_true(x[i].step.n == 0 || x[i].step.measured == y.step.measured);
        n_dynamic += strchr(y.acts, '0') != NULL && strchr(y.acts, '1') != NULL;
        persona_plan_free(p[i]);
    }
    assert_true(n_dynamic > 5);
    persona_session_free(s);
    fake_model_free(m);
}

/* Rows that a condition has made are nobody else's, not even of the same plan; those of the prompt,
 * which no condition reaches, are. */
static void dynamic_rows_are_not_shared(void **state)
{
    (void)state;
    for (int dynamic = 0; dynamic < 2; dynamic++) {
        persona_model *m = fake_model();
        persona_session *s = fake_session(m, 1, 256, 64, NULL);
        persona_token prompt[N_PROMPT + 20];
        persona_edit x = adding(0.5);
        x.phases = PERSONA_PHASE_ALL;
        x.first = dynamic ? 50 : 0; /* in fact on every token, the prompt's included */
        persona_plan *p = plan_of(&x, 1);
        seen y = {.s = s};
        fill(prompt, N_PROMPT, 1);
        persona_request q = ask(prompt, N_PROMPT, 20, &y);
        q.n_taps = 0;
        q.on_done = NULL;
        q.plan = p;
        assert_int_equal(persona_session_run_all(s, &q, 1, NULL, NULL), PERSONA_OK);
        const stream *st = &s->streams[0];
        assert_int_equal(st->n, N_PROMPT + 19);
        memcpy(prompt, st->tokens, st->n * sizeof *prompt);
        q.n_prompt = st->n;
        assert_int_equal(stream_shared(st, &q, st->n - 1), dynamic ? N_PROMPT - 1 : st->n - 1);
        assert_true(!dynamic || plan_id(p, PHASE_FINAL) == PLAN_ALONE);
        persona_plan_free(p);
        persona_session_free(s);
        fake_model_free(m);
    }
}

/* A window of a new plan counts the reply's tokens, not its own. */
static void a_new_plan_counts_from_the_beginning(void **state)
{
    (void)state;
    persona_token prompt[N_PROMPT];
    fill(prompt, N_PROMPT, 1);
    persona_edit x = adding(0.5);
    x.after = 8;
    x.first = 3;
    persona_plan *p = plan_of(&x, 1);
    persona_request r = ask(prompt, N_PROMPT, 14, NULL);
    seen y = one(r, (seen){.replan_to = p, .replan_at = 4});
    assert_string_equal(y.acts, "000000000111000");
    y = one(r, (seen){.replan_to = p, .replan_at = 9});
    assert_string_equal(y.acts, "000000000011000");
    persona_plan_free(p);
}

/* ---- numbers that are none ------------------------------------------------------------------- */

/* The row that is computed again to find the block to blame is the same token to windows and gates,
 * and is counted once. */
static void a_broken_row_is_found_under_its_own_conditions(void **state)
{
    (void)state;
    persona_gate g = gate(-100, -100);
    persona_edit x = adding(2.0 * (double)FAKE_HUGE);
    persona_token prompt[N_PROMPT];
    fill(prompt, N_PROMPT, 4);
    x.block = 0;
    x.first = 1;
    x.after = 2;
    x.gates = &g;
    x.n_gates = 1;
    persona_plan *p = plan_of(&x, 1);
    persona_request r = ask(prompt, N_PROMPT, 14, NULL);
    r.plan = p;
    const seen y = one(r, (seen){.code = PERSONA_E_NUMERIC});
    assert_int_equal(y.code, PERSONA_E_NUMERIC);
    if (strstr(y.message, "from block 1 on; the steering edits block 0") == NULL) {
        fail_msg("%s", y.message);
    }
    assert_int_equal(y.step.n, 1);
    assert_int_equal(y.gate_read, 4); /* the last prompt token, and three of the reply */
    persona_plan_free(p);
}

/* ---- refusals -------------------------------------------------------------------------------- */

static void refuses(persona_edit x, persona_code code, const char *says)
{
    persona_plan *p = NULL;
    persona_err e = {0};
    assert_int_equal(persona_plan_new(FAKE_LAYERS, FAKE_EMBD, &x, 1, &p, &e), code);
    if (strstr(e.msg, says) == NULL) {
        fail_msg("%s", e.msg);
    }
}

static void bad_conditions_are_refused(void **state)
{
    (void)state;
    static const float zero[FAKE_EMBD];
    persona_gate g = gate(2, 3);
    persona_edit x = adding(1);
    x.gates = &g;
    x.n_gates = 1;
    refuses(x, PERSONA_E_USAGE, "cannot close at 3");
    g = gate(3, 2);
    g.block = FAKE_LAYERS - 1;
    refuses(x, PERSONA_E_SHAPE, "outside 0..1");
    g = gate(3, 2);
    g.sd = 0;
    refuses(x, PERSONA_E_NUMERIC, "standard deviation");
    g = gate((double)NAN, 2);
    refuses(x, PERSONA_E_NUMERIC, "not finite");
    g = gate(3, 2);
    g.v = zero;
    refuses(x, PERSONA_E_NUMERIC, "no direction");
    persona_gate many[PERSONA_PLAN_GATES + 1];
    for (int i = 0; i <= PERSONA_PLAN_GATES; i++) {
        many[i] = gate(i, i);
    }
    x.gates = many;
    x.n_gates = PERSONA_PLAN_GATES + 1;
    refuses(x, PERSONA_E_USAGE, "more than 64 gates");
    refuses((persona_edit){.op = PERSONA_OP_HOLD, .alpha = 1, .v = ALONG, .band = -1, .limit = 1},
            PERSONA_E_USAGE, "band");
    refuses((persona_edit){.op = PERSONA_OP_HOLD, .alpha = 1, .v = ALONG}, PERSONA_E_USAGE,
            "limit");
    x = holding(1, 1, 1);
    x.phases = PERSONA_PHASE_PROMPT;
    refuses(x, PERSONA_E_USAGE, "not on prompts");
    x = adding(1);
    x.gates = many;
    x.n_gates = PERSONA_PLAN_GATES + 1;
    many[PERSONA_PLAN_GATES] = gate(3, 3); /* there already */
    persona_plan *p = plan_of(&x, 1);
    assert_int_equal(p->n_gates, PERSONA_PLAN_GATES);
    persona_plan_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_count_reply_tokens),
        cmocka_unit_test(writing_and_reading_agree),
        cmocka_unit_test(gates_have_hysteresis),
        cmocka_unit_test(gates_read_before_edits),
        cmocka_unit_test(a_plan_that_never_fires_is_no_error),
        cmocka_unit_test(code_is_left_alone),
        cmocka_unit_test(tool_calls_are_syntax),
        cmocka_unit_test(neighbors_do_not_matter),
        cmocka_unit_test(dynamic_rows_are_not_shared),
        cmocka_unit_test(a_new_plan_counts_from_the_beginning),
        cmocka_unit_test(a_broken_row_is_found_under_its_own_conditions),
        cmocka_unit_test(bad_conditions_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
