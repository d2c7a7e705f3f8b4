/* SPDX-License-Identifier: MIT
 *
 * activations_job.c - the rows of a text are its answer's activations; where all tokens are read,
 * the answer's text is a list of their places and ids, since a job knows no tokens.
 */
#include "pipeline/monitor/activations_job.h"

#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/try.h"
#include "pipeline/manifest_parts.h"

#define MAX_MANIFEST ((size_t)1 << 20)
#define MAX_TOKENS_TEXT ((size_t)256 << 20)

/* ---- the job --------------------------------------------------------------------------------- */

static persona_code put_manifest(persona_session *s, const char *texts,
                                 const persona_activations_opts *o, const int *blocks,
                                 size_t n_blocks, buf *b, persona_err *e)
{
    static const char *const modes[] = {"mean", "last", "all"};
    const persona_session_opts *shape = persona_session_opts_get(s);
    persona_code rc = PERSONA_OK;
    json_out out;
    char hex[65];
    jo_init(&out, b, false);
    jo_object(&out, NULL);
    jo_string(&out, "command", "activations");
    TRY(manifest_model(&out, persona_session_model(s), e));
    TRY(sha256_file(&texts, 1, NULL, hex, e));
    jo_string(&out, "texts", hex);
    jo_string(&out, "mode", modes[o->mode]);
    jo_array(&out, "blocks");
    for (size_t i = 0; i < n_blocks; i++) {
        jo_int(&out, NULL, blocks[i]);
    }
    jo_end(&out);
    if (shape->n_batch < shape->n_ctx) { /* else every text is one call anyway */
        jo_int(&out, "batch", shape->n_batch);
    }
    manifest_versions(&out);
    jo_end(&out);
    TRY(buf_ok(b, "a manifest", e));
out:
    return rc;
}

persona_code acts_job_open(persona_session *s, const char *texts, const persona_activations_opts *o,
                           const int *blocks, size_t n_blocks, job **out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    buf b;
    buf_init(&b, MAX_MANIFEST);
    TRY(put_manifest(s, texts, o, blocks, n_blocks, &b, e));
    TRY(job_open_shard(o->job, b.p, o->shard, o->fresh, out, e));
out:
    buf_free(&b);
    return rc;
}

/* ---- in -------------------------------------------------------------------------------------- */

static persona_code tokens_text(const acts_item *x, buf *b, persona_err *e)
{
    json_out o;
    jo_init(&o, b, false);
    jo_array(&o, NULL);
    for (size_t k = 0; x->ids != NULL && k < x->n_positions; k++) {
        jo_int(&o, NULL, (long long)x->positions[k]);
        jo_int(&o, NULL, x->ids[k]);
    }
    jo_end(&o);
    return buf_ok(b, "the tokens of a text", e);
}

persona_code acts_job_put(job *j, const acts_item *x, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    buf b;
    buf_init(&b, MAX_TOKENS_TEXT);
    TRY(x->ids != NULL ? tokens_text(x, &b, e) : PERSONA_OK);
    const job_answer row = {.stage = ACTS_STAGE,
                            .id = (int64_t)x->i,
                            .text = b.p,
                            .pair = -1,
                            .question_index = (int)x->i,
                            .rollout = -1,
                            .answered = true,
                            .finish = PERSONA_FINISH_FORCED,
                            .n_answer = x->n_positions,
                            .mean = x->rows,
                            .n_mean = x->rows != NULL ? x->n_floats : 0};
    TRY(job_put_answers(j, &row, 1, e));
out:
    buf_free(&b);
    return rc;
}

/* ---- out ------------------------------------------------------------------------------------- */

typedef struct handing {
    const job *j;
    acts_item_fn fn;
    void *ud;
    size_t most; /* floats of the longest */
    size_t *positions;
    persona_token *ids;
} handing;

static persona_code find_most(void *ud, const job_answer *a, persona_err *e)
{
    handing *h = ud;
    (void)e;
    h->most = a->n_mean > h->most ? a->n_mean : h->most;
    return PERSONA_OK;
}

/* Pairs of place and id; an empty text has none. */
static persona_code read_tokens(handing *h, const job_answer *a, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    json_doc *d = NULL;
    TRY(json_parse(a->text, strlen(a->text), job_path(h->j), &d, e));
    const json_val *list = json_root(d);
    TRY(json_len(list) == 2 * a->n_answer
            ? PERSONA_OK
            : persona_err_set(e, PERSONA_E_FORMAT, "%s: text %lld has not the tokens that it says",
                              job_path(h->j), (long long)a->id));
    h->positions = mem_calloc(a->n_answer, sizeof *h->positions);
    h->ids = mem_calloc(a->n_answer, sizeof *h->ids);
    TRY(h->positions && h->ids ? PERSONA_OK : mem_err(e, "tokens"));
    for (size_t k = 0; k < a->n_answer; k++) {
        h->positions[k] = (size_t)json_number(json_at(list, 2 * k), 0);
        h->ids[k] = (persona_token)json_number(json_at(list, 2 * k + 1), 0);
    }
out:
    json_free(d);
    return rc;
}

static persona_code hand_over(void *ud, const job_answer *a, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    handing *h = ud;
    TRY(a->text[0] != '\0' ? read_tokens(h, a, e) : PERSONA_OK);
    const acts_item x = {.i = (size_t)a->id,
                         .rows = a->mean,
                         .n_floats = a->n_mean,
                         .n_positions = a->n_answer,
                         .positions = h->positions,
                         .ids = h->ids};
    TRY(h->fn(h->ud, &x, e));
out:
    mem_free(h->positions);
    mem_free(h->ids);
    h->positions = NULL;
    h->ids = NULL;
    return rc;
}

persona_code acts_job_each(job *j, acts_item_fn fn, void *ud, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    handing h = {.j = j, .fn = fn, .ud = ud};
    job_room room = {.mean = NULL};
    TRY(job_each_answer(j, ACTS_STAGE, JOB_BY_ID, NULL, find_most, &h, e));
    room.n_mean = h.most > 0 ? h.most : 1;
    room.mean = mem_calloc(room.n_mean, sizeof *room.mean);
    TRY(room.mean ? PERSONA_OK : mem_err(e, "activations"));
    TRY(job_each_answer(j, ACTS_STAGE, JOB_BY_ID, &room, hand_over, &h, e));
out:
    mem_free(room.mean);
    return rc;
}
