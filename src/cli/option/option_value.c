/* SPDX-License-Identifier: MIT
 *
 * option_value.c - the types of options: text to value with its range, and value to text for help.
 *
 * A refusal names the option as it was typed, what it wants and what it got.
 */
#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/try.h"
#include "base/utf8.h"
#include "cli/option/option.h"
#include "core/text/names.h"

persona_code opt_int(const char *typed, const char *text, int min, int max, int *out,
                     persona_err *e)
{
    char *end = NULL;
    errno = 0;
    const long x = strtol(text, &end, 10);
    if (end == text || *end || errno != 0 || x < min || x > max) {
        return persona_err_set(e, PERSONA_E_USAGE,
                               "%s wants a whole number from %d to %d, not '%.100s'", typed, min,
                               max, text);
    }
    *out = (int)x;
    return PERSONA_OK;
}

persona_code opt_real(const char *typed, const char *text, double min, double max, double *out,
                      persona_err *e)
{
    char *end = NULL;
    const double x = strtod(text, &end);
    if (end == text || *end || !isfinite(x) || x < min || x > max) {
        return persona_err_set(e, PERSONA_E_USAGE, "%s wants a number from %g to %g, not '%.100s'",
                               typed, min, max, text);
    }
    *out = x;
    return PERSONA_OK;
}

static persona_code store_count(const opt_call *x, int *out, persona_err *e)
{
    if (strcmp(x->value, "all") == 0) {
        *out = OPT_ALL;
        return PERSONA_OK;
    }
    persona_err found = {.code = PERSONA_OK};
    if (opt_int(x->typed, x->value, (int)x->o->min, (int)x->o->max, out, &found) != PERSONA_OK) {
        return persona_err_set(e, PERSONA_E_USAGE,
                               "%s wants a whole number from %d to %d or 'all', not '%.100s'",
                               x->typed, (int)x->o->min, (int)x->o->max, x->value);
    }
    return PERSONA_OK;
}

static persona_code store_seed(const opt_call *x, uint32_t *out, persona_err *e)
{
    char *end = NULL;
    errno = 0;
    const unsigned long long n = strtoull(x->value, &end, 10);
    if (end == x->value || *end || errno != 0 || x->value[0] == '-' || n > UINT32_MAX) {
        return persona_err_set(e, PERSONA_E_USAGE,
                               "%s wants a whole number from 0 to 4294967295, not '%.100s'",
                               x->typed, x->value);
    }
    *out = (uint32_t)n;
    return PERSONA_OK;
}

/* ---- words ----------------------------------------------------------------------------------- */

const char *opt_word(const opt *o, size_t i)
{
    return o->word_at ? o->word_at(i) : o->words[i];
}

/* "auto, always or never" */
static void list_words(const opt *o, char *out, size_t size)
{
    size_t len = 0;
    out[0] = '\0';
    for (size_t i = 0; opt_word(o, i) && len < size; i++) {
        const char *joint = i == 0 ? "" : opt_word(o, i + 1) ? ", " : " or ";
        const int n = snprintf(out + len, size - len, "%s%s", joint, opt_word(o, i));
        len += n > 0 ? (size_t)n : 0;
    }
}

static persona_code find_word(const opt_call *x, size_t *out, persona_err *e)
{
    const char *words[32];
    char list[256], hint[96] = "";
    size_t n = 0;
    for (; n < sizeof words / sizeof *words && opt_word(x->o, n); n++) {
        words[n] = opt_word(x->o, n);
        if (strcmp(words[n], x->value) == 0) {
            *out = n;
            return PERSONA_OK;
        }
    }
    const char *near = name_nearest(words, n, x->value);
    if (near && strlen(near) > 3) { /* anything is near a short word */
        snprintf(hint, sizeof hint, "; did you mean '%s'?", near);
    }
    list_words(x->o, list, sizeof list);
    return persona_err_set(e, PERSONA_E_USAGE, "%s wants %s, not '%.100s'%s", x->typed, list,
                           x->value, hint);
}

/* ---- storing --------------------------------------------------------------------------------- */

