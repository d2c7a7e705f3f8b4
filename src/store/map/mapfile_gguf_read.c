/* SPDX-License-Identifier: MIT
 *
 * mapfile_gguf_read.c - reads map files; every count, width and place is checked before it is used.
 *
 * A file is read whole and its header walked by gguf_scan before ggml sees it. A map that claims
 * one thing in its keys and another in its tensors is refused: a quiet repair would be a wrong
 * vector later.
 */
#include <ggml.h>
#include <gguf.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/linalg.h"
#include "base/mem.h"
#include "base/try.h"
#include "core/map/textset.h"
#include "store/map/mapfile.h"
#include "store/vector/gguf_scan.h"
#include "store/vector/vecfile_gguf.h"

enum { MAX_WIDTH = 1 << 20, MAX_LAYER = 4098 };

typedef mapfile_source source;

static persona_code bad_key(const source *s, const char *key, const char *what)
{
    return persona_err_set(s->e, PERSONA_E_FORMAT, "%s: key '%s' %s", s->path, key, what);
}

/* ---- keys ----------------------------------------------------------------------------------- */

static persona_code need(const source *s, const char *key, enum gguf_type type, int64_t *id)
{
    *id = gguf_find_key(s->g, key);
    if (*id < 0) {
        return bad_key(s, key, "is missing");
    }
    return gguf_get_kv_type(s->g, *id) == type
               ? PERSONA_OK
               : bad_key(s, key, "is of another type than maps have");
}

static persona_code take_string(const source *s, const char *key, char **out)
{
    int64_t id;
    const persona_code rc = need(s, key, GGUF_TYPE_STRING, &id);
    if (rc != PERSONA_OK) {
        return rc;
    }
    const vecfile f = {.path = s->path, .e = s->e};
    return vecfile_label(&f, gguf_get_val_str(s->g, id), out);
}

static persona_code take_count(const source *s, const char *key, size_t min, size_t max,
                               size_t *out)
{
    int64_t id;
    const persona_code rc = need(s, key, GGUF_TYPE_UINT32, &id);
    if (rc != PERSONA_OK) {
        return rc;
    }
    *out = gguf_get_val_u32(s->g, id);
    if (*out >= min && *out <= max) {
        return PERSONA_OK;
    }
    return persona_err_set(s->e, PERSONA_E_FORMAT, "%s: key '%s' is %zu (expected %zu to %zu)",
                           s->path, key, *out, min, max);
}

/* n SIZE_MAX: any number, told in *found. */
static persona_code need_array(const source *s, const char *key, enum gguf_type type, size_t n,
                               int64_t *id, size_t *found)
{
    const persona_code rc = need(s, key, GGUF_TYPE_ARRAY, id);
    if (rc != PERSONA_OK) {
        return rc;
    }
    const size_t have = gguf_get_arr_n(s->g, *id);
    if (found) {
        *found = have;
    }
    if (gguf_get_arr_type(s->g, *id) == type && (n == SIZE_MAX || have == n)) {
        return PERSONA_OK;
    }
    return persona_err_set(s->e, PERSONA_E_FORMAT,
                           "%s: key '%s' holds %zu values of type %s (expected %s%.0zu)", s->path,
                           key, have, gguf_type_name(gguf_get_arr_type(s->g, *id)),
                           gguf_type_name(type), n == SIZE_MAX ? 0 : n);
}

static persona_code take_floats(const source *s, const char *key, size_t n, float *out)
{
    int64_t id;
    const persona_code rc = need_array(s, key, GGUF_TYPE_FLOAT32, n, &id, NULL);
    if (rc != PERSONA_OK) {
        return rc;
    }
    memcpy(out, gguf_get_arr_data(s->g, id), n * sizeof *out);
    for (size_t i = 0; i < n; i++) {
        if (isinf(out[i])) {
            return bad_key(s, key, "holds an infinite number");
        }
    }
    return PERSONA_OK;
}

static persona_code take_side(const source *s, const char *which, persona_map_side *side)
{
    char key[64];
    size_t n_layer = 0, n_embd = 0;
    snprintf(key, sizeof key, "persona.map.%s.n_layer", which);
    persona_code rc = PERSONA_OK;
    TRY(take_count(s, key, 2, MAX_LAYER, &n_layer));
    snprintf(key, sizeof key, "persona.map.%s.n_embd", which);
    TRY(take_count(s, key, 1, MAX_WIDTH, &n_embd));
    side->n_layer = (int)n_layer;
    side->n_embd = (int)n_embd;
    side->h_median = mem_calloc(n_layer, sizeof *side->h_median);
    TRY(side->h_median ? PERSONA_OK : mem_err(s->e, s->path));
    snprintf(key, sizeof key, "persona.map.%s.h_median", which);
    TRY(take_floats(s, key, n_layer, side->h_median));
out:
    return rc;
}

