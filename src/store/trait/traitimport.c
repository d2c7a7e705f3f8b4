/* SPDX-License-Identifier: MIT
 *
 * traitimport.c - packs of other programs become packs of ours.
 *
 *   persona_vectors   {"instruction": [{"pos", "neg"}...], "questions": [...], "eval_prompt"}, the
 *                     file
 *                     being named after the trait; extraction and evaluation questions are two such
 *                     files of 20 (data_generation/trait_data_extract and _eval)
 *   custom_traits     {NAME: {"id", "prompt_pairs": [{"pos", "neg"}...], "evaluation_questions":
 *                     [...], "description", "eval_prompt", "metadata": {"positive_trait",
 *                     "negative_trait"}}}
 *                     of cross-model-persona-steering, or one such trait alone
 *
 * The result must pass the checks of our own packs. What they lack and can be said in general (a
 * description, a judge's prompt, the sampling change) is filled in and noted; adjectives must be
 * given; questions are never made up. The second program pads short lists with numbered fillers
 * ("... (Question 39/40)"): those are no questions and do not count.
 */
#include <stdarg.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/try.h"
#include "core/text/names.h"
#include "core/text/trait_text.h"
#include "persona/trait.h"

#define FILE_MAX ((size_t)4 << 20)
#define LIST_MAX 1000
#define HALF ((size_t)TRAIT_N_QUESTIONS / 2)

typedef struct text_list {
    char **p;
    size_t n;
} text_list;

/* One trait on its way. */
typedef struct import {
    const char *path;
    const json_doc *doc;
    const json_val *obj; /* the trait in doc */
    const persona_import_opts *o;
    persona_imported *x;
    size_t n_cleaned, n_padding;
} import;

static persona_code note(import *im, persona_err *e, const char *fmt, ...) PERSONA_PRINTF(3, 4);

static persona_code note(import *im, persona_err *e, const char *fmt, ...)
{
    persona_imported *x = im->x;
    buf text;
    va_list ap;
    buf_init(&text, 2000);
    va_start(ap, fmt);
    buf_vprintf(&text, fmt, ap);
    va_end(ap);
    char **notes = mem_realloc(x->notes, x->n_notes + 1, sizeof *notes);
    if (notes) {
        x->notes = notes;
    }
    char *line = notes ? buf_take(&text) : NULL;
    buf_free(&text);
    if (!line) {
        return mem_err(e, "a note");
    }
    notes[x->n_notes++] = line;
    return PERSONA_OK;
}

/* ---- texts ---------------------------------------------------------------------------------- */

static persona_code take_line(import *im, const char *s, char **out, persona_err *e)
{
    *out = text_one_line(s);
    if (!*out) {
        return mem_err(e, im->path);
    }
    im->n_cleaned += strcmp(*out, s) != 0;
    return PERSONA_OK;
}

/* "{{question}}", the doubled braces of a Python format string, are "{question}". */
static char *single_braces(const char *s)
{
    static const char *const marks[] = {"{{question}}", "{{answer}}"};
    char *out = mem_calloc(strlen(s) + 1, 1);
    size_t n = 0;
    while (out && *s) {
        size_t len = 0;
        for (size_t i = 0; i < 2 && len == 0; i++) {
            if (strncmp(s, marks[i], strlen(marks[i])) == 0) {
                len = strlen(marks[i]);
            }
        }
        if (len > 0) {
            memcpy(out + n, s + 1, len - 2);
        } else {
            out[n] = *s;
        }
        n += len > 0 ? len - 2 : 1;
        s += len > 0 ? len : 1;
    }
    return out;
}

/* ---- lists ---------------------------------------------------------------------------------- */

static void list_free(text_list *l)
{
    persona_names_free(l->p, l->n);
    *l = (text_list){NULL, 0};
}

static persona_code need_list(const json_doc *doc, const json_val *obj, const char *key,
                              const json_val **out, persona_err *e)
{
    const persona_code rc = json_need(doc, obj, key, JSON_ARRAY, out, e);
    if (rc == PERSONA_OK && json_len(*out) > LIST_MAX) {
        return json_bad(doc, obj, key, e, "has %zu entries (expected at most %d)", json_len(*out),
                        LIST_MAX);
    }
    return rc;
}

