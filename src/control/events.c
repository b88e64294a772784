/* control/events.c - see events.h. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "control/events.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include "base/alloc.h"
#include "base/json.h"
#include "vm/clock.h"

#define EVENTS_MAX MiB(1)

void time_text(u64 wall_ns, char *out, size_t room)
{
    time_t    seconds = (time_t)(wall_ns / 1000000000u);
    struct tm tm;
    char      text[32];
    gmtime_r(&seconds, &tm);
    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(out, room, "%s.%03uZ", text, (unsigned)(wall_ns / 1000000u % 1000u));
}

static char *line_of(const char *id, const char *name, const char *event, int status)
{
    cleanup_json cJSON *j = cJSON_CreateObject();
    char                now[40];
    time_text(clock_host_wall(), now, sizeof(now));
    json_put_str(j, "time", now);
    json_put_str(j, "id", id);
    json_put_str(j, "name", name);
    json_put_str(j, "event", event);
    if (status >= 0)
        json_put_u64(j, "status", (u64)status);
    cleanup_free char *text = json_line(j);
    return xasprintf("%s\n", text);
}

void events_append(const char *root, const char *id, const char *name, const char *event,
                   int status)
{
    cleanup_free char *path = xasprintf("%s/events", root);
    cleanup_free char *old  = xasprintf("%s/events.1", root);
    cleanup_free char *line = line_of(id, name, event, status);
    for (int tries = 0; tries < 3; tries++) {
        cleanup_fd int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        struct stat    st, now;
        if (fd < 0 || flock(fd, LOCK_EX) < 0 || fstat(fd, &st) < 0)
            return;
        bool current = stat(path, &now) == 0 && now.st_ino == st.st_ino;
        if (current && st.st_size < (off_t)EVENTS_MAX) {
            if (write(fd, line, strlen(line)) < 0)
                return; /* a full disk */
            return;
        }
        if (current)
            rename(path, old);
    }
}
