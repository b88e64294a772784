/* image/registry.c - pulls from registries (OCI distribution specification 1.1), by libcurl.
 *
 * Layers come side by side over one multi handle; each is summed while it is written, and kept
 * only when its digest is right. A registry is a stranger: sizes are bounded, redirects counted,
 * tokens go only to the host that the registry names, by https. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <curl/curl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "image/digest.h"
#include "image/source.h"
#include "vm/spec.h"

#define MANIFEST_MAX MiB(4)
#define PARALLEL     4
#define TRIES        3
#define STALL_S      30

struct registry {
    const struct store      *store;
    const struct image_name *name;
    bool                     quiet;
    char                    *base;  /* "https://HOST/v2/REPOSITORY" */
    char                    *token; /* "Authorization: Bearer ..." or NULL */
};

static const char accepts[] = "Accept: application/vnd.oci.image.index.v1+json, "
                              "application/vnd.oci.image.manifest.v1+json, "
                              "application/vnd.docker.distribution.manifest.list.v2+json, "
                              "application/vnd.docker.distribution.manifest.v2+json";

/* ---- one request ---- */

struct reply {
    char  *text;
    size_t len, max;
    char   challenge[1024]; /* WWW-Authenticate */
};

static size_t take_text(char *data, size_t size, size_t n, void *ctx)
{
    struct reply *r = ctx;
    if (n * size > r->max - r->len)
        return 0;
    r->text = xrealloc(r->text, r->len + n * size + 1);
    memcpy(r->text + r->len, data, n * size);
    r->len += n * size;
    r->text[r->len] = 0;
    return n * size;
}

static size_t take_header(char *data, size_t size, size_t n, void *ctx)
{
    static const char name[] = "www-authenticate:";
    struct reply     *r      = ctx;
    if (n * size > sizeof(name) && strncasecmp(data, name, sizeof(name) - 1) == 0)
        snprintf(r->challenge, sizeof(r->challenge), "%.*s", (int)(n * size - sizeof(name) + 1),
                 data + sizeof(name) - 1);
    return n * size;
}

static void set_common(CURL *c, const char *url, struct curl_slist *headers)
{
    bool local = strncmp(url, "http://", 7) == 0;
    curl_easy_setopt(c, CURLOPT_URL, url);
    curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(c, CURLOPT_MAXREDIRS, 5L);
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, local ? "http,https" : "https");
    curl_easy_setopt(c, CURLOPT_REDIR_PROTOCOLS_STR, local ? "http,https" : "https");
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, (long)STALL_S);
    curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, (long)STALL_S);
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_USERAGENT, "guise");
}

/* *status: HTTP's. Retries what may be better the next time. */
static int get(const char *url, const char *const *headers, struct reply *r, long *status,
               struct err *err)
{
    struct curl_slist *list = NULL;
    for (; *headers; headers++)
        list = curl_slist_append(list, *headers);
    CURLcode rc = CURLE_OK;
    for (int i = 0; i < TRIES; i++) {
        CURL *c = curl_easy_init();
        free(r->text);
        r->text = NULL;
        r->len  = 0;
        set_common(c, url, list);
        curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take_text);
        curl_easy_setopt(c, CURLOPT_WRITEDATA, r);
        curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, take_header);
        curl_easy_setopt(c, CURLOPT_HEADERDATA, r);
        rc = curl_easy_perform(c);
        curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, status);
        curl_easy_cleanup(c);
        if (rc == CURLE_OK && *status < 500 && *status != 429)
            break;
        usleep(200000u << i);
    }
    curl_slist_free_all(list);
    return rc ? err_set(err, EIO, "%s: %s", url, curl_easy_strerror(rc)) : 0;
}

/* ---- tokens ---- */

/* The value of KEY="..." in a challenge; the caller frees. */
static char *parameter(const char *challenge, const char *key)
{
    cleanup_free char *start = xasprintf("%s=\"", key);
    const char        *at    = strstr(challenge, start);
    const char        *end   = at ? strchr(at + strlen(start), '"') : NULL;
    return end ? xstrndup(at + strlen(start), (size_t)(end - at) - strlen(start)) : NULL;
}

