/* timing/replay.c - see replay.h. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "timing/replay.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

enum { LINES_MAX = 10000000, BLOCKS_MAX = 1 << 15 };

/* --- running --- */

static int parse(const char *text, struct replayed *out, double *gap_ms, const struct drive *d)
{
    char               kind[8], word[32];
    unsigned long long block;
    unsigned           blocks;
    double             service, gap;
    if (sscanf(text, "%7s %31s %llu %u %lf %lf", kind, word, &block, &blocks, &service, &gap) != 6)
        return -EINVAL;
    if (strcmp(kind, "R") && strcmp(kind, "W"))
        return -EINVAL;
    if (!(service >= 0 && service < 1e12 && gap >= 0 && gap < 1e12))
        return -EINVAL;
    if (!blocks || blocks > BLOCKS_MAX || block >= drive_blocks(d) ||
        blocks > drive_blocks(d) - block)
        return -ERANGE;
    out->request     = (struct drive_request){block, blocks, *kind == 'W'};
    out->measured_ms = service / 1000;
    *gap_ms          = gap / 1000;
    return 0;
}

static int run(struct replay *r, struct drive *d, FILE *f, const char *path, struct err *err)
{
    char   text[256];
    double now = 0, gap;
    while (fgets(text, sizeof(text), f)) {
        if (r->n == LINES_MAX)
            return err_set(err, E2BIG, "%s: more than %u requests", path, LINES_MAX);
        if ((r->n & (r->n - 1)) == 0)
            r->all = xrealloc(r->all, MAX(2 * r->n, 1u) * sizeof(*r->all));
        struct replayed *one = &r->all[r->n++];
        int              rc  = parse(text, one, &gap, d);
        if (rc)
            return err_set(err, EINVAL, "%s:%u: %s", path, r->n,
                           rc == -ERANGE ? "blocks that the drive does not have"
                                         : "'R|W WORD BLOCK BLOCKS SERVICE-US GAP-US' expected");
        drive_serve(d, now, &one->request, &one->model);
        now = one->model.end + gap;
    }
    return r->n ? 0 : err_set(err, EINVAL, "%s: no request in it", path);
}

int replay_run(struct replay *out, struct drive *d, const char *trace, struct err *err)
{
    struct replay r = {0};
    FILE         *f = fopen(trace, "re");
    if (!f)
        return err_errno(err, errno, "open the trace '%s'", trace);
    int rc = run(&r, d, f, trace, err);
    fclose(f);
    if (rc)
        replay_done(&r);
    else
        *out = r;
    return rc;
}

void replay_done(struct replay *r)
{
    free(r->all);
    *r = (struct replay){0};
}

/* --- comparing --- */

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

double *replay_sorted(const struct replay *r, enum replay_class class, bool measured, u32 *n)
{
    double *list = xalloc((r->n + 1) * sizeof(double));
    *n           = 0;
    for (u32 i = 0; i < r->n; i++) {
        const struct replayed *one = &r->all[i];
        if (class != REPLAY_ALL && one->request.write != (class == REPLAY_WRITES))
            continue;
        list[(*n)++] = measured ? one->measured_ms : one->model.end - one->model.start;
    }
    qsort(list, *n, sizeof(double), ascending);
    return list;
}

/* A distribution in bins: what part of the samples lies at or below each edge. */
enum { BINS = 3000 };
struct bins {
    double edge[BINS], part[BINS];
};

static void fill(struct bins *b, const double *sorted, u32 n)
{
    static const double first = 0.001, growth = 1.01;
    double              edge = 0, width = first;
    u32                 k = 0;
    for (u32 i = 0; i < BINS; i++) {
        while (k < n && sorted[k] <= edge)
            k++;
        b->edge[i] = edge;
        b->part[i] = (double)k / n;
        edge += width;
        if (edge * (growth - 1) > width)
            width = edge * (growth - 1);
    }
}

/* Where the distribution reaches P; *I goes on from one P to the next. */
static double quantile(const struct bins *b, double p, u32 *i)
{
    while (*i + 1 < BINS && b->part[*i] < p)
        ++*i;
    if (*i == 0)
        return b->edge[0];
    double below = b->part[*i - 1], step = b->part[*i] - below;
    return b->edge[*i - 1] + (step > 0 ? (p - below) / step : 0) * (b->edge[*i] - b->edge[*i - 1]);
}

