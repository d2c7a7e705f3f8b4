/* SPDX-License-Identifier: MIT
 *
 * chat_commands.c - the table of what may be said with a slash.
 */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/try.h"
#include "cli/chat/chat.h"
#include "cli/study_print.h"
#include "core/text/names.h"

enum { INDENT = 12 };

typedef struct chat_verb {
    const char *name, *arguments, *help;
    persona_code (*run)(chat *t, const char *rest, persona_err *e);
} chat_verb;

/* ---- steering -------------------------------------------------------------------------------- */

static persona_code show_steering(const chat *t)
{
    const persona_receipt *r = &t->receipt;
    if (t->plan == NULL) {
        fprintf(t->out, "%s\n", "not steered");
        return PERSONA_OK;
    }
    fprintf(t->out, "%s  (unit %s, %s", t->steer, r->unit, r->n_layers == 1 ? "block" : "blocks");
    for (size_t i = 0; i < r->n_layers; i++) {
        fprintf(t->out, " %d", r->layers[i]);
    }
    fprintf(t->out, ")\n");
    if (t->done.n_steered > 0) {
        cli_state loud = *t->c;
        loud.verbosity = 1;
        cli_print_receipt(&loud, r, &t->done);
    }
    return PERSONA_OK;
}

static persona_code do_steer(chat *t, const char *rest, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    if (rest[0] != '\0') {
        TRY(chat_steer(t, rest, e));
    }
    rc = t->interactive || rest[0] == '\0' ? show_steering(t) : PERSONA_OK;
out:
    return rc;
}

static persona_code do_probe(chat *t, const char *rest, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    if (strcmp(rest, "off") == 0) {
        chat_probes_clear(t);
    } else if (rest[0] != '\0') {
        TRY(chat_probe_add(t, rest, e));
    }
    for (size_t i = 0; t->interactive && i < chat_n_probes(t); i++) {
        fprintf(t->out, "%s at block %d%s\n", t->probes->list[i].name, t->probes->list[i].block,
                chat_has_z(t, i) ? "" : ", without neutral statistics: values are in units of h");
    }
out:
    return rc;
}

static persona_code do_compare(chat *t, const char *rest, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const bool set = strcmp(rest, "on") == 0 || strcmp(rest, "off") == 0;
    if (set) {
        t->compare = rest[1] == 'n';
    } else if (rest[0] != '\0') {
        const bool before = t->compare;
        t->compare = true;
        rc = chat_ask(t, t->talk.at, rest, t->c->seed, e);
        t->compare = before;
    } else {
        t->compare = !t->compare;
    }
    if (t->interactive && (set || rest[0] == '\0')) {
        fprintf(t->out, "%s\n",
                t->compare ? "every question is also asked unsteered" : "no comparison");
    }
    return rc;
}

/* ---- the tree -------------------------------------------------------------------------------- */

static persona_code need_turn(const chat *t, persona_err *e)
{
    return t->talk.at != CONVERSATION_ROOT
               ? PERSONA_OK
               : persona_err_set(e, PERSONA_E_USAGE, "nothing has been said yet");
}

static persona_code do_undo(chat *t, const char *rest, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    (void)rest;
    TRY(need_turn(t, e));
    t->talk.at = t->talk.turns[t->talk.at].parent;
    if (t->interactive) {
        fprintf(t->out, "%s\n",
                t->talk.at == CONVERSATION_ROOT ? "back at the beginning" : "one turn back");
    }
out:
    return rc;
}

static persona_code do_regen(chat *t, const char *rest, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    (void)rest;
    TRY(need_turn(t, e));
    const turn *last = &t->talk.turns[t->talk.at];
    /* its text moves with the array, so a copy is asked */
    char *question = cli_strdup(last->question);
    rc = chat_ask(t, last->parent, question, last->seed + 1, e);
    mem_free(question);
out:
    return rc;
}

static void show_branches(const chat *t)
{
    const int parent = t->talk.turns[t->talk.at].parent;
    size_t k = 0;
    for (size_t i = 0; i < t->talk.n; i++) {
        const turn *x = &t->talk.turns[i];
        if (x->parent != parent) {
            continue;
        }
        char title[16];
        bool here = false;
        for (int at = t->talk.at; at != CONVERSATION_ROOT; at = t->talk.turns[at].parent) {
            here = here || at == (int)i;
        }
        snprintf(title, sizeof title, "%s%zu", here ? "* " : "  ", ++k);
        char *line = cli_format("%s%s%s -> %s", x->steering, x->steering[0] != '\0' ? ": " : "",
                                x->question, x->answer);
        study_print_text(t->out, title, line, INDENT);
        mem_free(line);
    }
}

static persona_code do_branch(chat *t, const char *rest, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    int k = 0;
    TRY(need_turn(t, e));
    if (rest[0] == '\0') {
        show_branches(t);
        goto out;
    }
    TRY(opt_int("/branch", rest, 1, CONVERSATION_MAX_TURNS, &k, e));
    if (!conversation_go(&t->talk, (size_t)k)) {
        size_t which;
        const size_t n =
            conversation_branches(&t->talk, t->talk.turns[t->talk.at].parent, t->talk.at, &which);
        rc = persona_err_set(e, PERSONA_E_USAGE, "there are %zu answers here, not %d", n, k);
    }
out:
    return rc;
}

static persona_code do_show(chat *t, const char *rest, persona_err *e)
{
    (void)rest, (void)e;
    int *way = cli_alloc(t->talk.n + 1, sizeof *way);
    const size_t n = conversation_path(&t->talk, t->talk.at, way);
    if (t->talk.system[0] != '\0') {
        study_print_text(t->out, "system", t->talk.system, INDENT);
    }
    for (size_t i = 0; i < n; i++) {
        const turn *x = &t->talk.turns[way[i]];
        study_print_text(t->out, "you", x->question, INDENT);
        study_print_text(t->out, x->steering[0] != '\0' ? "steered" : "model", x->answer, INDENT);
    }
    mem_free(way);
    return PERSONA_OK;
}

