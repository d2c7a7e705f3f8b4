/* SPDX-License-Identifier: MIT
 *
 * model.c - opening a GGUF file and describing it. What is wrong with a bad file is found before
 * libllama sees it (magic, type of file), so that the message can name it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/try.h"
#include "engine/engine.h"
#include "engine/prompt_memo.h"

#define MAX_SPLITS 512
#define PART_MAX 4200 /* bytes of the name of one */
#define MAX_TEMPLATE ((size_t)1 << 20)

persona_model_opts persona_model_defaults(void)
{
    return (persona_model_opts){.rpc_wait = 600};
}

/* One metadata string, or NULL when the key is absent. */
static char *meta(const struct llama_model *lm, const char *key)
{
    int32_t n = llama_model_meta_val_str(lm, key, NULL, 0);
    if (n < 0) {
        return NULL;
    }
    char *s = mem_calloc((size_t)n + 1, 1);
    if (s != NULL) {
        llama_model_meta_val_str(lm, key, s, (size_t)n + 1);
    }
    return s;
}

/* What can be told without libllama: it exists, it is a file, it says GGUF. */
static persona_code check_file(const char *path, persona_err *e)
{
    struct stat st;
    char magic[4] = "";
    if (stat(path, &st) != 0) {
        return persona_err_set(
            e, errno == ENOENT || errno == ENOTDIR ? PERSONA_E_NOTFOUND : PERSONA_E_IO,
            "%s: no such model file (give the path of a .gguf file)", path);
    }
    if (S_ISDIR(st.st_mode)) {
        return persona_err_set(e, PERSONA_E_FORMAT,
                               "%s: is a folder, not a model (give a .gguf file in it)", path);
    }
    FILE *f = fopen(path, "rb");
    if (f == NULL) {
        return persona_err_set(e, PERSONA_E_IO, "%s: cannot be opened for reading", path);
    }
    size_t got = fread(magic, 1, sizeof magic, f);
    (void)fclose(f); /* only read */
    if (got != sizeof magic || memcmp(magic, "GGUF", 4) != 0) {
        return persona_err_set(e, PERSONA_E_FORMAT,
                               "%s: not a GGUF file (starts with %zu bytes other than \"GGUF\")",
                               path, got);
    }
    return PERSONA_OK;
}

/* An unsigned key ARCH.NAME; 0: there is none. */
static uint32_t number_of(const struct gguf_context *g, const char *arch, const char *name)
{
    char key[128];
    snprintf(key, sizeof key, "%s.%s", arch, name);
    const int64_t id = gguf_find_key(g, key);
    return id >= 0 && gguf_get_kv_type(g, id) == GGUF_TYPE_UINT32 ? gguf_get_val_u32(g, id) : 0;
}

/* Narrower than the step of ggml's AVX-512 kernels (backend.c). */
static bool has_narrow_heads(const struct gguf_context *g, const char *arch)
{
    const uint32_t heads = number_of(g, arch, "attention.head_count");
    uint32_t head = number_of(g, arch, "attention.key_length");
    if (head == 0 && heads > 0) {
        head = number_of(g, arch, "embedding_length") / heads;
    }
    return head > 0 && head < 64;
}

/* Also takes the chat template, if there is one (tmpl: mem_free).
 * A control vector or a file without weights is GGUF too; say so instead of "cannot load". */
