/* SPDX-License-Identifier: MIT
 *
 * sockets.h - what systems do differently with sockets.
 */
#ifndef PERSONA_BASE_SOCKETS_H
#define PERSONA_BASE_SOCKETS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Two connected streams that no program started from here inherits. */
bool sockets_pair(int pair[2]);
/* send(2) of sockets_pair's, without SIGPIPE where the other end is closed. */
ssize_t sockets_send(int fd, const void *p, size_t n);
/* Whether the other side has closed, or the connection has failed; does not wait. */
bool sockets_gone(int fd);

#endif
