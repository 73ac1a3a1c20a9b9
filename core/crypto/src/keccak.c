/* SPDX-License-Identifier: AGPL-3.0-only */
/* FIPS 202: the sponge on top, the permutation below. */
#include "keccak.h"

#include "rotate.h"

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

/* §3.3: 24 rounds of theta, rho, pi, chi, iota. */
static void permute(uint64_t a[25])
{
    /* Where pi moves a lane, from lane 1 on (§3.2.3); rho rotates the i-th of these by the
     * triangular number of i (§3.2.2). */
    static const uint8_t pi[24] = {10, 7,  11, 17, 18, 3, 5,  16, 8,  21, 24, 4,
                                   15, 23, 19, 13, 12, 2, 20, 14, 22, 9,  6,  1};
    /* The constants of iota (§3.2.5): bit j stands for bit 2^j - 1. */
    static const uint8_t constants[24] = {0x01, 0x1a, 0x5e, 0x70, 0x1f, 0x21, 0x79, 0x55,
                                          0x0e, 0x0c, 0x35, 0x26, 0x3f, 0x4f, 0x5d, 0x53,
                                          0x52, 0x48, 0x16, 0x66, 0x79, 0x58, 0x21, 0x74};
    for (unsigned round = 0; round < 24; round++) {
        uint64_t c[5];
        for (unsigned x = 0; x < 5; x++) {
            c[x] = a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20];
        }
        for (unsigned x = 0; x < 5; x++) {
            const uint64_t d = c[x == 0 ? 4 : x - 1] ^ rotate_left(c[x == 4 ? 0 : x + 1], 1);
            for (unsigned y = 0; y < 25; y += 5) {
                a[y + x] ^= d;
            }
        }
        uint64_t lane = a[1];
        unsigned shift = 0;
        for (unsigned i = 0; i < 24; i++) {
            const uint64_t next = a[pi[i]];
            shift += i + 1;
            a[pi[i]] = rotate_left(lane, shift % 64);
            lane = next;
        }
        for (unsigned y = 0; y < 25; y += 5) {
            memcpy(c, a + y, sizeof c);
            for (unsigned x = 0; x < 5; x++) {
                a[y + x] = c[x] ^ (~c[x == 4 ? 0 : x + 1] & c[x >= 3 ? x - 3 : x + 2]);
            }
        }
        for (unsigned j = 0; j < 7; j++) {
            a[0] ^= (uint64_t)(constants[round] >> j & 1) << ((1u << j) - 1);
        }
    }
}
