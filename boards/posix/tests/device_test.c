/* SPDX-License-Identifier: AGPL-3.0-only */
/* The Linux device as a process, over TCP on the loopback, with the scripted gateway of
 * core/agent's tests. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "world.h"

#include "wb_posix.h"

#define DEADLINE_MS 30000

static struct world world;
static char folder[] = "/tmp/wb-device-XXXXXX";
static char flash_path[64], out_path[64], gateway[64];
static int listener = -1;
static int peer = -1;
static pid_t device = -1;

static wb_ms clock_now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (wb_ms)ts.tv_sec * 1000u + (wb_ms)ts.tv_nsec / 1000000u;
}

static void listen_begin(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);

    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(listener >= 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(listener, 4), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &len), 0);
    snprintf(gateway, sizeof(gateway), "127.0.0.1:%d", ntohs(address.sin_port));
}

static void provision(void)
{
    struct wb_posix_identity identity = {
        .device_id = "board-1",
        .device_key = world.device_key,
        .certificate = world.device_der,
        .certificate_len = world.device_len,
        .ca = world.ca_der,
        .ca_len = world.ca_len,
        .publishers = world.publisher_public_key,
        .publisher_count = 1,
        .server_name = "wasmbed-gateway",
        .gateway = gateway,
    };

    assert_ok(wb_posix_provision(flash_path, 0, &identity, NULL));
}

static void device_begin(const char *path)
{
    fflush(NULL);
    device = fork();
    assert_true(device >= 0);
    if (device == 0) {
        struct wb_posix_device_options options = {.flash = path, .name = "test"};
        int fd = open(out_path, O_WRONLY | O_CREAT | O_APPEND, 0600);

        dup2(fd, STDOUT_FILENO);
        dup2(fd, STDERR_FILENO);
        _exit(wb_posix_device_main(&options));
    }
}

static int device_end(int signal_number)
{
    int status = 0;

    if (signal_number != 0) {
        kill(device, signal_number);
    }
    assert_int_equal(waitpid(device, &status, 0), device);
    device = -1;
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void peer_close(void)
{
    if (peer >= 0) {
        close(peer);
        peer = -1;
        wb_tls_deinit(&world.tls);
        world.is_welcomed = false;
    }
}

/* Bytes between the socket and the scripted gateway; waits at most ms. */
static void gateway_turn(struct world *w, int ms)
{
    struct pollfd pfd = {.fd = peer >= 0 ? peer : listener, .events = POLLIN};
    ssize_t n;

    if (poll(&pfd, 1, ms) > 0) {
        if (peer < 0) {
            peer = accept(listener, NULL, NULL);
            assert_true(peer >= 0);
            w->wire_up_len = w->wire_down_len = 0;
            w->links++;
            gateway_begin(w);
        } else {
            n = recv(peer, w->wire_up + w->wire_up_len, sizeof(w->wire_up) - w->wire_up_len, 0);
            if (n <= 0) {
                peer_close();
                return;
            }
            w->wire_up_len += (size_t)n;
        }
    }
    while (peer >= 0 && gateway_step(w)) {
        size_t sent = 0;

        while (sent < w->wire_down_len) {
            n = send(peer, w->wire_down + sent, w->wire_down_len - sent, MSG_NOSIGNAL);
            if (n <= 0) {
                peer_close();
                return;
            }
            sent += (size_t)n;
        }
        w->wire_down_len = 0;
    }
}

