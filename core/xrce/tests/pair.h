/* SPDX-License-Identifier: AGPL-3.0-only */
/* A client and a proxy with their buffers, joined by hand; what happened at each end is logged. */
#ifndef PAIR_H
#define PAIR_H

#include "wb_test.h"
#include "wb_xrce_agent.h"
#include "wb_xrce_client.h"

#define SLOTS     16
#define MESSAGE   508
#define SLOT      (MESSAGE + WB_XRCE_SLOT_LEN)
#define SAMPLE    4096
#define OBJECTS   32
#define LOG       128
#define LOG_BYTES 8192

#define PARTICIPANT WB_XRCE_ID(1, WB_XRCE_PARTICIPANT)
#define TOPIC       WB_XRCE_ID(1, WB_XRCE_TOPIC)
#define PUBLISHER   WB_XRCE_ID(1, WB_XRCE_PUBLISHER)
#define SUBSCRIBER  WB_XRCE_ID(1, WB_XRCE_SUBSCRIBER)
#define WRITER      WB_XRCE_ID(1, WB_XRCE_DATAWRITER)
#define READER      WB_XRCE_ID(1, WB_XRCE_DATAREADER)
#define REQUESTER   WB_XRCE_ID(1, WB_XRCE_REQUESTER)
#define REPLIER     WB_XRCE_ID(1, WB_XRCE_REPLIER)

struct buffers {
    uint8_t out[SLOTS * SLOT];
    uint8_t in[SLOTS * SLOT];
    uint8_t assembly[SAMPLE + 64];
    uint8_t burst[MESSAGE];
};

struct logged {
    int kind;
    uint16_t request;
    uint16_t object;
    uint8_t status;
    uint8_t stream;
    bool flag; /* is_implied, is_resumed */
    int64_t offset_ns;
    size_t len; /* of data, or of the name of a creation */
    uint8_t data[SAMPLE];
};

struct log {
    size_t count;
    struct logged of[LOG];
};

static wb_ms now;
static struct wb_xrce_client client;
static struct wb_xrce_proxy proxy;
static struct buffers client_buffers;
static struct buffers proxy_buffers;
static struct wb_xrce_object objects[OBJECTS];
static struct log client_log;
static struct log proxy_log;
static uint8_t proxy_status; /* how creations are answered */

static inline struct wb_xrce_memory memory_of(struct buffers *buffers)
{
    return (struct wb_xrce_memory){
        .out = buffers->out,
        .out_len = sizeof buffers->out,
        .out_slots = SLOTS,
        .in = buffers->in,
        .in_len = sizeof buffers->in,
        .in_slots = SLOTS,
        .assembly = buffers->assembly,
        .assembly_len = sizeof buffers->assembly,
        .burst = buffers->burst,
        .burst_len = sizeof buffers->burst,
    };
}

static inline struct wb_xrce_client_cfg client_cfg(void)
{
    return (struct wb_xrce_client_cfg){
        .memory = memory_of(&client_buffers), .key = {0xA1, 0xB2, 0xC3, 0xD4}, .mtu = MESSAGE};
}

static inline struct wb_xrce_proxy_cfg proxy_cfg(void)
{
    return (struct wb_xrce_proxy_cfg){
        .memory = memory_of(&proxy_buffers), .objects = objects, .objects_cap = OBJECTS};
}

static inline struct logged *log_add(struct log *log)
{
    assert_true(log->count < LOG);
    struct logged *entry = &log->of[log->count++];
    memset(entry, 0, offsetof(struct logged, data));
    return entry;
}

static inline void log_bytes(struct logged *entry, const void *data, size_t len)
{
    assert_true(len <= sizeof entry->data);
    entry->len = len;
    if (len > 0) {
        memcpy(entry->data, data, len);
    }
}

static inline void drain_client(void)
{
    struct wb_xrce_client_event event;
    while (wb_xrce_client_next(&client, &event)) {
        struct logged *entry = log_add(&client_log);
        entry->kind = event.kind;
        entry->request = event.request;
        entry->object = event.object;
        entry->status = event.status;
        entry->offset_ns = event.offset_ns;
        log_bytes(entry, event.data.data, event.data.len);
    }
}

static inline void log_proxy_event(const struct wb_xrce_proxy_event *event)
{
    struct logged *entry = log_add(&proxy_log);
    entry->kind = event->kind;
    entry->request = event->request;
    entry->object = event->object;
    entry->stream = event->stream;
    entry->flag = event->is_implied || event->is_resumed;
    if (event->kind == WB_XRCE_PROXY_WRITE) {
        log_bytes(entry, event->of.data.data, event->of.data.len);
    } else if (event->kind == WB_XRCE_PROXY_CREATE) {
        const struct wb_cdr_str *name = &event->of.creation.description.name;
        log_bytes(entry, name->at, name->len);
    }
}

static inline void drain_proxy(void)
{
    struct wb_xrce_proxy_event event;
    while (wb_xrce_proxy_next(&proxy, &event)) {
        log_proxy_event(&event);
        if (event.kind == WB_XRCE_PROXY_CREATE) {
            wb_xrce_proxy_answer(&proxy, event.request, event.object, proxy_status);
        } else if (event.kind == WB_XRCE_PROXY_DELETE && !event.is_implied) {
            wb_xrce_proxy_answer(&proxy, event.request, event.object, WB_XRCE_OK);
        }
    }
}

