/* SPDX-License-Identifier: AGPL-3.0-only */
/* Property: whatever the state, carrying out the plans leads to a state for which nothing is
 * planned, soon, and that state is right. Objects live here as JSON, as in an API server; SEED=…
 * replays one. */
#include "wb_test.h"

#include <time.h>

#include "rollout.h"

#define DEVICES_MAX      12
#define APPLICATIONS_MAX 6
#define DIGEST_OF_EMPTY  "sha256:93a44bbb96c751218e4c00d479e4c14358122a389acca16205b1e4d0dc5f9476"

static uint64_t random_state;

static uint64_t draw(uint64_t below)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (random_state >> 33) % below;
}

static bool chance(unsigned percent)
{
    return draw(100) < percent;
}

struct cluster {
    json_t *devices[DEVICES_MAX];
    json_t *applications[APPLICATIONS_MAX];
    size_t device_count;
    size_t application_count;
    uint64_t version;
    struct world world;
    struct reconcile_now now;
};

static const char *const digests[] = {
    DIGEST_OF_EMPTY, "sha256:0000000000000000000000000000000000000000000000000000000000000000"};
static const char *const run_phases[] = {"Pending", "Installing", "Running", "Stopped", "Failed"};
static const char *const phases[] = {"Pending", "Enrolled", "Connected", "Disconnected",
                                     "Unreachable"};
static const char *const labels[] = {"red", "green", "blue"};

static json_t *application_name(size_t index)
{
    return json_sprintf("a%zu", index);
}

static json_t *random_device(struct cluster *c, size_t index)
{
    json_t *applications = json_array();
    json_t *runs = json_array();
    for (size_t i = 0; i < APPLICATIONS_MAX + 1; i++) { /* one more than there are Applications */
        if (chance(30)) {
            json_array_append_new(
                applications, json_pack("{s:o, s:s, s:i}", "name", application_name(i), "digest",
                                        digests[draw(2)], "revision", 1 + (int)draw(3)));
        }
        if (chance(40)) {
            json_array_append_new(runs, json_pack("{s:o, s:s, s:s, s:i, s:s}", "name",
                                                  application_name(i), "phase", run_phases[draw(5)],
                                                  "digest", digests[draw(2)], "revision",
                                                  1 + (int)draw(3), "message", "m"));
        }
    }
    json_t *device = json_pack(
        "{s:{s:o, s:s, s:o, s:i, s:{s:s}}, s:{s:s, s:s, s:b, s:[s], s:o}, s:{s:o}}", "metadata",
        "name", json_sprintf("d%zu", index), "namespace", "n", "resourceVersion",
        json_sprintf("%llu", (unsigned long long)++c->version), "generation", 1, "labels", "color",
        labels[draw(3)], "spec", "deviceId", "x", "deviceType", "posix", "approved",
        (int)chance(80), "capabilities", chance(80) ? "gpio" : "can", "applications", applications,
        "status", "applications", runs);
    if (chance(80)) {
        json_object_set_new(json_object_get(device, "status"), "phase",
                            json_string(phases[draw(5)]));
    }
    if (chance(50)) {
        json_object_set_new(json_object_get(device, "status"), "gateway",
                            json_pack("{s:s}", "name", "gw0"));
    }
    return device;
}

static json_t *random_application(struct cluster *c, size_t index)
{
    static const char *const modules[] = {"AGFzbQEAAAA=", "AGFzbQEAAAA=", "AGFzbQEAAAA=", "*", ""};
    json_t *spec =
        json_pack("{s:s, s:b}", "wasmBinary", modules[draw(5)], "paused", (int)chance(15));
    if (chance(60)) {
        json_object_set_new(spec, "deviceSelector",
                            json_pack("{s:{s:s}}", "matchLabels", "color", labels[draw(3)]));
    }
    json_t *targets = json_array();
    for (size_t i = 0; i < DEVICES_MAX; i++) {
        if (chance(20)) {
            json_array_append_new(targets, json_sprintf("d%zu", i)); /* some do not exist */
        }
    }
    json_object_set_new(spec, "targetDevices", targets);
    if (chance(30)) {
        json_object_set_new(spec, "requiredCapabilities", json_pack("[s]", "gpio"));
    }
    return json_pack("{s:{s:o, s:s, s:s, s:o, s:i}, s:o}", "metadata", "name",
                     application_name(index), "namespace", "n", "uid", "u", "resourceVersion",
                     json_sprintf("%llu", (unsigned long long)++c->version), "generation",
                     1 + (int)draw(3), "spec", spec);
}

/* RFC 7386, two levels deep as ours are: {metadata, spec|status: {…}}. */
static void merge(json_t *target, const json_t *patch)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)patch, key, value)
    {
        json_t *old = json_object_get(target, key);
        if (json_is_null(value)) {
            json_object_del(target, key);
        } else if (json_is_object(value) && json_is_object(old)) {
            merge(old, value);
        } else {
            json_object_set_new(target, key, json_deep_copy(value));
        }
    }
}

