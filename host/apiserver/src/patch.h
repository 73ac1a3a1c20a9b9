/* SPDX-License-Identifier: AGPL-3.0-only */
/* patch.h: JSON merge patch (RFC 7386), JSON patch (RFC 6902), and what the core kinds need of
 * strategic merge. */
#ifndef AS_PATCH_H
#define AS_PATCH_H

#include "text.h"

/* New value: target with the patch applied. target is not changed. */
json_t *as_patch_merge(const json_t *target, const json_t *patch);
json_t *as_patch_strategic(const json_t *target, const json_t *patch);

/* NULL with a text when an operation fails or its test does. */
json_t *as_patch_json(const json_t *target, const json_t *operations, char *err, size_t err_cap);

#endif
