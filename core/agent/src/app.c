/* SPDX-License-Identifier: AGPL-3.0-only */
/* app.c: running applications.
 * A slot with an application record gets an instance (struct wb_agent_run, then the interpreter's
 * arena, one block). An instance does one thing at a time (enum activity): its start function, then
 * _initialize or _start; a reactor is idle between callbacks. wb_agent_app_run() gives one ready
 * instance one slice of fuel.
 *
 * Times of a slot: start_at (a restart that waits for its back-off); of an instance: wake_at
 * (suspended), refill_at (its fuel per second is used up), timers.
 */
#include <string.h>

#include "agent.h"

#define RESTART_MIN_MS  1000u
#define RESTART_MAX_MS  60000u
#define RESTART_DOUBLES 6u     /* 1 s << 6 is over the maximum */
#define RUN_GOOD_MS     60000u /* an instance that lived this long is no failure in a row */
#define FUEL_SLICE      20000u
#define STACK_DEFAULT   1024u
#define FUEL_PERIOD_MS  1000u

static uint32_t align8(uint32_t n)
{
    return (n + 7u) & ~7u;
}

static uint32_t slot_index(const struct wb_agent *a, const struct wb_agent_slot *slot)
{
    return (uint32_t)(slot - a->cfg->slots);
}

static uint32_t stack_bytes(const struct wb_agent *a)
{
    return a->cfg->app_stack != 0 ? a->cfg->app_stack : STACK_DEFAULT;
}

uint64_t wb_agent_app_need(const struct wb_agent *a, const struct wb_wasm_info *info,
                           uint32_t memory)
{
    uint64_t linear = memory != 0 ? memory : info->memory_min;

    if (info->memory_min == 0 && info->memory_max == 0) {
        linear = 0;
    }
    /* Three areas, each aligned to 8, in the interpreter's arena. */
    return (uint64_t)align8(sizeof(struct wb_agent_run)) + align8(info->ram_len) +
           ((linear + 7u) & ~(uint64_t)7u) + align8(stack_bytes(a)) + 16u;
}

void wb_agent_slot_set_phase(struct wb_agent_slot *slot, uint8_t phase, const char *message)
{
    if (message != NULL) {
        struct wb_text t = wb_text_init(slot->message, sizeof(slot->message));

        wb_text_add(&t, message);
    }
    slot->phase = phase;
    slot->is_status_due = true;
}

uint64_t wb_agent_slot_fuel(const struct wb_agent_slot *slot)
{
    return slot->fuel_before + (slot->run != NULL ? wb_wasm_fuel_used(&slot->run->instance) : 0);
}

/* ---- start --------------------------------------------------------------------------------- */

/* A callback of the application; UINT32_MAX when it is not exported with that signature. */
static uint32_t callback_find(const struct wb_wasm_image *image, const char *name,
                              const char *signature)
{
    uint32_t func;

    if (wb_wasm_export_find(image, WB_WASM_FUNC, name, &func) != WB_OK ||
        !wb_wasm_func_has_signature(image, func, signature)) {
        return UINT32_MAX;
    }
    return func;
}

static bool is_func(uint32_t func)
{
    return func != UINT32_MAX;
}

/* After the start function: _initialize makes it a reactor, else _start a command. */
static void main_begin(struct wb_agent_run *run)
{
    const struct wb_wasm_image *image = &run->instance.image;
    uint32_t func = callback_find(image, "_initialize", ">");

    run->activity = ACTIVITY_INIT;
    if (!is_func(func)) {
        func = callback_find(image, "_start", ">");
        run->activity = ACTIVITY_MAIN;
    }
    if (!is_func(func) || wb_wasm_call(&run->instance, func, NULL, 0) != WB_OK) {
        run->activity = ACTIVITY_IDLE;
    }
}

