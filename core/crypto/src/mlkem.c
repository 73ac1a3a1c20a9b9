/* SPDX-License-Identifier: AGPL-3.0-only */
/* ML-KEM-768 (FIPS 203), k = 3, eta = 2, d_u = 10, d_v = 4.
 *
 * Polynomials have 256 coefficients from 0 to q - 1. The matrix is never stored: each of its
 * polynomials is multiplied while it is sampled. Read the key encapsulation on top, then the
 * encryption that it is made of, then the arithmetic.
 *
 * No division and no branch by a secret; the quotients by q, which would tempt a compiler to
 * divide, are multiplications. */
#include "wb_crypto.h"

#include "declassify.h"
#include "keccak.h"
#include "mask.h"
#include "wipe_stack.h"

#include <string.h>

#define Q           3329u
#define COUNT       256u
#define RANK        3u   /* k */
#define ENCODED_LEN 384u /* of a polynomial with 12 bits a coefficient */
#define U_LEN       320u /* with 10 */
#define V_LEN       128u /* with 4 */

/* How the polynomials of struct wb_mlkem768_work are used. */
enum {
    SECRET = 0, /* s, later y; in the transformed domain */
    PUBLIC = 3, /* t */
    SUM = 6,
    SPARE = 7, /* noise, bytes */
};

static void expand_key(struct wb_mlkem768_work *work, uint8_t rho[32], const uint8_t d[32]);
static void hash_public_key(uint8_t hash[32], struct wb_mlkem768_work *work, const uint8_t rho[32]);
static void decrypt(uint8_t message[32], struct wb_mlkem768_work *work, const uint8_t *ciphertext);
static uint8_t encrypt(uint8_t *out, const uint8_t *expected, struct wb_mlkem768_work *work,
                       const uint8_t rho[32], const uint8_t message[32], const uint8_t coins[32]);
static void encode(uint8_t *out, const uint16_t *f, unsigned bits);
static uint32_t decode(uint16_t *f, const uint8_t *in, unsigned bits);

/* ---- hashes (§4.1) ------------------------------------------------------------------------ */

/* G: SHA3-512 of two pieces. */
static void hash_g(uint8_t out[64], const void *a, size_t a_len, const void *b, size_t b_len)
{
    struct keccak k;
    wb_keccak_init(&k, KECCAK_RATE_512);
    wb_keccak_absorb(&k, a, a_len);
    wb_keccak_absorb(&k, b, b_len);
    wb_keccak_finish(&k, KECCAK_SHA3);
    wb_keccak_squeeze(&k, out, 64);
    wb_wipe(&k, sizeof k);
}

/* H: SHA3-256. */
static void hash_h(uint8_t out[32], const void *data, size_t len)
{
    struct keccak k;
    wb_keccak_init(&k, KECCAK_RATE_256);
    wb_keccak_absorb(&k, data, len);
    wb_keccak_finish(&k, KECCAK_SHA3);
    wb_keccak_squeeze(&k, out, 32);
}

/* ---- key encapsulation (§6, §7) ----------------------------------------------------------- */

void wb_mlkem768_public_key(uint8_t public_key[1184], const uint8_t private_key[64],
                            struct wb_mlkem768_work *work)
{
    uint8_t rho[32];
    expand_key(work, rho, private_key);
    for (unsigned i = 0; i < RANK; i++) {
        encode(public_key + i * ENCODED_LEN, work->polynomials[PUBLIC + i], 12);
    }
    memcpy(public_key + RANK * ENCODED_LEN, rho, 32);
    wb_wipe(work, sizeof *work);
    wb_wipe_stack();
}

/* Algorithm 17. */
enum wb_err wb_mlkem768_encaps(uint8_t ciphertext[1088], uint8_t shared_secret[32],
                               const uint8_t public_key[1184], const uint8_t random[32],
                               struct wb_mlkem768_work *work)
{
    uint8_t hash[32], secrets[64];
    uint32_t out_of_range = 0;
    for (unsigned i = 0; i < RANK; i++) {
        out_of_range |= decode(work->polynomials[PUBLIC + i], public_key + i * ENCODED_LEN, 12);
    }
    if (out_of_range != 0) {
        return WB_ERR_KEY;
    }
    hash_h(hash, public_key, WB_MLKEM768_PUBLIC_KEY_LEN);
    hash_g(secrets, random, 32, hash, 32);
    (void)encrypt(ciphertext, NULL, work, public_key + RANK * ENCODED_LEN, random, secrets + 32);
    memcpy(shared_secret, secrets, 32);
    wb_wipe(secrets, sizeof secrets);
    wb_wipe(work, sizeof *work);
    wb_wipe_stack();
    return WB_OK;
}

