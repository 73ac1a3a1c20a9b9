/* SPDX-License-Identifier: AGPL-3.0-only */
/* agent.c: the engine's calls that are not the session's: init, deadlines, events, state. */
#include <string.h>

#include "agent.h"

#define COMPLAIN_MS 60000u

/* Budget of the 16 KB board (DESIGN.md): the agent with three applications, without TLS and
 * scratch, takes less than 2.5 KB; an application's bookkeeping in the arena half a kilobyte. */
#if UINTPTR_MAX == UINT32_MAX
_Static_assert(sizeof(struct wb_agent) - sizeof(struct wb_tls) + 3u * sizeof(struct wb_agent_slot) +
                       WB_AGENT_FRAME_MIN + WB_AGENT_OUTBOX_MIN + WB_AGENT_INBOX_MIN <=
                   2400u,
               "the agent grew beyond its share of 16 KB");
_Static_assert(sizeof(struct wb_agent_run) <= 512u, "an application's bookkeeping grew");
#endif

/* ---- state and events ------------------------------------------------------------------------ */

const char *wb_agent_state_str(enum wb_agent_state state)
{
    switch (state) {
#define STATE_STR(code, text)                                                                      \
    case WB_AGENT_##code: return text;
        WB_AGENT_STATE_LIST(STATE_STR)
#undef STATE_STR
    }
    return "unknown";
}

void wb_agent_push_event(struct wb_agent *a, enum wb_agent_event_kind kind, uint8_t value)
{
    uint8_t at;

    if (a->event_count == WB_AGENT_EVENTS) { /* nobody reads: the oldest goes */
        a->event_at = (uint8_t)((a->event_at + 1u) % WB_AGENT_EVENTS);
        a->event_count--;
    }
    at = (uint8_t)((a->event_at + a->event_count) % WB_AGENT_EVENTS);
    a->events[at].kind = (uint8_t)kind;
    a->events[at].value = value;
    a->event_count++;
}

bool wb_agent_next(struct wb_agent *a, struct wb_agent_event *event)
{
    uint8_t value;

    if (a->event_count == 0) {
        return false;
    }
    event->kind = (enum wb_agent_event_kind)a->events[a->event_at].kind;
    value = a->events[a->event_at].value;
    if (event->kind == WB_AGENT_EVENT_CLOSED) {
        event->u.reason = (enum wb_err)value;
    } else {
        event->u.state = (enum wb_agent_state)value;
    }
    a->event_at = (uint8_t)((a->event_at + 1u) % WB_AGENT_EVENTS);
    a->event_count--;
    return true;
}

static bool is_reporting(enum wb_agent_state state)
{
    return state == WB_AGENT_RUNNING || state == WB_AGENT_STATUS_REPORTING;
}

void wb_agent_set_state(struct wb_agent *a, enum wb_agent_state state)
{
    enum wb_agent_state old = (enum wb_agent_state)a->state;

    if (old == state) {
        return;
    }
    WB_TRACE(a, "%s -> %s", wb_agent_state_str(old), wb_agent_state_str(state));
    /* Nothing leads into a session but its steps in order. */
    WB_ASSERT(state != WB_AGENT_TLS_CONNECTION || old == WB_AGENT_CERTIFICATE_VALIDATION);
    WB_ASSERT(state != WB_AGENT_WASM_LOADING || old == WB_AGENT_APPLICATION_DEPLOYMENT ||
              is_reporting(old));
    a->state = (uint8_t)state;
    if (!(is_reporting(old) && is_reporting(state))) {
        wb_agent_push_event(a, WB_AGENT_EVENT_STATE, (uint8_t)state);
    }
}

enum wb_agent_state wb_agent_state_get(const struct wb_agent *a)
{
    return (enum wb_agent_state)a->state;
}

/* ---- services -------------------------------------------------------------------------------- */

enum wb_err wb_agent_random(void *ctx, void *out, size_t len)
{
    return wb_drbg_generate(ctx, out, len);
}

uint64_t wb_agent_unix_ms(const struct wb_agent *a)
{
    return a->unix_offset == 0 ? 0 : a->unix_offset + a->now;
}

void wb_agent_set_time(struct wb_agent *a, wb_ms now, uint64_t unix_ms)
{
    a->unix_offset = unix_ms > now ? unix_ms - now : 0;
}

/* ---- init ------------------------------------------------------------------------------------ */

static bool is_aligned8(const void *p)
{
    return ((uintptr_t)p & 7u) == 0;
}