static void fail_text(struct wb_agent_slot *slot, const char *what, const char *why,
                      const char *hint)
{
    struct wb_text t = wb_text_init(slot->message, sizeof(slot->message));

    wb_text_add(&t, what);
    wb_text_add(&t, why);
    if (hint != NULL) {
        wb_text_add(&t, "; ");
        wb_text_add(&t, hint);
    }
}

/* Opens the slot's image in flash. */
static enum wb_err image_open(struct wb_agent *a, const struct wb_agent_slot *slot,
                              struct wb_wasm_image *image)
{
    struct wb_store_image stored;

    WB_TRY(wb_store_image_find(a->cfg->store, slot->image, &stored));
    if (stored.data == NULL) {
        return WB_ERR_UNSUPPORTED;
    }
    return wb_wasm_image_open(image, stored.data, stored.size);
}

static enum wb_err instance_make(struct wb_agent *a, struct wb_agent_slot *slot,
                                 const struct wb_wasm_image *image,
                                 const struct wb_protocol_application *app)
{
    struct wb_wasm_info info;
    struct wb_wasm_instance_cfg cfg = {
        .memory_bytes = app->memory,
        .stack_bytes = stack_bytes(a),
        .funcs = wb_agent_host_funcs,
        .func_count = wb_agent_import_count,
    };
    struct wb_fault fault = {0};
    struct wb_agent_run *run = NULL;
    uint64_t need;
    enum wb_err err;

    wb_wasm_image_info(image, &info);
    need = wb_agent_app_need(a, &info, app->memory);
    if (need <= a->cfg->arena_len) {
        run = wb_agent_arena_take(a, &slot->block, (uint32_t)need);
    }
    if (run == NULL) {
        struct wb_text t = wb_text_init(slot->message, sizeof(slot->message));

        wb_text_add(&t, "needs ");
        wb_text_add_uint(&t, need);
        wb_text_add(&t, " bytes of RAM, ");
        wb_text_add_uint(&t, wb_agent_arena_largest(a, NULL));
        wb_text_add(&t, " are free; lower resources.memory or remove an application");
        return WB_ERR_MEMORY;
    }
    memset(run, 0, sizeof(*run));
    err = wb_wasm_instance_init(&run->instance, image, (uint8_t *)run + align8(sizeof(*run)),
                                slot->block.len - align8(sizeof(*run)), &cfg, &fault);
    if (err != WB_OK) {
        fail_text(slot, "cannot start: ", fault.what != NULL ? fault.what : wb_err_str(err),
                  fault.hint);
        wb_agent_arena_free_block(&slot->block);
        return err;
    }
    slot->run = run;
    return WB_OK;
}

static void run_init(struct wb_agent *a, struct wb_agent_slot *slot,
                     const struct wb_protocol_application *app)
{
    struct wb_agent_run *run = slot->run;

    run->agent = a;
    run->slot = slot;
    for (uint32_t i = 0; i < TIMERS_MAX; i++) {
        run->timers[i].next = WB_NEVER;
    }
    run->wake_at = WB_NEVER;
    run->restart = (uint8_t)app->restart;
    run->fuel_per_s = app->fuel_per_s > UINT32_MAX ? UINT32_MAX : (uint32_t)app->fuel_per_s;
    run->fuel_left = run->fuel_per_s;
    run->refill_at = a->now + FUEL_PERIOD_MS;
    run->on_timer = callback_find(&run->instance.image, "on_timer", "i>");
    run->on_message = callback_find(&run->instance.image, "on_message", "ii>");
    if (wb_wasm_status(&run->instance) == WB_WASM_READY) {
        run->activity = ACTIVITY_START;
    } else {
        main_begin(run);
    }
}

static wb_ms restart_delay(struct wb_agent_slot *slot)
{
    wb_ms delay = (wb_ms)RESTART_MIN_MS << slot->backoff;

    if (slot->backoff < RESTART_DOUBLES) {
        slot->backoff++;
    }
    return delay > RESTART_MAX_MS ? RESTART_MAX_MS : delay;
}