/* Algorithm 18, with s and t expanded in work. */
static void decaps(uint8_t shared_secret[32], struct wb_mlkem768_work *work, const uint8_t rho[32],
                   const uint8_t hash[32], const uint8_t z[32], const uint8_t *ciphertext)
{
    uint8_t message[32], secrets[64], rejection[32];
    struct keccak k;
    decrypt(message, work, ciphertext);
    hash_g(secrets, message, 32, hash, 32);
    wb_keccak_init(&k, KECCAK_RATE_256); /* J */
    wb_keccak_absorb(&k, z, 32);
    wb_keccak_absorb(&k, ciphertext, WB_MLKEM768_CIPHERTEXT_LEN);
    wb_keccak_finish(&k, KECCAK_SHAKE);
    wb_keccak_squeeze(&k, rejection, 32);
    const uint32_t difference = encrypt(NULL, ciphertext, work, rho, message, secrets + 32);
    const uint32_t same = mask_equal(difference, 0);
    for (unsigned i = 0; i < 32; i++) {
        shared_secret[i] = (uint8_t)(rejection[i] ^ ((rejection[i] ^ secrets[i]) & same));
    }
    wb_wipe(&k, sizeof k);
    wb_wipe(message, sizeof message);
    wb_wipe(secrets, sizeof secrets);
    wb_wipe(rejection, sizeof rejection);
    wb_wipe(work, sizeof *work);
    wb_wipe_stack();
}

void wb_mlkem768_decaps(uint8_t shared_secret[32], const uint8_t private_key[64],
                        const uint8_t ciphertext[1088], struct wb_mlkem768_work *work)
{
    uint8_t rho[32], hash[32];
    expand_key(work, rho, private_key);
    hash_public_key(hash, work, rho);
    decaps(shared_secret, work, rho, hash, private_key + 32, ciphertext);
}

enum wb_err wb_mlkem768_decaps_expanded(uint8_t shared_secret[32], const uint8_t key[2400],
                                        const uint8_t ciphertext[1088],
                                        struct wb_mlkem768_work *work)
{
    const uint8_t *const public_key = key + RANK * ENCODED_LEN;
    const uint8_t *const hash = public_key + WB_MLKEM768_PUBLIC_KEY_LEN;
    uint8_t expected[32];
    hash_h(expected, public_key, WB_MLKEM768_PUBLIC_KEY_LEN);
    if (!wb_declassify(wb_ct_equal(expected, hash, 32))) {
        return WB_ERR_KEY;
    }
    for (unsigned i = 0; i < RANK; i++) {
        (void)decode(work->polynomials[SECRET + i], key + i * ENCODED_LEN, 12);
        (void)decode(work->polynomials[PUBLIC + i], public_key + i * ENCODED_LEN, 12);
    }
    uint8_t rho[32];
    memcpy(rho, public_key + RANK * ENCODED_LEN, 32);
    wb_declassify_bytes(rho, 32);
    decaps(shared_secret, work, rho, hash, hash + 32, ciphertext);
    return WB_OK;
}

/* ---- arithmetic modulo q ------------------------------------------------------------------ */

/* x / q, rounded down. The multiplication by 2^32 / q, rounded down, gives that or one less. */
static uint32_t quotient(uint32_t x)
{
    const uint32_t estimate = (uint32_t)((uint64_t)x * UINT32_C(1290167) >> 32);
    return estimate + ((Q - 1 - (x - estimate * Q)) >> 31);
}

static uint16_t reduce(uint32_t x)
{
    return (uint16_t)(x - quotient(x) * Q);
}

/* x below 2 q */
static uint16_t subtract_q(uint32_t x)
{
    x -= Q;
    return (uint16_t)(x + (Q & (0 - (x >> 31))));
}

static void add(uint16_t *f, const uint16_t *g)
{
    for (unsigned i = 0; i < COUNT; i++) {
        f[i] = subtract_q((uint32_t)f[i] + g[i]);
    }
}

