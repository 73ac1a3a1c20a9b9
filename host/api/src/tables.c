/* SPDX-License-Identifier: AGPL-3.0-only */
/* tables.c: what our kinds are. Each table describes the fields of one object, leaves first; the
 * three kinds stand at the end. Everything else (CRDs, validation, documentation) is made from
 * these tables.
 *
 * Rules of the house: every string and list has a bound (it also bounds the cost of CEL rules);
 * durations are strings; new fields are optional; enumerations that will grow are patterns, not
 * enumerations. */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "rules.h"

#define FIELDS(table) .fields = (table), .field_count = WB_ARRAY_LEN(table)
#define TEXT(field, lo, hi, words, ...)                                                            \
    {                                                                                              \
        .name = field, .description = words, .type = WB_API_STRING, .is_bounded = true, .min = lo, \
        .max = hi, __VA_ARGS__                                                                     \
    }
#define NUMBER(field, lo, hi, words, ...)                                                          \
    {                                                                                              \
        .name = field, .description = words, .type = WB_API_INTEGER, .format = "int64",            \
        .is_bounded = true, .min = lo, .max = hi, __VA_ARGS__                                      \
    }
#define FLAG(field, words, ...)                                                                    \
    {                                                                                              \
        .name = field, .description = words, .type = WB_API_BOOLEAN, __VA_ARGS__                   \
    }
#define OBJECT(field, table, words, ...)                                                           \
    {                                                                                              \
        .name = field, .description = words, .type = WB_API_OBJECT, FIELDS(table), __VA_ARGS__     \
    }
#define LIST(field, item, kind, hi, words, ...)                                                    \
    {                                                                                              \
        .name = field, .description = words, .type = WB_API_LIST, FIELDS(item), .list_type = kind, \
        .is_bounded = true, .max = hi, __VA_ARGS__                                                 \
    }
#define MAP(field, value, hi, words, ...)                                                          \
    {                                                                                              \
        .name = field, .description = words, .type = WB_API_MAP, FIELDS(value),                    \
        .is_bounded = true, .max = hi, __VA_ARGS__                                                 \
    }
#define TIME(field, words, ...)                                                                    \
    {                                                                                              \
        .name = field, .description = words, .type = WB_API_STRING, .format = "date-time",         \
        __VA_ARGS__                                                                                \
    }
/* What is written once and for ever: 2^53 - 1 is what every JSON reader holds exactly. */
#define COUNTER_MAX 9007199254740991

#define DNS_LABEL   "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
#define DIGEST      "^sha256:[0-9a-f]{64}$"
#define BASE64      "^[A-Za-z0-9+/]*={0,2}$"
#define LABEL_VALUE "^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$"
#define LABEL_KEY   "^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"
#define WORD        "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"

#define NAME(field, words, ...)                                                                    \
    TEXT(field, 1, WB_API_NAME_MAX, words, .pattern = DNS_LABEL, __VA_ARGS__)

/* ---- shared ---------------------------------------------------------------------------------- */

static const struct wb_api_field name_item[] = {NAME(NULL, "Name of an object.")};
static const struct wb_api_field capability_item[] = {
    TEXT(NULL, 1, 63, "Name of a capability.", .pattern = WORD)};

static const char *const condition_statuses[] = {"True", "False", "Unknown", NULL};
static const struct wb_api_field condition_fields[] = {
    TEXT("type", 1, 316, "What the condition is about, in CamelCase.", .required = true,
         .pattern = "^([a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?"
                    "(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$"),
    TEXT("status", 1, 7, "Whether it is so.", .required = true, .values = condition_statuses),
    NUMBER("observedGeneration", 0, COUNTER_MAX,
           "metadata.generation of the spec that the condition speaks about."),
    TIME("lastTransitionTime", "When the status changed last.", .required = true),
    TEXT("reason", 1, 1024, "Why, in one CamelCase word for programs.", .required = true,
         .pattern = "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$"),
    TEXT("message", 0, 32768, "Why, and what to do, for people.", .required = true),
};
static const struct wb_api_field condition_item[] = {
    OBJECT(NULL, condition_fields, "One observation.")};

#define CONDITIONS                                                                                 \
    LIST("conditions", condition_item, "map", WB_API_CONDITIONS_MAX,                               \
         "What is known about the object; the phase is a summary of it.", .list_key = "type")
