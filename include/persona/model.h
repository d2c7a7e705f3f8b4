/* SPDX-License-Identifier: MIT
 *
 * model.h - an open GGUF model: immutable, shareable, identified by the hash of its file.
 *
 * Numbering used everywhere in libpersona: block b is 0-based; "layer b" is the residual stream
 * after block b (Hugging Face hidden_states[b+1], ggml node l_out-b, GGUF tensor direction.b). The
 * paper's "layer 20" is block 19. The last block, n_layer-1, is not captured: its rows are reduced
 * to the requested outputs (design fact 3).
 */
#ifndef PERSONA_MODEL_H
#define PERSONA_MODEL_H

#include <stdint.h>

#include "persona/error.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct persona_model persona_model;
typedef int32_t persona_token;

typedef struct persona_model_opts {
    int n_gpu_layers; /* layers to offload; -1: all. Default 0: CPU, with rpc all */
    /* where to: names of devices (persona_engine_device), separated by commas; "CPU" alone:
     * nowhere.
       NULL (default): all that ggml finds */
    const char *devices;
    /* other hosts as devices: "HOST:PORT,..." of ggml-rpc-servers of the same ggml, unencrypted and
       trusted; they stay reserved for this process. NULL (default): none */
    const char *rpc;
    int rpc_wait;       /* seconds in which a host must have computed one step; default 600 */
    bool check_tensors; /* validate weight data while loading (slow); default false */
    /* many answers are to come: where the model is narrow, the first one that is opened takes the
       CPU backend that is fastest for it, whose last bits may differ from llama.cpp's choice;
       default false */
    bool bulk;
    /* a chat template instead of the file's own: the path of a file, or a name (chatml, gemma,
       harmony, llama-2, llama-3, mistral, phi-3, plain, zephyr); NULL: the file's own */
    const char *chat_template;
    /* a file without a chat template is asked in the plain frame ("plain" above); default false:
       only raw prompts */
    bool raw_prompts;
    /* ends loading and hashing with CANCELED; must outlive the model; NULL: never */
    const persona_cancel *cancel;
    /* the SHA-256 of the n parts of a model file, one after the other, as 64 hex digits: for who
       remembers them; NULL (default): they are read. Errors: as persona_model_sha256 */
    persona_code (*hash)(const char *const *paths, size_t n, const persona_cancel *cancel,
                         char out[65], persona_err *e);
    /* told how much of the file is loaded, 0..1, ascending, in the calling thread; NULL: nobody */
    void (*progress)(void *ud, double done);
    void *progress_ud;
} persona_model_opts;

typedef enum persona_chat_format {
    PERSONA_CHAT_NONE,     /* no template: only raw prompts */
    PERSONA_CHAT_TEMPLATE, /* the file's or the user's, evaluated */
    PERSONA_CHAT_HARMONY,  /* gpt-oss: developer message, analysis and final channels */
    PERSONA_CHAT_PLAIN,    /* no turns: "Question: ...", "Answer:"; a next question ends a reply */
} persona_chat_format;

typedef struct persona_model_info {
    const char *path;      /* as given */
    const char *name;      /* general.name or the file's base name */
    const char *arch;      /* general.architecture */
    const char *quant;     /* "F16", "Q4_K - Medium", ... */
    const char *chat_hash; /* sha256 (64 hex) of the chat template text, "" if there is none */
    const char *judge;     /* persona.judge: classifier file beside the model, or NULL */
    const char *questions; /* persona.questions: question set beside the model, or NULL */
    persona_chat_format chat;
    /* seconds since 1970 that a template which asks for the date is told: SOURCE_DATE_EPOCH of the
       environment, else midnight (UTC) of the day on which the model was opened; 0: it does not
       ask */
    int64_t date;
    int n_layer, n_embd, n_vocab, n_ctx_train;
    uint64_t n_params, size_bytes;
} persona_model_info;

/* "none", "template", "harmony", "plain". */
const char *persona_chat_name(persona_chat_format chat);

persona_model_opts persona_model_defaults(void);

/* Opens a GGUF file (any quantisation; for split files name the first part).
 * Errors: USAGE (unknown device; the message lists those there are), NOTFOUND (no such file),
 * FORMAT (not GGUF, truncated, vocabulary only, no decoder), UNAVAILABLE (no backend found),
 * CANCELED, NOMEM. libllama's own reason stands in the message. */
PERSONA_CHECK persona_code persona_model_open(const char *path, const persona_model_opts *opts,
                                              persona_model **out, persona_err *e);
/* NULL is fine. No session of this model may be alive. */
void persona_model_free(persona_model *m);

/* Weights are mapped from the model's files, which nobody may write to meanwhile. False, from then
 * on, if somebody did: every computation then fails as UNAVAILABLE, and the model is to be opened
 * anew. A file that was removed or replaced lives on. Files are looked at once a second. */
bool persona_model_intact(const persona_model *m);
/* For programs, once: a file that is cut while it is mapped then costs its model only, where the
 * kernel would end the process (SIGBUS, which this takes). */
void persona_model_guard(void);

/* Lives as long as the model. */
const persona_model_info *persona_model_info_get(const persona_model *m);
/* sha256 of the file (all parts in order), 64 hex digits; computed on the first call, or what
 * opts.hash says. Not thread
 * safe on the first call. Errors: IO, CANCELED. */
PERSONA_CHECK persona_code persona_model_sha256(persona_model *m, const char **out, persona_err *e);

/* Versions and devices of the engine, for `doctor` and file provenance. */
const char *persona_engine_version(void); /* "llama 0.7.0, ggml 0.27.0" */
const char *persona_engine_llama_version(void);
const char *persona_engine_ggml_version(void);
size_t persona_engine_device_count(void);
const char *persona_engine_device_name(size_t i); /* in words; NULL past the end */
const char *persona_engine_device(size_t i);      /* as persona_model_opts.devices names it */
/* Connects to the hosts of a persona_model_opts.rpc as opening a model does: their devices are then
 * among those above. Errors: USAGE, UNAVAILABLE, NOMEM. */
PERSONA_CHECK persona_code persona_engine_connect(const char *rpc, int rpc_wait, persona_err *e);
bool persona_engine_has_rpc(void); /* ggml's RPC backend is installed */

/* ggml ends the process by abort() when it cannot go on; a host of persona_model_opts.rpc that goes
 * away is such a case. hook (NULL: none) is told why, in one of ggml's threads and a moment before,
 * and may end the process in a milder way. */
void persona_engine_on_abort(void (*hook)(const char *text));

#ifdef __cplusplus
}
#endif
#endif
