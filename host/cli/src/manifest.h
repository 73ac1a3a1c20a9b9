/* SPDX-License-Identifier: AGPL-3.0-only */
/* manifest.h: Application manifests with their module and signature filled in. */
#ifndef WB_CLI_MANIFEST_H
#define WB_CLI_MANIFEST_H

#include <jansson.h>

#include "wb_base.h"

/* Reads a manifest (one Application in YAML or JSON) and a module, signs the module with the
 * Ed25519 key in PEM file key_path and returns the Application with spec.wasmBinary and
 * spec.signature (new reference); key_path NULL: without signature. Prints what is wrong and
 * returns NULL. */
json_t *manifest_build(const char *manifest_path, const char *module_path, const char *key_path);

/* A file's content with a 0 behind it (free it), at most max bytes; prints what is wrong. */
uint8_t *manifest_read_file(const char *path, size_t max, size_t *len);

#endif
