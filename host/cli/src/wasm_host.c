/* SPDX-License-Identifier: AGPL-3.0-only */
/* The host functions of devices for a program on a terminal. One table makes the import list, the
 * function list and the trace's wrappers; contracts stand in sdk/c/wasmbed.h. */
#include "wasm_host.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define WASI "wasi_snapshot_preview1"

/* A row's place is its index in images: as in devices. */
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
    X(WASI, "fd_prestat_get", "ii>i", wasi_fd_prestat)                                             \
    X(WASI, "fd_prestat_dir_name", "iii>i", wasi_fd_prestat)                                       \
    X(WASI, "poll_oneoff", "iiii>i", wasi_poll_oneoff)                                             \
    X(WASI, "sched_yield", ">i", wasi_sched_yield)                                                 \
    X(WASI, "proc_exit", "i>", wasi_proc_exit)                                                     \
    X("env", "abort", "iiii>", env_abort)

typedef enum wb_wasm_host host_fn(struct wasm_host *host, struct wb_wasm_instance *inst,
                                  uint64_t *slots);
static host_fn host_log, host_time_ms, host_unix_ms, host_sleep_ms, host_timer_set,
    host_timer_cancel, host_publish, host_subscribe, host_unsubscribe, host_receive, host_arg,
    host_env, wasi_args_get, wasi_args_sizes_get, wasi_environ_get, wasi_environ_sizes_get,
    wasi_clock_res_get, wasi_clock_time_get, wasi_random_get, wasi_fd_write, wasi_fd_read,
    wasi_fd_close, wasi_fd_seek, wasi_fd_fdstat_get, wasi_fd_prestat, wasi_poll_oneoff,
    wasi_sched_yield, wasi_proc_exit, env_abort;

struct row {
    const char *name;
    const char *signature;
    host_fn *function;
};
static const struct row rows[] = {
#define HOST_ROW(module, name, signature, function) {name, signature, function},
    HOST_FUNCTIONS(HOST_ROW)
#undef HOST_ROW
};

_Static_assert(WB_ARRAY_LEN(rows) == WASM_HOST_FUNCS, "the table and its size go together");

/* The import table wants each row's number: the interpreter's ctx says which row is called. */
enum { ROW_BASE = __COUNTER__ + 1 };
const struct wb_wasm_import wasm_host_imports[] = {
#define HOST_IMPORT(module_name, field, sig, function)                                             \
    {.module = module_name,                                                                        \
     .name = field,                                                                                \
     .signature = sig,                                                                             \
     .index = __COUNTER__ - ROW_BASE,                                                              \
     .kind = WB_WASM_FUNC},
    HOST_FUNCTIONS(HOST_IMPORT)
#undef HOST_IMPORT
};
const uint16_t wasm_host_import_count = WASM_HOST_FUNCS;

/* Results of sdk/c/wasmbed.h. */
#define GUEST_AGAIN     ((uint32_t)-1)
#define GUEST_INVALID   ((uint32_t)-2)
#define GUEST_LIMIT     ((uint32_t)-3)
#define GUEST_NOT_FOUND ((uint32_t)-4)

/* Error numbers of WASI. */
#define ERRNO_SUCCESS 0u
#define ERRNO_BADF    8u
#define ERRNO_INVAL   28u
#define ERRNO_IO      29u
#define ERRNO_NOTSUP  58u
#define ERRNO_SPIPE   70u

#define CLOCK_ID_REALTIME  0u
#define CLOCK_ID_MONOTONIC 1u
#define NS_PER_MS          1000000u

static enum wb_wasm_host call(void *ctx, struct wb_wasm_instance *inst, uint64_t *slots);

