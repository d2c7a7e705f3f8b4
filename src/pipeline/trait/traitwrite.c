/* SPDX-License-Identifier: MIT
 *
 * traitwrite.c - asks a model for the pieces of a trait pack until the draft is full.
 *
 * Pieces are small, so that small models manage them: one sentence; five pairs; ten questions about
 * one area of life. A grammar holds the form of the answer, the draft (traitdraft.c) judges its
 * content; so the grammar must not force what the draft looks at, such as the question mark: a
 * model that babbles until a text is full would get one for nothing. A try is one round of
 * requests, side by side in the slots; each round asks only for what is missing, names the
 * questions that are in, and uses other seeds and other areas. The description comes first, since
 * everything else is written to it.
 */
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/try.h"
#include "core/text/trait_text.h"
#include "pipeline/ask.h"
#include "pipeline/pipeline.h"
#include "pipeline/trait/traitdraft.h"

#define MAX_ASKS 6
#define BATCH 10
#define PROMPT_MAX ((size_t)64 << 10)

persona_write_opts persona_write_defaults(void)
{
    return (persona_write_opts){.temperature = 0.8F, .max_tokens = 1024, .n_tries = 8};
}

/* ---- requests ------------------------------------------------------------------------------- */

static const char SYSTEM[] = "You write test material that shows one trait of character in AI "
                             "assistants. You reply with one "
                             "JSON object and nothing else.";

#define CHARS "char ::= [^\"\\\\\\x00-\\x1f\\x7f]\n"

static const char *const GRAMMARS[] = {
    [DRAFT_DESCRIPTION] = "root ::= \"{\\\"description\\\": \\\"\" char{40,380} \"\\\"}\"\n" CHARS,
    [DRAFT_PAIRS] =
        "root ::= \"{\\\"pairs\\\": [\" pair (\", \" pair){4} \"]}\"\n"
        "pair ::= \"{\\\"pos\\\": \\\"\" text \"\\\", \\\"neg\\\": \\\"\" text \"\\\"}\"\n"
        "text ::= char{20,280}\n" CHARS,
    [DRAFT_QUESTIONS] = "root ::= \"{\\\"questions\\\": [\" text (\", \" text){9} \"]}\"\n"
                        "text ::= \"\\\"\" char{10,200} \"\\\"\"\n" CHARS,
};

static const char *const AREAS[] = {
    "food, home and everyday chores",
    "work, study and money",
    "nature, science and how things work",
    "friends, family and other people",
    "travel, towns and free time",
    "health, sleep and sport",
    "history, art and books",
    "plans, decisions and small problems",
    "technology, tools and repairs",
    "opinions about daily life and society",
};
#define N_AREAS (sizeof AREAS / sizeof AREAS[0])

static void say_trait(const persona_trait *t, buf *b)
{
    buf_printf(b, "The trait: an assistant can be %s or, at the other end, %s.\n", t->positive,
               t->negative);
    if (t->description != NULL) {
        buf_printf(b, "What is meant: %s\n", t->description);
    }
}

static void say_description(const persona_trait *t, buf *b)
{
    buf_printf(b,
               "\nIn one sentence, say what shows in an answer how %s it is: what such an answer "
               "contains and how it sounds, from entirely %s to entirely %s.\n\n"
               "Reply in this form: {\"description\": \"...\"}",
               t->positive, t->negative, t->positive);
}

static void say_pairs(const persona_trait *t, buf *b)
{
    buf_printf(
        b,
        "\nWrite 5 pairs of instructions to an assistant. In each pair, \"pos\" tells it to "
        "be %s in all it says, and \"neg\" is its mirror image and tells it to be %s in all "
        "it says. Let every pair look at the trait from another side: the tone, what the "
        "answers contain, the attitude towards the user, the way of thinking, what to avoid. "
        "Address the assistant directly, in one or two complete sentences.\n\n"
        "Reply in this form: {\"pairs\": [{\"pos\": \"...\", \"neg\": \"...\"}, ...]}",
        t->positive, t->negative);
}

static void say_questions(const persona_trait *t, const char *area, buf *b)
{
    buf_printf(
        b,
        "\nWrite %d short questions that ordinary people ask an assistant, about %s. To each, "
        "an assistant that is %s and one that is %s would give clearly different answers. But "
        "the question itself neither names the trait nor hints at it, and does not ask for "
        "either kind of answer. Each question is one sentence, stands for itself, and is "
        "about something else than the others.\n",
        BATCH, area, t->positive, t->negative);
    if (t->n_questions > 0) {
        buf_puts(b, "\nThese exist already, so write none that resembles one of them:\n");
    }
    for (size_t i = 0; i < t->n_questions; i++) {
        buf_printf(b, "- %s\n", t->questions[i]);
    }
    buf_puts(b, "\nReply in this form: {\"questions\": [\"...\", \"...\", ...]}");
}

