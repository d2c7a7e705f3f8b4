/* SPDX-License-Identifier: MIT
 *
 * file.c - whole files in, whole files out.
 *
 * Writing goes to ".NAME.xxxxxx" in the folder of the target (rename must not cross file systems)
 * and becomes visible by one rename after fsync; the folder is synced too, else a power cut may
 * undo the rename. A symbolic link is followed first, so that the link survives. What cannot be
 * replaced by renaming (a pipe, a device, /dev/stdout) is written directly. Failed writes are
 * reported by commit, which stands next to the path.
 */
#include "base/file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/rng.h"
#include "base/utf8.h"

enum {
    READ_FIRST = 64 * 1024, /* first guess where the size is not known: pipes, /proc */
    CHUNK = 1024 * 1024,
    TMP_NAME_MAX = 200, /* bytes of NAME kept, so that the temporary name fits NAME_MAX */
    TMP_TRIES = 100,
};

/* ---- messages ------------------------------------------------------------------------------- */

static const char *text_of_gnu(const char *result, const char *text)
{
    (void)text;
    return result;
}

static const char *text_of_xsi(int result, const char *text)
{
    return result == 0 ? text : "unknown error";
}

static const char *hint_for(int number, bool writing)
{
    if (number == ENOSPC || number == EDQUOT) {
        return "; free some space";
    }
    if (writing && (number == EACCES || number == EPERM || number == EROFS)) {
        return "; choose another folder with -o";
    }
    return "";
}

/* number 0: the reason got lost between the failing write and commit. */
static persona_code io_err(persona_err *e, int number, bool writing, const char *what,
                           const char *path)
{
    char text[128] = "";
    const char *reason = "the reason is not known";
    if (number != 0) {
        reason = _Generic(strerror_r(number, text, sizeof text),
            char *: text_of_gnu,
            int: text_of_xsi)(strerror_r(number, text, sizeof text), text);
    }
    return persona_err_set(e, PERSONA_E_IO, "%s: cannot %s: %s%s", path, what, reason,
                           hint_for(number, writing));
}

/* ---- reading -------------------------------------------------------------------------------- */

static persona_code too_large(persona_err *e, const char *path, size_t max)
{
    return persona_err_set(e, PERSONA_E_SHAPE, "%s: larger than the allowed %zu bytes", path, max);
}

/* Opens for reading and tells the size to expect (0: not known). */
static persona_code open_input(const char *path, int *fd, uint64_t *size, persona_err *e)
{
    struct stat st;
    *fd = open(path, O_RDONLY | O_CLOEXEC);
    if (*fd < 0 && (errno == ENOENT || errno == ENOTDIR)) {
        return persona_err_set(e, PERSONA_E_NOTFOUND, "%s: no such file", path);
    }
    if (*fd < 0 || fstat(*fd, &st) != 0) {
        return io_err(e, errno, false, "open", path);
    }
    if (S_ISDIR(st.st_mode)) {
        return persona_err_set(e, PERSONA_E_IO, "%s: is a folder (expected a file)", path);
    }
    *size = S_ISREG(st.st_mode) && st.st_size > 0 ? (uint64_t)st.st_size : 0;
    return PERSONA_OK;
}

/* Reads up to the end, growing *p; max + 1 bytes are enough to know that there are too many. */
static persona_code read_all(int fd, const char *path, size_t cap, size_t max, char **p, size_t *n,
                             persona_err *e)
{
    for (;;) {
        if (*n + 1 == cap) {
            cap *= 2;
            char *more = mem_realloc(*p, cap, 1);
            if (!more) {
                return mem_err(e, path);
            }
            *p = more;
        }
        const ssize_t got = read(fd, *p + *n, cap - *n - 1);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return io_err(e, errno, false, "read", path);
        }
        if (got == 0) {
            return PERSONA_OK;
        }
        *n += (size_t)got;
        if (*n > max) {
            return too_large(e, path, max);
        }
    }
}

persona_code file_read(const char *path, size_t max, char **out, size_t *len, persona_err *e)
{
    int fd = -1;
    char *p = NULL;
    size_t n = 0;
    uint64_t size = 0;
    persona_code code = open_input(path, &fd, &size, e);
    if (code) {
        goto out;
    }
    if (size > max || size > PTRDIFF_MAX / 2) {
        code = too_large(e, path, max);
        goto out;
    }
    /* The NUL, and one byte that lets the last read see the end. */
    const size_t cap = size > 0 ? (size_t)size + 2 : READ_FIRST;
    p = mem_realloc(NULL, cap, 1);
    if (!p) {
        code = mem_err(e, path);
        goto out;
    }
    code = read_all(fd, path, cap, max, &p, &n, e);
    if (code) {
        goto out;
    }
    p[n] = '\0';
    *out = p;
    *len = n;
    p = NULL;
out:
    mem_free(p);
    if (fd >= 0) {
        close(fd);
    }
    return code;
}

