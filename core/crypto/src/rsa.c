/* SPDX-License-Identifier: AGPL-3.0-only */
/* RSA signatures verified (RFC 8017). Read the power, then the two encodings, then the public
 * functions. Everything here is public, so comparisons stop where they differ. */
#include "wb_crypto.h"

#include "montgomery.h"

#include <string.h>

#define MODULUS_BITS_MIN 2048u
#define MODULUS_LEN_MAX  512u

/* A key whose numbers are within the limits. */
struct rsa {
    const uint8_t *modulus; /* without leading zeros */
    size_t len;             /* of the modulus, in bytes */
    unsigned bits;
    uint32_t exponent;
};

/* ---- the power (§5.2.2) ------------------------------------------------------------------- */

/* Big-endian bytes to words, least significant first. */
static void load(uint32_t *out, size_t count, const uint8_t *bytes, size_t len)
{
    memset(out, 0, count * sizeof *out);
    for (size_t i = 0; i < len; i++) {
        out[i / 4] |= (uint32_t)bytes[len - 1 - i] << 8 * (i % 4);
    }
}

/* x = 2^times * x mod n */
static void double_times(uint32_t *x, unsigned times, const uint32_t *n, size_t count)
{
    while (times-- > 0) {
        uint32_t top = 0;
        for (size_t i = 0; i < count; i++) {
            const uint32_t word = x[i];
            x[i] = word << 1 | top;
            top = word >> 31;
        }
        wb_montgomery_subtract(x, x, top, n, count);
    }
}

/* -1 / n mod 2^32: each step doubles the number of right bits, and n is its own inverse modulo 8.
 */
static uint32_t minus_inverse_of(uint32_t n)
{
    uint32_t inverse = n;
    for (unsigned i = 0; i < 4; i++) {
        inverse *= 2 - n * inverse;
    }
    return 0 - inverse;
}

/* Writes signature^exponent mod n, rsa->len bytes big-endian, to where work begins. False when the
 * signature is not below n. With R = 2^(32 count) and 2^(bits - 1) < n, doubling gives 2^32 R; its
 * count-th power in Montgomery's form is R^2, by squaring, and by 32 doublings where count has a
 * bit.
 */
static bool power(const struct rsa *rsa, const uint8_t *signature, uint32_t *work)
{
    const size_t count = (rsa->len + 3) / 4;
    uint32_t *const n = work, *const base = n + count, *const x = base + count;
    uint32_t *const t = x + count;
    load(n, count, rsa->modulus, rsa->len);
    load(base, count, signature, rsa->len);
    const uint32_t minus_inverse = minus_inverse_of(n[0]);
    wb_montgomery_subtract(x, base, 0, n, count);
    if (memcmp(x, base, count * sizeof *x) != 0) {
        return false; /* §5.2.2 step 1 */
    }
    memset(x, 0, count * sizeof *x);
    x[(rsa->bits - 1) / 32] = UINT32_C(1) << (rsa->bits - 1) % 32;
    double_times(x, (unsigned)(32 * count + 32 - (rsa->bits - 1)), n, count);
    unsigned bit = 7; /* count <= 128 */
    while ((count >> bit & 1) == 0) {
        bit--;
    }
    while (bit-- > 0) {
        wb_montgomery(x, x, x, n, minus_inverse, count, t);
        if ((count >> bit & 1) != 0) {
            double_times(x, 32, n, count);
        }
    }
    wb_montgomery(base, base, x, n, minus_inverse, count, t); /* signature * R */
    memcpy(x, base, count * sizeof *x);
    bit = 31;
    while ((rsa->exponent >> bit & 1) == 0) {
        bit--;
    }
    while (bit-- > 0) {
        wb_montgomery(x, x, x, n, minus_inverse, count, t);
        if (bit == 0) { /* the exponent is odd; a factor without R ends Montgomery's form */
            load(base, count, signature, rsa->len);
        }
        if ((rsa->exponent >> bit & 1) != 0) {
            wb_montgomery(x, x, base, n, minus_inverse, count, t);
        }
    }
    uint8_t *const out = (uint8_t *)work;
    for (size_t i = 0; i < rsa->len; i++) {
        out[rsa->len - 1 - i] = (uint8_t)(x[i / 4] >> 8 * (i % 4));
    }
    return true;
}

