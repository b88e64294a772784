/* base/json.c - see json.h. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"

#define FILE_MAX MiB(4)

int json_parse(cJSON **out, const char *text, size_t len, struct err *err)
{
    const char *end = NULL;
    cJSON      *j   = cJSON_ParseWithLengthOpts(text, len, &end, false);
    while (j && end < text + len && (*end == ' ' || *end == '\n' || *end == '\r' || *end == '\t'))
        end++;
    if (!cJSON_IsObject(j) || end != text + len) {
        cJSON_Delete(j);
        return err_set(err, EINVAL, "not a JSON object");
    }
    *out = j;
    return 0;
}

int file_read(const char *path, u64 max, char **text, size_t *len, struct err *err)
{
    cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat    st;
    if (fd < 0 || fstat(fd, &st) < 0)
        return err_errno(err, errno, "read '%s'", path);
    if (st.st_size < 0 || (u64)st.st_size > max)
        return err_set(err, EFBIG, "read '%s': too big", path);
    size_t             size = (size_t)st.st_size, have = 0;
    cleanup_free char *data = size > FILE_MAX ? try_alloc(1, size + 1) : xalloc(size + 1);
    if (!data)
        return err_set(err, ENOMEM, "read '%s': no memory for it", path);
    for (;;) {
        ssize_t n = read(fd, data + have, size - have);
        if (n < 0 && errno != EINTR)
            return err_errno(err, errno, "read '%s'", path);
        if (n == 0)
            break;
        have += n > 0 ? (size_t)n : 0;
    }
    *text = steal_ptr(data);
    *len  = have;
    return 0;
}

int json_load(cJSON **out, const char *path, struct err *err)
{
    cleanup_free char *text = NULL;
    size_t             len  = 0;
    int                rc   = file_read(path, FILE_MAX, &text, &len, err);
    if (rc)
        return rc;
    return json_parse(out, text, len, err) ? err_wrap(err, "read '%s'", path) : 0;
}

/* Splits "a.b": copies "a" into KEY, returns "b", or NULL when this was the last. */
static const char *path_step(const char *path, char *key, size_t room)
{
    const char *dot = strchr(path, '.');
    size_t      len = dot ? (size_t)(dot - path) : strlen(path);
    assert(len < room);
    memcpy(key, path, len);
    key[len] = 0;
    return dot ? dot + 1 : NULL;
}

cJSON *json_at(const cJSON *j, const char *path)
{
    char key[64];
    while (path && j) {
        path = path_step(path, key, sizeof(key));
        j    = cJSON_IsObject(j) ? cJSON_GetObjectItemCaseSensitive(j, key) : NULL;
    }
    return (cJSON *)j;
}

const char *json_str(const cJSON *j, const char *path)
{
    return cJSON_GetStringValue(json_at(j, path));
}

u64 json_u64(const cJSON *j, const char *path, u64 otherwise)
{
    const cJSON *v = json_at(j, path);
    if (!cJSON_IsNumber(v) || !(v->valuedouble >= 0) || v->valuedouble >= 18446744073709551616.0)
        return otherwise;
    return (u64)v->valuedouble;
}

bool json_bool(const cJSON *j, const char *path, bool otherwise)
{
    const cJSON *v = json_at(j, path);
    return cJSON_IsBool(v) ? cJSON_IsTrue(v) : otherwise;
}

void json_put(cJSON *j, const char *path, cJSON *value)
{
    char key[64];
    for (;;) {
        path = path_step(path, key, sizeof(key));
        if (!path)
            break;
        cJSON *next = cJSON_GetObjectItemCaseSensitive(j, key);
        j           = next ? next : cJSON_AddObjectToObject(j, key);
    }
    cJSON_DeleteItemFromObjectCaseSensitive(j, key);
    cJSON_AddItemToObject(j, key, value);
}

void json_put_str(cJSON *j, const char *path, const char *value)
{
    if (value)
        json_put(j, path, cJSON_CreateString(value));
}

void json_put_u64(cJSON *j, const char *path, u64 value)
{
    char text[24];
    snprintf(text, sizeof(text), "%" PRIu64, value);
    json_put(j, path, cJSON_CreateRaw(text));
}

void json_put_bool(cJSON *j, const char *path, bool value)
{
    json_put(j, path, cJSON_CreateBool(value));
}

/* cJSON's text comes from cJSON's allocator, which is the same free() here. */
char *json_line(const cJSON *j)
{
    char *text = cJSON_PrintUnformatted(j);
    if (!text)
        abort(); /* out of memory, as xalloc would */
    return text;
}

char *json_pages(const cJSON *j)
{
    cleanup_free char *text = cJSON_Print(j);
    if (!text)
        abort();
    return xasprintf("%s\n", text);
}

static int write_all(int fd, const char *text, size_t len)
{
    for (size_t done = 0; done < len;) {
        ssize_t n = write(fd, text + done, len - done);
        if (n < 0 && errno != EINTR)
            return -errno;
        done += n > 0 ? (size_t)n : 0;
    }
    return 0;
}

int file_replace(const char *path, const char *text, struct err *err)
{
    cleanup_free char *temporary = xasprintf("%s.XXXXXX", path);
    cleanup_fd int     fd        = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0)
        return err_errno(err, errno, "write '%s'", path);
    int rc = write_all(fd, text, strlen(text));
    if (rc == 0 && rename(temporary, path) < 0)
        rc = -errno;
    if (rc) {
        unlink(temporary);
        return err_errno(err, -rc, "write '%s'", path);
    }
    return 0;
}
