/* cli/setters.c - what the value of an option becomes (options.h). */
/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "cli/options.h"

#define LIST_MAX 64 /* as in vm/spec.c */

/* One more item at the end of a spec's list, zeroed. */
#define GROW(list, count)                                                                          \
    ({                                                                                             \
        (list) = xrealloc((list), ((count) + 1) * sizeof(*(list)));                                \
        memset(&(list)[count], 0, sizeof(*(list)));                                                \
        &(list)[(count)++];                                                                        \
    })

int set_flag(void *field, const char *value, struct err *err)
{
    (void)value;
    (void)err;
    *(bool *)field = true;
    return 0;
}

static int replace(void *field, char *text)
{
    free(*(char **)field);
    *(char **)field = text;
    return 0;
}

int set_text(void *field, const char *value, struct err *err)
{
    (void)err;
    return replace(field, xstrdup(value));
}

int set_texts(void *field, const char *value, struct err *err)
{
    (void)err;
    strings_add(field, value);
    return 0;
}

char *path_absolute(const char *path)
{
    if (path[0] == '/')
        return xstrdup(path);
    cleanup_free char *here = getcwd(NULL, 0);
    return xasprintf("%s/%s", here ? here : "", path);
}

int set_path(void *field, const char *value, struct err *err)
{
    if (!value[0])
        return err_set(err, EINVAL, "the path is empty");
    return replace(field, path_absolute(value));
}

int set_number(void *field, const char *value, struct err *err)
{
    char *end;
    errno           = 0;
    unsigned long n = strtoul(value, &end, 10);
    if (errno || *end || !isdigit((unsigned char)value[0]) || n > 1000000000)
        return err_set(err, EINVAL, "'%s' is not a whole number", value);
    *(unsigned *)field = (unsigned)n;
    return 0;
}

int size_parse(const char *text, u64 *out)
{
    static const char units[] = "bkmgt";
    char             *end;
    errno                = 0;
    unsigned long long n = strtoull(text, &end, 10);
    if (errno || !isdigit((unsigned char)text[0]))
        return errno ? -ERANGE : -EINVAL;
    const char *unit  = *end ? strchr(units, tolower((unsigned char)*end)) : units;
    unsigned    shift = unit ? 10 * (unsigned)(unit - units) : 0;
    if (!unit)
        return -EINVAL;
    if (*end)
        end++;
    if (shift && strcasecmp(end, "ib") == 0)
        end += 2;
    else if (shift && strcasecmp(end, "b") == 0)
        end += 1;
    if (*end)
        return -EINVAL;
    if (shift && n >> (64 - shift))
        return -ERANGE;
    *out = (u64)n << shift;
    return 0;
}

int set_size(void *field, const char *value, struct err *err)
{
    u64 n;
    int rc = size_parse(value, &n);
    if (rc || n == 0 || n > 1ull << 52)
        return err_set(err, EINVAL, "'%s' is not a size; sizes look like 512M, 2g or 1048576",
                       value);
    *(u64 *)field = n;
    return 0;
}

int set_memory(void *field, const char *value, struct err *err)
{
    struct spec *s  = field;
    int          rc = set_size(&s->memory_bytes, value, err);
    s->memory_given = !rc;
    return rc;
}

/* "2", and for containers "0.5": a share of the time of so many. */
int set_cpus(void *field, const char *value, struct err *err)
{
    struct spec *s = field;
    char        *end;
    double       n = strtod(value, &end);
    if (end == value || *end || !(n >= 0.001) || n > 1000000)
        return err_set(err, EINVAL, "'%s' is not a number of CPUs", value);
    s->cpu_milli = (unsigned)(n * 1000 + 0.5);
    s->cpus      = (s->cpu_milli + 999) / 1000;
    return 0;
}

int set_security(void *field, const char *value, struct err *err)
{
    struct spec *s = field;
    if (strcmp(value, "no-new-privileges") != 0 && strcmp(value, "no-new-privileges:true") != 0)
        return err_set(err, EINVAL, "'%s' is not known; there is no-new-privileges", value);
    s->no_new_privileges = true;
    return 0;
}

