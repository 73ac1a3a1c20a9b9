/* SPDX-License-Identifier: AGPL-3.0-only */
/* What the agent refuses, and that the version before keeps running: bad modules, bad signatures,
 * too little room, a gateway that sends nonsense. */
#include "world.h"

static struct world world;

static struct world_app *want(struct world *w, const char *name, const char *module,
                              uint32_t memory)
{
    size_t len;
    const uint8_t *bytes = module_read(module, &len);
    struct world_app *app = world_app(w, name, bytes, len, memory);

    gateway_desired(w);
    return app;
}

static struct world_app old_app;

/* A device on which the application "work" is hello, counting. */
static void begin(struct world *w)
{
    struct world_app *app;

    world_init(w);
    app = want(w, "work", "hello", 1024);
    app->env = "INTERVAL_MS=100";
    old_app = *app;
    assert_true(world_run(w, 500));
    assert_true(world_log_has(w, "work: Hello, world! #5"));
}

/* The update failed for a reason with these words; the old version was never stopped. */
static void assert_refused(struct world *w, const char *words, const char *more_words)
{
    struct world_status *status = world_status(w, "work");
    char line[64];

    if (strstr(status->message, words) == NULL || strstr(status->message, more_words) == NULL) {
        fail_msg("message is \"%s\", wanted \"%s\" and \"%s\"", status->message, words, more_words);
    }
    assert_non_null(strstr(status->message, "update failed, the version before runs on: "));
    assert_int_equal(status->phase, WB_PROTOCOL_APP_FAILED);
    assert_memory_equal(status->digest, w->apps[0].digest, 32);
    assert_int_equal(status->revision, w->apps[0].revision);
    assert_true(status->has_running);
    assert_memory_equal(status->running, old_app.digest, 32);
    assert_int_equal(world_log_count(w, "Hello, world! #1"), 1 + 10); /* #1, #10 to #19 */
    snprintf(line, sizeof(line), "Hello, world! #%d", 21);
    assert_true(world_log_has(w, line));
    /* And after a reboot without gateway, too. */
    w->is_link_possible = false;
    world_cut(w);
    w->console_len = 0;
    assert_ok(world_boot(w));
    assert_true(world_run(w, 300));
    assert_non_null(strstr(w->console, "work: Hello, world! #2"));
}

static void update_with(struct world *w, const uint8_t *module, size_t len)
{
    world_app(w, "work", module, len, 1024);
    gateway_desired(w);
    assert_true(world_run(w, 1620));
}

/* (module (func (export "_start") BODY)) */
static const uint8_t mismatch[] = {
    0,  'a', 's', 'm', 1,   0,    0,   0,   1,   4,   1,    0x60, 0, 0, /* type */
    3,  2,   1,   0,                                                    /* function */
    7,  10,  1,   6,   '_', 's',  't', 'a', 'r', 't', 0,    0,          /* export */
    10, 10,  1,   8,   0,   0x43, 0,   0,   0,   0,   0x45, 0x0b,       /* code */
};

static const uint8_t no_exports[] = {
    0, 'a', 's', 'm', 1, 0, 0, 0, 1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0, 10, 4, 1, 2, 0, 0x0b,
};

static void module_of_another_type(void **state)
{
    (void)state;
    begin(&world);
    update_with(&world, mismatch, sizeof(mismatch));
    assert_refused(&world, "invalid module: ", "(function 0, offset ");
}

static void module_that_is_cut(void **state)
{
    size_t len;
    const uint8_t *module = module_read("filter", &len);

    (void)state;
    begin(&world);
    update_with(&world, module, len - 100);
    assert_refused(&world, "invalid module: ", "offset");
}

static void module_that_is_no_module(void **state)
{
    (void)state;
    begin(&world);
    update_with(&world, (const uint8_t *)"#!/bin/sh\nexit 0\n", 17);
    assert_refused(&world, "invalid module: ", "offset 0");
}

static void module_with_an_unknown_import(void **state)
{
    size_t len;
    const uint8_t *module = module_read("unknown_import", &len);

    (void)state;
    begin(&world);
    update_with(&world, module, len);
    assert_refused(&world, "unknown import wasmbed.no_such_function",
                   "this firmware does not offer it");
}

