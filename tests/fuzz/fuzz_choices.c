/* SPDX-License-Identifier: MIT
 *
 * fuzz_choices.c - bytes as a file of two-choice questions. What is read keeps its promises, also
 * when its choices are listed and exchanged; what is refused says why in one line.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "core/text/choicetext.h"
#include "store/text/choicefile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
bool fuzz_accepted;

static void must(bool what)
{
    if (!what) {
        abort();
    }
}

static bool is_trimmed(const char *s)
{
    return *s != '\0' && strchr(" \t\r\n", *s) == NULL &&
           strchr(" \t\r\n", s[strlen(s) - 1]) == NULL;
}

/* Exchanging twice gives the question again, if what is exchanged is listed once. */
static void exchange(const char *question, char a, char b)
{
    char *once = choice_swap(question, a, b);
    if (once != NULL) {
        must(strlen(once) == strlen(question));
        must(choice_listed(once, a) != NULL && choice_listed(once, b) != NULL);
    }
    mem_free(once);
}

static void look_at(const choice *c)
{
    must(is_trimmed(c->question) && is_trimmed(c->matching) && is_trimmed(c->other));
    must(c->line > 0 && strcmp(c->matching, c->other) != 0);
    const char a = choice_label(c->matching), b = choice_label(c->other);
    must(a == '\0' || a != b);
    if (c->listed) {
        char *listed = choice_list_two(c->question, c->matching, c->other);
        must(listed != NULL);
        exchange(listed, 'A', 'B');
        mem_free(listed);
    } else if (a != '\0' && b != '\0') {
        exchange(c->question, a, b);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    choice_list l;
    persona_err e = {0};
    char *text = malloc(size + 1);
    if (text == NULL) {
        return 0;
    }
    if (size > 0) {
        memcpy(text, data, size);
    }
    text[size] = '\0';
    const persona_code rc = choice_list_parse("file", text, size, &l, &e);
    fuzz_accepted = rc == PERSONA_OK;
    if (rc == PERSONA_OK) {
        must(l.n > 0);
        for (size_t i = 0; i < l.n; i++) {
            look_at(&l.p[i]);
        }
    } else {
        must(l.n == 0 && l.p == NULL && e.code == rc && *e.msg && !strchr(e.msg, '\n'));
    }
    choice_list_clear(&l);
    free(text);
    return 0;
}