/* ---- PKCS#1 v1.5 (§9.2) ------------------------------------------------------------------- */

/* DigestInfo in DER with the parameters NULL (§9.2 note 1), for SHA-256; the others differ in the
 * length of the whole, the last number of 2.16.840.1.101.3.4.2.n, and the length of the digest. */
static const uint8_t digest_info[19] = {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                                        0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};

/* There is one right encoding: 00 01 ff … ff 00 DigestInfo digest. */
static bool is_pkcs1_encoding(const uint8_t *em, size_t len, enum wb_hash_id id,
                              const uint8_t *digest)
{
    const size_t hash_len = wb_hash_len(id);
    const size_t info_at = len - hash_len - sizeof digest_info; /* 173 or more */
    uint8_t info[sizeof digest_info];
    memcpy(info, digest_info, sizeof info);
    info[1] = (uint8_t)(sizeof info - 2 + hash_len);
    info[14] = id == WB_HASH_SHA256 ? 1 : id == WB_HASH_SHA384 ? 2 : 3;
    info[18] = (uint8_t)hash_len;
    bool is_right = em[0] == 0x00 && em[1] == 0x01 && em[info_at - 1] == 0x00;
    for (size_t i = 2; i < info_at - 1; i++) {
        is_right = is_right && em[i] == 0xff;
    }
    return is_right && memcmp(em + info_at, info, sizeof info) == 0 &&
           memcmp(em + info_at + sizeof info, digest, hash_len) == 0;
}

/* ---- PSS (§9.1.2) ------------------------------------------------------------------------- */

/* Appendix B.2.1: data ^= MGF1(seed). */
static void mgf1_xor(uint8_t *data, size_t len, const uint8_t *seed, size_t seed_len,
                     enum wb_hash_id id)
{
    const size_t hash_len = wb_hash_len(id);
    uint8_t block[WB_HASH_LEN_MAX];
    for (size_t at = 0; at < len; at++) {
        const size_t in_block = at % hash_len;
        if (in_block == 0) {
            const size_t counter = at / hash_len; /* below 16 */
            const uint8_t counter_bytes[4] = {0, 0, 0, (uint8_t)counter};
            struct wb_hash hash;
            wb_hash_init(&hash, id);
            wb_hash_update(&hash, seed, seed_len);
            wb_hash_update(&hash, counter_bytes, sizeof counter_bytes);
            wb_hash_final(&hash, block);
        }
        data[at] ^= block[in_block];
    }
}

/* em has em_bits bits: in front of H and 0xbc lies DB, masked: zeros, 01, salt. */
static bool is_pss_encoding(uint8_t *em, unsigned em_bits, enum wb_hash_id id,
                            enum wb_hash_id mgf_id, size_t salt_len, const uint8_t *digest)
{
    static const uint8_t zeros[8];
    const size_t hash_len = wb_hash_len(id);
    const size_t em_len = (em_bits + 7) / 8;
    const size_t db_len = em_len - hash_len - 1;                         /* 191 or more */
    const uint8_t unused = (uint8_t)(0xff00u >> (8 * em_len - em_bits)); /* bits of em[0] */
    uint8_t *const h = em + db_len;
    if (salt_len > db_len - 1 || em[em_len - 1] != 0xbc || (em[0] & unused) != 0) {
        return false;
    }
    mgf1_xor(em, db_len, h, hash_len, mgf_id);
    em[0] &= (uint8_t)~unused;
    const size_t zeros_len = db_len - salt_len - 1;
    for (size_t i = 0; i < zeros_len; i++) {
        if (em[i] != 0) {
            return false;
        }
    }
    if (em[zeros_len] != 0x01) {
        return false;
    }
    struct wb_hash hash;
    uint8_t expected[WB_HASH_LEN_MAX];
    wb_hash_init(&hash, id);
    wb_hash_update(&hash, zeros, sizeof zeros);
    wb_hash_update(&hash, digest, hash_len);
    wb_hash_update(&hash, em + zeros_len + 1, salt_len);
    wb_hash_final(&hash, expected);
    return memcmp(expected, h, hash_len) == 0;
}

