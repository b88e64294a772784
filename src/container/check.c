/* container/check.c - see check.h. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "container/check.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "container/mounts.h"
#include "container/schedule.h"
#include "isolation/namespaces.h"

#define WRONG(...) err_set(err, EINVAL, __VA_ARGS__)

static int check_version(const struct config *c, struct err *err)
{
    unsigned major, minor;
    if (sscanf(c->version, "%u.%u", &major, &minor) != 2)
        return WRONG("ociVersion '%s' is not a version", c->version);
    return major == 1 ? 0 : WRONG("ociVersion '%s': only 1.x is known", c->version);
}

static int check_namespaces(const struct config *c, struct err *err)
{
    for (unsigned i = 0; i < c->os.n_namespaces; i++) {
        const struct config_namespace *ns = &c->os.namespaces[i];
        if (!namespace_find(ns->type))
            return WRONG("linux.namespaces: there is no namespace '%s'", ns->type);
        for (unsigned k = 0; k < i; k++)
            if (strcmp(c->os.namespaces[k].type, ns->type) == 0)
                return WRONG("malformed spec file: duplicated ns '%s'", ns->type);
    }
    const struct config_namespace *user = config_namespace(c, "user");
    if (user && !user->path && (!c->os.n_uids || !c->os.n_gids))
        return WRONG("a new user namespace needs uidMappings and gidMappings");
    if (user && user->path && (c->os.n_uids || c->os.n_gids))
        return 0; /* engines give both: the maps describe what is joined */
    if (!user && (c->os.n_uids || c->os.n_gids))
        return WRONG("user namespace mappings specified, but user namespace isn't enabled in the "
                     "config");
    return 0;
}

static int check_names(const struct config *c, struct err *err)
{
    const struct config_namespace *uts = config_namespace(c, "uts");
    if (c->hostname && c->hostname[0] && !uts)
        return WRONG("unable to set hostname without a private UTS namespace");
    if (c->domainname && c->domainname[0] && !uts)
        return WRONG("unable to set domainname without a private UTS namespace");
    if (!config_namespace(c, "mount") && (c->os.masked || c->os.readonly) &&
        ((c->os.masked && c->os.masked[0]) || (c->os.readonly && c->os.readonly[0])))
        return WRONG("unable to restrict sys entries without a private MNT namespace");
    if (c->os.n_offsets && !config_namespace(c, "time"))
        return WRONG("time namespace offsets specified, but time namespace isn't enabled in the "
                     "config");
    return 0;
}

/* Only what belongs to a namespace of the container's own: anything else is the host's. */
static int check_sysctl(const struct config *c, struct err *err)
{
    static const char *const ipc[] = {
        "kernel.msgmax", "kernel.msgmnb", "kernel.msgmni",          "kernel.sem",
        "kernel.shmall", "kernel.shmmax", "kernel.shm_rmid_forced", "kernel.shmmni"};
    for (unsigned i = 0; i < c->os.n_sysctl; i++) {
        char name[256];
        snprintf(name, sizeof(name), "%s", c->os.sysctl[i].name);
        for (char *p = name; *p; p++)
            *p = *p == '/' ? '.' : *p;
        bool is_ipc = strncmp(name, "fs.mqueue.", 10) == 0, ok = false;
        for (unsigned k = 0; k < ARRAY_SIZE(ipc); k++)
            is_ipc |= strcmp(name, ipc[k]) == 0;
        const char *kind = is_ipc ? "ipc" : strncmp(name, "net.", 4) == 0 ? "network" : NULL;
        if (strcmp(name, "kernel.domainname") == 0)
            kind = "uts";
        if (strcmp(name, "kernel.hostname") == 0)
            return WRONG("sysctl \"kernel.hostname\" is not allowed: hostname says it");
        ok = kind && config_namespace(c, kind);
        if (strstr(name, "..") || (kind && !ok))
            return WRONG("sysctl \"%s\" is not allowed in the hosts %s namespace",
                         c->os.sysctl[i].name, kind ? kind : "own");
        if (!kind)
            return WRONG("sysctl \"%s\" is not in a separate kernel namespace",
                         c->os.sysctl[i].name);
    }
    return 0;
}

static int check_hooks(const struct config *c, struct err *err)
{
    const struct {
        const char               *name;
        const struct config_hook *list;
        unsigned                  n;
    } kinds[] = {
        {"prestart", c->hooks.prestart, c->hooks.n_prestart},
        {"createRuntime", c->hooks.create_runtime, c->hooks.n_create_runtime},
        {"createContainer", c->hooks.create_container, c->hooks.n_create_container},
        {"startContainer", c->hooks.start_container, c->hooks.n_start_container},
        {"poststart", c->hooks.poststart, c->hooks.n_poststart},
        {"poststop", c->hooks.poststop, c->hooks.n_poststop},
    };
    for (unsigned k = 0; k < ARRAY_SIZE(kinds); k++) {
        for (unsigned i = 0; i < kinds[k].n; i++) {
            const struct config_hook *h = &kinds[k].list[i];
            if (h->path[0] != '/')
                return WRONG("hooks.%s[%u]: '%s' is not an absolute path", kinds[k].name, i,
                             h->path);
            if (h->timeout.set && h->timeout.v <= 0)
                return WRONG("hooks.%s[%u]: the timeout must be above 0", kinds[k].name, i);
        }
    }
    return 0;
}

int config_process_check(const struct config_process *p, struct err *err)
{
    if (!p->args || !p->args[0])
        return WRONG("args must not be empty");
    if (p->cwd[0] != '/')
        return WRONG(p->cwd[0] ? "Cwd must be an absolute path" : "Cwd property must not be empty");
    for (unsigned i = 0; i < p->n_rlimits; i++)
        if (rlimit_number(p->rlimits[i].type) < 0)
            return WRONG("process.rlimits[%u]: there is no '%s'", i, p->rlimits[i].type);
    return schedule_check(p, err);
}

static int check_parts_that_are_not_there(const struct config *c, struct err *err)
{
    if (c->os.rdt && access("/sys/fs/resctrl/schemata", F_OK) < 0)
        return err_set(err, ENOTSUP,
                       "intelRdt is specified in config, but Intel RDT is not "
                       "supported or enabled");
    if (c->os.rdt)
        return err_set(err, ENOTSUP, "intelRdt is not supported");
    if (c->os.mount_label && c->os.mount_label[0] && access("/sys/fs/selinux", F_OK) < 0)
        return err_set(err, ENOTSUP,
                       "selinux label is specified in config, but selinux is "
                       "disabled or not supported");
    return 0;
}

int config_check(const struct config *c, struct err *err)
{
    static int (*const checks[])(const struct config *, struct err *) = {
        check_version,
        check_namespaces,
        check_names,
        check_sysctl,
        check_hooks,
        mounts_check,
        check_parts_that_are_not_there,
    };
    if (!c->root.path || !c->root.path[0])
        return WRONG("root.path is missing");
    if (!c->process)
        return WRONG("process is missing");
    int rc = config_process_check(c->process, err);
    for (unsigned i = 0; i < ARRAY_SIZE(checks) && !rc; i++)
        rc = checks[i](c, err);
    return rc;
}
