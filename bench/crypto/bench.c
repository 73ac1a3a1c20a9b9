/* SPDX-License-Identifier: AGPL-3.0-only */
/* Instructions and stack of each primitive on rv32imac, on QEMU's virt machine with -icount
 * shift=0, where minstret counts retired instructions. Stack is painted before a call and looked
 * through afterwards; what is counted is the depth below the caller, its own frame excluded. */
#include <stdint.h>
#include <string.h>

#include "rsa_keys.h"
#include "wb_crypto.h"

#define UART ((volatile uint8_t *)0x10000000)
#define EXIT ((volatile uint32_t *)0x00100000)

static void print(const char *text)
{
    while (*text != '\0') {
        *UART = (uint8_t)*text++;
    }
}

static void print_number(uint32_t value, unsigned width)
{
    char digits[12];
    unsigned at = sizeof digits - 1;
    digits[at] = '\0';
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    for (unsigned len = sizeof digits - 1 - at; len < width; len++) {
        print(" ");
    }
    print(digits + at);
}

_Noreturn void wb_assert_failed(const char *file, int line, const char *expression)
{
    (void)expression;
    print(file);
    print_number((uint32_t)line, 5);
    print(" assertion failed\n");
    *EXIT = 0x13333;
    for (;;) {
    }
}

static inline uint32_t instructions(void)
{
    uint32_t value;
    __asm__ volatile("csrr %0, minstret" : "=r"(value) : : "memory");
    return value;
}

#define PAINT_LEN 6144u
#define PAINT     0xa5u

/* Paints the stack below the caller; never inlined, so that it is below every measured frame's
 * start. */
static __attribute__((noinline)) uint8_t *stack_paint(void)
{
    uint8_t *sp;
    __asm__ volatile("mv %0, sp" : "=r"(sp));
    for (volatile uint8_t *p = sp - PAINT_LEN; p < sp - 64; p++) {
        *p = PAINT;
    }
    return sp;
}

static uint32_t stack_used(const uint8_t *sp)
{
    const volatile uint8_t *p = sp - PAINT_LEN;
    while (*p == PAINT) {
        p++;
    }
    return (uint32_t)(sp - (const uint8_t *)p);
}

/* ---- what is measured --------------------------------------------------------------------- */

static uint8_t private_key[32] = {1, 2, 3, 4, 5, 6, 7, 8}, public_key[32], peer_key[32];
static uint8_t signature[64], buffer[512 + 16], nonce[12], out[64];
static uint8_t p256_peer_key[65], p256_public_key[65], p256_signature[64];
static enum wb_aead_id aead_id;
static enum wb_hash_id hash_id;
static size_t size;

static void x25519_public_key(void)
{
    wb_x25519_public_key(peer_key, private_key);
}

static void x25519(void)
{
    WB_ASSERT(wb_x25519(out, private_key, peer_key) == WB_OK);
}

static void ed25519_public_key(void)
{
    wb_ed25519_public_key(public_key, private_key);
}

static void ed25519_sign(void)
{
    wb_ed25519_sign(signature, private_key, public_key, buffer, 130);
}

static void ed25519_verify(void)
{
    WB_ASSERT(wb_ed25519_verify(signature, public_key, buffer, 130) == WB_OK);
}

static void p256_public(void)
{
    WB_ASSERT(wb_p256_public_key(p256_public_key, private_key) == WB_OK);
}

static void p256_ecdh(void)
{
    WB_ASSERT(wb_p256_ecdh(out, private_key, p256_peer_key) == WB_OK);
}

static void p256_sign(void)
{
    WB_ASSERT(wb_p256_sign(p256_signature, private_key, WB_HASH_SHA256, buffer, NULL, 0) == WB_OK);
}

static void p256_verify(void)
{
    WB_ASSERT(wb_p256_verify(p256_signature, p256_public_key, WB_HASH_SHA256, buffer) == WB_OK);
}

static uint8_t rsa_modulus[512], rsa_signature[512], rsa_digest[32];
static uint32_t rsa_work[WB_RSA_WORK_COUNT_MAX];
static size_t rsa_len;
static enum wb_err rsa_verdict;

