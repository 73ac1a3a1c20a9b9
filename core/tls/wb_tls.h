/* SPDX-License-Identifier: AGPL-3.0-only */
/* wb_tls.h: TLS 1.3 (RFC 8446), client and server, as an engine without I/O.
 * Shape    bytes from the peer through feed/read, bytes to the peer through write/emit, events
 * through next Limits   records up to 2^14 bytes; RFC 8449 record_size_limit from 64 follows from
 * the receive buffer; certificates up to the work memory's length; one ALPN name up to 32 bytes
 * Memory   no heap, no globals; about 0.5 KB a connection, buffers and work memory are the caller's
 * Errors   sticky: after the first, feed and write return it; event FAILED carries alert and fault
 * Threads  engines share nothing that changes; one engine belongs to one thread
 * Source   RFC 8446, RFC 8449 (record_size_limit), RFC 7301 (ALPN), RFC 6066 §3 (server_name)
 *
 * A connection, in the order of its calls (every call except init may come at any time):
 *
 *     wb_tls_init(&tls, &cfg, &mem, now, unix_now);
 *     loop: wb_tls_feed(&tls, now, bytes, len, &used);     keep what was not used, offer it again
 * later while (wb_tls_next(&tls, &event)) … while (wb_tls_read(&tls, &data, &n)) { …
 * wb_tls_read_done(&tls, n); } wb_tls_write(&tls, data, len, &taken);         after event CONNECTED
 *           n = wb_tls_emit(&tls, now, buf, cap);          to the peer, until it returns 0
 *           wb_tls_tick(&tls, now) at wb_tls_due(&tls)
 *     wb_tls_close(&tls); emit until 0; wb_tls_deinit(&tls);
 *
 * Back-pressure: feed takes one record's worth of application data and nothing more until it was
 * read and marked done; it takes nothing while its own handshake flight waits to be emitted. A call
 * of feed that returns WB_OK with used < len therefore means: read, emit, and offer the rest again.
 */
#ifndef WB_TLS_H
#define WB_TLS_H

#include "wb_base.h"
#include "wb_crypto.h"
#include "wb_x509.h"

/* ---- alerts (RFC 8446 §6) ---- */

#define WB_TLS_ALERT_LIST(X)                                                                       \
    X(CLOSE_NOTIFY, 0, "close_notify")                                                             \
    X(UNEXPECTED_MESSAGE, 10, "unexpected_message")                                                \
    X(BAD_RECORD_MAC, 20, "bad_record_mac")                                                        \
    X(RECORD_OVERFLOW, 22, "record_overflow")                                                      \
    X(HANDSHAKE_FAILURE, 40, "handshake_failure")                                                  \
    X(BAD_CERTIFICATE, 42, "bad_certificate")                                                      \
    X(UNSUPPORTED_CERTIFICATE, 43, "unsupported_certificate")                                      \
    X(CERTIFICATE_REVOKED, 44, "certificate_revoked")                                              \
    X(CERTIFICATE_EXPIRED, 45, "certificate_expired")                                              \
    X(CERTIFICATE_UNKNOWN, 46, "certificate_unknown")                                              \
    X(ILLEGAL_PARAMETER, 47, "illegal_parameter")                                                  \
    X(UNKNOWN_CA, 48, "unknown_ca")                                                                \
    X(ACCESS_DENIED, 49, "access_denied")                                                          \
    X(DECODE_ERROR, 50, "decode_error")                                                            \
    X(DECRYPT_ERROR, 51, "decrypt_error")                                                          \
    X(PROTOCOL_VERSION, 70, "protocol_version")                                                    \
    X(INSUFFICIENT_SECURITY, 71, "insufficient_security")                                          \
    X(INTERNAL_ERROR, 80, "internal_error")                                                        \
    X(INAPPROPRIATE_FALLBACK, 86, "inappropriate_fallback")                                        \
    X(USER_CANCELED, 90, "user_canceled")                                                          \
    X(MISSING_EXTENSION, 109, "missing_extension")                                                 \
    X(UNSUPPORTED_EXTENSION, 110, "unsupported_extension")                                         \
    X(UNRECOGNIZED_NAME, 112, "unrecognized_name")                                                 \
    X(BAD_CERTIFICATE_STATUS_RESPONSE, 113, "bad_certificate_status_response")                     \
    X(UNKNOWN_PSK_IDENTITY, 115, "unknown_psk_identity")                                           \
    X(CERTIFICATE_REQUIRED, 116, "certificate_required")                                           \
    X(NO_APPLICATION_PROTOCOL, 120, "no_application_protocol")

