/* SPDX-License-Identifier: MIT
 *
 * fuzz_f32.c - a sidecar, a NUL, and the raw floats that it describes.
 */
#include "fuzz.h"

bool fuzz_accepted;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    persona_vector *v = NULL;
    persona_err e = {0};
    const uint8_t *end = size > 0 ? memchr(data, 0, size) : NULL;
    const size_t n = end ? (size_t)(end - data) : size;
    const vecfile sidecar = {.path = "file.json", .p = data, .len = n, .e = &e};
    const uint8_t *raw = end ? end + 1 : data + size;
    const persona_code rc =
        vecfile_f32_parse(&sidecar, "file.f32", raw, (size_t)(data + size - raw), &v);
    fuzz_check(rc, v, &e);
    persona_vector_free(v);
    return 0;
}
