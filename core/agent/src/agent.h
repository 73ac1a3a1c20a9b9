/* SPDX-License-Identifier: AGPL-3.0-only */
/* agent.h: what the parts of the agent share.
 *
 *   agent.c    the public calls, events, deadlines
 *   identity.c provisioning records -> what TLS needs
 *   session.c  TLS, hello and welcome, messages in and out
 *   deploy.c   desired set -> candidates -> fetch, install, verify, switch
 *   app.c      instances: start, slices, timers, messages, restarts
 *   host.c     host functions; wasi.c the WASI subset; imports.c the table of both
 *   report.c   log lines, status, heartbeat, trap reports
 *   arena.c, outbox.c, inbox.c, text.c   memory, queues, building text
 */
#ifndef WB_AGENT_PRIVATE_H
#define WB_AGENT_PRIVATE_H

#include "wb_agent.h"
#include "wb_wasm.h"

#define LOG_LINE_MAX 160u /* bytes of a log line that travels; WASMBED_LOG_MAX */
#define OUTBOX_RESERVE                                                                             \
    224u /* room that log lines and publications leave for status and fetches                      \
          */
#define TIMERS_MAX        4u
#define SUBSCRIPTIONS_MAX 4u
#define TOPICS_LEN        128u /* bytes of all topics of an application */
#define STDOUT_LINE       80u
#define FETCH_AHEAD       2u /* chunks on their way at once */

/* The application of a slot or candidate lies behind this in its record: the image's id. */
#define RECORD_HEAD 2u

enum session {
    SESSION_NONE, /* no link */
    SESSION_HANDSHAKE,
    SESSION_HELLO, /* hello is on its way, welcome is awaited */
    SESSION_READY,
    SESSION_CLOSED, /* over; the board shall close the link */
};

enum candidate_state {
    CANDIDATE_NONE,
    CANDIDATE_FRESH,   /* of a desired set that is not complete yet */
    CANDIDATE_PENDING, /* to be installed */
    CANDIDATE_FAILED,
};

/* ---- a running instance -------------------------------------------------------------------- */

enum activity {
    ACTIVITY_IDLE,  /* between callbacks */
    ACTIVITY_START, /* the module's start function */
    ACTIVITY_INIT,  /* _initialize */
    ACTIVITY_MAIN,  /* _start */
    ACTIVITY_TIMER,
    ACTIVITY_MESSAGE,
};

struct wb_agent_timer {
    wb_ms next; /* WB_NEVER: not set */
    uint32_t period_ms;
};

struct wb_agent_run {
    struct wb_wasm_instance instance; /* first: host functions find the rest behind it */
    struct wb_agent *agent;
    struct wb_agent_slot *slot;
    struct wb_agent_timer timers[TIMERS_MAX];
    wb_ms wake_at;                 /* suspended until then; WB_NEVER: not suspended by time */
    wb_ms refill_at;               /* fuel of the next second */
    uint32_t fuel_per_s;           /* 0: unlimited */
    uint32_t fuel_left;            /* of this second */
    uint32_t on_timer, on_message; /* functions; UINT32_MAX: not exported */
    uint32_t poll_in, poll_out, poll_count, poll_result; /* of poll_oneoff while it waits */
    wb_ms poll_begin;
    const char *trap_reason; /* why a host function failed; NULL */
    int32_t exit_code;
    uint8_t activity; /* enum activity */
    bool is_polling;
    bool has_message; /* on_message runs and has not received */
    bool has_exited;
    bool was_timer;                       /* the last callback */
    uint8_t restart;                      /* enum wb_protocol_restart */
    uint8_t subscribe_due;                /* bits: to be told to the gateway */
    uint8_t topic_len[SUBSCRIPTIONS_MAX]; /* 0: free */
    uint8_t line_len;
    char line[STDOUT_LINE];
    char topics[TOPICS_LEN]; /* one behind the other, in order of the handles */
};

/* ---- agent.c --------------------------------------------------------------------------------- */

void wb_agent_set_state(struct wb_agent *a, enum wb_agent_state state);
void wb_agent_push_event(struct wb_agent *a, enum wb_agent_event_kind kind, uint8_t value);
/* Wall time in ms, 0 while unknown. */
uint64_t wb_agent_unix_ms(const struct wb_agent *a);
enum wb_err wb_agent_random(void *ctx, void *out, size_t len);

/* ---- identity.c ------------------------------------------------------------------------------ */

