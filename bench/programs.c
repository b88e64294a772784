/* bench/programs.c - small programs of different costs, each with a fixed amount of work and a
 * checksum that must be the same everywhere: programs NAME [TIMES]. Built alike for each machine.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

typedef uint8_t  u8;
typedef uint32_t u32;
typedef uint64_t u64;

static u64 seed = 88172645463325252u;
static u64 rnd(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    return seed ^= seed << 17;
}

/* FIPS 180-4. The constants are the fractions of the first primes' cube roots. */
static u32 k256[64];
static u32 ror(u32 x, unsigned n)
{
    return x >> n | x << (32 - n);
}

static void sha_constants(void)
{
    for (unsigned n = 0, p = 2; n < 64; p++) {
        unsigned d = 2;
        while (d * d <= p && p % d)
            d++;
        if (d * d > p)
            k256[n++] = (u32)(u64)fmod(cbrt((double)p) * 4294967296.0, 4294967296.0);
    }
}

static void sha_block(u32 s[8], const u8 *p)
{
    u32 w[64], v[8];
    for (unsigned i = 0; i < 16; i++)
        w[i] = (u32)p[4 * i] << 24 | p[4 * i + 1] << 16 | p[4 * i + 2] << 8 | p[4 * i + 3];
    for (unsigned i = 16; i < 64; i++)
        w[i] = w[i - 16] + w[i - 7] + (ror(w[i - 15], 7) ^ ror(w[i - 15], 18) ^ w[i - 15] >> 3) +
               (ror(w[i - 2], 17) ^ ror(w[i - 2], 19) ^ w[i - 2] >> 10);
    memcpy(v, s, sizeof(v));
    for (unsigned i = 0; i < 64; i++) {
        u32 t = v[7] + (ror(v[4], 6) ^ ror(v[4], 11) ^ ror(v[4], 25)) +
                ((v[4] & v[5]) ^ (~v[4] & v[6])) + k256[i] + w[i];
        u32 m = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);
        u32 u = (ror(v[0], 2) ^ ror(v[0], 13) ^ ror(v[0], 22)) + m;
        memmove(v + 1, v, 7 * sizeof(*v));
        v[4] += t;
        v[0] = t + u;
    }
    for (unsigned i = 0; i < 8; i++)
        s[i] += v[i];
}

