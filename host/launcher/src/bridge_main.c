/* SPDX-License-Identifier: AGPL-3.0-only */
/* `wasmbed bridge`: a serial device, or a serial port behind TCP, and the gateway. A line that
 * cannot be opened at the start is an error; one that is lost later is tried again every second. */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include "bridge.h"
#include "util.h"
#include "wb_launcher.h"

#define RETRY_MS 1000u

static int line_open(const struct wb_launcher_bridge_options *options, const char **why);
static int tcp_open(const char *address, const char **why);
static int tty_open(const char *path, unsigned baud, const char **why);
static bool baud_find(unsigned baud, speed_t *speed);
static bool terminated(int signals);

int wb_launcher_bridge_main(const struct wb_launcher_bridge_options *options)
{
    static struct bridge bridge;
    const char *why = "";
    wb_ms retry_at = WB_NEVER;
    if (options->serial == NULL || options->gateway == NULL) {
        util_log("error", "bridge needs --serial DEVICE or tcp:HOST:PORT, and --gateway HOST:PORT");
        return WB_LAUNCHER_USAGE;
    }
    if (!bridge_init(&bridge, options->gateway, util_now())) {
        util_log("error", "bridge: gateway \"%s\" is not HOST:PORT", options->gateway);
        return WB_LAUNCHER_LINK;
    }
    int signals = util_signals();
    int line = line_open(options, &why);
    if (signals < 0 || line < 0) {
        util_log("error", "bridge: cannot open %s: %s", options->serial, why);
        return WB_LAUNCHER_LINK;
    }
    bridge_line(&bridge, line, util_now());
    util_log("info", "bridge-started serial=%s gateway=%s", options->serial, options->gateway);

    for (;;) {
        struct pollfd fds[1 + BRIDGE_FDS] = {{.fd = signals, .events = POLLIN}};
        bridge_poll(&bridge, fds + 1);
        wb_ms now = util_now();
        wb_ms due = wb_ms_min(bridge_due(&bridge), retry_at);
        poll(fds, WB_ARRAY_LEN(fds), util_timeout(due, now));
        now = util_now();
        if (fds[0].revents != 0 && terminated(signals)) {
            break;
        }
        if (line >= 0 && !bridge_run(&bridge, fds + 1, now)) {
            util_log("warning", "line-lost serial=%s", options->serial);
            bridge_line(&bridge, -1, now);
            close(line);
            line = -1;
            retry_at = now + RETRY_MS;
        }
        if (now >= retry_at) {
            line = line_open(options, &why);
            retry_at = line >= 0 ? WB_NEVER : now + RETRY_MS;
            if (line >= 0) {
                util_log("info", "line-found serial=%s", options->serial);
                bridge_line(&bridge, line, now);
            }
        }
    }
    bridge_line(&bridge, -1, util_now());
    if (line >= 0) {
        close(line);
    }
    close(signals);
    return WB_LAUNCHER_OK;
}

static int line_open(const struct wb_launcher_bridge_options *options, const char **why)
{
    if (strncmp(options->serial, "tcp:", 4) == 0) {
        return tcp_open(options->serial + 4, why);
    }
    return tty_open(options->serial, options->baud == 0 ? 115200 : options->baud, why);
}

static int tcp_open(const char *address, const char **why)
{
    char host[256];
    char port[8];
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int one = 1;
    if (!util_address(address, host, sizeof host, port, sizeof port)) {
        *why = "not HOST:PORT";
        return -1;
    }
    int failed = getaddrinfo(host, port, &hints, &found);
    if (failed != 0) {
        *why = gai_strerror(failed);
        return -1;
    }
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool good =
        fd >= 0 && connect(fd, found->ai_addr, found->ai_addrlen) == 0 && util_nonblocking(fd);
    freeaddrinfo(found);
    if (!good) {
        *why = strerror(errno);
        if (fd >= 0) {
            close(fd);
        }
        return -1;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

static int tty_open(const char *path, unsigned baud, const char **why)
{
    struct termios mode;
    speed_t speed;
    if (!baud_find(baud, &speed)) {
        *why = "baud rate is none of 9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600";
        return -1;
    }
    int fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        *why = strerror(errno);
        return -1;
    }
    if (tcgetattr(fd, &mode) != 0) {
        *why = "not a serial device";
        close(fd);
        return -1;
    }
    cfmakeraw(&mode);
    mode.c_cflag |= CLOCAL | CREAD;
    mode.c_cflag &= ~(tcflag_t)(CRTSCTS | CSTOPB);
    cfsetispeed(&mode, speed);
    cfsetospeed(&mode, speed);
    if (tcsetattr(fd, TCSANOW, &mode) != 0) {
        *why = strerror(errno);
        close(fd);
        return -1;
    }
    tcflush(fd, TCIOFLUSH);
    return fd;
}

static bool baud_find(unsigned baud, speed_t *speed)
{
    static const struct {
        unsigned baud;
        speed_t speed;
    } rates[] = {{9600, B9600},     {19200, B19200},   {38400, B38400},   {57600, B57600},
                 {115200, B115200}, {230400, B230400}, {460800, B460800}, {921600, B921600}};
    for (size_t i = 0; i < WB_ARRAY_LEN(rates); i++) {
        if (rates[i].baud == baud) {
            *speed = rates[i].speed;
            return true;
        }
    }
    return false;
}

static bool terminated(int signals)
{
    struct signalfd_siginfo info;
    return read(signals, &info, sizeof info) == (ssize_t)sizeof info &&
           info.ssi_signo != (uint32_t)SIGCHLD;
}
