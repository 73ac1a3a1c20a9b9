/* SPDX-License-Identifier: AGPL-3.0-only */
/* wb_launcher.h: runs an emulated board, and carries a board's serial link to its gateway.
 * Shape    two programs of the multi-call binary (`wasmbed board`, `wasmbed bridge`), each one loop
 *          over poll(); they end on SIGTERM or SIGINT
 * Limits   one board a process; link frames as core/link bounds them
 * Memory   fixed buffers, about 100 KB, and the flash file's bytes
 * Errors   one line on stderr that says what to do, and an exit code of enum wb_launcher_exit
 */
#ifndef WB_LAUNCHER_H
#define WB_LAUNCHER_H

#include "wb_board.h"

enum wb_launcher_exit {
    WB_LAUNCHER_OK = 0,
    WB_LAUNCHER_USAGE = 2, /* an option is missing or senseless */
    WB_LAUNCHER_FIRMWARE =
        3,                 /* firmware unreadable, of another board, or without a layout record */
    WB_LAUNCHER_FLASH = 4, /* flash file unreadable, too large, or in use by another launcher */
    WB_LAUNCHER_QEMU = 5,  /* QEMU missing, or it fails again and again */
    WB_LAUNCHER_LINK = 6,  /* serial device cannot be opened, or gateway address malformed */
};

struct wb_launcher_board_options {
    const char *type;     /* "hifive1" or "cortex-m" */
    const char *firmware; /* ELF file */
    const char *flash;    /* file of the store region; created, all 0xFF, when absent */
    const char *gateway;  /* HOST:PORT; NULL: the link is opened nowhere (the board runs alone) */
    const char *log;      /* console text goes here (appended); NULL: stdout */
    const char *name;     /* of the device, for messages; NULL: "board" */
};

/* Runs the board until a signal ends it. Returns an enum wb_launcher_exit. */
int wb_launcher_board_main(const struct wb_launcher_board_options *options);

struct wb_launcher_bridge_options {
    const char *serial;  /* a tty device, or tcp:HOST:PORT */
    const char *gateway; /* HOST:PORT */
    unsigned baud;       /* of a tty; 0 means 115200 */
};

/* Carries the link of one board until a signal ends it. Returns an enum wb_launcher_exit. */
int wb_launcher_bridge_main(const struct wb_launcher_bridge_options *options);

/* Reads the layout record of a firmware file; for whoever writes flash images (provisioning): the
 * image is store_size bytes long, its sectors sector_size. Errors: WB_ERR_IO unreadable, those of
 * wb_board_layout_find(). */
enum wb_err wb_launcher_layout_read(const char *firmware,
                                    struct wb_board_layout *layout) WB_MUST_USE;

#endif
