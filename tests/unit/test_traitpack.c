/* SPDX-License-Identifier: MIT
 *
 * test_traitpack.c - packs that are written, imported, or grow out of a model's answers: every one
 * is a pack, or there is none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "core/text/trait_text.h"
#include "pipeline/trait/traitdraft.h"
#include "scratch.h"

#define SILLY PERSONA_SOURCE_DIR "/traits/silly.json"
#define POETIC PERSONA_SOURCE_DIR "/traits/poetic.json"

static void must(persona_code rc, const persona_err *e)
{
    if (rc != PERSONA_OK) {
        fail_msg("%s: %s", persona_code_name(rc), e->msg);
    }
}

static persona_trait *pack(const char *path)
{
    persona_trait *t = NULL;
    persona_err e = {0};
    must(persona_trait_read(path, &t, &e), &e);
    return t;
}

/* ---- texts ----------------------------------------------------------------------------------- */

static void texts(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool asks;
    } asks[] = {
        {"How do I bake bread?", true},
        {"I have an interview tomorrow. How should I get ready for it?", true},
        {"Tell me about Venice.", true},
        {"I like soup.", false},
        {"The bright side of coffee?", false},
        {"How do I bake bread", false},
        {"Sure. Here it is. Best of all. What is it?", false},
        {"", false},
    };
    for (size_t i = 0; i < sizeof asks / sizeof asks[0]; i++) {
        if (text_asks(asks[i].text) != asks[i].asks) {
            fail_msg("text_asks: %s", asks[i].text);
        }
    }
    static const struct {
        const char *a, *b;
        bool near;
    } pairs[] = {
        {"How do I bake bread?", "What is the best way to bake bread?", true},
        {"How do I get better at public speaking?", "How can I improve my public speaking?", true},
        {"Do you like cats?", "Do you like a cat?", true},
        {"How do I plan a weekend trip?", "How do I plan a birthday party?", false},
        {"What makes a good leader?", "What makes a good friend?", false},
        {"How?", "Why?", false},
        {"", "", true},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        char *a = text_key(pairs[i].a), *b = text_key(pairs[i].b);
        if (text_is_near(a, b) != pairs[i].near || text_is_near(b, a) != pairs[i].near) {
            fail_msg("text_is_near: %s %s", pairs[i].a, pairs[i].b);
        }
        mem_free(a);
        mem_free(b);
    }
    assert_true(text_mentions("what is silliness", "silly serious"));
    assert_true(text_mentions("are you optimistic", "optimism"));
    assert_false(text_mentions("what is serial music", "silly serious"));
    assert_true(text_mentions("is he shy", "shy"));
    assert_false(text_mentions("the shyest one", "shy"));
    assert_false(text_mentions("how to do it", "willing to listen"));
    assert_true(text_is_filler("What about this topic? (Question 39/40)"));
    assert_false(text_is_filler("What about this topic? (Question 39)"));
    assert_false(text_is_filler("What about (Question 1/2) this?"));
    char *s = text_one_line("  a\r\n  b\tc \n");
    assert_string_equal(s, "a b c");
    mem_free(s);
    s = text_as_name("Very Silly!");
    assert_string_equal(s, "very_silly_");
    mem_free(s);
}

/* What a model's questions are held to, the shipped ones satisfy (but for statements). */
static void shipped_questions(void **state)
{
    (void)state;
    char **names = NULL;
    size_t n = 0, n_asking = 0;
    persona_err e = {0};
    must(persona_trait_names(&names, &n, &e), &e);
    for (size_t k = 0; k < n; k++) {
        persona_trait *t = NULL;
        must(persona_trait_find(names[k], &t, &e), &e);
        char *keys[TRAIT_N_QUESTIONS];
        char *words = mem_printf("%s %s", t->positive, t->negative), *adjectives = text_key(words);
        for (size_t i = 0; i < t->n_questions; i++) {
            keys[i] = text_key(t->questions[i]);
            n_asking += text_asks(t->questions[i]);
            if (text_mentions(keys[i], adjectives)) {
                fail_msg("%s: names the trait: %s", names[k], t->questions[i]);
            }
            for (size_t j = 0; j < i; j++) {
                if (text_is_near(keys[i], keys[j])) {
                    fail_msg("%s: %s resembles %s", names[k], keys[i], keys[j]);
                }
            }
        }
        for (size_t i = 0; i < t->n_questions; i++) {
            mem_free(keys[i]);
        }
        mem_free(words);
        mem_free(adjectives);
        persona_trait_free(t);
    }
    assert_true(n_asking + 4 >= n * TRAIT_N_QUESTIONS);
    persona_names_free(names, n);
}

