/* SPDX-License-Identifier: MIT
 *
 * sweep_behind.c - a long neutral conversation, in front of every question: steering that works on
 * the first turn may have worn off, or broken the model, behind thousands of tokens.
 *
 * The turns are extraction questions and the model's own unsteered answers to them, over and over
 * until the conversation is long enough. Nothing in it is steered: what is measured is the same
 * dose behind a long context, not a conversation that went on under steering.
 */
#include <string.h>

#include "base/mem.h"
#include "base/try.h"
#include "pipeline/pipeline.h"
#include "pipeline/sweep/sweep_parts.h"

enum { TURNS = 16, TURN_TOKENS = 96, MAX_MESSAGES = 4096 };

static persona_code ask_turns(const sweeping *x, size_t n, answer *answers, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char title[96];
    ask asks[TURNS];
    job_answer rows[TURNS];
    const kept k = {.job = x->job,
                    .stage = "sweep/turns",
                    .trait = x->trait->name,
                    .title = stage_name(title, sizeof title, "sweep, conversation", x->trait->name),
                    .hooks = x->hooks};
    for (size_t i = 0; i < n; i++) {
        asks[i] = (ask){.question = x->questions->extraction[i],
                        .skip_analysis = true,
                        .sampling = persona_sampling_defaults()};
        asks[i].sampling.temperature = 0;
        asks[i].sampling.max_tokens = TURN_TOKENS;
        rows[i] = (job_answer){
            .question = asks[i].question, .pair = -1, .question_index = (int)i, .rollout = -1};
    }
    TRY(kept_ask(&k, x->s, asks, rows, n, answers, NULL, e));
out:
    return rc;
}

static persona_code count_tokens(const sweeping *x, size_t n_messages, size_t *out, persona_err *e)
{
    persona_tokens t = {NULL, 0};
    /* a last turn, so that the assistant is to speak */
    persona_message *all = mem_calloc(n_messages + 1, sizeof *all);
    persona_code rc = PERSONA_OK;
    TRY(all != NULL ? PERSONA_OK : mem_err(e, "a conversation"));
    memcpy(all, x->history, n_messages * sizeof *all);
    all[n_messages] = (persona_message){"user", x->questions->evaluation[0]};
    TRY(persona_chat_tokens(x->m, all, n_messages + 1, NULL, &t, e));
    *out = t.n;
out:
    persona_tokens_free(&t);
    mem_free(all);
    return rc;
}

/* One more turn: question and answer i mod n. */
static persona_code add_turn(sweeping *x, const answer *answers, size_t n, persona_err *e)
{
    const size_t at = x->n_history, i = at / 2 % n;
    const char *text = answers[i].text != NULL && answers[i].text[0] ? answers[i].text : ".";
    x->history_texts[at] = mem_strdup(x->questions->extraction[i]);
    x->history_texts[at + 1] = mem_strdup(text);
    x->history[at] = (persona_message){"user", x->history_texts[at]};
    x->history[at + 1] = (persona_message){"assistant", x->history_texts[at + 1]};
    x->n_history += 2;
    return x->history_texts[at] != NULL && x->history_texts[at + 1] != NULL
               ? PERSONA_OK
               : mem_err(e, "a conversation");
}

static persona_code fits(const sweeping *x, size_t tokens, persona_err *e)
{
    const size_t room = (size_t)persona_session_opts_get(x->s)->n_ctx;
    const size_t more = (size_t)(persona_sweep_room(x->o) - x->o->behind);
    return tokens + more <= room
               ? PERSONA_OK
               : persona_err_set(e, PERSONA_E_USAGE,
                                 "sweep: a conversation of %zu tokens and %zu for thoughts and "
                                 "answer do not fit a context of %zu (--context)",
                                 tokens, more, room);
}

persona_code sweep_history(sweeping *x, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    answer answers[TURNS] = {{0}};
    const size_t n = x->questions->n_extraction < TURNS ? x->questions->n_extraction : TURNS;
    const size_t wanted = (size_t)x->o->behind;
    size_t tokens = 0;
    x->history = mem_calloc(MAX_MESSAGES, sizeof *x->history);
    x->history_texts = mem_calloc(MAX_MESSAGES, sizeof *x->history_texts);
    TRY(x->history != NULL && x->history_texts != NULL ? PERSONA_OK : mem_err(e, "a conversation"));
    TRY(fits(x, wanted, e));
    TRY(n > 0 ? PERSONA_OK
              : persona_err_set(e, PERSONA_E_USAGE,
                                "sweep: no extraction questions to make a conversation of"));
    TRY(ask_turns(x, n, answers, e));
    while (tokens < wanted && x->n_history + 2 <= MAX_MESSAGES) {
        TRY(add_turn(x, answers, n, e));
        TRY(count_tokens(x, x->n_history, &tokens, e));
    }
    if (tokens < wanted) {
        TRY(persona_err_set(e, PERSONA_E_USAGE,
                            "sweep: %d messages make a conversation of %zu tokens, not of %zu",
                            (int)MAX_MESSAGES, tokens, wanted));
    }
    TRY(fits(x, tokens, e));
out:
    answers_clear(answers, TURNS);
    return rc;
}

void sweep_history_free(sweeping *x)
{
    for (size_t i = 0; x->history_texts != NULL && i < x->n_history; i++) {
        mem_free(x->history_texts[i]);
    }
    mem_free(x->history_texts);
    mem_free(x->history);
}