/* What an API server does with a patch. Takes it. */
static void write_patch(struct cluster *c, json_t *object, json_t *patch)
{
    json_t *meta = json_object_get(object, "metadata");
    const char *expected = wb_api_text_at(patch, NULL, "metadata", "resourceVersion", NULL);
    if (expected != NULL) { /* the plan was made from this very state */
        assert_string_equal(expected, wb_api_text_at(meta, "", "resourceVersion", NULL));
    }
    json_t *before = json_deep_copy(object);
    merge(object, patch);
    assert_false(json_equal(before, object)); /* a plan changes something */
    if (!json_equal(json_object_get(before, "spec"), json_object_get(object, "spec"))) {
        json_object_set_new(meta, "generation",
                            json_integer(wb_api_integer_at(meta, 0, "generation", NULL) + 1));
    }
    json_object_set_new(meta, "resourceVersion",
                        json_sprintf("%llu", (unsigned long long)++c->version));
    json_decref(before);
    json_decref(patch);
}

/* Plans and writes for each object once. Returns how many writes there were. */
static unsigned reconcile_all(struct cluster *c)
{
    unsigned writes = 0;
    for (size_t i = 0; i < c->application_count; i++) {
        struct world_application *application =
            world_put_application(&c->world, c->applications[i]);
        json_t *record = reconcile_record(&c->world, application, c->applications[i], c->now.ms);
        if (record != NULL) {
            assert_non_null(world_put_record(&c->world, record));
            writes++;
        }
        json_decref(record);
        bool is_late;
        wb_ms due = WB_NEVER;
        json_t *patch = reconcile_finalizer(&c->world, application, c->now.ms, &is_late, &due);
        if (patch != NULL) {
            write_patch(c, c->applications[i], patch);
            world_put_application(&c->world, c->applications[i]);
            writes++;
        }
    }
    for (size_t i = 0; i < c->device_count; i++) {
        struct world_device *device = world_put_device(&c->world, c->devices[i], NULL);
        json_t *patch = reconcile_assignments(&c->world, device, c->now);
        if (patch != NULL) {
            write_patch(c, c->devices[i], patch);
            writes++;
        }
        device = world_put_device(&c->world, c->devices[i], NULL);
        patch = reconcile_device_status(&c->world, device, c->now, NULL);
        if (patch != NULL) {
            write_patch(c, c->devices[i], patch);
            writes++;
        }
        world_put_device(&c->world, c->devices[i], NULL);
    }
    for (size_t i = 0; i < c->application_count; i++) {
        struct world_application *application =
            world_put_application(&c->world, c->applications[i]);
        json_t *patch = reconcile_application_status(&c->world, application, c->now);
        if (patch != NULL) {
            write_patch(c, c->applications[i], patch);
            writes++;
        }
        world_put_application(&c->world, c->applications[i]);
    }
    c->now.unix_s += 60; /* time alone causes no write */
    return writes;
}

static const json_t *find_entry(const json_t *device, const char *part, const char *name)
{
    size_t index;
    json_t *entry;
    json_array_foreach(wb_api_at(device, part, "applications", NULL), index, entry)
    {
        if (strcmp(wb_api_text_at(entry, "", "name", NULL), name) == 0) {
            return entry;
        }
    }
    return NULL;
}

/* The same question as the controller's, asked of the JSON and in other words. */
static bool should_run(const json_t *application, const json_t *device)
{
    const json_t *spec = json_object_get(application, "spec");
    const char *color = wb_api_text_at(device, "", "metadata", "labels", "color", NULL);
    const char *wanted = wb_api_text_at(spec, "-", "deviceSelector", "matchLabels", "color", NULL);
    bool is_meant = strcmp(color, wanted) == 0;
    size_t index;
    json_t *name;
    json_array_foreach(json_object_get(spec, "targetDevices"), index, name)
    {
        is_meant = is_meant || strcmp(json_string_value(name),
                                      wb_api_text_at(device, "", "metadata", "name", NULL)) == 0;
    }
    const char *capability =
        json_string_value(json_array_get(wb_api_at(device, "spec", "capabilities", NULL), 0));
    bool can =
        json_object_get(spec, "requiredCapabilities") == NULL || strcmp(capability, "gpio") == 0;
    return is_meant && can && json_is_true(wb_api_at(device, "spec", "approved", NULL));
}

static bool is_usable(const json_t *application)
{
    const char *module = wb_api_text_at(application, "", "spec", "wasmBinary", NULL);
    bool has_target = wb_api_at(application, "spec", "deviceSelector", NULL) != NULL ||
                      json_array_size(wb_api_at(application, "spec", "targetDevices", NULL)) > 0;
    return module[0] == 'A' && has_target;
}