static int get_token(struct registry *g, const char *challenge, struct err *err)
{
    cleanup_free char *realm        = parameter(challenge, "realm"),
                      *service      = parameter(challenge, "service");
    static const char *const none[] = {NULL};
    struct reply             r      = {.max = MANIFEST_MAX};
    cleanup_json cJSON      *j      = NULL;
    long                     status;
    if (!strcasestr(challenge, "bearer") || !realm)
        return err_set(err, EACCES, "%s wants a login of a kind that is not there yet",
                       g->name->registry);
    char              *escaped = curl_easy_escape(NULL, service ? service : "", 0);
    cleanup_free char *url =
        xasprintf("%s?service=%s&scope=repository:%s:pull", realm, escaped, g->name->repository);
    curl_free(escaped);
    int rc = get(url, none, &r, &status, err);
    if (!rc && status == 200)
        rc = json_parse(&j, r.text ? r.text : "", r.len, err);
    const char *token = json_str(j, "token") ? json_str(j, "token") : json_str(j, "access_token");
    if (!rc && !token)
        rc = err_set(err, EACCES, "%s gives no token for %s", g->name->registry,
                     g->name->repository);
    if (!rc) {
        free(g->token);
        g->token = xasprintf("Authorization: Bearer %s", token);
    }
    free(r.text);
    return rc;
}

static int ask(struct registry *g, const char *url, struct reply *r, struct err *err)
{
    long status = 0;
    int  rc     = 0;
    for (int i = 0; i < 2 && !rc; i++) {
        const char *const headers[] = {accepts, g->token, NULL};
        rc                          = get(url, headers, r, &status, err);
        if (rc || status != 401)
            break;
        rc = get_token(g, r->challenge, err);
    }
    if (!rc && status == 404)
        rc = err_set(err, ENOENT, "there is no such image there");
    else if (!rc && status != 200)
        rc = err_set(err, status == 401 || status == 403 ? EACCES : EIO, "it answers %ld", status);
    return rc;
}

/* ---- manifests ---- */

static int keep_text(struct registry *g, const struct reply *r, const char *wanted,
                     char digest[DIGEST_TEXT], struct err *err)
{
    cleanup_free char   *temporary = NULL;
    struct digest_state *sum       = digest_begin();
    digest_add(sum, r->text ? r->text : "", r->len);
    digest_end(sum, digest);
    if (wanted && strcmp(wanted, digest) != 0)
        return err_set(err, EBADMSG, "what came is not what its digest says");
    cleanup_fd int fd = store_temporary(g->store, &temporary, err);
    if (fd < 0)
        return fd;
    if (write(fd, r->text, r->len) != (ssize_t)r->len)
        return err_errno(err, errno, "write '%s'", temporary);
    return store_put_blob(g->store, temporary, digest, err);
}

static int get_manifest(struct registry *g, const char *reference, char digest[DIGEST_TEXT],
                        struct err *err)
{
    struct reply       r         = {.max = MANIFEST_MAX};
    cleanup_free char *url       = xasprintf("%s/manifests/%s", g->base, reference);
    bool               by_digest = digest_ok(reference);
    int                rc        = 0;
    if (by_digest && store_has_blob(g->store, reference))
        memcpy(digest, reference, strlen(reference) + 1);
    else
        rc = ask(g, url, &r, err);
    if (!rc && r.text)
        rc = keep_text(g, &r, by_digest ? reference : NULL, digest, err);
    free(r.text);
    return rc;
}

/* ---- blobs, side by side ---- */

struct download {
    struct registry     *g;
    const char          *digest;
    char                *temporary;
    int                  fd, tries;
    struct digest_state *sum;
    CURL                *curl;
    struct curl_slist   *headers;
    u64                  bytes;
};

static size_t take_data(char *data, size_t size, size_t n, void *ctx)
{
    struct download *d = ctx;
    for (size_t done = 0; done < n * size;) {
        ssize_t put = write(d->fd, data + done, n * size - done);
        if (put < 0)
            return 0;
        done += (size_t)put;
    }
    digest_add(d->sum, data, n * size);
    d->bytes += n * size;
    return n * size;
}

static int begin(struct download *d, CURLM *multi, struct err *err)
{
    cleanup_free char *url = xasprintf("%s/blobs/%s", d->g->base, d->digest);
    if (!d->temporary)
        d->fd = store_temporary(d->g->store, &d->temporary, err);
    if (d->fd < 0)
        return d->fd;
    if (ftruncate(d->fd, 0) < 0 || lseek(d->fd, 0, SEEK_SET) < 0)
        return err_errno(err, errno, "write '%s'", d->temporary);
    d->sum  = digest_begin();
    d->curl = curl_easy_init();
    if (d->g->token)
        d->headers = curl_slist_append(NULL, d->g->token);
    set_common(d->curl, url, d->headers);
    curl_easy_setopt(d->curl, CURLOPT_WRITEFUNCTION, take_data);
    curl_easy_setopt(d->curl, CURLOPT_WRITEDATA, d);
    curl_easy_setopt(d->curl, CURLOPT_PRIVATE, d);
    curl_easy_setopt(d->curl, CURLOPT_FAILONERROR, 1L);
    curl_multi_add_handle(multi, d->curl);
    return 0;
}

