/* SPDX-License-Identifier: MIT
 *
 * test_steer.c - steering expressions: what they mean, and what the messages say where they do not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include "core/steer/parts.h"
#include "persona/session.h"

#define TERM(rest) "{\"terms\":[{\"op\":" rest "]}"

static char *canonical(const steer_expr *x)
{
    buf b;
    buf_init(&b, STEER_TEXT_MAX);
    steer_print(x, &b);
    assert_int_equal(b.failed, PERSONA_OK);
    char *text = buf_take(&b);
    return text ? text : mem_strdup("");
}

static char *as_object(const steer_expr *x)
{
    buf b;
    buf_init(&b, STEER_OBJECT_MAX);
    steer_print_object(x, &b);
    assert_int_equal(b.failed, PERSONA_OK);
    return buf_take(&b);
}

/* Both notations of x are x again. */
static void comes_back(const steer_expr *x)
{
    char *const texts[] = {canonical(x), as_object(x)};
    for (size_t i = 0; i < 2; i++) {
        steer_expr y;
        persona_err e = {0};
        if (steer_parse_any(texts[i], &y, &e) != PERSONA_OK) {
            fail_msg("%s: %s", texts[i], e.msg);
        }
        if (!steer_equal(x, &y)) {
            fail_msg("%s comes back as %s", texts[i], canonical(&y));
        }
        steer_expr_free(&y);
        mem_free(texts[i]);
    }
}

