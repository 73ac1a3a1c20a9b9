/* SPDX-License-Identifier: AGPL-3.0-only */
/* What a C library asks of WASI, without one: arguments, environment, clocks, random bytes, output,
 * waiting, exit with a code. */
#include <stddef.h>
#include <stdint.h>

#define WASI(name) __attribute__((import_module("wasi_snapshot_preview1"), import_name(#name))) name

struct iovec {
    const char *text;
    size_t len;
};

struct subscription {
    uint64_t userdata;
    uint8_t tag;
    _Alignas(8) uint32_t clock;
    uint64_t timeout;
    uint64_t precision;
    uint16_t flags;
};

struct event {
    uint64_t userdata;
    uint16_t error;
    uint8_t type;
    uint64_t nbytes;
    uint16_t flags;
};

int32_t WASI(args_sizes_get)(size_t *count, size_t *size);
int32_t WASI(args_get)(char **argv, char *buf);
int32_t WASI(environ_sizes_get)(size_t *count, size_t *size);
int32_t WASI(environ_get)(char **env, char *buf);
int32_t WASI(clock_time_get)(int32_t id, int64_t precision, uint64_t *time);
int32_t WASI(clock_res_get)(int32_t id, uint64_t *res);
int32_t WASI(random_get)(void *buf, size_t len);
int32_t WASI(fd_write)(int32_t fd, const struct iovec *iovs, size_t count, size_t *written);
int32_t WASI(fd_fdstat_get)(int32_t fd, void *stat);
int32_t WASI(fd_prestat_get)(int32_t fd, void *stat);
int32_t WASI(fd_seek)(int32_t fd, int64_t offset, int32_t whence, uint64_t *size);
int32_t WASI(fd_close)(int32_t fd);
int32_t WASI(fd_read)(int32_t fd, const struct iovec *iovs, size_t count, size_t *read);
int32_t WASI(poll_oneoff)(const struct subscription *in, struct event *out, size_t count,
                          size_t *events);
int32_t WASI(sched_yield)(void);
_Noreturn void WASI(proc_exit)(int32_t code);

__attribute__((export_name("_start"))) void wasi_start(void);

static char *argv[4];
static char text[64];

static size_t length(const char *s)
{
    size_t n = 0;

    while (s[n] != '\0') {
        n++;
    }
    return n;
}

static void put(const char *s)
{
    struct iovec iov[2] = {{s, length(s)}, {" ", 1}};
    size_t written;

    if (fd_write(1, iov, 2, &written) != 0 || written != iov[0].len + 1) {
        proc_exit(90);
    }
}

static void end_line(void)
{
    struct iovec iov = {"\n", 1};
    size_t written;

    fd_write(2, &iov, 1, &written);
}

static void check(int ok, int32_t code)
{
    if (!ok) {
        proc_exit(code);
    }
}

void wasi_start(void)
{
    size_t count, size;
    uint64_t before, after, unix_ns;
    static uint8_t random[16], stat[24];
    uint32_t sum = 0;
    static struct subscription sub = {.userdata = 77, .tag = 0, .clock = 1, .timeout = 250000000};
    static struct event event;

    check(args_sizes_get(&count, &size) == 0 && count <= 4 && size <= sizeof(text), 10);
    check(args_get(argv, text) == 0, 11);
    for (size_t i = 0; i < count; i++) {
        put(argv[i]);
    }
    check(environ_sizes_get(&count, &size) == 0 && count <= 4 && size <= sizeof(text), 12);
    check(environ_get(argv, text) == 0, 13);
    for (size_t i = 0; i < count; i++) {
        put(argv[i]);
    }
    end_line();
    check(random_get(random, sizeof(random)) == 0, 14);
    for (size_t i = 0; i < sizeof(random); i++) {
        sum += random[i];
    }
    check(sum != 0, 15);
    check(clock_res_get(1, &before) == 0 && before == 1000000, 16);
    check(clock_time_get(0, 1, &unix_ns) == 0, 17);
    check(clock_time_get(1, 1, &before) == 0, 18);
    check(poll_oneoff(&sub, &event, 1, &count) == 0 && count == 1 && event.userdata == 77 &&
              event.error == 0,
          19);
    check(clock_time_get(1, 1, &after) == 0 && after - before >= 250000000, 20);
    check(clock_time_get(7, 1, &after) != 0, 21);
    check(fd_fdstat_get(1, stat) == 0 && stat[0] == 2, 22);
    check(fd_prestat_get(3, stat) == 8, 23);
    check(fd_seek(1, 0, 0, &after) == 70, 24);
    check(fd_close(5) == 8, 25);
    check(sched_yield() == 0, 26);
    put("done");
    end_line();
    proc_exit(3);
}