static persona_code take_traits(const source *s, persona_map *m)
{
    int64_t id;
    size_t n;
    persona_code rc = PERSONA_OK;
    TRY(need_array(s, "persona.map.traits", GGUF_TYPE_STRING, SIZE_MAX, &id, &n));
    if (n > MAPFILE_MAX_TRAITS) {
        rc = bad_key(s, "persona.map.traits", "holds more than 4096 names");
        goto out;
    }
    if (n == 0) {
        goto out;
    }
    const vecfile f = {.path = s->path, .e = s->e};
    m->traits = mem_calloc(n, sizeof *m->traits);
    TRY(m->traits ? PERSONA_OK : mem_err(s->e, s->path));
    for (; m->n_traits < n; m->n_traits++) {
        TRY(vecfile_label(&f, gguf_get_arr_str(s->g, id, m->n_traits), &m->traits[m->n_traits]));
    }
out:
    return rc;
}

/* A map of before says nothing of it: then it was by name at most. */
static persona_code take_left_out(const source *s, persona_map *m)
{
    persona_code rc = PERSONA_OK;
    char *how = NULL;
    const vecfile f = {.path = s->path, .e = s->e};
    m->leave = PERSONA_LEAVE_NAME;
    if (gguf_find_key(s->g, MAPFILE_WITHOUT) < 0) {
        return vecfile_label(&f, "", &m->without);
    }
    TRY(take_string(s, MAPFILE_WITHOUT, &m->without));
    TRY(take_string(s, MAPFILE_LEAVE, &how));
    TRY(take_count(s, MAPFILE_NAMED, 0, UINT32_MAX, &m->n_named));
    TRY(take_count(s, MAPFILE_LEANING, 0, UINT32_MAX, &m->n_leaning));
    while (m->leave <= PERSONA_LEAVE_STRICT && strcmp(how, persona_leave_name(m->leave)) != 0) {
        m->leave++;
    }
    TRY(m->leave <= PERSONA_LEAVE_STRICT
            ? PERSONA_OK
            : bad_key(s, MAPFILE_LEAVE, "is neither name, loose nor strict"));
out:
    mem_free(how);
    return rc;
}

static persona_code take_keys(const source *s, persona_map *m)
{
    persona_code rc = PERSONA_OK;
    uint64_t *texts = NULL;
    size_t seed = 0, n = 0;
    for (size_t i = 0; i < mapfile_n_strings; i++) {
        TRY(take_string(s, mapfile_strings[i].key, mapfile_member(m, mapfile_strings[i].at)));
    }
    for (size_t i = 0; i < mapfile_n_counts; i++) {
        TRY(take_count(s, mapfile_counts[i].key, 0, UINT32_MAX,
                       mapfile_member(m, mapfile_counts[i].at)));
    }
    TRY(take_count(s, "persona.map.seed", 0, UINT32_MAX, &seed));
    m->seed = (uint32_t)seed;
    TRY(take_side(s, "from", &m->from));
    TRY(take_side(s, "to", &m->to));
    TRY(take_traits(s, m));
    TRY(take_left_out(s, m));
    if (textset_parse(m->texts, &texts, &n, s->e) != PERSONA_OK) {
        rc = persona_err_wrap(s->e, "%s: key 'persona.map.texts'", s->path);
    }
out:
    mem_free(texts);
    return rc;
}

/* ---- blocks --------------------------------------------------------------------------------- */

