# tests/conformance/sbi/start.S - entry, traps and the second hart of the S-mode payload.
# SPDX-License-Identifier: Apache-2.0
    .option norvc
    .section .text.start
    .globl _start, second_start, second_resume, spin_code
_start:
    la sp, first_stack
    la t0, trap_entry
    csrw stvec, t0
    call first_main
1:  wfi
    j 1b

# HSM's start: a0 is the hart's id, a1 what the caller gave.
second_start:
    la sp, second_stack
    la t0, trap_entry
    csrw stvec, t0
    csrr a2, satp
    csrr a3, sstatus
    call second_main
2:  wfi
    j 2b

# Where a non-retentive suspension ends.
second_resume:
    la sp, second_stack
    la t0, trap_entry
    csrw stvec, t0
    csrr a2, satp
    csrr a3, sstatus
    call second_again
3:  wfi
    j 3b

    .balign 4
trap_entry:
    addi sp, sp, -256
    .irp n, 1,5,6,7,10,11,12,13,14,15,16,17,28,29,30,31
    sd x\n, \n*8(sp)
    .endr
    csrr a0, scause
    csrr a1, sepc
    csrr a2, stval
    call on_trap
    csrw sepc, a0
    .irp n, 1,5,6,7,10,11,12,13,14,15,16,17,28,29,30,31
    ld x\n, \n*8(sp)
    .endr
    addi sp, sp, 256
    sret

# A function that others overwrite: returns 1.
    .balign 64
spin_code:
    li a0, 1
    ret

    .bss
    .balign 16
    .skip 16384
first_stack:
    .skip 16384
second_stack:
