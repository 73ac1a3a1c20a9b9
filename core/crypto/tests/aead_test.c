/* SPDX-License-Identifier: AGPL-3.0-only */
/* AES-GCM (McGrew and Viega, "The Galois/Counter Mode of Operation", appendix B) and
 * ChaCha20-Poly1305 (RFC 8439 §2.8.2). */
#include "wb_test.h"

#include "hex.h"
#include "wb_crypto.h"

struct aead_case {
    enum wb_aead_id id;
    const char *key, *nonce, *ad, *text, *sealed, *tag;
};

static const char gcm_text[] = "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
                               "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39";

static const struct aead_case cases[] = {
    {WB_AEAD_AES_128_GCM, "00000000000000000000000000000000", "000000000000000000000000", "", "",
     "", "58e2fccefa7e3061367f1d57a4e7455a"},
    {WB_AEAD_AES_128_GCM, "feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888",
     "feedfacedeadbeeffeedfacedeadbeefabaddad2", gcm_text,
     "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e"
     "21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091",
     "5bc94fbc3221a5db94fae95ae7121a47"},
    {WB_AEAD_AES_256_GCM, "0000000000000000000000000000000000000000000000000000000000000000",
     "000000000000000000000000", "", "", "", "530f8afbc74536b9a963b4f1c4cb738b"},
    {WB_AEAD_AES_256_GCM, "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
     "cafebabefacedbaddecaf888", "feedfacedeadbeeffeedfacedeadbeefabaddad2", gcm_text,
     "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
     "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662",
     "76fc6ece0f4e1768cddf8853bb2d551b"},
    {WB_AEAD_CHACHA20_POLY1305, "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
     "070000004041424344454647", "50515253c0c1c2c3c4c5c6c7",
     "4c616469657320616e642047656e746c656d656e206f662074686520636c6173"
     "73206f66202739393a204966204920636f756c64206f6666657220796f75206f"
     "6e6c79206f6e652074697020666f7220746865206675747572652c2073756e73"
     "637265656e20776f756c642062652069742e",
     "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6"
     "3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36"
     "92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc"
     "3ff4def08e4b7a9de576d26586cec64b6116",
     "1ae10b594f09e26a7e902ecbd0600691"},
};

static void seals_and_opens_published_cases(void **state)
{
    (void)state;
    for (unsigned i = 0; i < WB_ARRAY_LEN(cases); i++) {
        const struct aead_case *c = &cases[i];
        uint8_t key[32], nonce[12], ad[32], text[128 + 16], plain[128];
        from_hex(key, 32, c->key);
        from_hex(nonce, 12, c->nonce);
        size_t ad_len = from_hex(ad, sizeof ad, c->ad);
        size_t len = from_hex(plain, sizeof plain, c->text);
        memcpy(text, plain, len);
        wb_aead_encrypt(c->id, key, nonce, ad, ad_len, text, len, text + len); /* tag behind text */
        assert_hex_equal(text, c->sealed);
        assert_hex_equal(text + len, c->tag);
        assert_ok(wb_aead_decrypt(c->id, key, nonce, ad, ad_len, text, len, text + len));
        assert_memory_equal(text, plain, len);
    }
}

/* Every length up to a few blocks, at an odd address: opens, and with any flipped bit does not. */
static void refuses_every_flipped_bit(void **state)
{
    (void)state;
    static const uint8_t zero[128];
    const size_t ad_len = 5;
    for (int id = WB_AEAD_AES_128_GCM; id <= WB_AEAD_CHACHA20_POLY1305; id++) {
        uint8_t key[32], nonce[12], bytes[1 + 70 + 16 + 5], plain[70];
        memset(key, 0x31, sizeof key);
        memset(nonce, 0x42, sizeof nonce);
        for (size_t len = 0; len <= 70; len = len < 34 ? len + 1 : len + 9) {
            uint8_t *const text = bytes + 1;
            uint8_t *const tag = text + len;
            uint8_t *const ad = tag + 16;
            for (size_t i = 0; i < len; i++) {
                plain[i] = (uint8_t)(i * 5 + 1);
            }
            memcpy(text, plain, len);
            memset(ad, 0x99, ad_len);
            wb_aead_encrypt((enum wb_aead_id)id, key, nonce, ad, ad_len, text, len, tag);
            for (size_t bit = 0; bit < 8 * (len + 16 + ad_len); bit++) {
                uint8_t saved[70];
                memcpy(saved, text, len);
                text[bit / 8] ^= (uint8_t)(1u << bit % 8);
                assert_err(WB_ERR_AUTH, wb_aead_decrypt((enum wb_aead_id)id, key, nonce, ad, ad_len,
                                                        text, len, tag));
                assert_memory_equal(text, zero, len);
                if (bit / 8 >= len) {
                    text[bit / 8] ^= (uint8_t)(1u << bit % 8);
                }
                memcpy(text, saved, len);
            }
            assert_ok(wb_aead_decrypt((enum wb_aead_id)id, key, nonce, ad, ad_len, text, len, tag));
            assert_memory_equal(text, plain, len);
        }
    }
}

static void refuses_other_key_nonce_and_lengths(void **state)
{
    (void)state;
    for (int n = WB_AEAD_AES_128_GCM; n <= WB_AEAD_CHACHA20_POLY1305; n++) {
        enum wb_aead_id id = (enum wb_aead_id)n;
        uint8_t key[32] = {1}, nonce[12] = {2}, text[40] = {3}, sealed[40], tag[16];
        memcpy(sealed, text, 40);
        wb_aead_encrypt(id, key, nonce, "head", 4, sealed, 40, tag);
        for (size_t byte = 0; byte < wb_aead_key_len(id); byte++) {
            memcpy(text, sealed, 40);
            key[byte] ^= 0x80;
            assert_err(WB_ERR_AUTH, wb_aead_decrypt(id, key, nonce, "head", 4, text, 40, tag));
            key[byte] ^= 0x80;
        }
        for (size_t byte = 0; byte < 12; byte++) {
            memcpy(text, sealed, 40);
            nonce[byte] ^= 1;
            assert_err(WB_ERR_AUTH, wb_aead_decrypt(id, key, nonce, "head", 4, text, 40, tag));
            nonce[byte] ^= 1;
        }
        memcpy(text, sealed, 40);
        assert_err(WB_ERR_AUTH, wb_aead_decrypt(id, key, nonce, "head", 3, text, 40, tag));
        memcpy(text, sealed, 40);
        assert_err(WB_ERR_AUTH, wb_aead_decrypt(id, key, nonce, "head", 4, text, 39, tag));
        memcpy(text, sealed, 40);
        assert_err(WB_ERR_AUTH, wb_aead_decrypt(id, key, nonce, "head\0", 5, text, 40, tag));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seals_and_opens_published_cases),
        cmocka_unit_test(refuses_every_flipped_bit),
        cmocka_unit_test(refuses_other_key_nonce_and_lengths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
