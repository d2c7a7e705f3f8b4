/* SPDX-License-Identifier: MIT
 *
 * verdict_decide.c - PASS or FAIL, and why.
 *
 * PASS says that the transferred vector moves the trait and that nothing simpler does as well:
 *   - at most 10 % of its answers, of the unsteered ones and of any null's are missing, and the
 *     shares at -1, 0 and +1 lie within 5 points of each other;
 *   - its swing is no draw of what random directions, random source vectors and maps of shuffled
 *     pairs do (one-sided p <= 0.05 each);
 * - it is larger than that of word counts and of the source's bare numbers, on the same questions;
 *   - the score rises with the coefficient (Spearman >= 0.8) and the answers stay coherent.
 * Everything else is FAIL, with the first thing that is missing as the reason. Whether the effect
 * is specific, and not what any other trait's vector does too, is said beside it.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "pipeline/evaluate/conditions.h"
#include "pipeline/evaluate/verdict.h"

#define MAX_LOSS 0.10
#define MAX_LOSS_APART (0.05 + 1e-9)
#define MAX_P 0.05
#define MIN_SPEARMAN (0.8 - 1e-9) /* five ranks give 0.8 itself, which must not fail by rounding */
#define MIN_COHERENCE 0.5         /* of the unsteered one */

#define REASON(x, ...) snprintf((x)->reason, sizeof(x)->reason, __VA_ARGS__)

/* ---- answers --------------------------------------------------------------------------------- */

static bool answers_are_there(const verdict_board *b, persona_evaluation *x)
{
    const double at[3] = {verdict_loss(b, "transferred", -1), verdict_loss(b, "unsteered", 0),
                          verdict_loss(b, "transferred", 1)};
    const double most = fmax(fmax(at[0], at[1]), at[2]), least = fmin(fmin(at[0], at[1]), at[2]);
    if (most > MAX_LOSS || most - least > MAX_LOSS_APART) {
        REASON(
            x,
            "answers are missing: %.0f %% at -1, %.0f %% unsteered, %.0f %% at +1 (at most 10 %%, "
            "and within 5 of each other)",
            100 * at[0], 100 * at[1], 100 * at[2]);
        return false;
    }
    for (size_t i = 0; condition_at(i); i++) {
        const condition_kind *c = condition_at(i);
        const double lost = fmax(verdict_loss(b, c->name, -1), verdict_loss(b, c->name, 1));
        if (condition_is_null(c) && lost > MAX_LOSS) {
            REASON(x,
                   "%.0f %% of the answers of the control '%s' are missing, so it proves nothing",
                   100 * lost, c->name);
            return false;
        }
    }
    return true;
}

/* ---- nulls ----------------------------------------------------------------------------------- */

static const persona_margin *margin(const persona_evaluation *x, const char *condition)
{
    for (size_t i = 0; i < x->n_margins; i++) {
        if (strcmp(x->margins[i].condition, condition) == 0 && !x->margins[i].what[0]) {
            return &x->margins[i];
        }
    }
    return NULL;
}

static bool not_run(persona_evaluation *x, const condition_kind *c)
{
    if (c->must_run) {
        REASON(x, "the control '%s' was not run, or not judged", c->name);
    }
    return !c->must_run;
}

/* True, too, where a control that may be left out was not run. */
static bool beyond(persona_evaluation *x, const persona_interval *t, const condition_kind *c)
{
    const persona_margin *m = margin(x, c->name);
    const persona_swing *s = persona_evaluation_swing(x, c->name);
    if (!m || !s || isnan(m->points.value)) {
        return not_run(x, c);
    }
    if (m->points.low > 0) {
        return true;
    }
    REASON(x, "swing %.1f [%.1f, %.1f] is not above %s %.1f [%.1f, %.1f]: by %.1f [%.1f, %.1f]",
           t->value, t->low, t->high, c->name, s->swing.value, s->swing.low, s->swing.high,
           m->points.value, m->points.low, m->points.high);
    return false;
}

static bool no_draw(persona_evaluation *x, const persona_interval *t, const condition_kind *c)
{
    const persona_spread *s = persona_evaluation_spread(x, c->name);
    if (!s || isnan(s->p)) {
        return not_run(x, c);
    }
    if (s->p <= MAX_P) {
        return true;
    }
    REASON(x,
           "swing %.1f [%.1f, %.1f] could be one of the control '%s': %zu of them swing %.1f "
           "+- %.1f, %zu as far (p %.4f, at most 0.05)",
           t->value, t->low, t->high, c->name, s->n, s->mean, s->sd, s->n_reaching, s->p);
    return false;
}

