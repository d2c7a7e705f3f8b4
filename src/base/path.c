/* SPDX-License-Identifier: MIT
 *
 * path.c - file names, and where data lives (the path_* functions of file.h).
 *
 * A path splits at its last slash, so that dir + "/" + base is the same file; "a/" has the base "".
 * Data folders follow the XDG base directory specification: a relative $XDG_DATA_HOME is ignored.
 */
#include "base/file.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

enum { N_DATA_DIRS = 5 };

char *path_dir(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash) {
        return mem_strdup(".");
    }
    while (slash > path && slash[-1] == '/') {
        slash--;
    }
    return slash == path ? mem_strdup("/") : mem_strndup(path, (size_t)(slash - path));
}

const char *path_base(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

char *path_join(const char *dir, const char *name)
{
    const size_t n = strlen(dir);
    const char *slash = n == 0 || dir[n - 1] == '/' ? "" : "/";
    return mem_printf("%s%s%s", dir, slash, name);
}

bool path_ends(const char *path, const char *ending)
{
    const size_t n = strlen(path), m = strlen(ending);
    return n > m && strcmp(path + n - m, ending) == 0;
}

/* An environment variable that names an absolute folder; its length without final slashes. */
static const char *env_folder(const char *variable, size_t *len)
{
    const char *dir = getenv(variable);
    if (!dir || dir[0] != '/') {
        return NULL;
    }
    *len = strlen(dir);
    while (*len > 0 && dir[*len - 1] == '/') {
        (*len)--;
    }
    return *len <= INT_MAX ? dir : NULL;
}

char *path_user_data(void)
{
    size_t n = 0;
    const char *dir = env_folder("XDG_DATA_HOME", &n);
    if (dir) {
        return mem_printf("%.*s/persona", (int)n, dir);
    }
    dir = env_folder("HOME", &n);
    return dir ? mem_printf("%.*s/.local/share/persona", (int)n, dir) : NULL;
}

char *path_user_cache(void)
{
    size_t n = 0;
    const char *dir = env_folder("XDG_CACHE_HOME", &n);
    if (dir) {
        return mem_printf("%.*s/persona", (int)n, dir);
    }
    dir = env_folder("HOME", &n);
    return dir ? mem_printf("%.*s/.cache/persona", (int)n, dir) : NULL;
}

/* PREFIX/bin/persona finds PREFIX/share/persona wherever PREFIX was moved to. */
static char *beside_program(void)
{
    char exe[PATH_MAX];
    const ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    if (n <= 0) {
        return NULL;
    }
    exe[n] = '\0';
    char *bin = path_dir(exe);
    char *prefix = bin ? path_dir(bin) : NULL;
    char *share = prefix ? path_join(prefix, "share/persona") : NULL;
    mem_free(prefix);
    mem_free(bin);
    return share;
}

typedef struct folder_id {
    dev_t dev;
    ino_t ino;
} folder_id;

/* Takes ownership of dir (NULL: nothing); keeps it if it is a folder that is not there yet. */
static void add_folder(char **dirs, folder_id *ids, size_t *n, char *dir)
{
    struct stat st;
    bool keep = dir && stat(dir, &st) == 0 && S_ISDIR(st.st_mode);
    for (size_t i = 0; keep && i < *n; i++) {
        keep = ids[i].dev != st.st_dev || ids[i].ino != st.st_ino;
    }
    if (!keep) {
        mem_free(dir);
        return;
    }
    ids[*n] = (folder_id){st.st_dev, st.st_ino};
    dirs[(*n)++] = dir;
}

char **path_data_dirs(void)
{
    char **dirs = mem_calloc(N_DATA_DIRS + 1, sizeof *dirs);
    if (!dirs) {
        return NULL;
    }
    folder_id ids[N_DATA_DIRS];
    size_t n = 0;
    const char *own = getenv("PERSONA_DATA");
    if (own && *own) {
        add_folder(dirs, ids, &n, mem_strdup(own));
    }
    add_folder(dirs, ids, &n, path_user_data());
#ifdef PERSONA_SOURCE_DIR
    add_folder(dirs, ids, &n, mem_strdup(PERSONA_SOURCE_DIR));
#endif
#ifdef PERSONA_DATADIR
    add_folder(dirs, ids, &n, mem_strdup(PERSONA_DATADIR));
#endif
    add_folder(dirs, ids, &n, beside_program());
    return dirs;
}
