/* SPDX-License-Identifier: AGPL-3.0-only */
/* world.h: a device and a scripted gateway in one process: real TLS, real messages, a byte pipe
 * that can be cut, a clock that only moves here, flash that can lose power. Included by one test
 * program each.
 *
 *     struct world w;
 *     world_init(&w);                          provisions the flash and boots the agent
 *     world_app(&w, "hello", module, …);       what the gateway wants on the device
 *     world_run(&w, 5000);                     five seconds of simulated time
 *     world_log_has(&w, "Hello");              what the gateway got
 */
#ifndef WB_AGENT_TEST_WORLD_H
#define WB_AGENT_TEST_WORLD_H

#include "wb_test.h"

#pragma GCC diagnostic ignored "-Wunused-function" /* a test uses what it needs */

#include "agent.h"
#include "wb_cose.h"
#include "wb_store.h"

#define FLASH_SIZE   (64u * 4096u)
#define FLASH_SECTOR 4096u
#define WORLD_APPS   6
#define WORLD_LOGS   400
#define WORLD_SLOTS  3
#define WORLD_ARENA                                                                                \
    12288u /* instances are larger with 64-bit pointers: 6 KB there are about this here */
#define WORLD_UNIX_MS 1790000000000u

/* ---- flash: NOR rules in RAM; power fails after `ops_left` operations --------------------- */

struct nor {
    uint8_t bytes[FLASH_SIZE];
    uint32_t ops_left; /* UINT32_MAX: for ever */
    bool is_dead;
    uint32_t ops;
};

static bool nor_op(struct nor *nor)
{
    nor->ops++;
    if (nor->ops_left == 0) {
        nor->is_dead = true;
        return false;
    }
    if (nor->ops_left != UINT32_MAX) {
        nor->ops_left--;
    }
    return true;
}

static enum wb_err nor_read(uint32_t offset, void *buf, size_t len, void *ctx)
{
    struct nor *nor = ctx;

    assert_true(offset + len <= FLASH_SIZE);
    memcpy(buf, nor->bytes + offset, len);
    return WB_OK;
}

static enum wb_err nor_program(uint32_t offset, const void *data, size_t len, void *ctx)
{
    struct nor *nor = ctx;
    const uint8_t *bytes = data;
    bool whole = nor_op(nor);

    assert_true(offset + len <= FLASH_SIZE);
    if (!whole) {
        len /= 2; /* torn in the middle */
    }
    for (size_t i = 0; i < len; i++) {
        assert_true(bytes[i] == 0xff || (bytes[i] & ~nor->bytes[offset + i]) == 0);
        nor->bytes[offset + i] &= bytes[i];
    }
    return whole ? WB_OK : WB_ERR_FLASH;
}

static enum wb_err nor_erase(uint32_t sector, void *ctx)
{
    struct nor *nor = ctx;
    bool whole = nor_op(nor);

    assert_true(sector < FLASH_SIZE / FLASH_SECTOR);
    memset(nor->bytes + sector * FLASH_SECTOR, 0xff, whole ? FLASH_SECTOR : FLASH_SECTOR / 3);
    return whole ? WB_OK : WB_ERR_FLASH;
}

static const void *nor_map(uint32_t offset, size_t len, void *ctx)
{
    struct nor *nor = ctx;

    return offset + len <= FLASH_SIZE ? nor->bytes + offset : NULL;
}

/* ---- the world ------------------------------------------------------------------------------ */

struct world_app {
    const char *name; /* NULL: unused */
    const uint8_t *module;
    size_t module_len;
    uint8_t digest[32];
    uint8_t signature[200];
    size_t signature_len;
    uint64_t revision;
    uint32_t memory;
    uint64_t fuel_per_s;
    uint32_t restart;
    const char *arg;
    const char *env;
};

struct world_status {
    char name[64];
    uint32_t phase;
    uint8_t digest[32];
    uint8_t running[32];
    bool has_running;
    uint32_t restarts;
    char message[200];
    uint32_t memory;
    uint64_t fuel;
    uint64_t revision;
    uint32_t count; /* how often one came */
};

