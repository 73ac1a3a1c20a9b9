/* SPDX-License-Identifier: AGPL-3.0-only */
/* commands.h: the functions behind the table of commands in main.c. */
#ifndef WB_CLI_COMMANDS_H
#define WB_CLI_COMMANDS_H

#include "args.h"

#define WASMBED_VERSION "0.1.0"
#define STATE_DEFAULT   "build/run"

/* services.c: the platform's programs */
int command_apiserver(struct args *args);
int command_controller(struct args *args);
int command_gateway(struct args *args);
int command_device(struct args *args);
int command_board(struct args *args);
int command_bridge(struct args *args);

/* up.c: all of them on one machine */
int command_up(struct args *args);
int command_down(struct args *args);

/* inspect.c */
int command_status(struct args *args);
int command_logs(struct args *args);
int command_version(struct args *args);

/* wasm_*.c: modules on this machine */
int command_wasm_run(struct args *args);
int command_wasm_info(struct args *args);
int command_wasm_profile(struct args *args);
int command_wasm_spec(struct args *args);

/* tls_*.c: core/tls for trying and testing */
int command_tls_server(struct args *args);
int command_tls_client(struct args *args);

/* cert_*.c: keys and certificates in files */
int command_cert_key(struct args *args);
int command_cert_ca(struct args *args);
int command_cert_csr(struct args *args);
int command_cert_issue(struct args *args);
int command_cert_renew(struct args *args);
int command_cert_revoke(struct args *args);
int command_cert_show(struct args *args);
int command_cert_verify(struct args *args);

/* app.c */
int command_sign(struct args *args);
int command_app_deploy(struct args *args);
int command_app_delete(struct args *args);

#endif
