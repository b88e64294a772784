/* tests/diff/diff.c - makes cases out of insn.def, gives them to two executors, and compares.
 *
 *   diff [options] REFERENCE... -- TESTED...
 *     -n COUNT     cases of the random kind (default 100000)
 *     -s SEED      where the random numbers start (default 1)
 *     -m MODES     rows (each instruction by its row), pairs (those of fused.def), runs (of
 *                  many instructions), rvc (all 65536 half words), words (random words, for
 *                  what is legal); default all
 *     -i NAME      only instructions whose names begin so      -x NAME   none of these
 *     -v BITS       of the executors' vector registers, 128 or 256 (default 128)
 *     -k COUNT     give up after so many differences (default 1)
 *
 * Ends with 0 when all agree, 1 when not, 2 when something is broken. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "protocol.h"
#include "random.h"
#include "rv64/isa.h"
#include "rv64/rv64.h"
#include "vectors.h"

enum { BATCH = 64, FILTERS_MAX = 32 };

struct executor {
    const char *name;
    int         in, out; /* we write to in */
    pid_t       pid;
};

struct diff {
    struct executor   reference, tested;
    struct diff_case  cases[BATCH];
    struct diff_reply want[BATCH], have[BATCH];
    unsigned          filled;
    unsigned long     done, differences, most_differences;
    const char       *only[FILTERS_MAX], *except[FILTERS_MAX];
    unsigned          n_only, n_except;
    unsigned          legal_only; /* compare only whether they are legal */
};

static bool ends_with(const char *name, const char *end)
{
    size_t a = strlen(name), b = strlen(end);
    return a >= b && !strcmp(name + a - b, end);
}

/* The width of the floating-point operands, by the row's name. */
static unsigned f_width(const char *name)
{
    static const struct {
        const char *end;
        unsigned    width;
    } table[] = {{"_h", 2}, {"_s", 4}, {"_d", 8}};
    for (unsigned i = 0; i < ARRAY_SIZE(table); i++)
        if (ends_with(name, table[i].end))
            return table[i].width;
    return 8;
}

static void fill(struct diff_case *c, unsigned f_bytes)
{
    *c = (struct diff_case){.fcsr = (u32)rnd() & 31};
    c->fcsr |= (u32)(one_in(20) ? rnd() & 7 : (rnd() >> 32) % 5) << 5;
    if (one_in(3))
        c->fcsr &= ~31u;
    for (unsigned i = 1; i < 32; i++)
        c->x[i] = integer();
    for (unsigned i = 0; i < 32; i++)
        c->f[i] = f_register(f_bytes);
    for (unsigned i = 0; i < DIFF_BYTES; i++)
        c->data[i] = (u8)(rnd() >> 40);
}

/* Makes the address of a load, store or jump one that leads somewhere. */
static void aim(struct diff_case *c, u32 word)
{
    int row = rv64_find(word);
    if (row < 0)
        return;
    enum rv64_format format = rv64_rows[row].format;
    u64              imm    = (u64)rv64_immediate(rv64_formats[format].imm, word);
    unsigned         rs1    = word >> 15 & 31;
    u64              spot   = DIFF_DATA + (rnd() >> 32) % DIFF_BYTES;
    switch (format) {
    case FORMAT_A:
    case FORMAT_AL:
    case FORMAT_CBO:
        imm = 0;
        /* fall through */
    case FORMAT_L:
    case FORMAT_S:
    case FORMAT_FL:
    case FORMAT_FS:
        if (!one_in(4) || format == FORMAT_A || format == FORMAT_AL)
            spot &= ~15ull;
        if (one_in(30))
            spot &= ~7ull;
        if (one_in(50))
            spot = rnd() >> 63 ? DIFF_DATA + DIFF_PAGE + (rnd() >> 61) * 8 : DIFF_DATA - 64;
        c->x[rs1] = spot - imm;
        break;
    case FORMAT_JR:
        spot      = DIFF_CODE + (rnd() >> 32) % (DIFF_PAGE - 64); /* QEMU looks ahead */
        c->x[rs1] = spot - imm + ((spot & ~7ull) == DIFF_CODE + DIFF_ENTRY ? 16 : 0);
        break;
    case FORMAT_B:
        if (one_in(3))
            c->x[rs1] = c->x[word >> 20 & 31];
        break;
    default:
        break;
    }
    if (rv64_is_vector(format))
        aim_vectors(c, word);
    c->x[0] = 0;
}

