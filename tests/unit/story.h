/* SPDX-License-Identifier: MIT
 *
 * story.h - the responses of tests/fixtures/golden_contrast.json, and seeded ones.
 */
#ifndef PERSONA_TEST_STORY_H
#define PERSONA_TEST_STORY_H

#include "base/rng.h"
#include "core/measure/contrast.h"
#include "golden.h"

#define STORY_MAX 128

/* r[i].mean points into h. */
typedef struct story {
    json_doc *doc;
    const json_val *root, *blocks;
    size_t n, n_questions, n_blocks, d;
    response r[STORY_MAX];
    float h[STORY_MAX * 32];
} story;

static inline void story_open(story *s)
{
    static double number[STORY_MAX * 32];
    s->doc = golden_open("golden_contrast.json");
    s->root = json_root(s->doc);
    s->blocks = json_get(s->root, "blocks");
    s->n_questions = (size_t)golden_number(s->root, "n_questions");
    s->n_blocks = (size_t)golden_number(s->root, "n_blocks");
    s->d = (size_t)golden_number(s->root, "d");
    s->n = golden_array(s->root, "polarity", number, STORY_MAX);
    for (size_t i = 0; i < s->n; i++) {
        s->r[i].polarity = (int)number[i];
    }
    assert_int_equal(golden_array(s->root, "question", number, STORY_MAX), s->n);
    for (size_t i = 0; i < s->n; i++) {
        s->r[i].question = (size_t)number[i];
    }
    assert_int_equal(golden_array(s->root, "length", number, STORY_MAX), s->n);
    for (size_t i = 0; i < s->n; i++) {
        s->r[i].length = (size_t)number[i];
    }
    const size_t size = s->n_blocks * s->d;
    assert_int_equal(golden_array(s->root, "h", number, STORY_MAX * 32), s->n * size);
    for (size_t i = 0; i < s->n * size; i++) {
        s->h[i] = (float)number[i];
    }
    for (size_t i = 0; i < s->n; i++) {
        s->r[i].mean = s->h + i * size;
    }
}

static inline contrast *story_contrast(const response *r, size_t n, size_t n_questions,
                                       size_t n_blocks, size_t d)
{
    contrast *c = NULL;
    persona_err e = {0};
    if (contrast_new(n_questions, n_blocks, d, &c, &e) != PERSONA_OK) {
        fail_msg("%s", e.msg);
    }
    for (size_t i = 0; i < n; i++) {
        if (contrast_add(c, &r[i], &e) != PERSONA_OK) {
            fail_msg("%s", e.msg);
        }
    }
    return c;
}

/* v against obj[key]: each value within tolerance of the norm. */
static inline void golden_vector(const json_val *obj, const char *key, const float *v, size_t d,
                                 double tolerance)
{
    double want[256], norm = 0;
    assert_int_equal(golden_array(obj, key, want, 256), d);
    for (size_t k = 0; k < d; k++) {
        norm += want[k] * want[k];
    }
    for (size_t k = 0; k < d; k++) {
        golden_near(key, (double)v[k], want[k], tolerance * sqrt(norm));
    }
}

#endif
