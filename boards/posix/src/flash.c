/* SPDX-License-Identifier: AGPL-3.0-only */
/* flash.c: a file with the rules of NOR flash.
 * The file is mapped once, shared, so that what is programmed is in the file at once even when the
 * process is killed; only a crash of the whole machine can lose it (then the store's promise is the
 * disk's).
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "wb_posix.h"

static bool is_inside(const struct wb_posix_flash *flash, uint32_t offset, size_t len)
{
    return offset <= flash->size && len <= flash->size - offset;
}

static enum wb_err flash_read(uint32_t offset, void *buf, size_t len, void *ctx)
{
    const struct wb_posix_flash *flash = ctx;

    if (!is_inside(flash, offset, len)) {
        return WB_ERR_VALUE;
    }
    memcpy(buf, flash->map + offset, len);
    return WB_OK;
}

static enum wb_err flash_program(uint32_t offset, const void *data, size_t len, void *ctx)
{
    struct wb_posix_flash *flash = ctx;
    const uint8_t *bytes = data;

    if (!is_inside(flash, offset, len)) {
        return WB_ERR_VALUE;
    }
    for (size_t i = 0; i < len; i++) {
        uint8_t *cell = flash->map + offset + i;

        /* 0xff leaves the cell alone; anything else must not set a bit that is 0. */
        if (bytes[i] != 0xff && (bytes[i] & ~*cell) != 0) {
            return WB_ERR_FLASH;
        }
        *cell &= bytes[i];
    }
    return WB_OK;
}

static enum wb_err flash_erase(uint32_t sector, void *ctx)
{
    struct wb_posix_flash *flash = ctx;

    if (sector >= flash->size / flash->flash.sector_size) {
        return WB_ERR_VALUE;
    }
    memset(flash->map + (size_t)sector * flash->flash.sector_size, 0xff, flash->flash.sector_size);
    return WB_OK;
}

static const void *flash_map(uint32_t offset, size_t len, void *ctx)
{
    const struct wb_posix_flash *flash = ctx;

    return is_inside(flash, offset, len) ? flash->map + offset : NULL;
}

/* Fills a new file with 0xff, as a chip comes from the factory. */
static enum wb_err file_create(int fd, uint32_t size)
{
    uint8_t blank[4096];

    memset(blank, 0xff, sizeof(blank));
    for (uint32_t at = 0; at < size;) {
        size_t len = size - at < sizeof(blank) ? size - at : sizeof(blank);
        ssize_t n = write(fd, blank, len);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return WB_ERR_IO;
        }
        at += (uint32_t)n;
    }
    return WB_OK;
}

/* Locks, sizes and maps an open file. */
static enum wb_err file_map(struct wb_posix_flash *flash, uint32_t create_size)
{
    struct stat st;

    if (flock(flash->fd, LOCK_EX | LOCK_NB) != 0) {
        return errno == EWOULDBLOCK ? WB_ERR_STATE : WB_ERR_IO;
    }
    if (fstat(flash->fd, &st) != 0) {
        return WB_ERR_IO;
    }
    if (st.st_size == 0 && create_size != 0) {
        WB_TRY(file_create(flash->fd, create_size));
        st.st_size = create_size;
    }
    if (st.st_size < 8 * (off_t)WB_POSIX_SECTOR_SIZE || st.st_size > (off_t)1 << 30 ||
        st.st_size % WB_POSIX_SECTOR_SIZE != 0) {
        return WB_ERR_FORMAT;
    }
    flash->size = (uint32_t)st.st_size;
    flash->map = mmap(NULL, flash->size, PROT_READ | PROT_WRITE, MAP_SHARED, flash->fd, 0);
    if (flash->map == MAP_FAILED) {
        flash->map = NULL;
        return WB_ERR_IO;
    }
    return WB_OK;
}

enum wb_err wb_posix_flash_open(struct wb_posix_flash *flash, const char *path,
                                uint32_t create_size)
{
    enum wb_err err;

    memset(flash, 0, sizeof(*flash));
    flash->fd = open(path, O_RDWR | O_CLOEXEC | (create_size != 0 ? O_CREAT : 0), 0600);
    if (flash->fd < 0) {
        return errno == ENOENT ? WB_ERR_NOT_FOUND : WB_ERR_IO;
    }
    err = file_map(flash, create_size);
    if (err != WB_OK) {
        close(flash->fd);
        flash->fd = -1;
        return err;
    }
    flash->flash = (struct wb_flash){
        .size = flash->size,
        .sector_size = WB_POSIX_SECTOR_SIZE,
        .read = flash_read,
        .program = flash_program,
        .erase = flash_erase,
        .map = flash_map,
        .ctx = flash,
    };
    return WB_OK;
}

void wb_posix_flash_close(struct wb_posix_flash *flash)
{
    if (flash->map != NULL) {
        munmap(flash->map, flash->size);
        flash->map = NULL;
    }
    if (flash->fd >= 0) {
        close(flash->fd); /* gives the lock back, too */
        flash->fd = -1;
    }
}
