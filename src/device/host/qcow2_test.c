/* device/host/qcow2_test.c - qcow2: random requests mirrored in memory, then compared and checked,
 * by own code and by qemu-img where it is; a writer killed at random moments; images that must be
 * refused. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/alloc.h"
#include "device/host/qcow2_bench.h"

enum { IMAGE_BYTES = 12 << 20, REQUEST_MAX = 300 << 10 };

static char dir[] = "/tmp/guise-qcow2-XXXXXX";
static u64  seed  = 88172645463325252ull;

static u64 rnd(u64 n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed % n;
}

/* Instead of libc's: only processes die here, never the host. */
int fdatasync(int fd)
{
    (void)fd;
    return 0;
}

static int shell(const char *fmt, ...) PRINTF(1, 2);
static int shell(const char *fmt, ...)
{
    char    command[1024];
    va_list ap;
    int     n = snprintf(command, sizeof(command), "cd %s && ( ", dir);
    va_start(ap, fmt);
    n += vsnprintf(command + n, sizeof(command) - (size_t)n, fmt, ap);
    va_end(ap);
    snprintf(command + n, sizeof(command) - (size_t)n, " ) >log 2>&1");
    int status = system(command);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool has_qemu_img(void)
{
    static int known;
    if (!known)
        known = shell("qemu-img --version") == 0 ? 1 : -1;
    return known > 0;
}

static void need_qemu_img(void)
{
    if (!has_qemu_img())
        skip();
}

static char *in_dir(const char *name)
{
    return xasprintf("%s/%s", dir, name);
}

static struct image *open_it(const char *name, bool read_only)
{
    cleanup_free char *path = in_dir(name);
    struct image      *image;
    struct err         err = {0};
    struct image_how   how = {"qcow2", read_only, 0};
    if (image_open(&image, path, &how, &err) != 0)
        fail_msg("%s", err.text);
    return image;
}

static void read_all(struct image *image, u8 *to)
{
    assert_int_equal(image_read(image, 0, &(struct iovec){to, IMAGE_BYTES}, 1), 0);
}

/* One random request, on the image and on its mirror. */
static void step(struct image *image, u8 *mirror)
{
    static u8 buf[REQUEST_MAX];
    u64       off = rnd(IMAGE_BYTES / 512) * 512;
    u64       len = (rnd(rnd(4) ? 32 : REQUEST_MAX / 512) + 1) * 512;
    len           = MIN(len, IMAGE_BYTES - off);
    switch (rnd(10)) {
    case 0:
        assert_int_equal(image_zero(image, off, len, rnd(2)), 0);
        memset(mirror + off, 0, len);
        break;
    case 1:
        assert_int_equal(image_flush(image), 0);
        break;
    case 2:
        assert_int_equal(image_read(image, off, &(struct iovec){buf, len}, 1), 0);
        assert_memory_equal(buf, mirror + off, len);
        break;
    case 3: { /* what a discarded cluster reads as is the image's choice: ask it */
        assert_int_equal(image_discard(image, off, len), 0);
        assert_int_equal(image_read(image, off, &(struct iovec){mirror + off, len}, 1), 0);
        break;
    }
    default:
        for (u64 i = 0; i < len; i += 8)
            memcpy(buf + i, &(u64){rnd(~0ull)}, 8);
        u64          cut    = rnd(len + 1);
        struct iovec iov[2] = {{buf, cut}, {buf + cut, len - cut}};
        assert_int_equal(image_write(image, off, iov, 2), 0);
        memcpy(mirror + off, buf, len);
    }
}

static void write_raw(const char *name, const u8 *data)
{
    cleanup_free char *path = in_dir(name);
    cleanup_fd int     fd   = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);
    assert_int_equal(file_pwrite(fd, data, IMAGE_BYTES, 0), 0);
}

/* The image is whole: for us, and for QEMU. LEAKS: it may hold clusters that nobody uses. */
static void check_image(const char *name, bool own, bool leaks)
{
    cleanup_free char  *path = in_dir(name);
    struct qcow_checked c;
    if (own) {
        qcow2_check_file(&c, path);
        if (c.wrong)
            fail_msg("%s (%llx)", c.wrong, (unsigned long long)c.where);
        assert_true(leaks || !c.leaks);
    }
    if (!has_qemu_img())
        return;
    int rc = shell("qemu-img check -f qcow2 %s", name);
    assert_true(rc == 0 || (leaks && rc == 3));
}

