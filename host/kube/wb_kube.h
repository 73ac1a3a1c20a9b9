/* SPDX-License-Identifier: AGPL-3.0-only */
/* wb_kube.h: Kubernetes client: configuration, requests, list+watch caches, events, leases.
 * Shape    callbacks on the loop's thread, never inside the call that started the work
 * Memory   heap; answers are bounded by WB_KUBE_ANSWER_MAX, caches by their object_max
 * Errors   texts for people: "https://10.0.0.1:6443/apis/…/devices: 403 Forbidden: …"
 * Life     free reflectors, leases and recorders before their client; all may be freed inside
 *          callbacks, and then make no further callback
 * Source   Kubernetes API concepts (watch, resourceVersion, bookmarks), client-go's reflector
 */
#ifndef WB_KUBE_H
#define WB_KUBE_H

#include <jansson.h>

#include "wb_api.h"
#include "wb_net.h"

#define WB_KUBE_ANSWER_MAX (32u * 1024u * 1024u) /* bytes of one answer */
#define WB_KUBE_EVENT_MAX  (4u * 1024u * 1024u)  /* bytes of one watch event */
#define WB_KUBE_PAGE       500u                  /* objects of one page of a list */
#define WB_KUBE_ERR_CAP    512u                  /* room for any error text */

/* ---- configuration --------------------------------------------------------------------------- */

struct wb_kube_config {
    char *server;          /* "https://127.0.0.1:6443" */
    char *ca_pem;          /* NULL: the system's trust anchors */
    char *token;           /* NULL: none; secret */
    char *token_file;      /* read again every minute; NULL: token is fixed */
    char *client_cert_pem; /* NULL: none */
    char *client_key_pem;  /* secret */
    char *namespace;       /* of the context; NULL: none named */
    bool insecure;         /* insecure-skip-tls-verify */
    char *origin;          /* where it was found, for people: a path, or "in-cluster" */
};

/* Finds and reads the configuration: path if not NULL; else $KUBECONFIG (its first existing file),
 * else the service account of a pod (when KUBERNETES_SERVICE_HOST is set), else ~/.kube/config.
 * context: name of a context, NULL for current-context. On failure writes why, and what to do, to
 * err_text. */
WB_MUST_USE enum wb_err wb_kube_config_load(const char *path, const char *context,
                                            struct wb_kube_config *config, char *err_text,
                                            size_t err_text_cap);
/* The same from text; folder: what relative file names in it start from. */
WB_MUST_USE enum wb_err wb_kube_config_parse(const char *yaml, size_t len, const char *folder,
                                             const char *context, struct wb_kube_config *config,
                                             char *err_text, size_t err_text_cap);
/* Frees and wipes what the struct holds; harmless on a zeroed one. */
void wb_kube_config_deinit(struct wb_kube_config *config);

/* YAML as JSON: *documents becomes a list of the text's documents, empty ones left out (new
 * reference). Scalars by YAML 1.2's core schema; no aliases, no duplicate keys; nesting up to 64.
 * Outcomes: WB_ERR_FORMAT and WB_ERR_LIMIT with line and column in err_text. */
WB_MUST_USE enum wb_err wb_kube_yaml_read(const char *yaml, size_t len, json_t **documents,
                                          char *err_text, size_t err_text_cap);

/* ---- client ---------------------------------------------------------------------------------- */

struct wb_kube;

/* Copies config. name becomes the user agent and fieldManager ("wasmbed-gateway"). NULL: no memory.
 */
struct wb_kube *wb_kube_new(struct wb_net_loop *loop, const struct wb_kube_config *config,
                            const char *name);
/* Cancels what runs, without callbacks. */
void wb_kube_free(struct wb_kube *kube);
const char *wb_kube_server(const struct wb_kube *kube);

struct wb_kube_resource {
    const char *group; /* "": core */
    const char *version;
    const char *plural;
    const char *kind;
};
extern const struct wb_kube_resource wb_kube_devices;
extern const struct wb_kube_resource wb_kube_applications;
extern const struct wb_kube_resource wb_kube_gateways;
extern const struct wb_kube_resource wb_kube_namespaces;
extern const struct wb_kube_resource wb_kube_secrets;
extern const struct wb_kube_resource wb_kube_configmaps;
extern const struct wb_kube_resource wb_kube_events; /* core/v1 */
extern const struct wb_kube_resource wb_kube_leases;
extern const struct wb_kube_resource wb_kube_crds;
const struct wb_kube_resource *wb_kube_resource_of(enum wb_api_kind_id kind);

