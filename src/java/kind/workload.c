/* java/kind/workload.c - see workload.h. A file may say anything: every length is checked. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "java/kind/workload.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"

enum { MOST = 1 << 20 }; /* of a class file's start; the constant pool is in it */

static u32 be(const u8 *p, unsigned n)
{
    u32 v = 0;
    while (n--)
        v = v << 8 | *p++;
    return v;
}

/* How long a constant is behind its tag; 0: no such tag, or a string of its own length. */
static unsigned constant_size(u8 tag)
{
    static const u8 sizes[21] = {
        [3] = 4,  [4] = 4,  [5] = 8,  [6] = 8,  [7] = 2,  [8] = 2,  [9] = 4,  [10] = 4,
        [11] = 4, [12] = 4, [15] = 3, [16] = 2, [17] = 4, [18] = 4, [19] = 2, [20] = 2};
    return tag < sizeof(sizes) ? sizes[tag] : 0;
}

/* Where constant WANT starts; N: nowhere. With WANT behind the last, where the pool ends. */
static size_t find_constant(const u8 *p, size_t n, u32 want)
{
    u32    count = be(p + 8, 2), i = 1;
    size_t at = 10;
    for (; i < count && i < want && at + 3 <= n; i++) {
        u8 tag = p[at];
        i += tag == 5 || tag == 6;
        at += tag == 1 ? 3 + be(p + at + 1, 2) : constant_size(tag) ? 1u + constant_size(tag) : n;
    }
    return at + 3 <= n && (i == want || want > count) ? at : n;
}

static char *class_name(const u8 *p, size_t n)
{
    size_t end = find_constant(p, n, UINT32_MAX);
    if (end + 4 > n)
        return NULL;
    size_t this = find_constant(p, n, be(p + end + 2, 2));
    if (this == n || p[this] != 7)
        return NULL;
    size_t utf8 = find_constant(p, n, be(p + this + 1, 2));
    if (utf8 == n || p[utf8] != 1 || be(p + utf8 + 1, 2) > n - utf8 - 3)
        return NULL;
    char *name = xstrndup((const char *)p + utf8 + 3, be(p + utf8 + 1, 2));
    for (char *s = name; *s; s++)
        if (*s == '/')
            *s = '.';
    return name;
}

enum workload workload_look(const char *path, char **name)
{
    cleanup_fd int   fd  = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    cleanup_free u8 *buf = xalloc(MOST);
    struct stat      st;
    *name = NULL;
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return WORKLOAD_NONE;
    ssize_t n = read(fd, buf, MOST);
    if (n < 30)
        return WORKLOAD_NONE;
    size_t length = strlen(path);
    if (memcmp(buf, "PK\3\4", 4) == 0 && length > 4 && strcmp(path + length - 4, ".jar") == 0)
        return WORKLOAD_JAR;
    u32 major = be(buf + 6, 2);
    if (be(buf, 4) != 0xcafebabe || major < 45 || major > 200)
        return WORKLOAD_NONE;
    *name = class_name(buf, (size_t)n);
    return *name ? WORKLOAD_CLASS : WORKLOAD_NONE;
}

char *workload_root(const char *path, const char *name)
{
    cleanup_free char *tail = xasprintf("/%s.class", name);
    size_t             n = strlen(path), k = strlen(tail);
    for (char *s = tail; s < tail + k - 6; s++)
        if (*s == '.')
            *s = '/';
    if (n < k || strcmp(path + n - k, tail) != 0)
        return NULL;
    return n == k ? xstrdup("/") : xstrndup(path, n - k);
}
