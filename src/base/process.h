/* SPDX-License-Identifier: MIT
 *
 * process.h - this process: its size, its files, starting it again.
 */
#ifndef PERSONA_BASE_PROCESS_H
#define PERSONA_BASE_PROCESS_H

#include <stdint.h>

/* Bytes of address space; 0: this system does not say, or does not limit it. */
uint64_t process_size(void);
/* Closes every file from fd on. */
void process_close_from(int fd);
/* The same program with these arguments in place of this one; returns where that cannot be. */
void process_again(char **argv);

#endif
