/* SPDX-License-Identifier: AGPL-3.0-only */
/* config.c: where the API server is and who we are: kubeconfig, or a pod's service account. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "wb_kube.h"

#define FILE_MAX       (4u * 1024u * 1024u)
#define ACCOUNT_FOLDER "/var/run/secrets/kubernetes.io/serviceaccount"

/* What the reading functions share. */
struct source {
    const char *folder; /* relative file names start here */
    struct wb_kube_config *config;
    char *err_text;
    size_t err_text_cap;
};

__attribute__((format(printf, 3, 4))) static enum wb_err fail(struct source *s, enum wb_err err,
                                                              const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    if (s->err_text_cap > 0) {
        vsnprintf(s->err_text, s->err_text_cap, format, arguments);
    }
    va_end(arguments);
    return err;
}

static void free_secret(char *secret)
{
    if (secret != NULL) {
        wb_wipe(secret, strlen(secret));
        free(secret);
    }
}

void wb_kube_config_deinit(struct wb_kube_config *config)
{
    free(config->server);
    free(config->ca_pem);
    free_secret(config->token);
    free(config->token_file);
    free(config->client_cert_pem);
    free_secret(config->client_key_pem);
    free(config->namespace);
    free(config->origin);
    memset(config, 0, sizeof *config);
}

/* Reads a whole file as text; NULL with errno. */
static char *read_file(const char *path)
{
    FILE *file = fopen(path, "rbe");
    if (file == NULL) {
        return NULL;
    }
    char *text = malloc(FILE_MAX + 1);
    size_t len = text != NULL ? fread(text, 1, FILE_MAX + 1, file) : 0;
    int failed = ferror(file) ? errno : len > FILE_MAX ? EFBIG : text == NULL ? ENOMEM : 0;
    fclose(file);
    if (failed != 0) {
        free(text);
        errno = failed;
        return NULL;
    }
    text[len] = '\0';
    char *fitted = realloc(text, len + 1);
    return fitted != NULL ? fitted : text;
}

static char *join(const char *folder, const char *name)
{
    char *path;
    if (name[0] == '/' || folder == NULL || folder[0] == '\0') {
        return strdup(name);
    }
    return asprintf(&path, "%s/%s", folder, name) < 0 ? NULL : path;
}

/* The member of the list `lists` whose name is `name`, and in it the object `part`. */
static const json_t *find_named(const json_t *root, const char *lists, const char *name,
                                const char *part)
{
    size_t index;
    json_t *item;
    json_array_foreach(json_object_get(root, lists), index, item)
    {
        if (strcmp(wb_api_text_at(item, "", "name", NULL), name) == 0) {
            return json_object_get(item, part);
        }
    }
    return NULL;
}

/* A PEM given inline in base64 (key-data) or by file name (key). Absent: *pem stays. */
static enum wb_err read_pem(struct source *s, const json_t *object, const char *key, char **pem)
{
    char data_key[64];
    snprintf(data_key, sizeof data_key, "%s-data", key);
    const char *data = wb_api_text_at(object, "", data_key, NULL);
    const char *name = wb_api_text_at(object, "", key, NULL);
    if (data[0] != '\0') {
        uint8_t *bytes;
        size_t len;
        if (wb_api_base64_decode(data, strlen(data), FILE_MAX, &bytes, &len) != WB_OK) {
            return fail(s, WB_ERR_FORMAT, "%s: not base64", data_key);
        }
        *pem = (char *)bytes;
        return WB_OK;
    }
    if (name[0] == '\0') {
        return WB_OK;
    }
    char *path = join(s->folder, name);
    *pem = path != NULL ? read_file(path) : NULL;
    enum wb_err err =
        *pem != NULL ? WB_OK
                     : fail(s, WB_ERR_IO, "%s: cannot read %s: %s", key, name, strerror(errno));
    free(path);
    return err;
}

