/* SPDX-License-Identifier: AGPL-3.0-only */
/* controller.c: life of the controller: configuration, caches, the clock, the end. What a change
 * leads to is decided in reconcile.c and carried out in work.c; here changes only mark what is to
 * be looked at. */
#include "controller.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SECOND_MS        1000u
#define GATEWAY_LEASE_S  40u
#define UNREACHABLE_RATE 20u

static void device_changed(void *ctx, enum wb_kube_change change, const json_t *object,
                           const json_t *old);
static void application_changed(void *ctx, enum wb_kube_change change, const json_t *object,
                                const json_t *old);
static void gateway_changed(void *ctx, enum wb_kube_change change, const json_t *object,
                            const json_t *old);
static void lease_changed(void *ctx, enum wb_kube_change change, const json_t *object,
                          const json_t *old);
static void record_changed(void *ctx, enum wb_kube_change change, const json_t *object,
                           const json_t *old);
static void every_second(void *ctx);
static void leadership(void *ctx, bool is_held);

/* ---- caches ---------------------------------------------------------------------------------- */

static void synced(void *ctx)
{
    struct controller *c = ctx;
    if (work_is_ready(c) && !c->is_ready) {
        c->is_ready = true;
        log_line("info", "ready", "devices=%zu applications=%zu gateways=%zu",
                 c->world.devices.count, c->world.applications.count, c->world.gateways.count);
        wb_net_timer_start(c->work_timer, 0, 0);
    }
}

static void trouble(void *ctx, const char *text, wb_ms retry_ms)
{
    char quoted[LOG_TEXT_CAP];
    (void)ctx;
    if (text != NULL) {
        log_line("warning", "api_server_trouble", "retry_ms=%llu error=%s",
                 (unsigned long long)retry_ms, log_quote(quoted, text));
    } else {
        log_line("info", "api_server_contact", "%s", "");
    }
}

static bool open_caches(struct controller *c)
{
    static const struct {
        const struct wb_kube_resource *resource;
        void (*changed)(void *ctx, enum wb_kube_change change, const json_t *object,
                        const json_t *old);
        const char *label_selector;
    } caches[CACHE_COUNT] = {
        [CACHE_DEVICES] = {&wb_kube_devices, device_changed, NULL},
        [CACHE_APPLICATIONS] = {&wb_kube_applications, application_changed, NULL},
        [CACHE_GATEWAYS] = {&wb_kube_gateways, gateway_changed, NULL},
        [CACHE_RECORDS] = {&wb_kube_configmaps, record_changed, WB_API_LABEL_REVISION},
        [CACHE_LEASES] = {&wb_kube_leases, lease_changed, NULL},
    };
    for (int i = 0; i < CACHE_COUNT; i++) {
        c->caches[i] = wb_kube_reflector_new(
            c->kube, &(struct wb_kube_reflector_cfg){.resource = caches[i].resource,
                                                     .namespace = c->options.namespace,
                                                     .label_selector = caches[i].label_selector,
                                                     .changed = caches[i].changed,
                                                     .synced = synced,
                                                     .trouble = trouble,
                                                     .ctx = c});
        if (c->caches[i] == NULL) {
            return false;
        }
    }
    return true;
}

/* ---- changes --------------------------------------------------------------------------------- */

static const char *namespace_of(const json_t *object)
{
    return wb_api_text_at(object, "", "metadata", "namespace", NULL);
}

static const char *name_of(const json_t *object)
{
    return wb_api_text_at(object, "", "metadata", "name", NULL);
}

static void device_changed(void *ctx, enum wb_kube_change change, const json_t *object,
                           const json_t *old)
{
    struct controller *c = ctx;
    struct wb_api_problem problem = {0};
    c->world.now = wb_net_now_ms(c->loop);
    struct world_device *device =
        world_find_device(&c->world, namespace_of(object), name_of(object));
    (void)old;
    if (device != NULL) { /* who was concerned before */
        work_mark_applications_of(c, device);
    }
    if (change == WB_KUBE_DELETED) {
        world_remove_device(&c->world, namespace_of(object), name_of(object));
        return;
    }
    device = world_put_device(&c->world, object, &problem);
    if (device == NULL) {
        return;
    }
    if (!device->is_valid) {
        char quoted[LOG_TEXT_CAP];
        log_line("warning", "malformed_device", "namespace=%s name=%s error=%s",
                 namespace_of(object), name_of(object), log_quote(quoted, problem.text));
    }
    work_end_rest(c, &device->spec_work, false);
    work_end_rest(c, &device->status_work, false);
    work_mark(c, &device->spec_work);
    work_mark(c, &device->status_work);
    work_mark_applications_of(c, device);
}

