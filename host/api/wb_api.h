/* SPDX-License-Identifier: AGPL-3.0-only */
/* wb_api.h: our Kubernetes kinds (Device, Application, Gateway), described once.
 * Shape    constant tables and plain functions over jansson values; no I/O, no clock
 * Limits   every list and string has one, in the tables; below those that C code needs
 * Memory   parsed objects own copies of their strings: …_parse fills the caller's struct,
 *          …_deinit frees what it holds and may be called again or after a failed parse
 * Errors   wb_err for programs, struct wb_api_problem for people (path: what is wrong; remedy)
 * Source   Kubernetes API conventions; apiextensions.k8s.io/v1 structural schemas
 */
#ifndef WB_API_H
#define WB_API_H

#include <jansson.h>

#include "wb_base.h"

#define WB_API_GROUP         "wasmbed.github.io"
#define WB_API_VERSION       "v1"
#define WB_API_GROUP_VERSION "wasmbed.github.io/v1"
#define WB_API_NAMESPACE     "wasmbed" /* where our objects live unless somebody says otherwise */

/* Label by which a gateway claims the Devices that it holds; its value is the Gateway's name. */
#define WB_API_LABEL_GATEWAY "wasmbed.github.io/gateway"

/* Kept on Applications until their module has left the devices that can be reached. */
#define WB_API_FINALIZER "wasmbed.github.io/undeploy"
/* Labels of revision records: the Application's name, and the revision's number. */
#define WB_API_LABEL_APPLICATION "wasmbed.github.io/application"
#define WB_API_LABEL_REVISION    "wasmbed.github.io/revision"

#define WB_API_NAME_MAX              63u /* names of our objects: DNS-1123 labels, as on the wire */
#define WB_API_MODULE_MAX            262144u /* bytes of a module that travels inline */
#define WB_API_WASM_BINARY_MAX       349528u /* the same in base64: (262144 + 2) / 3 * 4 */
#define WB_API_APPLICATIONS_MAX      64u     /* on one device */
#define WB_API_DEPLOYED_DEVICES_MAX  100u    /* listed in Application.status */
#define WB_API_TARGET_DEVICES_MAX    1000u
#define WB_API_MESSAGE_MAX           1024u /* messages in status, conditions excepted */
#define WB_API_CONDITION_MESSAGE_MAX 4096u /* the schema's is 32768; ours are sentences */
#define WB_API_CONDITIONS_MAX        16u
#define WB_API_WAVES_MAX             10u

/* ---- what is wrong, for people --------------------------------------------------------------- */

/* The first problem wins; the text reads like "spec.wasmBinary: not base64; encode the module with
 * base64 -w0". An empty text: none yet. */
struct wb_api_problem {
    enum wb_err code;
    char text[384];
};

/* Records a problem unless one is there already; returns problem->code. problem may be NULL. */
enum wb_err wb_api_problem_set(struct wb_api_problem *problem, enum wb_err code, const char *format,
                               ...) __attribute__((format(printf, 3, 4)));

/* ---- the kinds as data ----------------------------------------------------------------------- */

enum wb_api_type {
    WB_API_STRING,  /* min, max: length in characters */
    WB_API_INTEGER, /* min, max: value */
    WB_API_BOOLEAN,
    WB_API_OBJECT,        /* fields */
    WB_API_LIST,          /* fields[0] describes an item; min, max: number of items */
    WB_API_MAP,           /* of strings; fields[0] describes a value; min, max: number of entries */
    WB_API_INT_OR_STRING, /* pattern for the string form; min, max unused */
};

/* A rule as CEL text, which the API server of a cluster evaluates, and as C, which ours does. self
 * is the value that the rule stands at, old the stored one: NULL on create. A rule that mentions
 * oldSelf is a transition rule and is not evaluated on create. */
struct wb_api_rule {
    const char *cel;
    const char *message;
    bool (*holds)(const json_t *self, const json_t *old);
};

#define WB_API_RULES_MAX 3u

struct wb_api_field {
    const char *name; /* NULL: the item of a list or map */
    const char *description;
    enum wb_api_type type;
    bool required;
    bool is_bounded; /* min and max hold */
    int64_t min;
    int64_t max;
    const char *format;        /* "date-time", "byte", "int32", "int64"; NULL: none */
    const char *pattern;       /* extended regular expression; NULL: any */
    const char *const *values; /* NULL-terminated enumeration; NULL: any */
    const char *default_json;  /* JSON text; NULL: none */
    const char *list_type;     /* "set", "map", "atomic"; NULL for what is no list */
    const char *list_key;      /* of a "map" list */
    const struct wb_api_field *fields;
    size_t field_count;
    struct wb_api_rule rules[WB_API_RULES_MAX]; /* cel NULL: end */
};

