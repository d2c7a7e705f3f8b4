/* SPDX-License-Identifier: MIT
 *
 * model_edit.c - small edits of the metadata of a GGUF model, by ggml's own reader and writer.
 */
#include "model_edit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ggml.h>
#include <gguf.h>

typedef struct model_file {
    struct gguf_context *meta;
    struct ggml_context *data;
} model_file;

static bool model_open(const char *path, model_file *f)
{
    const struct gguf_init_params params = {.ctx = &f->data};
    f->data = NULL;
    f->meta = gguf_init_from_file(path, params);
    return f->meta != NULL;
}

/* Writes and closes. Tensors as the reader describes them are not fit for writing: they are added
 * again. */
static bool model_close(model_file *f, const char *out)
{
    struct gguf_context *fresh = gguf_init_empty();
    gguf_set_kv(fresh, f->meta);
    for (int64_t i = 0; i < gguf_get_n_tensors(f->meta); i++) {
        gguf_add_tensor(fresh, ggml_get_tensor(f->data, gguf_get_tensor_name(f->meta, i)));
    }
    const bool ok = gguf_write_to_file(fresh, out, false);
    gguf_free(fresh);
    gguf_free(f->meta);
    ggml_free(f->data);
    return ok;
}

typedef struct words {
    char **p;
    size_t n;
} words;

static words words_get(const model_file *f, const char *key)
{
    const int64_t id = gguf_find_key(f->meta, key);
    words w = {.n = id < 0 ? 0 : gguf_get_arr_n(f->meta, id)};
    w.p = calloc(w.n + 1, sizeof *w.p);
    for (size_t i = 0; w.p && i < w.n; i++) {
        w.p[i] = strdup(gguf_get_arr_str(f->meta, id, i));
    }
    return w;
}

static void word_set(words *w, size_t i, const char *text)
{
    free(w->p[i]);
    w->p[i] = strdup(text);
}

static void words_put(model_file *f, const char *key, words *w)
{
    const char **list = calloc(w->n + 1, sizeof *list);
    for (size_t i = 0; list && i < w->n; i++) {
        list[i] = w->p[i];
    }
    gguf_set_arr_str(f->meta, key, list, w->n);
    free(list);
    for (size_t i = 0; i < w->n; i++) {
        free(w->p[i]);
    }
    free(w->p);
}

/* "an g" -> the token "ang"; SIZE_MAX: none. */
static size_t product_of(const words *tokens, const char *merge)
{
    char joined[256];
    const char *space = strchr(merge, ' ');
    snprintf(joined, sizeof joined, "%.*s%s", (int)(space - merge), merge, space + 1);
    for (size_t i = 0; i < tokens->n; i++) {
        if (strcmp(tokens->p[i], joined) == 0) {
            return i;
        }
    }
    return SIZE_MAX;
}

bool model_edit_numbers(const char *in, const char *out)
{
    model_file f;
    bool ok = true;
    if (!model_open(in, &f)) {
        return false;
    }
    words tokens = words_get(&f, "tokenizer.ggml.tokens");
    words merges = words_get(&f, "tokenizer.ggml.merges");
    ok = merges.n > 91;
    for (int value = 10; ok && value <= 100; value++) {
        const size_t at = merges.n - 91 + (size_t)(value - 10);
        const size_t token = product_of(&tokens, merges.p[at]);
        char text[8], merge[8];
        snprintf(text, sizeof text, "%d", value);
        snprintf(merge, sizeof merge, "%d %d", value / 10, value % 10);
        ok = token != SIZE_MAX;
        if (ok) {
            word_set(&tokens, token, text);
        }
        word_set(&merges, at, merge);
    }
    words_put(&f, "tokenizer.ggml.tokens", &tokens);
    words_put(&f, "tokenizer.ggml.merges", &merges);
    return model_close(&f, out) && ok;
}

bool model_edit_token(const char *in, const char *out, const char *from, const char *to)
{
    model_file f;
    bool found = false;
    if (!model_open(in, &f)) {
        return false;
    }
    words tokens = words_get(&f, "tokenizer.ggml.tokens");
    for (size_t i = 0; i < tokens.n; i++) {
        if (strcmp(tokens.p[i], from) == 0) {
            word_set(&tokens, i, to);
            found = true;
        }
    }
    words_put(&f, "tokenizer.ggml.tokens", &tokens);
    return model_close(&f, out) && found;
}