static void end(struct download *d, CURLM *multi, char digest[DIGEST_TEXT])
{
    curl_multi_remove_handle(multi, d->curl);
    curl_easy_cleanup(d->curl);
    curl_slist_free_all(d->headers);
    digest_end(d->sum, digest);
    d->curl    = NULL;
    d->headers = NULL;
}

static int finished(struct download *d, CURLM *multi, CURLcode code, struct err *err)
{
    char digest[DIGEST_TEXT];
    end(d, multi, digest);
    bool right = strcmp(digest, d->digest) == 0;
    if (code == CURLE_OK && right) {
        if (!d->g->quiet)
            fprintf(stderr, "%.19s  %llu bytes\n", d->digest, (unsigned long long)d->bytes);
        return store_put_blob(d->g->store, d->temporary, d->digest, err);
    }
    if (++d->tries < TRIES)
        return begin(d, multi, err);
    return code ? err_set(err, EIO, "blob %.19s: %s", d->digest, curl_easy_strerror(code))
                : err_set(err, EBADMSG, "blob %.19s is not what its digest says", d->digest);
}

static int transfer(CURLM *multi, struct download *list, unsigned n, struct err *err)
{
    unsigned next = 0, left = n;
    int      rc = 0, running;
    while (!rc && left) {
        while (!rc && next < n && next - (n - left) < PARALLEL)
            rc = begin(&list[next++], multi, err);
        curl_multi_perform(multi, &running);
        struct CURLMsg *m;
        int             more;
        while (!rc && (m = curl_multi_info_read(multi, &more))) {
            struct download *d;
            if (m->msg != CURLMSG_DONE)
                continue;
            CURLcode code = m->data.result;
            curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&d);
            rc = finished(d, multi, code, err);
            left -= !d->curl;
        }
        if (!rc && left)
            curl_multi_poll(multi, NULL, 0, 1000, NULL);
    }
    return rc;
}

static int get_blobs(struct registry *g, char *const *digests, struct err *err)
{
    unsigned         n     = 0;
    CURLM           *multi = curl_multi_init();
    struct download *list  = xalloc((strings_count(digests) + 1) * sizeof(*list));
    for (; *digests; digests++)
        if (!store_has_blob(g->store, *digests))
            list[n++] = (struct download){.g = g, .digest = *digests, .fd = -1};
    int rc = transfer(multi, list, n, err);
    for (unsigned i = 0; i < n; i++) {
        char scrap[DIGEST_TEXT];
        if (list[i].curl)
            end(&list[i], multi, scrap);
        if (list[i].fd >= 0)
            close(list[i].fd);
        if (list[i].temporary)
            unlink(list[i].temporary); /* gone when it was kept */
        free(list[i].temporary);
    }
    free(list);
    curl_multi_cleanup(multi);
    return rc;
}

/* ---- pull ---- */

/* Only this machine itself is spoken to without TLS. */
static bool is_local(const char *registry)
{
    size_t len = strcspn(registry, ":");
    return (len == 9 && strncmp(registry, "localhost", 9) == 0) ||
           (len == 9 && strncmp(registry, "127.0.0.1", 9) == 0) ||
           strncmp(registry, "[::1]", 5) == 0;
}

static int pull(struct registry *g, const struct platform *p, char digest[DIGEST_TEXT],
                struct err *err)
{
    char   top[DIGEST_TEXT], manifest[DIGEST_TEXT];
    char **blobs = NULL;
    int    rc    = get_manifest(g, g->name->reference, top, err);
    if (!rc)
        rc = index_choose(g->store, top, p, manifest, err);
    if (!rc)
        rc = get_manifest(g, manifest, digest, err);
    if (!rc)
        rc = manifest_blobs(g->store, digest, &blobs, err);
    if (!rc)
        rc = get_blobs(g, blobs, err);
    strings_free(blobs);
    return rc ? rc : manifest_unpack(g->store, digest, err);
}

int registry_pull(const struct store *s, const struct image_name *name, const struct platform *p,
                  bool quiet, char digest[DIGEST_TEXT], struct err *err)
{
    struct registry g = {.store = s, .name = name, .quiet = quiet};
    const char     *host =
        strcmp(name->registry, "docker.io") == 0 ? "registry-1.docker.io" : name->registry;
    g.base = xasprintf("%s://%s/v2/%s", is_local(host) ? "http" : "https", host, name->repository);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    int rc = pull(&g, p, digest, err);
    curl_global_cleanup();
    free(g.base);
    free(g.token);
    return rc ? err_wrap(err, "pull %s/%s", name->registry, name->repository) : 0;
}
