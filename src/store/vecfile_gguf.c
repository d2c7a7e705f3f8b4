/* SPDX-License-Identifier: MIT
 *
 * vecfile_gguf.c - persona vectors as GGUF control vectors; the only file of the store with ggml.
 *
 * KEY                                       TYPE     MEANING
 * general.architecture                      str      "controlvector", what makes it one
 * controlvector.model_hint, .layer_count    str, u32 as llama.cpp's generator writes them
 * persona.*                                 tables below; a key is absent when the fact is unknown
 * TENSOR direction.B                        f32 (n_embd), B >= 1: added to the output of block B
 *
 * Stock llama.cpp reads the tensors and no key at all, so everything that decides what the file
 * does is in the tensors, and what we add cannot break it elsewhere. It rejects direction.0, other
 * names, other types and unequal widths; so do we, with a reason, in both directions. Foreign files
 * (no persona.*) get defaults; unknown keys are ignored.
 *
 * A file is read whole into memory and parsed there: ggml sees a buffer of known length, and the
 * values are taken only after their place in it has been checked. ggml prints its own complaint
 * about a damaged header to stderr; the message returned here stands without it.
 */
#include <ggml.h>
#include <gguf.h>
#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "persona/vector.h"

#define FILE_MAX ((size_t)1 << 30)
#define MAX_INDEX 4096
#define MAX_WIDTH (1 << 20)
#define FILE_VERSION 1

static const char architecture[] = "controlvector";
static const char unit[] = "raw mean difference";
static const char prefix[] = "direction.";
#define PREFIX_LEN (sizeof prefix - 1)

#define AT(field) offsetof(persona_provenance, field)

static const struct {
    const char *key;
    size_t at;
} string_keys[] = {
    {"persona.trait", AT(trait)},
    {"persona.method", AT(method)},
    {"persona.model.name", AT(model_name)},
    {"persona.model.architecture", AT(model_arch)},
    {"persona.model.sha256", AT(model_hash)},
    {"persona.template.sha256", AT(template_hash)},
    {"persona.judge", AT(judge)},
    {"persona.library", AT(library)},
    {"persona.parent.sha256", AT(parent_hash)},
    {"persona.parent.model", AT(parent_model)},
    {"persona.map", AT(map)},
    {"persona.verdict", AT(verdict)},
};

/* NAN: unknown. */
static const struct {
    const char *key;
    size_t at;
} float_keys[] = {
    {"persona.dose", AT(dose)},
    {"persona.dose_kl", AT(dose_kl)},
    {"persona.transfer.lambda", AT(lambda)},
    {"persona.transfer.r2_heldout", AT(r2_heldout)},
    {"persona.transfer.r2_shuffled", AT(r2_shuffled)},
};

static const struct {
    const char *key;
    size_t at;
    int unknown;
} int_keys[] = {
    {"persona.layer.best", AT(best_layer), -1},
    {"persona.transfer.layer_from", AT(layer_from), -1},
    {"persona.transfer.n_texts", AT(n_texts), 0},
};

/* Arrays of n_layer floats; NAN: unknown. */
static const struct {
    const char *key;
    size_t at;
} layer_keys[] = {
    {"persona.layers.h_median", offsetof(persona_vector_layer, h_median)},
    {"persona.layers.auroc", offsetof(persona_vector_layer, auroc)},
    {"persona.layers.cohen_d", offsetof(persona_vector_layer, cohen_d)},
    {"persona.layers.split_half", offsetof(persona_vector_layer, split_half)},
    {"persona.layers.neutral_mean", offsetof(persona_vector_layer, neutral_mean)},
    {"persona.layers.neutral_sd", offsetof(persona_vector_layer, neutral_sd)},
};

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

static void *member(void *p, size_t at)
{
    return (unsigned char *)p + at;
}

static const void *member_const(const void *p, size_t at)
{
    return (const unsigned char *)p + at;
}

