/* SPDX-License-Identifier: AGPL-3.0-only */
/* stream_test.c: streams, listeners and timers over loopback. */
#include <unistd.h>

#include "wb_net.h"
#include "wb_test.h"

struct peer {
    struct wb_net_loop *loop;
    struct wb_net_stream *stream;
    size_t received, consume_max, drained;
    bool connected, is_closed, echo, pause_once;
    enum wb_err err;
    uint8_t last[64];
    size_t last_len;
};

struct world {
    struct wb_net_loop *loop;
    struct wb_net_listener *listener;
    struct wb_net_timer *guard;
    struct peer server, client;
    bool late;
};

static void on_connected(void *ctx)
{
    struct peer *p = ctx;
    p->connected = true;
}

static size_t on_data(void *ctx, const uint8_t *bytes, size_t len)
{
    struct peer *p = ctx;
    size_t used = p->consume_max && len > p->consume_max ? p->consume_max : len;
    p->received += used;
    p->last_len = len < sizeof(p->last) ? len : sizeof(p->last);
    memcpy(p->last, bytes, p->last_len);
    if (p->echo) {
        assert_ok(wb_net_stream_write(p->stream, bytes, used));
    }
    if (p->pause_once) {
        p->pause_once = false;
        wb_net_stream_pause(p->stream);
    }
    return used;
}

static void on_drained(void *ctx)
{
    struct peer *p = ctx;
    p->drained++;
}

static void on_closed(void *ctx, enum wb_err err, const char *why)
{
    struct peer *p = ctx;
    assert_non_null(why);
    p->is_closed = true;
    p->err = err;
    p->stream = NULL;
}

static const struct wb_net_stream_handler handler = {on_connected, on_data, on_drained, on_closed};

static void on_accepted(void *ctx, struct wb_net_stream *stream)
{
    struct world *w = ctx;
    w->server.stream = stream;
    wb_net_stream_start(stream, &handler, &w->server);
}

static void on_guard(void *ctx)
{
    struct world *w = ctx;
    w->late = true;
}

/* Turns the loop until the condition holds; a test that waits longer than 10 s fails. */
#define wait_for(w, condition)                                                                     \
    do {                                                                                           \
        wb_net_timer_start((w)->guard, 10000, 0);                                                  \
        while (!(condition)) {                                                                     \
            wb_net_loop_turn((w)->loop, true);                                                     \
            assert_false((w)->late);                                                               \
        }                                                                                          \
    } while (0)

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    char err[128] = "";
    w->loop = wb_net_loop_new();
    w->guard = wb_net_timer_new(w->loop, on_guard, w);
    w->listener = wb_net_listen(w->loop, "127.0.0.1", 0, on_accepted, w, err, sizeof(err));
    assert_string_equal(err, "");
    w->client.stream = wb_net_connect(w->loop, "127.0.0.1", wb_net_listener_port(w->listener), 0,
                                      &handler, &w->client);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    wb_net_stream_close(w->client.stream);
    wb_net_stream_close(w->server.stream);
    wb_net_listener_free(w->listener);
    wb_net_timer_free(w->guard);
    wb_net_loop_free(w->loop);
    free(w);
    return 0;
}

static void echoes_what_was_written_before_connected(void **state)
{
    struct world *w = *state;
    w->server.echo = true;
    assert_false(w->client.connected);
    assert_ok(wb_net_stream_write(w->client.stream, "hello", 5));
    wait_for(w, w->client.received == 5);
    assert_true(w->client.connected);
    assert_memory_equal(w->client.last, "hello", 5);
    assert_memory_equal(wb_net_stream_peer(w->server.stream), "127.0.0.1:", 10);
}

static void keeps_what_is_not_consumed(void **state)
{
    struct world *w = *state;
    w->server.consume_max = 2;
    assert_ok(wb_net_stream_write(w->client.stream, "abcde", 5));
    wait_for(w, w->server.received == 2);
    assert_ok(wb_net_stream_write(w->client.stream, "f", 1));
    wait_for(w, w->server.received == 4);
    assert_memory_equal(w->server.last, "cdef", 4);
}