struct world {
    /* device */
    struct nor nor;
    struct wb_flash flash;
    struct wb_store store;
    struct wb_drbg drbg;
    struct wb_agent agent;
    struct wb_agent_cfg cfg;
    struct wb_agent_board board;
    struct wb_agent_slot slots[WORLD_SLOTS];
    _Alignas(16) uint8_t arena[WORLD_ARENA];
    _Alignas(16) uint8_t scratch[2048];
    uint8_t frame[512], outbox[640], inbox[128];
    uint8_t tls_in[WB_TLS_RX_CAP(512)], tls_out[WB_TLS_TX_CAP(256)];
    char console[32768];
    size_t console_len;
    uint32_t resets, identifies, closes;
    uint32_t boots;

    /* world */
    wb_ms now;
    bool is_link_possible;
    bool is_link_up;
    size_t piece;         /* bytes moved at once */
    uint64_t cut_down_at; /* link is cut after so many bytes to the device; UINT64_MAX: never */
    uint64_t cut_up_at;
    uint64_t bytes_down, bytes_up;
    uint32_t links;

    /* gateway */
    uint8_t ca_key[32], ca_public_key[32], gateway_key[32], device_key[32], publisher_key[32],
        publisher_public_key[32];
    uint8_t ca_der[WB_X509_CERT_MAX], gateway_der[WB_X509_CERT_MAX], device_der[WB_X509_CERT_MAX];
    size_t ca_len, gateway_len, device_len;
    struct wb_bytes gateway_chain;
    struct wb_tls_credential gateway_credential;
    struct wb_x509_anchor anchor;
    struct wb_tls_cfg tls_cfg;
    struct wb_tls tls;
    bool is_tls;
    uint8_t g_rx[WB_TLS_RX_CAP_FULL], g_tx[WB_TLS_TX_CAP(8192)];
    _Alignas(16) uint8_t g_work[4096];
    struct wb_protocol_frames frames;
    uint8_t g_frame[4096];
    uint8_t g_out[65536]; /* plaintext waiting for TLS */
    size_t g_out_len;
    uint8_t wire_down[4096], wire_up[4096];
    size_t wire_down_len, wire_up_len;
    bool is_welcomed;
    bool is_mute;       /* the gateway does not answer */
    uint32_t chunk_max; /* 0: what was asked for */
    const char *chunk_error;
    bool corrupt_chunks;
    struct world_app apps[WORLD_APPS];
    uint64_t generation;
    struct world_status statuses[WORLD_APPS + 2];
    char logs[WORLD_LOGS][200];
    uint32_t log_count;
    uint32_t hellos, heartbeats, acks, traps, fetches, publishes, subscribes;
    uint64_t fetched;
    uint64_t ack_generation;
    char trap_reason[200];
    uint32_t trap_places;
    uint32_t trap_func0;
    char topic[128];
    uint8_t payload[256];
    size_t payload_len;
    struct wb_protocol_hello hello;
    struct wb_protocol_heartbeat heartbeat;
};

static enum wb_err world_random(void *ctx, void *out, size_t len)
{
    return wb_drbg_generate(ctx, out, len);
}

static struct wb_drbg world_drbg;

static void world_console(void *ctx, enum wb_agent_level level, const char *application,
                          const char *text, size_t len)
{
    struct world *w = ctx;

    if (w->console_len + len + 100 < sizeof(w->console)) {
        w->console_len += (size_t)snprintf(
            w->console + w->console_len, sizeof(w->console) - w->console_len, "%d %s: %.*s\n",
            (int)level, application != NULL ? application : "-", (int)len, text);
    }
    if (getenv("WORLD_VERBOSE") != NULL) {
        printf("%8llu  %d %s: %.*s\n", (unsigned long long)w->now, (int)level,
               application != NULL ? application : "-", (int)len, text);
    }
}

/* ---- gateway -------------------------------------------------------------------------------- */

static void gateway_send(struct world *w, const struct wb_protocol_message *message)
{
    size_t len;

    assert_ok(wb_protocol_encode(message, 512, w->g_out + w->g_out_len,
                                 sizeof(w->g_out) - w->g_out_len, &len));
    w->g_out_len += len;
}