static float layer_value(const persona_vector *v, int block, size_t at)
{
    float x;
    memcpy(&x, member_const(&v->layers[block], at), sizeof x);
    return x;
}

/* ---- writing -------------------------------------------------------------------------------- */

static void put_provenance(struct gguf_context *g, const persona_vector *v)
{
    const persona_provenance *from = &v->from;
    const int32_t counts[4] = {from->n_generated_pos, from->n_generated_neg, from->n_kept_pos,
                               from->n_kept_neg};
    gguf_set_val_u32(g, "persona.version", FILE_VERSION);
    gguf_set_val_str(g, "persona.unit", unit);
    gguf_set_val_u32(g, "persona.seed", from->seed);
    gguf_set_val_u32(g, "persona.n_layer", (uint32_t)v->n_layer);
    gguf_set_arr_data(g, "persona.counts", GGUF_TYPE_INT32, counts, 4);
    for (size_t i = 0; i < COUNT(string_keys); i++) {
        const char *s = *(char *const *)member_const(from, string_keys[i].at);
        if (s && *s)
            gguf_set_val_str(g, string_keys[i].key, s);
    }
    for (size_t i = 0; i < COUNT(float_keys); i++) {
        const float x = *(const float *)member_const(from, float_keys[i].at);
        if (!isnan(x))
            gguf_set_val_f32(g, float_keys[i].key, x);
    }
    for (size_t i = 0; i < COUNT(int_keys); i++) {
        const int x = *(const int *)member_const(from, int_keys[i].at);
        if (x != int_keys[i].unknown)
            gguf_set_val_i32(g, int_keys[i].key, x);
    }
}

/* values: room for n_layer floats. */
static void put_layers(struct gguf_context *g, const persona_vector *v, float *values)
{
    for (size_t k = 0; k < COUNT(layer_keys); k++) {
        bool known = false;
        for (int b = 0; b < v->n_layer; b++) {
            values[b] = layer_value(v, b, layer_keys[k].at);
            known = known || !isnan(values[b]);
        }
        if (known)
            gguf_set_arr_data(g, layer_keys[k].key, GGUF_TYPE_FLOAT32, values, (size_t)v->n_layer);
    }
}

static void put_directions(struct gguf_context *g, struct ggml_context *tensors,
                           const persona_vector *v)
{
    for (int b = 1; b < v->n_layer; b++) {
        if (!v->layers[b].present)
            continue;
        struct ggml_tensor *t = ggml_new_tensor_1d(tensors, GGML_TYPE_F32, v->n_embd);
        ggml_format_name(t, "%s%d", prefix, b);
        gguf_add_tensor(g, t);
        gguf_set_tensor_data(g, t->name, persona_vector_row(v, b));
    }
}

static int count_directions(const persona_vector *v)
{
    int n = 0;
    for (int b = 1; b < v->n_layer; b++)
        n += v->layers[b].present;
    return n;
}

persona_code persona_vector_write(const persona_vector *v, const char *path, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    struct gguf_context *g = NULL;
    struct ggml_context *tensors = NULL;
    float *values = NULL;
    file_out file = {0};
    const int n = count_directions(v);
    if (n == 0)
        return persona_err_set(e, PERSONA_E_SHAPE,
                               "%s: the vector has no direction after block 0, nothing to write",
                               path);
    values = mem_calloc((size_t)v->n_layer, sizeof *values);
    g = gguf_init_empty();
    tensors = ggml_init((struct ggml_init_params){
        .mem_size = (size_t)(n + 1) * ggml_tensor_overhead(), .no_alloc = true});
    if (!values || !g || !tensors) {
        rc = mem_err(e, path);
        goto out;
    }
    gguf_set_val_str(g, "general.architecture", architecture);
    gguf_set_val_str(g, "controlvector.model_hint", v->from.model_arch);
    gguf_set_val_u32(g, "controlvector.layer_count", (uint32_t)n);
    put_provenance(g, v);
    put_layers(g, v, values);
    put_directions(g, tensors, v);
    rc = file_out_open(&file, path, e);
    if (rc != PERSONA_OK)
        goto out;
    /* A failing write leaves its mark on the stream; commit reports it with the reason. */
    if (!gguf_write_to_file_ptr(g, file.fp, false) && !ferror(file.fp)) {
        file_out_abort(&file);
        rc = persona_err_set(e, PERSONA_E_IO, "%s: cannot write the vector", path);
        goto out;
    }
    rc = file_out_commit(&file, e);
out:
    if (tensors)
        ggml_free(tensors);
    if (g)
        gguf_free(g);
    mem_free(values);
    return rc;
}