enum wb_tls_alert {
#define WB_TLS_ALERT_ENUM(name, number, text) WB_TLS_ALERT_##name = number,
    WB_TLS_ALERT_LIST(WB_TLS_ALERT_ENUM)
#undef WB_TLS_ALERT_ENUM
};

/* The RFC's name of an alert; "unknown alert" for other numbers, never NULL. */
const char *wb_tls_alert_str(enum wb_tls_alert alert);

/* ---- code points that are offered (RFC 8446 §B.4, §4.2.7, §4.2.3) ---- */

#define WB_TLS_AES_128_GCM_SHA256       0x1301u
#define WB_TLS_AES_256_GCM_SHA384       0x1302u
#define WB_TLS_CHACHA20_POLY1305_SHA256 0x1303u
#define WB_TLS_GROUP_X25519             0x001du
#define WB_TLS_GROUP_SECP256R1          0x0017u
#define WB_TLS_GROUP_X25519MLKEM768     0x11ecu
#define WB_TLS_SIGNATURE_ED25519        0x0807u /* further schemes: WB_X509_… in wb_x509.h */

/* ---- crypto provider ---- */

/* Storage of a provider's running hash; copying it forks the computation. */
struct wb_tls_hash {
    uint64_t space[27];
};

#define WB_TLS_GROUP_RANDOM_MAX 48u
#define WB_TLS_GROUP_SECRET_MAX 64u

/* A key exchange. Each side draws random_len random bytes, which are its private key; shares have
 * fixed lengths. Failing functions: WB_ERR_KEY (the peer's share is unusable), nothing written. */
struct wb_tls_group {
    uint16_t id;
    uint16_t random_len; /* at most WB_TLS_GROUP_RANDOM_MAX */
    uint16_t client_share_len;
    uint16_t server_share_len;
    uint16_t secret_len; /* at most WB_TLS_GROUP_SECRET_MAX */
    /* Client: the share it sends. */
    enum wb_err (*share)(uint8_t *share, const uint8_t *random);
    /* Server: its own share and the secret, from the client's share. */
    enum wb_err (*answer)(uint8_t *share, uint8_t *secret, const uint8_t *random,
                          const uint8_t *client_share);
    /* Client: the secret, from the server's share. */
    enum wb_err (*agree)(uint8_t *secret, const uint8_t *random, const uint8_t *server_share);
};

/* Made of core/crypto; a program links those that it names. */
extern const struct wb_tls_group wb_tls_x25519;
extern const struct wb_tls_group wb_tls_secp256r1;
extern const struct wb_tls_group wb_tls_x25519mlkem768; /* 8 KB of stack: for hosts */

/* The primitives that a connection uses; meanings as in wb_crypto.h. One constant table a provider.
 * Groups and algorithms that a list lacks are neither offered nor accepted. */
struct wb_tls_crypto {
    const char *name;
    void (*hash_init)(struct wb_tls_hash *hash, enum wb_hash_id id);
    void (*hash_update)(struct wb_tls_hash *hash, const void *data, size_t len);
    void (*hash_final)(struct wb_tls_hash *hash, uint8_t *digest);
    void (*hmac)(enum wb_hash_id id, const void *key, size_t key_len, const struct wb_bytes *pieces,
                 size_t piece_count, uint8_t *mac);
    void (*aead_encrypt)(enum wb_aead_id id, const uint8_t *key, const uint8_t nonce[12],
                         const void *ad, size_t ad_len, uint8_t *text, size_t len, uint8_t tag[16]);
    enum wb_err (*aead_decrypt)(enum wb_aead_id id, const uint8_t *key, const uint8_t nonce[12],
                                const void *ad, size_t ad_len, uint8_t *text, size_t len,
                                const uint8_t tag[16]);
    const struct wb_tls_group *const *groups; /* in order of preference, NULL behind the last */
    const struct wb_x509_algorithm *const *algorithms; /* likewise: keys and signatures */
};