void wasm_host_init(struct wasm_host *host)
{
    memset(host, 0, sizeof *host);
    for (uint32_t i = 0; i < WASM_TIMERS_MAX; i++) {
        host->timers[i].next = WB_NEVER;
    }
    host->wake_at = WB_NEVER;
    for (uint32_t i = 0; i < WASM_HOST_FUNCS; i++) {
        host->bindings[i] = (struct wasm_host_binding){host, i};
        host->funcs[i] = (struct wb_wasm_host_func){call, &host->bindings[i]};
    }
}

/* Values of one side of a signature. */
static void trace_values(const char *types, const uint64_t *slots)
{
    for (size_t i = 0; types[i] != '\0' && types[i] != '>'; i++) {
        long long value =
            types[i] == 'I' ? (long long)slots[i] : (long long)(int32_t)(uint32_t)slots[i];
        fprintf(stderr, "%s%lld", i > 0 ? ", " : "", value);
    }
}

static enum wb_wasm_host call(void *ctx, struct wb_wasm_instance *inst, uint64_t *slots)
{
    const struct wasm_host_binding *binding = ctx;
    const struct row *row = &rows[binding->row];
    if (binding->host->is_traced) {
        fprintf(stderr, "  host %s(", row->name);
        trace_values(row->signature, slots);
    }
    enum wb_wasm_host result = row->function(binding->host, inst, slots);
    if (binding->host->is_traced) {
        fprintf(stderr, result == WB_WASM_HOST_DONE ? ") = " : ") ");
        if (result == WB_WASM_HOST_DONE) {
            trace_values(strchr(row->signature, '>') + 1, slots);
        }
        fprintf(stderr, "%s\n", result == WB_WASM_HOST_SUSPEND ? "waits" : "");
    }
    return result;
}

static enum wb_wasm_host fail(struct wasm_host *host, const char *reason)
{
    host->trap_reason = reason;
    return WB_WASM_HOST_TRAP;
}

static enum wb_wasm_host wait_until(struct wasm_host *host, wb_ms until)
{
    host->wake_at = until;
    return WB_WASM_HOST_SUSPEND;
}

static enum wb_wasm_host answer(uint64_t *slots, uint32_t result)
{
    slots[0] = result;
    return WB_WASM_HOST_DONE;
}

static uint8_t *guest(struct wb_wasm_instance *inst, uint64_t address, uint64_t len)
{
    return wb_wasm_memory(inst, (uint32_t)address, (uint32_t)len);
}

static void put_le32(uint8_t *at, uint32_t value)
{
    struct wb_writer w;
    wb_writer_init(&w, at, 4);
    wb_write_le32(&w, value);
}

static void put_le64(uint8_t *at, uint64_t value)
{
    struct wb_writer w;
    wb_writer_init(&w, at, 8);
    wb_write_le64(&w, value);
}

static uint32_t get_le32(const uint8_t *at)
{
    struct wb_reader r;
    wb_reader_init(&r, at, 4);
    return wb_read_le32(&r);
}

static uint64_t get_le64(const uint8_t *at)
{
    struct wb_reader r;
    wb_reader_init(&r, at, 8);
    return wb_read_le64(&r);
}

/* ---- log and time -------------------------------------------------------------------------- */

static uint64_t clock_ns(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

wb_ms wasm_host_now(void)
{
    return clock_ns(CLOCK_MONOTONIC) / NS_PER_MS;
}

/* Writes all of it; what a closed output does not take is lost, as on a device. */
static bool write_all(int fd, const uint8_t *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, bytes, len);
        if (n <= 0) {
            return false;
        }
        bytes += n;
        len -= (size_t)n;
    }
    return true;
}

static enum wb_wasm_host host_log(struct wasm_host *host, struct wb_wasm_instance *inst,
                                  uint64_t *slots)
{
    static const char *const levels[] = {"error", "warning", "info", "debug"};
    uint32_t level = (uint32_t)slots[0] < 3 ? (uint32_t)slots[0] : 3;
    const uint8_t *text = guest(inst, slots[1], slots[2]);
    if (text == NULL) {
        return fail(host, "log: text outside of memory");
    }
    dprintf(STDOUT_FILENO, "%s: %.*s\n", levels[level], (int)(uint32_t)slots[2],
            (const char *)text);
    return WB_WASM_HOST_DONE;
}

