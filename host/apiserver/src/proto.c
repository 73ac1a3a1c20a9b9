/* SPDX-License-Identifier: AGPL-3.0-only */
/* proto.c: a small protobuf reader driven by tables of field numbers (the generated.proto files of
 * k8s.io/api and k8s.io/apimachinery). What a table does not list is skipped. Empty texts and zeros
 * are left out, as the JSON encoders do (omitempty), unless a row says KEEP. */
#include "proto.h"

#include <stdlib.h>
#include <string.h>

#include "wb_api.h"

#define DEPTH_MAX 8u

enum kind { STR, INT, BOOL, BYTES, MSG, TIME, MICRO, MAP_STR, MAP_BYTES };
#define REP  1u /* repeated */
#define KEEP 2u /* also when empty: a pointer in Go */

struct field {
    uint32_t number;
    enum kind kind;
    unsigned flags;
    const char *name;
    const struct field *fields; /* of MSG */
};
#define END                                                                                        \
    {                                                                                              \
        0, STR, 0, NULL, NULL                                                                      \
    }

static const struct field owner[] = {{1, STR, 0, "kind", NULL},
                                     {3, STR, 0, "name", NULL},
                                     {4, STR, 0, "uid", NULL},
                                     {5, STR, 0, "apiVersion", NULL},
                                     {6, BOOL, KEEP, "controller", NULL},
                                     {7, BOOL, KEEP, "blockOwnerDeletion", NULL},
                                     END};
static const struct field meta[] = {{1, STR, 0, "name", NULL},
                                    {2, STR, 0, "generateName", NULL},
                                    {3, STR, 0, "namespace", NULL},
                                    {5, STR, 0, "uid", NULL},
                                    {6, STR, 0, "resourceVersion", NULL},
                                    {7, INT, 0, "generation", NULL},
                                    {8, TIME, 0, "creationTimestamp", NULL},
                                    {9, TIME, 0, "deletionTimestamp", NULL},
                                    {10, INT, 0, "deletionGracePeriodSeconds", NULL},
                                    {11, MAP_STR, 0, "labels", NULL},
                                    {12, MAP_STR, 0, "annotations", NULL},
                                    {13, MSG, REP, "ownerReferences", owner},
                                    {14, STR, REP, "finalizers", NULL},
                                    END};
static const struct field reference[] = {
    {1, STR, 0, "kind", NULL},       {2, STR, 0, "namespace", NULL},
    {3, STR, 0, "name", NULL},       {4, STR, 0, "uid", NULL},
    {5, STR, 0, "apiVersion", NULL}, {6, STR, 0, "resourceVersion", NULL},
    {7, STR, 0, "fieldPath", NULL},  END};
static const struct field name_only[] = {{1, STR, 0, "name", NULL}, END};
static const struct field namespace_spec[] = {{1, STR, REP, "finalizers", NULL}, END};
static const struct field namespace_status[] = {{1, STR, 0, "phase", NULL}, END};
static const struct field namespace[] = {{1, MSG, KEEP, "metadata", meta},
                                         {2, MSG, 0, "spec", namespace_spec},
                                         {3, MSG, 0, "status", namespace_status},
                                         END};
static const struct field config_map[] = {{1, MSG, KEEP, "metadata", meta},
                                          {2, MAP_STR, 0, "data", NULL},
                                          {3, MAP_BYTES, 0, "binaryData", NULL},
                                          {4, BOOL, KEEP, "immutable", NULL},
                                          END};
static const struct field secret[] = {
    {1, MSG, KEEP, "metadata", meta},   {2, MAP_BYTES, 0, "data", NULL},
    {3, STR, 0, "type", NULL},          {4, MAP_STR, 0, "stringData", NULL},
    {5, BOOL, KEEP, "immutable", NULL}, END};
