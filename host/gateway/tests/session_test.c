/* SPDX-License-Identifier: AGPL-3.0-only */
/* The gateway's core against real TLS clients over an in-memory pipe and a simulated clock. */
#include "wb_test.h"

#include "gateway.h"
#include "wb_pki.h"

#define MODULE_LEN 1500u

static struct wb_pki_ca ca;
static struct wb_pki_ca other_ca;
static struct wb_pki_identity server;
static struct wb_pki_anchors anchors;
static struct wb_tls_cfg server_cfg;
static const char *const alpn[] = {WB_PROTOCOL_ALPN};
static uint8_t module_bytes[MODULE_LEN];
static wb_pki_err_text why;
#define UNIX_NOW 1790000000

/* ---- a world: one gateway and up to two devices ------------------------------------------- */

struct peer {
    struct wb_pki_identity identity;
    struct wb_tls_cfg cfg;
    struct wb_tls tls;
    uint8_t rx[WB_TLS_RX_CAP(600)], tx[WB_TLS_TX_CAP(600)];
    _Alignas(8) uint8_t work[WB_TLS_WORK_CAP(WB_PKI_CERT_MAX)];
    struct wb_protocol_frames frames;
    uint8_t frame[512];
    uint64_t session;
    bool is_connected, is_failed, is_closed;
    enum wb_tls_alert alert;
    /* messages that came, by type */
    unsigned counts[64];
    struct wb_protocol_desired desired;
    char desired_name[64];
    uint8_t fetched[MODULE_LEN];
    size_t fetched_len;
    char chunk_error[64];
    char data_topic[64];
    uint8_t data[64];
    size_t data_len;
};

struct world {
    struct gateway *g;
    wb_ms now;
    json_t *status; /* last status patch of any device */
    unsigned status_count, event_warnings;
    char event[64];
    char log[512];
    char line[512];
};

static void note_action(struct world *w, struct peer *peers, size_t count,
                        const struct gateway_action *a);

static void take_message(struct peer *p, const uint8_t *data, size_t len)
{
    struct wb_protocol_message m;
    assert_ok(wb_protocol_decode(data, len, &m, NULL));
    p->counts[m.type]++;
    if (m.type == WB_PROTOCOL_DESIRED) {
        p->desired = m.u.desired;
        snprintf(p->desired_name, sizeof p->desired_name, "%.*s", (int)m.u.desired.app.name.len,
                 m.u.desired.app.name.data != NULL ? m.u.desired.app.name.data : "");
    } else if (m.type == WB_PROTOCOL_CHUNK) {
        snprintf(p->chunk_error, sizeof p->chunk_error, "%.*s", (int)m.u.chunk.error.len,
                 m.u.chunk.error.data != NULL ? m.u.chunk.error.data : "");
        if (m.u.chunk.data.len > 0) {
            memcpy(p->fetched + m.u.chunk.offset, m.u.chunk.data.data, m.u.chunk.data.len);
        }
        p->fetched_len += m.u.chunk.data.len;
    } else if (m.type == WB_PROTOCOL_DATA) {
        snprintf(p->data_topic, sizeof p->data_topic, "%.*s", (int)m.u.publish.topic.len,
                 m.u.publish.topic.data);
        memcpy(p->data, m.u.publish.payload.data, m.u.publish.payload.len);
        p->data_len = m.u.publish.payload.len;
    }
}

static void peer_feed(struct peer *p, wb_ms now, const uint8_t *bytes, size_t len)
{
    while (len > 0) {
        size_t used = 0;
        enum wb_err err = wb_tls_feed(&p->tls, now, bytes, len, &used);
        bytes += used;
        len -= used;
        struct wb_tls_event event;
        while (wb_tls_next(&p->tls, &event)) {
            p->is_connected |= event.type == WB_TLS_EVENT_CONNECTED;
            if (event.type == WB_TLS_EVENT_FAILED) {
                p->is_failed = true;
                p->alert = event.alert;
            }
        }
        const uint8_t *data = NULL;
        size_t data_len = 0;
        while (wb_tls_read(&p->tls, &data, &data_len)) {
            size_t taken = 0;
            assert_ok(wb_protocol_frames_feed(&p->frames, data, data_len, &taken));
            wb_tls_read_done(&p->tls, taken);
            const uint8_t *message = NULL;
            size_t message_len = 0;
            if (wb_protocol_frames_message(&p->frames, &message, &message_len)) {
                take_message(p, message, message_len);
                wb_protocol_frames_done(&p->frames);
            }
        }
        if (err != WB_OK || (used == 0 && !wb_tls_wants_emit(&p->tls))) {
            return;
        }
    }
}

