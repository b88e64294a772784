/* container/oci/seal_start.c - the entry of guise-oci: sealed before the C library has begun.
 *
 * What runtime_seal() does, with bare system calls: the library's own start takes a tenth of a
 * millisecond, and the program that is left at once need not pay for it. Whatever is not as
 * expected is left to runtime_seal(), which asks again. No library function may be called here,
 * and nothing that needs the library's thread register. */
/* SPDX-License-Identifier: Apache-2.0 */
#if defined(__x86_64__) && defined(__linux__)
#include <fcntl.h>
#include <linux/mount.h>
#include <sys/statfs.h>
#include <sys/syscall.h>

#include "base/types.h"

void _start(void);
void seal_start(long *stack);

#define READ_ONLY 1 /* ST_RDONLY */

static long call(long number, long a, long b, long c, long d, long e)
{
    long          rc;
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8")   = e;
    __asm__ volatile("syscall"
                     : "=a"(rc)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
                     : "rcx", "r11", "memory");
    return rc;
}

static bool same(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return *a == *b;
}

/* STACK: argc, argv, NULL, environment. Comes back when there is nothing to do, or it fails. */
__attribute__((used)) void seal_start(long *stack)
{
    struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};
    struct statfs     fs;
    char            **argv  = (char **)(stack + 1);
    bool              seals = false;
    for (long i = 1; i < stack[0]; i++)
        seals |= same(argv[i], "create") || same(argv[i], "run") || same(argv[i], "exec");
    if (!seals)
        return;
    long exe = call(SYS_open, (long)"/proc/self/exe", O_PATH | O_CLOEXEC, 0, 0, 0);
    if (exe < 0)
        return;
    if (call(SYS_fstatfs, exe, (long)&fs, 0, 0, 0) == 0 && !(fs.f_flags & READ_ONLY)) {
        long copy = call(SYS_open_tree, exe, (long)"",
                         OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH, 0, 0);
        if (copy >= 0 &&
            call(SYS_mount_setattr, copy, (long)"", AT_EMPTY_PATH, (long)&attr, sizeof(attr)) == 0)
            call(SYS_execveat, copy, (long)"", (long)argv, (long)(argv + stack[0] + 1),
                 AT_EMPTY_PATH);
        if (copy >= 0)
            call(SYS_close, copy, 0, 0, 0, 0);
    }
    call(SYS_close, exe, 0, 0, 0, 0);
}

/* The stack stays as the kernel made it: _start finds everything where it expects it. */
__asm__(".globl seal_entry\n"
        ".type seal_entry, @function\n"
        "seal_entry:\n"
        "    mov %rsp, %rdi\n"
        "    mov %rsp, %rbp\n"
        "    and $-16, %rsp\n"
        "    call seal_start\n"
        "    mov %rbp, %rsp\n"
        "    xor %ebp, %ebp\n"
        "    xor %edx, %edx\n"
        "    jmp _start\n");
#endif
