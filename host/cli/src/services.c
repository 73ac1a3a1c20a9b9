/* SPDX-License-Identifier: AGPL-3.0-only */
/* Options of the platform's programs; what they do lies in their own modules. */
#include <stdio.h>

#include "commands.h"
#include "wb_apiserver.h"
#include "wb_controller.h"
#include "wb_gateway.h"
#include "wb_launcher.h"
#include "wb_posix.h"

int command_apiserver(struct args *args)
{
    struct wb_apiserver_options o = {.state_dir = STATE_DEFAULT "/db"};
    long port = WB_APISERVER_PORT;
    const struct option options[] = {
        OPTION_TEXT("state", 0, "DIR", "folder of the database (default " STATE_DEFAULT "/db)",
                    &o.state_dir),
        OPTION_TEXT("bind", 0, "ADDRESS", "numeric address (default 127.0.0.1)", &o.host),
        OPTION_NUMBER("port", 0, "N", "port (default 6443)", &port, 1, 65535),
        OPTION_TEXT("cert", 0, "FILE", "server certificate, PEM", &o.tls_cert_file),
        OPTION_TEXT("key", 0, "FILE", "its key, PEM", &o.tls_key_file),
        OPTION_TEXT("tokens", 0, "FILE", "lines token,user,uid,\"groups\"", &o.tokens_file),
        OPTION_TEXT("crds", 0, "DIR", "CRD files to serve instead of the built-in ones",
                    &o.crds_dir),
        OPTION_FLAG("insecure-http", 0, "plain HTTP, on loopback only", &o.insecure_http),
        OPTION_FLAG("verbose", 'v', "log debug lines, too", &o.verbose),
        OPTION_END,
    };
    int result = args_parse(args, options, 0, 0);
    o.port = (uint16_t)port;
    return result != -1 ? result : wb_apiserver_main(&o);
}

int command_controller(struct args *args)
{
    struct wb_controller_options o = {.http_port = -1};
    long port = -1;
    const struct option options[] = {
        OPTION_TEXT("kubeconfig", 0, "FILE", "how to reach the Kubernetes API", &o.kubeconfig),
        OPTION_TEXT("context", 0, "NAME", "context of the kubeconfig", &o.context),
        OPTION_TEXT("namespace", 'n', "NAME", "namespace to work in (default: all)", &o.namespace),
        OPTION_TEXT("http-bind", 0, "ADDRESS", "address of health and metrics (default 127.0.0.1)",
                    &o.http_host),
        OPTION_NUMBER("http-port", 0, "N", "port of health and metrics (default: none)", &port, 0,
                      65535),
        OPTION_FLAG("leader-elect", 0, "wait for leadership: several controllers may run",
                    &o.leader_elect),
        OPTION_FLAG("verbose", 'v', "log debug lines, too", &o.verbose),
        OPTION_END,
    };
    int result = args_parse(args, options, 0, 0);
    o.http_port = (int)port;
    return result != -1 ? result : wb_controller_main(&o);
}

int command_gateway(struct args *args)
{
    struct wb_gateway_options o = {0};
    long tls_port = 4423;
    long http_port = 8080;
    long https_port = 8443;
    const struct option options[] = {
        OPTION_TEXT("name", 0, "NAME", "name of its Gateway object (default gateway)", &o.name),
        OPTION_TEXT("kubeconfig", 0, "FILE", "how to reach the Kubernetes API", &o.kubeconfig),
        OPTION_TEXT("namespace", 'n', "NAME", "namespace (default: the kubeconfig's, or wasmbed)",
                    &o.namespace),
        OPTION_TEXT("cert", 0, "FILE", "certificate, PEM", &o.cert),
        OPTION_TEXT("key", 0, "FILE", "its key, PEM", &o.key),
        OPTION_TEXT("ca", 0, "FILE", "authority that issues the devices' certificates, PEM", &o.ca),
        OPTION_TEXT("tokens", 0, "FILE",
                    "tokens of the HTTPS API: lines token,user,uid,\"groups\" (default: no API)",
                    &o.tokens),
        OPTION_TEXT("bind", 0, "ADDRESS", "address of the device port (default 0.0.0.0)", &o.bind),
        OPTION_TEXT("http-bind", 0, "ADDRESS", "address of the HTTP ports (default 127.0.0.1)",
                    &o.http_bind),
        OPTION_TEXT("endpoint", 0, "HOST:PORT", "address that devices are told", &o.endpoint),
        OPTION_NUMBER("tls-port", 0, "N", "device port (default 4423)", &tls_port, 1, 65535),
        OPTION_NUMBER("http-port", 0, "N", "health and metrics (default 8080)", &http_port, 1,
                      65535),
        OPTION_NUMBER("https-port", 0, "N", "HTTP API (default 8443)", &https_port, 1, 65535),
        OPTION_FLAG("verbose", 'v', "log debug lines, too", &o.verbose),
        OPTION_END,
    };
    int result = args_parse(args, options, 0, 0);
    o.tls_port = (uint16_t)tls_port;
    o.http_port = (uint16_t)http_port;
    o.https_port = (uint16_t)https_port;
    return result != -1 ? result : wb_gateway_main(&o);
}

