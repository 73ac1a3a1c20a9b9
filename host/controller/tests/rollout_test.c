/* SPDX-License-Identifier: AGPL-3.0-only */
/* Rollouts: a fleet as JSON, in which everybody does what the plans say, and some devices fail.
 * SEED=… replays a random fleet. */
#include "wb_test.h"

#include <time.h>

#include "rollout.h"

#define FLEET_MAX 20
#define GOOD      "AGFzbQEAAAA="
#define OTHER     "AGFzbQEAAAAAAQA=" /* the same with an empty custom section */
#define KEY       "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

struct fleet {
    json_t *devices[FLEET_MAX];
    unsigned count;
    json_t *application;
    struct world world;
    struct reconcile_now now;
    uint64_t version;
    bool is_failing[FLEET_MAX]; /* it cannot run revisions from bad_from on */
    bool is_stuck[FLEET_MAX];   /* it never gets anywhere with them */
    int64_t bad_from;
    unsigned unavailable_max; /* most devices without a healthy application, seen so far */
};

static uint64_t random_state;

static uint64_t draw(uint64_t below)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (random_state >> 33) % below;
}

static json_t *parse(const char *text)
{
    json_error_t error;
    json_t *value = json_loads(text, 0, &error);
    if (value == NULL) {
        fail_msg("%s: %s", error.text, text);
    }
    return value;
}

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

static unsigned apply(struct fleet *f, json_t *object, json_t *patch)
{
    if (patch == NULL) {
        return 0;
    }
    merge(object, patch);
    json_object_set_new(json_object_get(object, "metadata"), "resourceVersion",
                        json_sprintf("%llu", (unsigned long long)++f->version));
    json_decref(patch);
    return 1;
}

static void begin(struct fleet *f, unsigned count, const char *rollout)
{
    memset(f, 0, sizeof *f);
    f->now = (struct reconcile_now){.ms = 1000000, .unix_s = 1795449600};
    f->count = count;
    f->bad_from = INT64_MAX;
    world_init(&f->world, 40);
    for (unsigned i = 0; i < count; i++) {
        f->devices[i] =
            json_pack("{s:{s:o, s:s, s:s}, s:{s:s, s:s, s:b, s:{s:s}}, s:{s:s, s:[]}}", "metadata",
                      "name", json_sprintf("d%02u", i), "namespace", "n", "resourceVersion", "1",
                      "spec", "deviceId", "x", "deviceType", "posix", "approved", 1, "publicKey",
                      "keyData", KEY, "status", "phase", "Connected", "applications");
    }
    f->application =
        json_pack("{s:{s:s, s:s, s:s, s:s, s:i}, s:{s:s, s:{}, s:o}}", "metadata", "name", "hello",
                  "namespace", "n", "uid", "u", "resourceVersion", "1", "generation", 1, "spec",
                  "wasmBinary", GOOD, "deviceSelector", "rollout", parse(rollout));
}

static void end(struct fleet *f)
{
    for (unsigned i = 0; i < f->count; i++) {
        json_decref(f->devices[i]);
    }
    json_decref(f->application);
    world_deinit(&f->world);
}

/* A user's change of the spec. */
static void change(struct fleet *f, const char *spec)
{
    json_t *patch = parse(spec);
    merge(json_object_get(f->application, "spec"), patch);
    json_decref(patch);
    json_t *meta = json_object_get(f->application, "metadata");
    json_object_set_new(meta, "generation",
                        json_integer(wb_api_integer_at(meta, 0, "generation", NULL) + 1));
}

static void put_all(struct fleet *f)
{
    f->world.now = f->now.ms;
    for (unsigned i = 0; i < f->count; i++) {
        world_put_device(&f->world, f->devices[i], NULL);
    }
    world_put_application(&f->world, f->application);
}

