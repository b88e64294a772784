/* cli/logs.c - what an instance has printed: its log files, without asking the monitor.
 *
 * console.log, before it console.log.1; beside each a file of times: rows of 16 bytes, the
 * offset in the log and when it was reached (vm/console.h). */
/* SPDX-License-Identifier: Apache-2.0 */
#include <endian.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <time.h>

#include "base/alloc.h"
#include "cli/verbs.h"
#include "control/events.h"
#include "vm/clock.h"

const struct option_row logs_options[] = {
    {"follow", 'f', NULL, "go on until the machine ends", set_flag,
     OPT_OWN(struct logs_own, follow)},
    {"timestamps", 't', NULL, "put the time before each line", set_flag,
     OPT_OWN(struct logs_own, times)},
    {"tail", 'n', "N", "only the last N lines, or all", set_text, OPT_OWN(struct logs_own, tail)},
    {"since", 0, "TIME", "only what came later: 10m, 2h, 30s or 2026-01-31T12:00:00Z", set_text,
     OPT_OWN(struct logs_own, since)},
    {0},
};

struct log {
    int fd;
    u8 *text; /* what was read, whole; NULL while following */
    u64 len;
    u64 (*times)[2];
    size_t n_times;
};

struct printer {
    const char *dir;
    bool        times;
    bool        in_line; /* the last byte printed was no newline */
    u64         since_ns;
};

/* ---- reading ---- */

static u8 *read_whole(int fd, u64 *len)
{
    struct stat st;
    u8         *data = NULL;
    *len             = 0;
    if (fstat(fd, &st) < 0 || st.st_size <= 0)
        return xalloc(1);
    data = try_alloc((u64)st.st_size, 1);
    while (data && *len < (u64)st.st_size) {
        ssize_t n = pread(fd, data + *len, (size_t)((u64)st.st_size - *len), (off_t)*len);
        if (n <= 0)
            break;
        *len += (u64)n;
    }
    return data ? data : xalloc(1);
}

static void read_times(struct log *l, const char *path)
{
    cleanup_fd int fd  = open(path, O_RDONLY | O_CLOEXEC);
    u64            len = 0;
    if (fd < 0)
        return;
    free(l->times);
    l->times   = (u64(*)[2])(void *)read_whole(fd, &len);
    l->n_times = (size_t)(len / 16);
}

static bool open_log(struct log *l, const char *dir, const char *suffix)
{
    cleanup_free char *log   = xasprintf("%s/console.log%s", dir, suffix);
    cleanup_free char *times = xasprintf("%s/console.times%s", dir, suffix);
    *l                       = (struct log){.fd = open(log, O_RDONLY | O_CLOEXEC)};
    if (l->fd < 0)
        return false;
    l->text = read_whole(l->fd, &l->len);
    read_times(l, times);
    return true;
}

static void close_log(struct log *l)
{
    if (l->fd >= 0)
        close(l->fd);
    free(l->text);
    free(l->times);
    *l = (struct log){.fd = -1};
}

/* ---- which part ---- */

/* When the byte at AT came: the last row at or before it. */
static u64 time_at(const struct log *l, u64 at)
{
    size_t low = 0, high = l->n_times;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (le64toh(l->times[mid][0]) <= at)
            low = mid + 1;
        else
            high = mid;
    }
    return low ? le64toh(l->times[low - 1][1]) : 0;
}

/* Where the first byte stands that came at or after WHEN. */
static u64 offset_since(const struct log *l, u64 when)
{
    for (size_t i = 0; i < l->n_times; i++)
        if (le64toh(l->times[i][1]) >= when)
            return le64toh(l->times[i][0]);
    return when ? l->len : 0;
}

/* Where the last *LINES lines of the log begin; *LINES: how many it had not. */
static u64 offset_tail(const struct log *l, u64 *lines)
{
    u64 at = l->len;
    if (at > 0 && l->text[at - 1] == '\n')
        at--;
    for (; at > 0; at--)
        if (l->text[at - 1] == '\n' && --*lines == 0)
            return at;
    if (l->len > 0)
        --*lines;
    return 0;
}

static int parse_since(const char *text, u64 *out)
{
    static const char units[] = "smhd";
    static const u64  sizes[] = {1, 60, 3600, 86400};
    char             *end;
    u64               n    = strtoull(text, &end, 10);
    const char       *unit = *end && !end[1] ? strchr(units, *end) : NULL;
    if (end != text && unit) {
        *out = clock_host_wall() - n * sizes[unit - units] * 1000000000u;
        return 0;
    }
    struct tm   tm   = {0};
    const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
    if (!rest)
        rest = strptime(text, "%Y-%m-%d", &tm);
    if (!rest)
        return -EINVAL;
    *out = (u64)timegm(&tm) * 1000000000u;
    return 0;
}

/* ---- printing ---- */