#define OBSERVED_GENERATION                                                                        \
    NUMBER("observedGeneration", 0, COUNTER_MAX,                                                   \
           "metadata.generation of the spec that the status speaks about.")

/* metadata.name travels in the device protocol and in label values. */
static const struct wb_api_rule object_rules[WB_API_RULES_MAX] = {
    {"self.metadata.name.size() <= 63 && !self.metadata.name.contains('.')",
     "metadata.name must be a DNS label: at most 63 lower-case letters, digits and '-', without "
     "dots",
     rule_name_is_label},
};

/* ---- Device ---------------------------------------------------------------------------------- */

static const char *const key_algorithms[] = {"Ed25519", NULL};
static const struct wb_api_field public_key_fields[] = {
    TEXT("algorithm", 1, 16, "Algorithm of the key.", .values = key_algorithms,
         .default_json = "\"Ed25519\""),
    TEXT("keyData", 44, 44, "The raw 32 bytes of the public key in base64.", .required = true,
         .pattern = "^[A-Za-z0-9+/]{43}=$"),
    TIME("validFrom", "The key is refused before; absent: no bound."),
    TIME("validTo", "The key is refused from then on; absent: no bound."),
};
static const struct wb_api_field gateway_ref_fields[] = {
    NAME("name", "Name of a Gateway in the Device's namespace.", .required = true),
};
static const struct wb_api_field firmware_fields[] = {
    TEXT("version", 0, 64, "Version of the firmware."),
};
static const struct wb_api_field assignment_fields[] = {
    NAME("name", "Name of the Application.", .required = true),
    TEXT("digest", WB_API_DIGEST_LEN, WB_API_DIGEST_LEN, "SHA-256 of the module.", .required = true,
         .pattern = DIGEST),
    NUMBER("revision", 1, COUNTER_MAX, "Revision of the Application that is to run.",
           .required = true),
};
static const struct wb_api_field assignment_item[] = {
    OBJECT(NULL, assignment_fields, "One application.")};

static const struct wb_api_field device_spec_fields[] = {
    TEXT("deviceId", 1, 63, "Identity of the device: the common name in its certificate.",
         .required = true, .pattern = "^[A-Za-z0-9]([-A-Za-z0-9._]*[A-Za-z0-9])?$",
         .rules = {{"self == oldSelf",
                    "deviceId is the device's identity and cannot change; delete the Device and "
                    "create another",
                    rule_unchanged}}),
    TEXT("deviceType", 1, 63,
         "Kind of board: riscv-hifive1, esp32, cortex-m, posix; other words are allowed.",
         .required = true, .pattern = WORD),
    OBJECT("publicKey", public_key_fields,
           "Key by which the gateway recognises the device; without one it cannot connect."),
    LIST("capabilities", capability_item, "set", 32,
         "What the device can do: wasm-execution, tls-client, microros, gpio, …"),
    FLAG("approved", "Whether an operator lets the device in.", .default_json = "false"),
    OBJECT("gatewayRef", gateway_ref_fields, "Gateway that the device should prefer."),
    OBJECT("firmware", firmware_fields, "Firmware that the device should run."),
    LIST("applications", assignment_item, "map", WB_API_APPLICATIONS_MAX,
         "Applications that the device is to run. Written by the controller, as the scheduler "
         "writes a Pod's nodeName.",
         .list_key = "name"),
};

static const struct wb_api_field gateway_reference_fields[] = {
    NAME("namespace", "Namespace of the Gateway."),
    NAME("name", "Name of the Gateway."),
    TEXT("endpoint", 0, 253, "Address at which it serves devices."),
    LIST("capabilities", capability_item, "set", 32, "What the gateway offers: dds, mqtt, …"),
};
static const char *const run_phases[] = {
#define WORD_OF(name, text) text,
    WB_API_RUN_PHASE_LIST(WORD_OF)
#undef WORD_OF
        NULL};
