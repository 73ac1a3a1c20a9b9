/* SPDX-License-Identifier: AGPL-3.0-only */
/* Children die with their parent (PR_SET_PDEATHSIG), write to a log of their own and leave a pid
 * file, so that a script can end one and watch it come back. */
#include "supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BACKOFF_FIRST_MS 200u
#define BACKOFF_MAX_MS   5000u
#define STEADY_MS        10000u /* a component that ran this long starts again without delay */

wb_ms supervise_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (wb_ms)t.tv_sec * 1000u + (wb_ms)(t.tv_nsec / 1000000);
}

static enum wb_err make_folder(const char *path)
{
    if (mkdir(path, 0700) != 0 && errno != EEXIST) {
        fprintf(stderr, "wasmbed: cannot make folder %s: %s\n", path, strerror(errno));
        return WB_ERR_IO;
    }
    return WB_OK;
}

enum wb_err supervise_init(struct supervisor *s, const char *state)
{
    *s = (struct supervisor){0};
    snprintf(s->state, sizeof s->state, "%s", state);
    char path[600];
    snprintf(path, sizeof path, "%s/run", state);
    WB_TRY(make_folder(path));
    snprintf(path, sizeof path, "%s/logs", state);
    return make_folder(path);
}

static void pid_file_path(const struct supervisor *s, const char *name, char *path, size_t cap)
{
    snprintf(path, cap, "%s/run/%s.pid", s->state, name);
}

static void write_pid_file(const struct supervisor *s, const char *name, pid_t pid)
{
    char path[700];
    pid_file_path(s, name, path, sizeof path);
    FILE *file = fopen(path, "w");
    if (file != NULL) {
        fprintf(file, "%d\n", (int)pid);
        fclose(file);
    }
}

static enum wb_err launch(struct supervisor *s, struct component *c)
{
    char log[700];
    snprintf(log, sizeof log, "%s/logs/%s.log", s->state, c->name);
    int fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0) {
        fprintf(stderr, "wasmbed: cannot write %s: %s\n", log, strerror(errno));
        return WB_ERR_IO;
    }
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        if (getppid() != parent) {
            _exit(1); /* the parent ended between fork and prctl */
        }
        setpgid(0, 0); /* Ctrl-C reaches the supervisor only, which ends us in order */
        int null = open("/dev/null", O_RDONLY);
        dup2(null, STDIN_FILENO);
        dup2(fd, STDOUT_FILENO);
        dup2(fd, STDERR_FILENO);
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        execv(c->argv[0], c->argv);
        fprintf(stderr, "error cannot_start program=%s reason=\"%s\"\n", c->argv[0],
                strerror(errno));
        _exit(127);
    }
    close(fd);
    if (pid < 0) {
        fprintf(stderr, "wasmbed: cannot start %s: %s\n", c->name, strerror(errno));
        return WB_ERR_IO;
    }
    c->pid = pid;
    c->started = supervise_now();
    c->start_at = 0;
    write_pid_file(s, c->name, pid);
    return WB_OK;
}

enum wb_err supervise_start(struct supervisor *s, const char *name, const char *const *argv)
{
    if (s->count == SUPERVISE_COMPONENTS_MAX) {
        return WB_ERR_LIMIT;
    }
    struct component *c = &s->components[s->count];
    *c = (struct component){0};
    snprintf(c->name, sizeof c->name, "%s", name);
    for (size_t i = 0; argv[i] != NULL; i++) {
        if (i == SUPERVISE_ARGS_MAX) {
            return WB_ERR_LIMIT;
        }
        c->argv[i] = strdup(argv[i]);
    }
    s->count++;
    return launch(s, c);
}

const char *supervise_poll(struct supervisor *s, int *status)
{
    wb_ms now = supervise_now();
    const char *ended = NULL;
    for (unsigned i = 0; i < s->count; i++) {
        struct component *c = &s->components[i];
        if (c->pid != 0 && ended == NULL && waitpid(c->pid, status, WNOHANG) == c->pid) {
            c->pid = 0;
            unsigned shift = c->restarts < 5 ? c->restarts : 5;
            wb_ms delay = now - c->started > STEADY_MS ? 0 : (wb_ms)BACKOFF_FIRST_MS << shift;
            c->start_at = now + (delay < BACKOFF_MAX_MS ? delay : BACKOFF_MAX_MS);
            c->restarts = now - c->started > STEADY_MS ? 1 : c->restarts + 1;
            ended = c->name;
        }
        if (c->pid == 0 && c->start_at != 0 && now >= c->start_at && !s->is_stopping) {
            if (launch(s, c) != WB_OK) {
                c->start_at = now + BACKOFF_MAX_MS;
            }
        }
    }
    return ended;
}

bool supervise_has_failed(const struct supervisor *s, const char *name)
{
    for (unsigned i = 0; i < s->count; i++) {
        if (strcmp(s->components[i].name, name) == 0) {
            return s->components[i].restarts > 0;
        }
    }
    return false;
}

/* Waits until the component has ended or the deadline has passed. */
static bool wait_for_end(struct component *c, wb_ms deadline)
{
    while (waitpid(c->pid, NULL, WNOHANG) == 0) {
        if (supervise_now() >= deadline) {
            return false;
        }
        struct timespec pause = {0, 5000000};
        nanosleep(&pause, NULL);
    }
    return true;
}

void supervise_stop(struct supervisor *s, wb_ms grace)
{
    s->is_stopping = true;
    for (unsigned i = s->count; i-- > 0;) {
        struct component *c = &s->components[i];
        if (c->pid != 0) {
            kill(c->pid, SIGTERM);
            if (!wait_for_end(c, supervise_now() + grace)) {
                kill(c->pid, SIGKILL);
                waitpid(c->pid, NULL, 0);
            }
            c->pid = 0;
        }
        char path[700];
        pid_file_path(s, c->name, path, sizeof path);
        unlink(path);
        for (size_t a = 0; c->argv[a] != NULL; a++) {
            free(c->argv[a]);
        }
    }
    s->count = 0;
}

void supervise_show_log(const struct supervisor *s, const char *name, unsigned lines)
{
    char path[700];
    snprintf(path, sizeof path, "%s/logs/%s.log", s->state, name);
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        return;
    }
    static char text[8192];
    fseek(file, 0, SEEK_END);
    long size = ftell(file);
    fseek(file, size > (long)sizeof text - 1 ? size - ((long)sizeof text - 1) : 0, SEEK_SET);
    size_t len = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[len] = '\0';
    char *at = text + len;
    for (unsigned n = 0; at > text; at--) {
        if (at[-1] == '\n' && at != text + len && ++n == lines) {
            break;
        }
    }
    fprintf(stderr, "  last lines of %s:\n%s", path, at);
}