/* SHAPE: made by us; NULL: by qemu-img with OPTIONS. */
static void random_run(const struct qcow_shape *shape, const char *options, unsigned steps,
                       bool backing)
{
    cleanup_free u8   *mirror = xalloc(IMAGE_BYTES), *back = xalloc(IMAGE_BYTES);
    cleanup_free char *path = in_dir("a.qcow2");
    if (backing) {
        for (u64 i = 0; i < IMAGE_BYTES; i += 8)
            memcpy(mirror + i, &(u64){rnd(~0ull)}, 8);
        write_raw("base.raw", mirror);
    }
    if (shape)
        qcow2_make(path, shape);
    else
        assert_int_equal(shell("rm -f a.qcow2; qemu-img create -f qcow2 -o %s %s a.qcow2 %u",
                               options, backing ? "-b base.raw -F raw" : "", IMAGE_BYTES),
                         0);
    for (unsigned round = 0; round < 3; round++) {
        struct image *image = open_it("a.qcow2", false);
        for (unsigned i = 0; i < steps; i++)
            step(image, mirror);
        read_all(image, back);
        assert_memory_equal(back, mirror, IMAGE_BYTES);
        image_close(image);
        check_image("a.qcow2", shape != NULL, false);
        write_raw("mirror.raw", mirror);
        if (has_qemu_img())
            assert_int_equal(shell("qemu-img compare -f qcow2 -F raw a.qcow2 mirror.raw"), 0);
    }
}

static void test_random(void **state)
{
    (void)state;
    static const struct {
        struct qcow_shape shape;
        unsigned          steps;
    } runs[] = {
        {{IMAGE_BYTES, 16, 4, NULL}, 400},      {{IMAGE_BYTES, 16, 4, "base.raw"}, 400},
        {{IMAGE_BYTES, 9, 4, NULL}, 300}, /* the refcount table grows */
        {{IMAGE_BYTES, 9, 6, "base.raw"}, 300}, {{IMAGE_BYTES, 12, 0, NULL}, 300},
        {{IMAGE_BYTES, 21, 4, NULL}, 60},
    };
    for (unsigned i = 0; i < ARRAY_SIZE(runs); i++)
        random_run(&runs[i].shape, NULL, runs[i].steps, runs[i].shape.backing);
}

static void test_random_of_qemu(void **state)
{
    (void)state;
    need_qemu_img();
    random_run(NULL, "cluster_size=64k", 300, true);
    random_run(NULL, "compat=0.10", 300, false);
    random_run(NULL, "compat=0.10", 300, true);
}

/* Snapshots and compressed clusters share what we must copy before we write. */
static void shared_run(const char *how)
{
    cleanup_free u8 *mirror = xalloc(IMAGE_BYTES), *first = xalloc(IMAGE_BYTES);
    for (u64 i = 0; i < IMAGE_BYTES; i += 8)
        memcpy(mirror + i, &(u64){i & 4096 ? rnd(~0ull) : i / 512}, 8);
    memcpy(first, mirror, IMAGE_BYTES);
    write_raw("in.raw", mirror);
    assert_int_equal(
        shell("rm -f a.qcow2; qemu-img convert -c -f raw -O qcow2 %s in.raw a.qcow2 && "
              "qemu-img snapshot -c one a.qcow2",
              how),
        0);
    struct image *image = open_it("a.qcow2", false);
    for (unsigned i = 0; i < 300; i++)
        step(image, mirror);
    image_close(image);
    assert_int_equal(shell("qemu-img check a.qcow2"), 0);
    write_raw("mirror.raw", mirror);
    assert_int_equal(shell("qemu-img compare -f qcow2 -F raw a.qcow2 mirror.raw"), 0);
    assert_int_equal(shell("qemu-img snapshot -a one a.qcow2 && "
                           "qemu-img compare -f qcow2 -F raw a.qcow2 in.raw"),
                     0);
}

