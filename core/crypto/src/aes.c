/* SPDX-License-Identifier: AGPL-3.0-only */
/* AES (FIPS 197) on 32-bit words, bitsliced and fixsliced (Adomnicai and Peyrin, "Fixslicing
 * AES-like Ciphers", TCHES 2021).
 *
 * Layout: eight words q[0..7]; q[i] holds bit i of the 32 bytes of two blocks, the byte in row r,
 * column c of block b at position 8 r + 2 c + b. A step to the next row is a rotation of the word
 * by 8, a step to the next column a rotation inside each byte by 2.
 *
 * ShiftRows is never carried out. Were it left out of k rounds, row r lies 1 * r * k columns too
 * far to the right; so round k's MixColumns fetches the next row's byte from k columns further on,
 * and round key k is stored with its rows moved the same way. After 10 as after 14 rounds k is 2
 * mod 4, which one exchange of nibbles in rows 1 and 3 puts right.
 *
 * Read wb_aes_encrypt2, then wb_aes_init, then the helpers. */
#include "aes.h"

#include "bytes.h"
#include "wb_base.h"

#include <string.h>

static void transpose(uint32_t q[8]);
static void sub_bytes(uint32_t q[8]);
static void mix_columns(uint32_t q[16], unsigned round, const uint32_t key[8]);
static uint32_t sub_word(uint32_t word);

static void add_round_key(uint32_t q[8], const uint32_t key[8])
{
    for (unsigned i = 0; i < 8; i++) {
        q[i] ^= key[i];
    }
}

void wb_aes_encrypt2(const struct aes *aes, uint32_t a[4], uint32_t b[4])
{
    uint32_t q[16]; /* the upper half is room for mix_columns */
    for (unsigned c = 0; c < 4; c++) {
        q[2 * c] = a[c];
        q[2 * c + 1] = b[c];
    }
    transpose(q);
    add_round_key(q, aes->round_keys[0]);
    for (unsigned round = 1;; round++) {
        sub_bytes(q);
        if (round == aes->rounds) {
            break;
        }
        mix_columns(q, round, aes->round_keys[round]);
    }
    add_round_key(q, aes->round_keys[aes->rounds]);
    for (unsigned i = 0; i < 8; i++) { /* the two ShiftRows that are still missing */
        uint32_t x = q[i];
        q[i] = (x & 0x00ff00ff) | (x >> 4 & 0x0f000f00) | (x << 4 & 0xf000f000);
    }
    transpose(q);
    for (unsigned c = 0; c < 4; c++) {
        a[c] = q[2 * c];
        b[c] = q[2 * c + 1];
    }
    wb_wipe(q, sizeof q);
}

void wb_aes_init(struct aes *aes, const uint8_t *key, size_t key_len)
{
    uint32_t w[8]; /* the last 8 words of the expanded key (FIPS 197 §5.2), as a ring */
    unsigned key_words = (unsigned)(key_len / 4);
    uint32_t rcon = 1;
    aes->rounds = key_words + 6;
    for (unsigned i = 0; i < key_words; i++) {
        w[i] = load_le32(key + 4 * i);
    }
    for (unsigned round = 0; round <= aes->rounds; round++) {
        uint32_t columns[4];
        for (unsigned c = 0; c < 4; c++) {
            const unsigned i = 4 * round + c;
            uint32_t *word = &w[i & (key_words - 1)];
            if (i >= key_words) {
                uint32_t last = w[(i - 1) & (key_words - 1)];
                if ((i & (key_words - 1)) == 0) {
                    last = sub_word(last >> 8 | last << 24) ^ rcon;
                    rcon = rcon << 1 ^ (rcon >> 7) * 0x11b;
                } else if (key_words == 8 && i % 8 == 4) {
                    last = sub_word(last);
                }
                *word ^= last;
            }
            columns[c] = *word;
        }
        uint32_t *q = aes->round_keys[round];
        for (unsigned c = 0; c < 4; c++) {
            /* Row r moves by r * round columns. The constant is what sub_bytes leaves out of the
             * S-box. */
            uint32_t word = round > 0 ? 0x63636363 : 0;
            for (unsigned r = 0; r < 4; r++) {
                word ^= columns[(c - r * round) % 4] & UINT32_C(0xff) << 8 * r;
            }
            q[2 * c] = word;
            q[2 * c + 1] = word;
        }
        transpose(q);
        wb_wipe(columns, sizeof columns);
    }
    wb_wipe(w, sizeof w);
}

