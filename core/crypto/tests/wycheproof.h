/* SPDX-License-Identifier: AGPL-3.0-only */
/* wycheproof.h: walks the files of Project Wycheproof below WB_SHARED_DIR/vectors/wycheproof. */
#ifndef WB_CRYPTO_TESTS_WYCHEPROOF_H
#define WB_CRYPTO_TESTS_WYCHEPROOF_H

#include <jansson.h>
#include <unistd.h>

#include "hex.h"

#define WYCHEPROOF_DIR WB_SHARED_DIR "/vectors/wycheproof"

enum case_outcome {
    CASE_RIGHT,
    CASE_WRONG,
    CASE_NOT_APPLICABLE,
};

/* A byte string of any length; data is freed by the walker, after each case. */
struct hex_field {
    uint8_t *data; /* len + 64 bytes, so that it can be worked on in place */
    size_t len;
};

#define HEX_FIELDS_MAX 12
static struct hex_field hex_fields[HEX_FIELDS_MAX];
static size_t hex_field_count;

static struct hex_field hex_get(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    assert_non_null(text);
    assert_true(hex_field_count < HEX_FIELDS_MAX);
    size_t cap = strlen(text) / 2 + 64;
    struct hex_field field = {.data = calloc(1, cap), .len = 0};
    assert_non_null(field.data);
    field.len = from_hex(field.data, cap, text);
    hex_fields[hex_field_count++] = field;
    return field;
}

/* Runs check over every case of <name>_test.json. It gets the group, the case, and whether the file
 * says "valid" ("acceptable" is told by the text). Prints the counts, and each reason for skipping
 * once. */
static void run_file(const char *name,
                     enum case_outcome (*check)(const json_t *group, const json_t *test,
                                                const char *result, const char **reason))
{
    char path[512];
    json_error_t error;
    snprintf(path, sizeof path, WYCHEPROOF_DIR "/%s_test.json", name);
    json_t *file = json_load_file(path, 0, &error);
    if (file == NULL) {
        fail_msg("%s: %s", path, error.text);
    }
    size_t right = 0, wrong = 0, group_index, test_index;
    const char *reasons[8] = {NULL};
    size_t skipped[8] = {0};
    json_t *group, *test;
    json_array_foreach(json_object_get(file, "testGroups"), group_index, group)
    {
        json_array_foreach(json_object_get(group, "tests"), test_index, test)
        {
            const char *reason = "";
            const char *result = json_string_value(json_object_get(test, "result"));
            switch (check(group, test, result, &reason)) {
            case CASE_RIGHT: right++; break;
            case CASE_WRONG:
                wrong++;
                printf("%s: case %lld (%s, %s) is wrong\n", name,
                       (long long)json_integer_value(json_object_get(test, "tcId")), result,
                       json_string_value(json_object_get(test, "comment")));
                break;
            case CASE_NOT_APPLICABLE: {
                size_t i = 0;
                while (reasons[i] != NULL && strcmp(reasons[i], reason) != 0) {
                    i++;
                    assert_true(i < WB_ARRAY_LEN(reasons));
                }
                reasons[i] = reason;
                skipped[i]++;
                break;
            }
            }
            while (hex_field_count > 0) {
                free(hex_fields[--hex_field_count].data);
            }
        }
    }
    size_t total = right + wrong;
    printf("%s: %zu right, %zu wrong", name, right, wrong);
    for (size_t i = 0; i < WB_ARRAY_LEN(reasons) && reasons[i] != NULL; i++) {
        printf(", %zu not applicable: %s", skipped[i], reasons[i]);
        total += skipped[i];
    }
    long long announced = json_integer_value(json_object_get(file, "numberOfTests"));
    printf(" (of %lld)\n", announced);
    json_decref(file);
    assert_int_equal(wrong, 0);
    assert_int_equal(total, announced);
    assert_true(right > 0);
}

/* Says that the data is absent, and how to get it; then the program exits with WB_TEST_SKIPPED. */
static bool wycheproof_is_absent(void)
{
    if (access(WYCHEPROOF_DIR, R_OK) == 0) {
        return false;
    }
    printf("skipped: no " WYCHEPROOF_DIR " (testvectors_v1 of Project Wycheproof; set "
           "WB_SHARED_DIR)\n");
    return true;
}

#endif
