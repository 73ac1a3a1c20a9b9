/* SPDX-License-Identifier: AGPL-3.0-only */
/* A deployable Application is a manifest plus base64 of the module plus base64 of a COSE_Sign1 over
 * the module's SHA-256 (docs/ARCHITECTURE.md, Signatures). */
#include "manifest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wb_api.h"
#include "wb_cose.h"
#include "wb_crypto.h"
#include "wb_kube.h"
#include "wb_pki.h"

#define MANIFEST_MAX  (1024u * 1024u)
#define SIGNATURE_AAD "wasmbed/module/1"

uint8_t *manifest_read_file(const char *path, size_t max, size_t *len)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        fprintf(stderr, "wasmbed: cannot read %s: %s\n", path, strerror(errno));
        return NULL;
    }
    uint8_t *data = malloc(max + 1);
    if (data == NULL) {
        fclose(file);
        return NULL;
    }
    *len = fread(data, 1, max + 1, file);
    bool is_failed = ferror(file) != 0;
    fclose(file);
    if (is_failed || *len > max) {
        fprintf(stderr, "wasmbed: %s: %s\n", path,
                is_failed ? "cannot be read" : "larger than this command takes");
        free(data);
        return NULL;
    }
    data[*len] = 0;
    return data;
}

/* base64 of the COSE_Sign1 with detached payload, or NULL. */
static char *sign_module(const uint8_t digest[32], const char *key_path)
{
    wb_pki_err_text why;
    struct wb_pki_key key;
    if (wb_pki_key_load(&key, key_path, why) != WB_OK) {
        fprintf(stderr, "wasmbed: %s\n", why);
        return NULL;
    }
    uint8_t message[160];
    size_t len = 0;
    enum wb_err err =
        wb_cose_sign1_write(message, sizeof message, &len, key.private_key, key.public_key, digest,
                            32, SIGNATURE_AAD, strlen(SIGNATURE_AAD), true);
    wb_wipe(&key, sizeof key);
    if (err != WB_OK) {
        fprintf(stderr, "wasmbed: cannot sign with %s: %s\n", key_path, wb_err_str(err));
        return NULL;
    }
    return wb_api_base64_encode(message, len);
}

static json_t *read_manifest(const char *path)
{
    size_t len = 0;
    uint8_t *text = manifest_read_file(path, MANIFEST_MAX, &len);
    if (text == NULL) {
        return NULL;
    }
    json_t *documents = NULL;
    char why[WB_KUBE_ERR_CAP];
    enum wb_err err = wb_kube_yaml_read((char *)text, len, &documents, why, sizeof why);
    free(text);
    if (err != WB_OK) {
        fprintf(stderr, "wasmbed: %s: %s\n", path, why);
        return NULL;
    }
    if (json_array_size(documents) != 1) {
        fprintf(stderr, "wasmbed: %s holds %zu documents; one Application is expected\n", path,
                json_array_size(documents));
        json_decref(documents);
        return NULL;
    }
    json_t *object = json_incref(json_array_get(documents, 0));
    json_decref(documents);
    const char *kind = wb_api_text_at(object, "", "kind", NULL);
    if (strcmp(kind, "Application") != 0) {
        fprintf(stderr, "wasmbed: %s: kind is \"%s\", not Application\n", path, kind);
        json_decref(object);
        return NULL;
    }
    return object;
}

json_t *manifest_build(const char *manifest_path, const char *module_path, const char *key_path)
{
    json_t *object = read_manifest(manifest_path);
    if (object == NULL) {
        return NULL;
    }
    size_t len = 0;
    uint8_t *module = manifest_read_file(module_path, WB_API_MODULE_MAX, &len);
    json_t *spec = json_object_get(object, "spec");
    if (module == NULL || !json_is_object(spec)) {
        if (module != NULL) {
            fprintf(stderr, "wasmbed: %s: there is no spec\n", manifest_path);
        }
        goto failed;
    }
    if (len < 8 || memcmp(module, "\0asm\1\0\0\0", 8) != 0) {
        fprintf(stderr, "wasmbed: %s is not a WebAssembly module (version 1)\n", module_path);
        goto failed;
    }
    char *base64 = wb_api_base64_encode(module, len);
    json_object_set_new(spec, "wasmBinary", json_string(base64));
    free(base64);
    if (key_path != NULL) {
        uint8_t digest[32];
        wb_hash_once(WB_HASH_SHA256, module, len, digest);
        char *signature = sign_module(digest, key_path);
        if (signature == NULL) {
            goto failed;
        }
        json_object_set_new(spec, "signature", json_string(signature));
        free(signature);
    }
    free(module);
    return object;

failed:
    free(module);
    json_decref(object);
    return NULL;
}