static const struct wb_api_field run_fields[] = {
    NAME("name", "Name of the Application.", .required = true),
    TEXT("phase", 1, 16, "What the application does on the device.", .values = run_phases),
    TEXT("digest", 0, WB_API_DIGEST_LEN, "SHA-256 of the module that the device holds."),
    NUMBER("revision", 0, COUNTER_MAX, "Revision of the assignment that the report is about."),
    NUMBER("restarts", 0, 4294967295, "Restarts since it was installed."),
    TEXT("message", 0, WB_API_MESSAGE_MAX, "Why it is so, and what to do."),
    NUMBER("memoryBytes", 0, COUNTER_MAX, "RAM that it uses."),
    NUMBER("fuel", 0, COUNTER_MAX, "Fuel that it has used."),
};
static const struct wb_api_field run_item[] = {OBJECT(NULL, run_fields, "One application.")};
static const struct wb_api_field certificate_fields[] = {
    TEXT("serial", 0, 64, "Serial number in hexadecimal."),
    TEXT("fingerprint", 0, WB_API_DIGEST_LEN, "SHA-256 of the certificate."),
    TIME("notBefore", "Start of validity."),
    TIME("notAfter", "End of validity."),
};
static const struct wb_api_field resources_fields[] = {
    NUMBER("ramBytes", 0, COUNTER_MAX, "RAM of the board."),
    NUMBER("arenaBytes", 0, COUNTER_MAX, "RAM for applications."),
    NUMBER("applicationSlots", 0, 65535, "Applications that can be installed."),
    NUMBER("frameMax", 0, 65535, "Largest message that the device takes, in bytes."),
    NUMBER("abi", 0, 65535, "Version of the host interface."),
};
static const struct wb_api_field metrics_fields[] = {
    NUMBER("uptimeSeconds", 0, COUNTER_MAX, "Time since the device started."),
    NUMBER("boots", 0, COUNTER_MAX, "Starts so far."),
    NUMBER("cpuPermille", 0, 1000, "Share of processor time, in thousandths."),
    NUMBER("memoryUsedBytes", 0, COUNTER_MAX, "RAM in use, at most so far."),
    NUMBER("memoryFreeBytes", 0, COUNTER_MAX, "RAM free for applications."),
    NUMBER("flashFreeBytes", 0, COUNTER_MAX, "Flash free for applications."),
    NUMBER("networkReceivedBytes", 0, COUNTER_MAX, "Bytes received since it connected."),
    NUMBER("networkSentBytes", 0, COUNTER_MAX, "Bytes sent since it connected."),
    NUMBER("powerMilliwatts", 0, COUNTER_MAX, "Power drawn."),
};
static const char *const device_phases[] = {
#define WORD_OF(name, text) text,
    WB_API_DEVICE_PHASE_LIST(WORD_OF)
#undef WORD_OF
        NULL};
static const struct wb_api_field device_status_fields[] = {
    OBSERVED_GENERATION,
    TEXT("phase", 1, 16, "Summary of the conditions.", .values = device_phases),
    OBJECT("gateway", gateway_reference_fields, "Gateway that holds the device, or held it last."),
    LIST("applications", run_item, "map", WB_API_APPLICATIONS_MAX,
         "What the device reports about its applications.", .list_key = "name"),
    OBJECT("certificate", certificate_fields, "Certificate that the device showed last."),
    OBJECT("firmware", firmware_fields, "Firmware that the device runs."),
    OBJECT("resources", resources_fields, "What the board has."),
    OBJECT("metrics", metrics_fields,
           "Figures of the last report that was written; live ones are the gateway's."),
    TIME("lastSeen", "When the device was heard of, as of the last write (at most ten minutes old "
                     "while it is connected)."),
    TEXT("lastResetReason", 0, 128, "Why the device started last."),
    CONDITIONS,
};
static const struct wb_api_field device_fields[] = {
    OBJECT("spec", device_spec_fields, "What the device is, and what it is to run.",
           .required = true),
    OBJECT("status", device_status_fields, "What is known of the device."),
};
static const struct wb_api_column device_columns[] = {
    {"Type", "string", ".spec.deviceType", 0, "Kind of board"},
    {"Phase", "string", ".status.phase", 0, "Summary of the conditions"},
    {"Gateway", "string", ".status.gateway.name", 0, "Gateway that holds the device"},
    {"Last Seen", "date", ".status.lastSeen", 0, "When the device was heard of"},
    {"Approved", "boolean", ".spec.approved", 1, "Whether an operator let the device in"},
    {"Device Id", "string", ".spec.deviceId", 1, "Name in the device's certificate"},
    {"Firmware", "string", ".status.firmware.version", 1, "Firmware that the device runs"},
    {"Age", "date", ".metadata.creationTimestamp", 0, "Time since creation"},
};
static const char *const device_selectable[] = {".spec.deviceId",        ".spec.deviceType",
                                                ".spec.gatewayRef.name", ".status.gateway.name",
                                                ".status.phase",         NULL};