/* Providers made of core/crypto: portable, constant-time. core: X25519 and secp256r1; Ed25519,
 * ECDSA P-256, RSA verification. small, for boards: X25519 and Ed25519. (A program with further
 * groups copies core and names its own lists.) */
extern const struct wb_tls_crypto wb_tls_crypto_core;
extern const struct wb_tls_crypto wb_tls_crypto_small;

/* ---- configuration ---- */

/* A role is a table of code, so that a program which is a client only links no server. */
struct wb_tls_role;
extern const struct wb_tls_role wb_tls_role_client;
extern const struct wb_tls_role wb_tls_role_server;
#define WB_TLS_CLIENT (&wb_tls_role_client)
#define WB_TLS_SERVER (&wb_tls_role_server)

#define WB_TLS_SIGNATURE_MAX WB_X509_SIGNATURE_MAX

/* Who we are: a chain and its private key. */
struct wb_tls_credential {
    const struct wb_bytes *chain; /* certificates in DER, leaf first; kept */
    size_t chain_count;
    const uint8_t *private_key; /* 32 bytes; kept; NULL when sign is given */
    uint8_t public_key[32];     /* of the leaf, Ed25519 only */
    uint8_t key_type;           /* of the leaf, enum wb_x509_key_type; WB_X509_KEY_NONE: Ed25519 */
    /* Signs with a key that lies elsewhere (secure element, other process, another library's RSA);
     * NULL: private_key signs. scheme is one of the key's that the peer accepts. */
    enum wb_err (*sign)(void *ctx, uint16_t scheme, const void *message, size_t len,
                        uint8_t signature[WB_TLS_SIGNATURE_MAX], size_t *signature_len);
    void *ctx;
    const struct wb_tls_credential *next; /* for peers that take no signatures of this one; NULL */
};

/* Fills a credential with an Ed25519 key and proves that the key belongs to the leaf. chain and
 * private_key are kept. Outcomes: WB_ERR_KEY (key of another certificate), WB_ERR_UNSUPPORTED,
 * WB_ERR_FORMAT, with the fault (may be NULL) saying what; where = {index in the chain, offset}. */
enum wb_err wb_tls_credential_init(struct wb_tls_credential *credential,
                                   const struct wb_bytes *chain, size_t chain_count,
                                   const uint8_t private_key[32],
                                   struct wb_fault *fault) WB_MUST_USE;
/* The same for a key of any algorithm in the list that signs; the leaf says which. */
enum wb_err wb_tls_credential_init_with(struct wb_tls_credential *credential,
                                        const struct wb_x509_algorithm *const *algorithms,
                                        const struct wb_bytes *chain, size_t chain_count,
                                        const uint8_t private_key[32],
                                        struct wb_fault *fault) WB_MUST_USE;
/* The same for a key that signs elsewhere; that it belongs to the leaf is the caller's promise. */
enum wb_err wb_tls_credential_init_sign(
    struct wb_tls_credential *credential, const struct wb_bytes *chain, size_t chain_count,
    enum wb_err (*sign)(void *ctx, uint16_t scheme, const void *message, size_t len,
                        uint8_t signature[WB_TLS_SIGNATURE_MAX], size_t *signature_len),
    void *ctx, struct wb_fault *fault) WB_MUST_USE;

/* Keys that seal tickets. A server makes a new `current` every few hours, keeps the old one as
 * `previous` for the tickets that are out, and throws all away when it changes whom it trusts. */
struct wb_tls_ticket_keys {
    struct wb_tls_ticket_key {
        uint8_t id[4]; /* random; tells the two apart */
        uint8_t key[32];
    } current, previous;
    bool has_previous;
    uint32_t lifetime_s; /* at most 604800 (RFC 8446 §4.6.1); 0: no tickets */
};

/* What connections have in common. Kept by every engine until its deinit, shared among any number
 * of them; must not change while kept, except that `credential` may be pointed to a new one for new
 * connections (the old one must live until the handshakes that began with it are over). Zero is a
 * usable default everywhere unless said otherwise. */