/* Moves bytes and actions until nothing moves any more. */
static void settle(struct world *w, struct peer *peers, size_t count)
{
    bool is_moving = true;
    while (is_moving) {
        is_moving = false;
        for (size_t i = 0; i < count; i++) {
            uint8_t buf[700];
            size_t len =
                peers[i].is_closed ? 0 : wb_tls_emit(&peers[i].tls, w->now, buf, sizeof buf);
            size_t done = 0;
            while (done < len) {
                done +=
                    gateway_feed(w->g, w->now, UNIX_NOW, peers[i].session, buf + done, len - done);
                struct gateway_action a;
                while (gateway_next(w->g, w->now, &a)) {
                    note_action(w, peers, count, &a);
                }
            }
            is_moving |= len > 0;
        }
        struct gateway_action a;
        while (gateway_next(w->g, w->now, &a)) {
            note_action(w, peers, count, &a);
            is_moving = true;
        }
    }
}

static void note_action(struct world *w, struct peer *peers, size_t count,
                        const struct gateway_action *a)
{
    uint8_t buf[4096];
    switch (a->type) {
    case GATEWAY_SEND:
        for (size_t i = 0; i < count; i++) {
            size_t len = 0;
            while (peers[i].session == a->session &&
                   (len = gateway_emit(w->g, w->now, a->session, buf, sizeof buf)) > 0) {
                peer_feed(&peers[i], w->now, buf, len);
            }
        }
        break;
    case GATEWAY_CLOSE:
        for (size_t i = 0; i < count; i++) {
            peers[i].is_closed |= peers[i].session == a->session;
        }
        break;
    case GATEWAY_STATUS:
        json_decref(w->status);
        w->status = gateway_status_take(w->g, w->now, UNIX_NOW, a->device);
        w->status_count++;
        gateway_status_done(w->g, w->now, a->device->api.meta.name, true);
        break;
    case GATEWAY_CLAIM: break;
    case GATEWAY_EVENT:
        w->event_warnings += a->is_warning;
        snprintf(w->event, sizeof w->event, "%s", a->word);
        break;
    case GATEWAY_LINE: snprintf(w->line, sizeof w->line, "%s", a->line->text); break;
    case GATEWAY_LOG: snprintf(w->log, sizeof w->log, "%.30s %.470s", a->word, a->text); break;
    }
}

static void put_device(struct world *w, const char *name, const uint8_t key[32], bool is_approved,
                       const char *applications)
{
    char *key_text = wb_api_base64_encode(key, 32);
    char text[2048];
    snprintf(text, sizeof text,
             "{\"apiVersion\":\"wasmbed.github.io/v1\",\"kind\":\"Device\",\"metadata\":{\"name\":"
             "\"%s\",\"namespace\":\"wasmbed\",\"uid\":\"u-%s\",\"resourceVersion\":\"1\","
             "\"generation\":1},\"spec\":{\"deviceId\":\"%s\",\"deviceType\":\"posix\","
             "\"publicKey\":{\"algorithm\":\"Ed25519\",\"keyData\":\"%s\"},\"approved\":%s,"
             "\"applications\":%s},\"status\":{\"conditions\":[{\"type\":\"Approved\",\"status\":"
             "\"True\",\"reason\":\"R\",\"message\":\"m\",\"lastTransitionTime\":"
             "\"2026-01-01T00:00:00Z\"}]}}",
             name, name, name, key_text, is_approved ? "true" : "false", applications);
    free(key_text);
    json_t *object = json_loads(text, 0, NULL);
    assert_non_null(object);
    gateway_device_put(w->g, w->now, object);
    json_decref(object);
}

static char digest_text[WB_API_DIGEST_LEN + 1];

/* [{name, digest, revision}] of the application of put_application(). */
static const char *assignment(int revision)
{
    static char text[256];
    snprintf(text, sizeof text, "[{\"name\":\"app\",\"digest\":\"%s\",\"revision\":%d}]",
             digest_text, revision);
    return text;
}

