/* container/usage.c - see usage.h. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "container/usage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "container/text.h"

static u64 number_in(const struct cgroup *g, const char *controller, const char *file)
{
    char text[64];
    if (cgroup_read(g, controller, file, text, sizeof(text)) <= 0)
        return 0;
    return strncmp(text, "max", 3) == 0 ? UINT64_MAX : strtoull(text, NULL, 10);
}

/* A line "KEY NUMBER" of a file of such lines. */
static u64 line_in(const char *text, const char *key)
{
    size_t len = strlen(key);
    for (const char *p = text; p && *p; p = strchr(p, '\n'), p = p ? p + 1 : NULL)
        if (strncmp(p, key, len) == 0 && p[len] == ' ')
            return strtoull(p + len, NULL, 10);
    return 0;
}

static void read_cpu(const struct cgroup *g, struct usage *u)
{
    char text[1024] = "";
    if (g->v2) {
        cgroup_read(g, "", "cpu.stat", text, sizeof(text));
        u->cpu_ns    = line_in(text, "usage_usec") * 1000;
        u->user_ns   = line_in(text, "user_usec") * 1000;
        u->kernel_ns = line_in(text, "system_usec") * 1000;
        return;
    }
    u64 tick = 1000000000u / (u64)sysconf(_SC_CLK_TCK);
    cgroup_read(g, "cpuacct", "cpuacct.stat", text, sizeof(text));
    u->cpu_ns    = number_in(g, "cpuacct", "cpuacct.usage");
    u->user_ns   = line_in(text, "user") * tick;
    u->kernel_ns = line_in(text, "system") * tick;
}

void usage_read(const struct cgroup *g, struct usage *u)
{
    *u = (struct usage){0};
    read_cpu(g, u);
    u->memory     = number_in(g, "memory", g->v2 ? "memory.current" : "memory.usage_in_bytes");
    u->memory_max = number_in(g, "memory", g->v2 ? "memory.max" : "memory.limit_in_bytes");
    u->pids       = number_in(g, "pids", "pids.current");
    u->pids_max   = number_in(g, "pids", "pids.max");
}

static void put_memory(struct text *t, const struct cgroup *g, const struct usage *u)
{
    char stat[8192] = "", *rest = stat;
    text_open(t, "memory", '{');
    text_open(t, "usage", '{');
    text_u64(t, "limit", u->memory_max);
    text_u64(t, "usage", u->memory);
    text_u64(t, "max", number_in(g, "memory", g->v2 ? "memory.peak" : "memory.max_usage_in_bytes"));
    text_u64(t, "failcnt", g->v2 ? 0 : number_in(g, "memory", "memory.failcnt"));
    text_close(t, '}');
    text_open(t, "swap", '{');
    text_u64(t, "usage",
             number_in(g, "memory", g->v2 ? "memory.swap.current" : "memory.memsw.usage_in_bytes"));
    text_u64(t, "limit",
             number_in(g, "memory", g->v2 ? "memory.swap.max" : "memory.memsw.limit_in_bytes"));
    text_close(t, '}');
    text_open(t, "raw", '{');
    cgroup_read(g, "memory", "memory.stat", stat, sizeof(stat));
    for (char *line; (line = strsep(&rest, "\n"));) {
        char *value = strchr(line, ' ');
        if (!value)
            continue;
        *value++ = 0;
        text_u64(t, line, strtoull(value, NULL, 10));
    }
    text_close(t, '}');
    text_close(t, '}');
}

static void put_cpu(struct text *t, const struct cgroup *g, const struct usage *u)
{
    char stat[1024] = "";
    cgroup_read(g, "cpu", "cpu.stat", stat, sizeof(stat));
    text_open(t, "cpu", '{');
    text_open(t, "usage", '{');
    text_u64(t, "total", u->cpu_ns);
    text_u64(t, "kernel", u->kernel_ns);
    text_u64(t, "user", u->user_ns);
    text_close(t, '}');
    text_open(t, "throttling", '{');
    text_u64(t, "periods", line_in(stat, "nr_periods"));
    text_u64(t, "throttledPeriods", line_in(stat, "nr_throttled"));
    text_u64(t, "throttledTime",
             g->v2 ? line_in(stat, "throttled_usec") * 1000 : line_in(stat, "throttled_time"));
    text_close(t, '}');
    text_close(t, '}');
}

char *usage_text(const struct state *s)
{
    struct text  t = {0};
    struct usage u;
    usage_read(&s->cgroup, &u);
    text_open(&t, NULL, '{');
    text_str(&t, "type", "stats");
    text_str(&t, "id", s->id);
    text_open(&t, "data", '{');
    put_cpu(&t, &s->cgroup, &u);
    put_memory(&t, &s->cgroup, &u);
    text_open(&t, "pids", '{');
    text_u64(&t, "current", u.pids);
    if (u.pids_max != UINT64_MAX)
        text_u64(&t, "limit", u.pids_max);
    text_close(&t, '}');
    text_close(&t, '}');
    text_close(&t, '}');
    return t.s;
}