struct wb_api_column {
    const char *name;
    const char *type; /* string, integer, boolean, date */
    const char *path; /* ".status.phase" */
    int priority;     /* 0: always shown; 1: with -o wide */
    const char *description;
};

enum wb_api_kind_id { WB_API_DEVICE, WB_API_APPLICATION, WB_API_GATEWAY, WB_API_KIND_COUNT };

struct wb_api_kind {
    const char *kind;     /* "Device" */
    const char *list;     /* "DeviceList" */
    const char *plural;   /* "devices" */
    const char *singular; /* "device" */
    const char *short_name;
    const char *description;
    const struct wb_api_field *fields; /* spec, status */
    size_t field_count;
    const struct wb_api_rule *rules; /* of the whole object; cel NULL: end */
    const struct wb_api_column *columns;
    size_t column_count;
    const char *const *selectable; /* paths for field selectors, NULL-terminated */
};

const struct wb_api_kind *wb_api_kind_get(enum wb_api_kind_id id);
/* By plural, singular, short name or kind, without regard to case; NULL: none of ours. */
const struct wb_api_kind *wb_api_kind_find(const char *word);

/* The CustomResourceDefinition as JSON (new reference) and as the YAML of deploy/crds (free it). */
json_t *wb_api_crd_json(const struct wb_api_kind *kind);
char *wb_api_crd_yaml(const struct wb_api_kind *kind);
/* Any JSON value as YAML in block style (free it); keys keep their order. */
char *wb_api_yaml_write(const json_t *value);

/* Evaluates a rule of the tables by its CEL text, for servers that read the CRD files. old: see
 * struct wb_api_rule. Outcomes: WB_ERR_UNSUPPORTED when no kind has such a rule. */
enum wb_err wb_api_rule_check(const char *cel, const json_t *self, const json_t *old,
                              bool *holds) WB_MUST_USE;

/* Checks an object against its kind: types, bounds, enumerations, patterns, required fields, rules.
 * Unknown fields pass. old: the stored object, NULL on create.
 * Outcomes: WB_ERR_VALIDATION with the problem's text. */
enum wb_err wb_api_validate(const struct wb_api_kind *kind, const json_t *object, const json_t *old,
                            struct wb_api_problem *problem) WB_MUST_USE;

/* ---- small parts ----------------------------------------------------------------------------- */

/* DNS-1123: lower-case letters, digits, '-'; a label has at most 63 characters, a subdomain (labels
 * joined by '.') at most 253. */
bool wb_api_is_dns_label(const char *text);
bool wb_api_is_dns_subdomain(const char *text);
/* "[prefix/]name" with prefix a subdomain; name and value: at most 63 of [A-Za-z0-9._-],
 * alphanumeric at both ends; a value may be empty. */
bool wb_api_is_label_key(const char *text);
bool wb_api_is_label_value(const char *text);

#define WB_API_DIGEST_LEN 71u /* "sha256:" and 64 digits */
void wb_api_digest_write(const uint8_t sha256[32], char text[WB_API_DIGEST_LEN + 1]);
/* Outcomes: WB_ERR_FORMAT. Upper-case digits are refused: digests are compared as text. */
enum wb_err wb_api_digest_read(const char *text, uint8_t sha256[32]) WB_MUST_USE;

/* RFC 4648 §4 with padding; white space between characters is allowed when decoding. decode
 * allocates *data (one byte more than len, a NUL). Outcomes: WB_ERR_FORMAT, WB_ERR_LIMIT when more
 * than len_max bytes result. encode returns NUL-terminated text (free it). */
enum wb_err wb_api_base64_decode(const char *text, size_t text_len, size_t len_max, uint8_t **data,
                                 size_t *len) WB_MUST_USE;
char *wb_api_base64_encode(const void *data, size_t len);

/* RFC 3339 times as Kubernetes writes them: "2026-11-23T16:00:00Z"; with microseconds in Leases.
 * read takes fractions and offsets, too. Outcomes: WB_ERR_FORMAT. */
#define WB_API_TIME_CAP 32u
void wb_api_time_write(wb_unix_s time, char text[WB_API_TIME_CAP]);
void wb_api_time_write_micro(int64_t unix_us, char text[WB_API_TIME_CAP]);
enum wb_err wb_api_time_read(const char *text, wb_unix_s *time) WB_MUST_USE;
enum wb_err wb_api_time_read_micro(const char *text, int64_t *unix_us) WB_MUST_USE;

