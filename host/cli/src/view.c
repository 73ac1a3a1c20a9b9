/* SPDX-License-Identifier: AGPL-3.0-only */
/* Tables with columns as wide as their widest cell, and the log stream. */
#include "view.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client.h"

#define COLUMNS_MAX 8u
#define ROWS_MAX    1024u
#define CELL_CAP    256u

struct grid {
    size_t columns, rows;
    char (*cells)[COLUMNS_MAX][CELL_CAP];
};

static struct grid *grid_new(size_t columns, const char *const *heads)
{
    struct grid *t = calloc(1, sizeof *t);
    if (t == NULL || (t->cells = calloc(ROWS_MAX, sizeof *t->cells)) == NULL) {
        free(t);
        return NULL;
    }
    t->columns = columns;
    t->rows = 1;
    for (size_t i = 0; i < columns; i++) {
        snprintf(t->cells[0][i], CELL_CAP, "%s", heads[i]);
    }
    return t;
}

/* The cells of a new row, or NULL when the table is full. */
static char (*grid_row(struct grid *t))[CELL_CAP]
{
    return t->rows < ROWS_MAX ? t->cells[t->rows++] : NULL;
}

static void grid_print(FILE *out, struct grid *t)
{
    size_t widths[COLUMNS_MAX] = {0};
    for (size_t r = 0; r < t->rows; r++) {
        for (size_t c = 0; c < t->columns; c++) {
            size_t len = strlen(t->cells[r][c]);
            widths[c] = len > widths[c] ? len : widths[c];
        }
    }
    for (size_t r = 0; r < t->rows; r++) {
        for (size_t c = 0; c < t->columns; c++) {
            int width = c + 1 < t->columns ? (int)widths[c] + 3 : 0;
            fprintf(out, "%-*s", width, t->cells[r][c]);
        }
        fputc('\n', out);
    }
    free(t->cells);
    free(t);
}

static void age_text(const char *time, char *text, size_t cap)
{
    wb_unix_s then = 0;
    if (time[0] == '\0' || wb_api_time_read(time, &then) != WB_OK) {
        snprintf(text, cap, "never");
        return;
    }
    long long age = (long long)(wb_net_unix_s() - then);
    if (age < 0) {
        age = 0;
    }
    if (age < 120) {
        snprintf(text, cap, "%llds ago", age);
    } else if (age < 7200) {
        snprintf(text, cap, "%lldm ago", age / 60);
    } else {
        snprintf(text, cap, "%lldh ago", age / 3600);
    }
}

static void bytes_text(int64_t bytes, char *text, size_t cap)
{
    if (bytes < 0) {
        snprintf(text, cap, "-");
    } else if (bytes < 10240) {
        snprintf(text, cap, "%lld B", (long long)bytes);
    } else {
        snprintf(text, cap, "%.1f KB", (double)bytes / 1024.0);
    }
}

/* "hello: Running, filter: Failed" */
static void runs_text(const json_t *runs, char *text, size_t cap)
{
    size_t len = 0;
    size_t i = 0;
    const json_t *run = NULL;
    snprintf(text, cap, "-");
    json_array_foreach(runs, i, run)
    {
        int n = snprintf(text + len, cap - len, "%s%s: %s", i > 0 ? ", " : "",
                         wb_api_text_at(run, "?", "name", NULL),
                         wb_api_text_at(run, "?", "phase", NULL));
        len += n > 0 && (size_t)n < cap - len ? (size_t)n : cap - len - 1;
    }
}

static const json_t *live_find(const json_t *live, const char *name)
{
    size_t i = 0;
    const json_t *item = NULL;
    json_array_foreach(json_object_get(live, "items"), i, item)
    {
        if (strcmp(wb_api_text_at(item, "", "name", NULL), name) == 0) {
            return item;
        }
    }
    return NULL;
}

