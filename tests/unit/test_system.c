/* SPDX-License-Identifier: MIT
 *
 * test_system.c - what base/ does in each system's own way: waits, random bytes, texts of errors,
 * sockets, the process, times of files.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cond.h"
#include "base/errtext.h"
#include "base/file.h"
#include "base/process.h"
#include "base/random.h"
#include "base/sockets.h"

typedef struct bell {
    pthread_mutex_t lock;
    pthread_cond_t news;
    bool rung;
} bell;

static void bell_init(bell *b)
{
    b->rung = false;
    assert_int_equal(pthread_mutex_init(&b->lock, NULL), 0);
    cond_init(&b->news);
}

static void bell_free(bell *b)
{
    pthread_cond_destroy(&b->news);
    pthread_mutex_destroy(&b->lock);
}

static void *ring(void *ud)
{
    bell *b = ud;
    pthread_mutex_lock(&b->lock);
    b->rung = true;
    pthread_cond_signal(&b->news);
    pthread_mutex_unlock(&b->lock);
    return NULL;
}

/* A wait ends by the clock, not before; one whose time has passed ends at once. */
static void test_wait_ends(void **state)
{
    (void)state;
    bell b;
    bell_init(&b);
    pthread_mutex_lock(&b.lock);
    const double start = clock_now(), until = start + 0.05;
    while (cond_wait_until(&b.news, &b.lock, until)) {}
    assert_true(clock_now() >= until);
    assert_false(cond_wait_until(&b.news, &b.lock, start));
    assert_false(cond_wait_until(&b.news, &b.lock, -1));
    pthread_mutex_unlock(&b.lock);
    bell_free(&b);
}

/* News end it before, however patient it is. */
static void test_wait_is_woken(void **state)
{
    (void)state;
    static const double patience[] = {60, 1e12, INFINITY};
    for (size_t i = 0; i < sizeof patience / sizeof *patience; i++) {
        bell b;
        pthread_t t;
        bell_init(&b);
        pthread_mutex_lock(&b.lock);
        const double start = clock_now(), until = start + patience[i];
        assert_int_equal(pthread_create(&t, NULL, ring, &b), 0);
        while (!b.rung) {
            assert_true(cond_wait_until(&b.news, &b.lock, until));
        }
        pthread_mutex_unlock(&b.lock);
        assert_true(clock_now() - start < 30);
        pthread_join(t, NULL);
        bell_free(&b);
    }
}

static void test_random(void **state)
{
    (void)state;
    unsigned char a[256] = {0}, b[256] = {0}, many[257];
    assert_true(random_bytes(a, sizeof a));
    assert_true(random_bytes(b, sizeof b));
    assert_memory_not_equal(a, b, sizeof a);
    memset(many, 1, sizeof many);
    assert_false(random_bytes(many, sizeof many)); /* more than the system gives at once */
    for (size_t i = 0; i < sizeof many; i++) {
        assert_int_equal(many[i], 0);
    }
}

static void test_errtext(void **state)
{
    (void)state;
    assert_string_equal(errtext(ENOENT), "No such file or directory");
    assert_non_null(errtext(123456));
    assert_true(errtext(123456)[0] != '\0');
}

static void test_sockets(void **state)
{
    (void)state;
    int pair[2];
    char byte = 0;
    assert_true(sockets_pair(pair));
    assert_true((fcntl(pair[0], F_GETFD) & FD_CLOEXEC) != 0);
    assert_false(sockets_gone(pair[0]));
    assert_int_equal(sockets_send(pair[1], "x", 1), 1);
    assert_false(sockets_gone(pair[0]));
    assert_int_equal(read(pair[0], &byte, 1), 1);
    assert_int_equal(byte, 'x');
    close(pair[1]);
    assert_true(sockets_gone(pair[0]));
    assert_int_equal(sockets_send(pair[0], "x", 1), -1); /* and no SIGPIPE */
    assert_int_equal(errno, EPIPE);
    close(pair[0]);
}

static void test_process(void **state)
{
    (void)state;
#ifdef __linux__
    assert_true(process_size() > (uint64_t)1 << 20);
#endif
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const int low = open("/dev/null", O_RDONLY), high = fcntl(low, F_DUPFD, 200);
        process_close_from(low + 1);
        const bool ok =
            low >= 0 && high >= 200 && fcntl(low, F_GETFD) >= 0 && fcntl(high, F_GETFD) < 0;
        _exit(ok ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_mtime(void **state)
{
    (void)state;
    char path[] = "/tmp/persona-system-XXXXXX";
    const int fd = mkstemp(path);
    const struct timespec t[2] = {{.tv_sec = 1700000000, .tv_nsec = 123456000},
                                  {.tv_sec = 1600000000, .tv_nsec = 654321000}};
    struct stat st;
    assert_true(fd >= 0);
    assert_int_equal(futimens(fd, t), 0);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(file_mtime(&st).tv_sec, 1600000000);
    assert_int_equal(file_mtime(&st).tv_nsec, 654321000);
    close(fd);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wait_ends), cmocka_unit_test(test_wait_is_woken),
        cmocka_unit_test(test_random),    cmocka_unit_test(test_errtext),
        cmocka_unit_test(test_sockets),   cmocka_unit_test(test_process),
        cmocka_unit_test(test_mtime),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
