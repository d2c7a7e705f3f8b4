/* SPDX-License-Identifier: MIT
 *
 * study_witness.c - what else is known of the scores, in a few lines of text.
 */
#include "cli/study_witness.h"

#include <math.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/study_print.h"

/* Decimals that a swing of the dimension is shown with. */
static int decimals(persona_panel_dim d)
{
    return d == PERSONA_PANEL_WORDS || d == PERSONA_PANEL_READABILITY ? 0 : 2;
}

static size_t append(char *line, size_t size, size_t n, const char *text)
{
    const int m = n < size ? snprintf(line + n, size - n, "%s%s", n > 0 ? ", " : "", text) : 0;
    return m > 0 ? n + (size_t)m : n;
}

void study_print_witness(FILE *f, const persona_witness *w)
{
    char line[1024] = "", absent[256] = "", one[128];
    size_t n = 0, n_absent = 0;
    for (persona_panel_dim d = 0; d < PERSONA_PANEL_DIMS; d++) {
        const persona_panel_effect *p = &w->panel[d];
        if (!p->counted) {
            n_absent = append(absent, sizeof absent, n_absent, persona_panel_name(d));
            continue;
        }
        const bool sure = p->swing.low > 0 || p->swing.high < 0;
        const char *sign = p->swing.value > 0 ? "+" : "";
        snprintf(one, sizeof one, "%s %s%s%s (rho %s)", persona_panel_name(d),
                 isfinite(p->swing.value) ? sign : "", cli_number(p->swing.value, decimals(d)),
                 sure ? "*" : "", cli_number(p->spearman.value, 2));
        n = append(line, sizeof line, n, one);
    }
    if (n > 0) {
        study_print_text(f, "what words say", line, 20);
    }
    if (n_absent > 0) {
        study_print_text(f, "not counted", absent, 20);
    }
    if (*w->second.name) {
        snprintf(line, sizeof line,
                 "%s: Spearman %s [%s, %s] on %zu answers, %s %% on the same side", w->second.name,
                 cli_number(w->second.spearman.value, 2), cli_number(w->second.spearman.low, 2),
                 cli_number(w->second.spearman.high, 2), w->second.n,
                 cli_number(100 * w->second.same_side, 0));
        study_print_text(f, "second judge", line, 20);
    }
    if (*w->caution) {
        study_print_text(f, "caution", w->caution, 20);
    }
}
