/* container/kind.c - the kind `container` for the monitor: a bundle that guise-oci runs.
 *
 * The runtime is a program of its own, called for each step (it seals itself, which a monitor
 * cannot); the container's first process becomes a child of the monitor, which is told of its
 * end. Output and input are a terminal with -t, otherwise pipes; both end at the console. Loop
 * thread only. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "container/kind.h"

#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "container/bundle.h"
#include "container/state.h"
#include "container/usage.h"
#include "isolation/channel.h"
#include "isolation/mount.h"
#include "vm/child.h"

struct box_instance {
    struct instance inst;
    struct child    child; /* its first process */
    struct state    state; /* dir is NULL: not loaded */
};

static struct box_instance *of(struct instance *inst)
{
    return container_of(inst, struct box_instance, inst);
}

char *container_helper(const char *name)
{
    char    self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    if (n > 0) {
        self[n] = 0;
        /* Tests run a program of theirs from a folder further down. */
        for (char *slash; (slash = strrchr(self, '/'));) {
            *slash                    = 0;
            cleanup_free char *beside = xasprintf("%s/%s", self, name);
            if (access(beside, X_OK) == 0)
                return steal_ptr(beside);
            if (strcmp(slash + 1, "test") == 0)
                break;
        }
    }
    return xstrdup(name);
}

char *container_states(const char *dir)
{
    return xasprintf("%s/oci", dir);
}

static void probe(const struct spec *spec, struct probe *out)
{
    static const struct {
        int         score;
        const char *why;
    } answers[] = {
        [BUNDLE_NONE]  = {0, "neither a root folder nor an OCI bundle"},
        [BUNDLE_ROOT]  = {85, "a folder with a Linux root in it"},
        [BUNDLE_OCI]   = {95, "an OCI bundle"},
        [BUNDLE_IMAGE] = {98, "an image"},
    };
    enum bundle_kind kind = spec->layers ? BUNDLE_IMAGE : bundle_look(spec->workload);
    *out                  = (struct probe){.score = answers[kind].score, .engine = "native"};
    snprintf(out->why, sizeof(out->why), "%s", answers[kind].why);
    snprintf(out->engine_why, sizeof(out->engine_why), "%s",
             "the host's kernel runs its programs, in namespaces of their own");
}

/* ---- the runtime ---- */

static void keep_error(int fd, char *text, size_t room)
{
    size_t  have = 0;
    ssize_t n;
    while (have < room - 1 && (n = read(fd, text + have, room - 1 - have)) > 0)
        have += (size_t)n;
    text[have]                = 0;
    text[strcspn(text, "\n")] = 0;
}

static _Noreturn void become_runtime(char **argv, const int ends[2], int error_fd)
{
    sigset_t none;
    sigemptyset(&none);
    for (int sig = 1; sig < NSIG; sig++)
        signal(sig, SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    umask(022);
    /* The container's output is not the runtime's: what the runtime says goes to the log. */
    dup2(ends[0], 0);
    dup2(ends[1], 1);
    dup2(ends[1] >= 0 ? ends[1] : error_fd, 2);
    execvp(argv[0], argv);
    dprintf(error_fd, "%s: %s\n", argv[0], strerror(errno));
    _exit(127);
}

/* Programs that are not there, or may not be run, are the user's mistake of another kind. */
static int code_of(const char *message)
{
    if (!strstr(message, "exec: "))
        return EIO;
    return strstr(message, "permission denied") ? EACCES : ENOENT;
}

/* JSON's and the log's own quotes are taken off. */
static void unquote(char *text)
{
    char *to = text;
    for (const char *from = text; *from && *from != '"'; from++) {
        if (*from == '\\' && from[1])
            from++;
        *to++ = *from;
    }
    *to = 0;
}

/* Runs guise-oci with WORDS, to its end. ENDS: what the container gets as input and output. */
static int runtime(struct box_instance *b, const char *const *words, const int ends[2],
                   struct err *err)
{
    const int          none[2]   = {-1, -1};
    cleanup_free char *program   = container_helper("guise-oci");
    cleanup_free char *states    = container_states(b->inst.dir);
    cleanup_free char *log       = xasprintf("%s/runtime.log", b->inst.dir);
    const char        *argv[24]  = {program, "--root", states, "--log", log};
    char               said[400] = "";
    unsigned           n         = 5;
    int                pipe_fd[2], status = -1;
    for (; *words && n < ARRAY_SIZE(argv) - 1; words++)
        argv[n++] = *words;
    if (pipe2(pipe_fd, O_CLOEXEC) < 0)
        return err_errno(err, errno, "make a pipe");
    unlink(log);
    pid_t pid = fork();
    if (pid == 0)
        become_runtime((char **)argv, ends ? ends : none, pipe_fd[1]);
    close(pipe_fd[1]);
    if (!ends)
        keep_error(pipe_fd[0], said, sizeof(said));
    close(pipe_fd[0]);
    if (pid < 0)
        return err_errno(err, errno, "make a process");
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    if (status == 0)
        return 0;
    cleanup_fd int log_fd = open(log, O_RDONLY | O_CLOEXEC);
    if (log_fd >= 0)
        keep_error(log_fd, said, sizeof(said));
    /* time="..." level=error msg="TEXT" */
    char *message = strstr(said, "msg=\"");
    if (message)
        unquote(message + 5);
    message = message ? message + 5 : said[0] ? said : "guise-oci failed";
    return err_set(err, code_of(message), "%s", message);
}

/* ---- its terminal comes over a socket ---- */

static int listen_console(struct box_instance *b, char **path, struct err *err)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int                fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    *path                 = xasprintf("%s/console.sock", b->inst.dir);
    if (fd < 0 || strlen(*path) >= sizeof(at.sun_path))
        return err_errno(err, fd < 0 ? errno : ENAMETOOLONG, "make '%s'", *path);
    memcpy(at.sun_path, *path, strlen(*path) + 1);
    unlink(*path);
    if (bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(fd, 1) < 0) {
        close(fd);
        return err_errno(err, errno, "make '%s'", *path);
    }
    return fd;
}