static persona_code take_questions(import *im, const json_doc *doc, const json_val *obj,
                                   const char *key, text_list *out, persona_err *e)
{
    const json_val *list = NULL;
    persona_code rc = need_list(doc, obj, key, &list, e);
    if (rc != PERSONA_OK) {
        return rc;
    }
    out->p = mem_calloc(json_len(list), sizeof *out->p);
    if (!out->p) {
        return mem_err(e, im->path);
    }
    for (size_t i = 0; i < json_len(list); i++) {
        const char *s = json_string(json_at(list, i));
        if (!s) {
            return json_bad(doc, json_at(list, i), NULL, e, "is no string (expected a question)");
        }
        if (text_is_filler(s)) {
            im->n_padding++;
            continue;
        }
        rc = take_line(im, s, &out->p[out->n], e);
        if (rc != PERSONA_OK) {
            return rc;
        }
        out->n++;
    }
    return PERSONA_OK;
}

static persona_code take_pairs(import *im, const char *key, persona_err *e)
{
    const json_val *list = NULL;
    persona_trait *t = im->x->trait;
    persona_code rc = need_list(im->doc, im->obj, key, &list, e);
    if (rc != PERSONA_OK) {
        return rc;
    }
    t->pairs = mem_calloc(json_len(list), sizeof *t->pairs);
    if (!t->pairs) {
        return mem_err(e, im->path);
    }
    t->n_pairs = json_len(list);
    for (size_t i = 0; i < t->n_pairs; i++) {
        const json_val *v = json_at(list, i);
        const char *pos = NULL, *neg = NULL;
        if (json_typeof(v) != JSON_OBJECT) {
            return json_bad(im->doc, v, NULL, e, "is no object (expected {\"pos\", \"neg\"})");
        }
        if ((rc = json_need_string(im->doc, v, "pos", &pos, e)) != PERSONA_OK ||
            (rc = json_need_string(im->doc, v, "neg", &neg, e)) != PERSONA_OK ||
            (rc = take_line(im, pos, &t->pairs[i].pos, e)) != PERSONA_OK ||
            (rc = take_line(im, neg, &t->pairs[i].neg, e)) != PERSONA_OK) {
            return rc;
        }
    }
    return PERSONA_OK;
}

/* Moves the first n of l to the trait's questions; what l held beyond is left out and noted. */
static persona_code use_questions(import *im, text_list *l, size_t n, const char *path,
                                  persona_err *e)
{
    persona_trait *t = im->x->trait;
    if (l->n < n) {
        const char *other = n != HALF && l->n == HALF
                                ? "; name the file of the other 20, too (--eval)"
                                : "; write the missing ones, they are not made up here";
        return persona_err_set(e, PERSONA_E_FORMAT, "%s: has %zu questions%s (expected %zu%s)",
                               path, l->n, im->n_padding > 0 ? " that are no fillers" : "", n,
                               other);
    }
    if (!t->questions) {
        t->questions = mem_calloc(TRAIT_N_QUESTIONS, sizeof *t->questions);
    }
    if (!t->questions) {
        return mem_err(e, path);
    }
    for (size_t i = 0; i < n; i++) {
        t->questions[t->n_questions++] = l->p[i];
        l->p[i] = NULL;
    }
    return l->n == n ? PERSONA_OK
                     : note(im, e, "questions: %zu beyond the first %zu of %s were left out",
                            l->n - n, n, path);
}

/* ---- members that other programs lack -------------------------------------------------------- */