/* Reads the identity and says what is missing: NULL when it is complete. Its pointers into flash
 * are good until the store is written. */
const char *wb_agent_identity_load(struct wb_agent *a);
/* Device id as text in flash. */
struct wb_cbor_text wb_agent_identity_name(const struct wb_agent *a);
/* Is this COSE_Sign1 a publisher's signature of the digest? */
enum wb_err wb_agent_signature_verify(const struct wb_agent *a, const uint8_t digest[32],
                                      struct wb_cbor_bytes signature);

/* ---- session.c ------------------------------------------------------------------------------- */

/* Ends the session; the link is to be closed. what is static text for the log. */
void wb_agent_session_fail(struct wb_agent *a, enum wb_err err, const char *what);
/* Moves messages towards TLS. */
void wb_agent_session_pump(struct wb_agent *a);
bool wb_agent_session_is_ready(const struct wb_agent *a);
/* A message from the gateway, without its length; it lies in cfg->frame. */
void wb_agent_session_message(struct wb_agent *a, const uint8_t *bytes, size_t len);
void wb_agent_session_tick(struct wb_agent *a);
wb_ms wb_agent_session_due(const struct wb_agent *a);

/* ---- deploy.c -------------------------------------------------------------------------------- */

void wb_agent_deploy_init(struct wb_agent *a);
void wb_agent_deploy_desired(struct wb_agent *a, const struct wb_protocol_desired *desired);
void wb_agent_deploy_chunk(struct wb_agent *a, const struct wb_protocol_chunk *chunk);
/* The session is over: an open set is forgotten. keep_job: the installation goes on later. */
void wb_agent_deploy_session_end(struct wb_agent *a);
void wb_agent_deploy_abandon_job(struct wb_agent *a);
/* Starts the next installation, gives up waiting for chunks. */
void wb_agent_deploy_tick(struct wb_agent *a);
wb_ms wb_agent_deploy_due(const struct wb_agent *a);
/* Writes the next fetch when one is wanted and there is room. */
void wb_agent_deploy_fetch(struct wb_agent *a);
/* Whether a slot is empty, and its application as flash has it. */
bool wb_agent_slot_is_free(const struct wb_agent_slot *slot);
enum wb_err wb_agent_slot_application(const struct wb_agent *a, uint32_t slot,
                                      struct wb_protocol_application *app);
enum wb_err wb_agent_candidate_application(const struct wb_agent *a, uint32_t candidate,
                                           struct wb_protocol_application *app);
/* Slot of that name, WB_AGENT_NONE when there is none. */
uint8_t wb_agent_slot_find(const struct wb_agent *a, struct wb_cbor_text name);

/* ---- app.c ----------------------------------------------------------------------------------- */

/* Bytes of arena that an application with these figures takes. */
uint64_t wb_agent_app_need(const struct wb_agent *a, const struct wb_wasm_info *info,
                           uint32_t memory);
/* Makes the slot's instance from its record. On an error the slot says why. */
enum wb_err wb_agent_app_start(struct wb_agent *a, uint32_t slot);
/* Ends the instance and frees its memory. */
void wb_agent_app_stop(struct wb_agent *a, uint32_t slot);
void wb_agent_app_deliver(struct wb_agent *a, const struct wb_protocol_publish *data);
void wb_agent_app_tick(struct wb_agent *a);
wb_ms wb_agent_app_due(const struct wb_agent *a);
bool wb_agent_app_run(struct wb_agent *a);
void wb_agent_app_resubscribe(struct wb_agent *a);
/* The slot's phase, remembered and reported when it changed; message may be NULL to keep what is
 * there. */
void wb_agent_slot_set_phase(struct wb_agent_slot *slot, uint8_t phase, const char *message);
uint64_t wb_agent_slot_fuel(const struct wb_agent_slot *slot);

/* ---- host.c, wasi.c, imports.c --------------------------------------------------------------- */

extern const struct wb_wasm_import wb_agent_imports[];
extern const struct wb_wasm_host_func wb_agent_host_funcs[];
extern const uint16_t wb_agent_import_count;