/* The gateway's bytes as they are, framed by the caller or not. */
static void gateway_send_raw(struct world *w, const void *bytes, size_t len)
{
    memcpy(w->g_out + w->g_out_len, bytes, len);
    w->g_out_len += len;
}

static void gateway_desired(struct world *w)
{
    uint32_t count = 0, index = 0;

    for (int i = 0; i < WORLD_APPS; i++) {
        count += w->apps[i].name != NULL;
    }
    w->generation++;
    if (!w->is_welcomed) {
        return;
    }
    if (count == 0) {
        struct wb_protocol_message m = {.type = WB_PROTOCOL_DESIRED};

        m.u.desired.generation = w->generation;
        gateway_send(w, &m);
    }
    for (int i = 0; i < WORLD_APPS; i++) {
        const struct world_app *app = &w->apps[i];
        struct wb_protocol_message m = {.type = WB_PROTOCOL_DESIRED};
        struct wb_protocol_list_writer args, env;
        uint8_t args_buf[512], env_buf[512];

        if (app->name == NULL) {
            continue;
        }
        m.u.desired.generation = w->generation;
        m.u.desired.index = index++;
        m.u.desired.count = count;
        m.u.desired.app.name = wb_protocol_text(app->name);
        m.u.desired.app.digest = app->digest;
        m.u.desired.app.size = (uint32_t)app->module_len;
        m.u.desired.app.signature = (struct wb_cbor_bytes){
            app->signature_len > 0 ? app->signature : NULL, app->signature_len};
        m.u.desired.app.revision = app->revision;
        m.u.desired.app.memory = app->memory;
        m.u.desired.app.fuel_per_s = app->fuel_per_s;
        m.u.desired.app.restart = app->restart;
        if (app->arg != NULL) {
            wb_protocol_list_init(&args, args_buf, sizeof(args_buf));
            wb_protocol_list_add_text(&args, app->arg, strlen(app->arg));
            assert_ok(wb_protocol_list_finish(&args, &m.u.desired.app.args));
        }
        if (app->env != NULL) {
            wb_protocol_list_init(&env, env_buf, sizeof(env_buf));
            wb_protocol_list_add_text(&env, app->env, strlen(app->env));
            assert_ok(wb_protocol_list_finish(&env, &m.u.desired.app.env));
        }
        gateway_send(w, &m);
    }
}

static void gateway_chunk(struct world *w, const struct wb_protocol_fetch *fetch)
{
    static uint8_t bad[65536];
    struct wb_protocol_message m = {.type = WB_PROTOCOL_CHUNK};

    w->fetches++;
    m.u.chunk.digest = fetch->digest;
    m.u.chunk.offset = fetch->offset;
    m.u.chunk.error = wb_protocol_text("no such module");
    if (w->chunk_error != NULL) {
        m.u.chunk.error = wb_protocol_text(w->chunk_error);
        gateway_send(w, &m);
        return;
    }
    for (int i = 0; i < WORLD_APPS; i++) {
        const struct world_app *app = &w->apps[i];
        size_t len = fetch->len;

        if (app->name == NULL || memcmp(app->digest, fetch->digest, 32) != 0 ||
            fetch->offset > app->module_len) {
            continue;
        }
        if (w->chunk_max != 0 && len > w->chunk_max) {
            len = w->chunk_max;
        }
        if (len > app->module_len - fetch->offset) {
            len = app->module_len - fetch->offset;
        }
        if (len > wb_protocol_chunk_data_max(512)) {
            len = wb_protocol_chunk_data_max(512);
        }
        m.u.chunk.error = (struct wb_cbor_text){0};
        m.u.chunk.data = (struct wb_cbor_bytes){app->module + fetch->offset, len};
        if (w->corrupt_chunks) {
            memcpy(bad, app->module + fetch->offset, len);
            bad[len - 1] ^= 1;
            m.u.chunk.data.data = bad;
        }
        w->fetched += len;
        break;
    }
    gateway_send(w, &m);
}