static persona_code check_kind(const char *path, bool *narrow, char **tmpl, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    struct gguf_init_params p = {.no_alloc = true};
    struct gguf_context *g = gguf_init_from_file(path, p);
    if (g == NULL) {
        return persona_err_set(e, PERSONA_E_FORMAT,
                               "%s: broken or truncated GGUF header (%s); fetch the file again",
                               path, backend_log_last());
    }
    int64_t key = gguf_find_key(g, "general.architecture");
    const char *arch =
        key >= 0 && gguf_get_kv_type(g, key) == GGUF_TYPE_STRING ? gguf_get_val_str(g, key) : "";
    if (strcmp(arch, "controlvector") == 0) {
        rc = persona_err_set(e, PERSONA_E_FORMAT,
                             "%s: is a control vector, not a model (pass it with --control-vector)",
                             path);
    } else if (gguf_get_n_tensors(g) == 0 && gguf_find_key(g, "split.count") < 0) {
        rc = persona_err_set(e, PERSONA_E_FORMAT,
                             "%s: holds a vocabulary but no weights (fetch the full model)", path);
    }
    *narrow = has_narrow_heads(g, arch);
    key = gguf_find_key(g, "tokenizer.chat_template");
    if (rc == PERSONA_OK && tmpl != NULL && key >= 0 &&
        gguf_get_kv_type(g, key) == GGUF_TYPE_STRING &&
        strnlen(gguf_get_val_str(g, key), MAX_TEMPLATE) < MAX_TEMPLATE) {
        *tmpl = mem_strdup(gguf_get_val_str(g, key));
        rc = *tmpl != NULL ? PERSONA_OK : mem_err(e, "the chat template");
    }
    gguf_free(g);
    return rc;
}

/* What the user gave, or NULL: the file's own template. */
typedef struct template_source {
    char *text; /* "" with harmony: no text */
    const char *name;
    bool given, harmony;
} template_source;

static persona_code given_template(const char *wish, template_source *out, persona_err *e)
{
    size_t len = 0;
    struct stat st;
    const char *builtin = template_builtin(wish);
    out->given = true;
    out->name = wish;
    if (builtin != NULL) {
        out->harmony = strcmp(wish, "harmony") == 0;
        out->text = mem_strdup(builtin);
        return out->text != NULL ? PERSONA_OK : mem_err(e, "a chat template");
    }
    if (stat(wish, &st) != 0) {
        return persona_err_set(e, PERSONA_E_NOTFOUND,
                               "%s: neither a file nor a chat template that is known here (%s)",
                               wish, template_builtin_names());
    }
    return file_read(wish, MAX_TEMPLATE, &out->text, &len, e);
}

/* The template is parsed while the weights load (template_child.c). */
static persona_code start_template(persona_model *m, const template_source *src, persona_err *e)
{
    if (src->text == NULL || (src->given && src->harmony)) {
        return PERSONA_OK;
    }
    return template_new(src->name, src->text, &m->program, e);
}

static bool has_harmony(const harmony_ids *h)
{
    return h->start >= 0 && h->end >= 0 && h->message >= 0 && h->channel >= 0;
}

/* A day, not a moment: a job that is taken up on the same day has the same prompts. */
static int64_t today(void)
{
    const char *fixed = getenv("SOURCE_DATE_EPOCH");
    const int64_t now = time(NULL), day = (int64_t)24 * 60 * 60;
    return fixed != NULL && *fixed != '\0' ? strtoll(fixed, NULL, 10) : now - now % day;
}

/* What a vocabulary and a template (NULL: none) say of how a model talks. */
typedef struct talk {
    const char *template;
    bool harmony, plain;
} talk;

static talk talk_of(const persona_model *m, const template_source *src)
{
    talk x = {.template = m->program != NULL ? template_text(m->program) : NULL};
    const bool marked = x.template != NULL && strstr(x.template, "<|channel|>") != NULL;
    x.harmony =
        has_harmony(&m->harmony) && (strcmp(m->arch, "gpt-oss") == 0 || src->harmony || marked);
    x.plain = x.template != NULL && strcmp(x.template, template_builtin(TEMPLATE_PLAIN)) == 0;
    return x;
}

/* A given template is always evaluated; of the file's own, harmony is written by hand. */
static persona_chat_format chat_of(const talk *x, const template_source *src)
{
    if (x->harmony && (!src->given || src->harmony)) {
        return PERSONA_CHAT_HARMONY;
    }
    if (x->plain) {
        return PERSONA_CHAT_PLAIN;
    }
    return x->template != NULL ? PERSONA_CHAT_TEMPLATE : PERSONA_CHAT_NONE;
}

