/* SPDX-License-Identifier: MIT
 *
 * template_child.c - a process of its own for the evaluator of chat templates, with limits on
 * processor time and memory: a template may loop for ever, ask for all memory, or overflow the
 * stack, and only the process dies.
 *
 * It is forked without exec, because a program that links libpersona brings no helper of ours, and
 * lives as long as its template, because thousands of prompts are rendered with it. The first one
 * of a model is forked before the weights are loaded, when there is little memory to share. In the
 * child nothing is called but the evaluator and the allocator, which glibc keeps usable after a
 * fork. It closes every other file, so that it holds no lock, and ends by a signal to itself, so
 * that no exit handler of the host program runs. Should the fork have caught a lock of the C++
 * library in the hands of another thread, the time limit ends the wait.
 *
 * On the wire: {status, length} and that many bytes, both ways.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/process.h"
#include "base/sockets.h"
#include "engine/template.h"
#include "engine/template_minja.h"

#define CPU_SECONDS 3                    /* for one text */
#define WALL_SECONDS 60.0                /* a stopped or starved machine */
#define MEMORY_BYTES ((rlim_t)512 << 20) /* beyond what the process had */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

typedef struct frame {
    uint32_t status; /* 0: the text; 1: the evaluator's reason */
    uint32_t len;
} frame;

/* ---- both sides ------------------------------------------------------------------------------ */

static bool send_all(int fd, const void *p, size_t n)
{
    const char *at = p;
    while (n > 0) {
        const ssize_t got = sockets_send(fd, at, n);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return false;
        }
        at += got;
        n -= (size_t)got;
    }
    return true;
}

/* until: of clock_now; negative: for ever. */
static bool recv_all(int fd, void *p, size_t n, double until)
{
    char *at = p;
    while (n > 0) {
        if (until >= 0) {
            const double left = until - clock_now();
            struct pollfd wait = {.fd = fd, .events = POLLIN};
            const int ready = left > 0 ? poll(&wait, 1, (int)(left * 1000) + 1) : 0;
            if (ready == 0) {
                errno = ETIMEDOUT;
                return false;
            }
            if (ready < 0 && errno == EINTR) {
                continue;
            }
        }
        const ssize_t got = recv(fd, at, n, 0);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return false;
        }
        at += got;
        n -= (size_t)got;
    }
    return true;
}

/* ---- in the child ---------------------------------------------------------------------------- */

/* Its own files and signals: nothing of the program that it was forked from. */
static int seclude(int fd)
{
    const int null = open("/dev/null", O_RDWR);
    for (int i = 0; i < 3 && null >= 0; i++) {
        (void)dup2(null, i);
    }
    if (fd != 3) {
        (void)dup2(fd, 3);
    }
    process_close_from(4);
    for (int s = 1; s < NSIG; s++) {
        (void)signal(s, s == SIGINT || s == SIGTERM || s == SIGHUP || s == SIGQUIT ? SIG_IGN
                                                                                   : SIG_DFL);
    }
    sigset_t none;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    return 3;
}

static void limit_memory(void)
{
    struct rlimit core = {0, 0}, r;
    (void)setrlimit(RLIMIT_CORE, &core);
    const rlim_t size = SANITIZED ? 0 : (rlim_t)process_size();
    if (size > 0 && getrlimit(RLIMIT_AS, &r) == 0) {
        const rlim_t most = size + MEMORY_BYTES;
        r.rlim_cur = most < r.rlim_max ? most : r.rlim_max;
        (void)setrlimit(RLIMIT_AS, &r);
    }
}

/* Processor time of the whole process counts, so each text moves the limit on. */
static void limit_time(void)
{
    struct rusage used;
    struct rlimit r;
    if (getrusage(RUSAGE_SELF, &used) == 0 && getrlimit(RLIMIT_CPU, &r) == 0) {
        r.rlim_cur = (rlim_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) + 1 +
                     (rlim_t)CPU_SECONDS * (SANITIZED ? 5 : 1);
        (void)setrlimit(RLIMIT_CPU, &r);
    }
}

