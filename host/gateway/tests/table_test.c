/* SPDX-License-Identifier: AGPL-3.0-only */
#include "wb_test.h"

#include "table.h"
#include "tokens.h"

static void finds_what_was_put_and_not_what_was_removed(void **state)
{
    (void)state;
    struct table t = {0};
    static char keys[1000][16];
    assert_null(table_find(&t, "absent"));
    for (int i = 0; i < 1000; i++) {
        snprintf(keys[i], sizeof keys[i], "key-%d", i);
        assert_ok(table_put(&t, keys[i], keys[i]));
    }
    for (int i = 0; i < 1000; i += 2) {
        table_remove(&t, keys[i]);
    }
    for (int i = 0; i < 1000; i++) {
        assert_ptr_equal(table_find(&t, keys[i]), i % 2 == 0 ? NULL : keys[i]);
    }
    size_t cursor = 0;
    size_t seen = 0;
    while (table_next(&t, &cursor) != NULL) {
        seen++;
    }
    assert_int_equal(seen, 500);
    assert_int_equal(t.count, 500);
    table_deinit(&t);
}

static void stays_small_when_keys_come_and_go(void **state)
{
    (void)state;
    struct table t = {0};
    char key[16];
    for (int i = 0; i < 100000; i++) {
        snprintf(key, sizeof key, "k%d", i);
        assert_ok(table_put(&t, key, &t));
        table_remove(&t, key);
    }
    assert_true(t.cap <= 64);
    table_deinit(&t);
}

static const char *write_file(const char *text)
{
    static char path[] = "/tmp/wb_tokens_XXXXXX";
    snprintf(path, sizeof path, "/tmp/wb_tokens_XXXXXX");
    int fd = mkstemp(path);
    FILE *file = fdopen(fd, "w");
    fputs(text, file);
    fclose(file);
    return path;
}

static void tokens_have_roles_by_group(void **state)
{
    (void)state;
    static struct tokens tokens;
    char why[256];
    const char *path = write_file("aaa,admin,1,\"system:masters\"\n"
                                  "# comment\n\n"
                                  "bbb,viewer,2,\"wasmbed:viewer\"\n"
                                  "ccc,sly,3,\"xwasmbed:admin\"\n"
                                  "ddd,both,4,\"wasmbed:viewer,wasmbed:operator\"\n");
    assert_ok(tokens_load(&tokens, path, why, sizeof why));
    remove(path);
    assert_int_equal(tokens.count, 4);
    assert_true(tokens_find(&tokens, "Bearer aaa")->can_write);
    assert_false(tokens_find(&tokens, "Bearer bbb")->can_write);
    assert_false(tokens_find(&tokens, "Bearer ccc")->can_write);
    assert_true(tokens_find(&tokens, "bearer ddd")->can_write);
    assert_null(tokens_find(&tokens, "Bearer aa"));
    assert_null(tokens_find(&tokens, "Bearer aaaa"));
    assert_null(tokens_find(&tokens, "Basic aaa"));
    assert_null(tokens_find(&tokens, "Bearer "));
    assert_null(tokens_find(&tokens, NULL));
}

static void broken_token_files_are_refused_with_the_line(void **state)
{
    (void)state;
    static struct tokens tokens;
    char why[256];
    const char *path = write_file("aaa,admin,1,\"g\"\nno commas here\n");
    assert_err(WB_ERR_FORMAT, tokens_load(&tokens, path, why, sizeof why));
    remove(path);
    assert_non_null(strstr(why, "line 2"));
    assert_err(WB_ERR_IO, tokens_load(&tokens, "/nonexistent/tokens", why, sizeof why));
    assert_non_null(strstr(why, "/nonexistent/tokens"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_was_put_and_not_what_was_removed),
        cmocka_unit_test(stays_small_when_keys_come_and_go),
        cmocka_unit_test(tokens_have_roles_by_group),
        cmocka_unit_test(broken_token_files_are_refused_with_the_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
