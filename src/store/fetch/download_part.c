/* SPDX-License-Identifier: MIT
 *
 * download_part.c - the part of a download on disk.
 *
 * The right to write is an open-file-description lock on the part itself, which vanishes with its
 * process. Whoever opened the part just before another one finished it holds a file that has
 * another name now, sees that, and opens anew. Symbolic links are not followed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/errtext.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/try.h"
#include "store/fetch/download_impl.h"
#include "store/fetch/fetch.h"
#include "store/fetch/httptext.h"

#define SCHEMA "persona.part/1"

enum { TRIES = 100, NOTE_MAX = 1 << 16, MARGIN = 1 << 20 };

static persona_code io_error(persona_err *e, const char *what, const char *path, int number)
{
    const bool full = number == ENOSPC || number == EDQUOT || number == EFBIG;
    return persona_err_set(e, PERSONA_E_IO, "%.250s: cannot %s: %s%s", path, what, errtext(number),
                           full ? "; free some space and give the same command: it goes on" : "");
}

static bool same_file(int fd, const char *name)
{
    struct stat here, there;
    return fstat(fd, &here) == 0 && lstat(name, &there) == 0 && here.st_dev == there.st_dev &&
           here.st_ino == there.st_ino;
}

static persona_code lock(part *p, persona_err *e)
{
    struct flock all = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    for (int i = 0; i < TRIES; i++) {
        struct stat st;
        p->fd = open(p->path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0644);
        if (p->fd < 0) {
            return io_error(e, "write", p->path, errno);
        }
        if (fstat(p->fd, &st) != 0 || !S_ISREG(st.st_mode)) {
            return persona_err_set(e, PERSONA_E_IO, "%.250s: is no plain file", p->path);
        }
        if (fcntl(p->fd, F_OFD_SETLK, &all) != 0) {
            return errno == EAGAIN || errno == EACCES
                       ? persona_err_set(e, PERSONA_E_UNAVAILABLE,
                                         "%.250s is being fetched by another process; wait for it",
                                         p->goal)
                       : io_error(e, "lock", p->path, errno);
        }
        if (same_file(p->fd, p->path)) {
            p->n = (uint64_t)st.st_size;
            return PERSONA_OK;
        }
        close(p->fd);
        p->fd = -1;
    }
    return persona_err_set(e, PERSONA_E_IO, "%.250s: keeps vanishing", p->path);
}

/* What an earlier call wrote down; false: nothing that helps. */
static bool recall(part *p, const char *url, const char *sha256)
{
    json_doc *d = NULL;
    char hash[65];
    bool use = false;
    if (json_read(p->note, NOTE_MAX, &d, NULL) == PERSONA_OK) {
        const json_val *r = json_root(d);
        const char *schema = json_string(json_get(r, "schema"));
        const char *from = json_string(json_get(r, "url"));
        const char *etag = json_string(json_get(r, "etag"));
        const char *sum = json_string(json_get(r, "sha256"));
        const bool summed = sum && http_sha256(sum, hash);
        const double size = json_number(json_get(r, "size_bytes"), 0);
        use = schema && strcmp(schema, SCHEMA) == 0 && from && size >= 0 &&
              size <= (double)HTTP_SIZE_MAX;
        use = use && (summed && sha256 ? strcmp(hash, sha256) == 0 : strcmp(from, url) == 0);
        if (use) {
            p->size = (uint64_t)size;
            snprintf(p->sha256, sizeof p->sha256, "%s", summed ? hash : "");
            snprintf(p->etag, sizeof p->etag, "%s", etag && http_strong_etag(etag) ? etag : "");
        }
    }
    json_free(d);
    return use && (p->etag[0] || p->sha256[0]);
}

persona_code part_open(const char *goal, const char *url, const char *sha256, part *out,
                       persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char *bare = fetch_url_bare(url);
    char *dir = path_dir(goal);
    *out = (part){.goal = goal, .fd = -1};
    out->path = mem_printf("%s.part", goal);
    out->note = mem_printf("%s.part.json", goal);
    TRY(bare && dir && out->path && out->note ? PERSONA_OK : mem_err(e, "a path"));
    TRY(file_mkdirs(dir, e));
    TRY(lock(out, e));
    if (!recall(out, bare, sha256)) {
        TRY(part_restart(out, e));
    }
out:
    mem_free(dir);
    mem_free(bare);
    if (rc != PERSONA_OK) {
        if (out->fd >= 0) {
            close(out->fd);
            out->fd = -1;
        }
        part_close(out);
    }
    return rc;
}

void part_close(part *p)
{
    if (p->fd >= 0 && p->n == 0) {
        part_remove(p);
    }
    if (p->fd >= 0) {
        close(p->fd);
    }
    mem_free(p->path);
    mem_free(p->note);
    *p = (part){.fd = -1};
}

