/* SPDX-License-Identifier: AGPL-3.0-only */
/* wb_agent.h: the device agent: identity, session with the gateway, applications and their host
 * functions. Shape    one engine without I/O: the stream to the gateway and time in; bytes, a
 * deadline, events out Memory   no heap, no globals; every buffer comes from the caller (struct
 * wb_agent_cfg, which it keeps) Limits   struct wb_agent_cfg; a message longer than frame_in_len is
 * refused, what does not fit a ring is counted and told to the log Errors   an application's
 * failure is a status of that application; a session's failure ends the session and is tried again
 * with back-off; missing provisioning is said on the console every minute Source
 * docs/ARCHITECTURE.md, docs/spec/protocol.cddl, sdk/c/wasmbed.h (host functions)
 *
 * A board's loop:
 *
 *     wb_agent_init(&agent, &cfg, now);                applications of the flash run from here on
 *     for (;;) {
 *         more = wb_agent_run(&agent, now);            one slice of application code
 *         open or close the link as wb_agent_wants_link() says; wb_agent_link_up() / _link_down()
 *         wb_agent_feed(…) what the link received; write to the link what wb_agent_emit(…) gives
 *         wb_agent_tick(&agent, now);
 *         while (wb_agent_next(&agent, &event)) { … }
 *         if (!more) wait for input, or until wb_agent_due(&agent), whichever comes first
 *     }
 */
#ifndef WB_AGENT_H
#define WB_AGENT_H

#include "wb_base.h"
#include "wb_crypto.h"
#include "wb_protocol.h"
#include "wb_store.h"
#include "wb_tls.h"
#include "wb_x509.h"

/* ---- provisioning ------------------------------------------------------------------------- */

/* Record ids in core/store. Provisioning writes the first group, the agent the second; ids below
 * 0x100 that are not listed are free for boards. */
enum wb_agent_record {
    WB_AGENT_RECORD_DEVICE_ID = 0x01,   /* text, 1..63 bytes: the certificate's common name */
    WB_AGENT_RECORD_DEVICE_KEY = 0x02,  /* 32 bytes: the Ed25519 seed */
    WB_AGENT_RECORD_CERTIFICATE = 0x03, /* the device's certificate, DER */
    WB_AGENT_RECORD_CA = 0x04,          /* the trust anchor's certificate, DER */
    WB_AGENT_RECORD_PUBLISHERS = 0x05,  /* 32 or 64 bytes: one or two Ed25519 public keys */
    WB_AGENT_RECORD_SERVER_NAME = 0x06, /* text: DNS name that the gateway's certificate carries */
    WB_AGENT_RECORD_GATEWAY = 0x07,     /* text host:port; boards without sockets ignore it */

    WB_AGENT_RECORD_BOOTS = 0x10,      /* 4 bytes little endian: boots so far */
    WB_AGENT_RECORD_APP = 0x100,       /* + slot: the application that slot runs */
    WB_AGENT_RECORD_CANDIDATE = 0x200, /* + slot: what it is to become while that is fetched */
};

#define WB_AGENT_NAME_MAX        63u  /* device id, application name, server name */
#define WB_AGENT_CERTIFICATE_MAX 512u /* certificate and trust anchor, each */
#define WB_AGENT_PUBLISHERS_MAX  2u

/* ---- configuration ------------------------------------------------------------------------ */

#define WB_AGENT_ABI 1u /* version of the host functions, told in hello */

#define WB_AGENT_SCRATCH_MIN                                                                       \
    (sizeof(void *) == 4                                                                           \
         ? 1536u                                                                                   \
         : 2048u) /* work memory of installing and, before, of the TLS handshake */
#define WB_AGENT_FRAME_MIN   512u
#define WB_AGENT_OUTBOX_MIN  512u
#define WB_AGENT_INBOX_MIN   64u
#define WB_AGENT_TLS_IN_MIN  WB_TLS_RX_CAP(512u)
#define WB_AGENT_TLS_OUT_MIN WB_TLS_TX_CAP(256u)

enum wb_agent_level {
    WB_AGENT_ERROR,
    WB_AGENT_WARNING,
    WB_AGENT_INFO,
    WB_AGENT_DEBUG,
};

/* What a board knows about itself; fields that it does not fill stay 0. */
struct wb_agent_stats {
    uint32_t ram_used_max; /* bytes: static data and stack high-water mark */
    uint32_t ram_size;     /* bytes */
    uint32_t cpu_permille; /* share of time spent not idle since the last call */
};

/* Services of the board; each may be NULL. They return at once and do not call the agent. */
struct wb_agent_board {
    void *ctx;
    /* A line for the console; application is NULL for the agent's own lines; text is not
     * terminated. */
    void (*log)(void *ctx, enum wb_agent_level level, const char *application, const char *text,
                size_t len);
    void (*stats)(void *ctx, struct wb_agent_stats *stats);
};

/* ---- an application's place: fields are private --------------------------------------------- */

struct wb_agent_block { /* of the arena; len 0: none */
    uint32_t at, len;
};

