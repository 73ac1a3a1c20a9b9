/* SPDX-License-Identifier: AGPL-3.0-only */
/* board_config.h: how the firmware shares out this board's memory. 16 KB of RAM: buffers at their
 * least, the rest (at least 6 KB) is the applications' arena. */
#ifndef BOARD_CONFIG_H
#define BOARD_CONFIG_H

#define BOARD_DEVICE_TYPE "riscv-hifive1"
#define BOARD_SLOTS       2
#define BOARD_SCRATCH_LEN WB_AGENT_SCRATCH_MIN
#define BOARD_FRAME_LEN   WB_AGENT_FRAME_MIN
#define BOARD_OUTBOX_LEN  WB_AGENT_OUTBOX_MIN
#define BOARD_INBOX_LEN   128u
#define BOARD_TLS_IN_LEN  WB_AGENT_TLS_IN_MIN
#define BOARD_TLS_OUT_LEN WB_AGENT_TLS_OUT_MIN
#define BOARD_APP_STACK   1024u

#endif
