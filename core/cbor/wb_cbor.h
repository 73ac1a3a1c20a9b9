/* SPDX-License-Identifier: AGPL-3.0-only */
/* wb_cbor.h: CBOR items in and out of the caller's buffers.
 * Shape    a cursor over borrowed bytes, one call an item, in order; writing goes through wb_writer
 * Limits   nesting of a skipped item WB_CBOR_DEPTH_MAX; lengths up to what the input holds
 * Memory   no heap; 20 bytes a reader on 32-bit; strings point into the input
 * Errors   sticky: after the first, reads return 0 or NULL and err stays. Check err (or
 *          wb_cbor_finish) before a value is used for anything that lasts
 * Accepts  what deterministic encoding produces: definite lengths, shortest integers. Floats and
 *          simple values can only be skipped. The order of map keys is the caller's business
 * Source   RFC 8949 §3, §4.2.1 (core deterministic encoding)
 *
 *     struct wb_cbor_reader r;                         struct wb_writer w;
 *     wb_cbor_reader_init(&r, data, len, &fault);      wb_writer_init(&w, buf, cap);
 *     size_t items = wb_cbor_read_array(&r, 2);        wb_cbor_write_array(&w, 2);
 *     uint64_t type = wb_cbor_read_uint(&r, 255);      wb_cbor_write_uint(&w, 35);
 *     struct wb_cbor_bytes b = wb_cbor_read_bytes(…);  wb_cbor_write_bytes(&w, data, len);
 *     WB_TRY(wb_cbor_finish(&r));                      WB_TRY(w.err);
 */
#ifndef WB_CBOR_H
#define WB_CBOR_H

#include "wb_base.h"

/* Arrays and maps inside one another that wb_cbor_skip() walks through. */
#define WB_CBOR_DEPTH_MAX 16u

/* A byte string, or a run of raw CBOR; borrows the input. data is NULL only after an error or when
 * absent. */
struct wb_cbor_bytes {
    const uint8_t *data;
    size_t len;
};

/* A text string, UTF-8, not terminated; borrows the input. */
struct wb_cbor_text {
    const char *data;
    size_t len;
};

/* ---- reading ------------------------------------------------------------------------------ */

struct wb_cbor_reader { /* private */
    const uint8_t *begin;
    const uint8_t *at;
    const uint8_t *end;
    struct wb_fault *fault;
    enum wb_err err;
};

enum wb_cbor_type {
    WB_CBOR_UINT,   /* major type 0 */
    WB_CBOR_NINT,   /* major type 1: -1 and below */
    WB_CBOR_BYTES,  /* major type 2 */
    WB_CBOR_TEXT,   /* major type 3 */
    WB_CBOR_ARRAY,  /* major type 4 */
    WB_CBOR_MAP,    /* major type 5 */
    WB_CBOR_TAG,    /* major type 6 */
    WB_CBOR_BOOL,   /* simple values 20, 21 */
    WB_CBOR_NULL,   /* simple value 22 */
    WB_CBOR_SIMPLE, /* other simple values, undefined among them: skip only */
    WB_CBOR_FLOAT,  /* half, single, double: skip only */
    WB_CBOR_NONE,   /* input ends here, or an error happened before */
};

/* fault may be NULL; else it is kept until the reader's last use and gets the first error with
 * where[0] = offset of the offending item from data. */
void wb_cbor_reader_init(struct wb_cbor_reader *r, const void *data, size_t len,
                         struct wb_fault *fault);

/* Type of the next item, from its first byte alone: reading it may still fail. */
enum wb_cbor_type wb_cbor_peek(const struct wb_cbor_reader *r);

/* Errors of all reads: WB_ERR_END input ends before the item does; WB_ERR_TYPE another type than
 * asked for; WB_ERR_FORMAT not well-formed, not deterministic (indefinite length, longer than
 * needed) or text that is not UTF-8; WB_ERR_VALUE a number above max; WB_ERR_LIMIT a length or
 * count above its max. */
uint64_t wb_cbor_read_uint(struct wb_cbor_reader *r, uint64_t max);
/* Major types 0 and 1, from INT64_MIN to INT64_MAX. */
int64_t wb_cbor_read_int(struct wb_cbor_reader *r);
struct wb_cbor_bytes wb_cbor_read_bytes(struct wb_cbor_reader *r, size_t len_max);
/* A byte string of exactly len bytes; another length is WB_ERR_VALUE. */
const uint8_t *wb_cbor_read_bytes_exact(struct wb_cbor_reader *r, size_t len);
struct wb_cbor_text wb_cbor_read_text(struct wb_cbor_reader *r, size_t len_max);
/* Number of items (array) or of key-value pairs (map) that follow. Never more than the rest of the
 * input can hold, so a loop over it ends soon even when the input lies. */
size_t wb_cbor_read_array(struct wb_cbor_reader *r, size_t count_max);
size_t wb_cbor_read_map(struct wb_cbor_reader *r, size_t count_max);
/* Tag number; the tagged item follows. */
uint64_t wb_cbor_read_tag(struct wb_cbor_reader *r);
bool wb_cbor_read_bool(struct wb_cbor_reader *r);
void wb_cbor_read_null(struct wb_cbor_reader *r);

/* Passes over one item of any type with everything inside it, checking it on the way. Nesting above
 * WB_CBOR_DEPTH_MAX is WB_ERR_LIMIT. */
void wb_cbor_skip(struct wb_cbor_reader *r);
/* The same, and borrows the item's encoding. */
struct wb_cbor_bytes wb_cbor_read_raw(struct wb_cbor_reader *r);

/* Where the next item starts; the end of the input when there is none. */
const uint8_t *wb_cbor_at(const struct wb_cbor_reader *r);

/* Length of the longest prefix that is valid UTF-8 and ends with a whole character; len when all
 * is. For text that comes from elsewhere and is to be written. */
size_t wb_cbor_utf8_prefix(const void *text, size_t len);

/* Makes the reader fail with err at the current offset unless it failed before. For the caller's
 * own checks on what it read. what is static text. */
void wb_cbor_fail(struct wb_cbor_reader *r, enum wb_err err, const char *what);

/* First error, or WB_ERR_FORMAT when input is left over. */
enum wb_err wb_cbor_finish(struct wb_cbor_reader *r) WB_MUST_USE;

/* ---- writing ------------------------------------------------------------------------------ */

/* All in shortest form. Errors: w->err, WB_ERR_SPACE. The caller writes as many items as it
 * announced, and map keys in ascending order of their encodings. */
void wb_cbor_write_uint(struct wb_writer *w, uint64_t value);
void wb_cbor_write_int(struct wb_writer *w, int64_t value);
void wb_cbor_write_bytes(struct wb_writer *w, const void *data, size_t len);
void wb_cbor_write_text(struct wb_writer *w, const char *text, size_t len);
void wb_cbor_write_array(struct wb_writer *w, size_t count);
void wb_cbor_write_map(struct wb_writer *w, size_t pairs);
void wb_cbor_write_tag(struct wb_writer *w, uint64_t tag);
void wb_cbor_write_bool(struct wb_writer *w, bool value);
void wb_cbor_write_null(struct wb_writer *w);
/* Items that are encoded already. */
void wb_cbor_write_raw(struct wb_writer *w, const void *items, size_t len);
/* Head of a byte string of len bytes that the caller writes itself, piece by piece. */
void wb_cbor_write_bytes_head(struct wb_writer *w, size_t len);

#endif
