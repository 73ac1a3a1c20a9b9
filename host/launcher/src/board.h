/* SPDX-License-Identifier: AGPL-3.0-only */
/* board.h: a running emulated board: QEMU, the flash chip it asks for, its console. The link's
 * bytes are the owner's business (bridge, or a test). Shape    board_open, board_start; then poll
 * board.qemu.console_fd and call board_console(), board_ended() on SIGCHLD, board_tick() at
 * board_due()
 */
#ifndef WB_LAUNCHER_BOARD_H
#define WB_LAUNCHER_BOARD_H

#include "chip.h"
#include "console.h"
#include "qemu.h"
#include "wb_launcher.h"

struct board {
    const char *name;
    struct wb_board_layout layout;
    struct chip chip;
    struct console console;
    struct qemu qemu;
    struct wb_mailbox_decoder decoder;
    wb_ms start_due;    /* QEMU is to be started then; WB_NEVER: it runs */
    wb_ms reset_due;    /* the firmware asked for a reset, which is delayed when it does so often */
    unsigned failures;  /* QEMU's quick ends in a row */
    unsigned resets;    /* quick resets in a row */
    bool restarted;     /* set when the line to the board has changed or the board began anew */
    uint64_t window_us; /* time spent in writing the execute-in-place window */
};

/* Reads the firmware's layout, opens flash and log. Says on stderr what is wrong. */
enum wb_launcher_exit board_open(struct board *b, const struct wb_launcher_board_options *options);
void board_close(struct board *b);

/* WB_LAUNCHER_QEMU: it cannot be started, or has failed too often. */
enum wb_launcher_exit board_start(struct board *b, wb_ms now);

/* Reads console and mailbox, answers what is asked. */
void board_console(struct board *b, wb_ms now);
void board_ended(struct board *b, wb_ms now);
wb_ms board_due(const struct board *b);
enum wb_launcher_exit board_tick(struct board *b, wb_ms now);

#endif
