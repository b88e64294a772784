/* codegen/cache.h - the memory of host code and the tables that go with it. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CODEGEN_CACHE_H
#define CODEGEN_CACHE_H

#include "codegen/codegen.h"

/* Which register a variable is in, all through a region. */
struct code_seat {
    u8 var, reg;
};

/* A region, as what leaves it needs to know it. */
struct fn_record {
    u32              from, to; /* its code */
    u32              first_site, n_sites;
    u8               n_seats;
    struct code_seat seats[32];
};

struct site_record {
    struct code_site site;
    u32              at; /* the host instruction that may fault */
    bool             help, light;
    bool             near; /* the first of several: see struct near in host.h */
    u8               align;
    i32              off, lo, hi;
};

/* A table that grows. */
#define TABLE(T)                                                                                   \
    struct {                                                                                       \
        T  *at;                                                                                    \
        u32 n, room;                                                                               \
    }

struct code_cache {
    struct code_frame frame;
    u8               *rw, *rx; /* the same memory */
    u32               size, used;
    u32               cold, cold_used; /* what is seldom run stands apart, from there on */
    u32               start;           /* behind the trampolines */
    u32               enter, leave, miss, out, out_fp, away; /* trampolines: see x64.c */
    TABLE(struct fn_record) fns;
    TABLE(struct site_record) sites;
    TABLE(struct code_link) links;
};

/* A new record at a table's end, zeroed. */
#define table_add(t)                                                                               \
    ({                                                                                             \
        if ((t)->n == (t)->room)                                                                   \
            table_grow((void **)&(t)->at, &(t)->room, sizeof(*(t)->at));                           \
        memset(&(t)->at[(t)->n], 0, sizeof(*(t)->at));                                             \
        &(t)->at[(t)->n++];                                                                        \
    })
void table_grow(void **at, u32 *room, u64 size);

/* What the trampoline `out` calls. True: go on where it was. */
bool code_called_out(struct code_cache *, u8 *state);

#endif