/* ---- Application ----------------------------------------------------------------------------- */

static const struct wb_api_field oci_fields[] = {
    TEXT("image", 1, 512, "Reference: registry/name@sha256:… or registry/name:tag.",
         .required = true),
    NAME("pullSecret", "Secret with the registry's credentials."),
};
static const struct wb_api_field config_map_fields[] = {
    TEXT("name", 1, 253, "Name of the ConfigMap.", .required = true),
    TEXT("key", 1, 253, "Key in its binaryData.", .required = true),
};
static const struct wb_api_field url_fields[] = {
    TEXT("url", 1, 2048, "https address of the module.", .required = true, .pattern = "^https?://"),
    TEXT("sha256", 64, 64, "SHA-256 of the module in hexadecimal.", .required = true,
         .pattern = "^[0-9a-f]{64}$"),
};
static const struct wb_api_field source_fields[] = {
    OBJECT("oci", oci_fields, "An OCI registry."),
    OBJECT("configMap", config_map_fields, "A ConfigMap in the Application's namespace."),
    OBJECT("url", url_fields, "A download."),
};
static const struct wb_api_field label_value[] = {
    TEXT(NULL, 0, 63, "Value of a label.", .pattern = LABEL_VALUE)};
static const char *const selector_operators[] = {"In", "NotIn", "Exists", "DoesNotExist", NULL};
static const struct wb_api_field expression_fields[] = {
    TEXT("key", 1, 316, "Key of the label.", .required = true, .pattern = LABEL_KEY),
    TEXT("operator", 1, 16, "How values are compared.", .required = true,
         .values = selector_operators),
    LIST("values", label_value, "atomic", 32, "Values, for In and NotIn."),
};
static const struct wb_api_field expression_item[] = {OBJECT(
    NULL, expression_fields, "One requirement.",
    .rules = {{"(self.operator in ['In', 'NotIn']) == (has(self.values) && self.values.size() > 0)",
               "values are needed with In and NotIn, and not allowed with Exists and DoesNotExist",
               rule_selector_values}})};
static const struct wb_api_field selector_fields[] = {
    MAP("matchLabels", label_value, 32, "Labels that a Device must have."),
    LIST("matchExpressions", expression_item, "atomic", 16, "Further requirements; all must hold."),
};
static const struct wb_api_field argument_item[] = {TEXT(NULL, 0, 127, "One argument.")};
static const struct wb_api_field env_fields[] = {
    TEXT("name", 1, 63, "Name of the variable.", .required = true,
         .pattern = "^[A-Za-z_][A-Za-z0-9_]*$"),
    TEXT("value", 0, 127, "Value of the variable.", .default_json = "\"\""),
};
static const struct wb_api_field env_item[] = {OBJECT(NULL, env_fields, "One variable.")};
static const struct wb_api_field config_fields[] = {
    LIST("args", argument_item, "atomic", 16, "Arguments; the program's name is put before them."),
    LIST("env", env_item, "map", 16, "Environment variables.", .list_key = "name"),
};
static const struct wb_api_field limits_fields[] = {
    {.name = "memory",
     .description = "Linear memory to back with RAM, in bytes (8192, \"8Ki\"). An access beyond it "
                    "traps. Absent: all that the module declares.",
     .type = WB_API_INT_OR_STRING,
     .pattern = "^[0-9]{1,10}(Ki|Mi|Gi|k|M|G)?$"},
    NUMBER("fuelPerSecond", 1, 4294967295,
           "Instructions that the application may run in a second. Absent: unlimited."),
};
static const struct wb_api_field permission_item[] = {
    TEXT(NULL, 3, 160, "action:object; a trailing * matches any rest.",
         .pattern = "^[a-z][a-z0-9-]*:[^ ]+$")};