struct wb_tls_cfg {
    const struct wb_tls_role *role;     /* required: WB_TLS_CLIENT or WB_TLS_SERVER */
    const struct wb_tls_crypto *crypto; /* required */
    enum wb_err (*random)(void *ctx, void *out,
                          size_t len); /* required; WB_ERR_ENTROPY fails init */
    void *random_ctx;
    const struct wb_tls_credential
        *credential;                      /* required for servers; clients: NULL presents none */
    const struct wb_x509_anchor *anchors; /* whom we trust to issue the peer's certificate */
    size_t anchor_count;                  /* clients need at least one */
    const char *server_name;              /* clients, required: DNS name (sent as server_name) or IP
                                           * address text (not sent), which the certificate must carry */
    bool request_client_certificate;      /* servers: ask; a client without one is still accepted */
    bool require_client_certificate; /* servers: ask; without one: alert certificate_required */
    bool accept_self_issued;         /* servers: take a self-signed certificate, too, whose key
                                      * then is all that is known (wb_tls_peer.is_self_issued) */
    bool empty_key_share;            /* clients: let the server ask for the group (one more
                                      * round trip; for tests and for servers that insist) */
    bool alpn_required;              /* fail with no_application_protocol when none was agreed */
    const char *const *alpn;         /* names in order of preference; NULL: no ALPN */
    size_t alpn_count;               /* at most 8 */
    const uint16_t *suites; /* suites to offer or accept, in order; NULL: ChaCha20-Poly1305,
                             * AES-256-GCM, AES-128-GCM. Servers take the client's first */
    size_t suite_count;
    uint16_t
        record_size_limit;         /* largest record plaintext we accept (RFC 8449, counts the
                                    * type byte), 64..16385; 0: as large as the receive buffer allows */
    uint32_t handshake_timeout_ms; /* from init until connected; 0: never */
    const uint16_t *groups; /* groups to offer or accept, in order; NULL: the provider's. A client
                             * sends a share for the first */
    size_t group_count;
    wb_x509_verify_fn verify; /* how certificates are judged; NULL: wb_x509_verify, the anchors
                               * sign leaves themselves. Hosts: wb_x509_verify_path */
    const struct wb_x509_crl *crls; /* needs verify = wb_x509_verify_path */
    size_t crl_count;
    bool send_authorities; /* servers: name the anchors' subjects in CertificateRequest */
    const struct wb_tls_ticket_keys *tickets; /* servers: NULL issues and takes no tickets. Needs
                                               * unix_now. May change between calls */
    /* Servers: a ticket is about to be taken; id is unique, `until` the end of its life. false:
     * it was used before (single use), the handshake is a full one. NULL: tickets may be reused. */
    bool (*ticket_use)(void *ctx, const uint8_t id[16], wb_unix_s until);
    void *ticket_ctx;
};

/* Memory of one connection. */
struct wb_tls_mem {
    uint8_t *rx;   /* received record, decrypted in place; kept until deinit */
    size_t rx_cap; /* WB_TLS_RX_CAP(limit): records of that plaintext; peers without RFC 8449
                    * (OpenSSL) need WB_TLS_RX_CAP_FULL; at least WB_TLS_RX_CAP(128), for a
                    * ServerHello comes before limits */
    uint8_t *tx;   /* sealed records that wait for emit; kept until deinit */
    size_t tx_cap; /* WB_TLS_TX_CAP(data); at least WB_TLS_TX_CAP_MIN, and a client's whole
                    * ClientHello: 160 bytes + server name + ALPN names */
    void *work; /* handshake state and the peer's certificate, 8-aligned; kept until event CONNECTED
                 * or FAILED was returned by next, free for other use afterwards (wiped) */
    size_t work_cap; /* WB_TLS_WORK_CAP(longest certificate in DER, 448 for the platform's own; with
                      * intermediates: all of them) */
};

/* What some connections have besides. Zero is the default. */
struct wb_tls_more {
    /* Clients that resume: here lies the session to be offered (session_len bytes, 0: none), and
     * here the next one is stored when the server gives a ticket: wb_tls_session. Between init and
     * deinit the engine uses it, and it holds secrets. NULL: no resumption. */
    uint8_t *session; /* kept until deinit */
    size_t session_cap;
    size_t session_len;
    uint8_t *exporter_secret; /* WB_TLS_EXPORTER_LEN bytes, for wb_tls_export; kept; NULL: none */
};

