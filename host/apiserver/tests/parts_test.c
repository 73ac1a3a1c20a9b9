/* SPDX-License-Identifier: AGPL-3.0-only */
/* parts_test.c: selectors, patches, schemas, tables, YAML, protobuf: the pure parts of the API
 * server. */
#include "patch.h"
#include "proto.h"
#include "resource.h"
#include "schema.h"
#include "selector.h"
#include "table.h"
#include "wb_test.h"

static json_t *json(const char *text)
{
    json_error_t error;
    json_t *value = json_loads(text, JSON_DECODE_ANY, &error);
    if (!value) {
        fail_msg("%s: %s", text, error.text);
    }
    return value;
}

static void assert_json(json_t *value, const char *wanted)
{
    assert_non_null(value);
    json_t *expected = json(wanted);
    char *have = as_dump(value, NULL);
    char *want = as_dump(expected, NULL);
    assert_string_equal(have, want);
    free(have);
    free(want);
    json_decref(value);
    json_decref(expected);
}

/* ---- selectors ---------------------------------------------------------------------------- */

static bool selects(const char *text, const char *labels)
{
    struct as_selector s;
    char err[256];
    json_t *value = json(labels);
    assert_ok(as_selector_parse(&s, text, err, sizeof(err)));
    bool matches = as_selector_matches(&s, value);
    as_selector_deinit(&s);
    json_decref(value);
    return matches;
}

static void label_selectors_match(void **state)
{
    (void)state;
    assert_true(selects("", "{}"));
    assert_true(selects("a=b", "{\"a\":\"b\"}"));
    assert_true(selects("a==b, c != d", "{\"a\":\"b\",\"c\":\"x\"}"));
    assert_true(selects("c!=d", "{}")); /* absent is not equal */
    assert_true(selects("a in (x,b)", "{\"a\":\"b\"}"));
    assert_true(selects("a notin (x, y)", "{}"));
    assert_true(selects("a,!z", "{\"a\":\"\"}"));
    assert_true(selects("a=", "{\"a\":\"\"}"));
    assert_true(selects("example.com/n>5,example.com/n<7", "{\"example.com/n\":\"6\"}"));
    assert_false(selects("a=b", "{\"a\":\"c\"}"));
    assert_false(selects("a=b", "{}"));
    assert_false(selects("a in (x)", "{\"a\":\"b\"}"));
    assert_false(selects("a notin (b)", "{\"a\":\"b\"}"));
    assert_false(selects("!a", "{\"a\":\"b\"}"));
    assert_false(selects("a>5", "{\"a\":\"5\"}"));
    assert_false(selects("a>5", "{\"a\":\"six\"}"));
    assert_false(selects("a=b,c=d", "{\"a\":\"b\"}"));
}

static void bad_label_selectors_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"=b",     "a in",     "a in (",  "a in (b", "a b",  ",a",
                                      "a,",     "a!b",      "a>x",     "a>",      "-a=b", "a=b c",
                                      "a in b", "a=b,,c",   "a/b/c=d", "a=b/c",   "!",    "a notin",
                                      "a==",    "a in ()x", "a=(b)",   "a=b)"};
    for (size_t i = 0; i < WB_ARRAY_LEN(bad); i++) {
        struct as_selector s;
        char err[256] = "";
        enum wb_err result = as_selector_parse(&s, bad[i], err, sizeof(err));
        if (strcmp(bad[i], "a==") == 0) { /* an empty value is a value */
            assert_ok(result);
            as_selector_deinit(&s);
            continue;
        }
        if (result != WB_ERR_FORMAT) {
            fail_msg("accepted \"%s\"", bad[i]);
        }
        assert_memory_equal(err, "unable to parse requirement", 27);
    }
    char many[512] = "a";
    for (unsigned i = 0; i < AS_SELECTOR_MAX; i++) {
        strcat(many, ",a");
    }
    struct as_selector s;
    char err[256];
    assert_err(WB_ERR_FORMAT, as_selector_parse(&s, many, err, sizeof(err)));
}

