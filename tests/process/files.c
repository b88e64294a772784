/* Files, memory, pipes, processes, events: prints what must be the same on every machine. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <elf.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static void files(void)
{
    char          name[] = "/tmp/guise-test-XXXXXX", text[64] = "", other[80];
    struct stat   s;
    struct statx  x;
    struct statfs fs;
    struct flock  l  = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 1, .l_len = 3};
    int           fd = mkstemp(name);
    struct iovec  v[2] = {{"hello ", 6}, {"world\n", 6}};
    printf("writev %zd\n", writev(fd, v, 2));
    ssize_t n = pread(fd, text, 5, 6);
    printf("pread %zd %.5s\n", n, text);
    n = fstat(fd, &s);
    printf("fstat %zd %lld %o %d\n", n, (long long)s.st_size, s.st_mode, (int)s.st_nlink);
    ino_t ino = s.st_ino;
    n = stat(name, &s);
    printf("stat %zd %d\n", n, s.st_ino == ino);
    n = statx(AT_FDCWD, name, 0, STATX_ALL, &x);
    printf("statx %zd %d %d\n", n, x.stx_ino == ino,
           (int)x.stx_size);
    n = statfs(name, &fs);
    printf("statfs %zd %d\n", n, fs.f_bsize > 0 && fs.f_namelen == 255);
    printf("lock %d\n", fcntl(fd, F_SETLK, &l));
    printf("flags %x\n", fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK));
    snprintf(other, sizeof(other), "%s.link", name);
    printf("symlink %d\n", symlink(name, other));
    n = open(other, O_RDONLY | O_NOFOLLOW);
    printf("nofollow %zd %d\n", n, errno);
    n = open(name, O_RDONLY | O_DIRECTORY);
    printf("directory %zd %d\n", n, errno);
    printf("readlink %d\n", (int)readlink(other, text, sizeof(text)) == (int)strlen(name));
    printf("unlink %d %d\n", unlink(other), unlink(name));
    n = pread(fd, (void *)(1ul << 37), 4, 0);
    printf("bad %zd %d\n", n, errno);
    n = write(fd, (void *)-4096l, 4);
    printf("far %zd %d\n", n, errno);
    close(fd);
    n = fcntl(fd, F_GETFD);
    printf("closed %zd %d\n", n, errno);
}

static void memory(void)
{
    char *p = mmap(NULL, 16 << 12, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(p, 1, 16 << 12);
    printf("hole %d\n", munmap(p + 4096, 4096));
    errno = 0;
    void *no = mmap(p, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    printf("noreplace %d %d\n", no == MAP_FAILED, errno);
    printf("fixed %d\n", mmap(p + 4096, 4096, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == p + 4096);
    printf("zero %d\n", p[4096]);
    char *q = mremap(p, 16 << 12, 4096 << 12, MREMAP_MAYMOVE);
    printf("mremap %d %d %d\n", q != MAP_FAILED, q[0], q[8191]);
    q[(4096 << 12) - 1] = 7;
    printf("shrink %d\n", mremap(q, 4096 << 12, 8192, 0) == q);
    printf("mprotect %d\n", mprotect(q, 4096, PROT_NONE));
    int rc = madvise(q + 4096, 4096, MADV_DONTNEED);
    printf("madvise %d %d\n", rc, q[4096]);
    int    fd = memfd_create("x", 0);
    char  *a, *b;
    printf("truncate %d\n", ftruncate(fd, 8192));
    a = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    b = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 4096);
    strcpy(a + 4096, "shared");
    printf("shared %s\n", b);
    if (fork() == 0) {
        strcpy(a, "from the child");
        _exit(5);
    }
    int status;
    wait(&status);
    printf("child %d %s\n", WEXITSTATUS(status), a);
    char *heap = sbrk(0);
    printf("brk %d\n", sbrk(1 << 20) == heap && (heap[(1 << 20) - 1] = 1));
    printf("brk back %d\n", sbrk(-(1 << 20)) == heap + (1 << 20));
    rc = munmap(a + 1, 4096);
    printf("aligned %d %d\n", rc, errno);
}

static void processes(char *me)
{
    int   p[2], status;
    char  text[32];
    pid_t pid;
    printf("pipe %d\n", pipe(p));
    fflush(stdout);
    if (fork() == 0) {
        dup2(p[1], 1);
        execl(me, "again", "exec'd", (char *)NULL);
        _exit(9);
    }
    close(p[1]);
    ssize_t n = read(p[0], text, sizeof(text));
    printf("read %.*s", (int)n, text);
    pid = wait(&status);
    printf("wait %d %d\n", pid > 0, status);
    char *argv[] = {"spawned", "exec'd", NULL};
    int rc = posix_spawn(&pid, me, NULL, NULL, argv, environ);
    waitpid(pid, &status, 0);
    printf("spawn %d\n", rc);
    printf("status %x\n", status);
    printf("no such %d\n", posix_spawn(&pid, "/no/such/file", NULL, NULL, argv, environ));
    printf("native %d\n", system("exit 3") >> 8);
    pid = fork();
    if (!pid)
        abort();
    waitpid(pid, &status, 0);
    printf("abort %d %d\n", WIFSIGNALED(status), WTERMSIG(status));
    siginfo_t info;
    pid = fork();
    if (!pid)
        _exit(77);
    printf("waitid %d", waitid(P_PID, pid, &info, WEXITED));
    printf(" %d", info.si_status);
    printf(" %d\n", info.si_pid == pid && info.si_code == CLD_EXITED);
}

static void events(void)
{
    int                e = epoll_create1(0), ev = eventfd(0, 0), tf = timerfd_create(CLOCK_MONOTONIC, 0);
    struct epoll_event in = {EPOLLIN, {.u64 = 0x1122334455667788}}, out[4] = {0};
    struct itimerspec  when = {{0, 0}, {0, 20000000}};
    uint64_t           one  = 1;
    printf("add %d\n", epoll_ctl(e, EPOLL_CTL_ADD, ev, &in));
    in.data.u64 = 99;
    printf("add %d\n", epoll_ctl(e, EPOLL_CTL_ADD, tf, &in));
    printf("none %d\n", epoll_wait(e, out, 4, 0));
    printf("write %zd\n", write(ev, &one, 8));
    printf("one %d", epoll_wait(e, out, 4, 0));
    printf(" %x %llx\n", out[0].events, (long long)out[0].data.u64);
    printf("read %zd\n", read(ev, &one, 8));
    timerfd_settime(tf, 0, &when, NULL);
    printf("timer %d", epoll_wait(e, out, 4, 2000));
    printf(" %lld\n", (long long)out[0].data.u64);
    struct pollfd f = {tf, POLLIN, 0};
    printf("poll %d", poll(&f, 1, 0));
    printf(" %x\n", f.revents);
    fd_set         set;
    struct timeval tv = {0, 1000};
    FD_ZERO(&set);
    FD_SET(ev, &set);
    printf("select %d\n", select(ev + 1, &set, NULL, NULL, &tv));
}

/* What the vDSO calls NAME. */
static void *in_vdso(const char *name)
{
    char             *base = (char *)getauxval(AT_SYSINFO_EHDR);
    const Elf64_Ehdr *e    = (void *)base;
    const Elf64_Phdr *ph   = (void *)(base + e->e_phoff);
    const Elf64_Sym  *sym  = NULL;
    const char       *str  = NULL;
    for (int i = 0; i < e->e_phnum; i++)
        for (const Elf64_Dyn *d = (void *)(base + ph[i].p_vaddr); ph[i].p_type == PT_DYNAMIC && d->d_tag; d++) {
            if (d->d_tag == DT_SYMTAB)
                sym = (void *)(base + d->d_un.d_ptr);
            if (d->d_tag == DT_STRTAB)
                str = base + d->d_un.d_ptr;
        }
    for (; sym && (char *)sym < str; sym++)
        if (!strcmp(str + sym->st_name, name))
            return base + sym->st_value;
    return NULL;
}

