/* control/home.c - see home.h. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "control/home.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/pidfd.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/remove.h"
#include "control/events.h"
#include "control/names.h"
#include "vm/clock.h"

#define ID_DIGITS 12
#define KILLED    137 /* 128 + SIGKILL, as a shell says it */

/* ---- the root ---- */

static int make_folders(char *path, struct err *err)
{
    for (char *p = path + 1;; p++) {
        if (*p != '/' && *p)
            continue;
        char was = *p;
        *p       = 0;
        if (mkdir(path, 0700) < 0 && errno != EEXIST)
            return err_errno(err, errno, "make state folder '%s'", path);
        *p = was;
        if (!was)
            return 0;
    }
}

int home_root(char **out, struct err *err)
{
    const char        *own = getenv("GUISE_STATE"), *run = getenv("XDG_RUNTIME_DIR");
    cleanup_free char *root = NULL, *here = NULL;
    if (own && own[0] == '/')
        root = xstrdup(own);
    else if (own && own[0])
        root = xasprintf("%s/%s", here = getcwd(NULL, 0), own);
    else if (run && run[0] == '/')
        root = xasprintf("%s/guise", run);
    else if (geteuid() == 0)
        root = xstrdup("/run/guise");
    else
        return err_set(err, ENOENT, "no state folder: set XDG_RUNTIME_DIR or GUISE_STATE");
    int rc = make_folders(root, err);
    if (!rc)
        *out = steal_ptr(root);
    return rc;
}

static int lock_file(const char *folder, struct err *err)
{
    cleanup_free char *path = xasprintf("%s/lock", folder);
    cleanup_fd int     fd   = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    struct stat        st;
    if (fd < 0)
        return err_errno(err, errno, "lock '%s'", folder);
    while (flock(fd, LOCK_EX) < 0)
        if (errno != EINTR)
            return err_errno(err, errno, "lock '%s'", folder);
    if (fstat(fd, &st) < 0 || st.st_nlink == 0)
        return err_set(err, ENOENT, "it was removed meanwhile");
    return steal_fd(&fd);
}

/* ---- one instance ---- */

void home_done(struct home *h)
{
    free(h->root);
    free(h->dir);
    *h = (struct home){0};
}

void homes_done(struct homes *all)
{
    for (unsigned i = 0; i < all->count; i++)
        home_done(&all->list[i]);
    free(all->list);
    *all = (struct homes){0};
}

int home_lock(const struct home *h, struct err *err)
{
    if (access(h->dir, F_OK) < 0)
        return err_set(err, ENOENT, "it was removed meanwhile");
    return lock_file(h->dir, err);
}

int home_refresh(struct home *h, struct err *err)
{
    return record_load(&h->record, h->dir, err);
}

static int remove_files(const char *dir)
{
    DIR *d = opendir(dir);
    if (!d)
        return -errno;
    for (struct dirent *e; (e = readdir(d));)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            remove_tree(dirfd(d), e->d_name, NULL); /* where this fails, rmdir tells */
    closedir(d);
    return 0;
}

/* The files, then the folder. Who still writes there (a monitor that ends) writes only once more.
 */
static int remove_folder(const char *dir, struct err *err)
{
    int rc = remove_files(dir);
    if (rc)
        return err_errno(err, -rc, "remove '%s'", dir);
    for (unsigned tries = 0; rmdir(dir) < 0 && errno != ENOENT; tries++) {
        if (errno != ENOTEMPTY || tries == 20)
            return err_errno(err, errno, "remove '%s'", dir);
        usleep(1000);
        remove_files(dir);
    }
    return 0;
}

int home_remove(const struct home *h, struct err *err)
{
    int rc = remove_folder(h->dir, err);
    if (rc)
        return rc;
    events_append(h->root, h->record.id, h->record.name, "remove", -1);
    return 0;
}

static bool is_lost(const struct record *r)
{
    return r->life != LIFE_STOPPED && r->pid != 0 && !record_alive(r);
}