/* What texts mean, as their canonical text and their object say it. */
static void meanings(void **state)
{
    (void)state;
    static const struct {
        const char *text, *canonical, *object; /* object NULL: not looked at */
    } cases[] = {
        {"silly", "silly",
         TERM("\"add\",\"vector\":\"silly\",\"coefficient\":1,\"unit\":\"dose\"}")},
        {" -silly ", "-silly", NULL},
        {"1.0*silly - 0.5*superficial", "silly - 0.5*superficial", NULL},
        {"2 * raw:silly@3-7:response", "2*raw:silly@3-7:response",
         TERM("\"add\",\"vector\":\"silly\",\"coefficient\":2,\"unit\":\"raw\",\"blocks\":[3,7],"
              "\"phases\":[\"response\"]}")},
        {"raw:1.5*silly", "1.5*raw:silly", NULL},
        {"-raw:2*silly", "-2*raw:silly", NULL},
        {"-1e-1*ratio:x@12:prompt:response+y", "-0.1*ratio:x@12:prompt:response + y", NULL},
        {"a - -0.5*b", "a + 0.5*b", NULL},
        {"-0*a", "0*a", NULL},
        {"./v.gguf + /tmp/a-b_2.gguf@0", "./v.gguf + /tmp/a-b_2.gguf@0", NULL},
        {".5*'my vector: +2'@4", "0.5*'my vector: +2'@4", NULL},
        {"'silly'", "silly", NULL},
        {"'when' + '1st'", "'when' + '1st'", NULL},
        {"infinite + nan + 0*raw", "infinite + nan + 0*'raw'", NULL},
        {"a@5 -b", "a@5 - b", NULL},
        {"a:final:prompt", "a:prompt:final", NULL},
        {"raw:'raw':prompt", "raw:'raw':prompt", NULL},
        {"a@3-3", "a@3", NULL},
        {"a:syntax=off:first=20:after=5:final", "a:final:after=5:first=20:syntax=off",
         TERM("\"add\",\"vector\":\"a\",\"coefficient\":1,\"unit\":\"dose\",\"phases\":[\"final\"],"
              "\"first\":20,\"after\":5,\"syntax\":false}")},
        /* operators */
        {"0.5 * cap( silly , 75 )@4-6 - y", "0.5*cap(silly, 75)@4-6 - y", NULL},
        {"ablate (a)", "ablate(a)", TERM("\"ablate\",\"vector\":\"a\",\"coefficient\":1}")},
        {"floor(a,5)+clamp(b,-1.5)", "floor(a, 5) + clamp(b, -1.5)", NULL},
        {"-2*rotate(a, 10)", "-2*rotate(a, 10)", NULL},
        {"raw:3*keepnorm(a)", "3*raw:keepnorm(a)", NULL},
        {"hold(a, 1)", "hold(a, 1)",
         TERM("\"hold\",\"vector\":\"a\",\"coefficient\":1,\"arguments\":[1,0.5]}")},
        {"hold(a, 1, 0.5)", "hold(a, 1)", NULL},
        {"hold(a, 1, .25)", "hold(a, 1, 0.25)", NULL},
        {"cap + along", "cap + along", NULL},
        /* vectors of vectors */
        {"2*without(along(a,b), 'c d')@5", "2*without(along(a, b), 'c d')@5",
         TERM("\"add\",\"vector\":{\"without\":[{\"along\":[\"a\",\"b\"]},\"c d\"]},"
              "\"coefficient\":2,\"unit\":\"dose\",\"blocks\":[5,5]}")},
        {"cap(along(a, b), 90)", "cap(along(a, b), 90)", NULL},
        /* groups */
        {"2*(a - 0.5*(b - c))", "2*a - b + c", NULL},
        {"a - (b + c)", "a - b - c", NULL},
        {"a - -1*(b + c)", "a + b + c", NULL},
        {"(((a)))", "a", NULL},
        {"joint(a - 2*b@4, 0.3)@6:final", "joint(a@6 - 2*b@4, 0.3):final", NULL},
        {"2*joint(a + b) - joint(c)", "joint(2*a + 2*b) + joint(-c)",
         "{\"terms\":[{\"op\":\"add\",\"vector\":\"a\",\"coefficient\":2,\"unit\":\"dose\","
         "\"joint\":"
         "{\"group\":1}},{\"op\":\"add\",\"vector\":\"b\",\"coefficient\":2,\"unit\":\"dose\","
         "\"joint\":{\"group\":1}},{\"op\":\"add\",\"vector\":\"c\",\"coefficient\":-1,\"unit\":"
         "\"dose\",\"joint\":{\"group\":2}}]}"},
        /* conditions */
        {"2*a when b > .5", "2*a when b > 0.5",
         TERM("\"add\",\"vector\":\"a\",\"coefficient\":2,\"unit\":\"dose\",\"when\":[{\"probe\":"
              "\"b\",\"above\":0.5}]}")},
        {"a + c when b@7<-1 until 0 and d>2", "a + c when b@7 < -1 until 0 and d > 2", NULL},
        {"(a + c when b > 1) - (d when b > 2)", "(a + c when b > 1) + (-d when b > 2)", NULL},
        {"((a when p > 1) + b) when q > 0", "(a when p > 1 and q > 0) + (b when q > 0)", NULL},
        {"(a when p > 1) + (b when p > 1) + c", "(a + b when p > 1) + c", NULL},
        {"(a when p > 1) + (b when p > 1)", "a + b when p > 1", NULL},
        {"a when b > 1 until 1", "a when b > 1", NULL},
        {"(joint(a + c) + d when b > 1) + e", "(joint(a + c) + d when b > 1) + e", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        steer_expr x;
        persona_err e = {0};
        if (steer_parse(cases[i].text, &x, &e) != PERSONA_OK) {
            fail_msg("%s: %s", cases[i].text, e.msg);
        }
        char *text = canonical(&x), *object = as_object(&x);
        assert_string_equal(text, cases[i].canonical);
        if (cases[i].object) {
            assert_string_equal(object, cases[i].object);
        }
        mem_free(text);
        mem_free(object);
        comes_back(&x);
        steer_expr_free(&x);
        assert_int_equal(x.n, 0);
    }
}

static void mistakes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int column; /* 0: the whole */
        const char *word;
    } cases[] = {
        {"", 0, "empty"},
        {"   ", 0, "empty"},
        {"2", 2, "'*'"},
        {"2*", 3, "name"},
        {"2 silly", 3, "'*'"},
        {"silly +", 8, "name"},
        {"silly superficial", 7, "'+'"},
        {"silly,", 6, "'+'"},
        {"a + + b", 5, "one sign"},
        {"silly-0.5*x", 10, "white space"},
        {"_x", 1, "name"},
        {"1e999*x", 1, "finite"},
        {"0x10*x", 2, "'*'"},
        {"2*raw:2*silly", 7, "one coefficient"},
        {"raw:", 5, "name"},
        {"a@", 3, "layer number"},
        {"a@x", 3, "layer number"},
        {"a@5000", 6, "4096"},
        {"a@7-3", 3, "ascending"},
        {"a@7-", 5, "last layer"},
        {"a@5-0.5*b", 3, "white space"},
        {"a:", 3, "phase"},
        {"a:always", 3, "phase"},
        {"a:final:", 9, "analysis or final"},
        {"sin(b)", 1, "no operator 'sin'"},
        {"'open", 1, "quote"},
        {"''", 2, "between"},
        {"'a\nb'", 3, "control"},
        {"'a\377b'", 3, "UTF-8"},
        {"a - -b", 5, "one sign"},
        {"a -b@2 - -(c)", 10, "one sign"},
        {"raw:(a)", 5, "name"},
        {"raw:joint(a)", 5, "name"},
        {"when b > 1", 1, "quotes"},
        /* operators */
        {"cap(b)", 6, "percentile"},
        {"cap(b, 101)", 8, "from 0 to 100"},
        {"cap(b, nan)", 8, "percentile"},
        {"cap(b, 1e999)", 8, "finite"},
        {"ablate(b, 1)", 9, "')'"},
        {"ablate(cap(b, 2))", 8, "a vector"},
        {"ablate(2*b)", 8, "name"},
        {"2*ablate(b)", 3, "strength"},
        {"a - ablate(b)", 5, "strength"},
        {"raw:ablate(b)", 5, "no unit"},
        {"2*rotate(b, 170)", 3, "180"},
        {"hold(a, 1, -1)", 12, "half of a band"},
        {"along(a)", 8, "second vector"},
        {"along(a, b, c)", 11, "')'"},
        {"joint(ablate(a) + b)", 7, "not operators"},
        {"joint(a:final + b)", 8, "behind joint"},
        {"joint(a when b > 1)", 9, "or ')'"},
        {"joint((a when b > 1) + c)", 10, "')'"},
        {"joint(a + joint(b))", 11, "no joint"},
        {"joint(a, 0)", 10, "budget"},
        {"joint(a, b)", 10, "budget"},
        {"a:prompt:after=5", 1, "more than the prompt"},
        {"a + (b:prompt when c > 0)", 6, "more than the prompt"},
        /* windows */
        {"a:first", 8, "'='"},
        {"a:first=0", 9, "from 1 on"},
        {"a:first=-1", 9, "number of tokens"},
        {"a:first=99999999", 16, "16777216"},
        {"a:first=1:first=2", 11, "once"},
        {"a:syntax=on", 10, "off"},
        {"(a):final", 4, "'+'"},
        /* conditions */
        {"a when", 7, "name"},
        {"a when b", 9, "'>' or '<'"},
        {"a when b >", 11, "z-score"},
        {"a when b > 1e999", 12, "finite"},
        {"a when b > nan", 12, "z-score"},
        {"a when b > 1 until 2", 20, "not above"},
        {"a when b < 1 until 0", 20, "not below"},
        {"a when b > 1 or c > 1", 14, "'+'"},
        {"a when b@x > 1", 10, "layer number"},
        {"2*a when a > 1", 3, "cannot wait for itself"},
        {"b + along(c, a) when a > 1", 5, "cannot wait for itself"},
        {"(a + (b when b > 1)) + c", 7, "cannot wait for itself"},
        {"(a", 3, "')'"},
        {"a)", 2, "'+'"},
        {"()", 2, "name"},
        {"1e300*(1e300*a)", 14, "finite coefficient"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        steer_expr x;
        persona_err e = {0};
        char column[32] = "steering expression: ";
        if (cases[i].column) {
            snprintf(column, sizeof column, "column %d:", cases[i].column);
        }
        const persona_code rc = steer_parse(cases[i].text, &x, &e);
        if (rc != PERSONA_E_USAGE || !strstr(e.msg, column) || !strstr(e.msg, cases[i].word)) {
            fail_msg("%s: code %d, \"%s\"", cases[i].text, (int)rc, e.msg);
        }
        assert_int_equal(x.n, 0);
        assert_null(x.terms);
    }
}

