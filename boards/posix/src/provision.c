/* SPDX-License-Identifier: AGPL-3.0-only */
/* provision.c: writes a device's identity into its flash, as the records that core/agent reads. */
#include <string.h>

#include "wb_agent.h"
#include "wb_posix.h"

/* Which field is out of its range, by the name of its member; NULL: none. */
static const char *identity_check(const struct wb_posix_identity *id)
{
    size_t len = id->device_id == NULL ? 0 : strlen(id->device_id);

    if (len == 0 || len > WB_AGENT_NAME_MAX) {
        return "device id";
    }
    if (id->device_key == NULL) {
        return "device key";
    }
    if (id->certificate == NULL || id->certificate_len == 0 ||
        id->certificate_len > WB_AGENT_CERTIFICATE_MAX) {
        return "certificate";
    }
    if (id->ca == NULL || id->ca_len == 0 || id->ca_len > WB_AGENT_CERTIFICATE_MAX) {
        return "CA certificate";
    }
    if (id->publishers == NULL || id->publisher_count == 0 ||
        id->publisher_count > WB_AGENT_PUBLISHERS_MAX) {
        return "publisher keys";
    }
    len = id->server_name == NULL ? 0 : strlen(id->server_name);
    if (len == 0 || len > WB_AGENT_NAME_MAX) {
        return "server name";
    }
    if (id->gateway != NULL && (id->gateway[0] == '\0' || strlen(id->gateway) > 255)) {
        return "gateway";
    }
    return NULL;
}

static enum wb_err identity_write(struct wb_store *store, const struct wb_posix_identity *id)
{
    WB_TRY(wb_store_put(store, WB_AGENT_RECORD_DEVICE_KEY, id->device_key, 32));
    WB_TRY(wb_store_put(store, WB_AGENT_RECORD_CERTIFICATE, id->certificate, id->certificate_len));
    WB_TRY(wb_store_put(store, WB_AGENT_RECORD_CA, id->ca, id->ca_len));
    WB_TRY(
        wb_store_put(store, WB_AGENT_RECORD_PUBLISHERS, id->publishers, id->publisher_count * 32));
    WB_TRY(
        wb_store_put(store, WB_AGENT_RECORD_SERVER_NAME, id->server_name, strlen(id->server_name)));
    if (id->gateway != NULL) {
        WB_TRY(wb_store_put(store, WB_AGENT_RECORD_GATEWAY, id->gateway, strlen(id->gateway)));
    }
    /* Last: a device without an id is not provisioned, so a cut in the middle is seen as such. */
    return wb_store_put(store, WB_AGENT_RECORD_DEVICE_ID, id->device_id, strlen(id->device_id));
}

enum wb_err wb_posix_provision(const char *path, uint32_t size,
                               const struct wb_posix_identity *identity, const char **field)
{
    struct wb_posix_flash flash;
    struct wb_store store;
    const char *bad = identity_check(identity);
    enum wb_err err;

    if (field != NULL) {
        *field = bad;
    }
    if (bad != NULL) {
        return WB_ERR_VALUE;
    }
    WB_TRY(wb_posix_flash_open(&flash, path, size != 0 ? size : WB_POSIX_FLASH_SIZE_DEFAULT));
    err = wb_store_mount(&store, &flash.flash, 0);
    if (err == WB_ERR_NOT_FOUND) {
        err = wb_store_format(&store, &flash.flash, 0);
    }
    if (err == WB_OK) {
        err = identity_write(&store, identity);
    }
    wb_posix_flash_close(&flash);
    return err;
}
