/* SPDX-License-Identifier: MIT
 *
 * settle_sizes.h - how much is asked to find a vector's block (settle.h), also for who counts it
 * before it is done.
 */
#ifndef PERSONA_PIPELINE_SETTLE_SIZES_H
#define PERSONA_PIPELINE_SETTLE_SIZES_H

/* Blocks that are tried at most. */
enum { SETTLE_CANDIDATES = 6 };
/* Questions that all candidates of a quick settling are asked, and that the best two are. */
enum { SETTLE_FEW = 4, SETTLE_DECIDE = 20 };

#endif
