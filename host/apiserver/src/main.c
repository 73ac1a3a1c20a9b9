/* SPDX-License-Identifier: AGPL-3.0-only */
/* main.c: the program around the core: files, TLS, the loop, and one stream for each watch.
 *
 * After each request that changed something, every watch that is behind is pumped: lines go from
 * the core to its stream until the stream has enough queued; when that has drained, pumping goes
 * on. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include <dirent.h>

#include "wb_apiserver.h"
#include "wb_http.h"

#define STREAM_QUEUE_ENOUGH (256u * 1024u)
#define STREAM_QUEUE_MAX    (8u * 1024u * 1024u)
#define UPKEEP_MS           10000u
#define CRDS_MAX            16u

struct session { /* a watch and its stream */
    struct session *next, *prev;
    struct program *program;
    struct wb_apiserver_watch *watch;
    struct wb_http_stream *stream;
};

struct program {
    const struct wb_apiserver_options *options;
    struct wb_net_loop *loop;
    struct wb_http_server *http;
    struct wb_apiserver *core;
    struct wb_net_timer *upkeep;
    struct wb_net_timer *pump;
    struct session *sessions;
    uint64_t pumped; /* version up to which all sessions were pumped */
};

static void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void complain(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("wasmbed apiserver: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
}

/* ---- services ----------------------------------------------------------------------------- */

static uint64_t service_unix_us(void *ctx)
{
    (void)ctx;
    return wb_net_unix_us();
}

static void service_random(void *ctx, void *to, size_t len)
{
    (void)ctx;
    WB_ASSERT(getrandom(to, len, 0) == (ssize_t)len);
}

/* ---- watches ------------------------------------------------------------------------------ */

static void session_free(struct session *s)
{
    if (s->prev) {
        s->prev->next = s->next;
    } else {
        s->program->sessions = s->next;
    }
    if (s->next) {
        s->next->prev = s->prev;
    }
    wb_apiserver_watch_free(s->watch);
    free(s);
}

static void on_stream_closed(void *ctx)
{
    session_free(ctx);
}

/* Moves lines to the stream. The session may be gone afterwards. */
static void session_pump(struct session *s)
{
    while (wb_http_stream_queued(s->stream) < STREAM_QUEUE_ENOUGH) {
        struct wb_http_buf *line;
        switch (wb_apiserver_watch_next(s->watch, &line)) {
        case WB_APISERVER_WATCH_LINE: {
            enum wb_err err = wb_http_stream_write_buf(s->stream, line);
            wb_http_buf_unref(line);
            if (err != WB_OK) {
                return; /* dropped; closed follows */
            }
            break;
        }
        case WB_APISERVER_WATCH_IDLE: return;
        case WB_APISERVER_WATCH_END:
            wb_http_stream_close(s->stream);
            session_free(s);
            return;
        }
    }
}

static void on_stream_drained(void *ctx)
{
    session_pump(ctx);
}

static void pump_all(void *ctx)
{
    struct program *p = ctx;
    p->pumped = wb_apiserver_version(p->core);
    for (struct session *s = p->sessions, *next; s; s = next) {
        next = s->next;
        if (wb_apiserver_watch_is_behind(s->watch)) {
            session_pump(s);
        }
    }
}

static void pump_if_changed(struct program *p)
{
    if (wb_apiserver_version(p->core) != p->pumped) {
        wb_net_timer_start(p->pump, 0, 0); /* several changes of one turn go out together */
    }
}

static void on_upkeep(void *ctx)
{
    struct program *p = ctx;
    uint64_t now = wb_net_unix_us();
    wb_apiserver_compact(p->core);
    for (struct session *s = p->sessions, *next; s; s = next) {
        next = s->next;
        if (now >= wb_apiserver_watch_due_us(s->watch)) {
            session_pump(s);
        }
    }
    pump_if_changed(p);
}

/* ---- requests ----------------------------------------------------------------------------- */

static void answer(struct program *p, struct wb_http_request *request,
                   struct wb_apiserver_response *r)
{
    struct wb_http_header headers[WB_APISERVER_WARNINGS_MAX + 3];
    size_t count = 0;
    char retry[16];
    for (size_t i = 0; i < r->warning_count; i++) {
        headers[count++] = (struct wb_http_header){"Warning", r->warnings[i]};
    }
    headers[count++] = (struct wb_http_header){"Cache-Control", "no-cache, private"};
    if (r->retry_after_s) {
        snprintf(retry, sizeof(retry), "%u", r->retry_after_s);
        headers[count++] = (struct wb_http_header){"Retry-After", retry};
    }
    struct wb_http_response response = {.status = r->status,
                                        .content_type = r->content_type,
                                        .headers = headers,
                                        .header_count = count,
                                        .body = r->body,
                                        .body_len = r->body_len,
                                        .body_free = free};
    if (!r->watch) {
        r->body = NULL; /* taken */
        wb_http_respond(request, &response);
        return;
    }
    struct session *s = calloc(1, sizeof(*s));
    WB_ASSERT(s);
    *s = (struct session){.next = p->sessions, .program = p, .watch = r->watch};
    if (s->next) {
        s->next->prev = s;
    }
    p->sessions = s;
    s->stream = wb_http_stream_open(request, &response, on_stream_closed, s);
    wb_http_stream_on_drained(s->stream, on_stream_drained);
    session_pump(s);
}

static bool is_write(const char *method)
{
    return strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0;
}

static void on_request(void *ctx, struct wb_http_request *http)
{
    struct program *p = ctx;
    struct wb_apiserver_request request = {
        .method = wb_http_request_method(http),
        .path = wb_http_request_path(http),
        .query = wb_http_request_query_text(http),
        .accept = wb_http_request_header(http, "Accept"),
        .content_type = wb_http_request_header(http, "Content-Type"),
        .authorization = wb_http_request_header(http, "Authorization"),
        .user_agent = wb_http_request_header(http, "User-Agent")};
    struct wb_apiserver_response response;
    struct wb_http_identity identity;
    const char *groups[WB_HTTP_IDENTITY_GROUPS_MAX];
    request.body = wb_http_request_body(http, &request.body_len);
    if (p->options->client_ca_file && !request.authorization) {
        enum wb_err err = wb_http_request_identity(http, &identity);
        request.cert_bad = err != WB_OK && err != WB_ERR_NOT_FOUND;
        if (err == WB_OK) {
            request.cert_name = identity.name;
            request.cert_groups = groups;
            request.cert_group_count = identity.group_count;
            for (size_t i = 0; i < identity.group_count; i++) {
                groups[i] = identity.groups[i];
            }
        }
    }
    wb_apiserver_handle(p->core, &request, &response);
    if (is_write(request.method) || p->options->verbose) { /* the audit line */
        fprintf(stderr, "%s %s user=%s method=%s path=%s%s%s status=%u\n",
                is_write(request.method) ? "info" : "debug", "request",
                response.user ? response.user : "-", request.method, request.path,
                request.query[0] ? "?" : "", request.query, response.status);
    }
    answer(p, http, &response);
    wb_apiserver_response_deinit(&response);
    pump_if_changed(p);
}

/* ---- start -------------------------------------------------------------------------------- */

static char *read_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    char *text = NULL;
    size_t len = 0, cap = 0;
    if (!file) {
        complain("cannot read %s: %s", path, strerror(errno));
        return NULL;
    }
    for (;;) {
        if (cap - len < 4096) {
            cap = cap ? cap * 2 : 8192;
            char *grown = realloc(text, cap);
            WB_ASSERT(grown);
            text = grown;
        }
        size_t got = fread(text + len, 1, cap - len - 1, file);
        len += got;
        if (got == 0) {
            break;
        }
    }
    text[len] = '\0';
    bool failed = ferror(file) != 0;
    fclose(file);
    if (failed) {
        complain("cannot read %s: %s", path, strerror(EIO));
        free(text);
        return NULL;
    }
    return text;
}

