/* SPDX-License-Identifier: AGPL-3.0-only */
/* The agent with a scripted gateway: connecting, installing, running, updating, refusing. */
#include "world.h"

static struct world world;

/* The application runs this version. */
static void assert_runs(struct world *w, const char *name, const struct world_app *app)
{
    struct world_status *status = world_status(w, name);

    assert_string_equal(status->message, "");
    assert_int_equal(status->phase, WB_PROTOCOL_APP_RUNNING);
    assert_memory_equal(status->digest, app->digest, 32);
    assert_int_equal(status->revision, app->revision);
}

static struct world_app *want(struct world *w, const char *name, const char *module,
                              uint32_t memory)
{
    size_t len;
    const uint8_t *bytes = module_read(module, &len);
    struct world_app *app = world_app(w, name, bytes, len, memory);

    gateway_desired(w);
    return app;
}

/* ---- connecting ------------------------------------------------------------------------------ */

static void connects_and_introduces_itself(void **state)
{
    struct world *w = &world;

    (void)state;
    world_init(w);
    assert_int_equal(wb_agent_state_get(&w->agent), WB_AGENT_CERTIFICATE_VALIDATION);
    assert_true(world_run(w, 100));
    assert_int_equal(w->hellos, 1);
    assert_int_equal(w->hello.version, WB_PROTOCOL_VERSION);
    assert_int_equal(w->hello.frame_max, 512);
    assert_int_equal(w->hello.app_slots, WORLD_SLOTS);
    assert_int_equal(w->hello.arena_size, WORLD_ARENA);
    assert_int_equal(w->hello.boots, 1);
    assert_int_equal(w->acks, 1);
    assert_int_equal(wb_agent_state_get(&w->agent), WB_AGENT_RUNNING);
    assert_int_equal(w->heartbeats, 2); /* at welcome, and with the set in place */
    assert_true(world_run(w, 30000));
    assert_int_equal(w->heartbeats, 5);
    assert_int_equal(w->heartbeat.arena_free, WORLD_ARENA);
}

static void learns_the_time_from_welcome(void **state)
{
    struct world *w = &world;

    (void)state;
    world_init(w);
    assert_int_equal(wb_agent_unix_ms(&w->agent), 0);
    assert_true(world_run(w, 100));
    assert_int_equal(wb_agent_unix_ms(&w->agent), WORLD_UNIX_MS + w->now);
}

static void backs_off_while_there_is_no_gateway(void **state)
{
    struct world *w = &world;
    wb_ms waits[9];

    (void)state;
    world_init(w);
    w->is_link_possible = false;
    for (int i = 0; i < 9; i++) {
        wb_ms begin = w->now;

        assert_true(wb_agent_wants_link(&w->agent, w->now));
        wb_agent_link_down(&w->agent, w->now);
        assert_false(wb_agent_wants_link(&w->agent, w->now));
        while (!wb_agent_wants_link(&w->agent, w->now)) {
            w->now = wb_agent_due(&w->agent);
            wb_agent_tick(&w->agent, w->now);
        }
        waits[i] = w->now - begin;
    }
    for (int i = 0; i < 9; i++) {
        wb_ms middle = i > 5 ? 60000 : 1000u << i;

        assert_in_range(waits[i], middle * 3 / 4, middle * 5 / 4);
    }
    w->is_link_possible = true;
    assert_true(world_run(w, 100));
    assert_int_equal(w->hellos, 1);
}

static void gives_up_a_gateway_that_does_not_answer_hello(void **state)
{
    struct world *w = &world;

    (void)state;
    world_init(w);
    w->is_mute = true;
    assert_true(world_run(w, 15100));
    assert_int_equal(w->closes, 1);
    assert_non_null(strstr(w->console, "gateway does not answer hello"));
    w->is_mute = false;
    assert_true(world_run(w, 3000));
    assert_int_equal(w->hellos, 1);
}

