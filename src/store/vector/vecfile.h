/* SPDX-License-Identifier: MIT
 *
 * vecfile.h - what the files of vectors share: the table of formats, the bytes of one file, notes,
 * labels and provenance. Private to the store and its tests.
 *
 * A format is one file vecfile_NAME.c and one row: it tells its bytes from others, reads bytes that
 * are wholly in memory, and writes a path. Readers own nothing but their result; what they had to
 * leave out or to guess goes into the note, never silently.
 */
#ifndef PERSONA_STORE_VECFILE_H
#define PERSONA_STORE_VECFILE_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/json.h"
#include "persona/vector.h"

#define VECFILE_MAX ((size_t)1 << 30) /* bytes of a file */
#define VECFILE_MAX_BLOCK 4096
#define VECFILE_MAX_WIDTH (1 << 20)
#define VECFILE_NOTE_MAX ((size_t)4096)

typedef struct vecfile {
    const char *path;
    const unsigned char *p; /* (len) */
    size_t len;
    persona_err *e;
} vecfile;

typedef struct vecfile_format {
    const char *name, *extension;
    bool (*sniff)(const vecfile *f);
    persona_code (*read)(const vecfile *f, persona_vector **out);
    /* note: appends what the format cannot hold */
    persona_code (*write)(const persona_vector *v, const char *path, buf *note, persona_err *e);
} vecfile_format;

extern const vecfile_format vecfile_gguf, vecfile_safetensors, vecfile_json, vecfile_f32,
    vecfile_pt;

/* Reads bytes as the format that they look like. */
PERSONA_CHECK persona_code vecfile_parse(const vecfile *f, persona_vector **out,
                                         const vecfile_format **format);

/* ---- for the formats ------------------------------------------------------------------------- */

/* FORMAT with "PATH: TEXT". */
persona_code vecfile_bad(const vecfile *f, const char *fmt, ...) PERSONA_PRINTF(2, 3);
/* Adds "; TEXT" to a note. */
void vecfile_remark(buf *note, const char *fmt, ...) PERSONA_PRINTF(2, 3);

/* The N of a name "PREFIXN", -1 if it has none: plain decimals without leading zeros; larger than
 * VECFILE_MAX_BLOCK gives VECFILE_MAX_BLOCK + 1. */
int vecfile_block(const char *name, size_t len, const char *prefix);

/* Copies a text of a file into a field of the provenance. It will reach terminals: bytes that are
 * not UTF-8 become U+FFFD, control characters spaces. */
PERSONA_CHECK persona_code vecfile_label(const vecfile *f, const char *text, char **field);

/* Meets one key of a file, or every member of an object (path: "" or what stands before their
 * names): what is not meant as steering does it goes into from.unapplied (vecfile_meaning.c). The
 * directions are read before. */
PERSONA_CHECK persona_code vecfile_meaning(const vecfile *f, persona_vector *v, const char *key,
                                           const char *value);
PERSONA_CHECK persona_code vecfile_meanings(const vecfile *f, persona_vector *v, const char *path,
                                            const json_val *object);

/* Ends the reading of a foreign file: source, note, and the unit, told by the norms: all 1 within
 * half precision is unit norm, otherwise `unit` ("": unknown, and the note gives the norms). */
PERSONA_CHECK persona_code vecfile_imported(const vecfile *f, persona_vector *v, const char *source,
                                            const char *unit, buf *note);

/* Directions in the file; SHAPE when there is none to write from block `first` on. */
PERSONA_CHECK persona_code vecfile_count(const persona_vector *v, int first, const char *path,
                                         int *n, persona_err *e);

/* Values as they stand in files, little-endian, to float32. */
typedef enum vecfile_type { VECFILE_F32, VECFILE_F16, VECFILE_BF16 } vecfile_type;
size_t vecfile_type_size(vecfile_type type);
/* Whether a number of a text rounds to a float32: decimals of FLT_MAX may lie a little above it. */
static inline bool vecfile_fits(double x)
{
    return fabs(x) < 0x1.ffffffp127;
}

void vecfile_widen(vecfile_type type, const unsigned char *p, size_t n, float *out);

/* ---- provenance (vecfile_keys.c) ------------------------------------------------------------- */

/* One table for every format: GGUF has the keys as they are, JSON objects without "persona.". */
typedef struct vecfile_key {
    const char *key;
    size_t at;   /* in persona_provenance; layers: in persona_vector_layer */
    int unknown; /* ints: the value that is not written */
} vecfile_key;
extern const vecfile_key vecfile_strings[], vecfile_reals[], vecfile_ints[], vecfile_layers[];
extern const size_t vecfile_n_strings, vecfile_n_reals, vecfile_n_ints, vecfile_n_layers;

static inline void *vecfile_member(void *p, size_t at)
{
    return (unsigned char *)p + at;
}

static inline const void *vecfile_member_const(const void *p, size_t at)
{
    return (const unsigned char *)p + at;
}

/* Every number that may be out of range whatever the format. */
PERSONA_CHECK persona_code vecfile_check_provenance(const vecfile *f, const persona_vector *v);
/* The provenance as an object of a JSON document, all but the directions. */
void vecfile_put_json(json_out *o, const char *key, const persona_vector *v);
/* n_layer of such an object (absent: highest + 1), then the rest into a vector. */
PERSONA_CHECK persona_code vecfile_json_n_layer(const json_doc *d, const json_val *obj, int highest,
                                                int *n_layer, persona_err *e);
PERSONA_CHECK persona_code vecfile_take_json(const vecfile *f, const json_doc *d,
                                             const json_val *obj, persona_vector *v);

/* ---- a sidecar and its raw floats (vecfile_f32.c) -------------------------------------------- */

/* f: the JSON; raw (n bytes): the file of floats beside it, raw_path its name for messages. */
PERSONA_CHECK persona_code vecfile_f32_parse(const vecfile *f, const char *raw_path,
                                             const unsigned char *raw, size_t n,
                                             persona_vector **out);
/* Whether a JSON document is such a sidecar. */
bool vecfile_is_sidecar(const json_doc *d);
/* Reads the .f32 beside a sidecar. */
PERSONA_CHECK persona_code vecfile_f32_beside(const vecfile *sidecar, persona_vector **out);

#endif
