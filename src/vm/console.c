/* vm/console.c - see console.h.
 *
 * Output is one endless stream of bytes; a position in it is a u64. The ring holds the newest
 * bytes, the log file older ones, the log before that the oldest. A byte leaves the ring only
 * after it went to the log: the loop thread writes it there soon, or the printing thread itself
 * when the ring is full of bytes not yet logged. A log that cannot be written (disk full) loses
 * bytes and says so once; the machine never waits. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/console.h"

#include <endian.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/loop.h"
#include "vm/clock.h"

#define RING           KiB(64)
#define LOG_MAX        MiB(16)
#define TIMES_EVERY_NS 10000000u
#define INPUT          4096u

struct console {
    struct loop *loop;
    char        *log_path, *old_log_path, *times_path, *old_times_path;

    pthread_mutex_t lock; /* guards the output: the following */
    u8              ring[RING];
    u64             first, end; /* of the stream: where this console began, where it is now */
    u64             logged;     /* everything before it is in the log */
    u64             log_base;   /* where the log file's first byte stands in the stream */
    u64             old_base;   /* and the old log file's */
    u64             log_good;   /* before it the logs have holes: not to be read */
    u64             times_last_ns, times_bytes;
    int             log_fd, old_fd, times_fd;
    bool            told_full, notify_posted;

    /* the loop thread's */
    struct console_reader *readers;
    struct console_port    port;
    u8                     input[INPUT];
    size_t                 input_len;
    bool                   input_full; /* somebody was refused */
    unsigned               columns, rows;

    console_spy *spy;
    void        *spy_ctx;

    atomic_bool ready_posted;
};

/* ---- the log; the lock is held ---- */

static u64 ring_first(const struct console *c)
{
    return c->end - c->first > RING ? c->end - RING : c->first;
}