#define WB_AGENT_MESSAGE_MAX 191u /* longest explanation that is kept for an application */

struct wb_agent_run; /* a running instance; lies in the arena */

struct wb_agent_slot {
    struct wb_agent_run *run;    /* NULL: not running */
    struct wb_agent_block block; /* its memory */
    wb_ms start_at;              /* next start; WB_NEVER: none planned */
    wb_ms started_at;
    uint64_t fuel_before; /* used by earlier instances */
    uint32_t restarts;
    uint16_t image;       /* id in the store; 0: the slot has no application record */
    uint8_t phase;        /* enum wb_protocol_app_phase */
    uint8_t backoff;      /* failures in a row */
    uint8_t candidate;    /* that this slot is to become, by index; WB_AGENT_NONE: none */
    uint8_t phase_before; /* while the phase is installing */
    bool is_wanted;       /* in the desired set being received */
    bool is_trial;        /* runs the candidate, which is not recorded yet */
    bool is_status_due;
    char message[WB_AGENT_MESSAGE_MAX + 1]; /* why it is not running as wanted; "": it is */

    /* The candidate of this index; its application is record WB_AGENT_RECORD_CANDIDATE + index. */
    uint8_t candidate_state;  /* enum candidate_state */
    bool is_candidate_wanted; /* in the desired set being received */
    wb_ms
        candidate_retry_at; /* failed: when it is tried again; WB_NEVER: only when asked for anew */
};

#define WB_AGENT_NONE 0xffu

/* All pointers are kept as long as the agent is used, and so is the struct itself. */
struct wb_agent_cfg {
    const char *device_type;            /* riscv-hifive1, cortex-m, posix; at most 31 bytes */
    const char *firmware;               /* version; at most 31 bytes */
    const char *reset_reason;           /* told in hello; NULL: not told; at most 31 bytes */
    struct wb_store *store;             /* opened, mapped flash */
    struct wb_drbg *drbg;               /* seeded by the board with entropy */
    const struct wb_agent_board *board; /* NULL: none */
    uint64_t unix_ms; /* wall time at init; 0: unknown until the gateway tells it */

    struct wb_agent_slot *slots; /* one an application; 1..WB_AGENT_SLOTS_MAX */
    uint32_t slot_count;
    uint8_t *arena; /* applications: linear memory, stack, globals; aligned to 8 */
    uint32_t arena_len;
    uint8_t *scratch; /* >= WB_AGENT_SCRATCH_MIN, aligned to 8: installing */
    uint32_t scratch_len;
    uint8_t *frame;     /* >= WB_AGENT_FRAME_MIN: a message from the gateway */
    uint32_t frame_len; /* is announced as frame_max; at most 65535 */
    uint8_t *outbox;    /* >= WB_AGENT_OUTBOX_MIN: messages to the gateway, also while offline */
    uint32_t outbox_len;
    uint8_t *inbox; /* >= WB_AGENT_INBOX_MIN: messages that applications have not received */
    uint32_t inbox_len;
    uint8_t *tls_in; /* >= WB_AGENT_TLS_IN_MIN: a record from the gateway */
    uint32_t tls_in_len;
    uint8_t *tls_out; /* >= WB_AGENT_TLS_OUT_MIN: records to the gateway */
    uint32_t tls_out_len;

    uint32_t fuel_slice; /* instructions a wb_agent_run() executes at most; 0: 20000 */
    uint32_t app_stack;  /* bytes of call stack of an application; 0: 1024 */
};

#define WB_AGENT_SLOTS_MAX 16u

/* ---- the engine --------------------------------------------------------------------------- */

/* DESIGN.md's states; microROSInit and DDSConnection are not entered yet. */
#define WB_AGENT_STATE_LIST(X)                                                                     \
    X(DEVICE_REGISTRATION, "DeviceRegistration") /* reads identity; stays when it is missing */    \
    X(CERTIFICATE_VALIDATION, "CertificateValidation") /* no link, or TLS handshake */             \
    X(TLS_CONNECTION, "TLSConnection")                 /* hello sent, awaits welcome */            \
    X(APPLICATION_DEPLOYMENT, "ApplicationDeployment") /* desired set is being received */         \
    X(WASM_LOADING, "WASMLoading") /* a module is being fetched and installed */                   \
    X(MICROROS_INIT, "microROSInit")                                                               \
    X(DDS_CONNECTION, "DDSConnection")                                                             \
    X(RUNNING, "running")                  /* the desired set is in place */                       \
    X(STATUS_REPORTING, "statusReporting") /* as running, with status on its way */

enum wb_agent_state {
#define WB_AGENT_STATE_ENUM(code, text) WB_AGENT_##code,
    WB_AGENT_STATE_LIST(WB_AGENT_STATE_ENUM)
#undef WB_AGENT_STATE_ENUM
};

const char *wb_agent_state_str(enum wb_agent_state state);

enum wb_agent_event_kind {
    WB_AGENT_EVENT_STATE, /* u.state was entered (running <-> statusReporting is not told) */
    WB_AGENT_EVENT_RESET, /* the gateway asks for a restart: reset when emit() gives nothing more */
    WB_AGENT_EVENT_IDENTIFY, /* blink, print, beep */
    WB_AGENT_EVENT_CLOSED,   /* the session ended: u.reason; close the link */
};

