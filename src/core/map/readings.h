/* SPDX-License-Identifier: MIT
 *
 * readings.h - what both models read at the blocks of a map, kept with it: texts, rows, and how the
 * map was fitted. With them a transfer through a saved map makes every control that the fit itself
 * would have (study_map.c); without them only what the two matrices allow.
 *
 * Rows of a text follow each other: its whole response, then its chunks.
 */
#ifndef PERSONA_CORE_READINGS_H
#define PERSONA_CORE_READINGS_H

#include "persona/map.h"

typedef struct readings_text {
    char *question, *text;
    uint64_t hash; /* textset_hash of the text before it was cut */
    int trait;     /* index into names; -1: none */
    int polarity;  /* 1, -1; 0: none */
    size_t group;  /* below n_groups: the question */
    size_t n_chunks;
    float score;  /* what the judge saw of the traits that were left out; NAN */
    size_t first; /* of its rows; readings_lay_out */
} readings_text;

/* One model's half. */
typedef struct readings_side {
    int *blocks; /* (n_blocks) ascending */
    size_t n_blocks;
    float **rows; /* (n_blocks), each (n_rows, width of the model) */
} readings_side;

struct persona_map_readings {
    readings_text *texts; /* (n) */
    size_t n, n_rows, n_groups;
    size_t n_cut; /* texts that were longer */
    char **names; /* (n_names) of traits */
    size_t n_names;
    readings_side side[2]; /* source, target */
    /* persona_fit_opts of the map */
    double lambda;
    size_t rank, n_anchors;
    char *judge;    /* that gave the scores; NULL: nobody did */
    double neutral; /* of its scale */
};

/* A side's blocks from those of m, with room for as many rows. Errors: NOMEM. */
PERSONA_CHECK persona_code readings_side_new(const persona_map *m, bool target, readings_side *out,
                                             persona_err *e);
/* Where every text's rows begin, and how many rows there are. */
void readings_lay_out(persona_map_readings *r);
/* Rows of one block of a side; NULL: not among them. */
const float *readings_rows(const readings_side *s, int block);
/* Bytes of the rows. */
size_t readings_bytes(const persona_map *m);
void readings_free(persona_map_readings *r);

#endif
