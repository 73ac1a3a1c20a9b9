/* SPDX-License-Identifier: AGPL-3.0-only */
/* uses: protocol cbor */
/* Any message: what decodes is encoded again, decodes again, and then encodes to the same bytes;
 * lists are walked to their end. The input also goes through frame reassembly, and is tried as a
 * stored application. */
#include "wb_protocol.h"

#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static void walk_texts(struct wb_protocol_list list)
{
    struct wb_cbor_text text;
    size_t count = list.count;
    while (wb_protocol_list_next_text(&list, &text)) {
        count--;
    }
    CHECK(count == 0 && list.len == 0);
}

static void walk_lists(const struct wb_protocol_message *message)
{
    if (message->type == WB_PROTOCOL_DESIRED) {
        walk_texts(message->u.desired.app.args);
        walk_texts(message->u.desired.app.env);
    } else if (message->type == WB_PROTOCOL_TRAP) {
        struct wb_protocol_list list = message->u.trap.backtrace;
        size_t count = list.count;
        uint32_t function;
        uint32_t offset;
        while (wb_protocol_list_next_place(&list, &function, &offset)) {
            count--;
        }
        CHECK(count == 0 && list.len == 0);
    }
}

static void check_message(const uint8_t *data, size_t size)
{
    static uint8_t once[70000];
    static uint8_t twice[70000];
    struct wb_protocol_message message;
    struct wb_fault fault = {0};
    size_t len;
    size_t again;
    enum wb_err err = wb_protocol_decode(data, size, &message, &fault);
    if (err != WB_OK) {
        CHECK(err == WB_ERR_UNSUPPORTED || fault.code == err);
        CHECK(fault.where[0] <= size);
        return;
    }
    walk_lists(&message);
    (void)wb_protocol_type_str(message.type);
    err = wb_protocol_encode(&message, 65535, once, sizeof once, &len);
    if (size > 65535) {
        return;
    }
    CHECK(err == WB_OK && len <= size + WB_PROTOCOL_FRAME_HEAD);
    struct wb_protocol_message copy;
    CHECK(wb_protocol_decode(once + 2, len - 2, &copy, NULL) == WB_OK);
    CHECK(wb_protocol_encode(&copy, 65535, twice, sizeof twice, &again) == WB_OK);
    CHECK(again == len && memcmp(once, twice, len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t buf[64];
    struct wb_protocol_frames frames;
    struct wb_protocol_application app;
    const uint8_t *message;
    size_t len;
    size_t used;
    check_message(data, size);
    CHECK(wb_protocol_application_decode(data, size, &app, NULL) < WB_ERR_COUNT);
    wb_protocol_frames_init(&frames, buf, sizeof buf);
    for (size_t at = 0; at < size; at += used) {
        if (wb_protocol_frames_feed(&frames, data + at, size - at, &used) != WB_OK) {
            break;
        }
        if (wb_protocol_frames_message(&frames, &message, &len)) {
            CHECK(len > 0 && len <= sizeof buf);
            wb_protocol_frames_done(&frames);
        }
    }
    return 0;
}
