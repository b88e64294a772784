/* debug/gdb_session.c - see gdb_session.h. Framing first, then a table of packets.
 *
 * The protocol is that of gdb's manual, appendix "Remote Serial Protocol". Threads are cpus,
 * counted from 1. An answer is collected in s->out and sent when the packet is done. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "debug/gdb_session.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- answers --- */

static void put(struct gdb_session *s, const void *data, size_t len)
{
    size_t room = GDB_PACKET - s->out_len;
    len         = MIN(len, room);
    memcpy(s->out + s->out_len, data, len);
    s->out_len += len;
}

static void say(struct gdb_session *s, const char *fmt, ...) PRINTF(2, 3);

static void say(struct gdb_session *s, const char *fmt, ...)
{
    char    text[512];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    put(s, text, MIN((size_t)MAX(n, 0), sizeof(text) - 1));
}

static void say_hex(struct gdb_session *s, const void *data, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    for (const u8 *p = data; len; p++, len--) {
        char two[2] = {digits[*p >> 4], digits[*p & 15]};
        put(s, two, 2);
    }
}

static void say_error(struct gdb_session *s, int rc)
{
    say(s, "E%02x", (unsigned)(rc < 0 ? -rc : rc) & 0xff);
}

static void send_packet(struct gdb_session *s)
{
    char packet[GDB_PACKET + 4];
    u8   sum = 0;
    for (size_t i = 0; i < s->out_len; i++)
        sum = (u8)(sum + (u8)s->out[i]);
    packet[0] = '$';
    memcpy(packet + 1, s->out, s->out_len);
    snprintf(s->out, sizeof(s->out), "#%02x", sum);
    memcpy(packet + 1 + s->out_len, s->out, 3);
    s->send(s->send_ctx, packet, s->out_len + 4);
    s->out_len = 0;
}

/* --- what the packets carry --- */

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A number in hex, at most 16 digits; moves *p behind it. False: there is none. */
static bool number(const char **p, u64 *out)
{
    const char *start = *p;
    u64         val   = 0;
    for (; digit(**p) >= 0 && *p - start < 16; (*p)++)
        val = val << 4 | (unsigned)digit(**p);
    *out = val;
    return *p != start && digit(**p) < 0;
}

static bool skip(const char **p, char c)
{
    if (**p != c)
        return false;
    (*p)++;
    return true;
}

/* LEN bytes in hex. */
static bool bytes(const char **p, u8 *out, size_t len)
{
    for (; len; len--, out++, *p += 2) {
        int high = digit((*p)[0]), low = high < 0 ? -1 : digit((*p)[1]);
        if (low < 0)
            return false;
        *out = (u8)(high << 4 | low);
    }
    return true;
}

/* "ADDRESS,LENGTH" */
static bool range(const char **p, u64 *addr, u64 *len)
{
    return number(p, addr) && skip(p, ',') && number(p, len);
}

/* A thread's cpu; -1: all; any thread is the first. False: no such thread. */
static bool thread(const struct gdb_session *s, const char **p, int *cpu)
{
    u64 id;
    if ((*p)[0] == '-' && (*p)[1] == '1') {
        *p += 2;
        *cpu = -1;
        return true;
    }
    if (!number(p, &id) || id > s->target->n_cpus)
        return false;
    *cpu = id ? (int)id - 1 : 0;
    return true;
}

/* --- stopping and going --- */

static void tell_stop(struct gdb_session *s)
{
    static const char *const names[] = {
        [GDB_WATCH_WRITE] = "watch", [GDB_WATCH_READ] = "rwatch", [GDB_WATCH_ACCESS] = "awatch"};
    say(s, "T%02x", (unsigned)s->last.signal & 0xff);
    if (s->last.is_watch)
        say(s, "%s:%llx;", names[s->last.kind], (unsigned long long)s->last.addr);
    say(s, "thread:%x;", s->last.cpu + 1);
}

static void stopped(struct gdb_session *s, const struct gdb_stop *stop)
{
    s->last = *stop;
    s->cpu = s->step_cpu = stop->cpu;
    tell_stop(s);
}

void session_stopped(struct gdb_session *s, const struct gdb_stop *stop)
{
    assert(stop->cpu < s->target->n_cpus && stop->cpu < GDB_CPUS_MAX);
    if (!s->running) {
        s->pending[stop->cpu]    = *stop;
        s->is_pending[stop->cpu] = true;
        return;
    }
    s->target->halt(s->ctx);
    s->running = false;
    stopped(s, stop);
    send_packet(s);
}

