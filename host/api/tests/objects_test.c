/* SPDX-License-Identifier: AGPL-3.0-only */
#include "wb_test.h"

#include "wb_api.h"

#define KEY    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define DIGEST "sha256:0000000000000000000000000000000000000000000000000000000000000000"

static json_t *parse(const char *text)
{
    json_error_t error;
    json_t *value = json_loads(text, 0, &error);
    if (value == NULL) {
        fail_msg("%s at %d: %s", error.text, error.position, text);
    }
    return value;
}

static json_t *device(const char *spec)
{
    char text[4096];
    snprintf(
        text, sizeof text,
        "{\"apiVersion\":\"wasmbed.github.io/v1\",\"kind\":\"Device\",\"metadata\":"
        "{\"name\":\"d0\",\"namespace\":\"n\",\"resourceVersion\":\"7\",\"generation\":3,"
        "\"labels\":{\"site\":\"a\"}},\"spec\":%s,\"status\":{\"phase\":\"Connected\","
        "\"gateway\":{\"name\":\"gw0\"},\"lastSeen\":\"2026-11-23T16:00:00Z\",\"applications\":"
        "[{\"name\":\"hello\",\"phase\":\"Failed\",\"digest\":\"" DIGEST "\",\"revision\":2,"
        "\"restarts\":4,\"message\":\"trap\",\"memoryBytes\":100,\"fuel\":5000000000}]},"
        "\"unknown\":1}",
        spec);
    return parse(text);
}

static json_t *application(const char *spec)
{
    char text[4096];
    snprintf(text, sizeof text,
             "{\"apiVersion\":\"wasmbed.github.io/v1\",\"kind\":\"Application\",\"metadata\":"
             "{\"name\":\"hello\",\"namespace\":\"n\"},\"spec\":%s}",
             spec);
    return parse(text);
}

static void device_is_read_whole(void **state)
{
    (void)state;
    json_t *json =
        device("{\"deviceId\":\"board-0\",\"deviceType\":\"riscv-hifive1\","
               "\"publicKey\":{\"algorithm\":\"Ed25519\",\"keyData\":\"" KEY "\","
               "\"validTo\":\"2027-01-01T00:00:00Z\"},\"capabilities\":[\"gpio\",\"uart\"],"
               "\"approved\":true,\"gatewayRef\":{\"name\":\"gw1\"},\"firmware\":"
               "{\"version\":\"1.2\"},\"applications\":[{\"name\":\"hello\",\"digest\":"
               "\"" DIGEST "\",\"revision\":2}],\"later\":{}}");
    struct wb_api_problem problem = {0};
    struct wb_api_device d;
    assert_ok(wb_api_device_parse(&d, json, &problem));
    assert_string_equal(d.meta.name, "d0");
    assert_string_equal(d.meta.resource_version, "7");
    assert_int_equal(d.meta.generation, 3);
    assert_string_equal(json_string_value(json_object_get(d.meta.labels, "site")), "a");
    assert_string_equal(d.device_id, "board-0");
    assert_true(d.has_public_key && d.is_approved);
    assert_true(wb_api_strings_contain(&d.capabilities, "uart"));
    assert_false(wb_api_strings_contain(&d.capabilities, "can"));
    assert_int_equal(d.assignment_count, 1);
    assert_int_equal(d.assignments[0].revision, 2);
    assert_int_equal(d.phase, WB_API_DEVICE_CONNECTED);
    assert_string_equal(d.gateway, "gw0");
    assert_int_equal(d.run_count, 1);
    assert_int_equal(d.runs[0].phase, WB_API_RUN_FAILED);
    assert_int_equal(d.runs[0].fuel, 5000000000);
    assert_ok(wb_api_validate(wb_api_kind_get(WB_API_DEVICE), json, NULL, &problem));
    wb_api_device_deinit(&d);
    wb_api_device_deinit(&d);
    json_decref(json);
}

