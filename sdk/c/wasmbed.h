/* SPDX-License-Identifier: AGPL-3.0-only */
/* wasmbed.h: what a WebAssembly application may ask of a Wasmbed device. One header, no library;
 * works without a C library (clang --target=wasm32 -ffreestanding) and beside wasi-libc.
 *
 * An application is one of two kinds:
 *   command   exports `_start`; it runs until it returns, calls proc_exit or traps. Calls that wait
 *             (wasmbed_sleep_ms, WASI poll_oneoff) suspend the application, never the device.
 *   reactor   exports `_initialize` (optional; runs once) and callbacks:
 *               WASMBED_EXPORT("on_timer") void on_timer(int32_t id);
 *               WASMBED_EXPORT("on_message") void on_message(int32_t subscription, int32_t length);
 *             One callback at a time; the next begins when the one before has returned.
 *
 * Of `wasi_snapshot_preview1` devices offer: args_*, environ_*, clock_time_get, clock_res_get,
 * random_get, fd_write on 1 and 2 (each line becomes a log line), poll_oneoff for clocks,
 * sched_yield, proc_exit; the other fd_* calls a C library needs to start are answered with an
 * error number. Any other import makes the device refuse the module.
 *
 * A pointer or length outside the memory that the device backs (resources.memory) traps.
 */
#ifndef WASMBED_H
#define WASMBED_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define WASMBED_IMPORT(name) __attribute__((import_module("wasmbed"), import_name(name)))
#define WASMBED_EXPORT(name) __attribute__((export_name(name), visibility("default")))

/* Results below 0 of the functions that return int32_t. */
enum {
    WASMBED_AGAIN = -1,     /* no room, or no connection, now: try later or drop it */
    WASMBED_INVALID = -2,   /* an argument is out of its range */
    WASMBED_LIMIT = -3,     /* over a limit of this device */
    WASMBED_NOT_FOUND = -4, /* no such timer, subscription, argument, variable or message */
};

enum {
    WASMBED_ERROR = 0,
    WASMBED_WARNING = 1,
    WASMBED_INFO = 2,
    WASMBED_DEBUG = 3,
};

#define WASMBED_TIMERS_MAX        4 /* timer ids are 0..3 */
#define WASMBED_SUBSCRIPTIONS_MAX 4
#define WASMBED_TOPIC_MAX         127 /* bytes; all subscriptions of an application: 128 bytes together */
#define WASMBED_LOG_MAX           160 /* bytes of a log line; the rest is cut */

/* ---- log ---------------------------------------------------------------------------------- */

/* Writes one line to the device's console and, when connected, to the platform (`wasmbed logs`).
 * Without a connection lines are kept while there is room, then dropped and counted. */
WASMBED_IMPORT("log") void wasmbed_log(int32_t level, const char *text, size_t len);

/* ---- time --------------------------------------------------------------------------------- */

/* Milliseconds since the device started; never goes back. */
WASMBED_IMPORT("time_ms") int64_t wasmbed_time_ms(void);
/* Milliseconds since 1970; 0 while the device does not know the time (it learns it from the
 * gateway). */
WASMBED_IMPORT("unix_ms") int64_t wasmbed_unix_ms(void);
/* Suspends this application for at least that long; 0 lets others run. */
WASMBED_IMPORT("sleep_ms") void wasmbed_sleep_ms(int32_t ms);

/* Calls on_timer(id) every period_ms (1 ..), first after one period; setting it again restarts it.
 * A timer that became due several times while the application was busy calls once. Returns 0;
 * WASMBED_INVALID for an id outside 0..WASMBED_TIMERS_MAX-1 or a period below 1. */
WASMBED_IMPORT("timer_set") int32_t wasmbed_timer_set(int32_t id, int32_t period_ms);
/* Returns 0; WASMBED_NOT_FOUND when it was not set. */
WASMBED_IMPORT("timer_cancel") int32_t wasmbed_timer_cancel(int32_t id);

/* ---- topics ------------------------------------------------------------------------------- */

/* Sends data to all who subscribe to the topic and may read it (the platform routes; the
 * application needs the permission `publish:<topic>`). Returns 0; WASMBED_AGAIN without connection
 * or room; WASMBED_INVALID for an empty or too long topic; WASMBED_LIMIT when the data never fits a
 * message of this device. */