/* ---- saving ---------------------------------------------------------------------------------- */

/* The shipped files were written by Python's json module: the same bytes come from us. */
static void round_trip(void **state)
{
    (void)state;
    char **names = NULL;
    size_t n = 0;
    persona_err e = {0};
    must(persona_trait_names(&names, &n, &e), &e);
    assert_true(n >= 10);
    for (size_t i = 0; i < n; i++) {
        persona_trait *t = NULL;
        char *before = NULL, *after = NULL;
        size_t n_before = 0, n_after = 0;
        must(persona_trait_find(names[i], &t, &e), &e);
        const char *path = scratch_path("out/pack.json");
        must(persona_trait_save(t, path, &e), &e);
        must(file_read(t->path, 1 << 20, &before, &n_before, &e), &e);
        must(file_read(path, 1 << 20, &after, &n_after, &e), &e);
        assert_int_equal(n_before, n_after);
        assert_memory_equal(before, after, n_before);
        mem_free(before);
        mem_free(after);
        persona_trait_free(t);
    }
    persona_names_free(names, n);
}

static void bad_packs_are_not_saved(void **state)
{
    (void)state;
    const char *path = scratch_path("bad.json");
    persona_err e = {0};
    persona_trait *t = pack(SILLY);
    char *kept = t->questions[7];
    t->questions[7] = t->questions[3];
    assert_int_equal(persona_trait_save(t, path, &e), PERSONA_E_FORMAT);
    assert_non_null(strstr(e.msg, "'questions[7]'"));
    assert_non_null(strstr(e.msg, "bad.json"));
    assert_false(file_exists(path));
    t->questions[7] = kept;
    const persona_pair pair = t->pairs[4];
    t->pairs[4] = t->pairs[1];
    assert_int_equal(persona_trait_check(t, "x", &e), PERSONA_E_FORMAT);
    assert_non_null(strstr(e.msg, "'instruction[4].pos'"));
    t->pairs[4] = pair;
    kept = t->about;
    t->about = NULL;
    assert_int_equal(persona_trait_check(t, "x", &e), PERSONA_E_FORMAT);
    assert_non_null(strstr(e.msg, "'sampling.about'"));
    t->about = kept;
    t->n_questions = 39;
    assert_int_equal(persona_trait_check(t, "x", &e), PERSONA_E_FORMAT);
    t->n_questions = 40;
    must(persona_trait_check(t, "x", &e), &e);
    persona_trait_free(t);
}

static void places(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "x", "Silly", "../silly", "a/b", "schema", "1a", "a b"};
    char *path = NULL;
    persona_err e = {0};
    setenv("XDG_DATA_HOME", scratch_folder, 1);
    must(persona_trait_place("very-silly_2", &path, &e), &e);
    assert_string_equal(path, scratch_path("persona/traits/very-silly_2.json"));
    mem_free(path);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(persona_trait_place(bad[i], &path, &e), PERSONA_E_USAGE);
    }
    assert_null(path);
    unsetenv("XDG_DATA_HOME");
}

/* ---- importing ------------------------------------------------------------------------------- */

/* Trait data of persona_vectors, made of a pack's questions from..to. */
static const char *vectors_file(const char *name, const persona_trait *t, size_t from, size_t to,
                                const char *eval_prompt)
{
    buf b;
    json_out o;
    buf_init(&b, 1 << 20);
    jo_init(&o, &b, true);
    jo_object(&o, NULL);
    jo_array(&o, "instruction");
    for (size_t i = 0; i < t->n_pairs; i++) {
        jo_object(&o, NULL);
        jo_string(&o, "pos", t->pairs[i].pos);
        jo_string(&o, "neg", t->pairs[i].neg);
        jo_end(&o);
    }
    jo_end(&o);
    jo_array(&o, "questions");
    for (size_t i = from; i < to; i++) {
        jo_string(&o, NULL, t->questions[i]);
    }
    jo_end(&o);
    jo_string(&o, "eval_prompt", eval_prompt);
    jo_end(&o);
    const char *path = scratch_text(name, buf_str(&b));
    buf_free(&b);
    return path;
}