static void serve(int fd, const char *text, size_t len)
{
    char why[512] = "";
    frame f;
    limit_time();
    minja_program *p = minja_program_new(text, len, why, sizeof why);
    while (recv_all(fd, &f, sizeof f, -1) && f.len <= TEMPLATE_MAX_TEXT) {
        char *vars = mem_calloc((size_t)f.len + 1, 1), *out = NULL;
        size_t n = 0;
        if (vars == NULL || !recv_all(fd, vars, f.len, -1)) {
            break;
        }
        limit_time();
        if (p != NULL) {
            out = minja_program_render(p, vars, f.len, &n, why, sizeof why);
        }
        if (out != NULL && n > TEMPLATE_MAX_TEXT) {
            mem_free(out);
            out = NULL;
            (void)snprintf(why, sizeof why, "the text is longer than %zu bytes", TEMPLATE_MAX_TEXT);
        }
        f = out != NULL ? (frame){0, (uint32_t)n} : (frame){1, (uint32_t)strlen(why)};
        if (!send_all(fd, &f, sizeof f) || !send_all(fd, out != NULL ? out : why, f.len)) {
            break;
        }
        mem_free(out);
        mem_free(vars);
    }
}

/* ---- in the program -------------------------------------------------------------------------- */

bool child_start(template_child *c, const char *text, size_t len)
{
    int pair[2];
    *c = (template_child){.fd = -1};
    if (!sockets_pair(pair)) {
        return false;
    }
    const pid_t pid = fork();
    if (pid == 0) {
        const int fd = seclude(pair[1]);
        limit_memory();
        serve(fd, text, len);
        for (;;) {
            (void)kill(getpid(), SIGKILL);
        }
    }
    (void)close(pair[1]);
    if (pid < 0) {
        (void)close(pair[0]);
        return false;
    }
    *c = (template_child){.pid = pid, .fd = pair[0]};
    return true;
}

/* Waits for a process that has ended or is about to; says how. */
static const char *reap(template_child *c, bool late)
{
    int status = 0;
    pid_t got;
    if (late) {
        (void)kill(c->pid, SIGKILL);
    }
    do {
        got = waitpid(c->pid, &status, 0);
    } while (got < 0 && errno == EINTR);
    (void)close(c->fd);
    *c = (template_child){.fd = -1};
    if (late) {
        return "no answer within a minute";
    }
    if (got > 0 && WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU) {
        return "it takes more than 3 seconds of processor time";
    }
    return "it crashes the evaluator (nested too deep, calls itself, or wants too much memory)";
}

persona_code child_ask(template_child *c, const char *vars, size_t n, char **out, size_t *n_out,
                       const char **why)
{
    frame f = {0, (uint32_t)n};
    const double until = clock_now() + WALL_SECONDS;
    *out = NULL;
    errno = 0;
    if (!send_all(c->fd, &f, sizeof f) || !send_all(c->fd, vars, n) ||
        !recv_all(c->fd, &f, sizeof f, until) || f.len > TEMPLATE_MAX_TEXT) {
        *why = reap(c, errno == ETIMEDOUT);
        return PERSONA_E_FORMAT;
    }
    char *text = mem_calloc((size_t)f.len + 1, 1);
    if (text == NULL || !recv_all(c->fd, text, f.len, until)) {
        *why = reap(c, true);
        mem_free(text);
        return text == NULL ? PERSONA_E_NOMEM : PERSONA_E_FORMAT;
    }
    *out = text;
    *n_out = f.len;
    return f.status == 0 ? PERSONA_OK : PERSONA_E_FORMAT;
}

void child_end(template_child *c)
{
    if (c->pid > 0) {
        (void)reap(c, true);
    }
}
