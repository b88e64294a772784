/* machine/sbi.c - the built-in firmware: RISC-V Supervisor Binary Interface 2.0.
 *
 * A call from S mode leaves the executor and is answered here, on the calling hart's thread:
 * there is no guest code in M mode. Each extension is a row; each function a case of it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <sched.h>
#include <string.h>

#include "machine/state.h"
#include "rv64/rv64.h"

/* SBI 2.0, 3.1 */
enum {
    SBI_SUCCESS           = 0,
    SBI_FAILED            = -1,
    SBI_NOT_SUPPORTED     = -2,
    SBI_INVALID_PARAM     = -3,
    SBI_DENIED            = -4,
    SBI_INVALID_ADDRESS   = -5,
    SBI_ALREADY_AVAILABLE = -6
};
enum { SPEC_VERSION = 2 << 24, IMPLEMENTATION = 0x67756973, IMPLEMENTATION_VERSION = 1 };
enum { REG_A0 = 10, REG_A6 = 16, REG_A7 = 17 };

struct call {
    struct hart *hart;
    u64          args[6];
    u64          function;
    u64          value; /* out: a1 */
    bool         keep;  /* out: leave the registers alone, the hart goes on elsewhere */
};

typedef i64 extension_fn(struct call *);

static struct vcpu *vcpu_of(const struct call *c)
{
    return c->hart->vcpu;
}

/* --- the hart mask of IPI and RFENCE: 3.2 --- */

/* The harts named by a mask and its base, as bits; false: one that is not there. */
static bool harts_named(const struct call *c, u64 mask, u64 base, u32 *out)
{
    unsigned n   = c->hart->m->n_harts;
    u32      all = (1u << n) - 1;
    *out         = all;
    if (base == ~0ull)
        return true;
    if (mask == 0) {
        *out = 0;
        return true;
    }
    if (base >= n || 63 - (unsigned)__builtin_clzll(mask) >= n - base)
        return false;
    *out = (u32)(mask << base);
    return true;
}

static void send_ipi(struct machine *m, u32 harts)
{
    for (unsigned i = 0; i < m->n_harts; i++)
        if (harts >> i & 1)
            m->harts[i].vcpu->ops->irq(m->harts[i].vcpu, RV64_SSIP, true);
}

/* Asks HARTS, and waits until none of them can run stale code or translations. Others may ask
 * us meanwhile: their wishes are served here too. */
static void remote_fence(struct hart *self, u32 harts, unsigned request)
{
    struct machine *m = self->m;
    for (unsigned i = 0; i < m->n_harts; i++)
        if (harts >> i & 1)
            rv64_request(m->harts[i].vcpu, request);
    rv64_serve(self->vcpu);
    for (unsigned i = 0; i < m->n_harts; i++)
        while ((harts >> i & 1) && !rv64_requests_done(m->harts[i].vcpu)) {
            rv64_serve(self->vcpu);
            sched_yield();
        }
}

/* --- extensions --- */

static bool extension_there(u64 id);

static i64 base(struct call *c)
{
    switch (c->function) {
    case 0:
        c->value = SPEC_VERSION;
        return SBI_SUCCESS;
    case 1:
        c->value = IMPLEMENTATION;
        return SBI_SUCCESS;
    case 2:
        c->value = IMPLEMENTATION_VERSION;
        return SBI_SUCCESS;
    case 3:
        c->value = extension_there(c->args[0]);
        return SBI_SUCCESS;
    case 4: /* mvendorid, marchid, mimpid */
    case 5:
    case 6:
        c->value = 0;
        return SBI_SUCCESS;
    default:
        return SBI_NOT_SUPPORTED;
    }
}

static i64 set_timer(struct call *c)
{
    if (c->function != 0)
        return SBI_NOT_SUPPORTED;
    vcpu_of(c)->ops->set(vcpu_of(c), RV64_REG_CSR0 + 0x14d, c->args[0]);
    return SBI_SUCCESS;
}

