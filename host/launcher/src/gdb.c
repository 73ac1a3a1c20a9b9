/* SPDX-License-Identifier: AGPL-3.0-only */
/* QEMU 7.2's stub knows no no-ack mode, but it takes the start of the next packet for an
 * acknowledgement. So a burst is interrupt, packets, continue in one write, and the answers ("T02…"
 * for the stop, then "OK" each) are read in one go: one round trip however much is written. Nor
 * does it know binary writes (X), so data travels as hexadecimal digits (M). */
#include "gdb.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "util.h"

#define ANSWER_MS 5000
#define CHUNK     1024 /* two hexadecimal digits each: half of a packet */
#define BURST_CAP (16 * (2 * CHUNK + 32))
#define ETX       0x03

struct burst {
    uint8_t bytes[BURST_CAP];
    size_t len;
    unsigned answers; /* OK answers it will get */
};

static void burst_begin(const struct gdb *g, struct burst *b);
static bool burst_write(struct burst *b, uint32_t addr, const uint8_t *data, size_t len);
static void burst_add(struct burst *b, const char *body, size_t len);
static enum wb_err burst_send(struct gdb *g, struct burst *b, bool go_on);
static enum wb_err answers_await(struct gdb *g, unsigned count);

static const char hex[] = "0123456789abcdef";

void gdb_init(struct gdb *g, int fd)
{
    g->fd = fd;
    g->running = false;
}

enum wb_err gdb_write(struct gdb *g, uint32_t addr, const uint8_t *data, size_t len)
{
    struct burst b;
    while (len > 0) {
        burst_begin(g, &b);
        while (len > 0) {
            size_t step = len < CHUNK ? len : CHUNK;
            if (!burst_write(&b, addr, data, step)) {
                break;
            }
            addr += (uint32_t)step;
            data += step;
            len -= step;
        }
        WB_TRY(burst_send(g, &b, g->running));
    }
    return WB_OK;
}

enum wb_err gdb_start(struct gdb *g)
{
    struct burst b;
    WB_ASSERT(!g->running);
    burst_begin(g, &b);
    g->running = true;
    return burst_send(g, &b, true);
}

enum wb_err gdb_reset(struct gdb *g)
{
    static const char command[] = "system_reset";
    char body[6 + 2 * sizeof command] = "qRcmd,";
    struct burst b;
    for (size_t i = 0; i < sizeof command - 1; i++) {
        snprintf(body + 6 + 2 * i, 3, "%02x", (unsigned)(unsigned char)command[i]);
    }
    burst_begin(g, &b);
    burst_add(&b, body, strlen(body));
    b.answers++;
    return burst_send(g, &b, g->running);
}

size_t gdb_packet(uint8_t *buf, size_t cap, const char *body, size_t len)
{
    uint8_t sum = 0;
    if (cap < len + 4) {
        return 0;
    }
    buf[0] = '$';
    for (size_t i = 0; i < len; i++) {
        buf[1 + i] = (uint8_t)body[i];
        sum = (uint8_t)(sum + (uint8_t)body[i]);
    }
    buf[len + 1] = '#';
    buf[len + 2] = (uint8_t)hex[sum >> 4];
    buf[len + 3] = (uint8_t)hex[sum & 15];
    return len + 4;
}

static void burst_begin(const struct gdb *g, struct burst *b)
{
    b->len = 0;
    b->answers = 0;
    if (g->running) {
        b->bytes[b->len++] = '+';
        b->bytes[b->len++] = ETX;
    }
}

static bool burst_write(struct burst *b, uint32_t addr, const uint8_t *data, size_t len)
{
    char body[32 + 2 * CHUNK + 1];
    if (BURST_CAP - b->len < sizeof body + 16) {
        return false;
    }
    size_t at = (size_t)snprintf(body, 32, "M%x,%zx:", (unsigned)addr, len);
    for (size_t i = 0; i < len; i++) {
        body[at++] = hex[data[i] >> 4];
        body[at++] = hex[data[i] & 15];
    }
    burst_add(b, body, at);
    b->answers++;
    return true;
}

static void burst_add(struct burst *b, const char *body, size_t len)
{
    size_t added = gdb_packet(b->bytes + b->len, BURST_CAP - b->len, body, len);
    WB_ASSERT(added > 0);
    b->len += added;
}

static enum wb_err burst_send(struct gdb *g, struct burst *b, bool go_on)
{
    if (go_on) {
        burst_add(b, "c", 1);
    }
    for (size_t at = 0; at < b->len;) {
        ssize_t sent = send(g->fd, b->bytes + at, b->len - at, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) {
            continue;
        }
        if (sent <= 0) {
            return WB_ERR_IO;
        }
        at += (size_t)sent;
    }
    return answers_await(g, b->answers);
}

/* Answers are "$…#xx"; "+" and stop reports in between are skipped, and so is console output of a
 * monitor command ("O…" but not "OK"). */
static enum wb_err answers_await(struct gdb *g, unsigned count)
{
    uint8_t in[512];
    char body[8] = "";
    size_t body_len = 0;
    bool inside = false;
    bool refused = false;
    wb_ms deadline = util_now() + ANSWER_MS;
    while (count > 0) {
        wb_ms now = util_now();
        struct pollfd p = {.fd = g->fd, .events = POLLIN};
        if (now >= deadline || poll(&p, 1, (int)(deadline - now)) == 0) {
            return WB_ERR_TIMEOUT;
        }
        ssize_t got = recv(g->fd, in, sizeof in, MSG_DONTWAIT);
        if (got < 0 && (errno == EINTR || errno == EAGAIN)) {
            continue;
        }
        if (got <= 0) {
            return WB_ERR_IO;
        }
        for (ssize_t i = 0; i < got; i++) {
            if (in[i] == '$') {
                inside = true;
                body_len = 0;
            } else if (in[i] == '#' && inside) {
                inside = false;
                body[body_len] = 0;
                if (strcmp(body, "OK") == 0 || body[0] == 'E' || body_len == 0) {
                    refused = refused || body[0] != 'O';
                    count -= count > 0;
                }
            } else if (inside && body_len < sizeof body - 1) {
                body[body_len++] = (char)in[i];
            }
        }
    }
    return refused ? WB_ERR_PEER : WB_OK;
}
