/* SPDX-License-Identifier: AGPL-3.0-only */
/* Names and other runs of bytes: UTF-8, where they go, what follows them. */
#include "sections.h"

/* Strict UTF-8: utf8 holds the continuation bytes that must follow (bits 0-1), and the range of the
 * next one. */
static bool utf8_next(uint32_t *state, uint8_t b)
{
    unsigned left = *state & 3;
    if (left == 0) {
        unsigned low = 0x80;
        unsigned high = 0xbf;
        if (b < 0x80) {
            return true;
        }
        if (b >= 0xc2 && b <= 0xdf) {
            left = 1;
        } else if (b >= 0xe0 && b <= 0xef) {
            left = 2;
            low = b == 0xe0 ? 0xa0 : low;   /* no overlong forms */
            high = b == 0xed ? 0x9f : high; /* no surrogates */
        } else if (b >= 0xf0 && b <= 0xf4) {
            left = 3;
            low = b == 0xf0 ? 0x90 : low;
            high = b == 0xf4 ? 0x8f : high; /* nothing beyond U+10FFFF */
        } else {
            return false;
        }
        *state = left | low << 8 | high << 16;
        return true;
    }
    if (b < (*state >> 8 & 0xff) || b > (*state >> 16 & 0xff)) {
        return false;
    }
    *state = (left - 1) | 0x80u << 8 | 0xbfu << 16;
    return true;
}

static void name_end(struct wb_wasm_install *x);

void wb_wasm_name_begin(struct wb_wasm_install *x, struct item *r, enum name_use use)
{
    uint32_t len = wb_wasm_item_u32(r);
    if (!item_ok(r)) {
        return;
    }
    uint32_t used = (uint32_t)(r->at - r->start);
    if (len > x->section_end - x->at - used) {
        malformed(x, "name runs beyond its section");
        return;
    }
    x->flags = (uint8_t)use;
    x->name_len = len;
    x->name_left = len;
    x->utf8 = 0;
    x->state = S_NAME;
    x->scratch[0] = 2166136261u; /* FNV-1a */
    if (use == NAME_EXPORT) {
        if (len > 0xffff) {
            wb_wasm_over_limit(x, "export name is longer than 65,535 bytes");
        }
        x->scratch[1] = x->out_len;
        wb_wasm_out_word(x, len);
    }
    if (use == NAME_MODULE) {
        memset(x->import_module, 0, sizeof x->import_module);
        memset(x->import_name, 0, sizeof x->import_name);
    }
}

static void name_bytes(struct wb_wasm_install *x, const uint8_t *bytes, uint32_t len)
{
    for (uint32_t i = 0; i < len; i++) {
        if (!utf8_next(&x->utf8, bytes[i])) {
            malformed(x, "malformed UTF-8 encoding");
            return;
        }
        uint32_t place = x->name_len - x->name_left + i;
        if (x->flags == NAME_EXPORT) {
            x->scratch[0] = (x->scratch[0] ^ bytes[i]) * 16777619u;
            wb_wasm_out_byte(x, bytes[i]);
        } else if (place < WB_WASM_NAME_MAX) {
            if (x->flags == NAME_MODULE) {
                x->import_module[place] = (char)bytes[i];
            } else if (x->flags == NAME_FIELD) {
                x->import_name[place] = (char)bytes[i];
            }
        }
    }
}

void wb_wasm_run_bytes(struct wb_wasm_install *x, const uint8_t *bytes, uint32_t len)
{
    if (x->state == S_NAME) {
        name_bytes(x, bytes, len);
    } else if (x->state == S_DATA_BYTES) {
        for (uint32_t i = 0; i < len; i++) {
            wb_wasm_out_byte(x, bytes[i]);
        }
    }
    x->at += len;
    x->name_left -= len;
}

/* Runs that are complete lead on without input. */
void wb_wasm_run_end(struct wb_wasm_install *x)
{
    if (x->name_left != 0 || failed(x)) {
        return;
    }
    if (x->state == S_NAME) {
        if ((x->utf8 & 3) != 0) {
            malformed(x, "malformed UTF-8 encoding");
            return;
        }
        name_end(x);
    }
    if (x->state == S_SKIP && x->name_left == 0) {
        x->state = S_END;
    } else if (x->state == S_DATA_BYTES && x->name_left == 0) {
        wb_wasm_data_end(x);
    }
}

/* An export's name is in the image: it must differ from all before. */
static void export_name_check(struct wb_wasm_install *x)
{
    wb_wasm_out_bytes_end(x);
    uint32_t words = (x->name_len + 3) / 4;
    uint32_t mine = x->scratch[1];
    uint32_t at = x->exports_at;
    while (at < mine && !failed(x)) {
        uint32_t len = wb_wasm_out_read(x, at);
        uint32_t other_words = (len + 3) / 4;
        uint32_t hash = wb_wasm_out_read(x, at + 8 + other_words * 4);
        if (hash == x->scratch[0] && len == x->name_len) {
            uint32_t i = 1;
            while (i <= words &&
                   wb_wasm_out_read(x, at + i * 4) == wb_wasm_out_read(x, mine + i * 4)) {
                i++;
            }
            if (i > words) {
                invalid(x, "duplicate export name");
            }
        }
        at += 12 + other_words * 4;
    }
}

static void name_end(struct wb_wasm_install *x)
{
    switch (x->flags) {
    case NAME_CUSTOM:
        x->name_left = x->section_end - x->at;
        x->state = S_SKIP;
        break;
    case NAME_MODULE:
        x->module_len = x->name_len;
        x->state = S_IMPORT_FIELD;
        break;
    case NAME_FIELD: x->state = S_IMPORT_DESC; break;
    default:
        export_name_check(x);
        x->state = S_EXPORT_DESC;
        break;
    }
}