static i64 ipi(struct call *c)
{
    u32 harts;
    if (c->function != 0)
        return SBI_NOT_SUPPORTED;
    if (!harts_named(c, c->args[0], c->args[1], &harts))
        return SBI_INVALID_PARAM;
    send_ipi(c->hart->m, harts);
    return SBI_SUCCESS;
}

static i64 rfence(struct call *c)
{
    u32 harts;
    if (c->function > 2) /* the rest is for hypervisors */
        return SBI_NOT_SUPPORTED;
    if (!harts_named(c, c->args[0], c->args[1], &harts))
        return SBI_INVALID_PARAM;
    remote_fence(c->hart, harts, c->function == 0 ? RV64_REQ_FENCE_I : RV64_REQ_SFENCE);
    return SBI_SUCCESS;
}

static i64 hart_start(struct call *c)
{
    struct machine *m = c->hart->m;
    if (c->args[0] >= m->n_harts)
        return SBI_INVALID_PARAM;
    if (!ram_range_at(m->ram, c->args[1]))
        return SBI_INVALID_ADDRESS;
    struct hart *target = &m->harts[c->args[0]];
    i64          rc     = SBI_SUCCESS;
    pthread_mutex_lock(&m->lock);
    if (target->state != HART_STOPPED) {
        rc = SBI_ALREADY_AVAILABLE;
    } else {
        target->state     = HART_START_PENDING;
        target->start_pc  = c->args[1];
        target->start_arg = c->args[2];
        pthread_cond_broadcast(&m->changed);
    }
    pthread_mutex_unlock(&m->lock);
    return rc;
}

static void set_state(struct hart *hart, enum hart_state state)
{
    pthread_mutex_lock(&hart->m->lock);
    hart->state = state;
    pthread_mutex_unlock(&hart->m->lock);
}

/* 9.5: default retentive, or non-retentive: then it starts again at an address. All other types
 * are reserved, or a platform's own. */
static i64 hart_suspend(struct call *c)
{
    struct hart *hart = c->hart;
    u32          type = (u32)c->args[0];
    if (type != 0 && type != 0x80000000)
        return SBI_INVALID_PARAM;
    if (type && !ram_range_at(hart->m->ram, c->args[1]))
        return SBI_INVALID_ADDRESS;
    set_state(hart, HART_SUSPENDED);
    rv64_wait(hart->vcpu);
    if (!type) {
        set_state(hart, HART_STARTED);
        return SBI_SUCCESS;
    }
    hart->start_pc  = c->args[1];
    hart->start_arg = c->args[2];
    set_state(hart, HART_START_PENDING);
    c->keep = true;
    return SBI_SUCCESS;
}

static i64 hsm(struct call *c)
{
    struct machine *m = c->hart->m;
    switch (c->function) {
    case 0:
        return hart_start(c);
    case 1:
        set_state(c->hart, HART_STOPPED);
        c->keep = true;
        return SBI_SUCCESS;
    case 2:
        if (c->args[0] >= m->n_harts)
            return SBI_INVALID_PARAM;
        pthread_mutex_lock(&m->lock);
        switch (m->harts[c->args[0]].state) {
        case HART_STARTED:
            c->value = 0;
            break;
        case HART_STOPPED:
            c->value = 1;
            break;
        case HART_START_PENDING:
            c->value = 2;
            break;
        case HART_SUSPENDED:
            c->value = 4;
            break;
        }
        pthread_mutex_unlock(&m->lock);
        return SBI_SUCCESS;
    case 3:
        return hart_suspend(c);
    default:
        return SBI_NOT_SUPPORTED;
    }
}

/* 10: shutdown, cold and warm reboot; a reason of 1 is a system failure, 0 none. */
static i64 srst(struct call *c)
{
    struct machine *m    = c->hart->m;
    u32             type = (u32)c->args[0], reason = (u32)c->args[1];
    if (c->function != 0)
        return SBI_NOT_SUPPORTED;
    if (reason > 1)
        return SBI_INVALID_PARAM;
    switch (type) {
    case 0:
        machine_ended(m, reason, reason ? "system failure" : "power off");
        break;
    case 1:
    case 2:
        machine_reset_soon(m);
        break;
    default:
        return SBI_INVALID_PARAM;
    }
    set_state(c->hart, HART_STOPPED);
    return SBI_SUCCESS;
}

