/* SPDX-License-Identifier: MIT
 *
 * traitfile.c - reads trait packs and question sets (JSON) and checks everything they promise.
 *
 * A pack is a measuring instrument: a question that occurs in both halves, or an instruction that
 * equals its mirror image, would make every later number wrong without a sign. So all of
 * traits/schema.json is enforced here, and what a schema cannot say: pos differs from neg, and no
 * two questions are equal once case, spacing and punctuation are ignored. Each message names the
 * file, the field, what was found and what was expected. Finding packs by name is traitfind.c,
 * writing them traitsave.c; the rules for texts are core/text/trait_text.c's.
 */
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/try.h"
#include "core/text/trait_text.h"
#include "persona/trait.h"

#define FILE_MAX ((size_t)4 << 20)
#define SET_MAX 10000

static persona_code bad_field(persona_err *e, const char *path, const char *field, const char *fmt,
                              ...) PERSONA_PRINTF(4, 5);

static persona_code bad_field(persona_err *e, const char *path, const char *field, const char *fmt,
                              ...)
{
    buf text;
    va_list ap;
    buf_init(&text, 300);
    va_start(ap, fmt);
    buf_vprintf(&text, fmt, ap);
    va_end(ap);
    const persona_code rc =
        persona_err_set(e, PERSONA_E_FORMAT, "%s: field '%s' %s", path, field, buf_str(&text));
    buf_free(&text);
    return rc;
}

static const char *type_name(const json_val *v)
{
    static const char *const names[] = {
        [JSON_NULL] = "null",       [JSON_BOOL] = "a boolean", [JSON_NUMBER] = "a number",
        [JSON_STRING] = "a string", [JSON_ARRAY] = "an array", [JSON_OBJECT] = "an object",
    };
    return v ? names[json_typeof(v)] : "missing";
}

/* ---- texts ---------------------------------------------------------------------------------- */

static persona_code check_text(persona_err *e, const char *path, const char *field,
                               const json_val *v, text_rule rule, const char **out)
{
    const char *s = v ? json_string(v) : NULL;
    if (!s) {
        return bad_field(e, path, field, "is %s (expected a string)", type_name(v));
    }
    char why[96];
    if (!text_fits(s, rule, why, sizeof why)) {
        return bad_field(e, path, field, "%s", why);
    }
    *out = s;
    return PERSONA_OK;
}

/* Member key of obj, copied into *out; field is its path as messages show it. */
static persona_code copy_text(persona_err *e, const char *path, const char *field,
                              const json_val *v, text_rule rule, char **out)
{
    const char *s = NULL;
    persona_code rc = check_text(e, path, field, v, rule, &s);
    if (rc != PERSONA_OK) {
        return rc;
    }
    *out = mem_strdup(s);
    return *out ? PERSONA_OK : mem_err(e, path);
}

/* ---- lists of questions --------------------------------------------------------------------- */

/* Keys seen so far, over one or more lists, so that a repeat is told with both places. */
typedef struct seen_list {
    char **keys;
    char **places;
    size_t n, cap;
} seen_list;

static void seen_free(seen_list *s)
{
    for (size_t i = 0; i < s->n; i++) {
        mem_free(s->keys[i]);
        mem_free(s->places[i]);
    }
    mem_free(s->keys);
    mem_free(s->places);
}

static persona_code seen_reserve(seen_list *s, size_t more, persona_err *e)
{
    char **keys = mem_realloc(s->keys, s->n + more, sizeof *keys);
    if (keys) {
        s->keys = keys;
    }
    char **places = mem_realloc(s->places, s->n + more, sizeof *places);
    if (places) {
        s->places = places;
    }
    return keys && places ? PERSONA_OK : mem_err(e, "a list of questions");
}

/* Room was reserved. */
static persona_code seen_add(seen_list *s, const char *path, const char *place, const char *text,
                             persona_err *e)
{
    char *key = text_key(text), *copy = mem_strdup(place);
    if (!key || !copy) {
        mem_free(key);
        mem_free(copy);
        return mem_err(e, path);
    }
    for (size_t i = 0; i < s->n; i++) {
        if (strcmp(s->keys[i], key) == 0) {
            mem_free(key);
            mem_free(copy);
            return bad_field(e, path, place, "repeats '%s' (expected different questions): %.80s",
                             s->places[i], text);
        }
    }
    s->keys[s->n] = key;
    s->places[s->n++] = copy;
    return PERSONA_OK;
}

