/* SPDX-License-Identifier: AGPL-3.0-only */
/* Reading CBOR. read_head() takes one initial byte with its argument and refuses whatever
 * deterministic encoding does not produce; the public functions check its major type.
 * wb_cbor_skip() walks nested items with a small array of counters instead of recursion. */
#include "wb_cbor.h"

enum major { UINT, NINT, BYTES, TEXT, ARRAY, MAP, TAG, SIMPLE };

#define INDEFINITE 31 /* additional information of indefinite lengths and of the break code */

static uint64_t read_head(struct wb_cbor_reader *r, uint8_t *major, uint8_t *info);
static uint64_t read_typed(struct wb_cbor_reader *r, enum major wanted);
static struct wb_cbor_bytes read_string(struct wb_cbor_reader *r, enum major major, size_t len_max);

void wb_cbor_reader_init(struct wb_cbor_reader *r, const void *data, size_t len,
                         struct wb_fault *fault)
{
    r->begin = data;
    r->at = data;
    r->end = len == 0 ? r->at : r->at + len;
    r->fault = fault;
    r->err = WB_OK;
}

void wb_cbor_fail(struct wb_cbor_reader *r, enum wb_err err, const char *what)
{
    if (r->err == WB_OK) {
        r->err = err;
        (void)wb_fault_set(r->fault, err, what, NULL, (uint32_t)(r->at - r->begin), 0);
    }
}

enum wb_err wb_cbor_finish(struct wb_cbor_reader *r)
{
    if (r->at != r->end) {
        wb_cbor_fail(r, WB_ERR_FORMAT, "bytes after the last item");
    }
    return r->err;
}

enum wb_cbor_type wb_cbor_peek(const struct wb_cbor_reader *r)
{
    if (r->err != WB_OK || r->at == r->end) {
        return WB_CBOR_NONE;
    }
    uint8_t major = r->at[0] >> 5;
    uint8_t info = r->at[0] & 31;
    if (major != SIMPLE) {
        return (enum wb_cbor_type)major; /* the first seven names are the major types */
    }
    if (info == 20 || info == 21) {
        return WB_CBOR_BOOL;
    }
    if (info == 22) {
        return WB_CBOR_NULL;
    }
    return info >= 25 && info <= 27 ? WB_CBOR_FLOAT : WB_CBOR_SIMPLE;
}
_Static_assert(WB_CBOR_TAG == (enum wb_cbor_type)TAG, "peek relies on the order");

const uint8_t *wb_cbor_at(const struct wb_cbor_reader *r)
{
    return r->at;
}

uint64_t wb_cbor_read_uint(struct wb_cbor_reader *r, uint64_t max)
{
    const uint8_t *at = r->at;
    uint64_t value = read_typed(r, UINT);
    if (value > max) {
        r->at = at;
        wb_cbor_fail(r, WB_ERR_VALUE, "number too large");
        return 0;
    }
    return value;
}

int64_t wb_cbor_read_int(struct wb_cbor_reader *r)
{
    const uint8_t *at = r->at;
    enum major major = wb_cbor_peek(r) == WB_CBOR_NINT ? NINT : UINT;
    uint64_t value = read_typed(r, major);
    if (value > INT64_MAX) {
        r->at = at;
        wb_cbor_fail(r, WB_ERR_VALUE, "number too large");
        return 0;
    }
    return major == NINT && r->err == WB_OK ? -1 - (int64_t)value : (int64_t)value;
}

struct wb_cbor_bytes wb_cbor_read_bytes(struct wb_cbor_reader *r, size_t len_max)
{
    return read_string(r, BYTES, len_max);
}

const uint8_t *wb_cbor_read_bytes_exact(struct wb_cbor_reader *r, size_t len)
{
    const uint8_t *at = r->at;
    struct wb_cbor_bytes bytes = read_string(r, BYTES, SIZE_MAX);
    if (r->err == WB_OK && bytes.len != len) {
        r->at = at;
        wb_cbor_fail(r, WB_ERR_VALUE, "byte string of another length");
    }
    return r->err == WB_OK ? bytes.data : NULL;
}

