/* control/control_fuzz.c - any bytes on the control socket: answered or closed, never a crash.
 *
 * A whole monitor with the kind echo lives in this process; each input goes over a connection
 * of its own, first as lines, then, when it managed to attach, as frames. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/alloc.h"
#include "base/loop.h"
#include "control/client.h"
#include "control/echo.h"
#include "control/server.h"
#include "vm/clock.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t len);

static struct monitor m;
static char           dir[64];

static void bury(void)
{
    cleanup_free char *command = xasprintf("rm -rf '%s'", dir);
    if (system(command))
        perror("rm");
}

static void fail(const char *what)
{
    fprintf(stderr, "cannot set up: %s\n", what);
    abort();
}

static void make_machine(void)
{
    struct err err;
    m.inst          = instance_new(&echo_kind, m.spec);
    m.inst->loop    = m.loop;
    m.inst->clock   = m.clock;
    m.inst->console = m.console;
    m.inst->dir     = dir;
    if (instance_create(m.inst, &err))
        fail(err.text);
}

static void set_up(void)
{
    struct err err;
    snprintf(dir, sizeof(dir), "/tmp/guise-fuzz.XXXXXX");
    if (!mkdtemp(dir))
        fail("folder");
    atexit(bury);
    m.spec             = spec_create();
    m.spec->workload   = xasprintf("%s/text", dir);
    FILE *f            = fopen(m.spec->workload, "w");
    m.home.root        = dir;
    m.home.dir         = dir;
    m.home.record.life = LIFE_CREATED;
    if (!f || fputs("#!echo\n", f) < 0 || fclose(f))
        fail("workload");
    if (loop_create(&m.loop, &err) || clock_host_create(&m.clock, m.loop, 0, &err) ||
        console_create(&m.console, m.loop, dir, &err) || server_create(&m.server, &m, &err))
        fail(err.text);
    make_machine();
}

static void stop_loop(void *ctx)
{
    loop_stop(ctx, 0);
}

static void run_a_little(void)
{
    for (int i = 0; i < 3; i++) {
        loop_post(m.loop, stop_loop, m.loop);
        loop_run(m.loop);
    }
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t len)
{
    if (!m.loop)
        set_up();
    int fd = client_open(dir, NULL);
    if (fd < 0)
        fail("connect");
    run_a_little();
    if (send(fd, data, MIN(len, 100000u), MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
        run_a_little();
    close(fd);
    run_a_little();
    if (m.inst->life == LIFE_STOPPED) { /* the next input gets a new machine */
        instance_destroy(m.inst);
        make_machine();
    }
    return 0;
}
