/* SPDX-License-Identifier: AGPL-3.0-only */
/* host.c: the module `wasmbed` (contract: sdk/c/wasmbed.h). Arguments come from applications: every
 * pointer is checked against the memory that is backed; a bad one is a trap that names the
 * function.
 */
#include <string.h>

#include "host.h"

/* Results of sdk/c/wasmbed.h. */
#define GUEST_AGAIN     ((uint32_t)-1)
#define GUEST_INVALID   ((uint32_t)-2)
#define GUEST_LIMIT     ((uint32_t)-3)
#define GUEST_NOT_FOUND ((uint32_t)-4)

struct wb_agent_run *wb_agent_run_of(struct wb_wasm_instance *inst)
{
    return (struct wb_agent_run *)inst; /* its first member */
}

enum wb_wasm_host wb_agent_host_fail(struct wb_wasm_instance *inst, const char *reason)
{
    wb_agent_run_of(inst)->trap_reason = reason;
    return WB_WASM_HOST_TRAP;
}

enum wb_wasm_host wb_agent_host_wait(struct wb_wasm_instance *inst, wb_ms until)
{
    wb_agent_run_of(inst)->wake_at = until;
    return WB_WASM_HOST_SUSPEND;
}

/* Borrows len bytes of the guest's memory; NULL when they are not all there. */
static const char *guest_text(struct wb_wasm_instance *inst, uint64_t address, uint64_t len)
{
    return (const char *)wb_wasm_memory(inst, (uint32_t)address, (uint32_t)len);
}

/* ---- log and time -------------------------------------------------------------------------- */

enum wb_wasm_host wb_agent_host_log(void *ctx, struct wb_wasm_instance *inst, uint64_t *slots)
{
    struct wb_agent_run *run = wb_agent_run_of(inst);
    uint32_t level = (uint32_t)slots[0];
    const char *text = guest_text(inst, slots[1], slots[2]);

    (void)ctx;
    if (text == NULL) {
        return wb_agent_host_fail(inst, "log: text outside of memory");
    }
    wb_agent_log(run->agent, run->slot,
                 level > WB_AGENT_DEBUG ? WB_AGENT_DEBUG : (enum wb_agent_level)level, text,
                 (uint32_t)slots[2]);
    return WB_WASM_HOST_DONE;
}

enum wb_wasm_host wb_agent_host_time_ms(void *ctx, struct wb_wasm_instance *inst, uint64_t *slots)
{
    (void)ctx;
    slots[0] = wb_agent_run_of(inst)->agent->now;
    return WB_WASM_HOST_DONE;
}

enum wb_wasm_host wb_agent_host_unix_ms(void *ctx, struct wb_wasm_instance *inst, uint64_t *slots)
{
    (void)ctx;
    slots[0] = wb_agent_unix_ms(wb_agent_run_of(inst)->agent);
    return WB_WASM_HOST_DONE;
}

enum wb_wasm_host wb_agent_host_sleep_ms(void *ctx, struct wb_wasm_instance *inst, uint64_t *slots)
{
    int32_t ms = (int32_t)(uint32_t)slots[0];

    (void)ctx;
    return wb_agent_host_wait(inst, wb_agent_run_of(inst)->agent->now + (ms > 0 ? (wb_ms)ms : 0));
}

enum wb_wasm_host wb_agent_host_timer_set(void *ctx, struct wb_wasm_instance *inst, uint64_t *slots)
{
    struct wb_agent_run *run = wb_agent_run_of(inst);
    uint32_t id = (uint32_t)slots[0];
    int32_t period_ms = (int32_t)(uint32_t)slots[1];

    (void)ctx;
    if (id >= TIMERS_MAX || period_ms < 1) {
        slots[0] = GUEST_INVALID;
        return WB_WASM_HOST_DONE;
    }
    run->timers[id].period_ms = (uint32_t)period_ms;
    run->timers[id].next = run->agent->now + (wb_ms)period_ms;
    slots[0] = 0;
    return WB_WASM_HOST_DONE;
}

