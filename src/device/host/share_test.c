/* device/host/share_test.c - the 9P server: files are made, read, listed and removed, and no name
 * leads out of the folder. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "device/host/share_in.h"

static struct bench {
    struct share *share;
    char          dir[64];
    u8            request[8192], reply[SHARE_MSIZE_MAX];
    u32           len, got;
} b;

/* FORMAT: a letter a field: b, h, w, d numbers of 1, 2, 4, 8 bytes; s string. Returns the error. */
static int call(unsigned type, const char *format, ...)
{
    struct msg_out out = {b.request + 7, b.request + sizeof(b.request), false};
    va_list        ap;
    va_start(ap, format);
    for (; *format; format++) {
        if (*format == 's') {
            const char *s = va_arg(ap, const char *);
            out_string(&out, s, strlen(s));
        } else if (*format == 'd') {
            out_num(&out, 8, va_arg(ap, u64));
        } else {
            out_num(&out, *format == 'b' ? 1 : *format == 'h' ? 2 : 4, va_arg(ap, unsigned));
        }
    }
    va_end(ap);
    u32 len = (u32)(out.at - b.request);
    out.at  = b.request;
    out_num(&out, 4, len);
    out_num(&out, 1, type);
    out_num(&out, 2, 7);
    b.got = share_answer(b.share, b.request, len, b.reply, sizeof(b.reply));
    assert_true(b.got >= 7);
    assert_int_equal(b.reply[5], 7);
    if (b.reply[4] != 7) {
        assert_int_equal(b.reply[4], type + 1);
        return 0;
    }
    u32 e;
    memcpy(&e, b.reply + 7, 4);
    return (int)e;
}

enum { VERSION = 100, ATTACH = 104, WALK = 110, CLUNK = 120, LOPEN = 12, LCREATE = 14, READ = 116 };
enum {
    WRITE   = 118,
    READDIR = 40,
    SYMLINK = 16,
    MKDIR   = 72,
    UNLINK  = 76,
    RENAME  = 74,
    GETATTR = 24
};
enum { READLINK = 22, SETATTR = 26, XATTRWALK = 30, XATTRCREATE = 32, LINK = 70, LOCK = 52 };

static void begin(bool read_only)
{
    strcpy(b.dir, "/tmp/guise-share-XXXXXX");
    assert_non_null(mkdtemp(b.dir));
    assert_int_equal(share_open(&b.share, b.dir, read_only, NULL), 0);
    assert_int_equal(call(VERSION, "ws", 65536, "9P2000.L"), 0);
    assert_int_equal(call(ATTACH, "wwssw", 0, ~0u, "root", "", 0), 0);
}

static void end(void)
{
    cleanup_free char *rm = xasprintf("rm -rf %s", b.dir);
    share_close(b.share);
    assert_int_equal(system(rm), 0);
}

static void test_files(void **state)
{
    (void)state;
    begin(false);
    assert_int_equal(call(WALK, "wwh", 0, 1, 0), 0);
    assert_int_equal(call(LCREATE, "wswww", 1, "one", 2, 0644, 0), 0);
    assert_int_equal(call(WRITE, "wdwbbb", 1, (u64)3, 3, 'a', 'b', 'c'), 0);
    assert_int_equal(call(READ, "wdw", 1, (u64)0, 100), 0);
    assert_memory_equal(b.reply + 7, "\6\0\0\0\0\0\0abc", 10);
    assert_int_equal(call(LOCK, "wbwddws", 1, 1, 0, (u64)0, (u64)0, 1, "me"), 0);
    assert_int_equal(call(CLUNK, "w", 1), 0);
    assert_int_equal(call(CLUNK, "w", 1), EBADF);
    assert_int_equal(call(MKDIR, "wsww", 0, "sub", 0755, 0), 0);
    assert_int_equal(call(MKDIR, "wsww", 0, "sub", 0755, 0), EEXIST);
    assert_int_equal(call(WALK, "wwhs", 0, 1, 1, "one"), 0);
    assert_int_equal(call(WALK, "wwhs", 0, 2, 1, "sub"), 0);
    assert_int_equal(call(LINK, "wws", 2, 1, "two"), 0);
    assert_int_equal(call(RENAME, "wsws", 2, "two", 0, "three"), 0);
    assert_int_equal(call(UNLINK, "wsw", 0, "one", 0), 0);
    assert_int_equal(call(UNLINK, "wsw", 0, "sub", 0x200), 0);
    assert_int_equal(call(GETATTR, "wd", 1, (u64)0x7ff), 0);
    assert_int_equal(call(SETATTR, "wwwwwddddd", 1, 8, 0, 0, 0, (u64)2, 0ull, 0ull, 0ull, 0ull), 0);
    struct stat        st;
    cleanup_free char *path = xasprintf("%s/three", b.dir);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 2);
    end();
}

