/* SPDX-License-Identifier: MIT
 *
 * fuzz_peek.c - the header of a model, as lists read it, from bytes of any kind.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engine/peek.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
bool fuzz_accepted;

static void must(bool what)
{
    if (!what) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int fd = -1;
    static char path[64];
    model_peek p;
    persona_err e = {0};
    if (fd < 0) { /* kept: reopened by its name under /proc */
        fd = memfd_create("fuzz", 0);
        must(fd >= 0);
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    }
    must(ftruncate(fd, 0) == 0 && pwrite(fd, data, size, 0) == (ssize_t)size);
    const persona_code rc = model_peek_read(path, &p, &e);
    fuzz_accepted = rc == PERSONA_OK;
    must(fuzz_accepted || (e.code == rc && *e.msg && !strchr(e.msg, '\n')));
    must(strlen(p.arch) < sizeof p.arch && strlen(p.name) < sizeof p.name);
    must(!strpbrk(p.arch, "\n\033") && !strpbrk(p.name, "\n\033"));
    return 0;
}