/* Whether the cpu still stands at what stopped it: the debugger may have taken the breakpoint
 * away, or set the cpu elsewhere. */
static bool still_stopped(const struct gdb_session *s, const struct gdb_stop *stop)
{
    u64 pc;
    if (stop->is_watch || s->target->get(s->ctx, stop->cpu, 32, &pc))
        return true;
    for (unsigned i = 0; i < s->n_points; i++)
        if (s->points[i].kind == GDB_BREAK && s->points[i].addr == pc)
            return true;
    return false;
}

/* CPU -1: of any. Of a cpu that shall not go on, nothing is told: it waits for its turn. */
static bool was_pending(struct gdb_session *s, int cpu)
{
    for (unsigned i = 0; i < s->target->n_cpus && i < GDB_CPUS_MAX; i++) {
        if (!s->is_pending[i] || (cpu >= 0 && i != (unsigned)cpu))
            continue;
        s->is_pending[i] = false;
        if (!still_stopped(s, &s->pending[i]))
            continue;
        stopped(s, &s->pending[i]);
        return true;
    }
    return false;
}

static void go(struct gdb_session *s, int cpu)
{
    if (was_pending(s, cpu))
        return;
    s->running = true;
    if (cpu >= 0)
        s->step_cpu = (unsigned)cpu; /* of which an interruption is told */
    s->target->go(s->ctx, cpu);
}

static void step(struct gdb_session *s, unsigned cpu)
{
    struct gdb_stop stop = {.cpu = cpu, .signal = 5};
    s->is_pending[cpu]   = false;
    s->target->step(s->ctx, cpu, &stop);
    stopped(s, &stop);
}

static void interrupt(struct gdb_session *s)
{
    struct gdb_stop stop = {.cpu = s->step_cpu, .signal = 2};
    if (s->running)
        session_stopped(s, &stop);
}

/* --- packets; P stands behind the packet's name --- */

static void on_why(struct gdb_session *s, UNUSED const char *p)
{
    tell_stop(s);
}

/* "c ADDRESS" and "C SIGNAL;ADDRESS": the signal means nothing to a machine. */
static bool resume_at(struct gdb_session *s, const char *p, bool signal)
{
    u64 ignored, addr;
    if (signal) {
        if (!number(&p, &ignored))
            return false;
        skip(&p, ';');
    }
    if (!*p)
        return true;
    return number(&p, &addr) && !s->target->set(s->ctx, s->step_cpu, 32, addr);
}

static void on_continue(struct gdb_session *s, const char *p)
{
    if (resume_at(s, p, false))
        go(s, -1);
    else
        say_error(s, EINVAL);
}

static void on_continue_signal(struct gdb_session *s, const char *p)
{
    if (resume_at(s, p, true))
        go(s, -1);
    else
        say_error(s, EINVAL);
}

static void on_step(struct gdb_session *s, const char *p)
{
    if (resume_at(s, p, false))
        step(s, s->step_cpu);
    else
        say_error(s, EINVAL);
}

static void on_step_signal(struct gdb_session *s, const char *p)
{
    if (resume_at(s, p, true))
        step(s, s->step_cpu);
    else
        say_error(s, EINVAL);
}

static void on_vcont_query(struct gdb_session *s, UNUSED const char *p)
{
    say(s, "vCont;c;C;s;S");
}

/* ";ACTION[:THREAD]"...: a step wins over a continue, for one thread is stepped at a time. Of
 * several that continue all do, but one alone is alone. */
static void on_vcont(struct gdb_session *s, const char *p)
{
    enum { NONE = -2, ALL = -1 };
    int stepping = NONE, going = NONE;
    while (skip(&p, ';')) {
        char action = *p ? *p++ : 0;
        u64  ignored;
        int  cpu = ALL;
        if ((action == 'C' || action == 'S') && !number(&p, &ignored))
            return say_error(s, EINVAL);
        if (skip(&p, ':') && !thread(s, &p, &cpu))
            return say_error(s, EINVAL);
        if (action == 's' || action == 'S')
            stepping = stepping >= 0 ? stepping : cpu >= 0 ? cpu : (int)s->step_cpu;
        else if (action == 'c' || action == 'C')
            going = going == NONE || going == cpu ? cpu : ALL;
        else
            return say_error(s, EINVAL);
    }
    if (*p || (stepping == NONE && going == NONE))
        say_error(s, EINVAL);
    else if (stepping != NONE)
        step(s, (unsigned)stepping);
    else
        go(s, going);
}

