/* SPDX-License-Identifier: AGPL-3.0-only */
/* The firmware of every board: composes core/store, core/link and core/agent over the HAL.
 * Read main() first, then turn() and its helpers in the order it calls them.
 * One loop: each turn moves every stage of the two pipes (UART -> link -> agent, agent -> link ->
 * UART) as far as it goes, gives applications a slice, and sleeps when nothing is left to do.
 * Timers, all of them deadlines of the sleep: the agent's, the link's, the end of a farewell
 * (FAREWELL_MS), a complaint without a store (COMPLAIN_MS). Nothing here is polled; nothing waits
 * but flash operations and the UART's FIFO. */
#include <string.h>

#include "board_config.h"
#include "wb_agent.h"
#include "wb_board_port.h"
#include "wb_crypto.h"
#include "wb_hal.h"
#include "wb_link.h"
#include "wb_retained.h"
#include "wb_store.h"

/* Counts starts, so that the generator's state never repeats, even if the seed did. */
#define RECORD_SEEDS 0x20u

#define FAREWELL_MS 1000u  /* for the last bytes of a session that ends */
#define COMPLAIN_MS 60000u /* between two lines about a store that cannot be used */
#define OUT_LEN     128u

enum farewell {
    FAREWELL_NONE,
    FAREWELL_CLOSE,   /* close the link when all was sent */
    FAREWELL_RESTART, /* restart then */
};

static void store_open(void);
static bool generator_seed(void);
static void agent_start(void);
static bool turn(wb_ms now);
static void link_receive(wb_ms now);
static void link_events(wb_ms now);
static void link_wanted(wb_ms now);
static bool to_agent(wb_ms now);
static bool from_agent(wb_ms now);
static void agent_events(wb_ms now);
static void farewell_begin(enum farewell kind, wb_ms now);
static void farewell_end(wb_ms now);
static void link_send(wb_ms now);
static void sleep_until_due(wb_ms now);
static enum wb_err flash_read(uint32_t offset, void *buf, size_t len, void *ctx);
static enum wb_err flash_program(uint32_t offset, const void *data, size_t len, void *ctx);
static enum wb_err flash_erase(uint32_t sector, void *ctx);
static const void *flash_map(uint32_t offset, size_t len, void *ctx);
static void board_log(void *ctx, enum wb_agent_level level, const char *application,
                      const char *text, size_t len);
static void board_stats(void *ctx, struct wb_agent_stats *stats);
static void say(const char *text);
static void reason_write(const struct wb_retained *before);
static void append(const char *text);
static void append_number(uint32_t value, uint32_t base);

static struct wb_flash flash;
static struct wb_store store;
static struct wb_drbg drbg;
static struct wb_link link;
static struct wb_agent agent;
static struct wb_agent_slot slots[BOARD_SLOTS];
static uint64_t scratch[(BOARD_SCRATCH_LEN + 7u) / 8u];
static uint8_t frame[BOARD_FRAME_LEN];
static uint8_t outbox[BOARD_OUTBOX_LEN];
static uint8_t inbox[BOARD_INBOX_LEN];
static uint8_t tls_in[BOARD_TLS_IN_LEN];
static uint8_t tls_out[BOARD_TLS_OUT_LEN];
static char reason[32]; /* why the board starts */

static uint8_t out[OUT_LEN]; /* from the agent, until the link has taken it */
static size_t out_at;
static size_t out_len;
static enum farewell farewell;
static wb_ms farewell_at;
static bool is_seeded;
static bool is_link_up; /* the agent knows a link */
static wb_ms idle_ms;   /* slept since stats_at */
static wb_ms stats_at;