/* "4096", "4Ki", "1Mi", "64k": bytes. Outcomes: WB_ERR_FORMAT, WB_ERR_VALUE over UINT32_MAX. */
enum wb_err wb_api_quantity_read(const json_t *value, uint32_t *bytes) WB_MUST_USE;
/* "500ms", "30s", "5m", "1h": milliseconds. Outcomes: WB_ERR_FORMAT, WB_ERR_VALUE over 30 days. */
enum wb_err wb_api_duration_read(const char *text, wb_ms *ms) WB_MUST_USE;

/* Length of text, or less where it has more than max bytes: then without the character that would
 * be cut in two. For UTF-8. */
size_t wb_api_text_cut(const char *text, size_t max);

/* Reads a value by path of keys ("status", "phase", NULL); NULL when a step is absent. Borrows. */
json_t *wb_api_at(const json_t *object, ...) __attribute__((sentinel));
/* The same for text; fallback when it is absent or no string. */
const char *wb_api_text_at(const json_t *object, const char *fallback, ...)
    __attribute__((sentinel));
int64_t wb_api_integer_at(const json_t *object, int64_t fallback, ...) __attribute__((sentinel));

/* ---- label selectors ------------------------------------------------------------------------- */

/* Whether {matchLabels, matchExpressions} matches labels (a JSON object or NULL). An empty selector
 * matches everything, an absent one (NULL) nothing. Check it first: an ill-formed one matches
 * nothing. */
bool wb_api_selector_matches(const json_t *selector, const json_t *labels);
/* Outcomes: WB_ERR_VALIDATION. */
enum wb_err wb_api_selector_check(const json_t *selector,
                                  struct wb_api_problem *problem) WB_MUST_USE;

/* ---- conditions ------------------------------------------------------------------------------ */

enum wb_api_condition_status {
    WB_API_UNKNOWN,
    WB_API_TRUE,
    WB_API_FALSE,
};

struct wb_api_condition {
    const char *type; /* "Accepted" */
    enum wb_api_condition_status status;
    const char *reason; /* CamelCase, for programs */
    const char
        *message; /* a sentence, for people: what is so, and what to do; cut at the maximum */
};

/* Sets a condition in a JSON list of conditions; others stay. lastTransitionTime becomes now only
 * when the status flips or the condition is new. Returns whether anything changed, so that an
 * unchanged list need not be written. Times and order aside, setting twice equals setting once. */
bool wb_api_condition_set(json_t *conditions, const struct wb_api_condition *condition,
                          int64_t observed_generation, wb_unix_s now);
/* Borrows; NULL when absent (also for conditions == NULL). */
const json_t *wb_api_condition_find(const json_t *conditions, const char *type);
bool wb_api_condition_is(const json_t *conditions, const char *type,
                         enum wb_api_condition_status status);

#define WB_API_CONDITION_ACCEPTED "Accepted" /* Application, Gateway: the spec makes sense */
#define WB_API_CONDITION_PROGRESSING                                                               \
    "Progressing" /* Application: not all devices run this revision yet */
#define WB_API_CONDITION_AVAILABLE "Available" /* Application: at least one device runs it */
#define WB_API_CONDITION_DEGRADED  "Degraded"  /* Application: some device reports a failure */
#define WB_API_CONDITION_APPROVED  "Approved"  /* Device: an operator let it in; controller's */
#define WB_API_CONDITION_ONLINE                                                                    \
    "Online"                           /* Device: connected; gateway's, and controller's when      \
                                          the gateway is gone */
#define WB_API_CONDITION_READY "Ready" /* Gateway: serves devices */

/* ---- phases ---------------------------------------------------------------------------------- */

/* name as C has it, name as people read it */
#define WB_API_DEVICE_PHASE_LIST(X)                                                                \
    X(PENDING, "Pending")     /* not approved, or without a key */                                 \
    X(ENROLLING, "Enrolling") /* a certificate is being made */                                    \
    X(ENROLLED, "Enrolled")   /* may connect, has not yet */                                       \
    X(CONNECTED, "Connected")                                                                      \
    X(DISCONNECTED, "Disconnected") /* its gateway saw it go */                                    \
    X(UNREACHABLE, "Unreachable")   /* its gateway is gone */
