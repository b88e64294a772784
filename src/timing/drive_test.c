/* timing/drive_test.c - layouts, arms and whole drives whose times can be told by hand. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "timing/drive.h"
#include "timing/geometry.h"
#include "timing/mechanics.h"

#define PATH "/tmp/guise-drive-test.parv"

/* 6000 rpm: a turn is 10 ms; 10 sectors a track: one is 1 ms. Seeks take 1 + sqrt(n) ms. */
static const char *const text =
    "# a comment\n"
    "disksim_disk TINY { Model = dm_disk TINY_model { Number of data surfaces = 2,\n"
    "  Number of cylinders = 20, Block count = %u,\n"
    "  Layout Model = dm_layout_g1 { LBN-to-PBN mapping scheme = %u, Sparing scheme used = %u,\n"
    "    Rangesize for sparing = 2, Zones = [ dm_layout_g1_zone { First cylinder number = 0,\n"
    "      Last cylinder number = 9, Blocks per track = 10, Offset of first block = 0,\n"
    "      Empty space at zone front = 0, Skew for track switch = 2, Skew for cylinder switch = "
    "3,\n"
    "      Number of spares = %u, slips = [ %s ], defects = [] },\n"
    "      dm_layout_g1_zone { First cylinder number = 10,\n"
    "      Last cylinder number = 19, Blocks per track = 8, Offset of first block = 4,\n"
    "      Empty space at zone front = 0, Skew for track switch = 2, Skew for cylinder switch = "
    "3,\n"
    "      Number of spares = %u, slips = [], defects = [] } ] },\n"
    "  Mechanical Model = dm_mech_g1 { Seek type = hpl, Rotation speed (in rpms) = 6000,\n"
    "    HPL seek equation values = [ 1000, 1.0, 1.0, 0, 0, -1 ], Head switch time = 0.5,\n"
    "    Add. write settling delay = 0.25 } },\n"
    "  Bulk sector transfer time = 0.1, Number of buffer segments = 2,\n"
    "  Segment size (in blks) = 32, Enable caching in buffer = 1, Buffer continuous read = %u,\n"
    "  Maximum read-ahead (blks) = 16, Fast write level = %u, Immediate buffer read = %u,\n"
    "  Read any free blocks = %u,\n"
    "  Immediate buffer write = 0, Stop prefetch in sector = 1, Never disconnect = 1,\n"
    "  Read hit over. after read = 0.2, Read hit over. after write = 0.2,\n"
    "  Read miss over. after read = 0.5, Read miss over. after write = 0.5,\n"
    "  Write hit over. after read = 0.3, Write hit over. after write = 0.3,\n"
    "  Write miss over. after read = 0.6, Write miss over. after write = 0.6 }\n"
    "instantiate [ a ] as TINY\n"
    "topology disksim_bus b [ disksim_disk a [] ]\n";

struct tiny {
    unsigned    blocks, mapping, scheme, spares;
    const char *slips;
    unsigned    ahead, fast, any;
};

static void describe(const struct tiny *t)
{
    FILE *f = fopen(PATH, "we");
    assert_non_null(f);
    fprintf(f, "dm_disk X { ");
    rewind(f);
    fprintf(f, text, t->blocks, t->mapping, t->scheme, t->spares, t->slips ? t->slips : "",
            t->spares, t->ahead, t->fast, t->any, t->any);
    fclose(f);
}

/* The block stands inside of the disksim_disk here, not at the top as the reader wants it. */
static void lift(void)
{
    char  *all = xalloc(8192);
    FILE  *f   = fopen(PATH, "re");
    size_t n   = fread(all, 1, 8191, f);
    all[n]     = 0;
    fclose(f);
    char *model = strstr(all, "dm_disk TINY_model"), *end = strstr(all, "  Bulk sector");
    f = fopen(PATH, "we");
    fprintf(f, "%.*s\n", (int)(end - model - 2), model);
    fprintf(f, "%.*sTINY_model,\n%s", (int)(model - all), all, end);
    fclose(f);
    free(all);
}