void view_devices(FILE *out, const json_t *devices, const json_t *live)
{
    static const char *const heads[] = {"DEVICE",   "TYPE",      "PHASE",       "RAM USED",
                                        "RAM FREE", "LAST SEEN", "APPLICATIONS"};
    struct grid *t = grid_new(WB_ARRAY_LEN(heads), heads);
    size_t i = 0;
    const json_t *device = NULL;
    json_array_foreach(devices, i, device)
    {
        char(*row)[CELL_CAP] = t != NULL ? grid_row(t) : NULL;
        if (row == NULL) {
            break;
        }
        const char *name = wb_api_text_at(device, "?", "metadata", "name", NULL);
        const json_t *now = live_find(live, name);
        const json_t *from = now != NULL ? now : json_object_get(device, "status");
        snprintf(row[0], CELL_CAP, "%s", name);
        snprintf(row[1], CELL_CAP, "%s", wb_api_text_at(device, "?", "spec", "deviceType", NULL));
        snprintf(row[2], CELL_CAP, "%s", wb_api_text_at(from, "Pending", "phase", NULL));
        bytes_text(wb_api_integer_at(from, -1, "metrics", "memoryUsedBytes", NULL), row[3],
                   CELL_CAP);
        bytes_text(wb_api_integer_at(from, -1, "metrics", "memoryFreeBytes", NULL), row[4],
                   CELL_CAP);
        age_text(wb_api_text_at(from, "", "lastSeen", NULL), row[5], CELL_CAP);
        runs_text(json_object_get(from, "applications"), row[6], CELL_CAP);
    }
    if (t != NULL) {
        grid_print(out, t);
    }
}

void view_gateways(FILE *out, const json_t *gateways)
{
    static const char *const heads[] = {"GATEWAY", "PHASE", "DEVICES", "VERSION", "ENDPOINT"};
    struct grid *t = grid_new(WB_ARRAY_LEN(heads), heads);
    size_t i = 0;
    const json_t *gateway = NULL;
    json_array_foreach(gateways, i, gateway)
    {
        char(*row)[CELL_CAP] = t != NULL ? grid_row(t) : NULL;
        if (row == NULL) {
            break;
        }
        const json_t *status = json_object_get(gateway, "status");
        snprintf(row[0], CELL_CAP, "%s", wb_api_text_at(gateway, "?", "metadata", "name", NULL));
        snprintf(row[1], CELL_CAP, "%s", wb_api_text_at(status, "Pending", "phase", NULL));
        snprintf(row[2], CELL_CAP, "%lld",
                 (long long)wb_api_integer_at(status, 0, "connectedDevices", NULL));
        snprintf(row[3], CELL_CAP, "%s", wb_api_text_at(status, "-", "version", NULL));
        snprintf(row[4], CELL_CAP, "%s", wb_api_text_at(status, "-", "endpoint", NULL));
    }
    if (t != NULL) {
        grid_print(out, t);
    }
}

/* The first message among deployedDevices, which says why something failed. */
static const char *first_message(const json_t *status)
{
    size_t i = 0;
    const json_t *item = NULL;
    json_array_foreach(json_object_get(status, "deployedDevices"), i, item)
    {
        const char *text = wb_api_text_at(item, "", "message", NULL);
        if (text[0] != '\0') {
            return text;
        }
    }
    const json_t *accepted =
        wb_api_condition_find(json_object_get(status, "conditions"), WB_API_CONDITION_ACCEPTED);
    return strcmp(wb_api_text_at(accepted, "", "status", NULL), "False") == 0
               ? wb_api_text_at(accepted, "", "message", NULL)
               : "";
}

void view_applications(FILE *out, const json_t *applications)
{
    static const char *const heads[] = {"APPLICATION", "PHASE", "RUNNING", "FAILED", "MESSAGE"};
    struct grid *t = grid_new(WB_ARRAY_LEN(heads), heads);
    size_t i = 0;
    const json_t *app = NULL;
    json_array_foreach(applications, i, app)
    {
        char(*row)[CELL_CAP] = t != NULL ? grid_row(t) : NULL;
        if (row == NULL) {
            break;
        }
        const json_t *status = json_object_get(app, "status");
        snprintf(row[0], CELL_CAP, "%s", wb_api_text_at(app, "?", "metadata", "name", NULL));
        snprintf(row[1], CELL_CAP, "%s", wb_api_text_at(status, "Pending", "phase", NULL));
        snprintf(row[2], CELL_CAP, "%lld of %lld",
                 (long long)wb_api_integer_at(status, 0, "counts", "running", NULL),
                 (long long)wb_api_integer_at(status, 0, "counts", "target", NULL));
        snprintf(row[3], CELL_CAP, "%lld",
                 (long long)wb_api_integer_at(status, 0, "counts", "failed", NULL));
        snprintf(row[4], CELL_CAP, "%s", first_message(status));
    }
    if (t != NULL) {
        grid_print(out, t);
    }
}