static void slow_peer_fills_the_queue_and_drains_later(void **state)
{
    struct world *w = *state;
    static uint8_t block[64 * 1024];
    wait_for(w, w->client.connected && w->server.stream);
    wb_net_stream_pause(w->server.stream);
    size_t written = 0;
    enum wb_err err;
    do {
        err = wb_net_stream_write(w->client.stream, block, sizeof(block));
        written += err == WB_OK ? sizeof(block) : 0;
    } while (err == WB_OK);
    assert_err(WB_ERR_FULL, err);
    assert_true(wb_net_stream_queued(w->client.stream) <= WB_NET_WRITE_QUEUE_MAX + sizeof(block));
    assert_int_equal(w->client.drained, 0);
    wb_net_stream_resume(w->server.stream);
    wait_for(w, w->client.drained == 1 && w->server.received == written);
    assert_int_equal(wb_net_stream_queued(w->client.stream), 0);
}

static void unconsumed_input_stops_reading_until_resume(void **state)
{
    struct world *w = *state;
    static uint8_t block[256 * 1024];
    w->server.pause_once = true;
    w->server.consume_max = 1;
    assert_ok(wb_net_stream_write(w->client.stream, block, sizeof(block)));
    wait_for(w, w->server.received == 1);
    w->server.consume_max = 0;
    wb_net_stream_resume(w->server.stream);
    wait_for(w, w->server.received == sizeof(block));
}

static void end_flushes_before_it_closes(void **state)
{
    struct world *w = *state;
    static uint8_t block[1024 * 1024];
    assert_ok(wb_net_stream_write(w->client.stream, block, sizeof(block)));
    wait_for(w, w->client.connected);
    wb_net_stream_end(w->client.stream);
    w->client.stream = NULL;
    wait_for(w, w->server.is_closed);
    assert_int_equal(w->server.received, sizeof(block));
    assert_err(WB_ERR_CLOSED, w->server.err);
    assert_false(w->client.is_closed); /* who closes is not told */
}

static void abrupt_close_reaches_the_peer(void **state)
{
    struct world *w = *state;
    wait_for(w, w->client.connected && w->server.stream);
    wb_net_stream_close(w->server.stream);
    w->server.stream = NULL;
    wait_for(w, w->client.is_closed);
    assert_false(w->server.is_closed);
}

static void refuses_a_port_in_use(void **state)
{
    struct world *w = *state;
    char err[128];
    uint16_t port = wb_net_listener_port(w->listener);
    assert_null(wb_net_listen(w->loop, "127.0.0.1", port, on_accepted, w, err, sizeof(err)));
    assert_non_null(strstr(err, "address already in use"));
    assert_null(wb_net_listen(w->loop, "nonsense", 1, on_accepted, w, err, sizeof(err)));
}

static void connecting_to_nobody_fails(void **state)
{
    struct world *w = *state;
    uint16_t port = wb_net_listener_port(w->listener);
    wait_for(w, w->client.connected && w->server.stream);
    wb_net_listener_free(w->listener);
    w->listener = NULL;
    wb_net_loop_turn(w->loop, false);
    struct peer nobody = {0};
    nobody.stream = wb_net_connect(w->loop, "127.0.0.1", port, 0, &handler, &nobody);
    assert_false(nobody.is_closed);
    wait_for(w, nobody.is_closed);
    assert_err(WB_ERR_IO, nobody.err);
    assert_false(nobody.connected);
}

static void resolves_names(void **state)
{
    struct world *w = *state;
    struct peer p = {0};
    p.stream =
        wb_net_connect(w->loop, "localhost", wb_net_listener_port(w->listener), 0, &handler, &p);
    wait_for(w, p.connected || p.is_closed);
    assert_true(p.connected || p.is_closed); /* localhost may be ::1 only */
    wb_net_stream_close(p.stream);
}

static void closing_while_connecting_is_silent(void **state)
{
    struct world *w = *state;
    wb_net_stream_close(w->client.stream);
    w->client.stream = NULL;
    struct peer other = {0};
    other.stream = wb_net_connect(w->loop, "127.0.0.1", wb_net_listener_port(w->listener), 0,
                                  &handler, &other);
    wait_for(w, other.connected);
    assert_false(w->client.connected);
    assert_false(w->client.is_closed);
    wb_net_stream_close(other.stream);
}