WASMBED_IMPORT("publish")
int32_t wasmbed_publish(const char *topic, size_t topic_len, const void *data, size_t len);

/* Asks for the topic's messages (permission `subscribe:<topic>`): on_message(handle, length) is
 * called for each. Outlasts a lost connection. Returns the handle (0 ..), the same for the same
 * topic; WASMBED_LIMIT, WASMBED_INVALID. */
WASMBED_IMPORT("subscribe") int32_t wasmbed_subscribe(const char *topic, size_t topic_len);
/* Returns 0; WASMBED_NOT_FOUND. */
WASMBED_IMPORT("unsubscribe") int32_t wasmbed_unsubscribe(int32_t handle);

/* Copies the message that on_message announced, at most cap bytes, and returns the message's whole
 * length; only the first call in on_message gets it, then WASMBED_NOT_FOUND. What is not received
 * is dropped when on_message returns. */
WASMBED_IMPORT("receive") int32_t wasmbed_receive(void *buffer, size_t cap);

/* ---- configuration (config.args and config.env of the Application) ------------------------- */

/* Copies argument number index (0 is the application's name, 1 .. are config.args), at most cap
 * bytes, without terminator; returns its whole length or WASMBED_NOT_FOUND. */
WASMBED_IMPORT("arg") int32_t wasmbed_arg(int32_t index, char *buffer, size_t cap);
/* The same for the value of a variable of config.env. */
WASMBED_IMPORT("env")
int32_t wasmbed_env(const char *name, size_t name_len, char *buffer, size_t cap);

/* ---- helpers: text without a C library ---------------------------------------------------- */

static inline size_t wasmbed_text_len(const char *text)
{
    size_t len = 0;

    while (text[len] != '\0') {
        len++;
    }
    return len;
}

/* Appends text to buffer at `at`, keeping the result terminated; returns the new end. cap > 0. */
static inline size_t wasmbed_text_add(char *buffer, size_t cap, size_t at, const char *text)
{
    while (*text != '\0' && at + 1 < cap) {
        buffer[at++] = *text++;
    }
    buffer[at] = '\0';
    return at;
}

/* The same for a decimal number. */
static inline size_t wasmbed_text_add_i32(char *buffer, size_t cap, size_t at, int32_t value)
{
    char digits[12];
    size_t i = sizeof(digits) - 1;
    uint32_t left = value < 0 ? 0u - (uint32_t)value : (uint32_t)value;

    digits[i] = '\0';
    do {
        digits[--i] = (char)('0' + left % 10u);
        left /= 10u;
    } while (left != 0);
    if (value < 0) {
        digits[--i] = '-';
    }
    return wasmbed_text_add(buffer, cap, at, digits + i);
}

/* A decimal number at the start of text; fallback when there is none or it does not fit. */
static inline int32_t wasmbed_text_to_i32(const char *text, size_t len, int32_t fallback)
{
    int32_t value = 0;
    size_t i = 0;
    int negative = len > 0 && text[0] == '-';

    if (negative) {
        i = 1;
    }
    if (i == len || text[i] < '0' || text[i] > '9') {
        return fallback;
    }
    for (; i < len && text[i] >= '0' && text[i] <= '9'; i++) {
        if (value > (INT32_MAX - (text[i] - '0')) / 10) {
            return fallback;
        }
        value = value * 10 + (text[i] - '0');
    }
    return negative ? -value : value;
}

/* A variable of config.env as a number; fallback when it is absent or no number. */
static inline int32_t wasmbed_env_i32(const char *name, int32_t fallback)
{
    char text[12];
    int32_t len = wasmbed_env(name, wasmbed_text_len(name), text, sizeof(text));

    if (len < 0 || len > (int32_t)sizeof(text)) {
        return fallback;
    }
    return wasmbed_text_to_i32(text, (size_t)len, fallback);
}

static inline void wasmbed_print(int32_t level, const char *text)
{
    wasmbed_log(level, text, wasmbed_text_len(text));
}

#ifdef __cplusplus
}
#endif

#endif
