/* SPDX-License-Identifier: AGPL-3.0-only */
/* tls.h: what the sources of the TLS engine share. Read in this order: engine.c (the calls),
 * record.c, schedule.c (keys), messages_in.c (streaming parser and state table), extensions.c,
 * hello_client.c, hello_server.c, authentication.c, flight.c (outgoing messages). */
#ifndef WB_TLS_PRIVATE_H
#define WB_TLS_PRIVATE_H

#include <string.h>

#include "text.h"
#include "wb_tls.h"

/* ---- code points ---- */

enum content_type {
    TYPE_CHANGE_CIPHER_SPEC = 20,
    TYPE_ALERT = 21,
    TYPE_HANDSHAKE = 22,
    TYPE_APPLICATION_DATA = 23,
};

enum message_type {
    MESSAGE_CLIENT_HELLO = 1,
    MESSAGE_SERVER_HELLO = 2,
    MESSAGE_NEW_SESSION_TICKET = 4,
    MESSAGE_ENCRYPTED_EXTENSIONS = 8,
    MESSAGE_CERTIFICATE = 11,
    MESSAGE_CERTIFICATE_REQUEST = 13,
    MESSAGE_CERTIFICATE_VERIFY = 15,
    MESSAGE_FINISHED = 20,
    MESSAGE_KEY_UPDATE = 24,
    MESSAGE_HASH = 254,
};

enum extension_type {
    EXT_SERVER_NAME = 0,
    EXT_SUPPORTED_GROUPS = 10,
    EXT_SIGNATURE_ALGORITHMS = 13,
    EXT_ALPN = 16,
    EXT_RECORD_SIZE_LIMIT = 28,
    EXT_PRE_SHARED_KEY = 41,
    EXT_EARLY_DATA = 42,
    EXT_SUPPORTED_VERSIONS = 43,
    EXT_COOKIE = 44,
    EXT_PSK_KEY_EXCHANGE_MODES = 45,
    EXT_CERTIFICATE_AUTHORITIES = 47,
    EXT_KEY_SHARE = 51,
};

#define VERSION_1_3       0x0304u
#define VERSION_LEGACY    0x0303u
#define RECORD_HEADER_LEN 5u
#define RECORD_OVERHEAD   (RECORD_HEADER_LEN + 1u + WB_AEAD_TAG_LEN)
#define PLAINTEXT_MAX     16384u

extern const uint8_t tls_hello_retry_random[32];

/* ---- suites ---- */

struct suite {
    uint16_t id;
    uint8_t aead; /* enum wb_aead_id */
    uint8_t hash; /* enum wb_hash_id */
};

/* The agreed suite; only valid once tls->suite is set. */
const struct suite *tls_suite(const struct wb_tls *tls);
/* Row + 1 of a suite that this configuration allows, 0 when there is none with this id. */
uint8_t tls_suite_find(const struct wb_tls_cfg *cfg, uint16_t id);
/* The configuration's suites in order: id of the index-th, 0 behind the last. */
uint16_t tls_suite_at(const struct wb_tls_cfg *cfg, size_t index);
size_t tls_hash_len(const struct wb_tls *tls);
/* Hash of a suite given by row + 1; of none: 0xff. */
uint8_t tls_suite_hash(uint8_t suite);

/* ---- groups and signatures ---- */

/* The configuration's groups in order: the index-th that the provider has, NULL behind the last. */
const struct wb_tls_group *tls_group_at(const struct wb_tls *tls, size_t index);
/* Its index, or -1 when this id is not allowed. */
int tls_group_find(const struct wb_tls *tls, uint16_t id);
/* The agreed group; only valid once has_group. */
static inline const struct wb_tls_group *tls_group(const struct wb_tls *tls)
{
    return tls_group_at(tls, tls->group);
}

/* ---- signature schemes ---- */

uint16_t tls_scheme_bit(uint16_t scheme); /* in wb_tls_work.schemes; 0: unknown */
/* May the peer sign its CertificateVerify with it? */
bool tls_scheme_is_offered(const struct wb_tls *tls, uint16_t scheme);
/* Writes the extension signature_algorithms. */
void tls_schemes_write(const struct wb_tls *tls, struct wb_writer *w);
/* Our credential that the peer accepts, and the scheme to sign with; NULL: none. */
const struct wb_tls_credential *tls_credential_choose(const struct wb_tls *tls, uint16_t *scheme);

/* ---- roles ---- */

typedef enum wb_err (*extension_fn)(struct wb_tls *tls, struct wb_reader *r);

struct extension_reader {
    uint16_t type;
    extension_fn read;
};

struct message_row { /* who reads a message, and when it may come */
    uint8_t type;
    uint16_t states;
    bool is_epoch_end; /* the keys change behind it, so nothing may follow in its record (§5.1) */
    enum wb_err (*begin)(struct wb_tls *tls);
    enum wb_err (*item)(struct wb_tls *tls, const uint8_t *item, size_t len);
};

