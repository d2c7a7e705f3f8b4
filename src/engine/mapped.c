/* SPDX-License-Identifier: MIT
 *
 * mapped.c - model files under their mappings (mapped.h).
 *
 * The handler may call next to nothing, so the ranges lie in a fixed table of atomics. It puts zero
 * pages over the rest of the range (a file that was cut at one page has none behind it either) and
 * marks it; the instruction is then tried again. Where /proc/self/maps does not exist there are no
 * ranges, and a cut file ends the program, with a line that says so.
 */
#include "engine/mapped.h"

#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/try.h"

#define RANGES_MAX 1024
#define LINE_MAX_BYTES 8192
#define LOOK_EVERY_S 1.0

typedef struct range {
    atomic_bool taken, cut;
    atomic_uintptr_t low, high; /* high 0: none */
} range;
static range ranges[RANGES_MAX];
static uintptr_t page_size = 4096;

typedef struct mapped_file {
    char *path;
    struct stat was;
} mapped_file;

struct mapped_files {
    mapped_file *files; /* (n) */
    size_t n;
    int *ranges; /* (n_ranges) */
    size_t n_ranges;
    atomic_bool damaged;
    _Atomic double looked;
};

/* ---- the signal ------------------------------------------------------------------------------ */

static void on_bus_error(int number, siginfo_t *info, void *context)
{
    static const char why[] = "persona: a file that is mapped into memory was cut while it was "
                              "read, or its disk failed\n";
    const uintptr_t at = (uintptr_t)info->si_addr, page = at & ~(page_size - 1);
    (void)context;
    for (size_t i = 0; i < RANGES_MAX; i++) {
        const uintptr_t low = atomic_load(&ranges[i].low), high = atomic_load(&ranges[i].high);
        if (at >= low && at < high &&
            mmap((void *)page, high - page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
                 0) != MAP_FAILED) {
            atomic_store(&ranges[i].cut, true);
            return;
        }
    }
    const ssize_t written = write(STDERR_FILENO, why, sizeof why - 1);
    (void)written;
    signal(number, SIG_DFL); /* the same instruction again, and the usual end */
}

void mapped_catch(void)
{
    const long size = sysconf(_SC_PAGESIZE);
    page_size = size > 0 ? (uintptr_t)size : page_size;
    struct sigaction action = {.sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO};
    sigemptyset(&action.sa_mask);
    sigaction(SIGBUS, &action, NULL);
}

/* ---- where files are mapped ------------------------------------------------------------------ */

static int take_range(uintptr_t low, uintptr_t high)
{
    for (int i = 0; i < RANGES_MAX; i++) {
        bool taken = false;
        if (atomic_compare_exchange_strong(&ranges[i].taken, &taken, true)) {
            atomic_store(&ranges[i].cut, false);
            atomic_store(&ranges[i].low, low);
            atomic_store(&ranges[i].high, high);
            return i;
        }
    }
    return -1;
}

static void give_range(int i)
{
    atomic_store(&ranges[i].high, 0);
    atomic_store(&ranges[i].taken, false);
}

static bool is_mine(const mapped_files *f, const char *name)
{
    for (size_t i = 0; i < f->n; i++) {
        if (strcmp(f->files[i].path, name) == 0) {
            return true;
        }
    }
    return false;
}

/* A line of /proc/self/maps: "LOW-HIGH PERMS OFFSET MAJOR:MINOR INODE   PATH". */
static persona_code take_line(mapped_files *f, char *line, persona_err *e)
{
    uintptr_t low = 0, high = 0;
    int at = 0;
    line[strcspn(line, "\n")] = '\0';
    /* the kernel's own form: numbers of at most 64 bits */
    // NOLINTNEXTLINE(cert-err34-c)
    if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %*s %*s %*s %*s %n", &low, &high, &at) < 2 ||
        at == 0 || !is_mine(f, line + at)) {
        return PERSONA_OK;
    }
    int *more = mem_realloc(f->ranges, f->n_ranges + 1, sizeof *more);
    if (more == NULL) {
        return mem_err(e, "a model's mappings");
    }
    f->ranges = more;
    const int i = take_range(low, high);
    if (i >= 0) { /* else unprotected */
        f->ranges[f->n_ranges++] = i;
    }
    return PERSONA_OK;
}