#define WB_API_APPLICATION_PHASE_LIST(X)                                                           \
    X(PENDING, "Pending")     /* no device to run on */                                            \
    X(DEPLOYING, "Deploying") /* no device runs this revision yet */                               \
    X(RUNNING, "Running")     /* all targets run it */                                             \
    X(PARTIALLY_RUNNING, "PartiallyRunning")                                                       \
    X(FAILED, "Failed")   /* not accepted, or every target failed */                               \
    X(STOPPED, "Stopped") /* every target ended it, as a command module does */                    \
    X(ROLLING_BACK, "RollingBack")
/* of one application on one device: docs/spec/protocol.cddl, app-phase, in its order */
#define WB_API_RUN_PHASE_LIST(X)                                                                   \
    X(PENDING, "Pending")                                                                          \
    X(INSTALLING, "Installing")                                                                    \
    X(RUNNING, "Running")                                                                          \
    X(STOPPED, "Stopped")                                                                          \
    X(FAILED, "Failed")

enum wb_api_device_phase {
    WB_API_DEVICE_NONE, /* none was written yet */
#define WB_API_ENUM(name, text) WB_API_DEVICE_##name,
    WB_API_DEVICE_PHASE_LIST(WB_API_ENUM)
#undef WB_API_ENUM
};
enum wb_api_application_phase {
    WB_API_APPLICATION_NONE,
#define WB_API_ENUM(name, text) WB_API_APPLICATION_##name,
    WB_API_APPLICATION_PHASE_LIST(WB_API_ENUM)
#undef WB_API_ENUM
};
enum wb_api_run_phase {
    WB_API_RUN_NONE,
#define WB_API_ENUM(name, text) WB_API_RUN_##name,
    WB_API_RUN_PHASE_LIST(WB_API_ENUM)
#undef WB_API_ENUM
};

/* Words of the phases ("" for NONE), and back (NONE for other words). */
const char *wb_api_device_phase_str(enum wb_api_device_phase phase);
enum wb_api_device_phase wb_api_device_phase_read(const char *text);
const char *wb_api_application_phase_str(enum wb_api_application_phase phase);
enum wb_api_application_phase wb_api_application_phase_read(const char *text);
const char *wb_api_run_phase_str(enum wb_api_run_phase phase);
enum wb_api_run_phase wb_api_run_phase_read(const char *text);

/* What an Application's devices add up to. */
struct wb_api_counts {
    uint32_t target;  /* devices that should run it */
    uint32_t running; /* run the wanted revision */
    uint32_t failed;  /* report a failure of the wanted revision */
    uint32_t stopped; /* ended the wanted revision by themselves */
};
/* The summary of an Application. is_accepted: whether anything may be deployed at all. */
enum wb_api_application_phase wb_api_application_phase_derive(bool is_accepted,
                                                              const struct wb_api_counts *counts);

/* ---- typed objects --------------------------------------------------------------------------- */

struct wb_api_strings {
    char **items;
    size_t count;
};

struct wb_api_meta {
    char *name;
    char *namespace;        /* "" for what has none */
    char *uid;              /* "" before it is stored; so is resource_version */
    char *resource_version; /* opaque */
    int64_t generation;
    bool is_deleting;   /* metadata.deletionTimestamp is set */
    bool has_finalizer; /* WB_API_FINALIZER is among metadata.finalizers */
    json_t *finalizers; /* list; NULL: none */
    json_t *labels;     /* object of strings; NULL: none */
};

struct wb_api_assignment { /* Device.spec.applications[] */
    char *name;
    char *digest;
    int64_t revision; /* metadata.generation of the Application */
};

struct wb_api_run { /* Device.status.applications[] */
    char *name;
    enum wb_api_run_phase phase;
    char *digest;
    int64_t revision;
    uint32_t restarts;
    char *message;
    uint64_t memory_bytes;
    uint64_t fuel;
};

struct wb_api_device {
    struct wb_api_meta meta;
    char *device_id;
    char *device_type;
    char *key_algorithm;    /* "Ed25519"; "" without a key */
    uint8_t public_key[32]; /* spec.publicKey.keyData, decoded */
    bool has_public_key;
    wb_unix_s key_valid_from; /* 0: no bound */
    wb_unix_s key_valid_to;
    struct wb_api_strings capabilities;
    bool is_approved;
    char *gateway_ref; /* preferred Gateway; "" for any */
    char *firmware;    /* wanted version; "" for any */
    struct wb_api_assignment *assignments;
    size_t assignment_count;
    /* status */
    enum wb_api_device_phase phase;
    char *gateway; /* name of the Gateway that holds or held it; "" for none */
    char *gateway_namespace;
    struct wb_api_run *runs;
    size_t run_count;
    char *firmware_current;
    wb_unix_s last_seen; /* 0: never */
    json_t *conditions;  /* list, NULL: none */
};

