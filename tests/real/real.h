/* SPDX-License-Identifier: MIT
 *
 * real.h - what the tests of real models share: the files in PERSONA_REAL_MODELS (`make test-real
 * MODELS=DIR`), and stock llama.cpp twice: libllama driven by hand in our batch shapes, and its
 * program llama-completion.
 *
 * Results are exact for one batch shape only. In our shape libllama's tokens must be ours.
 * llama-completion reads the whole prompt in one call, ours leaves its last token to the next
 * call; where the two texts part, the two best logits must be closer than what the shape alone
 * moves logits there.
 */
#ifndef TESTS_REAL_H
#define TESTS_REAL_H

#include <math.h>
#include <sys/wait.h>
#include <unistd.h>

#include <llama.h>

#include "engine/models.h"
#include "unit/scratch.h"

enum { REAL_CTX = 1024, REAL_BATCH = 512, REAL_MOST = 600 };

static const char *const REAL_FILES[] = {
    "qwen2.5-coder-0.5b-instruct.gguf",
    "smollm2-135m-instruct.gguf",
    "gemma-3-270m.gguf",
    "qwen2.5-coder-1.5b-instruct.gguf",
};
#define N_REAL (sizeof REAL_FILES / sizeof REAL_FILES[0])

/* The path of model i; NULL, and a line that says so, where it is missing. */
static inline const char *real_path(size_t i)
{
    static char path[1024];
    const char *dir = getenv("PERSONA_REAL_MODELS");
    snprintf(path, sizeof path, "%s/%s", dir != NULL ? dir : "", REAL_FILES[i]);
    if (dir == NULL || access(path, R_OK) != 0) {
        printf("skipped: no %s\n", REAL_FILES[i]);
        return NULL;
    }
    return path;
}

/* The exit status without models: 77 (skipped) where none were offered, 1 where the folder has
 * none; else 0. */
static inline int real_missing(void)
{
    const char *dir = getenv("PERSONA_REAL_MODELS");
    if (dir == NULL || dir[0] == '\0') {
        printf("skipped: PERSONA_REAL_MODELS is not set (make test-real MODELS=DIR)\n");
        return 77;
    }
    for (size_t i = 0; i < N_REAL; i++) {
        char path[1024];
        snprintf(path, sizeof path, "%s/%s", dir, REAL_FILES[i]);
        if (access(path, R_OK) == 0) {
            return 0;
        }
    }
    printf("none of the models is in %s\n", dir);
    return 1;
}

/* ---- the program ----------------------------------------------------------------------------- */

static void (*real_check)(const char *path);

static inline void real_each(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_REAL; i++) {
        const char *path = real_path(i);
        if (path != NULL) {
            real_check(path);
        }
    }
}

/* Runs check on every model that is there; what main returns. */
static inline int real_main(void (*check)(const char *path))
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(real_each)};
    const int missing = real_missing();
    real_check = check;
    return missing != 0 ? missing : cmocka_run_group_tests(tests, scratch_open, scratch_close);
}

/* ---- models ---------------------------------------------------------------------------------- */

static inline persona_model *real_open(const char *path)
{
    persona_model *m = NULL;
    persona_err e = {0};
    must(persona_model_open(path, NULL, &m, &e), &e);
    return m;
}

/* One slot in the shapes of `stock`. */
static inline persona_session *real_session(persona_model *m)
{
    persona_session_opts o = small(1);
    o.n_ctx = REAL_CTX;
    o.n_batch = REAL_BATCH;
    o.fixed_shape = true;
    return session(m, o);
}

/* ---- libllama by hand ------------------------------------------------------------------------ */

typedef struct stock {
    struct llama_model *model;
    struct llama_context *ctx;
    const struct llama_vocab *vocab;
    int n_vocab;
} stock;

static inline stock stock_open(const char *path)
{
    stock s = {.model = llama_model_load_from_file(path, llama_model_default_params())};
    struct llama_context_params p = llama_context_default_params();
    assert_non_null(s.model);
    p.n_ctx = REAL_CTX;
    p.n_batch = p.n_ubatch = REAL_BATCH;
    p.n_seq_max = 1;
    p.n_threads = p.n_threads_batch = 2;
    p.swa_full = true;
    s.ctx = llama_init_from_model(s.model, p);
    assert_non_null(s.ctx);
    s.vocab = llama_model_get_vocab(s.model);
    s.n_vocab = llama_vocab_n_tokens(s.vocab);
    return s;
}

static inline void stock_close(stock *s)
{
    llama_free(s->ctx);
    llama_model_free(s->model);
}

/* As llama.cpp's programs do: control tokens are parsed, BOS as the metadata says. */
static inline int stock_tokenize(const stock *s, const char *text, llama_token *out)
{
    const int n = llama_tokenize(s->vocab, text, (int32_t)strlen(text), out, REAL_MOST, true, true);
    assert_int_in_range(n, 1, REAL_MOST);
    return n;
}

static inline size_t stock_piece(const stock *s, llama_token t, char *out, size_t size)
{
    const int n = llama_token_to_piece(s->vocab, t, out, (int32_t)size - 1, 0, true);
    assert_true(n >= 0);
    out[n] = '\0';
    return (size_t)n;
}

static inline void stock_feed(stock *s, llama_token *ids, int n)
{
    assert_int_equal(llama_decode(s->ctx, llama_batch_get_one(ids, n)), 0);
}

/* The logits behind n tokens, of which the first n_first are read in one call and the others one
 * by one. */