static void put_application(struct world *w, int generation, const char *permissions)
{
    char *binary = wb_api_base64_encode(module_bytes, sizeof module_bytes);
    size_t cap = strlen(binary) + 1024;
    char *text = malloc(cap);
    snprintf(text, cap,
             "{\"apiVersion\":\"wasmbed.github.io/v1\",\"kind\":\"Application\",\"metadata\":{"
             "\"name\":\"app\",\"namespace\":\"wasmbed\",\"uid\":\"a\",\"generation\":%d},"
             "\"spec\":{\"wasmBinary\":\"%s\",\"targetDevices\":[\"d1\"],\"permissions\":%s,"
             "\"config\":{\"args\":[\"one\"],\"env\":[{\"name\":\"A\",\"value\":\"b\"}]}}}",
             generation, binary, permissions);
    json_t *object = json_loads(text, 0, NULL);
    assert_non_null(object);
    gateway_application_put(w->g, w->now, object);
    json_decref(object);
    free(text);
    free(binary);
}

static void peer_dial(struct world *w, struct peer *p)
{
    struct wb_tls_mem mem = {.rx = p->rx,
                             .rx_cap = sizeof p->rx,
                             .tx = p->tx,
                             .tx_cap = sizeof p->tx,
                             .work = p->work,
                             .work_cap = sizeof p->work};
    p->is_connected = p->is_failed = p->is_closed = false;
    memset(p->counts, 0, sizeof p->counts);
    wb_protocol_frames_init(&p->frames, p->frame, sizeof p->frame);
    assert_ok(wb_tls_init(&p->tls, &p->cfg, &mem, w->now, UNIX_NOW));
    p->session = gateway_opened(w->g, w->now, UNIX_NOW, "127.0.0.1:1");
    assert_true(p->session != 0);
}

static void peer_init(struct peer *p, const struct wb_pki_ca *issuer, const char *id)
{
    memset(p, 0, sizeof *p);
    struct wb_pki_key key;
    uint8_t der[WB_PKI_CERT_MAX];
    size_t len = 0;
    assert_ok(wb_pki_key_generate(&key, why));
    assert_ok(
        wb_pki_issue_device(issuer, key.public_key, id, 30, UNIX_NOW, der, sizeof der, &len, why));
    assert_ok(wb_pki_identity_set(&p->identity, der, len, &key, why));
    p->cfg = (struct wb_tls_cfg){.role = WB_TLS_CLIENT,
                                 .crypto = &wb_tls_crypto_core,
                                 .random = wb_pki_random,
                                 .credential = &p->identity.credential,
                                 .anchors = anchors.anchors,
                                 .anchor_count = anchors.count,
                                 .server_name = "wasmbed-gateway",
                                 .alpn = alpn,
                                 .alpn_count = 1};
}

static void peer_send(struct peer *p, const struct wb_protocol_message *m)
{
    uint8_t frame[600];
    size_t len = 0;
    size_t taken = 0;
    assert_ok(wb_protocol_encode(m, 512, frame, sizeof frame, &len));
    assert_ok(wb_tls_write(&p->tls, frame, len, &taken));
    assert_int_equal(taken, len);
}

static void peer_hello(struct peer *p, const char *id)
{
    peer_send(p, &(struct wb_protocol_message){.type = WB_PROTOCOL_HELLO,
                                               .u.hello = {.version = 1,
                                                           .device_id = wb_protocol_text(id),
                                                           .firmware = wb_protocol_text("1.2.3"),
                                                           .device_type = wb_protocol_text("posix"),
                                                           .frame_max = 512,
                                                           .abi = 1,
                                                           .app_slots = 4,
                                                           .arena_size = 6144,
                                                           .boots = 7}});
}

static void world_init(struct world *w)
{
    static struct gateway_cfg cfg;
    cfg = (struct gateway_cfg){.name = "gw",
                               .namespace = "wasmbed",
                               .endpoint = "127.0.0.1:4423",
                               .version = "test",
                               .tls = &server_cfg,
                               .sessions_max = 2,
                               .heartbeat_ms = 10000};
    *w = (struct world){.now = 1000};
    w->g = gateway_new(&cfg, w->now);
    assert_non_null(w->g);
    gateway_synced(w->g, w->now);
}

static void world_deinit(struct world *w)
{
    json_decref(w->status);
    gateway_free(w->g);
}

/* A world with device d1 connected, hello said; the first peer is d1. */
static void connect_d1(struct world *w, struct peer *p, const char *applications)
{
    world_init(w);
    peer_init(p, &ca, "d1");
    put_device(w, "d1", p->identity.key.public_key, true, applications);
    peer_dial(w, p);
    settle(w, p, 1);
    assert_true(p->is_connected);
    peer_hello(p, "d1");
    settle(w, p, 1);
}

static const char *status_text(const struct world *w, const char *key)
{
    return wb_api_text_at(w->status, "", "status", key, NULL);
}