void home_settle(struct home *h)
{
    if (!is_lost(&h->record))
        return;
    cleanup_fd int lock = home_lock(h, NULL);
    if (lock < 0 || home_refresh(h, NULL) || !is_lost(&h->record))
        return;
    h->record.life        = LIFE_STOPPED;
    h->record.exit_status = KILLED;
    h->record.finished_ns = clock_host_wall();
    snprintf(h->record.exit_why, sizeof(h->record.exit_why), "monitor killed");
    record_save(&h->record, h->dir, NULL); /* where it cannot, the next one tries again */
    events_append(h->root, h->record.id, h->record.name, "die", KILLED);
    if (h->record.auto_remove)
        home_remove(h, NULL);
}

int home_await_end(struct home *h, int timeout_ms, struct err *err)
{
    int rc = home_refresh(h, err);
    if (rc || h->record.life == LIFE_STOPPED) /* it may stay a while to tell others */
        return rc;
    cleanup_fd int fd = record_alive(&h->record) ? pidfd_open(h->record.pid, 0) : -1;
    struct pollfd  p  = {.fd = fd, .events = POLLIN};
    /* Still ours after it was opened, so the descriptor is the monitor's. */
    if (fd >= 0 && record_alive(&h->record) && poll(&p, 1, timeout_ms) <= 0)
        return err_set(err, ETIMEDOUT, "its monitor does not end");
    home_settle(h);
    return 0;
}

/* ---- all of them ---- */

static int by_creation(const void *a, const void *b)
{
    u64 x = ((const struct home *)a)->record.created_ns;
    u64 y = ((const struct home *)b)->record.created_ns;
    return x < y ? -1 : x > y;
}

static int list(struct homes *out, const char *root, struct err *err)
{
    struct homes all = {0};
    DIR         *d   = opendir(root);
    if (!d)
        return err_errno(err, errno, "read '%s'", root);
    for (struct dirent *e; (e = readdir(d));) {
        struct home h = {.dir = xasprintf("%s/%s", root, e->d_name)};
        if (e->d_name[0] == '.' || record_load(&h.record, h.dir, NULL)) {
            home_done(&h);
            continue;
        }
        h.root                = xstrdup(root);
        all.list              = xrealloc(all.list, (all.count + 1) * sizeof(h));
        all.list[all.count++] = h;
    }
    closedir(d);
    if (all.count)
        qsort(all.list, all.count, sizeof(all.list[0]), by_creation);
    *out = all;
    return 0;
}

int home_list(struct homes *out, const char *root, struct err *err)
{
    int rc = list(out, root, err);
    if (rc)
        return rc;
    unsigned kept = 0;
    for (unsigned i = 0; i < out->count; i++) {
        struct home h = out->list[i];
        home_settle(&h);
        if (access(h.dir, F_OK) == 0)
            out->list[kept++] = h;
        else
            home_done(&h);
    }
    out->count = kept;
    return 0;
}

/* A whole name or id wins over any prefix; of prefixes there may be only one. */
static const struct home *match(const struct homes *all, const char *name, struct err *err)
{
    const struct home *found        = NULL;
    unsigned           matches      = 0;
    char               several[160] = "";
    size_t             len          = strlen(name);
    for (unsigned i = 0; i < all->count; i++) {
        const struct record *r = &all->list[i].record;
        if (strcmp(r->name, name) == 0 || strcmp(r->id, name) == 0)
            return &all->list[i];
        if (len == 0 || (strncmp(r->name, name, len) != 0 && strncmp(r->id, name, len) != 0))
            continue;
        size_t at = strlen(several);
        snprintf(several + at, sizeof(several) - at, "%s%s", at ? ", " : "", r->name);
        found = &all->list[i];
        matches++;
    }
    if (matches == 1)
        return found;
    if (matches == 0)
        err_set(err, ENOENT, "no such instance: %s", name);
    else
        err_set(err, ENOTUNIQ, "'%s' is ambiguous: %s", name, several);
    return NULL;
}

