/* SPDX-License-Identifier: MIT
 *
 * activations.c - a file of texts becomes a file of states, and of an index beside it, line by
 * line. With a job the states go there as they are read, and into the file when all are there.
 */
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/try.h"
#include "persona/monitor.h"
#include "pipeline/kept.h"
#include "pipeline/monitor/activations_job.h"
#include "pipeline/monitor/turns.h"
#include "pipeline/share.h"
#include "store/matrix/matrixfile.h"

#define LINE_MAX_BYTES ((size_t)256 << 20)

typedef struct acts_work {
    persona_session *s;
    const persona_activations_opts *o;
    persona_activations_report *report;
    persona_tap response, prompt;
    int *blocks; /* (n_layer - 1) */
    size_t n_blocks, n_embd;
    turns texts;
    job *job;   /* NULL: rows are written as they are read */
    bool *done; /* (texts.n) those that are not to be read */
    matrix_out out;
    file_out index;
    buf text;
    json_out json;
} acts_work;

persona_activations_opts persona_activations_defaults(void)
{
    return (persona_activations_opts){.mode = PERSONA_TAP_MEAN};
}

/* ---- the index ------------------------------------------------------------------------------- */

static const char *const MODES[] = {"mean", "last", "all"};

static void flush_index(acts_work *w)
{
    (void)!fwrite(buf_str(&w->text), 1, w->text.len, w->index.fp); /* commit reports what fails */
    buf_clear(&w->text);
}

static persona_code begin_index(acts_work *w, const char *output, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const char *hash = NULL;
    persona_model *m = persona_session_model(w->s);
    TRY(persona_model_sha256(m, &hash, e));
    buf_init(&w->text, LINE_MAX_BYTES);
    jo_init(&w->json, &w->text, false);
    jo_object(&w->json, NULL);
    jo_string(&w->json, "schema", "persona.activations.index/1");
    jo_string(&w->json, "file", path_base(output));
    jo_string(&w->json, "texts", w->texts.path);
    jo_string(&w->json, "model", persona_model_info_get(m)->name);
    jo_string(&w->json, "model_sha256", hash);
    jo_string(&w->json, "mode", MODES[w->o->mode]);
    jo_array(&w->json, "blocks");
    for (size_t i = 0; i < w->n_blocks; i++) {
        jo_int(&w->json, NULL, w->blocks[i]);
    }
    jo_end(&w->json);
    jo_int(&w->json, "n_embd", persona_model_info_get(m)->n_embd);
    jo_array(&w->json, "items");
out:
    return rc;
}

static persona_code put_tokens(acts_work *w, const acts_item *x, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char *piece = NULL;
    jo_array(&w->json, "positions");
    for (size_t i = 0; i < x->n_positions; i++) {
        jo_int(&w->json, NULL, (long long)x->positions[i]);
    }
    jo_end(&w->json);
    jo_array(&w->json, "ids");
    for (size_t i = 0; i < x->n_positions; i++) {
        jo_int(&w->json, NULL, x->ids[i]);
    }
    jo_end(&w->json);
    jo_array(&w->json, "tokens");
    for (size_t i = 0; i < x->n_positions; i++) {
        TRY(persona_detokenize(persona_session_model(w->s), &x->ids[i], 1, true, &piece, e));
        jo_string(&w->json, NULL, piece);
        mem_free(piece);
        piece = NULL;
    }
    jo_end(&w->json);
out:
    return rc;
}

/* ---- rows ------------------------------------------------------------------------------------ */

static size_t rows_of(const acts_work *w, const answer *a)
{
    if (a->mean == NULL) {
        return 0;
    }
    return w->o->mode == PERSONA_TAP_ALL ? a->n_positions : 1;
}

