/* device/host/packet_test.c - checksums, and TCP segments joined: what comes out, cut again and
 * its checksums computed the slow way, is what went in. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "device/host/net.h"

enum { MSS = 1460, ETHERNET = 14, TCP = 20, ACK = 16, PSH = 8, FIN = 1 };

struct frame {
    size_t len;
    u8     bytes[ETHERNET + 40 + 60 + MSS + 46];
};

static u16 slow_sum(u32 sum, const u8 *p, size_t len)
{
    for (size_t i = 0; i < len; i++)
        sum += i % 2 ? p[i] : (u32)p[i] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (u16)sum;
}

static void put16(u8 *p, unsigned v)
{
    p[0] = (u8)(v >> 8);
    p[1] = (u8)v;
}

static size_t tcp_of(bool is4)
{
    return ETHERNET + (is4 ? 20u : 40u);
}

/* The frame's lengths and checksums, LEN bytes in all. */
static void seal(u8 *f, size_t len, bool is4)
{
    u8    *ip = f + ETHERNET, *tcp = f + tcp_of(is4);
    size_t n = len - tcp_of(is4);
    u32    sum;
    if (is4) {
        put16(ip + 2, (unsigned)(len - ETHERNET));
        put16(ip + 10, 0);
        put16(ip + 10, (u16)~slow_sum(0, ip, 20));
        sum = slow_sum(6 + (u32)n, ip + 12, 8);
    } else {
        put16(ip + 4, (unsigned)n);
        sum = slow_sum(6 + (u32)n, ip + 8, 32);
    }
    put16(tcp + 16, 0);
    put16(tcp + 16, (u16)~slow_sum(sum, tcp, n));
}

static void make(struct frame *f, bool is4, u32 seq, unsigned flags, unsigned options, size_t more)
{
    u8 *ip = f->bytes + ETHERNET, *tcp = f->bytes + tcp_of(is4);
    memset(f, 0, sizeof(*f));
    memcpy(f->bytes, "\2\0\0\0\0\1\2\0\0\0\0\2", 12);
    put16(f->bytes + 12, is4 ? 0x0800 : 0x86dd);
    ip[0] = is4 ? 0x45 : 0x60;
    if (is4) {
        put16(ip + 4, seq / MSS); /* its id changes */
        ip[8] = 64, ip[9] = 6;
        memcpy(ip + 12, "\12\0\2\2\12\0\2\17", 8);
    } else {
        ip[6] = 6, ip[7] = 64, ip[8] = 0xfe, ip[23] = 2, ip[24] = 0xfe, ip[39] = 15;
    }
    put16(tcp, 80), put16(tcp + 2, 5000);
    put16(tcp + 4, seq >> 16), put16(tcp + 6, seq & 0xffff);
    tcp[12] = (u8)((TCP + options) / 4 << 4);
    tcp[13] = (u8)flags;
    put16(tcp + 14, 0x1000);
    memset(tcp + TCP, 1, options);
    for (size_t i = 0; i < more; i++)
        tcp[TCP + options + i] = (u8)(seq + i);
    f->len = tcp_of(is4) + TCP + options + more;
    seal(f->bytes, f->len, is4);
}

/* --- the other way round: what a host does with such a frame --- */

struct expected {
    struct frame *frames;
    unsigned      n, at;
};

static void expect(struct expected *e, const u8 *bytes, size_t len, bool is4)
{
    assert_true(e->at < e->n);
    struct frame *f = &e->frames[e->at++];
    u8            copy[sizeof(f->bytes)];
    assert_int_equal(len, f->len);
    memcpy(copy, bytes, len);
    if (is4) { /* the ids of the following segments are made up again */
        memcpy(copy + ETHERNET + 4, f->bytes + ETHERNET + 4, 2);
        memcpy(copy + ETHERNET + 10, f->bytes + ETHERNET + 10, 2);
    }
    assert_memory_equal(copy, f->bytes, len);
}