static persona_code fill_words(import *im, const char *positive, const char *negative,
                               const char *description, persona_err *e)
{
    persona_trait *t = im->x->trait;
    const persona_import_opts *o = im->o;
    char why[96];
    positive = o->positive ? o->positive : positive;
    negative = o->negative ? o->negative : negative;
    if (!positive || !negative) {
        return persona_err_set(e, PERSONA_E_USAGE,
                               "%s: trait '%s' does not say its %s adjective (give --positive and "
                               "--negative)",
                               im->path, t->name, positive ? "negative" : "positive");
    }
    persona_code rc = PERSONA_OK;
    TRY(take_line(im, positive, &t->positive, e));
    TRY(take_line(im, negative, &t->negative, e));
    if (o->description ||
        (description && text_fits(description, rule_description, why, sizeof why))) {
        TRY(take_line(im, o->description ? o->description : description, &t->description, e));
        goto out;
    }
    t->description = trait_description(t->positive, t->negative);
    TRY(t->description ? PERSONA_OK : mem_err(e, im->path));
    TRY(description ? note(im, e, "description: \"%.100s\" %s: made of the adjectives instead",
                           description, why)
                    : note(im, e, "description: missing, made of the adjectives"));
out:
    return rc;
}

/* The text of a member; NULL if it is missing, null, or empty: other programs write all three. */
static const char *said(const json_val *obj, const char *key)
{
    const char *s = json_string(json_get(obj, key));
    return s && s[strspn(s, " \t\r\n")] ? s : NULL;
}

static persona_code fill_prompt(import *im, persona_err *e)
{
    persona_trait *t = im->x->trait;
    const char *s = NULL;
    const json_val *given = json_get(im->obj, "eval_prompt");
    const bool text = json_typeof(given) == JSON_STRING;
    if (json_typeof(given) == JSON_NULL || (text && !said(im->obj, "eval_prompt"))) {
        t->eval_prompt = trait_rubric(t->positive, t->negative, t->description);
        return t->eval_prompt ? note(im, e, "eval_prompt: missing, made of the description")
                              : mem_err(e, im->path);
    }
    persona_code rc = json_need_string(im->doc, im->obj, "eval_prompt", &s, e);
    if (rc != PERSONA_OK) {
        return rc;
    }
    t->eval_prompt = single_braces(s);
    if (!t->eval_prompt) {
        return mem_err(e, im->path);
    }
    return strcmp(s, t->eval_prompt) == 0
               ? PERSONA_OK
               : note(im, e, "eval_prompt: doubled braces around its marks are single now");
}

static persona_code finish(import *im, persona_err *e)
{
    persona_trait *t = im->x->trait;
    persona_code rc = PERSONA_OK;
    t->d_temperature = TRAIT_DELTA_TEMPERATURE;
    t->about = mem_strdup(TRAIT_ABOUT);
    char *place = mem_printf("%s, trait '%s'", im->path, t->name);
    if (!t->about || !place) {
        rc = mem_err(e, im->path);
        goto out;
    }
    TRY(note(im, e, "sampling: missing, the change that is the same for every trait"));
    if (im->n_cleaned > 0) {
        TRY(note(im, e, "%zu texts had line breaks or spare spaces, which are one space now",
                 im->n_cleaned));
    }
    if (im->n_padding > 0) {
        TRY(note(im, e, "questions: %zu numbered fillers were left out", im->n_padding));
    }
    TRY(persona_trait_check(t, place, e));
out:
    mem_free(place);
    return rc;
}

static persona_code begin(import *im, const char *called, persona_err *e)
{
    const char *wanted = im->o->name ? im->o->name : called;
    persona_trait *t = mem_calloc(1, sizeof *t);
    im->x->trait = t;
    if (!t || !(t->name = im->o->name ? mem_strdup(wanted) : text_as_name(wanted))) {
        return mem_err(e, im->path);
    }
    return strcmp(t->name, called) == 0 ? PERSONA_OK
                                        : note(im, e, "name: '%.60s' is '%s' now", called, t->name);
}

/* ---- persona_vectors ------------------------------------------------------------------------ */

