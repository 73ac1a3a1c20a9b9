/* SPDX-License-Identifier: AGPL-3.0-only */
/* P-256: keys and ECDH over p256_point.c and scalar.c. */
#include "p256.h"

#include "declassify.h"
#include "p256_point.h"
#include "wb_crypto.h"
#include "wipe_stack.h"

#include <string.h>

bool wb_p256_scalar_decode(struct scalar *out, const uint8_t in[32])
{
    wb_scalar_decode_be(out, in);
    return !wb_declassify(wb_scalar_is_zero(out)) &&
           wb_declassify(wb_scalar_is_reduced(out, &wb_scalar_p256));
}

void wb_p256_private_key(uint8_t private_key[32], const uint8_t random[48])
{
    uint8_t upper[32] = {0};
    struct scalar high, low;
    memcpy(upper + 16, random, 16);
    wb_scalar_decode_be(&high, upper);
    wb_scalar_decode_be(&low, random + 16);
    wb_scalar_reduce_wide(&low, &low, &high, &wb_scalar_p256);
    low.v[0] |= wb_scalar_is_zero(&low); /* 0 becomes 1: nobody will see it happen */
    wb_scalar_encode_be(private_key, &low);
    wb_wipe(upper, sizeof upper);
    wb_wipe(&high, sizeof high);
    wb_wipe(&low, sizeof low);
}

enum wb_err wb_p256_public_key(uint8_t public_key[65], const uint8_t private_key[32])
{
    struct scalar k;
    struct p256_point p;
    const bool is_usable = wb_p256_scalar_decode(&k, private_key);
    if (is_usable) {
        wb_p256_mul_base(&p, &k);
        public_key[0] = 4;
        wb_p256_point_encode(public_key + 1, public_key + 33, &p);
        wb_wipe(&p, sizeof p);
        wb_wipe_stack();
    }
    wb_wipe(&k, sizeof k);
    return is_usable ? WB_OK : WB_ERR_KEY;
}

enum wb_err wb_p256_public_key_check(const uint8_t public_key[65])
{
    struct p256_point p;
    return wb_p256_point_decode(&p, public_key) ? WB_OK : WB_ERR_KEY;
}

enum wb_err wb_p256_ecdh(uint8_t shared_secret[32], const uint8_t private_key[32],
                         const uint8_t peer_public_key[65])
{
    struct scalar k;
    struct p256_point p, product;
    const bool is_usable =
        wb_p256_scalar_decode(&k, private_key) && wb_p256_point_decode(&p, peer_public_key);
    if (is_usable) {
        wb_p256_mul(&product, &k, &p);
        wb_p256_point_encode(shared_secret, NULL, &product);
        wb_wipe(&product, sizeof product);
        wb_wipe_stack();
    }
    wb_wipe(&k, sizeof k);
    return is_usable ? WB_OK : WB_ERR_KEY;
}
