/* SPDX-License-Identifier: AGPL-3.0-only */
/* Instances: calls, fuel, host functions that suspend, backed memory, traps and where they come
 * from. */
#include "wb_test.h"

#include "run_module.h"
#include "wasm_fixture.h"

static enum wb_wasm_host add(void *ctx, struct wb_wasm_instance *inst, uint64_t *slots)
{
    (void)ctx;
    (void)inst;
    slots[0] = slots[0] + slots[1];
    return WB_WASM_HOST_DONE;
}

static enum wb_wasm_host wait(void *ctx, struct wb_wasm_instance *inst, uint64_t *slots)
{
    (void)inst;
    *(uint64_t *)ctx = slots[0];
    return slots[0] == 99 ? WB_WASM_HOST_TRAP : WB_WASM_HOST_SUSPEND;
}

static enum wb_wasm_host quit(void *ctx, struct wb_wasm_instance *inst, uint64_t *slots)
{
    (void)ctx;
    (void)inst;
    (void)slots;
    return WB_WASM_HOST_EXIT;
}

static const struct wb_wasm_import imports[] = {
    {"env", "add", "iI>I", 0, WB_WASM_FUNC, 0, 0},
    {"env", "wait", "i>i", 1, WB_WASM_FUNC, 0, 0},
    {"env", "quit", "i>", 2, WB_WASM_FUNC, 0, 0},
};

struct world {
    struct flash flash;
    struct wb_wasm_image image;
    struct wb_wasm_instance inst;
    struct wb_wasm_host_func funcs[3];
    uint64_t waited;
    uint64_t results[4];
    uint64_t arena[40000];
};

static struct world w;

static void open_with(uint32_t memory_bytes, uint32_t stack_bytes, size_t arena_len)
{
    static uint32_t mem[200];
    struct wb_wasm_install x;
    struct wb_fault fault = {0};
    flash_free(&w.flash);
    memset(&w, 0, sizeof w);
    w.funcs[0] = (struct wb_wasm_host_func){add, NULL};
    w.funcs[1] = (struct wb_wasm_host_func){wait, &w.waited};
    w.funcs[2] = (struct wb_wasm_host_func){quit, NULL};
    struct wb_wasm_instance_cfg cfg = {.memory_bytes = memory_bytes,
                                       .stack_bytes = stack_bytes,
                                       .funcs = w.funcs,
                                       .func_count = 3};
    assert_ok(
        flash_install(&w.flash, &x, imports, 3, mem, sizeof mem, run_module, sizeof run_module, 0));
    assert_ok(wb_wasm_image_open(&w.image, w.flash.bytes, w.flash.len));
    memset(w.arena, 0xa5, sizeof w.arena);
    assert_ok(wb_wasm_instance_init(&w.inst, &w.image, w.arena, arena_len, &cfg, &fault));
}

static enum wb_wasm_status call(const char *name, size_t count, uint64_t a, uint64_t b)
{
    uint32_t func;
    uint64_t args[2] = {a, b};
    assert_ok(wb_wasm_export_find(&w.image, WB_WASM_FUNC, name, &func));
    assert_ok(wb_wasm_call(&w.inst, func, args, count));
    enum wb_wasm_status status = wb_wasm_run(&w.inst, 100000);
    (void)wb_wasm_results(&w.inst, w.results, 4);
    return status;
}

static void computes(void **state)
{
    (void)state;
    open_with(0, 0, sizeof w.arena);
    assert_int_equal(call("fac", 1, 20, 0), WB_WASM_DONE);
    assert_int_equal(w.results[0], 2432902008176640000);
    assert_int_equal(call("sum", 1, 100, 0), WB_WASM_DONE);
    assert_int_equal(w.results[0], 5050);
    assert_int_equal(call("swap", 2, 7, UINT64_MAX), WB_WASM_DONE);
    assert_int_equal(w.results[0], UINT64_MAX);
    assert_int_equal(w.results[1], 7);
    assert_int_equal(call("host_add", 2, 7, 1ull << 40), WB_WASM_DONE);
    assert_int_equal(w.results[0], (1ull << 40) + 7);
    uint64_t value;
    assert_ok(wb_wasm_global_get(&w.inst, 0, &value));
    assert_int_equal(value, 0x123456789abcdef);
    assert_err(WB_ERR_NOT_FOUND, wb_wasm_global_get(&w.inst, 1, &value));
    assert_memory_equal(wb_wasm_memory(&w.inst, 8, 5), "hello", 5);
}

