/* SPDX-License-Identifier: MIT
 *
 * random_model.c - the tensors of an architecture are a table; the file is written header first,
 * then tensor by tensor.
 *
 * Weights are normal with a standard deviation of 1/sqrt(inputs), what writes into the residual
 * stream of 1/sqrt(2 blocks) of that: every row of the stream starts with a mean square near 1 and
 * ends with about 2, at any depth. A tensor of more than POOL weights is dealt out of POOL of them
 * in random runs of RUN, already quantized: with ten billion weights, drawing and quantizing each
 * is the difference between minutes and an hour, and no row comes out twice.
 */
#include "random_model.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <ggml.h>
#include <gguf.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"

#define POOL ((size_t)1 << 18)
#define RUN 256
#define MAX_VOCAB (1 << 20)
#define MAX_BLOCKS 512

/* ---- types ----------------------------------------------------------------------------------- */

static const struct weight_type {
    const char *name;
    enum ggml_type type;
    uint32_t file_type; /* llama_ftype */
} TYPES[] = {
    {"F32", GGML_TYPE_F32, 0},   {"F16", GGML_TYPE_F16, 1},    {"BF16", GGML_TYPE_BF16, 32},
    {"Q8_0", GGML_TYPE_Q8_0, 7}, {"Q4_K", GGML_TYPE_Q4_K, 14}, {"MXFP4", GGML_TYPE_MXFP4, 38},
};

static const struct weight_type *type_of(const char *name)
{
    for (size_t i = 0; name != NULL && i < sizeof TYPES / sizeof TYPES[0]; i++) {
        if (strcmp(TYPES[i].name, name) == 0) {
            return &TYPES[i];
        }
    }
    return NULL;
}

/* Rows that are no multiple of a type's blocks get the type that llama-quantize takes instead. */
static enum ggml_type fitting(enum ggml_type want, int64_t row)
{
    if (row % ggml_blck_size(want) == 0) {
        return want;
    }
    return row % ggml_blck_size(GGML_TYPE_Q5_0) == 0 ? GGML_TYPE_Q5_0 : GGML_TYPE_F16;
}

/* ---- tensors --------------------------------------------------------------------------------- */

typedef enum dim { NONE, WIDTH, VOCAB, Q, KV, FF, EXPERTS, HEADS } dim;
/* What a tensor is for decides on its standard deviation and type. */
typedef enum fill {
    NORM,         /* ones, F32 */
    BIAS,         /* 0.02, F32 */
    SINK,         /* 1, F32 */
    ROUTE,        /* 1/sqrt(inputs), F32 */
    EMBED,        /* 1 */
    MIX,          /* 1/sqrt(inputs) */
    WRITE,        /* into the residual stream: 1/sqrt(inputs * 2 blocks) */
    MIX_EXPERT,   /* as MIX, in the experts' type */
    WRITE_EXPERT, /* as WRITE */
    LOGITS,       /* as MIX, in the better type that llama-quantize keeps for it */
} fill;

typedef struct rule {
    const char *name; /* %d is the block */
    dim shape[3];
    fill fill;
} rule;

static const rule QWEN2[] = {
    {"blk.%d.attn_norm.weight", {WIDTH}, NORM}, {"blk.%d.attn_q.weight", {WIDTH, Q}, MIX},
    {"blk.%d.attn_q.bias", {Q}, BIAS},          {"blk.%d.attn_k.weight", {WIDTH, KV}, MIX},
    {"blk.%d.attn_k.bias", {KV}, BIAS},         {"blk.%d.attn_v.weight", {WIDTH, KV}, MIX},
    {"blk.%d.attn_v.bias", {KV}, BIAS},         {"blk.%d.attn_output.weight", {Q, WIDTH}, WRITE},
    {"blk.%d.ffn_norm.weight", {WIDTH}, NORM},  {"blk.%d.ffn_gate.weight", {WIDTH, FF}, MIX},
    {"blk.%d.ffn_up.weight", {WIDTH, FF}, MIX}, {"blk.%d.ffn_down.weight", {FF, WIDTH}, WRITE},
};