struct files {
    char *cert, *key, *tokens, *client_ca;
    char *crds[CRDS_MAX];
    size_t crd_count;
    char db_path[4096];
};

static int is_yaml(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);
    return len > 5 && strcmp(entry->d_name + len - 5, ".yaml") == 0;
}

static bool read_crds(const char *dir, struct files *files)
{
    struct dirent **entries;
    int count = scandir(dir, &entries, is_yaml, alphasort);
    if (count <= 0) {
        complain("no *.yaml in %s%s%s", dir, count < 0 ? ": " : "",
                 count < 0 ? strerror(errno) : "");
        if (count == 0) {
            free(entries);
        }
        return false;
    }
    bool ok = true;
    for (int i = 0; i < count; i++) {
        char path[4096];
        snprintf(path, sizeof(path), "%s/%s", dir, entries[i]->d_name);
        if (ok && files->crd_count < CRDS_MAX) {
            files->crds[files->crd_count] = read_file(path);
            ok = files->crds[files->crd_count] != NULL;
            files->crd_count += ok;
        }
        free(entries[i]);
    }
    free(entries);
    return ok;
}

static bool is_loopback(const char *host)
{
    return strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0;
}

static bool options_fit(const struct wb_apiserver_options *o, const char *host)
{
    bool tls = o->tls_cert_file && o->tls_key_file;
    if (!tls && (o->tls_cert_file || o->tls_key_file)) {
        complain("a TLS certificate and its key are needed, or neither");
        return false;
    }
    if (!tls && !(o->insecure_http && is_loopback(host))) {
        complain("a TLS certificate and key are needed; plain HTTP is served on loopback only, and "
                 "when asked for");
        return false;
    }
    if (tls && !o->tokens_file && !o->client_ca_file) {
        complain("a tokens file or an authority of clients is needed: without them nobody could be "
                 "let in");
        return false;
    }
    return true;
}