/* ---- claims ------------------------------------------------------------------------------- */

static void known_device_is_welcomed_and_its_status_written(void **state)
{
    (void)state;
    struct world w;
    static struct peer p;
    connect_d1(&w, &p, "[]");
    assert_int_equal(p.counts[WB_PROTOCOL_WELCOME], 1);
    assert_int_equal(p.counts[WB_PROTOCOL_DESIRED], 1);
    assert_int_equal(p.desired.count, 0);
    assert_int_equal(gateway_connected(w.g), 1);
    assert_string_equal(status_text(&w, "phase"), "Connected");
    assert_string_equal(wb_api_text_at(w.status, "", "status", "gateway", "name", NULL), "gw");
    assert_string_equal(wb_api_text_at(w.status, "", "status", "firmware", "version", NULL),
                        "1.2.3");
    assert_int_equal(wb_api_integer_at(w.status, 0, "status", "metrics", "boots", NULL), 7);
    gateway_closed(w.g, w.now, p.session, "cable pulled");
    settle(&w, &p, 0);
    assert_string_equal(status_text(&w, "phase"), "Disconnected");
    assert_int_equal(gateway_connected(w.g), 0);
    world_deinit(&w);
}

static void refuses(const struct wb_pki_ca *issuer, const char *id, bool is_approved,
                    bool is_key_right, const char *reason)
{
    struct world w;
    static struct peer p;
    world_init(&w);
    peer_init(&p, issuer, id);
    uint8_t key[32];
    memcpy(key, p.identity.key.public_key, sizeof key);
    key[0] ^= is_key_right ? 0 : 1;
    put_device(&w, "d1", key, is_approved, "[]");
    peer_dial(&w, &p);
    settle(&w, &p, 1);
    assert_true(p.is_failed);
    assert_true(p.is_closed);
    assert_non_null(strstr(w.log, reason));
    assert_int_equal(p.counts[WB_PROTOCOL_WELCOME], 0);
    assert_int_equal(gateway_session_count(w.g), 0);
    world_deinit(&w);
}

static void refuses_strangers(void **state)
{
    (void)state;
    refuses(&ca, "d1", false, true, "not approved");
    refuses(&ca, "d1", true, false, "not the Device's");
    refuses(&ca, "d2", true, true, "no Device has spec.deviceId");
    refuses(&other_ca, "d1", true, true, "tls_failed");
}

static void client_without_certificate_is_refused(void **state)
{
    (void)state;
    struct world w;
    static struct peer p;
    world_init(&w);
    peer_init(&p, &ca, "d1");
    p.cfg.credential = NULL;
    peer_dial(&w, &p);
    settle(&w, &p, 1);
    assert_true(p.is_failed);
    assert_int_equal(p.alert, WB_TLS_ALERT_CERTIFICATE_REQUIRED);
    assert_int_equal(gateway_counters(w.g)->handshake_failures, 1);
    world_deinit(&w);
}

static void module_is_fetched_in_chunks(void **state)
{
    (void)state;
    struct world w;
    static struct peer p;
    connect_d1(&w, &p, assignment(3));
    assert_int_equal(p.counts[WB_PROTOCOL_DESIRED], 0); /* the Application is not known yet */
    put_application(&w, 2, "[]");
    settle(&w, &p, 1);
    assert_int_equal(p.counts[WB_PROTOCOL_DESIRED], 0); /* an older revision than assigned */
    put_application(&w, 3, "[]");
    settle(&w, &p, 1);
    assert_int_equal(p.counts[WB_PROTOCOL_DESIRED], 1);
    assert_int_equal(p.desired.count, 1);
    assert_string_equal(p.desired_name, "app");
    assert_int_equal(p.desired.app.size, MODULE_LEN);
    assert_int_equal(p.desired.app.revision, 3);
    uint8_t digest[32];
    assert_ok(wb_api_digest_read(digest_text, digest));
    while (p.fetched_len < MODULE_LEN) {
        size_t before = p.fetched_len;
        peer_send(
            &p, &(struct wb_protocol_message){
                    .type = WB_PROTOCOL_FETCH,
                    .u.fetch = {.digest = digest, .offset = (uint32_t)p.fetched_len, .len = 1000}});
        settle(&w, &p, 1);
        assert_true(p.fetched_len > before);
    }
    assert_memory_equal(p.fetched, module_bytes, MODULE_LEN);
    peer_send(&p, &(struct wb_protocol_message){
                      .type = WB_PROTOCOL_FETCH,
                      .u.fetch = {.digest = digest, .offset = MODULE_LEN, .len = 1}});
    settle(&w, &p, 1);
    assert_non_null(strstr(p.chunk_error, "outside"));
    digest[0] ^= 1;
    peer_send(&p, &(struct wb_protocol_message){.type = WB_PROTOCOL_FETCH,
                                                .u.fetch = {.digest = digest, .len = 1}});
    settle(&w, &p, 1);
    assert_non_null(strstr(p.chunk_error, "no longer"));
    world_deinit(&w);
}

