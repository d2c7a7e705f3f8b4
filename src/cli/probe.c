/* SPDX-License-Identifier: MIT
 *
 * probe.c - names of probes to directions (probe.h).
 */
#include "cli/probe.h"

#include "base/try.h"
#include "workbench/probe_spec.h"

persona_code probe_add(persona_probes *p, persona_model *m, const char *spec, int block,
                       persona_err *e)
{
    return probe_spec_add(p, m, NULL, spec, block, e);
}

persona_code probe_add_all(persona_model *m, const opt_list *specs, int block, persona_probes **out,
                           persona_err *e)
{
    persona_code rc = PERSONA_OK;
    TRY(persona_probes_new(m, out, e));
    for (size_t i = 0; i < specs->n; i++) {
        TRY(probe_add(*out, m, specs->p[i], block, e));
    }
out:
    return rc;
}
