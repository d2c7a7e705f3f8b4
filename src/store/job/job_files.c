/* SPDX-License-Identifier: MIT
 *
 * job_files.c - jobs as a shelf of files: where they lie, what each one holds, removing them.
 *
 * Nothing here needs the lock but removing. A listing goes on past a file that cannot be read: what
 * the file system knows is filled in first.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/try.h"
#include "persona/trait.h"
#include "store/job/job_impl.h"

static const char ending[] = ".db";
enum { ID_LEN = 16, MAX_COUNTS = 100000 };

/* ---- places --------------------------------------------------------------------------------- */

persona_code job_folder(char **out, persona_err *e)
{
    *out = NULL;
    char *data = path_user_data();
    if (!data) {
        return persona_err_set(e, PERSONA_E_UNAVAILABLE,
                               "no folder for jobs: neither XDG_DATA_HOME nor HOME is set");
    }
    *out = path_join(data, "jobs");
    mem_free(data);
    return *out ? PERSONA_OK : mem_err(e, "a path");
}

/* As json_out writes it; no string can hold an unescaped quote. */
static char *without_date(const char *manifest)
{
    static const char member[] = ",\"" JOB_DATE "\":";
    const char *at = strstr(manifest, member);
    if (!at) {
        return mem_strdup(manifest);
    }
    const char *rest = at + strlen(member);
    rest += strspn(rest, "-0123456789");
    return mem_printf("%.*s%s", (int)(at - manifest), manifest, rest);
}

persona_code job_place(const char *manifest, char **out, persona_err *e)
{
    char hex[65] = "";
    char *folder = NULL, *named = without_date(manifest);
    *out = NULL;
    if (named) {
        sha256_hex(named, strlen(named), hex);
    }
    persona_code rc = PERSONA_OK;
    TRY(hex[0] ? job_folder(&folder, e) : mem_err(e, "a digest"));
    *out = mem_printf("%s/%.*s%s", folder, ID_LEN, hex, ending);
    if (!*out) {
        rc = mem_err(e, "a path");
        goto out;
    }
out:
    mem_free(named);
    mem_free(folder);
    return rc;
}

static bool is_job_name(const char *name)
{
    return name[0] != '.' && path_ends(name, ending);
}

persona_code job_list(const char *folder, char ***paths, size_t *n, persona_err *e)
{
    return file_list(folder, ending, paths, n, e);
}

/* ---- one job -------------------------------------------------------------------------------- */

/* A member of the manifest: a string, or an object with a name. */
static char *label(const json_val *manifest, const char *key)
{
    const json_val *v = json_get(manifest, key);
    const char *s = json_string(v) ? json_string(v) : json_string(json_get(v, "name"));
    return mem_strdup(s ? s : "");
}

static persona_code read_labels(const job *j, job_info *out, persona_err *e)
{
    json_doc *d = NULL;
    persona_code rc = PERSONA_OK;
    TRY(json_parse(j->manifest, strlen(j->manifest), j->path, &d, e));
    out->command = label(json_root(d), "command");
    out->trait = label(json_root(d), "trait");
    out->model = label(json_root(d), "model");
    if (!out->command || !out->trait || !out->model) {
        rc = mem_err(e, j->path);
        goto out;
    }
out:
    json_free(d);
    return rc;
}

static persona_code add_count(job_info *out, const db_stmt *s, const char *path, persona_err *e)
{
    const char *stage = db_text(s, 0), *judge = db_text(s, 1);
    if (out->n_counts == MAX_COUNTS) {
        return persona_err_set(e, PERSONA_E_SHAPE, "%s: more than %d stages and judges", path,
                               MAX_COUNTS);
    }
    job_count *counts = mem_realloc(out->counts, out->n_counts + 1, sizeof *counts);
    if (!counts) {
        return mem_err(e, path);
    }
    out->counts = counts;
    job_count *c = &counts[out->n_counts++];
    *c = (job_count){.stage = mem_strdup(stage ? stage : ""),
                     .judge = judge ? mem_strdup(judge) : NULL,
                     .n = (size_t)db_int(s, 2)};
    if (!c->stage || (judge && !c->judge)) {
        return mem_err(e, path);
    }
    if (!judge) {
        out->n_answers += c->n;
    }
    return db_row_ok(s, e);
}

