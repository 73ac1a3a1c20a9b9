/* SPDX-License-Identifier: AGPL-3.0-only */
/* hello: a greeting with a counter, every few seconds. A command: it runs in one loop and sleeps.
 * config.args[0]  whom to greet (default: world)
 * config.env      GREETING (default: Hello), INTERVAL_MS (default: 5000)
 */
#include "wasmbed.h"

#define NAME_MAX 32

WASMBED_EXPORT("_start") void hello_start(void);

/* Reads a setting into a terminated text of at most NAME_MAX bytes. */
static void text_end(char *text, int32_t len, const char *fallback)
{
    if (len < 0) {
        wasmbed_text_add(text, NAME_MAX + 1, 0, fallback);
        return;
    }
    text[len > NAME_MAX ? NAME_MAX : len] = '\0';
}

void hello_start(void)
{
    char greeting[NAME_MAX + 1];
    char whom[NAME_MAX + 1];
    char line[2 * NAME_MAX + 24];
    int32_t interval_ms = wasmbed_env_i32("INTERVAL_MS", 5000);

    text_end(greeting, wasmbed_env("GREETING", 8, greeting, NAME_MAX), "Hello");
    text_end(whom, wasmbed_arg(1, whom, NAME_MAX), "world");
    if (interval_ms < 10) {
        interval_ms = 10;
    }
    for (int32_t count = 1;; count++) {
        size_t at = wasmbed_text_add(line, sizeof(line), 0, greeting);

        at = wasmbed_text_add(line, sizeof(line), at, ", ");
        at = wasmbed_text_add(line, sizeof(line), at, whom);
        at = wasmbed_text_add(line, sizeof(line), at, "! #");
        at = wasmbed_text_add_i32(line, sizeof(line), at, count);
        wasmbed_log(WASMBED_INFO, line, at);
        wasmbed_sleep_ms(interval_ms);
    }
}
