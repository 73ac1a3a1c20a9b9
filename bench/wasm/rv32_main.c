/* SPDX-License-Identifier: AGPL-3.0-only */
/* One benchmark on a bare rv32imac (QEMU -M virt -icount shift=0): prints the instructions that
 * run(N) takes. With NATIVE the program is compiled for the machine, without it module[] is
 * installed and interpreted. */
#include <stdint.h>
#include <string.h>

#ifndef NATIVE
#include "module.h"
#include "wb_wasm.h"
#endif

#define UART ((volatile uint8_t *)0x10000000)
#define EXIT ((volatile uint32_t *)0x100000)

void start(void);
int main(void);
int run(int n);

__attribute__((naked, section(".start"))) void start(void)
{
    __asm__ volatile("la sp, stack_top\n j main\n");
}

static void text(const char *s)
{
    while (*s != 0) {
        *UART = (uint8_t)*s++;
    }
}

static void number(const char *name, uint32_t v)
{
    char digits[12];
    int i = 11;
    digits[i] = 0;
    do {
        digits[--i] = (char)('0' + v % 10);
        v /= 10;
    } while (v != 0);
    text(name);
    text(digits + i);
}

static uint32_t instructions(void)
{
    uint32_t v;
    __asm__ volatile("csrr %0, minstret" : "=r"(v));
    return v;
}

#ifndef NATIVE
_Noreturn void wb_assert_failed(const char *file, int line, const char *expression)
{
    (void)file;
    (void)expression;
    number("assert ", (uint32_t)line);
    *EXIT = 0x3333;
    for (;;) {
    }
}

static uint32_t flash[40000];
static uint32_t flash_len;

static enum wb_err append(void *ctx, const void *bytes, size_t len)
{
    (void)ctx;
    memcpy((uint8_t *)flash + flash_len, bytes, len);
    flash_len += (uint32_t)len;
    return WB_OK;
}

static enum wb_err program(void *ctx, uint32_t offset, uint32_t word)
{
    (void)ctx;
    flash[offset / 4] &= word;
    return WB_OK;
}

static enum wb_err read_back(void *ctx, uint32_t offset, void *buf, size_t len)
{
    (void)ctx;
    memcpy(buf, (uint8_t *)flash + offset, len);
    return WB_OK;
}

static uint64_t arena[12000];

static uint32_t measure(uint32_t n, uint32_t *install, uint32_t *result)
{
    static uint32_t mem[175];
    static struct wb_wasm_install x;
    static struct wb_wasm_instance inst;
    struct wb_wasm_image image;
    struct wb_wasm_install_cfg cfg = {
        .sink = {append, program, read_back, NULL}, .mem = mem, .mem_len = sizeof mem};
    struct wb_wasm_instance_cfg run_cfg = {.stack_bytes = 4096};
    uint32_t func = 0;
    uint64_t args[1] = {n};
    uint32_t begin = instructions();
    enum wb_err err = wb_wasm_install_init(&x, &cfg);
    for (uint32_t at = 0; at < sizeof module && err == WB_OK; at += 512) {
        err = wb_wasm_install_feed(&x, module + at,
                                   sizeof module - at < 512 ? sizeof module - at : 512);
    }
    err = err != WB_OK ? err : wb_wasm_install_finish(&x, NULL);
    *install = instructions() - begin;
    if (err != WB_OK || wb_wasm_image_open(&image, flash, flash_len) != WB_OK ||
        wb_wasm_instance_init(&inst, &image, arena, sizeof arena, &run_cfg, NULL) != WB_OK ||
        wb_wasm_export_find(&image, WB_WASM_FUNC, "run", &func) != WB_OK ||
        wb_wasm_call(&inst, func, args, 1) != WB_OK) {
        text("failed: ");
        text(x.fault.what != NULL ? x.fault.what : "instance");
        return 0;
    }
    number("installer ", sizeof x);
    number(" instance ", sizeof inst);
    begin = instructions();
    while (wb_wasm_run(&inst, 1000000) == WB_WASM_OUT_OF_FUEL) {
    }
    uint32_t took = instructions() - begin;
    (void)wb_wasm_results(&inst, args, 1);
    *result = (uint32_t)args[0];
    number(" words ", (uint32_t)wb_wasm_fuel_used(&inst));
    return took;
}
#endif

int main(void)
{
#ifdef NATIVE
    uint32_t begin = instructions();
    uint32_t result = (uint32_t)run(ROUNDS);
    uint32_t took = instructions() - begin;
#else
    uint32_t install = 0;
    uint32_t result = 0;
    uint32_t took = measure(ROUNDS, &install, &result);
    number(" install ", install);
    number(" module ", sizeof module);
#endif
    number(" result ", result);
    number(" instructions ", took);
    text("\n");
    *EXIT = 0x5555;
    return 0;
}