static void an_unchanged_set_is_not_sent_again(void **state)
{
    (void)state;
    struct world w;
    static struct peer p;
    world_init(&w);
    put_application(&w, 1, "[]");
    peer_init(&p, &ca, "d1");
    put_device(&w, "d1", p.identity.key.public_key, true, assignment(1));
    peer_dial(&w, &p);
    settle(&w, &p, 1);
    peer_hello(&p, "d1");
    settle(&w, &p, 1);
    assert_int_equal(p.counts[WB_PROTOCOL_DESIRED], 1);
    put_device(&w, "d1", p.identity.key.public_key, true, assignment(1));
    settle(&w, &p, 1);
    assert_int_equal(p.counts[WB_PROTOCOL_DESIRED], 1);
    put_device(&w, "d1", p.identity.key.public_key, true, "[]");
    settle(&w, &p, 1);
    assert_int_equal(p.counts[WB_PROTOCOL_DESIRED], 2);
    assert_int_equal(p.desired.count, 0);
    world_deinit(&w);
}

static void app_status_reaches_the_status_and_leaves_it_with_the_ack(void **state)
{
    (void)state;
    struct world w;
    static struct peer p;
    connect_d1(&w, &p, "[]");
    uint8_t digest[32];
    assert_ok(wb_api_digest_read(digest_text, digest));
    peer_send(&p, &(struct wb_protocol_message){
                      .type = WB_PROTOCOL_APP_STATUS,
                      .u.app_status = {.name = wb_protocol_text("app"),
                                       .phase = WB_PROTOCOL_APP_FAILED,
                                       .digest = digest,
                                       .restarts = 2,
                                       .message = wb_protocol_text("function 3 at offset 77"),
                                       .memory = 512,
                                       .fuel = 99,
                                       .revision = 4}});
    settle(&w, &p, 1);
    const json_t *run = json_array_get(wb_api_at(w.status, "status", "applications", NULL), 0);
    assert_string_equal(wb_api_text_at(run, "", "phase", NULL), "Failed");
    assert_string_equal(wb_api_text_at(run, "", "message", NULL), "function 3 at offset 77");
    assert_string_equal(wb_api_text_at(run, "", "digest", NULL), digest_text);
    assert_int_equal(wb_api_integer_at(run, 0, "revision", NULL), 4);
    assert_string_equal(w.event, "ApplicationFailed");
    peer_send(&p,
              &(struct wb_protocol_message){.type = WB_PROTOCOL_DESIRED_ACK,
                                            .u.desired_ack = {.generation = p.desired.generation}});
    settle(&w, &p, 1);
    assert_int_equal(json_array_size(wb_api_at(w.status, "status", "applications", NULL)), 0);
    world_deinit(&w);
}

static json_t *record_of(int revision, const char *argument)
{
    char *binary = wb_api_base64_encode(module_bytes, sizeof module_bytes);
    json_t *spec = json_pack("{s:s, s:{s:[s]}}", "wasmBinary", binary, "config", "args", argument);
    char *text = json_dumps(spec, JSON_COMPACT);
    json_t *record = json_pack("{s:{s:o, s:s, s:{s:s, s:o}}, s:{s:s}}", "metadata", "name",
                               json_sprintf("wasmbed.app.r%d", revision), "namespace", "wasmbed",
                               "labels", WB_API_LABEL_APPLICATION, "app", WB_API_LABEL_REVISION,
                               json_sprintf("%d", revision), "data", "spec.json", text);
    free(text);
    json_decref(spec);
    free(binary);
    return record;
}

