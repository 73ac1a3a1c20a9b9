/* SPDX-License-Identifier: AGPL-3.0-only */
/* `wasmbed board`: a board and its bridge in one loop. */
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "board.h"
#include "bridge.h"
#include "util.h"

static struct board board;
static struct bridge bridge;

static enum wb_launcher_exit loop(int signals);
static bool signals_handle(int signals, wb_ms now);

int wb_launcher_board_main(const struct wb_launcher_board_options *options)
{
    enum wb_launcher_exit result = board_open(&board, options);
    if (result != WB_LAUNCHER_OK) {
        return result;
    }
    int signals = util_signals();
    if (!bridge_init(&bridge, options->gateway, util_now()) || signals < 0) {
        util_log("error", "board: gateway \"%s\" is not HOST:PORT", options->gateway);
        board_close(&board);
        return WB_LAUNCHER_LINK;
    }
    result = board_start(&board, util_now());
    if (result == WB_LAUNCHER_OK) {
        result = loop(signals);
    }
    util_log(
        "info",
        "board-stopped name=%s programs=%llu erases=%llu window_us=%llu damaged=%u repeated=%u",
        board.name, (unsigned long long)board.chip.programs, (unsigned long long)board.chip.erases,
        (unsigned long long)board.window_us, (unsigned)bridge.link.frames_damaged,
        (unsigned)bridge.link.frames_repeated);
    bridge_line(&bridge, -1, util_now());
    board_close(&board);
    close(signals);
    return result;
}

static enum wb_launcher_exit loop(int signals)
{
    for (;;) {
        struct pollfd fds[2 + BRIDGE_FDS] = {{.fd = signals, .events = POLLIN},
                                             {.fd = board.qemu.console_fd, .events = POLLIN}};
        wb_ms now = util_now();
        if (board.restarted) {
            board.restarted = false;
            bridge_line(&bridge, board.qemu.link_fd, now);
        }
        bridge_poll(&bridge, fds + 2);
        wb_ms due = wb_ms_min(bridge_due(&bridge), board_due(&board));
        poll(fds, WB_ARRAY_LEN(fds), util_timeout(due, now));
        now = util_now();
        if (fds[1].revents != 0) {
            board_console(&board, now);
        }
        if (fds[0].revents != 0 && signals_handle(signals, now)) {
            return WB_LAUNCHER_OK;
        }
        if (!board.restarted && !bridge_run(&bridge, fds + 2, now)) {
            bridge_line(&bridge, -1, now); /* QEMU is ending: SIGCHLD tells */
        }
        enum wb_launcher_exit result = board_tick(&board, now);
        if (result != WB_LAUNCHER_OK) {
            return result;
        }
    }
}

/* True: asked to end. */
static bool signals_handle(int signals, wb_ms now)
{
    struct signalfd_siginfo info;
    bool end = false;
    while (read(signals, &info, sizeof info) == (ssize_t)sizeof info) {
        end = end || info.ssi_signo != (uint32_t)SIGCHLD;
    }
    board_ended(&board, now);
    return end;
}