static bool noted(const persona_imported *x, const char *word)
{
    for (size_t i = 0; i < x->n_notes; i++) {
        if (strstr(x->notes[i], word)) {
            return true;
        }
    }
    return false;
}

static void import_vectors(void **state)
{
    (void)state;
    persona_trait *t = pack(SILLY), *other = pack(POETIC);
    persona_err e = {0};
    persona_imported *x = NULL;
    size_t n = 0;
    char *doubled =
        mem_printf("%.*s{%s", (int)(strstr(t->eval_prompt, "{question}") - t->eval_prompt),
                   t->eval_prompt, strstr(t->eval_prompt, "{question}"));
    char *end = strstr(doubled, "{{question}") + strlen("{{question}");
    char *prompt = mem_printf("%.*s}%s", (int)(end - doubled), doubled, end);
    const char *half = vectors_file("Goofy.json", t, 0, 20, prompt);
    persona_import_opts o = {.positive = "goofy", .negative = "dry"};

    assert_int_equal(persona_trait_import(half, NULL, &x, &n, &e), PERSONA_E_USAGE);
    assert_non_null(strstr(e.msg, "--positive"));
    assert_int_equal(persona_trait_import(half, &o, &x, &n, &e), PERSONA_E_FORMAT);
    assert_non_null(strstr(e.msg, "20 questions"));
    assert_non_null(strstr(e.msg, "--eval"));
    assert_null(x);

    o.eval_path = vectors_file("eval.json", t, 20, 40, t->eval_prompt);
    must(persona_trait_import(half, &o, &x, &n, &e), &e);
    assert_int_equal(n, 1);
    assert_string_equal(x->trait->name, "goofy");
    assert_true(noted(x, "'Goofy'") && noted(x, "description") && noted(x, "sampling"));
    assert_true(noted(x, "doubled braces") && !noted(x, "instruction"));
    assert_string_equal(x->trait->eval_prompt, t->eval_prompt);
    for (size_t i = 0; i < 40; i++) {
        assert_string_equal(x->trait->questions[i], t->questions[i]);
    }
    persona_imported_free(x, n);

    /* an empty judge's prompt is a missing one */
    static const char *const empty[] = {"", " \n", NULL};
    for (size_t i = 0; i < 3; i++) {
        must(persona_trait_import(vectors_file("Goofy.json", t, 0, 20, empty[i]), &o, &x, &n, &e),
             &e);
        assert_true(noted(x, "eval_prompt: missing, made of the description"));
        assert_true(strlen(x->trait->eval_prompt) >= 200);
        persona_imported_free(x, n);
    }
    half = vectors_file("Goofy.json", t, 0, 20, prompt);

    o.eval_path = vectors_file("eval.json", other, 0, 23, t->eval_prompt);
    o.name = "renamed";
    o.description = "How much an answer jokes, from dry and plain to one long row of jokes.";
    must(persona_trait_import(half, &o, &x, &n, &e), &e);
    assert_string_equal(x->trait->name, "renamed");
    assert_string_equal(x->trait->description, o.description);
    assert_true(noted(x, "instruction") && noted(x, "3 beyond") && !noted(x, "description"));
    persona_imported_free(x, n);

    o.eval_path = half; /* the same questions in both halves */
    assert_int_equal(persona_trait_import(half, &o, &x, &n, &e), PERSONA_E_FORMAT);
    assert_non_null(strstr(e.msg, "repeats"));
    o.eval_path = vectors_file("eval.json", t, 20, 39, t->eval_prompt);
    assert_int_equal(persona_trait_import(half, &o, &x, &n, &e), PERSONA_E_FORMAT);
    assert_non_null(strstr(e.msg, "eval.json: has 19 questions"));
    o.eval_path = scratch_path("none.json");
    assert_int_equal(persona_trait_import(half, &o, &x, &n, &e), PERSONA_E_NOTFOUND);
    o = (persona_import_opts){.positive = "goofy", .negative = "dry"};
    must(persona_trait_import(vectors_file("all.json", t, 0, 40, t->eval_prompt), &o, &x, &n, &e),
         &e);
    assert_string_equal(x->trait->name, "all");
    persona_imported_free(x, n);
    mem_free(prompt);
    mem_free(doubled);
    persona_trait_free(t);
    persona_trait_free(other);
}