#define IN(state) (1u << STATE_##state)

struct wb_tls_role {
    bool is_client;
    uint8_t first_state;
    const struct message_row *rows;         /* ends with type 0 */
    const struct extension_reader *readers; /* ends with read NULL; others are passed over */
    /* Extensions of ClientHello that are read item by item or passed over; server only. */
    enum wb_err (*begin_extension)(struct wb_tls *tls, uint16_t type, size_t len);
    enum wb_err (*check_cfg)(struct wb_tls *tls, const struct wb_tls_cfg *cfg);
    enum wb_err (*begin)(struct wb_tls *tls);
    bool (*step_flight)(struct wb_tls *tls); /* flights of this role alone; NULL: none */
    enum wb_err (*end_certificates)(struct wb_tls *tls, bool has_leaf);
    enum wb_err (*end_finished)(struct wb_tls *tls);
    void (*end_flight)(struct wb_tls *tls);
};

/* ---- states ----
 *
 *   client                                    server
 *   WAIT_SERVER_HELLO  (HelloRetryRequest     WAIT_CLIENT_HELLO
 *        | ServerHello  stays once)                | ClientHello        \ HelloRetryRequest sent
 *   WAIT_ENCRYPTED_EXTENSIONS                      |                WAIT_CLIENT_HELLO_2
 *        | EncryptedExtensions                     | ClientHello       /
 *   WAIT_CERTIFICATE_OR_REQUEST               WAIT_CLIENT_CERTIFICATE (when asked for)
 *        | CertificateRequest                      | Certificate
 *   WAIT_CERTIFICATE                          WAIT_CLIENT_VERIFY (when not empty)
 *        | Certificate                             | CertificateVerify
 *   WAIT_CERTIFICATE_VERIFY                   WAIT_CLIENT_FINISHED
 *        | CertificateVerify                       | Finished
 *   WAIT_FINISHED                             CONNECTED
 *        | Finished
 *   CONNECTED (once its own flight is sealed)   both: KeyUpdate; client: NewSessionTicket
 */
enum state {
    STATE_WAIT_SERVER_HELLO,
    STATE_WAIT_ENCRYPTED_EXTENSIONS,
    STATE_WAIT_CERTIFICATE_OR_REQUEST,
    STATE_WAIT_CERTIFICATE,
    STATE_WAIT_CERTIFICATE_VERIFY,
    STATE_WAIT_FINISHED,
    STATE_WAIT_CLIENT_HELLO,
    STATE_WAIT_CLIENT_HELLO_2,
    STATE_WAIT_CLIENT_CERTIFICATE,
    STATE_WAIT_CLIENT_VERIFY,
    STATE_WAIT_CLIENT_FINISHED,
    STATE_CONNECTED,
    STATE_COUNT
};

void tls_set_state(struct wb_tls *tls, enum state state);

/* ---- session.c: a client's resumption, behind a table so that not everybody links it ---- */

struct resumption {
    /* Writes the extensions into ClientHello; returns the length of the binders at its end. */
    size_t (*write_psk)(struct wb_tls *tls, struct wb_writer *w);
    /* Computes the binder of a ClientHello that is complete otherwise. */
    void (*fill_binder)(struct wb_tls *tls, uint8_t *message, size_t len, size_t binders_len);
    enum wb_err (*read_psk)(struct wb_tls *tls, struct wb_reader *r);
    void (*begin)(struct wb_tls *tls);
    enum wb_err (*ticket_begin)(struct wb_tls *tls);
    enum wb_err (*ticket_item)(struct wb_tls *tls, const uint8_t *item, size_t len);
    /* Where the bytes of steps STEP_SESSION_… are gathered. */
    uint8_t *(*body)(const struct wb_tls *tls, size_t *cap);
};

/* ---- engine.c ---- */

enum wb_err tls_init(struct wb_tls *tls, const struct wb_tls_cfg *cfg, const struct wb_tls_mem *mem,
                     const struct wb_tls_more *more, const struct resumption *resumption, wb_ms now,
                     wb_unix_s unix_now) WB_MUST_USE;

/* Ends the connection: fault (the first one stays), alert, event. Returns the fault's code. */
enum wb_err tls_fail_text(struct wb_tls *tls, enum wb_tls_alert alert, enum wb_err code,
                          const char *what);
