/* SPDX-License-Identifier: MIT
 *
 * persona.h - umbrella of libpersona: extract persona vectors from one GGUF model, carry them to a
 * model of another architecture, steer with them, and measure what that achieved.
 *
 * Introduction. Open a model (persona_model_open), make a session (persona_session_new), and either
 * run requests yourself (persona_session_run) or use the tasks built on it: persona_extract,
 * persona_pairs_new + persona_map_fit + persona_map_apply, persona_settle, persona_evaluate, or all
 * of them in persona_study_trait. persona_steer turns "1.0*silly" into a plan for requests.
 *
 * Ownership law. *_new, *_open, *_read, *_find and functions with a `**out` give you an object; its
 * *_free takes it back and accepts NULL. `const T *` arguments are borrowed for the call, unless
 * the header says "until done". Returned `const T *` live as long as the object they came from.
 * char * results are malloc'ed: free() them. Nothing is global but the engine's backends.
 *
 * Errors. Functions return a persona_code and fill a caller-owned persona_err (may be NULL).
 *
 * Threads. Different objects, any threads; one object, one thread at a time.
 */
#ifndef PERSONA_H
#define PERSONA_H

#include "persona/choices.h"
#include "persona/dose.h"
#include "persona/error.h"
#include "persona/evaluate.h"
#include "persona/extract.h"
#include "persona/interval.h"
#include "persona/judge.h"
#include "persona/lens.h"
#include "persona/map.h"
#include "persona/model.h"
#include "persona/monitor.h"
#include "persona/pairs.h"
#include "persona/panel.h"
#include "persona/plan.h"
#include "persona/recipe.h"
#include "persona/session.h"
#include "persona/shard.h"
#include "persona/steer.h"
#include "persona/study.h"
#include "persona/sweep.h"
#include "persona/tap.h"
#include "persona/trait.h"
#include "persona/traitwrite.h"
#include "persona/vector.h"
#include "persona/verify.h"
#include "persona/witness.h"

#ifdef __cplusplus
extern "C" {
#endif
/* "0.1.0" */
const char *persona_version(void);
#ifdef __cplusplus
}
#endif
#endif
