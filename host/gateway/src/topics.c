/* SPDX-License-Identifier: AGPL-3.0-only */
/* Messages between applications: exact topics, permissions checked when they are used, so that a
 * changed Application takes effect at once. A receiver that is too slow loses messages, which is
 * counted. */
#include "internal.h"

#include <stdio.h>
#include <string.h>

static void copy_text(char *to, size_t cap, struct wb_cbor_text text)
{
    snprintf(to, cap, "%.*s", (int)text.len, text.data);
}

static bool is_permitted(const struct gateway *g, const struct gateway_session *s, const char *app,
                         const char *action, const char *topic)
{
    const struct wb_api_device *device = &s->device->api;
    for (size_t i = 0; i < device->assignment_count; i++) {
        if (strcmp(device->assignments[i].name, app) == 0) {
            /* by the revision that it runs; unless that has gone, then by the present one */
            const struct gateway_application *a = revision_find(g, &device->assignments[i]);
            a = a != NULL ? a : table_find(&g->applications, app);
            return a != NULL && wb_api_is_permitted(&a->api.permissions, action, topic);
        }
    }
    return false;
}

static void deny(struct gateway *g, struct gateway_session *s, const char *app, const char *action,
                 const char *topic)
{
    g->counters.denied++;
    char text[320];
    snprintf(text, sizeof text, "may not %s %s: add \"%s:%s\" to spec.permissions", action, topic,
             action, topic);
    device_log(g, s->device, 0, WB_PROTOCOL_LOG_WARNING, wb_protocol_text(app),
               wb_protocol_text(text));
}

static struct gateway_subscription *subscription_find(struct gateway_session *s, const char *app,
                                                      const char *topic)
{
    for (uint32_t i = 0; i < s->subscription_count; i++) {
        if (strcmp(s->subscriptions[i].app, app) == 0 &&
            strcmp(s->subscriptions[i].topic, topic) == 0) {
            return &s->subscriptions[i];
        }
    }
    return NULL;
}

void topic_subscribe(struct gateway *g, struct gateway_session *s,
                     const struct wb_protocol_subscribe *message, bool is_on)
{
    struct gateway_subscription wanted = {{0}, {0}};
    copy_text(wanted.app, sizeof wanted.app, message->app);
    copy_text(wanted.topic, sizeof wanted.topic, message->topic);
    struct gateway_subscription *found = subscription_find(s, wanted.app, wanted.topic);
    if (!is_on) {
        if (found != NULL) {
            *found = s->subscriptions[--s->subscription_count];
        }
        return;
    }
    if (found != NULL) {
        return;
    }
    if (!is_permitted(g, s, wanted.app, "subscribe", wanted.topic)) {
        deny(g, s, wanted.app, "subscribe", wanted.topic); /* kept: a permission may come later */
    }
    if (s->subscription_count == GATEWAY_SUBSCRIPTIONS_MAX) {
        device_log(g, s->device, 0, WB_PROTOCOL_LOG_WARNING, message->app,
                   wb_protocol_text("this device has too many subscriptions"));
        return;
    }
    s->subscriptions[s->subscription_count++] = wanted;
}

static uint32_t deliver(struct gateway *g, const char *topic, const uint8_t *payload, size_t len)
{
    uint32_t receivers = 0;
    size_t cursor = 0;
    for (struct gateway_session *s; (s = table_next(&g->sessions, &cursor)) != NULL;) {
        for (uint32_t i = 0; s->state == SESSION_READY && i < s->subscription_count; i++) {
            const struct gateway_subscription *subscription = &s->subscriptions[i];
            if (strcmp(subscription->topic, topic) != 0 ||
                !is_permitted(g, s, subscription->app, "subscribe", topic)) {
                continue;
            }
            struct wb_protocol_message m = {
                .type = WB_PROTOCOL_DATA,
                .u.publish = {.app = wb_protocol_text(subscription->app),
                              .topic = wb_protocol_text(topic),
                              .payload = {payload, len}}};
            if (session_send(g, s, &m) == WB_OK) {
                g->counters.delivered++;
                receivers++;
            } else {
                g->counters.dropped++;
            }
        }
    }
    return receivers;
}

void topic_publish(struct gateway *g, struct gateway_session *s,
                   const struct wb_protocol_publish *message)
{
    char app[WB_PROTOCOL_NAME_MAX + 1];
    char topic[WB_PROTOCOL_TOPIC_MAX + 1];
    copy_text(app, sizeof app, message->app);
    copy_text(topic, sizeof topic, message->topic);
    g->counters.published++;
    if (!is_permitted(g, s, app, "publish", topic)) {
        deny(g, s, app, "publish", topic);
        return;
    }
    deliver(g, topic, message->payload.data, message->payload.len);
}

uint32_t gateway_publish(struct gateway *g, wb_ms now, const char *topic, const uint8_t *payload,
                         size_t len)
{
    (void)now;
    g->counters.published++;
    return deliver(g, topic, payload, len);
}
