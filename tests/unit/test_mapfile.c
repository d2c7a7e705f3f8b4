/* SPDX-License-Identifier: MIT
 *
 * test_mapfile.c - maps in memory and on disk: what goes in comes out bit for bit, what is damaged
 * is refused by name; vectors through a map: norm rule, provenance, and whether the map had seen
 * their texts.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/linalg.h"
#include "base/mem.h"
#include "core/map/readings.h"
#include "core/map/textset.h"
#include "persona/map.h"
#include "scratch.h"
#include "store/map/mapfile.h"

enum { DS = 4, DT = 3, K = 2 };

static char *word(const char *text)
{
    char *s = mem_strdup(text);
    assert_non_null(s);
    return s;
}

static float *floats(size_t n, float first)
{
    float *p = mem_calloc(n, sizeof *p);
    assert_non_null(p);
    for (size_t i = 0; i < n; i++) {
        p[i] = first + (float)(i % 7) * 0.25f;
    }
    return p;
}

static persona_map_side side(const char *name, int n_layer, int n_embd)
{
    persona_map_side s = {word(name), word("qwen2"), word("aa11"), word("t"),
                          n_layer,    n_embd,        NULL};
    s.h_median = floats((size_t)n_layer, 2);
    s.h_median[0] = (float)NAN;
    return s;
}

/* Two pairs of blocks, 2 -> 1 and 3 -> 2; the second has no null. */
static persona_map *small(void)
{
    persona_map *m = mem_calloc(1, sizeof *m);
    assert_non_null(m);
    m->method = word("ridge");
    m->pairing = word("response");
    m->library = word("test");
    m->from = side("source", 6, DS);
    m->to = side("target", 5, DT);
    m->traits = mem_calloc(2, sizeof *m->traits);
    m->traits[0] = word("poetic");
    m->traits[1] = word("anxious");
    m->n_traits = 2;
    uint64_t texts[3] = {textset_hash("one"), textset_hash("two"), textset_hash("three")};
    assert_int_equal(textset_format(texts, textset_sort(texts, 3), &m->texts, NULL), PERSONA_OK);
    m->n_texts = 3;
    m->n_rows = 3;
    m->n_contrasts = 1;
    m->n_groups = 2;
    m->without = word("silly,evil");
    m->leave = PERSONA_LEAVE_STRICT;
    m->n_named = 4;
    m->n_leaning = 5;
    m->seed = 7;
    m->n_blocks = 2;
    m->blocks = mem_calloc(2, sizeof *m->blocks);
    for (int i = 0; i < 2; i++) {
        m->blocks[i] = (persona_map_block){
            .from = 2 + i,
            .to = 1 + i,
            .lambda = 0.5,
            .rank = i,
            .r2_heldout = 0.25,
            .r2_contrast = 0.125,
            .r2_shuffled = i ? (double)NAN : -0.5,
            .r2_shuffled_max = 0,
            .by_trait = {0.75, i ? (double)NAN : -0.25},
            .by_both = {0.5, 0.0625},
            .map = {K, floats((size_t)K * DS, 1 + (float)i), floats((size_t)K * DT, -1)}};
    }
    m->blocks[0].null = (persona_map_factors){1, floats(DS, 3), floats(DT, 5)};
    return m;
}

/* Four texts, of which the map was fitted on three; blocks 2, 3 of the source and 1, 2 of the
 * target. */
static persona_map *with_readings(void)
{
    static const char *const texts[4] = {"one", "two\nlines", "three", "four"};
    persona_map *m = small();
    persona_map_readings *r = m->readings = mem_calloc(1, sizeof *r);
    assert_non_null(r);
    r->texts = mem_calloc(4, sizeof *r->texts);
    r->names = mem_calloc(2, sizeof *r->names);
    r->names[0] = word("poetic");
    r->names[1] = word("silly");
    r->n_names = 2;
    for (size_t i = 0; i < 4; i++) {
        r->texts[r->n++] = (readings_text){.question = word("What of it?"),
                                           .text = word(texts[i]),
                                           .hash = textset_hash(i == 1 ? "two" : texts[i]),
                                           .trait = i == 3   ? 1
                                                    : i == 2 ? -1
                                                             : 0,
                                           .polarity = i == 2   ? 0
                                                       : i == 1 ? -1
                                                                : 1,
                                           .group = i % 2,
                                           .score = i == 2 ? NAN : 50 + (float)i};
    }
    r->n_groups = 2;
    r->n_cut = 1;
    r->lambda = 0.25;
    r->rank = 3;
    r->n_anchors = 9;
    r->judge = word("pair");
    r->neutral = 50;
    readings_lay_out(r);
    for (int t = 0; t < 2; t++) {
        assert_int_equal(readings_side_new(m, t == 1, &r->side[t], NULL), PERSONA_OK);
        for (size_t k = 0; k < r->side[t].n_blocks; k++) {
            r->side[t].rows[k] = floats(r->n_rows * (t ? DT : DS), (float)k - 3);
        }
    }
    return m;
}

