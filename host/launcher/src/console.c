/* SPDX-License-Identifier: AGPL-3.0-only */
#include "console.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_LEN 500u

bool console_open(struct console *c, const char *path)
{
    c->len = 0;
    c->fd = path == NULL ? dup(STDOUT_FILENO)
                         : open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    return c->fd >= 0;
}

void console_close(struct console *c)
{
    console_flush(c);
    close(c->fd);
}

void console_text(struct console *c, const uint8_t *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\n') {
            console_flush(c);
        } else if (text[i] >= 0x20 || text[i] == '\t') {
            c->line[c->len++] = (char)text[i];
            if (c->len == LINE_MAX_LEN) {
                console_flush(c);
            }
        }
    }
}

/* A log that cannot be written must not stop the board: the line is dropped. */
void console_flush(struct console *c)
{
    char out[640];
    char when[32];
    struct timespec now;
    struct tm utc;
    if (c->len == 0) {
        return;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%S", &utc);
    int len = snprintf(out, sizeof out, "%s.%03ldZ %.*s\n", when, now.tv_nsec / 1000000,
                       (int)c->len, c->line);
    c->len = 0;
    if (write(c->fd, out, (size_t)len) < 0 && errno == EINTR) {
        (void)!write(c->fd, out, (size_t)len);
    }
}