/* ---- public ------------------------------------------------------------------------------- */

static void skip_zeros(struct wb_bytes *number)
{
    const uint8_t *at = number->data;
    while (number->len > 0 && *at == 0) {
        at++;
        number->len--;
    }
    number->data = at;
}

static enum wb_err rsa_init(struct rsa *rsa, const struct wb_rsa_public_key *key)
{
    struct wb_bytes modulus = key->modulus, exponent = key->exponent;
    skip_zeros(&modulus);
    skip_zeros(&exponent);
    if (modulus.len < MODULUS_BITS_MIN / 8 || modulus.len > MODULUS_LEN_MAX || exponent.len == 0 ||
        exponent.len > 4) {
        return WB_ERR_KEY;
    }
    rsa->modulus = modulus.data;
    rsa->len = modulus.len;
    rsa->bits = (unsigned)(8 * modulus.len);
    while ((rsa->modulus[0] >> (rsa->bits - 1) % 8) == 0) {
        rsa->bits--;
    }
    load(&rsa->exponent, 1, exponent.data, exponent.len);
    const bool is_odd = (rsa->modulus[rsa->len - 1] & rsa->exponent & 1) != 0;
    return is_odd && rsa->bits >= MODULUS_BITS_MIN && rsa->exponent >= 3 ? WB_OK : WB_ERR_KEY;
}

enum wb_err wb_rsa_public_key_check(const struct wb_rsa_public_key *key)
{
    struct rsa rsa;
    return rsa_init(&rsa, key);
}

/* What verifying begins with, in both schemes; leaves the message representative in work. */
static enum wb_err begin(struct rsa *rsa, const struct wb_rsa_public_key *key,
                         const void *signature, size_t signature_len, uint32_t *work,
                         size_t work_count)
{
    WB_TRY(rsa_init(rsa, key));
    if (work_count < WB_RSA_WORK_COUNT(rsa->len)) {
        return WB_ERR_SPACE;
    }
    /* §8.1.2 and §8.2.2 step 1: exactly as long as the modulus. */
    return signature_len == rsa->len && power(rsa, signature, work) ? WB_OK : WB_ERR_SIGNATURE;
}

enum wb_err wb_rsa_verify_pkcs1(const struct wb_rsa_public_key *key, enum wb_hash_id id,
                                const uint8_t *digest, const void *signature, size_t signature_len,
                                uint32_t *work, size_t work_count)
{
    struct rsa rsa;
    WB_TRY(begin(&rsa, key, signature, signature_len, work, work_count));
    return is_pkcs1_encoding((const uint8_t *)work, rsa.len, id, digest) ? WB_OK : WB_ERR_SIGNATURE;
}

enum wb_err wb_rsa_verify_pss(const struct wb_rsa_public_key *key, enum wb_hash_id id,
                              enum wb_hash_id mgf_id, size_t salt_len, const uint8_t *digest,
                              const void *signature, size_t signature_len, uint32_t *work,
                              size_t work_count)
{
    struct rsa rsa;
    WB_TRY(begin(&rsa, key, signature, signature_len, work, work_count));
    uint8_t *em = (uint8_t *)work;
    if (rsa.bits % 8 == 1) { /* em is a byte shorter than the modulus */
        if (*em++ != 0) {
            return WB_ERR_SIGNATURE;
        }
    }
    return is_pss_encoding(em, rsa.bits - 1, id, mgf_id, salt_len, digest) ? WB_OK
                                                                           : WB_ERR_SIGNATURE;
}