/* ---- settings -------------------------------------------------------------------------------- */

static persona_code do_system(chat *t, const char *rest, persona_err *e)
{
    if (rest[0] == '\0') {
        fprintf(t->out, "%s\n", t->talk.system[0] != '\0' ? t->talk.system : "no system text");
        return PERSONA_OK;
    }
    return conversation_set_system(&t->talk, strcmp(rest, "off") == 0 ? "" : rest, e);
}

static persona_code do_temp(chat *t, const char *rest, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    double x = 0;
    TRY(opt_real("/temp", rest, 0, 100, &x, e));
    t->sampling.temperature = (float)x;
out:
    return rc;
}

static persona_code do_length(chat *t, const char *rest, persona_err *e)
{
    return opt_int("/length", rest, 1, 1 << 16, &t->sampling.max_tokens, e);
}

static persona_code do_seed(chat *t, const char *rest, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    int seed = 0;
    TRY(opt_int("/seed", rest, 0, INT32_MAX, &seed, e));
    t->c->seed = (uint32_t)seed;
out:
    return rc;
}

static persona_code do_think(chat *t, const char *rest, persona_err *e)
{
    (void)e;
    t->thinks = rest[0] == '\0' ? !t->thinks : strcmp(rest, "off") != 0;
    return PERSONA_OK;
}

/* ---- files ----------------------------------------------------------------------------------- */

static persona_code do_save(chat *t, const char *rest, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    if (rest[0] == '\0') {
        return persona_err_set(e, PERSONA_E_USAGE, "/save wants a file");
    }
    TRY(conversation_save(&t->talk, t->x.info->name, rest, e));
    if (t->interactive) {
        fprintf(t->out, "%zu turns in %s\n", t->talk.n, rest);
    }
out:
    return rc;
}

/* The steering of the turn where the conversation is comes back with it, or nothing does. */
static persona_code do_load(chat *t, const char *rest, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    conversation loaded = {.at = CONVERSATION_ROOT};
    TRY(conversation_load(&loaded, rest, e));
    TRY(chat_steer(t, loaded.at != CONVERSATION_ROOT ? loaded.turns[loaded.at].steering : "", e));
    conversation_clear(&t->talk);
    t->talk = loaded;
    loaded = (conversation){.at = CONVERSATION_ROOT};
    if (t->interactive) {
        rc = do_show(t, "", e);
    }
out:
    conversation_clear(&loaded);
    return rc;
}

static persona_code do_quit(chat *t, const char *rest, persona_err *e)
{
    (void)rest, (void)e;
    t->quit = true;
    return PERSONA_OK;
}

static persona_code do_help(chat *t, const char *rest, persona_err *e);

static const chat_verb verbs[] = {
    {"/steer", "[EXPR|off]", "steer the answers to come, or say how they are steered", do_steer},
    {"/probe", "[NAME|off]", "read a vector while answers are written", do_probe},
    {"/compare", "[on|off|QUESTION]", "ask the same question unsteered beside it", do_compare},
    {"/regen", "", "another answer to the last question", do_regen},
    {"/undo", "", "back to before the last question", do_undo},
    {"/branch", "[N]", "the answers side by side, or go to answer N", do_branch},
    {"/show", "", "the conversation so far", do_show},
    {"/system", "[TEXT|off]", "the system text", do_system},
    {"/temp", "X", "sampling temperature; 0: greedy", do_temp},
    {"/length", "N", "tokens of an answer at most", do_length},
    {"/seed", "N", "the seed of the next answer", do_seed},
    {"/think", "[on|off]", "show what the model thinks before it answers", do_think},
    {"/save", "FILE", "write the conversation, all branches", do_save},
    {"/load", "FILE", "go on from a file", do_load},
    {"/help", "", "this list", do_help},
    {"/quit", "", "end (also Ctrl-D)", do_quit},
};
enum { N_VERBS = sizeof verbs / sizeof *verbs };

const char *chat_command_name(size_t i)
{
    return i < N_VERBS ? verbs[i].name : NULL;
}

static persona_code do_help(chat *t, const char *rest, persona_err *e)
{
    (void)rest, (void)e;
    for (size_t i = 0; i < N_VERBS; i++) {
        fprintf(t->out, "%-9s %-19s %s\n", verbs[i].name, verbs[i].arguments, verbs[i].help);
    }
    fprintf(t->out, "%s\n",
            "A \\ at the end of a line goes on in the next one; Ctrl-C ends an answer.");
    return PERSONA_OK;
}

persona_code chat_command(chat *t, const char *line, persona_err *e)
{
    const char *names[N_VERBS];
    char word[32];
    const size_t len = strcspn(line, " \t");
    const char *rest = line + len + strspn(line + len, " \t");
    snprintf(word, sizeof word, "%.*s", (int)(len < sizeof word ? len : sizeof word - 1), line);
    for (size_t i = 0; i < N_VERBS; i++) {
        names[i] = verbs[i].name;
        if (strcmp(word, verbs[i].name) == 0) {
            return verbs[i].run(t, rest, e);
        }
    }
    const char *near = name_nearest(names, N_VERBS, word);
    return near != NULL ? persona_err_set(e, PERSONA_E_USAGE, "no %s; did you mean %s?", word, near)
                        : persona_err_set(e, PERSONA_E_USAGE, "no %s (see /help)", word);
}
