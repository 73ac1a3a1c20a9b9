/* SPDX-License-Identifier: AGPL-3.0-only */
/* The HAL of each emulated board, one call after the other, through the real launcher parts: QEMU,
 * flash chip, console. Needs build/<board>/hal_test.elf (`make firmware`) and QEMU; else skipped
 * aloud. WB_BOARD_BUILDS names another folder than ../../build. */
#include "wb_test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "board.h"
#include "bridge.h"
#include "util.h"
#include "wb_retained.h"

#define ANSWER_MS 20000

static const char *type;
static char firmware[512];
static char flash_path[64];
static char log_path[64];
static struct board board;

/* ---- talking to hal_test.elf --------------------------------------------------------------- */

/* Serves the board until the link has input or the deadline passes. */
static bool serve(wb_ms deadline)
{
    for (;;) {
        struct pollfd fds[2] = {{.fd = board.qemu.link_fd, .events = POLLIN},
                                {.fd = board.qemu.console_fd, .events = POLLIN}};
        wb_ms now = util_now();
        if (now >= deadline) {
            return false;
        }
        poll(fds, 2, util_timeout(wb_ms_min(deadline, board_due(&board)), now));
        if (fds[1].revents != 0) {
            board_console(&board, util_now());
        }
        assert_int_equal(board_tick(&board, util_now()), WB_LAUNCHER_OK);
        assert_true(board.qemu.pid > 0);
        if (fds[0].revents != 0) {
            return true;
        }
    }
}

static void get(void *data, size_t len)
{
    uint8_t *at = data;
    wb_ms deadline = util_now() + ANSWER_MS;
    while (len > 0) {
        assert_true(serve(deadline));
        ssize_t got = read(board.qemu.link_fd, at, len);
        assert_true(got > 0);
        at += got;
        len -= (size_t)got;
    }
}

static void put(const void *data, size_t len)
{
    const uint8_t *at = data;
    while (len > 0) {
        ssize_t sent = write(board.qemu.link_fd, at, len);
        if (sent < 0 && errno == EAGAIN) {
            struct pollfd p = {.fd = board.qemu.link_fd, .events = POLLOUT};
            assert_true(poll(&p, 1, ANSWER_MS) == 1);
            continue;
        }
        assert_true(sent > 0);
        at += sent;
        len -= (size_t)sent;
    }
}

static void put_u32(uint32_t value)
{
    uint8_t b[4] = {(uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16),
                    (uint8_t)(value >> 24)};
    put(b, sizeof b);
}

