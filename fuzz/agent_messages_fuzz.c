/* SPDX-License-Identifier: AGPL-3.0-only */
/* uses: agent store wasm tls protocol cose crypto cbor base */
/* A session's messages from the gateway, each behind its length (16 bits): desired sets, chunks
 * into the installer, data, commands. The corpus holds sessions with validly signed modules, so
 * that changed bytes reach the translator, and what installs is run. Nothing may crash, and the
 * store must still mount afterwards. */
#include <stdlib.h>
#include <string.h>

#include "../core/agent/src/agent.h"

#define FLASH_SIZE   (24u * 4096u)
#define SECTOR       4096u
#define MESSAGES_MAX 64

static uint8_t flash_bytes[FLASH_SIZE];
static uint8_t pristine[FLASH_SIZE];

static enum wb_err flash_read(uint32_t offset, void *buf, size_t len, void *ctx)
{
    (void)ctx;
    if (offset > FLASH_SIZE || len > FLASH_SIZE - offset) {
        return WB_ERR_VALUE;
    }
    memcpy(buf, flash_bytes + offset, len);
    return WB_OK;
}

static enum wb_err flash_program(uint32_t offset, const void *data, size_t len, void *ctx)
{
    const uint8_t *bytes = data;

    (void)ctx;
    if (offset > FLASH_SIZE || len > FLASH_SIZE - offset) {
        return WB_ERR_VALUE;
    }
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] != 0xff && (bytes[i] & ~flash_bytes[offset + i]) != 0) {
            abort(); /* a bit from 0 to 1 */
        }
        flash_bytes[offset + i] &= bytes[i];
    }
    return WB_OK;
}

static enum wb_err flash_erase(uint32_t sector, void *ctx)
{
    (void)ctx;
    if (sector >= FLASH_SIZE / SECTOR) {
        return WB_ERR_VALUE;
    }
    memset(flash_bytes + sector * SECTOR, 0xff, SECTOR);
    return WB_OK;
}

static const void *flash_map(uint32_t offset, size_t len, void *ctx)
{
    (void)ctx;
    return offset <= FLASH_SIZE && len <= FLASH_SIZE - offset ? flash_bytes + offset : NULL;
}

static const struct wb_flash flash = {FLASH_SIZE,  SECTOR,    flash_read, flash_program,
                                      flash_erase, flash_map, NULL};

/* A formatted flash with the publisher's key whose secret half is 32 times 0x44
 * (core/agent/tests/world.h). */
static void pristine_make(void)
{
    struct wb_store store;
    uint8_t secret[32], key[32];

    memset(secret, 0x44, sizeof(secret));
    wb_ed25519_public_key(key, secret);
    memset(flash_bytes, 0xff, sizeof(flash_bytes));
    if (wb_store_format(&store, &flash, 0) != WB_OK ||
        wb_store_put(&store, WB_AGENT_RECORD_PUBLISHERS, key, 32) != WB_OK) {
        abort();
    }
    memcpy(pristine, flash_bytes, sizeof(pristine));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct wb_agent agent;
    static struct wb_agent_slot slots[3];
    static struct wb_store store;
    static struct wb_drbg drbg;
    static _Alignas(16) uint8_t arena[12288], scratch[2048];
    static uint8_t frame[512], outbox[600], inbox[100], tls_in[WB_AGENT_TLS_IN_MIN],
        tls_out[WB_AGENT_TLS_OUT_MIN];
    static const uint8_t seed[32] = {1};
    static const struct wb_agent_cfg cfg = {
        .device_type = "fuzz",
        .firmware = "0",
        .store = &store,
        .drbg = &drbg,
        .slots = slots,
        .slot_count = 3,
        .arena = arena,
        .arena_len = sizeof(arena),
        .scratch = scratch,
        .scratch_len = sizeof(scratch),
        .frame = frame,
        .frame_len = sizeof(frame),
        .outbox = outbox,
        .outbox_len = sizeof(outbox),
        .inbox = inbox,
        .inbox_len = sizeof(inbox),
        .tls_in = tls_in,
        .tls_in_len = sizeof(tls_in),
        .tls_out = tls_out,
        .tls_out_len = sizeof(tls_out),
        .fuel_slice = 2000,
    };
    wb_ms now = 1000;
    size_t at = 0;

    if (pristine[0] == 0) {
        pristine_make();
    }
    memcpy(flash_bytes, pristine, sizeof(flash_bytes));
    if (wb_store_mount(&store, &flash, 0) != WB_OK ||
        wb_drbg_init(&drbg, seed, sizeof(seed), NULL, 0) != WB_OK ||
        wb_agent_init(&agent, &cfg, now) != WB_OK) {
        abort();
    }
    agent.session = SESSION_READY;
    for (int i = 0; i < MESSAGES_MAX && size - at >= 2 && agent.session == SESSION_READY; i++) {
        size_t len = (size_t)data[at] << 8 | data[at + 1];

        at += 2;
        if (len > size - at) {
            len = size - at;
        }
        if (len > sizeof(frame)) {
            len = sizeof(frame);
        }
        memcpy(frame, data + at, len);
        at += len;
        agent.now = now;
        wb_agent_session_message(&agent, frame, len);
        wb_agent_deploy_tick(&agent);
        wb_agent_report_pump(&agent);
        agent.outbox_used = 0; /* sent */
        for (int slice = 0; slice < 8 && wb_agent_run(&agent, now); slice++) {
        }
        wb_agent_app_tick(&agent);
        (void)wb_agent_due(&agent);
        now += 100;
    }
    if (wb_store_mount(&store, &flash, 0) != WB_OK) {
        abort();
    }
    return 0;
}