/* Carries out all plans of this moment. Returns how many there were. */
static unsigned plan_once(struct fleet *f)
{
    unsigned writes = 0;
    put_all(f);
    struct world_application *application = world_find_application(&f->world, "n", "hello");
    json_t *record = reconcile_record(&f->world, application, f->application, f->now.ms);
    if (record != NULL) {
        assert_non_null(world_put_record(&f->world, record));
        json_decref(record);
        writes++;
    }
    json_t *patches[FLEET_MAX];
    for (unsigned i = 0; i < f->count; i++) { /* all from the same state, as the shell does it */
        char name[8];
        snprintf(name, sizeof name, "d%02u", i);
        patches[i] =
            reconcile_assignments(&f->world, world_find_device(&f->world, "n", name), f->now);
    }
    for (unsigned i = 0; i < f->count; i++) {
        writes += apply(f, f->devices[i], patches[i]);
    }
    put_all(f);
    application = world_find_application(&f->world, "n", "hello");
    json_t *patch = reconcile_application_status(&f->world, application, f->now);
    writes += apply(f, f->application, patch);
    put_all(f);
    for (size_t i = 0; i < f->world.records.count;) {
        struct world_record *record_view = f->world.records.items[i];
        if (is_record_surplus(&f->world, record_view, f->now.ms)) {
            world_remove_record(&f->world, record_view->namespace, record_view->name);
            writes++;
        } else {
            i++;
        }
    }
    return writes;
}

static void plan(struct fleet *f)
{
    unsigned rounds = 0;
    while (plan_once(f) > 0) {
        assert_true(++rounds < 12); /* a plan leads to a state that needs none */
    }
}

static int64_t revision_of(const json_t *device)
{
    return wb_api_integer_at(json_array_get(wb_api_at(device, "spec", "applications", NULL), 0), 0,
                             "revision", NULL);
}

static bool is_connected(const json_t *device)
{
    return strcmp(wb_api_text_at(device, "", "status", "phase", NULL), "Connected") == 0;
}

/* Connected devices report what became of their assignments. */
static void run_devices(struct fleet *f)
{
    for (unsigned i = 0; i < f->count; i++) {
        if (!is_connected(f->devices[i])) {
            continue;
        }
        json_t *runs = json_deep_copy(wb_api_at(f->devices[i], "spec", "applications", NULL));
        bool is_bad = revision_of(f->devices[i]) >= f->bad_from;
        const char *phase = is_bad && f->is_failing[i] ? "Failed"
                            : is_bad && f->is_stuck[i] ? "Installing"
                                                       : "Running";
        if (json_array_size(runs) > 0) {
            json_object_set_new(json_array_get(runs, 0), "phase", json_string(phase));
            json_object_set_new(json_array_get(runs, 0), "message",
                                json_string(is_bad && f->is_failing[i] ? "trap: unreachable" : ""));
        }
        json_object_set_new(json_object_get(f->devices[i], "status"), "applications",
                            runs != NULL ? runs : json_array());
    }
}

/* Connected devices whose revision changed since the last look are on their way. */
static unsigned count_moved(struct fleet *f, const int64_t *before)
{
    unsigned moved = 0;
    for (unsigned i = 0; i < f->count; i++) {
        moved += revision_of(f->devices[i]) != before[i];
    }
    return moved;
}

static void step(struct fleet *f, unsigned seconds)
{
    int64_t before[FLEET_MAX];
    for (unsigned i = 0; i < f->count; i++) {
        before[i] = revision_of(f->devices[i]);
    }
    plan(f);
    unsigned moved = count_moved(f, before);
    f->unavailable_max = moved > f->unavailable_max ? moved : f->unavailable_max;
    run_devices(f);
    plan(f);
    f->now.ms += seconds * 1000u;
    f->now.unix_s += seconds;
}

static unsigned count_at(const struct fleet *f, int64_t revision)
{
    unsigned count = 0;
    for (unsigned i = 0; i < f->count; i++) {
        count += revision_of(f->devices[i]) == revision;
    }
    return count;
}

static int64_t status_number(const struct fleet *f, const char *part, const char *key)
{
    return wb_api_integer_at(f->application, 0, "status", part, key, NULL);
}

static const char *phase(const struct fleet *f)
{
    return wb_api_text_at(f->application, "", "status", "phase", NULL);
}

static const char *reason(const struct fleet *f, const char *condition)
{
    return wb_api_text_at(
        wb_api_condition_find(wb_api_at(f->application, "status", "conditions", NULL), condition),
        "", "reason", NULL);
}

