/* SPDX-License-Identifier: AGPL-3.0-only */
/* Installs a module and calls its run(n); prints sizes, the result and how many words of code were
 * executed. wasm_bench FILE.wasm N With N = 0 it only installs, 1,000 times, and prints the rate.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "format.h"
#include "wasm_fixture.h"

_Noreturn void wb_assert_failed(const char *file, int line, const char *expression)
{
    fprintf(stderr, "%s:%d: %s\n", file, line, expression);
    abort();
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Length of the code section (id 10); 0 when there is none. */
static size_t code_section(const uint8_t *p, size_t len)
{
    for (size_t at = 8; at + 2 < len;) {
        uint8_t id = p[at++];
        size_t size = 0;
        unsigned shift = 0;
        do {
            size |= (size_t)(p[at] & 0x7f) << shift;
            shift += 7;
        } while (p[at++] >= 0x80);
        if (id == 10) {
            return size;
        }
        at += size;
    }
    return 0;
}

int main(int argc, char **argv)
{
    static uint8_t module[1 << 20];
    static uint64_t arena[1 << 15];
    static uint32_t mem[200];
    struct wb_wasm_install x;
    struct wb_wasm_image image;
    struct wb_wasm_instance inst;
    struct wb_wasm_info info;
    struct wb_wasm_instance_cfg cfg = {.stack_bytes = 8192};
    struct flash flash = {0};
    FILE *f = argc == 3 ? fopen(argv[1], "rb") : NULL;
    if (f == NULL) {
        fprintf(stderr, "use: wasm_bench FILE.wasm N\n");
        return 2;
    }
    size_t len = fread(module, 1, sizeof module, f);
    fclose(f);
    uint32_t n = (uint32_t)strtoul(argv[2], NULL, 0);
    double begin = now();
    unsigned installs = n == 0 ? 1000 : 1;
    for (unsigned i = 0; i < installs; i++) {
        flash_free(&flash);
        if (flash_install(&flash, &x, NULL, 0, mem, sizeof mem, module, len, 512) != WB_OK) {
            fprintf(stderr, "%s: %s at %u\n", argv[1], x.fault.what, x.fault.where[1]);
            return 1;
        }
    }
    double installed = now() - begin;
    const char *name = strrchr(argv[1], '/') != NULL ? strrchr(argv[1], '/') + 1 : argv[1];
    if (wb_wasm_image_open(&image, flash.bytes, flash.len) != WB_OK ||
        wb_wasm_instance_init(&inst, &image, arena, sizeof arena, &cfg, NULL) != WB_OK) {
        return 1;
    }
    wb_wasm_image_info(&image, &info);
    uint32_t code = image.base[H_CODE];
    uint32_t code_end = image.base[H_DATAS] > code ? image.base[H_DATAS] : image.len;
    printf("%-18s module %6zu code %6zu image %6u image code %6u (%.2f)", name, len,
           code_section(module, len), image.len, code_end - code,
           (double)(code_end - code) / (double)code_section(module, len));
    if (n == 0) {
        printf(" install %.2f MB/s\n", (double)len * installs / installed / 1e6);
        return 0;
    }
    uint32_t func;
    uint64_t args[1] = {n};
    if (wb_wasm_export_find(&image, WB_WASM_FUNC, "run", &func) != WB_OK ||
        wb_wasm_call(&inst, func, args, 1) != WB_OK) {
        return 1;
    }
    begin = now();
    enum wb_wasm_status status;
    while ((status = wb_wasm_run(&inst, 10000000)) == WB_WASM_OUT_OF_FUEL) {
    }
    double ran = now() - begin;
    if (status != WB_WASM_DONE) {
        printf(" %s\n", wb_wasm_trap_str((enum wb_wasm_trap_kind)inst.trap));
        return 1;
    }
    (void)wb_wasm_results(&inst, args, 1);
    printf(" result 0x%08x words %llu %.3f s\n", (uint32_t)args[0],
           (unsigned long long)wb_wasm_fuel_used(&inst), ran);
    return 0;
}
