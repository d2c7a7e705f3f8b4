/* SPDX-License-Identifier: MIT
 *
 * replay.c - runs a fuzzer's entry point on the files of its corpus: what every build and the
 * sanitizers test, without libFuzzer. Files named good* must be accepted, all others refused.
 *
 *   replay_NAME FILE-OR-FOLDER...
 */
#include <dirent.h>
#include <stdio.h>

#include "base/file.h"
#include "base/mem.h"
#include "fuzz.h"

#define INPUT_MAX ((size_t)16 << 20)

/* The bytes in memory of exactly their size, so that a sanitizer sees a step beyond them. */
static int run_file(const char *path)
{
    char *bytes = NULL;
    size_t n = 0;
    persona_err e = {0};
    if (file_read(path, INPUT_MAX, &bytes, &n, &e) != PERSONA_OK) {
        fprintf(stderr, "%s\n", e.msg);
        return 1;
    }
    uint8_t *exact = malloc(n > 0 ? n : 1);
    if (!exact) {
        return 1;
    }
    memcpy(exact, bytes, n);
    mem_free(bytes);
    printf("%s: ", path); /* known, should the next line be the last */
    fflush(stdout);
    (void)LLVMFuzzerTestOneInput(exact, n);
    free(exact);
    const bool good = strncmp(path_base(path), "good", 4) == 0;
    printf("%s%s\n", fuzz_accepted ? "accepted" : "refused",
           good == fuzz_accepted ? "" : ", WRONG");
    return good != fuzz_accepted;
}

static int run_folder(const char *path, size_t *n)
{
    int bad = 0;
    DIR *d = opendir(path);
    if (!d) {
        return run_file(path);
    }
    for (struct dirent *entry; (entry = readdir(d));) {
        char *file = entry->d_name[0] == '.' ? NULL : path_join(path, entry->d_name);
        if (!file) {
            continue;
        }
        bad += run_file(file);
        mem_free(file);
        ++*n;
    }
    closedir(d);
    return bad;
}

int main(int argc, char **argv)
{
    int bad = 0;
    size_t n = 0;
    for (int i = 1; i < argc; i++) {
        bad += run_folder(argv[i], &n);
    }
    printf("%zu inputs, %d wrong\n", n, bad);
    return bad > 0 || n == 0;
}
