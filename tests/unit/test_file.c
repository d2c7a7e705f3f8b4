/* SPDX-License-Identifier: MIT
 *
 * test_file.c - files, folders, search paths and digests; each test works in a folder of its own.
 */
#include <dirent.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"

static char root[64];

static int make_root(void **state)
{
    (void)state;
    strncpy(root, "/tmp/persona-test-XXXXXX", sizeof root - 1);
    return mkdtemp(root) && chdir(root) == 0 ? 0 : -1;
}

static void remove_all(const char *dir)
{
    DIR *d = opendir(dir);
    for (struct dirent *x; d && (x = readdir(d));) {
        if (strcmp(x->d_name, ".") == 0 || strcmp(x->d_name, "..") == 0) {
            continue;
        }
        char *path = path_join(dir, x->d_name);
        struct stat st;
        if (lstat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
            remove_all(path);
        } else {
            unlink(path);
        }
        mem_free(path);
    }
    if (d) {
        closedir(d);
    }
    rmdir(dir);
}

static int remove_root(void **state)
{
    (void)state;
    if (chdir("/") != 0) {
        return -1;
    }
    remove_all(root);
    return 0;
}

static size_t count_entries(const char *dir)
{
    size_t n = 0;
    DIR *d = opendir(dir);
    assert_non_null(d);
    while (readdir(d)) {
        n++;
    }
    closedir(d);
    return n - 2;
}

static void put(const char *path, const char *text)
{
    persona_err e = {0};
    if (file_write(path, text, strlen(text), &e)) {
        fail_msg("%s", e.msg);
    }
}

static void expect(const char *path, const char *text)
{
    char *p = NULL;
    size_t n = 0;
    assert_int_equal(file_read(path, 1000, &p, &n, NULL), PERSONA_OK);
    assert_int_equal(n, strlen(text));
    assert_string_equal(p, text);
    mem_free(p);
}

/* ---- reading -------------------------------------------------------------------------------- */

static void read_whole(void **state)
{
    (void)state;
    put("a", "hello");
    expect("a", "hello");
    put("empty", "");
    expect("empty", "");
    char *p = NULL;
    size_t n = 0;
    assert_int_equal(file_read("/proc/self/status", 1 << 20, &p, &n, NULL), PERSONA_OK);
    assert_true(n > 100 && strlen(p) == n); /* its size is said to be 0 */
    mem_free(p);
}

static void read_failures(void **state)
{
    (void)state;
    persona_err e;
    char *p = NULL;
    size_t n = 77;
    assert_int_equal(file_read("no/such", 10, &p, &n, &e), PERSONA_E_NOTFOUND);
    assert_string_equal(e.msg, "no/such: no such file");
    assert_int_equal(file_read(".", 10, &p, &n, &e), PERSONA_E_IO);
    assert_string_equal(e.msg, ".: is a folder (expected a file)");
    put("big", "0123456789A");
    assert_int_equal(file_read("big/x", 10, &p, &n, &e), PERSONA_E_NOTFOUND);
    assert_int_equal(file_read("big", 10, &p, &n, &e), PERSONA_E_SHAPE);
    assert_string_equal(e.msg, "big: larger than the allowed 10 bytes");
    assert_int_equal(file_read("/dev/zero", 200000, &p, &n, &e), PERSONA_E_SHAPE);
    assert_int_equal(file_read("/proc/self/mem", 10, &p, &n, &e), PERSONA_E_IO);
    assert_string_equal(e.msg, "/proc/self/mem: cannot read: Input/output error");
    assert_null(p);
    assert_int_equal(n, 77);
}

static void read_without_memory(void **state)
{
    (void)state;
    persona_err e;
    char *p = NULL;
    size_t n = 0, k = 1;
    for (; k < 20; k++) {
        persona_mem_fail_at(k);
        const persona_code code = file_read("/proc/self/status", 1 << 20, &p, &n, &e);
        persona_mem_fail_at(0);
        if (!code) {
            break;
        }
        assert_int_equal(code, PERSONA_E_NOMEM);
        assert_null(p);
    }
    assert_true(k > 1 && k < 20);
    mem_free(p);
}

/* ---- writing -------------------------------------------------------------------------------- */

static void write_replaces_at_once(void **state)
{
    (void)state;
    put("x/y/z.txt", "old");
    file_out f;
    assert_int_equal(file_out_open(&f, "x/y/z.txt", NULL), PERSONA_OK);
    fprintf(f.fp, "new %d", 1);
    fflush(f.fp);
    assert_int_equal(count_entries("x/y"), 2);
    expect("x/y/z.txt", "old");
    assert_int_equal(file_out_commit(&f, NULL), PERSONA_OK);
    file_out_abort(&f); /* allowed, does nothing */
    expect("x/y/z.txt", "new 1");
    assert_int_equal(file_out_open(&f, "x/y/z.txt", NULL), PERSONA_OK);
    fprintf(f.fp, "never");
    file_out_abort(&f);
    expect("x/y/z.txt", "new 1");
    assert_int_equal(count_entries("x/y"), 1);
}

