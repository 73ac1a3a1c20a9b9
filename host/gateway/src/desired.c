/* SPDX-License-Identifier: AGPL-3.0-only */
/* What a device is to run: Device.spec.applications says which, the Application says how. A set is
 * sent only when all of it is known: an assignment whose Application has not arrived here in that
 * revision yet (the two watches are not ordered) must not look to the device like a removal. */
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIST_CAP 1024u

/* 64-bit FNV-1a over what the set says, so that an unchanged one is not sent again. */
static uint64_t print_of(const struct wb_api_device *api)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < api->assignment_count; i++) {
        char text[192];
        snprintf(text, sizeof text, "%s %s %lld\n", api->assignments[i].name,
                 api->assignments[i].digest, (long long)api->assignments[i].revision);
        for (const char *p = text; *p != '\0'; p++) {
            hash = (hash ^ (uint8_t)*p) * 0x100000001b3u;
        }
    }
    return hash;
}

static enum wb_err send_application(struct gateway *g, struct gateway_session *s, uint32_t index,
                                    uint32_t count, const struct gateway_application *app)
{
    uint8_t args_buf[LIST_CAP];
    uint8_t env_buf[LIST_CAP];
    struct wb_protocol_list_writer args;
    struct wb_protocol_list_writer env;
    wb_protocol_list_init(&args, args_buf, sizeof args_buf);
    wb_protocol_list_init(&env, env_buf, sizeof env_buf);
    for (size_t i = 0; i < app->api.args.count; i++) {
        wb_protocol_list_add_text(&args, app->api.args.items[i], strlen(app->api.args.items[i]));
    }
    for (size_t i = 0; i < app->api.env_count; i++) {
        char text[LIST_CAP];
        int len = snprintf(text, sizeof text, "%s=%s", app->api.env[i].name, app->api.env[i].value);
        wb_protocol_list_add_text(&env, text,
                                  len < (int)sizeof text ? (size_t)len : sizeof text - 1);
    }
    struct wb_protocol_message m = {
        .type = WB_PROTOCOL_DESIRED,
        .u.desired = {.generation = s->desired_generation,
                      .index = index,
                      .count = count,
                      .app = {.name = wb_protocol_text(app->api.meta.name),
                              .digest = app->digest,
                              .size = (uint32_t)app->module_len,
                              .signature = {app->signature, app->signature_len},
                              .revision = (uint64_t)app->api.meta.generation,
                              .memory = app->api.memory,
                              .fuel_per_s = app->api.fuel_per_second,
                              .restart = (uint32_t)app->api.restart_policy}}};
    WB_TRY(wb_protocol_list_finish(&args, &m.u.desired.app.args));
    WB_TRY(wb_protocol_list_finish(&env, &m.u.desired.app.env));
    return session_send(g, s, &m);
}

/* An application that cannot even be described to this device fails there with a reason; the set
 * goes on without it. */
static void refuse_application(struct gateway *g, struct gateway_session *s,
                               const struct gateway_application *app, enum wb_err err)
{
    act_event(g, s->device->api.meta.name, true, "ApplicationNotSent",
              "application %s: %s; its args and env must fit the device's message size of %u bytes",
              app->api.meta.name, wb_err_str(err), s->frame_max);
    act_log(g, WB_PROTOCOL_LOG_WARNING, "application_not_sent",
            "device=%s application=%s reason=\"%s\"", s->device->api.meta.name, app->api.meta.name,
            wb_err_str(err));
}

void desired_update(struct gateway *g, struct gateway_session *s)
{
    if (s->state != SESSION_READY) {
        return;
    }
    const struct wb_api_device *api = &s->device->api;
    uint64_t print = print_of(api);
    if (print == s->desired_print && !s->is_desired_due) {
        return;
    }
    for (size_t i = 0; i < api->assignment_count; i++) {
        if (revision_find(g, &api->assignments[i]) == NULL) {
            return; /* comes with the Application, or with another assignment */
        }
    }
    s->is_desired_due = false;
    s->desired_print = print;
    s->desired_generation = ++g->generation;
    uint32_t count = (uint32_t)api->assignment_count;
    if (count == 0) {
        struct wb_protocol_message m = {.type = WB_PROTOCOL_DESIRED,
                                        .u.desired = {.generation = s->desired_generation}};
        if (session_send(g, s, &m) != WB_OK) {
            s->is_desired_due = true;
        }
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct gateway_application *app = revision_find(g, &api->assignments[i]);
        enum wb_err err = send_application(g, s, i, count, app);
        if (err != WB_OK) {
            refuse_application(g, s, app, err);
        }
    }
}

void desired_acked(struct gateway *g, wb_ms now, struct gateway_session *s, uint64_t generation)
{
    s->acked_generation = generation;
    struct gateway_device *device = s->device;
    if (generation != s->desired_generation) {
        return;
    }
    size_t kept = 0;
    for (size_t i = 0; i < device->run_count; i++) {
        bool is_assigned = false;
        for (size_t a = 0; a < device->api.assignment_count; a++) {
            is_assigned |= strcmp(device->api.assignments[a].name, device->runs[i].name) == 0;
        }
        if (is_assigned) {
            device->runs[kept++] = device->runs[i];
        } else {
            free(device->runs[i].message);
        }
    }
    if (kept != device->run_count) {
        device->run_count = kept;
        status_due(g, now, device);
    }
}

static const struct gateway_application *module_find_in(const struct table *table,
                                                        const uint8_t digest[32])
{
    size_t cursor = 0;
    for (const struct gateway_application *app; (app = table_next(table, &cursor)) != NULL;) {
        if (memcmp(app->digest, digest, 32) == 0) {
            return app;
        }
    }
    return NULL;
}

/* A device may fetch what some Application holds or held, whether or not it is assigned to it. */
static const struct gateway_application *module_find(const struct gateway *g,
                                                     const uint8_t digest[32])
{
    const struct gateway_application *app = module_find_in(&g->applications, digest);
    return app != NULL ? app : module_find_in(&g->revisions, digest);
}

void desired_chunk(struct gateway *g, struct gateway_session *s,
                   const struct wb_protocol_fetch *fetch)
{
    struct wb_protocol_message m = {.type = WB_PROTOCOL_CHUNK,
                                    .u.chunk = {.digest = fetch->digest, .offset = fetch->offset}};
    const struct gateway_application *app = module_find(g, fetch->digest);
    if (app == NULL) {
        m.u.chunk.error = wb_protocol_text("the module is no longer there");
    } else if (fetch->offset >= app->module_len || fetch->len == 0) {
        m.u.chunk.error = wb_protocol_text("the range lies outside the module");
    } else {
        size_t len = app->module_len - fetch->offset;
        size_t max = wb_protocol_chunk_data_max(s->frame_max);
        len = len < fetch->len ? len : fetch->len;
        len = len < max ? len : max;
        m.u.chunk.data = (struct wb_cbor_bytes){app->module + fetch->offset, len};
    }
    g->counters.chunks++;
    if (session_send(g, s, &m) != WB_OK) {
        g->counters.dropped++; /* the device asks again */
    }
}
