/* SPDX-License-Identifier: AGPL-3.0-only */
#include "wb_test.h"

#include "rollout.h"

#define MODULE        "AGFzbQEAAAA=" /* \0asm, version 1 */
#define MODULE_DIGEST "sha256:93a44bbb96c751218e4c00d479e4c14358122a389acca16205b1e4d0dc5f9476"
#define KEY           "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define OTHER_DIGEST  "sha256:0000000000000000000000000000000000000000000000000000000000000000"

static const struct reconcile_now now = {.ms = 1000000, .unix_s = 1795449600};

static json_t *parse(const char *text)
{
    json_error_t error;
    json_t *value = json_loads(text, 0, &error);
    if (value == NULL) {
        fail_msg("%s at %d: %s", error.text, error.position, text);
    }
    return value;
}

__attribute__((format(printf, 3, 4))) static struct world_device *
add_device(struct world *world, const char *name, const char *format, ...)
{
    char rest[2048];
    char text[3072];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(rest, sizeof rest, format, arguments);
    va_end(arguments);
    snprintf(text, sizeof text,
             "{\"metadata\":{\"name\":\"%s\",\"namespace\":\"n\",\"resourceVersion\":\"5\","
             "\"generation\":1,\"labels\":{\"site\":\"a\"}},%s}",
             name, rest);
    json_t *json = parse(text);
    struct wb_api_problem problem = {0};
    struct world_device *device = world_put_device(world, json, &problem);
    json_decref(json);
    return device;
}

#define SPEC(more)                                                                                 \
    "\"spec\":{\"deviceId\":\"x\",\"deviceType\":\"posix\",\"approved\":true,\"capabilities\":"    \
    "[\"gpio\"],\"publicKey\":{\"keyData\":\"" KEY "\"}" more "}"
#define ASSIGNED(digest, revision)                                                                 \
    ",\"applications\":[{\"name\":\"hello\",\"digest\":\"" digest "\",\"revision\":" revision "}]"
#define REPORTS(phase, run, digest, revision)                                                      \
    ",\"status\":{\"phase\":\"" phase "\",\"gateway\":{\"name\":\"gw0\"},\"applications\":"        \
    "[{\"name\":\"hello\",\"phase\":\"" run "\",\"digest\":\"" digest "\",\"revision\":" revision  \
    ",\"message\":\"told by the device\"}]}"

static struct world_application *add_application(struct world *world, int generation,
                                                 const char *spec)
{
    char text[2048];
    snprintf(text, sizeof text,
             "{\"metadata\":{\"name\":\"hello\",\"namespace\":\"n\",\"uid\":\"u\","
             "\"generation\":%d},\"spec\":{%s}}",
             generation, spec);
    json_t *json = parse(text);
    struct world_application *application = world_put_application(world, json);
    json_t *record = reconcile_record(world, application, json, now.ms);
    if (record != NULL) {
        assert_non_null(world_put_record(world, record));
        assert_null(reconcile_record(world, application, json, now.ms));
    }
    json_decref(record);
    json_decref(json);
    return application;
}

/* The patch as compact text; "" for none. */
static const char *text_of(json_t *patch)
{
    static char text[8192];
    text[0] = '\0';
    if (patch != NULL) {
        char *json = json_dumps(patch, JSON_COMPACT);
        snprintf(text, sizeof text, "%s", json);
        free(json);
        json_decref(patch);
    }
    return text;
}

static void selected_device_is_assigned_the_module(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 40);
    struct world_device *device = add_device(&world, "d0", SPEC(""));
    add_application(&world, 3, "\"wasmBinary\":\"" MODULE "\",\"targetDevices\":[\"d0\"]");
    assert_string_equal(text_of(reconcile_assignments(&world, device, now)),
                        "{\"metadata\":{\"resourceVersion\":\"5\"},\"spec\":{\"applications\":["
                        "{\"name\":\"hello\",\"digest\":\"" MODULE_DIGEST "\",\"revision\":3}]}}");
    device = add_device(&world, "d0", SPEC(ASSIGNED(MODULE_DIGEST, "3")));
    assert_null(reconcile_assignments(&world, device, now));
    world_deinit(&world);
}

