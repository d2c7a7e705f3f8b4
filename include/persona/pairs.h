/* SPDX-License-Identifier: MIT
 *
 * pairs.h - texts that two models have read, each in its own template without a persona
 * instruction: what a map is fitted on (map.h).
 */
#ifndef PERSONA_PAIRS_H
#define PERSONA_PAIRS_H

#include "persona/judge.h"
#include "persona/session.h"
#include "persona/trait.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Texts that both models have read: in memory only what they are; what was read of them lies in a
 * cache on disk (FORMATS.md, "Readings") and is taken from there block by block. Opaque. */
typedef struct persona_pairs persona_pairs;

typedef struct persona_pairs_opts {
    const persona_questions *questions; /* NULL (default): each trait is asked its own pack's */
    int n_questions;                    /* per trait; default 20 */
    int n_neutral;                      /* uninstructed texts; default 120 */
    /* of a text, in tokens; those of files are cut at a sentence within 4 bytes for each;
     * default 96 */
    int max_tokens;
    float temperature; /* default 1 */
    uint32_t seed;
    const char *const *files; /* (n_files) texts to read (FORMATS.md, "Texts"), none are written */
    size_t n_files;
    bool chunks;            /* also keep the means of the chunks of a text (core/text/chunks.h) */
    const char *cache;      /* folder; NULL: $XDG_CACHE_HOME/persona; "": nothing is kept */
    const int *blocks_from; /* (n_blocks_from) to be read, ascending; NULL: those worth pairing */
    const int *blocks_to;   /* (n_blocks_to) likewise */
    size_t n_blocks_from, n_blocks_to;
} persona_pairs_opts;
persona_pairs_opts persona_pairs_defaults(void);

/* Has the source model write texts (neutral ones, and both poles of every trait), or takes those of
 * files, and has both models read them after the same question, each in its own template, without
 * any instruction. What an earlier run wrote or read is taken from the cache, bit for bit the same;
 * an interrupted run goes on where it was. Reading stops the graph after the last block that is
 * wanted. Texts that occur twice count once. Errors: USAGE (fewer than 8 distinct texts; one pole
 * only; too few questions), FORMAT and others of text files, those of sessions, IO (cache),
 * CANCELED. */
PERSONA_CHECK persona_code persona_pairs_new(persona_session *from, persona_session *to,
                                             persona_trait *const *traits, size_t n_traits,
                                             const persona_pairs_opts *opts,
                                             const persona_hooks *hooks, persona_pairs **out,
                                             persona_err *e);
void persona_pairs_free(persona_pairs *p);
/* Usable texts, without those of a trait (NULL: all). */
size_t persona_pairs_count(const persona_pairs *p, const char *without_trait);

/* ---- what texts show of a trait -------------------------------------------------------------- */

/* A trait is left out of a map by what texts show of it, not only by its name: other traits' texts
 * and neutral ones may show it, too, and would carry it over as its own texts do. */
typedef enum persona_leave {
    PERSONA_LEAVE_NAME,  /* the trait's own texts, and those behind the vector */
    PERSONA_LEAVE_LOOSE, /* also texts that lean clearly: beyond 15 points from 50; 60 or more */
    PERSONA_LEAVE_STRICT /* also texts that lean at all: beyond 5 points from 50; 30 or more */
} persona_leave;

/* "name", "loose", "strict". */
const char *persona_leave_name(persona_leave how);
/* Fewer texts than that decide nothing about a trait. */
enum { PERSONA_LEAVE_MIN_TEXTS = 60 };

/* How strongly each text shows a trait (of several: the one that it shows most). */
typedef struct persona_lean {
    double *score; /* (n) 0..100; NAN: the judge left it open, which counts as leaning */
    size_t n;
    double neutral; /* persona_judge_neutral */
    char *judge;    /* its name */
} persona_lean;

/* Has the judge score every usable text of p for n traits of one kind of scale. Errors: UNAVAILABLE
 * (it does not know a trait), USAGE (two kinds of scale), those of judges. */
PERSONA_CHECK persona_code persona_pairs_lean(const persona_pairs *p, persona_judge *judge,
                                              const persona_trait *const *traits, size_t n,
                                              const persona_hooks *hooks, persona_lean **out,
                                              persona_err *e);
void persona_lean_free(persona_lean *x);
/* Whether text i is left out for its score (not for its name). */
bool persona_lean_leaves_out(const persona_lean *x, size_t i, persona_leave how);

#ifdef __cplusplus
}
#endif
#endif
