/* SPDX-License-Identifier: AGPL-3.0-only */
/* The firmware of each board on its own: what it does with a blank, a foreign and its own flash,
 * and that it sleeps. With a gateway it is tested end to end, elsewhere. Needs
 * build/<board>/firmware.elf
 * (`make firmware`) and QEMU; else skipped aloud. WB_BOARD_BUILDS names another folder than
 * ../../build. */
#include "wb_test.h"

#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "board.h"
#include "util.h"

#define WAIT_MS 20000u

static const char *type;
static char firmware[512];
static char flash_path[64];
static char log_path[64];
static struct board board;

static void start(void)
{
    const struct wb_launcher_board_options options = {
        .type = type, .firmware = firmware, .flash = flash_path, .log = log_path, .name = type};
    assert_int_equal(board_open(&board, &options), WB_LAUNCHER_OK);
    assert_int_equal(board_start(&board, util_now()), WB_LAUNCHER_OK);
}

/* Serves console and flash for a while; the link stays unanswered. */
static void serve(wb_ms ms)
{
    uint8_t drop[512];
    for (wb_ms end = util_now() + ms; util_now() < end;) {
        struct pollfd fds[2] = {{.fd = board.qemu.console_fd, .events = POLLIN},
                                {.fd = board.qemu.link_fd, .events = POLLIN}};
        poll(fds, 2, util_timeout(end, util_now()));
        if (fds[0].revents != 0) {
            board_console(&board, util_now());
        }
        if (fds[1].revents != 0) {
            (void)!read(board.qemu.link_fd, drop, sizeof drop);
        }
        assert_int_equal(board_tick(&board, util_now()), WB_LAUNCHER_OK);
        assert_true(board.qemu.pid > 0);
    }
}

static bool log_has(const char *text)
{
    char line[256];
    bool found = false;
    FILE *f = fopen(log_path, "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f) != NULL) {
        found = found || strstr(line, text) != NULL;
    }
    fclose(f);
    return found;
}

static void await_line(const char *text)
{
    for (wb_ms end = util_now() + WAIT_MS; !log_has(text);) {
        assert_true(util_now() < end);
        serve(10);
    }
}

static int setup(void **state)
{
    (void)state;
    unlink(flash_path);
    unlink(log_path);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    board_close(&board);
    unlink(flash_path);
    unlink(log_path);
    return 0;
}

static void blank_flash_is_formatted_and_provisioning_is_asked_for(void **state)
{
    (void)state;
    start();
    await_line("start: power-on");
    await_line("store is blank: formatting it");
    await_line("not provisioned");
    assert_true(board.chip.programs > 0);
}

static void own_flash_is_taken_as_it_is_and_the_start_is_counted(void **state)
{
    (void)state;
    start();
    await_line("not provisioned");
    board_close(&board);
    unlink(log_path);
    start();
    await_line("not provisioned");
    assert_false(log_has("formatting"));
    assert_true(board.chip.programs > 0);
}

static void foreign_flash_is_left_alone(void **state)
{
    (void)state;
    static uint8_t foreign[4096];
    FILE *f = fopen(flash_path, "wb");
    memset(foreign, 0x55, sizeof foreign);
    assert_int_equal(fwrite(foreign, 1, sizeof foreign, f), sizeof foreign);
    fclose(f);
    start();
    await_line("error store:");
    serve(100);
    assert_int_equal(board.chip.programs, 0);
    assert_int_equal(board.chip.erases, 0);
}

static void idle_board_costs_nothing(void **state)
{
    (void)state;
    char path[64];
    unsigned long user[2];
    unsigned long system[2];
    start();
    await_line("not provisioned");
    snprintf(path, sizeof path, "/proc/%d/stat", (int)board.qemu.pid);
    for (int i = 0; i < 2; i++) {
        char text[1024];
        FILE *f = fopen(path, "r");
        assert_non_null(f);
        text[fread(text, 1, sizeof text - 1, f)] = 0;
        fclose(f);
        assert_int_equal(sscanf(strrchr(text, ')') + 1,
                                " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user[i],
                                &system[i]),
                         2);
        if (i == 0) {
            serve(3000);
        }
    }
    unsigned long ms =
        (user[1] + system[1] - user[0] - system[0]) * 1000 / (unsigned long)sysconf(_SC_CLK_TCK);
    printf("%s: %lu ms of processor time in 3000 ms\n", type, ms);
    assert_true(ms <= 60);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    static const char *const types[] = {"hifive1", "cortex-m"};
    const struct CMUnitTest tests[] = {
        CASE(blank_flash_is_formatted_and_provisioning_is_asked_for),
        CASE(own_flash_is_taken_as_it_is_and_the_start_is_counted),
        CASE(foreign_flash_is_left_alone),
        CASE(idle_board_costs_nothing),
    };
    const char *builds = getenv("WB_BOARD_BUILDS");
    int failed = 0;
    int run = 0;
    for (size_t i = 0; i < WB_ARRAY_LEN(types); i++) {
        struct stat st;
        char command[128];
        type = types[i];
        snprintf(firmware, sizeof firmware, "%s/%s/firmware.elf",
                 builds == NULL ? "../../build" : builds, type);
        snprintf(flash_path, sizeof flash_path, "/tmp/wb-firmware-%s-%d.bin", type, (int)getpid());
        snprintf(log_path, sizeof log_path, "/tmp/wb-firmware-%s-%d.log", type, (int)getpid());
        snprintf(command, sizeof command, "command -v %s >/dev/null 2>&1",
                 qemu_machine_find(type)->program);
        if (stat(firmware, &st) != 0) {
            printf("skipped %s: no %s (`make firmware` builds it)\n", type, firmware);
            continue;
        }
        if (system(command) != 0) {
            printf("skipped %s: no %s (apt-get install %s)\n", type,
                   qemu_machine_find(type)->program, qemu_machine_find(type)->package);
            continue;
        }
        failed += cmocka_run_group_tests_name(type, tests, NULL, NULL);
        run++;
    }
    return run == 0 ? WB_TEST_SKIPPED : failed;
}
