/* SPDX-License-Identifier: AGPL-3.0-only */
/* parts.c: small parts: problems, names, digests, base64, times, quantities, paths. */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "wb_api.h"

enum wb_err wb_api_problem_set(struct wb_api_problem *problem, enum wb_err code, const char *format,
                               ...)
{
    if (problem == NULL || problem->code != WB_OK) {
        return problem == NULL ? code : problem->code;
    }
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(problem->text, sizeof problem->text, format, arguments);
    va_end(arguments);
    problem->code = code;
    return code;
}

/* ---- names ----------------------------------------------------------------------------------- */

/* Length of the DNS label at the start of text; 0: there is none. */
static size_t dns_label_len(const char *text)
{
    size_t len = 0;
    while (islower((unsigned char)text[len]) || isdigit((unsigned char)text[len]) ||
           text[len] == '-') {
        len++;
    }
    bool ok = len > 0 && len <= 63 && text[0] != '-' && text[len - 1] != '-';
    return ok ? len : 0;
}

bool wb_api_is_dns_label(const char *text)
{
    size_t len = dns_label_len(text);
    return len > 0 && text[len] == '\0';
}

static bool is_subdomain_of_len(const char *text, size_t len)
{
    if (len == 0 || len > 253) {
        return false;
    }
    const char *end = text + len;
    for (;;) {
        size_t label = dns_label_len(text);
        text += label;
        if (label == 0 || text > end) {
            return false;
        }
        if (text == end) {
            return true;
        }
        if (*text++ != '.') {
            return false;
        }
    }
}

bool wb_api_is_dns_subdomain(const char *text)
{
    return is_subdomain_of_len(text, strlen(text));
}

static bool is_label_word(const char *text)
{
    size_t len = strlen(text);
    if (len == 0 || len > 63 || !isalnum((unsigned char)text[0]) ||
        !isalnum((unsigned char)text[len - 1])) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (!isalnum((unsigned char)text[i]) && strchr("-_.", text[i]) == NULL) {
            return false;
        }
    }
    return true;
}

bool wb_api_is_label_key(const char *text)
{
    const char *slash = strchr(text, '/');
    if (slash == NULL) {
        return is_label_word(text);
    }
    return is_subdomain_of_len(text, (size_t)(slash - text)) && is_label_word(slash + 1);
}

bool wb_api_is_label_value(const char *text)
{
    return text[0] == '\0' || is_label_word(text);
}

/* ---- digests --------------------------------------------------------------------------------- */

static const char digest_prefix[] = "sha256:";

