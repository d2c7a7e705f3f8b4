/* SPDX-License-Identifier: MIT
 *
 * cli.h - what the commands of `persona` share: options, opening things, JSON, the program's state.
 *
 * A command is a record (option/option.h) in one file: its options are parsed into a struct whose
 * first member is `cli_state *c`, it does its work through the public headers, and prints either
 * text or exactly one JSON document on stdout. Errors travel up
 * as persona_err; main prints them. Out of memory in the program itself ends it (cli_alloc): the
 * library reports it, but a command line has nothing better to do.
 */
#ifndef PERSONA_CLI_H
#define PERSONA_CLI_H

#include <stdio.h>

#include "base/buf.h"
#include "base/json.h"
#include "cli/option/option.h"
#include "cli/tty.h"
#include "persona/persona.h"
#include "persona/study.h"
#include "workbench/carry.h"
#include "workbench/find.h"
#include "workbench/library.h"
#include "workbench/model_list.h"
#include "workbench/results.h"
#include "workbench/rig.h"
#include "workbench/shard_spec.h"
#include "workbench/trait_set.h"

/* ---- state of one run, owned by main --------------------------------------------------------- */

/* How maps are made. */
typedef struct cli_mapping {
    const char *method, *cache; /* NULL: the default */
    opt_list texts;
    int pairing; /* 0: responses, 1: chunks */
    bool no_cache;
    double lambda;
    int rank, n_anchors, n_neutral, n_questions, n_candidates, from, to; /* 0, or -1 for blocks */
} cli_mapping;

typedef struct cli_state {
    /* shared options */
    bool json, help;
    int color;     /* a tty_when */
    int verbosity; /* -1: quiet, 0, 1: -v */
    rig_opts rig;  /* models, sessions, judges, questions */
    uint32_t seed;
    cli_mapping mapping;
    int guard_mode; /* a persona_guard_mode */
    float guard_ratio;
    opt_list along;     /* vectors to read along */
    int along_block;    /* -1: each vector's best */
    int neutral_tokens; /* of an answer to a neutral question */
    persona_sampling sampling;
    /* what to do, of a command that can do several things, and the words after it */
    const cli_action *action;
    char **words; /* (n_words), of argv */
    size_t n_words;
    /* the rest belongs to the machinery */
    bool json_printed;
    tty_progress progress;
    persona_hooks hooks; /* progress line and Ctrl-C */
} cli_state;
/* As it is before the options. */
cli_state cli_state_defaults(void);

/* One per file cmd_NAME.c, in the order in which --help lists them. */
#define CLI_COMMANDS(X)                                                                            \
    X(demo)                                                                                        \
    X(extract)                                                                                     \
    X(transfer)                                                                                    \
    X(map)                                                                                         \
    X(generate)                                                                                    \
    X(chat)                                                                                        \
    X(sweep)                                                                                       \
    X(choices)                                                                                     \
    X(project)                                                                                     \
    X(recipes)                                                                                     \
    X(screen)                                                                                      \
    X(shift)                                                                                       \
    X(audit)                                                                                       \
    X(activations)                                                                                 \
    X(vector)                                                                                      \
    X(judge)                                                                                       \
    X(traits)                                                                                      \
    X(jobs)                                                                                        \
    X(models)                                                                                      \
    X(serve)                                                                                       \
    X(verify)                                                                                      \
    X(doctor)
#define CLI_COMMAND_DECLARED(name) extern const cli_command command_##name;
CLI_COMMANDS(CLI_COMMAND_DECLARED)
#undef CLI_COMMAND_DECLARED

/* ---- receipt_print.c ------------------------------------------------------------------------- */

/* Gives the plan (NULL: none) the guard that --guard says. */
PERSONA_CHECK persona_code cli_guard(const cli_state *c, persona_plan *p, persona_err *e);
/* receipt_take; out of memory ends the program. */
void cli_take_receipt(receipt_done *d, const persona_result *r);
/* Says on standard error what has to be said of steering that did nothing, or too much. */
void cli_warn_steering(const cli_state *c, const persona_steered *x, size_t n_steered);
/* With -v: what steering did, step by step. */
void cli_print_receipt(const cli_state *c, const persona_receipt *r, const receipt_done *d);

