/* SPDX-License-Identifier: AGPL-3.0-only */
/* meta.h: ObjectMeta: what people may write in it, and what belongs to the server. */
#ifndef AS_META_H
#define AS_META_H

#include "resource.h"

/* Removes metadata fields that do not exist (noted in unknown, unless NULL), nulls, and empty maps.
 * Returns NULL, or what is wrong with the types ("labels must be an object of strings"). */
const char *as_meta_clean(json_t *metadata, json_t *unknown);

/* Checks names, labels, annotations, owner references and finalizers. */
void as_meta_validate(const struct as_resource *r, const json_t *metadata,
                      struct as_causes *causes);

#endif
