/* SPDX-License-Identifier: MIT
 *
 * fuzz_gguf.c - gguf_scan.c, ggml and vecfile_gguf_read.c on bytes of any kind.
 */
#include "fuzz.h"

bool fuzz_accepted;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_format(&vecfile_gguf, data, size);
}
