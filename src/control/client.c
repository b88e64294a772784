/* control/client.c - see client.h. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "control/client.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/alloc.h"

#define ANSWER_LONGEST MiB(4)

int client_open(const char *dir, struct err *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    cleanup_fd int     folder  = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    cleanup_fd int     fd      = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (folder < 0 || fd < 0)
        return err_errno(err, errno, "connect to its monitor");
    snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/control.sock", folder);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        return err_errno(err, errno, "connect to its monitor");
    return steal_fd(&fd);
}

static int gone(struct err *err)
{
    return err_set(err, EPIPE, "its monitor is gone");
}

static int send_line(int fd, const char *verb, const cJSON *args, struct err *err)
{
    cleanup_json cJSON *j = args ? cJSON_Duplicate(args, true) : cJSON_CreateObject();
    json_put_str(j, "verb", verb);
    cleanup_free char *text = json_line(j);
    cleanup_free char *line = xasprintf("%s\n", text);
    for (size_t done = 0, len = strlen(line); done < len;) {
        ssize_t n = send(fd, line + done, len - done, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return gone(err);
        done += (size_t)n;
    }
    return 0;
}

/* Takes what is there up to a newline, and nothing behind it: frames may follow. Returns the
 * number of bytes, 0 at the end of the connection, or -errno. */
static ssize_t take_some(int fd, char *buf, size_t room, int timeout_ms)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    int           n = poll(&p, 1, timeout_ms);
    if (n <= 0)
        return n == 0 ? -ETIMEDOUT : -errno;
    ssize_t seen = recv(fd, buf, room, MSG_PEEK);
    if (seen <= 0)
        return seen < 0 ? -errno : 0;
    char  *end  = memchr(buf, '\n', (size_t)seen);
    size_t want = end ? (size_t)(end - buf) + 1 : (size_t)seen;
    return recv(fd, buf, want, 0);
}

static int receive_line(int fd, int timeout_ms, char **out, struct err *err)
{
    cleanup_free char *line = NULL;
    size_t             len  = 0;
    while (len == 0 || line[len - 1] != '\n') {
        if (len > ANSWER_LONGEST)
            return err_set(err, EPROTO, "the answer of its monitor is too long");
        line      = xrealloc(line, len + 4096 + 1);
        ssize_t n = take_some(fd, line + len, 4096, timeout_ms);
        if (n == -EINTR)
            continue;
        if (n == -ETIMEDOUT)
            return err_set(err, ETIMEDOUT, "its monitor does not answer");
        if (n <= 0)
            return gone(err);
        len += (size_t)n;
    }
    line[len] = 0;
    *out      = steal_ptr(line);
    return 0;
}

static int code_by_name(const char *name)
{
    for (int code = 1; name && code < 134; code++) {
        const char *known = strerrorname_np(code);
        if (known && strcmp(known, name) == 0)
            return code;
    }
    return EIO;
}

int client_request(int fd, const char *verb, const cJSON *args, int timeout_ms, cJSON **answer,
                   struct err *err)
{
    cleanup_free char  *line = NULL;
    cleanup_json cJSON *j    = NULL;
    int                 rc   = send_line(fd, verb, args, err);
    if (!rc)
        rc = receive_line(fd, timeout_ms, &line, err);
    if (!rc)
        rc = json_parse(&j, line, strlen(line), err);
    if (rc)
        return rc;
    const char *text = json_str(j, "error.text");
    if (!json_bool(j, "ok", false))
        return err_set(err, code_by_name(json_str(j, "error.code")), "%s", text ? text : "failed");
    if (answer)
        *answer = steal_ptr(j);
    return 0;
}

int client_ask(const char *dir, const char *verb, const cJSON *args, int timeout_ms, cJSON **answer,
               struct err *err)
{
    cleanup_fd int fd = client_open(dir, err);
    return fd < 0 ? fd : client_request(fd, verb, args, timeout_ms, answer, err);
}
