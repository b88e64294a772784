/* tests/boot/peer.c - one end of a stream, inside the guest: busybox knows no vsock and no large
 * buffers.
 *
 *   peer get|put tcp ADDRESS PORT BYTES     connect, then take or give
 *   peer get|put vsock CID PORT BYTES
 *   peer echo vsock - PORT 0                listen, send one connection its bytes back
 *
 * Bytes follow a pattern, which get checks; it says how long it took and how many there were. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <linux/vm_sockets.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static unsigned char buffer[1 << 16], pattern[sizeof(buffer) + 256];

static int die(const char *what)
{
    perror(what);
    exit(1);
}

static int open_socket(const char *family, const char *address, unsigned port, int listening)
{
    struct sockaddr_vm  vm    = {.svm_family = AF_VSOCK, .svm_port = port};
    struct sockaddr_in  in    = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    struct sockaddr_in6 in6   = {.sin6_family = AF_INET6, .sin6_port = htons((unsigned short)port)};
    int                 is_vm = strcmp(family, "vsock") == 0, is_6 = strchr(address, ':') != NULL;
    struct sockaddr    *to   = is_vm  ? (struct sockaddr *)&vm
                               : is_6 ? (struct sockaddr *)&in6
                                      : (struct sockaddr *)&in;
    socklen_t           len  = is_vm ? sizeof(vm) : is_6 ? sizeof(in6) : sizeof(in);
    void               *addr = is_6 ? (void *)&in6.sin6_addr : &in.sin_addr;
    vm.svm_cid               = listening ? VMADDR_CID_ANY : (unsigned)strtoul(address, NULL, 10);
    if (!is_vm && !listening && inet_pton(is_6 ? AF_INET6 : AF_INET, address, addr) != 1)
        return die(address);
    int fd = socket(to->sa_family, SOCK_STREAM, 0);
    if (fd < 0)
        return die("socket");
    if (!listening)
        return connect(fd, to, len) ? die("connect") : fd;
    if (bind(fd, to, len) || listen(fd, 1))
        return die("listen");
    printf("listening\n");
    fflush(stdout);
    return accept(fd, NULL, NULL);
}

static unsigned long long get(int fd, unsigned long long bytes)
{
    unsigned long long done = 0;
    while (done < bytes) {
        ssize_t n = read(fd, buffer, sizeof(buffer));
        if (n <= 0)
            break;
        if (memcmp(buffer, pattern + done % 251, (size_t)n))
            return die("what came is not what was sent");
        done += (unsigned long long)n;
    }
    return done;
}

static unsigned long long put(int fd, unsigned long long bytes)
{
    unsigned long long done = 0;
    while (done < bytes) {
        size_t  want = bytes - done < sizeof(buffer) ? (size_t)(bytes - done) : sizeof(buffer);
        ssize_t n    = write(fd, pattern + done % 251, want);
        if (n <= 0)
            break;
        done += (unsigned long long)n;
    }
    shutdown(fd, SHUT_WR);
    while (read(fd, buffer, sizeof(buffer)) > 0) /* until the other side has all */
        ;
    return done;
}

static unsigned long long echo(int fd)
{
    unsigned long long done = 0;
    for (ssize_t n; (n = read(fd, buffer, sizeof(buffer))) > 0; done += (unsigned long long)n)
        for (ssize_t at = 0, w; at < n; at += w)
            if ((w = write(fd, buffer + at, (size_t)(n - at))) <= 0)
                return die("write");
    return done;
}

int main(int argc, char **argv)
{
    struct timespec a, b;
    if (argc != 6)
        return 2;
    for (size_t i = 0; i < sizeof(pattern); i++)
        pattern[i] = (unsigned char)(i % 251);
    unsigned long long bytes = strtoull(argv[5], NULL, 10), done = 0;
    int fd = open_socket(argv[2], argv[3], (unsigned)strtoul(argv[4], NULL, 10), argv[1][0] == 'e');
    clock_gettime(CLOCK_MONOTONIC, &a);
    done = argv[1][0] == 'g' ? get(fd, bytes) : argv[1][0] == 'p' ? put(fd, bytes) : echo(fd);
    clock_gettime(CLOCK_MONOTONIC, &b);
    printf("%s %llu bytes %lld ms\n", argv[1], done,
           (long long)(b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000);
    return bytes && done != bytes;
}
