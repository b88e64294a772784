/* base/snapshot_test.c - what is written comes back; what is damaged is refused. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <fcntl.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/snapshot.h"

static char folder[64], file[96];

struct thing {
    u32 a;
    u64 b;
    u8  c[5];
};

static const struct field thing_fields[] = {FIELD(struct thing, a), FIELD(struct thing, b),
                                            FIELD(struct thing, c), FIELDS_END};
static const struct field less_fields[]  = {FIELD(struct thing, b), FIELDS_END};
static const struct field wrong_fields[] = {{"b", 0, 4}, FIELDS_END};

#define RAM (64 * 4096 + 100)

static void write_sample(void)
{
    struct snap     *s;
    struct err       err;
    struct thing     t   = {7, 1ull << 40, "wxyz"};
    cleanup_free u8 *ram = xalloc(RAM);
    ram[5000]            = 1;
    ram[RAM - 1]         = 9;
    unlink(file);
    assert_int_equal(snap_create(&s, file, &err), 0);
    snap_begin(s, "thing");
    snap_put_fields(s, thing_fields, &t);
    snap_put_str(s, "behind");
    snap_end(s);
    snap_begin(s, "ram");
    snap_put_ram(s, ram, RAM);
    snap_end(s);
    assert_int_equal(access(file, F_OK), -1); /* not before the commit */
    assert_int_equal(snap_commit(s, &err), 0);
    snap_close(s);
}

static void round_trip(void **state)
{
    struct snap *s;
    struct err   err;
    (void)state;
    write_sample();
    struct stat st;
    assert_int_equal(stat(file, &st), 0);
    assert_true(st.st_size < 4 * 4096); /* zero pages are left out */
    assert_int_equal(snap_open(&s, file, &err), 0);

    assert_true(snap_find(s, "ram"));
    cleanup_free u8 *ram = xalloc(RAM);
    snap_get_ram(s, ram, RAM);
    assert_int_equal(ram[5000], 1);
    assert_int_equal(ram[RAM - 1], 9);
    assert_int_equal(snap_left(s), 0);

    struct thing t = {0};
    assert_true(snap_find(s, "thing"));
    snap_get_fields(s, thing_fields, &t);
    assert_true(t.a == 7 && t.b == 1ull << 40 && strcmp((char *)t.c, "wxyz") == 0);
    cleanup_free char *text = snap_get_str(s);
    assert_string_equal(text, "behind");
    assert_false(snap_failed(s));
    assert_false(snap_find(s, "other"));
    snap_close(s);
}

static void fields_by_name(void **state)
{
    struct snap *s;
    struct err   err;
    (void)state;
    write_sample();
    assert_int_equal(snap_open(&s, file, &err), 0);
    struct thing t = {.a = 5};
    assert_true(snap_find(s, "thing"));
    snap_get_fields(s, less_fields, &t);
    assert_true(t.a == 5 && t.b == 1ull << 40 && !snap_failed(s));
    assert_true(snap_find(s, "thing"));
    snap_get_fields(s, wrong_fields, &t);
    assert_true(snap_failed(s));
    snap_close(s);
}

static void stays_failed(void **state)
{
    struct snap *s;
    struct err   err;
    (void)state;
    write_sample();
    assert_int_equal(snap_open(&s, file, &err), 0);
    assert_true(snap_find(s, "thing"));
    u8 big[4096];
    memset(big, 1, sizeof(big));
    snap_get(s, big, sizeof(big));
    assert_true(snap_failed(s) && big[0] == 0 && big[4095] == 0);
    assert_int_equal(snap_get_u64(s), 0);
    cleanup_free char *none = snap_get_str(s);
    assert_string_equal(none, "");
    snap_close(s);
}

static int open_status(void)
{
    struct snap *s = NULL;
    struct err   err;
    int          rc = snap_open(&s, file, &err);
    if (rc)
        assert_true(strlen(err.text) > 0 && s == NULL);
    snap_close(s);
    return rc;
}

/* Every cut and every flipped byte must be noticed. */
static void damage(void **state)
{
    (void)state;
    write_sample();
    cleanup_fd int fd = open(file, O_RDWR | O_CLOEXEC);
    struct stat    st;
    assert_int_equal(fstat(fd, &st), 0);
    for (off_t at = 0; at < st.st_size; at += at < 600 ? 1 : 97) {
        u8 byte, other;
        assert_int_equal(pread(fd, &byte, 1, at), 1);
        other = byte ^ 0x40;
        assert_int_equal(pwrite(fd, &other, 1, at), 1);
        assert_true(open_status() < 0);
        assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    }
    assert_int_equal(open_status(), 0);
    assert_int_equal(pwrite(fd, "x", 1, st.st_size), 1);
    assert_true(open_status() < 0);
    for (off_t len = st.st_size - 1; len >= 0; len -= len < 300 ? 1 : 61) {
        assert_int_equal(ftruncate(fd, len), 0);
        assert_true(open_status() < 0);
    }
}

static void newer_version(void **state)
{
    (void)state;
    u8 head[16] = "GUISESNP";
    head[8]     = SNAP_VERSION + 1;
    /* The CRC-32 of the twelve bytes, computed here bit by bit. */
    u32 crc = ~0u;
    for (int i = 0; i < 12; i++) {
        crc ^= head[i];
        for (int k = 0; k < 8; k++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
    }
    crc = ~crc;
    memcpy(head + 12, &crc, 4);
    FILE *f = fopen(file, "w");
    fwrite(head, 1, sizeof(head), f);
    fclose(f);
    struct snap *s;
    struct err   err;
    assert_int_equal(snap_open(&s, file, &err), -ENOTSUP);
    assert_non_null(strstr(err.text, "newer"));
}

static void uncommitted_leaves_nothing(void **state)
{
    struct snap *s;
    struct err   err;
    (void)state;
    unlink(file);
    assert_int_equal(snap_create(&s, file, &err), 0);
    snap_begin(s, "half");
    snap_put_u64(s, 1);
    snap_end(s);
    snap_close(s);
    assert_int_equal(rmdir(folder), 0); /* empty */
    assert_int_equal(mkdir(folder, 0700), 0);
    assert_int_equal(snap_create(&s, "/nonexistent/x", &err), -ENOENT);
}

int main(void)
{
    snprintf(folder, sizeof(folder), "/tmp/guise-snapshot.XXXXXX");
    if (!mkdtemp(folder))
        return 1;
    snprintf(file, sizeof(file), "%s/snap", folder);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),    cmocka_unit_test(fields_by_name),
        cmocka_unit_test(stays_failed),  cmocka_unit_test(damage),
        cmocka_unit_test(newer_version), cmocka_unit_test(uncommitted_leaves_nothing),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(file);
    rmdir(folder);
    return failed;
}
