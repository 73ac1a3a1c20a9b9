/* SPDX-License-Identifier: AGPL-3.0-only */
/* wb_apiserver.h: the embedded control plane: the Kubernetes API for our kinds on SQLite.
 * Shape    a core without I/O but its database (request in, response out; watches are pulled), and
 * a program around it that owns sockets, TLS and the loop Limits   request bodies 3 MiB,
 * objects 1.5 MiB, history WB_APISERVER_HISTORY_… below, 2,000 watches Memory   objects live in the
 * database as the bytes that are served; recent events are encoded once and shared by all watches
 * Errors   requests get Status objects; what stops the program is one line on stderr
 * Source   kube-apiserver's behaviour, where clients can see it
 */
#ifndef WB_APISERVER_H
#define WB_APISERVER_H

#include "wb_base.h"

#define WB_APISERVER_PORT          6443u
#define WB_APISERVER_BODY_MAX      (3u * 1024u * 1024u)
#define WB_APISERVER_OBJECT_MAX    (1536u * 1024u)
#define WB_APISERVER_WATCHES_MAX   2000u
#define WB_APISERVER_RATE_MAX      2000u  /* requests a second a user */
#define WB_APISERVER_HISTORY_MAX   10000u /* events kept for watches that start late … */
#define WB_APISERVER_HISTORY_BYTES (64u * 1024u * 1024u) /* … and their size */

/* ---- the program -------------------------------------------------------------------------- */

struct wb_apiserver_options {
    const char *state_dir;     /* created when absent; holds apiserver.db */
    const char *host;          /* numeric address; NULL: 127.0.0.1 */
    uint16_t port;             /* 0: WB_APISERVER_PORT */
    const char *tls_cert_file; /* PEM chain and key; both or none. Without: plain HTTP, loopback
                                  only, and */
    const char *tls_key_file;  /* only with insecure_http */
    bool insecure_http;
    const char *tokens_file;    /* lines token,user,uid[,"group1,group2"] as kube-apiserver's
                                   --token-auth-file; NULL with insecure_http: everybody is admin */
    const char *client_ca_file; /* PEM; certificates from there authenticate: CN is the user, O are
                                   his groups. NULL: tokens only */
    unsigned rate_max;          /* requests a second a user, twice that at once; system:masters are
                                   free of it. 0: WB_APISERVER_RATE_MAX */
    const char *crds_dir;       /* *.yaml; NULL: those compiled in */
    bool verbose;
    /* Called when requests are being served, with the bound port; may be NULL. */
    void (*ready)(void *ctx, uint16_t port);
    void *ctx;
};

/* Serves until SIGINT or SIGTERM. Returns the exit code: 0, or 1 after one line on stderr. */
int wb_apiserver_main(const struct wb_apiserver_options *options);

/* Replaces the database of a state folder, of which no server may run, by a backup (the body of GET
 * /wasmbed/backup). Versions go on far above all that were seen. Returns the exit code; prints one
 * line on stderr when it fails. */
int wb_apiserver_restore(const char *state_dir, const char *backup);

/* ---- the core ----------------------------------------------------------------------------- */

struct wb_apiserver;
struct wb_apiserver_watch;

/* What the core cannot know by itself. */
struct wb_apiserver_services {
    uint64_t (*unix_us)(void *ctx);
    void (*random)(void *ctx, void *to, size_t len); /* uids and generated names */
    void *ctx;
};

struct wb_apiserver_cfg {
    const char *db_path;     /* ":memory:" for one without a file */
    const char *tokens;      /* text of a tokens file; NULL: everybody is admin */
    const char *const *crds; /* YAML texts; NULL: those compiled in */
    size_t crd_count;
    size_t history_max; /* 0: WB_APISERVER_HISTORY_MAX */
    unsigned rate_max;  /* 0: WB_APISERVER_RATE_MAX */
    struct wb_apiserver_services services;
};

/* Opens the database, checks it, and creates what must exist (namespaces default, kube-system and
 * wasmbed, the CRDs). On failure returns NULL and writes why. */
struct wb_apiserver *wb_apiserver_new(const struct wb_apiserver_cfg *cfg, char *err_text,
                                      size_t err_text_cap);
void wb_apiserver_free(struct wb_apiserver *server);

struct wb_apiserver_request { /* texts may be NULL when absent */
    const char *method;
    const char *path;
    const char *query;
    const char *accept;
    const char *content_type;
    const char *authorization;
    const char *cert_name; /* of a verified client certificate; NULL: none */
    const char *const *cert_groups;
    size_t cert_group_count;
    bool cert_bad;          /* one was shown, and is worth nothing */
    const char *user_agent; /* names the field manager when the query does not */
    const uint8_t *body;
    size_t body_len;
};

#define WB_APISERVER_WARNINGS_MAX 8u

struct wb_apiserver_response {
    unsigned status;
    const char *content_type;
    char *body; /* malloc'ed; the caller frees it */
    size_t body_len;
    char *warnings[WB_APISERVER_WARNINGS_MAX]; /* values of Warning headers */
    size_t warning_count;
    unsigned retry_after_s; /* 0: no such header */
    const char *user;       /* who asked; borrowed from server or request; NULL: nobody known */
    struct wb_apiserver_watch
        *watch; /* not NULL: an endless body, pulled by wb_apiserver_watch_next() */
};

void wb_apiserver_handle(struct wb_apiserver *server, const struct wb_apiserver_request *request,
                         struct wb_apiserver_response *response);
void wb_apiserver_response_deinit(struct wb_apiserver_response *response); /* not its watch */

enum wb_apiserver_watch_state {
    WB_APISERVER_WATCH_LINE, /* a line came out */
    WB_APISERVER_WATCH_IDLE, /* nothing now: ask again after the next change, or when it is due */
    WB_APISERVER_WATCH_END,  /* over: close the body, free the watch */
};

struct wb_http_buf; /* wb_http.h: counted bytes */

/* The next line of a watch. *line gets a reference. */
enum wb_apiserver_watch_state wb_apiserver_watch_next(struct wb_apiserver_watch *watch,
                                                      struct wb_http_buf **line);
/* When the watch has something to say by itself (bookmark, end), in unix_us. */
uint64_t wb_apiserver_watch_due_us(const struct wb_apiserver_watch *watch);
/* Whether a change came that may concern the watch since it was idle. */
bool wb_apiserver_watch_is_behind(const struct wb_apiserver_watch *watch);
void wb_apiserver_watch_free(struct wb_apiserver_watch *watch);

/* The latest resource version; grows with each change. */
uint64_t wb_apiserver_version(const struct wb_apiserver *server);

/* Removes history beyond the limits and expired events; call it now and then. */
void wb_apiserver_compact(struct wb_apiserver *server);

#endif
