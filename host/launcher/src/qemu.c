/* SPDX-License-Identifier: AGPL-3.0-only */
/* The connections are TCP pairs made here and inherited by QEMU: no port is open to others, none
 * can be in use. QEMU starts stopped (-S), gets flash and seed through the gdb stub, and is let go
 * (its loader device takes no file larger than the machine's RAM). */
#include "qemu.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util.h"

enum connection { LINK, CONSOLE, STUB, CONNECTIONS };

static enum wb_err process_start(struct qemu *q, const int theirs[CONNECTIONS]);
_Noreturn static void process_exec(const struct qemu *q, const int theirs[CONNECTIONS],
                                   pid_t parent, int failed_fd);
static enum wb_err seed_write(struct qemu *q);
static void connections_close(struct qemu *q);

static const struct qemu_machine machines[] = {
    {"hifive1", "qemu-system-riscv32", "sifive_e", "qemu-system-misc"},
    {"cortex-m", "qemu-system-arm", "netduinoplus2", "qemu-system-arm"},
};

const struct qemu_machine *qemu_machine_find(const char *type)
{
    for (size_t i = 0; i < WB_ARRAY_LEN(machines); i++) {
        if (strcmp(machines[i].type, type) == 0) {
            return &machines[i];
        }
    }
    return NULL;
}

void qemu_init(struct qemu *q, const struct qemu_machine *machine, const char *firmware,
               const uint8_t *flash, const struct wb_board_layout *layout)
{
    *q = (struct qemu){.machine = machine, .firmware = firmware, .flash = flash, .layout = layout};
    q->link_fd = -1;
    q->console_fd = -1;
    gdb_init(&q->gdb, -1);
}

enum wb_err qemu_start(struct qemu *q)
{
    int pairs[CONNECTIONS][2] = {{-1, -1}, {-1, -1}, {-1, -1}};
    int theirs[CONNECTIONS];
    enum wb_err err = WB_OK;
    for (int i = 0; i < CONNECTIONS && err == WB_OK; i++) {
        err = util_tcp_pair(pairs[i]) ? WB_OK : WB_ERR_IO;
        theirs[i] = pairs[i][1];
    }
    if (err == WB_OK) {
        err = process_start(q, theirs);
    }
    for (int i = 0; i < CONNECTIONS; i++) {
        if (pairs[i][1] >= 0) {
            close(pairs[i][1]);
        }
    }
    q->link_fd = pairs[LINK][0];
    q->console_fd = pairs[CONSOLE][0];
    gdb_init(&q->gdb, pairs[STUB][0]);
    if (err == WB_OK && (!util_nonblocking(q->link_fd) || !util_nonblocking(q->console_fd))) {
        err = WB_ERR_IO;
    }
    if (err == WB_OK) {
        err = gdb_write(&q->gdb, q->layout->store_base, q->flash, q->layout->store_size);
    }
    if (err == WB_OK) {
        err = seed_write(q);
    }
    if (err == WB_OK) {
        err = gdb_start(&q->gdb);
    }
    if (err != WB_OK) {
        qemu_stop(q);
        return err;
    }
    q->started_at = util_now();
    return WB_OK;
}

enum wb_err qemu_reset(struct qemu *q)
{
    WB_TRY(seed_write(q));
    q->started_at = util_now();
    return gdb_reset(&q->gdb);
}

void qemu_stop(struct qemu *q)
{
    if (q->pid > 0) {
        kill(q->pid, SIGKILL);
        while (waitpid(q->pid, NULL, 0) < 0 && errno == EINTR) {
        }
        q->pid = 0;
    }
    connections_close(q);
}

bool qemu_ended(struct qemu *q, int *status)
{
    if (q->pid <= 0 || waitpid(q->pid, status, WNOHANG) != q->pid) {
        return false;
    }
    q->pid = 0;
    connections_close(q);
    return true;
}

/* The pipe tells a failed exec from a started one: it closes on success. */
static enum wb_err process_start(struct qemu *q, const int theirs[CONNECTIONS])
{
    int failed[2];
    int reason = 0;
    if (pipe2(failed, O_CLOEXEC) != 0) {
        return WB_ERR_IO;
    }
    pid_t parent = getpid();
    q->pid = fork();
    if (q->pid == 0) {
        process_exec(q, theirs, parent, failed[1]);
    }
    close(failed[1]);
    ssize_t got = q->pid < 0 ? -1 : read(failed[0], &reason, sizeof reason);
    close(failed[0]);
    if (got == 0) {
        return WB_OK;
    }
    return got > 0 && reason == ENOENT ? WB_ERR_NOT_FOUND : WB_ERR_IO;
}

_Noreturn static void process_exec(const struct qemu *q, const int theirs[CONNECTIONS],
                                   pid_t parent, int failed_fd)
{
    char link[64], console[64], stub[64];
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    setpgid(0, 0); /* Ctrl-C is for the launcher, which stops the board in order */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    for (int i = 0; i < CONNECTIONS; i++) {
        fcntl(theirs[i], F_SETFD, 0);
    }
    int null_fd = open("/dev/null", O_RDONLY);
    dup2(null_fd, STDIN_FILENO);

    snprintf(link, sizeof link, "socket,id=link,fd=%d", theirs[LINK]);
    snprintf(console, sizeof console, "socket,id=console,fd=%d", theirs[CONSOLE]);
    snprintf(stub, sizeof stub, "socket,id=stub,fd=%d", theirs[STUB]);
    const char *argv[] = {
        q->machine->program,
        "-M",
        q->machine->machine,
        "-S",
        "-no-user-config",
        "-nodefaults",
        "-display",
        "none",
        "-monitor",
        "none",
        "-sandbox",
        "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
        "-kernel",
        q->firmware,
        "-chardev",
        link,
        "-chardev",
        console,
        "-chardev",
        stub,
        "-serial",
        "chardev:link",
        "-serial",
        "chardev:console",
        "-gdb",
        "chardev:stub",
        NULL,
    };
    int reason = ESRCH;
    if (getppid() == parent) {
        execvp(argv[0], (char *const *)(uintptr_t)argv);
        reason = errno;
    }
    if (write(failed_fd, &reason, sizeof reason) != (ssize_t)sizeof reason) {
        _exit(126);
    }
    _exit(127);
}

static enum wb_err seed_write(struct qemu *q)
{
    uint8_t seed[WB_BOARD_SEED_LEN];
    if (getrandom(seed, sizeof seed, 0) != (ssize_t)sizeof seed) {
        return WB_ERR_ENTROPY;
    }
    enum wb_err err = gdb_write(&q->gdb, q->layout->seed_base, seed, sizeof seed);
    wb_wipe(seed, sizeof seed);
    return err;
}

static void connections_close(struct qemu *q)
{
    int *fds[] = {&q->link_fd, &q->console_fd, &q->gdb.fd};
    for (size_t i = 0; i < WB_ARRAY_LEN(fds); i++) {
        if (*fds[i] >= 0) {
            close(*fds[i]);
            *fds[i] = -1;
        }
    }
    q->gdb.running = false;
}
