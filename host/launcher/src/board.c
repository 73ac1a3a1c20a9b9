/* SPDX-License-Identifier: AGPL-3.0-only */
/* An operation of the flash goes into the file first, then into the board's execute-in-place
 * window, then it is answered: the death of any participant at any point leaves what a power cut of
 * a real board could leave. */
#include "board.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "util.h"

#define FIRMWARE_MAX  (16u << 20)
#define QUICK_MS      5000u /* an end or reset sooner than this counts as quick */
#define FAILURES_MAX  5u
#define RESTART_MS    1000u
#define RESET_STEP_MS 250u /* each further quick reset waits longer, up to RESET_MAX_MS */
#define RESET_MAX_MS  5000u

static void request_serve(struct board *b, const struct wb_mailbox_request *request, wb_ms now);
static void reset_plan(struct board *b, const struct wb_mailbox_request *request, wb_ms now);
static bool window_write(struct board *b, uint32_t from, uint32_t len);
static void fail(struct board *b, wb_ms now, const char *what);
static void line_begin(struct board *b);

enum wb_err wb_launcher_layout_read(const char *firmware, struct wb_board_layout *layout)
{
    FILE *file = fopen(firmware, "rb");
    if (file == NULL) {
        return WB_ERR_IO;
    }
    enum wb_err err = WB_ERR_MEMORY;
    uint8_t *image = malloc(FIRMWARE_MAX);
    if (image != NULL) {
        size_t len = fread(image, 1, FIRMWARE_MAX, file);
        err = ferror(file) ? WB_ERR_IO : wb_board_layout_find(image, len, layout);
        free(image);
    }
    fclose(file);
    return err;
}

enum wb_launcher_exit board_open(struct board *b, const struct wb_launcher_board_options *options)
{
    const char *why = "";
    memset(b, 0, sizeof *b);
    b->name = options->name == NULL ? "board" : options->name;
    b->start_due = WB_NEVER;
    b->reset_due = WB_NEVER;
    if (options->type == NULL || options->firmware == NULL || options->flash == NULL) {
        util_log("error", "board needs --type, --firmware and --flash");
        return WB_LAUNCHER_USAGE;
    }
    const struct qemu_machine *machine = qemu_machine_find(options->type);
    if (machine == NULL) {
        util_log("error", "board: unknown type \"%s\": hifive1 or cortex-m", options->type);
        return WB_LAUNCHER_USAGE;
    }
    enum wb_err err = wb_launcher_layout_read(options->firmware, &b->layout);
    if (err == WB_ERR_IO) {
        util_log("error", "board: cannot read firmware %s: %s (`make firmware` builds it)",
                 options->firmware, strerror(errno));
        return WB_LAUNCHER_FIRMWARE;
    }
    if (err != WB_OK) {
        util_log("error", "board: %s is no wasmbed firmware: layout record: %s", options->firmware,
                 wb_err_str(err));
        return WB_LAUNCHER_FIRMWARE;
    }
    if (strcmp(b->layout.type, options->type) != 0) {
        util_log("error", "board: %s is firmware for %s, not for %s", options->firmware,
                 b->layout.type, options->type);
        return WB_LAUNCHER_FIRMWARE;
    }
    if (!chip_open(&b->chip, options->flash, b->layout.store_size, b->layout.sector_size, &why)) {
        util_log("error", "board: flash file %s: %s", options->flash, why);
        return WB_LAUNCHER_FLASH;
    }
    if (!console_open(&b->console, options->log)) {
        util_log("error", "board: cannot write log %s: %s", options->log, strerror(errno));
        chip_close(&b->chip);
        return WB_LAUNCHER_USAGE;
    }
    qemu_init(&b->qemu, machine, options->firmware, b->chip.bytes, &b->layout);
    wb_mailbox_decoder_init(&b->decoder);
    return WB_LAUNCHER_OK;
}

void board_close(struct board *b)
{
    qemu_stop(&b->qemu);
    console_close(&b->console);
    chip_close(&b->chip);
}

enum wb_launcher_exit board_start(struct board *b, wb_ms now)
{
    enum wb_err err = qemu_start(&b->qemu);
    if (err == WB_ERR_NOT_FOUND) {
        util_log("error", "board: %s is not installed: apt-get install %s",
                 b->qemu.machine->program, b->qemu.machine->package);
        return WB_LAUNCHER_QEMU;
    }
    b->start_due = WB_NEVER;
    if (err != WB_OK) {
        fail(b, now, wb_err_str(err));
    } else {
        util_log("info", "board-started name=%s type=%s firmware=%s pid=%d", b->name,
                 b->layout.type, b->layout.version, (int)b->qemu.pid);
        line_begin(b);
    }
    if (b->failures >= FAILURES_MAX) {
        util_log("error", "board: %s failed %u times in a row, giving up", b->qemu.machine->program,
                 b->failures);
        return WB_LAUNCHER_QEMU;
    }
    return WB_LAUNCHER_OK;
}

