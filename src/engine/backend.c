/* SPDX-License-Identifier: MIT
 *
 * backend.c - process-wide setup of ggml and libllama: backends are loaded once, and the library's
 * log is silenced except for its error lines, which explain failures to the caller.
 *
 * Backends come from PERSONA_BACKENDS_DIR (environment, else compiled in: the private prefix's
 * folder); without it ggml looks where it was installed. Debian's BLAS backend is never asked for:
 * beside reference BLAS it makes prefill thirty times slower (design fact 8). Which variant of the
 * CPU backend is fastest depends on the model; ggml knows the processor only (load_avx2).
 */
#include <ctype.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/try.h"
#include "engine/engine.h"
#include "engine/rpc.h"
#include "persona/persona.h"

#ifndef PERSONA_BACKENDS_DIR
#define PERSONA_BACKENDS_DIR ""
#endif

static pthread_once_t init_once = PTHREAD_ONCE_INIT;
static _Atomic bool want_narrow;
static bool init_ok;
static _Thread_local char last_error[400];

/* "llama_model_load: error loading model: TEXT" is TEXT to a user. */
static const char *without_names(const char *text)
{
    static const char said[] = "error loading model: ";
    const char *at = strstr(text, said);
    if (at != NULL) {
        text = at + sizeof said - 1;
    }
    for (;;) {
        const size_t name = strspn(text, "abcdefghijklmnopqrstuvwxyz_0123456789");
        if (name < 3 || strncmp(text + name, ": ", 2) != 0) {
            return text;
        }
        text += name + 2;
    }
}

/* Debug and info lines are dropped; continuation lines (CONT) belong to dropped ones. The reason
 * comes first and is followed by every caller's "failed to load model", so all lines are kept, and
 * what says nothing is not. */
static void on_log(enum ggml_log_level level, const char *text, void *ud)
{
    (void)ud;
    if (level != GGML_LOG_LEVEL_ERROR || text == NULL) {
        return;
    }
    text = without_names(text);
    const size_t n = strcspn(text, "\n"), used = strlen(last_error);
    char line[256];
    snprintf(line, sizeof line, "%.*s", (int)(n < sizeof line ? n : sizeof line - 1), text);
    if (n == 0 || strcmp(line, "failed to load model") == 0 || strstr(last_error, line) != NULL) {
        return;
    }
    snprintf(last_error + used, sizeof last_error - used, "%s%s", used > 0 ? "; " : "", line);
}

void backend_log_hook(void)
{
    llama_log_set(on_log, NULL);
}

/* ggml's kernels for AVX-512 take 64 numbers at a time and the rest one by one, so heads of 32 are
 * all rest; those for AVX2 take 32. Neither is loaded where the processor lacks what it needs. */
static bool load_avx2(const char *dir)
{
    static const char *const NAMES[] = {"alderlake", "haswell"};
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        char path[4096];
        const int n = snprintf(path, sizeof path, "%s/libggml-cpu-%s.so", dir, NAMES[i]);
        if (n > 0 && (size_t)n < sizeof path && access(path, R_OK) == 0 &&
            ggml_backend_load(path) != NULL) {
            return true;
        }
    }
    return false;
}

static const char *backends_dir(void)
{
    const char *dir = getenv("PERSONA_BACKENDS_DIR");
    return dir != NULL && dir[0] != '\0' ? dir : PERSONA_BACKENDS_DIR;
}

ggml_backend_reg_t rpc_backend_load(void)
{
    char path[4096];
    const char *dir = backends_dir();
    const int n = snprintf(path, sizeof path, "%s/libggml-rpc.so", dir);
    return dir[0] != '\0' && n > 0 && (size_t)n < sizeof path && access(path, R_OK) == 0
               ? ggml_backend_load(path)
               : NULL;
}

static void init_backends(void)
{
    backend_log_hook();
    const char *dir = backends_dir();
    if (dir[0] != '\0' && want_narrow && load_avx2(dir)) {
        /* the only backend: models like that need no other */
    } else if (dir[0] != '\0') {
        ggml_backend_load_all_from_path(dir);
    } else {
        ggml_backend_load_all();
    }
    llama_backend_init();
    init_ok = ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU) != NULL;
}

persona_code backend_init(bool narrow, persona_err *e)
{
    want_narrow = narrow; /* read by the first call only */
    pthread_once(&init_once, init_backends);
    if (!init_ok) {
        return persona_err_set(e, PERSONA_E_UNAVAILABLE,
                               "no ggml CPU backend found in '%s' (set PERSONA_BACKENDS_DIR to the "
                               "folder that holds libggml-cpu-*.so)",
                               PERSONA_BACKENDS_DIR);
    }
    return PERSONA_OK;
}

const char *backend_log_last(void)
{
    return last_error[0] != '\0' ? last_error : "libllama gives no reason";
}

void backend_log_reset(void)
{
    last_error[0] = '\0';
}

