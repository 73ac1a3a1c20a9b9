/* SPDX-License-Identifier: AGPL-3.0-only */
/* embedded.h: files that the build puts into the program (generated from src/builtin.yaml and
 * deploy/crds). */
#ifndef AS_EMBEDDED_H
#define AS_EMBEDDED_H

#include <stddef.h>

extern const char as_embedded_builtin[];
extern const char *const as_embedded_crds[];
extern const size_t as_embedded_crd_count;

#endif