static struct drive *drive_of(const struct tiny *t)
{
    struct err    err = {0};
    struct drive *d   = NULL;
    describe(t);
    lift();
    if (drive_create(&d, PATH, &err))
        fail_msg("%s", err.text);
    return d;
}

static struct geometry *geometry_of(const struct tiny *t)
{
    struct err       err = {0};
    struct params   *p   = NULL;
    struct geometry *g   = NULL;
    describe(t);
    lift();
    if (params_read(&p, PATH, &err) || geometry_create(&g, p, &err))
        fail_msg("%s", err.text);
    params_free(p);
    return g;
}

/* Each block has a place of its own, whatever the scheme of spares. */
static void layouts(void **state)
{
    (void)state;
    for (unsigned scheme = 0; scheme <= 10; scheme++)
        for (unsigned mapping = 0; mapping <= 2; mapping++) {
            struct tiny t = {.blocks  = 1000,
                             .mapping = mapping,
                             .scheme  = scheme,
                             .spares  = scheme ? 1 : 0,
                             .slips   = scheme == 0   ? ""
                                        : scheme == 1 ? "3"
                                                      : "13, 57"};
            if (scheme == 9 || scheme == 10)
                t.spares = 4;
            struct geometry   *g    = geometry_of(&t);
            cleanup_free bool *seen = xalloc(40 * 10 * sizeof(bool));
            assert_in_range(geometry_blocks(g), 300, 360);
            for (u64 b = 0; b < geometry_blocks(g); b++) {
                struct place p;
                geometry_find(g, b, &p);
                u32 sector = (u32)lround(p.angle * p.sectors) % p.sectors;
                u32 at     = (p.cylinder * 2 + p.head) * 10 + sector;
                assert_true(p.cylinder < 20 && p.head < 2);
                assert_int_equal(p.sectors, p.cylinder < 10 ? 10 : 8);
                assert_false(seen[at]);
                seen[at] = true;
                assert_in_range(geometry_track_end(g, b), b + 1, b + p.sectors);
            }
            geometry_destroy(g);
        }
}

static void skews(void **state)
{
    struct geometry *g = geometry_of(&(struct tiny){.blocks = 1000});
    struct place     p;
    (void)state;
    assert_int_equal(geometry_blocks(g), 360);
    geometry_find(g, 10, &p); /* one head switch */
    assert_true(p.head == 1 && fabs(p.angle - 0.2) < 1e-9);
    geometry_find(g, 20, &p); /* and one cylinder */
    assert_true(p.cylinder == 1 && p.head == 0 && fabs(p.angle - 0.5) < 1e-9);
    geometry_find(g, 200, &p); /* the second zone begins where it says */
    assert_true(p.cylinder == 10 && fabs(p.angle - 0.5) < 1e-9);
    geometry_destroy(g);
}

static double serve(struct drive *d, double now, u64 block, u32 blocks, bool write)
{
    struct drive_times t;
    drive_serve(d, now, &(struct drive_request){block, blocks, write}, &t);
    double parts = t.queue + t.overhead + t.seek + t.rotate + t.transfer;
    assert_true(fabs(parts - (t.end - t.start)) < 1e-6);
    return t.end - t.start;
}