static void check_assignments(const struct cluster *c, json_t *const *before)
{
    for (size_t d = 0; d < c->device_count; d++) {
        const json_t *device = c->devices[d];
        size_t expected = 0;
        for (size_t a = 0; a < c->application_count; a++) {
            const json_t *application = c->applications[a];
            const char *name = wb_api_text_at(application, "", "metadata", "name", NULL);
            const json_t *entry = find_entry(device, "spec", name);
            const json_t *old = find_entry(before[d], "spec", name);
            bool is_frozen = !is_usable(application) ||
                             json_is_true(wb_api_at(application, "spec", "paused", NULL));
            expected += entry != NULL;
            if (is_frozen) { /* whatever was assigned stays */
                assert_true(old == NULL ? entry == NULL : json_equal(entry, old));
            } else if (should_run(application, device)) {
                assert_string_equal(wb_api_text_at(entry, "", "digest", NULL), DIGEST_OF_EMPTY);
                assert_int_equal(
                    wb_api_integer_at(entry, 0, "revision", NULL),
                    wb_api_integer_at(application, -1, "metadata", "generation", NULL));
            } else {
                assert_null(entry);
            }
        }
        /* nothing is left of Applications that do not exist */
        assert_int_equal(json_array_size(wb_api_at(device, "spec", "applications", NULL)),
                         expected);
    }
}

/* Devices do as they are told. */
static void run_everything(struct cluster *c)
{
    for (size_t d = 0; d < c->device_count; d++) {
        json_t *status = json_object_get(c->devices[d], "status");
        json_t *runs = json_deep_copy(wb_api_at(c->devices[d], "spec", "applications", NULL));
        size_t index;
        json_t *run;
        json_array_foreach(runs, index, run)
        {
            json_object_set_new(run, "phase", json_string("Running"));
        }
        json_object_set_new(status, "applications", runs);
        json_object_set_new(status, "phase", json_string("Connected"));
        json_object_del(status, "gateway");
    }
}

static void check_phases(const struct cluster *c)
{
    for (size_t a = 0; a < c->application_count; a++) {
        const json_t *application = c->applications[a];
        if (!is_usable(application) ||
            json_is_true(wb_api_at(application, "spec", "paused", NULL))) {
            continue;
        }
        int64_t can = 0;
        for (size_t d = 0; d < c->device_count; d++) {
            can += should_run(application, c->devices[d]);
        }
        int64_t running = wb_api_integer_at(application, -1, "status", "counts", "running", NULL);
        int64_t target = wb_api_integer_at(application, -1, "status", "counts", "target", NULL);
        assert_int_equal(running, can);
        assert_true(target >= running);
        const char *phase = wb_api_text_at(application, "", "status", "phase", NULL);
        assert_string_equal(phase, target == 0         ? "Pending"
                                   : running == target ? "Running"
                                   : running > 0       ? "PartiallyRunning"
                                                       : "Deploying");
    }
}

static void settle(struct cluster *c)
{
    unsigned rounds = 0;
    while (reconcile_all(c) > 0) {
        assert_true(++rounds <= 2);
    }
}

static void run_seed(uint64_t seed)
{
    struct cluster c = {.now = {.ms = 10000000, .unix_s = 1795449600}};
    json_t *before[DEVICES_MAX];
    random_state = seed;
    world_init(&c.world, 40);
    c.device_count = draw(DEVICES_MAX + 1);
    c.application_count = draw(APPLICATIONS_MAX + 1);
    for (size_t i = 0; i < c.device_count; i++) {
        c.devices[i] = random_device(&c, i);
        before[i] = json_deep_copy(c.devices[i]);
        world_put_device(&c.world, c.devices[i], NULL);
    }
    for (size_t i = 0; i < c.application_count; i++) {
        c.applications[i] = random_application(&c, i);
        world_put_application(&c.world, c.applications[i]);
    }
    if (chance(50)) {
        json_t *lease = json_pack("{s:{s:s, s:s}, s:{s:s}}", "metadata", "name", "gw0", "namespace",
                                  "n", "spec", "renewTime", "a");
        world_put_lease(&c.world, lease, chance(50) ? c.now.ms : 0);
        json_decref(lease);
    }
    settle(&c);
    check_assignments(&c, before);
    run_everything(&c);
    settle(&c);
    check_phases(&c);
    for (size_t i = 0; i < c.device_count; i++) {
        json_decref(c.devices[i]);
        json_decref(before[i]);
    }
    for (size_t i = 0; i < c.application_count; i++) {
        json_decref(c.applications[i]);
    }
    world_deinit(&c.world);
}

static uint64_t current_seed;

static int print_seed(void **state)
{
    (void)state;
    printf("last SEED=%llu\n", (unsigned long long)current_seed);
    return 0;
}

static void plans_lead_to_a_state_without_plans(void **state)
{
    (void)state;
    const char *replay = getenv("SEED");
    if (replay != NULL) {
        run_seed(strtoull(replay, NULL, 10));
        return;
    }
    uint64_t fresh = (uint64_t)time(NULL) * 1000;
    for (uint64_t i = 0; i < 300; i++) {
        current_seed = i < 150 ? i : fresh + i;
        run_seed(current_seed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(plans_lead_to_a_state_without_plans, print_seed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