static void application_changed(void *ctx, enum wb_kube_change change, const json_t *object,
                                const json_t *old)
{
    struct controller *c = ctx;
    struct world_application *application =
        world_find_application(&c->world, namespace_of(object), name_of(object));
    c->world.now = wb_net_now_ms(c->loop);
    /* what devices get depends on the spec, on its deletion, and on what is remembered of rollouts
     */
    bool is_spec_changed =
        application == NULL ||
        !json_equal(wb_api_at(object, "status", "rollout", NULL),
                    wb_api_at(old, "status", "rollout", NULL)) ||
        wb_api_at(object, "metadata", "deletionTimestamp", NULL) != NULL ||
        change == WB_KUBE_DELETED ||
        wb_api_integer_at(object, 0, "metadata", "generation", NULL) !=
            wb_api_integer_at(old, -1, "metadata", "generation", NULL) ||
        strcmp(application->api.meta.uid, wb_api_text_at(object, "", "metadata", "uid", NULL)) != 0;
    if (application != NULL && is_spec_changed) { /* which devices had it */
        work_mark_devices_of(c, application);
    }
    if (change == WB_KUBE_DELETED) {
        log_line("info", "application_deleted", "namespace=%s name=%s", namespace_of(object),
                 name_of(object));
        work_mark_records_of(c, namespace_of(object), name_of(object));
        world_remove_application(&c->world, namespace_of(object), name_of(object));
        return;
    }
    application = world_put_application(&c->world, object);
    if (application == NULL) {
        return;
    }
    if (is_spec_changed) {
        work_mark_devices_of(c, application);
        work_end_rest(c, &application->record_work, false);
    }
    work_end_rest(c, &application->work, true);
    work_end_rest(c, &application->meta_work, false);
    work_mark(c, &application->work);
    work_mark(c, &application->meta_work);
    work_mark(c, &application->record_work);
}

static void record_changed(void *ctx, enum wb_kube_change change, const json_t *object,
                           const json_t *old)
{
    struct controller *c = ctx;
    const char *name =
        wb_api_text_at(object, "", "metadata", "labels", WB_API_LABEL_APPLICATION, NULL);
    (void)old;
    if (change == WB_KUBE_DELETED) {
        world_remove_record(&c->world, namespace_of(object), name_of(object));
    } else if (world_put_record(&c->world, object) == NULL) {
        return;
    }
    work_mark_records_of(c, namespace_of(object), name);
    struct world_application *application =
        world_find_application(&c->world, namespace_of(object), name);
    if (application != NULL) {
        work_end_rest(c, &application->record_work, false);
        work_mark(c, &application->record_work);
        work_mark(c, &application->work);
        work_mark_devices_of(c, application);
    }
}

static void gateway_changed(void *ctx, enum wb_kube_change change, const json_t *object,
                            const json_t *old)
{
    struct controller *c = ctx;
    (void)old;
    if (change == WB_KUBE_DELETED) {
        world_remove_gateway(&c->world, namespace_of(object), name_of(object));
        return;
    }
    struct world_gateway *gateway = world_put_gateway(&c->world, object, NULL);
    if (gateway != NULL) {
        work_end_rest(c, &gateway->work, false);
        work_mark(c, &gateway->work);
    }
}

static void lease_changed(void *ctx, enum wb_kube_change change, const json_t *object,
                          const json_t *old)
{
    struct controller *c = ctx;
    (void)old;
    if (change == WB_KUBE_DELETED) {
        world_remove_lease(&c->world, namespace_of(object), name_of(object));
    } else {
        struct world_gateway *gateway =
            world_find_gateway(&c->world, namespace_of(object), name_of(object));
        (void)world_put_lease(&c->world, object, wb_net_now_ms(c->loop));
        if (gateway != NULL && strcmp(gateway->api.phase, "Unreachable") == 0) {
            work_mark(c, &gateway->work); /* it may be back */
        }
    }
}

/* ---- time ------------------------------------------------------------------------------------ */

/* A Lease expired or came back: its gateway, and the devices that it holds, are looked at. */
static void lease_flipped(struct controller *c, const struct world_lease *lease)
{
    struct world_gateway *gateway = world_find_gateway(&c->world, lease->namespace, lease->name);
    size_t count = 0;
    for (size_t i = 0; i < c->world.devices.count; i++) {
        struct world_device *device = c->world.devices.items[i];
        if (device->is_valid && strcmp(device->api.gateway, lease->name) == 0) {
            work_mark(c, &device->status_work);
            count++;
        }
    }
    if (gateway != NULL) {
        work_mark(c, &gateway->work);
    }
    if (gateway != NULL || count > 0) {
        log_line(lease->is_expired ? "warning" : "info",
                 lease->is_expired ? "gateway_lost" : "gateway_back",
                 "namespace=%s gateway=%s devices=%zu", lease->namespace, lease->name, count);
    }
}

static void every_second(void *ctx)
{
    struct controller *c = ctx;
    c->unreachable_tokens = c->options.unreachable_rate;
    for (size_t i = 0; i < c->world.leases.count; i++) {
        struct world_lease *lease = c->world.leases.items[i];
        bool is_expired =
            is_lease_expired(&c->world, lease->namespace, lease->name, wb_net_now_ms(c->loop));
        if (is_expired != lease->is_expired) {
            lease->is_expired = is_expired;
            lease_flipped(c, lease);
        }
    }
}

/* ---- leadership ------------------------------------------------------------------------------ */

