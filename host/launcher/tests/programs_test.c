/* SPDX-License-Identifier: AGPL-3.0-only */
/* `wasmbed board` and `wasmbed bridge` as programs: what they say to bad options, and that a signal
 * ends them cleanly. Each runs in a child. */
#include "wb_test.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util.h"
#include "wb_launcher.h"

static char dir[64];
static char message[512]; /* what the child said */

/* Runs one of the programs to its end; returns its exit code. */
static int run(const struct wb_launcher_board_options *board,
               const struct wb_launcher_bridge_options *bridge)
{
    int said[2];
    int status;
    assert_int_equal(pipe(said), 0);
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(said[1], STDERR_FILENO);
        close(said[0]);
        close(said[1]);
        _exit(board != NULL ? wb_launcher_board_main(board) : wb_launcher_bridge_main(bridge));
    }
    close(said[1]);
    size_t len = 0;
    ssize_t got;
    while (len < sizeof message - 1 &&
           (got = read(said[0], message + len, sizeof message - 1 - len)) > 0) {
        len += (size_t)got;
    }
    message[len] = 0;
    close(said[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static const char *path(const char *name)
{
    static char paths[4][128];
    static int at;
    at = (at + 1) % 4;
    snprintf(paths[at], sizeof paths[at], "%s/%s", dir, name);
    return paths[at];
}

static void write_file(const char *name, const void *data, size_t len)
{
    FILE *f = fopen(path(name), "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, len, f), len);
    fclose(f);
}

static struct wb_launcher_board_options good_options(void)
{
    static char files[3][128];
    const struct wb_board_layout layout = {.magic = WB_BOARD_MAGIC,
                                           .type = "hifive1",
                                           .version = "0",
                                           .store_base = 0x20480000,
                                           .store_size = 0x8000,
                                           .sector_size = 4096,
                                           .seed_base = 0x2047F000,
                                           .ram_base = 0x80000000,
                                           .ram_size = 16384};
    write_file("firmware", &layout, sizeof layout);
    snprintf(files[0], sizeof files[0], "%s/firmware", dir);
    snprintf(files[1], sizeof files[1], "%s/flash", dir);
    snprintf(files[2], sizeof files[2], "%s/log", dir);
    return (struct wb_launcher_board_options){.type = "hifive1",
                                              .firmware = files[0],
                                              .flash = files[1],
                                              .log = files[2],
                                              .gateway = "127.0.0.1:1"};
}

static void board_names_what_is_missing(void **state)
{
    (void)state;
    struct wb_launcher_board_options o = good_options();
    o.type = NULL;
    assert_int_equal(run(&o, NULL), WB_LAUNCHER_USAGE);
    o = good_options();
    o.flash = NULL;
    assert_int_equal(run(&o, NULL), WB_LAUNCHER_USAGE);
    assert_non_null(strstr(message, "--flash"));
    o = good_options();
    o.type = "toaster";
    assert_int_equal(run(&o, NULL), WB_LAUNCHER_USAGE);
    assert_non_null(strstr(message, "hifive1 or cortex-m"));
}

static void board_refuses_what_is_no_firmware_of_its_type(void **state)
{
    (void)state;
    struct wb_launcher_board_options o = good_options();
    o.firmware = "/nowhere/firmware.elf";
    assert_int_equal(run(&o, NULL), WB_LAUNCHER_FIRMWARE);
    assert_non_null(strstr(message, "No such file"));
    o = good_options();
    o.firmware = "/bin/sh";
    assert_int_equal(run(&o, NULL), WB_LAUNCHER_FIRMWARE);
    assert_non_null(strstr(message, "no wasmbed firmware"));
    o = good_options();
    o.type = "cortex-m";
    assert_int_equal(run(&o, NULL), WB_LAUNCHER_FIRMWARE);
    assert_non_null(strstr(message, "is firmware for hifive1, not for cortex-m"));
}

static void board_refuses_unusable_flash_log_and_gateway(void **state)
{
    (void)state;
    static const uint8_t large[0x8001];
    struct wb_launcher_board_options o = good_options();
    o.flash = "/nowhere/flash.bin";
    assert_int_equal(run(&o, NULL), WB_LAUNCHER_FLASH);
    o = good_options();
    write_file("large", large, sizeof large);
    o.flash = path("large");
    assert_int_equal(run(&o, NULL), WB_LAUNCHER_FLASH);
    assert_non_null(strstr(message, "another board"));
    o = good_options();
    o.log = "/nowhere/log";
    assert_int_equal(run(&o, NULL), WB_LAUNCHER_USAGE);
    o = good_options();
    o.gateway = "somewhere";
    assert_int_equal(run(&o, NULL), WB_LAUNCHER_LINK);
    assert_non_null(strstr(message, "HOST:PORT"));
}

static void board_without_qemu_says_what_to_install(void **state)
{
    (void)state;
    struct wb_launcher_board_options o = good_options();
    char before[4096];
    snprintf(before, sizeof before, "%s", getenv("PATH"));
    setenv("PATH", dir, 1);
    int code = run(&o, NULL);
    setenv("PATH", before, 1);
    assert_int_equal(code, WB_LAUNCHER_QEMU);
    assert_non_null(strstr(message, "apt-get install qemu-system-misc"));
}

static void bridge_names_what_is_wrong(void **state)
{
    (void)state;
    struct wb_launcher_bridge_options o = {.serial = NULL, .gateway = "127.0.0.1:1"};
    assert_int_equal(run(NULL, &o), WB_LAUNCHER_USAGE);
    o = (struct wb_launcher_bridge_options){.serial = "/dev/null", .gateway = "nowhere"};
    assert_int_equal(run(NULL, &o), WB_LAUNCHER_LINK);
    o = (struct wb_launcher_bridge_options){.serial = "/dev/null", .gateway = "127.0.0.1:1"};
    assert_int_equal(run(NULL, &o), WB_LAUNCHER_LINK);
    assert_non_null(strstr(message, "not a serial device"));
    o.serial = "/nowhere/tty";
    assert_int_equal(run(NULL, &o), WB_LAUNCHER_LINK);
    o.baud = 12345;
    assert_int_equal(run(NULL, &o), WB_LAUNCHER_LINK);
    assert_non_null(strstr(message, "baud"));
    o.serial = "tcp:127.0.0.1";
    assert_int_equal(run(NULL, &o), WB_LAUNCHER_LINK);
}

static int listen_loopback(char address[32], const char *prefix)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, len), 0);
    assert_int_equal(listen(fd, 4), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    snprintf(address, 32, "%s127.0.0.1:%d", prefix, ntohs(at.sin_port));
    return fd;
}

static void bridge_finds_a_lost_line_again_and_ends_on_a_signal(void **state)
{
    (void)state;
    char serial[32];
    char gateway[32];
    int status;
    int serial_listener = listen_loopback(serial, "tcp:");
    int gateway_listener = listen_loopback(gateway, "");
    const struct wb_launcher_bridge_options o = {.serial = serial, .gateway = gateway};
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        _exit(wb_launcher_bridge_main(&o));
    }
    for (int i = 0; i < 2; i++) {
        int line = accept(serial_listener, NULL, NULL);
        assert_true(line >= 0);
        close(line);
    }
    kill(pid, SIGTERM);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), WB_LAUNCHER_OK);
    close(serial_listener);
    close(gateway_listener);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(board_names_what_is_missing),
        cmocka_unit_test(board_refuses_what_is_no_firmware_of_its_type),
        cmocka_unit_test(board_refuses_unusable_flash_log_and_gateway),
        cmocka_unit_test(board_without_qemu_says_what_to_install),
        cmocka_unit_test(bridge_names_what_is_wrong),
        cmocka_unit_test(bridge_finds_a_lost_line_again_and_ends_on_a_signal),
    };
    snprintf(dir, sizeof dir, "/tmp/wb-programs-XXXXXX");
    if (mkdtemp(dir) == NULL) {
        return 1;
    }
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    return system(command) == 0 ? failed : 1;
}
