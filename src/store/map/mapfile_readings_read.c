/* SPDX-License-Identifier: MIT
 *
 * mapfile_readings_read.c - the readings of a map file. They decide what a study computes, so every
 * index is checked against what it points at, and the texts of the map must be among them.
 */
#include <gguf.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/try.h"
#include "base/utf8.h"
#include "core/map/textset.h"
#include "core/text/chunks.h"
#include "store/map/mapfile.h"

#define KEY(name) MAPFILE_READINGS name
#define MAX_TEXTS ((size_t)1 << 20)
#define MAX_NUMBER 1000000 /* of groups, ranks, anchors */
#define AGAIN "(damaged? fit the map again)"

static persona_code bad(const mapfile_source *s, const char *key, const char *what)
{
    return persona_err_set(s->e, PERSONA_E_FORMAT, "%s: key '" KEY("%s") "' %s " AGAIN, s->path,
                           key, what);
}

static persona_code find(const mapfile_source *s, const char *key, enum gguf_type type, int64_t *id)
{
    char full[64];
    snprintf(full, sizeof full, KEY("%s"), key);
    *id = gguf_find_key(s->g, full);
    return *id < 0                               ? bad(s, key, "is missing")
           : gguf_get_kv_type(s->g, *id) == type ? PERSONA_OK
                                                 : bad(s, key, "is of another type");
}

/* n values of a type. */
static persona_code find_array(const mapfile_source *s, const char *key, enum gguf_type type,
                               size_t n, int64_t *id)
{
    const persona_code rc = find(s, key, GGUF_TYPE_ARRAY, id);
    if (rc != PERSONA_OK) {
        return rc;
    }
    const size_t have = gguf_get_arr_n(s->g, *id);
    if (gguf_get_arr_type(s->g, *id) != type) {
        return bad(s, key, "holds another type");
    }
    if (have != n) {
        return persona_err_set(
            s->e, PERSONA_E_FORMAT,
            "%s: key '" KEY("%s") "' holds %zu values, there are %zu texts " AGAIN, s->path, key,
            have, n);
    }
    return PERSONA_OK;
}

static persona_code take_number(const mapfile_source *s, const char *key, size_t max, size_t *out)
{
    int64_t id;
    const persona_code rc = find(s, key, GGUF_TYPE_UINT32, &id);
    if (rc != PERSONA_OK) {
        return rc;
    }
    *out = gguf_get_val_u32(s->g, id);
    if (*out > max) {
        return persona_err_set(s->e, PERSONA_E_FORMAT,
                               "%s: key '" KEY("%s") "' is %zu, at most %zu are possible " AGAIN,
                               s->path, key, *out, max);
    }
    return PERSONA_OK;
}

static persona_code take_text(const mapfile_source *s, const char *key, const char *text,
                              char **out)
{
    persona_code rc = PERSONA_OK;
    char what[64];
    snprintf(what, sizeof what, KEY("%s"), key);
    TRY(utf8_check(what, text, strlen(text), s->e));
    *out = mem_strdup(text);
    TRY(*out ? PERSONA_OK : mem_err(s->e, s->path));
out:
    return rc == PERSONA_OK ? rc : persona_err_wrap(s->e, "%s", s->path);
}

static persona_code take_names(const mapfile_source *s, persona_map_readings *r)
{
    persona_code rc = PERSONA_OK;
    int64_t id;
    TRY(find(s, "traits", GGUF_TYPE_ARRAY, &id));
    const size_t n = gguf_get_arr_n(s->g, id);
    TRY(gguf_get_arr_type(s->g, id) == GGUF_TYPE_STRING && n <= MAPFILE_MAX_TRAITS
            ? PERSONA_OK
            : bad(s, "traits", "holds no names, or more than 4096"));
    r->names = mem_calloc(n, sizeof *r->names);
    TRY(r->names ? PERSONA_OK : mem_err(s->e, s->path));
    for (; r->n_names < n; r->n_names++) {
        const char *name = gguf_get_arr_str(s->g, id, r->n_names);
        for (size_t k = 0; k < r->n_names; k++) {
            TRY(strcmp(name, r->names[k]) != 0 ? PERSONA_OK : bad(s, "traits", "names one twice"));
        }
        TRY(take_text(s, "traits", name, &r->names[r->n_names]));
    }
out:
    return rc;
}

