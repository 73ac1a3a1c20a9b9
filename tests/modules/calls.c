/* SPDX-License-Identifier: AGPL-3.0-only */
/* A reactor that uses every function of the module `wasmbed`, and each in a wrong way that has an
 * answer. */
#include "wasmbed.h"

WASMBED_EXPORT("_initialize") void calls_initialize(void);
WASMBED_EXPORT("on_timer") void on_timer(int32_t id);
WASMBED_EXPORT("on_message") void on_message(int32_t subscription, int32_t length);

static char buffer[64];
static int32_t subscription_a;

static void expect(const char *what, int32_t value, int32_t wanted)
{
    char line[64];
    size_t at;

    if (value != wanted) {
        at = wasmbed_text_add(line, sizeof(line), 0, "WRONG ");
        at = wasmbed_text_add(line, sizeof(line), at, what);
        at = wasmbed_text_add(line, sizeof(line), at, " gave ");
        at = wasmbed_text_add_i32(line, sizeof(line), at, value);
        wasmbed_log(WASMBED_ERROR, line, at);
    }
}

void calls_initialize(void)
{
    char long_topic[130];

    for (int i = 0; i < 130; i++) {
        long_topic[i] = 'x';
    }
    expect("timer id", wasmbed_timer_set(4, 10), WASMBED_INVALID);
    expect("timer period", wasmbed_timer_set(0, 0), WASMBED_INVALID);
    expect("cancel", wasmbed_timer_cancel(1), WASMBED_NOT_FOUND);
    expect("timer", wasmbed_timer_set(1, 50), 0);
    expect("cancel", wasmbed_timer_cancel(1), 0);
    expect("timer 0", wasmbed_timer_set(0, 100), 0);
    expect("topic of 0", wasmbed_subscribe("", 0), WASMBED_INVALID);
    expect("topic of 130", wasmbed_subscribe(long_topic, 130), WASMBED_INVALID);
    expect("topic t/a", wasmbed_subscribe("t/a", 3), 0);
    expect("topic t/bb", wasmbed_subscribe("t/bb", 4), 1);
    expect("topic t/a again", wasmbed_subscribe("t/a", 3), 0);
    expect("topic of 125", wasmbed_subscribe(long_topic, 125), WASMBED_LIMIT);
    expect("unsubscribe", wasmbed_unsubscribe(0), 0);
    expect("unsubscribe again", wasmbed_unsubscribe(0), WASMBED_NOT_FOUND);
    subscription_a = wasmbed_subscribe("t/a", 3);
    expect("topic t/a anew", subscription_a, 0);
    expect("receive", wasmbed_receive(buffer, sizeof(buffer)), WASMBED_NOT_FOUND);
    expect("arg 0", wasmbed_arg(0, buffer, sizeof(buffer)), 5);
    expect("arg 0 text", buffer[0] == 'c' && buffer[4] == 's', 1);
    expect("arg 9", wasmbed_arg(9, buffer, sizeof(buffer)), WASMBED_NOT_FOUND);
    expect("arg 1 cut", wasmbed_arg(1, buffer, 2), 5);
    expect("env", wasmbed_env_i32("LIMIT", -1), 42);
    expect("env prefix", wasmbed_env_i32("LIMI", -1), -1);
    expect("publish too much", wasmbed_publish("t", 1, (const void *)0, 600), WASMBED_LIMIT);
    expect("publish nowhere", wasmbed_publish("", 0, buffer, 1), WASMBED_INVALID);
    wasmbed_print(WASMBED_INFO, "initialized");
}

void on_timer(int32_t id)
{
    expect("timer fired", id, 0);
    wasmbed_timer_cancel(0);
    wasmbed_print(WASMBED_INFO, "timer");
    wasmbed_log(WASMBED_INFO, "bad \xff\x01 bytes", 12);
}

void on_message(int32_t subscription, int32_t length)
{
    int32_t len = wasmbed_receive(buffer, sizeof(buffer));

    expect("length", len, length);
    expect("subscription", subscription, subscription_a);
    expect("second receive", wasmbed_receive(buffer, sizeof(buffer)), WASMBED_NOT_FOUND);
    expect("publish back", wasmbed_publish("t/back", 6, buffer, (size_t)len), 0);
    wasmbed_log(WASMBED_INFO, buffer, (size_t)len);
}
