/* SPDX-License-Identifier: AGPL-3.0-only */
/* report.c: what the device says: log lines, status of applications, heartbeat, traps.
 * Status, heartbeat, subscriptions and the acknowledgement are flags, written as messages when
 * there is room in the outbox; so they coalesce while the device is offline. Log lines and traps
 * are queued at once; while offline the oldest give way to new ones, and are counted.
 */
#include <string.h>

#include "agent.h"

#define BACKTRACE_MAX 8u
#define PLACE_MAX     11u /* array head, two numbers of 5 bytes */

/* ---- log ----------------------------------------------------------------------------------- */

/* Length of the UTF-8 sequence at the start of text, 0 when it is none (RFC 3629 §4). */
static size_t utf8_len(const uint8_t *text, size_t len)
{
    uint8_t low = 0x80, high = 0xbf;
    size_t n;

    if (text[0] < 0x80) {
        return 1;
    }
    if (text[0] < 0xc2 || text[0] > 0xf4) {
        return 0;
    }
    n = text[0] < 0xe0 ? 2 : text[0] < 0xf0 ? 3 : 4;
    if (n > len) {
        return 0;
    }
    if (text[0] == 0xe0) {
        low = 0xa0;
    } else if (text[0] == 0xed) {
        high = 0x9f;
    } else if (text[0] == 0xf0) {
        low = 0x90;
    } else if (text[0] == 0xf4) {
        high = 0x8f;
    }
    for (size_t i = 1; i < n; i++) {
        if (text[i] < low || text[i] > high) {
            return 0;
        }
        low = 0x80;
        high = 0xbf;
    }
    return n;
}

/* Copies a line as it may travel: valid UTF-8 without control characters; returns its length. */
static size_t line_clean(char *line, const char *text, size_t len)
{
    const uint8_t *bytes = (const uint8_t *)text;
    size_t used = 0;

    for (size_t at = 0; at < len && used < LOG_LINE_MAX;) {
        size_t n = utf8_len(bytes + at, len - at);

        if (n == 0 || (n == 1 && (bytes[at] < 0x20 || bytes[at] == 0x7f))) {
            line[used++] = bytes[at] == '\t' ? ' ' : '?';
            at++;
            continue;
        }
        if (used + n > LOG_LINE_MAX) {
            break;
        }
        memcpy(line + used, bytes + at, n);
        used += n;
        at += n;
    }
    return used;
}

/* Name of a slot's application: what runs, or what it is to become. */
static struct wb_cbor_text slot_name(const struct wb_agent *a, const struct wb_agent_slot *slot)
{
    struct wb_protocol_application app;
    uint32_t index = (uint32_t)(slot - a->cfg->slots);

    if (wb_agent_slot_application(a, index, &app) == WB_OK ||
        (slot->candidate != WB_AGENT_NONE &&
         wb_agent_candidate_application(a, slot->candidate, &app) == WB_OK)) {
        return app.name;
    }
    return (struct wb_cbor_text){NULL, 0};
}

void wb_agent_log(struct wb_agent *a, const struct wb_agent_slot *slot, enum wb_agent_level level,
                  const char *text, size_t len)
{
    struct wb_protocol_message message = {.type = WB_PROTOCOL_LOG};
    const struct wb_agent_board *board = a->cfg->board;
    char line[LOG_LINE_MAX];

    len = line_clean(line, text, len);
    if (slot != NULL) {
        message.u.log.app = slot_name(a, slot);
    }
    if (board != NULL && board->log != NULL) {
        char name[WB_AGENT_NAME_MAX + 1];

        if (message.u.log.app.len > 0) {
            memcpy(name, message.u.log.app.data, message.u.log.app.len);
        }
        name[message.u.log.app.len] = '\0';
        board->log(board->ctx, level, slot != NULL ? name : NULL, line, len);
    }
    if (len == 0) {
        return;
    }
    message.u.log.level = (uint32_t)level;
    message.u.log.text = (struct wb_cbor_text){line, len};
    message.u.log.uptime_ms = a->now;
    while (!wb_agent_outbox_put(a, &message, OUTBOX_RESERVE)) {
        a->logs_dropped++;
        /* Offline the newest lines are worth more; on a live session what is queued is on its way.
         */
        if (wb_agent_session_is_ready(a) || !wb_agent_outbox_drop_oldest(a)) {
            return;
        }
    }
}

