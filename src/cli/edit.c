/* SPDX-License-Identifier: MIT
 *
 * edit.c - hands a file to the user's editor.
 *
 * The variable may hold options ("code --wait"), so a shell splits it; the path is an argument and
 * is never parsed. While the editor has the terminal, Ctrl-C is the editor's: our own handler
 * would end the program under it.
 */
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/errtext.h"
#include "base/mem.h"
#include "cli/traits.h"

extern char **environ;

static const char *editor(void)
{
    static const char *const variables[] = {"VISUAL", "EDITOR"};
    for (size_t i = 0; i < 2; i++) {
        const char *s = getenv(variables[i]);
        if (s && *s) {
            return s;
        }
    }
    return isatty(STDIN_FILENO) == 1 ? "vi" : NULL;
}

/* errno of the start, else the status that waitpid gives. */
static int run(const char *command, const char *path, int *status)
{
    char *script = cli_format("%s \"$@\"", command);
    char *file = cli_strdup(path), sh[] = "sh", option[] = "-c";
    char *argv[] = {sh, option, script, sh, file, NULL};
    posix_spawnattr_t attr;
    sigset_t ours;
    pid_t pid = 0;
    sigemptyset(&ours);
    sigaddset(&ours, SIGINT);
    sigaddset(&ours, SIGQUIT);
    int failed = posix_spawnattr_init(&attr);
    if (!failed) {
        failed = posix_spawnattr_setsigdefault(&attr, &ours);
        if (!failed) {
            failed = posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF);
        }
        if (!failed) {
            failed = posix_spawnp(&pid, sh, NULL, &attr, argv, environ);
        }
        posix_spawnattr_destroy(&attr);
    }
    while (!failed && waitpid(pid, status, 0) < 0) {
        failed = errno == EINTR ? 0 : errno;
    }
    mem_free(file);
    mem_free(script);
    return failed;
}

persona_code cli_edit(const char *path, persona_err *e)
{
    const char *command = editor();
    if (!command) {
        return persona_err_set(e, PERSONA_E_UNAVAILABLE,
                               "no editor: set VISUAL or EDITOR, or edit %s", path);
    }
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    struct sigaction old_int, old_quit;
    int status = 0;
    (void)sigaction(SIGINT, &ignore, &old_int); /* cannot fail for these two */
    (void)sigaction(SIGQUIT, &ignore, &old_quit);
    const int failed = run(command, path, &status);
    (void)sigaction(SIGINT, &old_int, NULL);
    (void)sigaction(SIGQUIT, &old_quit, NULL);
    if (failed) {
        return persona_err_set(e, PERSONA_E_UNAVAILABLE, "cannot start the editor '%.80s': %s",
                               command, errtext(failed));
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        return persona_err_set(
            e, PERSONA_E_UNAVAILABLE, "the editor '%.80s' ended with status %d; the draft is %s",
            command, WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), path);
    }
    return PERSONA_OK;
}
