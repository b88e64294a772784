/* timing/flash.c - see flash.h.
 *
 * A plane is what works by itself: it has blocks, one that the host's data go to and one for what
 * the collector moves. What the host writes is gathered until a page is full, which is programmed
 * on the next plane in turn. When a plane has few free blocks, its collector empties blocks before
 * the next page is programmed there. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "timing/flash.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/random.h"

enum { NONE = 0, SPARE_BLOCKS = 2, WRITES_MAX = 1 << 16 };
enum policy { GREEDY, COST_BENEFIT, FIFO };

struct settings {
    double channels, dies, planes, blocks, pages, page_bytes;
    double read_us, program_us, erase_us, channel_mb_s, command_us, host_mb_s;
    double spare; /* part of what the host sees that is there beside it */
    double buffer_pages;
    bool protected;
};

struct block {
    u32 valid; /* units */
    u32 erases;
    u64 filled; /* when, in pages programmed; 0: free or open */
};

struct stream {
    u32 block, page; /* the next page; block NONE: none open. Blocks count from 1 in a plane */
};

struct plane {
    struct block *blocks; /* [1..] */
    u32          *free;   /* a stack */
    u32           n_free;
    struct stream host, moved;
    struct stream to;                 /* where what is moved goes */
    u32           filled;             /* units of that page */
    u64           valid;              /* units */
    double        free_at, collected; /* ms; of that: the collector's */
};

struct flash {
    char               *name;
    struct settings     s;
    enum policy         policy;
    u32                 planes, blocks, pages, units; /* a page's units */
    u64                 user_units;
    u32                *map;  /* unit of the host -> place + 1 */
    u32                *back; /* place -> unit of the host + 1 */
    struct plane       *plane;
    double             *channel_free;
    u32                 next_plane;
    u32                *open; /* units gathered for the next page, by the host's number */
    u32                 n_open;
    double             *writes; /* a ring: when the last pages are programmed */
    u64                 n_writes, pages_done;
    bool                timed; /* else all is for nothing: wearing in */
    u64                 random;
    struct flash_counts counts;
};

/* --- places: plane, block, page and unit in one number --- */

static u32 place_of(const struct flash *f, u32 plane, u32 block, u32 page, u32 unit)
{
    return ((plane * f->blocks + block - 1) * f->pages + page) * f->units + unit;
}

static u32 block_of(const struct flash *f, u32 place, u32 *plane)
{
    u32 block = place / f->units / f->pages;
    *plane    = block / f->blocks;
    return block % f->blocks + 1;
}

static void forget(struct flash *f, u64 unit)
{
    u32 plane, place = f->map[unit];
    if (!place)
        return;
    u32 block = block_of(f, place - 1, &plane);
    f->plane[plane].blocks[block].valid--;
    f->plane[plane].valid--;
    f->back[place - 1] = NONE;
    f->map[unit]       = NONE;
}

static void set(struct flash *f, u64 unit, u32 plane, u32 block, u32 page, u32 n)
{
    u32 place      = place_of(f, plane, block, page, n);
    f->map[unit]   = place + 1;
    f->back[place] = (u32)unit + 1;
    f->plane[plane].blocks[block].valid++;
    f->plane[plane].valid++;
}

/* --- programming and collecting --- */

static double page_ms(const struct flash *f)
{
    return f->s.page_bytes / (f->s.channel_mb_s * 1000);
}

/* The stream's next page of the plane. */
static struct stream next_page(struct flash *f, struct plane *p, struct stream *s)
{
    if (!s->block) {
        assert(p->n_free);
        *s = (struct stream){p->free[--p->n_free], 0};
    }
    struct stream here = *s;
    if (++s->page == f->pages) {
        p->blocks[s->block].filled = ++f->pages_done;
        *s                         = (struct stream){0};
    }
    return here;
}

/* How gladly the block is emptied; 0: not at all. */
static double value(const struct flash *f, const struct block *b)
{
    double all = (double)f->pages * f->units, used = b->valid / all;
    if (!b->filled || b->valid == f->pages * f->units)
        return 0;
    switch (f->policy) {
    case GREEDY:
        return 1 - used;
    case COST_BENEFIT:
        return (1 - used) / (2 * used + 1e-9) * (double)(f->pages_done - b->filled + 1);
    default:
        return (double)(f->pages_done - b->filled + 1);
    }
}

static u32 victim(const struct flash *f, const struct plane *p)
{
    u32    best = NONE;
    double most = 0;
    for (u32 i = 1; i <= f->blocks; i++) {
        double v = value(f, &p->blocks[i]);
        if (v > most) {
            most = v;
            best = i;
        }
    }
    return best;
}

