/* SPDX-License-Identifier: AGPL-3.0-only */
/* wb_base.h: what every module shares: errors, byte cursors, time, assertions, traces.
 * Memory   no heap, no globals
 * Errors   one list for the whole project (WB_ERR_LIST)
 */
#ifndef WB_BASE_H
#define WB_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- errors ------------------------------------------------------------------------------- */

/* Every error of the project: code, what is wrong in words. Documentation is generated from it. */
#define WB_ERR_LIST(X)                                                                             \
    X(OK, "no error")                                                                              \
    X(ERR_END, "input ends before the item does")                                                  \
    X(ERR_SPACE, "buffer too small")                                                               \
    X(ERR_TYPE, "item of another type")                                                            \
    X(ERR_VALUE, "value out of range")                                                             \
    X(ERR_FORMAT, "malformed input")                                                               \
    X(ERR_LIMIT, "over a configured limit")                                                        \
    X(ERR_UNSUPPORTED, "not supported")                                                            \
    X(ERR_STATE, "not possible in this state")                                                     \
    X(ERR_NOT_FOUND, "not found")                                                                  \
    X(ERR_EXISTS, "exists already")                                                                \
    X(ERR_INTEGRITY, "checksum or digest differs")                                                 \
    X(ERR_AUTH, "authentication tag differs")                                                      \
    X(ERR_SIGNATURE, "signature does not verify")                                                  \
    X(ERR_KEY, "unusable key")                                                                     \
    X(ERR_CERTIFICATE, "certificate is not acceptable")                                            \
    X(ERR_CERTIFICATE_EXPIRED, "certificate is expired or not yet valid")                          \
    X(ERR_CERTIFICATE_REVOKED, "certificate was revoked by its issuer")                            \
    X(ERR_CERTIFICATE_UNTRUSTED, "certificate is not issued by a trusted authority")               \
    X(ERR_CERTIFICATE_REQUIRED, "peer presented no certificate")                                   \
    X(ERR_PROTOCOL, "message not allowed here")                                                    \
    X(ERR_PEER, "peer reported a fatal error")                                                     \
    X(ERR_CLOSED, "connection is closed")                                                          \
    X(ERR_TIMEOUT, "deadline passed")                                                              \
    X(ERR_ENTROPY, "no entropy available")                                                         \
    X(ERR_FLASH, "flash operation failed")                                                         \
    X(ERR_FULL, "storage is full")                                                                 \
    X(ERR_MEMORY, "not enough memory")                                                             \
    X(ERR_IO, "input or output failed")                                                            \
    X(ERR_VALIDATION, "module does not validate")                                                  \
    X(ERR_IMPORT, "module asks for an unknown import")                                             \
    X(ERR_TRAP, "application trapped")

enum wb_err {
#define WB_ERR_ENUM(code, text) WB_##code,
    WB_ERR_LIST(WB_ERR_ENUM)
#undef WB_ERR_ENUM
        WB_ERR_COUNT
};

#if defined(__GNUC__)
#define WB_MUST_USE __attribute__((warn_unused_result))
#else
#define WB_MUST_USE
#endif

/* Text of an error, for people; never NULL, also for numbers that are no error. */
const char *wb_err_str(enum wb_err err);

/* Passes an error up unchanged. The only macro of the project that hides control flow. */
#define WB_TRY(expression)                                                                         \
    do {                                                                                           \
        enum wb_err wb_try_err_ = (expression);                                                    \
        if (wb_try_err_ != WB_OK) {                                                                \
            return wb_try_err_;                                                                    \
        }                                                                                          \
    } while (0)

/* An error with its place, where people read it. All texts are static. The first fault wins. */
struct wb_fault {
    enum wb_err code; /* WB_OK: no fault yet */
    const char *what; /* what is wrong, and with what */
    const char *hint; /* what to do; NULL when there is nothing to say */
    uint32_t
        where[2]; /* position in the module's own terms, e.g. wasm: function index, byte offset */
};

/* Records a fault unless one is there already; returns fault->code. fault may be NULL. */
enum wb_err wb_fault_set(struct wb_fault *fault, enum wb_err code, const char *what,
                         const char *hint, uint32_t where0, uint32_t where1);

/* ---- time --------------------------------------------------------------------------------- */

