/* SPDX-License-Identifier: AGPL-3.0-only */
/* reflector.c: a collection of the API server as a cache that follows it.
 *
 *     LISTING ──complete──> WATCHING ──ended──> WATCHING (from the last resourceVersion)
 *        ^                     │
 *        └──── PAUSING <───────┴── anything else: 410, connection dropped, refused, unreadable
 *
 * A list is collected page by page beside the cache and then compared with it, so that callbacks
 * tell differences only, however long contact was lost. A dropped connection leads to a list, not
 * to a watch: its answer is also the sign that contact is back, which a quiet watch would not give.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache.h"
#include "client.h"

#define OBJECT_MAX     20000u
#define WATCH_S        240u   /* asked for; the server ends the watch then */
#define WATCH_GRACE_MS 30000u /* and if it does not, the connection is taken for dead */
#define QUICK_END_MS   5000u  /* a watch that ends sooner, without an event, counts as a failure */
#define BACKOFF_MIN_MS 200u
#define BACKOFF_MAX_MS 4000u

struct wb_kube_reflector {
    struct wb_kube *kube;
    struct wb_kube_reflector_cfg cfg; /* texts are copies */
    struct wb_kube_resource resource;
    struct wb_http_call *call; /* list or watch that runs */
    struct wb_net_timer *timer;
    char *url;     /* of the call */
    json_t *cache; /* key -> object */
    json_t *fresh; /* the list that is coming in; NULL: none */
    char *continue_token;
    char *version; /* resourceVersion to watch from */
    char *trouble; /* last text told; NULL: contact */
    struct wb_kube_backoff backoff;
    struct wb_kube_reflector_stats stats;
    wb_ms watch_start;
    bool watch_had_event;
    bool is_synced;
    unsigned busy; /* callbacks that run */
    bool is_dead;  /* freed inside a callback */
};

static void start_list(void *ctx);
static void start_watch(struct wb_kube_reflector *r);
static void retry(struct wb_kube_reflector *r, const char *text);

/* ---- cache ----------------------------------------------------------------------------------- */

bool cache_key_of(const char *namespace, const char *name, char key[CACHE_KEY_CAP])
{
    int len = snprintf(key, CACHE_KEY_CAP, "%s/%s", namespace != NULL ? namespace : "", name);
    return name[0] != '\0' && len > 0 && (unsigned)len < CACHE_KEY_CAP;
}

bool cache_key(const json_t *object, char key[CACHE_KEY_CAP])
{
    return cache_key_of(wb_api_text_at(object, "", "metadata", "namespace", NULL),
                        wb_api_text_at(object, "", "metadata", "name", NULL), key);
}

const char *cache_version(const json_t *object)
{
    return wb_api_text_at(object, "", "metadata", "resourceVersion", NULL);
}

void cache_trim(json_t *object)
{
    json_object_del(json_object_get(object, "metadata"), "managedFields");
}

/* ---- callbacks, after each of which the reflector may be gone -------------------------------- */

static void reflector_delete(struct wb_kube_reflector *r)
{
    json_decref(r->cache);
    json_decref(r->fresh);
    free((char *)r->cfg.namespace);
    free((char *)r->cfg.label_selector);
    free((char *)r->cfg.field_selector);
    free((char *)r->resource.group);
    free((char *)r->resource.version);
    free((char *)r->resource.plural);
    free((char *)r->resource.kind);
    free(r->url);
    free(r->continue_token);
    free(r->version);
    free(r->trouble);
    free(r);
}

static void enter(struct wb_kube_reflector *r)
{
    r->busy++;
}

/* True: the reflector goes on; false: it was freed meanwhile. */
static bool leave(struct wb_kube_reflector *r)
{
    r->busy--;
    if (!r->is_dead) {
        return true;
    }
    if (r->busy == 0) {
        reflector_delete(r);
    }
    return false;
}

static void tell_change(struct wb_kube_reflector *r, enum wb_kube_change change,
                        const json_t *object, const json_t *old)
{
    if (r->cfg.changed != NULL && !r->is_dead) {
        r->cfg.changed(r->cfg.ctx, change, object, old);
    }
}

