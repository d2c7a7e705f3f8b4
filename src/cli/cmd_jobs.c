/* SPDX-License-Identifier: MIT
 *
 * cmd_jobs.c - `persona jobs list`, `show ID`, `export ID -o FILE`, `merge OUT PART...` and
 * `remove ID...`.
 *
 * A job is named by its id, by a beginning of it that no other job has, or by the path of its file.
 * Everything but merge and remove only reads, also while another process works on the job. A file
 * that cannot be read is listed with the reason and does not hide the others.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/try.h"
#include "cli/cli.h"
#include "cli/jobs.h"
#include "cli/table.h"
#include "store/job/job.h"

typedef struct jobs_args {
    cli_state *c;
    bool done, all;
    jobs_export_opts export;
} jobs_args;

enum { LIST = 1, SHOW = 2, EXPORT = 4, REMOVE = 8, MERGE = 16 };

static const cli_action actions[] = {
    {"list", LIST, "", NULL, 0, 0},
    {"show", SHOW, "JOB", "one job", 1, 1},
    {"export", EXPORT, "JOB -o FILE.jsonl|FOLDER", "one job", 1, 1},
    {"merge", MERGE, "OUT.db PART.db...", "the job to be made and the shards' files", 2, SIZE_MAX},
    {"remove", REMOVE, "JOB...|--done|--all", "jobs, --done or --all", 0, SIZE_MAX},
    {.name = NULL},
};

#define AT(member) offsetof(jobs_args, member)

static const opt options[] = {
    {.name = "done",
     .type = OPT_ON,
     .on = REMOVE,
     .at = AT(done),
     .help = "Every job that is done"},
    {.name = "all", .type = OPT_ON, .on = REMOVE, .at = AT(all), .help = "Every job"},
    {.name = "output",
     .key = 'o',
     .type = OPT_FILE,
     .on = EXPORT,
     .arg = "PATH",
     .at = AT(export.output),
     .help = "FILE.jsonl, or a folder for a pair of CSV files"},
    {.name = "stage",
     .type = OPT_TEXT,
     .on = EXPORT,
     .arg = "NAME",
     .at = AT(export.stage),
     .without = "the only stage there is",
     .help = "Which answers"},
    {.name = "scores-of",
     .type = OPT_TEXT,
     .on = EXPORT,
     .arg = "JUDGE",
     .at = AT(export.judge),
     .without = "the only judge there is",
     .help = "Whose scores; none: leave them out"},
    {.name = NULL},
};
static const opt_group jobs_options = {NULL, false, options};

static persona_code check(void *p, persona_err *e)
{
    const jobs_args *a = p;
    const unsigned action = a->c->action->bit;
    const bool many = a->done || a->all;
    if (many && a->c->n_words > 0) {
        return persona_err_set(e, PERSONA_E_USAGE, "--%s goes with remove and without names",
                               a->done ? "done" : "all");
    }
    if (action == REMOVE && !many && a->c->n_words == 0) {
        return persona_err_set(e, PERSONA_E_USAGE, "remove wants jobs, --done or --all");
    }
    if (action == EXPORT && !a->export.output) {
        return persona_err_set(e, PERSONA_E_USAGE, "export wants -o FILE.jsonl or -o FOLDER");
    }
    return PERSONA_OK;
}

/* ---- finding --------------------------------------------------------------------------------- */

typedef struct shelf {
    char **paths;
    size_t n;
} shelf;

static persona_code shelf_open(shelf *s, persona_err *e)
{
    char *folder = NULL;
    persona_code rc = PERSONA_OK;
    *s = (shelf){NULL, 0};
    TRY(job_folder(&folder, e));
    TRY(job_list(folder, &s->paths, &s->n, e));
out:
    mem_free(folder);
    return rc;
}

static void shelf_close(shelf *s)
{
    persona_names_free(s->paths, s->n);
}

static persona_code find(const shelf *s, const char *name, const char **path, persona_err *e)
{
    const size_t len = strlen(name);
    size_t n = 0;
    *path = name;
    if (strchr(name, '/') || (len > 3 && strcmp(name + len - 3, ".db") == 0)) {
        return PERSONA_OK;
    }
    for (size_t i = 0; i < s->n; i++) {
        const char *base = path_base(s->paths[i]);
        if (len == 0 || strncmp(base, name, len) != 0) {
            continue;
        }
        *path = s->paths[i];
        n++;
        if (strcmp(base + len, ".db") == 0) {
            n = 1;
            break;
        }
    }
    if (n == 0) {
        return persona_err_set(e, PERSONA_E_NOTFOUND,
                               "no job '%s' (`persona jobs list` shows the %zu there are)", name,
                               s->n);
    }
    if (n > 1) {
        return persona_err_set(e, PERSONA_E_USAGE, "'%s' is the beginning of %zu jobs: say more",
                               name, n);
    }
    return PERSONA_OK;
}

/* ---- what is said about one ------------------------------------------------------------------ */

static const char *state_of(const job_info *i, bool readable)
{
    if (i->running) {
        return "running";
    }
    if (!readable) {
        return "damaged";
    }
    return i->done ? JOB_DONE : "stopped";
}

/* Local time. */
static const char *when(int64_t seconds, char *out, size_t size)
{
    struct tm t;
    const time_t at = (time_t)seconds;
    if (seconds <= 0 || !localtime_r(&at, &t) ||
        strftime(out, size, "%Y-%m-%d %H:%M:%S", &t) == 0) {
        snprintf(out, size, "-");
    }
    return out;
}

static void time_json(json_out *o, const char *key, int64_t seconds)
{
    char text[32];
    struct tm t;
    const time_t at = (time_t)seconds;
    const bool known = seconds > 0 && gmtime_r(&at, &t) &&
                       strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &t) > 0;
    jo_string(o, key, known ? text : NULL);
}

/* error: NULL if the file could be read. */
static void job_json(json_out *o, const job_info *i, const char *error)
{
    jo_string(o, "id", i->id);
    jo_string(o, "path", i->path);
    jo_string(o, "command", i->command);
    jo_string(o, "trait", i->trait);
    jo_string(o, "model", i->model);
    jo_string(o, "state", state_of(i, !error));
    if (i->pid > 0) {
        jo_int(o, "pid", i->pid);
    } else {
        jo_null(o, "pid");
    }
    jo_int(o, "n_answers", (long long)i->n_answers);
    jo_array(o, "stages");
    for (size_t k = 0; k < i->n_counts; k++) {
        const job_count *c = &i->counts[k];
        jo_object(o, NULL);
        jo_string(o, "stage", c->stage);
        jo_string(o, "judge", c->judge);
        jo_int(o, "n", (long long)c->n);
        jo_end(o);
    }
    jo_end(o);
    time_json(o, "created", i->created);
    time_json(o, "updated", i->updated);
    jo_int(o, "size_bytes", (long long)i->n_bytes);
    jo_string(o, "error", error);
}

/* ---- list ------------------------------------------------------------------------------------ */

typedef struct entry {
    job_info info;
    persona_err error; /* code OK: readable */
} entry;

static int newest_first(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    if (x->info.updated != y->info.updated) {
        return x->info.updated < y->info.updated ? 1 : -1;
    }
    return strcmp(x->info.path, y->info.path);
}

static void list_text(const entry *all, size_t n)
{
    static const table_column columns[] = {{"job", TABLE_LEFT},   {"command", TABLE_LEFT},
                                           {"trait", TABLE_LEFT}, {"model", TABLE_LEFT},
                                           {"state", TABLE_LEFT}, {"answers", TABLE_RIGHT},
                                           {"size", TABLE_RIGHT}, {"last written", TABLE_LEFT}};
    char text[32];
    table t;
    table_init(&t, columns, sizeof columns / sizeof *columns);
    for (size_t k = 0; k < n; k++) {
        const job_info *i = &all[k].info;
        const bool readable = all[k].error.code == PERSONA_OK;
        table_cell(&t, "%s", i->id);
        table_style(&t, TTY_BOLD);
        table_cell(&t, "%s", readable ? i->command : "");
        table_cell(&t, "%s", readable ? i->trait : "");
        table_cell(&t, "%s", readable ? i->model : "");
        table_cell(&t, "%s", state_of(i, readable));
        if (!readable) {
            table_style(&t, TTY_RED);
        }
        table_cell(&t, "%zu", i->n_answers);
        table_cell(&t, "%s", cli_bytes(i->n_bytes));
        table_cell(&t, "%s", when(i->updated, text, sizeof text));
    }
    table_print(&t, stdout, 0);
    table_free(&t);
    for (size_t k = 0; k < n; k++) {
        if (all[k].error.code != PERSONA_OK) {
            printf("%s\n", all[k].error.msg);
        }
    }
}

static persona_code run_list(cli_state *c, const shelf *s, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    entry *all = cli_alloc(s->n + 1, sizeof *all);
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++) {
        entry *x = &all[n];
        const persona_code read = job_info_read(s->paths[i], &x->info, &x->error);
        if (read == PERSONA_E_NOTFOUND) { /* removed since we looked */
            job_info_free(&x->info);
        } else {
            n++;
        }
    }
    if (n > 0) {
        qsort(all, n, sizeof *all, newest_first);
    }
    if (c->json) {
        cli_json j;
        json_out *o = cli_json_begin(&j, "jobs");
        jo_array(o, "jobs");
        for (size_t i = 0; i < n; i++) {
            jo_object(o, NULL);
            job_json(o, &all[i].info, all[i].error.code == PERSONA_OK ? NULL : all[i].error.msg);
            jo_end(o);
        }
        jo_end(o);
        rc = cli_json_end(c, &j, e);
    } else if (n == 0) {
        printf("no jobs\n");
    } else {
        list_text(all, n);
    }
    for (size_t i = 0; i < n; i++) {
        job_info_free(&all[i].info);
    }
    mem_free(all);
    return rc;
}

