/* cli/run.c - run and create: from options to an instance. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "cli/explain.h"
#include "cli/images.h"
#include "cli/verbs.h"
#include "control/choose.h"
#include "control/client.h"
#include "control/monitor.h"

const struct run_own run_defaults = {.keys = KEYS_DEFAULT};

const struct option_row run_options[] = {
    {"detach", 'd', NULL, "leave it running in the background, print its id", set_flag,
     OPT_OWN(struct run_own, detach)},
    {"interactive", 'i', NULL, "pass what is typed on to it", set_flag, OPT_SPEC(interactive)},
    {"tty", 't', NULL, "use the terminal raw, as a console", set_flag, OPT_SPEC(tty)},
    {"name", 0, "NAME", "its name; otherwise one is made up", set_text, OPT_SPEC(name)},
    {"rm", 0, NULL, "remove it when it has ended", set_flag, OPT_SPEC(auto_remove)},
    {"cpus", 0, "N", "number of CPUs (1); containers: a share of the time, as 0.5", set_cpus,
     OPT_WHOLE_SPEC},
    {"jit", 0, "WORDS", "for tests of the translator: flush, small, plain, joined by commas",
     set_text, OPT_SPEC(jit)},
    {"vlen", 0, "BITS", "length of a vector register: 128, 256, or 0 for no vectors (128)",
     set_number, OPT_SPEC(vlen)},
    {"memory", 'm', "SIZE", "memory: 512M, 2g or bytes (512M; containers: no limit)", set_memory,
     OPT_WHOLE_SPEC},
    {"volume", 'v', "HOST:GUEST[:ro]", "share a folder of the host", set_volume, OPT_WHOLE_SPEC,
     COMPLETE_FILE},
    {"publish", 'p', "[IP:]HOST:GUEST[/udp]", "forward a port of the host", set_port,
     OPT_WHOLE_SPEC},
    {"env", 'e', "NAME[=VALUE]", "set an environment variable", set_env, OPT_WHOLE_SPEC},
    {"env-file", 0, "FILE", "read environment variables from a file", set_env_file, OPT_WHOLE_SPEC,
     COMPLETE_FILE},
    {"network", 0, "MODE[,OPTION...]",
     "none, user or tap, may be given more than once; containers: none (so by default) or host",
     set_net, OPT_WHOLE_SPEC},
    {"net", 0, "MODE", NULL, set_net, OPT_WHOLE_SPEC},
    {"root", 0, "DIR", "programs: look below DIR first for absolute names of files", set_path,
     OPT_SPEC(root), COMPLETE_FILE},
    {"workdir", 'w', "DIR", "programs and containers: start there", set_text, OPT_SPEC(cwd)},
    {"entrypoint", 0, "PROGRAM", "images: run this instead of the image's own", set_text,
     OPT_SPEC(entrypoint)},
    {"user", 'u', "USER[:GROUP]", "containers: run as this user", set_text, OPT_SPEC(user)},
    {"hostname", 0, "NAME", "containers: the host's name inside", set_text, OPT_SPEC(hostname)},
    {"read-only", 0, NULL, "containers: the root cannot be written", set_flag, OPT_SPEC(read_only)},
    {"tmpfs", 0, "DIR[:OPTION,...]", "containers: memory as a folder", set_texts, OPT_SPEC(tmpfs)},
    {"cap-add", 0, "NAME", "containers: a capability more, or all", set_texts, OPT_SPEC(cap_add)},
    {"cap-drop", 0, "NAME", "containers: a capability less, or all", set_texts, OPT_SPEC(cap_drop)},
    {"privileged", 0, NULL, "containers: all capabilities and devices, nothing masked", set_flag,
     OPT_SPEC(privileged)},
    {"pids-limit", 0, "N", "containers: at most so many processes", set_number,
     OPT_SPEC(pids_limit)},
    {"security-opt", 0, "no-new-privileges", "containers: programs gain no rights", set_security,
     OPT_WHOLE_SPEC},
    {"strace", 0, NULL, "programs: tell each system call", set_flag, OPT_SPEC(strace)},
    {"java-opt", 0, "OPTION", "java: an option of java's own, as often as needed", set_texts,
     OPT_SPEC(java_opts)},
    {"as", 0, "KIND", "take this kind of machine, whatever the workload looks like", set_text,
     OPT_SPEC(kind), COMPLETE_KIND},
    {"engine", 0, "ENGINE", "take this engine", set_text, OPT_SPEC(engine)},
    {"explain", 0, NULL, "say which kinds and engines fit and why; run nothing", set_flag,
     OPT_OWN(struct run_own, explain)},
    {"json", 0, NULL, "with --explain: as JSON", set_flag, OPT_OWN(struct run_own, json)},
    {"kernel", 0, "FILE", "boot this kernel; the workload is its disk", set_path, OPT_SPEC(kernel),
     COMPLETE_FILE},
    {"initrd", 0, "FILE", "initial RAM disk", set_path, OPT_SPEC(initrd), COMPLETE_FILE},
    {"append", 0, "STRING", "the kernel's command line", set_text, OPT_SPEC(append)},
    {"firmware", 0, "builtin|none|FILE", "what runs before the kernel (builtin)", set_firmware,
     OPT_SPEC(firmware), COMPLETE_FILE},
    {"bare", 0, "MODE[,at=ADDR][,entry=ADDR]",
     "a flat x86-64 binary; MODE is real, protected or long", set_text, OPT_SPEC(bare)},
    {"cpu", 0, "host|baseline", "the CPU that the guest sees, of engine kvm (host)", set_text,
     OPT_SPEC(cpu)},
    {"console", 0, "uart|virtio", "what hears what is typed: ttyS0 or hvc0 of Linux (uart)",
     set_console, OPT_SPEC(console)},
    {"disk", 0, "FILE[,format=raw|qcow2][,ro][,KEY=VALUE...]",
     "attach a disk; model=MODEL (guise disk models): as slow as that", set_disk, OPT_WHOLE_SPEC,
     COMPLETE_FILE},
    {"machine", 0, "NAME", "the board: virt (riscv64) or pc (x86-64)", set_text, OPT_SPEC(machine)},
    {"gdb", 0, "PORT|unix:PATH", "let a debugger in", set_gdb, OPT_SPEC(gdb)},
    {"gdb-wait", 0, NULL, "with --gdb: start stopped", set_flag, OPT_SPEC(gdb_wait)},
    {"trace", 0, "LIST", "trace insn, irq, mmio, ...", set_text, OPT_SPEC(trace)},
    {"trace-file", 0, "FILE", "write the trace there, not to the monitor's log", set_path,
     OPT_SPEC(trace_file), COMPLETE_FILE},
    {"stats", 0, NULL, "print the machine's numbers at its end", set_flag, OPT_SPEC(stats)},
    {"cidfile", 0, "FILE", "write the id to a new file", set_path, OPT_OWN(struct run_own, cidfile),
     COMPLETE_FILE},
    {"detach-keys", 0, "KEYS", "keys that detach (ctrl-p,ctrl-q)", set_detach_keys,
     OPT_OWN(struct run_own, keys)},
    {0},
};

/* The words become the workload and its arguments. */
static int take_words(struct command *c)
{
    c->spec->workload  = path_absolute(c->words[0]);
    c->spec->cwd_given = c->spec->cwd;
    if (!c->spec->cwd)
        c->spec->cwd = path_absolute(".");
    for (int i = 1; i < c->n_words; i++)
        strings_add(&c->spec->args, c->words[i]);
    struct err err = {0};
    return image_for_run(c->spec, c->words[0], &err) ? complain(c, EXIT_GUISE, &err) : 0;
}

