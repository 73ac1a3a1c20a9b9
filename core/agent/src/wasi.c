/* SPDX-License-Identifier: AGPL-3.0-only */
/* wasi.c: the subset of wasi_snapshot_preview1 that lets ordinary toolchains' programs run:
 * arguments and environment, clocks, random bytes, standard output to the log, waiting, exit. There
 * are no files. Results are errno numbers of that interface.
 */
#include <string.h>

#include "host.h"

#define ERRNO_SUCCESS 0u
#define ERRNO_BADF    8u
#define ERRNO_INVAL   28u
#define ERRNO_IO      29u
#define ERRNO_NOTSUP  58u
#define ERRNO_SPIPE   70u

#define CLOCK_REALTIME  0u
#define CLOCK_MONOTONIC 1u
#define NS_PER_MS       1000000u

#define FILETYPE_CHARACTER_DEVICE 2u
#define RIGHTS_FD_WRITE           0x40u

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

/* ---- arguments and environment ------------------------------------------------------------- */

/* argv[0] is the application's name, then config.args; environment is config.env. */
struct strings {
    struct wb_protocol_application app;
    bool is_name_due;
    struct wb_protocol_list list;
};

static enum wb_err strings_begin(struct strings *s, struct wb_wasm_instance *inst, bool is_env)
{
    struct wb_agent_run *run = wb_agent_run_of(inst);

    WB_TRY(wb_agent_slot_application(run->agent, (uint32_t)(run->slot - run->agent->cfg->slots),
                                     &s->app));
    s->is_name_due = !is_env;
    s->list = is_env ? s->app.env : s->app.args;
    return WB_OK;
}

static bool strings_next(struct strings *s, struct wb_cbor_text *text)
{
    if (s->is_name_due) {
        s->is_name_due = false;
        *text = s->app.name;
        return true;
    }
    return wb_protocol_list_next_text(&s->list, text);
}

static enum wb_wasm_host sizes_get(struct wb_wasm_instance *inst, uint64_t *slots, bool is_env)
{
    uint8_t *count_at = wb_wasm_memory(inst, (uint32_t)slots[0], 4);
    uint8_t *size_at = wb_wasm_memory(inst, (uint32_t)slots[1], 4);
    uint32_t count = 0, size = 0;
    struct wb_cbor_text text;
    struct strings s;

    if (count_at == NULL || size_at == NULL) {
        return wb_agent_host_fail(inst, "args_sizes_get: pointer outside of memory");
    }
    if (strings_begin(&s, inst, is_env) != WB_OK) {
        slots[0] = ERRNO_IO;
        return WB_WASM_HOST_DONE;
    }
    while (strings_next(&s, &text)) {
        count++;
        size += (uint32_t)text.len + 1u;
    }
    put_le32(count_at, count);
    put_le32(size_at, size);
    slots[0] = ERRNO_SUCCESS;
    return WB_WASM_HOST_DONE;
}

static enum wb_wasm_host strings_get(struct wb_wasm_instance *inst, uint64_t *slots, bool is_env)
{
    uint32_t pointers = (uint32_t)slots[0], at = (uint32_t)slots[1];
    struct wb_cbor_text text;
    struct strings s;

    if (strings_begin(&s, inst, is_env) != WB_OK) {
        slots[0] = ERRNO_IO;
        return WB_WASM_HOST_DONE;
    }
    while (strings_next(&s, &text)) {
        uint8_t *pointer = wb_wasm_memory(inst, pointers, 4);
        uint8_t *bytes = wb_wasm_memory(inst, at, (uint32_t)text.len + 1u);

        if (pointer == NULL || bytes == NULL) {
            return wb_agent_host_fail(inst, "args_get: buffer outside of memory");
        }
        put_le32(pointer, at);
        if (text.len > 0) {
            memcpy(bytes, text.data, text.len);
        }
        bytes[text.len] = '\0';
        pointers += 4;
        at += (uint32_t)text.len + 1u;
    }
    slots[0] = ERRNO_SUCCESS;
    return WB_WASM_HOST_DONE;
}

enum wb_wasm_host wb_agent_wasi_args_get(void *ctx, struct wb_wasm_instance *inst, uint64_t *slots)
{
    (void)ctx;
    return strings_get(inst, slots, false);
}

enum wb_wasm_host wb_agent_wasi_args_sizes_get(void *ctx, struct wb_wasm_instance *inst,
                                               uint64_t *slots)
{
    (void)ctx;
    return sizes_get(inst, slots, false);
}