/* Text of n copies of a word between two others. */
static char *repeated(const char *before, const char *word, size_t n, const char *after)
{
    buf b;
    buf_init(&b, (size_t)4 << 20);
    buf_puts(&b, before);
    for (size_t i = 0; i < n; i++) {
        buf_puts(&b, word);
    }
    buf_puts(&b, after);
    return buf_take(&b);
}

/* n words: too many by one, and what is said of it. */
static void too_many(const char *before, const char *word, size_t n, const char *after,
                     const char *said)
{
    persona_err e = {0};
    steer_expr x;
    for (size_t fewer = 0; fewer < 2; fewer++) {
        char *text = repeated(before, word, n - fewer, after);
        const persona_code rc = steer_parse(text, &x, &e);
        if (fewer ? rc != PERSONA_OK : rc != PERSONA_E_USAGE || !strstr(e.msg, said)) {
            fail_msg("%.60s: code %d, \"%s\"", text, (int)rc, e.msg);
        }
        if (fewer) {
            comes_back(&x);
        }
        steer_expr_free(&x);
        mem_free(text);
    }
}

static void limits(void **state)
{
    (void)state;
    char deep[] = "))))))))))))))))";
    too_many("a", " + a", 256, "", "256 terms");
    too_many("a", "a", STEER_TEXT_MAX, "", "longer than 4096 bytes");
    too_many("a when b > 1", " and b > 1", 8, "", "8 comparisons");
    too_many("(a when b > 1 and b > 1) when b > 1", " and b > 1", 6, "", "8 comparisons for one");
    persona_err e = {0};
    steer_expr x;
    for (size_t n = 16; n < 19; n++) { /* parentheses, and a text of a megabyte of them */
        const size_t many = n == 18 ? (size_t)1 << 20 : n;
        char *text = repeated("", "(", many, "a");
        char *whole = mem_printf("%s%s%s", text, deep, many > 16 ? ")" : "");
        const persona_code rc = steer_parse(whole, &x, &e);
        assert_int_equal(rc, many == 16 ? PERSONA_OK : PERSONA_E_USAGE);
        assert_non_null(strstr(many == 16   ? "16 parentheses"
                               : many == 17 ? e.msg
                                            : "16 parentheses",
                               "16 parentheses"));
        steer_expr_free(&x);
        mem_free(whole);
        mem_free(text);
    }
    for (size_t n = 8; n < 10; n++) {
        char *text = repeated("", "along(", n, "a");
        char *whole = repeated(text, ", b)", n, "");
        assert_int_equal(steer_parse(whole, &x, &e), n == 8 ? PERSONA_OK : PERSONA_E_USAGE);
        if (n == 8) {
            comes_back(&x);
        }
        steer_expr_free(&x);
        mem_free(text);
        mem_free(whole);
    }
    assert_non_null(strstr(e.msg, "8 deep"));
    /* A short text whose parentheses, written out, are too long. */
    char *text = repeated("(", "a + (b when c > 1) + ", 100,
                          "a) when ddddddddddddddddddddddddddddddddd > 1");
    assert_int_equal(steer_parse(text, &x, &e), PERSONA_E_USAGE);
    assert_non_null(strstr(e.msg, "canonical"));
    mem_free(text);
}