/* How a request ended. All pointers live during the callback. */
struct wb_kube_result {
    enum wb_err err;        /* WB_OK: 2xx. Else WB_ERR_NOT_FOUND (404), _EXISTS (409 AlreadyExists),
                               _STATE (409 Conflict: somebody wrote in between; read again),
                               _AUTH (401, 403), _VALIDATION (400, 422), _LIMIT (429, 413, answer too
                               large),        _TIMEOUT, _CERTIFICATE_UNTRUSTED, _FORMAT (no JSON), _IO */
    unsigned status;        /* of HTTP; 0: no answer */
    json_t *object;         /* answer, also a Status object; NULL: none. json_incref() to keep it */
    const char *body;       /* the answer's bytes, NUL-terminated; "" when there are none */
    const char *reason;     /* Status.reason ("Conflict"), "" */
    const char *text;       /* for people, with the URL; "" when WB_OK */
    unsigned retry_after_s; /* from 429 or 503; 0: none given */
};
typedef void wb_kube_done(void *ctx, const struct wb_kube_result *result);

/* A running request, for cancelling; 0 when memory is exhausted (done is not called then). */
typedef uint64_t wb_kube_call;

/* namespace NULL: a cluster-wide resource, or (list) all namespaces. done may be NULL for requests
 * whose outcome does not matter. Objects and patches are borrowed. */
wb_kube_call wb_kube_get(struct wb_kube *kube, const struct wb_kube_resource *resource,
                         const char *namespace, const char *name, wb_kube_done *done, void *ctx);
/* One page; selectors may be NULL. Large collections: use a reflector. */
wb_kube_call wb_kube_list(struct wb_kube *kube, const struct wb_kube_resource *resource,
                          const char *namespace, const char *label_selector,
                          const char *field_selector, wb_kube_done *done, void *ctx);
wb_kube_call wb_kube_create(struct wb_kube *kube, const struct wb_kube_resource *resource,
                            const char *namespace, const json_t *object, wb_kube_done *done,
                            void *ctx);
/* PUT; metadata.name and metadata.resourceVersion are the object's. subresource: "status" or NULL.
 */
wb_kube_call wb_kube_update(struct wb_kube *kube, const struct wb_kube_resource *resource,
                            const char *namespace, const char *subresource, const json_t *object,
                            wb_kube_done *done, void *ctx);
/* JSON merge patch (RFC 7386). With metadata.resourceVersion in the patch it fails with
 * WB_ERR_STATE when somebody wrote in between; without one it always applies. */
wb_kube_call wb_kube_patch(struct wb_kube *kube, const struct wb_kube_resource *resource,
                           const char *namespace, const char *name, const char *subresource,
                           const json_t *patch, wb_kube_done *done, void *ctx);
wb_kube_call wb_kube_delete(struct wb_kube *kube, const struct wb_kube_resource *resource,
                            const char *namespace, const char *name, wb_kube_done *done, void *ctx);
/* Any path and body, for what the functions above do not cover ("/version"). */
wb_kube_call wb_kube_raw(struct wb_kube *kube, const char *method, const char *path,
                         const char *content_type, const void *body, size_t body_len,
                         wb_kube_done *done, void *ctx);
/* Ends a request without callback; harmless when it has ended. */
void wb_kube_cancel(struct wb_kube *kube, wb_kube_call call);

/* Creates the object; when it exists, merge-patches labels, annotations, spec and data of it. */
wb_kube_call wb_kube_apply(struct wb_kube *kube, const struct wb_kube_resource *resource,
                           const char *namespace, const json_t *object, wb_kube_done *done,
                           void *ctx);

/* Read, change, write until nobody wrote in between (5 attempts with short pauses). change gets the
 * current object and returns a merge patch (new reference), or NULL when there is nothing to do
 * (done then comes with WB_OK and the current object). */
wb_kube_call wb_kube_modify(struct wb_kube *kube, const struct wb_kube_resource *resource,
                            const char *namespace, const char *name, const char *subresource,
                            json_t *(*change)(void *ctx, const json_t *current), wb_kube_done *done,
                            void *ctx);

/* ---- back-off -------------------------------------------------------------------------------- */

/* Pauses that double from min to max, each with up to half of it as jitter. */
struct wb_kube_backoff {
    wb_ms min_ms;
    wb_ms max_ms;
    unsigned failures;
    uint64_t random; /* state of the jitter; any value */
};
wb_ms wb_kube_backoff_next(struct wb_kube_backoff *backoff);
void wb_kube_backoff_reset(struct wb_kube_backoff *backoff);

/* ---- reflector: list + watch into a cache ---------------------------------------------------- */

enum wb_kube_change {
    WB_KUBE_ADDED,
    WB_KUBE_MODIFIED,
    WB_KUBE_DELETED,
};

struct wb_kube_reflector;

