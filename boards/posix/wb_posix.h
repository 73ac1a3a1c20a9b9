/* SPDX-License-Identifier: AGPL-3.0-only */
/* wb_posix.h: a Linux process as a device: core/agent over TCP, its flash a file with NOR rules.
 * Shape    one blocking call runs the device; provisioning writes the same file
 * Memory   static buffers of one device a process; the flash file is mapped
 * Errors   what people can mend is said on stderr in one line; exit codes as sysexits
 */
#ifndef WB_POSIX_H
#define WB_POSIX_H

#include "wb_base.h"
#include "wb_store.h"

#define WB_POSIX_FLASH_SIZE_DEFAULT (1024u * 1024u) /* bytes of a new flash file */
#define WB_POSIX_SECTOR_SIZE        4096u

/* ---- flash -------------------------------------------------------------------------------- */

/* A file that behaves like NOR flash: programming only clears bits (anything else is an error),
 * erasing sets a sector to 0xff. It is mapped, so that images execute from it. Locked while open: a
 * second process gets WB_ERR_STATE. */
struct wb_posix_flash {
    struct wb_flash flash; /* what core/store takes */
    int fd;
    uint8_t *map;
    uint32_t size;
};

/* Opens path; create_size > 0 makes it with that many bytes (a multiple of the sector size) when it
 * is absent. Outcomes: WB_ERR_NOT_FOUND, WB_ERR_STATE (used by another process), WB_ERR_FORMAT (its
 * size is no multiple of the sector size), WB_ERR_IO. */
enum wb_err wb_posix_flash_open(struct wb_posix_flash *flash, const char *path,
                                uint32_t create_size) WB_MUST_USE;
void wb_posix_flash_close(struct wb_posix_flash *flash);

/* ---- provisioning ------------------------------------------------------------------------- */

/* What makes a flash image this device's; borrowed during the call. */
struct wb_posix_identity {
    const char *device_id;      /* 1..63 bytes */
    const uint8_t *device_key;  /* 32 bytes: the Ed25519 seed */
    const uint8_t *certificate; /* DER */
    size_t certificate_len;
    const uint8_t *ca; /* DER */
    size_t ca_len;
    const uint8_t *publishers; /* 32 bytes each */
    size_t publisher_count;    /* 1 or 2 */
    const char *server_name;   /* DNS name in the gateway's certificate: wasmbed-gateway */
    const char *gateway;       /* host:port; NULL: boards without sockets */
};

/* Writes the identity into a flash file (of any board: the format is core/store's), making the file
 * with `size` bytes when it is absent; applications and counters that it holds stay. erase_size and
 * size are the board's: 0 takes WB_POSIX_SECTOR_SIZE and WB_POSIX_FLASH_SIZE_DEFAULT. Outcomes:
 * WB_ERR_VALUE (a field is out of its range; *field names it), those of wb_posix_flash_open. */
enum wb_err wb_posix_provision(const char *path, uint32_t size,
                               const struct wb_posix_identity *identity,
                               const char **field) WB_MUST_USE;

/* ---- the device --------------------------------------------------------------------------- */

struct wb_posix_device_options {
    const char *flash;       /* path of the provisioned flash file */
    const char *gateway;     /* host:port; NULL: what provisioning says */
    const char *name;        /* for messages; NULL: the device id */
    const char *device_type; /* NULL: posix */
    uint32_t arena_len;      /* bytes for applications; 0: 1 MiB */
    bool verbose;            /* prints debug lines */
};

/* Runs the device until SIGTERM or SIGINT. Lines `level text` or `level application: text` go to
 * stdout. Returns an exit code: 0 ended by signal; 66 no usable flash file; 78 not provisioned; 71
 * system error. A restart that the gateway asks for happens within the process. */
int wb_posix_device_main(const struct wb_posix_device_options *options);

#endif
