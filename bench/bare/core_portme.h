/* bench/bare/core_portme.h - what CoreMark asks of a port, for a machine with nothing on it:
 * one context, memory on the stack, no clock, no printing. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_PORTME_H
#define CORE_PORTME_H

#include <stddef.h>
#include <stdint.h>

#define HAS_FLOAT         0
#define HAS_TIME_H        0
#define USE_CLOCK         0
#define HAS_STDIO         0
#define HAS_PRINTF        0
#define COMPILER_VERSION  __VERSION__
#define COMPILER_FLAGS    "-O2"
#define MEM_LOCATION      "STACK"
#define SEED_METHOD       SEED_VOLATILE
#define MEM_METHOD        MEM_STACK
#define MULTITHREAD       1
#define USE_PTHREAD       0
#define USE_FORK          0
#define USE_SOCKET        0
#define MAIN_HAS_NOARGC   1
#define MAIN_HAS_NORETURN 0

typedef int16_t   ee_s16;
typedef uint16_t  ee_u16;
typedef int32_t   ee_s32;
typedef uint8_t   ee_u8;
typedef uint32_t  ee_u32;
typedef uintptr_t ee_ptr_int;
typedef size_t    ee_size_t;
typedef uint32_t  CORE_TICKS;
#define CORETIMETYPE ee_u32
#define align_mem(x) ((void *)(((ee_ptr_int)(x) + 3) & ~(ee_ptr_int)3))

typedef struct {
    ee_u8 nothing;
} core_portable;

extern ee_u32 default_num_contexts;
void          portable_init(core_portable *, int *argc, char *argv[]);
void          portable_fini(core_portable *);
int           ee_printf(const char *format, ...);

#endif
