/* SPDX-License-Identifier: AGPL-3.0-only */
/* uses: apiserver */
/* Protobuf bodies. The prefix is put in front, so that inputs are the envelope. */
#include <stdlib.h>
#include <string.h>

#include "../host/apiserver/src/proto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char err[256];
    uint8_t *bytes = malloc(len + 4);
    memcpy(bytes, "k8s", 4);
    memcpy(bytes + 4, data, len);
    json_t *object = as_proto_decode(bytes, len + 4, err, sizeof(err));
    if (object) {
        free(as_dump(object, NULL));
    }
    json_decref(object);
    free(bytes);
    return 0;
}
