/* SPDX-License-Identifier: AGPL-3.0-only */
/* Names of certificates as people write them. The certificate was parsed before, so its structure
 * is sound; what is not understood is shown as such. */
#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "pki.h"

#define TAG_SEQUENCE   0x30
#define TAG_SET        0x31
#define TAG_OID        0x06
#define TAG_DNS_NAME   0x82 /* GeneralName dNSName [2], RFC 5280 §4.2.1.6 */
#define TAG_IP_ADDRESS 0x87 /* iPAddress [7] */

struct item {
    uint8_t tag;
    struct wb_bytes content;
};

/* Takes the next DER item off *rest; false at the end, and where it does not fit. */
static bool take(struct wb_bytes *rest, struct item *item)
{
    const uint8_t *at = rest->data;
    size_t header = 2;
    if (rest->len < 2) {
        return false;
    }
    size_t len = at[1];
    if (len >= 0x80) {
        size_t bytes = len & 0x7f;
        if (bytes == 0 || bytes > 2 || rest->len < 2 + bytes) {
            return false;
        }
        len = bytes == 1 ? at[2] : (size_t)at[2] << 8 | at[3];
        header += bytes;
    }
    if (rest->len - header < len) {
        return false;
    }
    *item = (struct item){at[0], {at + header, len}};
    *rest = (struct wb_bytes){at + header + len, rest->len - header - len};
    return true;
}

/* ---- subjectAltName ---- */

static bool name_write(const struct item *item, char text[WB_PKI_NAME_TEXT_MAX])
{
    const uint8_t *data = item->content.data;
    size_t len = item->content.len;
    if (item->tag == TAG_IP_ADDRESS && (len == 4 || len == 16)) {
        return inet_ntop(len == 4 ? AF_INET : AF_INET6, data, text, WB_PKI_NAME_TEXT_MAX) != NULL;
    }
    if (item->tag != TAG_DNS_NAME || len == 0 || len >= WB_PKI_NAME_TEXT_MAX) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (data[i] <= ' ' || data[i] > '~') {
            return false;
        }
    }
    memcpy(text, data, len);
    text[len] = '\0';
    return true;
}

void wb_pki_names_read(struct wb_pki_names *names, const struct wb_x509_cert *cert)
{
    struct wb_bytes rest = cert->alt_names;
    struct item item;
    names->count = names->others = 0;
    while (take(&rest, &item)) {
        if (names->count < WB_X509_ALT_NAME_MAX && name_write(&item, names->text[names->count])) {
            names->names[names->count] = names->text[names->count];
            names->count++;
        } else {
            names->others++;
        }
    }
}

/* ---- Name ---- */

struct line {
    char *text;
    size_t cap, len;
};

static void add(struct line *line, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add(struct line *line, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(line->text + line->len, line->cap - line->len, format, args);
    va_end(args);
    line->len += n > 0 ? (size_t)n : 0;
    line->len = line->len < line->cap ? line->len : line->cap - 1;
}

/* RFC 4519's short names; others in the dotted form's place as hex. */
static void add_type(struct line *line, struct wb_bytes oid)
{
    static const struct {
        uint8_t last; /* of 2.5.4.x */
        const char *name;
    } types[] = {{3, "CN"}, {5, "serialNumber"}, {6, "C"},  {7, "L"},
                 {8, "ST"}, {10, "O"},           {11, "OU"}};
    const uint8_t *data = oid.data;
    for (size_t i = 0; i < WB_ARRAY_LEN(types); i++) {
        if (oid.len == 3 && data[0] == 0x55 && data[1] == 0x04 && data[2] == types[i].last) {
            add(line, "%s=", types[i].name);
            return;
        }
    }
    add(line, "oid-");
    for (size_t i = 0; i < oid.len; i++) {
        add(line, "%02x", data[i]);
    }
    add(line, "=");
}

static void add_value(struct line *line, struct wb_bytes value)
{
    const uint8_t *data = value.data;
    for (size_t i = 0; i < value.len; i++) {
        bool is_plain = data[i] >= ' ' && data[i] != 0x7f && data[i] != ',' && data[i] != '\\';
        add(line, is_plain ? "%c" : "\\%02x", data[i]);
    }
}

size_t wb_pki_name_text(struct wb_bytes name, char *text, size_t cap)
{
    struct line line = {text, cap, 0};
    struct item sequence, set, pair, oid, value;
    size_t count = 0;
    text[0] = '\0';
    if (!take(&name, &sequence) || sequence.tag != TAG_SEQUENCE) {
        return 0;
    }
    while (take(&sequence.content, &set) && set.tag == TAG_SET) {
        while (take(&set.content, &pair) && pair.tag == TAG_SEQUENCE) {
            if (!take(&pair.content, &oid) || oid.tag != TAG_OID || !take(&pair.content, &value)) {
                return count;
            }
            add(&line, "%s", count > 0 ? ", " : "");
            add_type(&line, oid.content);
            add_value(&line, value.content);
            count++;
        }
    }
    return count;
}