static void refuses_a_gateway_of_another_ca(void **state)
{
    struct world *w = &world;
    static const uint8_t serial[] = {2};
    static const char *const names[] = {"wasmbed-gateway"};
    uint8_t key[32], other_key[32];
    struct wb_x509_spec spec = {.serial = serial,
                                .serial_len = 1,
                                .common_name = "evil",
                                .public_key = key,
                                .not_before = WORLD_UNIX_MS / 1000 - 10,
                                .not_after = WORLD_UNIX_MS / 1000 + 1000,
                                .purposes = WB_X509_SERVER_AUTH,
                                .alt_names = names,
                                .alt_name_count = 1};

    (void)state;
    world_init(w);
    memset(other_key, 0x77, 32);
    wb_ed25519_public_key(key, other_key);
    memcpy(w->gateway_key, other_key, 32);
    assert_ok(wb_x509_write_self_signed(&spec, other_key, w->gateway_der, sizeof(w->gateway_der),
                                        &w->gateway_len));
    world_gateway_init(w);
    assert_true(world_run(w, 100));
    assert_int_equal(w->hellos, 0);
    assert_int_equal(w->closes, 1);
    assert_non_null(strstr(w->console, "TLS: "));
}

static void says_what_provisioning_is_missing(void **state)
{
    static const struct {
        uint16_t record;
        const char *words;
    } rows[] = {
        {WB_AGENT_RECORD_DEVICE_ID, "no device id"},
        {WB_AGENT_RECORD_DEVICE_KEY, "no device key"},
        {WB_AGENT_RECORD_CERTIFICATE, "no device certificate"},
        {WB_AGENT_RECORD_CA, "no CA certificate"},
        {WB_AGENT_RECORD_PUBLISHERS, "no publisher key"},
        {WB_AGENT_RECORD_SERVER_NAME, "no server name"},
    };
    struct world *w = &world;

    (void)state;
    for (size_t i = 0; i < WB_ARRAY_LEN(rows); i++) {
        world_prepare(w);
        assert_ok(wb_store_remove(&w->store, rows[i].record));
        assert_ok(world_boot(w));
        assert_int_equal(wb_agent_state_get(&w->agent), WB_AGENT_DEVICE_REGISTRATION);
        assert_non_null(strstr(w->console, rows[i].words));
        w->console_len = 0;
        w->console[0] = '\0';
        assert_true(world_run(w, 59000));
        assert_null(strstr(w->console, rows[i].words));
        assert_true(world_run(w, 2000)); /* keeps saying so */
        assert_non_null(strstr(w->console, rows[i].words));
        assert_int_equal(w->links, 0);
    }
}

static void refuses_provisioning_that_contradicts_itself(void **state)
{
    struct world *w = &world;
    uint8_t bad[300] = {0x30, 0x82};

    (void)state;
    world_prepare(w);
    assert_ok(wb_store_put(&w->store, WB_AGENT_RECORD_DEVICE_KEY, w->gateway_key, 32));
    assert_ok(world_boot(w));
    assert_non_null(strstr(w->console, "device key is not the certificate's"));
    world_prepare(w);
    assert_ok(wb_store_put(&w->store, WB_AGENT_RECORD_CERTIFICATE, bad, sizeof(bad)));
    assert_ok(world_boot(w));
    assert_non_null(strstr(w->console, "certificate cannot be read"));
    world_prepare(w);
    assert_ok(wb_store_put(&w->store, WB_AGENT_RECORD_CA, w->device_der, w->device_len));
    assert_ok(world_boot(w));
    assert_non_null(strstr(w->console, "CA certificate cannot be used"));
    assert_true(world_run(w, 1000));
    assert_int_equal(w->links, 0);
}

static void refuses_buffers_below_their_least(void **state)
{
    struct world *w = &world;
    struct wb_agent_cfg good;

    (void)state;
    world_init(w);
    good = w->cfg;
    for (int i = 0; i < 8; i++) {
        struct wb_agent_cfg cfg = good;

        switch (i) {
        case 0: cfg.slot_count = 0; break;
        case 1: cfg.slot_count = WB_AGENT_SLOTS_MAX + 1; break;
        case 2: cfg.scratch_len = WB_AGENT_SCRATCH_MIN - 1; break;
        case 3: cfg.frame_len = 511; break;
        case 4: cfg.outbox_len = 511; break;
        case 5: cfg.inbox_len = 63; break;
        case 6: cfg.tls_in_len = WB_AGENT_TLS_IN_MIN - 1; break;
        default: cfg.arena++; break;
        }
        assert_err(WB_ERR_SPACE, wb_agent_init(&w->agent, &cfg, 0));
    }
}

/* ---- installing and running ---------------------------------------------------------------------
 */