static const struct wb_agent_board services = {.log = board_log, .stats = board_stats};
static const struct wb_link_cfg link_cfg = {.opens = true};
static const struct wb_agent_cfg cfg = {
    .device_type = BOARD_DEVICE_TYPE,
    .firmware = WB_FIRMWARE_VERSION,
    .reset_reason = reason,
    .store = &store,
    .drbg = &drbg,
    .board = &services,
    .slots = slots,
    .slot_count = BOARD_SLOTS,
    .arena = wb_board_arena_start,
    .arena_len = (uint32_t)(uintptr_t)wb_board_arena_size,
    .scratch = (uint8_t *)scratch,
    .scratch_len = sizeof scratch,
    .frame = frame,
    .frame_len = sizeof frame,
    .outbox = outbox,
    .outbox_len = sizeof outbox,
    .inbox = inbox,
    .inbox_len = sizeof inbox,
    .tls_in = tls_in,
    .tls_in_len = sizeof tls_in,
    .tls_out = tls_out,
    .tls_out_len = sizeof tls_out,
    .app_stack = BOARD_APP_STACK,
};

int main(void)
{
    wb_hal_init();
    struct wb_retained before = wb_retained_take();
    reason_write(&before);
    say("wasmbed " WB_FIRMWARE_VERSION " on " BOARD_DEVICE_TYPE ", start: ");
    say(reason);
    say("\n");
    store_open();
    is_seeded = generator_seed();
    if (!is_seeded) {
        say("error no entropy, or the start could not be counted: no connection to the gateway\n");
    }
    wb_link_init(&link, &link_cfg, wb_hal_now_ms());
    agent_start();
    for (;;) {
        wb_ms now = wb_hal_now_ms();
        if (!turn(now)) {
            sleep_until_due(wb_hal_now_ms());
        }
    }
}

/* ---- start --------------------------------------------------------------------------------- */

/* Returns with a mounted store, or not at all: a damaged one is left as it is for whoever can look.
 */
static void store_open(void)
{
    const struct wb_hal_flash *chip = wb_hal_flash();
    flash = (struct wb_flash){.size = chip->size,
                              .sector_size = chip->sector_size,
                              .read = flash_read,
                              .program = flash_program,
                              .erase = flash_erase,
                              .map = flash_map};
    enum wb_err err = wb_store_mount(&store, &flash, 0);
    if (err == WB_ERR_NOT_FOUND) {
        say("store is blank: formatting it\n");
        err = wb_store_format(&store, &flash, 0);
    }
    while (err != WB_OK) {
        say("error store: ");
        say(wb_err_str(err));
        say("; write the device's flash image anew\n");
        wb_ms until = wb_hal_now_ms() + COMPLAIN_MS;
        while (wb_hal_now_ms() < until) {
            uint8_t drop[16];
            (void)wb_hal_link_read(drop, sizeof drop);
            wb_hal_idle(until);
        }
    }
}

/* State = the seed of this start, a counter that was committed before it is used, the device's key.
 */
static bool generator_seed(void)
{
    uint8_t seed[WB_BOARD_SEED_LEN + 4];
    uint8_t count[4] = {0};
    const void *device_key = NULL;
    size_t len = 0;
    uint32_t bits = 0;
    if (wb_store_get(&store, RECORD_SEEDS, count, sizeof count, &len) != WB_OK) {
        memset(count, 0, sizeof count);
    }
    for (size_t i = 0; i < sizeof count && ++count[i] == 0; i++) {
    }
    if (wb_store_put(&store, RECORD_SEEDS, count, sizeof count) != WB_OK ||
        wb_hal_entropy(seed, WB_BOARD_SEED_LEN, &bits) != WB_OK || bits < 256u) {
        return false;
    }
    memcpy(seed + WB_BOARD_SEED_LEN, count, sizeof count);
    if (wb_store_get_mapped(&store, WB_AGENT_RECORD_DEVICE_KEY, &device_key, &len) != WB_OK) {
        len = 0; /* not provisioned: there will be no session anyway */
    }
    enum wb_err err = wb_drbg_init(&drbg, seed, sizeof seed, device_key, len);
    wb_wipe(seed, sizeof seed);
    return err == WB_OK;
}

static void agent_start(void)
{
    enum wb_err err = wb_agent_init(&agent, &cfg, wb_hal_now_ms());
    WB_ASSERT(err == WB_OK); /* the buffers are sized by constants */
}

/* ---- one turn ------------------------------------------------------------------------------ */