static persona_code take_blocks(const source *s, persona_map *m)
{
    int64_t id;
    size_t n = 0;
    float *values = NULL;
    persona_code rc = PERSONA_OK;
    TRY(need_array(s, "persona.map.blocks", GGUF_TYPE_INT32, SIZE_MAX, &id, &n));
    if (n == 0 || n % 3 != 0 || n / 3 > MAPFILE_MAX_BLOCKS) {
        rc = bad_key(s, "persona.map.blocks", "holds no triples, or more than 256");
        goto out;
    }
    m->n_blocks = n / 3;
    m->blocks = mem_calloc(m->n_blocks, sizeof *m->blocks);
    TRY(m->blocks ? PERSONA_OK : mem_err(s->e, s->path));
    const unsigned char *data = gguf_get_arr_data(s->g, id);
    for (size_t i = 0; i < m->n_blocks; i++) {
        int32_t x[3];
        memcpy(x, data + i * sizeof x, sizeof x);
        if (x[0] < 0 || x[0] >= m->from.n_layer || x[1] < 0 || x[1] >= m->to.n_layer || x[2] < 0) {
            rc = persona_err_set(s->e, PERSONA_E_FORMAT,
                                 "%s: key 'persona.map.blocks': pair %zu is %d to %d of rank %d "
                                 "(the models have %d and %d blocks)",
                                 s->path, i, x[0], x[1], x[2], m->from.n_layer, m->to.n_layer);
            goto out;
        }
        m->blocks[i].from = x[0];
        m->blocks[i].to = x[1];
        m->blocks[i].rank = x[2];
        for (size_t k = 0; k < i; k++) {
            if (m->blocks[k].from == x[0] && m->blocks[k].to == x[1]) {
                rc = bad_key(s, "persona.map.blocks", "names a pair of blocks twice");
                goto out;
            }
        }
    }
    values = mem_calloc(m->n_blocks, sizeof *values);
    TRY(values ? PERSONA_OK : mem_err(s->e, s->path));
    for (size_t k = 0; k < mapfile_n_reals; k++) {
        TRY(take_floats(s, mapfile_reals[k].key, m->n_blocks, values));
        for (size_t i = 0; i < m->n_blocks; i++) {
            *(double *)mapfile_member(&m->blocks[i], mapfile_reals[k].at) = (double)values[i];
        }
    }
    for (size_t k = 0; k < mapfile_n_later; k++) {
        const bool there = gguf_find_key(s->g, mapfile_later[k].key) >= 0;
        TRY(there ? take_floats(s, mapfile_later[k].key, m->n_blocks, values) : PERSONA_OK);
        for (size_t i = 0; i < m->n_blocks; i++) {
            *(double *)mapfile_member(&m->blocks[i], mapfile_later[k].at) =
                there ? (double)values[i] : (double)NAN;
        }
    }
out:
    mem_free(values);
    return rc;
}

static persona_code bad_tensor(const source *s, const char *name, const char *what)
{
    return persona_err_set(s->e, PERSONA_E_FORMAT, "%s: tensor '%s' %s", s->path, name, what);
}

persona_code mapfile_take_matrix(const source *s, const char *name, size_t d, size_t *k,
                                 float **out)
{
    size_t bad = 0;
    const int64_t id = gguf_find_tensor(s->g, name);
    *out = NULL;
    if (id < 0) {
        return PERSONA_OK;
    }
    const int64_t *ne = gguf_get_tensor_ne(s->g, id);
    const size_t base = gguf_get_data_offset(s->g), offset = gguf_get_tensor_offset(s->g, id);
    if (gguf_get_tensor_type(s->g, id) != GGML_TYPE_F32) {
        return bad_tensor(s, name, "is not F32");
    }
    if (ne[0] != (int64_t)d || ne[1] < 1 || ne[1] > MAX_WIDTH || ne[2] != 1 || ne[3] != 1 ||
        (*k > 0 && ne[1] != (int64_t)*k)) {
        return persona_err_set(
            s->e, PERSONA_E_FORMAT,
            "%s: tensor '%s' is %lld x %lld (expected a width of %zu, and as many "
            "rows on both sides)",
            s->path, name, (long long)ne[0], (long long)ne[1], d);
    }
    *k = (size_t)ne[1];
    const size_t bytes = *k * d * sizeof(float);
    if (base > s->len || offset > s->len - base || bytes > s->len - base - offset) {
        return bad_tensor(s, name, "ends behind the end of the file (truncated?)");
    }
    *out = mem_calloc(*k, d * sizeof **out);
    if (!*out) {
        return mem_err(s->e, s->path);
    }
    memcpy(*out, s->p + base + offset, bytes);
    if (vec_finite(*out, *k * d, &bad)) {
        return PERSONA_OK;
    }
    return persona_err_set(s->e, PERSONA_E_NUMERIC, "%s: tensor '%s': value %zu is not finite",
                           s->path, name, bad);
}

