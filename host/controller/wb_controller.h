/* SPDX-License-Identifier: AGPL-3.0-only */
/* wb_controller.h: the controller: which application runs on which device, and what came of it.
 * Shape    a program's main; reconcilers are pure functions (src/reconcile.h)
 * Errors   exit code 0: asked to stop; 1: cannot start, with one clear line on standard error
 */
#ifndef WB_CONTROLLER_H
#define WB_CONTROLLER_H

#include "wb_base.h"

struct wb_controller_options {
    const char *kubeconfig; /* NULL: $KUBECONFIG, in-cluster, ~/.kube/config, in this order */
    const char *context;    /* NULL: the current one */
    const char *namespace;  /* NULL: all namespaces */
    const char *http_host;  /* NULL: 127.0.0.1 */
    int http_port;          /* /healthz, /readyz, /metrics; 0: any (logged); -1: no HTTP server */
    bool leader_elect;      /* wait for the Lease wasmbed-controller before acting */
    const char *lease_namespace; /* NULL: namespace, else "wasmbed" */
    unsigned gateway_lease_s;    /* a gateway's Lease that names no duration expires after; 0: 40 */
    unsigned unreachable_rate;   /* devices marked Unreachable a second; 0: 20 */
    bool verbose;                /* debug lines, too */
};

/* Runs until SIGINT or SIGTERM. Logs to standard error as "time level event key=value …". */
int wb_controller_main(const struct wb_controller_options *options);

#endif