/* Moves a unit to the plane's page for that; ms that it took. */
static double move(struct flash *f, u32 plane, u64 unit)
{
    struct plane *p  = &f->plane[plane];
    double        ms = 0;
    if (p->filled % f->units == 0) {
        p->to     = next_page(f, p, &p->moved);
        p->filled = 0;
        ms        = f->s.program_us / 1000;
    }
    forget(f, unit);
    set(f, unit, plane, p->to.block, p->to.page, p->filled++);
    f->counts.moved_units++;
    return ms;
}

/* Moves what is valid in the block, and erases it; ms that it took. */
static double empty(struct flash *f, u32 plane, u32 block)
{
    struct plane *p  = &f->plane[plane];
    double        ms = f->s.erase_us / 1000;
    for (u32 page = 0; page < f->pages; page++) {
        bool read = false;
        for (u32 u = 0; u < f->units; u++) {
            u32 unit = f->back[place_of(f, plane, block, page, u)];
            if (unit)
                ms += move(f, plane, unit - 1);
            read |= unit != NONE;
        }
        ms += read ? f->s.read_us / 1000 : 0;
    }
    p->blocks[block].filled = 0;
    p->blocks[block].erases++;
    f->counts.erases++;
    f->counts.most_erases = MAX(f->counts.most_erases, (u64)p->blocks[block].erases);
    p->free[p->n_free++]  = block;
    return ms;
}

static double collect(struct flash *f, u32 plane)
{
    struct plane *p     = &f->plane[plane];
    double        ms    = 0;
    u32           block = NONE;
    while (p->n_free < SPARE_BLOCKS && (block = victim(f, p)))
        ms += empty(f, plane, block);
    return ms;
}

/* The next plane in turn that has room: what the host does may fill one more than others, but all
 * together have room for all of the host's. So a plane's collector always finds a block. */
static u32 next_plane(struct flash *f)
{
    u64 room = (u64)(f->blocks - SPARE_BLOCKS - 2) * f->pages * f->units;
    u32 n    = f->next_plane++ % f->planes;
    for (u32 i = 0; i < f->planes && f->plane[n].valid + f->units > room; i++)
        n = f->next_plane++ % f->planes;
    return n;
}

/* Writes the gathered units to the next plane; from AT on, when they are programmed. */
static double program(struct flash *f, double at, struct flash_times *out)
{
    u32           n       = next_plane(f);
    struct plane *p       = &f->plane[n];
    u32           c       = n % (u32)f->s.channels;
    double        garbage = collect(f, n);
    struct stream to      = next_page(f, p, &p->host);
    for (u32 i = 0; i < f->n_open; i++) {
        forget(f, f->open[i]);
        set(f, f->open[i], n, to.block, to.page, i);
    }
    f->counts.host_units += f->n_open;
    f->n_open = 0;
    if (!f->timed)
        return at;
    double sent = fmax(at, f->channel_free[c]) + page_ms(f);
    double free = fmax(sent, p->free_at), end = free + garbage + f->s.program_us / 1000;
    f->channel_free[c]                    = sent;
    p->free_at                            = end;
    p->collected                          = garbage > 0 ? free + garbage : p->collected;
    f->writes[f->n_writes++ % WRITES_MAX] = end;
    out->collect += garbage;
    return end;
}

/* --- requests --- */

/* When the buffer holds the last page: of those before it, all but so many are programmed. */
static double room_at(const struct flash *f)
{
    u64 room = (u64)fmax(1, f->s.buffer_pages);
    return f->n_writes <= room ? 0 : f->writes[(f->n_writes - room - 1) % WRITES_MAX];
}

static bool is_open(const struct flash *f, u64 unit)
{
    for (u32 i = 0; i < f->n_open; i++)
        if (f->open[i] == unit)
            return true;
    return false;
}

/* The page that holds the unit; when it is read and sent. */
static double read_page(struct flash *f, double at, u64 unit, struct flash_times *out)
{
    u32 n;
    if (!f->map[unit] || is_open(f, unit)) {
        f->counts.buffered++;
        return at;
    }
    block_of(f, f->map[unit] - 1, &n);
    struct plane *p    = &f->plane[n];
    u32           c    = n % (u32)f->s.channels;
    double        cell = fmax(at, p->free_at) + f->s.read_us / 1000;
    double        sent = fmax(cell, f->channel_free[c]) + page_ms(f);
    if (at < p->collected)
        out->collect = fmax(out->collect, p->collected - at);
    p->free_at         = cell;
    f->channel_free[c] = sent;
    return sent;
}

static double read_units(struct flash *f, double at, u64 first, u64 last, struct flash_times *out)
{
    double end  = at;
    u32    page = ~0u;
    for (u64 u = first; u <= last; u++) {
        u32 here = f->map[u] ? (f->map[u] - 1) / f->units : ~0u;
        if (here == ~0u || here != page)
            end = fmax(end, read_page(f, at, u, out));
        page = here;
    }
    out->cell    = f->s.read_us / 1000;
    out->channel = page_ms(f);
    return end;
}