static const char *const restart_policies[] = {"Always", "OnFailure", "Never", NULL};
static const char *const strategies[] = {"AllAtOnce", "Rolling", "Canary", NULL};
static const struct wb_api_field wave_item[] = {{.description = "Devices, or percentage of them.",
                                                 .type = WB_API_INT_OR_STRING,
                                                 .pattern = "^[0-9]{1,6}$|^[0-9]{1,3}%$"}};
static const struct wb_api_field rollout_fields[] = {
    TEXT("strategy", 1, 16, "How a new revision reaches the devices.", .values = strategies,
         .default_json = "\"AllAtOnce\""),
    {.name = "maxUnavailable",
     .description = "Devices, or percentage of them, that may be without the application at once.",
     .type = WB_API_INT_OR_STRING,
     .pattern = "^[0-9]{1,6}$|^[0-9]{1,3}%$"},
    {.name = "maxFailures",
     .description = "Devices, or percentage of them, that may fail before the rollout stops.",
     .type = WB_API_INT_OR_STRING,
     .pattern = "^[0-9]{1,6}$|^[0-9]{1,3}%$"},
    LIST("waves", wave_item, "atomic", WB_API_WAVES_MAX,
         "Canary: how many devices, or percent of them, have the new revision in all after each "
         "wave; a wave starts when the one before is healthy. All others follow. Default 10%."),
    NUMBER("progressDeadlineSeconds", 1, 604800,
           "Time that one device may take before it counts as failed. Default 600."),
    NUMBER("minReadySeconds", 0, 3600,
           "Time that the application must run without a restart to be healthy. Default 10."),
    FLAG("autoRollback", "Whether a stopped rollout returns to the revision before it.",
         .default_json = "false"),
};
static const struct wb_api_field application_spec_fields[] = {
    TEXT("wasmBinary", 0, WB_API_WASM_BINARY_MAX,
         "The module in base64, up to 256 KiB; larger ones travel by source.", .format = "byte"),
    OBJECT("source", source_fields, "Where the module is to be had.",
           .rules = {{"(has(self.oci) ? 1 : 0) + (has(self.configMap) ? 1 : 0) + "
                      "(has(self.url) ? 1 : 0) == 1",
                      "exactly one of oci, configMap and url is needed", rule_one_of_source}}),
    TEXT("signature", 0, 1024,
         "Publisher's signature in base64: a COSE_Sign1 made by `wasmbed sign`. Devices refuse "
         "modules without one.",
         .pattern = BASE64),
    LIST("targetDevices", name_item, "set", WB_API_TARGET_DEVICES_MAX,
         "Names of Devices that are to run the application, besides those that deviceSelector "
         "matches."),
    OBJECT("deviceSelector", selector_fields,
           "Labels of approved Devices that are to run the application; an empty selector matches "
           "all."),
    LIST("requiredCapabilities", capability_item, "set", 32,
         "Capabilities that a Device must have to be chosen."),
    OBJECT("config", config_fields, "What the application is started with."),
    OBJECT("resources", limits_fields, "What it may use."),
    LIST("permissions", permission_item, "set", 64,
         "What it may do: publish:<topic>, subscribe:<topic>, gpio:<pin>, …; nothing by default."),
    TEXT("restartPolicy", 1, 16, "When it is started again after it ended.",
         .values = restart_policies, .default_json = "\"Always\""),
    OBJECT("rollout", rollout_fields, "How changes reach the devices."),
    FLAG("paused", "While true, changes are not given to devices; what runs goes on running.",
         .default_json = "false"),
};
static const char *const application_phases[] = {
#define WORD_OF(name, text) text,
    WB_API_APPLICATION_PHASE_LIST(WORD_OF)
#undef WORD_OF
        NULL};
