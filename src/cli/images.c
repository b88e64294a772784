/* cli/images.c - pull, load, images, tag, rmi; and what `run IMAGE` takes from an image.
 *
 * What needs networks and archives is done by the program guise-image, beside this one, so that
 * no other verb has to load their libraries. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/images.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "cli/verbs.h"
#include "container/kind.h"
#include "image/name.h"
#include "image/store.h"

const struct option_row pull_options[] = {
    {"platform", 0, "OS/ARCH[/VARIANT]", "of several, this one (the host's)", set_text,
     OPT_OWN(struct pull_own, platform)},
    {"quiet", 'q', NULL, "only the name", set_flag, OPT_OWN(struct pull_own, quiet)},
    {0},
};

const struct option_row load_options[] = {
    {"platform", 0, "OS/ARCH[/VARIANT]", "of several, this one (the host's)", set_text,
     OPT_OWN(struct load_own, platform)},
    {"name", 0, "NAME", "its name, whatever the file says", set_text,
     OPT_OWN(struct load_own, name)},
    {"quiet", 'q', NULL, "print nothing", set_flag, OPT_OWN(struct load_own, quiet)},
    {0},
};

const struct option_row images_options[] = {
    {"quiet", 'q', NULL, "only the names", set_flag, OPT_OWN(struct images_own, quiet)},
    {"json", 0, NULL, "as JSON", set_flag, OPT_OWN(struct images_own, json)},
    {0},
};

const struct option_row rmi_options[] = {
    {"force", 'f', NULL, "also when instances were made from it", set_flag,
     OPT_OWN(struct rmi_own, force)},
    {0},
};

static _Noreturn void become_helper(const char *verb, bool quiet, const char *platform,
                                    char *const *words)
{
    char             **argv    = NULL;
    cleanup_free char *program = container_helper("guise-image");
    const char *const  head[]  = {program, verb, quiet ? "q" : "-", platform ? platform : "-"};
    for (unsigned i = 0; i < ARRAY_SIZE(head); i++)
        strings_add(&argv, head[i]);
    for (; *words; words++)
        strings_add(&argv, *words);
    execvp(argv[0], argv);
    fprintf(stderr, "guise: %s: run guise-image: %s\n", verb, strerror(errno));
    _exit(EXIT_GUISE);
}

static int helper(const char *verb, bool quiet, const char *platform, char *const *words)
{
    int status = 0;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0)
        become_helper(verb, quiet, platform, words);
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    return pid < 0 || !WIFEXITED(status) ? EXIT_GUISE : WEXITSTATUS(status);
}

int verb_pull(struct command *c)
{
    const struct pull_own *o      = c->own;
    int                    status = 0;
    for (int i = 0; i < c->n_words; i++) {
        char *const words[] = {c->words[i], NULL};
        int         one     = helper("pull", o->quiet, o->platform, words);
        status              = MAX(status, one);
    }
    return status;
}

int verb_load(struct command *c)
{
    const struct load_own *o       = c->own;
    char *const            words[] = {c->words[0], o->name, NULL};
    return helper("load", o->quiet, o->platform, words);
}

/* ---- images ---- */

static void print_image(const struct image *i, bool quiet, cJSON *list)
{
    const char *created = json_str(i->config, "created");
    unsigned    n       = strings_count(i->layers);
    if (list) {
        cJSON *j = cJSON_CreateObject();
        json_put_str(j, "name", i->name);
        json_put_str(j, "digest", i->manifest);
        json_put_str(j, "created", created);
        json_put_str(j, "os", json_str(i->config, "os"));
        json_put_str(j, "architecture", json_str(i->config, "architecture"));
        json_put_u64(j, "layers", n);
        cJSON_AddItemToArray(list, j);
    } else if (quiet) {
        puts(i->name);
    } else {
        printf("%-48s %.19s   %2u layers   %-8s %.19s\n", i->name, i->manifest, n,
               json_str(i->config, "architecture") ? json_str(i->config, "architecture") : "",
               created ? created : "");
    }
}

int verb_images(struct command *c)
{
    const struct images_own *o    = c->own;
    cleanup_json cJSON      *list = o->json ? cJSON_CreateArray() : NULL;
    struct err               err  = {0};
    struct store             s;
    if (store_open(&s, &err))
        return complain(c, EXIT_FAILED, &err);
    char **names = store_names(&s);
    for (char **n = names; *n; n++) {
        struct image i;
        if (store_find(&s, *n, &i, NULL))
            continue;
        print_image(&i, o->quiet, list);
        image_done(&i);
    }
    if (list) {
        cleanup_free char *text = json_pages(list);
        fputs(text, stdout);
    }
    strings_free(names);
    store_close(&s);
    return 0;
}

