/* SPDX-License-Identifier: AGPL-3.0-only */
/* collect.c: the garbage collector: dependents go when the last of their owners has gone.
 *
 * Work comes from writes: an object that names owners, or an object that went away, of which the
 * store knows the dependents. Each candidate is looked at as it is stored, so a candidate too many
 * is harmless; at start all objects with owners are candidates, so a crash loses none. Candidates
 * are dealt with after each request, COLLECT_MAX at a time, and by the upkeep.
 *
 * An owner deleted with propagation Foreground waits, with the finalizer foregroundDeletion, until
 * no dependent blocks it; with Orphan (finalizer orphan) its dependents forget it first. */
#include <stdlib.h>
#include <string.h>

#include "server.h"

#define COLLECT_MAX 200u

struct key_list {
    struct wb_apiserver *server;
    json_t *keys; /* [[resource, namespace, name], …] */
};

static void add_key(void *ctx, const struct as_row *row)
{
    struct key_list *list = ctx;
    json_array_append_new(list->keys,
                          json_pack("[s, s, s]", row->resource, row->namespace, row->name));
}

static const struct as_resource *resource_of_key(const struct wb_apiserver *s, const char *key)
{
    for (size_t i = 0; i < s->registry.count; i++) {
        if (strcmp(s->registry.items[i].key, key) == 0) {
            return &s->registry.items[i];
        }
    }
    return NULL;
}

void as_collect_object(struct wb_apiserver *s, const struct as_resource *r, const json_t *object)
{
    const json_t *metadata = json_object_get(object, "metadata");
    json_array_append_new(
        s->candidates,
        json_pack("[s, s, s]", r->key, as_str(metadata, "namespace"), as_str(metadata, "name")));
}

void as_collect_dependents(struct wb_apiserver *s, const char *uid)
{
    struct key_list list = {s, s->candidates};
    as_store_dependents(s->store, uid, add_key, &list);
}

void as_collect_all(struct wb_apiserver *s)
{
    struct key_list list = {s, s->candidates};
    as_store_owned(s->store, add_key, &list);
}

/* ---- owners ------------------------------------------------------------------------------- */

enum owner_state { OWNER_SOLID, OWNER_WAITING, OWNER_ORPHANS, OWNER_ABSENT };

bool as_has_finalizer(const json_t *metadata, const char *name)
{
    const json_t *list = json_object_get(metadata, "finalizers");
    size_t i;
    json_t *item;
    json_array_foreach(list, i, item)
    {
        if (strcmp(json_string_value(item) ? json_string_value(item) : "", name) == 0) {
            return true;
        }
    }
    return false;
}

static const struct as_resource *resource_of_reference(const struct wb_apiserver *s,
                                                       const json_t *reference)
{
    for (size_t i = 0; i < s->registry.count; i++) {
        const struct as_resource *r = &s->registry.items[i];
        if (strcmp(r->kind, as_str(reference, "kind")) == 0 &&
            strcmp(r->group_version, as_str(reference, "apiVersion")) == 0) {
            return r;
        }
    }
    return NULL;
}

/* What an owner reference leads to. Kinds that are not served here are left alone. */
static enum owner_state owner_state(struct wb_apiserver *s, const json_t *reference,
                                    const char *namespace)
{
    const struct as_resource *r = resource_of_reference(s, reference);
    if (!r) {
        return OWNER_SOLID;
    }
    json_t *owner = as_load(s, r, r->namespaced ? namespace : "", as_str(reference, "name"));
    const json_t *metadata = json_object_get(owner, "metadata");
    enum owner_state state = OWNER_SOLID;
    if (!owner || strcmp(as_str(metadata, "uid"), as_str(reference, "uid")) != 0) {
        state = OWNER_ABSENT;
    } else if (json_object_get(metadata, "deletionTimestamp")) {
        if (as_has_finalizer(metadata, "foregroundDeletion")) {
            state = OWNER_WAITING;
        } else if (as_has_finalizer(metadata, "orphan")) {
            state = OWNER_ORPHANS; /* this reference is to be forgotten */
        }
    }
    json_decref(owner);
    return state;
}

/* ---- one candidate ------------------------------------------------------------------------ */

static void mark_or_remove(struct wb_apiserver *s, const struct as_resource *r, json_t *object)
{
    json_t *old = json_deep_copy(object);
    json_t *metadata = as_object(object, "metadata");
    if (json_array_size(json_object_get(metadata, "finalizers")) == 0) {
        as_write(s, r, AS_DELETED, object, old);
        as_namespace_finish(s, as_str(metadata, "namespace"));
    } else if (!json_object_get(metadata, "deletionTimestamp")) {
        char now[32];
        as_time_s(s->services.unix_us(s->services.ctx), now);
        as_set(metadata, "deletionTimestamp", json_string(now));
        as_set(metadata, "deletionGracePeriodSeconds", json_integer(0));
        as_write(s, r, AS_MODIFIED, object, old);
    }
    json_decref(old);
}