/* What cannot be compared: system calls, what belongs to higher modes, what does not end. */
static bool skipped(const struct diff *d, int row, u32 word)
{
    static const char *const never[] = {"ecall",  "mret", "sret",  "wfi",  "sfence",   "sinval",
                                        "hfence", "wrs",  "mnret", "dret", "cbo_inval"};
    const char              *name    = rv64_rows[row].name;
    enum rv64_format         format  = rv64_rows[row].format;
    for (unsigned i = 0; i < ARRAY_SIZE(never); i++)
        if (!strncmp(name, never[i], strlen(never[i])))
            return true;
    if (format == FORMAT_C || format == FORMAT_CI)
        if ((word >> 20) - 1 > 2) /* only fflags, frm, fcsr */
            return true;
    if (format == FORMAT_B || format == FORMAT_J) {
        /* To itself, for ever; to the page's end, where QEMU looks ahead. */
        u64 target = DIFF_ENTRY + (u64)rv64_immediate(rv64_formats[format].imm, word);
        if (target - DIFF_ENTRY < 4 || (target < DIFF_PAGE && target >= DIFF_PAGE - 64))
            return true;
    }
    for (unsigned i = 0; i < d->n_except; i++)
        if (!strncmp(name, d->except[i], strlen(d->except[i])))
            return true;
    for (unsigned i = 0; i < d->n_only; i++)
        if (!strncmp(name, d->only[i], strlen(d->only[i])))
            return false;
    return d->n_only;
}

/* Executors. */

static void start(struct executor *e, char **argv)
{
    int to[2], from[2];
    if (pipe2(to, O_CLOEXEC) || pipe2(from, O_CLOEXEC)) {
        perror("diff: pipe");
        exit(2);
    }
    e->name = argv[0];
    e->pid  = fork();
    if (e->pid == 0) {
        dup2(to[0], 0);
        dup2(from[1], 1);
        execvp(argv[0], argv);
        perror(argv[0]);
        _exit(127);
    }
    close(to[0]);
    close(from[1]);
    e->in  = to[1];
    e->out = from[0];
}

static void stop(struct executor *e)
{
    close(e->in);
    waitpid(e->pid, NULL, 0);
}

static void send_all(struct executor *e, const void *p, size_t len)
{
    for (const char *at = p; len;) {
        ssize_t n = write(e->in, at, len);
        if (n <= 0) {
            fprintf(stderr, "diff: %s does not listen\n", e->name);
            exit(2);
        }
        at += n;
        len -= (size_t)n;
    }
}

static void receive(const struct diff *d, struct executor *e, struct diff_reply *replies)
{
    size_t got = 0, len = d->filled * sizeof(*replies);
    while (got < len) {
        ssize_t n = read(e->out, (char *)replies + got, len - got);
        if (n <= 0) {
            const struct diff_case *c = &d->cases[got / sizeof(*replies)];
            fprintf(stderr, "diff: %s stopped at case %lu: %08x %08x\n", e->name,
                    d->done + got / sizeof(*replies), c->word[0], c->word[1]);
            exit(2);
        }
        got += (size_t)n;
    }
}

/* Telling the difference. */

static void print_word(u32 word)
{
    char text[80];
    rv64_disassemble(word, DIFF_CODE + DIFF_ENTRY, text, sizeof(text));
    printf("  %0*x  %s\n", (word & 3) == 3 ? 8 : 4, word, text);
}

static void print_field(const char *name, u64 in, u64 want, u64 have)
{
    printf("  %-8s before %016llx  reference %016llx  tested %016llx%s\n", name,
           (unsigned long long)in, (unsigned long long)want, (unsigned long long)have,
           want == have ? "" : "   <--");
}