static void same_floats(const float *a, const float *b, size_t n)
{
    assert_memory_equal(a, b, n * sizeof *a);
}

static void round_trip(void **state)
{
    (void)state;
    persona_map *m = small(), *r = NULL;
    persona_err e = {0};
    const char *path = scratch_path("map.gguf");
    assert_int_equal(persona_map_write(m, path, &e), PERSONA_OK);
    if (persona_map_read(path, &r, &e) != PERSONA_OK) {
        fail_msg("%s", e.msg);
    }
    assert_string_equal(r->method, "ridge");
    assert_string_equal(r->pairing, "response");
    assert_string_equal(r->from.name, "source");
    assert_string_equal(r->to.hash, "aa11");
    assert_string_equal(r->texts, m->texts);
    assert_int_equal(r->n_traits, 2);
    assert_string_equal(r->traits[1], "anxious");
    assert_int_equal(r->to.n_embd, DT);
    assert_true(isnan(r->from.h_median[0]));
    same_floats(r->from.h_median + 1, m->from.h_median + 1, 5);
    assert_int_equal(r->n_blocks, 2);
    assert_int_equal(r->seed, 7);
    assert_int_equal(r->n_groups, 2);
    assert_string_equal(r->without, "silly,evil");
    assert_true(r->leave == PERSONA_LEAVE_STRICT && r->n_named == 4 && r->n_leaning == 5);
    for (size_t i = 0; i < 2; i++) {
        const persona_map_block *a = &m->blocks[i], *b = &r->blocks[i];
        assert_int_equal(a->from, b->from);
        assert_int_equal(a->to, b->to);
        assert_int_equal(a->rank, b->rank);
        assert_true(a->lambda == b->lambda && a->r2_contrast == b->r2_contrast);
        assert_int_equal(a->map.k, b->map.k);
        assert_int_equal(a->null.k, b->null.k);
        same_floats(a->map.left, b->map.left, (size_t)K * DS);
        same_floats(a->map.right, b->map.right, (size_t)K * DT);
    }
    assert_true(isnan(r->blocks[1].r2_shuffled));
    assert_true(r->blocks[0].by_trait.rows == 0.75 && r->blocks[0].by_trait.contrasts == -0.25);
    assert_true(isnan(r->blocks[1].by_trait.contrasts));
    assert_true(r->blocks[1].by_both.rows == 0.5 && r->blocks[1].by_both.contrasts == 0.0625);
    same_floats(r->blocks[0].null.right, m->blocks[0].null.right, DT);
    persona_map_free(r);
    persona_map_free(m);
}

/* Maps that were written before whole traits were left out. */
static void before_traits(void **state)
{
    (void)state;
    static const char *const keys[] = {"persona.map.r2_trait", "persona.map.r2_both"};
    persona_map *m = small(), *r = NULL;
    persona_err e = {0};
    const char *path = scratch_path("before.gguf");
    char *bytes = NULL;
    size_t len = 0, n = 0;
    assert_int_equal(persona_map_write(m, path, &e), PERSONA_OK);
    assert_int_equal(file_read(path, 1 << 20, &bytes, &len, NULL), PERSONA_OK);
    for (size_t k = 0; k < 2; k++) {
        const size_t size = strlen(keys[k]);
        for (size_t i = 0; i + size < len; i++) {
            if (memcmp(bytes + i, keys[k], size) == 0) { /* and the contrasts' keys */
                bytes[i + size - 1] = '_';
                n++;
            }
        }
    }
    assert_int_equal(n, 4);
    assert_int_equal(file_write(path, bytes, len, &e), PERSONA_OK);
    assert_int_equal(persona_map_read(path, &r, &e), PERSONA_OK);
    for (size_t i = 0; i < 2; i++) {
        const persona_map_block *b = &r->blocks[i];
        assert_true(isnan(b->by_trait.rows) && isnan(b->by_trait.contrasts));
        assert_true(isnan(b->by_both.rows) && isnan(b->by_both.contrasts));
        assert_true(b->r2_contrast == 0.125);
    }
    mem_free(bytes);
    persona_map_free(r);
    persona_map_free(m);
}