enum wb_wasm_host wb_agent_wasi_environ_get(void *ctx, struct wb_wasm_instance *inst,
                                            uint64_t *slots)
{
    (void)ctx;
    return strings_get(inst, slots, true);
}

enum wb_wasm_host wb_agent_wasi_environ_sizes_get(void *ctx, struct wb_wasm_instance *inst,
                                                  uint64_t *slots)
{
    (void)ctx;
    return sizes_get(inst, slots, true);
}

/* ---- clocks and random bytes ---------------------------------------------------------------- */

enum wb_wasm_host wb_agent_wasi_clock_res_get(void *ctx, struct wb_wasm_instance *inst,
                                              uint64_t *slots)
{
    uint8_t *at = wb_wasm_memory(inst, (uint32_t)slots[1], 8);

    (void)ctx;
    if (at == NULL) {
        return wb_agent_host_fail(inst, "clock_res_get: pointer outside of memory");
    }
    if ((uint32_t)slots[0] > CLOCK_MONOTONIC) {
        slots[0] = ERRNO_INVAL;
        return WB_WASM_HOST_DONE;
    }
    put_le64(at, NS_PER_MS);
    slots[0] = ERRNO_SUCCESS;
    return WB_WASM_HOST_DONE;
}

enum wb_wasm_host wb_agent_wasi_clock_time_get(void *ctx, struct wb_wasm_instance *inst,
                                               uint64_t *slots)
{
    struct wb_agent *a = wb_agent_run_of(inst)->agent;
    uint32_t clock = (uint32_t)slots[0];
    uint8_t *at = wb_wasm_memory(inst, (uint32_t)slots[2], 8);

    (void)ctx;
    if (at == NULL) {
        return wb_agent_host_fail(inst, "clock_time_get: pointer outside of memory");
    }
    if (clock > CLOCK_MONOTONIC) {
        slots[0] = ERRNO_INVAL;
        return WB_WASM_HOST_DONE;
    }
    put_le64(at, (clock == CLOCK_REALTIME ? wb_agent_unix_ms(a) : a->now) * NS_PER_MS);
    slots[0] = ERRNO_SUCCESS;
    return WB_WASM_HOST_DONE;
}

enum wb_wasm_host wb_agent_wasi_random_get(void *ctx, struct wb_wasm_instance *inst,
                                           uint64_t *slots)
{
    uint32_t len = (uint32_t)slots[1];
    uint8_t *buf = wb_wasm_memory(inst, (uint32_t)slots[0], len);

    (void)ctx;
    if (buf == NULL) {
        return wb_agent_host_fail(inst, "random_get: buffer outside of memory");
    }
    slots[0] = wb_drbg_generate(wb_agent_run_of(inst)->agent->cfg->drbg, buf, len) == WB_OK
                   ? ERRNO_SUCCESS
                   : ERRNO_IO;
    return WB_WASM_HOST_DONE;
}

/* ---- standard streams ------------------------------------------------------------------------ */

void wb_agent_stdout_flush(struct wb_agent_run *run)
{
    if (run->line_len > 0) {
        wb_agent_log(run->agent, run->slot, WB_AGENT_INFO, run->line, run->line_len);
        run->line_len = 0;
    }
}

/* A line is complete at its end or when the buffer is full. */
static void stdout_add(struct wb_agent_run *run, const uint8_t *bytes, uint32_t len)
{
    for (uint32_t i = 0; i < len; i++) {
        if (bytes[i] == '\n') {
            wb_agent_stdout_flush(run);
            continue;
        }
        if (run->line_len == sizeof(run->line)) {
            wb_agent_stdout_flush(run);
        }
        run->line[run->line_len++] = (char)bytes[i];
    }
}

enum wb_wasm_host wb_agent_wasi_fd_write(void *ctx, struct wb_wasm_instance *inst, uint64_t *slots)
{
    struct wb_agent_run *run = wb_agent_run_of(inst);
    uint32_t fd = (uint32_t)slots[0], iovs = (uint32_t)slots[1], count = (uint32_t)slots[2];
    uint8_t *written_at = wb_wasm_memory(inst, (uint32_t)slots[3], 4);
    uint32_t written = 0;