static void test_shared_and_compressed(void **state)
{
    (void)state;
    need_qemu_img();
    shared_run("");
    shared_run("-o cluster_size=8k");
    if (shell("qemu-img create -f qcow2 -o compression_type=zstd z.qcow2 1M") == 0)
        shared_run("-o compression_type=zstd");
}

/* --- killed while it writes --- */

enum { BLOCKS = IMAGE_BYTES / 4096, KILLS = 20, BASE = 0xba5e0000 };

/* Shared with the child. A block holds the number of the request that wrote it, or zeroes. */
struct record {
    u32 written[BLOCKS]; /* the last request that surely changed it */
    u32 zeroed[BLOCKS];  /* the last that may have made zeroes of it */
    u32 flushed[BLOCKS]; /* as written, but durable */
};

static int change(struct image *image, struct record *r, u64 at, u32 n)
{
    u32 block[1024];
    u64 off = at * 4096;
    if (n % 5 < 2)
        r->zeroed[at] = n;
    if (n % 5 == 0)
        return image_discard(image, off, 4096);
    r->written[at] = n;
    if (n % 5 == 1)
        return image_zero(image, off, 4096, n & 1);
    for (unsigned i = 0; i < 1024; i++)
        block[i] = n;
    return image_write(image, off, &(struct iovec){block, 4096}, 1);
}

static void child(struct record *r)
{
    struct image *image = open_it("k.qcow2", false);
    for (u32 n = 1;; n++) {
        if (change(image, r, rnd(4) ? rnd(BLOCKS / 8) : rnd(BLOCKS), n) != 0)
            _exit(1);
        if (n % 37 == 0 && image_flush(image) == 0)
            memcpy(r->flushed, r->written, sizeof(r->flushed));
    }
}

/* As flushed, or as anything that was done since then. */
static bool may_be(const struct record *r, u64 at, u32 val, bool backing)
{
    if (val == 0 && r->zeroed[at] && r->zeroed[at] >= r->flushed[at])
        return true;
    if (r->flushed[at] == 0 && val == (backing ? BASE : 0))
        return true;
    return val && val >= r->flushed[at] && val <= r->written[at];
}

static void killed_run(const struct qcow_shape *shape, struct record *r)
{
    cleanup_free char *path = in_dir("k.qcow2");
    int                status;
    memset(r, 0, sizeof(*r));
    qcow2_make(path, shape);
    rnd(7);
    pid_t pid = fork();
    if (pid == 0)
        child(r);
    usleep((unsigned)(5000 + rnd(40000)));
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    assert_true(WIFSIGNALED(status));
    check_image("k.qcow2", true, true);
    struct image *image = open_it("k.qcow2", false);
    for (u64 i = 0; i < BLOCKS; i++) {
        u32 block[1024];
        assert_int_equal(image_read(image, i * 4096, &(struct iovec){block, 4096}, 1), 0);
        for (unsigned k = 0; k < 1024; k++)
            if (!may_be(r, i, block[k], shape->backing))
                fail_msg("block %u is %x, was %x, then %x or zeroes at %x", (unsigned)i, block[k],
                         r->flushed[i], r->written[i], r->zeroed[i]);
    }
    image_close(image);
}