enum wb_err tls_fail_code(struct wb_tls *tls, enum wb_tls_alert alert, enum wb_err code);
/* The most frequent kinds: decode_error, illegal_parameter, unexpected_message. */
enum wb_err tls_fail_decode_code(struct wb_tls *tls);
enum wb_err tls_fail_illegal_code(struct wb_tls *tls);
enum wb_err tls_fail_unexpected_code(struct wb_tls *tls);
enum wb_err tls_refuse(struct wb_tls *tls, enum wb_err code, const char *what); /* of init */
/* The handshake is complete: work memory is wiped and let go. */
void tls_connected(struct wb_tls *tls);
static inline uint8_t *tls_scratch(const struct wb_tls *tls)
{
    return (uint8_t *)(tls->work + 1);
}
/* Bytes that must outlive the items lie at the end of the scratch: a cookie, a share, a key. */
static inline uint8_t *tls_kept(const struct wb_tls *tls)
{
    return tls_scratch(tls) + tls->scratch_cap - tls->work->kept_len;
}
/* Replaces them; data may lie in the scratch. false: no room beside the item. */
bool tls_keep(struct wb_tls *tls, const void *data, size_t len);
static inline bool tls_is_client(const struct wb_tls *tls)
{
    return tls->cfg->role->is_client;
}

/* A board has no use for the sentences, nor for passing them along. */
#if defined(WB_BOARD_BUILD)
#define tls_fail(tls, alert, code, what) tls_fail_code((tls), (alert), (code))
#define tls_fail_decode(tls, what)       tls_fail_decode_code(tls)
#define tls_fail_illegal(tls, what)      tls_fail_illegal_code(tls)
#define tls_fail_unexpected(tls, what)   tls_fail_unexpected_code(tls)
#else
#define tls_fail(tls, alert, code, what) tls_fail_text((tls), (alert), (code), (what))
#define tls_fail_decode(tls, what)                                                                 \
    tls_fail_text((tls), WB_TLS_ALERT_DECODE_ERROR, WB_ERR_FORMAT, (what))
#define tls_fail_illegal(tls, what)                                                                \
    tls_fail_text((tls), WB_TLS_ALERT_ILLEGAL_PARAMETER, WB_ERR_PROTOCOL, (what))
#define tls_fail_unexpected(tls, what)                                                             \
    tls_fail_text((tls), WB_TLS_ALERT_UNEXPECTED_MESSAGE, WB_ERR_PROTOCOL, (what))
#endif

/* ---- record.c ---- */

/* A complete record lies in rx: decrypts it in place. On WB_OK, *type and the content
 * rx[5..5+*len). *is_ignored: refused early data, to be passed over. */
enum wb_err tls_record_open(struct wb_tls *tls, uint8_t *type, size_t *len,
                            bool *is_ignored) WB_MUST_USE;
/* Is this header acceptable now? */
enum wb_err tls_record_check_header(struct wb_tls *tls) WB_MUST_USE;
/* Opens a record behind the sealed ones; returns how much content it can take, 0 when it must wait
 * for emit. wanted: how much there is, so that small remainders of the buffer are not used for tiny
 * records. */
size_t tls_record_begin(struct wb_tls *tls, size_t wanted);
/* Seals the open record. */
void tls_record_end(struct wb_tls *tls, uint8_t type);
/* A whole small record at once; false when there is no room yet. */
bool tls_record_put(struct wb_tls *tls, uint8_t type, const uint8_t *content, size_t len);

/* ---- schedule.c ---- */

/* Label and context of RFC 8446 §7.1; out_len at most the hash's length. */
void tls_expand_label(const struct wb_tls *tls, const uint8_t *secret, const char *label,
                      const uint8_t *context, size_t context_len, uint8_t *out, size_t out_len);
void tls_transcript_init(struct wb_tls *tls);
void tls_transcript_update(struct wb_tls *tls, const void *data, size_t len);
void tls_transcript_digest(const struct wb_tls *tls, uint8_t *digest);
/* RFC 8446 §4.4.1: replaces ClientHello1 by a message_hash. */
void tls_transcript_restart(struct wb_tls *tls);
/* Installs a traffic secret: key, iv, sequence number 0. */
void tls_keys_set(const struct wb_tls *tls, struct wb_tls_keys *keys, const uint8_t *secret);
/* KeyUpdate of one direction. */
void tls_keys_update(const struct wb_tls *tls, struct wb_tls_keys *keys);
/* The binder (§4.2.11.2) of a PSK in work->secret over a transcript digest. */
void tls_psk_binder(const struct wb_tls *tls, const uint8_t *psk, const uint8_t *digest,
                    uint8_t *mac);
/* After ServerHello (resumed: the PSK lies in work->secret): handshake keys in both directions,
 * then the master secret. */
void tls_schedule_handshake(struct wb_tls *tls, const uint8_t *shared_secret, size_t len);
/* After the server's Finished: the server's direction at once, the client's into
 * work->client_secret. */
void tls_schedule_application(struct wb_tls *tls);
/* verify_data over a transcript digest (§4.4.4). */
void tls_finished_mac(const struct wb_tls *tls, const uint8_t *traffic_secret,
                      const uint8_t *digest, uint8_t *mac);