static enum wb_wasm_host host_time_ms(struct wasm_host *host, struct wb_wasm_instance *inst,
                                      uint64_t *slots)
{
    (void)host;
    (void)inst;
    slots[0] = wasm_host_now();
    return WB_WASM_HOST_DONE;
}

static enum wb_wasm_host host_unix_ms(struct wasm_host *host, struct wb_wasm_instance *inst,
                                      uint64_t *slots)
{
    (void)host;
    (void)inst;
    slots[0] = clock_ns(CLOCK_REALTIME) / NS_PER_MS;
    return WB_WASM_HOST_DONE;
}

static enum wb_wasm_host host_sleep_ms(struct wasm_host *host, struct wb_wasm_instance *inst,
                                       uint64_t *slots)
{
    int32_t ms = (int32_t)(uint32_t)slots[0];
    (void)inst;
    return wait_until(host, wasm_host_now() + (ms > 0 ? (wb_ms)ms : 0));
}

static enum wb_wasm_host host_timer_set(struct wasm_host *host, struct wb_wasm_instance *inst,
                                        uint64_t *slots)
{
    uint32_t id = (uint32_t)slots[0];
    int32_t period_ms = (int32_t)(uint32_t)slots[1];
    (void)inst;
    if (id >= WASM_TIMERS_MAX || period_ms < 1) {
        return answer(slots, GUEST_INVALID);
    }
    host->timers[id].period_ms = (uint32_t)period_ms;
    host->timers[id].next = wasm_host_now() + (wb_ms)period_ms;
    return answer(slots, 0);
}

static enum wb_wasm_host host_timer_cancel(struct wasm_host *host, struct wb_wasm_instance *inst,
                                           uint64_t *slots)
{
    uint32_t id = (uint32_t)slots[0];
    (void)inst;
    if (id >= WASM_TIMERS_MAX || host->timers[id].next == WB_NEVER) {
        return answer(slots, GUEST_NOT_FOUND);
    }
    host->timers[id].next = WB_NEVER;
    return answer(slots, 0);
}

/* ---- topics -------------------------------------------------------------------------------- */

/* WASM_SUBSCRIPTIONS_MAX: none. */
static uint32_t handle_find(const struct wasm_host *host, const uint8_t *topic, uint32_t len)
{
    uint32_t i = 0;
    while (i < WASM_SUBSCRIPTIONS_MAX && (host->subscriptions[i].len != len ||
                                          memcmp(host->subscriptions[i].topic, topic, len) != 0)) {
        i++;
    }
    return i;
}

static enum wb_wasm_host host_publish(struct wasm_host *host, struct wb_wasm_instance *inst,
                                      uint64_t *slots)
{
    uint32_t topic_len = (uint32_t)slots[1];
    uint32_t len = (uint32_t)slots[3];
    const uint8_t *topic = guest(inst, slots[0], topic_len);
    const uint8_t *data = guest(inst, slots[2], len);
    if (topic == NULL || data == NULL) {
        return fail(host, "publish: topic or data outside of memory");
    }
    if (topic_len == 0 || topic_len > WASM_TOPIC_MAX) {
        return answer(slots, GUEST_INVALID);
    }
    if (len > WASM_MESSAGE_MAX) {
        return answer(slots, GUEST_LIMIT);
    }
    uint32_t handle = handle_find(host, topic, topic_len);
    if (handle == WASM_SUBSCRIPTIONS_MAX) {
        return answer(slots, 0); /* nobody listens */
    }
    if (host->inbox_count == WASM_INBOX_MAX) {
        return answer(slots, GUEST_AGAIN);
    }
    struct wasm_message *message =
        &host->inbox[(host->inbox_first + host->inbox_count++) % WASM_INBOX_MAX];
    message->handle = handle;
    message->len = len;
    memcpy(message->bytes, data, len);
    return answer(slots, 0);
}