static void readings_round_trip(void **state)
{
    (void)state;
    persona_map *m = with_readings(), *back = NULL;
    persona_err e = {0};
    const char *path = scratch_path("readings.gguf");
    assert_int_equal(persona_map_write(m, path, &e), PERSONA_OK);
    if (persona_map_read(path, &back, &e) != PERSONA_OK) {
        fail_msg("%s", e.msg);
    }
    const persona_map_readings *a = m->readings, *b = back->readings;
    assert_non_null(b);
    assert_int_equal(b->n, 4);
    assert_int_equal(b->n_rows, 4);
    assert_true(b->n_groups == 2 && b->n_cut == 1 && b->rank == 3 && b->n_anchors == 9);
    assert_true(b->lambda == 0.25 && b->neutral == 50 && b->n_names == 2);
    assert_string_equal(b->judge, "pair");
    assert_string_equal(b->names[1], "silly");
    for (size_t i = 0; i < 4; i++) {
        const readings_text *x = &a->texts[i], *y = &b->texts[i];
        assert_string_equal(x->text, y->text);
        assert_string_equal(x->question, y->question);
        assert_true(x->hash == y->hash && x->trait == y->trait && x->polarity == y->polarity);
        assert_true(x->group == y->group && x->n_chunks == y->n_chunks && x->first == y->first);
        assert_true(isnan(x->score) ? isnan(y->score) : x->score == y->score);
    }
    for (int t = 0; t < 2; t++) {
        assert_int_equal(b->side[t].n_blocks, 2);
        for (size_t k = 0; k < 2; k++) {
            assert_int_equal(a->side[t].blocks[k], b->side[t].blocks[k]);
            same_floats(a->side[t].rows[k], b->side[t].rows[k], 4 * (t ? DT : DS));
        }
    }
    assert_int_equal(readings_bytes(back), 2 * 4 * (DS + DT) * sizeof(float));
    persona_map_free(back);
    persona_map_free(m);
}

/* Every cut, and every byte of the header changed: an error with the path, or a map; never a
 * crash. */
static void damage(persona_map *m)
{
    char *bytes = NULL;
    size_t len = 0, refused = 0;
    const char *path = scratch_path("good.gguf");
    assert_int_equal(persona_map_write(m, path, NULL), PERSONA_OK);
    assert_int_equal(file_read(path, 1 << 20, &bytes, &len, NULL), PERSONA_OK);
    for (size_t i = 0; i < len; i++) {
        persona_map *r = NULL;
        persona_err e = {0};
        const char kept = bytes[i];
        /* the last bytes may be padding behind the last tensor */
        if (mapfile_parse("bad", (unsigned char *)bytes, i, &r, &e) == PERSONA_OK) {
            assert_true(len - i < 64);
        } else {
            assert_non_null(strstr(e.msg, "bad"));
        }
        persona_map_free(r);
        r = NULL;
        bytes[i] = (char)(kept ^ 0x55);
        if (mapfile_parse("bad", (unsigned char *)bytes, len, &r, &e) != PERSONA_OK) {
            refused++;
        }
        persona_map_free(r);
        bytes[i] = kept;
    }
    assert_true(refused > len / 4);
    mem_free(bytes);
    persona_map_free(m);
}

static void damaged(void **state)
{
    (void)state;
    damage(small());
    damage(with_readings());
}

static void refuse(persona_map *m, persona_code code, const char *text)
{
    persona_map *r = NULL;
    persona_err e = {0};
    const char *path = scratch_path("wrong.gguf");
    assert_int_equal(persona_map_write(m, path, &e), PERSONA_OK);
    const persona_code rc = persona_map_read(path, &r, &e);
    if (rc != code || !strstr(e.msg, text) || !strstr(e.msg, "wrong.gguf")) {
        fail_msg("code %d (expected %d), \"%s\" (expected %s)", (int)rc, (int)code, e.msg, text);
    }
    persona_map_free(m);
}