/* One member of custom_traits.json; n_fillers of the 40 questions are numbered fillers. */
static void custom_trait(json_out *o, const char *key, const persona_trait *t, size_t n_fillers)
{
    char filler[64];
    jo_object(o, key);
    jo_string(o, "id", t->name);
    jo_string(o, "name", "A vs B");
    jo_string(o, "description", "Custom trait: A vs B");
    jo_array(o, "prompt_pairs");
    for (size_t i = 0; i < t->n_pairs; i++) {
        jo_object(o, NULL);
        jo_string(o, "pos", t->pairs[i].pos);
        jo_string(o, "neg", t->pairs[i].neg);
        jo_end(o);
    }
    jo_end(o);
    jo_array(o, "evaluation_questions");
    for (size_t i = 0; i < 40; i++) {
        snprintf(filler, sizeof filler, "What are your thoughts on it? (Question %zu/40)", i + 1);
        jo_string(o, NULL, i + n_fillers < 40 ? t->questions[i] : filler);
    }
    jo_end(o);
    jo_string(o, "created_at", "2025-08-14T17:02:21.201155");
    jo_object(o, "metadata");
    jo_string(o, "positive_trait", t->positive);
    jo_string(o, "negative_trait", t->negative);
    jo_number(o, "generation_temperature", 0.6);
    jo_end(o);
    jo_end(o);
}

static const char *custom_file(const persona_trait *a, const persona_trait *b, size_t n_fillers)
{
    buf text;
    json_out o;
    buf_init(&text, 1 << 20);
    jo_init(&o, &text, true);
    jo_object(&o, NULL);
    custom_trait(&o, "One", a, 0);
    if (b) {
        custom_trait(&o, "Two", b, n_fillers);
    }
    jo_end(&o);
    const char *path = scratch_text("custom_traits.json", buf_str(&text));
    buf_free(&text);
    return path;
}

static void import_custom(void **state)
{
    (void)state;
    persona_trait *a = pack(SILLY), *b = pack(POETIC);
    persona_err e = {0};
    persona_imported *x = NULL;
    size_t n = 0;
    persona_import_opts o = {.name = NULL};
    must(persona_trait_import(custom_file(a, b, 0), NULL, &x, &n, &e), &e);
    assert_int_equal(n, 2);
    assert_string_equal(x[0].trait->name, "silly");
    assert_string_equal(x[1].trait->name, "poetic");
    assert_string_equal(x[1].trait->negative, b->negative);
    assert_string_equal(x[1].trait->questions[39], b->questions[39]);
    assert_true(noted(&x[0], "has 20 characters") && noted(&x[0], "eval_prompt"));
    persona_imported_free(x, n);

    o.name = "poetic";
    must(persona_trait_import(custom_file(a, b, 0), &o, &x, &n, &e), &e);
    assert_int_equal(n, 1);
    assert_string_equal(x->trait->name, "poetic");
    persona_imported_free(x, n);
    o.name = "poetik";
    assert_int_equal(persona_trait_import(custom_file(a, b, 0), &o, &x, &n, &e),
                     PERSONA_E_NOTFOUND);
    assert_non_null(strstr(e.msg, "did you mean 'poetic'"));
    must(persona_trait_import(custom_file(a, NULL, 0), &o, &x, &n, &e), &e); /* one: renamed */
    assert_string_equal(x->trait->name, "poetik");
    persona_imported_free(x, n);

    o = (persona_import_opts){.positive = "x"};
    assert_int_equal(persona_trait_import(custom_file(a, b, 0), &o, &x, &n, &e), PERSONA_E_USAGE);
    o = (persona_import_opts){.eval_path = SILLY};
    assert_int_equal(persona_trait_import(custom_file(a, b, 0), &o, &x, &n, &e), PERSONA_E_USAGE);
    assert_int_equal(persona_trait_import(custom_file(a, b, 2), NULL, &x, &n, &e),
                     PERSONA_E_FORMAT);
    assert_non_null(strstr(e.msg, "38 questions that are no fillers"));
    assert_null(x);
    persona_trait_free(a);
    persona_trait_free(b);
}