static void field_selectors_match(void **state)
{
    (void)state;
    struct as_selector s;
    char err[256];
    json_t *fields = json("{\"metadata.name\":\"a,b\",\"status.phase\":\"X\"}");
    assert_ok(as_field_selector_parse(&s, "metadata.name=a\\,b,status.phase!=Y,none==", err,
                                      sizeof(err)));
    assert_true(as_field_selector_matches(&s, fields));
    assert_string_equal(as_selector_wanted(&s, "metadata.name"), "a,b");
    assert_null(as_selector_wanted(&s, "status.phase"));
    as_selector_deinit(&s);
    assert_ok(as_field_selector_parse(&s, "status.phase=Y", err, sizeof(err)));
    assert_false(as_field_selector_matches(&s, fields));
    as_selector_deinit(&s);
    static const char *const bad[] = {"a", "a!b", "=b", "!=b", "a=\\x", "a=b\\"};
    for (size_t i = 0; i < WB_ARRAY_LEN(bad); i++) {
        assert_err(WB_ERR_FORMAT, as_field_selector_parse(&s, bad[i], err, sizeof(err)));
    }
    json_decref(fields);
}

/* ---- patches ------------------------------------------------------------------------------ */

static void merge(const char *target, const char *patch, const char *wanted)
{
    json_t *a = json(target), *b = json(patch);
    assert_json(as_patch_merge(a, b), wanted);
    assert_json(a, target); /* untouched */
    json_decref(b);
}

/* RFC 7386, appendix A. */
static void merge_patch_vectors(void **state)
{
    (void)state;
    merge("{\"a\":\"b\"}", "{\"a\":\"c\"}", "{\"a\":\"c\"}");
    merge("{\"a\":\"b\"}", "{\"b\":\"c\"}", "{\"a\":\"b\",\"b\":\"c\"}");
    merge("{\"a\":\"b\"}", "{\"a\":null}", "{}");
    merge("{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":null}", "{\"b\":\"c\"}");
    merge("{\"a\":[\"b\"]}", "{\"a\":\"c\"}", "{\"a\":\"c\"}");
    merge("{\"a\":\"c\"}", "{\"a\":[\"b\"]}", "{\"a\":[\"b\"]}");
    merge("{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}", "{\"a\":{\"b\":\"d\"}}");
    merge("{\"a\":[{\"b\":\"c\"}]}", "{\"a\":[1]}", "{\"a\":[1]}");
    merge("[\"a\",\"b\"]", "[\"c\",\"d\"]", "[\"c\",\"d\"]");
    merge("{\"a\":\"b\"}", "[\"c\"]", "[\"c\"]");
    merge("{\"a\":\"foo\"}", "null", "null");
    merge("{\"e\":null}", "{\"a\":1}", "{\"e\":null,\"a\":1}");
    merge("[1,2]", "{\"a\":\"b\",\"c\":null}", "{\"a\":\"b\"}");
    merge("{}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}");
}

static void json_patch(const char *target, const char *patch, const char *wanted)
{
    json_t *a = json(target), *b = json(patch);
    char err[256] = "";
    json_t *result = as_patch_json(a, b, err, sizeof(err));
    if (wanted) {
        assert_json(result, wanted);
    } else {
        assert_null(result);
        assert_string_not_equal(err, "");
    }
    assert_json(a, target);
    json_decref(b);
}