static void selection_follows_names_labels_capabilities_and_approval(void **state)
{
    (void)state;
    struct {
        const char *spec;
        const char *device;
        enum selection selection;
    } const cases[] = {
        {"\"targetDevices\":[\"d0\"]", SPEC(""), SELECT_YES},
        {"\"targetDevices\":[\"d1\"]", SPEC(""), SELECT_NO},
        {"\"deviceSelector\":{}", SPEC(""), SELECT_YES},
        {"\"deviceSelector\":{\"matchLabels\":{\"site\":\"a\"}}", SPEC(""), SELECT_YES},
        {"\"deviceSelector\":{\"matchLabels\":{\"site\":\"b\"}}", SPEC(""), SELECT_NO},
        {"\"deviceSelector\":{\"matchLabels\":{\"site\":\"b\"}},\"targetDevices\":[\"d0\"]",
         SPEC(""), SELECT_YES},
        {"\"deviceSelector\":{},\"requiredCapabilities\":[\"gpio\"]", SPEC(""), SELECT_YES},
        {"\"deviceSelector\":{},\"requiredCapabilities\":[\"gpio\",\"can\"]", SPEC(""),
         SELECT_INCAPABLE},
        {"\"deviceSelector\":{}", "\"spec\":{\"deviceId\":\"x\"}", SELECT_NOT_APPROVED},
        {"", SPEC(""), SELECT_NO},
    };
    for (size_t i = 0; i < WB_ARRAY_LEN(cases); i++) {
        struct world world;
        world_init(&world, 40);
        struct world_device *device = add_device(&world, "d0", "%s", cases[i].device);
        char spec[512];
        snprintf(spec, sizeof spec, "\"wasmBinary\":\"" MODULE "\"%s%s",
                 cases[i].spec[0] != '\0' ? "," : "", cases[i].spec);
        struct world_application *application = add_application(&world, 1, spec);
        assert_int_equal(select_device(&application->api, &device->api), cases[i].selection);
        json_t *patch = reconcile_assignments(&world, device, now);
        assert_int_equal(patch != NULL, cases[i].selection == SELECT_YES);
        json_decref(patch);
        world_deinit(&world);
    }
}

static void entry_goes_when_nothing_wants_it_any_more(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 40);
    struct world_device *device = add_device(&world, "d0", SPEC(ASSIGNED(MODULE_DIGEST, "3")));
    const char *empty = "{\"metadata\":{\"resourceVersion\":\"5\"},\"spec\":{\"applications\":[]}}";
    assert_string_equal(text_of(reconcile_assignments(&world, device, now)), empty);
    add_application(&world, 4, "\"wasmBinary\":\"" MODULE "\",\"targetDevices\":[\"d1\"]");
    assert_string_equal(text_of(reconcile_assignments(&world, device, now)), empty);
    json_t *deleting = parse("{\"metadata\":{\"name\":\"hello\",\"namespace\":\"n\","
                             "\"deletionTimestamp\":\"2026-11-23T16:00:00Z\"},\"spec\":"
                             "{\"wasmBinary\":\"" MODULE "\",\"targetDevices\":[\"d0\"]}}");
    world_put_application(&world, deleting);
    json_decref(deleting);
    assert_string_equal(text_of(reconcile_assignments(&world, device, now)), empty);
    world_deinit(&world);
}

static void unusable_or_paused_application_leaves_what_runs(void **state)
{
    (void)state;
    static const char *const specs[] = {
        "\"wasmBinary\":\"*\",\"targetDevices\":[\"d0\"]",
        "\"wasmBinary\":\"AAAA\",\"targetDevices\":[\"d0\"]",
        "\"wasmBinary\":\"" MODULE "\"",
        "\"wasmBinary\":7,\"targetDevices\":[\"d0\"]",
        "\"source\":{\"url\":{}},\"targetDevices\":[\"d0\"]",
        "\"wasmBinary\":\"" MODULE "\",\"targetDevices\":[\"d0\"],\"paused\":true",
    };
    for (size_t i = 0; i < WB_ARRAY_LEN(specs); i++) {
        struct world world;
        world_init(&world, 40);
        struct world_device *running = add_device(&world, "d0", SPEC(ASSIGNED(OTHER_DIGEST, "3")));
        struct world_device *empty = add_device(&world, "d1", SPEC(""));
        add_application(&world, 4, specs[i]);
        assert_null(reconcile_assignments(&world, running, now));
        assert_null(reconcile_assignments(&world, empty, now));
        world_deinit(&world);
    }
}