/* The second file's questions; what else it says is only compared. */
static persona_code take_eval(import *im, persona_err *e)
{
    const char *path = im->o->eval_path;
    const size_t n_padding = im->n_padding;
    json_doc *doc = NULL;
    text_list list = {NULL, 0};
    persona_code rc = PERSONA_OK;
    im->n_padding = 0;
    TRY(json_read(path, FILE_MAX, &doc, e));
    TRY(take_questions(im, doc, json_root(doc), "questions", &list, e));
    TRY(use_questions(im, &list, HALF, path, e));
    const json_val *pairs = json_get(json_root(doc), "instruction");
    bool same = true;
    for (size_t i = 0; same && i < im->x->trait->n_pairs; i++) {
        char *pos = NULL;
        const char *s = json_string(json_get(json_at(pairs, i), "pos"));
        same = !s || ((pos = text_one_line(s)) && strcmp(pos, im->x->trait->pairs[i].pos) == 0);
        mem_free(pos);
    }
    if (!same) {
        TRY(note(im, e, "instruction: those of %s differ; those of %s are used", path, im->path));
    }
out:
    im->n_padding += n_padding;
    list_free(&list);
    json_free(doc);
    return rc;
}

static persona_code from_vectors(import *im, persona_err *e)
{
    text_list list = {NULL, 0};
    const char *base = path_base(im->path);
    const size_t len = strlen(base), end = 5; /* .json */
    char *called =
        mem_strndup(base, len > end && strcmp(base + len - end, ".json") == 0 ? len - end : len);
    if (!called) {
        return mem_err(e, im->path);
    }
    const size_t n = im->o->eval_path ? HALF : TRAIT_N_QUESTIONS;
    persona_code rc = begin(im, called, e);
    if (rc != PERSONA_OK || (rc = fill_words(im, NULL, NULL, NULL, e)) != PERSONA_OK ||
        (rc = take_pairs(im, "instruction", e)) != PERSONA_OK ||
        (rc = take_questions(im, im->doc, im->obj, "questions", &list, e)) != PERSONA_OK ||
        (rc = use_questions(im, &list, n, im->path, e)) != PERSONA_OK ||
        (rc = im->o->eval_path ? take_eval(im, e) : PERSONA_OK) != PERSONA_OK ||
        (rc = fill_prompt(im, e)) != PERSONA_OK) {
        goto out;
    }
    rc = finish(im, e);
out:
    list_free(&list);
    mem_free(called);
    return rc;
}

/* ---- custom_traits -------------------------------------------------------------------------- */

static persona_code from_custom(import *im, const char *called, persona_err *e)
{
    text_list list = {NULL, 0};
    const json_val *meta = json_get(im->obj, "metadata");
    persona_code rc = begin(im, called, e);
    if (rc != PERSONA_OK ||
        (rc = fill_words(im, said(meta, "positive_trait"), said(meta, "negative_trait"),
                         said(im->obj, "description"), e)) != PERSONA_OK ||
        (rc = take_pairs(im, "prompt_pairs", e)) != PERSONA_OK ||
        (rc = take_questions(im, im->doc, im->obj, "evaluation_questions", &list, e)) !=
            PERSONA_OK ||
        (rc = use_questions(im, &list, TRAIT_N_QUESTIONS, im->path, e)) != PERSONA_OK ||
        (rc = fill_prompt(im, e)) != PERSONA_OK) {
        goto out;
    }
    rc = finish(im, e);
out:
    list_free(&list);
    return rc;
}

/* Traits of the file, as called there. */
typedef struct trait_list {
    const char *names[LIST_MAX];
    const json_val *objs[LIST_MAX];
    size_t n;
    bool foreign; /* something else is among them */
} trait_list;

static const char *id_or(const json_val *obj, const char *key)
{
    const char *id = json_string(json_get(obj, "id"));
    return id && *id ? id : key;
}

static bool collect(void *ud, const char *key, const json_val *v)
{
    trait_list *l = ud;
    if (!json_get(v, "prompt_pairs") || l->n == LIST_MAX) {
        l->foreign = true;
        return false;
    }
    l->names[l->n] = id_or(v, key);
    l->objs[l->n++] = v;
    return true;
}

