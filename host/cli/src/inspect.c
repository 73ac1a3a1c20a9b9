/* SPDX-License-Identifier: AGPL-3.0-only */
/* Looking at a running platform. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "commands.h"
#include "view.h"

int command_version(struct args *args)
{
    const struct option options[] = {OPTION_END};
    int result = args_parse(args, options, 0, 0);
    if (result == -1) {
        printf("wasmbed " WASMBED_VERSION "\n");
        result = EXIT_OK;
    }
    return result;
}

int command_status(struct args *args)
{
    const char *state = STATE_DEFAULT;
    const char *kubeconfig = NULL;
    const char *namespace = NULL;
    const char *format = "table";
    const struct option options[] = {
        OPTION_TEXT("state", 0, "DIR", "state folder (default " STATE_DEFAULT ")", &state),
        OPTION_TEXT("kubeconfig", 0, "FILE", "how to reach the API (default STATE/kubeconfig)",
                    &kubeconfig),
        OPTION_TEXT("namespace", 'n', "NAME", "namespace", &namespace),
        OPTION_TEXT("output", 'o', "FORMAT", "table or json (default table)", &format),
        OPTION_END,
    };
    int result = args_parse(args, options, 0, 0);
    if (result != -1) {
        return result;
    }
    bool is_json = strcmp(format, "json") == 0;
    if (!is_json && strcmp(format, "table") != 0) {
        fprintf(stderr, "wasmbed status: --output takes table or json, not \"%s\"\n", format);
        return EXIT_USAGE;
    }
    struct client client;
    char config[600];
    if (client_open(&client, client_config_path(kubeconfig, state, config, sizeof config),
                    namespace) != WB_OK) {
        return EXIT_FAILED;
    }
    json_t *gateways = client_list(&client, &wb_kube_gateways);
    json_t *devices = gateways != NULL ? client_list(&client, &wb_kube_devices) : NULL;
    json_t *apps = devices != NULL ? client_list(&client, &wb_kube_applications) : NULL;
    if (apps != NULL && is_json) {
        json_t *all = json_pack("{s:O, s:O, s:O}", "gateways", gateways, "devices", devices,
                                "applications", apps);
        json_dumpf(all, stdout, JSON_INDENT(2));
        putchar('\n');
        json_decref(all);
    } else if (apps != NULL) {
        view_gateways(stdout, gateways);
        putchar('\n');
        view_devices(stdout, devices, NULL);
        putchar('\n');
        view_applications(stdout, apps);
    }
    result = apps != NULL ? EXIT_OK : EXIT_FAILED;
    json_decref(gateways);
    json_decref(devices);
    json_decref(apps);
    client_close(&client);
    return result;
}

struct follow {
    struct wb_net_loop *loop;
    struct log_stream *stream; /* NULL: ended */
    bool is_json;
    int result;
};

static void on_line(void *ctx, const json_t *line)
{
    struct follow *f = ctx;
    if (f->is_json) {
        json_dumpf(line, stdout, JSON_COMPACT);
        putchar('\n');
    } else {
        view_log_line(stdout, line);
    }
    fflush(stdout);
}

static void on_done(void *ctx, unsigned status, const char *text)
{
    (void)status;
    struct follow *f = ctx;
    f->stream = NULL;
    if (text[0] != '\0') {
        fprintf(stderr, "wasmbed logs: %s\n", text);
        f->result = EXIT_FAILED;
    }
    wb_net_loop_stop(f->loop);
}

int command_logs(struct args *args)
{
    const char *state = STATE_DEFAULT;
    const char *kubeconfig = NULL;
    const char *gateway = NULL;
    const char *format = "text";
    bool is_once = false;
    long lines = 20;
    const struct option options[] = {
        OPTION_TEXT("state", 0, "DIR", "state folder (default " STATE_DEFAULT ")", &state),
        OPTION_TEXT("kubeconfig", 0, "FILE", "authority and token (default STATE/kubeconfig)",
                    &kubeconfig),
        OPTION_TEXT("gateway", 0, "URL", "the gateway's HTTPS API (default: the state folder's)",
                    &gateway),
        OPTION_NUMBER("lines", 0, "N", "past lines of each device (default 20)", &lines, 0, 1000),
        OPTION_FLAG("once", 0, "print what is there and end, instead of following", &is_once),
        OPTION_TEXT("output", 'o', "FORMAT", "text or json (default text)", &format),
        OPTION_END,
    };
    int result = args_parse(args, options, 0, 2);
    if (result != -1) {
        return result;
    }
    struct follow f = {.loop = wb_net_loop_new(), .is_json = strcmp(format, "json") == 0};
    if (f.loop == NULL) {
        return EXIT_FAILED;
    }
    struct wb_http_client *http = view_gateway_client(f.loop, kubeconfig, state, gateway);
    if (http == NULL || wb_net_loop_signals(f.loop, NULL, NULL) != WB_OK) {
        wb_net_loop_free(f.loop);
        return EXIT_FAILED;
    }
    f.stream = log_stream_open(&(struct log_stream_cfg){
        .http = http,
        .device = args->positional_count > 0 ? args->positional[0] : NULL,
        .application = args->positional_count > 1 ? args->positional[1] : NULL,
        .lines = lines,
        .is_following = !is_once,
        .line = on_line,
        .done = on_done,
        .ctx = &f});
    if (f.stream != NULL) {
        wb_net_loop_run(f.loop);
    }
    log_stream_close(f.stream);
    wb_http_client_free(http);
    wb_net_loop_free(f.loop);
    return f.result;
}