static void on_get_all(struct gdb_session *s, UNUSED const char *p)
{
    for (unsigned reg = 0; reg <= 32; reg++) {
        u64 val = 0;
        s->target->get(s->ctx, s->cpu, reg, &val);
        say_hex(s, &val, 8);
    }
}

static void on_set_all(struct gdb_session *s, const char *p)
{
    for (unsigned reg = 0; reg <= 32 && *p; reg++) {
        u64 val;
        if (!bytes(&p, (u8 *)&val, 8))
            return say_error(s, EINVAL);
        s->target->set(s->ctx, s->cpu, reg, val);
    }
    say(s, "OK");
}

static void on_get(struct gdb_session *s, const char *p)
{
    u64 reg, val = 0;
    if (!number(&p, &reg) || reg > 0xffff || !gdb_register_size((unsigned)reg))
        return say_error(s, EINVAL);
    int rc = s->target->get(s->ctx, s->cpu, (unsigned)reg, &val);
    if (rc)
        return say_error(s, rc);
    say_hex(s, &val, gdb_register_size((unsigned)reg));
}

static void on_set(struct gdb_session *s, const char *p)
{
    u64 reg, val = 0;
    if (!number(&p, &reg) || !skip(&p, '=') || reg > 0xffff ||
        !bytes(&p, (u8 *)&val, gdb_register_size((unsigned)reg)))
        return say_error(s, EINVAL);
    int rc = s->target->set(s->ctx, s->cpu, (unsigned)reg, val);
    if (rc)
        say_error(s, rc);
    else
        say(s, "OK");
}

/* As much as there is: a range that leaves the mapped pages is cut at the page's end. */
static void on_read(struct gdb_session *s, const char *p)
{
    u8  data[GDB_PACKET / 2];
    u64 addr, len;
    if (!range(&p, &addr, &len))
        return say_error(s, EINVAL);
    len    = MIN(len, sizeof(data));
    int rc = s->target->read(s->ctx, s->cpu, addr, data, len);
    if (rc && len > 4096 - addr % 4096) {
        len = 4096 - addr % 4096;
        rc  = s->target->read(s->ctx, s->cpu, addr, data, len);
    }
    if (rc)
        say_error(s, rc);
    else
        say_hex(s, data, len);
}

static void finish_write(struct gdb_session *s, u64 addr, const u8 *data, u64 len)
{
    int rc = len ? s->target->write(s->ctx, s->cpu, addr, data, len) : 0;
    if (rc)
        say_error(s, rc);
    else
        say(s, "OK");
}

static void on_write(struct gdb_session *s, const char *p)
{
    u8  data[GDB_PACKET / 2];
    u64 addr, len;
    if (!range(&p, &addr, &len) || !skip(&p, ':') || len > sizeof(data) || !bytes(&p, data, len))
        return say_error(s, EINVAL);
    finish_write(s, addr, data, len);
}

static void on_write_binary(struct gdb_session *s, const char *p)
{
    u8  data[GDB_PACKET];
    u64 addr, len, n = 0;
    if (!range(&p, &addr, &len) || !skip(&p, ':'))
        return say_error(s, EINVAL);
    for (const char *end = s->in + s->in_len; p < end && n < sizeof(data); p++) {
        bool escaped = *p == '}' && p + 1 < end;
        data[n++]    = escaped ? (u8)(*++p ^ 0x20) : (u8)*p;
    }
    if (n != len)
        return say_error(s, EINVAL);
    finish_write(s, addr, data, len);
}

/* "KIND,ADDRESS,LENGTH": Z puts a point there, z takes it away. */
static bool point(const char **p, struct gdb_point *out)
{
    u64 kind;
    if (!number(p, &kind) || kind > GDB_WATCH_ACCESS || !skip(p, ',') ||
        !range(p, &out->addr, &out->len))
        return false;
    out->kind = kind <= 1 ? GDB_BREAK : (enum gdb_point_kind)kind;
    return out->kind == GDB_BREAK || (out->len && out->len - 1 <= ~0ull - out->addr);
}