void wb_agent_log_text(struct wb_agent *a, const struct wb_agent_slot *slot,
                       enum wb_agent_level level, const char *text)
{
    wb_agent_log(a, slot, level, text, wb_protocol_text(text).len);
}

void wb_agent_log_err(struct wb_agent *a, enum wb_agent_level level, const char *what,
                      enum wb_err err)
{
    char line[LOG_LINE_MAX];
    struct wb_text t = wb_text_init(line, sizeof(line));

    wb_text_add(&t, what);
    wb_text_add(&t, ": ");
    wb_text_add(&t, wb_err_str(err));
    wb_agent_log(a, NULL, level, line, t.len);
}

/* ---- traps --------------------------------------------------------------------------------- */

void wb_agent_report_trap(struct wb_agent *a, struct wb_agent_slot *slot,
                          const struct wb_wasm_instance *inst, const char *reason)
{
    struct wb_protocol_message message = {.type = WB_PROTOCOL_TRAP};
    uint8_t places[BACKTRACE_MAX * PLACE_MAX];
    struct wb_protocol_list_writer list;
    uint32_t func, offset;

    wb_protocol_list_init(&list, places, sizeof(places));
    for (uint32_t depth = 0;
         depth < BACKTRACE_MAX && wb_wasm_backtrace(inst, depth, &func, &offset); depth++) {
        wb_protocol_list_add_place(&list, func, offset);
    }
    if (wb_protocol_list_finish(&list, &message.u.trap.backtrace) != WB_OK) {
        message.u.trap.backtrace = (struct wb_protocol_list){0};
    }
    message.u.trap.app = slot_name(a, slot);
    message.u.trap.reason = wb_protocol_text(reason);
    while (!wb_agent_outbox_put(a, &message, OUTBOX_RESERVE)) {
        a->logs_dropped++;
        if (wb_agent_session_is_ready(a) || !wb_agent_outbox_drop_oldest(a)) {
            return;
        }
    }
}

/* ---- flags become messages --------------------------------------------------------------------
 */

/* Whether the slot tells about its candidate rather than about the version that it runs: before the
 * first install, while it is being installed, and when that failed. */
static bool is_about_candidate(const struct wb_agent *a, const struct wb_agent_slot *slot)
{
    return slot->candidate != WB_AGENT_NONE &&
           (slot->image == 0 || slot->phase == WB_PROTOCOL_APP_INSTALLING ||
            a->cfg->slots[slot->candidate].candidate_state == CANDIDATE_FAILED);
}

static bool put_status(struct wb_agent *a, const struct wb_agent_slot *slot)
{
    struct wb_protocol_message message = {.type = WB_PROTOCOL_APP_STATUS};
    struct wb_protocol_app_status *status = &message.u.app_status;
    uint32_t index = (uint32_t)(slot - a->cfg->slots);
    struct wb_protocol_application app;

    status->phase = slot->phase;
    if (wb_agent_slot_application(a, index, &app) == WB_OK && is_about_candidate(a, slot)) {
        status->running = app.digest;
    }
    if (is_about_candidate(a, slot)) {
        if (wb_agent_candidate_application(a, slot->candidate, &app) != WB_OK) {
            return true; /* nothing is known that could be told */
        }
        if (a->cfg->slots[slot->candidate].candidate_state == CANDIDATE_FAILED) {
            status->phase = WB_PROTOCOL_APP_FAILED;
        }
    } else if (wb_agent_slot_application(a, index, &app) != WB_OK) {
        return true;
    }
    status->name = app.name;
    status->digest = app.digest;
    status->restarts = slot->restarts;
    status->message = wb_protocol_text(slot->message);
    status->memory = slot->block.len;
    status->fuel = wb_agent_slot_fuel(slot);
    status->revision = app.revision;
    return wb_agent_outbox_put(a, &message, 0);
}

