/* SPDX-License-Identifier: AGPL-3.0-only */
/* COSE_Sign1 (RFC 9052 §4.2):
 *
 *     18([ bstr .cbor {1: -8, ? 4: kid}, {}, payload bstr / nil, signature bstr ])
 *
 * What is signed is the Sig_structure (§4.4), which is never built: its parts go to Ed25519 as
 * pieces. */
#include "wb_cose.h"

#include "wb_cbor.h"
#include "wb_crypto.h"

#include <string.h>

enum {
    TAG_SIGN1 = 18,
    LABEL_ALG = 1,
    LABEL_CRIT = 2,
    LABEL_KID = 4,
    ALG_EDDSA = -8,
    SIGNATURE_LEN = 64,
    HEAD_MAX = 9, /* head of a CBOR item */
};

/* The Sig_structure in pieces: ["Signature1", protected, external_aad, payload]. */
struct to_be_signed {
    uint8_t start[1 + 11 + HEAD_MAX];
    uint8_t aad_head[HEAD_MAX];
    uint8_t payload_head[HEAD_MAX];
    struct wb_bytes pieces[6];
};

static void to_be_signed_init(struct to_be_signed *t, const void *protected_header,
                              size_t protected_len, const void *external_aad, size_t aad_len,
                              const void *payload, size_t payload_len)
{
    struct wb_writer w;
    wb_writer_init(&w, t->start, sizeof t->start);
    wb_cbor_write_array(&w, 4);
    wb_cbor_write_text(&w, "Signature1", 10);
    wb_cbor_write_bytes_head(&w, protected_len);
    t->pieces[0] = (struct wb_bytes){t->start, w.len};
    t->pieces[1] = (struct wb_bytes){protected_header, protected_len};
    wb_writer_init(&w, t->aad_head, sizeof t->aad_head);
    wb_cbor_write_bytes_head(&w, aad_len);
    t->pieces[2] = (struct wb_bytes){t->aad_head, w.len};
    t->pieces[3] = (struct wb_bytes){external_aad, aad_len};
    wb_writer_init(&w, t->payload_head, sizeof t->payload_head);
    wb_cbor_write_bytes_head(&w, payload_len);
    t->pieces[4] = (struct wb_bytes){t->payload_head, w.len};
    t->pieces[5] = (struct wb_bytes){payload, payload_len};
}

/* ---- writing ------------------------------------------------------------------------------ */

enum wb_err wb_cose_sign1_write_kid(uint8_t *out, size_t cap, size_t *len,
                                    const uint8_t private_key[32], const uint8_t public_key[32],
                                    const void *kid, size_t kid_len, const void *payload,
                                    size_t payload_len, const void *external_aad, size_t aad_len,
                                    bool detached)
{
    uint8_t header[8 + WB_COSE_KID_MAX];
    struct wb_writer h, w;
    if (kid_len > WB_COSE_KID_MAX) {
        return WB_ERR_LIMIT;
    }
    wb_writer_init(&h, header, sizeof header);
    wb_cbor_write_map(&h, kid_len > 0 ? 2 : 1);
    wb_cbor_write_int(&h, LABEL_ALG);
    wb_cbor_write_int(&h, ALG_EDDSA);
    if (kid_len > 0) {
        wb_cbor_write_int(&h, LABEL_KID);
        wb_cbor_write_bytes(&h, kid, kid_len);
    }
    WB_ASSERT(h.err == WB_OK);

    wb_writer_init(&w, out, cap);
    wb_cbor_write_tag(&w, TAG_SIGN1);
    wb_cbor_write_array(&w, 4);
    wb_cbor_write_bytes(&w, header, h.len);
    wb_cbor_write_map(&w, 0);
    if (detached) {
        wb_cbor_write_null(&w);
    } else {
        wb_cbor_write_bytes(&w, payload, payload_len);
    }
    wb_cbor_write_bytes_head(&w, SIGNATURE_LEN);
    WB_TRY(w.err);
    if (cap - w.len < SIGNATURE_LEN) {
        return WB_ERR_SPACE;
    }
    struct to_be_signed t;
    to_be_signed_init(&t, header, h.len, external_aad, aad_len, payload, payload_len);
    wb_ed25519_sign_pieces(out + w.len, private_key, public_key, t.pieces, WB_ARRAY_LEN(t.pieces));
    *len = w.len + SIGNATURE_LEN;
    return WB_OK;
}

enum wb_err wb_cose_sign1_write(uint8_t *out, size_t cap, size_t *len,
                                const uint8_t private_key[32], const uint8_t public_key[32],
                                const void *payload, size_t payload_len, const void *external_aad,
                                size_t aad_len, bool detached)
{
    return wb_cose_sign1_write_kid(out, cap, len, private_key, public_key, NULL, 0, payload,
                                   payload_len, external_aad, aad_len, detached);
}

/* ---- reading ------------------------------------------------------------------------------ */

struct sign1 {
    struct wb_cbor_bytes protected_header;
    struct wb_cbor_bytes payload; /* data NULL: detached */
    const uint8_t *signature;
    struct wb_cbor_bytes kid; /* data NULL: none */
    bool is_eddsa;
    bool is_critical;
};

