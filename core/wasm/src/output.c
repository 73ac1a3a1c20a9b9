/* SPDX-License-Identifier: AGPL-3.0-only */
/* The installer's output: a window of the newest words, which can still be changed, before the
 * sink. */
#include "sections.h"

static void sink_result(struct wb_wasm_install *x, enum wb_err err)
{
    if (err != WB_OK) {
        wb_wasm_fault(x, err, "image cannot be written");
    }
}

/* Hands the first len bytes of the window to the sink. */
void wb_wasm_window_flush(struct wb_wasm_install *x, uint32_t len)
{
    if (failed(x) || len == 0) {
        return;
    }
    sink_result(x, x->cfg.sink.append(x->cfg.sink.ctx, x->window, len));
    uint32_t rest = x->out_len - x->window_at - len;
    memmove(x->window, (uint8_t *)x->window + len, rest);
    x->window_at += len;
}

/* The last 32 bytes stay, so that the newest instruction can be changed. */
void wb_wasm_out_word(struct wb_wasm_install *x, uint32_t word)
{
    if (x->out_len - x->window_at == sizeof x->window) {
        wb_wasm_window_flush(x, sizeof x->window - 32);
    }
    if (failed(x)) {
        return;
    }
    if (x->out_len > UINT32_MAX - 64) {
        wb_wasm_over_limit(x, "image is too large");
        return;
    }
    x->window[(x->out_len - x->window_at) / 4] = word;
    x->out_len += 4;
}

void wb_wasm_out_program(struct wb_wasm_install *x, uint32_t offset, uint32_t word)
{
    if (failed(x)) {
        return;
    }
    if (offset >= x->window_at) {
        x->window[(offset - x->window_at) / 4] = word;
    } else {
        sink_result(x, x->cfg.sink.program(x->cfg.sink.ctx, offset, word));
    }
}

uint32_t wb_wasm_out_read(struct wb_wasm_install *x, uint32_t offset)
{
    uint32_t word = 0;
    if (offset >= x->window_at) {
        return x->window[(offset - x->window_at) / 4];
    }
    if (!failed(x)) {
        sink_result(x, x->cfg.sink.read(x->cfg.sink.ctx, offset, &word, 4));
    }
    return word;
}

/* Bytes of names and data are packed into words through scratch[3]; done pads with zeros. */
void wb_wasm_out_byte(struct wb_wasm_install *x, uint8_t byte)
{
    x->scratch[3] = x->scratch[3] >> 8 | (uint32_t)byte << 24;
    if (++x->packed == 4) {
        wb_wasm_out_word(x, x->scratch[3]);
        x->packed = 0;
    }
}

void wb_wasm_out_bytes_end(struct wb_wasm_install *x)
{
    while (x->packed != 0) {
        wb_wasm_out_byte(x, 0);
    }
}

uint8_t wb_wasm_out_read_byte(struct wb_wasm_install *x, uint32_t offset)
{
    return (uint8_t)(wb_wasm_out_read(x, offset & ~3u) >> (offset & 3) * 8);
}
