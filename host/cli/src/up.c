/* SPDX-License-Identifier: AGPL-3.0-only */
/* `wasmbed up`: the whole platform on one machine. In order: state folder, certificates and tokens,
 * control plane, controller, gateway, devices, applications; then a live view, or the background.
 * Each step prints one line; the first that fails ends what was started and says why. Everything
 * lies below the state folder, so a second `up` goes on where the first stopped:
 *
 *   pki/         authority, certificates and keys, tokens.csv
 *   kubeconfig   for people; run/kubeconfig-* for the components
 *   db/          the control plane's database
 *   devices/     one folder a device: its key, certificate and flash
 *   logs/ run/   logs; pid files, lock
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "client.h"
#include "commands.h"
#include "manifest.h"
#include "supervise.h"
#include "view.h"
#include "wb_launcher.h"
#include "wb_pki.h"
#include "wb_posix.h"

#define SERVER_NAME  "wasmbed-gateway" /* what devices expect in the gateway's certificate */
#define GATEWAY_NAME "gateway"
#define CERT_DAYS    825u
#define READY_MS     15000u
#define APPS_MS      60000u
#define STOP_MS      5000u
#define DEVICES_MAX  16u
#define VIEW_LINES   12u

struct device_kind {
    const char *word;        /* in --devices */
    const char *device_type; /* in spec.deviceType */
    const char *board;       /* for the launcher; NULL: a Linux process */
    const char *name;        /* stem of device names */
};

static const struct device_kind kinds[] = {
    {"hifive1", "riscv-hifive1", "hifive1", "hifive1"},
    {"cortex-m", "cortex-m", "cortex-m", "cortex-m"},
    {"posix", "posix", NULL, "linux"},
};

struct device {
    const struct device_kind *kind;
    char name[32];
};

struct up {
    char state[PATH_MAX];
    char program[PATH_MAX]; /* this binary */
    char build[PATH_MAX];   /* folder that holds host/, hifive1/, cortex-m/ */
    const char *devices_text;
    const char *apps; /* folder of modules and manifests */
    bool is_detached, has_no_apps, is_locked;
    long api_port, tls_port, http_port, https_port;
    struct device devices[DEVICES_MAX];
    size_t device_count;
    struct supervisor supervisor;
    struct client client;
    struct wb_pki_ca ca;
    struct wb_pki_key publisher;
    char admin_token[65], component_token[65];
    wb_ms started;
};

static volatile sig_atomic_t is_interrupted;

static void on_interrupt(int number)
{
    (void)number;
    is_interrupted = 1;
}

/* ---- progress ----------------------------------------------------------------------------- */