static void module_with_nothing_to_run(void **state)
{
    (void)state;
    begin(&world);
    update_with(&world, no_exports, sizeof(no_exports));
    assert_refused(&world, "nothing to run", "export _start");
}

static void module_that_needs_too_much_memory(void **state)
{
    size_t len;
    const uint8_t *module = module_read("filter", &len);

    (void)state;
    begin(&world);
    world_app(&world, "work", module, len, 0); /* all that it declares: a page */
    gateway_desired(&world);
    assert_true(world_run(&world, 1620));
    assert_refused(&world, "bytes of RAM, this device has ", "set a lower resources.memory");
}

static void module_that_is_too_large_for_the_flash(void **state)
{
    static uint8_t module[300000];
    struct wb_writer w;

    (void)state;
    begin(&world);
    wb_writer_init(&w, module, sizeof(module));
    wb_write_bytes(&w, "\0asm\1\0\0\0\5\3\1\0\1", 13);
    wb_write_bytes(&w, "\x0b\xa8\xef\x0f\1\0\x41\0\x0b\xa0\xef\x0f",
                   12); /* 260,000 bytes of data */
    w.len += 260000;
    assert_ok(w.err);
    update_with(&world, module, w.len);
    assert_refused(&world, "no room in flash", "remove an application");
}

static void module_without_signature(void **state)
{
    size_t len;
    const uint8_t *module = module_read("filter", &len);

    (void)state;
    begin(&world);
    world.fetches = 0;
    world_app(&world, "work", module, len, 1024)->signature_len = 0;
    gateway_desired(&world);
    assert_true(world_run(&world, 1620));
    assert_int_equal(world.fetches, 0); /* not even fetched */
    assert_refused(&world, "module is not signed", "wasmbed sign");
}

static void module_signed_by_a_stranger(void **state)
{
    size_t len;
    const uint8_t *module = module_read("filter", &len);

    (void)state;
    begin(&world);
    memset(world.publisher_key, 0x66, 32);
    wb_ed25519_public_key(world.publisher_public_key, world.publisher_key);
    update_with(&world, module, len);
    assert_refused(&world, "signature is not a known publisher's", "wasmbed sign");
}

static void signature_of_another_module(void **state)
{
    size_t len;
    const uint8_t *module = module_read("filter", &len);
    struct world_app *app;

    (void)state;
    begin(&world);
    app = world_app(&world, "work", module, len, 1024);
    memcpy(app->signature, old_app.signature, sizeof(app->signature));
    gateway_desired(&world);
    assert_true(world_run(&world, 1620));
    assert_refused(&world, "signature is not a known publisher's", "wasmbed sign");
}

static void bytes_other_than_those_signed(void **state)
{
    static uint8_t other[16384];
    size_t len;
    const uint8_t *module = module_read("filter", &len);
    struct world_app *app;

    (void)state;
    begin(&world);
    app = world_app(&world, "work", module, len, 1024);
    memcpy(other, module, len);
    other[len - 1] ^= 1; /* a letter in the data section: valid, but not what was signed */
    app->module = other;
    gateway_desired(&world);
    assert_true(world_run(&world, 1620));
    assert_refused(&world, "is not the one that was signed", "SHA-256 differs");
}

static void gateway_without_the_module(void **state)
{
    size_t len;
    const uint8_t *module = module_read("filter", &len);

    (void)state;
    begin(&world);
    world.chunk_error = "out of stock";
    update_with(&world, module, len);
    assert_refused(&world, "gateway cannot send the module: out of stock", "");
}

static void a_passing_failure_is_tried_again(void **state)
{
    size_t len;
    const uint8_t *module = module_read("filter", &len);
    struct world_app *app;

    (void)state;
    begin(&world);
    world.chunk_error = "out of stock";
    app = world_app(&world, "work", module, len, 1024);
    gateway_desired(&world);
    assert_true(world_run(&world, 500));
    world.chunk_error = NULL;
    assert_true(world_run(&world, 61000));
    assert_int_equal(world_status(&world, "work")->phase, WB_PROTOCOL_APP_RUNNING);
    assert_memory_equal(world_status(&world, "work")->digest, app->digest, 32);
    assert_string_equal(world_status(&world, "work")->message, "");
}