static void refuses_wrong_calls(void **state)
{
    (void)state;
    uint64_t args[2] = {0};
    open_with(0, 0, sizeof w.arena);
    assert_int_equal(wb_wasm_run(&w.inst, 10), WB_WASM_IDLE);
    assert_err(WB_ERR_NOT_FOUND, wb_wasm_call(&w.inst, 1000, args, 1));
    assert_err(WB_ERR_VALUE, wb_wasm_call(&w.inst, 3, args, 2));
    assert_err(WB_ERR_STATE, wb_wasm_resume(&w.inst, args));
    assert_null(wb_wasm_memory(&w.inst, 65536, 1));
    assert_null(wb_wasm_memory(&w.inst, 65535, 2));
    assert_null(wb_wasm_memory(&w.inst, 1, UINT32_MAX));
    assert_non_null(wb_wasm_memory(&w.inst, 65536, 0));
}

static void any_split_of_fuel_gives_the_same(void **state)
{
    (void)state;
    uint32_t func;
    uint64_t args[1] = {300};
    open_with(0, 0, sizeof w.arena);
    assert_ok(wb_wasm_export_find(&w.image, WB_WASM_FUNC, "sum", &func));
    uint64_t used = 0;
    for (uint32_t fuel = 1; fuel < 60; fuel++) {
        uint64_t before = wb_wasm_fuel_used(&w.inst);
        assert_ok(wb_wasm_call(&w.inst, func, args, 1));
        enum wb_wasm_status status;
        unsigned rounds = 0;
        while ((status = wb_wasm_run(&w.inst, fuel)) == WB_WASM_OUT_OF_FUEL) {
            rounds++;
        }
        assert_int_equal(status, WB_WASM_DONE);
        assert_int_equal(wb_wasm_results(&w.inst, w.results, 4), 1);
        assert_int_equal(w.results[0], 45150);
        uint64_t now = wb_wasm_fuel_used(&w.inst) - before;
        assert_true(used == 0 || now == used);
        assert_true(rounds > 10);
        used = now;
    }
    assert_int_equal(call("spin", 0, 0, 0), WB_WASM_OUT_OF_FUEL);
    assert_int_equal(wb_wasm_run(&w.inst, 1000), WB_WASM_OUT_OF_FUEL);
}

static void host_functions_suspend_trap_and_exit(void **state)
{
    (void)state;
    struct wb_wasm_trap trap;
    uint64_t result = 42;
    open_with(0, 0, sizeof w.arena);
    assert_int_equal(call("host_wait", 1, 5, 0), WB_WASM_SUSPENDED);
    assert_int_equal(w.waited, 5);
    assert_int_equal(wb_wasm_run(&w.inst, 100), WB_WASM_SUSPENDED);
    assert_ok(wb_wasm_resume(&w.inst, &result));
    assert_int_equal(wb_wasm_status(&w.inst), WB_WASM_READY);
    assert_int_equal(wb_wasm_run(&w.inst, 100), WB_WASM_DONE);
    assert_int_equal(wb_wasm_results(&w.inst, w.results, 1), 1);
    assert_int_equal(w.results[0], 1042);
    assert_int_equal(call("host_wait", 1, 99, 0), WB_WASM_TRAP);
    wb_wasm_trap_get(&w.inst, &trap);
    assert_int_equal(trap.kind, WB_WASM_TRAP_HOST);
    assert_int_equal(trap.offset, 0x164);
    assert_int_equal(call("host_quit", 0, 0, 0), WB_WASM_TRAP);
    wb_wasm_trap_get(&w.inst, &trap);
    assert_int_equal(trap.kind, WB_WASM_TRAP_EXIT);
    assert_int_equal(call("host_wait", 1, 5, 0), WB_WASM_SUSPENDED);
    assert_ok(wb_wasm_resume_trap(&w.inst, WB_WASM_TRAP_HOST));
    assert_int_equal(wb_wasm_run(&w.inst, 100), WB_WASM_TRAP);
    /* an exported import can be called itself */
    assert_ok(wb_wasm_call(&w.inst, 0, (uint64_t[]){3, 4}, 2));
    assert_int_equal(wb_wasm_run(&w.inst, 100), WB_WASM_DONE);
    assert_int_equal(wb_wasm_results(&w.inst, w.results, 4), 1);
    assert_int_equal(w.results[0], 7);
    assert_ok(wb_wasm_call(&w.inst, 1, (uint64_t[]){6}, 1));
    assert_int_equal(wb_wasm_run(&w.inst, 100), WB_WASM_SUSPENDED);
    assert_ok(wb_wasm_resume(&w.inst, &result));
    assert_int_equal(wb_wasm_run(&w.inst, 100), WB_WASM_DONE);
    assert_int_equal(wb_wasm_results(&w.inst, w.results, 4), 1);
    assert_int_equal(w.results[0], 42);
}