static enum wb_err read_cluster(struct source *s, const json_t *cluster, const char *name)
{
    const char *server = wb_api_text_at(cluster, "", "server", NULL);
    if (cluster == NULL) {
        return fail(s, WB_ERR_NOT_FOUND, "no cluster is named \"%.100s\"", name);
    }
    if (strncmp(server, "https://", 8) != 0 && strncmp(server, "http://", 7) != 0) {
        return fail(s, WB_ERR_FORMAT,
                    "cluster \"%.100s\": server must be a URL like "
                    "https://127.0.0.1:6443",
                    name);
    }
    s->config->server = strdup(server);
    size_t len = s->config->server != NULL ? strlen(s->config->server) : 0;
    while (len > 0 && s->config->server[len - 1] == '/') {
        s->config->server[--len] = '\0';
    }
    s->config->insecure = json_is_true(json_object_get(cluster, "insecure-skip-tls-verify"));
    return read_pem(s, cluster, "certificate-authority", &s->config->ca_pem);
}

static char *trimmed(char *text)
{
    size_t len = text != NULL ? strlen(text) : 0;
    while (len > 0 && strchr(" \t\r\n", text[len - 1]) != NULL) {
        text[--len] = '\0';
    }
    return text;
}

static enum wb_err read_user(struct source *s, const json_t *user, const char *name)
{
    if (user == NULL) {
        return fail(s, WB_ERR_NOT_FOUND, "no user is named \"%.100s\"", name);
    }
    if (json_object_get(user, "exec") != NULL || json_object_get(user, "auth-provider") != NULL) {
        return fail(s, WB_ERR_UNSUPPORTED,
                    "user \"%.100s\": exec and auth-provider are not supported; use a token or a "
                    "client certificate (kubectl create token makes one)",
                    name);
    }
    const char *token = wb_api_text_at(user, "", "token", NULL);
    const char *token_file = wb_api_text_at(user, "", "tokenFile", NULL);
    if (token[0] != '\0') {
        s->config->token = strdup(token);
    } else if (token_file[0] != '\0') {
        s->config->token_file = join(s->folder, token_file);
        s->config->token = trimmed(read_file(s->config->token_file));
        if (s->config->token == NULL) {
            return fail(s, WB_ERR_IO, "tokenFile: cannot read %s: %s", token_file, strerror(errno));
        }
    }
    WB_TRY(read_pem(s, user, "client-certificate", &s->config->client_cert_pem));
    WB_TRY(read_pem(s, user, "client-key", &s->config->client_key_pem));
    if ((s->config->client_cert_pem == NULL) != (s->config->client_key_pem == NULL)) {
        return fail(s, WB_ERR_FORMAT,
                    "user \"%.100s\": client-certificate and client-key go together", name);
    }
    return WB_OK;
}

static enum wb_err read_kubeconfig(struct source *s, const json_t *root, const char *context_name)
{
    if (context_name == NULL) {
        context_name = wb_api_text_at(root, "", "current-context", NULL);
    }
    if (context_name[0] == '\0') {
        return fail(s, WB_ERR_NOT_FOUND,
                    "no current-context; choose one with kubectl config use-context");
    }
    const json_t *context = find_named(root, "contexts", context_name, "context");
    if (context == NULL) {
        return fail(s, WB_ERR_NOT_FOUND, "no context is named \"%.100s\"", context_name);
    }
    const char *cluster = wb_api_text_at(context, "", "cluster", NULL);
    const char *user = wb_api_text_at(context, "", "user", NULL);
    const char *namespace = wb_api_text_at(context, "", "namespace", NULL);
    if (namespace[0] != '\0') {
        s->config->namespace = strdup(namespace);
    }
    WB_TRY(read_cluster(s, find_named(root, "clusters", cluster, "cluster"), cluster));
    return user[0] == '\0' ? WB_OK : read_user(s, find_named(root, "users", user, "user"), user);
}

enum wb_err wb_kube_config_parse(const char *yaml, size_t len, const char *folder,
                                 const char *context, struct wb_kube_config *config, char *err_text,
                                 size_t err_text_cap)
{
    struct source s = {
        .folder = folder, .config = config, .err_text = err_text, .err_text_cap = err_text_cap};
    json_t *documents;
    memset(config, 0, sizeof *config);
    WB_TRY(wb_kube_yaml_read(yaml, len, &documents, err_text, err_text_cap));
    const json_t *root = json_array_get(documents, 0);
    enum wb_err err = json_is_object(root)
                          ? read_kubeconfig(&s, root, context)
                          : fail(&s, WB_ERR_FORMAT, "not a kubeconfig: no mapping in it");
    json_decref(documents);
    if (err != WB_OK) {
        wb_kube_config_deinit(config);
    }
    return err;
}