static void contradictions(void **state)
{
    (void)state;
    persona_map *m = small();
    m->blocks[1].to = 9;
    refuse(m, PERSONA_E_FORMAT, "3 to 9");
    m = small();
    m->blocks[0].map.left[1] = (float)NAN;
    refuse(m, PERSONA_E_NUMERIC, "map.2.1.left");
    m = small();
    m->blocks[1].from = 2;
    m->blocks[1].to = 1;
    assert_int_equal(persona_map_write(m, scratch_path("twice.gguf"), NULL), PERSONA_E_SHAPE);
    persona_map_free(m);
    m = small();
    m->to.h_median[2] = (float)INFINITY;
    refuse(m, PERSONA_E_FORMAT, "infinite");
    m = small();
    m->texts[3] = '-';
    refuse(m, PERSONA_E_FORMAT, "persona.map.texts");
}

/* Whatever points out of its place, with the key, the value and what to do. */
static void readings_contradict(void **state)
{
    (void)state;
    persona_map *m = with_readings();
    m->readings->texts[2].trait = 2;
    refuse(m, PERSONA_E_FORMAT, "readings.trait': text 2 has 2 (expected -1 to 1) (damaged?");
    m = with_readings();
    m->readings->texts[1].group = 2;
    refuse(m, PERSONA_E_FORMAT, "readings.group': text 1 has 2 (expected 0 to 1)");
    m = with_readings();
    m->readings->texts[1].polarity = -7;
    refuse(m, PERSONA_E_FORMAT, "readings.polarity': text 1 has -7");
    m = with_readings();
    m->readings->texts[0].n_chunks = 1; /* the map is of whole responses */
    refuse(m, PERSONA_E_FORMAT, "readings.chunks': text 0 has 1 (expected 0 to 0)");
    m = with_readings();
    m->readings->texts[0].hash = m->readings->texts[3].hash;
    refuse(m, PERSONA_E_FORMAT, "readings.hashes' holds one twice");
    m = with_readings();
    m->readings->texts[0].hash = 17;
    refuse(m, PERSONA_E_FORMAT,
           "lacks texts that the map was fitted on (damaged? fit the map again)");
    m = with_readings();
    m->readings->texts[3].score = 101;
    refuse(m, PERSONA_E_FORMAT, "readings.scores'");
    m = with_readings();
    m->readings->neutral = -1;
    refuse(m, PERSONA_E_FORMAT, "readings.neutral'");
    m = with_readings();
    m->readings->lambda = (double)NAN;
    refuse(m, PERSONA_E_FORMAT, "readings.lambda'");
    m = with_readings();
    m->readings->rank = 4000000000;
    refuse(m, PERSONA_E_FORMAT, "readings.rank' is 4000000000, at most 1000000");
    m = with_readings();
    m->readings->names[1][0] = m->readings->names[0][0] = 'p';
    m->readings->names[1][1] = m->readings->names[0][1] = '\0';
    refuse(m, PERSONA_E_FORMAT, "readings.traits' names one twice");
    m = with_readings();
    m->readings->texts[1].text[0] = (char)0xff;
    refuse(m, PERSONA_E_FORMAT, "readings.texts: byte 0");
    m = with_readings();
    m->readings->side[1].blocks[0] = 3;
    refuse(m, PERSONA_E_FORMAT, "tensor 'readings.to.1' is missing");
    m = with_readings();
    m->readings->side[0].rows[1][2] = (float)INFINITY;
    refuse(m, PERSONA_E_NUMERIC, "readings.from.3");
}

static persona_vector *vector(const char *trait)
{
    persona_vector *v = NULL;
    const float row[DS] = {1, -2, 0.5f, 4};
    assert_int_equal(persona_vector_new(6, DS, &v, NULL), PERSONA_OK);
    for (int b = 1; b < 5; b++) {
        assert_int_equal(persona_vector_set(v, b, row, NULL), PERSONA_OK);
        v->layers[b].h_median = 8;
    }
    assert_int_equal(persona_vector_label(&v->from.trait, trait, NULL), PERSONA_OK);
    assert_int_equal(persona_vector_label(&v->from.model_hash, "aa11", NULL), PERSONA_OK);
    return v;
}