#define WB_TLS_SESSION_CAP  256u /* for our own servers' tickets */
#define WB_TLS_EXPORTER_LEN 48u

#define WB_TLS_RX_CAP(plaintext) (5u + (plaintext) + 16u)
#define WB_TLS_RX_CAP_FULL       (5u + 16384u + 256u)
#define WB_TLS_TX_CAP(data)      (5u + (data) + 1u + 16u)
#define WB_TLS_TX_CAP_MIN        160u
#define WB_TLS_WORK_CAP(cert)    (sizeof(struct wb_tls_work) + (cert))
#define WB_TLS_CERT_CAP_MIN      256u

/* ---- what is known about the peer ---- */

#define WB_TLS_NAME_MAX 64u

struct wb_tls_peer {
    char common_name[WB_TLS_NAME_MAX + 1]; /* subject CN of its certificate, "" when it has none */
    bool is_self_issued;     /* nobody we trust vouches for it: compare public_key yourself */
    uint8_t key_type;        /* enum wb_x509_key_type */
    uint8_t public_key[32];  /* Ed25519: the key; others: SHA-256 of its SubjectPublicKeyInfo */
    uint8_t fingerprint[32]; /* SHA-256 of its certificate in DER */
    wb_unix_s not_after;     /* end of the certificate's validity */
};

/* ---- engine state: fields are private ---- */

struct wb_tls_keys { /* one direction */
    uint8_t traffic_secret[48];
    uint8_t key[32];
    uint8_t iv[12];
    uint64_t sequence;
};

/* State that only the handshake needs; lies at the start of wb_tls_mem.work. */
struct wb_tls_work {
    struct wb_tls_hash transcript;
    uint8_t random[32]; /* client: of its ClientHello; server: session id to be echoed */
    uint8_t share_private_key[WB_TLS_GROUP_RANDOM_MAX];
    uint8_t secret[48];        /* master secret */
    uint8_t client_secret[48]; /* client_application_traffic_secret_0 until its Finished */
    uint8_t digest[48];        /* transcript hash before CertificateVerify or Finished */
    const struct wb_tls_credential *credential;
    const uint8_t *run; /* outgoing message: bytes that go next */
    wb_unix_s unix_now;
    wb_unix_s ticket_until; /* server: end of the offered ticket's life */
    uint32_t run_left;
    uint32_t list_left; /* incoming: bytes left of extensions or certificates */
    uint32_t certs_left;
    uint32_t seen; /* extensions seen in this message, bits as in the extension table */
    uint16_t ext_type;
    uint16_t kept_len; /* bytes at the end of the scratch: cookie, share or key */
    uint16_t schemes;  /* the peer accepts, bits in the order of ours */
    uint16_t scheme;   /* of a CertificateVerify */
    uint16_t groups;   /* server: the client's groups and shares, bits by index */
    uint16_t shares;
    uint8_t ext_message;
    uint8_t session_id_len;
    uint8_t psk_count;  /* server: identities in pre_shared_key */
    uint8_t psk_index;  /* server: the chosen one + 1, 0: none */
    uint8_t cert_index; /* outgoing: certificate of our chain */
    bool is_transcript_on, is_hello_prefix, is_leaf_seen, has_share, has_version, has_group,
        is_hello_retried, is_certificate_requested, has_peer_certificate, is_name_sent,
        is_name_acked, is_compression_null, is_suite_changed, is_psk_offered, has_psk_mode,
        is_peer_known;
    /* behind it: scratch for items of messages, WB_TLS_WORK_CAP's certificate bytes */
};

