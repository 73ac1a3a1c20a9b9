/* SPDX-License-Identifier: AGPL-3.0-only */
/* Signing and deploying applications. */
#include <stdio.h>
#include <stdlib.h>

#include "client.h"
#include "commands.h"
#include "manifest.h"

#define KEY_HELP "publisher's key, PEM (default STATE/pki/publisher-key.pem)"

/* key given, else the state folder's. */
static const char *key_path(const char *key, const char *state, char *buf, size_t cap)
{
    if (key != NULL) {
        return key;
    }
    snprintf(buf, cap, "%s/pki/publisher-key.pem", state);
    return buf;
}

int command_sign(struct args *args)
{
    const char *state = STATE_DEFAULT;
    const char *key = NULL;
    const char *output = NULL;
    const struct option options[] = {
        OPTION_TEXT("key", 0, "FILE", KEY_HELP, &key),
        OPTION_TEXT("state", 0, "DIR", "state folder (default " STATE_DEFAULT ")", &state),
        OPTION_TEXT("output", 'o', "FILE", "write there (default: standard output)", &output),
        OPTION_END,
    };
    int result = args_parse(args, options, 2, 2);
    if (result != -1) {
        return result;
    }
    char path[600];
    json_t *object = manifest_build(args->positional[0], args->positional[1],
                                    key_path(key, state, path, sizeof path));
    char *yaml = object != NULL ? wb_api_yaml_write(object) : NULL;
    json_decref(object);
    if (yaml == NULL) {
        return EXIT_FAILED;
    }
    FILE *out = output != NULL ? fopen(output, "w") : stdout;
    if (out == NULL) {
        fprintf(stderr, "wasmbed: cannot write %s\n", output);
        free(yaml);
        return EXIT_FAILED;
    }
    bool is_written = fputs(yaml, out) >= 0;
    is_written &= (out == stdout ? fflush(out) : fclose(out)) == 0;
    free(yaml);
    return is_written ? EXIT_OK : EXIT_FAILED;
}

int command_app_deploy(struct args *args)
{
    const char *state = STATE_DEFAULT;
    const char *key = NULL;
    const char *kubeconfig = NULL;
    const char *namespace = NULL;
    const struct option options[] = {
        OPTION_TEXT("key", 0, "FILE", KEY_HELP, &key),
        OPTION_TEXT("state", 0, "DIR", "state folder (default " STATE_DEFAULT ")", &state),
        OPTION_TEXT("kubeconfig", 0, "FILE", "how to reach the API (default STATE/kubeconfig)",
                    &kubeconfig),
        OPTION_TEXT("namespace", 'n', "NAME", "namespace", &namespace),
        OPTION_END,
    };
    int result = args_parse(args, options, 2, 2);
    if (result != -1) {
        return result;
    }
    char path[600];
    char config[600];
    json_t *object = manifest_build(args->positional[0], args->positional[1],
                                    key_path(key, state, path, sizeof path));
    struct client client;
    if (object == NULL ||
        client_open(&client, client_config_path(kubeconfig, state, config, sizeof config),
                    namespace) != WB_OK) {
        json_decref(object);
        return EXIT_FAILED;
    }
    json_t *answer = client_apply(&client, &wb_kube_applications, object);
    if (answer != NULL) {
        printf("application/%s configured, generation %lld\n",
               wb_api_text_at(answer, "?", "metadata", "name", NULL),
               (long long)wb_api_integer_at(answer, 0, "metadata", "generation", NULL));
    }
    json_decref(object);
    client_close(&client);
    result = answer != NULL ? EXIT_OK : EXIT_FAILED;
    json_decref(answer);
    return result;
}

int command_app_delete(struct args *args)
{
    const char *state = STATE_DEFAULT;
    const char *kubeconfig = NULL;
    const char *namespace = NULL;
    const struct option options[] = {
        OPTION_TEXT("state", 0, "DIR", "state folder (default " STATE_DEFAULT ")", &state),
        OPTION_TEXT("kubeconfig", 0, "FILE", "how to reach the API (default STATE/kubeconfig)",
                    &kubeconfig),
        OPTION_TEXT("namespace", 'n', "NAME", "namespace", &namespace),
        OPTION_END,
    };
    int result = args_parse(args, options, 1, 1);
    if (result != -1) {
        return result;
    }
    char config[600];
    struct client client;
    if (client_open(&client, client_config_path(kubeconfig, state, config, sizeof config),
                    namespace) != WB_OK) {
        return EXIT_FAILED;
    }
    json_t *answer = client_delete(&client, &wb_kube_applications, args->positional[0]);
    if (answer != NULL) {
        printf("application/%s deleted\n", args->positional[0]);
    }
    client_close(&client);
    result = answer != NULL ? EXIT_OK : EXIT_FAILED;
    json_decref(answer);
    return result;
}