/* Until the present revision is the stable one, at most steps times. */
static void complete(struct fleet *f, unsigned steps)
{
    for (unsigned i = 0; i < steps; i++) {
        step(f, 5);
        int64_t current = status_number(f, "rollout", "currentRevision");
        if (current > 0 && status_number(f, "rollout", "stableRevision") == current &&
            count_at(f, current) == f->count) {
            return;
        }
    }
    char *text = json_dumps(f->application, JSON_INDENT(1));
    fail_msg("not complete after %u steps: %s", steps, text);
}

static void all_at_once_moves_everybody_at_once(void **state)
{
    (void)state;
    struct fleet f;
    begin(&f, 10, "{}");
    step(&f, 5);
    assert_int_equal(count_at(&f, 1), 10);
    assert_string_equal(phase(&f), "Running");
    assert_int_equal(status_number(&f, "rollout", "stableRevision"), 0); /* not proven yet */
    step(&f, 4);
    plan(&f);
    assert_int_equal(status_number(&f, "rollout", "stableRevision"), 0);
    step(&f, 1);
    plan(&f);
    assert_int_equal(status_number(&f, "rollout", "stableRevision"), 1);
    assert_string_equal(reason(&f, "Progressing"), "Complete");
    end(&f);
}

static void rolling_keeps_within_max_unavailable(void **state)
{
    (void)state;
    static const struct {
        const char *rollout;
        unsigned most;
    } cases[] = {
        {"{\"strategy\":\"Rolling\",\"maxUnavailable\":3}", 3},
        {"{\"strategy\":\"Rolling\",\"maxUnavailable\":\"20%\"}", 2},
        {"{\"strategy\":\"Rolling\",\"maxUnavailable\":\"1%\"}", 1},
        {"{\"strategy\":\"Rolling\",\"maxUnavailable\":0}", 1}, /* none would never end */
        {"{\"strategy\":\"Rolling\"}", 3},
    };
    for (size_t i = 0; i < WB_ARRAY_LEN(cases); i++) {
        struct fleet f;
        begin(&f, 10, cases[i].rollout);
        complete(&f, 60);
        f.unavailable_max = 0;
        change(&f, "{\"wasmBinary\":\"" OTHER "\"}");
        step(&f, 5);
        assert_string_equal(phase(&f), "Deploying");
        assert_string_equal(reason(&f, "Progressing"), "RollingOut");
        complete(&f, 60);
        assert_int_equal(f.unavailable_max, cases[i].most);
        assert_string_equal(phase(&f), "Running");
        end(&f);
    }
}

static void canary_goes_wave_by_wave(void **state)
{
    (void)state;
    struct fleet f;
    begin(&f, 10, "{\"strategy\":\"Canary\",\"waves\":[1,\"30%\"]}");
    static const unsigned sizes[] = {1, 3, 10};
    for (size_t wave = 0; wave < WB_ARRAY_LEN(sizes); wave++) {
        step(&f, 5);
        assert_int_equal(count_at(&f, 1), sizes[wave]);
        step(&f, 5); /* running, but not for long enough */
        assert_int_equal(count_at(&f, 1), sizes[wave]);
    }
    complete(&f, 5);
    end(&f);
}

static void failures_stop_a_rollout_and_the_rest_keeps_running(void **state)
{
    (void)state;
    struct fleet f;
    begin(&f, 10, "{\"strategy\":\"Rolling\",\"maxUnavailable\":2}");
    complete(&f, 60);
    f.bad_from = 2;
    f.is_failing[0] = true;
    change(&f, "{\"wasmBinary\":\"" OTHER "\"}");
    for (unsigned i = 0; i < 20; i++) {
        step(&f, 5);
    }
    assert_int_equal(count_at(&f, 2), 2);
    assert_int_equal(count_at(&f, 1), 8);
    assert_string_equal(phase(&f), "Failed");
    assert_string_equal(reason(&f, "Degraded"), "RolloutFailed");
    assert_string_equal(reason(&f, "Progressing"), "RolloutFailed");
    assert_int_equal(status_number(&f, "rollout", "failedRevision"), 2);
    const char *message = wb_api_text_at(f.application, "", "status", "rollout", "message", NULL);
    assert_non_null(strstr(message, "d00: trap: unreachable"));
    f.bad_from = INT64_MAX;
    change(&f, "{\"wasmBinary\":\"" GOOD "\"}"); /* a new revision tries anew */
    complete(&f, 60);
    assert_int_equal(count_at(&f, 3), 10);
    assert_int_equal(status_number(&f, "rollout", "failedRevision"), 0);
    end(&f);
}