struct wb_agent_event {
    enum wb_agent_event_kind kind;
    union {
        enum wb_agent_state state;
        enum wb_err reason;
    } u;
};

#define WB_AGENT_EVENTS 8u

struct wb_agent { /* private */
    const struct wb_agent_cfg *cfg;
    uint8_t state;   /* enum wb_agent_state */
    uint8_t session; /* enum session, src/agent.h */
    uint8_t event_at, event_count;
    struct {
        uint8_t kind, value;
    } events[WB_AGENT_EVENTS];
    bool is_provisioned, is_link_up;
    const char *provisioning_error;
    wb_ms now;            /* of the call that is being carried out, for host functions */
    wb_ms complain_at;    /* missing provisioning is told again */
    uint64_t unix_offset; /* wall time = this + now; 0: unknown */

    /* session */
    struct wb_tls tls;
    struct wb_tls_cfg tls_cfg;
    struct wb_tls_credential credential;
    struct wb_x509_anchor anchor;
    struct wb_bytes chain;
    struct wb_agent_block handshake_block; /* of the arena, when scratch is busy */
    char server_name[WB_AGENT_NAME_MAX + 1];
    struct wb_protocol_frames frames;
    wb_ms retry_at;         /* no link before */
    wb_ms session_deadline; /* welcome must have come */
    wb_ms welcomed_at;
    wb_ms heartbeat_at;
    uint32_t heartbeat_ms;
    uint32_t peer_frame_max;
    uint32_t boots;
    uint64_t bytes_in, bytes_out;
    uint8_t attempts;
    bool is_heartbeat_due, is_ack_due, is_hello_sent;
    uint16_t hello_left; /* bytes of hello that TLS has not taken */

    /* messages */
    uint32_t outbox_used, outbox_sent;
    uint32_t inbox_used;
    uint32_t logs_dropped, inbox_dropped;

    /* deployment */
    uint64_t generation; /* of the set being received or taken over */
    uint32_t set_count, set_next;
    bool is_set_open; /* more of the set is to come */
    bool has_set;     /* a set was complete since the session began */
    uint8_t job;      /* slot whose candidate is being installed; WB_AGENT_NONE */
    uint8_t turn;     /* slot that runs next */
    uint32_t job_size, job_got, job_asked, job_step;
    wb_ms job_deadline; /* the next chunk must have come */
    uint8_t job_tries;
};

/* Reads the provisioning, counts the boot, starts the applications that the flash holds. It does
 * not fail: an unusable provisioning or image is said on the console and, later, to the gateway.
 * Outcomes: WB_ERR_SPACE when a buffer is below its least; then the agent must not be used. */
enum wb_err wb_agent_init(struct wb_agent *agent, const struct wb_agent_cfg *cfg,
                          wb_ms now) WB_MUST_USE;

/* Whether the board should have a link to the gateway now: false while it backs off after a failure
 * (1 s doubling to 60 s, each +-25 %), and when provisioning is missing. due() includes its end. */
bool wb_agent_wants_link(const struct wb_agent *agent, wb_ms now);

/* A byte stream to the gateway is there / is gone. Repeating either is harmless. link_up() starts a
 * new TLS connection; link_down() forgets it. link_down() also tells that an attempt to get a link
 * failed: then the next one waits. */
void wb_agent_link_up(struct wb_agent *agent, wb_ms now);
void wb_agent_link_down(struct wb_agent *agent, wb_ms now);

/* Bytes from the gateway; *used <= len: call again with the rest when it is less and emit() or
 * run() moved on. Outcomes: an error ends the session (WB_AGENT_EVENT_CLOSED follows, wants_link()
 * says when again). */
enum wb_err wb_agent_feed(struct wb_agent *agent, wb_ms now, const uint8_t *bytes, size_t len,
                          size_t *used) WB_MUST_USE;

/* Bytes for the gateway; 0: nothing now. */
size_t wb_agent_emit(struct wb_agent *agent, wb_ms now, uint8_t *buf, size_t cap);

/* Timers: heartbeat, back-off, restarts, application timers, fuel per second. */
void wb_agent_tick(struct wb_agent *agent, wb_ms now);
wb_ms wb_agent_due(const struct wb_agent *agent);

/* Runs applications for one slice of fuel, in turn. True: more is ready to run now. */
bool wb_agent_run(struct wb_agent *agent, wb_ms now);

/* What happened, in order; false: nothing more. */
bool wb_agent_next(struct wb_agent *agent, struct wb_agent_event *event);

enum wb_agent_state wb_agent_state_get(const struct wb_agent *agent);

/* The board learned the wall time by itself (the gateway's welcome sets it, too). */
void wb_agent_set_time(struct wb_agent *agent, wb_ms now, uint64_t unix_ms);

/* Free bytes of the arena (sum of the gaps). */
uint32_t wb_agent_arena_free(const struct wb_agent *agent);

#endif
