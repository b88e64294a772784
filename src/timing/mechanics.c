/* timing/mechanics.c - see mechanics.h. The kinds of seek curve are those of DiskSim's format
 * (dm_mech_g1): a constant, three points, Ruemmler and Wilkes's root-and-line with or without the
 * first ten distances, or a measured table. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "timing/mechanics.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

enum { FIRST = 10, POINTS_MAX = 100000 };

struct point {
    double cylinders, ms;
};

struct mechanics {
    double turn_ms;
    double head_switch_ms, write_settle_ms;
    double (*curve)(const struct mechanics *, u32 cylinders);
    double        one, average, full; /* ms: of one cylinder, on average, across all */
    double        cylinders;
    double        hpl[6];
    double        first[FIRST];
    struct point *points;
    u32           n_points;
};

/* --- curves: ms for a distance of at least one cylinder --- */

static double constant(const struct mechanics *m, u32 cylinders)
{
    (void)cylinders;
    return m->average;
}

static double line(const struct mechanics *m, u32 cylinders)
{
    double third = m->cylinders / 3, n = cylinders - 1.0;
    if (n <= third)
        return m->one + n / third * (m->average - m->one);
    return m->average + (n - third) / (m->cylinders - third) * (m->full - m->average);
}

static double curve(const struct mechanics *m, u32 cylinders)
{
    return m->one + m->average * (cylinders - 1.0) + m->full * sqrt(cylinders - 1.0);
}

static double hpl(const struct mechanics *m, u32 cylinders)
{
    if (cylinders == 1 && m->hpl[5] >= 0)
        return m->hpl[5];
    if (cylinders < m->hpl[0])
        return m->hpl[1] + m->hpl[2] * sqrt(cylinders);
    return m->hpl[3] + m->hpl[4] * cylinders;
}

static double hpl_plus_first(const struct mechanics *m, u32 cylinders)
{
    return cylinders <= FIRST ? m->first[cylinders - 1] : hpl(m, cylinders);
}

static double table(const struct mechanics *m, u32 cylinders)
{
    u32 i = 1;
    while (i + 1 < m->n_points && m->points[i].cylinders < cylinders)
        i++;
    const struct point *a = &m->points[i - 1], *b = &m->points[i];
    return a->ms + (cylinders - a->cylinders) * (b->ms - a->ms) / (b->cylinders - a->cylinders);
}

static const struct {
    const char *name;
    double (*curve)(const struct mechanics *, u32);
    bool points, hpl, first, ends;
} curves[] = {
    {"constant", constant, .ends = true},
    {"threePointLine", line, .ends = true},
    {"threePointCurve", curve, .ends = true},
    {"hpl", hpl, .hpl = true},
    {"hplplus10", hpl_plus_first, .hpl = true, .first = true},
    {"extracted", table, .points = true},
};

/* --- what is asked --- */

double mechanics_turn_ms(const struct mechanics *m)
{
    return m->turn_ms;
}

double mechanics_seek_ms(const struct mechanics *m, u32 cylinders, bool other_head, bool write)
{
    double ms = cylinders ? m->curve(m, cylinders) : 0;
    if (other_head)
        ms = fmax(ms, m->head_switch_ms);
    return ms > 0 && write ? fmax(ms + m->write_settle_ms, 0) : ms;
}

double mechanics_wait_ms(const struct mechanics *m, double at, double angle)
{
    static const double near = 1e-7; /* of a turn: it is there now */
    double              now = at / m->turn_ms, wait = angle - (now - floor(now));
    wait -= floor(wait);
    return wait > 1 - near ? 0 : wait * m->turn_ms;
}

/* --- reading --- */

static int read_numbers(const struct param *from, const char *key, double *out, u32 n,
                        struct err *err)
{
    const struct param *list = param_get(from, key);
    if (!list || list->type != PARAM_LIST || list->n_items != n)
        return err_set(err, EINVAL, "%s:%u: '%s' must be a list of %u numbers", from->file,
                       from->line, key, n);
    for (u32 i = 0; i < n; i++)
        if (list->items[i].type != PARAM_NUMBER)
            return err_set(err, EINVAL, "%s:%u: '%s' must be a list of %u numbers", from->file,
                           list->items[i].line, key, n);
        else
            out[i] = list->items[i].number;
    return 0;
}