static const rule GPT_OSS[] = {
    {"blk.%d.attn_norm.weight", {WIDTH}, NORM},
    {"blk.%d.attn_q.weight", {WIDTH, Q}, MIX},
    {"blk.%d.attn_q.bias", {Q}, BIAS},
    {"blk.%d.attn_k.weight", {WIDTH, KV}, MIX},
    {"blk.%d.attn_k.bias", {KV}, BIAS},
    {"blk.%d.attn_v.weight", {WIDTH, KV}, MIX},
    {"blk.%d.attn_v.bias", {KV}, BIAS},
    {"blk.%d.attn_output.weight", {Q, WIDTH}, WRITE},
    {"blk.%d.attn_output.bias", {WIDTH}, BIAS},
    {"blk.%d.attn_sinks.weight", {HEADS}, SINK},
    {"blk.%d.post_attention_norm.weight", {WIDTH}, NORM},
    {"blk.%d.ffn_gate_inp.weight", {WIDTH, EXPERTS}, ROUTE},
    {"blk.%d.ffn_gate_inp.bias", {EXPERTS}, BIAS},
    {"blk.%d.ffn_gate_exps.weight", {WIDTH, FF, EXPERTS}, MIX_EXPERT},
    {"blk.%d.ffn_gate_exps.bias", {FF, EXPERTS}, BIAS},
    {"blk.%d.ffn_up_exps.weight", {WIDTH, FF, EXPERTS}, MIX_EXPERT},
    {"blk.%d.ffn_up_exps.bias", {FF, EXPERTS}, BIAS},
    {"blk.%d.ffn_down_exps.weight", {FF, WIDTH, EXPERTS}, WRITE_EXPERT},
    {"blk.%d.ffn_down_exps.bias", {WIDTH, EXPERTS}, BIAS},
};

/* LayerNorm without a bias; attention and feed-forward side by side. */
static const rule COMMAND_R[] = {
    {"blk.%d.attn_norm.weight", {WIDTH}, NORM},
    {"blk.%d.attn_q.weight", {WIDTH, Q}, MIX},
    {"blk.%d.attn_k.weight", {WIDTH, KV}, MIX},
    {"blk.%d.attn_v.weight", {WIDTH, KV}, MIX},
    {"blk.%d.attn_output.weight", {Q, WIDTH}, WRITE},
    {"blk.%d.ffn_gate.weight", {WIDTH, FF}, MIX},
    {"blk.%d.ffn_up.weight", {WIDTH, FF}, MIX},
    {"blk.%d.ffn_down.weight", {FF, WIDTH}, WRITE},
};

/* Tied embeddings let a random model repeat its last token for ever: only where libllama wants them
 * so, the last one is missing. */
static const rule ENDS[] = {
    {"token_embd.weight", {WIDTH, VOCAB}, EMBED},
    {"output_norm.weight", {WIDTH}, NORM},
    {"output.weight", {WIDTH, VOCAB}, LOGITS},
};

static const struct architecture {
    const char *name;
    const rule *block;
    size_t n;
    bool tied, centers; /* LayerNorm */
} ARCHITECTURES[] = {
    {"qwen2", QWEN2, sizeof QWEN2 / sizeof QWEN2[0], false, false},
    {"gpt-oss", GPT_OSS, sizeof GPT_OSS / sizeof GPT_OSS[0], false, false},
    {"command-r", COMMAND_R, sizeof COMMAND_R / sizeof COMMAND_R[0], true, true},
};

static const struct architecture *architecture_of(const char *name)
{
    for (size_t i = 0; i < sizeof ARCHITECTURES / sizeof ARCHITECTURES[0]; i++) {
        if (name != NULL && strcmp(ARCHITECTURES[i].name, name) == 0) {
            return &ARCHITECTURES[i];
        }
    }
    return NULL;
}

static bool has_experts(const random_model *m)
{
    return strcmp(m->arch, "gpt-oss") == 0;
}

