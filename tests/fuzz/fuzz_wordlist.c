/* SPDX-License-Identifier: MIT
 *
 * fuzz_wordlist.c - bytes as a list of words in every form, and as a text that such a list reads.
 */
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "core/text/textpanel.h"
#include "store/text/wordlist.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
bool fuzz_accepted;

static void must(bool what)
{
    if (!what) {
        abort();
    }
}

/* Shares are shares, whatever the list and the text. */
static void read_with(lexicon *l, const char *text)
{
    lexicon *list[PERSONA_PANEL_DIMS] = {NULL};
    double v[PERSONA_PANEL_DIMS];
    list[PERSONA_PANEL_HEDGING] = list[PERSONA_PANEL_SENTIMENT] = l;
    must(textpanel_read(list, text, v));
    must(v[PERSONA_PANEL_WORDS] >= 0 && isnan(v[PERSONA_PANEL_PROFANITY]));
    must(isnan(v[PERSONA_PANEL_READABILITY]) == (v[PERSONA_PANEL_WORDS] < 1));
    must(!(v[PERSONA_PANEL_HEDGING] < 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = mem_strndup((const char *)data, size);
    fuzz_accepted = false;
    must(text != NULL);
    for (wordlist_format f = WORDLIST_PLAIN; f <= WORDLIST_PATTERN; f++) {
        lexicon *l = NULL;
        persona_err e = {0};
        const persona_code rc = wordlist_parse("file", data, size, f, &l, &e);
        if (rc == PERSONA_OK) {
            must(l && lexicon_size(l) > 0);
            fuzz_accepted = true;
            read_with(l, text);
        } else {
            must(!l && e.code == rc && *e.msg && !strchr(e.msg, '\n'));
        }
        lexicon_free(l);
    }
    mem_free(text);
    return 0;
}