/* Creates a folder and those above it; the folder itself is for its owner only. */
static bool make_folder(const char *path)
{
    char part[4096];
    snprintf(part, sizeof(part), "%s", path);
    for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(part, 0755); /* if it fails, the last one tells */
        *slash = '/';
    }
    if (mkdir(path, 0700) != 0 && errno != EEXIST) {
        complain("cannot create %s: %s", path, strerror(errno));
        return false;
    }
    return true;
}

static bool read_files(const struct wb_apiserver_options *o, struct files *files)
{
    if (!make_folder(o->state_dir)) {
        return false;
    }
    snprintf(files->db_path, sizeof(files->db_path), "%s/apiserver.db", o->state_dir);
    return (!o->tls_cert_file || ((files->cert = read_file(o->tls_cert_file)) &&
                                  (files->key = read_file(o->tls_key_file)))) &&
           (!o->client_ca_file || (files->client_ca = read_file(o->client_ca_file))) &&
           (!o->tokens_file || (files->tokens = read_file(o->tokens_file))) &&
           (!o->crds_dir || read_crds(o->crds_dir, files));
}

static void free_secret(char *text)
{
    if (text) {
        wb_wipe(text, strlen(text));
        free(text);
    }
}

static void files_free(struct files *files)
{
    free(files->cert);
    free(files->client_ca);
    free_secret(files->key);
    free_secret(files->tokens);
    for (size_t i = 0; i < files->crd_count; i++) {
        free(files->crds[i]);
    }
}

static bool start(struct program *p, struct files *files, const char *host)
{
    char err[512] = "";
    struct wb_apiserver_cfg cfg = {.db_path = files->db_path,
                                   .tokens = files->tokens                ? files->tokens
                                             : p->options->client_ca_file ? ""
                                                                          : NULL,
                                   .crds =
                                       files->crd_count ? (const char *const *)files->crds : NULL,
                                   .crd_count = files->crd_count,
                                   .rate_max = p->options->rate_max,
                                   .services = {service_unix_us, service_random, NULL}};
    p->core = wb_apiserver_new(&cfg, err, sizeof(err));
    if (!p->core) {
        complain("%s", err);
        return false;
    }
    p->pumped = wb_apiserver_version(p->core);
    struct wb_http_server_cfg http = {.host = host,
                                      .port = p->options->port ? p->options->port
                                                               : (uint16_t)WB_APISERVER_PORT,
                                      .cert_pem = files->cert,
                                      .key_pem = files->key,
                                      .client_ca_pem = files->client_ca,
                                      .body_max = WB_APISERVER_BODY_MAX,
                                      .stream_queue_max = STREAM_QUEUE_MAX,
                                      .request = on_request,
                                      .ctx = p};
    p->http = wb_http_server_new(p->loop, &http, err, sizeof(err));
    if (!p->http) {
        complain("%s", err);
        return false;
    }
    p->upkeep = wb_net_timer_new(p->loop, on_upkeep, p);
    p->pump = wb_net_timer_new(p->loop, pump_all, p);
    wb_net_timer_start(p->upkeep, UPKEEP_MS, UPKEEP_MS);
    return wb_net_loop_signals(p->loop, NULL, NULL) == WB_OK;
}

int wb_apiserver_main(const struct wb_apiserver_options *options)
{
    struct program p = {.options = options};
    struct files files = {0};
    const char *host = options->host ? options->host : "127.0.0.1";
    if (!options_fit(options, host) || !read_files(options, &files)) {
        files_free(&files);
        return 1;
    }
    p.loop = wb_net_loop_new();
    bool ok = p.loop && start(&p, &files, host);
    files_free(&files);
    if (ok) {
        fprintf(stderr, "info serving host=%s port=%u version=%llu\n", host,
                wb_http_server_port(p.http), (unsigned long long)wb_apiserver_version(p.core));
        if (options->ready) {
            options->ready(options->ctx, wb_http_server_port(p.http));
        }
        wb_net_loop_run(p.loop);
    }
    wb_http_server_free(p.http);
    wb_net_timer_free(p.upkeep);
    wb_net_timer_free(p.pump);
    wb_net_loop_free(p.loop);
    wb_apiserver_free(p.core);
    return ok ? 0 : 1;
}