static void verdicts_name_the_mistake_and_the_remedy(void **state)
{
    (void)state;
    struct {
        const char *spec;
        const char *reason;
        const char *words;
    } const cases[] = {
        {"\"wasmBinary\":\"*\",\"targetDevices\":[\"d0\"]", "InvalidModule", "base64 -w0"},
        {"\"wasmBinary\":\"\",\"targetDevices\":[\"d0\"]", "InvalidModule", "it is empty"},
        {"\"wasmBinary\":\"KG1vZHVsZSk=\",\"targetDevices\":[\"d0\"]", "InvalidModule", "wat2wasm"},
        {"\"wasmBinary\":\"f0VMRgEBAQAAAAAA\",\"targetDevices\":[\"d0\"]", "InvalidModule", "ELF"},
        {"\"wasmBinary\":\"AGFzbQ0AAQA=\",\"targetDevices\":[\"d0\"]", "InvalidModule",
         "version 13"},
        {"\"wasmBinary\":\"AGFzbQE=\",\"targetDevices\":[\"d0\"]", "InvalidModule", "ends within"},
        {"\"wasmBinary\":\"AAAAAAAAAAA=\",\"targetDevices\":[\"d0\"]", "InvalidModule", "\\0asm"},
        {"\"wasmBinary\":\"" MODULE "\"", "NoTarget", "deviceSelector"},
        {"\"wasmBinary\":\"" MODULE "\",\"deviceSelector\":{\"matchLabels\":{\"a b\":\"\"}}",
         "InvalidSelector", "no key of a label"},
        {"\"wasmBinary\":\"" MODULE "\",\"deviceSelector\":{},\"signature\":\"*\"",
         "InvalidSignature", "wasmbed sign"},
        {"\"source\":{},\"deviceSelector\":{}", "SourceNotSupported", "spec.wasmBinary"},
        {"\"source\":{\"url\":{}},\"deviceSelector\":{}", "SourceNotSupported", "configMap"},
        {"\"source\":{},\"wasmBinary\":\"\"", "InvalidSpec", "exactly one"},
        {"\"deviceSelector\":{}", "InvalidSpec", "spec.wasmBinary: missing"},
        {"\"wasmBinary\":\"" MODULE "\",\"resources\":{\"memory\":\"lots\"}", "InvalidSpec",
         "spec.resources.memory"},
    };
    for (size_t i = 0; i < WB_ARRAY_LEN(cases); i++) {
        struct world world;
        world_init(&world, 40);
        struct world_application *application = add_application(&world, 1, cases[i].spec);
        if (application->verdict.reason == NULL) {
            fail_msg("accepted: %s", cases[i].spec);
        }
        assert_string_equal(application->verdict.reason, cases[i].reason);
        if (strstr(application->verdict.message, cases[i].words) == NULL) {
            fail_msg("wanted %s, got %s", cases[i].words, application->verdict.message);
        }
        json_t *patch = reconcile_application_status(&world, application, now);
        const json_t *conditions = wb_api_at(patch, "status", "conditions", NULL);
        assert_true(wb_api_condition_is(conditions, "Accepted", WB_API_FALSE));
        assert_string_equal(wb_api_text_at(patch, "", "status", "phase", NULL), "Failed");
        json_decref(patch);
        world_deinit(&world);
    }
}

static void module_over_the_limit_is_refused(void **state)
{
    (void)state;
    uint8_t *module = calloc(1, WB_API_MODULE_MAX + 1);
    memcpy(module, "\0asm\1\0\0\0", 8);
    for (size_t extra = 0; extra < 2; extra++) {
        char *text = wb_api_base64_encode(module, WB_API_MODULE_MAX + extra);
        struct wb_api_application application = {.wasm_binary = json_string(text),
                                                 .signature = (char[]){""},
                                                 .device_selector = json_object()};
        struct world_verdict verdict;
        world_judge(&application, NULL, &verdict);
        if (extra == 0) {
            assert_null(verdict.reason);
        } else {
            assert_string_equal(verdict.reason, "ModuleTooLarge");
        }
        json_decref(application.wasm_binary);
        json_decref(application.device_selector);
        free(text);
    }
    free(module);
}

