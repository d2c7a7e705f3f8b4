/* SPDX-License-Identifier: MIT
 *
 * test_activations.c - files of states hold what taps read, bit for bit, and what transformers
 * computes; an interrupted run keeps its first lines, but not at the cost of an older file.
 */
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"
#include "hf.h"
#include "unit/scratch.h"

#define NPY_HEADER 192

static const char LINES[] =
    "{\"messages\":[{\"role\":\"user\",\"content\":\"How do I make tea?\"}],\"response\":\"Boil "
    "water and wait.\"}\n"
    "{\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"},{\"role\":\"assistant\",\"content\":"
    "\"Hello there!\"}]}\n"
    "{\"messages\":[{\"role\":\"user\",\"content\":\"Say nothing.\"}],\"response\":\"\"}\n"
    "{\"messages\":[{\"role\":\"user\",\"content\":\"And now?\"}]}\n";
static const struct {
    const char *user, *reply; /* NULL: the prompt is read */
} TEXTS[] = {
    {"How do I make tea?", "Boil water and wait."}, {"Hi", "Hello there!"}, {"And now?", NULL}};

static persona_session *reader(persona_model *m)
{
    persona_session_opts o = small(2);
    o.n_ctx = o.n_batch = 512;
    o.fixed_shape = true;
    o.kv_f32 = true;
    return session(m, o);
}

typedef struct states {
    char *bytes;
    const float *rows;
    size_t n; /* floats */
    persona_activations_report report;
} states;

static states read_states(persona_session *s, const char *texts, const persona_activations_opts *o)
{
    states x;
    persona_err e = {0};
    size_t len = 0;
    must(persona_activations(s, texts, o, scratch_path("a.npy"), scratch_path("a.index.json"), NULL,
                             &x.report, &e),
         &e);
    must(file_read(scratch_path("a.npy"), (size_t)1 << 28, &x.bytes, &len, &e), &e);
    assert_true(len >= NPY_HEADER);
    x.rows = (const float *)(const void *)(x.bytes + NPY_HEADER);
    x.n = (len - NPY_HEADER) / sizeof(float);
    return x;
}

/* What a tap reads of one text. */
static record tapped(persona_session *s, size_t i, const persona_activations_opts *o)
{
    persona_model *m = persona_session_model(s);
    record r;
    persona_err e = {0};
    persona_tokens prompt = chat(m, NULL, TEXTS[i].user), reply = {0};
    const persona_tap tap = {.mode = o->mode,
                             .span = TEXTS[i].reply != NULL ? PERSONA_SPAN_RESPONSE
                                                            : PERSONA_SPAN_PROMPT,
                             .blocks = o->blocks,
                             .n_blocks = o->n_blocks};
    if (TEXTS[i].reply != NULL) {
        must(persona_tokenize_reply(m, &prompt, TEXTS[i].reply, &reply, &e), &e);
    }
    persona_request q = request(&prompt, &r, 0);
    q.forced = reply.ids != NULL ? reply.ids : prompt.ids;
    q.n_forced = reply.n;
    q.taps = &tap;
    q.n_taps = 1;
    q.on_logits = NULL;
    run(s, &q, 1);
    persona_tokens_free(&prompt);
    persona_tokens_free(&reply);
    return r;
}

static void files_hold_what_taps_read(void **state)
{
    static const int blocks[] = {1, 3};
    (void)state;
    char texts[512]; /* scratch_path's buffers take turns */
    snprintf(texts, sizeof texts, "%s", scratch_bytes("texts.jsonl", LINES, sizeof LINES - 1));
    for (size_t k = 0; k < N_MODELS; k++) {
        persona_model *m = open_model(k);
        persona_session *s = reader(m);
        for (int mode = PERSONA_TAP_MEAN; mode <= PERSONA_TAP_ALL; mode++) {
            const persona_activations_opts o = {
                .mode = (persona_tap_mode)mode, .blocks = blocks, .n_blocks = 2};
            states x = read_states(s, texts, &o);
            size_t at = 0;
            assert_int_equal(x.report.n_items, 4);
            assert_int_equal(x.report.n_empty, 1);
            assert_true(x.report.complete);
            for (size_t i = 0; i < 3; i++) {
                record r = tapped(s, i, &o);
                assert_true(r.n_acts > 0 && at + r.n_acts <= x.n);
                assert_memory_equal(x.rows + at, r.acts, r.n_acts * sizeof(float));
                at += r.n_acts;
                free(r.acts);
            }
            assert_int_equal(at, x.n);
            mem_free(x.bytes);
        }
        persona_session_free(s);
        persona_model_free(m);
    }
}

/* ---- transformers ---------------------------------------------------------------------------- */

static void put_prompt(FILE *f, const char *text)
{
    fputs("{\"prompt\":\"", f);
    for (; *text != '\0'; text++) {
        fprintf(f, *text == '\n' ? "\\n" : *text == '"' || *text == '\\' ? "\\%c" : "%c", *text);
    }
    fputs("\"}\n", f);
}

/* The tokens of a sequence as one raw prompt. */
static void write_sequence(persona_model *m, const json_val *ids, const char *path)
{
    persona_token t[512];
    persona_err e = {0};
    char *text = NULL;
    const size_t n = json_len(ids);
    assert_true(n <= 512);
    for (size_t i = 0; i < n; i++) {
        t[i] = (persona_token)json_number(json_at(ids, i), -1);
    }
    must(persona_detokenize(m, t, n, true, &text, &e), &e);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    put_prompt(f, text);
    assert_int_equal(fclose(f), 0);
    free(text);
}

/* The index says the same tokens; a text of special tokens only reads back as them. */
static bool same_tokens(const json_val *ids)
{
    json_doc *doc = NULL;
    persona_err e = {0};
    must(json_read(scratch_path("a.index.json"), (size_t)1 << 24, &doc, &e), &e);
    const json_val *mine = json_get(json_at(json_get(json_root(doc), "items"), 0), "ids");
    bool same = json_len(mine) + 1 == json_len(ids);
    for (size_t i = 0; same && i < json_len(mine); i++) {
        same = json_number(json_at(mine, i), -1) == json_number(json_at(ids, i + 1), -2);
    }
    json_free(doc);
    return same;
}

static void check_sequence(persona_session *s, const json_val *seq, size_t *n_checked)
{
    const persona_model_info *info = persona_model_info_get(persona_session_model(s));
    const json_val *ids = json_get(seq, "tokens"), *blocks = json_get(seq, "blocks");
    const persona_activations_opts o = {.mode = PERSONA_TAP_ALL};
    const size_t d = (size_t)info->n_embd, n_blocks = (size_t)info->n_layer - 1;
    write_sequence(persona_session_model(s), ids, scratch_path("seq.jsonl"));
    states x = read_states(s, scratch_path("seq.jsonl"), &o);
    for (size_t b = 0; same_tokens(ids) && b < n_blocks; b++) {
        const json_val *rows = json_get(json_at(blocks, b), "rows");
        for (size_t k = 0; k < json_len(rows); k++) {
            const size_t pos = (size_t)number(json_at(rows, k), "pos");
            if (pos > 0) {
                check_row(info, b, json_at(rows, k), json_get(json_at(blocks, b), "indices"),
                          x.rows + ((pos - 1) * n_blocks + b) * d);
                ++*n_checked;
            }
        }
    }
    mem_free(x.bytes);
}

static void files_agree_with_transformers(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_MODELS; i++) {
        persona_model *m = open_model(i);
        persona_session *s = reader(m);
        json_doc *doc = NULL;
        persona_err e = {0};
        size_t n_checked = 0;
        must(json_read(FIXTURES[i], (size_t)4 << 20, &doc, &e), &e);
        const json_val *sequences = json_get(json_root(doc), "sequences");
        for (size_t k = 0; k < json_len(sequences); k++) {
            check_sequence(s, json_at(sequences, k), &n_checked);
        }
        print_message("%s: %zu rows\n", persona_model_info_get(m)->arch, n_checked);
        assert_true(n_checked >= 20);
        json_free(doc);
        persona_session_free(s);
        persona_model_free(m);
    }
}

