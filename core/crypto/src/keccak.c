/* SPDX-License-Identifier: AGPL-3.0-only */
/* FIPS 202: the sponge on top, the permutation below. */
#include "keccak.h"

#include <string.h>

static void permute(uint64_t a[25]);

/* Byte i of the state, whatever the order of bytes in the machine. */
static void add_byte(struct keccak *k, uint32_t i, uint8_t byte)
{
    k->state[i / 8] ^= (uint64_t)byte << 8 * (i % 8);
}

void wb_keccak_init(struct keccak *k, uint32_t rate)
{
    memset(k, 0, sizeof *k);
    k->rate = rate;
}

void wb_keccak_absorb(struct keccak *k, const void *data, size_t len)
{
    const uint8_t *at = data;
    for (size_t i = 0; i < len; i++) {
        add_byte(k, k->at++, at[i]);
        if (k->at == k->rate) {
            permute(k->state);
            k->at = 0;
        }
    }
}

void wb_keccak_finish(struct keccak *k, uint8_t suffix)
{
    add_byte(k, k->at, suffix);
    add_byte(k, k->rate - 1, 0x80);
    k->at = k->rate;
}

void wb_keccak_squeeze(struct keccak *k, void *out, size_t len)
{
    uint8_t *at = out;
    for (size_t i = 0; i < len; i++) {
        if (k->at == k->rate) {
            permute(k->state);
            k->at = 0;
        }
        at[i] = (uint8_t)(k->state[k->at / 8] >> 8 * (k->at % 8));
        k->at++;
    }
}

/* Inlined always, as constant distances are what makes it cheap on 32-bit machines. */
static inline __attribute__((always_inline)) uint64_t rotate_left(uint64_t x, unsigned n)
{
    return x << n | x >> (64 - n);
}

/* §3.2.1. */
static void theta(uint64_t a[25])
{
    const uint64_t c0 = a[0] ^ a[5] ^ a[10] ^ a[15] ^ a[20];
    const uint64_t c1 = a[1] ^ a[6] ^ a[11] ^ a[16] ^ a[21];
    const uint64_t c2 = a[2] ^ a[7] ^ a[12] ^ a[17] ^ a[22];
    const uint64_t c3 = a[3] ^ a[8] ^ a[13] ^ a[18] ^ a[23];
    const uint64_t c4 = a[4] ^ a[9] ^ a[14] ^ a[19] ^ a[24];
    const uint64_t d0 = c4 ^ rotate_left(c1, 1), d1 = c0 ^ rotate_left(c2, 1);
    const uint64_t d2 = c1 ^ rotate_left(c3, 1), d3 = c2 ^ rotate_left(c4, 1);
    const uint64_t d4 = c3 ^ rotate_left(c0, 1);
    for (unsigned y = 0; y < 25; y += 5) {
        a[y] ^= d0, a[y + 1] ^= d1, a[y + 2] ^= d2, a[y + 3] ^= d3, a[y + 4] ^= d4;
    }
}

/* From lane 1 on, where pi moves a lane to (§3.2.3), and by how much rho rotates it (§3.2.2). */
#define MOVES(X)                                                                                   \
    X(10, 1)                                                                                       \
    X(7, 3)                                                                                        \
    X(11, 6)                                                                                       \
    X(17, 10)                                                                                      \
    X(18, 15)                                                                                      \
    X(3, 21)                                                                                       \
    X(5, 28)                                                                                       \
    X(16, 36)                                                                                      \
    X(8, 45)                                                                                       \
    X(21, 55)                                                                                      \
    X(24, 2)                                                                                       \
    X(4, 14)                                                                                       \
    X(15, 27)                                                                                      \
    X(23, 41)                                                                                      \
    X(19, 56)                                                                                      \
    X(13, 8)                                                                                       \
    X(12, 25)                                                                                      \
    X(2, 43)                                                                                       \
    X(20, 62)                                                                                      \
    X(14, 18)                                                                                      \
    X(22, 39)                                                                                      \
    X(9, 61)                                                                                       \
    X(6, 20)                                                                                       \
    X(1, 44)

static void rho_and_pi(uint64_t a[25])
{
    uint64_t lane = a[1], next;
#define MOVE(to, distance) next = a[to], a[to] = rotate_left(lane, distance), lane = next;
    MOVES(MOVE)
#undef MOVE
    (void)lane;
}

/* §3.2.4. */
static void chi(uint64_t a[25])
{
    for (unsigned y = 0; y < 25; y += 5) {
        const uint64_t a0 = a[y], a1 = a[y + 1], a2 = a[y + 2], a3 = a[y + 3], a4 = a[y + 4];
        a[y] = a0 ^ (~a1 & a2);
        a[y + 1] = a1 ^ (~a2 & a3);
        a[y + 2] = a2 ^ (~a3 & a4);
        a[y + 3] = a3 ^ (~a4 & a0);
        a[y + 4] = a4 ^ (~a0 & a1);
    }
}

/* §3.3: 24 rounds. */
static void permute(uint64_t a[25])
{
    /* The constants of iota (§3.2.5): bit j stands for bit 2^j - 1. */
    static const uint8_t constants[24] = {0x01, 0x1a, 0x5e, 0x70, 0x1f, 0x21, 0x79, 0x55,
                                          0x0e, 0x0c, 0x35, 0x26, 0x3f, 0x4f, 0x5d, 0x53,
                                          0x52, 0x48, 0x16, 0x66, 0x79, 0x58, 0x21, 0x74};
    for (unsigned round = 0; round < 24; round++) {
        const uint32_t bits = constants[round];
        const uint32_t low = (bits & 1) | (bits & 2) | (bits & 4) << 1 | (bits & 8) << 4 |
                             (bits & 16) << 11 | (bits & 32) << 26;
        theta(a);
        rho_and_pi(a);
        chi(a);
        a[0] ^= (uint64_t)(bits >> 6) << 63 | low;
    }
}