/* The S-box on the four bytes of one word. */
static uint32_t sub_word(uint32_t word)
{
    uint32_t q[8];
    for (unsigned i = 0; i < 8; i++) {
        q[i] = word >> i & 0x01010101;
    }
    sub_bytes(q);
    word = 0;
    for (unsigned i = 0; i < 8; i++) {
        word |= (q[i] & 0x01010101) << i;
    }
    wb_wipe(q, sizeof q);
    return word ^ 0x63636363;
}

/* Exchanges, between all pairs of words that are `distance` apart, the bits under mask << shift of
 * the first with those under mask of the second. */
static void swap_bits(uint32_t q[8], unsigned distance, uint32_t mask, unsigned shift)
{
    for (unsigned i = 0; i < 8; i = (i + distance + 1) & ~distance) {
        uint32_t difference = (q[i] >> shift ^ q[i + distance]) & mask;
        q[i + distance] ^= difference;
        q[i] ^= difference << shift;
    }
}

/* Transposes the four 8 x 8 bit matrices: bit j of byte r of word i <-> bit i of byte r of word j.
 */
static void transpose(uint32_t q[8])
{
    swap_bits(q, 1, 0x55555555, 1);
    swap_bits(q, 2, 0x33333333, 2);
    swap_bits(q, 4, 0x0f0f0f0f, 4);
}

/* MixColumns and AddRoundKey. Each byte becomes 2 a + 3 a1 + a2 + a3 = 2 (a + a1) + a1 + (a2 + a3),
 * where a1 is the byte one row and `round` columns further; a2 + a3 is a + a1 taken two rows, twice
 * the columns further. q[8..15] is overwritten. */
static void mix_columns(uint32_t q[16], unsigned round, const uint32_t key[8])
{
    static const uint32_t masks[4] = {0xffffffff, 0x3f3f3f3f, 0x0f0f0f0f, 0x03030303};
    const unsigned shift = 2 * (round % 4);
    const uint32_t mask = masks[round % 4];
    for (unsigned i = 0; i < 8; i++) {
        uint32_t x = q[i];
        uint32_t next = x >> 8 | x << 24;
        next = (next >> shift & mask) | (next << (8 - shift) & ~mask);
        uint32_t sum = x ^ next;
        uint32_t far = sum >> 16 | sum << 16;
        if (round % 2 !=
            0) { /* an even number of steps, doubled, leads around to the same column */
            far = (far >> 4 & 0x0f0f0f0f) | (far << 4 & 0xf0f0f0f0);
        }
        q[8 + i] = sum;
        q[i] = next ^ far ^ key[i];
    }
    /* Doubling in GF(2^8) moves bit i to i + 1 and folds bit 7 into bits 0, 1, 3, 4. */
    const uint32_t *sums = q + 8;
    const uint32_t high = sums[7];
    q[0] ^= high;
    q[1] ^= sums[0] ^ high;
    q[2] ^= sums[1];
    q[3] ^= sums[2] ^ high;
    q[4] ^= sums[3] ^ high;
    q[5] ^= sums[4];
    q[6] ^= sums[5];
    q[7] ^= sums[6];
}

/* SubBytes without the final constant 0x63, as the circuit of 113 gates by Boyar and Peralta ("A
 * depth-16 circuit for the AES S-box", 2011). Names are the paper's; its U0 and S0 are the most
 * significant bits. */