static persona_code take_factors(const source *s, const persona_map *m, const persona_map_block *b,
                                 const char *kind, persona_map_factors *f)
{
    char name[64];
    snprintf(name, sizeof name, "%s.%d.%d.left", kind, b->from, b->to);
    persona_code rc = PERSONA_OK;
    TRY(mapfile_take_matrix(s, name, (size_t)m->from.n_embd, &f->k, &f->left));
    snprintf(name, sizeof name, "%s.%d.%d.right", kind, b->from, b->to);
    TRY(mapfile_take_matrix(s, name, (size_t)m->to.n_embd, &f->k, &f->right));
    if ((f->left != NULL) != (f->right != NULL)) {
        TRY(bad_tensor(s, name, "or its other half is missing"));
    }
out:
    return rc;
}

static persona_code take_matrices(const source *s, persona_map *m)
{
    persona_code rc = PERSONA_OK;
    int64_t expected = 0;
    for (size_t i = 0; i < m->n_blocks; i++) {
        persona_map_block *b = &m->blocks[i];
        TRY(take_factors(s, m, b, "map", &b->map));
        if (b->map.k == 0) {
            rc = persona_err_set(s->e, PERSONA_E_FORMAT, "%s: tensor 'map.%d.%d.left' is missing",
                                 s->path, b->from, b->to);
            goto out;
        }
        TRY(take_factors(s, m, b, "null", &b->null));
        expected += b->null.k > 0 ? 4 : 2;
    }
    TRY(mapfile_take_readings(s, m));
    expected += (int64_t)mapfile_n_reading_tensors(m);
    if (gguf_get_n_tensors(s->g) != expected) {
        rc = persona_err_set(s->e, PERSONA_E_FORMAT, "%s: %lld tensors (expected %lld)", s->path,
                             (long long)gguf_get_n_tensors(s->g), (long long)expected);
    }
out:
    return rc;
}

/* ---- the whole ------------------------------------------------------------------------------ */

static persona_code check_kind(const source *s)
{
    int64_t id;
    size_t version = 0;
    persona_code rc = need(s, "general.architecture", GGUF_TYPE_STRING, &id);
    if (rc != PERSONA_OK) {
        return rc;
    }
    if (strcmp(gguf_get_val_str(s->g, id), MAPFILE_ARCHITECTURE) != 0) {
        return persona_err_set(s->e, PERSONA_E_FORMAT,
                               "%s: general.architecture is \"%.60s\" (expected \"%s\": is this a "
                               "vector or a model?)",
                               s->path, gguf_get_val_str(s->g, id), MAPFILE_ARCHITECTURE);
    }
    return take_count(s, "persona.map.version", 1, MAPFILE_VERSION, &version);
}

persona_code mapfile_parse(const char *path, const unsigned char *p, size_t len, persona_map **out,
                           persona_err *e)
{
    source s = {.path = path, .p = p, .len = len, .e = e};
    persona_map *m = NULL;
    *out = NULL;
    if (len < 4 || memcmp(p, GGUF_MAGIC, 4) != 0) {
        return persona_err_set(e, PERSONA_E_FORMAT, "%s is not a GGUF file (a map is one)", path);
    }
    persona_code rc = gguf_scan(path, p, len, e);
    if (rc != PERSONA_OK) {
        return rc;
    }
    vecfile_gguf_hush();
    s.g = gguf_init_from_buffer(p, len, (struct gguf_init_params){.no_alloc = true});
    if (!s.g) {
        return persona_err_set(e, PERSONA_E_FORMAT, "%s: damaged or truncated GGUF header", path);
    }
    m = mem_calloc(1, sizeof *m);
    if (!m) {
        rc = mem_err(e, path);
        goto out;
    }
    if ((rc = check_kind(&s)) || (rc = take_keys(&s, m)) || (rc = take_blocks(&s, m)) ||
        (rc = take_matrices(&s, m))) {
        goto out;
    }
    *out = m;
    m = NULL;
out:
    persona_map_free(m);
    gguf_free(s.g);
    return rc;
}

persona_code persona_map_read(const char *path, persona_map **out, persona_err *e)
{
    char *bytes = NULL;
    size_t len = 0;
    *out = NULL;
    persona_code rc = PERSONA_OK;
    TRY(file_read(path, MAPFILE_MAX, &bytes, &len, e));
    TRY(mapfile_parse(path, (const unsigned char *)bytes, len, out, e));
out:
    mem_free(bytes);
    return rc;
}