static void installs_and_runs_hello(void **state)
{
    struct world *w = &world;
    struct world_app *app;

    (void)state;
    world_init(w);
    app = want(w, "hello", "hello", 1024);
    app->arg = "team";
    app->env = "INTERVAL_MS=100";
    assert_true(world_run(w, 1050));
    assert_runs(w, "hello", app);
    assert_true(world_log_has(w, "hello: Hello, team! #1"));
    assert_true(world_log_has(w, "hello: Hello, team! #10"));
    assert_non_null(strstr(w->console, "2 hello: Hello, team! #1"));
    assert_int_equal(w->acks, 1);
    assert_int_equal(w->fetched, app->module_len);
    assert_true(world_status(w, "hello")->memory >= 1024);
    assert_int_equal(wb_agent_state_get(&w->agent), WB_AGENT_RUNNING);
    assert_true(world_run(w, 10000)); /* a heartbeat tells the fuel */
    assert_true(world_status(w, "hello")->fuel > 1000);
    assert_true(w->heartbeat.arena_free < WORLD_ARENA);
}

static void runs_from_flash_without_a_gateway(void **state)
{
    struct world *w = &world;
    struct world_app *app;

    (void)state;
    world_init(w);
    app = want(w, "hello", "hello", 1024);
    app->env = "INTERVAL_MS=100";
    assert_true(world_run(w, 500));
    world_cut(w);
    w->is_link_possible = false;
    w->console_len = 0;
    assert_ok(world_boot(w));
    assert_true(world_run(w, 1000));
    assert_non_null(strstr(w->console, "Hello, world! #9"));
    /* Back on line nothing is fetched again. */
    w->is_link_possible = true;
    w->fetches = 0;
    world_logs_clear(w);
    assert_true(world_run(w, 60000));
    assert_int_equal(w->hello.boots, 2);
    assert_int_equal(w->fetches, 0);
    assert_runs(w, "hello", app);
    assert_int_equal(world_status(w, "hello")->restarts, 0);
    assert_true(world_log_has(w, "dropped for want of room"));
}

static void changed_configuration_restarts_without_fetching(void **state)
{
    struct world *w = &world;
    struct world_app *app;
    uint32_t fetches;

    (void)state;
    world_init(w);
    app = want(w, "hello", "hello", 1024);
    app->env = "INTERVAL_MS=100";
    assert_true(world_run(w, 500));
    fetches = w->fetches;
    app->arg = "again";
    app->revision++;
    gateway_desired(w);
    assert_true(world_run(w, 500));
    assert_int_equal(w->fetches, fetches);
    assert_true(world_log_has(w, "Hello, again! #1"));
    assert_runs(w, "hello", app);
    /* The new configuration lasts. */
    w->is_link_possible = false;
    world_cut(w);
    w->console_len = 0;
    assert_ok(world_boot(w));
    assert_true(world_run(w, 300));
    assert_non_null(strstr(w->console, "Hello, again! #1"));
}

static void same_set_again_changes_nothing(void **state)
{
    struct world *w = &world;
    uint32_t ops, fetches;

    (void)state;
    world_init(w);
    want(w, "hello", "hello", 1024);
    assert_true(world_run(w, 500));
    ops = w->nor.ops;
    fetches = w->fetches;
    for (int i = 0; i < 5; i++) {
        gateway_desired(w);
        assert_true(world_run(w, 100));
    }
    assert_int_equal(w->nor.ops, ops); /* no wear */
    assert_int_equal(w->fetches, fetches);
    assert_int_equal(world_log_count(w, "Hello, world! #1"), 1);
    assert_int_equal(w->ack_generation, w->generation);
}

static void updates_to_another_module(void **state)
{
    struct world *w = &world;
    struct world_app *app;
    uint16_t images = 0;

    (void)state;
    world_init(w);
    want(w, "work", "hello", 1024);
    assert_true(world_run(w, 500));
    app = want(w, "work", "filter", 1024);
    assert_true(world_run(w, 500));
    assert_runs(w, "work", app);
    assert_true(world_log_has(w, "work: filtering sensor/raw"));
    for (uint16_t id = wb_store_image_next(&w->store, 0); id != 0;
         id = wb_store_image_next(&w->store, id)) {
        images++;
    }
    assert_int_equal(images, 1); /* the old one is gone */
}