static void applied(void **state)
{
    (void)state;
    persona_map *m = small();
    persona_vector *v = vector("silly"), *t = NULL;
    persona_err e = {0};
    assert_int_equal(persona_map_apply(m, v, NULL, &t, &e), PERSONA_OK);
    assert_int_equal(t->n_embd, DT);
    assert_int_equal(t->from.best_layer, 1);
    assert_int_equal(t->from.layer_from, 2);
    assert_true(t->from.lambda == 0.5f && t->from.r2_contrast == 0.125f);
    assert_string_equal(t->from.parent_hash, "aa11");
    assert_string_equal(t->from.sample, PERSONA_SAMPLE_UNVERIFIED);
    for (int b = 1; b <= 2; b++) {
        const persona_map_block *p = persona_map_to(m, b);
        double middle[K] = {0}, norm = 0, out[DT] = {0};
        for (int k = 0; k < K; k++) {
            for (int j = 0; j < DS; j++) {
                middle[k] +=
                    (double)p->map.left[k * DS + j] * (double)persona_vector_row(v, p->from)[j];
            }
        }
        for (int j = 0; j < DT; j++) {
            for (int k = 0; k < K; k++) {
                out[j] += (double)p->map.right[k * DT + j] * middle[k];
            }
        }
        for (int j = 0; j < DT; j++) {
            norm += out[j] * out[j];
        }
        const double want = (double)v->layers[p->from].norm / 8 * (double)m->to.h_median[b];
        assert_true(fabs((double)t->layers[b].norm - want) < 1e-5 * want);
        for (int j = 0; j < DT; j++) {
            assert_true(fabs((double)persona_vector_row(t, b)[j] - out[j] / sqrt(norm) * want) <
                        1e-5 * want);
        }
    }
    persona_vector_free(t);
    const persona_apply_opts null = {.null = true, .from = -1, .to = -1};
    assert_int_equal(persona_map_apply(m, v, &null, &t, &e), PERSONA_OK);
    assert_true(t->layers[1].present && !t->layers[2].present);
    assert_non_null(strstr(t->from.method, "null"));
    persona_vector_free(t);
    persona_vector_free(v);
    persona_map_free(m);
}

static void not_for_this_model(void **state)
{
    (void)state;
    persona_map *m = small();
    persona_vector *v = vector("silly"), *t = NULL;
    persona_err e = {0};
    assert_int_equal(persona_vector_label(&v->from.model_hash, "bb22", NULL), PERSONA_OK);
    assert_int_equal(persona_map_apply(m, v, NULL, &t, &e), PERSONA_E_SHAPE);
    assert_non_null(strstr(e.msg, "bb22"));
    assert_int_equal(persona_vector_label(&v->from.model_hash, "", NULL), PERSONA_OK);
    v->layers[2].present = v->layers[3].present = false;
    assert_int_equal(persona_map_apply(m, v, NULL, &t, &e), PERSONA_E_SHAPE);
    assert_non_null(strstr(e.msg, "none of the 2 source blocks"));
    persona_vector_free(v);
    v = vector("silly");
    memset(m->blocks[0].map.left, 0, (size_t)K * DS * sizeof(float));
    assert_int_equal(persona_map_apply(m, v, NULL, &t, &e), PERSONA_E_NUMERIC);
    assert_null(t);
    persona_vector_free(v);
    persona_map_free(m);
}

