/* SPDX-License-Identifier: AGPL-3.0-only */
/* Messages of the reference client and agent, read from the shared captures (pcap of Ethernet,
 * IPv4, UDP; .ser: records of direction, length u16 LE, serial frame). */
#ifndef CAPTURES_H
#define CAPTURES_H

#include "wb_test.h"
#include "wb_xrce.h"

#define CAPTURE_DIR WB_SHARED_DIR "/vectors/xrce/"

struct captured {
    bool from_agent;
    size_t len;
    uint8_t data[2048];
};

static struct captured captured[512];
static size_t captured_count;
static uint8_t capture_file[65536];

static bool capture_available(void)
{
    FILE *file = fopen(CAPTURE_DIR "udp-bin.pcap", "rb");
    if (file == NULL) {
        printf("skipped: no captures in %s\n", CAPTURE_DIR);
        return false;
    }
    fclose(file);
    return true;
}

static inline size_t capture_read_file(const char *name)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s%s", CAPTURE_DIR, name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t len = fread(capture_file, 1, sizeof capture_file, file);
    fclose(file);
    assert_true(len > 0 && len < sizeof capture_file);
    return len;
}

static inline void capture_add(bool from_agent, const void *data, size_t len)
{
    assert_true(captured_count < WB_ARRAY_LEN(captured));
    assert_true(len <= sizeof captured[0].data);
    captured[captured_count].from_agent = from_agent;
    captured[captured_count].len = len;
    memcpy(captured[captured_count].data, data, len);
    captured_count++;
}

/* Loads the UDP payloads of a capture; the agent's port is 8888. */
static inline void capture_load_pcap(const char *name)
{
    size_t len = capture_read_file(name);
    captured_count = 0;
    struct wb_reader r;
    wb_reader_init(&r, capture_file, len);
    assert_int_equal(wb_read_le32(&r), 0xA1B2C3D4);
    (void)wb_read_bytes(&r, 20);
    uint16_t agent_port = 0;
    while (wb_reader_left(&r) > 0) {
        (void)wb_read_bytes(&r, 8);
        uint32_t packet_len = wb_read_le32(&r);
        (void)wb_read_le32(&r);
        const uint8_t *packet = wb_read_bytes(&r, packet_len);
        assert_non_null(packet);
        assert_true(packet_len >= 42 && packet[23] == 17);
        uint16_t source = (uint16_t)(packet[34] << 8 | packet[35]);
        if (agent_port == 0) { /* a session begins with the client's ping */
            agent_port = (uint16_t)(packet[36] << 8 | packet[37]);
        }
        size_t udp_len = (size_t)(packet[38] << 8 | packet[39]);
        assert_true(udp_len >= 8 && udp_len + 34 <= packet_len);
        capture_add(source == agent_port, packet + 42, udp_len - 8);
    }
    assert_true(captured_count > 50);
}

#endif
