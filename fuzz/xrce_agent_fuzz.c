/* SPDX-License-Identifier: AGPL-3.0-only */
/* uses: xrce */
/* Messages of any content to a proxy with small buffers, in an open session or without one. Input:
 * a byte of choices, then messages of {length u8, control u8, bytes}; the control byte says what
 * the agent's user does in between. */
#include "wb_xrce_agent.h"

#include <stdlib.h>

#define OBJECTS 6u

static struct wb_xrce_proxy proxy;
static uint8_t out[3 * 130], in[3 * 130], assembly[300], burst[128];
static struct wb_xrce_object objects[OBJECTS];

static void drain(uint8_t control)
{
    struct wb_xrce_proxy_event event;
    int patience = 2000;
    while (wb_xrce_proxy_next(&proxy, &event)) {
        if (patience-- == 0) {
            abort();
        }
        if (event.kind == WB_XRCE_PROXY_CREATE ||
            (event.kind == WB_XRCE_PROXY_DELETE && !event.is_implied)) {
            wb_xrce_proxy_answer(&proxy, event.request, event.object,
                                 (control & 1) != 0 ? WB_XRCE_DENIED : WB_XRCE_OK);
        } else if (event.kind == WB_XRCE_PROXY_WRITE) {
            for (uint16_t i = 0; i < OBJECTS; i++) {
                (void)!wb_xrce_proxy_deliver(&proxy, proxy.now, objects[i].id, event.of.data.data,
                                             event.of.data.len);
            }
        } else if (event.kind == WB_XRCE_PROXY_CONNECTED && (control & 2) != 0) {
            wb_xrce_proxy_refuse(&proxy, WB_XRCE_DENIED);
        }
    }
}

static void speak(void)
{
    uint8_t message[128];
    size_t len;
    for (int i = 0; i < 40; i++) {
        len = wb_xrce_proxy_emit(&proxy, proxy.now, message, sizeof message);
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
                abort(); /* what it says, it must say well */
            }
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t hello[] = {0x80, 0, 0, 0,    0,    1,    16,   0,    'X',  'R', 'C',  'E',
                                    1,    0, 1, 0x0F, 0xA1, 0xB2, 0xC3, 0xD4, 0x81, 0,   0xFC, 1};
    const struct wb_xrce_proxy_cfg cfg = {.memory = {.out = out,
                                                     .out_len = sizeof out,
                                                     .out_slots = 3,
                                                     .in = in,
                                                     .in_len = sizeof in,
                                                     .in_slots = 3,
                                                     .assembly = assembly,
                                                     .assembly_len = sizeof assembly,
                                                     .burst = burst,
                                                     .burst_len = sizeof burst},
                                          .objects = objects,
                                          .objects_cap = OBJECTS,
                                          .mtu = 128};
    wb_ms now = 1000;
    if (size == 0) {
        return 0;
    }
    wb_xrce_proxy_init(&proxy, &cfg, now);
    if ((data[0] & 1) == 0) {
        wb_xrce_proxy_feed(&proxy, now, hello, sizeof hello);
        drain(0);
    }
    for (size_t at = 1; at + 2 <= size;) {
        size_t len = data[at];
        uint8_t control = data[at + 1];
        at += 2;
        len = len > size - at ? size - at : len;
        wb_xrce_proxy_feed(&proxy, now, data + at, len);
        drain(control);
        if ((control & 4) == 0) {
            speak();
        }
        now += control >> 4;
        wb_xrce_proxy_tick(&proxy, now);
        if (wb_xrce_proxy_due(&proxy) < now) {
            abort();
        }
        at += len;
    }
    return 0;
}