static void print(struct machine *m, const u8 *data, size_t len)
{
    console_write(m->instance.console, data, len);
}

/* 12: the debug console */
static i64 dbcn(struct call *c)
{
    struct machine *m = c->hart->m;
    u8              buf[256];
    u64             len = MIN(c->args[0], sizeof(buf));
    switch (c->function) {
    case 0:
        if (c->args[2] || ram_read(m->ram, c->args[1], buf, len))
            return SBI_INVALID_PARAM;
        print(m, buf, len);
        c->value = len;
        return SBI_SUCCESS;
    case 1: /* input belongs to the serial port */
        c->value = 0;
        return SBI_SUCCESS;
    case 2:
        buf[0] = (u8)c->args[0];
        print(m, buf, 1);
        return SBI_SUCCESS;
    default:
        return SBI_NOT_SUPPORTED;
    }
}

/* 5: the legacy calls, of which the extension is the function. Their masks are in memory. */
static i64 legacy(struct call *c, u64 id)
{
    struct machine *m    = c->hart->m;
    u64             mask = ~0ull;
    u8              byte = (u8)c->args[0];
    switch (id) {
    case 0:
        c->function = 0;
        return set_timer(c);
    case 1:
        print(m, &byte, 1);
        return 0;
    case 2: /* no input here */
        return -1;
    case 3:
        vcpu_of(c)->ops->irq(vcpu_of(c), RV64_SSIP, false);
        return 0;
    case 8:
        machine_ended(m, 0, "power off");
        set_state(c->hart, HART_STOPPED);
        return 0;
    }
    if (c->args[0] && rv64_peek(vcpu_of(c), c->args[0], &mask, sizeof(mask)))
        return SBI_INVALID_PARAM;
    u32 harts = (u32)mask & ((1u << m->n_harts) - 1);
    if (id == 4)
        send_ipi(m, harts);
    else
        remote_fence(c->hart, harts, id == 5 ? RV64_REQ_FENCE_I : RV64_REQ_SFENCE);
    return 0;
}

static const struct extension {
    u64           id;
    extension_fn *call;
} extensions[] = {
    {0x10, base},            /* 4 */
    {0x54494d45, set_timer}, /* TIME: 6 */
    {0x735049, ipi},         /* IPI: 7 */
    {0x52464e43, rfence},    /* RFENCE: 8 */
    {0x48534d, hsm},         /* HSM: 9 */
    {0x53525354, srst},      /* SRST: 10 */
    {0x4442434e, dbcn},      /* DBCN: 12 */
};

static const struct extension *find_extension(u64 id)
{
    for (unsigned i = 0; i < ARRAY_SIZE(extensions); i++)
        if (extensions[i].id == id)
            return &extensions[i];
    return NULL;
}

static bool extension_there(u64 id)
{
    return id <= 8 || find_extension(id);
}

void sbi_call(struct hart *hart)
{
    struct vcpu           *v   = hart->vcpu;
    const struct vcpu_ops *ops = v->ops;
    struct call            c   = {.hart = hart};
    u64                    id, pc;
    for (unsigned i = 0; i < ARRAY_SIZE(c.args); i++)
        ops->get(v, REG_A0 + i, &c.args[i]);
    ops->get(v, REG_A6, &c.function);
    ops->get(v, REG_A7, &id);
    ops->get(v, RV64_REG_PC, &pc);
    ops->set(v, RV64_REG_PC, pc + 4);

    const struct extension *e  = find_extension(id);
    i64                     rc = id <= 8 ? legacy(&c, id) : e ? e->call(&c) : SBI_NOT_SUPPORTED;
    tracing_sbi(hart->m, hart, id, c.function, c.args, rc);
    if (c.keep)
        return;
    ops->set(v, REG_A0, (u64)rc);
    if (id > 8)
        ops->set(v, REG_A0 + 1, c.value);
}
