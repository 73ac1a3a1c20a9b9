/* SPDX-License-Identifier: AGPL-3.0-only */
/* Two ends over a line that loses, damages, inserts and doubles bytes, is cut and joined, while
 * either end restarts. The byte at index i of direction d in session s is a function of (s, d, i),
 * so the receiver checks each byte against its own session without knowing what was sent. At the
 * end the line is healed and everything must arrive. */
#include "wb_link.h"
#include "wb_seed.h"
#include "wb_test.h"

enum { BOARD, BRIDGE };

struct end {
    struct wb_link link;
    uint64_t written; /* in this session */
    uint64_t read;
};

struct world {
    struct wb_random random;
    struct end ends[2];
    wb_ms now;
    uint32_t sessions;
    uint32_t fault_one_in; /* a byte is hit; 0: never */
    bool cut;
    uint64_t line_bytes;
    uint64_t delivered;
    uint64_t restarts;
};

static uint8_t expected_byte(uint32_t session, int direction, uint64_t index)
{
    struct wb_random random = {(uint64_t)session << 33 ^ (uint64_t)direction << 32 ^ index};
    uint64_t value = wb_random_next(&random);
    return value % 4 == 0 ? 0 : (uint8_t)(value >> 8); /* many zeros */
}

/* What the line makes of a byte: 0 to 2 bytes. */
static size_t disturb(struct world *w, uint8_t byte, uint8_t out[2])
{
    out[0] = byte;
    out[1] = byte;
    if (w->cut) {
        return 0;
    }
    if (w->fault_one_in == 0 || wb_random_below(&w->random, w->fault_one_in) != 0) {
        return 1;
    }
    switch (wb_random_below(&w->random, 4)) {
    case 0: return 0;
    case 1: out[0] ^= (uint8_t)(1 << wb_random_below(&w->random, 8)); return 1;
    case 2: out[1] = (uint8_t)wb_random_next(&w->random); return 2;
    default: return 2;
    }
}

static void carry(struct world *w, int from)
{
    uint8_t buf[300];
    size_t cap = 1 + wb_random_below(&w->random, sizeof buf);
    size_t len = wb_link_emit(&w->ends[from].link, w->now, buf, cap);
    w->line_bytes += len;
    for (size_t i = 0; i < len; i++) {
        uint8_t out[2];
        size_t count = disturb(w, buf[i], out);
        wb_link_feed(&w->ends[1 - from].link, w->now, out, count);
    }
}

static void use(struct world *w, int which)
{
    struct end *end = &w->ends[which];
    struct wb_link_event event;
    while (wb_link_next(&end->link, &event)) {
        if (event.kind == WB_LINK_EVENT_ASKED) {
            wb_link_accept(&end->link, w->now);
        }
        end->written = 0;
        end->read = 0;
    }
    if (which == BOARD && wb_link_state(&end->link) == WB_LINK_IDLE) {
        wb_link_open(&end->link, ++w->sessions, w->now);
    }
    if (wb_link_state(&end->link) != WB_LINK_OPEN) {
        return;
    }
    if (wb_random_below(&w->random, 3) != 0) { /* sometimes busy */
        const uint8_t *data;
        size_t len;
        wb_link_read(&end->link, &data, &len);
        for (size_t i = 0; i < len; i++) {
            assert_int_equal(data[i], expected_byte(end->link.session, 1 - which, end->read + i));
        }
        len = len == 0 ? 0 : wb_random_below(&w->random, (uint32_t)len + 1);
        wb_link_read_done(&end->link, len);
        end->read += len;
        w->delivered += len;
    }
    uint8_t bytes[200];
    size_t len = wb_random_below(&w->random, sizeof bytes);
    size_t taken;
    for (size_t i = 0; i < len; i++) {
        bytes[i] = expected_byte(end->link.session, which, end->written + i);
    }
    assert_ok(wb_link_write(&end->link, bytes, len, &taken));
    end->written += taken;
}

static void restart(struct world *w, int which)
{
    struct wb_link_cfg cfg = {
        .opens = which == BOARD, .retransmit_ms = 50, .keepalive_ms = 1000, .dead_ms = 4000};
    wb_link_init(&w->ends[which].link, &cfg, w->now);
    w->ends[which].written = 0;
    w->ends[which].read = 0;
    w->restarts++;
}

