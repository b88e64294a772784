# tests/conformance/rv64/start.S - entry, traps and changes of mode for the bare-metal tests.
# SPDX-License-Identifier: Apache-2.0
    .option norvc
    .section .text.start
    .globl _start, trap_entry, s_entry, call_in, to_finisher
_start:
    csrr t0, mhartid
    la sp, stacks
    addi t1, t0, 1
    slli t1, t1, 14
    add sp, sp, t1          # 16 KiB each: the upper half of it for traps
    li t2, 8192
    sub t2, sp, t2
    csrw mscratch, sp
    mv sp, t2
    la t1, trap_entry
    csrw mtvec, t1
    mv a0, t0
    bnez t0, 1f
    call test_main
1:  mv a0, t0
    call second_main
2:  wfi
    j 2b

# M mode: all registers into a frame, and on_trap decides.
    .balign 4
trap_entry:
    csrrw sp, mscratch, sp
    addi sp, sp, -256
    .irp n, 1,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    sd x\n, \n*8(sp)
    .endr
    csrr t0, mscratch
    sd t0, 16(sp)
    mv a0, sp
    call on_trap
    addi t0, sp, 256
    csrw mscratch, t0
    .irp n, 1,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    ld x\n, \n*8(sp)
    .endr
    ld sp, 16(sp)
    mret

# S mode: cause, pc and value are noted, and the instruction of four bytes is passed by.
    .balign 4
s_entry:
    csrw sscratch, t0
    la t0, s_trap
    sd t1, 32(t0)
    csrr t1, scause
    sd t1, 0(t0)
    csrr t1, stval
    sd t1, 16(t0)
    ld t1, 24(t0)
    addi t1, t1, 1
    sd t1, 24(t0)
    csrr t1, sepc
    sd t1, 8(t0)
    addi t1, t1, 4
    csrw sepc, t1
    ld t1, 32(t0)
    csrr t0, sscratch
    sret

# call_in(mode, function): runs it in that mode; its return is an ecall, by which on_trap comes
# back here.
call_in:
    la t0, caller
    sd ra, 0(t0)
    sd sp, 8(t0)
    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11
    sd s\n, 16+\n*8(t0)
    .endr
    li t1, 3 << 11
    csrc mstatus, t1
    slli t1, a0, 11
    csrs mstatus, t1
    csrw mepc, a1
    la ra, 1f
    mret
1:  ecall
    j 1b

    .bss
    .balign 16
stacks:
    .skip 8 * 16384
