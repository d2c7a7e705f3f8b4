/* SPDX-License-Identifier: MIT
 *
 * shard_spec.c - I/N, auto and auto/N (shard_spec.h).
 *
 * A job system that is there says who this is; one that says only half of it, or another thing than
 * a second one, is an error: a part that does the work of another would be noticed only when all
 * the work is done.
 */
#include "workbench/shard_spec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/try.h"

/* What a job system sets; NULL: it has no such variable. */
typedef struct job_system {
    const char *index, *min, *max, *count;
} job_system;

static const job_system systems[] = {
    {"SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_MIN", "SLURM_ARRAY_TASK_MAX",
     "SLURM_ARRAY_TASK_COUNT"},
    {"OMPI_COMM_WORLD_RANK", NULL, NULL, "OMPI_COMM_WORLD_SIZE"},
    {"JOB_COMPLETION_INDEX", NULL, NULL, NULL},
};
enum { N_SYSTEMS = sizeof systems / sizeof *systems };

static const char *variable(const char *name)
{
    const char *text = name ? getenv(name) : NULL;
    return text && *text ? text : NULL;
}

/* Digits only, all of text up to `end`. */
static bool number(const char *text, char end, long *out)
{
    char *rest = NULL;
    if (!text || *text < '0' || *text > '9') {
        return false;
    }
    *out = strtol(text, &rest, 10);
    return *rest == end;
}

static persona_code read_variable(const char *name, long *out, persona_err *e)
{
    const char *text = variable(name);
    if (!text) {
        return persona_err_set(e, PERSONA_E_USAGE,
                               "--shard auto: %s is not set beside the others of its kind: say "
                               "--shard I/N",
                               name);
    }
    if (!number(text, '\0', out)) {
        return persona_err_set(e, PERSONA_E_USAGE, "--shard auto: %s is '%s', not a number from 0",
                               name, text);
    }
    return PERSONA_OK;
}

static persona_code check(const char *who, long index, long count, persona_shard *out,
                          persona_err *e)
{
    if (count < 1 || count > PERSONA_SHARDS_MAX || index < 0 || index >= count) {
        return persona_err_set(e, PERSONA_E_USAGE,
                               "--shard: %s says %ld/%ld: the number of shards goes from 1 to %d, "
                               "and a shard from 0 to one below it",
                               who, index, count, PERSONA_SHARDS_MAX);
    }
    *out = (persona_shard){(int)index, (int)count};
    return PERSONA_OK;
}

/* wanted: what auto/N says; 0: nothing. */
static persona_code ask(const job_system *x, long wanted, persona_shard *out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    long index = 0, min = 0, max = 0, count = wanted;
    TRY(read_variable(x->index, &index, e));
    TRY(x->min ? read_variable(x->min, &min, e) : PERSONA_OK);
    TRY(x->count ? read_variable(x->count, &count, e) : PERSONA_OK);
    if (!x->count && wanted == 0) {
        rc = persona_err_set(e, PERSONA_E_USAGE,
                             "--shard auto: %s does not say how many there are: say --shard "
                             "auto/N, with N as the Job's completions",
                             x->index);
        goto out;
    }
    if (wanted > 0 && count != wanted) {
        rc = persona_err_set(e, PERSONA_E_USAGE,
                             "--shard auto/%ld: %s says %ld: make them agree, or say --shard I/N",
                             wanted, x->count, count);
        goto out;
    }
    if (variable(x->max)) {
        TRY(read_variable(x->max, &max, e));
        if (max - min + 1 != count) {
            rc = persona_err_set(e, PERSONA_E_USAGE,
                                 "--shard auto: the array has gaps (%s %ld, %s %ld, %s %ld): make "
                                 "it --array=0-%ld, or say --shard I/N",
                                 x->min, min, x->max, max, x->count, count, count - 1);
            goto out;
        }
    }
    TRY(check(x->index, index - min, count, out, e));
out:
    return rc;
}

static persona_code from_environment(long wanted, persona_shard *out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const job_system *by = NULL;
    for (size_t i = 0; i < N_SYSTEMS; i++) {
        persona_shard s;
        if (!variable(systems[i].index)) {
            continue;
        }
        TRY(ask(&systems[i], wanted, &s, e));
        if (by && (s.index != out->index || s.count != out->count)) {
            rc = persona_err_set(e, PERSONA_E_USAGE,
                                 "--shard auto: by %s this is shard %d/%d, by %s %d/%d: unset one "
                                 "of them, or say --shard I/N",
                                 by->index, out->index, out->count, systems[i].index, s.index,
                                 s.count);
            goto out;
        }
        by = &systems[i];
        *out = s;
    }
    if (!by) {
        rc = persona_err_set(e, PERSONA_E_USAGE,
                             "--shard auto: neither %s nor %s nor %s is set: this is no task of a "
                             "Slurm array, of mpirun or of an indexed Job; say --shard I/N",
                             systems[0].index, systems[1].index, systems[2].index);
        goto out;
    }
out:
    return rc;
}

persona_code shard_spec_parse(const char *text, persona_shard *out, persona_err *e)
{
    long index = 0, count = 0;
    const char *slash = strchr(text, '/');
    *out = (persona_shard){0, 0};
    if (strcmp(text, "auto") == 0) {
        return from_environment(0, out, e);
    }
    if (slash && number(slash + 1, '\0', &count)) {
        if (strncmp(text, "auto/", 5) == 0 && count >= 1 && count <= PERSONA_SHARDS_MAX) {
            return from_environment(count, out, e);
        }
        if (number(text, '/', &index)) {
            return check(text, index, count, out, e);
        }
    }
    return persona_err_set(e, PERSONA_E_USAGE,
                           "--shard wants I/N (I from 0), auto or auto/N, not '%s'", text);
}

char *shard_spec_file(const char *name, persona_shard s)
{
    buf b;
    buf_init(&b, (size_t)1 << 16);
    for (const char *at = name; *at;) {
        if (at[0] == '%' && at[1] == 'i') {
            buf_printf(&b, "%d", s.index);
            at += 2;
        } else {
            buf_putc(&b, *at++);
        }
    }
    char *out = buf_take(&b);
    buf_free(&b);
    return out;
}