struct wb_tls {
    const struct wb_tls_cfg *cfg;
    struct wb_tls_work *work; /* NULL once connected or failed */
    uint32_t scratch_cap;
    uint8_t *rx;
    uint32_t rx_cap;
    uint32_t rx_have;
    uint32_t data_at;
    uint32_t data_left;
    uint8_t *tx;
    uint32_t tx_cap;
    uint32_t tx_at; /* sealed records wait in tx[tx_at..tx_len) */
    uint32_t tx_len;
    uint32_t tx_fill; /* content of the record that is being filled behind them */
    uint32_t tx_room; /* what it can take in all */
    const struct resumption *resumption; /* client: NULL: none */
    uint8_t *session;                    /* client: offered, then received; NULL: none */
    uint8_t *exporter_secret;
    struct wb_tls_keys in;
    struct wb_tls_keys out;
    wb_ms deadline;
    struct wb_fault fault;
    uint32_t message_left; /* bytes of the incoming message's body */
    uint32_t item_want;
    uint32_t item_have;
    uint32_t skip_left;
    uint32_t early_left; /* server: bytes of refused early data that are still passed over */
    uint16_t session_cap;
    uint16_t session_len; /* of the ticket's session, 0: none yet */
    uint16_t limit_in;    /* largest plaintext we accept, with its type byte */
    uint16_t limit_out;   /* largest content the peer accepts, without its type byte */
    uint8_t suite;        /* row of the suite table + 1; 0: none yet */
    uint8_t group;        /* index among the groups of cfg */
    uint8_t state;
    uint8_t step;
    uint8_t flight;
    uint8_t header_have;
    uint8_t header[4]; /* of the incoming handshake message */
    uint8_t small[4];  /* its items after the handshake */
    uint8_t alpn;      /* row of cfg->alpn + 1; 0: none */
    uint8_t alert;
    uint8_t idle_count; /* records in a row that brought nothing */
    bool is_encrypted_in, is_encrypted_out, is_record_open, is_hello_held, is_limit_agreed,
        is_alert_due, is_alert_received, is_close_due, is_close_sent, is_peer_closed, is_connected,
        is_failed, has_group, is_resumed, is_key_update_due, is_key_update_asked,
        is_event_connected, is_event_closed, is_event_failed, has_peer;
    struct wb_tls_peer peer;
};

/* ---- calls ---- */

/* Begins a connection; cfg and mem's buffers are kept, mem itself is copied. unix_now: wall time
 * for the validity of certificates, 0 when unknown (validity is then not checked). Outcomes:
 * WB_ERR_SPACE (a buffer is below its least size), WB_ERR_VALUE (cfg incomplete or out of range),
 * WB_ERR_ENTROPY. tls->fault says which. A client has something to emit afterwards. */
enum wb_err wb_tls_init(struct wb_tls *tls, const struct wb_tls_cfg *cfg,
                        const struct wb_tls_mem *mem, wb_ms now, wb_unix_s unix_now) WB_MUST_USE;

/* The same with resumption or exporters; more (copied) may be NULL. */
enum wb_err wb_tls_init_with(struct wb_tls *tls, const struct wb_tls_cfg *cfg,
                             const struct wb_tls_mem *mem, const struct wb_tls_more *more,
                             wb_ms now, wb_unix_s unix_now) WB_MUST_USE;

/* Wipes all keys; the engine is unusable until the next init. */
void wb_tls_deinit(struct wb_tls *tls);

/* Takes bytes that came from the peer; *used says how many (see Back-pressure above), also on
 * failure. Outcomes: the connection's error (sticky; the event FAILED comes, an alert may wait to
 * be emitted). */
enum wb_err wb_tls_feed(struct wb_tls *tls, wb_ms now, const void *bytes, size_t len,
                        size_t *used) WB_MUST_USE;

/* Tells the engine that the transport ended. Without a close_notify before, that is a truncation:
 * Outcomes: WB_ERR_CLOSED (event FAILED). */
enum wb_err wb_tls_feed_end(struct wb_tls *tls) WB_MUST_USE;

/* Copies bytes for the peer into buf; 0 when nothing waits. Goes on after failure, for the alert.
 */
size_t wb_tls_emit(struct wb_tls *tls, wb_ms now, void *buf, size_t cap);
/* Something waits for emit. */
bool wb_tls_wants_emit(const struct wb_tls *tls);
/* feed would take bytes now. */
bool wb_tls_wants_feed(const struct wb_tls *tls);

/* Seals application data into the send buffer, in records no larger than the peer accepts; *taken
 * says how much, 0 while the buffer is full or the handshake runs. Outcomes: WB_ERR_CLOSED after
 * wb_tls_close, the connection's error after it failed. */