static double binned(const double *a, const double *b, u32 n)
{
    enum { STEPS = 10000 };
    cleanup_free struct bins *x = xnew(struct bins), *y = xnew(struct bins);
    double                    sum = 0;
    u32                       i = 0, j = 0;
    fill(x, a, n);
    fill(y, b, n);
    for (u32 k = 1; k < STEPS; k++) {
        double p = (double)k / STEPS, d = quantile(x, p, &i) - quantile(y, p, &j);
        sum += d * d;
    }
    return sqrt(sum / (STEPS - 1));
}

void replay_demerit(const struct replay *r, enum replay_class class, struct demerit *out)
{
    u32                  n;
    cleanup_free double *a   = replay_sorted(r, class, true, &n);
    cleanup_free double *b   = replay_sorted(r, class, false, &n);
    double               sum = 0;
    *out                     = (struct demerit){.n = n};
    if (!n)
        return;
    for (u32 i = 0; i < n; i++) {
        sum += (a[i] - b[i]) * (a[i] - b[i]);
        out->measured_mean_ms += a[i] / n;
        out->model_mean_ms += b[i] / n;
    }
    out->rms_exact_ms = sqrt(sum / n);
    out->rms_ms       = binned(a, b, n);
}

/* --- the picture --- */

enum { WIDE = 720, HIGH = 440, LEFT = 60, BOTTOM = 50, TOP = 40, RIGHT = 20 };

static void line(FILE *f, const double *sorted, u32 n, double full, const char *style)
{
    fprintf(f, "<polyline fill='none' %s points='", style);
    for (u32 k = 0; k <= 400; k++) {
        double p = k / 400.0, ms = sorted[MIN((u32)(p * n), n - 1)];
        fprintf(f, "%.1f,%.1f ", LEFT + fmin(ms / full, 1) * (WIDE - LEFT - RIGHT),
                HIGH - BOTTOM - p * (HIGH - BOTTOM - TOP));
    }
    fputs("'/>\n", f);
}

static void axes(FILE *f, double full)
{
    for (u32 k = 0; k <= 5; k++) {
        double x = LEFT + k / 5.0 * (WIDE - LEFT - RIGHT),
               y = HIGH - BOTTOM - k / 5.0 * (HIGH - BOTTOM - TOP);
        fprintf(f,
                "<path d='M%.1f %dV%d M%d %.1fH%d' stroke='#ddd'/>\n"
                "<text x='%.1f' y='%d' text-anchor='middle'>%.4g</text>\n"
                "<text x='%d' y='%.1f' text-anchor='end'>%.1f</text>\n",
                x, TOP, HIGH - BOTTOM, LEFT, y, WIDE - RIGHT, x, HIGH - BOTTOM + 18, k / 5.0 * full,
                LEFT - 8, y + 4, k / 5.0);
    }
    fprintf(f, "<text x='%d' y='%d' text-anchor='middle'>service time, ms</text>\n",
            (LEFT + WIDE - RIGHT) / 2, HIGH - 10);
}

int replay_picture(const struct replay *r, const char *title, const char *path, struct err *err)
{
    u32                  n;
    cleanup_free double *a    = replay_sorted(r, REPLAY_ALL, true, &n);
    cleanup_free double *b    = replay_sorted(r, REPLAY_ALL, false, &n);
    double               full = fmax(a[(u64)n * 995 / 1000], b[(u64)n * 995 / 1000]);
    struct demerit       d;
    FILE                *f = fopen(path, "we");
    if (!f)
        return err_errno(err, errno, "write '%s'", path);
    replay_demerit(r, REPLAY_ALL, &d);
    full = full > 0 ? full : 1;
    fprintf(f,
            "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 %d %d' font-family='sans-serif' "
            "font-size='12'>\n<rect width='100%%' height='100%%' fill='white'/>\n"
            "<text x='%d' y='22' font-size='15'>%s: %u requests, demerit figure %.3f ms</text>\n",
            WIDE, HIGH, LEFT, title, n, d.rms_ms);
    axes(f, full);
    line(f, a, n, full, "stroke='#1f77b4' stroke-width='2'");
    line(f, b, n, full, "stroke='#d62728' stroke-width='2' stroke-dasharray='6 4'");
    fprintf(f,
            "<text x='%d' y='%d' fill='#1f77b4'>measured</text>\n"
            "<text x='%d' y='%d' fill='#d62728'>model</text>\n</svg>\n",
            WIDE - 120, HIGH - BOTTOM - 40, WIDE - 120, HIGH - BOTTOM - 20);
    bool bad = ferror(f);
    return fclose(f) || bad ? err_errno(err, errno, "write '%s'", path) : 0;
}