/* The byte that a byte-pair token of one letter stands for (GPT-2's table); -1: more letters. */
static int byte_of(const char *text)
{
    const unsigned char *p = (const unsigned char *)text;
    const bool two = p[0] >= 0xC0 && p[1] != 0;
    const int letter = two ? (p[0] & 0x1F) << 6 | (p[1] & 0x3F) : p[0];
    if (p[0] == 0 || p[1 + two] != 0) {
        return -1;
    }
    int n = 0;
    for (int b = 0; letter >= 256 && b < 256; b++) {
        const bool printed = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
        if (!printed && n++ == letter - 256) {
            return b;
        }
    }
    return letter < 256 ? letter : -1;
}

/* As SentencePiece spells it. */
static void spell_spm(words *w, size_t i, int32_t *kind)
{
    const int b = byte_of(w->p[i]);
    char text[256];
    size_t n = 0;
    if (b >= 0 && b != ' ') {
        snprintf(text, sizeof text, "<0x%02X>", (unsigned)b);
        *kind = 6; /* LLAMA_TOKEN_TYPE_BYTE */
        word_set(w, i, text);
        return;
    }
    for (const char *p = w->p[i]; *p != '\0' && n < sizeof text - 4; p++) {
        const bool space = strncmp(p, "\xC4\xA0", 2) == 0;
        memcpy(text + n, space ? "\xE2\x96\x81" : p, space ? 3 : 1);
        n += space ? 3 : 1;
        p += space;
    }
    text[n] = '\0';
    word_set(w, i, text);
}

bool model_edit_spm(const char *in, const char *out)
{
    model_file f;
    if (!model_open(in, &f)) {
        return false;
    }
    words tokens = words_get(&f, "tokenizer.ggml.tokens");
    const int64_t id = gguf_find_key(f.meta, "tokenizer.ggml.token_type");
    int32_t *kinds = calloc(tokens.n + 1, sizeof *kinds);
    float *scores = calloc(tokens.n + 1, sizeof *scores);
    const bool ok =
        id >= 0 && tokens.n > 0 && kinds && scores && gguf_get_arr_n(f.meta, id) == tokens.n;
    for (size_t i = 0; ok && i < tokens.n; i++) {
        kinds[i] = ((const int32_t *)gguf_get_arr_data(f.meta, id))[i];
        scores[i] = -(float)i;
        if (kinds[i] == 1) { /* LLAMA_TOKEN_TYPE_NORMAL */
            spell_spm(&tokens, i, &kinds[i]);
        }
    }
    gguf_set_arr_data(f.meta, "tokenizer.ggml.token_type", GGUF_TYPE_INT32, kinds, tokens.n);
    gguf_set_arr_data(f.meta, "tokenizer.ggml.scores", GGUF_TYPE_FLOAT32, scores, tokens.n);
    words_put(&f, "tokenizer.ggml.tokens", &tokens);
    gguf_set_val_str(f.meta, "tokenizer.ggml.model", "llama");
    gguf_set_val_bool(f.meta, "tokenizer.ggml.add_space_prefix", true);
    gguf_set_val_bool(f.meta, "tokenizer.ggml.add_bos_token", false);
    free(kinds);
    free(scores);
    return model_close(&f, out) && ok;
}

bool model_edit_drop(const char *in, const char *out, const char *key)
{
    model_file f;
    if (!model_open(in, &f)) {
        return false;
    }
    const bool found = gguf_remove_key(f.meta, key) >= 0;
    return model_close(&f, out) && found;
}

bool model_edit_bool(const char *in, const char *out, const char *key, bool value)
{
    model_file f;
    if (!model_open(in, &f)) {
        return false;
    }
    gguf_set_val_bool(f.meta, key, value);
    return model_close(&f, out);
}

bool model_edit_number(const char *in, const char *out, const char *key, unsigned value)
{
    model_file f;
    if (!model_open(in, &f)) {
        return false;
    }
    gguf_set_val_u32(f.meta, key, value);
    return model_close(&f, out);
}
