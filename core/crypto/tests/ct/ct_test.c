/* SPDX-License-Identifier: AGPL-3.0-only */
/* Runs every primitive under valgrind with its secrets marked as undefined: memcheck then reports
 * each branch and each address that depends on one. It is run on an ordinary -Os build of the
 * sources, as compilers introduce branches.
 *
 * With the argument `leak` it makes the mistake on purpose, so that a test sees that it is found.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <valgrind/memcheck.h>

#include "keccak.h"
#include "wb_crypto.h"

#define SECRET(x) ((void)VALGRIND_MAKE_MEM_UNDEFINED((x), sizeof(x)))
#define PUBLIC(x) ((void)VALGRIND_MAKE_MEM_DEFINED((x), sizeof(x)))

_Noreturn void wb_assert_failed(const char *file, int line, const char *expression)
{
    fprintf(stderr, "%s:%d: %s\n", file, line, expression);
    abort();
}

static void expect(bool condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "wrong result: %s\n", what);
        exit(2);
    }
}

static void curves(void)
{
    uint8_t private_key[32], peer_key[32], public_key[32], shared[32], again[32], signature[64];
    for (unsigned seed = 0; seed < 2; seed++) {
        wb_hash_once(WB_HASH_SHA256, &seed, sizeof seed, private_key);
        memset(peer_key, 0x42, sizeof peer_key);
        SECRET(peer_key);
        wb_x25519_public_key(public_key, peer_key);
        PUBLIC(public_key);
        SECRET(private_key);
        expect(wb_x25519(shared, private_key, public_key) == WB_OK, "X25519");
        wb_x25519_public_key(public_key, private_key);
        PUBLIC(public_key);
        expect(wb_x25519(again, peer_key, public_key) == WB_OK, "X25519");
        PUBLIC(shared);
        PUBLIC(again);
        expect(memcmp(shared, again, 32) == 0, "X25519 agreement");

        wb_ed25519_public_key(public_key, private_key);
        PUBLIC(public_key);
        wb_ed25519_sign(signature, private_key, public_key, "message", 7);
        PUBLIC(signature);
        expect(wb_ed25519_verify(signature, public_key, "message", 7) == WB_OK, "Ed25519");
    }
}

static void p256(void)
{
    uint8_t random[48], private_key[32], peer_key[32], shared[32], again[32], signature[64];
    uint8_t public_key[65], peer_public_key[65], digest[32];
    memset(random, 0x42, sizeof random);
    memset(digest, 0x24, sizeof digest);
    SECRET(random);
    wb_p256_private_key(peer_key, random);
    expect(wb_p256_public_key(peer_public_key, peer_key) == WB_OK, "P-256");
    PUBLIC(peer_public_key);
    for (unsigned seed = 0; seed < 3; seed++) {
        wb_hash_once(WB_HASH_SHA256, &seed, sizeof seed, private_key);
        if (seed == 2) { /* the digits of 1 are extreme */
            memset(private_key, 0, 31);
            private_key[31] = 1;
        }
        SECRET(private_key);
        expect(wb_p256_public_key(public_key, private_key) == WB_OK, "P-256");
        PUBLIC(public_key);
        expect(wb_p256_ecdh(shared, private_key, peer_public_key) == WB_OK, "P-256");
        expect(wb_p256_ecdh(again, peer_key, public_key) == WB_OK, "P-256");
        PUBLIC(shared);
        PUBLIC(again);
        expect(memcmp(shared, again, 32) == 0, "P-256 agreement");

        SECRET(random);
        expect(wb_p256_sign(signature, private_key, WB_HASH_SHA256, digest, random, 32) == WB_OK,
               "P-256");
        PUBLIC(signature);
        expect(wb_p256_verify(signature, public_key, WB_HASH_SHA256, digest) == WB_OK, "ECDSA");
    }
}

