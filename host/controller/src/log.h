/* SPDX-License-Identifier: AGPL-3.0-only */
/* log.h: lines "time level event key=value …" on standard error. */
#ifndef WB_CONTROLLER_LOG_H
#define WB_CONTROLLER_LOG_H

#include "wb_base.h"

#define LOG_TEXT_CAP 640u

/* level: "debug", "info", "warning", "error". The format is that of the key=value pairs. */
void log_line(const char *level, const char *event, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* text as a quoted value on one line; returns buf. */
const char *log_quote(char buf[LOG_TEXT_CAP], const char *text);

#endif
