/* SPDX-License-Identifier: MIT
 *
 * process.c - this process (process.h). macOS accepts a limit of the address space (RLIMIT_AS) and
 * does not hold it, so the size that one would start from is not asked for there; and only libgomp
 * needs the second start, which is not what ggml computes with there.
 */
#include "base/process.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#ifdef __linux__
uint64_t process_size(void)
{
    FILE *f = fopen("/proc/self/statm", "r");
    char line[64] = "";
    if (f == NULL) {
        return 0;
    }
    if (fgets(line, sizeof line, f) == NULL) {
        line[0] = '\0';
    }
    (void)fclose(f); /* only read */
    return strtoull(line, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE);
}

void process_again(char **argv)
{
    execv("/proc/self/exe", argv);
}
#else
uint64_t process_size(void)
{
    return 0;
}

void process_again(char **argv)
{
    (void)argv;
}
#endif

void process_close_from(int fd)
{
#ifdef __GLIBC__
    if (close_range((unsigned)fd, ~0U, 0) == 0) {
        return;
    }
#endif
    const long n = sysconf(_SC_OPEN_MAX);
    for (int i = fd; i < (n > 0 && n < 4096 ? (int)n : 4096); i++) {
        (void)close(i);
    }
}