static void unix_sockets_work_too(void **state)
{
    struct world *w = *state;
    char dir[] = "/tmp/wb-net-XXXXXX";
    assert_non_null(mkdtemp(dir));
    char address[64], err[128] = "";
    snprintf(address, sizeof(address), "unix:%s/socket", dir);
    struct wb_net_listener *l =
        wb_net_listen(w->loop, address, 0, on_accepted, w, err, sizeof(err));
    assert_string_equal(err, "");
    wait_for(w, w->server.stream); /* the TCP one of setup */
    wb_net_stream_close(w->server.stream);
    w->server.stream = NULL;
    struct peer p = {0};
    p.stream = wb_net_connect(w->loop, address, 0, 0, &handler, &p);
    w->server.echo = true;
    assert_ok(wb_net_stream_write(p.stream, "x", 1));
    wait_for(w, p.received == 1);
    wb_net_stream_close(p.stream);
    wb_net_listener_free(l);
    wb_net_loop_turn(w->loop, false);
    unlink(address + 5);
    rmdir(dir);
}

static void count(void *ctx)
{
    ++*(unsigned *)ctx;
}

static void timers_fire_once_or_again(void **state)
{
    struct world *w = *state;
    unsigned once = 0, often = 0, never = 0;
    struct wb_net_timer *a = wb_net_timer_new(w->loop, count, &once);
    struct wb_net_timer *b = wb_net_timer_new(w->loop, count, &often);
    struct wb_net_timer *c = wb_net_timer_new(w->loop, count, &never);
    wb_net_timer_at(a, wb_net_now_ms(w->loop) + 1);
    wb_net_timer_start(b, 0, 1);
    wb_net_timer_at(c, wb_net_now_ms(w->loop) + 1);
    wb_net_timer_at(c, WB_NEVER);
    wait_for(w, often >= 5);
    assert_int_equal(once, 1);
    assert_int_equal(never, 0);
    wb_net_timer_free(a);
    wb_net_timer_free(b);
    wb_net_timer_free(c);
}

struct eager {
    struct wb_net_timer *timer;
    unsigned calls;
};

static void again_at_once(void *ctx)
{
    struct eager *e = ctx;
    e->calls++;
    wb_net_timer_start(e->timer, 0, 0);
}

static void a_timer_that_is_always_due_starves_nobody(void **state)
{
    struct world *w = *state;
    struct eager e = {0};
    e.timer = wb_net_timer_new(w->loop, again_at_once, &e);
    wb_net_timer_start(e.timer, 0, 0);
    w->server.echo = true;
    assert_ok(wb_net_stream_write(w->client.stream, "hello", 5));
    wait_for(w, w->client.received == 5);
    assert_true(e.calls > 0);
    wb_net_timer_stop(e.timer);
    unsigned before = e.calls;
    wb_net_loop_turn(w->loop, false);
    assert_int_equal(e.calls, before);
    wb_net_timer_start(e.timer, 0, 0);
    wb_net_timer_free(e.timer); /* while it waits */
    wb_net_loop_turn(w->loop, false);
    assert_int_equal(e.calls, before);
}

static void on_ready(void *ctx, unsigned events)
{
    *(unsigned *)ctx |= events;
}

static void watches_descriptors(void **state)
{
    struct world *w = *state;
    int fds[2];
    unsigned seen = 0;
    assert_int_equal(pipe(fds), 0);
    struct wb_net_watch *watch = wb_net_watch_new(w->loop, fds[0], on_ready, &seen);
    wb_net_watch_set(watch, WB_NET_READABLE);
    assert_int_equal(write(fds[1], "x", 1), 1);
    wait_for(w, seen & WB_NET_READABLE);
    wb_net_watch_free(watch);
    close(fds[0]);
    close(fds[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(echoes_what_was_written_before_connected, setup, teardown),
        cmocka_unit_test_setup_teardown(keeps_what_is_not_consumed, setup, teardown),
        cmocka_unit_test_setup_teardown(slow_peer_fills_the_queue_and_drains_later, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(unconsumed_input_stops_reading_until_resume, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(end_flushes_before_it_closes, setup, teardown),
        cmocka_unit_test_setup_teardown(abrupt_close_reaches_the_peer, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_a_port_in_use, setup, teardown),
        cmocka_unit_test_setup_teardown(connecting_to_nobody_fails, setup, teardown),
        cmocka_unit_test_setup_teardown(resolves_names, setup, teardown),
        cmocka_unit_test_setup_teardown(closing_while_connecting_is_silent, setup, teardown),
        cmocka_unit_test_setup_teardown(unix_sockets_work_too, setup, teardown),
        cmocka_unit_test_setup_teardown(timers_fire_once_or_again, setup, teardown),
        cmocka_unit_test_setup_teardown(a_timer_that_is_always_due_starves_nobody, setup, teardown),
        cmocka_unit_test_setup_teardown(watches_descriptors, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
