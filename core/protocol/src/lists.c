/* SPDX-License-Identifier: AGPL-3.0-only */
/* Lists inside messages, and the texts that they and the fields hold. */
#include "wb_protocol.h"

#include <string.h>

/* Moves the list behind the item that r has read. */
static bool take(struct wb_protocol_list *list, const struct wb_cbor_reader *r)
{
    if (r->err != WB_OK) { /* only for lists that nobody decoded or built */
        *list = (struct wb_protocol_list){0};
        return false;
    }
    list->len -= (size_t)(wb_cbor_at(r) - list->data);
    list->data = wb_cbor_at(r);
    list->count--;
    return true;
}

bool wb_protocol_list_next_text(struct wb_protocol_list *list, struct wb_cbor_text *text)
{
    struct wb_cbor_reader r;
    if (list->count == 0) {
        return false;
    }
    wb_cbor_reader_init(&r, list->data, list->len, NULL);
    *text = wb_cbor_read_text(&r, SIZE_MAX);
    return take(list, &r);
}

bool wb_protocol_list_next_place(struct wb_protocol_list *list, uint32_t *function,
                                 uint32_t *offset)
{
    struct wb_cbor_reader r;
    if (list->count == 0) {
        return false;
    }
    wb_cbor_reader_init(&r, list->data, list->len, NULL);
    (void)wb_cbor_read_array(&r, 2);
    *function = (uint32_t)wb_cbor_read_uint(&r, UINT32_MAX);
    *offset = (uint32_t)wb_cbor_read_uint(&r, UINT32_MAX);
    return take(list, &r);
}

void wb_protocol_list_init(struct wb_protocol_list_writer *writer, void *buf, size_t cap)
{
    wb_writer_init(&writer->w, buf, cap);
    writer->count = 0;
}

static void count_item(struct wb_protocol_list_writer *writer)
{
    if (writer->w.err == WB_OK && writer->count++ == WB_PROTOCOL_LIST_MAX) {
        writer->w.err = WB_ERR_LIMIT;
    }
}

void wb_protocol_list_add_text(struct wb_protocol_list_writer *writer, const char *text, size_t len)
{
    wb_cbor_write_text(&writer->w, text, len);
    if (writer->w.err == WB_OK && wb_cbor_utf8_prefix(text, len) != len) {
        writer->w.err = WB_ERR_VALUE;
    }
    count_item(writer);
}

void wb_protocol_list_add_place(struct wb_protocol_list_writer *writer, uint32_t function,
                                uint32_t offset)
{
    wb_cbor_write_array(&writer->w, 2);
    wb_cbor_write_uint(&writer->w, function);
    wb_cbor_write_uint(&writer->w, offset);
    count_item(writer);
}

enum wb_err wb_protocol_list_finish(const struct wb_protocol_list_writer *writer,
                                    struct wb_protocol_list *list)
{
    WB_TRY(writer->w.err);
    *list = (struct wb_protocol_list){writer->w.buf, writer->w.len, writer->count};
    return WB_OK;
}

struct wb_cbor_text wb_protocol_text(const char *string)
{
    struct wb_cbor_text text = {string, 0};
    while (string != NULL && string[text.len] != '\0') {
        text.len++;
    }
    return text;
}

bool wb_protocol_text_equal(struct wb_cbor_text text, const char *string)
{
    struct wb_cbor_text other = wb_protocol_text(string);
    return text.len == other.len && (text.len == 0 || memcmp(text.data, other.data, text.len) == 0);
}

void wb_protocol_text_clean(char *text, size_t len)
{
    for (;;) {
        size_t good = wb_cbor_utf8_prefix(text, len);
        if (good == len) {
            return;
        }
        text[good] = '?';
        text += good;
        len -= good;
    }
}

bool wb_protocol_is_name(struct wb_cbor_text text)
{
    if (text.len == 0 || text.len > WB_PROTOCOL_NAME_MAX) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        bool alphanumeric = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        bool inside = i > 0 && i + 1 < text.len;
        if (!alphanumeric && !(c == '-' && inside)) {
            return false;
        }
    }
    return true;
}