static void recorded_revision_is_served_after_the_application_changed(void **state)
{
    (void)state;
    struct world w;
    static struct peer p;
    connect_d1(&w, &p, "[]");
    put_application(&w, 7, "[]");
    uint64_t before = p.desired.generation;
    put_device(&w, "d1", p.identity.key.public_key, true, assignment(2));
    settle(&w, &p, 1);
    assert_int_equal(p.desired.generation, before); /* unknown as yet: the device keeps its set */
    json_t *bad = json_pack("{s:{s:s, s:{s:s, s:s}}, s:{s:s}}", "metadata", "name", "x", "labels",
                            WB_API_LABEL_APPLICATION, "app", WB_API_LABEL_REVISION, "2", "data",
                            "spec.json", "{\"wasmBinary\":\"*\"}");
    gateway_revision_put(w.g, w.now, bad);
    settle(&w, &p, 1);
    assert_int_equal(p.desired.generation, before);
    json_object_set_new(bad, "data", json_object());
    gateway_revision_put(w.g, w.now, bad);
    json_t *record = record_of(2, "old");
    gateway_revision_put(w.g, w.now, record);
    gateway_revision_put(w.g, w.now, record); /* a re-list */
    settle(&w, &p, 1);
    assert_true(p.desired.generation > before);
    assert_int_equal(p.desired.app.revision, 2);
    gateway_revision_remove(w.g, w.now, record);
    gateway_revision_remove(w.g, w.now, bad);
    json_decref(record);
    json_decref(bad);
    put_device(&w, "d1", p.identity.key.public_key, true, assignment(7));
    settle(&w, &p, 1);
    assert_int_equal(p.desired.app.revision, 7);
    world_deinit(&w);
}

static void revoked_device_is_cut_off(void **state)
{
    (void)state;
    struct world w;
    static struct peer p;
    connect_d1(&w, &p, "[]");
    put_device(&w, "d1", p.identity.key.public_key, false, "[]");
    settle(&w, &p, 1);
    assert_true(p.is_closed);
    assert_int_equal(gateway_connected(w.g), 0);
    world_deinit(&w);

    connect_d1(&w, &p, "[]");
    gateway_device_remove(w.g, w.now, "d1");
    settle(&w, &p, 1);
    assert_true(p.is_closed);
    assert_int_equal(gateway_connected(w.g), 0);
    world_deinit(&w);
}

static void newest_connection_of_an_identity_wins(void **state)
{
    (void)state;
    struct world w;
    static struct peer peers[2];
    connect_d1(&w, &peers[0], "[]");
    memset(&peers[1], 0, sizeof peers[1]);
    peers[1].cfg = peers[0].cfg;
    peer_dial(&w, &peers[1]);
    settle(&w, peers, 2);
    assert_true(peers[1].is_connected);
    assert_true(peers[0].is_closed);
    peer_hello(&peers[1], "d1");
    settle(&w, peers, 2);
    assert_int_equal(gateway_connected(w.g), 1);
    assert_string_equal(status_text(&w, "phase"), "Connected");
    world_deinit(&w);
}

static void silence_ends_a_session(void **state)
{
    (void)state;
    struct world w;
    static struct peer p;
    connect_d1(&w, &p, "[]");
    w.now += 3 * 10000 - 1;
    gateway_tick(w.g, w.now);
    settle(&w, &p, 1);
    assert_false(p.is_closed);
    w.now += 1;
    gateway_tick(w.g, w.now);
    settle(&w, &p, 1);
    assert_true(p.is_closed);
    assert_string_equal(status_text(&w, "phase"), "Disconnected");
    world_deinit(&w);
}

static void a_client_that_says_nothing_is_timed_out(void **state)
{
    (void)state;
    struct world w;
    world_init(&w);
    uint64_t session = gateway_opened(w.g, w.now, UNIX_NOW, "127.0.0.1:2");
    assert_true(session != 0);
    w.now += GATEWAY_HANDSHAKE_MS;
    gateway_tick(w.g, w.now);
    settle(&w, NULL, 0);
    w.now += 3000;
    gateway_tick(w.g, w.now);
    settle(&w, NULL, 0);
    assert_int_equal(gateway_session_count(w.g), 0);
    world_deinit(&w);
}

static void sends_garbage(const void *frame, size_t len, const char *reason)
{
    struct world w;
    static struct peer p;
    connect_d1(&w, &p, "[]");
    size_t taken = 0;
    assert_ok(wb_tls_write(&p.tls, frame, len, &taken));
    settle(&w, &p, 1);
    assert_true(p.is_closed);
    assert_non_null(strstr(w.log, reason));
    assert_int_equal(gateway_session_count(w.g), 0);
    world_deinit(&w);
}

