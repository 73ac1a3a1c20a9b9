/* SPDX-License-Identifier: AGPL-3.0-only */
/* HMAC-DRBG with SHA-256: SP 800-90A §10.1.2. */
#include "wb_crypto.h"

#include <string.h>

#define SEED_LEN_MIN    32u
#define REQUEST_LEN_MAX 65536u /* SP 800-90A table 2: 2^19 bits; longer requests become several */
#define REQUEST_MAX     (UINT32_C(1) << 24)

/* §10.1.2.2; the provided data comes in two pieces, either may be empty. */
static void update(struct wb_drbg *drbg, const void *data, size_t len, const void *more,
                   size_t more_len)
{
    for (uint8_t round = 0; round < 2; round++) {
        const struct wb_bytes pieces[4] = {
            {drbg->value, 32}, {&round, 1}, {data, len}, {more, more_len}};
        wb_hmac(WB_HASH_SHA256, drbg->key, 32, pieces, 4, drbg->key);
        const struct wb_bytes value = {drbg->value, 32};
        wb_hmac(WB_HASH_SHA256, drbg->key, 32, &value, 1, drbg->value);
        if (len + more_len == 0) {
            return;
        }
    }
}

enum wb_err wb_drbg_init(struct wb_drbg *drbg, const void *seed, size_t seed_len,
                         const void *personalisation, size_t personalisation_len)
{
    drbg->reseed_counter = 0;
    if (seed_len < SEED_LEN_MIN) {
        return WB_ERR_ENTROPY;
    }
    memset(drbg->key, 0x00, 32);
    memset(drbg->value, 0x01, 32);
    update(drbg, seed, seed_len, personalisation, personalisation_len);
    drbg->reseed_counter = 1;
    return WB_OK;
}

void wb_drbg_reseed(struct wb_drbg *drbg, const void *seed, size_t seed_len)
{
    if (drbg->reseed_counter == 0) {
        return;
    }
    update(drbg, seed, seed_len, NULL, 0);
    if (seed_len >= SEED_LEN_MIN) {
        drbg->reseed_counter = 1;
    }
}

enum wb_err wb_drbg_generate(struct wb_drbg *drbg, void *out, size_t len)
{
    uint8_t *at = out;
    uint32_t requests = len == 0 ? 1 : (uint32_t)((len - 1) / REQUEST_LEN_MAX) + 1;
    if (drbg->reseed_counter == 0 || requests > REQUEST_MAX ||
        drbg->reseed_counter > REQUEST_MAX + 1 - requests) {
        return WB_ERR_ENTROPY;
    }
    while (requests-- > 0) {
        size_t left = len < REQUEST_LEN_MAX ? len : REQUEST_LEN_MAX;
        len -= left;
        while (left > 0) {
            const struct wb_bytes value = {drbg->value, 32};
            wb_hmac(WB_HASH_SHA256, drbg->key, 32, &value, 1, drbg->value);
            size_t take = left < 32 ? left : 32;
            memcpy(at, drbg->value, take);
            at += take;
            left -= take;
        }
        update(drbg, NULL, 0, NULL, 0);
        drbg->reseed_counter++;
    }
    return WB_OK;
}
