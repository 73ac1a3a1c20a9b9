/* SPDX-License-Identifier: AGPL-3.0-only */
/* rules.c: what the CEL texts in tables.c say, in C. Both must agree; tests/objects_test.c has
 * cases. */
#include "rules.h"

#include <string.h>

bool rule_unchanged(const json_t *self, const json_t *old)
{
    return json_equal(self, old);
}

bool rule_name_is_label(const json_t *self, const json_t *old)
{
    (void)old;
    const char *name = wb_api_text_at(self, "", "metadata", "name", NULL);
    return wb_api_is_dns_label(name);
}

static bool has(const json_t *object, const char *name)
{
    return json_object_get(object, name) != NULL;
}

bool rule_one_of_module(const json_t *self, const json_t *old)
{
    (void)old;
    return has(self, "wasmBinary") != has(self, "source");
}

bool rule_one_of_source(const json_t *self, const json_t *old)
{
    (void)old;
    return has(self, "oci") + has(self, "configMap") + has(self, "url") == 1;
}

bool rule_selector_values(const json_t *self, const json_t *old)
{
    (void)old;
    const char *operator= wb_api_text_at(self, "", "operator", NULL);
    bool needs = strcmp(operator, "In") == 0 || strcmp(operator, "NotIn") == 0;
    return needs == (json_array_size(json_object_get(self, "values")) > 0);
}

static const struct wb_api_rule *find_in_list(const struct wb_api_rule *rules, size_t max,
                                              const char *cel)
{
    for (size_t i = 0; i < max && rules[i].cel != NULL; i++) {
        if (strcmp(rules[i].cel, cel) == 0) {
            return &rules[i];
        }
    }
    return NULL;
}

/* The depth is that of our own tables: small and constant. */
static const struct wb_api_rule *find_in_fields(const struct wb_api_field *fields, size_t count,
                                                const char *cel, unsigned depth)
{
    for (size_t i = 0; i < count && depth < 16; i++) {
        const struct wb_api_rule *rule = find_in_list(fields[i].rules, WB_API_RULES_MAX, cel);
        if (rule == NULL) {
            rule = find_in_fields(fields[i].fields, fields[i].field_count, cel, depth + 1);
        }
        if (rule != NULL) {
            return rule;
        }
    }
    return NULL;
}

enum wb_err wb_api_rule_check(const char *cel, const json_t *self, const json_t *old, bool *holds)
{
    for (int id = 0; id < WB_API_KIND_COUNT; id++) {
        const struct wb_api_kind *kind = wb_api_kind_get((enum wb_api_kind_id)id);
        const struct wb_api_rule *rule = find_in_list(kind->rules, WB_API_RULES_MAX, cel);
        if (rule == NULL) {
            rule = find_in_fields(kind->fields, kind->field_count, cel, 0);
        }
        if (rule != NULL) {
            bool is_transition = strstr(cel, "oldSelf") != NULL;
            *holds = (is_transition && old == NULL) || rule->holds(self, old);
            return WB_OK;
        }
    }
    return WB_ERR_UNSUPPORTED;
}