static void tell_contact(struct wb_kube_reflector *r)
{
    if (r->trouble != NULL) {
        free(r->trouble);
        r->trouble = NULL;
        if (r->cfg.trouble != NULL && !r->is_dead) {
            r->cfg.trouble(r->cfg.ctx, NULL, 0);
        }
    }
}

static void tell_trouble(struct wb_kube_reflector *r, const char *text, wb_ms retry_ms)
{
    r->stats.errors++;
    if (r->trouble != NULL && strcmp(r->trouble, text) == 0) {
        return;
    }
    free(r->trouble);
    r->trouble = strdup(text);
    if (r->cfg.trouble != NULL && !r->is_dead) {
        r->cfg.trouble(r->cfg.ctx, text, retry_ms);
    }
}

/* ---- changes of the cache -------------------------------------------------------------------- */

/* Puts an object into the cache and tells. Keeps object. */
static void put(struct wb_kube_reflector *r, const char *key, json_t *object)
{
    json_t *old = json_incref(json_object_get(r->cache, key));
    if (json_object_set(r->cache, key, object) == 0) {
        if (old == NULL) {
            tell_change(r, WB_KUBE_ADDED, object, NULL);
        } else if (strcmp(cache_version(old), cache_version(object)) != 0 ||
                   cache_version(object)[0] == '\0') {
            tell_change(r, WB_KUBE_MODIFIED, object, old);
        }
    }
    json_decref(old);
}

static void take_out(struct wb_kube_reflector *r, const char *key, const json_t *last)
{
    json_t *old = json_incref(json_object_get(r->cache, key));
    if (old != NULL) {
        json_object_del(r->cache, key);
        tell_change(r, WB_KUBE_DELETED, last != NULL ? last : old, old);
    }
    json_decref(old);
}

/* The list is complete: tells how it differs from the cache. */
static void replace(struct wb_kube_reflector *r)
{
    json_t *fresh = r->fresh;
    r->fresh = NULL;
    json_t *gone = json_array();
    const char *key;
    json_t *object;
    json_object_foreach(r->cache, key, object)
    {
        if (json_object_get(fresh, key) == NULL) {
            json_array_append_new(gone, json_string(key));
        }
    }
    size_t index;
    json_t *name;
    json_array_foreach(gone, index, name)
    {
        if (!r->is_dead) {
            take_out(r, json_string_value(name), NULL);
        }
    }
    json_object_foreach(fresh, key, object)
    {
        if (!r->is_dead) {
            put(r, key, object);
        }
    }
    json_decref(gone);
    json_decref(fresh);
}

/* ---- pauses ---------------------------------------------------------------------------------- */

/* Tells why and lists again after a pause. The reflector may be gone afterwards. */
static void retry(struct wb_kube_reflector *r, const char *text)
{
    json_decref(r->fresh);
    r->fresh = NULL;
    free(r->continue_token);
    r->continue_token = NULL;
    wb_ms pause = wb_kube_backoff_next(&r->backoff);
    wb_net_timer_start(r->timer, pause, 0);
    tell_trouble(r, text, pause);
}

/* The same for something that an answer said in the wrong way. */
static void retry_because(struct wb_kube_reflector *r, const char *what)
{
    char text[WB_KUBE_ERR_CAP];
    snprintf(text, sizeof text, "%s%.*s: %s", r->kube->server, (int)strcspn(r->url, "?"), r->url,
             what);
    retry(r, text);
}

/* ---- list ------------------------------------------------------------------------------------ */

