/* timing/gates/yosys.c - reads netlists as Yosys writes them (write_json). */
/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "timing/gates/netlist.h"

enum { FILE_BYTES_MAX = 512 << 20, BITS_MAX = 1 << 24 };

struct reader {
    struct gates *g;
    u32          *nets; /* by Yosys' number of a bit, +1 */
    u32           room;
    u32           constant[4]; /* nets that never change, +1 */
};

static int net_of_number(struct reader *r, double number, u32 *out, struct err *err)
{
    if (number < 0 || number >= BITS_MAX)
        return err_set(err, EINVAL, "a bit has the number %g", number);
    u32 n = (u32)number;
    if (n >= r->room) {
        u32 room = MAX(2 * r->room, n + 1);
        r->nets  = xrealloc(r->nets, room * sizeof(u32));
        memset(r->nets + r->room, 0, (room - r->room) * sizeof(u32));
        r->room = room;
    }
    if (!r->nets[n])
        r->nets[n] = netlist_net(r->g) + 1;
    *out = r->nets[n] - 1;
    return 0;
}

/* A bit is a number, or "0", "1", "x", "z". */
static int net_of(struct reader *r, const cJSON *bit, u32 *out, struct err *err)
{
    if (cJSON_IsNumber(bit))
        return net_of_number(r, bit->valuedouble, out, err);
    static const char values[] = "01xz";
    const char       *at       = cJSON_IsString(bit) && strlen(bit->valuestring) == 1
                                     ? strchr(values, bit->valuestring[0])
                                     : NULL;
    if (!at)
        return err_set(err, EINVAL, "a bit is neither a number nor 0, 1, x, z");
    u32 n = (u32)(at - values);
    if (!r->constant[n]) {
        r->constant[n]                       = netlist_net(r->g) + 1;
        r->g->nets[r->constant[n] - 1].value = (u8)n;
    }
    *out = r->constant[n] - 1;
    return 0;
}

static int read_bits(struct reader *r, const cJSON *from, struct gates_port *out, struct err *err)
{
    const cJSON *bits = cJSON_GetObjectItem(from, "bits"), *bit;
    u32         *nets = xalloc(((size_t)cJSON_GetArraySize(bits) + 1) * sizeof(u32));
    int          rc   = 0;
    out->name         = xstrdup(from->string);
    out->nets         = nets;
    cJSON_ArrayForEach(bit, bits) if (!rc && !(rc = net_of(r, bit, &nets[out->bits], err)))
        out->bits++;
    return rc;
}

static int read_ports(struct reader *r, const cJSON *ports, struct err *err)
{
    const cJSON *port;
    int          rc = 0;
    r->g->ports     = xalloc(((size_t)cJSON_GetArraySize(ports) + 1) * sizeof(*r->g->ports));
    cJSON_ArrayForEach(port, ports)
    {
        const char        *direction = json_str(port, "direction");
        struct gates_port *p         = &r->g->ports[r->g->n_ports++];
        p->output                    = direction && !strcmp(direction, "output");
        if (!p->output && (!direction || strcmp(direction, "input")))
            return err_set(err, ENOTSUP, "port '%s' is neither input nor output", port->string);
        if ((rc = read_bits(r, port, p, err)))
            return rc;
        for (u32 i = 0; !p->output && i < p->bits; i++)
            netlist_input(r->g, p->nets[i]);
    }
    return 0;
}

/* Names that Yosys did not make up. */
static int read_signals(struct reader *r, const cJSON *names, struct err *err)
{
    const cJSON *name;
    int          rc = 0;
    r->g->signals   = xalloc(((size_t)cJSON_GetArraySize(names) + 1) * sizeof(*r->g->signals));
    cJSON_ArrayForEach(name, names) if (!rc && !json_u64(name, "hide_name", 0)) rc =
        read_bits(r, name, &r->g->signals[r->g->n_signals++], err);
    return rc;
}

static int read_cell(struct reader *r, const cJSON *from, struct err *err)
{
    const char  *type = json_str(from, "type");
    const cJSON *pin, *pins = cJSON_GetObjectItem(from, "connections");
    struct cell *c;
    if (!type)
        return err_set(err, EINVAL, "cell '%s' has no type", from->string);
    int rc = netlist_cell(r->g, type, &c, err);
    cJSON_ArrayForEach(pin, pins)
    {
        u32 net;
        if (rc || cJSON_GetArraySize(pin) == 0)
            continue;
        rc     = net_of(r, cJSON_GetArrayItem(pin, 0), &net, err);
        int at = strlen(pin->string) == 1 ? netlist_pin(c, pin->string[0]) : -1;
        if (!rc && at >= 0)
            c->net[at] = net;
        else if (!rc && pin->string[0] == netlist_output(c) && !pin->string[1])
            c->out = net;
        else if (!rc)
            rc = err_set(err, EINVAL, "cell %s has no pin '%s'", type, pin->string);
    }
    return rc;
}

static const cJSON *find_top(const cJSON *modules)
{
    const cJSON *m;
    cJSON_ArrayForEach(m, modules)
    {
        const cJSON *top = cJSON_GetObjectItem(cJSON_GetObjectItem(m, "attributes"), "top");
        if (top)
            return m;
    }
    return cJSON_GetArraySize(modules) == 1 ? modules->child : NULL;
}

static int read_module(struct reader *r, const cJSON *m, struct err *err)
{
    const cJSON *cell;
    int          rc = read_ports(r, cJSON_GetObjectItem(m, "ports"), err);
    cJSON_ArrayForEach(cell, cJSON_GetObjectItem(m, "cells")) if (!rc) rc = read_cell(r, cell, err);
    if (!rc)
        rc = read_signals(r, cJSON_GetObjectItem(m, "netnames"), err);
    return rc ? rc : netlist_finish(r->g, err);
}

static int load(cJSON **out, const char *path, struct err *err)
{
    cleanup_free char *text = NULL;
    size_t             len  = 0;
    int                rc   = file_read(path, FILE_BYTES_MAX, &text, &len, err);
    if (rc)
        return rc;
    return json_parse(out, text, len, err) ? err_wrap(err, "%s", path) : 0;
}

int yosys_read(struct gates **out, const char *path, struct err *err)
{
    cleanup_json cJSON *j  = NULL;
    int                 rc = load(&j, path, err);
    if (rc)
        return rc;
    const cJSON *m = find_top(cJSON_GetObjectItem(j, "modules"));
    if (!m)
        return err_set(err, EINVAL, "%s: no module is the top: see Yosys' hierarchy -auto-top",
                       path);
    struct reader r = {.g = netlist_new(m->string)};
    rc              = read_module(&r, m, err);
    free(r.nets);
    if (rc) {
        gates_destroy(r.g);
        return err_wrap(err, "%s", path);
    }
    *out = r.g;
    return 0;
}
