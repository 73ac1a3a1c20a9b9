/* SPDX-License-Identifier: AGPL-3.0-only */
/* text.c: building short texts without a C library. */
#include "agent.h"

struct wb_text wb_text_init(char *buf, size_t cap)
{
    WB_ASSERT(cap > 0);
    buf[0] = '\0';
    return (struct wb_text){.buf = buf, .cap = cap, .len = 0};
}

void wb_text_add_bytes(struct wb_text *t, const char *text, size_t len)
{
    size_t room = t->cap - 1 - t->len;

    if (len > room) {
        len = room;
    }
    for (size_t i = 0; i < len; i++) {
        t->buf[t->len++] = text[i] >= 0x20 && text[i] < 0x7f ? text[i] : '?';
    }
    t->buf[t->len] = '\0';
}

void wb_text_add(struct wb_text *t, const char *text)
{
    wb_text_add_bytes(t, text, wb_protocol_text(text).len);
}

void wb_text_add_uint(struct wb_text *t, uint64_t value)
{
    char digits[20];
    size_t at = sizeof(digits);

    /* 64-bit division is slow and large on small processors; most numbers are short. */
    while (value > UINT32_MAX) {
        digits[--at] = (char)('0' + value % 10u);
        value /= 10u;
    }
    for (uint32_t left = (uint32_t)value; left != 0 || at == sizeof(digits); left /= 10u) {
        digits[--at] = (char)('0' + left % 10u);
    }
    wb_text_add_bytes(t, digits + at, sizeof(digits) - at);
}

void wb_text_add_int(struct wb_text *t, int64_t value)
{
    if (value < 0) {
        wb_text_add(t, "-");
        wb_text_add_uint(t, 0u - (uint64_t)value);
    } else {
        wb_text_add_uint(t, (uint64_t)value);
    }
}

void wb_text_add_digest(struct wb_text *t, const uint8_t digest[32])
{
    static const char hex[] = "0123456789abcdef";

    for (int i = 0; i < 8; i++) {
        char two[2] = {hex[digest[i] >> 4], hex[digest[i] & 15]};

        wb_text_add_bytes(t, two, sizeof(two));
    }
}
