/* device/host/qcow2_hostile_test.c - qcow2 images that say of their tables what is not so: nothing
 * of them is written over, and the image is marked; and growth of the refcount table. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <unistd.h>

#include "device/host/qcow2_bench.h"

enum { BITS = 12, CLUSTER = 1 << BITS, BLOCKS_AT = 2 * CLUSTER, L1_AT = 3 * CLUSTER };
#define COPIED (1ull << 63)

static char             path[] = "/tmp/guise-hostile-XXXXXX";
static struct image_how how    = {"qcow2", false, 0};

/* Instead of libc's: only processes die here, never the host. */
int fdatasync(int fd)
{
    (void)fd;
    return 0;
}

static struct image *open_it(void)
{
    struct image *image;
    struct err    err = {0};
    if (image_open(&image, path, &how, &err) != 0)
        fail_msg("%s", err.text);
    return image;
}

static int write_at(struct image *image, u64 off, u8 fill)
{
    u8 data[CLUSTER];
    memset(data, fill, sizeof(data));
    return image_write(image, off, &(struct iovec){data, sizeof(data)}, 1);
}

static u64 peek(u64 off)
{
    u8             bytes[8];
    cleanup_fd int fd = open(path, O_RDONLY);
    assert_int_equal(file_pread(fd, bytes, 8, off), 0);
    return be_get(bytes, 8);
}

static void poke(u64 off, unsigned len, u64 val)
{
    u8             bytes[8];
    cleanup_fd int fd = open(path, O_RDWR);
    be_put(bytes, len, val);
    assert_int_equal(file_pwrite(fd, bytes, len, off), 0);
}

/* An image with two second-level tables, and a cluster of data in each. */
static void make_image(void)
{
    const struct qcow_shape shape = {4 << 20, BITS, 4, NULL};
    qcow2_make(path, &shape);
    struct image *image = open_it();
    assert_int_equal(write_at(image, 0, 1), 0);
    assert_int_equal(write_at(image, 2 << 20, 2), 0);
    image_close(image);
}

static u64 table_at(unsigned i)
{
    return peek(L1_AT + 8 * i) & ~COPIED;
}

static u32 sum_of_tables(void)
{
    u64              len;
    cleanup_free u8 *f    = qcow2_slurp(path, &len);
    const u64        at[] = {CLUSTER, BLOCKS_AT, L1_AT, table_at(0), table_at(1)};
    u32              sum  = 0;
    for (unsigned i = 0; i < ARRAY_SIZE(at); i++)
        for (unsigned k = 0; k < CLUSTER; k++)
            sum = sum * 31 + f[at[i] + k];
    return sum;
}

/* The image was found out: it stays as it is, and the next one who opens it is told. */
static void found_out(struct image *image, u32 sum)
{
    struct err err = {0};
    assert_int_equal(write_at(image, CLUSTER, 9), -EUCLEAN);
    assert_int_equal(image_flush(image), -EUCLEAN);
    assert_int_equal(image_discard(image, 0, CLUSTER), -EUCLEAN);
    image_close(image);
    assert_int_equal(sum_of_tables(), sum);
    assert_int_equal(image_open(&image, path, &how, &err), -EINVAL);
    assert_non_null(strstr(err.text, "corrupt"));
}

static void test_free_cluster_is_a_table(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        make_image();
        const u64 of[] = {CLUSTER, BLOCKS_AT, L1_AT, table_at(1)};
        poke(BLOCKS_AT + (of[i] >> BITS) * 2, 2, 0); /* "nobody uses it" */
        u32           sum   = sum_of_tables();
        struct image *image = open_it();
        assert_int_equal(write_at(image, 5 * CLUSTER, 7), -EUCLEAN);
        found_out(image, sum);
    }
}

static void test_data_is_a_table(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        make_image();
        const u64 of[] = {CLUSTER, BLOCKS_AT, L1_AT, table_at(0), table_at(1)};
        poke(table_at(0), 8, of[i] | COPIED);
        u32           sum   = sum_of_tables();
        struct image *image = open_it();
        assert_int_equal(write_at(image, 0, 7), -EUCLEAN);
        found_out(image, sum);
    }
}