/* Adds one page to the list that comes in. Returns what is wrong with it, NULL: nothing. */
static const char *take_page(struct wb_kube_reflector *r, const json_t *page)
{
    const json_t *items = json_object_get(page, "items");
    if (!json_is_array(items) && !json_is_null(items)) {
        return "the answer is no list";
    }
    size_t index;
    json_t *object;
    json_array_foreach(items, index, object)
    {
        char key[CACHE_KEY_CAP];
        if (!cache_key(object, key)) {
            return "the list holds an object without a name";
        }
        /* items of lists carry neither; readers of the cache want them */
        char group_version[128];
        snprintf(group_version, sizeof group_version, "%s%s%s", r->resource.group,
                 r->resource.group[0] != '\0' ? "/" : "", r->resource.version);
        if (json_object_get(object, "kind") == NULL) {
            json_object_set_new(object, "kind", json_string(r->resource.kind));
            json_object_set_new(object, "apiVersion", json_string(group_version));
        }
        cache_trim(object);
        json_object_set(r->fresh, key, object);
        if (json_object_size(r->fresh) > r->cfg.object_max) {
            return "more objects than this program's limit; select fewer by namespace or label";
        }
    }
    const char *version = wb_api_text_at(page, "", "metadata", "resourceVersion", NULL);
    const char *token = wb_api_text_at(page, "", "metadata", "continue", NULL);
    if (version[0] == '\0') {
        return "the list has no resourceVersion";
    }
    free(r->version);
    r->version = strdup(version);
    free(r->continue_token);
    r->continue_token = token[0] != '\0' ? strdup(token) : NULL;
    return NULL;
}

static void list_complete(struct wb_kube_reflector *r)
{
    replace(r);
    if (!r->is_dead && !r->is_synced) {
        r->is_synced = true;
        if (r->cfg.synced != NULL) {
            r->cfg.synced(r->cfg.ctx);
        }
    }
    if (!r->is_dead) {
        start_watch(r);
    }
}

static void list_done(void *ctx, const struct wb_http_result *result)
{
    struct wb_kube_reflector *r = ctx;
    char text[WB_KUBE_ERR_CAP];
    r->call = NULL;
    enter(r);
    json_t *page = json_loadb((const char *)result->body, result->body_len, 0, NULL);
    enum wb_err err = explain(r->kube, r->url, result, page, text, sizeof text);
    if (err == WB_OK) {
        tell_contact(r);
    }
    if (err == WB_ERR_END && r->continue_token != NULL) {
        retry(r, text); /* the pages are too old: from the start */
    } else if (err != WB_OK) {
        retry(r, text);
    } else if (!r->is_dead) {
        const char *what = take_page(r, page);
        if (what != NULL) {
            retry_because(r, what);
        } else if (r->continue_token != NULL) {
            start_list(r);
        } else {
            list_complete(r);
        }
    }
    json_decref(page);
    (void)leave(r);
}

static struct text collection_url(struct wb_kube_reflector *r)
{
    struct text url = {.data = path_of(&r->resource, r->cfg.namespace, NULL, NULL)};
    url.len = url.data != NULL ? strlen(url.data) : 0;
    if (r->cfg.label_selector != NULL) {
        text_add_query(&url, "labelSelector", r->cfg.label_selector);
    }
    if (r->cfg.field_selector != NULL) {
        text_add_query(&url, "fieldSelector", r->cfg.field_selector);
    }
    return url;
}

/* Asks for the first or next page. */
static void start_list(void *ctx)
{
    static const struct wb_http_header accept = {"Accept", "application/json"};
    struct wb_kube_reflector *r = ctx;
    char limit[16];
    snprintf(limit, sizeof limit, "%u", WB_KUBE_PAGE);
    struct text url = collection_url(r);
    text_add_query(&url, "limit", limit);
    if (r->continue_token != NULL) {
        text_add_query(&url, "continue", r->continue_token);
    } else {
        r->stats.lists++;
        json_decref(r->fresh);
        r->fresh = json_object();
    }
    free(r->url);
    r->url = url.data;
    r->call = r->url == NULL
                  ? NULL
                  : wb_http_client_call(r->kube->http,
                                        &(struct wb_http_call_cfg){.url = r->url,
                                                                   .headers = &accept,
                                                                   .header_count = 1,
                                                                   .body_max = WB_KUBE_ANSWER_MAX,
                                                                   .done = list_done,
                                                                   .ctx = r});
    if (r->call == NULL) {
        retry(r, wb_err_str(WB_ERR_MEMORY));
    }
}

/* ---- watch ----------------------------------------------------------------------------------- */

