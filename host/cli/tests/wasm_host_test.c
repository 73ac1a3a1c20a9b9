/* SPDX-License-Identifier: AGPL-3.0-only */
/* `wasmbed wasm run` offers what devices offer: the same rows in the same order. */
#include "wb_test.h"

#include "wasm_host.h"

/* The agent's table; private to it, and the one that counts. */
extern const struct wb_wasm_import wb_agent_imports[];
extern const uint16_t wb_agent_import_count;

static void offers_what_devices_offer(void **state)
{
    (void)state;
    assert_int_equal(wasm_host_import_count, wb_agent_import_count);
    for (size_t i = 0; i < wb_agent_import_count; i++) {
        assert_string_equal(wasm_host_imports[i].module, wb_agent_imports[i].module);
        assert_string_equal(wasm_host_imports[i].name, wb_agent_imports[i].name);
        assert_string_equal(wasm_host_imports[i].signature, wb_agent_imports[i].signature);
        assert_int_equal(wasm_host_imports[i].index, wb_agent_imports[i].index);
        assert_int_equal(wasm_host_imports[i].index, i);
        assert_int_equal(wasm_host_imports[i].kind, WB_WASM_FUNC);
    }
}

static void a_new_host_has_nothing_pending(void **state)
{
    static struct wasm_host host;
    (void)state;
    wasm_host_init(&host);
    assert_true(host.wake_at == WB_NEVER);
    assert_int_equal(host.inbox_count, 0);
    for (size_t i = 0; i < WASM_HOST_FUNCS; i++) {
        assert_non_null(host.funcs[i].fn);
        assert_non_null(host.funcs[i].ctx);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(offers_what_devices_offer),
        cmocka_unit_test(a_new_host_has_nothing_pending),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