static uint32_t get_u32(void)
{
    uint8_t b[4];
    get(b, sizeof b);
    return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

static enum wb_err program(uint32_t offset, const void *data, uint32_t len)
{
    uint8_t err;
    put("p", 1);
    put_u32(offset);
    put_u32(len);
    put(data, len);
    get(&err, 1);
    return (enum wb_err)err;
}

static enum wb_err erase(uint32_t offset)
{
    uint8_t err;
    put("x", 1);
    put_u32(offset);
    get(&err, 1);
    return (enum wb_err)err;
}

static void read_flash(uint32_t offset, void *data, uint32_t len)
{
    put("r", 1);
    put_u32(offset);
    put_u32(len);
    get(data, len);
}

/* Every start is announced by a 'B'. */
static void await_boot(void)
{
    char b;
    get(&b, 1);
    assert_int_equal(b, 'B');
}

static void setup_board(void)
{
    const struct wb_launcher_board_options options = {
        .type = type, .firmware = firmware, .flash = flash_path, .log = log_path, .name = type};
    assert_int_equal(board_open(&board, &options), WB_LAUNCHER_OK);
    assert_int_equal(board_start(&board, util_now()), WB_LAUNCHER_OK);
    await_boot();
}

/* After a command that resets. */
static struct wb_retained after_reset(const char *command)
{
    struct wb_retained r = {0};
    put(command, 1);
    await_boot();
    put("b", 1);
    r.reason = get_u32();
    r.line = get_u32();
    r.cause = get_u32();
    r.resets = get_u32();
    return r;
}

static unsigned long cpu_ms(pid_t pid)
{
    char path[64];
    char text[1024];
    unsigned long user = 0;
    unsigned long system = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    size_t len = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    text[len] = 0;
    assert_int_equal(sscanf(strrchr(text, ')') + 1,
                            " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system),
                     2);
    return (user + system) * 1000 / (unsigned long)sysconf(_SC_CLK_TCK);
}

/* ---- claims -------------------------------------------------------------------------------- */

static void link_carries_every_byte_both_ways(void **state)
{
    (void)state;
    static uint8_t out[20000];
    static uint8_t in[20000];
    for (size_t i = 0; i < sizeof out; i++) {
        out[i] = (uint8_t)(i * 2654435761u >> 13);
    }
    wb_ms start = util_now();
    put("e", 1);
    put_u32(sizeof out);
    /* More than the sockets hold: write and read in turn. */
    for (size_t at = 0; at < sizeof out; at += 500) {
        put(out + at, 500);
        get(in + at, 500);
    }
    assert_memory_equal(in, out, sizeof out);
    wb_ms took = util_now() - start;
    printf("%s: echo %zu bytes in %llu ms: %llu kB/s\n", type, sizeof out, (unsigned long long)took,
           (unsigned long long)(sizeof out / (took + 1)));
}

static void link_holds_back_what_a_busy_board_does_not_read(void **state)
{
    (void)state;
    static uint8_t out[3000];
    static uint8_t in[3000];
    uint8_t err;
    for (size_t i = 0; i < sizeof out; i++) {
        out[i] = (uint8_t)(i * 7 + (i >> 8));
    }
    /* The echo waits behind an erase. */
    put("x", 1);
    put_u32(0);
    put("e", 1);
    put_u32(sizeof out);
    put(out, sizeof out);
    get(&err, 1);
    assert_int_equal(err, WB_OK);
    get(in, sizeof in);
    assert_memory_equal(in, out, sizeof out);
}

static void idle_wakes_at_its_deadline(void **state)
{
    (void)state;
    static const uint32_t waits[] = {1, 50, 1500};
    for (size_t i = 0; i < WB_ARRAY_LEN(waits); i++) {
        wb_ms start = util_now();
        put("i", 1);
        put_u32(waits[i]);
        uint32_t slept = get_u32();
        wb_ms took = util_now() - start;
        assert_in_range(slept, waits[i], waits[i] + 2000); /* the machine may be busy */
        assert_true(took + 2 >= waits[i]);
    }
}

static void idle_wakes_at_input(void **state)
{
    (void)state;
    put("i", 1);
    put_u32(15000);
    assert_false(serve(util_now() + 100));
    put("t", 1);
    assert_in_range(get_u32(), 50, 5000);
    (void)get_u32();
}

static void idle_costs_no_host_time(void **state)
{
    (void)state;
    unsigned long before = cpu_ms(board.qemu.pid);
    assert_false(serve(util_now() + 3000));
    unsigned long used = cpu_ms(board.qemu.pid) - before;
    printf("%s: %lu ms of processor time in 3000 ms of idling\n", type, used);
    assert_true(used <= 60);
}

static void flash_keeps_the_rules_of_nor(void **state)
{
    (void)state;
    uint8_t back[512];
    uint8_t page[300];
    for (size_t i = 0; i < sizeof page; i++) {
        page[i] = (uint8_t)(i * 31 + 5);
    }
    assert_ok(erase(4096));
    assert_ok(program(4096 + 7, page, sizeof page));
    read_flash(4096, back, 512);
    assert_int_equal(back[6], 0xFF);
    assert_memory_equal(back + 7, page, sizeof page);
    assert_int_equal(back[7 + sizeof page], 0xFF);

    /* More bits may be cleared, none set; 0xFF leaves a byte alone. */
    assert_ok(program(8191, "\x0F", 1));
    assert_ok(program(8191, "\x03", 1));
    assert_ok(program(8191, "\xFF", 1));
    assert_err(WB_ERR_FLASH, program(8191, "\x04", 1));
    read_flash(8191, back, 1);
    assert_int_equal(back[0], 0x03);

    assert_ok(erase(4096));
    read_flash(4096, back, 512);
    for (size_t i = 0; i < sizeof back; i++) {
        assert_int_equal(back[i], 0xFF);
    }
}

static void flash_refuses_what_lies_outside(void **state)
{
    (void)state;
    uint32_t size = board.layout.store_size;
    assert_err(WB_ERR_VALUE, program(size, "a", 1));
    assert_err(WB_ERR_VALUE, program(size - 1, "ab", 2));
    assert_err(WB_ERR_VALUE, program(UINT32_MAX, "ab", 2));
    assert_err(WB_ERR_VALUE, erase(size));
    assert_err(WB_ERR_VALUE, erase(1));
    assert_ok(program(size - 2, "ab", 2));
    assert_ok(erase(size - board.layout.sector_size));
}

static void image_of_4_kb_is_written_fast(void **state)
{
    (void)state;
    uint8_t page[256];
    for (size_t i = 0; i < sizeof page; i++) {
        page[i] = (uint8_t)(i ^ '$');
    }
    uint64_t window = board.window_us;
    wb_ms start = util_now();
    assert_ok(erase(8192));
    for (uint32_t at = 0; at < 4096; at += 64) {
        assert_ok(program(8192 + at, page, 64));
    }
    wb_ms took = util_now() - start;
    printf("%s: erase and 64 programs of 64 bytes in %llu ms, of it window writes %llu us\n", type,
           (unsigned long long)took, (unsigned long long)(board.window_us - window));
    assert_true(took < 2000); /* a tenth of it on a quiet machine */
}

static bool log_has(const char *text)
{
    char line[256];
    bool found = false;
    FILE *f = fopen(log_path, "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f) != NULL) {
        found = found || strstr(line, text) != NULL;
        for (const char *c = line; *c != 0; c++) {
            assert_true(*c >= 0x20 || *c == '\n');
        }
    }
    fclose(f);
    return found;
}

static void console_carries_text_and_nothing_else(void **state)
{
    (void)state;
    char got;
    wb_ms deadline = util_now() + ANSWER_MS;
    put("l", 1);
    get(&got, 1);
    while (!log_has("Z a line? of text\n")) {
        assert_false(serve(util_now() + 10));
        assert_true(util_now() < deadline);
    }
}

static void link_session_runs_through_the_bridge(void **state)
{
    static struct bridge bridge;
    static uint8_t out[8000];
    static uint8_t in[8000];
    char address[32];
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t at_len = sizeof at;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    int gateway = -1;
    size_t sent = 0;
    size_t got = 0;
    (void)state;
    assert_int_equal(bind(listener, (struct sockaddr *)&at, at_len), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &at_len), 0);
    snprintf(address, sizeof address, "127.0.0.1:%d", ntohs(at.sin_port));
    for (size_t i = 0; i < sizeof out; i++) {
        out[i] = (uint8_t)(i * 2654435761u >> 11);
    }
    assert_true(bridge_init(&bridge, address, util_now()));
    bridge_line(&bridge, board.qemu.link_fd, util_now());
    wb_ms start = util_now();
    put("n", 1);
    put_u32(77);
    for (wb_ms deadline = util_now() + ANSWER_MS; got < sizeof in;) {
        struct pollfd fds[2 + BRIDGE_FDS] = {{.fd = gateway, .events = POLLIN},
                                             {.fd = listener, .events = POLLIN}};
        bridge_poll(&bridge, fds + 2);
        wb_ms now = util_now();
        assert_true(now < deadline);
        poll(fds, WB_ARRAY_LEN(fds), util_timeout(wb_ms_min(deadline, bridge_due(&bridge)), now));
        assert_true(bridge_run(&bridge, fds + 2, util_now()));
        if (gateway < 0) {
            gateway = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
            continue;
        }
        ssize_t n = sent < sizeof out ? send(gateway, out + sent, sizeof out - sent, 0) : 0;
        sent += n > 0 ? (size_t)n : 0;
        n = recv(gateway, in + got, sizeof in - got, 0);
        got += n > 0 ? (size_t)n : 0;
    }
    wb_ms took = util_now() - start;
    assert_memory_equal(in, out, sizeof out);
    assert_int_equal(bridge.link.frames_damaged, 0);
    printf("%s: %zu bytes there and back through core/link in %llu ms, %u frames repeated\n", type,
           sizeof out, (unsigned long long)took, (unsigned)bridge.link.frames_repeated);
    close(gateway);
    for (wb_ms deadline = util_now() + ANSWER_MS; wb_link_state(&bridge.link) == WB_LINK_OPEN;) {
        struct pollfd fds[BRIDGE_FDS];
        bridge_poll(&bridge, fds);
        poll(fds, BRIDGE_FDS, 100);
        assert_true(bridge_run(&bridge, fds, util_now()));
        assert_true(util_now() < deadline);
    }
    close(listener);
    bridge_line(&bridge, -1, util_now());
    char end[8] = "";
    while (memcmp(end, "\0\0\0done", 7) != 0) { /* behind the last frames */
        memmove(end, end + 1, 6);
        get(end + 6, 1);
    }
}

static void restart_keeps_reason_and_flash_and_brings_another_seed(void **state)
{
    (void)state;
    uint8_t seed[2][WB_BOARD_SEED_LEN];
    uint8_t back[5];
    assert_ok(erase(12288));
    assert_ok(program(12288, "stays", 5));
    put("s", 1);
    get(seed[0], sizeof seed[0]);
    assert_int_equal(get_u32(), 512);

    struct wb_retained r = after_reset("z");
    assert_int_equal(r.reason, WB_RETAINED_RESTART);
    assert_int_equal(r.resets, 1);

    put("s", 1);
    get(seed[1], sizeof seed[1]);
    assert_int_equal(get_u32(), 512);
    assert_memory_not_equal(seed[0], seed[1], sizeof seed[0]);
    read_flash(12288, back, 5);
    assert_memory_equal(back, "stays", 5);
}

static void assertion_tells_its_line_after_reset(void **state)
{
    (void)state;
    struct wb_retained r = after_reset("a");
    assert_int_equal(r.reason, WB_RETAINED_ASSERT);
    assert_true(r.line > 0);
    assert_int_equal(r.resets, 2);
}

static void bus_fault_tells_its_cause_after_reset(void **state)
{
    (void)state;
    struct wb_retained r = after_reset("f");
    assert_int_equal(r.reason, WB_RETAINED_FAULT);
    assert_true(r.cause != 0);
}

static void stack_overflow_traps(void **state)
{
    (void)state;
    struct wb_retained r = after_reset("o");
    assert_int_equal(r.reason, WB_RETAINED_FAULT);
}

static void killed_board_keeps_its_flash(void **state)
{
    (void)state;
    uint8_t back[4];
    assert_ok(erase(16384));
    assert_ok(program(16384, "kept", 4));
    put("p", 1); /* killed in the middle of a command */
    put_u32(16388);
    qemu_stop(&board.qemu);
    close(board.chip.fd); /* as the launcher's death would: no sync, no goodbye */
    free(board.chip.bytes);
    console_close(&board.console);
    setup_board();
    read_flash(16384, back, 4);
    assert_memory_equal(back, "kept", 4);
    put("k", 1);
    printf("%s: %u bytes of stack used by hal_test\n", type, (unsigned)get_u32());
}

/* ---- one board after the other ------------------------------------------------------------- */

static bool qemu_is_installed(const char *program)
{
    char command[128];
    snprintf(command, sizeof command, "command -v %s >/dev/null 2>&1", program);
    return system(command) == 0;
}

static int run_board(const char *board_type)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(link_carries_every_byte_both_ways),
        cmocka_unit_test(link_holds_back_what_a_busy_board_does_not_read),
        cmocka_unit_test(idle_wakes_at_its_deadline),
        cmocka_unit_test(idle_wakes_at_input),
        cmocka_unit_test(idle_costs_no_host_time),
        cmocka_unit_test(flash_keeps_the_rules_of_nor),
        cmocka_unit_test(flash_refuses_what_lies_outside),
        cmocka_unit_test(image_of_4_kb_is_written_fast),
        cmocka_unit_test(console_carries_text_and_nothing_else),
        cmocka_unit_test(link_session_runs_through_the_bridge),
        cmocka_unit_test(restart_keeps_reason_and_flash_and_brings_another_seed),
        cmocka_unit_test(assertion_tells_its_line_after_reset),
        cmocka_unit_test(bus_fault_tells_its_cause_after_reset),
        cmocka_unit_test(stack_overflow_traps),
        cmocka_unit_test(killed_board_keeps_its_flash),
    };
    type = board_type;
    snprintf(flash_path, sizeof flash_path, "/tmp/wb-hal-%s-%d.bin", type, (int)getpid());
    snprintf(log_path, sizeof log_path, "/tmp/wb-hal-%s-%d.log", type, (int)getpid());
    wb_ms start = util_now();
    setup_board();
    printf("%s: first answer %llu ms after the launcher's start\n", type,
           (unsigned long long)(util_now() - start));
    int failed = cmocka_run_group_tests_name(type, tests, NULL, NULL);
    board_close(&board);
    unlink(flash_path);
    unlink(log_path);
    return failed;
}

int main(void)
{
    static const char *const types[] = {"hifive1", "cortex-m"};
    const char *builds = getenv("WB_BOARD_BUILDS");
    int failed = 0;
    int run = 0;
    for (size_t i = 0; i < WB_ARRAY_LEN(types); i++) {
        struct stat st;
        const char *program_name = qemu_machine_find(types[i])->program;
        snprintf(firmware, sizeof firmware, "%s/%s/hal_test.elf",
                 builds == NULL ? "../../build" : builds, types[i]);
        if (stat(firmware, &st) != 0) {
            printf("skipped %s: no %s (`make firmware` builds it)\n", types[i], firmware);
            continue;
        }
        if (!qemu_is_installed(program_name)) {
            printf("skipped %s: no %s (apt-get install %s)\n", types[i], program_name,
                   qemu_machine_find(types[i])->package);
            continue;
        }
        failed += run_board(types[i]);
        run++;
    }
    if (run == 0) {
        return WB_TEST_SKIPPED;
    }
    return failed;
}