static struct world_status *world_status(struct world *w, const char *name)
{
    for (size_t i = 0; i < WB_ARRAY_LEN(w->statuses); i++) {
        if (strcmp(w->statuses[i].name, name) == 0) {
            return &w->statuses[i];
        }
        if (w->statuses[i].name[0] == '\0') {
            snprintf(w->statuses[i].name, sizeof(w->statuses[i].name), "%s", name);
            w->statuses[i].phase = UINT32_MAX;
            return &w->statuses[i];
        }
    }
    fail_msg("too many applications in a test");
    return NULL;
}

static void copy_text(char *to, size_t cap, struct wb_cbor_text text)
{
    size_t len = text.len < cap - 1 ? text.len : cap - 1;

    if (len > 0) {
        memcpy(to, text.data, len);
    }
    to[len] = '\0';
}

static void gateway_message(struct world *w, const uint8_t *bytes, size_t len)
{
    struct wb_protocol_message m;
    struct wb_protocol_message welcome = {.type = WB_PROTOCOL_WELCOME};
    struct world_status *status;
    char name[64];
    uint32_t func, offset;

    assert_ok(wb_protocol_decode(bytes, len, &m, NULL));
    assert_true(wb_protocol_is_from_device(m.type));
    if (w->is_mute) {
        return;
    }
    assert_true((m.type == WB_PROTOCOL_HELLO) == !w->is_welcomed);
    switch (m.type) {
    case WB_PROTOCOL_HELLO:
        w->hellos++;
        w->hello = m.u.hello;
        assert_true(wb_protocol_text_equal(m.u.hello.device_id, "board-1"));
        welcome.u.welcome.unix_ms = WORLD_UNIX_MS + w->now;
        welcome.u.welcome.heartbeat_ms = 10000;
        welcome.u.welcome.frame_max = sizeof(w->g_frame);
        gateway_send(w, &welcome);
        w->is_welcomed = true;
        gateway_desired(w);
        break;
    case WB_PROTOCOL_HEARTBEAT:
        w->heartbeats++;
        w->heartbeat = m.u.heartbeat;
        break;
    case WB_PROTOCOL_APP_STATUS:
        copy_text(name, sizeof(name), m.u.app_status.name);
        status = world_status(w, name);
        status->phase = m.u.app_status.phase;
        memcpy(status->digest, m.u.app_status.digest, 32);
        status->has_running = m.u.app_status.running != NULL;
        if (status->has_running) {
            memcpy(status->running, m.u.app_status.running, 32);
        }
        status->restarts = m.u.app_status.restarts;
        copy_text(status->message, sizeof(status->message), m.u.app_status.message);
        status->memory = m.u.app_status.memory;
        status->fuel = m.u.app_status.fuel;
        status->revision = m.u.app_status.revision;
        status->count++;
        break;
    case WB_PROTOCOL_LOG:
        if (w->log_count < WORLD_LOGS) {
            char *line = w->logs[w->log_count++];

            copy_text(name, sizeof(name), m.u.log.app);
            snprintf(line, sizeof(w->logs[0]), "%s: %.*s", name, (int)m.u.log.text.len,
                     m.u.log.text.data);
        }
        break;
    case WB_PROTOCOL_TRAP:
        w->traps++;
        copy_text(w->trap_reason, sizeof(w->trap_reason), m.u.trap.reason);
        w->trap_places = 0;
        while (wb_protocol_list_next_place(&m.u.trap.backtrace, &func, &offset)) {
            if (w->trap_places++ == 0) {
                w->trap_func0 = func;
            }
        }
        break;
    case WB_PROTOCOL_FETCH: gateway_chunk(w, &m.u.fetch); break;
    case WB_PROTOCOL_PUBLISH:
        w->publishes++;
        copy_text(w->topic, sizeof(w->topic), m.u.publish.topic);
        w->payload_len = m.u.publish.payload.len;
        assert_true(w->payload_len <= sizeof(w->payload));
        if (w->payload_len > 0) {
            memcpy(w->payload, m.u.publish.payload.data, w->payload_len);
        }
        break;
    case WB_PROTOCOL_DESIRED_ACK:
        w->acks++;
        w->ack_generation = m.u.desired_ack.generation;
        break;
    case WB_PROTOCOL_SUBSCRIBE: w->subscribes++; break;
    default: break;
    }
}

