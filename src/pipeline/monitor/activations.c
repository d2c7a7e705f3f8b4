/* SPDX-License-Identifier: MIT
 *
 * activations.c - a file of texts becomes a file of states, and of an index beside it, line by
 * line.
 */
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/try.h"
#include "persona/monitor.h"
#include "pipeline/monitor/turns.h"
#include "store/matrix/matrixfile.h"

#define LINE_MAX_BYTES ((size_t)256 << 20)

typedef struct acts_work {
    persona_session *s;
    const persona_activations_opts *o;
    persona_activations_report *report;
    persona_tap response, prompt;
    int *blocks; /* (n_layer - 1) */
    size_t n_blocks;
    turns texts;
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

static void put_numbers(json_out *o, const char *key, const answer *a, const persona_token *tokens)
{
    jo_array(o, key);
    for (size_t i = 0; i < a->n_positions; i++) {
        jo_int(o, NULL, tokens != NULL ? tokens[i] : (long long)a->positions[i]);
    }
    jo_end(o);
}

static persona_code put_tokens(acts_work *w, const answer *a, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char *piece = NULL;
    persona_token *tokens = NULL;
    TRY(turns_tokens(a, &tokens, e));
    put_numbers(&w->json, "positions", a, NULL);
    put_numbers(&w->json, "ids", a, tokens);
    jo_array(&w->json, "tokens");
    for (size_t i = 0; i < a->n_positions; i++) {
        TRY(persona_detokenize(persona_session_model(w->s), &tokens[i], 1, true, &piece, e));
        jo_string(&w->json, NULL, piece);
        mem_free(piece);
        piece = NULL;
    }
    jo_end(&w->json);
out:
    mem_free(tokens);
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

static persona_code take(void *ud, size_t i, const answer *a, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    acts_work *w = ud;
    const turn *t = &w->texts.list[i];
    const size_t n = rows_of(w, a);
    json_out *o = &w->json;
    jo_object(o, NULL);
    jo_int(o, "line", (long long)t->line);
    jo_string(o, "span", t->of > 0 ? "response" : "prompt");
    if (t->polarity != 0) {
        jo_string(o, "polarity", t->polarity > 0 ? "positive" : "negative");
    }
    if (n > 0) {
        jo_int(o, "row", (long long)w->out.n_rows);
        matrix_out_rows(&w->out, a->mean, n);
    } else {
        jo_null(o, "row");
        w->report->n_empty++;
    }
    jo_int(o, "n_rows", (long long)n);
    jo_int(o, "n_tokens", (long long)a->n_positions);
    if (w->o->mode == PERSONA_TAP_ALL) {
        TRY(put_tokens(w, a, e));
    }
    jo_end(o);
    TRY(buf_ok(&w->text, "a line of the index", e));
    flush_index(w);
    w->report->n_tokens += a->n_positions;
    w->report->n_read++;
out:
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

static persona_code begin(acts_work *w, const char *texts, const char *output, const char *index,
                          persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const persona_model_info *info = persona_model_info_get(persona_session_model(w->s));
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
    TRY(matrix_out_open(&w->out, output, w->blocks, w->n_blocks, (size_t)info->n_embd, e));
    TRY(file_out_open(&w->index, index, e));
    TRY(begin_index(w, output, e));
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

static void end(acts_work *w)
{
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
    TRY(begin(&w, texts, output, index, e));
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
