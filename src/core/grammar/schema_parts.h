/* SPDX-License-Identifier: MIT
 *
 * schema_parts.h - what the files of the translation share. Every part of a schema that is reached
 * becomes a node, and every node the rule n0, n1, ...; nodes wait in a list for their turn, so
 * that nothing here calls itself, however deep or circular the schema is.
 */
#ifndef PERSONA_CORE_SCHEMA_PARTS_H
#define PERSONA_CORE_SCHEMA_PARTS_H

#include "base/buf.h"
#include "base/json.h"

#define SCHEMA_MAX_NODES ((size_t)2000)
#define SCHEMA_MAX_REPEAT 2000             /* libllama's limit for {m,n} */
#define SCHEMA_MAX_REPEATS ((size_t)20000) /* of all of them together: each becomes a rule */

/* Rules that several nodes share. */
enum {
    SHARE_VALUE = 1,
    SHARE_OBJECT = 2,
    SHARE_ARRAY = 4,
    SHARE_STRING = 8,
    SHARE_CHAR = 16,
    SHARE_NUMBER = 32,
    SHARE_INTEGER = 64,
};

typedef struct schema_node {
    const json_val *v;
    char *path;
} schema_node;

typedef struct schema_edge {
    size_t from, to;
} schema_edge;

typedef struct schema_builder {
    const json_val *root;
    const char *prefix;
    buf out;
    schema_node *nodes;
    size_t n, cap;
    schema_edge *edges; /* a node that is another one, without a letter in between */
    size_t n_edges, cap_edges;
    size_t n_repeats;
    unsigned shared;
    persona_err *e;
} schema_builder;

/* "PATH.KEY: TEXT" (key NULL: "PATH: TEXT"), USAGE. */
persona_code schema_bad(schema_builder *b, const char *path, const char *key, const char *fmt, ...)
    PERSONA_PRINTF(4, 5);
/* What says nothing about values: title, $defs, ... */
bool schema_is_note(const char *key);
/* A key of v beside the keyword, `also` (NULL: none) and notes; NULL: there is none. */
const char *schema_beside(const json_val *v, const char *keyword, const char *also);
/* USAGE if there is one. */
PERSONA_CHECK persona_code schema_alone(schema_builder *b, const json_val *v, const char *path,
                                        const char *keyword, const char *also);
/* "PATH.KEY", or NULL; mem_free it. */
char *schema_join(const char *path, const char *key);
/* The schema that v is: references followed. path: where it stands; *out_path is where it was
 * found, mem_free it. */
PERSONA_CHECK persona_code schema_resolve(schema_builder *b, const json_val *v, const char *path,
                                          const json_val **out, char **out_path);
/* The node of a schema that is no reference, which may be there already. */
PERSONA_CHECK persona_code schema_add_node(schema_builder *b, const json_val *v, const char *path,
                                           size_t *id);
PERSONA_CHECK persona_code schema_add_edge(schema_builder *b, size_t from, size_t to);
/* The node of the schema PATH.KEY. */
PERSONA_CHECK persona_code schema_node_of(schema_builder *b, const json_val *v, const char *path,
                                          const char *key, size_t *id);
/* Uses shared rules; returns what it was given. */
unsigned schema_share(schema_builder *b, unsigned which);
/* A whole number from min to max of v's member; fallback if it has none. */
PERSONA_CHECK persona_code schema_count(schema_builder *b, const json_val *v, const char *path,
                                        const char *key, long fallback, long *out);
/* "{min,max}", max < 0: without an end. */
PERSONA_CHECK persona_code schema_repeat(schema_builder *b, const char *path, const char *key,
                                         long min, long max);
/* n bytes as a grammar's text in quotes. */
void schema_quote(buf *out, const char *s, size_t n);
/* The text of a JSON string, in quotes, as GBNF's literal: as the value is written in a reply. */
void schema_literal(schema_builder *b, const char *s);

/* schema_object.c, schema_text.c, schema_pattern.c: the right side of a rule. An alternative that
 * needs rules of its own names them nID-... and leaves them in `rules`. */
PERSONA_CHECK persona_code schema_object(schema_builder *b, size_t id, buf *rules);
PERSONA_CHECK persona_code schema_all_of(schema_builder *b, size_t id, buf *rules);
PERSONA_CHECK persona_code schema_array(schema_builder *b, size_t id, buf *rules);
PERSONA_CHECK persona_code schema_string(schema_builder *b, size_t id);
PERSONA_CHECK persona_code schema_integer(schema_builder *b, size_t id);
/* A regular expression with both anchors; path of the node. */
PERSONA_CHECK persona_code schema_pattern(schema_builder *b, const char *path, const char *regex);

#endif
