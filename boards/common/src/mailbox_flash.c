/* SPDX-License-Identifier: AGPL-3.0-only */
/* Flash of emulated boards: reading in place, erasing and programming through the launcher, which
 * plays the chip (wb_mailbox.h). Also the console and the reset, which share its UART. A request is
 * sent from where its data lies; the reply is waited for with the processor asleep. A board without
 * a launcher gets no reply and so WB_ERR_FLASH after ATTEMPTS * REPLY_MS: never a false success. */
#include <string.h>

#include "wb_board_port.h"
#include "wb_mailbox.h"
#include "wb_retained.h"

#define ATTEMPTS 3
#define REPLY_MS 2000u

static enum wb_err transact(enum wb_mailbox_op op, uint32_t addr, const uint8_t *data,
                            uint16_t len);
static void send(enum wb_mailbox_op op, uint8_t seq, uint32_t addr, const uint8_t *data,
                 uint16_t len);
static bool await_reply(uint8_t seq, uint8_t *status);

static uint8_t last_seq;

const struct wb_hal_flash *wb_hal_flash(void)
{
    static struct wb_hal_flash flash;
    flash.size = wb_board_layout.store_size;
    flash.sector_size = wb_board_layout.sector_size;
    flash.program_len_max = WB_MAILBOX_PAYLOAD_MAX;
    flash.map = (const uint8_t *)(uintptr_t)wb_board_layout.store_base;
    return &flash;
}

enum wb_err wb_hal_flash_program(uint32_t offset, const void *data, size_t len)
{
    const struct wb_hal_flash *flash = wb_hal_flash();
    const uint8_t *at = data;
    if (offset > flash->size || len > flash->size - offset) {
        return WB_ERR_VALUE;
    }
    while (len > 0) {
        uint16_t step = (uint16_t)(len < WB_MAILBOX_PAYLOAD_MAX ? len : WB_MAILBOX_PAYLOAD_MAX);
        WB_TRY(transact(WB_MAILBOX_PROGRAM, offset, at, step));
        for (uint16_t i = 0; i < step; i++) {
            if (at[i] != 0xFF && flash->map[offset + i] != at[i]) {
                return WB_ERR_FLASH;
            }
        }
        offset += step;
        at += step;
        len -= step;
    }
    return WB_OK;
}

enum wb_err wb_hal_flash_erase(uint32_t offset)
{
    const struct wb_hal_flash *flash = wb_hal_flash();
    if (offset >= flash->size || offset % flash->sector_size != 0) {
        return WB_ERR_VALUE;
    }
    WB_TRY(transact(WB_MAILBOX_ERASE, offset, NULL, 0));
    for (uint32_t i = 0; i < flash->sector_size; i++) {
        if (flash->map[offset + i] != 0xFF) {
            return WB_ERR_FLASH;
        }
    }
    return WB_OK;
}

void wb_hal_log(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        uint8_t c = (uint8_t)text[i];
        if (c < 0x20 && c != '\n' && c != '\t') {
            c = '?';
        }
        wb_board_console_write(&c, 1);
    }
}

_Noreturn void wb_hal_reset(const char *reason)
{
    send(WB_MAILBOX_RESET, ++last_seq, 0, (const uint8_t *)reason, (uint16_t)strlen(reason));
    wb_board_reset();
    for (;;) {
        wb_board_console_idle(WB_NEVER);
    }
}

/* Programming again what is programmed, or erasing what is erased, changes nothing: so a lost reply
 * is answered by asking again. */
static enum wb_err transact(enum wb_mailbox_op op, uint32_t addr, const uint8_t *data, uint16_t len)
{
    uint8_t seq = ++last_seq;
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        uint8_t status = 0;
        send(op, seq, addr, data, len);
        if (await_reply(seq, &status)) {
            return status == WB_MAILBOX_DONE ? WB_OK : WB_ERR_FLASH;
        }
    }
    return WB_ERR_FLASH;
}

static void send(enum wb_mailbox_op op, uint8_t seq, uint32_t addr, const uint8_t *data,
                 uint16_t len)
{
    uint8_t head[WB_MAILBOX_HEAD_LEN];
    uint8_t tail[WB_MAILBOX_CRC_LEN];
    wb_mailbox_head(head, op, seq, len, addr);
    uint32_t crc = wb_crc32(wb_crc32(0, head + 1, sizeof head - 1), data, len);
    for (int i = 0; i < WB_MAILBOX_CRC_LEN; i++) {
        tail[i] = (uint8_t)(crc >> (8 * i));
    }
    wb_board_console_write(head, sizeof head);
    wb_board_console_write(data, len);
    wb_board_console_write(tail, sizeof tail);
}

static bool await_reply(uint8_t seq, uint8_t *status)
{
    uint8_t reply[WB_MAILBOX_REPLY_LEN];
    size_t len = 0;
    wb_ms deadline = wb_hal_now_ms() + REPLY_MS;
    while (wb_hal_now_ms() < deadline) {
        wb_board_console_idle(deadline);
        while (wb_board_console_read(&reply[len], 1) == 1) {
            uint8_t got = 0;
            if (len == 0 && reply[0] != WB_MAILBOX_START) {
                continue;
            }
            if (++len < sizeof reply) {
                continue;
            }
            len = 0;
            if (wb_mailbox_reply_read(reply, &got, status) && got == seq) {
                return true;
            }
        }
    }
    return false;
}