persona_code file_read_text(const char *path, size_t max, char **out, persona_err *e)
{
    char *text = NULL;
    size_t n = 0;
    *out = NULL;
    persona_code code = file_read(path, max, &text, &n, e);
    if (!code) {
        code = utf8_check(path, text, n, e);
    }
    if (!code) {
        const size_t mark = utf8_mark(text, n);
        n -= n > mark && text[n - 1] == '\n';
        n -= n > mark && text[n - 1] == '\r';
        *out = mem_strndup(text + mark, n - mark);
        code = *out ? PERSONA_OK : mem_err(e, path);
    }
    mem_free(text);
    return code;
}

persona_code file_chunks(const char *path, bool (*fn)(void *ud, const void *p, size_t n), void *ud,
                         persona_err *e)
{
    int fd = -1;
    uint64_t size = 0;
    char *chunk = NULL;
    persona_code code = open_input(path, &fd, &size, e);
    if (code) {
        goto out;
    }
    chunk = mem_calloc(CHUNK, 1);
    if (!chunk) {
        code = mem_err(e, path);
        goto out;
    }
    for (;;) {
        const ssize_t got = read(fd, chunk, CHUNK);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            code = io_err(e, errno, false, "read", path);
        } else if (got > 0 && !fn(ud, chunk, (size_t)got)) {
            code = persona_err_set(e, PERSONA_E_INTERNAL, "%s: cannot be processed", path);
        }
        if (got <= 0 || code) {
            break;
        }
    }
out:
    mem_free(chunk);
    if (fd >= 0) {
        close(fd);
    }
    return code;
}

persona_code file_in_open(const char *path, int *fd, persona_err *e)
{
    uint64_t size = 0;
    const persona_code code = open_input(path, fd, &size, e);
    if (code && *fd >= 0) {
        close(*fd);
        *fd = -1;
    }
    return code;
}

persona_code file_in_read(int fd, const char *path, void *p, size_t n, size_t *got, persona_err *e)
{
    ssize_t r;
    do {
        r = read(fd, p, n);
    } while (r < 0 && errno == EINTR);
    *got = r > 0 ? (size_t)r : 0;
    return r < 0 ? io_err(e, errno, false, "read", path) : PERSONA_OK;
}

bool file_exists(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0;
}

struct timespec file_mtime(const struct stat *st)
{
#ifdef __APPLE__
    return st->st_mtimespec;
#else
    return st->st_mtim;
#endif
}

struct timespec file_ctime(const struct stat *st)
{
#ifdef __APPLE__
    return st->st_ctimespec;
#else
    return st->st_ctim;
#endif
}

/* ---- folders -------------------------------------------------------------------------------- */

static persona_code make_folder(const char *dir, persona_err *e)
{
    struct stat st;
    if (mkdir(dir, 0777) == 0) {
        return PERSONA_OK;
    }
    const int number = errno;
    /* Any error may hide an existing folder: EEXIST, but also EROFS or EACCES above it. */
    if (stat(dir, &st) != 0) {
        return io_err(e, number, true, "create the folder", dir);
    }
    if (!S_ISDIR(st.st_mode)) {
        return io_err(e, ENOTDIR, true, "create the folder", dir);
    }
    return PERSONA_OK;
}

persona_code file_mkdirs(const char *dir, persona_err *e)
{
    struct stat st;
    if (!*dir || (stat(dir, &st) == 0 && S_ISDIR(st.st_mode))) {
        return PERSONA_OK;
    }
    char *part = mem_strdup(dir);
    if (!part) {
        return mem_err(e, dir);
    }
    persona_code code = PERSONA_OK;
    for (char *s = part + 1; !code && *s; s++) {
        if (*s != '/') {
            continue;
        }
        *s = '\0';
        code = make_folder(part, e);
        *s = '/';
    }
    if (!code) {
        code = make_folder(part, e);
    }
    mem_free(part);
    return code;
}

/* ---- writing -------------------------------------------------------------------------------- */

/* Names of streams that are already open: replacing the file behind them would surprise. */
static bool names_open_stream(const char *path)
{
    return strcmp(path, "/dev/stdout") == 0 || strcmp(path, "/dev/stderr") == 0 ||
           strncmp(path, "/dev/fd/", 8) == 0 || strncmp(path, "/proc/", 6) == 0;
}

static persona_code open_direct(file_out *f, const char *path, persona_err *e)
{
    const int fd = open(path, O_WRONLY | O_APPEND | O_NOCTTY | O_CLOEXEC);
    f->fp = fd < 0 ? NULL : fdopen(fd, "w");
    if (f->fp) {
        return PERSONA_OK;
    }
    const persona_code code = io_err(e, errno, true, "write", path);
    if (fd >= 0) {
        close(fd);
    }
    return code;
}

/* A name nobody guesses by accident; O_EXCL is what makes it safe. */
static char *tmp_name(const char *path, const char *dir)
{
    static atomic_uint counter;
    struct timespec t = {0};
    clock_gettime(CLOCK_REALTIME, &t);
    const uint32_t r = rng_mix((uint64_t)t.tv_nsec ^ ((uint64_t)t.tv_sec << 30), (uint64_t)getpid(),
                               atomic_fetch_add(&counter, 1));
    return mem_printf("%s/.%.*s.%06x", strcmp(dir, "/") == 0 ? "" : dir, TMP_NAME_MAX,
                      path_base(path), r & 0xFFFFFF);
}