static void gateway_begin(struct world *w)
{
    struct wb_tls_mem mem = {
        .rx = w->g_rx,
        .rx_cap = sizeof(w->g_rx),
        .tx = w->g_tx,
        .tx_cap = sizeof(w->g_tx),
        .work = w->g_work,
        .work_cap = sizeof(w->g_work),
    };

    assert_ok(wb_tls_init(&w->tls, &w->tls_cfg, &mem, w->now,
                          (wb_unix_s)((WORLD_UNIX_MS + w->now) / 1000)));
    wb_protocol_frames_init(&w->frames, w->g_frame, sizeof(w->g_frame));
    w->is_tls = true;
    w->is_welcomed = false;
    w->g_out_len = 0;
}

static void gateway_read(struct world *w)
{
    const uint8_t *data, *message;
    size_t len, used, message_len;

    while (wb_tls_read(&w->tls, &data, &len)) {
        assert_ok(wb_protocol_frames_feed(&w->frames, data, len, &used));
        wb_tls_read_done(&w->tls, used);
        if (wb_protocol_frames_message(&w->frames, &message, &message_len)) {
            gateway_message(w, message, message_len);
            wb_protocol_frames_done(&w->frames);
        }
    }
}

/* True when something moved. */
static bool gateway_step(struct world *w)
{
    struct wb_tls_event event;
    size_t used = 0, taken = 0, n;
    bool moved = false;

    if (w->wire_up_len > 0) {
        (void)!wb_tls_feed(&w->tls, w->now, w->wire_up, w->wire_up_len, &used);
        memmove(w->wire_up, w->wire_up + used, w->wire_up_len - used);
        w->wire_up_len -= used;
        moved = used > 0;
    }
    while (wb_tls_next(&w->tls, &event)) {
        if (event.type == WB_TLS_EVENT_FAILED && getenv("WORLD_VERBOSE") != NULL) {
            printf("gateway: TLS failed: %s\n", event.fault->what);
        }
    }
    gateway_read(w);
    if (w->g_out_len > 0 && wb_tls_is_connected(&w->tls) &&
        wb_tls_write(&w->tls, w->g_out, w->g_out_len, &taken) == WB_OK && taken > 0) {
        memmove(w->g_out, w->g_out + taken, w->g_out_len - taken);
        w->g_out_len -= taken;
        moved = true;
    }
    n = sizeof(w->wire_down) - w->wire_down_len;
    n = wb_tls_emit(&w->tls, w->now, w->wire_down + w->wire_down_len, n < w->piece ? n : w->piece);
    w->wire_down_len += n;
    return moved || n > 0;
}

/* ---- the link and time ------------------------------------------------------------------------
 */

static void world_cut(struct world *w)
{
    if (!w->is_link_up) {
        return;
    }
    w->is_link_up = false;
    w->wire_down_len = w->wire_up_len = 0;
    wb_tls_deinit(&w->tls);
    w->is_tls = false;
    w->is_welcomed = false;
    wb_agent_link_down(&w->agent, w->now);
}

static void world_link(struct world *w)
{
    if (!w->is_link_up && wb_agent_wants_link(&w->agent, w->now)) {
        if (!w->is_link_possible) {
            wb_agent_link_down(&w->agent, w->now);
            return;
        }
        w->is_link_up = true;
        w->links++;
        w->bytes_down = w->bytes_up = 0;
        gateway_begin(w);
        wb_agent_link_up(&w->agent, w->now);
    }
}