static int open_log(const char *path)
{
    return open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

/* Makes the log the old one, the way `logs` and catching up expect. */
static void rotate(struct console *c)
{
    if (rename(c->log_path, c->old_log_path) < 0)
        return;
    if (rename(c->times_path, c->old_times_path) < 0)
        log_debug("console: %s", "no times to keep");
    if (c->old_fd >= 0)
        close(c->old_fd);
    if (c->times_fd >= 0)
        close(c->times_fd);
    c->old_fd   = c->log_fd;
    c->old_base = c->log_base;
    c->log_base = c->logged;
    c->log_fd   = open_log(c->log_path);
    c->times_fd = open_log(c->times_path);

    c->times_bytes = 0;
}

static void note_time(struct console *c)
{
    u64 now     = clock_host_wall();
    u64 coarser = MIN(c->times_bytes / KiB(512), 20); /* what prints for weeks stays small */
    if (now - c->times_last_ns < (u64)TIMES_EVERY_NS << coarser || c->times_fd < 0)
        return;
    u64 row[2]       = {htole64(c->logged - c->log_base), htole64(now)};
    c->times_last_ns = now;
    if (write(c->times_fd, row, sizeof(row)) < 0)
        return; /* the disk is full: the log itself will say so */
    c->times_bytes += sizeof(row);
}

/* LEN bytes of the stream did not reach the log. */
static void lose(struct console *c, u64 len)
{
    if (!c->told_full)
        log_error("console.log cannot be written, output is lost: %s", strerror(errno));
    c->told_full = true;
    c->log_base += len;
    c->logged += len;
    c->log_good = c->logged;
}

static void flush(struct console *c)
{
    if (c->logged < c->end)
        note_time(c);
    while (c->logged < c->end) {
        size_t  at  = (size_t)(c->logged % RING);
        size_t  len = (size_t)MIN(c->end - c->logged, RING - at);
        ssize_t n   = c->log_fd < 0 ? -1 : write(c->log_fd, c->ring + at, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            lose(c, len);
        else
            c->logged += (u64)n;
    }
    if (c->logged - c->log_base >= LOG_MAX)
        rotate(c);
}

/* ---- output ---- */

static void on_output(void *ctx)
{
    struct console *c = ctx;
    pthread_mutex_lock(&c->lock);
    c->notify_posted = false;
    flush(c);
    pthread_mutex_unlock(&c->lock);
    for (struct console_reader *r = c->readers, *next; r; r = next) {
        next = r->next; /* it may leave */
        r->notify(r->ctx);
    }
}

void console_write(struct console *c, const void *data, size_t len)
{
    const u8 *p = data;
    if (c->spy)
        c->spy(c->spy_ctx, data, len);
    pthread_mutex_lock(&c->lock);
    while (len > 0) {
        if (c->end - c->logged == RING)
            flush(c);
        size_t at = (size_t)(c->end % RING);
        size_t n  = (size_t)MIN(MIN(len, RING - at), RING - (c->end - c->logged));
        memcpy(c->ring + at, p, n);
        c->end += n;
        p += n;
        len -= n;
    }
    bool post        = !c->notify_posted;
    c->notify_posted = true;
    pthread_mutex_unlock(&c->lock);
    if (post)
        loop_post(c->loop, on_output, c);
}

void console_watch(struct console *c, console_spy *spy, void *ctx)
{
    c->spy     = spy;
    c->spy_ctx = ctx;
}

void console_join(struct console *c, struct console_reader *r, bool replay)
{
    pthread_mutex_lock(&c->lock);
    r->pos = replay ? c->first : c->end;
    pthread_mutex_unlock(&c->lock);
    r->next    = c->readers;
    c->readers = r;
}

void console_leave(struct console *c, struct console_reader *r)
{
    for (struct console_reader **p = &c->readers; *p; p = &(*p)->next) {
        if (*p == r) {
            *p = r->next;
            return;
        }
    }
}

/* The oldest byte that can still be read. */
static u64 oldest(const struct console *c)
{
    u64 log = c->old_fd >= 0 ? c->old_base : c->log_fd >= 0 ? c->log_base : ring_first(c);
    return MIN(MAX(log, c->log_good), ring_first(c));
}

static size_t read_ring(const struct console *c, u64 pos, u8 *buf, size_t len)
{
    size_t at = (size_t)(pos % RING);
    len       = (size_t)MIN(MIN(len, c->end - pos), RING - at);
    memcpy(buf, c->ring + at, len);
    return len;
}

static size_t read_log(const struct console *c, u64 pos, u8 *buf, size_t len)
{
    bool    old  = pos < c->log_base;
    u64     base = old ? c->old_base : c->log_base;
    u64     end  = old ? c->log_base : c->logged;
    ssize_t n = pread(old ? c->old_fd : c->log_fd, buf, MIN(len, end - pos), (off_t)(pos - base));
    return n > 0 ? (size_t)n : 0;
}

size_t console_read(struct console *c, struct console_reader *r, void *buf, size_t len)
{
    size_t n = 0;
    pthread_mutex_lock(&c->lock);
    if (r->pos < oldest(c)) {
        r->dropped += oldest(c) - r->pos;
        r->pos = oldest(c);
    }
    if (r->pos < ring_first(c))
        n = read_log(c, r->pos, buf, len);
    if (n == 0 && r->pos < ring_first(c)) { /* the log is not what it was */
        r->dropped += ring_first(c) - r->pos;
        r->pos = ring_first(c);
    }
    if (n == 0)
        n = read_ring(c, r->pos, buf, len);
    r->pos += n;
    pthread_mutex_unlock(&c->lock);
    return n;
}

/* ---- input ---- */

static void pump(struct console *c)
{
    while (c->input_len > 0 && c->port.input) {
        size_t n = c->port.input(c->port.ctx, c->input, c->input_len);
        assert(n <= c->input_len);
        memmove(c->input, c->input + n, c->input_len - n);
        c->input_len -= n;
        if (n == 0)
            break;
    }
}

static void on_ready(void *ctx)
{
    struct console *c = ctx;
    atomic_store(&c->ready_posted, false);
    pump(c);
    if (!c->input_full || c->input_len == INPUT)
        return;
    c->input_full = false;
    for (struct console_reader *r = c->readers, *next; r; r = next) {
        next = r->next;
        r->notify(r->ctx);
    }
}

void console_ready(struct console *c)
{
    if (!atomic_exchange(&c->ready_posted, true))
        loop_post(c->loop, on_ready, c);
}

size_t console_input(struct console *c, const void *data, size_t len)
{
    size_t done = 0;
    for (;;) {
        size_t n = MIN(len - done, INPUT - c->input_len);
        memcpy(c->input + c->input_len, (const u8 *)data + done, n);
        c->input_len += n;
        done += n;
        pump(c);
        if (done == len || c->input_len == INPUT)
            break;
    }
    if (done < len)
        c->input_full = true;
    return done;
}

void console_resize(struct console *c, unsigned columns, unsigned rows)
{
    c->columns = columns;
    c->rows    = rows;
    if (c->port.resize && columns)
        c->port.resize(c->port.ctx, columns, rows);
}

void console_connect(struct console *c, const struct console_port *port)
{
    c->port = *port;
    if (c->columns)
        console_resize(c, c->columns, c->rows);
    if (c->input_len)
        console_ready(c);
}

/* The device is gone, and with it what was posted: see loop_forget. */
void console_sync(struct console *c)
{
    c->port = (struct console_port){0};
    atomic_store(&c->ready_posted, false);
    pthread_mutex_lock(&c->lock);
    c->notify_posted = false;
    flush(c);
    pthread_mutex_unlock(&c->lock);
}

/* ---- making and freeing ---- */

int console_create(struct console **out, struct loop *loop, const char *folder, struct err *err)
{
    struct stat     st;
    struct console *c = xnew(struct console);
    c->loop           = loop;
    c->log_path       = xasprintf("%s/console.log", folder);
    c->old_log_path   = xasprintf("%s/console.log.1", folder);
    c->times_path     = xasprintf("%s/console.times", folder);
    c->old_times_path = xasprintf("%s/console.times.1", folder);
    c->old_fd         = -1;
    c->log_fd         = open_log(c->log_path);
    c->times_fd       = open_log(c->times_path);
    pthread_mutex_init(&c->lock, NULL);
    if (c->log_fd < 0 || fstat(c->log_fd, &st) < 0) {
        int rc = err_errno(err, errno, "open '%s'", c->log_path);
        console_destroy(c);
        return rc;
    }
    c->first = c->end = c->logged = (u64)st.st_size; /* an earlier life's output stays */
    if (c->times_fd >= 0 && fstat(c->times_fd, &st) == 0)
        c->times_bytes = (u64)st.st_size;
    *out = c;
    return 0;
}

void console_destroy(struct console *c)
{
    if (!c)
        return;
    flush(c);
    const int fds[] = {c->log_fd, c->old_fd, c->times_fd};
    for (unsigned i = 0; i < ARRAY_SIZE(fds); i++)
        if (fds[i] >= 0)
            close(fds[i]);
    free(c->log_path);
    free(c->old_log_path);
    free(c->times_path);
    free(c->old_times_path);
    pthread_mutex_destroy(&c->lock);
    free(c);
}