/* ---- show ------------------------------------------------------------------------------------ */

enum { DEPTH_MAX = 16 };

typedef struct copying {
    json_out *o;
    int depth;
} copying;

static bool copy_member(void *ud, const char *key, const json_val *v);

/* A value of another document; what is nested too deep is null. */
static void copy_value(const copying *to, const char *key, const json_val *v)
{
    copying into = {to->o, to->depth + 1};
    const json_type type = json_typeof(v);
    if (type == JSON_BOOL) {
        jo_bool(to->o, key, json_bool(v, false));
    } else if (type == JSON_NUMBER) {
        jo_number(to->o, key, json_number(v, 0));
    } else if (type == JSON_STRING) {
        jo_string(to->o, key, json_string(v));
    } else if (type == JSON_NULL || to->depth == DEPTH_MAX) {
        jo_null(to->o, key);
    } else if (type == JSON_OBJECT) {
        jo_object(to->o, key);
        json_each(v, copy_member, &into);
        jo_end(to->o);
    } else {
        jo_array(to->o, key);
        for (size_t i = 0; i < json_len(v); i++) {
            copy_value(&into, NULL, json_at(v, i));
        }
        jo_end(to->o);
    }
}

static bool copy_member(void *ud, const char *key, const json_val *v)
{
    copy_value(ud, key, v);
    return true;
}

static persona_code show_json(cli_state *c, const job_info *info, const job *j, persona_err *e)
{
    json_doc *manifest = NULL;
    const char *text = job_manifest(j);
    persona_code rc = PERSONA_OK;
    TRY(json_parse(text, strlen(text), job_path(j), &manifest, e));
    cli_json doc;
    json_out *o = cli_json_begin(&doc, "jobs");
    job_json(o, info, NULL);
    copy_value(&(copying){o, 0}, "manifest", json_root(manifest));
    rc = cli_json_end(c, &doc, e);
out:
    json_free(manifest);
    return rc;
}

static void show_text(const job_info *i, const char *manifest)
{
    char text[32];
    int width = 8;
    for (size_t k = 0; k < i->n_counts; k++) {
        const int n = (int)strnlen(i->counts[k].stage, 64);
        width = n > width ? n : width;
    }
    printf("%s%s%s  %s %s\n", tty_paint(stdout, TTY_BOLD), i->id, tty_paint(stdout, TTY_RESET),
           i->command, i->trait);
    printf("  model    %s\n", *i->model ? i->model : "-");
    printf("  state    %s", state_of(i, true));
    if (i->pid > 0) {
        printf(", process %d", i->pid);
    }
    putchar('\n');
    printf("  begun    %s\n", when(i->created, text, sizeof text));
    printf("  written  %s\n", when(i->updated, text, sizeof text));
    for (size_t k = 0; k < i->n_counts; k++) {
        const job_count *c = &i->counts[k];
        if (c->judge) {
            printf("  %-*s %zu scores by %s\n", width, c->stage, c->n, c->judge);
        } else {
            printf("  %-*s %zu answers\n", width, c->stage, c->n);
        }
    }
    printf("  size     %s\n  file     %s\n  manifest %s\n", cli_bytes(i->n_bytes), i->path,
           manifest);
}

static persona_code run_show(cli_state *c, const char *path, persona_err *e)
{
    job *j = NULL;
    job_info info;
    persona_code rc = PERSONA_OK;
    TRY(job_info_read(path, &info, e));
    TRY(job_read(path, &j, e));
    if (c->json) {
        rc = show_json(c, &info, j, e);
    } else {
        show_text(&info, job_manifest(j));
    }
out:
    job_close(j);
    job_info_free(&info);
    return rc;
}

/* ---- remove ---------------------------------------------------------------------------------- */

typedef struct removal {
    json_out *o; /* NULL: text */
    size_t n;
    uint64_t n_bytes;
} removal;

/* only_done: leave it alone unless it is done. */
static persona_code remove_one(const char *path, bool only_done, removal *r, persona_err *e)
{
    job_info info;
    persona_err ignored = {.code = PERSONA_OK};
    const persona_code read = job_info_read(path, &info, &ignored);
    persona_code rc = PERSONA_OK;
    if (!only_done || (read == PERSONA_OK && info.done)) {
        TRY(job_remove(path, e));
        r->n++;
        r->n_bytes += info.n_bytes;
        if (r->o) {
            jo_string(r->o, NULL, info.id);
        }
    }
out:
    job_info_free(&info);
    return rc;
}

