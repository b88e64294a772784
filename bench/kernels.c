/* bench/kernels.c - small programs of different costs, each timed by itself: "NAME SECONDS".
 * Built at -O2 for the guest and for the host. SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { N = 4096 };
static volatile uint64_t sink;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint64_t next(uint64_t *s)
{
    *s ^= *s << 13;
    *s ^= *s >> 7;
    return *s ^= *s << 17;
}

static void crc32(unsigned rounds)
{
    static uint8_t data[N];
    uint32_t       crc = ~0u;
    while (rounds--)
        for (unsigned i = 0; i < N; i++) {
            crc ^= data[i];
            for (unsigned b = 0; b < 8; b++)
                crc = crc >> 1 ^ (0xedb88320u & -(crc & 1));
        }
    sink = crc;
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static void sorting(unsigned rounds)
{
    static uint64_t data[N];
    uint64_t        seed = 88172645463325252u;
    while (rounds--) {
        for (unsigned i = 0; i < N; i++)
            data[i] = next(&seed);
        qsort(data, N, sizeof(data[0]), by_value);
    }
    sink = data[0];
}

static void matrix(unsigned rounds)
{
    enum { M = 48 };
    static int32_t a[M][M], b[M][M], c[M][M];
    for (unsigned i = 0; i < M * M; i++)
        a[i / M][i % M] = (int32_t)i, b[i / M][i % M] = (int32_t)(i * 7);
    while (rounds--)
        for (unsigned i = 0; i < M; i++)
            for (unsigned j = 0; j < M; j++) {
                int32_t sum = 0;
                for (unsigned k = 0; k < M; k++)
                    sum += a[i][k] * b[k][j];
                c[i][j] = sum + (int32_t)rounds;
            }
    sink = (uint64_t)c[3][5];
}

static void floats(unsigned rounds)
{
    double x = 0.5, y = 0.25, sum = 0;
    while (rounds--)
        for (unsigned i = 0; i < N; i++) {
            double z = x * x - y * y + 0.3;
            y        = 2 * x * y + 0.1;
            x        = z > 4 ? 0.5 : z;
            y        = y > 4 ? 0.25 : y;
            sum += x / (1 + y * y);
        }
    sink = (uint64_t)sum;
}

static uint64_t fibonacci(unsigned n)
{
    return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}

static void calls(unsigned rounds)
{
    while (rounds--)
        sink = fibonacci(20);
}

static void strings(unsigned rounds)
{
    static char text[N];
    while (rounds--) {
        for (unsigned i = 0; i < N - 1; i++)
            text[i] = (char)('a' + (i * 31 + rounds) % 26);
        unsigned words = 0;
        for (const char *p = text; (p = strchr(p, 'e')); p++)
            words++;
        sink = words + strlen(text);
    }
}

static void memory(unsigned rounds)
{
    static uint64_t from[N], to[N];
    while (rounds--) {
        memcpy(to, from, sizeof(to));
        from[rounds % N] = to[rounds / 2 % N] + 1;
    }
    sink = to[7];
}

static void syscalls(unsigned rounds)
{
    while (rounds--)
        sink = (uint64_t)getppid();
}

static const struct {
    const char *name;
    void (*run)(unsigned);
    unsigned rounds;
} kernels[] = {
    {"crc32", crc32, 600},     {"sorting", sorting, 40}, {"matrix", matrix, 120},
    {"floats", floats, 300},   {"calls", calls, 150},    {"strings", strings, 1500},
    {"memory", memory, 12000}, {"syscalls", syscalls, 100000},
};

int main(int argc, char **argv)
{
    unsigned times = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 1;
    for (unsigned i = 0; i < sizeof(kernels) / sizeof(kernels[0]); i++) {
        double start = now();
        kernels[i].run(kernels[i].rounds * times);
        printf("kernel %s %.6f\n", kernels[i].name, (now() - start) / times);
    }
    return 0;
}
