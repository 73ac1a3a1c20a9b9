/* SPDX-License-Identifier: AGPL-3.0-only */
#include "wb_test.h"

#include <fcntl.h>
#include <unistd.h>

#include "wb_api.h"

static char *file_text(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return NULL;
    }
    static char text[1 << 20];
    size_t len = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[len] = '\0';
    return text;
}

static void committed_files_are_what_the_tables_say(void **state)
{
    (void)state;
    for (int id = 0; id < WB_API_KIND_COUNT; id++) {
        const struct wb_api_kind *kind = wb_api_kind_get((enum wb_api_kind_id)id);
        char path[256];
        snprintf(path, sizeof path, "../../deploy/crds/%s.yaml", kind->plural);
        char *wanted = wb_api_crd_yaml(kind);
        assert_non_null(wanted);
        const char *found = file_text(path);
        if (found == NULL || strcmp(wanted, found) != 0) {
            fail_msg("%s differs from host/api/src/tables.c; build the target crds and commit",
                     path);
        }
        free(wanted);
    }
}

/* What a cluster's API server demands of a structural schema. */
static void check_schema(const json_t *schema, const char *path)
{
    const char *type = wb_api_text_at(schema, NULL, "type", NULL);
    bool either = json_is_true(json_object_get(schema, "x-kubernetes-int-or-string"));
    if ((type == NULL) != either) {
        fail_msg("%s: type and int-or-string exclude each other", path);
    }
    const json_t *properties = json_object_get(schema, "properties");
    const json_t *required = json_object_get(schema, "required");
    size_t index;
    json_t *name;
    json_array_foreach(required, index, name)
    {
        assert_non_null(json_object_get(properties, json_string_value(name)));
    }
    if (type != NULL && strcmp(type, "string") == 0 &&
        json_object_get(schema, "maxLength") == NULL &&
        strcmp(wb_api_text_at(schema, "", "format", NULL), "date-time") != 0 && path[0] == '.') {
        fail_msg("%s: no maxLength", path);
    }
    const json_t *items = json_object_get(schema, "items");
    if (items != NULL) {
        assert_non_null(json_object_get(schema, "maxItems"));
        const char *list = wb_api_text_at(schema, "", "x-kubernetes-list-type", NULL);
        assert_true(strcmp(list, "set") == 0 || strcmp(list, "map") == 0 ||
                    strcmp(list, "atomic") == 0);
        if (strcmp(list, "map") == 0) {
            json_t *keys = json_object_get(schema, "x-kubernetes-list-map-keys");
            const char *key = json_string_value(json_array_get(keys, 0));
            bool found = false;
            json_array_foreach(json_object_get(items, "required"), index, name)
            {
                found = found || strcmp(json_string_value(name), key) == 0;
            }
            assert_true(found);
        }
        char below[512];
        snprintf(below, sizeof below, "%s[]", path);
        check_schema(items, below);
    }
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)properties, key, value)
    {
        char below[512];
        snprintf(below, sizeof below, "%s.%s", path, key);
        check_schema(value, below);
    }
}

static void schemas_are_structural_and_bounded(void **state)
{
    (void)state;
    for (int id = 0; id < WB_API_KIND_COUNT; id++) {
        json_t *crd = wb_api_crd_json(wb_api_kind_get((enum wb_api_kind_id)id));
        json_t *version = json_array_get(wb_api_at(crd, "spec", "versions", NULL), 0);
        json_t *properties = wb_api_at(version, "schema", "openAPIV3Schema", "properties", NULL);
        check_schema(json_object_get(properties, "spec"), ".spec");
        check_schema(json_object_get(properties, "status"), ".status");
        json_decref(crd);
    }
}

static void kinds_are_found_by_any_of_their_names(void **state)
{
    (void)state;
    assert_ptr_equal(wb_api_kind_find("wdev"), wb_api_kind_get(WB_API_DEVICE));
    assert_ptr_equal(wb_api_kind_find("Application"), wb_api_kind_get(WB_API_APPLICATION));
    assert_ptr_equal(wb_api_kind_find("GATEWAYS"), wb_api_kind_get(WB_API_GATEWAY));
    assert_null(wb_api_kind_find("pods"));
    assert_null(wb_api_kind_find(""));
}

static void yaml_quotes_what_would_be_read_as_something_else(void **state)
{
    (void)state;
    json_t *value = json_pack("{s:[s,s,s,s,s,s], s:{}, s:i, s:s}", "list", "true", "No", "1.5", "",
                              "a: b", "plain text", "empty", "n", 5, "quoted", "a\"\n");
    char *yaml = wb_api_yaml_write(value);
    assert_string_equal(yaml, "list:\n"
                              "  - \"true\"\n"
                              "  - \"No\"\n"
                              "  - \"1.5\"\n"
                              "  - \"\"\n"
                              "  - \"a: b\"\n"
                              "  - plain text\n"
                              "empty: {}\n"
                              "\"n\": 5\n"
                              "quoted: \"a\\\"\\n\"\n");
    free(yaml);
    json_decref(value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(committed_files_are_what_the_tables_say),
        cmocka_unit_test(schemas_are_structural_and_bounded),
        cmocka_unit_test(kinds_are_found_by_any_of_their_names),
        cmocka_unit_test(yaml_quotes_what_would_be_read_as_something_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
