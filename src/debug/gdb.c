/* debug/gdb.c - see gdb.h. The sockets around a gdb_session.
 *
 * What the debugger does not read is kept, up to a limit, beyond which it is dropped: a debugger
 * that hangs never blocks the machine's loop. Only the list of stops is shared by threads. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "debug/gdb.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/alloc.h"
#include "debug/gdb_session.h"

enum { UNSENT_MAX = 16 * GDB_PACKET };

struct gdb {
    struct loop             *loop;
    const struct gdb_target *target;
    void                    *ctx;
    char                    *path; /* of a unix socket, to remove; NULL: none */
    unsigned                 port;
    int                      listener, client; /* -1: none */
    struct watch            *on_listener, *on_client;
    struct gdb_session       session; /* while client >= 0 */
    bool                     broken;  /* the client is to be dropped */
    char                     unsent[UNSENT_MAX];
    size_t                   n_unsent;

    pthread_mutex_t lock;     /* guards the following, and outlives what is posted: see pass_on */
    unsigned        n_posted; /* calls of pass_on that are still to come */
    bool            closed;
    struct gdb_stop stops[GDB_CPUS_MAX]; /* not yet passed on, one a cpu */
    bool            is_stop[GDB_CPUS_MAX];
};

static void flush(struct gdb *g)
{
    while (g->n_unsent && !g->broken) {
        ssize_t n = send(g->client, g->unsent, g->n_unsent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            break;
        if (n <= 0) {
            g->broken = true;
            break;
        }
        g->n_unsent -= (size_t)n;
        memmove(g->unsent, g->unsent + n, g->n_unsent);
    }
    if (g->on_client)
        loop_rewatch(g->on_client, g->n_unsent ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

static void send_to_client(void *ctx, const void *data, size_t len)
{
    struct gdb *g = ctx;
    if (len > UNSENT_MAX - g->n_unsent) {
        g->broken = true;
        return;
    }
    memcpy(g->unsent + g->n_unsent, data, len);
    g->n_unsent += len;
    flush(g);
}

static void drop(struct gdb *g, bool resume)
{
    if (g->client < 0)
        return;
    if (resume)
        session_end(&g->session);
    loop_unwatch(g->on_client);
    g->on_client = NULL;
    close(g->client);
    g->client   = -1;
    g->n_unsent = 0;
}

static void on_client(void *ctx, int fd, u32 events)
{
    struct gdb *g = ctx;
    char        data[4096];
    if (events & EPOLLOUT)
        flush(g);
    ssize_t n = recv(fd, data, sizeof(data), MSG_DONTWAIT);
    if (n > 0)
        session_input(&g->session, data, (size_t)n);
    else if (n == 0 || (errno != EAGAIN && errno != EINTR))
        g->broken = true;
    if (g->broken || g->session.gone)
        drop(g, true);
}

static void on_listener(void *ctx, int fd, u32 events)
{
    struct gdb *g      = ctx;
    int         client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK), one = 1;
    (void)events;
    if (client < 0)
        return;
    if (g->client >= 0 || loop_watch(g->loop, client, EPOLLIN, on_client, g, &g->on_client, NULL)) {
        close(client); /* one is enough */
        return;
    }
    if (g->port)
        setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    g->client = client;
    g->broken = false;
    g->target->halt(g->ctx);
    session_begin(&g->session, g->target, g->ctx, send_to_client, g);
}

static int listen_unix(struct gdb *g, const char *path, struct err *err)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    if (!*path || strlen(path) >= sizeof(addr.sun_path))
        return err_set(err, EINVAL, "gdb: '%s' is no path for a socket", path);
    memcpy(addr.sun_path, path, strlen(path));
    g->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (g->listener < 0 || bind(g->listener, (struct sockaddr *)&addr, sizeof(addr)))
        return err_errno(err, errno, "gdb: listen at '%s'", path);
    g->path = xstrdup(path);
    return 0;
}

static int listen_tcp(struct gdb *g, const char *where, struct err *err)
{
    struct sockaddr_in addr = {.sin_family = AF_INET};
    socklen_t          len  = sizeof(addr);
    char              *end;
    int                one  = 1;
    unsigned long      port = strtoul(where, &end, 10);
    if (*where < '0' || *where > '9' || *end || port > 65535)
        return err_set(err, EINVAL, "gdb: '%s' is neither a port nor unix:PATH", where);
    addr.sin_port        = htons((u16)port);
    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    g->listener          = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (g->listener >= 0)
        setsockopt(g->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (g->listener < 0 || bind(g->listener, (struct sockaddr *)&addr, sizeof(addr)) ||
        getsockname(g->listener, (struct sockaddr *)&addr, &len))
        return err_errno(err, errno, "gdb: listen at port %lu", port);
    g->port = ntohs(addr.sin_port);
    return 0;
}

int gdb_create(struct gdb **out, struct loop *loop, const char *where,
               const struct gdb_target *target, void *ctx, struct err *err)
{
    assert(target->n_cpus && target->n_cpus <= GDB_CPUS_MAX);
    struct gdb *g = xnew(struct gdb);
    g->loop       = loop;
    g->target     = target;
    g->ctx        = ctx;
    g->listener = g->client = -1;
    pthread_mutex_init(&g->lock, NULL);
    int rc =
        !strncmp(where, "unix:", 5) ? listen_unix(g, where + 5, err) : listen_tcp(g, where, err);
    if (!rc && listen(g->listener, 1))
        rc = err_errno(err, errno, "gdb: listen");
    if (!rc)
        rc = loop_watch(loop, g->listener, EPOLLIN, on_listener, g, &g->on_listener, err);
    if (rc) {
        gdb_destroy(g);
        return rc;
    }
    *out = g;
    return 0;
}

/* The last one frees: the owner, or a call that was posted and still comes. */
static void release(struct gdb *g)
{
    pthread_mutex_lock(&g->lock);
    bool last = g->closed && !g->n_posted;
    pthread_mutex_unlock(&g->lock);
    if (!last)
        return;
    pthread_mutex_destroy(&g->lock);
    free(g);
}

void gdb_destroy(struct gdb *g)
{
    if (!g)
        return;
    drop(g, false);
    loop_unwatch(g->on_listener);
    if (g->listener >= 0)
        close(g->listener);
    if (g->path)
        unlink(g->path);
    free(g->path);
    pthread_mutex_lock(&g->lock);
    g->closed = true;
    pthread_mutex_unlock(&g->lock);
    release(g);
}

unsigned gdb_port(const struct gdb *g)
{
    return g->port;
}

void *gdb_context(const struct gdb *g)
{
    return g->ctx;
}

/* On the loop thread: tells the session what the cpus' threads left. */
static void pass_on(void *ctx)
{
    struct gdb     *g = ctx;
    struct gdb_stop stops[GDB_CPUS_MAX];
    unsigned        n = 0;
    pthread_mutex_lock(&g->lock);
    g->n_posted--;
    for (unsigned i = 0; i < GDB_CPUS_MAX; i++)
        if (g->is_stop[i]) {
            stops[n++]    = g->stops[i];
            g->is_stop[i] = false;
        }
    bool closed = g->closed;
    pthread_mutex_unlock(&g->lock);
    for (unsigned i = 0; i < n && !closed && g->client >= 0; i++)
        session_stopped(&g->session, &stops[i]);
    if (!closed && g->client < 0 && n)
        g->target->go(g->ctx, -1); /* the debugger went away meanwhile */
    else if (!closed && g->client >= 0 && g->broken)
        drop(g, true);
    release(g);
}

void gdb_stopped(struct gdb *g, const struct gdb_stop *stop)
{
    assert(stop->cpu < GDB_CPUS_MAX);
    pthread_mutex_lock(&g->lock);
    g->stops[stop->cpu]   = *stop;
    g->is_stop[stop->cpu] = true;
    g->n_posted++;
    pthread_mutex_unlock(&g->lock);
    loop_post(g->loop, pass_on, g);
}
