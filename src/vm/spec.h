/* vm/spec.h - what to run: one description for every kind, read from and written to the
 * instance's config.json (an OCI bundle's, with its `vm` section and guise's own keys).
 *
 * Plain data. Strings are owned by the spec; NULL means not given. Kinds read it, never
 * change it. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VM_SPEC_H
#define VM_SPEC_H

#include "base/err.h"

struct spec_disk {
    char *path;
    char *format; /* "raw", "qcow2"; NULL: by its bytes */
    bool  read_only;
    char *options; /* the rest, "key=value,..." for the device; NULL: none */
};

struct spec_share { /* -v HOST:GUEST[:ro] */
    char *host, *guest;
    bool  read_only;
};

struct spec_port { /* -p [HOSTIP:]HOST:GUEST[/udp] */
    char *host_ip;
    u16   host, guest;
    bool  udp;
};

struct spec_net {
    char *mode;    /* "none", "user", "tap" */
    char *options; /* "ifname=tap0,mac=..." or NULL */
};

struct spec {
    char *id;            /* 12 hex digits, made at create */
    char *name;          /* of the user's choice, or made up */
    char *kind, *engine; /* forced by --as, --engine; NULL: chosen */

    char  *workload; /* absolute path */
    char **args;     /* NULL-terminated, may be empty */
    char **env;      /* "NAME=VALUE" */

    unsigned cpus; /* 1.. */
    char    *jit;  /* hard conditions for the translator; see rv64_config */
    unsigned vlen; /* bits of a vector register; 0: there are none */
    u64      memory_bytes;
    bool     tty, interactive, auto_remove;

    /* programs */
    char *root; /* looked into first for absolute names of files */
    char *cwd;  /* where it starts */
    bool  strace;

    /* containers; with the cwd above when it was given, cpus as a share of time */
    char   **layers;              /* folders, the lowest first: the root is made of them */
    char    *entrypoint;          /* instead of the image's; "": none */
    char    *user;                /* "USER[:GROUP]", names of the container's own */
    char    *hostname;            /* NULL: the id */
    char   **tmpfs;               /* "DIR[:OPTION,...]" */
    char   **cap_add, **cap_drop; /* names, or "all" */
    unsigned pids_limit;          /* 0: none */
    unsigned cpu_milli;           /* thousandths of a CPU; 0: all there is */
    bool     read_only, privileged, no_new_privileges, memory_given, cwd_given;

    /* Java programs */
    char **java_opts; /* of java's own, before the program */

    /* machines */
    char              *machine; /* board: "virt" */
    char              *initrd, *append;
    char              *firmware; /* "builtin", "none" or a path; NULL: builtin */
    char              *kernel;   /* --kernel, when the workload is a disk */
    char              *bare;     /* a flat binary: "real", "long,at=0x1000"; NULL: none */
    char              *cpu;      /* which CPU the guest sees, of engine kvm; NULL: host */
    char              *console;  /* "uart", "virtio"; NULL: uart */
    struct spec_disk  *disks;
    struct spec_share *shares;
    struct spec_port  *ports;
    struct spec_net   *nets;
    unsigned           n_disks, n_shares, n_ports, n_nets;
    char              *gdb;        /* "PORT" or "unix:PATH"; NULL: none */
    bool               gdb_wait;   /* --gdb starts stopped, as with QEMU's -S */
    char              *trace;      /* "insn,irq,mmio..."; NULL: none */
    char              *trace_file; /* NULL: the monitor's log */
    bool               stats;      /* print them at exit */
};

struct spec *spec_create(void);
void         spec_destroy(struct spec *);                                     /* NULL is fine */
int          spec_load(struct spec **out, const char *path, struct err *err); /* config.json */
int          spec_save(const struct spec *, const char *path, struct err *err);
int          spec_parse(struct spec **out, const char *text, size_t len, struct err *err);
char        *spec_text(const struct spec *);                   /* as JSON; the caller frees */
int          spec_check(const struct spec *, struct err *err); /* what is there makes sense */
bool         spec_name_ok(const char *name); /* [a-zA-Z0-9][a-zA-Z0-9_.-]+, up to 63 bytes */

void     strings_add(char ***list, const char *s); /* a NULL-terminated list; NULL is empty */
unsigned strings_count(char *const *list);
void     strings_free(char **list);

#endif
