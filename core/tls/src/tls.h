/* SPDX-License-Identifier: AGPL-3.0-only */
/* tls.h: what the sources of the TLS engine share. Read in this order: engine.c (the calls),
 * record.c, schedule.c (keys), messages_in.c (streaming parser and state table), extensions.c,
 * hello_client.c, hello_server.c, authentication.c, flight.c (outgoing messages). */
#ifndef WB_TLS_PRIVATE_H
#define WB_TLS_PRIVATE_H

#include <string.h>

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

/* ---- engine.c ---- */

/* Ends the connection: fault (the first one stays), alert, event. Returns the fault's code. */
enum wb_err tls_fail(struct wb_tls *tls, enum wb_tls_alert alert, enum wb_err code,
                     const char *what);
/* The most frequent kinds. */
enum wb_err tls_fail_decode(struct wb_tls *tls, const char *what);  /* decode_error */
enum wb_err tls_fail_illegal(struct wb_tls *tls, const char *what); /* illegal_parameter */
/* The handshake is complete: work memory is wiped and let go. */
void tls_connected(struct wb_tls *tls);
static inline uint8_t *tls_scratch(const struct wb_tls *tls)
{
    return (uint8_t *)(tls->work + 1);
}
static inline bool tls_is_client(const struct wb_tls *tls)
{
    return tls->cfg->role == WB_TLS_CLIENT;
}

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
/* After ServerHello: handshake keys in both directions, then the master secret. */
void tls_schedule_handshake(struct wb_tls *tls, const uint8_t shared_secret[32]);
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
bool tls_extension_seen(const struct wb_tls *tls, uint16_t type);

/* Readers of single extensions, by who reads them. */
enum wb_err tls_server_read_server_name(struct wb_tls *tls, struct wb_reader *r);
enum wb_err tls_server_read_groups(struct wb_tls *tls, struct wb_reader *r);
enum wb_err tls_server_read_alpn(struct wb_tls *tls, struct wb_reader *r);
enum wb_err tls_server_read_versions(struct wb_tls *tls, struct wb_reader *r);
enum wb_err tls_server_read_key_share(struct wb_tls *tls, struct wb_reader *r);
enum wb_err tls_client_read_server_name(struct wb_tls *tls, struct wb_reader *r);
enum wb_err tls_client_read_alpn(struct wb_tls *tls, struct wb_reader *r);
enum wb_err tls_client_read_version(struct wb_tls *tls, struct wb_reader *r);
enum wb_err tls_client_read_key_share(struct wb_tls *tls, struct wb_reader *r);
enum wb_err tls_client_read_cookie(struct wb_tls *tls, struct wb_reader *r);
enum wb_err tls_read_schemes(struct wb_tls *tls, struct wb_reader *r);
enum wb_err tls_read_record_size_limit(struct wb_tls *tls, struct wb_reader *r);

/* ---- incoming messages: begin (its header came) and item ---- */

enum wb_err tls_server_hello_begin(struct wb_tls *tls);
enum wb_err tls_server_hello_item(struct wb_tls *tls, const uint8_t *item, size_t len);
enum wb_err tls_encrypted_extensions_begin(struct wb_tls *tls);
enum wb_err tls_encrypted_extensions_item(struct wb_tls *tls, const uint8_t *item, size_t len);
enum wb_err tls_certificate_request_begin(struct wb_tls *tls);
enum wb_err tls_certificate_request_item(struct wb_tls *tls, const uint8_t *item, size_t len);
enum wb_err tls_client_hello_begin(struct wb_tls *tls);
enum wb_err tls_client_hello_item(struct wb_tls *tls, const uint8_t *item, size_t len);
enum wb_err tls_certificate_begin(struct wb_tls *tls);
enum wb_err tls_certificate_item(struct wb_tls *tls, const uint8_t *item, size_t len);
enum wb_err tls_verify_begin(struct wb_tls *tls);
enum wb_err tls_verify_item(struct wb_tls *tls, const uint8_t *item, size_t len);
enum wb_err tls_finished_begin(struct wb_tls *tls);
enum wb_err tls_finished_item(struct wb_tls *tls, const uint8_t *item, size_t len);

/* ---- outgoing ---- */

enum flight {
    FLIGHT_NONE,
    FLIGHT_HELLO_RETRY,
    FLIGHT_SERVER_HELLO,
    FLIGHT_ENCRYPTED_EXTENSIONS,
    FLIGHT_CERTIFICATE_REQUEST,
    FLIGHT_CERTIFICATE,
    FLIGHT_CERTIFICATE_HEAD,
    FLIGHT_CERTIFICATE_DATA,
    FLIGHT_CERTIFICATE_TAIL,
    FLIGHT_CERTIFICATE_VERIFY,
    FLIGHT_FINISHED,
    FLIGHT_END,
};

/* Moves whatever waits into the send buffer as far as there is room: flights, KeyUpdate, alerts. */
void tls_pump(struct wb_tls *tls);
/* ClientHello goes into the send buffer whole, and stays there until its hash is known. */
enum wb_err tls_client_hello_write(struct wb_tls *tls) WB_MUST_USE;

/* Messages built in the scratch; each returns its length with the 4-byte header. */
size_t tls_server_hello_write(struct wb_tls *tls, struct wb_writer *w);
size_t tls_hello_retry_write(struct wb_tls *tls, struct wb_writer *w);
size_t tls_encrypted_extensions_write(struct wb_tls *tls, struct wb_writer *w);
size_t tls_certificate_request_write(struct wb_tls *tls, struct wb_writer *w);

/* What CertificateVerify signs (§4.4.3): 64 spaces, context, 0, digest. Returns its length. */
#define VERIFY_CONTENT_MAX (64u + 33u + 1u + 48u)
size_t tls_verify_content(const struct wb_tls *tls, bool is_by_server, const uint8_t *digest,
                          uint8_t out[VERIFY_CONTENT_MAX]);

#endif