static void test_killed(void **state)
{
    (void)state;
    cleanup_free u32 *base = xalloc(IMAGE_BYTES);
    struct record    *r =
        mmap(NULL, sizeof(*r), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (u64 i = 0; i < IMAGE_BYTES / 4; i++)
        base[i] = BASE;
    write_raw("base.raw", (u8 *)base);
    for (unsigned round = 0; round < KILLS; round++) {
        struct qcow_shape shape = {IMAGE_BYTES, round & 1 ? 9 : 16, 4,
                                   round & 2 ? "base.raw" : NULL};
        killed_run(&shape, r);
    }
    munmap(r, sizeof(*r));
}

/* --- not closed in good order: the counts are made anew --- */

static void poke(const char *name, u64 off, const void *bytes, u64 len)
{
    cleanup_free char *path = in_dir(name);
    cleanup_fd int     fd   = open(path, O_RDWR);
    assert_int_equal(file_pwrite(fd, bytes, len, off), 0);
}

/* Sets the dirty bit, and makes nonsense of every block of counts and of some flags. */
static void spoil(const char *name, bool flags)
{
    u64                len;
    cleanup_free char *path    = in_dir(name);
    cleanup_free u8   *f       = qcow2_slurp(path, &len);
    u64                cluster = 1ull << be_get(f + 20, 4), table = be_get(f + 48, 8);
    u64                l1 = be_get(f + 40, 8), l1_size = be_get(f + 36, 4);
    cleanup_free u8   *noise = xalloc(cluster);
    for (u64 i = 0; i < cluster; i++)
        noise[i] = i % 3 ? 0 : (u8)rnd(4);
    poke(name, 79, "\1", 1);
    for (u64 i = 0; i < be_get(f + 56, 4) * cluster / 8; i++)
        if (be_get(f + table + i * 8, 8))
            poke(name, be_get(f + table + i * 8, 8), noise, cluster);
    for (u64 i = 0; flags && i < l1_size; i++)
        for (u64 k = 0, l2 = be_get(f + l1 + i * 8, 8) & ~(1ull << 63); l2 && k < cluster / 8; k++)
            if (rnd(4) == 0 && be_get(f + l2 + k * 8, 8) & ~1ull)
                poke(name, l2 + k * 8, &(u8){f[l2 + k * 8] ^ 0x80}, 1);
}

static void test_repair(void **state)
{
    cleanup_free u8 *mirror = xalloc(IMAGE_BYTES), *back = xalloc(IMAGE_BYTES);
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        const struct qcow_shape shape = {IMAGE_BYTES, (unsigned[]){16, 9, 12, 21}[i],
                                         (unsigned[]){4, 6, 0, 5}[i], NULL};
        cleanup_free char      *path  = in_dir("d.qcow2");
        qcow2_make(path, &shape);
        memset(mirror, 0, IMAGE_BYTES);
        for (unsigned round = 0; round < 3; round++) {
            struct image *image = open_it("d.qcow2", false);
            for (unsigned k = 0; k < (i == 3 ? 10 : 100); k++)
                step(image, mirror);
            image_close(image);
            if (round)
                check_image("d.qcow2", true, false);
            spoil("d.qcow2", true);
            image = open_it("d.qcow2", true); /* who only reads needs no counts */
            read_all(image, back);
            assert_memory_equal(back, mirror, IMAGE_BYTES);
            image_close(image);
            image_close(open_it("d.qcow2", false));
            check_image("d.qcow2", true, false);
        }
    }
}

static void test_beyond_repair(void **state)
{
    const struct qcow_shape shape = {IMAGE_BYTES, 16, 4, NULL};
    cleanup_free char      *path  = in_dir("d.qcow2");
    struct image           *image;
    struct image_how        how = {"qcow2", false, 0};
    struct err              err = {0};
    u64                     len, len2;
    u8                      entry[8];
    (void)state;
    qcow2_make(path, &shape);
    image = open_it("d.qcow2", false);
    assert_int_equal(image_write(image, 0, &(struct iovec){entry, 8}, 1), 0);
    image_close(image);
    spoil("d.qcow2", false);
    be_put(entry, 8, 1ull << 63 | 1ull << 40); /* a table far behind the file's end */
    poke("d.qcow2", 3 << 16, entry, 8);
    cleanup_free u8 *before = qcow2_slurp(path, &len);
    assert_int_equal(image_open(&image, path, &how, &err), -EUCLEAN);
    assert_non_null(strstr(err.text, "good order"));
    cleanup_free u8 *after = qcow2_slurp(path, &len2);
    assert_true(len == len2 && !memcmp(before, after, len));
}

