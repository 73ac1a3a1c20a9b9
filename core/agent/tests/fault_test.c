/* SPDX-License-Identifier: AGPL-3.0-only */
/* The link is lost after any byte, power after any flash operation: the device always comes back,
 * runs the old version or the new one, whole, and reaches what the gateway wants. */
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

static void assert_reached(struct world *w, const char *name, const struct world_app *app)
{
    struct world_status *status = world_status(w, name);

    assert_int_equal(status->phase, WB_PROTOCOL_APP_RUNNING);
    assert_memory_equal(status->digest, app->digest, 32);
    assert_string_equal(status->message, "");
}

/* Installs hello, then goes to filter; the link is cut once during that. */
static void cut_once(struct world *w, uint64_t down_at, uint64_t up_at, bool *was_cut)
{
    struct world_app *app;

    world_init(w);
    w->cut_down_at = down_at;
    w->cut_up_at = up_at;
    want(w, "work", "hello", 1024)->env = "INTERVAL_MS=50";
    assert_true(world_run(w, 200));
    app = want(w, "work", "filter", 1024);
    app->env = NULL;
    assert_true(world_run(w, 5000));
    *was_cut = w->cut_down_at == UINT64_MAX && w->cut_up_at == UINT64_MAX;
    assert_reached(w, "work", app);
    assert_true(world_log_has(w, "filtering sensor/raw"));
    assert_int_equal(world_status(w, "work")->restarts, 0);
}

static void link_lost_after_any_byte_to_the_device(void **state)
{
    uint64_t at = 1;
    bool was_cut = true;

    (void)state;
    world.piece = 0;
    for (; was_cut; at += at < 700 ? 97 : 211) {
        cut_once(&world, at, UINT64_MAX, &was_cut);
    }
    printf("cuts up to byte %lu\n", (unsigned long)at);
    assert_true(at > 4000);
}

static void link_lost_after_any_byte_to_the_gateway(void **state)
{
    uint64_t at = 1;
    bool was_cut = true;

    (void)state;
    for (; was_cut; at += at < 700 ? 97 : 211) {
        cut_once(&world, UINT64_MAX, at, &was_cut);
    }
    printf("cuts up to byte %lu\n", (unsigned long)at);
    assert_true(at > 1500);
}

static void fetching_goes_on_where_it_was(void **state)
{
    struct world *w = &world;
    struct world_app *app;

    (void)state;
    world_init(w);
    w->is_link_possible = true;
    assert_true(world_run(w, 100));
    w->chunk_max = 200;
    w->cut_down_at = w->bytes_down + 2000;
    app = want(w, "work", "filter", 1024);
    assert_true(world_run(w, 5000));
    assert_int_equal(w->links, 2);
    assert_reached(w, "work", app);
    /* Chunks on their way when the link went are sent twice, the rest once. */
    assert_in_range(w->fetched, app->module_len, 3 * app->module_len);
    assert_int_equal(w->agent.handshake_block.len, 0);
}

static void a_full_arena_costs_the_progress_only(void **state)
{
    struct world *w = &world;
    struct world_app *app;

    (void)state;
    world_init(w);
    want(w, "big", "hello", 9700);
    assert_true(world_run(w, 100));
    assert_true(wb_agent_arena_free(&w->agent) < WB_TLS_WORK_CAP(WB_AGENT_CERTIFICATE_MAX));
    w->cut_down_at = w->bytes_down + 1500;
    world_app_remove(w, "big");
    app = want(w, "big", "filter", 1024);
    assert_true(world_run(w, 5000));
    assert_int_equal(w->links, 2);
    assert_reached(w, "big", app);
}

/* ---- power ------------------------------------------------------------------------------------
 */

static uint8_t flash_before[FLASH_SIZE];

/* From the same flash, cut power at operation n of the update; true when it happened. */
static bool power_cut(struct world *w, uint32_t n, const struct world_app *old,
                      struct world_app **app)
{
    bool is_cut;

    memcpy(w->nor.bytes, flash_before, FLASH_SIZE);
    world_app_remove(w, "work");
    memset(w->statuses, 0, sizeof(w->statuses));
    w->log_count = 0;
    w->console_len = 0;
    w->is_link_possible = true;
    assert_ok(world_boot(w));
    *app = want(w, "work", "filter", 1024);
    w->nor.ops_left = n;
    is_cut = !world_run(w, 3000);
    w->nor.is_dead = false;
    if (!is_cut) {
        w->nor.ops_left = UINT32_MAX;
        return false;
    }
    /* Power is back, the gateway is not: one of the two versions runs from flash. */
    w->is_link_possible = false;
    w->console_len = 0;
    assert_ok(world_boot(w));
    assert_true(world_run(w, 500));
    assert_true((strstr(w->console, "work: Hello, world! #2") != NULL) !=
                (strstr(w->console, "work: filtering sensor/raw") != NULL));
    /* The gateway is back: the device gets where it should be. */
    w->is_link_possible = true;
    assert_true(world_run(w, 60000));
    assert_reached(w, "work", *app);
    assert_memory_not_equal(old->digest, (*app)->digest, 32);
    return true;
}