typedef uint64_t wb_ms;     /* milliseconds of a monotonic clock that the caller owns */
typedef int64_t wb_unix_s;  /* seconds since 1970-01-01T00:00:00Z; 0: wall time unknown */
#define WB_NEVER UINT64_MAX /* a deadline that does not come */

static inline wb_ms wb_ms_min(wb_ms a, wb_ms b)
{
    return a < b ? a : b;
}

/* ---- assertions and traces ---------------------------------------------------------------- */

/* Called by WB_ASSERT. The program supplies it: hosts abort with the expression, boards keep file
 * and line in retained RAM and reset. Bytes from outside never reach an assertion. */
_Noreturn void wb_assert_failed(const char *file, int line, const char *expression);

#if defined(WB_BOARD_BUILD) /* the texts stay out of a board's flash */
#define WB_ASSERT(condition) ((condition) ? (void)0 : wb_assert_failed(WB_FILE_ID, __LINE__, ""))
#else
#define WB_ASSERT(condition)                                                                       \
    ((condition) ? (void)0 : wb_assert_failed(__FILE__, __LINE__, #condition))
#endif
#ifndef WB_FILE_ID
#define WB_FILE_ID __FILE_NAME__
#endif

/* Decision traces, for readers of a simulation: a line of text when WB_TRACE_ON is defined, nothing
 * otherwise. The sink is supplied by the program. */
#if defined(WB_TRACE_ON)
void wb_trace(const void *object, const char *format, ...) __attribute__((format(printf, 2, 3)));
#define WB_TRACE(object, ...) wb_trace((object), __VA_ARGS__)
#else
#define WB_TRACE(object, ...) ((void)(object))
#endif

#define WB_ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* ---- secrets ------------------------------------------------------------------------------ */

/* Overwrites memory with zeros in a way the compiler does not remove. */
void wb_wipe(void *memory, size_t len);

/* Compares in time that depends on len only. */
bool wb_ct_equal(const void *a, const void *b, size_t len);

/* ---- checksum ----------------------------------------------------------------------------- */

/* CRC-32 as Ethernet and zlib use it (reflected 0x04c11db7). Starts with crc 0; goes on from the
 * result of the bytes before. Detects accidents, not attacks. */
uint32_t wb_crc32(uint32_t crc, const void *data, size_t len);

/* ---- byte cursors ------------------------------------------------------------------------- */

/* Reads big-endian and little-endian integers and byte runs from borrowed memory. Sticky: after the
 * first error every read returns 0 or NULL and err stays; so a decoder checks once, at the end. */
struct wb_reader {
    const uint8_t *at;
    const uint8_t *end;
    enum wb_err err;
};

void wb_reader_init(struct wb_reader *r, const void *data, size_t len);
size_t wb_reader_left(const struct wb_reader *r);
uint8_t wb_read_u8(struct wb_reader *r);
uint16_t wb_read_be16(struct wb_reader *r);
uint32_t wb_read_be24(struct wb_reader *r);
uint32_t wb_read_be32(struct wb_reader *r);
uint64_t wb_read_be64(struct wb_reader *r);
uint16_t wb_read_le16(struct wb_reader *r);
uint32_t wb_read_le32(struct wb_reader *r);
uint64_t wb_read_le64(struct wb_reader *r);
/* Borrows len bytes of the input; NULL (and WB_ERR_END) when fewer are left. */
const uint8_t *wb_read_bytes(struct wb_reader *r, size_t len);

/* Writes the same into the caller's buffer. Sticky with WB_ERR_SPACE; len counts what fitted. */
struct wb_writer {
    uint8_t *buf;
    size_t cap;
    size_t len;
    enum wb_err err;
};

void wb_writer_init(struct wb_writer *w, void *buf, size_t cap);
void wb_write_u8(struct wb_writer *w, uint8_t value);
void wb_write_be16(struct wb_writer *w, uint16_t value);
void wb_write_be24(struct wb_writer *w, uint32_t value);
void wb_write_be32(struct wb_writer *w, uint32_t value);
void wb_write_be64(struct wb_writer *w, uint64_t value);
void wb_write_le16(struct wb_writer *w, uint16_t value);
void wb_write_le32(struct wb_writer *w, uint32_t value);
void wb_write_le64(struct wb_writer *w, uint64_t value);
void wb_write_bytes(struct wb_writer *w, const void *data, size_t len);

#endif
