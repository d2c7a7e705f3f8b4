/* SPDX-License-Identifier: MIT
 *
 * vecfile_gguf.h - the reading half of GGUF vector files.
 */
#ifndef PERSONA_STORE_VECFILE_GGUF_H
#define PERSONA_STORE_VECFILE_GGUF_H

#include "store/vector/vecfile.h"

PERSONA_CHECK persona_code vecfile_gguf_read(const vecfile *f, persona_vector **out);
/* ggml's own messages go, once: ours are enough, and a library does not print. */
void vecfile_gguf_hush(void);

#endif
