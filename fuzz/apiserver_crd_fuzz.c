/* SPDX-License-Identifier: AGPL-3.0-only */
/* uses: apiserver */
/* CRD files: YAML, definition, schema; and an object through that schema: its own definition. */
#include <stdlib.h>

#include "../host/apiserver/src/resource.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char err[256];
    json_t *crd = as_yaml_parse((const char *)data, len, err, sizeof(err));
    struct as_registry *registry = calloc(1, sizeof(*registry));
    if (crd && as_registry_add(registry, crd, true, err, sizeof(err))) {
        json_t *object = json_deep_copy(crd);
        json_t *unknown = json_array();
        struct as_causes causes = {0};
        as_schema_prune(registry->items[0].schema, object, unknown);
        as_schema_default(registry->items[0].schema, object);
        as_schema_validate(registry->items[0].schema, object, NULL, &causes);
        json_decref(as_resource_facets(&registry->items[0], object));
        json_decref(causes.list);
        json_decref(unknown);
        json_decref(object);
    }
    as_registry_deinit(registry);
    free(registry);
    json_decref(crd);
    return 0;
}
