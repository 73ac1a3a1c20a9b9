/* SPDX-License-Identifier: AGPL-3.0-only */
/* table.h: Table and PartialObjectMetadata renderings (meta.k8s.io/v1). */
#ifndef AS_TABLE_H
#define AS_TABLE_H

#include "resource.h"

enum as_include { AS_INCLUDE_METADATA, AS_INCLUDE_NONE, AS_INCLUDE_OBJECT };

/* Appends "columnDefinitions":[…]. */
void as_table_columns(struct as_text *t, const struct as_resource *r);
/* Appends one row: {"cells":[…],"object":…}. */
void as_table_row(struct as_text *t, const struct as_resource *r, const json_t *object,
                  enum as_include include, uint64_t now_us);
/* Appends {"kind":"PartialObjectMetadata",…}. */
void as_partial_metadata(struct as_text *t, const json_t *object);

/* "5m", "2d3h": the age that kubectl shows. */
void as_age(int64_t seconds, char to[32]);

#endif
