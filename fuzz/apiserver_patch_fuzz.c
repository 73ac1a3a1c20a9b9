/* SPDX-License-Identifier: AGPL-3.0-only */
/* uses: apiserver */
/* Merge, JSON and strategic patches: the first line is the target, the rest the patch. */
#include <stdlib.h>
#include <string.h>

#include "../host/apiserver/src/patch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const uint8_t *newline = memchr(data, '\n', len);
    if (!newline) {
        return 0;
    }
    size_t first = (size_t)(newline - data);
    json_t *target = json_loadb((const char *)data, first, 0, NULL);
    json_t *patch = json_loadb((const char *)newline + 1, len - first - 1, JSON_DECODE_ANY, NULL);
    if (target && patch) {
        char err[128];
        json_t *before = json_deep_copy(target);
        json_decref(as_patch_merge(target, patch));
        json_decref(as_patch_strategic(target, patch));
        json_decref(as_patch_json(target, patch, err, sizeof(err)));
        if (!json_equal(before, target)) {
            abort(); /* patches must not change what they are applied to */
        }
        json_decref(before);
    }
    json_decref(target);
    json_decref(patch);
    return 0;
}