static void print_vectors(const struct diff_vectors *c, const struct diff_vectors *w,
                          const struct diff_vectors *h, unsigned used)
{
    char name[24];
    print_field("vl", c->vl, w->vl, h->vl);
    print_field("vtype", c->vtype, w->vtype, h->vtype);
    print_field("vstart", c->vstart, w->vstart, h->vstart);
    print_field("vcsr", c->vcsr, w->vcsr, h->vcsr);
    for (unsigned i = 0; i < 32 * vlenb; i += 8) {
        u64 a, b, before;
        memcpy(&a, w->v + i, 8);
        memcpy(&b, h->v + i, 8);
        memcpy(&before, c->v + i, 8);
        snprintf(name, sizeof(name), "v%u.%u", i / vlenb, i % vlenb / 8);
        if (used >> (i / vlenb) & 1 || a != b)
            print_field(name, before, a, b);
    }
}

static void print_operands(const struct diff_case *c, const struct diff_reply *w,
                           const struct diff_reply *h)
{
    char     name[8];
    u32      word = (c->word[0] & 3) == 3 ? c->word[0] : rv64_expand((u16)c->word[0]);
    unsigned used = 1u << (word >> 7 & 31) | 1u << (word >> 15 & 31) | 1u << (word >> 20 & 31);
    if (c->vectors)
        used |= 1;
    for (unsigned i = 1; i < 32; i++) {
        snprintf(name, sizeof(name), "x%u", i);
        if (used >> i & 1 || w->x[i] != h->x[i])
            print_field(name, c->x[i], w->x[i], h->x[i]);
    }
    used |= 1u << (word >> 27 & 31);
    for (unsigned i = 0; i < 32; i++) {
        snprintf(name, sizeof(name), "f%u", i);
        if (used >> i & 1 || w->f[i] != h->f[i])
            print_field(name, c->f[i], w->f[i], h->f[i]);
    }
    if (c->vectors)
        print_vectors(&c->vec, &w->vec, &h->vec, used);
    for (unsigned i = 0; i < DIFF_BYTES; i += 8) {
        u64 a, b, before;
        memcpy(&a, w->data + i, 8);
        memcpy(&b, h->data + i, 8);
        memcpy(&before, c->data + i, 8);
        snprintf(name, sizeof(name), "[%u]", i);
        if (a != b)
            print_field(name, before, a, b);
    }
}

static void report(const struct diff *d, unsigned i)
{
    const struct diff_case  *c = &d->cases[i];
    const struct diff_reply *w = &d->want[i], *h = &d->have[i];
    printf("DIFFERENT: case %lu\n", d->done + i);
    print_word(c->word[0]);
    for (unsigned n = 1; n < DIFF_WORDS && c->word[n]; n++)
        print_word(c->word[n]);
    print_field("ended by", 0, w->status, h->status);
    print_field("pc", DIFF_CODE + DIFF_ENTRY, w->pc, h->pc);
    if (w->address != h->address)
        print_field("address", 0, w->address, h->address);
    print_field("fcsr", c->fcsr, w->fcsr, h->fcsr);
    print_operands(c, w, h);
}

static bool agree(const struct diff *d, const struct diff_case *c, const struct diff_reply *w,
                  const struct diff_reply *h)
{
    if (d->legal_only)
        return (w->status == DIFF_ILLEGAL) == (h->status == DIFF_ILLEGAL);
    if (c->vectors && w->address != h->address &&
        w->address / DIFF_PAGE == h->address / DIFF_PAGE) {
        struct diff_reply other = *h; /* QEMU looks at the words of a group; we say which byte */
        other.address           = w->address;
        return !memcmp(w, &other, sizeof(*w));
    }
    return !memcmp(w, h, sizeof(*w));
}

