/* SPDX-License-Identifier: AGPL-3.0-only */
#include "wb_test.h"

#include <ctype.h>

#include "http.h"

static json_t *operation_of(const json_t *document, const char *method, const char *template)
{
    char verb[8] = "";
    for (size_t i = 0; method[i] != '\0' && i < sizeof verb - 1; i++) {
        verb[i] = (char)tolower(method[i]);
    }
    return json_object_get(json_object_get(json_object_get(document, "paths"), template), verb);
}

static void every_route_is_described_and_nothing_else(void **state)
{
    (void)state;
    json_t *document = http_openapi();
    assert_non_null(document);
    assert_string_equal(json_string_value(json_object_get(document, "openapi")), "3.1.0");
    size_t count = 0;
    const char *method;
    const char *path;
    const char *template;
    for (size_t i = 0; http_route_at(i, &method, &path, &template); i++) {
        const json_t *operation = operation_of(document, method, template);
        if (operation == NULL) {
            fail_msg("%s %s is not described", method, template);
        }
        /* the template names what the route serves */
        assert_memory_equal(path, template, strlen(path));
        bool has_rest = path[strlen(path) - 1] == '/';
        assert_int_equal(has_rest, strchr(template, '{') != NULL);
        assert_true(json_string_length(json_object_get(operation, "summary")) > 5);
        count++;
    }
    size_t described = 0;
    const char *key;
    json_t *item;
    json_object_foreach(json_object_get(document, "paths"), key, item)
    {
        described += json_object_size(item);
    }
    assert_int_equal(described, count);
    json_decref(document);
}

static void operations_have_parameters_answers_and_rights(void **state)
{
    (void)state;
    json_t *document = http_openapi();
    const char *path;
    json_t *item;
    json_object_foreach(json_object_get(document, "paths"), path, item)
    {
        const char *verb;
        json_t *operation;
        json_object_foreach(item, verb, operation)
        {
            const json_t *responses = json_object_get(operation, "responses");
            bool is_public = json_object_get(operation, "security") != NULL;
            bool is_write = strcmp(verb, "post") == 0;
            assert_true(json_object_size(responses) > 0);
            assert_int_equal(json_object_get(responses, "401") != NULL, !is_public);
            assert_int_equal(json_object_get(responses, "403") != NULL, is_write);
            assert_int_equal(json_object_get(operation, "requestBody") != NULL, is_write);
            assert_int_equal(is_public, strncmp(path, "/api/", 5) != 0);
            const json_t *first = json_array_get(json_object_get(operation, "parameters"), 0);
            const char *in = json_string_value(json_object_get(first, "in"));
            assert_int_equal(strchr(path, '{') != NULL, in != NULL && strcmp(in, "path") == 0);
        }
    }
    json_decref(document);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_route_is_described_and_nothing_else),
        cmocka_unit_test(operations_have_parameters_answers_and_rights),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