static int status_of(int rc)
{
    return rc == -ENOENT ? EXIT_NOT_FOUND : rc == -ENOEXEC ? EXIT_CANNOT : EXIT_GUISE;
}

static int choose_kind(struct command *c)
{
    struct err    err = {0};
    struct choice choice;
    int           rc = choose(kinds, c->spec, &choice, &err);
    if (rc)
        return complain(c, status_of(rc), &err);
    free(c->spec->kind);
    c->spec->kind = xstrdup(choice.kind->name);
    if (!c->spec->engine)
        c->spec->engine = xstrdup(choice.probe.engine);
    return spec_check(c->spec, &err) ? complain(c, EXIT_GUISE, &err) : 0;
}

/* Reserved before the instance is there, so that a file which exists stops everything. */
static int open_cidfile(const char *path, struct err *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    return fd < 0 ? err_errno(err, errno, "--cidfile %s", path) : fd;
}

/* A container's program is looked for when the container is made. */
static int failed_status(const struct spec *s, int rc)
{
    if (!s->kind || strcmp(s->kind, "container") != 0)
        return EXIT_GUISE;
    return rc == -ENOENT ? EXIT_NOT_FOUND : rc == -EACCES ? EXIT_CANNOT : EXIT_GUISE;
}

static int make_home(struct command *c, struct home *out)
{
    struct err            err  = {0};
    const struct run_own *o    = c->own;
    cleanup_free char    *root = NULL;
    cleanup_fd int        cid  = -1;
    int                   rc   = home_root(&root, &err);
    if (!rc && o->cidfile) {
        cid = open_cidfile(o->cidfile, &err);
        rc  = MIN(cid, 0);
    }
    if (!rc)
        rc = home_create(out, root, c->spec, &err);
    if (!rc && (rc = monitor_spawn(kinds, out, NULL, &err))) {
        home_remove(out, NULL);
        home_done(out);
    }
    if (rc && cid >= 0)
        unlink(o->cidfile);
    if (!rc && cid >= 0)
        dprintf(cid, "%s", out->record.id);
    return rc ? complain(c, failed_status(c->spec, rc), &err) : 0;
}