/* ---- the transform (§4.3) ----------------------------------------------------------------- */

/* 17^BitRev7(i) mod q (appendix A). */
static const uint16_t zetas[128] = {
    1,    1729, 2580, 3289, 2642, 630,  1897, 848,  1062, 1919, 193,  797,  2786, 3260, 569,  1746,
    296,  2447, 1339, 1476, 3046, 56,   2240, 1333, 1426, 2094, 535,  2882, 2393, 2879, 1974, 821,
    289,  331,  3253, 1756, 1197, 2304, 2277, 2055, 650,  1977, 2513, 632,  2865, 33,   1320, 1915,
    2319, 1435, 807,  452,  1438, 2868, 1534, 2402, 2647, 2617, 1481, 648,  2474, 3110, 1227, 910,
    17,   2761, 583,  2649, 1637, 723,  2288, 1100, 1409, 2662, 3281, 233,  756,  2156, 3015, 3050,
    1703, 1651, 2789, 1789, 1847, 952,  1461, 2687, 939,  2308, 2437, 2388, 733,  2337, 268,  641,
    1584, 2298, 2037, 3220, 375,  2549, 2090, 1645, 1063, 319,  2773, 757,  2099, 561,  2466, 2594,
    2804, 1092, 403,  1026, 1143, 2150, 2775, 886,  1722, 1212, 1874, 1029, 2110, 2935, 885,  2154};

/* Algorithm 9. */
static void transform(uint16_t *f)
{
    unsigned i = 1;
    for (unsigned len = 128; len >= 2; len /= 2) {
        for (unsigned start = 0; start < COUNT; start += 2 * len) {
            const uint32_t zeta = zetas[i++];
            for (unsigned j = start; j < start + len; j++) {
                const uint32_t t = reduce(zeta * f[j + len]);
                f[j + len] = subtract_q(f[j] + Q - t);
                f[j] = subtract_q(f[j] + t);
            }
        }
    }
}

/* Algorithm 10. */
static void transform_back(uint16_t *f)
{
    unsigned i = 127;
    for (unsigned len = 2; len <= 128; len *= 2) {
        for (unsigned start = 0; start < COUNT; start += 2 * len) {
            const uint32_t zeta = zetas[i--];
            for (unsigned j = start; j < start + len; j++) {
                const uint32_t t = f[j];
                f[j] = subtract_q(t + f[j + len]);
                f[j + len] = reduce(zeta * (f[j + len] + Q - t));
            }
        }
    }
    for (unsigned j = 0; j < COUNT; j++) {
        f[j] = reduce(f[j] * UINT32_C(3303)); /* 1 / 128 */
    }
}

/* sum += a * b in the transformed domain, for the pair of coefficients 2 i and 2 i + 1 (algorithm
 * 12); its modulus is X^2 - 17^(2 BitRev7(i) + 1), and these powers are the zetas and their
 * opposites.
 */
static void multiply_add_pair(uint16_t *sum, const uint16_t *a, const uint16_t *b, unsigned i)
{
    const uint32_t zeta = zetas[64 + i / 2];
    const uint32_t gamma = i % 2 == 0 ? zeta : Q - zeta;
    const uint32_t upper = reduce((uint32_t)a[1] * b[1]);
    sum[0] = reduce(sum[0] + (uint32_t)a[0] * b[0] + upper * gamma);
    sum[1] = reduce(sum[1] + (uint32_t)a[0] * b[1] + (uint32_t)a[1] * b[0]);
}

static void multiply_add(uint16_t *sum, const uint16_t *a, const uint16_t *b)
{
    for (unsigned i = 0; i < COUNT / 2; i++) {
        multiply_add_pair(sum + 2 * i, a + 2 * i, b + 2 * i, i);
    }
}

/* ---- sampling (§4.2.2) -------------------------------------------------------------------- */

/* sum += the polynomial sampled from rho, first, second * b (algorithm 7). The time depends on rho,
 * which is public. */
