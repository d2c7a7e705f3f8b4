/* SPDX-License-Identifier: MIT
 *
 * jobs_answers.c - GET /api/v1/jobs/{id}/answers: what models have written for a job so far, with
 * the scores that are known, as `persona jobs export` gives them; also while the job runs.
 *
 * A job may keep answers in several files (an extraction on each side, an evaluation), each with
 * several stages: these are its parts, numbered in the order in which they began.
 */
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/try.h"
#include "server/routes/call_parts.h"
#include "workbench/job_answers.h"

enum { LIMIT_DEFAULT = 100, LIMIT_MOST = 1000, PARTS_MOST = 1000 };

typedef struct parts {
    char **files; /* (n_files) */
    size_t n_files;
    int wanted; /* -1: the usual one */
    const char *judge;
    int n;              /* that were seen */
    int chosen;         /* -1: none */
    int rank;           /* of the chosen one */
    char *file, *stage; /* of it */
} parts;

/* What a reader wants to see first: the answers of an evaluation, or of an extraction. */
static int rank_of(const char *stage)
{
    return strncmp(stage, "evaluate/", 9) == 0 ? 2 : strcmp(stage, "rollout") == 0 ? 1 : 0;
}

static persona_code choose(parts *p, const char *file, const job_count *c, persona_err *e)
{
    const int rank = rank_of(c->stage);
    const bool better = p->wanted >= 0 ? p->n == p->wanted : rank >= p->rank;
    if (!better) {
        return PERSONA_OK;
    }
    mem_free(p->file);
    mem_free(p->stage);
    p->file = mem_strdup(file);
    p->stage = mem_strdup(c->stage);
    p->chosen = p->n;
    p->rank = rank;
    return p->file != NULL && p->stage != NULL ? PERSONA_OK : mem_err(e, "a part of a job");
}

static void part_json(json_out *o, const job_info *info, size_t at, int number)
{
    const job_count *c = &info->counts[at];
    jo_object(o, NULL);
    jo_int(o, "part", number);
    jo_string(o, "command", info->command);
    jo_string(o, "model", info->model);
    jo_string(o, "trait", *info->trait != '\0' ? info->trait : NULL);
    jo_string(o, "stage", c->stage);
    jo_int(o, "n", (long long)c->n);
    jo_array(o, "judges");
    for (size_t i = 0; i < info->n_counts; i++) {
        if (info->counts[i].judge != NULL && strcmp(info->counts[i].stage, c->stage) == 0) {
            jo_string(o, NULL, info->counts[i].judge);
        }
    }
    jo_end(o);
    jo_end(o);
}

/* The parts of one file; one that has gone has none. */
static persona_code parts_of(json_out *o, parts *p, const char *file, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    job_info info = {.path = NULL};
    if (!file_exists(file)) {
        return PERSONA_OK;
    }
    TRY(job_info_read(file, &info, e));
    for (size_t i = 0; i < info.n_counts && p->n < PARTS_MOST; i++) {
        if (info.counts[i].judge == NULL) {
            TRY(choose(p, file, &info.counts[i], e));
            part_json(o, &info, i, p->n++);
        }
    }
out:
    job_info_free(&info);
    return rc;
}

typedef struct telling {
    json_out *out;
    const job_answers *of;
} telling;

/* What a sweep and a control that is drawn say beside condition and coefficient. */
static void cell_json(json_out *o, const json_val *cell)
{
    static const char *const texts[] = {"operator", "phase"}, *const numbers[] = {"layer",
                                                                                  "variant"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (json_get(cell, texts[i]) != NULL) {
            jo_string(o, texts[i], json_string(json_get(cell, texts[i])));
        }
    }
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        if (json_get(cell, numbers[i]) != NULL) {
            jo_int(o, numbers[i], (long long)json_number(json_get(cell, numbers[i]), 0));
        }
    }
}

static persona_code answer_json(void *ud, const text_item *item, const job_answer *a,
                                persona_err *e)
{
    const telling *t = ud;
    json_out *o = t->out;
    jo_object(o, NULL);
    jo_int(o, "id", a->id);
    const persona_code rc = text_item_json(o, item, item->trait, e);
    cell_json(o, job_answers_cell(t->of, a));
    jo_int(o, "n_tokens", (long long)a->n_tokens);
    jo_bool(o, "answered", a->answered);
    jo_end(o);
    return rc;
}

static persona_code answers_of(call *c, const parts *p, const job_answers_opts *o, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    job_answers x = {.j = NULL};
    if (p->chosen < 0) {
        jo_null(&c->out, "part");
        jo_null(&c->out, "judge");
        jo_array(&c->out, "answers");
        jo_end(&c->out);
        return PERSONA_OK;
    }
    TRY(job_answers_open(p->file, p->stage, p->judge, &x, e));
    jo_int(&c->out, "part", p->chosen);
    jo_string(&c->out, "judge", x.judge);
    jo_array(&c->out, "answers");
    telling t = {&c->out, &x};
    TRY(job_answers_each(&x, o, answer_json, &t, NULL, e));
    jo_end(&c->out);
out:
    job_answers_close(&x);
    return rc;
}

static persona_code order_of(call *c, job_order *out, persona_err *e)
{
    const char *order = http_query(c->request, "order");
    if (order == NULL || strcmp(order, "id") == 0) {
        *out = JOB_BY_ID;
    } else if (strcmp(order, "arrival") == 0) {
        *out = JOB_BY_ARRIVAL;
    } else {
        return persona_err_set(e, PERSONA_E_USAGE, "order: id or arrival");
    }
    return PERSONA_OK;
}