static persona_code store_word(const opt_call *x, void *at, persona_err *e)
{
    size_t i = 0;
    const persona_code rc = find_word(x, &i, e);
    if (rc != PERSONA_OK) {
        return rc;
    }
    if (x->o->type == OPT_SWITCH) {
        *(int *)at = (int)i;
    } else {
        *(const char **)at = opt_word(x->o, i);
    }
    return PERSONA_OK;
}

static persona_code store_real(const opt_call *x, void *at, persona_err *e)
{
    double value = 0;
    persona_code rc = PERSONA_OK;
    TRY(opt_real(x->typed, x->value, x->o->min, x->o->max, &value, e));
    if (x->o->type == OPT_FLOAT) {
        *(float *)at = (float)value;
    } else {
        *(double *)at = value;
    }
out:
    return rc;
}

static persona_code store_text(const opt_call *x, const char **at, persona_err *e)
{
    if (x->o->type == OPT_NAMES && !x->value[strspn(x->value, ",")]) {
        return persona_err_set(e, PERSONA_E_USAGE, "%s names no %s", x->typed,
                               strcmp(x->o->name, "traits") == 0 ? "trait"
                               : strcmp(x->o->name, "rpc") == 0  ? "host"
                                                                 : "thing");
    }
    *at = x->value;
    /* files may have any name */
    return x->o->type == OPT_FILE || x->o->type == OPT_FOLDER
               ? PERSONA_OK
               : utf8_check(x->typed, x->value, strlen(x->value), e);
}

static persona_code add_to_list(const opt_call *x, opt_list *l, persona_err *e)
{
    if (l->n == OPT_LIST_MAX) {
        return persona_err_set(e, PERSONA_E_USAGE, "more than %d times %s", OPT_LIST_MAX, x->typed);
    }
    l->p[l->n++] = x->value;
    return PERSONA_OK;
}

persona_code opt_store(const opt_call *x, persona_err *e)
{
    void *at = (char *)x->base + x->o->at;
    switch (x->o->type) {
    case OPT_ON:
    case OPT_OFF:
        *(bool *)at = x->o->type == OPT_ON;
        return PERSONA_OK;
    case OPT_CONST:
        *(int *)at = x->o->constant;
        return PERSONA_OK;
    case OPT_TEXT:
    case OPT_FILE:
    case OPT_FOLDER:
    case OPT_NAMES:
        return store_text(x, at, e);
    case OPT_WORD:
    case OPT_SWITCH:
        return store_word(x, at, e);
    case OPT_INT:
        return opt_int(x->typed, x->value, (int)x->o->min, (int)x->o->max, at, e);
    case OPT_COUNT:
        return store_count(x, at, e);
    case OPT_SEED:
        return store_seed(x, at, e);
    case OPT_REAL:
    case OPT_FLOAT:
        return store_real(x, at, e);
    case OPT_LIST:
        return add_to_list(x, at, e);
    case OPT_OWN:
        return x->o->set(x, e);
    }
    return persona_err_set(e, PERSONA_E_INTERNAL, "%s has no type", x->typed);
}

/* ---- showing --------------------------------------------------------------------------------- */

const char *opt_without(const opt *o, const void *base, char *text, size_t size)
{
    const void *at = (const char *)base + o->at;
    if (o->without) {
        return *o->without ? o->without : NULL;
    }
    switch (o->type) {
    case OPT_WORD:
    case OPT_TEXT:
    case OPT_NAMES:
    case OPT_FILE:
    case OPT_FOLDER:
        return *(const char *const *)at;
    case OPT_SWITCH:
        return opt_word(o, (size_t) * (const int *)at);
    case OPT_INT:
    case OPT_COUNT:
        snprintf(text, size, "%d", *(const int *)at);
        return text;
    case OPT_SEED:
        snprintf(text, size, "%u", *(const uint32_t *)at);
        return text;
    case OPT_REAL:
        snprintf(text, size, "%g", *(const double *)at);
        return text;
    case OPT_FLOAT:
        snprintf(text, size, "%g", (double)*(const float *)at);
        return text;
    case OPT_ON:
    case OPT_OFF:
    case OPT_CONST:
    case OPT_LIST:
    case OPT_OWN:
        return NULL;
    }
    return NULL;
}
