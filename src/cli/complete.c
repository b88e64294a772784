/* cli/complete.c - completion for bash and zsh, made of the table of verbs. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/help.h"

static const char *const bash_words[] = {
    [COMPLETE_NONE] = "",
    [COMPLETE_FILE] = "compopt -o filenames; COMPREPLY=($(compgen -f -- \"$cur\"))",
    [COMPLETE_INSTANCE] =
        "COMPREPLY=($(compgen -W \"$(guise ps -a --names 2>/dev/null)\" -- \"$cur\"))",
    [COMPLETE_VERB] = "COMPREPLY=($(compgen -W \"$verbs\" -- \"$cur\"))",
    [COMPLETE_KIND] = "COMPREPLY=($(compgen -W \"$kinds\" -- \"$cur\"))",
    [COMPLETE_SIGNAL] =
        "COMPREPLY=($(compgen -W \"KILL TERM INT HUP QUIT USR1 USR2\" -- \"$cur\"))",
};

static const char *const zsh_words[] = {
    [COMPLETE_NONE]     = "",
    [COMPLETE_FILE]     = "_files",
    [COMPLETE_INSTANCE] = "compadd -- ${(f)\"$(guise ps -a --names 2>/dev/null)\"}",
    [COMPLETE_VERB]     = "compadd -- $verbs",
    [COMPLETE_KIND]     = "compadd -- $kinds",
    [COMPLETE_SIGNAL]   = "compadd -- KILL TERM INT HUP QUIT USR1 USR2",
};

static void list_verbs(FILE *f)
{
    for (const struct verb *v = verbs; v->name; v++)
        fprintf(f, "%s%s%s%s", v == verbs ? "" : " ", v->name, v->alias ? " " : "",
                v->alias ? v->alias : "");
}

static void list_kinds(FILE *f)
{
    for (const struct kind *const *k = kinds; *k; k++)
        fprintf(f, "%s%s", k == kinds ? "" : " ", (*k)->name);
}

static void list_options(FILE *f, const struct verb *v)
{
    fputs("--help", f);
    for (const struct option_row *r = v->options; r && r->name; r++)
        fprintf(f, " --%s", r->name);
}

/* "--kernel|--initrd": the options of V whose value is a HOW; with their letters. */
static unsigned list_valued(FILE *f, const struct verb *v, int how)
{
    unsigned n = 0;
    for (const struct option_row *r = v->options; r && r->name; r++) {
        if (!r->arg || (how >= 0 && r->complete != (enum complete)how))
            continue;
        fprintf(f, "%s--%s", n++ ? "|" : "", r->name);
        if (r->letter)
            fprintf(f, "|-%c", r->letter);
    }
    return n;
}

static bool has_valued(const struct verb *v, int how)
{
    for (const struct option_row *r = v->options; r && r->name; r++)
        if (r->arg && r->complete == (enum complete)how)
            return true;
    return false;
}

static void verb_case(FILE *f, const struct verb *v, const char *const *words)
{
    fprintf(f, "    %s%s%s)\n        options=\"", v->name, v->alias ? "|" : "",
            v->alias ? v->alias : "");
    list_options(f, v);
    fputs("\"\n        case $prev in\n", f);
    for (int how = COMPLETE_NONE; how <= COMPLETE_SIGNAL; how++) {
        if (!has_valued(v, how))
            continue;
        fputs("        ", f);
        list_valued(f, v, how);
        fprintf(f, ") %s; return ;;\n", words[how][0] ? words[how] : ":");
    }
    fprintf(f,
            "        esac\n"
            "        [[ $cur == -* ]] || { %s; return; }\n"
            "        ;;\n",
            words[v->complete][0] ? words[v->complete] : ":");
}

int help_bash(FILE *f)
{
    fputs("# bash completion for guise; made by `guise help --completion bash`\n"
          "_guise()\n{\n"
          "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} options=\"\"\n"
          "    local verbs=\"",
          f);
    list_verbs(f);
    fputs("\" kinds=\"", f);
    list_kinds(f);
    fputs("\"\n    COMPREPLY=()\n"
          "    if ((COMP_CWORD == 1)); then\n"
          "        COMPREPLY=($(compgen -W \"$verbs --help --version\" -- \"$cur\"))\n"
          "        return\n"
          "    fi\n"
          "    case ${COMP_WORDS[1]} in\n",
          f);
    for (const struct verb *v = verbs; v->name; v++)
        verb_case(f, v, bash_words);
    fputs("    esac\n"
          "    COMPREPLY=($(compgen -W \"$options\" -- \"$cur\"))\n"
          "}\n"
          "complete -F _guise guise\n",
          f);
    return 0;
}

int help_zsh(FILE *f)
{
    fputs("#compdef guise\n"
          "# zsh completion for guise; made by `guise help --completion zsh`\n"
          "_guise()\n{\n"
          "    local cur=${words[CURRENT]} prev=${words[CURRENT-1]} options=\"\"\n"
          "    local -a verbs kinds\n"
          "    verbs=(",
          f);
    list_verbs(f);
    fputs(")\n    kinds=(", f);
    list_kinds(f);
    fputs(")\n    if ((CURRENT == 2)); then\n"
          "        compadd -- $verbs --help --version\n"
          "        return\n"
          "    fi\n"
          "    case ${words[2]} in\n",
          f);
    for (const struct verb *v = verbs; v->name; v++)
        verb_case(f, v, zsh_words);
    fputs("    esac\n"
          "    compadd -- ${=options}\n"
          "}\n"
          "_guise \"$@\"\n",
          f);
    return 0;
}
