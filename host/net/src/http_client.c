/* SPDX-License-Identifier: AGPL-3.0-only */
/* http_client.c: the HTTP client: a libcurl multi handle driven by the loop.
 *
 * curl says which sockets it waits for (on_socket) and when it wants to be called (on_curl_timer);
 * each event goes to curl_multi_socket_action(), after which finished calls are collected. curl
 * must not be called from inside its own callbacks, where `line` runs: calls that start or end
 * there wait in lists until curl has returned (`depth`). */
#include "wb_http.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define CONNECT_TIMEOUT_MS 10000u
#define CALL_TIMEOUT_MS    30000u
#define BODY_MAX_DEFAULT   (64u * 1024u * 1024u)
#define CONNECTIONS_MAX    8

enum call_state { CALL_WAITING, CALL_RUNNING, CALL_DONE };

struct wb_http_call {
    struct wb_http_client *client;
    struct wb_http_call *next, *prev;
    CURL *easy;
    struct curl_slist *headers;
    enum call_state state;
    bool cancelled, over_limit, streamed;
    void (*line)(void *ctx, const char *line, size_t len);
    void (*done)(void *ctx, const struct wb_http_result *result);
    void *ctx;
    size_t body_max;
    char *body; /* collected answer, or the beginning of a line */
    size_t body_len, body_cap;
    char why[CURL_ERROR_SIZE];
    char *url;
};

struct wb_http_client {
    struct wb_net_loop *loop;
    CURLM *multi;
    struct wb_net_timer *timer;
    struct wb_http_call *calls;
    unsigned depth; /* inside curl, or inside callbacks made from here */
    bool freed;
    char *base_url, *ca_pem, *ca_file, *cert_pem, *key_pem, *token, *user_agent;
    bool insecure;
    wb_ms connect_timeout_ms;
};

static void enter(struct wb_http_client *client);
static void leave(struct wb_http_client *client);

/* ---- curl and the loop -------------------------------------------------------------------- */

struct socket_watch {
    struct wb_http_client *client;
    struct wb_net_watch *watch;
    curl_socket_t fd;
};

static void act(struct wb_http_client *client, curl_socket_t fd, int events)
{
    int running;
    enter(client);
    curl_multi_socket_action(client->multi, fd, events, &running);
    leave(client);
}

static void on_socket_ready(void *ctx, unsigned events)
{
    struct socket_watch *watch = ctx;
    int curl_events = 0;
    if (events & WB_NET_READABLE) {
        curl_events |= CURL_CSELECT_IN;
    }
    if (events & WB_NET_WRITABLE) {
        curl_events |= CURL_CSELECT_OUT;
    }
    act(watch->client, watch->fd, curl_events);
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *client_ctx, void *socket_ctx)
{
    struct wb_http_client *client = client_ctx;
    struct socket_watch *watch = socket_ctx;
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (watch) {
            curl_multi_assign(client->multi, fd, NULL);
            wb_net_watch_free(watch->watch);
            free(watch);
        }
        return 0;
    }
    if (!watch) {
        watch = calloc(1, sizeof(*watch));
        if (!watch) {
            return -1;
        }
        watch->client = client;
        watch->fd = fd;
        watch->watch = wb_net_watch_new(client->loop, fd, on_socket_ready, watch);
        if (!watch->watch) {
            free(watch);
            return -1;
        }
        curl_multi_assign(client->multi, fd, watch);
    }
    unsigned events = ((what & CURL_POLL_IN) ? (unsigned)WB_NET_READABLE : 0u) |
                      ((what & CURL_POLL_OUT) ? (unsigned)WB_NET_WRITABLE : 0u);
    wb_net_watch_set(watch->watch, events);
    return 0;
}

static int on_curl_timer(CURLM *multi, long timeout_ms, void *ctx)
{
    struct wb_http_client *client = ctx;
    (void)multi;
    if (timeout_ms < 0) {
        wb_net_timer_stop(client->timer);
    } else {
        wb_net_timer_start(client->timer, (wb_ms)timeout_ms, 0);
    }
    return 0;
}

static void on_timer(void *ctx)
{
    act(ctx, CURL_SOCKET_TIMEOUT, 0);
}

/* ---- calls -------------------------------------------------------------------------------- */

