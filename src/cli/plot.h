/* SPDX-License-Identifier: MIT
 *
 * plot.h - small pictures in one line of text: bars and sparklines (ASCII where UTF-8 is not at
 * hand).
 */
#ifndef PERSONA_CLI_PLOT_H
#define PERSONA_CLI_PLOT_H

#include <stddef.h>

/* A bar filled to `part` (0..1) of `columns`, padded to them with dots. size >= 4 * columns + 1. */
void plot_bar(char *out, size_t size, double part, int columns);
/* The same without padding: for the last column of a table. */
void plot_bar_open(char *out, size_t size, double part, int columns);
/* One block per value, low..high; a value that is not finite is a space. size >= 3 * n + 1. */
void plot_spark(char *out, size_t size, const double *x, size_t n, double low, double high);

#endif
