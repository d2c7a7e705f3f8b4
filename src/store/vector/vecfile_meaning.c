/* SPDX-License-Identifier: MIT
 *
 * vecfile_meaning.c - what a file says about how its directions are to be used, where that is not
 * what steering does: add direction.B to the output of block B.
 *
 * Directions that are to be projected out, that belong to what a part of a block writes, or that
 * are counted otherwise look just like ours. Whoever adds them gets a text that is wrong without an
 * error (GLP files measured nine times less effect at the wrong place). So every key of a file
 * goes by here, known or not: one that names an operation, a hook point or a layer map must have a
 * value that means ours, else it is kept in from.unapplied and the vector can be shown and
 * converted, not steered with. What is no such key (who made it, how it was trained, strength) is
 * nobody's meaning and passes.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/try.h"
#include "store/vector/vecfile.h"

enum { MAX_DEPTH = 4, MAX_VALUE = 60, MAX_KEY = 120 };
#define UNAPPLIED_MAX ((size_t)400)

/* Names end a key behind one of . / : or are all of it; those of several words also end one behind
 * an underscore. Values that mean ours stand in the order of how common they are. */
typedef struct meaning {
    const char *const *names, *const *ours;
    bool blocks; /* a list of the very blocks that the file has is ours, too */
} meaning;

static const char *const operation_names[] = {"mode",
                                              "op",
                                              "operation",
                                              "operator",
                                              "algorithm",
                                              "action",
                                              "intervention",
                                              "apply_mode",
                                              "steering_mode",
                                              "steering_type",
                                              "edit_mode",
                                              "apply_method",
                                              "steering_method",
                                              NULL};
static const char *const operation_values[] = {"add",        "additive", "addition", "direct",
                                               "add_vector", "sum",      NULL};
static const char *const hook_names[] = {"hook",       "hook_point",  "hook_site",     "hook_name",
                                         "site",       "component",   "module",        "apply_at",
                                         "layer_type", "hook_module", "target_module", NULL};
static const char *const hook_values[] = {"residual",
                                          "residual_stream",
                                          "residual_stream_post_layer",
                                          "resid_post",
                                          "hook_resid_post",
                                          "hidden_states",
                                          "hidden_state",
                                          "post_layer",
                                          "layer_output",
                                          "block_output",
                                          "decoder_block",
                                          "l_out",
                                          NULL};
static const char *const map_names[] = {
    "layer_map",     "layer_mapping", "layer_offset", "layer_shift",          "layer_ids",
    "layer_indices", "layer_base",    "index_base",   "layer_ids_zero_based", NULL};
static const char *const map_values[] = {"identity", "none", "0", "", NULL};
static const char *const rank_names[] = {"glp_rank", NULL};
static const char *const rank_values[] = {"1", NULL};
/* per direction or layer, or only where something holds: never ours */
static const char *const other_names[] = {"dir_scales", "layer_scales", "condition_vector",
                                          "condition_layer", NULL};
static const char *const no_values[] = {NULL};

static const meaning table[] = {
    {operation_names, operation_values, false},
    {hook_names, hook_values, false},
    {map_names, map_values, true},
    {rank_names, rank_values, false},
    {other_names, no_values, false},
};

/* Small letters; every separator becomes an underscore. */
static void plain(const char *text, char *out, size_t size)
{
    size_t n = 0;
    for (; text[n] && n + 1 < size; n++) {
        const unsigned char c = (unsigned char)text[n];
        out[n] = (char)(isalnum(c) ? tolower(c) : '_');
    }
    out[n] = '\0';
}

static bool is_border(char c)
{
    return c == '.' || c == '/' || c == ':';
}

static bool names(const char *key, const char *word)
{
    char flat[MAX_KEY];
    const size_t n = strlen(key), m = strlen(word);
    if (n >= sizeof flat || n < m) {
        return false;
    }
    plain(key, flat, sizeof flat);
    return strcmp(flat + n - m, word) == 0 &&
           (n == m || is_border(key[n - m - 1]) || (strchr(word, '_') && flat[n - m - 1] == '_'));
}

static bool is_one_of(const char *text, const char *const *words)
{
    char flat[MAX_VALUE];
    plain(text, flat, sizeof flat);
    for (; *words; words++) {
        if (strcmp(flat, *words) == 0) {
            return true;
        }
    }
    return false;
}