static void watch_failed(struct wb_kube_reflector *r, const char *what)
{
    wb_http_call_cancel(r->call);
    r->call = NULL;
    retry_because(r, what);
}

static void take_error_event(struct wb_kube_reflector *r, const json_t *status)
{
    char what[256];
    snprintf(what, sizeof what, "the watch ended: %" JSON_INTEGER_FORMAT " %s",
             (json_int_t)wb_api_integer_at(status, 0, "code", NULL),
             wb_api_text_at(status, "", "message", NULL));
    watch_failed(r, what);
}

static void take_event(struct wb_kube_reflector *r, const json_t *event)
{
    const char *type = wb_api_text_at(event, "", "type", NULL);
    json_t *object = json_object_get(event, "object");
    char key[CACHE_KEY_CAP];
    if (strcmp(type, "ERROR") == 0) {
        take_error_event(r, object);
        return;
    }
    r->watch_had_event = true;
    r->stats.events++;
    wb_kube_backoff_reset(&r->backoff);
    const char *version = cache_version(object);
    if (version[0] != '\0') {
        free(r->version);
        r->version = strdup(version);
    }
    if (strcmp(type, "BOOKMARK") == 0) {
        return;
    }
    if (!cache_key(object, key)) {
        watch_failed(r, "an event without an object's name");
    } else if (strcmp(type, "DELETED") == 0) {
        take_out(r, key, object);
    } else if (strcmp(type, "ADDED") != 0 && strcmp(type, "MODIFIED") != 0) {
        return; /* a kind of event that is newer than this program */
    } else if (json_object_get(r->cache, key) == NULL &&
               json_object_size(r->cache) >= r->cfg.object_max) {
        watch_failed(r,
                     "more objects than this program's limit; select fewer by namespace or label");
    } else {
        cache_trim(object);
        put(r, key, object);
    }
}

static void watch_line(void *ctx, const char *line, size_t len)
{
    struct wb_kube_reflector *r = ctx;
    if (len == 0) {
        return;
    }
    enter(r);
    json_t *event = json_loadb(line, len, 0, NULL);
    if (json_is_object(event)) {
        take_event(r, event);
    } else {
        watch_failed(r, "the watch sent what is not JSON");
    }
    json_decref(event);
    (void)leave(r);
}

static void watch_done(void *ctx, const struct wb_http_result *result)
{
    struct wb_kube_reflector *r = ctx;
    char text[WB_KUBE_ERR_CAP];
    r->call = NULL;
    enter(r);
    json_t *status = json_loadb((const char *)result->body, result->body_len, 0, NULL);
    enum wb_err err = explain(r->kube, r->url, result, status, text, sizeof text);
    bool is_quick =
        !r->watch_had_event && wb_net_now_ms(r->kube->loop) - r->watch_start < QUICK_END_MS;
    if (err != WB_OK) {
        retry(r, text);
    } else if (is_quick) {
        retry_because(r, "the server ended the watch at once");
    } else {
        wb_kube_backoff_reset(&r->backoff);
        start_watch(r);
    }
    json_decref(status);
    (void)leave(r);
}

static void start_watch(struct wb_kube_reflector *r)
{
    static const struct wb_http_header accept = {"Accept", "application/json"};
    char seconds[16];
    unsigned watch_s = WATCH_S + (unsigned)(random_next(&r->backoff.random) % (WATCH_S / 4));
    snprintf(seconds, sizeof seconds, "%u", watch_s);
    struct text url = collection_url(r);
    text_add_query(&url, "watch", "true");
    text_add_query(&url, "allowWatchBookmarks", "true");
    text_add_query(&url, "resourceVersion", r->version != NULL ? r->version : "");
    text_add_query(&url, "timeoutSeconds", seconds);
    free(r->url);
    r->url = url.data;
    r->stats.watches++;
    r->watch_had_event = false;
    r->watch_start = wb_net_now_ms(r->kube->loop);
    r->call = r->url == NULL
                  ? NULL
                  : wb_http_client_call(
                        r->kube->http,
                        &(struct wb_http_call_cfg){.url = r->url,
                                                   .headers = &accept,
                                                   .header_count = 1,
                                                   .silence_ms = watch_s * 1000u + WATCH_GRACE_MS,
                                                   .body_max = WB_KUBE_EVENT_MAX,
                                                   .line = watch_line,
                                                   .done = watch_done,
                                                   .ctx = r});
    if (r->call == NULL) {
        retry(r, wb_err_str(WB_ERR_MEMORY));
    }
}

