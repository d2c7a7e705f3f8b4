/* SPDX-License-Identifier: MIT
 *
 * panel.h - what words alone say about an answer, without any model.
 *
 * A judge that nobody has checked on the answers at hand is seen beside numbers that anybody can
 * count again. Lists of words are found at run time, DIR/words/FILE or DIR/words/fetched/FILE in
 * the first data folder that has it (trait.h); where one is absent its dimension is NAN. All lists
 * are English. With n words (runs of letters and digits) in an answer:
 *
 *   words         n
 *   sentiment     mean valence of the words that VADER's lexicon lists, -4..4 (Hutto & Gilbert
 *                 2014); one with a negation among the 3 words before it counts -0.74 times, as
 *                 there; 0 if none is listed
 *   subjectivity  mean subjectivity of the words that Pattern's lexicon lists, 0..1, senses of a
 *                 word averaged (De Smedt & Daelemans 2012); 0 if none is listed
 *   hedging       100 * hedges / n (after Hyland 2005)
 *   politeness    100 * politeness markers / n (the positive strategies of Danescu-Niculescu-Mizil
 *                 et al. 2013)
 *   profanity     100 * listed words / n
 *   readability   Flesch's reading ease, 206.835 - 1.015 n/sentences - 84.6 syllables/n (1948);
 *                 syllables are counted by rule
 *
 * At each place the longest listed phrase counts. Without words all but the first are NAN.
 */
#ifndef PERSONA_PANEL_H
#define PERSONA_PANEL_H

#include "persona/error.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum persona_panel_dim {
    PERSONA_PANEL_WORDS,
    PERSONA_PANEL_SENTIMENT,
    PERSONA_PANEL_SUBJECTIVITY,
    PERSONA_PANEL_HEDGING,
    PERSONA_PANEL_POLITENESS,
    PERSONA_PANEL_PROFANITY,
    PERSONA_PANEL_READABILITY,
    PERSONA_PANEL_DIMS
} persona_panel_dim;

/* "words", "sentiment", ... */
const char *persona_panel_name(persona_panel_dim d);
/* "words", "-4..4", "per 100 words", ... */
const char *persona_panel_unit(persona_panel_dim d);
/* The file that d is counted with; NULL: it needs none. */
const char *persona_panel_list(persona_panel_dim d);

typedef struct persona_panel persona_panel;

/* Reads the lists that are there. Errors: FORMAT and SHAPE (a broken list, with file and line), IO,
 * NOMEM. */
PERSONA_CHECK persona_code persona_panel_open(persona_panel **out, persona_err *e);
void persona_panel_free(persona_panel *p);
/* Whether d can be counted: its list is there, or it needs none. */
bool persona_panel_has(const persona_panel *p, persona_panel_dim d);
/* The values of a text into out[PERSONA_PANEL_DIMS]. Errors: NOMEM. */
PERSONA_CHECK persona_code persona_panel_read(const persona_panel *p, const char *text, double *out,
                                              persona_err *e);

#ifdef __cplusplus
}
#endif
#endif