/* A field with min to max questions. */
typedef struct question_field {
    const char *name;
    size_t min, max;
    text_rule rule;
} question_field;

/* Reads the array of one field of root. *n counts what is owned, also on failure. */
static persona_code read_questions(const json_val *root, const char *path, const question_field *f,
                                   seen_list *seen, char ***out, size_t *n, persona_err *e)
{
    const json_val *list = json_get(root, f->name);
    char place[64];
    buf name;
    buf_init(&name, sizeof place);
    persona_code rc = PERSONA_OK;
    const size_t count = list ? json_len(list) : 0;
    if (!list || json_typeof(list) != JSON_ARRAY) {
        rc = bad_field(e, path, f->name, "is %s (expected an array)", type_name(list));
        goto out;
    }
    if (count < f->min || count > f->max) {
        rc = f->min == f->max
                 ? bad_field(e, path, f->name, "has %zu entries (expected %zu)", count, f->min)
                 : bad_field(e, path, f->name, "has %zu entries (expected %zu to %zu)", count,
                             f->min, f->max);
        goto out;
    }
    TRY(seen_reserve(seen, count, e));
    *out = mem_calloc(count, sizeof **out);
    if (!*out) {
        rc = mem_err(e, path);
        goto out;
    }
    for (size_t i = 0; i < count; i++) {
        buf_clear(&name);
        buf_printf(&name, "%s[%zu]", f->name, i);
        TRY(copy_text(e, path, buf_str(&name), json_at(list, i), f->rule, &(*out)[i]));
        *n = i + 1;
        TRY(seen_add(seen, path, buf_str(&name), (*out)[i], e));
    }
out:
    buf_free(&name);
    return rc;
}

/* ---- trait packs ---------------------------------------------------------------------------- */

static persona_code check_schema(const json_val *root, const char *path, const char *schema,
                                 persona_err *e)
{
    if (json_typeof(root) != JSON_OBJECT) {
        return persona_err_set(e, PERSONA_E_FORMAT, "%s: is %s (expected an object)", path,
                               type_name(root));
    }
    const json_val *v = json_get(root, "schema");
    const char *s = v ? json_string(v) : NULL;
    if (!s) {
        return bad_field(e, path, "schema", "is %s (expected \"%s\")", type_name(v), schema);
    }
    if (strcmp(s, schema) != 0) {
        return bad_field(e, path, "schema", "is \"%.60s\" (expected \"%s\")", s, schema);
    }
    return PERSONA_OK;
}

typedef struct key_check {
    const char *const *known;
    const char *unknown;
} key_check;

static bool check_key(void *ud, const char *key, const json_val *val)
{
    key_check *c = ud;
    (void)val;
    for (size_t i = 0; c->known[i]; i++) {
        if (strcmp(c->known[i], key) == 0) {
            return true;
        }
    }
    c->unknown = key;
    return false;
}

/* A misspelled field is an error: ignoring it would silently keep a default. */
static persona_code check_keys(const json_val *obj, const char *path, const char *inside,
                               const char *const *known, persona_err *e)
{
    key_check c = {.known = known};
    json_each(obj, check_key, &c);
    if (c.unknown) {
        return persona_err_set(e, PERSONA_E_FORMAT,
                               "%s: field '%s%.60s' is unknown (check its "
                               "spelling; traits/schema.json lists the fields)",
                               path, inside, c.unknown);
    }
    return PERSONA_OK;
}

static persona_code read_name(const json_val *root, const char *path, persona_trait *t,
                              persona_err *e)
{
    persona_code rc = copy_text(e, path, "name", json_get(root, "name"), rule_name, &t->name);
    if (rc != PERSONA_OK) {
        return rc;
    }
    if (!text_is_name(t->name)) {
        return bad_field(e, path, "name",
                         "is '%s' (expected a-z, 0-9, '_' and '-', beginning with a letter)",
                         t->name);
    }
    return PERSONA_OK;
}