enum wb_err wb_agent_app_start(struct wb_agent *a, uint32_t index)
{
    struct wb_agent_slot *slot = &a->cfg->slots[index];
    struct wb_protocol_application app;
    struct wb_wasm_image image;
    enum wb_err err;

    WB_ASSERT(slot->run == NULL);
    slot->start_at = WB_NEVER;
    if (slot->candidate == WB_AGENT_NONE ||
        a->cfg->slots[slot->candidate].candidate_state != CANDIDATE_FAILED) {
        slot->message[0] = '\0'; /* why an update failed stays told */
    }
    err = wb_agent_slot_application(a, index, &app);
    if (err == WB_OK) {
        err = image_open(a, slot, &image);
    }
    if (err != WB_OK) {
        fail_text(slot, "the installed image cannot be used: ", wb_err_str(err),
                  "it will be installed anew");
    } else {
        err = instance_make(a, slot, &image, &app);
    }
    if (err != WB_OK) {
        wb_agent_log_text(a, slot, WB_AGENT_ERROR, slot->message);
        wb_agent_slot_set_phase(slot, WB_PROTOCOL_APP_FAILED, NULL);
        slot->start_at = a->now + restart_delay(slot);
        return err;
    }
    run_init(a, slot, &app);
    slot->started_at = a->now;
    wb_agent_slot_set_phase(slot, WB_PROTOCOL_APP_RUNNING, NULL);
    return WB_OK;
}

void wb_agent_app_stop(struct wb_agent *a, uint32_t index)
{
    struct wb_agent_slot *slot = &a->cfg->slots[index];

    if (slot->run != NULL) {
        slot->fuel_before += wb_wasm_fuel_used(&slot->run->instance);
        wb_agent_stdout_flush(slot->run);
        slot->run = NULL;
        wb_agent_arena_free_block(&slot->block);
    }
    wb_agent_inbox_purge(a, (uint8_t)index);
    slot->start_at = WB_NEVER;
}

/* ---- the end of an instance ------------------------------------------------------------------ */

/* Words of a trap: kind, place, and what helps. */
static void trap_text(struct wb_text *t, const struct wb_agent_run *run)
{
    struct wb_wasm_trap trap;

    wb_wasm_trap_get(&run->instance, &trap);
    if (trap.kind == WB_WASM_TRAP_HOST && run->trap_reason != NULL) {
        wb_text_add(t, run->trap_reason);
    } else {
        wb_text_add(t, wb_wasm_trap_str(trap.kind));
    }
    if (trap.kind == WB_WASM_TRAP_MEMORY_NOT_BACKED) {
        wb_text_add(t, ": ");
        wb_text_add_uint(t, trap.backed);
        wb_text_add(t, " of ");
        wb_text_add_uint(t, trap.declared);
        wb_text_add(t, " bytes");
    }
    wb_text_add(t, " (function ");
    wb_text_add_uint(t, trap.func);
    wb_text_add(t, ", offset ");
    wb_text_add_uint(t, trap.offset);
    wb_text_add(t, ")");
    if (trap.kind == WB_WASM_TRAP_MEMORY_NOT_BACKED) {
        wb_text_add(t, "; raise resources.memory");
    }
}

/* The instance is over: frees it and plans the restart that its policy asks for. */
static void instance_end(struct wb_agent *a, struct wb_agent_slot *slot, bool is_failure)
{
    uint8_t policy = slot->run->restart;
    bool is_again = policy == WB_PROTOCOL_RESTART_ALWAYS ||
                    (policy == WB_PROTOCOL_RESTART_ON_FAILURE && is_failure);

    if (a->now - slot->started_at >= RUN_GOOD_MS) {
        slot->backoff = 0;
    }
    wb_agent_app_stop(a, slot_index(a, slot));
    if (is_again) {
        slot->start_at = a->now + restart_delay(slot);
    }
    wb_agent_slot_set_phase(slot, is_failure ? WB_PROTOCOL_APP_FAILED : WB_PROTOCOL_APP_STOPPED,
                            NULL);
}

