/* SPDX-License-Identifier: MIT
 *
 * choicetext.c - the form that the field's files have: each choice on a line of its own behind a
 * letter in parentheses. A text reaches to the next listed choice, or to the end.
 */
#include "core/text/choicetext.h"

#include <string.h>

#include "base/mem.h"

static bool is_letter(char c)
{
    return c >= 'A' && c <= 'Z';
}

char choice_label(const char *answer)
{
    if (answer[0] == '(' && is_letter(answer[1]) && answer[2] == ')' && answer[3] == '\0') {
        return answer[1];
    }
    return is_letter(answer[0]) && answer[1] == '\0' ? answer[0] : '\0';
}

/* "(X)" at p, with nothing but white space before it on its line. */
static bool is_listed_at(const char *question, const char *p)
{
    if (p[0] != '(' || !is_letter(p[1]) || p[2] != ')') {
        return false;
    }
    while (p > question && (p[-1] == ' ' || p[-1] == '\t')) {
        p--;
    }
    return p == question || p[-1] == '\n';
}

const char *choice_listed(const char *question, char label)
{
    for (const char *p = strchr(question, '('); p != NULL; p = strchr(p + 1, '(')) {
        if (p[1] == label && is_listed_at(question, p)) {
            return p + 3;
        }
    }
    return NULL;
}

/* Bytes of a choice's text, white space at its end left out. */
static size_t text_length(const char *question, const char *text)
{
    const char *end = text;
    while (*end != '\0' && !is_listed_at(question, end)) {
        end++;
    }
    while (end > text && strchr(" \t\r\n", end[-1]) != NULL) {
        end--;
    }
    return (size_t)(end - text);
}

char *choice_swap(const char *question, char a, char b)
{
    const char *x = choice_listed(question, a), *y = choice_listed(question, b);
    if (x == NULL || y == NULL || x == y) {
        return NULL;
    }
    const char *first = x < y ? x : y, *second = x < y ? y : x;
    const size_t n1 = text_length(question, first), n2 = text_length(question, second);
    return mem_printf("%.*s%.*s%.*s%.*s%s", (int)(first - question), question, (int)n2, second,
                      (int)(second - (first + n1)), first + n1, (int)n1, first, second + n2);
}

char *choice_list_two(const char *question, const char *a, const char *b)
{
    return mem_printf("%s\n\nChoices:\n (A) %s\n (B) %s", question, a, b);
}