static int accept_console(struct box_instance *b, int listener, struct err *err)
{
    cleanup_fd int fd  = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    int            got = fd < 0 ? -errno : channel_take_fd(fd);
    if (got < 0)
        return err_errno(err, -got, "get the terminal");
    fcntl(got, F_SETFL, O_RDWR | O_NONBLOCK);
    return child_terminal(&b->child, got, err);
}

static int make_with_terminal(struct box_instance *b, const char *bundle, const char *pid_file,
                              struct err *err)
{
    cleanup_free char *path     = NULL;
    cleanup_fd int     listener = listen_console(b, &path, err);
    if (listener < 0)
        return listener;
    const char *const words[] = {
        "create", "--die-with-parent", "--bundle", bundle,           "--console-socket",
        path,     "--pid-file",        pid_file,   b->inst.spec->id, NULL};
    int rc = runtime(b, words, NULL, err);
    unlink(path);
    return rc ? rc : accept_console(b, listener, err);
}

static int make_with_pipes(struct box_instance *b, const char *bundle, const char *pid_file,
                           struct err *err)
{
    const char *const words[] = {"create", "--die-with-parent", "--bundle", bundle, "--pid-file",
                                 pid_file, b->inst.spec->id,    NULL};
    int               ends[2] = {-1, -1};
    int               rc      = child_pipes(&b->child, ends, err);
    if (!rc)
        rc = runtime(b, words, ends, err);
    for (int i = 0; i < 2; i++)
        if (ends[i] >= 0)
            close(ends[i]);
    /* What the runtime said there was not the container's. */
    if (rc) {
        close(b->child.out);
        b->child.out = -1;
    }
    return rc;
}

void container_sweep(const char *dir, const char *id)
{
    cleanup_free char *program = container_helper("guise-oci");
    cleanup_free char *states  = container_states(dir);
    cleanup_free char *state   = xasprintf("%s/%s", states, id);
    char              *argv[]  = {program, "--root", states, "delete", "--force", (char *)id, NULL};
    pid_t              pid     = access(state, F_OK) == 0 ? fork() : -1;
    if (pid == 0) {
        execvp(argv[0], argv);
        _exit(127);
    }
    while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        continue;
}

/* ---- an image's root ---- */

#define LAYERS_MAX (MOUNT_DATA_MAX - 2)