static void tolerated_failures_do_not_stop_it(void **state)
{
    (void)state;
    struct fleet f;
    begin(&f, 10, "{\"strategy\":\"Rolling\",\"maxUnavailable\":1,\"maxFailures\":\"10%\"}");
    f.bad_from = 1;
    f.is_failing[0] = true;
    complete(&f, 60);
    assert_int_equal(count_at(&f, 1), 10);
    end(&f);
}

static void rollback_returns_to_the_stable_revision(void **state)
{
    (void)state;
    static const char *const rollouts[] = {
        "{\"strategy\":\"Rolling\",\"maxUnavailable\":2,\"autoRollback\":true}",
        "{\"strategy\":\"Canary\",\"autoRollback\":true}",
        "{\"autoRollback\":true}",
    };
    for (size_t i = 0; i < WB_ARRAY_LEN(rollouts); i++) {
        struct fleet f;
        begin(&f, 10, rollouts[i]);
        complete(&f, 60);
        f.bad_from = 2;
        f.is_failing[0] = true;
        change(&f, "{\"wasmBinary\":\"" OTHER "\"}");
        put_all(&f);
        plan(&f);
        run_devices(&f);
        plan(&f); /* the failure is seen, and answered */
        assert_string_equal(phase(&f), "RollingBack");
        assert_string_equal(reason(&f, "Progressing"), "RollingBack");
        assert_int_equal(count_at(&f, 1), 10);
        step(&f, 5);
        assert_string_equal(phase(&f), "Running");
        assert_string_equal(reason(&f, "Progressing"), "RolledBack");
        assert_string_equal(reason(&f, "Degraded"), "RolledBack");
        change(&f, "{\"paused\":false, \"targetDevices\":[\"d00\"]}"); /* no new revision by that */
        step(&f, 5);
        assert_int_equal(count_at(&f, 1), 10);
        assert_int_equal(status_number(&f, "rollout", "failedRevision"), 2);
        end(&f);
    }
}

static void first_revision_has_nothing_to_return_to(void **state)
{
    (void)state;
    struct fleet f;
    begin(&f, 4, "{\"strategy\":\"Canary\",\"autoRollback\":true}");
    f.bad_from = 1;
    f.is_failing[0] = true;
    for (unsigned i = 0; i < 5; i++) {
        step(&f, 5);
    }
    assert_int_equal(count_at(&f, 1), 1);
    assert_string_equal(phase(&f), "Failed");
    end(&f);
}

static void device_that_gets_nowhere_fails_at_its_deadline(void **state)
{
    (void)state;
    struct fleet f;
    begin(&f, 3, "{\"strategy\":\"Canary\",\"waves\":[1],\"progressDeadlineSeconds\":60}");
    f.bad_from = 1;
    f.is_stuck[0] = true;
    step(&f, 0);
    f.now.ms += 59999;
    plan(&f);
    assert_string_equal(phase(&f), "Deploying");
    f.now.ms += 1;
    plan(&f);
    assert_string_equal(phase(&f), "Failed");
    assert_non_null(strstr(wb_api_text_at(f.application, "", "status", "rollout", "message", NULL),
                           "within 60 s"));
    end(&f);
}

static void restarts_keep_a_device_from_being_healthy(void **state)
{
    (void)state;
    struct fleet f;
    begin(&f, 2, "{\"strategy\":\"Canary\",\"waves\":[1]}");
    step(&f, 9);
    for (int restarts = 1; restarts < 10; restarts++) {
        json_t *run = json_array_get(wb_api_at(f.devices[0], "status", "applications", NULL), 0);
        json_object_set_new(run, "restarts", json_integer(restarts));
        plan(&f);
        assert_int_equal(count_at(&f, 1), 1);
        f.now.ms += 9000;
    }
    plan(&f);
    f.now.ms += 1000;
    plan(&f);
    assert_int_equal(count_at(&f, 1), 2);
    end(&f);
}