int set_signal(void *field, const char *value, struct err *err)
{
    const char *name = strncasecmp(value, "SIG", 3) == 0 ? value + 3 : value;
    char       *end;
    long        n = strtol(value, &end, 10);
    if (end != value && !*end && n >= 1 && n <= 64) {
        *(int *)field = (int)n;
        return 0;
    }
    for (int sig = 1; sig < 32; sig++) {
        const char *known = sigabbrev_np(sig);
        if (known && strcasecmp(known, name) == 0) {
            *(int *)field = sig;
            return 0;
        }
    }
    return err_set(err, EINVAL, "there is no signal '%s'", value);
}

/* Cuts the next piece up to SEPARATOR out of *REST; NULL when there is none left. */
static char *next_piece(char **rest, char separator)
{
    const char set[2] = {separator, 0};
    return strsep(rest, set);
}

static void append_option(char **options, const char *piece)
{
    char *joined = *options ? xasprintf("%s,%s", *options, piece) : xstrdup(piece);
    free(*options);
    *options = joined;
}

/* Options of disks that name files: what stands before the name. */
static const char *const files_of_disks[] = {"trace=", "model=hdd:", "model=ssd:"};

/* Such names become absolute, since the monitor works elsewhere. A word alone is no file. */
static void append_disk_option(char **options, const char *piece)
{
    for (unsigned i = 0; i < ARRAY_SIZE(files_of_disks); i++) {
        size_t len = strlen(files_of_disks[i]);
        if (strncmp(piece, files_of_disks[i], len) == 0 && (i == 0 || strpbrk(piece + len, "/."))) {
            cleanup_free char *path  = path_absolute(piece + len);
            cleanup_free char *whole = xasprintf("%s%s", files_of_disks[i], path);
            append_option(options, whole);
            return;
        }
    }
    append_option(options, piece);
}

int set_disk(void *field, const char *value, struct err *err)
{
    struct spec       *s    = field;
    cleanup_free char *copy = xstrdup(value);
    char              *rest = copy, *file = next_piece(&rest, ',');
    if (!file[0])
        return err_set(err, EINVAL, "'%s' names no file", value);
    if (s->n_disks == LIST_MAX)
        return err_set(err, E2BIG, "more than %d disks", LIST_MAX);
    struct spec_disk *d = GROW(s->disks, s->n_disks);
    d->path             = path_absolute(file);
    for (char *piece; (piece = next_piece(&rest, ','));) {
        if (strncmp(piece, "format=", 7) == 0) {
            if (strcmp(piece + 7, "raw") != 0 && strcmp(piece + 7, "qcow2") != 0)
                return err_set(err, EINVAL, "format '%s' is neither raw nor qcow2", piece + 7);
            set_text(&d->format, piece + 7, NULL);
        } else if (strcmp(piece, "ro") == 0 || strcmp(piece, "readonly") == 0) {
            d->read_only = true;
        } else if (piece[0]) {
            append_disk_option(&d->options, piece);
        }
    }
    return 0;
}

int set_volume(void *field, const char *value, struct err *err)
{
    struct spec       *s    = field;
    cleanup_free char *copy = xstrdup(value);
    char              *rest = copy, *host = next_piece(&rest, ':');
    char              *guest = rest ? next_piece(&rest, ':') : NULL;
    if (!guest || !host[0] || !guest[0] || (rest && strcmp(rest, "ro") && strcmp(rest, "rw")))
        return err_set(err, EINVAL, "'%s' is not of the form HOST:GUEST[:ro]", value);
    if (s->n_shares == LIST_MAX)
        return err_set(err, E2BIG, "more than %d volumes", LIST_MAX);
    cleanup_free char *path = path_absolute(host);
    if (access(path, F_OK) < 0)
        return err_errno(err, errno, "%s", path);
    struct spec_share *v = GROW(s->shares, s->n_shares);
    v->host              = steal_ptr(path);
    v->guest             = xstrdup(guest);
    v->read_only         = rest && strcmp(rest, "ro") == 0;
    return 0;
}

static bool port_number(const char *text, u16 *out)
{
    unsigned n;
    if (!text || set_number(&n, text, NULL) || n < 1 || n > 65535)
        return false;
    *out = (u16)n;
    return true;
}

