/* isolation/inroot_test.c - paths inside a root that tries to lead out of it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "isolation/inroot.h"

struct place {
    char root[64], outside[80];
    int  fd;
};

static int set_up(void **state)
{
    struct place *p = xnew(struct place);
    snprintf(p->root, sizeof(p->root), "/tmp/inroot.XXXXXX");
    if (!mkdtemp(p->root))
        return -1;
    snprintf(p->outside, sizeof(p->outside), "%s.outside", p->root);
    if (mkdir(p->outside, 0700) < 0)
        return -1;
    p->fd  = open(p->root, O_PATH | O_DIRECTORY);
    *state = p;
    return 0;
}

static int tear_down(void **state)
{
    struct place      *p       = *state;
    cleanup_free char *command = xasprintf("rm -rf %s %s", p->root, p->outside);
    close(p->fd);
    free(p);
    return system(command);
}

static bool is_empty(const char *dir)
{
    return rmdir(dir) == 0 && mkdir(dir, 0700) == 0;
}

static bool there(const struct place *p, const char *path)
{
    struct stat        st;
    cleanup_free char *whole = xasprintf("%s/%s", p->root, path);
    return lstat(whole, &st) == 0;
}

static void makes_what_is_missing(void **state)
{
    struct place *p  = *state;
    int           fd = -1;
    assert_int_equal(inroot_folder(p->fd, "/a//b/c/", 0755, &fd, NULL), 0);
    close(fd);
    assert_true(there(p, "a/b/c"));
    assert_int_equal(inroot_file(p->fd, "a/x/file", 0644, &fd, NULL), 0);
    close(fd);
    assert_true(there(p, "a/x/file"));
}

static void links_stay_inside(void **state)
{
    struct place *p  = *state;
    int           fd = -1;
    symlinkat(p->outside, p->fd, "absolute");
    symlinkat("../../../../../../../../../..", p->fd, "up");
    symlinkat("/new/place", p->fd, "dangling");
    assert_int_equal(inroot_folder(p->fd, "absolute/made", 0755, &fd, NULL), 0);
    close(fd);
    assert_true(is_empty(p->outside));
    assert_int_equal(inroot_folder(p->fd, "up/made", 0755, &fd, NULL), 0);
    close(fd);
    assert_true(there(p, "made"));
    assert_int_equal(inroot_folder(p->fd, "dangling/made", 0755, &fd, NULL), 0);
    close(fd);
    assert_true(there(p, "new/place/made"));
    symlinkat("/far/file", p->fd, "to-file");
    assert_int_equal(inroot_folder(p->fd, "far", 0755, &fd, NULL), 0);
    close(fd);
    assert_int_equal(inroot_file(p->fd, "to-file", 0644, &fd, NULL), 0);
    close(fd);
    assert_true(there(p, "far/file"));
}

static void no_way_out(void **state)
{
    struct place *p   = *state;
    struct err    err = {0};
    int           fd  = -1;
    symlinkat("loop2", p->fd, "loop1");
    symlinkat("loop1", p->fd, "loop2");
    assert_int_equal(inroot_folder(p->fd, "loop1/x", 0755, &fd, &err), -ELOOP);
    assert_true(inroot_open(p->fd, "/proc/self/exe", O_PATH, 0) == -ENOENT);
    assert_int_equal(inroot_folder(p->fd, "missing/../../x", 0755, &fd, NULL), 0);
    close(fd);
    assert_true(there(p, "x"));
    const char *name;
    assert_int_equal(inroot_parent(p->fd, "a/..", &fd, &name, &err), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(makes_what_is_missing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(links_stay_inside, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_way_out, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