static enum wb_wasm_host host_subscribe(struct wasm_host *host, struct wb_wasm_instance *inst,
                                        uint64_t *slots)
{
    uint32_t len = (uint32_t)slots[1];
    const uint8_t *topic = guest(inst, slots[0], len);
    if (topic == NULL) {
        return fail(host, "subscribe: topic outside of memory");
    }
    if (len == 0 || len > WASM_TOPIC_MAX) {
        return answer(slots, GUEST_INVALID);
    }
    uint32_t handle = handle_find(host, topic, len);
    if (handle < WASM_SUBSCRIPTIONS_MAX) {
        return answer(slots, handle);
    }
    for (handle = 0; handle < WASM_SUBSCRIPTIONS_MAX && host->subscriptions[handle].len != 0;) {
        handle++;
    }
    if (handle == WASM_SUBSCRIPTIONS_MAX) {
        return answer(slots, GUEST_LIMIT);
    }
    host->subscriptions[handle].len = (uint8_t)len;
    memcpy(host->subscriptions[handle].topic, topic, len);
    return answer(slots, handle);
}

static enum wb_wasm_host host_unsubscribe(struct wasm_host *host, struct wb_wasm_instance *inst,
                                          uint64_t *slots)
{
    uint32_t handle = (uint32_t)slots[0];
    (void)inst;
    if (handle >= WASM_SUBSCRIPTIONS_MAX || host->subscriptions[handle].len == 0) {
        return answer(slots, GUEST_NOT_FOUND);
    }
    host->subscriptions[handle].len = 0;
    return answer(slots, 0);
}

static enum wb_wasm_host host_receive(struct wasm_host *host, struct wb_wasm_instance *inst,
                                      uint64_t *slots)
{
    uint32_t cap = (uint32_t)slots[1];
    uint8_t *buf = guest(inst, slots[0], cap);
    if (buf == NULL) {
        return fail(host, "receive: buffer outside of memory");
    }
    if (!host->has_message) {
        return answer(slots, GUEST_NOT_FOUND);
    }
    const struct wasm_message *message = &host->inbox[host->inbox_first];
    memcpy(buf, message->bytes, message->len < cap ? message->len : cap);
    host->has_message = false;
    return answer(slots, message->len);
}

/* ---- configuration ------------------------------------------------------------------------- */

static enum wb_wasm_host text_copy(uint8_t *buf, uint32_t cap, const char *text, uint64_t *slots)
{
    size_t len = strlen(text);
    memcpy(buf, text, len < cap ? len : cap);
    return answer(slots, (uint32_t)len);
}

static enum wb_wasm_host host_arg(struct wasm_host *host, struct wb_wasm_instance *inst,
                                  uint64_t *slots)
{
    uint32_t index = (uint32_t)slots[0];
    uint8_t *buf = guest(inst, slots[1], slots[2]);
    if (buf == NULL) {
        return fail(host, "arg: buffer outside of memory");
    }
    return index < host->arg_count ? text_copy(buf, (uint32_t)slots[2], host->args[index], slots)
                                   : answer(slots, GUEST_NOT_FOUND);
}

static enum wb_wasm_host host_env(struct wasm_host *host, struct wb_wasm_instance *inst,
                                  uint64_t *slots)
{
    uint32_t len = (uint32_t)slots[1];
    const char *name = (const char *)guest(inst, slots[0], len);
    uint8_t *buf = guest(inst, slots[2], slots[3]);
    if (name == NULL || buf == NULL) {
        return fail(host, "env: name or buffer outside of memory");
    }
    for (uint32_t i = 0; i < host->env_count; i++) {
        const char *entry = host->env[i];
        if (strlen(entry) > len && entry[len] == '=' && memcmp(entry, name, len) == 0) {
            return text_copy(buf, (uint32_t)slots[3], entry + len + 1, slots);
        }
    }
    return answer(slots, GUEST_NOT_FOUND);
}