static void vdso(void)
{
    int (*gettime)(clockid_t, struct timespec *) = in_vdso("__vdso_clock_gettime");
    struct timespec a, b, c;
    printf("vdso %d", gettime != NULL);
    clock_gettime(CLOCK_MONOTONIC, &a);
    printf(" %d", gettime ? gettime(CLOCK_MONOTONIC, &b) : -1);
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &c);
    printf(" %d\n", a.tv_sec * 1000000000 + a.tv_nsec <= b.tv_sec * 1000000000 + b.tv_nsec &&
                        b.tv_sec * 1000000000 + b.tv_nsec <= c.tv_sec * 1000000000 + c.tv_nsec);
    printf("no clock %ld\n", syscall(SYS_clock_gettime, 99, &a));
    printf("no room %ld\n", syscall(SYS_clock_gettime, 1, 8));
}

static void many_messages(void)
{
    char           text[4][10] = {"ab", "cde", "f"}, back[4][10] = {0};
    struct iovec   v[4];
    struct mmsghdr m[4] = {0};
    int            s[2];
    socketpair(AF_UNIX, SOCK_DGRAM, 0, s);
    for (int i = 0; i < 4; i++) {
        v[i]         = (struct iovec){text[i], strlen(text[i])};
        m[i].msg_hdr = (struct msghdr){.msg_iov = v + i, .msg_iovlen = 1};
    }
    printf("sendmmsg %d", sendmmsg(s[0], m, 3, 0));
    printf(" %u\n", m[1].msg_len);
    for (int i = 0; i < 4; i++)
        v[i] = (struct iovec){back[i], 9};
    printf("recvmmsg %d", recvmmsg(s[1], m, 4, MSG_WAITFORONE, NULL));
    printf(" %s %s %s %u\n", back[0], back[1], back[2], m[1].msg_len);
}

