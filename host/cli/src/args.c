/* SPDX-License-Identifier: AGPL-3.0-only */
/* Command line parsing and --help from one table. */
#include "args.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_help(const struct command *command, const struct option *options)
{
    printf("Usage: wasmbed %s%s%s [OPTIONS]\n\n%s\n", command->name,
           command->synopsis[0] != '\0' ? " " : "", command->synopsis, command->summary);
    printf("\nOptions:\n");
    for (const struct option *o = options; o->name != NULL; o++) {
        char left[64];
        char letter[8] = "    ";
        if (o->letter != 0) {
            snprintf(letter, sizeof letter, "-%c, ", o->letter);
        }
        snprintf(left, sizeof left, "%s--%s%s%s", letter, o->name, o->value != NULL ? " " : "",
                 o->value != NULL ? o->value : "");
        printf("  %-30s %s\n", left, o->help);
    }
    printf("  %-30s %s\n", "    --help", "this text");
}

static int usage_error(const struct command *command, const char *text, const char *word)
{
    fprintf(stderr, "wasmbed %s: %s%s%s\nTry 'wasmbed %s --help'.\n", command->name, text,
            word[0] != '\0' ? ": " : "", word, command->name);
    return EXIT_USAGE;
}

static int store_value(const struct command *command, const struct option *o, const char *value)
{
    if (o->is_list) {
        if (o->to.list->count == TEXT_LIST_MAX) {
            return usage_error(command, "this option is given too often", o->name);
        }
        o->to.list->items[o->to.list->count++] = value;
        return -1;
    }
    if (!o->is_number) {
        *o->to.text = value;
        return -1;
    }
    char *end = NULL;
    errno = 0;
    long number = strtol(value, &end, 10);
    if (errno != 0 || end == value || *end != '\0' || number < o->min || number > o->max) {
        char text[128];
        snprintf(text, sizeof text, "--%s takes a number from %ld to %ld, not", o->name, o->min,
                 o->max);
        return usage_error(command, text, value);
    }
    *o->to.number = number;
    return -1;
}

/* Finds "--name", "--name=value" or "-x"; *value points behind '=' or is NULL. */
static const struct option *find_option(const struct option *options, const char *word,
                                        const char **value)
{
    *value = NULL;
    for (const struct option *o = options; o->name != NULL; o++) {
        size_t len = strlen(o->name);
        if (word[1] == '-' && strncmp(word + 2, o->name, len) == 0 &&
            (word[2 + len] == '\0' || word[2 + len] == '=')) {
            *value = word[2 + len] == '=' ? word + 3 + len : NULL;
            return o;
        }
        if (word[1] != '-' && o->letter == word[1] && word[2] == '\0') {
            return o;
        }
    }
    return NULL;
}

int args_parse(struct args *args, const struct option *options, int positional_min,
               int positional_max)
{
    const struct command *command = args->command;
    bool only_words = false;
    args->positional_count = 0;
    args->rest_count = 0;
    for (int i = 0; i < args->argc; i++) {
        char *word = args->argv[i];
        if (only_words || word[0] != '-' || word[1] == '\0') {
            if (args->positional_count >= positional_max) {
                return usage_error(command, "one word too many", word);
            }
            args->positional[args->positional_count++] = word;
            if (args->positional_count == args->words_until_rest) {
                args->rest = args->argv + i + 1;
                args->rest_count = args->argc - i - 1;
                break;
            }
            continue;
        }
        if (strcmp(word, "--") == 0) {
            only_words = true;
            continue;
        }
        if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
            print_help(command, options);
            return EXIT_OK;
        }
        const char *value = NULL;
        const struct option *o = find_option(options, word, &value);
        if (o == NULL) {
            return usage_error(command, "unknown option", word);
        }
        if (o->value == NULL) {
            if (value != NULL) {
                return usage_error(command, "this option takes no value", word);
            }
            *o->to.flag = true;
            continue;
        }
        if (value == NULL) {
            if (i + 1 >= args->argc) {
                return usage_error(command, "this option needs a value", word);
            }
            value = args->argv[++i];
        }
        int result = store_value(command, o, value);
        if (result != -1) {
            return result;
        }
    }
    if (args->positional_count < positional_min) {
        return usage_error(command, "missing", command->synopsis);
    }
    return -1;
}