static void step_ok(const char *what, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void step_ok(const char *what, const char *format, ...)
{
    char text[400];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    printf("  ok    %-16s %s\n", what, text);
    fflush(stdout);
}

static enum wb_err step_failed(const char *what, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static enum wb_err step_failed(const char *what, const char *format, ...)
{
    char text[640];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    printf("  FAIL  %-16s %s\n", what, text);
    fflush(stdout);
    return WB_ERR_IO;
}

static void path_of(const struct up *up, char *path, size_t cap, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
static void path_of(const struct up *up, char *path, size_t cap, const char *format, ...)
{
    char rest[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(rest, sizeof rest, format, arguments);
    va_end(arguments);
    snprintf(path, cap, "%s/%s", up->state, rest);
}

/* ---- state folder and ports --------------------------------------------------------------- */

static enum wb_err make_folders(const char *path)
{
    char part[PATH_MAX];
    snprintf(part, sizeof part, "%s", path);
    for (char *p = part + 1;; p++) {
        if (*p != '/' && *p != '\0') {
            continue;
        }
        char was = *p;
        *p = '\0';
        if (mkdir(part, 0700) != 0 && errno != EEXIST) {
            return step_failed("state", "cannot make folder %s: %s", part, strerror(errno));
        }
        if (was == '\0') {
            return WB_OK;
        }
        *p = was;
    }
}

/* One `up` a state folder: the lock lives as long as this process. */
static enum wb_err lock_state(struct up *up)
{
    char path[PATH_MAX + 32];
    path_of(up, path, sizeof path, "run/up.pid");
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        return step_failed("state", "cannot write %s: %s", path, strerror(errno));
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        char pid[16] = "";
        ssize_t n = read(fd, pid, sizeof pid - 1);
        pid[n > 0 ? strcspn(pid, "\n") : 0] = '\0';
        close(fd);
        return step_failed("state",
                           "%s is in use by process %s; stop it with `make stop` or "
                           "`wasmbed down --state %s`",
                           up->state, pid, up->state);
    }
    if (ftruncate(fd, 0) != 0 || dprintf(fd, "%d\n", (int)getpid()) < 0) {
        return step_failed("state", "cannot write %s: %s", path, strerror(errno));
    }
    up->is_locked = true;
    return WB_OK; /* fd stays open: it holds the lock */
}

static enum wb_err check_port(long port, const char *what, const char *option)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int result = bind(fd, (struct sockaddr *)&address, sizeof address);
    int reason = errno;
    close(fd);
    if (result != 0) {
        return step_failed("ports",
                           "port %ld (%s): %s; end that program, or choose another port "
                           "with --%s",
                           port, what, strerror(reason), option);
    }
    return WB_OK;
}

static enum wb_err prepare_state(struct up *up)
{
    char path[PATH_MAX + 32];
    path_of(up, path, sizeof path, "pki");
    bool is_new = access(path, F_OK) != 0;
    static const char *const folders[] = {"run", "logs", "pki", "db", "devices"};
    for (size_t i = 0; i < WB_ARRAY_LEN(folders); i++) {
        path_of(up, path, sizeof path, "%s", folders[i]);
        WB_TRY(make_folders(path));
    }
    WB_TRY(lock_state(up));
    WB_TRY(supervise_init(&up->supervisor, up->state));
    WB_TRY(check_port(up->api_port, "Kubernetes API", "api-port"));
    WB_TRY(check_port(up->tls_port, "devices", "tls-port"));
    WB_TRY(check_port(up->http_port, "health and metrics", "http-port"));
    WB_TRY(check_port(up->https_port, "gateway's API", "https-port"));
    step_ok("state", "%s (%s)", up->state, is_new ? "new" : "resumed");
    return WB_OK;
}

/* ---- certificates, tokens, kubeconfigs ---------------------------------------------------- */

static enum wb_err random_token(char token[65])
{
    uint8_t bytes[32];
    WB_TRY(wb_pki_random(NULL, bytes, sizeof bytes));
    for (size_t i = 0; i < sizeof bytes; i++) {
        snprintf(token + 2 * i, 3, "%02x", bytes[i]);
    }
    wb_wipe(bytes, sizeof bytes);
    return WB_OK;
}

/* Writes a file that only its owner may read. */
static enum wb_err write_private(const char *path, const char *text)
{
    char temporary[PATH_MAX + 48];
    snprintf(temporary, sizeof temporary, "%s.new", path);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    size_t len = strlen(text);
    bool is_written = fd >= 0 && write(fd, text, len) == (ssize_t)len && fsync(fd) == 0;
    int reason = errno;
    if (fd >= 0) {
        close(fd);
    }
    if (!is_written || rename(temporary, path) != 0) {
        return step_failed("state", "cannot write %s: %s", path, strerror(reason));
    }
    return WB_OK;
}

static enum wb_err prepare_tokens(struct up *up)
{
    char path[PATH_MAX + 32];
    path_of(up, path, sizeof path, "pki/tokens.csv");
    FILE *file = fopen(path, "r");
    char line[256];
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        char *user = strchr(line, ',');
        if (user == NULL || user - line != 64) {
            continue;
        }
        char *token = strncmp(user, ",admin,", 7) == 0        ? up->admin_token
                      : strncmp(user, ",component,", 11) == 0 ? up->component_token
                                                              : NULL;
        if (token != NULL) {
            memcpy(token, line, 64);
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    if (up->admin_token[0] != '\0' && up->component_token[0] != '\0') {
        return WB_OK;
    }
    WB_TRY(random_token(up->admin_token));
    WB_TRY(random_token(up->component_token));
    char text[512];
    snprintf(text, sizeof text,
             "%s,admin,1,\"system:masters\"\n%s,component,2,\"wasmbed:component\"\n",
             up->admin_token, up->component_token);
    enum wb_err err = write_private(path, text);
    wb_wipe(text, sizeof text);
    wb_wipe(line, sizeof line);
    return err;
}

static enum wb_err write_kubeconfig(struct up *up, const char *name, const char *user,
                                    const char *token)
{
    char ca_path[PATH_MAX + 32];
    char path[PATH_MAX + 32];
    path_of(up, ca_path, sizeof ca_path, "pki/ca-cert.pem");
    path_of(up, path, sizeof path, "%s", name);
    size_t len = 0;
    uint8_t *pem = manifest_read_file(ca_path, 16384, &len);
    char *base64 = pem != NULL ? wb_api_base64_encode(pem, len) : NULL;
    free(pem);
    if (base64 == NULL) {
        return WB_ERR_IO;
    }
    char text[8192];
    snprintf(text, sizeof text,
             "apiVersion: v1\nkind: Config\n"
             "clusters:\n- name: wasmbed\n  cluster:\n"
             "    server: https://127.0.0.1:%ld\n"
             "    certificate-authority-data: %s\n"
             "users:\n- name: %s\n  user:\n    token: %s\n"
             "contexts:\n- name: wasmbed\n  context:\n"
             "    cluster: wasmbed\n    namespace: wasmbed\n    user: %s\n"
             "current-context: wasmbed\n",
             up->api_port, base64, user, token, user);
    free(base64);
    enum wb_err err = write_private(path, text);
    wb_wipe(text, sizeof text);
    return err;
}

static enum wb_err prepare_server(struct up *up, const char *name, const char *const *names,
                                  size_t name_count, char *why)
{
    static struct wb_pki_identity identity;
    char cert[PATH_MAX + 64];
    char key[PATH_MAX + 64];
    path_of(up, cert, sizeof cert, "pki/%s-cert.pem", name);
    path_of(up, key, sizeof key, "pki/%s-key.pem", name);
    enum wb_err err = wb_pki_server_ensure(&identity, &up->ca, cert, key, names, name_count,
                                           CERT_DAYS, wb_net_unix_s(), why);
    wb_pki_identity_wipe(&identity);
    return err;
}

static enum wb_err prepare_pki(struct up *up)
{
    static const char *const api_names[] = {"localhost", "127.0.0.1", "kubernetes",
                                            "kubernetes.default"};
    static const char *const gateway_names[] = {SERVER_NAME, "localhost", "127.0.0.1"};
    char folder[PATH_MAX + 32];
    char publisher[PATH_MAX + 32];
    path_of(up, folder, sizeof folder, "pki");
    path_of(up, publisher, sizeof publisher, "pki/publisher-key.pem");
    wb_pki_err_text why = "";
    enum wb_err err = wb_pki_ca_load_or_create(&up->ca, folder, "Wasmbed CA", wb_net_unix_s(), why);
    if (err == WB_OK) {
        err = wb_pki_key_load_or_create(&up->publisher, publisher, why);
    }
    if (err == WB_OK) {
        err = prepare_server(up, "apiserver", api_names, WB_ARRAY_LEN(api_names), why);
    }
    if (err == WB_OK) {
        err = prepare_server(up, "gateway", gateway_names, WB_ARRAY_LEN(gateway_names), why);
    }
    if (err != WB_OK) {
        return step_failed("certificates", "%s", why);
    }
    WB_TRY(prepare_tokens(up));
    WB_TRY(write_kubeconfig(up, "kubeconfig", "admin", up->admin_token));
    WB_TRY(write_kubeconfig(up, "run/kubeconfig-component", "component", up->component_token));
    step_ok("certificates", "%s", folder);
    return WB_OK;
}

/* ---- components --------------------------------------------------------------------------- */

/* Turns loop and supervisor for a moment. */
static void pause_ms(struct up *up, long ms)
{
    struct timespec pause = {0, ms * 1000000};
    nanosleep(&pause, NULL);
    int status = 0;
    supervise_poll(&up->supervisor, &status);
}

/* Whether http://127.0.0.1:port/readyz says 200. */
static bool is_http_ready(long port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    static const char request[] =
        "GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    char answer[16] = "";
    struct timeval patience = {1, 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    bool is_ready = connect(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
                    write(fd, request, sizeof request - 1) == (ssize_t)sizeof request - 1 &&
                    read(fd, answer, sizeof answer - 1) > 12 &&
                    strncmp(answer, "HTTP/1.1 200", 12) == 0;
    close(fd);
    return is_ready;
}

static bool is_api_ready(struct up *up)
{
    up->client.is_quiet = true;
    json_t *gateways = client_list(&up->client, &wb_kube_gateways);
    up->client.is_quiet = false;
    bool is_ready = gateways != NULL;
    json_decref(gateways);
    return is_ready;
}

/* Waits until the component is ready; shows the end of its log when it is not. */
static enum wb_err await_ready(struct up *up, const char *component, const char *what, long port)
{
    wb_ms deadline = supervise_now() + READY_MS;
    for (;;) {
        if (port != 0 ? is_http_ready(port) : is_api_ready(up)) {
            return WB_OK;
        }
        if (is_interrupted) {
            return WB_ERR_CLOSED;
        }
        if (supervise_has_failed(&up->supervisor, component) || supervise_now() > deadline) {
            step_failed(what,
                        supervise_now() > deadline ? "not ready after %u s" : "it ended (%u s)",
                        READY_MS / 1000);
            supervise_show_log(&up->supervisor, component, 5);
            return WB_ERR_IO;
        }
        pause_ms(up, 10);
    }
}

static enum wb_err start_control_plane(struct up *up)
{
    char db[PATH_MAX + 32], cert[PATH_MAX + 32], key[PATH_MAX + 32], tokens[PATH_MAX + 32];
    char config[PATH_MAX + 32], port[16];
    path_of(up, db, sizeof db, "db");
    path_of(up, cert, sizeof cert, "pki/apiserver-cert.pem");
    path_of(up, key, sizeof key, "pki/apiserver-key.pem");
    path_of(up, tokens, sizeof tokens, "pki/tokens.csv");
    path_of(up, config, sizeof config, "kubeconfig");
    snprintf(port, sizeof port, "%ld", up->api_port);
    wb_ms begun = supervise_now();
    WB_TRY(supervise_start(&up->supervisor, "apiserver",
                           (const char *const[]){up->program, "apiserver", "--state", db, "--port",
                                                 port, "--cert", cert, "--key", key, "--tokens",
                                                 tokens, NULL}));
    WB_TRY(client_open(&up->client, config, WB_API_NAMESPACE));
    WB_TRY(await_ready(up, "apiserver", "control plane", 0));
    step_ok("control plane", "https://127.0.0.1:%ld, ready in %llu ms; kubectl --kubeconfig %s",
            up->api_port, (unsigned long long)(supervise_now() - begun), config);
    json_t *answer = client_apply_namespace(&up->client, WB_API_NAMESPACE);
    json_decref(answer);
    return answer != NULL ? WB_OK : WB_ERR_IO;
}

static enum wb_err start_controller(struct up *up)
{
    char config[PATH_MAX + 32];
    path_of(up, config, sizeof config, "run/kubeconfig-component");
    WB_TRY(supervise_start(
        &up->supervisor, "controller",
        (const char *const[]){up->program, "controller", "--kubeconfig", config, NULL}));
    pause_ms(up, 100);
    if (supervise_has_failed(&up->supervisor, "controller")) {
        step_failed("controller", "it ended");
        supervise_show_log(&up->supervisor, "controller", 5);
        return WB_ERR_IO;
    }
    step_ok("controller", "running");
    return WB_OK;
}

static enum wb_err start_gateway(struct up *up)
{
    json_t *object =
        wb_api_object_new(wb_api_kind_get(WB_API_GATEWAY), WB_API_NAMESPACE, GATEWAY_NAME);
    char endpoint[64];
    snprintf(endpoint, sizeof endpoint, "127.0.0.1:%ld", up->tls_port);
    json_object_set_new(object, "spec",
                        json_pack("{s:s, s:I, s:I, s:s}", "endpoint", "127.0.0.1", "tlsPort",
                                  (json_int_t)up->tls_port, "httpPort", (json_int_t)up->http_port,
                                  "heartbeatInterval", "5s"));
    json_t *answer = client_apply(&up->client, &wb_kube_gateways, object);
    json_decref(object);
    json_decref(answer);
    if (answer == NULL) {
        return step_failed("gateway", "cannot create its Gateway object");
    }
    char cert[PATH_MAX + 32], key[PATH_MAX + 32], tokens[PATH_MAX + 32], ca[PATH_MAX + 32];
    char config[PATH_MAX + 32], url[PATH_MAX + 32], tls[16], http[16], https[16], text[64];
    path_of(up, cert, sizeof cert, "pki/gateway-cert.pem");
    path_of(up, key, sizeof key, "pki/gateway-key.pem");
    path_of(up, ca, sizeof ca, "pki/ca-cert.pem");
    path_of(up, tokens, sizeof tokens, "pki/tokens.csv");
    path_of(up, config, sizeof config, "run/kubeconfig-component");
    path_of(up, url, sizeof url, "run/gateway.url");
    snprintf(tls, sizeof tls, "%ld", up->tls_port);
    snprintf(http, sizeof http, "%ld", up->http_port);
    snprintf(https, sizeof https, "%ld", up->https_port);
    snprintf(text, sizeof text, "https://127.0.0.1:%ld\n", up->https_port);
    WB_TRY(write_private(url, text));
    WB_TRY(supervise_start(
        &up->supervisor, "gateway",
        (const char *const[]){
            up->program,    "gateway",    "--name",     GATEWAY_NAME,  "--kubeconfig",
            config,         "--cert",     cert,         "--key",       key,
            "--ca",         ca,           "--tokens",   tokens,        "--bind",
            "127.0.0.1",    "--tls-port", tls,          "--http-port", http,
            "--https-port", https,        "--endpoint", endpoint,      NULL}));
    WB_TRY(await_ready(up, "gateway", "gateway", up->http_port));
    step_ok("gateway",
            "devices on 127.0.0.1:%ld, http://127.0.0.1:%ld/health, "
            "https://127.0.0.1:%ld/api/v1",
            up->tls_port, up->http_port, up->https_port);
    return WB_OK;
}

/* ---- devices ------------------------------------------------------------------------------ */

/* "hifive1=2,cortex-m=1,posix=1" */
static enum wb_err parse_devices(struct up *up)
{
    char text[256];
    snprintf(text, sizeof text, "%s", up->devices_text);
    for (char *word = strtok(text, ","); word != NULL; word = strtok(NULL, ",")) {
        char *number = strchr(word, '=');
        long count = number != NULL ? strtol(number + 1, NULL, 10) : 1;
        if (number != NULL) {
            *number = '\0';
        }
        const struct device_kind *kind = NULL;
        for (size_t i = 0; i < WB_ARRAY_LEN(kinds); i++) {
            kind = strcmp(kinds[i].word, word) == 0 ? &kinds[i] : kind;
        }
        if (kind == NULL || count < 0 || count > (long)(DEVICES_MAX - up->device_count)) {
            fprintf(stderr,
                    "wasmbed up: --devices: \"%s\" is not hifive1=N, cortex-m=N or posix=N "
                    "(%u in all at most)\n",
                    word, DEVICES_MAX);
            return WB_ERR_VALUE;
        }
        for (long n = 1; n <= count; n++) {
            struct device *d = &up->devices[up->device_count++];
            d->kind = kind;
            snprintf(d->name, sizeof d->name, "%s-%ld", kind->name, n);
        }
    }
    return WB_OK;
}

static enum wb_err register_device(struct up *up, const struct device *d,
                                   const uint8_t public_key[32])
{
    char *key = wb_api_base64_encode(public_key, 32);
    json_t *object = wb_api_object_new(wb_api_kind_get(WB_API_DEVICE), WB_API_NAMESPACE, d->name);
    json_object_set_new(object, "spec",
                        json_pack("{s:s, s:s, s:{s:s, s:s}, s:b, s:[s,s]}", "deviceId", d->name,
                                  "deviceType", d->kind->device_type, "publicKey", "algorithm",
                                  "Ed25519", "keyData", key, "approved", 1, "capabilities",
                                  "wasm-execution", "tls-client"));
    free(key);
    json_t *answer = client_apply(&up->client, &wb_kube_devices, object);
    json_decref(object);
    json_decref(answer);
    return answer != NULL ? WB_OK : WB_ERR_IO;
}

static enum wb_err provision(struct up *up, const struct device *d,
                             const struct wb_pki_identity *identity, const char *firmware,
                             const char *flash)
{
    struct wb_board_layout layout = {0};
    if (d->kind->board != NULL) {
        enum wb_err err = wb_launcher_layout_read(firmware, &layout);
        if (err != WB_OK) {
            return step_failed(d->name, "%s: %s; build it with `make firmware`", firmware,
                               wb_err_str(err));
        }
    }
    char gateway[64];
    snprintf(gateway, sizeof gateway, "127.0.0.1:%ld", up->tls_port);
    const struct wb_posix_identity record = {
        .device_id = d->name,
        .device_key = identity->key.private_key,
        .certificate = identity->chain[0].data,
        .certificate_len = identity->chain[0].len,
        .ca = up->ca.der,
        .ca_len = up->ca.der_len,
        .publishers = up->publisher.public_key,
        .publisher_count = 1,
        .server_name = SERVER_NAME,
        .gateway = d->kind->board == NULL ? gateway : NULL,
    };
    const char *field = "";
    enum wb_err err = wb_posix_provision(flash, layout.store_size, &record, &field);
    if (err != WB_OK) {
        return step_failed(d->name, "cannot provision %s: %s %s", flash, wb_err_str(err),
                           field != NULL ? field : "");
    }
    return WB_OK;
}

static enum wb_err start_device(struct up *up, const struct device *d)
{
    char folder[PATH_MAX + 64], cert[PATH_MAX + 96], key[PATH_MAX + 96], flash[PATH_MAX + 96];
    char firmware[PATH_MAX + 64], gateway[64];
    path_of(up, folder, sizeof folder, "devices/%s", d->name);
    snprintf(cert, sizeof cert, "%s/cert.pem", folder);
    snprintf(key, sizeof key, "%s/key.pem", folder);
    snprintf(flash, sizeof flash, "%s/flash.bin", folder);
    snprintf(firmware, sizeof firmware, "%s/%s/firmware.elf", up->build,
             d->kind->board != NULL ? d->kind->board : "");
    snprintf(gateway, sizeof gateway, "127.0.0.1:%ld", up->tls_port);
    WB_TRY(make_folders(folder));
    static struct wb_pki_identity identity;
    wb_pki_err_text why = "";
    if (wb_pki_device_ensure(&identity, &up->ca, cert, key, d->name, CERT_DAYS, wb_net_unix_s(),
                             why) != WB_OK) {
        return step_failed(d->name, "%s", why);
    }
    enum wb_err err = provision(up, d, &identity, firmware, flash);
    if (err == WB_OK) {
        err = register_device(up, d, identity.key.public_key);
    }
    wb_pki_identity_wipe(&identity);
    WB_TRY(err);
    if (d->kind->board == NULL) {
        WB_TRY(
            supervise_start(&up->supervisor, d->name,
                            (const char *const[]){up->program, "device", "--flash", flash,
                                                  "--gateway", gateway, "--name", d->name, NULL}));
        step_ok(d->name, "Linux process");
    } else {
        WB_TRY(
            supervise_start(&up->supervisor, d->name,
                            (const char *const[]){up->program, "board", "--type", d->kind->board,
                                                  "--firmware", firmware, "--flash", flash,
                                                  "--gateway", gateway, "--name", d->name, NULL}));
        step_ok(d->name, "%s in QEMU, firmware %s", d->kind->board, firmware);
    }
    return WB_OK;
}

/* ---- applications ------------------------------------------------------------------------- */

static enum wb_err deploy(struct up *up, const char *name)
{
    char manifest[PATH_MAX + 64], module[PATH_MAX + 64], key[PATH_MAX + 32];
    snprintf(manifest, sizeof manifest, "%s/%s.yaml", up->apps, name);
    snprintf(module, sizeof module, "%s/%s.wasm", up->apps, name);
    path_of(up, key, sizeof key, "pki/publisher-key.pem");
    json_t *object = manifest_build(manifest, module, key);
    json_t *answer =
        object != NULL ? client_apply(&up->client, &wb_kube_applications, object) : NULL;
    json_decref(object);
    if (answer == NULL) {
        return step_failed(name, "cannot be deployed");
    }
    json_decref(answer);
    return WB_OK;
}

/* Whether every Application runs on all of its devices; text says how far. */
static bool are_running(struct up *up, char *text, size_t cap)
{
    json_t *apps = client_list(&up->client, &wb_kube_applications);
    size_t i = 0;
    size_t len = 0;
    bool is_all = json_array_size(apps) > 0;
    const json_t *app = NULL;
    text[0] = '\0';
    json_array_foreach(apps, i, app)
    {
        const json_t *status = json_object_get(app, "status");
        const char *phase = wb_api_text_at(status, "Pending", "phase", NULL);
        bool is_current = wb_api_integer_at(status, 0, "observedGeneration", NULL) ==
                          wb_api_integer_at(app, -1, "metadata", "generation", NULL);
        is_all &= is_current && strcmp(phase, "Running") == 0;
        int n = snprintf(text + len, cap - len, "%s%s on %lld of %lld", i > 0 ? ", " : "",
                         wb_api_text_at(app, "?", "metadata", "name", NULL),
                         (long long)wb_api_integer_at(status, 0, "counts", "running", NULL),
                         (long long)wb_api_integer_at(status, 0, "counts", "target", NULL));
        len += n > 0 && (size_t)n < cap - len ? (size_t)n : cap - len - 1;
    }
    json_decref(apps);
    return is_all;
}

static enum wb_err deploy_examples(struct up *up)
{
    static const char *const names[] = {"hello", "filter", "sensor"};
    wb_ms begun = supervise_now();
    for (size_t i = 0; i < WB_ARRAY_LEN(names); i++) {
        WB_TRY(deploy(up, names[i]));
    }
    char text[256] = "";
    wb_ms deadline = begun + APPS_MS;
    bool is_tty = isatty(STDOUT_FILENO);
    while (!are_running(up, text, sizeof text)) {
        if (is_interrupted) {
            return WB_ERR_CLOSED;
        }
        if (supervise_now() > deadline) {
            printf("%s", is_tty ? "\r\033[K" : "");
            return step_failed("applications",
                               "not running everywhere after %u s: %s; see `wasmbed "
                               "status --state %s`",
                               APPS_MS / 1000, text, up->state);
        }
        if (is_tty) {
            printf("\r\033[K  ...   %-16s %s", "applications", text);
            fflush(stdout);
        }
        pause_ms(up, 100);
    }
    printf("%s", is_tty ? "\r\033[K" : "");
    step_ok("applications", "%s after %.1f s", text, (double)(supervise_now() - begun) / 1000.0);
    return WB_OK;
}

/* ---- live view ---------------------------------------------------------------------------- */

struct live {
    struct up *up;
    struct wb_http_client *http;
    struct log_stream *stream;
    json_t *lines[VIEW_LINES];
    size_t line_count;
    json_t *devices; /* the gateway's live list */
    bool is_tty;
    bool is_asking;
    wb_ms draw_at, reopen_at;
};

static void on_line(void *ctx, const json_t *line)
{
    struct live *v = ctx;
    if (!v->is_tty) {
        view_log_line(stdout, line);
        fflush(stdout);
        return;
    }
    size_t at = v->line_count++ % VIEW_LINES;
    json_decref(v->lines[at]);
    v->lines[at] = json_deep_copy(line);
}

static void on_stream_done(void *ctx, unsigned status, const char *text)
{
    (void)status;
    (void)text;
    struct live *v = ctx;
    v->stream = NULL;
    v->reopen_at = supervise_now() + 1000;
}

static void on_devices(void *ctx, const struct wb_http_result *result)
{
    struct live *v = ctx;
    v->is_asking = false;
    json_t *object = result->status == 200
                         ? json_loadb((const char *)result->body, result->body_len, 0, NULL)
                         : NULL;
    json_decref(v->devices);
    v->devices = object;
}

static void draw(struct live *v)
{
    struct up *up = v->up;
    up->client.is_quiet = true;
    json_t *devices = client_list(&up->client, &wb_kube_devices);
    json_t *apps = client_list(&up->client, &wb_kube_applications);
    up->client.is_quiet = false;
    printf("\033[H\033[J");
    printf("wasmbed   state %s   up %llu s   Ctrl-C stops\n\n", up->state,
           (unsigned long long)((supervise_now() - up->started) / 1000));
    if (devices == NULL || apps == NULL) {
        printf("control plane: %s\n", up->client.text);
    } else {
        view_devices(stdout, devices, v->devices);
        printf("\n");
        view_applications(stdout, apps);
    }
    printf("\n");
    size_t shown = v->line_count < VIEW_LINES ? v->line_count : VIEW_LINES;
    for (size_t i = v->line_count - shown; i < v->line_count; i++) {
        view_log_line(stdout, v->lines[i % VIEW_LINES]);
    }
    fflush(stdout);
    json_decref(devices);
    json_decref(apps);
}

static void show_live(struct up *up)
{
    struct live v = {.up = up, .is_tty = isatty(STDOUT_FILENO)};
    char config[PATH_MAX + 32];
    path_of(up, config, sizeof config, "kubeconfig");
    v.http = view_gateway_client(up->client.loop, config, up->state, NULL);
    while (!is_interrupted) {
        wb_ms now = supervise_now();
        if (v.stream == NULL && v.http != NULL && now >= v.reopen_at) {
            v.stream = log_stream_open(&(struct log_stream_cfg){.http = v.http,
                                                                .lines = 3,
                                                                .is_following = true,
                                                                .line = on_line,
                                                                .done = on_stream_done,
                                                                .ctx = &v});
        }
        if (v.is_tty && now >= v.draw_at) {
            v.draw_at = now + 1000;
            if (!v.is_asking && v.http != NULL) {
                v.is_asking =
                    wb_http_client_call(v.http, &(struct wb_http_call_cfg){.url = "/api/v1/devices",
                                                                           .done = on_devices,
                                                                           .ctx = &v}) != NULL;
            }
            draw(&v);
        }
        wb_net_loop_turn(up->client.loop, false);
        int status = 0;
        const char *ended = supervise_poll(&up->supervisor, &status);
        if (ended != NULL && !v.is_tty) {
            printf("%s ended (status %d) and is started again\n", ended, status);
        }
        pause_ms(up, 50);
    }
    log_stream_close(v.stream);
    if (v.http != NULL) {
        wb_http_client_free(v.http);
    }
    for (size_t i = 0; i < VIEW_LINES; i++) {
        json_decref(v.lines[i]);
    }
    json_decref(v.devices);
}

/* In the background only the components need care. */
static void watch_over(struct up *up)
{
    while (!is_interrupted) {
        pause_ms(up, 100);
    }
}

/* ---- the command -------------------------------------------------------------------------- */

static enum wb_err bring_up(struct up *up)
{
    WB_TRY(prepare_state(up));
    WB_TRY(prepare_pki(up));
    WB_TRY(start_control_plane(up));
    WB_TRY(start_controller(up));
    WB_TRY(start_gateway(up));
    for (size_t i = 0; i < up->device_count; i++) {
        WB_TRY(start_device(up, &up->devices[i]));
    }
    if (!up->has_no_apps) {
        WB_TRY(deploy_examples(up));
    }
    return WB_OK;
}

static void take_down(struct up *up)
{
    client_close(&up->client);
    supervise_stop(&up->supervisor, STOP_MS);
    if (up->is_locked) { /* else it is another process's */
        char path[PATH_MAX + 32];
        path_of(up, path, sizeof path, "run/up.pid");
        unlink(path);
    }
    wb_wipe(&up->ca, sizeof up->ca);
    wb_wipe(&up->publisher, sizeof up->publisher);
}

/* Goes to the background; the parent waits for the word that all is up and prints what the child
 * prints. */
static int detach(int *report)
{
    int ends[2];
    if (pipe(ends) != 0) {
        perror("wasmbed up: pipe");
        return EXIT_FAILED;
    }
    pid_t pid = fork();
    if (pid < 0) {
        perror("wasmbed up: fork");
        return EXIT_FAILED;
    }
    if (pid == 0) {
        close(ends[0]);
        setsid();
        *report = ends[1];
        fcntl(ends[1], F_SETFD, FD_CLOEXEC);
        return -1;
    }
    close(ends[1]);
    char verdict = EXIT_FAILED;
    if (read(ends[0], &verdict, 1) != 1) {
        verdict = EXIT_FAILED;
    }
    close(ends[0]);
    if (verdict == EXIT_OK) {
        printf("running in the background as process %d\n", (int)pid);
    }
    return verdict;
}

static int run_up(struct up *up)
{
    int report = -1;
    if (up->is_detached) {
        fflush(stdout);
        int code = detach(&report);
        if (code != -1) {
            return code;
        }
    }
    struct sigaction action = {.sa_handler = on_interrupt};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    up->started = supervise_now();
    enum wb_err err = bring_up(up);
    if (report >= 0) {
        char verdict = err == WB_OK ? EXIT_OK : EXIT_FAILED;
        fflush(stdout);
        if (write(report, &verdict, 1) != 1) {
            err = WB_ERR_IO; /* nobody waits for us any more */
        }
        int null = open("/dev/null", O_RDWR);
        for (int fd = 0; fd <= 2 && err == WB_OK; fd++) {
            dup2(null, fd);
        }
        close(null);
        close(report);
    }
    if (err == WB_OK && !is_interrupted) {
        if (up->is_detached) {
            watch_over(up);
        } else {
            show_live(up);
        }
    }
    if (!up->is_detached) {
        printf("\nstopping\n");
        fflush(stdout);
    }
    take_down(up);
    return err == WB_OK || is_interrupted ? EXIT_OK : EXIT_FAILED;
}

/* build/host/bin/wasmbed -> build, build/host/apps */
static bool find_build(struct up *up, char *apps, size_t cap)
{
    ssize_t len = readlink("/proc/self/exe", up->program, sizeof up->program - 1);
    if (len <= 0) {
        return false;
    }
    up->program[len] = '\0';
    char folder[PATH_MAX];
    snprintf(folder, sizeof folder, "%s", up->program);
    for (int i = 0; i < 2; i++) {
        char *slash = strrchr(folder, '/');
        if (slash == NULL) {
            return false;
        }
        *slash = '\0';
    }
    snprintf(apps, cap, "%s/apps", folder);
    char *slash = strrchr(folder, '/');
    if (slash != NULL) {
        *slash = '\0';
    }
    snprintf(up->build, sizeof up->build, "%s", folder);
    return true;
}

int command_up(struct args *args)
{
    static struct up up;
    static char apps[PATH_MAX + 8];
    const char *state = STATE_DEFAULT;
    const char *build = NULL;
    up = (struct up){.devices_text = "hifive1=2,cortex-m=1,posix=1",
                     .api_port = 6443,
                     .tls_port = 4423,
                     .http_port = 8080,
                     .https_port = 8443,
                     .apps = apps};
    const struct option options[] = {
        OPTION_TEXT("state", 0, "DIR", "keeps everything there (default " STATE_DEFAULT ")",
                    &state),
        OPTION_FLAG("detach", 'd', "go on in the background once all is up", &up.is_detached),
        OPTION_TEXT("devices", 0, "LIST", "default hifive1=2,cortex-m=1,posix=1", &up.devices_text),
        OPTION_FLAG("no-apps", 0, "do not deploy the example applications", &up.has_no_apps),
        OPTION_TEXT("apps", 0, "DIR", "modules and manifests of the examples", &up.apps),
        OPTION_TEXT("firmware", 0, "DIR", "holds BOARD/firmware.elf (default: beside the program)",
                    &build),
        OPTION_NUMBER("api-port", 0, "N", "Kubernetes API (default 6443)", &up.api_port, 1, 65535),
        OPTION_NUMBER("tls-port", 0, "N", "devices (default 4423)", &up.tls_port, 1, 65535),
        OPTION_NUMBER("http-port", 0, "N", "health and metrics (default 8080)", &up.http_port, 1,
                      65535),
        OPTION_NUMBER("https-port", 0, "N", "the gateway's API (default 8443)", &up.https_port, 1,
                      65535),
        OPTION_END,
    };
    int result = args_parse(args, options, 0, 0);
    if (result != -1) {
        return result;
    }
    if (!find_build(&up, apps, sizeof apps) || parse_devices(&up) != WB_OK) {
        return EXIT_USAGE;
    }
    if (build != NULL) {
        snprintf(up.build, sizeof up.build, "%s", build);
    }
    if (make_folders(state) != WB_OK || realpath(state, up.state) == NULL) {
        fprintf(stderr, "wasmbed up: state folder %s: %s\n", state, strerror(errno));
        return EXIT_FAILED;
    }
    return run_up(&up);
}

int command_down(struct args *args)
{
    const char *state = STATE_DEFAULT;
    const struct option options[] = {
        OPTION_TEXT("state", 0, "DIR", "state folder (default " STATE_DEFAULT ")", &state),
        OPTION_END,
    };
    int result = args_parse(args, options, 0, 0);
    if (result != -1) {
        return result;
    }
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/run/up.pid", state);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    char text[16] = "";
    if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) == 0) {
        printf("nothing runs in %s\n", state);
        if (fd >= 0) {
            close(fd);
        }
        return EXIT_OK;
    }
    ssize_t n = read(fd, text, sizeof text - 1);
    long pid = n > 0 ? strtol(text, NULL, 10) : 0;
    if (pid <= 1 || kill((pid_t)pid, SIGTERM) != 0) {
        fprintf(stderr, "wasmbed down: cannot end process %ld\n", pid);
        close(fd);
        return EXIT_FAILED;
    }
    wb_ms deadline = supervise_now() + 60000;
    while (flock(fd, LOCK_EX | LOCK_NB) != 0) { /* the lock is free when it has ended */
        if (supervise_now() > deadline) {
            fprintf(stderr, "wasmbed down: process %ld does not end\n", pid);
            close(fd);
            return EXIT_FAILED;
        }
        struct timespec pause = {0, 20000000};
        nanosleep(&pause, NULL);
    }
    close(fd);
    printf("stopped\n");
    return EXIT_OK;
}
