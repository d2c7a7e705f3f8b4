/* SPDX-License-Identifier: MIT
 *
 * cli.h - what the commands of `persona` share: options, opening things, JSON, the program's state.
 *
 * A command is one row of the table in main.c and one file: it parses its options into a struct
 * whose first member is `cli_state *c` (the shared parsers rely on that), does its work through the
 * public headers, and prints either text or exactly one JSON document on stdout. Errors travel up
 * as persona_err; main prints them. Out of memory in the program itself ends it (cli_alloc): the
 * library reports it, but a command line has nothing better to do.
 */
#ifndef PERSONA_CLI_H
#define PERSONA_CLI_H

#include <argp.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/json.h"
#include "cli/tty.h"
#include "persona/persona.h"
#include "persona/study.h"
#include "workbench/find.h"
#include "workbench/library.h"
#include "workbench/results.h"
#include "workbench/rig.h"
#include "workbench/trait_set.h"

/* ---- state of one run, owned by main --------------------------------------------------------- */

/* How maps are made: the options of mapping.c. */
enum { CLI_TEXT_FILES = 16 };
typedef struct cli_mapping {
    const char *method, *cache; /* NULL: the default */
    const char *texts[CLI_TEXT_FILES];
    size_t n_texts;
    bool chunks, no_cache;
    double lambda;
    int rank, n_anchors, n_neutral, n_questions, n_candidates, from, to; /* 0, or -1 for blocks */
} cli_mapping;

typedef struct cli_state {
    /* shared options */
    bool json, help;
    int verbosity; /* -1: quiet, 0, 1: -v */
    rig_opts rig;  /* models, sessions, judges, questions */
    uint32_t seed;
    cli_mapping mapping;
    /* the rest belongs to the machinery */
    persona_err *err; /* where option parsers leave their message */
    int stopped_at;   /* argv index at which getopt gave up */
    bool json_printed;
    tty_progress progress;
    persona_hooks hooks; /* progress line and Ctrl-C */
} cli_state;

typedef persona_code (*cli_run)(cli_state *c, int argc, char **argv, persona_err *e);
typedef struct cli_command {
    const char *name, *summary;
    cli_run run;
} cli_command;

/* One per file cmd_NAME.c. */
persona_code cmd_demo(cli_state *c, int argc, char **argv, persona_err *e);
persona_code cmd_doctor(cli_state *c, int argc, char **argv, persona_err *e);
persona_code cmd_extract(cli_state *c, int argc, char **argv, persona_err *e);
persona_code cmd_generate(cli_state *c, int argc, char **argv, persona_err *e);
persona_code cmd_jobs(cli_state *c, int argc, char **argv, persona_err *e);
persona_code cmd_judge(cli_state *c, int argc, char **argv, persona_err *e);
persona_code cmd_map(cli_state *c, int argc, char **argv, persona_err *e);
persona_code cmd_models(cli_state *c, int argc, char **argv, persona_err *e);
persona_code cmd_traits(cli_state *c, int argc, char **argv, persona_err *e);
persona_code cmd_transfer(cli_state *c, int argc, char **argv, persona_err *e);
persona_code cmd_vector(cli_state *c, int argc, char **argv, persona_err *e);

/* ---- options.c ------------------------------------------------------------------------------- */

/* Children of a command's argp: --json, -q, -v, --color, --help; --threads, --seed, --slots,
 * --context; --judge, --questions. */
extern const struct argp cli_output_argp, cli_engine_argp, cli_judge_argp;
#define CLI_CHILD_OUTPUT                                                                           \
    {                                                                                              \
        &cli_output_argp, 0, "Output", 90                                                          \
    }
#define CLI_CHILD_ENGINE                                                                           \
    {                                                                                              \
        &cli_engine_argp, 0, "Running", 80                                                         \
    }
#define CLI_CHILD_JUDGE                                                                            \
    {                                                                                              \
        &cli_judge_argp, 0, "Judging", 70                                                          \
    }