static void leadership(void *ctx, bool is_held)
{
    struct controller *c = ctx;
    c->is_leader = is_held;
    log_line("info", is_held ? "leading" : "not_leading", "%s", "");
    wb_net_timer_start(c->work_timer, 0, 0);
}

static void lease_trouble(void *ctx, const char *text)
{
    char quoted[LOG_TEXT_CAP];
    (void)ctx;
    log_line("warning", "lease_trouble", "error=%s", log_quote(quoted, text));
}

static bool open_lease(struct controller *c)
{
    char holder[128];
    char host[64] = "host";
    const char *namespace = c->options.lease_namespace != NULL ? c->options.lease_namespace
                            : c->options.namespace != NULL     ? c->options.namespace
                                                               : WB_API_NAMESPACE;
    gethostname(host, sizeof host - 1);
    snprintf(holder, sizeof holder, "%s_%d", host, (int)getpid());
    c->lease = wb_kube_lease_new(c->kube, &(struct wb_kube_lease_cfg){.namespace = namespace,
                                                                      .name = "wasmbed-controller",
                                                                      .holder = holder,
                                                                      .is_exclusive = true,
                                                                      .held = leadership,
                                                                      .trouble = lease_trouble,
                                                                      .ctx = c});
    return c->lease != NULL;
}

/* ---- life ------------------------------------------------------------------------------------ */

static void stop_loop(void *ctx)
{
    wb_net_loop_stop(((struct controller *)ctx)->loop);
}

/* Gives leadership up, and a moment for the request to leave. */
static void resign(struct controller *c)
{
    if (c->lease != NULL && wb_kube_lease_is_held(c->lease)) {
        struct wb_net_timer *timer = wb_net_timer_new(c->loop, stop_loop, c);
        c->is_leader = false;
        wb_kube_lease_release(c->lease);
        if (timer != NULL) {
            wb_net_timer_start(timer, 300, 0);
            wb_net_loop_run(c->loop);
            wb_net_timer_free(timer);
        }
    }
}

static void close_all(struct controller *c)
{
    wb_kube_lease_free(c->lease);
    for (int i = 0; i < CACHE_COUNT; i++) {
        wb_kube_reflector_free(c->caches[i]);
    }
    wb_kube_recorder_free(c->recorder);
    wb_kube_free(c->kube);
    work_drop(c);
    if (c->http != NULL) {
        wb_http_server_free(c->http);
    }
    if (c->work_timer != NULL) {
        wb_net_timer_free(c->work_timer);
    }
    if (c->second_timer != NULL) {
        wb_net_timer_free(c->second_timer);
    }
    if (c->loop != NULL) {
        wb_net_loop_free(c->loop);
    }
    world_deinit(&c->world);
    wb_kube_config_deinit(&c->config);
}

/* Opens everything. False: text says why not. */
static bool open_all(struct controller *c, char *text, size_t text_cap)
{
    if (wb_kube_config_load(c->options.kubeconfig, c->options.context, &c->config, text,
                            text_cap) != WB_OK) {
        return false;
    }
    snprintf(text, text_cap, "%s", wb_err_str(WB_ERR_MEMORY));
    c->loop = wb_net_loop_new();
    if (c->loop == NULL) {
        return false;
    }
    if (c->options.http_port >= 0 && !report_open(c, text, text_cap)) {
        return false;
    }
    c->work_timer = wb_net_timer_new(c->loop, work_run, c);
    c->second_timer = wb_net_timer_new(c->loop, every_second, c);
    c->kube = wb_kube_new(c->loop, &c->config, "wasmbed-controller");
    if (c->work_timer == NULL || c->second_timer == NULL || c->kube == NULL) {
        return false;
    }
    c->recorder = wb_kube_recorder_new(c->kube, "wasmbed-controller", NULL);
    c->is_leader = !c->options.leader_elect;
    return c->recorder != NULL && open_caches(c) && (c->is_leader || open_lease(c)) &&
           wb_net_loop_signals(c->loop, NULL, NULL) == WB_OK;
}

int wb_controller_main(const struct wb_controller_options *options)
{
    char text[WB_KUBE_ERR_CAP] = "";
    struct controller c = {.options = *options};
    if (c.options.gateway_lease_s == 0) {
        c.options.gateway_lease_s = GATEWAY_LEASE_S;
    }
    if (c.options.unreachable_rate == 0) {
        c.options.unreachable_rate = UNREACHABLE_RATE;
    }
    world_init(&c.world, c.options.gateway_lease_s);
    if (!open_all(&c, text, sizeof text)) {
        fprintf(stderr, "wasmbed controller: %s\n", text);
        close_all(&c);
        return 1;
    }
    log_line("info", "started", "server=%s config=%s namespace=%s http_port=%d",
             wb_kube_server(c.kube), c.config.origin != NULL ? c.config.origin : "-",
             c.options.namespace != NULL ? c.options.namespace : "*",
             c.http != NULL ? (int)wb_http_server_port(c.http) : -1);
    wb_net_timer_start(c.second_timer, SECOND_MS, SECOND_MS);
    wb_net_loop_run(c.loop);
    log_line("info", "stopping", "%s", "");
    resign(&c);
    close_all(&c);
    return 0;
}