static u64 sha256(u64 times)
{
    u32 s[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    u8  block[64];
    for (unsigned i = 0; i < 64; i++)
        block[i] = (u8)rnd();
    sha_constants();
    for (u64 i = 0; i < times; i++)
        sha_block(s, block);
    return s[0] ^ s[7];
}

/* Rounds of a cipher by tables, as AES is often done. */
static u64 aes(u64 times)
{
    static u32 t[4][256];
    u32        s[4] = {1, 2, 3, 4};
    for (unsigned i = 0; i < 4; i++)
        for (unsigned j = 0; j < 256; j++)
            t[i][j] = (u32)rnd();
    for (u64 n = 0; n < times; n++) {
        u32 a =
            t[0][s[0] & 255] ^ t[1][s[1] >> 8 & 255] ^ t[2][s[2] >> 16 & 255] ^ t[3][s[3] >> 24];
        u32 b =
            t[0][s[1] & 255] ^ t[1][s[2] >> 8 & 255] ^ t[2][s[3] >> 16 & 255] ^ t[3][s[0] >> 24];
        u32 c =
            t[0][s[2] & 255] ^ t[1][s[3] >> 8 & 255] ^ t[2][s[0] >> 16 & 255] ^ t[3][s[1] >> 24];
        u32 d =
            t[0][s[3] & 255] ^ t[1][s[0] >> 8 & 255] ^ t[2][s[1] >> 16 & 255] ^ t[3][s[2] >> 24];
        s[0] = a + (u32)n, s[1] = b, s[2] = c, s[3] = d;
    }
    return s[0] ^ s[1] ^ s[2] ^ s[3];
}

static u64 as_bits(double d)
{
    u64 v;
    memcpy(&v, &d, 8);
    return v;
}

static u64 nbody(u64 times)
{
    double p[5][3], v[5][3], m[5];
    for (unsigned i = 0; i < 5; i++) {
        m[i] = 1.0 / (1 + i);
        for (unsigned k = 0; k < 3; k++)
            p[i][k] = i * 1.5 + k * 0.7 + 1, v[i][k] = 0.01 * (i + k);
    }
    for (u64 n = 0; n < times; n++) {
        for (unsigned i = 0; i < 5; i++)
            for (unsigned j = i + 1; j < 5; j++) {
                double dx = p[i][0] - p[j][0], dy = p[i][1] - p[j][1], dz = p[i][2] - p[j][2];
                double d2 = dx * dx + dy * dy + dz * dz, mag = 0.001 / (d2 * sqrt(d2));
                v[i][0] -= dx * m[j] * mag, v[i][1] -= dy * m[j] * mag, v[i][2] -= dz * m[j] * mag;
                v[j][0] += dx * m[i] * mag, v[j][1] += dy * m[i] * mag, v[j][2] += dz * m[i] * mag;
            }
        for (unsigned i = 0; i < 5; i++)
            for (unsigned k = 0; k < 3; k++)
                p[i][k] += 0.001 * v[i][k];
    }
    return as_bits(p[0][0]);
}

static u64 mandelbrot(u64 times)
{
    u64 sum = 0;
    for (u64 y = 0; y < times; y++)
        for (unsigned x = 0; x < 400; x++) {
            double   cr = x / 200.0 - 1.5, ci = (double)(y % 400) / 200.0 - 1.0, zr = 0, zi = 0;
            unsigned i = 0;
            for (; i < 50 && zr * zr + zi * zi < 4; i++) {
                double t = zr * zr - zi * zi + cr;
                zi       = 2 * zr * zi + ci;
                zr       = t;
            }
            sum += i;
        }
    return sum;
}

static u64 linpack(u64 times)
{
    enum { N = 100 };
    static double a[N][N];
    double        sum = 0;
    while (times--) {
        for (unsigned i = 0; i < N; i++)
            for (unsigned j = 0; j < N; j++)
                a[i][j] = (double)(rnd() >> 40) / 16777216.0 + (i == j) * N;
        for (unsigned k = 0; k < N; k++)
            for (unsigned i = k + 1; i < N; i++) {
                double f = a[i][k] / a[k][k];
                for (unsigned j = k; j < N; j++)
                    a[i][j] -= f * a[k][j];
            }
        sum += a[N - 1][N - 1];
    }
    return as_bits(sum);
}

/* Singles: a filter. */
static u64 filter(u64 times)
{
    static float                x[1024], y[1024];
    static const volatile float factors[8] = {0.02f, 0.03f, 0.05f, 0.08f,
                                              0.13f, 0.1f,  0.04f, 0.01f};
    float                       c[8];
    float                       sum = 0;
    for (unsigned k = 0; k < 8; k++)
        c[k] = factors[k];
    for (unsigned i = 0; i < 1024; i++)
        x[i] = (float)(rnd() >> 40) / 16777216.0f;
    while (times--) {
        for (unsigned i = 8; i < 1024; i++) {
            float s = 0;
            for (unsigned k = 0; k < 8; k++)
                s += x[i - k] * c[k];
            y[i] = s * 0.5f + y[i - 1] * 0.25f;
        }
        sum += y[1023];
        x[times % 1024] = y[(times + 7) % 1024];
    }
    return (u64)(sum * 1000.0f);
}

static u64 chase(u64 times)
{
    enum { N = 1 << 16 };
    static u32 next[N];
    u32        at = 0;
    for (u32 i = 0; i < N; i++)
        next[i] = i;
    for (u32 i = N - 1; i > 0; i--) {
        u32 j = (u32)(rnd() % i), t = next[i];
        next[i] = next[j];
        next[j] = t;
    }
    while (times--)
        at = next[at];
    return at;
}

static __attribute__((noinline)) u64 fibonacci(u64 n)
{
    return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}

static u64 fib(u64 times)
{
    u64 sum = 0;
    while (times--)
        sum += fibonacci(25);
    return sum;
}

static __attribute__((noinline)) u64 plus(u64 a)
{
    return a + 3;
}
static __attribute__((noinline)) u64 twist(u64 a)
{
    return a * 5 ^ a >> 7;
}
static __attribute__((noinline)) u64 minus(u64 a)
{
    return a - 11;
}

static u64 calls(u64 times)
{
    static u64 (*volatile const table[])(u64) = {plus, twist, minus, plus};
    u64 a                                     = 1;
    for (u64 i = 0; i < times; i++)
        a = table[(a ^ i) & 3](a);
    return a;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static u64 strsort(u64 times)
{
    enum { N = 5000 };
    static char  text[N][16];
    static char *at[N];
    u64          sum = 0;
    while (times--) {
        for (unsigned i = 0; i < N; i++) {
            snprintf(text[i], sizeof(text[i]), "%lx", (unsigned long)(rnd() >> 8));
            at[i] = text[i];
        }
        qsort(at, N, sizeof(*at), by_text);
        sum += (u64)at[N / 2][0] + (u64)at[10][1];
    }
    return sum;
}

static u64 memops(u64 times)
{
    static u8 a[1 << 16], b[1 << 16];
    u64       sum = 0;
    for (u64 i = 0; i < times; i++) {
        size_t n = 100 + i * 37 % 60000;
        memset(a, (int)i, n);
        memcpy(b + i % 100, a, n);
        sum += b[n / 2] + (memcmp(a, b, n) != 0);
    }
    return sum;
}

static u64 syscalls(u64 times)
{
    u64 n = 0;
    for (u64 i = 0; i < times; i++)
        n += syscall(SYS_getppid) > 0;
    return n;
}

/* An interpreter of a little byte code, in a loop. */
static u64 bytecode(u64 times)
{
    enum { PUSH, ADD, SUB, JNZ, DUP, DROP, SWAP, HALT };
    static const u8 code[] = {PUSH, 0, PUSH, 100, SWAP, PUSH, 3,    ADD, SWAP,
                              PUSH, 1, SUB,  DUP, JNZ,  4,    DROP, HALT};
    u64             sum    = 0;
    while (times--) {
        u64      stack[16];
        unsigned sp = 0, pc = 0;
        for (;;) {
            switch (code[pc++]) {
            case PUSH:
                stack[sp++] = code[pc++];
                break;
            case ADD:
                sp--;
                stack[sp - 1] += stack[sp];
                break;
            case SUB:
                sp--;
                stack[sp - 1] -= stack[sp];
                break;
            case JNZ:
                pc = stack[--sp] ? code[pc] : pc + 1u;
                break;
            case DUP:
                stack[sp] = stack[sp - 1];
                sp++;
                break;
            case DROP:
                sp--;
                break;
            case SWAP: {
                u64 t         = stack[sp - 1];
                stack[sp - 1] = stack[sp - 2];
                stack[sp - 2] = t;
                break;
            }
            case HALT:
                sum += stack[sp - 1];
                goto next;
            }
        }
    next:;
    }
    return sum;
}

static const struct {
    const char *name;
    u64 (*run)(u64);
    u64 times;
} programs[] = {
    {"sha256", sha256, 600000},       {"aes", aes, 40000000},    {"nbody", nbody, 2000000},
    {"mandelbrot", mandelbrot, 4000}, {"linpack", linpack, 900}, {"filter", filter, 20000},
    {"chase", chase, 60000000},       {"fib", fib, 1200},        {"calls", calls, 120000000},
    {"strsort", strsort, 250},        {"memops", memops, 60000}, {"syscalls", syscalls, 2000000},
    {"bytecode", bytecode, 300000},
};

int main(int argc, char **argv)
{
    for (unsigned i = 0; argc > 1 && i < sizeof(programs) / sizeof(*programs); i++)
        if (!strcmp(argv[1], programs[i].name)) {
            u64 times = argc > 2 ? strtoull(argv[2], NULL, 0) : programs[i].times;
            printf("%s %016lx\n", argv[1], (unsigned long)programs[i].run(times));
            return 0;
        }
    for (unsigned i = 0; i < sizeof(programs) / sizeof(*programs); i++)
        printf("%s ", programs[i].name);
    printf("\n");
    return argc > 1;
}
