/* SPDX-License-Identifier: AGPL-3.0-only */
/* hal_test.c: a board's program that does single HAL calls on command, for
 * host/launcher/tests/hal_test.c. Commands arrive raw on the link UART (integers little-endian);
 * each answer is raw as well: 'e' len:u32 bytes           the bytes 's'                         64
 * bytes of seed, then bits:u32 't'                         milliseconds:u32 'i' ms:u32 after
 * idling: milliseconds slept:u32 'p' offset:u32 len:u32 data error:u8 'x' offset:u32 error:u8 'r'
 * offset:u32 len:u32      the bytes, read in place 'k'                         stack used:u32 'b'
 * retained reason:u32 line:u32 cause:u32 resets:u32 'l'                         one line on the
 * console; then 'l' 'z' 'a' 'f' 'o'             restart; assertion; bus fault; stack overflow: no
 * answer, "boot" again
 */
#include <string.h>

#include "wb_board_port.h"
#include "wb_link.h"
#include "wb_retained.h"

static void run_command(uint8_t command, const struct wb_retained *boot);
static void get(uint8_t *buf, size_t len);
static uint32_t get_u32(void);
static void put(const void *data, size_t len);
static void put_u32(uint32_t value);
static void link_echo(uint32_t session);
static uint32_t overflow(uint32_t depth);

static uint8_t next_byte; /* read ahead, to see that there is input */
static bool ahead;

int main(void)
{
    wb_hal_init();
    struct wb_retained boot = wb_retained_take();
    wb_hal_log("hal_test boot\n", 14);
    put("B", 1);
    for (;;) {
        uint8_t command;
        get(&command, 1);
        run_command(command, &boot);
    }
}

static void run_command(uint8_t command, const struct wb_retained *boot)
{
    static uint8_t data[512];
    uint32_t offset;
    uint32_t len;
    uint8_t result;
    wb_ms start;

    switch (command) {
    case 'e':
        for (len = get_u32(); len > 0; len--) {
            get(data, 1);
            put(data, 1);
        }
        return;
    case 's':
        len = 0;
        memset(data, 0, WB_BOARD_SEED_LEN);
        if (wb_hal_entropy(data, WB_BOARD_SEED_LEN, &len) != WB_OK) {
            len = 0;
        }
        put(data, WB_BOARD_SEED_LEN);
        put_u32(len);
        return;
    case 't': put_u32((uint32_t)wb_hal_now_ms()); return;
    case 'i':
        len = get_u32();
        start = wb_hal_now_ms();
        while (wb_hal_now_ms() < start + len && !ahead) {
            wb_hal_idle(start + len);
            ahead = wb_hal_link_read(&next_byte, 1) == 1;
        }
        put_u32((uint32_t)(wb_hal_now_ms() - start));
        return;
    case 'p':
        offset = get_u32();
        len = get_u32();
        WB_ASSERT(len <= sizeof data);
        get(data, len);
        result = (uint8_t)wb_hal_flash_program(offset, data, len);
        put(&result, 1);
        return;
    case 'x':
        result = (uint8_t)wb_hal_flash_erase(get_u32());
        put(&result, 1);
        return;
    case 'r':
        offset = get_u32();
        put(wb_hal_flash()->map + offset, get_u32());
        return;
    case 'k': put_u32(wb_board_stack_used()); return;
    case 'b':
        put_u32(boot->reason);
        put_u32(boot->line);
        put_u32(boot->cause);
        put_u32(boot->resets);
        return;
    case 'n': link_echo(get_u32()); return;
    case 'l':
        wb_hal_log("a line\x01 of text\n", 16);
        put("l", 1);
        return;
    case 'z': wb_retained_restart("hal_test asks");
    case 'a': WB_ASSERT(command != 'a'); return;
    case 'f': *(volatile uint32_t *)0xF0000000u = 1; return;
    case 'o': put_u32(overflow(1)); return;
    default: put("?", 1); return;
    }
}

static void get(uint8_t *buf, size_t len)
{
    if (ahead && len > 0) {
        *buf++ = next_byte;
        len--;
        ahead = false;
    }
    while (len > 0) {
        size_t got = wb_hal_link_read(buf, len);
        if (got == 0) {
            wb_hal_idle(WB_NEVER);
        }
        buf += got;
        len -= got;
    }
}

static uint32_t get_u32(void)
{
    uint8_t b[4];
    get(b, sizeof b);
    return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

static void put(const void *data, size_t len)
{
    const uint8_t *at = data;
    while (len > 0) {
        size_t took = wb_hal_link_write(at, len);
        at += took;
        len -= took;
    }
}

static void put_u32(uint32_t value)
{
    uint8_t b[4] = {(uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16),
                    (uint8_t)(value >> 24)};
    put(b, sizeof b);
}

static void link_echo(uint32_t session)
{
    static struct wb_link link;
    static const struct wb_link_cfg cfg = {.opens = true};
    struct wb_link_event event;
    uint8_t buf[64];
    wb_ms now = wb_hal_now_ms();
    wb_link_init(&link, &cfg, now);
    wb_link_open(&link, session, now);
    for (;;) {
        const uint8_t *data;
        size_t len;
        size_t taken = 0;
        now = wb_hal_now_ms();
        while ((len = wb_hal_link_read(buf, sizeof buf)) > 0) {
            wb_link_feed(&link, now, buf, len);
        }
        wb_link_tick(&link, now);
        while (wb_link_next(&link, &event)) {
            if (event.kind == WB_LINK_EVENT_CLOSED) {
                put("\0\0\0done", 7);
                return;
            }
        }
        wb_link_read(&link, &data, &len);
        if (len > 0 && wb_link_write(&link, data, len, &taken) == WB_OK) {
            wb_link_read_done(&link, taken);
        }
        while ((len = wb_link_emit(&link, now, buf, sizeof buf)) > 0) {
            put(buf, len);
        }
        wb_hal_idle(wb_link_due(&link));
    }
}

__attribute__((noinline)) static uint32_t overflow(uint32_t depth)
{
    volatile uint32_t frame[64];
    frame[depth % 64u] = depth;
    if (depth == 1000000u) {
        return 0;
    }
    return overflow(depth + 1) + frame[(depth + 7u) % 64u];
}
