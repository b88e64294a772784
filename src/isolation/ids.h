/* isolation/ids.h - which users of a user namespace are which users outside.
 *
 * Written from outside, once, by whoever made the namespace; as root directly, else through
 * newuidmap and newgidmap, or for a single id of one's own directly. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ISOLATION_IDS_H
#define ISOLATION_IDS_H

#include <sys/types.h>

#include "base/err.h"

struct id_map {
    u32 inside, outside, count;
};

/* Both maps of process PID. PROC_FD: the host's /proc. */
int ids_write(int proc_fd, pid_t pid, const struct id_map *uids, unsigned n_uids,
              const struct id_map *gids, unsigned n_gids, struct err *err);

/* A descriptor of a new user namespace with these maps: what an idmapped mount needs. */
int ids_namespace(int proc_fd, const struct id_map *uids, unsigned n_uids,
                  const struct id_map *gids, unsigned n_gids, struct err *err);

/* The id outside that INSIDE is; -1: none. */
i64 ids_outside(const struct id_map *, unsigned count, u32 inside);

#endif
