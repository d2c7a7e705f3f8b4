/* SPDX-License-Identifier: MIT
 *
 * tcp.h - a short talk with a TCP server that may be dead or silent: nothing here waits for longer
 * than it was told. And what can be asked or set from outside of connections that a library of
 * others has opened in this process.
 */
#ifndef PERSONA_BASE_TCP_H
#define PERSONA_BASE_TCP_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

/* The first IPv4 address of a host; false: it has none. Takes as long as the system's resolver. */
bool tcp_resolve(const char *host, int port, struct sockaddr_in *out);
/* A connection, which closing resets; -1: none. Like the functions below it gives up at `until` of
 * clock_now. */
int tcp_connect(const struct sockaddr_in *to, double until);
/* False: not within the time, or the other side closed or refused. */
bool tcp_send(int fd, const void *data, size_t n, double until);
bool tcp_receive(int fd, void *data, size_t n, double until);

/* This process's connections to an address: how many are open, and how many of them the other side
 * has closed. */
typedef struct tcp_census {
    size_t open, closed;
} tcp_census;
tcp_census tcp_count(const struct sockaddr_in *to);
/* They fail when the other host is gone for two minutes, or does not say a byte for `silence`
 * seconds while something is read from it; closing them, also by the end of the process, resets
 * them. */
void tcp_guard(const struct sockaddr_in *to, int silence);
/* Ends them: whoever waits for one is told that it is closed. */
void tcp_break(const struct sockaddr_in *to);

#endif
