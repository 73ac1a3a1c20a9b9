/* SPDX-License-Identifier: AGPL-3.0-only */
/* ML-KEM-768: both sides agree, damage gives another secret, bad keys are refused; and Keccak below
 * it. */
#include "wb_test.h"

#include "hex.h"
#include "keccak.h"
#include "wb_crypto.h"

static uint8_t public_key[WB_MLKEM768_PUBLIC_KEY_LEN], ciphertext[WB_MLKEM768_CIPHERTEXT_LEN];
static struct wb_mlkem768_work work;

static void digest(uint8_t *out, size_t out_len, uint32_t rate, uint8_t suffix, const void *data,
                   size_t len)
{
    struct keccak k;
    wb_keccak_init(&k, rate);
    wb_keccak_absorb(&k, data, len);
    wb_keccak_finish(&k, suffix);
    wb_keccak_squeeze(&k, out, out_len);
}

static void keccak_hashes_known_messages(void **state)
{
    (void)state;
    uint8_t out[64];
    digest(out, 32, KECCAK_RATE_256, KECCAK_SHA3, "", 0);
    assert_hex_equal(out, "a7ffc6f8bf1ed76651c14756a061d662f580ff4de43b49fa82d80a4b80f8434a");
    digest(out, 32, KECCAK_RATE_256, KECCAK_SHA3, "abc", 3);
    assert_hex_equal(out, "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532");
    digest(out, 64, KECCAK_RATE_512, KECCAK_SHA3, "abc", 3);
    assert_hex_equal(out, "b751850b1a57168a5693cd924b6b096e08f621827444f70d884f5d0240d2712e"
                          "10e116e9192af3c91a7ec57647e3934057340b4cf408d5a56592f8274eec53f0");
    digest(out, 32, KECCAK_RATE_128, KECCAK_SHAKE, "", 0);
    assert_hex_equal(out, "7f9c2ba4e88f827d616045507605853ed73b8093f6efbc88eb1a6eacfa66ef26");
    digest(out, 32, KECCAK_RATE_256, KECCAK_SHAKE, "", 0);
    assert_hex_equal(out, "46b9dd2b0ba88d13233b3feb743eeb243fcd52ea62b81b82b50c27646ed5762f");
}

/* Any way to cut message and output gives the same; lengths around a block among them. */
static void keccak_works_in_pieces(void **state)
{
    (void)state;
    uint8_t message[400], whole[400], pieces[400];
    for (size_t i = 0; i < sizeof message; i++) {
        message[i] = (uint8_t)(i * 7);
    }
    for (size_t len = 130; len < 145; len++) {
        digest(whole, sizeof whole, KECCAK_RATE_256, KECCAK_SHAKE, message, len);
        for (size_t cut = 0; cut <= len; cut += 3) {
            struct keccak k;
            wb_keccak_init(&k, KECCAK_RATE_256);
            wb_keccak_absorb(&k, message, cut);
            wb_keccak_absorb(&k, message + cut, len - cut);
            wb_keccak_finish(&k, KECCAK_SHAKE);
            wb_keccak_squeeze(&k, pieces, cut);
            wb_keccak_squeeze(&k, pieces + cut, sizeof pieces - cut);
            assert_memory_equal(pieces, whole, sizeof whole);
        }
    }
}

static void keys_of(uint8_t private_key[64], unsigned seed)
{
    wb_hash_once(WB_HASH_SHA512, &seed, sizeof seed, private_key);
    wb_mlkem768_public_key(public_key, private_key, &work);
}

static void both_sides_agree(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 20; i++) {
        uint8_t private_key[64], random[32], secret[32], opened[32];
        keys_of(private_key, i);
        memset(random, (int)i, sizeof random);
        assert_ok(wb_mlkem768_encaps(ciphertext, secret, public_key, random, &work));
        wb_mlkem768_decaps(opened, private_key, ciphertext, &work);
        assert_memory_equal(opened, secret, 32);
    }
}

/* The secret is SHAKE256(z || ciphertext) then (FIPS 203 algorithm 18 line 7). */
static void damaged_ciphertexts_give_the_rejection_secret(void **state)
{
    (void)state;
    uint8_t private_key[64], random[32] = {9}, secret[32], opened[32], rejection[32];
    uint8_t input[32 + WB_MLKEM768_CIPHERTEXT_LEN];
    keys_of(private_key, 77);
    assert_ok(wb_mlkem768_encaps(ciphertext, secret, public_key, random, &work));
    for (unsigned bit = 0; bit < 8 * WB_MLKEM768_CIPHERTEXT_LEN; bit += 197) {
        ciphertext[bit / 8] ^= (uint8_t)(1 << bit % 8);
        wb_mlkem768_decaps(opened, private_key, ciphertext, &work);
        memcpy(input, private_key + 32, 32);
        memcpy(input + 32, ciphertext, sizeof ciphertext);
        digest(rejection, 32, KECCAK_RATE_256, KECCAK_SHAKE, input, sizeof input);
        assert_memory_equal(opened, rejection, 32);
        ciphertext[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    wb_mlkem768_decaps(opened, private_key, ciphertext, &work);
    assert_memory_equal(opened, secret, 32);
}

/* Each coefficient at q - 1, q and 4,095. */
static void refuses_public_keys_with_unreduced_coefficients(void **state)
{
    (void)state;
    uint8_t private_key[64], random[32] = {9}, secret[32], untouched[32];
    memset(secret, 0xee, sizeof secret);
    memset(untouched, 0xee, sizeof untouched);
    static const uint16_t values[] = {3328, 3329, 4095};
    for (unsigned i = 0; i < 768; i += 13) {
        for (unsigned v = 0; v < WB_ARRAY_LEN(values); v++) {
            keys_of(private_key, 78);
            uint8_t *at = public_key + i / 2 * 3;
            if (i % 2 == 0) {
                at[0] = (uint8_t)values[v];
                at[1] = (uint8_t)((at[1] & 0xf0) | values[v] >> 8);
            } else {
                at[1] = (uint8_t)((at[1] & 0x0f) | (values[v] & 0x0f) << 4);
                at[2] = (uint8_t)(values[v] >> 4);
            }
            const enum wb_err err =
                wb_mlkem768_encaps(ciphertext, secret, public_key, random, &work);
            assert_err(v == 0 ? WB_OK : WB_ERR_KEY, err);
            if (v == 0) {
                memset(secret, 0xee, sizeof secret);
            }
            assert_memory_equal(secret, untouched, 32);
        }
    }
}

static void work_memory_is_wiped(void **state)
{
    (void)state;
    static const struct wb_mlkem768_work zero;
    uint8_t private_key[64], random[32] = {9}, secret[32];
    keys_of(private_key, 79);
    assert_memory_equal(&work, &zero, sizeof work);
    assert_ok(wb_mlkem768_encaps(ciphertext, secret, public_key, random, &work));
    assert_memory_equal(&work, &zero, sizeof work);
    wb_mlkem768_decaps(secret, private_key, ciphertext, &work);
    assert_memory_equal(&work, &zero, sizeof work);
    assert_int_equal(sizeof work, 4096);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keccak_hashes_known_messages),
        cmocka_unit_test(keccak_works_in_pieces),
        cmocka_unit_test(both_sides_agree),
        cmocka_unit_test(damaged_ciphertexts_give_the_rejection_secret),
        cmocka_unit_test(refuses_public_keys_with_unreduced_coefficients),
        cmocka_unit_test(work_memory_is_wiped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