enum wb_wasm_host wb_agent_host_timer_cancel(void *ctx, struct wb_wasm_instance *inst,
                                             uint64_t *slots)
{
    struct wb_agent_run *run = wb_agent_run_of(inst);
    uint32_t id = (uint32_t)slots[0];

    (void)ctx;
    if (id >= TIMERS_MAX || run->timers[id].next == WB_NEVER) {
        slots[0] = GUEST_NOT_FOUND;
        return WB_WASM_HOST_DONE;
    }
    run->timers[id].next = WB_NEVER;
    slots[0] = 0;
    return WB_WASM_HOST_DONE;
}

/* ---- topics -------------------------------------------------------------------------------- */

static struct wb_cbor_text application_name(const struct wb_agent_run *run)
{
    struct wb_protocol_application app;
    uint32_t slot = (uint32_t)(run->slot - run->agent->cfg->slots);

    if (wb_agent_slot_application(run->agent, slot, &app) != WB_OK) {
        return (struct wb_cbor_text){NULL, 0};
    }
    return app.name;
}

enum wb_wasm_host wb_agent_host_publish(void *ctx, struct wb_wasm_instance *inst, uint64_t *slots)
{
    struct wb_agent_run *run = wb_agent_run_of(inst);
    struct wb_agent *a = run->agent;
    uint32_t topic_len = (uint32_t)slots[1], len = (uint32_t)slots[3];
    const char *topic = guest_text(inst, slots[0], topic_len);
    const uint8_t *data = wb_wasm_memory(inst, (uint32_t)slots[2], len);
    struct wb_protocol_message message = {.type = WB_PROTOCOL_PUBLISH};

    (void)ctx;
    if (topic == NULL || data == NULL) {
        return wb_agent_host_fail(inst, "publish: topic or data outside of memory");
    }
    if (topic_len == 0 || topic_len > WB_PROTOCOL_TOPIC_MAX) {
        slots[0] = GUEST_INVALID;
        return WB_WASM_HOST_DONE;
    }
    message.u.publish.app = application_name(run);
    /* What the message needs beside the data: array, type, map, three keys, heads of the strings.
     */
    if (len > a->cfg->outbox_len || len > WB_PROTOCOL_FRAME_DEFAULT ||
        len + topic_len + message.u.publish.app.len + 16u > a->peer_frame_max ||
        len + topic_len + message.u.publish.app.len + 16u + OUTBOX_RESERVE > a->cfg->outbox_len) {
        slots[0] = GUEST_LIMIT;
        return WB_WASM_HOST_DONE;
    }
    message.u.publish.topic = (struct wb_cbor_text){topic, topic_len};
    message.u.publish.payload = (struct wb_cbor_bytes){data, len};
    if (!wb_agent_session_is_ready(a) || !wb_agent_outbox_put(a, &message, OUTBOX_RESERVE)) {
        slots[0] = GUEST_AGAIN;
        return WB_WASM_HOST_DONE;
    }
    slots[0] = 0;
    return WB_WASM_HOST_DONE;
}

const char *wb_agent_topic(const struct wb_agent_run *run, uint32_t handle, size_t *len)
{
    size_t at = 0;

    for (uint32_t i = 0; i < handle; i++) {
        at += run->topic_len[i];
    }
    *len = run->topic_len[handle];
    return run->topics + at;
}

static uint32_t topics_used(const struct wb_agent_run *run)
{
    uint32_t used = 0;

    for (uint32_t i = 0; i < SUBSCRIPTIONS_MAX; i++) {
        used += run->topic_len[i];
    }
    return used;
}

/* Handle of a topic that is subscribed already, SUBSCRIPTIONS_MAX when there is none. */
static uint32_t handle_find(const struct wb_agent_run *run, const char *topic, size_t len)
{
    for (uint32_t i = 0; i < SUBSCRIPTIONS_MAX; i++) {
        size_t have;
        const char *text = wb_agent_topic(run, i, &have);

        if (have == len && memcmp(text, topic, len) == 0) {
            return i;
        }
    }
    return SUBSCRIPTIONS_MAX;
}

