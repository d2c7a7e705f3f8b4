/* SPDX-License-Identifier: MIT
 *
 * make_model.c - `random-model`: a GGUF model of random weights in the shape of a real one
 * (tests/support/random_model.h). Built into build/tools/, for developers; never installed.
 *
 *   random-model --like qwen2.5-7b -o 7b.gguf
 *   random-model --like gpt-oss-20b --blocks 2 -o two-blocks.gguf
 */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "support/random_model.h"

#define EXIT_USAGE 64

/* Options that set a number of the shape: name and place. */
static const struct number {
    const char *name;
    size_t offset;
} NUMBERS[] = {
    {"width", offsetof(random_model, width)},
    {"blocks", offsetof(random_model, blocks)},
    {"heads", offsetof(random_model, heads)},
    {"kv-heads", offsetof(random_model, kv_heads)},
    {"head-dim", offsetof(random_model, head_dim)},
    {"ff", offsetof(random_model, ff)},
    {"experts", offsetof(random_model, experts)},
    {"experts-used", offsetof(random_model, experts_used)},
    {"window", offsetof(random_model, window)},
    {"vocab", offsetof(random_model, vocab)},
    {"context", offsetof(random_model, context)},
};
#define N_NUMBERS (sizeof NUMBERS / sizeof NUMBERS[0])

enum { LIKE = 256, ARCH, TYPE, EXPERT_TYPE, VOCAB_FROM, SEED, NUMBER /* and on */ };

static int usage(FILE *f)
{
    fprintf(f, "usage: random-model [--like SHAPE | --arch qwen2|gpt-oss] [OPTION]... -o FILE\n"
               "  --type, --expert-type  F32, F16, BF16, Q8_0, Q4_K or MXFP4\n"
               "  --vocab-from FILE      tokenizer and template of this GGUF model\n"
               "  --seed N\n ");
    for (size_t i = 0; i < N_NUMBERS; i++) {
        fprintf(f, " --%s N", NUMBERS[i].name);
    }
    fprintf(f, "\nshapes:");
    for (size_t i = 0; random_model_name(i) != NULL; i++) {
        fprintf(f, " %s", random_model_name(i));
    }
    fprintf(f, "\n--arch begins with the tiny shape of that architecture; later options win.\n");
    return f == stderr ? EXIT_USAGE : 0;
}

static unsigned long number_of(const char *name, const char *text, unsigned long max)
{
    char *end;
    errno = 0;
    const unsigned long n = strtoul(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || text[0] == '-' || n > max) {
        fprintf(stderr, "random-model: --%s wants a number of at most %lu, not '%s'\n", name, max,
                text);
        exit(EXIT_USAGE);
    }
    return n;
}

static void begin_like(const char *shape, random_model *m)
{
    if (!random_model_like(shape, m)) {
        fprintf(stderr, "random-model: no shape '%s' (--help lists them)\n", shape);
        exit(EXIT_USAGE);
    }
}

static void set(random_model *m, int option, const char *value)
{
    char tiny[64];
    switch (option) {
    case LIKE:
        begin_like(value, m);
        break;
    case ARCH:
        snprintf(tiny, sizeof tiny, "tiny-%s", value);
        begin_like(tiny, m);
        break;
    case TYPE:
        m->type = value;
        break;
    case EXPERT_TYPE:
        m->expert_type = value;
        break;
    case VOCAB_FROM:
        m->vocab_from = value;
        break;
    case SEED:
        m->seed = number_of("seed", value, ULONG_MAX);
        break;
    default: {
        const struct number *n = &NUMBERS[option - NUMBER];
        const int x = (int)number_of(n->name, value, INT_MAX);
        memcpy((char *)m + n->offset, &x, sizeof x);
    }
    }
}

int main(int argc, char **argv)
{
    struct option options[N_NUMBERS + 8] = {{"like", required_argument, NULL, LIKE},
                                            {"arch", required_argument, NULL, ARCH},
                                            {"type", required_argument, NULL, TYPE},
                                            {"expert-type", required_argument, NULL, EXPERT_TYPE},
                                            {"vocab-from", required_argument, NULL, VOCAB_FROM},
                                            {"seed", required_argument, NULL, SEED},
                                            {"help", no_argument, NULL, 'h'}};
    for (size_t i = 0; i < N_NUMBERS; i++) {
        options[i + 7] = (struct option){NUMBERS[i].name, required_argument, NULL, NUMBER + (int)i};
    }
    random_model m;
    const char *path = NULL;
    int c;
    begin_like("tiny-qwen2", &m);
    while ((c = getopt_long(argc, argv, "o:h", options, NULL)) != -1) {
        if (c == 'h') {
            return usage(stdout);
        }
        if (c == '?') {
            return usage(stderr);
        }
        if (c == 'o') {
            path = optarg;
        } else {
            set(&m, c, optarg);
        }
    }
    if (path == NULL || optind != argc) {
        return usage(stderr);
    }
    persona_err e = {.code = PERSONA_OK};
    struct stat st = {.st_size = 0};
    const persona_code rc = random_model_write(&m, path, &e);
    if (rc != PERSONA_OK) {
        fprintf(stderr, "random-model: %s\n", e.msg);
        return persona_code_exit(rc);
    }
    (void)stat(path, &st);
    printf("%s: %s, %d blocks x %d, %s, %.1f MB\n", path, m.arch, m.blocks, m.width, m.type,
           (double)st.st_size / 1e6);
    return 0;
}
