/* SPDX-License-Identifier: AGPL-3.0-only */
/* PEM as RFC 7468 defines it, strictly: one label, lines of base64, padding at the end only,
 * nothing behind it. */
#include "wb_pem.h"

#include <string.h>

#define LINE_LEN 64u

static const char begin_mark[] = "-----BEGIN ";
static const char end_mark[] = "-----END ";
static const char dashes[] = "-----";

void wb_pem_init(struct wb_pem *pem, const void *text, size_t len)
{
    *pem = (struct wb_pem){.text = text, .len = len};
}

/* Borrows the next line without its end; false when the text is over. */
static bool next_line(struct wb_pem *pem, const char **line, size_t *len)
{
    if (pem->at >= pem->len) {
        return false;
    }
    *line = pem->text + pem->at;
    size_t left = pem->len - pem->at;
    const char *newline = memchr(*line, '\n', left);
    *len = newline != NULL ? (size_t)(newline - *line) : left;
    pem->at += newline != NULL ? *len + 1 : left;
    pem->line++;
    while (*len > 0 &&
           ((*line)[*len - 1] == '\r' || (*line)[*len - 1] == ' ' || (*line)[*len - 1] == '\t')) {
        (*len)--;
    }
    return true;
}

static bool has_prefix(const char *line, size_t len, const char *prefix)
{
    size_t prefix_len = strlen(prefix);
    return len >= prefix_len && memcmp(line, prefix, prefix_len) == 0;
}

static enum wb_err fail(struct wb_pem *pem, enum wb_err code, const char *what, const char *hint)
{
    return wb_fault_set(&pem->fault, code, what, hint, pem->block, pem->line);
}

/* Copies the label of a BEGIN or END line; false when the line is not of that form. */
static bool read_label(const char *line, size_t len, const char *mark,
                       char label[WB_PEM_LABEL_MAX + 1])
{
    size_t mark_len = strlen(mark);
    size_t dashes_len = strlen(dashes);
    if (len < mark_len + dashes_len + 1 || len - mark_len - dashes_len > WB_PEM_LABEL_MAX ||
        memcmp(line + len - dashes_len, dashes, dashes_len) != 0) {
        return false;
    }
    size_t label_len = len - mark_len - dashes_len;
    memcpy(label, line + mark_len, label_len);
    label[label_len] = '\0';
    return memchr(label, '\0', label_len) == NULL;
}

/* Value of a base64 digit without a table lookup, since the text may be a private key; -1 for
 * others. */
static int digit_value(uint8_t c)
{
    int value = -1;
    /* Each term is all ones where c lies in the range, and contributes value + 1. */
    value += (((int)('A' - 1 - c) & (int)(c - 'Z' - 1)) >> 8) & (c - 'A' + 1);
    value += (((int)('a' - 1 - c) & (int)(c - 'z' - 1)) >> 8) & (c - 'a' + 27);
    value += (((int)('0' - 1 - c) & (int)(c - '9' - 1)) >> 8) & (c - '0' + 53);
    value += (((int)('+' - 1 - c) & (int)(c - '+' - 1)) >> 8) & 63;
    value += (((int)('/' - 1 - c) & (int)(c - '/' - 1)) >> 8) & 64;
    return value;
}

struct base64 {
    uint32_t bits;
    unsigned digits;  /* of the current group */
    unsigned padding; /* '=' seen */
};

static enum wb_err decode_line(struct wb_pem *pem, struct base64 *b, const char *line, size_t len,
                               uint8_t *der, size_t cap, size_t *used)
{
    for (size_t i = 0; i < len; i++) {
        uint8_t c = (uint8_t)line[i];
        int value = 0;
        if (c == '=') {
            if (b->digits < 2) {
                return fail(pem, WB_ERR_FORMAT, "PEM: padding in the wrong place", NULL);
            }
            b->padding++;
        } else {
            value = digit_value(c);
            if (value < 0) {
                return fail(pem, WB_ERR_FORMAT, "PEM: character that is not base64",
                            c == ':' ? "encrypted and old-style keys with headers are not supported"
                                     : NULL);
            }
            if (b->padding > 0) {
                return fail(pem, WB_ERR_FORMAT, "PEM: data after the padding", NULL);
            }
        }
        b->bits = b->bits << 6 | (uint32_t)value;
        if (++b->digits < 4) {
            continue;
        }
        unsigned count = 3 - b->padding;
        if (b->padding > 2 || (count < 3 && (b->bits & ((1u << 8 * b->padding) - 1)) != 0)) {
            return fail(pem, WB_ERR_FORMAT, "PEM: padding is malformed", NULL);
        }
        if (cap - *used < count) {
            return fail(pem, WB_ERR_SPACE, "PEM: block is longer than the space for it", NULL);
        }
        for (unsigned k = 0; k < count; k++) {
            der[(*used)++] = (uint8_t)(b->bits >> (16 - 8 * k));
        }
        b->bits = 0;
        b->digits = 0;
    }
    return WB_OK;
}