enum wb_wasm_host wb_agent_host_subscribe(void *ctx, struct wb_wasm_instance *inst, uint64_t *slots)
{
    struct wb_agent_run *run = wb_agent_run_of(inst);
    uint32_t len = (uint32_t)slots[1];
    const char *topic = guest_text(inst, slots[0], len);
    uint32_t used = topics_used(run);
    uint32_t handle = 0;
    size_t none;
    char *place;

    (void)ctx;
    if (topic == NULL) {
        return wb_agent_host_fail(inst, "subscribe: topic outside of memory");
    }
    if (len == 0 || len > WB_PROTOCOL_TOPIC_MAX) {
        slots[0] = GUEST_INVALID;
        return WB_WASM_HOST_DONE;
    }
    handle = handle_find(run, topic, len);
    if (handle != SUBSCRIPTIONS_MAX) {
        slots[0] = handle;
        return WB_WASM_HOST_DONE;
    }
    for (handle = 0; handle < SUBSCRIPTIONS_MAX && run->topic_len[handle] != 0;) {
        handle++;
    }
    if (handle == SUBSCRIPTIONS_MAX || len > TOPICS_LEN - used) {
        slots[0] = GUEST_LIMIT;
        return WB_WASM_HOST_DONE;
    }
    /* Makes room between its neighbours. */
    place = run->topics + (wb_agent_topic(run, handle, &none) - run->topics);
    memmove(place + len, place, used - (uint32_t)(place - run->topics));
    memcpy(place, topic, len);
    run->topic_len[handle] = (uint8_t)len;
    run->subscribe_due |= (uint8_t)(1u << handle);
    slots[0] = handle;
    return WB_WASM_HOST_DONE;
}

enum wb_wasm_host wb_agent_host_unsubscribe(void *ctx, struct wb_wasm_instance *inst,
                                            uint64_t *slots)
{
    struct wb_agent_run *run = wb_agent_run_of(inst);
    uint32_t handle = (uint32_t)slots[0];
    struct wb_protocol_message message = {.type = WB_PROTOCOL_UNSUBSCRIBE};
    uint32_t used = topics_used(run);
    size_t len;
    char *place;

    (void)ctx;
    if (handle >= SUBSCRIPTIONS_MAX || run->topic_len[handle] == 0) {
        slots[0] = GUEST_NOT_FOUND;
        return WB_WASM_HOST_DONE;
    }
    place = run->topics + (wb_agent_topic(run, handle, &len) - run->topics);
    message.u.subscribe.app = application_name(run);
    message.u.subscribe.topic = (struct wb_cbor_text){place, len};
    /* When there is no room the gateway sends on until the next connection; the data finds no
     * handle. */
    if (wb_agent_session_is_ready(run->agent)) {
        (void)wb_agent_outbox_put(run->agent, &message, 0);
    }
    memmove(place, place + len, used - (uint32_t)(place - run->topics) - len);
    run->topic_len[handle] = 0;
    run->subscribe_due &= (uint8_t) ~(1u << handle);
    slots[0] = 0;
    return WB_WASM_HOST_DONE;
}

enum wb_wasm_host wb_agent_host_receive(void *ctx, struct wb_wasm_instance *inst, uint64_t *slots)
{
    struct wb_agent_run *run = wb_agent_run_of(inst);
    struct wb_agent *a = run->agent;
    uint8_t slot = (uint8_t)(run->slot - a->cfg->slots);
    uint32_t cap = (uint32_t)slots[1];
    uint8_t *buf = wb_wasm_memory(inst, (uint32_t)slots[0], cap);
    uint8_t handle;
    const uint8_t *data;
    size_t len;