void board_console(struct board *b, wb_ms now)
{
    static uint8_t in[16384];
    static struct wb_mailbox_request request;
    ssize_t got = read(b->qemu.console_fd, in, sizeof in);
    if (got <= 0) {
        return; /* the end of QEMU is told by SIGCHLD */
    }
    const uint8_t *text;
    size_t text_len;
    size_t used = 0;
    for (;;) {
        switch (wb_mailbox_next(&b->decoder, in, (size_t)got, &used, &text, &text_len, &request)) {
        case WB_MAILBOX_NOTHING: return;
        case WB_MAILBOX_TEXT: console_text(&b->console, text, text_len); break;
        case WB_MAILBOX_REQUEST: request_serve(b, &request, now); break;
        }
    }
}

void board_ended(struct board *b, wb_ms now)
{
    int status;
    char what[64];
    if (!qemu_ended(&b->qemu, &status)) {
        return;
    }
    snprintf(what, sizeof what, WIFSIGNALED(status) ? "signal %d" : "exit code %d",
             WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    fail(b, now, what);
}

wb_ms board_due(const struct board *b)
{
    return wb_ms_min(b->chip.sync_due, wb_ms_min(b->start_due, b->reset_due));
}

enum wb_launcher_exit board_tick(struct board *b, wb_ms now)
{
    if (now >= b->chip.sync_due) {
        chip_sync(&b->chip);
    }
    if (now >= b->reset_due) {
        b->reset_due = WB_NEVER;
        enum wb_err err = qemu_reset(&b->qemu);
        if (err != WB_OK) {
            fail(b, now, wb_err_str(err));
        } else {
            line_begin(b);
        }
    }
    if (now >= b->start_due) {
        return board_start(b, now);
    }
    return WB_LAUNCHER_OK;
}

static void request_serve(struct board *b, const struct wb_mailbox_request *request, wb_ms now)
{
    uint32_t from;
    uint32_t len;
    uint8_t reply[WB_MAILBOX_REPLY_LEN];
    if (request->op == WB_MAILBOX_RESET) {
        reset_plan(b, request, now);
        return;
    }
    enum wb_mailbox_status status = chip_execute(&b->chip, request, now, &from, &len);
    if (status != WB_MAILBOX_DONE) {
        util_log("warning", "flash-refused name=%s op=%c offset=0x%x len=%u status=%d", b->name,
                 request->op, (unsigned)request->addr, request->len, (int)status);
    }
    if (len > 0 && !window_write(b, from, len)) {
        fail(b, now, "flash window cannot be written");
        return;
    }
    wb_mailbox_reply(reply, request->seq, status);
    if (write(b->qemu.console_fd, reply, sizeof reply) != (ssize_t)sizeof reply) {
        fail(b, now, "console is stuck");
    }
}

static void reset_plan(struct board *b, const struct wb_mailbox_request *request, wb_ms now)
{
    b->resets = now - b->qemu.started_at < QUICK_MS ? b->resets + 1 : 0;
    wb_ms wait = b->resets <= 1 ? 0 : (wb_ms)(b->resets - 1) * RESET_STEP_MS;
    wait = wb_ms_min(wait, RESET_MAX_MS);
    console_flush(&b->console);
    util_log("info", "board-reset name=%s reason=\"%.*s\" wait_ms=%llu", b->name, request->len,
             (const char *)request->payload, (unsigned long long)wait);
    b->reset_due = now + wait;
}

static bool window_write(struct board *b, uint32_t from, uint32_t len)
{
    struct timespec t0;
    struct timespec t1;
    clock_gettime(CLOCK_MONOTONIC, &t0);
    enum wb_err err =
        gdb_write(&b->qemu.gdb, b->layout.store_base + from, b->chip.bytes + from, len);
    clock_gettime(CLOCK_MONOTONIC, &t1);
    b->window_us +=
        (uint64_t)((t1.tv_sec - t0.tv_sec) * 1000000 + (t1.tv_nsec - t0.tv_nsec) / 1000);
    return err == WB_OK;
}

/* QEMU ended or does not answer: start it again, at once the first time. */
static void fail(struct board *b, wb_ms now, const char *what)
{
    bool quick = b->qemu.started_at == 0 || now - b->qemu.started_at < QUICK_MS;
    b->failures = quick ? b->failures + 1 : 1;
    util_log("error", "board-failed name=%s reason=\"%s\" failures=%u", b->name, what, b->failures);
    qemu_stop(&b->qemu);
    console_flush(&b->console);
    b->reset_due = WB_NEVER;
    b->start_due = now + (b->failures > 1 ? RESTART_MS : 0);
    b->restarted = true;
}

static void line_begin(struct board *b)
{
    wb_mailbox_decoder_init(&b->decoder);
    b->restarted = true;
}
