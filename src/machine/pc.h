/* machine/pc.h - the board `pc`, shared by the files that make it: its map and its state.
 *
 * An x86-64 computer without a past: serial port, clock chip, reset, and virtio-mmio slots,
 * described by ACPI as a hardware-reduced platform (ACPI 6.4, 4.1): no PM timer, no fixed
 * events, no interrupt of its own, so that a kernel that boots asks for none of them. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MACHINE_PC_H
#define MACHINE_PC_H

#include "device/finisher.h"
#include "kvm/kvm.h"
#include "machine/state.h"

/* Memory below 1 MiB. */
enum {
    PC_GDT          = 0x500,  /* KVM_GDT */
    PC_START_INFO   = 0x6000, /* PVH: struct hvm_start_info, modules, memory map */
    PC_SEED         = 0x6800, /* for Linux, struct setup_data */
    PC_ZERO_PAGE    = 0x7000, /* Linux's boot_params */
    PC_STACK        = 0x8ff0,
    PC_TABLES       = 0x9000, /* page tables */
    PC_CMDLINE      = 0x20000,
    PC_CMDLINE_MAX  = 0x10000,
    PC_LOW_END      = 0x9fc00, /* behind it is what firmware would have */
    PC_ACPI         = 0xe0000,
    PC_ACPI_BYTES   = 0x10000,
    PC_RESET_VECTOR = 0xffff0,
    PC_HIGH         = 0x100000
};

/* Above: RAM up to the gap, devices, RAM again from 4 GiB on. */
#define PC_GAP       0xc0000000ull
#define PC_GAP_END   0x100000000ull
#define PC_SLOT_BASE 0xd0000000ull
#define PC_IOAPIC    0xfec00000ull
#define PC_LAPIC     0xfee00000ull

enum { PC_SLOTS = 16, PC_SLOT_GSI = 8 };

/* Ports. */
enum {
    PC_CMOS     = 0x70,
    PC_I8042    = 0x60,
    PC_COM1     = 0x3f8,
    PC_COM1_GSI = 4,
    PC_POWER    = 0x600,
    PC_EXIT     = 0xf4
};

/* --bare: how a flat binary begins, where it lies. */
struct pc_bare {
    enum kvm_mode mode;
    gpa           at, entry;
};

struct pc {
    struct bus         *ports;
    struct kvm_vm      *vm;
    struct bells       *bells;
    enum kvm_mode       mode; /* how CPU 0 begins, and where */
    u64                 pc, rbx, rsi;
    bool                linux_kernel, booted, measured;
    struct finisher_ops ends;
};

/* pc_kernel.c: an x86 kernel as a file whose bytes can be mapped. */
struct pc_kernel {
    int fd;           /* an ELF file */
    u8  setup[0x100]; /* of a bzImage: its setup header, from 0x1f1 on; zeroes: none */
};
int  pc_kernel_open(struct pc_kernel *, const char *path, struct err *err);
void pc_kernel_close(struct pc_kernel *);

/* pc_boot.c */
int pc_boot(struct machine *, struct err *err);
int pc_bare_parse(struct pc_bare *out, const char *text, struct err *err); /* NULL: zeroes */

/* pc_acpi.c */
int pc_acpi_write(struct machine *, struct err *err);

/* pc_bells.c: eventfds behind the virtio slots' doorbells, served on the loop thread */
struct bells *bells_create(struct machine *);
int           bells_add(struct bells *, struct virtio *, u64 slot, struct err *err);
void          bells_hear(struct bells *);    /* what has rung and was not yet served */
void          bells_destroy(struct bells *); /* NULL is fine */

#endif