/* Not mkstemp: here the kernel applies the umask, which a thread cannot read without setting. */
static persona_code open_tmp(file_out *f, const struct stat *old, persona_err *e)
{
    int fd = -1, number = EEXIST;
    char *dir = path_dir(f->path);
    if (!dir) {
        return mem_err(e, f->path);
    }
    persona_code code = file_mkdirs(dir, e);
    for (int i = 0; !code && fd < 0 && number == EEXIST && i < TMP_TRIES; i++) {
        mem_free(f->tmp);
        f->tmp = tmp_name(f->path, dir);
        if (!f->tmp) {
            code = mem_err(e, f->path);
            break;
        }
        fd = open(f->tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
        number = errno;
    }
    if (!code && fd < 0) {
        code = io_err(e, number, true, "write", f->path);
    }
    if (code) {
        mem_free(f->tmp); /* not ours on disk */
        f->tmp = NULL;
        goto out;
    }
    /* A file that its owner closed to others stays closed. Best effort: foreign file systems. */
    if (old && fchmod(fd, old->st_mode & 0777) != 0) {
        errno = 0;
    }
    f->fp = fdopen(fd, "w");
    if (!f->fp) {
        code = io_err(e, errno, true, "write", f->path);
        close(fd);
    }
out:
    mem_free(dir);
    return code;
}

persona_code file_out_open(file_out *f, const char *path, persona_err *e)
{
    struct stat st;
    char target[PATH_MAX];
    *f = (file_out){0};
    const bool exists = stat(path, &st) == 0;
    if (!*path || !*path_base(path) || (exists && S_ISDIR(st.st_mode))) {
        return persona_err_set(e, PERSONA_E_IO, "'%s' is a folder; give the name of a file", path);
    }
    persona_code code = PERSONA_OK;
    const bool direct = exists && (!S_ISREG(st.st_mode) || names_open_stream(path));
    f->path = mem_strdup(!direct && exists && realpath(path, target) ? target : path);
    if (!f->path) {
        code = mem_err(e, path);
    } else if (direct) {
        code = open_direct(f, path, e);
    } else {
        code = open_tmp(f, exists ? &st : NULL, e);
    }
    if (code) {
        file_out_abort(f);
    }
    return code;
}

/* Why writing failed. stdio keeps a flag but not errno, so one more byte is tried: a full disk is
 * still full. The byte does no harm, because the file is given up. */
static int write_errno(int fd)
{
    ssize_t n;
    do {
        n = write(fd, "\n", 1);
    } while (n < 0 && errno == EINTR);
    return n < 0 ? errno : 0;
}

static persona_code sync_folder(const char *path, persona_err *e)
{
    char *dir = path_dir(path);
    if (!dir) {
        return mem_err(e, path);
    }
    persona_code code = PERSONA_OK;
    const int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    /* A folder may be writable but not readable, and some file systems cannot sync folders. */
    if (fd >= 0 && fsync(fd) != 0 && errno != EINVAL && errno != ENOTSUP && errno != EROFS) {
        code = io_err(e, errno, true, "sync the folder", dir);
    }
    if (fd >= 0) {
        close(fd);
    }
    mem_free(dir);
    return code;
}

persona_code file_out_commit(file_out *f, persona_err *e)
{
    assert(f->fp && f->path);
    persona_code code = PERSONA_OK;
    const int fd = fileno(f->fp);
    if (ferror(f->fp)) {
        code = io_err(e, write_errno(fd), true, "write", f->path);
    } else if (fflush(f->fp) != 0 || (f->tmp && fsync(fd) != 0)) {
        code = io_err(e, errno, true, "write", f->path);
    }
    if (fclose(f->fp) != 0 && !code) {
        code = io_err(e, errno, true, "write", f->path);
    }
    f->fp = NULL;
    if (!code && f->tmp && rename(f->tmp, f->path) != 0) {
        code = io_err(e, errno, true, "write", f->path);
    }
    if (!code && f->tmp) {
        mem_free(f->tmp); /* nothing is left to remove */
        f->tmp = NULL;
        code = sync_folder(f->path, e);
    }
    file_out_abort(f);
    return code;
}

void file_out_abort(file_out *f)
{
    if (f->fp) {
        (void)fclose(f->fp);
    }
    if (f->tmp) {
        unlink(f->tmp);
    }
    mem_free(f->tmp);
    mem_free(f->path);
    *f = (file_out){0};
}

persona_code file_write(const char *path, const void *p, size_t n, persona_err *e)
{
    file_out f;
    const persona_code code = file_out_open(&f, path, e);
    if (code) {
        return code;
    }
    if (n > 0 && f.fp) {
        (void)!fwrite(p, 1, n, f.fp); /* commit reports it */
    }
    return file_out_commit(&f, e);
}