static void status_sums_up_what_devices_report(void **state)
{
    (void)state;
    struct {
        const char *first;  /* d0 */
        const char *second; /* d1 */
        const char *phase;
        int running;
        int failed;
        const char *degraded; /* reason */
    } const cases[] = {
        {SPEC(""), SPEC(""), "Deploying", 0, 0, "NoFailures"},
        {SPEC("") REPORTS("Connected", "Running", MODULE_DIGEST, "3"), SPEC(""), "PartiallyRunning",
         1, 0, "NoFailures"},
        {SPEC("") REPORTS("Connected", "Running", MODULE_DIGEST, "3"),
         SPEC("") REPORTS("Connected", "Running", MODULE_DIGEST, "3"), "Running", 2, 0,
         "NoFailures"},
        {SPEC("") REPORTS("Connected", "Running", MODULE_DIGEST, "2"),
         SPEC("") REPORTS("Connected", "Running", OTHER_DIGEST, "3"), "Deploying", 0, 0,
         "NoFailures"},
        {SPEC("") REPORTS("Connected", "Failed", MODULE_DIGEST, "3"),
         SPEC("") REPORTS("Connected", "Running", MODULE_DIGEST, "3"), "PartiallyRunning", 1, 1,
         "DevicesFailed"},
        {SPEC("") REPORTS("Connected", "Failed", MODULE_DIGEST, "3"),
         SPEC("") REPORTS("Connected", "Failed", MODULE_DIGEST, "3"), "Failed", 0, 2,
         "DevicesFailed"},
        {SPEC("") REPORTS("Connected", "Stopped", MODULE_DIGEST, "3"),
         SPEC("") REPORTS("Connected", "Stopped", MODULE_DIGEST, "3"), "Stopped", 0, 0,
         "NoFailures"},
        {SPEC("") REPORTS("Disconnected", "Running", MODULE_DIGEST, "3"),
         SPEC("") REPORTS("Unreachable", "Running", MODULE_DIGEST, "3"), "Deploying", 0, 0,
         "NoFailures"},
        {SPEC("") REPORTS("Connected", "Running", MODULE_DIGEST, "3"),
         "\"spec\":{\"deviceId\":\"x\"}", "PartiallyRunning", 1, 0, "TargetNotUsable"},
        {SPEC("") REPORTS("Connected", "Running", MODULE_DIGEST, "3"), NULL, "PartiallyRunning", 1,
         0, "TargetNotUsable"},
    };
    for (size_t i = 0; i < WB_ARRAY_LEN(cases); i++) {
        struct world world;
        world_init(&world, 40);
        add_device(&world, "d0", "%s", cases[i].first);
        if (cases[i].second != NULL) {
            add_device(&world, "d1", "%s", cases[i].second);
        }
        add_device(&world, "d2", SPEC("") REPORTS("Connected", "Running", OTHER_DIGEST, "1"));
        struct world_application *application = add_application(
            &world, 3, "\"wasmBinary\":\"" MODULE "\",\"targetDevices\":[\"d1\",\"d0\"]");
        json_t *patch = reconcile_application_status(&world, application, now);
        const json_t *status = json_object_get(patch, "status");
        assert_string_equal(wb_api_text_at(status, "", "phase", NULL), cases[i].phase);
        assert_int_equal(wb_api_integer_at(status, -1, "counts", "target", NULL), 2);
        assert_int_equal(wb_api_integer_at(status, -1, "counts", "running", NULL),
                         cases[i].running);
        assert_int_equal(wb_api_integer_at(status, -1, "counts", "failed", NULL), cases[i].failed);
        assert_string_equal(wb_api_text_at(status, "", "digest", NULL), MODULE_DIGEST);
        const json_t *conditions = json_object_get(status, "conditions");
        assert_true(wb_api_condition_is(conditions, "Accepted", WB_API_TRUE));
        assert_string_equal(
            wb_api_text_at(wb_api_condition_find(conditions, "Degraded"), "", "reason", NULL),
            cases[i].degraded);
        const json_t *list = json_object_get(status, "deployedDevices");
        assert_int_equal(json_array_size(list), 2);
        if (cases[i].failed > 0) { /* trouble first, with the device's own words */
            assert_string_equal(wb_api_text_at(json_array_get(list, 0), "", "message", NULL),
                                "told by the device");
        }
        json_decref(patch);
        world_deinit(&world);
    }
}