static enum wb_err cfg_check(const struct wb_agent_cfg *cfg)
{
    if (cfg->slot_count == 0 || cfg->slot_count > WB_AGENT_SLOTS_MAX ||
        cfg->scratch_len < WB_AGENT_SCRATCH_MIN || cfg->frame_len < WB_AGENT_FRAME_MIN ||
        cfg->frame_len > UINT16_MAX || cfg->outbox_len < WB_AGENT_OUTBOX_MIN ||
        cfg->inbox_len < WB_AGENT_INBOX_MIN || cfg->tls_in_len < WB_AGENT_TLS_IN_MIN ||
        cfg->tls_out_len < WB_AGENT_TLS_OUT_MIN) {
        return WB_ERR_SPACE;
    }
    if (!is_aligned8(cfg->arena) || !is_aligned8(cfg->scratch)) {
        return WB_ERR_SPACE;
    }
    return WB_OK;
}

static void boot_count(struct wb_agent *a)
{
    uint8_t bytes[4];
    struct wb_reader r;
    struct wb_writer w;
    size_t len;
    enum wb_err err =
        wb_store_get(a->cfg->store, WB_AGENT_RECORD_BOOTS, bytes, sizeof(bytes), &len);

    wb_reader_init(&r, bytes, err == WB_OK ? len : 0);
    a->boots = wb_read_le32(&r) + 1u; /* a damaged record reads as 0 */
    wb_writer_init(&w, bytes, sizeof(bytes));
    wb_write_le32(&w, a->boots);
    err = wb_store_put(a->cfg->store, WB_AGENT_RECORD_BOOTS, bytes, sizeof(bytes));
    if (err != WB_OK) {
        wb_agent_log_err(a, WB_AGENT_ERROR, "cannot count the boot in flash", err);
    }
}

enum wb_err wb_agent_init(struct wb_agent *a, const struct wb_agent_cfg *cfg, wb_ms now)
{
    WB_TRY(cfg_check(cfg));
    memset(a, 0, sizeof(*a));
    a->cfg = cfg;
    a->now = now;
    a->session = SESSION_NONE;
    a->state = WB_AGENT_DEVICE_REGISTRATION;
    a->peer_frame_max = WB_PROTOCOL_FRAME_DEFAULT;
    a->job = WB_AGENT_NONE;
    if (cfg->unix_ms != 0) {
        wb_agent_set_time(a, now, cfg->unix_ms);
    }
    wb_agent_deploy_init(a);
    boot_count(a);
    a->provisioning_error = wb_agent_identity_load(a);
    a->is_provisioned = a->provisioning_error == NULL;
    a->complain_at = now;
    a->retry_at = now;
    wb_agent_push_event(a, WB_AGENT_EVENT_STATE, WB_AGENT_DEVICE_REGISTRATION);
    if (a->is_provisioned) {
        wb_agent_set_state(a, WB_AGENT_CERTIFICATE_VALIDATION);
    } else {
        wb_agent_tick(a, now);
    }
    return WB_OK;
}

/* ---- time and fuel -----------------------------------------------------------------------------
 */

/* "running" while all is told, "statusReporting" while something waits. */
static void state_follow_reports(struct wb_agent *a)
{
    if (is_reporting((enum wb_agent_state)a->state)) {
        wb_agent_set_state(a, wb_agent_report_is_due(a) || !wb_agent_outbox_is_empty(a)
                                  ? WB_AGENT_STATUS_REPORTING
                                  : WB_AGENT_RUNNING);
    }
}

void wb_agent_tick(struct wb_agent *a, wb_ms now)
{
    a->now = now > a->now ? now : a->now;
    if (!a->is_provisioned && a->complain_at <= a->now) {
        a->complain_at = a->now + COMPLAIN_MS;
        wb_agent_log_text(a, NULL, WB_AGENT_ERROR, a->provisioning_error);
    }
    wb_agent_session_tick(a);
    wb_agent_deploy_tick(a);
    wb_agent_app_tick(a);
    state_follow_reports(a);
}

wb_ms wb_agent_due(const struct wb_agent *a)
{
    wb_ms due = wb_ms_min(wb_agent_session_due(a), wb_agent_deploy_due(a));

    if (!a->is_provisioned) {
        due = wb_ms_min(due, a->complain_at);
    }
    return wb_ms_min(due, wb_agent_app_due(a));
}

bool wb_agent_run(struct wb_agent *a, wb_ms now)
{
    a->now = now > a->now ? now : a->now;
    return wb_agent_app_run(a);
}
