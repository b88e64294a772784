/* container/oci/show.c - commands that tell: state, list, ps. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "container/oci/oci.h"
#include "container/runtime.h"
#include "container/text.h"
#include "isolation/procfs.h"

static void put_annotations(struct text *t, const struct state *s)
{
    struct config *c = NULL;
    if (runtime_config(s, &c, NULL) || c->n_annotations == 0) {
        config_destroy(c);
        return;
    }
    text_open(t, "annotations", '{');
    for (unsigned i = 0; i < c->n_annotations; i++)
        text_str(t, c->annotations[i].name, c->annotations[i].value);
    text_close(t, '}');
    config_destroy(c);
}

static void put_state(struct text *t, const struct state *s, int proc_fd)
{
    enum status status = state_status(s, proc_fd);
    text_open(t, NULL, '{');
    text_str(t, "ociVersion", "1.2.0");
    text_str(t, "id", s->id);
    text_i64(t, "pid", status == STATUS_STOPPED ? 0 : s->pid);
    text_str(t, "status", status_name(status));
    text_str(t, "bundle", s->bundle);
    text_str(t, "rootfs", s->rootfs);
    text_str(t, "created", s->created);
    put_annotations(t, s);
    text_str(t, "owner", s->owner);
    text_close(t, '}');
}

int oci_state(struct oci_call *call, struct err *err)
{
    struct state   s;
    struct text    t    = {.pretty = true};
    cleanup_fd int proc = -1;
    int            rc   = procfs_open(&proc, err);
    if (!rc)
        rc = oci_load(call, &s, err);
    if (rc)
        return rc;
    put_state(&t, &s, proc);
    puts(t.s);
    free(t.s);
    state_done(&s);
    return 0;
}

/* ---- list ---- */

const struct oci_option oci_list_options[] = {
    {"format", 'f', OPTION_TEXT, offsetof(struct oci_list_own, format), "table (default) or json"},
    {"quiet", 'q', OPTION_FLAG, offsetof(struct oci_list_own, quiet), "only the ids"},
    {NULL},
};

static int not_dots(const struct dirent *e)
{
    return e->d_name[0] != '.';
}

#define COLUMNS 6

/* As wide as the widest, at least 12, three spaces between: runc's layout. */
static void print_table(char *(*rows)[COLUMNS], unsigned n)
{
    static const char *const head[COLUMNS] = {"ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"};
    size_t                   width[COLUMNS];
    for (unsigned c = 0; c < COLUMNS; c++) {
        width[c] = MAX(strlen(head[c]) + 3, (size_t)12);
        for (unsigned r = 0; r < n; r++)
            width[c] = MAX(width[c], strlen(rows[r][c]) + 3);
    }
    for (unsigned r = 0; r <= n; r++) {
        char *const *cells = r ? rows[r - 1] : (char *const *)head;
        for (unsigned c = 0; c < COLUMNS - 1; c++)
            printf("%-*s", (int)width[c], cells[c]);
        puts(cells[COLUMNS - 1]);
    }
}

static void fill_row(char *row[COLUMNS], const struct state *s, int proc_fd)
{
    enum status status = state_status(s, proc_fd);
    row[0]             = xstrdup(s->id);
    row[1]             = xasprintf("%d", status == STATUS_STOPPED ? 0 : s->pid);
    row[2]             = xstrdup(status_name(status));
    row[3]             = xstrdup(s->bundle);
    row[4]             = xstrdup(s->created);
    row[5]             = xstrdup(s->owner);
}

