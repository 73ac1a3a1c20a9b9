/* SPDX-License-Identifier: AGPL-3.0-only */
/* Provisioning writes what the agent reads, and keeps what else the flash holds. */
#include "wb_test.h"

#include <unistd.h>

#include "wb_agent.h"
#include "wb_posix.h"

static char path[] = "/tmp/wb-provision-XXXXXX";
static uint8_t key[32] = {1}, publisher[64] = {2}, certificate[] = {0x30, 0x00},
               ca[] = {0x30, 0x01};

static struct wb_posix_identity identity_good(void)
{
    return (struct wb_posix_identity){
        .device_id = "board-1",
        .device_key = key,
        .certificate = certificate,
        .certificate_len = sizeof(certificate),
        .ca = ca,
        .ca_len = sizeof(ca),
        .publishers = publisher,
        .publisher_count = 2,
        .server_name = "wasmbed-gateway",
        .gateway = "127.0.0.1:4423",
    };
}

static void assert_record(struct wb_store *store, uint16_t id, const void *value, size_t len)
{
    uint8_t buf[512];
    size_t have;

    assert_ok(wb_store_get(store, id, buf, sizeof(buf), &have));
    assert_int_equal(have, len);
    assert_memory_equal(buf, value, len);
}

static void writes_what_the_agent_reads(void **state)
{
    struct wb_posix_identity identity = identity_good();
    struct wb_posix_flash flash;
    struct wb_store store;
    const char *field = "";
    uint16_t extra = WB_AGENT_RECORD_APP;

    (void)state;
    unlink(path);
    assert_ok(wb_posix_provision(path, 0, &identity, &field));
    assert_null(field);
    assert_ok(wb_posix_flash_open(&flash, path, 0));
    assert_int_equal(flash.size, WB_POSIX_FLASH_SIZE_DEFAULT);
    assert_ok(wb_store_mount(&store, &flash.flash, 0));
    assert_record(&store, WB_AGENT_RECORD_DEVICE_ID, "board-1", 7);
    assert_record(&store, WB_AGENT_RECORD_DEVICE_KEY, key, 32);
    assert_record(&store, WB_AGENT_RECORD_CERTIFICATE, certificate, sizeof(certificate));
    assert_record(&store, WB_AGENT_RECORD_CA, ca, sizeof(ca));
    assert_record(&store, WB_AGENT_RECORD_PUBLISHERS, publisher, 64);
    assert_record(&store, WB_AGENT_RECORD_SERVER_NAME, "wasmbed-gateway", 15);
    assert_record(&store, WB_AGENT_RECORD_GATEWAY, "127.0.0.1:4423", 14);
    assert_ok(wb_store_put(&store, extra, "kept", 4));
    wb_posix_flash_close(&flash);
    /* Again, with another name: the rest stays. */
    identity.device_id = "board-2";
    identity.gateway = NULL;
    assert_ok(wb_posix_provision(path, 0, &identity, NULL));
    assert_ok(wb_posix_flash_open(&flash, path, 0));
    assert_ok(wb_store_mount(&store, &flash.flash, 0));
    assert_record(&store, WB_AGENT_RECORD_DEVICE_ID, "board-2", 7);
    assert_record(&store, WB_AGENT_RECORD_GATEWAY, "127.0.0.1:4423", 14);
    assert_record(&store, extra, "kept", 4);
    wb_posix_flash_close(&flash);
}

static void names_the_field_that_is_wrong(void **state)
{
    static char long_name[65];
    const char *field = NULL;

    (void)state;
    memset(long_name, 'a', 64);
    for (int i = 0; i < 12; i++) {
        struct wb_posix_identity identity = identity_good();
        const char *wanted = "";

        switch (i) {
        case 0:
            identity.device_id = NULL;
            wanted = "device id";
            break;
        case 1:
            identity.device_id = "";
            wanted = "device id";
            break;
        case 2:
            identity.device_id = long_name;
            wanted = "device id";
            break;
        case 3:
            identity.device_key = NULL;
            wanted = "device key";
            break;
        case 4:
            identity.certificate_len = 0;
            wanted = "certificate";
            break;
        case 5:
            identity.certificate_len = 513;
            wanted = "certificate";
            break;
        case 6:
            identity.ca = NULL;
            wanted = "CA certificate";
            break;
        case 7:
            identity.publisher_count = 0;
            wanted = "publisher keys";
            break;
        case 8:
            identity.publisher_count = 3;
            wanted = "publisher keys";
            break;
        case 9:
            identity.server_name = NULL;
            wanted = "server name";
            break;
        case 10:
            identity.server_name = long_name;
            wanted = "server name";
            break;
        default:
            identity.gateway = "";
            wanted = "gateway";
            break;
        }
        unlink(path);
        assert_err(WB_ERR_VALUE, wb_posix_provision(path, 0, &identity, &field));
        assert_string_equal(field, wanted);
        assert_int_not_equal(access(path, F_OK), 0); /* nothing was made */
    }
}

static void a_file_of_something_else_is_left_alone(void **state)
{
    struct wb_posix_identity identity = identity_good();
    FILE *file = fopen(path, "wb");

    (void)state;
    assert_non_null(file);
    for (uint32_t i = 0; i < 8 * WB_POSIX_SECTOR_SIZE; i++) {
        fputc('x', file);
    }
    fclose(file);
    assert_err(WB_ERR_FORMAT, wb_posix_provision(path, 0, &identity, NULL));
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_what_the_agent_reads),
        cmocka_unit_test(names_the_field_that_is_wrong),
        cmocka_unit_test(a_file_of_something_else_is_left_alone),
    };
    int fd = mkstemp(path);
    int failed;

    if (fd >= 0) {
        close(fd);
    }
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    return failed;
}