static bool device_step(struct world *w)
{
    struct wb_agent_event event;
    bool moved = false;
    size_t n, used = 0;

    if (w->is_link_up && w->wire_down_len > 0) {
        n = w->wire_down_len < w->piece ? w->wire_down_len : w->piece;
        (void)!wb_agent_feed(&w->agent, w->now, w->wire_down, n, &used);
        memmove(w->wire_down, w->wire_down + used, w->wire_down_len - used);
        w->wire_down_len -= used;
        w->bytes_down += used;
        moved = used > 0;
    }
    if (w->is_link_up) {
        n = sizeof(w->wire_up) - w->wire_up_len;
        n = wb_agent_emit(&w->agent, w->now, w->wire_up + w->wire_up_len,
                          n < w->piece ? n : w->piece);
        w->wire_up_len += n;
        w->bytes_up += n;
        moved = moved || n > 0;
    }
    wb_agent_tick(&w->agent, w->now);
    while (wb_agent_next(&w->agent, &event)) {
        moved = true;
        w->resets += event.kind == WB_AGENT_EVENT_RESET;
        w->identifies += event.kind == WB_AGENT_EVENT_IDENTIFY;
        if (event.kind == WB_AGENT_EVENT_CLOSED) {
            w->closes++;
            world_cut(w);
        }
    }
    return moved;
}

/* Everything that can happen now; false when the device lost power. Application code that never
 * ends gets a few slices a call, so that time goes on. */
static bool world_settle(struct world *w)
{
    uint32_t slices = 0;

    for (;;) {
        bool is_busy = wb_agent_run(&w->agent, w->now);
        bool moved;

        world_link(w);
        moved = device_step(w);
        if (w->nor.is_dead) {
            return false;
        }
        if (w->is_link_up) {
            moved = gateway_step(w) || moved;
        }
        if (w->is_link_up && (w->bytes_down >= w->cut_down_at || w->bytes_up >= w->cut_up_at)) {
            world_cut(w);
            w->cut_down_at = w->cut_up_at = UINT64_MAX;
            moved = true;
        }
        if (!moved && (!is_busy || ++slices == 20)) {
            return true;
        }
    }
}

/* Runs for ms of simulated time; false when the device lost power. */
static bool world_run(struct world *w, wb_ms ms)
{
    wb_ms end = w->now + ms;

    for (;;) {
        wb_ms due;

        if (!world_settle(w)) {
            return false;
        }
        if (w->now >= end) {
            return true;
        }
        due = wb_agent_due(&w->agent);
        if (due <= w->now) {
            due = w->now + 1;
        }
        w->now = due < end ? due : end;
    }
}

/* ---- set-up -----------------------------------------------------------------------------------
 */

static void world_certificates(struct world *w)
{
    static const uint8_t serial[] = {1};
    static const char *const names[] = {"wasmbed-gateway"};
    uint8_t key[32];
    struct wb_x509_spec spec = {
        .serial = serial,
        .serial_len = 1,
        .common_name = "Test CA",
        .public_key = w->ca_public_key,
        .not_before = WORLD_UNIX_MS / 1000 - 86400,
        .not_after = WORLD_UNIX_MS / 1000 + 86400 * 365,
        .is_ca = true,
    };
    struct wb_x509_cert ca;
    struct wb_x509_issuer issuer;

    memset(w->ca_key, 0x11, 32);
    memset(w->gateway_key, 0x22, 32);
    memset(w->device_key, 0x33, 32);
    memset(w->publisher_key, 0x44, 32);
    wb_ed25519_public_key(w->ca_public_key, w->ca_key);
    wb_ed25519_public_key(w->publisher_public_key, w->publisher_key);
    assert_ok(
        wb_x509_write_self_signed(&spec, w->ca_key, w->ca_der, sizeof(w->ca_der), &w->ca_len));
    assert_ok(wb_x509_parse(&ca, w->ca_der, w->ca_len, NULL));
    issuer = (struct wb_x509_issuer){ca.subject, w->ca_key, w->ca_public_key};
    spec.is_ca = false;
    spec.public_key = key;
    spec.common_name = "gateway";
    spec.purposes = WB_X509_SERVER_AUTH;
    spec.alt_names = names;
    spec.alt_name_count = 1;
    wb_ed25519_public_key(key, w->gateway_key);
    assert_ok(
        wb_x509_write(&spec, &issuer, w->gateway_der, sizeof(w->gateway_der), &w->gateway_len));
    spec.common_name = "board-1";
    spec.purposes = WB_X509_CLIENT_AUTH;
    spec.alt_name_count = 0;
    wb_ed25519_public_key(key, w->device_key);
    assert_ok(wb_x509_write(&spec, &issuer, w->device_der, sizeof(w->device_der), &w->device_len));
}

