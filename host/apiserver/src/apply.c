/* SPDX-License-Identifier: AGPL-3.0-only */
/* apply.c: server-side apply (KEP-555).
 *
 * A set of fields is kept as FieldsV1 has it: a tree of objects whose keys are "f:name" (member),
 * "k:{…}" (item of a map list by its keys), "v:…" (item of a set) and "." (the item itself); a node
 * without children is an owned leaf. Lists are atomic unless the schema says set or map.
 *
 * An apply owns what it lists. What it listed before and does not list now is removed, unless
 * somebody else owns it. What somebody else owns with another value is a conflict, unless force.
 * Other writes own what they changed. Read: as_apply, as_apply_record_update, then the operations
 * on sets. */
#include "apply.h"

#include <stdlib.h>
#include <string.h>

/* ---- schema of a step --------------------------------------------------------------------- */

struct walk {
    const struct as_schema *meta; /* of metadata, whatever the kind */
    bool containers;              /* new maps and lists are noted themselves, as "." */
};

static const struct as_schema *below(const struct walk *w, const struct as_schema *s,
                                     const char *name, bool is_root)
{
    if (is_root && strcmp(name, "metadata") == 0) {
        return w->meta;
    }
    return as_schema_property(s, name);
}

/* Fields that nobody owns. */
static bool is_owned_field(const char *name, bool is_root, bool in_metadata)
{
    static const char *const metadata[] = {"labels", "annotations", "finalizers", "ownerReferences",
                                           "generateName"};
    if (is_root) {
        return strcmp(name, "apiVersion") != 0 && strcmp(name, "kind") != 0;
    }
    if (!in_metadata) {
        return true;
    }
    for (size_t i = 0; i < WB_ARRAY_LEN(metadata); i++) {
        if (strcmp(metadata[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static char *item_name(enum as_list_type type, const json_t *keys, json_t *item)
{
    if (type == AS_LIST_SET) {
        char *text = as_dump(item, NULL);
        char *name = as_fmt("v:%s", text);
        free(text);
        return name;
    }
    json_t *key = json_object();
    size_t i;
    json_t *field;
    json_array_foreach(keys, i, field)
    {
        json_t *part = json_object_get(item, json_string_value(field));
        if (part) {
            json_object_set(key, json_string_value(field), part);
        }
    }
    char *text = as_dump(key, NULL);
    char *name = as_fmt("k:%s", text);
    free(text);
    json_decref(key);
    return name;
}

static size_t find_named(enum as_list_type type, const json_t *keys, const json_t *list,
                         const char *wanted)
{
    size_t i;
    json_t *item;
    json_array_foreach(list, i, item)
    {
        char *name = item_name(type, keys, item);
        bool same = strcmp(name, wanted) == 0;
        free(name);
        if (same) {
            break;
        }
    }
    return i;
}

/* ---- sets --------------------------------------------------------------------------------- */

static json_t *changed_in(const struct walk *w, const struct as_schema *s, const json_t *value,
                          const json_t *old, unsigned depth);

static json_t *changed_members(const struct walk *w, const struct as_schema *s, const json_t *value,
                               const json_t *old, unsigned depth)
{
    json_t *set = json_object();
    const char *name;
    json_t *member;
    json_object_foreach((json_t *)(uintptr_t)value, name, member)
    {
        if (!is_owned_field(name, depth == 0, depth == 1 && s == w->meta)) {
            continue;
        }
        json_t *part =
            changed_in(w, below(w, s, name, depth == 0), member,
                       json_is_object(old) ? json_object_get(old, name) : NULL, depth + 1);
        if (part) {
            char *key = as_fmt("f:%s", name);
            json_object_set_new(set, key, part);
            free(key);
        }
    }
    return set;
}

static json_t *changed_items(const struct walk *w, const struct as_schema *s,
                             enum as_list_type type, const json_t *keys, const json_t *value,
                             const json_t *old, unsigned depth)
{
    json_t *set = json_object();
    size_t i;
    json_t *item;
    json_array_foreach(value, i, item)
    {
        char *name = item_name(type, keys, item);
        json_t *before = json_array_get(old, find_named(type, keys, old, name));
        json_t *part = NULL;
        if (type == AS_LIST_SET) {
            part = before ? NULL : json_object();
        } else {
            part = changed_in(w, as_schema_items(s), item, before, depth + 1);
            if (part && !before) {
                json_object_set_new(part, ".", json_object());
            }
        }
        if (part) {
            json_object_set_new(set, name, part);
        }
        free(name);
    }
    return set;
}

/* Set of the fields of value that are not the same in old (NULL: all of them); NULL when there are
 * none. */
static json_t *changed_in(const struct walk *w, const struct as_schema *s, const json_t *value,
                          const json_t *old, unsigned depth)
{
    const json_t *keys;
    enum as_list_type type = as_schema_list_type(s, &keys);
    if (old && json_equal(value, old)) {
        return NULL;
    }
    json_t *set;
    if (json_is_object(value) && !as_schema_is_atomic_map(s) &&
        (json_object_size(value) > 0 || depth == 0)) {
        set = changed_members(w, s, value, old, depth);
    } else if (json_is_array(value) && type != AS_LIST_ATOMIC && json_array_size(value) > 0) {
        set = changed_items(w, s, type, keys, value, json_is_array(old) ? old : NULL, depth);
    } else {
        return json_object(); /* a leaf */
    }
    if (json_object_size(set) == 0 && depth > 0) {
        json_decref(set);
        return NULL;
    }
    if (w->containers && !old && depth > 0 && !(depth == 1 && s == w->meta)) {
        json_object_set_new(set, ".", json_object());
    }
    return set;
}

static bool is_leaf(const json_t *node)
{
    return json_object_size(node) == 0;
}

/* a |= b */
static void set_add(json_t *a, const json_t *b)
{
    const char *key;
    json_t *node;
    json_object_foreach((json_t *)(uintptr_t)b, key, node)
    {
        json_t *have = json_object_get(a, key);
        if (!have) {
            json_object_set_new(a, key, json_deep_copy(node));
        } else {
            set_add(have, node);
        }
    }
}

/* a -= b; nodes that become empty go. */
static void set_remove(json_t *a, const json_t *b)
{
    const char *key;
    json_t *node;
    json_object_foreach((json_t *)(uintptr_t)b, key, node)
    {
        json_t *have = json_object_get(a, key);
        if (!have) {
            continue;
        }
        if (is_leaf(have)) {
            if (is_leaf(node)) {
                json_object_del(a, key);
            }
        } else {
            set_remove(have, node);
            if (is_leaf(have)) {
                json_object_del(a, key);
            }
        }
    }
}

/* a &= b, where a leaf of either stands for all below it. */
static void set_keep(json_t *a, const json_t *b)
{
    const char *key;
    json_t *node;
    void *next;
    json_object_foreach_safe(a, next, key, node)
    {
        json_t *other = json_object_get(b, key);
        if (!other) {
            json_object_del(a, key);
        } else if (!is_leaf(node) && !is_leaf(other)) {
            set_keep(node, other);
            if (is_leaf(node)) {
                json_object_del(a, key);
            }
        }
    }
}

/* Leaves of a that are in b, too: a new set, perhaps empty. */
static json_t *set_common(const json_t *a, const json_t *b)
{
    json_t *common = json_object();
    const char *key;
    json_t *node;
    json_object_foreach((json_t *)(uintptr_t)a, key, node)
    {
        json_t *other = json_object_get(b, key);
        if (!other) {
            continue;
        }
        if (is_leaf(node) || is_leaf(other)) {
            json_object_set_new(common, key, json_object());
            continue;
        }
        json_t *part = set_common(node, other);
        if (is_leaf(part)) {
            json_decref(part);
        } else {
            json_object_set_new(common, key, part);
        }
    }
    return common;
}

/* ---- values ------------------------------------------------------------------------------- */

/* Puts the wanted fields into target. */
static void merge(const struct walk *w, const struct as_schema *s, json_t *target,
                  const json_t *wanted, unsigned depth);

static json_t *merged(const struct walk *w, const struct as_schema *s, json_t *have, json_t *wanted,
                      unsigned depth)
{
    const json_t *keys;
    enum as_list_type type = as_schema_list_type(s, &keys);
    if (json_is_object(wanted) && json_is_object(have) && !as_schema_is_atomic_map(s)) {
        merge(w, s, have, wanted, depth);
        return json_incref(have);
    }
    if (!json_is_array(wanted) || !json_is_array(have) || type == AS_LIST_ATOMIC) {
        return json_deep_copy(wanted);
    }
    size_t i;
    json_t *item;
    json_array_foreach(wanted, i, item)
    {
        char *name = item_name(type, keys, item);
        size_t at = find_named(type, keys, have, name);
        free(name);
        if (at == json_array_size(have)) {
            json_array_append_new(have, json_deep_copy(item));
        } else if (type == AS_LIST_MAP) {
            json_array_set_new(
                have, at, merged(w, as_schema_items(s), json_array_get(have, at), item, depth + 1));
        }
    }
    return json_incref(have);
}

static void merge(const struct walk *w, const struct as_schema *s, json_t *target,
                  const json_t *wanted, unsigned depth)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)wanted, name, value)
    {
        json_t *have = json_object_get(target, name);
        const struct as_schema *part = below(w, s, name, depth == 0);
        json_object_set_new(target, name,
                            have ? merged(w, part, have, value, depth + 1) : json_deep_copy(value));
    }
}

/* Removes the fields of a set from a value. */
static void drop(const struct walk *w, const struct as_schema *s, json_t *value, const json_t *set,
                 unsigned depth)
{
    const json_t *keys;
    enum as_list_type type = as_schema_list_type(s, &keys);
    const char *key;
    json_t *node;
    json_object_foreach((json_t *)(uintptr_t)set, key, node)
    {
        if (strncmp(key, "f:", 2) == 0 && json_is_object(value)) {
            json_t *member = json_object_get(value, key + 2);
            if (is_leaf(node)) {
                json_object_del(value, key + 2);
            } else if (member) {
                drop(w, below(w, s, key + 2, depth == 0), member, node, depth + 1);
                if (json_is_object(member) && json_object_size(member) == 0 && depth > 0) {
                    json_object_del(value, key + 2);
                }
            }
        } else if (key[0] != '.' && json_is_array(value) && type != AS_LIST_ATOMIC) {
            size_t at = find_named(type, keys, value, key);
            if (at < json_array_size(value)) {
                if (is_leaf(node) || json_object_get(node, ".")) {
                    json_array_remove(value, at);
                } else {
                    drop(w, as_schema_items(s), json_array_get(value, at), node, depth + 1);
                }
            }
        }
    }
}

/* ---- managers ----------------------------------------------------------------------------- */

static json_t *entry_set(const json_t *entry)
{
    return json_object_get(entry, "fieldsV1");
}

static json_t *find_entry(const json_t *managers, const char *manager, const char *operation,
                          const char *version, const char *subresource)
{
    size_t i;
    json_t *entry;
    json_array_foreach(managers, i, entry)
    {
        if (strcmp(as_str(entry, "manager"), manager) == 0 &&
            strcmp(as_str(entry, "operation"), operation) == 0 &&
            strcmp(as_str(entry, "apiVersion"), version) == 0 &&
            strcmp(as_str(entry, "subresource"), subresource) == 0) {
            return entry;
        }
    }
    return NULL;
}

static json_t *entry_new(struct as_call *c, const char *manager, const char *operation, json_t *set)
{
    char now[32];
    as_time_s(c->now_us, now);
    json_t *entry = json_pack("{s:s, s:s, s:s, s:s, s:s, s:o}", "manager", manager, "operation",
                              operation, "apiVersion", c->resource->group_version, "time", now,
                              "fieldsType", "FieldsV1", "fieldsV1", set);
    if (entry && c->subresource[0]) {
        as_set(entry, "subresource", json_string(c->subresource));
    }
    return entry;
}

static void remove_empty(json_t *managers)
{
    for (size_t i = json_array_size(managers); i-- > 0;) {
        if (is_leaf(entry_set(json_array_get(managers, i)))) {
            json_array_remove(managers, i);
        }
    }
}

static json_t *managers_of(const json_t *object)
{
    json_t *list = json_object_get(json_object_get(object, "metadata"), "managedFields");
    return json_is_array(list) ? json_deep_copy(list) : json_array();
}

static void set_managers(json_t *object, json_t *managers)
{
    remove_empty(managers);
    bool none = json_array_size(managers) == 0;
    as_set(as_object(object, "metadata"), "managedFields", none ? NULL : json_incref(managers));
}

/* fieldManager, or the program's name from User-Agent. */
static char *manager_name(const struct as_call *c)
{
    const char *name = as_query(c, "fieldManager");
    if (name[0]) {
        return as_fmt("%.128s", name);
    }
    const char *agent = c->request->user_agent ? c->request->user_agent : "unknown";
    return as_fmt("%.*s", (int)(strcspn(agent, "/") > 128 ? 128 : strcspn(agent, "/")), agent);
}

/* ---- conflicts ---------------------------------------------------------------------------- */

static void list_paths(const json_t *set, const char *path, const char *who, json_t *causes)
{
    const char *key;
    json_t *node;
    json_object_foreach((json_t *)(uintptr_t)set, key, node)
    {
        char *at = key[0] == 'f'   ? as_fmt("%s.%s", path, key + 2)
                   : key[0] == '.' ? as_fmt("%s", path)
                                   : as_fmt("%s[%s]", path, key + 2);
        if (is_leaf(node)) {
            json_t *cause =
                json_pack("{s:s, s:o, s:s}", "reason", "FieldManagerConflict", "message",
                          json_sprintf("conflict with %s", who), "field", at);
            if (cause) {
                json_array_append_new(causes, cause);
            }
        } else {
            list_paths(node, at, who, causes);
        }
        free(at);
    }
}

static char *entry_label(const json_t *entry)
{
    struct as_text t = {0};
    as_text_fmt(&t, "\"%s\"", as_str(entry, "manager"));
    if (as_str(entry, "subresource")[0]) {
        as_text_fmt(&t, " with subresource \"%s\"", as_str(entry, "subresource"));
    }
    if (strcmp(as_str(entry, "operation"), "Update") == 0) {
        as_text_fmt(&t, " using %s", as_str(entry, "apiVersion"));
    }
    return t.data;
}

static void reply_conflicts(struct as_call *c, json_t *causes)
{
    struct as_text t = {0};
    size_t count = json_array_size(causes), i;
    json_t *cause;
    as_text_fmt(&t, "Apply failed with %zu conflict%s: ", count, count == 1 ? "" : "s");
    const char *last = "";
    json_array_foreach(causes, i, cause)
    {
        const char *message = as_str(cause, "message") + strlen("conflict");
        if (count == 1) {
            as_text_fmt(&t, "conflict%s: %s", message, as_str(cause, "field"));
        } else {
            if (strcmp(last, message) != 0) {
                as_text_fmt(&t, "%sconflicts%s:", i ? "\n" : "", message);
            }
            as_text_fmt(&t, "\n- %s", as_str(cause, "field"));
        }
        last = message;
    }
    as_reply_error(c, 409, "Conflict", json_pack("{s:O}", "causes", causes), "%s", t.data);
    as_text_deinit(&t);
}

/* Fields of the apply that others own with another value. Forced: they lose them. */
static bool settle_conflicts(struct as_call *c, json_t *managers, const json_t *own,
                             const json_t *different, bool force)
{
    json_t *causes = json_array();
    size_t i;
    json_t *entry;
    json_array_foreach(managers, i, entry)
    {
        if (entry == own) {
            continue;
        }
        json_t *common = set_common(different, entry_set(entry));
        if (force) {
            set_remove(entry_set(entry), common);
        } else if (!is_leaf(common)) {
            char *who = entry_label(entry);
            list_paths(common, "", who, causes);
            free(who);
        }
        json_decref(common);
    }
    bool settled = json_array_size(causes) == 0;
    if (!settled) {
        reply_conflicts(c, causes);
    }
    json_decref(causes);
    return settled;
}

/* ---- apply -------------------------------------------------------------------------------- */

json_t *as_apply(struct as_call *c, json_t *wanted, const json_t *old)
{
    const struct as_schema *schema = c->resource->schema;
    struct walk w = {c->server->meta_schema, false};
    if (json_object_get(json_object_get(wanted, "metadata"), "managedFields")) {
        as_reply_bad_request(c, "metadata.managedFields must be nil");
        return NULL;
    }
    c->applied = true;
    json_t *managers = managers_of(old);
    char *manager = manager_name(c);
    json_t *own =
        find_entry(managers, manager, "Apply", c->resource->group_version, c->subresource);
    json_t *set = changed_in(&w, schema, wanted, NULL, 0);
    json_t *different = old ? changed_in(&w, schema, wanted, old, 0) : NULL;
    json_t *result = NULL;
    if (different && !settle_conflicts(c, managers, own, different, as_query_bool(c, "force"))) {
        goto out;
    }
    result = old ? json_deep_copy(old) : json_object();
    /* What this manager gave up, and nobody else has. */
    json_t *given_up = own ? json_deep_copy(entry_set(own)) : json_object();
    set_remove(given_up, set);
    size_t i;
    json_t *entry;
    json_array_foreach(managers, i, entry)
    {
        if (entry != own) {
            set_remove(given_up, entry_set(entry));
        }
    }
    drop(&w, schema, result, given_up, 0);
    json_decref(given_up);
    merge(&w, schema, result, wanted, 0);
    if (!own) {
        json_array_append_new(managers, entry_new(c, manager, "Apply", json_incref(set)));
    } else if (!json_equal(entry_set(own), set)) {
        char now[32];
        as_time_s(c->now_us, now);
        as_set(own, "fieldsV1", json_incref(set));
        as_set(own, "time", json_string(now));
    }
    set_managers(result, managers);
out:
    json_decref(different);
    json_decref(set);
    json_decref(managers);
    free(manager);
    return result;
}

/* ---- other writes ------------------------------------------------------------------------- */

void as_apply_record_update(struct as_call *c, json_t *object, const json_t *old)
{
    struct walk w = {c->server->meta_schema, true};
    json_t *all = changed_in(&w, c->resource->schema, object, NULL, 0);
    json_t *changed = changed_in(&w, c->resource->schema, object, old, 0);
    json_t *managers = managers_of(object);
    if (json_array_size(managers) == 0 && old) {
        json_decref(managers);
        managers = managers_of(old);
    }
    size_t i;
    json_t *entry;
    if (c->applied) {
        goto out; /* as_apply has noted it */
    }
    char *manager = manager_name(c);
    json_t *own =
        find_entry(managers, manager, "Update", c->resource->group_version, c->subresource);
    json_array_foreach(managers, i, entry)
    {
        set_keep(entry_set(entry), all); /* what is gone belongs to nobody */
        if (entry != own && changed) {
            set_remove(entry_set(entry), changed);
        }
    }
    if (changed && !is_leaf(changed)) {
        if (!own) {
            json_array_append_new(managers, entry_new(c, manager, "Update", json_incref(changed)));
        } else {
            json_t *before = json_deep_copy(entry_set(own));
            set_add(entry_set(own), changed);
            if (!json_equal(before, entry_set(own))) {
                char now[32];
                as_time_s(c->now_us, now);
                as_set(own, "time", json_string(now));
            }
            json_decref(before);
        }
    }
    free(manager);
    set_managers(object, managers);
out:
    json_decref(managers);
    json_decref(changed);
    json_decref(all);
}