static void from_hex(uint8_t *out, const char *text)
{
    for (; *text != '\0'; text += 2) {
        *out = 0;
        for (unsigned i = 0; i < 2; i++) {
            *out = (uint8_t)(*out << 4 | (text[i] <= '9' ? text[i] - '0' : text[i] - 'a' + 10));
        }
        out++;
    }
}

static void rsa_verify_pss(void)
{
    static const uint8_t exponent[3] = {1, 0, 1};
    const struct wb_rsa_public_key key = {{rsa_modulus, rsa_len}, {exponent, 3}};
    rsa_verdict = wb_rsa_verify_pss(&key, WB_HASH_SHA256, WB_HASH_SHA256, 32, rsa_digest,
                                    rsa_signature, rsa_len, rsa_work, WB_ARRAY_LEN(rsa_work));
}

static struct wb_mlkem768_work mlkem_work;
static uint8_t mlkem_seed[64], mlkem_public_key[1184], mlkem_ciphertext[1088];

static void mlkem_public(void)
{
    memcpy(mlkem_seed, private_key, 32);
    wb_mlkem768_public_key(mlkem_public_key, mlkem_seed, &mlkem_work);
}

static void mlkem_encaps(void)
{
    WB_ASSERT(wb_mlkem768_encaps(mlkem_ciphertext, out, mlkem_public_key, private_key,
                                 &mlkem_work) == WB_OK);
}

static void mlkem_decaps(void)
{
    wb_mlkem768_decaps(out, mlkem_seed, mlkem_ciphertext, &mlkem_work);
}

/* The seed's second half alone, and the ciphertext: the first half makes the public matrix, whose
 * sampling takes a time of its own. */
static void mlkem_decaps_varied(void)
{
    memcpy(mlkem_seed + 32, private_key, 32);
    memcpy(mlkem_ciphertext + 500, private_key, 32);
    mlkem_decaps();
}

static void hash(void)
{
    wb_hash_once(hash_id, buffer, size, out);
}

static void hkdf(void)
{
    wb_hkdf_extract(hash_id, private_key, 32, public_key, 32, out);
    WB_ASSERT(wb_hkdf_expand(hash_id, out, "info", 4, out, 32) == WB_OK);
}

static void seal(void)
{
    wb_aead_encrypt(aead_id, private_key, nonce, nonce, 5, buffer, size, buffer + size);
}

static void open(void)
{
    WB_ASSERT(wb_aead_decrypt(aead_id, private_key, nonce, nonce, 5, buffer, size, buffer + size) ==
              WB_OK);
}

static void measure(const char *name, void (*function)(void))
{
    uint8_t *sp = stack_paint();
    uint32_t start = instructions();
    function();
    uint32_t count = instructions() - start;
    print(name);
    for (size_t len = strlen(name); len < 34; len++) {
        print(" ");
    }
    print_number(count, 9);
    print_number(stack_used(sp), 7);
    print("\n");
}

/* The same count for very different secrets: on this processor's own code, what valgrind shows on
 * the host's. */
static void must_not_vary(const char *name, void (*function)(void))
{
    uint32_t first = 0;
    for (uint32_t i = 0; i < 12; i++) {
        wb_hash_once(WB_HASH_SHA256, &i, sizeof i, private_key);
        if (i < 2) {
            memset(private_key, i == 0 ? 0x00 : 0xff, sizeof private_key);
        }
        /* 0 and all ones are no private keys of P-256. */
        private_key[4] ^= (uint8_t)(i == 1);
        private_key[31] |= (uint8_t)(i == 0);
        memset(buffer, (int)private_key[0], sizeof buffer);
        uint32_t start = instructions();
        function();
        uint32_t count = instructions() - start;
        if (i == 0) {
            first = count;
        } else if (count != first) {
            print("VARIES WITH ITS SECRET: ");
            print(name);
            print_number(first, 10);
            print_number(count, 10);
            print("\n");
            return;
        }
    }
}

