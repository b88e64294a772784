/* control/server.c - see server.h. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "control/server.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/un.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/loop.h"
#include "control/frame.h"

#define CLIENTS_MAX 64
#define LINGER_S    10 /* how long somebody who does not read may hold up our end */

struct client {
    struct server *server;
    struct client *next;
    int            fd;
    struct watch  *watch;
    bool           stream;  /* frames, no lines any more */
    bool           waiting; /* for the machine's end */
    bool           closing; /* as soon as all is sent */
    bool           last_words, dead;

    u8     in[LINE_LONGEST];
    size_t in_len;
    u8    *out; /* what is to be sent: bytes out_done..out_len */
    size_t out_len, out_done;
    u64    sent; /* in all: tells who still reads */

    struct console_reader reader;
    u64                   lost_told;
};

struct server {
    struct monitor *m;
    int             fd, linger_fd;
    char           *path;
    struct watch   *watch, *linger;
    struct client  *clients;
    unsigned        count;
    bool            finishing;
};

/* ---- clients come and go ---- */

static void client_close(struct client *c)
{
    if (c->dead)
        return;
    c->dead = true;
    console_leave(c->server->m->console, &c->reader);
    loop_unwatch(c->watch);
    close(c->fd);
}

static void reap(struct server *s)
{
    for (struct client **p = &s->clients; *p;) {
        struct client *c = *p;
        if (!c->dead) {
            p = &c->next;
            continue;
        }
        *p = c->next;
        s->count--;
        free(c->out);
        free(c);
    }
    if (s->finishing && s->count == 0)
        loop_stop(s->m->loop, 0);
}

/* ---- sending ---- */

static void queue(struct client *c, const void *data, size_t len)
{
    if (c->out_done > 0)
        memmove(c->out, c->out + c->out_done, c->out_len - c->out_done);
    c->out_len -= c->out_done;
    c->out_done = 0;
    c->out      = xrealloc(c->out, c->out_len + len);
    memcpy(c->out + c->out_len, data, len);
    c->out_len += len;
}

static void queue_frame(struct client *c, enum frame_type type, const void *data, size_t len)
{
    u8 head[FRAME_HEAD];
    frame_head(head, type, (u32)len);
    queue(c, head, sizeof(head));
    queue(c, data, len);
}

static bool send_out(struct client *c)
{
    while (c->out_done < c->out_len) {
        ssize_t n = send(c->fd, c->out + c->out_done, c->out_len - c->out_done,
                         MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno != EAGAIN)
            client_close(c);
        if (n < 0)
            return false;
        c->out_done += (size_t)n;
        c->sent += (u64)n;
    }
    return true;
}

/* One frame of what the machine printed. False: there is nothing. */
static bool queue_output(struct client *c)
{
    u8     buf[FRAME_MAX];
    size_t n = console_read(c->server->m->console, &c->reader, buf, sizeof(buf));
    if (c->reader.dropped != c->lost_told) {
        u64 lost     = htole64(c->reader.dropped - c->lost_told);
        c->lost_told = c->reader.dropped;
        queue_frame(c, FRAME_LOST, &lost, sizeof(lost));
    }
    if (n > 0)
        queue_frame(c, FRAME_OUTPUT, buf, n);
    return n > 0;
}

/* {"status":0,"why":"power off"} */
static char *exit_text(const struct server *s)
{
    cleanup_json cJSON *j = cJSON_CreateObject();
    json_put_u64(j, "status", (u64)s->m->home.record.exit_status);
    json_put_str(j, "why", s->m->home.record.exit_why);
    return json_line(j);
}

static void queue_last_words(struct client *c)
{
    cleanup_free char *text  = exit_text(c->server);
    const char        *stats = c->server->m->last_stats;
    size_t             left  = stats ? strlen(stats) : 0;
    for (size_t n; left; stats += n, left -= n) {
        n = MIN(left, (size_t)FRAME_MAX);
        queue_frame(c, FRAME_STATS, stats, n);
    }
    queue_frame(c, FRAME_EXIT, text, strlen(text));
}