/* ---- reading: header ------------------------------------------------------------------------ */

typedef struct source {
    const char *path;
    const unsigned char *p; /* (len) the file */
    size_t len;
    struct gguf_context *g;
    persona_err *e;
} source;

/* The N of "direction.N", or -1: only plain decimals without leading zeros, up to MAX_INDEX + 1. */
static int parse_index(const char *s, size_t len)
{
    int n = 0;
    if (len == 0 || (s[0] == '0' && len > 1))
        return -1;
    for (size_t i = 0; i < len; i++) {
        if (s[i] < '0' || s[i] > '9')
            return -1;
        n = n * 10 + (s[i] - '0');
        if (n > MAX_INDEX)
            return MAX_INDEX + 1;
    }
    return n;
}

/* ggml refuses doubled names without saying which. Names stand in the header as a 64-bit length and
 * the bytes; the first name found twice is the answer, -1 if there is none. */
static int find_doubled(const source *s)
{
    bool seen[MAX_INDEX + 1] = {false};
    for (size_t i = 8; i + PREFIX_LEN < s->len; i++) {
        uint64_t n;
        if (s->p[i] != 'd' || memcmp(s->p + i, prefix, PREFIX_LEN) != 0)
            continue;
        memcpy(&n, s->p + i - 8, sizeof n);
        if (n <= PREFIX_LEN || n > PREFIX_LEN + 5 || n > s->len - i)
            continue;
        const int index = parse_index((const char *)s->p + i + PREFIX_LEN, (size_t)n - PREFIX_LEN);
        if (index < 0 || index > MAX_INDEX)
            continue;
        if (seen[index])
            return index;
        seen[index] = true;
    }
    return -1;
}

static void silent(enum ggml_log_level level, const char *text, void *ud)
{
    (void)level;
    (void)text;
    (void)ud;
}

/* The messages are ours to give, and a library does not print: ggml's default log goes, once.
 * Whatever else is set, the engine's hook or the caller's own, stays. */
static void hush(void)
{
    ggml_log_callback log, fallback;
    void *ud, *none;
    ggml_log_get(&log, &ud);
    ggml_log_set(NULL, NULL);
    ggml_log_get(&fallback, &none);
    if (log == fallback)
        ggml_log_set(silent, NULL);
    else
        ggml_log_set(log, ud);
}

static persona_code parse_header(source *s)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    if (s->len < 4 || memcmp(s->p, GGUF_MAGIC, 4) != 0)
        return persona_err_set(s->e, PERSONA_E_FORMAT, "%s: not a GGUF file", s->path);
    pthread_once(&once, hush);
    s->g = gguf_init_from_buffer(s->p, s->len, (struct gguf_init_params){.no_alloc = true});
    if (s->g)
        return PERSONA_OK;
    const int doubled = find_doubled(s);
    if (doubled >= 0)
        return persona_err_set(s->e, PERSONA_E_FORMAT, "%s: tensor 'direction.%d' occurs twice",
                               s->path, doubled);
    return persona_err_set(s->e, PERSONA_E_FORMAT, "%s: damaged or truncated GGUF header", s->path);
}

/* The key's id if it is there with this type; -1 otherwise, *rc telling absence from a wrong
 * type. */