static void device_with_a_bad_field_is_refused_by_name(void **state)
{
    (void)state;
    struct {
        const char *spec;
        const char *path;
    } const cases[] = {
        {"{}", "spec.deviceId"},
        {"{\"deviceId\":7}", "spec.deviceId"},
        {"[]", "spec"},
        {"{\"deviceId\":\"a\",\"approved\":\"yes\"}", "spec.approved"},
        {"{\"deviceId\":\"a\",\"publicKey\":{}}", "spec.publicKey.keyData"},
        {"{\"deviceId\":\"a\",\"publicKey\":{\"keyData\":\"AAAA\"}}", "spec.publicKey.keyData"},
        {"{\"deviceId\":\"a\",\"publicKey\":{\"keyData\":\"" KEY "\",\"validTo\":\"soon\"}}",
         "spec.publicKey.validTo"},
        {"{\"deviceId\":\"a\",\"capabilities\":[1]}", "spec.capabilities"},
        {"{\"deviceId\":\"a\",\"capabilities\":{}}", "spec.capabilities"},
        {"{\"deviceId\":\"a\",\"applications\":[{\"name\":\"x\",\"revision\":-1}]}",
         "spec.applications.revision"},
        {"{\"deviceId\":\"a\",\"gatewayRef\":\"gw\"}", "spec.gatewayRef"},
    };
    for (size_t i = 0; i < WB_ARRAY_LEN(cases); i++) {
        json_t *json = device(cases[i].spec);
        struct wb_api_problem problem = {0};
        struct wb_api_device d;
        assert_err(WB_ERR_VALIDATION, wb_api_device_parse(&d, json, &problem));
        if (strncmp(problem.text, cases[i].path, strlen(cases[i].path)) != 0) {
            fail_msg("%s: %s", cases[i].path, problem.text);
        }
        json_decref(json);
    }
    struct wb_api_device d;
    assert_err(WB_ERR_VALIDATION, wb_api_device_parse(&d, NULL, NULL));
}

static void application_is_read_whole(void **state)
{
    (void)state;
    json_t *json = application(
        "{\"wasmBinary\":\"AGFzbQEAAAA=\",\"signature\":\"AA==\",\"targetDevices\":[\"d0\",\"d1\"],"
        "\"deviceSelector\":{\"matchLabels\":{\"site\":\"a\"}},\"requiredCapabilities\":[\"gpio\"],"
        "\"config\":{\"args\":[\"-v\"],\"env\":[{\"name\":\"A\",\"value\":\"1\"}]},\"resources\":"
        "{\"memory\":\"8Ki\",\"fuelPerSecond\":100000},\"permissions\":[\"publish:sensors/*\"],"
        "\"restartPolicy\":\"OnFailure\",\"paused\":true}");
    struct wb_api_problem problem = {0};
    struct wb_api_application a;
    assert_ok(wb_api_application_parse(&a, json, &problem));
    assert_string_equal(json_string_value(a.wasm_binary), "AGFzbQEAAAA=");
    assert_false(a.has_source);
    assert_int_equal(a.target_devices.count, 2);
    assert_int_equal(a.env_count, 1);
    assert_string_equal(a.env[0].value, "1");
    assert_int_equal(a.memory, 8192);
    assert_int_equal(a.fuel_per_second, 100000);
    assert_int_equal(a.restart_policy, WB_API_RESTART_ON_FAILURE);
    assert_true(a.is_paused);
    assert_true(wb_api_is_permitted(&a.permissions, "publish", "sensors/1"));
    assert_false(wb_api_is_permitted(&a.permissions, "publish", "sensor"));
    assert_false(wb_api_is_permitted(&a.permissions, "subscribe", "sensors/1"));
    assert_false(wb_api_is_permitted(&a.permissions, "pub", "sensors/1"));
    assert_ok(wb_api_validate(wb_api_kind_get(WB_API_APPLICATION), json, NULL, &problem));
    wb_api_application_deinit(&a);
    json_decref(json);
}

