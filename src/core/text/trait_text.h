/* SPDX-License-Identifier: MIT
 *
 * trait_text.h - what the texts of a trait pack must be, and the wording that all packs share.
 */
#ifndef PERSONA_CORE_TRAIT_TEXT_H
#define PERSONA_CORE_TRAIT_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#define TRAIT_N_PAIRS 5
#define TRAIT_N_QUESTIONS 40

/* lines: line breaks are allowed (the judge's prompt). The limits are those of
 * traits/schema.json. */
typedef struct text_rule {
    size_t min, max; /* characters */
    bool lines;
} text_rule;

extern const text_rule rule_name, rule_description, rule_instruction, rule_question,
    rule_set_question, rule_eval, rule_about;

/* False: `why` says what is wrong, as in "has 3 characters (expected 10 to 300)". */
bool text_fits(const char *s, text_rule rule, char *why, size_t size);
/* Whether s is [a-z][a-z0-9_-]*. */
bool text_is_name(const char *s);
/* A trait's name from whatever it is called: lower case, "_" for anything else. Like the next two:
 * mem_free it; NULL: no memory. */
char *text_as_name(const char *s);
/* Every run of white space is one space, and none is at the ends. */
char *text_one_line(const char *s);
/* For comparing: letters and digits in lower case, everything else one space. */
char *text_key(const char *s);

/* The next two take keys. */

/* Whether two questions ask nearly the same: at least 3 of 5 of their words that carry meaning are
 * in both. */
bool text_is_near(const char *a, const char *b);
/* Whether a word of the text begins like a word of the adjective ("silliness" and "silly"). */
bool text_mentions(const char *text, const char *adjective);
/* Whether a text ends in a question (a sentence with a word that asks, and a question mark) or asks
 * to do something ("Tell me ..."); at most three sentences. */
bool text_asks(const char *s);
/* Whether a text ends as a sentence does: one that was cut off does not. */
bool text_is_ended(const char *s);
/* Whether a question is one of the numbered fillers of cross-model-persona-steering, which end in
 * "(Question 39/40)". */
bool text_is_filler(const char *s);

/* The judge's prompt for a trait that has none of its own; mem_free it. NULL: no memory. */
char *trait_rubric(const char *positive, const char *negative, const char *description);
/* "How far an answer is silly, ..."; mem_free it. NULL: no memory. */
char *trait_description(const char *positive, const char *negative);
/* The `sampling` member of a pack that brings none: the original project's one formula. */
#define TRAIT_DELTA_TEMPERATURE 0.3F
#define TRAIT_ABOUT                                                                                \
    "The one change that is the same for every trait: a positive coefficient raises the "          \
    "temperature, a negative one lowers it; nothing here was fitted to this trait."

#endif
