/* SPDX-License-Identifier: MIT
 *
 * traitdraft.c - what becomes of the texts that a model writes for a trait pack.
 *
 * Every text is judged alone and against those that are in: a question about the trait itself would
 * extract talk about the trait, and a question in both halves would be evaluated on what it was
 * extracted from. A wrong verdict only costs another request, so the rules are strict. The two
 * halves get the accepted questions in turn, because a model writes a batch on one subject.
 */
#include "pipeline/trait/traitdraft.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/try.h"

static persona_code check_word(const char *what, const char *s, text_rule rule, persona_err *e)
{
    char why[96];
    if (s == NULL || !text_fits(s, rule, why, sizeof why)) {
        return persona_err_set(e, PERSONA_E_USAGE, "new trait: the %s %s", what,
                               s == NULL ? "is missing" : why);
    }
    return PERSONA_OK;
}

static persona_code check_words(const char *name, const char *positive, const char *negative,
                                const char *description, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    TRY(check_word("name", name, rule_name, e));
    if (!text_is_name(name)) {
        TRY(persona_err_set(e, PERSONA_E_USAGE,
                            "new trait: the name '%s' may hold a-z, 0-9, '_' and '-' only, "
                            "beginning with a letter",
                            name));
    }
    TRY(check_word("positive adjective", positive, rule_name, e));
    TRY(check_word("negative adjective", negative, rule_name, e));
    if (strcmp(positive, negative) == 0) {
        TRY(persona_err_set(e, PERSONA_E_USAGE,
                            "new trait: both adjectives are '%s' (expected opposites)", positive));
    }
    if (description != NULL) {
        TRY(check_word("description", description, rule_description, e));
    }
out:
    return rc;
}

persona_code draft_init(trait_draft *d, const char *name, const char *positive,
                        const char *negative, const char *description, persona_err *e)
{
    memset(d, 0, sizeof *d);
    persona_code rc = check_words(name, positive, negative, description, e);
    if (rc != PERSONA_OK) {
        return rc;
    }
    persona_trait *t = d->t = mem_calloc(1, sizeof *t);
    char *words = mem_printf("%s %s %s", positive, negative, name);
    d->adjectives = words != NULL ? text_key(words) : NULL;
    mem_free(words);
    if (t != NULL) {
        t->name = mem_strdup(name);
        t->positive = mem_strdup(positive);
        t->negative = mem_strdup(negative);
        t->description = description != NULL ? mem_strdup(description) : NULL;
        t->about = mem_strdup(TRAIT_ABOUT);
        t->d_temperature = TRAIT_DELTA_TEMPERATURE;
        t->pairs = mem_calloc(TRAIT_N_PAIRS, sizeof *t->pairs);
        t->questions = mem_calloc(TRAIT_N_QUESTIONS, sizeof *t->questions);
    }
    if (t == NULL || d->adjectives == NULL || t->name == NULL || t->positive == NULL ||
        t->negative == NULL || t->about == NULL || t->pairs == NULL || t->questions == NULL ||
        (description != NULL && t->description == NULL)) {
        return mem_err(e, "a new trait");
    }
    return PERSONA_OK;
}

void draft_free(trait_draft *d)
{
    for (size_t i = 0; i < TRAIT_N_PAIRS; i++) {
        mem_free(d->pair_keys[i][0]);
        mem_free(d->pair_keys[i][1]);
    }
    for (size_t i = 0; i < TRAIT_N_QUESTIONS; i++) {
        mem_free(d->question_keys[i]);
    }
    mem_free(d->adjectives);
    persona_trait_free(d->t);
    *d = (trait_draft){.counts = d->counts};
}

size_t draft_missing(const trait_draft *d, draft_part part)
{
    switch (part) {
    case DRAFT_DESCRIPTION:
        return d->t->description == NULL;
    case DRAFT_PAIRS:
        return TRAIT_N_PAIRS - d->t->n_pairs;
    case DRAFT_QUESTIONS:
        return TRAIT_N_QUESTIONS - d->t->n_questions;
    }
    return 0;
}