static void cut(struct expected *e, const struct net_join *j, bool is4)
{
    const struct net_header *h = &j->header;
    if (h->gso == NET_GSO_NONE) {
        assert_int_equal(h->flags, NET_DATA_VALID);
        expect(e, j->frame, j->len, is4);
        return;
    }
    struct net_header whole = *h;
    cleanup_free u8  *all   = xalloc(j->len);
    memcpy(all, j->frame, j->len);
    assert_int_equal(h->flags, NET_NEEDS_CSUM);
    assert_int_equal(h->gso, is4 ? NET_GSO_TCP4 : NET_GSO_TCP6);
    assert_true(net_finish_csum(&whole, all, j->len)); /* the large frame is a right one too */
    size_t data = h->header_len, tcp = h->csum_start;
    u8     sealed[2] = {all[tcp + 16], all[tcp + 17]};
    seal(all, j->len, is4);
    assert_memory_equal(all + tcp + 16, sealed, 2);
    for (size_t at = data; at < j->len; at += h->segment) {
        size_t n = MIN((size_t)h->segment, j->len - at);
        u8     f[sizeof(e->frames[0].bytes)];
        u32    seq = 0;
        for (unsigned i = 4; i < 8; i++)
            seq = seq << 8 | all[tcp + i];
        memcpy(f, j->frame, data);
        memcpy(f + data, j->frame + at, n);
        seq += (u32)(at - data);
        put16(f + tcp + 4, seq >> 16), put16(f + tcp + 6, seq & 0xffff);
        if (at + n < j->len)
            f[tcp + 13] &= (u8)~PSH;
        seal(f, data + n, is4);
        expect(e, f, data + n, is4);
    }
}

/* Feeds N frames as user-net.c does; returns how many came out. */
static unsigned run(struct frame *frames, unsigned n, unsigned abilities, bool is4)
{
    struct net_join *j   = xnew(struct net_join);
    struct expected  e   = {frames, n, 0};
    unsigned         out = 0;
    for (unsigned i = 0; i <= n; i++) {
        if (i < n && net_join_add(j, abilities, frames[i].bytes, frames[i].len))
            continue;
        if (j->segments) {
            net_join_finish(j);
            cut(&e, j, is4);
            j->segments = 0;
            out++;
        }
        if (i < n && !net_join_add(j, abilities, frames[i].bytes, frames[i].len)) {
            expect(&e, frames[i].bytes, frames[i].len, is4); /* passed on as it is */
            out++;
        } else if (i < n && i + 1 == n) {
            net_join_finish(j);
            cut(&e, j, is4);
            j->segments = 0;
            out++;
        }
    }
    assert_int_equal(e.at, n);
    free(j);
    return out;
}

enum { ALL = NET_CSUM | NET_TSO4 | NET_TSO6, MANY = 120 };

static void test_stream(void **state)
{
    cleanup_free struct frame *f = xalloc(MANY * sizeof(*f));
    (void)state;
    for (int is4 = 0; is4 < 2; is4++) {
        for (u32 i = 0; i < MANY; i++)
            make(&f[i], is4, 0xffff0000 + i * MSS, ACK, 0, MSS); /* around the end of numbers */
        /* no IP packet is larger than 65535 bytes: 44 segments each */
        assert_int_equal(run(f, MANY, ALL, is4), 3);
        assert_int_equal(run(f, MANY, is4 ? NET_TSO6 : NET_TSO4, is4), MANY);
        for (u32 i = 0; i < 10; i++)
            make(&f[i], is4, i * MSS, i == 4 ? ACK | PSH : ACK, 12, i == 9 ? 77 : MSS);
        assert_int_equal(run(f, 10, ALL, is4), 2); /* a push ends one, a short one the other */
    }
}

