/* SPDX-License-Identifier: AGPL-3.0-only */
/* A board's TLS client on rv32imac: instructions and deepest stack of its calls during a mutual
 * handshake, records, KeyUpdate. QEMU's virt machine with -icount shift=0, where minstret counts
 * retired instructions. Client and server run in one image over two buffers; only the client's
 * calls are counted. */
#include <stdint.h>
#include <string.h>

#include "wb_tls.h"

#define UART ((volatile uint8_t *)0x10000000)
#define EXIT ((volatile uint32_t *)0x00100000)

static void print(const char *text)
{
    while (*text != '\0') {
        *UART = (uint8_t)*text++;
    }
}

static void print_number(uint32_t value, unsigned width)
{
    char digits[12];
    unsigned at = sizeof digits - 1;
    digits[at] = '\0';
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    for (unsigned len = sizeof digits - 1 - at; len < width; len++) {
        print(" ");
    }
    print(digits + at);
}

static _Noreturn void stop(uint32_t code)
{
    *EXIT = code;
    for (;;) {
    }
}

_Noreturn void wb_assert_failed(const char *file, int line, const char *expression)
{
    (void)expression;
    print(file);
    print_number((uint32_t)line, 6);
    print(" assertion failed\n");
    stop(0x13333);
}

static inline uint32_t instructions(void)
{
    uint32_t value;
    __asm__ volatile("csrr %0, minstret" : "=r"(value) : : "memory");
    return value;
}

#define PAINT_LEN 6144u
#define PAINT     0xa5u

static __attribute__((noinline)) uint8_t *stack_paint(void)
{
    uint8_t *sp;
    __asm__ volatile("mv %0, sp" : "=r"(sp));
    for (volatile uint8_t *p = sp - PAINT_LEN; p < sp - 64; p++) {
        *p = PAINT;
    }
    return sp;
}

static uint32_t stack_used(const uint8_t *sp)
{
    const volatile uint8_t *p = sp - PAINT_LEN;
    while (*p == PAINT) {
        p++;
    }
    return (uint32_t)(sp - (const uint8_t *)p);
}

/* ---- the two sides ---- */

static struct wb_tls client, server;
static uint8_t client_rx[WB_TLS_RX_CAP(512)], client_tx[WB_TLS_TX_CAP(256)];
static uint8_t server_rx[WB_TLS_RX_CAP(1024)], server_tx[WB_TLS_TX_CAP(2048)];
static _Alignas(8) uint8_t client_work[WB_TLS_WORK_CAP(448)], server_work[WB_TLS_WORK_CAP(1024)];
static uint8_t to_server[4096], to_client[4096];
static size_t to_server_len, to_client_len, to_server_at, to_client_at;
static struct wb_tls_cfg client_cfg, server_cfg;
static const struct wb_tls_mem client_mem = {
    client_rx, sizeof client_rx, client_tx, sizeof client_tx, client_work, sizeof client_work};
static const struct wb_tls_mem server_mem = {
    server_rx, sizeof server_rx, server_tx, sizeof server_tx, server_work, sizeof server_work};
static uint32_t spent, deepest;
static uint8_t data[512];
static size_t data_len, read_len;

static enum wb_err counted_random(void *ctx, void *out, size_t len)
{
    static uint32_t x = 12345;
    (void)ctx;
    for (size_t i = 0; i < len; i++) {
        x = x * 1664525u + 1013904223u;
        ((uint8_t *)out)[i] = (uint8_t)(x >> 24);
    }
    return WB_OK;
}

static void begin_client(void)
{
    WB_ASSERT(wb_tls_init(&client, &client_cfg, &client_mem, 0, 1750000000) == WB_OK);
}

static void feed_client(void)
{
    size_t used;
    const uint8_t *text;
    WB_ASSERT(wb_tls_feed(&client, 0, to_client + to_client_at, to_client_len - to_client_at,
                          &used) == WB_OK);
    to_client_at += used;
    while (wb_tls_read(&client, &text, &used)) {
        read_len += used;
        wb_tls_read_done(&client, used);
    }
}

static void emit_client(void)
{
    to_server_len +=
        wb_tls_emit(&client, 0, to_server + to_server_len, sizeof to_server - to_server_len);
}

static void write_client(void)
{
    size_t taken;
    WB_ASSERT(wb_tls_write(&client, data, data_len, &taken) == WB_OK);
    WB_ASSERT(taken == data_len);
}

static void update_client(void)
{
    WB_ASSERT(wb_tls_key_update(&client, false) == WB_OK);
}

static void count(void (*call)(void))
{
    uint8_t *sp = stack_paint();
    uint32_t start = instructions();
    call();
    spent += instructions() - start;
    uint32_t used = stack_used(sp);
    deepest = used > deepest ? used : deepest;
}

static void run_server(void)
{
    size_t used;
    const uint8_t *text;
    WB_ASSERT(wb_tls_feed(&server, 0, to_server + to_server_at, to_server_len - to_server_at,
                          &used) == WB_OK);
    to_server_at += used;
    if (wb_tls_read(&server, &text, &used)) {
        wb_tls_read_done(&server, used);
    }
    to_client_len +=
        wb_tls_emit(&server, 0, to_client + to_client_len, sizeof to_client - to_client_len);
}

