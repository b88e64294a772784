/* device/host/qcow2.c - disk images in QEMU's format qcow2, versions 2 and 3: opening, the chain
 * of backing files, closing. qcow2.h says how the parts work together. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "device/host/qcow2.h"

#include <string.h>

#include "base/alloc.h"
#include "base/log.h"

static void free_all(struct qcow2 *q)
{
    for (unsigned i = 0; i < q->n_tables; i++)
        free(q->tables[i].entries);
    for (unsigned i = 0; i < BLOCKS_MAX; i++)
        free(q->blocks[i].data);
    image_close(q->backing);
    if (q->fd >= 0)
        close(q->fd);
    free(q->l1);
    free(q->counts);
    free(q->meta.slots);
    free(q->cluster);
    free(q->plain);
    free(q->packed);
    free(q->slice);
    free(q);
}

static void qcow2_close(struct image *image)
{
    struct qcow2 *q  = to_qcow2(image);
    int           rc = image->read_only || q->broken ? 0 : qcow2_write_tables(q);
    if (rc)
        log_error("qcow2: closing: %s", strerror(-rc));
    free_all(q);
}

static const struct image_ops ops = {
    .name    = "qcow2",
    .read    = qcow2_read,
    .write   = qcow2_write,
    .flush   = qcow2_flush,
    .discard = qcow2_discard,
    .zero    = qcow2_zero,
    .close   = qcow2_close,
};

static void make_room(struct qcow2 *q)
{
    u64 n       = MAX(TABLE_CACHE_BYTES / q->cluster_bytes, (u64)TABLES_MIN);
    q->n_tables = (unsigned)MIN(n, (u64)TABLES_MAX);
    for (unsigned i = 0; i < q->n_tables; i++)
        q->tables[i].entries = xalloc(q->cluster_bytes);
    for (unsigned i = 0; i < BLOCKS_MAX; i++)
        q->blocks[i] = (struct qcow_block){xalloc(q->cluster_bytes), ~0ull, 0};
    q->cluster = xalloc(q->cluster_bytes);
    q->plain   = xalloc(q->cluster_bytes);
    q->packed  = xalloc(2 * q->cluster_bytes + 512);
}

/* A relative name is relative to the folder of the image that names it. */
static char *beside(const char *image, const char *name)
{
    const char *slash = strrchr(image, '/');
    if (*name == '/' || !slash)
        return xstrdup(name);
    return xasprintf("%.*s/%s", (int)(slash - image), image, name);
}

static int open_backing(struct qcow2 *q, const char *path, const char *name, const char *format,
                        const struct image_how *how, struct err *err)
{
    const char *colon = strchr(name, ':'), *slash = strchr(name, '/');
    if (colon && (!slash || colon < slash))
        return err_set(err, ENOTSUP, "disk '%s': its backing '%.80s' is no plain file", path, name);
    if (!format) /* guessing would let a guest's raw disk pass for an image that names our files */
        return err_set(err, EINVAL,
                       "disk '%s' does not say the format of its backing file '%.80s': "
                       "qemu-img rebase -u -b FILE -F raw|qcow2 does",
                       path, name);
    if (how->depth + 1 >= DEPTH_MAX)
        return err_set(err, ELOOP, "disk '%s': more than %d backing files", path, DEPTH_MAX);
    cleanup_free char *file   = beside(path, name);
    struct image_how   deeper = {format, true, how->depth + 1};
    int                rc     = image_open(&q->backing, file, &deeper, err);
    if (rc)
        err_wrap(err, "backing file of '%s'", path);
    return rc;
}

static int get_ready_to_write(struct qcow2 *q, const char *path, struct err *err)
{
    int rc = q->dirty ? qcow2_repair(q, path, err) : 0;
    if (rc)
        return rc;
    rc = qcow2_find_meta(q);
    if (rc == -EEXIST)
        return err_set(err, EUCLEAN,
                       "disk '%s' is damaged, two of its tables are in one place: "
                       "see qemu-img check",
                       path);
    return rc ? err_errno(err, -rc, "disk '%s'", path) : 0;
}

int image_qcow2_open(struct image **out, const char *path, const struct image_how *how,
                     struct err *err)
{
    struct qcow2 *q            = xnew(struct qcow2);
    u64           size         = 0;
    q->fd                      = -1;
    q->image.ops               = &ops;
    q->image.read_only         = how->read_only;
    cleanup_free char *backing = NULL, *format = NULL;
    int                rc = image_file_open(&q->fd, &size, path, how->read_only, err);
    if (!rc)
        rc = qcow2_read_header(q, path, &backing, &format, err);
    if (!rc && backing)
        rc = open_backing(q, path, backing, format, how, err);
    if (rc) {
        free_all(q);
        return rc;
    }
    q->high_water = ALIGN_UP(size, q->cluster_bytes);
    if (!how->read_only && (rc = get_ready_to_write(q, path, err))) {
        free_all(q);
        return rc;
    }
    make_room(q);
    *out = &q->image;
    return 0;
}