void part_remove(part *p)
{
    unlink(p->note); /* under the lock, so nobody else's */
    unlink(p->path);
    close(p->fd);
    p->fd = -1;
}

persona_code part_restart(part *p, persona_err *e)
{
    p->n = p->size = 0;
    p->etag[0] = p->sha256[0] = '\0';
    return ftruncate(p->fd, 0) == 0 ? PERSONA_OK : io_error(e, "empty", p->path, errno);
}

persona_code part_note(const part *p, const char *url, persona_err *e)
{
    buf b;
    json_out o;
    persona_code rc = PERSONA_OK;
    char *bare = fetch_url_bare(url);
    buf_init(&b, NOTE_MAX);
    TRY(bare ? PERSONA_OK : mem_err(e, "an address"));
    jo_init(&o, &b, true);
    jo_object(&o, NULL);
    jo_string(&o, "schema", SCHEMA);
    jo_string(&o, "url", bare);
    jo_string(&o, "etag", p->etag[0] ? p->etag : NULL);
    jo_string(&o, "sha256", p->sha256[0] ? p->sha256 : NULL);
    jo_int(&o, "size_bytes", (long long)p->size);
    jo_end(&o);
    buf_putc(&b, '\n');
    TRY(buf_ok(&b, "a note", e));
    TRY(file_write(p->note, b.p, b.len, e));
out:
    buf_free(&b);
    mem_free(bare);
    return rc;
}

persona_code part_write(part *p, const void *data, size_t n, persona_err *e)
{
    const char *from = data;
    while (n > 0) {
        const ssize_t got = pwrite(p->fd, from, n, (off_t)p->n);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return io_error(e, "write", p->path, got < 0 ? errno : EIO);
        }
        from += got;
        n -= (size_t)got;
        p->n += (uint64_t)got;
    }
    return PERSONA_OK;
}

persona_code download_forget(const char *path, persona_err *e)
{
    struct flock all = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    persona_code rc = PERSONA_OK;
    char *note = mem_printf("%s.json", path);
    const int fd = open(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    const int number = fd < 0 ? errno : 0;
    TRY(note ? PERSONA_OK : mem_err(e, "a path"));
    if (number == ENOENT) {
        goto out;
    }
    if (number != 0) {
        rc = io_error(e, "remove", path, number);
    } else if (fcntl(fd, F_OFD_SETLK, &all) != 0) {
        rc = persona_err_set(e, PERSONA_E_UNAVAILABLE,
                             "%.250s is being written by another process; stop that first", path);
    } else if (same_file(fd, path)) {
        unlink(note);
        rc = unlink(path) == 0 ? PERSONA_OK : io_error(e, "remove", path, errno);
    }
out:
    if (fd >= 0) {
        close(fd);
    }
    mem_free(note);
    return rc;
}

persona_code download_room(const char *folder, uint64_t more, persona_err *e)
{
    struct statvfs s;
    if (statvfs(folder, &s) != 0) {
        return PERSONA_OK; /* the writing will tell */
    }
    const uint64_t unit = s.f_frsize > 0 ? s.f_frsize : 1;
    const uint64_t room = s.f_bavail > UINT64_MAX / unit ? UINT64_MAX : s.f_bavail * unit;
    if (room >= more && room - more >= MARGIN) {
        return PERSONA_OK;
    }
    return persona_err_set(e, PERSONA_E_IO,
                           "%.250s: %.2f GB are still to come and the disk has room for %.2f GB; "
                           "free some space",
                           folder, (double)more / 1e9, (double)room / 1e9);
}

persona_code part_room(const part *p, uint64_t more, persona_err *e)
{
    char *dir = path_dir(p->goal);
    const persona_code rc = dir ? download_room(dir, more, e) : mem_err(e, "a path");
    mem_free(dir);
    return rc;
}

static persona_code sync_folder(const char *path, persona_err *e)
{
    char *dir = path_dir(path);
    const int fd = dir ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    const bool bad = fd >= 0 && fsync(fd) != 0 && errno != EINVAL && errno != ENOTSUP;
    const persona_code rc = !dir  ? mem_err(e, "a path")
                            : bad ? io_error(e, "sync the folder", dir, errno)
                                  : PERSONA_OK;
    if (fd >= 0) {
        close(fd);
    }
    mem_free(dir);
    return rc;
}

persona_code part_finish(part *p, persona_err *e)
{
    if (fsync(p->fd) != 0) {
        return io_error(e, "write", p->path, errno);
    }
    if (rename(p->path, p->goal) != 0) {
        return io_error(e, "rename", p->path, errno);
    }
    unlink(p->note);
    close(p->fd);
    p->fd = -1;
    return sync_folder(p->goal, e);
}
