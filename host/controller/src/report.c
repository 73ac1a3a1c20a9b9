/* SPDX-License-Identifier: AGPL-3.0-only */
/* report.c: health and metrics over HTTP. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller.h"

#define METRICS_CAP 32768u

struct page {
    char *text;
    size_t len;
};

__attribute__((format(printf, 2, 3))) static void add(struct page *page, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(page->text + page->len, METRICS_CAP - page->len, format, arguments);
    va_end(arguments);
    if (len > 0 && page->len + (size_t)len < METRICS_CAP) {
        page->len += (size_t)len;
    }
}

static void add_phases(struct page *page, const struct controller *c)
{
#define WORD_OF(name, text) text,
    static const char *const device_words[] = {"none", WB_API_DEVICE_PHASE_LIST(WORD_OF)};
    static const char *const application_words[] = {"none", WB_API_APPLICATION_PHASE_LIST(WORD_OF)};
#undef WORD_OF
    size_t devices[WB_ARRAY_LEN(device_words)] = {0};
    size_t applications[WB_ARRAY_LEN(application_words)] = {0};
    for (size_t i = 0; i < c->world.devices.count; i++) {
        devices[((const struct world_device *)c->world.devices.items[i])->api.phase]++;
    }
    for (size_t i = 0; i < c->world.applications.count; i++) {
        applications[((const struct world_application *)c->world.applications.items[i])
                         ->api.phase]++;
    }
    add(page, "# HELP wasmbed_devices Devices by phase.\n# TYPE wasmbed_devices gauge\n");
    for (size_t i = 0; i < WB_ARRAY_LEN(device_words); i++) {
        add(page, "wasmbed_devices{phase=\"%s\"} %zu\n", device_words[i], devices[i]);
    }
    add(page, "# HELP wasmbed_applications Applications by phase.\n"
              "# TYPE wasmbed_applications gauge\n");
    for (size_t i = 0; i < WB_ARRAY_LEN(application_words); i++) {
        add(page, "wasmbed_applications{phase=\"%s\"} %zu\n", application_words[i],
            applications[i]);
    }
}

static void add_writes(struct page *page, const struct controller *c)
{
    add(page, "# HELP wasmbed_controller_writes_total Writes to the API server by outcome.\n"
              "# TYPE wasmbed_controller_writes_total counter\n");
    for (int i = 0; i < JOB_KIND_COUNT; i++) {
        const char *name = work_job_name((enum job_kind)i);
        const struct job_counters *counters = &c->counters[i];
        add(page, "wasmbed_controller_writes_total{job=\"%s\",result=\"ok\"} %llu\n", name,
            (unsigned long long)counters->written);
        add(page, "wasmbed_controller_writes_total{job=\"%s\",result=\"conflict\"} %llu\n", name,
            (unsigned long long)counters->conflicts);
        add(page, "wasmbed_controller_writes_total{job=\"%s\",result=\"error\"} %llu\n", name,
            (unsigned long long)counters->failed);
    }
}

static void add_caches(struct page *page, const struct controller *c)
{
    static const char *const names[CACHE_COUNT] = {[CACHE_DEVICES] = "devices",
                                                   [CACHE_APPLICATIONS] = "applications",
                                                   [CACHE_GATEWAYS] = "gateways",
                                                   [CACHE_RECORDS] = "configmaps",
                                                   [CACHE_LEASES] = "leases"};
    struct wb_kube_reflector_stats stats[CACHE_COUNT];
    for (int i = 0; i < CACHE_COUNT; i++) {
        stats[i] = wb_kube_reflector_stats(c->caches[i]);
    }
    add(page, "# HELP wasmbed_controller_cache_objects Objects held by a cache.\n"
              "# TYPE wasmbed_controller_cache_objects gauge\n");
    for (int i = 0; i < CACHE_COUNT; i++) {
        add(page, "wasmbed_controller_cache_objects{resource=\"%s\"} %zu\n", names[i],
            wb_kube_reflector_count(c->caches[i]));
    }
    add(page, "# HELP wasmbed_controller_cache_events_total Lists, watches, events and errors.\n"
              "# TYPE wasmbed_controller_cache_events_total counter\n");
    for (int i = 0; i < CACHE_COUNT; i++) {
        add(page, "wasmbed_controller_cache_events_total{resource=\"%s\",event=\"list\"} %llu\n",
            names[i], (unsigned long long)stats[i].lists);
        add(page, "wasmbed_controller_cache_events_total{resource=\"%s\",event=\"watch\"} %llu\n",
            names[i], (unsigned long long)stats[i].watches);
        add(page, "wasmbed_controller_cache_events_total{resource=\"%s\",event=\"change\"} %llu\n",
            names[i], (unsigned long long)stats[i].events);
        add(page, "wasmbed_controller_cache_events_total{resource=\"%s\",event=\"error\"} %llu\n",
            names[i], (unsigned long long)stats[i].errors);
    }
}

static void respond_metrics(const struct controller *c, struct wb_http_request *request)
{
    struct page page = {.text = malloc(METRICS_CAP)};
    if (page.text == NULL) {
        wb_http_respond_text(request, 503, "not enough memory\n");
        return;
    }
    page.text[0] = '\0';
    add_phases(&page, c);
    add_writes(&page, c);
    add_caches(&page, c);
    add(&page,
        "# HELP wasmbed_controller_leader Whether this process acts.\n"
        "# TYPE wasmbed_controller_leader gauge\nwasmbed_controller_leader %d\n",
        c->is_leader);
    wb_http_respond(request, &(struct wb_http_response){.status = 200,
                                                        .content_type = "text/plain; version=0.0.4",
                                                        .body = page.text,
                                                        .body_len = page.len,
                                                        .body_free = free});
}

static void respond(void *ctx, struct wb_http_request *request)
{
    struct controller *c = ctx;
    const char *path = wb_http_request_path(request);
    const char *method = wb_http_request_method(request);
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0) {
        wb_http_respond_text(request, 405, "only GET is answered here\n");
    } else if (strcmp(path, "/healthz") == 0 || strcmp(path, "/livez") == 0 ||
               strcmp(path, "/health") == 0) {
        wb_http_respond_text(request, 200, "ok\n");
    } else if (strcmp(path, "/readyz") == 0) {
        bool is_ready = work_is_ready(c);
        wb_http_respond_text(request, is_ready ? 200 : 503,
                             is_ready ? "ok\n" : "the API server has not been read yet\n");
    } else if (strcmp(path, "/metrics") == 0) {
        respond_metrics(c, request);
    } else {
        wb_http_respond_text(request, 404, "/healthz, /readyz and /metrics are here\n");
    }
}

bool report_open(struct controller *c, char *err_text, size_t err_text_cap)
{
    c->http =
        wb_http_server_new(c->loop,
                           &(struct wb_http_server_cfg){.host = c->options.http_host,
                                                        .port = (uint16_t)c->options.http_port,
                                                        .connections_max = 64,
                                                        .request = respond,
                                                        .ctx = c},
                           err_text, err_text_cap);
    return c->http != NULL;
}