/* ---- what is refused, and Ctrl-C ------------------------------------------------------------- */

/* Asks for an end when two texts are done. */
static void stop_at_two(void *ud, const persona_progress *p)
{
    if (p->done >= 2) {
        persona_cancel_set(ud);
    }
}

static persona_code interrupted(persona_session *s, const char *texts, persona_err *e)
{
    persona_cancel cancel = {0};
    const persona_hooks hooks = {.ud = &cancel, .progress = stop_at_two, .cancel = &cancel};
    return persona_activations(s, texts, NULL, scratch_path("part.npy"),
                               scratch_path("part.index.json"), &hooks, NULL, e);
}

static void interrupted_runs_keep_their_lines(void **state)
{
    (void)state;
    persona_err e = {0};
    persona_model *m = open_model(0);
    persona_session *s = reader(m);
    char *many = calloc(40, sizeof LINES);
    char *text = NULL;
    size_t len = 0, again = 0;
    assert_non_null(many);
    for (size_t i = 0; i < 40; i++) {
        memcpy(many + i * (sizeof LINES - 1), LINES, sizeof LINES - 1);
    }
    char texts[512];
    snprintf(texts, sizeof texts, "%s", scratch_bytes("many.jsonl", many, strlen(many)));
    assert_int_equal(interrupted(s, texts, &e), PERSONA_E_CANCELED);
    assert_non_null(strstr(e.msg, "part.npy"));
    must(file_read(scratch_path("part.index.json"), (size_t)1 << 24, &text, &len, &e), &e);
    assert_non_null(strstr(text, "\"complete\":false"));
    mem_free(text);
    must(file_write(scratch_path("part.npy"), "older", 5, &e), &e);
    assert_int_equal(interrupted(s, texts, &e), PERSONA_E_CANCELED);
    must(file_read(scratch_path("part.npy"), (size_t)1 << 24, &text, &again, &e), &e);
    assert_string_equal(text, "older");
    mem_free(text);
    free(many);
    persona_session_free(s);
    persona_model_free(m);
}

