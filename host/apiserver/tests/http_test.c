/* SPDX-License-Identifier: AGPL-3.0-only */
/* http_test.c: the whole program over loopback HTTP in a child process: requests, a watch, bad
 * options, and kill -9 in the midst of writes. WB_ROUNDS=n changes the number of kills. */
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "wb_apiserver.h"
#include "wb_http.h"
#include "wb_test.h"

#define MAPS "/api/v1/namespaces/default/configmaps"

struct world {
    struct wb_net_loop *loop;
    struct wb_net_timer *guard;
    struct wb_http_client *client;
    char dir[32];
    pid_t child;
    uint16_t port;
    bool late, answered;
    unsigned status;
    char body[8192];
    unsigned lines;
    char last_line[8192];
};

#define wait_for(w, condition)                                                                     \
    do {                                                                                           \
        wb_net_timer_start((w)->guard, 20000, 0);                                                  \
        while (!(condition)) {                                                                     \
            wb_net_loop_turn((w)->loop, true);                                                     \
            assert_false((w)->late);                                                               \
        }                                                                                          \
    } while (0)

static void on_guard(void *ctx)
{
    ((struct world *)ctx)->late = true;
}

static void on_ready(void *ctx, uint16_t port)
{
    (void)!write(*(int *)ctx, &port, sizeof(port));
}

/* Starts the server on a port in a child process; false when it ends at once (the port is somebody
 * else's). */
static bool try_start(struct world *w, uint16_t port)
{
    int fds[2];
    uint16_t bound = 0;
    assert_int_equal(pipe(fds), 0);
    w->child = fork();
    if (w->child == 0) {
        int null = open("/dev/null", O_WRONLY);
        dup2(null, STDERR_FILENO);
        close(fds[0]);
        struct wb_apiserver_options options = {.state_dir = w->dir,
                                               .port = port,
                                               .insecure_http = true,
                                               .ready = on_ready,
                                               .ctx = &fds[1]};
        int code = wb_apiserver_main(&options);
        _exit(code); /* the copy of the parent's memory is none of its leaks */
    }
    close(fds[1]);
    bool ready = read(fds[0], &bound, sizeof(bound)) == sizeof(bound);
    close(fds[0]);
    if (!ready) {
        waitpid(w->child, NULL, 0);
        w->child = 0;
    }
    return ready;
}

/* Starts the server, and a client for it. */
static void start(struct world *w)
{
    /* Below the range from which the system takes ports for connections. */
    w->port = (uint16_t)(10000 + getpid() % 20000);
    for (unsigned tries = 0; !try_start(w, w->port); tries++) {
        assert_true(tries < 20);
        w->port++;
    }
    char url[64];
    snprintf(url, sizeof(url), "http://127.0.0.1:%u", w->port);
    struct wb_http_client_cfg cfg = {.base_url = url};
    w->client = wb_http_client_new(w->loop, &cfg);
}

static void stop(struct world *w, int signal, int *status)
{
    wb_http_client_free(w->client);
    w->client = NULL;
    kill(w->child, signal);
    assert_int_equal(waitpid(w->child, status, 0), w->child);
    w->child = 0;
}

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    strcpy(w->dir, "/tmp/wb-as-http-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    w->loop = wb_net_loop_new();
    w->guard = wb_net_timer_new(w->loop, on_guard, w);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    if (w->child) {
        kill(w->child, SIGKILL);
        waitpid(w->child, NULL, 0);
    }
    wb_http_client_free(w->client);
    wb_net_timer_free(w->guard);
    wb_net_loop_free(w->loop);
    char command[64];
    snprintf(command, sizeof(command), "rm -rf %s", w->dir);
    assert_int_equal(system(command), 0);
    free(w);
    return 0;
}

static void on_done(void *ctx, const struct wb_http_result *result)
{
    struct world *w = ctx;
    w->answered = true;
    w->status = result->err == WB_OK ? result->status : 0;
    snprintf(w->body, sizeof(w->body), "%s", result->body);
}

static void on_line(void *ctx, const char *text, size_t len)
{
    struct world *w = ctx;
    (void)len;
    w->lines++;
    snprintf(w->last_line, sizeof(w->last_line), "%s", text);
}

static unsigned ask(struct world *w, const char *method, const char *url, const char *body)
{
    struct wb_http_call_cfg cfg = {.method = method,
                                   .url = url,
                                   .body = body,
                                   .body_len = body ? strlen(body) : 0,
                                   .content_type = strcmp(method, "PATCH") == 0
                                                       ? "application/merge-patch+json"
                                                       : "application/json",
                                   .done = on_done,
                                   .ctx = w};
    w->answered = false;
    assert_non_null(wb_http_client_call(w->client, &cfg));
    wait_for(w, w->answered);
    return w->status;
}

