/* SPDX-License-Identifier: AGPL-3.0-only */
/* device.c: the agent's board on Linux: one loop around poll(), a TCP socket as the link, a file as
 * flash. Read device_loop() first. What the agent asked to send and the socket did not take stays
 * in tx; what came and the agent did not take yet stays in rx, and nothing more is read until it
 * did.
 */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "wb_agent.h"
#include "wb_posix.h"

#define EXIT_NO_FLASH        66 /* sysexits: EX_NOINPUT */
#define EXIT_SYSTEM          71 /* EX_OSERR */
#define EXIT_NOT_PROVISIONED 78 /* EX_CONFIG */

#define FIRMWARE_VERSION   "0.1.0"
#define ARENA_DEFAULT      (1024u * 1024u)
#define FRAME_LEN          4096u
#define CONNECT_TIMEOUT_MS 5000u
#define SLICES_A_TURN      16 /* of application code between two looks at the socket */
/* A dead peer without a closed connection (cable, power) is noticed after this long. */
#define PEER_TIMEOUT_MS 30000u

struct device {
    const struct wb_posix_device_options *options;
    struct wb_posix_flash flash;
    struct wb_store store;
    struct wb_drbg drbg;
    struct wb_agent_board board;
    struct wb_agent_cfg cfg;
    struct wb_agent agent;
    struct wb_agent_slot slots[WB_AGENT_SLOTS_MAX];
    char gateway[256];

    int fd; /* -1: none */
    bool is_connecting;
    wb_ms connect_deadline;
    uint8_t rx[4096];
    size_t rx_at, rx_len;
    uint8_t tx[16384];
    size_t tx_at, tx_len;

    wb_ms stats_at; /* of the last call of stats */
    uint64_t stats_cpu_us;
    bool is_reset_due;

    uint8_t frame[FRAME_LEN];
    uint8_t outbox[16384];
    uint8_t inbox[8192];
    uint8_t tls_in[WB_TLS_RX_CAP_FULL];
    uint8_t tls_out[WB_TLS_TX_CAP(4096)];
    _Alignas(16) uint8_t scratch[16384];
    uint8_t *arena;
};

static volatile sig_atomic_t is_stopping;

static void on_signal(int number)
{
    (void)number;
    is_stopping = 1;
}

static wb_ms clock_ms(clockid_t id)
{
    struct timespec ts;

    clock_gettime(id, &ts);
    return (wb_ms)ts.tv_sec * 1000u + (wb_ms)ts.tv_nsec / 1000000u;
}

static wb_ms now_ms(void)
{
    return clock_ms(CLOCK_MONOTONIC);
}

/* ---- services of the agent ------------------------------------------------------------------- */

static void board_log(void *ctx, enum wb_agent_level level, const char *application,
                      const char *text, size_t len)
{
    static const char *const names[] = {"error", "warning", "info", "debug"};
    const struct device *d = ctx;

    if (level == WB_AGENT_DEBUG && !d->options->verbose) {
        return;
    }
    printf("%s %s%s%.*s\n", names[level], application != NULL ? application : "",
           application != NULL ? ": " : "", (int)len, text);
    fflush(stdout);
}

static void board_stats(void *ctx, struct wb_agent_stats *stats)
{
    struct device *d = ctx;
    struct rusage usage;
    wb_ms now = now_ms();
    uint64_t cpu_us;
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);

    getrusage(RUSAGE_SELF, &usage);
    cpu_us = (uint64_t)usage.ru_utime.tv_sec * 1000000u + (uint64_t)usage.ru_utime.tv_usec +
             (uint64_t)usage.ru_stime.tv_sec * 1000000u + (uint64_t)usage.ru_stime.tv_usec;
    stats->ram_used_max = (uint32_t)usage.ru_maxrss * 1024u;
    stats->ram_size = (uint64_t)pages * (uint64_t)page > UINT32_MAX
                          ? 0 /* not told: the field is for boards */
                          : (uint32_t)((uint64_t)pages * (uint64_t)page);
    if (now > d->stats_at) {
        stats->cpu_permille = (uint32_t)((cpu_us - d->stats_cpu_us) / (now - d->stats_at));
    }
    d->stats_at = now;
    d->stats_cpu_us = cpu_us;
}