int home_find(struct home *out, const char *root, const char *name, struct err *err)
{
    struct homes all;
    struct err   why = {0};
    int          rc  = list(&all, root, err);
    if (rc)
        return rc;
    const struct home *found = match(&all, name, &why);
    if (found) {
        *out = (struct home){xstrdup(found->root), xstrdup(found->dir), found->record};
        home_settle(out);
    }
    homes_done(&all);
    return found ? 0 : err_set(err, why.code, "%s", why.text);
}

/* ---- a new one ---- */

/* Folders without a record: whoever made or removed them was killed meanwhile. The root is
 * locked, so nobody is making one now. */
static void sweep(const char *root)
{
    DIR *d = opendir(root);
    if (!d)
        return;
    for (struct dirent *e; (e = readdir(d));) {
        cleanup_free char *dir    = xasprintf("%s/%s", root, e->d_name);
        cleanup_free char *record = xasprintf("%s/state.json", dir);
        if (strlen(e->d_name) == ID_DIGITS && strspn(e->d_name, "0123456789abcdef") == ID_DIGITS &&
            access(record, F_OK) < 0)
            remove_folder(dir, NULL);
    }
    closedir(d);
}

static bool taken(const struct homes *all, const char *name)
{
    for (unsigned i = 0; i < all->count; i++)
        if (strcmp(all->list[i].record.name, name) == 0 ||
            strcmp(all->list[i].record.id, name) == 0)
            return true;
    return false;
}

static u64 random_64(void)
{
    u64 n;
    if (getrandom(&n, sizeof(n), 0) != sizeof(n))
        n = (clock_host_wall() ^ (u64)getpid()) * 0x9e3779b97f4a7c15ull;
    return n;
}

static int choose_names(const struct homes *all, struct spec *spec, struct err *err)
{
    if (spec->name && !spec_name_ok(spec->name))
        return err_set(err, EINVAL, "name '%s' is not of the form [a-zA-Z0-9][a-zA-Z0-9_.-]+",
                       spec->name);
    if (spec->name && taken(all, spec->name))
        return err_set(err, EEXIST, "name '%s' is in use", spec->name);
    do {
        free(spec->id);
        spec->id = xasprintf("%012llx", (unsigned long long)(random_64() >> 16));
    } while (taken(all, spec->id));
    while (!spec->name || taken(all, spec->name)) {
        free(spec->name);
        spec->name = names_make(random_64());
    }
    return 0;
}

static void fill_record(struct record *r, const struct spec *spec)
{
    *r            = (struct record){.life = LIFE_CREATED, .auto_remove = spec->auto_remove};
    r->created_ns = clock_host_wall();
    snprintf(r->id, sizeof(r->id), "%s", spec->id);
    snprintf(r->name, sizeof(r->name), "%s", spec->name);
    snprintf(r->kind, sizeof(r->kind), "%s", spec->kind ? spec->kind : "");
    snprintf(r->engine, sizeof(r->engine), "%s", spec->engine ? spec->engine : "");
    snprintf(r->workload, sizeof(r->workload), "%s", spec->workload);
}

/* The record comes last: a folder without one does not exist to anybody. */
static int fill(struct home *h, const struct spec *spec, struct err *err)
{
    cleanup_free char *config = xasprintf("%s/config.json", h->dir);
    if (mkdir(h->dir, 0700) < 0)
        return err_errno(err, errno, "make state folder '%s'", h->dir);
    int rc = spec_save(spec, config, err);
    return rc ? rc : record_save(&h->record, h->dir, err);
}

int home_create(struct home *out, const char *root, struct spec *spec, struct err *err)
{
    struct homes   all  = {0};
    cleanup_fd int lock = lock_file(root, err);
    if (lock < 0)
        return lock;
    sweep(root);
    int rc = list(&all, root, err);
    if (!rc)
        rc = choose_names(&all, spec, err);
    homes_done(&all);
    if (rc)
        return rc;
    struct home h = {.root = xstrdup(root), .dir = xasprintf("%s/%s", root, spec->id)};
    fill_record(&h.record, spec);
    rc = fill(&h, spec, err);
    if (rc) {
        home_remove(&h, NULL);
        home_done(&h);
        return rc;
    }
    events_append(root, h.record.id, h.record.name, "create", -1);
    *out = h;
    return 0;
}
