/* SPDX-License-Identifier: MIT
 *
 * jobs_export.c - the answers of a job as text files: JSON lines, or the published pair of CSVs.
 *
 * The files are those of store/text/textfile.h, so that other programs and `extract --responses`
 * read them. CSV wants pairs in the published order, and prompts as the model saw them; answers
 * without polarity have no place there. JSON lines hold what the prompt was made of, for any other
 * model; those of an evaluation also say how each answer was steered.
 */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/try.h"
#include "cli/jobs.h"
#include "store/job/job.h"
#include "store/text/textfile.h"

typedef struct exporting {
    job *j;
    const char *stage, *judge, *trait; /* judge NULL: no scores */
    text_writer *out;
    json_doc *cells; /* of an evaluation: what answer i modulo their number is; NULL: none */
    bool csv;
    size_t n, n_left_out;
} exporting;

static const json_val *cell_of(const exporting *x, const job_answer *a)
{
    const json_val *all = x->cells ? json_root(x->cells) : NULL;
    return json_len(all) > 0 ? json_at(all, (size_t)a->id % json_len(all)) : NULL;
}

/* An evaluation says in a value what its answers are. */
static persona_code read_cells(exporting *x, persona_err *e)
{
    char *key = cli_format("cells/%s", x->stage), *text = NULL;
    persona_code rc = PERSONA_OK;
    TRY(job_get_value(x->j, key, &text, e));
    if (text) {
        TRY(json_parse(text, strlen(text), job_path(x->j), &x->cells, e));
    }
out:
    mem_free(text);
    mem_free(key);
    return rc;
}

static persona_code write_scored(const exporting *x, const job_answer *a, const job_score *score,
                                 persona_err *e)
{
    const json_val *cell = cell_of(x, a);
    /* The writer does not change what it is given; its type has no const. */
    char *role[2] = {cli_strdup("system"), cli_strdup("user")};
    char *system = cli_strdup(a->system ? a->system : "");
    char *question = cli_strdup(a->question);
    char *response = cli_strdup(a->text), *prompt = a->prompt ? cli_strdup(a->prompt) : NULL;
    char *trait = x->trait ? cli_strdup(x->trait) : NULL;
    text_message messages[2] = {{role[0], system}, {role[1], question}};
    text_item item = text_item_defaults();
    if (prompt && (x->csv || !*a->question)) {
        item.prompt = prompt;
    } else {
        item.messages = a->system ? messages : messages + 1;
        item.n_messages = a->system ? 2 : 1;
    }
    item.response = response;
    item.polarity = a->polarity;
    item.label_trait = score->trait;
    item.label_coherence = score->coherence;
    item.trait = trait;
    item.question = question;
    item.question_index = a->question_index;
    item.pair_index = a->pair;
    item.rollout_index = a->rollout;
    item.condition = json_string(json_get(cell, "condition"));
    item.coefficient = json_number(json_get(cell, "coefficient"), (double)NAN);
    const persona_code rc = text_writer_write(x->out, &item, e);
    char *all[] = {role[0], role[1], system, question, response, prompt, trait};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        mem_free(all[i]);
    }
    return rc;
}

static persona_code write_answer(void *ud, const job_answer *a, persona_err *e)
{
    exporting *x = ud;
    job_score score = {.trait = NAN, .coherence = NAN};
    bool has = false;
    persona_code rc = PERSONA_OK;
    if (a->polarity == 0 && !cell_of(x, a)) { /* whoever reads the file takes a side from it */
        x->n_left_out++;
        return PERSONA_OK;
    }
    if (x->csv && !a->prompt) {
        return persona_err_set(e, PERSONA_E_FORMAT,
                               "%s: answer %lld does not keep its prompt, which CSV wants; export "
                               "to -o FILE.jsonl",
                               job_path(x->j), (long long)a->id);
    }
    if (x->judge) {
        TRY(job_get_score(x->j, x->stage, x->judge, a->id, &score, &has, e));
    }
    TRY(write_scored(x, a, &score, e));
    x->n++;
out:
    return rc;
}

/* Nothing is there unless all of it is. */
static persona_code write_all(exporting *x, const char *output, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    TRY(text_writer_open(output, x->csv ? TEXT_CSV : TEXT_JSONL, x->trait, &x->out, e));
    TRY(job_each_answer(x->j, x->stage, x->csv ? JOB_BY_QUESTION : JOB_BY_ID, NULL, write_answer, x,
                        e));
    text_writer *whole = x->out;
    x->out = NULL; /* closing frees it in any case */
    TRY(text_writer_close(whole, e));
out:
    text_writer_abort(x->out);
    return rc;
}

/* What is wanted of a job with several stages if nobody says otherwise. */
static bool is_usual(const char *stage)
{
    return strcmp(stage, "rollout") == 0 || strncmp(stage, "evaluate/", 9) == 0;
}

/* The stage that was asked for, the answers of the extraction or the evaluation, or the only
 * one. */