/* One unit into the buffer; from when on there is room for the next. */
static double take(struct flash *f, double at, u64 unit, struct flash_times *out)
{
    if (is_open(f, unit))
        return at;
    f->open[f->n_open++] = (u32)unit;
    if (f->n_open == f->units)
        program(f, at, out);
    return fmax(at, f->timed ? room_at(f) : 0);
}

static double write_units(struct flash *f, double at, u64 off, u64 len, struct flash_times *out)
{
    u64    first = off / FLASH_UNIT, last = (off + len - 1) / FLASH_UNIT;
    double begin = at;
    if (off % FLASH_UNIT) /* parts of a unit: the rest is read first */
        at = fmax(at, read_page(f, at, first, out));
    if ((off + len) % FLASH_UNIT && last != first)
        at = fmax(at, read_page(f, at, last, out));
    for (u64 u = first; u <= last; u++)
        at = take(f, at, u, out);
    out->collect = fmin(out->collect, at - begin);
    return at;
}

static void trim(struct flash *f, u64 off, u64 len)
{
    for (u64 u = (off + FLASH_UNIT - 1) / FLASH_UNIT; u < (off + len) / FLASH_UNIT; u++)
        if (!is_open(f, u))
            forget(f, u);
}

static double flush(struct flash *f, double at, struct flash_times *out)
{
    if (f->s.protected)
        return at;
    if (f->n_open)
        program(f, at, out);
    for (u64 i = 0; i < MIN(f->n_writes, (u64)WRITES_MAX); i++)
        at = fmax(at, f->writes[i]);
    return at;
}

void flash_serve(struct flash *f, double now, enum flash_op op, u64 off, u64 len,
                 struct flash_times *out)
{
    double begin = now + f->s.command_us / 1000, end = begin;
    *out     = (struct flash_times){.start = now};
    f->timed = true;
    if (op == FLASH_FLUSH)
        end = flush(f, begin, out);
    else if (op == FLASH_TRIM)
        trim(f, off, len);
    else if (len && op == FLASH_READ)
        end = read_units(f, begin, off / FLASH_UNIT, (off + len - 1) / FLASH_UNIT, out);
    else if (len)
        end = write_units(f, begin, off, len, out);
    if (op == FLASH_READ || op == FLASH_WRITE)
        end += (double)len / (f->s.host_mb_s * 1000);
    out->end = end;
    out->channel += end - now > out->cell + out->channel ? f->s.command_us / 1000 : 0;
    out->cell    = fmin(out->cell, end - now);
    out->channel = fmin(out->channel, end - now - out->cell);
    out->collect = fmin(out->collect, end - now - out->cell - out->channel);
    out->queue   = end - now - out->cell - out->channel - out->collect;
}

void flash_wear_in(struct flash *f, double times, u64 seed)
{
    struct flash_times unused = {0};
    u64                n      = (u64)((double)f->user_units * times);
    f->timed                  = false;
    for (u64 u = 0; u < f->user_units; u++)
        take(f, 0, u, &unused);
    for (u64 i = 0; i < n; i++)
        take(f, 0, random_next(&seed) % f->user_units, &unused);
    flash_forget_counts(f);
}

void flash_forget_counts(struct flash *f)
{
    f->counts = (struct flash_counts){.most_erases = f->counts.most_erases};
}

void flash_counts(const struct flash *f, struct flash_counts *out)
{
    *out        = f->counts;
    out->blocks = (u64)f->planes * f->blocks;
}

const char *flash_name(const struct flash *f)
{
    return f->name;
}

u64 flash_bytes(const struct flash *f)
{
    return f->user_units * FLASH_UNIT;
}

/* --- reading the description --- */

#define SET(m) offsetof(struct settings, m)
static const struct param_row rows[] = {
    {"Channels", SET(channels), 1, 256, true},
    {"Dies per channel", SET(dies), 1, 256, true},
    {"Planes per die", SET(planes), 1, 16, true},
    {"Blocks per plane", SET(blocks), 8, 1e6, true},
    {"Pages per block", SET(pages), 1, 65536, true},
    {"Page size (bytes)", SET(page_bytes), FLASH_UNIT, 65536, true},
    {"Read time (us)", SET(read_us), 0, 1e6, true},
    {"Program time (us)", SET(program_us), 0, 1e6, true},
    {"Erase time (us)", SET(erase_us), 0, 1e7, true},
    {"Channel rate (MB/s)", SET(channel_mb_s), 1, 1e6, true},
    {"Host rate (MB/s)", SET(host_mb_s), 1, 1e6, true},
    {"Command overhead (us)", SET(command_us), 0, 1e6, true},
    {"Over-provisioning", SET(spare), 0.001, 10, true},
    {"Write buffer (pages)", SET(buffer_pages), 0, WRITES_MAX - 1, true},
    {"Power-loss protection", SET(protected), 0, 1, false, true},
};