/* False, with the reason, if a null explains the transferred swing or one that is needed is
 * missing. */
static bool beats(persona_evaluation *x, const persona_interval *t, const condition_kind *c)
{
    return c->test == TEST_BEYOND ? beyond(x, t, c) : c->test != TEST_SPREAD || no_draw(x, t, c);
}

static bool keeps_coherence(persona_evaluation *x, const persona_swing *t, double base)
{
    const double least = fmin(t->coherence_low, t->coherence_high);
    if (!(base > 0) || !(least < MIN_COHERENCE * base)) {
        return true;
    }
    REASON(x, "answers fall apart: coherence %.0f at -1 and %.0f at +1, unsteered %.0f",
           t->coherence_low, t->coherence_high, base);
    return false;
}

/* ---- specific -------------------------------------------------------------------------------- */

/* Every other trait's vector must move the score less; where none was carried nothing is known. */
static bool is_specific(persona_evaluation *x)
{
    const persona_margin *least = NULL;
    for (size_t i = 0; i < x->n_margins; i++) {
        const persona_margin *m = &x->margins[i];
        if (m->what[0] && !isnan(m->points.value) &&
            (!least || m->points.low < least->points.low)) {
            least = m;
        }
    }
    if (least) {
        snprintf(x->closest, sizeof x->closest, "%s", least->what);
    }
    return least && least->points.low > 0;
}

/* ---- length ---------------------------------------------------------------------------------- */

static bool is_not_length(persona_evaluation *x)
{
    const persona_length_check *l = &x->witness.length;
    if (l->explains) {
        REASON(x,
               "the score is the length of the answers: Spearman %.2f with words, and with words "
               "held equal %.2f [%.2f, %.2f] of the swing of %.2f are left (in ranks)",
               x->witness.panel[PERSONA_PANEL_WORDS].spearman.value, l->beside.value, l->beside.low,
               l->beside.high, l->swing.value);
    }
    return !l->explains;
}

/* ---- all of it ------------------------------------------------------------------------------- */

static bool passes(const verdict_board *b, double base_coherence, persona_evaluation *x)
{
    const persona_swing *t = persona_evaluation_swing(x, "transferred");
    if (!t || isnan(t->swing.value)) {
        REASON(x, "no transferred vector was evaluated, or not judged");
        return false;
    }
    if (!answers_are_there(b, x)) {
        return false;
    }
    for (size_t i = 0; condition_at(i); i++) {
        if (!beats(x, &t->swing, condition_at(i))) {
            return false;
        }
    }
    if (!(t->spearman >= MIN_SPEARMAN)) {
        REASON(x, "score does not rise with the coefficient (Spearman %.2f, needs 0.8)",
               t->spearman);
        return false;
    }
    return keeps_coherence(x, t, base_coherence) && is_not_length(x);
}

static void praise(persona_evaluation *x)
{
    const persona_swing *t = persona_evaluation_swing(x, "transferred");
    const persona_swing *words = persona_evaluation_swing(x, "lexical");
    const persona_spread *r = persona_evaluation_spread(x, "random");
    char specific[128] = "no other trait's vector was tried";
    if (x->closest[0]) {
        snprintf(specific, sizeof specific, "%s to it (%s comes closest)",
                 x->specific ? "specific" : "not specific", x->closest);
    }
    REASON(x,
           "moves the trait: swing %.1f [%.1f, %.1f], word counts %.1f, %zu random directions %.1f "
           "+- %.1f (p %.3f); %s",
           t->swing.value, t->swing.low, t->swing.high, words ? words->swing.value : (double)NAN,
           r ? r->n : 0, r ? r->mean : (double)NAN, r ? r->sd : (double)NAN, r ? r->p : (double)NAN,
           specific);
}

void verdict_decide(const verdict_board *b, double base_coherence, const char *void_reason,
                    persona_evaluation *x)
{
    x->specific = is_specific(x);
    x->pass = passes(b, base_coherence, x);
    if (x->pass) {
        praise(x);
    }
    if (void_reason) {
        x->pass = false;
        REASON(x, "%s", void_reason);
    }
}