static enum wb_wasm_host sizes_get(struct wasm_host *host, struct wb_wasm_instance *inst,
                                   uint64_t *slots, const char *const *texts, uint32_t count)
{
    uint8_t *count_at = guest(inst, slots[0], 4);
    uint8_t *size_at = guest(inst, slots[1], 4);
    size_t size = 0;
    if (count_at == NULL || size_at == NULL) {
        return fail(host, "args_sizes_get: pointer outside of memory");
    }
    for (uint32_t i = 0; i < count; i++) {
        size += strlen(texts[i]) + 1;
    }
    put_le32(count_at, count);
    put_le32(size_at, (uint32_t)size);
    return answer(slots, ERRNO_SUCCESS);
}

static enum wb_wasm_host texts_get(struct wasm_host *host, struct wb_wasm_instance *inst,
                                   uint64_t *slots, const char *const *texts, uint32_t count)
{
    uint32_t pointers = (uint32_t)slots[0];
    uint32_t at = (uint32_t)slots[1];
    for (uint32_t i = 0; i < count; i++) {
        size_t len = strlen(texts[i]) + 1;
        uint8_t *pointer = guest(inst, pointers, 4);
        uint8_t *bytes = guest(inst, at, len);
        if (pointer == NULL || bytes == NULL) {
            return fail(host, "args_get: buffer outside of memory");
        }
        put_le32(pointer, at);
        memcpy(bytes, texts[i], len);
        pointers += 4;
        at += (uint32_t)len;
    }
    return answer(slots, ERRNO_SUCCESS);
}

static enum wb_wasm_host wasi_args_get(struct wasm_host *host, struct wb_wasm_instance *inst,
                                       uint64_t *slots)
{
    return texts_get(host, inst, slots, host->args, host->arg_count);
}

static enum wb_wasm_host wasi_args_sizes_get(struct wasm_host *host, struct wb_wasm_instance *inst,
                                             uint64_t *slots)
{
    return sizes_get(host, inst, slots, host->args, host->arg_count);
}

static enum wb_wasm_host wasi_environ_get(struct wasm_host *host, struct wb_wasm_instance *inst,
                                          uint64_t *slots)
{
    return texts_get(host, inst, slots, host->env, host->env_count);
}

static enum wb_wasm_host wasi_environ_sizes_get(struct wasm_host *host,
                                                struct wb_wasm_instance *inst, uint64_t *slots)
{
    return sizes_get(host, inst, slots, host->env, host->env_count);
}

/* ---- clocks and random bytes ---------------------------------------------------------------- */

static enum wb_wasm_host wasi_clock_res_get(struct wasm_host *host, struct wb_wasm_instance *inst,
                                            uint64_t *slots)
{
    uint8_t *at = guest(inst, slots[1], 8);
    if (at == NULL) {
        return fail(host, "clock_res_get: pointer outside of memory");
    }
    if ((uint32_t)slots[0] > CLOCK_ID_MONOTONIC) {
        return answer(slots, ERRNO_INVAL);
    }
    put_le64(at, NS_PER_MS);
    return answer(slots, ERRNO_SUCCESS);
}

static enum wb_wasm_host wasi_clock_time_get(struct wasm_host *host, struct wb_wasm_instance *inst,
                                             uint64_t *slots)
{
    uint32_t clock = (uint32_t)slots[0];
    uint8_t *at = guest(inst, slots[2], 8);
    if (at == NULL) {
        return fail(host, "clock_time_get: pointer outside of memory");
    }
    if (clock > CLOCK_ID_MONOTONIC) {
        return answer(slots, ERRNO_INVAL);
    }
    put_le64(at, clock_ns(clock == CLOCK_ID_REALTIME ? CLOCK_REALTIME : CLOCK_MONOTONIC) /
                     NS_PER_MS * NS_PER_MS);
    return answer(slots, ERRNO_SUCCESS);
}