/* -it without a terminal: the user expects one, as docker says too. */
static int check_terminal(struct command *c)
{
    const struct run_own *o = c->own;
    if (o->detach || !c->spec->tty || !c->spec->interactive || isatty(STDIN_FILENO))
        return 0;
    struct err err;
    err_set(&err, ENOTTY, "-t needs a terminal, and the input is none");
    return complain(c, EXIT_GUISE, &err);
}

/* With --rm the name is free when we end: the monitor removes the folder as its last act. */
static void wait_until_removed(const struct home *h)
{
    enum { PATIENCE_MS = 10000 };
    struct record r;
    for (int ms = 0; ms < PATIENCE_MS && !record_load(&r, h->dir, NULL); ms++) {
        if (r.life != LIFE_STOPPED || process_start(r.pid) != r.pid_start)
            return; /* detached from; or the monitor was killed before */
        usleep(1000);
    }
}

static int run_in_foreground(struct command *c, struct home *h)
{
    const struct run_own *o      = c->own;
    struct err            err    = {0};
    int                   status = session_of_own(c, h, &o->keys, "start", &err);
    if (status >= 0 && c->spec->auto_remove)
        wait_until_removed(h);
    if (status >= 0)
        return status;
    client_ask(h->dir, "stop", NULL, 5000, NULL, NULL);
    return complain(c, EXIT_GUISE, &err);
}

static int run_detached(struct command *c, struct home *h)
{
    struct err err = {0};
    if (client_ask(h->dir, "start", NULL, -1, NULL, &err)) {
        client_ask(h->dir, "stop", NULL, 5000, NULL, NULL);
        return complain(c, EXIT_GUISE, &err);
    }
    puts(h->record.id);
    return 0;
}

static int make(struct command *c, struct home *h)
{
    int status = take_words(c);
    if (!status)
        status = check_terminal(c);
    if (!status)
        status = choose_kind(c);
    return status ? status : make_home(c, h);
}

int verb_run(struct command *c)
{
    const struct run_own *o = c->own;
    struct home           h;
    if (o->explain) {
        int bad = take_words(c);
        return bad ? bad : explain(c, o->json);
    }
    int status = make(c, &h);
    if (status)
        return status;
    status = o->detach ? run_detached(c, &h) : run_in_foreground(c, &h);
    home_done(&h);
    return status;
}

int verb_create(struct command *c)
{
    struct run_own *o = c->own;
    struct home     h;
    if (o->explain) {
        int bad = take_words(c);
        return bad ? bad : explain(c, o->json);
    }
    o->detach  = true;
    int status = make(c, &h);
    if (status)
        return status;
    puts(h.record.id);
    home_done(&h);
    return 0;
}
