/* SPDX-License-Identifier: AGPL-3.0-only */
/* console.h: the board's console text as lines with time stamps in a file.
 * Limits   a line is cut into pieces of 500 bytes
 */
#ifndef WB_LAUNCHER_CONSOLE_H
#define WB_LAUNCHER_CONSOLE_H

#include "wb_base.h"

struct console {
    int fd;
    char line[512];
    size_t len;
};

/* path NULL: stdout. False with errno set. */
bool console_open(struct console *c, const char *path);
void console_close(struct console *c);
void console_text(struct console *c, const uint8_t *text, size_t len);
/* Ends an unfinished line. */
void console_flush(struct console *c);

#endif