static void mlkem(void)
{
    static struct wb_mlkem768_work work;
    static uint8_t public_key[1184], ciphertext[1088], expanded[2400];
    uint8_t private_key[64], random[32], secret[32], opened[32];
    for (unsigned seed = 0; seed < 3; seed++) {
        wb_hash_once(WB_HASH_SHA512, &seed, sizeof seed, private_key);
        memset(random, (int)seed, sizeof random);
        SECRET(private_key);
        SECRET(random);
        wb_mlkem768_public_key(public_key, private_key, &work);
        PUBLIC(public_key);
        expect(wb_mlkem768_encaps(ciphertext, secret, public_key, random, &work) == WB_OK,
               "ML-KEM");
        PUBLIC(ciphertext);
        PUBLIC(secret);
        wb_mlkem768_decaps(opened, private_key, ciphertext, &work);
        PUBLIC(opened);
        expect(memcmp(opened, secret, 32) == 0, "ML-KEM agreement");
        ciphertext[100 * seed] ^= 1; /* rejection takes the same way */
        wb_mlkem768_decaps(opened, private_key, ciphertext, &work);
        PUBLIC(opened);
        expect(memcmp(opened, secret, 32) != 0, "ML-KEM rejection");

        /* The long form: any s will do, with a public key and its hash. */
        memset(expanded, 0x21, sizeof expanded);
        memcpy(expanded + 1152, public_key, sizeof public_key);
        struct keccak k;
        wb_keccak_init(&k, KECCAK_RATE_256);
        wb_keccak_absorb(&k, public_key, sizeof public_key);
        wb_keccak_finish(&k, KECCAK_SHA3);
        wb_keccak_squeeze(&k, expanded + 2336, 32);
        SECRET(expanded);
        expect(wb_mlkem768_decaps_expanded(opened, expanded, ciphertext, &work) == WB_OK, "ML-KEM");
        PUBLIC(expanded);
    }
}

static void aead(enum wb_aead_id id)
{
    uint8_t key[32], nonce[12] = {1}, text[100], tag[16];
    memset(key, 0x11, sizeof key);
    for (size_t len = 0; len < sizeof text; len += 33) {
        memset(text, 0x22, sizeof text);
        SECRET(key);
        SECRET(text);
        wb_aead_encrypt(id, key, nonce, "header", 6, text, len, tag);
        PUBLIC(text);
        PUBLIC(tag);
        expect(wb_aead_decrypt(id, key, nonce, "header", 6, text, len, tag) == WB_OK, "AEAD");
        SECRET(text);
        wb_aead_encrypt(id, key, nonce, "header", 6, text, len, tag);
        PUBLIC(text);
        PUBLIC(tag);
        tag[3] ^= 0x10;
        expect(wb_aead_decrypt(id, key, nonce, "header", 6, text, len, tag) == WB_ERR_AUTH, "AEAD");
    }
}

static void hashes(void)
{
    uint8_t key[200], prk[64], out[100];
    struct wb_drbg drbg;
    memset(key, 0x33, sizeof key);
    for (int id = WB_HASH_SHA256; id <= WB_HASH_SHA512; id++) {
        SECRET(key);
        wb_hkdf_extract((enum wb_hash_id)id, key, sizeof key, key, 50, prk);
        expect(wb_hkdf_expand((enum wb_hash_id)id, prk, "info", 4, out, sizeof out) == WB_OK,
               "HKDF");
    }
    expect(wb_drbg_init(&drbg, key, 32, NULL, 0) == WB_OK, "DRBG");
    expect(wb_drbg_generate(&drbg, out, sizeof out) == WB_OK, "DRBG");
    bool equal = wb_ct_equal(out, key, sizeof out);
    (void)VALGRIND_MAKE_MEM_DEFINED(&equal, sizeof equal);
    expect(!equal, "comparison");
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "leak") == 0) {
        uint8_t secret[1] = {0};
        SECRET(secret);
        if (secret[0] == 0) { /* memcheck must report this line */
            puts("leaking on purpose");
        }
        return 0;
    }
    curves();
    p256();
    mlkem();
    aead(WB_AEAD_AES_128_GCM);
    aead(WB_AEAD_AES_256_GCM);
    aead(WB_AEAD_CHACHA20_POLY1305);
    hashes();
    puts("no branch and no address depends on a secret");
    return 0;
}
