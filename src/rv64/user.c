/* rv64/user.c - a hart for a single program: always in U mode, memory flat, exceptions told. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <asm/prctl.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "rv64/hart.h"
#include "rv64/jit.h"

void rv64_user_reset(struct rv64_hart *h)
{
    h->mode       = RV64_U;
    h->fs         = 3;
    h->vs         = h->vlenb ? 1 : 0;
    h->mcounteren = h->scounteren = 7;
    h->menvcfg = h->senvcfg = ENVCFG_CBZE | ENVCFG_CBCFE;
    h->user_limit           = h->config.user->limit;
}

/* Translated code reaches memory from the GS base on. */
void rv64_user_enter(struct rv64_hart *h)
{
    static __thread const u8 *gs;
    if (gs == h->config.user->base || !h->jit)
        return;
    gs = h->config.user->base;
    syscall(SYS_arch_prctl, ARCH_SET_GS, gs);
}

u64 *rv64_x(struct vcpu *v)
{
    return to_hart(v)->x;
}

u64 *rv64_f(struct vcpu *v)
{
    return to_hart(v)->f;
}

gva *rv64_pc(struct vcpu *v)
{
    return &to_hart(v)->pc;
}

u32 rv64_fcsr(const struct vcpu *v)
{
    const struct rv64_hart *h = to_hart(v);
    return h->frm << 5 | h->fflags;
}

void rv64_set_fcsr(struct vcpu *v, u32 fcsr)
{
    struct rv64_hart *h = to_hart(v);
    h->frm              = fcsr >> 5 & 7;
    h->fflags           = fcsr & 31;
}

void rv64_forget_memory(struct vcpu *v)
{
    rv64_request(v, RV64_REQ_SFENCE | RV64_REQ_FENCE_I);
}

int rv64_after_fork(struct vcpu *v, struct err *err)
{
    struct rv64_hart *h = to_hart(v);
    return h->jit ? rv64_jit_renew(h, err) : 0;
}

bool rv64_user_fault(struct vcpu *v, void *ucontext, const void *addr)
{
    struct rv64_hart *h  = to_hart(v);
    gva               at = (gva)((const u8 *)addr - h->config.user->base);
    if (!atomic_load(&h->inside))
        return false;
    if (rv64_jit_fault(h, ucontext, at))
        return true;
    if (at >= h->config.user->limit)
        return false;
    bool write = ((ucontext_t *)ucontext)->uc_mcontext.gregs[REG_ERR] & 2;
    rv64_trap(h, write ? CAUSE_STORE_PAGE : CAUSE_LOAD_PAGE, at);
    __builtin_ia32_ldmxcsr(((ucontext_t *)ucontext)->uc_mcontext.fpregs->mxcsr);
    siglongjmp(h->landing, 1);
}
