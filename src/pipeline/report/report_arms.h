/* SPDX-License-Identifier: MIT
 *
 * report_arms.h - the table of vectors in the report: where each steers, and how much one dose is.
 */
#ifndef PERSONA_PIPELINE_REPORT_ARMS_H
#define PERSONA_PIPELINE_REPORT_ARMS_H

#include "base/buf.h"
#include "persona/study.h"

/* A heading and a table; nothing where nothing was evaluated. */
void report_arms(buf *b, const persona_study *x);

#endif