static int read_policy(struct flash *f, const struct param *from, struct err *err)
{
    static const char *const names[] = {
        [GREEDY] = "greedy", [COST_BENEFIT] = "cost-benefit", [FIFO] = "fifo"};
    const struct param *p = param_get(from, "Garbage collection");
    for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
        if (!p || (p->text && !strcmp(p->text, names[i]))) {
            f->policy = (enum policy)i;
            return 0;
        }
    return err_set(err, EINVAL, "%s:%u: garbage collection is greedy, cost-benefit or fifo",
                   p->file, p->line);
}

/* How many blocks a plane needs for BYTES of the host's. */
static void fit(struct flash *f, u64 bytes)
{
    double block = f->s.pages * f->s.page_bytes * f->planes;
    double need  = ceil((double)bytes * (1 + f->s.spare) / block) + SPARE_BLOCKS + 2;
    if (bytes && need < f->s.blocks)
        f->s.blocks = fmax(need, 8);
}

static int make(struct flash *f, struct err *err)
{
    f->blocks     = (u32)f->s.blocks;
    f->pages      = (u32)f->s.pages;
    f->units      = (u32)(f->s.page_bytes / FLASH_UNIT);
    u64 places    = (u64)f->planes * f->blocks * f->pages * f->units;
    u64 spare     = (u64)f->planes * (SPARE_BLOCKS + 3) * f->pages * f->units;
    f->user_units = (u64)((double)places / (1 + f->s.spare));
    f->user_units = MIN(f->user_units, places - spare);
    if (places >= ~0u)
        return err_set(err, EFBIG, "'%s' is larger than 16 TiB", f->name);
    f->map          = try_alloc(f->user_units, sizeof(u32));
    f->back         = try_alloc(places, sizeof(u32));
    f->plane        = xalloc(f->planes * sizeof(*f->plane));
    f->channel_free = xalloc((size_t)f->s.channels * sizeof(double));
    f->open         = xalloc(f->units * sizeof(u32));
    f->writes       = xalloc(WRITES_MAX * sizeof(double));
    if (!f->map || !f->back)
        return err_set(err, ENOMEM, "no memory for the map of '%s'", f->name);
    for (u32 i = 0; i < f->planes; i++) {
        struct plane *p = &f->plane[i];
        p->blocks       = try_alloc(f->blocks + 1, sizeof(*p->blocks));
        p->free         = try_alloc(f->blocks, sizeof(u32));
        if (!p->blocks || !p->free)
            return err_set(err, ENOMEM, "no memory for the blocks of '%s'", f->name);
        while (p->n_free < f->blocks) {
            p->free[p->n_free] = f->blocks - p->n_free;
            p->n_free++;
        }
    }
    return 0;
}

static int read_flash(struct flash *f, const struct params *p, u64 bytes, struct err *err)
{
    const struct param *from = params_block(p, "guise_ssd", 0);
    if (!from)
        return err_set(err, EINVAL, "the description has no guise_ssd");
    const char *space = strchr(from->text, ' ');
    f->name           = xstrdup(space ? space + 1 : from->text);
    int rc            = param_rows(from, rows, ARRAY_SIZE(rows), &f->s, err);
    if (rc)
        return rc;
    if (fmod(f->s.page_bytes, FLASH_UNIT) != 0)
        return err_set(err, EINVAL, "%s:%u: a page has a multiple of %u bytes", from->file,
                       from->line, FLASH_UNIT);
    f->planes = (u32)(floor(f->s.channels) * floor(f->s.dies) * floor(f->s.planes));
    rc        = read_policy(f, from, err);
    fit(f, bytes);
    return rc ? rc : make(f, err);
}

int flash_create(struct flash **out, const struct params *p, u64 bytes, struct err *err)
{
    struct flash *f  = xnew(struct flash);
    int           rc = read_flash(f, p, bytes, err);
    if (rc)
        flash_destroy(f);
    else
        *out = f;
    return rc;
}

void flash_destroy(struct flash *f)
{
    for (u32 i = 0; f && f->plane && i < f->planes; i++) {
        free(f->plane[i].blocks);
        free(f->plane[i].free);
    }
    if (f) {
        free(f->plane);
        free(f->map);
        free(f->back);
        free(f->channel_free);
        free(f->open);
        free(f->writes);
        free(f->name);
    }
    free(f);
}