static void test_kept_apart(void **state)
{
    struct frame f[2];
    (void)state;
    for (int is4 = 0; is4 < 2; is4++) {
        size_t       tcp      = tcp_of(is4);
        const size_t places[] = {0, 7, tcp - 3, tcp, tcp + 2, tcp + 8, tcp + 15, tcp + 19};
        for (unsigned i = 0; i < ARRAY_SIZE(places); i++) {
            make(&f[0], is4, 0, ACK, 0, 100);
            make(&f[1], is4, 100, ACK, 0, 100);
            assert_int_equal(run(f, 2, ALL, is4), 1);
            f[1].bytes[places[i]] ^= 1; /* another station, stream, window, ... */
            seal(f[1].bytes, f[1].len, is4);
            assert_int_equal(run(f, 2, ALL, is4), 2);
        }
        make(&f[1], is4, 101, ACK, 0, 100); /* a byte is missing */
        assert_int_equal(run(f, 2, ALL, is4), 2);
        make(&f[1], is4, 100, ACK, 0, 101); /* larger than the first */
        assert_int_equal(run(f, 2, ALL, is4), 2);
        make(&f[1], is4, 100, ACK | FIN, 0, 100);
        assert_int_equal(run(f, 2, ALL, is4), 2);
        make(&f[1], is4, 100, ACK, 0, 0);
        assert_int_equal(run(f, 2, ALL, is4), 2);
        make(&f[1], is4, 100, ACK, 12, 100);
        assert_int_equal(run(f, 2, ALL, is4), 2);
        make(&f[0], is4, 0, ACK, 0, 50);
        make(&f[1], is4, 50, ACK, 0, 50);
        f[1].len += 6; /* what Ethernet pads is not payload */
        assert_true(net_join_add(&(struct net_join){0}, ALL, f[1].bytes, f[1].len));
    }
}

/* Bytes of no meaning, and frames cut short: nothing is read behind their end. */
static void test_noise(void **state)
{
    struct net_join *j = xnew(struct net_join);
    struct frame     f;
    (void)state;
    srandom(1);
    for (unsigned i = 0; i < 20000; i++) {
        make(&f, i & 1, i * 10, ACK, 4 * (i % 11), 10);
        for (unsigned k = 0; k < i % 5; k++)
            f.bytes[(unsigned)random() % f.len] = (u8)random();
        size_t           len   = (size_t)random() % (f.len + 1);
        cleanup_free u8 *exact = xalloc(len + 1);
        memcpy(exact, f.bytes, len);
        if (!net_join_add(j, ALL, exact, len) && j->segments) {
            net_join_finish(j);
            j->segments = 0;
        }
        struct net_header h = {NET_NEEDS_CSUM, 0, 0, 0, (u16)random(), (u16)random()};
        net_finish_csum(&h, exact, len);
    }
    free(j);
}

static void test_sum(void **state)
{
    u8 data[300];
    (void)state;
    srandom(2);
    for (unsigned i = 0; i < 3000; i++) {
        size_t len = (size_t)random() % sizeof(data), at = (size_t)random() % 7;
        for (size_t k = 0; k < sizeof(data); k++)
            data[k] = i % 3 ? (u8)random() : 0xff;
        len = MIN(len, sizeof(data) - at);
        assert_int_equal(net_fold(net_sum(i, data + at, len)), slow_sum(i, data + at, len));
    }
    struct net_header h = {NET_NEEDS_CSUM, 0, 0, 0, 14, 6};
    put16(data + 20, 0);
    u16 sum = (u16)~slow_sum(0, data + 14, 100);
    assert_true(net_finish_csum(&h, data, 114));
    assert_int_equal(data[20] << 8 | data[21], sum);
    h.csum_at = 99;
    assert_false(net_finish_csum(&h, data, 114)); /* half of it lies outside */
    h.csum_start = 114;
    assert_false(net_finish_csum(&h, data, 114));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_sum), cmocka_unit_test(test_stream),
                                       cmocka_unit_test(test_kept_apart),
                                       cmocka_unit_test(test_noise)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
