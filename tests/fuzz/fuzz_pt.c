/* SPDX-License-Identifier: MIT
 *
 * fuzz_pt.c - zip.c and vecfile_pt.c on bytes of any kind; pickles get further in fuzz_pickle.c.
 */
#include "fuzz.h"

bool fuzz_accepted;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_format(&vecfile_pt, data, size);
}