static void flush(struct diff *d)
{
    if (!d->filled)
        return;
    send_all(&d->reference, d->cases, d->filled * sizeof(d->cases[0]));
    send_all(&d->tested, d->cases, d->filled * sizeof(d->cases[0]));
    receive(d, &d->reference, d->want);
    receive(d, &d->tested, d->have);
    for (unsigned i = 0; i < d->filled; i++) {
        if (agree(d, &d->cases[i], &d->want[i], &d->have[i]))
            continue;
        report(d, i);
        if (++d->differences >= d->most_differences) {
            printf("%lu cases, %lu different\n", d->done + i + 1, d->differences);
            exit(1);
        }
    }
    d->done += d->filled;
    d->filled = 0;
}

static struct diff_case *next_case(struct diff *d)
{
    if (d->filled == BATCH)
        flush(d);
    return &d->cases[d->filled++];
}

/* The kinds of cases. */

static u32 word_of_row(int row)
{
    const struct rv64_row *r    = &rv64_rows[row];
    u32                    word = ((u32)(rnd() >> 20) & ~r->mask) | r->match;
    if (r->format == FORMAT_C || r->format == FORMAT_CI)
        word = (word & 0xfffff) | (u32)(1 + (rnd() >> 32) % 3) << 20;
    if (!(r->mask & 0x7000) && one_in(2))
        word |= 0x7000; /* rounding mode: that of fcsr */
    return word;
}

/* A store conditional needs the load that goes before it. */
static void reserve_first(struct diff_case *c, u32 word)
{
    unsigned rs1 = word >> 15 & 31, rd = (u32)(rnd() >> 59);
    while (rd == rs1 && rs1)
        rd = (rd + 1) & 31;
    c->word[0] = 0x1000002f | (word & 0x7000) | rs1 << 15 | rd << 7;
    c->word[1] = word;
}

static void run_rows(struct diff *d, unsigned long count)
{
    unsigned long turn = 0, last = 0; /* which row's it is; when one was not skipped */
    for (unsigned long n = 0; n < count && turn - last < 100 * RV64_ROWS; turn++) {
        int row  = (int)(turn % RV64_ROWS);
        u32 word = word_of_row(row);
        if (skipped(d, row, word))
            continue;
        last                = turn;
        struct diff_case *c = next_case(d);
        fill(c, f_width(rv64_rows[row].name));
        if (rv64_is_vector(rv64_rows[row].format)) {
            fill_vectors(c, rv64_rows[row].name[1] == 'f' || rv64_rows[row].name[2] == 'f');
            word = align_groups(c, word);
        }
        aim(c, word);
        c->word[0] = word;
        if (!strncmp(rv64_rows[row].name, "sc_", 3))
            reserve_first(c, word);
        n++;
    }
    flush(d);
}

/* Whether two instructions end soon, and where QEMU ends too. */
static bool pair_skipped(const struct diff *d, int first, u32 a, int second, u32 b)
{
    i64 imm = rv64_immediate(rv64_formats[rv64_rows[second].format].imm, b);
    if (skipped(d, first, a) || skipped(d, second, b))
        return true;
    switch (rv64_rows[second].format) {
    case FORMAT_B:
    case FORMAT_J:
        return (imm >= -8 && imm < 8) || skipped(d, second, b) ||
               (DIFF_ENTRY + imm < DIFF_PAGE && DIFF_ENTRY + imm >= DIFF_PAGE - 68);
    case FORMAT_JR: /* not into data; and an address made by chance is no good on a host */
        return (a >> 7 & 31) == (b >> 15 & 31) || (a >> 15 & 31) == (b >> 15 & 31);
    case FORMAT_L:
    case FORMAT_S:
        return (a >> 7 & 31) == (b >> 15 & 31);
    default:
        return false;
    }
}

static void run_pairs(struct diff *d, unsigned long count)
{
    static const u16 pairs[][2] = {
#define FUSE(a, b) {INSN_##a, INSN_##b},
#include "rv64/fused.def"
#undef FUSE
    };
    unsigned long turn = 0;
    for (unsigned long n = 0; n < count && turn < 100 * count; turn++) {
        const u16 *rows = pairs[turn % ARRAY_SIZE(pairs)];
        u32        a = word_of_row(rows[0]), b = word_of_row(rows[1]);
        if (one_in(2)) /* the second uses what the first made */
            b = (b & ~(31u << 15)) | (a >> 7 & 31) << 15;
        if (pair_skipped(d, rows[0], a, rows[1], b))
            continue;
        struct diff_case *c = next_case(d);
        fill(c, 8);
        aim(c, b);
        aim(c, a);
        c->word[0] = a;
        c->word[1] = b;
        n++;
    }
    flush(d);
}

