/* SPDX-License-Identifier: AGPL-3.0-only */
/* uses: crypto */
/* Any bytes as an RSA key and a signature: lengths of modulus and exponent in two and one bytes,
 * hash and salt length in one each, then modulus, exponent, signature. Work memory is exactly as
 * documented.
 */
#include "wb_crypto.h"

#include <stdlib.h>

static struct wb_bytes take(struct wb_reader *r, size_t len)
{
    const size_t left = wb_reader_left(r);
    const size_t taken = len < left ? len : left;
    return (struct wb_bytes){wb_read_bytes(r, taken), taken};
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct wb_reader r;
    static const uint8_t digest[WB_HASH_LEN_MAX] = {1};
    wb_reader_init(&r, data, size);
    const size_t modulus_len = wb_read_be16(&r) % 600;
    const size_t exponent_len = wb_read_u8(&r) % 8;
    const enum wb_hash_id id = (enum wb_hash_id)(wb_read_u8(&r) % 3);
    const size_t salt_len = wb_read_u8(&r);
    if (r.err != WB_OK) {
        return 0;
    }
    struct wb_rsa_public_key key;
    key.modulus = take(&r, modulus_len);
    key.exponent = take(&r, exponent_len);
    const struct wb_bytes signature = take(&r, SIZE_MAX);
    const uint8_t *modulus = key.modulus.data;
    size_t len = key.modulus.len;
    while (len > 0 && *modulus == 0) {
        modulus++;
        len--;
    }
    const size_t count = WB_RSA_WORK_COUNT(len);
    uint32_t *work = malloc(count * sizeof *work);
    if (work == NULL) {
        return 0;
    }
    const enum wb_err check = wb_rsa_public_key_check(&key);
    const enum wb_err pkcs1 =
        wb_rsa_verify_pkcs1(&key, id, digest, signature.data, signature.len, work, count);
    const enum wb_err pss = wb_rsa_verify_pss(&key, id, id, salt_len, digest, signature.data,
                                              signature.len, work, count);
    if ((check == WB_ERR_KEY) != (pkcs1 == WB_ERR_KEY) ||
        (check == WB_ERR_KEY) != (pss == WB_ERR_KEY) || pkcs1 == WB_ERR_SPACE ||
        pss == WB_ERR_SPACE) {
        __builtin_trap();
    }
    free(work);
    return 0;
}
