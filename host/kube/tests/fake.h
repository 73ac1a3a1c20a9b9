/* SPDX-License-Identifier: AGPL-3.0-only */
/* fake.h: an API server of a few lines: answers come from a script, requests are remembered. Not a
 * model of Kubernetes: it says exactly what a test tells it to say, wrong things above all. */
#ifndef WB_KUBE_FAKE_H
#define WB_KUBE_FAKE_H

#include "wb_http.h"
#include "wb_kube.h"
#include "wb_test.h"

#define FAKE_MAX 64u

struct fake_answer {
    unsigned status;
    const char *body;
    bool is_stream;     /* the body's lines are sent and the stream stays open */
    bool ends;          /* …and is closed by the server */
    bool never;         /* no answer comes */
    const char *header; /* "Retry-After" */
    const char *value;
};

struct fake_request {
    char method[8];
    char path[256];
    char query[512];
    char type[64];
    char body[2048];
};

struct fake {
    struct wb_net_loop *loop;
    struct wb_http_server *server;
    struct wb_net_timer *alarm;
    uint16_t port;
    struct fake_answer answers[FAKE_MAX];
    unsigned answer_count;
    unsigned answered;
    struct fake_request requests[FAKE_MAX];
    unsigned request_count;
    struct wb_http_stream *stream; /* the last one opened that is open */
    struct wb_http_request *silent[8];
    unsigned silent_count;
};

static void fake_stream_closed(void *ctx)
{
    ((struct fake *)ctx)->stream = NULL;
}

static void fake_say(struct fake *fake, const char *line)
{
    assert_non_null(fake->stream);
    assert_ok(wb_http_stream_write(fake->stream, line, strlen(line)));
}

static void fake_request(void *ctx, struct wb_http_request *request)
{
    struct fake *fake = ctx;
    assert_true(fake->request_count < FAKE_MAX);
    struct fake_request *r = &fake->requests[fake->request_count++];
    const char *type = wb_http_request_header(request, "Content-Type");
    size_t len;
    const char *body = (const char *)wb_http_request_body(request, &len);
    snprintf(r->method, sizeof r->method, "%s", wb_http_request_method(request));
    snprintf(r->path, sizeof r->path, "%s", wb_http_request_path(request));
    snprintf(r->query, sizeof r->query, "%s", wb_http_request_query_text(request));
    snprintf(r->type, sizeof r->type, "%s", type != NULL ? type : "");
    snprintf(r->body, sizeof r->body, "%.*s", (int)len, len > 0 ? body : "");
    if (fake->answered == fake->answer_count) { /* the script is over: silence */
        assert_true(fake->silent_count < WB_ARRAY_LEN(fake->silent));
        fake->silent[fake->silent_count++] = request;
        return;
    }
    const struct fake_answer *answer = &fake->answers[fake->answered++];
    struct wb_http_header header = {answer->header, answer->value};
    struct wb_http_response response = {.status = answer->status,
                                        .content_type = "application/json",
                                        .headers = answer->header != NULL ? &header : NULL,
                                        .header_count = answer->header != NULL ? 1 : 0,
                                        .body = answer->is_stream ? NULL : answer->body,
                                        .body_len = answer->is_stream ? 0 : strlen(answer->body)};
    if (answer->never) {
        fake->silent[fake->silent_count++] = request;
    } else if (!answer->is_stream) {
        wb_http_respond(request, &response);
    } else {
        fake->stream = wb_http_stream_open(request, &response, fake_stream_closed, fake);
        if (answer->body[0] != '\0') {
            fake_say(fake, answer->body);
        }
        if (answer->ends) {
            wb_http_stream_close(fake->stream);
            fake->stream = NULL;
        }
    }
}

static void fake_alarm(void *ctx)
{
    (void)ctx;
    fail_msg("what the test waits for did not happen within 10 s");
}

static void fake_listen(struct fake *fake, uint16_t port)
{
    char text[256];
    fake->server = wb_http_server_new(
        fake->loop,
        &(struct wb_http_server_cfg){.port = port, .request = fake_request, .ctx = fake}, text,
        sizeof text);
    if (fake->server == NULL) {
        fail_msg("%s", text);
    }
    fake->port = wb_http_server_port(fake->server);
}

static void fake_shut(struct fake *fake)
{
    for (unsigned i = 0; i < fake->silent_count; i++) {
        wb_http_respond_text(fake->silent[i], 503, "");
    }
    fake->silent_count = 0;
    wb_http_server_free(fake->server);
    fake->server = NULL;
}

static struct wb_kube *fake_open(struct fake *fake)
{
    memset(fake, 0, sizeof *fake);
    fake->loop = wb_net_loop_new();
    assert_non_null(fake->loop);
    fake_listen(fake, 0);
    fake->alarm = wb_net_timer_new(fake->loop, fake_alarm, fake);
    wb_net_timer_start(fake->alarm, 10000, 0);
    char server[64];
    snprintf(server, sizeof server, "http://127.0.0.1:%u", fake->port);
    struct wb_kube *kube =
        wb_kube_new(fake->loop, &(struct wb_kube_config){.server = server}, "wasmbed-test");
    assert_non_null(kube);
    return kube;
}

static void fake_close(struct fake *fake, struct wb_kube *kube)
{
    wb_kube_free(kube);
    if (fake->server != NULL) {
        fake_shut(fake);
    }
    wb_net_timer_free(fake->alarm);
    wb_net_loop_free(fake->loop);
}

static void fake_add(struct fake *fake, struct fake_answer answer)
{
    assert_true(fake->answer_count < FAKE_MAX);
    fake->answers[fake->answer_count++] = answer;
}

/* Turns the loop until the condition holds. */
#define WAIT_FOR(fake, condition)                                                                  \
    while (!(condition)) {                                                                         \
        wb_net_loop_turn((fake)->loop, true);                                                      \
    }

#endif