/* "1,2,3" or "[1, 2, 3]": the blocks that v has, all and no other, in any order. */
static bool lists_blocks(const char *text, const persona_vector *v)
{
    int n = 0;
    for (const char *at = text; *at;) {
        if (!isdigit((unsigned char)*at)) {
            if (!strchr("[], ", *at)) {
                return false;
            }
            at++;
            continue;
        }
        char *rest = NULL;
        const long b = strtol(at, &rest, 10);
        if (b >= v->n_layer || !v->layers[b].present) {
            return false;
        }
        n++;
        at = rest;
    }
    for (int b = 0; b < v->n_layer; b++) {
        n -= v->layers[b].present;
    }
    return n == 0;
}

static bool is_ours(const meaning *m, const char *value, const persona_vector *v)
{
    return (strlen(value) < MAX_VALUE && is_one_of(value, m->ours)) ||
           (m->blocks && lists_blocks(value, v));
}

static persona_code keep(const vecfile *f, persona_vector *v, const char *key, const char *value)
{
    buf text;
    buf_init(&text, UNAPPLIED_MAX + MAX_KEY + MAX_VALUE + 16);
    const bool cut = strlen(value) > MAX_VALUE;
    buf_puts(&text, v->from.unapplied);
    if (text.len < UNAPPLIED_MAX) {
        buf_printf(&text, "%s%.*s=%.*s%s", text.len > 0 ? ", " : "", MAX_KEY, key, MAX_VALUE, value,
                   cut ? "..." : "");
    }
    persona_code rc = PERSONA_OK;
    TRY(buf_ok(&text, f->path, f->e));
    TRY(vecfile_label(f, buf_str(&text), &v->from.unapplied));
out:
    buf_free(&text);
    return rc;
}

persona_code vecfile_meaning(const vecfile *f, persona_vector *v, const char *key,
                             const char *value)
{
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        for (const char *const *name = table[i].names; *name; name++) {
            if (names(key, *name) && !is_ours(&table[i], value, v)) {
                return keep(f, v, key, value);
            }
        }
    }
    return PERSONA_OK;
}

/* ---- of JSON --------------------------------------------------------------------------------- */

typedef struct walk {
    const vecfile *f;
    persona_vector *v;
    const char *path; /* "" or "metadata." */
    int depth;
    persona_code rc;
} walk;

/* A scalar as text; arrays of numbers as "1,2,3". */
static void value_text(const json_val *val, buf *out)
{
    const json_type type = json_typeof(val);
    if (type == JSON_STRING) {
        buf_puts(out, json_string(val));
    } else if (type == JSON_NUMBER) {
        buf_printf(out, "%.9g", json_number(val, 0));
    } else if (type == JSON_BOOL) {
        buf_puts(out, json_bool(val, false) ? "true" : "false");
    }
    for (size_t i = 0; type == JSON_ARRAY && i < json_len(val) && i <= VECFILE_MAX_BLOCK; i++) {
        buf_puts(out, i > 0 ? "," : "");
        if (json_typeof(json_at(val, i)) == JSON_NUMBER) {
            buf_printf(out, "%.9g", json_number(json_at(val, i), 0));
        } else {
            buf_puts(out, "...");
        }
    }
}

static bool visit(void *ud, const char *key, const json_val *val)
{
    static const char *const rows[] = {"vectors", "responses", "effectiveness_scores", "persona",
                                       NULL};
    walk *w = ud;
    buf name, text;
    if (w->depth == 0 && is_one_of(key, rows)) {
        return true;
    }
    buf_init(&name, 1024);
    buf_init(&text, (size_t)1 << 16);
    buf_printf(&name, "%s%.200s", w->path, key);
    if (json_typeof(val) == JSON_OBJECT && w->depth < MAX_DEPTH) {
        buf_putc(&name, '.');
        walk inner = {w->f, w->v, buf_str(&name), w->depth + 1, PERSONA_OK};
        json_each(val, visit, &inner);
        w->rc = inner.rc;
    } else if (json_typeof(val) != JSON_NULL) {
        value_text(val, &text);
        w->rc = vecfile_meaning(w->f, w->v, buf_str(&name), buf_str(&text));
    }
    buf_free(&text);
    buf_free(&name);
    return w->rc == PERSONA_OK;
}

persona_code vecfile_meanings(const vecfile *f, persona_vector *v, const char *path,
                              const json_val *object)
{
    walk w = {f, v, path, 0, PERSONA_OK};
    json_each(object, visit, &w);
    return w.rc;
}