/* ---- life ------------------------------------------------------------------------------------ */

static const char *copy(const char *text)
{
    return text != NULL ? strdup(text) : NULL;
}

struct wb_kube_reflector *wb_kube_reflector_new(struct wb_kube *kube,
                                                const struct wb_kube_reflector_cfg *cfg)
{
    struct wb_kube_reflector *r = calloc(1, sizeof *r);
    if (r == NULL) {
        return NULL;
    }
    r->kube = kube;
    r->cfg = *cfg;
    r->cfg.object_max = cfg->object_max > 0 ? cfg->object_max : OBJECT_MAX;
    r->cfg.namespace = copy(cfg->namespace);
    r->cfg.label_selector = copy(cfg->label_selector);
    r->cfg.field_selector = copy(cfg->field_selector);
    r->resource =
        (struct wb_kube_resource){copy(cfg->resource->group), copy(cfg->resource->version),
                                  copy(cfg->resource->plural), copy(cfg->resource->kind)};
    r->cfg.resource = &r->resource;
    r->backoff = (struct wb_kube_backoff){

        .min_ms = cfg->retry_min_ms > 0 ? cfg->retry_min_ms : BACKOFF_MIN_MS,
        .max_ms = cfg->retry_max_ms > 0 ? cfg->retry_max_ms : BACKOFF_MAX_MS,
        .random = random_next(&kube->random)};
    r->cache = json_object();
    r->timer = wb_net_timer_new(kube->loop, start_list, r);
    bool complete = r->cache != NULL && r->timer != NULL && r->resource.group != NULL &&
                    r->resource.version != NULL && r->resource.plural != NULL &&
                    r->resource.kind != NULL &&
                    (cfg->namespace == NULL || r->cfg.namespace != NULL) &&
                    (cfg->label_selector == NULL || r->cfg.label_selector != NULL) &&
                    (cfg->field_selector == NULL || r->cfg.field_selector != NULL);
    if (!complete) {
        wb_kube_reflector_free(r);
        return NULL;
    }
    wb_net_timer_start(r->timer, 0, 0); /* callbacks never come inside this call */
    return r;
}

void wb_kube_reflector_free(struct wb_kube_reflector *r)
{
    if (r == NULL || r->is_dead) {
        return;
    }
    wb_http_call_cancel(r->call);
    r->call = NULL;
    if (r->timer != NULL) {
        wb_net_timer_free(r->timer);
        r->timer = NULL;
    }
    r->is_dead = true;
    if (r->busy == 0) {
        reflector_delete(r);
    }
}

bool wb_kube_reflector_is_synced(const struct wb_kube_reflector *r)
{
    return r->is_synced;
}

size_t wb_kube_reflector_count(const struct wb_kube_reflector *r)
{
    return json_object_size(r->cache);
}

json_t *wb_kube_reflector_find(const struct wb_kube_reflector *r, const char *namespace,
                               const char *name)
{
    char key[CACHE_KEY_CAP];
    return cache_key_of(namespace, name, key) ? json_object_get(r->cache, key) : NULL;
}

/* The cursor is jansson's iterator: the address of an entry. */
json_t *wb_kube_reflector_next(const struct wb_kube_reflector *r, size_t *cursor)
{
    void *at = *cursor == 0 ? json_object_iter(r->cache)
                            : json_object_iter_next(r->cache, (void *)*cursor);
    if (at == NULL) {
        return NULL;
    }
    *cursor = (size_t)at;
    return json_object_iter_value(at);
}

struct wb_kube_reflector_stats wb_kube_reflector_stats(const struct wb_kube_reflector *r)
{
    return r->stats;
}