static void a_text_too_long_is_named_by_its_line(void **state)
{
    (void)state;
    persona_err e = {0};
    persona_model *m = open_model(0);
    persona_session *s = reader(m);
    const char *texts = scratch_path("long.jsonl");
    FILE *f = fopen(texts, "w");
    assert_non_null(f);
    fputs("{\"prompt\":\"a\"}\n\n{\"prompt\":\"b\",\"response\":\"", f);
    for (int i = 0; i < 2000; i++) {
        fputs("tea ", f);
    }
    fputs("\"}\n", f);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(persona_activations(s, texts, NULL, scratch_path("l.npy"),
                                         scratch_path("l.index.json"), NULL, NULL, &e),
                     PERSONA_E_FORMAT);
    assert_non_null(strstr(e.msg, "long.jsonl:3: "));
    assert_false(file_exists(scratch_path("l.npy")));
    static const int bad[] = {2, 99};
    const persona_activations_opts o = {.mode = PERSONA_TAP_MEAN, .blocks = bad, .n_blocks = 2};
    assert_int_equal(persona_activations(s, texts, &o, scratch_path("l.npy"),
                                         scratch_path("l.index.json"), NULL, NULL, &e),
                     PERSONA_E_SHAPE);
    assert_non_null(strstr(e.msg, "block 99"));
    persona_session_free(s);
    persona_model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_hold_what_taps_read),
        cmocka_unit_test(files_agree_with_transformers),
        cmocka_unit_test(interrupted_runs_keep_their_lines),
        cmocka_unit_test(a_text_too_long_is_named_by_its_line),
    };
    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