enum wb_api_restart_policy {
    WB_API_RESTART_ALWAYS,
    WB_API_RESTART_ON_FAILURE,
    WB_API_RESTART_NEVER,
};

struct wb_api_env {
    char *name;
    char *value;
};

enum wb_api_strategy {
    WB_API_ALL_AT_ONCE,
    WB_API_ROLLING,
    WB_API_CANARY,
};

struct wb_api_amount { /* 3, or "25%" */
    uint32_t value;
    bool is_percent;
};
/* What an amount is of total, rounded up; at most total. */
uint32_t wb_api_amount_of(struct wb_api_amount amount, uint32_t total);

struct wb_api_rollout {
    enum wb_api_strategy strategy;
    struct wb_api_amount max_unavailable;         /* default 25% */
    struct wb_api_amount max_failures;            /* default 0 */
    struct wb_api_amount waves[WB_API_WAVES_MAX]; /* cumulative; default 10%, then all */
    uint32_t wave_count;
    uint32_t progress_deadline_s; /* default 600 */
    uint32_t min_ready_s;         /* default 10 */
    bool is_rolled_back;          /* autoRollback */
    bool is_judged; /* failures stop it: by strategy, autoRollback or a given maxFailures */
};

struct wb_api_application {
    struct wb_api_meta meta;
    json_t *wasm_binary; /* the string as stored (no copy of a large module); NULL: by source */
    bool has_source;     /* spec.source is there */
    char *source_name;   /* of spec.source.configMap; "" for none */
    char *source_key;    /* in its binaryData */
    char *signature;     /* base64 of the COSE_Sign1; "" for none */
    struct wb_api_strings target_devices;
    json_t *device_selector; /* NULL: none */
    struct wb_api_strings required_capabilities;
    struct wb_api_strings args;
    struct wb_api_env *env;
    size_t env_count;
    uint32_t memory;          /* bytes of linear memory to back; 0: all that is declared */
    uint32_t fuel_per_second; /* 0: unlimited */
    struct wb_api_strings
        permissions; /* "publish:<topic>", "subscribe:<topic>", trailing * allowed */
    enum wb_api_restart_policy restart_policy;
    struct wb_api_rollout rollout;
    bool is_paused;
    /* status */
    int64_t stable_revision; /* of status.rollout: the last one that completed; 0: none */
    int64_t failed_revision; /* the one whose rollout was stopped; 0: none */
    enum wb_api_application_phase phase;
    char *digest;
    json_t *status;     /* the whole of it; NULL: none */
    json_t *conditions; /* borrowed from status; NULL: none */
};

struct wb_api_gateway {
    struct wb_api_meta meta;
    char *endpoint;
    uint16_t tls_port;  /* default 4423 */
    uint16_t http_port; /* default 8080 */
    bool is_pairing;
    wb_unix_s pairing_until; /* 0: no end */
    wb_ms heartbeat_ms;      /* default 30,000 */
    uint32_t devices_max;    /* default 1000 */
    /* status */
    char *phase; /* "Pending", "Ready", "Unreachable"; "" before the first */
    uint32_t connected_devices;
    json_t *conditions;
};

/* Lenient to unknown fields and to absent status; strict about the types of what they read.
 * Outcomes: WB_ERR_VALIDATION with the problem's text (object is left as deinit leaves it). */
enum wb_err wb_api_device_parse(struct wb_api_device *device, const json_t *object,
                                struct wb_api_problem *problem) WB_MUST_USE;
void wb_api_device_deinit(struct wb_api_device *device);
enum wb_err wb_api_application_parse(struct wb_api_application *application, const json_t *object,
                                     struct wb_api_problem *problem) WB_MUST_USE;
void wb_api_application_deinit(struct wb_api_application *application);
enum wb_err wb_api_gateway_parse(struct wb_api_gateway *gateway, const json_t *object,
                                 struct wb_api_problem *problem) WB_MUST_USE;
void wb_api_gateway_deinit(struct wb_api_gateway *gateway);

bool wb_api_strings_contain(const struct wb_api_strings *strings, const char *text);

/* Whether a permission of the list allows the action ("publish", "subscribe") on the topic. */
bool wb_api_is_permitted(const struct wb_api_strings *permissions, const char *action,
                         const char *topic);

/* ---- JSON of objects ------------------------------------------------------------------------- */

/* {apiVersion, kind, metadata: {name, namespace}} to fill in (new reference). */
json_t *wb_api_object_new(const struct wb_api_kind *kind, const char *namespace, const char *name);

#endif
