/* SPDX-License-Identifier: MIT
 *
 * witness.h - what else is known of the scores of an evaluation, where nobody labelled its answers:
 * the words of the answers, a second judge, and the judge on answers that nothing has steered.
 *
 * Everything is over the answers of the target that came and were scored; intervals draw questions.
 * NAN: not counted, no such judge, or not defined.
 */
#ifndef PERSONA_WITNESS_H
#define PERSONA_WITNESS_H

#include "persona/interval.h"
#include "persona/panel.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One dimension of the lexical panel. */
typedef struct persona_panel_effect {
    bool counted;               /* false: its list of words was not there */
    persona_interval spearman;  /* with the judge's score */
    size_t n;                   /* answers */
    persona_interval swing;     /* of the transferred vector: mean at +1 less mean at -1 */
    persona_interval of_native; /* the same of the native vector */
} persona_panel_effect;

/* Whether the score is the length. What is left of the transferred swing with words held equal, in
 * ranks of 0..1 among all answers (Conover & Iman 1982):
 *
 *   beside = dy - beta dx    dx, dy: difference of mean ranks of words and of scores, +1 less -1
 *                            beta: slope of scores on words within conditions and coefficients
 *
 * Of a judge whose score rises or falls with words, in whatever form, nothing is left; one whose
 * trait brings longer answers along keeps its swing, however high the correlation over all answers.
 * Length explains a swing where |Spearman| with words is at least PERSONA_LENGTH_RHO, the
 * transferred vector changes the number of words (interval without 0), and the lower bound of
 * beside is at most PERSONA_LENGTH_LEFT. */
#define PERSONA_LENGTH_RHO 0.6 /* what a judge must reach with labels (persona/judge.h) */
#define PERSONA_LENGTH_LEFT 0.01
typedef struct persona_length_check {
    persona_interval swing, beside; /* of the transferred vector, in ranks */
    bool explains;                  /* there is no PASS then */
} persona_length_check;

/* A second judge on the same answers: all where it is a classifier, else PERSONA_SECOND_MOST. */
#define PERSONA_SECOND_MOST 60
#define PERSONA_SECOND_LOW 0.5 /* Spearman below which a caution says so */
typedef struct persona_second_judge {
    char name[96]; /* "": none */
    size_t n;
    persona_interval spearman;
    double same_side;            /* 0..1: both on the same side of 50 */
    persona_interval difference; /* points: the second's mean less the first's */
} persona_second_judge;

/* The judge's mean on unsteered answers less what an answer without the trait should score. */
#define PERSONA_NEUTRAL_FAR 10.0 /* points from which a caution says so */
typedef struct persona_neutral_shift {
    double neutral; /* persona_judge_neutral */
    size_t n;
    persona_interval shift;
} persona_neutral_shift;

typedef struct persona_witness {
    persona_panel_effect panel[PERSONA_PANEL_DIMS];
    persona_length_check length;
    persona_second_judge second;
    persona_neutral_shift neutral;
    char caution[768]; /* what to know beside the verdict; "" */
} persona_witness;

#ifdef __cplusplus
}
#endif
#endif
