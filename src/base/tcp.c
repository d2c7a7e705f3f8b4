/* SPDX-License-Identifier: MIT
 *
 * tcp.c - TCP with deadlines (tcp.h). Connections of others are found by walking /dev/fd and asking
 * every descriptor for its peer.
 */
#include "base/tcp.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/clock.h"

#if !defined TCP_KEEPIDLE && defined TCP_KEEPALIVE
#define TCP_KEEPIDLE TCP_KEEPALIVE /* macOS */
#endif
#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0
#endif

bool tcp_resolve(const char *host, int port, struct sockaddr_in *out)
{
    const struct addrinfo want = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    if (getaddrinfo(host, NULL, &want, &found) != 0) {
        return false;
    }
    memcpy(out, found->ai_addr, sizeof *out);
    out->sin_port = htons((unsigned short)port);
    freeaddrinfo(found);
    return true;
}

/* Until fd can be read or written. */
static bool wait_for(int fd, short events, double until)
{
    for (;;) {
        const double left = until - clock_now();
        struct pollfd p = {.fd = fd, .events = events};
        const int n = left > 0 ? poll(&p, 1, (int)(left * 1000) + 1) : 0;
        if (n >= 0 || errno != EINTR) {
            return n > 0;
        }
    }
}

/* Closing resets the connection. A server that writes to one that was closed in order may die of
 * SIGPIPE, as ggml's does; to one that was reset it fails. */
static void reset_on_close(int fd)
{
    const struct linger none = {.l_onoff = 1};
    /* else it is closed in order, which most servers bear */
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
}

int tcp_connect(const struct sockaddr_in *to, double until)
{
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0) {
        return -1;
    }
    reset_on_close(fd);
    int failed = 0;
    socklen_t size = sizeof failed;
    const bool ok = fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 && fcntl(fd, F_SETFL, O_NONBLOCK) == 0 &&
                    (connect(fd, (const struct sockaddr *)to, sizeof *to) == 0 ||
                     (errno == EINPROGRESS && wait_for(fd, POLLOUT, until) &&
                      getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &size) == 0 && failed == 0));
    if (!ok) {
        (void)close(fd); /* nothing was sent */
        return -1;
    }
    return fd;
}

bool tcp_send(int fd, const void *data, size_t n, double until)
{
    const char *at = data;
    while (n > 0) {
        if (!wait_for(fd, POLLOUT, until)) {
            return false;
        }
        const ssize_t put = send(fd, at, n, MSG_NOSIGNAL);
        if (put < 0 && errno != EINTR && errno != EAGAIN) {
            return false;
        }
        at += put > 0 ? put : 0;
        n -= put > 0 ? (size_t)put : 0;
    }
    return true;
}

bool tcp_receive(int fd, void *data, size_t n, double until)
{
    char *at = data;
    while (n > 0) {
        if (!wait_for(fd, POLLIN, until)) {
            return false;
        }
        const ssize_t got = recv(fd, at, n, 0);
        if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN)) {
            return false;
        }
        at += got > 0 ? got : 0;
        n -= got > 0 ? (size_t)got : 0;
    }
    return true;
}

/* ---- connections of others ------------------------------------------------------------------- */

typedef void (*each_fd)(void *ud, int fd);

static void each_to(const struct sockaddr_in *to, each_fd what, void *ud)
{
    DIR *dir = opendir("/dev/fd");
    if (dir == NULL) {
        return;
    }
    for (const struct dirent *x = readdir(dir); x != NULL; x = readdir(dir)) {
        char *end = NULL;
        const long fd = strtol(x->d_name, &end, 10);
        struct sockaddr_in peer = {0};
        socklen_t size = sizeof peer;
        if (end != x->d_name && *end == '\0' &&
            getpeername((int)fd, (struct sockaddr *)&peer, &size) == 0 &&
            peer.sin_family == AF_INET && peer.sin_port == to->sin_port &&
            peer.sin_addr.s_addr == to->sin_addr.s_addr) {
            what(ud, (int)fd);
        }
    }
    (void)closedir(dir); /* only read */
}

static void count_one(void *ud, int fd)
{
    tcp_census *c = ud;
    char byte = 0;
    const ssize_t got = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    c->open++;
    c->closed += got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR);
}

tcp_census tcp_count(const struct sockaddr_in *to)
{
    tcp_census c = {0};
    each_to(to, count_one, &c);
    return c;
}

static void set(int fd, int level, int name, int value)
{
    /* where the system has no such option, the connection works without it */
    (void)setsockopt(fd, level, name, &value, sizeof value);
}

static void guard_one(void *ud, int fd)
{
    const struct timeval silence = {.tv_sec = *(const int *)ud};
    reset_on_close(fd);
    set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set(fd, IPPROTO_TCP, TCP_KEEPIDLE, 60);
    set(fd, IPPROTO_TCP, TCP_KEEPINTVL, 15);
    set(fd, IPPROTO_TCP, TCP_KEEPCNT, 4);
#ifdef TCP_USER_TIMEOUT
    set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, 120 * 1000);
#endif
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &silence, sizeof silence);
}

void tcp_guard(const struct sockaddr_in *to, int silence)
{
    each_to(to, guard_one, &silence);
}

static void break_one(void *ud, int fd)
{
    (void)ud;
    (void)shutdown(fd, SHUT_RDWR); /* closed already: as wanted */
}

void tcp_break(const struct sockaddr_in *to)
{
    each_to(to, break_one, NULL);
}