struct wb_cbor_text wb_cbor_read_text(struct wb_cbor_reader *r, size_t len_max)
{
    const uint8_t *at = r->at;
    struct wb_cbor_bytes bytes = read_string(r, TEXT, len_max);
    if (wb_cbor_utf8_prefix(bytes.data, bytes.len) != bytes.len) {
        r->at = at;
        wb_cbor_fail(r, WB_ERR_FORMAT, "text is not UTF-8");
        return (struct wb_cbor_text){NULL, 0};
    }
    return (struct wb_cbor_text){(const char *)bytes.data, bytes.len};
}

/* An item has at least one byte, so `each` times the count never exceeds what is left. */
static size_t read_count(struct wb_cbor_reader *r, enum major major, size_t count_max, size_t each)
{
    const uint8_t *at = r->at;
    uint64_t count = read_typed(r, major);
    const char *what = "too many items";
    enum wb_err err = WB_OK;
    if (count > (size_t)(r->end - r->at) / each) {
        err = WB_ERR_END;
        what = "more items announced than there are bytes";
    } else if (count > count_max) {
        err = WB_ERR_LIMIT;
    }
    if (err != WB_OK) {
        r->at = at;
        wb_cbor_fail(r, err, what);
        return 0;
    }
    return (size_t)count;
}

size_t wb_cbor_read_array(struct wb_cbor_reader *r, size_t count_max)
{
    return read_count(r, ARRAY, count_max, 1);
}

size_t wb_cbor_read_map(struct wb_cbor_reader *r, size_t count_max)
{
    return read_count(r, MAP, count_max, 2);
}

uint64_t wb_cbor_read_tag(struct wb_cbor_reader *r)
{
    return read_typed(r, TAG);
}

/* Simple values 20 to 22; one of them, or one of two. */
static uint8_t read_simple(struct wb_cbor_reader *r, enum wb_cbor_type type)
{
    if (wb_cbor_peek(r) != type) {
        wb_cbor_fail(r, r->at == r->end ? WB_ERR_END : WB_ERR_TYPE, "item of another type");
        return 0;
    }
    return *r->at++;
}

bool wb_cbor_read_bool(struct wb_cbor_reader *r)
{
    return read_simple(r, WB_CBOR_BOOL) == (SIMPLE << 5 | 21);
}

void wb_cbor_read_null(struct wb_cbor_reader *r)
{
    (void)read_simple(r, WB_CBOR_NULL);
}

void wb_cbor_skip(struct wb_cbor_reader *r)
{
    size_t left[WB_CBOR_DEPTH_MAX + 1]; /* items to come at each level */
    size_t depth = 0;
    left[0] = 1;
    while (r->err == WB_OK) {
        if (left[depth] == 0) {
            if (depth == 0) {
                return;
            }
            depth--;
            continue;
        }
        left[depth]--;
        switch (wb_cbor_peek(r)) {
        case WB_CBOR_BYTES: (void)wb_cbor_read_bytes(r, SIZE_MAX); break;
        case WB_CBOR_TEXT: (void)wb_cbor_read_text(r, SIZE_MAX); break;
        case WB_CBOR_ARRAY:
        case WB_CBOR_MAP: {
            if (depth == WB_CBOR_DEPTH_MAX) {
                wb_cbor_fail(r, WB_ERR_LIMIT, "nested too deeply");
                return;
            }
            bool map = wb_cbor_peek(r) == WB_CBOR_MAP;
            size_t count =
                map ? wb_cbor_read_map(r, SIZE_MAX) * 2 : wb_cbor_read_array(r, SIZE_MAX);
            left[++depth] = count;
            break;
        }
        case WB_CBOR_TAG:
            (void)wb_cbor_read_tag(r);
            left[depth]++; /* the tagged item */
            break;
        case WB_CBOR_UINT:
        case WB_CBOR_NINT:
        case WB_CBOR_BOOL:
        case WB_CBOR_NULL:
        case WB_CBOR_SIMPLE:
        case WB_CBOR_FLOAT:
        case WB_CBOR_NONE: {
            uint8_t major;
            uint8_t info;
            (void)read_head(r, &major, &info);
            break;
        }
        }
    }
}

