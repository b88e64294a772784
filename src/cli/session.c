/* cli/session.c - see session.h.
 *
 * One poll loop. What came from one side and is not yet taken by the other waits in a buffer,
 * and meanwhile that side is not read: nothing is lost and signals are always heard. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/session.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

#include "base/alloc.h"
#include "cli/options.h"
#include "control/client.h"
#include "control/frame.h"

#define PIECE 4096u /* a pipe that polls writable takes so much at once (PIPE_BUF) */

struct pump {
    const struct session *s;
    struct outcome       *out;
    int                   signals;
    bool                  done, stdin_open, output_broken;
    unsigned              asked; /* how often we were told to end */
    unsigned              keys_seen;

    u8     in[FRAME_HEAD + FRAME_MAX]; /* from the machine: a frame that is being read */
    size_t in_len, shown;              /* shown: bytes of an output frame already printed */

    u8     to[8 * (PIECE + KEYS_MAX + FRAME_HEAD)]; /* to the machine */
    size_t to_len;
};

static void end(struct pump *p, enum ending how, int status)
{
    p->out->how    = how;
    p->out->status = status;
    p->done        = true;
}

/* ---- to the machine ---- */

static void queue(struct pump *p, enum frame_type type, const void *data, size_t len)
{
    if (len > sizeof(p->to) - p->to_len - FRAME_HEAD)
        return; /* only a resize can come when it is full, and the next one tells again */
    frame_head(p->to + p->to_len, type, (u32)len);
    memcpy(p->to + p->to_len + FRAME_HEAD, data, len);
    p->to_len += FRAME_HEAD + len;
}

static void send_queue(struct pump *p)
{
    ssize_t n = send(p->s->fd, p->to, p->to_len, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n <= 0)
        return; /* a broken connection is seen by the reading side */
    memmove(p->to, p->to + n, p->to_len - (size_t)n);
    p->to_len -= (size_t)n;
}

static void tell_size(struct pump *p)
{
    unsigned columns, rows;
    if (!p->s->tty || !terminal_size(&columns, &rows))
        return;
    const u8 size[4] = {(u8)columns, (u8)(columns >> 8), (u8)rows, (u8)(rows >> 8)};
    queue(p, FRAME_RESIZE, size, sizeof(size));
}

/* Passes what was typed on, but for the detach keys: those are held back until it is clear that
 * they are not meant. */
static void typed(struct pump *p, const u8 *data, size_t len)
{
    const struct keys *k = &p->s->keys;
    u8                 pass[PIECE + KEYS_MAX];
    size_t             n = 0;
    for (size_t i = 0; i < len; i++) {
        if (p->s->tty && k->count > 0 && data[i] == k->bytes[p->keys_seen]) {
            if (++p->keys_seen < k->count)
                continue;
            end(p, DETACHED, 0);
            return;
        }
        memcpy(pass + n, k->bytes, p->keys_seen);
        n += p->keys_seen;
        p->keys_seen = 0;
        if (p->s->tty && k->count > 1 && data[i] == k->bytes[0])
            p->keys_seen = 1;
        else
            pass[n++] = data[i];
    }
    if (n > 0)
        queue(p, FRAME_INPUT, pass, n);
}

static void read_stdin(struct pump *p)
{
    u8      data[PIECE / 2]; /* every byte may give back one held key */
    ssize_t n = read(STDIN_FILENO, data, sizeof(data));
    if (n > 0)
        typed(p, data, (size_t)n);
    else if (n == 0 || errno != EINTR)
        p->stdin_open = false;
}

/* ---- from the machine ---- */

static void take_exit(struct pump *p, const char *text, size_t len)
{
    cleanup_json cJSON *j   = NULL;
    const char         *why = NULL;
    if (json_parse(&j, text, len, NULL) == 0)
        why = json_str(j, "why");
    snprintf(p->out->why, sizeof(p->out->why), "%s", why ? why : "");
    end(p, ENDED, (int)json_u64(j, "status", EXIT_FAILURE) & 0xff);
}

static bool frame_is_whole(const struct pump *p)
{
    return p->in_len >= FRAME_HEAD && p->in_len == FRAME_HEAD + frame_len(p->in);
}

static void drop_frame(struct pump *p)
{
    p->in_len = p->shown = 0;
}

/* Everything but output, which is printed piece by piece. */
static void take_frame(struct pump *p)
{
    const char *data = (const char *)p->in + FRAME_HEAD;
    size_t      len  = frame_len(p->in);
    if (p->in[0] == FRAME_OUTPUT && len > 0 && !p->output_broken)
        return;
    if (p->in[0] == FRAME_EXIT)
        take_exit(p, data, len);
    if (p->in[0] == FRAME_STATS) {
        cleanup_free char *before = p->out->stats;
        p->out->stats             = xasprintf("%s%.*s", before ? before : "", (int)len, data);
    }
    if (p->in[0] == FRAME_LOST && len == 8) {
        u64 lost;
        memcpy(&lost, data, 8);
        fprintf(stderr, "[guise: %llu bytes of output were lost]\r\n",
                (unsigned long long)le64toh(lost));
    }
    drop_frame(p);
}

static void read_machine(struct pump *p)
{
    size_t want = p->in_len < FRAME_HEAD ? FRAME_HEAD : FRAME_HEAD + frame_len(p->in);
    if (want > sizeof(p->in)) {
        end(p, LOST, 0);
        return;
    }
    ssize_t n = recv(p->s->fd, p->in + p->in_len, want - p->in_len, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        end(p, LOST, 0);
        return;
    }
    p->in_len += (size_t)n;
    if (frame_is_whole(p))
        take_frame(p);
}

