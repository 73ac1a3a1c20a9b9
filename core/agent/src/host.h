/* SPDX-License-Identifier: AGPL-3.0-only */
/* host.h: the host functions as one table: module, name, signature, function. A row's place is its
 * index in installed images: rows are only ever added at the end, and never change their signature.
 */
#ifndef WB_AGENT_HOST_H
#define WB_AGENT_HOST_H

#include "agent.h"

#define WASI "wasi_snapshot_preview1"

#define HOST_FUNCTIONS(X)                                                                          \
    X("wasmbed", "log", "iii>", wb_agent_host_log)                                                 \
    X("wasmbed", "time_ms", ">I", wb_agent_host_time_ms)                                           \
    X("wasmbed", "unix_ms", ">I", wb_agent_host_unix_ms)                                           \
    X("wasmbed", "sleep_ms", "i>", wb_agent_host_sleep_ms)                                         \
    X("wasmbed", "timer_set", "ii>i", wb_agent_host_timer_set)                                     \
    X("wasmbed", "timer_cancel", "i>i", wb_agent_host_timer_cancel)                                \
    X("wasmbed", "publish", "iiii>i", wb_agent_host_publish)                                       \
    X("wasmbed", "subscribe", "ii>i", wb_agent_host_subscribe)                                     \
    X("wasmbed", "unsubscribe", "i>i", wb_agent_host_unsubscribe)                                  \
    X("wasmbed", "receive", "ii>i", wb_agent_host_receive)                                         \
    X("wasmbed", "arg", "iii>i", wb_agent_host_arg)                                                \
    X("wasmbed", "env", "iiii>i", wb_agent_host_env)                                               \
    X(WASI, "args_get", "ii>i", wb_agent_wasi_args_get)                                            \
    X(WASI, "args_sizes_get", "ii>i", wb_agent_wasi_args_sizes_get)                                \
    X(WASI, "environ_get", "ii>i", wb_agent_wasi_environ_get)                                      \
    X(WASI, "environ_sizes_get", "ii>i", wb_agent_wasi_environ_sizes_get)                          \
    X(WASI, "clock_res_get", "ii>i", wb_agent_wasi_clock_res_get)                                  \
    X(WASI, "clock_time_get", "iIi>i", wb_agent_wasi_clock_time_get)                               \
    X(WASI, "random_get", "ii>i", wb_agent_wasi_random_get)                                        \
    X(WASI, "fd_write", "iiii>i", wb_agent_wasi_fd_write)                                          \
    X(WASI, "fd_read", "iiii>i", wb_agent_wasi_fd_read)                                            \
    X(WASI, "fd_close", "i>i", wb_agent_wasi_fd_close)                                             \
    X(WASI, "fd_seek", "iIii>i", wb_agent_wasi_fd_seek)                                            \
    X(WASI, "fd_fdstat_get", "ii>i", wb_agent_wasi_fd_fdstat_get)                                  \
    X(WASI, "fd_prestat_get", "ii>i", wb_agent_wasi_fd_prestat_get)                                \
    X(WASI, "fd_prestat_dir_name", "iii>i", wb_agent_wasi_fd_prestat_dir_name)                     \
    X(WASI, "poll_oneoff", "iiii>i", wb_agent_wasi_poll_oneoff)                                    \
    X(WASI, "sched_yield", ">i", wb_agent_wasi_sched_yield)                                        \
    X(WASI, "proc_exit", "i>", wb_agent_wasi_proc_exit)                                            \
    X("env", "abort", "iiii>", wb_agent_env_abort)

#define HOST_PROTOTYPE(module, name, signature, function)                                          \
    enum wb_wasm_host function(void *ctx, struct wb_wasm_instance *inst, uint64_t *slots);
HOST_FUNCTIONS(HOST_PROTOTYPE)
#undef HOST_PROTOTYPE

#endif
