/* SPDX-License-Identifier: MIT
 *
 * carry.h - traits carried from one model to another: what `transfer`, its preset `demo` and the
 * server's job share.
 *
 * The first half says what is wanted, as options, presets and requests set it; the second half is
 * what came of it, trait by trait.
 */
#ifndef PERSONA_WORKBENCH_CARRY_H
#define PERSONA_WORKBENCH_CARRY_H

#include "persona/study.h"
#include "workbench/mapping.h"

typedef struct carry carry;
struct carry {
    const rig_opts *rig;  /* of the sides, and of what their judges count as */
    mapping_opts mapping; /* its seed is that of everything */
    persona_hooks hooks;
    talk_sink talk;
    void (*pause)(void *ud); /* of talk: before something is shown; NULL: nothing */
    const char *from, *to;   /* model files; from may be NULL with a map and a vector */
    /* source and target are open already and stay the caller's; from and to are their names */
    bool borrowed;
    const char *trait, *traits; /* one of them: NAME or FILE; "a,b" or "all" */
    const char *vector, *map;   /* files, or NULL: extracted, fitted */
    const char *output;         /* of the vector; with traits a folder; NULL: the user's library */
    const char *report;         /* a page about all of it; NULL: none */
    const char *job;            /* NULL: the user's library; "none" */
    int text_tokens;            /* 0: the default of paired texts */
    bool writes_vectors;
    bool drops_unscored;       /* traits that the judge cannot score are left out, with a word */
    const char *length_option; /* that stands for the length of texts; NULL: no word of them */
    const char *judge_hint;    /* after "name one with --judge" */
    persona_study_opts opts;
    /* Showing things on the way: both sides are open; trait i is done. NULL: nothing. */
    void (*begun)(const carry *x);
    persona_code (*done)(const carry *x, size_t i, persona_err *e);

    rig source, target;
    char **names; /* (n_names) */
    size_t n_names, n;
    persona_trait **packs; /* (n) */
    trait_set all;
    persona_pairs *pairs;
    persona_vector *given;
    persona_map *fitted;     /* the map of the file */
    persona_study **results; /* (n); NULL: failed */
    char (*failures)[512];   /* (n) */
    char **paths;            /* (n) */
    double seconds;
};

/* Everything from opening to the report. Too little contrast in the source is a result of its own
 * where there are several traits. */
PERSONA_CHECK persona_code carry_run(carry *x, persona_err *e);
void carry_free(carry *x);

#endif