static int64_t find_key(const source *s, const char *key, enum gguf_type type, persona_code *rc)
{
    const int64_t id = gguf_find_key(s->g, key);
    *rc = PERSONA_OK;
    if (id < 0 || gguf_get_kv_type(s->g, id) == type)
        return id;
    *rc =
        persona_err_set(s->e, PERSONA_E_FORMAT, "%s: key '%s' is of type %s (expected %s)", s->path,
                        key, gguf_type_name(gguf_get_kv_type(s->g, id)), gguf_type_name(type));
    return -1;
}

static int64_t find_array(const source *s, const char *key, enum gguf_type type, size_t n,
                          persona_code *rc)
{
    const int64_t id = find_key(s, key, GGUF_TYPE_ARRAY, rc);
    if (id < 0)
        return -1;
    const enum gguf_type found = gguf_get_arr_type(s->g, id);
    const size_t have = gguf_get_arr_n(s->g, id);
    if (found == type && have == n)
        return id;
    *rc = persona_err_set(s->e, PERSONA_E_FORMAT,
                          "%s: key '%s' holds %zu values of type %s (expected %zu of %s)", s->path,
                          key, have, gguf_type_name(found), n, gguf_type_name(type));
    return -1;
}

static persona_code check_architecture(const source *s)
{
    persona_code rc;
    const int64_t id = find_key(s, "general.architecture", GGUF_TYPE_STRING, &rc);
    if (rc != PERSONA_OK)
        return rc;
    if (id < 0)
        return persona_err_set(s->e, PERSONA_E_FORMAT,
                               "%s: key 'general.architecture' is missing (expected \"%s\")",
                               s->path, architecture);
    const char *found = gguf_get_val_str(s->g, id);
    if (strcmp(found, architecture) != 0)
        return persona_err_set(s->e, PERSONA_E_FORMAT,
                               "%s: general.architecture is \"%.60s\" (expected \"%s\"; is this a "
                               "model?)",
                               s->path, found, architecture);
    return PERSONA_OK;
}

/* ---- reading: tensors ----------------------------------------------------------------------- */

static persona_code bad_tensor(const source *s, int64_t i, const char *what)
{
    return persona_err_set(s->e, PERSONA_E_FORMAT, "%s: tensor '%.64s' %s", s->path,
                           gguf_get_tensor_name(s->g, i), what);
}

/* Checks tensor i by itself; *index and *width are its block and length. */
static persona_code check_tensor(const source *s, int64_t i, int *index, int64_t *width)
{
    const char *name = gguf_get_tensor_name(s->g, i);
    const int64_t *ne = gguf_get_tensor_ne(s->g, i);
    if (strncmp(name, prefix, PREFIX_LEN) != 0)
        return bad_tensor(s, i, "is not a direction (expected direction.N)");
    *index = parse_index(name + PREFIX_LEN, strlen(name + PREFIX_LEN));
    if (*index == 0)
        return bad_tensor(s, i,
                          "stands for block 0, which llama.cpp cannot steer and would reject "
                          "(remove it)");
    if (*index < 0 || *index > MAX_INDEX)
        return bad_tensor(s, i,
                          "has no usable layer number (expected direction.1 to "
                          "direction.4096)");
    if (gguf_get_tensor_type(s->g, i) != GGML_TYPE_F32)
        return bad_tensor(s, i, "is not F32 (expected F32)");
    for (int d = 1; d < GGML_MAX_DIMS; d++)
        if (ne[d] != 1)
            return bad_tensor(s, i, "has more than one dimension (expected one)");
    if (ne[0] < 1 || ne[0] > MAX_WIDTH)
        return bad_tensor(s, i, "has a width out of range (expected 1 to 1048576)");
    *width = ne[0];
    return PERSONA_OK;
}

