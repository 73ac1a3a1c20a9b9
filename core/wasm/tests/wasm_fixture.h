/* SPDX-License-Identifier: AGPL-3.0-only */
/* wasm_fixture.h: a sink that behaves like NOR flash and checks the installer's promises, and short
 * ways to install and run a module in tests. */
#ifndef WB_WASM_FIXTURE_H
#define WB_WASM_FIXTURE_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wb_wasm.h"

/* Growing memory that plays flash. broken is set when the installer breaks a rule. */
struct flash {
    uint8_t *bytes;
    uint8_t *programmed; /* a word each */
    size_t len, cap;
    const char *broken;
    unsigned appends, programs;
    size_t fail_after; /* image bytes after which appending fails; 0: never */
    bool any_import;   /* of the installation */
};

static inline enum wb_err flash_append(void *ctx, const void *bytes, size_t len)
{
    struct flash *f = ctx;
    if (len % 4 != 0 || len > WB_WASM_APPEND_MAX || len == 0) {
        f->broken = "append of an odd length";
    }
    if (f->fail_after != 0 && f->len + len > f->fail_after) {
        return WB_ERR_FULL;
    }
    if (f->len + len > f->cap) {
        f->cap = (f->len + len) * 2 + 4096;
        f->bytes = realloc(f->bytes, f->cap);
        f->programmed = realloc(f->programmed, f->cap / 4);
    }
    memcpy(f->bytes + f->len, bytes, len);
    memset(f->programmed + f->len / 4, 0, len / 4);
    f->len += len;
    f->appends++;
    return WB_OK;
}

static inline enum wb_err flash_program(void *ctx, uint32_t offset, uint32_t word)
{
    struct flash *f = ctx;
    uint32_t old;
    if (offset % 4 != 0 || offset + 4 > f->len) {
        f->broken = "program outside of the image";
        return WB_ERR_FLASH;
    }
    memcpy(&old, f->bytes + offset, 4);
    if ((word & ~old) != 0) {
        f->broken = "program sets a bit";
    }
    if (f->programmed[offset / 4]++ != 0) {
        f->broken = "word programmed twice";
    }
    memcpy(f->bytes + offset, &word, 4);
    f->programs++;
    return WB_OK;
}

static inline enum wb_err flash_read(void *ctx, uint32_t offset, void *buf, size_t len)
{
    struct flash *f = ctx;
    if (offset + len > f->len) {
        f->broken = "read outside of the image";
        return WB_ERR_FLASH;
    }
    memcpy(buf, f->bytes + offset, len);
    return WB_OK;
}

static inline struct wb_wasm_sink flash_sink(struct flash *f)
{
    return (struct wb_wasm_sink){flash_append, flash_program, flash_read, f};
}

static inline void flash_free(struct flash *f)
{
    free(f->bytes);
    free(f->programmed);
    memset(f, 0, sizeof *f);
}

/* Installs a module in chunks of chunk bytes (0: at once). */
static inline enum wb_err flash_install(struct flash *f, struct wb_wasm_install *x,
                                        const struct wb_wasm_import *imports, size_t import_count,
                                        void *mem, size_t mem_len, const void *module, size_t len,
                                        size_t chunk)
{
    const uint8_t *p = module;
    struct wb_wasm_install_cfg cfg = {.sink = flash_sink(f),
                                      .imports = imports,
                                      .import_count = (uint16_t)import_count,
                                      .mem = mem,
                                      .mem_len = mem_len,
                                      .any_import = f->any_import};
    enum wb_err err = wb_wasm_install_init(x, &cfg);
    chunk = chunk == 0 ? len : chunk;
    while (err == WB_OK && len > 0) {
        size_t n = len < chunk ? len : chunk;
        err = wb_wasm_install_feed(x, p, n);
        p += n;
        len -= n;
    }
    return err != WB_OK ? err : wb_wasm_install_finish(x, NULL);
}

#endif