static void print_some(struct pump *p)
{
    const u8 *data = p->in + FRAME_HEAD;
    size_t    len  = frame_len(p->in);
    ssize_t   n    = write(STDOUT_FILENO, data + p->shown, MIN(len - p->shown, PIECE));
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (n < 0) {
        p->output_broken = true;
        drop_frame(p);
        return;
    }
    p->shown += (size_t)n;
    if (p->shown == len)
        drop_frame(p);
}

/* ---- signals ---- */

static void ask(const struct pump *p, const char *verb, u64 signal_number)
{
    cleanup_json cJSON *args = cJSON_CreateObject();
    if (signal_number)
        json_put_u64(args, "signal", signal_number);
    client_ask(p->s->dir, verb, args, 2000, NULL, NULL); /* it ends or it does not: we shall see */
}

/* The first time it is asked to stop, then killed, then left. */
static void told_to_end(struct pump *p, int sig)
{
    if (sig == SIGHUP && !p->s->stop_on_hangup) {
        end(p, HUNG_UP, 128 + sig);
        return;
    }
    if (p->asked == 0)
        ask(p, "stop", 0);
    else if (p->asked == 1)
        ask(p, "kill", SIGKILL);
    else
        end(p, HUNG_UP, 128 + sig);
    p->asked++;
}

static void take_signal(struct pump *p)
{
    struct signalfd_siginfo info;
    if (read(p->signals, &info, sizeof(info)) != sizeof(info))
        return;
    if (info.ssi_signo == SIGWINCH)
        tell_size(p);
    else
        told_to_end(p, (int)info.ssi_signo);
}

static int open_signals(sigset_t *was)
{
    static const int set[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH};
    sigset_t         mask;
    sigemptyset(&mask);
    for (unsigned i = 0; i < ARRAY_SIZE(set); i++)
        sigaddset(&mask, set[i]);
    signal(SIGPIPE, SIG_IGN);
    sigprocmask(SIG_BLOCK, &mask, was);
    return signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* ---- the loop ---- */

static void step(struct pump *p)
{
    bool          printing = frame_is_whole(p);
    bool          room     = p->to_len + 2 * (PIECE + KEYS_MAX + FRAME_HEAD) < sizeof(p->to);
    struct pollfd polls[4] = {
        {.fd = p->signals, .events = POLLIN},
        {.fd = p->s->fd, .events = (short)((printing ? 0 : POLLIN) | (p->to_len ? POLLOUT : 0))},
        {.fd = printing ? STDOUT_FILENO : -1, .events = POLLOUT},
        {.fd = p->stdin_open && room ? STDIN_FILENO : -1, .events = POLLIN},
    };
    if (poll(polls, 4, -1) < 0)
        return;
    if (polls[0].revents)
        take_signal(p);
    if (polls[1].revents & POLLOUT)
        send_queue(p);
    if (!p->done && !printing && polls[1].revents & (POLLIN | POLLHUP | POLLERR))
        read_machine(p);
    if (!p->done && polls[2].revents)
        print_some(p);
    if (!p->done && polls[3].revents)
        read_stdin(p);
    if (p->output_broken && p->asked == 0) /* as `yes | head` ends: nobody listens any more */
        told_to_end(p, SIGHUP);
}

void session_run(const struct session *s, struct outcome *out)
{
    struct pump *p = xnew(struct pump);
    sigset_t     was;
    *out = (struct outcome){0};
    *p   = (struct pump){.s = s, .out = out, .stdin_open = s->input};
    fflush(stdout);
    p->signals = open_signals(&was);
    if (s->tty && s->input)
        terminal_raw();
    tell_size(p);
    while (!p->done)
        step(p);
    terminal_restore();
    if (p->signals >= 0)
        close(p->signals);
    sigprocmask(SIG_SETMASK, &was, NULL);
    free(p);
}

int session_open(const char *dir, const char *verb, bool replay, struct err *err)
{
    cleanup_json cJSON *args = cJSON_CreateObject();
    cleanup_fd int      fd   = client_open(dir, err);
    if (fd < 0)
        return fd;
    json_put_bool(args, "replay", replay);
    int rc = client_request(fd, "attach", args, -1, NULL, err);
    if (!rc && verb)
        rc = client_ask(dir, verb, NULL, -1, NULL, err);
    return rc ? rc : steal_fd(&fd);
}

int set_detach_keys(void *field, const char *value, struct err *err)
{
    struct keys        keys = {0};
    cleanup_free char *copy = xstrdup(value);
    char              *rest = copy;
    for (char *key; (key = strsep(&rest, ","));) {
        bool ctrl = strncmp(key, "ctrl-", 5) == 0;
        char c    = ctrl ? key[5] : key[0];
        if (keys.count == KEYS_MAX || !c || key[ctrl ? 6 : 1] ||
            (ctrl && !strchr("@abcdefghijklmnopqrstuvwxyz[\\]^_", c)))
            return err_set(err, EINVAL, "'%s' are not keys; keys look like ctrl-p,ctrl-q or a",
                           value);
        keys.bytes[keys.count++] = (u8)(ctrl ? c & 0x1f : c);
    }
    *(struct keys *)field = keys;
    return 0;
}