static const struct wb_api_field counts_fields[] = {
    NUMBER("target", 0, 1000000, "Devices that are to run it."),
    NUMBER("running", 0, 1000000, "Devices that run the revision that they were given."),
    NUMBER("failed", 0, 1000000, "Devices that report a failure."),
    NUMBER("stopped", 0, 1000000, "Devices on which it ended."),
    NUMBER("updated", 0, 1000000, "Devices that were given the current revision."),
};
static const struct wb_api_field rollout_status_fields[] = {
    NUMBER("currentRevision", 0, COUNTER_MAX, "Revision that the spec asks for."),
    NUMBER("stableRevision", 0, COUNTER_MAX, "The last revision whose rollout completed."),
    NUMBER("failedRevision", 0, COUNTER_MAX, "The revision whose rollout was stopped."),
    TEXT("message", 0, WB_API_MESSAGE_MAX, "Why it was stopped."),
};
static const struct wb_api_field deployed_fields[] = {
    NAME("name", "Name of the Device.", .required = true),
    TEXT("phase", 0, 16, "What the application does there.", .values = run_phases),
    TEXT("digest", 0, WB_API_DIGEST_LEN, "SHA-256 of the module there."),
    TEXT("message", 0, WB_API_MESSAGE_MAX, "Why it is so, and what to do."),
};
static const struct wb_api_field deployed_item[] = {OBJECT(NULL, deployed_fields, "One device.")};
static const struct wb_api_field application_status_fields[] = {
    OBSERVED_GENERATION,
    TEXT("phase", 1, 24, "Summary of the conditions.", .values = application_phases),
    OBJECT("counts", counts_fields, "Devices by what they report."),
    OBJECT("rollout", rollout_status_fields, "Where the rollout stands."),
    LIST("deployedDevices", deployed_item, "map", WB_API_DEPLOYED_DEVICES_MAX,
         "The first 100 devices, those with trouble first.", .list_key = "name"),
    TEXT("digest", 0, WB_API_DIGEST_LEN, "SHA-256 of the module."),
    TIME("lastDeployed", "When the current revision was given to devices first."),
    CONDITIONS,
};
static const struct wb_api_field application_fields[] = {
    OBJECT("spec", application_spec_fields, "What is to run, and where.", .required = true,
           .rules = {{"has(self.wasmBinary) != has(self.source)",
                      "exactly one of wasmBinary and source is needed", rule_one_of_module}}),
    OBJECT("status", application_status_fields, "What came of it."),
};
static const struct wb_api_column application_columns[] = {
    {"Phase", "string", ".status.phase", 0, "Summary of the conditions"},
    {"Target", "integer", ".status.counts.target", 0, "Devices that are to run it"},
    {"Running", "integer", ".status.counts.running", 0,
     "Devices that run the revision that they were given"},
    {"Failed", "integer", ".status.counts.failed", 0, "Devices that report a failure"},
    {"Updated", "integer", ".status.counts.updated", 1,
     "Devices that were given the current revision"},
    {"Paused", "boolean", ".spec.paused", 1, "Whether changes are held back"},
    {"Digest", "string", ".status.digest", 1, "SHA-256 of the module"},
    {"Last Deployed", "date", ".status.lastDeployed", 1,
     "When the current revision was given to devices"},
    {"Age", "date", ".metadata.creationTimestamp", 0, "Time since creation"},
};
static const char *const application_selectable[] = {".status.phase", ".status.digest", NULL};

/* ---- Gateway --------------------------------------------------------------------------------- */

static const struct wb_api_field pairing_fields[] = {
    FLAG("enabled", "Whether unknown devices may ask to be let in.", .default_json = "false"),
    TIME("until", "Pairing ends by itself then; absent: not by itself."),
};
static const struct wb_api_field topic_item[] = {TEXT(NULL, 1, 127,
                                                      "A topic; a trailing * matches "
                                                      "any rest.")};
