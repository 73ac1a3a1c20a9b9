/* SPDX-License-Identifier: AGPL-3.0-only */
/* uses: crypto */
/* Any bytes as a public key (first byte even) or as a ciphertext: a key that is taken gives a
 * secret, and opening the same bytes twice gives the same. Input is repeated to the length that is
 * needed. */
#include "wb_crypto.h"

#include <string.h>

static void fill(uint8_t *out, size_t len, const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < len; i++) {
        out[i] = data[i % size];
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t random[32] = {1}, private_key[64] = {2};
    static uint8_t public_key[WB_MLKEM768_PUBLIC_KEY_LEN], ciphertext[WB_MLKEM768_CIPHERTEXT_LEN];
    static uint8_t expanded[WB_MLKEM768_EXPANDED_LEN];
    static struct wb_mlkem768_work work;
    uint8_t secret[32] = {0}, again[32];
    if (size < 2) {
        return 0;
    }
    if (data[0] % 2 == 0) {
        fill(public_key, sizeof public_key, data + 1, size - 1);
        const enum wb_err err = wb_mlkem768_encaps(ciphertext, secret, public_key, random, &work);
        if (err != WB_OK && err != WB_ERR_KEY) {
            __builtin_trap();
        }
    } else {
        fill(ciphertext, sizeof ciphertext, data + 1, size - 1);
        fill(expanded, sizeof expanded, data + 1, size - 1);
        wb_mlkem768_decaps(secret, private_key, ciphertext, &work);
        wb_mlkem768_decaps(again, private_key, ciphertext, &work);
        if (memcmp(secret, again, 32) != 0) {
            __builtin_trap();
        }
        (void)!wb_mlkem768_decaps_expanded(secret, expanded, ciphertext, &work);
    }
    return 0;
}