static bool print_line(struct printer *p, const u8 *data, size_t len, u64 when)
{
    char time[40];
    if (p->times && !p->in_line) {
        time_text(when, time, sizeof(time));
        printf("%s ", time);
    }
    p->in_line = data[len - 1] != '\n';
    return fwrite(data, 1, len, stdout) == len;
}

/* DATA begins at offset AT of its log. False: nobody reads it any more. */
static bool print(struct printer *p, const struct log *l, const u8 *data, size_t len, u64 at)
{
    if (len > 0 && !p->times) {
        p->in_line = data[len - 1] != '\n';
        return fwrite(data, 1, len, stdout) == len && fflush(stdout) == 0;
    }
    for (size_t done = 0; done < len;) {
        const u8 *end = memchr(data + done, '\n', len - done);
        size_t    n   = end ? (size_t)(end - data) + 1 - done : len - done;
        if (!print_line(p, data + done, n, time_at(l, at + done)))
            return false;
        done += n;
    }
    return fflush(stdout) == 0;
}

/* ---- following ---- */

static bool has_ended(struct home *h)
{
    home_settle(h);
    return home_refresh(h, NULL) || (h->record.life == LIFE_STOPPED);
}

/* The log at *AT and on; when it has been rotated, its successor. False: nobody reads. */
static bool print_news(struct printer *p, struct log *l, u64 *at)
{
    u8                 buf[65536];
    ssize_t            n;
    cleanup_free char *log = xasprintf("%s/console.log", p->dir);
    for (;;) {
        bool first = true;
        while ((n = pread(l->fd, buf, sizeof(buf), (off_t)*at)) > 0) {
            cleanup_free char *times = xasprintf("%s/console.times", p->dir);
            if (p->times && first)
                read_times(l, times);
            first = false;
            if (!print(p, l, buf, (size_t)n, *at))
                return false;
            *at += (u64)n;
        }
        struct stat mine, now;
        if (fstat(l->fd, &mine) < 0 || stat(log, &now) < 0 || mine.st_ino == now.st_ino)
            return true;
        close_log(l);
        l->fd = open(log, O_RDONLY | O_CLOEXEC);
        *at   = 0;
        if (l->fd < 0)
            return true;
    }
}

static int follow(struct printer *p, struct log *l, u64 at, struct home *h)
{
    cleanup_fd int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    char           scrap[4096];
    if (watch < 0 || inotify_add_watch(watch, p->dir, IN_MODIFY | IN_CREATE | IN_MOVED_TO) < 0)
        return 0;
    for (;;) {
        bool over = has_ended(h); /* asked before reading: what came before the end is read */
        if (!print_news(p, l, &at) || over)
            return 0;
        struct pollfd polls[2] = {{.fd = watch, .events = POLLIN}, {.fd = STDOUT_FILENO}};
        poll(polls, 2, 1000);
        if (polls[1].revents & POLLERR) /* a pipe whose reader has gone */
            return 0;
        while (read(watch, scrap, sizeof(scrap)) > 0)
            continue;
    }
}

/* ---- the verb ---- */

static int parse(const struct logs_own *o, u64 *lines, u64 *since, struct err *err)
{
    unsigned n;
    *lines = ~0ull;
    *since = 0;
    if (o->tail && strcmp(o->tail, "all") != 0) {
        if (set_number(&n, o->tail, err))
            return err_wrap(err, "--tail");
        *lines = n;
    }
    if (o->since && parse_since(o->since, since))
        return err_set(err, EINVAL, "--since: '%s' is no time", o->since);
    return 0;
}

static int show(struct home *h, const struct logs_own *o, u64 lines, u64 since)
{
    struct printer p = {.dir = h->dir, .times = o->times};
    struct log     old, now;
    bool           has_old = open_log(&old, h->dir, ".1"), has_now = open_log(&now, h->dir, "");
    u64            old_at = old.len, now_at = now.len;
    if (lines > 0 && has_now)
        now_at = offset_tail(&now, &lines);
    if (lines > 0 && has_old)
        old_at = offset_tail(&old, &lines);
    now_at     = MAX(now_at, offset_since(&now, since));
    old_at     = MAX(old_at, offset_since(&old, since));
    bool go_on = true;
    if (has_old)
        go_on = print(&p, &old, old.text + old_at, (size_t)(old.len - old_at), old_at);
    if (go_on && has_now)
        go_on = print(&p, &now, now.text + now_at, (size_t)(now.len - now_at), now_at);
    if (go_on && has_now && o->follow)
        follow(&p, &now, now.len, h);
    close_log(&old);
    close_log(&now);
    return 0;
}

int verb_logs(struct command *c)
{
    struct err  err = {0};
    struct home h;
    u64         lines, since;
    if (parse(c->own, &lines, &since, &err))
        return complain(c, EXIT_GUISE, &err);
    int status = find_home(c, c->words[0], &h);
    if (status)
        return status;
    status = show(&h, c->own, lines, since);
    home_done(&h);
    return status;
}
