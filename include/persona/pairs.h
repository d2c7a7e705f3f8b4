/* SPDX-License-Identifier: MIT
 *
 * pairs.h - texts that two models have read, each in its own template without a persona
 * instruction: what a map is fitted on (map.h).
 */
#ifndef PERSONA_PAIRS_H
#define PERSONA_PAIRS_H

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

#ifdef __cplusplus
}
#endif
#endif