/* All tensors, before anything is allocated: the highest block and the common width. */
static persona_code survey(const source *s, int *highest, int64_t *width)
{
    const int64_t n = gguf_get_n_tensors(s->g);
    if (n == 0)
        return persona_err_set(s->e, PERSONA_E_FORMAT, "%s: holds no direction", s->path);
    *highest = 0;
    for (int64_t i = 0; i < n; i++) {
        int index = 0;
        int64_t w = 0;
        persona_code rc = check_tensor(s, i, &index, &w);
        if (rc != PERSONA_OK)
            return rc;
        if (i > 0 && w != *width)
            return persona_err_set(s->e, PERSONA_E_FORMAT,
                                   "%s: tensor '%s' has width %lld (expected %lld, as '%s' has)",
                                   s->path, gguf_get_tensor_name(s->g, i), (long long)w,
                                   (long long)*width, gguf_get_tensor_name(s->g, 0));
        *width = w;
        *highest = index > *highest ? index : *highest;
    }
    return PERSONA_OK;
}

static persona_code read_directions(const source *s, persona_vector *v)
{
    const size_t bytes = (size_t)v->n_embd * sizeof(float), base = gguf_get_data_offset(s->g);
    persona_code rc = PERSONA_OK;
    float *row = mem_calloc((size_t)v->n_embd, sizeof *row);
    if (!row)
        return mem_err(s->e, s->path);
    for (int64_t i = 0; i < gguf_get_n_tensors(s->g); i++) {
        const char *name = gguf_get_tensor_name(s->g, i);
        const size_t offset = gguf_get_tensor_offset(s->g, i);
        const int block = parse_index(name + PREFIX_LEN, strlen(name + PREFIX_LEN));
        if (base > s->len || offset > s->len - base || bytes > s->len - base - offset) {
            rc = bad_tensor(s, i, "ends behind the end of the file (truncated?)");
            goto out;
        }
        if (v->layers[block].present) {
            rc = bad_tensor(s, i, "occurs twice");
            goto out;
        }
        memcpy(row, s->p + base + offset, bytes);
        rc = persona_vector_set(v, block, row, s->e);
        if (rc != PERSONA_OK) {
            persona_err_wrap(s->e, "%s: tensor '%s'", s->path, name);
            goto out;
        }
    }
out:
    mem_free(row);
    return rc;
}

/* ---- reading: keys -------------------------------------------------------------------------- */

/* n_layer of the model when the file knows it; else the last block is taken to be uncaptured. */
static persona_code read_n_layer(const source *s, int highest, int *n_layer)
{
    persona_code rc;
    const int64_t id = find_key(s, "persona.n_layer", GGUF_TYPE_UINT32, &rc);
    *n_layer = highest + 2;
    if (id < 0)
        return rc;
    const uint32_t n = gguf_get_val_u32(s->g, id);
    if (n <= (uint32_t)highest || n > MAX_INDEX + 2)
        return persona_err_set(s->e, PERSONA_E_FORMAT,
                               "%s: key 'persona.n_layer' is %lu (expected %d to %d)", s->path,
                               (unsigned long)n, highest + 1, MAX_INDEX + 2);
    *n_layer = (int)n;
    return PERSONA_OK;
}

static persona_code read_label(const source *s, const char *key, char **field)
{
    persona_code rc;
    const int64_t id = find_key(s, key, GGUF_TYPE_STRING, &rc);
    return id < 0 ? rc : persona_vector_label(field, gguf_get_val_str(s->g, id), s->e);
}

static persona_code read_strings(const source *s, persona_provenance *from)
{
    for (size_t i = 0; i < COUNT(string_keys); i++) {
        persona_code rc = read_label(s, string_keys[i].key, member(from, string_keys[i].at));
        if (rc != PERSONA_OK)
            return rc;
    }
    if (from->model_arch[0] != '\0')
        return PERSONA_OK;
    return read_label(s, "controlvector.model_hint", &from->model_arch);
}

