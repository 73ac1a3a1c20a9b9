/* SPDX-License-Identifier: AGPL-3.0-only */
/* qemu.h: one emulated board: the QEMU process and three TCP connections to it.
 * Shape    start, then the caller polls link_fd and console_fd; reset and stop
 * Life     QEMU dies with this process (PR_SET_PDEATHSIG); it has no network, display, monitor,
 * semihosting
 */
#ifndef WB_LAUNCHER_QEMU_H
#define WB_LAUNCHER_QEMU_H

#include <sys/types.h>

#include "gdb.h"
#include "wb_board.h"

struct qemu_machine {
    const char *type; /* of the firmware's layout record */
    const char *program;
    const char *machine; /* -M */
    const char *package; /* what to install when the program is missing */
};

/* NULL: unknown type. */
const struct qemu_machine *qemu_machine_find(const char *type);

struct qemu {
    const struct qemu_machine *machine;
    const char *firmware;                 /* kept */
    const uint8_t *flash;                 /* kept; the store region, read at each start */
    const struct wb_board_layout *layout; /* kept */
    pid_t pid;                            /* 0: not running */
    int link_fd;    /* the board's link UART, non-blocking; -1 when not running */
    int console_fd; /* console and flash mailbox, non-blocking */
    struct gdb gdb;
    wb_ms started_at;
};

void qemu_init(struct qemu *q, const struct qemu_machine *machine, const char *firmware,
               const uint8_t *flash, const struct wb_board_layout *layout);

/* Starts the process, writes flash and a fresh seed, lets the board run. Errors: WB_ERR_NOT_FOUND
 * the program is not installed; WB_ERR_IO, WB_ERR_TIMEOUT it did not start. */
enum wb_err qemu_start(struct qemu *q) WB_MUST_USE;

/* Writes a fresh seed and resets the machine; its RAM is kept. */
enum wb_err qemu_reset(struct qemu *q) WB_MUST_USE;

/* Ends the process and closes the connections; harmless when it is not running. */
void qemu_stop(struct qemu *q);

/* Call on SIGCHLD: true when the process has ended by itself (*status as of waitpid); then the
 * connections are closed. */
bool qemu_ended(struct qemu *q, int *status);

#endif
