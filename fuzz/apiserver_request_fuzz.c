/* SPDX-License-Identifier: AGPL-3.0-only */
/* uses: apiserver */
/* Whole requests against a server in memory. The first line is "METHOD TARGET", the second the
 * content type, the third Accept; the rest is the body. A watch is read for a few lines. */
#include <stdlib.h>
#include <string.h>

#include "wb_apiserver.h"
#include "wb_http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static uint64_t fuzz_now(void *ctx)
{
    (void)ctx;
    return 1700000000000000ull;
}

static void fuzz_random(void *ctx, void *to, size_t len)
{
    static uint8_t counter;
    (void)ctx;
    for (size_t i = 0; i < len; i++) {
        ((uint8_t *)to)[i] = counter++;
    }
}

static void ask(struct wb_apiserver *server, const char *method, const char *path,
                const char *query, const char *type, const char *accept, const uint8_t *body,
                size_t body_len)
{
    struct wb_apiserver_request request = {.method = method,
                                           .path = path,
                                           .query = query,
                                           .content_type = type,
                                           .accept = accept,
                                           .user_agent = "fuzz/1",
                                           .body = body,
                                           .body_len = body_len};
    struct wb_apiserver_response response;
    wb_apiserver_handle(server, &request, &response);
    if (response.status < 200 || response.status > 599 || response.status == 500) {
        abort(); /* every request has an answer, and none may break the server */
    }
    struct wb_http_buf *line;
    for (unsigned i = 0; response.watch && i < 5; i++) {
        if (wb_apiserver_watch_next(response.watch, &line) != WB_APISERVER_WATCH_LINE) {
            break;
        }
        wb_http_buf_unref(line);
    }
    wb_apiserver_watch_free(response.watch);
    wb_apiserver_response_deinit(&response);
}

static struct wb_apiserver *server_new(void)
{
    static const char device[] = "{\"apiVersion\":\"wasmbed.github.io/"
                                 "v1\",\"kind\":\"Device\",\"metadata\":{\"name\":\"d\"},"
                                 "\"spec\":{\"deviceId\":\"d\",\"deviceType\":\"posix\"}}";
    char err[256];
    struct wb_apiserver_cfg cfg = {.db_path = ":memory:",
                                   .services = {fuzz_now, fuzz_random, NULL}};
    struct wb_apiserver *server = wb_apiserver_new(&cfg, err, sizeof(err));
    if (!server) {
        abort();
    }
    ask(server, "POST", "/apis/wasmbed.github.io/v1/namespaces/wasmbed/devices", NULL, NULL, NULL,
        (const uint8_t *)device, sizeof(device) - 1);
    return server;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct wb_apiserver *server;
    static unsigned uses;
    if (!server || ++uses % 1000 == 0) { /* now and then a clean one, so that findings replay */
        wb_apiserver_free(server);
        server = server_new();
    }
    char head[3][1024];
    const uint8_t *at = data, *end = data + len;
    for (unsigned i = 0; i < 3; i++) {
        const uint8_t *newline = memchr(at, '\n', (size_t)(end - at));
        if (!newline || (size_t)(newline - at) >= sizeof(head[i]) ||
            memchr(at, '\0', (size_t)(newline - at))) {
            return 0;
        }
        memcpy(head[i], at, (size_t)(newline - at));
        head[i][newline - at] = '\0';
        at = newline + 1;
    }
    char *target = strchr(head[0], ' ');
    if (!target) {
        return 0;
    }
    *target++ = '\0';
    char *query = strchr(target, '?');
    if (query) {
        *query++ = '\0';
    }
    uint8_t *body = malloc((size_t)(end - at) + 1);
    memcpy(body, at, (size_t)(end - at));
    ask(server, head[0], target, query, head[1][0] ? head[1] : NULL, head[2][0] ? head[2] : NULL,
        body, (size_t)(end - at));
    free(body);
    return 0;
}