/* Runs of instructions: they read what others made, touch the data, and branch forward within
 * the run. x8 is where the data are, x9 the last word of their page, behind which a trap waits; no
 * instruction writes these. */

enum { RUN_BASE = 8, RUN_EDGE = 9 };

/* WORD with its address made one within the data. */
static u32 touch_data(enum rv64_format format, u32 word)
{
    u32 off  = (u32)(rnd() >> 32) % (DIFF_BYTES - 8) & (one_in(8) ? ~0u : ~7u);
    u32 base = RUN_BASE;
    if (one_in(60)) {
        base = RUN_EDGE;
        off  = 8 * (u32)(rnd() >> 62);
    }
    word = (word & ~(31u << 15)) | base << 15;
    switch (format) {
    case FORMAT_L:
    case FORMAT_FL:
        return (word & 0xfffff) | off << 20;
    case FORMAT_S:
    case FORMAT_FS:
        return (word & 0x1fff07f) | (off >> 5) << 25 | (off & 31) << 7;
    default:
        return word;
    }
}

/* A branch or jump over some of the LEFT instructions that follow. */
static u32 skip_some(enum rv64_format format, u32 word, unsigned left)
{
    u32 by = 4 + 4 * ((u32)(rnd() >> 32) % (left + 1));
    if (format == FORMAT_B)
        return (word & 0x1fff07f) | (by >> 5 & 63) << 25 | (by & 30) << 7;
    return (word & 0xfff) | (by & 0x7fe) << 20;
}

static bool has_rd(enum rv64_format format)
{
    const char *text = rv64_formats[format].text;
    return text[0] == 'd';
}

static u32 word_of_run(const struct diff *d, const struct diff_case *c, unsigned left)
{
    /* fround: QEMU 10 leaves out one whose result is not read, and with it the flags. */
    static const char *const never[] = {"ebreak", "lr_", "sc_", "amocas_q", "jalr", "fround"};
    for (;;) {
        int                    row  = (int)((rnd() >> 32) % (one_in(2) ? RV64_ROWS : INSN_lr_w));
        u32                    word = word_of_row(row);
        const struct rv64_row *r    = &rv64_rows[row];
        bool                   no   = skipped(d, row, word);
        for (unsigned i = 0; i < ARRAY_SIZE(never) && !no; i++)
            no = !strncmp(r->name, never[i], strlen(never[i]));
        if (no || r->format == FORMAT_VMS || r->format == FORMAT_VMX || r->format == FORMAT_VSR)
            continue;
        if (!(r->mask & 0x7000) && rv64_formats[r->format].imm == IMM_rm && (word >> 12 & 7) > 4)
            word |= 0x7000;
        if (has_rd(r->format) && (word >> 8 & 15) == RUN_BASE / 2)
            word ^= 2 << 7;
        if (!strncmp(r->name, "amocas", 6) && !(word >> 7 & 31))
            word |= 1 << 7; /* QEMU 10 spoils a zero of later instructions */
        switch (r->format) {
        case FORMAT_B:
        case FORMAT_J:
            return skip_some(r->format, word, left);
        case FORMAT_L:
        case FORMAT_S:
        case FORMAT_FL:
        case FORMAT_FS:
        case FORMAT_A:
        case FORMAT_CBO:
            return touch_data(r->format, word);
        case FORMAT_VM:
        case FORMAT_VM1:
            word = (word & ~(31u << 15)) | RUN_BASE << 15;
            /* fall through */
        default:
            return rv64_is_vector(r->format) ? legal_vtype(align_groups(c, word)) : word;
        }
    }
}