struct wb_cbor_bytes wb_cbor_read_raw(struct wb_cbor_reader *r)
{
    const uint8_t *at = r->at;
    wb_cbor_skip(r);
    if (r->err != WB_OK) {
        return (struct wb_cbor_bytes){NULL, 0};
    }
    return (struct wb_cbor_bytes){at, (size_t)(r->at - at)};
}

/* Initial byte and argument. Moves on success only. RFC 8949 §3: additional information 24 to 27
 * says that 1, 2, 4 or 8 bytes follow; 28 to 30 are reserved; 31 is an indefinite length or the
 * break code. */
static uint64_t read_head(struct wb_cbor_reader *r, uint8_t *major, uint8_t *info)
{
    const char *what = "input ends inside an item";
    enum wb_err err = WB_ERR_END;
    *major = 0;
    *info = 0;
    if (r->err != WB_OK) {
        return 0;
    }
    size_t have = (size_t)(r->end - r->at);
    if (have == 0) {
        goto fail;
    }
    *major = r->at[0] >> 5;
    *info = r->at[0] & 31;
    uint64_t value = *info;
    if (*info >= 28) {
        err = WB_ERR_FORMAT;
        what = *info == INDEFINITE ? "indefinite length" : "reserved additional information";
        goto fail;
    }
    size_t more = 0;
    if (*info >= 24) {
        more = (size_t)1 << (*info - 24);
        if (have - 1 < more) {
            goto fail;
        }
        value = 0;
        for (size_t i = 1; i <= more; i++) {
            value = value << 8 | r->at[i];
        }
        /* One step shorter must not have been enough: below 24, or a zero upper half. Floats are as
         * long as they are; simple values below 32 have no second byte (§3.3). */
        bool longer = more == 1 ? value < (*major == SIMPLE ? 32u : 24u)
                                : *major != SIMPLE && value >> (more * 4) == 0;
        if (longer) {
            err = WB_ERR_FORMAT;
            what = "not in shortest form";
            goto fail;
        }
    }
    r->at += 1 + more;
    return value;
fail:
    wb_cbor_fail(r, err, what);
    return 0;
}

static uint64_t read_typed(struct wb_cbor_reader *r, enum major wanted)
{
    const uint8_t *at = r->at;
    uint8_t major;
    uint8_t info;
    uint64_t value = read_head(r, &major, &info);
    if (r->err != WB_OK) {
        return 0;
    }
    if (major != wanted) {
        r->at = at;
        wb_cbor_fail(r, WB_ERR_TYPE, "item of another type");
        return 0;
    }
    return value;
}

static struct wb_cbor_bytes read_string(struct wb_cbor_reader *r, enum major major, size_t len_max)
{
    const uint8_t *at = r->at;
    uint64_t len = read_typed(r, major);
    enum wb_err err = r->err;
    if (len > (size_t)(r->end - r->at)) {
        err = WB_ERR_END;
    } else if (len > len_max) {
        err = WB_ERR_LIMIT;
    }
    if (err != WB_OK) {
        r->at = at;
        wb_cbor_fail(r, err, err == WB_ERR_END ? "input ends inside a string" : "string too long");
        return (struct wb_cbor_bytes){NULL, 0};
    }
    struct wb_cbor_bytes bytes = {r->at, (size_t)len};
    r->at += len;
    return bytes;
}

/* RFC 3629 §4: shortest form, no surrogates, nothing above U+10FFFF. */
size_t wb_cbor_utf8_prefix(const void *text, size_t len)
{
    const uint8_t *bytes = text;
    size_t at = 0;
    while (at < len) {
        uint8_t lead = bytes[at];
        size_t more = lead < 0x80 ? 0 : lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
        if ((lead >= 0x80 && lead < 0xc2) || lead > 0xf4 || len - at <= more) {
            return at;
        }
        /* The second byte decides about overlong forms, surrogates and the upper end. */
        uint8_t low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
        uint8_t high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
        for (size_t i = 1; i <= more; i++) {
            if (bytes[at + i] < low || bytes[at + i] > high) {
                return at;
            }
            low = 0x80;
            high = 0xbf;
        }
        at += 1 + more;
    }
    return len;
}