static void absent_devices_are_skipped_and_caught_up(void **state)
{
    (void)state;
    struct fleet f;
    begin(&f, 5, "{\"strategy\":\"Rolling\",\"maxUnavailable\":1}");
    complete(&f, 60);
    json_object_set_new(json_object_get(f.devices[1], "status"), "phase",
                        json_string("Disconnected"));
    change(&f, "{\"config\":{\"args\":[\"x\"]}}"); /* a configuration is a revision, too */
    for (unsigned i = 0; i < 20; i++) {
        step(&f, 5);
    }
    assert_int_equal(status_number(&f, "rollout", "stableRevision"), 2);
    assert_int_equal(count_at(&f, 2), 5); /* given to it, now that the others are well */
    end(&f);
}

static void pausing_holds_a_rollout_and_makes_no_revision(void **state)
{
    (void)state;
    struct fleet f;
    begin(&f, 6, "{\"strategy\":\"Rolling\",\"maxUnavailable\":1}");
    complete(&f, 60);
    change(&f, "{\"wasmBinary\":\"" OTHER "\"}");
    step(&f, 5);
    change(&f, "{\"paused\":true}");
    unsigned before = count_at(&f, 2);
    for (unsigned i = 0; i < 10; i++) {
        step(&f, 5);
    }
    assert_int_equal(count_at(&f, 2), before);
    assert_string_equal(reason(&f, "Progressing"), "Paused");
    change(&f, "{\"paused\":false}");
    complete(&f, 60);
    assert_int_equal(count_at(&f, 2), 6); /* generation is 4 by now */
    end(&f);
}

static void records_are_bounded(void **state)
{
    (void)state;
    struct fleet f;
    begin(&f, 3, "{\"minReadySeconds\":0}");
    complete(&f, 10);
    for (unsigned i = 0; i < 12; i++) {
        char text[64];
        snprintf(text, sizeof text, "{\"config\":{\"args\":[\"%u\"]}}", i);
        change(&f, text);
        complete(&f, 10);
        assert_true(f.world.records.count <= ROLLOUT_RECORDS_MAX + 1);
    }
    assert_int_equal(f.world.records.count, ROLLOUT_RECORDS_MAX);
    world_remove_application(&f.world, "n", "hello");
    assert_true(is_record_surplus(&f.world, f.world.records.items[0], f.now.ms));
    end(&f);
}

static void finalizer_waits_a_minute_at_most(void **state)
{
    (void)state;
    struct fleet f;
    bool is_late;
    wb_ms due = WB_NEVER;
    begin(&f, 2, "{}");
    put_all(&f);
    struct world_application *application = world_find_application(&f.world, "n", "hello");
    json_t *patch = reconcile_finalizer(&f.world, application, f.now.ms, &is_late, &due);
    assert_int_equal(apply(&f, f.application, patch), 1);
    step(&f, 5);
    json_object_set_new(json_object_get(f.application, "metadata"), "deletionTimestamp",
                        json_string("2026-11-23T16:00:00Z"));
    plan(&f); /* the assignments go; the devices' reports stay */
    assert_int_equal(count_at(&f, 1), 0);
    application = world_find_application(&f.world, "n", "hello");
    assert_null(reconcile_finalizer(&f.world, application, f.now.ms, &is_late, &due));
    assert_int_equal(due, f.now.ms + UNDEPLOY_MS);
    assert_null(reconcile_finalizer(&f.world, application, due - 1, &is_late, &due));
    patch = reconcile_finalizer(&f.world, application, due, &is_late, &due);
    assert_true(is_late);
    assert_int_equal(json_array_size(wb_api_at(patch, "metadata", "finalizers", NULL)), 0);
    json_decref(patch);
    json_object_set_new(json_object_get(f.devices[0], "status"), "phase",
                        json_string("Unreachable")); /* no reason to wait */
    json_object_set_new(json_object_get(f.devices[1], "status"), "applications", json_array());
    put_all(&f);
    patch = reconcile_finalizer(&f.world, world_find_application(&f.world, "n", "hello"), f.now.ms,
                                &is_late, &due);
    assert_false(is_late);
    assert_non_null(patch);
    json_decref(patch);
    end(&f);
}

