/* tests/diff/probe.c - executes cases by the CPU it runs on: the reference, under qemu-riscv64.
 *
 * All of it happens in one signal handler: each case ends with a signal; the handler takes the
 * whole state out of its frame, answers, reads the next case, and returns into that. Built
 * static for riscv64 without relaxation and stack protector, and without libc calls once it
 * runs, as gp and tp hold whatever a case put there. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>

#include "protocol.h"

static struct diff_case  now;
static struct diff_reply reply;
static int               started;

static long call(long n, long a, long b, long c)
{
    register long a0 __asm__("a0") = a, a1 __asm__("a1") = b, a2 __asm__("a2") = c;
    register long a7 __asm__("a7") = n;
    __asm__ volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a7) : "memory");
    return a0;
}

static void all(long n, int fd, void *p, size_t len)
{
    char *at = p;
    while (len) {
        long got = call(n, fd, (long)at, (long)len);
        if (got <= 0)
            call(SYS_exit_group, got < 0, 0, 0);
        at += got;
        len -= (size_t)got;
    }
}

static void copy(void *to, const void *from, size_t len)
{
    volatile unsigned char *t = to;
    const unsigned char    *f = from;
    while (len--)
        *t++ = *f++;
}

static void wipe(void *p, size_t len)
{
    volatile unsigned char *t = p;
    while (len--)
        *t++ = 0;
}

static void put_code(void)
{
    volatile uint16_t *p = (uint16_t *)(DIFF_CODE + DIFF_ENTRY);
    unsigned           i = 0;
    call(SYS_mprotect, DIFF_CODE, DIFF_PAGE, PROT_READ | PROT_WRITE);
    for (unsigned n = 0; n < DIFF_WORDS && (!n || now.word[n]); n++) {
        p[i++] = (uint16_t)now.word[n];
        if ((now.word[n] & 3) == 3)
            p[i++] = (uint16_t)(now.word[n] >> 16);
    }
    while (i < 2 * DIFF_WORDS + 1)
        p[i++] = DIFF_EBREAK;
    call(SYS_mprotect, DIFF_CODE, DIFF_PAGE, PROT_READ | PROT_EXEC);
    __asm__ volatile("fence.i" ::: "memory");
}

/* The handler's own code has none of these, so they are as the case left them. */
#define VECTORS ".option push\n.option arch, +v\n"

static void take_vectors(struct diff_vectors *r)
{
    __asm__ volatile(VECTORS "csrr %0, vstart\ncsrr %1, vl\ncsrr %2, vtype\ncsrr %3, vcsr\n"
                             "csrw vstart, zero\ncsrr %4, vlenb\n"
                             ".option pop"
                     : "=&r"(r->vstart), "=&r"(r->vl), "=&r"(r->vtype), "=&r"(r->vcsr),
                       "=&r"(r->vlenb));
    __asm__ volatile(VECTORS "vs8r.v v0, (%0)\nvs8r.v v8, (%1)\nvs8r.v v16, (%2)\n"
                             "vs8r.v v24, (%3)\n"
                             ".option pop" ::"r"(r->v),
                     "r"(r->v + 8 * r->vlenb), "r"(r->v + 16 * r->vlenb), "r"(r->v + 24 * r->vlenb)
                     : "memory");
}

static void put_vectors(const struct diff_vectors *c)
{
    __asm__ volatile(VECTORS "vl8re8.v v0, (%0)\nvl8re8.v v8, (%1)\nvl8re8.v v16, (%2)\n"
                             "vl8re8.v v24, (%3)\n"
                             ".option pop" ::"r"(c->v),
                     "r"(c->v + 8 * c->vlenb), "r"(c->v + 16 * c->vlenb), "r"(c->v + 24 * c->vlenb)
                     : "memory");
    __asm__ volatile(VECTORS "vsetvl zero, %0, %1\ncsrw vcsr, %2\ncsrw vstart, %3\n"
                             ".option pop" ::"r"(c->vl),
                     "r"(c->vtype), "r"(c->vcsr), "r"(c->vstart));
}

static void on_signal(int sig, siginfo_t *info, void *context)
{
    mcontext_t *m = &((ucontext_t *)context)->uc_mcontext;
    if (started) {
        reply.status  = (uint32_t)sig;
        reply.pc      = m->__gregs[0];
        reply.address = sig == SIGSEGV || sig == SIGBUS ? (uint64_t)info->si_addr : 0;
        copy(reply.x, m->__gregs, sizeof(reply.x));
        reply.x[0] = 0;
        copy(reply.f, m->__fpregs.__d.__f, sizeof(reply.f));
        reply.fcsr = m->__fpregs.__d.__fcsr;
        copy(reply.data, (void *)DIFF_DATA, DIFF_BYTES);
        if (now.vectors)
            take_vectors(&reply.vec);
        else
            wipe(&reply.vec, sizeof(reply.vec));
        all(SYS_write, 1, &reply, sizeof(reply));
    }
    started = 1;
    all(SYS_read, 0, &now, sizeof(now));
    put_code();
    copy((void *)DIFF_DATA, now.data, DIFF_BYTES);
    if (now.vectors)
        wipe((void *)(DIFF_DATA + DIFF_PAGE - DIFF_EDGE), DIFF_EDGE);
    copy(m->__gregs, now.x, sizeof(now.x));
    m->__gregs[0] = DIFF_CODE + DIFF_ENTRY;
    copy(m->__fpregs.__d.__f, now.f, sizeof(now.f));
    m->__fpregs.__d.__fcsr = now.fcsr;
    if (now.vectors)
        put_vectors(&now.vec);
}

static void *map(uint64_t at, size_t len)
{
    return mmap((void *)at, len, PROT_READ | PROT_WRITE | PROT_EXEC,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
}

int main(void)
{
    /* Far from what a case is likely to put into sp: a kernel that finds sp within the
     * alternate stack takes it for a nested signal. */
    stack_t          alternate = {.ss_sp = map(0x1357913000, 65536), .ss_size = 65536};
    struct sigaction act       = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    const int        signals[] = {SIGILL, SIGTRAP, SIGBUS, SIGSEGV};
    if (map(DIFF_CODE, DIFF_PAGE) == MAP_FAILED || map(DIFF_DATA, DIFF_PAGE) == MAP_FAILED)
        return 1;
    for (unsigned i = 0; i < DIFF_PAGE / 2; i++)
        ((uint16_t *)DIFF_CODE)[i] = DIFF_EBREAK;
    sigaltstack(&alternate, NULL);
    sigfillset(&act.sa_mask);
    for (unsigned i = 0; i < 4; i++) {
        sigset_t one;
        sigaction(signals[i], &act, NULL);
        sigemptyset(&one);
        sigaddset(&one, signals[i]);
        sigprocmask(SIG_UNBLOCK, &one, NULL);
    }
    __asm__ volatile("ebreak");
    return 1;
}