static enum wb_wasm_host wasi_random_get(struct wasm_host *host, struct wb_wasm_instance *inst,
                                         uint64_t *slots)
{
    uint32_t len = (uint32_t)slots[1];
    uint8_t *buf = guest(inst, slots[0], len);
    if (buf == NULL) {
        return fail(host, "random_get: buffer outside of memory");
    }
    for (uint32_t done = 0; done < len;) {
        ssize_t n = getrandom(buf + done, len - done, 0);
        if (n <= 0) {
            return answer(slots, ERRNO_IO);
        }
        done += (uint32_t)n;
    }
    return answer(slots, ERRNO_SUCCESS);
}

/* ---- standard streams ------------------------------------------------------------------------ */

/* NULL when all buffers of a list lie in memory, else what does not. */
static const char *vectors_check(struct wb_wasm_instance *inst, uint32_t iovs, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *iov = guest(inst, iovs + 8u * i, 8);
        if (iov == NULL) {
            return "fd_write: vector outside of memory";
        }
        if (guest(inst, get_le32(iov), get_le32(iov + 4)) == NULL) {
            return "fd_write: text outside of memory";
        }
    }
    return NULL;
}

static enum wb_wasm_host wasi_fd_write(struct wasm_host *host, struct wb_wasm_instance *inst,
                                       uint64_t *slots)
{
    uint32_t fd = (uint32_t)slots[0];
    uint32_t iovs = (uint32_t)slots[1];
    uint32_t count = (uint32_t)slots[2];
    uint8_t *written_at = guest(inst, slots[3], 4);
    uint32_t written = 0;
    if (written_at == NULL) {
        return fail(host, "fd_write: pointer outside of memory");
    }
    if (fd != 1 && fd != 2) {
        return answer(slots, ERRNO_BADF);
    }
    if (count > 64) {
        return answer(slots, ERRNO_INVAL);
    }
    const char *wrong = vectors_check(inst, iovs, count);
    if (wrong != NULL) {
        return fail(host, wrong);
    }
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *iov = guest(inst, iovs + 8u * i, 8);
        uint32_t len = get_le32(iov + 4);
        if (!write_all((int)fd, guest(inst, get_le32(iov), len), len)) {
            return answer(slots, ERRNO_IO);
        }
        written += len;
    }
    put_le32(written_at, written);
    return answer(slots, ERRNO_SUCCESS);
}

static enum wb_wasm_host wasi_fd_read(struct wasm_host *host, struct wb_wasm_instance *inst,
                                      uint64_t *slots)
{
    uint32_t iovs = (uint32_t)slots[1];
    uint32_t count = (uint32_t)slots[2];
    uint8_t *read_at = guest(inst, slots[3], 4);
    if (read_at == NULL) {
        return fail(host, "fd_read: pointer outside of memory");
    }
    if ((uint32_t)slots[0] != 0) {
        return answer(slots, ERRNO_BADF);
    }
    if (count > 64) {
        return answer(slots, ERRNO_INVAL);
    }
    if (vectors_check(inst, iovs, count) != NULL) {
        return fail(host, "fd_read: buffer outside of memory");
    }
    uint32_t total = 0;
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *iov = guest(inst, iovs + 8u * i, 8);
        uint32_t len = get_le32(iov + 4);
        ssize_t n = len > 0 ? read(STDIN_FILENO, guest(inst, get_le32(iov), len), len) : 0;
        if (n < 0) {
            return answer(slots, ERRNO_IO);
        }
        total += (uint32_t)n;
        if ((uint32_t)n < len) {
            break;
        }
    }
    put_le32(read_at, total);
    return answer(slots, ERRNO_SUCCESS);
}

