/* SPDX-License-Identifier: AGPL-3.0-only */
/* The burst as the stub sees it, and what the launcher makes of its answers. */
#include "wb_test.h"

#include <sys/socket.h>
#include <unistd.h>

#include "gdb.h"
#include "util.h"

static int pair[2];
static struct gdb gdb;

static int setup(void **state)
{
    (void)state;
    if (!util_tcp_pair(pair)) {
        return -1;
    }
    gdb_init(&gdb, pair[0]);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    close(pair[0]);
    close(pair[1]);
    return 0;
}

static void answer(const char *text)
{
    assert_int_equal(write(pair[1], text, strlen(text)), strlen(text));
}

static void sent_is(const char *expected)
{
    char got[512];
    ssize_t len = recv(pair[1], got, sizeof got - 1, MSG_DONTWAIT);
    assert_true(len > 0);
    got[len] = 0;
    assert_string_equal(got, expected);
}

static void packet_has_its_sum(void **state)
{
    (void)state;
    uint8_t buf[16];
    assert_int_equal(gdb_packet(buf, sizeof buf, "OK", 2), 6);
    assert_memory_equal(buf, "$OK#9a", 6);
    assert_int_equal(gdb_packet(buf, 5, "OK", 2), 0);
}

static void write_to_a_running_board_stops_it_and_lets_it_go(void **state)
{
    (void)state;
    gdb.running = true;
    answer("$T02thread:01;#04+$OK#9a");
    assert_ok(gdb_write(&gdb, 0x20480000, (const uint8_t *)"\x00\xAB", 2));
    sent_is("+\x03$M20480000,2:00ab#96$c#63");
}

static void write_to_a_stopped_board_leaves_it_stopped(void **state)
{
    (void)state;
    answer("+$OK#9a");
    assert_ok(gdb_write(&gdb, 0x10, (const uint8_t *)"\x7F", 1));
    sent_is("$M10,1:7f#e2");
    answer("+");
    assert_ok(gdb_start(&gdb));
    sent_is("$c#63");
}

static void refusal_is_told(void **state)
{
    (void)state;
    answer("+$E14#aa");
    assert_err(WB_ERR_PEER, gdb_write(&gdb, 0x10, (const uint8_t *)"\x7F", 1));
    answer("+$#00"); /* unknown request */
    assert_err(WB_ERR_PEER, gdb_write(&gdb, 0x10, (const uint8_t *)"\x7F", 1));
}

static void lost_connection_is_told(void **state)
{
    (void)state;
    shutdown(pair[1], SHUT_RDWR);
    assert_err(WB_ERR_IO, gdb_write(&gdb, 0x10, (const uint8_t *)"\x7F", 1));
}

static void reset_is_a_monitor_command(void **state)
{
    (void)state;
    gdb.running = true;
    answer("$T02thread:01;#04+$O0d0a#xx$OK#9a");
    assert_ok(gdb_reset(&gdb));
    sent_is("+\x03$qRcmd,73797374656d5f7265736574#86$c#63");
}

static void addresses_are_split_at_the_last_colon(void **state)
{
    (void)state;
    char host[32];
    char port[8];
    assert_true(util_address("127.0.0.1:4423", host, sizeof host, port, sizeof port));
    assert_string_equal(host, "127.0.0.1");
    assert_string_equal(port, "4423");
    assert_true(util_address("[::1]:80", host, sizeof host, port, sizeof port));
    assert_string_equal(host, "::1");
    static const char *const bad[] = {"",       ":",    "host",  "host:",      ":80",
                                      "::1:80", "h:8o", "[]:80", "h:123456789"};
    for (size_t i = 0; i < WB_ARRAY_LEN(bad); i++) {
        assert_false(util_address(bad[i], host, sizeof host, port, sizeof port));
    }
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(packet_has_its_sum),
        CASE(write_to_a_running_board_stops_it_and_lets_it_go),
        CASE(write_to_a_stopped_board_leaves_it_stopped),
        CASE(refusal_is_told),
        CASE(lost_connection_is_told),
        CASE(reset_is_a_monitor_command),
        cmocka_unit_test(addresses_are_split_at_the_last_colon),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