    (void)ctx;
    if (written_at == NULL) {
        return wb_agent_host_fail(inst, "fd_write: pointer outside of memory");
    }
    if (fd != 1 && fd != 2) {
        slots[0] = ERRNO_BADF;
        return WB_WASM_HOST_DONE;
    }
    if (count > 64) {
        slots[0] = ERRNO_INVAL;
        return WB_WASM_HOST_DONE;
    }
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *iov = wb_wasm_memory(inst, iovs + 8u * i, 8);
        const uint8_t *bytes;
        uint32_t len;

        if (iov == NULL) {
            return wb_agent_host_fail(inst, "fd_write: vector outside of memory");
        }
        len = get_le32(iov + 4);
        bytes = wb_wasm_memory(inst, get_le32(iov), len);
        if (bytes == NULL) {
            return wb_agent_host_fail(inst, "fd_write: text outside of memory");
        }
        stdout_add(run, bytes, len);
        written += len;
    }
    put_le32(written_at, written);
    slots[0] = ERRNO_SUCCESS;
    return WB_WASM_HOST_DONE;
}

enum wb_wasm_host wb_agent_wasi_fd_read(void *ctx, struct wb_wasm_instance *inst, uint64_t *slots)
{
    uint8_t *read_at = wb_wasm_memory(inst, (uint32_t)slots[3], 4);

    (void)ctx;
    if (read_at == NULL) {
        return wb_agent_host_fail(inst, "fd_read: pointer outside of memory");
    }
    if ((uint32_t)slots[0] != 0) {
        slots[0] = ERRNO_BADF;
        return WB_WASM_HOST_DONE;
    }
    put_le32(read_at, 0); /* end of file */
    slots[0] = ERRNO_SUCCESS;
    return WB_WASM_HOST_DONE;
}

enum wb_wasm_host wb_agent_wasi_fd_close(void *ctx, struct wb_wasm_instance *inst, uint64_t *slots)
{
    (void)ctx;
    (void)inst;
    slots[0] = (uint32_t)slots[0] <= 2 ? ERRNO_SUCCESS : ERRNO_BADF;
    return WB_WASM_HOST_DONE;
}

enum wb_wasm_host wb_agent_wasi_fd_seek(void *ctx, struct wb_wasm_instance *inst, uint64_t *slots)
{
    (void)ctx;
    (void)inst;
    slots[0] = (uint32_t)slots[0] <= 2 ? ERRNO_SPIPE : ERRNO_BADF;
    return WB_WASM_HOST_DONE;
}

enum wb_wasm_host wb_agent_wasi_fd_fdstat_get(void *ctx, struct wb_wasm_instance *inst,
                                              uint64_t *slots)
{
    uint8_t *at = wb_wasm_memory(inst, (uint32_t)slots[1], 24);

    (void)ctx;
    if (at == NULL) {
        return wb_agent_host_fail(inst, "fd_fdstat_get: pointer outside of memory");
    }
    if ((uint32_t)slots[0] > 2) {
        slots[0] = ERRNO_BADF;
        return WB_WASM_HOST_DONE;
    }
    memset(at, 0, 24);
    at[0] = FILETYPE_CHARACTER_DEVICE;
    put_le64(at + 8, RIGHTS_FD_WRITE);
    slots[0] = ERRNO_SUCCESS;
    return WB_WASM_HOST_DONE;
}

enum wb_wasm_host wb_agent_wasi_fd_prestat_get(void *ctx, struct wb_wasm_instance *inst,
                                               uint64_t *slots)
{
    (void)ctx;
    (void)inst;
    slots[0] = ERRNO_BADF; /* there are no directories */
    return WB_WASM_HOST_DONE;
}

enum wb_wasm_host wb_agent_wasi_fd_prestat_dir_name(void *ctx, struct wb_wasm_instance *inst,
                                                    uint64_t *slots)
{
    (void)ctx;
    (void)inst;
    slots[0] = ERRNO_BADF;
    return WB_WASM_HOST_DONE;
}

/* ---- waiting --------------------------------------------------------------------------------- */

#define SUBSCRIPTION_LEN                                                                           \
    48u /* userdata 8, tag 1, padding 7, clock: id 4, padding 4, timeout 8, precision 8,           \
         * flags 2, padding 6 */
#define EVENT_LEN          32u /* userdata 8, error 2, type 1, padding 5, nbytes 8, flags 2, padding 6 */
#define EVENTTYPE_CLOCK    0u
#define EVENTTYPE_FD_WRITE 2u
#define CLOCK_ABSTIME      1u
#define POLL_MAX           16u

