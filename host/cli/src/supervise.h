/* SPDX-License-Identifier: AGPL-3.0-only */
/* supervise.h: the child processes of `wasmbed up`: start, restart with back-off, stop in reverse
 * order. Files    <state>/run/<name>.pid, <state>/logs/<name>.log Rules    signals only processes
 * that it started itself and has not yet reaped
 */
#ifndef WB_CLI_SUPERVISE_H
#define WB_CLI_SUPERVISE_H

#include <stdbool.h>
#include <sys/types.h>

#include "wb_base.h"

#define SUPERVISE_COMPONENTS_MAX 32
#define SUPERVISE_ARGS_MAX       32

struct component {
    char name[64];
    char *argv[SUPERVISE_ARGS_MAX + 1]; /* owned copies; argv[0] is the program */
    pid_t pid;                          /* 0: not running */
    unsigned restarts;
    wb_ms started;
    wb_ms start_at; /* when to start it again; 0: nothing planned */
};

struct supervisor {
    char state[512];
    struct component components[SUPERVISE_COMPONENTS_MAX];
    unsigned count;
    bool is_stopping;
};

/* Milliseconds of the monotonic clock. */
wb_ms supervise_now(void);

/* state: the state folder, made if absent with run/ and logs/. */
enum wb_err supervise_init(struct supervisor *s, const char *state) WB_MUST_USE;

/* Adds a component and starts it: argv is copied, ends with NULL, argv[0] is a path. */
enum wb_err supervise_start(struct supervisor *s, const char *name,
                            const char *const *argv) WB_MUST_USE;

/* Reaps what ended and starts it again (after 0.2 s, doubling to 5 s while it keeps failing early).
 * Returns the name of a component that has just ended, or NULL; *status as of waitpid. Call it in a
 * loop. */
const char *supervise_poll(struct supervisor *s, int *status);

/* True when the named component has ended at least once since it was started. */
bool supervise_has_failed(const struct supervisor *s, const char *name);

/* SIGTERM in reverse order of starting, SIGKILL after grace; removes the pid files. */
void supervise_stop(struct supervisor *s, wb_ms grace);

/* Copies the last lines (at most max bytes) of a component's log to stderr, for error messages. */
void supervise_show_log(const struct supervisor *s, const char *name, unsigned lines);

#endif