static persona_code read_counts(job *j, job_info *out, persona_err *e)
{
    db_stmt *s = NULL;
    bool row = false;
    persona_code rc = PERSONA_OK;
    TRY(db_prepare(j->d,
                   "SELECT stage, NULL AS judge, count(*) FROM answer GROUP BY stage "
                   "UNION ALL "
                   "SELECT stage, judge, count(*) FROM score GROUP BY stage, judge "
                   "ORDER BY stage, judge",
                   &s, e));
    while ((rc = db_step(s, &row, e)) == PERSONA_OK && row) {
        TRY(add_count(out, s, j->path, e));
    }
out:
    db_finalize(s);
    return rc;
}

static persona_code read_state(job *j, job_info *out, persona_err *e)
{
    char *state = NULL;
    db_stmt *s = NULL;
    bool row = false;
    persona_code rc = PERSONA_OK;
    TRY(job_get_value(j, JOB_STATE, &state, e));
    out->done = state && strcmp(state, JOB_DONE) == 0;
    TRY(db_prepare(j->d, "SELECT created FROM job", &s, e));
    TRY(db_step(s, &row, e));
    if (row) {
        out->created = db_int(s, 0);
    }
out:
    db_finalize(s);
    mem_free(state);
    return rc;
}

/* What the file system says. */
static persona_code read_sizes(const char *path, job_info *out, persona_err *e)
{
    static const char *const suffix[] = {"", "-wal"};
    for (size_t i = 0; i < sizeof suffix / sizeof *suffix; i++) {
        struct stat st;
        char *name = mem_printf("%s%s", path, suffix[i]);
        if (!name) {
            return mem_err(e, path);
        }
        if (stat(name, &st) == 0) {
            out->n_bytes += (uint64_t)st.st_size;
            /* an empty log is one that a reader opened */
            if ((i == 0 || st.st_size > 0) && st.st_mtime > out->updated) {
                out->updated = st.st_mtime;
            }
        }
        mem_free(name);
    }
    const char *base = path_base(path);
    const size_t n = strlen(base);
    out->path = mem_strdup(path);
    out->id = mem_strndup(base, is_job_name(base) ? n - strlen(ending) : n);
    out->running = job_lock_held(path, &out->pid);
    return out->path && out->id ? PERSONA_OK : mem_err(e, path);
}

persona_code job_info_read(const char *path, job_info *out, persona_err *e)
{
    job *j = NULL;
    *out = (job_info){0};
    persona_code rc = PERSONA_OK;
    TRY(read_sizes(path, out, e));
    TRY(job_read(path, &j, e));
    TRY(read_labels(j, out, e));
    TRY(read_state(j, out, e));
    TRY(read_counts(j, out, e));
out:
    job_close(j);
    return rc;
}

void job_info_free(job_info *i)
{
    for (size_t k = 0; k < i->n_counts; k++) {
        mem_free(i->counts[k].stage);
        mem_free(i->counts[k].judge);
    }
    mem_free(i->counts);
    mem_free(i->command);
    mem_free(i->trait);
    mem_free(i->model);
    mem_free(i->path);
    mem_free(i->id);
    *i = (job_info){0};
}

/* A job, or what is left of one where only jobs lie: never somebody's file. */
static persona_code may_remove(const char *path, persona_err *e)
{
    job *j = NULL;
    persona_err why = {.code = PERSONA_OK};
    persona_code rc = job_read(path, &j, &why);
    job_close(j);
    if (rc != PERSONA_E_FORMAT) {
        return rc == PERSONA_OK ? rc : persona_err_set(e, rc, "%s", why.msg);
    }
    char *folder = NULL, *dir = path_dir(path);
    struct stat a, b;
    TRY(dir ? job_folder(&folder, e) : mem_err(e, path));
    if (!(is_job_name(path_base(path)) && stat(folder, &a) == 0 && stat(dir, &b) == 0 &&
          a.st_dev == b.st_dev && a.st_ino == b.st_ino)) {
        rc = persona_err_set(e, PERSONA_E_FORMAT, "%s (not removed)", why.msg);
    }
out:
    mem_free(folder);
    mem_free(dir);
    return rc;
}

persona_code job_remove(const char *path, persona_err *e)
{
    int lock = -1;
    if (!file_exists(path)) {
        return persona_err_set(e, PERSONA_E_NOTFOUND, "%s: no such job", path);
    }
    persona_code rc = PERSONA_OK;
    TRY(may_remove(path, e));
    TRY(job_lock_take(path, &lock, e));
    TRY(job_unlink(path, e));
out:
    job_lock_drop(path, lock);
    return rc;
}