static int64_t size_of(const random_model *m, dim d)
{
    const int64_t sizes[] = {[NONE] = 1,
                             [WIDTH] = m->width,
                             [VOCAB] = m->vocab,
                             [Q] = (int64_t)m->heads * m->head_dim,
                             [KV] = (int64_t)m->kv_heads * m->head_dim,
                             [FF] = m->ff,
                             [EXPERTS] = m->experts,
                             [HEADS] = m->heads};
    return sizes[d];
}

/* ---- the header ------------------------------------------------------------------------------ */

typedef struct writing {
    random_model m;
    const struct architecture *arch;
    struct gguf_context *meta;
    struct ggml_context *tensors; /* descriptions in the order of the file; no data */
    float *pool;                  /* POOL weights, and the same quantized */
    unsigned char *packed;
    file_out out;
    uint64_t n_written; /* tensors */
} writing;

static persona_code check(const random_model *m, persona_err *e)
{
    const struct {
        const char *name;
        int value, min, max;
    } limits[] = {
        {"width", m->width, 32, 1 << 16},
        {"blocks", m->blocks, 2, MAX_BLOCKS},
        {"heads", m->heads, 1, 1 << 10},
        {"kv-heads", m->kv_heads, 1, m->heads},
        {"head-dim", m->head_dim, 2, 1 << 10},
        {"ff", m->ff, 32, 1 << 18},
        {"vocab", m->vocab, 0, MAX_VOCAB},
        {"context", m->context, 16, 1 << 24},
        {"experts", m->experts, has_experts(m) ? 1 : 0, has_experts(m) ? 1 << 10 : 0},
        {"experts-used", m->experts_used, has_experts(m) ? 1 : 0, m->experts},
        {"window", m->window, has_experts(m) ? 1 : 0, 1 << 24},
    };
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        if (limits[i].value < limits[i].min || limits[i].value > limits[i].max) {
            return persona_err_set(e, PERSONA_E_USAGE, "random model: %s = %d is outside %d..%d",
                                   limits[i].name, limits[i].value, limits[i].min, limits[i].max);
        }
    }
    if (m->heads % m->kv_heads != 0 || m->head_dim % 2 != 0) {
        return persona_err_set(e, PERSONA_E_USAGE,
                               "random model: %d heads of %d for %d of keys (a multiple, even "
                               "sizes)",
                               m->heads, m->head_dim, m->kv_heads);
    }
    const char *expert = m->expert_type != NULL ? m->expert_type : m->type;
    if (type_of(m->type) == NULL || type_of(expert) == NULL) {
        return persona_err_set(e, PERSONA_E_USAGE,
                               "random model: no type '%s' (F32, F16, BF16, Q8_0, Q4_K, MXFP4)",
                               type_of(m->type) == NULL ? m->type : expert);
    }
    return PERSONA_OK;
}