static persona_code take_texts(const mapfile_source *s, persona_map_readings *r)
{
    persona_code rc = PERSONA_OK;
    int64_t texts, questions;
    TRY(find(s, "texts", GGUF_TYPE_ARRAY, &texts));
    const size_t n = gguf_get_arr_n(s->g, texts);
    TRY(n > 0 && n <= MAX_TEXTS ? PERSONA_OK : bad(s, "texts", "holds none, or over a million"));
    TRY(find_array(s, "texts", GGUF_TYPE_STRING, n, &texts));
    TRY(find_array(s, "questions", GGUF_TYPE_STRING, n, &questions));
    r->texts = mem_calloc(n, sizeof *r->texts);
    TRY(r->texts ? PERSONA_OK : mem_err(s->e, s->path));
    r->n = n;
    for (size_t i = 0; i < n; i++) {
        TRY(take_text(s, "texts", gguf_get_arr_str(s->g, texts, i), &r->texts[i].text));
        TRY(take_text(s, "questions", gguf_get_arr_str(s->g, questions, i), &r->texts[i].question));
    }
out:
    return rc;
}

/* One whole number of every text, within bounds. */
static persona_code take_column(const mapfile_source *s, const char *key, size_t n, long long min,
                                long long max, int32_t *out)
{
    persona_code rc = PERSONA_OK;
    int64_t id;
    TRY(find_array(s, key, GGUF_TYPE_INT32, n, &id));
    memcpy(out, gguf_get_arr_data(s->g, id), n * sizeof *out);
    for (size_t i = 0; i < n; i++) {
        if (out[i] < min || out[i] > max) {
            TRY(persona_err_set(
                s->e, PERSONA_E_FORMAT,
                "%s: key '" KEY("%s") "': text %zu has %d (expected %lld to %lld) " AGAIN, s->path,
                key, i, out[i], min, max));
        }
    }
out:
    return rc;
}

static persona_code take_columns(const mapfile_source *s, const persona_map *m,
                                 persona_map_readings *r)
{
    persona_code rc = PERSONA_OK;
    const bool chunks = strcmp(m->pairing, "chunk") == 0;
    int32_t *x = mem_calloc(r->n, 4 * sizeof *x);
    TRY(x ? PERSONA_OK : mem_err(s->e, s->path));
    TRY(take_column(s, "trait", r->n, -1, (long long)r->n_names - 1, x));
    TRY(take_column(s, "polarity", r->n, -1, 1, x + r->n));
    TRY(take_column(s, "group", r->n, 0, (long long)r->n_groups - 1, x + 2 * r->n));
    TRY(take_column(s, "chunks", r->n, chunks ? 1 : 0, chunks ? CHUNKS_MOST : 0, x + 3 * r->n));
    for (size_t i = 0; i < r->n; i++) {
        r->texts[i].trait = x[i];
        r->texts[i].polarity = x[r->n + i];
        r->texts[i].group = (size_t)x[2 * r->n + i];
        r->texts[i].n_chunks = (size_t)x[3 * r->n + i];
    }
    readings_lay_out(r);
out:
    mem_free(x);
    return rc;
}

/* All different, and those of the map among them. */
static persona_code take_hashes(const mapfile_source *s, const persona_map *m,
                                persona_map_readings *r)
{
    persona_code rc = PERSONA_OK;
    int64_t id;
    size_t n = 0;
    uint64_t *own = NULL, *all = mem_calloc(r->n, sizeof *all);
    TRY(all ? find_array(s, "hashes", GGUF_TYPE_UINT64, r->n, &id) : mem_err(s->e, s->path));
    memcpy(all, gguf_get_arr_data(s->g, id), r->n * sizeof *all);
    for (size_t i = 0; i < r->n; i++) {
        r->texts[i].hash = all[i];
    }
    TRY(textset_sort(all, r->n) == r->n ? PERSONA_OK : bad(s, "hashes", "holds one twice"));
    TRY(textset_parse(m->texts, &own, &n, s->e));
    TRY(textset_overlap(own, n, all, r->n) == n
            ? PERSONA_OK
            : bad(s, "hashes", "lacks texts that the map was fitted on"));
out:
    mem_free(own);
    mem_free(all);
    return rc;
}

