/* SPDX-License-Identifier: MIT
 *
 * textpanel.h - the numbers of persona/panel.h for one text, from lists in memory.
 */
#ifndef PERSONA_CORE_TEXTPANEL_H
#define PERSONA_CORE_TEXTPANEL_H

#include "core/text/lexicon.h"
#include "persona/panel.h"

/* out[PERSONA_PANEL_DIMS]; list[d] is that of dimension d, NULL: none. False: out of memory. */
bool textpanel_read(lexicon *const *list, const char *text, double *out);

#endif