struct wb_agent_run *wb_agent_run_of(struct wb_wasm_instance *inst);
/* Lets the call fail: the reason goes into the trap report. */
enum wb_wasm_host wb_agent_host_fail(struct wb_wasm_instance *inst, const char *reason);
/* Suspends until then. */
enum wb_wasm_host wb_agent_host_wait(struct wb_wasm_instance *inst, wb_ms until);
/* Writes out what stands in the line buffer. */
void wb_agent_stdout_flush(struct wb_agent_run *run);
/* poll_oneoff: earliest deadline reached, writes the events. False: a pointer is bad. */
bool wb_agent_poll_finish(struct wb_agent_run *run);
/* A subscription's topic. */
const char *wb_agent_topic(const struct wb_agent_run *run, uint32_t handle, size_t *len);

/* ---- report.c -------------------------------------------------------------------------------- */

/* A log line of an application (slot) or of the device itself (slot NULL). */
void wb_agent_log(struct wb_agent *a, const struct wb_agent_slot *slot, enum wb_agent_level level,
                  const char *text, size_t len);
void wb_agent_log_text(struct wb_agent *a, const struct wb_agent_slot *slot,
                       enum wb_agent_level level, const char *text);
/* "what: error" */
void wb_agent_log_err(struct wb_agent *a, enum wb_agent_level level, const char *what,
                      enum wb_err err);
/* Writes what is due (status, heartbeat, acknowledgement, count of dropped lines) while there is
 * room. */
void wb_agent_report_pump(struct wb_agent *a);
void wb_agent_report_trap(struct wb_agent *a, struct wb_agent_slot *slot,
                          const struct wb_wasm_instance *inst, const char *reason);
bool wb_agent_report_is_due(const struct wb_agent *a);

/* ---- outbox.c -------------------------------------------------------------------------------- */

/* Appends a message, leaving keep_free bytes; false: no room, or it does not fit any frame. */
bool wb_agent_outbox_put(struct wb_agent *a, const struct wb_protocol_message *message,
                         uint32_t keep_free);
bool wb_agent_outbox_is_empty(const struct wb_agent *a);
/* Removes the oldest message unless a part of it was sent. */
bool wb_agent_outbox_drop_oldest(struct wb_agent *a);
/* Brings what was appended behind `first_len` bytes to the front. */
void wb_agent_outbox_to_front(struct wb_agent *a, uint32_t first_len);
size_t wb_agent_outbox_peek(const struct wb_agent *a, const uint8_t **data);
void wb_agent_outbox_sent(struct wb_agent *a, size_t len);
/* The session is over: log lines and traps stay, one that was cut will be sent again whole; the
 * rest is of this session only. */
void wb_agent_outbox_keep_reports(struct wb_agent *a);

/* ---- inbox.c --------------------------------------------------------------------------------- */

bool wb_agent_inbox_put(struct wb_agent *a, uint8_t slot, uint8_t handle, const void *data,
                        size_t len);
/* The first message of a slot; false: none. */
bool wb_agent_inbox_peek(const struct wb_agent *a, uint8_t slot, uint8_t *handle,
                         const uint8_t **data, size_t *len);
void wb_agent_inbox_drop(struct wb_agent *a, uint8_t slot);
void wb_agent_inbox_purge(struct wb_agent *a, uint8_t slot);

/* ---- arena.c --------------------------------------------------------------------------------- */

/* Would len bytes fit if `ignored` (may be NULL) were free? */
bool wb_agent_arena_fits(const struct wb_agent *a, uint32_t len,
                         const struct wb_agent_block *ignored, uint32_t *at);
void *wb_agent_arena_take(struct wb_agent *a, struct wb_agent_block *block, uint32_t len);
void wb_agent_arena_free_block(struct wb_agent_block *block);
/* Largest gap if `ignored` were free. */
uint32_t wb_agent_arena_largest(const struct wb_agent *a, const struct wb_agent_block *ignored);

/* ---- text.c ---------------------------------------------------------------------------------- */

/* Text in the caller's buffer: what does not fit is cut; always terminated. ASCII only, so that a
 * cut never makes text that a receiver refuses: other bytes become '?'. */
struct wb_text {
    char *buf;
    size_t cap, len;
};

struct wb_text wb_text_init(char *buf, size_t cap);
void wb_text_add(struct wb_text *t, const char *text);
void wb_text_add_bytes(struct wb_text *t, const char *text, size_t len);
void wb_text_add_uint(struct wb_text *t, uint64_t value);
void wb_text_add_int(struct wb_text *t, int64_t value);
/* First eight bytes of a digest, as hex. */
void wb_text_add_digest(struct wb_text *t, const uint8_t digest[32]);

#endif
