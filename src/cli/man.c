/* cli/man.c - the manual page guise(1), made of the table of verbs. mdoc(7). */
/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <string.h>

#include "cli/help.h"

static const char head[] =
    ".Dd January 1, 2026\n"
    ".Dt GUISE 1\n"
    ".Os\n"
    ".Sh NAME\n"
    ".Nm guise\n"
    ".Nd run programs and machines under one life cycle\n"
    ".Sh SYNOPSIS\n"
    ".Nm\n"
    ".Ar verb\n"
    ".Op Ar option ...\n"
    ".Op Ar word ...\n"
    ".Sh DESCRIPTION\n"
    ".Nm\n"
    "looks at a workload, chooses what kind of virtual machine it is for and\n"
    "which engine runs that machine, and leads it through one life cycle,\n"
    "whatever it is.\n"
    "There is no daemon: each instance has a monitor process of its own, which\n"
    "ends with it.\n"
    "An instance is named by its name, its id, or any beginning of these that\n"
    "only one has.\n"
    ".Pp\n"
    "Options follow the verb.\n"
    "Those of\n"
    ".Cm run\n"
    "and\n"
    ".Cm create\n"
    "end at the workload; what stands behind it belongs to the workload.\n"
    "The verbs are:\n"
    ".Bl -tag -width Ds\n";

static const char tail[] =
    ".El\n"
    ".Sh ENVIRONMENT\n"
    ".Bl -tag -width Ds\n"
    ".It Ev GUISE_STATE\n"
    "The state folder.\n"
    "Without it\n"
    ".Pa $XDG_RUNTIME_DIR/guise\n"
    "is used, and, by root when that is not set,\n"
    ".Pa /run/guise .\n"
    ".It Ev NO_COLOR\n"
    "When set, no colours are used.\n"
    ".El\n"
    ".Sh FILES\n"
    "Below the state folder each instance has a folder named by its id:\n"
    ".Bl -tag -width Ds\n"
    ".It Pa config.json\n"
    "What it is to run.\n"
    ".It Pa state.json\n"
    "How it is: its life, its monitor, when it started and ended, its exit status.\n"
    ".It Pa console.log , console.log.1\n"
    "What it has printed.\n"
    ".It Pa monitor.log\n"
    "What its monitor had to say.\n"
    ".It Pa control.sock\n"
    "Its monitor.\n"
    "The protocol is described in\n"
    ".Pa protocol.md .\n"
    ".El\n"
    ".Sh EXIT STATUS\n"
    ".Cm run ,\n"
    ".Cm attach ,\n"
    ".Cm start Fl a\n"
    "and\n"
    ".Cm restore\n"
    "pass on the exit status of the workload.\n"
    "Otherwise:\n"
    ".Bl -tag -width Ds\n"
    ".It 0\n"
    "All went well.\n"
    ".It 1\n"
    "A verb failed for at least one instance.\n"
    ".It 125\n"
    "The command line made no sense, or\n"
    ".Nm\n"
    "itself failed to run a workload.\n"
    ".It 126\n"
    "The workload is there, but nothing can run it.\n"
    ".It 127\n"
    "There is no such workload.\n"
    ".It 137\n"
    "The machine or its monitor was killed.\n"
    ".El\n"
    ".Sh EXAMPLES\n"
    "Boot a kernel with an initial RAM disk on the terminal:\n"
    ".Pp\n"
    ".Dl guise run -it -m 1g --initrd initrd.img vmlinux\n"
    ".Pp\n"
    "In the background, look at it, stop it:\n"
    ".Bd -literal -offset indent\n"
    "guise run -d --name box --disk root.qcow2 vmlinux\n"
    "guise logs -f box\n"
    "guise stop box\n"
    ".Ed\n"
    ".Pp\n"
    "Save a machine and let it go on elsewhere:\n"
    ".Bd -literal -offset indent\n"
    "guise snapshot box box.snap\n"
    "guise restore -d box.snap\n"
    ".Ed\n"
    ".Sh SEE ALSO\n"
    ".Xr qemu-system-riscv64 1\n";

/* One word as an argument of an mdoc macro: quoted, and no part of it taken for a macro. */
static void argument(FILE *f, const char *text)
{
    fputs(" \"", f);
    for (; *text; text++) {
        if (*text == '-')
            fputs("\\-", f);
        else if (*text == '"')
            fputs("\\(dq", f);
        else if (*text == '\\')
            fputs("\\e", f);
        else
            fputc(*text, f);
    }
    fputc('"', f);
}

/* Each sentence begins a line, as mdoc wants it, with a capital; a full stop at the end. Lines
 * are broken before they are too long. */
static void sentences(FILE *f, const char *text)
{
    bool first = true; /* of its sentence */
    int  at    = 0;
    for (const char *p = text; *p; p++, at++) {
        bool ends = p > text && p[-1] == '.';
        if (*p == ' ' && (ends || at + (int)strcspn(p + 1, " ") > 76)) {
            fputc('\n', f);
            first = ends;
            at    = -1;
            continue;
        }
        if (at == 0 && (*p == '\'' || *p == '.'))
            fputs("\\&", f);
        fputc(first ? toupper((unsigned char)*p) : *p, f);
        first = false;
    }
    fputs(text[0] && text[strlen(text) - 1] == '.' ? "\n" : ".\n", f);
}

static void option(FILE *f, const struct option_row *r)
{
    fputs(".It", f);
    if (r->letter)
        fprintf(f, " Fl %c ,", r->letter);
    fprintf(f, " Fl \\-%s", r->name);
    if (r->arg) {
        fputs(" Ar", f);
        argument(f, r->arg);
    }
    fputc('\n', f);
    sentences(f, r->help);
}

static void verb(FILE *f, const struct verb *v)
{
    fprintf(f, ".It Cm %s", v->name);
    if (v->options)
        fputs(" Oo Ar option ... Oc", f);
    if (v->args[0]) {
        fputs(" Ar", f);
        argument(f, v->args);
    }
    fputc('\n', f);
    sentences(f, v->summary);
    if (v->about[0])
        sentences(f, v->about);
    if (v->alias)
        fprintf(f, "Its other name is\n.Cm %s .\n", v->alias);
    if (!v->options)
        return;
    fputs(".Bl -tag -width Ds\n", f);
    for (const struct option_row *r = v->options; r->name; r++)
        if (r->help)
            option(f, r);
    fputs(".El\n", f);
}

int help_man(FILE *f)
{
    fputs(head, f);
    for (const struct verb *v = verbs; v->name; v++)
        verb(f, v);
    fputs(tail, f);
    return 0;
}
