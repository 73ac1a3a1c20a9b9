/* SPDX-License-Identifier: AGPL-3.0-only */
/* identity.c: who this device is and whom it trusts: records of the store, borrowed where they lie
 * in flash. The pointers are good until the store is written; nothing writes it during a handshake,
 * the only time when TLS looks at them, and every handshake loads them anew.
 */
#include <string.h>

#include "agent.h"
#include "wb_cose.h"

#define MODULE_AAD                                                                                 \
    "wasmbed/module/1" /* what a module's signature is bound to: docs/ARCHITECTURE.md */

/* A record with a length between min and max; NULL otherwise. */
static const uint8_t *record(const struct wb_agent *a, enum wb_agent_record key, size_t min,
                             size_t max, size_t *len)
{
    const void *value;

    if (wb_store_get_mapped(a->cfg->store, (uint16_t)key, &value, len) != WB_OK || *len < min ||
        *len > max) {
        return NULL;
    }
    return value;
}

const char *wb_agent_identity_load(struct wb_agent *a)
{
    struct wb_fault fault = {0};
    const uint8_t *key, *certificate, *ca, *name;
    size_t len, certificate_len, ca_len;

    if (record(a, WB_AGENT_RECORD_DEVICE_ID, 1, WB_AGENT_NAME_MAX, &len) == NULL) {
        return "not provisioned: no device id in flash; write the device's identity";
    }
    key = record(a, WB_AGENT_RECORD_DEVICE_KEY, 32, 32, &len);
    if (key == NULL) {
        return "not provisioned: no device key of 32 bytes; write the device's identity";
    }
    certificate =
        record(a, WB_AGENT_RECORD_CERTIFICATE, 1, WB_AGENT_CERTIFICATE_MAX, &certificate_len);
    if (certificate == NULL) {
        return "not provisioned: no device certificate; write the device's identity";
    }
    ca = record(a, WB_AGENT_RECORD_CA, 1, WB_AGENT_CERTIFICATE_MAX, &ca_len);
    if (ca == NULL) {
        return "not provisioned: no CA certificate; write the device's identity";
    }
    if (record(a, WB_AGENT_RECORD_PUBLISHERS, 32, 32 * WB_AGENT_PUBLISHERS_MAX, &len) == NULL ||
        len % 32 != 0) {
        return "not provisioned: no publisher key; without it no module could be verified";
    }
    name = record(a, WB_AGENT_RECORD_SERVER_NAME, 1, WB_AGENT_NAME_MAX, &len);
    if (name == NULL) {
        return "not provisioned: no server name; without it no gateway could be verified";
    }
    memcpy(a->server_name, name, len);
    a->server_name[len] = '\0';
    a->chain = (struct wb_bytes){certificate, certificate_len};
    if (wb_tls_credential_init(&a->credential, &a->chain, 1, key, &fault) != WB_OK) {
        return fault.code == WB_ERR_KEY
                   ? "provisioning is wrong: the device key is not the certificate's"
                   : "provisioning is wrong: the device certificate cannot be read";
    }
    if (wb_x509_anchor_init(&a->anchor, ca, ca_len, &fault) != WB_OK) {
        return "provisioning is wrong: the CA certificate cannot be used";
    }
    return NULL;
}

struct wb_cbor_text wb_agent_identity_name(const struct wb_agent *a)
{
    size_t len = 0;
    const uint8_t *name = record(a, WB_AGENT_RECORD_DEVICE_ID, 1, WB_AGENT_NAME_MAX, &len);

    return (struct wb_cbor_text){(const char *)name, name == NULL ? 0 : len};
}

enum wb_err wb_agent_signature_verify(const struct wb_agent *a, const uint8_t digest[32],
                                      struct wb_cbor_bytes signature)
{
    size_t len;
    const uint8_t *keys =
        record(a, WB_AGENT_RECORD_PUBLISHERS, 32, 32 * WB_AGENT_PUBLISHERS_MAX, &len);

    if (keys == NULL || signature.len == 0) {
        return WB_ERR_SIGNATURE;
    }
    for (size_t i = 0; i + 32 <= len; i += 32) {
        if (wb_cose_sign1_verify(signature.data, signature.len, keys + i, digest, 32, MODULE_AAD,
                                 sizeof(MODULE_AAD) - 1, NULL, NULL) == WB_OK) {
            return WB_OK;
        }
    }
    return WB_ERR_SIGNATURE;
}
