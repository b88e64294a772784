/* process/syscalls_fuzz.c - system calls with arguments and structures that lie.
 *
 * The program's pointers are good, cut off, nowhere, or addresses of this very process: what
 * stands in `ours` must neither change nor be seen in the program's memory. The calls are those
 * that end at once and reach nothing outside; arguments that would make others of them are kept
 * at harmless values. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "process/process.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

#define WRITABLE 0x100000ull      /* two pages, with cells that the input fills */
#define READABLE 0x200000ull      /* one page */
#define TIME     (READABLE + 256) /* zeros: no time at all, and an empty name */

static const struct call {
    u16 nr;
    u8  arg; /* this argument becomes: itself & AND | OR */
    u64 and, or ;
} calls[] = {
    {5, 0, 0, TIME},     {8, 0, ~0ull, 0},    {11, 0, ~0ull, 0},  {17, 0, ~0ull, 0},
    {19, 0, ~0ull, 0},   {20, 0, ~0ull, 0},   {21, 0, ~0ull, 0},  {22, 3, 0, 0},
    {25, 1, 0, F_GETLK}, {29, 0, ~0ull, 0},   {43, 0, ~0ull, 0},  {44, 0, ~0ull, 0},
    {48, 0, ~0ull, 0},   {59, 0, ~0ull, 0},   {61, 0, ~0ull, 0},  {62, 0, ~0ull, 0},
    {63, 2, 0xffff, 0},  {64, 2, 0xffff, 0},  {65, 0, ~0ull, 0},  {66, 0, ~0ull, 0},
    {67, 2, 0xffff, 0},  {68, 2, 0xffff, 0},  {69, 0, ~0ull, 0},  {70, 0, ~0ull, 0},
    {72, 4, 0, TIME},    {73, 2, 0, TIME},    {74, 0, 0, ~0ull},  {75, 3, 0, 2},
    {78, 0, ~0ull, 0},   {79, 0, ~0ull, 0},   {80, 0, ~0ull, 0},  {86, 0, ~0ull, 0},
    {87, 0, ~0ull, 0},   {90, 0, ~0ull, 0},   {96, 0, ~0ull, 0},  {98, 3, 0, TIME},
    {99, 0, ~0ull, 0},   {100, 0, ~0ull, 0},  {102, 0, ~0ull, 0}, {113, 0, ~0ull, 0},
    {114, 0, ~0ull, 0},  {121, 0, ~0ull, 0},  {123, 0, ~0ull, 0}, {132, 0, ~0ull, 0},
    {134, 0, 15, 40},    {135, 0, ~0ull, 0},  {136, 0, ~0ull, 0}, {137, 2, 0, TIME},
    {148, 0, ~0ull, 0},  {150, 0, ~0ull, 0},  {153, 0, ~0ull, 0}, {158, 0, ~0ull, 0},
    {160, 0, ~0ull, 0},  {163, 0, ~0ull, 0},  {165, 0, ~0ull, 0}, {167, 0, ~0ull, 0},
    {168, 0, ~0ull, 0},  {169, 0, ~0ull, 0},  {179, 0, ~0ull, 0}, {199, 0, ~0ull, 0},
    {200, 0, ~0ull, 0},  {204, 0, ~0ull, 0},  {205, 0, ~0ull, 0}, {206, 2, 0xffff, 0},
    {207, 2, 0xffff, 0}, {208, 0, ~0ull, 0},  {209, 0, ~0ull, 0}, {211, 0, ~0ull, 0},
    {212, 0, ~0ull, 0},  {214, 0, ~0ull, 0},  {215, 0, ~0ull, 0}, {216, 0, ~0ull, 0},
    {221, 0, 0, TIME},   {222, 3, 0x1132, 0}, {226, 0, ~0ull, 0}, {227, 0, ~0ull, 0},
    {232, 0, ~0ull, 0},  {233, 2, 15, 0},     {258, 0, ~0ull, 0}, {259, 0, ~0ull, 0},
    {261, 2, 0, 0},      {278, 1, 0xffff, 0}, {279, 0, ~0ull, 0}, {286, 0, ~0ull, 0},
    {287, 0, ~0ull, 0},  {291, 0, ~0ull, 0},  {439, 0, ~0ull, 0}, {441, 3, 0, TIME},
};

static u8 ours[64] = "what no program may see or change";

/* --- what the input says --- */

struct input {
    const u8 *at, *end;
    int       fds[8];
};

static u8 byte(struct input *in)
{
    return in->at < in->end ? *in->at++ : 0;
}

static u64 number(struct input *in)
{
    u64    v = 0;
    size_t n = MIN((size_t)(in->end - in->at), 8);
    memcpy(&v, in->at, n);
    in->at += n;
    return v;
}