/* RFC 6902, appendix A, and refusals. */
static void json_patch_vectors(void **state)
{
    (void)state;
    json_patch("{\"foo\":\"bar\"}", "[{\"op\":\"add\",\"path\":\"/baz\",\"value\":\"qux\"}]",
               "{\"baz\":\"qux\",\"foo\":\"bar\"}");
    json_patch("{\"foo\":[\"bar\",\"baz\"]}",
               "[{\"op\":\"add\",\"path\":\"/foo/1\",\"value\":\"qux\"}]",
               "{\"foo\":[\"bar\",\"qux\",\"baz\"]}");
    json_patch("{\"baz\":1,\"foo\":2}", "[{\"op\":\"remove\",\"path\":\"/baz\"}]", "{\"foo\":2}");
    json_patch("{\"foo\":[1,2,3]}", "[{\"op\":\"remove\",\"path\":\"/foo/1\"}]", "{\"foo\":[1,3]}");
    json_patch("{\"a\":1}", "[{\"op\":\"replace\",\"path\":\"/a\",\"value\":2}]", "{\"a\":2}");
    json_patch("{\"foo\":{\"bar\":1,\"w\":2},\"qux\":{\"c\":3}}",
               "[{\"op\":\"move\",\"from\":\"/foo/w\",\"path\":\"/qux/t\"}]",
               "{\"foo\":{\"bar\":1},\"qux\":{\"c\":3,\"t\":2}}");
    json_patch("{\"a\":[1,2,3]}", "[{\"op\":\"move\",\"from\":\"/a/0\",\"path\":\"/a/2\"}]",
               "{\"a\":[2,3,1]}");
    json_patch("{\"a\":\"x\"}", "[{\"op\":\"test\",\"path\":\"/a\",\"value\":\"x\"}]",
               "{\"a\":\"x\"}");
    json_patch("{\"/\":9,\"~1\":10}", "[{\"op\":\"test\",\"path\":\"/~01\",\"value\":10}]",
               "{\"/\":9,\"~1\":10}");
    json_patch("{\"a\":[]}", "[{\"op\":\"add\",\"path\":\"/a/-\",\"value\":[1]}]", "{\"a\":[[1]]}");
    json_patch("{\"a\":1}", "[{\"op\":\"copy\",\"from\":\"/a\",\"path\":\"/b\"}]",
               "{\"a\":1,\"b\":1}");
    json_patch("{\"a\":1}", "[{\"op\":\"add\",\"path\":\"\",\"value\":{}}]", "{}");
    /* refused */
    json_patch("{\"a\":1}", "[{\"op\":\"test\",\"path\":\"/a\",\"value\":2}]", NULL);
    json_patch("{\"a\":1}", "[{\"op\":\"remove\",\"path\":\"/b\"}]", NULL);
    json_patch("{\"a\":1}", "[{\"op\":\"replace\",\"path\":\"/b\",\"value\":1}]", NULL);
    json_patch("{\"a\":1}", "[{\"op\":\"add\",\"path\":\"/b/c\",\"value\":1}]", NULL);
    json_patch("{\"a\":1}", "[{\"op\":\"add\",\"path\":\"/a/c\",\"value\":1}]", NULL);
    json_patch("{\"a\":[1]}", "[{\"op\":\"add\",\"path\":\"/a/3\",\"value\":1}]", NULL);
    json_patch("{\"a\":[1]}", "[{\"op\":\"add\",\"path\":\"/a/01\",\"value\":1}]", NULL);
    json_patch("{\"a\":[1]}", "[{\"op\":\"add\",\"path\":\"/a/x\",\"value\":1}]", NULL);
    json_patch("{\"a\":[1]}", "[{\"op\":\"remove\",\"path\":\"/a/-\"}]", NULL);
    json_patch("{\"a\":1}", "[{\"op\":\"add\",\"path\":\"a\",\"value\":1}]", NULL);
    json_patch("{\"a\":1}", "[{\"op\":\"add\",\"path\":\"/~2\",\"value\":1}]", NULL);
    json_patch("{\"a\":1}", "[{\"op\":\"add\",\"path\":\"/b\"}]", NULL);
    json_patch("{\"a\":1}", "[{\"op\":\"explode\",\"path\":\"/a\"}]", NULL);
    json_patch("{\"a\":1}", "[{\"path\":\"/a\"}]", NULL);
    json_patch("{\"a\":1}", "[7]", NULL);
    json_patch("{\"a\":1}", "{\"op\":\"add\"}", NULL);
    json_patch("{\"a\":{\"b\":1}}", "[{\"op\":\"move\",\"from\":\"/a\",\"path\":\"/a/b\"}]", NULL);
    json_patch("{\"a\":1}", "[{\"op\":\"remove\",\"path\":\"\"}]", NULL);
}

static void strategic(const char *target, const char *patch, const char *wanted)
{
    json_t *a = json(target), *b = json(patch);
    assert_json(as_patch_strategic(a, b), wanted);
    json_decref(a);
    json_decref(b);
}

static void strategic_patches_merge_known_lists(void **state)
{
    (void)state;
    strategic("{\"data\":{\"a\":\"b\"}}", "{\"data\":{\"c\":\"d\",\"a\":null}}",
              "{\"data\":{\"c\":\"d\"}}");
    strategic("{\"metadata\":{\"finalizers\":[\"a\"]}}",
              "{\"metadata\":{\"finalizers\":[\"b\",\"a\"]}}",
              "{\"metadata\":{\"finalizers\":[\"a\",\"b\"]}}");
    strategic("{\"metadata\":{\"finalizers\":[\"a\",\"b\"]}}",
              "{\"metadata\":{\"$deleteFromPrimitiveList/finalizers\":[\"a\"]}}",
              "{\"metadata\":{\"finalizers\":[\"b\"]}}");
    strategic(
        "{\"ownerReferences\":[{\"uid\":\"1\",\"n\":\"x\"},{\"uid\":\"2\"}]}",
        "{\"ownerReferences\":[{\"uid\":\"1\",\"n\":\"y\"},{\"uid\":\"2\",\"$patch\":\"delete\"}]}",
        "{\"ownerReferences\":[{\"uid\":\"1\",\"n\":\"y\"}]}");
    strategic("{\"subsets\":[1,2]}", "{\"subsets\":[3]}", "{\"subsets\":[3]}");
    strategic("{\"a\":{\"b\":1}}", "{\"a\":{\"$patch\":\"replace\",\"c\":2}}", "{\"a\":{\"c\":2}}");
}