/* True: there is more to do at once. */
static bool turn(wb_ms now)
{
    link_receive(now);
    wb_link_tick(&link, now);
    wb_agent_tick(&agent, now);
    link_events(now);
    link_wanted(now);
    bool moved = to_agent(now);
    bool more = wb_agent_run(&agent, now);
    agent_events(now);
    moved = from_agent(now) || moved;
    farewell_end(now);
    link_send(now);
    return more || moved;
}

static void link_receive(wb_ms now)
{
    uint8_t in[64];
    for (;;) {
        size_t len = wb_hal_link_read(in, sizeof in);
        if (len == 0) {
            return;
        }
        wb_link_feed(&link, now, in, len);
    }
}

static void link_events(wb_ms now)
{
    struct wb_link_event event;
    while (wb_link_next(&link, &event)) {
        switch (event.kind) {
        case WB_LINK_EVENT_ASKED: break; /* of the other end */
        case WB_LINK_EVENT_OPENED:
            wb_agent_link_up(&agent, now);
            is_link_up = true;
            break;
        case WB_LINK_EVENT_CLOSED:
            out_len = 0;
            is_link_up = false;
            wb_agent_link_down(&agent, now);
            if (farewell == FAREWELL_CLOSE) {
                farewell = FAREWELL_NONE;
            }
            break;
        }
    }
}

/* Opens a session when the agent wants one, under an id that no earlier one had. */
static void link_wanted(wb_ms now)
{
    uint32_t session = 0;
    if (wb_link_state(&link) != WB_LINK_IDLE || farewell != FAREWELL_NONE || !is_seeded ||
        !wb_agent_wants_link(&agent, now)) {
        return;
    }
    if (wb_drbg_generate(&drbg, &session, sizeof session) != WB_OK) {
        is_seeded = false;
        return;
    }
    wb_link_open(&link, session, now);
}

/* True: the agent took something, so it may have an answer. */
static bool to_agent(wb_ms now)
{
    const uint8_t *data;
    size_t len;
    size_t used = 0;
    if (!is_link_up) {
        return false;
    }
    wb_link_read(&link, &data, &len);
    if (len == 0) {
        return false;
    }
    if (wb_agent_feed(&agent, now, data, len, &used) != WB_OK) {
        used = len; /* the session is over; the event CLOSED follows */
    }
    wb_link_read_done(&link, used);
    return used > 0;
}

/* True: the link took something, so there may be room for more. */
static bool from_agent(wb_ms now)
{
    size_t taken = 0;
    if (!is_link_up) {
        return false;
    }
    if (out_len == 0) {
        out_at = 0;
        out_len = wb_agent_emit(&agent, now, out, sizeof out);
    }
    if (out_len == 0 || wb_link_write(&link, out + out_at, out_len, &taken) != WB_OK) {
        return false;
    }
    out_at += taken;
    out_len -= taken;
    return taken > 0 && out_len == 0;
}

static void agent_events(wb_ms now)
{
    struct wb_agent_event event;
    while (wb_agent_next(&agent, &event)) {
        switch (event.kind) {
        case WB_AGENT_EVENT_STATE:
            say("state ");
            say(wb_agent_state_str(event.u.state));
            say("\n");
            break;
        case WB_AGENT_EVENT_RESET: farewell_begin(FAREWELL_RESTART, now); break;
        case WB_AGENT_EVENT_IDENTIFY: say("this is me\n"); break;
        case WB_AGENT_EVENT_CLOSED:
            say("session closed: ");
            say(wb_err_str(event.u.reason));
            say("\n");
            farewell_begin(FAREWELL_CLOSE, now);
            break;
        }
    }
}

static void farewell_begin(enum farewell kind, wb_ms now)
{
    if (kind > farewell) {
        farewell = kind;
        farewell_at = now + FAREWELL_MS;
    }
}

