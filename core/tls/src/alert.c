/* SPDX-License-Identifier: AGPL-3.0-only */
/* Names of alerts. */
#include "wb_tls.h"

const char *wb_tls_alert_str(enum wb_tls_alert alert)
{
    switch ((int)alert) {
#define ALERT_CASE(name, number, text)                                                             \
    case number: return text;
        WB_TLS_ALERT_LIST(ALERT_CASE)
#undef ALERT_CASE
    default: return "unknown alert";
    }
}
