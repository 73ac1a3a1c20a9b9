/* SPDX-License-Identifier: AGPL-3.0-only */
/* board_config.h: how the firmware shares out this board's memory: 128 KB of RAM, so messages are
 * larger and more applications fit; one may have a whole WebAssembly page. */
#ifndef BOARD_CONFIG_H
#define BOARD_CONFIG_H

#define BOARD_DEVICE_TYPE "cortex-m"
#define BOARD_SLOTS       8
#define BOARD_SCRATCH_LEN 4096u
#define BOARD_FRAME_LEN   2048u
#define BOARD_OUTBOX_LEN  4096u
#define BOARD_INBOX_LEN   2048u
#define BOARD_TLS_IN_LEN  WB_TLS_RX_CAP(2048u)
#define BOARD_TLS_OUT_LEN WB_TLS_TX_CAP(1024u)
#define BOARD_APP_STACK   4096u

#endif