static void removes_what_is_not_wanted(void **state)
{
    struct world *w = &world;
    struct world_app *app;

    (void)state;
    world_init(w);
    want(w, "one", "hello", 1024);
    app = want(w, "two", "hello", 1024);
    assert_true(world_run(w, 500));
    world_app_remove(w, "one");
    gateway_desired(w);
    assert_true(world_run(w, 500));
    assert_true(world_log_has(w, "one: removed"));
    assert_runs(w, "two", app); /* shares the image */
    world_app_remove(w, "two");
    gateway_desired(w);
    assert_true(world_run(w, 500));
    assert_int_equal(wb_agent_arena_free(&w->agent), WORLD_ARENA);
    assert_int_equal(wb_store_image_next(&w->store, 0), 0);
    assert_int_equal(wb_store_next(&w->store, WB_AGENT_RECORD_BOOTS), 0);
    assert_ok(world_boot(w));
    assert_int_equal(wb_agent_arena_free(&w->agent), WORLD_ARENA);
}

static void replaces_all_slots_at_once(void **state)
{
    struct world *w = &world;
    static const char *const names[] = {"a", "b", "c", "d", "e", "f"};

    (void)state;
    world_init(w);
    for (int i = 0; i < 3; i++) {
        want(w, names[i], "hello", 1024);
    }
    assert_true(world_run(w, 500));
    for (int i = 0; i < 3; i++) {
        world_app_remove(w, names[i]);
    }
    for (int i = 3; i < 6; i++) {
        want(w, names[i], "hello", 1024);
    }
    assert_true(world_run(w, 500));
    for (int i = 3; i < 6; i++) {
        assert_int_equal(world_status(w, names[i])->phase, WB_PROTOCOL_APP_RUNNING);
    }
}

static void one_more_than_slots_is_refused(void **state)
{
    struct world *w = &world;

    (void)state;
    world_init(w);
    want(w, "a", "hello", 1024);
    want(w, "b", "hello", 1024);
    want(w, "c", "hello", 1024);
    want(w, "d", "hello", 1024);
    assert_true(world_run(w, 500));
    assert_int_equal(world_status(w, "a")->phase, WB_PROTOCOL_APP_RUNNING);
    assert_int_equal(world_status(w, "d")->phase, WB_PROTOCOL_APP_FAILED);
    assert_non_null(strstr(world_status(w, "d")->message, "slots"));
}

static void back_to_the_running_version_before_the_new_one_came(void **state)
{
    struct world *w = &world;
    struct world_app *app;
    struct world_app before;

    (void)state;
    world_init(w);
    app = want(w, "work", "hello", 1024);
    assert_true(world_run(w, 500));
    before = *app;
    w->chunk_error = "not yet";
    want(w, "work", "filter", 1024);
    assert_true(world_run(w, 500));
    assert_non_null(strstr(world_status(w, "work")->message, "not yet"));
    w->chunk_error = NULL;
    *app = before;
    gateway_desired(w);
    assert_true(world_run(w, 500));
    assert_runs(w, "work", app);
    assert_int_equal(world_log_count(w, "Hello, world! #1"), 1); /* it was never stopped */
}

static void small_chunks_and_small_pieces_work(void **state)
{
    struct world *w = &world;
    struct world_app *app;

    (void)state;
    world_init(w);
    w->piece = 1;
    w->chunk_max = 37;
    app = want(w, "work", "filter", 1024);
    assert_true(world_run(w, 1000));
    assert_runs(w, "work", app);
}

/* ---- host functions -------------------------------------------------------------------------- */

static void data_send(struct world *w, const char *app, const char *topic, const void *bytes,
                      size_t len)
{
    struct wb_protocol_message m = {.type = WB_PROTOCOL_DATA};

    m.u.publish.app = wb_protocol_text(app);
    m.u.publish.topic = wb_protocol_text(topic);
    m.u.publish.payload = (struct wb_cbor_bytes){bytes, len};
    gateway_send(w, &m);
}

static void filter_filters(void **state)
{
    struct world *w = &world;
    static const int32_t raw[] = {100, 100, 9000, 100, 100, 100, 100, 100};

    (void)state;
    world_init(w);
    want(w, "filter", "filter", 1024)->env = "REPORT_MS=1000";
    assert_true(world_run(w, 500));
    assert_int_equal(w->subscribes, 1);
    for (size_t i = 0; i < WB_ARRAY_LEN(raw); i++) {
        uint8_t bytes[4] = {(uint8_t)raw[i], (uint8_t)(raw[i] >> 8), 0, 0};

        data_send(w, "filter", "sensor/raw", bytes, 4);
        assert_true(world_run(w, 10));
    }
    assert_int_equal(w->publishes, WB_ARRAY_LEN(raw));
    assert_string_equal(w->topic, "sensor/filtered");
    assert_int_equal(w->payload_len, 4);
    assert_int_equal(w->payload[0], 100); /* the spike is gone */
    assert_int_equal(w->payload[1], 0);
    assert_true(world_run(w, 1000));
    assert_true(world_log_has(w, "8 readings, raw 100, filtered 100"));
    data_send(w, "filter", "sensor/raw", "abc", 3);
    data_send(w, "filter", "sensor/other", "abcd", 4);
    data_send(w, "nobody", "sensor/raw", "abcd", 4);
    assert_true(world_run(w, 100));
    assert_true(world_log_has(w, "has not 4 bytes"));
    assert_int_equal(w->publishes, WB_ARRAY_LEN(raw));
}