/* One message from client to agent; its length. */
static inline size_t carry_up(bool arrives)
{
    uint8_t message[MESSAGE];
    size_t len = wb_xrce_client_emit(&client, now, message, sizeof message);
    if (len > 0 && arrives) {
        wb_xrce_proxy_feed(&proxy, now, message, len);
        drain_proxy();
    }
    return len;
}

static inline size_t carry_down(bool arrives)
{
    uint8_t message[MESSAGE];
    size_t len = wb_xrce_proxy_emit(&proxy, now, message, sizeof message);
    if (len > 0 && arrives) {
        wb_xrce_client_feed(&client, now, message, len);
        drain_client();
    }
    return len;
}

static inline void settle(void)
{
    drain_client();
    drain_proxy();
    while (carry_up(true) + carry_down(true) > 0) {
    }
}

static inline void tick(void)
{
    wb_xrce_client_tick(&client, now);
    wb_xrce_proxy_tick(&proxy, now);
}

static inline void forget_logs(void)
{
    client_log.count = 0;
    proxy_log.count = 0;
}

static inline void start_with(const struct wb_xrce_client_cfg *c, const struct wb_xrce_proxy_cfg *p)
{
    now = 1000;
    proxy_status = WB_XRCE_OK;
    forget_logs();
    wb_xrce_client_init(&client, c, now);
    wb_xrce_proxy_init(&proxy, p, now);
}

static inline void start(void)
{
    struct wb_xrce_client_cfg c = client_cfg();
    struct wb_xrce_proxy_cfg p = proxy_cfg();
    start_with(&c, &p);
}

static inline void open_session(void)
{
    assert_ok(wb_xrce_client_open(&client, now));
    settle();
    assert_int_equal(wb_xrce_client_state(&client), WB_XRCE_CLIENT_OPEN);
    assert_true(proxy.is_connected);
    forget_logs();
}

static inline uint16_t parent_of(uint16_t object)
{
    switch (WB_XRCE_ID_KIND(object)) {
    case WB_XRCE_PARTICIPANT: return 0;
    case WB_XRCE_DATAWRITER: return PUBLISHER;
    case WB_XRCE_DATAREADER: return SUBSCRIBER;
    default: return PARTICIPANT;
    }
}

static inline struct wb_xrce_description describe(uint16_t object)
{
    struct wb_xrce_description d = {.kind = WB_XRCE_ID_KIND(object)};
    switch (d.kind) {
    case WB_XRCE_PARTICIPANT: d.name = WB_CDR_STR("node"); break;
    case WB_XRCE_TOPIC:
        d.name = WB_CDR_STR("rt/chatter");
        d.type = WB_CDR_STR("std_msgs::msg::dds_::String_");
        break;
    case WB_XRCE_DATAWRITER:
    case WB_XRCE_DATAREADER:
        d.topic = TOPIC;
        d.qos = (struct wb_xrce_qos){.has_qos = true,
                                     .flags = WB_XRCE_QOS_RELIABLE | WB_XRCE_QOS_KEEP_LAST,
                                     .has_depth = true,
                                     .depth = 10};
        break;
    case WB_XRCE_REQUESTER:
    case WB_XRCE_REPLIER:
        d.name = WB_CDR_STR("/add_two_ints");
        d.type = WB_CDR_STR("example_interfaces::srv::dds_::AddTwoInts_Request_");
        d.reply_type = WB_CDR_STR("example_interfaces::srv::dds_::AddTwoInts_Response_");
        d.request_topic = WB_CDR_STR("rq/add_two_intsRequest");
        d.reply_topic = WB_CDR_STR("rr/add_two_intsReply");
        break;
    default: break;
    }
    return d;
}

static inline uint16_t create(uint16_t object, uint8_t flags)
{
    uint16_t request;
    struct wb_xrce_description d = describe(object);
    assert_ok(wb_xrce_client_create(&client, object, parent_of(object), flags, &d, 0, &request));
    return request;
}

/* Creates it and expects this answer. */
static inline void create_expecting(uint16_t object, uint8_t flags, uint8_t status)
{
    client_log.count = 0;
    uint16_t request = create(object, flags);
    settle();
    assert_int_equal(client_log.count, 1);
    assert_int_equal(client_log.of[0].kind, WB_XRCE_CLIENT_GOT_STATUS);
    assert_int_equal(client_log.of[0].request, request);
    assert_int_equal(client_log.of[0].object, object);
    assert_int_equal(client_log.of[0].status, status);
}

static inline void create_all(void)
{
    static const uint16_t all[] = {PARTICIPANT, TOPIC,  PUBLISHER, WRITER,
                                   SUBSCRIBER,  READER, REPLIER,   REQUESTER};
    for (size_t i = 0; i < WB_ARRAY_LEN(all); i++) {
        create_expecting(all[i], WB_XRCE_FLAG_REUSE | WB_XRCE_FLAG_REPLACE, WB_XRCE_OK);
    }
    forget_logs();
}

#endif
