/* tests/diff/protocol.h - what the generator asks an executor, and what that answers.
 *
 * An executor reads cases from its standard input and writes one reply for each to its standard
 * output. It runs a few instructions in U mode at DIFF_CODE, where the rest of the page is
 * full of c.ebreak, and tells how that ended. Little endian, no padding. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DIFF_PROTOCOL_H
#define DIFF_PROTOCOL_H

#include <stdint.h>

#define DIFF_CODE 0x60000000ull /* a page of code; the pages around it are not there */
#define DIFF_DATA 0x50000000ull /* a page of data, likewise; the cases set its first bytes */
enum { DIFF_PAGE = 4096, DIFF_BYTES = 128, DIFF_ENTRY = 64 /* words start here in the page */ };
enum { DIFF_WORDS = 24 };
#define DIFF_EBREAK 0x9002u /* c.ebreak */

enum { DIFF_VLENB = 32 }; /* at most */

/* With vectors, so much of the data's end is zero before a case: what is stored of an element that
 * lies across the end is not for sure. */
enum { DIFF_EDGE = 256 };

struct diff_vectors {
    uint64_t vstart, vl, vtype, vcsr;
    uint64_t vlenb; /* bytes of a register: both executors were started so */
    uint8_t  v[32 * DIFF_VLENB];
};

struct diff_case {
    uint32_t word[DIFF_WORDS]; /* 16-bit ones have zeroes above; 0: no more, but the first may be */
    uint32_t fcsr;
    uint32_t vectors; /* those below are set, and answered; else the reply has zeroes */
    uint64_t x[32], f[32];
    uint8_t  data[DIFF_BYTES];

    struct diff_vectors vec;
};

/* How it ended, by the numbers of signals: each case ends with one of these. */
enum { DIFF_ILLEGAL = 4, DIFF_TRAP = 5, DIFF_BUS = 7, DIFF_SEGV = 11 };

struct diff_reply {
    uint32_t status, fcsr;
    uint64_t pc, address; /* address: what could not be reached; 0 unless BUS or SEGV */
    uint64_t x[32], f[32];
    uint8_t  data[DIFF_BYTES];

    struct diff_vectors vec;
};

#endif