static const struct wb_api_field bridge_fields[] = {
    NAME("name", "Name of the bridge.", .required = true),
    TEXT("type", 1, 16, "dds, xrce, mqtt, coap.", .required = true, .pattern = WORD),
    TEXT("address", 0, 253, "Where the other side is, as the type has it."),
    LIST("topics", topic_item, "set", 64, "Topics that cross the bridge."),
};
static const struct wb_api_field bridge_item[] = {OBJECT(NULL, bridge_fields, "One bridge.")};
static const struct wb_api_field gateway_spec_fields[] = {
    TEXT("endpoint", 0, 253, "Host name or address at which devices reach the gateway."),
    NUMBER("tlsPort", 1, 65535, "TCP port for devices.", .default_json = "4423"),
    NUMBER("httpPort", 1, 65535, "TCP port for health and metrics.", .default_json = "8080"),
    OBJECT("pairing", pairing_fields, "Letting unknown devices in."),
    TEXT("heartbeatInterval", 2, 16, "How often a silent device reports: 500ms, 30s, 5m.",
         .pattern = "^[1-9][0-9]{0,6}(ms|s|m|h)$", .default_json = "\"30s\""),
    NUMBER("maxDevices", 1, 1000000, "Connections that the gateway admits.",
           .default_json = "1000"),
    LIST("bridges", bridge_item, "map", 16, "Ways to other messaging systems.", .list_key = "name"),
};
static const char *const gateway_phases[] = {"Pending", "Ready", "Unreachable", NULL};
static const struct wb_api_field gateway_status_fields[] = {
    OBSERVED_GENERATION,
    TEXT("phase", 1, 16, "Summary of the conditions.", .values = gateway_phases),
    NUMBER("connectedDevices", 0, 1000000, "Devices connected, as of the last write."),
    TEXT("version", 0, 64, "Version of the gateway."),
    TEXT("endpoint", 0, 253, "Address at which it serves devices."),
    TIME("startedAt", "When it started."),
    CONDITIONS,
};
static const struct wb_api_field gateway_fields[] = {
    OBJECT("spec", gateway_spec_fields, "How the gateway is to work.", .required = true),
    OBJECT("status", gateway_status_fields, "What is known of the gateway."),
};
static const struct wb_api_column gateway_columns[] = {
    {"Phase", "string", ".status.phase", 0, "Summary of the conditions"},
    {"Devices", "integer", ".status.connectedDevices", 0, "Devices connected"},
    {"Endpoint", "string", ".spec.endpoint", 0, "Where devices reach it"},
    {"Pairing", "boolean", ".spec.pairing.enabled", 1, "Whether unknown devices may ask"},
    {"Version", "string", ".status.version", 1, "Version of the gateway"},
    {"Age", "date", ".metadata.creationTimestamp", 0, "Time since creation"},
};
static const char *const gateway_selectable[] = {".status.phase", NULL};

/* ---- the kinds ------------------------------------------------------------------------------- */

static const struct wb_api_kind kinds[WB_API_KIND_COUNT] = {
    [WB_API_DEVICE] = {.kind = "Device",
                       .list = "DeviceList",
                       .plural = "devices",
                       .singular = "device",
                       .short_name = "wdev",
                       .description = "A microcontroller board, or what stands for one, that runs "
                                      "WebAssembly applications.",
                       FIELDS(device_fields),
                       .rules = object_rules,
                       .columns = device_columns,
                       .column_count = WB_ARRAY_LEN(device_columns),
                       .selectable = device_selectable},
    [WB_API_APPLICATION] = {.kind = "Application",
                            .list = "ApplicationList",
                            .plural = "applications",
                            .singular = "application",
                            .short_name = "wapp",
                            .description = "A WebAssembly module and the devices it is to run on.",
                            FIELDS(application_fields),
                            .rules = object_rules,
                            .columns = application_columns,
                            .column_count = WB_ARRAY_LEN(application_columns),
                            .selectable = application_selectable},
    [WB_API_GATEWAY] = {.kind = "Gateway",
                        .list = "GatewayList",
                        .plural = "gateways",
                        .singular = "gateway",
                        .short_name = "wgw",
                        .description = "A program that holds the connections of devices.",
                        FIELDS(gateway_fields),
                        .rules = object_rules,
                        .columns = gateway_columns,
                        .column_count = WB_ARRAY_LEN(gateway_columns),
                        .selectable = gateway_selectable},
};

const struct wb_api_kind *wb_api_kind_get(enum wb_api_kind_id id)
{
    WB_ASSERT((unsigned)id < WB_API_KIND_COUNT);
    return &kinds[id];
}

const struct wb_api_kind *wb_api_kind_find(const char *word)
{
    for (size_t i = 0; i < WB_API_KIND_COUNT; i++) {
        const struct wb_api_kind *kind = &kinds[i];
        if (strcasecmp(word, kind->plural) == 0 || strcasecmp(word, kind->singular) == 0 ||
            strcasecmp(word, kind->short_name) == 0) {
            return kind;
        }
    }
    return NULL;
}
