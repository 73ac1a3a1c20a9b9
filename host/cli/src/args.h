/* SPDX-License-Identifier: AGPL-3.0-only */
/* args.h: command lines as tables: one table parses, prints --help and completes error messages. */
#ifndef WB_CLI_ARGS_H
#define WB_CLI_ARGS_H

#include <stdbool.h>
#include <stddef.h>

/* Exit codes of every command. */
#define EXIT_OK     0
#define EXIT_FAILED 1 /* the thing asked for did not work */
#define EXIT_USAGE  2 /* the command line is wrong */

/* Values of an option that may be given several times. */
#define TEXT_LIST_MAX 64
struct text_list {
    const char *items[TEXT_LIST_MAX];
    int count;
};

struct option {
    const char *name;  /* long name without dashes; NULL ends the table */
    char letter;       /* short name, or 0 */
    const char *value; /* what the value is, for --help; NULL: a switch */
    const char *help;  /* one line; defaults in words */
    union {
        const char **text;
        bool *flag;
        long *number;
        struct text_list *list;
    } to;
    bool is_number;
    bool is_list;
    long min, max; /* of a number */
};

#define OPTION_TEXT(n, l, v, h, t)                                                                 \
    {                                                                                              \
        .name = (n), .letter = (l), .value = (v), .help = (h), .to.text = (t)                      \
    }
#define OPTION_FLAG(n, l, h, t)                                                                    \
    {                                                                                              \
        .name = (n), .letter = (l), .help = (h), .to.flag = (t)                                    \
    }
#define OPTION_NUMBER(n, l, v, h, t, lo, hi)                                                       \
    {                                                                                              \
        .name = (n), .letter = (l), .value = (v), .help = (h), .to.number = (t),                   \
        .is_number = true, .min = (lo), .max = (hi)                                                \
    }
#define OPTION_LIST(n, l, v, h, t)                                                                 \
    {                                                                                              \
        .name = (n), .letter = (l), .value = (v), .help = (h), .to.list = (t), .is_list = true     \
    }
#define OPTION_END                                                                                 \
    {                                                                                              \
        .name = NULL                                                                               \
    }

struct command;

/* What a command's function gets: the words behind the command's name, for args_parse(). */
struct args {
    const struct command *command;
    int argc;
    char **argv;
    /* After so many positional words everything that follows is the rest, options included (0:
     * never). */
    int words_until_rest;
    int positional_count; /* filled in by args_parse() */
    char *positional[64];
    char **rest;
    int rest_count;
};

struct command {
    const char *name;     /* one or two words, "device provision" */
    const char *synopsis; /* positional arguments, "DEVICE [APP]" */
    const char *summary;  /* one line */
    int (*run)(struct args *args);
};

/* Reads options (anywhere on the line) and min..max positional words. Returns -1 to go on,
 * otherwise the exit code: after --help (EXIT_OK) or after an error that it has printed
 * (EXIT_USAGE). */
int args_parse(struct args *args, const struct option *options, int positional_min,
               int positional_max);

#endif
