/* cli/events.c - follows ROOT/events. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "cli/verbs.h"

const struct option_row events_options[] = {
    {"all", 'a', NULL, "first what is on record", set_flag, OPT_OWN(struct events_own, all)},
    {"no-stream", 0, NULL, "only what is on record", set_flag,
     OPT_OWN(struct events_own, no_stream)},
    {"json", 0, NULL, "as JSON, one object a line", set_flag, OPT_OWN(struct events_own, json)},
    {0},
};

static void print_line(const char *line, bool json)
{
    cleanup_json cJSON *j = NULL;
    if (json_parse(&j, line, strlen(line), NULL))
        return; /* a crash of the host may cut a line */
    if (json) {
        fputs(line, stdout);
        return;
    }
    const char *time = json_str(j, "time"), *name = json_str(j, "name");
    const char *event = json_str(j, "event"), *id = json_str(j, "id");
    printf("%s %-8s %s (%s)", time ? time : "", event ? event : "", name ? name : "", id ? id : "");
    if (json_at(j, "status"))
        printf(" status=%llu", (unsigned long long)json_u64(j, "status", 0));
    putchar('\n');
}

/* Whole lines only; what is not whole yet is read again next time. */
static void print_from(FILE *f, bool json)
{
    char  *line = NULL;
    size_t room = 0;
    long   at   = ftell(f);
    while (getline(&line, &room, f) > 0 && strchr(line, '\n')) {
        print_line(line, json);
        at = ftell(f);
    }
    clearerr(f);
    fseek(f, at, SEEK_SET);
    free(line);
}

static bool is_same_file(FILE *f, const char *path)
{
    struct stat a, b;
    return stat(path, &b) < 0 || (fstat(fileno(f), &a) == 0 && a.st_ino == b.st_ino);
}

static void follow(FILE *f, const char *root, const char *path, bool json)
{
    cleanup_fd int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    char           scrap[4096];
    if (watch < 0 || inotify_add_watch(watch, root, IN_MODIFY | IN_CREATE | IN_MOVED_TO) < 0)
        return;
    for (;;) {
        print_from(f, json);
        if (!is_same_file(f, path)) { /* it has become events.1 */
            FILE *next = fopen(path, "re");
            if (next) {
                fclose(f);
                f = next;
                continue;
            }
        }
        if (fflush(stdout) == EOF)
            break;
        struct pollfd polls[2] = {{.fd = watch, .events = POLLIN}, {.fd = STDOUT_FILENO}};
        poll(polls, 2, 1000);
        if (polls[1].revents & POLLERR)
            break;
        while (read(watch, scrap, sizeof(scrap)) > 0)
            continue;
    }
    fclose(f);
}

static void print_file(const char *path, bool json)
{
    FILE *f = fopen(path, "re");
    if (!f)
        return;
    print_from(f, json);
    fclose(f);
}

int verb_events(struct command *c)
{
    const struct events_own *o    = c->own;
    struct err               err  = {0};
    cleanup_free char       *root = NULL;
    if (home_root(&root, &err))
        return complain(c, EXIT_FAILED, &err);
    cleanup_free char *path = xasprintf("%s/events", root);
    cleanup_free char *old  = xasprintf("%s/events.1", root);
    cleanup_fd int     made = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    FILE              *f    = made < 0 ? NULL : fopen(path, "re");
    if (!f) {
        err_errno(&err, errno, "open '%s'", path);
        return complain(c, EXIT_FAILED, &err);
    }
    if (o->all || o->no_stream)
        print_file(old, o->json);
    else
        fseek(f, 0, SEEK_END);
    if (o->no_stream) {
        print_from(f, o->json);
        fclose(f);
        return 0;
    }
    follow(f, root, path, o->json);
    return 0;
}
