/* SPDX-License-Identifier: AGPL-3.0-only */
/* sensor: a reading on sensor/raw by timer, as a temperature probe in 1/100 degree would give: a
 * slow wave with noise and now and then a spike. The same on every run: no random numbers, no
 * clock. config.env  PERIOD_MS (default: 500), BASE (default: 2000), AMPLITUDE (default: 500)
 */
#include "wasmbed.h"

#define WAVE_STEPS 64

static const char topic[] = "sensor/raw";

static int32_t base;
static int32_t amplitude;
static uint32_t step;
static uint32_t noise = 1;
static uint32_t unsent;

WASMBED_EXPORT("_initialize") void sensor_initialize(void);
WASMBED_EXPORT("on_timer") void on_timer(int32_t id);

/* A parabola for each half wave: close to a sine, in integers. x runs 0..31 within the half wave.
 */
static int32_t wave(uint32_t at)
{
    int32_t x = (int32_t)(at % (WAVE_STEPS / 2));
    int32_t y = x * (WAVE_STEPS / 2 - x); /* 0..256 */

    y = y * amplitude / 256;
    return at % WAVE_STEPS < WAVE_STEPS / 2 ? y : -y;
}

void sensor_initialize(void)
{
    int32_t period_ms = wasmbed_env_i32("PERIOD_MS", 500);

    base = wasmbed_env_i32("BASE", 2000);
    amplitude = wasmbed_env_i32("AMPLITUDE", 500);
    if (amplitude > 100000 || amplitude < 0) {
        amplitude = 500;
    }
    wasmbed_timer_set(0, period_ms < 10 ? 10 : period_ms);
    wasmbed_print(WASMBED_INFO, "publishing on sensor/raw");
}

void on_timer(int32_t id)
{
    uint8_t bytes[4];
    int32_t reading = base + wave(step);

    (void)id;
    noise = noise * 1664525u + 1013904223u; /* Numerical Recipes' generator */
    reading += (int32_t)(noise >> 28) - 8;
    if (step % 17 == 16) {
        reading += 4 * amplitude; /* the spike that a median removes */
    }
    step++;
    for (int i = 0; i < 4; i++) {
        bytes[i] = (uint8_t)((uint32_t)reading >> (8 * i));
    }
    if (wasmbed_publish(topic, sizeof(topic) - 1, bytes, sizeof(bytes)) != 0) {
        unsent++;
    }
    if (step % 64 == 0) {
        char line[64];
        size_t at = wasmbed_text_add_i32(line, sizeof(line), 0, (int32_t)step);

        at = wasmbed_text_add(line, sizeof(line), at, " readings, unsent ");
        at = wasmbed_text_add_i32(line, sizeof(line), at, (int32_t)unsent);
        wasmbed_log(WASMBED_INFO, line, at);
    }
}