/* --method, --texts, --blocks, ...: mapping.c. */
extern const struct argp cli_mapping_argp;
#define CLI_CHILD_MAPPING                                                                          \
    {                                                                                              \
        &cli_mapping_argp, 0, "Mapping", 60                                                        \
    }

/* Runs a command's parser. input's first member is `cli_state *c`. *go is false when --help was
 * answered. Errors: USAGE in one line, with the nearest option. */
PERSONA_CHECK persona_code cli_parse(const struct argp *argp, cli_state *c, int argc, char **argv,
                                     void *input, bool *go, persona_err *e);
/* For a parser's ARGP_KEY_INIT: hands the state to every child. */
void cli_init_children(struct argp_state *state);
/* For parsers: leave a message and return EINVAL. */
error_t cli_usage(struct argp_state *state, const char *fmt, ...) PERSONA_PRINTF(2, 3);
/* Checked numbers; name is the option as the user knows it. */
error_t cli_int(struct argp_state *state, const char *name, const char *arg, int min, int max,
                int *out);
error_t cli_real(struct argp_state *state, const char *name, const char *arg, double min,
                 double max, double *out);
error_t cli_seed(struct argp_state *state, const char *arg, uint32_t *out);
/* LOW:HIGH:N into n coefficients, at most `most`; -1 and 1 must be among them. */
error_t cli_coefficients(struct argp_state *state, const char *arg, double *out, int most,
                         size_t *n);
/* The option's second word, as in `--control-vector-scaled FILE SCALE`; NULL when it is missing. */
const char *cli_next_word(struct argp_state *state);
/* "a,b,c" into pieces (free with persona_names_free). */
void cli_split(const char *list, char ***out, size_t *n);

/* ---- common.c -------------------------------------------------------------------------------- */

/* Never NULL: ends the program with 70 when memory is out. cli_format is printf into new memory. */
void *cli_alloc(size_t n, size_t size);
void *cli_resize(void *p, size_t n, size_t size);
char *cli_strdup(const char *s);
char *cli_format(const char *fmt, ...) PERSONA_PRINTF(1, 2);

/* As rig_open_judge and rig_open_side, with a warning where a model judges itself. */
PERSONA_CHECK persona_code cli_open_judge(const cli_state *c, rig *x, persona_err *e);
PERSONA_CHECK persona_code cli_open_side(const cli_state *c, const char *path, const rig *other,
                                         rig *x, persona_err *e);

/* ---- mapping.c ------------------------------------------------------------------------------- */

/* How to fit, as the options say. */
persona_fit_opts cli_fit_opts(const cli_state *c);
/* Texts that both models read, as the options say; at most n_questions of each trait's and
 * text_tokens long (0: the default). from is not asked anything where --texts are given. */
PERSONA_CHECK persona_code cli_pairs(const cli_state *c, const rig *from, const rig *to,
                                     const trait_set *packs, int n_questions, int text_tokens,
                                     persona_pairs **out, persona_err *e);
/* Says what was cut (option is where the length stands), what was read and what was found in the cache, on stderr. */
void cli_say_pairs(const cli_state *c, const persona_pairs *p, const char *option);

/* ---- output.c -------------------------------------------------------------------------------- */

/* A JSON document on its way to stdout: begin opens the root object and writes "schema". */
typedef struct cli_json {
    buf text;
    json_out out;
} cli_json;
json_out *cli_json_begin(cli_json *j, const char *command);
/* Closes the root and prints; the document is freed in any case. Errors: IO, NOMEM. */
PERSONA_CHECK persona_code cli_json_end(cli_state *c, cli_json *j, persona_err *e);
/* Flushes stdout. Errors: IO. */
PERSONA_CHECK persona_code cli_flush(persona_err *e);
/* A line of talk on stderr, unless -q. */
void cli_say(const cli_state *c, const char *fmt, ...) PERSONA_PRINTF(2, 3);
/* "12.3 s", "4 min 05 s" into a small ring of buffers. */
const char *cli_duration(double seconds);
/* "4.6 MB"; likewise. */
const char *cli_bytes(uint64_t n);
/* A number with the given decimals, or "-" when it is not finite; likewise. */
const char *cli_number(double x, int decimals);

#endif