static void traps_tell_where(void **state)
{
    (void)state;
    struct wb_wasm_trap trap;
    uint32_t func;
    uint32_t offset;
    open_with(0, 0, sizeof w.arena);
    assert_int_equal(call("deep", 1, 3, 0), WB_WASM_TRAP);
    wb_wasm_trap_get(&w.inst, &trap);
    assert_int_equal(trap.kind, WB_WASM_TRAP_UNREACHABLE);
    assert_int_equal(trap.func, 9);
    assert_int_equal(trap.offset, 0x176);
    for (uint32_t depth = 0; depth < 4; depth++) {
        assert_true(wb_wasm_backtrace(&w.inst, depth, &func, &offset));
        assert_int_equal(func, 9);
        assert_int_equal(offset, depth == 0 ? 0x176 : 0x17d);
    }
    assert_false(wb_wasm_backtrace(&w.inst, 4, &func, &offset));
    assert_int_equal(call("div", 2, 3, 0), WB_WASM_TRAP);
    wb_wasm_trap_get(&w.inst, &trap);
    assert_int_equal(trap.kind, WB_WASM_TRAP_DIVIDE_BY_ZERO);
    assert_int_equal(trap.offset, 0x1c6);
    assert_int_equal(call("load", 1, UINT32_MAX, 0), WB_WASM_TRAP);
    wb_wasm_trap_get(&w.inst, &trap);
    assert_int_equal(trap.kind, WB_WASM_TRAP_MEMORY_BOUNDS);
    assert_int_equal(trap.offset, 0x184);
    assert_int_equal(trap.address, 3);
    assert_int_equal(call("deep", 1, 1000000, 0), WB_WASM_TRAP);
    wb_wasm_trap_get(&w.inst, &trap);
    assert_int_equal(trap.kind, WB_WASM_TRAP_STACK);
    assert_string_equal(wb_wasm_trap_str(trap.kind), "call stack exhausted");
    assert_int_equal(call("sum", 1, 4, 0), WB_WASM_DONE); /* an instance survives its traps */
}

static void memory_is_checked_to_the_byte(void **state)
{
    (void)state;
    open_with(0, 0, sizeof w.arena);
    for (uint32_t at = 65536 - 20; at < 65536 + 10; at++) {
        assert_int_equal(call("load", 1, at, 0), at <= 65536 - 8 ? WB_WASM_DONE : WB_WASM_TRAP);
        assert_int_equal(call("load64", 1, at, 0), at <= 65536 - 8 ? WB_WASM_DONE : WB_WASM_TRAP);
        assert_int_equal(call("store", 2, at, 0x11223344),
                         at <= 65536 - 4 ? WB_WASM_DONE : WB_WASM_TRAP);
    }
    for (uint32_t at = 0; at < 9; at++) {
        assert_int_equal(call("store", 2, 1000 + at, 0x11223344), WB_WASM_DONE);
        assert_int_equal(call("load", 1, 996 + at, 0), WB_WASM_DONE);
        assert_int_equal(w.results[0], 0x11223344);
    }
}