/* Whatever the fleet: it ends complete, stopped or rolled back, and never moves too many at once.
 */
static void run_seed(uint64_t seed)
{
    random_state = seed;
    struct fleet f;
    char rollout[256];
    unsigned limit = 1 + (unsigned)draw(4);
    unsigned tolerated = (unsigned)draw(3);
    bool is_rolling = draw(2) == 0;
    bool is_rolled_back = draw(2) == 0;
    snprintf(rollout, sizeof rollout,
             "{\"strategy\":\"%s\",\"maxUnavailable\":%u,\"maxFailures\":%u,\"waves\":[%u,\"%u%%\"]"
             ",\"autoRollback\":%s,\"progressDeadlineSeconds\":60}",
             is_rolling ? "Rolling" : "Canary", limit, tolerated, 1 + (unsigned)draw(3),
             10 + (unsigned)draw(80), is_rolled_back ? "true" : "false");
    begin(&f, 1 + (unsigned)draw(FLEET_MAX - 1), rollout);
    complete(&f, 100);
    f.unavailable_max = 0;
    f.bad_from = 2;
    unsigned bad = 0;
    for (unsigned i = 0; i < f.count; i++) {
        f.is_failing[i] = draw(100) < 15;
        f.is_stuck[i] = !f.is_failing[i] && draw(100) < 5;
        bad += f.is_failing[i] || f.is_stuck[i];
    }
    change(&f, "{\"wasmBinary\":\"" OTHER "\"}");
    for (unsigned i = 0; i < 150; i++) {
        step(&f, 5);
        if (status_number(&f, "rollout", "failedRevision") == 0 && is_rolling) {
            assert_true(f.unavailable_max <= limit);
        }
    }
    bool is_failed = bad > (tolerated < f.count ? tolerated : f.count);
    if (!is_failed && bad == f.count) {
        end(&f);
        return; /* nobody ever became healthy: neither complete nor failed */
    }
    assert_int_equal(status_number(&f, "rollout", "failedRevision"), is_failed ? 2 : 0);
    assert_int_equal(status_number(&f, "rollout", "stableRevision"), is_failed ? 1 : 2);
    if (!is_failed || is_rolled_back) {
        assert_int_equal(count_at(&f, is_failed ? 1 : 2), f.count);
    }
    end(&f);
}

static uint64_t current_seed;

static int print_seed(void **state)
{
    (void)state;
    printf("last SEED=%llu\n", (unsigned long long)current_seed);
    return 0;
}

static void every_rollout_ends(void **state)
{
    (void)state;
    const char *replay = getenv("SEED");
    uint64_t fresh = (uint64_t)time(NULL) * 1000;
    for (uint64_t i = 0; i < 30; i++) {
        current_seed = replay != NULL ? strtoull(replay, NULL, 10) : i < 15 ? i : fresh + i;
        run_seed(current_seed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_at_once_moves_everybody_at_once),
        cmocka_unit_test(rolling_keeps_within_max_unavailable),
        cmocka_unit_test(canary_goes_wave_by_wave),
        cmocka_unit_test(failures_stop_a_rollout_and_the_rest_keeps_running),
        cmocka_unit_test(tolerated_failures_do_not_stop_it),
        cmocka_unit_test(rollback_returns_to_the_stable_revision),
        cmocka_unit_test(first_revision_has_nothing_to_return_to),
        cmocka_unit_test(device_that_gets_nowhere_fails_at_its_deadline),
        cmocka_unit_test(restarts_keep_a_device_from_being_healthy),
        cmocka_unit_test(absent_devices_are_skipped_and_caught_up),
        cmocka_unit_test(pausing_holds_a_rollout_and_makes_no_revision),
        cmocka_unit_test(records_are_bounded),
        cmocka_unit_test(finalizer_waits_a_minute_at_most),
        cmocka_unit_test_teardown(every_rollout_ends, print_seed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