/* ---- random expressions ---------------------------------------------------------------------- */

static double any_number(rng *r)
{
    static const double plain[] = {0, 1, 0.5, 2, 1e-3, 75};
    const size_t k = rng_below(r, 9);
    return k < 6 ? plain[k] : k < 8 ? rng_unit(r) : rng_unit(r) * 1e-200;
}

static char *any_name(rng *r)
{
    static const char *const names[] = {"a",   "silly", "x.gguf",   "./y-z", "when",
                                        "1st", "a b",   "\303\251", "hold",  "raw"};
    return mem_strdup(names[rng_below(r, sizeof names / sizeof names[0])]);
}

static void any_direction(rng *r, int depth, steer_direction *out)
{
    *out = (steer_direction){.kind = STEER_NAMED};
    if (depth == STEER_DIRECTIONS_MAX || rng_below(r, 3) > 0) {
        out->name = any_name(r);
        return;
    }
    out->kind = rng_below(r, 2) ? STEER_ALONG : STEER_WITHOUT;
    out->a = mem_calloc(1, sizeof *out->a);
    out->b = mem_calloc(1, sizeof *out->b);
    any_direction(r, depth + 1, out->a);
    any_direction(r, depth + 1, out->b);
}

static void any_manner(rng *r, steer_term *t)
{
    t->phases = rng_below(r, 2) ? rng_below(r, 16) : 0;
    t->first = rng_below(r, 4) ? 0 : (int)rng_below(r, 30);
    t->after = rng_below(r, 4) ? 0 : (int)rng_below(r, 30);
    t->syntax_off = rng_below(r, 4) == 0;
    t->n_when = rng_below(r, 2) ? 0 : rng_below(r, 4);
    t->when = t->n_when ? mem_calloc(t->n_when, sizeof *t->when) : NULL;
    for (size_t i = 0; i < t->n_when; i++) {
        steer_comparison *c = &t->when[i];
        *c = (steer_comparison){.probe = mem_strdup("probe"),
                                .block = (int)rng_below(r, 4) - 1,
                                .above = rng_below(r, 2) > 0,
                                .open = any_number(r) - any_number(r)};
        const double gap = rng_below(r, 2) ? any_number(r) : 0;
        c->close = c->open + (c->above ? -gap : gap);
    }
}