/* An argument, or a cell of a structure. */
static u64 value(struct input *in)
{
    u8  how  = byte(in);
    u64 more = how >> 4;
    switch (how & 15) {
    case 0:
        return more;
    case 1:
        return (u64)in->fds[more % ARRAY_SIZE(in->fds)];
    case 2:
        return WRITABLE + more * 16;
    case 3:
        return WRITABLE + USER_PAGE + more * 64;
    case 4:
        return WRITABLE + 2 * USER_PAGE - more;
    case 5:
        return READABLE + more * 8;
    case 6:
        return READABLE + USER_PAGE - more;
    case 7:
        return (u64)ours + more;
    case 8:
        return USER_LIMIT - more;
    case 9:
        return (u64)self->program->mm.user.base + WRITABLE;
    case 10:
        return (u64)ours - (u64)self->program->mm.user.base; /* wraps round to it */
    case 11:
        return 1ull << (byte(in) & 63);
    case 12:
        return more << 12;
    case 13:
        return ~more;
    case 14:
        return byte(in);
    default:
        return number(in);
    }
}

/* --- a program --- */

static void on_fault(int sig)
{
    (void)sig;
    if (!self || !self->copying)
        abort();
    siglongjmp(*self->copying, 1);
}

static struct thread *make_thread(void)
{
    static struct program p = {.root_fd = -1, .exe = (char *)"/fuzz", .exe_name = "/fuzz"};
    struct err            err;
    struct sigaction      sa = {.sa_handler = on_fault, .sa_flags = SA_NODEFER};
    pthread_mutex_init(&p.lock, NULL);
    p.options = (struct options){.interp = true, .exec_fd = -1};
    if (clock_host_create(&p.clock, NULL, 0, &err) || mm_create(&p.mm, &err))
        abort();
    struct thread *t = thread_new(&p, &err);
    if (!t)
        abort();
    mm_destroy(&p.mm);
    sigaction(SIGSEGV, &sa, NULL);
    sigaction(SIGBUS, &sa, NULL);
    signal(SIGPIPE, SIG_IGN);
    return t;
}

static void open_all(struct input *in)
{
    int *f = in->fds;
    if (pipe2(f, O_NONBLOCK) || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, f + 2))
        abort();
    f[4] = memfd_create("fuzz", 0);
    f[5] = epoll_create1(0);
    f[6] = eventfd(1, EFD_NONBLOCK);
    f[7] = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    if (ftruncate(f[4], 10000))
        abort();
}

static void map_all(struct thread *t)
{
    enum { ANON = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED };
    struct program *p = t->program;
    mm_map(p, WRITABLE, 2 * USER_PAGE, PROT_READ | PROT_WRITE, ANON, -1, 0);
    mm_map(p, READABLE, USER_PAGE, PROT_READ, ANON, -1, 0);
    p->mm.brk = p->mm.brk_start = 0x300000;
}

/* Owners of descriptors get signals, and these may be other processes; and none may block. */
static bool is_harmful(u64 nr, const u64 *x)
{
    u32 cmd = (u32)x[11];
    return nr == 29 && (cmd == FIOASYNC || cmd == SIOCSPGRP || cmd == FIONBIO);
}

static void one_call(struct thread *t, struct input *in)
{
    const struct call *c     = &calls[byte(in) % ARRAY_SIZE(calls)];
    u64               *x     = rv64_x(t->v);
    const u64          no[4] = {0};
    u8                 seen[2 * USER_PAGE];
    for (unsigned i = 0; i < 6; i++)
        x[10 + i] = value(in);
    if (x[10] <= 2) /* what the fuzzer itself has open */
        x[10] = (u64)in->fds[0];
    x[17]          = c->nr;
    x[10 + c->arg] = (x[10 + c->arg] & c->and) | c->or ;
    user_write(t, TIME, no, sizeof(no)); /* if it has become writable */
    if (is_harmful(c->nr, x))
        return;
    syscall_do(t);
    if (memcmp(ours, "what no program may see or change", 33))
        abort();
    for (gva at = WRITABLE; at < WRITABLE + sizeof(seen); at += USER_PAGE)
        if (!user_read(t, seen, at, USER_PAGE) && memmem(seen, USER_PAGE, ours, 33))
            abort();
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    struct input in = {data, data + size, {0}};
    struct err   err;
    int          first = dup(0);
    close(first);
    if (!self)
        self = make_thread();
    if (mm_create(&self->program->mm, &err))
        abort();
    open_all(&in);
    map_all(self);
    for (unsigned i = 0; i < 16; i++)
        user_write(self, WRITABLE + i * 8, &(u64){value(&in)}, 8);
    for (unsigned i = 0; i < 32 && in.at < in.end; i++)
        one_call(self, &in);
    close_range((unsigned)first, ~0u, 0);
    mm_destroy(&self->program->mm);
    self->mask = 0;
    set_host_mask(0);
    return 0;
}
