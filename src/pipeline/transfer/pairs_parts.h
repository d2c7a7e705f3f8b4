/* SPDX-License-Identifier: MIT
 *
 * pairs_parts.h - private view of persona_pairs: texts that both models have read.
 */
#ifndef PERSONA_PIPELINE_PAIRS_PARTS_H
#define PERSONA_PIPELINE_PAIRS_PARTS_H

#include "core/map/readings.h"
#include "persona/map.h"
#include "store/actcache.h"

typedef struct pair_text {
    char *question, *text;
    uint64_t hash;   /* textset_hash of the text, before it was cut */
    int trait;       /* index into names; -1: neutral */
    int polarity;    /* +1, -1; 0: neutral */
    size_t group;    /* of the leave-one-group-out search: the question */
    size_t n_chunks; /* 0 unless chunks were asked for */
    bool usable;     /* not empty, not a duplicate, read by both */
} pair_text;

/* One model's half. */
typedef struct pair_side {
    char *name, *arch, *hash, *template_hash;
    int64_t date; /* persona_model_info */
    int n_layer, d;
    int *blocks; /* (n_blocks) that were read, ascending */
    size_t n_blocks;
    float *h_median;  /* (n_layer): median ||h|| over answer tokens; NAN: block not read */
    actcache *cache;  /* rows lie here */
    char (*keys)[65]; /* (n texts) */
    const persona_map_readings *kept; /* or here: borrowed of a map; NULL */
    const readings_side *held;        /* this side of it */
} pair_side;

struct persona_pairs {
    pair_text *texts;
    size_t n, n_groups; /* groups: questions */
    char **names;       /* of traits */
    size_t n_names;
    pair_side from, to;
    bool chunks;
    size_t n_written, n_reused, n_read, n_stale, n_duplicates;
    size_t n_cut;   /* texts of files that were longer */
    int max_tokens; /* of a text */
    char note[256]; /* "" or what to know about the cache */
};

/* Index of a trait's name, or -1. */
int pairs_trait(const persona_pairs *p, const char *name);
/* Usable texts of a trait: positive, negative. */
void pairs_poles(const persona_pairs *p, int trait, size_t n[2]);

/* Streams rows of one block of one side into out (n, d): for each its whole response, or one chunk
 * of it. Errors: those of the cache. */
typedef struct pair_row {
    size_t text;
    int chunk; /* -1: whole response */
} pair_row;
PERSONA_CHECK persona_code pairs_rows(const persona_pairs *p, bool target, int block,
                                      const pair_row *rows, size_t n, float *out, persona_err *e);

/* Texts that stay, and that were left out: for their trait or the vector behind them, for what they
 * show. */
typedef struct pairs_counts {
    size_t left, named, leaning;
} pairs_counts;
/* How often each text takes part in a map that leaves out what o says, in one way; n and times
 * (p->n) may be NULL. */
PERSONA_CHECK persona_code pairs_left_over(const persona_pairs *p, const persona_fit_opts *o,
                                           persona_leave how, pairs_counts *n, unsigned *times,
                                           persona_err *e);

/* pairs_kept.c: readings into a map that was fitted on p as o says. Errors: NOMEM, of the cache. */
PERSONA_CHECK persona_code pairs_keep(const persona_pairs *p, const persona_fit_opts *o,
                                      persona_map *m, persona_err *e);
/* The texts of a map that has readings, which it must outlive. */
PERSONA_CHECK persona_code pairs_of_map(const persona_map *m, persona_pairs **out, persona_err *e);
/* How such a map was fitted, and what its judge saw of the traits that were left out (NULL: nobody
 * looked; it is not in o). */
PERSONA_CHECK persona_code pairs_fit_of(const persona_map *m, persona_fit_opts *o,
                                        persona_lean **lean, persona_err *e);

/* mapfit.c: the same blocks as in m, each fitted to another shuffling of the pairs; as the `null`
 * of a map without anything else. Errors: those of maps. */
PERSONA_CHECK persona_code pairs_reshuffle(const persona_pairs *p, const persona_fit_opts *o,
                                           const persona_map *m, uint32_t seed, persona_map **out,
                                           persona_err *e);

/* ---- between the files of pairs -------------------------------------------------------------- */

/* One more text; the index of its trait's name. Errors: NOMEM, USAGE (too many). */
PERSONA_CHECK persona_code pairs_add(persona_pairs *p, const char *question, int trait,
                                     int polarity, size_t group, pair_text **out, persona_err *e);
PERSONA_CHECK persona_code pairs_name(persona_pairs *p, const char *name, int *trait,
                                      persona_err *e);

/* pairs_write.c: lays out what is asked and has the source write it. */
PERSONA_CHECK persona_code pairs_write(persona_pairs *p, persona_session *from,
                                       persona_trait *const *traits, size_t n_traits,
                                       const persona_pairs_opts *o, const persona_hooks *hooks,
                                       persona_err *e);
/* pairs_files.c */
PERSONA_CHECK persona_code pairs_load(persona_pairs *p, const persona_pairs_opts *o,
                                      persona_err *e);
/* pairs_kept.c: as pairs_rows, of a side that has them in memory. */
PERSONA_CHECK persona_code pairs_rows_held(const pair_side *s, int block, const pair_row *rows,
                                           size_t n, float *out, persona_err *e);
/* pairs_read.c */
PERSONA_CHECK persona_code pairs_read(persona_pairs *p, persona_session *s, bool target,
                                      const persona_hooks *hooks, persona_err *e);

#endif