static void instance_exited(struct wb_agent *a, struct wb_agent_slot *slot, int32_t code)
{
    struct wb_text t = wb_text_init(slot->message, sizeof(slot->message));

    wb_agent_stdout_flush(slot->run);
    wb_text_add(&t, "exited with code ");
    wb_text_add_int(&t, code);
    wb_agent_log_text(a, slot, code == 0 ? WB_AGENT_INFO : WB_AGENT_ERROR, slot->message);
    instance_end(a, slot, code != 0);
}

static void instance_trapped(struct wb_agent *a, struct wb_agent_slot *slot)
{
    struct wb_agent_run *run = slot->run;
    struct wb_text t;

    if (run->has_exited) {
        instance_exited(a, slot, run->exit_code);
        return;
    }
    t = wb_text_init(slot->message, sizeof(slot->message));
    wb_text_add(&t, "trap: ");
    wb_agent_stdout_flush(run);
    trap_text(&t, run);
    wb_agent_log_text(a, slot, WB_AGENT_ERROR, slot->message);
    wb_agent_report_trap(a, slot, &run->instance, slot->message + sizeof("trap: ") - 1);
    instance_end(a, slot, true);
}

/* ---- what an instance does next ----------------------------------------------------------------
 */

static bool has_fuel(const struct wb_agent *a, const struct wb_agent_run *run)
{
    return run->fuel_per_s == 0 || run->fuel_left > 0 || a->now >= run->refill_at;
}

static uint32_t timer_first_due(const struct wb_agent *a, const struct wb_agent_run *run)
{
    uint32_t first = TIMERS_MAX;

    for (uint32_t i = 0; i < TIMERS_MAX; i++) {
        if (run->timers[i].next <= a->now &&
            (first == TIMERS_MAX || run->timers[i].next < run->timers[first].next)) {
            first = i;
        }
    }
    return first;
}

static bool has_message(const struct wb_agent *a, const struct wb_agent_slot *slot)
{
    uint8_t handle;
    const uint8_t *data;
    size_t len;

    return wb_agent_inbox_peek(a, (uint8_t)slot_index(a, slot), &handle, &data, &len);
}

static bool is_ready(const struct wb_agent *a, const struct wb_agent_slot *slot)
{
    const struct wb_agent_run *run = slot->run;

    if (run == NULL || !has_fuel(a, run)) {
        return false;
    }
    switch (wb_wasm_status(&run->instance)) {
    case WB_WASM_READY:
    case WB_WASM_OUT_OF_FUEL:
    case WB_WASM_TRAP: return true;
    case WB_WASM_SUSPENDED: return run->wake_at <= a->now;
    case WB_WASM_IDLE:
    case WB_WASM_DONE: break;
    }
    return run->activity != ACTIVITY_IDLE || timer_first_due(a, run) != TIMERS_MAX ||
           has_message(a, slot);
}

static void timer_begin(struct wb_agent *a, struct wb_agent_run *run, uint32_t id)
{
    struct wb_agent_timer *timer = &run->timers[id];
    uint64_t arg = id;

    timer->next += timer->period_ms;
    if (timer->next <= a->now) { /* late by more than a period: those in between are one call */
        timer->next = a->now + timer->period_ms;
    }
    if (is_func(run->on_timer) && wb_wasm_call(&run->instance, run->on_timer, &arg, 1) == WB_OK) {
        run->activity = ACTIVITY_TIMER;
    }
}