static void power_lost_at_any_flash_operation(void **state)
{
    struct world *w = &world;
    struct world_app old, *app;
    uint32_t n = 0;

    (void)state;
    world_init(w);
    app = want(w, "work", "hello", 1024);
    app->env = "INTERVAL_MS=100";
    assert_true(world_run(w, 500));
    old = *app;
    memcpy(flash_before, w->nor.bytes, FLASH_SIZE);
    while (power_cut(w, n, &old, &app)) {
        n++;
    }
    printf("%u flash operations\n", n);
    assert_true(n > 10);
}

static void flash_that_fails_leaves_the_old_version_running(void **state)
{
    struct world *w = &world;
    struct world_app *app;

    (void)state;
    world_init(w);
    app = want(w, "work", "hello", 1024);
    app->env = "INTERVAL_MS=100";
    assert_true(world_run(w, 500));
    /* Every operation fails, but power stays. */
    want(w, "work", "filter", 1024);
    w->nor.ops_left = 0;
    for (int i = 0; i < 300; i++) {
        (void)world_run(w, 10); /* is_dead only says that an operation failed */
        w->nor.is_dead = false;
    }
    assert_true(world_log_has(w, "work: Hello, world! #15"));
    assert_int_equal(world_status(w, "work")->restarts, 0);
}

/* ---- damaged flash
 * --------------------------------------------------------------------------------- */

static void damaged_image_is_installed_anew(void **state)
{
    struct world *w = &world;
    struct world_app *app;
    struct wb_store_image image;

    (void)state;
    world_init(w);
    app = want(w, "work", "hello", 1024);
    assert_true(world_run(w, 500));
    assert_ok(wb_store_image_find(&w->store, wb_store_image_next(&w->store, 0), &image));
    w->nor.bytes[image.offset + image.size / 2] = 0;
    world_cut(w);
    w->fetches = 0;
    assert_ok(world_boot(w));
    assert_non_null(strstr(w->console, "it is removed and will be installed anew"));
    assert_true(world_run(w, 5000));
    assert_true(w->fetches > 0);
    assert_reached(w, "work", app);
}

/* ---- off line for long
 * -------------------------------------------------------------------------------- */

static void newest_lines_survive_being_offline(void **state)
{
    struct world *w = &world;
    struct world_app *app;

    (void)state;
    world_init(w);
    app = want(w, "work", "hello", 1024);
    app->env = "INTERVAL_MS=1000";
    assert_true(world_run(w, 500));
    world_cut(w);
    w->is_link_possible = false;
    world_logs_clear(w);
    assert_true(world_run(w, 3600 * 1000));
    w->is_link_possible = true;
    assert_true(world_run(w, 80 * 1000));
    assert_true(world_log_has(w, "Hello, world! #3679"));
    assert_false(world_log_has(w, "Hello, world! #1000"));
    assert_true(world_log_has(w, "log lines dropped"));
}

static void messages_beyond_the_inbox_are_counted(void **state)
{
    struct world *w = &world;
    uint8_t bytes[100] = {0};
    struct wb_protocol_message m = {.type = WB_PROTOCOL_DATA};

    (void)state;
    world_init(w);
    want(w, "calls", "calls", 2048);
    assert_true(world_run(w, 300));
    m.u.publish.app = wb_protocol_text("calls");
    m.u.publish.topic = wb_protocol_text("t/bb");
    m.u.publish.payload = (struct wb_cbor_bytes){bytes, sizeof(bytes)};
    for (int i = 0; i < 3; i++) {
        gateway_send(w, &m);
    }
    assert_true(world_run(w, 300));
    assert_true(world_log_has(w, "messages not delivered"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(link_lost_after_any_byte_to_the_device),
        cmocka_unit_test(link_lost_after_any_byte_to_the_gateway),
        cmocka_unit_test(fetching_goes_on_where_it_was),
        cmocka_unit_test(a_full_arena_costs_the_progress_only),
        cmocka_unit_test(power_lost_at_any_flash_operation),
        cmocka_unit_test(flash_that_fails_leaves_the_old_version_running),
        cmocka_unit_test(damaged_image_is_installed_anew),
        cmocka_unit_test(newest_lines_survive_being_offline),
        cmocka_unit_test(messages_beyond_the_inbox_are_counted),
    };

    modules_need();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
