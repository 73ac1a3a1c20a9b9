/* SPDX-License-Identifier: AGPL-3.0-only */
/* recorder.c: Events. A small table remembers what was told lately, so that a repetition becomes a
 * count; a token bucket bounds what is sent. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"

#define RECENT_MAX  64u
#define FORGET_MS   600000u /* an equal event after so long is a new one */
#define BURST       25u
#define TOKEN_MS    1000u /* one more event may be sent after so long */
#define MESSAGE_MAX 1024u

struct recent {
    uint64_t hash; /* of object, reason, message; 0: free */
    wb_ms last;
    unsigned count;
    char name[280]; /* of the Event */
    char namespace[64];
};

struct wb_kube_recorder {
    struct wb_kube *kube;
    char *component;
    char *instance;
    struct recent recent[RECENT_MAX];
    unsigned tokens;
    wb_ms refilled;
};

struct wb_kube_recorder *wb_kube_recorder_new(struct wb_kube *kube, const char *component,
                                              const char *instance)
{
    struct wb_kube_recorder *recorder = calloc(1, sizeof *recorder);
    if (recorder == NULL) {
        return NULL;
    }
    recorder->kube = kube;
    recorder->tokens = BURST;
    recorder->refilled = wb_net_now_ms(kube->loop);
    recorder->component = strdup(component);
    recorder->instance = strdup(instance != NULL ? instance : "");
    if (recorder->component == NULL || recorder->instance == NULL) {
        wb_kube_recorder_free(recorder);
        return NULL;
    }
    return recorder;
}

void wb_kube_recorder_free(struct wb_kube_recorder *recorder)
{
    if (recorder != NULL) {
        free(recorder->component);
        free(recorder->instance);
        free(recorder);
    }
}

/* FNV-1a, which separates the few texts of one table well enough; a collision costs one event. */
static uint64_t hash_text(uint64_t hash, const char *text)
{
    do {
        hash = (hash ^ (uint8_t)*text) * 0x100000001b3u;
    } while (*text++ != '\0');
    return hash;
}

static bool take_token(struct wb_kube_recorder *recorder, wb_ms now)
{
    wb_ms refill = (now - recorder->refilled) / TOKEN_MS;
    recorder->refilled += refill * TOKEN_MS;
    recorder->tokens =
        refill > BURST - recorder->tokens ? BURST : recorder->tokens + (unsigned)refill;
    if (recorder->tokens == 0) {
        return false;
    }
    recorder->tokens--;
    return true;
}

/* The entry of that hash, or the one to use for it: a free one, else the oldest. */
static struct recent *find_recent(struct wb_kube_recorder *recorder, uint64_t hash, wb_ms now)
{
    struct recent *oldest = &recorder->recent[0];
    for (size_t i = 0; i < RECENT_MAX; i++) {
        struct recent *entry = &recorder->recent[i];
        if (entry->hash == hash && now - entry->last < FORGET_MS) {
            return entry;
        }
        if (entry->hash == 0 || (oldest->hash != 0 && entry->last < oldest->last)) {
            oldest = entry->hash == 0 && oldest->hash == 0 ? oldest : entry;
        }
    }
    memset(oldest, 0, sizeof *oldest);
    oldest->hash = hash;
    return oldest;
}

static void count_up(struct wb_kube_recorder *recorder, const struct recent *entry,
                     const char *time)
{
    json_t *patch = json_pack("{s:i, s:s}", "count", (int)entry->count, "lastTimestamp", time);
    wb_kube_patch(recorder->kube, &wb_kube_events, entry->namespace, entry->name, NULL, patch, NULL,
                  NULL);
    json_decref(patch);
}

static json_t *new_event(const struct wb_kube_recorder *recorder, const struct recent *entry,
                         const json_t *object, const char *time)
{
    const json_t *meta = json_object_get(object, "metadata");
    json_t *about = json_object();
    static const char *const top[] = {"apiVersion", "kind"};
    static const char *const inner[] = {"name", "namespace", "uid", "resourceVersion"};
    for (size_t i = 0; i < WB_ARRAY_LEN(top); i++) {
        json_object_set(about, top[i], json_object_get(object, top[i]));
    }
    for (size_t i = 0; i < WB_ARRAY_LEN(inner); i++) {
        json_object_set(about, inner[i], json_object_get(meta, inner[i]));
    }
    return json_pack("{s:s, s:s, s:{s:s, s:s}, s:o, s:{s:s, s:s}, s:s, s:s, s:i, s:s, s:s}",
                     "apiVersion", "v1", "kind", "Event", "metadata", "name", entry->name,
                     "namespace", entry->namespace, "involvedObject", about, "source", "component",
                     recorder->component, "host", recorder->instance, "firstTimestamp", time,
                     "lastTimestamp", time, "count", 1, "reportingComponent", recorder->component,
                     "reportingInstance", recorder->instance);
}

void wb_kube_event(struct wb_kube_recorder *recorder, const json_t *object, bool is_warning,
                   const char *reason, const char *message)
{
    const char *name = wb_api_text_at(object, "", "metadata", "name", NULL);
    const char *namespace = wb_api_text_at(object, "default", "metadata", "namespace", NULL);
    wb_ms now = wb_net_now_ms(recorder->kube->loop);
    char time[WB_API_TIME_CAP];
    wb_api_time_write(wb_net_unix_s(), time);
    if (!take_token(recorder, now) || name[0] == '\0') {
        return;
    }
    uint64_t hash = hash_text(0xcbf29ce484222325u, wb_api_text_at(object, "", "kind", NULL));
    hash = hash_text(hash_text(hash, namespace), name);
    hash = hash_text(hash_text(hash, reason), message);
    hash += hash == 0;
    struct recent *entry = find_recent(recorder, hash, now);
    entry->last = now;
    if (++entry->count > 1) {
        count_up(recorder, entry, time);
        return;
    }
    snprintf(entry->namespace, sizeof entry->namespace, "%s", namespace);
    snprintf(entry->name, sizeof entry->name, "%.200s.%016llx", name,
             (unsigned long long)random_next(&recorder->kube->random));
    json_t *event = new_event(recorder, entry, object, time);
    json_object_set_new(event, "type", json_string(is_warning ? "Warning" : "Normal"));
    json_object_set_new(event, "reason", json_string(reason));
    json_object_set_new(event, "message",
                        json_stringn(message, wb_api_text_cut(message, MESSAGE_MAX)));
    wb_kube_create(recorder->kube, &wb_kube_events, namespace, event, NULL, NULL);
    json_decref(event);
}