static persona_code take_scores(const mapfile_source *s, persona_map_readings *r)
{
    persona_code rc = PERSONA_OK;
    int64_t id;
    for (size_t i = 0; i < r->n; i++) {
        r->texts[i].score = NAN;
    }
    if (gguf_find_key(s->g, KEY("judge")) < 0) {
        return PERSONA_OK;
    }
    TRY(find(s, "judge", GGUF_TYPE_STRING, &id));
    TRY(take_text(s, "judge", gguf_get_val_str(s->g, id), &r->judge));
    TRY(find(s, "neutral", GGUF_TYPE_FLOAT32, &id));
    r->neutral = (double)gguf_get_val_f32(s->g, id);
    TRY(r->neutral >= 0 && r->neutral <= 100 ? PERSONA_OK : bad(s, "neutral", "is not 0 to 100"));
    TRY(find_array(s, "scores", GGUF_TYPE_FLOAT32, r->n, &id));
    const unsigned char *x = gguf_get_arr_data(s->g, id);
    for (size_t i = 0; i < r->n; i++) {
        float y;
        memcpy(&y, x + i * sizeof y, sizeof y);
        TRY(isnan(y) || (y >= 0 && y <= 100) ? PERSONA_OK
                                             : bad(s, "scores", "holds one that is not 0 to 100"));
        r->texts[i].score = y;
    }
out:
    return rc;
}

static persona_code take_fit(const mapfile_source *s, persona_map_readings *r)
{
    persona_code rc = PERSONA_OK;
    int64_t id;
    TRY(take_number(s, "n_groups", MAX_NUMBER, &r->n_groups));
    TRY(take_number(s, "n_cut", MAX_TEXTS, &r->n_cut));
    TRY(take_number(s, "rank", MAX_NUMBER, &r->rank));
    TRY(take_number(s, "anchors", MAX_NUMBER, &r->n_anchors));
    TRY(find(s, "lambda", GGUF_TYPE_FLOAT64, &id));
    r->lambda = gguf_get_val_f64(s->g, id);
    TRY(r->lambda >= 0 && r->lambda <= 1e9 ? PERSONA_OK : bad(s, "lambda", "is not 0 to 1e9"));
out:
    return rc;
}

static persona_code take_side(const mapfile_source *s, const persona_map *m, bool target,
                              persona_map_readings *r)
{
    persona_code rc = PERSONA_OK;
    readings_side *side = &r->side[target];
    TRY(readings_side_new(m, target, side, s->e));
    for (size_t i = 0; i < side->n_blocks; i++) {
        char name[64];
        size_t k = r->n_rows;
        snprintf(name, sizeof name, "readings.%s.%d", target ? "to" : "from", side->blocks[i]);
        TRY(mapfile_take_matrix(s, name, (size_t)(target ? m->to.n_embd : m->from.n_embd), &k,
                                &side->rows[i]));
        TRY(side->rows[i] ? PERSONA_OK
                          : persona_err_set(s->e, PERSONA_E_FORMAT,
                                            "%s: tensor '%s' is missing " AGAIN, s->path, name));
    }
out:
    return rc;
}

persona_code mapfile_take_readings(const mapfile_source *s, persona_map *m)
{
    persona_code rc = PERSONA_OK;
    persona_map_readings *r = NULL;
    if (gguf_find_key(s->g, KEY("texts")) < 0) {
        return PERSONA_OK;
    }
    r = mem_calloc(1, sizeof *r);
    TRY(r ? PERSONA_OK : mem_err(s->e, s->path));
    TRY(take_fit(s, r));
    TRY(take_names(s, r));
    TRY(take_texts(s, r));
    TRY(take_columns(s, m, r));
    TRY(take_hashes(s, m, r));
    TRY(take_scores(s, r));
    TRY(take_side(s, m, false, r));
    TRY(take_side(s, m, true, r));
    m->readings = r;
    r = NULL;
out:
    readings_free(r);
    return rc;
}
