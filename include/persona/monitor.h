/* SPDX-License-Identifier: MIT
 *
 * monitor.h - what a model's states say about texts: the states themselves, in a file; how far they
 * lie along persona vectors, answer by answer and token by token; alarms over many answers.
 *
 * A projection is <h, v/||v||> in units of h, of an answer the mean over its tokens; z is its
 * distance from the mean of neutral answers, in their standard deviations. The projection at the
 * last prompt token is a forecast: it is read before the answer begins.
 */
#ifndef PERSONA_MONITOR_H
#define PERSONA_MONITOR_H

#include "persona/interval.h"
#include "persona/session.h"
#include "persona/shard.h"
#include "persona/vector.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct persona_activations_opts {
    persona_tap_mode mode; /* MEAN (default), LAST or ALL, of the answer's tokens */
    const int *blocks;     /* (n_blocks) ascending, 0 .. n_layer-2; NULL (default): all of them */
    size_t n_blocks;
    const char *job; /* job file to begin or to resume; NULL: rows are written as they are read */
    bool fresh;      /* forget what the job file holds */
    persona_shard shard; /* only these texts, into `job`: no output is written */
} persona_activations_opts;
persona_activations_opts persona_activations_defaults(void);

typedef struct persona_activations_report {
    size_t n_items, n_read; /* lines of the file; those that are in the output */
    size_t n_rows, n_empty; /* n_empty: lines without a token to read, which have no row */
    size_t n_tokens;
    bool complete;    /* false: interrupted, and the first n_read lines are in the output */
    size_t n_resumed; /* found in the job */
    persona_shard_report shard;
} persona_activations_report;

/* Has the model read the texts of a file (FORMATS.md, "Texts") and writes float32 rows of (blocks,
 * n_embd) to output (.npy or .safetensors) in the order of the lines, and which row is what to
 * index. Read are the tokens of a line's last answer, or of its prompt (but for position 0) where
 * it has none. Memory does not grow with the file. An interrupted run keeps its first lines, unless
 * there is an older output, which stays; one with a job keeps them there, goes on from there, and
 * writes the output when all is read. Errors: USAGE (mode, blocks, extension), SHAPE (a block
 * that the model lacks), those of text files (a text that does not fit the context is a FORMAT
 * error with its line), IO, CANCELED. */
PERSONA_CHECK persona_code persona_activations(persona_session *s, const char *texts,
                                               const persona_activations_opts *o,
                                               const char *output, const char *index,
                                               const persona_hooks *hooks,
                                               persona_activations_report *report, persona_err *e);

/* ---- probes: vectors to read along ----------------------------------------------------------- */

typedef struct persona_probe {
    char *name;
    int block;
    /* of neutral answers' projections, from the vector's file if it is of this model (same hash);
     * NAN: not known */
    double mean, sd;
    double token_mean, token_sd; /* of single tokens of neutral answers; likewise */
} persona_probe;

/* By rising block; each may stand more than once. */
typedef struct persona_probes {
    persona_probe *list; /* (n) */
    size_t n;
    int *blocks;       /* (n) as the list has them */
    float *directions; /* (n, n_embd) unit vectors */
    int n_embd;
} persona_probes;

PERSONA_CHECK persona_code persona_probes_new(persona_model *m, persona_probes **out,
                                              persona_err *e);
void persona_probes_free(persona_probes *p);
/* Adds a direction of v, which is copied; block -1: the vector's best. Errors: SHAPE (width, a
 * block that cannot be read, no direction there), USAGE (it knows no best block), FORMAT (not a
 * direction to be read along), NUMERIC (a direction of zeros). */
PERSONA_CHECK persona_code persona_probes_add(persona_probes *p, persona_model *m, const char *name,
                                              const persona_vector *v, int block, persona_err *e);
/* What a request reads; valid as long as p, and until the next add. */
persona_tap persona_probes_tap(const persona_probes *p, persona_tap_span span, bool before_edits);

/* ---- projecting texts ------------------------------------------------------------------------ */

/* One answer; arrays are valid inside the callback. */
typedef struct persona_projection {
    size_t index, n_answers; /* which answer of the file, from 0, of how many */
    size_t line;             /* of the file, from 1 */
    int turn, n_turns;       /* which answer of its line, from 0; n_turns 0: a prompt without one */
    size_t n_tokens;         /* that were read */
    const double *mean;      /* (n_probes) over them; NAN: no token */
    const double *forecast;  /* (n_probes) at the last prompt token */
    const float *per_token;  /* (n_tokens, n_probes) */
    const persona_token *tokens; /* (n_tokens) */
} persona_projection;

typedef struct persona_project_sink {
    void *ud;
    persona_code (*take)(void *ud, const persona_projection *x, persona_err *e);
} persona_project_sink;

/* Has the model read every answer of a file (each turn of a conversation behind the turns before
 * it) and hands over the projections in the order of the file. Errors: those of
 * persona_activations, and of take. */
PERSONA_CHECK persona_code persona_project(persona_session *s, const char *texts,
                                           const persona_probes *p,
                                           const persona_project_sink *sink,
                                           const persona_hooks *hooks, persona_err *e);

/* ---- alarms ---------------------------------------------------------------------------------- */

/* What neutral answers teach about one probe. Half of the lines set mean, sd and thresholds, the
 * other half says how often they alarm all the same. */