static void say(const struct device *d, const char *what, const char *why)
{
    fprintf(stderr, "wasmbed device %s: %s: %s\n",
            d->options->name != NULL ? d->options->name : d->options->flash, what, why);
}

/* ---- the link -------------------------------------------------------------------------------- */

static void link_close(struct device *d)
{
    if (d->fd >= 0) {
        close(d->fd);
        d->fd = -1;
    }
    d->is_connecting = false;
    d->rx_at = d->rx_len = 0;
    d->tx_at = d->tx_len = 0;
    wb_agent_link_down(&d->agent, now_ms());
}

/* host:port, [v6]:port; the port may be missing. */
static int gateway_resolve(const char *gateway, struct addrinfo **list)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    char host[256];
    const char *port = "4423";
    char *colon;

    snprintf(host, sizeof(host), "%s", gateway);
    if (host[0] == '[') {
        char *end = strchr(host, ']');

        if (end == NULL) {
            return EAI_NONAME;
        }
        *end = '\0';
        if (end[1] == ':') {
            port = end + 2;
        }
        return getaddrinfo(host + 1, port, &hints, list);
    }
    colon = strrchr(host, ':');
    if (colon != NULL) {
        *colon = '\0';
        port = colon + 1;
    }
    return getaddrinfo(host, port, &hints, list);
}