/* Until the condition holds, or the deadline has passed. */
#define wait_until(condition)                                                                      \
    do {                                                                                           \
        wb_ms end_ = clock_now() + DEADLINE_MS;                                                    \
        while (!(condition)) {                                                                     \
            world.now = clock_now();                                                               \
            gateway_turn(&world, 20);                                                              \
            if (clock_now() > end_) {                                                              \
                fail_msg("waited %d ms for: %s", DEADLINE_MS, #condition);                         \
            }                                                                                      \
        }                                                                                          \
    } while (0)

static bool output_has(const char *text)
{
    static char buf[65536];
    FILE *file = fopen(out_path, "rb");
    size_t len = 0;

    if (file != NULL) {
        len = fread(buf, 1, sizeof(buf) - 1, file);
        fclose(file);
    }
    buf[len] = '\0';
    return strstr(buf, text) != NULL;
}

static int begin(void **state)
{
    (void)state;
    world_prepare(&world);
    world.piece = sizeof(world.wire_down);
    unlink(flash_path);
    unlink(out_path);
    listen_begin();
    provision();
    return 0;
}

static int end(void **state)
{
    (void)state;
    if (device > 0) {
        kill(device, SIGKILL);
        waitpid(device, NULL, 0);
        device = -1;
    }
    peer_close();
    close(listener);
    unlink(flash_path);
    unlink(out_path);
    return 0;
}

static struct world_app *want_hello(struct world *w)
{
    size_t len;
    const uint8_t *bytes = module_read("hello", &len);
    struct world_app *app = world_app(w, "hello", bytes, len, 4096);

    app->env = "INTERVAL_MS=20";
    return app;
}

static void runs_an_application_and_ends_cleanly(void **state)
{
    (void)state;
    want_hello(&world);
    device_begin(flash_path);
    wait_until(world_log_has(&world, "hello: Hello, world! #3"));
    wait_until(world_status(&world, "hello")->phase == WB_PROTOCOL_APP_RUNNING);
    assert_true(output_has("info hello: Hello, world! #1"));
    assert_int_equal(device_end(SIGTERM), 0);
}

static void runs_again_from_its_flash_after_kill(void **state)
{
    (void)state;
    want_hello(&world);
    device_begin(flash_path);
    wait_until(world_log_has(&world, "hello: Hello, world! #3"));
    kill(device, SIGKILL);
    waitpid(device, NULL, 0);
    peer_close();
    unlink(out_path);
    /* Nobody answers now: it runs nevertheless. */
    device_begin(flash_path);
    for (int i = 0; i < DEADLINE_MS / 20 && !output_has("hello: Hello, world! #3"); i++) {
        poll(NULL, 0, 20);
    }
    assert_true(output_has("hello: Hello, world! #3"));
    world.fetches = 0;
    wait_until(world.hellos == 2);
    wait_until(world.acks == 2);
    assert_int_equal(world.hello.boots, 2);
    assert_int_equal(world.fetches, 0);
    assert_int_equal(device_end(SIGINT), 0);
}

static void comes_back_after_the_gateway_went(void **state)
{
    (void)state;
    want_hello(&world);
    device_begin(flash_path);
    wait_until(world.acks == 1);
    peer_close();
    wait_until(world.acks == 2);
    assert_int_equal(world.hellos, 2);
    assert_int_equal(world.hello.boots, 1);
    assert_int_equal(device_end(SIGTERM), 0);
}

static void restarts_on_command(void **state)
{
    struct wb_protocol_message m = {.type = WB_PROTOCOL_COMMAND};

    (void)state;
    device_begin(flash_path);
    wait_until(world.acks == 1);
    m.u.command.action = WB_PROTOCOL_RESTART_DEVICE;
    gateway_send(&world, &m);
    wait_until(world.acks == 2);
    assert_int_equal(world.hello.boots, 2);
    assert_int_equal(device_end(SIGTERM), 0);
}

static void says_what_is_wrong_with_its_flash(void **state)
{
    struct wb_posix_flash flash;
    struct wb_store store;

    (void)state;
    unlink(flash_path);
    device_begin(flash_path);
    assert_int_equal(device_end(0), 66);
    assert_true(output_has("no such flash file; provision the device first"));
    assert_ok(wb_posix_flash_open(&flash, flash_path, WB_POSIX_FLASH_SIZE_DEFAULT));
    device_begin(flash_path);
    assert_int_equal(device_end(0), 66);
    assert_true(output_has("used by another process"));
    wb_posix_flash_close(&flash);
    device_begin(flash_path);
    assert_int_equal(device_end(0), 66);
    assert_true(output_has("flash file is empty; provision the device first"));
    assert_ok(wb_posix_flash_open(&flash, flash_path, 0));
    assert_ok(wb_store_format(&store, &flash.flash, 0));
    wb_posix_flash_close(&flash);
    device_begin(flash_path);
    assert_int_equal(device_end(0), 78);
    assert_true(output_has("no gateway"));
    provision();
    assert_ok(wb_posix_flash_open(&flash, flash_path, 0));
    assert_ok(wb_store_mount(&store, &flash.flash, 0));
    assert_ok(wb_store_remove(&store, WB_AGENT_RECORD_DEVICE_KEY));
    wb_posix_flash_close(&flash);
    device_begin(flash_path);
    assert_int_equal(device_end(0), 78);
    assert_true(output_has("no device key of 32 bytes"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(runs_an_application_and_ends_cleanly, begin, end),
        cmocka_unit_test_setup_teardown(runs_again_from_its_flash_after_kill, begin, end),
        cmocka_unit_test_setup_teardown(comes_back_after_the_gateway_went, begin, end),
        cmocka_unit_test_setup_teardown(restarts_on_command, begin, end),
        cmocka_unit_test_setup_teardown(says_what_is_wrong_with_its_flash, begin, end),
    };
    int failed;

    modules_need();
    if (mkdtemp(folder) == NULL) {
        perror(folder);
        return 1;
    }
    snprintf(flash_path, sizeof(flash_path), "%s/flash.bin", folder);
    snprintf(out_path, sizeof(out_path), "%s/out", folder);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    rmdir(folder);
    return failed;
}