static enum wb_wasm_host wasi_fd_close(struct wasm_host *host, struct wb_wasm_instance *inst,
                                       uint64_t *slots)
{
    (void)host;
    (void)inst;
    return answer(slots, (uint32_t)slots[0] <= 2 ? ERRNO_SUCCESS : ERRNO_BADF);
}

static enum wb_wasm_host wasi_fd_seek(struct wasm_host *host, struct wb_wasm_instance *inst,
                                      uint64_t *slots)
{
    (void)host;
    (void)inst;
    return answer(slots, (uint32_t)slots[0] <= 2 ? ERRNO_SPIPE : ERRNO_BADF);
}

/* A character device that can be written (1, 2) or read (0). */
static enum wb_wasm_host wasi_fd_fdstat_get(struct wasm_host *host, struct wb_wasm_instance *inst,
                                            uint64_t *slots)
{
    uint8_t *at = guest(inst, slots[1], 24);
    if (at == NULL) {
        return fail(host, "fd_fdstat_get: pointer outside of memory");
    }
    if ((uint32_t)slots[0] > 2) {
        return answer(slots, ERRNO_BADF);
    }
    memset(at, 0, 24);
    at[0] = 2;
    put_le64(at + 8, (uint32_t)slots[0] == 0 ? 0x2u : 0x40u);
    return answer(slots, ERRNO_SUCCESS);
}

/* There are no directories. */
static enum wb_wasm_host wasi_fd_prestat(struct wasm_host *host, struct wb_wasm_instance *inst,
                                         uint64_t *slots)
{
    (void)host;
    (void)inst;
    return answer(slots, ERRNO_BADF);
}

/* ---- waiting --------------------------------------------------------------------------------- */

#define SUBSCRIPTION_LEN   48u
#define EVENT_LEN          32u
#define EVENTTYPE_CLOCK    0u
#define EVENTTYPE_FD_WRITE 2u
#define CLOCK_ABSTIME      1u
#define POLL_MAX           16u

static wb_ms subscription_due(const uint8_t *sub, wb_ms begin, uint16_t *error)
{
    uint64_t timeout_ms = (get_le64(sub + 24) + NS_PER_MS - 1) / NS_PER_MS;
    uint32_t clock = get_le32(sub + 16);
    *error = ERRNO_SUCCESS;
    if (sub[8] != EVENTTYPE_CLOCK) {
        *error = sub[8] == EVENTTYPE_FD_WRITE ? ERRNO_SUCCESS : ERRNO_NOTSUP;
        return begin;
    }
    if (clock > CLOCK_ID_MONOTONIC) {
        *error = ERRNO_INVAL;
        return begin;
    }
    if ((sub[40] & CLOCK_ABSTIME) == 0) {
        return begin + timeout_ms;
    }
    uint64_t now =
        clock_ns(clock == CLOCK_ID_REALTIME ? CLOCK_REALTIME : CLOCK_MONOTONIC) / NS_PER_MS;
    return timeout_ms > now ? wasm_host_now() + (timeout_ms - now) : begin;
}

static bool poll_finish(struct wasm_host *host, struct wb_wasm_instance *inst)
{
    uint8_t *result = guest(inst, host->poll_result, 4);
    uint32_t events = 0;
    if (result == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < host->poll_count; i++) {
        const uint8_t *sub = guest(inst, host->poll_in + SUBSCRIPTION_LEN * i, SUBSCRIPTION_LEN);
        uint8_t *event = guest(inst, host->poll_out + EVENT_LEN * events, EVENT_LEN);
        uint16_t error;
        if (sub == NULL || event == NULL) {
            return false;
        }
        if (subscription_due(sub, host->poll_begin, &error) > wasm_host_now()) {
            continue;
        }
        uint64_t userdata = get_le64(sub); /* in and out may overlap: read before writing */
        uint8_t type = sub[8];
        memset(event, 0, EVENT_LEN);
        put_le64(event, userdata);
        event[8] = (uint8_t)error;
        event[10] = type;
        events++;
    }
    put_le32(result, events);
    return true;
}