void wb_api_digest_write(const uint8_t sha256[32], char text[WB_API_DIGEST_LEN + 1])
{
    static const char digits[] = "0123456789abcdef";
    memcpy(text, digest_prefix, 7);
    for (size_t i = 0; i < 32; i++) {
        text[7 + 2 * i] = digits[sha256[i] >> 4];
        text[8 + 2 * i] = digits[sha256[i] & 15];
    }
    text[WB_API_DIGEST_LEN] = '\0';
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

enum wb_err wb_api_digest_read(const char *text, uint8_t sha256[32])
{
    if (strlen(text) != WB_API_DIGEST_LEN || memcmp(text, digest_prefix, 7) != 0) {
        return WB_ERR_FORMAT;
    }
    uint8_t bytes[32];
    for (size_t i = 0; i < 32; i++) {
        int high = hex_value(text[7 + 2 * i]);
        int low = hex_value(text[8 + 2 * i]);
        if (high < 0 || low < 0) {
            return WB_ERR_FORMAT;
        }
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    memcpy(sha256, bytes, 32);
    return WB_OK;
}

/* ---- base64 ---------------------------------------------------------------------------------- */

static int base64_value(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

enum wb_err wb_api_base64_decode(const char *text, size_t text_len, size_t len_max, uint8_t **data,
                                 size_t *len)
{
    uint8_t *out = malloc(text_len / 4 * 3 + 4);
    if (out == NULL) {
        return WB_ERR_MEMORY;
    }
    size_t count = 0;
    unsigned digits = 0; /* of the quantum, padding included */
    unsigned padding = 0;
    uint32_t bits = 0;
    bool ok = true;
    for (size_t i = 0; i < text_len && ok; i++) {
        if (is_space(text[i])) {
            continue;
        }
        int value = base64_value(text[i]);
        if (text[i] == '=' && digits >= 2) {
            padding++;
            value = 0;
        } else if (value < 0 || padding > 0) {
            ok = false;
            break;
        }
        bits = bits << 6 | (uint32_t)value;
        if (++digits < 4) {
            continue;
        }
        /* the bits that padding leaves over must be zero, so that a text has one meaning only */
        ok = padding == 0 || (bits & (padding == 1 ? 0xffu : 0xffffu)) == 0;
        for (unsigned k = 0; k < 3 - padding; k++) {
            out[count++] = (uint8_t)(bits >> (16 - 8 * k));
        }
        digits = 0;
        bits = 0;
        if (padding > 0) {
            /* nothing but white space may follow */
            for (i++; i < text_len; i++) {
                ok = ok && is_space(text[i]);
            }
        }
    }
    if (!ok || digits != 0) {
        free(out);
        return WB_ERR_FORMAT;
    }
    if (count > len_max) {
        free(out);
        return WB_ERR_LIMIT;
    }
    out[count] = 0;
    *data = out;
    *len = count;
    return WB_OK;
}

char *wb_api_base64_encode(const void *data, size_t len)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const uint8_t *in = data;
    char *out = malloc((len + 2) / 3 * 4 + 1);
    if (out == NULL) {
        return NULL;
    }
    char *at = out;
    for (size_t i = 0; i < len; i += 3) {
        uint32_t bits = (uint32_t)in[i] << 16 | (i + 1 < len ? (uint32_t)in[i + 1] << 8 : 0) |
                        (i + 2 < len ? in[i + 2] : 0u);
        *at++ = digits[bits >> 18];
        *at++ = digits[bits >> 12 & 63];
        *at++ = i + 1 < len ? digits[bits >> 6 & 63] : '=';
        *at++ = i + 2 < len ? digits[bits & 63] : '=';
    }
    *at = '\0';
    return out;
}

/* ---- times ----------------------------------------------------------------------------------- */

void wb_api_time_write(wb_unix_s time, char text[WB_API_TIME_CAP])
{
    struct tm parts;
    time_t seconds = (time_t)time;
    if (gmtime_r(&seconds, &parts) == NULL || parts.tm_year < -1900 || parts.tm_year > 8099) {
        memcpy(text, "1970-01-01T00:00:00Z", 21);
        return;
    }
    strftime(text, WB_API_TIME_CAP, "%Y-%m-%dT%H:%M:%SZ", &parts);
}

void wb_api_time_write_micro(int64_t unix_us, char text[WB_API_TIME_CAP])
{
    int64_t seconds = unix_us / 1000000;
    int64_t micro = unix_us % 1000000;
    if (micro < 0) {
        micro += 1000000;
        seconds--;
    }
    wb_api_time_write(seconds, text);
    size_t len = strlen(text);
    if (len == 20) {
        snprintf(text + 19, WB_API_TIME_CAP - 19, ".%06uZ", (unsigned)micro);
    }
}

/* Reads exactly `digits` digits. */
static bool read_digits(const char **at, unsigned digits, int *value)
{
    int result = 0;
    for (unsigned i = 0; i < digits; i++) {
        if (!isdigit((unsigned char)(*at)[i])) {
            return false;
        }
        result = result * 10 + ((*at)[i] - '0');
    }
    *at += digits;
    *value = result;
    return true;
}

static bool read_char(const char **at, char wanted)
{
    if (**at != wanted) {
        return false;
    }
    (*at)++;
    return true;
}

/* Days since 1970-01-01 of a date of the proleptic Gregorian calendar (years from March on, in eras
 * of 400 years, which have 146,097 days). */
static int64_t days_from_civil(int year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

static bool read_offset(const char **at, int *seconds)
{
    if (read_char(at, 'Z') || read_char(at, 'z')) {
        *seconds = 0;
        return true;
    }
    int sign = **at == '+' ? 1 : **at == '-' ? -1 : 0;
    int hours;
    int minutes;
    if (sign == 0) {
        return false;
    }
    (*at)++;
    if (!read_digits(at, 2, &hours) || !read_char(at, ':') || !read_digits(at, 2, &minutes) ||
        hours > 23 || minutes > 59) {
        return false;
    }
    *seconds = sign * (hours * 3600 + minutes * 60);
    return true;
}

enum wb_err wb_api_time_read_micro(const char *text, int64_t *unix_us)
{
    static const int month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int year;
    int month;
    int day;
    int hour;
    int minute;
    int second;
    int offset;
    const char *at = text;
    bool ok = read_digits(&at, 4, &year) && read_char(&at, '-') && read_digits(&at, 2, &month) &&
              read_char(&at, '-') && read_digits(&at, 2, &day) &&
              (read_char(&at, 'T') || read_char(&at, 't')) && read_digits(&at, 2, &hour) &&
              read_char(&at, ':') && read_digits(&at, 2, &minute) && read_char(&at, ':') &&
              read_digits(&at, 2, &second);
    if (!ok || month < 1 || month > 12 || hour > 23 || minute > 59 || second > 60) {
        return WB_ERR_FORMAT;
    }
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    if (day < 1 || day > month_days[month - 1] + (month == 2 && leap)) {
        return WB_ERR_FORMAT;
    }
    int64_t micro = 0;
    if (read_char(&at, '.')) {
        int64_t unit = 100000;
        if (!isdigit((unsigned char)*at)) {
            return WB_ERR_FORMAT;
        }
        for (; isdigit((unsigned char)*at); at++, unit /= 10) {
            micro += (*at - '0') * unit;
        }
    }
    if (!read_offset(&at, &offset) || *at != '\0') {
        return WB_ERR_FORMAT;
    }
    int64_t seconds =
        days_from_civil(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - offset;
    *unix_us = seconds * 1000000 + micro;
    return WB_OK;
}

enum wb_err wb_api_time_read(const char *text, wb_unix_s *time)
{
    int64_t micro;
    WB_TRY(wb_api_time_read_micro(text, &micro));
    int64_t seconds = micro / 1000000;
    *time = micro % 1000000 < 0 ? seconds - 1 : seconds;
    return WB_OK;
}

/* ---- quantities ------------------------------------------------------------------------------ */

/* Reads digits up to 2^40; *at stands behind them. */
static bool read_number(const char **at, uint64_t *value)
{
    uint64_t result = 0;
    if (!isdigit((unsigned char)**at)) {
        return false;
    }
    for (; isdigit((unsigned char)**at); (*at)++) {
        result = result * 10 + (uint64_t)(**at - '0');
        if (result > (uint64_t)1 << 40) {
            return false;
        }
    }
    *value = result;
    return true;
}

struct unit {
    const char *name;
    uint64_t factor;
};

static const struct unit *find_unit(const struct unit *units, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(units[i].name, name) == 0) {
            return &units[i];
        }
    }
    return NULL;
}

enum wb_err wb_api_quantity_read(const json_t *value, uint32_t *bytes)
{
    static const struct unit units[] = {{"", 1},          {"Ki", 1024}, {"Mi", 1048576},
                                        {"Gi", 1 << 30},  {"k", 1000},  {"M", 1000000},
                                        {"G", 1000000000}};
    uint64_t number;
    uint64_t factor = 1;
    if (json_is_integer(value)) {
        if (json_integer_value(value) < 0) {
            return WB_ERR_VALUE;
        }
        number = (uint64_t)json_integer_value(value);
    } else if (json_is_string(value)) {
        const char *at = json_string_value(value);
        if (!read_number(&at, &number)) {
            return WB_ERR_FORMAT;
        }
        const struct unit *unit = find_unit(units, WB_ARRAY_LEN(units), at);
        if (unit == NULL) {
            return WB_ERR_FORMAT;
        }
        factor = unit->factor;
    } else {
        return WB_ERR_FORMAT;
    }
    if (number > UINT32_MAX / factor) {
        return WB_ERR_VALUE;
    }
    *bytes = (uint32_t)(number * factor);
    return WB_OK;
}

enum wb_err wb_api_duration_read(const char *text, wb_ms *ms)
{
    static const struct unit units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}};
    const uint64_t max = (uint64_t)30 * 24 * 3600000;
    uint64_t number;
    const char *at = text;
    if (!read_number(&at, &number)) {
        return WB_ERR_FORMAT;
    }
    const struct unit *unit = find_unit(units, WB_ARRAY_LEN(units), at);
    if (unit == NULL) {
        return WB_ERR_FORMAT;
    }
    if (number > max / unit->factor) {
        return WB_ERR_VALUE;
    }
    *ms = number * unit->factor;
    return WB_OK;
}