static persona_code read_words(const json_val *root, const char *path, persona_trait *t,
                               persona_err *e)
{
    const struct {
        const char *key;
        text_rule rule;
        char **out;
    } texts[] = {
        {"positive", rule_name, &t->positive},
        {"negative", rule_name, &t->negative},
        {"description", rule_description, &t->description},
        {"eval_prompt", rule_eval, &t->eval_prompt},
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        const char *key = texts[i].key;
        persona_code rc = copy_text(e, path, key, json_get(root, key), texts[i].rule, texts[i].out);
        if (rc != PERSONA_OK) {
            return rc;
        }
    }
    static const char *const marks[] = {"{question}", "{answer}"};
    for (size_t i = 0; i < 2; i++) {
        const char *first = strstr(t->eval_prompt, marks[i]);
        if (!first || strstr(first + 1, marks[i])) {
            return bad_field(e, path, "eval_prompt", "holds %s %s (expected exactly once)",
                             marks[i], first ? "more than once" : "nowhere");
        }
    }
    return PERSONA_OK;
}

static persona_code read_pairs(const json_val *list, const char *path, persona_trait *t,
                               persona_err *e)
{
    static const char *const known[] = {"pos", "neg", NULL};
    static const char *const inside[TRAIT_N_PAIRS] = {"instruction[0].", "instruction[1].",
                                                      "instruction[2].", "instruction[3].",
                                                      "instruction[4]."};
    static const char *const pos[TRAIT_N_PAIRS] = {"instruction[0].pos", "instruction[1].pos",
                                                   "instruction[2].pos", "instruction[3].pos",
                                                   "instruction[4].pos"};
    static const char *const neg[TRAIT_N_PAIRS] = {"instruction[0].neg", "instruction[1].neg",
                                                   "instruction[2].neg", "instruction[3].neg",
                                                   "instruction[4].neg"};
    persona_code rc = PERSONA_OK;
    if (!list || json_typeof(list) != JSON_ARRAY) {
        return bad_field(e, path, "instruction", "is %s (expected an array)", type_name(list));
    }
    if (json_len(list) != TRAIT_N_PAIRS) {
        return bad_field(e, path, "instruction", "has %zu entries (expected %d)", json_len(list),
                         TRAIT_N_PAIRS);
    }
    t->pairs = mem_calloc(TRAIT_N_PAIRS, sizeof *t->pairs);
    if (!t->pairs) {
        return mem_err(e, path);
    }
    t->n_pairs = TRAIT_N_PAIRS;
    for (size_t i = 0; i < TRAIT_N_PAIRS; i++) {
        const json_val *v = json_at(list, i);
        persona_pair *p = &t->pairs[i];
        if (json_typeof(v) != JSON_OBJECT) {
            rc = persona_err_set(e, PERSONA_E_FORMAT,
                                 "%s: field 'instruction[%zu]' is %s (expected an object)", path, i,
                                 type_name(v));
            goto out;
        }
        TRY(check_keys(v, path, inside[i], known, e));
        TRY(copy_text(e, path, pos[i], json_get(v, "pos"), rule_instruction, &p->pos));
        TRY(copy_text(e, path, neg[i], json_get(v, "neg"), rule_instruction, &p->neg));
        if (strcmp(p->pos, p->neg) == 0) {
            rc = bad_field(e, path, neg[i], "equals 'pos' (expected its opposite)");
            goto out;
        }
        for (size_t j = 0; j < i; j++) {
            if (strcmp(p->pos, t->pairs[j].pos) == 0 && strcmp(p->neg, t->pairs[j].neg) == 0) {
                rc = bad_field(e, path, pos[i],
                               "and 'neg' repeat 'instruction[%zu]' (expected another angle)", j);
                goto out;
            }
        }
    }
out:
    return rc;
}

