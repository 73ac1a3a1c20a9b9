/* SPDX-License-Identifier: AGPL-3.0-only */
/* HMAC-DRBG with SHA-256: a case of NIST's CAVP (HMAC_DRBG.rsp), and its limits. */
#include "wb_test.h"

#include "hex.h"
#include "wb_crypto.h"

static void generates_nist_case(void **state)
{
    (void)state;
    struct wb_drbg drbg;
    uint8_t entropy[32], nonce[16], out[128];
    from_hex(entropy, 32, "ca851911349384bffe89de1cbdc46e6831e44d34a4fb935ee285dd14b71a7488");
    from_hex(nonce, 16, "659ba96c601dc69fc902940805ec0ca8");
    assert_ok(wb_drbg_init(&drbg, entropy, 32, nonce, 16)); /* seed material: both joined */
    assert_ok(wb_drbg_generate(&drbg, out, sizeof out));
    assert_ok(wb_drbg_generate(&drbg, out, sizeof out));
    assert_hex_equal(out, "e528e9abf2dece54d47c7e75e5fe302149f817ea9fb4bee6f4199697d04d5b89"
                          "d54fbb978a15b5c443c9ec21036d2460b6f73ebad0dc2aba6e624abf07745bc1"
                          "07694bb7547bb0995f70de25d6b29e2d3011bb19d27676c07162c8b5ccde0668"
                          "961df86803482cb37ed6d5c0bb8d50cf1f50d476aa0458bdaba806f48be9dcb8");
}

static void refuses_to_work_unseeded(void **state)
{
    (void)state;
    struct wb_drbg drbg = {.reseed_counter = 0};
    uint8_t seed[32] = {7}, out[8] = {0x55};
    assert_err(WB_ERR_ENTROPY, wb_drbg_generate(&drbg, out, sizeof out));
    assert_err(WB_ERR_ENTROPY, wb_drbg_init(&drbg, seed, 31, NULL, 0));
    assert_err(WB_ERR_ENTROPY, wb_drbg_generate(&drbg, out, sizeof out));
    wb_drbg_reseed(&drbg, seed, 32);
    assert_err(WB_ERR_ENTROPY, wb_drbg_generate(&drbg, out, sizeof out));
    assert_int_equal(out[0], 0x55);
    assert_ok(wb_drbg_init(&drbg, seed, 32, NULL, 0));
    assert_ok(wb_drbg_generate(&drbg, out, sizeof out));
}

static void wants_reseeding_after_2_24_requests(void **state)
{
    (void)state;
    struct wb_drbg drbg;
    static uint8_t out[65536 + 1];
    uint8_t seed[32] = {7};
    assert_ok(wb_drbg_init(&drbg, seed, 32, NULL, 0));
    drbg.reseed_counter = UINT32_C(1) << 24;
    assert_err(WB_ERR_ENTROPY, wb_drbg_generate(&drbg, out, sizeof out)); /* counts twice */
    assert_ok(wb_drbg_generate(&drbg, out, 1));
    assert_err(WB_ERR_ENTROPY, wb_drbg_generate(&drbg, out, 1));
    wb_drbg_reseed(&drbg, seed, 31);
    assert_err(WB_ERR_ENTROPY, wb_drbg_generate(&drbg, out, 1));
    wb_drbg_reseed(&drbg, seed, 32);
    assert_ok(wb_drbg_generate(&drbg, out, sizeof out));
}

static void streams_differ_by_seed_personalisation_and_reseeding(void **state)
{
    (void)state;
    struct wb_drbg a, b;
    uint8_t seed[32] = {7}, x[64], y[64];
    assert_ok(wb_drbg_init(&a, seed, 32, NULL, 0));
    assert_ok(wb_drbg_init(&b, seed, 32, "board", 5));
    assert_ok(wb_drbg_generate(&a, x, 64));
    assert_ok(wb_drbg_generate(&b, y, 64));
    assert_memory_not_equal(x, y, 64);
    assert_ok(wb_drbg_init(&b, seed, 32, NULL, 0));
    assert_ok(wb_drbg_generate(&b, y, 64));
    assert_memory_equal(x, y, 64);
    wb_drbg_reseed(&b, seed, 1);
    assert_ok(wb_drbg_generate(&a, x, 64));
    assert_ok(wb_drbg_generate(&b, y, 64));
    assert_memory_not_equal(x, y, 64);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(generates_nist_case),
        cmocka_unit_test(refuses_to_work_unseeded),
        cmocka_unit_test(wants_reseeding_after_2_24_requests),
        cmocka_unit_test(streams_differ_by_seed_personalisation_and_reseeding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