static void a_lasting_failure_is_not_fetched_again(void **state)
{
    uint32_t fetches;

    (void)state;
    begin(&world);
    update_with(&world, mismatch, sizeof(mismatch));
    fetches = world.fetches;
    gateway_desired(&world);
    assert_true(world_run(&world, 200000));
    world_cut(&world);
    assert_true(world_run(&world, 20000));
    assert_true(world.links >= 2);
    assert_int_equal(world.fetches, fetches);
    assert_non_null(strstr(world_status(&world, "work")->message, "invalid module"));
}

static void first_version_that_fails_says_so(void **state)
{
    struct world_status *status;

    (void)state;
    world_init(&world);
    want(&world, "bad", "unknown_import", 1024);
    assert_true(world_run(&world, 500));
    status = world_status(&world, "bad");
    assert_int_equal(status->phase, WB_PROTOCOL_APP_FAILED);
    assert_non_null(strstr(status->message, "unknown import wasmbed.no_such_function"));
    assert_null(strstr(status->message, "update failed"));
    assert_memory_equal(status->digest, world.apps[0].digest, 32);
    /* Its replacement works. */
    want(&world, "bad", "hello", 1024);
    assert_true(world_run(&world, 500));
    assert_int_equal(status->phase, WB_PROTOCOL_APP_RUNNING);
    assert_string_equal(status->message, "");
}

static void no_memory_for_a_second_application(void **state)
{
    struct world_status *status;

    (void)state;
    world_init(&world);
    want(&world, "one", "hello", 6000);
    want(&world, "two", "hello", 6000);
    assert_true(world_run(&world, 500));
    status = world_status(&world, "two");
    assert_int_equal(world_status(&world, "one")->phase, WB_PROTOCOL_APP_RUNNING);
    assert_int_equal(status->phase, WB_PROTOCOL_APP_FAILED);
    assert_non_null(strstr(status->message, "bytes of RAM"));
    /* Room is made: the next set tries again. */
    world_app_remove(&world, "one");
    gateway_desired(&world);
    assert_true(world_run(&world, 500));
    assert_int_equal(status->phase, WB_PROTOCOL_APP_RUNNING);
}

/* ---- a gateway that sends nonsense
 * ------------------------------------------------------------------ */

static void assert_session_ends(struct world *w, const char *words)
{
    uint32_t closes = w->closes;

    assert_true(world_run(w, 50));
    assert_int_equal(w->closes, closes + 1);
    assert_non_null(strstr(w->console, words));
    /* It costs nothing else: the application runs on, the next session works. */
    assert_true(world_run(w, 20000));
    assert_true(w->links >= 2);
    assert_true(wb_agent_session_is_ready(&w->agent));
    assert_int_equal(world_status(w, "work")->phase, WB_PROTOCOL_APP_RUNNING);
    assert_int_equal(world_status(w, "work")->restarts, 0);
}

static void malformed_message_ends_the_session(void **state)
{
    (void)state;
    begin(&world);
    gateway_send_raw(&world, "\0\5\x82\x18\x22\xa1\1", 7);
    assert_session_ends(&world, "malformed message");
}

static void message_over_the_limit_ends_the_session(void **state)
{
    (void)state;
    begin(&world);
    gateway_send_raw(&world, "\2\1", 2); /* 513 bytes */
    assert_session_ends(&world, "over this device's limit");
}

static void empty_message_ends_the_session(void **state)
{
    (void)state;
    begin(&world);
    gateway_send_raw(&world, "\0\0", 2);
    assert_session_ends(&world, "over this device's limit");
}

static void message_of_a_device_ends_the_session(void **state)
{
    struct wb_protocol_message m = {.type = WB_PROTOCOL_DESIRED_ACK};

    (void)state;
    begin(&world);
    m.u.desired_ack.generation = 1;
    gateway_send(&world, &m);
    assert_session_ends(&world, "desired-ack");
}

static void second_welcome_ends_the_session(void **state)
{
    struct wb_protocol_message m = {.type = WB_PROTOCOL_WELCOME};

    (void)state;
    begin(&world);
    m.u.welcome.unix_ms = 1;
    m.u.welcome.heartbeat_ms = 1;
    m.u.welcome.frame_max = 512;
    gateway_send(&world, &m);
    assert_session_ends(&world, "welcome");
}