/* [HOSTIP:]HOST:GUEST[/tcp|/udp]; an IPv6 address stands in brackets. */
int set_port(void *field, const char *value, struct err *err)
{
    struct spec       *s     = field;
    cleanup_free char *copy  = xstrdup(value);
    char              *slash = strchr(copy, '/'), *proto = slash ? slash + 1 : NULL;
    struct spec_port   port = {.udp = proto && strcmp(proto, "udp") == 0};
    if (slash)
        *slash = 0;
    char *guest = strrchr(copy, ':');
    if (guest)
        *guest++ = 0;
    char *host    = guest ? strrchr(copy, ':') : NULL;
    char *host_ip = host ? copy : NULL;
    if (host)
        *host++ = 0;
    else
        host = copy;
    if (host_ip && host_ip[0] == '[' && host_ip[strlen(host_ip) - 1] == ']') {
        host_ip[strlen(host_ip) - 1] = 0;
        host_ip++;
    }
    if (!guest || (proto && !port.udp && strcmp(proto, "tcp") != 0) ||
        !port_number(host, &port.host) || !port_number(guest, &port.guest))
        return err_set(err, EINVAL, "'%s' is not of the form [HOSTIP:]HOST:GUEST[/udp]", value);
    if (s->n_ports == LIST_MAX)
        return err_set(err, E2BIG, "more than %d ports", LIST_MAX);
    port.host_ip                = host_ip && host_ip[0] ? xstrdup(host_ip) : NULL;
    *GROW(s->ports, s->n_ports) = port;
    return 0;
}

int set_net(void *field, const char *value, struct err *err)
{
    static const char *const modes[] = {"none", "user", "tap", "host", NULL};
    struct spec             *s       = field;
    cleanup_free char       *copy    = xstrdup(value);
    char                    *rest = copy, *mode = next_piece(&rest, ',');
    unsigned                 i = 0;
    while (modes[i] && strcmp(modes[i], mode) != 0)
        i++;
    if (!modes[i])
        return err_set(err, EINVAL, "'%s' is not a network; there is none, host, user and tap",
                       mode);
    if (s->n_nets == LIST_MAX)
        return err_set(err, E2BIG, "more than %d networks", LIST_MAX);
    struct spec_net *n = GROW(s->nets, s->n_nets);
    n->mode            = xstrdup(mode);
    n->options         = rest && rest[0] ? xstrdup(rest) : NULL;
    return 0;
}

/* NAME=VALUE, or NAME: as it is here, when it is here. */
int set_env(void *field, const char *value, struct err *err)
{
    struct spec *s = field;
    if (!value[0] || value[0] == '=')
        return err_set(err, EINVAL, "'%s' is not of the form NAME=VALUE", value);
    if (strchr(value, '=')) {
        strings_add(&s->env, value);
    } else if (getenv(value)) {
        cleanup_free char *both = xasprintf("%s=%s", value, getenv(value));
        strings_add(&s->env, both);
    }
    return 0;
}

int set_env_file(void *field, const char *value, struct err *err)
{
    FILE  *f    = fopen(value, "re");
    char  *line = NULL;
    size_t room = 0;
    int    rc   = 0;
    if (!f)
        return err_errno(err, errno, "%s", value);
    while (!rc && getline(&line, &room, f) >= 0) {
        line[strcspn(line, "\r\n")] = 0;
        if (line[0] && line[0] != '#')
            rc = set_env(field, line, err);
    }
    free(line);
    fclose(f);
    return rc;
}

int set_firmware(void *field, const char *value, struct err *err)
{
    if (strcmp(value, "builtin") == 0 || strcmp(value, "none") == 0)
        return set_text(field, value, err);
    return set_path(field, value, err);
}

int set_console(void *field, const char *value, struct err *err)
{
    if (strcmp(value, "uart") != 0 && strcmp(value, "virtio") != 0)
        return err_set(err, EINVAL, "'%s' is not a console; there is uart and virtio", value);
    return set_text(field, value, err);
}

int set_gdb(void *field, const char *value, struct err *err)
{
    u16 port;
    if (strncmp(value, "unix:", 5) == 0 && value[5]) {
        cleanup_free char *path = path_absolute(value + 5);
        return replace(field, xasprintf("unix:%s", path));
    }
    if (!port_number(value, &port))
        return err_set(err, EINVAL, "'%s' is neither a port nor unix:PATH", value);
    return set_text(field, value, err);
}