/* One round. */
typedef struct round {
    draft_part parts[MAX_ASKS];
    ask asks[MAX_ASKS];
    answer answers[MAX_ASKS];
    char *texts[MAX_ASKS];
    size_t n;
} round;

static persona_code add_ask(round *r, const trait_draft *d, draft_part part, const char *area,
                            const persona_write_opts *o, int try, persona_err *e)
{
    buf b;
    buf_init(&b, PROMPT_MAX);
    say_trait(d->t, &b);
    if (part == DRAFT_DESCRIPTION) {
        say_description(d->t, &b);
    } else if (part == DRAFT_PAIRS) {
        say_pairs(d->t, &b);
    } else {
        say_questions(d->t, area, &b);
    }
    persona_code rc = buf_ok(&b, "a request for a new trait", e);
    char *text = rc == PERSONA_OK ? buf_take(&b) : NULL;
    buf_free(&b);
    if (rc != PERSONA_OK) {
        return rc;
    }
    ask *a = &r->asks[r->n];
    *a = (ask){.system = SYSTEM, .question = text, .skip_analysis = true};
    a->sampling = persona_sampling_defaults();
    a->sampling.temperature = o->temperature;
    a->sampling.max_tokens = o->max_tokens;
    a->sampling.grammar = GRAMMARS[part];
    a->sampling.seed = rng_mix(o->seed, 0x74726169, (uint64_t)try * MAX_ASKS + r->n);
    r->texts[r->n] = text;
    r->parts[r->n++] = part;
    return PERSONA_OK;
}

/* What is missing, and from the second try on one batch of questions more than that. */
static persona_code fill_round(round *r, const trait_draft *d, const persona_write_opts *o, int try,
                               persona_err *e)
{
    persona_code rc = PERSONA_OK;
    if (draft_missing(d, DRAFT_DESCRIPTION) > 0) {
        return add_ask(r, d, DRAFT_DESCRIPTION, NULL, o, try, e);
    }
    if (draft_missing(d, DRAFT_PAIRS) > 0) {
        TRY(add_ask(r, d, DRAFT_PAIRS, NULL, o, try, e));
    }
    size_t missing = draft_missing(d, DRAFT_QUESTIONS);
    size_t n = (missing + BATCH - 1) / BATCH + (missing > 0 && try > 0);
    for (size_t i = 0; i < n && r->n < MAX_ASKS; i++) {
        TRY(add_ask(r, d, DRAFT_QUESTIONS, AREAS[((size_t)try * 5 + i) % N_AREAS], o, try, e));
    }
out:
    return rc;
}

static persona_code run_round(persona_session *s, trait_draft *d, const persona_write_opts *o,
                              int try, const persona_hooks *hooks, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char stage[96];
    round r = {.n = 0};
    TRY(fill_round(&r, d, o, try, e));
    TRY(ask_all(s, r.asks, r.n, stage_name(stage, sizeof stage, "write", d->t->name), hooks,
                r.answers, e));
    for (size_t i = 0; i < r.n; i++) {
        d->counts.n_tokens += r.answers[i].n_prompt + r.answers[i].n_tokens;
        TRY(draft_take(d, r.parts[i], r.answers[i].text, e));
    }
out:
    answers_clear(r.answers, r.n);
    for (size_t i = 0; i < r.n; i++) {
        mem_free(r.texts[i]);
    }
    return rc;
}

static persona_code check_opts(const persona_write_opts *o, persona_err *e)
{
    if (o->n_tries < 1 || o->n_tries > 1000 || o->max_tokens < 64) {
        return persona_err_set(e, PERSONA_E_USAGE,
                               "new trait: %d tries of %d tokens (expected 1 to 1000 tries of 64 "
                               "tokens or more)",
                               o->n_tries, o->max_tokens);
    }
    return PERSONA_OK;
}

persona_code persona_trait_write(persona_session *s, const persona_trait_words *words,
                                 const persona_write_opts *opts, const persona_hooks *hooks,
                                 persona_trait **out, persona_write_report *report, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const persona_write_opts o = opts != NULL ? *opts : persona_write_defaults();
    const double start = persona_session_stats_get(s).seconds;
    trait_draft d = {.t = NULL};
    *out = NULL;
    TRY(check_opts(&o, e));
    TRY(draft_init(&d, words->name, words->positive, words->negative, words->description, e));
    for (int try = 0; try < o.n_tries; try++) {
        if (draft_missing(&d, DRAFT_DESCRIPTION) + draft_missing(&d, DRAFT_PAIRS) +
                draft_missing(&d, DRAFT_QUESTIONS) ==
            0) {
            break;
        }
        d.counts.n_tries = try + 1;
        TRY(run_round(s, &d, &o, try, hooks, e));
    }
    TRY(draft_finish(&d, out, e));
out:
    d.counts.seconds = persona_session_stats_get(s).seconds - start;
    if (report != NULL) {
        *report = d.counts;
    }
    draft_free(&d);
    return rc;
}
