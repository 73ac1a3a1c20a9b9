/* SPDX-License-Identifier: AGPL-3.0-only */
/* pki.h: what the sources of host/pki share. */
#ifndef WB_PKI_PRIVATE_H
#define WB_PKI_PRIVATE_H

#include <sys/types.h>

#include "wb_pem.h"
#include "wb_pki.h"

#define PKI_FILE_MAX 65536u

/* Writes err_text and returns err. */
enum wb_err pki_fail(wb_pki_err_text err_text, enum wb_err err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same for a fault about a file: "<path>: <what>; <hint>". */
enum wb_err pki_fail_fault(wb_pki_err_text err_text, const char *path,
                           const struct wb_fault *fault);

/* Reads a whole file into memory that the caller frees with pki_file_free. Outcomes:
 * WB_ERR_NOT_FOUND, WB_ERR_IO, WB_ERR_LIMIT (over PKI_FILE_MAX). */
enum wb_err pki_file_read(const char *path, char **text, size_t *len, wb_pki_err_text err_text);
/* Wipes and frees; a file may hold a private key. */
void pki_file_free(char *text, size_t len);
/* Replaces a file: temporary file beside it, fsync, rename. */
enum wb_err pki_file_write(const char *path, const void *data, size_t len, mode_t mode,
                           wb_pki_err_text err_text);
bool pki_file_exists(const char *path);

/* A random serial number of 8 bytes: 62 random bits, positive, no leading zero byte. */
enum wb_err pki_serial(uint8_t serial[8], wb_pki_err_text err_text);

/* Certificates of a PEM file in order. */
enum wb_err pki_chain_read(const char *path, uint8_t der[WB_PKI_CHAIN_MAX][WB_PKI_CERT_MAX],
                           size_t len[WB_PKI_CHAIN_MAX], size_t *count, wb_pki_err_text err_text);

#endif