/* Hyper-threads do not help matrix products; count the distinct sibling groups instead. */
int backend_physical_cores(void)
{
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    int n = 0;
    for (long cpu = 0; cpu < online && cpu < 1024; cpu++) {
        char path[96];
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%ld/topology/thread_siblings_list",
                 cpu);
        FILE *f = fopen(path, "r");
        if (f == NULL) {
            return online > 0 ? (int)online : 1;
        }
        char line[64] = "";
        char *got = fgets(line, sizeof line, f);
        (void)fclose(f); /* only read */
        /* the first number of the list is the group's lowest CPU */
        if (got != NULL && strtol(line, NULL, 10) == cpu) {
            n++;
        }
    }
    return n > 0 ? n : 1;
}

const char *persona_engine_llama_version(void)
{
    return llama_version();
}

const char *persona_engine_ggml_version(void)
{
    return ggml_version();
}

const char *persona_engine_version(void)
{
    static _Thread_local char text[96];
    snprintf(text, sizeof text, "llama %s, ggml %s", llama_version(), ggml_version());
    return text;
}

size_t persona_engine_device_count(void)
{
    return backend_init(false, NULL) == PERSONA_OK ? ggml_backend_dev_count() : 0;
}

const char *persona_engine_device_name(size_t i)
{
    if (i >= persona_engine_device_count()) {
        return NULL;
    }
    return ggml_backend_dev_description(ggml_backend_dev_get(i));
}

const char *persona_engine_device(size_t i)
{
    return i < persona_engine_device_count() ? ggml_backend_dev_name(ggml_backend_dev_get(i))
                                             : NULL;
}

static ggml_backend_dev_t device_named(const char *name, size_t len)
{
    for (size_t i = 0; i < ggml_backend_dev_count(); i++) {
        ggml_backend_dev_t dev = ggml_backend_dev_get(i);
        const char *its = ggml_backend_dev_name(dev);
        if (strlen(its) == len && strncasecmp(its, name, len) == 0) {
            return dev;
        }
    }
    return NULL;
}

static persona_code unknown_device(const char *name, size_t len, persona_err *e)
{
    buf known;
    buf_init(&known, 4096);
    for (size_t i = 0; i < ggml_backend_dev_count(); i++) {
        ggml_backend_dev_t dev = ggml_backend_dev_get(i);
        buf_printf(&known, "%s%s (%s)", i > 0 ? ", " : "", ggml_backend_dev_name(dev),
                   ggml_backend_dev_description(dev));
    }
    const persona_code rc =
        persona_err_set(e, PERSONA_E_USAGE, "device: no '%.*s' here (there are: %s)",
                        (int)(len < 64 ? len : 64), name, buf_str(&known));
    buf_free(&known);
    return rc;
}

/* The devices of a list of names; what the processor computes is not offloaded. */
static persona_code named_devices(const char *list, ggml_backend_dev_t *out, persona_err *e)
{
    size_t n = 0;
    for (const char *at = list;; at++) {
        const size_t len = strcspn(at, ",");
        ggml_backend_dev_t dev = device_named(at, len);
        if (dev == NULL) {
            return unknown_device(at, len, e);
        }
        if (ggml_backend_dev_type(dev) != GGML_BACKEND_DEVICE_TYPE_CPU) {
            out[n++] = dev;
        }
        at += len;
        if (*at == '\0') {
            return PERSONA_OK;
        }
    }
}

/* Without names and hosts libllama chooses; it would also take hosts of an earlier model. */
static void local_devices(ggml_backend_dev_t *out)
{
    size_t n = 0;
    for (size_t i = 0; i < ggml_backend_dev_count(); i++) {
        ggml_backend_dev_t dev = ggml_backend_dev_get(i);
        if (ggml_backend_dev_type(dev) == GGML_BACKEND_DEVICE_TYPE_GPU && !rpc_is_remote(dev)) {
            out[n++] = dev;
        }
    }
}

static bool any_remote(void)
{
    bool any = false;
    for (size_t i = 0; i < ggml_backend_dev_count(); i++) {
        any = any || rpc_is_remote(ggml_backend_dev_get(i));
    }
    return any;
}

persona_code backend_devices(const persona_model_opts *o, ggml_backend_dev_t **out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    ggml_backend_dev_t *devices = NULL;
    *out = NULL;
    if (o->rpc != NULL) {
        TRY(rpc_devices(o->rpc, o->rpc_wait, &devices, e));
    }
    if (o->devices != NULL || (o->rpc == NULL && any_remote())) {
        const size_t n = o->devices != NULL ? strlen(o->devices) : ggml_backend_dev_count();
        mem_free(devices);
        devices = mem_calloc(n + 2, sizeof *devices);
        TRY(devices != NULL ? PERSONA_OK : mem_err(e, "a list of devices"));
        if (o->devices != NULL) {
            TRY(named_devices(o->devices, devices, e));
        } else {
            local_devices(devices);
        }
    }
out:
    if (rc == PERSONA_OK) {
        *out = devices;
    } else {
        mem_free(devices);
    }
    return rc;
}

#ifndef PERSONA_VERSION
#define PERSONA_VERSION "0.0.0"
#endif

const char *persona_version(void)
{
    return PERSONA_VERSION;
}
