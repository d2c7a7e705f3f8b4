/* SPDX-License-Identifier: MIT
 *
 * cmd_chat.c - `persona chat`: a conversation in the terminal, steered while it goes on.
 */
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/try.h"
#include "cli/chat/chat.h"

enum { CONTEXT = 8192 };

typedef struct chat_args {
    cli_state *c;
    const char *model, *system, *steer, *load, *save;
    opt_list probes;
    bool compare, thinks, no_history;
} chat_args;

#define AT(member) offsetof(chat_args, member)

static const opt options[] = {
    OPT_MODEL(AT(model)),
    OPT_SYSTEM(AT(system)),
    {.name = "steer",
     .type = OPT_TEXT,
     .arg = "EXPR",
     .at = AT(steer),
     .help = "Steer from the beginning; /steer changes it"},
    {.name = "probe",
     .type = OPT_LIST,
     .arg = "NAME|FILE",
     .at = AT(probes),
     .help = "Read a vector while answers are written; may be repeated"},
    {.name = "compare",
     .type = OPT_ON,
     .at = AT(compare),
     .help = "Ask every question also unsteered"},
    {.name = "think",
     .type = OPT_ON,
     .at = AT(thinks),
     .help = "Show what the model thinks before it answers"},
    {.name = "load", .type = OPT_FILE, .arg = "FILE", .at = AT(load), .help = "Go on from a file"},
    {.name = "save",
     .type = OPT_FILE,
     .arg = "FILE",
     .at = AT(save),
     .help = "Write the conversation there at the end"},
    {.name = "no-history",
     .type = OPT_ON,
     .at = AT(no_history),
     .help = "Do not remember what was typed"},
    {.name = NULL},
};
static const opt_group chat_options = {NULL, false, options};

static void init(void *p)
{
    chat_args *a = p;
    a->c->sampling.max_tokens = 512;
}

/* ---- the conversation ------------------------------------------------------------------------ */

static persona_code begin(const chat_args *a, chat *t, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    TRY(conversation_init(&t->talk, e));
    TRY(rig_open_model(&a->c->rig, a->model, false, &t->x, e));
    const int trained = t->x.info->n_ctx_train;
    TRY(rig_open_session(&a->c->rig, &t->x, 2, trained < CONTEXT ? trained : CONTEXT, e));
    if (a->load) {
        TRY(conversation_load(&t->talk, a->load, e));
    }
    if (a->system) {
        TRY(conversation_set_system(&t->talk, a->system, e));
    }
    const char *kept = t->talk.at != CONVERSATION_ROOT ? t->talk.turns[t->talk.at].steering : "";
    TRY(chat_steer(t, a->steer ? a->steer : kept, e));
    for (size_t i = 0; i < a->probes.n; i++) {
        TRY(chat_probe_add(t, a->probes.p[i], e));
    }
out:
    return rc;
}

static persona_code say(chat *t, const char *line, persona_err *e)
{
    if (line[strspn(line, " \t")] == '\0') {
        return PERSONA_OK;
    }
    return line[0] == '/' ? chat_command(t, line, e) : chat_ask(t, t->talk.at, line, t->c->seed, e);
}

/* One line. What goes wrong is told and forgotten where somebody can try again. */
static persona_code turn_of_talk(chat *t, const char *line, persona_err *e)
{
    const persona_code rc = say(t, line, e);
    if (rc != PERSONA_OK && t->interactive && rc != PERSONA_E_IO) {
        fprintf(stderr, "%s\n", e->msg);
        return PERSONA_OK;
    }
    return rc != PERSONA_OK ? rc : cli_flush(e);
}

static persona_code talk(chat *t, chat_line *lines, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char *line = NULL;
    while (rc == PERSONA_OK && !t->quit && (line = chat_line_read(lines)) != NULL) {
        rc = turn_of_talk(t, line, e);
        mem_free(line);
    }
    return rc;
}

static char *history_file(const chat_args *a, const chat *t)
{
    char *data = a->no_history || !t->interactive ? NULL : path_user_data();
    char *out = data != NULL && file_mkdirs(data, NULL) == PERSONA_OK
                    ? cli_format("%s/chat_history", data)
                    : NULL;
    mem_free(data);
    return out;
}

static persona_code print_json(chat *t, persona_err *e)
{
    cli_json j;
    json_out *o = cli_json_begin(&j, "chat");
    jo_string(o, "model", t->x.info->name);
    conversation_json(o, &t->talk);
    return cli_json_end(t->c, &j, e);
}

static void end(chat *t)
{
    chat_catch_interrupt(NULL);
    chat_probes_clear(t);
    persona_plan_free(t->plan);
    persona_receipt_free(&t->receipt);
    receipt_done_free(&t->done);
    mem_free(t->steer);
    conversation_clear(&t->talk);
    rig_close(&t->x);
}

static persona_code run_chat(void *p, persona_err *e)
{
    chat_args *a = p;
    chat t = {.c = a->c, .sampling = a->c->sampling, .compare = a->compare, .thinks = a->thinks};
    chat_line *lines = NULL;
    char *history = NULL;
    persona_code rc = PERSONA_OK;
    t.out = a->c->json ? stderr : stdout;
    t.interactive = !a->c->json && isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1;
    TRY(begin(a, &t, e));
    if (t.interactive) {
        chat_catch_interrupt(&t);
    }
    if (a->save) {
        TRY(output_writable(a->save, e));
    }
    history = history_file(a, &t);
    TRY(chat_line_open(t.interactive, history, &lines, e));
    if (t.interactive) {
        printf("%s. /help lists what can be done; Ctrl-D ends.\n", t.x.info->name);
    }
    rc = talk(&t, lines, e);
    if (a->save && t.talk.n > 0) { /* also what was said before something went wrong */
        const persona_code saved =
            conversation_save(&t.talk, t.x.info->name, a->save, rc == PERSONA_OK ? e : NULL);
        rc = rc == PERSONA_OK ? saved : rc;
    }
    TRY(rc);
    if (a->c->json) {
        TRY(print_json(&t, e));
    }
out:
    chat_line_close(lines);
    mem_free(history);
    end(&t);
    return rc;
}

const cli_command command_chat = {
    .name = "chat",
    .summary = "Talk with a model and steer it while you do",
    .usage = "--model FILE [--steer EXPR] [--probe NAME]",
    .about = "A conversation with history and editing. /steer changes the steering for the answers "
             "to come, /probe shows how strongly a vector is present in every token, /compare asks "
             "the same question unsteered; /help lists the rest. From a pipe every line is a "
             "question or a command, and the answers go to standard output.",
    .groups = {{&chat_options, 0},
               {&opt_group_sampling, 0},
               {&opt_group_guard, 0},
               {&opt_group_model, 0},
               {&opt_group_running, 0},
               {&opt_group_output, 0}},
    .size = sizeof(chat_args),
    .init = init,
    .run = run_chat,
};