static void sensor_publishes(void **state)
{
    struct world *w = &world;

    (void)state;
    world_init(w);
    want(w, "sensor", "sensor", 1024)->env = "PERIOD_MS=100";
    assert_true(world_run(w, 10100));
    assert_in_range(w->publishes, 95, 101);
    assert_string_equal(w->topic, "sensor/raw");
    assert_int_equal(w->payload_len, 4);
}

static void every_host_function_answers(void **state)
{
    struct world *w = &world;
    struct world_app *app;

    (void)state;
    world_init(w);
    app = want(w, "calls", "calls", 2048);
    app->arg = "hello";
    app->env = "LIMIT=42";
    assert_true(world_run(w, 500));
    assert_runs(w, "calls", app);
    assert_false(world_log_has(w, "WRONG"));
    assert_true(world_log_has(w, "calls: initialized"));
    assert_true(world_log_has(w, "calls: timer"));
    assert_true(world_log_has(w, "calls: bad ?? bytes"));
    data_send(w, "calls", "t/a", "seven", 5);
    assert_true(world_run(w, 100));
    assert_false(world_log_has(w, "WRONG"));
    assert_true(world_log_has(w, "calls: seven"));
    assert_string_equal(w->topic, "t/back");
    assert_memory_equal(w->payload, "seven", 5);
}

static void wasi_programs_run(void **state)
{
    struct world *w = &world;
    struct world_app *app;

    (void)state;
    world_init(w);
    app = want(w, "wasi", "wasi", 2048);
    app->arg = "first";
    app->env = "KEY=value";
    app->restart = WB_PROTOCOL_RESTART_NEVER;
    assert_true(world_run(w, 1000));
    assert_true(world_log_has(w, "wasi: wasi first KEY=value"));
    assert_true(world_log_has(w, "wasi: done"));
    assert_int_equal(world_status(w, "wasi")->phase, WB_PROTOCOL_APP_FAILED);
    assert_string_equal(world_status(w, "wasi")->message, "exited with code 3");
    assert_int_equal(world_status(w, "wasi")->restarts, 0);
}

static void traps_are_told_and_restarted_with_back_off(void **state)
{
    struct world *w = &world;

    (void)state;
    world_init(w);
    want(w, "trap", "trap", 1024);
    assert_true(world_run(w, 500));
    assert_int_equal(w->traps, 1);
    assert_non_null(strstr(w->trap_reason, "unreachable (function "));
    assert_true(w->trap_places >= 1);
    assert_int_equal(world_status(w, "trap")->phase, WB_PROTOCOL_APP_FAILED);
    assert_non_null(strstr(world_status(w, "trap")->message, "trap: unreachable (function"));
    assert_true(world_run(w, 40000)); /* 1 + 2 + 4 + 8 + 16 s */
    assert_int_equal(w->traps, 6);
    assert_int_equal(world_status(w, "trap")->restarts, 5);
    assert_int_equal(wb_agent_arena_free(&w->agent), WORLD_ARENA);
}

static void restart_policy_never_is_kept(void **state)
{
    struct world *w = &world;

    (void)state;
    world_init(w);
    want(w, "trap", "trap", 1024)->restart = WB_PROTOCOL_RESTART_NEVER;
    assert_true(world_run(w, 100000));
    assert_int_equal(w->traps, 1);
    assert_int_equal(world_status(w, "trap")->phase, WB_PROTOCOL_APP_FAILED);
}

static void access_beyond_backed_memory_is_a_trap_with_its_reason(void **state)
{
    struct world *w = &world;

    (void)state;
    world_init(w);
    want(w, "beyond", "beyond", 1024);
    assert_true(world_run(w, 500));
    assert_non_null(strstr(world_status(w, "beyond")->message, "memory not backed: 1024 of 65536"));
    assert_non_null(strstr(world_status(w, "beyond")->message, "raise resources.memory"));
}

