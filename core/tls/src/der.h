/* SPDX-License-Identifier: AGPL-3.0-only */
/* der.h: strict DER (X.690 §10) in and out, as much as X.509, PKCS#8 and PKCS#10 need.
 * Reading  on a wb_reader: sticky WB_ERR_FORMAT; lengths must be minimal and below 2^16
 * Writing  backwards from the end of the buffer, so that every length is known when it is written
 */
#ifndef WB_TLS_DER_H
#define WB_TLS_DER_H

#include "wb_base.h"
#include "wb_crypto.h"

enum der_tag {
    DER_BOOLEAN = 0x01,
    DER_INTEGER = 0x02,
    DER_BIT_STRING = 0x03,
    DER_OCTET_STRING = 0x04,
    DER_OID = 0x06,
    DER_UTF8_STRING = 0x0c,
    DER_PRINTABLE_STRING = 0x13,
    DER_IA5_STRING = 0x16,
    DER_UTC_TIME = 0x17,
    DER_GENERALIZED_TIME = 0x18,
    DER_SEQUENCE = 0x30,
    DER_SET = 0x31,
    DER_CONTEXT = 0x80, /* primitive [0] */
    DER_CONTEXT_CONSTRUCTED = 0xa0,
};

/* AlgorithmIdentifier of Ed25519 (RFC 8410 §3): SEQUENCE { OID 1.3.101.112 }, no parameters. */
#define DER_ED25519_LEN 7u
extern const uint8_t der_ed25519[DER_ED25519_LEN];

/* Tag of the next element, 0 at the end or after an error. */
uint8_t der_peek(const struct wb_reader *r);
/* Content of the next element, which must have this tag. */
struct wb_bytes der_take(struct wb_reader *r, uint8_t tag);
/* The next element with its header. */
struct wb_bytes der_take_whole(struct wb_reader *r, uint8_t tag);
/* Reader over the content of the next element; carries the error along. */
struct wb_reader der_enter(struct wb_reader *r, uint8_t tag);
/* Content of a BIT STRING of whole bytes. */
struct wb_bytes der_take_bits(struct wb_reader *r);
/* Fails the reader unless everything was read. */
void der_end(struct wb_reader *r);
bool der_is(struct wb_bytes a, const void *data, size_t len);

struct der_writer {
    uint8_t *buf;
    size_t at; /* first byte written; begins at cap */
    size_t cap;
    enum wb_err err;
};

void der_writer_init(struct der_writer *w, uint8_t *buf, size_t cap);
void der_put(struct der_writer *w, const void *data, size_t len);
void der_put_u8(struct der_writer *w, uint8_t value);
/* Puts tag and length before everything written since `end` (an earlier value of w->at). */
void der_put_header(struct der_writer *w, uint8_t tag, size_t end);
/* An element with this content. */
void der_put_element(struct der_writer *w, uint8_t tag, const void *data, size_t len);
/* A BIT STRING of whole bytes. */
void der_put_bits(struct der_writer *w, const void *data, size_t len);
/* Moves the result to the start of the buffer. */
enum wb_err der_finish(struct der_writer *w, size_t *len) WB_MUST_USE;

#endif