static unsigned find_point(const struct gdb_session *s, const struct gdb_point *q)
{
    unsigned i = 0;
    while (i < s->n_points && (s->points[i].kind != q->kind || s->points[i].addr != q->addr ||
                               (q->kind != GDB_BREAK && s->points[i].len != q->len)))
        i++;
    return i;
}

static void on_insert(struct gdb_session *s, const char *p)
{
    struct gdb_point q;
    if (!point(&p, &q))
        return say_error(s, EINVAL);
    unsigned i = find_point(s, &q);
    if (i == GDB_POINTS_MAX)
        return say_error(s, ENOSPC);
    s->points[i] = q;
    s->n_points  = MAX(s->n_points, i + 1);
    s->target->points(s->ctx, s->points, s->n_points);
    say(s, "OK");
}

static void on_remove(struct gdb_session *s, const char *p)
{
    struct gdb_point q;
    if (!point(&p, &q))
        return say_error(s, EINVAL);
    unsigned i = find_point(s, &q);
    if (i < s->n_points) {
        s->points[i] = s->points[--s->n_points];
        s->target->points(s->ctx, s->points, s->n_points);
    }
    say(s, "OK");
}

static void on_select(struct gdb_session *s, const char *p)
{
    char what = *p ? *p++ : 0;
    int  cpu;
    if ((what != 'g' && what != 'c') || !thread(s, &p, &cpu))
        return say_error(s, EINVAL);
    if (cpu >= 0) {
        s->step_cpu = (unsigned)cpu;
        if (what == 'g')
            s->cpu = (unsigned)cpu;
    }
    say(s, "OK");
}

static void on_alive(struct gdb_session *s, const char *p)
{
    int cpu;
    if (thread(s, &p, &cpu))
        say(s, "OK");
    else
        say_error(s, ESRCH);
}

static void on_threads(struct gdb_session *s, UNUSED const char *p)
{
    say(s, "m");
    for (unsigned i = 0; i < s->target->n_cpus; i++)
        say(s, "%s%x", i ? "," : "", i + 1);
}

static void on_threads_end(struct gdb_session *s, UNUSED const char *p)
{
    say(s, "l");
}

static void on_thread_info(struct gdb_session *s, const char *p)
{
    char text[32];
    int  cpu;
    if (!thread(s, &p, &cpu))
        return say_error(s, ESRCH);
    int n = snprintf(text, sizeof(text), "hart %d", cpu);
    say_hex(s, text, (size_t)n);
}

static void on_thread(struct gdb_session *s, const char *p)
{
    if (!*p) /* else it is qCRC */
        say(s, "QC%x", s->cpu + 1);
}

static void on_attached(struct gdb_session *s, UNUSED const char *p)
{
    say(s, "1");
}

static void on_supported(struct gdb_session *s, UNUSED const char *p)
{
    say(s, "PacketSize=%x;qXfer:features:read+;QStartNoAckMode+;vContSupported+", GDB_PACKET);
}

/* "ANNEX:OFFSET,LENGTH" */
static void on_features(struct gdb_session *s, const char *p)
{
    char        annex[32], text[GDB_PACKET - 8];
    const char *colon = strchr(p, ':');
    u64         offset, len;
    bool        more;
    if (!colon || (size_t)(colon - p) >= sizeof(annex))
        return say_error(s, EINVAL);
    memcpy(annex, p, (size_t)(colon - p));
    annex[colon - p] = 0;
    p                = colon + 1;
    if (!gdb_xml_known(annex) || !range(&p, &offset, &len))
        return say_error(s, EINVAL);
    size_t n = gdb_xml_read(annex, offset, text, MIN(len, sizeof(text)), &more);
    say(s, more ? "m" : "l");
    put(s, text, n);
}

static void on_monitor(struct gdb_session *s, const char *p)
{
    char   command[256] = "", answer[GDB_PACKET / 2] = "";
    size_t len = strlen(p) / 2;
    if (len >= sizeof(command) || !bytes(&p, (u8 *)command, len))
        return say_error(s, EINVAL);
    s->target->monitor(s->ctx, command, answer, sizeof(answer));
    if (*answer)
        say_hex(s, answer, strlen(answer));
    else
        say(s, "OK");
}

static void on_no_ack(struct gdb_session *s, UNUSED const char *p)
{
    s->no_ack = true;
    say(s, "OK");
}

