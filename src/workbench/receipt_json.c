/* SPDX-License-Identifier: MIT
 *
 * receipt_json.c - what is known of a model and of a steering, as JSON (results.h).
 */
#include "workbench/results.h"

#include <math.h>
#include <stdint.h>

#include "base/mem.h"

void model_json(json_out *o, const char *key, const persona_model_info *info)
{
    jo_object(o, key);
    jo_string(o, "name", info->name);
    jo_string(o, "arch", info->arch);
    jo_string(o, "path", info->path);
    jo_string(o, "quant", info->quant);
    jo_string(o, "chat", persona_chat_name(info->chat));
    jo_int(o, "n_layer", info->n_layer);
    jo_int(o, "n_embd", info->n_embd);
    jo_end(o);
}

persona_code receipt_take(receipt_done *d, const persona_result *r, persona_err *e)
{
    const persona_steered *x = &r->steered;
    persona_step_done *steps = mem_calloc(x->n_steps + 1, sizeof *steps);
    persona_gate_done *gates = mem_calloc(x->n_gates + 1, sizeof *gates);
    if (steps == NULL || gates == NULL) {
        mem_free(steps);
        mem_free(gates);
        return mem_err(e, "a receipt");
    }
    for (size_t i = 0; i < x->n_steps; i++) {
        steps[i] = x->steps[i];
    }
    for (size_t i = 0; i < x->n_gates; i++) {
        gates[i] = x->gates[i];
    }
    receipt_done_free(d);
    *d = (receipt_done){.n_steered = r->n_steered, .moved = r->moved, .steered = *x};
    d->steered.steps = steps;
    d->steered.gates = gates;
    return PERSONA_OK;
}

void receipt_done_free(receipt_done *d)
{
    mem_free((void *)(uintptr_t)d->steered.steps);
    mem_free((void *)(uintptr_t)d->steered.gates);
    *d = (receipt_done){.n_steered = 0};
}

static void phases_json(json_out *o, unsigned phases)
{
    static const struct {
        unsigned bit;
        const char *name;
    } NAMES[] = {{PERSONA_PHASE_PROMPT, "prompt"},
                 {PERSONA_PHASE_RESPONSE, "response"},
                 {PERSONA_PHASE_ANALYSIS, "analysis"},
                 {PERSONA_PHASE_FINAL, "final"}};
    jo_array(o, "phases");
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        if ((phases & NAMES[i].bit) != 0) {
            jo_string(o, NULL, NAMES[i].name);
        }
    }
    jo_end(o);
}

static void step_json(json_out *o, const persona_step_done *s)
{
    jo_object(o, NULL);
    jo_string(o, "operator", s->name);
    jo_int(o, "block", s->block);
    phases_json(o, s->phases);
    jo_int(o, "n", (long long)s->n);
    jo_number(o, "asked", s->asked);
    jo_number(o, "measured", s->measured);
    if (s->op == PERSONA_OP_HOLD) {
        jo_object(o, "hold");
        jo_int(o, "n_read", (long long)s->n_read);
        jo_int(o, "n_out", (long long)s->n_out);
        jo_number(o, "smooth", s->smooth);
        jo_number(o, "most", s->most);
        jo_end(o);
    }
    jo_end(o);
}

static void ratio_json(json_out *o, const persona_steered *x)
{
    if (x->n_measured == 0) {
        jo_null(o, "edit_ratio");
        return;
    }
    jo_object(o, "edit_ratio");
    jo_number(o, "mean", x->ratio_mean);
    jo_number(o, "p95", x->ratio_p95);
    jo_number(o, "most", x->ratio_most);
    jo_int(o, "most_block", x->most_block);
    jo_end(o);
}

static void guard_json(json_out *o, const persona_steered *x)
{
    jo_object(o, "guard");
    jo_string(o, "mode", persona_guard_name((int)x->guard.mode));
    jo_number(o, "ratio",
              x->guard.mode == PERSONA_GUARD_OFF ? (double)NAN : (double)x->guard.ratio);
    jo_int(o, "n_over", (long long)x->n_over);
    jo_end(o);
}

static void done_json(json_out *o, const receipt_done *d)
{
    const persona_steered *x = &d->steered;
    jo_int(o, "n_tokens", (long long)x->n_tokens);
    jo_int(o, "n_steered", (long long)d->n_steered);
    jo_number(o, "moved", d->n_steered > 0 ? d->moved / (double)d->n_steered : (double)NAN);
    ratio_json(o, x);
    guard_json(o, x);
    jo_array(o, "steps");
    for (size_t i = 0; i < x->n_steps; i++) {
        step_json(o, &x->steps[i]);
    }
    jo_end(o);
    jo_array(o, "gates");
    for (size_t i = 0; i < x->n_gates; i++) {
        jo_object(o, NULL);
        jo_int(o, "block", x->gates[i].block);
        jo_int(o, "n_read", (long long)x->gates[i].n_read);
        jo_int(o, "n_open", (long long)x->gates[i].n_open);
        jo_end(o);
    }
    jo_end(o);
    if (d->has_kl) {
        jo_object(o, "kl");
        jo_int(o, "n", (long long)d->n_kl);
        jo_number(o, "mean", d->kl_mean);
        jo_number(o, "p95", d->kl_p95);
        jo_end(o);
    }
}

void receipt_json(json_out *o, const persona_receipt *r, const receipt_done *d)
{
    if (r == NULL) {
        jo_null(o, "steering");
        return;
    }
    jo_object(o, "steering");
    jo_string(o, "expression", r->expression);
    jo_string(o, "unit", r->unit);
    jo_array(o, "layers");
    for (size_t i = 0; i < r->n_layers; i++) {
        jo_int(o, NULL, r->layers[i]);
    }
    jo_end(o);
    jo_number(o, "delta_projection", r->delta_projection);
    done_json(o, d);
    jo_string(o, "note", r->note);
    grams_json(o, r);
    jo_end(o);
}