static void unknown_messages_are_ignored(void **state)
{
    (void)state;
    begin(&world);
    /* [99, {1: 1}] */
    gateway_send_raw(&world, "\0\6\x82\x18\x63\xa1\1\1", 8);
    assert_true(world_run(&world, 100));
    assert_int_equal(world.closes, 0);
}

static void set_with_a_gap_changes_nothing(void **state)
{
    struct wb_protocol_message m = {.type = WB_PROTOCOL_DESIRED};

    (void)state;
    begin(&world);
    m.u.desired.generation = 50;
    m.u.desired.index = 1;
    m.u.desired.count = 3;
    m.u.desired.app.name = wb_protocol_text("other");
    m.u.desired.app.digest = old_app.digest;
    m.u.desired.app.size = 100;
    m.u.desired.app.revision = 1;
    gateway_send(&world, &m); /* without index 0 */
    m.u.desired.index = 0;
    gateway_send(&world, &m);
    m.u.desired.index = 2; /* without index 1 */
    gateway_send(&world, &m);
    assert_true(world_run(&world, 500));
    assert_true(world_log_has(&world, "a part of the desired state is missing"));
    assert_int_equal(world.acks, 1);
    assert_int_equal(world_status(&world, "other")->count, 0);
    assert_int_equal(world_status(&world, "work")->phase, WB_PROTOCOL_APP_RUNNING);
    gateway_desired(&world);
    assert_true(world_run(&world, 500));
    assert_int_equal(world.acks, 2);
}

static void chunks_nobody_asked_for_are_ignored(void **state)
{
    struct wb_protocol_message m = {.type = WB_PROTOCOL_CHUNK};

    (void)state;
    begin(&world);
    m.u.chunk.digest = old_app.digest;
    m.u.chunk.data = (struct wb_cbor_bytes){old_app.module, 100};
    gateway_send(&world, &m);
    m.u.chunk.offset = 1u << 31;
    gateway_send(&world, &m);
    assert_true(world_run(&world, 500));
    assert_int_equal(world.closes, 0);
    assert_int_equal(world_status(&world, "work")->phase, WB_PROTOCOL_APP_RUNNING);
}

static void more_bytes_than_the_module_has(void **state)
{
    size_t len;
    const uint8_t *module = module_read("filter", &len);
    struct world_app *app;

    (void)state;
    begin(&world);
    app = world_app(&world, "work", module, len, 1024);
    app->module_len = 100; /* tells 100, sends what is asked for: then it is cut */
    gateway_desired(&world);
    assert_true(world_run(&world, 1620));
    assert_refused(&world, "is not the one that was signed", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(module_of_another_type),
        cmocka_unit_test(module_that_is_cut),
        cmocka_unit_test(module_that_is_no_module),
        cmocka_unit_test(module_with_an_unknown_import),
        cmocka_unit_test(module_with_nothing_to_run),
        cmocka_unit_test(module_that_needs_too_much_memory),
        cmocka_unit_test(module_that_is_too_large_for_the_flash),
        cmocka_unit_test(module_without_signature),
        cmocka_unit_test(module_signed_by_a_stranger),
        cmocka_unit_test(signature_of_another_module),
        cmocka_unit_test(bytes_other_than_those_signed),
        cmocka_unit_test(gateway_without_the_module),
        cmocka_unit_test(a_passing_failure_is_tried_again),
        cmocka_unit_test(a_lasting_failure_is_not_fetched_again),
        cmocka_unit_test(first_version_that_fails_says_so),
        cmocka_unit_test(no_memory_for_a_second_application),
        cmocka_unit_test(malformed_message_ends_the_session),
        cmocka_unit_test(message_over_the_limit_ends_the_session),
        cmocka_unit_test(empty_message_ends_the_session),
        cmocka_unit_test(message_of_a_device_ends_the_session),
        cmocka_unit_test(second_welcome_ends_the_session),
        cmocka_unit_test(unknown_messages_are_ignored),
        cmocka_unit_test(set_with_a_gap_changes_nothing),
        cmocka_unit_test(chunks_nobody_asked_for_are_ignored),
        cmocka_unit_test(more_bytes_than_the_module_has),
    };

    modules_need();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