static void on_detach(struct gdb_session *s, UNUSED const char *p)
{
    say(s, "OK");
    s->gone = true;
}

static void on_kill(struct gdb_session *s, UNUSED const char *p)
{
    say(s, "OK");
    s->gone = s->killed = true;
    s->target->kill(s->ctx);
}

static void on_kill_silently(struct gdb_session *s, UNUSED const char *p)
{
    s->gone = s->killed = true;
    s->target->kill(s->ctx);
}

/* By how the packet begins; the longer of two stands first. What is not here is answered with
 * an empty packet: not supported. */
static const struct {
    const char *name;
    void (*on)(struct gdb_session *, const char *p);
} packets[] = {
    {"?", on_why},
    {"QStartNoAckMode", on_no_ack},
    {"qSupported", on_supported},
    {"qXfer:features:read:", on_features},
    {"qfThreadInfo", on_threads},
    {"qsThreadInfo", on_threads_end},
    {"qThreadExtraInfo,", on_thread_info},
    {"qAttached", on_attached},
    {"qRcmd,", on_monitor},
    {"qC", on_thread},
    {"vCont?", on_vcont_query},
    {"vCont", on_vcont},
    {"vKill", on_kill},
    {"c", on_continue},
    {"C", on_continue_signal},
    {"s", on_step},
    {"S", on_step_signal},
    {"g", on_get_all},
    {"G", on_set_all},
    {"p", on_get},
    {"P", on_set},
    {"m", on_read},
    {"M", on_write},
    {"X", on_write_binary},
    {"Z", on_insert},
    {"z", on_remove},
    {"H", on_select},
    {"T", on_alive},
    {"D", on_detach},
    {"k", on_kill_silently},
};

/* A whole packet, checked, with a NUL behind it. While the machine runs only ^C is heard. */
static void handle(struct gdb_session *s)
{
    if (s->running)
        return;
    for (size_t i = 0; i < ARRAY_SIZE(packets); i++) {
        size_t len = strlen(packets[i].name);
        if (!strncmp(s->in, packets[i].name, len)) {
            packets[i].on(s, s->in + len);
            break;
        }
    }
    bool silent = s->running || (s->gone && !s->out_len);
    if (!silent)
        send_packet(s);
}

static void received(struct gdb_session *s)
{
    bool good = s->sum == s->told_sum && !s->too_long;
    if (!s->no_ack)
        s->send(s->send_ctx, good ? "+" : "-", 1);
    if (!good)
        return;
    s->in[s->in_len] = 0;
    handle(s);
}

/* One byte of the stream: "$packet#xx", acknowledgements, and ^C between packets. */
static void take(struct gdb_session *s, char c)
{
    int value = digit(c);
    switch (s->at) {
    case BETWEEN:
        if (c == 3)
            interrupt(s);
        if (c != '$')
            return;
        s->at       = INSIDE;
        s->in_len   = 0;
        s->sum      = 0;
        s->too_long = false;
        return;
    case INSIDE:
        if (c == '#') {
            s->at = CHECK_1;
            return;
        }
        s->sum = (u8)(s->sum + (u8)c);
        if (s->in_len < GDB_PACKET)
            s->in[s->in_len++] = c;
        else
            s->too_long = true;
        return;
    case CHECK_1:
        s->told_sum = (u8)(MAX(value, 0) << 4);
        s->too_long |= value < 0;
        s->at = CHECK_2;
        return;
    case CHECK_2:
        s->told_sum |= (u8)MAX(value, 0);
        s->too_long |= value < 0;
        s->at = BETWEEN;
        received(s);
        return;
    }
}

void session_input(struct gdb_session *s, const void *data, size_t len)
{
    for (const char *p = data; len && !s->gone; p++, len--)
        take(s, *p);
}

void session_begin(struct gdb_session *s, const struct gdb_target *target, void *ctx,
                   gdb_send *send, void *send_ctx)
{
    memset(s, 0, sizeof(*s));
    s->target   = target;
    s->ctx      = ctx;
    s->send     = send;
    s->send_ctx = send_ctx;
    s->last     = (struct gdb_stop){.signal = 5};
}

void session_end(struct gdb_session *s)
{
    if (s->running)
        s->target->halt(s->ctx);
    s->n_points = 0;
    s->target->points(s->ctx, s->points, 0);
    if (!s->killed)
        s->target->go(s->ctx, -1);
}