static const struct field service_account[] = {
    {1, MSG, KEEP, "metadata", meta},
    {2, MSG, REP, "secrets", reference},
    {3, MSG, REP, "imagePullSecrets", name_only},
    {4, BOOL, KEEP, "automountServiceAccountToken", NULL},
    END};
static const struct field event_source[] = {
    {1, STR, 0, "component", NULL}, {2, STR, 0, "host", NULL}, END};
static const struct field event_series[] = {
    {1, INT, 0, "count", NULL}, {2, MICRO, 0, "lastObservedTime", NULL}, END};
static const struct field event[] = {{1, MSG, KEEP, "metadata", meta},
                                     {2, MSG, KEEP, "involvedObject", reference},
                                     {3, STR, 0, "reason", NULL},
                                     {4, STR, 0, "message", NULL},
                                     {5, MSG, 0, "source", event_source},
                                     {6, TIME, 0, "firstTimestamp", NULL},
                                     {7, TIME, 0, "lastTimestamp", NULL},
                                     {8, INT, 0, "count", NULL},
                                     {9, STR, 0, "type", NULL},
                                     {10, MICRO, 0, "eventTime", NULL},
                                     {11, MSG, 0, "series", event_series},
                                     {12, STR, 0, "action", NULL},
                                     {13, MSG, 0, "related", reference},
                                     {14, STR, 0, "reportingComponent", NULL},
                                     {15, STR, 0, "reportingInstance", NULL},
                                     END};
static const struct field lease_spec[] = {
    {1, STR, 0, "holderIdentity", NULL},      {2, INT, KEEP, "leaseDurationSeconds", NULL},
    {3, MICRO, 0, "acquireTime", NULL},       {4, MICRO, 0, "renewTime", NULL},
    {5, INT, KEEP, "leaseTransitions", NULL}, {6, STR, 0, "strategy", NULL},
    {7, STR, 0, "preferredHolder", NULL},     END};
static const struct field lease[] = {
    {1, MSG, KEEP, "metadata", meta}, {2, MSG, 0, "spec", lease_spec}, END};
static const struct field resource_attributes[] = {
    {1, STR, 0, "namespace", NULL}, {2, STR, 0, "verb", NULL},
    {3, STR, 0, "group", NULL},     {4, STR, 0, "version", NULL},
    {5, STR, 0, "resource", NULL},  {6, STR, 0, "subresource", NULL},
    {7, STR, 0, "name", NULL},      END};
static const struct field path_attributes[] = {
    {1, STR, 0, "path", NULL}, {2, STR, 0, "verb", NULL}, END};
static const struct field access_spec[] = {{1, MSG, 0, "resourceAttributes", resource_attributes},
                                           {2, MSG, 0, "nonResourceAttributes", path_attributes},
                                           END};
static const struct field access_review[] = {
    {1, MSG, 0, "metadata", meta}, {2, MSG, KEEP, "spec", access_spec}, END};
static const struct field rules_spec[] = {{1, STR, 0, "namespace", NULL}, END};
static const struct field rules_review[] = {
    {1, MSG, 0, "metadata", meta}, {2, MSG, KEEP, "spec", rules_spec}, END};
static const struct field self_review[] = {{1, MSG, 0, "metadata", meta}, END};
static const struct field preconditions[] = {
    {1, STR, 0, "uid", NULL}, {2, STR, 0, "resourceVersion", NULL}, END};
static const struct field delete_options[] = {{1, INT, KEEP, "gracePeriodSeconds", NULL},
                                              {2, MSG, 0, "preconditions", preconditions},
                                              {3, BOOL, KEEP, "orphanDependents", NULL},
                                              {4, STR, 0, "propagationPolicy", NULL},
                                              {5, STR, REP, "dryRun", NULL},
                                              END};

static const struct {
    const char *kind;
    const struct field *fields;
} kinds[] = {{"Namespace", namespace},
             {"ConfigMap", config_map},
             {"Secret", secret},
             {"ServiceAccount", service_account},
             {"Event", event},
             {"Lease", lease},
             {"SelfSubjectAccessReview", access_review},
             {"SelfSubjectRulesReview", rules_review},
             {"SelfSubjectReview", self_review},
             {"DeleteOptions", delete_options}};

