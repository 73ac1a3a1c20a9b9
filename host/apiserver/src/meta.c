/* SPDX-License-Identifier: AGPL-3.0-only */
/* meta.c: ObjectMeta. The words are apimachinery's. */
#include "meta.h"

#include <stdlib.h>
#include <string.h>

#include "wb_api.h"

#define ANNOTATIONS_MAX (256u * 1024u)

enum shape { SHAPE_STRING, SHAPE_INTEGER, SHAPE_MAP, SHAPE_LIST };

static const struct {
    const char *name;
    enum shape shape;
} fields[] = {
    {"name", SHAPE_STRING},
    {"generateName", SHAPE_STRING},
    {"namespace", SHAPE_STRING},
    {"selfLink", SHAPE_STRING},
    {"uid", SHAPE_STRING},
    {"resourceVersion", SHAPE_STRING},
    {"generation", SHAPE_INTEGER},
    {"creationTimestamp", SHAPE_STRING},
    {"deletionTimestamp", SHAPE_STRING},
    {"deletionGracePeriodSeconds", SHAPE_INTEGER},
    {"labels", SHAPE_MAP},
    {"annotations", SHAPE_MAP},
    {"ownerReferences", SHAPE_LIST},
    {"finalizers", SHAPE_LIST},
    {"managedFields", SHAPE_LIST},
};

static bool shape_fits(enum shape shape, const json_t *value)
{
    const char *key;
    json_t *member;
    switch (shape) {
    case SHAPE_STRING: return json_is_string(value);
    case SHAPE_INTEGER: return json_is_integer(value);
    case SHAPE_LIST: return json_is_array(value);
    case SHAPE_MAP:
        if (!json_is_object(value)) {
            return false;
        }
        json_object_foreach((json_t *)(uintptr_t)value, key, member)
        {
            if (!json_is_string(member)) {
                return false;
            }
        }
        return true;
    }
    return false;
}

static const char *shape_text(const char *name)
{
    static const struct {
        const char *name, *text;
    } rows[] = {
        {"labels", "metadata.labels must be an object of strings"},
        {"annotations", "metadata.annotations must be an object of strings"},
        {"ownerReferences", "metadata.ownerReferences must be a list"},
        {"finalizers", "metadata.finalizers must be a list"},
        {"name", "metadata.name must be a string"},
        {"generateName", "metadata.generateName must be a string"},
        {"namespace", "metadata.namespace must be a string"},
        {"resourceVersion", "metadata.resourceVersion must be a string"},
    };
    for (size_t i = 0; i < WB_ARRAY_LEN(rows); i++) {
        if (strcmp(rows[i].name, name) == 0) {
            return rows[i].text;
        }
    }
    return "a field of metadata has a wrong type";
}

const char *as_meta_clean(json_t *metadata, json_t *unknown)
{
    const char *name;
    json_t *value;
    void *next;
    json_object_foreach_safe(metadata, next, name, value)
    {
        size_t i = 0;
        while (i < WB_ARRAY_LEN(fields) && strcmp(fields[i].name, name) != 0) {
            i++;
        }
        if (i == WB_ARRAY_LEN(fields)) {
            if (unknown) {
                json_array_append_new(unknown, json_sprintf("metadata.%s", name));
            }
            json_object_del(metadata, name);
        } else if (json_is_null(value)) {
            json_object_del(metadata, name);
        } else if (!shape_fits(fields[i].shape, value)) {
            return shape_text(name);
        } else if ((json_is_object(value) && json_object_size(value) == 0) ||
                   (json_is_array(value) && json_array_size(value) == 0) ||
                   (json_is_string(value) && json_string_length(value) == 0)) {
            json_object_del(metadata, name);
        }
    }
    return NULL;
}

#define SUBDOMAIN_RULE                                                                             \
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "   \
    "'.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used "  \
    "for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
#define LABEL_RULE                                                                                 \
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and "   \
    "must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex "     \
    "used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
#define KEY_RULE                                                                                   \
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end "  \
    "with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for " \
    "validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