/* A header map. Keys must ascend, as deterministic encoding has them; so none comes twice. */
static void read_header(struct wb_cbor_reader *r, struct sign1 *m, bool is_protected)
{
    struct wb_cbor_bytes last = {NULL, 0};
    size_t count = wb_cbor_read_map(r, SIZE_MAX);
    for (; count > 0 && r->err == WB_OK; count--) {
        struct wb_cbor_reader at_label = *r;
        struct wb_cbor_bytes key = wb_cbor_read_raw(r);
        if (r->err != WB_OK) {
            return;
        }
        if (last.data != NULL) {
            size_t common = last.len < key.len ? last.len : key.len;
            if (memcmp(last.data, key.data, common) >= 0) {
                wb_cbor_fail(r, WB_ERR_FORMAT, "header labels are not in ascending order");
                return;
            }
        }
        last = key;
        enum wb_cbor_type type = wb_cbor_peek(&at_label);
        if (type == WB_CBOR_TEXT) { /* §1.5: a label is an integer or a text */
            wb_cbor_skip(r);
            continue;
        }
        int64_t label = wb_cbor_read_int(&at_label);
        if (at_label.err != WB_OK) {
            wb_cbor_fail(r, WB_ERR_FORMAT, "header label is neither integer nor text");
            return;
        }
        switch (label) {
        case LABEL_ALG:
            if (!is_protected) { /* §4.4 signs the protected header only */
                wb_cbor_fail(r, WB_ERR_FORMAT, "algorithm is not protected");
                return;
            }
            if (wb_cbor_peek(r) == WB_CBOR_NINT) {
                m->is_eddsa = wb_cbor_read_int(r) == ALG_EDDSA;
            } else {
                wb_cbor_skip(r);
            }
            break;
        case LABEL_CRIT:
            m->is_critical = true;
            wb_cbor_skip(r);
            break;
        case LABEL_KID: {
            if (m->kid.data != NULL) { /* §3: a label must not occur in both maps */
                wb_cbor_fail(r, WB_ERR_FORMAT, "key id occurs twice");
                return;
            }
            m->kid = wb_cbor_read_bytes(r, SIZE_MAX);
            break;
        }
        default: wb_cbor_skip(r); break;
        }
    }
}

static enum wb_err read_message(struct sign1 *m, const void *message, size_t len)
{
    struct wb_cbor_reader r, protected_reader;
    memset(m, 0, sizeof *m);
    wb_cbor_reader_init(&r, message, len, NULL);
    if (wb_cbor_peek(&r) == WB_CBOR_TAG && wb_cbor_read_tag(&r) != TAG_SIGN1) {
        wb_cbor_fail(&r, WB_ERR_TYPE, "tag of another structure than COSE_Sign1");
    }
    if (wb_cbor_read_array(&r, 4) != 4) {
        wb_cbor_fail(&r, WB_ERR_FORMAT, "COSE_Sign1 has four parts");
    }
    m->protected_header = wb_cbor_read_bytes(&r, SIZE_MAX);
    WB_TRY(r.err);
    if (m->protected_header.len > 0) { /* §3: an empty map is encoded as no bytes */
        wb_cbor_reader_init(&protected_reader, m->protected_header.data, m->protected_header.len,
                            NULL);
        read_header(&protected_reader, m, true);
        WB_TRY(wb_cbor_finish(&protected_reader));
    }
    read_header(&r, m, false);
    if (wb_cbor_peek(&r) == WB_CBOR_NULL) {
        wb_cbor_read_null(&r);
    } else {
        m->payload = wb_cbor_read_bytes(&r, SIZE_MAX);
    }
    m->signature = wb_cbor_read_bytes_exact(&r, SIGNATURE_LEN);
    return wb_cbor_finish(&r);
}

enum wb_err wb_cose_sign1_verify(const void *message, size_t len, const uint8_t public_key[32],
                                 const void *detached_payload, size_t detached_len,
                                 const void *external_aad, size_t aad_len, const uint8_t **payload,
                                 size_t *payload_len)
{
    struct sign1 m;
    WB_TRY(read_message(&m, message, len));
    if (!m.is_eddsa || m.is_critical) {
        return WB_ERR_UNSUPPORTED;
    }
    if ((m.payload.data != NULL) == (detached_payload != NULL)) {
        return WB_ERR_STATE;
    }
    const uint8_t *content = detached_payload != NULL ? detached_payload : m.payload.data;
    size_t content_len = detached_payload != NULL ? detached_len : m.payload.len;
    struct to_be_signed t;
    to_be_signed_init(&t, m.protected_header.data, m.protected_header.len, external_aad, aad_len,
                      content, content_len);
    WB_TRY(wb_ed25519_verify_pieces(m.signature, public_key, t.pieces, WB_ARRAY_LEN(t.pieces)));
    if (payload != NULL) {
        *payload = content;
    }
    if (payload_len != NULL) {
        *payload_len = content_len;
    }
    return WB_OK;
}

enum wb_err wb_cose_sign1_kid(const void *message, size_t len, const uint8_t **kid, size_t *kid_len)
{
    struct sign1 m;
    WB_TRY(read_message(&m, message, len));
    if (m.kid.data == NULL) {
        return WB_ERR_NOT_FOUND;
    }
    *kid = m.kid.data;
    *kid_len = m.kid.len;
    return WB_OK;
}
