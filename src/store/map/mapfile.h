/* SPDX-License-Identifier: MIT
 *
 * mapfile.h - what reading and writing of map files share: the table of keys.
 */
#ifndef PERSONA_STORE_MAPFILE_H
#define PERSONA_STORE_MAPFILE_H

#include "core/map/readings.h"
#include "store/ggufwrite.h"

#define MAPFILE_ARCHITECTURE "persona-map"
#define MAPFILE_VERSION 2             /* with readings; without them 1 */
#define MAPFILE_MAX ((size_t)8 << 30) /* bytes of a file */
#define MAPFILE_MAX_BLOCKS 256
#define MAPFILE_MAX_TRAITS 4096

/* What was left out: not in files of 0.1.0. */
#define MAPFILE_WITHOUT "persona.map.without"
#define MAPFILE_LEAVE "persona.map.leave"
#define MAPFILE_NAMED "persona.map.n_named"
#define MAPFILE_LEANING "persona.map.n_leaning"

typedef struct mapfile_key {
    const char *key;
    size_t at; /* offsetof in persona_map, or in persona_map_block */
} mapfile_key;

extern const mapfile_key mapfile_strings[]; /* char * */
extern const size_t mapfile_n_strings;
extern const mapfile_key mapfile_counts[]; /* size_t, stored as u32 */
extern const size_t mapfile_n_counts;
extern const mapfile_key mapfile_reals[]; /* double of a block, stored as an array of f32 */
extern const size_t mapfile_n_reals;
extern const mapfile_key mapfile_later[]; /* the same, of later files */
extern const size_t mapfile_n_later;

#define MAPFILE_READINGS "persona.map.readings." /* prefix of the keys of readings */

struct gguf_context;

/* mapfile_readings.c: the keys of m->readings, its tensors. Errors: NOMEM. */
PERSONA_CHECK persona_code mapfile_put_readings(gguf_out *o, const persona_map *m, persona_err *e);
size_t mapfile_n_reading_tensors(const persona_map *m);

/* What reading a map file goes by. */
typedef struct mapfile_source {
    const char *path;
    const unsigned char *p;
    size_t len;
    struct gguf_context *g;
    persona_err *e;
} mapfile_source;

/* mapfile_gguf_read.c: a (k, d) matrix of finite floats; *k 0: any number of rows, told back. *out
 * NULL and OK: the tensor is not there. */
PERSONA_CHECK persona_code mapfile_take_matrix(const mapfile_source *s, const char *name, size_t d,
                                               size_t *k, float **out);
/* mapfile_readings_read.c: m->readings, if the file has some; blocks and texts of m are known. */
PERSONA_CHECK persona_code mapfile_take_readings(const mapfile_source *s, persona_map *m);

/* A map file whose bytes are in memory. */
PERSONA_CHECK persona_code mapfile_parse(const char *path, const unsigned char *p, size_t len,
                                         persona_map **out, persona_err *e);

static inline void *mapfile_member(void *p, size_t at)
{
    return (unsigned char *)p + at;
}

static inline const void *mapfile_member_const(const void *p, size_t at)
{
    return (const unsigned char *)p + at;
}

#endif
