/* SPDX-License-Identifier: AGPL-3.0-only */
/* apiserver_run.c: the API server as a program of its own, for test scripts: apiserver_run STATE
 * PORT CERT KEY TOKENS [CRDS]; with CERT "-": plain HTTP without users. Prints "ready PORT" on
 * stdout. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wb_apiserver.h"

_Noreturn void wb_assert_failed(const char *file, int line, const char *expression)
{
    fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, expression);
    abort();
}

static void on_ready(void *ctx, uint16_t port)
{
    (void)ctx;
    printf("ready %u\n", port);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        fprintf(stderr, "usage: apiserver_run STATE PORT CERT KEY TOKENS [CRDS]\n");
        return 2;
    }
    bool plain = strcmp(argv[3], "-") == 0;
    struct wb_apiserver_options options = {.state_dir = argv[1],
                                           .port = (uint16_t)atoi(argv[2]),
                                           .tls_cert_file = plain ? NULL : argv[3],
                                           .tls_key_file = plain || argc < 5 ? NULL : argv[4],
                                           .tokens_file = plain || argc < 6 ? NULL : argv[5],
                                           .crds_dir = argc > 6 ? argv[6] : NULL,
                                           .client_ca_file = getenv("WB_CLIENT_CA"),
                                           .insecure_http = plain,
                                           .verbose = getenv("WB_VERBOSE") != NULL,
                                           .ready = on_ready};
    return wb_apiserver_main(&options);
}