static channel_kind channels_of(const persona_model *m, const talk *x)
{
    if (x->harmony) {
        return CHANNELS_HARMONY;
    }
    if (x->plain) {
        return CHANNELS_FRAME;
    }
    return m->thinks || control_id(m->vocab, "<think>") >= 0 ? CHANNELS_THINK : CHANNELS_PLAIN;
}

/* How turns are written, and how thoughts are told from answers. */
static persona_code describe_chat(persona_model *m, const template_source *src, persona_err *e)
{
    harmony_find_ids(m->vocab, &m->harmony);
    const talk x = talk_of(m, src);
    const char *t = x.template;
    if (src->harmony && !x.harmony) {
        return persona_err_set(e, PERSONA_E_USAGE,
                               "%s: --chat-template harmony needs a vocabulary with <|start|>, "
                               "<|message|>, <|channel|> and <|end|>",
                               m->path);
    }
    if (src->text != NULL) {
        sha256_hex(src->harmony ? "harmony" : src->text,
                   strlen(src->harmony ? "harmony" : src->text), m->chat_hash);
    }
    m->info.chat = chat_of(&x, src);
    const bool asks = m->info.chat == PERSONA_CHAT_TEMPLATE && strstr(t, "strftime_now") != NULL;
    m->info.date = asks ? today() : 0;
    m->thinks = t != NULL && (strstr(t, "<think>") != NULL || strstr(t, "</think>") != NULL);
    m->channels = channels_of(m, &x);
    m->space = space_rule_find(m->vocab);
    return controls_find(m->vocab, t, &m->controls, e);
}

static persona_code describe(persona_model *m, const template_source *src, persona_err *e)
{
    m->name = meta(m->lm, "general.name");
    if (m->name == NULL || m->name[0] == '\0') {
        mem_free(m->name);
        m->name = mem_strdup(path_base(m->path));
    }
    m->arch = meta(m->lm, "general.architecture");
    m->judge = meta(m->lm, "persona.judge");
    m->questions = meta(m->lm, "persona.questions");
    m->quant = mem_strdup(llama_ftype_name(llama_model_ftype(m->lm)));
    if (m->name == NULL || m->arch == NULL || m->quant == NULL) {
        return mem_err(e, "the model's description");
    }
    persona_code rc = PERSONA_OK;
    TRY(describe_chat(m, src, e));
    m->info = (persona_model_info){
        .path = m->path,
        .name = m->name,
        .arch = m->arch,
        .quant = m->quant,
        .chat_hash = m->chat_hash,
        .judge = m->judge,
        .questions = m->questions,
        .chat = m->info.chat,
        .date = m->info.date,
        .n_layer = llama_model_n_layer(m->lm),
        .n_embd = llama_model_n_embd(m->lm),
        .n_vocab = llama_vocab_n_tokens(m->vocab),
        .n_ctx_train = llama_model_n_ctx_train(m->lm),
        .n_params = llama_model_n_params(m->lm),
        .size_bytes = llama_model_size(m->lm),
    };
    if (m->info.n_layer < 2 || !llama_model_has_decoder(m->lm) ||
        llama_vocab_type(m->vocab) == LLAMA_VOCAB_TYPE_NONE) {
        rc = persona_err_set(e, PERSONA_E_FORMAT,
                             "%s: architecture '%s' with %d blocks is not a text generator",
                             m->path, m->arch, m->info.n_layer);
    }
out:
    return rc;
}

/* What to do about the reasons that libllama gives. */
static const struct {
    const char *reason, *fix;
} load_fixes[] = {
    {"illegal split file", "give the first part, which ends in -00001-of-N.gguf"},
    {"failed to load GGUF split", "all parts must lie in one folder under their own names"},
    {"invalid split", "the parts are not of one model: fetch them again"},
    {"unknown model architecture", "this libllama does not know it; a newer one may"},
    {"not within the file bounds", "the file is cut off: fetch it again"},
    {"unable to allocate", "there is not enough memory for it"},
};