static enum wb_wasm_host wasi_poll_oneoff(struct wasm_host *host, struct wb_wasm_instance *inst,
                                          uint64_t *slots)
{
    wb_ms due = WB_NEVER;
    host->poll_in = (uint32_t)slots[0];
    host->poll_out = (uint32_t)slots[1];
    host->poll_count = (uint32_t)slots[2];
    host->poll_result = (uint32_t)slots[3];
    host->poll_begin = wasm_host_now();
    if (host->poll_count == 0 || host->poll_count > POLL_MAX) {
        return answer(slots, ERRNO_INVAL);
    }
    for (uint32_t i = 0; i < host->poll_count; i++) {
        const uint8_t *sub = guest(inst, host->poll_in + SUBSCRIPTION_LEN * i, SUBSCRIPTION_LEN);
        uint16_t error;
        if (sub == NULL) {
            return fail(host, "poll_oneoff: subscription outside of memory");
        }
        due = wb_ms_min(due, subscription_due(sub, host->poll_begin, &error));
    }
    host->is_polling = true;
    return wait_until(host, due);
}

static enum wb_wasm_host wasi_sched_yield(struct wasm_host *host, struct wb_wasm_instance *inst,
                                          uint64_t *slots)
{
    (void)inst;
    (void)slots;
    return wait_until(host, wasm_host_now());
}

static enum wb_wasm_host wasi_proc_exit(struct wasm_host *host, struct wb_wasm_instance *inst,
                                        uint64_t *slots)
{
    (void)inst;
    host->exit_code = (int32_t)(uint32_t)slots[0];
    host->has_exited = true;
    return WB_WASM_HOST_EXIT;
}

/* ---- what AssemblyScript's compiler imports ------------------------------------------------- */

/* A string of AssemblyScript: UTF-16, its bytes counted in the word before it. */
static void utf16_read(struct wb_wasm_instance *inst, uint64_t address, char *buf, size_t cap)
{
    const uint8_t *head = address >= 4 ? guest(inst, address - 4, 4) : NULL;
    uint32_t len = head != NULL ? get_le32(head) & ~1u : 0;
    const uint8_t *text = guest(inst, address, len);
    size_t used = 0;
    for (uint32_t i = 0; text != NULL && i < len && used + 1 < cap; i += 2) {
        bool is_plain = text[i + 1] == 0 && text[i] >= 0x20 && text[i] < 0x7f;
        buf[used++] = is_plain ? (char)text[i] : '?';
    }
    buf[used] = '\0';
}

static enum wb_wasm_host env_abort(struct wasm_host *host, struct wb_wasm_instance *inst,
                                   uint64_t *slots)
{
    char message[64];
    char file[64];
    utf16_read(inst, slots[0], message, sizeof message);
    utf16_read(inst, slots[1], file, sizeof file);
    snprintf(host->trap_text, sizeof host->trap_text, "abort was called: %s at %s:%u:%u", message,
             file, (uint32_t)slots[2], (uint32_t)slots[3]);
    return fail(host, host->trap_text);
}

void wasm_host_resume(struct wasm_host *host, struct wb_wasm_instance *inst)
{
    static const uint64_t success[WB_WASM_HOST_SLOTS] = {0};
    enum wb_err err = WB_OK;
    host->wake_at = WB_NEVER;
    if (host->is_polling) {
        host->is_polling = false;
        if (!poll_finish(host, inst)) {
            host->trap_reason = "poll_oneoff: events outside of memory";
            err = wb_wasm_resume_trap(inst, WB_WASM_TRAP_HOST);
            WB_ASSERT(err == WB_OK);
            return;
        }
    }
    err = wb_wasm_resume(inst, success);
    WB_ASSERT(err == WB_OK);
}
