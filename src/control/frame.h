/* control/frame.h - the byte stream of an attached client: frames, each with type and length.
 * docs/protocol.md tells it to others. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_FRAME_H
#define CONTROL_FRAME_H

#include <endian.h>
#include <string.h>

#include "base/types.h"

#define FRAME_HEAD 8u
#define FRAME_MAX  16384u /* bytes behind the head */

enum frame_type {
    FRAME_OUTPUT = 1, /* machine to client: what it printed */
    FRAME_INPUT  = 2, /* client to machine: what was typed */
    FRAME_RESIZE = 3, /* client to machine: columns, rows, two bytes each, little endian */
    FRAME_LOST   = 4, /* machine to client: so many bytes of output were lost, eight bytes */
    FRAME_STATS  = 5, /* machine to client: its numbers at the end, JSON; one or more pieces */
    FRAME_EXIT   = 6, /* machine to client, the last one: JSON with status and why */
};

static inline void frame_head(u8 head[FRAME_HEAD], enum frame_type type, u32 len)
{
    u32 le = htole32(len);
    memset(head, 0, FRAME_HEAD);
    head[0] = (u8)type;
    memcpy(head + 4, &le, 4);
}

static inline u32 frame_len(const u8 head[FRAME_HEAD])
{
    u32 le;
    memcpy(&le, head + 4, 4);
    return le32toh(le);
}

#endif