static void test_listing(void **state)
{
    char name[32];
    (void)state;
    begin(false);
    for (unsigned i = 0; i < 300; i++) {
        snprintf(name, sizeof(name), "a-file-with-number-%u", i);
        cleanup_free char *path = xasprintf("%s/%s", b.dir, name);
        cleanup_fd int     fd   = open(path, O_CREAT | O_WRONLY, 0600);
        assert_true(fd >= 0);
    }
    assert_int_equal(call(WALK, "wwh", 0, 1, 0), 0);
    assert_int_equal(call(LOPEN, "ww", 1, 0), 0);
    unsigned seen = 0;
    for (u64 off = 0;;) {
        assert_int_equal(call(READDIR, "wdw", 1, off, 1000), 0);
        struct msg_in in    = {b.reply + 7, b.reply + b.got, false};
        u32           bytes = (u32)in_num(&in, 4);
        assert_true(bytes <= 1000);
        if (bytes == 0)
            break;
        while (in.at < in.end) {
            in_bytes(&in, 13);
            off = in_num(&in, 8);
            in_num(&in, 1);
            cleanup_free char *entry = in_string(&in);
            assert_non_null(entry);
            seen++;
        }
    }
    assert_int_equal(seen, 302);
    end();
}

static void test_no_way_out(void **state)
{
    (void)state;
    begin(false);
    assert_int_equal(call(SYMLINK, "wssw", 0, "out", "/etc", 0), 0);
    assert_int_equal(call(SYMLINK, "wssw", 0, "up", "..", 0), 0);
    assert_int_equal(call(WALK, "wwhs", 0, 1, 1, ".."), ENOENT);
    assert_int_equal(call(WALK, "wwhs", 0, 1, 1, "a/b"), ENOENT);
    assert_int_equal(call(WALK, "wwhs", 0, 1, 1, ""), ENOENT);
    assert_int_equal(call(WALK, "wwhs", 0, 1, 1, "."), ENOENT);
    /* a symlink can be walked to and read, not through */
    assert_int_equal(call(WALK, "wwhss", 0, 1, 2, "out", "passwd"), 0);
    assert_int_equal(b.reply[7], 1); /* one of two */
    assert_int_equal(call(WALK, "wwhs", 0, 1, 1, "out"), 0);
    assert_int_equal(call(READLINK, "w", 1), 0);
    assert_int_equal(call(LOPEN, "ww", 1, 0), ELOOP);
    assert_int_equal(call(LCREATE, "wswww", 1, "evil", 2, 0644, 0), ENOTDIR);
    assert_int_equal(call(MKDIR, "wsww", 1, "evil", 0755, 0), ENOTDIR);
    assert_int_equal(call(MKDIR, "wsww", 0, "../evil", 0755, 0), EINVAL);
    assert_int_equal(call(UNLINK, "wsw", 0, "..", 0x200), EINVAL);
    assert_int_equal(call(RENAME, "wsws", 0, "up", 0, "../up"), EINVAL);
    assert_int_equal(call(LINK, "wws", 0, 1, "hard"), 0); /* of the symlink itself */
    cleanup_free char *hard = xasprintf("%s/hard", b.dir);
    struct stat        st;
    assert_int_equal(lstat(hard, &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    assert_int_equal(call(18, "wswwww", 0, "disk", 060644, 8, 0, 0), EPERM); /* mknod */
    assert_int_equal(call(UNLINK, "wsw", 0, "out", 0), 0);
    assert_int_equal(call(99, "w", 0), EOPNOTSUPP);
    end();
}

static void test_read_only(void **state)
{
    (void)state;
    begin(true);
    cleanup_free char *path = xasprintf("%s/file", b.dir);
    cleanup_fd int     fd   = open(path, O_CREAT | O_WRONLY, 0600);
    assert_true(fd >= 0);
    assert_int_equal(call(WALK, "wwhs", 0, 1, 1, "file"), 0);
    assert_int_equal(call(LOPEN, "ww", 1, 2), EROFS);
    assert_int_equal(call(LOPEN, "ww", 1, 01000), EROFS);
    assert_int_equal(call(LOPEN, "ww", 1, 0), 0);
    assert_int_equal(call(WRITE, "wdwb", 1, (u64)0, 1, 'x'), EROFS);
    assert_int_equal(call(MKDIR, "wsww", 0, "sub", 0755, 0), EROFS);
    assert_int_equal(call(UNLINK, "wsw", 0, "file", 0), EROFS);
    end();
}

static void test_broken_messages(void **state)
{
    u8 bad[64] = {0};
    (void)state;
    begin(false);
    assert_int_equal(share_answer(b.share, bad, 3, b.reply, 100), 0);
    assert_int_equal(share_answer(b.share, bad, 7, b.reply, 100), 0);
    memset(bad, 0xff, sizeof(bad));
    assert_int_equal(share_answer(b.share, bad, sizeof(bad), b.reply, 100), 0);
    assert_int_equal(call(WALK, "wwh", 0, 1, 9), ENOENT); /* names that are not there */
    assert_int_equal(call(WRITE, "wdw", 0, (u64)0, 1000), EPROTO);
    assert_int_equal(call(LOPEN, "w", 0), EPROTO);
    assert_int_equal(call(ATTACH, "wwssw", 0, ~0u, "again", "", 0), EBADF);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files),           cmocka_unit_test(test_listing),
        cmocka_unit_test(test_no_way_out),      cmocka_unit_test(test_read_only),
        cmocka_unit_test(test_broken_messages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