#define VALUE_RULE                                                                                 \
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or "    \
    "'.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value', " \
    " or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"

static void check_name(const struct as_resource *r, const json_t *metadata,
                       struct as_causes *causes)
{
    const char *name = as_str(metadata, "name");
    if (!name[0]) {
        as_cause_add(causes, "metadata.name", "FieldValueRequired",
                     "Required value: name or generateName is required");
    } else if (strcmp(r->plural, "namespaces") == 0) {
        if (!wb_api_is_dns_label(name)) {
            as_cause_add(causes, "metadata.name", "FieldValueInvalid", "Invalid value: \"%s\": %s",
                         name, LABEL_RULE);
        }
    } else if (!wb_api_is_dns_subdomain(name)) {
        as_cause_add(causes, "metadata.name", "FieldValueInvalid", "Invalid value: \"%s\": %s",
                     name, SUBDOMAIN_RULE);
    }
}

static void check_maps(const json_t *metadata, struct as_causes *causes)
{
    const char *key;
    json_t *value;
    json_object_foreach(json_object_get(metadata, "labels"), key, value)
    {
        if (!wb_api_is_label_key(key)) {
            as_cause_add(causes, "metadata.labels", "FieldValueInvalid",
                         "Invalid value: \"%s\": %s", key, KEY_RULE);
        }
        const char *text = json_string_value(value);
        if (strlen(text) > 63) {
            as_cause_add(causes, "metadata.labels", "FieldValueInvalid",
                         "Invalid value: \"%s\": must be no more than 63 bytes", text);
        } else if (!wb_api_is_label_value(text)) {
            as_cause_add(causes, "metadata.labels", "FieldValueInvalid",
                         "Invalid value: \"%s\": %s", text, VALUE_RULE);
        }
    }
    size_t total = 0;
    json_object_foreach(json_object_get(metadata, "annotations"), key, value)
    {
        char *lower = strdup(key); /* keys of annotations may be written in any case */
        for (char *p = lower; *p; p++) {
            *p = (char)((*p >= 'A' && *p <= 'Z') ? *p - 'A' + 'a' : *p);
        }
        if (!wb_api_is_label_key(lower)) {
            as_cause_add(causes, "metadata.annotations", "FieldValueInvalid",
                         "Invalid value: \"%s\": %s", key, KEY_RULE);
        }
        free(lower);
        total += strlen(key) + json_string_length(value);
    }
    if (total > ANNOTATIONS_MAX) {
        as_cause_add(causes, "metadata.annotations", "FieldValueTooLong",
                     "Too long: may not be more than %u bytes", ANNOTATIONS_MAX);
    }
}

static void check_owners(const json_t *metadata, struct as_causes *causes)
{
    size_t i;
    json_t *owner;
    json_array_foreach(json_object_get(metadata, "ownerReferences"), i, owner)
    {
        static const char *const needed[] = {"apiVersion", "kind", "name", "uid"};
        for (size_t j = 0; j < WB_ARRAY_LEN(needed); j++) {
            if (!as_str(owner, needed[j])[0]) {
                char *field = as_fmt("metadata.ownerReferences.%s", needed[j]);
                as_cause_add(causes, field, "FieldValueInvalid",
                             "Invalid value: \"\": must not be empty");
                free(field);
            }
        }
    }
}

void as_meta_validate(const struct as_resource *r, const json_t *metadata, struct as_causes *causes)
{
    check_name(r, metadata, causes);
    check_maps(metadata, causes);
    check_owners(metadata, causes);
    size_t i;
    json_t *finalizer;
    json_array_foreach(json_object_get(metadata, "finalizers"), i, finalizer)
    {
        const char *text = json_string_value(finalizer);
        if (!text || !wb_api_is_label_key(text)) {
            as_cause_add(causes, "metadata.finalizers", "FieldValueInvalid",
                         "Invalid value: \"%s\": %s", text ? text : "", KEY_RULE);
        }
    }
}