static persona_code load_err(const char *path, persona_err *e)
{
    const char *reason = backend_log_last(), *fix = "see the reason; fetching it again may help";
    for (size_t i = 0; i < sizeof load_fixes / sizeof *load_fixes; i++) {
        if (strstr(reason, load_fixes[i].reason) != NULL) {
            fix = load_fixes[i].fix;
            break;
        }
    }
    return persona_err_set(e, PERSONA_E_FORMAT, "%s: %s (llama %s; %s)", path, reason,
                           llama_version(), fix);
}

/* libllama asks this while it loads. */
static bool go_on(float progress, void *ud)
{
    const persona_model_opts *o = ud;
    if (o->progress != NULL) {
        o->progress(o->progress_ud, (double)progress);
    }
    return !persona_canceled(o->cancel);
}

static persona_code note_files(persona_model *m, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char **parts = NULL;
    size_t n = 0;
    TRY(model_parts(m, &parts, &n, e));
    TRY(mapped_note(parts, n, &m->files, e));
out:
    mem_free_list(parts, n);
    return rc;
}

bool persona_model_intact(const persona_model *m)
{
    return mapped_intact(m->files);
}

void persona_model_guard(void)
{
    mapped_catch();
}

static const model_words MODEL_WORDS;

persona_code persona_model_open(const char *path, const persona_model_opts *opts,
                                persona_model **out, persona_err *e)
{
    persona_model_opts o = opts != NULL ? *opts : persona_model_defaults();
    persona_model *m = NULL;
    *out = NULL;
    bool narrow = false;
    ggml_backend_dev_t *devices = NULL;
    template_source tmpl = {.name = path};
    persona_code rc = PERSONA_OK;
    backend_log_hook();
    backend_log_reset();
    TRY(check_file(path, e));
    if (o.chat_template != NULL) {
        TRY(given_template(o.chat_template, &tmpl, e));
    }
    TRY(check_kind(path, &narrow, tmpl.given ? NULL : &tmpl.text, e));
    if (tmpl.text == NULL && o.raw_prompts) {
        tmpl.name = TEMPLATE_PLAIN;
        tmpl.text = mem_strdup(template_builtin(TEMPLATE_PLAIN));
        TRY(tmpl.text != NULL ? PERSONA_OK : mem_err(e, "a chat template"));
    }
    m = mem_calloc(1, sizeof *m);
    if (m == NULL || (m->path = mem_strdup(path)) == NULL) {
        rc = mem_err(e, "a model");
        goto out;
    }
    m->memo = prompt_memo_new(); /* NULL: prompts are made anew each time */
    TRY(start_template(m, &tmpl, e));
    TRY(backend_init(narrow && o.bulk, e));
    TRY(backend_devices(&o, &devices, e));
    backend_log_reset();
    struct llama_model_params p = llama_model_default_params();
    p.n_gpu_layers = o.rpc != NULL && o.n_gpu_layers == 0 ? -1 : o.n_gpu_layers;
    p.devices = devices;
    p.check_tensors = o.check_tensors;
    m->cancel = o.cancel;
    m->hash = o.hash != NULL ? o.hash : sha256_file;
    p.progress_callback = go_on;
    p.progress_callback_user_data = &o;
    m->words = &MODEL_WORDS;
    m->lm = llama_model_load_from_file(path, p);
    if (m->lm == NULL) {
        rc = persona_canceled(o.cancel)
                 ? persona_err_set(e, PERSONA_E_CANCELED, "%s: loading was interrupted", path)
                 : load_err(path, e);
        goto out;
    }
    m->vocab = llama_model_get_vocab(m->lm);
    TRY(describe(m, &tmpl, e));
    TRY(note_files(m, e));
out:
    mem_free(devices);
    mem_free(tmpl.text);
    if (rc == PERSONA_OK) {
        *out = m;
    } else {
        persona_model_free(m);
    }
    return rc;
}