static void any_term(rng *r, steer_term *t)
{
    *t = (steer_term){.op = (steer_op)rng_below(r, STEER_N_OPS), .coefficient = any_number(r)};
    const steer_op_info *op = &steer_ops[t->op];
    any_direction(r, 0, &t->v);
    t->unit = op->unit ? (steer_unit)rng_below(r, 3) : STEER_DOSE;
    if (op->strength) {
        t->coefficient = t->coefficient > 1 ? 1 : t->coefficient;
    } else if (rng_below(r, 2)) {
        t->coefficient = -t->coefficient;
    }
    for (size_t i = 0; i < op->n_arguments; i++) {
        t->arguments[i] = any_number(r);
    }
    t->block_a = t->block_b = -1;
    if (rng_below(r, 2)) {
        t->block_a = (int)rng_below(r, 40);
        t->block_b = t->block_a + (int)rng_below(r, 2);
    }
    any_manner(r, t);
}

/* A copy of what a group shares. */
static void share_manner(const steer_term *from, steer_term *to)
{
    to->phases = from->phases;
    to->first = from->first;
    to->after = from->after;
    to->syntax_off = from->syntax_off;
    to->budget = from->budget;
    steer_when_free(to->when, to->n_when);
    to->when = NULL;
    to->n_when = 0;
    assert_int_equal(steer_add_when(to, from->when, from->n_when, NULL), PERSONA_OK);
}