#define ABOUT(a, b)                                                                                \
    do {                                                                                           \
        double a_ = (a), b_ = (b);                                                                 \
        if (fabs(a_ - b_) > 1e-6)                                                                  \
            fail_msg("%s: %.6f, expected %.6f", #a, a_, b_);                                       \
    } while (0)

static void reads(void **state)
{
    struct drive *d = drive_of(&(struct tiny){.blocks = 1000});
    (void)state;
    ABOUT(serve(d, 0, 3, 1, false), 4 + 0.1);     /* it passes from 3 to 4 ms */
    ABOUT(serve(d, 10, 3, 1, false), 0.2 + 0.1);  /* still in the buffer */
    ABOUT(serve(d, 20, 1, 3, false), 4 + 0.1);    /* its last passes from 3 to 4 */
    ABOUT(serve(d, 30, 10, 1, false), 3 + 0.1);   /* the other head, at angle 2 */
    ABOUT(serve(d, 40, 20, 2, false), 7 + 0.1);   /* 0.5 + 2 ms there, angle 5 to 7 */
    ABOUT(serve(d, 50, 10, 1, false), 0.2 + 0.1); /* of the two segments one still has it */
    drive_destroy(d);
}

static void read_ahead(void **state)
{
    struct drive *d = drive_of(&(struct tiny){.blocks = 1000, .ahead = 3});
    (void)state;
    ABOUT(serve(d, 0, 0, 1, false), 11 + 0.1);     /* missed by the command's 0.5 ms */
    ABOUT(serve(d, 16.5, 1, 4, false), 0.2 + 0.4); /* read meanwhile */
    ABOUT(serve(d, 17.2, 5, 3, false), 0.8 + 0.1); /* the last just comes, until 18 */
    drive_destroy(d);
}

static void in_any_order(void **state)
{
    struct drive *d = drive_of(&(struct tiny){.blocks = 1000, .any = 1});
    (void)state;
    /* The head lands at 0.5 ms, in the middle of the track's first block: one turn is enough,
     * and the host gets them in order. */
    ABOUT(serve(d, 0, 0, 10, false), 11 + 10 * 0.1);
    drive_destroy(d);
    d = drive_of(&(struct tiny){.blocks = 1000});
    ABOUT(serve(d, 0, 0, 10, false), 20 + 0.1);
    drive_destroy(d);
}

static void writes(void **state)
{
    struct drive *d = drive_of(&(struct tiny){.blocks = 1000});
    (void)state;
    ABOUT(serve(d, 0, 5, 1, true), 6);   /* on the media at 6 ms */
    ABOUT(serve(d, 10, 10, 1, true), 3); /* 0.6 + 0.5 + 0.25, angle 2 */
    ABOUT(serve(d, 20, 20, 1, true), 6); /* 0.6 + 2 + 0.25, angle 5 */
    drive_destroy(d);
    d = drive_of(&(struct tiny){.blocks = 1000, .fast = 2});
    ABOUT(serve(d, 0, 5, 1, true), 0.3 + 0.1);  /* in the buffer */
    ABOUT(serve(d, 1, 10, 1, true), 5 + 0.1);   /* no room until the first is out, at 6 */
    ABOUT(serve(d, 30, 10, 1, false), 3 + 0.1); /* what was written is not read from there */
    drive_destroy(d);
}

static void refuse(const char *description, const char *says)
{
    struct err    err = {0};
    struct drive *d;
    FILE         *f = fopen(PATH, "we");
    fputs(description, f);
    fclose(f);
    assert_true(drive_create(&d, PATH, &err) < 0);
    if (!strstr(err.text, says))
        fail_msg("'%s' does not say '%s'", err.text, says);
}

static void refusals(void **state)
{
    struct err    err = {0};
    struct drive *d;
    (void)state;
    assert_true(drive_create(&d, "/nonexistent/x", &err) == -ENOENT);
    refuse("", "no disksim_disk");
    refuse("disksim_disk A { x = 1 ", ":1: ");
    refuse("disksim_disk A { Bulk sector transfer time = fast }", "must be a number");
    refuse("disksim_disk A { Bulk sector transfer time = 1 }",
           "'Number of buffer segments' is missing");
    refuse("disksim_disk A { x = source /nonexistent/y }", "/nonexistent/y");
    refuse("x = [[[[[[[[[[[[[[[[[[[[ 1", "");
    refuse("disksim_disk A { x = source guise-drive-test.parv }", "too deep");
    describe(&(struct tiny){.blocks = 1000, .scheme = 2, .spares = 20});
    lift();
    assert_true(drive_create(&d, PATH, &err) < 0);
    assert_non_null(strstr(err.text, "holds no block"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layouts),    cmocka_unit_test(skews),  cmocka_unit_test(reads),
        cmocka_unit_test(read_ahead), cmocka_unit_test(writes), cmocka_unit_test(in_any_order),
        cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