/* A line "Seek distances measured: N", then "CYLINDERS, MS" in ascending order. */
static int parse_points(struct mechanics *m, FILE *f, const char *path, struct err *err)
{
    char     text[256];
    unsigned n = 0;
    if (!fgets(text, sizeof(text), f) || sscanf(text, "Seek distances measured: %u", &n) != 1 ||
        n < 2 || n > POINTS_MAX)
        return err_set(err, EINVAL, "%s:1: 'Seek distances measured: NUMBER' expected", path);
    m->points = xalloc(n * sizeof(*m->points));
    for (m->n_points = 0; m->n_points < n && fgets(text, sizeof(text), f); m->n_points++) {
        struct point *p = &m->points[m->n_points];
        if (sscanf(text, "%lf , %lf", &p->cylinders, &p->ms) != 2 || !(p->ms >= 0) ||
            !(p->cylinders > (m->n_points ? p[-1].cylinders : 0)))
            return err_set(err, EINVAL, "%s:%u: 'CYLINDERS, MS' expected, in ascending order", path,
                           m->n_points + 2);
    }
    return m->n_points < n ? err_set(err, EINVAL, "%s: fewer points than it says", path) : 0;
}

static int read_points(struct mechanics *m, const struct param *from, struct err *err)
{
    char                path[4096];
    const struct param *name = param_get(from, "Full seek curve");
    if (!name || name->type != PARAM_WORDS)
        return err_set(err, EINVAL, "%s:%u: 'Full seek curve' must name a file", from->file,
                       from->line);
    const char *slash = strrchr(name->file, '/');
    snprintf(path, sizeof(path), "%.*s%s",
             *name->text == '/' || !slash ? 0 : (int)(slash + 1 - name->file), name->file,
             name->text);
    FILE *f = fopen(path, "re");
    if (!f)
        return err_errno(err, errno, "open the seek curve '%s'", path);
    int rc = parse_points(m, f, path, err);
    fclose(f);
    return rc;
}

static int read_curve(struct mechanics *m, const struct param *from, struct err *err)
{
    const struct param *type = param_get(from, "Seek type");
    u32                 i    = 0;
    while (i < ARRAY_SIZE(curves) && (!type || !type->text || strcmp(curves[i].name, type->text)))
        i++;
    if (i == ARRAY_SIZE(curves))
        return err_set(err, EINVAL, "%s:%u: 'Seek type' is missing or not known", from->file,
                       from->line);
    m->curve = curves[i].curve;
    int rc   = 0;
    if (curves[i].ends) {
        bool all = curves[i].curve != constant;
        rc       = param_number(from, "Average seek time", true, 0, 1e4, &m->average, err);
        if (!rc)
            rc = param_number(from, "Single cylinder seek time", all, 0, 1e4, &m->one, err);
        if (!rc)
            rc = param_number(from, "Full strobe seek time", all, 0, 1e4, &m->full, err);
    }
    if (!rc && curves[i].hpl)
        rc = read_numbers(from, "HPL seek equation values", m->hpl, 6, err);
    if (!rc && curves[i].first)
        rc = read_numbers(from, "First ten seek times", m->first, FIRST, err);
    return !rc && curves[i].points ? read_points(m, from, err) : rc;
}

static int read_mechanics(struct mechanics *m, const struct param *disk, struct err *err)
{
    const struct param *from = param_get(disk, "Mechanical Model");
    double              rpm  = 0;
    if (!from || from->type != PARAM_BLOCK)
        return err_set(err, EINVAL, "%s:%u: 'Mechanical Model' is missing", disk->file, disk->line);
    int rc = param_number(from, "Rotation speed (in rpms)", true, 1, 1e6, &rpm, err);
    if (!rc)
        rc = param_number(from, "Head switch time", false, 0, 1e4, &m->head_switch_ms, err);
    if (!rc)
        rc = param_number(from, "Add. write settling delay", false, -1e4, 1e4, &m->write_settle_ms,
                          err);
    if (!rc)
        rc = param_number(disk, "Number of cylinders", true, 1, 1e7, &m->cylinders, err);
    m->turn_ms = 60000 / rpm;
    return rc ? rc : read_curve(m, from, err);
}

int mechanics_create(struct mechanics **out, const struct params *p, struct err *err)
{
    const struct param *disk = params_block(p, "dm_disk", 0);
    if (!disk)
        return err_set(err, EINVAL, "the description has no dm_disk");
    struct mechanics *m  = xnew(struct mechanics);
    int               rc = read_mechanics(m, disk, err);
    if (rc) {
        mechanics_destroy(m);
        return rc;
    }
    *out = m;
    return 0;
}

void mechanics_destroy(struct mechanics *m)
{
    if (m)
        free(m->points);
    free(m);
}