static void sub_bytes(uint32_t q[8])
{
    const uint32_t x0 = q[7], x1 = q[6], x2 = q[5], x3 = q[4];
    const uint32_t x4 = q[3], x5 = q[2], x6 = q[1], x7 = q[0];

    /* linear, into the tower field */
    const uint32_t y14 = x3 ^ x5, y13 = x0 ^ x6, y9 = x0 ^ x3, y8 = x0 ^ x5, t0 = x1 ^ x2;
    const uint32_t y1 = t0 ^ x7, y4 = y1 ^ x3, y12 = y13 ^ y14, y2 = y1 ^ x0, y5 = y1 ^ x6;
    const uint32_t y3 = y5 ^ y8, t1 = x4 ^ y12, y15 = t1 ^ x5, y20 = t1 ^ x1, y6 = y15 ^ x7;
    const uint32_t y10 = y15 ^ t0, y11 = y20 ^ y9, y7 = x7 ^ y11, y17 = y10 ^ y11, y19 = y10 ^ y8;
    const uint32_t y16 = t0 ^ y11, y21 = y13 ^ y16, y18 = x0 ^ y16;

    /* inversion */
    const uint32_t t2 = y12 & y15, t4 = (y3 & y6) ^ t2, t6 = (y4 & x7) ^ t2;
    const uint32_t t7 = y13 & y16, t9 = (y5 & y1) ^ t7, t11 = (y2 & y7) ^ t7;
    const uint32_t t12 = y9 & y11, t14 = (y14 & y17) ^ t12, t16 = (y8 & y10) ^ t12;
    const uint32_t t21 = t4 ^ t14 ^ y20, t22 = t6 ^ t16 ^ y19;
    const uint32_t t23 = t9 ^ t14 ^ y21, t24 = t11 ^ t16 ^ y18;
    const uint32_t t25 = t21 ^ t22, t26 = t21 & t23, t27 = t24 ^ t26;
    const uint32_t t29 = (t25 & t27) ^ t22, t30 = t23 ^ t24, t31 = t22 ^ t26;
    const uint32_t t33 = (t31 & t30) ^ t24, t34 = t23 ^ t33, t35 = t27 ^ t33;
    const uint32_t t36 = t24 & t35, t37 = t36 ^ t34, t38 = t27 ^ t36;
    const uint32_t t40 = t25 ^ (t29 & t38), t41 = t40 ^ t37, t42 = t29 ^ t33;
    const uint32_t t43 = t29 ^ t40, t44 = t33 ^ t37, t45 = t42 ^ t41;

    const uint32_t z0 = t44 & y15, z1 = t37 & y6, z2 = t33 & x7, z3 = t43 & y16, z4 = t40 & y1;
    const uint32_t z5 = t29 & y7, z6 = t42 & y11, z7 = t45 & y17, z8 = t41 & y10, z9 = t44 & y12;
    const uint32_t z10 = t37 & y3, z11 = t33 & y4, z12 = t43 & y13, z13 = t40 & y5, z14 = t29 & y2;
    const uint32_t z15 = t42 & y9, z16 = t45 & y14, z17 = t41 & y8;

    /* linear, back and through the affine map */
    const uint32_t t46 = z15 ^ z16, t47 = z10 ^ z11, t48 = z5 ^ z13, t49 = z9 ^ z10;
    const uint32_t t50 = z2 ^ z12, t51 = z2 ^ z5, t52 = z7 ^ z8, t53 = z0 ^ z3, t54 = z6 ^ z7;
    const uint32_t t55 = z16 ^ z17, t56 = z12 ^ t48, t57 = t50 ^ t53, t58 = z4 ^ t46;
    const uint32_t t59 = z3 ^ t54, t60 = t46 ^ t57, t61 = z14 ^ t57, t62 = t52 ^ t58;
    const uint32_t t63 = t49 ^ t58, t64 = z4 ^ t59, t65 = t61 ^ t62, t66 = z1 ^ t63;
    const uint32_t t67 = t64 ^ t65, s3 = t53 ^ t66;
    q[7] = t59 ^ t63;
    q[6] = t64 ^ s3;
    q[5] = t55 ^ t67;
    q[4] = s3;
    q[3] = t51 ^ t66;
    q[2] = t47 ^ t65;
    q[1] = t56 ^ t62;
    q[0] = t48 ^ t60;
}