static void world_gateway_init(struct world *w)
{
    static const char *const alpn[] = {WB_PROTOCOL_ALPN};

    w->gateway_chain = (struct wb_bytes){w->gateway_der, w->gateway_len};
    assert_ok(
        wb_tls_credential_init(&w->gateway_credential, &w->gateway_chain, 1, w->gateway_key, NULL));
    assert_ok(wb_x509_anchor_init(&w->anchor, w->ca_der, w->ca_len, NULL));
    w->tls_cfg = (struct wb_tls_cfg){
        .role = WB_TLS_SERVER,
        .crypto = &wb_tls_crypto_core,
        .random = world_random,
        .random_ctx = &world_drbg,
        .credential = &w->gateway_credential,
        .anchors = &w->anchor,
        .anchor_count = 1,
        .require_client_certificate = true,
        .alpn = alpn,
        .alpn_count = 1,
        .alpn_required = true,
    };
}

/* Starts the device on what its flash holds. */
static enum wb_err world_boot(struct world *w)
{
    uint8_t seed[48];

    memset(seed, 0x55, sizeof(seed));
    seed[0] = (uint8_t)++w->boots;
    w->nor.is_dead = false;
    w->nor.ops_left = UINT32_MAX;
    w->is_link_up = false;
    w->wire_down_len = w->wire_up_len = 0;
    w->is_welcomed = false;
    WB_TRY(wb_store_mount(&w->store, &w->flash, 0));
    assert_ok(wb_drbg_init(&w->drbg, seed, sizeof(seed), NULL, 0));
    w->board = (struct wb_agent_board){.ctx = w, .log = world_console};
    w->cfg = (struct wb_agent_cfg){
        .device_type = "riscv-hifive1",
        .firmware = "0.1.0",
        .store = &w->store,
        .drbg = &w->drbg,
        .board = &w->board,
        .slots = w->slots,
        .slot_count = WORLD_SLOTS,
        .arena = w->arena,
        .arena_len = sizeof(w->arena),
        .scratch = w->scratch,
        .scratch_len = sizeof(w->scratch),
        .frame = w->frame,
        .frame_len = sizeof(w->frame),
        .outbox = w->outbox,
        .outbox_len = sizeof(w->outbox),
        .inbox = w->inbox,
        .inbox_len = sizeof(w->inbox),
        .tls_in = w->tls_in,
        .tls_in_len = sizeof(w->tls_in),
        .tls_out = w->tls_out,
        .tls_out_len = sizeof(w->tls_out),
    };
    return wb_agent_init(&w->agent, &w->cfg, w->now);
}

static void world_provision(struct world *w)
{
    assert_ok(wb_store_put(&w->store, WB_AGENT_RECORD_DEVICE_ID, "board-1", 7));
    assert_ok(wb_store_put(&w->store, WB_AGENT_RECORD_DEVICE_KEY, w->device_key, 32));
    assert_ok(wb_store_put(&w->store, WB_AGENT_RECORD_CERTIFICATE, w->device_der, w->device_len));
    assert_ok(wb_store_put(&w->store, WB_AGENT_RECORD_CA, w->ca_der, w->ca_len));
    assert_ok(wb_store_put(&w->store, WB_AGENT_RECORD_PUBLISHERS, w->publisher_public_key, 32));
    assert_ok(wb_store_put(&w->store, WB_AGENT_RECORD_SERVER_NAME, "wasmbed-gateway", 15));
}

/* All but the boot. */
static void world_prepare(struct world *w)
{
    static const uint8_t seed[48] = {7};

    memset(w, 0, sizeof(*w));
    memset(w->nor.bytes, 0xff, sizeof(w->nor.bytes));
    w->nor.ops_left = UINT32_MAX;
    w->flash = (struct wb_flash){FLASH_SIZE, FLASH_SECTOR, nor_read, nor_program,
                                 nor_erase,  nor_map,      &w->nor};
    w->piece = 1500;
    w->cut_down_at = w->cut_up_at = UINT64_MAX;
    w->is_link_possible = true;
    w->now = 1000;
    assert_ok(wb_drbg_init(&world_drbg, seed, sizeof(seed), NULL, 0));
    world_certificates(w);
    world_gateway_init(w);
    assert_ok(wb_store_format(&w->store, &w->flash, 0));
    world_provision(w);
}

