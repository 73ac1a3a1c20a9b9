/* SPDX-License-Identifier: AGPL-3.0-only */
#include "wb_test.h"

#include "args.h"

static const char *text;
static bool flag;
static long number;
static const struct option options[] = {
    OPTION_TEXT("text", 't', "WORD", "a text", &text),
    OPTION_FLAG("flag", 'f', "a switch", &flag),
    OPTION_NUMBER("number", 0, "N", "a number", &number, 1, 10),
    OPTION_END,
};
static const struct command command = {"test", "WORD", "A test.", NULL};

static int parse(struct args *args, int argc, const char *const *argv)
{
    static char *copy[16];
    for (int i = 0; i < argc; i++) {
        copy[i] = (char *)argv[i];
    }
    text = NULL;
    flag = false;
    number = 0;
    *args = (struct args){.command = &command, .argc = argc, .argv = copy};
    return args_parse(args, options, 0, 2);
}

#define PARSE(args, ...)                                                                           \
    parse((args), (int)(sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *)),              \
          (const char *const[]){__VA_ARGS__})

static void takes_options_anywhere_and_in_both_spellings(void **state)
{
    (void)state;
    struct args args;
    assert_int_equal(PARSE(&args, "one", "--text", "a", "--number=7", "-f", "two"), -1);
    assert_string_equal(text, "a");
    assert_int_equal(number, 7);
    assert_true(flag);
    assert_int_equal(args.positional_count, 2);
    assert_string_equal(args.positional[1], "two");
    assert_int_equal(PARSE(&args, "-t", "b", "--", "--flag"), -1);
    assert_string_equal(text, "b");
    assert_false(flag);
    assert_string_equal(args.positional[0], "--flag");
}

static void refuses_what_is_not_in_the_table(void **state)
{
    (void)state;
    struct args args;
    assert_int_equal(PARSE(&args, "--unknown"), EXIT_USAGE);
    assert_int_equal(PARSE(&args, "-x"), EXIT_USAGE);
    assert_int_equal(PARSE(&args, "--texts", "a"), EXIT_USAGE);
    assert_int_equal(PARSE(&args, "--text"), EXIT_USAGE);
    assert_int_equal(PARSE(&args, "--flag=yes"), EXIT_USAGE);
    assert_int_equal(PARSE(&args, "one", "two", "three"), EXIT_USAGE);
}

static void numbers_keep_their_range(void **state)
{
    (void)state;
    struct args args;
    assert_int_equal(PARSE(&args, "--number", "0"), EXIT_USAGE);
    assert_int_equal(PARSE(&args, "--number", "11"), EXIT_USAGE);
    assert_int_equal(PARSE(&args, "--number", "ten"), EXIT_USAGE);
    assert_int_equal(PARSE(&args, "--number", ""), EXIT_USAGE);
    assert_int_equal(PARSE(&args, "--number", "99999999999999999999"), EXIT_USAGE);
    assert_int_equal(PARSE(&args, "--number", "10"), -1);
    assert_int_equal(number, 10);
}

static void missing_words_are_named(void **state)
{
    (void)state;
    struct args args = {.command = &command};
    assert_int_equal(args_parse(&args, options, 1, 2), EXIT_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_options_anywhere_and_in_both_spellings),
        cmocka_unit_test(refuses_what_is_not_in_the_table),
        cmocka_unit_test(numbers_keep_their_range),
        cmocka_unit_test(missing_words_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
