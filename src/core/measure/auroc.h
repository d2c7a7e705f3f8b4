/* SPDX-License-Identifier: MIT
 *
 * auroc.h - how well a number tells two classes of answers apart, with an interval over questions.
 */
#ifndef PERSONA_CORE_AUROC_H
#define PERSONA_CORE_AUROC_H

#include "core/measure/stats.h"

/* Area under the ROC curve of two classes; low and high by cluster bootstrap: whole groups
 * (questions) are drawn with replacement, both classes together; draws that lack a class are left
 * out. NAN where a class is empty. Errors: SHAPE (a group out of range), NUMERIC (a value that is
 * not finite), NOMEM. */
PERSONA_CHECK persona_code stat_bootstrap_auroc(stat_sample pos, stat_sample neg, stat_draws draws,
                                                persona_interval *out, persona_err *e);

#endif