static void report(const char *name)
{
    print(name);
    for (size_t len = strlen(name); len < 44; len++) {
        print(" ");
    }
    print_number(spent, 9);
    print_number(deepest, 7);
    print("\n");
    spent = 0;
    deepest = 0;
}

struct identity {
    uint8_t private_key[32], public_key[32], der[WB_X509_CERT_MAX];
    size_t len;
    struct wb_bytes chain[1];
    struct wb_tls_credential credential;
};
static struct identity ca, gateway, device;
static struct wb_x509_anchor anchor;
static const char *const names[] = {"wasmbed-gateway", "localhost", "127.0.0.1"};
static const char *const alpn[] = {"wasmbed/1"};

static void make(struct identity *id, uint8_t fill, const char *name, uint8_t purposes)
{
    static const uint8_t serial[8] = {0x40, 1, 2, 3, 4, 5, 6, 7};
    memset(id->private_key, fill, 32);
    wb_ed25519_public_key(id->public_key, id->private_key);
    struct wb_x509_spec spec = {.serial = serial,
                                .serial_len = 8,
                                .common_name = name,
                                .public_key = id->public_key,
                                .not_before = 1700000000,
                                .not_after = 1800000000,
                                .is_ca = purposes == 0,
                                .purposes = purposes,
                                .alt_names = names,
                                .alt_name_count = purposes == WB_X509_SERVER_AUTH ? 3 : 0};
    if (purposes == 0) {
        WB_ASSERT(wb_x509_write_self_signed(&spec, id->private_key, id->der, sizeof id->der,
                                            &id->len) == WB_OK);
        return;
    }
    const struct wb_x509_issuer issuer = {anchor.subject, ca.private_key, ca.public_key};
    WB_ASSERT(wb_x509_write(&spec, &issuer, id->der, sizeof id->der, &id->len) == WB_OK);
    id->chain[0] = (struct wb_bytes){id->der, id->len};
    WB_ASSERT(wb_tls_credential_init(&id->credential, id->chain, 1, id->private_key, NULL) ==
              WB_OK);
}

static void handshake(const char *name, uint16_t suite)
{
    static uint16_t suites[1];
    suites[0] = suite;
    client_cfg = (struct wb_tls_cfg){.role = WB_TLS_CLIENT,
                                     .crypto = &wb_tls_crypto_small,
                                     .random = counted_random,
                                     .credential = &device.credential,
                                     .anchors = &anchor,
                                     .anchor_count = 1,
                                     .server_name = "wasmbed-gateway",
                                     .alpn = alpn,
                                     .alpn_count = 1,
                                     .suites = suites,
                                     .suite_count = 1};
    server_cfg = client_cfg;
    server_cfg.role = WB_TLS_SERVER;
    server_cfg.credential = &gateway.credential;
    server_cfg.require_client_certificate = true;
    to_server_len = to_client_len = to_server_at = to_client_at = 0;
    WB_ASSERT(wb_tls_init(&server, &server_cfg, &server_mem, 0, 1750000000) == WB_OK);
    count(begin_client);
    while (!wb_tls_is_connected(&client) || !wb_tls_is_connected(&server)) {
        count(emit_client);
        run_server();
        count(feed_client);
    }
    report(name);
    print("  bytes out, in");
    print_number((uint32_t)to_server_len, 36);
    print_number((uint32_t)to_client_len, 7);
    print("\n");
}

static void records(const char *out_name, const char *in_name, size_t len)
{
    size_t taken;
    data_len = len;
    to_server_len = to_client_len = to_server_at = to_client_at = read_len = 0;
    count(write_client);
    count(emit_client);
    run_server();
    report(out_name);
    WB_ASSERT(wb_tls_write(&server, data, len, &taken) == WB_OK);
    run_server();
    count(feed_client);
    WB_ASSERT(read_len == len);
    report(in_name);
}

void bench_main(void)
{
    make(&ca, 1, "Wasmbed CA", 0);
    WB_ASSERT(wb_x509_anchor_init(&anchor, ca.der, ca.len, NULL) == WB_OK);
    make(&gateway, 2, "wasmbed-gateway", WB_X509_SERVER_AUTH);
    make(&device, 3, "device-1", WB_X509_CLIENT_AUTH);
    print("rv32imac, client                                  insn  stack\n");
    handshake("handshake, mutual, ChaCha20-Poly1305", WB_TLS_CHACHA20_POLY1305_SHA256);
    records("  write and emit 64 B", "  feed and read 64 B", 64);
    records("  write and emit 256 B", "  feed and read 256 B", 256);
    count(update_client);
    report("  KeyUpdate");
    handshake("handshake, mutual, AES-256-GCM", WB_TLS_AES_256_GCM_SHA384);
    records("  write and emit 256 B", "  feed and read 256 B", 256);
    print("RAM: context, handshake state                 ");
    print_number(sizeof(struct wb_tls), 7);
    print_number(sizeof(struct wb_tls_work), 7);
    print("\nRAM: with buffers of 533 and 278 B            ");
    print_number(sizeof client + sizeof(struct wb_tls_work) + sizeof client_rx + sizeof client_tx,
                 7);
    print("\n");
    stop(0x5555);
}