struct wb_kube_reflector_cfg {
    const struct wb_kube_resource *resource;
    const char *namespace;      /* NULL: all */
    const char *label_selector; /* "wasmbed.github.io/gateway=gw0"; NULL: none */
    const char *field_selector; /* "metadata.name=x"; NULL: none */
    size_t object_max; /* objects in the cache; 0: 20,000. Beyond: error, and the list is retried */
    wb_ms retry_min_ms; /* pause after the first failure, then doubled; 0: 200 */
    wb_ms retry_max_ms; /* 0: 4,000 */
    /* An object changed. object: the new one (the last known one for DELETED); old: what the cache
     * held, NULL for ADDED. Both borrowed; the cache is already up to date. After a re-list only
     * differences are told. May be NULL. */
    void (*changed)(void *ctx, enum wb_kube_change change, const json_t *object, const json_t *old);
    /* The first list is complete. Once. May be NULL. */
    void (*synced)(void *ctx);
    /* Contact was lost or a list failed; it is tried again after retry_ms. text as in
     * wb_kube_result. Called again only when the text differs, and with text NULL when contact is
     * back. May be NULL. */
    void (*trouble)(void *ctx, const char *text, wb_ms retry_ms);
    void *ctx;
};

/* Starts at once; texts and resource are copied. NULL: no memory. */
struct wb_kube_reflector *wb_kube_reflector_new(struct wb_kube *kube,
                                                const struct wb_kube_reflector_cfg *cfg);
void wb_kube_reflector_free(struct wb_kube_reflector *reflector);
bool wb_kube_reflector_is_synced(const struct wb_kube_reflector *reflector);
size_t wb_kube_reflector_count(const struct wb_kube_reflector *reflector);
/* Borrows until the loop's next turn; json_incref() to keep it. NULL: not there. */
json_t *wb_kube_reflector_find(const struct wb_kube_reflector *reflector, const char *namespace,
                               const char *name);
/* Iterates in no particular order; *cursor starts at 0. NULL: end. Not across turns of the loop. */
json_t *wb_kube_reflector_next(const struct wb_kube_reflector *reflector, size_t *cursor);

struct wb_kube_reflector_stats {
    uint64_t lists;
    uint64_t watches;
    uint64_t events;
    uint64_t errors;
};
struct wb_kube_reflector_stats wb_kube_reflector_stats(const struct wb_kube_reflector *reflector);

/* ---- events ---------------------------------------------------------------------------------- */

struct wb_kube_recorder;

/* component: "wasmbed-controller"; instance: host or pod name, NULL for none. Equal events within
 * 10 minutes become one with a count; at most 25 events a burst and one a second on the average are
 * sent, others are dropped. Failures to send are dropped, too: an event is a courtesy. */
struct wb_kube_recorder *wb_kube_recorder_new(struct wb_kube *kube, const char *component,
                                              const char *instance);
void wb_kube_recorder_free(struct wb_kube_recorder *recorder);
/* object: what it is about (apiVersion, kind, metadata are read). reason is CamelCase. */
void wb_kube_event(struct wb_kube_recorder *recorder, const json_t *object, bool is_warning,
                   const char *reason, const char *message);

/* ---- leases ---------------------------------------------------------------------------------- */

struct wb_kube_lease;

struct wb_kube_lease_cfg {
    const char *namespace;
    const char *name;
    const char *holder;  /* unique to this process: "host_4242" */
    unsigned duration_s; /* 0: 15 when exclusive, else 40 */
    wb_ms renew_ms;      /* 0: 10,000. Exclusive: the holder gives up when it could not renew for so
                            long, and tries every retry_ms. Else: how often it is renewed */
    wb_ms retry_ms;      /* 0: 2,000; pause after a failure, and between looks at another's lease */
    bool is_exclusive;   /* true: waits while another holder's lease has not expired (leader
                            election);   false: takes it at once (liveness of a named thing) */
    /* Leadership began (true) or ended (false; stop what only one may do). May be NULL. */
    void (*held)(void *ctx, bool is_held);
    void (*trouble)(void *ctx, const char *text); /* for logs; may be NULL */
    void *ctx;
};
/* Acquires and renews until freed. NULL: no memory. */
struct wb_kube_lease *wb_kube_lease_new(struct wb_kube *kube, const struct wb_kube_lease_cfg *cfg);
bool wb_kube_lease_is_held(const struct wb_kube_lease *lease);
/* Stops renewing. The lease expires by itself; release it sooner with wb_kube_lease_release(). */
void wb_kube_lease_free(struct wb_kube_lease *lease);
/* Gives an exclusive lease up, so that the next one need not wait (sent, not awaited). */
void wb_kube_lease_release(struct wb_kube_lease *lease);

#endif