static void application_that_breaks_the_schema_is_refused_by_path(void **state)
{
    (void)state;
    struct {
        const char *spec;
        const char *text;
    } const cases[] = {
        {"{}", "spec: exactly one of wasmBinary and source"},
        {"{\"wasmBinary\":\"\",\"source\":{\"url\":{\"url\":\"https://x\",\"sha256\":\"0\"}}}",
         "spec.source.url.sha256: has 1 characters"},
        {"{\"source\":{}}", "spec.source: exactly one of oci"},
        {"{\"wasmBinary\":\"*\"}", "spec.wasmBinary: not base64"},
        {"{\"wasmBinary\":5}", "spec.wasmBinary: must be a string"},
        {"{\"wasmBinary\":\"\",\"targetDevices\":[\"A\"]}", "spec.targetDevices[0]: \"A\""},
        {"{\"wasmBinary\":\"\",\"targetDevices\":[\"a\",\"a\"]}",
         "spec.targetDevices: \"a\" occurs"},
        {"{\"wasmBinary\":\"\",\"config\":{\"env\":[{\"name\":\"1\"}]}}",
         "spec.config.env[0].name: \"1\""},
        {"{\"wasmBinary\":\"\",\"config\":{\"env\":[{\"name\":\"A\"},{\"name\":\"A\"}]}}",
         "spec.config.env: \"A\" occurs"},
        {"{\"wasmBinary\":\"\",\"config\":{\"env\":[{}]}}", "spec.config.env[0].name: is required"},
        {"{\"wasmBinary\":\"\",\"resources\":{\"memory\":\"8KB\"}}", "spec.resources.memory:"},
        {"{\"wasmBinary\":\"\",\"resources\":{\"memory\":true}}", "spec.resources.memory:"},
        {"{\"wasmBinary\":\"\",\"resources\":{\"fuelPerSecond\":0}}",
         "spec.resources.fuelPerSecond: 0 is outside"},
        {"{\"wasmBinary\":\"\",\"restartPolicy\":\"Sometimes\"}",
         "spec.restartPolicy: \"Sometimes\" is none of Always, OnFailure, Never"},
        {"{\"wasmBinary\":\"\",\"deviceSelector\":{\"matchExpressions\":[{\"key\":\"a\","
         "\"operator\":\"In\"}]}}",
         "spec.deviceSelector.matchExpressions[0]: values are needed"},
        {"{\"wasmBinary\":\"\",\"deviceSelector\":{\"matchLabels\":{\"a\":\"b c\"}}}",
         "spec.deviceSelector.matchLabels[a]: \"b c\""},
        {"{\"wasmBinary\":\"\",\"permissions\":[\"publish\"]}", "spec.permissions[0]:"},
    };
    for (size_t i = 0; i < WB_ARRAY_LEN(cases); i++) {
        json_t *json = application(cases[i].spec);
        struct wb_api_problem problem = {0};
        assert_err(WB_ERR_VALIDATION,
                   wb_api_validate(wb_api_kind_get(WB_API_APPLICATION), json, NULL, &problem));
        if (strncmp(problem.text, cases[i].text, strlen(cases[i].text)) != 0) {
            fail_msg("wanted %s, got %s", cases[i].text, problem.text);
        }
        json_decref(json);
    }
}

static void device_id_cannot_change(void **state)
{
    (void)state;
    const struct wb_api_kind *kind = wb_api_kind_get(WB_API_DEVICE);
    json_t *old = device("{\"deviceId\":\"a\",\"deviceType\":\"posix\"}");
    json_t *new = device("{\"deviceId\":\"b\",\"deviceType\":\"posix\"}");
    struct wb_api_problem problem = {0};
    assert_ok(wb_api_validate(kind, new, NULL, &problem));
    assert_ok(wb_api_validate(kind, new, new, &problem));
    assert_err(WB_ERR_VALIDATION, wb_api_validate(kind, new, old, &problem));
    assert_non_null(strstr(problem.text, "spec.deviceId: deviceId is the device's identity"));
    json_decref(old);
    json_decref(new);
}

