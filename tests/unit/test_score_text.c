/* SPDX-License-Identifier: MIT
 *
 * test_score_text.c - replies as judges write them, and the score that each gives, or none.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pipeline/judge/score_text.h"

#define NONE ((double)NAN)

static const struct {
    const char *text;
    double score;
} replies[] = {
    /* a number and little else */
    {"95", 95},
    {" 95\n", 95},
    {"95.", 95},
    {"**95**", 95},
    {"95%", 95},
    {"0", 0},
    {"100", 100},
    {"72.5", 72.5},
    {"72,5", 72.5},
    {"72.5.", 72.5},
    {"`95`", 95},
    {"\\boxed{95}", 95},
    {"95 points", 95},
    {"~95", 95},
    {"95 - it has 3 jokes", 95},
    {"95\n\nThe answer has 3 jokes and 2 puns.", 95},
    {"95. The answer is very silly.", 95},
    /* of a hundred */
    {"85/100", 85},
    {"85 / 100", 85},
    {"95 out of 100", 95},
    {"Score: 95 out of 100", 95},
    {"I would say 95 out of 100 because of its 3 jokes.", 95},
    /* with a label */
    {"Score: 37", 37},
    {"**Score:** 95", 95},
    {"**Score**: 95", 95},
    {"Score (0-100): 95", 95},
    {"Rating = 95", 95},
    {"The score is 95.", 95},
    {"I would give it a score of 95.", 95},
    {"Answer: 95", 95},
    {"<score>95</score>", 95},
    {"{\"score\": 95}", 95},
    {"```json\n{\"score\": 95, \"reason\": \"3 jokes\"}\n```", 95},
    {"{\"reason\": \"it has 3 jokes\", \"rating\": 95}", 95},
    {"1. Tone: silly\n2. Content: silly\n\nScore: 95", 95},
    {"1. Tone is silly. Score: 95", 95},
    {"There are 3 jokes in 2 lines. Overall score: 80", 80},
    {"Tone score: 80\nClarity score: 60\nFinal score: 75", 75},
    {"Step 1: read. Step 2: think. My rating: 40", 40},
    {"4/5 of the sentences are silly. Score: 80", 80},
    /* in a sentence */
    {"On a scale of 0 to 100, I rate this 95", 95},
    {"On a scale from 0 to 100, I would rate this answer 95.", 95},
    {"On a scale of 0-100 I'd give it 95, since it has 3 jokes.", 95},
    {"On a 0\xe2\x80\x93"
     "100 scale: 95",
     95},
    {"I'd rate it around 95.", 95},
    {"The 3 jokes in it make me rate this 95.", 95},
    {"Where 0 means none and 100 means extreme, this is a 95.", 95},
    {"The answer is silly through and through.\n\n95", 95},
    {"between 80 and 90, I would say 85", 85},
    /* thinking is passed over */
    {"<think>Maybe 40? It has 3 jokes. Score: 10</think>95", 95},
    {"I thought of 40 first.</think>\n\n95", 95},
    {"<think>40 or so", NONE},
    {"<|channel|>analysis<|message|>40<|end|><|start|>assistant<|channel|>final<|message|>95", 95},
    {"<|channel|>analysis<|message|>40", NONE},
    /* other languages */
    {"\xd9\xa9\xd9\xa5", 95},         /* Arabic-Indic */
    {"\xe0\xa5\xaf\xe0\xa5\xab", 95}, /* Devanagari */
    {"\xef\xbc\x99\xef\xbc\x95", 95}, /* full width */
    {"\xe8\xaf\x84\xe5\x88\x86\xef\xbc\x9a"
     "95\xe5\x88\x86",
     95}, /* score: 95 points, Chinese */
    {"95\xe5\x88\x86", 95},
    {"Bewertung: 95 von 100", 95},
    {"Auf einer Skala von 0 bis 100: 95", 95},
    {"Je donne 95 sur 100.", 95},
    {"\xd0\x9e\xd1\x86\xd0\xb5\xd0\xbd\xd0\xba\xd0\xb0: 95", 95},
    /* another scale, several, none */
    {"9 out of 10", NONE},
    {"8/10", NONE},
    {"Score: 8/10", NONE},
    {"On a scale of 1 to 10, I rate this 8", NONE},
    {"On a scale from 0 to 5: 4", NONE},
    {"0.85", NONE},
    {"between 80 and 90", NONE},
    {"80-90", NONE},
    {"80 to 90", NONE},
    {"80 or 90", NONE},
    {"Tone: 80. Clarity: 60.", NONE},
    {"Score: 80\nScore: 60", NONE},
    {"-5", NONE},
    {"300", NONE},
    {"1e9", NONE},
    {"0x1f", NONE},
    {"REFUSAL", NONE},
    {"REFUSAL 7", NONE},
    {"none", NONE},
    {"", NONE},
    {"There are 3 jokes in it", NONE},
    {"I am 90% sure that it is silly", NONE},
    {"I cannot rate this. As GPT-4, I have 2 rules.", NONE},
    {"On a scale of 0 to 100", NONE},
    {"1. Tone\n2. Content", NONE},
    {"ninety-five", NONE},
};

static void scores(void **state)
{
    (void)state;
    int bad = 0;
    for (size_t i = 0; i < sizeof replies / sizeof *replies; i++) {
        const double x = score_of_text(replies[i].text, NULL);
        if (!(fabs(x - replies[i].score) < 1e-9) && !(isnan(x) && isnan(replies[i].score))) {
            print_error("\"%s\" gives %g, expected %g\n", replies[i].text, x, replies[i].score);
            bad++;
        }
    }
    assert_int_equal(bad, 0);
}

static void ends(void **state)
{
    (void)state;
    bool end = false;
    assert_true(score_of_text("On a scale of 0 to 100, I rate this 9", &end) == 9 && end);
    assert_true(score_of_text("I rate this 95.", &end) == 95 && !end);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(scores), cmocka_unit_test(ends)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
