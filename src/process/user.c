/* process/user.c - guise-user: runs one program of riscv64 in place, for binfmt_misc and shells. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "process/kind.h"
#include "process/process.h"

enum { EXIT_US = 125, EXIT_CANNOT = 126, EXIT_NOT_FOUND = 127 };

static int usage(FILE *to, int status)
{
    fputs("usage: guise-user [OPTION...] [--] PROGRAM [ARGUMENT...]\n"
          "Runs a riscv64 Linux program on this machine.\n"
          "  -L, --root DIR   look below DIR first for absolute names of files\n"
          "      --argv0 NAME the program's own name for itself\n"
          "      --strace     tell each system call\n"
          "      --stats      tell at the end what system calls were not there\n"
          "      --interp     interpret, do not translate\n"
          "      --lockstep   do both, and stop where they first differ\n"
          "      --jit WORDS  for tests of the translator: flush, small, plain, wrong\n"
          "      --vlen BITS  length of a vector register: 128, 256, or 0 for none (128)\n"
          "      --vectors N  what PR_RISCV_V_GET_CONTROL shall say (2: on)\n",
          to);
    return status;
}

static int take_vlen(struct options *o, const char *bits)
{
    static const struct {
        const char *text;
        unsigned    vlen;
    } known[] = {{"0", 0}, {"128", 128}, {"256", 256}};
    for (unsigned i = 0; i < ARRAY_SIZE(known); i++)
        if (!strcmp(bits, known[i].text))
            return o->vlen = known[i].vlen, 2;
    return -1;
}

static int take_vectors(struct options *o, const char *text)
{
    char         *end;
    unsigned long n = strtoul(text, &end, 10);
    if (end == text || *end || n > 31)
        return -1;
    o->vector_control = (u32)n;
    return 2;
}

/* The number of words taken, or -1. */
static int take(struct options *o, char **w)
{
    if (!strcmp(w[0], "--strace"))
        o->strace = true;
    else if (!strcmp(w[0], "--stats"))
        o->stats = true;
    else if (!strcmp(w[0], "--interp"))
        o->interp = true;
    else if (!strcmp(w[0], "--lockstep"))
        o->lockstep = true;
    else if (w[1] && (!strcmp(w[0], "--root") || !strcmp(w[0], "-L")))
        return o->root = w[1], 2;
    else if (w[1] && !strcmp(w[0], "--argv0"))
        return o->argv0 = w[1], 2;
    else if (w[1] && !strcmp(w[0], "--jit"))
        return o->hard = w[1], 2;
    else if (w[1] && !strcmp(w[0], "--vlen"))
        return take_vlen(o, w[1]);
    else if (w[1] && !strcmp(w[0], "--vectors"))
        return take_vectors(o, w[1]);
    else
        return -1;
    return 1;
}

/* The kernel's binfmt_misc with the flags P and O: PROGRAM ARGV0 ARGUMENT..., no options, and the
 * program open. */
static int from_kernel(char **argv, struct err *err)
{
    struct options o = {.strace         = getenv("GUISE_STRACE"),
                        .by_kernel      = true,
                        .vlen           = RV64_VLEN,
                        .vector_control = VECTORS_ON};
    char           fd_path[64];
    const char    *path = argv[1];
    u64            fd   = getauxval(AT_EXECFD);
    if (access(path, R_OK) && fd) {
        snprintf(fd_path, sizeof(fd_path), "/proc/self/fd/%llu", (unsigned long long)fd);
        path = fd_path;
    }
    o.exec_fd = fd ? (int)fd : -1;
    return program_run(path, argv + 2, environ, &o, err);
}

static int told(int rc, const struct err *err)
{
    fprintf(stderr, "guise-user: %s\n", err->text);
    return rc == -ENOENT ? EXIT_NOT_FOUND : rc == -ENOEXEC || rc == -EACCES ? EXIT_CANNOT : EXIT_US;
}

int guise_user_main(int argc, char **argv)
{
    struct options o   = {.exec_fd = -1, .vlen = RV64_VLEN, .vector_control = VECTORS_ON};
    struct err     err = {0};
    char         **w   = argv + 1;
    /* Large and mostly empty things of threads are the kernel's fresh pages again each time;
     * otherwise the library keeps what was freed, and clears all of it for the next. */
    mallopt(M_MMAP_THRESHOLD, 1 << 20);
    if (getauxval(AT_FLAGS) & 1 && argc > 2)
        return told(from_kernel(argv, &err), &err);
    while (*w && (*w)[0] == '-') {
        if (!strcmp(*w, "--help"))
            return usage(stdout, 0);
        bool end = !strcmp(*w, "--");
        int  n   = end ? 1 : take(&o, w);
        if (n < 0)
            return usage(stderr, EXIT_US);
        w += n;
        if (end)
            break;
    }
    if (!*w)
        return usage(stderr, EXIT_US);
    const char *path = w[0];
    if (o.argv0)
        w[0] = (char *)o.argv0;
    return told(program_run(path, w, environ, &o, &err), &err);
}