/* ---- schemas ------------------------------------------------------------------------------ */

static const char schema_text[] =
    "type: object\n"
    "required: [spec]\n"
    "properties:\n"
    "  spec:\n"
    "    type: object\n"
    "    required: [name]\n"
    "    properties:\n"
    "      name: {type: string, minLength: 1, maxLength: 4, pattern: '^[a-z]+$'}\n"
    "      mode: {type: string, enum: [A, B], default: A}\n"
    "      count: {type: integer, minimum: 1, maximum: 9}\n"
    "      ratio: {type: number}\n"
    "      when: {type: string, format: date-time}\n"
    "      data: {type: string, format: byte}\n"
    "      size: {x-kubernetes-int-or-string: true}\n"
    "      free: {type: object, x-kubernetes-preserve-unknown-fields: true}\n"
    "      map: {type: object, additionalProperties: {type: integer}}\n"
    "      maybe: {type: string, nullable: true}\n"
    "      on: {type: boolean, default: true}\n"
    "      tags: {type: array, maxItems: 2, items: {type: string}, x-kubernetes-list-type: set}\n"
    "      list:\n"
    "        type: array\n"
    "        x-kubernetes-list-type: map\n"
    "        x-kubernetes-list-map-keys: [k]\n"
    "        items: {type: object, required: [k], properties: {k: {type: string}, v: {type: "
    "integer, default: 3}}}\n";

static struct as_schema *schema(void)
{
    char err[256] = "";
    json_t *source = as_yaml_parse(schema_text, sizeof(schema_text) - 1, err, sizeof(err));
    assert_string_equal(err, "");
    struct as_schema *s = as_schema_new(source, err, sizeof(err));
    assert_non_null(s);
    json_decref(source);
    return s;
}

/* "field|message" of the first cause; "" when there is none. */
static void first_cause(const char *object_text, const char *old_text, char *to, size_t cap)
{
    struct as_schema *s = schema();
    struct as_causes causes = {0};
    json_t *object = json(object_text), *old = old_text ? json(old_text) : NULL;
    as_schema_validate(s, object, old, &causes);
    json_t *cause = json_array_get(causes.list, 0);
    snprintf(to, cap, "%s%s%s", as_str(cause, "field"), cause ? "|" : "", as_str(cause, "message"));
    json_decref(causes.list);
    json_decref(object);
    json_decref(old);
    as_schema_free(s);
}