static void call_free(struct wb_http_call *call)
{
    struct wb_http_client *client = call->client;
    if (call->state == CALL_RUNNING) {
        curl_multi_remove_handle(client->multi, call->easy);
    }
    if (call->prev) {
        call->prev->next = call->next;
    } else {
        client->calls = call->next;
    }
    if (call->next) {
        call->next->prev = call->prev;
    }
    curl_easy_cleanup(call->easy);
    curl_slist_free_all(call->headers);
    free(call->body);
    free(call->url);
    free(call);
}

static enum wb_err err_of_curl(const struct wb_http_call *call, CURLcode code)
{
    if (call->over_limit) {
        return WB_ERR_LIMIT;
    }
    switch ((int)code) {
    case CURLE_OK: return WB_OK;
    case CURLE_OPERATION_TIMEDOUT: return WB_ERR_TIMEOUT;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE: return WB_ERR_CERTIFICATE_UNTRUSTED;
    default: return WB_ERR_IO;
    }
}

static void finish(struct wb_http_call *call, CURLcode code)
{
    long status = 0;
    curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
    const char *type = NULL;
    curl_easy_getinfo(call->easy, CURLINFO_CONTENT_TYPE, &type);
    struct wb_http_result result = {.err = err_of_curl(call, code),
                                    .status = (unsigned)status,
                                    .content_type = type ? type : "",
                                    .why = ""};
    if (call->streamed && call->line && result.err == WB_OK && call->body_len > 0) {
        call->line(call->ctx, call->body, call->body_len); /* a last line without newline */
        call->body_len = 0;
        if (call->cancelled) {
            return;
        }
    }
    result.body = (const uint8_t *)(call->body && !call->streamed ? call->body : "");
    result.body_len = call->streamed ? 0 : call->body_len;
    if (call->over_limit) {
        result.why = "the answer is larger than allowed";
    } else if (code != CURLE_OK) {
        result.why = call->why[0] ? call->why : curl_easy_strerror(code);
    }
    call->done(call->ctx, &result);
}

/* Collects what curl has finished. */
static void collect(struct wb_http_client *client)
{
    CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(client->multi, &left))) {
        if (message->msg != CURLMSG_DONE) {
            continue;
        }
        struct wb_http_call *call = NULL;
        CURLcode code = message->data.result;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &call);
        curl_multi_remove_handle(client->multi, call->easy);
        call->state = CALL_DONE;
        if (!call->cancelled) {
            finish(call, code);
        }
        call_free(call);
    }
}

static void enter(struct wb_http_client *client)
{
    client->depth++;
}

/* Outermost: does what had to wait. Starting a call may finish others, so it repeats until nothing
 * is left. */
static void leave(struct wb_http_client *client)
{
    if (client->depth > 1) {
        client->depth--;
        return;
    }
    collect(client);
    for (struct wb_http_call *call = client->calls, *next; call; call = next) {
        next = call->next;
        if (call->cancelled) {
            call_free(call);
        } else if (call->state == CALL_WAITING) {
            call->state = CALL_RUNNING;
            curl_multi_add_handle(client->multi, call->easy);
        }
    }
    client->depth--;
    if (client->freed) {
        client->freed = false;
        wb_http_client_free(client);
    }
}

static bool body_append(struct wb_http_call *call, const char *data, size_t len)
{
    if (len > call->body_max || call->body_len > call->body_max - len) {
        call->over_limit = true;
        return false;
    }
    if (call->body_cap - call->body_len < len + 1) {
        size_t cap = call->body_cap ? call->body_cap : 4096;
        while (cap - call->body_len < len + 1) {
            cap *= 2;
        }
        char *grown = realloc(call->body, cap);
        if (!grown) {
            return false;
        }
        call->body = grown;
        call->body_cap = cap;
    }
    memcpy(call->body + call->body_len, data, len);
    call->body_len += len;
    call->body[call->body_len] = '\0';
    return true;
}

