/* SPDX-License-Identifier: AGPL-3.0-only */
/* table.c: tables: cells from the columns' paths. */
#include "table.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "wb_api.h"

/* As k8s.io/apimachinery/pkg/util/duration.HumanDuration: two units while the first is small. */
void as_age(int64_t s, char to[32])
{
    long long m = s / 60, h = s / 3600, d = s / 86400, y = d / 365;
    if (s < 0) {
        snprintf(to, 32, s < -1 ? "<invalid>" : "0s");
    } else if (s < 120) {
        snprintf(to, 32, "%llds", (long long)s);
    } else if (m < 10) {
        snprintf(to, 32, s % 60 ? "%lldm%llds" : "%lldm", m, (long long)(s % 60));
    } else if (m < 180) {
        snprintf(to, 32, "%lldm", m);
    } else if (h < 8) {
        snprintf(to, 32, m % 60 ? "%lldh%lldm" : "%lldh", h, m % 60);
    } else if (h < 48) {
        snprintf(to, 32, "%lldh", h);
    } else if (h < 192) {
        snprintf(to, 32, h % 24 ? "%lldd%lldh" : "%lldd", d, h % 24);
    } else if (d < 730) {
        snprintf(to, 32, "%lldd", d);
    } else if (y < 8) {
        snprintf(to, 32, d % 365 ? "%lldy%lldd" : "%lldy", y, d % 365);
    } else {
        snprintf(to, 32, "%lldy", y);
    }
}

void as_table_columns(struct as_text *t, const struct as_resource *r)
{
    as_text_str(t, "\"columnDefinitions\":[");
    for (size_t i = 0; i < r->column_count; i++) {
        const struct as_column *c = &r->columns[i];
        as_text_str(t, i ? ",{\"name\":" : "{\"name\":");
        as_text_json_str(t, c->name);
        as_text_str(t, ",\"type\":");
        as_text_json_str(t, c->type);
        as_text_str(t, ",\"format\":");
        as_text_json_str(t, c->format ? c->format : "");
        as_text_str(t, ",\"description\":");
        as_text_json_str(t, c->description ? c->description : "");
        as_text_fmt(t, ",\"priority\":%d}", c->priority);
    }
    as_text_str(t, "]");
}

/* The first alternative of "a|b" that has a value. */
static const json_t *first_value(const json_t *object, const char *path)
{
    while (path) {
        const json_t *value = as_path_get(object, path);
        if (value && !json_is_null(value)) {
            return value;
        }
        path = strchr(path, '|');
        path = path ? path + 1 : NULL;
    }
    return NULL;
}

static void cell_date(struct as_text *t, const json_t *value, uint64_t now_us)
{
    int64_t us;
    char age[32];
    if (!json_is_string(value) || wb_api_time_read_micro(json_string_value(value), &us) != WB_OK) {
        as_text_str(t, "\"<unknown>\"");
        return;
    }
    as_age(((int64_t)now_us - us) / 1000000, age);
    as_text_json_str(t, age);
}

static void cell_ref(struct as_text *t, const json_t *reference)
{
    char *text = as_fmt("%s/%s", as_str(reference, "kind"), as_str(reference, "name"));
    for (char *p = text; *p && *p != '/'; p++) {
        *p = (char)((*p >= 'A' && *p <= 'Z') ? *p - 'A' + 'a' : *p);
    }
    as_text_json_str(t, text);
    free(text);
}

static void cell_string(struct as_text *t, const json_t *value)
{
    if (json_is_string(value)) {
        as_text_json(t, value);
        return;
    }
    char *text = as_dump(value, NULL);
    as_text_json_str(t, text);
    free(text);
}

static void cell(struct as_text *t, const struct as_column *c, const json_t *object,
                 uint64_t now_us)
{
    if (strncmp(c->path, "count:", 6) == 0) {
        const json_t *value = as_path_get(object, c->path + 6);
        as_text_fmt(t, "%zu",
                    json_is_array(value) ? json_array_size(value) : json_object_size(value));
        return;
    }
    if (strncmp(c->path, "ref:", 4) == 0) {
        cell_ref(t, as_path_get(object, c->path + 4));
        return;
    }
    const json_t *value = first_value(object, c->path);
    if (!value) {
        as_text_str(t, "null");
    } else if (strcmp(c->type, "date") == 0) {
        cell_date(t, value, now_us);
    } else if (strcmp(c->type, "string") == 0) {
        cell_string(t, value);
    } else if ((strcmp(c->type, "integer") == 0 && json_is_integer(value)) ||
               (strcmp(c->type, "number") == 0 && json_is_number(value)) ||
               (strcmp(c->type, "boolean") == 0 && json_is_boolean(value))) {
        as_text_json(t, value);
    } else {
        as_text_str(t, "null"); /* not what the column says */
    }
}

void as_partial_metadata(struct as_text *t, const json_t *object)
{
    as_text_str(
        t, "{\"kind\":\"PartialObjectMetadata\",\"apiVersion\":\"meta.k8s.io/v1\",\"metadata\":");
    as_text_json(t, json_object_get(object, "metadata"));
    as_text_str(t, "}");
}

void as_table_row(struct as_text *t, const struct as_resource *r, const json_t *object,
                  enum as_include include, uint64_t now_us)
{
    as_text_str(t, "{\"cells\":[");
    for (size_t i = 0; i < r->column_count; i++) {
        as_text_str(t, i ? "," : "");
        cell(t, &r->columns[i], object, now_us);
    }
    as_text_str(t, "],\"object\":");
    if (include == AS_INCLUDE_OBJECT) {
        as_text_json(t, object);
    } else if (include == AS_INCLUDE_METADATA) {
        as_partial_metadata(t, object);
    } else {
        as_text_str(t, "null");
    }
    as_text_str(t, "}");
}
