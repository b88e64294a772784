/* machine/unpack.c - see unpack.h. Each format's library does the work: a row each. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "machine/unpack.h"

#include <bzlib.h>
#include <lz4.h>
#include <lzma.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "base/alloc.h"

enum { IMAGE_MAX = 512 << 20 };

/* Makes room for more unpacked bytes; false: too large. */
static bool more_room(struct unpacked *u)
{
    if (u->room >= IMAGE_MAX)
        return false;
    size_t bigger = u->room ? 2 * u->room : (size_t)32 << 20;
    u8    *p      = realloc(u->data, bigger);
    if (!p)
        return false;
    u->data = p;
    u->room = bigger;
    return true;
}

static bool by_gzip(struct unpacked *u, const u8 *data, size_t len)
{
    z_stream z  = {.next_in = (Bytef *)data, .avail_in = (uInt)MIN(len, (size_t)UINT32_MAX)};
    int      rc = Z_OK;
    if (inflateInit2(&z, 15 + 16) != Z_OK)
        return false;
    while (rc == Z_OK) {
        if (z.total_out == u->room && !more_room(u))
            break;
        z.next_out  = u->data + z.total_out;
        z.avail_out = (uInt)(u->room - z.total_out);
        rc          = inflate(&z, Z_NO_FLUSH);
    }
    u->len = z.total_out;
    inflateEnd(&z);
    return rc == Z_STREAM_END;
}

static bool by_zstd(struct unpacked *u, const u8 *data, size_t len)
{
    ZSTD_DStream *z  = ZSTD_createDStream();
    ZSTD_inBuffer in = {data, len, 0};
    size_t        rc = 1;
    while (z && rc != 0 && !ZSTD_isError(rc)) {
        if (u->len == u->room && !more_room(u))
            break;
        ZSTD_outBuffer out = {u->data, u->room, u->len};
        size_t         was = in.pos;
        rc                 = ZSTD_decompressStream(z, &out, &in);
        if (out.pos == u->len && in.pos == was && out.pos < u->room)
            break; /* cut short */
        u->len = out.pos;
    }
    ZSTD_freeDStream(z);
    return rc == 0;
}

/* The frame of `lz4 -l`, as kernels have it: blocks of 8 MiB, each behind its packed length. What
 * follows the last one (the unpacked length, or a second frame) is no length that fits. */
static bool by_lz4(struct unpacked *u, const u8 *data, size_t len)
{
    enum { BLOCK = 8 << 20 };
    size_t at = 4;
    while (len - at >= 4) {
        u32 n;
        memcpy(&n, data + at, 4);
        if (n > len - at - 4 || n == 0)
            break;
        while (u->room - u->len < BLOCK)
            if (!more_room(u))
                return false;
        int got = LZ4_decompress_safe((const char *)data + at + 4, (char *)u->data + u->len, (int)n,
                                      BLOCK);
        if (got < 0)
            return false;
        u->len += (size_t)got;
        at += 4 + n;
    }
    return u->len > 0;
}

static bool by_lzma(struct unpacked *u, const u8 *data, size_t len)
{
    lzma_stream z  = LZMA_STREAM_INIT;
    lzma_ret    rc = lzma_auto_decoder(&z, UINT64_MAX, 0);
    z.next_in      = data;
    z.avail_in     = len;
    while (rc == LZMA_OK) {
        if (z.total_out == u->room && !more_room(u))
            break;
        z.next_out  = u->data + z.total_out;
        z.avail_out = u->room - z.total_out;
        rc          = lzma_code(&z, LZMA_RUN);
    }
    u->len = z.total_out;
    lzma_end(&z);
    return rc == LZMA_STREAM_END;
}

static bool by_bzip2(struct unpacked *u, const u8 *data, size_t len)
{
    bz_stream z  = {.next_in = (char *)data, .avail_in = (unsigned)MIN(len, (size_t)UINT32_MAX)};
    int       rc = BZ2_bzDecompressInit(&z, 0, 0);
    while (rc == BZ_OK) {
        if (u->len == u->room && !more_room(u))
            break;
        size_t was  = u->room - u->len;
        z.next_out  = (char *)u->data + u->len;
        z.avail_out = (unsigned)was;
        rc          = BZ2_bzDecompress(&z);
        u->len += was - z.avail_out;
        if (rc == BZ_OK && z.avail_in == 0 && z.avail_out == was)
            break; /* cut short */
    }
    BZ2_bzDecompressEnd(&z);
    return rc == BZ_STREAM_END;
}

static const struct {
    const char *name;
    u8          magic[6], n;
    bool (*unpack)(struct unpacked *, const u8 *data, size_t len);
} formats[] = {
    {"gzip", {0x1f, 0x8b}, 2, by_gzip},           {"zstd", {0x28, 0xb5, 0x2f, 0xfd}, 4, by_zstd},
    {"lz4", {0x02, 0x21, 0x4c, 0x18}, 4, by_lz4}, {"xz", {0xfd, '7', 'z', 'X', 'Z', 0}, 6, by_lzma},
    {"lzma", {0x5d, 0, 0}, 3, by_lzma},           {"bzip2", {'B', 'Z', 'h'}, 3, by_bzip2},
};

static int format_of(const u8 *data, size_t len)
{
    for (unsigned i = 0; i < ARRAY_SIZE(formats); i++)
        if (len > formats[i].n && !memcmp(data, formats[i].magic, formats[i].n))
            return (int)i;
    return -1;
}

const char *packing_of(const u8 *data, size_t len)
{
    int i = format_of(data, len);
    return i < 0 ? NULL : formats[i].name;
}

int unpack(struct unpacked *u, const u8 *data, size_t len, struct err *err)
{
    int i = format_of(data, len);
    if (i < 0)
        return err_set(err, ENOTSUP, "it is packed in no way that is known here");
    u->packing = formats[i].name;
    if (!formats[i].unpack(u, data, len))
        return err_set(err, EINVAL, "its %s data are damaged or too large", u->packing);
    return 0;
}

void unpack_done(struct unpacked *u)
{
    free(u->data);
    *u = (struct unpacked){0};
}