static void run_runs(struct diff *d, unsigned long count)
{
    static const unsigned widths[] = {2, 4, 8, 8};
    for (unsigned long n = 0; n < count; n++) {
        struct diff_case *c = next_case(d);
        fill(c, widths[rnd() >> 62]);
        fill_vectors(c, one_in(2));
        c->vec.vstart  = 0;
        c->x[RUN_BASE] = DIFF_DATA;
        c->x[RUN_EDGE] = DIFF_DATA + DIFF_PAGE - 8;
        for (unsigned i = 0; i < DIFF_WORDS; i++)
            c->word[i] = word_of_run(d, c, DIFF_WORDS - 1 - i);
    }
    flush(d);
}

static void run_rvc(struct diff *d)
{
    for (u32 half = 0; half < 0x10000; half++) {
        if ((half & 3) == 3)
            continue;
        u32 word = rv64_expand((u16)half);
        int row  = word ? rv64_find(word) : -1;
        if (row >= 0 && skipped(d, row, word))
            continue;
        struct diff_case *c = next_case(d);
        fill(c, 8);
        if (word)
            aim(c, word);
        c->word[0] = half;
    }
    flush(d);
}

/* Any words but those of SYSTEM and jumps; half of them one or two bits away from a row. */
static void run_words(struct diff *d, unsigned long count)
{
    d->legal_only = true;
    for (unsigned long n = 0; n < count; n++) {
        u32 word = (u32)(rnd() >> 30) | 3;
        if (one_in(2))
            word = word_of_row((int)((rnd() >> 32) % RV64_ROWS)) ^ 1u << (rnd() >> 59) ^
                   (u32)(rnd() >> 63) << (rnd() >> 59);
        unsigned opcode = word & 0x7f;
        int      row    = rv64_find(word);
        if ((word & 0x1f) == 0x1f || (word & 3) != 3 || opcode == 0x73 || opcode == 0x6f ||
            opcode == 0x67 || opcode == 0x63 || (row >= 0 && skipped(d, row, word)))
            continue;
        struct diff_case *c = next_case(d);
        fill(c, 8);
        fill_vectors(c, one_in(2));
        aim(c, word);
        c->fcsr &= 31; /* a reserved rounding mode would make others illegal */
        c->word[0] = word;
    }
    flush(d);
    d->legal_only = false;
}

int main(int argc, char **argv)
{
    static struct diff d     = {.most_differences = 1};
    unsigned long      count = 100000;
    const char        *modes = "rows,pairs,runs,rvc,words";
    for (int o; (o = getopt(argc, argv, "+n:s:m:i:x:k:v:")) != -1;) {
        if (o == 'n')
            count = strtoul(optarg, NULL, 0);
        else if (o == 's')
            seed = strtoull(optarg, NULL, 0) * 0x9e3779b97f4a7c15u | 1;
        else if (o == 'v')
            vlenb = strcmp(optarg, "256") ? 16 : 32;
        else if (o == 'm')
            modes = optarg;
        else if (o == 'i' && d.n_only < FILTERS_MAX)
            d.only[d.n_only++] = optarg;
        else if (o == 'x' && d.n_except < FILTERS_MAX)
            d.except[d.n_except++] = optarg;
        else if (o == 'k')
            d.most_differences = strtoul(optarg, NULL, 0);
        else
            return 2;
    }
    int split = optind;
    while (split < argc && strcmp(argv[split], "--"))
        split++;
    if (split == optind || split >= argc - 1) {
        fprintf(stderr, "usage: diff [options] REFERENCE... -- TESTED...\n");
        return 2;
    }
    argv[split] = NULL;
    start(&d.reference, argv + optind);
    start(&d.tested, argv + split + 1);
    if (strstr(modes, "rows"))
        run_rows(&d, count);
    if (strstr(modes, "pairs"))
        run_pairs(&d, count);
    if (strstr(modes, "runs"))
        run_runs(&d, count);
    if (strstr(modes, "rvc"))
        run_rvc(&d);
    if (strstr(modes, "words"))
        run_words(&d, count);
    stop(&d.reference);
    stop(&d.tested);
    printf("%lu cases, %lu different\n", d.done, d.differences);
    return d.differences ? 1 : 0;
}