/* When the peer has everything, or time is up. */
static void farewell_end(wb_ms now)
{
    if (farewell == FAREWELL_NONE) {
        return;
    }
    bool is_flushed = !is_link_up || (out_len == 0 && wb_link_is_flushed(&link));
    if (!is_flushed && now < farewell_at) {
        return;
    }
    wb_link_close(&link, now);
    if (farewell == FAREWELL_RESTART) {
        link_send(now);
        wb_retained_restart("the gateway asks for a restart");
    }
    farewell = FAREWELL_NONE;
    out_len = 0;
    is_link_up = false;
    wb_agent_link_down(&agent, now);
}

static void link_send(wb_ms now)
{
    uint8_t line[64];
    size_t len;
    while ((len = wb_link_emit(&link, now, line, sizeof line)) > 0) {
        for (size_t at = 0; at < len;) {
            at += wb_hal_link_write(line + at, len - at);
        }
    }
}

static void sleep_until_due(wb_ms now)
{
    wb_ms due = wb_ms_min(wb_agent_due(&agent), wb_link_due(&link));
    if (farewell != FAREWELL_NONE) {
        due = wb_ms_min(due, farewell_at);
    }
    if (due <= now) {
        return;
    }
    wb_hal_idle(due);
    idle_ms += wb_hal_now_ms() - now;
}

/* ---- services ------------------------------------------------------------------------------ */

static enum wb_err flash_read(uint32_t offset, void *buf, size_t len, void *ctx)
{
    (void)ctx;
    memcpy(buf, wb_hal_flash()->map + offset, len);
    return WB_OK;
}

static enum wb_err flash_program(uint32_t offset, const void *data, size_t len, void *ctx)
{
    (void)ctx;
    return wb_hal_flash_program(offset, data, len);
}

static enum wb_err flash_erase(uint32_t sector, void *ctx)
{
    (void)ctx;
    return wb_hal_flash_erase(sector * wb_hal_flash()->sector_size);
}

static const void *flash_map(uint32_t offset, size_t len, void *ctx)
{
    (void)len;
    (void)ctx;
    return wb_hal_flash()->map + offset;
}

static void board_log(void *ctx, enum wb_agent_level level, const char *application,
                      const char *text, size_t len)
{
    static const char *const levels[] = {"error ", "warning ", "info ", "debug "};
    (void)ctx;
    say(levels[level]);
    if (application != NULL) {
        say(application);
        say(": ");
    }
    wb_hal_log(text, len);
    say("\n");
}

static void board_stats(void *ctx, struct wb_agent_stats *stats)
{
    wb_ms now = wb_hal_now_ms();
    wb_ms span = now - stats_at;
    (void)ctx;
    stats->ram_used_max =
        (uint32_t)(wb_board_static_end - wb_board_static_start) + wb_board_stack_used();
    stats->ram_size = wb_board_layout.ram_size;
    stats->cpu_permille =
        span == 0 || idle_ms > span ? 0 : (uint32_t)((span - idle_ms) * 1000u / span);
    stats_at = now;
    idle_ms = 0;
}

/* ---- texts --------------------------------------------------------------------------------- */

static void say(const char *text)
{
    wb_hal_log(text, strlen(text));
}

/* Why the board starts, as text of at most 31 bytes: "assertion tls.c:412", "fault 5 at 20401234".
 */
static void reason_write(const struct wb_retained *before)
{
    switch ((enum wb_retained_reason)before->reason) {
    case WB_RETAINED_POWER_ON: append("power-on"); return;
    case WB_RETAINED_RESTART: append("restart"); return;
    case WB_RETAINED_ASSERT:
        append("assertion ");
        append(before->file);
        append(":");
        append_number(before->line, 10);
        return;
    case WB_RETAINED_FAULT:
        append("fault ");
        append_number(before->cause, 16);
        append(" at ");
        append_number(before->pc, 16);
        return;
    }
    append("unknown");
}

static void append(const char *text)
{
    size_t len = strlen(reason);
    while (*text != 0 && len < sizeof reason - 1) {
        reason[len++] = *text++;
    }
    reason[len] = 0;
}

static void append_number(uint32_t value, uint32_t base)
{
    char digits[11];
    size_t at = sizeof digits - 1;
    digits[at] = 0;
    do {
        digits[--at] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value != 0);
    append(digits + at);
}