static void any_expression(rng *r, steer_expr *x)
{
    *x = (steer_expr){0};
    const size_t n = 1 + rng_below(r, 6);
    size_t joints = 0;
    while (x->n < n) {
        steer_term t;
        any_term(r, &t);
        if (t.op == STEER_ADD && rng_below(r, 2)) {
            const steer_term *last = x->n ? &x->terms[x->n - 1] : NULL;
            if (last && last->joint > 0 && rng_below(r, 2)) {
                share_manner(last, &t);
            } else {
                t.budget = rng_below(r, 2) ? 0.25 : 0;
                joints++;
            }
            t.joint = joints;
        }
        assert_int_equal(steer_add_term(x, &t, NULL), PERSONA_OK);
    }
}

/* parse(print(x)) is x, in both notations, and print(parse(print(x))) the same bytes. */
static void round_trip(void **state)
{
    (void)state;
    rng r;
    rng_seed(&r, 11, 0);
    size_t n = 0;
    for (int i = 0; i < 5000; i++) {
        steer_expr x, y;
        persona_err e = {0};
        any_expression(&r, &x);
        if (steer_check(&x, &e) == PERSONA_OK) {
            comes_back(&x);
            char *text = canonical(&x);
            assert_int_equal(steer_parse(text, &y, NULL), PERSONA_OK);
            char *again = canonical(&y);
            assert_string_equal(text, again);
            steer_expr_free(&y);
            mem_free(text);
            mem_free(again);
            n++;
        }
        steer_expr_free(&x);
    }
    assert_true(n > 4000); /* most are sound; the others are too long or turn too far */
}

/* ---- objects --------------------------------------------------------------------------------- */