static void drop_reference(struct wb_apiserver *s, const struct as_resource *r, json_t *object,
                           json_t *left)
{
    json_t *old = json_deep_copy(object);
    as_set(as_object(object, "metadata"), "ownerReferences",
           json_array_size(left) ? json_incref(left) : NULL);
    as_write(s, r, AS_MODIFIED, object, old);
    json_decref(old);
}

static void look_at_dependent(struct wb_apiserver *s, const struct as_resource *r, json_t *object)
{
    const json_t *metadata = json_object_get(object, "metadata");
    const json_t *references = json_object_get(metadata, "ownerReferences");
    const char *namespace = as_str(metadata, "namespace");
    size_t solid = 0, orphaned = 0, i;
    json_t *reference;
    json_t *left = json_array();
    json_array_foreach(references, i, reference)
    {
        enum owner_state state = owner_state(s, reference, namespace);
        orphaned += state == OWNER_ORPHANS;
        solid += state == OWNER_SOLID;
        if (state == OWNER_SOLID || state == OWNER_WAITING) {
            json_array_append(left, reference);
        }
    }
    if (json_array_size(references) > 0) {
        if (solid == 0 && orphaned == 0) {
            mark_or_remove(s, r, object);
        } else if (json_array_size(left) < json_array_size(references)) {
            drop_reference(s, r, object, left);
        }
    }
    json_decref(left);
}

/* Removes what made an owner wait, when nothing holds it any more. */
static void look_at_owner(struct wb_apiserver *s, const struct as_resource *r, json_t *object)
{
    const json_t *metadata = json_object_get(object, "metadata");
    bool foreground = as_has_finalizer(metadata, "foregroundDeletion");
    if (!json_object_get(metadata, "deletionTimestamp") ||
        (!foreground && !as_has_finalizer(metadata, "orphan"))) {
        return;
    }
    struct key_list list = {s, json_array()};
    as_store_dependents(s->store, as_str(metadata, "uid"), add_key, &list);
    bool held = false;
    size_t i, j;
    json_t *key, *reference;
    json_array_foreach(list.keys, i, key)
    {
        const struct as_resource *of =
            resource_of_key(s, json_string_value(json_array_get(key, 0)));
        json_t *dependent = of ? as_load(s, of, json_string_value(json_array_get(key, 1)),
                                         json_string_value(json_array_get(key, 2)))
                               : NULL;
        const json_t *references =
            json_object_get(json_object_get(dependent, "metadata"), "ownerReferences");
        json_array_foreach(references, j, reference)
        {
            held =
                held ||
                (strcmp(as_str(reference, "uid"), as_str(metadata, "uid")) == 0 &&
                 (!foreground || json_is_true(json_object_get(reference, "blockOwnerDeletion"))));
        }
        json_decref(dependent);
    }
    if (!held) {
        json_t *old = json_deep_copy(object);
        json_t *names = json_object_get(metadata, "finalizers");
        for (size_t at = json_array_size(names); at > 0; at--) {
            const char *name = json_string_value(json_array_get(names, at - 1));
            if (strcmp(name, "foregroundDeletion") == 0 || strcmp(name, "orphan") == 0) {
                json_array_remove(names, at - 1);
            }
        }
        bool gone = json_array_size(names) == 0;
        if (gone) {
            as_set(as_object(object, "metadata"), "finalizers", NULL);
        }
        as_write(s, r, gone ? AS_DELETED : AS_MODIFIED, object, old);
        if (gone) {
            as_namespace_finish(s, as_str(metadata, "namespace"));
        }
        json_decref(old);
    }
    json_decref(list.keys);
}

void as_collect_released(struct wb_apiserver *s, const json_t *object)
{
    const json_t *metadata = json_object_get(object, "metadata");
    size_t i;
    json_t *reference;
    json_array_foreach(json_object_get(metadata, "ownerReferences"), i, reference)
    {
        const struct as_resource *r = resource_of_reference(s, reference);
        if (r) {
            json_array_append_new(s->candidates,
                                  json_pack("[s, s, s]", r->key,
                                            r->namespaced ? as_str(metadata, "namespace") : "",
                                            as_str(reference, "name")));
        }
    }
}

void as_collect(struct wb_apiserver *s)
{
    for (size_t i = 0; i < COLLECT_MAX && json_array_size(s->candidates) > 0; i++) {
        size_t last = json_array_size(s->candidates) - 1;
        json_t *key = json_incref(json_array_get(s->candidates, last));
        json_array_remove(s->candidates, last);
        const struct as_resource *r = resource_of_key(s, json_string_value(json_array_get(key, 0)));
        json_t *object = r ? as_load(s, r, json_string_value(json_array_get(key, 1)),
                                     json_string_value(json_array_get(key, 2)))
                           : NULL;
        if (object) {
            look_at_dependent(s, r, object);
            json_decref(object);
            object = as_load(s, r, json_string_value(json_array_get(key, 1)),
                             json_string_value(json_array_get(key, 2)));
        }
        if (object) {
            look_at_owner(s, r, object);
            json_decref(object);
        }
        json_decref(key);
    }
}
