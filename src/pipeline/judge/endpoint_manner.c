/* SPDX-License-Identifier: MIT
 *
 * endpoint_manner.c - how a judging server is asked, and what its refusals teach.
 *
 * One token with its alternatives as long as that gives a score; a longer reply where the server
 * gives no probabilities, spells numbers in digits or begins with words (endpoint_reply.c), and a
 * longer one still where that ends before the score (models that think). What a 400 says this
 * server does not take (max_tokens, temperature, seed, alternatives) is left out or said otherwise,
 * one thing after the other (`ways`); each is given up once, so this ends.
 */
#include "pipeline/judge/endpoint_manner.h"

#include <string.h>

#include "pipeline/judge/endpoint_reply.h"

/* Tokens that a reply may have, longer each time it proves too short. */
static const int rooms[] = {1, 16, 512, 8192};
enum { N_ROOMS = sizeof rooms / sizeof *rooms };

static const char *const limit_names[] = {"max_tokens", "max_completion_tokens"};

manner manner_first(void)
{
    return (manner){.most_room = N_ROOMS - 1, .top = 20};
}

void manner_put(const manner *m, json_out *o)
{
    if (m->limit != LIMIT_NONE) {
        jo_int(o, limit_names[m->limit], rooms[m->room]);
    }
    if (!m->no_temperature) {
        jo_int(o, "temperature", 0);
    }
    if (!m->no_seed) {
        jo_int(o, "seed", 0);
    }
    if (m->top > 0) {
        jo_bool(o, "logprobs", true);
        jo_int(o, "top_logprobs", m->top);
    }
}

bool manner_grow(manner *m, const manner *asked)
{
    const int next = asked->room + 1;
    if (next > m->most_room) {
        return false;
    }
    m->room = next > m->room ? next : m->room;
    return true;
}

static bool drop_temperature(manner *m)
{
    const bool had = !m->no_temperature;
    m->no_temperature = true;
    return had;
}

static bool drop_seed(manner *m)
{
    const bool had = !m->no_seed;
    m->no_seed = true;
    return had;
}

/* Many servers give fewer alternatives than 20, some none. */
static bool fewer_alternatives(manner *m)
{
    const bool had = m->top > 0;
    m->top = m->top > 5 ? 5 : 0;
    m->room = m->top == 0 && m->room == 0 ? 1 : m->room;
    return had;
}

static bool no_probabilities(manner *m)
{
    const bool had = m->top > 0;
    m->top = 0;
    m->room = m->room == 0 ? 1 : m->room;
    return had;
}

/* Too long for the model's context is said in the same words as an unknown name is. */
static bool other_limit(manner *m)
{
    if (m->limit != LIMIT_OLD) {
        return false;
    }
    m->limit = LIMIT_NEW;
    return true;
}

static bool no_limit(manner *m)
{
    if (m->limit != LIMIT_NEW) {
        return false;
    }
    m->limit = LIMIT_NONE;
    return true;
}

/* What a server may refuse, and what is done then; false: it was not asked for. */
static const struct {
    const char *name;
    bool (*give_up)(manner *m);
} ways[] = {
    {"top_logprobs", fewer_alternatives}, {"logprobs", no_probabilities},
    {"temperature", drop_temperature},    {"seed", drop_seed},
    {"max_tokens", other_limit},          {"max_completion_tokens", no_limit},
};

bool manner_learn(manner *m, const manner *asked, int status, const char *body, size_t n)
{
    char words[400];
    if (status != 400 && status != 422 && status != 403) {
        return false;
    }
    endpoint_reply_words(body, n, words, sizeof words);
    if (strstr(words, "output limit was reached") || strstr(words, "higher max_tokens")) {
        return manner_grow(m, asked); /* a model that thinks ran out of room */
    }
    for (size_t k = 0; k < sizeof ways / sizeof *ways; k++) {
        const bool logprobs = strstr(ways[k].name, "logprobs") != NULL;
        if (!endpoint_reply_names(body, n, ways[k].name) || (status == 403 && !logprobs)) {
            continue;
        }
        if (strstr(ways[k].name, "max_") && asked->room > 1) { /* longer than it can be */
            m->most_room = asked->room - 1 < m->most_room ? asked->room - 1 : m->most_room;
            m->room = m->room > m->most_room ? m->most_room : m->room;
            return true;
        }
        manner before = *asked;
        if (!ways[k].give_up(&before)) {
            continue; /* it was not in the request */
        }
        before = *m;
        if (ways[k].give_up(&before) &&
            (asked->top == m->top || !logprobs)) { /* another reply may have taught it already */
            *m = before;
        }
        return true;
    }
    return false;
}
