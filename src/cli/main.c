/* SPDX-License-Identifier: MIT
 *
 * main.c - the program `persona`: finding the command, signals, and how errors are reported.
 *
 * A command returns a persona_code and one line of text; main prints the line on stderr and exits
 * with the documented code (error.h has the table). With --json the failure is a document too, so
 * that stdout always holds exactly one. The first Ctrl-C asks the work to stop at the next token;
 * the second ends the program at once. SIGPIPE keeps its default: `persona ... | head` just ends.
 */
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/process.h"
#include "base/try.h"
#include "cli/cli.h"
#include "core/text/names.h"

/* ---- signals --------------------------------------------------------------------------------- */

static persona_cancel interrupted;

static void on_interrupt(int signal_number)
{
    (void)signal_number;
    if (persona_canceled(&interrupted)) {
        _exit(130);
    }
    persona_cancel_set(&interrupted);
}

static void catch_interrupt(void)
{
    struct sigaction action = {.sa_handler = on_interrupt};
    sigemptyset(&action.sa_mask);
    struct sigaction old;
    /* A shell starts background jobs with SIGINT ignored: leave that so. */
    if (sigaction(SIGINT, NULL, &old) == 0 && old.sa_handler != SIG_IGN) {
        sigaction(SIGINT, &action, NULL);
    }
}

/* ---- help ------------------------------------------------------------------------------------ */

static void print_help(FILE *f)
{
    fputs("persona - persona vectors: extract a character trait from one model, carry it to "
          "another,\nsteer with it, and measure what that achieved.\n\n"
          "usage: persona COMMAND [OPTION...]\n\n",
          f);
    for (size_t i = 0; cli_command_at(i); i++) {
        fprintf(f, "  %s%-11s%s %s\n", tty_paint(f, TTY_BOLD), cli_command_at(i)->name,
                tty_paint(f, TTY_RESET), cli_command_at(i)->summary);
    }
    fputs("\n'persona help COMMAND' or 'persona COMMAND --help' says more; 'persona --version'.\n"
          "Begin with 'persona demo'.\n\n"
          "exit codes: 0 done, 1 a check came out negative, 64 wrong usage, 65 bad data,\n"
          "66 not found, 69 unavailable, 70 internal, 74 input/output, 130 interrupted\n",
          f);
}

static persona_code unknown_command(const char *name, persona_err *e)
{
    const char *names[32];
    size_t n = 0;
    for (; n < sizeof names / sizeof *names && cli_command_at(n); n++) {
        names[n] = cli_command_at(n)->name;
    }
    const char *near = name_nearest(names, n, name);
    if (near) {
        return persona_err_set(e, PERSONA_E_USAGE, "unknown command '%s'; did you mean '%s'?", name,
                               near);
    }
    return persona_err_set(e, PERSONA_E_USAGE, "unknown command '%s' (see 'persona --help')", name);
}

/* ---- running --------------------------------------------------------------------------------- */

static void print_failure(cli_state *c, const char *command, persona_code rc, const char *why)
{
    cli_json j;
    json_out *o = cli_json_begin(&j, command);
    cli_json_error(o, rc, why);
    const persona_code printed = cli_json_end(c, &j, NULL);
    (void)printed; /* the first failure is the one that counts */
}

static persona_code run_command(cli_state *c, const cli_command *command, int argc, char **argv,
                                persona_err *e)
{
    char title[64];
    snprintf(title, sizeof title, "persona %s", command->name);
    argv[0] = title;
    void *args = cli_command_args(command, c);
    bool go = false;
    persona_code rc = PERSONA_OK;
    TRY(opt_parse(command, c, args, argc, argv, &go, e));
    if (go) {
        TRY(command->run(args, e));
    }
out:
    mem_free(args);
    tty_progress_clear(&c->progress);
    const persona_code flushed = cli_flush(rc == PERSONA_OK ? e : NULL);
    rc = rc == PERSONA_OK ? flushed : rc;
    if (rc != PERSONA_OK && c->json && !c->json_printed) {
        print_failure(c, command->name, rc, e->msg);
    }
    return rc;
}

static persona_code dispatch(cli_state *c, int argc, char **argv, persona_err *e)
{
    static char help_flag[] = "--help";
    const char *name = argc > 1 ? argv[1] : NULL;
    if (!name) {
        print_help(stderr);
        return persona_err_set(e, PERSONA_E_USAGE, "no command given");
    }
    if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) {
        printf("persona %s (%s)\n", persona_version(), persona_engine_version());
        return cli_flush(e);
    }
    const bool help = strcmp(name, "help") == 0;
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || (help && argc == 2)) {
        print_help(stdout);
        return cli_flush(e);
    }
    if (name[0] == '-') {
        return persona_err_set(e, PERSONA_E_USAGE,
                               "unknown option '%s' before the command (see 'persona --help')",
                               name);
    }
    const cli_command *command = cli_command_find(help ? argv[2] : name);
    if (!command) {
        return unknown_command(help ? argv[2] : name, e);
    }
    char *for_help[] = {NULL, help_flag, NULL};
    return help ? run_command(c, command, 2, for_help, e)
                : run_command(c, command, argc - 1, argv + 1, e);
}

/* libgomp, under ggml, waits for its threads by spinning for milliseconds; on a busy machine that
 * burns the very core the other thread needs. A shorter spin costs an idle machine nothing (one
 * extraction on two idle cores: 4.6 s with 50,000 turns and with endless ones, 6.1 s with 1,000; on
 * two busy cores: 12.6 s with 1,000, 33 s with 100,000). libgomp reads its environment when it is
 * loaded, which is before main: so the program starts itself again, once. Whoever has set a policy
 * keeps it. */
static void calm_openmp(char **argv)
{
    if (getenv("OMP_WAIT_POLICY") || getenv("GOMP_SPINCOUNT")) {
        return;
    }
    if (setenv("GOMP_SPINCOUNT", "50000", 0) == 0) {
        process_again(argv); /* on failure: go on as we are */
    }
}

/* ggml is about to abort. A host of --rpc that is gone is no fault of this program: no core, and
 * the exit code that says so. */
static void on_abort(const char *text)
{
    fprintf(stderr, "%spersona: %s\n", isatty(STDERR_FILENO) == 1 ? "\n" : "", text);
    if (strncmp(text, "a host of --rpc", 15) == 0) {
        _exit(persona_code_exit(PERSONA_E_UNAVAILABLE));
    }
}

int main(int argc, char **argv)
{
    calm_openmp(argv);
    setlocale(LC_CTYPE, ""); /* numbers keep their point in every language */
    tty_init(TTY_AUTO);
    catch_interrupt();
    persona_model_guard();
    persona_engine_on_abort(on_abort);
    cli_state c = cli_state_defaults();
    c.hooks =
        (persona_hooks){.ud = &c.progress, .progress = tty_progress_update, .cancel = &interrupted};
    c.rig.model.cancel = &interrupted;
    persona_err e = {.code = PERSONA_OK};
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        c.json =
            c.json || strcmp(argv[i], "--json") == 0; /* also when an option before it is wrong */
    }
    const persona_code rc = dispatch(&c, argc, argv, &e);
    if (rc == PERSONA_E_CANCELED && isatty(STDERR_FILENO) == 1) {
        fputc('\n', stderr); /* the terminal has echoed ^C */
    }
    if (rc != PERSONA_OK) {
        fprintf(stderr, "persona: %s\n", e.msg[0] ? e.msg : persona_code_name(rc));
    }
    return persona_code_exit(rc);
}