static void measure_rsa(void)
{
    wb_hash_once(WB_HASH_SHA256, "message", 7, rsa_digest);
    from_hex(rsa_modulus, rsa_2048_modulus);
    from_hex(rsa_signature, rsa_2048_pss_sha256);
    rsa_len = 256;
    measure("RSA-2048 verify, PSS", rsa_verify_pss);
    WB_ASSERT(rsa_verdict == WB_OK);
    /* Any odd modulus costs the same; that the signature is wrong is seen after the power. */
    memset(rsa_modulus, 0xa5, sizeof rsa_modulus);
    rsa_len = 512;
    measure("RSA-4096 verify, PSS", rsa_verify_pss);
    WB_ASSERT(rsa_verdict == WB_ERR_SIGNATURE);
}

static void measure_hash(const char *name, enum wb_hash_id id, size_t len)
{
    hash_id = id;
    size = len;
    measure(name, hash);
}

static void measure_aead(const char *seal_name, const char *open_name, enum wb_aead_id id,
                         size_t len)
{
    aead_id = id;
    size = len;
    measure(seal_name, seal);
    measure(open_name, open);
}

void bench_main(void)
{
    print("rv32imac                             insn  stack\n");
    measure("X25519 public key", x25519_public_key);
    measure("X25519 shared secret", x25519);
    measure("Ed25519 public key", ed25519_public_key);
    measure("Ed25519 sign, 130 B", ed25519_sign);
    measure("Ed25519 verify, 130 B", ed25519_verify);
    measure("P-256 public key", p256_public);
    memcpy(p256_peer_key, p256_public_key, sizeof p256_peer_key);
    measure("P-256 shared secret", p256_ecdh);
    measure("P-256 sign, SHA-256", p256_sign);
    measure("P-256 verify", p256_verify);
    measure_rsa();
    measure("ML-KEM-768 public key", mlkem_public);
    measure("ML-KEM-768 encaps", mlkem_encaps);
    measure("ML-KEM-768 decaps", mlkem_decaps);
    measure_hash("SHA-256, 512 B", WB_HASH_SHA256, 512);
    measure_hash("SHA-384, 512 B", WB_HASH_SHA384, 512);
    measure_hash("SHA-512, 512 B", WB_HASH_SHA512, 512);
    hash_id = WB_HASH_SHA256;
    measure("HKDF extract + expand, SHA-256", hkdf);
    measure_aead("ChaCha20-Poly1305 seal, 512 B", "ChaCha20-Poly1305 open, 512 B",
                 WB_AEAD_CHACHA20_POLY1305, 512);
    measure_aead("ChaCha20-Poly1305 seal, 64 B", "ChaCha20-Poly1305 open, 64 B",
                 WB_AEAD_CHACHA20_POLY1305, 64);
    measure_aead("AES-256-GCM seal, 512 B", "AES-256-GCM open, 512 B", WB_AEAD_AES_256_GCM, 512);
    measure_aead("AES-256-GCM seal, 64 B", "AES-256-GCM open, 64 B", WB_AEAD_AES_256_GCM, 64);
    measure_aead("AES-128-GCM seal, 512 B", "AES-128-GCM open, 512 B", WB_AEAD_AES_128_GCM, 512);
    must_not_vary("X25519 public key", x25519_public_key);
    must_not_vary("X25519 shared secret", x25519);
    must_not_vary("Ed25519 public key", ed25519_public_key);
    must_not_vary("Ed25519 sign", ed25519_sign);
    must_not_vary("P-256 public key", p256_public);
    must_not_vary("P-256 shared secret", p256_ecdh);
    must_not_vary("P-256 sign", p256_sign);
    must_not_vary("ML-KEM-768 encaps", mlkem_encaps);
    must_not_vary("ML-KEM-768 decaps", mlkem_decaps_varied);
    must_not_vary("HKDF", hkdf);
    size = 100;
    for (int id = WB_AEAD_AES_128_GCM; id <= WB_AEAD_CHACHA20_POLY1305; id++) {
        aead_id = (enum wb_aead_id)id;
        must_not_vary("AEAD seal", seal);
    }
    *EXIT = 0x5555;
    for (;;) {
    }
}
