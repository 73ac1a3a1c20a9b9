/* SPDX-License-Identifier: AGPL-3.0-only */
/* The bridge between a board's link engine and a gateway's socket; both played here. */
#include "wb_test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bridge.h"
#include "util.h"

#define WAIT_MS 20000u

static struct bridge bridge;
static struct wb_link board;
static int line[2];  /* board's end, bridge's end */
static int listener; /* of the gateway */
static int gateway;  /* its connection; -1 */
static char address[32];

/* What the board has received and is to send. */
static uint8_t board_in[200000];
static size_t board_in_len;
static const uint8_t *board_out;
static size_t board_out_len;
static bool board_opened;
static bool board_closed;
static enum wb_link_reason board_reason;

static int setup(void **state)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    const struct wb_link_cfg cfg = {.opens = true};
    (void)state;
    listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&at, len) != 0 ||
        listen(listener, 4) != 0 || getsockname(listener, (struct sockaddr *)&at, &len) != 0 ||
        !util_tcp_pair(line) || !util_nonblocking(line[0]) || !util_nonblocking(line[1])) {
        return -1;
    }
    snprintf(address, sizeof address, "127.0.0.1:%d", ntohs(at.sin_port));
    gateway = -1;
    board_in_len = 0;
    board_out_len = 0;
    board_opened = false;
    board_closed = false;
    if (!bridge_init(&bridge, address, util_now())) {
        return -1;
    }
    bridge_line(&bridge, line[1], util_now());
    wb_link_init(&board, &cfg, util_now());
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    bridge_line(&bridge, -1, util_now());
    close(line[0]);
    close(line[1]);
    close(listener);
    if (gateway >= 0) {
        close(gateway);
    }
    return 0;
}

/* One turn of the board: what firmware does, on a socket. */
static void board_turn(wb_ms now)
{
    uint8_t buf[256];
    const uint8_t *data;
    size_t len;
    struct wb_link_event event;
    ssize_t got = read(line[0], buf, sizeof buf);
    if (got > 0) {
        wb_link_feed(&board, now, buf, (size_t)got);
    }
    wb_link_tick(&board, now);
    while (wb_link_next(&board, &event)) {
        board_opened = board_opened || event.kind == WB_LINK_EVENT_OPENED;
        if (event.kind == WB_LINK_EVENT_CLOSED) {
            board_closed = true;
            board_reason = event.reason;
        }
    }
    wb_link_read(&board, &data, &len);
    assert_true(board_in_len + len <= sizeof board_in);
    if (len > 0) {
        memcpy(board_in + board_in_len, data, len);
        board_in_len += len;
        wb_link_read_done(&board, len);
    }
    if (board_out_len > 0 && wb_link_state(&board) == WB_LINK_OPEN) {
        size_t taken = 0;
        assert_ok(wb_link_write(&board, board_out, board_out_len, &taken));
        board_out += taken;
        board_out_len -= taken;
    }
    while ((len = wb_link_emit(&board, now, buf, sizeof buf)) > 0) {
        assert_int_equal(write(line[0], buf, len), len);
    }
}

/* One turn of everything, then waits for anything to happen, 5 ms at most. */
static void turn(void)
{
    struct pollfd fds[2 + BRIDGE_FDS];
    wb_ms now = util_now();
    board_turn(now);
    if (gateway < 0) {
        gateway = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    }
    fds[0] = (struct pollfd){.fd = line[0], .events = POLLIN};
    fds[1] = (struct pollfd){.fd = listener, .events = POLLIN};
    bridge_poll(&bridge, fds + 2);
    poll(fds, WB_ARRAY_LEN(fds), 5);
    assert_true(bridge_run(&bridge, fds + 2, util_now()));
}

/* Turns until the condition holds; the statement behind it runs before each turn. */
#define UNTIL(condition)                                                                           \
    for (wb_ms end_ = util_now() + WAIT_MS; !(condition); assert_true(util_now() < end_), turn())

static void open_session(uint32_t session)
{
    board_opened = false;
    wb_link_open(&board, session, util_now());
    UNTIL(board_opened && gateway >= 0)
    {
    }
}

static void fill(uint8_t *data, size_t len, uint32_t seed)
{
    for (size_t i = 0; i < len; i++) {
        seed = seed * 1664525u + 1013904223u;
        data[i] = (uint8_t)(seed >> 24);
    }
}

static void bytes_pass_both_ways_at_once(void **state)
{
    (void)state;
    static uint8_t up[60000];
    static uint8_t down[60000];
    static uint8_t got[60000];
    size_t got_len = 0;
    size_t sent = 0;
    fill(up, sizeof up, 1);
    fill(down, sizeof down, 2);
    open_session(7);
    board_out = up;
    board_out_len = sizeof up;
    UNTIL(got_len == sizeof up && board_in_len == sizeof down)
    {
        ssize_t n = recv(gateway, got + got_len, sizeof got - got_len, 0);
        got_len += n > 0 ? (size_t)n : 0;
        if (sent < sizeof down) {
            n = send(gateway, down + sent, sizeof down - sent, 0);
            sent += n > 0 ? (size_t)n : 0;
        }
    }
    assert_memory_equal(got, up, sizeof up);
    assert_memory_equal(board_in, down, sizeof down);
}