static void import_malformed(void **state)
{
    (void)state;
    static const struct {
        const char *text, *word;
    } cases[] = {
        {"", "empty"},
        {"[1, 2]", "neither"},
        {"{}", "neither"},
        {"{\"a\": {\"prompt_pairs\": []}, \"b\": 7}", "neither"},
        {"{\"schema\": \"persona.trait/1\"}", "already"},
        {"{\"instruction\": 7, \"questions\": []}", "'instruction'"},
        {"{\"instruction\": [7], \"questions\": []}", "'instruction[0]'"},
        {"{\"instruction\": [{\"pos\": \"a\"}], \"questions\": []}", "'instruction[0].neg'"},
        {"{\"instruction\": []}", "'questions'"},
        {"{\"instruction\": [], \"questions\": [\"Why?\", 4]}", "'questions[1]'"},
        {"{\"instruction\": [], \"questions\": []}", "0 questions"},
        {"{\"x\": {\"prompt_pairs\": {}}}", "'x.prompt_pairs'"},
        {"{\"instruction\": [], \"questions\": [", "byte"},
    };
    const persona_import_opts o = {.positive = "aa", .negative = "bb"};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        persona_imported *x = NULL;
        persona_err e = {0};
        size_t n = 9;
        const char *path = scratch_text("odd.json", cases[i].text);
        if (persona_trait_import(path, &o, &x, &n, &e) != PERSONA_E_FORMAT ||
            !strstr(e.msg, cases[i].word) || !strstr(e.msg, "odd.json")) {
            fail_msg("case %zu: %s", i, e.msg);
        }
        assert_null(x);
        assert_int_equal(n, 0);
    }
}

/* ---- drafts ---------------------------------------------------------------------------------- */

static void start(trait_draft *d, const char *description)
{
    persona_err e = {0};
    must(draft_init(d, "grumpy", "grumpy", "cheerful", description, &e), &e);
}

static void take(trait_draft *d, draft_part part, const char *answer)
{
    persona_err e = {0};
    must(draft_take(d, part, answer, &e), &e);
}

static void take_from(trait_draft *d, const persona_trait *t, draft_part part, size_t from,
                      size_t to)
{
    buf b;
    json_out o;
    buf_init(&b, 1 << 20);
    jo_init(&o, &b, false);
    jo_object(&o, NULL);
    jo_array(&o, part == DRAFT_PAIRS ? "pairs" : "questions");
    for (size_t i = from; i < to; i++) {
        if (part == DRAFT_QUESTIONS) {
            jo_string(&o, NULL, t->questions[i]);
            continue;
        }
        jo_object(&o, NULL);
        jo_string(&o, "pos", t->pairs[i].pos);
        jo_string(&o, "neg", t->pairs[i].neg);
        jo_end(&o);
    }
    jo_end(&o);
    jo_end(&o);
    take(d, part, buf_str(&b));
    buf_free(&b);
}

