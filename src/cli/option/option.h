/* SPDX-License-Identifier: MIT
 *
 * option.h - options and commands as data: one record per option, one parser for all commands.
 *
 * A record says everything there is to know about an option: how it is called, what it takes, where
 * the value goes, what it is without it, and what it is for. The parser (option_parse.c), --help,
 * the completions of three shells, the manual pages and docs/OPTIONS.md (spec*.c) all read the same
 * records, so adding an option touches one place. Options that several commands share are groups
 * (option_groups.c) and write into the cli_state; a command's own write into its own struct, whose
 * first member is `cli_state *c`.
 */
#ifndef PERSONA_CLI_OPTION_H
#define PERSONA_CLI_OPTION_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "persona/error.h"

struct cli_state;

typedef enum opt_type {
    OPT_ON,     /* bool: true */
    OPT_OFF,    /* bool: false */
    OPT_CONST,  /* int: .constant */
    OPT_TEXT,   /* const char * */
    OPT_FILE,   /* const char *; completed as a path */
    OPT_FOLDER, /* const char *; completed as a folder */
    OPT_WORD,   /* const char *: one of .words or .word_at */
    OPT_SWITCH, /* int: the index in .words */
    OPT_NAMES,  /* const char *: "a,b,c", not empty */
    OPT_INT,    /* int from .min to .max */
    OPT_COUNT,  /* the same, or `all`, which is -1 */
    OPT_SEED,   /* uint32_t */
    OPT_REAL,   /* double from .min to .max */
    OPT_FLOAT,  /* float from .min to .max */
    OPT_LIST,   /* opt_list: may be repeated */
    OPT_OWN     /* .set */
} opt_type;

enum { OPT_LIST_MAX = 64, OPT_ALL = -1 };
typedef struct opt_list {
    const char *p[OPT_LIST_MAX];
    size_t n;
} opt_list;

typedef struct opt opt;

/* One option as it stands on the command line. */
typedef struct opt_call {
    const opt *o;
    const char *typed; /* "-n" or "--max-tokens" */
    const char *value; /* NULL: it takes none */
    void *base;        /* the struct that holds the target */
    int argc;
    char **argv;
} opt_call;
typedef persona_code (*opt_set)(const opt_call *x, persona_err *e);

struct opt {
    const char *name; /* without the dashes; NULL ends a table */
    char key;         /* short name; 0: none */
    bool required, hidden;
    opt_type type;
    unsigned on;                      /* the actions it belongs to, bits; 0: all */
    const char *arg;                  /* what the value is called; NULL: takes none */
    size_t at;                        /* offset of the target in the struct of its group */
    double min, max;                  /* INT, COUNT, REAL, FLOAT */
    int constant;                     /* CONST */
    const char *const *words;         /* WORD, SWITCH; ends with NULL */
    const char *(*word_at)(size_t i); /* instead of words: NULL after the last */
    opt_set set;                      /* OWN */
    const char *without; /* what holds without it; NULL: the value that the target begins with */
    const char *help;
};

/* Records that several commands have in their own structs. */
#define OPT_ROLLOUTS(target)                                                                       \
    {                                                                                              \
        .name = "rollouts", .type = OPT_INT, .arg = "N", .min = 1, .max = 1000, .at = (target),    \
        .help = "Answers per question, instruction and pole"                                       \
    }
#define OPT_MODEL(target)                                                                          \
    {                                                                                              \
        .name = "model", .key = 'm', .required = true, .type = OPT_FILE, .arg = "FILE",            \
        .at = (target), .help = "The model (GGUF)"                                                 \
    }
#define OPT_FRESH(target)                                                                          \
    {                                                                                              \
        .name = "fresh", .type = OPT_ON, .at = (target),                                           \
        .help = "Forget what the job holds and start anew"                                         \
    }
/* The part of a task to be done; goes with `--job FILE`. */
#define OPT_SHARD(target)                                                                          \
    {                                                                                              \
        .name = "shard", .type = OPT_OWN, .arg = "I/N|auto", .at = (target), .set = opt_set_shard, \
        .without = "all of it",                                                                    \
        .help = "Do only part I (from 0) of N, into --job FILE, in whose name %i becomes I; "      \
                "then 'persona jobs merge'. auto: as Slurm or Open MPI say, auto/N: Kubernetes"    \
    }
#define OPT_SYSTEM(target)                                                                         \
    {                                                                                              \
        .name = "system", .type = OPT_TEXT, .arg = "TEXT", .at = (target),                         \
        .help = "System message (gpt-oss: developer message)"                                      \
    }
/* Of answers that are measured. */
#define OPT_TEMPERATURE(target)                                                                    \
    {                                                                                              \
        .name = "temp", .type = OPT_FLOAT, .arg = "X", .min = 0, .max = 10, .at = (target),        \
        .help = "Temperature of the model's own answers; 0: the likeliest"                         \
    }
