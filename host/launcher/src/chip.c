/* SPDX-License-Identifier: AGPL-3.0-only */
#include "chip.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* A disk's worth of operations between two syncs: a machine that loses power loses at most this. */
#define SYNC_MS 500u

static bool file_load(struct chip *c, const char **why);
static bool file_write(struct chip *c, uint32_t offset, uint32_t len);
static enum wb_mailbox_status program(struct chip *c, const struct wb_mailbox_request *request);
static enum wb_mailbox_status erase(struct chip *c, const struct wb_mailbox_request *request);

bool chip_open(struct chip *c, const char *path, uint32_t size, uint32_t sector_size,
               const char **why)
{
    *c = (struct chip){.size = size, .sector_size = sector_size, .sync_due = WB_NEVER};
    c->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (c->fd < 0) {
        *why = strerror(errno);
        return false;
    }
    if (flock(c->fd, LOCK_EX | LOCK_NB) != 0) {
        *why = "in use by another launcher";
        close(c->fd);
        return false;
    }
    c->bytes = malloc(size);
    if (c->bytes == NULL || !file_load(c, why)) {
        if (c->bytes == NULL) {
            *why = "out of memory";
        }
        chip_close(c);
        return false;
    }
    return true;
}

void chip_close(struct chip *c)
{
    chip_sync(c);
    free(c->bytes);
    close(c->fd);
    c->bytes = NULL;
    c->fd = -1;
}

enum wb_mailbox_status chip_execute(struct chip *c, const struct wb_mailbox_request *request,
                                    wb_ms now, uint32_t *from, uint32_t *len)
{
    enum wb_mailbox_status status;
    *from = request->addr;
    *len = 0;
    switch (request->op) {
    case WB_MAILBOX_PROGRAM:
        status = program(c, request);
        *len = request->len;
        c->programs++;
        break;
    case WB_MAILBOX_ERASE:
        status = erase(c, request);
        *len = c->sector_size;
        c->erases++;
        break;
    default: return WB_MAILBOX_REFUSED_UNKNOWN;
    }
    if (status != WB_MAILBOX_DONE) {
        *len = 0;
    } else if (c->sync_due == WB_NEVER) {
        c->sync_due = now + SYNC_MS;
    }
    return status;
}

void chip_sync(struct chip *c)
{
    if (c->sync_due != WB_NEVER) {
        (void)fdatasync(c->fd);
        c->sync_due = WB_NEVER;
    }
}

/* A shorter file is a chip whose rest is erased: so an empty file is a new chip. */
static bool file_load(struct chip *c, const char **why)
{
    struct stat st;
    if (fstat(c->fd, &st) != 0) {
        *why = strerror(errno);
        return false;
    }
    if (!S_ISREG(st.st_mode)) {
        *why = "not a regular file";
        return false;
    }
    if (st.st_size > (off_t)c->size) {
        *why = "larger than the board's store region: it belongs to another board";
        return false;
    }
    memset(c->bytes, 0xFF, c->size);
    for (off_t at = 0; at < st.st_size;) {
        ssize_t got = pread(c->fd, c->bytes + at, (size_t)(st.st_size - at), at);
        if (got <= 0) {
            *why = got < 0 ? strerror(errno) : "shrinks while it is read";
            return false;
        }
        at += got;
    }
    if (st.st_size < (off_t)c->size) {
        if (!file_write(c, (uint32_t)st.st_size, c->size - (uint32_t)st.st_size)) {
            *why = strerror(errno);
            return false;
        }
    }
    return true;
}

static bool file_write(struct chip *c, uint32_t offset, uint32_t len)
{
    uint32_t end = offset + len;
    while (offset < end) {
        ssize_t put = pwrite(c->fd, c->bytes + offset, end - offset, (off_t)offset);
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put <= 0) {
            return false;
        }
        offset += (uint32_t)put;
    }
    return true;
}

static enum wb_mailbox_status program(struct chip *c, const struct wb_mailbox_request *request)
{
    if (request->addr > c->size || request->len > c->size - request->addr) {
        return WB_MAILBOX_REFUSED_RANGE;
    }
    uint8_t *at = c->bytes + request->addr;
    for (uint16_t i = 0; i < request->len; i++) {
        if (request->payload[i] != 0xFF && (request->payload[i] & ~at[i]) != 0) {
            return WB_MAILBOX_REFUSED_BITS;
        }
    }
    for (uint16_t i = 0; i < request->len; i++) {
        at[i] &= request->payload[i];
    }
    return file_write(c, request->addr, request->len) ? WB_MAILBOX_DONE : WB_MAILBOX_REFUSED_IO;
}

static enum wb_mailbox_status erase(struct chip *c, const struct wb_mailbox_request *request)
{
    if (request->addr >= c->size || request->addr % c->sector_size != 0 || request->len != 0) {
        return WB_MAILBOX_REFUSED_RANGE;
    }
    memset(c->bytes + request->addr, 0xFF, c->sector_size);
    return file_write(c, request->addr, c->sector_size) ? WB_MAILBOX_DONE : WB_MAILBOX_REFUSED_IO;
}
