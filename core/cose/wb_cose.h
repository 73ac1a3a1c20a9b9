/* SPDX-License-Identifier: AGPL-3.0-only */
/* wb_cose.h: COSE_Sign1 with Ed25519, how modules and firmware are signed.
 * Shape    two functions over the caller's buffers
 * Limits   none of its own: what is signed is hashed in pieces, so payload and external data of any
 *          length need no buffer; key id up to WB_COSE_KID_MAX bytes
 * Memory   no heap; the stack of wb_ed25519_sign / _verify and about 250 bytes
 * Accepts  deterministic CBOR; tag 18 or no tag; algorithm EdDSA (-8) in the protected header, with
 * an Ed25519 key; other header parameters are passed over, except `crit`, which is refused Source
 * RFC 9052 §3.1, §4.2, §4.4; RFC 9053 §2.2
 */
#ifndef WB_COSE_H
#define WB_COSE_H

#include "wb_base.h"

#define WB_COSE_KID_MAX 64u

/* More bytes than a message has around its payload (without key id). */
#define WB_COSE_SIGN1_OVERHEAD_MAX 88u

/* Writes a tagged COSE_Sign1. detached: the payload is signed but stays out of the message.
 * external_aad is signed too; NULL with length 0 when there is none. public_key must belong to
 * private_key: a wrong one gives away the private key. Outcomes: WB_ERR_SPACE when cap is too
 * small. */
enum wb_err wb_cose_sign1_write(uint8_t *out, size_t cap, size_t *len,
                                const uint8_t private_key[32], const uint8_t public_key[32],
                                const void *payload, size_t payload_len, const void *external_aad,
                                size_t aad_len, bool detached) WB_MUST_USE;

/* The same with a key id, which goes into the protected header: so no byte of the message can be
 * changed. Outcomes: also WB_ERR_LIMIT when kid_len > WB_COSE_KID_MAX. */
enum wb_err wb_cose_sign1_write_kid(uint8_t *out, size_t cap, size_t *len,
                                    const uint8_t private_key[32], const uint8_t public_key[32],
                                    const void *kid, size_t kid_len, const void *payload,
                                    size_t payload_len, const void *external_aad, size_t aad_len,
                                    bool detached) WB_MUST_USE;

/* Verifies a message; *payload then borrows it from the message, or is detached_payload. payload
 * and payload_len may be NULL. detached_payload: NULL when the message carries the payload.
 * Outcomes: WB_ERR_SIGNATURE; WB_ERR_UNSUPPORTED another algorithm, or `crit`; WB_ERR_STATE the
 * message carries a payload and one is given, or neither. Malformed messages: the errors of
 * wb_cbor_read_*. */
enum wb_err wb_cose_sign1_verify(const void *message, size_t len, const uint8_t public_key[32],
                                 const void *detached_payload, size_t detached_len,
                                 const void *external_aad, size_t aad_len, const uint8_t **payload,
                                 size_t *payload_len) WB_MUST_USE;

/* Key id of a message, protected or not, from unverified bytes: for choosing the key. Outcomes:
 * WB_ERR_NOT_FOUND when it has none; malformed messages as above. */
enum wb_err wb_cose_sign1_kid(const void *message, size_t len, const uint8_t **kid,
                              size_t *kid_len) WB_MUST_USE;

#endif
