/* SPDX-License-Identifier: AGPL-3.0-only */
/* host.h: the host functions as one table: module, name, signature, function. A row's place is its
 * index in installed images: rows are only ever added at the end, and never change their signature.
 */
#ifndef WB_AGENT_HOST_H
#define WB_AGENT_HOST_H

#include "agent.h"

#define WASI "wasi_snapshot_preview1"

#define HOST_FUNCTIONS(X)                                                                          \
    X("wasmbed", "log", "iii>", host_log)                                                          \
    X("wasmbed", "time_ms", ">I", host_time_ms)                                                    \
    X("wasmbed", "unix_ms", ">I", host_unix_ms)                                                    \
    X("wasmbed", "sleep_ms", "i>", host_sleep_ms)                                                  \
    X("wasmbed", "timer_set", "ii>i", host_timer_set)                                              \
    X("wasmbed", "timer_cancel", "i>i", host_timer_cancel)                                         \
    X("wasmbed", "publish", "iiii>i", host_publish)                                                \
    X("wasmbed", "subscribe", "ii>i", host_subscribe)                                              \
    X("wasmbed", "unsubscribe", "i>i", host_unsubscribe)                                           \
    X("wasmbed", "receive", "ii>i", host_receive)                                                  \
    X("wasmbed", "arg", "iii>i", host_arg)                                                         \
    X("wasmbed", "env", "iiii>i", host_env)                                                        \
    X(WASI, "args_get", "ii>i", wasi_args_get)                                                     \
    X(WASI, "args_sizes_get", "ii>i", wasi_args_sizes_get)                                         \
    X(WASI, "environ_get", "ii>i", wasi_environ_get)                                               \
    X(WASI, "environ_sizes_get", "ii>i", wasi_environ_sizes_get)                                   \
    X(WASI, "clock_res_get", "ii>i", wasi_clock_res_get)                                           \
    X(WASI, "clock_time_get", "iIi>i", wasi_clock_time_get)                                        \
    X(WASI, "random_get", "ii>i", wasi_random_get)                                                 \
    X(WASI, "fd_write", "iiii>i", wasi_fd_write)                                                   \
    X(WASI, "fd_read", "iiii>i", wasi_fd_read)                                                     \
    X(WASI, "fd_close", "i>i", wasi_fd_close)                                                      \
    X(WASI, "fd_seek", "iIii>i", wasi_fd_seek)                                                     \
    X(WASI, "fd_fdstat_get", "ii>i", wasi_fd_fdstat_get)                                           \
    X(WASI, "fd_prestat_get", "ii>i", wasi_fd_prestat_get)                                         \
    X(WASI, "fd_prestat_dir_name", "iii>i", wasi_fd_prestat_dir_name)                              \
    X(WASI, "poll_oneoff", "iiii>i", wasi_poll_oneoff)                                             \
    X(WASI, "sched_yield", ">i", wasi_sched_yield)                                                 \
    X(WASI, "proc_exit", "i>", wasi_proc_exit)

#define HOST_PROTOTYPE(module, name, signature, function)                                          \
    enum wb_wasm_host function(void *ctx, struct wb_wasm_instance *inst, uint64_t *slots);
HOST_FUNCTIONS(HOST_PROTOTYPE)
#undef HOST_PROTOTYPE

#endif