static size_t on_answer(char *data, size_t size, size_t count, void *ctx)
{
    struct wb_http_call *call = ctx;
    size_t len = size * count;
    if (call->cancelled) {
        return 0;
    }
    if (!call->streamed && call->line && call->body_len == 0) {
        long status = 0;
        curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
        call->streamed = status >= 200 && status < 300;
    }
    if (!call->streamed) {
        return body_append(call, data, len) ? len : 0;
    }
    const char *at = data;
    size_t left = len;
    while (left > 0) {
        const char *newline = memchr(at, '\n', left);
        size_t part = newline ? (size_t)(newline - at) : left;
        if (!body_append(call, at, part)) {
            return 0;
        }
        if (!newline) {
            break;
        }
        at += part + 1;
        left -= part + 1;
        size_t line_len = call->body_len;
        call->body_len = 0;
        call->line(call->ctx, call->body, line_len);
        if (call->cancelled) {
            return 0;
        }
    }
    return len;
}

static void set_headers(struct wb_http_call *call, const struct wb_http_call_cfg *cfg)
{
    struct wb_http_client *client = call->client;
    char *text = NULL;
    if (client->token && strncasecmp(call->url, "https://", 8) == 0 &&
        asprintf(&text, "Authorization: Bearer %s", client->token) > 0) {
        call->headers = curl_slist_append(call->headers, text);
        wb_wipe(text, strlen(text));
        free(text);
    }
    bool has_body = cfg->body != NULL;
    if (has_body && asprintf(&text, "Content-Type: %s",
                             cfg->content_type ? cfg->content_type : "application/json") > 0) {
        call->headers = curl_slist_append(call->headers, text);
        free(text);
    }
    for (size_t i = 0; i < cfg->header_count; i++) {
        if (asprintf(&text, "%s: %s", cfg->headers[i].name, cfg->headers[i].value) > 0) {
            call->headers = curl_slist_append(call->headers, text);
            free(text);
        }
    }
    call->headers = curl_slist_append(call->headers, "Expect:");
    curl_easy_setopt(call->easy, CURLOPT_HTTPHEADER, call->headers);
}

static void set_tls(struct wb_http_call *call)
{
    struct wb_http_client *client = call->client;
    CURL *easy = call->easy;
    if (client->insecure) {
        curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
    }
    if (client->ca_pem) {
        struct curl_blob blob = {client->ca_pem, strlen(client->ca_pem), CURL_BLOB_NOCOPY};
        curl_easy_setopt(easy, CURLOPT_CAINFO_BLOB, &blob);
    } else if (client->ca_file) {
        curl_easy_setopt(easy, CURLOPT_CAINFO, client->ca_file);
    }
    if (client->cert_pem && client->key_pem) {
        struct curl_blob cert = {client->cert_pem, strlen(client->cert_pem), CURL_BLOB_NOCOPY};
        struct curl_blob key = {client->key_pem, strlen(client->key_pem), CURL_BLOB_NOCOPY};
        curl_easy_setopt(easy, CURLOPT_SSLCERT_BLOB, &cert);
        curl_easy_setopt(easy, CURLOPT_SSLCERTTYPE, "PEM");
        curl_easy_setopt(easy, CURLOPT_SSLKEY_BLOB, &key);
        curl_easy_setopt(easy, CURLOPT_SSLKEYTYPE, "PEM");
    }
}

static void set_times(struct wb_http_call *call, const struct wb_http_call_cfg *cfg)
{
    wb_ms timeout = cfg->timeout_ms;
    if (timeout == 0 && !cfg->line) {
        timeout = CALL_TIMEOUT_MS;
    }
    curl_easy_setopt(call->easy, CURLOPT_TIMEOUT_MS, (long)timeout);
    curl_easy_setopt(call->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)call->client->connect_timeout_ms);
    if (cfg->silence_ms > 0) {
        curl_easy_setopt(call->easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
        curl_easy_setopt(call->easy, CURLOPT_LOW_SPEED_TIME,
                         (long)((cfg->silence_ms + 999) / 1000));
    }
}

static void set_request(struct wb_http_call *call, const struct wb_http_call_cfg *cfg)
{
    CURL *easy = call->easy;
    curl_easy_setopt(easy, CURLOPT_URL, call->url);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, call);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, call->why);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_USERAGENT, call->client->user_agent);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_answer);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    if (cfg->body) {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)cfg->body_len);
        curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, cfg->body);
    }
    if (cfg->method && strcmp(cfg->method, "HEAD") == 0) {
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    } else if (cfg->method) {
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, cfg->method);
    }
}