static void multiply_add_sampled(uint16_t *sum, const uint8_t rho[32], uint8_t first,
                                 uint8_t second, const uint16_t *b)
{
    const uint8_t indices[2] = {first, second};
    struct keccak k;
    uint16_t pair[2];
    unsigned count = 0;
    wb_keccak_init(&k, KECCAK_RATE_128);
    wb_keccak_absorb(&k, rho, 32);
    wb_keccak_absorb(&k, indices, 2);
    wb_keccak_finish(&k, KECCAK_SHAKE);
    while (count < COUNT) {
        uint8_t bytes[3];
        wb_keccak_squeeze(&k, bytes, sizeof bytes);
        const uint16_t candidates[2] = {(uint16_t)(bytes[0] | (bytes[1] & 0x0f) << 8),
                                        (uint16_t)(bytes[1] >> 4 | bytes[2] << 4)};
        for (unsigned i = 0; i < 2; i++) {
            if (candidates[i] >= Q || count == COUNT) {
                continue;
            }
            pair[count++ % 2] = candidates[i];
            if (count % 2 == 0) {
                multiply_add_pair(sum + count - 2, pair, b + count - 2, count / 2 - 1);
            }
        }
    }
}

/* Noise of the centred binomial distribution (algorithm 8) from PRF(seed, counter). */
static void sample_noise(uint16_t *f, const uint8_t seed[32], uint8_t counter)
{
    struct keccak k;
    wb_keccak_init(&k, KECCAK_RATE_256);
    wb_keccak_absorb(&k, seed, 32);
    wb_keccak_absorb(&k, &counter, 1);
    wb_keccak_finish(&k, KECCAK_SHAKE);
    for (unsigned i = 0; i < COUNT; i += 2) {
        uint8_t byte;
        wb_keccak_squeeze(&k, &byte, 1);
        const uint32_t sums = (byte & 0x55u) + (byte >> 1 & 0x55u); /* four of two bits */
        f[i] = subtract_q(Q + (sums & 3) - (sums >> 2 & 3));
        f[i + 1] = subtract_q(Q + (sums >> 4 & 3) - (sums >> 6 & 3));
    }
    wb_wipe(&k, sizeof k);
}

/* ---- encryption (§5) ---------------------------------------------------------------------- */

/* Algorithm 13: s and t, both transformed, from d. */
static void expand_key(struct wb_mlkem768_work *work, uint8_t rho[32], const uint8_t d[32])
{
    const uint8_t rank = RANK;
    uint8_t seeds[64];
    hash_g(seeds, d, 32, &rank, 1);
    memcpy(rho, seeds, 32);
    wb_declassify_bytes(rho, 32);
    for (uint8_t i = 0; i < RANK; i++) {
        sample_noise(work->polynomials[SECRET + i], seeds + 32, i);
        transform(work->polynomials[SECRET + i]);
    }
    for (uint8_t i = 0; i < RANK; i++) {
        uint16_t *const t = work->polynomials[PUBLIC + i];
        sample_noise(t, seeds + 32, (uint8_t)(RANK + i));
        transform(t);
        for (uint8_t j = 0; j < RANK; j++) {
            multiply_add_sampled(t, rho, j, i, work->polynomials[SECRET + j]);
        }
    }
    wb_wipe(seeds, sizeof seeds);
}

/* H of the encoded public key. */
static void hash_public_key(uint8_t hash[32], struct wb_mlkem768_work *work, const uint8_t rho[32])
{
    uint8_t *const bytes = (uint8_t *)work->polynomials[SPARE];
    struct keccak k;
    wb_keccak_init(&k, KECCAK_RATE_256);
    for (unsigned i = 0; i < RANK; i++) {
        encode(bytes, work->polynomials[PUBLIC + i], 12);
        wb_keccak_absorb(&k, bytes, ENCODED_LEN);
    }
    wb_keccak_absorb(&k, rho, 32);
    wb_keccak_finish(&k, KECCAK_SHA3);
    wb_keccak_squeeze(&k, hash, 32);
}

/* §4.2.1: round(2^bits / q x) modulo 2^bits, and back. */
static void compress(uint16_t *f, unsigned bits)
{
    for (unsigned i = 0; i < COUNT; i++) {
        const uint32_t x = ((uint32_t)f[i] << bits) + Q / 2;
        f[i] = (uint16_t)(quotient(x) & ((1u << bits) - 1));
    }
}

static void decompress(uint16_t *f, unsigned bits)
{
    for (unsigned i = 0; i < COUNT; i++) {
        f[i] = (uint16_t)((f[i] * Q + (1u << (bits - 1))) >> bits);
    }
}

