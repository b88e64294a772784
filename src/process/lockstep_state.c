/* process/lockstep_state.c - are registers and memory of two copies of a program the same?
 *
 * Memory that the program shares with others is left out: they may write to it at any time. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/alloc.h"
#include "process/lockstep.h"

void lockstep_state(struct thread *t, u64 count, struct lockstep_state *out)
{
    *out = (struct lockstep_state){.count = count, .pc = *rv64_pc(t->v), .fcsr = rv64_fcsr(t->v)};
    memcpy(out->x, rv64_x(t->v), sizeof(out->x));
    memcpy(out->f, rv64_f(t->v), sizeof(out->f));
    if (rv64_vectors_used(t->v))
        rv64_get_vectors(t->v, &out->vectors);
}

/* --- registers --- */

static bool word_differs(const char *name, int n, u64 ref, u64 try, bool tell)
{
    char number[16] = "";
    if (n >= 0)
        snprintf(number, sizeof(number), "%d", n);
    if (ref != try && tell)
        dprintf(STDERR_FILENO, "guise-user: lockstep: %s%s is 0x%llx, translated 0x%llx\n", name,
                number, (unsigned long long)ref, (unsigned long long)try);
    return ref != try;
}

static bool vectors_differ(const struct rv64_vectors *ref, const struct rv64_vectors *try,
                           bool tell)
{
    bool differ = word_differs("vl", -1, ref->vl, try->vl, tell);
    differ |= word_differs("vtype", -1, ref->vtype, try->vtype, tell);
    differ |= word_differs("vstart", -1, ref->vstart, try->vstart, tell);
    differ |= word_differs("vcsr", -1, ref->vcsr, try->vcsr, tell);
    for (unsigned i = 0; i < 32 * ref->vlenb / 8; i++) {
        u64 a, b;
        memcpy(&a, ref->v + 8 * i, 8);
        memcpy(&b, try->v + 8 * i, 8);
        differ |= word_differs("part of v", (int)(8 * i / ref->vlenb), a, b, tell);
    }
    return differ;
}

static bool registers_differ(const struct lockstep_state *ref, const struct lockstep_state *try,
                             bool tell)
{
    bool differ = word_differs("instructions", -1, ref->count, try->count, tell);
    differ |= word_differs("pc", -1, ref->pc, try->pc, tell);
    differ |= word_differs("fcsr", -1, ref->fcsr, try->fcsr, tell);
    for (int i = 0; i < 32; i++) {
        differ |= word_differs("x", i, ref->x[i], try->x[i], tell);
        differ |= word_differs("f", i, ref->f[i], try->f[i], tell);
    }
    return vectors_differ(&ref->vectors, &try->vectors, tell) || differ;
}

/* --- memory --- */

bool lockstep_next(FILE *maps, const struct mm *mm, struct lockstep_range *out)
{
    char               line[4400], mode[5];
    unsigned long long start, end;
    u64                base = (u64)mm->user.base;
    while (fgets(line, sizeof(line), maps))
        if (sscanf(line, "%llx-%llx %4s", &start, &end, mode) == 3 && start >= base &&
            start < base + USER_LIMIT && mode[0] == 'r' && mode[1] == 'w') {
            *out = (struct lockstep_range){(u8 *)start, end - start, mode[3] == 's'};
            return true;
        }
    return false;
}

enum { PAGES = 512 };

struct side {
    pid_t pid; /* 0: this process */
    int   pagemap;
    u64   map[PAGES]; /* of the pages that are looked at */
    u8    data[USER_PAGE];
};

static int open_pagemap(struct side *s, pid_t pid)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/pagemap", (int)(pid ? pid : getpid()));
    s->pid            = pid;
    return s->pagemap = open(path, O_RDONLY | O_CLOEXEC);
}

/* What is there in N pages: present or swapped out. Unknown is there. */
static void look(struct side *s, const u8 *at, u64 n)
{
    if (pread(s->pagemap, s->map, n * 8, (off_t)((u64)at / USER_PAGE * 8)) != (ssize_t)(n * 8))
        memset(s->map, 0xff, sizeof(s->map));
}

static const u8 *page_of(struct side *s, u8 *at)
{
    struct iovec to = {s->data, USER_PAGE}, from = {at, USER_PAGE};
    if (!s->pid)
        return at;
    return process_vm_readv(s->pid, &to, 1, &from, 1, 0) == USER_PAGE ? s->data : NULL;
}

static bool page_differs(struct thread *t, struct side *ref, struct side *try, u8 *at, bool tell)
{
    const u8 *a = page_of(ref, at), *b = page_of(try, at);
    if (!a || !b) {
        if (a != b && tell)
            dprintf(STDERR_FILENO, "guise-user: lockstep: a page of memory cannot be read\n");
        return a != b;
    }
    if (!memcmp(a, b, USER_PAGE))
        return false;
    u32 i = 0;
    while (a[i] == b[i])
        i++;
    if (tell)
        dprintf(STDERR_FILENO,
                "guise-user: lockstep: memory at 0x%llx is 0x%02x, translated 0x%02x\n",
                (unsigned long long)((gva)(at - t->program->mm.user.base) + i), a[i], b[i]);
    return true;
}

static bool range_differs(struct thread *t, struct side *ref, struct side *try,
                          const struct lockstep_range *r, bool tell)
{
    enum { THERE = 3 }; /* the upper two bits: swapped, present */
    for (u64 page = 0; page < r->len / USER_PAGE; page += PAGES) {
        u8 *at = r->start + page * USER_PAGE;
        u64 n  = MIN((u64)PAGES, r->len / USER_PAGE - page);
        look(ref, at, n);
        look(try, at, n);
        for (u64 i = 0; i < n; i++)
            if ((ref->map[i] | try->map[i]) >> 62 & THERE &&
                page_differs(t, ref, try, at + i * USER_PAGE, tell))
                return true;
    }
    return false;
}

static bool memory_differs(struct thread *t, pid_t ref_pid, pid_t try_pid, bool tell)
{
    struct lockstep_range     r;
    bool                      differ = false;
    FILE                     *maps   = fopen("/proc/self/maps", "re");
    cleanup_free struct side *ref = xnew(struct side), *try = xnew(struct side);
    if (!maps || open_pagemap(ref, ref_pid) < 0 || open_pagemap(try, try_pid) < 0)
        dprintf(STDERR_FILENO, "guise-user: lockstep: memory is not compared: /proc: %s\n",
                strerror(errno));
    else
        while (!differ && lockstep_next(maps, &t->program->mm, &r))
            differ = !r.shared && range_differs(t, ref, try, &r, tell);
    if (maps)
        fclose(maps);
    close(ref->pagemap);
    close(try->pagemap);
    return differ;
}

bool lockstep_differ(struct thread *t, const struct lockstep_state *ref, pid_t ref_pid,
                     const struct lockstep_state *try, pid_t try_pid, bool tell)
{
    bool differ = registers_differ(ref, try, tell);
    return memory_differs(t, ref_pid, try_pid, tell) || differ;
}