/* ---- taking --------------------------------------------------------------------------------- */

/* A text of the answer in one line, with its key; both NULL if v is no text. Errors: NOMEM. */
static persona_code line_of(const json_val *v, char **line, char **key, persona_err *e)
{
    const char *s = json_string(v);
    *line = *key = NULL;
    if (s == NULL) {
        return PERSONA_OK;
    }
    *line = text_one_line(s);
    *key = *line != NULL ? text_key(*line) : NULL;
    return *key != NULL ? PERSONA_OK : mem_err(e, "a text of a new trait");
}

/* What a token limit or a model that lost the thread has cut off is no text. */
static bool fits(const char *line, text_rule rule)
{
    char why[96];
    return line != NULL && text_fits(line, rule, why, sizeof why) && text_is_ended(line);
}

static persona_code take_description(trait_draft *d, const json_val *v, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char *line = NULL, *key = NULL;
    TRY(line_of(v, &line, &key, e));
    if (d->t->description == NULL) {
        if (fits(line, rule_description)) {
            d->t->description = line;
            line = NULL;
        } else {
            d->counts.n_unfit++;
        }
    }
out:
    mem_free(line);
    mem_free(key);
    return rc;
}

/* The counter of the fault of a question, or NULL. */
static size_t *question_fault(trait_draft *d, const char *line, const char *key)
{
    persona_write_report *c = &d->counts;
    if (!fits(line, rule_question) || text_is_filler(line)) {
        return &c->n_unfit;
    }
    if (!text_asks(line)) {
        return &c->n_no_question;
    }
    if (text_mentions(key, d->adjectives)) {
        return &c->n_mention;
    }
    for (size_t i = 0; i < d->t->n_questions; i++) {
        if (strcmp(key, d->question_keys[i]) == 0 || text_is_near(key, d->question_keys[i])) {
            return &c->n_repeat;
        }
    }
    return NULL;
}

static persona_code take_question(trait_draft *d, const json_val *v, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    persona_trait *t = d->t;
    char *line = NULL, *key = NULL;
    TRY(line_of(v, &line, &key, e));
    if (t->n_questions < TRAIT_N_QUESTIONS) {
        size_t *fault = question_fault(d, line, key);
        if (fault != NULL) {
            ++*fault;
        } else {
            d->question_keys[t->n_questions] = key;
            t->questions[t->n_questions++] = line;
            line = key = NULL;
        }
    }
out:
    mem_free(line);
    mem_free(key);
    return rc;
}

static size_t *pair_fault(trait_draft *d, char *const line[2], char *const key[2])
{
    persona_write_report *c = &d->counts;
    if (!fits(line[0], rule_instruction) || !fits(line[1], rule_instruction) ||
        strcmp(key[0], key[1]) == 0) {
        return &c->n_unfit;
    }
    for (size_t i = 0; i < d->t->n_pairs; i++) {
        for (size_t side = 0; side < 2; side++) {
            if (strcmp(key[side], d->pair_keys[i][side]) == 0 ||
                text_is_near(key[side], d->pair_keys[i][side])) {
                return &c->n_repeat;
            }
        }
    }
    return NULL;
}

static persona_code take_pair(trait_draft *d, const json_val *v, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    persona_trait *t = d->t;
    char *line[2] = {NULL, NULL}, *key[2] = {NULL, NULL};
    TRY(line_of(json_get(v, "pos"), &line[0], &key[0], e));
    TRY(line_of(json_get(v, "neg"), &line[1], &key[1], e));
    if (t->n_pairs < TRAIT_N_PAIRS) {
        size_t *fault = pair_fault(d, line, key);
        if (fault != NULL) {
            ++*fault;
        } else {
            for (size_t side = 0; side < 2; side++) {
                d->pair_keys[t->n_pairs][side] = key[side];
                key[side] = NULL;
            }
            t->pairs[t->n_pairs++] = (persona_pair){.pos = line[0], .neg = line[1]};
            line[0] = line[1] = NULL;
        }
    }
out:
    for (size_t side = 0; side < 2; side++) {
        mem_free(line[side]);
        mem_free(key[side]);
    }
    return rc;
}