static void serves_requests_and_watches(void **state)
{
    struct world *w = *state;
    start(w);
    assert_int_equal(ask(w, "GET", "/readyz", NULL), 200);
    struct wb_http_call_cfg watch = {
        .url = MAPS "?watch=1", .line = on_line, .done = on_done, .ctx = w};
    struct wb_http_call *call = wb_http_client_call(w->client, &watch);
    assert_int_equal(ask(w, "POST", MAPS, "{\"metadata\":{\"name\":\"a\"}}"), 201);
    wait_for(w, w->lines == 1);
    assert_memory_equal(w->last_line, "{\"type\":\"ADDED\"", 15);
    assert_int_equal(ask(w, "PATCH", MAPS "/a", "{\"data\":{\"k\":\"v\"}}"), 200);
    wait_for(w, w->lines == 2);
    assert_non_null(strstr(w->last_line, "\"k\":\"v\""));
    wb_http_call_cancel(call);
    assert_int_equal(ask(w, "DELETE", MAPS "/a", NULL), 200);
    assert_int_equal(ask(w, "GET", MAPS "/a", NULL), 404);
    assert_int_equal(ask(w, "HEAD", "/livez/ping", NULL), 200);
    assert_int_equal(ask(w, "OPTIONS", MAPS, NULL), 405);
    static char large[4 * 1024 * 1024];
    memset(large, ' ', sizeof(large) - 1);
    assert_int_equal(ask(w, "POST", MAPS, large), 413);
    assert_int_equal(ask(w, "GET", "/readyz", NULL), 200);
    int status;
    stop(w, SIGTERM, &status);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void many_watches_get_every_change(void **state)
{
    struct world *w = *state;
    enum { WATCHES = 50, CHANGES = 20 };
    start(w);
    wb_http_client_free(w->client);
    char url[64];
    snprintf(url, sizeof(url), "http://127.0.0.1:%u", w->port);
    struct wb_http_client_cfg cfg = {.base_url = url, .connections_max = WATCHES + 2};
    w->client = wb_http_client_new(w->loop, &cfg);
    struct wb_http_call *calls[WATCHES];
    assert_int_equal(ask(w, "POST", MAPS, "{\"metadata\":{\"name\":\"a\"}}"), 201);
    struct wb_http_call_cfg watch = {
        .url = MAPS "?watch=1", .line = on_line, .done = on_done, .ctx = w};
    for (unsigned i = 0; i < WATCHES; i++) {
        calls[i] = wb_http_client_call(w->client, &watch);
    }
    wait_for(w, w->lines == WATCHES);
    for (unsigned i = 0; i < CHANGES; i++) {
        char patch[64];
        snprintf(patch, sizeof(patch), "{\"data\":{\"n\":\"%u\"}}", i);
        assert_int_equal(ask(w, "PATCH", MAPS "/a", patch), 200);
    }
    wait_for(w, w->lines == WATCHES * (CHANGES + 1));
    for (unsigned i = 0; i < WATCHES; i++) {
        wb_http_call_cancel(calls[i]);
    }
    stop(w, SIGTERM, NULL);
}

static void kill_loses_no_acknowledged_write(void **state)
{
    struct world *w = *state;
    unsigned rounds = getenv("WB_ROUNDS") ? (unsigned)atoi(getenv("WB_ROUNDS")) : 5;
    unsigned seed = getenv("SEED") ? (unsigned)atoi(getenv("SEED")) : (unsigned)getpid();
    unsigned acknowledged = 0;
    printf("SEED=%u\n", seed);
    srand(seed);
    for (unsigned round = 0; round < rounds; round++) {
        start(w);
        unsigned writes = 1 + (unsigned)rand() % 30;
        for (unsigned i = 0; i < writes; i++) {
            char body[128];
            snprintf(body, sizeof(body), "{\"metadata\":{\"name\":\"m%u\"}}", acknowledged);
            assert_int_equal(ask(w, "POST", MAPS, body), 201);
            acknowledged++;
        }
        /* One more is on its way when it dies: it may be there afterwards or not. */
        char body[128];
        snprintf(body, sizeof(body), "{\"metadata\":{\"name\":\"torn%u\"}}", round);
        struct wb_http_call_cfg cfg = {.method = "POST",
                                       .url = MAPS,
                                       .body = body,
                                       .body_len = strlen(body),
                                       .done = on_done,
                                       .ctx = w};
        (void)wb_http_client_call(w->client, &cfg);
        for (int turns = rand() % 4; turns > 0; turns--) {
            wb_net_loop_turn(w->loop, false);
        }
        stop(w, SIGKILL, NULL);
    }
    start(w);
    for (unsigned i = 0; i < acknowledged; i++) {
        char url[128];
        snprintf(url, sizeof(url), MAPS "/m%u", i);
        assert_int_equal(ask(w, "GET", url, NULL), 200);
    }
    stop(w, SIGTERM, NULL);
}

static void bad_options_end_it(void **state)
{
    struct world *w = *state;
    char cert[64];
    snprintf(cert, sizeof(cert), "%s/cert.pem", w->dir);
    FILE *file = fopen(cert, "w");
    fputs("not a certificate", file);
    fclose(file);
    const struct wb_apiserver_options bad[] = {
        {.state_dir = w->dir},                                              /* no TLS */
        {.state_dir = w->dir, .tls_cert_file = cert},                       /* no key */
        {.state_dir = w->dir, .host = "0.0.0.0", .insecure_http = true},    /* not loopback */
        {.state_dir = w->dir, .tls_cert_file = cert, .tls_key_file = cert}, /* no tokens */
        {.state_dir = w->dir, .tls_cert_file = cert, .tls_key_file = cert, .tokens_file = "/none"},
        {.state_dir = w->dir, .tls_cert_file = cert, .tls_key_file = cert, .tokens_file = cert},
        {.state_dir = "/proc/none/x", .insecure_http = true},
        {.state_dir = w->dir, .insecure_http = true, .crds_dir = "/none"},
        {.state_dir = w->dir, .insecure_http = true, .crds_dir = w->dir},
    };
    for (size_t i = 0; i < WB_ARRAY_LEN(bad); i++) {
        assert_int_equal(wb_apiserver_main(&bad[i]), 1);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(serves_requests_and_watches),
        TEST(many_watches_get_every_change),
        TEST(kill_loses_no_acknowledged_write),
        TEST(bad_options_end_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