/* ---- logs --------------------------------------------------------------------------------- */

void view_log_line(FILE *out, const json_t *line)
{
    const char *app = wb_api_text_at(line, "", "application", NULL);
    const char *level = wb_api_text_at(line, "", "level", NULL);
    bool is_plain = strcmp(level, "info") == 0;
    fprintf(out, "%s %s%s%s: %s%s%s\n", wb_api_text_at(line, "", "time", NULL),
            wb_api_text_at(line, "", "device", NULL), app[0] != '\0' ? "/" : "", app,
            is_plain ? "" : level, is_plain ? "" : ": ", wb_api_text_at(line, "", "text", NULL));
}

struct log_stream {
    struct log_stream_cfg cfg;
    struct wb_http_call *call;
};

static void on_line(void *ctx, const char *line, size_t len)
{
    struct log_stream *s = ctx;
    if (len < 6 || strncmp(line, "data: ", 6) != 0) {
        return;
    }
    json_t *object = json_loadb(line + 6, len - 6, 0, NULL);
    if (object != NULL) {
        s->cfg.line(s->cfg.ctx, object);
        json_decref(object);
    }
}

static void on_done(void *ctx, const struct wb_http_result *result)
{
    struct log_stream *s = ctx;
    char text[256] = "";
    if (result->err != WB_OK) {
        snprintf(text, sizeof text, "%s", result->why);
    } else if (result->status / 100 != 2) {
        json_t *object = json_loadb((const char *)result->body, result->body_len, 0, NULL);
        snprintf(text, sizeof text, "%u %s", result->status,
                 wb_api_text_at(object, "", "error", NULL));
        json_decref(object);
    }
    struct log_stream_cfg cfg = s->cfg;
    free(s);
    cfg.done(cfg.ctx, result->status, text);
}

struct log_stream *log_stream_open(const struct log_stream_cfg *cfg)
{
    struct log_stream *s = calloc(1, sizeof *s);
    if (s == NULL) {
        return NULL;
    }
    s->cfg = *cfg;
    char url[320];
    snprintf(url, sizeof url, "/api/v1/logs%s%s?lines=%ld%s%s%s", cfg->device != NULL ? "/" : "",
             cfg->device != NULL ? cfg->device : "", cfg->lines,
             cfg->is_following ? "&follow=true" : "",
             cfg->application != NULL ? "&application=" : "",
             cfg->application != NULL ? cfg->application : "");
    s->call = wb_http_client_call(
        cfg->http,
        &(struct wb_http_call_cfg){.url = url, .line = on_line, .done = on_done, .ctx = s});
    if (s->call == NULL) {
        free(s);
        return NULL;
    }
    return s;
}

void log_stream_close(struct log_stream *stream)
{
    if (stream != NULL) {
        wb_http_call_cancel(stream->call);
        free(stream);
    }
}

struct wb_http_client *view_gateway_client(struct wb_net_loop *loop, const char *kubeconfig,
                                           const char *state, const char *url)
{
    char remembered[256] = "";
    char path[600];
    if (url == NULL) {
        snprintf(path, sizeof path, "%s/run/gateway.url", state);
        FILE *file = fopen(path, "r");
        if (file == NULL || fgets(remembered, sizeof remembered, file) == NULL) {
            fprintf(stderr,
                    "wasmbed: %s is not there: is the platform running? start it with `wasmbed "
                    "up`, or name the gateway with --gateway https://HOST:PORT\n",
                    path);
        }
        if (file != NULL) {
            fclose(file);
        }
        remembered[strcspn(remembered, "\r\n")] = '\0';
        if (remembered[0] == '\0') {
            return NULL;
        }
        url = remembered;
    }
    struct wb_kube_config config = {0};
    char why[WB_KUBE_ERR_CAP];
    if (wb_kube_config_load(client_config_path(kubeconfig, state, path, sizeof path), NULL, &config,
                            why, sizeof why) != WB_OK) {
        fprintf(stderr, "wasmbed: %s\n", why);
        return NULL;
    }
    struct wb_http_client *http =
        wb_http_client_new(loop, &(struct wb_http_client_cfg){.base_url = url,
                                                              .ca_pem = config.ca_pem,
                                                              .bearer_token = config.token,
                                                              .user_agent = "wasmbed-cli"});
    wb_kube_config_deinit(&config);
    return http;
}
