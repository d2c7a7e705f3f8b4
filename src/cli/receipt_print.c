/* SPDX-License-Identifier: MIT
 *
 * receipt_print.c - what steering did, as text, and the guard that watches it (cli.h).
 */
#include <math.h>

#include "base/try.h"
#include "cli/cli.h"

persona_code cli_guard(const cli_state *c, persona_plan *p, persona_err *e)
{
    const persona_guard guard = {.mode = (persona_guard_mode)c->guard_mode,
                                 .ratio = c->guard_ratio};
    return p != NULL ? persona_plan_guard(p, guard, e) : PERSONA_OK;
}

void cli_warn_steering(const cli_state *c, const persona_steered *x, size_t n_steered)
{
    if (n_steered == 0) {
        cli_say(c, "note: the steering changed nothing: 0 tokens were edited");
    }
    if (x->n_over > 0 && x->guard.mode == PERSONA_GUARD_CLAMP) {
        cli_say(c, "note: %zu of %zu edits were scaled down to %s times the activations' length",
                x->n_over, x->n_measured, cli_number((double)x->guard.ratio, 2));
    } else if (x->n_over > 0) {
        cli_say(c,
                "warning: %zu of %zu edits are more than %s times as long as the activations that "
                "they edit (the most %s times, at block %d); answers lose coherence there (--guard "
                "clamp scales edits down)",
                x->n_over, x->n_measured, cli_number((double)x->guard.ratio, 2),
                cli_number(x->ratio_most, 2), x->most_block);
    }
}

static void print_step(const cli_state *c, const persona_step_done *s)
{
    cli_say(c, "  block %d, %s: %zu tokens, shift along the vector %s asked, %s measured", s->block,
            s->name, s->n, s->n > 0 ? cli_number(s->asked, 2) : "-",
            s->n > 0 && !isnan(s->measured) ? cli_number(s->measured, 2) : "not");
    if (s->op == PERSONA_OP_HOLD) {
        cli_say(c, "    of %zu tokens %zu were out of the band; at the end %s, moved by %s at most",
                s->n_read, s->n_out, s->n_read > 0 ? cli_number(s->smooth, 2) : "-",
                cli_number(s->most, 2));
    }
}

void cli_print_receipt(const cli_state *c, const persona_receipt *r, const receipt_done *d)
{
    const persona_steered *x = &d->steered;
    if (c->verbosity <= 0) {
        return;
    }
    cli_say(c, "steering %s, unit %s: %zu tokens edited", r->expression, r->unit, x->n_tokens);
    if (x->n_measured > 0) {
        cli_say(c, "  edits are %s times as long as the activations (95th percentile %s, most %s)",
                cli_number(x->ratio_mean, 3), cli_number(x->ratio_p95, 3),
                cli_number(x->ratio_most, 3));
    }
    for (size_t i = 0; i < x->n_steps; i++) {
        print_step(c, &x->steps[i]);
    }
    for (size_t i = 0; i < x->n_gates; i++) {
        cli_say(c, "  condition at block %d: open on %zu of %zu tokens", x->gates[i].block,
                x->gates[i].n_open, x->gates[i].n_read);
    }
    if (d->has_kl) {
        cli_say(c, "  KL from the unsteered model %s nats a token (95th percentile %s, %zu tokens)",
                cli_number(d->kl_mean, 3), cli_number(d->kl_p95, 3), d->n_kl);
    }
}