const char *persona_chat_name(persona_chat_format chat)
{
    static const char *const names[] = {
        [PERSONA_CHAT_NONE] = "none",
        [PERSONA_CHAT_TEMPLATE] = "template",
        [PERSONA_CHAT_HARMONY] = "harmony",
        [PERSONA_CHAT_PLAIN] = "plain",
    };
    return (size_t)chat < sizeof names / sizeof *names ? names[chat] : "?";
}

void persona_model_free(persona_model *m)
{
    if (m == NULL) {
        return;
    }
    mapped_free(m->files);
    if (m->lm != NULL) {
        llama_model_free(m->lm);
    }
    mem_free(m->path);
    mem_free(m->name);
    mem_free(m->arch);
    mem_free(m->quant);
    mem_free(m->judge);
    mem_free(m->questions);
    template_free(m->program);
    prompt_memo_free(m->memo);
    controls_free(&m->controls);
    mem_free(m);
}

const persona_model_info *persona_model_info_get(const persona_model *m)
{
    return &m->info;
}

persona_code model_parts(const persona_model *m, char ***out, size_t *n, persona_err *e)
{
    char prefix[4096];
    char *count = meta(m->lm, "split.count");
    const long n_split = count != NULL ? strtol(count, NULL, 10) : 0;
    mem_free(count);
    const bool split = n_split > 1 && n_split <= MAX_SPLITS &&
                       llama_split_prefix(prefix, sizeof prefix, m->path, 0, (int32_t)n_split) > 0;
    *n = split ? (size_t)n_split : 1;
    *out = mem_calloc(*n, sizeof **out);
    bool ok = *out != NULL;
    for (size_t i = 0; ok && i < *n; i++) {
        (*out)[i] = split ? mem_calloc(PART_MAX, 1) : mem_strdup(m->path);
        ok = (*out)[i] != NULL;
        if (ok && split) {
            llama_split_path((*out)[i], PART_MAX, prefix, (int32_t)i, (int32_t)n_split);
        }
    }
    if (!ok) {
        mem_free_list(*out, *out != NULL ? *n : 0);
        *out = NULL;
        *n = 0;
        return mem_err(e, "file names");
    }
    return PERSONA_OK;
}

static persona_code hash_parts(persona_model *m, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char **parts = NULL;
    size_t n = 0;
    TRY(model_parts(m, &parts, &n, e));
    TRY(m->hash((const char *const *)parts, n, m->cancel, m->sha256, e));
out:
    mem_free_list(parts, n);
    return rc;
}

persona_code persona_model_sha256(persona_model *m, const char **out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    if (m->sha256[0] == '\0') {
        rc = hash_parts(m, e);
    }
    *out = rc == PERSONA_OK ? m->sha256 : "";
    return rc;
}

bool model_is_control(const persona_model *m, llama_token t)
{
    return llama_vocab_is_control(m->vocab, t) || llama_vocab_is_eog(m->vocab, t);
}

static bool words_is_end(const persona_model *m, llama_token t)
{
    if (m->channels == CHANNELS_HARMONY && t == m->harmony.end) {
        return false;
    }
    return llama_vocab_is_eog(m->vocab, t);
}

static void words_piece(const persona_model *m, llama_token t, bool special, buf *out)
{
    char small[64];
    int32_t n = llama_token_to_piece(m->vocab, t, small, sizeof small, 0, special);
    if (n >= 0) {
        buf_add(out, small, (size_t)n);
        return;
    }
    char *big = mem_calloc((size_t)-n, 1);
    if (big != NULL) {
        int32_t got = llama_token_to_piece(m->vocab, t, big, -n, 0, special);
        if (got > 0) {
            buf_add(out, big, (size_t)got);
        }
        mem_free(big);
    }
}

static const model_words MODEL_WORDS = {words_is_end, words_piece};

bool model_is_end(const persona_model *m, llama_token t)
{
    return m->words->is_end(m, t);
}

void model_piece(const persona_model *m, llama_token t, bool special, buf *out)
{
    m->words->piece(m, t, special, out);
}