static void message_begin(struct wb_agent *a, struct wb_agent_slot *slot)
{
    struct wb_agent_run *run = slot->run;
    uint8_t index = (uint8_t)slot_index(a, slot);
    uint8_t handle;
    const uint8_t *data;
    size_t len;
    uint64_t args[2];

    if (!wb_agent_inbox_peek(a, index, &handle, &data, &len)) {
        return;
    }
    args[0] = handle;
    args[1] = (uint32_t)len;
    if (!is_func(run->on_message) ||
        wb_wasm_call(&run->instance, run->on_message, args, 2) != WB_OK) {
        wb_agent_inbox_drop(a, index);
        return;
    }
    run->activity = ACTIVITY_MESSAGE;
    run->has_message = true;
}

/* An idle reactor: timers and messages in turn, so that neither starves the other. */
static void callback_begin(struct wb_agent *a, struct wb_agent_slot *slot)
{
    struct wb_agent_run *run = slot->run;
    uint32_t timer = timer_first_due(a, run);
    bool message = has_message(a, slot);

    if (timer != TIMERS_MAX && (!message || !run->was_timer)) {
        run->was_timer = true;
        timer_begin(a, run, timer);
    } else if (message) {
        run->was_timer = false;
        message_begin(a, slot);
    }
}

static void activity_done(struct wb_agent *a, struct wb_agent_slot *slot)
{
    struct wb_agent_run *run = slot->run;

    switch ((enum activity)run->activity) {
    case ACTIVITY_START: main_begin(run); return;
    case ACTIVITY_MAIN: instance_exited(a, slot, 0); return;
    case ACTIVITY_MESSAGE:
        if (run->has_message) { /* was not received */
            wb_agent_inbox_drop(a, (uint8_t)slot_index(a, slot));
            run->has_message = false;
        }
        break;
    case ACTIVITY_IDLE:
    case ACTIVITY_INIT:
    case ACTIVITY_TIMER: break;
    }
    wb_agent_stdout_flush(run);
    run->activity = ACTIVITY_IDLE;
}

/* A suspended call whose time has come: its result is 0, or poll_oneoff's events. */
static void resume(struct wb_agent_run *run)
{
    static const uint64_t success[1] = {0};
    enum wb_err err;

    run->wake_at = WB_NEVER;
    if (run->is_polling) {
        run->is_polling = false;
        if (!wb_agent_poll_finish(run)) {
            run->trap_reason = "poll_oneoff: events outside of memory";
            err = wb_wasm_resume_trap(&run->instance, WB_WASM_TRAP_HOST);
            WB_ASSERT(err == WB_OK);
            return;
        }
    }
    err = wb_wasm_resume(&run->instance, success);
    WB_ASSERT(err == WB_OK);
}

static void refill(const struct wb_agent *a, struct wb_agent_run *run)
{
    if (run->fuel_per_s != 0 && a->now >= run->refill_at) {
        run->fuel_left = run->fuel_per_s;
        run->refill_at = a->now + FUEL_PERIOD_MS;
    }
}

/* One slice of a ready instance. */
static void slice(struct wb_agent *a, struct wb_agent_slot *slot)
{
    struct wb_agent_run *run = slot->run;
    uint32_t fuel = a->cfg->fuel_slice != 0 ? a->cfg->fuel_slice : FUEL_SLICE;
    uint64_t before = wb_wasm_fuel_used(&run->instance);
    uint64_t used;
    enum wb_wasm_status status = wb_wasm_status(&run->instance);

    refill(a, run);
    if (status == WB_WASM_SUSPENDED) {
        resume(run);
    } else if ((status == WB_WASM_IDLE || status == WB_WASM_DONE) &&
               run->activity == ACTIVITY_IDLE) {
        callback_begin(a, slot);
        if (run->activity == ACTIVITY_IDLE) {
            return;
        }
    }
    if (run->fuel_per_s != 0 && run->fuel_left < fuel) {
        fuel = run->fuel_left;
    }
    status = wb_wasm_run(&run->instance, fuel);
    used = wb_wasm_fuel_used(&run->instance) - before;
    run->fuel_left = used < run->fuel_left ? run->fuel_left - (uint32_t)used : 0;
    if (status == WB_WASM_TRAP) {
        instance_trapped(a, slot);
    } else if (status == WB_WASM_DONE || status == WB_WASM_IDLE) {
        activity_done(a, slot);
    }
}