static void a_backed_prefix_traps_with_its_own_reason(void **state)
{
    (void)state;
    struct wb_wasm_trap trap;
    open_with(4096, 512, sizeof w.arena);
    assert_int_equal(wb_wasm_memory_backed(&w.inst), 4096);
    assert_int_equal(wb_wasm_memory_declared(&w.inst), 65536);
    assert_int_equal(call("size", 0, 0, 0), WB_WASM_DONE);
    assert_int_equal(w.results[0], 1);
    assert_int_equal(call("load", 1, 4088, 0), WB_WASM_DONE);
    assert_int_equal(call("load", 1, 4089, 0), WB_WASM_TRAP);
    wb_wasm_trap_get(&w.inst, &trap);
    assert_int_equal(trap.kind, WB_WASM_TRAP_MEMORY_NOT_BACKED);
    assert_int_equal(trap.address, 4093);
    assert_int_equal(trap.backed, 4096);
    assert_int_equal(trap.declared, 65536);
    assert_int_equal(call("load", 1, 65536, 0), WB_WASM_TRAP);
    wb_wasm_trap_get(&w.inst, &trap);
    assert_int_equal(trap.kind, WB_WASM_TRAP_MEMORY_BOUNDS);
    assert_int_equal(call("grow", 1, 1, 0), WB_WASM_DONE);
    assert_int_equal((uint32_t)w.results[0], UINT32_MAX);
}

static void memory_grows_within_the_arena(void **state)
{
    (void)state;
    open_with(0, 0, sizeof w.arena);
    assert_int_equal(call("grow", 1, 1, 0), WB_WASM_DONE);
    assert_int_equal(w.results[0], 1);
    assert_int_equal(call("load", 1, 131072 - 8, 0), WB_WASM_DONE);
    assert_int_equal(w.results[0], 0); /* though the arena held other bytes */
    assert_int_equal(call("grow", 1, 1, 0), WB_WASM_DONE);
    assert_int_equal((uint32_t)w.results[0], UINT32_MAX);
    open_with(65536, 0, sizeof w.arena);
    assert_int_equal(call("grow", 1, 1, 0), WB_WASM_DONE);
    assert_int_equal((uint32_t)w.results[0], UINT32_MAX);
}

static void an_arena_that_is_too_small_is_refused(void **state)
{
    (void)state;
    struct wb_wasm_instance_cfg cfg = {
        .memory_bytes = 1024, .stack_bytes = 256, .funcs = w.funcs, .func_count = 3};
    struct wb_wasm_info info;
    struct wb_fault fault = {0};
    open_with(0, 0, sizeof w.arena);
    wb_wasm_image_info(&w.image, &info);
    size_t need = info.ram_len + 256 + 1024;
    assert_ok(wb_wasm_instance_init(&w.inst, &w.image, w.arena, need, &cfg, &fault));
    for (size_t len = 0; len < need - 8; len += 8) {
        fault.code = WB_OK;
        assert_err(WB_ERR_MEMORY,
                   wb_wasm_instance_init(&w.inst, &w.image, w.arena, len, &cfg, &fault));
        assert_non_null(fault.what);
    }
    cfg.func_count = 2;
    fault.code = WB_OK;
    assert_err(WB_ERR_IMPORT,
               wb_wasm_instance_init(&w.inst, &w.image, w.arena, need, &cfg, &fault));
    cfg.func_count = 3;
    cfg.memory_bytes = 8; /* the data segment does not fit */
    fault.code = WB_OK;
    assert_err(WB_ERR_TRAP, wb_wasm_instance_init(&w.inst, &w.image, w.arena, need, &cfg, &fault));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(computes),
        cmocka_unit_test(refuses_wrong_calls),
        cmocka_unit_test(any_split_of_fuel_gives_the_same),
        cmocka_unit_test(host_functions_suspend_trap_and_exit),
        cmocka_unit_test(traps_tell_where),
        cmocka_unit_test(memory_is_checked_to_the_byte),
        cmocka_unit_test(a_backed_prefix_traps_with_its_own_reason),
        cmocka_unit_test(memory_grows_within_the_arena),
        cmocka_unit_test(an_arena_that_is_too_small_is_refused),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    flash_free(&w.flash);
    return failed;
}