static persona_code remove_named(const jobs_args *a, const shelf *s, const char *name, removal *r,
                                 persona_err *e)
{
    const char *path = NULL;
    persona_code rc = PERSONA_OK;
    TRY(find(s, name, &path, e));
    TRY(remove_one(path, a->done, r, e));
out:
    return rc;
}

/* Goes on after a failure; the first one is returned. */
static persona_code remove_all(const jobs_args *a, const shelf *s, removal *r, persona_err *e)
{
    const cli_state *c = a->c;
    const size_t n = c->n_words > 0 ? c->n_words : s->n;
    persona_code first = PERSONA_OK;
    for (size_t i = 0; i < n; i++) {
        persona_err now = {.code = PERSONA_OK};
        const persona_code rc = c->n_words > 0 ? remove_named(a, s, c->words[i], r, &now)
                                               : remove_one(s->paths[i], a->done, r, &now);
        if (rc != PERSONA_OK && first == PERSONA_OK) {
            first = persona_err_set(e, rc, "%s", now.msg);
        }
    }
    return first;
}

static persona_code run_remove(const jobs_args *a, const shelf *s, persona_err *e)
{
    cli_json j;
    removal r = {NULL, 0, 0};
    if (a->c->json) {
        r.o = cli_json_begin(&j, "jobs");
        jo_array(r.o, "removed");
    }
    persona_code rc = remove_all(a, s, &r, e);
    if (!r.o) {
        if (rc == PERSONA_OK || r.n > 0) {
            cli_say(a->c, "%zu removed, %s", r.n, cli_bytes(r.n_bytes));
        }
        return rc;
    }
    jo_end(r.o);
    jo_int(r.o, "n_bytes", (long long)r.n_bytes);
    jo_string(r.o, "error", rc == PERSONA_OK || !e ? NULL : e->msg);
    const persona_code printed = cli_json_end(a->c, &j, rc == PERSONA_OK ? e : NULL);
    return rc == PERSONA_OK ? printed : rc;
}

/* ---- merge ----------------------------------------------------------------------------------- */

static persona_code merge_json(cli_state *c, const job_merged *r, persona_err *e)
{
    cli_json j;
    json_out *o = cli_json_begin(&j, "jobs");
    jo_string(o, "output", c->words[0]);
    jo_int(o, "shards", r->n_parts);
    jo_int(o, "n_answers", (long long)r->n_answers);
    jo_int(o, "n_scores", (long long)r->n_scores);
    jo_bool(o, "was_there", r->was_there);
    return cli_json_end(c, &j, e);
}

static persona_code run_merge(cli_state *c, persona_err *e)
{
    job_merged r;
    persona_code rc = PERSONA_OK;
    TRY(job_merge(c->words[0], (const char *const *)c->words + 1, c->n_words - 1, &r, e));
    if (c->json) {
        TRY(merge_json(c, &r, e));
    } else if (r.was_there) {
        cli_say(c, "%s holds all answers of these %d shards already", c->words[0], r.n_parts);
    } else {
        printf("%s: %zu answers of %d shards\n", c->words[0], r.n_answers, r.n_parts);
        cli_say(c,
                "the command that the shards were made with goes on from there, without "
                "--shard and with --job %s",
                c->words[0]);
    }
out:
    return rc;
}

static persona_code run_jobs(void *p, persona_err *e)
{
    const jobs_args *a = p;
    cli_state *c = a->c;
    const unsigned action = c->action->bit;
    shelf s = {NULL, 0};
    const char *path = NULL;
    persona_code rc = PERSONA_OK;
    if (action == MERGE) {
        return run_merge(c, e);
    }
    TRY(shelf_open(&s, e));
    if (action == LIST) {
        rc = run_list(c, &s, e);
    } else if (action == REMOVE) {
        rc = run_remove(a, &s, e);
    } else {
        TRY(find(&s, c->words[0], &path, e));
        rc = action == SHOW ? run_show(c, path, e) : jobs_export(c, path, &a->export, e);
    }
out:
    shelf_close(&s);
    return rc;
}

const cli_command command_jobs = {
    .name = "jobs",
    .summary = "List, show, export, merge or remove long tasks that can be resumed",
    .about = "Lists long tasks that can be resumed, shows one, writes its answers into files, "
             "makes one of the shards of a task that several machines have done (--shard), or "
             "removes what they keep. A task is resumed by the command that began it.",
    .actions = actions,
    .groups = {{&jobs_options, 0}, {&opt_group_output, 0}},
    .size = sizeof(jobs_args),
    .check = check,
    .run = run_jobs,
};
