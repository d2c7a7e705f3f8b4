/* SPDX-License-Identifier: MIT
 *
 * probe_spec.h - vectors to read along, as people name them: NAME, or NAME@A-B for certain blocks.
 */
#ifndef PERSONA_WORKBENCH_PROBE_SPEC_H
#define PERSONA_WORKBENCH_PROBE_SPEC_H

#include "persona/monitor.h"
#include "workbench/library.h"

/* Adds one probe, or one for each block of the range that the vector has a direction for; block -1:
 * the vector's best where the name says none. l NULL: the name may also be a file; else only a
 * vector of the library (library_vector_named). Errors: USAGE, NOTFOUND, those of reading and of
 * persona_probes_add. */
PERSONA_CHECK persona_code probe_spec_add(persona_probes *p, persona_model *m, library *l,
                                          const char *spec, int block, persona_err *e);
/* (x - mean) / sd; NAN where they are not known. */
double probe_z(double x, double mean, double sd);

#endif