/* By name, and by hash whatever the name. */
static void in_sample(void **state)
{
    (void)state;
    persona_map *m = small();
    const char *sample = NULL;
    size_t shared = 0;
    uint64_t h[2] = {textset_hash("  two\n"), textset_hash("four")};
    char *texts = NULL;
    persona_vector *v = vector("silly");
    assert_int_equal(textset_format(h, textset_sort(h, 2), &texts, NULL), PERSONA_OK);
    assert_int_equal(persona_vector_label(&v->from.texts, texts, NULL), PERSONA_OK);
    assert_int_equal(persona_map_sample(m, v, &sample, &shared, NULL), PERSONA_OK);
    assert_string_equal(sample, PERSONA_SAMPLE_IN_SAMPLE);
    assert_int_equal(shared, 1);
    mem_free(texts);
    h[0] = textset_hash("five");
    assert_int_equal(textset_format(h, 1, &texts, NULL), PERSONA_OK);
    assert_int_equal(persona_vector_label(&v->from.texts, texts, NULL), PERSONA_OK);
    assert_int_equal(persona_map_sample(m, v, &sample, &shared, NULL), PERSONA_OK);
    assert_string_equal(sample, PERSONA_SAMPLE_UNDECIDABLE); /* of three texts */
    m->n_texts = PERSONA_LEAVE_MIN_TEXTS;
    assert_int_equal(persona_map_sample(m, v, &sample, &shared, NULL), PERSONA_OK);
    assert_string_equal(sample, PERSONA_SAMPLE_HELD_OUT);
    assert_int_equal(shared, 0);
    m->leave = PERSONA_LEAVE_LOOSE; /* texts that lean may be in it */
    assert_int_equal(persona_map_sample(m, v, &sample, &shared, NULL), PERSONA_OK);
    assert_string_equal(sample, PERSONA_SAMPLE_UNVERIFIED);
    m->leave = PERSONA_LEAVE_STRICT;
    assert_int_equal(persona_vector_label(&v->from.trait, "sill", NULL), PERSONA_OK);
    assert_int_equal(persona_map_sample(m, v, &sample, &shared, NULL), PERSONA_OK);
    assert_string_equal(sample, PERSONA_SAMPLE_UNVERIFIED); /* another trait was left out */
    assert_int_equal(persona_vector_label(&v->from.trait, "poetic", NULL), PERSONA_OK);
    assert_int_equal(persona_map_sample(m, v, &sample, NULL, NULL), PERSONA_OK);
    assert_string_equal(sample, PERSONA_SAMPLE_IN_SAMPLE);
    mem_free(texts);
    persona_vector_free(v);
    persona_map_free(m);
}

static void sets(void **state)
{
    (void)state;
    uint64_t *h = NULL;
    size_t n = 0;
    persona_err e = {0};
    /* first 8 bytes of sha256("abc") */
    assert_true(textset_hash(" abc\t\n") == UINT64_C(0xba7816bf8f01cfea));
    assert_int_equal(textset_parse("", &h, &n, &e), PERSONA_OK);
    assert_null(h);
    assert_int_equal(textset_parse("00000000000000ff000000000000000100000000000000ff", &h, &n, &e),
                     PERSONA_OK);
    assert_int_equal(n, 2);
    assert_true(h[0] == 1 && h[1] == 255);
    mem_free(h);
    assert_int_equal(textset_parse("0011", &h, &n, &e), PERSONA_E_FORMAT);
    assert_int_equal(textset_parse("00000000000000fg", &h, &n, &e), PERSONA_E_FORMAT);
    const uint64_t a[4] = {1, 3, 5, 9}, b[3] = {3, 4, 9};
    assert_int_equal(textset_overlap(a, 4, b, 3), 2);
}

static void no_memory(void **state)
{
    (void)state;
    persona_map *m = with_readings(), *r = NULL;
    persona_vector *v = vector("silly"), *t = NULL;
    const char *path = scratch_path("oom.gguf");
    assert_int_equal(persona_map_write(m, path, NULL), PERSONA_OK);
    persona_code rc = PERSONA_E_NOMEM;
    for (size_t k = 1; rc != PERSONA_OK; k++) {
        persona_err e = {0};
        persona_mem_fail_at(k);
        rc = persona_map_read(path, &r, &e);
        if (rc == PERSONA_OK) {
            rc = persona_map_apply(r, v, NULL, &t, &e);
        }
        persona_mem_fail_at(0);
        assert_true(rc == PERSONA_OK || rc == PERSONA_E_NOMEM);
        persona_map_free(r);
        persona_vector_free(t);
        r = NULL;
        t = NULL;
        assert_true(k < 1000);
    }
    persona_vector_free(v);
    persona_map_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sets),
        cmocka_unit_test(round_trip),
        cmocka_unit_test(damaged),
        cmocka_unit_test(contradictions),
        cmocka_unit_test(applied),
        cmocka_unit_test(not_for_this_model),
        cmocka_unit_test(in_sample),
        cmocka_unit_test(no_memory),
        cmocka_unit_test(before_traits),
        cmocka_unit_test(readings_round_trip),
        cmocka_unit_test(readings_contradict),
    };
    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