static int mount_private(const struct mount_options *o, const char *place, struct err *err)
{
    if (unshare(CLONE_NEWNS) < 0)
        return err_errno(err, errno, "make a mount namespace");
    cleanup_fd int top = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    int            rc  = mount_attr(top, 0, 0, MOUNT_SLAVE, true);
    if (rc)
        return err_errno(err, -rc, "set the propagation of /");
    cleanup_fd int fd = mount_new("overlay", "overlay", o, err);
    cleanup_fd int at = open(place, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_wrap(err, "mount the image");
    rc = at < 0 ? -errno : mount_attach(fd, at);
    return rc ? err_errno(err, -rc, "mount '%s'", place) : 0;
}

/* ---- its life ---- */

/* The image's layers with a writable one on top, in a mount namespace of the monitor's own: what
 * is mounted there goes with it, however it ends. The writable layer stays, for the next start. */
static int mount_image(struct instance *inst, char **root, struct err *err)
{
    static const char *const folders[] = {"upper", "work", "root"};
    struct mount_options     o         = {0};
    char                    *words[LAYERS_MAX + 2];
    unsigned                 n = strings_count(inst->spec->layers), used = 0;
    if (n > LAYERS_MAX)
        return err_set(err, E2BIG, "more than %d layers", LAYERS_MAX);
    for (unsigned i = 0; i < ARRAY_SIZE(folders); i++) {
        cleanup_free char *path = xasprintf("%s/%s", inst->dir, folders[i]);
        if (mkdir(path, 0755) < 0 && errno != EEXIST)
            return err_errno(err, errno, "make '%s'", path);
    }
    /* The root's own mode and owner are the writable layer's. */
    cleanup_free char *upper = xasprintf("%s/upper", inst->dir);
    struct stat        st;
    if (n && stat(inst->spec->layers[n - 1], &st) == 0 &&
        (chmod(upper, st.st_mode & 07777) < 0 || chown(upper, st.st_uid, st.st_gid) < 0))
        return err_errno(err, errno, "make '%s'", upper);
    /* The uppermost first. */
    while (n--)
        words[used++] = xasprintf("lowerdir+=%s", inst->spec->layers[n]);
    words[used++] = xasprintf("upperdir=%s/upper", inst->dir);
    words[used++] = xasprintf("workdir=%s/work", inst->dir);
    for (unsigned i = 0; i < used; i++)
        o.data[o.n_data++] = words[i];
    free(*root);
    *root  = xasprintf("%s/root", inst->dir);
    int rc = mount_private(&o, *root, err);
    for (unsigned i = 0; i < used; i++)
        free(words[i]);
    return rc;
}

static int create(struct instance *inst, struct err *err)
{
    struct box_instance *b        = of(inst);
    cleanup_free char   *bundle   = xasprintf("%s/bundle", inst->dir);
    cleanup_free char   *pid_file = xasprintf("%s/container.pid", inst->dir);
    cleanup_free char   *states   = container_states(inst->dir);
    cleanup_free char   *root     = xstrdup(inst->spec->workload);
    child_init(&b->child, inst);
    container_sweep(inst->dir, inst->spec->id);
    if (mkdir(bundle, 0700) < 0 && errno != EEXIST)
        return err_errno(err, errno, "make '%s'", bundle);
    int rc = inst->spec->layers ? mount_image(inst, &root, err) : 0;
    if (!rc)
        rc = bundle_write(inst->spec, root, bundle, err);
    if (rc)
        return rc;
    /* Whose parent ends becomes our child, so its end is told to us. */
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    rc = inst->spec->tty ? make_with_terminal(b, bundle, pid_file, err)
                         : make_with_pipes(b, bundle, pid_file, err);
    if (!rc)
        rc = state_load(&b->state, states, inst->spec->id, err);
    if (!rc)
        rc = child_watch(&b->child, b->state.pid, err);
    child_connect(&b->child);
    return rc;
}

static int simple(struct instance *inst, const char *verb, const char *more, struct err *err)
{
    const char *const words[] = {verb, inst->spec->id, more, NULL};
    return runtime(of(inst), words, NULL, err);
}

static int start(struct instance *inst, struct err *err)
{
    int rc = simple(inst, "start", NULL, err);
    if (!rc)
        console_ready(inst->console);
    return rc;
}

static int pause_(struct instance *inst, struct err *err)
{
    return simple(inst, "pause", NULL, err);
}

static int resume(struct instance *inst, struct err *err)
{
    return simple(inst, "resume", NULL, err);
}

static int kill_(struct instance *inst, int sig, struct err *err)
{
    char text[8];
    snprintf(text, sizeof(text), "%d", sig);
    return simple(inst, "kill", text, err);
}

static int stop(struct instance *inst, struct err *err)
{
    return kill_(inst, SIGTERM, err);
}

static void stats(struct instance *inst, struct stats *out)
{
    struct usage u;
    if (!of(inst)->state.dir)
        return;
    usage_read(&of(inst)->state.cgroup, &u);
    stats_add(out, u.cpu_ns, "ns", "container.cpu");
    stats_add(out, u.user_ns, "ns", "container.cpu.user");
    stats_add(out, u.kernel_ns, "ns", "container.cpu.kernel");
    stats_add(out, u.memory, "bytes", "container.memory");
    stats_add(out, u.pids, "", "container.processes");
}

/* All that was made in the instance's folder: it starts again from its spec. */
static void remove_files(const char *dir)
{
    static const char *const files[]   = {"bundle/config.json", "container.pid", "runtime.log"};
    static const char *const folders[] = {"bundle", "oci"};
    cleanup_fd int           fd        = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    for (unsigned i = 0; i < ARRAY_SIZE(files); i++)
        unlinkat(fd, files[i], 0);
    for (unsigned i = 0; i < ARRAY_SIZE(folders); i++)
        unlinkat(fd, folders[i], AT_REMOVEDIR);
}

static void destroy(struct instance *inst)
{
    struct box_instance *b       = of(inst);
    const char *const    words[] = {"delete", "--force", inst->spec->id, NULL};
    struct err           err;
    if (b->state.dir && runtime(b, words, NULL, &err))
        log_warn("delete: %s", err.text);
    while (waitpid(-1, NULL, WNOHANG) > 0)
        continue;
    child_drain(&b->child);
    state_done(&b->state);
    remove_files(inst->dir);
    child_done(&b->child);
}

static const char *const engines[] = {"native", NULL};

const struct kind container_kind = {
    .name    = "container",
    .summary = "a Linux root, isolated: an OCI container",
    .engines = engines,
    .size    = sizeof(struct box_instance),
    .probe   = probe,
    .create  = create,
    .start   = start,
    .pause   = pause_,
    .resume  = resume,
    .stop    = stop,
    .kill    = kill_,
    .stats   = stats,
    .destroy = destroy,
};