static void step(struct world *w, bool stormy)
{
    w->now += 1 + wb_random_below(&w->random, 10);
    if (stormy && wb_random_below(&w->random, 500) == 0) {
        w->cut = !w->cut;
    }
    if (stormy && wb_random_below(&w->random, 1000) == 0) {
        restart(w, (int)wb_random_below(&w->random, 2));
    }
    for (int which = BOARD; which <= BRIDGE; which++) {
        wb_link_tick(&w->ends[which].link, w->now);
        use(w, which);
        carry(w, which);
    }
}

static void run(uint64_t seed, uint32_t fault_one_in)
{
    struct world w = {.random = {seed}, .fault_one_in = fault_one_in, .now = 1};
    restart(&w, BOARD);
    restart(&w, BRIDGE);
    for (int i = 0; i < 20000; i++) {
        step(&w, true);
    }
    /* Healed: within 10 simulated seconds both directions move again, whatever state they were in.
     */
    w.fault_one_in = 0;
    w.cut = false;
    wb_ms until = w.now + 10000;
    while (w.now < until) {
        step(&w, false);
    }
    uint64_t before = w.ends[BOARD].read;
    uint64_t before_bridge = w.ends[BRIDGE].read;
    assert_int_equal(wb_link_state(&w.ends[BOARD].link), WB_LINK_OPEN);
    assert_int_equal(wb_link_state(&w.ends[BRIDGE].link), WB_LINK_OPEN);
    for (int i = 0; i < 100; i++) {
        step(&w, false);
    }
    assert_true(w.ends[BOARD].read > before);
    assert_true(w.ends[BRIDGE].read > before_bridge);
    printf(
        "one byte in %u hit: %llu bytes delivered, %llu on the line, %llu restarts, %u sessions\n",
        fault_one_in, (unsigned long long)w.delivered, (unsigned long long)w.line_bytes,
        (unsigned long long)w.restarts, w.sessions);
}

static void delivers_in_order_over_a_bad_line(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        run(seed, 1000);
        run(seed, 100);
    }
    uint64_t fresh = wb_seed("link channel");
    run(fresh, 3000);
    run(fresh, 300);
    run(fresh, 50);
}

static void a_perfect_line_costs_two_frames_a_payload(void **state)
{
    (void)state;
    struct world w = {.random = {1}, .now = 1};
    restart(&w, BOARD);
    restart(&w, BRIDGE);
    while (wb_link_state(&w.ends[BOARD].link) != WB_LINK_OPEN) {
        step(&w, false);
    }
    struct wb_link *from = &w.ends[BOARD].link;
    struct wb_link *to = &w.ends[BRIDGE].link;
    const uint8_t *data;
    uint8_t payload[WB_LINK_PAYLOAD_MAX] = {0};
    uint8_t buf[300];
    size_t len;
    do { /* what step left behind */
        len = wb_link_emit(from, w.now, buf, sizeof buf);
        wb_link_feed(to, w.now, buf, len);
        wb_link_read(to, &data, &len);
        wb_link_read_done(to, len);
        len = wb_link_emit(to, w.now, buf, sizeof buf);
        wb_link_feed(from, w.now, buf, len);
        wb_link_read(from, &data, &len);
        wb_link_read_done(from, len);
    } while (!wb_link_is_flushed(from) || !wb_link_is_flushed(to));
    size_t up = 0;
    size_t down = 0;
    for (int i = 0; i < 100; i++) {
        size_t taken;
        assert_ok(wb_link_write(from, payload, sizeof payload, &taken));
        assert_int_equal(taken, sizeof payload);
        len = wb_link_emit(from, w.now, buf, sizeof buf);
        wb_link_feed(to, w.now, buf, len);
        up += len;
        wb_link_read(to, &data, &len);
        wb_link_read_done(to, len);
        len = wb_link_emit(to, w.now, buf, sizeof buf);
        wb_link_feed(from, w.now, buf, len);
        down += len;
    }
    printf("100 payloads of 128 bytes: %zu bytes up, %zu down\n", up, down);
    assert_true(up <= 100 * (sizeof payload + 13) + 14);
    assert_true(down <= 100 * 14 + 14);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(delivers_in_order_over_a_bad_line),
        cmocka_unit_test(a_perfect_line_costs_two_frames_a_payload),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
