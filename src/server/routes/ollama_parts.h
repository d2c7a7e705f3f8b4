/* SPDX-License-Identifier: MIT
 *
 * ollama_parts.h - what the routes of Ollama's API have in common: names "model:latest", times as
 * text.
 */
#ifndef PERSONA_SERVER_OLLAMA_PARTS_H
#define PERSONA_SERVER_OLLAMA_PARTS_H

#include "server/routes/call_parts.h"

enum { OLLAMA_TIME = 40 };

/* "model" of "model" and "model:latest"; other tags stay, so that they are not found. */
void ollama_model(const char *name, char out[SERVED_ID_MAX]);
void ollama_time(int64_t seconds, char out[OLLAMA_TIME]);

#endif