/* ---- messages_in.c ---- */

/* Handshake bytes of one record's content. */
enum wb_err tls_messages_feed(struct wb_tls *tls, const uint8_t *data, size_t len) WB_MUST_USE;

#define STEP_DONE 0xffu
/* A client's ticket is gathered in its session, not in the scratch. */
enum { STEP_SESSION_NONCE = 0xe0, STEP_SESSION_TICKET };

/* The parser takes messages item by item. An item handler gets the item it asked for, and asks for
 * the next: */
enum wb_err tls_want(struct wb_tls *tls, size_t len, uint8_t step); /* len bytes, contiguous */
enum wb_err tls_want_more(struct wb_tls *tls, size_t len,
                          uint8_t step); /* the same, behind this item */
enum wb_err tls_skip(struct wb_tls *tls, size_t len,
                     uint8_t step);       /* pass over; then an empty item */
enum wb_err tls_done(struct wb_tls *tls); /* the message must end here */

/* ---- extensions.c ---- */

enum extension_message { /* where an extension stands, RFC 8446 §4.2 */
                         IN_CLIENT_HELLO = 1,
                         IN_SERVER_HELLO = 2,
                         IN_HELLO_RETRY = 4,
                         IN_ENCRYPTED_EXTENSIONS = 8,
                         IN_CERTIFICATE = 16,
                         IN_CERTIFICATE_REQUEST = 32,
};

/* Begins a list of `len` bytes of extensions; items with steps STEP_EXT_* go to
 * tls_extensions_item, which asks for `after` when the list is over. */
enum { STEP_EXT_HEADER = 0xf0, STEP_EXT_BODY, STEP_EXT_NEXT, STEP_EXT_END };
enum wb_err tls_extensions_begin(struct wb_tls *tls, enum extension_message where, size_t len);
enum wb_err tls_extensions_item(struct wb_tls *tls, const uint8_t *item, size_t len);
/* Behind the body of an extension: the next one, or the end. */
enum wb_err tls_extensions_next(struct wb_tls *tls);
bool tls_extension_seen(const struct wb_tls *tls, uint16_t type);

/* Readers of extensions that both roles read. */
enum wb_err tls_read_schemes(struct wb_tls *tls, struct wb_reader *r);
enum wb_err tls_read_record_size_limit(struct wb_tls *tls, struct wb_reader *r);

/* ---- incoming messages: begin (its header came) and item ---- */

enum wb_err tls_certificate_begin(struct wb_tls *tls);
enum wb_err tls_certificate_item(struct wb_tls *tls, const uint8_t *item, size_t len);
enum wb_err tls_verify_begin(struct wb_tls *tls);
enum wb_err tls_verify_item(struct wb_tls *tls, const uint8_t *item, size_t len);
enum wb_err tls_finished_begin(struct wb_tls *tls);
enum wb_err tls_finished_item(struct wb_tls *tls, const uint8_t *item, size_t len);
enum wb_err tls_key_update_begin(struct wb_tls *tls);
enum wb_err tls_key_update_item(struct wb_tls *tls, const uint8_t *item, size_t len);

/* ---- outgoing ---- */

enum flight {
    FLIGHT_NONE,
    FLIGHT_CERTIFICATE,
    FLIGHT_CERTIFICATE_HEAD,
    FLIGHT_CERTIFICATE_DATA,
    FLIGHT_CERTIFICATE_TAIL,
    FLIGHT_CERTIFICATE_VERIFY,
    FLIGHT_FINISHED,
    FLIGHT_END,
    FLIGHT_ROLE, /* from here on the server's own: role->step_flight */
    FLIGHT_HELLO_RETRY = FLIGHT_ROLE,
    FLIGHT_SERVER_HELLO,
    FLIGHT_HELLO_END,
    FLIGHT_ENCRYPTED_EXTENSIONS,
    FLIGHT_CERTIFICATE_REQUEST,
    FLIGHT_TICKET,
    FLIGHT_TICKET_END,
};

/* Moves whatever waits into the send buffer as far as there is room: flights, KeyUpdate, alerts. */
void tls_pump(struct wb_tls *tls);
/* The part of a message that goes next; hashed here. It must stay until it is sent. */
void tls_set_run(struct wb_tls *tls, const void *data, size_t len, enum flight next);

/* Builds ServerHello; the client's share is kept, the secret afterwards. */
enum wb_err tls_server_hello_write(struct wb_tls *tls, struct wb_writer *w) WB_MUST_USE;

/* What CertificateVerify signs (§4.4.3): 64 spaces, context, 0, digest. Returns its length. */
#define VERIFY_CONTENT_MAX (64u + 33u + 1u + 48u)
size_t tls_verify_content(const struct wb_tls *tls, bool is_by_server, const uint8_t *digest,
                          uint8_t out[VERIFY_CONTENT_MAX]);

#endif