/* ---- the calls of the engine --------------------------------------------------------------------
 */

bool wb_agent_app_run(struct wb_agent *a)
{
    uint32_t count = a->cfg->slot_count;

    for (uint32_t i = 0; i < count; i++) {
        struct wb_agent_slot *slot = &a->cfg->slots[(a->turn + i) % count];

        if (is_ready(a, slot)) {
            a->turn = (uint8_t)((slot_index(a, slot) + 1u) % count);
            slice(a, slot);
            break;
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        if (is_ready(a, &a->cfg->slots[i])) {
            return true;
        }
    }
    return false;
}

void wb_agent_app_tick(struct wb_agent *a)
{
    for (uint32_t i = 0; i < a->cfg->slot_count; i++) {
        struct wb_agent_slot *slot = &a->cfg->slots[i];

        if (slot->run == NULL && slot->image != 0 && slot->start_at <= a->now) {
            slot->restarts++;
            (void)wb_agent_app_start(a, i); /* on failure the slot says why and waits longer */
        }
    }
}

static wb_ms slot_due(const struct wb_agent *a, const struct wb_agent_slot *slot)
{
    const struct wb_agent_run *run = slot->run;
    wb_ms due = WB_NEVER;

    if (run == NULL) {
        return slot->start_at;
    }
    if (is_ready(a, slot)) {
        return 0;
    }
    switch (wb_wasm_status(&run->instance)) {
    case WB_WASM_SUSPENDED: due = run->wake_at; break;
    case WB_WASM_READY:
    case WB_WASM_OUT_OF_FUEL:
    case WB_WASM_TRAP: due = 0; break;
    case WB_WASM_IDLE:
    case WB_WASM_DONE:
        due = has_message(a, slot) ? 0 : WB_NEVER;
        for (uint32_t i = 0; i < TIMERS_MAX; i++) {
            due = wb_ms_min(due, run->timers[i].next);
        }
        break;
    }
    if (!has_fuel(a, run) && due < run->refill_at) {
        due = run->refill_at;
    }
    return due;
}

wb_ms wb_agent_app_due(const struct wb_agent *a)
{
    wb_ms due = WB_NEVER;

    for (uint32_t i = 0; i < a->cfg->slot_count; i++) {
        due = wb_ms_min(due, slot_due(a, &a->cfg->slots[i]));
    }
    return due;
}

void wb_agent_app_deliver(struct wb_agent *a, const struct wb_protocol_publish *data)
{
    uint8_t index = wb_agent_slot_find(a, data->app);
    struct wb_agent_run *run = index == WB_AGENT_NONE ? NULL : a->cfg->slots[index].run;

    if (run == NULL) {
        return; /* stopped since the gateway sent it */
    }
    for (uint32_t i = 0; i < SUBSCRIPTIONS_MAX; i++) {
        size_t len;
        const char *topic = wb_agent_topic(run, i, &len);

        if (len != 0 && len == data->topic.len && memcmp(topic, data->topic.data, len) == 0) {
            if (!wb_agent_inbox_put(a, index, (uint8_t)i, data->payload.data, data->payload.len)) {
                a->inbox_dropped++;
            }
            return;
        }
    }
}

void wb_agent_app_resubscribe(struct wb_agent *a)
{
    for (uint32_t i = 0; i < a->cfg->slot_count; i++) {
        struct wb_agent_run *run = a->cfg->slots[i].run;

        for (uint32_t handle = 0; run != NULL && handle < SUBSCRIPTIONS_MAX; handle++) {
            if (run->topic_len[handle] != 0) {
                run->subscribe_due |= (uint8_t)(1u << handle);
            }
        }
    }
}