static void validation_uses_the_words_of_kubernetes(void **state)
{
    (void)state;
    static const struct {
        const char *object, *cause;
    } rows[] = {
        {"{\"spec\":{\"name\":\"ab\",\"size\":\"5\",\"free\":{\"x\":1},\"maybe\":null}}", ""},
        {"{\"spec\":{\"name\":\"ab\",\"size\":5,\"count\":2.0,\"ratio\":1}}", ""},
        {"{}", "spec|Required value"},
        {"{\"spec\":{}}", "spec.name|Required value"},
        {"{\"spec\":7}",
         "spec|Invalid value: \"integer\": spec in body must be of type object: \"integer\""},
        {"{\"spec\":{\"name\":null}}",
         "spec.name|Invalid value: \"null\": spec.name in body must be of type string: \"null\""},
        {"{\"spec\":{\"name\":\"\"}}",
         "spec.name|Invalid value: \"\": spec.name in body should be at least 1 chars long"},
        {"{\"spec\":{\"name\":\"abcde\"}}", "spec.name|Too long: may not be more than 4 bytes"},
        {"{\"spec\":{\"name\":\"A\"}}",
         "spec.name|Invalid value: \"A\": spec.name in body should match '^[a-z]+$'"},
        {"{\"spec\":{\"name\":\"a\",\"mode\":\"C\"}}",
         "spec.mode|Unsupported value: \"C\": supported values: \"A\", \"B\""},
        {"{\"spec\":{\"name\":\"a\",\"count\":0}}",
         "spec.count|Invalid value: 0: spec.count in body should be greater than or equal to 1"},
        {"{\"spec\":{\"name\":\"a\",\"count\":10}}",
         "spec.count|Invalid value: 10: spec.count in body should be less than or equal to 9"},
        {"{\"spec\":{\"name\":\"a\",\"count\":1.5}}",
         "spec.count|Invalid value: \"number\": spec.count in body must be of type integer: "
         "\"number\""},
        {"{\"spec\":{\"name\":\"a\",\"when\":\"yesterday\"}}",
         "spec.when|Invalid value: \"yesterday\": spec.when in body must be of type date-time: "
         "\"yesterday\""},
        {"{\"spec\":{\"name\":\"a\",\"data\":\"a\"}}",
         "spec.data|Invalid value: \"a\": spec.data in body must be of type byte: \"a\""},
        {"{\"spec\":{\"name\":\"a\",\"size\":true}}",
         "spec.size|Invalid value: \"boolean\": spec.size in body must be of type integer,string: "
         "\"boolean\""},
        {"{\"spec\":{\"name\":\"a\",\"map\":{\"x\":\"y\"}}}",
         "spec.map.x|Invalid value: \"string\": spec.map.x in body must be of type integer: "
         "\"string\""},
        {"{\"spec\":{\"name\":\"a\",\"tags\":[\"a\",\"a\"]}}",
         "spec.tags[1]|Duplicate value: \"a\""},
        {"{\"spec\":{\"name\":\"a\",\"tags\":[\"a\",\"b\",\"c\"]}}",
         "spec.tags|Too many: 3: must have at most 2 items"},
        {"{\"spec\":{\"name\":\"a\",\"list\":[{\"k\":\"x\"},{\"k\":\"x\"}]}}",
         "spec.list[1]|Duplicate value: {\"k\":\"x\"}"},
        {"{\"spec\":{\"name\":\"a\",\"list\":[{}]}}", "spec.list[0].k|Required value"},
    };
    for (size_t i = 0; i < WB_ARRAY_LEN(rows); i++) {
        char cause[512];
        first_cause(rows[i].object, NULL, cause, sizeof(cause));
        assert_string_equal(cause, rows[i].cause);
    }
}

static void stored_faults_do_not_block_other_changes(void **state)
{
    (void)state;
    char cause[512];
    first_cause("{\"spec\":{\"name\":\"BAD\",\"count\":2}}", "{\"spec\":{\"name\":\"BAD\"}}", cause,
                sizeof(cause));
    assert_string_equal(cause, "");
    first_cause("{\"spec\":{\"name\":\"WORSE\",\"count\":2}}", "{\"spec\":{\"name\":\"BAD\"}}",
                cause, sizeof(cause));
    assert_string_not_equal(cause, "");
}

static void unknown_fields_are_pruned_and_named(void **state)
{
    (void)state;
    struct as_schema *s = schema();
    json_t *object =
        json("{\"apiVersion\":\"v1\",\"metadata\":{\"x\":1},\"extra\":1,\"spec\":{\"name\":\"a\","
             "\"bogus\":{\"y\":1},\"free\":{\"any\":[1]},\"map\":{\"k\":1},"
             "\"list\":[{\"k\":\"a\",\"z\":1}]}}");
    json_t *unknown = json_array();
    as_schema_prune(s, object, unknown);
    assert_json(unknown, "[\"extra\",\"spec.bogus\",\"spec.list[0].z\"]");
    assert_json(object, "{\"apiVersion\":\"v1\",\"metadata\":{\"x\":1},\"spec\":{\"name\":\"a\","
                        "\"free\":{\"any\":[1]},\"map\":{\"k\":1},\"list\":[{\"k\":\"a\"}]}}");
    as_schema_free(s);
}

static void defaults_fill_in(void **state)
{
    (void)state;
    struct as_schema *s = schema();
    json_t *object = json("{\"spec\":{\"mode\":null,\"list\":[{\"k\":\"a\"}]}}");
    as_schema_default(s, object);
    assert_json(object, "{\"spec\":{\"mode\":\"A\",\"on\":true,\"list\":[{\"k\":\"a\",\"v\":3}]}}");
    as_schema_free(s);
}