/* ---- wire format -------------------------------------------------------------------------- */

static uint64_t read_varint(struct wb_reader *r)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint8_t byte = wb_read_u8(r);
        value |= (uint64_t)(byte & 0x7fu) << shift;
        if (!(byte & 0x80u)) {
            return value;
        }
    }
    r->err = r->err == WB_OK ? WB_ERR_FORMAT : r->err;
    return 0;
}

static void read_part(struct wb_reader *r, struct wb_reader *part)
{
    uint64_t len = read_varint(r);
    if (len > wb_reader_left(r)) {
        r->err = r->err == WB_OK ? WB_ERR_END : r->err;
        len = 0;
    }
    const uint8_t *data = wb_read_bytes(r, (size_t)len);
    wb_reader_init(part, data, data ? (size_t)len : 0);
}

static void skip(struct wb_reader *r, unsigned wire)
{
    struct wb_reader part;
    switch (wire) {
    case 0: read_varint(r); break;
    case 1: (void)wb_read_bytes(r, 8); break;
    case 2: read_part(r, &part); break;
    case 5: (void)wb_read_bytes(r, 4); break;
    default: r->err = r->err == WB_OK ? WB_ERR_FORMAT : r->err; break;
    }
}

static json_t *text_of(struct wb_reader *part)
{
    return json_stringn((const char *)part->at, wb_reader_left(part));
}

static json_t *base64_of(struct wb_reader *part)
{
    char *encoded = wb_api_base64_encode(part->at, wb_reader_left(part));
    json_t *value = json_string(encoded);
    free(encoded);
    return value;
}

/* Time: {1: seconds, 2: nanoseconds}; NULL for the zero time. */
static json_t *time_of(struct wb_reader *part, bool micro)
{
    uint64_t seconds = 0, nanos = 0;
    while (wb_reader_left(part) > 0 && part->err == WB_OK) {
        uint64_t key = read_varint(part);
        if (key == (1u << 3)) {
            seconds = read_varint(part);
        } else if (key == (2u << 3)) {
            nanos = read_varint(part);
        } else {
            skip(part, (unsigned)(key & 7u));
        }
    }
    if (seconds == 0 || seconds > 253402300799u || nanos > 999999999u) {
        return NULL;
    }
    char text[40];
    if (micro) {
        as_time_us(seconds * 1000000u + nanos / 1000u, text);
    } else {
        as_time_s(seconds * 1000000u, text);
    }
    return json_string(text);
}

/* Map entry: {1: key, 2: value}. */
static void map_entry(struct wb_reader *part, json_t *map, bool bytes)
{
    json_t *key = NULL, *value = NULL;
    while (wb_reader_left(part) > 0 && part->err == WB_OK) {
        struct wb_reader inner;
        uint64_t tag = read_varint(part);
        if (tag == (1u << 3 | 2u)) {
            read_part(part, &inner);
            json_decref(key);
            key = text_of(&inner);
        } else if (tag == (2u << 3 | 2u)) {
            read_part(part, &inner);
            json_decref(value);
            value = bytes ? base64_of(&inner) : text_of(&inner);
        } else {
            skip(part, (unsigned)(tag & 7u));
        }
    }
    if (key && part->err == WB_OK) {
        json_object_set_new(map, json_string_value(key), value ? value : json_string(""));
        value = NULL;
    }
    json_decref(key);
    json_decref(value);
}

static json_t *message(struct wb_reader *r, const struct field *fields, unsigned depth);