static persona_code read_numbers(const source *s, persona_vector *v)
{
    persona_provenance *from = &v->from;
    persona_code rc;
    int64_t id;
    for (size_t i = 0; i < COUNT(float_keys); i++) {
        id = find_key(s, float_keys[i].key, GGUF_TYPE_FLOAT32, &rc);
        if (rc != PERSONA_OK)
            return rc;
        float *x = member(from, float_keys[i].at);
        if (id >= 0)
            *x = gguf_get_val_f32(s->g, id);
        if (isinf(*x))
            return persona_err_set(s->e, PERSONA_E_NUMERIC, "%s: key '%s' is infinite", s->path,
                                   float_keys[i].key);
    }
    for (size_t i = 0; i < COUNT(int_keys); i++) {
        id = find_key(s, int_keys[i].key, GGUF_TYPE_INT32, &rc);
        if (rc != PERSONA_OK)
            return rc;
        if (id >= 0)
            *(int *)member(from, int_keys[i].at) = gguf_get_val_i32(s->g, id);
    }
    if (from->best_layer < -1 || from->best_layer >= v->n_layer)
        return persona_err_set(s->e, PERSONA_E_FORMAT,
                               "%s: key 'persona.layer.best' is %d (expected -1 to %d)", s->path,
                               from->best_layer, v->n_layer - 1);
    id = find_key(s, "persona.seed", GGUF_TYPE_UINT32, &rc);
    if (id >= 0)
        from->seed = gguf_get_val_u32(s->g, id);
    return rc;
}

static persona_code read_arrays(const source *s, persona_vector *v)
{
    persona_code rc;
    int32_t counts[4];
    const int64_t id = find_array(s, "persona.counts", GGUF_TYPE_INT32, 4, &rc);
    if (rc != PERSONA_OK)
        return rc;
    if (id >= 0) {
        memcpy(counts, gguf_get_arr_data(s->g, id), sizeof counts);
        v->from.n_generated_pos = counts[0];
        v->from.n_generated_neg = counts[1];
        v->from.n_kept_pos = counts[2];
        v->from.n_kept_neg = counts[3];
    }
    for (size_t k = 0; k < COUNT(layer_keys); k++) {
        const int64_t at =
            find_array(s, layer_keys[k].key, GGUF_TYPE_FLOAT32, (size_t)v->n_layer, &rc);
        if (rc != PERSONA_OK)
            return rc;
        if (at < 0)
            continue;
        const unsigned char *values = gguf_get_arr_data(s->g, at);
        for (int b = 0; b < v->n_layer; b++)
            memcpy(member(&v->layers[b], layer_keys[k].at), values + (size_t)b * sizeof(float),
                   sizeof(float));
    }
    return PERSONA_OK;
}

persona_code persona_vector_read(const char *path, persona_vector **out, persona_err *e)
{
    char *bytes = NULL;
    persona_vector *v = NULL;
    source s = {.path = path, .e = e};
    int highest = 0, n_layer = 0;
    int64_t width = 0;
    *out = NULL;
    persona_code rc = file_read(path, FILE_MAX, &bytes, &s.len, e);
    if (rc != PERSONA_OK)
        goto out;
    s.p = (const unsigned char *)bytes;
    if ((rc = parse_header(&s)) || (rc = check_architecture(&s)) ||
        (rc = survey(&s, &highest, &width)) || (rc = read_n_layer(&s, highest, &n_layer)))
        goto out;
    rc = persona_vector_new(n_layer, (int)width, &v, e);
    if (rc != PERSONA_OK) {
        persona_err_wrap(e, "%s", path);
        goto out;
    }
    if ((rc = read_directions(&s, v)) || (rc = read_strings(&s, &v->from)) ||
        (rc = read_numbers(&s, v)) || (rc = read_arrays(&s, v)))
        goto out;
    *out = v;
    v = NULL;
out:
    persona_vector_free(v);
    if (s.g)
        gguf_free(s.g);
    mem_free(bytes);
    return rc;
}