/* Sends what there is to send, as far as the client takes it. */
static void client_pump(struct client *c)
{
    bool flowing = !c->dead && send_out(c);
    while (flowing && c->stream && !c->closing && queue_output(c))
        flowing = send_out(c);
    if (flowing && c->stream && c->server->finishing && !c->last_words) {
        c->last_words = true;
        c->closing    = true;
        queue_last_words(c);
        flowing = send_out(c);
    }
    if (c->dead)
        return;
    if (flowing && c->closing) {
        client_close(c);
        return;
    }
    bool full = c->in_len == sizeof(c->in);
    loop_rewatch(c->watch, (full ? 0 : EPOLLIN) | (flowing ? 0 : EPOLLOUT));
}

/* ---- lines ---- */

void client_attach(struct client *c, bool replay)
{
    c->stream = true;
    console_join(c->server->m->console, &c->reader, replay);
}

void client_wait(struct client *c)
{
    c->waiting = true;
}

static void take(struct client *c, size_t len)
{
    memmove(c->in, c->in + len, c->in_len - len);
    c->in_len -= len;
}

static void refuse(struct client *c, const char *text)
{
    cleanup_free char *line =
        xasprintf("{\"ok\":false,\"error\":{\"code\":\"EBADMSG\",\"text\":\"%s\"}}\n", text);
    queue(c, line, strlen(line));
    c->closing = true;
}

/* It asks and does not read the answers: it is not heard until it does. */
static bool is_backlogged(const struct client *c)
{
    return c->out_len - c->out_done > LINE_LONGEST;
}

/* Answers one line. False: there is no whole one, or none may be taken now. */
static bool take_line(struct client *c)
{
    u8  *end = memchr(c->in, '\n', c->in_len);
    bool bad;
    if (c->stream || c->waiting || c->closing || is_backlogged(c))
        return false;
    if (!end && c->in_len == sizeof(c->in))
        refuse(c, "the line is too long");
    if (!end)
        return false;
    size_t             len    = (size_t)(end - c->in);
    cleanup_free char *answer = request_answer(c->server->m, c, (char *)c->in, len, &bad);
    take(c, len + 1);
    if (answer)
        queue(c, answer, strlen(answer));
    c->closing |= bad;
    return true;
}

/* ---- frames from the client ---- */

/* Takes one frame's bytes, or as much of an input frame as the console has room for. A frame
 * that is taken in part is rewritten in place with a head for the rest. */
static bool take_frame(struct client *c)
{
    if (!c->stream || c->closing || c->in_len < FRAME_HEAD)
        return false;
    u32 len = frame_len(c->in);
    if (len > FRAME_MAX) {
        client_close(c);
        return false;
    }
    if (c->in_len - FRAME_HEAD < len)
        return false;
    const u8 *data = c->in + FRAME_HEAD;
    if (c->in[0] == FRAME_INPUT) {
        size_t n = console_input(c->server->m->console, data, len);
        if (n < len) {
            u8 head[FRAME_HEAD];
            frame_head(head, FRAME_INPUT, (u32)(len - n));
            memcpy(c->in + n, head, sizeof(head));
            take(c, n);
            return false;
        }
    } else if (c->in[0] == FRAME_RESIZE && len == 4) {
        console_resize(c->server->m->console, (unsigned)(data[0] | data[1] << 8),
                       (unsigned)(data[2] | data[3] << 8));
    }
    if (!c->dead)
        take(c, FRAME_HEAD + len);
    return !c->dead;
}

static void digest(struct client *c)
{
    bool again = true;
    while (again) {
        while (!c->dead && (take_line(c) || take_frame(c)))
            continue;
        again = !c->dead && is_backlogged(c);
        client_pump(c);
        again = again && !c->dead && !is_backlogged(c);
    }
}

/* The console has output, or room for input. */
static void on_console(void *ctx)
{
    digest(ctx);
}

static void receive(struct client *c)
{
    ssize_t n = recv(c->fd, c->in + c->in_len, sizeof(c->in) - c->in_len, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0)
        client_close(c);
    else
        c->in_len += (size_t)n;
}

static void on_client(void *ctx, int fd, u32 events)
{
    struct client *c = ctx;
    (void)fd;
    if (events & (EPOLLHUP | EPOLLERR) && !(events & EPOLLIN))
        client_close(c);
    if (events & EPOLLIN && c->in_len < sizeof(c->in))
        receive(c);
    digest(c);
    reap(c->server);
}

/* ---- the socket ---- */

