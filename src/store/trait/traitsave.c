/* SPDX-License-Identifier: MIT
 *
 * traitsave.c - writes trait packs, and says whether a pack in memory is one.
 *
 * There is one set of rules for packs, the reader's (traitfile.c). So a pack is checked by
 * rendering it and reading that text back; what is written is the text that passed. Members stand
 * in the order of traits/schema.json, indented as the shipped packs are: writing one of those
 * gives its own bytes.
 */
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/try.h"
#include "core/text/trait_text.h"
#include "persona/trait.h"

#define TEXT_MAX ((size_t)1 << 20)

static void render(const persona_trait *t, buf *text)
{
    json_out o;
    jo_init(&o, text, true);
    jo_object(&o, NULL);
    jo_string(&o, "schema", "persona.trait/1");
    jo_string(&o, "name", t->name);
    jo_string(&o, "positive", t->positive);
    jo_string(&o, "negative", t->negative);
    jo_string(&o, "description", t->description);
    jo_array(&o, "instruction");
    for (size_t i = 0; i < t->n_pairs; i++) {
        jo_object(&o, NULL);
        jo_string(&o, "pos", t->pairs[i].pos);
        jo_string(&o, "neg", t->pairs[i].neg);
        jo_end(&o);
    }
    jo_end(&o);
    jo_array(&o, "questions");
    for (size_t i = 0; i < t->n_questions; i++) {
        jo_string(&o, NULL, t->questions[i]);
    }
    jo_end(&o);
    jo_string(&o, "eval_prompt", t->eval_prompt);
    jo_object(&o, "sampling");
    jo_number(&o, "temperature", (double)t->d_temperature);
    jo_number(&o, "top_p", (double)t->d_top_p);
    jo_number(&o, "repetition_penalty", (double)t->d_repetition_penalty);
    jo_string(&o, "about", t->about);
    jo_end(&o);
    jo_end(&o);
    buf_putc(text, '\n');
}

static persona_code render_checked(const persona_trait *t, const char *name, buf *text,
                                   persona_err *e)
{
    persona_trait *back = NULL;
    render(t, text);
    persona_code rc = PERSONA_OK;
    TRY(buf_ok(text, name, e));
    TRY(persona_trait_parse(buf_str(text), text->len, name, &back, e));
out:
    persona_trait_free(back);
    return rc;
}

persona_code persona_trait_check(const persona_trait *t, const char *name, persona_err *e)
{
    buf text;
    buf_init(&text, TEXT_MAX);
    const persona_code rc = render_checked(t, name, &text, e);
    buf_free(&text);
    return rc;
}

persona_code persona_trait_save(const persona_trait *t, const char *path, persona_err *e)
{
    buf text;
    buf_init(&text, TEXT_MAX);
    persona_code rc = PERSONA_OK;
    TRY(render_checked(t, path, &text, e));
    TRY(file_write(path, buf_str(&text), text.len, e));
out:
    buf_free(&text);
    return rc;
}

persona_code persona_trait_place(const char *name, char **out, persona_err *e)
{
    char why[96];
    *out = NULL;
    if (!text_is_name(name) || !text_fits(name, rule_name, why, sizeof why) ||
        strcmp(name, "schema") == 0) { /* traits/schema.json is no pack */
        return persona_err_set(e, PERSONA_E_USAGE,
                               "a trait cannot be called '%.60s' (2 to 48 of a-z, 0-9, '_' and "
                               "'-', beginning with a letter)",
                               name);
    }
    char *base = path_user_data();
    if (!base) {
        return persona_err_set(e, PERSONA_E_NOTFOUND,
                               "neither XDG_DATA_HOME nor HOME is set: name a file for the pack");
    }
    *out = mem_printf("%s/traits/%s.json", base, name);
    mem_free(base);
    return *out ? PERSONA_OK : mem_err(e, "the path of a trait pack");
}