/* QEMU's own: killed with lazy counts; and with snapshots and compressed clusters, spoiled. */
static void test_repair_of_qemu(void **state)
{
    (void)state;
    need_qemu_img();
    assert_int_equal(shell("qemu-img create -f qcow2 -o lazy_refcounts=on l.qcow2 %u", IMAGE_BYTES),
                     0);
    shell("qemu-io -c 'write -P 7 1M 3M' -c 'flush' -c 'write -P 8 9M 1M' -c 'flush' -c abort "
          "l.qcow2");
    cleanup_free char *lazy = in_dir("l.qcow2");
    u64                len;
    cleanup_free u8   *f = qcow2_slurp(lazy, &len);
    assert_int_equal(f[79], 1);
    image_close(open_it("l.qcow2", false));
    check_image("l.qcow2", true, false);
    assert_int_equal(shell("qemu-io -c 'read -P 7 1M 3M' -c 'read -P 8 9M 1M' l.qcow2"), 0);

    cleanup_free u8 *mirror = xalloc(IMAGE_BYTES);
    for (u64 i = 0; i < IMAGE_BYTES; i += 8)
        memcpy(mirror + i, &(u64){i & 4096 ? rnd(~0ull) : i / 512}, 8);
    write_raw("in.raw", mirror);
    assert_int_equal(shell("rm -f s.qcow2; qemu-img convert -c -f raw -O qcow2 in.raw s.qcow2 && "
                           "qemu-img snapshot -c one s.qcow2"),
                     0);
    for (unsigned round = 0; round < 3; round++) {
        struct image *image = open_it("s.qcow2", false);
        for (unsigned i = 0; i < 100; i++)
            step(image, mirror);
        image_close(image);
        assert_int_equal(shell("qemu-img check s.qcow2 && qemu-img snapshot -c x%u s.qcow2", round),
                         0);
        spoil("s.qcow2", false);
    }
    image_close(open_it("s.qcow2", false));
    assert_int_equal(shell("qemu-img check s.qcow2"), 0);
    write_raw("mirror.raw", mirror);
    assert_int_equal(shell("qemu-img compare -f qcow2 -F raw s.qcow2 mirror.raw && "
                           "qemu-img snapshot -a one s.qcow2 && "
                           "qemu-img compare -f qcow2 -F raw s.qcow2 in.raw"),
                     0);
}

/* --- what must be refused --- */

static void refuse(const char *name, int code)
{
    cleanup_free char *path = in_dir(name);
    struct image      *image;
    struct err         err = {0};
    struct image_how   how = {"qcow2", false, 0};
    assert_int_equal(image_open(&image, path, &how, &err), -code);
    assert_true(err.text[0] != 0);
}

static void test_refused(void **state)
{
    (void)state;
    need_qemu_img();
    shell("qemu-img create -f raw base.raw 1M");
    shell("qemu-img create -f qcow2 -b base.raw -F raw nofmt.qcow2 && "
          "printf '\\0\\0\\0\\0' | dd of=nofmt.qcow2 bs=1 seek=112 conv=notrunc");
    refuse("nofmt.qcow2", EINVAL);
    shell("qemu-img create -f qcow2 -o extended_l2=on,cluster_size=128k ext.qcow2 1M");
    refuse("ext.qcow2", ENOTSUP);
    shell("qemu-img create -f qcow2 -o data_file=data.raw data.qcow2 1M");
    refuse("data.qcow2", ENOTSUP);
    shell("qemu-img create -f qcow2 short.qcow2 1M && truncate -s 20 short.qcow2");
    refuse("short.qcow2", EINVAL);
    /* the backing file's name lies inside the header */
    shell("qemu-img create -f qcow2 -b base.raw -F raw inside.qcow2 && "
          "printf '\\0\\0\\0\\0\\0\\0\\0\\10' | dd of=inside.qcow2 bs=1 seek=8 conv=notrunc");
    refuse("inside.qcow2", EINVAL);
    /* it stands on itself */
    shell("qemu-img create -f qcow2 loop.qcow2 1M && "
          "qemu-img rebase -u -f qcow2 -b loop.qcow2 -F qcow2 loop.qcow2");
    cleanup_free char *loop = in_dir("loop.qcow2");
    struct image      *image;
    struct image_how   how = {"qcow2", true, 0};
    assert_int_equal(image_open(&image, loop, &how, NULL), -ELOOP);
    /* two machines */
    shell("qemu-img create -f qcow2 two.qcow2 1M");
    image = open_it("two.qcow2", false);
    refuse("two.qcow2", EBUSY);
    image_close(image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_random_of_qemu),
        cmocka_unit_test(test_shared_and_compressed),
        cmocka_unit_test(test_killed),
        cmocka_unit_test(test_repair),
        cmocka_unit_test(test_beyond_repair),
        cmocka_unit_test(test_repair_of_qemu),
        cmocka_unit_test(test_refused),
    };
    if (!mkdtemp(dir))
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    if (!failed)
        shell("rm -rf %s", dir);
    return failed;
}
