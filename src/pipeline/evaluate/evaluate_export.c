/* SPDX-License-Identifier: MIT
 *
 * evaluate_export.c - every answer behind a verdict and every text behind a map as JSON lines
 * (FORMATS.md, "Export"), so that whoever doubts a table can compute it again with other tools.
 */
#include <math.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/try.h"
#include "pipeline/evaluate/evaluate_export.h"

#define MAX_FILE ((size_t)512 << 20)

static void begin_line(buf *lines, json_out *o)
{
    jo_init(o, lines, false);
    jo_object(o, NULL);
}

static void end_line(buf *lines, json_out *o)
{
    jo_end(o);
    buf_putc(lines, '\n');
}

/* Writes and empties the lines. */
static persona_code write_lines(const char *folder, const char *name, buf *lines, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char *path = mem_printf("%s/%s", folder, name);
    TRY(path ? buf_ok(lines, path, e) : mem_err(e, "an export"));
    TRY(file_mkdirs(folder, e));
    TRY(file_write(path, buf_str(lines), lines->len, e));
out:
    mem_free(path);
    buf_free(lines);
    return rc;
}

static void answer_line(buf *lines, const eval_cell *c, const export_answer *a)
{
    json_out o;
    begin_line(lines, &o);
    jo_string(&o, "condition", c->condition);
    jo_number(&o, "coefficient", c->coefficient);
    if (c->variant >= 0) {
        jo_int(&o, "draw", c->variant);
    }
    if (c->note && c->note[0]) {
        jo_string(&o, "note", c->note);
    }
    jo_int(&o, "question_index", (long long)a->question_index);
    jo_int(&o, "rollout", (long long)a->rollout);
    jo_int(&o, "seed", a->seed);
    jo_string(&o, "question", a->question);
    jo_string(&o, "system", a->system);
    jo_bool(&o, "answered", a->answer->answered);
    jo_string(&o, "analysis", a->answer->analysis);
    jo_string(&o, "answer", a->answer->text);
    jo_int(&o, "n_tokens", (long long)a->answer->n_tokens);
    jo_int(&o, "n_answer", (long long)a->answer->n_answer);
    jo_bool(&o, "cut", a->answer->finish == PERSONA_FINISH_LENGTH);
    jo_number(&o, "score", a->answer->answered ? (double)a->judged->trait : (double)NAN);
    jo_number(&o, "coherence", a->answer->answered ? (double)a->judged->coherence : 0.0);
    jo_number(&o, "second_score", a->second);
    jo_object(&o, "panel");
    for (persona_panel_dim d = 0; a->panel && d < PERSONA_PANEL_DIMS; d++) {
        jo_number(&o, persona_panel_name(d), a->panel[d]);
    }
    jo_end(&o);
    end_line(lines, &o);
}

persona_code export_answers(const char *folder, const export_answer *answers, size_t n,
                            persona_err *e)
{
    buf lines;
    buf_init(&lines, MAX_FILE);
    for (size_t i = 0; i < n; i++) {
        answer_line(&lines, answers[i].cell, &answers[i]);
    }
    return write_lines(folder, "answers.jsonl", &lines, e);
}

persona_code export_texts(const char *folder, const persona_pairs *p, const persona_fit_opts *fit,
                          persona_err *e)
{
    persona_code rc = PERSONA_OK;
    buf lines;
    unsigned *times = mem_calloc(p->n, sizeof *times);
    char hash[17];
    buf_init(&lines, MAX_FILE);
    TRY(times ? pairs_left_over(p, fit, fit->leave, NULL, times, e) : mem_err(e, "an export"));
    for (size_t i = 0; i < p->n; i++) {
        const pair_text *t = &p->texts[i];
        json_out o;
        begin_line(&lines, &o);
        snprintf(hash, sizeof hash, "%016llx", (unsigned long long)t->hash);
        jo_string(&o, "hash", hash);
        jo_string(&o, "trait", t->trait >= 0 ? p->names[t->trait] : NULL);
        jo_int(&o, "polarity", t->polarity);
        jo_string(&o, "question", t->question);
        jo_string(&o, "text", t->text);
        jo_bool(&o, "usable", t->usable);
        jo_bool(&o, "in_map", times[i] > 0);
        jo_number(&o, "score", fit->lean ? fit->lean->score[i] : (double)NAN);
        end_line(&lines, &o);
    }
    TRY(write_lines(folder, "texts.jsonl", &lines, e));
out:
    buf_free(&lines);
    mem_free(times);
    return rc;
}
