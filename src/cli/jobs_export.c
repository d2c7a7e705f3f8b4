/* SPDX-License-Identifier: MIT
 *
 * jobs_export.c - the answers of a job as text files: JSON lines, or the published pair of CSVs.
 *
 * The files are those of store/text/textfile.h, so that other programs and `extract --responses`
 * read them. CSV wants pairs in the published order, and prompts as the model saw them; answers
 * without polarity have no place there. JSON lines hold what the prompt was made of, for any other
 * model; those of an evaluation also say how each answer was steered.
 */
#include <string.h>

#include "base/try.h"
#include "cli/jobs.h"
#include "workbench/job_answers.h"

typedef struct exporting {
    job_answers answers;
    text_writer *out;
    bool csv;
    size_t n, n_left_out;
} exporting;

static persona_code write_item(void *ud, const text_item *item, const job_answer *a, persona_err *e)
{
    exporting *x = ud;
    if (x->csv && !a->prompt) {
        return persona_err_set(e, PERSONA_E_FORMAT,
                               "%s: answer %lld does not keep its prompt, which CSV wants; export "
                               "to -o FILE.jsonl",
                               job_path(x->answers.j), (long long)a->id);
    }
    x->n++;
    return text_writer_write(x->out, item, e);
}

/* Nothing is there unless all of it is. */
static persona_code write_all(exporting *x, const char *output, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const job_answers_opts o = {.prompts = x->csv, .order = x->csv ? JOB_BY_QUESTION : JOB_BY_ID};
    TRY(text_writer_open(output, x->csv ? TEXT_CSV : TEXT_JSONL, x->answers.trait, &x->out, e));
    TRY(job_answers_each(&x->answers, &o, write_item, x, &x->n_left_out, e));
    text_writer *whole = x->out;
    x->out = NULL; /* closing frees it in any case */
    TRY(text_writer_close(whole, e));
out:
    text_writer_abort(x->out);
    return rc;
}

static bool ends_with(const char *s, const char *end)
{
    const size_t n = strlen(s), m = strlen(end);
    return n >= m && strcmp(s + n - m, end) == 0;
}

static persona_code say_done(cli_state *c, const exporting *x, const char *output, persona_err *e)
{
    if (!c->json) {
        cli_say(c, "%s: %zu answers%s%s", output, x->n, x->answers.judge ? ", scored by " : "",
                x->answers.judge ? x->answers.judge : "");
        if (x->n_left_out > 0) {
            cli_say(c,
                    "%zu answers without an instruction are left out: they belong to neither side",
                    x->n_left_out);
        }
        return PERSONA_OK;
    }
    cli_json doc;
    json_out *o = cli_json_begin(&doc, "jobs");
    jo_string(o, "id", x->answers.info.id);
    jo_string(o, "stage", x->answers.stage);
    jo_string(o, "judge", x->answers.judge);
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
    persona_code rc = PERSONA_OK;
    if (c->json && strcmp(opts->output, "-") == 0) {
        rc = persona_err_set(e, PERSONA_E_USAGE, "--json and -o - both want standard output");
        goto out;
    }
    TRY(output_distinct(opts->output, &path, 1, e));
    if (*opts->output == '\0') {
        rc = persona_err_set(e, PERSONA_E_USAGE, "-o is empty");
        goto out;
    }
    TRY(job_answers_open(path, opts->stage, opts->judge, &x.answers, e));
    TRY(write_all(&x, opts->output, e));
    TRY(say_done(c, &x, opts->output, e));
out:
    job_answers_close(&x.answers);
    return rc;
}