static inline const float *stock_logits(stock *s, llama_token *ids, int n, int n_first)
{
    llama_memory_clear(llama_get_memory(s->ctx), true);
    if (n_first > 0) {
        stock_feed(s, ids, n_first);
    }
    for (int i = n_first; i < n; i++) {
        stock_feed(s, ids + i, 1);
    }
    return llama_get_logits_ith(s->ctx, -1);
}

static inline llama_token stock_best(const stock *s, const float *logits)
{
    llama_token best = 0;
    for (llama_token t = 1; t < s->n_vocab; t++) {
        best = logits[t] > logits[best] ? t : best;
    }
    return best;
}

/* Greedy in our shape: the prompt but its last token in one call, then one token a call. ids holds
 * the prompt and gets the answer; returns the number of tokens of the answer, its end marker not
 * counted. */
static inline int stock_greedy(stock *s, llama_token *ids, int n_prompt, int n_most)
{
    int n = n_prompt;
    const float *logits = stock_logits(s, ids, n, n - 1);
    while (n - n_prompt < n_most) {
        ids[n] = stock_best(s, logits);
        if (llama_vocab_is_eog(s->vocab, ids[n])) {
            break;
        }
        if (n + 1 - n_prompt < n_most) {
            stock_feed(s, ids + n, 1);
            logits = llama_get_logits_ith(s->ctx, -1);
        }
        n++;
    }
    return n - n_prompt;
}

/* ---- llama-completion ------------------------------------------------------------------------ */

/* The exit status of a command of the shell; -1: it was killed, or could not be started. */
static inline int shell(const char *command)
{
    int status = -1;
    const pid_t pid = fork();
    if (pid == 0) {
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status)
                                                                           : -1;
}

/* Runs `command >out 2>log` of the shell and reads out; the text is in static room. */
static inline const char *shell_output(const char *command)
{
    static char text[1 << 16];
    char line[8192];
    const char *out = scratch_path("out.txt");
    snprintf(line, sizeof line, "%s >'%s' 2>'%s.log' </dev/null", command, out, out);
    const int status = shell(line);
    if (status != 0) {
        fail_msg("exit status %d of %s", status, line);
    }
    FILE *f = fopen(out, "rb");
    assert_non_null(f);
    const size_t n = fread(text, 1, sizeof text - 1, f);
    (void)fclose(f); /* only read */
    text[n] = '\0';
    return text;
}

/* What the program writes after PROMPT at temperature 0; more: further options, "" for none. */
static inline const char *completion(const char *path, const char *prompt, int n_most,
                                     const char *more)
{
    char command[4096];
    const char *file = scratch_path("prompt.txt");
    FILE *f = fopen(file, "wb");
    assert_non_null(f);
    fprintf(f, "%s\n", prompt); /* it takes the last newline off a file */
    assert_int_equal(fclose(f), 0);
    snprintf(
        command, sizeof command,
        "'%s' -m '%s' -f '%s' --no-escape --temp 0 -n %d -no-cnv --no-display-prompt -t 2 -c %d %s",
        getenv("PERSONA_ORACLE"), path, file, n_most, REAL_CTX, more);
    return shell_output(command);
}

/* How far apart the two best logits behind these tokens are, and the most that another shape moves
 * any of the best ones: the whole prompt in one call (as the program has it), everything in one
 * call, and token by token. */
static inline void parting(stock *s, llama_token *ids, int n_prompt, int n, double *gap,
                           double *noise)
{
    const int firsts[] = {n_prompt, n, 0};
    float *ours = malloc((size_t)s->n_vocab * sizeof *ours);
    assert_non_null(ours);
    memcpy(ours, stock_logits(s, ids, n, n_prompt - 1), (size_t)s->n_vocab * sizeof *ours);
    const llama_token best = stock_best(s, ours);
    const float top = ours[best];
    ours[best] = -INFINITY;
    const llama_token second = stock_best(s, ours);
    ours[best] = top;
    *gap = (double)top - (double)ours[second];
    *noise = 0;
    for (size_t k = 0; k < sizeof firsts / sizeof firsts[0]; k++) {
        const float *other = stock_logits(s, ids, n, firsts[k]);
        const double moved = (double)other[best] - (double)other[second] - *gap;
        *noise = fmax(*noise, fabs(moved));
    }
    free(ours);
}

/* Our tokens ids[n_prompt .. n_prompt+n) against the program's text. */
static inline void check_completion(stock *s, llama_token *ids, int n_prompt, int n,
                                    const char *theirs, const char *what)
{
    size_t at = 0;
    size_t len = strlen(theirs);
    const char *mark = strstr(theirs, " [end of text]");
    len = mark != NULL ? (size_t)(mark - theirs) : len;
    while (mark == NULL && len > 0 && theirs[len - 1] == '\n') {
        len--; /* it ends its output with one or two */
    }
    int k = 0;
    for (; k < n; k++) {
        char piece[256];
        const size_t size = stock_piece(s, ids[n_prompt + k], piece, sizeof piece);
        const size_t rest = len - at < size ? len - at : size;
        if (memcmp(theirs + at, piece, rest) != 0) {
            break;
        }
        at += rest;
        if (at == len && mark == NULL && k >= n - 3) {
            k = n; /* the program prints one or two tokens less than it was asked for */
            break;
        }
        if (rest < size) {
            break;
        }
    }
    if (k == n && at == len) {
        printf("%s: %d tokens equal\n", what, n);
        return;
    }
    double gap = 0, noise = 0;
    parting(s, ids, n_prompt, n_prompt + k, &gap, &noise);
    printf(
        "%s: parts at token %d, where the best two are %.4f apart and shapes move that by %.4f\n",
        what, k, gap, noise);
    assert_true(gap <= noise);
}

#endif
