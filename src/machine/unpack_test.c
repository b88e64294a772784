/* machine/unpack_test.c - each packing: whole, cut short, damaged, with bytes behind it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <bzlib.h>
#include <lz4.h>
#include <lzma.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "base/alloc.h"
#include "machine/unpack.h"

enum { PLAIN = 9 << 20, ROOM = PLAIN + (1 << 20) };

static u8 *plain, *packed;

static size_t pack_gzip(void)
{
    z_stream z = {.next_in = plain, .avail_in = PLAIN, .next_out = packed, .avail_out = ROOM};
    deflateInit2(&z, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
    deflate(&z, Z_FINISH);
    size_t len = z.total_out;
    deflateEnd(&z);
    return len;
}

static size_t pack_zstd(void)
{
    return ZSTD_compress(packed, ROOM, plain, PLAIN, 1);
}

static size_t pack_lz4(void) /* as `lz4 -l`: two blocks */
{
    enum { BLOCK = 8 << 20 };
    size_t at = 4;
    memcpy(packed, "\x02\x21\x4c\x18", 4);
    for (size_t from = 0; from < PLAIN; from += BLOCK) {
        int n = LZ4_compress_default((char *)plain + from, (char *)packed + at + 4,
                                     (int)MIN((size_t)BLOCK, PLAIN - from), (int)(ROOM - at - 4));
        memcpy(packed + at, &n, 4);
        at += 4 + (size_t)n;
    }
    return at;
}

static size_t pack_xz(void)
{
    size_t at = 0;
    lzma_easy_buffer_encode(0, LZMA_CHECK_CRC32, NULL, plain, PLAIN, packed, &at, ROOM);
    return at;
}

static size_t pack_bzip2(void)
{
    unsigned len = ROOM;
    BZ2_bzBuffToBuffCompress((char *)packed, &len, (char *)plain, PLAIN, 1, 0, 0);
    return len;
}

static const struct {
    const char *name;
    size_t (*pack)(void);
} rows[] = {{"gzip", pack_gzip},
            {"zstd", pack_zstd},
            {"lz4", pack_lz4},
            {"xz", pack_xz},
            {"bzip2", pack_bzip2}};

static void each(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        struct unpacked u   = {0};
        size_t          len = rows[i].pack();
        assert_string_equal(packing_of(packed, len), rows[i].name);
        memcpy(packed + len, "\xff\xff\xff\x7f", 4); /* a bzImage has a length there */
        assert_int_equal(unpack(&u, packed, len + 4, NULL), 0);
        assert_int_equal(u.len, PLAIN);
        assert_memory_equal(u.data, plain, PLAIN);
        unpack_done(&u);
    }
}

static void damaged(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        struct err      err;
        struct unpacked u   = {0};
        size_t          len = rows[i].pack();
        int             rc  = unpack(&u, packed, len / 3, &err);
        assert_true(rc == -EINVAL || u.len < PLAIN);
        unpack_done(&u);
        memset(packed + len / 2, 0xa5, 64);
        rc = unpack(&u, packed, len, &err);
        assert_true(rc == -EINVAL || u.len != PLAIN || memcmp(u.data, plain, PLAIN));
        unpack_done(&u);
    }
    struct unpacked u = {0};
    assert_int_equal(unpack(&u, (const u8 *)"\x89LZO", 4, NULL), -ENOTSUP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each), cmocka_unit_test(damaged)};
    plain                           = xalloc(PLAIN);
    packed                          = xalloc(ROOM + 16);
    for (u32 i = 0, x = 1; i < PLAIN; i++) { /* compresses by about a half */
        x        = x * 1664525 + 1013904223;
        plain[i] = x >> 31 ? (u8)(x >> 24 & 15) : (u8)(i >> 4);
    }
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    free(plain);
    free(packed);
    return failed;
}