/* The rows of a text, and what the index says of them. */
static persona_code put_item(void *ud, const acts_item *x, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    acts_work *w = ud;
    const size_t width = w->n_blocks * w->n_embd, n = x->n_floats / width;
    const bool all = w->o->mode == PERSONA_TAP_ALL;
    json_out *o = &w->json;
    if (x->i >= w->texts.n || x->n_floats % width != 0 ||
        (all && n > 0 && (!x->ids || !x->positions))) {
        rc = persona_err_set(e, PERSONA_E_FORMAT,
                             "%s: text %zu does not belong (begin it anew "
                             "with --fresh)",
                             w->o->job, x->i);
        goto out;
    }
    const turn *t = &w->texts.list[x->i];
    jo_object(o, NULL);
    jo_int(o, "line", (long long)t->line);
    jo_string(o, "span", t->of > 0 ? "response" : "prompt");
    if (t->polarity != 0) {
        jo_string(o, "polarity", t->polarity > 0 ? "positive" : "negative");
    }
    if (n > 0) {
        jo_int(o, "row", (long long)w->out.n_rows);
        matrix_out_rows(&w->out, x->rows, n);
    } else {
        jo_null(o, "row");
        w->report->n_empty++;
    }
    jo_int(o, "n_rows", (long long)n);
    jo_int(o, "n_tokens", (long long)x->n_positions);
    if (all) {
        TRY(put_tokens(w, x, e));
    }
    jo_end(o);
    TRY(buf_ok(&w->text, "a line of the index", e));
    flush_index(w);
    w->report->n_tokens += x->n_positions;
    w->report->n_read++;
out:
    return rc;
}

static persona_code take(void *ud, size_t i, const answer *a, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    acts_work *w = ud;
    persona_token *ids = NULL;
    const bool all = w->o->mode == PERSONA_TAP_ALL;
    TRY(all ? turns_tokens(a, &ids, e) : PERSONA_OK);
    const acts_item x = {.i = i,
                         .rows = a->mean,
                         .n_floats = rows_of(w, a) * w->n_blocks * w->n_embd,
                         .n_positions = a->n_positions,
                         .positions = all ? a->positions : NULL,
                         .ids = ids};
    TRY(w->job != NULL ? acts_job_put(w->job, &x, e) : put_item(w, &x, e));
out:
    mem_free(ids);
    return rc;
}