enum wb_err wb_tls_write(struct wb_tls *tls, const void *data, size_t len,
                         size_t *taken) WB_MUST_USE;
/* How many bytes of application data wb_tls_write would take now. */
size_t wb_tls_write_room(const struct wb_tls *tls);

/* Application data that waits, in place; valid until read_done or deinit. false: none. */
bool wb_tls_read(const struct wb_tls *tls, const uint8_t **data, size_t *len);
/* Marks the first n of those bytes as consumed. */
void wb_tls_read_done(struct wb_tls *tls, size_t n);

enum wb_tls_event_type {
    WB_TLS_EVENT_CONNECTED,   /* handshake done, peer authenticated as cfg asks; work memory is free
                                 again */
    WB_TLS_EVENT_PEER_CLOSED, /* close_notify came: no more data follows; we may still write */
    WB_TLS_EVENT_FAILED, /* the connection is over; emit may still hold an alert; work memory is
                            free */
};

struct wb_tls_event {
    enum wb_tls_event_type type;
    enum wb_tls_alert alert;      /* FAILED: the alert sent or received */
    bool is_alert_received;       /* FAILED: the peer sent it */
    const struct wb_fault *fault; /* FAILED: error and text; borrows from the engine until deinit */
};

/* The next event in order; false when there is none. PEER_CLOSED comes after the data before it was
 * read. */
bool wb_tls_next(struct wb_tls *tls, struct wb_tls_event *event);

/* Sends close_notify; nothing can be written afterwards, reading goes on until the peer closes,
 * too. During the handshake: ends it (user_canceled). Harmless when repeated. */
void wb_tls_close(struct wb_tls *tls);

/* Ends a connection with an alert of the caller's choice (access_denied for a device that is not
 * approved). */
void wb_tls_abort(struct wb_tls *tls, enum wb_tls_alert alert, enum wb_err err, const char *what);

/* Renews our sending keys (RFC 8446 §4.6.3); is_peer_asked: the peer shall renew its own, too.
 * Outcomes: WB_ERR_STATE unless connected. It also happens by itself before a key is worn out. */
enum wb_err wb_tls_key_update(struct wb_tls *tls, bool is_peer_asked) WB_MUST_USE;

/* The handshake's deadline: tick fails the connection with WB_ERR_TIMEOUT once it has passed. */
void wb_tls_tick(struct wb_tls *tls, wb_ms now);
wb_ms wb_tls_due(const struct wb_tls *tls);

bool wb_tls_is_connected(const struct wb_tls *tls);
/* Nothing more will happen: failed or closed on both sides, and all is emitted. */
bool wb_tls_is_done(const struct wb_tls *tls);

/* The authenticated peer; NULL before CONNECTED or when it presented no certificate. */
const struct wb_tls_peer *wb_tls_peer(const struct wb_tls *tls);
/* The agreed application protocol (one of cfg->alpn); NULL when none. */
const char *wb_tls_alpn(const struct wb_tls *tls);
/* Code point of the agreed cipher suite, 0 before. */
uint16_t wb_tls_suite(const struct wb_tls *tls);
/* Code point of the group that was used; 0 before. */
uint16_t wb_tls_group(const struct wb_tls *tls);
/* The connection continues an earlier session; the peer's identity is that one's. */
bool wb_tls_is_resumed(const struct wb_tls *tls);

/* Clients: bytes of the session that lie in wb_tls_more.session since the server gave a ticket; 0:
 * none yet. To be kept secret, and to be offered once. The first ticket of a connection counts. */
size_t wb_tls_session(const struct wb_tls *tls);

/* Keying material for other protocols (RFC 8446 §7.5); both sides get the same bytes for the same
 * label and context. Outcomes: WB_ERR_STATE before CONNECTED or without
 * wb_tls_more.exporter_secret; WB_ERR_LIMIT when out_len > 255 hashes or label > 32 characters. */
enum wb_err wb_tls_export(const struct wb_tls *tls, const char *label, const void *context,
                          size_t context_len, uint8_t *out, size_t out_len) WB_MUST_USE;

#endif
