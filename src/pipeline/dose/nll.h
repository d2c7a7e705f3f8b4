/* SPDX-License-Identifier: MIT
 *
 * nll.h - how likely the unsteered model finds a text: coherence without a judge (methods 6.2).
 */
#ifndef PERSONA_PIPELINE_NLL_H
#define PERSONA_PIPELINE_NLL_H

#include "persona/session.h"

/* Mean negative log-likelihood in nats per token of answers[i] to questions[i], read by the
 * unsteered model without an instruction (harmony: in the final channel). NAN for an empty or
 * missing (NULL) answer. Errors: those of sessions. */
PERSONA_CHECK persona_code nll_measure(persona_session *s, const char *const *questions,
                                       const char *const *answers, size_t n, const char *stage,
                                       const persona_hooks *hooks, double *out, persona_err *e);

#endif
