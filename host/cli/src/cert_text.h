/* SPDX-License-Identifier: AGPL-3.0-only */
/* cert_text.h: what the cert commands write alike. */
#ifndef WB_CLI_CERT_TEXT_H
#define WB_CLI_CERT_TEXT_H

#include "wb_base.h"

#define CERT_TIME_CAP 32
/* "2027-11-23T18:00:00Z", "no end" for 9999-12-31. */
void cert_time_text(wb_unix_s time, char text[CERT_TIME_CAP]);

#endif