/* ---- common.c -------------------------------------------------------------------------------- */

/* Never NULL: ends the program with 70 when memory is out. cli_format is printf into new memory. */
void *cli_alloc(size_t n, size_t size);
void *cli_resize(void *p, size_t n, size_t size);
char *cli_strdup(const char *s);
char *cli_format(const char *fmt, ...) PERSONA_PRINTF(1, 2);
/* "a,b,c" into pieces (free with persona_names_free). */
void cli_split(const char *list, char ***out, size_t *n);

/* "3-5,8" into ascending blocks of a model of n_layer, each once; all of 0 .. n_layer-2 where list
 * is NULL. *out: mem_free it. Errors: USAGE. */
PERSONA_CHECK persona_code cli_blocks(const char *list, int n_layer, int **out, size_t *n,
                                      persona_err *e);

/* "LOW:HIGH:N" or "a,b,c" into ascending numbers, at most max; steps are snapped, so that -2:2:9
 * has exactly 0.5. *n: how many. Errors: USAGE (typed is how the option was called). */
PERSONA_CHECK persona_code cli_coefficients(const char *typed, const char *text, size_t max,
                                            double *out, size_t *n, persona_err *e);

/* As rig_open_judge and rig_open_side, with a warning where a model judges itself. */
PERSONA_CHECK persona_code cli_open_judge(cli_state *c, rig *x, persona_err *e);
PERSONA_CHECK persona_code cli_open_side(cli_state *c, const char *path, const rig *other, rig *x,
                                         persona_err *e);

/* What tasks of the workbench take: lines for standard error (cli_say), and how maps are made, as
 * the options say. c must outlive both. */
talk_sink cli_talk(cli_state *c);
mapping_opts cli_mapping_opts(const cli_state *c);
/* The same as members of x, with the models' options and the progress line; c is talk.ud. */
void cli_carry(cli_state *c, carry *x);

/* ---- shard_say.c ----------------------------------------------------------------------------- */

/* The file that --job names for this part (NULL where it names none); a part wants one. *out:
 * mem_free it. Errors: USAGE. */
PERSONA_CHECK persona_code cli_shard_job(const char *job, persona_shard s, char **out,
                                         persona_err *e);
/* Says what a part has done and what comes next: a document with --json. */
PERSONA_CHECK persona_code cli_shard_done(cli_state *c, const char *command, const char *job,
                                          persona_shard s, const persona_shard_report *r,
                                          double seconds, persona_err *e);

/* ---- output.c -------------------------------------------------------------------------------- */

/* A JSON document on its way to stdout: begin opens the root object and writes "schema". */
typedef struct cli_json {
    buf text;
    json_out out, printed; /* as it is; as it was when the text was last printed */
} cli_json;
json_out *cli_json_begin(cli_json *j, const char *command);
/* Prints what the document holds so far and goes on: between two items of a long list, so that it
 * takes the memory of one. From then on the document has to be ended, whatever happens. Errors: IO,
 * NOMEM. */
PERSONA_CHECK persona_code cli_json_flush(cli_state *c, cli_json *j, persona_err *e);
/* Closes the root and prints; the document is freed in any case. Errors: IO, NOMEM. */
PERSONA_CHECK persona_code cli_json_end(cli_state *c, cli_json *j, persona_err *e);
/* After a failure: drops what has not been printed and leaves the root open, for what may be said
 * all the same and for cli_json_error. false: nothing has been printed, so there is no document (it
 * is freed, and main prints the failure as one). */
bool cli_json_rewind(const cli_state *c, cli_json *j);
/* The member "error" that a failure's document has. */
void cli_json_error(json_out *o, persona_code rc, const char *why);
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