static void bad_schemas_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"[]", "{\"type\":\"widget\"}", "{\"properties\":{\"a\":7}}",
                                      "{\"pattern\":\"(\"}", "{\"items\":{\"type\":\"x\"}}"};
    for (size_t i = 0; i < WB_ARRAY_LEN(bad); i++) {
        char err[256] = "";
        json_t *source = json(bad[i]);
        assert_null(as_schema_new(source, err, sizeof(err)));
        assert_string_not_equal(err, "");
        json_decref(source);
    }
}

/* ---- tables ------------------------------------------------------------------------------- */

static void ages_read_like_kubectl(void **state)
{
    (void)state;
    static const struct {
        int64_t s;
        const char *text;
    } rows[] = {{-5, "<invalid>"},   {0, "0s"},        {119, "119s"},  {120, "2m"},
                {150, "2m30s"},      {599, "9m59s"},   {600, "10m"},   {10799, "179m"},
                {10800, "3h"},       {11400, "3h10m"}, {28800, "8h"},  {172799, "47h"},
                {172800, "2d"},      {180000, "2d2h"}, {691200, "8d"}, {63072000, "2y"},
                {67392000, "2y50d"}, {252288000, "8y"}};
    for (size_t i = 0; i < WB_ARRAY_LEN(rows); i++) {
        char age[32];
        as_age(rows[i].s, age);
        assert_string_equal(age, rows[i].text);
    }
}

static void paths_find_values(void **state)
{
    (void)state;
    json_t *object =
        json("{\"a\":{\"b\":[{\"t\":\"X\",\"v\":1},{\"t\":\"Y\",\"v\":2}],\"c.d\":\"e\"}}");
    assert_int_equal(json_integer_value(as_path_get(object, ".a.b[1].v")), 2);
    assert_int_equal(json_integer_value(as_path_get(object, ".a.b[?(@.t==\"X\")].v")), 1);
    assert_int_equal(json_integer_value(as_path_get(object, ".a.b[?(@.t=='Y')].v")), 2);
    assert_string_equal(json_string_value(as_path_get(object, ".a.c\\.d")), "e");
    assert_null(as_path_get(object, ".a.b[7].v"));
    assert_null(as_path_get(object, ".a.b[?(@.t==\"Z\")].v"));
    assert_null(as_path_get(object, ".a.b[oops"));
    assert_null(as_path_get(object, ".x.y"));
    json_decref(object);
}

static void rows_show_what_columns_say(void **state)
{
    (void)state;
    struct as_resource r = {.column_count = 6,
                            .columns = {{"Name", "string", "name", "", ".metadata.name", 0},
                                        {"Up", "boolean", "", "", ".up", 0},
                                        {"Count", "integer", "", "", ".count", 0},
                                        {"Any", "string", "", "", ".any", 1},
                                        {"Age", "date", "", "", ".metadata.creationTimestamp", 0},
                                        {"Ref", "string", "", "", "ref:.ref", 0}}};
    json_t *object =
        json("{\"metadata\":{\"name\":\"x\",\"creationTimestamp\":\"1970-01-01T00:00:10Z\"},"
             "\"up\":true,\"count\":\"seven\",\"any\":{\"a\":1},\"ref\":{\"kind\":\"Device\","
             "\"name\":\"d\"}}");
    struct as_text t = {0};
    as_table_row(&t, &r, object, AS_INCLUDE_NONE, 20 * 1000000ull);
    assert_string_equal(t.data,
                        "{\"cells\":[\"x\",true,null,\"{\\\"a\\\":1}\",\"10s\",\"device/d\"],"
                        "\"object\":null}");
    as_text_deinit(&t);
    json_decref(object);
}

/* ---- YAML --------------------------------------------------------------------------------- */

static void yaml(const char *text, const char *wanted)
{
    char err[256] = "";
    json_t *value = as_yaml_parse(text, strlen(text), err, sizeof(err));
    if (wanted) {
        assert_string_equal(err, "");
        assert_json(value, wanted);
    } else {
        assert_null(value);
        assert_string_not_equal(err, "");
    }
}