static void an_endless_loop_leaves_the_others_running(void **state)
{
    struct world *w = &world;
    struct world_app *app;

    (void)state;
    world_init(w);
    want(w, "spin", "spin", 1024);
    app = want(w, "hello", "hello", 1024);
    app->env = "INTERVAL_MS=100";
    assert_true(world_run(w, 300));
    assert_runs(w, "hello", app);
    assert_true(world_log_has(w, "hello: Hello, world! #2"));
    assert_true(w->heartbeats >= 1);
}

static void fuel_per_second_is_a_limit(void **state)
{
    struct world *w = &world;
    uint64_t before;

    (void)state;
    world_init(w);
    want(w, "spin", "spin", 1024)->fuel_per_s = 10000;
    assert_true(world_run(w, 10000));
    before = world_status(w, "spin")->fuel;
    assert_true(world_run(w, 10000));
    /* Ten seconds of fuel; a slice may overshoot by one batch. */
    assert_in_range(world_status(w, "spin")->fuel - before, 90000, 120000);
}

/* ---- commands -------------------------------------------------------------------------------- */

static void commands_are_carried_out(void **state)
{
    struct world *w = &world;
    struct wb_protocol_message m = {.type = WB_PROTOCOL_COMMAND};

    (void)state;
    world_init(w);
    want(w, "hello", "hello", 1024);
    assert_true(world_run(w, 500));
    m.u.command.action = WB_PROTOCOL_IDENTIFY;
    gateway_send(w, &m);
    m.u.command.action = 99; /* of a newer gateway */
    gateway_send(w, &m);
    m.u.command.action = WB_PROTOCOL_RESTART_APP;
    m.u.command.app = wb_protocol_text("hello");
    gateway_send(w, &m);
    m.u.command.app = wb_protocol_text("nobody");
    gateway_send(w, &m);
    assert_true(world_run(w, 500));
    assert_int_equal(w->identifies, 1);
    assert_int_equal(w->resets, 0);
    assert_int_equal(world_log_count(w, "Hello, world! #1"), 2);
    assert_int_equal(world_status(w, "hello")->restarts, 1);
    m.u.command.action = WB_PROTOCOL_RESTART_DEVICE;
    m.u.command.app = (struct wb_cbor_text){0};
    gateway_send(w, &m);
    assert_true(world_run(w, 100));
    assert_int_equal(w->resets, 1);
    assert_int_equal(w->closes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connects_and_introduces_itself),
        cmocka_unit_test(learns_the_time_from_welcome),
        cmocka_unit_test(backs_off_while_there_is_no_gateway),
        cmocka_unit_test(gives_up_a_gateway_that_does_not_answer_hello),
        cmocka_unit_test(refuses_a_gateway_of_another_ca),
        cmocka_unit_test(says_what_provisioning_is_missing),
        cmocka_unit_test(refuses_provisioning_that_contradicts_itself),
        cmocka_unit_test(refuses_buffers_below_their_least),
        cmocka_unit_test(installs_and_runs_hello),
        cmocka_unit_test(runs_from_flash_without_a_gateway),
        cmocka_unit_test(changed_configuration_restarts_without_fetching),
        cmocka_unit_test(same_set_again_changes_nothing),
        cmocka_unit_test(updates_to_another_module),
        cmocka_unit_test(removes_what_is_not_wanted),
        cmocka_unit_test(replaces_all_slots_at_once),
        cmocka_unit_test(one_more_than_slots_is_refused),
        cmocka_unit_test(back_to_the_running_version_before_the_new_one_came),
        cmocka_unit_test(small_chunks_and_small_pieces_work),
        cmocka_unit_test(filter_filters),
        cmocka_unit_test(sensor_publishes),
        cmocka_unit_test(every_host_function_answers),
        cmocka_unit_test(wasi_programs_run),
        cmocka_unit_test(traps_are_told_and_restarted_with_back_off),
        cmocka_unit_test(restart_policy_never_is_kept),
        cmocka_unit_test(access_beyond_backed_memory_is_a_trap_with_its_reason),
        cmocka_unit_test(an_endless_loop_leaves_the_others_running),
        cmocka_unit_test(fuel_per_second_is_a_limit),
        cmocka_unit_test(commands_are_carried_out),
    };

    modules_need();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