persona_code draft_take(trait_draft *d, draft_part part, const char *answer, persona_err *e)
{
    static const char *const members[] = {[DRAFT_DESCRIPTION] = "description",
                                          [DRAFT_PAIRS] = "pairs",
                                          [DRAFT_QUESTIONS] = "questions"};
    json_doc *doc = NULL;
    persona_err ignored = {.code = PERSONA_OK};
    persona_code rc = json_parse(answer, strlen(answer), "answer", &doc, &ignored);
    if (rc == PERSONA_E_NOMEM) {
        return mem_err(e, "an answer");
    }
    const json_val *v = rc == PERSONA_OK ? json_get(json_root(doc), members[part]) : NULL;
    if (json_typeof(v) != (part == DRAFT_DESCRIPTION ? JSON_STRING : JSON_ARRAY)) {
        d->counts.n_unreadable++;
        json_free(doc);
        return PERSONA_OK;
    }
    rc = part == DRAFT_DESCRIPTION ? take_description(d, v, e) : PERSONA_OK;
    for (size_t i = 0; rc == PERSONA_OK && part != DRAFT_DESCRIPTION && i < json_len(v); i++) {
        const json_val *x = json_at(v, i);
        rc = part == DRAFT_PAIRS ? take_pair(d, x, e) : take_question(d, x, e);
    }
    json_free(doc);
    d->counts.n_pairs = d->t->n_pairs;
    d->counts.n_questions = d->t->n_questions;
    return rc;
}

/* ---- finishing ------------------------------------------------------------------------------ */

static persona_code incomplete(const trait_draft *d, persona_err *e)
{
    const persona_write_report *c = &d->counts;
    const persona_trait *t = d->t;
    return persona_err_set(
        e, PERSONA_E_NEGATIVE,
        "new trait '%s': after %d %s %s%zu of %d instruction pairs and %zu of %d questions are "
        "missing (dropped: %zu answers unreadable; %zu texts unfit, %zu no question, %zu naming "
        "the "
        "trait, %zu repeated); take more tries, another seed or a larger model",
        t->name, c->n_tries, c->n_tries == 1 ? "try" : "tries",
        t->description == NULL ? "the description, " : "", draft_missing(d, DRAFT_PAIRS),
        TRAIT_N_PAIRS, draft_missing(d, DRAFT_QUESTIONS), TRAIT_N_QUESTIONS, c->n_unreadable,
        c->n_unfit, c->n_no_question, c->n_mention, c->n_repeat);
}

/* 0, 2, 4, ... extract; 1, 3, 5, ... evaluate. */
static void deal(persona_trait *t)
{
    char *all[TRAIT_N_QUESTIONS];
    memcpy(all, t->questions, sizeof all);
    for (size_t i = 0; i < TRAIT_N_QUESTIONS; i++) {
        t->questions[(i % 2) * (TRAIT_N_QUESTIONS / 2) + i / 2] = all[i];
    }
}

persona_code draft_finish(trait_draft *d, persona_trait **out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    persona_trait *t = d->t;
    *out = NULL;
    if (t->description == NULL || t->n_pairs < TRAIT_N_PAIRS ||
        t->n_questions < TRAIT_N_QUESTIONS) {
        return incomplete(d, e);
    }
    deal(t);
    t->eval_prompt = trait_rubric(t->positive, t->negative, t->description);
    if (t->eval_prompt == NULL) {
        return mem_err(e, "a new trait");
    }
    TRY(persona_trait_check(t, t->name, e));
    *out = t;
    d->t = NULL;
out:
    return rc;
}