static void yaml_becomes_json(void **state)
{
    (void)state;
    yaml("a: 1\nb: [x, '2', true, null, ~, 1.5, -3, 0x10, no, \"true\"]\n",
         "{\"a\":1,\"b\":[\"x\",\"2\",true,null,null,1.5,-3,\"0x10\",\"no\",\"true\"]}");
    yaml("a: |\n  line\n  two\n", "{\"a\":\"line\\ntwo\\n\"}");
    yaml("{\"json\": [1, {\"is\": \"yaml\"}]}", "{\"json\":[1,{\"is\":\"yaml\"}]}");
    yaml("a: 99999999999999999999\n", "{\"a\":1e20}");
    yaml("a: 2026-01-01\nb: 1.2.3\nc: 1e\n", "{\"a\":\"2026-01-01\",\"b\":\"1.2.3\",\"c\":\"1e\"}");
    yaml("", NULL);
    yaml("a: [", NULL);
    yaml("a: &x 1\nb: *x\n", NULL);
    yaml("a: 1\na: 2\n", NULL);
    yaml("? [a]\n: b\n", NULL);
    yaml("a: 1\n---\nb: 2\n", NULL);
    yaml("a: \"\\xff\\0\"\n", NULL);
    yaml("\xff\xfe\xff", NULL);
    char deep[600];
    memset(deep, '[', 300);
    memset(deep + 300, ']', 299);
    deep[599] = '\0';
    yaml(deep, NULL);
}

/* ---- protobuf ----------------------------------------------------------------------------- */

/* Namespace "t1" as kubectl sends it. */
static const uint8_t namespace_bytes[] = {
    'k',  '8',  's',  0,    0x0a, 0x0f, 0x0a, 0x02, 'v',  '1',  0x12, 0x09, 'N',
    'a',  'm',  'e',  's',  'p',  'a',  'c',  'e',  0x12, 0x1a, 0x0a, 0x14, 0x0a,
    0x02, 't',  '1',  0x12, 0x00, 0x1a, 0x00, 0x22, 0x00, 0x2a, 0x00, 0x32, 0x00,
    0x38, 0x00, 0x42, 0x00, 0x12, 0x00, 0x1a, 0x00, 0x1a, 0x00, 0x22, 0x00};

static void protobuf_is_decoded(void **state)
{
    (void)state;
    char err[256] = "";
    uint8_t bytes[sizeof(namespace_bytes)];
    memcpy(bytes, namespace_bytes, sizeof(bytes));
    json_t *value = as_proto_decode(bytes, sizeof(bytes), err, sizeof(err));
    assert_string_equal(err, "");
    assert_json(value,
                "{\"apiVersion\":\"v1\",\"kind\":\"Namespace\",\"metadata\":{\"name\":\"t1\"}}");
}

static void torn_protobuf_is_refused_or_shorter(void **state)
{
    (void)state;
    char err[256];
    for (size_t len = 0; len < sizeof(namespace_bytes); len++) {
        uint8_t *cut = malloc(len + 1);
        memcpy(cut, namespace_bytes, len);
        json_t *value = as_proto_decode(cut, len, err, sizeof(err));
        if (value) {
            assert_true(len >= 21);
        }
        json_decref(value);
        free(cut);
    }
    static const uint8_t unknown[] = {'k',  '8', 's', 0,    0x0a, 0x08, 0x0a,
                                      0x02, 'v', '1', 0x12, 0x02, 'X',  'Y'};
    assert_null(as_proto_decode(unknown, sizeof(unknown), err, sizeof(err)));
    assert_non_null(strstr(err, "XY"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(label_selectors_match),
        cmocka_unit_test(bad_label_selectors_are_refused),
        cmocka_unit_test(field_selectors_match),
        cmocka_unit_test(merge_patch_vectors),
        cmocka_unit_test(json_patch_vectors),
        cmocka_unit_test(strategic_patches_merge_known_lists),
        cmocka_unit_test(validation_uses_the_words_of_kubernetes),
        cmocka_unit_test(stored_faults_do_not_block_other_changes),
        cmocka_unit_test(unknown_fields_are_pruned_and_named),
        cmocka_unit_test(defaults_fill_in),
        cmocka_unit_test(bad_schemas_are_refused),
        cmocka_unit_test(ages_read_like_kubectl),
        cmocka_unit_test(paths_find_values),
        cmocka_unit_test(rows_show_what_columns_say),
        cmocka_unit_test(yaml_becomes_json),
        cmocka_unit_test(protobuf_is_decoded),
        cmocka_unit_test(torn_protobuf_is_refused_or_shorter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
