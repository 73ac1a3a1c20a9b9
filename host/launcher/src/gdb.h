/* SPDX-License-Identifier: AGPL-3.0-only */
/* gdb.h: the few requests to QEMU's gdb stub by which the launcher writes the board's flash and
 * resets it. Shape    each call sends one burst (interrupt, requests, continue) and waits for its
 * answers: the board stands still meanwhile, for well under a millisecond Limits   a packet of
 * QEMU 7.2 holds 4096 bytes: writes are split Errors   WB_ERR_IO: connection lost; WB_ERR_TIMEOUT:
 * no answer in 5 s; WB_ERR_PEER: refused
 */
#ifndef WB_LAUNCHER_GDB_H
#define WB_LAUNCHER_GDB_H

#include "wb_base.h"

struct gdb {
    int fd;       /* blocking socket to the stub */
    bool running; /* false until gdb_start() */
};

void gdb_init(struct gdb *g, int fd);

/* Writes memory, read-only memory as well, of the stopped or running board; then it goes on if it
 * ran. */
enum wb_err gdb_write(struct gdb *g, uint32_t addr, const uint8_t *data, size_t len) WB_MUST_USE;

/* Lets a board that was started with -S run. */
enum wb_err gdb_start(struct gdb *g) WB_MUST_USE;

/* Resets the machine; RAM keeps its contents. */
enum wb_err gdb_reset(struct gdb *g) WB_MUST_USE;

/* Writes one packet ("$" body "#" sum); body holds none of $ # } *. Returns its length, 0 when cap
 * is too small. */
size_t gdb_packet(uint8_t *buf, size_t cap, const char *body, size_t len);

#endif