static persona_code choose(trait_list *l, const char *path, const char *wanted, persona_err *e)
{
    if (!wanted || l->n == 1) { /* one alone is renamed */
        return PERSONA_OK;
    }
    for (size_t i = 0; i < l->n; i++) {
        if (strcmp(l->names[i], wanted) == 0) {
            l->names[0] = l->names[i];
            l->objs[0] = l->objs[i];
            l->n = 1;
            return PERSONA_OK;
        }
    }
    const char *near = name_nearest(l->names, l->n, wanted);
    return persona_err_set(e, PERSONA_E_NOTFOUND, "%s: no trait '%.60s' among its %zu (%s '%.60s')",
                           path, wanted, l->n, near ? "did you mean" : "the first is",
                           near ? near : l->names[0]);
}

/* ---- entry ---------------------------------------------------------------------------------- */

static persona_code check_opts(const json_doc *doc, const trait_list *l, const char *path,
                               const persona_import_opts *o, persona_err *e)
{
    const json_val *root = json_root(doc);
    if (json_get(root, "schema")) {
        return persona_err_set(e, PERSONA_E_FORMAT,
                               "%s: is a trait pack already ('persona traits check' checks it)",
                               path);
    }
    if (l->n == 0 || l->foreign) {
        return persona_err_set(e, PERSONA_E_FORMAT,
                               "%s: is neither trait data of persona_vectors (expected "
                               "'instruction', 'questions') nor custom_traits.json (expected "
                               "'prompt_pairs' in every member)",
                               path);
    }
    if (!json_get(root, "instruction") && o->eval_path) {
        return persona_err_set(e, PERSONA_E_USAGE,
                               "%s: holds all its questions itself; a second file (%.200s) goes "
                               "only with trait data of persona_vectors",
                               path, o->eval_path);
    }
    if (l->n > 1 && (o->positive || o->negative || o->description)) {
        return persona_err_set(e, PERSONA_E_USAGE,
                               "%s: holds %zu traits; adjectives and a description belong to one "
                               "(choose it with --name)",
                               path, l->n);
    }
    return PERSONA_OK;
}

void persona_imported_free(persona_imported *list, size_t n)
{
    for (size_t i = 0; list && i < n; i++) {
        persona_trait_free(list[i].trait);
        persona_names_free(list[i].notes, list[i].n_notes);
    }
    mem_free(list);
}

persona_code persona_trait_import(const char *path, const persona_import_opts *opts,
                                  persona_imported **out, size_t *n, persona_err *e)
{
    static const persona_import_opts none = {.name = NULL};
    const persona_import_opts *o = opts ? opts : &none;
    json_doc *doc = NULL;
    persona_imported *x = NULL;
    trait_list *l = NULL;
    *out = NULL;
    *n = 0;
    persona_code rc = json_read(path, FILE_MAX, &doc, e);
    if (rc != PERSONA_OK) {
        goto out;
    }
    const json_val *root = json_root(doc);
    const bool vectors = json_get(root, "instruction") != NULL;
    l = mem_calloc(1, sizeof *l);
    if (!l) {
        rc = mem_err(e, path);
        goto out;
    }
    if (vectors || json_get(root, "prompt_pairs")) {
        l->names[0] = id_or(root, json_string(json_get(root, "name")));
        l->objs[l->n++] = root;
    } else {
        json_each(root, collect, l);
    }
    if ((rc = check_opts(doc, l, path, o, e)) != PERSONA_OK ||
        (rc = choose(l, path, o->name, e)) != PERSONA_OK) {
        goto out;
    }
    x = mem_calloc(l->n, sizeof *x);
    if (!x) {
        rc = mem_err(e, path);
        goto out;
    }
    for (size_t i = 0; i < l->n && rc == PERSONA_OK; i++) {
import im = {.path = path, .doc = doc, .obj = l->objs[i], .o = o, .x = & x[i] };
        rc = vectors ? from_vectors(&im, e)
                     : from_custom(&im, l->names[i] ? l->names[i] : "trait", e);
    }
    if (rc != PERSONA_OK) {
        goto out;
    }
    *out = x;
    *n = l->n;
    x = NULL;
out:
    if (x) {
        persona_imported_free(x, l->n);
    }
    mem_free(l);
    json_free(doc);
    return rc;
}
