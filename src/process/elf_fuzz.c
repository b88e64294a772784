/* process/elf_fuzz.c - any bytes as a program: loaded or refused, nothing of ours is touched. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "process/process.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

/* A segment may be longer than its file: copies into it end here. */
static void on_fault(int sig)
{
    (void)sig;
    if (!self || !self->copying)
        abort();
    siglongjmp(*self->copying, 1);
}

static void load(struct program *p, int fd)
{
    char        *argv[] = {"a", "b", NULL}, *envp[] = {"C=d", NULL};
    struct image image;
    struct err   err;
    gva          sp;
    if (elf_load(p, fd, &image, &err))
        return;
    assert(image.end <= USER_LIMIT);
    if (!elf_stack(self, &image, argv, envp, &sp))
        assert(sp % 16 == 0 && mm_has(&p->mm, sp, 64, PROT_READ | PROT_WRITE));
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    struct program   p  = {.root_fd = -1, .exe_name = "/fuzz"};
    struct thread    t  = {.program = &p};
    struct sigaction sa = {.sa_handler = on_fault, .sa_flags = SA_NODEFER};
    struct err       err;
    int              fd = memfd_create("elf", MFD_CLOEXEC);
    pthread_mutex_init(&p.lock, NULL);
    if (fd < 0 || mm_create(&p.mm, &err))
        abort();
    self = &t;
    sigaction(SIGSEGV, &sa, NULL);
    sigaction(SIGBUS, &sa, NULL);
    if (write(fd, data, size) == (ssize_t)size)
        load(&p, fd);
    close(fd);
    mm_destroy(&p.mm);
    return 0;
}