static persona_code list(call *c, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    int offset = 0, limit = LIMIT_DEFAULT;
    job_order order = JOB_BY_ID;
    parts p = {.judge = http_query(c->request, "judge"), .chosen = -1};
    TRY(call_query_int(c, "part", 0, PARTS_MOST, -1, &p.wanted, e));
    TRY(call_query_int(c, "offset", 0, 1 << 30, 0, &offset, e));
    TRY(call_query_int(c, "limit", 1, LIMIT_MOST, LIMIT_DEFAULT, &limit, e));
    TRY(order_of(c, &order, e));
    TRY(jobs_files(c->s->jobs, c->parts[0], &p.files, &p.n_files, e));
    jo_object(&c->out, NULL);
    jo_string(&c->out, "id", c->parts[0]);
    jo_array(&c->out, "parts");
    for (size_t i = 0; i < p.n_files; i++) {
        TRY(parts_of(&c->out, &p, p.files[i], e));
    }
    jo_end(&c->out);
    if (p.wanted >= 0 && p.chosen < 0) {
        rc = persona_err_set(e, PERSONA_E_NOTFOUND, "part: the job has %d parts", p.n);
        goto out;
    }
    const job_answers_opts o = {
        .all = true, .order = order, .offset = (size_t)offset, .limit = (size_t)limit};
    jo_int(&c->out, "offset", offset);
    TRY(answers_of(c, &p, &o, e));
    jo_end(&c->out);
out:
    mem_free_list(p.files, p.n_files);
    mem_free(p.file);
    mem_free(p.stage);
    return rc;
}

static const field query_fields[] = {
    {.name = "part",
     .type = FIELD_STRING,
     .at = FIELD_NOWHERE,
     .help = "Number of a part. Default: the newest evaluation's answers, or extraction's"},
    {.name = "judge",
     .type = FIELD_STRING,
     .at = FIELD_NOWHERE,
     .help = "Whose scores; needed where several judges scored the part. none: no scores"},
    {.name = "order",
     .type = FIELD_STRING,
     .at = FIELD_NOWHERE,
     .help = "id, or arrival: new ones come last, so that offset goes on. Default id"},
    {.name = "offset", .type = FIELD_STRING, .at = FIELD_NOWHERE, .help = "Default 0"},
    {.name = "limit", .type = FIELD_STRING, .at = FIELD_NOWHERE, .help = "1 to 1000. Default 100"},
    FIELD_LAST,
};

static const field a_string[] = {{.name = "", .type = FIELD_STRING}};
static const field part_fields[] = {
    {.name = "part", .type = FIELD_INT, .required = true},
    {.name = "command", .type = FIELD_STRING, .required = true, .help = "extract, transfer, ..."},
    {.name = "model", .type = FIELD_STRING, .required = true},
    {.name = "trait", .type = FIELD_STRING},
    {.name = "stage", .type = FIELD_STRING, .required = true},
    {.name = "n", .type = FIELD_INT, .required = true, .help = "Answers so far"},
    {.name = "judges", .type = FIELD_ARRAY, .required = true, .of = a_string},
    FIELD_LAST,
};
static const field part_element[] = {{.name = "", .type = FIELD_OBJECT, .of = part_fields}};
static const field answer_fields[] = {
    {.name = "id", .type = FIELD_INT, .required = true, .help = "Its place in the part"},
    {.name = "messages",
     .type = FIELD_ANY,
     .schema = "object[]",
     .help = "The prompt, or `prompt`"},
    {.name = "prompt", .type = FIELD_STRING},
    {.name = "response", .type = FIELD_STRING},
    {.name = "polarity", .type = FIELD_STRING, .help = "positive or negative"},
    {.name = "trait", .type = FIELD_STRING},
    {.name = "label", .type = FIELD_NUMBER, .help = "The judge's score of the trait"},
    {.name = "coherence", .type = FIELD_NUMBER},
    {.name = "question", .type = FIELD_STRING},
    {.name = "question_id", .type = FIELD_STRING},
    {.name = "index", .type = FIELD_INT, .help = "Which of several answers"},
    {.name = "condition",
     .type = FIELD_STRING,
     .help = "How it was steered, in an evaluation or a sweep"},
    {.name = "coefficient", .type = FIELD_NUMBER},
    {.name = "operator", .type = FIELD_STRING, .help = "In a sweep, as `phase` and `layer`"},
    {.name = "phase", .type = FIELD_STRING},
    {.name = "layer", .type = FIELD_INT},
    {.name = "variant", .type = FIELD_INT, .help = "Which draw of a control that is drawn"},
    {.name = "n_tokens", .type = FIELD_INT, .required = true},
    {.name = "answered", .type = FIELD_BOOL, .required = true},
    FIELD_LAST,
};
static const field answer_element[] = {{.name = "", .type = FIELD_OBJECT, .of = answer_fields}};
static const field reply_fields[] = {
    {.name = "id", .type = FIELD_STRING, .required = true},
    {.name = "parts", .type = FIELD_ARRAY, .required = true, .of = part_element},
    {.name = "offset", .type = FIELD_INT, .required = true},
    {.name = "part", .type = FIELD_INT, .help = "Whose answers follow; null: there are none yet"},
    {.name = "judge", .type = FIELD_STRING, .help = "Whose scores; null: none yet"},
    {.name = "answers", .type = FIELD_ARRAY, .required = true, .of = answer_element},
    FIELD_LAST,
};

const route routes_jobs_answers[] = {
    {.method = "GET",
     .path = "/api/v1/jobs/{id}/answers",
     .errors = ERRORS_OPENAI,
     .query = query_fields,
     .run = list,
     .tag = "Jobs",
     .summary = "What models have written for it so far, with scores",
     .answer = reply_fields},
    {.method = NULL},
};