static void unreachable_gateway_refuses_the_session(void **state)
{
    (void)state;
    close(listener);
    listener = socket(AF_INET, SOCK_STREAM, 0); /* so that teardown has one */
    wb_link_open(&board, 8, util_now());
    UNTIL(board_closed)
    {
    }
    assert_int_equal(board_reason, WB_LINK_REFUSED);
    assert_false(board_opened);
}

static void board_alone_is_refused(void **state)
{
    (void)state;
    bridge_line(&bridge, -1, util_now());
    assert_true(bridge_init(&bridge, NULL, util_now()));
    bridge_line(&bridge, line[1], util_now());
    wb_link_open(&board, 8, util_now());
    UNTIL(board_closed)
    {
    }
    assert_int_equal(board_reason, WB_LINK_REFUSED);
}

static void gateway_that_closes_ends_the_session_after_its_last_byte(void **state)
{
    (void)state;
    static uint8_t down[5000];
    fill(down, sizeof down, 3);
    open_session(9);
    assert_int_equal(send(gateway, down, sizeof down, 0), sizeof down);
    close(gateway);
    gateway = -1;
    UNTIL(board_closed)
    {
    }
    assert_int_equal(board_reason, WB_LINK_CLOSED_BY_USER);
    assert_int_equal(board_in_len, sizeof down);
    assert_memory_equal(board_in, down, sizeof down);
}

static void board_that_closes_ends_the_connection(void **state)
{
    (void)state;
    char byte;
    ssize_t got = -1;
    open_session(10);
    wb_link_close(&board, util_now());
    UNTIL((got = recv(gateway, &byte, 1, 0)) == 0)
    {
    }
    assert_int_equal(got, 0);
}

static void board_that_restarts_gets_a_new_connection(void **state)
{
    (void)state;
    const struct wb_link_cfg cfg = {.opens = true};
    char byte;
    open_session(11);
    int old = gateway;
    gateway = -1;
    wb_link_init(&board, &cfg, util_now());
    open_session(12);
    UNTIL(recv(old, &byte, 1, 0) == 0)
    {
    }
    close(old);
    assert_int_equal(send(gateway, "x", 1, 0), 1);
    UNTIL(board_in_len == 1)
    {
    }
}

static void gateway_that_does_not_read_holds_the_board_back(void **state)
{
    (void)state;
    static uint8_t up[150000];
    static uint8_t got[150000];
    size_t got_len = 0;
    int small = 4096;
    fill(up, sizeof up, 4);
    setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    open_session(13);
    setsockopt(bridge.gateway_fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    board_out = up;
    board_out_len = sizeof up;
    for (wb_ms end = util_now() + 300; util_now() < end;) {
        turn();
    }
    assert_true(board_out_len > 0); /* it waits */
    UNTIL(got_len == sizeof up)
    {
        ssize_t n = recv(gateway, got + got_len, sizeof got - got_len, 0);
        got_len += n > 0 ? (size_t)n : 0;
    }
    assert_memory_equal(got, up, sizeof up);
}

static void noise_on_the_line_is_passed_over(void **state)
{
    (void)state;
    uint8_t noise[500];
    open_session(14);
    for (uint32_t i = 0; i < 20; i++) {
        fill(noise, sizeof noise, i);
        assert_int_equal(write(line[0], noise, sizeof noise), sizeof noise);
        turn();
    }
    assert_int_equal(send(gateway, "still here", 10, 0), 10);
    UNTIL(board_in_len == 10)
    {
    }
    assert_memory_equal(board_in, "still here", 10);
    assert_false(board_closed);
}

static void lost_line_is_told(void **state)
{
    (void)state;
    struct pollfd fds[BRIDGE_FDS];
    open_session(15);
    shutdown(line[0], SHUT_RDWR);
    bridge_poll(&bridge, fds);
    assert_true(poll(fds, BRIDGE_FDS, 5000) > 0);
    assert_false(bridge_run(&bridge, fds, util_now()));
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(bytes_pass_both_ways_at_once),
        CASE(unreachable_gateway_refuses_the_session),
        CASE(board_alone_is_refused),
        CASE(gateway_that_closes_ends_the_session_after_its_last_byte),
        CASE(board_that_closes_ends_the_connection),
        CASE(board_that_restarts_gets_a_new_connection),
        CASE(gateway_that_does_not_read_holds_the_board_back),
        CASE(noise_on_the_line_is_passed_over),
        CASE(lost_line_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
