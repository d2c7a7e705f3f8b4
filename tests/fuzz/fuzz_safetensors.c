/* SPDX-License-Identifier: MIT
 *
 * fuzz_safetensors.c - vecfile_safetensors.c on bytes of any kind.
 */
#include "fuzz.h"

bool fuzz_accepted;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_format(&vecfile_safetensors, data, size);
}
