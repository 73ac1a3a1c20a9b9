/* SPDX-License-Identifier: AGPL-3.0-only */
/* uses: xrce */
/* Messages of any content to a client with small buffers. Input: a byte of choices, then messages
 * of {length u8, control u8, bytes}; the control byte says what the client's user does in between.
 */
#include "wb_xrce_client.h"

#include <stdlib.h>

static struct wb_xrce_client client;
static uint8_t out[3 * 130], in[3 * 130], assembly[300], burst[128];

static void act(uint8_t control, wb_ms now)
{
    static const uint8_t sample[200];
    const struct wb_xrce_description topic = {
        .kind = WB_XRCE_TOPIC, .name = {"rt/a", 4}, .type = {"t", 1}};
    switch (control & 7) {
    case 0: (void)!wb_xrce_client_open(&client, now); break;
    case 1: (void)!wb_xrce_client_write(&client, 0x15, 0x80, sample, sizeof sample, NULL); break;
    case 2: (void)!wb_xrce_client_write(&client, 0x15, 0x01, sample, 20, NULL); break;
    case 3: (void)!wb_xrce_client_create(&client, 0x12, 0x11, 0, &topic, 0, NULL); break;
    case 4: (void)!wb_xrce_client_read(&client, 0x16, 0x80, NULL, NULL); break;
    case 5: wb_xrce_client_sync(&client, now); break;
    case 6: wb_xrce_client_ping(&client, now); break;
    default: wb_xrce_client_close(&client, now); break;
    }
}

static void speak(wb_ms now)
{
    uint8_t message[128];
    for (int i = 0; i < 40; i++) {
        size_t len = wb_xrce_client_emit(&client, now, message, sizeof message);
        struct wb_xrce_walk walk;
        struct wb_xrce_head head;
        struct wb_xrce_sub sub;
        struct wb_xrce_any any;
        if (len > sizeof message) {
            abort();
        }
        if (len == 0) {
            return;
        }
        if (wb_xrce_walk_message(&walk, message, len, &head) != WB_OK) {
            abort();
        }
        while (wb_xrce_walk_next(&walk, &sub) == WB_OK) {
            if (wb_xrce_decode_any(&sub, &any) != WB_OK) {
                abort();
            }
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t welcome[] = {0x81, 0,   0,   0,   4, 1, 11, 0,    0, 0,
                                      'X',  'R', 'C', 'E', 1, 0, 1,  0x0F, 0};
    const struct wb_xrce_client_cfg cfg = {.memory = {.out = out,
                                                      .out_len = sizeof out,
                                                      .out_slots = 3,
                                                      .in = in,
                                                      .in_len = sizeof in,
                                                      .in_slots = 3,
                                                      .assembly = assembly,
                                                      .assembly_len = sizeof assembly,
                                                      .burst = burst,
                                                      .burst_len = sizeof burst},
                                           .key = {1, 2, 3, 4},
                                           .mtu = 128};
    struct wb_xrce_client_event event;
    wb_ms now = 1000;
    if (size == 0) {
        return 0;
    }
    wb_xrce_client_init(&client, &cfg, now);
    if ((data[0] & 1) == 0) {
        if (wb_xrce_client_open(&client, now) != WB_OK) {
            abort();
        }
        wb_xrce_client_feed(&client, now, welcome, sizeof welcome);
        if (!wb_xrce_client_next(&client, &event) || event.kind != WB_XRCE_CLIENT_OPENED ||
            wb_xrce_client_next(&client, &event)) {
            abort();
        }
    }
    for (size_t at = 1; at + 2 <= size;) {
        size_t len = data[at];
        uint8_t control = data[at + 1];
        at += 2;
        len = len > size - at ? size - at : len;
        wb_xrce_client_feed(&client, now, data + at, len);
        for (int patience = 2000; wb_xrce_client_next(&client, &event);) {
            if (patience-- == 0) {
                abort();
            }
        }
        act(control, now);
        if ((control & 8) == 0) {
            speak(now);
        }
        now += (wb_ms)(control >> 4) * 50;
        wb_xrce_client_tick(&client, now);
        if (wb_xrce_client_due(&client) < now) {
            abort();
        }
        while (wb_xrce_client_next(&client, &event)) {
        }
        at += len;
    }
    return 0;
}
