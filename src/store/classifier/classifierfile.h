/* SPDX-License-Identifier: MIT
 *
 * classifierfile.h - classifier files (FORMATS.md, "Classifier").
 */
#ifndef PERSONA_STORE_CLASSIFIERFILE_H
#define PERSONA_STORE_CLASSIFIERFILE_H

#include "core/classify/classifier.h"

/* Errors: NOTFOUND, FORMAT (names the field). */
PERSONA_CHECK persona_code classifier_read(const char *path, classifier **out, persona_err *e);

#endif