static void long_or_dotted_names_are_refused(void **state)
{
    (void)state;
    const char *const names[] = {
        "a.b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
    for (size_t i = 0; i < WB_ARRAY_LEN(names); i++) {
        json_t *json = device("{\"deviceId\":\"a\",\"deviceType\":\"posix\"}");
        json_object_set_new(json_object_get(json, "metadata"), "name", json_string(names[i]));
        struct wb_api_problem problem = {0};
        assert_err(WB_ERR_VALIDATION,
                   wb_api_validate(wb_api_kind_get(WB_API_DEVICE), json, NULL, &problem));
        json_decref(json);
    }
}

static void rules_are_found_by_their_cel_text(void **state)
{
    (void)state;
    json_t *a = json_string("a");
    json_t *b = json_string("b");
    bool holds = false;
    assert_ok(wb_api_rule_check("self == oldSelf", a, NULL, &holds));
    assert_true(holds);
    assert_ok(wb_api_rule_check("self == oldSelf", a, b, &holds));
    assert_false(holds);
    assert_err(WB_ERR_UNSUPPORTED, wb_api_rule_check("self == 1", a, b, &holds));
    json_t *spec = json_pack("{s:s}", "wasmBinary", "");
    assert_ok(wb_api_rule_check("has(self.wasmBinary) != has(self.source)", spec, NULL, &holds));
    assert_true(holds);
    json_decref(spec);
    json_decref(a);
    json_decref(b);
}

static bool matches(const char *selector_text, const char *labels_text)
{
    json_t *selector = parse(selector_text);
    json_t *labels = labels_text != NULL ? parse(labels_text) : NULL;
    bool result = wb_api_selector_matches(selector, labels);
    json_decref(selector);
    json_decref(labels);
    return result;
}

static void selectors_match_as_kubernetes_has_it(void **state)
{
    (void)state;
    assert_true(matches("{}", NULL));
    assert_false(wb_api_selector_matches(NULL, NULL));
    assert_true(matches("{\"matchLabels\":{\"a\":\"1\"}}", "{\"a\":\"1\",\"b\":\"2\"}"));
    assert_false(matches("{\"matchLabels\":{\"a\":\"1\",\"c\":\"3\"}}", "{\"a\":\"1\"}"));
    assert_false(matches("{\"matchLabels\":{\"a\":\"1\"}}", NULL));
#define EXPRESSION(op, values)                                                                     \
    "{\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"" op "\",\"values\":" values "}]}"
    assert_true(matches(EXPRESSION("In", "[\"1\",\"2\"]"), "{\"a\":\"2\"}"));
    assert_false(matches(EXPRESSION("In", "[\"1\",\"2\"]"), "{\"a\":\"3\"}"));
    assert_false(matches(EXPRESSION("In", "[\"1\"]"), "{}"));
    assert_true(matches(EXPRESSION("NotIn", "[\"1\"]"), "{}"));
    assert_false(matches(EXPRESSION("NotIn", "[\"1\"]"), "{\"a\":\"1\"}"));
    assert_true(matches(EXPRESSION("Exists", "[]"), "{\"a\":\"\"}"));
    assert_false(matches(EXPRESSION("Exists", "[]"), "{}"));
    assert_true(matches(EXPRESSION("DoesNotExist", "[]"), "{}"));
    assert_false(matches(EXPRESSION("DoesNotExist", "[]"), "{\"a\":\"1\"}"));
    assert_false(matches(EXPRESSION("Like", "[]"), "{\"a\":\"1\"}"));
}

static void ill_formed_selectors_are_named(void **state)
{
    (void)state;
    const char *const bad[] = {
        "{\"matchLabels\":[]}",
        "{\"matchLabels\":{\"a b\":\"1\"}}",
        "{\"matchLabels\":{\"a\":1}}",
        "{\"matchLabels\":{\"a\":\"b c\"}}",
        "{\"matchExpressions\":{}}",
        "{\"matchExpressions\":[{\"operator\":\"Exists\"}]}",
        "{\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"Like\"}]}",
        "{\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"In\",\"values\":[]}]}",
        "{\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"Exists\",\"values\":[\"1\"]}]}",
        "[]",
    };
    for (size_t i = 0; i < WB_ARRAY_LEN(bad); i++) {
        json_t *selector = parse(bad[i]);
        struct wb_api_problem problem = {0};
        assert_err(WB_ERR_VALIDATION, wb_api_selector_check(selector, &problem));
        assert_int_equal(strncmp(problem.text, "spec.deviceSelector", 19), 0);
        json_decref(selector);
    }
}

static void condition_keeps_its_time_until_the_status_flips(void **state)
{
    (void)state;
    json_t *list = json_array();
    struct wb_api_condition c = {"Ready", WB_API_TRUE, "Fine", "all is well"};
    assert_true(wb_api_condition_set(list, &c, 1, 1000));
    assert_false(wb_api_condition_set(list, &c, 1, 2000));
    assert_true(wb_api_condition_set(list, &c, 2, 2000));
    const json_t *found = wb_api_condition_find(list, "Ready");
    assert_string_equal(wb_api_text_at(found, "", "lastTransitionTime", NULL),
                        "1970-01-01T00:16:40Z");
    c.status = WB_API_FALSE;
    c.reason = "Gone";
    assert_true(wb_api_condition_set(list, &c, 2, 2000));
    assert_string_equal(wb_api_text_at(found, "", "lastTransitionTime", NULL),
                        "1970-01-01T00:33:20Z");
    struct wb_api_condition other = {"Online", WB_API_UNKNOWN, "Why", ""};
    assert_true(wb_api_condition_set(list, &other, 2, 0));
    assert_int_equal(json_array_size(list), 2);
    assert_true(wb_api_condition_is(list, "Ready", WB_API_FALSE));
    assert_true(wb_api_condition_is(list, "Online", WB_API_UNKNOWN));
    assert_false(wb_api_condition_is(list, "Other", WB_API_UNKNOWN));
    assert_false(wb_api_condition_is(NULL, "Other", WB_API_UNKNOWN));
    json_decref(list);
}

static void condition_message_is_cut_at_a_character(void **state)
{
    (void)state;
    char *message = malloc(WB_API_CONDITION_MESSAGE_MAX + 8);
    memset(message, 'x', WB_API_CONDITION_MESSAGE_MAX + 8);
    memcpy(message + WB_API_CONDITION_MESSAGE_MAX - 1, "\xe2\x82\xac" /* the euro sign */, 3);
    message[WB_API_CONDITION_MESSAGE_MAX + 7] = '\0';
    json_t *list = json_array();
    struct wb_api_condition c = {"Ready", WB_API_TRUE, "Fine", message};
    assert_true(wb_api_condition_set(list, &c, 1, 0));
    const json_t *found = wb_api_condition_find(list, "Ready");
    assert_int_equal(json_string_length(json_object_get(found, "message")),
                     WB_API_CONDITION_MESSAGE_MAX - 1);
    assert_false(wb_api_condition_set(list, &c, 1, 0));
    c.message = "\xff";
    assert_true(wb_api_condition_set(list, &c, 1, 0));
    json_decref(list);
    free(message);
}

static void phase_summarises_the_counts(void **state)
{
    (void)state;
    struct {
        bool is_accepted;
        struct wb_api_counts counts;
        enum wb_api_application_phase phase;
    } const cases[] = {
        {true, {0, 0, 0, 0}, WB_API_APPLICATION_PENDING},
        {true, {4, 0, 0, 0}, WB_API_APPLICATION_DEPLOYING},
        {true, {4, 1, 0, 0}, WB_API_APPLICATION_PARTIALLY_RUNNING},
        {true, {4, 4, 0, 0}, WB_API_APPLICATION_RUNNING},
        {true, {4, 3, 1, 0}, WB_API_APPLICATION_PARTIALLY_RUNNING},
        {true, {4, 0, 3, 0}, WB_API_APPLICATION_DEPLOYING},
        {true, {4, 0, 4, 0}, WB_API_APPLICATION_FAILED},
        {true, {4, 0, 1, 3}, WB_API_APPLICATION_FAILED},
        {true, {4, 0, 0, 4}, WB_API_APPLICATION_STOPPED},
        {false, {4, 0, 0, 0}, WB_API_APPLICATION_FAILED},
        {false, {4, 4, 0, 0}, WB_API_APPLICATION_RUNNING},
    };
    for (size_t i = 0; i < WB_ARRAY_LEN(cases); i++) {
        assert_int_equal(wb_api_application_phase_derive(cases[i].is_accepted, &cases[i].counts),
                         cases[i].phase);
    }
    assert_int_equal(wb_api_device_phase_read("Unreachable"), WB_API_DEVICE_UNREACHABLE);
    assert_int_equal(wb_api_device_phase_read("unreachable"), WB_API_DEVICE_NONE);
    assert_int_equal(wb_api_run_phase_read(NULL), WB_API_RUN_NONE);
    assert_string_equal(wb_api_run_phase_str(WB_API_RUN_INSTALLING), "Installing");
    assert_string_equal(wb_api_application_phase_str(WB_API_APPLICATION_NONE), "");
}

static void gateway_is_read_with_defaults(void **state)
{
    (void)state;
    json_t *json = parse("{\"metadata\":{\"name\":\"gw0\"},\"spec\":{\"pairing\":{\"enabled\":true,"
                         "\"until\":\"2026-11-23T16:00:00Z\"},\"heartbeatInterval\":\"5s\"}}");
    struct wb_api_problem problem = {0};
    struct wb_api_gateway gateway;
    assert_ok(wb_api_gateway_parse(&gateway, json, &problem));
    assert_int_equal(gateway.tls_port, 4423);
    assert_int_equal(gateway.http_port, 8080);
    assert_int_equal(gateway.heartbeat_ms, 5000);
    assert_int_equal(gateway.devices_max, 1000);
    assert_true(gateway.is_pairing);
    wb_api_gateway_deinit(&gateway);
    json_object_set_new(json_object_get(json, "spec"), "heartbeatInterval", json_string("0s"));
    assert_err(WB_ERR_VALIDATION, wb_api_gateway_parse(&gateway, json, &problem));
    json_decref(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(device_is_read_whole),
        cmocka_unit_test(device_with_a_bad_field_is_refused_by_name),
        cmocka_unit_test(application_is_read_whole),
        cmocka_unit_test(application_that_breaks_the_schema_is_refused_by_path),
        cmocka_unit_test(device_id_cannot_change),
        cmocka_unit_test(long_or_dotted_names_are_refused),
        cmocka_unit_test(rules_are_found_by_their_cel_text),
        cmocka_unit_test(selectors_match_as_kubernetes_has_it),
        cmocka_unit_test(ill_formed_selectors_are_named),
        cmocka_unit_test(condition_keeps_its_time_until_the_status_flips),
        cmocka_unit_test(condition_message_is_cut_at_a_character),
        cmocka_unit_test(phase_summarises_the_counts),
        cmocka_unit_test(gateway_is_read_with_defaults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
