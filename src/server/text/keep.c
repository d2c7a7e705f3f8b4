/* SPDX-License-Identifier: MIT
 *
 * keep.c - answers as runs (keep.h).
 */
#include "server/text/keep.h"

#include "base/clock.h"
#include "base/try.h"
#include "server/api/log.h"
#include "server/store/runs_db.h"

#define PATIENCE_S 60 /* with another process that writes to the database */
#define RESPONSE_MAX ((size_t)64 << 20)

static void choice_json(json_out *o, const collected *x, int i)
{
    const collected_choice *got = &x->choices[i];
    jo_object(o, NULL);
    jo_int(o, "index", i);
    jo_string(o, "text", buf_str(&got->text));
    if (got->analysis.len > 0) {
        jo_string(o, "analysis", buf_str(&got->analysis));
    }
    jo_string(o, "finish_reason", finish_reason(answer_choice_of(x->a, i)));
    answer_steering_json(x->a, o, i);
    probes_json(o, x, i);
    jo_end(o);
}

static void response_json(json_out *o, const collected *x)
{
    jo_object(o, NULL);
    jo_array(o, "choices");
    for (int i = 0; i < answer_spec_of(x->a)->n_choices; i++) {
        choice_json(o, x, i);
    }
    jo_end(o);
    usage_json(o, x);
    jo_end(o);
}

/* The end of the answer waits meanwhile: who has it finds it kept. */
static persona_code insert(server *s, const http_request *r, const run_row *row, persona_err *e)
{
    const double until = clock_now() + PATIENCE_S;
    persona_code rc = PERSONA_E_UNAVAILABLE;
    while (rc == PERSONA_E_UNAVAILABLE && clock_now() < until) {
        rc = runs_db_insert(s->db, row, e);
        if (http_gone(r) || answers_closed(s->answers)) {
            break;
        }
    }
    return rc;
}

void keep_run(server *s, const http_request *r, const char *body, const collected *x)
{
    persona_code rc = PERSONA_OK;
    persona_err e = {.code = PERSONA_OK};
    const answer_spec *spec = answer_spec_of(x->a);
    json_out o;
    buf response;
    buf_init(&response, RESPONSE_MAX);
    jo_init(&o, &response, false);
    response_json(&o, x);
    TRY(buf_ok(&response, "a run", &e));
    const run_row row = {.id = answer_id(x->a),
                         .created = answer_created(x->a),
                         .model = spec->model->id,
                         .route = spec->route,
                         .expression =
                             spec->steering.steered ? spec->steering.receipt.expression : NULL,
                         .seed = x->seed,
                         .request = body,
                         .response = response.p};
    TRY(insert(s, r, &row, &e));
out:
    if (rc != PERSONA_OK) {
        log_failure(r, &e);
    }
    buf_free(&response);
}