/* Whoever may open the socket is checked by the folder's mode; this is the second lock. */
static bool is_allowed(int fd)
{
    struct ucred who;
    socklen_t    len = sizeof(who);
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0 &&
           (who.uid == geteuid() || who.uid == 0);
}

static void on_connect(void *ctx, int listener, u32 events)
{
    struct server *s = ctx;
    (void)events;
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0)
        return;
    if (s->count >= CLIENTS_MAX || !is_allowed(fd)) {
        close(fd);
        return;
    }
    struct client *c = xnew(struct client);
    c->server        = s;
    c->fd            = fd;
    c->reader        = (struct console_reader){.notify = on_console, .ctx = c};
    if (loop_watch(s->m->loop, fd, EPOLLIN, on_client, c, &c->watch, NULL)) {
        close(fd);
        free(c);
        return;
    }
    c->next    = s->clients;
    s->clients = c;
    s->count++;
}

/* The path may be longer than a socket's address can be: it goes through a descriptor. */
static int bind_in(const char *dir, int fd, struct err *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    cleanup_fd int     folder  = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return err_errno(err, errno, "open '%s'", dir);
    unlinkat(folder, "control.sock", 0); /* a dead monitor's */
    snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/control.sock", folder);
    mode_t was = umask(0177);
    int    rc  = bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
    umask(was);
    return rc ? err_errno(err, -rc, "make control socket in '%s'", dir) : 0;
}

int server_create(struct server **out, struct monitor *m, struct err *err)
{
    struct server *s = xnew(struct server);
    s->m             = m;
    s->linger_fd     = -1;
    s->path          = xasprintf("%s/control.sock", m->home.dir);
    s->fd            = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int rc =
        s->fd < 0 ? err_errno(err, errno, "make control socket") : bind_in(m->home.dir, s->fd, err);
    if (!rc && listen(s->fd, 64) < 0)
        rc = err_errno(err, errno, "listen on control socket");
    if (!rc)
        rc = loop_watch(m->loop, s->fd, EPOLLIN, on_connect, s, &s->watch, err);
    if (rc)
        server_destroy(s);
    else
        *out = s;
    return rc;
}

static void stop_listening(struct server *s)
{
    loop_unwatch(s->watch);
    s->watch = NULL;
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
}

void server_destroy(struct server *s)
{
    if (!s)
        return;
    s->finishing = false;
    for (struct client *c = s->clients; c; c = c->next)
        client_close(c);
    reap(s);
    stop_listening(s);
    loop_unwatch(s->linger);
    if (s->linger_fd >= 0)
        close(s->linger_fd);
    free(s->path);
    free(s);
}

/* ---- the end ---- */

/* Whoever has taken nothing since the last tick is let go. */
static void on_linger(void *ctx, int fd, u32 events)
{
    struct server *s = ctx;
    u64            n;
    (void)events;
    if (read(fd, &n, sizeof(n)) < 0)
        return;
    for (struct client *c = s->clients; c; c = c->next) {
        if (c->sent == 0)
            client_close(c);
        c->sent = 0;
    }
    reap(s);
}

static int start_linger(struct server *s)
{
    const struct itimerspec every = {{LINGER_S, 0}, {LINGER_S, 0}};
    s->linger_fd                  = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (s->linger_fd < 0 || timerfd_settime(s->linger_fd, 0, &every, NULL) < 0)
        return -errno;
    return loop_watch(s->m->loop, s->linger_fd, EPOLLIN, on_linger, s, &s->linger, NULL);
}

/* Those who connect from now on find the record in the folder. A request that is in the socket
 * already is still answered. */
void server_finish(struct server *s)
{
    s->finishing = true;
    stop_listening(s);
    bool patient = start_linger(s) == 0;
    for (struct client *c = s->clients; c; c = c->next) {
        c->sent = 0;
        if (c->waiting) {
            cleanup_free char *text = exit_text(s);
            cleanup_free char *line = xasprintf("{\"ok\":true,%s\n", text + 1);
            queue(c, line, strlen(line));
        }
        c->waiting = false;
        if (!c->stream) {
            receive(c);
            while (!c->dead && take_line(c))
                continue;
            c->closing |= !c->stream;
        }
        client_pump(c);
        if (!patient)
            client_close(c);
    }
    reap(s);
}