static persona_code find_ranges(mapped_files *f, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    FILE *maps = fopen("/proc/self/maps", "re");
    char *line = maps != NULL ? mem_calloc(LINE_MAX_BYTES, 1) : NULL;
    if (maps == NULL) {
        goto out;
    }
    TRY(line != NULL ? PERSONA_OK : mem_err(e, "a model's mappings"));
    while (fgets(line, LINE_MAX_BYTES, maps) != NULL) {
        TRY(take_line(f, line, e));
    }
out:
    mem_free(line);
    if (maps != NULL) {
        (void)fclose(maps); /* only read */
    }
    return rc;
}

/* ---- life ------------------------------------------------------------------------------------ */

static persona_code note_file(mapped_file *x, const char *path, persona_err *e)
{
    char real[PATH_MAX];
    x->path = mem_strdup(realpath(path, real) != NULL ? real : path);
    if (x->path == NULL) {
        return mem_err(e, "a path");
    }
    if (stat(x->path, &x->was) != 0) {
        x->was = (struct stat){.st_size = -1}; /* gone already: nothing to compare with */
    }
    return PERSONA_OK;
}

persona_code mapped_note(char *const *paths, size_t n, mapped_files **out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    mapped_files *f = mem_calloc(1, sizeof *f);
    *out = NULL;
    TRY(f != NULL ? PERSONA_OK : mem_err(e, "a model's mappings"));
    f->files = mem_calloc(n, sizeof *f->files);
    TRY(f->files != NULL ? PERSONA_OK : mem_err(e, "a model's mappings"));
    f->n = n;
    atomic_store(&f->looked, clock_now());
    for (size_t i = 0; i < n; i++) {
        TRY(note_file(&f->files[i], paths[i], e));
    }
    TRY(find_ranges(f, e));
    *out = f;
    f = NULL;
out:
    mapped_free(f);
    return rc;
}

void mapped_free(mapped_files *f)
{
    if (f == NULL) {
        return;
    }
    for (size_t i = 0; i < f->n_ranges; i++) {
        give_range(f->ranges[i]);
    }
    for (size_t i = 0; f->files != NULL && i < f->n; i++) {
        mem_free(f->files[i].path);
    }
    mem_free(f->files);
    mem_free(f->ranges);
    mem_free(f);
}

/* ---- whether it still holds ------------------------------------------------------------------ */

/* One that was removed or replaced lives on under its mapping. */
static bool was_written(const mapped_file *x)
{
    struct stat now;
    const struct stat *was = &x->was;
    if (was->st_size < 0 || stat(x->path, &now) != 0 || now.st_dev != was->st_dev ||
        now.st_ino != was->st_ino) {
        return false;
    }
    const struct timespec then = file_mtime(was), at = file_mtime(&now);
    return now.st_size != was->st_size || at.tv_sec != then.tv_sec || at.tv_nsec != then.tv_nsec;
}

static void look_at_files(mapped_files *f)
{
    const double now = clock_now();
    double looked = atomic_load(&f->looked);
    if (now - looked < LOOK_EVERY_S || !atomic_compare_exchange_strong(&f->looked, &looked, now)) {
        return;
    }
    for (size_t i = 0; i < f->n; i++) {
        if (was_written(&f->files[i])) {
            atomic_store(&f->damaged, true);
        }
    }
}

bool mapped_intact(mapped_files *f)
{
    if (f == NULL) {
        return true;
    }
    for (size_t i = 0; i < f->n_ranges; i++) {
        if (atomic_load(&ranges[f->ranges[i]].cut)) {
            atomic_store(&f->damaged, true);
        }
    }
    if (!atomic_load(&f->damaged)) {
        look_at_files(f);
    }
    return !atomic_load(&f->damaged);
}