static persona_code choose_stage(const job_info *info, const char *wanted, const char **out,
                                 persona_err *e)
{
    size_t n = 0, n_usual = 0;
    for (size_t i = 0; i < info->n_counts; i++) {
        const job_count *c = &info->counts[i];
        if (c->judge || (wanted && strcmp(wanted, c->stage) != 0)) {
            continue;
        }
        if (n_usual == 0) {
            *out = c->stage;
        }
        n_usual += is_usual(c->stage);
        n++;
    }
    if (n == 1 || n_usual == 1) {
        return PERSONA_OK;
    }
    if (wanted) {
        return persona_err_set(e, PERSONA_E_NOTFOUND,
                               "%s: no stage '%s' (`persona jobs show %s` lists them)", info->path,
                               wanted, info->id);
    }
    if (n == 0) {
        return persona_err_set(e, PERSONA_E_NOTFOUND, "%s: no answers yet", info->path);
    }
    return persona_err_set(e, PERSONA_E_USAGE,
                           "%s has %zu stages: choose one with --stage (`persona jobs show %s` "
                           "lists them)",
                           info->path, n, info->id);
}

/* Whether `judge` are the same judge's scores for another trait: JUDGE/TRAIT. Names are sorted. */
static bool is_other_trait(const char *own, const char *judge)
{
    const size_t n = strlen(own);
    return strncmp(own, judge, n) == 0 && judge[n] == '/';
}

/* The judge that was asked for, or the only one; NULL if there is none. */
static persona_code choose_judge(const job_info *info, const char *stage, const char *wanted,
                                 const char **out, persona_err *e)
{
    size_t n = 0, n_other = 0;
    *out = NULL;
    if (wanted && strcmp(wanted, "none") == 0) {
        return PERSONA_OK;
    }
    for (size_t i = 0; i < info->n_counts; i++) {
        const job_count *c = &info->counts[i];
        if (!c->judge || strcmp(stage, c->stage) != 0 ||
            (wanted && strcmp(wanted, c->judge) != 0)) {
            continue;
        }
        if (*out && is_other_trait(*out, c->judge)) {
            n_other++;
        } else {
            *out = c->judge;
        }
        n++;
    }
    n -= n_other;
    if (wanted && n == 0) {
        return persona_err_set(e, PERSONA_E_NOTFOUND,
                               "%s: no scores by '%s' in stage '%s' (`persona jobs show %s` lists "
                               "the judges)",
                               info->path, wanted, stage, info->id);
    }
    if (n > 1) {
        return persona_err_set(e, PERSONA_E_USAGE,
                               "%s has scores by %zu judges: choose one with --scores-of, or none",
                               info->path, n);
    }
    return PERSONA_OK;
}

static bool ends_with(const char *s, const char *end)
{
    const size_t n = strlen(s), m = strlen(end);
    return n >= m && strcmp(s + n - m, end) == 0;
}

static persona_code say_done(cli_state *c, const exporting *x, const job_info *info,
                             const char *output, persona_err *e)
{
    if (!c->json) {
        cli_say(c, "%s: %zu answers%s%s", output, x->n, x->judge ? ", scored by " : "",
                x->judge ? x->judge : "");
        if (x->n_left_out > 0) {
            cli_say(c,
                    "%zu answers without an instruction are left out: they belong to neither side",
                    x->n_left_out);
        }
        return PERSONA_OK;
    }
    cli_json doc;
    json_out *o = cli_json_begin(&doc, "jobs");
    jo_string(o, "id", info->id);
    jo_string(o, "stage", x->stage);
    jo_string(o, "judge", x->judge);
    jo_int(o, "n", (long long)x->n);
    jo_int(o, "n_left_out", (long long)x->n_left_out);
    jo_string(o, "output", output);
    return cli_json_end(c, &doc, e);
}

persona_code jobs_export(cli_state *c, const char *path, const jobs_export_opts *opts,
                         persona_err *e)
{
    exporting x = {.csv = !(strcmp(opts->output, "-") == 0 || ends_with(opts->output, ".jsonl") ||
                            ends_with(opts->output, ".ndjson"))};
    job_info info;
    persona_code rc = PERSONA_OK;
    TRY(job_info_read(path, &info, e));
    if (c->json && strcmp(opts->output, "-") == 0) {
        rc = persona_err_set(e, PERSONA_E_USAGE, "--json and -o - both want standard output");
        goto out;
    }
    TRY(output_distinct(opts->output, &path, 1, e));
    if (*opts->output == '\0') {
        rc = persona_err_set(e, PERSONA_E_USAGE, "-o is empty");
        goto out;
    }
    TRY(choose_stage(&info, opts->stage, &x.stage, e));
    TRY(choose_judge(&info, x.stage, opts->judge, &x.judge, e));
    TRY(job_read(path, &x.j, e));
    TRY(read_cells(&x, e));
    x.trait = *info.trait ? info.trait : NULL;
    TRY(write_all(&x, opts->output, e));
    TRY(say_done(c, &x, &info, opts->output, e));
out:
    json_free(x.cells);
    job_close(x.j);
    job_info_free(&info);
    return rc;
}