static void sockets(void)
{
    int  s[2], fd;
    char text[32], control[CMSG_SPACE(sizeof(int))];
    printf("socketpair %d\n", socketpair(AF_UNIX, SOCK_STREAM, 0, s));
    struct iovec   v = {"with a file", 11}, r = {text, sizeof(text)};
    struct msghdr  m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control,
                        .msg_controllen = sizeof(control)};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    c->cmsg_level     = SOL_SOCKET;
    c->cmsg_type      = SCM_RIGHTS;
    c->cmsg_len       = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &s[0], sizeof(int));
    printf("sendmsg %zd\n", sendmsg(s[0], &m, 0));
    m.msg_iov = &r;
    printf("recvmsg %zd", recvmsg(s[1], &m, 0));
    printf(" %.11s\n", text);
    memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(int));
    printf("through it %zd\n", write(fd, "x", 1));
    printf("recv %zd\n", recv(s[1], text, 4, 0));
    int       type;
    socklen_t len = sizeof(type);
    printf("type %d", getsockopt(s[0], SOL_SOCKET, SO_TYPE, &type, &len));
    printf(" %d %d\n", type, (int)len);
}

int main(int argc, char **argv)
{
    struct timespec ts;
    struct rlimit   lim;
    if (argc > 1 && !strcmp(argv[1], "exec'd")) {
        printf("%s ran\n", argv[0]);
        return 42;
    }
    setvbuf(stdout, NULL, _IONBF, 0);
    files();
    memory();
    processes(argv[0]);
    events();
    sockets();
    many_messages();
    vdso();
    printf("time %d %d\n", clock_gettime(CLOCK_MONOTONIC, &ts), ts.tv_nsec < 1000000000);
    printf("limit %d\n", getrlimit(RLIMIT_NOFILE, &lim));
    printf("first %d\n", open("/dev/null", O_RDONLY) < 20);
    return 0;
}
