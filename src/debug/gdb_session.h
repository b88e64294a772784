/* debug/gdb_session.h - the conversation with one debugger, apart from any socket.
 *
 * Bytes go in, packets come out through SEND. Whatever comes in, nothing is read beyond it, and
 * no packet grows beyond GDB_PACKET. For gdb.c, the tests and the fuzzer. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEBUG_GDB_SESSION_H
#define DEBUG_GDB_SESSION_H

#include "debug/gdb.h"

enum { GDB_PACKET = 4096 }; /* bytes between $ and #, in both directions */

typedef void gdb_send(void *ctx, const void *data, size_t len);

struct gdb_session {
    const struct gdb_target *target;
    void                    *ctx;
    gdb_send                *send;
    void                    *send_ctx;
    bool                     no_ack, running, gone, killed; /* gone: it is over */
    unsigned                 cpu;                           /* that registers and memory are of */
    unsigned                 step_cpu;                      /* for s and c without a thread */

    struct gdb_point points[GDB_POINTS_MAX];
    unsigned         n_points;

    /* Stops that came while another was told; told when the debugger wants to go on. */
    struct gdb_stop pending[GDB_CPUS_MAX];
    bool            is_pending[GDB_CPUS_MAX];
    struct gdb_stop last;

    /* The packet that is being received. */
    enum { BETWEEN, INSIDE, CHECK_1, CHECK_2 } at;
    char   in[GDB_PACKET + 1];
    size_t in_len;
    bool   too_long;
    u8     sum, told_sum;
    char   out[GDB_PACKET + 8]; /* $, packet, #, sum */
    size_t out_len;
};

/* The debugger is there and the cpus stand still. */
void session_begin(struct gdb_session *, const struct gdb_target *, void *ctx, gdb_send *,
                   void *send_ctx);
void session_input(struct gdb_session *, const void *data, size_t len);
void session_stopped(struct gdb_session *, const struct gdb_stop *); /* the cpu stands still */
void session_end(struct gdb_session *); /* takes its points away; lets the cpus go if they stand */

/* gdb_xml.c: the target description's part from OFFSET, at most ROOM bytes; how many. */
size_t gdb_xml_read(const char *annex, size_t offset, char *out, size_t room, bool *more);
bool   gdb_xml_known(const char *annex);
/* The register's size in bytes; 0: there is none of this number. */
unsigned gdb_register_size(unsigned reg);

#endif