/* Fills the list of tokens up to m.vocab with unused ones, as published models do. */
static persona_code pad_vocabulary(writing *w, const char *path, persona_err *e)
{
    const char *keys[] = {"tokenizer.ggml.tokens", "tokenizer.ggml.token_type"};
    const int64_t words = gguf_find_key(w->meta, keys[0]), kinds = gguf_find_key(w->meta, keys[1]);
    if (words < 0 || kinds < 0 || gguf_get_arr_type(w->meta, kinds) != GGUF_TYPE_INT32 ||
        gguf_get_arr_n(w->meta, words) != gguf_get_arr_n(w->meta, kinds) ||
        gguf_find_key(w->meta, "tokenizer.ggml.scores") >= 0) {
        return persona_err_set(e, PERSONA_E_FORMAT,
                               "%s: %s, %s: no vocabulary without scores (give a model with "
                               "byte-pair tokens)",
                               path, keys[0], keys[1]);
    }
    const size_t have = gguf_get_arr_n(w->meta, words);
    const size_t want = w->m.vocab == 0 ? have : (size_t)w->m.vocab;
    if (want < have || want > MAX_VOCAB) {
        return persona_err_set(e, PERSONA_E_USAGE,
                               "random model: vocab = %zu is outside %zu..%d (%s has %zu tokens)",
                               want, have, MAX_VOCAB, path, have);
    }
    w->m.vocab = (int)want;
    const char **list = mem_calloc(want, sizeof *list);
    char(*names)[32] = mem_calloc(want - have, sizeof *names);
    int32_t *kind = mem_calloc(want, sizeof *kind);
    persona_code rc = PERSONA_OK;
    if (list == NULL || names == NULL || kind == NULL) {
        rc = mem_err(e, "a vocabulary");
        goto out;
    }
    memcpy(kind, gguf_get_arr_data(w->meta, kinds), have * sizeof *kind);
    for (size_t i = 0; i < want; i++) {
        if (i >= have) {
            snprintf(names[i - have], sizeof *names, "[PAD%zu]", i);
            kind[i] = 5; /* LLAMA_TOKEN_TYPE_UNUSED */
        }
        list[i] = i < have ? gguf_get_arr_str(w->meta, words, i) : names[i - have];
    }
    struct gguf_context *fresh = gguf_init_empty(); /* list points into meta */
    gguf_set_kv(fresh, w->meta);
    gguf_set_arr_str(fresh, keys[0], list, want);
    gguf_set_arr_data(fresh, keys[1], GGUF_TYPE_INT32, kind, want);
    gguf_free(w->meta);
    w->meta = fresh;
out:
    mem_free(kind);
    mem_free(names);
    mem_free(list);
    return rc;
}

/* Tokenizer and chat template of another model, nothing else of it. */
static persona_code copy_vocabulary(writing *w, const char *path, persona_err *e)
{
    const struct gguf_init_params params = {.no_alloc = true};
    struct gguf_context *from = gguf_init_from_file(path, params);
    if (from == NULL) {
        return persona_err_set(e, PERSONA_E_FORMAT,
                               "%s: cannot be read as GGUF (the vocabulary comes from there)",
                               path);
    }
    gguf_set_kv(w->meta, from);
    for (int64_t i = 0; i < gguf_get_n_kv(from); i++) {
        if (strncmp(gguf_get_key(from, i), "tokenizer.", 10) != 0) {
            gguf_remove_key(w->meta, gguf_get_key(from, i));
        }
    }
    gguf_free(from);
    return pad_vocabulary(w, path, e);
}

static void set_u32(writing *w, const char *key, int value)
{
    char name[96];
    snprintf(name, sizeof name, "%s.%s", w->m.arch, key);
    gguf_set_val_u32(w->meta, name, (uint32_t)value);
}

static void set_f32(writing *w, const char *key, float value)
{
    char name[96];
    snprintf(name, sizeof name, "%s.%s", w->m.arch, key);
    gguf_set_val_f32(w->meta, name, value);
}

static void set_shape(writing *w)
{
    const random_model *m = &w->m;
    char name[96];
    snprintf(name, sizeof name, "random %s %dx%d %s", m->arch, m->blocks, m->width, m->type);
    gguf_set_val_str(w->meta, "general.architecture", m->arch);
    gguf_set_val_str(w->meta, "general.name", name);
    gguf_set_val_u32(w->meta, "general.file_type", type_of(m->type)->file_type);
    set_u32(w, "context_length", m->context);
    set_u32(w, "embedding_length", m->width);
    set_u32(w, "block_count", m->blocks);
    set_u32(w, "feed_forward_length", m->ff);
    set_u32(w, "attention.head_count", m->heads);
    set_u32(w, "attention.head_count_kv", m->kv_heads);
    set_u32(w, "attention.key_length", m->head_dim);
    set_u32(w, "attention.value_length", m->head_dim);
    set_u32(w, "rope.dimension_count", m->head_dim);
    set_f32(w,
            w->arch->centers ? "attention.layer_norm_epsilon" : "attention.layer_norm_rms_epsilon",
            has_experts(m) ? 1e-5F : 1e-6F);
    set_f32(w, "rope.freq_base", m->rope_base);
    set_u32(w, "vocab_size", m->vocab);
    if (has_experts(m)) {
        set_u32(w, "expert_count", m->experts);
        set_u32(w, "expert_used_count", m->experts_used);
        set_u32(w, "expert_feed_forward_length", m->ff);
        set_u32(w, "attention.sliding_window", m->window);
    }
    if (m->yarn > 0) {
        snprintf(name, sizeof name, "%s.rope.scaling.type", m->arch);
        gguf_set_val_str(w->meta, name, "yarn");
        set_f32(w, "rope.scaling.factor", m->yarn);
        set_u32(w, "rope.scaling.original_context_length", (int)((float)m->context / m->yarn));
    }
}

