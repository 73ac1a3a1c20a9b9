/* SPDX-License-Identifier: AGPL-3.0-only */
/* ticket.h: a server's tickets. */
#ifndef WB_TLS_TICKET_H
#define WB_TLS_TICKET_H

#include "tls.h"

#define TICKET_LEN_MAX 256u /* longer ones are not ours */

/* Writes a whole NewSessionTicket; 0 when there is no entropy or no room. */
size_t ticket_write(struct wb_tls *tls, uint8_t *buf, size_t cap);
/* Opens a ticket in place. true: work->secret holds its PSK, tls->peer the client's identity,
 * work->is_peer_known whether there is one, work->digest[0..16) its name. */
bool ticket_open(struct wb_tls *tls, uint8_t *ticket, size_t len);

#endif
