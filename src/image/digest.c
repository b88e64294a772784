/* image/digest.c - see digest.h. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "image/digest.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <unistd.h>

#include "base/alloc.h"

struct digest_state {
    EVP_MD_CTX *ctx;
};

struct digest_state *digest_begin(void)
{
    struct digest_state *d = xnew(struct digest_state);
    d->ctx                 = EVP_MD_CTX_new();
    if (!d->ctx || EVP_DigestInit_ex(d->ctx, EVP_sha256(), NULL) != 1)
        abort(); /* out of memory */
    return d;
}

void digest_add(struct digest_state *d, const void *data, size_t len)
{
    EVP_DigestUpdate(d->ctx, data, len);
}

void digest_end(struct digest_state *d, char out[DIGEST_TEXT])
{
    unsigned char sum[EVP_MAX_MD_SIZE];
    unsigned      n  = 0;
    int           at = snprintf(out, DIGEST_TEXT, "sha256:");
    EVP_DigestFinal_ex(d->ctx, sum, &n);
    for (unsigned i = 0; i < n && i < 32; i++)
        at += snprintf(out + at, DIGEST_TEXT - (size_t)at, "%02x", sum[i]);
    EVP_MD_CTX_free(d->ctx);
    free(d);
}

int digest_file(int fd, char out[DIGEST_TEXT], struct err *err)
{
    struct digest_state *d      = digest_begin();
    cleanup_free char   *buffer = xalloc(KiB(128));
    ssize_t              n;
    while ((n = read(fd, buffer, KiB(128))) > 0)
        digest_add(d, buffer, (size_t)n);
    int code = errno;
    digest_end(d, out);
    return n < 0 ? err_errno(err, code, "read") : 0;
}