/* When a subscription is due; *error is its errno. now: already (or never possible). */
static wb_ms subscription_due(const struct wb_agent *a, const uint8_t *sub, wb_ms begin,
                              uint16_t *error)
{
    uint64_t timeout_ms = (get_le64(sub + 24) + NS_PER_MS - 1) / NS_PER_MS;
    uint64_t clock_now = get_le32(sub + 16) == CLOCK_REALTIME ? wb_agent_unix_ms(a) : a->now;

    *error = ERRNO_SUCCESS;
    if (sub[8] != EVENTTYPE_CLOCK) {
        *error = sub[8] == EVENTTYPE_FD_WRITE ? ERRNO_SUCCESS : ERRNO_NOTSUP;
        return begin;
    }
    if (get_le32(sub + 16) > CLOCK_MONOTONIC) {
        *error = ERRNO_INVAL;
        return begin;
    }
    if ((sub[40] & CLOCK_ABSTIME) != 0) {
        return timeout_ms > clock_now ? a->now + (timeout_ms - clock_now) : begin;
    }
    return begin + timeout_ms;
}

bool wb_agent_poll_finish(struct wb_agent_run *run)
{
    struct wb_wasm_instance *inst = &run->instance;
    const struct wb_agent *a = run->agent;
    uint8_t *result = wb_wasm_memory(inst, run->poll_result, 4);
    uint32_t events = 0;

    if (result == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < run->poll_count; i++) {
        const uint8_t *sub =
            wb_wasm_memory(inst, run->poll_in + SUBSCRIPTION_LEN * i, SUBSCRIPTION_LEN);
        uint8_t *event = wb_wasm_memory(inst, run->poll_out + EVENT_LEN * events, EVENT_LEN);
        uint16_t error;
        uint64_t userdata;
        uint8_t type;

        if (sub == NULL || event == NULL) {
            return false;
        }
        if (subscription_due(a, sub, run->poll_begin, &error) > a->now) {
            continue;
        }
        /* In and out may overlap: read before writing. */
        userdata = get_le64(sub);
        type = sub[8];
        memset(event, 0, EVENT_LEN);
        put_le64(event, userdata);
        event[8] = (uint8_t)error;
        event[10] = type;
        events++;
    }
    put_le32(result, events);
    return true;
}

enum wb_wasm_host wb_agent_wasi_poll_oneoff(void *ctx, struct wb_wasm_instance *inst,
                                            uint64_t *slots)
{
    struct wb_agent_run *run = wb_agent_run_of(inst);
    wb_ms due = WB_NEVER;

    (void)ctx;
    run->poll_in = (uint32_t)slots[0];
    run->poll_out = (uint32_t)slots[1];
    run->poll_count = (uint32_t)slots[2];
    run->poll_result = (uint32_t)slots[3];
    run->poll_begin = run->agent->now;
    if (run->poll_count == 0 || run->poll_count > POLL_MAX) {
        slots[0] = ERRNO_INVAL;
        return WB_WASM_HOST_DONE;
    }
    for (uint32_t i = 0; i < run->poll_count; i++) {
        const uint8_t *sub =
            wb_wasm_memory(inst, run->poll_in + SUBSCRIPTION_LEN * i, SUBSCRIPTION_LEN);
        uint16_t error;

        if (sub == NULL) {
            return wb_agent_host_fail(inst, "poll_oneoff: subscription outside of memory");
        }
        due = wb_ms_min(due, subscription_due(run->agent, sub, run->poll_begin, &error));
    }
    if (due <= run->agent->now) {
        if (!wb_agent_poll_finish(run)) {
            return wb_agent_host_fail(inst, "poll_oneoff: events outside of memory");
        }
        slots[0] = ERRNO_SUCCESS;
        return WB_WASM_HOST_DONE;
    }
    run->is_polling = true;
    return wb_agent_host_wait(inst, due);
}

enum wb_wasm_host wb_agent_wasi_sched_yield(void *ctx, struct wb_wasm_instance *inst,
                                            uint64_t *slots)
{
    struct wb_agent_run *run = wb_agent_run_of(inst);

    (void)ctx;
    (void)slots;
    return wb_agent_host_wait(inst, run->agent->now);
}

enum wb_wasm_host wb_agent_wasi_proc_exit(void *ctx, struct wb_wasm_instance *inst, uint64_t *slots)
{
    struct wb_agent_run *run = wb_agent_run_of(inst);

    (void)ctx;
    run->exit_code = (int32_t)(uint32_t)slots[0];
    run->has_exited = true;
    return WB_WASM_HOST_EXIT;
}
