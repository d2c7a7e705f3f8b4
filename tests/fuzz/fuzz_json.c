/* SPDX-License-Identifier: MIT
 *
 * fuzz_json.c - vecfile_json.c on bytes of any kind.
 */
#include "fuzz.h"

bool fuzz_accepted;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_format(&vecfile_json, data, size);
}