/* ---- finding it ------------------------------------------------------------------------------ */

/* Puts "path: " before the error text that is there. */
static void prefix_error(struct source *s, const char *path)
{
    char text[WB_KUBE_ERR_CAP];
    if (s->err_text_cap > 0) {
        snprintf(text, sizeof text, "%s: %s", path, s->err_text);
        snprintf(s->err_text, s->err_text_cap, "%s", text);
    }
}

static enum wb_err load_file(struct source *s, const char *path, const char *context)
{
    char *text = read_file(path);
    if (text == NULL) {
        return fail(s, WB_ERR_IO, "%s: %s", path, strerror(errno));
    }
    char *folder = strdup(path);
    char *slash = folder != NULL ? strrchr(folder, '/') : NULL;
    if (slash != NULL) {
        *slash = '\0';
    }
    enum wb_err err = wb_kube_config_parse(text, strlen(text), slash != NULL ? folder : "", context,
                                           s->config, s->err_text, s->err_text_cap);
    if (err != WB_OK) {
        prefix_error(s, path);
    } else {
        s->config->origin = strdup(path);
    }
    free(folder);
    free_secret(text);
    return err;
}

/* The service account that every pod has. */
static enum wb_err load_in_cluster(struct source *s, const char *host)
{
    struct wb_kube_config *config = s->config;
    const char *port = getenv("KUBERNETES_SERVICE_PORT");
    bool is_v6 = strchr(host, ':') != NULL;
    if (asprintf(&config->server, is_v6 ? "https://[%s]:%s" : "https://%s:%s", host,
                 port != NULL ? port : "443") < 0) {
        config->server = NULL;
        return WB_ERR_MEMORY;
    }
    config->token_file = strdup(ACCOUNT_FOLDER "/token");
    config->token = trimmed(read_file(ACCOUNT_FOLDER "/token"));
    config->ca_pem = read_file(ACCOUNT_FOLDER "/ca.crt");
    config->namespace = trimmed(read_file(ACCOUNT_FOLDER "/namespace"));
    config->origin = strdup("in-cluster");
    if (config->token == NULL || config->ca_pem == NULL) {
        enum wb_err err = fail(s, WB_ERR_IO,
                               "cannot read the service account in " ACCOUNT_FOLDER
                               ": %s (is automountServiceAccountToken off?)",
                               strerror(errno));
        wb_kube_config_deinit(config);
        return err;
    }
    return WB_OK;
}

/* The first file of the list a:b:c that exists; NULL: none (all are skipped, as kubectl does). */
static char *first_existing(const char *list)
{
    while (*list != '\0') {
        size_t len = strcspn(list, ":");
        char *path = strndup(list, len);
        if (path != NULL && len > 0 && access(path, R_OK) == 0) {
            return path;
        }
        free(path);
        list += len + (list[len] == ':');
    }
    return NULL;
}

enum wb_err wb_kube_config_load(const char *path, const char *context,
                                struct wb_kube_config *config, char *err_text, size_t err_text_cap)
{
    struct source s = {.config = config, .err_text = err_text, .err_text_cap = err_text_cap};
    memset(config, 0, sizeof *config);
    if (path != NULL) {
        return load_file(&s, path, context);
    }
    const char *list = getenv("KUBECONFIG");
    const char *host = getenv("KUBERNETES_SERVICE_HOST");
    const char *home = getenv("HOME");
    char *found = NULL;
    if (list != NULL && list[0] != '\0') {
        found = first_existing(list);
        if (found == NULL) {
            return fail(&s, WB_ERR_NOT_FOUND, "KUBECONFIG names no readable file: %s", list);
        }
    } else if (host != NULL && host[0] != '\0') {
        return load_in_cluster(&s, host);
    } else if (home == NULL || asprintf(&found, "%s/.kube/config", home) < 0) {
        found = NULL;
    }
    if (found == NULL || access(found, R_OK) != 0) {
        free(found);
        return fail(
            &s, WB_ERR_NOT_FOUND,
            "no Kubernetes configuration: set KUBECONFIG or give --kubeconfig FILE (wasmbed "
            "up writes one)");
    }
    enum wb_err err = load_file(&s, found, context);
    free(found);
    return err;
}