static json_t *value_of(struct wb_reader *r, const struct field *f, json_t *object, unsigned depth)
{
    struct wb_reader part;
    if (f->kind == INT || f->kind == BOOL) {
        uint64_t number = read_varint(r);
        if (number == 0 && !(f->flags & KEEP)) {
            return NULL;
        }
        return f->kind == BOOL ? json_boolean(number != 0) : json_integer((json_int_t)number);
    }
    read_part(r, &part);
    json_t *value = NULL;
    switch (f->kind) {
    case STR: value = wb_reader_left(&part) || (f->flags & REP) ? text_of(&part) : NULL; break;
    case BYTES: value = base64_of(&part); break;
    case TIME:
    case MICRO: value = time_of(&part, f->kind == MICRO); break;
    case MSG:
        value = message(&part, f->fields, depth + 1);
        if (json_object_size(value) == 0 && !(f->flags & KEEP)) {
            json_decref(value);
            value = NULL;
        }
        break;
    case MAP_STR:
    case MAP_BYTES: map_entry(&part, as_object(object, f->name), f->kind == MAP_BYTES); break;
    case INT:
    case BOOL: break;
    }
    if (part.err != WB_OK && r->err == WB_OK) {
        r->err = part.err;
    }
    return value;
}

static unsigned wire_of(enum kind kind)
{
    return kind == INT || kind == BOOL ? 0 : 2;
}

static json_t *message(struct wb_reader *r, const struct field *fields, unsigned depth)
{
    json_t *object = json_object();
    if (depth > DEPTH_MAX) {
        r->err = WB_ERR_LIMIT;
    }
    while (wb_reader_left(r) > 0 && r->err == WB_OK) {
        uint64_t tag = read_varint(r);
        const struct field *f = fields;
        while (f->name && f->number != tag >> 3) {
            f++;
        }
        if (!f->name || wire_of(f->kind) != (tag & 7u)) {
            skip(r, (unsigned)(tag & 7u));
            continue;
        }
        json_t *value = value_of(r, f, object, depth);
        if (value && (f->flags & REP)) {
            json_t *list = json_object_get(object, f->name);
            if (!list) {
                list = json_array();
                json_object_set_new(object, f->name, list);
            }
            json_array_append_new(list, value);
        } else if (value) {
            json_object_set_new(object, f->name, value);
        }
    }
    return object;
}

json_t *as_proto_decode(const uint8_t *data, size_t len, char *err, size_t err_cap)
{
    static const struct field type_meta[] = {
        {1, STR, 0, "apiVersion", NULL}, {2, STR, 0, "kind", NULL}, END};
    struct wb_reader r, part, raw;
    json_t *type = NULL;
    if (len < 4 || memcmp(data, "k8s", 4) != 0) {
        snprintf(err, err_cap, "does not begin with the Kubernetes prefix");
        return NULL;
    }
    wb_reader_init(&r, data + 4, len - 4);
    wb_reader_init(&raw, NULL, 0);
    while (wb_reader_left(&r) > 0 && r.err == WB_OK) {
        uint64_t tag = read_varint(&r);
        if (tag == (1u << 3 | 2u)) {
            read_part(&r, &part);
            json_decref(type);
            type = message(&part, type_meta, 0);
            r.err = r.err == WB_OK ? part.err : r.err;
        } else if (tag == (2u << 3 | 2u)) {
            read_part(&r, &raw);
        } else {
            skip(&r, (unsigned)(tag & 7u));
        }
    }
    json_t *object = NULL;
    for (size_t i = 0; r.err == WB_OK && i < WB_ARRAY_LEN(kinds) && !object; i++) {
        if (strcmp(kinds[i].kind, as_str(type, "kind")) == 0) {
            object = message(&raw, kinds[i].fields, 0);
        }
    }
    if (!object || raw.err != WB_OK) {
        snprintf(err, err_cap,
                 r.err != WB_OK || object ? "malformed"
                                          : "kind \"%.60s\" is accepted as JSON or YAML only",
                 as_str(type, "kind"));
        json_decref(object);
        json_decref(type);
        return NULL;
    }
    json_object_update(object, type);
    json_decref(type);
    return object;
}
