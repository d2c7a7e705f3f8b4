/* SPDX-License-Identifier: MIT
 *
 * when.c - "when inattentive > 0.5 until 0.2 and tired@12 < 1": the conditions behind a sum.
 */
#include "base/mem.h"
#include "base/try.h"
#include "core/steer/parts.h"

static persona_code scan_threshold(scanner *p, steer_comparison *c)
{
    persona_code rc = PERSONA_OK;
    scan_space(p);
    if (*p->at != '>' && *p->at != '<') {
        return scan_wrong(p, p->at, "'>' or '<' and a z-score, as in inattentive > 0.5");
    }
    c->above = *p->at++ == '>';
    scan_space(p);
    TRY(scan_signed(p, "a z-score, as in inattentive > 0.5", &c->open));
    c->close = c->open;
    scan_space(p);
    if (scan_word(p, "until")) {
        scan_space(p);
        const char *start = p->at;
        TRY(scan_signed(p, "the z-score at which the condition ends", &c->close));
        if (c->above ? c->close > c->open : c->close < c->open) {
            rc = scan_wrong(p, start,
                            c->above ? "an end of the condition that is not above its beginning"
                                     : "an end of the condition that is not below its beginning");
        }
    }
out:
    return rc;
}

static persona_code scan_comparison(scanner *p, steer_comparison *c)
{
    persona_code rc = PERSONA_OK;
    *c = (steer_comparison){.block = -1};
    TRY(scan_name(p, &c->probe));
    if (*p->at == '@') {
        p->at++;
        TRY(scan_whole(p, STEER_BLOCK_MAX, "a layer number", "a layer number of at most 4096",
                       &c->block));
    }
    TRY(scan_threshold(p, c));
out:
    return rc;
}

persona_code scan_conditions(scanner *p, steer_comparison **out, size_t *n)
{
    persona_code rc = PERSONA_OK;
    steer_comparison *list = NULL;
    size_t count = 0;
    *out = NULL;
    *n = 0;
    if (!scan_word(p, "when")) {
        return PERSONA_OK;
    }
    list = mem_calloc(STEER_COMPARISONS_MAX, sizeof *list);
    TRY(list ? PERSONA_OK : mem_err(p->e, "a steering expression"));
    do {
        scan_space(p);
        if (count == STEER_COMPARISONS_MAX) {
            rc = scan_wrong(p, p->at, "at most 8 comparisons");
            goto out;
        }
        TRY(scan_comparison(p, &list[count++]));
        scan_space(p);
    } while (scan_word(p, "and"));
    *out = list;
    *n = count;
    list = NULL;
out:
    if (list) {
        steer_when_free(list, count);
    }
    return rc;
}