/* "wasmbed X: --flash is needed" */
static int require(const struct args *args, const char *option, const char *value)
{
    if (value != NULL) {
        return -1;
    }
    fprintf(stderr, "wasmbed %s: --%s is needed\nTry 'wasmbed %s --help'.\n", args->command->name,
            option, args->command->name);
    return EXIT_USAGE;
}

int command_device(struct args *args)
{
    struct wb_posix_device_options o = {0};
    long memory = 0;
    const struct option options[] = {
        OPTION_TEXT("flash", 0, "FILE", "the device's provisioned flash", &o.flash),
        OPTION_TEXT("gateway", 0, "HOST:PORT", "instead of the provisioned address", &o.gateway),
        OPTION_TEXT("name", 0, "NAME", "for messages", &o.name),
        OPTION_NUMBER("memory", 0, "BYTES", "RAM for applications (default 1 MiB)", &memory, 4096,
                      1 << 30),
        OPTION_FLAG("verbose", 'v', "log debug lines, too", &o.verbose),
        OPTION_END,
    };
    int result = args_parse(args, options, 0, 0);
    o.arena_len = (uint32_t)memory;
    if (result == -1) {
        result = require(args, "flash", o.flash);
    }
    return result != -1 ? result : wb_posix_device_main(&o);
}

int command_board(struct args *args)
{
    struct wb_launcher_board_options o = {0};
    const struct option options[] = {
        OPTION_TEXT("type", 0, "TYPE", "hifive1 or cortex-m", &o.type),
        OPTION_TEXT("firmware", 0, "ELF", "the firmware to run", &o.firmware),
        OPTION_TEXT("flash", 0, "FILE", "content of the flash store; made when absent", &o.flash),
        OPTION_TEXT("gateway", 0, "HOST:PORT", "where the serial link leads (default: nowhere)",
                    &o.gateway),
        OPTION_TEXT("log", 0, "FILE", "where the console goes (default: standard output)", &o.log),
        OPTION_TEXT("name", 0, "NAME", "for messages", &o.name),
        OPTION_END,
    };
    int result = args_parse(args, options, 0, 0);
    if (result == -1) {
        result = require(args, "type", o.type);
    }
    if (result == -1) {
        result = require(args, "firmware", o.firmware);
    }
    if (result == -1) {
        result = require(args, "flash", o.flash);
    }
    return result != -1 ? result : wb_launcher_board_main(&o);
}

int command_bridge(struct args *args)
{
    struct wb_launcher_bridge_options o = {0};
    long baud = 115200;
    const struct option options[] = {
        OPTION_TEXT("serial", 0, "PORT", "a serial device, or tcp:HOST:PORT", &o.serial),
        OPTION_TEXT("gateway", 0, "HOST:PORT", "where the link leads", &o.gateway),
        OPTION_NUMBER("baud", 0, "N", "speed of a serial device (default 115200)", &baud, 9600,
                      4000000),
        OPTION_END,
    };
    int result = args_parse(args, options, 0, 0);
    o.baud = (unsigned)baud;
    if (result == -1) {
        result = require(args, "serial", o.serial);
    }
    if (result == -1) {
        result = require(args, "gateway", o.gateway);
    }
    return result != -1 ? result : wb_launcher_bridge_main(&o);
}