static enum ggml_type stored_as(const random_model *m, fill f, int64_t row)
{
    const char *expert = m->expert_type != NULL ? m->expert_type : m->type;
    const enum ggml_type dense = type_of(m->type)->type;
    switch (f) {
    case EMBED:
    case MIX:
    case WRITE:
        return fitting(dense, row);
    case MIX_EXPERT:
    case WRITE_EXPERT:
        return fitting(type_of(expert)->type, row);
    case LOGITS:
        return fitting(dense == GGML_TYPE_Q4_K ? GGML_TYPE_Q6_K : dense, row);
    case NORM:
    case BIAS:
    case SINK:
    case ROUTE:
        break;
    }
    return GGML_TYPE_F32;
}

/* Tensors in the order of the file: ends, then block by block. */
static size_t n_ends(const writing *w)
{
    return sizeof ENDS / sizeof ENDS[0] - (w->arch->tied ? 1 : 0);
}

static size_t n_tensors(const writing *w)
{
    return n_ends(w) + (size_t)w->m.blocks * w->arch->n;
}

static const rule *rule_of(const writing *w, size_t i, int *block)
{
    const size_t ends = n_ends(w);
    *block = i < ends ? -1 : (int)((i - ends) / w->arch->n);
    return i < ends ? &ENDS[i] : &w->arch->block[(i - ends) % w->arch->n];
}

static persona_code describe_tensors(writing *w, persona_err *e)
{
    const struct ggml_init_params params = {.mem_size = (n_tensors(w) + 1) * ggml_tensor_overhead(),
                                            .no_alloc = true};
    w->tensors = ggml_init(params);
    if (w->tensors == NULL) {
        return mem_err(e, "tensors");
    }
    for (size_t i = 0; i < n_tensors(w); i++) {
        int block;
        const rule *r = rule_of(w, i, &block);
        int64_t ne[3] = {1, 1, 1};
        int n = 0;
        while (n < 3 && r->shape[n] != NONE) {
            ne[n] = size_of(&w->m, r->shape[n]);
            n++;
        }
        struct ggml_tensor *t =
            ggml_new_tensor(w->tensors, stored_as(&w->m, r->fill, ne[0]), n, ne);
        char name[GGML_MAX_NAME];
        if (block < 0) {
            snprintf(name, sizeof name, "%s", r->name);
        } else { /* every name of a block begins with "blk.%d." */
            snprintf(name, sizeof name, "blk.%d%s", block, strchr(r->name + 4, '.'));
        }
        ggml_set_name(t, name);
        gguf_add_tensor(w->meta, t);
    }
    return PERSONA_OK;
}

/* ---- the data -------------------------------------------------------------------------------- */

static double deviation(const writing *w, const rule *r, const struct ggml_tensor *t)
{
    const double mixes = 1.0 / sqrt((double)t->ne[0]);
    const double writes = mixes / sqrt(2.0 * w->m.blocks);
    const double by_fill[] = {[NORM] = 0,       [BIAS] = 0.02,        [SINK] = 1,
                              [ROUTE] = mixes,  [EMBED] = 1,          [MIX] = mixes,
                              [WRITE] = writes, [MIX_EXPERT] = mixes, [WRITE_EXPERT] = writes,
                              [LOGITS] = mixes};
    return by_fill[r->fill];
}