static void write_modes_and_links(void **state)
{
    (void)state;
    struct stat st;
    const mode_t old = umask(027);
    put("m", "1");
    umask(old);
    assert_int_equal(stat("m", &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    assert_int_equal(chmod("m", 0600), 0);
    put("m", "2");
    assert_int_equal(stat("m", &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600); /* private stays private */
    assert_int_equal(symlink("m", "link"), 0);
    put("link", "3");
    expect("m", "3");
    assert_int_equal(lstat("link", &st), 0);
    assert_true(S_ISLNK(st.st_mode));
}

static void write_long_names(void **state)
{
    (void)state;
    char name[256] = {0};
    memset(name, 'n', 255);
    put(name, "fits");
    expect(name, "fits");
    char longer[300] = {0};
    memset(longer, 'n', 299);
    persona_err e;
    assert_int_equal(file_write(longer, "x", 1, &e), PERSONA_E_IO);
    assert_non_null(strstr(e.msg, "File name too long"));
}

static void write_to_special_files(void **state)
{
    (void)state;
    persona_err e;
    static char big[200000];
    assert_int_equal(file_write("/dev/null", big, sizeof big, &e), PERSONA_OK);
    const char *full = "/dev/full: cannot write: No space left on device; free some space";
    assert_int_equal(file_write("/dev/full", "x", 1, &e), PERSONA_E_IO);
    assert_string_equal(e.msg, full);
    assert_int_equal(file_write("/dev/full", big, sizeof big, &e), PERSONA_E_IO);
    assert_string_equal(e.msg, full);
    struct stat st;
    assert_int_equal(stat("/dev/full", &st), 0);
    assert_true(S_ISCHR(st.st_mode));
    file_out f;
    assert_int_equal(file_out_open(&f, "/dev/full", &e), PERSONA_OK);
    fputs("x", f.fp);
    assert_int_not_equal(fflush(f.fp), 0); /* errno is gone before commit */
    assert_int_equal(file_out_commit(&f, &e), PERSONA_E_IO);
    assert_string_equal(e.msg, full);
}

static void write_to_folders(void **state)
{
    (void)state;
    persona_err e;
    assert_int_equal(file_write(".", "x", 1, &e), PERSONA_E_IO);
    assert_int_equal(file_write("", "x", 1, &e), PERSONA_E_IO);
    assert_int_equal(file_write("new/", "x", 1, &e), PERSONA_E_IO);
    assert_string_equal(e.msg, "'new/' is a folder; give the name of a file");
    put("plain", "x");
    assert_int_equal(file_write("plain/sub/x", "x", 1, &e), PERSONA_E_IO);
    assert_string_equal(e.msg, "plain: cannot create the folder: Not a directory");
    assert_int_equal(file_write("/proc/persona/x", "x", 1, &e), PERSONA_E_IO);
}

static void write_without_permission(void **state)
{
    (void)state;
    persona_err no_write, no_read;
    char *p = NULL;
    size_t n = 0;
    put("secret", "x");
    assert_int_equal(chmod("secret", 0), 0);
    assert_int_equal(mkdir("closed", 0555), 0);
    assert_int_equal(chmod(".", 0755), 0);
    const bool super = geteuid() == 0; /* modes do not bind root: be nobody for a moment */
    if (super && seteuid(65534) != 0) {
        skip();
    }
    const persona_code writing = file_write("closed/x", "x", 1, &no_write);
    const persona_code reading = file_read("secret", 10, &p, &n, &no_read);
    if (super) {
        assert_int_equal(seteuid(0), 0);
    }
    assert_int_equal(writing, PERSONA_E_IO);
    assert_string_equal(no_write.msg, "closed/x: cannot write: Permission denied; choose another "
                                      "folder with -o");
    assert_int_equal(reading, PERSONA_E_IO);
    assert_string_equal(no_read.msg, "secret: cannot open: Permission denied");
}

/* A limit on file sizes stands in for a full disk. */
static void write_that_runs_out_keeps_the_old(void **state)
{
    (void)state;
    static char big[200000];
    persona_err e;
    put("keep", "old");
    struct rlimit before, limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    limit = before;
    limit.rlim_cur = 1000;
    for (size_t n = 2000; n <= sizeof big; n *= 100) { /* fails in fflush; fails in fwrite */
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
        const persona_code code = file_write("keep", big, n, &e);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
        assert_int_equal(code, PERSONA_E_IO);
        assert_non_null(strstr(e.msg, "/keep: cannot write: File too large"));
    }
    signal(SIGXFSZ, handler);
    expect("keep", "old");
    unlink("keep");
}

static void write_without_memory(void **state)
{
    (void)state;
    persona_err e;
    size_t k = 1;
    put("w/x", "old");
    for (; k < 30; k++) {
        persona_mem_fail_at(k);
        const persona_code code = file_write("w/x", "new", 3, &e);
        persona_mem_fail_at(0);
        assert_int_equal(count_entries("w"), 1);
        if (!code) {
            break;
        }
        assert_int_equal(code, PERSONA_E_NOMEM);
    }
    assert_true(k > 3 && k < 30);
    expect("w/x", "new");
    persona_mem_fail_at(1);
    assert_int_equal(file_mkdirs("d/e/f", &e), PERSONA_E_NOMEM);
}

/* ---- names and folders ---------------------------------------------------------------------- */

static void folders(void **state)
{
    (void)state;
    assert_int_equal(file_mkdirs("p/q//r/", NULL), PERSONA_OK);
    assert_true(file_exists("p/q/r"));
    assert_int_equal(file_mkdirs("p/q/r", NULL), PERSONA_OK);
    assert_int_equal(file_mkdirs("/", NULL), PERSONA_OK);
    assert_int_equal(file_mkdirs("", NULL), PERSONA_OK);
    assert_false(file_exists("p/none"));
}

static void names(void **state)
{
    (void)state;
    static const char *const dirs[][2] = {{"a/b/c.gguf", "a/b"}, {"c.gguf", "."}, {"/c", "/"},
                                          {"//c", "/"},          {"a//b", "a"},   {"a/", "a"}};
    for (size_t i = 0; i < sizeof dirs / sizeof dirs[0]; i++) {
        char *dir = path_dir(dirs[i][0]);
        assert_string_equal(dir, dirs[i][1]);
        mem_free(dir);
    }
    assert_string_equal(path_base("a/b/c.gguf"), "c.gguf");
    assert_string_equal(path_base("c"), "c");
    assert_string_equal(path_base("a/"), "");
    static const char *const joins[][3] = {
        {"a", "b", "a/b"}, {"a/", "b", "a/b"}, {"", "b", "b"}, {"/", "b", "/b"}};
    for (size_t i = 0; i < sizeof joins / sizeof joins[0]; i++) {
        char *path = path_join(joins[i][0], joins[i][1]);
        assert_string_equal(path, joins[i][2]);
        mem_free(path);
    }
}

static void user_data(void **state)
{
    (void)state;
    setenv("HOME", "/h/", 1);
    setenv("XDG_DATA_HOME", "/x//", 1);
    char *p = path_user_data();
    assert_string_equal(p, "/x/persona");
    mem_free(p);
    setenv("XDG_DATA_HOME", "relative", 1);
    p = path_user_data();
    assert_string_equal(p, "/h/.local/share/persona");
    mem_free(p);
    unsetenv("XDG_DATA_HOME");
    unsetenv("HOME");
    assert_null(path_user_data());
}

static void free_dirs(char **dirs)
{
    for (size_t i = 0; dirs && dirs[i]; i++) {
        mem_free(dirs[i]);
    }
    mem_free(dirs);
}

static void data_dirs(void **state)
{
    (void)state;
    char *xdg = mem_printf("%s/xdg", root), *user = mem_printf("%s/xdg/persona", root);
    setenv("XDG_DATA_HOME", xdg, 1);
    setenv("PERSONA_DATA", "own", 1);
    assert_int_equal(file_mkdirs("own", NULL), PERSONA_OK);
    assert_int_equal(file_mkdirs(user, NULL), PERSONA_OK);
    char **dirs = path_data_dirs();
    assert_string_equal(dirs[0], "own");
    assert_string_equal(dirs[1], user);
    free_dirs(dirs);
    setenv("PERSONA_DATA", user, 1); /* the same folder twice */
    dirs = path_data_dirs();
    assert_string_equal(dirs[0], user);
    assert_true(!dirs[1] || strcmp(dirs[1], user) != 0);
    free_dirs(dirs);
    setenv("PERSONA_DATA", "missing", 1);
    dirs = path_data_dirs();
    assert_string_equal(dirs[0], user);
    free_dirs(dirs);
    for (size_t k = 1; k < 12; k++) {
        persona_mem_fail_at(k);
        free_dirs(path_data_dirs());
    }
    persona_mem_fail_at(1);
    assert_null(path_data_dirs());
    persona_mem_fail_at(0);
    unsetenv("PERSONA_DATA");
    unsetenv("XDG_DATA_HOME");
    mem_free(user);
    mem_free(xdg);
}

/* ---- digests -------------------------------------------------------------------------------- */

static const char of_abc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

/* FIPS 180 */
static void sha256_vectors(void **state)
{
    (void)state;
    char hex[65];
    sha256_hex("abc", 3, hex);
    assert_string_equal(hex, of_abc);
    sha256_hex(NULL, 0, hex);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    char *a = mem_calloc(1000000, 1);
    memset(a, 'a', 1000000);
    sha256_hex(a, 1000000, hex);
    assert_string_equal(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    mem_free(a);
}

static void sha256_of_files(void **state)
{
    (void)state;
    char hex[65];
    persona_err e;
    put("ab", "ab");
    put("c", "c");
    const char *const paths[] = {"ab", "c"}, *const missing[] = {"ab", "none"};
    assert_int_equal(sha256_file(paths, 2, NULL, hex, &e), PERSONA_OK);
    assert_string_equal(hex, of_abc);
    persona_cancel cancel = {0};
    assert_int_equal(sha256_file(paths, 2, &cancel, hex, &e), PERSONA_OK);
    persona_cancel_set(&cancel);
    assert_int_equal(sha256_file(paths, 2, &cancel, hex, &e), PERSONA_E_CANCELED);
    assert_int_equal(sha256_file(missing, 2, NULL, hex, &e), PERSONA_E_NOTFOUND);
    assert_string_equal(e.msg, "none: no such file");
    assert_string_equal(hex, "");
    for (size_t k = 1; k <= 2; k++) {
        persona_mem_fail_at(k);
        assert_int_equal(sha256_file(paths, 2, NULL, hex, &e), PERSONA_E_NOMEM);
    }
    persona_mem_fail_at(0);
}

static bool refuse(void *ud, const void *p, size_t n)
{
    (void)p;
    *(size_t *)ud += n;
    return false;
}

static void chunks_can_be_refused(void **state)
{
    (void)state;
    persona_err e;
    size_t n = 0;
    put("ab", "ab");
    assert_int_equal(file_chunks("ab", refuse, &n, &e), PERSONA_E_INTERNAL);
    assert_int_equal(n, 2);
    assert_int_equal(file_chunks(".", refuse, &n, &e), PERSONA_E_IO);
}

static void lists(void **state)
{
    (void)state;
    char **paths = NULL;
    size_t n = 1;
    persona_err e;
    assert_int_equal(file_list("none", ".x", &paths, &n, &e), PERSONA_OK);
    assert_int_equal(n, 0);
    assert_int_equal(file_mkdirs("shelf/folder.x", &e), PERSONA_OK);
    put("shelf/b.x", "");
    put("shelf/a.x", "");
    put("shelf/.hidden.x", "");
    put("shelf/.x", "");
    put("shelf/a.xx", "");
    assert_int_equal(file_list("shelf", ".x", &paths, &n, &e), PERSONA_OK);
    assert_int_equal(n, 2);
    assert_string_equal(paths[0], "shelf/a.x");
    assert_string_equal(paths[1], "shelf/b.x");
    mem_free_list(paths, n);
    assert_int_equal(file_list("shelf/a.x", ".x", &paths, &n, &e), PERSONA_E_IO);
    for (size_t k = 1; k <= 4; k++) {
        persona_mem_fail_at(k);
        assert_int_equal(file_list("shelf", ".x", &paths, &n, &e), PERSONA_E_NOMEM);
        assert_null(paths);
    }
    persona_mem_fail_at(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(read_whole),
        cmocka_unit_test(read_failures),
        cmocka_unit_test(read_without_memory),
        cmocka_unit_test(write_replaces_at_once),
        cmocka_unit_test(write_modes_and_links),
        cmocka_unit_test(write_long_names),
        cmocka_unit_test(write_to_special_files),
        cmocka_unit_test(write_to_folders),
        cmocka_unit_test(write_without_permission),
        cmocka_unit_test(write_that_runs_out_keeps_the_old),
        cmocka_unit_test(write_without_memory),
        cmocka_unit_test(folders),
        cmocka_unit_test(names),
        cmocka_unit_test(user_data),
        cmocka_unit_test(data_dirs),
        cmocka_unit_test(sha256_vectors),
        cmocka_unit_test(sha256_of_files),
        cmocka_unit_test(chunks_can_be_refused),
        cmocka_unit_test(lists),
    };
    return cmocka_run_group_tests(tests, make_root, remove_root);
}
