/* SPDX-License-Identifier: AGPL-3.0-only */
#include "log.h"

#include <stdarg.h>
#include <stdio.h>

#include "wb_api.h"
#include "wb_net.h"

void log_line(const char *level, const char *event, const char *format, ...)
{
    char time[WB_API_TIME_CAP];
    char pairs[2048];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(pairs, sizeof pairs, format, arguments);
    va_end(arguments);
    wb_api_time_write(wb_net_unix_s(), time);
    fprintf(stderr, "%s %s %s%s%s\n", time, level, event, pairs[0] != '\0' ? " " : "", pairs);
}

const char *log_quote(char buf[LOG_TEXT_CAP], const char *text)
{
    size_t len = 0;
    buf[len++] = '"';
    for (; *text != '\0' && len + 4 < LOG_TEXT_CAP; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\') {
            buf[len++] = '\\';
            buf[len++] = (char)c;
        } else {
            buf[len++] = c < 0x20 || c == 0x7f ? ' ' : (char)c;
        }
    }
    buf[len++] = '"';
    buf[len] = '\0';
    return buf;
}
