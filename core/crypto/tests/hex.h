/* SPDX-License-Identifier: AGPL-3.0-only */
/* hex.h: bytes from hexadecimal text, for test vectors. */
#ifndef WB_CRYPTO_TESTS_HEX_H
#define WB_CRYPTO_TESTS_HEX_H

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "wb_test.h"

/* Decodes text (spaces allowed) into out; fails the test when it does not fit. Returns the length.
 */
static inline size_t from_hex(uint8_t *out, size_t cap, const char *text)
{
    size_t digits = 0;
    for (; *text != '\0'; text++) {
        if (*text == ' ' || *text == '\n') {
            continue;
        }
        const char *all = "0123456789abcdef";
        const char *found = strchr(all, *text);
        assert_non_null(found);
        assert_true(digits / 2 < cap);
        uint8_t value = (uint8_t)(found - all);
        out[digits / 2] = (uint8_t)(digits % 2 == 0 ? value << 4 : out[digits / 2] | value);
        digits++;
    }
    assert_true(digits % 2 == 0);
    return digits / 2;
}

#define assert_hex_equal(data, expected)                                                           \
    do {                                                                                           \
        uint8_t expected_[1024];                                                                   \
        size_t len_ = from_hex(expected_, sizeof expected_, expected);                             \
        assert_memory_equal(data, expected_, len_);                                                \
    } while (0)

#endif