static void malformed_frames_end_the_session_with_a_reason(void **state)
{
    (void)state;
    sends_garbage("\0\3abc", 5, "malformed message");
    sends_garbage("\0\0", 2, "empty or longer");
    sends_garbage("\xff\xff", 2, "empty or longer");
    static const uint8_t welcome[] = {0, 8, 0x82, 0x18, 32, 0xa3, 1, 0, 2, 0};
    sends_garbage(welcome, sizeof welcome, "malformed message"); /* cut within */
    static const uint8_t command[] = {0, 6, 0x82, 0x18, 37, 0xa1, 1, 2};
    sends_garbage(command, sizeof command, "only gateways send");
}

static void hello_comes_first_and_once(void **state)
{
    (void)state;
    struct world w;
    static struct peer p;
    connect_d1(&w, &p, "[]");
    peer_hello(&p, "d1");
    settle(&w, &p, 1);
    assert_true(p.is_closed);
    world_deinit(&w);

    world_init(&w);
    peer_init(&p, &ca, "d1");
    put_device(&w, "d1", p.identity.key.public_key, true, "[]");
    peer_dial(&w, &p);
    settle(&w, &p, 1);
    peer_hello(&p, "d9");
    settle(&w, &p, 1);
    assert_true(p.is_closed);
    assert_non_null(strstr(w.log, "another device"));
    world_deinit(&w);
}

static void too_many_connections_are_refused(void **state)
{
    (void)state;
    struct world w;
    world_init(&w);
    assert_true(gateway_opened(w.g, w.now, UNIX_NOW, "a") != 0);
    assert_true(gateway_opened(w.g, w.now, UNIX_NOW, "b") != 0);
    assert_true(gateway_opened(w.g, w.now, UNIX_NOW, "c") == 0);
    assert_int_equal(gateway_counters(w.g)->refused, 1);
    world_deinit(&w);
}

static void publish(struct peer *p, const char *topic)
{
    peer_send(p,
              &(struct wb_protocol_message){.type = WB_PROTOCOL_PUBLISH,
                                            .u.publish = {.app = wb_protocol_text("app"),
                                                          .topic = wb_protocol_text(topic),
                                                          .payload = {(const uint8_t *)"xyz", 3}}});
}

static void topics_need_permission_on_both_sides(void **state)
{
    (void)state;
    struct world w;
    static struct peer p;
    world_init(&w);
    put_application(&w, 1, "[\"publish:a/*\",\"subscribe:a/b\",\"subscribe:c\"]");
    peer_init(&p, &ca, "d1");
    put_device(&w, "d1", p.identity.key.public_key, true, assignment(1));
    peer_dial(&w, &p);
    settle(&w, &p, 1);
    peer_hello(&p, "d1");
    const char *const topics[] = {"a/b", "a/c", "c"};
    for (size_t i = 0; i < 3; i++) {
        peer_send(&p, &(struct wb_protocol_message){
                          .type = WB_PROTOCOL_SUBSCRIBE,
                          .u.subscribe = {.app = wb_protocol_text("app"),
                                          .topic = wb_protocol_text(topics[i])}});
        settle(&w, &p, 1);
    }
    assert_int_equal(gateway_counters(w.g)->denied, 1); /* subscribing a/c */
    publish(&p, "a/b");
    settle(&w, &p, 1);
    assert_int_equal(p.counts[WB_PROTOCOL_DATA], 1);
    assert_string_equal(p.data_topic, "a/b");
    assert_memory_equal(p.data, "xyz", 3);
    publish(&p, "a/c");
    settle(&w, &p, 1);
    assert_int_equal(p.counts[WB_PROTOCOL_DATA], 1);
    publish(&p, "c");
    settle(&w, &p, 1);
    assert_int_equal(p.counts[WB_PROTOCOL_DATA], 1);
    assert_int_equal(gateway_counters(w.g)->denied, 2);
    assert_non_null(strstr(w.line, "may not publish c"));
    assert_int_equal(gateway_publish(w.g, w.now, "c", (const uint8_t *)"op", 2), 1);
    settle(&w, &p, 1);
    assert_int_equal(p.counts[WB_PROTOCOL_DATA], 2);
    world_deinit(&w);
}

