/* java/invoke.c - JNI's invocation interface: VMs are made, threads come and go, VMs end. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "java/boot.h"
#include "java/code.h"
#include "java/jni.h"
#include "java/jni_fns.h"
#include "java/options.h"

/* The first VM of the process, for JNI_GetCreatedJavaVMs. */
static struct vm *created;

/* A JDK is where bin/java was started from, or where JAVA_HOME says. */
static bool find_home(char out[PATH_MAX])
{
    ssize_t n = readlink("/proc/self/exe", out, PATH_MAX - 1);
    for (int up = 0; n > 0 && up < 3; up++) {
        out[n]      = 0;
        char *slash = strrchr(out, '/');
        if (!slash)
            break;
        *slash = 0;
        n      = slash - out;
        char modules[PATH_MAX + 16];
        snprintf(modules, sizeof(modules), "%s/lib/modules", out);
        if (access(modules, R_OK) == 0)
            return true;
    }
    const char *home = getenv("JAVA_HOME");
    return home && snprintf(out, PATH_MAX, "%s", home) < PATH_MAX;
}

static int start(const struct vm_args *args, struct vm **out_vm, struct thread **out_env)
{
    char           home[PATH_MAX];
    struct options o = {0};
    if (!find_home(home)) {
        fprintf(stderr, "guise: no JDK: neither beside the launcher nor by JAVA_HOME\n");
        return JNI_ERR;
    }
    int err = options_parse(&o, args, home);
    if (err)
        return err;
    struct vm *vm = boot_vm(&o, home);
    if (!vm)
        return JNI_ENOMEM;
    struct thread *t = thread_attach(vm, false);
    if (!boot_library(t)) {
        fprintf(stderr, "Error occurred during initialization of VM\n");
        throw_print(t);
        return JNI_ERR;
    }
    thread_leave(t);
    created  = vm;
    *out_vm  = vm;
    *out_env = t;
    return JNI_OK;
}

EXPORT jint JNI_CreateJavaVM(struct vm **vm, struct thread **env, const struct vm_args *args)
{
    return start(args, vm, env);
}

EXPORT jint JNI_GetCreatedJavaVMs(struct vm **out, jint room, jint *n)
{
    *n = created != NULL;
    if (created && room > 0)
        out[0] = created;
    return JNI_OK;
}

EXPORT jint JNI_GetDefaultJavaVMInitArgs(void *args)
{
    (void)args;
    return JNI_OK;
}

struct attach_args {
    jint        version;
    const char *name;
    jobject     group;
};

static jint attach(struct vm *vm, struct thread **env, const struct attach_args *args, bool daemon)
{
    struct thread *t = thread_current();
    if (!t) {
        t                    = thread_attach(vm, daemon);
        struct object *group = args && args->group ? deref(args->group) : vm->main_group;
        char           name[32];
        snprintf(name, sizeof(name), "Thread-%u", t->id);
        thread_make_java(t, group, args && args->name ? args->name : name);
        thread_leave(t);
    }
    *env = t;
    return t->exception ? JNI_ERR : JNI_OK;
}

/* Waits for the other threads that are no daemons, then runs the shutdown hooks. */
static jint destroy(struct vm *vm)
{
    const struct attach_args as = {.name = "DestroyJavaVM"};
    struct thread           *t  = thread_current();
    if (!t && attach(vm, &t, &as, false))
        return JNI_ERR;
    pthread_mutex_lock(&vm->threads_lock);
    while (vm->nthreads - vm->ndaemons > 1)
        pthread_cond_wait(&vm->threads_cond, &vm->threads_lock);
    pthread_mutex_unlock(&vm->threads_lock);
    thread_enter(t);
    call_method(t, vm->k.Shutdown_shutdown, NULL);
    t->exception = NULL;
    thread_leave(t);
    fflush(NULL);
    return JNI_OK;
}

static jint attach_current(struct vm *vm, struct thread **env, const struct attach_args *args)
{
    return attach(vm, env, args, false);
}

static jint attach_daemon(struct vm *vm, struct thread **env, const struct attach_args *args)
{
    return attach(vm, env, args, true);
}

static jint detach(struct vm *vm)
{
    struct thread *t = thread_current();
    (void)vm;
    if (!t)
        return JNI_OK;
    if (t->frame)
        return JNI_ERR;
    thread_enter(t);
    thread_finish(t);
    thread_detach(t);
    return JNI_OK;
}

static jint get_env(struct vm *vm, struct thread **env, jint version)
{
    (void)vm;
    *env = NULL;
    if ((version & 0xffff0000) == 0x30000000 || (version & 0xf0000000) == 0x20000000)
        return JNI_EVERSION; /* JVMTI, JMM */
    *env = thread_current();
    return *env ? JNI_OK : JNI_EDETACHED;
}

const void *const *jni_invoke_table(void)
{
    static const void *const rows[] = {
        NULL,
        NULL,
        NULL,
        (const void *)destroy,
        (const void *)attach_current,
        (const void *)detach,
        (const void *)get_env,
        (const void *)attach_daemon,
    };
    return rows;
}

void vm_exit(struct thread *t, int status)
{
    struct vm *vm = t->vm;
    fflush(NULL);
    if (vm->options.exit)
        vm->options.exit(status);
    _exit(status);
}
