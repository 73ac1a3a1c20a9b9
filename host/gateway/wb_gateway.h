/* SPDX-License-Identifier: AGPL-3.0-only */
/* wb_gateway.h: the gateway: devices on one side, the Kubernetes API on the other.
 * Shape    a program's main; its logic is a core without I/O (src/gateway.h)
 * Errors   exit code 0: asked to stop; 1: cannot start, with one clear line on standard error
 */
#ifndef WB_GATEWAY_H
#define WB_GATEWAY_H

#include "wb_base.h"

struct wb_gateway_options {
    const char *name;       /* of its Gateway object; NULL: gateway */
    const char *kubeconfig; /* NULL: $KUBECONFIG, in-cluster, ~/.kube/config, in this order */
    const char *namespace;  /* NULL: the kubeconfig's, else wasmbed */
    const char *cert; /* PEM files: certificate chain, key, and the authority of the devices */
    const char *key;
    const char *ca;
    const char
        *tokens; /* file of lines token,user,uid,"groups" for the HTTPS API; NULL: no HTTPS API */
    const char *bind;      /* numeric address of the device port; NULL: 0.0.0.0 */
    const char *http_bind; /* numeric address of the HTTP ports; NULL: 127.0.0.1 */
    const char *endpoint;  /* HOST:PORT told in status; NULL: bind and port */
    uint16_t tls_port;     /* devices; 0: 4423 */
    uint16_t http_port;    /* /health and /metrics; 0: 8080 */
    uint16_t https_port;   /* HTTP API; 0: 8443 */
    bool verbose;          /* debug lines, too */
};

/* Runs until SIGINT or SIGTERM. Logs to standard error as "time level event key=value …". */
int wb_gateway_main(const struct wb_gateway_options *options);

#endif