static persona_code read_sampling(const json_val *obj, const char *path, persona_trait *t,
                                  persona_err *e)
{
    static const char *const known[] = {"temperature", "top_p", "repetition_penalty", "about",
                                        NULL};
    const struct {
        const char *key, *field;
        double limit;
        float *out;
    } numbers[] = {
        {"temperature", "sampling.temperature", 2, &t->d_temperature},
        {"top_p", "sampling.top_p", 1, &t->d_top_p},
        {"repetition_penalty", "sampling.repetition_penalty", 1, &t->d_repetition_penalty},
    };
    if (!obj || json_typeof(obj) != JSON_OBJECT) {
        return bad_field(e, path, "sampling", "is %s (expected an object)", type_name(obj));
    }
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        const json_val *v = json_get(obj, numbers[i].key);
        const double limit = numbers[i].limit;
        if (!v || json_typeof(v) != JSON_NUMBER) {
            return bad_field(e, path, numbers[i].field, "is %s (expected a number)", type_name(v));
        }
        const double x = json_number(v, 0);
        if (!(x >= -limit && x <= limit)) {
            return bad_field(e, path, numbers[i].field, "is %g (expected %g to %g)", x, -limit,
                             limit);
        }
        *numbers[i].out = (float)x;
    }
    persona_code rc =
        copy_text(e, path, "sampling.about", json_get(obj, "about"), rule_about, &t->about);
    return rc == PERSONA_OK ? check_keys(obj, path, "sampling.", known, e) : rc;
}

static persona_code read_trait(const json_doc *doc, const char *path, persona_trait **out,
                               persona_err *e)
{
    static const char *const known[] = {"schema",      "name",        "positive",  "negative",
                                        "description", "instruction", "questions", "eval_prompt",
                                        "sampling",    "$schema",     NULL};
    const question_field questions = {"questions", TRAIT_N_QUESTIONS, TRAIT_N_QUESTIONS,
                                      rule_question};
    const json_val *root = json_root(doc);
    seen_list seen = {0};
    persona_trait *t = NULL;
    persona_code rc = PERSONA_OK;
    TRY(check_schema(root, path, "persona.trait/1", e));
    TRY(check_keys(root, path, "", known, e));
    t = mem_calloc(1, sizeof *t);
    if (t) {
        t->path = mem_strdup(path);
    }
    if (!t || !t->path) {
        rc = mem_err(e, path);
        goto out;
    }
    TRY(read_name(root, path, t, e));
    TRY(read_words(root, path, t, e));
    TRY(read_pairs(json_get(root, "instruction"), path, t, e));
    TRY(read_questions(root, path, &questions, &seen, &t->questions, &t->n_questions, e));
    TRY(read_sampling(json_get(root, "sampling"), path, t, e));
    *out = t;
    t = NULL;
out:
    persona_trait_free(t);
    seen_free(&seen);
    return rc;
}

persona_code persona_trait_parse(const char *text, size_t len, const char *name,
                                 persona_trait **out, persona_err *e)
{
    json_doc *doc = NULL;
    *out = NULL;
    persona_code rc = PERSONA_OK;
    TRY(json_parse(text, len, name, &doc, e));
    TRY(read_trait(doc, name, out, e));
out:
    json_free(doc);
    return rc;
}

persona_code persona_trait_read(const char *path, persona_trait **out, persona_err *e)
{
    json_doc *doc = NULL;
    *out = NULL;
    persona_code rc = PERSONA_OK;
    TRY(json_read(path, FILE_MAX, &doc, e));
    TRY(read_trait(doc, path, out, e));
out:
    json_free(doc);
    return rc;
}

persona_code persona_questions_read(const char *path, persona_questions **out, persona_err *e)
{
    json_doc *doc = NULL;
    seen_list seen = {0};
    persona_questions *q = NULL;
    const question_field extraction = {"extraction", 1, SET_MAX, rule_set_question};
    const question_field evaluation = {"evaluation", 1, SET_MAX, rule_set_question};
    persona_code rc = PERSONA_OK;
    *out = NULL;
    TRY(json_read(path, FILE_MAX, &doc, e));
    const json_val *root = json_root(doc);
    TRY(check_schema(root, path, "persona.questions/1", e));
    q = mem_calloc(1, sizeof *q);
    if (!q) {
        rc = mem_err(e, path);
        goto out;
    }
    TRY(copy_text(e, path, "name", json_get(root, "name"), rule_name, &q->name));
    TRY(read_questions(root, path, &extraction, &seen, &q->extraction, &q->n_extraction, e));
    TRY(read_questions(root, path, &evaluation, &seen, &q->evaluation, &q->n_evaluation, e));
    *out = q;
    q = NULL;
out:
    persona_questions_free(q);
    seen_free(&seen);
    json_free(doc);
    return rc;
}
