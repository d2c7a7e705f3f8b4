/* SPDX-License-Identifier: MIT
 *
 * job_lock.c - one process at a time works on a job.
 *
 * The right is an open-file-description lock on PATH.lock: it vanishes with its process however
 * that ends, other handles of the same process do not release it by accident, and it can be asked
 * for without being taken, so that a listing never makes a start fail. The file holds the process
 * id, for messages only, and is removed under the lock; whoever opened it just before finds another
 * file, or none, under the name, and tries again. A lock's file that a killed process left is
 * nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/errtext.h"
#include "base/mem.h"
#include "store/job/job_impl.h"

enum { TRIES = 100 };

static char *lock_name(const char *path)
{
    return mem_printf("%s.lock", path);
}

static int read_pid(int fd)
{
    char text[16] = "";
    const ssize_t n = pread(fd, text, sizeof text - 1, 0);
    const long pid = n > 0 ? strtol(text, NULL, 10) : 0;
    return pid > 0 && pid <= 1 << 30 ? (int)pid : 0;
}

/* Always the same length, so that no reader sees a part of it. Failing costs the message only. */
static void write_pid(int fd)
{
    char text[16];
    const int n = snprintf(text, sizeof text, "%-10d\n", (int)getpid());
    if (n > 0 && pwrite(fd, text, (size_t)n, 0) != n) {
        errno = 0;
    }
}

static bool same_file(int fd, const char *name)
{
    struct stat here, there;
    return fstat(fd, &here) == 0 && stat(name, &there) == 0 && here.st_dev == there.st_dev &&
           here.st_ino == there.st_ino;
}

static persona_code taken(const char *path, int fd, persona_err *e)
{
    const int pid = read_pid(fd);
    if (pid == 0) {
        return persona_err_set(e, PERSONA_E_UNAVAILABLE,
                               "job %s is being worked on by another process; wait for it", path);
    }
    return persona_err_set(e, PERSONA_E_UNAVAILABLE,
                           "job %s is being worked on by process %d; wait for it or stop it", path,
                           pid);
}

persona_code job_lock_take(const char *path, int *out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    struct flock all = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    char *name = lock_name(path);
    *out = -1;
    if (!name) {
        return mem_err(e, path);
    }
    for (int i = 0; rc == PERSONA_OK && *out < 0; i++) {
        const int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        const bool locked = fd >= 0 && fcntl(fd, F_OFD_SETLK, &all) == 0;
        if (locked && same_file(fd, name)) {
            *out = fd;
            break;
        }
        if (fd >= 0 && !locked && (errno == EAGAIN || errno == EACCES)) {
            rc = taken(path, fd, e);
        } else if (!locked || i == TRIES) {
            rc = persona_err_set(e, PERSONA_E_IO, "%s: cannot lock: %s", name,
                                 locked ? "it keeps vanishing" : errtext(errno));
        }
        if (fd >= 0) {
            close(fd);
        }
    }
    if (rc == PERSONA_OK) {
        write_pid(*out);
    }
    mem_free(name);
    return rc;
}

void job_lock_drop(const char *path, int fd)
{
    if (fd < 0) {
        return;
    }
    char *name = lock_name(path);
    if (name) {
        unlink(name);
    }
    mem_free(name);
    close(fd);
}

bool job_lock_held(const char *path, int *pid)
{
    struct flock all = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
    char *name = lock_name(path);
    const int fd = name ? open(name, O_RDONLY | O_CLOEXEC) : -1;
    const bool held = fd >= 0 && fcntl(fd, F_OFD_GETLK, &all) == 0 && all.l_type != F_UNLCK;
    *pid = held ? read_pid(fd) : 0;
    if (fd >= 0) {
        close(fd);
    }
    mem_free(name);
    return held;
}

persona_code job_unlink(const char *path, persona_err *e)
{
    /* The log goes first: a database without it is merely older, a log without it would be
     * orphaned. */
    static const char *const suffix[] = {"-wal", "-shm", "-journal", ""};
    for (size_t i = 0; i < sizeof suffix / sizeof *suffix; i++) {
        char *name = mem_printf("%s%s", path, suffix[i]);
        if (!name) {
            return mem_err(e, path);
        }
        const bool gone = unlink(name) == 0 || errno == ENOENT;
        if (!gone) {
            persona_err_set(e, PERSONA_E_IO, "%s: cannot remove: %s", name, errtext(errno));
        }
        mem_free(name);
        if (!gone) {
            return PERSONA_E_IO;
        }
    }
    return PERSONA_OK;
}