/* What a shared cluster is copied from is let go: but not when it is a table. */
static void test_table_is_let_go(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        make_image();
        const u64 of[] = {BLOCKS_AT, table_at(1), CLUSTER | 1ull << 62}; /* the last: compressed */
        poke(table_at(0), 8, of[i]);
        struct image *image = open_it();
        u64           l1    = peek(L1_AT);
        image_discard(image, 0, CLUSTER);
        image_flush(image);
        assert_int_equal(write_at(image, 3 * CLUSTER, 7), -EUCLEAN);
        image_close(image);
        assert_true(peek(0) == 0x514649fb00000003ull && peek(L1_AT) == l1);
        assert_int_equal(peek(BLOCKS_AT) >> 48, 1);
        assert_int_equal(peek(table_at(1)) >> 63, 1);
    }
}

static void test_two_tables_in_one_place(void **state)
{
    struct image *image;
    struct err    err = {0};
    (void)state;
    make_image();
    poke(L1_AT, 8, table_at(1) | COPIED);
    assert_int_equal(image_open(&image, path, &how, &err), -EUCLEAN);
    assert_non_null(strstr(err.text, "damaged"));
    make_image();
    poke(L1_AT, 8, BLOCKS_AT | COPIED);
    assert_int_equal(image_open(&image, path, &how, &err), -EUCLEAN);
    how.read_only = true; /* who only reads can do no harm */
    assert_int_equal(image_open(&image, path, &how, &err), 0);
    image_close(image);
    how.read_only = false;
    make_image();
    poke(CLUSTER + 8, 8, BLOCKS_AT); /* the same block of counts twice */
    assert_int_equal(image_open(&image, path, &how, &err), -EUCLEAN);
}

/* No block of counts describes the first clusters: the new one may not be put over the tables. */
static void test_missing_block(void **state)
{
    (void)state;
    make_image();
    u64 table = peek(CLUSTER);
    poke(CLUSTER, 8, 0);
    struct image *image = open_it();
    assert_int_equal(write_at(image, 5 * CLUSTER, 7), -EUCLEAN);
    image_close(image);
    assert_int_equal(table, BLOCKS_AT);
    assert_int_equal(peek(L1_AT) >> 63, 1);
}

/* The smallest clusters and the widest counts: a block describes 64 clusters, and the table soon
 * needs more than one block to be described itself. */
static void test_growth(void **state)
{
    enum { BYTES = 90 << 20, PIECE = 1 << 20 };
    const struct qcow_shape shape = {BYTES, 9, 6, NULL};
    struct qcow_checked     c;
    (void)state;
    qcow2_make(path, &shape);
    struct image    *image = open_it();
    cleanup_free u8 *data  = xalloc(PIECE);
    for (u64 at = 0; at < BYTES; at += PIECE) {
        memset(data, (int)(at >> 20) + 1, PIECE);
        assert_int_equal(image_write(image, at, &(struct iovec){data, PIECE}, 1), 0);
    }
    image_close(image);
    qcow2_check_file(&c, path);
    assert_true(!c.wrong);
    assert_int_equal(c.leaks, 0);
    image = open_it();
    for (u64 at = 0; at < BYTES; at += PIECE) {
        assert_int_equal(image_read(image, at, &(struct iovec){data, PIECE}, 1), 0);
        assert_true(data[0] == (at >> 20) + 1 && !memcmp(data, data + 1, PIECE - 1));
    }
    image_close(image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_free_cluster_is_a_table),
        cmocka_unit_test(test_data_is_a_table),
        cmocka_unit_test(test_table_is_let_go),
        cmocka_unit_test(test_two_tables_in_one_place),
        cmocka_unit_test(test_missing_block),
        cmocka_unit_test(test_growth),
    };
    int fd = mkstemp(path);
    if (fd < 0)
        return 1;
    close(fd);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    return failed;
}