static void draft_fills(void **state)
{
    (void)state;
    persona_trait *t = pack(SILLY), *out = NULL;
    persona_err e = {0};
    trait_draft d;
    start(&d, NULL);
    take(&d, DRAFT_DESCRIPTION, "{\"description\": \"Too short.\"}");
    assert_int_equal(draft_missing(&d, DRAFT_DESCRIPTION), 1);
    take(&d, DRAFT_DESCRIPTION,
         "{\"description\": \"  Whether an answer sighs and complains\\n or is glad of "
         "everything.\"}");
    assert_int_equal(draft_missing(&d, DRAFT_DESCRIPTION), 0);
    assert_int_equal(draft_finish(&d, &out, &e), PERSONA_E_NEGATIVE);
    take_from(&d, t, DRAFT_PAIRS, 0, 3);
    take_from(&d, t, DRAFT_PAIRS, 1, 5); /* two of them again */
    assert_int_equal(draft_missing(&d, DRAFT_PAIRS), 0);
    assert_int_equal(d.counts.n_repeat, 2);
    take_from(&d, t, DRAFT_QUESTIONS, 0, 20);
    take_from(&d, t, DRAFT_QUESTIONS, 10, 39);
    assert_int_equal(draft_missing(&d, DRAFT_QUESTIONS), 1);
    assert_int_equal(d.counts.n_repeat, 12);
    assert_int_equal(draft_finish(&d, &out, &e), PERSONA_E_NEGATIVE);
    assert_non_null(strstr(e.msg, "1 of 40 questions"));
    assert_non_null(strstr(e.msg, "0 of 5 instruction pairs"));
    assert_non_null(strstr(e.msg, "12 repeated"));
    assert_null(out);
    take_from(&d, t, DRAFT_QUESTIONS, 30, 40);
    must(draft_finish(&d, &out, &e), &e);
    assert_string_equal(out->description,
                        "Whether an answer sighs and complains or is glad of everything.");
    assert_string_equal(out->pairs[4].neg, t->pairs[4].neg);
    for (size_t i = 0; i < 20; i++) { /* dealt in turn */
        assert_string_equal(out->questions[i], t->questions[2 * i]);
        assert_string_equal(out->questions[20 + i], t->questions[2 * i + 1]);
    }
    assert_non_null(strstr(out->eval_prompt, out->description));
    must(persona_trait_save(out, scratch_path("grumpy.json"), &e), &e);
    persona_trait_free(pack(scratch_path("grumpy.json")));
    persona_trait_free(out);
    draft_free(&d);
    persona_trait_free(t);
}

static void draft_drops(void **state)
{
    (void)state;
    trait_draft d;
    start(&d, NULL);
    const persona_write_report *c = &d.counts;
    static const struct {
        draft_part part;
        const char *answer;
        size_t offset; /* of the counter */
        size_t n;
    } cases[] = {
#define AT(member) offsetof(persona_write_report, member)
        {DRAFT_QUESTIONS, "", AT(n_unreadable), 1},
        {DRAFT_QUESTIONS, "Sure! Here are ten questions:", AT(n_unreadable), 2},
        {DRAFT_QUESTIONS, "{\"questions\": [\"How do I bake bre", AT(n_unreadable), 3},
        {DRAFT_QUESTIONS, "{\"pairs\": []}", AT(n_unreadable), 4},
        {DRAFT_QUESTIONS, "[\"How do I bake bread?\"]", AT(n_unreadable), 5},
        {DRAFT_PAIRS, "null", AT(n_unreadable), 6},
        {DRAFT_QUESTIONS, "{\"questions\": {\"a\": 1}}", AT(n_unreadable), 7},
        {DRAFT_QUESTIONS, "{\"questions\": [7, null, []]}", AT(n_unfit), 3},
        {DRAFT_QUESTIONS, "{\"questions\": [\"Why?\", \"It was cut off in the mid\"]}", AT(n_unfit),
         5},
        {DRAFT_QUESTIONS, "{\"questions\": [\"What of this? (Question 3/40)\"]}", AT(n_unfit), 6},
        {DRAFT_QUESTIONS, "{\"questions\": [\"I like my warm soup.\"]}", AT(n_no_question), 1},
        {DRAFT_QUESTIONS, "{\"questions\": [\"Why are some people so grumpy?\"]}", AT(n_mention),
         1},
        {DRAFT_QUESTIONS, "{\"questions\": [\"What brings cheerfulness?\"]}", AT(n_mention), 2},
        {DRAFT_QUESTIONS, "{\"questions\": [\"How do I bake bread?\"]}", AT(n_questions), 1},
        {DRAFT_QUESTIONS, "{\"questions\": [\"how do I bake  BREAD?\"]}", AT(n_repeat), 1},
        {DRAFT_QUESTIONS, "{\"questions\": [\"What is the best way to bake bread?\"]}",
         AT(n_repeat), 2},
        {DRAFT_PAIRS, "{\"pairs\": [{\"pos\": \"Complain about everything.\"}]}", AT(n_unfit), 7},
        {DRAFT_PAIRS,
         "{\"pairs\": [{\"pos\": \"Complain about everything.\", \"neg\": \"complain about "
         "everything!\"}]}",
         AT(n_unfit), 8},
        {DRAFT_PAIRS,
         "{\"pairs\": [{\"pos\": \"Complain about everything.\", \"neg\": \"Be glad of "
         "everything.\"}]}",
         AT(n_pairs), 1},
        {DRAFT_PAIRS,
         "{\"pairs\": [{\"pos\": \"Complain about everything!\", \"neg\": \"Praise whatever comes "
         "up.\"}]}",
         AT(n_repeat), 3},
#undef AT
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t n = 0;
        take(&d, cases[i].part, cases[i].answer);
        memcpy(&n, (const char *)c + cases[i].offset, sizeof n);
        if (n != cases[i].n) {
            fail_msg("case %zu: %zu, expected %zu: %s", i, n, cases[i].n, cases[i].answer);
        }
    }
    assert_int_equal(c->n_questions, 1);
    assert_int_equal(c->n_pairs, 1);
    draft_free(&d);
}