static void world_init(struct world *w)
{
    world_prepare(w);
    assert_ok(world_boot(w));
}

/* ---- what the gateway wants
 * ---------------------------------------------------------------------- */

static void app_sign(struct world *w, struct world_app *app)
{
    static const char aad[] = "wasmbed/module/1";

    wb_hash_once(WB_HASH_SHA256, app->module, app->module_len, app->digest);
    assert_ok(wb_cose_sign1_write(app->signature, sizeof(app->signature), &app->signature_len,
                                  w->publisher_key, w->publisher_public_key, app->digest, 32, aad,
                                  sizeof(aad) - 1, true));
}

/* Adds or replaces an application; the caller sends the set with gateway_desired(). */
static struct world_app *world_app(struct world *w, const char *name, const uint8_t *module,
                                   size_t len, uint32_t memory)
{
    struct world_app *app = NULL;

    for (int i = 0; i < WORLD_APPS && app == NULL; i++) {
        if (w->apps[i].name != NULL && strcmp(w->apps[i].name, name) == 0) {
            app = &w->apps[i];
        }
    }
    for (int i = 0; i < WORLD_APPS && app == NULL; i++) {
        if (w->apps[i].name == NULL) {
            app = &w->apps[i];
            app->revision = 0;
        }
    }
    assert_non_null(app);
    app->name = name;
    app->module = module;
    app->module_len = len;
    app->memory = memory;
    app->revision++;
    app_sign(w, app);
    return app;
}

static void world_app_remove(struct world *w, const char *name)
{
    for (int i = 0; i < WORLD_APPS; i++) {
        if (w->apps[i].name != NULL && strcmp(w->apps[i].name, name) == 0) {
            memset(&w->apps[i], 0, sizeof(w->apps[i]));
        }
    }
}

static bool world_log_has(const struct world *w, const char *text)
{
    for (uint32_t i = 0; i < w->log_count; i++) {
        if (strstr(w->logs[i], text) != NULL) {
            return true;
        }
    }
    return false;
}

static uint32_t world_log_count(const struct world *w, const char *text)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < w->log_count; i++) {
        count += strstr(w->logs[i], text) != NULL;
    }
    return count;
}

static void world_logs_clear(struct world *w)
{
    w->log_count = 0;
}

/* A file of the built applications; NULL when it is not there. */
static const uint8_t *module_read(const char *name, size_t *len)
{
    static struct {
        char name[32];
        size_t len;
        uint8_t bytes[16384];
    } modules[16];
    char path[512];
    size_t i = 0;
    FILE *file;

    while (i < WB_ARRAY_LEN(modules) && modules[i].len > 0) {
        if (strcmp(modules[i].name, name) == 0) {
            *len = modules[i].len;
            return modules[i].bytes;
        }
        i++;
    }
    snprintf(path, sizeof(path), "%s/%s.wasm", WB_WASM_DIR, name);
    file = fopen(path, "rb");
    if (file == NULL) {
        return NULL;
    }
    assert_true(i < WB_ARRAY_LEN(modules));
    snprintf(modules[i].name, sizeof(modules[i].name), "%s", name);
    modules[i].len = fread(modules[i].bytes, 1, sizeof(modules[i].bytes), file);
    fclose(file);
    assert_true(modules[i].len > 8 && modules[i].len < sizeof(modules[i].bytes));
    *len = modules[i].len;
    return modules[i].bytes;
}

/* Leaves the program aloud when the applications were not built. */
static void modules_need(void)
{
    size_t len;

    if (module_read("hello", &len) == NULL) {
        printf("skipped: %s/hello.wasm is not there; build the target wasm_apps (needs clang and "
               "lld)\n",
               WB_WASM_DIR);
        exit(WB_TEST_SKIPPED);
    }
}

#endif