static void link_open(struct device *d)
{
    struct addrinfo *list = NULL;
    unsigned timeout = PEER_TIMEOUT_MS;
    int one = 1;
    int err = gateway_resolve(d->gateway, &list);

    if (err != 0) {
        say(d, d->gateway, gai_strerror(err));
        link_close(d);
        return;
    }
    for (struct addrinfo *ai = list; ai != NULL && d->fd < 0; ai = ai->ai_next) {
        d->fd =
            socket(ai->ai_family, ai->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, ai->ai_protocol);
        if (d->fd < 0) {
            continue;
        }
        setsockopt(d->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        setsockopt(d->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout, sizeof(timeout));
        setsockopt(d->fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
        if (connect(d->fd, ai->ai_addr, ai->ai_addrlen) != 0 && errno != EINPROGRESS) {
            close(d->fd);
            d->fd = -1;
        }
    }
    freeaddrinfo(list);
    if (d->fd < 0) {
        link_close(d);
        return;
    }
    d->is_connecting = true;
    d->connect_deadline = now_ms() + CONNECT_TIMEOUT_MS;
}

/* The socket became writable, or the time for that is over. */
static void link_connected(struct device *d, bool is_writable)
{
    int err = 0;
    socklen_t len = sizeof(err);

    if (!is_writable) {
        if (now_ms() >= d->connect_deadline) {
            link_close(d);
        }
        return;
    }
    if (getsockopt(d->fd, SOL_SOCKET, SO_ERROR, &err, &len) != 0 || err != 0) {
        link_close(d);
        return;
    }
    d->is_connecting = false;
    wb_agent_link_up(&d->agent, now_ms());
}

/* False: the connection is over. */
static bool link_read(struct device *d)
{
    ssize_t n;

    if (d->rx_len == 0) {
        n = recv(d->fd, d->rx, sizeof(d->rx), 0);
        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
            return false;
        }
        d->rx_at = 0;
        d->rx_len = n > 0 ? (size_t)n : 0;
    }
    return true;
}

static void link_feed(struct device *d)
{
    while (d->rx_len > 0) {
        size_t used = 0;
        enum wb_err err = wb_agent_feed(&d->agent, now_ms(), d->rx + d->rx_at, d->rx_len, &used);

        d->rx_at += used;
        d->rx_len -= used;
        if (err != WB_OK) {
            d->rx_len = 0; /* the event CLOSED tells */
        }
        if (used == 0) {
            return;
        }
    }
}

static bool link_write(struct device *d)
{
    for (;;) {
        ssize_t n;

        if (d->tx_len == 0) {
            d->tx_at = 0;
            d->tx_len = wb_agent_emit(&d->agent, now_ms(), d->tx, sizeof(d->tx));
            if (d->tx_len == 0) {
                return true;
            }
        }
        n = send(d->fd, d->tx + d->tx_at, d->tx_len, MSG_NOSIGNAL);
        if (n < 0) {
            return errno == EAGAIN || errno == EINTR;
        }
        d->tx_at += (size_t)n;
        d->tx_len -= (size_t)n;
    }
}

/* ---- the loop -------------------------------------------------------------------------------- */

static void events_handle(struct device *d)
{
    struct wb_agent_event event;

    while (wb_agent_next(&d->agent, &event)) {
        switch (event.kind) {
        case WB_AGENT_EVENT_STATE:
            if (d->options->verbose) {
                printf("debug state %s\n", wb_agent_state_str(event.u.state));
                fflush(stdout);
            }
            break;
        case WB_AGENT_EVENT_RESET: d->is_reset_due = true; break;
        case WB_AGENT_EVENT_IDENTIFY:
            printf("info identify: \a%s\n", d->options->flash);
            fflush(stdout);
            break;
        case WB_AGENT_EVENT_CLOSED:
            if (d->fd >= 0 && !d->is_connecting) {
                (void)link_write(d); /* an alert */
                link_close(d);
            }
            break;
        }
    }
}

static void wait_for_work(struct device *d, bool is_work_left, const sigset_t *mask)
{
    struct pollfd pfd = {.fd = d->fd};
    wb_ms due = wb_agent_due(&d->agent);
    wb_ms now = now_ms();
    struct timespec timeout = {0};
    struct timespec *limit = &timeout;
    int n;

    if (d->is_connecting) {
        due = wb_ms_min(due, d->connect_deadline);
        pfd.events = POLLOUT;
    } else if (d->fd >= 0) {
        pfd.events = (short)((d->rx_len == 0 ? POLLIN : 0) | (d->tx_len > 0 ? POLLOUT : 0));
    }
    if (!is_work_left && due > now) {
        if (due == WB_NEVER) {
            limit = NULL;
        } else {
            timeout.tv_sec = (time_t)((due - now) / 1000u);
            timeout.tv_nsec = (long)((due - now) % 1000u) * 1000000;
        }
    }
    n = ppoll(&pfd, 1, limit, mask);
    if (d->is_connecting) {
        link_connected(d, n > 0 && pfd.revents != 0);
    } else if (d->fd >= 0 && n > 0 && (pfd.revents & (POLLIN | POLLHUP | POLLERR)) != 0 &&
               !link_read(d)) {
        link_close(d);
    }
}

/* Runs one boot of the device; true: it is to be started again. */
static bool device_loop(struct device *d, const sigset_t *mask)
{
    while (!is_stopping) {
        bool more = true;

        for (int i = 0; i < SLICES_A_TURN && more; i++) {
            more = wb_agent_run(&d->agent, now_ms());
        }
        if (d->fd < 0 && wb_agent_wants_link(&d->agent, now_ms())) {
            link_open(d);
        }
        wb_agent_tick(&d->agent, now_ms());
        if (d->fd >= 0 && !d->is_connecting) {
            link_feed(d);
            if (!link_write(d)) {
                link_close(d);
            }
        }
        events_handle(d);
        if (d->is_reset_due && d->tx_len == 0) {
            return true;
        }
        wait_for_work(d, more || (d->fd < 0 && wb_agent_wants_link(&d->agent, now_ms())), mask);
    }
    return false;
}

/* ---- start ----------------------------------------------------------------------------------- */

static int device_open(struct device *d)
{
    enum wb_err err = wb_posix_flash_open(&d->flash, d->options->flash, 0);
    size_t len;

    if (err != WB_OK) {
        say(d, d->options->flash,
            err == WB_ERR_NOT_FOUND ? "no such flash file; provision the device first"
            : err == WB_ERR_STATE   ? "flash file is used by another process"
                                    : wb_err_str(err));
        return EXIT_NO_FLASH;
    }
    err = wb_store_mount(&d->store, &d->flash.flash, 0);
    if (err != WB_OK) {
        say(d, d->options->flash,
            err == WB_ERR_NOT_FOUND ? "flash file is empty; provision the device first"
                                    : wb_err_str(err));
        return EXIT_NO_FLASH;
    }
    if (d->options->gateway != NULL) {
        snprintf(d->gateway, sizeof(d->gateway), "%s", d->options->gateway);
    } else {
        err = wb_store_get(&d->store, WB_AGENT_RECORD_GATEWAY, d->gateway, sizeof(d->gateway) - 1,
                           &len);
        if (err != WB_OK) {
            say(d, "no gateway", "provisioning names none; give --gateway HOST:PORT");
            return EXIT_NOT_PROVISIONED;
        }
        d->gateway[len] = '\0';
    }
    return 0;
}

static int device_boot(struct device *d, const char *reset_reason)
{
    uint8_t seed[64];
    enum wb_err err;

    if (getrandom(seed, sizeof(seed), 0) != (ssize_t)sizeof(seed) ||
        wb_drbg_init(&d->drbg, seed, sizeof(seed), NULL, 0) != WB_OK) {
        say(d, "no random numbers", strerror(errno));
        return EXIT_SYSTEM;
    }
    wb_wipe(seed, sizeof(seed));
    d->board = (struct wb_agent_board){.ctx = d, .log = board_log, .stats = board_stats};
    d->cfg = (struct wb_agent_cfg){
        .device_type = d->options->device_type != NULL ? d->options->device_type : "posix",
        .firmware = FIRMWARE_VERSION,
        .reset_reason = reset_reason,
        .store = &d->store,
        .drbg = &d->drbg,
        .board = &d->board,
        .unix_ms = clock_ms(CLOCK_REALTIME),
        .slots = d->slots,
        .slot_count = WB_AGENT_SLOTS_MAX,
        .arena = d->arena,
        .arena_len = d->options->arena_len != 0 ? d->options->arena_len : ARENA_DEFAULT,
        .scratch = d->scratch,
        .scratch_len = sizeof(d->scratch),
        .frame = d->frame,
        .frame_len = sizeof(d->frame),
        .outbox = d->outbox,
        .outbox_len = sizeof(d->outbox),
        .inbox = d->inbox,
        .inbox_len = sizeof(d->inbox),
        .tls_in = d->tls_in,
        .tls_in_len = sizeof(d->tls_in),
        .tls_out = d->tls_out,
        .tls_out_len = sizeof(d->tls_out),
        .app_stack = 8192,
    };
    d->is_reset_due = false;
    err = wb_agent_init(&d->agent, &d->cfg, now_ms());
    if (err != WB_OK) {
        say(d, "cannot start", wb_err_str(err));
        return EXIT_SYSTEM;
    }
    if (wb_agent_state_get(&d->agent) == WB_AGENT_DEVICE_REGISTRATION) {
        say(d, d->options->flash,
            "device is not provisioned (the line above says what is missing)");
        return EXIT_NOT_PROVISIONED;
    }
    return 0;
}

static int device_run(struct device *d, const sigset_t *mask)
{
    const char *reset_reason = NULL;
    int code = device_open(d);
    bool again = true;

    while (code == 0 && again) {
        code = device_boot(d, reset_reason);
        if (code == 0) {
            again = device_loop(d, mask);
            link_close(d);
            reset_reason = "command";
        }
    }
    wb_posix_flash_close(&d->flash);
    return code;
}

int wb_posix_device_main(const struct wb_posix_device_options *options)
{
    struct sigaction action = {.sa_handler = on_signal};
    struct sigaction old_term, old_int;
    sigset_t block, old_mask;
    struct device *d = calloc(1, sizeof(*d));
    int code = EXIT_SYSTEM;

    /* Signals come only while ppoll waits, so that none is lost between a look and the wait. */
    sigemptyset(&block);
    sigaddset(&block, SIGTERM);
    sigaddset(&block, SIGINT);
    sigprocmask(SIG_BLOCK, &block, &old_mask);
    sigaction(SIGTERM, &action, &old_term);
    sigaction(SIGINT, &action, &old_int);
    is_stopping = 0;
    if (d != NULL) {
        d->options = options;
        d->fd = -1;
        d->flash.fd = -1;
        d->arena = calloc(1, options->arena_len != 0 ? options->arena_len : ARENA_DEFAULT);
    }
    if (d == NULL || d->arena == NULL) {
        fprintf(stderr, "wasmbed device: not enough memory\n");
    } else {
        sigset_t wait_mask = old_mask;

        sigdelset(&wait_mask, SIGTERM);
        sigdelset(&wait_mask, SIGINT);
        code = device_run(d, &wait_mask);
    }
    if (d != NULL) {
        wb_wipe(&d->drbg, sizeof(d->drbg));
        free(d->arena);
        free(d);
    }
    sigaction(SIGTERM, &old_term, NULL);
    sigaction(SIGINT, &old_int, NULL);
    sigprocmask(SIG_SETMASK, &old_mask, NULL);
    return code;
}