/* n weights quantized into w->packed; returns their bytes. */
static size_t pack(writing *w, enum ggml_type type, size_t n)
{
    const size_t whole = n - n % RUN;
    size_t bytes = 0;
    if (whole > 0) {
        bytes = ggml_quantize_chunk(type, w->pool, w->packed, 0, (int64_t)(whole / RUN), RUN, NULL);
    }
    if (n > whole) { /* rows are multiples of the type's block */
        bytes += ggml_quantize_chunk(type, w->pool + whole, w->packed + bytes, 0, 1,
                                     (int64_t)(n - whole), NULL);
    }
    return bytes;
}

/* Writing errors stay in the stream and are reported by the commit. */
static void write_tensor(writing *w, const rule *r, const struct ggml_tensor *t)
{
    static const unsigned char NOTHING[GGUF_DEFAULT_ALIGNMENT];
    const size_t n = (size_t)ggml_nelements(t), drawn = n < POOL ? n : POOL;
    const double sd = deviation(w, r, t), mean = r->fill == NORM ? 1.0 : 0.0;
    rng g;
    rng_seed(&g, w->m.seed, w->n_written++);
    for (size_t i = 0; i < drawn; i++) {
        w->pool[i] = (float)(mean + (sd > 0 ? sd * rng_normal(&g) : 0.0));
    }
    const size_t bytes = pack(w, t->type, drawn);
    const size_t run = ggml_row_size(t->type, RUN), total = ggml_nbytes(t);
    size_t left = total;
    if (n <= POOL) {
        left -= fwrite(w->packed, 1, bytes, w->out.fp);
    }
    while (left > 0 && !ferror(w->out.fp)) {
        const size_t at = rng_below(&g, (uint32_t)(POOL / RUN)) * run;
        left -= fwrite(w->packed + at, 1, left < run ? left : run, w->out.fp);
    }
    const size_t odd = total % sizeof NOTHING;
    if (odd > 0) {
        (void)!fwrite(NOTHING, 1, sizeof NOTHING - odd, w->out.fp);
    }
}

static persona_code write_file(writing *w, const char *path, persona_err *e)
{
    w->pool = mem_calloc(POOL, sizeof *w->pool);
    w->packed = mem_calloc(POOL, sizeof *w->pool);
    if (w->pool == NULL || w->packed == NULL) {
        return mem_err(e, "weights");
    }
    persona_code rc = file_out_open(&w->out, path, e);
    if (rc != PERSONA_OK) {
        return rc;
    }
    (void)gguf_write_to_file_ptr(w->meta, w->out.fp, true);
    for (size_t i = 0; i < n_tensors(w) && !ferror(w->out.fp); i++) {
        int block;
        const rule *r = rule_of(w, i, &block);
        const int64_t id = (int64_t)i;
        write_tensor(w, r, ggml_get_tensor(w->tensors, gguf_get_tensor_name(w->meta, id)));
    }
    return file_out_commit(&w->out, e);
}

persona_code random_model_write(const random_model *m, const char *path, persona_err *e)
{
    writing w = {.m = *m, .arch = architecture_of(m->arch)};
    char pair[512];
    if (w.arch == NULL) {
        return persona_err_set(e, PERSONA_E_USAGE,
                               "random model: no architecture '%s' (qwen2, gpt-oss, command-r)",
                               m->arch != NULL ? m->arch : "");
    }
    snprintf(pair, sizeof pair, PERSONA_SOURCE_DIR "/models/persona-%s.gguf", m->arch);
    persona_code rc = check(m, e);
    if (rc != PERSONA_OK) {
        return rc;
    }
    w.meta = gguf_init_empty();
    rc = copy_vocabulary(&w, m->vocab_from != NULL ? m->vocab_from : pair, e);
    if (rc == PERSONA_OK) {
        set_shape(&w);
        rc = describe_tensors(&w, e);
    }
    if (rc == PERSONA_OK) {
        rc = write_file(&w, path, e);
    }
    mem_free(w.packed);
    mem_free(w.pool);
    ggml_free(w.tensors);
    gguf_free(w.meta);
    return rc;
}