static void absent_devices_are_disconnected_after_a_restart(void **state)
{
    (void)state;
    struct world w;
    world_init(&w);
    json_t *object = json_loads(
        "{\"metadata\":{\"name\":\"d1\",\"namespace\":\"wasmbed\",\"uid\":\"u\",\"generation\":1,"
        "\"resourceVersion\":\"1\"},\"spec\":{\"deviceId\":\"d1\",\"deviceType\":\"posix\"},"
        "\"status\":{\"phase\":\"Connected\",\"gateway\":{\"name\":\"gw\"}}}",
        0, NULL);
    gateway_device_put(w.g, w.now, object);
    json_decref(object);
    w.now += GATEWAY_GRACE_MS - 1;
    gateway_tick(w.g, w.now);
    settle(&w, NULL, 0);
    assert_int_equal(w.status_count, 0);
    w.now += 1;
    gateway_tick(w.g, w.now);
    settle(&w, NULL, 0);
    assert_int_equal(w.status_count, 1);
    assert_string_equal(status_text(&w, "phase"), "Disconnected");
    world_deinit(&w);
}

static void commands_reach_connected_devices_only(void **state)
{
    (void)state;
    struct world w;
    static struct peer p;
    connect_d1(&w, &p, "[]");
    assert_ok(gateway_command(w.g, w.now, "d1", WB_PROTOCOL_RESTART_APP, "app"));
    settle(&w, &p, 1);
    assert_int_equal(p.counts[WB_PROTOCOL_COMMAND], 1);
    assert_err(WB_ERR_NOT_FOUND, gateway_command(w.g, w.now, "d2", WB_PROTOCOL_IDENTIFY, ""));
    gateway_closed(w.g, w.now, p.session, "gone");
    assert_err(WB_ERR_CLOSED, gateway_command(w.g, w.now, "d1", WB_PROTOCOL_IDENTIFY, ""));
    world_deinit(&w);
}

static int set_up(void **state)
{
    (void)state;
    char folder[] = "/tmp/wb_gateway_XXXXXX";
    char other[] = "/tmp/wb_gateway_XXXXXX";
    char cert[64];
    char key[64];
    static const char *const names[] = {"wasmbed-gateway"};
    if (mkdtemp(folder) == NULL || mkdtemp(other) == NULL) {
        return 1;
    }
    snprintf(cert, sizeof cert, "%s/s.pem", folder);
    snprintf(key, sizeof key, "%s/k.pem", folder);
    assert_ok(wb_pki_ca_load_or_create(&ca, folder, "Test CA", UNIX_NOW, why));
    assert_ok(wb_pki_ca_load_or_create(&other_ca, other, "Other CA", UNIX_NOW, why));
    assert_ok(wb_pki_server_ensure(&server, &ca, cert, key, names, 1, 30, UNIX_NOW, why));
    assert_ok(wb_pki_anchors_from_ca(&anchors, &ca, why));
    char command[128];
    snprintf(command, sizeof command, "rm -r %s %s", folder, other);
    assert_int_equal(system(command), 0);
    server_cfg = (struct wb_tls_cfg){.role = WB_TLS_SERVER,
                                     .crypto = &wb_tls_crypto_core,
                                     .random = wb_pki_random,
                                     .credential = &server.credential,
                                     .anchors = anchors.anchors,
                                     .anchor_count = anchors.count,
                                     .require_client_certificate = true,
                                     .alpn = alpn,
                                     .alpn_count = 1};
    memcpy(module_bytes, "\0asm\1\0\0\0", 8);
    for (size_t i = 8; i < sizeof module_bytes; i++) {
        module_bytes[i] = (uint8_t)(i * 7);
    }
    uint8_t digest[32];
    wb_hash_once(WB_HASH_SHA256, module_bytes, sizeof module_bytes, digest);
    wb_api_digest_write(digest, digest_text);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_device_is_welcomed_and_its_status_written),
        cmocka_unit_test(refuses_strangers),
        cmocka_unit_test(client_without_certificate_is_refused),
        cmocka_unit_test(module_is_fetched_in_chunks),
        cmocka_unit_test(an_unchanged_set_is_not_sent_again),
        cmocka_unit_test(app_status_reaches_the_status_and_leaves_it_with_the_ack),
        cmocka_unit_test(recorded_revision_is_served_after_the_application_changed),
        cmocka_unit_test(revoked_device_is_cut_off),
        cmocka_unit_test(newest_connection_of_an_identity_wins),
        cmocka_unit_test(silence_ends_a_session),
        cmocka_unit_test(a_client_that_says_nothing_is_timed_out),
        cmocka_unit_test(malformed_frames_end_the_session_with_a_reason),
        cmocka_unit_test(hello_comes_first_and_once),
        cmocka_unit_test(too_many_connections_are_refused),
        cmocka_unit_test(topics_need_permission_on_both_sides),
        cmocka_unit_test(absent_devices_are_disconnected_after_a_restart),
        cmocka_unit_test(commands_reach_connected_devices_only),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
