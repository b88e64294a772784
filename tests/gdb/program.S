# A program to look at with a debugger: two harts; the first writes to `word`, the second waits.
# SPDX-License-Identifier: Apache-2.0
    .globl _start, double, word, first, again
_start:
    csrr t0, mhartid
    bnez t0, second
    li t0, 0x2000           # the floating-point unit on
    csrs mstatus, t0
first:
    li a0, 21
    call double
again:
    la t1, word
    sd a0, 0(t1)
    li a1, 5
    fmv.d.x fa0, zero
    j first
double:
    slli a0, a0, 1
    ret
second:
    la t1, counter
1:  ld t2, 0(t1)
    addi t2, t2, 1
    sd t2, 0(t1)
    j 1b

    .data
    .balign 8
word:
    .dword 0x1122334455667788
counter:
    .dword 0
