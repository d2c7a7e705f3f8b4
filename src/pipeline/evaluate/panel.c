/* SPDX-License-Identifier: MIT
 *
 * panel.c - the table of the panel's dimensions, and its lists in memory.
 */
#include "persona/panel.h"

#include "base/mem.h"
#include "base/try.h"
#include "core/text/textpanel.h"
#include "store/text/wordlist.h"

typedef struct dimension {
    const char *name, *unit, *list;
    wordlist_format format;
} dimension;

static const dimension dimensions[PERSONA_PANEL_DIMS] = {
    [PERSONA_PANEL_WORDS] = {"words", "words", NULL, WORDLIST_PLAIN},
    [PERSONA_PANEL_SENTIMENT] = {"sentiment", "-4..4", "vader_lexicon.txt", WORDLIST_VALUES},
    [PERSONA_PANEL_SUBJECTIVITY] = {"subjectivity", "0..1", "en-sentiment.xml", WORDLIST_PATTERN},
    [PERSONA_PANEL_HEDGING] = {"hedging", "per 100 words", "hedges.txt", WORDLIST_PLAIN},
    [PERSONA_PANEL_POLITENESS] = {"politeness", "per 100 words", "politeness.txt", WORDLIST_PLAIN},
    [PERSONA_PANEL_PROFANITY] = {"profanity", "per 100 words", "web-mech-badwords.txt",
                                 WORDLIST_PLAIN},
    [PERSONA_PANEL_READABILITY] = {"readability", "reading ease", NULL, WORDLIST_PLAIN},
};

struct persona_panel {
    lexicon *list[PERSONA_PANEL_DIMS];
};

const char *persona_panel_name(persona_panel_dim d)
{
    return dimensions[d].name;
}

const char *persona_panel_unit(persona_panel_dim d)
{
    return dimensions[d].unit;
}

const char *persona_panel_list(persona_panel_dim d)
{
    return dimensions[d].list;
}

static persona_code open_list(const dimension *d, lexicon **out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char *path = NULL;
    TRY(wordlist_find(d->list, &path, e));
    if (path) {
        TRY(wordlist_read(path, d->format, out, e));
    }
out:
    mem_free(path);
    return rc;
}

persona_code persona_panel_open(persona_panel **out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    persona_panel *p = mem_calloc(1, sizeof *p);
    *out = NULL;
    TRY(p ? PERSONA_OK : mem_err(e, "the lexical panel"));
    for (persona_panel_dim d = 0; d < PERSONA_PANEL_DIMS; d++) {
        if (dimensions[d].list) {
            TRY(open_list(&dimensions[d], &p->list[d], e));
        }
    }
    *out = p;
    p = NULL;
out:
    persona_panel_free(p);
    return rc;
}

void persona_panel_free(persona_panel *p)
{
    if (!p) {
        return;
    }
    for (persona_panel_dim d = 0; d < PERSONA_PANEL_DIMS; d++) {
        lexicon_free(p->list[d]);
    }
    mem_free(p);
}

bool persona_panel_has(const persona_panel *p, persona_panel_dim d)
{
    return !dimensions[d].list || p->list[d];
}

persona_code persona_panel_read(const persona_panel *p, const char *text, double *out,
                                persona_err *e)
{
    return textpanel_read(p->list, text, out) ? PERSONA_OK : mem_err(e, "the lexical panel");
}