    (void)ctx;
    if (buf == NULL) {
        return wb_agent_host_fail(inst, "receive: buffer outside of memory");
    }
    if (run->activity != ACTIVITY_MESSAGE || !run->has_message ||
        !wb_agent_inbox_peek(a, slot, &handle, &data, &len)) {
        slots[0] = GUEST_NOT_FOUND;
        return WB_WASM_HOST_DONE;
    }
    if (len > 0 && cap > 0) {
        memcpy(buf, data, len < cap ? len : cap);
    }
    wb_agent_inbox_drop(a, slot);
    run->has_message = false;
    slots[0] = (uint32_t)len;
    return WB_WASM_HOST_DONE;
}

/* ---- configuration ------------------------------------------------------------------------- */

/* Copies what fits of text and answers its whole length. */
static void copy_out(uint8_t *buf, uint32_t cap, struct wb_cbor_text text, uint64_t *result)
{
    if (text.len > 0 && cap > 0) {
        memcpy(buf, text.data, text.len < cap ? text.len : cap);
    }
    *result = (uint32_t)text.len;
}

enum wb_wasm_host wb_agent_host_arg(void *ctx, struct wb_wasm_instance *inst, uint64_t *slots)
{
    struct wb_agent_run *run = wb_agent_run_of(inst);
    uint32_t index = (uint32_t)slots[0], cap = (uint32_t)slots[2];
    uint8_t *buf = wb_wasm_memory(inst, (uint32_t)slots[1], cap);
    struct wb_protocol_application app;
    struct wb_cbor_text text;

    (void)ctx;
    if (buf == NULL) {
        return wb_agent_host_fail(inst, "arg: buffer outside of memory");
    }
    slots[0] = GUEST_NOT_FOUND;
    if (wb_agent_slot_application(run->agent, (uint32_t)(run->slot - run->agent->cfg->slots),
                                  &app) != WB_OK) {
        return WB_WASM_HOST_DONE;
    }
    if (index == 0) {
        copy_out(buf, cap, app.name, &slots[0]);
        return WB_WASM_HOST_DONE;
    }
    while (wb_protocol_list_next_text(&app.args, &text)) {
        if (--index == 0) {
            copy_out(buf, cap, text, &slots[0]);
            break;
        }
    }
    return WB_WASM_HOST_DONE;
}

enum wb_wasm_host wb_agent_host_env(void *ctx, struct wb_wasm_instance *inst, uint64_t *slots)
{
    struct wb_agent_run *run = wb_agent_run_of(inst);
    uint32_t name_len = (uint32_t)slots[1], cap = (uint32_t)slots[3];
    const char *name = guest_text(inst, slots[0], name_len);
    uint8_t *buf = wb_wasm_memory(inst, (uint32_t)slots[2], cap);
    struct wb_protocol_application app;
    struct wb_cbor_text text;

    (void)ctx;
    if (name == NULL || buf == NULL) {
        return wb_agent_host_fail(inst, "env: name or buffer outside of memory");
    }
    slots[0] = GUEST_NOT_FOUND;
    if (wb_agent_slot_application(run->agent, (uint32_t)(run->slot - run->agent->cfg->slots),
                                  &app) != WB_OK) {
        return WB_WASM_HOST_DONE;
    }
    while (wb_protocol_list_next_text(&app.env, &text)) {
        if (text.len > name_len && text.data[name_len] == '=' &&
            memcmp(text.data, name, name_len) == 0) {
            text.data += name_len + 1u;
            text.len -= name_len + 1u;
            copy_out(buf, cap, text, &slots[0]);
            break;
        }
    }
    return WB_WASM_HOST_DONE;
}

/* ---- what AssemblyScript's compiler imports ------------------------------------------------- */

/* Message, file name (UTF-16 in the guest's memory), line, column: the trap's place tells more. */
enum wb_wasm_host wb_agent_env_abort(void *ctx, struct wb_wasm_instance *inst, uint64_t *slots)
{
    (void)ctx;
    (void)slots;
    return wb_agent_host_fail(inst, "abort was called");
}
