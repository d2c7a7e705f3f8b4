/* SPDX-License-Identifier: MIT
 *
 * report_witness.h - what else is known of the scores, in the report.
 */
#ifndef PERSONA_PIPELINE_REPORT_WITNESS_H
#define PERSONA_PIPELINE_REPORT_WITNESS_H

#include "base/buf.h"
#include "persona/study.h"

/* A heading, a table and what to be careful about; nothing where nothing was evaluated. */
void report_witness(buf *b, const persona_study *x);

#endif