static enum wb_err decode_block(struct wb_pem *pem, const char *label, uint8_t *der, size_t cap,
                                size_t *used)
{
    struct base64 b = {0};
    const char *line;
    size_t len;
    while (next_line(pem, &line, &len)) {
        if (has_prefix(line, len, end_mark)) {
            char end_label[WB_PEM_LABEL_MAX + 1];
            if (!read_label(line, len, end_mark, end_label) || strcmp(label, end_label) != 0) {
                return fail(pem, WB_ERR_FORMAT, "PEM: END line does not match the BEGIN line",
                            NULL);
            }
            if (b.digits != 0) {
                return fail(pem, WB_ERR_FORMAT, "PEM: base64 data is cut short", NULL);
            }
            if (*used == 0) {
                return fail(pem, WB_ERR_FORMAT, "PEM: block is empty", NULL);
            }
            return WB_OK;
        }
        WB_TRY(decode_line(pem, &b, line, len, der, cap, used));
    }
    return fail(pem, WB_ERR_FORMAT, "PEM: END line is missing", "is the file truncated?");
}

enum wb_err wb_pem_next(struct wb_pem *pem, char label[WB_PEM_LABEL_MAX + 1], uint8_t *der,
                        size_t cap, size_t *len)
{
    const char *line;
    size_t line_len;
    if (pem->fault.code != WB_OK) {
        return pem->fault.code;
    }
    while (next_line(pem, &line, &line_len)) {
        if (!has_prefix(line, line_len, begin_mark)) {
            continue;
        }
        if (!read_label(line, line_len, begin_mark, label)) {
            return fail(pem, WB_ERR_FORMAT, "PEM: malformed BEGIN line", NULL);
        }
        size_t used = 0;
        enum wb_err err = decode_block(pem, label, der, cap, &used);
        if (err != WB_OK) {
            wb_wipe(der, used);
            return err;
        }
        pem->block++;
        *len = used;
        return WB_OK;
    }
    return WB_ERR_NOT_FOUND;
}

enum wb_err wb_pem_find(const void *text, size_t text_len, const char *label, uint8_t *der,
                        size_t cap, size_t *len, struct wb_fault *fault)
{
    struct wb_pem pem;
    char found[WB_PEM_LABEL_MAX + 1];
    size_t found_len;
    wb_pem_init(&pem, text, text_len);
    for (;;) {
        enum wb_err err = wb_pem_next(&pem, found, der, cap, &found_len);
        if (err == WB_ERR_NOT_FOUND) {
            break;
        }
        if (err != WB_OK) {
            return wb_fault_set(fault, err, pem.fault.what, pem.fault.hint, pem.fault.where[0],
                                pem.fault.where[1]);
        }
        if (strcmp(found, label) == 0) {
            *len = found_len;
            return WB_OK;
        }
        wb_wipe(der, found_len);
    }
    if (pem.block == 0) {
        return wb_fault_set(fault, WB_ERR_NOT_FOUND, "PEM: no block in this text",
                            "a PEM block begins with -----BEGIN", 0, pem.line);
    }
    return wb_fault_set(fault, WB_ERR_TYPE, "PEM: there are blocks, but none of the wanted kind",
                        NULL, pem.block, pem.line);
}

/* ---- writing ---- */

/* The inverse of digit_value(), also without a table. */
static char digit_of(uint32_t value)
{
    int v = (int)value;
    int c = v + 'A';
    c += ((25 - v) >> 8) & ('a' - 26 - 'A');
    c += ((51 - v) >> 8) & ('0' - 52 - ('a' - 26));
    c += ((61 - v) >> 8) & ('+' - 62 - ('0' - 52));
    c += ((62 - v) >> 8) & ('/' - 63 - ('+' - 62));
    return (char)c;
}

size_t wb_pem_len(const char *label, size_t der_len)
{
    size_t digits = (der_len + 2) / 3 * 4;
    size_t lines = (digits + LINE_LEN - 1) / LINE_LEN;
    size_t marks = strlen(begin_mark) + strlen(end_mark) + 2 * (strlen(label) + strlen(dashes) + 1);
    return marks + digits + lines;
}

static size_t put_text(char *text, size_t at, const char *part)
{
    size_t len = strlen(part);
    memcpy(text + at, part, len);
    return at + len;
}

enum wb_err wb_pem_write(const char *label, const void *der, size_t der_len, char *text, size_t cap,
                         size_t *len)
{
    const uint8_t *in = der;
    if (cap < wb_pem_len(label, der_len)) {
        return WB_ERR_SPACE;
    }
    size_t at = put_text(text, 0, begin_mark);
    at = put_text(text, at, label);
    at = put_text(text, at, dashes);
    for (size_t i = 0; i < der_len; i += 3) {
        uint32_t bits = (uint32_t)in[i] << 16;
        bits |= i + 1 < der_len ? (uint32_t)in[i + 1] << 8 : 0;
        bits |= i + 2 < der_len ? in[i + 2] : 0u;
        if (i % (LINE_LEN / 4 * 3) == 0) {
            text[at++] = '\n';
        }
        text[at++] = digit_of(bits >> 18);
        text[at++] = digit_of(bits >> 12 & 63);
        text[at++] = i + 1 < der_len ? digit_of(bits >> 6 & 63) : '=';
        text[at++] = i + 2 < der_len ? digit_of(bits & 63) : '=';
    }
    text[at++] = '\n';
    at = put_text(text, at, end_mark);
    at = put_text(text, at, label);
    at = put_text(text, at, dashes);
    text[at++] = '\n';
    *len = at;
    WB_ASSERT(at == wb_pem_len(label, der_len) || der_len == 0);
    return WB_OK;
}