typedef struct persona_watch {
    double mean, sd;                   /* of answers */
    double forecast_mean, forecast_sd; /* at the last prompt token */
    double ewma, cusum;                /* thresholds; INFINITY: never */
    double rate;                       /* of alarms that was wanted, per run of answers */
    double false_alarms, false_ewma, false_cusum; /* measured on the other half, shares of runs */
    size_t n_chosen, n_measured;                  /* answers of the halves */
    size_t n_runs;                                /* behind these shares; drawn ones overlap */
    size_t run; /* answers of a run; 0: conversations as they are */

    /* Of the tokens of single answers: a run is an answer as it is, from its first token on. */
    double token_mean, token_sd;
    double token_ewma, token_cusum; /* thresholds; INFINITY: never */
    double token_false_alarms;      /* share of the other half's answers with one */
    size_t token_length;            /* tokens of a neutral answer, the median */
} persona_watch;

/* out: (p->n). rate 0: no thresholds, and all answers set mean and sd. Errors: those of
 * persona_project; FORMAT (fewer than 8 answers, or all the same). */
PERSONA_CHECK persona_code persona_watch_learn(persona_session *s, const char *neutral,
                                               const persona_probes *p, double rate,
                                               const persona_hooks *hooks, persona_watch *out,
                                               persona_err *e);

/* Two charts over answers in succession; {0} begins one. */
typedef struct persona_chart {
    double smooth, high, low; /* state, in sd */
    double ewma, cusum;       /* of the last answer: EWMA in its own sd, the larger CUSUM */
    bool alarm;
} persona_chart;
/* The next answer's z. An alarm begins the sums anew. */
void persona_watch_step(const persona_watch *w, persona_chart *c, double z);
/* The next token's z within an answer, which begins with a chart of its own. Neighboring tokens are
 * alike, which the thresholds know; that longer answers alarm more often they do not. */
void persona_watch_token(const persona_watch *w, persona_chart *c, double z);

/* ---- screening a data set -------------------------------------------------------------------- */

typedef struct persona_screen_opts {
    int max_tokens;    /* of the model's own answers; default 128 */
    int n_samples;     /* of them to each prompt; default 1, more with a temperature only */
    float temperature; /* of them; default 0: the likeliest answer */
    uint32_t seed;
    double threshold; /* default 3, see persona_screen_vector */
    const char *job;  /* job file to begin or to resume; NULL: a private one that vanishes */
    bool fresh;       /* forget what the job file holds */
    /* only these texts, into `job`: *out has no items, but `shard` */
    persona_shard shard;
} persona_screen_opts;
persona_screen_opts persona_screen_defaults(void);

/* One answer of the data set along one probe. NAN: one of the two has no token. */
typedef struct persona_screen_item {
    double given, own; /* projections of the answer and of the model's own to the same prompt, the
                        * mean of its samples */
    double own_se;     /* standard error of that mean; NAN: of fewer than two */
    double delta;      /* given - own */
    bool flagged;
    size_t rank; /* from 1, by falling delta; 0: none */
} persona_screen_item;

/* Of one probe. */
typedef struct persona_screen_vector {
    persona_interval delta; /* mean over the data set */
    /* What is flagged lies above it. Where the spread of neutral answers is known, threshold *
     * sqrt(1 + 1/n_samples) * sd: what a neutral answer and the mean of n_samples differ by. Else
     * the median of all differences plus threshold * 1.4826 * their median absolute deviation. */
    double limit;
    bool by_neutral; /* the first of the two */
    size_t n_flagged;
} persona_screen_vector;

typedef struct persona_screening {
    size_t n, n_probes;
    size_t *lines;                  /* (n) in the file, from 1 */
    persona_screen_item *items;     /* (n, n_probes) */
    persona_screen_vector *vectors; /* (n_probes) */
    size_t n_unread;                /* lines without an answer, or answers without a token */
    size_t n_resumed;               /* answers found in the job */
    persona_shard_report shard;     /* of both stages together */
} persona_screening;

/* Has the model answer the prompts of a data set and reads the data set's own answers: how far
 * training on them would move it along each probe (Chen et al. 2025, section 6). What was computed
 * is in the job. Errors: those of persona_activations and of jobs. */
PERSONA_CHECK persona_code persona_screen(persona_session *s, const char *texts,
                                          const persona_probes *p, const persona_screen_opts *o,
                                          const persona_hooks *hooks, persona_screening **out,
                                          persona_err *e);
void persona_screening_free(persona_screening *x);
/* Where its job lies if the caller has no better place; free() it. Errors: IO, UNAVAILABLE. */
PERSONA_CHECK persona_code persona_screen_place(persona_session *s, const char *texts,
                                                const persona_probes *p,
                                                const persona_screen_opts *o, char **path,
                                                persona_err *e);

/* ---- what a model leans to ------------------------------------------------------------------- */

typedef struct persona_leaning_asks {
    char *const *questions; /* (n) */
    size_t n;
    const char *system; /* NULL: none */
    int max_tokens;     /* of an answer */
} persona_leaning_asks;

/* Has the model answer questions (the likeliest answers) and projects the answers: mean over an
 * answer's tokens, and forecast at the last prompt token, both (n, n_probes) of the caller; NAN: no
 * token. Errors: those of sessions; USAGE (no probe, no question). */
PERSONA_CHECK persona_code persona_leanings(persona_session *s, const persona_leaning_asks *asks,
                                            const persona_probes *p, const persona_hooks *hooks,
                                            double *mean, double *forecast, persona_err *e);

#ifdef __cplusplus
}
#endif
#endif