static void list_of_devices_is_bounded_counts_are_not(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 40);
    for (unsigned i = 0; i < 250; i++) {
        char name[16];
        snprintf(name, sizeof name, "d%03u", i);
        add_device(&world, name, "%s",
                   i == 249 ? SPEC("") REPORTS("Connected", "Failed", MODULE_DIGEST, "1")
                            : SPEC("") REPORTS("Connected", "Running", MODULE_DIGEST, "1"));
    }
    struct world_application *application =
        add_application(&world, 1, "\"wasmBinary\":\"" MODULE "\",\"deviceSelector\":{}");
    json_t *patch = reconcile_application_status(&world, application, now);
    const json_t *list = wb_api_at(patch, "status", "deployedDevices", NULL);
    assert_int_equal(json_array_size(list), 100);
    assert_string_equal(wb_api_text_at(json_array_get(list, 0), "", "name", NULL), "d249");
    assert_int_equal(wb_api_integer_at(patch, 0, "status", "counts", "running", NULL), 249);
    json_decref(patch);
    world_deinit(&world);
}

static void device_starts_pending_and_is_enrolled_by_approval(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 40);
    struct world_device *device = add_device(&world, "d0", "\"spec\":{\"deviceId\":\"x\"}");
    json_t *patch = reconcile_device_status(&world, device, now, NULL);
    assert_string_equal(wb_api_text_at(patch, "", "status", "phase", NULL), "Pending");
    assert_true(wb_api_condition_is(wb_api_at(patch, "status", "conditions", NULL), "Approved",
                                    WB_API_FALSE));
    json_decref(patch);
    device = add_device(&world, "d0", SPEC("") ",\"status\":{\"phase\":\"Pending\"}");
    patch = reconcile_device_status(&world, device, now, NULL);
    assert_string_equal(wb_api_text_at(patch, "", "status", "phase", NULL), "Enrolled");
    json_decref(patch);
    /* a connected one keeps its phase; only the condition is the controller's */
    device = add_device(&world, "d0", SPEC("") ",\"status\":{\"phase\":\"Connected\"}");
    patch = reconcile_device_status(&world, device, now, NULL);
    assert_string_equal(wb_api_text_at(patch, "", "status", "phase", NULL), "Connected");
    json_decref(patch);
    world_deinit(&world);
}

static void assignment_alone_costs_no_status_write(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 40);
    struct world_device *device = add_device(
        &world, "d0",
        SPEC("") ",\"status\":{\"phase\":\"Enrolled\",\"conditions\":[{\"type\":\"Approved\","
                 "\"status\":\"True\",\"reason\":\"ApprovedByOperator\",\"message\":"
                 "\"The device may connect.\",\"observedGeneration\":0,"
                 "\"lastTransitionTime\":\"2026-11-23T15:00:00Z\"}]}");
    assert_null(reconcile_device_status(&world, device, now, NULL));
    world_deinit(&world);
}

static void put_lease(struct world *world, const char *renewed, wb_ms at)
{
    json_t *lease =
        json_pack("{s:{s:s, s:s}, s:{s:s, s:i}}", "metadata", "name", "gw0", "namespace", "n",
                  "spec", "renewTime", renewed, "leaseDurationSeconds", 30);
    assert_non_null(world_put_lease(world, lease, at));
    json_decref(lease);
}

static void devices_of_a_lost_gateway_become_unreachable(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 40);
    struct world_device *device = add_device(
        &world, "d0",
        SPEC(
            "") ",\"status\":{\"phase\":\"Connected\",\"gateway\":{\"name\":\"gw0\"},"
                "\"conditions\":[{\"type\":\"Online\",\"status\":\"True\",\"reason\":\"Connected\","
                "\"message\":\"\",\"lastTransitionTime\":\"2026-11-23T15:00:00Z\"},"
                "{\"type\":\"Approved\",\"status\":\"True\",\"reason\":\"ApprovedByOperator\","
                "\"message\":\"The device may connect.\",\"observedGeneration\":1,"
                "\"lastTransitionTime\":\"2026-11-23T15:00:00Z\"}]}");
    bool is_unreachable = false;
    /* no Lease: nothing is known, nothing is done */
    assert_null(reconcile_device_status(&world, device, now, &is_unreachable));
    put_lease(&world, "a", now.ms - 30000);
    assert_null(reconcile_device_status(&world, device, now, &is_unreachable));
    put_lease(&world, "a", now.ms); /* seen again, not renewed */
    struct reconcile_now later = {.ms = now.ms + 1, .unix_s = now.unix_s};
    json_t *patch = reconcile_device_status(&world, device, later, &is_unreachable);
    assert_true(is_unreachable);
    assert_string_equal(wb_api_text_at(patch, "", "status", "phase", NULL), "Unreachable");
    const json_t *conditions = wb_api_at(patch, "status", "conditions", NULL);
    assert_true(wb_api_condition_is(conditions, "Online", WB_API_UNKNOWN));
    assert_true(wb_api_condition_is(conditions, "Approved", WB_API_TRUE));
    json_decref(patch);
    put_lease(&world, "b", later.ms); /* renewed: the gateway is back */
    assert_null(reconcile_device_status(&world, device, later, &is_unreachable));
    world_deinit(&world);
}