static bool put_heartbeat(struct wb_agent *a)
{
    struct wb_protocol_message message = {.type = WB_PROTOCOL_HEARTBEAT};
    struct wb_protocol_heartbeat *beat = &message.u.heartbeat;
    const struct wb_agent_board *board = a->cfg->board;
    struct wb_agent_stats stats = {0};
    struct wb_store_space space;

    wb_store_space(a->cfg->store, &space);
    if (board != NULL && board->stats != NULL) {
        board->stats(board->ctx, &stats);
    }
    beat->uptime_ms = a->now;
    beat->arena_free = wb_agent_arena_free(a);
    beat->ram_peak = stats.ram_used_max;
    beat->cpu_permille = stats.cpu_permille;
    beat->bytes_in = a->bytes_in;
    beat->bytes_out = a->bytes_out;
    beat->flash_free = space.image_free;
    beat->ram_size = stats.ram_size;
    return wb_agent_outbox_put(a, &message, 0);
}

static bool put_ack(struct wb_agent *a)
{
    struct wb_protocol_message message = {.type = WB_PROTOCOL_DESIRED_ACK};

    message.u.desired_ack.generation = a->generation;
    return wb_agent_outbox_put(a, &message, 0);
}

/* The subscriptions of one application that the gateway does not know yet. */
static bool put_subscriptions(struct wb_agent *a, struct wb_agent_run *run)
{
    for (uint32_t handle = 0; handle < SUBSCRIPTIONS_MAX; handle++) {
        struct wb_protocol_message message = {.type = WB_PROTOCOL_SUBSCRIBE};
        size_t len;
        const char *topic = wb_agent_topic(run, handle, &len);

        if ((run->subscribe_due & 1u << handle) == 0) {
            continue;
        }
        message.u.subscribe.app = slot_name(a, run->slot);
        message.u.subscribe.topic = (struct wb_cbor_text){topic, len};
        if (!wb_agent_outbox_put(a, &message, 0)) {
            return false;
        }
        run->subscribe_due &= (uint8_t) ~(1u << handle);
    }
    return true;
}

static bool put_drop_counts(struct wb_agent *a)
{
    char line[LOG_LINE_MAX];
    struct wb_text t = wb_text_init(line, sizeof(line));
    struct wb_protocol_message message = {.type = WB_PROTOCOL_LOG};

    if (a->logs_dropped != 0) {
        wb_text_add_uint(&t, a->logs_dropped);
        wb_text_add(&t, " log lines dropped for want of room; ");
    }
    if (a->inbox_dropped != 0) {
        wb_text_add_uint(&t, a->inbox_dropped);
        wb_text_add(&t, " messages not delivered: the application is too slow; ");
    }
    message.u.log.level = WB_PROTOCOL_LOG_WARNING;
    message.u.log.text = (struct wb_cbor_text){line, t.len - 2};
    message.u.log.uptime_ms = a->now;
    if (!wb_agent_outbox_put(a, &message, OUTBOX_RESERVE)) {
        return false;
    }
    a->logs_dropped = 0;
    a->inbox_dropped = 0;
    return true;
}

void wb_agent_report_pump(struct wb_agent *a)
{
    if (a->is_ack_due) {
        if (!put_ack(a)) {
            return;
        }
        a->is_ack_due = false;
    }
    wb_agent_deploy_fetch(a);
    for (uint32_t i = 0; i < a->cfg->slot_count; i++) {
        struct wb_agent_slot *slot = &a->cfg->slots[i];

        if (slot->is_status_due) {
            if (!put_status(a, slot)) {
                return;
            }
            slot->is_status_due = false;
        }
        if (slot->run != NULL && !put_subscriptions(a, slot->run)) {
            return;
        }
    }
    if (a->is_heartbeat_due) {
        if (!put_heartbeat(a)) {
            return;
        }
        a->is_heartbeat_due = false;
    }
    if (a->logs_dropped != 0 || a->inbox_dropped != 0) {
        (void)put_drop_counts(a);
    }
}

bool wb_agent_report_is_due(const struct wb_agent *a)
{
    for (uint32_t i = 0; i < a->cfg->slot_count; i++) {
        if (a->cfg->slots[i].is_status_due) {
            return true;
        }
    }
    return a->is_heartbeat_due || a->is_ack_due;
}