static void taps(void *ud, size_t i, ask *q)
{
    const acts_work *w = ud;
    q->tap = w->texts.list[i].of > 0 ? &w->response : &w->prompt;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static persona_code choose_blocks(acts_work *w, persona_err *e)
{
    const int n_layer = persona_model_info_get(persona_session_model(w->s))->n_layer;
    const bool all = w->o->blocks == NULL;
    w->n_blocks = all ? (size_t)n_layer - 1 : w->o->n_blocks;
    w->blocks = mem_calloc(w->n_blocks, sizeof *w->blocks);
    if (w->blocks == NULL) {
        return mem_err(e, "blocks");
    }
    for (size_t i = 0; i < w->n_blocks; i++) {
        const int b = w->blocks[i] = all ? (int)i : w->o->blocks[i];
        if (b < 0 || b > n_layer - 2 || (i > 0 && b <= w->blocks[i - 1])) {
            return persona_err_set(e, PERSONA_E_SHAPE,
                                   "block %d: blocks ascend within 0..%d (the last one of the "
                                   "model is not read)",
                                   b, n_layer - 2);
        }
    }
    return PERSONA_OK;
}

static persona_code begin_output(acts_work *w, const char *output, const char *index,
                                 persona_err *e)
{
    persona_code rc = PERSONA_OK;
    TRY(matrix_out_open(&w->out, output, w->blocks, w->n_blocks, w->n_embd, e));
    TRY(file_out_open(&w->index, index, e));
    TRY(begin_index(w, output, e));
out:
    return rc;
}

static persona_code begin(acts_work *w, const char *texts, const char *output, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    if (w->o->mode > PERSONA_TAP_ALL) {
        rc = persona_err_set(e, PERSONA_E_USAGE, "activations: mean, last or all tokens");
        goto out;
    }
    TRY(matrix_out_check(output, e));
    TRY(choose_blocks(w, e));
    TRY(turns_open(&w->texts, texts, false, e));
    w->response = w->prompt = (persona_tap){.mode = w->o->mode,
                                            .span = PERSONA_SPAN_RESPONSE,
                                            .blocks = w->blocks,
                                            .n_blocks = w->n_blocks};
    w->prompt.span = PERSONA_SPAN_PROMPT;
    w->report->n_items = w->texts.n_items;
    w->n_embd = (size_t)persona_model_info_get(persona_session_model(w->s))->n_embd;
out:
    return rc;
}

static persona_code finish(acts_work *w, bool complete, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    w->report->complete = complete;
    w->report->n_rows = w->out.n_rows;
    jo_end(&w->json);
    jo_int(&w->json, "n_items", (long long)w->report->n_items);
    jo_int(&w->json, "n_rows", (long long)w->out.n_rows);
    jo_bool(&w->json, "complete", complete);
    jo_end(&w->json);
    buf_putc(&w->text, '\n');
    TRY(buf_ok(&w->text, "the index", e));
    flush_index(w);
    TRY(matrix_out_commit(&w->out, e));
    TRY(file_out_commit(&w->index, e));
out:
    return rc;
}

/* What came before Ctrl-C is kept, if nothing older is lost by it. */
static persona_code keep_part(acts_work *w, const char *output, persona_err *e)
{
    if (w->report->n_read == 0 || file_exists(output)) {
        return PERSONA_E_CANCELED;
    }
    persona_err ignored;
    if (finish(w, false, &ignored) == PERSONA_OK) {
        persona_err_wrap(e, "the first %zu of %zu texts are in %s", w->report->n_read, w->texts.n,
                         output);
    }
    return PERSONA_E_CANCELED;
}

/* Reads what the job does not have yet and what is this shard's. */
static persona_code read_into_job(acts_work *w, const char *texts, const persona_hooks *hooks,
                                  persona_err *e)
{
    persona_code rc = PERSONA_OK;
    turns_reader reader = {.ud = w, .taps = taps, .take = take};
    TRY(acts_job_open(w->s, texts, w->o, w->blocks, w->n_blocks, &w->job, e));
    kept_tell(hooks, w->o->job);
    w->done = mem_calloc(w->texts.n, sizeof *w->done);
    TRY(w->done ? PERSONA_OK : mem_err(e, "texts"));
    TRY(job_done(w->job, ACTS_STAGE, w->done, w->texts.n, &w->report->n_resumed, e));
    reader.skip = w->done;
    reader.n_others = shard_skip(w->o->shard, w->done, w->texts.n, &w->report->shard);
    rc = turns_read(&w->texts, w->s, &reader, "read texts", hooks, e);
    if (rc == PERSONA_E_CANCELED) {
        persona_err_wrap(e, "what was read is kept; the same command goes on from there");
    }
    TRY(rc);
    TRY(shard_note(w->o->shard, w->job, ACTS_STAGE, w->texts.n, e));
    TRY(job_put_value(w->job, JOB_STATE, JOB_DONE, e));
out:
    return rc;
}

static persona_code by_way_of_job(acts_work *w, const char *texts, const char *output,
                                  const char *index, const persona_hooks *hooks, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    TRY(read_into_job(w, texts, hooks, e));
    if (w->o->shard.count > 0) {
        goto out;
    }
    TRY(begin_output(w, output, index, e));
    TRY(acts_job_each(w->job, put_item, w, e));
    TRY(finish(w, true, e));
out:
    return rc;
}

static void end(acts_work *w)
{
    job_close(w->job);
    mem_free(w->done);
    matrix_out_abort(&w->out);
    file_out_abort(&w->index);
    mem_free(w->blocks);
    turns_close(&w->texts);
    buf_free(&w->text);
}

persona_code persona_activations(persona_session *s, const char *texts,
                                 const persona_activations_opts *o, const char *output,
                                 const char *index, const persona_hooks *hooks,
                                 persona_activations_report *report, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const persona_activations_opts usual = persona_activations_defaults();
    persona_activations_report unseen;
    acts_work w = {
        .s = s, .o = o != NULL ? o : &usual, .report = report != NULL ? report : &unseen};
    const turns_reader reader = {.ud = &w, .taps = taps, .take = take};
    *w.report = (persona_activations_report){0};
    TRY(begin(&w, texts, output, e));
    if (w.o->job != NULL || w.o->shard.count > 0) {
        TRY(by_way_of_job(&w, texts, output, index, hooks, e));
        goto out;
    }
    TRY(begin_output(&w, output, index, e));
    rc = turns_read(&w.texts, s, &reader, "read texts", hooks, e);
    if (rc == PERSONA_E_CANCELED) {
        rc = keep_part(&w, output, e);
    }
    TRY(rc);
    TRY(finish(&w, true, e));
out:
    end(&w);
    return rc;
}
