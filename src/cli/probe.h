/* SPDX-License-Identifier: MIT
 *
 * probe.h - vectors to read along, as commands name them: NAME, or NAME@A-B for certain blocks.
 */
#ifndef PERSONA_CLI_PROBE_H
#define PERSONA_CLI_PROBE_H

#include "cli/cli.h"
#include "workbench/probe_spec.h"

/* One probe, or one for each block of the range that the vector has a direction for; block -1: the
 * vector's best where the name says none. Errors: USAGE, those of persona_vector_find and
 * persona_probes_add. */
PERSONA_CHECK persona_code probe_add(persona_probes *p, persona_model *m, const char *spec,
                                     int block, persona_err *e);
/* All of a list. *out: persona_probes_free. */
PERSONA_CHECK persona_code probe_add_all(persona_model *m, const opt_list *specs, int block,
                                         persona_probes **out, persona_err *e);

#endif