/* ---- tag and rmi ---- */

int verb_tag(struct command *c)
{
    struct err   err = {0};
    struct store s;
    struct image i;
    int          rc = store_open(&s, &err);
    if (rc)
        return complain(c, EXIT_FAILED, &err);
    rc = store_find(&s, c->words[0], &i, &err);
    if (!rc) {
        rc = store_tag(&s, c->words[1], i.manifest, &err);
        image_done(&i);
    }
    store_close(&s);
    return rc ? complain(c, EXIT_FAILED, &err) : 0;
}

/* An instance's root lies on the image's layers. */
static int check_unused(const struct image *i, struct err *err)
{
    cleanup_free char *root = NULL;
    struct homes       all  = {0};
    int                rc   = home_root(&root, err);
    if (!rc)
        rc = home_list(&all, root, err);
    for (unsigned k = 0; k < all.count && !rc; k++)
        if (strcmp(all.list[k].record.workload, i->name) == 0)
            rc = err_set(err, EBUSY, "%s: instance %s was made from it", i->name,
                         all.list[k].record.name);
    homes_done(&all);
    return rc;
}

int verb_rmi(struct command *c)
{
    const struct rmi_own *o   = c->own;
    struct err            err = {0};
    struct store          s;
    int                   rc = store_open(&s, &err), status = 0;
    if (rc)
        return complain(c, EXIT_FAILED, &err);
    for (int k = 0; k < c->n_words; k++) {
        struct image i;
        rc = store_find(&s, c->words[k], &i, &err);
        if (rc) {
            status = complain(c, EXIT_FAILED, &err);
            continue;
        }
        if (!o->force)
            rc = check_unused(&i, &err);
        if (!rc)
            rc = store_untag(&s, i.name, &err);
        if (rc)
            status = complain(c, EXIT_FAILED, &err);
        else
            puts(i.name);
        image_done(&i);
    }
    store_close(&s);
    char *const none[] = {NULL};
    return status ? status : helper("collect", true, NULL, none);
}

/* ---- run ---- */

static void add_list(char ***list, const cJSON *array)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, array) if (cJSON_IsString(item)) strings_add(list, item->valuestring);
}

/* The user's variables come after the image's: the last of one name counts. */
static void take_env(struct spec *spec, const cJSON *config)
{
    char **env = NULL;
    add_list(&env, json_at(config, "config.Env"));
    for (char **e = spec->env; e && *e; e++)
        strings_add(&env, *e);
    strings_free(spec->env);
    spec->env = env ? env : xalloc(sizeof(char *));
}

static void take_args(struct spec *spec, const cJSON *config)
{
    char **args = NULL;
    if (spec->entrypoint && spec->entrypoint[0])
        strings_add(&args, spec->entrypoint);
    else if (!spec->entrypoint)
        add_list(&args, json_at(config, "config.Entrypoint"));
    if (spec->args && spec->args[0])
        for (char **a = spec->args; *a; a++)
            strings_add(&args, *a);
    else if (!spec->entrypoint)
        add_list(&args, json_at(config, "config.Cmd"));
    strings_free(spec->args);
    spec->args = args ? args : xalloc(sizeof(char *));
}

static void take_image(struct spec *spec, const struct image *i)
{
    const char *cwd  = json_str(i->config, "config.WorkingDir"),
               *user = json_str(i->config, "config.User");
    free(spec->workload);
    spec->workload = xstrdup(i->name);
    for (char **l = i->layers; *l; l++)
        strings_add(&spec->layers, *l);
    take_args(spec, i->config);
    take_env(spec, i->config);
    if (!spec->cwd_given && cwd && cwd[0]) {
        free(spec->cwd);
        spec->cwd       = xstrdup(cwd);
        spec->cwd_given = true;
    }
    if (!spec->user && user && user[0])
        spec->user = xstrdup(user);
}

int image_for_run(struct spec *spec, const char *word, struct err *err)
{
    struct store      s;
    struct image      i;
    struct image_name n;
    /* What looks like a path is one. */
    if (access(word, F_OK) == 0 || word[0] == '/' || word[0] == '.' ||
        image_name_parse(word, &n, NULL) || store_open(&s, NULL))
        return 0;
    int rc = store_find(&s, word, &i, err);
    store_close(&s);
    if (rc)
        return rc == -ENOENT ? 0 : rc;
    take_image(spec, &i);
    image_done(&i);
    return 0;
}
