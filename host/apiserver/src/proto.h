/* SPDX-License-Identifier: AGPL-3.0-only */
/* proto.h: protobuf bodies of the core kinds, as kubectl and client-go send them from 1.32 on. */
#ifndef AS_PROTO_H
#define AS_PROTO_H

#include "text.h"

/* Decodes "k8s\0" and a runtime.Unknown with one of the known kinds to the JSON form. NULL with a
 * text. */
json_t *as_proto_decode(const uint8_t *data, size_t len, char *err, size_t err_cap);

#endif
