/* SPDX-License-Identifier: MIT
 *
 * study_witness.h - what else is known of the scores, in a few lines of text.
 */
#ifndef PERSONA_CLI_STUDY_WITNESS_H
#define PERSONA_CLI_STUDY_WITNESS_H

#include <stdio.h>

#include "persona/witness.h"

void study_print_witness(FILE *f, const persona_witness *w);

#endif
