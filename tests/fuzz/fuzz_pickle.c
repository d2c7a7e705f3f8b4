/* SPDX-License-Identifier: MIT
 *
 * fuzz_pickle.c - pickle.c without the archive around it.
 */
#include "fuzz.h"
#include "store/vector/pickle.h"

bool fuzz_accepted;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    pickle_tensor t = {0};
    persona_err e = {0};
    const vecfile f = {.path = "file", .e = &e};
    const persona_code rc = pickle_read(&f, data, size, &t);
    fuzz_accepted = rc == PERSONA_OK;
    FUZZ_CHECK(rc == PERSONA_OK ? t.key_len > 0 && t.key_len <= 16 && t.key >= (const char *)data &&
                                      t.key + t.key_len <= (const char *)data + size
                                : e.code == rc && *e.msg);
    return 0;
}
