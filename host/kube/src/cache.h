/* SPDX-License-Identifier: AGPL-3.0-only */
/* cache.h: the objects of one reflector, by "namespace/name". */
#ifndef WB_KUBE_CACHE_H
#define WB_KUBE_CACHE_H

#include <jansson.h>

#include "wb_base.h"

#define CACHE_KEY_CAP 320u /* 63 + 1 + 253 + NUL, and some */

/* Writes the object's key. False: it has no name, or a longer one than Kubernetes allows. */
bool cache_key(const json_t *object, char key[CACHE_KEY_CAP]);
bool cache_key_of(const char *namespace, const char *name, char key[CACHE_KEY_CAP]);

/* metadata.resourceVersion, "" without one. */
const char *cache_version(const json_t *object);

/* Leaves out what no reader of ours wants and that is large: metadata.managedFields. */
void cache_trim(json_t *object);

#endif
