/* SPDX-License-Identifier: MIT
 *
 * trait.h - trait packs and question sets: what to ask so that a trait shows.
 *
 * A pack holds 5 instruction pairs, 40 questions (the first half extracts, the second half
 * evaluates; the halves never mix) and the judge's prompt, as published by Chen et al. 2025, and
 * the `sampling` mapping. A question set replaces the questions (models too small for the pack's
 * own).
 */
#ifndef PERSONA_TRAIT_H
#define PERSONA_TRAIT_H

#include "persona/error.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct persona_pair {
    char *pos, *neg;
} persona_pair;

typedef struct persona_trait {
    char *name, *positive, *negative, *description, *eval_prompt;
    persona_pair *pairs;
    size_t n_pairs;
    char **questions; /* n_questions; the first n_questions/2 extract, the rest evaluate */
    size_t n_questions;
    /* change per +1 coefficient in the `sampling` method (design.md 1) */
    float d_temperature, d_top_p, d_repetition_penalty;
    char *about; /* why these changes */
    char *path;  /* where it was read; NULL: nowhere yet */
} persona_trait;

typedef struct persona_questions {
    char *name;
    char **extraction, **evaluation;
    size_t n_extraction, n_evaluation;
} persona_questions;

/* Reads and validates a pack. Errors: NOTFOUND, FORMAT (names the field and what it should be). */
PERSONA_CHECK persona_code persona_trait_read(const char *path, persona_trait **out,
                                              persona_err *e);
/* The same from text; name is used in messages and becomes the path. Errors: FORMAT. */
PERSONA_CHECK persona_code persona_trait_parse(const char *text, size_t len, const char *name,
                                               persona_trait **out, persona_err *e);
void persona_trait_free(persona_trait *t);
/* "You are a silly assistant. INSTRUCTION" (a or an); pair i of n_pairs. free() the result. */
PERSONA_CHECK persona_code persona_trait_system(const persona_trait *t, size_t i, bool positive,
                                                char **out, persona_err *e);

/* ---- writing packs: store/trait/traitsave.c -------------------------------------------------- */

/* Whether a pack in memory is all that persona_trait_read wants; name is used in messages.
 * Errors: FORMAT. */
PERSONA_CHECK persona_code persona_trait_check(const persona_trait *t, const char *name,
                                               persona_err *e);
/* Checks and writes, layout and order as in the shipped packs; whole or not at all. t->path is not
 * touched. Errors: FORMAT, IO. */
PERSONA_CHECK persona_code persona_trait_save(const persona_trait *t, const char *path,
                                              persona_err *e);
/* Where the user's own pack of that name belongs: $XDG_DATA_HOME/persona/traits/NAME.json. free()
 * it. Errors: USAGE (not a name), NOTFOUND (no home). */
PERSONA_CHECK persona_code persona_trait_place(const char *name, char **out, persona_err *e);

/* ---- packs of other programs: store/trait/traitimport.c -------------------------------------- */

typedef struct persona_import_opts {
    /* which trait of several, or how to call the only one; NULL: all, as called */
    const char *name;
    const char *positive, *negative, *description; /* win over the file's; NULL: the file's */
    const char *eval_path; /* persona_vectors: the file of the evaluation questions; NULL: none */
} persona_import_opts;

typedef struct persona_imported {
    persona_trait *trait;
    char **notes; /* n_notes: what was changed or filled in, one line each */
    size_t n_notes;
} persona_imported;

/* Reads what persona_vectors calls trait data ({"instruction", "questions", "eval_prompt"}), or the
 * original project's custom_traits.json ({NAME: {"prompt_pairs", ...}}). Every pack that comes out
 * satisfies persona_trait_check; nothing is invented but what the notes name, and never questions.
 * Errors: NOTFOUND (file; no trait of that name), FORMAT (too few questions, ...), USAGE
 * (adjectives are missing and were not given; opts that do not fit the file). */
PERSONA_CHECK persona_code persona_trait_import(const char *path, const persona_import_opts *opts,
                                                persona_imported **out, size_t *n, persona_err *e);
void persona_imported_free(persona_imported *list, size_t n);

/* ---- question sets -------------------------------------------------------------------------- */

PERSONA_CHECK persona_code persona_questions_read(const char *path, persona_questions **out,
                                                  persona_err *e);
/* The pack's own questions as a set. */
PERSONA_CHECK persona_code persona_questions_of(const persona_trait *t, persona_questions **out,
                                                persona_err *e);
/* The set that is given, or where it is NULL the pack's own, in *own (free it; else NULL). */
PERSONA_CHECK persona_code persona_questions_for(const persona_questions *given,
                                                 const persona_trait *t, persona_questions **own,
                                                 const persona_questions **out, persona_err *e);
void persona_questions_free(persona_questions *q);

/* Finds "NAME" (or a path to a .json) in the folders searched for packs; lists every pack's name.
 * Search order: $PERSONA_DATA/traits, $XDG_DATA_HOME/persona/traits, the build tree's or the
 * installed share/persona/traits; then traits/more of the same folders. An unknown name lists the
 * nearest known one in its error. */
PERSONA_CHECK persona_code persona_trait_find(const char *name_or_path, persona_trait **out,
                                              persona_err *e);
PERSONA_CHECK persona_code persona_trait_names(char ***names, size_t *n, persona_err *e);
/* Those in traits/more: found by name only, and in no set of all traits. */
PERSONA_CHECK persona_code persona_trait_more_names(char ***names, size_t *n, persona_err *e);
void persona_names_free(char **names, size_t n);

#ifdef __cplusplus
}
#endif
#endif