int oci_list(struct oci_call *call, struct err *err)
{
    const struct oci_list_own *own  = call->options;
    bool                       json = own->format && strcmp(own->format, "json") == 0;
    cleanup_fd int             proc = -1;
    struct text                t    = {0};
    struct dirent            **names;
    unsigned                   rows_n = 0;
    if (own->format && !json && strcmp(own->format, "table") != 0)
        return err_set(err, EINVAL, "invalid format option");
    int rc = procfs_open(&proc, err);
    if (rc)
        return rc;
    int n                  = scandir(call->global->root, &names, not_dots, alphasort);
    char *(*rows)[COLUMNS] = xalloc((size_t)MAX(n, 1) * sizeof(*rows));
    text_open(&t, NULL, '[');
    for (int i = 0; i < n; i++) {
        struct state s;
        if (state_load(&s, call->global->root, names[i]->d_name, NULL) == 0) {
            fill_row(rows[rows_n++], &s, proc);
            put_state(&t, &s, proc);
            state_done(&s);
        }
        free(names[i]);
    }
    text_close(&t, ']');
    if (n >= 0)
        free(names);
    if (json)
        puts(rows_n ? t.s : "null");
    else if (!own->quiet)
        print_table(rows, rows_n);
    for (unsigned r = 0; r < rows_n; r++) {
        if (own->quiet && !json)
            puts(rows[r][0]);
        for (unsigned c = 0; c < COLUMNS; c++)
            free(rows[r][c]);
    }
    free(rows);
    free(t.s);
    return 0;
}

/* ---- ps ---- */

const struct oci_option oci_ps_options[] = {
    {"format", 'f', OPTION_TEXT, offsetof(struct oci_ps_own, format), "table (default) or json"},
    {NULL},
};

static bool contains(const pid_t *list, unsigned n, long pid)
{
    for (unsigned i = 0; i < n; i++)
        if (list[i] == pid)
            return true;
    return false;
}

/* The lines of ps(1) whose PID is in the container. */
static int filter_ps(FILE *f, const pid_t *list, unsigned n, struct err *err)
{
    char  *line   = NULL;
    size_t room   = 0;
    int    column = -1;
    while (getline(&line, &room, f) > 0) {
        cleanup_free char *copy = xstrdup(line);
        char              *rest = copy;
        int                i    = 0;
        bool               mine = false, head = column < 0;
        for (char *word; (word = strsep(&rest, " \t\n"));) {
            if (!word[0])
                continue;
            if (head && strcmp(word, "PID") == 0)
                column = i;
            mine |= !head && i == column && contains(list, n, strtol(word, NULL, 10));
            i++;
        }
        if (head && column < 0)
            break;
        if (head || mine)
            fputs(line, stdout);
    }
    free(line);
    return column < 0 ? err_set(err, EINVAL, "couldn't find PID field in ps output") : 0;
}

static int run_ps(char **words, const pid_t *list, unsigned n, struct err *err)
{
    static char *const usual[] = {"ps", "-ef", NULL};
    int                ends[2], status;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return err_errno(err, errno, "make a pipe");
    pid_t pid = fork();
    if (pid == 0) {
        dup2(ends[1], 1);
        execvp("ps", words[1] ? words : usual);
        _exit(127);
    }
    close(ends[1]);
    FILE *f  = fdopen(ends[0], "r");
    int   rc = pid < 0 ? err_errno(err, errno, "run ps") : filter_ps(f, list, n, err);
    fclose(f);
    waitpid(pid, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
        return err_set(err, ENOENT, "ps: not found");
    return rc;
}

int oci_ps(struct oci_call *call, struct err *err)
{
    const struct oci_ps_own *own = call->options;
    struct state             s;
    struct text              t    = {0};
    pid_t                   *list = NULL;
    unsigned                 n    = 0;
    int                      rc   = oci_load(call, &s, err);
    if (rc)
        return rc;
    rc        = cgroup_pids(&s.cgroup, &list, &n, err);
    bool json = own->format && strcmp(own->format, "json") == 0;
    if (!rc && own->format && !json && strcmp(own->format, "table") != 0)
        rc = err_set(err, EINVAL, "invalid format option");
    if (!rc && json) {
        text_open(&t, NULL, '[');
        for (unsigned i = 0; i < n; i++)
            text_i64(&t, NULL, list[i]);
        text_close(&t, ']');
        puts(t.s);
        free(t.s);
    } else if (!rc) {
        call->argv[0] = "ps";
        rc            = run_ps(call->argv, list, n, err);
    }
    free(list);
    state_done(&s);
    return rc;
}