size_t wb_api_text_cut(const char *text, size_t max)
{
    size_t len = strnlen(text, max + 1);
    if (len <= max) {
        return len;
    }
    len = max;
    while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80) {
        len--;
    }
    return len;
}

/* ---- paths ----------------------------------------------------------------------------------- */

static json_t *at_list(const json_t *object, va_list keys)
{
    const char *key;
    while (object != NULL && (key = va_arg(keys, const char *)) != NULL) {
        object = json_object_get(object, key);
    }
    return (json_t *)object;
}

json_t *wb_api_at(const json_t *object, ...)
{
    va_list keys;
    va_start(keys, object);
    json_t *value = at_list(object, keys);
    va_end(keys);
    return value;
}

const char *wb_api_text_at(const json_t *object, const char *fallback, ...)
{
    va_list keys;
    va_start(keys, fallback);
    const char *text = json_string_value(at_list(object, keys));
    va_end(keys);
    return text != NULL ? text : fallback;
}

int64_t wb_api_integer_at(const json_t *object, int64_t fallback, ...)
{
    va_list keys;
    va_start(keys, fallback);
    const json_t *value = at_list(object, keys);
    va_end(keys);
    return json_is_integer(value) ? (int64_t)json_integer_value(value) : fallback;
}

json_t *wb_api_object_new(const struct wb_api_kind *kind, const char *namespace, const char *name)
{
    return json_pack("{s:s, s:s, s:{s:s, s:s}}", "apiVersion", WB_API_GROUP_VERSION, "kind",
                     kind->kind, "metadata", "name", name, "namespace", namespace);
}
