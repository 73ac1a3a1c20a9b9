/* SPDX-License-Identifier: AGPL-3.0-only */
/* Files: read whole, replaced atomically. Errors name the file and what the system says. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pki.h"

enum wb_err pki_fail(wb_pki_err_text err_text, enum wb_err err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(err_text, WB_PKI_ERR_MAX, format, args);
    va_end(args);
    return err;
}

enum wb_err pki_fail_fault(wb_pki_err_text err_text, const char *path, const struct wb_fault *fault)
{
    const char *what = fault->what != NULL ? fault->what : wb_err_str(fault->code);
    if (fault->hint != NULL) {
        return pki_fail(err_text, fault->code, "%s: %s; %s", path, what, fault->hint);
    }
    return pki_fail(err_text, fault->code, "%s: %s", path, what);
}

bool pki_file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

enum wb_err pki_file_read(const char *path, char **text, size_t *len, wb_pki_err_text err_text)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        enum wb_err err = errno == ENOENT ? WB_ERR_NOT_FOUND : WB_ERR_IO;
        return pki_fail(err_text, err, "%s: cannot be opened: %s", path, strerror(errno));
    }
    char *buf = malloc(PKI_FILE_MAX + 1);
    size_t have = 0;
    enum wb_err err = WB_OK;
    if (buf == NULL) {
        err = pki_fail(err_text, WB_ERR_MEMORY, "%s: not enough memory", path);
    }
    while (err == WB_OK && have <= PKI_FILE_MAX) {
        ssize_t n = read(fd, buf + have, PKI_FILE_MAX + 1 - have);
        if (n == 0) {
            break;
        }
        if (n < 0 && errno != EINTR) {
            err = pki_fail(err_text, WB_ERR_IO, "%s: cannot be read: %s", path, strerror(errno));
        }
        have += n > 0 ? (size_t)n : 0;
    }
    (void)close(fd);
    if (err == WB_OK && have > PKI_FILE_MAX) {
        err = pki_fail(err_text, WB_ERR_LIMIT,
                       "%s: is longer than %u bytes, so it is no PEM file of ours", path,
                       PKI_FILE_MAX);
    }
    if (err != WB_OK) {
        pki_file_free(buf, have);
        return err;
    }
    *text = buf;
    *len = have;
    return WB_OK;
}

void pki_file_free(char *text, size_t len)
{
    if (text != NULL) {
        wb_wipe(text, len);
        free(text);
    }
}

static bool write_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, data, len);
        if (n < 0 && errno != EINTR) {
            return false;
        }
        data += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
    }
    return true;
}

/* The new name is durable only when the folder is, too. */
static void sync_folder(const char *path)
{
    char folder[PATH_MAX];
    (void)snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    if (slash == NULL) {
        (void)snprintf(folder, sizeof folder, ".");
    } else {
        slash[slash == folder ? 1 : 0] = '\0';
    }
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        (void)fsync(fd);
        (void)close(fd);
    }
}

enum wb_err pki_file_write(const char *path, const void *data, size_t len, mode_t mode,
                           wb_pki_err_text err_text)
{
    char temporary[PATH_MAX];
    int written = snprintf(temporary, sizeof temporary, "%s.XXXXXX", path);
    if (written < 0 || (size_t)written >= sizeof temporary) {
        return pki_fail(err_text, WB_ERR_LIMIT, "%.100s...: path is too long", path);
    }
    int fd = mkostemp(temporary, O_CLOEXEC); /* created with mode 0600 */
    if (fd < 0) {
        return pki_fail(err_text, WB_ERR_IO, "%s: cannot be written: %s", path, strerror(errno));
    }
    bool is_written = write_all(fd, data, len) && fchmod(fd, mode) == 0 && fsync(fd) == 0;
    int saved = errno;
    if (close(fd) != 0 && is_written) {
        is_written = false;
        saved = errno;
    }
    if (is_written && rename(temporary, path) != 0) {
        is_written = false;
        saved = errno;
    }
    if (!is_written) {
        (void)unlink(temporary);
        return pki_fail(err_text, WB_ERR_IO, "%s: cannot be written: %s", path, strerror(saved));
    }
    sync_folder(path);
    return WB_OK;
}

enum wb_err wb_pki_random(void *ctx, void *out, size_t len)
{
    uint8_t *at = out;
    (void)ctx;
    while (len > 0) {
        ssize_t n = getrandom(at, len, 0);
        if (n < 0 && errno != EINTR) {
            return WB_ERR_ENTROPY;
        }
        at += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
    }
    return WB_OK;
}

enum wb_err pki_serial(uint8_t serial[8], wb_pki_err_text err_text)
{
    if (wb_pki_random(NULL, serial, 8) != WB_OK) {
        return pki_fail(err_text, WB_ERR_ENTROPY, "the system gives no random bytes");
    }
    serial[0] = (uint8_t)((serial[0] & 0x7f) | 0x40);
    return WB_OK;
}