static void draft_words(void **state)
{
    (void)state;
    static const struct {
        const char *name, *positive, *negative, *description, *word;
    } cases[] = {
        {"Grumpy", "grumpy", "cheerful", NULL, "name"},
        {"g", "grumpy", "cheerful", NULL, "name"},
        {NULL, "grumpy", "cheerful", NULL, "name"},
        {"grumpy", "", "cheerful", NULL, "positive"},
        {"grumpy", "grumpy", NULL, NULL, "negative"},
        {"grumpy", "grumpy", "grumpy", NULL, "both"},
        {"grumpy", "grumpy\nx", "cheerful", NULL, "positive"},
        {"grumpy", "grumpy", "cheerful", "short", "description"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        trait_draft d;
        persona_err e = {0};
        if (draft_init(&d, cases[i].name, cases[i].positive, cases[i].negative,
                       cases[i].description, &e) != PERSONA_E_USAGE ||
            !strstr(e.msg, cases[i].word)) {
            fail_msg("case %zu: %s", i, e.msg);
        }
        draft_free(&d);
    }
}

/* Every allocation fails once: always NOMEM, never a crash, and (under ASan) never a leak. */
static void out_of_memory(void **state)
{
    (void)state;
    persona_trait *a = pack(SILLY);
    const char *path = custom_file(a, NULL, 0);
    persona_code rc = PERSONA_E_NOMEM;
    for (size_t k = 1; rc != PERSONA_OK; k++) {
        persona_imported *x = NULL;
        persona_err e = {0};
        size_t n = 0;
        persona_mem_fail_at(k);
        rc = persona_trait_import(path, NULL, &x, &n, &e);
        persona_mem_fail_at(0);
        if (rc != PERSONA_OK && rc != PERSONA_E_NOMEM) {
            fail_msg("import, allocation %zu: %s", k, e.msg);
        }
        persona_imported_free(x, n);
        assert_true(k < 3000);
    }
    rc = PERSONA_E_NOMEM;
    for (size_t k = 1; rc != PERSONA_OK; k++) {
        persona_err e = {0};
        trait_draft d;
        persona_trait *out = NULL;
        static const char description[] = "Whether an answer sighs or is glad of everything.";
        static const char answer[] =
            "{\"questions\": [\"How do I bake bread?\", \"Why do we sleep?\"]}";
        persona_mem_fail_at(k);
        rc = draft_init(&d, "grumpy", "grumpy", "cheerful", description, &e);
        if (rc == PERSONA_OK) {
            rc = draft_take(&d, DRAFT_QUESTIONS, answer, &e);
        }
        persona_mem_fail_at(0);
        if (rc != PERSONA_OK && rc != PERSONA_E_NOMEM) {
            fail_msg("draft, allocation %zu: %s", k, e.msg);
        }
        assert_null(out);
        draft_free(&d);
        assert_true(k < 500);
    }
    persona_trait_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts),         cmocka_unit_test(shipped_questions),
        cmocka_unit_test(round_trip),    cmocka_unit_test(bad_packs_are_not_saved),
        cmocka_unit_test(places),        cmocka_unit_test(import_vectors),
        cmocka_unit_test(import_custom), cmocka_unit_test(import_malformed),
        cmocka_unit_test(draft_fills),   cmocka_unit_test(draft_drops),
        cmocka_unit_test(draft_words),   cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
