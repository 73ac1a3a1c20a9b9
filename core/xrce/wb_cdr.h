/* SPDX-License-Identifier: AGPL-3.0-only */
/* wb_cdr.h: CDR (XCDR version 1) values in and out of the caller's buffers, as DDS and ROS 2 use
 * it. Shape    cursors over borrowed bytes, one call a value, in order Order    each value is
 * aligned to its own size, counted from the stream's origin: the first byte, or the one after the
 * encapsulation header Limits   strings and sequences have the caller's bound; at most 2^32 - 1
 * bytes Memory   no heap; 20 bytes a cursor on 32-bit; strings and bytes read point into the input
 * Errors   sticky: after the first, reads give 0 or an empty string and writes do nothing
 * Source   OMG DDS-XTYPES 1.3 §7.4.3 (version 1 encoding), RTPS 2.5 §10 (encapsulation)
 */
#ifndef WB_CDR_H
#define WB_CDR_H

#include <string.h>

#include "wb_base.h"

#define WB_CDR_ENCAPSULATION_LEN 4u

/* Text of len bytes without a terminating zero. at NULL: absent, where a string is optional. */
struct wb_cdr_str {
    const char *at;
    uint32_t len;
};

/* A string literal or array as wb_cdr_str. */
#define WB_CDR_STR(literal)                                                                        \
    (struct wb_cdr_str)                                                                            \
    {                                                                                              \
        (literal), sizeof(literal) - 1                                                             \
    }

struct wb_cdr_reader { /* private, except err */
    const uint8_t *origin;
    size_t at;
    size_t len;
    enum wb_err err;
    bool is_big; /* big-endian */
};

/* Origin is the first byte. XRCE payloads are such streams: they have no encapsulation header. */
void wb_cdr_reader_init(struct wb_cdr_reader *r, const void *data, size_t len, bool is_big);
/* Reads the encapsulation header (CDR_BE or CDR_LE; the pad count in its options is taken off the
 * end), origin is the byte after it. Sets ERR_UNSUPPORTED for parameter lists and XCDR2. */
void wb_cdr_reader_init_encapsulated(struct wb_cdr_reader *r, const void *data, size_t len);
size_t wb_cdr_reader_left(const struct wb_cdr_reader *r);
/* Sets the sticky error unless one is there. */
void wb_cdr_reader_fail(struct wb_cdr_reader *r, enum wb_err err);

uint8_t wb_cdr_read_u8(struct wb_cdr_reader *r);
uint16_t wb_cdr_read_u16(struct wb_cdr_reader *r);
uint32_t wb_cdr_read_u32(struct wb_cdr_reader *r);
uint64_t wb_cdr_read_u64(struct wb_cdr_reader *r);
/* Sets ERR_VALUE for a byte that is neither 0 nor 1. */
bool wb_cdr_read_bool(struct wb_cdr_reader *r);
/* A string of at most len_max bytes. Sets ERR_LIMIT when longer, ERR_FORMAT when its terminating
 * zero is missing or not the only one. An encoded length of 0 (some peers) is the empty string. */
struct wb_cdr_str wb_cdr_read_str(struct wb_cdr_reader *r, uint32_t len_max);
/* Count of a sequence, at most count_max (else ERR_LIMIT). item_len_min (at least 1): the fewest
 * bytes an item takes; a count that cannot fit into what is left is ERR_END. */
uint32_t wb_cdr_read_count(struct wb_cdr_reader *r, uint32_t count_max, uint32_t item_len_min);
/* len bytes as they are (octet arrays); NULL after an error. */
const uint8_t *wb_cdr_read_bytes(struct wb_cdr_reader *r, size_t len);
/* A whole array of count numbers of item_len 1, 2, 4 or 8 bytes, in the machine's order. */
void wb_cdr_read_array(struct wb_cdr_reader *r, void *out, size_t item_len, size_t count);
/* Skips padding to a multiple of 1, 2, 4 or 8 from the origin. */
void wb_cdr_read_align(struct wb_cdr_reader *r, size_t multiple);

static inline int8_t wb_cdr_read_i8(struct wb_cdr_reader *r)
{
    return (int8_t)wb_cdr_read_u8(r);
}
static inline int16_t wb_cdr_read_i16(struct wb_cdr_reader *r)
{
    return (int16_t)wb_cdr_read_u16(r);
}
static inline int32_t wb_cdr_read_i32(struct wb_cdr_reader *r)
{
    return (int32_t)wb_cdr_read_u32(r);
}
static inline int64_t wb_cdr_read_i64(struct wb_cdr_reader *r)
{
    return (int64_t)wb_cdr_read_u64(r);
}
static inline float wb_cdr_read_f32(struct wb_cdr_reader *r)
{
    uint32_t bits = wb_cdr_read_u32(r);
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}
static inline double wb_cdr_read_f64(struct wb_cdr_reader *r)
{
    uint64_t bits = wb_cdr_read_u64(r);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

struct wb_cdr_writer { /* private, except len and err */
    uint8_t *origin;
    size_t cap;
    size_t len; /* bytes written, from the origin */
    enum wb_err err;
    bool is_big;
};

/* Origin is the first byte. Padding is written as zeros. */
void wb_cdr_writer_init(struct wb_cdr_writer *w, void *buf, size_t cap, bool is_big);
/* Writes an encapsulation header first; origin (and len) count from behind it. */
void wb_cdr_writer_init_encapsulated(struct wb_cdr_writer *w, void *buf, size_t cap, bool is_big);
void wb_cdr_writer_fail(struct wb_cdr_writer *w, enum wb_err err);
/* Pads an encapsulated stream to a multiple of 4 and notes the pad count in the header's options;
 * returns the length with the header, 0 after an error. */
size_t wb_cdr_writer_finish_encapsulated(struct wb_cdr_writer *w);

void wb_cdr_write_u8(struct wb_cdr_writer *w, uint8_t value);
void wb_cdr_write_u16(struct wb_cdr_writer *w, uint16_t value);
void wb_cdr_write_u32(struct wb_cdr_writer *w, uint32_t value);
void wb_cdr_write_u64(struct wb_cdr_writer *w, uint64_t value);
void wb_cdr_write_bool(struct wb_cdr_writer *w, bool value);
/* Sets ERR_LIMIT when the text is longer than len_max, ERR_VALUE when it holds a zero byte. */
void wb_cdr_write_str(struct wb_cdr_writer *w, struct wb_cdr_str text, uint32_t len_max);
void wb_cdr_write_bytes(struct wb_cdr_writer *w, const void *data, size_t len);
/* count numbers of item_len 1, 2, 4 or 8 bytes, taken in the machine's order. A sequence is its
 * count (wb_cdr_write_u32) and its array. */
void wb_cdr_write_array(struct wb_cdr_writer *w, const void *items, size_t item_len, size_t count);
void wb_cdr_write_align(struct wb_cdr_writer *w, size_t multiple);

static inline void wb_cdr_write_f32(struct wb_cdr_writer *w, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    wb_cdr_write_u32(w, bits);
}
static inline void wb_cdr_write_f64(struct wb_cdr_writer *w, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    wb_cdr_write_u64(w, bits);
}

#endif
