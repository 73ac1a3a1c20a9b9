/* SPDX-License-Identifier: AGPL-3.0-only */
/* The wasmbed command: one table of commands. Names of one or two words; installed under a name
 * such as wasmbed-gateway it is that command. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "wb_base.h"

_Noreturn void wb_assert_failed(const char *file, int line, const char *expression)
{
    fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, expression);
    abort();
}

static const struct command commands[] = {
    {"up", "", "Start control plane, gateway and devices on this machine; show them live.",
     command_up},
    {"down", "", "Stop what `wasmbed up --detach` started.", command_down},
    {"status", "", "Summarise gateways, devices and applications.", command_status},
    {"logs", "[DEVICE [APPLICATION]]", "Show what applications and devices print.", command_logs},
    {"app deploy", "MANIFEST MODULE", "Sign a module and create or update its Application.",
     command_app_deploy},
    {"app delete", "NAME", "Delete an Application; devices stop and remove it.",
     command_app_delete},
    {"sign", "MANIFEST MODULE",
     "Print the manifest as YAML with module and signature filled in, for kubectl apply.",
     command_sign},
    {"wasm run", "FILE [ARGS]", "Run a WebAssembly module here as a board would.",
     command_wasm_run},
    {"wasm info", "FILE", "Show what a module needs, and which boards it fits.", command_wasm_info},
    {"wasm profile", "FILE [ARGS]", "Count operations by function or source line.",
     command_wasm_profile},
    {"wasm spec", "FILE.json...", "Run the specification's test scripts (wast2json).",
     command_wasm_spec},
    {"cert ca", "", "Create a certificate authority.", command_cert_ca},
    {"cert key", "", "Create a private key.", command_cert_key},
    {"cert csr", "NAME", "Write a certificate request.", command_cert_csr},
    {"cert issue", "[NAME...]", "Issue a server's or device's certificate.", command_cert_issue},
    {"cert renew", "FILE", "Issue a certificate anew: same key and names.", command_cert_renew},
    {"cert revoke", "FILE", "Put a certificate on its authority's revocation list.",
     command_cert_revoke},
    {"cert show", "FILE", "Show certificates or a request.", command_cert_show},
    {"cert verify", "FILE", "Check a certificate against authorities.", command_cert_verify},
    {"tls server", "", "Run a TLS 1.3 server that echoes, or answers HTTP requests.",
     command_tls_server},
    {"tls client", "HOST:PORT", "Connect to a TLS 1.3 server; standard input goes there.",
     command_tls_client},
    {"apiserver", "", "Run the embedded control plane.", command_apiserver},
    {"controller", "", "Run the controller.", command_controller},
    {"gateway", "", "Run a gateway.", command_gateway},
    {"device", "", "Run this Linux machine as a device.", command_device},
    {"board", "", "Run a board in QEMU: firmware, flash chip and serial link.", command_board},
    {"bridge", "", "Carry a board's serial link to its gateway.", command_bridge},
    {"version", "", "Print the version.", command_version},
};

static void print_commands(FILE *out)
{
    fprintf(out, "Usage: wasmbed COMMAND [OPTIONS]\n\n"
                 "WebAssembly applications on microcontrollers, operated from Kubernetes.\n\n"
                 "Commands:\n");
    for (size_t i = 0; i < WB_ARRAY_LEN(commands); i++) {
        char left[64];
        snprintf(left, sizeof left, "%s %s", commands[i].name, commands[i].synopsis);
        fprintf(out, "  %-32s %s\n", left, commands[i].summary);
    }
    fprintf(out, "\n`wasmbed COMMAND --help` explains a command.\n");
}

/* How many of the words name this command: 0, 1 or 2. */
static int words_matched(const char *name, int argc, char **argv)
{
    size_t len = argc > 0 ? strlen(argv[0]) : 0;
    if (argc < 1 || strncmp(name, argv[0], len) != 0) {
        return 0;
    }
    if (name[len] == '\0') {
        return 1;
    }
    return name[len] == ' ' && argc > 1 && strcmp(name + len + 1, argv[1]) == 0 ? 2 : 0;
}

static int run(int argc, char **argv)
{
    for (size_t i = 0; i < WB_ARRAY_LEN(commands); i++) {
        int words = words_matched(commands[i].name, argc, argv);
        if (words > 0) {
            struct args args = {
                .command = &commands[i], .argc = argc - words, .argv = argv + words};
            return commands[i].run(&args);
        }
    }
    fprintf(stderr, "wasmbed: unknown command \"%s%s%s\"\nTry 'wasmbed --help'.\n", argv[0],
            argc > 1 && argv[1][0] != '-' ? " " : "", argc > 1 && argv[1][0] != '-' ? argv[1] : "");
    return EXIT_USAGE;
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    const char *name = strrchr(argv[0], '/');
    name = name != NULL ? name + 1 : argv[0];
    if (strncmp(name, "wasmbed-", 8) == 0) {
        argv[0] = (char *)name + 8;
        return run(argc, argv);
    }
    if (argc < 2) {
        print_commands(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        print_commands(stdout);
        return EXIT_OK;
    }
    if (strcmp(argv[1], "--version") == 0) {
        argv[1] = (char *)"version";
    }
    return run(argc - 1, argv + 1);
}