/* Algorithm 15. */
static void decrypt(uint8_t message[32], struct wb_mlkem768_work *work, const uint8_t *ciphertext)
{
    uint16_t *const sum = work->polynomials[SUM], *const spare = work->polynomials[SPARE];
    memset(sum, 0, COUNT * sizeof *sum);
    for (unsigned i = 0; i < RANK; i++) {
        (void)decode(spare, ciphertext + i * U_LEN, 10);
        decompress(spare, 10);
        transform(spare);
        multiply_add(sum, work->polynomials[SECRET + i], spare);
    }
    transform_back(sum);
    (void)decode(spare, ciphertext + RANK * U_LEN, 4);
    decompress(spare, 4);
    for (unsigned i = 0; i < COUNT; i++) {
        spare[i] = subtract_q(spare[i] + Q - sum[i]);
    }
    compress(spare, 1);
    encode(message, spare, 1);
}

/* Writes to out, or compares with what is expected when out is NULL: returns 0 when it is the same.
 */
static uint8_t put(uint8_t *out, const uint8_t *expected, const uint8_t *bytes, size_t len)
{
    uint8_t difference = 0;
    if (out != NULL) {
        memcpy(out, bytes, len);
        return 0;
    }
    for (size_t i = 0; i < len; i++) {
        difference |= (uint8_t)(bytes[i] ^ expected[i]);
    }
    return difference;
}

/* Algorithm 14, with t in work; y takes the place of s. */
static uint8_t encrypt(uint8_t *out, const uint8_t *expected, struct wb_mlkem768_work *work,
                       const uint8_t rho[32], const uint8_t message[32], const uint8_t coins[32])
{
    uint16_t *const sum = work->polynomials[SUM], *const spare = work->polynomials[SPARE];
    uint8_t *const bytes = (uint8_t *)spare;
    uint8_t difference = 0;
    for (uint8_t i = 0; i < RANK; i++) {
        sample_noise(work->polynomials[SECRET + i], coins, i);
        transform(work->polynomials[SECRET + i]);
    }
    for (uint8_t i = 0; i <= RANK; i++) { /* the parts of u, then v */
        memset(sum, 0, COUNT * sizeof *sum);
        for (uint8_t j = 0; j < RANK; j++) {
            const uint16_t *const y = work->polynomials[SECRET + j];
            if (i < RANK) {
                multiply_add_sampled(sum, rho, i, j, y); /* of the transposed matrix */
            } else {
                multiply_add(sum, work->polynomials[PUBLIC + j], y);
            }
        }
        transform_back(sum);
        sample_noise(spare, coins, (uint8_t)(RANK + i));
        add(sum, spare);
        if (i == RANK) {
            (void)decode(spare, message, 1);
            decompress(spare, 1);
            add(sum, spare);
        }
        const unsigned bits = i < RANK ? 10 : 4;
        compress(sum, bits);
        encode(bytes, sum, bits);
        const size_t len = COUNT * bits / 8;
        const size_t at = i * U_LEN;
        difference |=
            put(out == NULL ? NULL : out + at, out == NULL ? expected + at : NULL, bytes, len);
    }
    return difference;
}

/* ---- byte strings (§4.2.1) ---------------------------------------------------------------- */

/* Algorithm 5. */
static void encode(uint8_t *out, const uint16_t *f, unsigned bits)
{
    uint32_t buffer = 0;
    unsigned filled = 0;
    for (unsigned i = 0; i < COUNT; i++) {
        buffer |= (uint32_t)f[i] << filled;
        for (filled += bits; filled >= 8; filled -= 8) {
            *out++ = (uint8_t)buffer;
            buffer >>= 8;
        }
    }
}

/* Algorithm 6; coefficients come out below q. Not 0 when one had to be reduced (only with 12 bits).
 */
static uint32_t decode(uint16_t *f, const uint8_t *in, unsigned bits)
{
    uint32_t buffer = 0;
    unsigned filled = 0;
    uint32_t reduced = 0;
    for (unsigned i = 0; i < COUNT; i++) {
        for (; filled < bits; filled += 8) {
            buffer |= (uint32_t)*in++ << filled;
        }
        const uint32_t x = buffer & ((1u << bits) - 1);
        f[i] = subtract_q(x);
        reduced |= f[i] ^ x;
        buffer >>= bits;
        filled -= bits;
    }
    return reduced;
}
