# bench/bare/start.S - into main() without an operating system; its result goes to tohost.
# SPDX-License-Identifier: Apache-2.0
    .section .text.start
    .globl _start
_start:
    csrr t0, mhartid
1:  bnez t0, 1b
    li t0, 1 << 13          # mstatus.FS: a compiler may use floating-point registers
    csrs mstatus, t0
    la sp, stack_top
    li a0, 0
    call main
    call bare_result
    slli a0, a0, 1
    ori a0, a0, 1
#ifdef TOHOST               /* a device there; without: a word that the host finds by its name */
    li t0, TOHOST
#else
    la t0, tohost
#endif
    srli t1, a0, 32
    sw a0, 0(t0)
    sw t1, 4(t0)
2:  j 2b

    .section .tohost, "aw"
    .balign 64
    .globl tohost, fromhost
tohost:
    .dword 0
    .balign 64
fromhost:
    .dword 0

    .bss
    .balign 16
    .skip 65536
stack_top:
