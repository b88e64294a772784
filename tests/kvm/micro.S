/* tests/kvm/micro.S - where a micro-guest begins: by PVH, in protected mode; and a trampoline for
 * other CPUs. Both end in long mode, in C (micro.c). SPDX-License-Identifier: Apache-2.0 */
    .section .note.pvh, "a", @note
    .long 4, 4, 18
    .asciz "Xen"
    .long start

    .section .text.start, "ax"
    .code32
    .globl start
start:
    mov $stack_top, %esp
    mov %ebx, %esi                  # struct hvm_start_info
    call enable_long
    lgdt gdt_pointer
    ljmp $8, $1f
    .code64
1:  xor %eax, %eax
    mov %eax, %ss
    mov %esi, %edi
    call guest_main
2:  hlt
    jmp 2b

    .code32
enable_long:                        # identity-mapped: 4 GiB in large pages
    mov $tables, %edi
    lea 0x1003(%edi), %eax
    mov %eax, (%edi)
    mov $4, %ecx
    lea 0x2003(%edi), %eax
    lea 0x1000(%edi), %edx
1:  mov %eax, (%edx)
    add $0x1000, %eax
    add $8, %edx
    dec %ecx
    jnz 1b
    mov $2048, %ecx
    mov $0x83, %eax
    lea 0x2000(%edi), %edx
2:  mov %eax, (%edx)
    add $0x200000, %eax
    add $8, %edx
    dec %ecx
    jnz 2b
enable_paging:
    mov %cr4, %eax
    or $0x20, %eax
    mov %eax, %cr4
    mov $tables, %eax
    mov %eax, %cr3
    mov $0xc0000080, %ecx
    rdmsr
    or $0x100, %eax
    wrmsr
    mov %cr0, %eax
    or $0x80000001, %eax
    mov %eax, %cr0
    ret

    .globl trampoline, trampoline_end
    .code16
trampoline:                         # copied to 0x8000: what a SIPI with vector 8 starts
    cli
    xor %ax, %ax
    mov %ax, %ds
    lgdtl 0x8000 + (low_pointer - trampoline)
    mov %cr0, %eax
    or $1, %eax
    mov %eax, %cr0
    ljmpl $16, $(0x8000 + (1f - trampoline))
    .code32
1:  mov $24, %ax
    mov %ax, %ds
    mov %ax, %ss
    mov $ap_stack_top, %esp
    mov $enable_paging, %eax
    call *%eax
    ljmp $8, $2f
    .balign 4
low_pointer:
    .word 31
    .long gdt
trampoline_end:
    .code64
2:  mov $ap_main, %rax
    call *%rax
3:  hlt
    jmp 3b

    .macro vector name, handler
    .globl \name
\name:
    push %rax; push %rcx; push %rdx; push %rsi; push %rdi; push %r8; push %r9; push %r10; push %r11
    call \handler
    pop %r11; pop %r10; pop %r9; pop %r8; pop %rdi; pop %rsi; pop %rdx; pop %rcx; pop %rax
    iretq
    .endm
    vector timer_vector, on_timer
    vector serial_vector, on_serial
    vector virtio_vector, on_virtio

    .data
    .balign 16
gdt: .quad 0, 0x00af9b000000ffff, 0x00cf9b000000ffff, 0x00cf93000000ffff
gdt_pointer: .word 31; .long gdt

    .bss
    .balign 4096
tables: .skip 0x6000
stack: .skip 0x4000
stack_top:
    .skip 0x1000
ap_stack_top:
    .section .note.GNU-stack, "", @progbits