static void objects(void **state)
{
    (void)state;
    static const struct {
        const char *text, *word, *more;
    } cases[] = {
        {"{", "steering object", ""},
        {"{\"terms\":[]}", "'terms'", "empty"},
        {"{}", "'terms'", "missing"},
        {"{\"term\":[]}", "'term'", "not known"},
        {"{\"terms\":{}}", "'terms'", "array"},
        {"{\"terms\":[1]}", "terms[0]", "object"},
        {TERM("\"add\"}"), "terms[0].vector", "missing"},
        {TERM("\"sum\",\"vector\":\"a\"}"), "terms[0].op", "expected add"},
        {TERM("\"add\",\"vector\":\"a\",\"phase\":[]}"), "terms[0].phase", "not known"},
        {TERM("\"add\",\"vector\":\"a\",\"vector\":\"b\"}"), "terms[0].vector", "twice"},
        {TERM("\"add\",\"vector\":3}"), "terms[0].vector", "no vector"},
        {TERM("\"add\",\"vector\":\"\"}"), "terms[0].vector", "a name"},
        {TERM("\"add\",\"vector\":\"it's\"}"), "terms[0].vector", "quotes"},
        {TERM("\"add\",\"vector\":{\"along\":[\"a\"]}}"), "terms[0].vector.along", "two vectors"},
        {TERM("\"add\",\"vector\":\"a\",\"coefficient\":\"2\"}"), "terms[0].coefficient", "number"},
        {TERM("\"add\",\"vector\":\"a\",\"coefficient\":1e999}"), "steering object", ""},
        {TERM("\"add\",\"vector\":\"a\",\"coefficient\":NaN}"), "steering object", ""},
        {TERM("\"cap\",\"vector\":\"a\"}"), "terms[0].arguments", "percentile"},
        {TERM("\"cap\",\"vector\":\"a\",\"arguments\":[1,2]}"), "terms[0].arguments", "at most 1"},
        {TERM("\"cap\",\"vector\":\"a\",\"arguments\":[-1]}"), "terms[0].arguments", "percentile"},
        {TERM("\"ablate\",\"vector\":\"a\",\"coefficient\":2}"), "terms[0].coefficient",
         "strength"},
        {TERM("\"ablate\",\"vector\":\"a\",\"unit\":\"raw\"}"), "terms[0].unit", "no unit"},
        {TERM("\"add\",\"vector\":\"a\",\"blocks\":[3]}"), "terms[0].blocks", "two numbers"},
        {TERM("\"add\",\"vector\":\"a\",\"blocks\":[3,2]}"), "terms[0].blocks", "ascending"},
        {TERM("\"add\",\"vector\":\"a\",\"blocks\":[0.5,2]}"), "terms[0].blocks", "whole"},
        {TERM("\"add\",\"vector\":\"a\",\"phases\":[\"all\"]}"), "terms[0].phases", "prompt"},
        {TERM("\"add\",\"vector\":\"a\",\"first\":0}"), "terms[0].first", "whole number from 1"},
        {TERM("\"add\",\"vector\":\"a\",\"when\":[{\"probe\":\"b\"}]}"), "terms[0].when[0]",
         "above"},
        {TERM("\"add\",\"vector\":\"a\",\"when\":[{\"probe\":\"a\",\"above\":1}]}"),
         "terms[0].when", "itself"},
        {TERM("\"add\",\"vector\":\"a\",\"when\":[{\"probe\":\"b\",\"above\":1,\"until\":2}]}"),
         "terms[0].when", "far side"},
        {TERM("\"add\",\"vector\":\"a\",\"joint\":{}}"), "terms[0].joint.group", "missing"},
        {TERM("\"ablate\",\"vector\":\"a\",\"joint\":{\"group\":1}}"), "terms[0].joint",
         "operators"},
        {"{\"terms\":[{\"vector\":\"a\",\"joint\":{\"group\":1}},{\"vector\":\"b\"},"
         "{\"vector\":\"a\",\"joint\":{\"group\":1}}]}",
         "terms[2].joint", "beside"},
        {"{\"terms\":[{\"vector\":\"a\",\"joint\":{\"group\":1}},"
         "{\"vector\":\"a\",\"first\":2,\"joint\":{\"group\":1}}]}",
         "terms[1].joint", "one budget"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        steer_expr x;
        persona_err e = {0};
        const persona_code rc = steer_parse_any(cases[i].text, &x, &e);
        if (rc != PERSONA_E_USAGE || e.code != rc || !strstr(e.msg, cases[i].word) ||
            !strstr(e.msg, cases[i].more)) {
            fail_msg("%s: code %d, \"%s\"", cases[i].text, (int)rc, e.msg);
        }
        assert_int_equal(x.n, 0);
    }
    char *deep = repeated("{\"terms\":[{\"vector\":", "{\"along\":[", 100000, "");
    steer_expr x;
    assert_int_equal(steer_parse_any(deep, &x, NULL), PERSONA_E_USAGE);
    mem_free(deep);
}

/* The pairs of FORMATS.md, "Steering expression": `text` and ` = ` its object, line by line. */
static void documented(void **state)
{
    (void)state;
    char *text = NULL, *rest = NULL;
    size_t n = 0, size = 0;
    assert_int_equal(
        file_read(PERSONA_SOURCE_DIR "/docs/FORMATS.md", (size_t)1 << 20, &text, &size, NULL),
        PERSONA_OK);
    char *line = strstr(text, "## Steering expression");
    char *end = line ? strstr(line, "\n## ") : NULL;
    assert_non_null(end);
    *end = '\0';
    for (line = strtok_r(line, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        char *object = strstr(line, " = {");
        if (!object) {
            continue;
        }
        steer_expr x, y;
        persona_err e = {0};
        *object = '\0';
        if (steer_parse(line, &x, &e) || steer_parse_object(object + 3, &y, &e)) {
            fail_msg("%s: %s", line, e.msg);
        }
        if (!steer_equal(&x, &y)) {
            fail_msg("%s is not %s", line, object + 3);
        }
        steer_expr_free(&x);
        steer_expr_free(&y);
        n++;
    }
    assert_true(n >= 5);
    mem_free(text);
}

/* A name that stands for an expression takes it in like parentheses. */
static void replacing(void **state)
{
    (void)state;
    steer_expr x, by;
    persona_err e = {0};
    assert_int_equal(steer_parse("joint(p + q) - 2*(name when r > 1) + z", &x, &e), PERSONA_OK);
    assert_int_equal(steer_parse("a + joint(b - c, 0.5) when s < 0", &by, &e), PERSONA_OK);
    assert_int_equal(steer_replace(&x, 2, &by, &e), PERSONA_OK);
    assert_int_equal(steer_check(&x, &e), PERSONA_OK);
    char *text = canonical(&x);
    assert_string_equal(text, "joint(p + q) + (-2*a + joint(-2*b + 2*c, 0.5) when s < 0 and r > 1) "
                              "+ z");
    mem_free(text);
    comes_back(&x);
    steer_expr_free(&x);
    assert_int_equal(steer_parse("name when a > 1", &x, &e), PERSONA_OK);
    assert_int_equal(steer_replace(&x, 0, &by, &e), PERSONA_OK);
    assert_int_equal(steer_check(&x, &e), PERSONA_E_USAGE);
    assert_non_null(strstr(e.msg, "column 1"));
    steer_expr_free(&x);
    steer_expr_free(&by);
}

/* Random strings of the language's letters: a verdict for each, never a crash. */
static void noise(void **state)
{
    (void)state;
    static const char *const letters[] = {
        "a",       "b",        ".5",      "-",           "+",       "*",     "@",
        ":",       "'",        "/",       "raw:",        "(",       ")",     ",",
        ":prompt", "e1",       "\303",    " when",       " until ", " and ", ">",
        "<",       "1",        "0",       "joint(",      "ablate",  "cap(",  "hold(",
        "along(",  "without(", ":first=", ":syntax=off", " "};
    rng r;
    rng_seed(&r, 5, 0);
    size_t n_good = 0;
    for (int i = 0; i < 50000; i++) {
        buf b;
        buf_init(&b, 200);
        for (size_t k = rng_below(&r, 12); k > 0; k--) {
            buf_puts(&b, letters[rng_below(&r, sizeof letters / sizeof letters[0])]);
        }
        steer_expr x;
        persona_err e = {0};
        const persona_code rc = steer_parse(buf_str(&b), &x, &e);
        assert_true(rc == PERSONA_OK ? x.n > 0 : rc == PERSONA_E_USAGE && e.msg[0]);
        if (rc == PERSONA_OK) {
            comes_back(&x);
            n_good++;
        }
        steer_expr_free(&x);
        buf_free(&b);
    }
    assert_true(n_good > 500);
}

static void out_of_memory(void **state)
{
    (void)state;
    static const char *const texts[] = {"a + 'b' - 2*c",
                                        "joint(a + along(b, c)) + (d when e > 1 and f < 2)",
                                        ("{\"terms\":[{\"vector\":{\"along\":[\"a\",\"b\"]},"
                                         "\"when\":[{\"probe\":\"c\",\"above\":1}]}]}")};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        persona_code rc = PERSONA_E_NOMEM;
        steer_expr x;
        for (size_t k = 1; rc != PERSONA_OK; k++) {
            persona_mem_fail_at(k);
            rc = steer_parse_any(texts[i], &x, NULL);
            persona_mem_fail_at(0);
            assert_true(rc == PERSONA_OK || rc == PERSONA_E_NOMEM);
        }
        assert_true(x.n > 0);
        steer_expr_free(&x);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(meanings),   cmocka_unit_test(mistakes), cmocka_unit_test(limits),
        cmocka_unit_test(round_trip), cmocka_unit_test(objects),  cmocka_unit_test(replacing),
        cmocka_unit_test(documented), cmocka_unit_test(noise),    cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