static void gateway_is_pending_ready_unreachable(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 40);
    json_t *json = parse("{\"metadata\":{\"name\":\"gw0\",\"namespace\":\"n\"},\"spec\":{}}");
    struct world_gateway *gateway = world_put_gateway(&world, json, NULL);
    json_t *patch = reconcile_gateway_status(&world, gateway, now);
    assert_string_equal(wb_api_text_at(patch, "", "status", "phase", NULL), "Pending");
    json_decref(patch);
    json_object_set_new(json, "status", json_pack("{s:s}", "phase", "Ready"));
    gateway = world_put_gateway(&world, json, NULL);
    put_lease(&world, "a", now.ms - 30000);
    assert_null(reconcile_gateway_status(&world, gateway, now));
    struct reconcile_now later = {.ms = now.ms + 1};
    patch = reconcile_gateway_status(&world, gateway, later);
    assert_string_equal(wb_api_text_at(patch, "", "status", "phase", NULL), "Unreachable");
    json_decref(patch);
    json_object_set_new(json, "status", json_pack("{s:s}", "phase", "Unreachable"));
    gateway = world_put_gateway(&world, json, NULL);
    assert_null(reconcile_gateway_status(&world, gateway, later));
    put_lease(&world, "b", later.ms);
    patch = reconcile_gateway_status(&world, gateway, later);
    assert_string_equal(wb_api_text_at(patch, "", "status", "phase", NULL), "Ready");
    json_decref(patch);
    world_remove_lease(&world, "n", "gw0"); /* a new controller: seen once is not seen renewed */
    put_lease(&world, "b", later.ms);
    assert_null(reconcile_gateway_status(&world, gateway, later));
    json_decref(json);
    world_deinit(&world);
}

static void malformed_device_is_left_alone(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 40);
    struct world_device *device = add_device(&world, "d0", "\"spec\":{\"deviceId\":7}");
    add_application(&world, 1, "\"wasmBinary\":\"" MODULE "\",\"targetDevices\":[\"d0\"]");
    assert_false(device->is_valid);
    assert_null(reconcile_assignments(&world, device, now));
    assert_null(reconcile_device_status(&world, device, now, NULL));
    device = add_device(&world, "d0", SPEC("")); /* mended */
    assert_true(device->is_valid);
    json_decref(reconcile_assignments(&world, device, now));
    world_remove_device(&world, "n", "d0");
    world_remove_device(&world, "n", "d0");
    assert_null(world_find_device(&world, "n", "d0"));
    world_deinit(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(selected_device_is_assigned_the_module),
        cmocka_unit_test(selection_follows_names_labels_capabilities_and_approval),
        cmocka_unit_test(entry_goes_when_nothing_wants_it_any_more),
        cmocka_unit_test(unusable_or_paused_application_leaves_what_runs),
        cmocka_unit_test(verdicts_name_the_mistake_and_the_remedy),
        cmocka_unit_test(module_over_the_limit_is_refused),
        cmocka_unit_test(status_sums_up_what_devices_report),
        cmocka_unit_test(list_of_devices_is_bounded_counts_are_not),
        cmocka_unit_test(device_starts_pending_and_is_enrolled_by_approval),
        cmocka_unit_test(assignment_alone_costs_no_status_write),
        cmocka_unit_test(devices_of_a_lost_gateway_become_unreachable),
        cmocka_unit_test(gateway_is_pending_ready_unreachable),
        cmocka_unit_test(malformed_device_is_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
