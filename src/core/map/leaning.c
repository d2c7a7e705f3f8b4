/* SPDX-License-Identifier: MIT
 *
 * leaning.c - when a text shows so much of a trait that a map which has not seen the trait must not
 * see the text (pairs.h).
 *
 * Two kinds of scale: with two poles, 50 is neither and a text leans in both directions; from
 * absent to strongest, 0 is absent and the noise of labels reaches to some 30. The limits were set
 * before any run that is reported, and no option changes them.
 */
#include <math.h>

#include "base/mem.h"
#include "persona/pairs.h"

/* How far from neutral a text may lie, by persona_leave. */
static const double two_poles[] = {INFINITY, 15, 5};
static const double one_pole[] = {INFINITY, 60, 30}; /* this far is too far already */

const char *persona_leave_name(persona_leave how)
{
    static const char *const names[] = {"name", "loose", "strict"};
    return how <= PERSONA_LEAVE_STRICT ? names[how] : "?";
}

bool persona_lean_leaves_out(const persona_lean *x, size_t i, persona_leave how)
{
    const double away = x->score[i] - x->neutral;
    if (how == PERSONA_LEAVE_NAME) {
        return false;
    }
    return x->neutral > 0 ? !(fabs(away) <= two_poles[how]) : !(away < one_pole[how]);
}

void persona_lean_free(persona_lean *x)
{
    if (!x) {
        return;
    }
    mem_free(x->score);
    mem_free(x->judge);
    mem_free(x);
}
