/* device/host/packet.c - see net.h: checksums, and TCP segments joined to one frame. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <endian.h>
#include <string.h>

#include "device/host/net.h"

enum { ETHERNET = 14, IP4 = 20, IP6 = 40, TCP = 20, PROTOCOL_TCP = 6 };
enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16, URG = 32 };
enum { SEQ = 4, TCP_OFFSET = 12, TCP_FLAGS = 13, TCP_CSUM = 16 }; /* RFC 9293, 3.1 */

static u16 get16(const u8 *p)
{
    return (u16)(p[0] << 8 | p[1]);
}

static u32 get32(const u8 *p)
{
    return (u32)get16(p) << 16 | get16(p + 2);
}

static void put16(u8 *p, u16 v)
{
    p[0] = (u8)(v >> 8);
    p[1] = (u8)v;
}

u16 net_fold(u32 sum)
{
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (u16)sum;
}

/* Four bytes at a time: the sum of words of 16 bits does not mind which order they come in, nor
 * their byte order, as long as the result is swapped like them (RFC 1071, 2). */
u32 net_sum(u32 sum, const void *data, size_t len)
{
    const u8 *p     = data;
    u64       total = 0;
    for (; len >= 4; p += 4, len -= 4) {
        u32 word;
        memcpy(&word, p, 4);
        total += word;
    }
    u8 rest[4] = {0};
    memcpy(rest, p, len);
    u32 word;
    memcpy(&word, rest, 4);
    total += word;
    total = (total & 0xffffffff) + (total >> 32);
    total = (total & 0xffffffff) + (total >> 32);
    return sum + be16toh(net_fold((u32)(total >> 16) + (u32)(total & 0xffff)));
}

bool net_finish_csum(const struct net_header *h, u8 *frame, size_t len)
{
    if (!(h->flags & NET_NEEDS_CSUM))
        return true;
    size_t at = (size_t)h->csum_start + h->csum_at;
    if (h->csum_start >= len || at + 2 > len)
        return false;
    u16 sum = (u16)~net_fold(net_sum(0, frame + h->csum_start, len - h->csum_start));
    put16(frame + at, sum ? sum : 0xffff); /* 0 would mean "none" to UDP; the same to all others */
    return true;
}

/* --- joining --- */

/* The place of the TCP header of a segment with payload that may be joined; 0: none. */
static size_t tcp_at(const u8 *f, size_t len, unsigned abilities, size_t *end)
{
    if (len < ETHERNET + IP4 + TCP)
        return 0;
    const u8 *ip = f + ETHERNET;
    size_t    at = 0;
    if (get16(f + 12) == 0x0800 && ip[0] == 0x45 && ip[9] == PROTOCOL_TCP &&
        !(get16(ip + 6) & 0x3fff) && abilities & NET_TSO4) { /* no options, not a fragment */
        at   = ETHERNET + IP4;
        *end = ETHERNET + (size_t)get16(ip + 2);
    } else if (get16(f + 12) == 0x86dd && ip[6] == PROTOCOL_TCP && abilities & NET_TSO6) {
        at   = ETHERNET + IP6;
        *end = at + get16(ip + 4);
    }
    if (!at || *end > len || *end < at + TCP)
        return 0;
    size_t data = at + 4u * (f[at + TCP_OFFSET] >> 4);
    u8     odd  = f[at + TCP_FLAGS] & (FIN | SYN | RST | URG | ACK);
    return odd == ACK && data >= at + TCP && data < *end ? at : 0;
}

static size_t payload_at(const u8 *f, size_t tcp)
{
    return tcp + 4u * (f[tcp + TCP_OFFSET] >> 4);
}

/* Are A and B alike but for what changes from segment to segment? */
static bool alike(const u8 *a, const u8 *b, size_t tcp)
{
    bool   is4  = tcp == ETHERNET + IP4;
    size_t ip   = ETHERNET;
    size_t data = payload_at(a, tcp);
    bool   same = is4 ? !memcmp(a, b, ip + 2) && !memcmp(a + ip + 6, b + ip + 6, 4) &&
                          !memcmp(a + ip + 12, b + ip + 12, 8)
                      : !memcmp(a, b, ip + 4) && !memcmp(a + ip + 6, b + ip + 6, IP6 - 6);
    return same && payload_at(b, tcp) == data && !memcmp(a + tcp, b + tcp, SEQ) &&
           !memcmp(a + tcp + 8, b + tcp + 8, 5) && /* what is acknowledged, and the offset */
           !((a[tcp + TCP_FLAGS] ^ b[tcp + TCP_FLAGS]) & ~PSH) &&
           !memcmp(a + tcp + 14, b + tcp + 14, 2) && !memcmp(a + tcp + 18, b + tcp + 18, 2) &&
           !memcmp(a + tcp + TCP, b + tcp + TCP, data - tcp - TCP);
}

static void begin(struct net_join *j, const u8 *frame, size_t len, size_t tcp)
{
    size_t data = payload_at(frame, tcp);
    j->header   = (struct net_header){.gso = tcp == ETHERNET + IP4 ? NET_GSO_TCP4 : NET_GSO_TCP6,
                                      .header_len = (u16)data,
                                      .segment    = (u16)(len - data),
                                      .csum_start = (u16)tcp,
                                      .csum_at    = TCP_CSUM};
    j->segments = 1;
    j->ended    = frame[tcp + TCP_FLAGS] & PSH;
    j->next_seq = get32(frame + tcp + SEQ) + (u32)(len - data);
    j->len      = len;
    memcpy(j->frame, frame, len);
}

bool net_join_add(struct net_join *j, unsigned abilities, const u8 *frame, size_t len)
{
    size_t end, tcp = tcp_at(frame, len, abilities, &end);
    if (!j->segments) {
        if (tcp)
            begin(j, frame, end, tcp);
        return tcp != 0;
    }
    if (!tcp || j->ended || tcp != j->header.csum_start || !alike(j->frame, frame, tcp))
        return false;
    size_t data = payload_at(frame, tcp), more = end - data;
    if (get32(frame + tcp + SEQ) != j->next_seq || more > j->header.segment ||
        j->len + more > ETHERNET + 65535)
        return false;
    memcpy(j->frame + j->len, frame + data, more);
    j->len += more;
    j->next_seq += (u32)more;
    j->segments++;
    j->frame[tcp + TCP_FLAGS] |= frame[tcp + TCP_FLAGS] & PSH;
    j->ended = more < j->header.segment || frame[tcp + TCP_FLAGS] & PSH;
    return true;
}

/* The lengths, the checksum of the IP header, and of TCP's the part that stands for addresses and
 * length: the rest is left to the receiver. */
void net_join_finish(struct net_join *j)
{
    size_t tcp = j->header.csum_start, len = j->len - tcp;
    u8    *ip = j->frame + ETHERNET;
    if (j->segments == 1) {
        j->header = (struct net_header){.flags = NET_DATA_VALID};
        return;
    }
    u32 pseudo = PROTOCOL_TCP + (u32)len;
    if (j->header.gso == NET_GSO_TCP4) {
        put16(ip + 2, (u16)(IP4 + len));
        put16(ip + 10, 0);
        put16(ip + 10, (u16)~net_fold(net_sum(0, ip, IP4)));
        pseudo = net_sum(pseudo, ip + 12, 8);
    } else {
        put16(ip + 4, (u16)len);
        pseudo = net_sum(pseudo, ip + 8, 32);
    }
    put16(j->frame + tcp + TCP_CSUM, net_fold(pseudo));
    j->header.flags = NET_NEEDS_CSUM;
}
