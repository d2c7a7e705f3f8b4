/* SPDX-License-Identifier: MIT
 *
 * sha256.c - fingerprints of texts and model files; the only file that includes openssl.
 *
 * libcrypto is used because it has the SHA instructions of the processor; models are gigabytes.
 */
#include <openssl/evp.h>
#include <stdio.h>

#include "base/file.h"
#include "base/mem.h"

enum { N_DIGEST = 32 };

static void to_hex(const unsigned char digest[N_DIGEST], char out[65])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < N_DIGEST; i++) {
        out[2 * i] = digits[digest[i] >> 4];
        out[2 * i + 1] = digits[digest[i] & 15];
    }
    out[64] = '\0';
}

void sha256_hex(const void *p, size_t n, char out[65])
{
    unsigned char digest[N_DIGEST];
    out[0] = '\0';
    if (EVP_Digest(p ? p : "", n, digest, NULL, EVP_sha256(), NULL) == 1) {
        to_hex(digest, out);
    }
}

static persona_code crypto_err(persona_err *e)
{
    return persona_err_set(e, PERSONA_E_INTERNAL, "libcrypto cannot compute SHA-256");
}

typedef struct digesting {
    EVP_MD_CTX *ctx;
    const persona_cancel *cancel;
} digesting;

static bool add_chunk(void *ud, const void *p, size_t n)
{
    const digesting *d = ud;
    return !persona_canceled(d->cancel) && EVP_DigestUpdate(d->ctx, p, n) == 1;
}

persona_code sha256_file(const char *const *paths, size_t n, const persona_cancel *cancel,
                         char out[65], persona_err *e)
{
    unsigned char digest[N_DIGEST];
    persona_code code = PERSONA_OK;
    out[0] = '\0';
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    if (!ctx) {
        code = mem_err(e, "a SHA-256 digest");
        goto out;
    }
    if (EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) != 1) {
        code = crypto_err(e);
        goto out;
    }
    for (size_t i = 0; !code && i < n; i++) {
        digesting d = {ctx, cancel};
        code = file_chunks(paths[i], add_chunk, &d, e);
        if (code && persona_canceled(cancel)) {
            code = persona_err_set(e, PERSONA_E_CANCELED, "%s: hashing was interrupted", paths[i]);
        }
    }
    if (!code && EVP_DigestFinal_ex(ctx, digest, NULL) != 1) {
        code = crypto_err(e);
    }
    if (!code) {
        to_hex(digest, out);
    }
out:
    EVP_MD_CTX_free(ctx);
    return code;
}