struct wb_http_call *wb_http_client_call(struct wb_http_client *client,
                                         const struct wb_http_call_cfg *cfg)
{
    struct wb_http_call *call = calloc(1, sizeof(*call));
    if (!call) {
        return NULL;
    }
    call->client = client;
    call->easy = curl_easy_init();
    bool relative = cfg->url[0] == '/' && client->base_url;
    if (!call->easy ||
        asprintf(&call->url, "%s%s", relative ? client->base_url : "", cfg->url) < 0) {
        curl_easy_cleanup(call->easy);
        free(call);
        return NULL;
    }
    call->line = cfg->line;
    call->done = cfg->done;
    call->ctx = cfg->ctx;
    call->body_max = cfg->body_max ? cfg->body_max : BODY_MAX_DEFAULT;
    call->next = client->calls;
    if (call->next) {
        call->next->prev = call;
    }
    client->calls = call;
    set_request(call, cfg);
    set_headers(call, cfg);
    set_tls(call);
    set_times(call, cfg);
    if (client->depth == 0) {
        call->state = CALL_RUNNING;
        curl_multi_add_handle(client->multi, call->easy);
    }
    return call;
}

const char *wb_http_call_header(const struct wb_http_call *call, const char *name)
{
    struct curl_header *header = NULL;
    if (curl_easy_header(call->easy, name, 0, CURLH_HEADER, -1, &header) != CURLHE_OK) {
        return NULL;
    }
    return header->value;
}

void wb_http_call_cancel(struct wb_http_call *call)
{
    if (!call) {
        return;
    }
    call->cancelled = true;
    if (call->client->depth == 0) {
        call_free(call);
    }
}

/* ---- the client --------------------------------------------------------------------------- */

static char *copy(const char *text)
{
    return text ? strdup(text) : NULL;
}

struct wb_http_client *wb_http_client_new(struct wb_net_loop *loop,
                                          const struct wb_http_client_cfg *cfg)
{
    static bool curl_ready;
    if (!curl_ready) {
        curl_ready = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
    }
    struct wb_http_client *client = calloc(1, sizeof(*client));
    if (!client) {
        return NULL;
    }
    client->loop = loop;
    client->multi = curl_multi_init();
    client->timer = wb_net_timer_new(loop, on_timer, client);
    if (!client->multi || !client->timer) {
        wb_http_client_free(client);
        return NULL;
    }
    curl_multi_setopt(client->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(client->multi, CURLMOPT_SOCKETDATA, client);
    curl_multi_setopt(client->multi, CURLMOPT_TIMERFUNCTION, on_curl_timer);
    curl_multi_setopt(client->multi, CURLMOPT_TIMERDATA, client);
    long connections = cfg->connections_max ? (long)cfg->connections_max : CONNECTIONS_MAX;
    curl_multi_setopt(client->multi, CURLMOPT_MAX_HOST_CONNECTIONS, connections);
    client->base_url = copy(cfg->base_url);
    client->ca_pem = copy(cfg->ca_pem);
    client->ca_file = copy(cfg->ca_file);
    client->cert_pem = copy(cfg->client_cert_pem);
    client->key_pem = copy(cfg->client_key_pem);
    client->token = copy(cfg->bearer_token);
    client->user_agent = copy(cfg->user_agent ? cfg->user_agent : "wasmbed");
    client->insecure = cfg->insecure;
    client->connect_timeout_ms =
        cfg->connect_timeout_ms ? cfg->connect_timeout_ms : CONNECT_TIMEOUT_MS;
    return client;
}

static void free_secret(char *text)
{
    if (text) {
        wb_wipe(text, strlen(text));
        free(text);
    }
}

void wb_http_client_token(struct wb_http_client *client, const char *bearer_token)
{
    free_secret(client->token);
    client->token = copy(bearer_token);
}

void wb_http_client_free(struct wb_http_client *client)
{
    if (!client) {
        return;
    }
    for (struct wb_http_call *call = client->calls; call; call = call->next) {
        call->cancelled = true;
    }
    if (client->depth > 0) {
        client->freed = true; /* leave() comes back here */
        return;
    }
    while (client->calls) {
        call_free(client->calls);
    }
    client->depth++; /* sockets that close now call on_socket() */
    curl_multi_cleanup(client->multi);
    wb_net_timer_free(client->timer);
    free(client->base_url);
    free(client->ca_pem);
    free(client->ca_file);
    free(client->cert_pem);
    free_secret(client->key_pem);
    free_secret(client->token);
    free(client->user_agent);
    free(client);
}