/* Of texts that a model writes, in tokens. */
#define OPT_LENGTH(called, target, otherwise, said)                                                \
    {                                                                                              \
        .name = (called), .type = OPT_INT, .arg = "N", .min = 1, .max = 1 << 16, .at = (target),   \
        .without = (otherwise), .help = (said)                                                     \
    }

typedef struct opt_group {
    const char *title; /* NULL: the first options of a command */
    bool shared;       /* the targets are in cli_state, else in the command's own struct */
    const opt *options;
} opt_group;

/* What a command can do, where it can do several things: `persona COMMAND ACTION WORD...`. */
typedef struct cli_action {
    const char *name;  /* NULL ends a table */
    unsigned bit;      /* in opt.on */
    const char *usage; /* what follows the name on the usage line; "" */
    const char *wants; /* the words after it in English; NULL: there are none */
    size_t min, max;   /* how many */
} cli_action;

typedef struct opt_use {
    const opt_group *group;
    unsigned on; /* the actions it belongs to, where an option does not say; 0: all */
} opt_use;

enum { CLI_GROUPS = 10 };
typedef struct cli_command {
    const char *name, *summary;
    const char *usage;          /* without actions: what follows the name; a line each */
    const char *about, *notes;  /* paragraphs before and after the options; notes NULL: none */
    const cli_action *actions;  /* NULL: none; the first one without words is the default */
    const char *wants;          /* without actions: the words it takes, in English; NULL: none */
    size_t min, max;            /* how many */
    opt_use groups[CLI_GROUPS]; /* ends with NULL */
    size_t size;                /* of its struct */
    void (*init)(void *args);   /* sets what is not zero; NULL: nothing */
    /* After parsing: what records cannot say. Errors: USAGE. NULL: nothing. */
    persona_code (*check)(void *args, persona_err *e);
    persona_code (*run)(void *args, persona_err *e);
} cli_command;

/* ---- option_groups.c: what commands share ---------------------------------------------------- */

extern const opt_group opt_group_hosts, opt_group_model, opt_group_mapping, opt_group_judge,
    opt_group_judges, opt_group_running, opt_group_output, opt_group_guard, opt_group_along,
    opt_group_neutral, opt_group_sampling;

/* ---- option_parse.c -------------------------------------------------------------------------- */

/* Parses into args, which init has prepared, and into c: its action and words, too. *go is false
 * when --help was answered. Errors: USAGE in one line. */
PERSONA_CHECK persona_code opt_parse(const cli_command *x, struct cli_state *c, void *args,
                                     int argc, char **argv, bool *go, persona_err *e);
/* The .set of OPT_SHARD. */
persona_code opt_set_shard(const opt_call *x, persona_err *e);
/* For a .set: the option's second word, as in `--control-vector-scaled FILE SCALE`; NULL when it is
 * missing. */
const char *opt_next_word(const opt_call *x);
bool opt_takes_value(const opt *o);

/* All options of a command, in order: for (opt_walk w = {.x = x}; opt_step(&w);) w.o ... */
typedef struct opt_walk {
    const cli_command *x;
    const opt_group *group;
    const opt *o;
    unsigned on; /* the actions it belongs to; 0: all */
    size_t at;   /* the next group */
} opt_walk;
bool opt_step(opt_walk *w);

/* ---- option_value.c -------------------------------------------------------------------------- */

/* Checks the value against type and range and stores it. Errors: USAGE (option, value, range). */
PERSONA_CHECK persona_code opt_store(const opt_call *x, persona_err *e);
/* The same checks for a .set, whose value has parts. */
PERSONA_CHECK persona_code opt_int(const char *typed, const char *text, int min, int max, int *out,
                                   persona_err *e);
PERSONA_CHECK persona_code opt_real(const char *typed, const char *text, double min, double max,
                                    double *out, persona_err *e);
/* Word i of a WORD or SWITCH; NULL after the last. */
const char *opt_word(const opt *o, size_t i);
/* What holds without the option: o->without, or the target's value in base; NULL: nothing. */
const char *opt_without(const opt *o, const void *base, char *text, size_t size);

/* ---- command.c ------------------------------------------------------------------------------- */

/* NULL after the last; hidden commands are not among them. */
const cli_command *cli_command_at(size_t i);
const cli_command *cli_command_find(const char *name);
/* A fresh struct for the command with its cli_state set; mem_free() it. */
void *cli_command_args(const cli_command *x, struct cli_state *c);

/* ---- spec*.c --------------------------------------------------------------------------------- */

/* What --help prints. */
void spec_help(const cli_command *x, buf *out);
/* The hidden command `__spec`. */
extern const cli_command command_spec;

#endif
