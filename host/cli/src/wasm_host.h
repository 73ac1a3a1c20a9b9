/* SPDX-License-Identifier: AGPL-3.0-only */
/* wasm_host.h: what a module can import under `wasmbed wasm run`: the functions of devices (WASI
 * preview 1 subset, module `wasmbed`), with this terminal instead of a log and a gateway.
 * Shape    the interpreter calls wasm_host_funcs; a call that waits suspends the instance and
 *          leaves wake_at; the caller sleeps and calls wasm_host_resume()
 * Differs  output is written at once; fd_read reads standard input; topics go from an application
 *          to itself
 */
#ifndef WB_CLI_WASM_HOST_H
#define WB_CLI_WASM_HOST_H

#include "wb_base.h"
#include "wb_wasm.h"

#define WASM_TIMERS_MAX        4u
#define WASM_SUBSCRIPTIONS_MAX 4u
#define WASM_INBOX_MAX         64u
#define WASM_TOPIC_MAX         127u
#define WASM_MESSAGE_MAX       1024u
#define WASM_HOST_FUNCS        30u

struct wasm_message {
    uint32_t handle;
    uint32_t len;
    uint8_t bytes[WASM_MESSAGE_MAX];
};

struct wasm_host_binding {
    struct wasm_host *host;
    uint32_t row; /* of the table of functions */
};

struct wasm_host {
    const char *const *args; /* borrowed; args[0] is the application's name */
    uint32_t arg_count;
    const char *const *env; /* borrowed; NAME=VALUE */
    uint32_t env_count;
    bool is_traced; /* calls of host functions go to standard error */
    struct {
        wb_ms next; /* WB_NEVER: not set */
        uint32_t period_ms;
    } timers[WASM_TIMERS_MAX];
    struct {
        uint8_t len; /* 0: free */
        char topic[WASM_TOPIC_MAX];
    } subscriptions[WASM_SUBSCRIPTIONS_MAX];
    struct wasm_message inbox[WASM_INBOX_MAX]; /* a ring */
    uint32_t inbox_first, inbox_count;
    bool has_message; /* on_message runs and has not received */
    wb_ms wake_at;    /* of the suspended call */
    uint32_t poll_in, poll_out, poll_count, poll_result;
    wb_ms poll_begin;
    bool is_polling;
    bool has_exited;
    int32_t exit_code;
    const char *trap_reason;                            /* why a host function failed; NULL */
    char trap_text[192];                                /* may hold it */
    struct wasm_host_binding bindings[WASM_HOST_FUNCS]; /* what each function gets as ctx */
    struct wb_wasm_host_func funcs[WASM_HOST_FUNCS];
};

/* The same rows, in the same order, as devices have: their index is part of images. */
extern const struct wb_wasm_import wasm_host_imports[];
extern const uint16_t wasm_host_import_count;

void wasm_host_init(struct wasm_host *host);
/* Milliseconds of the monotonic clock. */
wb_ms wasm_host_now(void);
/* The call that suspended has waited long enough: brings its results. */
void wasm_host_resume(struct wasm_host *host, struct wb_wasm_instance *inst);

#endif
