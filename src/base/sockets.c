/* SPDX-License-Identifier: MIT
 *
 * sockets.c - pairs, sending without a signal, noticing the end (sockets.h).
 */
#include "base/sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#ifdef __APPLE__
bool sockets_pair(int pair[2])
{
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) {
        return false;
    }
    for (int i = 0; i < 2; i++) {
        const int on = 1;
        (void)fcntl(pair[i], F_SETFD, FD_CLOEXEC);
        (void)setsockopt(pair[i], SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on);
    }
    return true;
}

ssize_t sockets_send(int fd, const void *p, size_t n)
{
    return send(fd, p, n, 0);
}

bool sockets_gone(int fd)
{
    char byte;
    const ssize_t got = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got == 0 || (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}
#else
bool sockets_pair(int pair[2])
{
    return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0;
}

ssize_t sockets_send(int fd, const void *p, size_t n)
{
    return send(fd, p, n, MSG_NOSIGNAL);
}

bool sockets_gone(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLRDHUP};
    return poll(&p, 1, 0) == 1 && (p.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}
#endif
